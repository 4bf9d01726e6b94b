"""Blur a plane by symmetric weights, along its columns and then along its rows."""

from __future__ import annotations

from typing import Any

from .compiling import jit_fast, part_fast


@part_fast
def _add(one: Any, other: Any, weight: Any, sums: Any) -> None:
    for x in range(sums.shape[0]):
        sums[x] += (one[x] + other[x]) * weight


@jit_fast
def blur(plane: Any, weights: Any, rows: Any, columns: Any, line: Any, out: Any) -> None:
    """(H, W) float32 `plane` into `out`. weights: (r + 1,) float32, of a pixel and of those 1 to r away on both sides.

    rows: (H + 2r,) int64, which row stands at y - r, for those beyond the edges too; columns: likewise. line:
    (W + 2r,) float32.
    """
    height, width = plane.shape
    r = weights.shape[0] - 1
    inner = line[r : r + width]
    for y in range(height):
        middle, smooth = plane[rows[y + r]], out[y]
        for x in range(width):
            inner[x] = middle[x] * weights[0]
        for k in range(1, r + 1):
            _add(plane[rows[y + r - k]], plane[rows[y + r + k]], weights[k], inner)
        for t in range(r):
            line[t] = inner[columns[t]]
            line[r + width + t] = inner[columns[r + width + t]]
        for x in range(width):
            smooth[x] = inner[x] * weights[0]
        for k in range(1, r + 1):
            _add(line[r - k : r - k + width], line[r + k : r + k + width], weights[k], smooth)
