"""PackSource: the samples of one split of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dataset.sources import Source
from ..dataset.splits import ChosenNames
from ..errors import UsageError
from ..types import I64, Clock, Finding, HeldPixels, Origin, Sample, Window
from .class_ids import check_class_ids
from .volume import RecordName, Volume


class PackSource(Source):
    """The samples of a split of a pack. Thread-safe; pickled as a path, and the pack is opened again when unpickled.

    volume: the opened pack. split: the number of the split. is_raw: whether pixels are stored as they are: then samples
    and windows are read-only views of the mapped shard, with nothing copied. A record is checked when a process first
    reads it or a window of it, unless the pack was opened with verify=False.

    Reading raises PackError `record-crc` for a damaged record, LabelError `class-out-of-range` for one that was written
    wrong, `pack-size` and `missing-shard` if the pack changed.
    """

    def __init__(self, volume: Volume, split: int) -> None:
        self.volume = volume
        self._split = split
        rows: I64 | range = volume.rows[split]
        # Most splits are one run of records, and need no list of them.
        if len(rows) and (np.diff(rows) == 1).all():
            rows = range(int(rows[0]), int(rows[-1]) + 1)
        super().__init__(ChosenNames(volume.names, rows), volume.manifest.splits[split].labels)
        self._rows = rows
        self.is_raw: bool = volume.is_mapped

    def __reduce__(self) -> tuple[Any, ...]:
        return PackSource, (self.volume, self._split)

    def origin(self, index: int) -> Origin:
        """The record of the pack."""
        row = int(self.rows(np.array([index]))[0])
        return Origin(f"pack {self.volume.manifest.fingerprint} record {row}", (), f"labels {self.has_labels}")

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

    def encoded_image(self, index: int) -> bytes | None:
        """The image file in the record, if the encoding keeps them."""
        if not self.volume.manifest.encoding.has_jpegs:
            return None
        row = int(self._rows[index])
        record = self.volume.record(row, as_stored=True)
        self.volume.check_once(row, record)
        return record.image.tobytes()  # type: ignore[no-any-return]

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width), from the index."""
        rows, index = self.rows(indices), self.volume.index
        out = np.empty((len(rows), 2), np.int64)
        out[:, 0], out[:, 1] = index["height"][rows], index["width"][rows]
        return out

    def blocks(self, indices: I64 | None = None) -> I64:
        """(n,) int64: the number of the block that each of the samples at `indices` (default: all) is in: a run of
        records that are read together.
        """
        return self.volume.blocks[self.rows(indices)]

    @property
    def exceeds_memory(self) -> bool:
        """Whether the pack is larger than what the system can be expected to keep in memory."""
        return self.volume.exceeds_memory

    def blocks_ahead(self, blocks: I64) -> None:
        """Have the system read whole blocks ahead; does not wait."""
        self.volume.blocks_ahead(blocks)

    def release(self, blocks: I64) -> None:
        """Have the system forget blocks, which nothing needs for some time."""
        self.volume.release(blocks)

    def held(self, indices: I64) -> HeldPixels:
        """Where samples are in memory: see HeldPixels. Those that are not as they were written have no address.

        Call `check` before using memory that was given out earlier. UsageError for packs that are not raw.
        """
        if not self.is_raw:
            raise UsageError("only a raw pack has pixels in memory", fix='pack with encoding="raw"')
        return self.volume.held(self.rows(indices), self.has_labels)

    def check(self) -> None:
        """PackError `pack-size` if a shard in use was cut. One `fstat` per shard.

        A shard that is cut after the check is noticed where it is read, in a block of `files.mapping.guarded`.
        """
        self.volume.check()

    def will_need(self, indices: I64, windows: Sequence[Sequence[int]]) -> None:
        """Have the system read ahead what windows (y0, x0, y1, x1) of the samples at `indices` need; does not wait."""
        self.volume.will_need(self.rows(indices), windows)

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        row = int(self._rows[index])
        record = self.volume.record(row, as_stored=notes is not None)
        self.volume.check_once(row, record)
        clock.lap("reading")
        sample = self.volume.decode(row, record if self.has_labels else record._replace(label=None), window, notes)
        if self.volume.verify and sample.label is not None and not self.volume.has_pixels(record):
            check_class_ids(sample.label, self.volume.manifest.classes, RecordName(self.volume, row))
        clock.lap("decoding")
        return sample
