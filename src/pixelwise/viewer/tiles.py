"""Tiles: a large picture cut into squares at every scale.

Tiles of coarse scales are cut from one reduced picture, which is made once, in bands, and held. Those of finer scales
are read as windows. So no tile costs more than a few million pixels, and memory stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..drawing.pixels import scaled_image, scaled_label
from ..threads import in_order
from ..types import Size, Window
from .large import Held
from .pictures import Encoded, exact_pixels, ids_picture, small_pixels, small_size

LARGE: Final = 16_000_000
"""Images of more pixels are shown in tiles."""
TILE: Final = 512
"""The side of a tile on the screen."""
_REDUCED: Final = 8_000_000
"""The most pixels of a reduced picture."""
_BAND: Final = 1 << 25
"""Read at most so many pixels at a time to reduce a picture, or one row of blocks."""
_ROWS: Final = 1024
"""Rows that are read at a time: a multiple of the usual heights of tiles in files."""
_QUALITY: Final = 85


class Tiled:
    """One picture of `size`, by what reads windows of it: (h, w) numbers, or (h, w, 3) uint8 of an image.

    held: where the reduced picture is kept, by `key`.
    """

    def __init__(self, read: Callable[[Window], Any], size: Size, held: Held, key: tuple[object, ...]) -> None:
        self._read, self._held, self._key = read, held, ("reduced", *key)
        self.size = size
        self._base = next(k for k in range(41) if -(-size[0] >> k) * -(-size[1] >> k) <= _REDUCED)

    def window(self, level: int, row: int, column: int) -> Window | None:
        """The pixels of a tile of scale 1 / 2^level; None if there is no such tile."""
        last = max(0, (max(self.size) - 1) // TILE).bit_length()
        if level > last:
            return None
        y, x = row * (TILE << level), column * (TILE << level)
        if y >= self.size[0] or x >= self.size[1]:
            return None
        return Window(y, x, min(y + (TILE << level), self.size[0]), min(x + (TILE << level), self.size[1]))

    def tile(self, window: Window, level: int) -> Encoded:
        """A tile. An image is exact as PNG at full scale, else JPEG; numbers are as in `pictures.ids_picture`."""
        pixels = np.ascontiguousarray(self.scaled(window, level))
        if pixels.ndim == 2:
            return ids_picture(pixels)
        if not level:
            return exact_pixels(pixels)
        return Encoded(simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorspace="RGB"), "image/jpeg")

    def reduced(self, most: int) -> Encoded:
        """The whole with sides of at most `most` pixels."""
        return self.tile(Window(0, 0, *self.size), reduction(self.size, most).bit_length() - 1)

    def small(self) -> Encoded:
        """The whole as a thumbnail."""
        part, goal = self._reduced(), small_size(self.size)
        return small_pixels(part, self.size) if part.ndim == 3 else ids_picture(scaled_label(part, goal))

    def scaled(self, window: Window, level: int) -> NDArray[Any]:
        """The window at scale 1 / 2^level, rounded up in size: averages of an image, of numbers one of each block."""
        base = self._base
        if level < base:
            return _shrunk(self._read(window), level)
        (y0, x0), (y1, x1) = (window.y0 >> base, window.x0 >> base), (-(-window.y1 >> base), -(-window.x1 >> base))
        return _shrunk(Window(y0, x0, y1, x1).cut(self._reduced()), level - base)

    def _reduced(self) -> NDArray[Any]:
        made: NDArray[Any] = self._held.get(self._key, self._reduce)
        return made

    def _reduce(self) -> NDArray[Any]:
        whole = Window(0, 0, *self.size)
        return np.concatenate(list(in_order(self._band, bands(whole, 1 << self._base), 2, 1)))

    def _band(self, window: Window) -> NDArray[Any]:
        return _shrunk(self._read(window), self._base)


def reduction(size: Size, most: int) -> int:
    """The least power of two that makes no side longer than `most`."""
    return 1 << (-(-max(size) // most) - 1).bit_length()


def bands(window: Window, step: int = 1) -> Iterator[Window]:
    """The window from top to bottom in parts that may be read at once, of a multiple of `step` rows."""
    rows = max(1, min(_ROWS, _BAND // (window.x1 - window.x0)))
    rows = -(-rows // step) * step
    for y in range(window.y0, window.y1, rows):
        yield Window(y, window.x0, min(y + rows, window.y1), window.x1)


def _shrunk(pixels: NDArray[Any], level: int) -> NDArray[Any]:
    step = 1 << level
    if not level:
        return pixels
    height, width = pixels.shape[0], pixels.shape[1]
    if pixels.ndim == 2:
        ys, xs = (np.minimum(np.arange(0, n, step) + step // 2, n - 1) for n in (height, width))
        return np.asarray(pixels[ys[:, None], xs])
    if height % step or width % step:
        pixels = np.pad(pixels, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
    return scaled_image(pixels, (pixels.shape[0] // step, pixels.shape[1] // step))
