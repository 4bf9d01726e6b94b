"""Class tables that are kept as text: one class a line, its source named in the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np

from ..classes import ClassTable, Colour
from ..types import U8

VOID = "(void)"


def rgb(colours: Iterable[Sequence[int]]) -> U8:
    """(N, 3) uint8 of N colours."""
    return np.array(list(colours), np.uint8)


@lru_cache(maxsize=64)
def table(name: str, *, identity: bool = False) -> ClassTable:
    """The table in `tables/<name>.txt`. Classes are numbered in the order of the lines, stored values as given there.

    Lines of (void) are stored values and colours without a class: they read as 255. identity: labels store the class
    ids themselves (train ids), not the values of the file.
    """
    names: list[str] = []
    colours: list[Colour] = []
    values: dict[int, int] = {}
    void_colours: list[Colour] = []
    colourless = False
    text = files(__package__).joinpath("tables", f"{name}.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        value, colour, label = line.split("\t")
        colourless |= colour == "-" and not label.startswith(VOID)
        own = _colour(colour)
        if label.startswith(VOID):
            values[int(value)] = 255
            void_colours += [own] if colour != "-" else []
            continue
        values[int(value)] = len(names)
        names.append(label)
        colours.append(own)
    return ClassTable(
        tuple(names),
        colors=rgb([] if colourless else colours),
        ignore_color=void_colours[0] if void_colours else (224, 224, 192),
        values=None if identity else {**values, 255: values.get(255, 255)},
        extra_colors={c: 255 for c in void_colours[1:] if c not in colours},
    )


def _colour(text: str) -> Colour:
    r, g, b = (int(v) for v in text.split()) if text != "-" else (0, 0, 0)
    return (r, g, b)
