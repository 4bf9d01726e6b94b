"""PNG, strict: every checksum right and every row there, or refused; samples exactly as stored.

Structure and filters follow the PNG specification, third edition (W3C, 2025). Unlike libpng and Pillow this
reader never fills missing rows, checks the Adler-32 of the pixel stream, and refuses damaged ancillary chunks
too: a file with a wrong checksum was changed after it was written.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..errors import FileError, UsageError
from ..types import U8, Range, Window
from . import rgb
from .encoded import MOST_INFLATION, EncodedFile
from .header import Header, exif_orientation
from .stored import LabelNumbers, Stored

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGBA: 4}
_BITS = {_GRAY: (1, 2, 4, 8, 16), _RGB: (8, 16), _PALETTE: (1, 2, 4, 8), _GRAY_ALPHA: (8, 16), _RGBA: (8, 16)}
_MOST_BYTES = 4
"""Most bytes per pixel at the largest image: RGBA of 8 bits."""
_BLOCK = 1 << 23
"""Bytes that are inflated at a time."""
_GLANCE = 1 << 21
"""Pixels that `glance` reads."""
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, row step, column step of the seven interlace passes."""


class PngFile(EncodedFile):
    """PNG of every color type and depth, interlaced or not; of an animation the default image."""

    kind = "png"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(re.escape(SIGNATURE))
    extensions: ClassVar[tuple[str, ...]] = (".png", ".apng")
    common = True
    # Known once the header is:
    _color: int
    _interlaced: bool
    # Known once the chunks are read; `_stream` holds the bodies of the IDAT chunks.
    _palette: U8 | None
    _transparent: bool
    _stream: list[memoryview]

    def _read_header(self) -> Header:
        """The header with the orientation of an eXIf chunk before the pixels."""
        header, at = self._read_ihdr(), 33
        while len(start := self.fetch(at, 8)) == 8:  # if it ends here, decoding will report that the pixels are missing
            length, kind = struct.unpack(">I4s", start)
            if kind in (b"IDAT", b"IEND"):
                break
            if kind == b"eXIf":
                block = self.fetch(at + 8, min(length, 1 << 20))
                return replace(header, orientation=self.orientation(exif_orientation(block)))
            at += 12 + length
        return header

    def _read_ihdr(self) -> Header:
        """The IHDR chunk, in the first 33 bytes. The orientation is not known yet."""
        data = self.data
        if len(data) < 33:
            raise self.error("truncated", f"the file ends at byte {len(data)}, inside its header")
        length, kind, *fields, crc = struct.unpack_from(">I4sIIBBBBBI", data, 8)
        width, height, bits, color, method, filters, interlace = fields
        if kind == b"CgBI":
            fix = "convert it back with: pngcrush -revert-iphone-optimizations"
            raise self.unsupported("an iPhone PNG (CgBI), not a standard one", fix)
        if kind != b"IHDR" or length != 13:
            raise self.error("corrupt", f"the first chunk is {_name(kind)} of {length} bytes, expected IHDR of 13")
        if zlib_ng.crc32(data[12:29]) != crc:
            raise self._bad_crc("IHDR at byte 8")
        if bits not in _BITS.get(color, ()) or method or filters or interlace > 1:
            raise self.error(
                "corrupt",
                f"the header declares color type {color}, {bits} bits, compression {method}, filter {filters}, "
                f"interlace {interlace}, which no PNG has",
            )
        if not 0 < width < 1 << 31 or not 0 < height < 1 << 31:
            raise self.error("corrupt", f"the header declares {height} x {width} pixels")
        self._color, self._interlaced = color, interlace == 1
        return Header(self.kind, height, width, _CHANNELS[color], bits)

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB. 16 bits are scaled by `value_range`, default by the full range, as the standard says.

        `bands` has no effect. FileError and notes as `stored`, FileError `value-range-needed` for 16 bits of which
        at most 12 are used, and the note `alpha-dropped`.
        """
        stored = self.stored()
        pixels: NDArray[Any] = stored.pixels
        if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
            if self.notes is not None and int(pixels[..., -1].min()) < (1 << stored.bits) - 1:
                self.warn("alpha-dropped", "some pixels are transparent; their colors are used")
            pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
        elif stored.transparent:
            self.warn("alpha-dropped", "a tRNS chunk makes some pixels transparent; their colors are used")
        if pixels.dtype == np.uint16:
            pixels = rgb.scale(pixels, value_range or self._full_range(pixels), self)
        if pixels.ndim == 3:
            return np.ascontiguousarray(pixels)
        palette = rgb.gray_palette(min(stored.bits, 8)) if stored.palette is None else stored.palette
        return rgb.look_up(np.ascontiguousarray(pixels), palette, self)

    def _full_range(self, pixels: NDArray[Any]) -> Range:
        """0..65535. FileError `value-range-needed` if pixels of 12 bits or fewer would come out nearly black."""
        most = int(pixels.max())
        if 0 < most < 1 << 12:
            bits = max(8, most.bit_length())
            what = f"16 bits per sample, but no value above {most}: scaled by 65535 the image would be nearly black"
            fix = f"say what is white: value_range = [0, {(1 << bits) - 1}] under [images] of a pixelwise.toml"
            raise self.error("value-range-needed", what, f"{fix}; or [0, 65535] if it is as dark as that")
        return 0, 65_535

    def stored(self) -> Stored:
        """The samples exactly as stored.

        FileError `truncated`, `crc`, `corrupt`, `too-large`, `too-large-side`, `unsupported-format`. Notes
        `missing-iend`, `extra-data`, `trailing-data`, `chunk-order`, `animated`, `exif-orientation`,
        `exif-invalid`.
        """
        header = self._header = self._read_chunks()
        return self._stored(header, self._pixels(header, header.height))

    def stored_window(self, window: Window) -> Stored | None:
        """A window of `stored`, inflated down to its last row; None if the file is interlaced.

        The checksum of every chunk is checked; what follows in the pixel stream, with its Adler-32, is not read.
        """
        header = self._header = self._read_chunks()
        if self._interlaced:
            return None
        self.check_window(window, header)
        return self._stored(header, np.ascontiguousarray(window.cut(self._pixels(header, window.y1))))

    def glance(self) -> LabelNumbers | None:
        """The first rows of a palette or of gray values of a byte, of which there are never many: enough for most."""
        header = self._header = self._read_chunks()
        if self._interlaced or header.channels > 1 or header.bits > 8:
            return None
        rows = self._pixels(header, min(header.height, -(-_GLANCE // header.width)))
        return LabelNumbers(self.kind, rows, self._stored(header, rows))

    def _stored(self, header: Header, pixels: NDArray[Any]) -> Stored:
        if header.bits == 16 and np.little_endian:
            pixels.byteswap(inplace=True)
        palette = self._palette if self._color == _PALETTE else None
        return Stored(self.kind, pixels, palette, header.bits, self._transparent)

    def _read_chunks(self) -> Header:
        """All chunks of the file, each with its checksum checked."""
        header = self._read_ihdr()
        self.check_size(header.height, header.width)
        if (deep := header.channels * header.bits // 8) > _MOST_BYTES:
            self.check_bytes(header.height * header.width * deep, _MOST_BYTES)
        self._palette, self._transparent, self._stream = None, False, []
        view, end, at, last = memoryview(self.data), len(self.data), 33, b"IHDR"
        while last != b"IEND":
            if at == end:
                if not self._stream:
                    raise self.error("truncated", "the file ends before its pixels")
                self.warn("missing-iend", "the end chunk is missing; all pixels are there")
                break
            if at + 12 > end:
                raise self.error("truncated", f"the file ends at byte {end}, inside a chunk")
            length, kind = struct.unpack_from(">I4s", view, at)
            stop = at + 12 + length
            if stop > end:
                what = f"chunk {_name(kind)} at byte {at} declares {length} bytes, {end - at - 12} are there"
                raise self.error("truncated", what)
            if zlib_ng.crc32(view[at + 4 : stop - 4]) != int.from_bytes(view[stop - 4 : stop], "big"):
                raise self._bad_crc(f"{_name(kind)} at byte {at}")
            if kind == b"IDAT":
                if self._stream and last != b"IDAT":
                    self.warn("chunk-order", f"a {_name(last)} chunk comes between the pixel chunks")
                self._stream.append(view[at + 8 : stop - 4])
            elif kind != b"IEND":
                header = self._take(header, kind, view[at + 8 : stop - 4])
            at, last = stop, kind
        if at < end:
            self.warn("trailing-data", f"{end - at} bytes follow the image's end; they are ignored")
        if not self._stream:
            raise self.error("truncated", "the file holds no pixels (no IDAT chunk)")
        if self._color == _PALETTE and self._palette is None:
            raise self.error("corrupt", "a palette image without a palette (no PLTE chunk)")
        return header

    def _take(self, header: Header, kind: bytes, body: memoryview) -> Header:
        """Take in a chunk other than IDAT and IEND. The header, with the orientation if the chunk gives it."""
        if kind == b"PLTE":
            if self._palette is not None or self._stream:
                raise self.error("corrupt", "a PLTE chunk after the first one, or after the pixels")
            if len(body) % 3 or not 0 < len(body) <= 768:
                raise self.error("corrupt", f"the palette has {len(body)} bytes, expected 3 to 768 in threes")
            self._palette = np.frombuffer(bytes(body), np.uint8).reshape(-1, 3)
        elif kind == b"tRNS":
            self._transparent = self._color != _PALETTE or min(body, default=255) < 255
        elif kind == b"eXIf":
            orientation = self.orientation(exif_orientation(body))
            if not self._stream:  # as in _read_header
                return replace(header, orientation=orientation)
        elif kind == b"acTL":
            self.warn("animated", "an animation; its default image is used")
        elif not kind.isalpha() or not kind.isascii() or not kind[0] & 32:
            raise self.error("corrupt", f"unknown critical chunk {_name(kind)}")
        return header

    def _pixels(self, header: Header, height: int) -> NDArray[Any]:
        """(height, W) or (height, W, channels) samples, of 16 bits in the file's byte order. Some MB are inflated at a
        time. height: all rows, or, if the file is not interlaced, the first ones.
        """
        width, bits = header.width, header.bits * header.channels
        shape = (height, width) if header.channels == 1 else (height, width, header.channels)
        out = np.empty(shape, np.uint16 if header.bits == 16 else np.uint8)
        passes = _ADAM7 if self._interlaced else ((0, 0, 1, 1),)
        parts = [out[y::dy, x::dx] for y, x, dy, dx in passes if y < height and x < width]
        rows = [(part.shape[1] * bits + 7) // 8 for part in parts]
        expected = sum(len(part) * (1 + row) for part, row in zip(parts, rows, strict=True))
        expected += (header.height - height) * (1 + rows[0])
        stream = _Stream(self, f"{header.height} x {width} pixels", expected)
        zeros = np.zeros(max(rows), np.uint8)
        for part, row in zip(parts, rows, strict=True):
            self._fill(part, row, header, stream, zeros[:row])
        return out

    def _fill(self, target: NDArray[Any], row: int, header: Header, stream: _Stream, above: U8) -> None:
        """The rows of `row` bytes of a pass into their places. above: zeros, the row above the first."""
        step, bits = max(1, _BLOCK // (1 + row)), header.bits
        for y in range(0, len(target), step):
            part = target[y : y + step]
            # If the pass is the whole image, its pixels are made where they belong.
            place = part if part.flags.c_contiguous else np.empty(part.shape, part.dtype)
            plain = place.reshape(-1).view(np.uint8).reshape(len(part), row) if bits >= 8 else None
            if plain is None:
                plain = np.empty((len(part), row), np.uint8)
            raw = stream.take(len(part) * (1 + row))
            bad = kernels.png.unfilter(raw, max(1, bits * header.channels // 8), above, plain)
            if bad >= 0:
                raise self.error("corrupt", f"row {y + bad} has a filter type that does not exist")
            above = plain[-1]
            if bits < 8:
                kernels.png.unpack(plain, bits, place)
            if place is not part:
                part[...] = place

    def _bad_crc(self, what: str) -> FileError:
        return self.error("crc", f"the checksum of {what} is wrong: the file is damaged")


class _Stream:
    """The filtered rows of a file, inflated as they are asked for: `expected` bytes, at most one more is inflated.

    image: what they are, for messages. FileError `truncated` if the compressed bytes are too few for them.
    """

    def __init__(self, file: PngFile, image: str, expected: int) -> None:
        parts: list[Any] = file._stream
        self._file, self._image, self._expected, self._left = file, image, expected, expected
        self._rest = parts[0] if len(parts) == 1 else b"".join(parts)
        file.check_fits(len(self._rest), expected - 64, MOST_INFLATION, image)
        self._inflater = zlib_ng.decompressobj()

    def take(self, size: int) -> U8:
        """The next `size` bytes. FileError `truncated`, `crc`, `corrupt`; note `extra-data`."""
        file, expected, last = self._file, self._expected, size == self._left
        try:
            # At the end one byte more: a buffer that is exactly full is grown once more to look for the end.
            raw = self._inflater.decompress(self._rest, size + last)
        except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
            if "data check" in str(error):
                raise file._bad_crc("the pixel stream (Adler-32)") from None
            raise file.error("corrupt", f"the pixel stream is damaged: {error}") from None
        if len(raw) < size:
            have = expected - self._left + len(raw)
            raise file.error("truncated", f"the stream holds {have} of the {expected} bytes of {self._image}")
        self._rest, self._left = self._inflater.unconsumed_tail, self._left - size
        if last and (len(raw) > size or self._rest):
            file.warn("extra-data", f"the stream holds more than {self._image}; the rest is ignored")
        elif last and not self._inflater.eof:
            raise file.error("truncated", "the pixel stream ends before its checksum")
        return np.frombuffer(raw, np.uint8, size)


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
    fits = dtype in (np.uint8, np.uint16) if ndim == 2 else dtype == np.uint8 and pixels.shape[2:] == (3,)
    if not fits or not pixels.size:
        raise UsageError(f"encode_png() takes (H, W) uint8 or uint16 or (H, W, 3) uint8, got {pixels.shape} {dtype}")
    color, extra = (_RGB if ndim == 3 else _GRAY), b""
    if palette is not None:
        _check_palette(pixels, palette)
        color, extra = _PALETTE, _chunk_bytes(b"PLTE", palette.tobytes())
    height, width = pixels.shape[:2]
    if dtype == np.uint16:
        pixels = pixels.astype(">u2")
    rows = pixels.reshape(height, -1).view(np.uint8)
    filtered = np.zeros((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 1:] = rows
    # Rows of labels are not filtered: flat areas repeat whole rows, which deflate packs better than differences.
    if ndim == 3 or dtype == np.uint16:
        filtered[:, 0] = 2  # up
        filtered[1:, 1:] -= rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, color, 0, 0, 0)
    stream = zlib_ng.compress(filtered.data, level)
    start = SIGNATURE + _chunk_bytes(b"IHDR", header) + extra
    return start + _chunk_bytes(b"IDAT", stream) + _chunk_bytes(b"IEND", b"")


def _check_palette(pixels: NDArray[Any], palette: U8) -> None:
    if pixels.ndim != 2 or pixels.dtype != np.uint8:
        raise UsageError(f"encode_png() with a palette takes (H, W) uint8, got {pixels.shape} {pixels.dtype}")
    if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or not 0 < len(palette) <= 256:
        raise UsageError(f"a palette must be (1..256, 3) uint8, got {palette.shape} {palette.dtype}")
    if int(pixels.max()) >= len(palette):
        raise UsageError(f"index {int(pixels.max())} is beyond the palette of {len(palette)} colors")


def _chunk_bytes(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib_ng.crc32(body, zlib_ng.crc32(kind)))
