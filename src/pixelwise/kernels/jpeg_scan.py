"""JPEG: the entropy-coded scan to samples, of the window's blocks only; the others are passed over.

The clean scan (see `unstuff`) ends in PAD zeros. One MCU takes at most 6 * 64 * 26 bits = 1,248 bytes, and after each
one the position is compared with the end, so no read leaves the buffer.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .compiling import jit, part
from .jpeg_symbols import (
    AC_CODES,
    AC_PAIRS,
    AC_SKIP,
    BLOCK,
    COMPONENT,
    END,
    FAULT,
    PREDICTED,
    QUANTIZERS,
    SAMPLES,
    STEP_X,
    STEP_Y,
    STRIDE,
    first_symbol,
    pass_over,
    rest_of_block,
    symbols,
)  # fmt: skip
from .jpeg_transform import LARGEST, fill_block, transform
from .words import U, copy32, get8, get16, get64, get_big, get_int, lowest, put8, put16, put64, zero128

PAD: Final = 4096
# After the blocks of an MCU: the coefficients of two blocks, and between them the places of the zigzag in a block.
SCRATCH, ORDER, SCRATCH_TWO = U(1024), U(1280), U(1536)
ROOM: Final = 1024 + 3 * 256
"""Bytes for the blocks of an MCU and for what follows them."""
ONE_BLOCK = U(BLOCK)

# The faults of a scan.
NO_CODE, BAD_BLOCK, TOO_SHORT, LEFT_OVER, BAD_RESTART, TOO_LARGE = range(1, 7)


@jit
def unstuff(source: Any, start: Any, end: Any, target: Any, segments: Any, number: Any) -> Any:
    """Copy bytes start..end of the file at `source` without stuffed zeros and restart markers, up to another marker.

    Returns (length, place in the file of what ended it, restart markers). segments: gets the place after each restart
    marker. number: of the first of these, or -1 for any; they must count up. target: has room for end - start + PAD +
    32.
    """
    i, j, n = U(start), U(0), U(end)
    s, d = U(source), U(target)
    found = 0
    while i < n:
        if i + U(32) <= n:
            full = copy32(s + i, d + j)
            if full == U(0):
                i += U(32)
                j += U(32)
                continue
            i += lowest(full)
            j += lowest(full)
        elif get8(s + i) != U(255):
            put8(d + j, get8(s + i))
            i += U(1)
            j += U(1)
            continue
        if i + U(1) >= n:
            break
        marker = get8(s + i + U(1))
        if marker == U(0):
            put8(d + j, U(255))
            j += U(1)
        elif (U(0xD0) <= marker <= U(0xD7) and found < len(segments)
              and (number < 0 or np.int64(marker & U(7)) == number)):  # fmt: skip
            segments[found] = np.int64(j)
            found += 1
            number = np.int64((marker + U(1)) & U(7))
        else:
            break
        i += U(2)
    for k in range(PAD // 8):
        put64(d + j + U(8 * k), U(0))
    return np.int64(j), np.int64(i), found


@part
def _samples(block: Any, scratch: Any, dc: Any, place: Any, target: Any) -> Any:
    """The block's 8x8 samples. Not 0 if a coefficient is larger than any encoder writes."""
    if place == U(END + 1):  # ended at once: one level
        level = dc * np.int64(get16(get64(block + QUANTIZERS)))
        fill_block(target, get_int(block + STRIDE), min(max((level + 4) >> 3, -128), 127) + 128)
        return np.int64(level > LARGEST or level < -LARGEST)
    return transform(scratch, get64(block + QUANTIZERS), target, get_int(block + STRIDE))


@part
def _target(block: Any, down: Any, across: Any) -> Any:
    return get_int(block + SAMPLES) + down * get_int(block + STEP_Y) + across * get_int(block + STEP_X)


@part
def _mcu(pos: Any, blocks: Any, last: Any, wanted: Any, down: Any, across: Any) -> Any:
    """One MCU from bit `pos` on: (bit position, fault)."""
    scratch = blocks + SCRATCH
    zigzag = blocks + ORDER - U(1)
    strange = np.int64(0)
    block = blocks
    while block < last:
        buf = get_big(pos >> U(3)) << (pos & U(7))
        dc, used = first_symbol(block, get64(block + PREDICTED), buf)
        if used == U(0):
            return pos, NO_CODE
        buf <<= used
        pos += used
        if wanted:
            zero128(scratch)
            put16(scratch, dc)
            pairs, codes = get64(block + AC_PAIRS), get64(block + AC_CODES)
            place, pos = rest_of_block(pairs, codes, scratch, zigzag, buf, pos, U(1))
            if place == FAULT:
                return pos, BAD_BLOCK
            strange |= _samples(block, scratch, dc, place, _target(block, down, across))
        else:
            place, pos = pass_over(get64(block + AC_SKIP), get64(block + AC_CODES), buf, pos)
            if place == FAULT:
                return pos, BAD_BLOCK
        block += ONE_BLOCK
    return pos, TOO_LARGE if strange else 0


@part
def _note(positions: Any, levels: Any, row: Any, entry: Any, bit: Any, predicted: Any) -> Any:
    """Write an entry of the index. False if a predictor is larger than any encoder's."""
    positions[row, entry] = bit
    for c in range(3):
        if predicted[c] < -32_768 or predicted[c] > 32_767:
            return False
        levels[row, entry, c] = predicted[c]
    return True


