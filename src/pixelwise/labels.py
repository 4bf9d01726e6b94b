"""Stored values of a label to class ids: one rule for every reader of labels.

A palette index or a gray value is a value, whatever its color; RGB is a color of the class table. A value or color
without a class is an error, never background. A palette is used only to find labels whose indices were renumbered by
an image editor: they look right and are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .classes import ClassTable
from .codecs.stored import Stored
from .errors import LabelError, PairError
from .types import I64, U8, Finding, Label


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
            raise LabelError(
                "RGB with 16 bits per channel cannot be a table's colors", code="unsupported-label-mode", where=where,
                fix="save the label with 8 bits per channel, or as class indices",
            )  # fmt: skip
        ids = table.encode(pixels, where)
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
    raise PairError(
        f"the label is {label_size[0]} high and {label_size[1]} wide, "
        f"its image {image_size[0]} high and {image_size[1]} wide",
        code="size-mismatch",
        where=where,
        fix=fix,
    )


def _without_alpha(pixels: NDArray[Any], where: object) -> NDArray[Any]:
    """(H, W, 2) or (H, W, 4) to (H, W) or (H, W, 3), if alpha is opaque everywhere."""
    alpha = pixels[..., -1]
    opaque = np.iinfo(pixels.dtype).max
    if int(alpha.min()) < opaque:
        clear = alpha < opaque
        y, x = (int(v) for v in np.argwhere(clear)[0])
        raise LabelError(
            f"{int(clear.sum())} pixels are not opaque, first at x={x}, y={y} with alpha {int(alpha[y, x])}",
            code="alpha-not-opaque",
            where=where,
            fix="give these pixels a class or void, and save the label without alpha",
        )
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])


# -- values -------------------------------------------------------------------------------------------------


def _values_to_ids(values: NDArray[Any], table: ClassTable) -> Label | None:
    """The class id of each value; None if a value is not a class."""
    flat = values.reshape(-1)
    if table.values is not None:
        out: NDArray[Any] = np.empty(values.shape, table.dtype)
        return out if kernels.values.map_values(flat, table.value_ids, out.reshape(-1)) else None
    dtype = values.dtype.type
    top = min(len(table.names) - 1, np.iinfo(dtype).max)
    ignore = table.ignore_index
    if ignore is None or ignore > np.iinfo(dtype).max:
        ignore = top
    if kernels.values.outside(flat, dtype(top), dtype(ignore)):
        return None
    return np.asarray(values.astype(table.dtype, copy=False))


def _no_class(values: NDArray[Any], palette: U8 | None, table: ClassTable, where: object) -> LabelError:
    """The error of a label with values that are not classes."""
    found, counts = count_values(values)
    bad = table.value_ids[found] < 0
    found, counts = found[bad], counts[bad]
    value = int(found[np.argmax(counts)])
    if palette is not None and _has_foreign_color(value, palette, table):
        # A picture, not a label.
        return LabelError(
            f"neither index {value} nor its color {_color(palette[value])} is a class", code="palette-conflict",
            where=where, fix="restore the label from its source, or give the class table these values or colors",
        )  # fmt: skip
    y, x = (int(v) for v in np.argwhere(values == value)[0])
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
    if stored.mode == "gray" and _looks_binary(stored, table):
        what = "a mask of two values, read with a table of more classes"
        fix = "declare a binary table, with values {0: 0, 255: 1} if the mask is stored as 0 and 255"
        notes.append(Finding("binary-mask", "warning", str(where), what, fix))
        return
    classes = [v for v in count_values(ids)[0].tolist() if v != table.ignore_index]
    if not classes:
        notes.append(Finding("no-valid-pixels", "warning", str(where), "every pixel is void"))
    elif len(classes) == 1:
        what = f"every pixel that is not void is {table.name(classes[0])}"
        notes.append(Finding("single-class", "warning", str(where), what))


def _looks_binary(stored: Stored, table: ClassTable) -> bool:
    if stored.bits == 1:
        return len(table) > 2
    if table.ignore_index is None or int(table.value_ids[255]) != table.ignore_index:
        return False
    return bool(np.array_equal(count_values(stored.pixels)[0], [0, 255]))


# -- palettes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A palette against a table.

    differs: (256,) whether the index has another color than its class. renumbered: (256,) whether that color belongs to
    another class, which does not have it at its own index. owner: (256,) the id of the class with the index's color, or
    -1.
    """

    differs: NDArray[np.bool_]
    renumbered: NDArray[np.bool_]
    owner: NDArray[np.int64]


