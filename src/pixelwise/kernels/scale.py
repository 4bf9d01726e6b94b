"""Render scaled and mirrored samples: one pass from windows of source pixels to batch slots. And shrink one image.

The image is averaged over a box of side max(1, pixels of the source that one output pixel advances), parallel to the
axes, around the source point; the edge pixels repeat. A side of 1 is bilinear interpolation. Where a point is, and so
the label, is computed in float64 with the roundings of `render_plain`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from .compiling import jit, jit_fast, part, part_fast
from .jobs import SCALE, four_bytes, level, pad, pointer, rounded
from .shade import shade


@part
def _span(a: Any, c: Any, number: Any, extent: Any, zero: Any) -> Any:
    """(first, end) of the output positions j < number with 0 <= a * (j + 0.5) + c < extent."""
    first, end = 0, number
    while first < end and not 0.0 <= rounded(a * (first + 0.5), zero) + c < extent:
        first += 1
    while end > first and not 0.0 <= rounded(a * (end - 0.5), zero) + c < extent:
        end -= 1
    return first, end


@part
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


@part
def _taps_needed(a: Any, extent: Any) -> Any:
    return min(np.int64(np.ceil(max(abs(a), 1.0))) + 1, extent)


@part_fast
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
            p, q = level(one[j], s), level(two[j], t)
            dst[j] = p + (q - p) * weight[j]


@part_fast
def _mix3(src: Any, offset: Any, weight: Any, line: Any) -> None:
    """Three pixels: the case of shrinking by up to 2."""
    r, g, b = line[0], line[1], line[2]
    for j in range(offset.shape[0]):
        p = src[offset[j] :]
        u, v, w = weight[j, 0], weight[j, 1], weight[j, 2]
        r[j] = p[0] * u + p[3] * v + p[6] * w
        g[j] = p[1] * u + p[4] * v + p[7] * w
        b[j] = p[2] * u + p[5] * v + p[8] * w


@part_fast
def mix(src: Any, offset: Any, weight: Any, line: Any) -> None:
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


@part_fast
def stack(at: Any, stride: Any, weight: Any, sums: Any) -> None:
    """sums[k] = the weighted sum of byte k of the rows at `at`, `at + stride` ..."""
    size, taps = sums.shape[0], weight.shape[0]
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


@part_fast
def _hold(job: Any, first: Any, last: Any, low: Any, offset: Any, right: Any, pairs: Any, held: Any, kept: Any) -> None:
    """Have the source rows first..last (at most two), interpolated horizontally, in kept[row & 1]; held says which."""
    for k in range(first, last + 1):
        if held[k & 1] != k:
            held[k & 1] = k
            _mix2(job.image + k * job.image_stride + 3 * low, offset, right, pairs, kept[k & 1])


@part_fast
def _between(above: Any, below: Any, u: Any, v: Any, m: Any, plane: Any) -> None:
    for j in range(m):
        plane[j] = above[j] * u + below[j] * v


@part_fast
def _between_shaded(
    above: Any, below: Any, u: Any, v: Any, f: Any, t: Any, least: Any, most: Any, m: Any, dst: Any
) -> None:
    """`_between` and the plain case of `shade` in one loop."""
    for j in range(m):
        level = (above[j] * u + below[j] * v) * f + t
        level = level if level > least else least
        dst[j] = level if level < most else most


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
        if job.kind != SCALE:
            continue
        a, c, e, f = matrix[n, 0], matrix[n, 2], matrix[n, 4], matrix[n, 5]
        x0, x1 = _span(a, c, job.out_w, job.width, job.zero)
        y0, y1 = _span(e, f, job.out_h, job.height, job.zero)
        m, low, high = x1 - x0, job.low_x, job.high_x
        if m == 0 or y1 == y0:
            m, y1 = 0, y0
        column, row = np.empty(m, np.int64), np.empty(y1 - y0, np.int64)
        across = np.empty((m, _taps_needed(a, high - low)), np.float32)
        down = np.empty((y1 - y0, _taps_needed(e, job.high_y - job.low_y)), np.float32)
        _taps(a, c, x0, low, high, column, across)
        _taps(e, f, y0, job.low_y, job.high_y, row, down)
        offset = (column - low) * 3
        line = np.empty((3, m), np.float32)
        enlarge = abs(a) <= 1.0 and abs(e) <= 1.0 and across.shape[1] == 2
        kept = np.empty((2, 3, m if enlarge else 0), np.float32)
        pairs, held = np.empty((2, m if enlarge else 0), np.uint32), np.full(2, -1)
        right = np.ascontiguousarray(across[:, across.shape[1] - 1])
        direct = enlarge and plain[n] and tones.shape[1] == 0
        sums = np.empty(0 if enlarge else 3 * (high - low), np.float32)
        for i in range(job.rows):
            if not y0 <= i < y1:
                pad(job, n, i, 0, 0, fill, out)
                continue
            if m < job.columns:
                pad(job, n, i, x0, m, fill, out)
            y, weight = row[i - y0], down[i - y0]
            slot, top, left = job.slot, job.top + i, job.left + x0
            if enlarge:
                bottom = y + weight.shape[0] - 1
                _hold(job, y, bottom, low, offset, right, pairs, held, kept)
                u, v = weight[0], weight[1] if weight.shape[0] > 1 else np.float32(0)
                for p in range(3):
                    above, below = kept[y & 1, p], kept[bottom & 1, p]
                    if direct:
                        f, t, least, most = color[n, p, p], color[n, p, 3], limits[n, 0, p], limits[n, 1, p]
                        _between_shaded(above, below, u, v, f, t, least, most, m, out[slot, p, top][left:])
                    else:
                        _between(above, below, u, v, m, line[p])
            else:
                stack(job.image + y * job.image_stride + 3 * low, job.image_stride, weight, sums)
                if across.shape[1] == 3:
                    _mix3(sums, offset, across, line)
                else:
                    mix(sums, offset, across, line)
            if not direct:
                shade(line, m, tones[n], color[n], plain[n], limits[n],
                      out[slot, 0, top][left:], out[slot, 1, top][left:], out[slot, 2, top][left:])  # fmt: skip


@jit
def scale_label(jobs: Any, matrix: Any, first: Any, last: Any, sample: Any, ignore: Any, out: Any) -> None:
    """Scaled and mirrored labels: the source pixel that holds the point. sample: the stored dtype's zero."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != SCALE:
            continue
        a, c, e, f = matrix[n, 0], matrix[n, 2], matrix[n, 4], matrix[n, 5]
        x0, x1 = _span(a, c, job.out_w, job.width, job.zero)
        y0, y1 = _span(e, f, job.out_h, job.height, job.zero)
        low, m, left, width = job.low_x, x1 - x0, job.left, job.columns
        column = np.empty(m, np.uint64)
        for j in range(m):
            column[j] = np.uint64(np.int64(rounded(a * (x0 + j + 0.5), job.zero) + c) - low)
        before = -1
        for i in range(job.rows):
            line = out[job.slot, job.top + i][left : left + width]
            if not y0 <= i < y1:
                line[:] = ignore
                continue
            y = np.int64(rounded(e * (i + 0.5), job.zero) + f)
            if y == before:
                line[:] = out[job.slot, job.top + i - 1][left : left + width]
                continue
            before = y
            line[:x0] = ignore
            line[x1:] = ignore
            at = job.label + y * job.label_stride + sample.itemsize * low
            src = carray(pointer(at), (sample.itemsize * (job.high_x - low),)).view(sample.dtype)
            dst = line[x0:x1]
            for j in range(m):
                dst[j] = src[column[j]]


@jit_fast
def shrink(at: Any, stride: Any, row: Any, down: Any, column: Any, across: Any, sums: Any, line: Any, out: Any) -> None:
    """Weighted means of the bytes of an image at `at` into (h, w, 3) uint8 `out`, rounded.

    row[i], down[i, t]: the first source row of output row i, and the weights of the rows from there on, all of them in
    the image. column, across: likewise; columns are counted in values, three per pixel. sums: 3 float32 per source
    column. line: (3, w) float32.
    """
    for i in range(out.shape[0]):
        stack(at + row[i] * stride, stride, down[i], sums)
        mix(sums, column, across, line)
        for j in range(out.shape[1]):
            for c in range(3):
                out[i, j, c] = np.uint8(line[c, j] + np.float32(0.5))
