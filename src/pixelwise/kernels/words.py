"""Machine words at addresses, for kernels that read and write bytes which are not arrays.

Addresses are uint64 or int64; nothing is checked. `U` makes the uint64 constants that they need: numba turns a sum of
uint64 and int64 into float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

U = np.uint64
BYTE, HALF, WORD, LONG = (ir.IntType(n) for n in (8, 16, 32, 64))


def at(builder: Any, address: Any, kind: Any) -> Any:
    """The integer `address` as a pointer to `kind`."""
    return builder.inttoptr(address, kind.as_pointer())


def constant(kind: Any, value: int) -> Any:
    """The vector of `kind` in which every lane is `value`."""
    return ir.Constant(kind, [value] * kind.count)


def _reader(kind: Any, result: Any = types.uint64, *, swap: bool = False) -> Any:
    @intrinsic
    def read(_context: Any, address: Any) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            value = b.load(at(b, args[0], kind), align=1)
            value = b.bswap(value) if swap else value
            return value if kind.width == LONG.width else b.zext(value, LONG)

        return result(address), generate

    return read


def _writer(kind: Any) -> Any:
    @intrinsic
    def write(_context: Any, address: Any, value: Any) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            value = args[1] if kind.width == LONG.width else b.trunc(args[1], kind)
            b.store(value, at(b, args[0], kind), align=1)
            return ir.Constant(LONG, 0)

        return types.int64(address, value), generate

    return write


get8, get16, get32, get64 = (_reader(kind) for kind in (BYTE, HALF, WORD, LONG))
"""The unsigned number of 8 to 64 bits at an address, as uint64."""
get_int: Any = _reader(LONG, types.int64)
"""The int64 at an address."""
get_big: Any = _reader(LONG, swap=True)
"""The eight bytes at an address as uint64, the first one on top: on a little-endian machine, as all are that numba
has.
"""
put8, put16, put32, put64 = (_writer(kind) for kind in (BYTE, HALF, WORD, LONG))
"""Write the low bits of an integer to an address."""


@intrinsic
def lowest(_context: Any, bits: Any) -> Any:
    """The number of the lowest bit that is set; 64 if none is."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        return b.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(bits), generate


@intrinsic
def above(_context: Any, bits: Any) -> Any:
    """How many bits are above the highest that is set; 64 if none is."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        return b.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(bits), generate


@intrinsic
def ones(_context: Any, bits: Any) -> Any:
    """How many bits are set."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        return b.ctpop(args[0])

    return types.int64(bits), generate


@intrinsic
def equal64(_context: Any, address: Any, value: Any) -> Any:
    """Which of 64 bytes at an address are the low byte of `value`, as bits."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        kind = ir.VectorType(BYTE, 64)
        some = b.load(at(b, args[0], kind), align=1)
        empty, first = ir.Constant(kind, ir.Undefined), ir.Constant(WORD, 0)
        one = b.insert_element(empty, b.trunc(args[1], BYTE), first)
        every = b.shuffle_vector(one, empty, constant(ir.VectorType(WORD, 64), 0))
        return b.bitcast(b.icmp_unsigned("==", some, every), LONG)

    return types.uint64(address, value), generate


def _differing(item: Any) -> Any:
    @intrinsic
    def differ(_context: Any, one: Any, other: Any) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            kind = ir.VectorType(item, 64)
            first, second = (b.load(at(b, address, kind), align=1) for address in args)
            return b.bitcast(b.icmp_unsigned("!=", first, second), LONG)

        return types.uint64(one, other), generate

    return differ


differ64, differ64_16, differ64_32 = (_differing(kind) for kind in (BYTE, HALF, WORD))
"""Which of 64 bytes, or numbers of 16 or 32 bits, at two addresses differ, as bits."""


@intrinsic
def copy32(_context: Any, source: Any, target: Any) -> Any:
    """Copy 32 bytes; a mask of those that are 0xFF."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        kind = ir.VectorType(BYTE, 32)
        some = b.load(at(b, args[0], kind), align=1)
        b.store(some, at(b, args[1], kind), align=1)
        full = b.icmp_unsigned("==", some, constant(kind, 255))
        return b.zext(b.bitcast(full, WORD), LONG)

    return types.uint64(source, target), generate


@intrinsic
def zero128(_context: Any, address: Any) -> Any:
    """Write 128 zero bytes at a multiple of 32."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        kind = ir.VectorType(HALF, 16)
        for k in range(4):
            b.store(constant(kind, 0), at(b, b.add(args[0], ir.Constant(LONG, 32 * k)), kind), align=32)
        return ir.Constant(LONG, 0)

    return types.int64(address), generate
