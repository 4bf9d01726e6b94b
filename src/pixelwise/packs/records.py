"""The record of a sample: read from its source, checked against what the source promised, encoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..dataset.sources import FileSource, Source
from ..errors import LabelError, PairError
from ..types import Sample
from .index import Record
from .inventory import Inventory


def fetch(inventory: Inventory, row: int) -> Record:
    """Read the sample of one record and encode it. Thread-safe."""
    source, index = inventory.sources[inventory.source[row]], int(inventory.index[row])
    sample = source.read(index)
    expected = tuple(inventory.sizes[row].tolist())
    if sample.size != expected:
        raise PairError(
            f"has {sample.size[0]} x {sample.size[1]} pixels, its source promised {expected[0]} x {expected[1]}",
            code="size-mismatch", where=sample.name,
        )  # fmt: skip
    if sample.label is None and source.has_labels:
        raise PairError("has no label, its source promised one", code="missing-label", where=sample.name)
    classes = inventory.dataset.classes
    label: Any = None if sample.label is None else np.ascontiguousarray(sample.label)
    if label is not None and not (type(source) is FileSource and source.classes is classes):
        check_class_ids(label, classes, sample.name)  # files were just checked against the same table
        label = label.astype(classes.dtype, copy=False)
    instances = None if sample.instances is None else _object_numbers(sample)
    sample = replace(sample, image=np.ascontiguousarray(sample.image), label=label, instances=instances)
    record = inventory.encoding.encode(sample, _plain_file(source, index))
    inventory.check_unchanged(row)
    return record


def check_class_ids(label: NDArray[Any], classes: ClassTable, where: object) -> None:
    """LabelError `class-out-of-range` unless the (H, W) label holds only ids of `classes` and its `ignore_index`."""
    ignore = classes.ignore_index
    what = f"the label is {label.dtype}"
    if label.dtype in (np.uint8, np.uint16):
        highest = int(np.iinfo(label.dtype).max)
        top = min(len(classes) - 1, highest)
        void = top if ignore is None or ignore > highest else ignore
        if not kernels.values.outside(label.reshape(-1), label.dtype.type(top), label.dtype.type(void)):
            return
        wrong = (label > top) & (label != void)
        what = f"{wrong.sum()} label pixels are not class ids, the first is {label[wrong][0]}"
    raise LabelError(
        what, code="class-out-of-range", where=where,
        fix=f"labels hold 0..{len(classes) - 1} and ignore_index {ignore}, as uint8 or uint16",
    )  # fmt: skip


def _object_numbers(sample: Sample) -> NDArray[Any]:
    found: NDArray[Any] = np.ascontiguousarray(sample.instances)
    if found.shape != sample.size or found.dtype not in (np.uint8, np.uint16, np.uint32):
        raise LabelError(
            f"instances must be (H, W) uint8, uint16 or uint32, got {found.shape} {found.dtype}",
            code="unsupported-label-mode", where=sample.name,
        )  # fmt: skip
    return found


def _plain_file(source: Source, index: int) -> str | None:
    """The sample's image file, if any reader gets the same pixels from it."""
    if type(source) is FileSource and source.decoding.plain_images:
        return source.path(source.images, index)
    return None
