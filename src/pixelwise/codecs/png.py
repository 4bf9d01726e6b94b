"""PNG, strict: every checksum right and every row there, or refused; samples exactly as stored.

Structure and filters after the PNG specification, third edition (W3C, 2025). Unlike libpng and Pillow this
reader never fills missing rows, checks the Adler-32 of the pixel stream, and refuses damaged ancillary chunks
too: a file with a wrong checksum was changed after it was written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..errors import FileError, UsageError
from ..types import U8, Finding
from .header import Header, check_size, corrupt, exif_orientation, truncated, warn
from .stored import Stored

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGBA: 4}
_BITS = {_GRAY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GRAY_ALPHA: (8, 16), _RGBA: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, row step, column step of the seven interlace passes."""
_MOST_INFLATION = 1032
"""Deflate never expands by more (zlib's technical details), so a shorter stream cannot fill the image."""


@dataclass(slots=True)
class _Chunks:
    height: int
    width: int
    bits: int
    color: int
    interlaced: bool
    palette: bytes | None = None
    transparent: bool = False
    pixels: list[memoryview] = field(default_factory=list)


def parse_ihdr(data: bytes, where: object) -> tuple[Header, int, bool]:
    """Header, color type and interlacing from the first 33 bytes. The orientation is not known here."""
    if len(data) < 33:
        raise truncated(f"the file ends at byte {len(data)}, inside its header", where)
    length, kind, width, height, bits, color, method, filters, interlace, crc = struct.unpack_from(
        ">I4sIIBBBBBI", data, 8
    )
    if kind == b"CgBI":
        raise FileError(
            "an iPhone PNG (CgBI), not a standard one", code="unsupported-format", where=where,
            fix="convert it back with: pngcrush -revert-iphone-optimizations",
        )  # fmt: skip
    if kind != b"IHDR" or length != 13:
        raise corrupt(f"the first chunk is {_name(kind)} of {length} bytes, expected IHDR of 13", where)
    if zlib_ng.crc32(data[12:29]) != crc:
        raise _bad_crc("IHDR", 8, where)
    if bits not in _BITS.get(color, ()) or method or filters or interlace > 1:
        raise corrupt(
            f"the header says color type {color}, {bits} bits, compression {method}, filter {filters}, "
            f"interlace {interlace}, which no PNG has", where
        )  # fmt: skip
    if not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
        raise corrupt(f"the header says {height} x {width} pixels", where)
    return Header("png", height, width, _CHANNELS[color], bits), color, interlace == 1


def header(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    more: Callable[[int, int], bytes] | None = None,
) -> Header:
    """The header with the orientation of an eXIf chunk before the pixels. `more` as in `jpeg.parse`."""
    found, _, _ = parse_ihdr(data, where)
    base, at = 0, 33
    while True:
        if at - base + 8 > len(data) and more is not None:
            base, data = at, more(at, 2048)
        i = at - base
        if i + 8 > len(data):
            return found  # decoding will say that the pixels are missing
        length, kind = struct.unpack_from(">I4s", data, i)
        if kind in (b"IDAT", b"IEND"):
            return found
        if kind == b"eXIf":
            block = data[i + 8 : i + 8 + length] if more is None else more(at + 8, length)
            return replace(found, orientation=exif_orientation(block, where, notes))
        at += 12 + length


def _chunks(data: bytes, where: object, notes: list[Finding] | None, max_pixels: int | None) -> _Chunks:
    """All chunks of the file, each with its checksum checked."""
    header, color, interlaced = parse_ihdr(data, where)
    check_size(header.height, header.width, where, max_pixels)
    found = _Chunks(header.height, header.width, header.bits, color, interlaced)
    view, end, at, last = memoryview(data), len(data), 33, b"IHDR"
    while last != b"IEND":
        if at == end:
            if not found.pixels:
                raise truncated("the file ends before its pixels", where)
            warn(notes, "missing-iend", where, "the end chunk is missing; all pixels are there")
            break
        if at + 12 > end:
            raise truncated(f"the file ends at byte {end}, inside a chunk", where)
        length, kind = struct.unpack_from(">I4s", data, at)
        stop = at + 12 + length
        if stop > end:
            raise truncated(f"chunk {_name(kind)} at byte {at} says {length} bytes, {end - at - 12} are there", where)
        if zlib_ng.crc32(view[at + 4 : stop - 4]) != int.from_bytes(view[stop - 4 : stop], "big"):
            raise _bad_crc(_name(kind), at, where)
        _chunk(found, kind, view[at + 8 : stop - 4], last, where, notes)
        at, last = stop, kind
    if at < end:
        warn(notes, "trailing-data", where, f"{end - at} bytes follow the image's end; they are ignored")
    if not found.pixels:
        raise truncated("the file holds no pixels (no IDAT chunk)", where)
    if color == _PALETTE and found.palette is None:
        raise corrupt("a palette image without a palette (no PLTE chunk)", where)
    return found


