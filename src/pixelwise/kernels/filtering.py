"""Render samples by a filter, a triangle or a cubic: see `transforms.filters`.

Unlike `scale` and `warp`, one call renders one sample, and all memory is the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, carray, float32, float64, from_dtype, int64, types, uint8, void

from .compiling import jit_fast_of, part_fast
from .jobs import JOB, pad, pointer
from .scale import mix, stack
from .shade import shade
from .warp import row_span

_JOBS = from_dtype(JOB)[::1]
# Images: float planes, byte planes, and planes that are views of byte pixels.
_OUT = (
    (float32[:, ::1], types.Array(float32, 4, "C")),
    (uint8[:, ::1], types.Array(uint8, 4, "C")),
    (uint8[:, ::1], types.Array(uint8, 4, "A")),
)
_COLORS = (float32[:, :, ::1], float32[:, :, ::1], boolean[::1], float32[:, :, ::1])
_TABLE = (int64[::1], float32[:, ::1])


@part_fast
def _clamp(line: Any, m: Any) -> None:
    least, most = np.float32(0), np.float32(255)
    for c in range(3):
        plane = line[c]
        for j in range(m):
            v = plane[j]
            v = v if v > least else least
            plane[j] = v if v < most else most


@jit_fast_of(
    [void(_JOBS, int64, int64[::1], *_TABLE, *_TABLE, float32[::1], float32[:, ::1], *_COLORS, *o) for o in _OUT]
)
def filter_scaled(
    jobs: Any, n: Any, span: Any, row: Any, down: Any, column: Any, across: Any, sums: Any, line: Any,
    tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any,
) -> None:  # fmt: skip
    """Job n, scaled or mirrored. Color and out: as in `scale.scale_image`.

    span: y0, y1, x0, x1, the output rows and columns whose centers are inside the source. row[i], down[i, t]: the
    first source row of output row y0 + i, and the weights of the rows from there on, all of them in memory. column,
    across: likewise, from column x0 on. sums: 3 values for each source column in memory. line: (3, x1 - x0).
    """
    job = jobs[n]
    y0, y1, x0, m = span[0], span[1], span[2], span[3] - span[2]
    for i in range(job.rows):
        if not y0 <= i < y1 or m == 0:
            pad(job, n, i, 0, 0, fill, out)
            continue
        if m < job.columns:
            pad(job, n, i, x0, m, fill, out)
        at = job.image + row[i - y0] * job.image_stride + 3 * job.low_x
        stack(at, job.image_stride, down[i - y0], sums)
        mix(sums, column, across, line)
        _clamp(line, m)
        slot, top, left = job.slot, job.top + i, job.left + x0
        shade(line, m, tones[n], color[n], plain[n], limits[n],
              out[slot, 0, top][left:], out[slot, 1, top][left:], out[slot, 2, top][left:])  # fmt: skip


@part_fast
def _weights(s: Any, side: Any, radius: Any, low: Any, high: Any, weight: Any) -> Any:
    """(first, end, sum): the pixels of low..high within reach of the point s along one axis; weight[t] of first + t."""
    first = max(np.int64(np.ceil(s - radius * side - 0.5)), low)
    end = min(np.int64(np.floor(s + radius * side - 0.5)) + 1, high)
    total = 0.0
    for x in range(first, end):
        t = abs(x + 0.5 - s) / side
        if radius == 1.0:
            w = max(1.0 - t, 0.0)
        elif t < 1.0:
            w = (1.5 * t - 2.5) * t * t + 1.0
        else:
            w = ((2.5 - 0.5 * t) * t - 4.0) * t + 2.0
        weight[x - first] = w
        total += w
    return first, end, total


@jit_fast_of(
    [void(_JOBS, int64, float64[::1], float64, float64[:, ::1], float32[:, ::1], *_COLORS, *o) for o in _OUT]
)
def filter_warped(
    jobs: Any, n: Any, g: Any, radius: Any, weight: Any, line: Any,
    tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any,
) -> None:  # fmt: skip
    """Job n under any matrix g, (6,). Color and out: as in `scale.scale_image`.

    radius: 1 for the triangle, 2 for the cubic. weight: (2, 2 x reach + 2), scratch. line: (3, columns).
    """
    job = jobs[n]
    side_x = max(1.0, np.sqrt(g[0] * g[0] + g[1] * g[1]))
    side_y = max(1.0, np.sqrt(g[3] * g[3] + g[4] * g[4]))
    across, down = weight[0], weight[1]
    for i in range(job.rows):
        x0, x1, y = 0, 0, i + 0.5
        if i < job.out_h:
            x0, x1 = row_span(g, y, job.out_w, job.width, job.height, job.zero)
        m = x1 - x0
        if m < job.columns:
            pad(job, n, i, x0, m, fill, out)
        for j in range(m):
            x = (x0 + j) + 0.5
            left, right, wide = _weights(g[0] * x + g[1] * y + g[2], side_x, radius, job.low_x, job.high_x, across)
            top, bottom, high = _weights(g[3] * x + g[4] * y + g[5], side_y, radius, job.low_y, job.high_y, down)
            r, g_, b = 0.0, 0.0, 0.0
            for v in range(top, bottom):
                at = job.image + v * job.image_stride + 3 * left
                pixels, share = carray(pointer(at), (3 * (right - left),)), down[v - top]
                for u in range(right - left):
                    w = share * across[u]
                    r += pixels[3 * u] * w
                    g_ += pixels[3 * u + 1] * w
                    b += pixels[3 * u + 2] * w
            whole = wide * high
            line[0, j], line[1, j], line[2, j] = r / whole, g_ / whole, b / whole
        _clamp(line, m)
        slot, above, begin = job.slot, job.top + i, job.left + x0
        shade(line, m, tones[n], color[n], plain[n], limits[n],
              out[slot, 0, above][begin:], out[slot, 1, above][begin:], out[slot, 2, above][begin:])  # fmt: skip
