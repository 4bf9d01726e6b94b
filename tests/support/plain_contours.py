"""The plain paths of what is counted along contours: one class and one mask after the other, in NumPy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage


def inner_edge(mask: np.ndarray, image_edge: bool) -> np.ndarray:
    """(H, W) bool: pixels of the mask that touch, by a side, a pixel that is not; image_edge: or the image's edge."""
    inside = np.pad(mask, 1, mode="constant" if image_edge else "edge")
    kept = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~kept


def distances(points: np.ndarray, others: np.ndarray, steps: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """From each pixel of `points`, in the order of rows, to the nearest of `others`, by trying all; inf without any."""
    ys, xs = np.nonzero(points)
    v, u = np.nonzero(others)
    if not len(v):
        return np.full(len(ys), np.inf)
    down, across = ((a[:, None] - b[None]).astype(np.float64) for a, b in ((ys, v), (xs, u)))
    squares = steps[1] * steps[1] * across * across + steps[0] * steps[0] * down * down
    return np.sqrt(squares.min(axis=1, initial=np.inf))


def change_band(label: np.ndarray, width: int) -> np.ndarray:
    """(H, W) bool: pixels whose square of 2 * width + 1 holds two values."""
    size = 2 * width + 1
    low = ndimage.minimum_filter(label, size, mode="nearest")
    return np.asarray(low != ndimage.maximum_filter(label, size, mode="nearest"))


def surface_row(prediction: np.ndarray, truth: np.ndarray, classes: int, void: int, confusion: Any) -> np.ndarray:
    """(C, 8): what SurfaceConfusion keeps of an image."""
    row = np.full((classes, 8), np.nan)
    steps, limit = confusion.spacing, confusion.boundary
    limit = limit if limit >= 1 else limit * float(np.hypot(*truth.shape))
    for c in range(classes):
        p, t = (prediction == c) & (truth != void), truth == c
        if not (p.any() or t.any()):
            continue
        edges = inner_edge(p, True), inner_edge(t, True)
        there, back = distances(*edges, steps), distances(*edges[::-1], steps)
        pooled = np.concatenate([there, back])
        row[c, :2] = len(pooled), (there <= confusion.tolerance).sum() + (back <= confusion.tolerance).sum()
        if len(there) and len(back):
            far = [np.percentile(side, confusion.percentile) for side in (there, back, pooled)]
            row[c, 2:5] = max(far[:2]), far[2], pooled.mean()
        edges = inner_edge(p, False), inner_edge(t, False)
        near = [distances(*edges) <= limit, distances(*edges[::-1]) <= limit]
        shares = [float(hits.mean()) if len(hits) else 1.0 for hits in near]
        if p.any() != t.any():
            shares = [0.0, 0.0]
        f = 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0
        row[c, 5:] = f, t.any(), p.any() != t.any()
    return row
