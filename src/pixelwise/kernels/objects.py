"""Objects: pixels of each numbered object in the truth, by what was predicted there."""

from __future__ import annotations

from typing import Any

from .compiling import jit


@jit
def number_objects(numbers: Any, truth: Any, classes: Any, first: Any, slots: Any) -> int:
    """Give each number from `first` on that has a pixel of a class a slot, in the order of appearance; how many.

    numbers: (N,) integers below `len(slots)`. truth: (N,) ids, of which 0..classes-1 are classes. slots: (M,) int32 of
    -1, where the slots are written.
    """
    found = 0
    last = -1
    for i in range(numbers.shape[0]):
        n = numbers[i]
        if n == last or n < first or not 0 <= truth[i] < classes:
            continue
        last = n
        if slots[n] < 0:
            slots[n] = found
            found += 1
    return found


@jit
def count_objects(
    prediction: Any, truth: Any, numbers: Any, classes: Any, first: Any, slots: Any, groups: Any, out: Any
) -> None:
    """Add to `out` (K, C, 3) int64, by slot and class of the truth: pixels, those that agree, and those of one group.

    groups: (C,) int32, the group of each class. prediction: (N,) ids of any integers. The rest is as above.
    """
    for i in range(numbers.shape[0]):
        n = numbers[i]
        t = truth[i]
        if n < first or not 0 <= t < classes:
            continue
        k = slots[n]
        p = prediction[i]
        out[k, t, 0] += 1
        if p == t:
            out[k, t, 1] += 1
        if 0 <= p < classes and groups[p] == groups[t]:
            out[k, t, 2] += 1
