"""Sizes, crops and padding. They compose into the matrix of the plan; the pixels are resampled once, at the end.

A scaled size is rounded as torchvision and mmsegmentation do, `int(x + 0.5)`, and at least 1. The matrix has the exact
ratio of the sizes, so the edges of the image stay edges. `loading.render.render_plain` defines the interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import LONGEST, MOST_SCALE, PERCENT, check_range, check_share, check_size, check_whole, is_whole
from ..errors import UsageError
from ..hints import hinted
from ..labels import count_values
from ..types import F64, I64, Interpolation, Range, Size
from .filters import check_interpolation
from .plans import Plans, Transform, Uniform, between, draw_integer, log_between, settle


def _rounded(size: F64) -> I64:
    return np.maximum((size + 0.5).astype(np.int64), 1)


# -- size -----------------------------------------------------------------------------------------------------


@hinted
@dataclass(frozen=True, slots=True)
class Resize(Transform):
    """Scale to height x width, whatever the shape was.

    A single number is refused: torchvision's `Resize(512)` scales the shorter side, which is `ResizeShortest(512)`.
    interpolation: of the image, "area", "antialias" (torchvision's bilinear) or "bicubic"; docs/transforms.md has more.
    """

    size: Size
    interpolation: Interpolation

    def __init__(
        self, size: int | Size, width: int | None = None, *, interpolation: Interpolation = "area"
    ) -> None:
        if width is None and is_whole(size):
            fix = f"ResizeShortest({size}) scales the shorter side"
            raise UsageError(f"size must be height and width, got {size!r}", fix=fix)
        settle(self, size=check_size("size", size, width), interpolation=check_interpolation(interpolation))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        plans.resize(np.tile(np.array(self.size), (len(plans), 1)), self.interpolation)


@hinted
@dataclass(frozen=True, slots=True)
class ResizeShortest(Transform):
    """Scale so that the shorter side becomes `size` pixels, the longer at most `longest`; the shape stays.

    interpolation: of the image, as in `Resize`.
    """

    size: int
    longest: int | None
    interpolation: Interpolation

    def __init__(self, size: int, longest: int | None = None, *, interpolation: Interpolation = "area") -> None:
        most = None if longest is None else check_whole("longest", longest, 1, LONGEST)
        how = check_interpolation(interpolation)
        settle(self, size=check_whole("size", size, 1, LONGEST), longest=most, interpolation=how)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        scale = self.size / plans.size.min(axis=1, keepdims=True)
        if self.longest is not None:
            scale = np.minimum(scale, self.longest / plans.size.max(axis=1, keepdims=True))
        plans.resize(_rounded(plans.size * scale), self.interpolation)


@hinted
@dataclass(frozen=True, slots=True)
class ResizeLongest(Transform):
    """Scale so that the longer side becomes `size` pixels; the shape stays.

    interpolation: of the image, as in `Resize`.
    """

    size: int
    interpolation: Interpolation

    def __init__(self, size: int, *, interpolation: Interpolation = "area") -> None:
        how = check_interpolation(interpolation)
        settle(self, size=check_whole("size", size, 1, LONGEST), interpolation=how)

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        scale = self.size / plans.size.max(axis=1, keepdims=True)
        plans.resize(_rounded(plans.size * scale), self.interpolation)


@hinted
@dataclass(frozen=True, slots=True)
class RandomScale(Transform):
    """Scale both sides by a factor drawn uniformly from `scale`; with `log`, its logarithm is uniform.

    interpolation: of the image, as in `Resize`.

    >>> import pixelwise as pw
    >>> pw.RandomScale((0.5, 2))
    RandomScale(scale=(0.5, 2.0), log=False, interpolation='area')
    """

    scale: Range
    log: bool
    interpolation: Interpolation

    def __init__(self, scale: Range, *, log: bool = False, interpolation: Interpolation = "area") -> None:
        settle(
            self, scale=check_range("scale", scale, 1e-6, MOST_SCALE, unit=PERCENT), log=bool(log),
            interpolation=check_interpolation(interpolation),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draw 0 is the factor."""
        factor = (log_between if self.log else between)(uniform(0), self.scale)
        plans.resize(_rounded(plans.size * factor[:, None]), self.interpolation)


# -- windows --------------------------------------------------------------------------------------------------


def place(spare: I64, u: F64, v: F64) -> I64:
    """Uniform corners (B, 2) of windows with `spare` (B, 2) rows and columns to move in; negative: inside padding."""
    return draw_integer(np.stack([u, v], axis=1), np.abs(spare) + 1) * np.sign(spare)


@hinted
@dataclass(frozen=True, slots=True)
class RandomCrop(Transform):
    """Cut a window of height x width at a uniformly drawn place.

    If the image is smaller, `pad_if_needed` puts the image at a uniformly drawn place in the window and fills the rest
    with the fill color and `ignore_index`; without it the Loader's `small` decides.

    max_class_ratio: below 1, take the first of ten such windows in which no class has that share, or more, of the
    pixels that have a class; if there is none, the last (mmsegmentation's `cat_max_ratio`). The label decides when it
    is rendered, so nothing is read twice; but all that the ten windows cover is read, and each try renders a label.

    min_class_pixels: above 0, take the first of eleven windows that shows more pixels than this of the class for which
    RareClassSampling chose the sample; if there is none, the last. DAFormer (Hoyer et al., CVPR 2022): its code draws
    up to ten more crops until more than min_pixels * min_crop_ratio = 3000 * 0.5 pixels show, `min_class_pixels=1500`;
    there a new crop has a new scale and flip, too. Needs that sampler: UsageError `bad-transforms` of the Loader.

    >>> import pixelwise as pw
    >>> pw.RandomCrop(320, 480)
    RandomCrop(size=(320, 480), pad_if_needed=False, max_class_ratio=1.0, min_class_pixels=0)
    >>> pw.RandomCrop(320, 480) == pw.RandomCrop((320, 480))
    True
    >>> pw.RandomCrop(512, pad_if_needed=True).size
    (512, 512)
    """

    size: Size
    pad_if_needed: bool
    max_class_ratio: float
    min_class_pixels: int

    def __init__(
        self, size: int | Size, width: int | None = None, *, pad_if_needed: bool = False, max_class_ratio: float = 1.0,
        min_class_pixels: int = 0,
    ) -> None:  # fmt: skip
        settle(
            self, size=check_size("size", size, width), pad_if_needed=bool(pad_if_needed),
            max_class_ratio=check_share("max_class_ratio", max_class_ratio),
            min_class_pixels=check_whole("min_class_pixels", min_class_pixels),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 2k and 2k + 1 choose row and column of the k-th window."""
        spare = plans.size - self.size
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        drawn = plans.drawn if self.min_class_pixels else None
        if self.max_class_ratio < 1.0 or drawn is not None:
            tries = 10 if drawn is None else 11
            corners = np.stack([place(spare, uniform(2 * k), uniform(2 * k + 1)) for k in range(tries)], axis=1)
            wanted = [None] * len(plans) if drawn is None else drawn.tolist()
            plans.choose_window(corners, *self.size, [partial(self._accepts, c) for c in wanted])
            return
        corner = place(spare, uniform(0), uniform(1))
        plans.window(corner[:, 0], corner[:, 1], *self.size)

    def _accepts(self, wanted: int | None, label: NDArray[Any], ignore_index: int) -> bool:
        if wanted is not None and np.count_nonzero(label == wanted) <= self.min_class_pixels:
            return False
        if self.max_class_ratio == 1.0:
            return True
        values, counts = count_values(label)
        counts = counts[values != ignore_index]
        return bool(len(counts) > 1 and counts.max() < self.max_class_ratio * counts.sum())


@hinted
@dataclass(frozen=True, slots=True)
class CenterCrop(Transform):
    """Cut the middle height x width; an odd spare row or column stays at the bottom or right.

    If the image is smaller, `pad_if_needed` puts it in the middle of the window and fills the rest with the fill color
    and `ignore_index`; without it the Loader's `small` decides.
    """

    size: Size
    pad_if_needed: bool

    def __init__(self, size: int | Size, width: int | None = None, *, pad_if_needed: bool = False) -> None:
        settle(self, size=check_size("size", size, width), pad_if_needed=bool(pad_if_needed))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        spare = plans.size - self.size
        if not self.pad_if_needed:
            plans.small |= (spare < 0).any(axis=1)
        plans.window(spare[:, 0] // 2, spare[:, 1] // 2, *self.size)


@hinted
@dataclass(frozen=True, slots=True)
class RandomResizedCrop(Transform):
    """Cut a window of random area and shape and scale it to height x width; the distribution is torchvision's.

    The window has a share of the image's area drawn uniformly from `scale`, and a width-to-height ratio with a uniform
    logarithm from `ratio`. The first of ten such draws that fits is taken and placed uniformly; if none fits, the
    largest central window with a ratio within `ratio` (torchvision.transforms.v2.RandomResizedCrop).
    interpolation: of the image, as in `Resize`. A pixel at the edge of the window is interpolated with those around it.
    """

    size: Size
    scale: Range
    ratio: Range
    interpolation: Interpolation

    def __init__(
        self, size: int | Size, width: int | None = None, *, scale: Range = (0.08, 1.0), ratio: Range = (3 / 4, 4 / 3),
        interpolation: Interpolation = "area",
    ) -> None:  # fmt: skip
        settle(
            self, size=check_size("size", size, width), scale=check_range("scale", scale, 1e-6, 1.0, unit=PERCENT),
            ratio=check_range("ratio", ratio, 1e-2, 1e2, unit=PERCENT),
            interpolation=check_interpolation(interpolation),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1 choose row and column; 2 + 2k and 3 + 2k are area and ratio of the k-th attempt."""
        size = self._central(plans.size)
        searching = np.ones(len(plans), bool)
        for k in range(10):
            if not searching.any():
                break
            area = between(uniform(2 + 2 * k), self.scale) * plans.size.prod(axis=1)
            ratio = log_between(uniform(3 + 2 * k), self.ratio)
            tried = np.rint(np.stack([np.sqrt(area / ratio), np.sqrt(area * ratio)], axis=1)).astype(np.int64)
            fits = searching & (tried > 0).all(axis=1) & (tried <= plans.size).all(axis=1)
            size[fits] = tried[fits]
            searching &= ~fits
        spare = plans.size - size
        corner = place(spare, uniform(0), uniform(1))
        corner = np.where(searching[:, None], spare // 2, corner)
        plans.window(corner[:, 0], corner[:, 1], size[:, 0], size[:, 1])
        plans.resize(np.tile(np.array(self.size), (len(plans), 1)), self.interpolation)

    def _central(self, whole: I64) -> I64:
        shape = whole[:, 1] / whole[:, 0]
        ratio = np.clip(shape, *self.ratio)
        height = np.where(shape < self.ratio[0], np.rint(whole[:, 1] / ratio), whole[:, 0])
        width = np.where(shape > self.ratio[1], np.rint(whole[:, 0] * ratio), whole[:, 1])
        return np.maximum(np.stack([height, width], axis=1).astype(np.int64), 1)


@hinted
@dataclass(frozen=True, slots=True)
class Pad(Transform):
    """Add padding of the fill color and `ignore_index` around the image, or up to a size.

    padding: pixels on every side; top, right, bottom and left come on top of it. size: if the image is smaller, fill
    it up at the bottom and the right, to (height, width) or a square. divisor: likewise, up to the next multiple.
    """

    padding: int
    top: int
    right: int
    bottom: int
    left: int
    size: Size
    divisor: int

    def __init__(
        self, padding: int = 0, *, top: int = 0, right: int = 0, bottom: int = 0, left: int = 0,
        size: int | Size = (1, 1), divisor: int = 1,
    ) -> None:  # fmt: skip
        sides = {"padding": padding, "top": top, "right": right, "bottom": bottom, "left": left}
        settle(
            self, **{name: check_whole(name, side, 0, LONGEST) for name, side in sides.items()},
            size=check_size("size", size), divisor=check_whole("divisor", divisor, 1, LONGEST),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        top, left = self.padding + self.top, self.padding + self.left
        size = plans.size + np.array([top + self.padding + self.bottom, left + self.padding + self.right])
        size = np.maximum(size, self.size)
        size = -(-size // self.divisor) * self.divisor
        plans.window(np.full(len(plans), -top), np.full(len(plans), -left), size[:, 0], size[:, 1])
