"""Class tables stored as text: one class per line, with the source named in the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np

from ..classes import ClassTable, Color
from ..types import U8

VOID = "(void)"


def rgb(colors: Iterable[Sequence[int]]) -> U8:
    """(N, 3) uint8 of N colors."""
    return np.array(list(colors), np.uint8)


@lru_cache(maxsize=64)
def table(name: str, *, identity: bool = False) -> ClassTable:
    """The table in `tables/<name>.txt`. Classes are numbered in the order of the lines, stored values as given there.

    Lines of (void) are stored values and colors without a class: they become 255. identity: labels store the class
    ids themselves (train ids), not the values of the file.
    """
    names: list[str] = []
    colors: list[Color] = []
    values: dict[int, int] = {}
    void_colors: list[Color] = []
    colorless = False
    text = files(__package__).joinpath("tables", f"{name}.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        value, color, label = line.split("\t")
        colorless |= color == "-" and not label.startswith(VOID)
        own = _color(color)
        if label.startswith(VOID):
            values[int(value)] = 255
            void_colors += [own] if color != "-" else []
            continue
        values[int(value)] = len(names)
        names.append(label)
        colors.append(own)
    return ClassTable(
        tuple(names),
        colors=rgb([] if colorless else colors),
        ignore_color=void_colors[0] if void_colors else (224, 224, 192),
        values=None if identity else {**values, 255: values.get(255, 255)},
        extra_colors={c: 255 for c in void_colors[1:] if c not in colors},
    )


def _color(text: str) -> Color:
    r, g, b = (int(v) for v in text.split()) if text != "-" else (0, 0, 0)
    return (r, g, b)
