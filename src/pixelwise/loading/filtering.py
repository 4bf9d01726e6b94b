"""Images by the filters of `transforms.filters`: tables of weights for each axis, and the kernels that use them."""

from __future__ import annotations

from math import ceil, hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..transforms.filters import weight
from ..types import F64, I64, RADIUS, Interpolation


def paint(
    jobs: NDArray[Any], matrix: F64, interpolation: Interpolation, colors: tuple[Any, ...], out: NDArray[Any]
) -> None:
    """Render the jobs that scale or warp. colors: tones, color, plain, limits, fill as the kernels take them.

    matrix: (n, 6), output point to source point. out: (B, 3, H, W), or a view of that shape.
    """
    for n, job in enumerate(jobs):
        if job["kind"] == kernels.jobs.SCALE:
            _scaled(jobs, n, matrix[n], interpolation, colors, out)
        elif job["kind"] == kernels.jobs.WARP:
            _warped(jobs, n, matrix[n], interpolation, colors, out)


def _scaled(
    jobs: NDArray[Any], n: int, g: F64, interpolation: Interpolation, colors: tuple[Any, ...], out: NDArray[Any]
) -> None:
    job = {name: int(jobs[n][name]) for name in ("out_h", "out_w", "height", "width")}
    low_y, low_x, high_y, high_x = (int(jobs[n][name]) for name in ("low_y", "low_x", "high_y", "high_x"))
    y0, y1, rows = _points(float(g[4]), float(g[5]), job["out_h"], job["height"])
    x0, x1, columns = _points(float(g[0]), float(g[2]), job["out_w"], job["width"])
    span = np.array([y0, y1, x0, x1]) if len(rows) and len(columns) else np.zeros(4, np.int64)
    if not span.any():
        rows, columns = rows[:0], columns[:0]
    row, down = taps(rows, abs(float(g[4])), low_y, high_y, interpolation)
    column, across = taps(columns, abs(float(g[0])), low_x, high_x, interpolation)
    sums, line = np.empty(3 * (high_x - low_x), np.float32), np.empty((3, len(columns)), np.float32)
    kernel: Any = kernels.filtering.filter_scaled
    kernel(jobs, n, span, row, down, 3 * (column - low_x), across, sums, line, *colors, out)


def _points(a: float, c: float, number: int, extent: int) -> tuple[int, int, F64]:
    """(first, end, points): the output positions whose centers are inside the source, and where they are there."""
    s = np.asarray(a * (np.arange(number) + 0.5) + c, np.float64)
    inside = np.flatnonzero((s >= 0) & (s < extent))
    first, end = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
    return first, end, s[first:end]


def taps(
    points: F64, step: float, low: int, high: int, interpolation: Interpolation
) -> tuple[I64, NDArray[np.float32]]:
    """For each point the first source pixel, (m,), and the weights of those from there on, (m, taps), of sum 1.

    step: source pixels per output pixel. low, high: the source pixels in memory, which are all that can have a weight.
    """
    side = max(step, 1.0)
    reach = RADIUS[interpolation] * side
    number = min(ceil(2 * reach), high - low)
    first = np.clip(np.ceil(points - reach - 0.5).astype(np.int64), low, high - number)
    centers = (first[:, None] + np.arange(number)) + 0.5
    shares = weight(interpolation, np.abs(centers - points[:, None]) / side)
    return first, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def _warped(
    jobs: NDArray[Any], n: int, g: F64, interpolation: Interpolation, colors: tuple[Any, ...], out: NDArray[Any]
) -> None:
    radius = RADIUS[interpolation]
    reach = ceil(radius * max(1.0, hypot(g[0], g[1]), hypot(g[3], g[4])))
    scratch, line = np.empty((2, 2 * reach + 2)), np.empty((3, int(jobs[n]["columns"])), np.float32)
    kernel: Any = kernels.filtering.filter_warped
    kernel(jobs, n, g, radius, scratch, line, *colors, out)
