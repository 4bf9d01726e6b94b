"""What follows from the matrices of a batch: which source pixels are needed, which kernel renders each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part
from .jobs import COPY, SCALE, WARP


@part
def _is_copy(m: Any) -> Any:
    """`Plan.is_copy` of a matrix (2, 3)."""
    straight = m[0, 1] == 0 and m[1, 0] == 0 and abs(m[0, 0]) == 1 and abs(m[1, 1]) == 1
    return straight and m[0, 2] == np.rint(m[0, 2]) and m[1, 2] == np.rint(m[1, 2])


@jit
def windows(matrices: Any, size: Any, source: Any, radius: Any, out: Any) -> None:
    """`Plan.window` of each sample, (B, 4) int64; if the label chooses between C matrices, one around all of them.

    matrices: (B, C, 2, 3) float64. size, source: (B, 2) int64. radius: of the interpolation, float64.
    """
    for n in range(matrices.shape[0]):
        h, w = float(size[n, 0]), float(size[n, 1])
        for axis in range(2):  # 0: x, 1: y
            bound = float(source[n, 1 - axis])
            first, last = bound, 0.0
            for k in range(matrices.shape[1]):
                m = matrices[n, k]
                a, b, c = m[axis, 0], m[axis, 1], m[axis, 2]
                low = high = c
                for x, y in ((w, 0.0), (w, h), (0.0, h)):
                    point = a * x + b * y + c
                    low, high = min(low, point), max(high, point)
                margin = 0.0 if _is_copy(m) else np.ceil(max(np.hypot(a, b), 1.0) * radius) + 1
                first = min(first, min(max(np.floor(low) - margin, 0.0), bound))
                last = max(last, min(max(np.ceil(high) + margin, 0.0), bound))
            out[n, 1 - axis] = np.int64(first)
            out[n, 3 - axis] = np.int64(last)


@jit
def place(matrix: Any, size: Any, jobs: Any) -> None:
    """Write the fields of the jobs that follow from their matrix: kind, and for copies the window and mirroring."""
    for n in range(len(jobs)):
        m, job = matrix[n], jobs[n]
        copy = _is_copy(m)
        job.kind = COPY if copy else SCALE if m[0, 1] == 0 and m[1, 0] == 0 else WARP
        job.flip_x = m[0, 0] < 0
        job.flip_y = m[1, 1] < 0
        job.x0 = job.y0 = 0
        if copy:
            # A mirrored axis starts at its far end: the last output column shows the first source column.
            job.x0 = np.int64(m[0, 2]) - (size[n, 1] if m[0, 0] < 0 else 0)
            job.y0 = np.int64(m[1, 2]) - (size[n, 0] if m[1, 1] < 0 else 0)
