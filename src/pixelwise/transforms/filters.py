"""How images are interpolated when they are resized. Labels are always taken nearest.

Every output pixel is a weighted mean of source pixels around its point. Along each axis of the source the weights are a
function of the distance, as wide as the step from one output pixel to the next, and at least as one source pixel.

- "area": a box over source pixels that are unit squares. Bilinear where the image grows, the mean of the covered area
  where it shrinks. Edge pixels repeat outside.
- "antialias": a triangle. Bilinear where the image grows; where it shrinks, what torchvision and
  `torch.nn.functional.interpolate` call bilinear with `antialias=True`, and Pillow `BILINEAR`.
- "bicubic": Keys' cubic with a = -0.5 (R. Keys, "Cubic convolution interpolation", 1981), as wide as the triangle is
  made. That is `antialias=True` of torch, and Pillow's `BICUBIC`. torch without it, and OpenCV, take a = -0.75.

The last two leave out pixels outside the source and weigh the others more, as those libraries do; what a cubic makes
lower than 0 or higher than 255 is clamped.
"""

from __future__ import annotations

from typing import Any

from ..arguments import check_choice
from ..errors import UsageError
from ..types import RADIUS, Interpolation


def check_interpolation(value: Any) -> Interpolation:
    """One of the three."""
    if isinstance(value, str) and value in ("bilinear", "linear"):
        what = f"interpolation must be one of {', '.join(map(repr, RADIUS))}, got {value!r}"
        fix = "torchvision's bilinear with antialias=True is 'antialias'; 'area' is bilinear where the image grows"
        raise UsageError(what, fix=fix)
    return check_choice("interpolation", value, tuple(RADIUS))


def weight(interpolation: Interpolation, distance: Any) -> Any:
    """The weight of source pixels at a distance of 0 or more, not normalized; NumPy arrays or tensors of floats.

    distance: from the point to the centers of the pixels, in units of the filter. Not for "area".
    """
    t = distance
    if interpolation == "antialias":
        return (1 - t) * (t < 1)
    near = ((1.5 * t - 2.5) * t * t + 1) * (t < 1)
    return near + (((2.5 - 0.5 * t) * t - 4) * t + 2) * ((t >= 1) & (t < 2))
