"""What the chapter's code takes from MXNet, on NumPy: `from pixelwise.d2l.mxnet import gluon, image, np, npx`.

So the chapter's own definitions run, too, without MXNet: `gluon.data.Dataset` and `DataLoader`, `image.imread`,
`image.random_crop` and `image.fixed_crop`, `np`, which is NumPy, and `npx.set_np`, which does nothing.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_size, check_whole
from ..codecs.decoding import decode_image
from ..errors import UsageError
from ..files.reading import read_bytes
from ..types import U8
from .datasets import DataLoader, random_window

__all__ = ["gluon", "image", "np", "npx"]


def _imread(filename: str | os.PathLike[str]) -> U8:
    """An image file as (H, W, 3) uint8 RGB; a palette is applied."""
    return decode_image(read_bytes(filename), filename)


def _random_crop(src: NDArray[Any], size: tuple[int, int]) -> tuple[NDArray[Any], tuple[int, int, int, int]]:
    """A random window of an (H, W, C) image, and its (x0, y0, width, height). size: (width, height)."""
    width, height = check_size("size", size)
    y, x = random_window(src.shape[:2], height, width)
    return src[y : y + height, x : x + width], (x, y, width, height)


def _fixed_crop(src: NDArray[Any], x0: int, y0: int, w: int, h: int) -> NDArray[Any]:
    """The window of an (H, W, C) image."""
    height, width = check_size("size", h, w)
    x, y = check_whole("x0", x0), check_whole("y0", y0)
    if y + height > src.shape[0] or x + width > src.shape[1]:
        what = f"{height}x{width} pixels at x={x}, y={y} are not within {src.shape[0]}x{src.shape[1]}"
        raise UsageError(what, code="image-too-small")
    return src[y : y + height, x : x + width]


class _Dataset:
    """What the chapter's datasets inherit: `__len__` and `__getitem__` are theirs."""


image: SimpleNamespace = SimpleNamespace(imread=_imread, random_crop=_random_crop, fixed_crop=_fixed_crop)
gluon: SimpleNamespace = SimpleNamespace(data=SimpleNamespace(DataLoader=DataLoader, Dataset=_Dataset))
npx: SimpleNamespace = SimpleNamespace(set_np=lambda: None)
