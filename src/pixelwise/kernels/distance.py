"""Contour pixels as lists by class and row, exact Euclidean distances between two lists, and their order statistics.

A list is `starts` (S, H + 1) int64 and `xs` (N,) int32: the pixels of slot s in row y are
`xs[starts[s, y]:starts[s, y + 1]]`, ascending. A slot is a class that is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit_of, part

MARGIN = 8
"""Pixels that are looked at without asking whether it was enough, and that a row has more on both sides. (4 and 16
are slower for contours of VOC's masks that are three to six pixels apart.)"""


@jit_of("void(int32[::1], int32[::1], int32[::1], boolean[::1], int64[:, ::1], int32[::1])")
def by_row(ys: Any, columns: Any, slots: Any, kept: Any, starts: Any, xs: Any) -> None:
    """Of (N,) pixels in the order of rows, those that are `kept` to a list. slots: 0..S-1. starts: zeros."""
    height = starts.shape[1] - 1
    for i in range(ys.shape[0]):
        if kept[i]:
            starts[slots[i], ys[i] + 1] += 1
    total = 0
    for s in range(starts.shape[0]):
        starts[s, 0] = total
        for y in range(1, height + 1):
            total += starts[s, y]
            starts[s, y] = total
    # Each start moves to the end of its row, which is the start of the next one.
    for i in range(ys.shape[0]):
        if kept[i]:
            at = starts[slots[i], ys[i]]
            xs[at] = columns[i]
            starts[slots[i], ys[i]] = at + 1
    for s in range(starts.shape[0]):
        for y in range(height, 0, -1):
            starts[s, y] = starts[s, y - 1]
        starts[s, 0] = starts[s - 1, height] if s else 0


@part
def _columns(starts: Any, xs: Any, s: Any, top: Any, bottom: Any, shift: Any, wide: Any, scratch: Any) -> None:
    # The rows to the nearest pixel of slot s in each column, infinite in the margins.
    far, one = np.float32(np.inf), np.float32(1.0)
    for y in range(top, bottom):
        row = scratch[y]
        above = scratch[max(y - 1, 0)]
        if y == top:
            for x in range(wide):
                row[x] = far
        else:
            for x in range(wide):
                row[x] = above[x] + one
        for i in range(starts[s, y], starts[s, y + 1]):
            row[shift + xs[i]] = np.float32(0.0)
    for y in range(bottom - 2, top - 1, -1):
        row, under = scratch[y], scratch[y + 1]
        for x in range(wide):
            row[x] = min(row[x], under[x] + one)


@jit_of(
    "void(int64[:, ::1], int32[::1], int64[:, ::1], int32[::1], float64, float64, float64, float32[:, ::1],"
    "float64[::1])"
)
def nearest(
    starts: Any, xs: Any, other_starts: Any, other_xs: Any, step_y: Any, step_x: Any, limit: Any, scratch: Any, out: Any
) -> None:
    """(N,) float64 `out`: the distance of each pixel of a list to the nearest of the same slot in the other list.

    step_y, step_x: the distance of neighbors. limit: larger distances may be given as infinite, as those are where the
    slot is empty. scratch: (H, W + 2 * MARGIN) float32. Exact for whole steps.

    Two steps, in the box that the slot's pixels have: the rows to the nearest one in each column (Rosenfeld and Pfaltz
    1966: one pass down, one up), and from each pixel along its row until no column can be nearer.
    """
    square_y, square_x = step_y * step_y, step_x * step_x
    height = starts.shape[1] - 1
    for s in range(starts.shape[0]):
        first, last = starts[s, 0], starts[s, height]
        other_first, other_last = other_starts[s, 0], other_starts[s, height]
        if first == last:
            continue
        if other_first == other_last:
            for i in range(first, last):
                out[i] = np.inf
            continue
        left, right = xs[first], xs[first]
        for i in range(first, last):
            left, right = min(left, xs[i]), max(right, xs[i])
        for i in range(other_first, other_last):
            left, right = min(left, other_xs[i]), max(right, other_xs[i])
        top, bottom = 0, height
        while starts[s, top + 1] == first and other_starts[s, top + 1] == other_first:
            top += 1
        while starts[s, bottom - 1] == last and other_starts[s, bottom - 1] == other_last:
            bottom -= 1
        wide, shift = right - left + 1 + 2 * MARGIN, MARGIN - left
        _columns(other_starts, other_xs, s, top, bottom, shift, wide, scratch)
        for y in range(top, bottom):
            row = scratch[y]
            for i in range(starts[s, y], starts[s, y + 1]):
                at = shift + xs[i]
                down = np.float64(row[at])
                best = square_y * down * down
                away = 1
                most = max(xs[i] - left, right - xs[i])
                while away <= most and square_x * away * away < best and away * step_x <= limit:
                    if xs[i] - left >= away:
                        near = row[at - away - MARGIN + 1 : at - away + 1]
                        for j in range(near.shape[0]):
                            down = np.float64(near[j])
                            apart = np.float64(away + MARGIN - 1 - j)
                            best = min(best, square_x * apart * apart + square_y * down * down)
                    if right - xs[i] >= away:
                        near = row[at + away : at + away + MARGIN]
                        for j in range(near.shape[0]):
                            down = np.float64(near[j])
                            apart = np.float64(away + j)
                            best = min(best, square_x * apart * apart + square_y * down * down)
                    away += MARGIN
                out[i] = np.sqrt(best)


@jit_of("float64(float64[::1], float64, float64[::1])")
def percentile(values: Any, share: Any, scratch: Any) -> Any:
    """The share 0..1 of (N,) finite values, N > 0, linear between two of them; numpy.percentile, bit for bit.

    scratch: (N,) float64. Hoare's selection: what is left of it is not larger, what is right of it not smaller.
    """
    n = values.shape[0]
    for i in range(n):
        scratch[i] = values[i]
    place = (n - 1) * share
    k = min(int(np.floor(place)), n - 1)
    low, high = 0, n - 1
    while low < high:
        pivot = scratch[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while scratch[i] < pivot:
                i += 1
            while scratch[j] > pivot:
                j -= 1
            if i <= j:
                scratch[i], scratch[j] = scratch[j], scratch[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    before = scratch[k]
    if k == n - 1:
        return before
    after = scratch[k + 1]
    for i in range(k + 2, n):
        after = min(after, scratch[i])
    part = place - k
    apart = after - before
    return after - apart * (1 - part) if part >= 0.5 else before + apart * part
