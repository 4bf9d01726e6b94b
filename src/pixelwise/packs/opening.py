"""Packs made by `pixelwise.pack`: recognized, opened, and compared with the files they were made from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..dataset.dataset import Dataset
from ..dataset.splits import Split, Splits
from ..errors import PackError, PixelwiseError
from ..files.reading import read_bytes, read_head
from ..files.writing import is_temporary
from ..formats.format import Format
from .index import Read, read_table
from .inventory import FileState
from .manifest import FORMAT, MANIFEST, Manifest, is_data_folder
from .source import PackSource
from .volume import open_volume


def find(path: Path) -> Path | None:
    """`path` if it is a pack, finished or not, intact or not."""
    try:
        entries = os.listdir(path)
    except OSError:
        return None
    data = any(map(is_data_folder, entries))
    if MANIFEST not in entries:
        return path if data and all(is_data_folder(e) or is_temporary(e) for e in entries) else None
    try:
        return path if FORMAT.encode() in read_head(path / MANIFEST, 256) or data else None
    except PixelwiseError:  # it may not be read, which reading it says
        return path if data else None


def load(root: Path, *, source: str | os.PathLike[str] | bool = False, verify: bool = True) -> Dataset:
    """The dataset in the pack at `root`, its structure checked: PackError if anything is missing or misplaced.

    source: also compare every file that the pack was made from, one `stat` each: True for the folder they were in then,
    or the folder they are in now. PackError `stale-pack` names the first that changed. verify: check the CRC-32 of each
    record, and that its label holds class ids, when a process first reads it; False trusts the disk.
    """
    volume = open_volume(root, verify)
    manifest = volume.manifest
    for problem in stale_files(volume.root, manifest, source):
        raise problem
    makers = {
        entry.name: partial(Split, entry.name, manifest.classes, PackSource(volume, k), None, entry.notes)
        for k, entry in enumerate(manifest.splits)
    }
    return Dataset(root, "pack", manifest.classes, Splits(makers), manifest.notes, manifest.history)


def stale_files(
    root: Path, manifest: Manifest, source: str | os.PathLike[str] | bool, read: Read = read_bytes
) -> Iterator[PackError]:
    """A PackError `stale-pack` for each source file of the pack at `root` that changed. source: as in `load`. read: how
    a file of the pack is read.
    """
    if source is False:
        return
    at = Path(manifest.source_root if source is True else source).absolute()
    columns = read_table(root / manifest.data, manifest.table("sources.arrow"), read)
    for row in zip(columns["path"], columns["bytes"].tolist(), columns["mtime_ns"].tolist(), strict=True):
        file = FileState(*row)
        if (change := file.change(at)) is not None:
            what = f"{change} since the pack {root} was made"
            yield PackError(what, code="stale-pack", where=at / file.path, fix="pack again")


PACK = Format("pack", f"a pack ({MANIFEST})", find, load, anywhere=True)
