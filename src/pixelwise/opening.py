"""open: a dataset in any known format, from its files or from the pack that is kept of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .dataset import Dataset
from .formats import open as open_files


def open(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    cache: str | os.PathLike[str] | bool = False,
    download: str | os.PathLike[str] | bool = False,
    progress: Callable[[int, int | None], None] | None = None,
    **options: Any,
) -> Dataset:
    """Open the dataset or pack at `path`: its own folder, or a folder above it.

    format: skips the recognition. cache: pack the dataset at its first use and read the pack from then on; True keeps
    packs in pixelwise's cache folder ($PIXELWISE_CACHE), or give a folder. Every source file is looked at each time
    (one `stat` a file), and the pack is made anew where one changed. progress: of packing, called with (records done,
    records in all). Other options belong to the format (`labels="SegmentationClassAug"` for VOC, `source=True` for a
    pack, which refuses it where its source files changed).

    download: `path` may be the name of an archive, such as "voc2012"; it is got into this folder (True: a folder of
    that name here), once.

    Without a cache, lists are read when a split is asked for, and pixels when a sample is. Raises MissingError where
    there is nothing, FormatError where no format fits (it says what was looked for) or several do (it lists them),
    PackError for a pack that is unfinished or damaged; with a cache also what `pack` raises.
    """
    if download is not False:
        from .downloads import download as get

        path = get(str(path), Path(str(path) if download is True else download))
    dataset = open_files(path, format=format, **options)
    if cache is False:
        return dataset
    from .packs import cached

    return cached(dataset, cache, progress=progress)
