"""What a file declares before a pixel is read: Header, the limits of size, and EXIF's orientation."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

MAX_PIXELS: Final = 500_000_000
"""Largest image that is decoded unless the caller allows more: a 20,000 x 20,000 tile (400 Mpx, 1.2 GB as
RGB) passes, the usual decompression bombs (30,000 x 30,000 and up, from 100 kB files) do not.
"""

MAX_SIDE: Final = 1_000_000
"""Longest side; libpng's own default (PNG_USER_WIDTH_MAX, PNG_USER_HEIGHT_MAX in pngconf.h)."""

_ORIENTATION: Final = 0x0112
"""The tag of EXIF 2.32, 4.6.4, table 4."""


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
