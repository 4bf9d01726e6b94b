"""TIFF and BigTIFF, strict: strips and tiles, plain, LZW, Deflate or PackBits, any number of bands and bits.

An own reader, because Pillow cuts 16-bit RGB to 8 bits and OpenCV turns four bands into one, both in silence,
and neither reads more than four bands. What it does not know (JPEG, CCITT, CMYK, YCbCr) is left to Pillow.
After TIFF 6.0 and Adobe's technical notes 1 and 3 (predictors).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from .. import kernels
from ..errors import FileError
from ..types import U8, Finding
from .header import MAX_PIXELS, Header, check_size, corrupt, exif_value, truncated, warn

Fetch = Callable[[int, int], bytes]
"""`fetch(offset, size)`: bytes of the file, fewer than `size` only at its end."""

_TYPES: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_PREDICTOR, _COLORMAP = 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_WANTED: Final = frozenset((*range(256, 285), _PREDICTOR, _COLORMAP, *range(322, 326), _EXTRA, _FORMAT))
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
_LZW, _PACKBITS = 5, 32773
_MOST_BYTES: Final = 16
"""Most bytes a pixel, at the largest image: eight bands of 16 bits, or four of 32."""
_MOST_TILE: Final = 1 << 28
"""Most samples of one tile; tiles of 256 to 1024 pixels a side are usual."""
_DEFLATE = (8, 32946)


@dataclass(frozen=True, slots=True)
class Tags:
    """What the first directory says. order: "<" or ">". values: tag -> numbers."""

    order: str
    values: dict[int, tuple[int, ...]]
    more_pages: bool

    def one(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        values = self.values.get(tag)
        return values[0] if values else default


@dataclass(frozen=True, slots=True)
class Raster:
    """pixels: (H, W, bands) as stored, in the machine's byte order, any integer or float dtype; samples of 1,
    2 and 4 bits as uint8. palette: (n, 3) uint8 or None. alpha: whether a band is declared as alpha.
    """

    pixels: NDArray[Any]
    palette: U8 | None
    photometric: int
    bits: int
    alpha: bool


def parse(fetch: Fetch, where: object) -> Tags:
    """The tags of the first directory."""
    head = fetch(0, 16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    if len(head) < (16 if big else 8):
        raise truncated("the file ends inside its header", where)
    at = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
    size, inline, counter = (20, 8, "Q") if big else (12, 4, "H")
    width = struct.calcsize(order + counter)
    block = fetch(at, width + 64 * size)
    if len(block) < width:
        raise truncated(f"the directory at byte {at} is not there", where)
    (count,) = struct.unpack_from(order + counter, block, 0)
    if count > 4096:
        raise corrupt(f"the directory has {count} entries", where)
    need = width + count * size + inline
    if need > len(block):
        block = fetch(at, need)
    if len(block) < need:
        raise truncated("the file ends inside its directory", where)
    values: dict[int, tuple[int, ...]] = {}
    for entry in range(width, width + count * size, size):
        tag, kind = struct.unpack_from(order + "HH", block, entry)
        if tag in _WANTED and kind in _TYPES:
            n = struct.unpack_from(order + ("Q" if big else "I"), block, entry + 4)[0]
            values[tag] = _values(fetch, order, kind, n, block[entry + size - inline : entry + size], where)
    following = struct.unpack_from(order + ("Q" if big else "I"), block, need - inline)[0]
    return Tags(order, values, following != 0)


def _values(fetch: Fetch, order: str, kind: int, count: int, field: bytes, where: object) -> tuple[int, ...]:
    if count > 1 << 26:
        raise corrupt(f"a tag with {count} values", where)
    form = f"{order}{count}{_TYPES[kind]}"
    size = struct.calcsize(form)
    if size > len(field):
        (at,) = struct.unpack_from(order + ("Q" if len(field) == 8 else "I"), field)
        field = fetch(at, size)
        if len(field) < size:
            raise truncated("the file ends inside its directory", where)
    return struct.unpack_from(form, field)


def header(tags: Tags, where: object, notes: list[Finding] | None = None) -> Header:
    """The header that the tags describe."""
    bits = tags.values.get(_BITS, (1,))
    return Header(
        "tiff",
        tags.one(_HEIGHT),
        tags.one(_WIDTH),
        tags.one(_SAMPLES, 1),
        max(bits),
        exif_value(tags.one(_ORIENTATION), where, notes) if _ORIENTATION in tags.values else None,
    )


def compression(tags: Tags) -> int:
    """TIFF's number of the compression; 6 and 7 are JPEG."""
    return tags.one(_COMPRESSION, 1)


