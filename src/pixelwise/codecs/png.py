"""PNG, strict: every checksum right and every row there, or refused; samples exactly as stored.

Structure and filters follow the PNG specification, third edition (W3C, 2025). Unlike libpng and Pillow this
reader never fills missing rows, checks the Adler-32 of the pixel stream, and refuses damaged ancillary chunks
too: a file with a wrong checksum was changed after it was written.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..errors import FileError, UsageError
from ..types import U8, Range
from . import rgb
from .encoded import EncodedFile
from .header import Header, exif_orientation
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
    """What the chunks hold. pixels: the bodies of the IDAT chunks, which together are the pixel stream."""

    header: Header
    color: int
    interlaced: bool
    palette: bytes | None = None
    transparent: bool = False
    pixels: list[memoryview] = field(default_factory=list)


class PngFile(EncodedFile):
    """PNG of every color type and depth, interlaced or not; of an animation the default image."""

    kind = "png"
    signature = re.compile(re.escape(SIGNATURE))
    extensions = (".png", ".apng")
    common = True

    def _read_header(self) -> Header:
        """The header with the orientation of an eXIf chunk before the pixels."""
        header = self._read_ihdr().header
        data, base, at = self.data, 0, 33  # data begins at byte `base` of the file
        while True:
            if at - base + 8 > len(data):
                base, data = at, self.fetch(at, 2048)
                if len(data) < 8:
                    return header  # decoding will report that the pixels are missing
            length, kind = struct.unpack_from(">I4s", data, at - base)
            if kind in (b"IDAT", b"IEND"):
                return header
            if kind == b"eXIf":
                block = self.fetch(at + 8, min(length, 1 << 20))
                return replace(header, orientation=self.orientation(exif_orientation(block)))
            at += 12 + length

    def _read_ihdr(self) -> _Chunks:
        """The IHDR chunk, in the first 33 bytes. The orientation is not known yet."""
        data = self.data
        if len(data) < 33:
            raise self.truncated(f"the file ends at byte {len(data)}, inside its header")
        length, kind, width, height, bits, color, method, filters, interlace, crc = struct.unpack_from(
            ">I4sIIBBBBBI", data, 8
        )
        if kind == b"CgBI":
            fix = "convert it back with: pngcrush -revert-iphone-optimizations"
            raise self.unsupported("an iPhone PNG (CgBI), not a standard one", fix)
        if kind != b"IHDR" or length != 13:
            raise self.corrupt(f"the first chunk is {_name(kind)} of {length} bytes, expected IHDR of 13")
        if zlib_ng.crc32(data[12:29]) != crc:
            raise self._bad_crc("IHDR at byte 8")
        if bits not in _BITS.get(color, ()) or method or filters or interlace > 1:
            raise self.corrupt(
                f"the header declares color type {color}, {bits} bits, compression {method}, filter {filters}, "
                f"interlace {interlace}, which no PNG has"
            )
        if not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
            raise self.corrupt(f"the header declares {height} x {width} pixels")
        return _Chunks(Header(self.kind, height, width, _CHANNELS[color], bits), color, interlace == 1)

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB. 16 bits are scaled by `value_range`, default by the full range, as the standard says.

        `bands` has no effect. FileError and notes as `stored`, and the note `alpha-dropped`.
        """
        stored = self.stored()
        pixels: NDArray[Any] = stored.pixels
        if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            if self.notes is not None and int(pixels[..., -1].min()) < (1 << stored.bits) - 1:
                self.warn("alpha-dropped", "some pixels are transparent; their colors are used")
            pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])
        elif stored.transparent:
            self.warn("alpha-dropped", "a tRNS chunk makes some pixels transparent; their colors are used")
        if pixels.dtype == np.uint16:
            pixels = rgb.scale(pixels, value_range or (0, 65_535), self)
        if pixels.ndim == 3:
            return pixels
        palette = rgb.gray_palette(min(stored.bits, 8)) if stored.palette is None else stored.palette
        return rgb.look_up(pixels, palette, self)

    def stored(self) -> Stored:
        """The samples exactly as stored.

        FileError `truncated`, `crc`, `corrupt`, `too-large`, `too-large-side`, `unsupported-format`. Notes
        `missing-iend`, `extra-data`, `trailing-data`, `chunk-order`, `animated`, `exif-orientation`,
        `exif-invalid`.
        """
        found = self._read_chunks()
        header = self._header = found.header
        if found.interlaced:
            pixels = self._interlaced(found)
        else:
            raw = self._inflate(found, header.height * (1 + _row_bytes(header, header.width)))
            pixels = self._rows(raw, header, header.height, header.width)
        palette = None
        if found.color == _PALETTE and found.palette is not None:
            palette = np.frombuffer(found.palette, np.uint8).reshape(-1, 3)
        return Stored(self.kind, pixels, palette, header.bits, found.transparent)

    def _read_chunks(self) -> _Chunks:
        """All chunks of the file, each with its checksum checked."""
        found = self._read_ihdr()
        self.check_size(found.header.height, found.header.width)
        view, end, at, last = memoryview(self.data), len(self.data), 33, b"IHDR"
        while last != b"IEND":
            if at == end:
                if not found.pixels:
                    raise self.truncated("the file ends before its pixels")
                self.warn("missing-iend", "the end chunk is missing; all pixels are there")
                break
            if at + 12 > end:
                raise self.truncated(f"the file ends at byte {end}, inside a chunk")
            length, kind = struct.unpack_from(">I4s", view, at)
            stop = at + 12 + length
            if stop > end:
                what = f"chunk {_name(kind)} at byte {at} declares {length} bytes, {end - at - 12} are there"
                raise self.truncated(what)
            if zlib_ng.crc32(view[at + 4 : stop - 4]) != int.from_bytes(view[stop - 4 : stop], "big"):
                raise self._bad_crc(f"{_name(kind)} at byte {at}")
            if kind == b"IDAT":
                if found.pixels and last != b"IDAT":
                    self.warn("chunk-order", f"a {_name(last)} chunk comes between the pixel chunks")
                found.pixels.append(view[at + 8 : stop - 4])
            elif kind != b"IEND":
                self._take(found, kind, view[at + 8 : stop - 4])
            at, last = stop, kind
        if at < end:
            self.warn("trailing-data", f"{end - at} bytes follow the image's end; they are ignored")
        if not found.pixels:
            raise self.truncated("the file holds no pixels (no IDAT chunk)")
        if found.color == _PALETTE and found.palette is None:
            raise self.corrupt("a palette image without a palette (no PLTE chunk)")
        return found

    def _take(self, found: _Chunks, kind: bytes, body: memoryview) -> None:
        """Add a chunk other than IDAT and IEND."""
        if kind == b"PLTE":
            if found.palette is not None or found.pixels:
                raise self.corrupt("a PLTE chunk after the first one, or after the pixels")
            if len(body) % 3 or not 0 < len(body) <= 768:
                raise self.corrupt(f"the palette has {len(body)} bytes, expected 3 to 768 in threes")
            found.palette = bytes(body)
        elif kind == b"tRNS":
            found.transparent = found.color != _PALETTE or min(body, default=255) < 255
        elif kind == b"eXIf":
            orientation = self.orientation(exif_orientation(body))
            if not found.pixels:  # as in _read_header
                found.header = replace(found.header, orientation=orientation)
        elif kind == b"acTL":
            self.warn("animated", "an animation; its default image is used")
        elif not kind.isalpha() or not kind.isascii() or not kind[0] & 32:
            raise self.corrupt(f"unknown critical chunk {_name(kind)}")

    def _inflate(self, found: _Chunks, expected: int) -> U8:
        """The filtered rows, `expected` bytes. At most one byte more is inflated, whatever the stream holds."""
        stream: Any = found.pixels[0] if len(found.pixels) == 1 else b"".join(found.pixels)
        if expected > _MOST_INFLATION * len(stream) + 64:
            raise self.truncated(f"{len(stream)} compressed bytes cannot hold {_size(found)}")
        inflater = zlib_ng.decompressobj()
        try:
            # One byte more than expected: a buffer that is exactly full is grown once more to look for the end.
            raw = inflater.decompress(stream, expected + 1)
        except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
            if "data check" in str(error):
                raise self._bad_crc("the pixel stream (Adler-32)") from None
            raise self.corrupt(f"the pixel stream is damaged: {error}") from None
        if len(raw) > expected or (len(raw) == expected and inflater.unconsumed_tail):
            self.warn("extra-data", f"the stream holds more than {_size(found)}; the rest is ignored")
        elif len(raw) < expected:
            raise self.truncated(f"the stream holds {len(raw)} of the {expected} bytes of {_size(found)}")
        elif not inflater.eof:
            raise self.truncated("the pixel stream ends before its checksum")
        return np.frombuffer(raw, np.uint8, expected)

    def _interlaced(self, found: _Chunks) -> NDArray[Any]:
        """The seven passes of Adam7, each stored like an image of its own, in their places."""
        header = found.header
        parts = [
            (np.s_[y::dy, x::dx], len(range(y, header.height, dy)), len(range(x, header.width, dx)))
            for y, x, dy, dx in _ADAM7
        ]
        parts = [(place, height, width) for place, height, width in parts if height and width]
        ends = np.cumsum([height * (1 + _row_bytes(header, width)) for _, height, width in parts]).tolist()
        raw = self._inflate(found, ends[-1])
        shape = (header.height, header.width, header.channels)[: 2 + (header.channels > 1)]
        out = np.empty(shape, np.uint16 if header.bits == 16 else np.uint8)
        for (place, height, width), start, end in zip(parts, [0, *ends], ends, strict=False):
            out[place] = self._rows(raw[start:end], header, height, width)
        return out

    def _rows(self, raw: U8, header: Header, height: int, width: int) -> NDArray[Any]:
        """Filtered rows, a filter type before each, to (height, width) or (height, width, channels) samples."""
        bits, channels, row = header.bits, header.channels, len(raw) // height - 1
        plain = np.empty((height, row), np.uint8)
        bad = kernels.png.unfilter(raw, max(1, bits * channels // 8), np.zeros(row, np.uint8), plain)
        if bad >= 0:
            raise self.corrupt(f"row {bad} has a filter type that does not exist")
        if bits < 8:
            pixels = np.empty((height, width), np.uint8)
            kernels.png.unpack(plain, bits, pixels)
            return pixels
        shape = (height, width) if channels == 1 else (height, width, channels)
        if bits == 8:
            return plain.reshape(shape)
        wide = plain.view(">u2").reshape(shape)
        return wide.byteswap(inplace=True).view(np.uint16) if np.little_endian else wide.view(np.uint16)

    def _bad_crc(self, what: str) -> FileError:
        return FileError(
            f"the checksum of {what} is wrong: the file is damaged", code="crc", where=self.where,
            fix="copy or download it again",
        )  # fmt: skip


def _row_bytes(header: Header, width: int) -> int:
    return (width * header.bits * header.channels + 7) // 8


def _size(found: _Chunks) -> str:
    return f"{found.header.height} x {found.header.width} pixels"


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")


# -- writing ------------------------------------------------------------------------------------------------


def encode_png(pixels: NDArray[Any], palette: NDArray[np.uint8] | None = None, level: int = 6) -> bytes:
    """PNG bytes of (H, W) uint8 grays, or indices with `palette` (n, 3) uint8; (H, W) uint16; (H, W, 3) uint8.

    `decode_stored` returns exactly these values. level: zlib's 0..9. UsageError for other arrays, and for an index
    beyond the palette.
    """
    pixels = np.ascontiguousarray(pixels)
    dtype, ndim = pixels.dtype, pixels.ndim
    if not (
        pixels.size
        and (
            (ndim == 2 and dtype in (np.uint8, np.uint16)) or (ndim == 3 and pixels.shape[2] == 3 and dtype == np.uint8)
        )
    ):
        raise UsageError(f"encode_png() takes (H, W) uint8 or uint16 or (H, W, 3) uint8, got {pixels.shape} {dtype}")
    color, extra = (_RGB if ndim == 3 else _GRAY), b""
    if palette is not None:
        color, extra = _PALETTE, _chunk_bytes(b"PLTE", _checked_palette(pixels, palette))
    height, width = pixels.shape[:2]
    if dtype == np.uint16:
        pixels = pixels.astype(">u2")
    rows = pixels.reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    # Rows of labels are not filtered: flat areas repeat whole rows, which deflate packs better than differences.
    if ndim == 3 or dtype == np.uint16:
        filtered[:, 0] = 2  # up
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
        raise UsageError(f"encode_png() with a palette takes (H, W) uint8, got {pixels.shape} {pixels.dtype}")
    if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or not 0 < len(palette) <= 256:
        raise UsageError(f"a palette must be (1..256, 3) uint8, got {palette.shape} {palette.dtype}")
    if int(pixels.max()) >= len(palette):
        raise UsageError(f"index {int(pixels.max())} is beyond the palette of {len(palette)} colors")
    return palette.tobytes()


def _chunk_bytes(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib_ng.crc32(body, zlib_ng.crc32(kind)))
