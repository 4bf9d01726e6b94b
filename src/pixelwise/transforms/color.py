"""Color: every transform here composes into one tone curve a channel and one 3x4 matrix, applied once.

Colors are RGB in 0..1. Nothing is rounded or clamped between the transforms; the result is clamped to 0..1 once,
before the normalization. torchvision rounds (uint8) and clamps after each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import pi

import numpy as np

from ..arguments import check_probability, check_range
from ..errors import UsageError
from ..types import RGB, Bool, Range
from .plans import F64, Plans, Uniform, between, draw_integer

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
"""Mean of ImageNet's training images by channel, RGB in 0..1 (torchvision's reference transforms)."""
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)
"""Standard deviation, likewise."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Gray from RGB: ITU-R BT.601, rounded as torchvision's and Pillow's conversions round it."""
GRAY = float(LUMA @ IMAGENET_MEAN)
"""0.459: the gray of ImageNet's mean color."""

_ORDERS = np.array(list(permutations(range(4))))
_SHUFFLES = np.array([np.eye(3)[list(order)] for order in permutations(range(3))])


# -- matrices (B, 3, 4) from factors (B,) ---------------------------------------------------------------------


def _scaling(factor: F64, about: float = 0.0) -> F64:
    out = np.zeros((len(factor), 3, 4))
    out[:, (0, 1, 2), (0, 1, 2)] = factor[:, None]
    out[:, :, 3] = ((1.0 - factor) * about)[:, None]
    return out


def _adding(amount: F64) -> F64:
    out = _scaling(np.ones(len(amount)))
    out[:, :, 3] = amount[:, None]
    return out


def _saturating(factor: F64) -> F64:
    out = _scaling(factor)
    out[:, :, :3] += (1.0 - factor)[:, None, None] * LUMA
    return out


def _turning(share: F64) -> F64:
    # Rotation about the gray axis (Rodrigues): it keeps the mean of the channels, and a third of a turn swaps channels.
    cos, sin = np.cos(2 * pi * share)[:, None, None], np.sin(2 * pi * share)[:, None, None]
    axis = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.concatenate([cos * np.eye(3) + (1 - cos) * axis + sin * cross, np.zeros((len(share), 3, 1))], axis=2)


def _identity(n: int) -> F64:
    return _scaling(np.ones(n))


def _where(chosen: Bool, matrix: F64) -> F64:
    return np.where(chosen[:, None, None], matrix, _identity(len(chosen)))


# -- transforms -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Brightness:
    """Multiply all channels by a factor drawn uniformly from low..high, as torchvision's adjust_brightness."""

    low: float
    high: float
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Brightness", (self.low, self.high), 0.0)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _scaling(between(uniform(1), self.low, self.high))))


@dataclass(frozen=True, slots=True)
class Contrast:
    """Spread colors about a fixed gray by a factor drawn uniformly from low..high.

    torchvision spreads about the mean gray of each image, which is known only once its pixels are. The two
    differ by the constant |1 - factor| * |mean gray of the image - about|: on 40 VOC photographs with factor 0.6 or 1.4
    by 0.036 on average, 0.079 at most (of 0..1). about: default 0.459, the gray of ImageNet's mean color.
    """

    low: float
    high: float
    about: float = GRAY
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Contrast", (self.low, self.high), 0.0)
        check_range("about", (self.about, self.about), 0.0, 1.0)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _scaling(between(uniform(1), self.low, self.high), self.about)))


@dataclass(frozen=True, slots=True)
class Saturation:
    """Blend with the pixel's gray by a factor drawn uniformly from low..high (0: gray), as torchvision does."""

    low: float
    high: float
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Saturation", (self.low, self.high), 0.0)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _saturating(between(uniform(1), self.low, self.high))))


@dataclass(frozen=True, slots=True)
class Hue:
    """Turn the hue by a share of the circle drawn uniformly from low..high, within -0.5..0.5.

    A rotation about the gray axis, which keeps the mean of the channels. torchvision shifts H of HSV, which
    keeps their largest and smallest value. Both agree at thirds of a turn, and on gray. Elsewhere they differ by a
    part of the pixel's largest minus smallest channel: at 0.05 by 0.08 on average and 0.16 at most, at 0.1 by 0.14 and
    0.28; on VOC photographs by 0.009 of 0..1 on average at 0.1.
    """

    low: float
    high: float
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Hue", (self.low, self.high), -0.5, 0.5)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the share."""
        plans.recolor(_where(uniform(0) < self.p, _turning(between(uniform(1), self.low, self.high))))


@dataclass(frozen=True, slots=True)
class Gamma:
    """value ** gamma on each channel in 0..1, gamma drawn uniformly from low..high, as torchvision's adjust_gamma.

    Exact at the 256 gray levels; between them (where pixels were resampled) it is linear. It stands before all
    transforms that mix channels.
    """

    low: float
    high: float
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Gamma", (self.low, self.high), 1e-3, 1e3)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and gamma."""
        gamma = np.where(uniform(0) < self.p, between(uniform(1), self.low, self.high), 1.0)
        plans.curve(lambda values: values ** gamma[:, None, None])


@dataclass(frozen=True, slots=True)
class Grayscale:
    """Three equal channels of gray (ITU-R BT.601) with probability p."""

    p: float = 0.1

    def __post_init__(self) -> None:
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.recolor(_where(uniform(0) < self.p, _saturating(np.zeros(len(plans)))))


