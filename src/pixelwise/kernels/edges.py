"""Where the values of a label change, as bits: bit x of a row says that pixel x and its neighbor differ.

Rows are (H, K) uint64, K = ceil(W / 64); bit x is bit x % 64 of word x // 64, and bits from W on are 0. `right` is
about pixels x and x + 1 of a row, `below` about rows y and y + 1. A row of 512 pixels is eight words, so bands around
edges cost next to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit_of, part


@part
def _lowest(word: Any) -> Any:
    # The number of the lowest bit of a word that is not 0, by halves.
    n = np.uint64(0)
    for shift in (32, 16, 8, 4, 2, 1):
        size = np.uint64(shift)
        if word & ((np.uint64(1) << size) - np.uint64(1)) == np.uint64(0):
            word >>= size
            n += size
    return n


_CONTOUR = "int64(uint64[:, ::1], uint64[:, ::1], {}[:, ::1], int32[::1], int32[::1], int32[::1], int32[::1], b1[::1])"


@jit_of(_CONTOUR.format("uint8"), _CONTOUR.format("uint16"))
def contour_pixels(right: Any, below: Any, label: Any, slots: Any, ys: Any, xs: Any, found: Any, inner: Any) -> int:
    """The pixels that differ from a neighbor by a side, or are at the image's edge, in the order of rows; how many.

    label: (H, W), `right` and `below` are its changes. slots: for each value of a label its number, or -1 for those
    that are passed over. ys, xs, found: (H * W,) int32, places and numbers. inner: (H * W,) bool, whether there is such
    a neighbor in the image.
    """
    height, words = right.shape
    width = label.shape[1]
    zero, one, top = np.uint64(0), np.uint64(1), np.uint64(63)
    n = 0
    for y in range(height):
        carry = zero
        for k in range(words):
            last = k == words - 1
            valid = (one << np.uint64(width & 63)) - one if last and width & 63 else ~zero
            word = right[y, k]
            edge = (word | word << one | carry | below[y, k] | (below[y - 1, k] if y else zero)) & valid
            carry = word >> top
            left = edge
            if y == 0 or y == height - 1:
                left = valid
            else:
                if k == 0:
                    left |= one
                if last:
                    left |= one << np.uint64((width - 1) & 63)
            while left:
                low = _lowest(left)
                x = 64 * k + np.int64(low)
                number = slots[label[y, x]]
                ys[n], xs[n], found[n] = y, x, number
                inner[n] = edge >> low & one != zero
                left &= left - one
                n += number >= 0
    return n


@part
def _cover(rows: Any, words: Any, first: Any, last: Any, length: Any) -> None:
    # Each row of first..last-1 gets the bits of the length - 1 rows before it, by doubling, from the last row upwards.
    done = 1
    while done < length:
        step = min(done, length - done)
        for y in range(last - 1, first + step - 1, -1):
            for k in range(words):
                rows[y, k] |= rows[y - step, k]
        done += step


@part
def _cover_bits(row: Any, words: Any, length: Any) -> None:
    # The same along the bits of a row of words.
    done = 1
    while done < length:
        step = min(done, length - done)
        whole, bits = step >> 6, np.uint64(step & 63)
        for k in range(words - 1, whole - 1, -1):
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
    height, words = right.shape
    zero = np.uint64(0)
    for turn in range(2):
        for y in range(height):
            if turn:
                for k in range(words):
                    rows[y, k] = below[y, k]
                continue
            for k in range(row.shape[0]):
                row[k] = right[y, k] if k < words else zero
            _cover_bits(row, row.shape[0], 2 * reach)
            whole, bits = (reach - 1) >> 6, np.uint64((reach - 1) & 63)  # from x..x+2r-1 to x-r+1..x+r
            for k in range(words):
                word = row[k + whole] >> bits
                if bits:
                    word |= row[k + whole + 1] << (np.uint64(64) - bits)
                rows[y, k] = word
        for y in range(height, height + reach):
            for k in range(words):
                rows[y, k] = zero
        _cover(rows, words, 0, height + reach, 2 * reach + 1 - turn)
        for y in range(height):
            for k in range(words):
                word = rows[y + reach - turn, k]
                out[y, k] = out[y, k] | word if turn else word
    if width & 63:
        valid = (np.uint64(1) << np.uint64(width & 63)) - np.uint64(1)
        for y in range(height):
            out[y, words - 1] &= valid


_KEEP = "void(uint64[:, ::1], int64, {0}, {0}, {0}[:, ::1])"


@jit_of(_KEEP.format("uint8"), _KEEP.format("uint16"))
def keep_band(bits: Any, reach: Any, void: Any, inside: Any, label: Any) -> None:
    """Write `inside` to the pixels of a label (H, W) that are not `void`, without a bit, and `reach` from the edges."""
    height, width = label.shape
    for y in range(reach, height - reach):
        row = label[y]
        for k in range(bits.shape[1]):
            word = bits[y, k]
            if word == ~np.uint64(0):
                continue
            start = 64 * k
            if word == np.uint64(0):
                for x in range(max(start, reach), min(start + 64, width - reach)):
                    row[x] = row[x] if row[x] == void else inside
                continue
            while word != ~np.uint64(0) and start < width - reach:  # byte by byte, of which most are of one value
                if word & np.uint64(255) != np.uint64(255):
                    for x in range(max(start, reach), min(start + 8, width - reach)):
                        if not word >> np.uint64(x - start) & np.uint64(1) and row[x] != void:
                            row[x] = inside
                word = word >> np.uint64(8) | np.uint64(255) << np.uint64(56)
                start += 8
