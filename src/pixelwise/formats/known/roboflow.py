"""What labeling services export as masks: Roboflow."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ...classes import ClassTable
from ...errors import FormatError
from ...files import read_bytes
from ..layout import Coding, Layout, laid_out
from ..paths import visible


def _classes(root: Path) -> ClassTable:
    """The table of the first SPLIT/_classes.csv: `Pixel Value, Class`. A mask of any split must keep to it."""
    paths = visible(root, "*/_classes.csv") or [root / "_classes.csv"]
    tables = {path: _read(path) for path in paths}
    first = tables[paths[0]]
    if (other := next((p for p, t in tables.items() if t != first), None)) is not None:
        raise FormatError(f"its classes are not those of {paths[0]}", code="bad-class-table", where=other)
    return ClassTable(tuple(first.values()), values={v: k for k, v in enumerate(first)} | {255: 255})


def _read(path: Path) -> dict[int, str]:
    rows = list(csv.reader(io.StringIO(read_bytes(path).decode("utf-8-sig", "replace"))))
    try:
        return {int(value): name.strip() for value, name in rows[1:]}
    except ValueError:
        raise FormatError("expected lines of `pixel value, class`", code="bad-class-table", where=path) from None


ROBOFLOW = laid_out(
    "roboflow",
    "Roboflow's semantic masks (SPLIT/*.jpg, SPLIT/*_mask.png and SPLIT/_classes.csv)",
    Layout("{split}/{name}.jpg", {"masks": Coding("{split}/{name}_mask.png", _classes)}, needs=("train/_classes.csv",)),
    Layout("{name}.jpg", {"masks": Coding("{name}_mask.png", _classes)}, needs=("_classes.csv",)),
)
"""https://docs.roboflow.com : the value of a class is written in _classes.csv."""
