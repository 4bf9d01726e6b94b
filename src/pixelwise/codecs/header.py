"""What a file declares before a pixel is read: Header, the limits of size, and EXIF's orientation."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final

from ..errors import UsageError

MAX_PIXELS: Final = 50_000_000
"""Largest image that is decoded unless the user allows more. The largest tiles of the known datasets pass (Potsdam's
6,000 x 6,000 are 36 million); of the usual decompression bombs, small files that declare a huge image, none does.
"""

MAX_PIXELS_VARIABLE: Final = "PIXELWISE_MAX_PIXELS"
"""The environment variable with another limit: a number of pixels. It holds for every door, and in child processes."""

MAX_SIDE: Final = 1_000_000
"""Longest side; libpng's own default (PNG_USER_WIDTH_MAX, PNG_USER_HEIGHT_MAX in pngconf.h)."""

_ORIENTATION: Final = 0x0112
"""The tag of EXIF 2.32, 4.6.4, table 4."""


def pixel_limit(chosen: int | None = None) -> int:
    """The most pixels of an image: `chosen`, or else the environment's, or else MAX_PIXELS.

    UsageError if the environment has no whole number above 0.
    """
    if chosen is not None:
        return chosen
    text = os.environ.get(MAX_PIXELS_VARIABLE, "")
    if not text:
        return MAX_PIXELS
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit <= 0:
        fix = f"set it to a number of pixels, such as {4 * MAX_PIXELS}, or unset it"
        raise UsageError(f"{MAX_PIXELS_VARIABLE} must be a whole number above 0, got {text!r}", fix=fix)
    return limit


@dataclass(frozen=True, slots=True)
class Header:
    """kind: "jpeg", "png", "tiff", "bmp", "webp" or "gif". height, width: pixels as stored, never turned.

    channels: samples per pixel as stored (1 for a palette). bits: per sample. orientation: EXIF's 1..8, or None
    if the file has no valid one.
    """

    kind: str
    height: int
    width: int
    channels: int
    bits: int
    orientation: int | None = None


def exif_orientation(exif: bytes | memoryview) -> int | None:
    """The orientation in a TIFF-structured EXIF block, whatever its value, or None if there is none to be found.

    Reads the first directory only, and once, so that a loop of directories does no harm.
    """
    if len(exif) < 14:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(exif[:4]))
    if order is None:
        return None
    (at,) = struct.unpack_from(order + "I", exif, 4)
    if at + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(order + "H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", exif, entry)
        if tag == _ORIENTATION:
            return int(struct.unpack_from(order + ("I" if kind == 4 else "H"), exif, entry + 8)[0])
    return None
