"""Formats: where a dataset's files lie and how its labels are coded. `open` recognises them."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from ..dataset import Dataset
from ..errors import FormatError, MissingError, UnknownNameError, UsageError, printable
from . import packed, voc

FORMATS: dict[str, ModuleType] = {"voc": voc, "pack": packed}
"""Name -> module with `find(path) -> root | None` (does the folder look like it?) and `load(root, **options)`."""


def open(path: str | os.PathLike[str], *, format: str | None = None, **options: Any) -> Dataset:
    """Open the dataset at `path`: its own folder, or a folder above it.

    format: skips the recognition. Other options belong to the format (`labels="SegmentationClassAug"` for VOC).
    Reads lists only when a split is asked for, and pixels only when a sample is. Raises MissingError where there is
    nothing, FormatError where no format fits (it says what was looked for) or several do (it lists them).
    """
    root = Path(path)
    if not root.exists():
        raise MissingError("no such file or folder", code="missing-file", where=root, fix="check the path")
    if format is not None:
        if format not in FORMATS:
            raise UnknownNameError(
                f"no format named {format!r}",
                code="unknown-format",
                fix=f"the formats are: {', '.join(FORMATS)}",
            )
        found = {format: FORMATS[format].find(root)}
    else:
        found = {name: at for name, module in FORMATS.items() if (at := module.find(root)) is not None}
    if len(found) > 1:
        raise FormatError(
            f"looks like {' and like '.join(found)}", code="ambiguous-format", where=root,
            fix=f"choose with format={next(iter(found))!r}",
        )  # fmt: skip
    if not found or None in found.values():
        wanted = [FORMATS[format]] if format else FORMATS.values()
        raise FormatError(
            f"no dataset found; looked for {'; '.join(m.LOOKS_LIKE for m in wanted)}; there is {_listing(root)}",
            code="no-dataset", where=root,
        )  # fmt: skip
    name, at = next(iter(found.items()))
    try:
        dataset: Dataset = FORMATS[name].load(at, **options)
        return dataset
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise UsageError(f"format {name} has no such option: {error}", code="bad-argument") from None
        raise


def _listing(root: Path) -> str:
    if root.is_file():
        return "a file"
    entries = sorted(e.name + "/" * e.is_dir() for e in root.iterdir())
    shown = ", ".join(printable(e) for e in entries[:6])
    return (shown + (f" and {len(entries) - 6} more" if len(entries) > 6 else "")) or "an empty folder"
