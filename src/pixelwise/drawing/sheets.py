"""Sheets: rows of tiles, each under a caption. The sheet of the worst predictions, and the sheet of plans."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..classes import ClassTable
from ..errors import UsageError
from ..results import in_percent
from ..types import U8, Label, Size
from .blocks import apart, beside, blank, frame, padded, stack, text
from .legend import legend, percent, shares
from .page import Picture, page
from .pixels import colorize, error_map, fit, instance_color, overlay, same_size, scaled_image, scaled_label, void_in
from .typesetting import BODY, INK, PAPER, QUIET, SMALL, STANDARD_WIDTH, Style, typeset

GAP = 20
"""Between the tiles of a row."""
ROW_GAP = 46
"""Between rows."""


class Scored(NamedTuple):
    """A row of the worst-of sheet: image (H, W, 3) uint8, prediction and truth (H, W) class ids, score 0..1."""

    name: str
    image: U8
    prediction: NDArray[Any]
    truth: Label
    score: float


class Rendering(NamedTuple):
    """One rendering of a plan: image (h, w, 3) uint8, label (h, w) class ids or None, and the window it shows.

    polygon: (K, 2) float, x and y of the corners of the window in pixels of the original, that of the top left corner
    of the image first.
    """

    polygon: NDArray[Any]
    image: U8
    label: Label | None


class Planned(NamedTuple):
    """A row of the sheet of plans: the original, and its renderings."""

    name: str
    image: U8
    label: Label | None
    renderings: Sequence[Rendering]


def tile_width(count: int, style: Style) -> int:
    """The width in pixels of one of `count` tiles in a row; a single one is as wide as one of two."""
    count = max(2, count)
    return (style.inner - (count - 1) * style.px(GAP)) // count - 2


def headings(names: Sequence[str], style: Style) -> Image.Image:
    """The names of the columns, each above its tile."""
    width = tile_width(len(names), style) + 2
    return beside((padded(text(name, style.px(SMALL), QUIET, width), width) for name in names), style.px(GAP))


def row(
    name: str, size: Size, tiles: Sequence[U8 | None], style: Style, below: Image.Image | None, right: str = ""
) -> Image.Image:
    """A caption (name, size, `right` at the right edge), the tiles, and a legend below."""
    px, width = style.px, tile_width(len(tiles), style)
    end = text(right, px(BODY), INK)
    room = style.inner - end.width - px(30)
    dimensions = text(f"{size[0]} x {size[1]}", px(BODY), QUIET)
    caption = beside([text(name, px(BODY), INK, room - dimensions.width - px(16)), dimensions], px(16))
    cells = [blank(width + 2, 1) if t is None else padded(frame(t), width + 2) for t in tiles]
    blocks = [apart(caption, end, style.inner) if right else caption, beside(cells, px(GAP))]
    return stack([*blocks, below] if below else blocks, px(12))


def _all(rows: Iterable[Image.Image], style: Style) -> Image.Image:
    drawn = iter(rows)
    first = next(drawn, None)
    if first is None:
        raise UsageError("no sample to show", code="nothing-to-show")
    return stack(chain([first], drawn), style.px(ROW_GAP))


def worst_sheet(
    rows: Iterable[Scored],
    table: ClassTable,
    *,
    title: str = "Worst predictions",
    subtitle: str = "",
    score_name: str = "IoU",
    width: int = STANDARD_WIDTH,
) -> Picture:
    """One row per sample, in the order given: image, truth, prediction, and a map of errors.

    Below each row are its classes, with their share of the truth and of the prediction. Pixels whose truth is void are
    veiled in the map of errors and do not count. rows: taken one by one, so a generator needs little memory. width: of
    the page in pixels. UsageError for no rows or too many for one picture, PairError if sizes differ.
    """
    style = Style(width)
    body = _all((_scored_row(r, table, style, score_name) for r in rows), style)
    columns = headings(("image", "truth", "prediction", "errors"), style)
    footer = "pixelwise  ·  red: wrong  ·  gray: right"
    if table.ignore_index is not None:
        footer += "  ·  pale: void in the truth, not scored"
    return page(title, subtitle, [columns, body], footer, style, gap=28)


def _scored_row(scored: Scored, table: ClassTable, style: Style, score_name: str) -> Image.Image:
    for label in (scored.prediction, scored.truth):
        same_size(scored.image, label, scored.name)
    cell = tile_width(4, style)
    size = fit(scored.truth.shape, (cell, cell))
    image = scaled_image(scored.image, size)
    prediction, truth = scaled_label(scored.prediction, size), scaled_label(scored.truth, size)
    errors = error_map(image, prediction, truth, table.ignore_index)
    tiles = (image, colorize(truth, table), colorize(prediction, table), errors)
    notes = _compared(scored.prediction, scored.truth, table.ignore_index)
    below, right = legend(notes, table, style, style.inner), f"{score_name} {in_percent(scored.score)} %"
    return row(scored.name, scored.truth.shape, tiles, style, below, right)


def _compared(prediction: NDArray[Any], truth: Label, ignore_index: int | None) -> list[tuple[int, str]]:
    """Each class with its share of the truth and of the prediction, among the pixels that are scored."""
    scored = ~void_in(truth, ignore_index)
    if not scored.any():
        return []
    seen, said = ({i: percent(s) for i, s in shares(ids[scored][None])} for ids in (truth, prediction))
    return [(i, f"{seen.get(i, 'none')}, predicted {said.get(i, 'none')}") for i in seen | said]


def plan_sheet(
    rows: Iterable[Planned],
    table: ClassTable | None,
    *,
    title: str = "Plans",
    subtitle: str = "",
    width: int = STANDARD_WIDTH,
) -> Picture:
    """One row per sample: the original with the window of every rendering, beside the renderings.

    Windows and renderings have the same number and color; the number is at the corner that becomes the top left one,
    so that flips and rotations are visible. A window may extend beyond the image. Labels are laid over. rows: taken one
    by one. width: of the page in pixels. UsageError for no rows or too many for one picture.
    """
    style = Style(width)
    body = _all((_planned_row(r, table, style) for r in rows), style)
    footer = "pixelwise  ·  the number of a window is at the corner that becomes the top left"
    return page(title, subtitle, [body], footer, style, gap=28)


def _planned_row(planned: Planned, table: ClassTable | None, style: Style) -> Image.Image:
    px = style.px
    gap = px(14)
    # The renderings form a grid; the original beside them gets a square as high as the grid.
    down = max(1, min(3, round(math.sqrt(len(planned.renderings) / 1.6))))
    across = max(1, math.ceil(len(planned.renderings) / down))
    cell = (style.inner - px(GAP) - (across + down - 2) * gap) // (across + down) - 2
    left = down * (cell + 2) + (down - 1) * gap - 2
    drawn = []
    for k, one in enumerate(planned.renderings):
        size = fit(one.image.shape[:2], (cell, cell))
        tile = frame(_tinted(one.image, one.label, size, table))
        _chip(tile, (1, 1), k, style, inside=True)
        drawn.append(padded(tile, cell + 2))
    lines = [beside(drawn[i : i + across], gap) for i in range(0, len(drawn), across)]
    original = frame(_with_windows(planned, left, table, style))
    name = text(planned.name, px(BODY), INK, style.inner - px(200))
    dimensions = text(f"{planned.image.shape[0]} x {planned.image.shape[1]}", px(BODY), QUIET)
    tiles = beside([padded(original, left + 2), stack(lines, gap)], px(GAP))
    return stack([beside([name, dimensions], px(16)), tiles], px(12))


def _tinted(image: U8, label: Label | None, size: Size, table: ClassTable | None) -> U8:
    small = scaled_image(image, size)
    return small if label is None or table is None else overlay(small, scaled_label(label, size), table, 0.45)


def _with_windows(planned: Planned, width: int, table: ClassTable | None, style: Style) -> U8:
    """The original on a gray ground large enough for every window, with the windows drawn on it."""
    sides = np.array(planned.image.shape[1::-1])
    corners = [np.asarray(r.polygon, np.float64).reshape(-1, 2) for r in planned.renderings]
    points = np.concatenate([*corners, [(0, 0), sides]])
    low, high = points.min(axis=0), points.max(axis=0)
    if (high - low > 5 * sides).any():  # windows far outside must not shrink the image to nothing: cut them off
        low, high = np.maximum(low, -sides), np.minimum(high, 2 * sides)
    scale = min(width / max(high - low), 16.0)
    across, down = (max(1, round(side * scale)) for side in sides)
    room = np.maximum((across, down), np.rint((high - low) * scale).astype(int))
    ground = Image.new("RGB", (int(room[0]), int(room[1])), (238, 240, 243))
    at = (round(-low[0] * scale), round(-low[1] * scale))
    ground.paste(Image.fromarray(_tinted(planned.image, planned.label, (down, across), table)), at)
    line, casing = style.px(2.6), style.px(6)
    shown = []
    for polygon in corners:
        exact = (polygon - low) * scale
        inside = np.clip(exact, casing / 2, room - casing / 2)  # a line on the edge would lose its outer half
        shown.append(np.where(abs(exact - inside) <= casing, inside, exact))
    for polygon in shown:
        _outline(ground, polygon, casing, PAPER)  # all casings first, so that none covers a line
    for k, polygon in enumerate(shown):
        _outline(ground, polygon, line, instance_color(k))
    for k, polygon in enumerate(shown):
        _chip(ground, (float(polygon[0, 0]), float(polygon[0, 1])), k, style, inside=False)
    return np.asarray(ground)


def _outline(ground: Image.Image, polygon: NDArray[np.float64], line: int, color: tuple[int, int, int]) -> None:
    # Pillow draws jagged lines: a mask four times as large, averaged down, has smooth ones.
    mask = Image.new("L", (ground.width * 4, ground.height * 4))
    points = [(float(x) * 4, float(y) * 4) for x, y in np.clip(polygon, -1e5, 1e5)]
    ImageDraw.Draw(mask).line([*points, *points[:2]], fill=255, width=line * 4, joint="curve")
    ground.paste(Image.new("RGB", ground.size, color), (0, 0), mask.reduce(4))


def _chip(ground: Image.Image, corner: tuple[float, float], k: int, style: Style, inside: bool) -> None:
    """The number of rendering k in its color: in the corner of a tile, or centered on the corner of a window."""
    size = style.px(SMALL)
    line, color = typeset(str(k + 1), size), instance_color(k)
    width, height = max(round(line.width) + style.px(14), style.px(30)), style.px(30)
    x, y = corner if inside else (corner[0] - width / 2, corner[1] - height / 2)
    x, y = round(min(max(x, 0), ground.width - width)), round(min(max(y, 0), ground.height - height))
    ImageDraw.Draw(ground).rectangle((x, y, x + width - 1, y + height - 1), color, None if inside else PAPER)
    pale = 299 * color[0] + 587 * color[1] + 114 * color[2] > 150_000
    line.draw(ground, x + (width - line.width) / 2, y + height / 2 + size * 0.36, INK if pale else PAPER)