def _chunk(
    found: _Chunks, kind: bytes, body: memoryview, last: bytes, where: object, notes: list[Finding] | None
) -> None:
    """Takes in one chunk whose checksum is right."""
    if kind == b"IDAT":
        if found.pixels and last != b"IDAT":
            warn(notes, "chunk-order", where, f"a {_name(last)} chunk lies between the pixel chunks")
        found.pixels.append(body)
    elif kind == b"PLTE":
        if found.palette is not None or found.pixels:
            raise corrupt("a PLTE chunk after the first one, or after the pixels", where)
        if len(body) % 3 or not 0 < len(body) <= 768:
            raise corrupt(f"the palette has {len(body)} bytes, expected 3 to 768 in threes", where)
        found.palette = bytes(body)
    elif kind == b"tRNS":
        found.transparent = found.color != _PALETTE or min(body, default=255) < 255
    elif kind == b"eXIf":
        exif_orientation(body, where, notes)
    elif kind == b"acTL":
        warn(notes, "animated", where, "an animation; its default image is used")
    elif not kind.isalpha() or not kind.isascii() or (not kind[0] & 32 and kind != b"IEND"):
        raise corrupt(f"unknown critical chunk {_name(kind)}", where)


def read(data: bytes, where: object, notes: list[Finding] | None = None, max_pixels: int | None = None) -> Stored:
    """The samples of a PNG exactly as stored; of an animation the default image.

    FileError `truncated`, `crc`, `corrupt`, `too-large`, `too-large-side`, `unsupported-format`. Notes
    `missing-iend`, `extra-data`, `trailing-data`, `chunk-order`, `animated`, `exif-orientation`,
    `exif-invalid`.
    """
    found = _chunks(data, where, notes, max_pixels)
    channels = _CHANNELS[found.color]
    sizes = _pass_sizes(found, channels)
    raw = _inflate(found, sum(h * (1 + n) for h, _, n in sizes), where, notes)
    if found.interlaced:
        pixels = _interlaced(found, channels, sizes, raw, where)
    else:
        pixels = _rows(raw, found.height, found.width, sizes[0][2], found.bits, channels, where)
    palette = None
    if found.color == _PALETTE and found.palette is not None:
        palette = np.frombuffer(found.palette, np.uint8).reshape(-1, 3)
    return Stored("png", pixels, palette, found.bits, found.transparent)


