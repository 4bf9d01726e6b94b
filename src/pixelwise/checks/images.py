"""Checks of an image. Each takes a `Reading` and gives findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from ..codecs.decoding import parse_header
from ..types import U8, Finding
from .reading import Reading

UNIFORM: Final = 6
"""An image whose channels all span fewer gray levels is nearly uniform: sensor noise alone spans more."""
SMALL, LONG, LARGE = 16, 8, 100_000_000
"""Extreme sizes: a side below 16 pixels (its label is a few dots), a side longer than 8 times the other, and more than
100 megapixels (300 MB once decoded, 1.2 GB as float32).
"""


def blank_images(got: Reading) -> Iterator[Finding]:
    """`blank-image`: every pixel has one color; `nearly-uniform-image`: nearly so."""
    if got.image is None or got.image.shape[0] * got.image.shape[1] < SMALL:
        return
    if np.ptp(_few(got.image), axis=0).max() >= UNIFORM:  # most images end here
        return
    low, high = got.image.min(axis=(0, 1)), got.image.max(axis=(0, 1))
    if (low == high).all():
        what = f"every pixel has the color {tuple(int(v) for v in low)}"
        yield Finding("blank-image", "warning", got.image_where, what, "look at it, and remove it from the list")
    elif (high - low).max() < UNIFORM:
        what = f"all colors are between {tuple(int(v) for v in low)} and {tuple(int(v) for v in high)}"
        yield Finding("nearly-uniform-image", "warning", got.image_where, what, "look at it")


def gray_as_color(got: Reading) -> Iterator[Finding]:
    """`gray-as-color`: the file stores three channels, and they are equal everywhere."""
    if got.image is None or got.image_data is None or not _is_gray(_few(got.image)):
        return
    if _is_gray(got.image) and parse_header(got.image_data, got.image_where).channels >= 3:
        what = "a gray image, stored with three equal channels"
        yield Finding("gray-as-color", "note", got.image_where, what, "expect no color if it was taken in gray")


def _few(image: U8) -> U8:
    """(n, 3): about 100 pixels spread over an image."""
    down, across = (max(1, side // 10) for side in image.shape[:2])
    return image[::down, ::across].reshape(-1, 3)


def _is_gray(image: U8) -> bool:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    return bool((red == green).all() and (green == blue).all())


def extreme_size(got: Reading) -> Iterator[Finding]:
    """`extreme-size`: so small, so long or so large that a crop or a batch of it is not what one expects."""
    if got.image is None:
        return
    height, width = got.image.shape[:2]
    short, long = min(height, width), max(height, width)
    if short < SMALL or long > LONG * short or height * width > LARGE:
        what, fix = f"{height} x {width} pixels (height x width)", "remove it from the list, or scale or crop it"
        yield Finding("extreme-size", "warning", got.image_where, what, fix)


CHECKS = (blank_images, gray_as_color, extreme_size)
