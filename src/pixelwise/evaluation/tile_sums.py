"""TileSums: tiles of logits add up to the class ids of one image, of which only a strip is held as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..errors import ScoreError
from ..types import F64, I64, Label, Size
from .tiles import Average, Tile

_ROWS_AT_ONCE = 64  # of an image that one tile covers, which needs no strip
_ROWS_OF_STRIPS = 16
Strips = Callable[[int, F64], None]
"""Takes the first row of a strip, and its (C, n, W) means over tiles and views."""


class TileSums:
    """The class ids of an image, from its tiles in order.

    Holds the ids (H, W) and float64 sums of a strip of rows: as many as the highest tile has, since the rows above a
    tile are complete when it comes. Why float64: with float32 logits two classes that differ at all differ by 2^-24 of
    their value, and rounding the weighted sums in float64 changes them by about 2^-52 per tile. So a class that leads
    at a pixel in every tile leads in the sum, and equal ones stay equal: for a model that predicts each pixel
    independently, tiles give exactly what the whole image gives. (Logits less than 1e-16 apart have equal
    probabilities; averaging those takes the first.) Not thread-safe.
    """

    def __init__(
        self, name: str, size: Size, classes: int, parts: Sequence[Tile], average: Average, dtype: Any
    ) -> None:
        self.label: Label = np.empty(size, dtype)
        self._strips: Strips | None = None
        self._views = 1
        self._name = name
        self._left = len(parts)
        self._alone = len(parts) == 1
        self.softmax: bool = average == "probabilities" and not self._alone
        strip = min(size[0], _ROWS_AT_ONCE) if self._alone else max(len(tile.weight_y) for tile in parts)
        self._sums = np.zeros((strip, classes, size[1]))
        self._done = 0

    def give(self, strips: Strips | None, views: int) -> None:
        """Call `strips` with finished rows: the sums over `views`, which is what the weights add up to at a pixel."""
        self._strips, self._views = strips, views

    def add(self, tile: Tile, logits: NDArray[np.float32]) -> bool:
        """Add the tile's (C, h, w) logits, which cover its whole input; True if that completes the image.

        Smaller or larger logits are interpolated to the image's pixels bilinearly, by pixel centers (torch's
        `align_corners=False`), edges repeated. ScoreError `nan-logits`.
        """
        for axis, mirrored in enumerate(tile.mirrored):
            if mirrored:
                logits = np.flip(logits, 1 + axis)
        logits = np.ascontiguousarray(logits)
        height, width = len(tile.weight_y), len(tile.weight_x)
        resized = logits.shape[1:] != tile.size or tile.step != (1.0, 1.0)
        rows, columns = (
            _neighbors(n, logits.shape[1 + k] / (tile.size[k] * tile.step[k]), logits.shape[1 + k])
            for k, n in enumerate((height, width))
        )
        scratch = np.empty((len(logits) + 2, width))
        joint = np.empty((0, 0)) if tile.floored is None else tile.floored.at(tile.y0, tile.x0)
        self._take(tile.y0)
        step = _ROWS_AT_ONCE if self._alone else height
        for first in range(0, height, step):
            last = min(height, first + step)
            kernels.blend.add_rows(
                logits, first, last, *rows, *columns, resized, self.softmax,
                tile.weight_y, tile.weight_x, joint, tile.y0, tile.x0, scratch, self._sums,
            )  # fmt: skip
            if self._alone:
                self._take(tile.y0 + last)
        self._left -= 1
        if self._left == 0:
            self._take(len(self.label))
        return self._left == 0

    def _take(self, row: int) -> None:
        # Rows above `row` are complete: no tile to come reaches them.
        if row <= self._done:
            return
        width = self.label.shape[1]
        if self._strips is not None:
            for first in range(self._done, row, _ROWS_OF_STRIPS):
                rows = np.arange(first, min(row, first + _ROWS_OF_STRIPS)) % len(self._sums)
                self._strips(first, np.moveaxis(self._sums[rows], 0, 1) / self._views)
        scratch = np.empty(width), np.empty(width, np.int32)
        bad = kernels.blend.take_rows(self._sums, self._done, row, *scratch, self.label)
        if bad >= 0:
            raise ScoreError(
                f"logits are NaN in row {bad}",
                code="nan-logits", where=self._name, fix="the model diverged or divides by zero; NaN has no argmax",
            )  # fmt: skip
        self._done = row


def _neighbors(n: int, ratio: float, length: int) -> tuple[I64, I64, F64]:
    # For each of n image pixels: the two logits around its center, and how far it is from the first to the second.
    place = np.clip((np.arange(n) + 0.5) * ratio - 0.5, 0, length - 1)
    low = np.floor(place).astype(np.int64)
    return low, np.minimum(low + 1, length - 1), place - low
