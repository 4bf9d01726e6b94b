"""The classes of a label, and the legend that names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..classes import ClassTable, Color
from ..labels import count_values
from .blocks import beside, stack, swatch, text
from .pixels import colorize
from .typesetting import INK, QUIET, SMALL, Style


def shares(label: NDArray[Any]) -> list[tuple[int, float]]:
    """(id, share of the pixels) of every id in a label, the largest first; equal shares by id."""
    ids, counts = count_values(label)
    order = np.argsort(-counts, kind="stable")
    return [(int(ids[i]), float(counts[i] / label.size)) for i in order]


def percent(share: float) -> str:
    """A share as people write it: "42.1 %", "<0.1 %", "100 %". It is never rounded to nothing or to all."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %" if share < 1 else "100 %"


def class_color(index: int, table: ClassTable) -> Color:
    """The color that `colorize` gives the id."""
    r, g, b = colorize(np.array([[index]], np.int64), table)[0, 0]
    return (int(r), int(g), int(b))


def class_name(index: int, table: ClassTable) -> str:
    """The name of the class, "void", or a text for an id that is neither."""
    known = 0 <= index < len(table) or index == table.ignore_index
    return table.name(index) if known else f"id {index} (no class)"


def legend(
    items: Sequence[tuple[int, str]], table: ClassTable, style: Style, width: int, max_lines: int = 2
) -> Image.Image:
    """Swatch, class name and note of each (id, note), in the order given but void last.

    Lines are `width` pixels long; items that do not fit into `max_lines` of them are counted at the end.
    """
    px = style.px
    gap = px(30)
    ordered = sorted(items, key=lambda item: item[0] == table.ignore_index)
    lines: list[list[Image.Image]] = [[]]
    used = 0
    for k, (index, note) in enumerate(ordered):
        item = _item(index, note, table, style, width)
        last_line = len(lines) == max_lines
        reserve = px(150) if last_line and k < len(ordered) - 1 else 0
        if lines[-1] and used + item.width > width - reserve:
            if last_line:
                lines[-1].append(text(f"and {len(ordered) - k:,} more", px(SMALL), QUIET))
                break
            lines.append([])
            used = 0
        lines[-1].append(item)
        used += item.width + gap
    return stack((beside(line, gap) for line in lines), px(8))


def _item(index: int, note: str, table: ClassTable, style: Style, width: int) -> Image.Image:
    px = style.px
    name = text(class_name(index, table), px(SMALL), INK, min(px(420), width // 2))
    parts = [swatch(class_color(index, table), px(18)), name]
    return beside([*parts, text(note, px(SMALL), QUIET)] if note else parts, px(9), middle=True)
