"""Which class table a dataset gets: the format's own, or that of a file of class names beside the data.

A tree that is laid out like a known dataset need not be that dataset. So names beside the data go before the format's,
unless they are the same; and labels of which half store colors are all read by color.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..classes import ClassTable
from ..codecs.decoding import read_header
from ..errors import DataError, FormatError
from ..types import Finding
from .class_files import Named, classes_beside

_VOID = re.compile(r"void|ignored?|unlabell?ed")
"""What lists of a known dataset's names call its void."""


def name_classes(
    root: Path, format: str, own: ClassTable, in_colors: bool, also: Iterable[Path] = ()
) -> tuple[ClassTable, tuple[Finding, ...]]:
    """The class table of the dataset at `root`, and what is odd about the files of class names there.

    format, own: the format's name and table. in_colors: whether the labels are colors. also: further folders in
    which to look. FormatError `bad-class-table` for a class file that cannot be read exactly.
    """
    named = classes_beside(root, also=also)
    if named is None or _is(named, own, in_colors):
        return by_color(own) if in_colors else own, () if named is None else named.notes
    if in_colors and not named.colored:
        what = f"gives no colors, and labels are colors: the classes are those of {format}"
        fix = "give the classes' colors in labelmap.txt or pixelwise.toml if they are others"
        return by_color(own), (Finding("class-file-unused", "warning", str(named.path), what, fix), *named.notes)
    what = f"the classes are those of this file, not of {format}"
    taken = Finding("class-file", "note", str(named.path), what)
    return colored(named) if in_colors else named.table, (taken, *named.notes)


def by_color(table: ClassTable) -> ClassTable:
    """The table for labels that are colors."""
    return table if table.by_color else replace(table, values={})


def colored(named: Named) -> ClassTable:
    """The table of a file with colors for labels that are colors. FormatError if two classes share one."""
    rows = [tuple(c) for c in named.table.colors.tolist()]
    if (twice := next((c for i, c in enumerate(rows) if c in rows[:i]), None)) is not None:
        first, second = [n for n, c in zip(named.table.names, rows, strict=True) if c == twice][:2]
        what = f"labels are colors, and {first!r} and {second!r} have the same color {twice}"
        raise FormatError(what, code="bad-class-table", where=named.path, fix="give every class its own color")
    return by_color(named.table)


def any_in_colors(paths: Iterable[Path]) -> bool:
    """Whether one of these label files has three channels or more. Damaged files are left to those who read them."""
    return any(channels_of(path) >= 3 for path in paths)


def are_colors(paths: Iterable[Path]) -> bool:
    """Whether these label files are colors: at least half of them have three channels or more.

    A few colored ones among ids are refused when they are read, and do not change what the others mean. Damaged files
    are left to those who read them.
    """
    known = [n for n in map(channels_of, paths) if n]
    return bool(known) and 2 * sum(n >= 3 for n in known) >= len(known)


def channels_of(path: Path) -> int:
    """The channels of an image file, or 0 if its header cannot be read."""
    try:
        return read_header(path).channels
    except DataError:
        return 0


def _is(named: Named, own: ClassTable, in_colors: bool) -> bool:
    """Whether a file names just the format's own classes, void aside, and with the same colors if these count."""
    known = {_plain(n): i for i, n in enumerate(own.names)}
    known |= {_plain(a): known[_plain(n)] for a, n in own.aliases.items()}
    void = {c for c, i in own.color_ids.items() if i == own.ignore_index}
    seen = set()
    for name, color in zip(named.table.names, named.table.colors.tolist(), strict=True):
        index = known.get(_plain(name))
        if index is None:
            if not _VOID.fullmatch(_plain(name)) and not (named.colored and tuple(color) in void):
                return False
        elif in_colors and named.colored and own.color_ids.get(tuple(color)) != index:
            return False
        seen.add(index)
    return seen - {None} == {*range(len(own))}


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
