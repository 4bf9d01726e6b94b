"""TIFF and BigTIFF, strict: strips and tiles, plain, LZW, Deflate or PackBits, any number of bands and bits.

We have our own reader because Pillow cuts 16-bit RGB to 8 bits and OpenCV turns four bands into one, both in silence,
and neither reads more than four bands. What it does not know (JPEG, CCITT, CMYK, YCbCr) is left to Pillow. It follows
TIFF 6.0 and Adobe's technical notes 1 and 3 (predictors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..errors import DataError
from ..types import I64, U8, Range, Window
from . import rgb
from .encoded import MOST_INFLATION, EncodedFile
from .header import MAX_PIXELS, Header, pixel_limit
from .pillow import pillow_rgb
from .stored import LabelNumbers, Stored, from_integers
from .tiff_tags import Directory

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLORMAP = 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = 0, 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
_NONE, _LZW, _PACKBITS = 1, 5, 32773
_DEFLATE, _JPEG = (8, 32946), (6, 7)
_MOST_BYTES: Final = 8
"""Most bytes per pixel at the largest image: four bands of 16 bits, or two of 32."""
_MOST_BANDS: Final = 4096
_BLOCK: Final = 1 << 23
"""Bytes that are unpacked at a time."""
_PIECE: Final = 2048
"""Pixels per strip or tile below which they are refused, at the largest image: each costs some microseconds."""
_PADDING: Final = 1 << 26
"""Bytes beyond the image that tiles may take; usual ones of 1024 x 1024 with three bands take 3 million."""
_BANDS, _BAND = 16, 4  # in how many places `glance` looks, and at how many rows
_RATIO: Final = {_NONE: 1, _LZW: 2560, _PACKBITS: 64} | dict.fromkeys(_DEFLATE, MOST_INFLATION)
"""Most bytes that one byte unpacks to: LZW's longest text of 3,838 bytes takes a code of 12 bits."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Strips or tiles: `planes` times `down` x `across` of them, each of `high` x `wide` pixels with `depth` bands.

    whole: whether they are unpacked whole, or only the rows that are in the image.
    """

    tiled: bool
    high: int
    wide: int
    depth: int
    planes: int
    down: int
    across: int
    whole: bool

    def __len__(self) -> int:
        return self.planes * self.down * self.across


class TiffFile(EncodedFile):
    """TIFF or BigTIFF; of several pages the first."""

    kind = "tiff"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"II[*+]\0|MM\0[*+]")
    extensions: ClassVar[tuple[str, ...]] = (".tif", ".tiff")
    _tags: Directory
    """Known once the header is."""

    def _read_header(self) -> Header:
        tags = self._tags = Directory(self)
        channels = tags.first(_SAMPLES, 1)
        bits = max(tags.numbers(_BITS, max(1, min(channels, _MOST_BANDS))), default=1)
        orientation = self.orientation(tags.first(_ORIENTATION) if _ORIENTATION in tags else None)
        return Header(self.kind, tags.first(_HEIGHT), tags.first(_WIDTH), channels, bits, orientation)

    def _is_plain(self) -> bool:
        """Whether `samples` knows this compression and these colors."""
        tags = self._tags
        known = tags.first(_COMPRESSION, _NONE) in _RATIO
        return known and tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) <= _PALETTE and tags.first(_FILL_ORDER, 1) == 1

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
            what = f"TIFF compression {self._tags.first(_COMPRESSION, _NONE)} with {header.bits} bits per sample"
            raise self.unsupported(what, "save it with LZW or Deflate compression")
        if not self._grid(1).whole or self._tags.claimed > 2 * len(self.data):  # Pillow unpacks and reads all of them
            raise self.error("corrupt", "tiles or tags that take far more than the image")
        self._note_pages()
        return pillow_rgb(self, "TIFF")

    def image_window(
        self, window: Window, value_range: Range | None = None, bands: tuple[int, int, int] | None = None
    ) -> U8 | None:
        """A window of `image`. None for what Pillow reads, and for alpha: the whole picture decides what that is."""
        header = self.header
        alpha = any(v in (_ASSOCIATED, _UNASSOCIATED) for v in self._tags.numbers(_EXTRA, _MOST_BANDS))
        if not self._is_plain() or (alpha and bands is None):
            return None
        self.check_window(window, header)
        return self._to_rgb(self.samples(window), value_range, bands)

    def _to_rgb(self, samples: NDArray[Any], value_range: Range | None, bands: tuple[int, int, int] | None) -> U8:
        pixels, count, bits = samples, samples.shape[2], self.header.bits
        if (palette := self._palette()) is not None:
            return rgb.look_up(np.ascontiguousarray(pixels[..., 0]), palette, self)
        photometric = self._tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO)
        alpha = next((v for v in self._tags.numbers(_EXTRA, _MOST_BANDS) if v in (_ASSOCIATED, _UNASSOCIATED)), None)
        if bands is not None:
            if min(bands) < 0 or max(bands) >= count:
                what = f"bands {bands} are asked for, the file has {count} (0..{count - 1})"
                raise self.error("bands-needed", what, None)
            pixels = pixels[..., list(bands)]
        elif photometric == _RGB and count >= 3:
            pixels = pixels[..., :3]
        elif count == 1 or (count == 2 and alpha is not None):
            pixels = pixels[..., :1]
        else:
            what = f"{count} bands, which are not declared as RGB"
            raise self.error("bands-needed", what, "give bands=(red, green, blue), counted from 0")
        if bands is None and count > pixels.shape[2]:
            if alpha is not None and _may_be_alpha(pixels, samples[..., -1], alpha):
                pixels = self._without_alpha(pixels, samples[..., -1], alpha)
            else:
                declared = "; the last is declared as alpha, but holds a picture" if alpha is not None else ""
                what = f"{count} bands, {pixels.shape[2]} read (0..{pixels.shape[2] - 1}){declared}"
                self.warn("bands-unread", what, "to choose: bands = [0, 1, 2] under [images] of a pixelwise.toml")
        if pixels.shape[2] == 1:
            pixels = pixels[..., 0]
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

    def _without_alpha(self, pixels: NDArray[Any], opacity: NDArray[Any], alpha: int) -> NDArray[Any]:
        """The colors under the alpha band; divided by it, as Pillow does, if they come multiplied by it.

        Notes `alpha-dropped`, `alpha-divided`.
        """
        clear = opacity.dtype.kind == "u" and int(opacity.min()) < np.iinfo(opacity.dtype).max
        if alpha == _ASSOCIATED and clear and opacity.dtype in (np.uint8, np.uint16):
            self.warn("alpha-divided", "colors come multiplied by their alpha; they are divided by it")
            return rgb.undo_alpha(pixels, opacity)
        if clear:
            self.warn("alpha-dropped", "some pixels are transparent; their colors are used")
        return pixels

    def stored(self) -> Stored:
        """Up to four bands of integers 0..65535 as stored.

        FileError as `samples`, and `unsupported-format` for other samples; LabelError `lossy-label` for JPEG
        compression, `class-out-of-range`. Note `white-is-zero`.
        """
        return self._stored(self._label_samples())

    def stored_window(self, window: Window) -> Stored | None:
        """A window of `stored`."""
        self.check_window(window, self.header)
        return self._stored(self._label_samples(window))

    def _stored(self, pixels: NDArray[Any]) -> Stored:
        palette = self._palette()
        count = pixels.shape[2]
        if pixels.dtype.kind not in "ui" or count > 4:
            raise self.unsupported(f"a label with {count} bands of {pixels.dtype}, expected class values or colors")
        if self._tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) == _WHITE_IS_ZERO:
            self.warn("white-is-zero", "the file declares 0 as white; its values are used as stored, not inverted")
        values = np.ascontiguousarray(pixels[..., 0] if count == 1 else pixels)
        if values.dtype in (np.uint8, np.uint16):
            return Stored(self.kind, values, palette, self.header.bits)
        return from_integers(self.kind, values, self.where)

    def numbers(self) -> LabelNumbers:
        """The samples of a label, also of real or negative numbers. FileError and LabelError as `stored`."""
        return self._numbers(self._label_samples())

    def glance(self) -> LabelNumbers | None:
        """Rows from all over the file, if its strips or tiles are low enough for that."""
        height, width = self.header.height, self.header.width
        if self._grid(1).high * 2 * _BANDS > height:
            return None
        tops = [k * (height - _BAND) // (_BANDS - 1) for k in range(_BANDS)]
        return self._numbers(np.concatenate([self._label_samples(Window(y, 0, y + _BAND, width)) for y in tops]))

    def _numbers(self, pixels: NDArray[Any]) -> LabelNumbers:
        try:
            stored = self._stored(pixels)
        except DataError:
            stored = None
        return LabelNumbers(self.kind, pixels[..., 0] if pixels.shape[2] == 1 else pixels, stored)

    def _label_samples(self, window: Window | None = None) -> NDArray[Any]:
        header = self.header
        if window is None:
            self.check_size(header.height, header.width)
        compression = self._tags.first(_COMPRESSION, _NONE)
        if compression in _JPEG:
            raise self.lossy_label("TIFF with JPEG compression")
        if not self._is_plain():
            fix = "save it with LZW or Deflate compression, or as PNG"
            raise self.unsupported(f"a TIFF label with compression {compression}", fix)
        return self.samples(window)

    def samples(self, window: Window | None = None) -> NDArray[Any]:
        """(H, W, bands) samples of the first page, exactly as stored; the limits of `check_size` are not applied.

        window: read only these, and only the strips or tiles that hold them; the others may be damaged unseen.

        Any integer or float dtype, in the machine's byte order; samples of 1, 2 and 4 bits are uint8. FileError
        `truncated`, `corrupt`, `too-large`, `unsupported-format`. Notes `animated`.
        """
        header, tags = self.header, self._tags
        self._note_pages()
        bands, bits = header.channels, header.bits
        dtype = self._dtype(bits)
        if not 0 < bands <= _MOST_BANDS or (bits < 8 and bands > 1) or len(set(tags.numbers(_BITS, bands))) > 1:
            raise self.error("corrupt", f"{bands} bands of {tags.numbers(_BITS, 8)} bits")
        y0, x0, y1, x1 = window or (0, 0, header.height, header.width)
        self.check_bytes((y1 - y0) * (x1 - x0) * bands * dtype.itemsize, _MOST_BYTES)
        grid = self._grid(dtype.itemsize)
        places = self._places(grid, bits)
        native = dtype.newbyteorder("=")
        out = np.empty((y1 - y0, x1 - x0, bands), native)
        scratch = np.zeros((2, 4097), np.int64)
        for k, packed in enumerate(places):
            plane, y, x = k // (grid.down * grid.across), k // grid.across % grid.down * grid.high, k % grid.across
            x *= grid.wide
            rows, columns = min(grid.high, header.height - y), min(grid.wide, header.width - x)
            if y >= y1 or x >= x1 or y + rows <= y0 or x + columns <= x0:
                continue
            own = out[..., plane : plane + 1] if grid.planes > 1 else out
            if y >= y0 and x >= x0 and y + rows <= y1 and x + columns <= x1:
                self._unpack(k, packed, own[y - y0 : y - y0 + rows, x - x0 : x - x0 + columns], grid, dtype, scratch)
                continue
            part = np.empty((rows, columns, grid.depth), native)  # a piece that is not all in the window
            self._unpack(k, packed, part, grid, dtype, scratch)
            (a, b), (c, d) = (max(y, y0), min(y + rows, y1)), (max(x, x0), min(x + columns, x1))
            own[a - y0 : b - y0, c - x0 : d - x0] = part[a - y : b - y, c - x : d - x]
        return out

    def _note_pages(self) -> None:
        if self._tags.more_pages:
            self.warn("animated", "several pages; the first is used")

    def _dtype(self, bits: int) -> np.dtype[Any]:
        number = self._tags.first(_FORMAT, 1)
        form = {1: "u", 2: "i", 3: "f", 4: "u"}.get(number, "?")
        if bits in (1, 2, 4) and form == "u":
            return np.dtype(np.uint8)
        if form + str(bits) in ("u8", "i8", "u16", "i16", "f16", "u32", "i32", "f32", "u64", "i64", "f64"):
            return np.dtype(f"{self._tags.order}{form}{bits // 8}")
        raise self.unsupported(f"samples of {bits} bits and format {number}")

    def _palette(self) -> U8 | None:
        bits = self.header.bits
        if self._tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) != _PALETTE:
            return None
        colors = np.array(self._tags.numbers(_COLORMAP, (3 << 8) + 1), np.uint32)
        if bits > 8 or len(colors) != 3 << bits:
            raise self.error("corrupt", f"a palette of {len(colors)} numbers for {bits} bits")
        # Sixteen bits by the standard; some writers fill in 0..255, which libtiff too takes for 8 bits.
        scaled = colors >> 8 if (colors > 255).any() else colors
        return np.ascontiguousarray(scaled.reshape(3, -1).T.astype(np.uint8))

    # -- strips and tiles -------------------------------------------------------------------------------------

    def _grid(self, itemsize: int) -> _Grid:
        """How the strips or tiles lie. FileError `corrupt` or `too-large` if they cost far more than the image.

        itemsize: bytes of a sample.
        """
        (height, width), bands, tags = (self.header.height, self.header.width), self.header.channels, self._tags
        if not 0 < bands <= _MOST_BANDS:
            raise self.error("corrupt", f"{bands} bands")
        tiled = _TILES in tags
        high = tags.first(_TILE_HEIGHT) if tiled else min(tags.first(_ROWS, height), height)
        wide = tags.first(_TILE_WIDTH) if tiled else width
        if high <= 0 or wide <= 0:
            raise self.error("corrupt", f"tiles of {high} x {wide} pixels")
        planes = bands if tags.first(_PLANAR, 1) == 2 else 1
        down, across = -(-height // high), -(-width // wide)
        padding = (height * across * wide - 2 * height * width) * bands * itemsize
        if padding > _PADDING:
            raise self.error("corrupt", f"tiles of {high} x {wide} pixels for an image of {height} x {width}")
        whole = padding + (down * high - height) * across * wide * bands * itemsize <= _PADDING
        limit, count = max(MAX_PIXELS, pixel_limit(self.max_pixels)), planes * down * across
        if count * _PIECE > limit:
            raise self.too_large(f"{count:,} strips or tiles, the limit is {limit // _PIECE:,}", count * _PIECE)
        return _Grid(tiled, high, wide, bands // planes, planes, down, across, whole)

    def _rows(self, k: int, grid: _Grid) -> int:
        """How many rows of strip or tile `k` are unpacked. The last strip has no more than the image, a tile may."""
        if grid.tiled and grid.whole:
            return grid.high
        return min(grid.high, self.header.height - k // grid.across % grid.down * grid.high)

    def _places(self, grid: _Grid, bits: int) -> list[memoryview]:
        """The packed bytes of each strip or tile. Note `extra-data`.

        FileError `corrupt`, `truncated`; also if one is too short for what it should hold.
        """
        tags, count = self._tags, len(grid)
        offsets = tags.numbers(_TILES if grid.tiled else _STRIPS, count)
        sizes = tags.numbers(_TILE_BYTES if grid.tiled else _STRIP_BYTES, count)
        if len(offsets) < count or len(sizes) < count:
            raise self.error("corrupt", f"{min(len(offsets), len(sizes))} strips or tiles, expected {count}")
        if (there := tags.count(_TILES if grid.tiled else _STRIPS)) > count:
            self.warn("extra-data", f"{there} strips or tiles, {count} are of the image; the rest is ignored")
        row, best = (grid.wide * grid.depth * bits + 7) // 8, _RATIO[tags.first(_COMPRESSION, _NONE)]
        # Packing never makes more of it than LZW, with a code of 12 bits for every byte: what is beyond is not of it.
        most = grid.high * row * 2 + 64
        view, end = memoryview(self.data), len(self.data)
        for k, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
            if min(offset, size) < 0 or offset + size > end:
                raise self.error("truncated", f"strip or tile {k} ends at byte {offset + size} of {end}")
            self.check_fits(size, self._rows(k, grid) * row, best, f"strip or tile {k}")
        return [view[offset : offset + min(size, most)] for offset, size in zip(offsets, sizes, strict=True)]

    def _unpack(
        self, k: int, packed: memoryview, target: NDArray[Any], grid: _Grid, dtype: np.dtype[Any], scratch: I64
    ) -> None:
        """Strip or tile `k` into `target` (rows, columns, depth), some MB at a time.

        dtype: of a sample, in the file's byte order. scratch: (2, 4097), of the LZW kernel.
        """
        row, rows, done = (grid.wide * grid.depth * self.header.bits + 7) // 8, self._rows(k, grid), 0
        for raw in self._raw(packed, rows * row, row * max(1, _BLOCK // row), scratch):
            count = len(raw) // row
            plain = self._plain(raw[: count * row].reshape(count, row), grid, dtype)
            inside = target[done : done + count]
            inside[...] = plain[: len(inside), : target.shape[1]]
            done += count
        if done < rows:
            raise self.error("truncated", f"strip or tile {k} holds {done} of {rows} rows")

    def _plain(self, raw: U8, grid: _Grid, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Unpacked rows (n, bytes) as (n, wide, depth) samples."""
        bits, predictor, count = self.header.bits, self._tags.first(_PREDICTOR, 1), len(raw)
        if bits < 8 and predictor == 1:
            plain = np.empty((count, grid.wide), np.uint8)
            kernels.png.unpack(raw, bits, plain)
            return plain[:, :, None]
        if predictor == 3 and dtype.kind == "f":
            shuffled = raw.reshape(count, dtype.itemsize * grid.wide, grid.depth)
            summed = np.cumsum(shuffled, axis=1, dtype=np.uint8).reshape(count, dtype.itemsize, grid.wide * grid.depth)
            joined = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(f">f{dtype.itemsize}")
            return joined.reshape(count, grid.wide, grid.depth)
        if predictor == 1:
            return raw.view(dtype).reshape(count, grid.wide, grid.depth)
        if predictor == 2 and dtype.kind in "ui" and bits >= 8:
            native = dtype.newbyteorder("=")
            samples = raw.view(dtype).reshape(count, grid.wide, grid.depth).astype(native, copy=False)
            return np.cumsum(samples, axis=1, dtype=native)
        raise self.unsupported(f"predictor {predictor}")

    def _raw(self, packed: memoryview, expected: int, block: int, scratch: I64) -> Iterator[U8]:
        """The first `expected` bytes of one strip or tile, in blocks of whole rows; fewer if it holds fewer."""
        source, compression = np.frombuffer(packed, np.uint8), self._tags.first(_COMPRESSION, _NONE)
        if compression == _NONE:
            for at in range(0, expected, block):
                yield source[at : min(at + block, expected)]
        elif compression in _DEFLATE:
            inflater, left = zlib_ng.decompressobj(), expected
            rest: memoryview | bytes = packed
            try:
                # At the end one byte more than expected, so that the checksum of the stream is looked at.
                while left > 0 and len(raw := inflater.decompress(rest, block if block < left else left + 1)):
                    yield np.frombuffer(raw, np.uint8)[:left]
                    rest, left = inflater.unconsumed_tail, left - len(raw)
            except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
                raise self.error("corrupt", f"the pixel stream is damaged: {error}") from None
        else:
            out = np.empty(expected, np.uint8)
            if compression == _PACKBITS:
                done = kernels.tiff.unpack_bits(source, out)
            else:
                done = kernels.tiff.unpack_lzw(source, scratch[0], scratch[1], out)
            if done < 0:
                raise self.error("corrupt", "the LZW stream uses a code that it has not defined")
            yield out[:done]


def _may_be_alpha(pixels: NDArray[Any], opacity: NDArray[Any], alpha: int) -> bool:
    """Whether a band that is declared as alpha can be one, and is not near infrared or the like: pictures vary.

    Colors that were multiplied by their alpha are never above it; other alpha is mostly all or nothing.
    """
    if opacity.dtype.kind != "u":
        return True
    if alpha == _ASSOCIATED:
        return bool((pixels <= opacity[..., None]).all())
    between = float(((opacity > 0) & (opacity < np.iinfo(opacity.dtype).max)).mean())
    return between <= 0.5 or len(np.unique(opacity)) <= 4
