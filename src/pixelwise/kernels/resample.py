"""Render scaled and warped samples: one pass from windows of source pixels to batch slots.

The image is averaged over a box of side max(1, pixels of the source that one output pixel advances), parallel to the
axes, around the source point; the edge pixels repeat. A side of 1 is bilinear interpolation. `scale` kernels are
for matrices without rotation, `warp` kernels for all others. Where a point lies, and so the label, is computed in
float64 with the roundings of `render_plain`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from .compiling import jit, jit_fast
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
    ZERO,
    four_bytes,
    pointer,
    rounded,
    shade,
)


@jit
def _span(a: Any, c: Any, number: Any, extent: Any, zero: Any) -> Any:
    """(first, end) of the output positions j < number with 0 <= a * (j + 0.5) + c < extent."""
    first, end = 0, number
    while first < end and not 0.0 <= rounded(a * (first + 0.5), zero) + c < extent:
        first += 1
    while end > first and not 0.0 <= rounded(a * (end - 0.5), zero) + c < extent:
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
def _mix2(at: Any, offset: Any, weight: Any, pairs: Any, line: Any) -> None:
    """Between a pixel and its right neighbor, of bytes: line[c, j] = p + weight[j] * (q - p), p at `at + offset[j]`.

    The loads fill a table of words, so that the arithmetic is left to a loop that vectorizes. The right pixel is
    loaded one byte early: a load from its start would end behind the last pixel of a row.
    """
    one, two = pairs[0], pairs[1]
    for j in range(offset.shape[0]):
        one[j] = four_bytes(at + offset[j])
        two[j] = four_bytes(at + offset[j] + 2)
    for c in range(3):
        dst, s, t = line[c], np.uint32(8 * c), np.uint32(8 * c + 8)
        for j in range(offset.shape[0]):
            p, q = _level(one[j], s), _level(two[j], t)
            dst[j] = p + (q - p) * weight[j]


@jit_fast
def _level(word: Any, shift: Any) -> Any:
    return np.float32(np.int32((word >> shift) & np.uint32(255)))


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
    """Scaled and mirrored images. matrix: (n, 6) float64, output point to source point. Color: see `shade`.

    Where nothing shrinks, each source row is interpolated horizontally once and serves all output rows beside it;
    where something shrinks, source rows are summed first. So the slow horizontal pass runs over the fewer rows.
    """
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != SCALE:
            continue
        a, c, e, f = matrix[n, 0], matrix[n, 2], matrix[n, 4], matrix[n, 5]
        x0, x1 = _span(a, c, job[OUT_W], job[WIDTH], job[ZERO])
        y0, y1 = _span(e, f, job[OUT_H], job[HEIGHT], job[ZERO])
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
        enlarge = abs(a) <= 1.0 and abs(e) <= 1.0 and across.shape[1] == 2
        kept = np.empty((2, 3, m if enlarge else 0), np.float32)
        pairs, held = np.empty((2, m if enlarge else 0), np.uint32), np.full(2, -1)
        right = np.ascontiguousarray(across[:, across.shape[1] - 1])
        direct = enlarge and plain[n] and tones.shape[1] == 0
        sums = np.empty(0 if enlarge else 3 * (high - low), np.float32)
        for i in range(job[ROWS]):
            if not y0 <= i < y1:
                _pad(job, n, i, 0, 0, fill, out)
                continue
            if m < job[COLUMNS]:
                _pad(job, n, i, x0, m, fill, out)
            y, weight = row[i - y0], down[i - y0]
            slot, top, left = job[SLOT], job[TOP] + i, job[LEFT] + x0
            if enlarge:
                bottom = y + weight.shape[0] - 1
                for k in range(y, bottom + 1):
                    if held[k & 1] != k:
                        held[k & 1] = k
                        at = job[IMAGE] + k * job[IMAGE_STRIDE] + 3 * low
                        _mix2(at, offset, right, pairs, kept[k & 1])
                u, v = weight[0], weight[1] if weight.shape[0] > 1 else np.float32(0)
                for p in range(3):
                    above, below = kept[y & 1, p], kept[bottom & 1, p]
                    if direct:
                        f, t, least, most = color[n, p, p], color[n, p, 3], limits[n, 0, p], limits[n, 1, p]
                        dst = out[slot, p, top][left:]
                        for j in range(m):
                            level = (above[j] * u + below[j] * v) * f + t
                            level = level if level > least else least
                            dst[j] = level if level < most else most
                    else:
                        plane = line[p]
                        for j in range(m):
                            plane[j] = above[j] * u + below[j] * v
            else:
                _stack(job, y, weight, low, sums)
                if across.shape[1] == 3:
                    _mix3(sums, offset, across, line)
                else:
                    _mix(sums, offset, across, line)
            if not direct:
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
        x0, x1 = _span(a, c, job[OUT_W], job[WIDTH], job[ZERO])
        y0, y1 = _span(e, f, job[OUT_H], job[HEIGHT], job[ZERO])
        low, m, left, width = job[LOW_X], x1 - x0, job[LEFT], job[COLUMNS]
        column = np.empty(m, np.uint64)
        for j in range(m):
            column[j] = np.uint64(np.int64(rounded(a * (x0 + j + 0.5), job[ZERO]) + c) - low)
        before = -1
        for i in range(job[ROWS]):
            line = out[job[SLOT], job[TOP] + i][left : left + width]
            if not y0 <= i < y1:
                line[:] = ignore
                continue
            y = np.int64(rounded(e * (i + 0.5), job[ZERO]) + f)
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
def _inside(g: Any, x: Any, y: Any, width: Any, height: Any, zero: Any) -> Any:
    u = rounded(g[0] * x, zero) + rounded(g[1] * y, zero) + g[2]
    v = rounded(g[3] * x, zero) + rounded(g[4] * y, zero) + g[5]
    return 0.0 <= u < width and 0.0 <= v < height


@jit
def _row_span(g: Any, y: Any, number: Any, width: Any, height: Any, zero: Any) -> Any:
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


@jit_fast
def _points(g: Any, y: Any, first: Any, m: Any, job: Any, offset: Any, fx: Any, fy: Any) -> None:
    """Byte offset of the upper left of the four pixels around each point; weights of the right and lower ones."""
    low_x, low_y = job[LOW_X], job[LOW_Y]
    right, lower = np.float64(max(job[HIGH_X] - 2, low_x)), np.float64(max(job[HIGH_Y] - 2, low_y))
    least_x, least_y = np.float64(low_x), np.float64(low_y)
    stride = job[IMAGE_STRIDE]
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


@jit_fast
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
            p, q = _level(one[j], s), _level(two[j], t)
            u, v = _level(three[j], s), _level(four[j], t)
            p += (q - p) * fx[j]
            u += (v - u) * fx[j]
            dst[j] = p + (u - p) * fy[j]


@jit_fast
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


@jit_fast
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
                    dst[j] += _level(words[j], s) * (tall[j] * wide[j])


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
        if job[KIND] != WARP:
            continue
        side_x = max(1.0, np.sqrt(g[0] * g[0] + g[1] * g[1]))
        side_y = max(1.0, np.sqrt(g[3] * g[3] + g[4] * g[4]))
        wide, high = job[HIGH_X] - job[LOW_X], job[HIGH_Y] - job[LOW_Y]
        # A rotation has side 1 but for rounding.
        bilinear = side_x < 1.0 + 1e-9 and side_y < 1.0 + 1e-9 and wide > 1
        at = job[IMAGE] + job[LOW_Y] * job[IMAGE_STRIDE] + 3 * job[LOW_X]
        below = job[IMAGE_STRIDE] if high > 1 else 0
        taps_x, taps_y = (0, 0) if bilinear else (np.int64(np.ceil(side_x)) + 1, np.int64(np.ceil(side_y)) + 1)
        column, across = np.empty((taps_x, width), np.int64), np.empty((taps_x, width), np.float32)
        row, down = np.empty((taps_y, width), np.int64), np.empty((taps_y, width), np.float32)
        for i in range(job[ROWS]):
            x0, x1 = 0, 0
            if i < job[OUT_H]:
                x0, x1 = _row_span(g, i + 0.5, job[OUT_W], job[WIDTH], job[HEIGHT], job[ZERO])
            m = x1 - x0
            if m < job[COLUMNS]:
                _pad(job, n, i, x0, m, fill, out)
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
                _shares(g[0], g[1] * y, g[2], x0, m, side_x, job[LOW_X], job[HIGH_X], 3, column, across)
                _shares(g[3], g[4] * y, g[5], x0, m, side_y, job[LOW_Y], job[HIGH_Y], job[IMAGE_STRIDE], row, down)
                _average(at, m, row, down, column, across, quads[0], line)
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
                x0, x1 = _row_span(g, y, job[OUT_W], job[WIDTH], job[HEIGHT], job[ZERO])
            line[:x0] = ignore
            line[x1:] = ignore
            zero, m = job[ZERO], x1 - x0
            by, ey = rounded(g[1] * y, zero), rounded(g[4] * y, zero)
            for j in range(m):
                x = (x0 + j) + 0.5
                u = np.int64(rounded(g[0] * x, zero) + by + g[2])
                v = np.int64(rounded(g[3] * x, zero) + ey + g[5])
                index[j] = np.uint64((v - low_y) * stride + (u - low_x))
            dst = line[x0:x1]
            for j in range(m):
                dst[j] = src[index[j]]
