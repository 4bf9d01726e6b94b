"""TIFF and BigTIFF, strict: strips and tiles, plain, LZW, Deflate or PackBits, any number of bands and bits.

We have our own reader because Pillow cuts 16-bit RGB to 8 bits and OpenCV turns four bands into one, both in silence,
and neither reads more than four bands. What it does not know (JPEG, CCITT, CMYK, YCbCr) is left to Pillow. It follows
TIFF 6.0 and Adobe's technical notes 1 and 3 (predictors).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..types import U8, Range
from . import rgb
from .encoded import EncodedFile
from .header import MAX_PIXELS, Header
from .pillow import pillow_rgb
from .stored import Stored, from_integers

_TYPES: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""The integer types of tag values, as struct formats."""
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLORMAP = 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_WANTED: Final = frozenset((*range(256, 285), _PREDICTOR, _COLORMAP, *range(322, 326), _EXTRA, _FORMAT))
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_NONE, _LZW, _PACKBITS = 1, 5, 32773
_DEFLATE, _JPEG = (8, 32946), (6, 7)
_MOST_BYTES: Final = 16
"""Most bytes per pixel at the largest image: eight bands of 16 bits, or four of 32."""
_MOST_TILE: Final = 1 << 28
"""Most samples of one tile; tiles of 256 to 1024 pixels per side are usual."""


@dataclass(frozen=True, slots=True)
class _Directory:
    """The first directory.

    order: "<" or ">". tags: tag -> its numbers, at least one. first: tag -> its first number. more_pages: whether
    another directory follows.
    """

    order: str
    tags: dict[int, tuple[int, ...]]
    first: dict[int, int]
    more_pages: bool


