"""Where the values of a label change, as bits: bit x of a row says that pixel x and its neighbor differ.

Rows are (H, K) uint64, K = ceil(W / 64); bit x is bit x % 64 of word x // 64, and bits from W on are 0. `right` is
about pixels x and x + 1 of a row, `below` about rows y and y + 1. A row of 512 pixels is eight words, so bands around
edges cost next to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import words
from .compiling import jit_of, part


@part
def _valid(width: Any, k: Any) -> Any:
    # The bits of word k of a row that are pixels.
    left = width - 64 * k
    return ~np.uint64(0) if left >= 64 else (np.uint64(1) << np.uint64(left)) - np.uint64(1)


_CHANGES = "void({}[:, ::1], uint64[:, ::1], uint64[:, ::1])"


@jit_of(*map(_CHANGES.format, ("uint8", "uint16", "uint32", "uint64")))
def changes(label: Any, right: Any, below: Any) -> None:
    """(H, K) bits `right` and `below` of a label (H, W)."""
    height, width = label.shape
    start, end = label.ctypes.data, label.ctypes.data + label.size
    one = np.uint64(1)
    for y in range(height):
        for k in range(right.shape[1]):
            x = 64 * k
            address, valid = start + y * width + x, _valid(width, k)
            beside, under = np.uint64(0), np.uint64(0)
            if label.itemsize == 1 and address + 65 <= end:
                beside = words.differ64(address, address + 1)
            else:
                for j in range(min(64, width - x - 1)):
                    beside |= np.uint64(label[y, x + j] != label[y, x + j + 1]) << np.uint64(j)
            if label.itemsize == 1 and address + width + 64 <= end:
                under = words.differ64(address, address + width)
            elif y < height - 1:
                for j in range(min(64, width - x)):
                    under |= np.uint64(label[y, x + j] != label[y + 1, x + j]) << np.uint64(j)
            last = x + 64 >= width
            right[y, k] = beside & (valid >> one if last else valid)
            below[y, k] = under & valid


@jit_of("int64(uint64[:, ::1], uint64[:, ::1], int64, uint64[:, ::1], uint64[:, ::1])")
def contour(right: Any, below: Any, width: Any, inner: Any, every: Any) -> int:
    """(H, K) bits of the pixels that differ from a neighbor by a side, and of those and the image's edge.

    Returns how many the latter are.
    """
    height, size = right.shape
    one, top = np.uint64(1), np.uint64(63)
    found = 0
    for y in range(height):
        before, here, under = right[y], inner[y], below[y]
        over = below[max(y - 1, 0)]  # below the first row is where it differs from the second
        for k in range(size):
            here[k] = before[k] | before[k] << one | under[k] | over[k]
        for k in range(1, size):
            here[k] |= before[k - 1] >> top
        here[size - 1] &= _valid(width, size - 1)
        whole = y == 0 or y == height - 1
        for k in range(size):
            every[y, k] = _valid(width, k) if whole else here[k]
        every[y, 0] |= one
        every[y, size - 1] |= one << np.uint64((width - 1) & 63)
        for k in range(size):
            found += words.ones(every[y, k])
    return found


@part
def _cover(rows: Any, size: Any, first: Any, last: Any, length: Any) -> None:
    # Each row of first..last-1 gets the bits of the length - 1 rows before it, by doubling, from the last row upwards.
    done = 1
    while done < length:
        step = min(done, length - done)
        for y in range(last - 1, first + step - 1, -1):
            for k in range(size):
                rows[y, k] |= rows[y - step, k]
        done += step


@part
def _cover_bits(row: Any, size: Any, length: Any) -> None:
    # The same along the bits of a row of words.
    done = 1
    while done < length:
        step = min(done, length - done)
        whole, bits = step >> 6, np.uint64(step & 63)
        for k in range(size - 1, whole - 1, -1):
            moved = row[k - whole] << bits
            if bits and k > whole:
                moved |= row[k - whole - 1] >> (np.uint64(64) - bits)
            row[k] |= moved
        done += step


@jit_of("void(uint64[:, ::1], uint64[:, ::1], int64, int64, uint64[::1], uint64[:, ::1], uint64[:, ::1])")
def band(right: Any, below: Any, width: Any, reach: Any, row: Any, rows: Any, out: Any) -> None:
    """(H, K) bits `out`: pixels that have another value within `reach` rows and columns. reach: from 1.

    A square holds two values if one of its rows does, or if two rows differ in the middle column. row:
    (K + reach // 64 + 2,) scratch; rows: (H + reach, K) scratch.
    """
    height, size = right.shape
    zero = np.uint64(0)
    for turn in range(2):
        for y in range(height):
            if turn:
                for k in range(size):
                    rows[y, k] = below[y, k]
                continue
            for k in range(row.shape[0]):
                row[k] = right[y, k] if k < size else zero
            _cover_bits(row, row.shape[0], 2 * reach)
            whole, bits = (reach - 1) >> 6, np.uint64((reach - 1) & 63)  # from x..x+2r-1 to x-r+1..x+r
            for k in range(size):
                word = row[k + whole] >> bits
                if bits:
                    word |= row[k + whole + 1] << (np.uint64(64) - bits)
                rows[y, k] = word
        for y in range(height, height + reach):
            for k in range(size):
                rows[y, k] = zero
        _cover(rows, size, 0, height + reach, 2 * reach + 1 - turn)
        for y in range(height):
            for k in range(size):
                word = rows[y + reach - turn, k]
                out[y, k] = out[y, k] | word if turn else word
    if width & 63:
        valid = (np.uint64(1) << np.uint64(width & 63)) - np.uint64(1)
        for y in range(height):
            out[y, size - 1] &= valid


_BANDS = "void(uint64[:, ::1], uint64[:, ::1], {0}[:, ::1], {0}[:, ::1], int64, int64, int64[:, ::1])"


@jit_of(_BANDS.format("uint8"), _BANDS.format("uint16"))
def count_bands(
    prediction_bits: Any, truth_bits: Any, prediction: Any, truth: Any, reach: Any, inside: Any, counts: Any
) -> None:
    """Add the pairs of two labels (H, W) to `counts`, rows truth, in which what is in no band is `inside`.

    A pixel is in its label's band if it has a bit there, or is within `reach` of the image's edge. Void, which both
    labels share, is `inside` + 1 and in no band. Larger ones of the prediction are counted in column `inside` + 1.

    In a word without bits each label has one value; and eight pixels that repeat one pair are counted at once.
    """
    height, width = truth.shape
    void, full, byte, spread = inside + 1, ~np.uint64(0), np.uint64(255), np.uint64(0x0101010101010101)
    p_start, t_start = prediction.ctypes.data, truth.ctypes.data
    for y in range(height):
        for k in range(truth_bits.shape[1]):
            x, end = 64 * k, min(64 * k + 64, width)
            p_bits, t_bits = prediction_bits[y, k], truth_bits[y, k]
            if y < reach or y >= height - reach or (x < reach and end > width - reach):
                p_bits = t_bits = full
            else:
                edge = np.uint64(0)
                if x < reach:
                    edge = full if reach - x >= 64 else ~(full << np.uint64(reach - x))
                if end > width - reach:
                    edge |= full << np.uint64(max(0, width - reach - x))
                p_bits |= edge
                t_bits |= edge
            if p_bits | t_bits == np.uint64(0):
                kept = void if truth[y, x] == void else inside
                counts[kept, kept] += end - x
                continue
            while x < end:
                n = min(8, end - x)
                length = 1
                if truth.itemsize == 1 and n == 8:
                    t8 = words.get64(t_start + y * width + x)
                    p8 = words.get64(p_start + y * width + x)
                    flat = t8 == (t8 & byte) * spread and p8 == (p8 & byte) * spread
                    p_whole = p_bits & byte == np.uint64(0) or p_bits & byte == byte
                    t_whole = t_bits & byte == np.uint64(0) or t_bits & byte == byte
                    length = 8 if flat and p_whole and t_whole else 1
                for j in range(0, n, length):
                    bit = np.uint64(j)
                    t, p = np.int64(truth[y, x + j]), min(np.int64(prediction[y, x + j]), void)
                    given = np.int64(prediction[y, x + j])
                    row = t if t == void or t_bits >> bit & np.uint64(1) else inside
                    column = p if given == void or p_bits >> bit & np.uint64(1) else inside
                    counts[row, column] += length
                p_bits >>= np.uint64(8)
                t_bits >>= np.uint64(8)
                x += n
