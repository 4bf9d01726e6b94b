"""Arrays of any kind to the counting kernels: widths, byte order, alignment."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels

_NO_IGNORE = -(1 << 63)  # no label holds it
_MOST_PIXELS = 1 << 31  # of one kernel call, whose scratch counts in 32 bits


def count_ids(
    truth: NDArray[Any], prediction: NDArray[Any], classes: int, ignore: int | None, counts: NDArray[np.int64]
) -> None:
    """Add the pairs of two integer arrays of one size to `counts`, laid out as in `kernels.count`."""
    void = _NO_IGNORE if ignore is None else ignore
    truth, prediction = _flat(truth), _flat(prediction)
    if classes > 254:  # classes, void and "no class" do not fit in a byte
        kernels.count.count_pairs(truth, prediction, classes, void, counts)
        return
    rows_of_bytes, rows_of_narrowed, columns = _tables(classes, void)
    rows = rows_of_bytes
    if truth.dtype != np.uint8:
        truth, rows = _narrow(truth, classes, void, classes + 1), rows_of_narrowed
    if prediction.dtype != np.uint8:
        prediction = _narrow(prediction, classes, _NO_IGNORE, classes)
    lanes = np.zeros((2, counts.size), np.uint32)
    for start in range(0, len(truth), _MOST_PIXELS):
        t, p = (_aligned(a[start : start + _MOST_PIXELS]) for a in (truth, prediction))
        whole = len(t) // 8 * 8
        words = t[:whole].view(np.uint64), p[:whole].view(np.uint64)
        kernels.count.count_bytes(t, p, *words, rows, columns, lanes, counts)


@lru_cache
def _tables(classes: int, void: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    # For each byte: where its row of counts starts, as a raw truth value and as a narrowed one; its column.
    value = np.arange(256, dtype=np.uint32)
    rows = np.where(value < classes, value, np.uint32(classes + 1))
    if 0 <= void < 256:
        rows[void] = classes
    columns = np.minimum(value, np.uint32(classes))
    width = np.uint32(classes + 1)
    return rows * width, np.minimum(value, width) * width, columns


def argmax_ids(logits: NDArray[Any], out: NDArray[Any]) -> int:
    """Class ids of (C, H, W) float logits into `out` (H, W), the first of equal maxima; reads the logits
    once.

    Returns the flat index of the first pixel with a NaN, in which case `out` is not complete, or -1.
    Thread-safe.
    """
    wide = np.dtype(np.float32 if logits.dtype.itemsize <= 4 else np.float64)
    planes = np.ascontiguousarray(logits, wide).reshape(len(logits), -1)
    block = kernels.count.BLOCK
    return int(kernels.count.argmax(planes, np.empty(block, wide), np.empty(block, np.int32), out.reshape(-1)))


def _flat(ids: NDArray[Any]) -> NDArray[Any]:
    ids = np.ascontiguousarray(ids, ids.dtype.newbyteorder("=")).reshape(-1)
    return ids.view(np.uint8) if ids.dtype == bool else ids


def _narrow(ids: NDArray[Any], classes: int, ignore: int, other: int) -> NDArray[np.uint8]:
    out = np.empty(len(ids), np.uint8)
    kernels.count.narrow(ids, classes, ignore, other, out)
    return out


def _aligned(ids: NDArray[Any]) -> NDArray[Any]:
    # The kernel reads eight bytes at once; one image of a batch may start anywhere.
    return ids if ids.ctypes.data % 8 == 0 else ids.copy()
