"""cached: a dataset packed when first used, and read from the pack from then on."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Literal

from ..dataset.dataset import Dataset
from ..errors import PackError
from ..files.addresses import local_path
from ..files.writing import cache_dir
from ..types import Progress
from . import opening
from .inventory import take_inventory
from .manifest import read_manifest
from .writing import SHARD_BYTES, remove_leftovers, write_pack

ENCODING = "raw"


def cached(
    dataset: Dataset, cache: str | os.PathLike[str] | Literal[True] = True, *, progress: Progress | None = None
) -> Dataset:
    """The raw pack of `dataset` in the folder `cache` (True: in pixelwise's cache folder), made if it is not there yet.

    One pack per dataset folder and way of opening it. If size or time of change of a source file is not as it was, the
    dataset is packed again. Raises as `pack`.
    """
    root = Path(dataset.root).absolute()
    if dataset.format == "pack":
        return dataset
    options = f"{root}\0{dataset.format}\0{ENCODING}\0{dataset.classes.to_dict()}\0{_layout(dataset)}"
    key = hashlib.sha256(options.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", root.name)[:40] or "dataset"
    place = cache_dir().absolute() / "packs" if cache is True else local_path(cache, "open")
    folder = place / f"{name}-{ENCODING}-{key}"
    inventory = take_inventory(dataset, ENCODING, SHARD_BYTES)
    try:
        if read_manifest(folder).fingerprint == inventory.fingerprint:
            remove_leftovers(folder)
            return opening.load(folder)
    except PackError:  # not there yet, unfinished or damaged: packing repairs all of these
        pass
    made = write_pack(inventory, folder, None, progress)
    assert made is not None, "it has no parts"
    return made


def _layout(dataset: Dataset) -> list[object]:
    """What distinguishes two ways of opening the same folder: splits, the folders of their files, how they are read."""
    out: list[object] = []
    for name in dataset.splits:
        split = dataset[name]
        origin = split.origin(0) if len(split) else None
        how = origin and ([os.path.dirname(f) for f in origin.files], origin.how if origin.files else "")
        out.append((name, how))
    return out
