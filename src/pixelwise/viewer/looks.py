"""Looks: what an order or a filter needs of the images themselves, found in the background when first asked for.

Near duplicates are found as `check` finds them (`checks.similar`), from small versions of the images.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..checks.similar import close_pairs, hashes
from ..errors import PixelwiseError
from ..files.mapping import guarded
from ..types import F64, I64, U64
from .entries import Entries, Item
from .pictures import THUMBNAIL, image_pixels


class Pass:
    """One pass over the entries `within`, in a thread of its own. counted: the entries that were looked at so far."""

    def __init__(self, within: Sequence[int]) -> None:
        self.within: Sequence[int] = within
        self.counted: int = 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="pixelwise-view-pass", daemon=True)

    def start(self) -> None:
        """Begin, unless that was done before."""
        with self._lock:
            if self._thread.ident is None and not self._stop.is_set():
                self._thread.start()

    @property
    def begun(self) -> bool:
        """Whether anything was asked for."""
        return self._thread.ident is not None

    def complete(self) -> None:
        """Return when all is known."""
        self.start()
        self._thread.join()

    def stop(self) -> None:
        """End after the entry at hand."""
        self._stop.set()

    def _run(self) -> None:
        for done, number in enumerate(self.within, 1):
            if self._stop.is_set():
                return
            self._look(number)
            self.counted = done

    def _look(self, number: int) -> None:
        """Look at an entry; raises nothing."""
        raise NotImplementedError


class Looked(Pass):
    """A pass over entries, by default all, for what an order or a filter needs of each."""

    def __init__(self, entries: Entries, within: Sequence[int] | None = None) -> None:
        super().__init__(range(len(entries)) if within is None else within)
        self._entries = entries

    def _look(self, number: int) -> None:
        with suppress(PixelwiseError), guarded():  # the entry is shown with its error
            self._find(number, self._entries.entry(number))

    def _find(self, number: int, item: Item) -> None:
        raise NotImplementedError


class Objects(Looked):
    """How many objects each entry has: numbers other than 0 in its map of objects, where its label is not void."""

    def __init__(self, entries: Entries, within: Sequence[int] | None = None) -> None:
        super().__init__(entries, within)
        self._found = np.zeros(len(entries), np.uint32)  # one more than the objects; memory that is not written is free

    def keys(self) -> F64:
        """(n,) float64: objects of each entry; NaN where that is not known, or there is no map of objects."""
        self.start()
        return np.where(self._found > 0, self._found - 1.0, np.nan)

    def _find(self, number: int, item: Item) -> None:
        sample = item.split.read(item.at)
        if sample.instances is not None:
            numbers: Any = sample.instances
            if sample.label is not None and item.split.classes.ignore_index is not None:
                numbers = numbers[sample.label != item.split.classes.ignore_index]
            self._found[number] = 1 + np.count_nonzero(np.unique(numbers))


class Alike(Looked):
    """Groups of entries whose images are the same, or nearly: equal up to size, compression or brightness."""

    def __init__(self, entries: Entries, within: Sequence[int] | None = None) -> None:
        super().__init__(entries, within)
        n = len(entries)
        self._coarse, self._fine, self._seen = np.zeros(n, np.uint64), np.zeros((n, 4), np.uint64), np.zeros(n, bool)
        self._exact: U64 = np.zeros(n, np.uint64)
        self._groups: tuple[int, F64] | None = None

    def keys(self) -> F64:
        """(n,) float64: the group of each entry, the larger ones first; NaN for one without another like it."""
        self.start()
        counted, found = self.counted, self._groups
        # It costs more the more there are: while they are looked at, it is done again for every tenth part more.
        more = found is None or (counted != found[0] and (counted == len(self.within) or counted > found[0] * 1.1))
        if found is None or more:
            found = self._groups = counted, self._grouped()
        return found[1]

    def _find(self, number: int, item: Item) -> None:
        image = image_pixels(item, THUMBNAIL)
        if image.min() == image.max():  # blank: as in `check`, like every other blank one
            return
        self._exact[number], self._coarse[number], self._fine[number] = hashes(image)
        self._seen[number] = True

    def _grouped(self) -> F64:
        seen = self._seen.copy()
        pairs = close_pairs(self._coarse, self._fine, seen)[:, :2]
        order = np.flatnonzero(seen)[np.argsort(self._exact[seen], kind="stable")]
        same = np.flatnonzero(self._exact[order[1:]] == self._exact[order[:-1]])
        pairs = np.concatenate([pairs, np.stack([order[same], order[same + 1]], axis=1)])
        first = _joined(len(seen), pairs)
        sizes = np.bincount(first, minlength=len(seen))
        heads = np.flatnonzero(sizes > 1)
        rank = np.full(len(seen), np.nan)
        rank[heads[np.argsort(-sizes[heads], kind="stable")]] = np.arange(len(heads))
        return np.asarray(rank[first])


def _joined(n: int, pairs: I64) -> I64:
    """(n,) int64: the first of those that are joined to each by pairs."""
    first = np.arange(n)

    def head(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = int(first[i])
        return i

    for a, b in pairs.tolist():
        low, high = sorted((head(a), head(b)))
        first[high] = low
    changed = np.unique(pairs)
    first[changed] = [head(i) for i in changed.tolist()]
    return first
