"""Render samples under any matrix, with rotation or shear, by the rule of `scale`: a box around the source point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from .compiling import jit, jit_fast, part, part_fast
from .jobs import WARP, four_bytes, level, pad, pointer, rounded
from .shade import shade


@part
def _inside(g: Any, x: Any, y: Any, width: Any, height: Any, zero: Any) -> Any:
    u = rounded(g[0] * x, zero) + rounded(g[1] * y, zero) + g[2]
    v = rounded(g[3] * x, zero) + rounded(g[4] * y, zero) + g[5]
    return 0.0 <= u < width and 0.0 <= v < height


@part
def row_span(g: Any, y: Any, number: Any, width: Any, height: Any, zero: Any) -> Any:
    """(first, end) of the positions j < number of an output row at y whose centers lie inside the source.

    Guessed by division, then corrected by the exact rule; rounding keeps the order of points on a row, so the inside
    is one stretch.
    """
    low, high = 0.0, np.float64(number)
    for k, extent in ((0, width), (3, height)):
        slope, begin = g[k], g[k + 1] * y + g[k + 2]
        if abs(slope) > 1e-9:
            p, q = -begin / slope, (extent - begin) / slope
            low, high = max(low, min(p, q) - 1.0), min(high, max(p, q) + 1.0)
    first = np.int64(max(low, 0.0))
    end = max(np.int64(min(high, np.float64(number))), first)
    while first < end and not _inside(g, first + 0.5, y, width, height, zero):
        first += 1
    while end > first and not _inside(g, end - 0.5, y, width, height, zero):
        end -= 1
    return first, end


@part_fast
def _points(g: Any, y: Any, first: Any, m: Any, job: Any, offset: Any, fx: Any, fy: Any) -> None:
    """Byte offset of the upper left of the four pixels around each point; weights of the right and lower ones."""
    low_x, low_y = job.low_x, job.low_y
    right, lower = np.float64(max(job.high_x - 2, low_x)), np.float64(max(job.high_y - 2, low_y))
    least_x, least_y = np.float64(low_x), np.float64(low_y)
    stride = job.image_stride
    for j in range(m):
        x = (first + j) + 0.5
        px, py = g[0] * x + (g[1] * y + g[2]) - 0.5, g[3] * x + (g[4] * y + g[5]) - 0.5
        qx, qy = np.floor(px), np.floor(py)
        qx = qx if qx > least_x else least_x
        qx = qx if qx < right else right
        qy = qy if qy > least_y else least_y
        qy = qy if qy < lower else lower
        wx, wy = px - qx, py - qy
        wx = wx if wx > 0.0 else 0.0
        wy = wy if wy > 0.0 else 0.0
        fx[j] = wx if wx < 1.0 else 1.0
        fy[j] = wy if wy < 1.0 else 1.0
        offset[j] = (np.int64(qy) - low_y) * stride + 3 * (np.int64(qx) - low_x)


@part_fast
def _bilinear(at: Any, m: Any, offset: Any, fx: Any, fy: Any, below: Any, quads: Any, line: Any) -> None:
    """Between four pixels, as `_mix2` between two."""
    one, two, three, four = quads[0], quads[1], quads[2], quads[3]
    for j in range(m):
        o = at + offset[j]
        one[j] = four_bytes(o)
        two[j] = four_bytes(o + 2)
        three[j] = four_bytes(o + below)
        four[j] = four_bytes(o + below + 2)
    for c in range(3):
        dst, s, t = line[c], np.uint32(8 * c), np.uint32(8 * c + 8)
        for j in range(m):
            p, q = level(one[j], s), level(two[j], t)
            u, v = level(three[j], s), level(four[j], t)
            p += (q - p) * fx[j]
            u += (v - u) * fx[j]
            dst[j] = p + (u - p) * fy[j]


@part_fast
def _shares(
    p: Any, q: Any, r: Any, first: Any, m: Any, side: Any, low: Any, high: Any, step: Any, at: Any, share: Any
) -> None:
    """The pixels that a box around each point p * x + q + r touches along one axis: offsets at[t], shares share[t]."""
    half, unit = 0.5 * side, 1.0 / side
    least, most = np.float64(low), np.float64(high - 1)
    for t in range(at.shape[0]):
        offset, weight = at[t], share[t]
        for j in range(m):
            s = p * ((first + j) + 0.5) + (q + r)
            left, right = s - half, s + half
            k = np.floor(left) + t
            end, begin = (right if right < k + 1.0 else k + 1.0), (left if left > k else k)
            weight[j] = (end - begin) * unit if end > begin else 0.0
            k = k if k > least else least
            k = k if k < most else most
            offset[j] = (np.int64(k) - low) * step


@part_fast
def _average(at: Any, m: Any, row: Any, down: Any, column: Any, across: Any, words: Any, line: Any) -> None:
    """The average over a box around each point, from the tables of `_shares`, for warps that shrink."""
    line[:, :m] = 0.0
    for u in range(row.shape[0]):
        for v in range(column.shape[0]):
            over, beside = row[u], column[v]
            for j in range(m):
                # One byte early, except at the very first pixel: a load from its start would end behind the last pixel.
                o = over[j] + beside[j]
                early = np.int64(o > 0)
                words[j] = four_bytes(at + o - early) >> np.uint32(8 * early)
            tall, wide = down[u], across[v]
            for c in range(3):
                dst, s = line[c], np.uint32(8 * c)
                for j in range(m):
                    dst[j] += level(words[j], s) * (tall[j] * wide[j])


@jit_fast
def warp_image(
    jobs: Any, matrix: Any, first: Any, last: Any, tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any
) -> None:
    """Images under any matrix. Arguments as in `scale_image`."""
    width = out.shape[3]
    offset, fx, fy = np.empty(width, np.int64), np.empty(width, np.float32), np.empty(width, np.float32)
    quads = np.empty((4, width), np.uint32)
    # Whole arrays and a length: a slice of a table would not be known to be contiguous, and not vectorize.
    line = np.empty((3, width), np.float32)
    for n in range(first, last):
        job, g = jobs[n], matrix[n]
        if job.kind != WARP:
            continue
        side_x = max(1.0, np.sqrt(g[0] * g[0] + g[1] * g[1]))
        side_y = max(1.0, np.sqrt(g[3] * g[3] + g[4] * g[4]))
        wide, high = job.high_x - job.low_x, job.high_y - job.low_y
        # A rotation has side 1 but for rounding.
        bilinear = side_x < 1.0 + 1e-9 and side_y < 1.0 + 1e-9 and wide > 1
        at = job.image + job.low_y * job.image_stride + 3 * job.low_x
        below = job.image_stride if high > 1 else 0
        taps_x, taps_y = (0, 0) if bilinear else (np.int64(np.ceil(side_x)) + 1, np.int64(np.ceil(side_y)) + 1)
        column, across = np.empty((taps_x, width), np.int64), np.empty((taps_x, width), np.float32)
        row, down = np.empty((taps_y, width), np.int64), np.empty((taps_y, width), np.float32)
        for i in range(job.rows):
            x0, x1 = 0, 0
            if i < job.out_h:
                x0, x1 = row_span(g, i + 0.5, job.out_w, job.width, job.height, job.zero)
            m = x1 - x0
            if m < job.columns:
                pad(job, n, i, x0, m, fill, out)
            if m == 0:
                continue
            if bilinear:
                _points(g, i + 0.5, x0, m, job, offset, fx, fy)
                _bilinear(at, m, offset, fx, fy, below, quads, line)
            elif wide == 1 and high == 1:
                pixel = carray(pointer(at), (3,))
                for c in range(3):
                    line[c, :m] = pixel[c]
            else:
                y = i + 0.5
                _shares(g[0], g[1] * y, g[2], x0, m, side_x, job.low_x, job.high_x, 3, column, across)
                _shares(g[3], g[4] * y, g[5], x0, m, side_y, job.low_y, job.high_y, job.image_stride, row, down)
                _average(at, m, row, down, column, across, quads[0], line)
            slot, top, left = job.slot, job.top + i, job.left + x0
            shade(line, m, tones[n], color[n], plain[n], limits[n],
                  out[slot, 0, top][left:], out[slot, 1, top][left:], out[slot, 2, top][left:])  # fmt: skip


@jit
def warp_label(jobs: Any, matrix: Any, first: Any, last: Any, sample: Any, ignore: Any, out: Any) -> None:
    """Labels under any matrix: the source pixel that holds the point. sample: the stored dtype's zero."""
    index = np.empty(out.shape[2], np.uint64)
    for n in range(first, last):
        job, g = jobs[n], matrix[n]
        if job.kind != WARP:
            continue
        left, width, stride = job.left, job.columns, job.label_stride // sample.itemsize
        low_y, low_x = job.low_y, job.low_x
        size = max(job.high_y - low_y - 1, 0) * stride + job.high_x - low_x
        at = job.label + low_y * job.label_stride + sample.itemsize * low_x
        src = carray(pointer(at), (sample.itemsize * size,)).view(sample.dtype)
        for i in range(job.rows):
            line = out[job.slot, job.top + i][left : left + width]
            x0, x1 = 0, 0
            y = i + 0.5
            if i < job.out_h:
                x0, x1 = row_span(g, y, job.out_w, job.width, job.height, job.zero)
            line[:x0] = ignore
            line[x1:] = ignore
            zero, m = job.zero, x1 - x0
            by, ey = rounded(g[1] * y, zero), rounded(g[4] * y, zero)
            for j in range(m):
                x = (x0 + j) + 0.5
                u = np.int64(rounded(g[0] * x, zero) + by + g[2])
                v = np.int64(rounded(g[3] * x, zero) + ey + g[5])
                index[j] = np.uint64((v - low_y) * stride + (u - low_x))
            dst = line[x0:x1]
            for j in range(m):
                dst[j] = src[index[j]]
