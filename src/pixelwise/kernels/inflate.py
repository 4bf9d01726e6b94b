"""DEFLATE (RFC 1951): the first bytes of a stream, in one call that holds no lock.

zlib-ng is faster, but it is called with the interpreter's lock before and after, which a sample that is read in one
step does not take. Only streams that zlib-ng has inflated and found whole come here; whatever is wrong is a fault.

Why no read or write leaves its buffer: after each symbol the place in the stream is compared with its end, and the
stream is followed by PAD bytes, more than can be read before that. What is written is cut to what is wanted, with room
for SLACK bytes more; a match may not begin before the output. A place in a table is masked, or follows from counts of
at most LITERALS symbols.

The tables are at fixed places of one block of memory, since an array that is touched in a loop costs a locked addition.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .compiling import jit, part
from .words import U, copy32, get8, get16, get64, get_int, put8, put16, put64

PAD: Final = 32
SLACK: Final = 32
BAD_BLOCK, BAD_CODES, BAD_SYMBOL, BAD_DISTANCE, TOO_SHORT = range(40, 45)

LITERALS: Final = 288
"""Symbols of literals and lengths (3.2.6)."""
# Bits of a code that are looked up at once; labels have few longer ones.
_LOOKED_UP = 10
_MASK = U((1 << _LOOKED_UP) - 1)

# One code: by the next bits symbol << 4 | length in 16 bits, 0 for a longer code or none; the symbols in the order of
# their codes, 16 bits each; how many codes of each length there are, 64 bits each; a place for each length.
_SYMBOLS = U(2 << _LOOKED_UP)
_COUNTS = _SYMBOLS + U(2 * LITERALS)
_PLACES = _COUNTS + U(8 * 16)
_CODE = _PLACES + U(8 * 16)
# The memory: two codes, the lengths of all codes, and the constants of sections 3.2.5 and 3.2.7.
_DISTANCE_CODE = _CODE
_LENGTHS = U(2) * _CODE
_SIZES = _LENGTHS + U(LITERALS + 32)
_DISTANCES = _SIZES + U(8 * 32)
_ORDER = _DISTANCES + U(8 * 32)
ROOM: Final = int(_ORDER) + 32

_SIZE_BITS = [0] * 8 + [k for k in range(1, 6) for _ in range(4)] + [0]
_SIZE_BASES = [*np.cumsum([3] + [1 << k for k in _SIZE_BITS[:-2]]).tolist(), 258]
_DISTANCE_BITS = [0, 0] + [k for k in range(14) for _ in range(2)]
_DISTANCE_BASES = np.cumsum([1] + [1 << k for k in _DISTANCE_BITS[:-1]]).tolist()


def memory() -> NDArray[np.uint8]:
    """(ROOM,) uint8: what `inflate` works in. One thread at a time."""
    out = np.zeros(ROOM, np.uint8)
    for at, bases, bits in ((_SIZES, _SIZE_BASES, _SIZE_BITS), (_DISTANCES, _DISTANCE_BASES, _DISTANCE_BITS)):
        values = np.array(bases, np.uint64) << U(8) | np.array(bits, np.uint64)
        out[int(at) : int(at) + values.nbytes] = values.view(np.uint8)
    out[int(_ORDER) : int(_ORDER) + 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    return out


@jit
def _build(code: Any, lengths: Any, n: Any) -> Any:
    """The tables of the Huffman code whose n lengths are at the address `lengths` (3.2.2); False if there is none."""
    code, lengths = U(code), U(lengths)
    counts, places, symbols = code + _COUNTS, code + _PLACES, code + _SYMBOLS
    for k in range(16):
        put64(counts + U(8 * k), 0)
    for k in range(n):
        at = counts + U(8) * get8(lengths + U(k))
        put64(at, get_int(at) + 1)
    put64(counts, 0)
    left = place = np.int64(0)
    left = 1
    for k in range(1, 16):
        count = get_int(counts + U(8 * k))
        left = 2 * left - count
        if left < 0:
            return False
        put64(places + U(8 * k), place)
        place += count
    for k in range(n):
        length = get8(lengths + U(k))
        if length:
            at = places + U(8) * length
            put16(symbols + U(2) * get64(at), k)
            put64(at, get_int(at) + 1)
    for k in range(1 << (_LOOKED_UP - 2)):
        put64(code + U(8 * k), 0)
    bits = place = 0
    for length in range(1, _LOOKED_UP + 1):
        for _ in range(get_int(counts + U(8 * length))):
            low = 0
            for k in range(length):
                low |= (bits >> k & 1) << (length - 1 - k)
            entry = get16(symbols + U(2 * place)) << U(4) | U(length)
            while low < 1 << _LOOKED_UP:
                put16(code + U(2 * low), entry)
                low += 1 << length
            bits += 1
            place += 1
        bits <<= 1
    return True


@part
def _symbol(bits: Any, code: Any) -> Any:
    """The next symbol << 4 | its length in bits; 0 if the bits are none."""
    entry = get16(code + U(2) * (bits & _MASK))
    if entry:
        return entry
    value = first = place = np.int64(0)
    for length in range(1, 16):
        value |= np.int64(bits >> U(length - 1) & U(1))
        count = get_int(code + _COUNTS + U(8 * length))
        if value - count < first:
            return get16(code + _SYMBOLS + U(2) * U(place + value - first)) << U(4) | U(length)
        place += count
        first = (first + count) << 1
        value <<= 1
    return U(0)


@part
def _number(at: Any, bits: Any) -> Any:
    """The length or distance that the table has at this address, with the bits that are added; how many these are."""
    entry = get64(at)
    used = entry & U(255)
    return (entry >> U(8)) + (bits & ((U(1) << used) - U(1))), used


@part
def _copy(target: Any, distance: Any, size: Any) -> None:
    """Repeat `size` bytes from `distance` back; may write SLACK bytes more."""
    source, end = target - distance, target + size
    if distance == U(1):
        value = get8(source) * U(0x0101010101010101)
        while target < end:
            put64(target, value)
            target += U(8)
    elif distance >= U(32):
        while target < end:
            copy32(source, target)
            source += U(32)
            target += U(32)
    elif distance >= U(8):
        while target < end:
            put64(target, get64(source))
            source += U(8)
            target += U(8)
    else:
        while target < end:
            put8(target, get8(source))
            source += U(1)
            target += U(1)


@part
def _refill(p: Any, bits: Any, have: Any) -> Any:
    """At least 56 bits: (place, bits, how many)."""
    bits |= get64(p) << have
    return p + ((U(63) - have) >> U(3)), bits, have | U(56)


@jit
def _read_codes(p: Any, end: Any, bits: Any, have: Any, room: Any) -> Any:
    """The two codes of a dynamic block (3.2.7): (fault, place, bits, how many of them)."""
    lengths, order = room + _LENGTHS, room + _ORDER
    p, bits, have = _refill(p, bits, have)
    literals, distances, n = U(257) + (bits & U(31)), U(1) + (bits >> U(5) & U(31)), U(4) + (bits >> U(10) & U(15))
    bits, have = bits >> U(14), have - U(14)
    if literals > U(286):
        return BAD_CODES, p, bits, have
    for k in range(19):
        put8(lengths + U(k), 0)
    for k in range(n):
        if have < U(3):
            p, bits, have = _refill(p, bits, have)
        put8(lengths + get8(order + U(k)), bits & U(7))
        bits, have = bits >> U(3), have - U(3)
    if not _build(room, lengths, 19):
        return BAD_CODES, p, bits, have
    k, total, before = U(0), literals + distances, U(16)
    while k < total:
        if p > end + (have >> U(3)):
            return TOO_SHORT, p, bits, have
        p, bits, have = _refill(p, bits, have)
        found = _symbol(bits, room)
        symbol, used = found >> U(4), found & U(15)
        if not found:
            return BAD_SYMBOL, p, bits, have
        bits, have = bits >> used, have - used
        times = U(1)
        if symbol < U(16):
            before = symbol
        else:
            used = U(2) if symbol == U(16) else U(3) if symbol == U(17) else U(7)
            times = (U(11) if symbol == U(18) else U(3)) + (bits & ((U(1) << used) - U(1)))
            bits, have = bits >> used, have - used
            if symbol > U(16):
                before = U(0)
        if before == U(16) or k + times > total:  # nothing to repeat
            return BAD_CODES, p, bits, have
        while times > U(0):
            put8(lengths + k, before)
            k += U(1)
            times -= U(1)
    right = _build(room, lengths, literals) and _build(room + _DISTANCE_CODE, lengths + literals, distances)
    return 0 if right else BAD_CODES, p, bits, have


@part
def _fixed_codes(room: Any) -> None:
    """The codes of section 3.2.6."""
    lengths = room + _LENGTHS
    for k in range(LITERALS):
        put8(lengths + U(k), 8 if k < 144 else 9 if k < 256 else 7 if k < 280 else 8)
    _build(room, lengths, LITERALS)
    for k in range(30):
        put8(lengths + U(k), 5)
    _build(room + _DISTANCE_CODE, lengths, 30)


@jit
def _block(p: Any, end: Any, bits: Any, have: Any, target: Any, place: Any, stop: Any, room: Any) -> Any:
    """The symbols of a block (3.2.3), until it ends or enough is there: (fault, place, bits, how many, its output)."""
    distance_code, fault = room + _DISTANCE_CODE, 0
    while place < stop:
        if p > end + (have >> U(3)):
            fault = TOO_SHORT
            break
        p, bits, have = _refill(p, bits, have)
        found = _symbol(bits, room)
        symbol, used = found >> U(4), found & U(15)
        if not found or symbol > U(285):
            fault = BAD_SYMBOL
            break
        bits, have = bits >> used, have - used
        if symbol < U(256):
            put8(place, symbol)
            place += U(1)
            continue
        if symbol == U(256):
            break
        size, used = _number(room + _SIZES + U(8) * (symbol - U(257)), bits)
        bits, have = bits >> used, have - used
        found = _symbol(bits, distance_code)
        symbol, used = found >> U(4), found & U(15)
        if not found or symbol > U(29):
            fault = BAD_SYMBOL
            break
        bits, have = bits >> used, have - used
        distance, used = _number(room + _DISTANCES + U(8) * symbol, bits)
        bits, have = bits >> used, have - used
        if distance > place - target:
            fault = BAD_DISTANCE
            break
        _copy(place, distance, min(size, stop - place))
        place += size
    return fault, p, bits, have, place


@jit
def inflate(source: Any, n: Any, target: Any, want: Any, room: Any) -> Any:
    """The first `want` bytes of the DEFLATE stream of n bytes at the address `source` to `target`: 0, or a fault.

    source is followed by PAD bytes, target has room for SLACK more. room: the address of `memory`.
    """
    p, bits, have, room = U(source), U(0), U(0), U(room)
    end, place, stop, last = p + U(n), U(target), U(target) + U(want), False
    while place < stop:
        if last or p > end + (have >> U(3)):
            return TOO_SHORT
        p, bits, have = _refill(p, bits, have)
        last, kind = bits & U(1) == U(1), bits >> U(1) & U(3)
        bits, have = bits >> U(3), have - U(3)
        if kind == U(0):
            # Stored: from the next byte on its length, the same inverted, and the bytes.
            p -= have >> U(3)
            have = bits = U(0)
            size = get64(p) & U(0xFFFF)
            if p + U(4) > end or p + U(4) + size > end:
                return TOO_SHORT
            if size != ~(get64(p) >> U(16)) & U(0xFFFF):
                return BAD_BLOCK
            p += U(4)
            for k in range(np.int64(min(size, stop - place))):
                put8(place + U(k), get8(p + U(k)))
            place += size
            p += size
            continue
        if kind == U(1):
            _fixed_codes(room)
        elif kind == U(2):
            fault, p, bits, have = _read_codes(p, end, bits, have, room)
            if fault:
                return fault
        else:
            return BAD_BLOCK
        fault, p, bits, have, place = _block(p, end, bits, have, U(target), place, stop, room)
        if fault:
            return fault
    return 0
