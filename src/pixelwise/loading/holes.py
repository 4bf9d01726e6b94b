"""Holes: samples whose header cannot be read are planned as if they had another's size, and left out when read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dataset.splits import Split
from ..errors import DataError
from ..types import I64, NO_CLOCK, Clock, Sample, Size, Window


class Holes:
    """A split as `on_error="skip"` sees it: `sizes` raises for no single sample, `read` does.

    A sample whose header cannot be read has the size of the first in its batch that can, or else `size`, or else that
    of the first readable sample of the split: so batches keep the shapes that the others give them. Thread-safe.
    """

    def __init__(self, split: Split) -> None:
        self.split = split
        self.size: Size | None = None
        self._errors: dict[int, DataError] = {}

    @property
    def names(self) -> Sequence[str]:
        """Of the split."""
        return self.split.names

    @property
    def fingerprint(self) -> str:
        """Of the split."""
        return self.split.fingerprint

    def __len__(self) -> int:
        return len(self.split)

    def positions(self, indices: I64 | None = None) -> I64:
        """Of the split."""
        return self.split.positions(indices)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width), none of them 0. The error of a sample if none of the split can be read."""
        sizes, errors = self.split.readable_sizes(indices)
        for i in (np.arange(len(self)) if indices is None else indices).tolist():
            if i not in errors:
                self._errors.pop(i, None)
        self._errors.update(errors)
        if errors:
            hole = sizes[:, 0] == 0
            sizes[hole] = self._stand_in(errors) if hole.all() else sizes[np.argmin(hole)]
        return sizes

    def _stand_in(self, errors: dict[int, DataError]) -> Size:
        if self.size is None:
            for i in range(len(self)):
                found, failed = self.split.readable_sizes(np.array([i]))
                if not failed:
                    self.size = int(found[0, 0]), int(found[0, 1])
                    return self.size
            raise next(iter(errors.values()))
        return self.size

    def holes(self, indices: I64) -> I64:
        """Which of the samples have no size of their own, as of the last time that they were asked for it."""
        return np.array([i for i in indices.tolist() if i in self._errors], np.int64)

    def read(self, index: int, window: Window | None = None, *, clock: Clock = NO_CLOCK) -> Sample:
        """As Split.read; the error of a sample that was planned without its size, even if it is mended by now."""
        if (error := self._errors.get(index)) is not None:
            raise error
        return self.split.read(index, window, clock=clock)