def is_plain(tags: Tags) -> bool:
    """Whether `read` knows this compression and these colors."""
    known = tags.one(_COMPRESSION, 1) in (1, _LZW, _PACKBITS, *_DEFLATE)
    return known and tags.one(_PHOTOMETRIC, BLACK_IS_ZERO) <= PALETTE and tags.one(_FILL_ORDER, 1) == 1


def read(
    data: bytes, tags: Tags, where: object, notes: list[Finding] | None = None, max_pixels: int | None = None
) -> Raster:
    """The samples of the first page, exactly as stored. FileError `truncated`, `corrupt`, `too-large`, ..."""
    found = header(tags, where)
    check_size(found.height, found.width, where, max_pixels)
    if tags.more_pages:
        warn(notes, "animated", where, "several pages; the first is used")
    bands, bits = found.channels, found.bits
    dtype = _dtype(tags, bits, where)
    if not 0 < bands <= 4096 or len(set(tags.values.get(_BITS, (1,)))) > 1 or (bits < 8 and bands > 1):
        raise corrupt(f"{bands} bands of {tags.values.get(_BITS)} bits", where)
    size = found.height * found.width * bands * dtype.itemsize
    if size > _MOST_BYTES * (max_pixels or MAX_PIXELS):
        raise FileError(f"the samples take {size:,} bytes", code="too-large", where=where, fix="raise max_pixels")
    out = np.empty((found.height, found.width, bands), dtype.newbyteorder("="))
    for place, piece in _pieces(data, tags, found, dtype, where):
        out[place] = piece
    palette = None
    photometric = tags.one(_PHOTOMETRIC, BLACK_IS_ZERO)
    if photometric == PALETTE:
        palette = _palette(tags, bits, where)
    alpha = any(v in (1, 2) for v in tags.values.get(_EXTRA, ()))
    return Raster(out, palette, photometric, bits, alpha)


def _dtype(tags: Tags, bits: int, where: object) -> np.dtype[Any]:
    form = {1: "u", 2: "i", 3: "f", 4: "u"}.get(tags.one(_FORMAT, 1), "?")
    if bits in (1, 2, 4) and form == "u":
        return np.dtype(np.uint8)
    if form + str(bits) in ("u8", "i8", "u16", "i16", "f16", "u32", "i32", "f32", "u64", "i64", "f64"):
        return np.dtype(f"{tags.order}{form}{bits // 8}")
    raise FileError(f"samples of {bits} bits and format {tags.one(_FORMAT, 1)}", code="unsupported-format", where=where)


