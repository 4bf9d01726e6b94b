"""PackSource: the samples of one split of a pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import decode_image, decode_stored
from ..errors import PackError, UsageError
from ..types import U8, Clock, Finding, Label, Origin, Sample, Window
from .index import Names, checksum
from .volume import Volume, open_volume

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


class PackSource:
    """Samples that lie in a pack. Thread-safe; pickles as a path and opens the pack again where it arrives.

    volume: the opened pack. split: the number of the split whose samples these are. Raw pixels are read-only views
    of the mapped shard, windows included; nothing is copied. Reading a whole sample checks its CRC, reading a window
    of a raw one does not: the pixels beside it would have to be read.
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
        self._raw = volume.manifest.encoding == "raw"
        self._labels = volume.manifest.splits[split].labels
        self._label_dtype = np.dtype(volume.manifest.classes.dtype)

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
        """Whether pixels are stored as they are, so that `addresses` can tell where."""
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
        """Where raw samples lie in memory: (n,) uint64 addresses of images and of labels, and bytes per label pixel.

        An image is (H, W, 3) uint8, a label (H, W), both without gaps between rows. Labels are None in a split without.
        The addresses hold as long as this source does. Call `check` before using them. UsageError for other packs.
        """
        if not self._raw:
            raise UsageError("only a raw pack has pixels in memory", fix='pack with encoding="raw"')
        rows, index = self.rows(indices), self.volume.index
        bases = self.volume.bases(index.shard[rows])
        labels = bases + index.label_offset[rows].astype(np.uint64) if self._labels else None
        return bases + index.image_offset[rows].astype(np.uint64), labels, self._label_dtype.itemsize

    def check(self) -> None:
        """PackError `pack-size` where a shard in use was cut: without this, reading it ends the process (SIGBUS).

        One `fstat` a shard. What is cut after the check is not seen.
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

        PackError `record-crc` for a damaged record, `pack-size` and `missing-shard` where the pack changed in use.
        """
        if clock is not None:
            clock.start()
        if not -self._length <= index < self._length:
            raise IndexError(f"sample {index} of {self._length}")
        row = index % self._length + self._first if self._rows is None else int(self._rows[index])
        if self._raw:
            sample = self._read_raw(row, window)
            if clock is not None:
                clock.lap("reading")
            return sample
        return self._decode(row, window, clock, notes)

    def _read_raw(self, row: int, window: Window | None) -> Sample:
        table = self.volume.index
        data = self.volume.bytes_of(int(table.shard[row]))
        height, width = int(table.height[row]), int(table.width[row])
        at = int(table.image_offset[row])
        image = data[at : at + 3 * height * width].reshape(height, width, 3)
        label: Any = None
        if self._labels:
            at = int(table.label_offset[row])
            label = (
                data[at : at + height * width * self._label_dtype.itemsize]
                .view(self._label_dtype)
                .reshape(height, width)
            )
        name = table.name[row]
        if window is not None:
            cut = np.s_[window.y0 : window.y1, window.x0 : window.x1]
            return Sample(name, image[cut], None if label is None else label[cut])
        self._check_crc(row, data)
        return Sample(name, image, label, self._instances(row, data))

    def _parts(self, row: int, data: U8) -> list[U8 | None]:
        table, out = self.volume.index, []
        for offset, length in (
            (table.image_offset, table.image_bytes),
            (table.label_offset, table.label_bytes),
            (table.instances_offset, table.instances_bytes),
        ):
            at = int(offset[row])
            out.append(None if at < 0 else data[at : at + int(length[row])])
        return out

    def _check_crc(self, row: int, data: U8) -> list[U8 | None]:
        parts, crc = self._parts(row, data), 0
        for part in parts:
            crc = crc if part is None else checksum(part, crc)
        if crc != int(self.volume.index.crc[row]):
            raise PackError(
                f"is damaged: its CRC-32 is {crc}, expected {int(self.volume.index.crc[row])}", code="record-crc",
                where=self.volume.where(row), fix="pack again with overwrite",
            )  # fmt: skip
        return parts

    def _instances(self, row: int, data: U8) -> Any:
        part = self._parts(row, data)[2]
        if part is None:
            return None
        size = int(self.volume.index.height[row]), int(self.volume.index.width[row])
        dtype = {1: np.uint8, 2: np.uint16, 4: np.uint32}[len(part) // (size[0] * size[1])]
        return part.view(dtype).reshape(size)

    def _decode(self, row: int, window: Window | None, clock: Clock | None, notes: list[Finding] | None) -> Sample:
        table, where = self.volume.index, self.volume.where(row)
        parts = self._check_crc(row, self.volume.bytes_of(int(table.shard[row])))
        data = [None if p is None else p.tobytes() for p in parts]
        if clock is not None:
            clock.lap("reading")
        image = decode_image(data[0] or b"", where, notes)
        label: Label | None = None
        if self._labels:
            label = decode_stored(data[1] or b"", where).pixels.astype(self._label_dtype, copy=False)
        if clock is not None:
            clock.lap("decoding")
        if window is not None:
            cut = np.s_[window.y0 : window.y1, window.x0 : window.x1]
            return Sample(table.name[row], image[cut], None if label is None else label[cut])
        instances = None if data[2] is None else _numbers(decode_stored(data[2], where).pixels)
        return Sample(table.name[row], image, label, instances)


def _numbers(pixels: NDArray[Any]) -> NDArray[Any]:
    """Object numbers of a PNG: as stored, or R + 256 G + 65536 B where there are more than 16 bits."""
    return pixels if pixels.ndim == 2 else pixels.astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32)


class _Chosen(Sequence[str]):
    """Some of the names, without a list of them."""

    __slots__ = ("_first", "_length", "_names", "_rows")

    def __init__(self, names: Names, first: int, rows: I64 | None, length: int) -> None:
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