@dataclass(frozen=True, slots=True)
class ChannelShuffle:
    """One of the six orders of the channels, drawn uniformly, with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the order."""
        matrix = np.zeros((len(plans), 3, 4))
        matrix[:, :, :3] = _SHUFFLES[draw_integer(uniform(1), 6)]
        plans.recolor(_where(uniform(0) < self.p, matrix))


@dataclass(frozen=True, slots=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, in a random order, with torchvision's parameters.

    brightness, contrast, saturation: a number x stands for factors in max(0, 1 - x)..1 + x; or (low, high). hue: x
    stands for -x..x, of 0..0.5; or (low, high). All uniform; each of the 24 orders is equally likely. The steps are
    those of `Brightness`, `Contrast`, `Saturation` and `Hue`; how they differ from torchvision's, they say.
    """

    brightness: float | Range = 0.0
    contrast: float | Range = 0.0
    saturation: float | Range = 0.0
    hue: float | Range = 0.0
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        for name in ("brightness", "contrast", "saturation", "hue"):
            center, low, high = (0.0, -0.5, 0.5) if name == "hue" else (1.0, 0.0, np.inf)
            value = getattr(self, name)
            if isinstance(value, (int, float)):
                if value < 0:
                    raise UsageError(f"{name} is 0 or more, got {value!r}")
                value = (max(low, center - value), center + value)
            object.__setattr__(self, name, check_range(name, value, low, high))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 5: whether, brightness, contrast, saturation, hue, and the order."""
        n = len(plans)
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        drawn = [between(uniform(1 + k), *r) for k, r in enumerate(ranges)]  # type: ignore[misc]
        steps = np.stack(
            [_scaling(drawn[0]), _scaling(drawn[1], GRAY), _saturating(drawn[2]), _turning(drawn[3])], axis=1
        )
        order = _ORDERS[draw_integer(uniform(5), 24)]
        total = _identity(n)
        for k in range(4):
            total = _compose(steps[np.arange(n), order[:, k]], total)
        plans.recolor(_where(uniform(0) < self.p, total))


def _compose(outer: F64, inner: F64) -> F64:
    out: F64 = outer[:, :, :3] @ inner
    out[:, :, 3] += outer[:, :, 3]
    return out


@dataclass(frozen=True, slots=True)
class PhotometricDistortion:
    """The recipe of SSD and mmsegmentation (PhotoMetricDistortion), each step with probability 1/2.

    Brightness: add a level in -brightness..brightness (of 255). Contrast: multiply by a factor in `contrast`; before
    saturation and hue or after them, by a fair coin. Saturation: a factor in `saturation`. Hue: turn by -hue..hue of
    180 (OpenCV's half degrees).

    mmsegmentation scales S of HSV, which keeps the largest channel, and shifts H; here saturation blends with the
    pixel's gray and hue turns about the gray axis, as in `Saturation` and `Hue`. It also rounds to uint8 between. On
    VOC photographs the two saturations by 0.5 and 1.5 differ by 0.012 of 0..1 on average.
    """

    brightness: float = 32.0
    contrast: Range = (0.5, 1.5)
    saturation: Range = (0.5, 1.5)
    hue: float = 18.0

    def __post_init__(self) -> None:
        check_range("brightness", (0.0, self.brightness), 0.0, 255.0)
        check_range("hue", (0.0, self.hue), 0.0, 90.0)
        object.__setattr__(self, "contrast", check_range("contrast", self.contrast, 0.0))
        object.__setattr__(self, "saturation", check_range("saturation", self.saturation, 0.0))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 3 decide on the four steps, 4 on the place of contrast, 5 to 8 are their amounts."""
        chosen = [uniform(k) < 0.5 for k in range(4)]
        early = uniform(4) < 0.5
        amount = self.brightness / 255.0
        plans.recolor(_where(chosen[0], _adding(between(uniform(5), -amount, amount))))
        contrast = _scaling(between(uniform(6), *self.contrast))
        plans.recolor(_where(chosen[1] & early, contrast))
        plans.recolor(_where(chosen[2], _saturating(between(uniform(7), *self.saturation))))
        plans.recolor(_where(chosen[3], _turning(between(uniform(8), -self.hue / 180.0, self.hue / 180.0))))
        plans.recolor(_where(chosen[1] & ~early, contrast))


@dataclass(frozen=True, slots=True)
class Normalize:
    """`(pixel / 255 - mean) / std` by channel, RGB. Comes after every color transform.

    Without it, float output holds pixel / 255. uint8 output leaves it out: the device does it
    (`Loader.normalize` tells how).
    """

    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            given = getattr(self, name)
            try:
                values = tuple(float(v) for v in given)
            except (TypeError, ValueError):
                values = ()
            if len(values) != 3 or not np.isfinite(values).all() or (name == "std" and min(values) <= 0):
                above = " above 0" * (name == "std")
                raise UsageError(f"{name} must be three numbers{above}, one per channel, got {given!r}")
            object.__setattr__(self, name, values)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        if plans.normalize is not None:
            raise UsageError("Normalize stands twice in the list", code="bad-transforms", fix="keep one")
        (r, g, b), (u, v, w) = self.mean, self.std
        plans.normalize = ((r, g, b), (u, v, w))
