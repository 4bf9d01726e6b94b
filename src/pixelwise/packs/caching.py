"""cached: a dataset packed at its first use, and the pack afterwards."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Literal

from ..dataset.dataset import Dataset
from ..errors import PackError
from ..files import cache_dir
from ..types import Progress
from . import opening
from .inventory import take_inventory
from .manifest import Encoding, read_manifest
from .writing import SHARD_BYTES, write_pack


def cached(
    dataset: Dataset,
    cache: str | os.PathLike[str] | Literal[True] = True,
    *,
    encoding: Encoding = "raw",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The pack of `dataset` in the folder `cache` (True: in pixelwise's cache folder); made where it is not there yet.

    One pack a dataset folder, label folder and encoding. The state of every source file is looked at (size, time
    of change), so a pack is never stale: where a file changed, the pack is made again. Raises as `pack`.
    """
    root = Path(dataset.root).absolute()
    if dataset.format == "pack":
        return dataset
    options = f"{root}\0{dataset.format}\0{encoding}\0{dataset.classes.to_dict()}\0{_layout(dataset)}"
    key = hashlib.sha256(options.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", root.name)[:40] or "dataset"
    folder = ((cache_dir() / "packs" if cache is True else Path(cache)) / f"{name}-{encoding}-{key}").absolute()
    inventory = take_inventory(dataset, None, encoding, SHARD_BYTES)
    try:
        if read_manifest(folder).fingerprint == inventory.fingerprint:
            return opening.load(folder)
    except PackError:  # not there yet, unfinished or damaged: all are mended by packing
        pass
    return write_pack(inventory, folder, threads, progress)


def _layout(dataset: Dataset) -> list[object]:
    """What distinguishes two ways of opening the same folder: splits, where their files lie and how they are read."""
    out: list[object] = []
    for name in dataset.splits:
        split = dataset[name]
        origin = split.origin(0) if len(split) else None
        out.append((name, origin and ([os.path.dirname(f) for f in origin.files], origin.how)))
    return out
