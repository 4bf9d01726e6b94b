"""The contours of masks, and how far their pixels are from those of another mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..types import F64, Bool


def inner_edge(mask: Bool, image_edge: bool) -> Bool:
    """(H, W) bool: pixels of the mask that touch, by a side, a pixel that is not; image_edge: or the image's edge.

    With `image_edge` it is the mask less its erosion by a cross (`scipy.ndimage.binary_erosion`), as MONAI's
    get_mask_edges and medpy's surface distances have it. Thread-safe.
    """
    inside = np.pad(mask, 1, mode="constant" if image_edge else "edge")
    kept = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~kept


def border_map(mask: Bool) -> Bool:
    """(H, W) bool: pixels whose right, lower or lower right neighbor is on the other side of the mask's contour.

    The contour map of the Berkeley benchmark, as DAVIS uses it (davis2017-evaluation, metrics.py: _seg2bmap).
    """
    out: Bool = np.zeros(mask.shape, bool)
    out[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    out[:-1] |= mask[:-1] ^ mask[1:]
    out[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return out


def distances(points: Bool, others: Bool, spacing: tuple[float, float] = (1.0, 1.0)) -> F64:
    """(N,) float64: from each pixel of `points`, in the order of rows, to the nearest of `others`; inf without any.

    spacing: of rows and of columns. The exact Euclidean distance of pixel centers. Thread-safe.
    """
    if not points.any() or not others.any():
        return np.full(int(points.sum()), np.inf)
    box = _box(points | others)
    seeds = np.ascontiguousarray(others[box]).view(np.uint8)
    ys, xs = np.divmod(np.flatnonzero(points[box]), seeds.shape[1])  # faster than nonzero where few are
    out = np.empty(len(ys))
    kernels.distance.nearest(
        seeds, ys, xs, float(spacing[0]), float(spacing[1]), np.empty(seeds.shape, np.float32), out
    )
    return np.sqrt(out)


def class_masks(prediction: NDArray[Any], truth: NDArray[Any], c: int, void: Bool) -> tuple[Bool, Bool]:
    """The (H, W) masks of class c in the prediction and in the truth, without the void pixels of the truth."""
    return (prediction == c) & ~void, (truth == c) & ~void


def _box(mask: Bool) -> tuple[slice, slice]:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(ys[0]), int(ys[-1]) + 1), slice(int(xs[0]), int(xs[-1]) + 1)
