"""Measures: sizes of all entries and pixels of their classes, found in the background while the page is in use."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..counts.per_sample import read_labels_only
from ..errors import PixelwiseError
from ..files.mapping import guarded
from ..labels import count_values
from ..types import I64, Bool, Label, Window
from .entries import Entries, Item
from .large import Large
from .tiles import LARGE, bands

_SIZES, _LABELS = 4096, 256
"""How many entries are measured before what was found is handed over."""
_USUAL: Final = 8
"""There is room for so many classes in each entry; more is made if that is not enough."""
_PAUSE: Final = 0.002
_KEPT: Final = 10_000
"""Keep at most this many texts of errors."""


class ClassCounts(NamedTuple):
    """A row for each class in each entry: (k,) entry uint32, class id uint16, number of pixels uint32."""

    entry: NDArray[np.uint32]
    id: NDArray[np.uint16]
    pixels: NDArray[np.uint32]

    def of(self, id: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The entries that hold a class, ascending, and how many pixels of it each has: two (k,) uint32 arrays."""
        rows = np.flatnonzero(self.id == id)  # to take by numbers is several times as fast as by a mask
        return self.entry[rows], self.pixels[rows]

    def and_then(self, more: ClassCounts) -> ClassCounts:
        """These rows, then those."""
        return ClassCounts(
            np.concatenate([self.entry, more.entry]), np.concatenate([self.id, more.id]),
            np.concatenate([self.pixels, more.pixels]),
        )  # fmt: skip


class Measures:
    """What is known of the entries so far. One thread finds it, from the first entry to the last; any may read it.

    sizes: (n, 2) int32 (height, width), 0 where it is not known. counted: entries whose labels were looked at. images,
    area: (splits, ids) int64: in how many entries of each split each class is, and how many pixels of it there are.
    held: (n,) uint16: how many classes are in each entry, void not among them. broken: (n,) bool: entries found to be
    unreadable so far. errors: the first of their errors, by number. Memory: 11 bytes per entry, and 10 for each class
    in it.
    """

    def __init__(self, entries: Entries, large: Large | None = None) -> None:
        self._entries, self._large = entries, large or Large()
        self.sizes: NDArray[np.int32] = np.zeros((len(entries), 2), np.int32)
        self.held: NDArray[np.uint16] = np.zeros(len(entries), np.uint16)
        self.broken: Bool = np.zeros(len(entries), bool)
        self.errors: dict[int, str] = {}
        self.sized: int = 0
        self.counted: int = 0
        ids = max(len(entries.classes), entries.classes.padding_index) + 1
        self.images: I64 = np.zeros((len(entries.splits), ids), np.int64)
        self.area: I64 = np.zeros_like(self.images)
        self._table, self._rows = _empty(_USUAL * len(entries)), 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._asked = 0  # answers that are being made
        self._thread = threading.Thread(target=self._run, name="pixelwise-view-measures", daemon=True)

    def start(self) -> None:
        """Begin, unless that was done before."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def complete(self) -> None:
        """Return when all is known."""
        self.start()
        self._thread.join()

    def stop(self, seconds: float = 1.0) -> None:
        """End after the entry at hand, and wait for that, at most so long."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    @property
    def done(self) -> bool:
        """Whether all is known."""
        return self.counted == len(self._entries)

    def counts(self) -> ClassCounts:
        """The classes of all entries that were counted so far."""
        with self._lock:
            entry, id, pixels = self._table
            return ClassCounts(entry[: self._rows], id[: self._rows], pixels[: self._rows])

    def of(self, number: int) -> dict[int, int] | None:
        """The pixels of each class in an entry, None if it was not counted yet."""
        if number >= self.counted:
            return None
        entry, id, pixels = self.counts()
        rows = np.flatnonzero(entry == number)
        return dict(zip(id[rows].tolist(), pixels[rows].tolist(), strict=True))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside the block, nothing is measured beyond the entry at hand: what the page waits for comes first."""
        with self._lock:
            self._asked += 1
        try:
            yield
        finally:
            with self._lock:
                self._asked -= 1

    def fail(self, number: int, error: PixelwiseError) -> None:
        """Remember that an entry cannot be read."""
        self.broken[number] = True
        if len(self.errors) < _KEPT:
            self.errors[number] = str(error)

    def _run(self) -> None:
        self._entries.named("", range(0))  # so that the first search does not wait, nor the first order by name
        _ = self._entries.by_name
        for k, split in enumerate(self._entries.splits):
            for first in range(0, len(split), _SIZES):
                if self._stop.is_set():
                    return
                part = np.arange(first, min(first + _SIZES, len(split)))
                self._find_sizes(k, part)
        for first in range(0, len(self._entries), _LABELS):
            rows: list[tuple[int, int, int]] = []
            numbers = range(first, min(first + _LABELS, len(self._entries)))
            for number in numbers:
                while self._asked and not self._stop.wait(_PAUSE):
                    pass
                if self._stop.is_set():
                    return
                rows += self._count(number)
            self._hand_over(rows)
            self.counted = numbers.stop

    def _find_sizes(self, k: int, part: I64) -> None:
        split, start = self._entries.splits[k], self._entries.starts[k]
        try:
            sizes, errors = split.readable_sizes(part)
        except PixelwiseError:  # the disk fails: each picture says so itself
            return
        self.sizes[start + part] = sizes
        for index, error in errors.items():
            self.fail(start + index, error)
        self.sized += len(part)

    def _count(self, number: int) -> list[tuple[int, int, int]]:
        split, index = self._entries.entry(number)
        if not split.has_labels:
            return []
        try:
            with guarded():
                found = self._pixels(Item(split, index), number)
        except PixelwiseError as error:
            self.fail(number, error)
            return []
        return [(number, id, count) for id, count in found.items()]

    def _pixels(self, item: Item, number: int) -> Counter[int]:
        """The pixels of each class in an entry."""
        height, width = self.sizes[number].tolist()
        if height * width > LARGE:
            found: Counter[int] = Counter()
            for band in bands(Window(0, 0, height, width)):
                if self._stop.is_set():
                    break
                found.update(_counts(self._large.label(item, band)))
            return found
        label = read_labels_only(item.split, item.at)
        if not height:
            self.sizes[number] = label.shape
        return Counter(_counts(label))

    def _hand_over(self, rows: list[tuple[int, int, int]]) -> None:
        if not rows:
            return
        entry, id, pixels = zip(*rows, strict=True)
        part = ClassCounts(np.array(entry, np.uint32), np.array(id, np.uint16), np.array(pixels, np.uint32))
        split = np.searchsorted(self._entries.starts, part.entry, side="right") - 1
        np.add.at(self.images, (split, part.id), 1)
        np.add.at(self.area, (split, part.id), part.pixels)
        void = self._entries.classes.ignore_index
        np.add.at(self.held, part.entry if void is None else part.entry[part.id != void], 1)
        end = self._rows + len(rows)
        with self._lock:
            if end > len(self._table.entry):
                self._table = self._table.and_then(_empty(end))
            self._table.entry[self._rows : end] = part.entry
            self._table.id[self._rows : end] = part.id
            self._table.pixels[self._rows : end] = part.pixels
            self._rows = end


def _counts(label: Label) -> dict[int, int]:
    ids, pixels = count_values(label)
    return dict(zip(ids.tolist(), pixels.tolist(), strict=True))


def _empty(rows: int) -> ClassCounts:
    # Memory that is not written to takes none, so this may be much more than is needed.
    return ClassCounts(np.empty(rows, np.uint32), np.empty(rows, np.uint16), np.empty(rows, np.uint32))
