"""Packs made by `pixelwise.pack`: a folder with manifest.json, and Arrow shards below it."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from ..dataset.dataset import Dataset
from ..dataset.splits import Split, Splits
from ..formats.format import Format
from .changes import stale_files
from .manifest import FORMAT, MANIFEST
from .source import PackSource
from .volume import open_volume


def find(path: Path) -> Path | None:
    """`path` where it is a pack, finished or not, whole or not."""
    try:
        entries = os.listdir(path)
        with open(path / MANIFEST, "rb") as file:
            return path if FORMAT.encode() in file.read(256) or any(map(_is_data, entries)) else None
    except FileNotFoundError:
        unfinished = entries and all(_is_data(e) or e.startswith(f".{MANIFEST}.") for e in entries)
        return path if unfinished else None
    except OSError:
        return None


def _is_data(name: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", name) is not None


def load(root: Path, *, source: str | os.PathLike[str] | bool = False) -> Dataset:
    """The dataset in the pack at `root`, its structure checked: PackError where anything is missing or misplaced.

    source: also look at every file that the pack was made from, one `stat` each: True where they lay then, or the
    folder where they lie now. PackError `stale-pack` names the first that changed.
    """
    volume = open_volume(root)
    manifest = volume.manifest
    if source is not False:
        for problem in stale_files(volume.root, manifest, None if source is True else Path(source)):
            raise problem
    makers = {
        entry.name: partial(Split, entry.name, manifest.classes, PackSource(volume, k), None, entry.notes)
        for k, entry in enumerate(manifest.splits)
    }
    return Dataset(root, "pack", manifest.classes, Splits(makers), manifest.notes, manifest.history)


PACK = Format("pack", f"a pack ({MANIFEST})", find, load, anywhere=True)
