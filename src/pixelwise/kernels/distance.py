"""Exact Euclidean distances between the contours of two labels, class by class, and their order statistics.

A contour is (H, K) bits of pixels, as `kernels.edges` has them. `planes` (2, H + 2 * REACH, K + 2) uint64 are scratch,
zero around the image: the contours of one class in both labels. Around a pixel 57 bits of a row are one load, and most
contours of a prediction are nearer than that to those of the truth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import words
from .compiling import jit_of, part

REACH = 28
"""Rows and columns on each side of a pixel in which the first search looks."""
BLOCK = 16
"""Columns that the second search passes over at once."""
FAR = np.int32(1 << 30)
"""Rows to the nearest pixel of a column that has none, or more."""
INNER = -1
"""In place of a class: that of the call before, whose planes and numbers are kept, without the image's edge. The bits
given are then those of the contours without it.
"""
COUNTED = 1024
"""Whole squares of distances below it are counted, which is faster than sorting in part."""


@part
def _plane(bits: Any, label: Any, value: Any, plane: Any) -> Any:
    # The bits where the label is `value`, REACH rows and a word from the plane's start; how many there are.
    height, width = label.shape
    found = 0
    start, end = label.ctypes.data, label.ctypes.data + label.size
    for y in range(height):
        for k in range(bits.shape[1]):
            word = bits[y, k]
            address = start + y * width + 64 * k
            if word and label.itemsize == 1 and address + 64 <= end:
                word &= words.equal64(address, value)
            elif word:
                left = word
                while left:
                    low = words.lowest(left)
                    if label[y, 64 * k + np.int64(low)] != value:
                        word ^= np.uint64(1) << low
                    left &= left - np.uint64(1)
            plane[y + REACH, k + 1] = word
            found += words.ones(word)
    return found


@part
def _without_edge(inner: Any, plane: Any) -> Any:
    # Takes those pixels of the image's edge out of a plane that have no bit in `inner`; how many.
    height, size = inner.shape
    taken = 0
    for y in range(height):
        step = 1 if y == 0 or y == height - 1 else max(1, size - 1)
        for k in range(0, size, step):
            word = plane[y + REACH, k + 1]
            plane[y + REACH, k + 1] = word & inner[y, k]
            taken += words.ones(word & ~inner[y, k])
    return taken


@part
def _make_planes(bits: Any, other_bits: Any, label: Any, other_label: Any, value: Any, planes: Any, found: Any) -> Any:
    # The contours of a class in both labels, and how many pixels they have, unless `value` is INNER: then without the
    # image's edge those that are there, of which `found` has the numbers. Whether both have any.
    if value == INNER:
        found[0] -= _without_edge(bits, planes[0])
        found[1] -= _without_edge(other_bits, planes[1])
    else:
        found[0] = _plane(bits, label, value, planes[0])
        found[1] = _plane(other_bits, other_label, value, planes[1])
    found[2:] = 0
    return found[0] > 0 and found[1] > 0


_TWO = "uint64[:, ::1], uint64[:, ::1], {0}[:, ::1], {0}[:, ::1], int64"
_NEAREST = f"void({_TWO}, float64, float64, float64, uint64[:, :, ::1], float64[::1], int64[::1], int32[:, :, ::1])"


@jit_of(_NEAREST.format("uint8"), _NEAREST.format("uint16"))
def nearest(
    bits: Any, other_bits: Any, label: Any, other_label: Any, value: Any, step_y: Any, step_x: Any, limit: Any,
    planes: Any, squares: Any, found: Any, far: Any,
) -> None:  # fmt: skip
    """The squared distance of each contour pixel of a class to the nearest of the other label, for both labels.

    value: the class, or INNER. step_y, step_x: the distance of neighbors. limit: larger distances may be given as
    infinite. squares: out, those of the first label in the order of rows, then those of the second; infinite where the
    other has none. found: (4,) out, the pixels of each label, and how many of each are too far for this search: their
    places in `squares`, rows and columns are in `far` (2, 3, N), and `second` finds them. Exact for whole steps.
    """
    height, size = bits.shape
    square_y, square_x = step_y * step_y, step_x * step_x
    sure = (REACH + 1) * min(step_y, step_x)
    sure = sure * sure if sure <= limit else np.inf
    center, one = np.uint64(REACH), np.uint64(1)
    if not _make_planes(bits, other_bits, label, other_label, value, planes, found):
        squares[: found[0] + found[1]] = np.inf
        return
    pitch = np.int64(planes.shape[2] * 8)
    n = 0
    for side in range(2):
        missing = 0
        start = planes[1 - side].ctypes.data
        for y in range(height):
            for k in range(size):
                left = planes[side, y + REACH, k + 1]
                while left:
                    x = 64 * k + np.int64(words.lowest(left))
                    left &= left - one
                    first = x + 64 - REACH
                    address = start + (y + REACH) * pitch + (first >> 3)
                    shift = np.uint64(first & 7)
                    near = words.get64(address) >> shift
                    best, down = np.inf, 0
                    if near >> center & one:
                        best = 0.0
                    while square_y * down * down < best and down <= REACH and down * step_y <= limit:
                        if down:
                            near = (words.get64(address - down * pitch) | words.get64(address + down * pitch)) >> shift
                        apart = min(words.lowest(near >> center), words.above(near << (np.uint64(63) - center)))
                        if apart < np.uint64(64):
                            across, rows = np.float64(apart), np.float64(down)
                            best = min(best, square_x * across * across + square_y * rows * rows)
                        down += 1
                    squares[n] = best
                    if best > sure:
                        far[side, 0, missing], far[side, 1, missing], far[side, 2, missing] = n, y, x
                        missing += 1
                    n += 1
        found[2 + side] = missing


@part
def _rows_between(plane: Any, rows: Any) -> Any:
    # The rows to the nearest bit in each column; at least FAR where there is none.
    height, wide = rows.shape
    one = np.int32(1)
    for y in range(height):
        row, above = rows[y], rows[max(y - 1, 0)]
        for x in range(wide):
            row[x] = FAR if y == 0 else np.int32(above[x] + one)
        for k in range(1, plane.shape[1] - 1):
            left = plane[y + REACH, k]
            while left:
                row[64 * (k - 1) + np.int64(words.lowest(left))] = 0
                left &= left - np.uint64(1)
    for y in range(height - 2, -1, -1):
        row, under = rows[y], rows[y + 1]
        for x in range(wide):
            row[x] = min(row[x], np.int32(under[x] + one))


@jit_of("void(uint64[:, ::1], int32[:, ::1], float64, float64, float64, int32[:, ::1], int32[::1], float64[::1])")
def second(
    plane: Any, far: Any, step_y: Any, step_x: Any, limit: Any, rows: Any, least: Any, squares: Any
) -> None:  # fmt: skip
    """The squared distances that `nearest` did not find. plane: of the other label, not empty. far: (3, N), its pixels.

    rows: (H, BLOCK * B) int32 scratch, as wide as the image or wider; least: (B,) int32 scratch.

    Two steps: the rows to the nearest one in each column (Rosenfeld and Pfaltz 1966: one pass down, one up), and from
    each pixel along its row, in blocks of columns of which the least rows are known, until no column can be nearer.
    """
    _rows_between(plane, rows)
    square_y, square_x = step_y * step_y, step_x * step_x
    blocks, known = least.shape[0], -1
    for i in range(far.shape[1]):
        y, x = far[1, i], far[2, i]
        row = rows[y]
        if y != known:
            known = y
            for b in range(blocks):
                least[b] = row[BLOCK * b : BLOCK * b + BLOCK].min()
        best, own = np.inf, x // BLOCK
        for away in range(max(own, blocks - 1 - own) + 1):
            nearest_gap = np.inf
            for side in range(1 if away == 0 else 2):
                b = own - away if side == 0 else own + away
                if b < 0 or b >= blocks:
                    continue
                gap = np.float64(max(0, max(BLOCK * b - x, x - BLOCK * b - BLOCK + 1)))
                nearest_gap = min(nearest_gap, gap)
                down = np.float64(least[b])
                if square_x * gap * gap + square_y * down * down < best:
                    for u in range(BLOCK * b, BLOCK * b + BLOCK):
                        down, across = np.float64(row[u]), np.float64(u - x)
                        best = min(best, square_x * across * across + square_y * down * down)
            if square_x * nearest_gap * nearest_gap >= best or nearest_gap * step_x > limit:
                break
        squares[far[0, i]] = best


_NEAR = f"void({_TWO}, uint64[::1], uint64[:, :, ::1], int64[::1])"


@jit_of(_NEAR.format("uint8"), _NEAR.format("uint16"))
def count_near(
    bits: Any, other_bits: Any, label: Any, other_label: Any, value: Any, disk: Any, planes: Any, found: Any
) -> None:
    """How many contour pixels of a class each label has, and how many of them have one of the other label near.

    disk: (R + 1,) uint64, R up to REACH; which columns are near, by the rows between: bit REACH is the same column.
    value: the class, or INNER. found: (4,) out, the pixels of each label, and those that are near.
    """
    if not _make_planes(bits, other_bits, label, other_label, value, planes, found):
        return
    pitch = np.int64(planes.shape[2] * 8)
    for side in range(2):
        start = planes[1 - side].ctypes.data
        for y in range(bits.shape[0]):
            for k in range(bits.shape[1]):
                own = planes[side, y + REACH, k + 1]
                left = own & ~planes[1 - side, y + REACH, k + 1]
                found[2 + side] += words.ones(own ^ left)
                while left:
                    first = 64 * k + np.int64(words.lowest(left)) + 64 - REACH
                    left &= left - np.uint64(1)
                    address = start + (y + REACH) * pitch + (first >> 3)
                    shift = np.uint64(first & 7)
                    for down in range(disk.shape[0]):
                        near = words.get64(address - down * pitch) | words.get64(address + down * pitch)
                        if near >> shift & disk[down]:
                            found[2 + side] += 1
                            break


@part
def _selected(values: Any, k: Any) -> Any:
    # The k-th smallest and the one after it, by Hoare's selection: what is left of it is not larger.
    low, high = 0, values.shape[0] - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    after = np.inf
    for i in range(k + 1, values.shape[0]):
        after = min(after, values[i])
    return values[k], after


@part
def _counted(counts: Any, k: Any) -> Any:
    # The same of whole numbers, from how often each is there.
    value, seen = 0, counts[0]
    while seen <= k:
        value += 1
        seen += counts[value]
    after = value
    while seen <= k + 1 and after < counts.shape[0] - 1:
        after += 1
        seen += counts[after]
    return np.float64(value), np.float64(after)


@jit_of("void(float64[::1], int64, float64, float64[::1], int64[:, ::1], float64[::1])")
def percentiles(squares: Any, first: Any, share: Any, scratch: Any, counts: Any, out: Any) -> None:
    """(3,) float64 `out`: the share 0..1 of the roots of the first squares, of the others, and of all.

    Linear between two of them: numpy.percentile, bit for bit. squares: (N,) finite, 0 < first < N. scratch: (N,)
    float64. counts: (3, B) int64 zeros; squares that are whole and below B are counted, others are sorted in part.
    """
    n, most = squares.shape[0], np.float64(counts.shape[1])
    whole = True
    for i in range(n):
        if squares[i] < most:
            number = np.int64(squares[i])
            whole &= np.float64(number) == squares[i]
            counts[0 if i < first else 1, number] += 1
    for i in range(counts.shape[1]):
        counts[2, i] = counts[0, i] + counts[1, i]
    for span in range(3):
        start, end = first if span == 1 else 0, first if span == 0 else n
        place = (end - start - 1) * share
        k = min(np.int64(np.floor(place)), end - start - 1)
        if whole and counts[span].sum() >= min(k + 2, end - start):
            before, after = _counted(counts[span], k)
        else:
            for i in range(start, end):
                scratch[i] = squares[i]
            before, after = _selected(scratch[start:end], k)
        before, after = np.sqrt(before), np.sqrt(after)
        between = place - k
        if between == 0:
            out[span] = before
            continue
        apart = after - before
        out[span] = after - apart * (1 - between) if between >= 0.5 else before + apart * between
