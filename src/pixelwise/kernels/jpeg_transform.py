"""JPEG: coefficients of a block to its 64 samples, by the accurate integer transform of libjpeg, bit for bit.

The algorithm is that of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11 multiplications",
ICASSP 1989) with constants of 13 bits, which keep 2 bits more after the columns, as libjpeg's jidctint.c has it. These
constants, and one rounding at the end of each direction, are what makes the results equal.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .words import BYTE, HALF, LONG, WORD, at, constant

LARGEST = 4095
"""Of a coefficient, dequantized: an encoder's reach 1,024 and half a quantizer."""
LARGEST_BETWEEN = 16_383
"""After the first direction."""
EIGHT_BYTES, EIGHT_HALVES, EIGHT_WORDS = (ir.VectorType(kind, 8) for kind in (BYTE, HALF, WORD))


def _transpose(b: Any, rows: list[Any]) -> list[Any]:
    """Eight vectors of eight lanes, in three rounds of interleaving."""
    low = ir.Constant(EIGHT_WORDS, [0, 8, 1, 9, 2, 10, 3, 11])
    high = ir.Constant(EIGHT_WORDS, [4, 12, 5, 13, 6, 14, 7, 15])
    for _ in range(3):
        rows = [b.shuffle_vector(rows[k // 2], rows[k // 2 + 4], high if k % 2 else low) for k in range(8)]
    return rows


def _one_direction(b: Any, x: list[Any], shift: int) -> list[Any]:
    """Eight one-dimensional transforms side by side; the rounding of the shift rides on the first two terms."""
    add, sub = b.add, b.sub

    def times(a: Any, n: int) -> Any:
        return b.mul(a, constant(EIGHT_WORDS, n))

    # The constants are round(c * 2^13): 0.541196100, 1.847759065, 0.765366865; ...
    z = times(add(x[2], x[6]), 4433)
    t2, t3 = sub(z, times(x[6], 15137)), add(z, times(x[2], 6270))
    half, up = constant(EIGHT_WORDS, 1 << (shift - 1)), constant(EIGHT_WORDS, 13)
    t0, t1 = add(b.shl(add(x[0], x[4]), up), half), add(b.shl(sub(x[0], x[4]), up), half)
    even = [add(t0, t3), add(t1, t2), sub(t1, t2), sub(t0, t3)]
    # ... 1.175875602; 0.899976223, 2.562915447, 1.961570560, 0.390180644; 1.501321110, 3.072711026, 2.053119869,
    # 0.298631336.
    z5 = times(add(add(x[7], x[3]), add(x[5], x[1])), 9633)
    z1, z2 = times(add(x[7], x[1]), -7373), times(add(x[5], x[3]), -20995)
    z3, z4 = add(times(add(x[7], x[3]), -16069), z5), add(times(add(x[5], x[1]), -3196), z5)
    odd = [
        add(times(x[1], 12299), add(z1, z4)),
        add(times(x[3], 25172), add(z2, z3)),
        add(times(x[5], 16819), add(z2, z4)),
        add(times(x[7], 2446), add(z1, z3)),
    ]
    sums = [add(e, o) for e, o in zip(even, odd, strict=True)]
    differences = [sub(e, o) for e, o in zip(even[::-1], odd[::-1], strict=True)]
    return [b.ashr(y, constant(EIGHT_WORDS, shift)) for y in sums + differences]


def _beyond(b: Any, x: list[Any], most: int) -> Any:
    """Bits that are set where a magnitude is above `most`, a power of 2 less 1."""
    bits = [b.xor(y, b.ashr(y, constant(EIGHT_WORDS, 31))) for y in x]
    while len(bits) > 1:
        bits = [b.or_(p, q) for p, q in zip(bits[::2], bits[1::2], strict=True)]
    return b.and_(bits[0], constant(EIGHT_WORDS, ~most))


@intrinsic
def transform(_context: Any, coefficients: Any, quantizers: Any, target: Any, stride: Any) -> Any:
    """64 int16 coefficients times 64 int16 quantizers, both at multiples of 16, to 8x8 samples. 0, or else some value
    is larger than any encoder writes: there the vector code of libjpeg-turbo would overflow, and this result differ.
    """

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        def row(base: Any, k: int) -> Any:
            place = at(b, b.add(base, ir.Constant(LONG, 16 * k)), EIGHT_HALVES)
            return b.sext(b.load(place, align=16), EIGHT_WORDS)

        def narrow(x: list[Any]) -> list[Any]:
            return [b.trunc(y, EIGHT_HALVES) for y in x]

        x = [b.mul(row(args[0], k), row(args[1], k)) for k in range(8)]
        strange = _beyond(b, x, LARGEST)
        x = _one_direction(b, x, 11)
        strange = b.or_(strange, _beyond(b, x, LARGEST_BETWEEN))
        x = _one_direction(b, [b.sext(y, EIGHT_WORDS) for y in _transpose(b, narrow(x))], 18)
        address = args[2]
        most, least = constant(EIGHT_HALVES, 127), constant(EIGHT_HALVES, -128)
        for y in _transpose(b, narrow(x)):
            cut = b.select(b.icmp_signed("<", y, most), y, most)
            cut = b.select(b.icmp_signed(">", cut, least), cut, least)
            level = b.xor(b.trunc(cut, EIGHT_BYTES), constant(EIGHT_BYTES, 128))
            b.store(level, at(b, address, EIGHT_BYTES), align=1)
            address = b.add(address, args[3])
        lanes = b.icmp_unsigned("!=", strange, constant(EIGHT_WORDS, 0))
        return b.zext(b.bitcast(lanes, BYTE), LONG)

    return types.int64(coefficients, quantizers, target, stride), generate


@intrinsic
def fill_block(_context: Any, target: Any, stride: Any, level: Any) -> Any:
    """An 8x8 block of one level, 0..255."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        eight, address = b.mul(args[2], ir.Constant(LONG, 0x0101010101010101)), args[0]
        for _ in range(8):
            b.store(eight, at(b, address, LONG), align=1)
            address = b.add(address, args[1])
        return ir.Constant(LONG, 0)

    return types.int64(target, stride, level), generate
