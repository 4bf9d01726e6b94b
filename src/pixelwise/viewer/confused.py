"""Confused: which class was predicted as which other, sample by sample, counted in the background when first asked for.

`score` keeps the confusion of a whole run only. To find the samples of one cell of it, this counts them once more; it
also counts a run that `score` refuses because some of its predictions are missing.
"""

from __future__ import annotations

from collections.abc import Callable
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

    def __init__(self, read: Callable[[int], tuple[Label, NDArray[Any]]], within: range, item: Item) -> None:
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

    def to_dict(self) -> dict[str, Any]:
        """JSON values. ids: the classes that are drawn; rows: of each the pixels by prediction, those of no class last.
        pairs: (truth, predicted, pixels, samples) of what was confused, the most pixels first.
        """
        _, cell, pixels = self._table()
        n = self.classes
        matrix = np.zeros(n * (n + 1), np.int64)
        np.add.at(matrix, cell, pixels)
        samples = np.bincount(cell, minlength=n * (n + 1))
        square = matrix.reshape(n, n + 1)
        wrong = square.copy()
        np.fill_diagonal(wrong, 0)
        involved = wrong.sum(axis=1) + wrong[:, :n].sum(axis=0)
        seen = np.flatnonzero(square.any(axis=1) | square[:, :n].any(axis=0))
        ids = np.sort(seen[np.argsort(-involved[seen], kind="stable")[:_MOST_CLASSES]])
        worst = np.argsort(-wrong.reshape(-1), kind="stable")[:_LISTED]
        return {
            "counted": self.counted, "total": len(self.within), "unread": self.unread, "ids": ids.tolist(),
            "rows": square[np.ix_(ids, np.append(ids, n))].tolist(),
            "pairs": [
                [int(k) // (n + 1), int(k) % (n + 1), int(matrix[k]), int(samples[k])]
                for k in worst if wrong.reshape(-1)[k]
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
        n = self.classes
        counts = np.zeros((n + 2, n + 1), np.int64)
        try:
            with guarded():
                truth, predicted = self._read(number)
            add_counts(predicted, truth, n, self._void, counts)
        except PixelwiseError:
            self.unread += 1
        cells = counts[:n].reshape(-1)
        at = np.flatnonzero(cells)
        with self._lock:
            self._found.append((number, at, cells[at]))
