"""The stable order of keys, by their digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit_of, part

_DIGITS, _BITS = 6, np.uint64(11)
_MASK = np.uint64(2047)


@part
def _moved(keys: Any, order: Any, to_keys: Any, to_order: Any, place: Any, shift: Any) -> None:
    # place: where the next key with each digit goes.
    for i in range(keys.shape[0]):
        key = keys[i]
        digit = (key >> shift) & _MASK
        to = place[digit]
        place[digit] = to + 1
        to_keys[to], to_order[to] = key, order[i]


@jit_of("void(uint64[::1], uint32[::1], uint64[::1], uint32[::1])")
def order_of(keys: Any, order: Any, more_keys: Any, more_order: Any) -> None:
    """order: the places of the keys if they ascend, equal ones as they were. All are (n,); `keys` is overwritten.

    A radix sort from the lowest digit on, without the digits that are the same in all keys. more_keys, more_order:
    whatever they hold.
    """
    n = keys.shape[0]
    counts = np.zeros((_DIGITS, 2048), np.int64)
    for i in range(n):
        order[i] = i
        rest = keys[i]
        for k in range(_DIGITS):
            counts[k, rest & _MASK] += 1
            rest >>= _BITS
    odd = False
    for k in range(_DIGITS):
        place, shift = counts[k], np.uint64(k) * _BITS
        if n == 0 or place[(keys[0] >> shift) & _MASK] == n:
            continue
        begin = np.int64(0)
        for digit in range(2048):
            count = place[digit]
            place[digit] = begin
            begin += count
        if odd:
            _moved(more_keys, more_order, keys, order, place, shift)
        else:
            _moved(keys, order, more_keys, more_order, place, shift)
        odd = not odd
    if odd:
        order[:] = more_order