def _pieces(
    data: bytes, tags: Tags, found: Header, dtype: np.dtype[Any], where: object
) -> Iterator[tuple[tuple[slice, slice, slice], NDArray[Any]]]:
    """Each strip or tile, unpacked, with its place in the (H, W, bands) raster."""
    tiled = _TILES in tags.values
    high = tags.one(_TILE_HEIGHT) if tiled else min(tags.one(_ROWS, found.height), found.height)
    wide = tags.one(_TILE_WIDTH) if tiled else found.width
    offsets = tags.values.get(_TILES if tiled else _STRIPS, ())
    sizes = tags.values.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    planes = found.channels if tags.one(_PLANAR, 1) == 2 else 1
    depth = found.channels // planes
    if high <= 0 or wide <= 0 or (tiled and high * wide * depth > _MOST_TILE):
        raise corrupt(f"tiles of {high} x {wide} pixels", where)
    down, across = -(-found.height // high), -(-found.width // wide)
    if len(offsets) != planes * down * across or len(sizes) != len(offsets):
        raise corrupt(f"{len(offsets)} strips or tiles, expected {planes * down * across}", where)
    for k, (offset, size) in enumerate(zip(offsets, sizes, strict=True)):
        plane, y, x = k // (down * across), k // across % down * high, k % across * wide
        if offset + size > len(data):
            raise truncated(f"strip or tile {k} ends at byte {offset + size} of {len(data)}", where)
        rows = high if tiled else min(high, found.height - y)
        packed = memoryview(data)[offset : offset + size]
        piece = _piece(packed, tags, rows, wide, depth, found.bits, dtype, k, where)
        h, w = min(rows, found.height - y), min(wide, found.width - x)
        bands = slice(plane, plane + 1) if planes > 1 else slice(None)
        yield (slice(y, y + h), slice(x, x + w), bands), piece[:h, :w]


def _piece(
    packed: memoryview, tags: Tags, rows: int, wide: int, depth: int, bits: int, dtype: np.dtype[Any], k: int,
    where: object,
) -> NDArray[Any]:  # fmt: skip
    """One strip or tile as (rows, wide, depth) samples in the machine's byte order."""
    row = (wide * depth * bits + 7) // 8
    raw = _unpack(packed, tags.one(_COMPRESSION, 1), rows * row, where)
    if len(raw) < rows * row:
        raise truncated(f"strip or tile {k} holds {len(raw)} of {rows * row} bytes", where)
    predictor = tags.one(_PREDICTOR, 1)
    if bits < 8 and predictor == 1:
        plain = np.empty((rows, wide), np.uint8)
        kernels.png.unpack(raw[: rows * row].reshape(rows, row), bits, plain)
        return plain[:, :, None]
    if predictor == 3 and dtype.kind == "f":
        shuffled = raw[: rows * row].reshape(rows, dtype.itemsize * wide, depth)
        summed = np.cumsum(shuffled, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, wide * depth)
        return np.ascontiguousarray(summed.transpose(0, 2, 1)).view(f">f{dtype.itemsize}").reshape(rows, wide, depth)
    samples = raw[: rows * row].view(dtype).reshape(rows, -1, depth)
    if predictor == 1:
        return samples
    if predictor == 2 and dtype.kind in "ui" and bits >= 8:
        native = dtype.newbyteorder("=")
        return np.cumsum(samples.astype(native, copy=False), axis=1, dtype=native)
    raise FileError(f"predictor {predictor}", code="unsupported-format", where=where)


def _unpack(packed: memoryview, how: int, expected: int, where: object) -> U8:
    """At most `expected` bytes of one strip or tile; fewer where it holds fewer."""
    source = np.frombuffer(packed, np.uint8)
    if how == 1:
        return source[:expected]
    if how in _DEFLATE:
        try:
            return np.frombuffer(zlib_ng.decompressobj().decompress(packed, expected + 1), np.uint8)
        except zlib_ng.error as error:  # type: ignore[misc]  # the stubs call it an instance
            raise corrupt(f"the pixel stream is damaged: {error}", where) from None
    out = np.empty(expected, np.uint8)
    if how == _PACKBITS:
        return out[: kernels.tiff.unpack_bits(source, out)]
    done = kernels.tiff.unpack_lzw(source, np.zeros(4097, np.int64), np.zeros(4097, np.int64), out)
    if done < 0:
        raise corrupt("the LZW stream uses a code that it has not defined", where)
    return out[:done]


def _palette(tags: Tags, bits: int, where: object) -> U8:
    colors = np.array(tags.values.get(_COLORMAP, ()), np.uint32)
    if bits > 8 or len(colors) != 3 << bits:
        raise corrupt(f"a palette of {len(colors)} numbers for {bits} bits", where)
    # Sixteen bits by the standard; some writers fill in 0..255, which libtiff too takes for 8 bits.
    scaled = colors >> 8 if (colors > 255).any() else colors
    return np.ascontiguousarray(scaled.reshape(3, -1).T.astype(np.uint8))
