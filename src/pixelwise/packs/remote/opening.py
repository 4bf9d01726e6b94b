"""What `open` does with an address: a pack in a store as a dataset."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final, Literal

from ...arguments import check_choice, check_count
from ...dataset.dataset import Dataset
from ...dataset.splits import Split, Splits
from ...errors import UsageError
from ...files.addresses import StorePath, local_path
from ...files.mapping import memory_bytes
from ...files.writing import cache_dir
from ...formats.format import Format
from ..opening import stale_files
from .source import RemoteSource
from .volume import Keeping, open_remote

IN_MEMORY: Final = 1 << 30
"""Bytes of blocks kept in memory where there is no folder, at most an eighth of the memory."""


def load(
    root: Path, *, cache: str | os.PathLike[str] | bool = False, cache_bytes: int | None = None,
    cache_encoding: Literal["raw"] | None = None, source: str | os.PathLike[str] | bool = False, verify: bool = True,
) -> Dataset:  # fmt: skip
    """The dataset in the pack at the address `root`.

    cache: a folder in which blocks that were fetched are kept, True for one in pixelwise's cache folder, False to keep
    them in memory. cache_bytes: at most so many, by default without a limit in a folder, 1 GB in memory.
    cache_encoding: "raw" decodes blocks once, when they arrive, and keeps pixels. source, verify: as for a pack in a
    folder.
    """
    if not isinstance(root, StorePath):
        raise UsageError("is not an address in a store", code="remote-path", where=root)
    check_choice("cache_encoding", cache_encoding, (None, "raw"))
    if cache_bytes is not None:
        check_count("cache_bytes", cache_bytes)
    place = None if cache is False else cache_dir() / "blocks" if cache is True else local_path(cache, "open")
    if place is None and cache_bytes is None:
        cache_bytes = int(min(IN_MEMORY, memory_bytes() // 8))
    volume = open_remote(root, verify, Keeping(place, cache_bytes, cache_encoding == "raw"))
    manifest = volume.manifest
    for problem in stale_files(root, manifest, source, volume.read):
        raise problem
    makers = {
        entry.name: partial(Split, entry.name, manifest.classes, RemoteSource(volume, k), None, entry.notes)
        for k, entry in enumerate(manifest.splits)
    }
    return Dataset(root, "pack", manifest.classes, Splits(makers), manifest.notes, manifest.history)


def _find(path: Path) -> Path | None:
    return path if isinstance(path, StorePath) else None


REMOTE: Final = Format("pack", "a pack in a store", _find, load, anywhere=True)
