"""An image and its label from their files to a window of pixels, in one call that holds no lock.

Read, hash, decode. Only files come here that were read whole before, by the strict decoders, and whose bytes are the
same as then: that is what the hash is for. Anything else is a fault, and the caller reads the sample in the plain way.

Why no read or write leaves its buffer: see `jpeg` and `inflate`; a file is read into room for as many bytes as it had,
and one more; the PNG's size is compared with the image's, the window with both; chunks are compared with the file.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types

from .compiling import jit, part
from .inflate import PAD, inflate
from .jpeg import INDEXED, read_window
from .jpeg_header import HEIGHT, WIDTH
from .png import average, paeth, sub
from .words import U, copy32, get8, get32, get64, get_big, put8, put64

NOT_READ, CHANGED, BAD_PNG, BAD_SIZE, BAD_FILTER = range(50, 55)
FILE_PAD: Final = PAD
"""Bytes of zeros behind a file."""
_CLOCK = 1  # CLOCK_MONOTONIC of Linux

_open = types.ExternalFunction("open", types.int32(types.uint64, types.int32))
_read = types.ExternalFunction("read", types.int64(types.int32, types.uint64, types.uint64))
_close = types.ExternalFunction("close", types.int32(types.int32))
_clock = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uint64))

_SIGNATURE = U(0x0A1A0A0D474E5089)
_HEADER, _DATA, _END = (U(int.from_bytes(kind, "little")) for kind in (b"IHDR", b"IDAT", b"IEND"))
_PRIMES = (U(0x9E3779B185EBCA87), U(0xC2B2AE3D27D4EB4F), U(0x165667B19E3779F9), U(0x85EBCA77C2B2AE63))


@jit
def digest(data: Any, n: Any) -> Any:
    """64 bits that change if one of the n bytes at the address does: each word is mixed in by steps that can be undone.

    Not against forgery. PAD bytes behind them may be read.
    """
    p, end = U(data), U(data) + U(n)
    a, b, c, d = _PRIMES
    while p + U(32) <= end:
        a = (a ^ get64(p)) * _PRIMES[0]
        b = (b ^ get64(p + U(8))) * _PRIMES[1]
        c = (c ^ get64(p + U(16))) * _PRIMES[2]
        d = (d ^ get64(p + U(24))) * _PRIMES[3]
        a, b, c, d = a ^ a >> U(29), b ^ b >> U(31), c ^ c >> U(33), d ^ d >> U(32)
        p += U(32)
    while p < end:
        a = (a ^ get8(p)) * _PRIMES[1]
        a ^= a >> U(29)
        p += U(1)
    a = (a ^ U(n)) * _PRIMES[0]
    a = ((a ^ a >> U(29)) + b) * _PRIMES[1]
    a = ((a ^ a >> U(31)) + c) * _PRIMES[2]
    return ((a ^ a >> U(33)) + d) * _PRIMES[3]


@part
def _read_file(path: Any, flags: Any, data: Any, n: Any, expected: Any) -> Any:
    """A file of n bytes to the address `data`, which has room for one more and PAD: 0, or a fault."""
    descriptor = _open(U(path), np.int32(flags))
    if descriptor < 0:
        return NOT_READ
    done, n = np.int64(0), np.int64(n)
    while done <= n:
        got = _read(descriptor, U(data) + U(done), U(n + 1 - done))
        if got <= 0:
            break
        done += got
    _close(descriptor)
    if done != n:
        return CHANGED
    for k in range(PAD):
        put8(U(data) + U(n + k), 0)
    return 0 if digest(data, n) == expected else CHANGED


@jit
def _stream_of(data: Any, n: Any, stream: Any) -> Any:
    """Join the bodies of the IDAT chunks of a PNG at `stream`, with PAD zeros; how many bytes, 0 if a chunk is cut."""
    at, length = U(33), U(0)
    while at + U(12) <= n:
        size, kind = get_big(data + at) >> U(32), get32(data + at + U(4))
        if kind == _END:
            break
        if at + U(12) + size > n:
            return U(0)
        if kind == _DATA:
            k = U(0)
            while k < size:
                copy32(data + at + U(8) + k, stream + length + k)
                k += U(32)
            length += size
        at += U(12) + size
    for k in range(PAD // 8):
        put64(stream + length + U(8 * k), 0)
    return length


@jit
def _unfilter(rows: Any, height: Any, width: Any, zeros: Any) -> Any:
    """Undo the filters of rows of 1 + width bytes, in place; False for a filter that does not exist."""
    line = width + 1
    for y in range(height):
        kind = rows[y * line]
        if kind == 0:
            continue
        row = rows[y * line + 1 : (y + 1) * line]
        above = zeros if y == 0 else rows[(y - 1) * line + 1 : y * line]
        if kind == 1:
            sub(row, row, 1)
        elif kind == 2:
            for k in range(width):
                row[k] += above[k]
        elif kind == 3:
            average(row, above, row, 1)
        elif kind == 4:
            paeth(row, above, row, 1)
        else:
            return False
    return True


@jit
def label_window(
    data: Any, n: Any, size: Any, y0: Any, x0: Any, h: Any, w: Any, ids: Any, stream: Any, rows: Any, zeros: Any,
    room: Any, out: Any,
) -> Any:  # fmt: skip
    """A window of the PNG of n bytes at the address `data`, 8 bits gray or palette, not interlaced: 0, or a fault.

    size: (2,) int64 height and width that it must have. ids: (256,) uint8, the class id of each value. stream: address
    of n + PAD bytes. rows: uint8, (y0 + h) * (width + 1) + SLACK of them. zeros: width of them. room: as in `inflate`.
    out: (h, w) uint8.
    """
    data, height, width = U(data), size[0], size[1]
    if n < 57 or get64(data) != _SIGNATURE or get32(data + U(12)) != _HEADER:
        return BAD_PNG
    both = get_big(data + U(16))
    if np.int64(both >> U(32)) != width or np.int64(both & U(0xFFFFFFFF)) != height:
        return BAD_SIZE
    color = get8(data + U(25))
    if get8(data + U(24)) != U(8) or (color != U(0) and color != U(3)) or get32(data + U(26)) & U(0xFFFFFF) != U(0):
        return BAD_PNG
    if y0 < 0 or x0 < 0 or h < 1 or w < 1 or y0 + h > height or x0 + w > width:
        return BAD_SIZE
    length = _stream_of(data, U(n), U(stream))
    if length < U(2):
        return BAD_PNG
    first, second = get8(U(stream)), get8(U(stream) + U(1))
    if first & U(15) != U(8) or second & U(32) or (first << U(8) | second) % U(31):
        return BAD_PNG
    line = width + 1
    fault = inflate(U(stream) + U(2), length - U(2), rows.ctypes.data, (y0 + h) * line, room)
    if fault:
        return fault
    if not _unfilter(rows, y0 + h, width, zeros):
        return BAD_FILTER
    for y in range(h):
        start = (y0 + y) * line + 1 + x0
        for x in range(w):
            out[y, x] = ids[rows[U(start + x)]]
    return 0


@jit
def decode_pair(
    sizes: Any, image_data: Any, label_data: Any, y0: Any, x0: Any, h: Any, w: Any, positions: Any, levels: Any,
    every: Any, facts: Any, components: Any, quantizers: Any, counts: Any, values: Any, built: Any, built_values: Any,
    looks: Any, pairs: Any, skips: Any, segments: Any, small: Any, codes: Any, blocks: Any, row: Any, clean: Any,
    planes: Any, planes_size: Any, image: Any, image_stride: Any, ids: Any, stream: Any, rows: Any, zeros: Any,
    room: Any, label: Any,
) -> Any:  # fmt: skip
    """The window at (y0, x0), h x w, of a JPEG with its index and of its label: 0, or a fault.

    sizes: (5,) int64, from the second on the bytes of both files and the (height, width) of the image. label_data: an
    address, with PAD bytes behind the label. image: the address of (h, w, 3) uint8, label: (h, w) uint8. The others as
    in `jpeg.read_window` and in `label_window`.
    """
    fault = read_window(
        image_data, sizes[1], y0, x0, h, w, INDEXED, positions, levels, every, facts, components, quantizers, counts,
        values, built, built_values, looks, pairs, skips, segments, small, codes, blocks, row, clean, planes,
        planes_size, image, image_stride,
    )  # fmt: skip
    if fault:
        return fault
    if facts[HEIGHT] != sizes[3] or facts[WIDTH] != sizes[4]:
        return BAD_SIZE
    return label_window(label_data, sizes[2], sizes[3:], y0, x0, h, w, ids, stream, rows, zeros, room, label)


@jit
def read_pair(
    paths: Any, flags: Any, digests: Any, spent: Any, sizes: Any, image_data: Any, label_data: Any, y0: Any, x0: Any,
    h: Any, w: Any, positions: Any, levels: Any, every: Any, facts: Any, components: Any, quantizers: Any, counts: Any,
    values: Any, built: Any, built_values: Any, looks: Any, pairs: Any, skips: Any, segments: Any, small: Any,
    codes: Any, blocks: Any, row: Any, clean: Any, planes: Any, planes_size: Any, image: Any, image_stride: Any,
    ids: Any, stream: Any, rows: Any, zeros: Any, room: Any, label: Any,
) -> Any:  # fmt: skip
    """As `decode_pair`, of files that are read first.

    paths: uint8, the image's path and the label's, each ended by a zero; the label's begins at sizes[0]. digests: (2,)
    uint64. image_data, and label_data by its address: room for as many bytes and FILE_PAD + 1 more. spent: (5,) int64,
    whose first is set to the nanoseconds of reading.
    """
    _clock(np.int32(_CLOCK), spent[1:].ctypes.data)
    fault = _read_file(paths.ctypes.data, flags, image_data.ctypes.data, sizes[1], digests[0])
    if fault == 0:
        fault = _read_file(paths[sizes[0] :].ctypes.data, flags, label_data, sizes[2], digests[1])
    _clock(np.int32(_CLOCK), spent[3:].ctypes.data)
    spent[0] = (spent[3] - spent[1]) * 1_000_000_000 + spent[4] - spent[2]
    if fault:
        return fault
    return decode_pair(
        sizes, image_data, label_data, y0, x0, h, w, positions, levels, every, facts, components, quantizers, counts,
        values, built, built_values, looks, pairs, skips, segments, small, codes, blocks, row, clean, planes,
        planes_size, image, image_stride, ids, stream, rows, zeros, room, label,
    )  # fmt: skip
