"""Rows of interleaved RGB to the rows of a batch: scaled to float planes, dealt to byte planes, or copied.

16 or 64 pixels per step in vector registers, mirrored or not. With `streaming` the stores bypass the caches: a batch
that does not fit into them is written without reading its lines first. Streaming stores must be aligned, and a locked
instruction between them waits for all of them, as numba's reference counts are when an array is sliced: so there are
only addresses here. Everything is read and written within the m pixels of the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import part, part_fast
from .words import BYTE, LONG, WORD, at, get8, put8

LANES = 16
LINE = 64
"""Bytes of a cache line."""
FLOAT = ir.FloatType()


def _temporal(b: Any, store: Any, streaming: bool) -> None:
    if streaming:
        store.set_metadata("nontemporal", b.module.add_metadata([ir.Constant(WORD, 1)]))


def _channels(b: Any, source: Any, lanes: int, flip: bool) -> list[Any]:
    """The three channels of `lanes` pixels, as vectors of bytes, mirrored or not."""
    packed = ir.VectorType(BYTE, 3 * lanes)
    pixels = b.load(at(b, source, packed), align=1)
    order = range(lanes)[::-1] if flip else range(lanes)
    lanes_of = ir.VectorType(WORD, lanes)
    return [
        b.shuffle_vector(pixels, ir.Constant(packed, ir.Undefined), ir.Constant(lanes_of, [3 * k + c for k in order]))
        for c in range(3)
    ]


def _floats(lanes: int, flip: bool, streaming: bool) -> Any:
    """level * scale + bias of `lanes` pixels, to three addresses."""
    kind = ir.VectorType(FLOAT, lanes)

    @intrinsic
    def put(
        _context: Any, source: Any, red: Any, green: Any, blue: Any, a0: Any, b0: Any, a1: Any, b1: Any, a2: Any,
        b2: Any,
    ) -> Any:  # fmt: skip
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            def all_lanes(value: Any) -> Any:
                empty = ir.Constant(kind, ir.Undefined)
                one = b.insert_element(empty, value, ir.Constant(WORD, 0))
                return b.shuffle_vector(one, empty, ir.Constant(ir.VectorType(WORD, lanes), [0] * lanes))

            for c, levels in enumerate(_channels(b, args[0], lanes, flip)):
                scaled = b.fmul(b.uitofp(levels, kind), all_lanes(args[4 + 2 * c]), flags=("contract",))
                value = b.fadd(scaled, all_lanes(args[5 + 2 * c]), flags=("contract",))
                _temporal(b, b.store(value, at(b, args[1 + c], kind), align=LINE if streaming else 4), streaming)
            return ir.Constant(LONG, 0)

        return types.int64(*([types.int64] * 4 + [types.float32] * 6)), generate

    return put


def _bytes(lanes: int, flip: bool, streaming: bool) -> Any:
    """The channels of `lanes` pixels, to three addresses."""
    kind = ir.VectorType(BYTE, lanes)

    @intrinsic
    def put(_context: Any, source: Any, red: Any, green: Any, blue: Any) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            for c, levels in enumerate(_channels(b, args[0], lanes, flip)):
                _temporal(b, b.store(levels, at(b, args[1 + c], kind), align=lanes if streaming else 1), streaming)
            return ir.Constant(LONG, 0)

        return types.int64(*[types.int64] * 4), generate

    return put


def _copies(count: int, streaming: bool) -> Any:
    """`count` bytes as they are."""
    kind = ir.VectorType(BYTE, count)

    @intrinsic
    def put(_context: Any, source: Any, out: Any) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            some = b.load(at(b, args[0], kind), align=1)
            _temporal(b, b.store(some, at(b, args[1], kind), align=count if streaming else 1), streaming)
            return ir.Constant(LONG, 0)

        return types.int64(types.int64, types.int64), generate

    return put


@intrinsic
def _mirrored(_context: Any, source: Any, out: Any) -> Any:
    """16 interleaved pixels in reverse order."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        kind = ir.VectorType(BYTE, 3 * LANES)
        pixels = b.load(at(b, args[0], kind), align=1)
        order = [3 * (LANES - 1 - j // 3) + j % 3 for j in range(3 * LANES)]
        turned = b.shuffle_vector(
            pixels, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(WORD, 3 * LANES), order)
        )
        b.store(turned, at(b, args[1], kind), align=1)
        return ir.Constant(LONG, 0)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def put_float(_context: Any, address: Any, value: Any) -> Any:
    """Write a float32 to an address."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        b.store(args[1], at(b, args[0], FLOAT), align=4)
        return ir.Constant(LONG, 0)

    return types.int64(types.int64, types.float32), generate


@intrinsic
def fence(_context: Any) -> Any:
    """Let all streaming stores be seen before whatever follows."""

    def generate(_target: Any, b: Any, _signature: Any, _args: Any) -> Any:
        b.fence("seq_cst")
        return ir.Constant(LONG, 0)

    return types.int64(), generate


_one_float = _floats(1, False, False)
_floats_plain, _floats_flipped = (_floats(LANES, flip, False) for flip in (False, True))
_floats_streaming, _floats_flipped_streaming = (_floats(LANES, flip, True) for flip in (False, True))
_one_byte = _bytes(1, False, False)
_bytes_plain, _bytes_flipped = (_bytes(LINE, flip, False) for flip in (False, True))
_bytes_streaming, _bytes_flipped_streaming = (_bytes(LINE, flip, True) for flip in (False, True))
_copy_plain, _copy_streaming = (_copies(LINE, streaming) for streaming in (False, True))


@part
def _pixel(source: Any, m: Any, flip: Any, j: Any) -> Any:
    """The address of the pixel for column j of m."""
    return source + 3 * (m - 1 - j if flip else j)


@part
def _step(source: Any, m: Any, flip: Any, j: Any, lanes: Any) -> Any:
    """The address of the pixels for columns j .. j + lanes."""
    return source + 3 * (m - j - lanes if flip else j)


@part
def _before_line(red: Any, green: Any, blue: Any, size: Any, m: Any, streaming: Any) -> Any:
    """How many of m elements of `size` bytes come before all three rows are at the beginning of a cache line; -1 if
    that never is.
    """
    if not streaming or ((red ^ green) | (red ^ blue)) & (LINE - 1):
        return np.int64(-1)
    return min(((-red) & (LINE - 1)) // size, m)


@part_fast
def float_row(
    source: Any, m: Any, flip: Any, red: Any, green: Any, blue: Any, a0: Any, b0: Any, a1: Any, b1: Any, a2: Any,
    b2: Any, streaming: Any,
) -> None:  # fmt: skip
    """m pixels at `source` to three rows of float32: level * a + b."""
    j = np.int64(0)
    head = _before_line(red, green, blue, 4, m, streaming)
    if head >= 0:
        while j < head:
            _one_float(_pixel(source, m, flip, j), red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
            j += 1
        while j + LANES <= m:
            at_ = _step(source, m, flip, j, LANES)
            if flip:
                _floats_flipped_streaming(at_, red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
            else:
                _floats_streaming(at_, red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
            j += LANES
    elif m >= LANES:
        while j < m:
            j = min(j, m - LANES)  # some pixels once more, instead of a remainder
            at_ = _step(source, m, flip, j, LANES)
            if flip:
                _floats_flipped(at_, red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
            else:
                _floats_plain(at_, red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
            j += LANES
    while j < m:
        _one_float(_pixel(source, m, flip, j), red + 4 * j, green + 4 * j, blue + 4 * j, a0, b0, a1, b1, a2, b2)
        j += 1


@part
def byte_row(source: Any, m: Any, flip: Any, red: Any, green: Any, blue: Any, streaming: Any) -> None:
    """m pixels at `source` to three rows of bytes."""
    j = np.int64(0)
    head = _before_line(red, green, blue, 1, m, streaming)
    if head >= 0:
        while j < head:
            _one_byte(_pixel(source, m, flip, j), red + j, green + j, blue + j)
            j += 1
        while j + LINE <= m:
            if flip:
                _bytes_flipped_streaming(_step(source, m, flip, j, LINE), red + j, green + j, blue + j)
            else:
                _bytes_streaming(_step(source, m, flip, j, LINE), red + j, green + j, blue + j)
            j += LINE
    elif m >= LINE:
        while j < m:
            j = min(j, m - LINE)
            if flip:
                _bytes_flipped(_step(source, m, flip, j, LINE), red + j, green + j, blue + j)
            else:
                _bytes_plain(_step(source, m, flip, j, LINE), red + j, green + j, blue + j)
            j += LINE
    while j < m:
        _one_byte(_pixel(source, m, flip, j), red + j, green + j, blue + j)
        j += 1


@part
def pixel_row(source: Any, m: Any, flip: Any, out: Any, streaming: Any) -> None:
    """m pixels at `source` to m interleaved pixels at `out`."""
    j = np.int64(0)
    if flip:
        while j < m and m >= LANES:
            j = min(j, m - LANES)
            _mirrored(_step(source, m, flip, j, LANES), out + 3 * j)
            j += LANES
        while j < m:
            for c in range(3):
                put8(out + 3 * j + c, get8(_pixel(source, m, flip, j) + c))
            j += 1
        return
    n = 3 * m
    if streaming:
        head = min((-out) & (LINE - 1), n)
        while j < head:
            put8(out + j, get8(source + j))
            j += 1
        while j + LINE <= n:
            _copy_streaming(source + j, out + j)
            j += LINE
    elif n >= LINE:
        while j < n:
            j = min(j, n - LINE)
            _copy_plain(source + j, out + j)
            j += LINE
    while j < n:
        put8(out + j, get8(source + j))
        j += 1


@part_fast
def fill_floats(address: Any, count: Any, value: Any) -> None:
    """`count` times the float32 `value`."""
    for j in range(count):
        put_float(address + 4 * j, value)


@part
def fill_bytes(address: Any, count: Any, value: Any) -> None:
    """`count` times the byte `value`."""
    for j in range(count):
        put8(address + j, value)
