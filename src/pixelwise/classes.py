"""ClassTable: what the pixels of a label mean, for reading, drawing, scoring and writing alike."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .arguments import as_array, as_bytes, as_ids, check_count, is_whole, stray_id
from .errors import LabelError, UnknownNameError, UsageError
from .hints import hinted, unknown_name
from .types import U8, Displayed, Label, Rows

Color = tuple[int, int, int]


@hinted
def voc_colormap(n: int = 256) -> U8:
    """The color map of Pascal VOC: (n, 3) uint8, entry i is the color of index i; 255 is (224, 224, 192).

    Bits 0, 1, 2 of the index become the top bits of red, green, blue, bits 3, 4, 5 the next ones, and so on
    (VOCdevkit, VOCcode/VOClabelcolormap.m).

    >>> voc_colormap(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    index = np.arange(check_count("n", n), dtype=np.uint32)[:, None]
    channel = np.arange(3, dtype=np.uint32)
    out = np.zeros((n, 3), np.uint32)
    for bit in range(8):
        out |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    return out.astype(np.uint8)


def usual_void(classes: int) -> int:
    """The usual id of void in a table of this many classes: 255, or 65535 if 255 is a class."""
    return 255 if classes <= 255 else 65_535


def hex_color(color: Iterable[int]) -> str:
    """A color as pages write it: "#rrggbb"."""
    return "#" + bytes(map(int, color)).hex()


def table_of(names: Iterable[str]) -> ClassTable:
    """The classes of these names, with the usual void."""
    listed = tuple(names)
    return ClassTable(listed, ignore_index=usual_void(len(listed)))


@hinted
@dataclass(frozen=True)
class ClassTable(Displayed):
    """Class names, their colors, and how a stored value or color becomes a class id.

    names: class i is `names[i]`. colors: (N, 3) uint8, the color of class i; default by the VOC algorithm.
    ignore_index: the id of pixels without a class (void), or None. ignore_color: the color of void. values: stored
    value -> class id, for datasets that store something other than ids; a stored value that is not in it is an error.
    None: stored values are ids. Empty: labels store colors, a gray value v the color (v, v, v). extra_colors: further
    colors -> class id. aliases: other spellings of names. All ids are in 0..N-1 or `ignore_index`; N is at most 65,535.
    UsageError `bad-class-table` for anything else.

    >>> table = ClassTable(("road", "car"))
    >>> table
    ClassTable(2 classes: road, car; ignore_index=255)
    >>> table.index("car"), table.name(255), table.colors.tolist()
    (1, 'void', [[0, 0, 0], [128, 0, 0]])
    >>> table.encode(table.decode(np.array([[0, 1, 255]]))).tolist()
    [[0, 1, 255]]
    """

    names: tuple[str, ...]
    colors: U8 = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    ignore_index: int | None = 255
    ignore_color: Color = (224, 224, 192)
    values: Mapping[int, int] | None = None
    extra_colors: Mapping[Color, int] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = tuple(str(n) for n in self.names)
        n = len(names)
        if not 0 < n <= 65_535:
            raise _bad_table(f"a class table has 1 to 65535 classes, got {n}")
        if len(set(names)) != n:
            twice = sorted({x for x in names if names.count(x) > 1})
            raise _bad_table(f"class names appear twice: {', '.join(twice)}")
        colors = as_array("colors", self.colors)
        if colors.size and colors.dtype.kind == "f":  # 0..1 would all become 0
            raise _bad_table(f"colors must be whole numbers in 0..255, got {colors.dtype}", "colors in 0..1 times 255")
        colors = colors.astype(np.int64)
        if colors.size == 0:
            colors = voc_colormap(n).astype(np.int64) if n <= 256 else _spread_colors(n)
        if colors.shape != (n, 3) or colors.min() < 0 or colors.max() > 255:
            raise _bad_table(f"colors must be ({n}, 3) with values 0..255, one row per class, got shape {colors.shape}")
        if self.ignore_index is not None and not (is_whole(self.ignore_index) and n <= self.ignore_index <= 65_535):
            what = f"ignore_index must be None or in {n}..65535, got {self.ignore_index}: 0..{n - 1} are the classes"
            raise _bad_table(what, f"choose {usual_void(n)}")
        stored = np.ascontiguousarray(colors, np.uint8)
        stored.setflags(write=False)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "colors", stored)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassTable) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.names, self.colors.tobytes(), self.ignore_index))

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:4]) + (", ..." if len(self) > 4 else "")
        return f"ClassTable({len(self)} classes: {shown}; ignore_index={self.ignore_index})"

    # -- names ------------------------------------------------------------------------------------------------

    def index(self, name: str) -> int:
        """The id of the class `name`, which may be an alias. UnknownNameError `unknown-class` if there is none."""
        name = self.aliases.get(name, name)
        if name not in self.names:
            raise unknown_name("class", name, [*self.names, *self.aliases])
        return self.names.index(name)

    def name(self, index: int) -> str:
        """The name of class `index`; 'void' for `ignore_index`. UnknownNameError `unknown-class` for any other id."""
        if index == self.ignore_index:
            return "void"
        if not is_whole(index) or not 0 <= index < len(self):
            raise UnknownNameError(f"no class {index!r}", code="unknown-class", fix=f"ids are 0..{len(self) - 1}")
        return self.names[index]

    # -- stored values ----------------------------------------------------------------------------------------

    @property
    def by_color(self) -> bool:
        """Whether labels are read by their colors alone, never as numbers: `values` is empty."""
        return self.values is not None and not self.values

    @property
    def padding_index(self) -> int:
        """The id of pixels that rendering adds around a sample: `ignore_index`, or one that is not a class.

        >>> [ClassTable(("a", "b"), ignore_index=void).padding_index for void in (7, None)]
        [7, 255]
        """
        return usual_void(len(self)) if self.ignore_index is None else self.ignore_index

    @cached_property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The dtype of a label: uint8 if every id and `padding_index` fit."""
        return np.uint8 if self.padding_index <= 255 else np.uint16

    @cached_property
    def value_ids(self) -> NDArray[np.int32]:
        """(65536,) int32: the class id of each stored value, -1 for a value that is not a class of this table."""
        ids = np.full(65_536, -1, np.int32)
        if self.values is None:
            ids[: len(self)] = np.arange(len(self))
            if self.ignore_index is not None:
                ids[self.ignore_index] = self.ignore_index
        else:
            for value, index in self.values.items():
                if not 0 <= value <= 65_535:
                    raise _bad_table(f"stored values must be in 0..65535, got {value}")
                ids[value] = index
        ids.setflags(write=False)
        return ids

    @cached_property
    def id_values(self) -> NDArray[np.uint16]:
        """(65536,) uint16: the stored value to write for each id; the inverse of `value_ids` (the smallest value)."""
        out = np.arange(65_536, dtype=np.uint16)
        if self.values is not None:
            for value in sorted(self.values, reverse=True):
                out[self.values[value]] = value
        out.setflags(write=False)
        return out

    # -- colors ----------------------------------------------------------------------------------------------

    @cached_property
    def color_ids(self) -> dict[Color, int]:
        """Every color of a class, and the class's id. The color of void has `ignore_index`."""
        void = {} if self.ignore_index is None else {self.ignore_color: self.ignore_index}
        classes = {_color(color): i for i, color in reversed([*enumerate(self.colors.tolist())])}
        return {**void, **classes, **self.extra_colors}

    @cached_property
    def palette(self) -> U8:
        """(256, 3) uint8: the color of every id for drawing and for palette PNGs; void at `ignore_index`."""
        out = voc_colormap(256)
        n = min(len(self), 256)
        out[:n] = self.colors[:n]
        if self.ignore_index is not None and self.ignore_index < 256:
            out[self.ignore_index] = self.ignore_color
        out.setflags(write=False)
        return out

    @cached_property
    def _hash(self) -> tuple[NDArray[np.uint32], NDArray[np.uint16], int, int]:
        return kernels.color.perfect_hash(self._keys, np.array([*self.color_ids.values()], np.uint16))

    @property
    def _keys(self) -> NDArray[np.uint32]:
        """Each color of `color_ids` as one number."""
        return np.array([r | g << 8 | b << 16 for r, g, b in self.color_ids], np.uint32)

    def encode(self, colors: U8, where: object = None) -> Label:
        """Colors to class ids: (H, W, 3) uint8 -> (H, W) of `dtype`. Exact. Thread-safe.

        Raises LabelError `unknown-color` for a color that is not in the table, with the number of its pixels, the
        first (x, y) and the nearest class.
        """
        colors = np.ascontiguousarray(as_bytes("colors", colors, "(H, W, 3)"))
        if colors.ndim != 3 or colors.shape[2] != 3:
            raise UsageError(f"colors must be (H, W, 3) uint8, got {colors.shape} {colors.dtype}", code="bad-array")
        out: NDArray[Any] = np.empty(colors.shape[:2], self.dtype)
        keys, ids, multiplier, shift = self._hash
        table = keys, ids, np.uint32(multiplier), np.uint32(shift)
        pixels, flat, done, bad = colors.reshape(-1, 3), out.reshape(-1), 0, -1
        if flat.dtype == np.uint8 and sys.byteorder == "little" and pixels.ctypes.data % 8 == 0 == flat.ctypes.data % 8:
            done = len(flat) // 8 * 8
            words = pixels[:done].reshape(-1).view(np.uint64).reshape(-1, 3)
            bad = kernels.color.encode_eights(words, pixels[:done], *table, flat[:done].reshape(-1, 8))
        if bad < 0:
            bad = kernels.color.encode_colors(pixels[done:], *table, flat[done:])
        if bad >= 0:
            raise self._unknown_color(colors, where)
        return out

    def _unknown_color(self, colors: U8, where: object) -> LabelError:
        flat = colors.reshape(-1, 3).astype(np.uint32)
        packed = flat[:, 0] | flat[:, 1] << 8 | flat[:, 2] << 16
        stray = ~np.isin(packed, self._keys)
        values, first, counts = np.unique(packed[stray], return_index=True, return_counts=True)
        k = int(np.argmax(counts))
        at = int(np.flatnonzero(stray)[first[k]])
        y, x = divmod(at, colors.shape[1])
        color = _color(flat[at])
        away = np.abs(np.array([*self.color_ids]) - color).max(axis=1)
        near = [*self.color_ids][int(away.argmin())]
        message = f"color {color} is not a class: {int(counts[k])} pixels, first at x={x}, y={y}; "
        message += f"nearest is {self.name(self.color_ids[near])} {near}, {away.min()} away"
        if len(values) > 1:
            message += f"; {len(values)} unknown colors in all, {int(counts.sum())} pixels"
        swapped = (values & 0xFF) << 16 | (values & 0xFF00) | values >> 16
        fix = "add the color to the class table, or restore the label from its source"
        if np.isin(swapped, self._keys).all():
            fix = "red and blue are swapped (an OpenCV BGR array written as RGB): write the label again as RGB"
        elif len(values) > 16:
            fix = "many mixed colors: the label was interpolated or compressed; resize it by nearest neighbor, as PNG"
        return LabelError(message, code="unknown-color", where=where, fix=fix)

    def decode(self, label: NDArray[Any]) -> U8:
        """Class ids to colors: (H, W) -> (H, W, 3) uint8; the inverse of `encode`. LabelError for other ids.

        label: any array of integers, see docs/api.md; masked pixels are void, if the table has void.
        """
        ids = as_ids("label", label, void=self.ignore_index)
        if stray := stray_id(ids, len(self), self.ignore_index):
            raise LabelError(stray, code="class-out-of-range")
        lut = np.zeros((65_536, 3), np.uint8)
        lut[: len(self)] = self.colors
        if self.ignore_index is not None:
            lut[self.ignore_index] = self.ignore_color
        return np.asarray(lut[ids])

    # -- as data ----------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON values, for manifests; `from_dict` gives an equal table."""
        return {
            "names": list(self.names),
            "colors": self.colors.tolist(),
            "ignore_index": self.ignore_index,
            "ignore_color": list(self.ignore_color),
            "values": None if self.values is None else sorted([int(k), int(v)] for k, v in self.values.items()),
            "extra_colors": sorted([list(k), int(v)] for k, v in self.extra_colors.items()),
            "aliases": dict(self.aliases),
        }

    def to_frame(self) -> Rows:
        """The classes: id, name, color as "#rrggbb"; void, if there is one, is the last."""
        ids = [*range(len(self)), *([] if self.ignore_index is None else [self.ignore_index])]
        colors = [*self.colors.tolist(), self.ignore_color][: len(ids)]
        return [{"id": i, "name": self.name(i), "color": hex_color(c)} for i, c in zip(ids, colors, strict=True)]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClassTable:
        """A table from the values of `to_dict`."""
        values = data.get("values")
        return cls(
            names=tuple(data["names"]),
            colors=np.array(data["colors"], np.uint8),
            ignore_index=data["ignore_index"],
            ignore_color=_color(data["ignore_color"]),
            values=None if values is None else {int(k): int(v) for k, v in values},
            extra_colors={_color(k): int(v) for k, v in data.get("extra_colors", [])},
            aliases=dict(data.get("aliases", {})),
        )


def _bad_table(what: str, fix: str | None = None) -> UsageError:
    return UsageError(what, code="bad-class-table", fix=fix)


def _color(values: Iterable[int]) -> Color:
    r, g, b = values
    return (int(r), int(g), int(b))


def _spread_colors(n: int) -> NDArray[np.int64]:
    # For more classes than the VOC map has colors: an odd multiplier visits 24-bit colors without repeating.
    packed = (np.arange(n, dtype=np.int64) * 0x9E3779) % (1 << 24)
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)


VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The 21 classes of Pascal VOC segmentation, in the order of their ids (VOCdevkit, VOCcode/VOCinit.m)."""

VOC = ClassTable(
    VOC_NAMES, aliases={"potted plant": "pottedplant", "tv/monitor": "tvmonitor", "dining table": "diningtable"}
)
"""Pascal VOC: 21 classes, colors by `voc_colormap`, 255 is void."""
