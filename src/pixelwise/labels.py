"""Stored values of a label to class ids: one rule for every reader of labels.

A palette index or a gray value is a value, whatever its color; RGB is a color of the class table. A value or color
without a class is an error, never background. A palette is used only to find labels whose indices were renumbered by
an image editor: they look right and are wrong.

If a dataset's labels are colors (`ClassTable.by_color`), all of them are, however a file stores them: a palette index
is its color, a gray value v is (v, v, v) at 8 bits, and neither is ever a class id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .classes import ClassTable, Color
from .codecs.stored import Stored
from .errors import LabelError, PairError
from .types import I64, U8, Bool, Finding, Label


def to_ids(
    stored: Stored, table: ClassTable, where: object, notes: list[Finding] | None = None, check_palette: bool = True
) -> Label:
    """Stored values to (H, W) class ids of `table.dtype`, exact or refused. Thread-safe.

    The result shares memory with `stored.pixels` if no value had to change. check_palette: False if the dataset's
    palettes have nothing to do with the table's colors. notes: gets the warnings `palette-differs`,
    `index-beyond-palette`, `binary-mask`, `no-valid-pixels`, `single-class`.

    Raises LabelError: `class-out-of-range` for a value without a class, `unknown-color`, `alpha-not-opaque`,
    `palette-conflict` if the palette shows that indices were renumbered, `unsupported-label-mode`.

    >>> table = ClassTable(("road", "car"), values={7: 0, 26: 1})
    >>> to_ids(Stored("png", np.array([[7, 26]], np.uint8), None, 8), table, "label.png").tolist()
    [[0, 1]]
    """
    pixels: NDArray[Any] = stored.pixels
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = _without_alpha(pixels, where)
    ids: Label | None
    if pixels.ndim == 3:
        if pixels.dtype != np.uint8:
            what = "RGB with 16 bits per channel cannot be a table's colors"
            fix = "save the label with 8 bits per channel, or as class indices"
            raise LabelError(what, code="unsupported-label-mode", where=where, fix=fix)
        ids = table.encode(pixels, where)
    elif table.by_color:
        ids = _colors_to_ids(stored, pixels, table, where)
    else:
        palette = stored.palette if check_palette else None
        if palette is not None:
            _check_palette(pixels, palette, table, where, notes)
        ids = _values_to_ids(pixels, table)
        if ids is None:
            raise _no_class(pixels, palette, table, where)
    if notes is not None:
        _note_content(stored, ids, table, where, notes)
    return ids


def count_values(values: NDArray[Any]) -> tuple[I64, I64]:
    """The values that occur in an array of integers, ascending, and how many pixels each has: two (k,) int64 arrays.

    As `numpy.unique(values, return_counts=True)`, and 20 times as fast for uint8. Thread-safe.
    """
    if values.dtype not in (np.uint8, np.uint16):
        found, numbers = np.unique(values, return_counts=True)
        return found.astype(np.int64), numbers.astype(np.int64)
    flat = np.ascontiguousarray(values).reshape(-1)
    whole = flat.size * flat.itemsize // 8 * 8 // flat.itemsize
    counts = np.zeros(256 if flat.itemsize == 1 else 65_536, np.int64)
    kernels.values.tally(flat, flat[:whole].view(np.uint64), counts)
    found = np.flatnonzero(counts)
    return found, counts[found]


def check_pair(image_size: tuple[int, ...], label_size: tuple[int, ...], where: object) -> None:
    """PairError `size-mismatch` if the sizes (height, width) of an image and its label differ."""
    if image_size == label_size:
        return
    fix = "find the label of this image"
    if image_size == label_size[::-1]:
        fix = "one of them was turned: apply the image's EXIF orientation to neither or to both"
    label, image = (f"{size[0]} high and {size[1]} wide" for size in (label_size, image_size))
    raise PairError(f"the label is {label}, its image {image}", code="size-mismatch", where=where, fix=fix)


def _without_alpha(pixels: NDArray[Any], where: object) -> NDArray[Any]:
    """(H, W, 2) or (H, W, 4) to (H, W) or (H, W, 3), if alpha is opaque everywhere."""
    alpha = pixels[..., -1]
    opaque = np.iinfo(pixels.dtype).max
    if int(alpha.min()) < opaque:
        clear = alpha < opaque
        y, x = np.argwhere(clear)[0].tolist()
        what = f"{int(clear.sum())} pixels are not opaque, first at x={x}, y={y} with alpha {int(alpha[y, x])}"
        fix = "assign these pixels to a class or to void, and save the label without alpha"
        raise LabelError(what, code="alpha-not-opaque", where=where, fix=fix)
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])


# -- values -------------------------------------------------------------------------------------------------


def _values_to_ids(values: NDArray[Any], table: ClassTable) -> Label | None:
    """The class id of each value; None if a value is not a class."""
    flat = values.reshape(-1)
    if table.values is not None:
        out: NDArray[Any] = np.empty(values.shape, table.dtype)
        return out if kernels.values.map_values(flat, table.value_ids, out.reshape(-1)) else None
    dtype, most = values.dtype.type, np.iinfo(values.dtype).max
    top = min(len(table.names) - 1, most)
    ignore = top if table.ignore_index is None or table.ignore_index > most else table.ignore_index
    if kernels.values.outside(flat, dtype(top), dtype(ignore)):
        return None
    return np.asarray(values.astype(table.dtype, copy=False))


def _colors_to_ids(stored: Stored, values: NDArray[Any], table: ClassTable, where: object) -> Label:
    """The class ids of palette indices or gray values, by their colors."""
    if stored.palette is not None:
        colors = dict(enumerate(map(tuple, stored.palette.tolist())))
    else:
        top = (1 << stored.bits) - 1
        exact = (k for k in range(256) if k * top % 255 == 0)  # at 16 bits, only multiples of 257 are 8-bit grays
        colors = {k * top // 255: (k, k, k) for k in exact}
    ids = np.full(1 << 8 * values.itemsize, -1, np.int32)
    for value, color in colors.items():
        ids[value] = table.color_ids.get(color, -1)
    out: NDArray[Any] = np.empty(values.shape, table.dtype)
    if kernels.values.map_values(values.reshape(-1), ids, out.reshape(-1)):
        return out
    found, counts = count_values(values)
    found, counts = found[ids[found] < 0], counts[ids[found] < 0]
    value = int(found[np.argmax(counts)])
    y, x = np.argwhere(values == value)[0].tolist()
    kind = "the gray value" if stored.palette is None else "the palette index"
    seen = f"is {colors[value]}, which is not a class" if value in colors else "is not a color of 8 bits"
    message = f"labels are colors here, and {kind} {value} {seen}: {int(counts.max())} pixels, first at x={x}, y={y}"
    if len(found) > 1:
        message += f"; {len(found)} such values in all, {int(counts.sum())} pixels"
    fix = "save the label in its colors; if its values are class numbers, use a table with values for its classes"
    raise LabelError(message, code="unknown-color", where=where, fix=fix)


def _no_class(values: NDArray[Any], palette: U8 | None, table: ClassTable, where: object) -> LabelError:
    """The error of a label with values that are not classes."""
    found, counts = count_values(values)
    bad = table.value_ids[found] < 0
    found, counts = found[bad], counts[bad]
    value = int(found[np.argmax(counts)])
    if palette is not None and value < len(palette):
        # A palette in which index i has the color (i, i, i) has no meaning; other colors are those of a picture.
        is_ramp = (palette == np.arange(len(palette))[:, None]).all()
        if not is_ramp and _judge(palette.tobytes(), table).differs[value]:
            what = f"neither index {value} nor its color {_color(palette, value)} is a class"
            fix = "restore the label from its source, or give the class table these values or colors"
            return LabelError(what, code="palette-conflict", where=where, fix=fix)
    y, x = np.argwhere(values == value)[0].tolist()
    message = f"value {value} is not a class: {int(counts.max())} pixels, first at x={x}, y={y}"
    if len(found) > 1:
        message += f"; {len(found)} such values in all ({found[0]}..{found[-1]}), {int(counts.sum())} pixels"
    fix = "correct the label, or give the class table this value"
    if values.dtype == np.uint16 and not (values % 257).any():
        fix = "all values are multiples of 257: 8-bit indices scaled to 16 bits; divide them by 257"
    return LabelError(f"{message}; classes are {_value_list(table)}", code="class-out-of-range", where=where, fix=fix)


def _value_list(table: ClassTable) -> str:
    if table.values is not None:
        known = sorted(table.values)
        return f"{len(known)} values in {known[0]}..{known[-1]}"
    void = "" if table.ignore_index is None else f" and {table.ignore_index} (void)"
    return f"0..{len(table) - 1}{void}"


def _note_content(stored: Stored, ids: Label, table: ClassTable, where: object, notes: list[Finding]) -> None:
    if stored.mode == "gray" and not table.by_color and _looks_binary(stored, table):
        what = "a mask of two values, read with a table of more classes"
        fix = "declare a binary table, with values {0: 0, 255: 1} if the mask is stored as 0 and 255"
        _warn(notes, "binary-mask", where, what, fix)
        return
    classes = [v for v in count_values(ids)[0].tolist() if v != table.ignore_index]
    if not classes:
        _warn(notes, "no-valid-pixels", where, "every pixel is void")
    elif len(classes) == 1:
        _warn(notes, "single-class", where, f"every pixel that is not void is {table.name(classes[0])}")


def _looks_binary(stored: Stored, table: ClassTable) -> bool:
    if stored.bits == 1:
        return len(table) > 2
    if table.ignore_index is None or int(table.value_ids[255]) != table.ignore_index:
        return False
    return bool(np.array_equal(count_values(stored.pixels)[0], [0, 255]))


# -- palettes -----------------------------------------------------------------------------------------------


class _Verdict(NamedTuple):
    """A palette against a table, for each index: (256,) arrays.

    differs: whether it has another color than its class. renumbered: whether that color belongs to another class, which
    does not have it at its own index. owner: the id of the class with its color, or -1.
    """

    differs: Bool
    renumbered: Bool
    owner: I64


def _check_palette(
    values: NDArray[Any], palette: U8, table: ClassTable, where: object, notes: list[Finding] | None
) -> None:
    colors = palette.tobytes()
    if notes is None and table.values is None and table.palette.tobytes().startswith(colors):
        return
    differs, renumbered, owner = _judge(colors, table)
    if renumbered.any() or (notes is not None and differs.any()):
        used, _ = count_values(values)
        used = used[used < len(palette)]
        wrong, other = used[renumbered[used]], used[differs[used]]
        if len(wrong):
            index = int(wrong[0])
            reads = int(table.value_ids[index])
            is_class = f"is class {table.name(reads)}" if reads >= 0 else "is not a class"
            seems = f"its color {_color(palette, index)} is that of {table.name(int(owner[index]))}"
            fix = "if an image editor renumbered the indices, turn the colors back into class ids; "
            fix += "if the palette is intended, give the class table its colors"
            raise LabelError(f"index {index} {is_class}, but {seems}", code="palette-conflict", where=where, fix=fix)
        if len(other):
            index = int(other[0])
            what = f"the palette is not the table's: index {index} has the color {_color(palette, index)}"
            _warn(notes, "palette-differs", where, f"{what}; the indices are used")
    if notes is not None and (beyond := int(values.max())) >= len(palette):
        count = int((values >= len(palette)).sum())
        what = f"{count} pixels have indices up to {beyond}, the palette has {len(palette)} colors"
        _warn(notes, "index-beyond-palette", where, f"{what}; the indices are used")


@lru_cache(maxsize=64)
def _judge(colors: bytes, table: ClassTable) -> _Verdict:
    """An index is renumbered if it has the color of another class, and that class's own index has not.

    So a palette padded with black is not suspicious (index 0 is black too), and neither is one whose colors are not
    those of classes (a gray ramp). One exchange of two entries in an otherwise complete and equal palette counts as a
    recolored palette: a tool that renumbers indices rebuilds the palette.
    """
    palette, ids = np.frombuffer(colors, np.uint8).reshape(-1, 3), table.value_ids[:256]
    n, known = len(palette), ids >= 0
    want = table.palette.copy()
    want[known] = table.decode(ids[known])
    differs, owner = np.zeros(256, bool), np.full(256, -1, np.int64)
    differs[:n] = (palette != want[:n]).any(axis=1)
    owner[:n] = [table.color_ids.get(_color(palette, i), -1) for i in range(n)]
    renumbered = differs & (owner >= 0) & ~np.isin(owner, ids[known & (owner == ids)])
    classes = np.flatnonzero(known & (ids != (-1 if table.ignore_index is None else table.ignore_index)))
    complete = len(classes) > 0 and n > classes.max() and np.isin(ids[classes], owner).all()
    if complete and differs[classes].sum() == 2 < len(classes) / 2:
        renumbered[:] = False
    return _Verdict(differs, renumbered, owner)


def _color(palette: U8, index: int) -> Color:
    r, g, b = palette[index].tolist()
    return r, g, b


def _warn(notes: list[Finding] | None, code: str, where: object, what: str, fix: str = "") -> None:
    if notes is not None:
        notes.append(Finding(code, "warning", str(where), what, fix))
