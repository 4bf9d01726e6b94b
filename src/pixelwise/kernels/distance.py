"""Exact Euclidean distances to the nearest of some pixels (Felzenszwalb and Huttenlocher, Theory of Computing 2012)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit


@jit
def squared_distances(seeds: Any, step_y: Any, step_x: Any, places: Any, cuts: Any, line: Any, out: Any) -> None:
    """(H, W) float64 `out`: the squared distance of each pixel to the nearest pixel where `seeds` (H, W) is not 0.

    step_y, step_x: the distance of neighbors. places: (W,) int64, cuts: (W + 1,) float64, line: (W,) float64, scratch.
    Infinite if there is no seed. Whole numbers if the squares of the steps are whole.
    """
    height, width = seeds.shape
    for x in range(width):
        nearest = np.inf
        for y in range(height):
            nearest = 0.0 if seeds[y, x] else nearest + 1.0
            out[y, x] = nearest
        nearest = np.inf
        for y in range(height - 1, -1, -1):
            nearest = 0.0 if seeds[y, x] else nearest + 1.0
            out[y, x] = min(out[y, x], nearest)
    square_y, square_x = step_y * step_y, step_x * step_x
    for y in range(height):
        n = 0  # parabolas of the lower envelope, over the columns that have a seed at all
        for x in range(width):
            if out[y, x] == np.inf:
                continue
            line[x] = square_y * out[y, x] * out[y, x]
            cut = -np.inf
            while n > 0:
                p = places[n - 1]
                cut = ((line[x] - line[p]) / square_x + (x * x - p * p)) / (2.0 * (x - p))
                if cut > cuts[n - 1]:
                    break
                n -= 1
                cut = -np.inf
            places[n] = x
            cuts[n] = cut
            n += 1
        if n == 0:
            for x in range(width):
                out[y, x] = np.inf
            continue
        k = 0
        for x in range(width):
            while k + 1 < n and cuts[k + 1] < x:
                k += 1
            p = places[k]
            out[y, x] = square_x * (x - p) * (x - p) + line[p]
