"""Tiling: which tiles cover an image, how the model sees each, and how much each counts at a pixel.

A scale is a tile of another size: at scale 0.5 a window of 512 x 512 shows 1024 x 1024 pixels of the image. So one list
of tiles in the image's own pixels is enough, and all views add up in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from ..arguments import (
    MOST_SCALE,
    PERCENT,
    check_choice,
    check_count,
    check_share,
    check_size,
    conversion,
    is_number,
)
from ..errors import UsageError
from ..hints import hinted
from ..transforms.filters import check_interpolation
from ..types import F64, Interpolation, Size

Blend = Literal["uniform", "linear", "gaussian"]
Average = Literal["logits", "probabilities"]
Flip = Literal["horizontal", "vertical"]
Placement = Literal["even", "stride"]


class Floored(NamedTuple):
    """Weights of windows that are not a product of rows and columns, since none is below a floor.

    rows, columns: where the windows of the image begin. weight_y, weight_x: of one window, before the floor.
    """

    rows: list[int]
    columns: list[int]
    weight_y: F64
    weight_x: F64
    floor: float

    def at(self, y0: int, x0: int) -> F64:
        """(h, w): the weights of the window that begins there; those of all windows add up to 1."""
        own = np.maximum(self.weight_y[:, None] * self.weight_x, self.floor)
        (h, w), total = own.shape, np.zeros_like(own)
        for dy in (y - y0 for y in self.rows if abs(y - y0) < h):
            for dx in (x - x0 for x in self.columns if abs(x - x0) < w):
                here = total[max(dy, 0) : h + min(dy, 0), max(dx, 0) : w + min(dx, 0)]
                here += own[max(-dy, 0) : h + min(-dy, 0), max(-dx, 0) : w + min(-dx, 0)]
        return np.asarray(own / total)


class Tile(NamedTuple):
    """A part of an image as the model sees it.

    y0, x0: its first pixel in the image. size: (height, width) of the model's input. step: image pixels per input
    pixel, down and across; input beyond the image is fill. mirrored: (upside down, left to right). weight_y, weight_x:
    how much its rows and columns count; as many as are inside the image. At every pixel the tiles of one scale and flip
    add up to 1. floored: if there, it has the weights instead.
    """

    y0: int
    x0: int
    size: Size
    step: tuple[float, float]
    mirrored: tuple[bool, bool]
    weight_y: F64
    weight_x: F64
    floored: Floored | None = None


@hinted
@dataclass(frozen=True, slots=True)
class Tiling:
    """How `pixelwise.predict` cuts images into tiles, and puts their logits together. The default: whole images.

    window: (height, width) of what the model sees; None for whole images. overlap: the smallest share of a window that
    its neighbor covers too, in [0, 1). blend: how overlapping windows weigh: "uniform", "linear" (falls to the edges)
    or "gaussian" (of deviation `sigma` windows). flips: also predict mirrored, "horizontal", "vertical" (both:
    four views). scales: predict at these sizes; 0.5 shows the model the image at half its size. average: what is
    averaged over windows, flips and scales: "logits" or "probabilities" (softmax). divisor: pad whole images at the
    right and bottom to multiples of this. UsageError for values that make no sense.

    stride: (down, across), from one window to the next, instead of `overlap`. placement: "even" spreads the windows
    evenly, no further apart than that; "stride" puts them exactly so far apart, and moves the last one back into the
    image, as MONAI and mmsegmentation do. floor: the smallest weight of a window's pixel before weights are made to
    add up to 1; MONAI's Gaussian has 1e-3. interpolation: of the image at other scales, as in `Resize`.
    docs/scores.md has the settings that reproduce MONAI's and mmsegmentation's windows.

    >>> import pixelwise as pw
    >>> pw.Tiling(window=(512, 512), flips=("horizontal",)).window
    (512, 512)
    """

    window: Size | None = None
    overlap: float = 1 / 3
    blend: Blend = "linear"
    flips: Sequence[Flip] = ()
    scales: Sequence[float] = (1.0,)
    average: Average = "logits"
    divisor: int = 1
    stride: Size | None = None
    placement: Placement = "even"
    sigma: float = 1 / 8
    floor: float = 0.0
    interpolation: Interpolation = "area"

    def __post_init__(self) -> None:
        check_count("divisor", self.divisor)
        if self.window is not None:
            object.__setattr__(self, "window", check_size("window", self.window))
            if any(side % self.divisor for side in self.window):
                raise UsageError(f"divisor must divide the window {self.window}, got {self.divisor}")
        if check_share("overlap", self.overlap) == 1:
            raise UsageError(f"overlap must be a share of the window, 0 or more and below 1, got {self.overlap}")
        if self.stride is not None:
            object.__setattr__(self, "stride", check_size("stride", self.stride))
            if self.window is None or any(s > w for s, w in zip(self.stride, self.window, strict=True)):
                what = f"stride must be at most the window, or pixels are left out: {self.stride} of {self.window}"
                raise UsageError(what, fix="give window= as well, such as window=(512, 512), stride=(341, 341)")
        check_choice("placement", self.placement, ("even", "stride"))
        check_share("floor", self.floor)
        check_interpolation(self.interpolation)
        if not is_number(self.sigma) or not 0.01 <= self.sigma <= 100:
            raise UsageError(f"sigma must be a share of the window, from 0.01 to 100, got {self.sigma!r}")
        check_choice("blend", self.blend, ("uniform", "linear", "gaussian"))
        check_choice("average", self.average, ("logits", "probabilities"))
        for flip in self.flips:
            check_choice("flips", flip, ("horizontal", "vertical"))
        if len(set(self.flips)) != len(self.flips):
            raise UsageError(f"flips must not repeat, got {self.flips}")
        scales = tuple(self.scales) if isinstance(self.scales, Iterable) else ()
        if not scales or not all(is_number(scale) and 0 < scale <= MOST_SCALE for scale in scales):
            fix = conversion("scales", scales, 0.0, MOST_SCALE, PERCENT) if scales else None
            raise UsageError(f"scales must be numbers above 0, at most {MOST_SCALE:g}, got {self.scales!r}", fix=fix)
        object.__setattr__(self, "overlap", float(self.overlap))
        object.__setattr__(self, "flips", tuple(self.flips))
        object.__setattr__(self, "scales", tuple(float(scale) for scale in scales))

    @property
    def views(self) -> int:
        """How often each pixel of an image is seen; what the weights of all tiles add up to at each."""
        return int(len(self.scales) * 2 ** len(self.flips))

    def tiles(self, image: Size) -> list[Tile]:
        """All tiles of an image of that size, from the top down."""
        found: list[Tile] = []
        upside_down, left_right = ((False, True)[: 1 + (f in self.flips)] for f in ("vertical", "horizontal"))
        mirrors = list(product(upside_down, left_right))
        for scale in self.scales:
            shown, size = self._shown(image, scale), self._input_size(image, scale)
            extent, covered = (image, shown) if self.window is None else (shown, self.window)
            step = (extent[0] / covered[0], extent[1] / covered[1])
            rows, columns = (self._axis(image[k], extent[k], self._step(k, extent[k], scale)) for k in (0, 1))
            floored = self._floored(image, extent, rows, columns)
            found += [
                Tile(y0, x0, size, step, mirrored, wy, wx, floored)
                for (y0, wy), (x0, wx), mirrored in product(rows, columns, mirrors)
            ]
        return sorted(found, key=lambda tile: tile.y0)

    def input_sizes(self, image: Size) -> tuple[Size, ...]:
        """The sizes at which the model sees an image of that size: images that have the same share batches."""
        return tuple(self._input_size(image, scale) for scale in self.scales)

    def _step(self, axis: int, extent: int, scale: float) -> int:
        """Image pixels from one window to the next, at most."""
        step = extent * (1 - self.overlap) if self.stride is None else round(self.stride[axis] / scale)
        return min(max(1, int(step)), extent)

    def _axis(self, length: int, extent: int, step: int) -> list[tuple[int, F64]]:
        """The first pixel and the weights of each tile along one axis; none leaves the image."""
        if length <= extent:
            return [(0, np.ones(length))]
        count = ceil((length - extent) / step) + 1
        if self.placement == "stride":
            starts = [min(k * step, length - extent) for k in range(count)]
        else:
            starts = [round(k * (length - extent) / (count - 1)) for k in range(count)]
        weight = _weight(extent, self.blend, self.sigma)
        total = np.zeros(length)
        for start in starts:
            total[start : start + extent] += weight
        return [(start, weight / total[start : start + extent]) for start in starts]

    def _floored(
        self, image: Size, extent: Size, rows: list[tuple[int, F64]], columns: list[tuple[int, F64]]
    ) -> Floored | None:
        if not self.floor or self.window is None:
            return None
        down, across = (_weight(extent[k], self.blend, self.sigma)[: image[k]] for k in (0, 1))
        return Floored([y for y, _ in rows], [x for x, _ in columns], down, across, self.floor)

    def _shown(self, image: Size, scale: float) -> Size:
        # Whole images: the scaled image. Windows: the pixels of the image that one window shows.
        if self.window is None:
            return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))
        return max(1, round(self.window[0] / scale)), max(1, round(self.window[1] / scale))

    def _input_size(self, image: Size, scale: float) -> Size:
        if self.window is not None:
            return self.window
        height, width = (ceil(side / self.divisor) * self.divisor for side in self._shown(image, scale))
        return height, width


def _weight(n: int, blend: Blend, sigma: float) -> F64:
    """(n,) weights above 0 across a tile. linear: falls to the edges. gaussian: nnU-Net's sigma is 1 / 8."""
    place = np.arange(n) + 0.5
    if blend == "uniform":
        return np.ones(n)
    if blend == "linear":
        return np.asarray(np.minimum(place, n - place))
    return np.asarray(np.exp(-0.5 * ((place - n / 2) / (n * sigma)) ** 2))
