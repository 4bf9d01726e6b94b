"""Where the pixels of each class are, found once, for crops around them.

    index = pw.class_index(train)
    loader = pw.Loader(train, 8, [pw.RandomClassCrop(512, index=index, p=0.5), pw.Normalize()])

A crop that must show a class need not be drawn again and again until it does: the index knows places.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import check_count
from ..dataset.splits import Split
from ..errors import UsageError
from ..formats.given import Data, SplitNames, as_split
from ..hints import hinted
from ..labels import count_values
from ..randomness import Draws
from ..threads import Pool, in_order, run_in, with_progress
from ..transforms.class_crop import ClassIndex
from ..types import I64, Label, Progress


@hinted
def class_index(
    data: Data,
    *,
    splits: SplitNames = None,
    positions: int = 16,
    path: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    pool: Pool | None = None,
    **options: Any,
) -> ClassIndex:
    """Read every label of a split once and remember where its classes are.

    data: a Split, a Dataset or the path of one (`options` are those of `pixelwise.open`). splits: the name or names of
    the splits to index, joined in this order; by default the first split. positions: how many pixels to remember of
    each class in each sample. path: a file that keeps the index; it is read if it holds the index of this split, and
    written otherwise. threads: by default one per core. progress: called with (samples done, samples in all).
    pool: where labels are read instead of on threads; see `Pool`.

    The draws depend on the sample alone, so the index is always the same. UsageError for a split without labels
    (`no-labels`) or samples (`empty-split`).
    """
    split = as_split(data, splits, verb="class_index", **options)
    check_count("positions", positions)
    if not split.has_labels:
        raise UsageError(f"split {split.name!r} has no labels to index", code="no-labels")
    if not len(split):
        raise UsageError(f"split {split.name!r} is empty", code="empty-split")
    if path is not None and Path(path).exists():
        kept = ClassIndex.load(path)
        if kept.split == split.fingerprint and kept.positions.shape[1] == positions:
            return kept

    look = partial(_look, split, positions)
    with run_in(pool):
        found = list(with_progress(in_order(look, range(len(split)), threads), len(split), progress))
    start = np.concatenate([[0], np.cumsum([len(f[0]) for f in found])]).astype(np.int64)
    classes, counts, places = (np.concatenate(parts) for parts in zip(*found, strict=True))
    index = ClassIndex(start, classes.astype(np.uint16), counts, places, split.classes.names, split.fingerprint)
    if path is not None:
        index.save(path)
    return index


def _look(split: Split, positions: int, index: int) -> tuple[I64, I64, NDArray[np.uint32]]:
    label = split.read(index).label
    assert label is not None
    return _places(label, len(split.classes), Draws(0, 0, np.array([index])), positions)


def _places(label: Label, classes: int, draws: Draws, positions: int) -> tuple[I64, I64, NDArray[np.uint32]]:
    """The classes of a label, their pixels, and `positions` pixels (y, x) of each, drawn uniformly."""
    ids, counts = count_values(label)
    known = np.searchsorted(ids, classes)
    ids, counts = ids[:known], counts[:known]
    entry_of = np.full(classes, -1, np.int64)
    entry_of[ids] = np.arange(known)
    ranks = np.sort((draws.grid(ids, positions) * counts[:, None]).astype(np.int64), axis=1)
    out = np.zeros((known, positions, 2), np.uint32)
    kernels.values.find_ranks(label, entry_of, ranks, np.zeros((known, 2), np.int64), out)
    return ids, counts, out
