"""Stored: what a file holds, pixel by pixel, before anyone decides what it means."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import U8, Label


@dataclass(frozen=True, slots=True)
class Stored:
    """The exact samples of a file: no gamma, no transparency, no palette applied.

    pixels: (H, W) palette indices or gray values, (H, W, 2) gray and alpha, (H, W, 3) RGB, (H, W, 4) RGBA;
    uint8, or uint16 where the file has 16 bits a sample; samples of 1, 2 and 4 bits keep their values
    0..2^bits - 1. The array is fresh and belongs to the caller. palette: (n, 3) uint8 where the pixels are
    indices into one, else None. bits: per sample as stored. kind: the file's format, "png", "tiff", ...
    transparent: whether a tRNS chunk makes some pixels transparent.
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
