"""Arrays of any kind to the counting kernels: widths, byte order, alignment."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..types import I64

_MOST_PIXELS = 1 << 31  # of one kernel call, whose scratch counts in 32 bits


def add_counts(
    prediction: NDArray[Any], truth: NDArray[Any], num_classes: int, ignore_index: int | None, counts: I64
) -> None:
    """Add the pairs of two integer arrays of one size to `counts`, laid out as in `kernels.count`. Thread-safe."""
    void = ignore_index is not None, 0 if ignore_index is None else ignore_index
    prediction, truth = (_flat(ids, ignore_index) for ids in (prediction, truth))
    if num_classes > 254:  # classes, void and "not a class" do not fit in a byte
        kernels.count.count_pairs(prediction, truth, num_classes, *void, counts)
        return
    rows_of_bytes, rows_of_narrowed, columns = _tables(num_classes, ignore_index)
    rows = rows_of_bytes
    if truth.dtype != np.uint8:
        truth, rows = _narrow(truth, num_classes, *void, num_classes, num_classes + 1), rows_of_narrowed
    if prediction.dtype != np.uint8:
        prediction = _narrow(prediction, num_classes, False, 0, num_classes, num_classes)
    lanes = np.zeros((2, counts.size), np.uint32)
    for start in range(0, len(truth), _MOST_PIXELS):
        p, t = (_aligned(a[start : start + _MOST_PIXELS]) for a in (prediction, truth))
        whole = len(t) // 8 * 8
        words = p[:whole].view(np.uint64), t[:whole].view(np.uint64)
        kernels.count.count_byte_pairs(p, t, *words, rows, columns, lanes, counts)


@lru_cache
def _tables(num_classes: int, void: int | None) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    # For each byte: where its row of counts starts, as a raw truth value and as a narrowed one; its column.
    value = np.arange(256, dtype=np.uint32)
    rows = np.where(value < num_classes, value, np.uint32(num_classes + 1))
    if void is not None and 0 <= void < 256:
        rows[void] = num_classes
    columns = np.minimum(value, np.uint32(num_classes))
    width = np.uint32(num_classes + 1)
    return rows * width, np.minimum(value, width) * width, columns


def argmax_ids(logits: NDArray[Any], out: NDArray[Any]) -> int:
    """Class ids of (C, H, W) float logits into `out` (H, W), the first of equal maxima; reads the logits once.

    Returns the flat index of the first pixel with a NaN, in which case `out` is incomplete, or -1. Thread-safe.
    """
    wide = np.dtype(np.float32 if logits.dtype.itemsize <= 4 else np.float64)
    planes = np.ascontiguousarray(logits, wide).reshape(len(logits), -1)
    block = kernels.count.ARGMAX_BLOCK
    return int(kernels.count.argmax(planes, np.empty(block, wide), np.empty(block, np.int32), out.reshape(-1)))


def _flat(ids: NDArray[Any], ignore_index: int | None) -> NDArray[Any]:
    flat = np.ascontiguousarray(ids).reshape(-1)
    if flat.dtype != np.uint64:
        return flat
    # The kernels compare as int64, in which large values would be negative. Those are neither a class nor void; only
    # void may be one of them if `ignore_index` is, and that it cannot be: it is an int64.
    stray = -2 if ignore_index == -1 else -1
    return np.where(flat > np.uint64(np.iinfo(np.int64).max), stray, flat.astype(np.int64))


def codes_of(
    prediction: NDArray[Any], truth: NDArray[Any], num_classes: int, ignore_index: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both labels as codes of one type, uint8 or uint16, in which both have the void of the truth.

    A class is its id; C + 1 is void, C + 2 stands for all outside the classes. C is free.
    """
    has, ignore = ignore_index is not None, ignore_index or 0
    void, outside = num_classes + 1, num_classes + 2
    if outside < 256:
        p, t = (_flat(ids, ignore_index) for ids in (prediction, truth))
        if t.dtype != np.uint8:
            t, has, ignore = _narrow(t, num_classes, has, ignore, void, outside), True, void
        if p.dtype != np.uint8:
            p = _narrow(p, num_classes, False, 0, void, outside)
        has = has and 0 <= ignore < 256
        p, t = (np.require(ids, requirements="W") for ids in (p, t))  # kernels of fixed types take no read-only memory
        out = np.empty((2, *truth.shape), np.uint8)
        kernels.count.share_void(p, t, num_classes, has, ignore if has else 0, *out.reshape(2, -1))
        return out[0], out[1]
    empty = truth == ignore_index if has else np.zeros(truth.shape, bool)
    p, t = (np.where((ids >= 0) & (ids < num_classes), ids, outside).astype(np.uint16) for ids in (prediction, truth))
    p[empty] = t[empty] = void
    return p, t


def _narrow(
    ids: NDArray[Any], num_classes: int, has_ignore: bool, ignore: int, void: int, other: int
) -> NDArray[np.uint8]:
    out = np.empty(len(ids), np.uint8)
    kernels.count.narrow(ids, num_classes, has_ignore, ignore, void, other, out)
    return out


def _aligned(ids: NDArray[Any]) -> NDArray[Any]:
    # The kernel reads eight bytes at once; one image of a batch may start anywhere.
    return ids if ids.ctypes.data % 8 == 0 else ids.copy()
