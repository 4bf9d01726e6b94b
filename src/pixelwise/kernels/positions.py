"""Where the pixels of each class lie: counts, and positions drawn uniformly."""

from __future__ import annotations

from typing import Any

from . import jit


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
