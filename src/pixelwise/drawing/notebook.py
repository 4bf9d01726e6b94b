"""What a notebook displays: the line that a value prints, pictures of its samples, and its table.

Plain HTML with inline styles, no scripts: notebooks keep it in light and dark, and sites that show notebooks do not
strip it. All text from the data is escaped, and pictures are data URIs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any, Final

import numpy as np

from ..classes import VOC, ClassTable
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import PixelwiseError, printable
from ..loading.batch import Batch
from ..types import U8, Displayed, Plan, Rows, Sample, Size
from .contact_sheet import samples_of
from .page import data_uri
from .pixels import colorize, fit, overlay, scaled_image, scaled_label

STRIP, LINES = 6, 40
"""At most this many samples in a strip, and lines in a table."""
_SMALL: Final[Size] = (110, 170)
_LARGE: Final[Size] = (280, 420)
_FAINT: Final = "rgba(128,128,128,.25)"
_CELL: Final = f"padding:2px 14px 2px 0;border-bottom:1px solid {_FAINT};vertical-align:top;background:none"
_PLAIN: Final = ClassTable(tuple(map(str, range(255))), VOC.palette[:255])
"""For labels whose class table is not known: numbers as names, VOC's colors."""


def as_html(value: Displayed) -> str:
    """The value as HTML. A sample that cannot be read is shown as the line of its error; nothing is raised for it."""
    title = f'<p style="margin:0 0 6px"><code>{_text(repr(value))}</code></p>'
    strip = _strip(_figures(value))
    rows, more = _rows(value)
    drawn = _window(value) if isinstance(value, Plan) else ""
    return f'<div style="margin:4px 0;text-align:left">{title}{strip}{drawn}{_table(rows, more)}</div>'


def _text(value: object) -> str:
    return escape(printable(value))


# -- pictures -------------------------------------------------------------------------------------------------


def _figures(value: Displayed) -> Iterator[str]:
    if isinstance(value, Sample):
        yield from _views(value)
    elif isinstance(value, Dataset):
        yield from _of_dataset(value)
    elif isinstance(value, Split):
        yield from _each(value.read, len(value), value.classes)
    elif isinstance(value, Batch):
        yield from _each(samples_of(value), len(value), value.classes)


def _of_dataset(dataset: Dataset) -> Iterator[str]:
    for name in dataset:
        try:
            split = dataset[name]
        except PixelwiseError:  # its row in the table says why
            continue
        if len(split):
            yield from _each(split.read, len(split), dataset.classes)
            return


def _each(read: Callable[[int], Sample], count: int, table: ClassTable | None) -> Iterator[str]:
    for i in range(min(count, STRIP)):
        try:
            sample = read(i)
            yield _figure(sample.name, _laid_over(sample, table, _SMALL))
        except PixelwiseError as error:
            yield _box(str(error))
    if count > STRIP:
        yield f'<span style="align-self:center;opacity:.7">and {count - STRIP:,} more</span>'


def _laid_over(sample: Sample, table: ClassTable | None, box: Size) -> U8:
    size = fit(sample.size, box)
    image = scaled_image(sample.image, size)
    return image if sample.label is None else overlay(image, scaled_label(sample.label, size), table or _PLAIN)


def _views(sample: Sample) -> Iterator[str]:
    """Image, label and overlay of a sample, which does not know the colors of its classes."""
    small = replace(sample, image=np.asarray(sample.image), label=sample.label, instances=None)
    size = fit(small.size, _LARGE if small.label is None else (200, 280))
    yield _figure("image", scaled_image(small.image, size))
    if small.label is not None:
        label = scaled_label(small.label, size)
        yield _figure("label", colorize(label, _PLAIN), exact=True)
        yield _figure("overlay", _laid_over(small, None, size))


def _figure(caption: str, pixels: U8, exact: bool = False) -> str:
    height, width = pixels.shape[:2]
    wide = f"max-width:{max(width, 90)}px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
    return (
        f'<figure style="margin:0"><img alt="" src="{data_uri(pixels, exact=exact)}" width="{width}" height="{height}" '
        f'style="display:block;max-width:none"><figcaption style="{wide};font-size:85%;opacity:.75" '
        f'title="{_text(caption)}">{_text(caption)}</figcaption></figure>'
    )


