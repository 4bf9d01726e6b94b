"""The chapter's way from colors to classes: a table with an entry for each of 2^24 colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classes import VOC
from ..errors import UsageError
from ..hints import hinted
from ..types import I64
from .planes import channels_last, to_array

VOC_SEG_COLORS: list[list[int]] = VOC.colors.tolist()
"""The 21 label colors of VOC, RGB."""
VOC_COLORMAP = VOC_SEG_COLORS
"""The same, by the published edition's name."""
VOC_CLASSES: list[str] = list(VOC.names)
"""The 21 class names as VOC's files have them. (The published edition writes "potted plant" and "tv/monitor".)"""


@hinted
def build_colormap(colors: Sequence[Sequence[int]] = VOC_SEG_COLORS) -> NDArray[np.int32]:
    """The first edition's table from color to class: (2^24,) int32, entry `(r * 256 + g) * 256 + b` is the class.

    A color that is not in `colors`, such as void, counts as class 0 (5.46 % of the pixels of VOC's training set).
    `pixelwise.ClassTable.encode` is exact, refuses unknown colors and needs no such table.
    """
    return _table(colors, np.int32)


@hinted
def voc_colormap2label() -> I64:
    """The published edition's table from color to class: `build_colormap()` as (2^24,) int64."""
    return _table(VOC_COLORMAP, np.int64)


@hinted
def colors_to_indices(colors: Any, colormap: Any) -> NDArray[Any]:
    """Colors to class ids: `colormap` at each pixel, (H, W) of its dtype. Void and unknown colors become 0.

    colors: (H, W, 3) or (3, H, W) whole numbers in 0..255. colormap: made by `build_colormap` or `voc_colormap2label`.

    >>> colors_to_indices(np.array([[[128, 0, 0], [224, 224, 192]]], np.uint8), build_colormap())
    array([[1, 0]], dtype=int32)
    """
    given, table = channels_last("colors", colors), to_array("colormap", colormap)
    if given.ndim != 3 or given.shape[2] != 3 or not _are_bytes(given):
        raise UsageError(f"colors are (H, W, 3) whole numbers in 0..255, got {given.shape} {given.dtype}")
    if table.shape != (256**3,):
        raise UsageError(f"a colormap has one entry per color, (16777216,), got {table.shape}")
    wide = given.astype(np.int32)
    return np.asarray(table[(wide[..., 0] * 256 + wide[..., 1]) * 256 + wide[..., 2]])


voc_label_indices = colors_to_indices
"""The same, by the published edition's name."""


def _table(colors: Any, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    rows = to_array("colors", colors)
    if rows.ndim != 2 or rows.shape[1] != 3 or not _are_bytes(rows) or len(np.unique(rows, axis=0)) < len(rows):
        what = f"colors are different rows of three whole numbers in 0..255, got {rows.shape} {rows.dtype}"
        raise UsageError(what)
    table = np.zeros(256**3, dtype)
    red, green, blue = rows.astype(np.int64).T
    table[(red * 256 + green) * 256 + blue] = np.arange(len(rows))
    return table


def _are_bytes(values: NDArray[Any]) -> bool:
    if values.dtype.kind not in "iu":
        return False
    return values.dtype == np.uint8 or not values.size or (values.min() >= 0 and values.max() <= 255)
