"""Stored label values to class ids: checking, mapping, and which values occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit


@jit
def outside(values: Any, top: Any, ignore: Any) -> bool:
    """Whether any of the (n,) unsigned values is neither `ignore` nor in 0..top (of the same dtype)."""
    for start in range(0, values.shape[0], 4096):  # blocks: the inner loop has no exit, so that it vectorizes
        block = values[start : start + 4096]
        bad = np.uint8(0)
        for i in range(block.shape[0]):
            bad |= np.uint8((block[i] > top) & (block[i] != ignore))
        if bad:
            return True
    return False


@jit
def map_values(values: Any, ids: Any, out: Any) -> bool:
    """out[i] = ids[values[i]] for (n,) unsigned values; whether all of these ids are >= 0."""
    bad = np.int32(0)
    for i in range(values.shape[0]):
        found = ids[values[i]]
        bad |= found
        out[i] = found
    return bool(bad >= 0)


@jit
def mark_present(values: Any, seen: Any) -> None:
    """seen[v] = 1 for every v in the (n,) unsigned values; seen is uint8 and as long as the values can be."""
    for i in range(values.shape[0]):
        seen[values[i]] = 1


@jit
def count_ids(label: Any, counts: Any) -> None:
    """counts[id] += number of pixels of each id; ids at or beyond the length of counts are left out."""
    top = counts.shape[0]
    for i in range(label.shape[0]):
        for j in range(label.shape[1]):
            v = label[i, j]
            if v < top:
                counts[v] += 1


@jit
def find_ranks(label: Any, entry_of: Any, ranks: Any, seen: Any, out: Any) -> None:
    """out[e, m] = (y, x) of the ranks[e, m]-th pixel, in reading order, of the id whose entry is e.

    entry_of[id] is e, or -1. ranks are sorted along m. seen: (E, 2) zeros, pixels and ranks passed so far.
    """
    number, top = ranks.shape[1], entry_of.shape[0]
    for i in range(label.shape[0]):
        for j in range(label.shape[1]):
            v = label[i, j]
            if v >= top:
                continue
            e = entry_of[v]
            if e < 0:
                continue
            m = seen[e, 1]
            while m < number and ranks[e, m] == seen[e, 0]:
                out[e, m, 0], out[e, m, 1] = i, j
                m += 1
            seen[e, 1] = m
            seen[e, 0] += 1


@jit
def count_values(values: Any, counts: Any) -> None:
    """counts[v] += the number of v, for (n,) unsigned values; counts: int64, longer than the largest value.
    The plain path, and the reference for `count_bytes`.
    """
    for i in range(values.shape[0]):
        counts[values[i]] += 1


@jit
def count_bytes(values: Any, words: Any, counts: Any) -> None:
    """As `count_values` for (n,) uint8, with the same bytes as (n // 8,) uint64. counts: (256,) int64.

    Labels are flat: eight pixels that repeat one value cost one load and a compare.
    """
    spread = np.uint64(0x0101010101010101)
    low = np.uint64(0xFF)
    end = words.shape[0]
    k = 0
    while k < end:
        word = words[k]
        if word == (word & low) * spread:
            start = k
            k += 1
            while k < end and words[k] == word:
                k += 1
            counts[word & low] += (k - start) << 3
        else:
            for j in range(8):
                counts[word >> np.uint64(j << 3) & low] += 1
            k += 1
    for i in range(8 * end, values.shape[0]):
        counts[values[i]] += 1
