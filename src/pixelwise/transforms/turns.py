"""Flips, rotations and other affine maps. They compose into the matrix of the plan, like sizes and crops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arguments import (
    MOST_SCALE,
    PERCENT,
    check_degrees,
    check_numbers,
    check_probability,
    check_range,
    check_whole,
    is_whole,
)
from ..errors import UsageError
from ..hints import hinted
from ..types import F64, I64, Range
from .plans import Plans, Transform, Uniform, between, draw_integer, settle

_MOST_DEGREES = 1e6
_STEEPEST_SHEAR = 80.0  # degrees; the tangent of 90 has no value


@hinted
@dataclass(frozen=True, slots=True)
class RandomHorizontalFlip(Transform):
    """Swap left and right with probability p.

    >>> import pixelwise as pw
    >>> pw.RandomHorizontalFlip()
    RandomHorizontalFlip(p=0.5)
    """

    p: float

    def __init__(self, *, p: float = 0.5) -> None:
        settle(self, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.mirror(uniform(0) < self.p, 0)


@hinted
@dataclass(frozen=True, slots=True)
class RandomVerticalFlip(Transform):
    """Swap top and bottom with probability p."""

    p: float

    def __init__(self, *, p: float = 0.5) -> None:
        settle(self, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides."""
        plans.mirror(uniform(0) < self.p, 1)


# Points of the source (x, y, 1) from points of the output, by quarter turns counterclockwise, for height h and width w:
# the new top row is the old right column, so for one turn x_old = w - y_new and y_old = x_new.
_QUARTERS = np.array(
    [[[1, 0, 0], [0, 1, 0]], [[0, -1, 0], [1, 0, 0]], [[-1, 0, 0], [0, -1, 0]], [[0, 1, 0], [-1, 0, 0]]], np.float64
)
_SHIFTS_BY_WIDTH_AND_HEIGHT = np.array([[[0, 0], [0, 0]], [[1, 0], [0, 0]], [[1, 0], [0, 1]], [[0, 0], [0, 1]]])


@hinted
@dataclass(frozen=True, slots=True)
class RandomRotate90(Transform):
    """Turn counterclockwise by a multiple of 90 degrees: exact, with height and width swapped by odd turns.

    turns: how many quarter turns, in -3..3, or None to draw 0..3 uniformly. p: the probability to turn at all.
    """

    turns: int | None
    p: float

    def __init__(self, turns: int | None = None, *, p: float = 1.0) -> None:
        if is_whole(turns) and turns % 90 == 0 != turns:
            fix = f"turns are quarters here: {turns} / 90 = {turns // 90}"
            raise UsageError(f"turns must be a whole number in -3..3, got {turns}", fix=fix)
        number = None if turns is None else check_whole("turns", turns, -3, 3) % 4
        settle(self, turns=number, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 decides, draw 1 is the number of turns."""
        turns = draw_integer(uniform(1), 4) if self.turns is None else np.full(len(plans), self.turns)
        turns = np.where(uniform(0) < self.p, turns, 0)
        inner = _QUARTERS[turns]
        inner[:, :, 2] = (_SHIFTS_BY_WIDTH_AND_HEIGHT[turns] * plans.size[:, None, ::-1]).sum(axis=2)
        plans.warp(inner, np.where((turns % 2 == 1)[:, None], plans.size[:, ::-1], plans.size))


@hinted
@dataclass(frozen=True, slots=True)
class RandomRotation(Transform):
    """Rotate about the center by degrees drawn uniformly from `degrees`, counterclockwise; the size stays.

    degrees: (low, high), or a number x for -x..x. The corners are filled with padding. p: the probability to rotate.
    """

    degrees: Range
    p: float

    def __init__(self, degrees: float | Range, *, p: float = 1.0) -> None:
        bounds = check_degrees("degrees", degrees, _MOST_DEGREES)
        settle(self, degrees=bounds, p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the angle."""
        turn = np.deg2rad(np.where(uniform(0) < self.p, between(uniform(1), self.degrees), 0.0))
        none, one = np.zeros(len(plans)), np.ones(len(plans))
        plans.warp(_about_center(plans.size, turn, one, none, none, np.zeros((len(plans), 2))))


@hinted
@dataclass(frozen=True, slots=True)
class RandomAffine(Transform):
    """Rotate, move, scale and shear about the center; the size stays, and what comes from outside is padding.

    degrees: counterclockwise rotation. translate: (across, down), the largest move as shares of width and height; each
    move is drawn from -share..share. scale: factor. shear: degrees along x; shear_y: degrees along y, within -80..80.
    The ranges are (low, high) and drawn uniformly; for degrees and shears a number x stands for -x..x. A point of the
    image goes to `center + move + rotation . shear . scale (point - center)`. p: the probability to do all this.
    """

    degrees: Range
    translate: tuple[float, float]
    scale: Range
    shear: Range
    shear_y: Range
    p: float

    def __init__(
        self, degrees: float | Range = (0.0, 0.0), translate: tuple[float, float] = (0.0, 0.0),
        scale: Range = (1.0, 1.0), shear: float | Range = (0.0, 0.0), shear_y: float | Range = (0.0, 0.0), *,
        p: float = 1.0,
    ) -> None:  # fmt: skip
        settle(
            self, degrees=check_degrees("degrees", degrees, _MOST_DEGREES),
            translate=check_numbers("translate", translate, 2, 0.0, 1.0, PERCENT),
            scale=check_range("scale", scale, 1e-3, MOST_SCALE, unit=PERCENT),
            shear=check_degrees("shear", shear, _STEEPEST_SHEAR),
            shear_y=check_degrees("shear_y", shear_y, _STEEPEST_SHEAR),
            p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 6: whether, rotation, scale, shear along x, along y, move across, move down."""
        chosen = uniform(0) < self.p

        def drawn(j: int, bounds: Range, none: float) -> F64:
            if bounds[0] == bounds[1]:
                return np.where(chosen, bounds[0], none)
            return np.where(chosen, between(uniform(j), bounds), none)

        turn, factor = np.deg2rad(drawn(1, self.degrees, 0.0)), drawn(2, self.scale, 1.0)
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
