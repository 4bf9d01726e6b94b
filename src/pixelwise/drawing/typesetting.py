"""Type: the scale of a page, its colors and fonts, and lines of text that any font here can draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from ..arguments import check_whole
from ..classes import Color
from ..errors import printable

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


@dataclass(frozen=True, slots=True)
class Style:
    """The scale of a page. width: in pixels, 400..20000. Lengths are those of the standard width, times `scale`."""

    width: int = STANDARD_WIDTH

    def __post_init__(self) -> None:
        check_whole("width", self.width, 400, 20_000)

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


def line_height(size: float) -> int:
    return round(size * 1.3)


def baseline(size: float) -> int:
    return round(size * 0.96)
