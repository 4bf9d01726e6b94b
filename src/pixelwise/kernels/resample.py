"""Render scaled and warped samples: one pass from windows of source pixels to batch slots.

The image is averaged over a box of side max(1, pixels of the source that one output pixel advances), parallel to the
axes, around the source point; the edge pixels repeat. A side of 1 is bilinear interpolation. `scale` kernels are for matrices without
rotation, `warp` kernels for all others. Where a point lies, and so the label, is computed in float64 without
reordering, in the same way as `render_plain` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from . import jit, jit_fast
from .window import (
    COLUMNS,
    HEIGHT,
    HIGH_X,
    HIGH_Y,
    IMAGE,
    IMAGE_STRIDE,
    KIND,
    LABEL,
    LABEL_STRIDE,
    LEFT,
    LOW_X,
    LOW_Y,
    OUT_H,
    OUT_W,
    ROWS,
    SCALE,
    SLOT,
    TOP,
    WARP,
    WIDTH,
    pointer,
    shade,
)

_ONE = 16384  # fixed point of the horizontal weights: 255 * _ONE and its rounding stay inside float32's 24 bits


@jit
def _span(a: Any, c: Any, number: Any, extent: Any) -> Any:
    """(first, end) of the output positions j < number with 0 <= a * (j + 0.5) + c < extent."""
    first, end = 0, number
    while first < end and not 0.0 <= a * (first + 0.5) + c < extent:
        first += 1
    while end > first and not 0.0 <= a * (end - 0.5) + c < extent:
        end -= 1
    return first, end


@jit
def _taps(a: Any, c: Any, first: Any, low: Any, high: Any, start: Any, weight: Any) -> None:
    """The source pixels of output positions first, first + 1 ...: weight[k, t] for the pixels start[k] + t.

    low, high: the pixels that there are; pixels beyond them count as the nearest one. weight has as many columns as
    a box can touch, at most high - low.
    """
    taps = weight.shape[1]
    side = max(abs(a), 1.0)
    for k in range(start.shape[0]):
        s = a * (first + k + 0.5) + c
        left, right = s - 0.5 * side, s + 0.5 * side
        x0, x1 = np.int64(np.floor(left)), np.int64(np.ceil(right))
        start[k] = min(max(x0, low), high - taps)
        weight[k, :] = 0.0
        for x in range(x0, x1):
            t = min(max(x, low), high - 1) - start[k]
            weight[k, min(max(t, 0), taps - 1)] += (min(x + 1.0, right) - max(np.float64(x), left)) / side


@jit
def _taps_needed(a: Any, extent: Any) -> Any:
    return min(np.int64(np.ceil(max(abs(a), 1.0))) + 1, extent)


@jit_fast
def _mix2(src: Any, offset: Any, weight: Any, step: Any, one: Any, line: Any) -> None:
    """Between two pixels: line[c, j] = one * src[o + c] + w * (src[o + step + c] - src[o + c]), in the type of `line`."""
    r, g, b = line[0], line[1], line[2]
    k1, k2, ks = np.uint64(1), np.uint64(2), np.uint64(step)
    for j in range(offset.shape[0]):
        o, w = np.uint64(offset[j]), weight[j]
        q = o + ks
        p0, p1, p2 = line.dtype.type(src[o]), line.dtype.type(src[o + k1]), line.dtype.type(src[o + k2])
        q0, q1, q2 = line.dtype.type(src[q]), line.dtype.type(src[q + k1]), line.dtype.type(src[q + k2])
        r[j] = p0 * one + (q0 - p0) * w
        g[j] = p1 * one + (q1 - p1) * w
        b[j] = p2 * one + (q2 - p2) * w


@jit_fast
def _mix3(src: Any, offset: Any, weight: Any, line: Any) -> None:
    """Three pixels: the case of shrinking by up to 2."""
    r, g, b = line[0], line[1], line[2]
    for j in range(offset.shape[0]):
        p = src[offset[j] :]
        u, v, w = weight[j, 0], weight[j, 1], weight[j, 2]
        r[j] = p[0] * u + p[3] * v + p[6] * w
        g[j] = p[1] * u + p[4] * v + p[7] * w
        b[j] = p[2] * u + p[5] * v + p[8] * w


@jit_fast
def _mix(src: Any, offset: Any, weight: Any, line: Any) -> None:
    """Any number of pixels."""
    for j in range(offset.shape[0]):
        p = src[offset[j] :]
        x, y, z = np.float32(0), np.float32(0), np.float32(0)
        for t in range(weight.shape[1]):
            w = weight[j, t]
            x += p[3 * t] * w
            y += p[3 * t + 1] * w
            z += p[3 * t + 2] * w
        line[0, j], line[1, j], line[2, j] = x, y, z


@jit_fast
def _stack(job: Any, y: Any, weight: Any, x: Any, sums: Any) -> None:
    """sums[k] = the weighted sum of byte k of the rows y, y + 1 ..., from column x on."""
    size, taps = sums.shape[0], weight.shape[0]
    at, stride = job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x, job[IMAGE_STRIDE]
    for t in range(0, taps, 4):
        # Rows beyond the last one have no weight, so the last one stands in for them.
        r0 = carray(pointer(at + t * stride), (size,))
        r1 = carray(pointer(at + min(t + 1, taps - 1) * stride), (size,))
        r2 = carray(pointer(at + min(t + 2, taps - 1) * stride), (size,))
        r3 = carray(pointer(at + min(t + 3, taps - 1) * stride), (size,))
        zero = np.float32(0)
        w0, w1 = weight[t], weight[t + 1] if t + 1 < taps else zero
        w2, w3 = weight[t + 2] if t + 2 < taps else zero, weight[t + 3] if t + 3 < taps else zero
        if t == 0:
            for k in range(size):
                sums[k] = r0[k] * w0 + r1[k] * w1 + r2[k] * w2 + r3[k] * w3
        else:
            for k in range(size):
                sums[k] += r0[k] * w0 + r1[k] * w1 + r2[k] * w2 + r3[k] * w3


@jit_fast
def _pad(job: Any, n: Any, i: Any, start: Any, m: Any, fill: Any, out: Any) -> None:
    """Row i of the job's rectangle: everything but columns start .. start + m becomes fill."""
    slot, row, left, width = job[SLOT], job[TOP] + i, job[LEFT], job[COLUMNS]
    for c in range(3):
        line = out[slot, c, row]
        line[left : left + start] = fill[n, c]
        line[left + start + m : left + width] = fill[n, c]


