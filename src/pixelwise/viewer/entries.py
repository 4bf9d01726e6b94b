"""Entries: the samples of the shown splits, numbered from 0, and the search in their names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..classes import ClassTable
from ..dataset.splits import Split
from ..types import I64, Bool


class Entry(NamedTuple):
    """Where an entry is: its split, and its number there."""

    split: Split
    at: int


class Entries:
    """The samples of several splits, one split after the other. An entry is known by its number alone.

    classes: the class table that the splits share. Memory: none for the entries; 30 bytes or so for each once names
    were searched, 8 once they were ordered.
    """

    def __init__(self, splits: Sequence[Split], classes: ClassTable) -> None:
        self.splits = tuple(splits)
        self.classes = classes
        self.starts = [0, *np.cumsum([len(split) for split in splits], dtype=np.int64).tolist()]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def part(self, number: int) -> int:
        """The number of the split of entry `number`. IndexError if there is no such entry."""
        if not 0 <= number < len(self):
            raise IndexError(f"entry {number} of {len(self)}")
        return int(np.searchsorted(self.starts, number, side="right")) - 1

    def entry(self, number: int) -> Entry:
        """The split of entry `number`, and its number there. IndexError if there is no such entry."""
        part = self.part(number)
        return Entry(self.splits[part], number - self.starts[part])

    def name(self, number: int) -> str:
        """The name of entry `number`."""
        split, index = self.entry(number)
        return split.names[index]

    def range_of(self, split: str | None) -> range:
        """The entries of the split of that name, or all. KeyError if no split has that name."""
        if split is None:
            return range(len(self))
        for k, found in enumerate(self.splits):
            if found.name == split:
                return range(self.starts[k], self.starts[k + 1])
        raise KeyError(split)

    def named(self, text: str, within: range) -> Bool:
        """(n,) bool: which entries of the range have `text` in their name, whatever its case."""
        found = np.zeros(len(self), bool)
        found[self._names.holding(text)] = True
        return found[within.start : within.stop]

    @cached_property
    def by_name(self) -> I64:
        """(n,) int64: the place of each entry when all are ordered by name; equal names keep their order."""
        names = [name for split in self.splits for name in split.names]
        ranks = np.empty(len(names), np.int64)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        return ranks

    @cached_property
    def _names(self) -> _Names:
        return _Names([name for split in self.splits for name in split.names])


class _Names:
    """All names in one array of bytes: a search looks at a byte of all of them at once."""

    def __init__(self, names: Sequence[str]) -> None:
        joined = "\n".join(name.replace("\n", " ") if "\n" in name else name for name in names)
        self._bytes = np.frombuffer(joined.lower().encode("utf-8", "surrogatepass"), np.uint8)
        self._ends = np.flatnonzero(self._bytes == ord("\n"))

    def holding(self, text: str) -> I64:
        """(k,) int64: the numbers of the names that hold `text`, ascending."""
        wanted = text.lower().replace("\n", " ").encode("utf-8", "surrogatepass")
        last = len(self._bytes) - len(wanted)
        if last < 0 or not wanted:
            return np.arange(len(self._ends) + 1 if not wanted else 0)
        at = np.flatnonzero(self._bytes[: last + 1] == wanted[0])
        for k, byte in enumerate(wanted[1:], 1):
            at = at[self._bytes[at + k] == byte]
        return np.unique(np.searchsorted(self._ends, at))
