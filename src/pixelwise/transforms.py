"""Transforms: each is a frozen dataclass that adds to the plans of a batch. No pixels are touched here.

`Plans` holds the plans of B samples as arrays, so that a whole batch is planned by a few NumPy calls. A transform's
`plan(plans, uniform)` changes them in place; `uniform(j)` is its j-th random number for each sample, (B,) float64 in
[0, 1), always the same for the same (seed, epoch, sample, transform, j).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .types import Plan

F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
Uniform: TypeAlias = Callable[[int], F64]
RGB: TypeAlias = tuple[float, float, float]

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
"""Mean of ImageNet's training images by channel, RGB in 0..1 (torchvision's reference transforms)."""
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)
"""Standard deviation, likewise."""


class Plans:
    """The plans of B samples, being made.

    source, size: (B, 2) int64, (height, width) of the sources and of the outputs so far. matrix: (B, 2, 3) float64,
    output point to source point. color: (B, 3, 4) float64 on RGB in 0..1, or None for none so far. normalize: the
    final (mean, std), or None. small: (B,) bool, True where a crop without padding did not fit.
    """

    __slots__ = ("color", "matrix", "normalize", "size", "small", "source")

    def __init__(self, sizes: I64) -> None:
        n = len(sizes)
        self.source: I64 = np.array(sizes, np.int64)
        self.size: I64 = self.source.copy()
        self.matrix: F64 = np.zeros((n, 2, 3))
        self.matrix[:, 0, 0] = self.matrix[:, 1, 1] = 1.0
        self.color: F64 | None = None
        self.normalize: tuple[RGB, RGB] | None = None
        self.small: NDArray[np.bool_] = np.zeros(n, bool)

    def __len__(self) -> int:
        return len(self.size)

    def __getitem__(self, k: int) -> Plan:
        """Plan k, by itself."""
        (h, w), (oh, ow) = self.source[k].tolist(), self.size[k].tolist()
        row0, row1 = self.matrix[k].tolist()
        color = self.folded_color()
        return Plan(
            (h, w), (oh, ow), (tuple(row0), tuple(row1)),
            None if color is None else tuple(tuple(row) for row in color[k].tolist()),
        )  # fmt: skip

    def window(self, y0: I64, x0: I64, height: I64 | int, width: I64 | int) -> None:
        """Cut rows y0..y0+height and columns x0..x0+width of the output so far; beyond its edge lies padding."""
        self.matrix[:, :, 2] += self.matrix[:, :, 0] * x0[:, None] + self.matrix[:, :, 1] * y0[:, None]
        self.size[:, 0] = height
        self.size[:, 1] = width

    def mirror(self, which: NDArray[np.bool_], axis: int) -> None:
        """Mirror the output so far of the samples in `which`: axis 0 left-right, axis 1 upside down."""
        extent = self.size[which, 1 - axis][:, None]
        self.matrix[which, :, 2] += self.matrix[which, :, axis] * extent
        self.matrix[which, :, axis] *= -1.0

    def folded_color(self) -> F64 | None:
        """(B, 3, 4): color with the normalisation folded in, or None where the pixels stay as they are (0..1)."""
        if self.normalize is None:
            return self.color
        mean, std = (np.array(v)[None, :, None] for v in self.normalize)
        color = np.zeros((len(self), 3, 4)) if self.color is None else self.color / std
        if self.color is None:
            color[:, (0, 1, 2), (0, 1, 2)] = 1.0 / std[0, :, 0]
        color[:, :, 3:] -= mean / std
        return color


@runtime_checkable
class Transform(Protocol):
    """Anything that adds to plans."""

    def plan(self, plans: Plans, uniform: Uniform) -> None: ...


def _check_size(height: int, width: int) -> None:
    if not (isinstance(height, (int, np.integer)) and isinstance(width, (int, np.integer)) and height > 0 < width):
        raise UsageError(f"a size is two whole numbers above 0, got {height!r} x {width!r}", code="bad-argument")


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise UsageError(f"p is a probability in 0..1, got {p!r}", code="bad-argument")


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cut a window of height x width at a uniformly drawn place.

    Where the image is smaller: `pad_if_needed` places the image at a uniformly drawn place inside the window, the
    rest becomes fill colour and `ignore_index`; without it the Loader's `small` decides.
    """

    height: int
    width: int
    pad_if_needed: bool = False

    def __post_init__(self) -> None:
        _check_size(self.height, self.width)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1 choose row and column."""
        spare = plans.size - (self.height, self.width)
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        places = np.abs(spare) + 1
        offset = np.stack([uniform(0), uniform(1)], axis=1) * places
        corner = np.minimum(offset.astype(np.int64), places - 1) * np.sign(spare)
        plans.window(corner[:, 0], corner[:, 1], self.height, self.width)


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Cut the middle height x width; an odd spare row or column stays at the bottom or right.

    Where the image is smaller: as in RandomCrop, but the image comes to the middle.
    """

    height: int
    width: int
    pad_if_needed: bool = False

    def __post_init__(self) -> None:
        _check_size(self.height, self.width)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        spare = plans.size - (self.height, self.width)
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        plans.window(spare[:, 0] // 2, spare[:, 1] // 2, self.height, self.width)


@dataclass(frozen=True, slots=True)
class HorizontalFlip:
    """Mirror left and right with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        _check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.mirror(uniform(0) < self.p, 0)


@dataclass(frozen=True, slots=True)
class Normalize:
    """`(pixel / 255 - mean) / std` by channel, RGB. Comes after every colour transform.

    Without it, float output holds pixel / 255. uint8 output leaves it out: the device does it
    (`Loader.normalize` tells how).
    """

    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) != 3 or (name == "std" and min(values) <= 0):
                raise UsageError(f"{name} is three numbers, one a channel{' above 0' * (name == 'std')}, got {values}",
                                 code="bad-argument")  # fmt: skip
            object.__setattr__(self, name, values)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        if plans.normalize is not None:
            raise UsageError("Normalize stands twice in the list", code="bad-transforms", fix="keep one")
        (r, g, b), (u, v, w) = self.mean, self.std
        plans.normalize = ((r, g, b), (u, v, w))


def make_plans(
    transforms: Sequence[Transform], sizes: I64, uniform: Callable[[int, int], F64]
) -> Plans:
    """The plans of a batch: sizes (B, 2) of the sources; `uniform(t, j)` gives transform t its j-th numbers."""
    plans = Plans(sizes)
    for t, transform in enumerate(transforms):
        transform.plan(plans, lambda j, t=t: uniform(t, j))  # type: ignore[misc]
    return plans
