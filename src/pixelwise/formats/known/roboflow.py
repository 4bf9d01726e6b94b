"""What labeling services export as masks: Roboflow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...classes import ClassTable
from ...errors import FormatError
from ..class_files import read_class_file
from ..layout import Coding, Layout, laid_out
from ..paths import visible


def _classes(root: Path) -> ClassTable:
    """The table of the first SPLIT/_classes.csv: `Pixel Value, Class`. A mask of any split must keep to it."""
    paths = visible(root, "*/_classes.csv") or [root / "_classes.csv"]
    tables = [read_class_file(path).table for path in paths]
    if (other := next((p for p, t in zip(paths, tables, strict=True) if t != tables[0]), None)) is not None:
        raise FormatError(f"its classes are not those of {paths[0]}", code="bad-class-table", where=other)
    return tables[0]


_masks = partial(Coding, classes=_classes, beside=False)
ROBOFLOW = laid_out(
    "roboflow",
    "Roboflow's semantic masks (SPLIT/*.jpg, SPLIT/*_mask.png and SPLIT/_classes.csv)",
    Layout("{split}/{name}.jpg", {"masks": _masks("{split}/{name}_mask.png")}, needs=("train/_classes.csv",)),
    Layout("{name}.jpg", {"masks": _masks("{name}_mask.png")}, needs=("_classes.csv",)),
)
"""https://docs.roboflow.com : the value of a class is written in _classes.csv."""
