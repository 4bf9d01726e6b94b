"""Charts in class colors: the pixels of each class as bars, and the confusion matrix as a heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from ..classes import ClassTable, Color
from ..errors import UsageError
from ..types import F64, I64, U8
from .blocks import blank, darker, flush_right, swatch, text
from .legend import class_color, percent
from .page import Picture, page
from .typesetting import INK, LINE, PAPER, QUIET, SMALL, STANDARD_WIDTH, Style, typeset

AGREE: tuple[Color, ...] = ((255, 255, 255), (205, 222, 240), (96, 150, 205), (22, 74, 140))
DIFFER: tuple[Color, ...] = ((255, 255, 255), (253, 212, 195), (238, 112, 84), (160, 20, 32))
"""Colors from none to all: blue where prediction and truth agree, red where they differ."""
FOLDED = 8
"""More absent classes than these become one line."""
MAX_CLASSES = 1000
"""At most this many classes in a confusion plot."""


def stats_plot(
    counts: ArrayLike,
    table: ClassTable,
    *,
    void: int | None = None,
    title: str = "Pixels of each class",
    subtitle: str = "",
    by_size: bool = True,
    width: int = STANDARD_WIDTH,
) -> Picture:
    """Dots on a logarithmic scale, one per class in its color, with its number of pixels and its share.

    counts: (C,) pixels of each class of the table. void: pixels without a class, drawn last; shares are of the pixels
    with a class. by_size: the largest first, else in the order of the table. A class without pixels has no dot and is
    marked "absent"; more than eight of them become one line. width: of the page in pixels.
    UsageError for counts of another shape or type.
    """
    numbers = np.asarray(counts)
    _check_counts("counts", numbers, ((len(table),),), table)
    style = Style(width)
    order = np.argsort(-numbers.astype(np.int64), kind="stable") if by_size else np.arange(len(table))
    total = int(numbers.sum())
    absent = [table.names[i] for i in order if not numbers[i]]
    if len(absent) > FOLDED:
        order = order[numbers[order] > 0]
    rows = [(table.names[i], class_color(int(i), table), int(numbers[i])) for i in order]
    notes = [percent(n / total) if n else "" for _, _, n in rows]
    if void is not None:
        rows.append(("void", table.ignore_color, void))
        notes.append("")
    footer = "pixelwise  ·  logarithmic scale  ·  shares are of the pixels with a class"
    body = [_dots(rows, notes, style)] if rows else []
    if len(absent) > FOLDED:
        said = f"{len(absent)} of {len(table)} classes are absent: {', '.join(absent)}"
        body.append(text(said, style.px(SMALL), QUIET, style.inner))
    return page(title, subtitle, body, footer, style)


def _check_counts(name: str, counts: NDArray[Any], shapes: Sequence[tuple[int, ...]], table: ClassTable) -> None:
    if counts.shape not in shapes or counts.dtype.kind not in "ui" or counts.min() < 0:
        expected = f"{' or '.join(map(str, shapes))} whole numbers, none negative"
        message = f"{name} of {len(table)} classes must be {expected}, got {counts.dtype} of shape {counts.shape}"
        raise UsageError(message)


def _dots(rows: Sequence[tuple[str, Color, int]], notes: Sequence[str], style: Style) -> Image.Image:
    px = style.px
    size, pitch = px(SMALL), px(38 if len(rows) <= 40 else 31)
    names = [text(name, size, INK, style.inner // 4) for name, _, _ in rows]
    values = [text(f"{n:,}" if n else "absent", size, INK if n else QUIET) for _, _, n in rows]
    shares = [text(note, size, QUIET) for note in notes]
    left, value_width, share_width = (max(b.width for b in column) for column in (names, values, shares))
    x0 = left + px(18)
    x1 = style.inner - value_width - share_width - px(60)
    present = [math.log10(n) for _, _, n in rows if n] or [0.0]
    low, high = math.ceil(min(present)) - 1, max(1.0, max(present))  # the shortest bar is still visible

    def place(logarithm: float) -> int:
        return x0 + round((logarithm - low) / (high - low) * (x1 - x0))

    tops = [pitch * k + (px(16) if name == "void" and k else 0) for k, (name, _, _) in enumerate(rows)]
    bottom = tops[-1] + pitch + px(6)
    out = blank(style.inner, bottom + px(40))
    draw = ImageDraw.Draw(out)
    every = max(1, math.ceil((high - low) * px(110) / max(1, x1 - x0)))
    for decade in range(low, math.floor(high) + 1):
        x = place(decade)
        draw.line((x, 0, x, bottom), LINE, px(2))
        if decade >= 0 and (decade - low) % every == 0:
            label = text(_power(decade), size, QUIET)
            out.paste(label, (min(x - label.width // 2, style.inner - label.width), bottom + px(8)))
    for k, (_, color, n) in enumerate(rows):
        y = tops[k]
        out.paste(flush_right(names[k], left, pitch), (0, y))
        if n:  # a dot: the length of a bar means nothing on a logarithmic axis
            x, middle, radius = place(math.log10(n)), y + pitch // 2, px(9)
            draw.line((x0, middle, x, middle), LINE, px(2))
            draw.ellipse((x - radius, middle - radius, x + radius, middle + radius), color, darker(color), px(2))
        out.paste(flush_right(values[k], value_width, pitch), (x1 + px(30), y))
        out.paste(flush_right(shares[k], share_width, pitch), (style.inner - share_width, y))
    return out


def _power(decade: int) -> str:
    return f"{10 ** (decade % 3)}{('', 'k', 'M', 'G', 'T')[decade // 3]}" if decade < 15 else f"1e{decade}"


def confusion_plot(
    matrix: ArrayLike, table: ClassTable, *, title: str = "Confusion", subtitle: str = "", width: int = STANDARD_WIDTH
) -> Picture:
    """The confusion matrix as a heat map: each row shows how the pixels of one true class were predicted.

    matrix: (C, C) or (C, C + 1) counts, truth by prediction; a last column counts predictions that are not a class.
    Cells show the share of their row in percent, if it is 0.5 or more and there is room for the number; shades follow
    the square root of the share, so that small confusions are visible. At the right is the IoU of each class,
    `diagonal / (row + column - diagonal)`. The page becomes wider than `width` if many classes need it. UsageError for
    a matrix of another shape or type, or of more than 1,000 classes.
    """
    counts = np.asarray(matrix)
    n = len(table)
    _check_counts("a confusion matrix", counts, ((n, n), (n, n + 1)), table)
    if n > MAX_CLASSES:
        raise UsageError(f"can draw at most {MAX_CLASSES} classes, got {n}", code="picture-too-large")
    if counts.shape[1] > n and not counts[:, n].any():
        counts = counts[:, :n]
    style = Style(width)
    footer = "pixelwise  ·  percent of the pixels of the true class  ·  shades by the square root of the share"
    return page(title, subtitle, [_heat_map(counts.astype(np.int64), table, style)], footer, style)


def _heat_map(counts: I64, table: ClassTable, style: Style) -> Image.Image:
    px = style.px
    rows, columns = counts.shape
    cell = (style.inner - px(180 + 120)) // columns
    cell = max(3, min(px(72), max(cell, px(20) if rows <= 150 else px(5))))
    named = cell >= 10
    size = px(SMALL) if cell >= px(26) else int(cell * 0.72)
    names = max(text(name, size, INK, px(240)).width for name in (*table.names, "no class")) if named else 0
    side = max(names + min(px(18), cell - 2) + px(26), px(80))
    x0, y0 = side, side + px(40)
    scales = _scales(style)
    width = max(columns * cell + px(120), scales.width)
    out = blank(x0 + width, y0 + rows * cell + px(36) + scales.height)
    totals = counts.sum(axis=1)
    share = counts / np.maximum(totals, 1)[:, None]
    out.paste(_cells(share, totals, cell), (x0, y0))
    if named:
        _name_sides(out, table, columns, (x0, y0), cell, size, style)
    if cell >= px(34):
        _number_cells(out, share, (x0, y0), cell, px(SMALL) if cell >= px(50) else px(15))
    if named:
        _ious(out, counts, (x0 + columns * cell, y0), cell, size, style)
    out.paste(text("predicted", px(SMALL), QUIET), (x0, 0))
    out.paste(text("truth", px(SMALL), QUIET), (0, y0 - px(34)))
    out.paste(scales, (x0, y0 + rows * cell + px(36)))
    return out


def _shade(share: F64, ramp: tuple[Color, ...]) -> U8:
    stops = np.linspace(0, 1, len(ramp))
    channels = [np.interp(np.sqrt(share), stops, [c[k] for c in ramp]) for k in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), np.uint8)


def _cells(share: F64, totals: I64, cell: int) -> Image.Image:
    colors = _shade(share, DIFFER)
    diagonal = np.arange(len(share))
    colors[diagonal, diagonal] = _shade(share[diagonal, diagonal], AGREE)
    colors[totals == 0] = (240, 242, 245)  # no pixel of this class in the truth
    pixels = colors.repeat(cell, axis=0).repeat(cell, axis=1)
    if cell >= 8:  # a grid between cells that are large enough to have one
        pixels = np.pad(pixels, ((0, 1), (0, 1), (0, 0)))
        pixels[::cell] = pixels[:, ::cell] = LINE
    return Image.fromarray(pixels)


def _name_sides(
    out: Image.Image, table: ClassTable, columns: int, corner: tuple[int, int], cell: int, size: int, style: Style
) -> None:
    """Names and swatches of the classes, at the left and, rotated, above the columns."""
    px = style.px
    x0, y0 = corner
    chip = min(px(18), cell - 2)
    room = x0 - chip - px(10 + 14)
    for i in range(columns):
        known = i < len(table)
        name = text(table.names[i] if known else "no class", size, INK if known else QUIET, room)
        mark = swatch(class_color(i, table), chip) if known else blank(chip, chip)
        upright = name.rotate(90, expand=True)
        at = i * cell + (cell - chip) // 2
        out.paste(mark, (x0 + at, y0 - chip - px(8)))
        x = x0 + i * cell + (cell - upright.width) // 2
        out.paste(upright, (x, y0 - chip - px(16) - upright.height))
        if known:
            out.paste(mark, (x0 - chip - px(10), y0 + at))
            y = y0 + i * cell + (cell - name.height) // 2
            out.paste(name, (x0 - chip - px(20) - name.width, y))


def _number_cells(out: Image.Image, share: F64, corner: tuple[int, int], cell: int, size: int) -> None:
    for i, j in np.argwhere(share >= 0.005).tolist():
        part = float(share[i, j])
        line = typeset(f"{100 * part:.0f}", size)
        x, y = corner[0] + j * cell + (cell - line.width) / 2, corner[1] + i * cell + cell / 2 + size * 0.36
        line.draw(out, x, y, PAPER if math.sqrt(part) > 0.6 else INK)


def _ious(out: Image.Image, counts: I64, corner: tuple[int, int], cell: int, size: int, style: Style) -> None:
    px = style.px
    x0, y0 = corner
    n = len(counts)
    hits = np.diagonal(counts)
    union = counts.sum(axis=1) + counts[:, :n].sum(axis=0) - hits
    out.paste(flush_right(text("IoU %", px(SMALL), QUIET), px(110), line := px(30)), (x0, y0 - line - px(4)))
    for i in range(n):
        value = f"{100 * hits[i] / union[i]:.1f}" if union[i] else "-"
        out.paste(flush_right(text(value, size, INK), px(110), cell), (x0, y0 + i * cell))


def _scales(style: Style) -> Image.Image:
    """The key of the shades: two ramps over one axis in percent."""
    px = style.px
    length, thick = px(460), px(16)
    label = text("wrong", px(SMALL), QUIET).width + px(14)
    out = blank(label + length + px(40), 2 * thick + px(4) + px(36))
    position = np.linspace(0, 1, length) ** 2
    for k, (name, ramp) in enumerate((("right", AGREE), ("wrong", DIFFER))):
        y = k * (thick + px(4))
        out.paste(flush_right(text(name, px(SMALL), QUIET), label - px(14), thick + px(4)), (0, y))
        out.paste(Image.fromarray(_shade(position, ramp)[None].repeat(thick, axis=0)), (label, y))
    for tick in (0, 1, 5, 25, 50, 100):
        mark = text(f"{tick}", px(17), QUIET)
        x = label + round(math.sqrt(tick / 100) * (length - 1))
        out.paste(mark, (x - mark.width // 2, 2 * thick + px(10)))
    return out