def _box(text: str) -> str:
    style = f"width:{_SMALL[1]}px;border:1px solid {_FAINT};padding:4px;font-size:80%;overflow-wrap:anywhere"
    return f'<div style="{style}">{_text(text)}</div>'


def _strip(figures: Iterator[str]) -> str:
    found = "".join(figures)
    style = "display:flex;flex-wrap:wrap;gap:10px;margin:0 0 8px;align-items:flex-start"
    return f'<div style="{style}">{found}</div>' if found else ""


def _window(plan: Plan) -> str:
    """The source and the window that the plan takes of it, drawn to scale."""
    points = np.array([*plan.corners, (0, 0), plan.source[::-1]], float)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 160 / max(1.0, *(high - low).tolist())
    at = ((points - low) * scale + 4).round(1)
    width, height = (np.ceil((high - low) * scale) + 8).tolist()
    (x, y), (x1, y1) = at[4].tolist(), at[5].tolist()
    corners = " ".join(f"{px},{py}" for px, py in at[:4].tolist())
    fx, fy = at[0].tolist()
    return (
        f'<svg width="{width:g}" height="{height:g}" style="display:block;margin:0 0 8px" role="img" '
        f'aria-label="the window in the source"><rect x="{x}" y="{y}" width="{x1 - x:.1f}" height="{y1 - y:.1f}" '
        f'fill="{_FAINT}"/><polygon points="{corners}" fill="none" stroke="#d1495b" stroke-width="2"/>'
        f'<circle cx="{fx}" cy="{fy}" r="4" fill="#d1495b"/></svg>'
    )


# -- tables ---------------------------------------------------------------------------------------------------


def _rows(value: Displayed) -> tuple[Rows, int]:
    """The rows to show, and how many there are besides."""
    if isinstance(value, Split):  # reading every header of a large split takes a while
        return [], 0
    if isinstance(value, Dataset):
        return [_split_row(value, name) for name in value], 0
    rows = value.to_frame()
    return rows[:LINES], max(0, len(rows) - LINES)


def _split_row(dataset: Dataset, name: str) -> dict[str, Any]:
    try:
        split = dataset[name]
    except PixelwiseError as error:
        return {"split": name, "samples": None, "labels": str(error)}
    return {"split": name, "samples": len(split), "labels": split.has_labels}


def _table(rows: Rows, more: int) -> str:
    if not rows:
        return ""
    names = [name for name in rows[0] if name != "color"]
    colored = "color" in rows[0]
    right = {name for name in names if any(_is_number(row[name]) for row in rows)}
    head = "".join(f'<th style="{_CELL};text-align:{_side(n, right)}">{_text(n)}</th>' for n in names)
    lines = []
    for row in rows:
        chip = _chip(row["color"]) if colored else ""
        first = next((n for n in names if n in ("name", "class")), None)
        cells = (f'<td style="{_CELL};text-align:{_side(n, right)}">{chip if n == first else ""}{_cell(n, row[n])}</td>'
                 for n in names)  # fmt: skip
        lines.append(f"<tr>{''.join(cells)}</tr>")
    rest = f'<p style="margin:2px 0;opacity:.7">and {more:,} more</p>' if more else ""
    return f'<table style="border-collapse:collapse;margin:0"><tr>{head}</tr>{"".join(lines)}</table>{rest}'


def _side(name: str, right: Sequence[str] | set[str]) -> str:
    return "right" if name in right else "left"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _chip(color: str) -> str:
    box = "display:inline-block;width:.8em;height:.8em;margin-right:.5em;border:1px solid rgba(128,128,128,.6)"
    return f'<span style="{box};background:{escape(color)}"></span>'


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{100 * value:.2f} %"  # every fraction in the tables is a share
    if isinstance(value, int) and name not in ("id", "index"):
        return f"{value:,}"
    return _text(value)
