"""Blocks of a page: text, frames and swatches, and how they are joined. A block is an RGB image on white."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from PIL import Image

from ..classes import Color
from ..errors import UsageError
from ..types import U8
from .typesetting import BODY, INK, LINE, PAPER, baseline, line_height, typeset

PICTURE_PIXELS = 100_000_000
"""At most this many pixels in one picture: 300 MB, and twice as much while it is put together."""


def text(content: str, size: float = BODY, color: Color = INK, max_width: int | None = None) -> Image.Image:
    """A block with one line of text. Blocks of the same type size have the same height and baseline."""
    line = typeset(content, size, None if max_width is None else max_width - 1)
    block = blank(math.ceil(line.width) + 1, line_height(size))
    line.draw(block, 0, baseline(size), color)
    return block


def blank(width: int, height: int) -> Image.Image:
    """An empty block."""
    return Image.new("RGB", (max(1, width), max(1, height)), PAPER)


def beside(blocks: Iterable[Image.Image], gap: int = 0, middle: bool = False) -> Image.Image:
    """Blocks from left to right, aligned at the top or in the middle."""
    blocks = list(blocks)
    height = max((b.height for b in blocks), default=1)
    out = blank(sum(b.width for b in blocks) + gap * (len(blocks) - 1), height)
    x = 0
    for block in blocks:
        out.paste(block, (x, (height - block.height) // 2 if middle else 0))
        x += block.width + gap
    return out


def stack(blocks: Iterable[Image.Image], gap: int = 0) -> Image.Image:
    """Blocks from top to bottom, aligned at the left.

    They are taken one by one: UsageError `picture-too-large` as soon as they exceed what a picture may hold.
    """
    taken, width, height = [], 1, -gap
    for block in blocks:
        taken.append(block)
        width, height = max(width, block.width), height + gap + block.height
        if width * height > PICTURE_PIXELS:
            raise UsageError(f"the picture would have more than {PICTURE_PIXELS:,} pixels", code="picture-too-large",
                             fix="draw fewer samples, or choose a smaller width")  # fmt: skip
    out = blank(width, height)
    y = 0
    for block in taken:
        out.paste(block, (0, y))
        y += block.height + gap
    return out


def padded(block: Image.Image, width: int) -> Image.Image:
    """The block at the left of a block that is at least `width` wide."""
    out = blank(max(width, block.width), block.height)
    out.paste(block, (0, 0))
    return out


def apart(left: Image.Image, right: Image.Image, width: int) -> Image.Image:
    """One block at the left edge and one at the right edge of a block that is `width` wide."""
    out = blank(width, max(left.height, right.height))
    out.paste(left, (0, 0))
    out.paste(right, (width - right.width, 0))
    return out


def flush_right(block: Image.Image, width: int, height: int) -> Image.Image:
    """The block in one of exactly this size, at the right and in the middle of the height."""
    out = blank(width, height)
    out.paste(block, (width - block.width, (height - block.height) // 2))
    return out


def frame(pixels: U8) -> Image.Image:
    """A block with the pixels of an image inside a hairline, so that white images have an edge too.

    The hairline is outside the pixels: every pixel of the image is shown.
    """
    height, width = pixels.shape[:2]
    out = Image.new("RGB", (width + 2, height + 2), LINE)
    out.paste(Image.fromarray(np.ascontiguousarray(pixels)), (1, 1))
    return out


def swatch(color: Color, size: int) -> Image.Image:
    """A small square of exactly this color, with a darker edge so that pale colors are visible."""
    block = Image.new("RGB", (size, size), darker(color))
    block.paste(color, (1, 1, size - 1, size - 1))
    return block


def darker(color: Color) -> Color:
    """The color of the edge of a surface in `color`."""
    r, g, b = color
    return (r * 3 // 4, g * 3 // 4, b * 3 // 4)
