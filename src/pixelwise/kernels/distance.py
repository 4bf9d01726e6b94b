"""Exact Euclidean distances from some pixels to the nearest of others, column by column and then along rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit


@jit
def nearest(seeds: Any, ys: Any, xs: Any, step_y: Any, step_x: Any, columns: Any, out: Any) -> None:
    """(N,) float64 `out`: the squared distance of each pixel (ys, xs) to the nearest where `seeds` (H, W) is not 0.

    step_y, step_x: the distance of neighbors. columns: (H, W) float32 scratch, the rows to the nearest seed of each
    column. Infinite if there is no seed. Whole numbers if the squares of the steps are whole. The search along a row
    ends where no column can be nearer, so the time of a pixel grows with its distance.
    """
    height, width = seeds.shape
    far = np.float32(np.inf)
    for x in range(width):
        columns[0, x] = np.float32(0.0) if seeds[0, x] else far
    for y in range(1, height):
        for x in range(width):
            columns[y, x] = np.float32(0.0) if seeds[y, x] else columns[y - 1, x] + np.float32(1.0)
    for y in range(height - 2, -1, -1):
        for x in range(width):
            columns[y, x] = min(columns[y, x], columns[y + 1, x] + np.float32(1.0))
    square_y, square_x = step_y * step_y, step_x * step_x
    for i in range(ys.shape[0]):
        row, at = columns[ys[i]], xs[i]
        down = np.float64(row[at])
        best = square_y * down * down
        for apart in range(1, max(at, width - 1 - at) + 1):
            across = square_x * apart * apart
            if across >= best:
                break
            if at >= apart:
                down = np.float64(row[at - apart])
                best = min(best, across + square_y * down * down)
            if at + apart < width:
                down = np.float64(row[at + apart])
                best = min(best, across + square_y * down * down)
        out[i] = best
