"""How many pixels of each class are in each sample: the start of statistics and of class-aware sampling."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..dataset.sources import FileSource
from ..dataset.splits import Split
from ..errors import UsageError
from ..files.reading import read_bytes
from ..formats.given import Data, SplitNames, as_split
from ..hints import hinted
from ..labels import count_values
from ..threads import Pool, in_order, run_in, with_progress
from ..types import I64, Label, Progress


def count_label(label: Label, classes: int, ignore_index: int | None) -> I64:
    """(classes + 1,) int64: pixels of each class id in an (H, W) label; the last is void. Other ids are left out.

    Thread-safe.
    """
    out = np.zeros(classes + 1, np.int64)
    ids, counts = count_values(label)
    for i, pixels in zip(ids.tolist(), counts.tolist(), strict=True):  # a label has few: a loop beats array operations
        if i < classes:
            out[i] = pixels
        if i == ignore_index:
            out[classes] = pixels
    return out


def read_labels_only(split: Split, index: int) -> Label:
    """The label of one sample, (H, W) class ids, without decoding its image if they are separate files."""
    source = split.source
    position = split.position(index)
    if isinstance(source, FileSource) and source.labels is not None:
        path = source.path(source.labels, position)
        return source.decoding.label(read_bytes(path), split.classes, path)
    label = split.read(index).label
    if label is None:
        raise UsageError(f"sample {source.names[position]!r} has no label to count", code="no-labels")
    return label


@hinted
def count_classes(
    data: Data,
    *,
    splits: SplitNames = None,
    threads: int | None = None,
    progress: Progress | None = None,
    pool: Pool | None = None,
    **options: Any,
) -> I64:
    """(N, C + 1) int64: pixels of each class in each of N samples; the last column is void.

        >>> import numpy as np, pixelwise as pw
        >>> image, label = np.zeros((2, 3, 3), np.uint8), np.array([[0, 1, 1], [1, 0, 255]], np.uint8)
        >>> table = pw.ClassTable(("road", "car"))
        >>> pw.count_classes(pw.Split("train", table, pw.ArraySource([image], [label]))).tolist()
        [[2, 3, 1]]

    data: a Split, a Dataset or the path of one (`options` are those of `pixelwise.open`). splits: the name or names of
    the splits to count, joined in this order; by default the first split. threads: by default one per core. progress:
    called with (samples done, samples in all). pool: where labels are read instead of on threads; see `Pool`.

    Reads each label once, and no image if images and labels are separate files. Memory: 8 (C + 1) bytes per sample.
    Raises the error of a label that cannot be read, UsageError `no-labels` for a split without labels.
    """
    split = as_split(data, splits, verb="count_classes", **options)
    if not split.has_labels:
        raise UsageError(f"split {split.name!r} has no labels to count", code="no-labels")
    out = np.zeros((len(split), len(split.classes) + 1), np.int64)
    with run_in(pool):
        rows = in_order(partial(_count, split), range(len(split)), threads)
        for i, row in enumerate(with_progress(rows, len(split), progress)):
            out[i] = row
    return out


def _count(split: Split, index: int) -> I64:
    return count_label(read_labels_only(split, index), len(split.classes), split.classes.ignore_index)
