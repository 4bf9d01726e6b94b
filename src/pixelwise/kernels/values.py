"""Label values: checking, mapping to class ids, counting, and finding pixels by rank."""

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
def tally(values: Any, words: Any, counts: Any) -> None:
    """counts[v] += the number of v, for (n,) uint8 or uint16; counts: int64, longer than the largest value.

    words: the same values, eight bytes at a time, as uint64; the last few that fill no word are left out. Labels are
    flat: a run of words that repeat one value costs one load and one compare per word.
    """
    per_word = 8 // values.itemsize
    bits = np.uint64(64 // per_word)
    low = (np.uint64(1) << bits) - np.uint64(1)
    spread = np.uint64(0xFFFFFFFFFFFFFFFF) // low
    end = words.shape[0]
    k = 0
    while k < end:
        word = words[k]
        if word == (word & low) * spread:
            start = k
            k += 1
            while k < end and words[k] == word:
                k += 1
            counts[word & low] += (k - start) * per_word
        else:
            for _ in range(per_word):
                counts[word & low] += 1
                word >>= bits
            k += 1
    for i in range(per_word * end, values.shape[0]):
        counts[values[i]] += 1


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