@jit_fast
def scale_image(
    jobs: Any, matrix: Any, first: Any, last: Any, tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any
) -> None:
    """Scaled and mirrored images. matrix: (n, 6) float64, output point to source point. Colour: see `shade`.

    Where nothing shrinks, each source row is interpolated horizontally once and serves all output rows beside it;
    where something shrinks, source rows are summed first. So the slow horizontal pass runs over the fewer rows.
    """
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != SCALE:
            continue
        a, c, e, f = matrix[n, 0], matrix[n, 2], matrix[n, 4], matrix[n, 5]
        x0, x1 = _span(a, c, job[OUT_W], job[WIDTH])
        y0, y1 = _span(e, f, job[OUT_H], job[HEIGHT])
        m, low, high = x1 - x0, job[LOW_X], job[HIGH_X]
        if m == 0 or y1 == y0:
            m, y1 = 0, y0
        column, row = np.empty(m, np.int64), np.empty(y1 - y0, np.int64)
        across = np.empty((m, _taps_needed(a, high - low)), np.float32)
        down = np.empty((y1 - y0, _taps_needed(e, job[HIGH_Y] - job[LOW_Y])), np.float32)
        _taps(a, c, x0, low, high, column, across)
        _taps(e, f, y0, job[LOW_Y], job[HIGH_Y], row, down)
        offset = (column - low) * 3
        line = np.empty((3, m), np.float32)
        enlarge = abs(a) <= 1.0 and abs(e) <= 1.0
        kept = np.empty((2, 3, m if enlarge else 0), np.int32)
        held = np.full(2, -1)
        fixed = (across[:, across.shape[1] - 1] * _ONE + np.float32(0.5)).astype(np.int32)
        if across.shape[1] == 1:
            fixed[:] = 0
        step = 3 * (across.shape[1] - 1)
        sums = np.empty(0 if enlarge else 3 * (high - low), np.float32)
        for i in range(job[ROWS]):
            if not y0 <= i < y1:
                _pad(job, n, i, 0, 0, fill, out)
                continue
            if m < job[COLUMNS]:
                _pad(job, n, i, x0, m, fill, out)
            y, weight = row[i - y0], down[i - y0]
            if enlarge:
                bottom = y + weight.shape[0] - 1
                for k in range(y, bottom + 1):
                    if held[k & 1] != k:
                        held[k & 1] = k
                        at = job[IMAGE] + k * job[IMAGE_STRIDE] + 3 * low
                        src = carray(pointer(at), (3 * (high - low),))
                        _mix2(src, offset, fixed, step, np.int32(_ONE), kept[k & 1])
                u = weight[0] / np.float32(_ONE)
                v = (weight[1] if weight.shape[0] > 1 else np.float32(0)) / np.float32(_ONE)
                for p in range(3):
                    above, below, plane = kept[y & 1, p], kept[bottom & 1, p], line[p]
                    for j in range(m):
                        plane[j] = above[j] * u + below[j] * v
            else:
                _stack(job, y, weight, low, sums)
                if across.shape[1] == 3:
                    _mix3(sums, offset, across, line)
                elif across.shape[1] == 2:
                    _mix2(sums, offset, across[:, 1], step, np.float32(1), line)
                else:
                    _mix(sums, offset, across, line)
            slot, top, left = job[SLOT], job[TOP] + i, job[LEFT] + x0
            shade(line, m, tones[n], color[n], plain[n], limits[n],
                  out[slot, 0, top][left:], out[slot, 1, top][left:], out[slot, 2, top][left:])  # fmt: skip


