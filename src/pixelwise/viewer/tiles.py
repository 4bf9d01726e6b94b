"""Tiles: a large picture cut into squares at every scale, each read in bands, so that memory stays small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..drawing.pixels import scaled_image, scaled_label
from ..types import U8, Size, Window
from .pictures import Encoded, exact_pixels, ids_picture, small_size

LARGE: Final = 16_000_000
"""Images of more pixels are shown in tiles."""
TILE: Final = 512
"""The side of a tile on the screen."""
_BAND: Final = 1 << 22
"""Read at most so many pixels at a time, or one row of blocks."""
_QUALITY: Final = 85


def levels(size: Size) -> int:
    """How many scales an image has: the last shows it in one tile."""
    return max(0, (max(size) - 1) // TILE).bit_length() + 1


def tile_window(size: Size, level: int, row: int, column: int) -> Window | None:
    """The pixels of a tile of scale 1 / 2^level; None if the image has no such tile."""
    step = TILE << level
    y, x = row * step, column * step
    if level >= levels(size) or y >= size[0] or x >= size[1]:
        return None
    return Window(y, x, min(y + step, size[0]), min(x + step, size[1]))


def shrunk_image(read: Callable[[Window], U8], window: Window, level: int) -> U8:
    """The window at scale 1 / 2^level by averages of blocks, rounded up in size; read in bands."""
    step = 1 << level
    if not level:
        return read(window)
    out = []
    for band in bands(window, step):
        part = read(band)
        height, width = part.shape[0], part.shape[1]
        padded = np.pad(part, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
        out.append(scaled_image(padded, (padded.shape[0] // step, padded.shape[1] // step)))
    return np.concatenate(out)


def shrunk_ids(read: Callable[[Window], NDArray[Any]], window: Window, level: int) -> NDArray[Any]:
    """The window at scale 1 / 2^level: of each block the pixel below its center. No new value appears."""
    step = 1 << level
    if not level:
        return read(window)
    out = []
    for band in bands(window, step):
        part = read(band)
        ys, xs = (np.minimum(np.arange(0, n, step) + step // 2, n - 1) for n in part.shape)
        out.append(part[ys[:, None], xs])
    return np.concatenate(out)


def bands(window: Window, step: int = 1) -> Iterator[Window]:
    """The window from top to bottom in parts that may be read at once, of a multiple of `step` rows."""
    rows = max(step, _BAND // (window.x1 - window.x0) // step * step)
    for y in range(window.y0, window.y1, rows):
        yield Window(y, window.x0, min(y + rows, window.y1), window.x1)


def image_tile(read: Callable[[Window], U8], window: Window, level: int) -> Encoded:
    """A tile of an image: exact as PNG at full scale, else JPEG."""
    pixels = np.ascontiguousarray(shrunk_image(read, window, level))
    if not level:
        return exact_pixels(pixels)
    return Encoded(simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorspace="RGB"), "image/jpeg")


def ids_tile(read: Callable[[Window], NDArray[Any]], window: Window, level: int) -> Encoded:
    """A tile of numbers, as `pictures.ids_picture`."""
    return ids_picture(np.ascontiguousarray(shrunk_ids(read, window, level)))


def small_image(read: Callable[[Window], U8], size: Size) -> U8:
    """The whole image as small as a thumbnail."""
    goal = small_size(size)
    level = max(0, (min(a // b for a, b in zip(size, goal, strict=True))).bit_length() - 1)
    return scaled_image(shrunk_image(read, Window(0, 0, *size), level), goal)


def small_ids(read: Callable[[Window], NDArray[Any]], size: Size) -> NDArray[Any]:
    """The whole label as small as a thumbnail."""
    goal = small_size(size)
    level = max(0, (min(a // b for a, b in zip(size, goal, strict=True))).bit_length() - 1)
    return scaled_label(shrunk_ids(read, Window(0, 0, *size), level), goal)
