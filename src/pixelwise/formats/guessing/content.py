"""What a file looks like inside: a picture, a label, or something that is neither and why."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...codecs.decoding import (
    UNCOMMON_KINDS,
    decode_image,
    decode_numbers,
    decode_preview,
    decode_stored,
    glance,
    read_header,
)
from ...codecs.header import Header
from ...codecs.stored import LabelNumbers
from ...errors import DataError, LabelError, PixelwiseError
from ...files.reading import read_bytes
from ..layers import inside_of

_PIXELS: Final = 40_000
"""Look at about this many pixels of a file, from all over it."""
_LARGE: Final = 1 << 22
"""Files of more pixels are looked at in parts, where that is quicker."""
_SIDE: Final = 1024
"""Of the square into which such a JPEG is fitted."""
_MOST_COLORS: Final = 300
"""A label with more values or colors is a picture, numbers such as depths, or was resized with blending."""


_LOSSY: Final = (
    "a mask saved as JPEG: compression has made {} values of it (lossy = 'threshold' or 'nearest' in a pixelwise.toml "
    "takes the nearest)"
)


@dataclass(frozen=True, slots=True)
class Look:
    """One file. what: "picture", "label", "unfit" with the reason, or "too-large", which may be either. fix: what the
    user can do about the reason, if that is known.

    colors: how many values or colors were seen. mode: "values", "palette" or "colors". is_layer: at most one value
    besides 0. inside: the pixels that are not 0, of a layer, for comparison with another one. kind: of file.
    """

    what: str
    reason: str = ""
    colors: int = 0
    mode: str = ""
    is_layer: bool = False
    inside: NDArray[Any] | None = field(default=None, compare=False)
    kind: str = ""
    header: Header | None = None
    fix: str = ""

    @property
    def size(self) -> int:
        """Pixels, by the header; 0 without one."""
        return 0 if self.header is None else self.header.height * self.header.width

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture, or is as one as far as is known."""
        if self.what != "too-large" or self.header is None:
            return self.what == "picture"
        return self.header.channels >= 3 or self.header.kind == "jpeg"


def look(root: Path, path: str) -> Look:
    """A file of a dataset. Raises nothing: what is damaged is "unfit"."""
    try:
        header = read_header(root / path)
    except PixelwiseError as error:
        if not path.lower().endswith(".npy"):
            return Look("unfit", error.message, fix=error.fix or "")
        header = None
    try:
        data = read_bytes(root / path)
        large = header is not None and header.height * header.width > _LARGE
        if header is not None and header.kind == "jpeg":
            return _jpeg(data, path, header, large)
        some = glance(data, path, UNCOMMON_KINDS) if large else None
        if some is not None and some.pixels.shape[0] * some.pixels.shape[1] < _PIXELS:
            some = None
        return _numbers(data, path, some or decode_numbers(data, path, UNCOMMON_KINDS), some is not None, header)
    except DataError as error:
        # A lossy or many-banded file may be an image all the same.
        is_picture = header is not None and (header.channels >= 3 or error.code == "lossy-label")
        what = "too-large" if error.code == "too-large" else "picture" if is_picture else "unfit"
        return Look(what, error.message, header=header, fix=error.fix or "")
    except PixelwiseError as error:
        return Look("unfit", error.message, header=header, fix=error.fix or "")


def _jpeg(data: bytes, path: str, header: Header, large: bool) -> Look:
    pixels = decode_preview(data, path, _SIDE) if large else decode_image(data, path)
    found, flat = _count(pixels)
    colors = len(found)
    # A mask that was saved as JPEG: nearly all pixels are close to a few values, and it has no colors.
    near = np.abs(flat[:, None, :].astype(int) - _common(flat)[None]).max(axis=2).min(axis=1) <= 12
    if near.mean() > 0.9:
        return Look("unfit", _LOSSY.format(colors), colors, kind="jpeg",
                    header=header)  # fmt: skip
    return Look("picture", "", colors, kind="jpeg", header=header)


def _common(flat: NDArray[Any]) -> NDArray[Any]:
    """The four most common colors of (n, 3)."""
    found, counts = np.unique(flat, axis=0, return_counts=True)
    return np.asarray(found[np.argsort(-counts)][:4].astype(int))


def _numbers(data: bytes, path: str, seen: LabelNumbers, partly: bool, header: Header | None) -> Look:
    """partly: whether only some rows of the file were seen."""
    kind, numbers, stored = seen
    bands = 1 if numbers.ndim == 2 else numbers.shape[2]
    found, flat = _count(numbers)
    colors = len(found)
    mode = "values" if bands <= 2 else "colors"
    if bands > 4:
        return Look("picture", f"{bands} bands", colors, mode, kind=kind, header=header)
    many = colors > _MOST_COLORS or (colors > 64 and colors > len(flat) // 8)
    if many:
        if bands >= 3:
            # Ids and object numbers in channels have many colors too, but each covers an area: few steps from one
            # pixel to the next.
            if _steps(numbers) < 0.2:
                return Look("label", "", colors, mode, kind=kind, header=header)
            return Look("picture", "", colors, mode, kind=kind, header=header)
        if numbers.dtype.kind == "f":
            what = f"{colors} different real numbers of {numbers.dtype}"
        elif _steps(numbers) < 0.2 and numbers.dtype.itemsize > 1:
            return Look("label", "", colors, mode, kind=kind, header=header)
        else:
            return Look("picture", f"{colors} different values", colors, mode, kind=kind, header=header)
        return Look("unfit", what, colors, mode, kind=kind, header=header)
    if stored is None:
        return Look("label", "", colors, mode, kind=kind, header=header)
    if stored.palette is not None:
        mode = "palette"
    inside = None
    # Two values in some of the pixels settle that it is not a layer; that it is one, only all of them can.
    if bands not in (1, 3) or np.count_nonzero(found.any(axis=1)) < 2:
        with suppress(LabelError):
            inside = inside_of(decode_stored(data, path, allow=UNCOMMON_KINDS) if partly else stored, path)
    return Look("label", "", colors, mode, inside is not None, inside, kind, header)


def _count(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The colors among some of the pixels (n, channels), and those pixels."""
    flat = pixels.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[2])
    flat = flat[:: max(1, len(flat) // _PIXELS)]
    return np.unique(flat, axis=0), flat


def _steps(pixels: NDArray[Any]) -> float:
    """The share of neighbors along rows that differ: near 0 in labels, near 1 in photographs."""
    if pixels.shape[1] < 2:
        return 1.0
    rows = pixels[:: max(1, pixels.shape[0] // 64)]
    differ = rows[:, 1:] != rows[:, :-1]
    return float((differ if differ.ndim == 2 else differ.any(axis=2)).mean())
