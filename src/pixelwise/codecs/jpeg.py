"""JPEG: the header by hand, the pixels by libjpeg-turbo (simplejpeg) with every warning an error."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Final

import numpy as np
import simplejpeg

from ..errors import FileError, UsageError
from ..types import U8, Finding
from .header import Header, check_size, corrupt, exif_orientation, truncated, warn

MAX_SCANS: Final = 500
"""Most scans of a progressive file; each costs a pass over all blocks. libjpeg-turbo's fuzzers draw the same
line (TJPARAM_SCANLIMIT, fuzz/decompress.cc); common encoders write 10.
"""

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RST0..7, SOI
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI = b"\xff\xd9"

More = Callable[[int, int], bytes]
"""`more(offset, size)`: bytes of the file from `offset` on, fewer than `size` only at its end."""


def parse(
    data: bytes, where: object, notes: list[Finding] | None = None, more: More | None = None
) -> tuple[Header, int]:
    """The header, and the frame's SOF marker. `data` is the file, or its beginning where `more` gives the
    rest.
    """
    base, at, orientation = 0, 2, None
    while True:
        if at - base + 20 > len(data) and more is not None:
            base, data = at, more(at, 2048)
        i = at - base
        if i + 4 > len(data):
            raise truncated(f"the file ends at byte {base + len(data)}, before the image's size", where)
        if data[i] != 0xFF:
            raise corrupt(f"byte {at} is {data[i]:#04x}, expected a marker (0xff)", where)
        marker = data[i + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            raise truncated("the file holds no image: its end follows its beginning", where)
        length = data[i + 2] << 8 | data[i + 3]
        if length < 2 or marker == 0xDA:
            raise corrupt(f"marker 0x{marker:02x} at byte {at} is out of place or has length {length}", where)
        if marker in _SOF:
            return _frame(data, i, length, orientation, where), marker
        if marker == 0xE1 and data[i + 4 : i + 10] == b"Exif\0\0":
            if i + 2 + length > len(data) and more is not None:
                base, data, i = at, more(at, 2 + length), 0
            orientation = exif_orientation(data[i + 10 : i + 2 + length], where, notes)
        at += 2 + length


def _frame(data: bytes, i: int, length: int, orientation: int | None, where: object) -> Header:
    if i + 10 > len(data):
        raise truncated("the file ends inside its header", where)
    bits, height, width, channels = struct.unpack_from(">BHHB", data, i + 4)
    if length != 8 + 3 * channels or channels not in (1, 3, 4):
        raise corrupt(f"the frame header has {channels} channels and length {length}", where)
    return Header("jpeg", height, width, channels, bits, orientation)


def decode(data: bytes, where: object, notes: list[Finding] | None = None, max_pixels: int | None = None) -> U8:
    """(H, W, 3) uint8 RGB of the first image in `data`; gray is repeated, CMYK converted by libjpeg-turbo."""
    header, sof = parse(data, where, notes)
    check_size(header.height, header.width, where, max_pixels)
    if header.bits != 8:
        raise FileError(
            f"{header.bits} bits a sample; only 8-bit JPEG is read", code="unsupported-format", where=where,
            fix="convert it to PNG",
        )  # fmt: skip
    if sof in _PROGRESSIVE and data.count(b"\xff\xda") > MAX_SCANS:
        raise FileError(f"more than {MAX_SCANS} scans: a decompression bomb", code="too-large", where=where)
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True)  # type: ignore[no-any-return]
    except ValueError as error:
        reason = str(error)
    if "subsampling" in reason:
        return _odd_sampling(data, header, where)
    if _has_end(data) and "Premature end of JPEG file" not in reason:
        raise corrupt(f"damaged: {reason}", where)
    return _without_end(data, where, notes)


def _has_end(data: bytes) -> bool:
    """Whether an end marker follows the last scan; the one of an EXIF thumbnail lies before it."""
    return data.rfind(_EOI) > data.rfind(b"\xff\xda")


def _without_end(data: bytes, where: object, notes: list[Finding] | None) -> U8:
    """The pixels of a file without its end marker, if that is all that is missing."""
    try:
        pixels = simplejpeg.decode_jpeg(data + _EOI, "RGB", strict=True)
    except ValueError:
        pixels = None
    if pixels is None or not _all_scans(data):
        raise truncated(f"the file ends at byte {len(data)}, before its last pixels", where)
    warn(notes, "missing-eoi", where, "the end marker is missing; all pixels are there")
    return pixels  # type: ignore[no-any-return]


def _all_scans(data: bytes) -> bool:
    """Whether the scans deliver every coefficient of every component to its last bit.

    A file cut between two scans decodes without a warning: blurred, or without its colors.
    """
    left: dict[int, NDArrayBits] = {}
    for found in _MARKER.finditer(data, 2):
        i, marker = found.start(), data[found.start() + 1]
        if marker in _SOF and i + 10 <= len(data):
            left = {data[i + 10 + 3 * k]: np.full(64, 99, np.int8) for k in range(data[i + 9])}
        elif marker == 0xDA and left and i + 5 <= len(data):
            n = data[i + 4]
            if i + 8 + 2 * n > len(data):
                return False
            start, end, approximation = data[i + 5 + 2 * n : i + 8 + 2 * n]
            for k in range(n):
                if (bits := left.get(data[i + 5 + 2 * k])) is not None:
                    bits[start : end + 1] = approximation & 15
    return bool(left) and all(not bits.any() for bits in left.values())


NDArrayBits = np.ndarray[tuple[int], np.dtype[np.int8]]


def _odd_sampling(data: bytes, header: Header, where: object) -> U8:
    """Chroma sampling that libjpeg-turbo's simple interface does not know (4:1:0 and the like): by Pillow.

    Pillow refuses a file that ends early, but does not hear libjpeg's other warnings.
    """
    from .rare import pillow_rgb

    if not _has_end(data):
        raise truncated(f"the file ends at byte {len(data)} without an end marker", where)
    return pillow_rgb(data, "JPEG", header, where)


def encode(image: U8, quality: int = 90, subsampling: str = "420") -> bytes:
    """JPEG bytes of an (H, W, 3) RGB or (H, W) gray uint8 image."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise UsageError(f"a JPEG is made of (H, W, 3) or (H, W) uint8, got {image.shape} {image.dtype}")
    pixels = np.ascontiguousarray(image)
    if pixels.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(pixels[:, :, None], quality, "GRAY", "Gray"))
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "RGB", subsampling))
