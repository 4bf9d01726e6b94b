"""JPEG: a window of a file to RGB, bit for bit as libjpeg-turbo decodes it by default.

A general decoder decodes the whole file. This one passes over the blocks outside the window, and with an index (the
bit position and the DC predictors before every 16th MCU of a row) it does not read them at all. It never guesses:
whatever it does not know, damage included, is a fault, and the caller hands the file to libjpeg-turbo.

Why no read or write leaves its buffer:

- The file: `parse` compares every segment with the file's size, `unstuff` stops at its end.
- The clean scan ends in PAD zeros, more than an MCU can take; after each MCU the position is compared with the end.
- Lookups: see `jpeg_symbols`.
- Coefficients: the places of the zigzag are 256 bytes, all at most 64; 64 is a slot that nobody reads.
- Samples: the planes of the window's MCUs, with a margin of 64 bytes per row, are compared with the room for them.
- Output: the window is compared with the image before anything is written; the array is as large as the window.
- The index: its shape, and each position against the file; two rows together may not be longer than the file.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .compiling import jit, part
from .jpeg_color import to_rgb
from .jpeg_header import COMPONENTS, HEIGHT, RESTART, ROWS, START, WIDE, WIDTH, H, V, parse
from .jpeg_scan import ONE_BLOCK, PAD, scan, scan_two, unstuff
from .jpeg_symbols import (
    AC_BITS,
    AC_CODES,
    AC_PAIRS,
    AC_SKIP,
    CODES,
    COMPONENT,
    DC_CODES,
    DC_LOOK,
    PREDICTED,
    QUANTIZERS,
    SAMPLES,
    STEP_X,
    STEP_Y,
    STRIDE,
    build_lookup,
    pair_up,
)  # fmt: skip
from .words import U, get8, put8, put64

ENTRIES: Final = 1 << AC_BITS
EVERY: Final = 16
"""MCUs between two entries of an index: of a quarter of 1024x2048, 1.9 ms instead of 2.6 with one entry per row."""
MOST_RESTARTS: Final = 1 << 16
WINDOW, INDEXED, TO_END, RECORD = range(4)
"""What is read: the scan down to the window's last row; only the window, by an index; all of the scan; all, and an
index is made. Damage outside the window is found by the latter two only.
"""
OUTSIDE, BAD_CODES, BAD_INDEX, NO_END = range(30, 34)


@jit
def _build_tables(
    counts: Any, values: Any, built: Any, built_values: Any, looks: Any, pairs: Any, skips: Any, codes: Any
) -> Any:
    """The lookups of all four Huffman tables, those that the last file had too as they are. False: not JPEG's."""
    for t in range(4):
        same = built[t, 16] == 1
        for k in range(16):
            same &= counts[t, k] == built[t, k]
        for k in range(256):
            same &= values[t, k] == built_values[t, k]
        if same:
            continue
        built[t, 16] = 0
        if not build_lookup(counts[t], values[t], t % 2 == 0, looks[t], U(codes + CODES * t)):
            return False
        if t % 2:
            pair_up(looks[t], pairs[t], skips[t])
        for k in range(16):
            built[t, k] = counts[t, k]
        for k in range(256):
            built_values[t, k] = values[t, k]
        built[t, 16] = 1
    return True