class TiffFile(EncodedFile):
    """TIFF or BigTIFF; of several pages the first."""

    kind = "tiff"
    signature = re.compile(rb"II[*+]\0|MM\0[*+]")
    extensions = (".tif", ".tiff")
    _directory: _Directory
    """Known once the header is."""

    # -- the directory ----------------------------------------------------------------------------------------

    def _read_header(self) -> Header:
        self._directory = self._read_directory()
        first, bits = self._directory.first, max(self._directory.tags.get(_BITS, (1,)))
        orientation = self.orientation(first.get(_ORIENTATION))
        size = first.get(_HEIGHT, 0), first.get(_WIDTH, 0)
        return Header(self.kind, *size, first.get(_SAMPLES, 1), bits, orientation)

    def _read_directory(self) -> _Directory:
        head = self.fetch(0, 16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        if len(head) < (16 if big else 8):
            raise self.error("truncated", "the file ends inside its header")
        size, inline, counter, word = (20, 8, "Q", "Q") if big else (12, 4, "H", "I")
        (at,) = struct.unpack_from(order + word, head, 8 if big else 4)
        width = struct.calcsize(order + counter)
        start = self.fetch(at, width)
        if len(start) < width:
            raise self.error("truncated", f"the directory at byte {at} is not there")
        (count,) = struct.unpack(order + counter, start)
        if count > 4096:
            raise self.error("corrupt", f"the directory has {count} entries")
        end = count * size
        block = self.fetch(at + width, end + inline)
        if len(block) < end + inline:
            raise self.error("truncated", "the file ends inside its directory")
        tags: dict[int, tuple[int, ...]] = {}
        for entry in range(0, end, size):
            tag, kind = struct.unpack_from(order + "HH", block, entry)
            (n,) = struct.unpack_from(order + word, block, entry + 4)
            if tag in _WANTED and kind in _TYPES and n > 0:
                tags[tag] = self._values(order, kind, n, block[entry + size - inline : entry + size])
        (following,) = struct.unpack_from(order + word, block, end)
        return _Directory(order, tags, {tag: values[0] for tag, values in tags.items()}, following != 0)

    def _values(self, order: str, kind: int, count: int, field: bytes) -> tuple[int, ...]:
        """The numbers of a tag: in its `field`, or where the field points to if they do not fit."""
        if count > 1 << 26:
            raise self.error("corrupt", f"a tag with {count} values")
        form = f"{order}{count}{_TYPES[kind]}"
        size = struct.calcsize(form)
        if size > len(field):
            (at,) = struct.unpack_from(order + ("Q" if len(field) == 8 else "I"), field)
            field = self.fetch(at, size)
            if len(field) < size:
                raise self.error("truncated", "the file ends inside its directory")
        return struct.unpack_from(form, field)

    def _is_plain(self) -> bool:
        """Whether `samples` knows this compression and these colors."""
        first = self._directory.first
        known = first.get(_COMPRESSION, _NONE) in (_NONE, _LZW, _PACKBITS, *_DEFLATE)
        return known and first.get(_PHOTOMETRIC, _BLACK_IS_ZERO) <= _PALETTE and first.get(_FILL_ORDER, 1) == 1

    # -- what it holds ----------------------------------------------------------------------------------------

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB. More than 8 bits need `value_range`, bands that are neither gray nor RGB need `bands`.

        FileError `value-range-needed`, `bands-needed`, `not-finite`, `too-large-side`, and as `samples`.
        """
        header = self.header
        self.check_size(header.height, header.width)
        if self._is_plain():
            return self._to_rgb(self.samples(), value_range, bands)
        if header.bits != 8:
            compression = self._directory.first.get(_COMPRESSION, _NONE)
            what = f"TIFF compression {compression} with {header.bits} bits per sample"
            raise self.unsupported(what, "save it with LZW or Deflate compression")
        return pillow_rgb(self, "TIFF")

    def _to_rgb(self, samples: NDArray[Any], value_range: Range | None, bands: tuple[int, int, int] | None) -> U8:
        pixels, count, bits = samples, samples.shape[2], self.header.bits
        if (palette := self._palette()) is not None:
            return rgb.look_up(np.ascontiguousarray(pixels[..., 0]), palette, self)
        photometric = self._directory.first.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
        has_alpha = any(v in (1, 2) for v in self._directory.tags.get(_EXTRA, ()))
        if bands is not None:
            if min(bands) < 0 or max(bands) >= count:
                what = f"bands {bands} are asked for, the file has {count} (0..{count - 1})"
                raise self.error("bands-needed", what, None)
            pixels = pixels[..., list(bands)]
        elif photometric == _RGB and count >= 3:
            pixels = pixels[..., :3]
        elif count == 1 or (count == 2 and has_alpha):
            pixels = pixels[..., 0]
        else:
            what = f"{count} bands, which are not declared as RGB"
            raise self.error("bands-needed", what, "give bands=(red, green, blue), counted from 0")
        if has_alpha and self.notes is not None and bands is None and _is_clear_anywhere(samples[..., -1]):
            self.warn("alpha-dropped", "some pixels are transparent; their colors are used")
        if bits > 8 or pixels.dtype != np.uint8:
            if value_range is None:
                what = f"{pixels.dtype} pixels, and the file does not declare their range"
                fix = "give value_range=(lowest, highest), the values that become 0 and 255"
                raise self.error("value-range-needed", what, fix)
            pixels = rgb.scale(pixels, value_range, self)
        if pixels.ndim == 2:
            pixels = rgb.look_up(np.ascontiguousarray(pixels), rgb.gray_palette(min(bits, 8)), self)
        if photometric == _WHITE_IS_ZERO:
            pixels = 255 - pixels
        return np.ascontiguousarray(pixels, np.uint8)

    def stored(self) -> Stored:
        """Up to four bands of integers 0..65535 as stored.

        FileError as `samples`, and `unsupported-format` for other samples; LabelError `lossy-label` for JPEG
        compression, `class-out-of-range`.
        """
        pixels, palette = self._label_samples(), self._palette()
        count = pixels.shape[2]
        if pixels.dtype.kind not in "ui" or count > 4:
            what = f"a label with {count} bands of {pixels.dtype}, expected class values or colors"
            raise self.unsupported(what)
        values = np.ascontiguousarray(pixels[..., 0] if count == 1 else pixels)
        if values.dtype in (np.uint8, np.uint16):
            return Stored(self.kind, values, palette, self.header.bits)
        return from_integers(self.kind, values, self.where)

    def numbers(self) -> NDArray[Any]:
        """The samples of a label, also of real or negative numbers. FileError and LabelError as `stored`."""
        pixels = self._label_samples()
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

    def _label_samples(self) -> NDArray[Any]:
        header = self.header
        self.check_size(header.height, header.width)
        compression = self._directory.first.get(_COMPRESSION, _NONE)
        if compression in _JPEG:
            raise self.lossy_label("TIFF with JPEG compression")
        if not self._is_plain():
            fix = "save it with LZW or Deflate compression, or as PNG"
            raise self.unsupported(f"a TIFF label with compression {compression}", fix)
        return self.samples()

    def samples(self) -> NDArray[Any]:
        """(H, W, bands) samples of the first page, exactly as stored; the limits of `check_size` are not applied.

        Any integer or float dtype, in the machine's byte order; samples of 1, 2 and 4 bits are uint8. FileError
        `truncated`, `corrupt`, `too-large`, `unsupported-format`. Notes `animated`.
        """
        header, found = self.header, self._directory
        if found.more_pages:
            self.warn("animated", "several pages; the first is used")
        bands, bits = header.channels, header.bits
        dtype = self._dtype(bits)
        if not 0 < bands <= 4096 or len(set(found.tags.get(_BITS, (1,)))) > 1 or (bits < 8 and bands > 1):
            raise self.error("corrupt", f"{bands} bands of {found.tags.get(_BITS)} bits")
        size = header.height * header.width * bands * dtype.itemsize
        if size > _MOST_BYTES * (self.max_pixels or MAX_PIXELS):
            raise self.error("too-large", f"the samples take {size:,} bytes", "raise max_pixels")
        out = np.empty((header.height, header.width, bands), dtype.newbyteorder("="))
        for place, piece in self._pieces(header, dtype):
            out[place] = piece
        return out

    def _dtype(self, bits: int) -> np.dtype[Any]:
        number = self._directory.first.get(_FORMAT, 1)
        form = {1: "u", 2: "i", 3: "f", 4: "u"}.get(number, "?")
        if bits in (1, 2, 4) and form == "u":
            return np.dtype(np.uint8)
        if form + str(bits) in ("u8", "i8", "u16", "i16", "f16", "u32", "i32", "f32", "u64", "i64", "f64"):
            return np.dtype(f"{self._directory.order}{form}{bits // 8}")
        raise self.unsupported(f"samples of {bits} bits and format {number}")

    def _palette(self) -> U8 | None:
        bits = self.header.bits
        if self._directory.first.get(_PHOTOMETRIC) != _PALETTE:
            return None
        colors = np.array(self._directory.tags.get(_COLORMAP, ()), np.uint32)
        if bits > 8 or len(colors) != 3 << bits:
            raise self.error("corrupt", f"a palette of {len(colors)} numbers for {bits} bits")
        # Sixteen bits by the standard; some writers fill in 0..255, which libtiff too takes for 8 bits.
        scaled = colors >> 8 if (colors > 255).any() else colors
        return np.ascontiguousarray(scaled.reshape(3, -1).T.astype(np.uint8))

    # -- strips and tiles -------------------------------------------------------------------------------------

    def _pieces(self, header: Header, dtype: np.dtype[Any]) -> Iterator[tuple[tuple[slice, ...], NDArray[Any]]]:
        """Each strip or tile, unpacked, with its place in the (H, W, bands) raster."""
        tags, first = self._directory.tags, self._directory.first
        tiled = _TILES in tags
        high = first.get(_TILE_HEIGHT, 0) if tiled else min(first.get(_ROWS, header.height), header.height)
        wide = first.get(_TILE_WIDTH, 0) if tiled else header.width
        offsets = tags.get(_TILES if tiled else _STRIPS, ())
        sizes = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
        planes = header.channels if first.get(_PLANAR, 1) == 2 else 1
        depth = header.channels // planes
        if high <= 0 or wide <= 0 or (tiled and high * wide * depth > _MOST_TILE):
            raise self.error("corrupt", f"tiles of {high} x {wide} pixels")
        down, across = -(-header.height // high), -(-header.width // wide)
        if len(offsets) != planes * down * across or len(sizes) != len(offsets):
            raise self.error("corrupt", f"{len(offsets)} strips or tiles, expected {planes * down * across}")
        for k, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
            plane, y, x = k // (down * across), k // across % down * high, k % across * wide
            if offset + size > len(self.data):
                raise self.error("truncated", f"strip or tile {k} ends at byte {offset + size} of {len(self.data)}")
            rows = high if tiled else min(high, header.height - y)
            piece = self._piece(k, memoryview(self.data)[offset : offset + size], rows, wide, depth, dtype)
            h, w = min(rows, header.height - y), min(wide, header.width - x)
            bands = slice(plane, plane + 1) if planes > 1 else slice(None)
            yield (slice(y, y + h), slice(x, x + w), bands), piece[:h, :w]

    def _piece(
        self, k: int, packed: memoryview, rows: int, wide: int, depth: int, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Strip or tile `k` as (rows, wide, depth) samples. dtype: of a sample, in the file's byte order."""
        bits, predictor = self.header.bits, self._directory.first.get(_PREDICTOR, 1)
        row = (wide * depth * bits + 7) // 8
        raw = self._unpack(packed, rows * row)
        if len(raw) < rows * row:
            raise self.error("truncated", f"strip or tile {k} holds {len(raw)} of {rows * row} bytes")
        raw = raw[: rows * row]
        if bits < 8 and predictor == 1:
            plain = np.empty((rows, wide), np.uint8)
            kernels.png.unpack(raw.reshape(rows, row), bits, plain)
            return plain[:, :, None]
        if predictor == 3 and dtype.kind == "f":
            shuffled = raw.reshape(rows, dtype.itemsize * wide, depth)
            summed = np.cumsum(shuffled, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, wide * depth)
            joined = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(f">f{dtype.itemsize}")
            return joined.reshape(rows, wide, depth)
        samples = raw.view(dtype).reshape(rows, -1, depth)
        if predictor == 1:
            return samples
        if predictor == 2 and dtype.kind in "ui" and bits >= 8:
            native = dtype.newbyteorder("=")
            return np.cumsum(samples.astype(native, copy=False), axis=1, dtype=native)
        raise self.unsupported(f"predictor {predictor}")

    def _unpack(self, packed: memoryview, expected: int) -> U8:
        """At most one byte more than `expected` of one strip or tile; fewer if it holds fewer."""
        source, compression = np.frombuffer(packed, np.uint8), self._directory.first.get(_COMPRESSION, _NONE)
        if compression == _NONE:
            return source[:expected]
        if compression in _DEFLATE:
            try:
                return np.frombuffer(zlib_ng.decompressobj().decompress(packed, expected + 1), np.uint8)
            except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
                raise self.error("corrupt", f"the pixel stream is damaged: {error}") from None
        out = np.empty(expected, np.uint8)
        if compression == _PACKBITS:
            return out[: kernels.tiff.unpack_bits(source, out)]
        done = kernels.tiff.unpack_lzw(source, np.zeros(4097, np.int64), np.zeros(4097, np.int64), out)
        if done < 0:
            raise self.error("corrupt", "the LZW stream uses a code that it has not defined")
        return out[:done]


def _is_clear_anywhere(alpha: NDArray[Any]) -> bool:
    return alpha.dtype.kind == "u" and int(alpha.min()) < np.iinfo(alpha.dtype).max
