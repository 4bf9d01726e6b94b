"""Confused: which class was predicted as which other, sample by sample, counted in the background when first asked for.

`score` keeps the confusion of a whole run only. To find the samples of one cell of it, this counts them once more; it
also counts a run that `score` refuses because some of its predictions are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import PixelwiseError
from ..files.mapping import guarded
from ..metrics.counting import add_counts
from ..types import I64, Label
from .entries import Item
from .looks import Pass

_MOST_CLASSES: Final = 40
"""Draw at most so many classes, those with the most confused pixels."""
_DENSE: Final = 1024
"""Count up to so many classes in a matrix of all pairs."""
_LISTED: Final = 60
"""Name at most so many pairs of classes."""


class Mistake(NamedTuple):
    """Pixels of the class `truth` that were predicted as `predicted`; the number of classes stands for no class."""

    truth: int
    predicted: int

    def marked(self, truth: Label, predicted: NDArray[Any], classes: int) -> NDArray[np.uint8]:
        """(H, W) uint8: 1 where these pixels are."""
        stray = (predicted < 0) | (predicted >= classes)
        found = stray if self.predicted == classes else predicted == self.predicted
        return np.asarray((truth == self.truth) & found, np.uint8)


class Confused(Pass):
    """The pixels of each pair of classes in the entries `within`. One thread counts, any may read what is known.

    read: gives the truth and the predicted ids, both (H, W), of an entry, or raises; such an entry is left out.
    unread: how many were.
    """

    def __init__(self, read: Callable[[int], tuple[Label, NDArray[Any]]], within: Sequence[int], item: Item) -> None:
        super().__init__(within)
        table = item.split.classes
        self.classes: int = len(table)
        self.unread: int = 0
        self._void, self._read = table.ignore_index, read
        self._found: list[tuple[int, I64, I64]] = []
        self._rows: tuple[I64, I64, I64] = (np.zeros(0, np.int64),) * 3

    def pixels(self, pair: Mistake, entries: int) -> I64:
        """(entries,) int64: how many pixels of the pair each entry has, as far as they were counted."""
        entry, cell, pixels = self._table()
        rows = np.flatnonzero(cell == pair.truth * (self.classes + 1) + pair.predicted)
        out = np.zeros(entries, np.int64)
        out[entry[rows]] = pixels[rows]
        return out

    def by_entry(self) -> dict[int, dict[str, int]]:
        """The pixels of each pair, as "8-12", by entry, as far as they were counted."""
        out: dict[int, dict[str, int]] = {number: {} for number in self.within}
        for number, cell, pixels in zip(*(column.tolist() for column in self._table()), strict=True):
            truth, predicted = divmod(cell, self.classes + 1)
            out[number][f"{truth}-{predicted}"] = pixels
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON values. ids: the classes that are drawn; rows: of each the pixels by prediction, those of no class last.
        pairs: (truth, predicted, pixels, samples) of what was confused, the most pixels first.
        """
        _, cell, pixels = self._table()
        n = self.classes
        cells, rows, samples = np.unique(cell, return_inverse=True, return_counts=True)
        sums = np.bincount(rows, weights=pixels, minlength=len(cells)).astype(np.int64)
        truth, predicted = cells // (n + 1), cells % (n + 1)
        wrong = np.where(truth == predicted, 0, sums)
        involved = np.bincount(np.append(truth, predicted), weights=np.append(wrong, wrong), minlength=n + 1)
        seen = np.unique(np.append(truth, predicted[predicted < n]))
        ids = np.sort(seen[np.argsort(-involved[seen], kind="stable")[:_MOST_CLASSES]])
        drawn = dict(zip(cells.tolist(), sums.tolist(), strict=True))
        columns = [*ids.tolist(), n]
        worst = np.argsort(-wrong, kind="stable")[:_LISTED]
        return {
            "counted": self.counted, "total": len(self.within), "unread": self.unread, "ids": ids.tolist(),
            "rows": [[drawn.get(i * (n + 1) + k, 0) for k in columns] for i in ids.tolist()],
            "pairs": [
                [int(truth[k]), int(predicted[k]), int(sums[k]), int(samples[k])] for k in worst if wrong[k]
            ],
        }  # fmt: skip

    def _table(self) -> tuple[I64, I64, I64]:
        """Entry, cell and pixels of each row, as far as they were counted."""
        with self._lock:
            if self._found:
                numbers = [np.full(len(cells), entry) for entry, cells, _ in self._found]
                new = (numbers, [cells for _, cells, _ in self._found], [pixels for *_, pixels in self._found])
                entry, cell, pixels = (np.concatenate([a, *b]) for a, b in zip(self._rows, new, strict=True))
                self._rows, self._found = (entry, cell, pixels), []
            return self._rows

    def _look(self, number: int) -> None:
        try:
            with guarded():
                cells, pixels = _pairs(*self._read(number), self.classes, self._void)
        except PixelwiseError:
            self.unread += 1
            return
        with self._lock:
            self._found.append((number, cells, pixels))


def _pairs(truth: Label, predicted: NDArray[Any], n: int, void: int | None) -> tuple[I64, I64]:
    """The cells truth * (n + 1) + predicted that occur, ascending, and their pixels: two (k,) int64 arrays."""
    if n > _DENSE:  # a matrix of all pairs would be larger than the pictures
        known = (truth < n) & (truth != (n if void is None else void))
        rows, columns = truth[known].astype(np.int64), predicted[known].astype(np.int64)
        columns = np.where((columns < 0) | (columns > n), n, columns)
        cells, pixels = np.unique(rows * (n + 1) + columns, return_counts=True)
        return cells, pixels.astype(np.int64)
    counts = np.zeros((n + 2, n + 1), np.int64)
    add_counts(predicted, truth, n, void, counts)
    every = counts[:n].reshape(-1)
    cells = np.flatnonzero(every)
    return cells, every[cells]
