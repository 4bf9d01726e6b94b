"""Samples of every kind to (H, W, 3) uint8 RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..errors import FileError, UsageError
from ..types import U8, Finding
from .header import corrupt, warn
from .stored import Stored
from .tiff import RGB, WHITE_IS_ZERO, Raster

Range = tuple[float, float]


def from_stored(
    stored: Stored, where: object, notes: list[Finding] | None = None, value_range: Range | None = None
) -> U8:
    """A PNG's samples. 16 bits are scaled by `value_range`, or by the full range, which is what PNG says they
    mean.
    """
    pixels: NDArray[Any] = stored.pixels
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        if notes is not None and int(pixels[..., -1].min()) < (1 << stored.bits) - 1:
            warn(notes, "alpha-dropped", where, "some pixels are transparent; their colors are used")
        pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])
    elif stored.transparent:
        warn(
            notes,
            "alpha-dropped",
            where,
            "a tRNS chunk makes some pixels transparent; their colors are used",
        )
    if pixels.dtype == np.uint16:
        pixels = _scaled(pixels, value_range or (0, 65_535), where)
    if pixels.ndim == 3:
        return pixels
    lut = _gray(min(stored.bits, 8)) if stored.palette is None else stored.palette
    return _looked_up(pixels, lut, where)


def from_raster(
    raster: Raster,
    where: object,
    notes: list[Finding] | None = None,
    value_range: Range | None = None,
    bands: tuple[int, int, int] | None = None,
) -> U8:
    """A TIFF's samples. More than 8 bits need `value_range`, bands that are neither gray nor RGB need
    `bands`.
    """
    pixels, count = raster.pixels, raster.pixels.shape[2]
    if raster.palette is not None:
        return _looked_up(np.ascontiguousarray(pixels[..., 0]), raster.palette, where)
    if bands is not None:
        if min(bands) < 0 or max(bands) >= count:
            raise FileError(
                f"bands {bands} are asked for, the file has {count} (0..{count - 1})",
                code="bands-needed",
                where=where,
            )
        pixels = pixels[..., list(bands)]
    elif raster.photometric == RGB and count >= 3:
        pixels = pixels[..., :3]
    elif count == 1 or (count == 2 and raster.alpha):
        pixels = pixels[..., 0]
    else:
        raise FileError(
            f"{count} bands, which are not declared as RGB",
            code="bands-needed",
            where=where,
            fix="give bands=(red, green, blue), counted from 0",
        )
    if raster.alpha and notes is not None and bands is None and _clear(raster):
        warn(notes, "alpha-dropped", where, "some pixels are transparent; their colors are used")
    if raster.bits > 8 or pixels.dtype != np.uint8:
        if value_range is None:
            raise FileError(
                f"{pixels.dtype} pixels, whose range the file does not say",
                code="value-range-needed",
                where=where,
                fix="give value_range=(lowest, highest), the values that become 0 and 255",
            )
        pixels = _scaled(pixels, value_range, where)
    if pixels.ndim == 2:
        pixels = _looked_up(np.ascontiguousarray(pixels), _gray(min(raster.bits, 8)), where)
    if raster.photometric == WHITE_IS_ZERO:
        pixels = 255 - pixels
    return np.ascontiguousarray(pixels, np.uint8)


def _clear(raster: Raster) -> bool:
    last = raster.pixels[..., -1]
    return last.dtype.kind == "u" and int(last.min()) < np.iinfo(last.dtype).max


def _gray(bits: int) -> U8:
    """(2^bits, 3): each gray value scaled to 0..255."""
    top = (1 << bits) - 1
    return np.repeat((np.arange(top + 1) * 255 // top).astype(np.uint8)[:, None], 3, axis=1)


def _looked_up(values: U8, lut: U8, where: object) -> U8:
    out = np.empty((*values.shape, 3), np.uint8)
    # The kernel is compiled for writable memory, which a palette from a file's bytes is not.
    bad = kernels.png.look_up(values.reshape(-1), lut.copy(), out.reshape(-1, 3))
    if bad >= 0:
        y, x = divmod(bad, values.shape[1])
        raise corrupt(f"index {values[y, x]} at x={x}, y={y} lies beyond the palette of {len(lut)} colors", where)
    return out


def _scaled(pixels: NDArray[Any], value_range: Range, where: object) -> U8:
    """`value_range` to 0..255, rounded to the nearest, clipped beyond. FileError `not-finite` for NaN."""
    low, high = (float(v) for v in value_range)
    if not low < high:
        raise UsageError(f"value_range must rise, got {value_range}")
    if pixels.dtype == np.uint16:
        return np.take(_to_bytes(np.arange(65_536), low, high), pixels)
    if pixels.dtype.kind == "f" and np.isnan(pixels).any():
        raise FileError(
            f"{int(np.isnan(pixels).sum())} samples are not numbers (NaN)", code="not-finite", where=where,
            fix="fill in the missing pixels",
        )  # fmt: skip
    return _to_bytes(pixels, low, high)


def _to_bytes(values: NDArray[Any], low: float, high: float) -> U8:
    clipped = np.clip(values, low, high).astype(np.float64)
    return np.asarray(np.floor((clipped - low) * (255 / (high - low)) + 0.5).astype(np.uint8))
