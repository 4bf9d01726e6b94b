"""JPEG: Huffman tables as lookups, and the symbols of a block (ITU-T T.81, annexes C and F).

A table of codes in memory, `CODES` bytes: the 256 values of its symbols; from `MOST` on, by length, the first
left-aligned 16-bit code that is longer (18 int64); from `DELTA` on, by length, the index of a value less its code (17
int64).

An entry of the lookup `pairs` is one uint64 for up to two symbols whose codes both lie in its bits (their numbers need
not): bits 0..7 the length of both symbols with their numbers; 8..15 where number 1 begins; 16..23 64 less its size;
24..31 how many places of the block symbol 1 covers; 32..39 where number 2 begins; 40..47 64 less its size; 48.. the
places that symbol 2 covers, 0 if there is only one symbol.

An end of block covers END places, a code that the lookup does not know UNKNOWN. So `place` after a lookup tells all:
below 64 the block continues; from 128 to 191 it was ended; with bit 6 set the lookup does not decide, because the block
is full or overfull, the second symbol belonged to the next block, or the code is unknown. Then one symbol is found
without it.

Reads need no checks: lookups are indexed by the top bits of a word and have all 2^n entries, values by a byte. Every
lookup covers at least one place of the block or ends it, so no loop is endless. Before it serves as an index into the
zigzag, a place is below 64, or from 128 to 191, or what one symbol makes of one below 64, which is at most 191.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .compiling import jit, part
from .words import U, get8, get16, get32, get64, get_big, get_int, put8, put16, put64

AC_BITS: Final = 11
"""Of the lookups of AC symbols: 1.64 symbols per lookup on average of VOC; 10 and 12 bits were not faster."""
DC_BITS: Final = 9
AC_SHIFT, DC_SHIFT = U(64 - AC_BITS), U(64 - DC_BITS)
END: Final = 128
UNKNOWN: Final = 64
FAULT = U(1 << 20)
"""The place after something that is not JPEG."""
ALL_ONES = U(0xFFFFFFFFFFFFFFFF)

MOST, DELTA = U(256), U(400)
CODES: Final = 544

# What a block of an MCU needs, as offsets in bytes of uint64 values: addresses of its tables, its predictor and its
# quantizers; where its samples go; its component times 8.
DC_LOOK, DC_CODES, AC_PAIRS, AC_CODES, AC_SKIP, PREDICTED, QUANTIZERS = (U(8 * k) for k in range(7))
SAMPLES, STRIDE, STEP_X, STEP_Y, COMPONENT = (U(8 * k) for k in range(7, 12))
BLOCK: Final = 128


@jit
def build_lookup(counts: Any, values: Any, is_dc: Any, look: Any, codes: Any) -> Any:
    """The lookup of single symbols, and the table of codes at `codes`; False if baseline JPEG has no such table.

    counts: (16,) codes per length. values: (256,) uint8. look: (2^AC_BITS,) uint32.
    """
    n = DC_BITS if is_dc else AC_BITS
    for k in range(1 << n):
        look[k] = 0 if is_dc else UNKNOWN << 24
    for k in range(256):
        put8(codes + U(k), U(values[k]))
    code = 0
    k = 0
    for length in range(1, 17):
        put64(codes + DELTA + U(8 * length), k - code)
        for _ in range(counts[length - 1]):
            v = np.int64(values[k & 255])
            size, covers = v & 15, (v >> 4) + 1
            if code >= 1 << length or (v > 11 if is_dc else size > 10 or (size == 0 and v != 0 and v != 0xF0)):
                return False
            if not is_dc and v == 0:
                covers = END
            if length <= n and (is_dc or v != 0xF0):
                if is_dc:
                    entry = (length + v) | length << 8 | (63 - v) << 16
                else:
                    entry = (length + size) | length << 8 | (64 - size) << 16 | covers << 24
                for j in range(1 << (n - length)):
                    look[(code << (n - length)) + j] = entry
            code += 1
            k += 1
        put64(codes + MOST + U(8 * length), code << (16 - length))
        code <<= 1
    put64(codes + MOST + U(8 * 17), 1 << 17)
    return True


@jit
def pair_up(look: Any, pairs: Any, skip: Any) -> None:
    """The lookups of up to two symbols, and of as many as fit for passing over blocks, from that of single symbols."""
    n = AC_BITS
    low = (1 << n) - 1
    for i in range(1 << n):
        e = np.int64(look[i])
        used = e & 63
        pairs[i] = e
        if e >> 24 < 64 and used < n:
            second = np.int64(look[(i << used) & low])
            begin = used + (second >> 8 & 31)
            if second >> 24 != UNKNOWN and begin <= n:
                both = (used + (second & 63)) | (e & 0xFFFFFF00)
                pairs[i] = both | begin << 32 | (second >> 16 & 255) << 40 | (second >> 24) << 48
        used, covers = 0, 0
        while used < n and covers < 64:
            following = np.int64(look[(i << used) & low])
            if following >> 24 == UNKNOWN or used + (following >> 8 & 31) > n:
                break
            used += following & 63
            covers += following >> 24
        skip[i] = used | (covers if used else UNKNOWN) << 8


@jit
def long_code(buf: Any, codes: Any) -> Any:
    """The entry of the first code in `buf`, found by its length; 0 if there is no such code."""
    top = np.int64(buf >> U(48))
    length = U(1)
    while top >= get_int(codes + MOST + (length << U(3))):  # the 17th is above all
        length += U(1)
    if length > U(16):
        return U(0)
    index = (top >> np.int64(U(16) - length)) + get_int(codes + DELTA + (length << U(3)))
    v = get8(codes + U(index & 255))
    size = v & U(15)
    covers = (v >> U(4)) + U(1) if v else U(END)
    return (length + size) | length << U(8) | (U(64) - size) << U(16) | covers << U(24)


@part
def _number(buf: Any, begin: Any, rest: Any) -> Any:
    """The signed number whose bits begin at `begin` & 63; `rest` & 63 is 64 less how many, which is not 0."""
    bits = buf << (begin & U(63))
    most = ALL_ONES >> (rest & U(63))
    return np.int64(bits >> (rest & U(63))) - np.int64(most & ~U(np.int64(bits) >> 63))


@part
def first_symbol(block: Any, predicted: Any, buf: Any) -> Any:
    """A block's DC coefficient: (its value, bits); no bits if there is no such code. predicted: address of the
    predictor.
    """
    entry = get32(get64(block + DC_LOOK) + ((buf >> DC_SHIFT) << U(2)))
    if entry == U(0):
        entry = long_code(buf, get64(block + DC_CODES))
        if entry == U(0) or (entry >> U(24) != U(1) and entry >> U(24) != U(END)):
            return np.int64(0), U(0)
        entry -= U(1 << 16)
    bits = buf << (entry >> U(8) & U(63))
    rest = entry >> U(16) & U(63)  # 63 - size: a size of 0 leaves no bits
    most = ALL_ONES >> U(1) >> rest
    dc = get_int(predicted) + np.int64(bits >> U(1) >> rest) - np.int64(most & ~U(np.int64(bits) >> 63))
    put64(predicted, dc)
    return dc, entry & U(63)


@part
def symbols(pairs: Any, codes: Any, scratch: Any, zigzag: Any, buf: Any, place: Any) -> Any:
    """One or two coefficients to `scratch`: (next place, bits); FAULT for no such code, or too many coefficients."""
    entry = get64(pairs + ((buf >> AC_SHIFT) << U(3)))
    one = place + (entry >> U(24) & U(255))
    two = one + (entry >> U(48))
    place = two
    if place & U(64):
        begun = one - (entry >> U(24) & U(255))
        entry = long_code(buf, codes)
        place = begun + (entry >> U(24))
        if entry == U(0) or (place > U(64) and place < U(END)):
            return FAULT, U(0)
        one = two = place
        if entry & U(0xFF0000) == U(64 << 16):  # no number
            one = two = U(END)
    # The second first: if there is none, the first overwrites it.
    put16(scratch + (get8(zigzag + two) << U(1)), _number(buf, entry >> U(32), entry >> U(40)))
    put16(scratch + (get8(zigzag + one) << U(1)), _number(buf, entry >> U(8), entry >> U(16)))
    return place, entry & U(63)


@part
def rest_of_block(pairs: Any, codes: Any, scratch: Any, zigzag: Any, buf: Any, pos: Any, place: Any) -> Any:
    """(place, bit position) after the block; FAULT as above. At least 26 bits of `buf` are unread."""
    while True:
        place, used = symbols(pairs, codes, scratch, zigzag, buf, place)
        pos += used
        if place >= U(64):
            break
        buf = get_big(pos >> U(3)) << (pos & U(7))
        # Two lookups per load: they take 26 bits each at most, and 57 are there.
        place, used = symbols(pairs, codes, scratch, zigzag, buf, place)
        pos += used
        if place >= U(64):
            break
        buf <<= used
    return place, pos


@part
def _skip_some(skip: Any, codes: Any, buf: Any, place: Any) -> Any:
    """Pass over as many symbols as one lookup knows: (place, bits)."""
    entry = get16(skip + ((buf >> AC_SHIFT) << U(1)))
    after = place + (entry >> U(8))
    if after & U(64):
        entry = long_code(buf, codes)
        after = place + (entry >> U(24))
        if entry == U(0) or (after > U(64) and after < U(END)):
            return FAULT, U(0)
    return after, entry & U(63)


@part
def pass_over(skip: Any, codes: Any, buf: Any, pos: Any) -> Any:
    """As `rest_of_block`, but nothing is kept."""
    place = U(1)
    while True:
        place, used = _skip_some(skip, codes, buf, place)
        pos += used
        if place >= U(64):
            break
        buf = get_big(pos >> U(3)) << (pos & U(7))
        place, used = _skip_some(skip, codes, buf, place)
        pos += used
        if place >= U(64):
            break
        buf <<= used
    return place, pos
