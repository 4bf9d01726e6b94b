"""Objects: pixels of each numbered object in the truth, by what was predicted there."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import words
from .compiling import jit_of, part


@part
def _changes(array: Any, start: Any) -> Any:
    # Which of 64 values from `start` on differ from the next one, as bits; the last of them has a next one.
    address, size = array.ctypes.data + start * array.itemsize, array.itemsize
    if size == 1:
        return words.differ64(address, address + 1)
    if size == 2:
        return words.differ64_16(address, address + 2)
    return words.differ64_32(address, address + 4)


_COUNT = "int64({0}[::1], {0}[::1], {1}[::1], int64, int64, int32[::1], int32[::1], int64[:, :, ::1])"


@jit_of(*(_COUNT.format(*kinds) for kinds in (("uint8", "uint8"), ("uint8", "uint16"), ("uint8", "int32"))),
        _COUNT.format("uint16", "int32"))  # fmt: skip
def count_objects(
    prediction: Any, truth: Any, numbers: Any, classes: Any, first: Any, slots: Any, groups: Any, out: Any
) -> int:
    """Add to `out` (K, C, 3) int64, by slot and class of the truth: pixels, those that agree, and those of one group.

    prediction, truth: (N,) codes, of which 0..classes-1 are classes. numbers: (N,), of which those from `first` are
    objects. slots: (M,) int32 zeros, M above all numbers; each object gets a slot in the order of appearance, from 1.
    groups: (C,) int32, the group of each class. Returns how many slots there are, or -1 if there is no room for them;
    `slots` and `out` are of no use then.

    A run of pixels that are alike in all three, of up to 64, is counted at once.
    """
    used, one = 0, np.uint64(1)
    n = numbers.shape[0]
    for block in range(0, n, 64):
        if block + 65 <= n:
            ends = _changes(numbers, block)
            if ends << one == np.uint64(0) and numbers[block] < first:
                continue
            ends |= _changes(truth, block) | _changes(prediction, block) | one << np.uint64(63)
        else:  # each pixel is a run
            ends = ~np.uint64(0) >> np.uint64(64 - min(64, n - block))
        start = block
        while ends:
            end = block + np.int64(words.lowest(ends)) + 1
            ends &= ends - one
            i, length = start, end - start
            start = end
            number, t = np.int64(numbers[i]), np.int64(truth[i])
            if number < first or t >= classes:
                continue
            if slots[number] == 0:
                if used == out.shape[0]:
                    return -1
                used += 1
                slots[number] = used
            slot, p = slots[number] - 1, np.int64(prediction[i])
            out[slot, t, 0] += length
            if p == t:
                out[slot, t, 1] += length
            if p < classes and groups[p] == groups[t]:
                out[slot, t, 2] += length
    return used
