"""Color: every transform here composes into one tone curve per channel and one 3x4 matrix, applied once.

Colors are RGB in 0..1. Nothing is rounded or clamped between the transforms; the result is clamped to 0..1 once,
before the normalization. torchvision rounds (uint8) and clamps after each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import pi
from typing import Any

import numpy as np

from ..arguments import (
    DEGREES,
    HALF_DEGREES,
    LEVELS,
    MOST_FACTOR,
    PERCENT,
    check_number,
    check_numbers,
    check_probability,
    check_range,
    conversion,
    is_number,
)
from ..errors import UsageError
from ..hints import hinted
from ..types import F64, RGB, Bool, Range
from .plans import Plans, Transform, Uniform, between, compose_color, draw_integer, settle

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
"""Mean of ImageNet's training images, RGB in 0..1 (torchvision's reference transforms)."""
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)
"""Their standard deviation, likewise."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Gray from RGB: ITU-R BT.601, with three decimals as in Pillow's conversion; torchvision takes 0.2989 for red."""
GRAY = float(LUMA @ IMAGENET_MEAN)
"""0.459: the gray of ImageNet's mean color."""

_MOST_SPREAD = 2.0  # of factors around 1; a larger number is in percent
_ORDERS = np.array(list(permutations(range(4))))
_SHUFFLES = np.array([np.eye(3)[list(order)] for order in permutations(range(3))])


# -- matrices (B, 3, 4) from factors (B,) ---------------------------------------------------------------------


def _scaling(factor: F64, about: float = 0.0) -> F64:
    out = np.zeros((len(factor), 3, 4))
    out[:, (0, 1, 2), (0, 1, 2)] = factor[:, None]
    out[:, :, 3] = ((1.0 - factor) * about)[:, None]
    return out


def _adding(amount: F64) -> F64:
    out = _identity(len(amount))
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


@hinted
@dataclass(frozen=True, slots=True)
class RandomBrightness(Transform):
    """Multiply all channels by a factor drawn uniformly from `brightness`, as torchvision's adjust_brightness does.

    brightness: (low, high) in 0..10, or a number x for 1-x..1+x, cut off at 0. p: the probability to do it.
    """

    brightness: Range
    p: float

    def __init__(self, brightness: float | Range, *, p: float = 1.0) -> None:
        settle(self, brightness=_check_factors("brightness", brightness), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _scaling(between(uniform(1), self.brightness))))


@hinted
@dataclass(frozen=True, slots=True)
class RandomContrast(Transform):
    """Spread colors about a fixed gray by a factor drawn uniformly from `contrast`.

    torchvision spreads about the mean gray of each image, which is known only once its pixels are read. The two
    differ by the constant |1 - factor| * |mean gray of the image - about|: on 40 VOC photographs with factor 0.6 or 1.4
    by 0.036 on average, 0.079 at most (of 0..1). contrast: (low, high), or a number x for 1-x..1+x, cut off at 0.
    about: in 0..1, default 0.459, the gray of ImageNet's mean color. p: the probability to do it.
    """

    contrast: Range
    about: float
    p: float

    def __init__(self, contrast: float | Range, *, about: float = GRAY, p: float = 1.0) -> None:
        settle(
            self, contrast=_check_factors("contrast", contrast), about=check_number("about", about, 0.0, 1.0, LEVELS),
            p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _scaling(between(uniform(1), self.contrast), self.about)))


