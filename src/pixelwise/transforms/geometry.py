"""Geometry: every transform here composes into the matrix of the plan; the pixels are resampled once, at the end.

A scaled size is rounded as torchvision and mmsegmentation do, `int(x + 0.5)`, and at least 1; the matrix has the exact
ratio of the sizes, so that the edges of the image stay edges. How pixels are interpolated says `render.render_plain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_probability, check_range, check_size, is_whole
from ..errors import UsageError
from ..labels import count_values
from ..types import Range
from .plans import F64, I64, Plans, Uniform, between, draw_integer


def rounded(size: F64) -> I64:
    """Whole sizes: int(x + 0.5), at least 1."""
    return np.maximum((size + 0.5).astype(np.int64), 1)


def _check_length(size: int) -> None:
    check_size(size, size)


# -- size -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resize:
    """Scale to height x width, whatever the shape was."""

    height: int
    width: int

    def __post_init__(self) -> None:
        check_size(self.height, self.width)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        plans.resize(np.tile(np.array([self.height, self.width]), (len(plans), 1)))


@dataclass(frozen=True, slots=True)
class ResizeShortest:
    """Scale so that the shorter side becomes `size`, but the longer at most `longest`; the shape stays."""

    size: int
    longest: int | None = None

    def __post_init__(self) -> None:
        _check_length(self.size)
        if self.longest is not None:
            _check_length(self.longest)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        scale = self.size / plans.size.min(axis=1, keepdims=True)
        if self.longest is not None:
            scale = np.minimum(scale, self.longest / plans.size.max(axis=1, keepdims=True))
        plans.resize(rounded(plans.size * scale))


@dataclass(frozen=True, slots=True)
class ResizeLongest:
    """Scale so that the longer side becomes `size`; the shape stays."""

    size: int

    def __post_init__(self) -> None:
        _check_length(self.size)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        plans.resize(rounded(plans.size * (self.size / plans.size.max(axis=1, keepdims=True))))


@dataclass(frozen=True, slots=True)
class RandomScale:
    """Scale both sides by a factor drawn uniformly from low..high; with `log`, its logarithm is uniform."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        check_range("RandomScale", (self.low, self.high), 1e-6, 1e6)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 is the factor."""
        u = uniform(0)
        factor = np.exp(between(u, log(self.low), log(self.high))) if self.log else between(u, self.low, self.high)
        plans.resize(rounded(plans.size * factor[:, None]))