@jit
def scale_label(jobs: Any, matrix: Any, first: Any, last: Any, sample: Any, ignore: Any, out: Any) -> None:
    """Scaled and mirrored labels: the source pixel that holds the point. sample: the stored dtype's zero."""
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != SCALE:
            continue
        a, c, e, f = matrix[n, 0], matrix[n, 2], matrix[n, 4], matrix[n, 5]
        x0, x1 = _span(a, c, job[OUT_W], job[WIDTH])
        y0, y1 = _span(e, f, job[OUT_H], job[HEIGHT])
        low, m, left, width = job[LOW_X], x1 - x0, job[LEFT], job[COLUMNS]
        column = np.empty(m, np.uint64)
        for j in range(m):
            column[j] = np.uint64(np.int64(a * (x0 + j + 0.5) + c) - low)
        before = -1
        for i in range(job[ROWS]):
            line = out[job[SLOT], job[TOP] + i][left : left + width]
            if not y0 <= i < y1:
                line[:] = ignore
                continue
            y = np.int64(e * (i + 0.5) + f)
            if y == before:
                line[:] = out[job[SLOT], job[TOP] + i - 1][left : left + width]
                continue
            before = y
            line[:x0] = ignore
            line[x1:] = ignore
            at = job[LABEL] + y * job[LABEL_STRIDE] + sample.itemsize * low
            src = carray(pointer(at), (sample.itemsize * (job[HIGH_X] - low),)).view(sample.dtype)
            dst = line[x0:x1]
            for j in range(m):
                dst[j] = src[column[j]]


@jit
def _inside(g: Any, x: Any, y: Any, width: Any, height: Any) -> Any:
    return 0.0 <= g[0] * x + g[1] * y + g[2] < width and 0.0 <= g[3] * x + g[4] * y + g[5] < height