def _pass_sizes(found: _Chunks, channels: int) -> list[tuple[int, int, int]]:
    """(rows, columns, bytes a row) of each interlace pass, (0, 0, 0) for an empty one; one if not interlaced."""
    depth = found.bits * channels
    if not found.interlaced:
        return [(found.height, found.width, (found.width * depth + 7) // 8)]
    out = []
    for y, x, dy, dx in _ADAM7:
        h, w = -((y - found.height) // dy), -((x - found.width) // dx)
        out.append((h, w, (w * depth + 7) // 8) if h > 0 and w > 0 else (0, 0, 0))
    return out


def _inflate(found: _Chunks, expected: int, where: object, notes: list[Finding] | None) -> NDArray[np.uint8]:
    """The filtered rows, `expected` bytes; never more than one byte over, whatever the stream holds."""
    stream: Any = found.pixels[0] if len(found.pixels) == 1 else b"".join(found.pixels)
    short = f"{found.height} x {found.width} pixels"
    if expected > _MOST_INFLATION * len(stream) + 64:
        raise truncated(f"{len(stream)} compressed bytes cannot hold {short}", where)
    inflater = zlib_ng.decompressobj()
    try:
        # One byte more than expected: a buffer that is exactly full is grown once more to look for the end.
        raw = inflater.decompress(stream, expected + 1)
    except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
        if "data check" in str(error):
            raise _bad_crc("pixel stream (Adler-32)", None, where) from None
        raise corrupt(f"the pixel stream is damaged: {error}", where) from None
    if len(raw) > expected or (len(raw) == expected and inflater.unconsumed_tail):
        warn(notes, "extra-data", where, f"the stream holds more than {short}; the rest is ignored")
    elif len(raw) < expected:
        raise truncated(f"the stream holds {len(raw)} of the {expected} bytes of {short}", where)
    elif not inflater.eof:
        raise truncated("the pixel stream ends before its checksum", where)
    return np.frombuffer(raw, np.uint8)


def _rows(
    raw: NDArray[np.uint8], height: int, width: int, row: int, bits: int, channels: int, where: object
) -> NDArray[Any]:
    """Filtered rows to (height, width) or (height, width, channels) samples."""
    plain = np.empty((height, row), np.uint8)
    bad = kernels.png.unfilter(raw, max(1, bits * channels // 8), np.zeros(row, np.uint8), plain)
    if bad >= 0:
        raise corrupt(f"row {bad} has a filter type that does not exist", where)
    if bits < 8:
        pixels = np.empty((height, width), np.uint8)
        kernels.png.unpack(plain, bits, pixels)
        return pixels
    shape = (height, width) if channels == 1 else (height, width, channels)
    if bits == 8:
        return plain.reshape(shape)
    wide = plain.view(">u2").reshape(shape)
    return wide.byteswap(inplace=True).view(np.uint16) if np.little_endian else wide.view(np.uint16)


def _interlaced(
    found: _Chunks, channels: int, sizes: list[tuple[int, int, int]], raw: NDArray[np.uint8], where: object
) -> NDArray[Any]:
    dtype = np.uint16 if found.bits == 16 else np.uint8
    shape = (found.height, found.width) if channels == 1 else (found.height, found.width, channels)
    out = np.empty(shape, dtype)
    at = 0
    for (y, x, dy, dx), (h, w, row) in zip(_ADAM7, sizes, strict=True):
        size = h * (1 + row)
        if h:
            out[y::dy, x::dx] = _rows(raw[at : at + size], h, w, row, found.bits, channels, where)
        at += size
    return out


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


def _bad_crc(what: str, at: int | None, where: object) -> FileError:
    place = "" if at is None else f" at byte {at}"
    return FileError(
        f"the checksum of {what}{place} is wrong: the file is damaged", code="crc", where=where,
        fix="copy or download it again",
    )  # fmt: skip


# -- writing ------------------------------------------------------------------------------------------------


def encode(pixels: NDArray[Any], palette: NDArray[np.uint8] | None = None, level: int = 6) -> bytes:
    """PNG bytes of (H, W) uint8 grays, or indices with `palette` (n, 3) uint8; (H, W) uint16; (H, W, 3) uint8.

    `read` gives back exactly these samples. level: zlib's 0..9. Rows of labels are not filtered: flat areas
    repeat whole rows, which deflate sees better than their differences. RGB and 16-bit rows are filtered by
    "up".
    """
    pixels = np.ascontiguousarray(pixels)
    dtype, ndim = pixels.dtype, pixels.ndim
    if not (
        pixels.size
        and (
            (ndim == 2 and dtype in (np.uint8, np.uint16)) or (ndim == 3 and pixels.shape[2] == 3 and dtype == np.uint8)
        )
    ):
        raise UsageError(f"a PNG is made of (H, W) uint8 or uint16 or (H, W, 3) uint8, got {pixels.shape} {dtype}")
    color, extra = (_RGB if ndim == 3 else _GRAY), b""
    if palette is not None:
        color, extra = _PALETTE, _chunk_bytes(b"PLTE", _checked_palette(pixels, palette))
    height, width = pixels.shape[:2]
    if dtype == np.uint16:
        pixels = pixels.astype(">u2")
    rows = pixels.reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    if ndim == 3 or dtype == np.uint16:
        filtered[:, 0] = 2
        filtered[0, 1:] = rows[0]
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    else:
        filtered[:, 0] = 0
        filtered[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, color, 0, 0, 0)
    stream = zlib_ng.compress(filtered.data, level)
    return (
        SIGNATURE + _chunk_bytes(b"IHDR", header) + extra + _chunk_bytes(b"IDAT", stream) + _chunk_bytes(b"IEND", b"")
    )


def _checked_palette(pixels: NDArray[Any], palette: U8) -> bytes:
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise UsageError("a palette PNG is made of (H, W) uint8 indices")
    if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or not 0 < len(palette) <= 256:
        raise UsageError(f"a palette is (1..256, 3) uint8, got {palette.shape} {palette.dtype}")
    if int(pixels.max()) >= len(palette):
        raise UsageError(f"index {int(pixels.max())} lies beyond a palette of {len(palette)} colors")
    return palette.tobytes()


def _chunk_bytes(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib_ng.crc32(body, zlib_ng.crc32(kind)))
