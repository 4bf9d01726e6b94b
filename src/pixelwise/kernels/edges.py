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


_SIDE = "uint64[:, ::1], uint64[:, ::1], {0}[:, ::1]"
_BANDS = f"void({_SIDE}, {_SIDE}, int64, int64, int64[:, ::1])"


@jit_of(_BANDS.format("uint8"), _BANDS.format("uint16"))
def count_bands(
    prediction_bits: Any, prediction_right: Any, prediction: Any, truth_bits: Any, truth_right: Any, truth: Any,
    reach: Any, inside: Any, counts: Any,
) -> None:  # fmt: skip
    """Add the pairs of two labels (H, W) to `counts`, rows truth, in which what is in no band is `inside`.

    A pixel is in its label's band if it has a bit there, or is within `reach` of the image's edge. Void, which both
    labels share, is `inside` + 1 and in no band. Larger ones of the prediction are counted in column `inside` + 1.

    A run of pixels of a word that are alike in both labels and bands is counted at once.
    """
    height, width = truth.shape
    void, full, one = inside + 1, ~np.uint64(0), np.uint64(1)
    for y in range(height):
        for k in range(truth_bits.shape[1]):
            x, size = 64 * k, min(64, width - 64 * k)
            edge = np.uint64(0)
            if y < reach or y >= height - reach or (x < reach and x + size > width - reach):
                edge = full
            elif x < reach:
                edge = full if reach - x >= 64 else ~(full << np.uint64(reach - x))
            elif x + size > width - reach:
                edge = full << np.uint64(max(0, width - reach - x))
            p_bits, t_bits = prediction_bits[y, k] | edge, truth_bits[y, k] | edge
            ends = prediction_right[y, k] | truth_right[y, k] | p_bits ^ p_bits >> one | t_bits ^ t_bits >> one
            ends = (ends | one << np.uint64(size - 1)) & full >> np.uint64(64 - size)
            while ends:
                last = words.lowest(ends)
                ends &= ends - one
                end = 64 * k + np.int64(last) + 1
                t, p = np.int64(truth[y, x]), min(np.int64(prediction[y, x]), void)
                row = t if t == void or t_bits >> last & one else inside
                column = p if prediction[y, x] == void or p_bits >> last & one else inside
                counts[row, column] += end - x
                x = end