@hinted
@dataclass(frozen=True, slots=True)
class RandomSaturation(Transform):
    """Blend with the pixel's gray by a factor drawn uniformly from `saturation` (0: gray), as torchvision does.

    saturation: (low, high), or a number x for 1-x..1+x, cut off at 0. p: the probability to do it.
    """

    saturation: Range
    p: float

    def __init__(self, saturation: float | Range, *, p: float = 1.0) -> None:
        settle(self, saturation=_check_factors("saturation", saturation), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the factor."""
        plans.recolor(_where(uniform(0) < self.p, _saturating(between(uniform(1), self.saturation))))


@hinted
@dataclass(frozen=True, slots=True)
class RandomHue(Transform):
    """Turn the hue by a share of the circle drawn uniformly from `hue`.

    This rotates about the gray axis, which keeps the mean of the channels. torchvision shifts H of HSV, which keeps
    their largest and smallest value. Both agree at thirds of a turn, and on gray. Elsewhere they differ by a share of
    the pixel's largest minus smallest channel: at 0.05 by 0.08 on average and 0.16 at most, at 0.1 by 0.14 and 0.28; on
    VOC photographs by 0.009 of 0..1 on average at 0.1. hue: (low, high) within -0.5..0.5, or a number x for -x..x.
    p: the probability to do it.
    """

    hue: Range
    p: float

    def __init__(self, hue: float | Range, *, p: float = 1.0) -> None:
        settle(self, hue=_check_hue(hue), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the share."""
        plans.recolor(_where(uniform(0) < self.p, _turning(between(uniform(1), self.hue))))


@hinted
@dataclass(frozen=True, slots=True)
class RandomGamma(Transform):
    """value ** gamma on each channel in 0..1, gamma drawn uniformly from `gamma`, as torchvision's adjust_gamma does.

    Exact at the 256 gray levels; between them (in resampled pixels) it is linear. It comes before all
    transforms that mix channels. gamma: (low, high). p: the probability to do it.
    """

    gamma: Range
    p: float

    def __init__(self, gamma: Range, *, p: float = 1.0) -> None:
        settle(self, gamma=check_range("gamma", gamma, 1e-3, MOST_FACTOR, unit=PERCENT), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and gamma."""
        gamma = np.where(uniform(0) < self.p, between(uniform(1), self.gamma), 1.0)
        plans.curve(lambda values: values ** gamma[:, None, None])


@hinted
@dataclass(frozen=True, slots=True)
class RandomGrayscale(Transform):
    """Three equal channels of gray (ITU-R BT.601) with probability p."""

    p: float

    def __init__(self, *, p: float = 0.1) -> None:
        settle(self, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.recolor(_where(uniform(0) < self.p, _saturating(np.zeros(len(plans)))))


@hinted
@dataclass(frozen=True, slots=True)
class RandomChannelPermutation(Transform):
    """Put the channels in one of their six orders, drawn uniformly. p: the probability to do it."""

    p: float

    def __init__(self, *, p: float = 1.0) -> None:
        settle(self, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the order."""
        matrix = np.zeros((len(plans), 3, 4))
        matrix[:, :, :3] = _SHUFFLES[draw_integer(uniform(1), 6)]
        plans.recolor(_where(uniform(0) < self.p, matrix))


@hinted
@dataclass(frozen=True, slots=True)
class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue in a random order, with torchvision's arguments.

    brightness, contrast, saturation: (low, high) factors, or a number x for 1-x..1+x, cut off at 0. hue: (low, high)
    shares of the circle within -0.5..0.5, or a number x for -x..x. All are drawn uniformly, and each of the 24 orders
    is equally likely. The steps, and how they differ from torchvision's, are those of `RandomBrightness`,
    `RandomContrast`, `RandomSaturation` and `RandomHue`. Together they differ more, since torchvision clamps after each
    step: brightness, contrast and saturation of 1.4, one after the other, are 0.036 off on average over 20 photographs
    of VOC, colors being 0..1, and 0.097 on the worst of them. p: the probability to do it.

    >>> import pixelwise as pw
    >>> pw.ColorJitter(0.4, (0.5, 1.5), hue=0.1)
    ColorJitter(brightness=(0.6, 1.4), contrast=(0.5, 1.5), saturation=(1.0, 1.0), hue=(-0.1, 0.1), p=1.0)
    """

    brightness: Range
    contrast: Range
    saturation: Range
    hue: Range
    p: float

    def __init__(
        self, brightness: float | Range = 0.0, contrast: float | Range = 0.0, saturation: float | Range = 0.0,
        hue: float | Range = 0.0, *, p: float = 1.0,
    ) -> None:  # fmt: skip
        settle(
            self, brightness=_check_factors("brightness", brightness), contrast=_check_factors("contrast", contrast),
            saturation=_check_factors("saturation", saturation), hue=_check_hue(hue), p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 5: whether, brightness, contrast, saturation, hue, and the order."""
        steps = np.stack([
            _scaling(between(uniform(1), self.brightness)), _scaling(between(uniform(2), self.contrast), GRAY),
            _saturating(between(uniform(3), self.saturation)), _turning(between(uniform(4), self.hue)),
        ], axis=1)  # fmt: skip
        order = _ORDERS[draw_integer(uniform(5), 24)]
        total = _identity(len(plans))
        for k in range(4):
            total = compose_color(steps[np.arange(len(plans)), order[:, k]], total)
        plans.recolor(_where(uniform(0) < self.p, total))


@hinted
@dataclass(frozen=True, slots=True)
class RandomPhotometricDistort(Transform):
    """The distortion of SSD and mmsegmentation (PhotoMetricDistortion), each step with probability p.

    Brightness: add an amount drawn from `brightness`, of 0..1. Contrast: multiply by a factor from `contrast`; before
    saturation and hue or after them, by a fair coin. Saturation: a factor from `saturation`. Hue: turn by a share of
    the circle from `hue`. All are drawn uniformly. brightness: (low, high) within -1..1, or a number x for -x..x, by
    default 32 of 255 levels. contrast, saturation: (low, high), or a number x for 1-x..1+x. hue: as in `RandomHue`, by
    default 18 of OpenCV's 180 half degrees.

    torchvision multiplies by the brightness and permutes the channels too; add `RandomChannelPermutation(p=0.5)` for
    that. mmsegmentation scales S of HSV, which keeps the largest channel, and shifts H; here saturation blends with the
    pixel's gray and hue turns about the gray axis, as in `RandomSaturation` and `RandomHue`. It also rounds to uint8
    between the steps. On VOC photographs the two saturations by 0.5 and 1.5 differ by 0.012 of 0..1 on average.
    """

    brightness: Range
    contrast: Range
    saturation: Range
    hue: Range
    p: float

    def __init__(
        self, brightness: float | Range = 32 / 255, contrast: float | Range = (0.5, 1.5),
        saturation: float | Range = (0.5, 1.5), hue: float | Range = 18 / 180, *, p: float = 0.5,
    ) -> None:  # fmt: skip
        settle(
            self, brightness=check_range("brightness", brightness, -1.0, 1.0, around=0.0, unit=LEVELS),
            contrast=_check_factors("contrast", contrast), saturation=_check_factors("saturation", saturation),
            hue=_check_hue(hue), p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 3 decide on the four steps, 4 on the place of contrast; 5 to 8 are their amounts."""
        chosen = [uniform(k) < self.p for k in range(4)]
        early = uniform(4) < 0.5
        plans.recolor(_where(chosen[0], _adding(between(uniform(5), self.brightness))))
        contrast = _scaling(between(uniform(6), self.contrast))
        plans.recolor(_where(chosen[1] & early, contrast))
        plans.recolor(_where(chosen[2], _saturating(between(uniform(7), self.saturation))))
        plans.recolor(_where(chosen[3], _turning(between(uniform(8), self.hue))))
        plans.recolor(_where(chosen[1] & ~early, contrast))


@hinted
@dataclass(frozen=True, slots=True)
class Normalize(Transform):
    """`(pixel / 255 - mean) / std` by channel, RGB. Comes after every color transform.

    mean, std: three numbers each, by default ImageNet's, for colors in 0..1: mean in 0..1, std in 1e-6..1. Those for
    0..255, as mmsegmentation has them, are refused with their 255th part. Without Normalize, float output holds
    pixel / 255. uint8 output leaves it to the device (`Loader.normalize` gives mean and std).

    >>> import pixelwise as pw
    >>> pw.Normalize()
    Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    """

    mean: RGB
    std: RGB

    def __init__(self, mean: RGB = IMAGENET_MEAN, std: RGB = IMAGENET_STD) -> None:
        try:
            means, deviations = (
                check_numbers("mean", mean, 3, 0.0, 1.0, LEVELS), check_numbers("std", std, 3, 1e-6, 1.0, LEVELS)
            )  # fmt: skip
        except UsageError as error:
            both = conversion("mean", mean, 0.0, 1.0, LEVELS), conversion("std", std, 1e-6, 1.0, LEVELS)
            error.fix = "; ".join(filter(None, both)) or None
            raise
        settle(self, mean=means, std=deviations)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        if plans.normalize is not None:
            raise UsageError("Normalize is in the list twice", code="bad-transforms", fix="keep one")
        plans.normalize = (self.mean, self.std)


def as_normalize(value: Any) -> Normalize | None:
    """A Normalize from one or what has its mean and std, from (mean, std), or None. UsageError for anything else."""
    if value is None or isinstance(value, Normalize):
        return value
    if hasattr(value, "mean") and hasattr(value, "std"):
        value = value.mean, value.std
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise UsageError(f"normalize must be a Normalize, (mean, std) or None, got {value!r}")
    return Normalize(*value)


def _check_factors(name: str, value: float | Range) -> Range:
    if is_number(value) and value > _MOST_SPREAD:
        what = f"a pair (low, high) in 0..{MOST_FACTOR:g}, or one number x, at most {_MOST_SPREAD:g}, for 1 - x..1 + x"
        fix = conversion(name, value, 0.0, _MOST_SPREAD, PERCENT)
        raise UsageError(f"{name} must be {what}, got {value!r}", fix=fix)
    return check_range(name, value, 0.0, MOST_FACTOR, around=1.0, unit=PERCENT)


def _check_hue(hue: float | Range) -> Range:
    try:
        return check_range("hue", hue, -0.5, 0.5, around=0.0, unit=DEGREES)
    except UsageError as error:
        if half := conversion("hue", hue, -0.5, 0.5, HALF_DEGREES):
            error.fix = f"{error.fix}, or for OpenCV's 180 half degrees {half.partition(': ')[2]}"
        raise
