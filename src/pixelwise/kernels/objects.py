"""Objects: pixels of each numbered object in the truth, by what was predicted there."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import words
from .compiling import jit_of, part


@part
def _flat(words: Any, k: Any) -> Any:
    # Whether the eight int32 of four words from 4 k on are equal.
    first = words[4 * k]
    same = first >> np.uint64(32) == first & np.uint64(0xFFFFFFFF)
    return same and (first ^ words[4 * k + 1] | first ^ words[4 * k + 2] | first ^ words[4 * k + 3]) == np.uint64(0)


_COUNT = (
    "int64({0}[::1], {0}[::1], int32[::1], uint64[::1], uint64[::1], uint64[::1], int64, int32, int32[::1], "
    "int32[::1], int64[:, :, ::1])"
)


@jit_of(_COUNT.format("uint8"), _COUNT.format("uint16"))
def count_objects(
    prediction: Any, truth: Any, numbers: Any, prediction8: Any, truth8: Any, numbers2: Any, classes: Any, first: Any,
    slots: Any, groups: Any, out: Any,
) -> int:  # fmt: skip
    """Add to `out` (K, C, 3) int64, by slot and class of the truth: pixels, those that agree, and those of one group.

    prediction, truth: (N,) codes, of which 0..classes-1 are classes. numbers: (N,), of which those from `first` are
    objects. prediction8, truth8, numbers2: the same memory as words, of whole eights; empty if codes are not bytes.
    slots: (M,) int32 zeros, M above all numbers; each object gets a slot in the order of appearance, from 1. groups:
    (C,) int32, the group of each class. Returns how many slots there are, or -1 if there is no
    room for them; `slots` and `out` are of no use then.

    Of bytes, 64 or eight pixels at once where all three are flat, as most of an image is.
    """
    used = 0
    spread, low, none = np.uint64(0x0101010101010101), np.uint64(0xFF), np.uint64(0)
    n = numbers.shape[0]
    at_numbers, at_truth, at_prediction = numbers.ctypes.data, truth.ctypes.data, prediction.ctypes.data
    for block in range(0, n, 64):
        size = min(64, n - block)
        step = 8
        if truth8.shape[0] and block + 65 <= n:  # each value against the next one
            a, t_at, p_at = at_numbers + 4 * block, at_truth + block, at_prediction + block
            apart = words.differ64(a, a + 4) | words.differ64(a + 64, a + 68)
            if apart | words.differ64(a + 128, a + 132) | words.differ64(a + 192, a + 196) == none:
                if numbers[block] < first:
                    continue
                if words.differ64(t_at, t_at + 1) | words.differ64(p_at, p_at + 1) == none:
                    step = 64
        for start in range(block, block + size, step):
            k, end, length = start >> 3, min(start + step, n), 1
            if step == 64:
                length = 64
            elif k < truth8.shape[0] and _flat(numbers2, k):
                if numbers[start] < first:
                    continue
                t8, p8 = truth8[k], prediction8[k]
                length = 8 if t8 == (t8 & low) * spread and p8 == (p8 & low) * spread else 1
            for i in range(start, end, length):
                number, t = numbers[i], truth[i]
                if number < first or t >= classes:
                    continue
                if slots[number] == 0:
                    if used == out.shape[0]:
                        return -1
                    used += 1
                    slots[number] = used
                slot, p = slots[number] - 1, prediction[i]
                out[slot, t, 0] += length
                if p == t:
                    out[slot, t, 1] += length
                if p < classes and groups[p] == groups[t]:
                    out[slot, t, 2] += length
    return used
