"""How many pixels of each class are in each sample: what statistics and class-aware sampling start from. Floor 4."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..dataset.sources import ArraySource, FileSource, Source
from ..dataset.splits import Split
from ..errors import UsageError
from ..files import read_bytes
from ..threads import in_order
from ..types import Label, Progress


def image_key(source: Source, position: int) -> int:
    """A hash that tells images apart within this process: by path, or by name in a pack or the like, whose splits are
    sources of their own and share names. A collision is unlikely: 3e-6 in ten million images.
    """
    if isinstance(source, FileSource):
        return hash(source.path(source.images, position))
    # Arrays are named by their number unless the caller names them: equal names in two sources mean nothing.
    return hash((source.names[position], id(source) if isinstance(source, ArraySource) else 0))


def count_label(label: Label, classes: int, ignore_index: int | None) -> NDArray[np.int64]:
    """(classes + 1,) int64: pixels of each class id in an (H, W) label; the last is void. Thread-safe.

    The label holds only ids of the table, as every reader gives it.
    """
    flat = np.ascontiguousarray(label).reshape(-1)
    counts = np.zeros(256 if flat.dtype == np.uint8 else 65_536, np.int64)
    if flat.dtype == np.uint8:
        kernels.values.count_bytes(flat, flat[: len(flat) // 8 * 8].view(np.uint64), counts)
    else:
        kernels.values.count_values(flat, counts)
    out = np.zeros(classes + 1, np.int64)
    known = min(classes, len(counts))
    out[:known] = counts[:known]
    if ignore_index is not None and ignore_index < len(counts):
        out[classes] = counts[ignore_index]
    return out


def read_labels_only(split: Split, index: int) -> Label:
    """The label of one sample, (H, W) class ids, without decoding its image where they are separate files."""
    source = split.source
    position = split.position(index)
    if isinstance(source, FileSource) and source.labels is not None:
        path = source.path(source.labels, position)
        return source.decoding.label(read_bytes(path), split.classes, path)
    label = source.read(position).label
    if label is None:
        raise UsageError(f"sample {source.names[position]!r} has no label to count", code="no-labels")
    return label


def count_classes(
    split: Split, threads: int | None = None, progress: Progress | None = None
) -> NDArray[np.int64]:
    """(N, C + 1) int64: pixels of each class in each sample of the split; the last column is void.

    Reads each label once, on all cores (`threads`), and no image where images and labels are separate files. Raises
    the error of a label that cannot be read, UsageError `no-labels` for a split without labels. progress: called with
    (done, total). Memory: 8 (C + 1) bytes a sample.
    """
    if not split.has_labels:
        raise UsageError(f"split {split.name!r} has no labels to count", code="no-labels")
    classes, void = len(split.classes), split.classes.ignore_index
    out = np.zeros((len(split), classes + 1), np.int64)

    def count(i: int) -> Any:
        return count_label(read_labels_only(split, i), classes, void)

    for i, row in enumerate(in_order(count, range(len(split)), threads)):
        out[i] = row
        if progress is not None:
            progress(i + 1, len(split))
    return out