@jit
def _row_span(g: Any, y: Any, number: Any, width: Any, height: Any) -> Any:
    """(first, end) of the positions j < number of an output row at y whose centres lie inside the source.

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
    while first < end and not _inside(g, first + 0.5, y, width, height):
        first += 1
    while end > first and not _inside(g, end - 0.5, y, width, height):
        end -= 1
    return first, end


@jit_fast
def _points(g: Any, y: Any, first: Any, job: Any, offset: Any, fx: Any, fy: Any) -> None:
    """Byte offset of the upper left of the four pixels around each point, and 11 bit weights of the others."""
    low_x, low_y = job[LOW_X], job[LOW_Y]
    right, lower = np.float64(max(job[HIGH_X] - 2, low_x)), np.float64(max(job[HIGH_Y] - 2, low_y))
    least_x, least_y = np.float64(low_x), np.float64(low_y)
    stride = job[IMAGE_STRIDE]
    for j in range(offset.shape[0]):
        x = (first + j) + 0.5
        px, py = g[0] * x + (g[1] * y + g[2]) - 0.5, g[3] * x + (g[4] * y + g[5]) - 0.5
        qx, qy = np.floor(px), np.floor(py)
        qx = qx if qx > least_x else least_x
        qx = qx if qx < right else right
        qy = qy if qy > least_y else least_y
        qy = qy if qy < lower else lower
        wx, wy = (px - qx) * 2048.0 + 0.5, (py - qy) * 2048.0 + 0.5
        wx = wx if wx > 0.0 else 0.0
        wy = wy if wy > 0.0 else 0.0
        fx[j] = np.int32(wx if wx < 2048.0 else 2048.0)
        fy[j] = np.int32(wy if wy < 2048.0 else 2048.0)
        offset[j] = (np.int64(qy) - low_y) * stride + 3 * (np.int64(qx) - low_x)


@jit_fast
def _bilinear(src: Any, offset: Any, fx: Any, fy: Any, right: Any, below: Any, line: Any) -> None:
    r, g, b = line[0], line[1], line[2]
    k1, k2, kr, kb = np.uint64(1), np.uint64(2), np.uint64(right), np.uint64(below)
    unit = np.float32(1.0 / (2048 * 2048))
    for j in range(offset.shape[0]):
        o = np.uint64(offset[j])
        p, q, s = o + kr, o + kb, o + kr + kb
        x, y = fx[j], fy[j]
        u, v, w = np.int32(src[o]), np.int32(src[o + k1]), np.int32(src[o + k2])
        u1, v1, w1 = np.int32(src[q]), np.int32(src[q + k1]), np.int32(src[q + k2])
        u = u * np.int32(2048) + (np.int32(src[p]) - u) * x
        v = v * np.int32(2048) + (np.int32(src[p + k1]) - v) * x
        w = w * np.int32(2048) + (np.int32(src[p + k2]) - w) * x
        u1 = u1 * np.int32(2048) + (np.int32(src[s]) - u1) * x
        v1 = v1 * np.int32(2048) + (np.int32(src[s + k1]) - v1) * x
        w1 = w1 * np.int32(2048) + (np.int32(src[s + k2]) - w1) * x
        r[j] = np.float32(u * np.int32(2048) + (u1 - u) * y) * unit
        g[j] = np.float32(v * np.int32(2048) + (v1 - v) * y) * unit
        b[j] = np.float32(w * np.int32(2048) + (w1 - w) * y) * unit


@jit_fast
def _box(src: Any, job: Any, g: Any, y: Any, first: Any, side_x: Any, side_y: Any, line: Any) -> None:
    """The average over a box around each point, for warps that shrink."""
    low_x, low_y, high_x, high_y = job[LOW_X], job[LOW_Y], job[HIGH_X], job[HIGH_Y]
    for j in range(line.shape[1]):
        x = (first + j) + 0.5
        sx, sy = g[0] * x + (g[1] * y + g[2]), g[3] * x + (g[4] * y + g[5])
        left, right = sx - 0.5 * side_x, sx + 0.5 * side_x
        top, bottom = sy - 0.5 * side_y, sy + 0.5 * side_y
        r, s, t = np.float32(0), np.float32(0), np.float32(0)
        for v in range(np.int64(np.floor(top)), np.int64(np.ceil(bottom))):
            wy = min(v + 1.0, bottom) - max(np.float64(v), top)
            at = (min(max(v, low_y), high_y - 1) - low_y) * job[IMAGE_STRIDE]
            for u in range(np.int64(np.floor(left)), np.int64(np.ceil(right))):
                w = np.float32(wy * (min(u + 1.0, right) - max(np.float64(u), left)))
                o = np.uint64(at + 3 * (min(max(u, low_x), high_x - 1) - low_x))
                r += src[o] * w
                s += src[o + np.uint64(1)] * w
                t += src[o + np.uint64(2)] * w
        unit = np.float32(1.0 / (side_x * side_y))
        line[0, j], line[1, j], line[2, j] = r * unit, s * unit, t * unit


@jit_fast
def warp_image(
    jobs: Any, matrix: Any, first: Any, last: Any, tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any
) -> None:
    """Images under any matrix. Arguments as in `scale_image`."""
    width = out.shape[3]
    offset, fx, fy = np.empty(width, np.int64), np.empty(width, np.int32), np.empty(width, np.int32)
    levels = np.empty((3, width), np.float32)
    for n in range(first, last):
        job, g = jobs[n], matrix[n]
        if job[KIND] != WARP:
            continue
        side_x = max(1.0, np.sqrt(g[0] * g[0] + g[1] * g[1]))
        side_y = max(1.0, np.sqrt(g[3] * g[3] + g[4] * g[4]))
        # A rotation has side 1 but for rounding.
        bilinear = side_x < 1.0 + 1e-9 and side_y < 1.0 + 1e-9
        wide, high = job[HIGH_X] - job[LOW_X], job[HIGH_Y] - job[LOW_Y]
        at = job[IMAGE] + job[LOW_Y] * job[IMAGE_STRIDE] + 3 * job[LOW_X]
        src = carray(pointer(at), (max(high - 1, 0) * job[IMAGE_STRIDE] + 3 * wide,))
        right, below = (3 if wide > 1 else 0), (job[IMAGE_STRIDE] if high > 1 else 0)
        for i in range(job[ROWS]):
            x0, x1 = 0, 0
            if i < job[OUT_H]:
                x0, x1 = _row_span(g, i + 0.5, job[OUT_W], job[WIDTH], job[HEIGHT])
            m = x1 - x0
            if m < job[COLUMNS]:
                _pad(job, n, i, x0, m, fill, out)
            if m == 0:
                continue
            line = levels[:, :m]
            if bilinear:
                _points(g, i + 0.5, x0, job, offset[:m], fx[:m], fy[:m])
                _bilinear(src, offset[:m], fx[:m], fy[:m], right, below, line)
            else:
                _box(src, job, g, i + 0.5, x0, side_x, side_y, line)
            slot, top, left = job[SLOT], job[TOP] + i, job[LEFT] + x0
            shade(line, m, tones[n], color[n], plain[n], limits[n],
                  out[slot, 0, top][left:], out[slot, 1, top][left:], out[slot, 2, top][left:])  # fmt: skip


@jit
def warp_label(jobs: Any, matrix: Any, first: Any, last: Any, sample: Any, ignore: Any, out: Any) -> None:
    """Labels under any matrix: the source pixel that holds the point. sample: the stored dtype's zero."""
    index = np.empty(out.shape[2], np.uint64)
    for n in range(first, last):
        job, g = jobs[n], matrix[n]
        if job[KIND] != WARP:
            continue
        left, width, stride = job[LEFT], job[COLUMNS], job[LABEL_STRIDE] // sample.itemsize
        low_y, low_x = job[LOW_Y], job[LOW_X]
        size = max(job[HIGH_Y] - low_y - 1, 0) * stride + job[HIGH_X] - low_x
        at = job[LABEL] + low_y * job[LABEL_STRIDE] + sample.itemsize * low_x
        src = carray(pointer(at), (sample.itemsize * size,)).view(sample.dtype)
        for i in range(job[ROWS]):
            line = out[job[SLOT], job[TOP] + i][left : left + width]
            x0, x1 = 0, 0
            y = i + 0.5
            if i < job[OUT_H]:
                x0, x1 = _row_span(g, y, job[OUT_W], job[WIDTH], job[HEIGHT])
            line[:x0] = ignore
            line[x1:] = ignore
            by, ey, m = g[1] * y, g[4] * y, x1 - x0
            for j in range(m):
                x = (x0 + j) + 0.5
                u, v = np.int64(g[0] * x + by + g[2]), np.int64(g[3] * x + ey + g[5])
                index[j] = np.uint64((v - low_y) * stride + (u - low_x))
            dst = line[x0:x1]
            for j in range(m):
                dst[j] = src[index[j]]
