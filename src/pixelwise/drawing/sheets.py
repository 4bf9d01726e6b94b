"""Sheets: rows of tiles under a caption, as the contact sheet, the worst-of sheet and the sheet of plans
use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..classes import ClassTable
from ..errors import UsageError
from ..types import U8, Label, Size
from .blocks import (
    BODY,
    INK,
    PAPER,
    QUIET,
    SMALL,
    STANDARD_WIDTH,
    Style,
    apart,
    baseline,
    beside,
    blank,
    frame,
    padded,
    stack,
    text,
    typeset,
)
from .legend import legend, percent, shares
from .page import Picture, page
from .pixels import colorize, error_map, fit, instance_color, overlay, same_size, scaled_image, scaled_label

GAP = 20
"""Between the tiles of a row."""
ROW_GAP = 46


class Scored(NamedTuple):
    """A row of the worst-of sheet: image (H, W, 3) uint8, truth and prediction (H, W) class ids, score
    0..1."""

    name: str
    image: U8
    truth: Label
    prediction: NDArray[Any]
    score: float


class Draw(NamedTuple):
    """One rendering of a plan. polygon: (K, 2) float, x and y of the corners of its window in pixels of the
    original, the first where the top left corner of the rendering comes from. image (h, w, 3) uint8, label
    (h, w)."""

    polygon: NDArray[Any]
    image: U8
    label: Label | None


class Planned(NamedTuple):
    """A row of the sheet of plans: the original, and what was drawn from it."""

    name: str
    image: U8
    label: Label | None
    draws: Sequence[Draw]


def tile_width(count: int, style: Style) -> int:
    """Pixels that one of `count` tiles in a row may be wide."""
    return (style.inner - (count - 1) * style.px(GAP)) // count - 2


def headings(names: Sequence[str], style: Style, count: int | None = None) -> Image.Image:
    """The names of the columns, each above its tile."""
    width = tile_width(count or len(names), style) + 2
    return beside((padded(text(name, style.px(SMALL), QUIET, width), width) for name in names), style.px(GAP))


def row(
    name: str,
    size: Size,
    tiles: Sequence[U8 | None],
    width: int,
    style: Style,
    below: Image.Image | None,
    right: str = "",
) -> Image.Image:
    """A caption (name, size, and something at the right edge), the tiles in places of `width`, and a
    legend."""
    px = style.px
    end = text(right, px(BODY), INK)
    room = style.inner - end.width - px(30)
    dimensions = text(f"{size[0]} x {size[1]}", px(BODY), QUIET)
    caption = beside([text(name, px(BODY), INK, room - dimensions.width - px(16)), dimensions], px(16))
    places = [blank(width + 2, 1) if t is None else padded(frame(t), width + 2) for t in tiles]
    blocks = [apart(caption, end, style.inner) if right else caption, beside(places, px(GAP))]
    return stack([*blocks, below] if below else blocks, px(12))


def worst_sheet(
    rows: Iterable[Scored],
    table: ClassTable,
    *,
    title: str = "Worst predictions",
    subtitle: str = "",
    score_name: str = "IoU",
    width: int = STANDARD_WIDTH,
) -> Picture:
    """One row a sample, in the order given: image, truth, prediction, and where the prediction is wrong.
    Below each row its classes, with their share of the truth and of the prediction. Pixels whose truth is
    void are hatched in the map of errors and do not count. PairError where sizes differ.
    """
    style = Style(width)
    body = [_scored_row(r, table, style, score_name) for r in rows]
    if not body:
        raise UsageError("there is no prediction to show", code="nothing-to-show")
    columns = headings(("image", "truth", "prediction", "errors"), style)
    footer = "pixelwise  ·  red: wrong  ·  grey: right  ·  hatched: void in the truth, not scored"
    return page(title, subtitle, [columns, stack(body, style.px(ROW_GAP))], footer, style, gap=28)


def _scored_row(scored: Scored, table: ClassTable, style: Style, score_name: str) -> Image.Image:
    for label in (scored.truth, scored.prediction):
        same_size(scored.image, label, scored.name)
    cell = tile_width(4, style)
    size = fit(scored.truth.shape, (cell, cell))
    image = scaled_image(scored.image, size)
    truth, prediction = scaled_label(scored.truth, size), scaled_label(scored.prediction, size)
    errors = error_map(image, truth, prediction, table.ignore_index)
    tiles = (image, colorize(truth, table), colorize(prediction, table), errors)
    in_truth, in_prediction = dict(shares(scored.truth)), dict(shares(scored.prediction))
    notes = [
        (i, f"{percent(in_truth.get(i, 0))}, predicted {percent(in_prediction.get(i, 0))}")
        for i in [*in_truth, *(i for i in in_prediction if i not in in_truth)]
        if i != table.ignore_index
    ]
    right = f"{score_name} {scored.score:.3f}"
    return row(
        scored.name, scored.truth.shape, tiles, cell, style, legend(notes, table, style, style.inner), right
    )


# -- plans ----------------------------------------------------------------------------------------------


def plan_sheet(
    rows: Iterable[Planned],
    table: ClassTable | None,
    *,
    title: str = "Plans",
    subtitle: str = "",
    width: int = STANDARD_WIDTH,
) -> Picture:
    """One row a sample: the original with the window of every draw, beside what was rendered from each.
     Windows and renderings carry the same number and colour; the number stands at the corner that became the
    top left one, so that flips and turns are seen. A window may reach beyond the image. Labels are laid over.
    """
    style = Style(width)
    body = [_planned_row(r, table, style) for r in rows]
    if not body:
        raise UsageError("there is no plan to show", code="nothing-to-show")
    footer = "pixelwise  ·  the number of a window stands at the corner that becomes the top left"
    return page(title, subtitle, [stack(body, style.px(ROW_GAP))], footer, style, gap=28)


def _planned_row(planned: Planned, table: ClassTable | None, style: Style) -> Image.Image:
    px = style.px
    left = tile_width(3, style)
    across = 2 if len(planned.draws) <= 4 else 3 if len(planned.draws) <= 6 else 4
    room = style.inner - left - 2 - px(GAP)
    cell = (room - (across - 1) * px(14)) // across - 2
    drawn = []
    for k, draw in enumerate(planned.draws):
        size = fit(draw.image.shape[:2], (cell, cell))
        tile = frame(_tinted(draw.image, draw.label, size, table))
        _chip(tile, (1, 1), k, style, inside=True)
        drawn.append(padded(tile, cell + 2))
    lines = [beside(drawn[i : i + across], px(14)) for i in range(0, len(drawn), across)]
    original = frame(_with_windows(planned, left, table, style))
    name = text(planned.name, px(BODY), INK, style.inner - px(200))
    dimensions = text(f"{planned.image.shape[0]} x {planned.image.shape[1]}", px(BODY), QUIET)
    tiles = beside([padded(original, left + 2), stack(lines, px(14))], px(GAP))
    return stack([beside([name, dimensions], px(16)), tiles], px(12))


def _tinted(image: U8, label: Label | None, size: Size, table: ClassTable | None) -> U8:
    small = scaled_image(image, size)
    return small if label is None or table is None else overlay(small, scaled_label(label, size), table, 0.45)


def _with_windows(planned: Planned, width: int, table: ClassTable | None, style: Style) -> U8:
    """The original on grey ground large enough for every window, with the windows drawn on it."""
    height_in, width_in = planned.image.shape[:2]
    corners = [np.asarray(d.polygon, np.float64).reshape(-1, 2) for d in planned.draws]
    points = np.concatenate([*corners, [[0, 0], [width_in, height_in]]])
    # A window far outside must not shrink the image to nothing: at most its own size on each side is shown.
    low = np.maximum(points.min(axis=0), [-width_in, -height_in])
    high = np.minimum(points.max(axis=0), [2 * width_in, 2 * height_in])
    extent = high - low
    scale = min(width / extent[0], width / extent[1], 16.0)
    size = (max(1, round(height_in * scale)), max(1, round(width_in * scale)))
    ground = Image.new(
        "RGB",
        (max(size[1], round(extent[0] * scale)), max(size[0], round(extent[1] * scale))),
        (238, 240, 243),
    )
    at = (round(-low[0] * scale), round(-low[1] * scale))
    ground.paste(Image.fromarray(_tinted(planned.image, planned.label, size, table)), at)
    shown = [(c - low) * scale for c in corners]
    for line, color_of in (
        (6.0, None),
        (2.6, instance_color),
    ):  # all casings first: no line is cut by another's
        for k, polygon in enumerate(shown):
            _outline(ground, polygon, style.px(line), PAPER if color_of is None else color_of(k))
    for k, polygon in enumerate(shown):
        _chip(ground, (float(polygon[0, 0]), float(polygon[0, 1])), k, style, inside=False)
    return np.asarray(ground)


def _outline(
    ground: Image.Image, polygon: NDArray[np.float64], line: int, color: tuple[int, int, int]
) -> None:
    # Pillow draws jagged lines: a mask four times as large, averaged down, has smooth ones.
    mask = Image.new("L", (ground.width * 4, ground.height * 4))
    points = [(float(x) * 4, float(y) * 4) for x, y in np.clip(polygon, -1e4, 1e4)]
    ImageDraw.Draw(mask).line([*points, *points[:2]], fill=255, width=line * 4, joint="curve")
    ground.paste(Image.new("RGB", ground.size, color), (0, 0), mask.reduce(4))


def _chip(ground: Image.Image, corner: tuple[float, float], k: int, style: Style, inside: bool) -> None:
    """The number of draw k in its colour: in the corner of a tile, or centred on the corner of a window."""
    size = style.px(SMALL)
    shown, font = typeset(str(k + 1), size)
    width, height = max(round(font.getlength(shown)) + style.px(14), style.px(30)), style.px(30)
    x, y = corner if inside else (corner[0] - width / 2, corner[1] - height / 2)
    x, y = round(min(max(x, 0), ground.width - width)), round(min(max(y, 0), ground.height - height))
    draw = ImageDraw.Draw(ground)
    draw.rectangle(
        (x, y, x + width - 1, y + height - 1), fill=instance_color(k), outline=None if inside else PAPER
    )
    middle = y + (height - size * 1.3) / 2 + baseline(size)
    draw.text((x + width / 2, middle), shown, fill=PAPER, font=font, anchor="ms")
