"""Charts: what the page draws of the counts: pixels by class, sizes, classes per sample, classes together."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..types import I64
from .entries import Entries
from .measures import Measures

_BARS: Final = 12
_MOST_TOGETHER: Final = 40
"""Show which classes occur together for at most so many of them, the most frequent ones."""
_MOST_SHARES: Final = 60
"""Draw the shares of at most so many classes, the largest ones."""
_PART: Final = 65_536


def chart_values(entries: Entries, measures: Measures, split: str | None) -> dict[str, Any]:
    """The values of all charts of a split (or of all), as far as they were counted. KeyError for no such split.

    share: (id, share) of the pixels that have a class, the largest first, and of how many classes that occur. sides:
    (lowest, highest, samples) of the shorter side. per_sample: in how many samples so many classes occur. ids,
    together: the samples that hold two classes.
    """
    within = entries.range_of(split)
    found, classes = measures.counts(), len(entries.classes)
    chosen = (found.entry >= within.start) & (found.entry < within.stop) & (found.id < classes)
    entry, id = found.entry[chosen].astype(np.int64) - within.start, found.id[chosen].astype(np.int64)
    area = np.bincount(id, weights=found.pixels[chosen], minlength=classes)
    per_sample = np.bincount(np.bincount(entry)) if len(entry) else np.zeros(1, np.int64)
    images = np.bincount(id, minlength=classes)
    ids = np.sort(np.argsort(-images, kind="stable")[: min(_MOST_TOGETHER, np.count_nonzero(images))])
    largest = np.argsort(-area, kind="stable")[: min(_MOST_SHARES, np.count_nonzero(area))]
    return {
        "share": [[id, float(area[id] / area.sum())] for id in largest.tolist()],
        "classes": int(np.count_nonzero(area)),
        "sides": _sides(measures.sizes[within.start : within.stop].min(axis=1)),
        "per_sample": [[n, int(count)] for n, count in enumerate(per_sample) if n and count],
        "ids": ids.tolist(),
        "together": _together(entry, id, ids, len(within)).tolist(),
    }


def _sides(sides: Any) -> list[list[int]]:
    """(lowest, highest, samples) of equal steps, or of each value if there are few."""
    values, counts = np.unique(sides[sides > 0], return_counts=True)
    if len(values) <= _BARS:
        return [[v, v, n] for v, n in zip(values.tolist(), counts.tolist(), strict=True)]
    edges = np.unique(np.linspace(values[0], values[-1] + 1, _BARS + 1).astype(np.int64))
    sums = np.add.reduceat(np.append(counts, 0), np.searchsorted(values, edges[:-1]))
    return [[a, b - 1, n] for a, b, n in zip(edges.tolist(), edges[1:].tolist(), sums.tolist(), strict=False)]


def _together(entry: I64, id: I64, ids: I64, entries: int) -> I64:
    """(k, k) int64: in how many entries two of the classes `ids` occur; the diagonal has those of each."""
    place = np.full(65_536, -1)
    place[ids] = np.arange(len(ids))
    out = np.zeros((len(ids), len(ids)), np.int64)
    for first in range(0, entries, _PART):
        rows = (entry >= first) & (entry < first + _PART) & (place[id] >= 0)
        there = np.zeros((_PART, len(ids)), np.float32)  # exact: sums stay far below 2^24
        there[entry[rows] - first, place[id[rows]]] = 1
        out += (there.T @ there).astype(np.int64)
    return out
