"""Entries: the samples of the shown splits, numbered from 0, and the search in their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..dataset.splits import Split
from ..types import Bool

_SHORT: Final = 64
"""Names up to so many bytes are sorted as rows of an array."""


class Item(NamedTuple):
    """Where an entry is: its split, and its number there."""

    split: Split
    at: int


class Entries:
    """The samples of several splits, one split after the other. An entry is known by its number alone.

    classes: the class table that the splits share. Memory: none for the entries; 30 bytes or so for each once names
    were searched, 4 once they were ordered.
    """

    def __init__(self, splits: Sequence[Split], classes: ClassTable) -> None:
        self.splits: tuple[Split, ...] = tuple(splits)
        self.classes = classes
        self.starts: list[int] = [0, *np.cumsum([len(split) for split in splits], dtype=np.int64).tolist()]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def part(self, number: int) -> int:
        """The number of the split of entry `number`. IndexError if there is no such entry."""
        if not 0 <= number < len(self):
            raise IndexError(f"entry {number} of {len(self)}")
        return int(np.searchsorted(self.starts, number, side="right")) - 1

    def entry(self, number: int) -> Item:
        """The split of entry `number`, and its number there. IndexError if there is no such entry."""
        part = self.part(number)
        return Item(self.splits[part], number - self.starts[part])

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
        return self._names.holding(text)[within.start : within.stop]

    @cached_property
    def by_name(self) -> NDArray[np.uint32]:
        """(n,) uint32: the place of each entry if all are ordered by name, whatever its case; equal ones by number."""
        return self._names.ranks()

    @cached_property
    def _names(self) -> _Names:
        return _Names(chain.from_iterable(split.names for split in self.splits))


class _Names:
    """All names as bytes in one array, in lower case: a search looks for the rarest byte in all of them at once."""

    def __init__(self, names: Iterable[str]) -> None:
        parts = bytearray()
        each = iter(names)
        while some := list(islice(each, 65_536)):  # the names of a large split need not exist all at once
            joined = "\n".join(name.replace("\n", " ") if "\n" in name else name for name in some)
            parts += joined.lower().encode("utf-8", "surrogatepass") + b"\n"
        self._bytes = np.frombuffer(parts, np.uint8)
        ends = np.flatnonzero(self._bytes == ord("\n"))
        self._starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)
        self._frequency = np.bincount(self._bytes, minlength=256)
        self._lengths = (ends - self._starts).astype(np.uint32)

    def holding(self, text: str) -> Bool:
        """(n,) bool: which names hold `text`."""
        wanted = text.lower().replace("\n", " ").encode("utf-8", "surrogatepass")
        if not wanted:
            return np.ones(len(self._starts), bool)
        rarest = min(range(len(wanted)), key=lambda k: self._frequency[wanted[k]])
        at = np.flatnonzero(self._bytes == wanted[rarest]) - rarest  # where the text may begin
        at = at[(at >= 0) & (at <= len(self._bytes) - len(wanted))]
        for k, byte in enumerate(wanted):
            if k != rarest:
                at = at[self._bytes[at + k] == byte]  # never over the end of a name: the text has no newline
        if len(at) > len(self._starts) // 8:
            found = np.zeros(len(self._bytes), bool)
            found[at] = True
            return np.asarray(np.logical_or.reduceat(found, self._starts))
        out = np.zeros(len(self._starts), bool)
        out[np.searchsorted(self._starts, at, side="right") - 1] = True
        return out

    def ranks(self) -> NDArray[np.uint32]:
        """(n,) uint32: the place of each name in their order."""
        width, n = max(1, int(self._lengths.max())), len(self._starts)
        out = np.empty(n, np.uint32)
        if width <= _SHORT:
            column = np.arange(width)
            rows = np.zeros((n, width), np.uint8)
            for first in range(0, n, 65_536):
                part = slice(first, first + 65_536)
                at = np.minimum(self._starts[part, None] + column, len(self._bytes) - 1)
                rows[part] = np.where(column < self._lengths[part, None], self._bytes[at], 0)
            words = rows.view(f"S{width}").reshape(n)
            # Most splits are in order, and need not be sorted.
            order = np.arange(n) if (words[:-1] <= words[1:]).all() else np.argsort(words, kind="stable")
        else:
            data = self._bytes.tobytes()
            ends = self._starts + self._lengths
            names = [data[a:b] for a, b in zip(self._starts.tolist(), ends.tolist(), strict=True)]
            order = np.array(sorted(range(n), key=names.__getitem__))
        out[order] = np.arange(n, dtype=np.uint32)
        return out
