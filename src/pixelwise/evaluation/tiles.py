"""Which tiles cover an image, how the model sees each, and how much each counts at a pixel.

A scale is a tile of another size: at scale 0.5 a window of 512 x 512 shows 1024 x 1024 pixels of the image. So one
list of tiles in the image's own pixels says everything, and all views add up in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import Size

F64 = NDArray[np.float64]
Blend = Literal["uniform", "linear", "gaussian"]
Average = Literal["logits", "probabilities"]
Flip = Literal["horizontal", "vertical"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How images are cut, blended and averaged; see `pixelwise.predict`. UsageError for what makes no sense."""

    window: Size | None
    overlap: float
    blend: Blend
    flips: tuple[Flip, ...]
    scales: tuple[float, ...]
    average: Average
    divisor: int

    def __post_init__(self) -> None:
        if self.window is not None and (len(self.window) != 2 or min(self.window) < 1):
            raise UsageError(f"window is (height, width), at least 1 x 1, or None, got {self.window}")
        if not 0 <= self.overlap < 1:
            raise UsageError(f"overlap is a share of the window, 0 or more and below 1, got {self.overlap}")
        for name, value, choices in (
            ("blend", self.blend, ("uniform", "linear", "gaussian")),
            ("average", self.average, ("logits", "probabilities")),
            *(("flips", flip, ("horizontal", "vertical")) for flip in self.flips),
        ):
            if value not in choices:
                raise UsageError(f"{name} is one of {', '.join(choices)}, got {value!r}")
        if not self.scales or min(self.scales) <= 0 or len(set(self.flips)) != len(self.flips):
            raise UsageError(f"scales are numbers above 0 and flips are named once, got {self.scales} and {self.flips}")
        if self.divisor < 1 or (self.window is not None and any(side % self.divisor for side in self.window)):
            raise UsageError(
                f"divisor must be at least 1 and divide the window, got {self.divisor} and window {self.window}",
            )


class Tile(NamedTuple):
    """A part of an image as the model sees it.

    y0, x0: its first pixel in the image. size: (height, width) of the model's input. step: image pixels for
    one input pixel, down and across; input beyond the image is fill. mirrored: (upside down, left to right).
    weight_y, weight_x: how much its rows and columns count; as many as lie in the image. At every pixel the
    tiles of one scale and flip add up to 1.
    """

    y0: int
    x0: int
    size: Size
    step: tuple[float, float]
    mirrored: tuple[bool, bool]
    weight_y: F64
    weight_x: F64


def tiles(image: Size, settings: Settings) -> list[Tile]:
    """All tiles of an image of that size, from the top down."""
    found: list[Tile] = []
    upside_down, left_right = ((False, True)[: 1 + (f in settings.flips)] for f in ("vertical", "horizontal"))
    mirrors = list(product(upside_down, left_right))
    for scale in settings.scales:
        shown = _shown(image, scale, settings)
        size = _input(image, scale, settings)
        extent, covered = (image, shown) if settings.window is None else (shown, settings.window)
        step = (extent[0] / covered[0], extent[1] / covered[1])
        rows, columns = (_axis(image[k], extent[k], settings.overlap, settings.blend) for k in (0, 1))
        found += [
            Tile(y0, x0, size, step, mirrored, wy, wx)
            for (y0, wy), (x0, wx), mirrored in product(rows, columns, mirrors)
        ]
    return sorted(found, key=lambda tile: tile.y0)


def input_sizes(image: Size, settings: Settings) -> tuple[Size, ...]:
    """The sizes that the model sees of an image of that size: images with the same ones share batches."""
    return tuple(_input(image, scale, settings) for scale in settings.scales)


def _shown(image: Size, scale: float, settings: Settings) -> Size:
    # Whole images: the scaled image. Windows: the pixels of the image that one window shows.
    if settings.window is None:
        return max(1, round(image[0] * scale)), max(1, round(image[1] * scale))
    return max(1, round(settings.window[0] / scale)), max(1, round(settings.window[1] / scale))


def _input(image: Size, scale: float, settings: Settings) -> Size:
    if settings.window is not None:
        return settings.window
    height, width = _shown(image, scale, settings)
    return ceil(height / settings.divisor) * settings.divisor, ceil(
        width / settings.divisor
    ) * settings.divisor


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
