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

from ..errors import UsageError, printable
from ..types import U8

RGB = tuple[int, int, int]

PAPER: RGB = (255, 255, 255)
INK: RGB = (27, 31, 38)
QUIET: RGB = (112, 119, 130)
LINE: RGB = (222, 226, 231)
WRONG: RGB = (214, 40, 40)
STRAY: RGB = (255, 0, 255)
"""Drawn where a label holds an id that is in no table: a color that nobody overlooks."""

STANDARD_WIDTH = 1666
"""Three columns of 500 pixels, the width of a VOC image, with gaps and margins: drawn one to one."""

TITLE, BODY, SMALL = 34, 22, 20  # sizes of type
MAX_PIXELS = 100_000_000
"""Of one picture: 300 MB, and twice as much while it is put together."""


@dataclass(frozen=True, slots=True)
class Style:
    """The scale of a page: all lengths are given for the standard width and multiplied by `scale`."""

    width: int = STANDARD_WIDTH

    def __post_init__(self) -> None:
        if not 400 <= self.width <= 20_000:
            raise UsageError(f"a page is 400 to 20000 pixels wide, got {self.width}")

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


# Pillow's own font knows ASCII and little else. Every other character is set in the first of these that is
# installed and knows it.
_FALLBACK_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Arial Unicode.ttf", "segoeui.ttf",
    "NotoSansCJK-Regular.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "wqy-zenhei.ttc",
)  # fmt: skip
_LONGEST = 4096  # characters of a name that are looked at

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
    """The first font that has a picture of the character, '' for Pillow's own; None where no font has."""
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

    def draw(self, block: Image.Image, x: float, y: float, color: RGB) -> None:
        """Draw it with its left end and baseline at (x, y)."""
        canvas = ImageDraw.Draw(block)
        for piece, font in self.pieces:
            canvas.text((x, y), piece, fill=color, font=font, anchor="ls")
            x += font.getlength(piece)


def typeset(content: str, size: float, max_width: float | None = None) -> Typeset:
    """`content` as it can be drawn. Control characters, and those that no font here knows, are escaped; a line
    wider than `max_width` loses its middle to an ellipsis."""
    if len(content) > _LONGEST:
        content = content[: _LONGEST // 2] + "…" + content[-_LONGEST // 2 :]
    content = "".join(
        c if _font_for(c) is not None else c.encode("unicode_escape").decode() for c in printable(content)
    )
    line = _line(content, size)
    if max_width is None or line.width <= max_width:
        return line
    low, high = 0, len(content) - 1  # so many characters can be kept; so many may be too many
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


def text(content: str, size: float = BODY, color: RGB = INK, max_width: int | None = None) -> Image.Image:
    """A block with one line of text. Blocks of one size have one height and one baseline."""
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
    """Blocks from left to right, level at the top or in the middle."""
    blocks = list(blocks)
    height = max((b.height for b in blocks), default=1)
    out = blank(sum(b.width for b in blocks) + gap * (len(blocks) - 1), height)
    x = 0
    for block in blocks:
        out.paste(block, (x, (height - block.height) // 2 if middle else 0))
        x += block.width + gap
    return out


def stack(blocks: Iterable[Image.Image], gap: int = 0) -> Image.Image:
    """Blocks from top to bottom, level at the left.

    They are taken one by one: UsageError as soon as they are more than a picture holds.
    """
    taken, width, height = [], 1, -gap
    for block in blocks:
        taken.append(block)
        width, height = max(width, block.width), height + gap + block.height
        if width * height > MAX_PIXELS:
            raise UsageError(
                f"the picture would have more than {MAX_PIXELS:,} pixels",
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
    """The block at the left of at least that much paper."""
    out = blank(max(width, block.width), block.height)
    out.paste(block, (0, 0))
    return out


def apart(left: Image.Image, right: Image.Image, width: int) -> Image.Image:
    """One block at the left edge and one at the right edge of a line."""
    out = blank(width, max(left.height, right.height))
    out.paste(left, (0, 0))
    out.paste(right, (width - right.width, 0))
    return out


def flush_right(block: Image.Image, width: int, height: int) -> Image.Image:
    """The block on exactly that much paper, at the right and in the middle of the height."""
    out = blank(width, height)
    out.paste(block, (width - block.width, (height - block.height) // 2))
    return out


def frame(pixels: U8) -> Image.Image:
    """A block with the pixels of a picture, and a hairline at the edge so that white pictures end somewhere.

    The hairline lies outside the pixels: every pixel of the picture is shown.
    """
    height, width = pixels.shape[:2]
    out = Image.new("RGB", (width + 2, height + 2), LINE)
    out.paste(Image.fromarray(np.ascontiguousarray(pixels)), (1, 1))
    return out


def swatch(color: RGB, size: int) -> Image.Image:
    """A small square of exactly that color, with a darker edge so that pale colors are seen."""
    block = Image.new("RGB", (size, size), darker(color))
    block.paste(color, (1, 1, size - 1, size - 1))
    return block


def darker(color: RGB) -> RGB:
    """The color of the edge of a surface in `color`."""
    r, g, b = color
    return (r * 3 // 4, g * 3 // 4, b * 3 // 4)
