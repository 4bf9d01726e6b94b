"""Values of any kind to uint8 colors: looked up in a palette, or scaled from a range."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..errors import UsageError
from ..types import U8, Range
from .encoded import EncodedFile


def gray_palette(bits: int) -> U8:
    """(2^bits, 3) uint8: each gray value of 1 to 8 bits scaled to 0..255."""
    top = (1 << bits) - 1
    return np.repeat((np.arange(top + 1) * 255 // top).astype(np.uint8)[:, None], 3, axis=1)


def look_up(values: U8, palette: U8, file: EncodedFile) -> U8:
    """The colors of palette indices: (H, W) uint8 -> (H, W, 3) uint8. FileError `corrupt` for an index beyond."""
    out = np.empty((*values.shape, 3), np.uint8)
    # The kernel is compiled for writable memory, which a palette from a file's bytes is not.
    bad = kernels.png.look_up(values.reshape(-1), palette.copy(), out.reshape(-1, 3))
    if bad >= 0:
        y, x = divmod(bad, values.shape[1])
        raise file.error(
            "corrupt", f"index {values[y, x]} at x={x}, y={y} is beyond the palette of {len(palette)} colors"
        )
    return out


def undo_alpha(pixels: NDArray[Any], opacity: NDArray[Any]) -> NDArray[Any]:
    """Colors (H, W, n) that come multiplied by their alpha (H, W), both uint8 or both uint16, without it.

    As Pillow divides: cut to whole numbers, at most the largest, and 0 where nothing of the color is left.
    """
    top, out = np.iinfo(pixels.dtype).max, np.zeros(pixels.shape, pixels.dtype)
    for y in range(len(pixels)):
        alpha = opacity[y, :, None].astype(np.uint32)
        out[y] = np.where(alpha == 0, 0, np.minimum(pixels[y] * np.uint32(top) // np.maximum(alpha, 1), top))
    return out


def scale(pixels: NDArray[Any], value_range: Range, file: EncodedFile) -> U8:
    """Any shape and real dtype to uint8: `value_range` to 0..255, rounded to the nearest, clipped beyond.

    UsageError for a range that does not rise, FileError `not-finite` for NaN.
    """
    low, high = (float(v) for v in value_range)
    if not low < high:
        raise UsageError(f"value_range must rise, got {value_range}")
    if pixels.dtype.kind == "f" and np.isnan(pixels).any():
        what = f"{int(np.isnan(pixels).sum())} samples are not numbers (NaN)"
        raise file.error("not-finite", what, "fill in the missing pixels")
    levels = _to_bytes(np.arange(65_536), low, high) if pixels.dtype == np.uint16 else None
    out = np.empty(pixels.shape, np.uint8)
    step = max(1, (1 << 20) // max(1, pixels[:1].size))  # some rows at a time: float64 takes memory
    for y in range(0, len(pixels), step):
        part = pixels[y : y + step]
        out[y : y + step] = _to_bytes(part, low, high) if levels is None else np.take(levels, part)
    return out


def _to_bytes(values: NDArray[Any], low: float, high: float) -> U8:
    clipped = np.clip(values, low, high).astype(np.float64)
    return np.asarray(np.floor((clipped - low) * (255 / (high - low)) + 0.5).astype(np.uint8))
