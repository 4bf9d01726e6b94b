"""PackSource: the samples of one split of a pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import decode_image, decode_stored
from ..dataset.sources import Source
from ..dataset.splits import ChosenNames
from ..errors import PackError, UsageError
from ..types import I64, U8, Clock, Finding, Label, Origin, Sample, Window
from .index import checksum
from .volume import Volume, open_volume

U64 = NDArray[np.uint64]


class PackSource(Source):
    """Samples in a pack. Thread-safe; pickles as a path and opens the pack again where it arrives.

    volume: the opened pack. split: the number of the split whose samples these are. Raw pixels are read-only views
    of the mapped shard, windows included; nothing is copied. Reading a whole sample checks its CRC, reading a window
    of a raw one does not: the pixels beside it would have to be read.

    Reading raises PackError `record-crc` for a damaged record, `pack-size` and `missing-shard` if the pack changed.
    """

    def __init__(self, volume: Volume, split: int) -> None:
        self.volume = volume
        self._split = split
        rows: I64 | range = volume.rows[split]
        # Most splits are one run of records, and need no list of them.
        if len(rows) and (np.diff(rows) == 1).all():
            rows = range(int(rows[0]), int(rows[-1]) + 1)
        super().__init__(ChosenNames(volume.index.name, rows), volume.manifest.splits[split].labels)
        self._rows = rows
        self._raw = volume.manifest.encoding == "raw"
        self._label_dtype = np.dtype(volume.manifest.classes.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.volume.root, self.volume.manifest.fingerprint, self._split)

    @property
    def is_raw(self) -> bool:
        """Whether pixels are stored as they are, so that they have `addresses`."""
        return self._raw

    def origin(self, index: int) -> Origin:
        """The record of the pack."""
        row = int(self.rows(np.array([index]))[0])
        return Origin((), f"pack {self.volume.manifest.fingerprint} record {row}, labels {self.has_labels}")

    def rows(self, indices: I64 | None = None) -> I64:
        """The records of the samples at `indices` (default: all): positions in the pack's index."""
        rows = self._rows
        if not isinstance(rows, range):
            return rows if indices is None else rows[indices]
        if indices is None:
            return np.arange(rows.start, rows.stop)
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(rows):
            raise IndexError(f"samples {indices.min()}..{indices.max()} of {len(rows)}")
        return np.asarray(indices, np.int64) + rows.start

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width), from the index."""
        rows, index = self.rows(indices), self.volume.index
        out = np.empty((len(rows), 2), np.int64)
        out[:, 0], out[:, 1] = index.height[rows], index.width[rows]
        return out

    def addresses(self, indices: I64) -> tuple[U64, U64 | None, int]:
        """Where raw samples are in memory: (n,) uint64 addresses of images and of labels, and bytes per label pixel.

        An image is (H, W, 3) uint8, a label (H, W), both without gaps between rows; labels are None if the split has
        none. The addresses are valid as long as this source exists. Call `check` before using them. UsageError for
        packs that are not raw.
        """
        if not self._raw:
            raise UsageError("only a raw pack has pixels in memory", fix='pack with encoding="raw"')
        rows, index = self.rows(indices), self.volume.index
        bases = self.volume.bases(index.shard[rows])
        labels = bases + index.label_offset[rows].astype(np.uint64) if self.has_labels else None
        return bases + index.image_offset[rows].astype(np.uint64), labels, self._label_dtype.itemsize

    def check(self) -> None:
        """PackError `pack-size` if a shard in use was cut: without this, reading it ends the process (SIGBUS).

        One `fstat` per shard. A shard that is cut after the check is not noticed.
        """
        self.volume.check()

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        if not self._raw:
            return super()._load(index, window, clock, notes)
        table, row = self.volume.index, int(self._rows[index])
        data = self.volume.bytes_of(int(table.shard[row]))
        height, width = int(table.height[row]), int(table.width[row])
        at = int(table.image_offset[row])
        image = data[at : at + 3 * height * width].reshape(height, width, 3)
        label: Any = None
        if self.has_labels:
            at = int(table.label_offset[row])
            label = (
                data[at : at + height * width * self._label_dtype.itemsize]
                .view(self._label_dtype)
                .reshape(height, width)
            )
        if window is None:
            self._check_crc(row, data)
            sample = Sample(table.name[row], image, label, self._instances(row, data))
        else:
            sample = Sample(table.name[row], image, label).cut(window)
        clock.lap("reading")
        return sample

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

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        table, row = self.volume.index, int(self._rows[index])
        where = self.volume.where(row)
        parts = self._check_crc(row, self.volume.bytes_of(int(table.shard[row])))
        data = [None if p is None else p.tobytes() for p in parts]
        clock.lap("reading")
        image = decode_image(data[0] or b"", where, notes)
        label: Label | None = None
        if self.has_labels:
            label = decode_stored(data[1] or b"", where).pixels.astype(self._label_dtype, copy=False)
        numbers = _numbers(decode_stored(data[2], where).pixels) if instances and data[2] is not None else None
        return Sample(table.name[row], image, label, numbers)


def _numbers(pixels: NDArray[Any]) -> NDArray[Any]:
    """Object numbers of a PNG: as stored, or R + 256 G + 65536 B if they have more than 16 bits."""
    return pixels if pixels.ndim == 2 else pixels.astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32)


def _reopen(root: Path, fingerprint: str, split: int) -> PackSource:
    volume = open_volume(root)
    if volume.manifest.fingerprint != fingerprint:
        raise PackError("the pack was replaced while it was in use", code="stale-pack", where=root, fix="open it again")
    return PackSource(volume, split)
