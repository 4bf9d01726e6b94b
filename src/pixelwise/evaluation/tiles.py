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
from ..types import F64, Size

Blend = Literal["uniform", "linear", "gaussian"]
Average = Literal["logits", "probabilities"]
Flip = Literal["horizontal", "vertical"]


class Tile(NamedTuple):
    """A part of an image as the model sees it.

    y0, x0: its first pixel in the image. size: (height, width) of the model's input. step: image pixels per input
    pixel, down and across; input beyond the image is fill. mirrored: (upside down, left to right). weight_y, weight_x:
    how much its rows and columns count; as many as are inside the image. At every pixel the tiles of one scale and flip
    add up to 1.
    """

    y0: int
    x0: int
    size: Size
    step: tuple[float, float]
    mirrored: tuple[bool, bool]
    weight_y: F64
    weight_x: F64


@hinted
@dataclass(frozen=True, slots=True)
class Tiling:
    """How `pixelwise.predict` cuts images into tiles, and puts their logits together. The default: whole images.

    window: (height, width) of what the model sees; None for whole images. overlap: the smallest share of a window that
    its neighbor covers too, in [0, 1). blend: how overlapping windows weigh: "uniform", "linear" (falls to the edges)
    or "gaussian" (deviation an eighth of the window). flips: also predict mirrored, "horizontal", "vertical" (both:
    four views). scales: predict at these sizes; 0.5 shows the model the image at half its size. average: what is
    averaged over windows, flips and scales: "logits" or "probabilities" (softmax). divisor: pad whole images at the
    right and bottom to multiples of this. UsageError for values that make no sense.

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

    def __post_init__(self) -> None:
        check_count("divisor", self.divisor)
        if self.window is not None:
            object.__setattr__(self, "window", check_size("window", self.window))
            if any(side % self.divisor for side in self.window):
                raise UsageError(f"divisor must divide the window {self.window}, got {self.divisor}")
        if check_share("overlap", self.overlap) == 1:
            raise UsageError(f"overlap must be a share of the window, 0 or more and below 1, got {self.overlap}")
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
            rows, columns = (_axis(image[k], extent[k], self.overlap, self.blend) for k in (0, 1))
            found += [
                Tile(y0, x0, size, step, mirrored, wy, wx)
                for (y0, wy), (x0, wx), mirrored in product(rows, columns, mirrors)
            ]
        return sorted(found, key=lambda tile: tile.y0)

    def input_sizes(self, image: Size) -> tuple[Size, ...]:
        """The sizes at which the model sees an image of that size: images that have the same share batches."""
        return tuple(self._input_size(image, scale) for scale in self.scales)

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


def _axis(length: int, extent: int, overlap: float, blend: Blend) -> list[tuple[int, F64]]:
    # The first pixel and the weights of each tile along one axis; tiles are spread evenly, none leaves the image.
    if length <= extent:
        return [(0, np.ones(length))]
    stride = max(1, int(extent * (1 - overlap)))
    count = ceil((length - extent) / stride) + 1
    starts = [round(k * (length - extent) / (count - 1)) for k in range(count)]
    weight = _weight(extent, blend)
    total = np.zeros(length)
    for start in starts:
        total[start : start + extent] += weight
    return [(start, weight / total[start : start + extent]) for start in starts]


def _weight(n: int, blend: Blend) -> F64:
    """(n,) weights above 0 across a tile. linear: falls to the edges. gaussian: of deviation n / 8, as nnU-Net's."""
    place = np.arange(n) + 0.5
    if blend == "uniform":
        return np.ones(n)
    if blend == "linear":
        return np.asarray(np.minimum(place, n - place))
    return np.asarray(np.exp(-0.5 * ((place - n / 2) / (n / 8)) ** 2))
