"""JPEG: the header of a file that the kernels take, or the reason why they leave it to others.

They take sequential Huffman files of 8 bits with one scan: gray, or YCbCr with chroma 4:4:4, 4:2:2 or 4:2:0, with
restart markers or without. Whatever is odd is left to libjpeg-turbo, which decodes it or says what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part

HEIGHT, WIDTH, H, V, RESTART, START, ROWS, WIDE, COMPONENTS, HAVE_QUANTIZERS, HAVE_TABLES = range(11)
"""What `parse` finds, int64: sizes, sampling factors of luma, MCUs between restart markers, the first byte of the scan,
rows of MCUs and MCUs per row, components; and a bit for each table that was defined.
"""
FACTS = 11

NO_START, NO_MARKER, BAD_SEGMENT, BAD_QUANTIZERS, BAD_TABLE, OTHER_FRAME, OTHER_SAMPLING, OTHER_PROCESS = range(10, 18)
BAD_RESTART_INTERVAL, OTHER_COLORS, OTHER_SCAN, NARROW, NO_SCAN = range(18, 23)

_DIAGONALS = [[(i, s - i) for i in range(8) if 0 <= s - i < 8] for s in range(15)]
ZIGZAG = np.array([8 * i + j for s, d in enumerate(_DIAGONALS) for i, j in (d if s % 2 else d[::-1])], np.uint8)
"""(64,) uint8: the place in its block, row by row, of each coefficient in the order of the file (T.81, figure A.6)."""


@part
def _two(data: Any, i: Any) -> Any:
    return np.int64(data[i]) << 8 | np.int64(data[i + 1])


@jit
def _quantizers(data: Any, i: Any, stop: Any, facts: Any, quantizers: Any) -> Any:
    """A DQT segment; tables of 16 bits are left to others."""
    while i < stop:
        if data[i] > 3 or i + 65 > stop:
            return BAD_QUANTIZERS
        t = np.int64(data[i])
        for k in range(64):
            quantizers[t, ZIGZAG[k]] = data[i + 1 + k]
        facts[HAVE_QUANTIZERS] |= 1 << t
        i += 65
    return 0


@jit
def _codes(data: Any, i: Any, stop: Any, facts: Any, counts: Any, values: Any) -> Any:
    """A DHT segment. Tables 0 and 2 are for DC, 1 and 3 for AC."""
    while i < stop:
        if i + 17 > stop or data[i] & 0xEE:
            return BAD_TABLE
        t = np.int64(data[i]) >> 4 | (np.int64(data[i]) & 1) << 1
        total = 0
        for k in range(16):
            counts[t, k] = data[i + 1 + k]
            total += np.int64(data[i + 1 + k])
        if total > 256 or i + 17 + total > stop:
            return BAD_TABLE
        for k in range(256):
            values[t, k] = data[i + 17 + k] if k < total else 0
        facts[HAVE_TABLES] |= 1 << t
        i += 17 + total
    return 0


@jit
def _frame(data: Any, i: Any, size: Any, facts: Any, components: Any) -> Any:
    """A SOF0 or SOF1 segment. components: a row for each: name, quantizers, DC table, AC table."""
    n = np.int64(data[i + 5]) if size >= 8 else 0
    if facts[HEIGHT] or (n != 1 and n != 3) or size != 8 + 3 * n or data[i] != 8:
        return OTHER_FRAME
    facts[HEIGHT], facts[WIDTH], facts[COMPONENTS] = _two(data, i + 1), _two(data, i + 3), n
    if facts[HEIGHT] == 0 or facts[WIDTH] == 0:
        return OTHER_FRAME
    for c in range(n):
        components[c, 0] = data[i + 6 + 3 * c]
        s = np.int64(data[i + 7 + 3 * c])
        if n == 1:
            # A scan of one component has one block per MCU, whatever its sampling factors (T.81, A.2.2).
            if s & 15 < 1 or s & 15 > 4 or s >> 4 < 1 or s >> 4 > 4:
                return OTHER_SAMPLING
            facts[H] = facts[V] = 1
        elif c == 0 and (s == 0x11 or s == 0x21 or s == 0x22):
            facts[H], facts[V] = s >> 4, s & 15
        elif c == 0 or s != 0x11:
            return OTHER_SAMPLING
        components[c, 1] = data[i + 8 + 3 * c]
        if components[c, 1] > 3:
            return OTHER_SAMPLING
    return 0


@part
def _is(data: Any, i: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    return data[i] == a and data[i + 1] == b and data[i + 2] == c and data[i + 3] == d


@jit
def _scan_header(data: Any, i: Any, size: Any, facts: Any, components: Any) -> Any:
    """An SOS segment of all components and all coefficients."""
    n = facts[COMPONENTS]
    if facts[HEIGHT] == 0 or size != 6 + 2 * n or data[i] != n:
        return OTHER_SCAN
    if n == 3 and components[0, 0] == 82 and components[1, 0] == 71 and components[2, 0] == 66:
        return OTHER_COLORS  # R, G, B by name
    for c in range(n):
        t = np.int64(data[i + 2 + 2 * c])
        if data[i + 1 + 2 * c] != components[c, 0] or t & 0xEE:
            return OTHER_SCAN
        components[c, 2], components[c, 3] = (t >> 4) << 1, 1 | (t & 1) << 1
        tables = facts[HAVE_TABLES] >> components[c, 2] & facts[HAVE_TABLES] >> components[c, 3]
        if not (tables & facts[HAVE_QUANTIZERS] >> components[c, 1] & 1):
            return OTHER_SCAN
    last = i + 2 * n
    if data[last + 1] != 0 or data[last + 2] != 63 or data[last + 3] != 0:
        return OTHER_SCAN
    if facts[H] == 2 and facts[WIDTH] < 5:
        return NARROW  # too narrow for libjpeg to filter its chroma
    facts[ROWS] = -(-facts[HEIGHT] // (8 * facts[V]))
    facts[WIDE] = -(-facts[WIDTH] // (8 * facts[H]))
    return 0


@jit
def parse(data: Any, n: Any, facts: Any, components: Any, quantizers: Any, counts: Any, values: Any) -> Any:
    """The header of the first n bytes up to the scan: 0, or the number of what is left to others.

    Every segment is compared with the file's size before it is read.
    """
    if n < 4 or data[0] != 0xFF or data[1] != 0xD8:
        return NO_START
    for k in range(FACTS):
        facts[k] = 0
    at = 2
    while at + 4 <= n:
        if data[at] != 0xFF:
            return NO_MARKER
        marker = np.int64(data[at + 1])
        if marker == 0xFF:
            at += 1
            continue
        size = _two(data, at + 2)
        i, stop = at + 4, at + 2 + size
        if size < 2 or stop > n or 0xD0 <= marker <= 0xD9 or marker <= 1:
            return BAD_SEGMENT
        fault = 0
        if marker == 0xDB:
            fault = _quantizers(data, i, stop, facts, quantizers)
        elif marker == 0xC4:
            fault = _codes(data, i, stop, facts, counts, values)
        elif marker in (0xC0, 0xC1):
            fault = _frame(data, i, size, facts, components)
        elif 0xC2 <= marker <= 0xCF:
            fault = OTHER_PROCESS
        elif marker == 0xDD:
            if size != 4:
                return BAD_RESTART_INTERVAL
            facts[RESTART] = _two(data, i)
        elif marker == 0xE0:
            if size >= 9 and _is(data, i, 74, 70, 73, 70) and data[i + 4] == 0 and data[i + 5] != 1:
                return OTHER_COLORS  # a JFIF of the future, which libjpeg warns of
        elif marker == 0xEE:
            if size >= 14 and _is(data, i, 65, 100, 111, 98) and data[i + 11] != 1:
                return OTHER_COLORS  # Adobe's, and not YCbCr
        elif marker == 0xDA:
            facts[START] = stop
            return _scan_header(data, i, size, facts, components)
        elif marker < 0xE0 or 0xEF < marker < 0xFE:
            return BAD_SEGMENT  # libjpeg knows none of these
        if fault:
            return fault
        at = stop
    return NO_SCAN
