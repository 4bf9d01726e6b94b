"""Where the classes lie, found once, and crops around them.

    index = pw.class_index(train)
    loader = pw.Loader(train, 8, [pw.ClassCenteredCrop(512, 512, index, p=0.5), pw.Normalize()])

A crop that must show a class is not drawn again and again until it does: the index knows places.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import is_whole
from ..dataset.splits import Split
from ..errors import UsageError
from ..randomness import Draws
from ..threads import in_order
from ..transforms.class_crop import ClassIndex
from ..transforms.plans import I64
from ..types import Label, Progress


def class_index(
    split: Split,
    *,
    positions: int = 16,
    path: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ClassIndex:
    """Read every label of a split once and note where its classes lie.

    positions: how many pixels to remember of each class in each sample. path: a file that keeps the index; it is
    read instead where it holds the index of this split, and written otherwise. The draws are addressed by the sample,
    so the index is always the same. UsageError for a split without labels.
    """
    if not split.has_labels:
        raise UsageError(f"the split {split.name!r} has no labels", code="no-labels")
    if not is_whole(positions) or positions < 1:
        raise UsageError(f"positions must be a whole number above 0, got {positions!r}")
    if not len(split):
        raise UsageError(f"the split {split.name!r} is empty", code="empty-split")
    if path is not None and Path(path).exists():
        kept = ClassIndex.load(path)
        if kept.split == split.fingerprint and kept.positions.shape[1] == positions:
            return kept
    number, total = len(split.classes), len(split)

    def look(i: int) -> tuple[Any, Any, Any]:
        label = split.read(i).label
        assert label is not None
        return _places(label, number, Draws(0, 0, np.array([i])), positions)

    found = []
    for i, result in enumerate(in_order(look, range(total), threads)):
        found.append(result)
        if progress is not None:
            progress(i + 1, total)
    start = np.concatenate([[0], np.cumsum([len(f[0]) for f in found])]).astype(np.int64)
    classes, counts, places = (np.concatenate([f[k] for f in found]) for k in range(3))
    index = ClassIndex(start, classes, counts, places, split.classes.names, split.fingerprint)
    if path is not None:
        index.save(path)
    return index


def _places(
    label: Label, number: int, draws: Draws, positions: int
) -> tuple[NDArray[np.uint16], I64, NDArray[np.uint32]]:
    counts = np.zeros(number, np.int64)
    kernels.values.count_ids(label, counts)
    present = np.flatnonzero(counts)
    entry_of = np.full(number, -1, np.int64)
    entry_of[present] = np.arange(len(present))
    u = np.array([[draws.uniform(int(c), m)[0] for m in range(positions)] for c in present]).reshape(-1, positions)
    ranks = np.sort((u * counts[present][:, None]).astype(np.int64), axis=1)
    out = np.zeros((len(present), positions, 2), np.uint32)
    kernels.values.find_ranks(label, entry_of, ranks, np.zeros((len(present), 2), np.int64), out)
    return present.astype(np.uint16), counts[present], out
