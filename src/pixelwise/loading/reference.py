"""The plain path from a plan and pixels to an image and a label, in float64 and NumPy: it defines the fast paths."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..transforms.filters import weight
from ..types import F64, I64, RADIUS, Interpolation, Label, Plan, Sample
from .render import FILL


def render_plain(
    sample: Sample, plan: Plan, ignore_index: int, fill: tuple[int, int, int] = FILL
) -> tuple[F64, Label | None]:
    """What `plan` makes of a whole sample: image (3, h, w) float64 with color applied, and label (h, w).

    An output pixel whose center is outside the source gets the fill color and `ignore_index`. The label is taken
    from the source pixel that holds the center. The image is averaged over the box `plan.box` around that point,
    source pixels being unit squares and edge pixels repeating outside: for a box of 1 x 1 this is bilinear
    interpolation between pixel centers, for larger ones area averaging. For other interpolations than "area" it is
    weighed by `transforms.filters`, with `plan.box` as the unit. Then tone curve (linear between whole levels),
    matrix, clamp. Slow; it exists to define the fast paths.
    """
    height, width = plan.source
    h, w = plan.size
    (a, b, c), (d, e, f) = plan.matrix
    y, x = np.mgrid[0:h, 0:w] + 0.5
    sx, sy = a * x + b * y + c, d * x + e * y + f
    inside = (sx >= 0) & (sx < width) & (sy >= 0) & (sy < height)
    levels = np.where(inside[..., None], _averaged(sample.image, sx, sy, plan), np.array(fill, np.float64))
    out = shade_plain(levels.transpose(2, 0, 1), plan)
    if sample.label is None:
        return out, None
    label = np.full((h, w), ignore_index, sample.label.dtype)
    label[inside] = sample.label[np.floor(sy[inside]).astype(int), np.floor(sx[inside]).astype(int)]
    return out, label


def _averaged(image: NDArray[Any], sx: F64, sy: F64, plan: Plan) -> F64:
    total = np.zeros((*sx.shape, 3))
    axes = zip((sy, sx), plan.box, plan.source, strict=True)
    if plan.interpolation == "area":
        rows, columns = (_overlaps(*axis) for axis in axes)
    else:
        rows, columns = (_weights(*axis, plan.interpolation) for axis in axes)
    for row, down in rows:
        for column, across in columns:
            total += image[row, column] * (down * across)[..., None]
    return np.clip(total, 0.0, 255.0)


def _overlaps(s: F64, side: float, extent: int) -> list[tuple[I64, F64]]:
    # For each pixel that an interval of length `side` around s can touch: its index and its share of the interval.
    left, right = s - side / 2, s + side / 2
    taps = []
    for t in range(ceil(side) + 1):
        x = np.floor(left) + t
        share = np.maximum(np.minimum(x + 1, right) - np.maximum(x, left), 0.0) / side
        taps.append((np.clip(x, 0, extent - 1).astype(np.int64), share))
    return taps


def _weights(s: F64, side: float, extent: int, interpolation: Interpolation) -> list[tuple[I64, F64]]:
    # As `_overlaps`, for filters: pixels outside have no weight, and the others add up to 1.
    reach = RADIUS[interpolation] * side
    first, taps = np.floor(s - reach), []
    for t in range(ceil(2 * reach) + 2):
        x = first + t
        share = weight(interpolation, np.abs(x + 0.5 - s) / side) * ((x >= 0) & (x < extent))
        taps.append((np.clip(x, 0, extent - 1).astype(np.int64), share))
    total = sum(share for _, share in taps)
    # Far outside nothing has a weight, and the pixel is padding.
    return [(x, share / np.where(total == 0, 1.0, total)) for x, share in taps]


def shade_plain(levels: F64, plan: Plan) -> F64:
    """The plan's color on levels (3, h, w) in 0..255: tone curve, matrix, clamp; float64."""
    out = levels / 255.0
    if plan.tone is not None:
        pairs = zip(levels, plan.tone, strict=True)
        out = np.stack([np.interp(plane, np.arange(256), table) for plane, table in pairs])
    if plan.color is not None:
        matrix = np.array(plan.color)
        out = np.einsum("kc,chw->khw", matrix[:, :3], out) + matrix[:, 3, None, None]
    if plan.limits is not None:
        low, high = np.array(plan.limits)[:, :, None, None]
        out = np.clip(out, low, high)
    return out
