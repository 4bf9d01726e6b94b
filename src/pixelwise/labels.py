"""Stored label pixels to class ids: the one rule, for every reader of labels. Floor 2.

What is stored as palette index or gray value is a value, whatever its color looks like; what is stored as
RGB is a color of the class table. A value or color without a class is an error, never background. A palette
is looked at only to find labels whose indices were renumbered by an image editor: they look right and are
wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .classes import ClassTable
from .codecs import Stored
from .codecs.header import warn
from .errors import LabelError, PairError
from .types import U8, Finding, Label


def to_ids(
    stored: Stored,
    table: ClassTable,
    where: object,
    notes: list[Finding] | None = None,
    check_palette: bool = True,
) -> Label:
    """Stored samples to (H, W) class ids of `table.dtype`, exact or refused. Thread-safe.

    The result shares memory with `stored.pixels` where nothing had to change. check_palette: False where the
    dataset's palettes have nothing to do with the table's colors.

    Raises LabelError: `class-out-of-range` for a value without a class, `unknown-color`, `alpha-not-opaque`,
    `palette-conflict` where the palette shows that indices were renumbered, `unsupported-label-mode`. Where
    `notes` is a list, warnings are added: `palette-differs`, `index-beyond-palette`, `binary-mask`,
    `no-valid-pixels`, `single-class`.
    """
    pixels: NDArray[Any] = stored.pixels
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = _without_alpha(pixels, where)
    if pixels.ndim == 3:
        if pixels.dtype != np.uint8:
            raise LabelError(
                "RGB with 16 bits a channel cannot be a table's colors",
                code="unsupported-label-mode",
                where=where,
                fix="save the label with 8 bits a channel, or as class indices",
            )
        ids = table.encode(pixels, where)
    else:
        palette = stored.palette if check_palette else None
        if palette is not None:
            _check_palette(pixels, palette, table, where, notes)
        ids = _values_to_ids(pixels, palette, table, where)
    if notes is not None:
        _note_content(stored, ids, table, where, notes)
    return ids


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
    """Gray or RGB of a label whose alpha is opaque everywhere."""
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


def _values_to_ids(values: NDArray[Any], palette: U8 | None, table: ClassTable, where: object) -> Label:
    flat = values.reshape(-1)
    if table.values is None:
        dtype = values.dtype.type
        top = min(len(table) - 1, np.iinfo(dtype).max)
        ignore = table.ignore_index
        if ignore is None or ignore > np.iinfo(dtype).max:
            ignore = top
        if kernels.values.outside(flat, dtype(top), dtype(ignore)):
            raise _out_of_range(values, palette, table, where)
        return np.asarray(values.astype(table.dtype, copy=False))
    out: NDArray[Any] = np.empty(values.shape, table.dtype)
    if not kernels.values.map_values(flat, table.value_ids, out.reshape(-1)):
        raise _out_of_range(values, palette, table, where)
    return out


def _out_of_range(values: NDArray[Any], palette: U8 | None, table: ClassTable, where: object) -> LabelError:
    bad = table.value_ids[values] < 0
    found, counts = np.unique(values[bad], return_counts=True)
    value = int(found[np.argmax(counts)])
    if (error := _strange(value, palette, table, where)) is not None:
        return error
    y, x = (int(v) for v in np.argwhere(values == value)[0])
    message = f"value {value} is no class: {int(counts.max())} pixels, first at x={x}, y={y}"
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


def present(values: Label) -> NDArray[np.intp]:
    """The values that occur, ascending."""
    seen = np.zeros(256 if values.dtype == np.uint8 else 65_536, np.uint8)
    kernels.values.mark_present(np.ascontiguousarray(values).reshape(-1), seen)
    return np.flatnonzero(seen)


def _note_content(stored: Stored, ids: Label, table: ClassTable, where: object, notes: list[Finding]) -> None:
    if stored.mode == "gray" and _looks_binary(stored, table):
        fix = "declare a binary table, with values {0: 0, 255: 1} where the mask is stored as 0 and 255"
        warn(notes, "binary-mask", where, "a mask of two values, read with a table of more classes", fix)
        return
    classes = [int(v) for v in present(ids) if v != table.ignore_index]
    if not classes:
        warn(notes, "no-valid-pixels", where, "every pixel is void")
    elif len(classes) == 1:
        warn(notes, "single-class", where, f"every pixel that is not void is {table.name(classes[0])}")


def _looks_binary(stored: Stored, table: ClassTable) -> bool:
    if stored.bits == 1:
        return len(table) > 2
    void = table.ignore_index
    return void is not None and int(table.value_ids[255]) == void and present(stored.pixels).tolist() == [0, 255]


# -- palettes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A palette against a table. differs: (256,) bool, indices that have another color than their class.
    renumbered: those whose color is that of another class, which the palette shows nowhere else where it
    should. owner: (256,) the class id that has the index's color, -1 for none.
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
        used = present(values)
        used = used[used < len(palette)]
        if verdict.renumbered[used].any():
            raise _renumbered(int(used[verdict.renumbered[used]][0]), verdict, palette, table, where)
        if notes is not None and verdict.differs[used].any():
            index = int(used[verdict.differs[used]][0])
            what = f"the palette is not the table's: index {index} has the color {_color(palette[index])}"
            warn(notes, "palette-differs", where, f"{what}; the indices are used")
    if notes is not None and (beyond := int(values.max())) >= len(palette):
        count = int((values >= len(palette)).sum())
        what = f"{count} pixels have indices up to {beyond}, the palette has {len(palette)} colors"
        warn(notes, "index-beyond-palette", where, f"{what}; the indices are used")


@lru_cache(maxsize=64)
def _judge(colors: bytes, table: ClassTable) -> _Verdict:
    """An index is renumbered where it has the color of another class, and that class's own index has not.

    So a palette padded with black is not suspicious (index 0 is black too), and neither is one whose colors
    are no classes' colors (a gray ramp). One exchange of two entries in an otherwise complete and equal
    palette is taken for a recolored palette: a tool that renumbers indices builds the palette anew.
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
    is_class = f"is class {table.name(reads)}" if reads >= 0 else "is no class"
    seems = table.name(int(verdict.owner[index]))
    return LabelError(
        f"index {index} {is_class}, but its color {_color(palette[index])} is that of {seems}",
        code="palette-conflict",
        where=where,
        fix="if an image editor renumbered the indices, turn the colors back into class ids; "
        "if the palette is meant so, give the class table its colors",
    )


def _strange(index: int, palette: U8 | None, table: ClassTable, where: object) -> LabelError | None:
    """The error of an index without a class whose color is not the table's either: a picture, not a label."""
    if palette is None or index >= len(palette) or _is_ramp(palette):
        return None
    if _judge(palette.tobytes(), table).differs[index]:
        return LabelError(
            f"neither index {index} nor its color {_color(palette[index])} is a class",
            code="palette-conflict",
            where=where,
            fix="restore the label from its source, or give the class table these values or colors",
        )
    return None


def _is_ramp(palette: U8) -> bool:
    """Whether index i has the color (i, i, i): a gray image in disguise, whose palette says nothing."""
    return bool((palette == np.arange(len(palette), dtype=np.uint8)[:, None]).all())


def _class_color(table: ClassTable, index: int) -> tuple[int, int, int]:
    return table.ignore_color if index == table.ignore_index else _color(table.colors[index])


def _color(values: Any) -> tuple[int, int, int]:
    r, g, b = values
    return int(r), int(g), int(b)
