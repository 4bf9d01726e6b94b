"""Blocks of a page: text, frames and swatches, and how they are joined. A block is an RGB image on white."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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
"""Drawn where a label holds an id that is in no table: a colour that nobody overlooks."""

STANDARD_WIDTH = 1666
"""Three columns of 500 pixels, the width of a VOC image, with gaps and margins: drawn one to one."""

TITLE, BODY, SMALL = 34, 22, 20  # sizes of type


@dataclass(frozen=True, slots=True)
class Style:
    """The scale of a page: all lengths are given for the standard width and multiplied by `scale`."""

    width: int = STANDARD_WIDTH

    def __post_init__(self) -> None:
        if not 400 <= self.width <= 20_000:
            raise UsageError(f"a page is 400 to 20000 pixels wide, got {self.width}", code="bad-argument")

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


# Pillow's own font knows ASCII and little else. Names in other scripts are set in the first of these that is
# installed and knows every character of the text.
_FALLBACK_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Arial Unicode.ttf", "segoeui.ttf",
    "NotoSansCJK-Regular.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "wqy-zenhei.ttc",
)  # fmt: skip

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
def _knows(name: str, character: str) -> bool:
    font = _font(name, 16)
    if font is None:
        return False
    glyph, missing = font.getmask(character), font.getmask("\uffff")
    return (glyph.size, bytes(glyph)) != (missing.size, bytes(missing))


def typeset(content: str, size: float, max_width: int | None = None) -> tuple[str, Font]:
    """What to draw for `content`, and with which font. Control characters are escaped; characters that no
    font here knows are escaped too; text wider than `max_width` loses its middle to an ellipsis."""
    content = printable(content)
    strange = {c for c in content if not _knows("", c)}
    name = ""
    if strange:
        name = next((f for f in _FALLBACK_FONTS if all(_knows(f, c) for c in content)), "")
        if not name:
            content = "".join(c.encode("unicode_escape").decode() if c in strange else c for c in content)
    font = _font(name, size)
    assert font is not None
    if max_width is not None:
        content = _shortened(content, font, max_width)
    return content, font


def _shortened(content: str, font: Font, max_width: int) -> str:
    if len(content) <= 4096 and font.getlength(content) <= max_width:
        return content
    low, high = 0, min(len(content) - 1, 4096)  # so many characters can be kept, so many are too many
    while low < high:
        keep = (low + high + 1) // 2
        if font.getlength(_middle_cut(content, keep)) <= max_width:
            low = keep
        else:
            high = keep - 1
    return _middle_cut(content, low)


def _middle_cut(content: str, keep: int) -> str:
    return content[: (keep + 1) // 2] + "…" + (content[-(keep // 2) :] if keep > 1 else "")


def text(content: str, size: float = BODY, color: RGB = INK, max_width: int | None = None) -> Image.Image:
    """A block with one line of text. Blocks of one size have one height and one baseline."""
    shown, font = typeset(content, size, None if max_width is None else max_width - 1)
    block = blank(math.ceil(font.getlength(shown)) + 1, line_height(size))
    ImageDraw.Draw(block).text((0, baseline(size)), shown, fill=color, font=font, anchor="ls")
    return block


def line_height(size: float) -> int:
    return round(size * 1.3)


def baseline(size: float) -> int:
    return round(size * 0.96)


def blank(width: int, height: int) -> Image.Image:
    """An empty block."""
    return Image.new("RGB", (max(1, width), max(1, height)), PAPER)


def beside(
    blocks: Iterable[Image.Image], gap: int = 0, align: Literal["top", "middle", "bottom"] = "top"
) -> Image.Image:
    """Blocks from left to right."""
    blocks = list(blocks)
    height = max((b.height for b in blocks), default=1)
    out = blank(sum(b.width for b in blocks) + gap * (len(blocks) - 1), height)
    x = 0
    for block in blocks:
        y = {"top": 0, "middle": (height - block.height) // 2, "bottom": height - block.height}[align]
        out.paste(block, (x, y))
        x += block.width + gap
    return out


def stack(blocks: Iterable[Image.Image], gap: int = 0) -> Image.Image:
    """Blocks from top to bottom, on the left."""
    blocks = list(blocks)
    out = blank(
        max((b.width for b in blocks), default=1), sum(b.height for b in blocks) + gap * (len(blocks) - 1)
    )
    y = 0
    for block in blocks:
        out.paste(block, (0, y))
        y += block.height + gap
    return out


def padded(block: Image.Image, width: int, height: int | None = None) -> Image.Image:
    """The block at the left top of at least that much paper."""
    out = blank(max(width, block.width), max(height or 0, block.height))
    out.paste(block, (0, 0))
    return out


def apart(left: Image.Image, right: Image.Image, width: int) -> Image.Image:
    """One block at the left edge and one at the right edge of a line."""
    out = blank(width, max(left.height, right.height))
    out.paste(left, (0, 0))
    out.paste(right, (width - right.width, 0))
    return out


def inside(
    block: Image.Image, width: int, height: int, align: Literal["left", "right", "middle"]
) -> Image.Image:
    """The block on exactly that much paper, at one side and in the middle of the height."""
    out = blank(width, height)
    x = {"left": 0, "right": width - block.width, "middle": (width - block.width) // 2}[align]
    out.paste(block, (x, (height - block.height) // 2))
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
    """A small square of exactly that colour, with a darker edge so that pale colours are seen."""
    block = Image.new("RGB", (size, size), (int(color[0] * 0.75), int(color[1] * 0.75), int(color[2] * 0.75)))
    block.paste(color, (1, 1, size - 1, size - 1))
    return block