@part
def _lay_out(
    facts: Any, components: Any, quantizers: Any, looks: Any, pairs: Any, skips: Any, codes: Any, predicted: Any,
    blocks: Any, luma: Any, ys: Any, chroma: Any, cs: Any, step: Any,
) -> Any:  # fmt: skip
    """Write what each block of an MCU needs to `blocks`; the number of blocks."""
    hs, vs = facts[H], facts[V]
    mh, mw = 8 * vs, 8 * hs
    count = hs * vs + facts[COMPONENTS] - 1
    for k in range(count):
        c = max(k - hs * vs + 1, 0)
        block = U(blocks) + U(k) * ONE_BLOCK
        dc, ac = components[c, 2], components[c, 3]
        put64(block + DC_LOOK, looks[dc].ctypes.data)
        put64(block + DC_CODES, codes + CODES * dc)
        put64(block + AC_PAIRS, pairs[ac].ctypes.data)
        put64(block + AC_CODES, codes + CODES * ac)
        put64(block + AC_SKIP, skips[ac].ctypes.data)
        put64(block + PREDICTED, predicted[c:].ctypes.data)
        put64(block + QUANTIZERS, quantizers[components[c, 1]].ctypes.data)
        put64(block + STRIDE, cs if c else ys)
        put64(block + STEP_X, 8 if c else mw)
        put64(block + STEP_Y, 8 * cs if c else mh * ys)
        put64(block + COMPONENT, 8 * c)
        put64(block + SAMPLES, chroma + (c - 1) * step if c else luma + k // hs * 8 * ys + k % hs * 8)
    return count


@jit
def _entry(positions: Any, row: Any, part: Any, every: Any, facts: Any, n: Any) -> Any:
    """The bits of the file between which MCU row `row` of the window lies; -1 for an index that is not this file's."""
    low, high = part[2] // every, -(-part[3] // every)
    if row >= positions.shape[0] or low >= positions.shape[1]:
        return np.int64(-1), np.int64(0)
    start, stop = np.int64(positions[row, low]), np.int64(8 * n)
    if high < positions.shape[1]:
        stop = np.int64(positions[row, high])
    elif row + 1 < facts[ROWS]:
        stop = np.int64(positions[row + 1, 0])
    if start < 8 * facts[START] or stop < start or stop > 8 * n:
        start = np.int64(-1)
    return start, stop


@jit
def _scan_indexed(
    data: Any, n: Any, facts: Any, part: Any, rows: Any, segments: Any, clean: Any, blocks: Any, count: Any,
    predicted: Any, positions: Any, levels: Any, every: Any,
) -> Any:  # fmt: skip
    """Decode the window's MCUs from the entries before them, two rows side by side if there are no restart markers."""
    low = part[2] // every * every
    source = data.ctypes.data
    row = part[0]
    while row < part[1]:
        start, stop = _entry(positions, row, part, every, facts, n)
        if start < 0:
            return BAD_INDEX
        for c in range(3):
            predicted[c] = levels[row, low // every, c]
        length, _, found = unstuff(source, start >> 3, min((stop >> 3) + 2, n), clean, segments, -1)
        if row + 1 < part[1] and facts[RESTART] == 0:
            start2, stop2 = _entry(positions, row + 1, part, every, facts, n)
            if start2 < 0 or stop - start + stop2 - start2 > 8 * n:
                return BAD_INDEX
            for c in range(3):
                predicted[3 + c] = levels[row + 1, low // every, c]
            clean2 = clean + length + PAD
            length2, _, _ = unstuff(source, start2 >> 3, min((stop2 >> 3) + 2, n), clean2, segments, -1)
            fault = scan_two(clean, length, start & 7, clean2, length2, start2 & 7, row, low, part, blocks, count,
                             predicted.ctypes.data, predicted[3:].ctypes.data)  # fmt: skip
            row += 2
        else:
            rows[0], rows[1], rows[2], rows[3] = row, row + 1, low, part[3]
            fault = scan(clean, length, start & 7, segments[:found], facts[RESTART], facts[WIDE], rows, part, False,
                         blocks, count, predicted, positions, levels, 0)  # fmt: skip
            row += 1
        if fault:
            return fault
    return 0


@jit
def _to_file(data: Any, start: Any, positions: Any, rows: Any) -> None:
    """Bit positions in the clean scan to bit positions in the file."""
    i, j = start, np.int64(0)
    for r in range(rows):
        for k in range(positions.shape[1]):
            bit = np.int64(positions[r, k])
            while j < bit >> 3 or (data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7):
                if data[i] == 0xFF:
                    j += data[i + 1] == 0
                    i += 2
                else:
                    i += 1
                    j += 1
            positions[r, k] = i << 3 | bit & 7


@part
def _repeat_edges(part: Any, width: Any, rows: Any, chroma: Any, cs: Any, step: Any) -> None:
    """Chroma beside the image's left and right edge is that of the edge. width, rows: of chroma in the image."""
    for y in range(min(rows - part[0] * 8, (part[1] - part[0]) * 8)):
        for c in range(2):
            p = U(chroma + c * step + y * cs)
            if part[2] == 0:
                put8(p - U(1), get8(p))
            if part[3] * 8 >= width:
                p += U(width - part[2] * 8)
                put8(p, get8(p - U(1)))


@jit
def read_window(
    data: Any, n: Any, y0: Any, x0: Any, h: Any, w: Any, mode: Any, positions: Any, levels: Any, every: Any,
    facts: Any, components: Any, quantizers: Any, counts: Any, values: Any, built: Any, built_values: Any, looks: Any,
    pairs: Any, skips: Any, segments: Any, small: Any, codes: Any, blocks: Any, row: Any, clean: Any, planes: Any,
    planes_size: Any, out: Any, out_stride: Any,
) -> Any:  # fmt: skip
    """The window at (y0, x0), h x w, of the JPEG in the first n bytes of `data` to (h, w, 3) uint8 at `out`: 0, or a
    fault.

    positions, levels: the index, (rows, entries) uint32 and (rows, entries, 3) int16, used or made by `mode`. small:
    (16,) int64. codes, blocks, row, clean, planes: addresses of memory; what each needs is said in
    `codecs.jpeg_windows`.
    """
    fault = parse(data, n, facts, components, quantizers, counts, values)
    if fault:
        return fault
    height, width, hs, vs = facts[HEIGHT], facts[WIDTH], facts[H], facts[V]
    if y0 < 0 or x0 < 0 or h < 1 or w < 1 or y0 + h > height or x0 + w > width:
        return OUTSIDE
    enough = positions.shape[0] >= facts[ROWS] and positions.shape[1] * every >= facts[WIDE]
    if mode in (INDEXED, RECORD) and not enough:
        return BAD_INDEX
    if not _build_tables(counts, values, built, built_values, looks, pairs, skips, codes):
        return BAD_CODES
    # The MCUs of the window, and of the chroma around it that the filter needs.
    part, rows, predicted = small[:4], small[4:8], small[8:14]
    mh, mw = 8 * vs, 8 * hs
    part[0], part[1] = max(y0 - vs + 1, 0) // mh, -(-min(y0 + h + vs - 1, height) // mh)
    part[2], part[3] = max(x0 - hs + 1, 0) // mw, -(-min(x0 + w + hs - 1, width) // mw)
    rows[0], rows[1], rows[2], rows[3] = 0, part[1] if mode < TO_END else facts[ROWS], 0, facts[WIDE]
    to_end = rows[1] == facts[ROWS]
    for k in range(6):
        predicted[k] = 0
    ys, cs = (part[3] - part[2]) * mw + 64, (part[3] - part[2]) * 8 + 64
    step = cs * (part[1] - part[0]) * 8
    luma = planes + 64
    chroma = luma + ys * (part[1] - part[0]) * mh + 64
    if chroma + 2 * step + 64 > planes + planes_size:
        return OUTSIDE
    count = _lay_out(facts, components, quantizers, looks, pairs, skips, codes, predicted, blocks, luma, ys, chroma, cs,
                     step)  # fmt: skip
    if mode == INDEXED:
        fault = _scan_indexed(data, n, facts, part, rows, segments, clean, U(blocks), count, predicted, positions,
                              levels, every)  # fmt: skip
    else:
        length, ended, found = unstuff(data.ctypes.data, facts[START], n, clean, segments, 0)
        if to_end and (ended + 2 > n or data[ended] != 0xFF or data[ended + 1] != 0xD9):
            return NO_END
        fault = scan(clean, length, 0, segments[:found], facts[RESTART], facts[WIDE], rows, part, to_end, U(blocks),
                     count, predicted, positions, levels, every if mode == RECORD else 0)  # fmt: skip
    if fault:
        return fault
    if mode == RECORD:
        _to_file(data, facts[START], positions, facts[ROWS])
    enlarge = -1 if facts[COMPONENTS] == 1 else vs + hs - 2
    if hs == 2:
        _repeat_edges(part, -(-width // hs), -(-height // vs), chroma, cs, step)
    rows[0], rows[1], rows[2], rows[3] = part[0] * mh, part[2] * mw, part[0] * 8, part[2] * 8
    to_rgb(luma, ys, chroma, cs, step, enlarge, rows, -(-height // vs), y0, x0, h, w, row, out, out_stride)
    return 0