# -- windows --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cut a window of height x width at a uniformly drawn place.

    Where the image is smaller: `pad_if_needed` places the image at a uniformly drawn place inside the window, the
    rest becomes fill color and `ignore_index`; without it the Loader's `small` decides.

    max_class_ratio: below 1, take the first of ten such windows in which no class has that share of the pixels with a
    class or more, and the last where none is so (mmsegmentation's `cat_max_ratio`). The label decides when it is
    rendered, so nothing is read twice; but all that the ten windows cover is read, and each try renders a label.
    """

    height: int
    width: int
    pad_if_needed: bool = False
    max_class_ratio: float = 1.0

    def __post_init__(self) -> None:
        check_size(self.height, self.width)
        check_range("max_class_ratio", (0.0, self.max_class_ratio), 0.0, 1.0)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 2k and 2k + 1 choose row and column of the k-th window."""
        spare = plans.size - (self.height, self.width)
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        if self.max_class_ratio < 1.0:
            corners = np.stack([place(spare, uniform(2 * k), uniform(2 * k + 1)) for k in range(10)], axis=1)
            plans.choose_window(corners, self.height, self.width, self._accepts)
            return
        corner = place(spare, uniform(0), uniform(1))
        plans.window(corner[:, 0], corner[:, 1], self.height, self.width)

    def _accepts(self, label: NDArray[Any], ignore_index: int) -> bool:
        values, counts = count_values(label)
        counts = counts[values != ignore_index]
        return bool(len(counts) > 1 and counts.max() < self.max_class_ratio * counts.sum())


def place(spare: I64, u: F64, v: F64) -> I64:
    """Uniform corners (B, 2) of windows with `spare` (B, 2) rows and columns to move in; negative: inside padding."""
    return draw_integer(np.stack([u, v], axis=1), np.abs(spare) + 1) * np.sign(spare)


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Cut the middle height x width; an odd spare row or column stays at the bottom or right.

    Where the image is smaller: as in RandomCrop, but the image comes to the middle.
    """

    height: int
    width: int
    pad_if_needed: bool = False

    def __post_init__(self) -> None:
        check_size(self.height, self.width)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        spare = plans.size - (self.height, self.width)
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        plans.window(spare[:, 0] // 2, spare[:, 1] // 2, self.height, self.width)


@dataclass(frozen=True, slots=True)
class RandomResizedCrop:
    """Cut a window of random area and shape and scale it to height x width; the distribution is torchvision's.

    The window has a share of the image's area drawn uniformly from `scale`, and a width-to-height ratio whose
    logarithm is uniform in `ratio`. Of ten such draws the first that fits is taken and placed uniformly; where none
    fits, the largest central window whose ratio is within `ratio` (torchvision.transforms.v2.RandomResizedCrop).
    All ten are addressed, so a batch is planned at once.
    """

    height: int
    width: int
    scale: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        check_size(self.height, self.width)
        object.__setattr__(self, "scale", check_range("scale", self.scale, 1e-6, 1.0))
        object.__setattr__(self, "ratio", check_range("ratio", self.ratio, 1e-3, 1e3))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1 choose row and column; 2 + 2k and 3 + 2k are area and ratio of the k-th attempt."""
        size = self._central(plans.size)
        searching = np.ones(len(plans), bool)
        for k in range(10):
            if not searching.any():
                break
            area = between(uniform(2 + 2 * k), *self.scale) * plans.size.prod(axis=1)
            ratio = np.exp(between(uniform(3 + 2 * k), log(self.ratio[0]), log(self.ratio[1])))
            tried = np.rint(np.stack([np.sqrt(area / ratio), np.sqrt(area * ratio)], axis=1)).astype(np.int64)
            fits = searching & (tried > 0).all(axis=1) & (tried <= plans.size).all(axis=1)
            size[fits] = tried[fits]
            searching &= ~fits
        spare = plans.size - size
        corner = place(spare, uniform(0), uniform(1))
        corner = np.where(searching[:, None], spare // 2, corner)
        plans.window(corner[:, 0], corner[:, 1], size[:, 0], size[:, 1])
        plans.resize(np.tile(np.array([self.height, self.width]), (len(plans), 1)))

    def _central(self, whole: I64) -> I64:
        ratio = np.clip(whole[:, 1] / whole[:, 0], *self.ratio)
        height = np.where(whole[:, 1] / whole[:, 0] < self.ratio[0], np.rint(whole[:, 1] / ratio), whole[:, 0])
        width = np.where(whole[:, 1] / whole[:, 0] > self.ratio[1], np.rint(whole[:, 0] * ratio), whole[:, 1])
        return np.maximum(np.stack([height, width], axis=1).astype(np.int64), 1)


@dataclass(frozen=True, slots=True)
class Pad:
    """Add padding of fill color and `ignore_index`: pixels at the top, right, bottom and left, or to reach a size.

    `Pad(8)`: 8 on every side. `Pad(top=.., right=.., bottom=.., left=..)`. `Pad(height=512, width=512)`: where the
    image is smaller, fill up at the bottom and the right; `divisor`: up to the next multiple.
    """

    all: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0
    height: int = 1
    width: int = 1
    divisor: int = 1

    def __post_init__(self) -> None:
        check_size(self.height, self.width)
        _check_length(self.divisor)
        sides = (self.all, self.top, self.right, self.bottom, self.left)
        if not all(is_whole(side) and side >= 0 for side in sides):
            raise UsageError(
                f"padding is 0 or more whole pixels, got {sides}",
                fix="CenterCrop and RandomCrop cut",
            )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws nothing."""
        top, left = self.all + self.top, self.all + self.left
        size = plans.size + np.array([top + self.all + self.bottom, left + self.all + self.right])
        size = np.maximum(size, (self.height, self.width))
        size = -(-size // self.divisor) * self.divisor
        plans.window(np.full(len(plans), -top), np.full(len(plans), -left), size[:, 0], size[:, 1])


# -- flips and turns ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HorizontalFlip:
    """Mirror left and right with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.mirror(uniform(0) < self.p, 0)


@dataclass(frozen=True, slots=True)
class VerticalFlip:
    """Mirror top and bottom with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.mirror(uniform(0) < self.p, 1)


@dataclass(frozen=True, slots=True)
class Rotate90:
    """Turn counterclockwise by a multiple of 90 degrees: exact, height and width change places.

    turns: how many quarter turns, or None to draw 0..3 uniformly. p: the probability to turn at all.
    """

    turns: int | None = None
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        if self.turns is not None and not is_whole(self.turns):
            raise UsageError(f"turns is a whole number, got {self.turns!r}")

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides, draw 1 is the number of turns."""
        turns = draw_integer(uniform(1), 4) if self.turns is None else np.full(len(plans), self.turns % 4)
        turns = np.where(uniform(0) < self.p, turns, 0)
        height, width = plans.size[:, 0].astype(float), plans.size[:, 1].astype(float)
        inner, zero, one = np.zeros((len(plans), 2, 3)), np.zeros(len(plans)), np.ones(len(plans))
        # Counterclockwise: the new top row is the old right column, so x_old = width - y_new, y_old = x_new.
        for k, (xx, xy, x0, yx, yy, y0) in enumerate(
            (
                (one, zero, zero, zero, one, zero),
                (zero, -one, width, one, zero, zero),
                (-one, zero, width, zero, -one, height),
                (zero, one, zero, -one, zero, height),
            )
        ):
            which = np.stack([xx, xy, x0, yx, yy, y0], axis=1).reshape(-1, 2, 3)
            inner[turns == k] = which[turns == k]
        plans.warp(inner, np.where((turns % 2 == 1)[:, None], plans.size[:, ::-1], plans.size))


@dataclass(frozen=True, slots=True)
class Affine:
    """Rotate, scale, shear and move about the center; the size stays, what comes from outside is padding.

    rotate: degrees, counterclockwise. scale: factor. shear: degrees along x; shear_y along y. translate: shares of
    width and height, (horizontal, vertical), each drawn from -share..share. Ranges are (low, high) and drawn uniformly.
    A point of the image goes to `center + translate + rotate . shear . scale (point - center)`. p: the probability to
    do it.
    """

    rotate: Range = (0.0, 0.0)
    scale: Range = (1.0, 1.0)
    shear: Range = (0.0, 0.0)
    shear_y: Range = (0.0, 0.0)
    translate: Range = (0.0, 0.0)
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        object.__setattr__(self, "rotate", check_range("rotate", self.rotate, -1e6, 1e6))
        object.__setattr__(self, "scale", check_range("scale", self.scale, 1e-3, 1e3))
        for name in ("shear", "shear_y"):
            object.__setattr__(self, name, check_range(name, getattr(self, name), -80, 80))
        try:
            across, down = (float(v) for v in self.translate)
        except (TypeError, ValueError):
            across = down = -1.0
        if not (isfinite(across) and isfinite(down) and min(across, down) >= 0):
            raise UsageError(f"translate is two shares of 0 or more, got {self.translate!r}")
        object.__setattr__(self, "translate", (across, down))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 6: whether, rotation, scale, shear along x, along y, move across, move down."""
        chosen = uniform(0) < self.p

        def drawn(j: int, bounds: Range, none: float) -> F64:
            if bounds[0] == bounds[1]:
                return np.where(chosen, bounds[0], none)
            return np.where(chosen, between(uniform(j), *bounds), none)

        turn, factor = np.deg2rad(drawn(1, self.rotate, 0.0)), drawn(2, self.scale, 1.0)
        along_x, along_y = (np.tan(np.deg2rad(drawn(j, s, 0.0))) for j, s in ((3, self.shear), (4, self.shear_y)))
        across, down = self.translate
        move = np.stack([drawn(5, (-across, across), 0.0), drawn(6, (-down, down), 0.0)], axis=1) * plans.size[:, ::-1]
        plans.warp(_about_center(plans.size, turn, factor, along_x, along_y, move))


def _about_center(size: I64, turn: F64, factor: F64, along_x: F64, along_y: F64, move: F64) -> F64:
    # y points down, so a counterclockwise turn on the screen is [[cos, sin], [-sin, cos]].
    cos, sin = np.cos(turn), np.sin(turn)
    rotation = np.stack([cos, sin, -sin, cos], axis=1).reshape(-1, 2, 2)
    shear = np.stack([np.ones_like(turn), along_x, along_y, np.ones_like(turn)], axis=1).reshape(-1, 2, 2)
    inverse = np.linalg.inv(rotation @ shear * factor[:, None, None])
    center = size[:, ::-1, None] / 2.0
    return np.concatenate([inverse, center - inverse @ (center + move[:, :, None])], axis=2)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Rotate about the center by degrees drawn uniformly from low..high, counterclockwise; the size stays.

    The corners that come from outside are padding. p: the probability to do it.
    """

    low: float
    high: float
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("Rotate", (self.low, self.high), -1e6, 1e6)
        check_probability(self.p)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the angle."""
        turn = np.deg2rad(np.where(uniform(0) < self.p, between(uniform(1), self.low, self.high), 0.0))
        none, one = np.zeros(len(plans)), np.ones(len(plans))
        plans.warp(_about_center(plans.size, turn, one, none, none, np.zeros((len(plans), 2))))
