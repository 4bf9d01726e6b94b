"""Blocks of a page: text, frames and swatches, and how they are joined. A block is an RGB image on white."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..classes import Color
from ..errors import UsageError, printable
from ..types import U8

PAPER: Color = (255, 255, 255)
INK: Color = (27, 31, 38)
QUIET: Color = (112, 119, 130)
LINE: Color = (222, 226, 231)
WRONG: Color = (214, 40, 40)
STRAY: Color = (255, 0, 255)
"""The color of an id that is not in the class table: one that stands out."""

STANDARD_WIDTH = 1666
"""Three columns of 500 pixels, the width of a VOC image, with gaps and margins: drawn one to one."""

TITLE, BODY, SMALL = 34, 22, 20  # sizes of type
PICTURE_PIXELS = 100_000_000
"""At most this many pixels in one picture: 300 MB, and twice as much while it is put together."""


@dataclass(frozen=True, slots=True)
class Style:
    """The scale of a page. width: in pixels, 400..20000. Lengths are those of the standard width, times `scale`."""

    width: int = STANDARD_WIDTH

    def __post_init__(self) -> None:
        if not 400 <= self.width <= 20_000:
            raise UsageError(f"width must be 400 to 20000 pixels, got {self.width}")

    @property
    def scale(self) -> float:
        """Type and gaps grow and shrink with the page, but stay legible."""
        return min(max(self.width / STANDARD_WIDTH, 0.55), 3.0)

    def px(self, length: float) -> int:
        return max(1, round(length * self.scale))

    @property
    def margin(self) -> int:
        return self.px(60)

    @property
    def inner(self) -> int:
        """Width between the margins."""
        return self.width - 2 * self.margin


# Pillow's built-in font has ASCII and little else. Every other character is set in the first of these fonts that is
# installed and has it.
_FALLBACK_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Arial Unicode.ttf", "segoeui.ttf",
    "NotoSansCJK-Regular.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "wqy-zenhei.ttc",
)  # fmt: skip
_LONGEST_TEXT = 4096  # of a longer text, the ends

Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=64)
def _font(name: str, size: float) -> Font | None:
    if not name:
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
        return font
    try:
        return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return None


@lru_cache(maxsize=8192)
def _font_for(character: str) -> str | None:
    """The first font that has a glyph for the character, "" for the built-in one; None if no font has."""
    for name in ("", *_FALLBACK_FONTS):
        font = _font(name, 16)
        if font is not None:
            glyph, missing = font.getmask(character), font.getmask("\uffff")
            if (glyph.size, bytes(glyph)) != (missing.size, bytes(missing)):
                return name
    return None


class Typeset(NamedTuple):
    """One line, ready to draw: pieces of text, each with its font."""

    pieces: tuple[tuple[str, Font], ...]

    @property
    def content(self) -> str:
        return "".join(piece for piece, _ in self.pieces)

    @property
    def width(self) -> float:
        return sum(font.getlength(piece) for piece, font in self.pieces)

    def draw(self, block: Image.Image, x: float, y: float, color: Color) -> None:
        """Draw it with its left end and baseline at (x, y)."""
        canvas = ImageDraw.Draw(block)
        for piece, font in self.pieces:
            canvas.text((x, y), piece, fill=color, font=font, anchor="ls")
            x += font.getlength(piece)


def typeset(content: str, size: float, max_width: float | None = None) -> Typeset:
    """`content` as it can be drawn. Control characters, and those that no font here has, are escaped; an ellipsis
    replaces the middle of a line wider than `max_width`.
    """
    if len(content) > _LONGEST_TEXT:
        content = content[: _LONGEST_TEXT // 2] + "…" + content[-_LONGEST_TEXT // 2 :]
    content = "".join(
        c if _font_for(c) is not None else c.encode("unicode_escape").decode() for c in printable(content)
    )
    line = _line(content, size)
    if max_width is None or line.width <= max_width:
        return line
    low, high = 0, len(content) - 1  # bounds of the number of characters that fit
    while low < high:
        keep = (low + high + 1) // 2
        if _line(_without_middle(content, keep), size).width <= max_width:
            low = keep
        else:
            high = keep - 1
    return _line(_without_middle(content, low), size)


def _line(content: str, size: float) -> Typeset:
    pieces = []
    for name, characters in groupby(content, key=_font_for):
        font = _font(name or "", size)
        assert font is not None
        pieces.append(("".join(characters), font))
    return Typeset(tuple(pieces))


def _without_middle(content: str, keep: int) -> str:
    return content[: (keep + 1) // 2] + "…" + (content[-(keep // 2) :] if keep > 1 else "")


def text(content: str, size: float = BODY, color: Color = INK, max_width: int | None = None) -> Image.Image:
    """A block with one line of text. Blocks of the same type size have the same height and baseline."""
    line = typeset(content, size, None if max_width is None else max_width - 1)
    block = blank(math.ceil(line.width) + 1, line_height(size))
    line.draw(block, 0, baseline(size), color)
    return block


def line_height(size: float) -> int:
    return round(size * 1.3)


def baseline(size: float) -> int:
    return round(size * 0.96)


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
            raise UsageError(
                f"the picture would have more than {PICTURE_PIXELS:,} pixels",
                code="picture-too-large",
                fix="draw fewer samples, or choose a smaller width",
            )
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
