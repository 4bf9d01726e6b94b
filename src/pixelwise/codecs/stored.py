"""Stored and LabelNumbers: the values in a file, before anyone decides what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError
from ..types import U8, Label


@dataclass(frozen=True, slots=True)
class Stored:
    """The exact values that a file stores: no gamma, no transparency, no palette applied.

    pixels: (H, W) palette indices or gray values, (H, W, 2) gray and alpha, (H, W, 3) RGB, (H, W, 4) RGBA; uint8, or
    uint16 if the file has 16 bits per sample; samples of 1, 2 and 4 bits keep their values 0..2^bits - 1. The array
    is new and belongs to the caller. palette: (n, 3) uint8 if the pixels are indices into one, else None. bits: per
    sample as stored. kind: of file, "png", "tiff" and so on. transparent: whether some palette entries or one color
    are declared as transparent (PNG's tRNS chunk, GIF).
    """

    kind: str
    pixels: Label
    palette: U8 | None
    bits: int
    transparent: bool = False

    @property
    def mode(self) -> str:
        """ "palette", "gray", "gray+alpha", "rgb" or "rgba"."""
        if self.pixels.ndim == 2:
            return "gray" if self.palette is None else "palette"
        return {2: "gray+alpha", 3: "rgb", 4: "rgba"}[self.pixels.shape[2]]


class LabelNumbers(NamedTuple):
    """What a label file holds. kind: of file. pixels: (H, W) or (H, W, bands), of any real type. stored: the same as
    Stored, or None for numbers that it cannot hold.
    """

    kind: str
    pixels: NDArray[Any]
    stored: Stored | None


def from_integers(kind: str, values: NDArray[Any], where: object) -> Stored:
    """Stored from integers of any width: uint8 if they fit, else uint16. `values` must not be empty.

    LabelError `class-out-of-range` for values that are not in 0..65535.
    """
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65_535:
        what, fix = f"values {low}..{high}, expected 0..65535", "map them to class indices first"
        raise LabelError(what, code="class-out-of-range", where=where, fix=fix)
    if high > 255 or values.dtype.itemsize == 2:
        return Stored(kind, np.ascontiguousarray(values, np.uint16), None, 16)
    return Stored(kind, np.ascontiguousarray(values, np.uint8), None, 8)
