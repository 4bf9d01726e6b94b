"""Changes of rendered pixels: blur, noise, erasing. They come after all geometry and color.

Normalize may come before or after them: their amounts are those of colors in 0..1 either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import LEVELS, PERCENT, check_choice, check_probability, check_range
from ..hints import hinted
from ..types import Range
from .plans import Plans, Rendered, Transform, Uniform, between, draw_integer, log_between, settle


def _store(image: NDArray[Any], values: NDArray[Any]) -> None:
    # Bytes are rounded and stay in 0..255; floats are stored as they are.
    image[...] = np.clip(np.rint(values), 0, 255) if image.dtype == np.uint8 else values


def _blur(image: NDArray[Any], sigma: float) -> None:
    """Blur (3, H, W) planes in place."""
    steps = np.arange(ceil(4 * sigma) + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)
    rows, columns = (np.pad(np.arange(n), len(steps) - 1, mode="reflect") for n in image.shape[1:])
    line, blurred = np.empty(len(columns), np.float32), np.empty(image.shape[1:], np.float32)
    for plane in image:
        kernels.blur.blur(np.ascontiguousarray(plane, np.float32), weights, rows, columns, line, blurred)
        _store(plane, blurred)


@hinted
@dataclass(frozen=True, slots=True)
class GaussianBlur(Transform):
    """Blur with a standard deviation in pixels drawn uniformly from `sigma`; the label stays.

    sigma: (low, high), or one number; by default torchvision's 0.1..2. The kernel reaches to 4 deviations (torchvision
    asks for its size first, so sigma is given by name). Beyond the edge the image is mirrored, and padding blurs into
    the image. p: the probability to do it.
    """

    sigma: Range
    p: float

    def __init__(self, *, sigma: float | Range = (0.1, 2.0), p: float = 1.0) -> None:
        settle(self, sigma=check_range("sigma", sigma, 1e-3, 100.0, single=True), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the deviation."""
        chosen, sigma = uniform(0) < self.p, between(uniform(1), self.sigma)

        def blur(k: int, rendered: Rendered) -> None:
            if chosen[k]:
                _blur(rendered.image, float(sigma[k]))

        plans.after.append(blur)


@lru_cache(1)
def _quantiles() -> NDArray[np.float32]:
    """65,536 equally likely values of the normal distribution, scaled to variance 1; the largest is 4.3."""
    half = np.array([NormalDist().inv_cdf((k + 0.5) / 65_536) for k in range(32_768)])
    table = np.concatenate([half, -half[::-1]])
    return np.asarray(table / table.std(), np.float32)


@hinted
@dataclass(frozen=True, slots=True)
class GaussianNoise(Transform):
    """Add normal noise to each channel of each pixel; the label stays.

    sigma: (low, high), or one number: the standard deviation for colors in 0..1, drawn uniformly per sample
    (torchvision asks for the mean first, so sigma is given by name). The noise is addressed like every other draw, so
    it is the same for any number of threads. Bytes stay in 0..255, floats are not clamped. p: the probability to do it.
    """

    sigma: Range
    p: float

    def __init__(self, *, sigma: float | Range = (0.0, 0.1), p: float = 1.0) -> None:
        settle(self, sigma=check_range("sigma", sigma, 0.0, 1.0, single=True, unit=LEVELS), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 2: whether, the deviation, and the key of the pixels' numbers."""
        chosen, sigma = uniform(0) < self.p, between(uniform(1), self.sigma)
        key = (uniform(2) * 2.0**53).astype(np.uint64)

        def add(k: int, rendered: Rendered) -> None:
            if not chosen[k]:
                return
            noise = np.empty(rendered.image.shape, np.float32)
            low, high = np.uint32(key[k] & np.uint64(0xFFFFFFFF)), np.uint32(key[k] >> np.uint64(32))
            kernels.random.normal(low, high, _quantiles(), noise)
            noise *= (sigma[k] * rendered.unit)[:, None, None]
            _store(rendered.image, rendered.image + noise)

        plans.after.append(add)


@hinted
@dataclass(frozen=True, slots=True)
class RandomErasing(Transform):
    """Erase a rectangle with probability p; the distribution is torchvision's.

    Its share of the output's area is uniform in `scale`, the logarithm of its height-to-width ratio uniform in `ratio`.
    The first of ten draws that is smaller than the output is placed uniformly; if none is, nothing is erased. The
    image gets the fill color there (torchvision's default is 0). label: "ignore" makes it `ignore_index`, "keep" leaves
    it.
    """

    scale: Range
    ratio: Range
    label: Literal["ignore", "keep"]
    p: float

    def __init__(
        self, scale: Range = (0.02, 0.33), ratio: Range = (0.3, 3.3), *, label: Literal["ignore", "keep"] = "ignore",
        p: float = 0.5,
    ) -> None:  # fmt: skip
        settle(
            self, scale=check_range("scale", scale, 1e-6, 1.0, unit=PERCENT),
            ratio=check_range("ratio", ratio, 1e-2, 1e2, unit=PERCENT),
            label=check_choice("label", label, ("ignore", "keep")), p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 2: whether, row and column; 3 + 2k and 4 + 2k: area and ratio of the k-th attempt."""
        searching = uniform(0) < self.p
        size = np.zeros_like(plans.size)
        for k in range(10):
            if not searching.any():
                break
            area = between(uniform(3 + 2 * k), self.scale) * plans.size.prod(axis=1)
            ratio = log_between(uniform(4 + 2 * k), self.ratio)
            tried = np.rint(np.stack([np.sqrt(area * ratio), np.sqrt(area / ratio)], axis=1)).astype(np.int64)
            fits = searching & (tried < plans.size).all(axis=1)
            size[fits] = tried[fits]
            searching &= ~fits
        corner = draw_integer(np.stack([uniform(1), uniform(2)], axis=1), plans.size - size + 1)

        def erase(k: int, rendered: Rendered) -> None:
            (y, x), (h, w) = corner[k].tolist(), size[k].tolist()
            rendered.image[:, y : y + h, x : x + w] = rendered.fill[:, None, None]
            if rendered.label is not None and self.label == "ignore":
                rendered.label[y : y + h, x : x + w] = rendered.ignore_index

        plans.after.append(erase)