def _check_palette(
    values: NDArray[Any], palette: U8, table: ClassTable, where: object, notes: list[Finding] | None
) -> None:
    colors = palette.tobytes()
    if notes is None and table.values is None and table.palette.tobytes().startswith(colors):
        return
    verdict = _judge(colors, table)
    if verdict.renumbered.any() or (notes is not None and verdict.differs.any()):
        used, _ = count_values(values)
        used = used[used < len(palette)]
        if verdict.renumbered[used].any():
            raise _renumbered(int(used[verdict.renumbered[used]][0]), verdict, palette, table, where)
        if notes is not None and verdict.differs[used].any():
            index = int(used[verdict.differs[used]][0])
            what = f"the palette is not the table's: index {index} has the color {_color(palette[index])}"
            notes.append(Finding("palette-differs", "warning", str(where), f"{what}; the indices are used"))
    if notes is not None and (beyond := int(values.max())) >= len(palette):
        count = int((values >= len(palette)).sum())
        what = f"{count} pixels have indices up to {beyond}, the palette has {len(palette)} colors"
        notes.append(Finding("index-beyond-palette", "warning", str(where), f"{what}; the indices are used"))


@lru_cache(maxsize=64)
def _judge(colors: bytes, table: ClassTable) -> _Verdict:
    """An index is renumbered if it has the color of another class, and that class's own index has not.

    So a palette padded with black is not suspicious (index 0 is black too), and neither is one whose colors are not
    those of classes (a gray ramp). One exchange of two entries in an otherwise complete and equal palette counts as a
    recolored palette: a tool that renumbers indices rebuilds the palette.
    """
    palette = np.frombuffer(colors, np.uint8).reshape(-1, 3)
    ids = table.value_ids[:256]
    want = np.array([_color(table.palette[v]) if i < 0 else _class_color(table, int(i)) for v, i in enumerate(ids)])
    differs = np.zeros(256, bool)
    differs[: len(palette)] = (palette != want[: len(palette)]).any(axis=1)
    owner = np.full(256, -1, np.int64)
    owner[: len(palette)] = [table.color_ids.get(_color(c), -1) for c in palette]
    shown_right = {int(ids[v]) for v in np.flatnonzero(owner == ids) if ids[v] >= 0}
    renumbered = np.array([bool(differs[v]) and o >= 0 and int(o) not in shown_right for v, o in enumerate(owner)])
    classes = np.flatnonzero((ids >= 0) & (ids != (-1 if table.ignore_index is None else table.ignore_index)))
    complete = len(classes) > 0 and len(palette) > classes.max() and set(ids[classes].tolist()) <= set(owner.tolist())
    if complete and differs[classes].sum() == 2 < len(classes) / 2:
        renumbered[:] = False
    return _Verdict(differs, renumbered, owner)


def _renumbered(index: int, verdict: _Verdict, palette: U8, table: ClassTable, where: object) -> LabelError:
    reads = int(table.value_ids[index])
    is_class = f"is class {table.name(reads)}" if reads >= 0 else "is not a class"
    seems = table.name(int(verdict.owner[index]))
    return LabelError(
        f"index {index} {is_class}, but its color {_color(palette[index])} is that of {seems}",
        code="palette-conflict",
        where=where,
        fix="if an image editor renumbered the indices, turn the colors back into class ids; "
        "if the palette is intended, give the class table its colors",
    )


def _has_foreign_color(index: int, palette: U8, table: ClassTable) -> bool:
    """Whether an index that is not a class has a color that is not the table's either."""
    if index >= len(palette) or _is_ramp(palette):
        return False
    return bool(_judge(palette.tobytes(), table).differs[index])


def _is_ramp(palette: U8) -> bool:
    """Whether index i has the color (i, i, i): a gray image in disguise, whose palette has no meaning."""
    return bool((palette == np.arange(len(palette), dtype=np.uint8)[:, None]).all())


def _class_color(table: ClassTable, index: int) -> tuple[int, int, int]:
    return table.ignore_color if index == table.ignore_index else _color(table.colors[index])


def _color(values: Any) -> tuple[int, int, int]:
    r, g, b = values
    return int(r), int(g), int(b)