@jit
def scan(
    at: Any, length: Any, bit: Any, segments: Any, restart: Any, wide: Any, rows: Any, part: Any, to_end: Any,
    blocks: Any, count: Any, predicted: Any, positions: Any, levels: Any, every: Any,
) -> Any:  # fmt: skip
    """MCU rows rows[0]..rows[1], MCUs rows[2]..rows[3] of each, from bit `bit` of the clean bytes at `at`: 0, or a
    fault.

    part: (top, bottom, left, right), the MCUs whose blocks become samples. wide: MCUs per row. to_end: whether the last
    of the MCUs must end the scan. count: blocks per MCU. every: if it is not 0, the state before each `every`th MCU of
    a row is written to the index `positions`, `levels`; positions are bits of the clean bytes.
    """
    first = U(at) << U(3)
    end = first + (U(length) << U(3))
    pos = first + U(bit)
    todo = restart - (rows[0] * wide + rows[2]) % restart if restart else np.int64(1) << 60
    segment = 0
    last = blocks + U(count) * ONE_BLOCK
    for my in range(rows[0], rows[1]):
        inside = part[0] <= my < part[1]
        for mx in range(rows[2], rows[3]):
            if todo == 0:
                if segment >= len(segments) or np.int64(((pos + U(7)) >> U(3)) - U(at)) != segments[segment]:
                    return BAD_RESTART
                pos = (U(at) + U(segments[segment])) << U(3)
                segment += 1
                predicted[0] = predicted[1] = predicted[2] = 0
                todo = restart
            if every and mx % every == 0 and not _note(positions, levels, my, mx // every, pos - first, predicted):
                return TOO_LARGE
            todo -= 1
            wanted = inside and part[2] <= mx < part[3]
            pos, fault = _mcu(pos, blocks, last, wanted, my - part[0], mx - part[2])
            if fault:
                return fault
            if pos > end:
                return TOO_SHORT
    if to_end and (np.int64((pos + U(7)) >> U(3)) != at + length or segment != len(segments)):
        return LEFT_OVER
    return 0


@part
def _finish(
    pairs: Any, codes: Any, scratch: Any, scratch2: Any, zigzag: Any, pos: Any, place: Any, pos2: Any, place2: Any
) -> Any:
    """End the block of the two that is not yet ended: (place, bit position) of both."""
    if place < U(64):
        buf = get_big(pos >> U(3)) << (pos & U(7))
        place, pos = rest_of_block(pairs, codes, scratch, zigzag, buf, pos, place)
    elif place2 < U(64):
        buf = get_big(pos2 >> U(3)) << (pos2 & U(7))
        place2, pos2 = rest_of_block(pairs, codes, scratch2, zigzag, buf, pos2, place2)
    return place, pos, place2, pos2


@jit
def scan_two(
    at: Any, length: Any, bit: Any, at2: Any, length2: Any, bit2: Any, my: Any, low: Any, part: Any, blocks: Any,
    count: Any, predicted: Any, predicted2: Any,
) -> Any:  # fmt: skip
    """MCU rows my and my + 1 side by side, from MCU `low` on, so that one decodes while the other waits for memory.

    No restart markers. predicted, predicted2: addresses of three int64. Otherwise as `scan`.
    """
    end, end2 = U(at + length) << U(3), U(at2 + length2) << U(3)
    pos, pos2 = (U(at) << U(3)) + U(bit), (U(at2) << U(3)) + U(bit2)
    strange = np.int64(0)
    last = blocks + U(count) * ONE_BLOCK
    scratch, scratch2 = blocks + SCRATCH, blocks + SCRATCH_TWO
    zigzag = blocks + ORDER - U(1)
    for mx in range(low, part[3]):
        block = blocks
        while block < last:
            buf = get_big(pos >> U(3)) << (pos & U(7))
            buf2 = get_big(pos2 >> U(3)) << (pos2 & U(7))
            component = get64(block + COMPONENT)
            dc, used = first_symbol(block, U(predicted) + component, buf)
            dc2, used2 = first_symbol(block, U(predicted2) + component, buf2)
            if used == U(0) or used2 == U(0):
                return NO_CODE
            buf, buf2, pos, pos2 = buf << used, buf2 << used2, pos + used, pos2 + used2
            zero128(scratch)
            zero128(scratch2)
            put16(scratch, dc)
            put16(scratch2, dc2)
            place = place2 = U(1)
            pairs, codes = get64(block + AC_PAIRS), get64(block + AC_CODES)
            while True:
                place, used = symbols(pairs, codes, scratch, zigzag, buf, place)
                place2, used2 = symbols(pairs, codes, scratch2, zigzag, buf2, place2)
                pos, pos2 = pos + used, pos2 + used2
                if (place | place2) >= U(64):
                    break
                buf = get_big(pos >> U(3)) << (pos & U(7))
                buf2 = get_big(pos2 >> U(3)) << (pos2 & U(7))
                place, used = symbols(pairs, codes, scratch, zigzag, buf, place)
                place2, used2 = symbols(pairs, codes, scratch2, zigzag, buf2, place2)
                pos, pos2 = pos + used, pos2 + used2
                if (place | place2) >= U(64):
                    break
                buf, buf2 = buf << used, buf2 << used2
            place, pos, place2, pos2 = _finish(pairs, codes, scratch, scratch2, zigzag, pos, place, pos2, place2)
            if place == FAULT or place2 == FAULT:
                return BAD_BLOCK
            if mx >= part[2]:
                target = _target(block, my - part[0], mx - part[2])
                strange |= _samples(block, scratch, dc, place, target)
                strange |= _samples(block, scratch2, dc2, place2, target + get_int(block + STEP_Y))
            block += ONE_BLOCK
        if pos > end or pos2 > end2:
            return TOO_SHORT
        if strange:
            return TOO_LARGE
    return 0
