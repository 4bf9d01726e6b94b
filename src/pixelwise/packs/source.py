"""PackSource: the samples of one split of a pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import PackError, UsageError
from ..types import I64, Clock, Finding, Origin, Sample, Window
from .volume import Volume, open_volume

U64 = NDArray[np.uint64]


class PackSource:
    """The samples of a split of a pack. Thread-safe; pickled as a path, and the pack is opened again when unpickled.

    volume: the opened pack. split: the number of the split. Raw pixels are read-only views of the mapped shard,
    windows included; nothing is copied. Reading a whole sample checks its CRC; reading a window of a raw one does not,
    because it would have to read the pixels around the window.
    """

    def __init__(self, volume: Volume, split: int) -> None:
        self.volume = volume
        self._split = split
        rows = volume.rows[split]
        # Most splits are one run of records: their columns are slices, and no list of records is needed.
        run = len(rows) > 0 and bool((np.diff(rows) == 1).all())
        self._rows = None if run else rows
        self._first = int(rows[0]) if run else 0
        self._length = len(rows)
        self._raw = volume.manifest.encoding.is_raw
        self._labels = volume.manifest.splits[split].labels

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.volume.root, self.volume.manifest.fingerprint, self._split)

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> Sequence[str]:
        """The samples' names, decoded when asked for."""
        return _Chosen(self.volume.index.name, self._first, self._rows, self._length)

    @property
    def has_labels(self) -> bool:
        """Whether samples carry a label."""
        return self._labels

    @property
    def is_raw(self) -> bool:
        """Whether pixels are stored as they are, so that `addresses` gives their places in memory."""
        return self._raw

    def origin(self, index: int) -> Origin:
        """The record of the pack."""
        row = int(self.rows(np.array([index]))[0])
        return Origin((), f"pack {self.volume.manifest.fingerprint} record {row}, labels {self._labels}")

    def rows(self, indices: I64 | None = None) -> I64:
        """The records of the samples at `indices` (default: all): positions in the pack's index."""
        if self._rows is not None:
            return self._rows if indices is None else self._rows[indices]
        if indices is None:
            return np.arange(self._first, self._first + self._length)
        if len(indices) and not 0 <= indices.min() <= indices.max() < self._length:
            raise IndexError(f"samples {indices.min()}..{indices.max()} of {self._length}")
        return np.asarray(indices, np.int64) + self._first

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width), from the index."""
        rows, index = self.rows(indices), self.volume.index
        out = np.empty((len(rows), 2), np.int64)
        out[:, 0], out[:, 1] = index.height[rows], index.width[rows]
        return out

    def addresses(self, indices: I64) -> tuple[U64, U64 | None, int]:
        """Raw samples in memory: (n,) uint64 addresses of images and of labels, and the bytes of a label pixel.

        An image is (H, W, 3) uint8, a label (H, W), both without gaps between rows; labels are None if the split has
        none. The addresses are valid as long as this source exists. Call `check` before using them. UsageError for
        packs that are not raw.
        """
        if not self._raw:
            raise UsageError("only a raw pack has pixels in memory", fix='pack with encoding="raw"')
        rows, index = self.rows(indices), self.volume.index
        bases = self.volume.bases(index.shard[rows])
        labels = bases + index.label_offset[rows].astype(np.uint64) if self._labels else None
        itemsize = self.volume.label_dtype.itemsize
        return bases + index.image_offset[rows].astype(np.uint64), labels, itemsize

    def check(self) -> None:
        """PackError `pack-size` if a shard in use was cut: without this check, reading it ends the process (SIGBUS).

        One `fstat` per shard. A shard that is cut after the check is not noticed.
        """
        self.volume.check()

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """Sample `index`, or a window of it; instances only with the whole sample. Raw pixels are views, read-only.

        PackError `record-crc` for a damaged record, `pack-size` and `missing-shard` if the pack changed in use.
        """
        if clock is not None:
            clock.start()
        if not -self._length <= index < self._length:
            raise IndexError(f"sample {index} of {self._length}")
        row = index % self._length + self._first if self._rows is None else int(self._rows[index])
        record = self.volume.record(row)
        if window is None or not self._raw:
            self.volume.check_crc(row, record)
        if clock is not None:
            clock.lap("reading")
        sample = self.volume.decode(row, record if self._labels else record._replace(label=None), window, notes)
        if clock is not None:
            clock.lap("decoding")
        return sample


class _Chosen(Sequence[str]):
    """Some of the names, without a list of them."""

    __slots__ = ("_first", "_length", "_names", "_rows")

    def __init__(self, names: Sequence[str], first: int, rows: I64 | None, length: int) -> None:
        self._names = names
        self._first = first
        self._rows = rows
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"name {index} of {self._length}")
        return self._names[index % self._length + self._first if self._rows is None else int(self._rows[index])]

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(self._length))


def _reopen(root: Path, fingerprint: str, split: int) -> PackSource:
    volume = open_volume(root)
    if volume.manifest.fingerprint != fingerprint:
        raise PackError("the pack was replaced while it was in use", code="stale-pack", where=root, fix="open it again")
    return PackSource(volume, split)
