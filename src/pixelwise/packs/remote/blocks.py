"""Blocks: records that travel together, and where each record is in the file that a block becomes in a cache.

A block is a run of records of one record batch, about a megabyte. Their images are end to end in the shard, and so are
their labels: two or three ranges of bytes, or one where the block is the whole record batch. A cached block has these
ranges one after the other, or, once decoded, the pixels of its records and a CRC-32 of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...types import I64, U8
from ..encodings.encoding import Encoding
from ..index import NO_JPEG_INDEX, PARTS, Record, record_at

_BETWEEN: Final = 512, 9
"""Bytes between the images of a record batch and its labels: padding, and for each record an offset and a bit. So a
block that is a whole record batch is one range.
"""


class Decoded(Record):
    """A record whose image and label are pixels already. Instances are as they are stored."""


@dataclass(frozen=True)
class BlockLayout:
    """Where the records of a block are in its file. entries: their rows of the index, with offsets into the file, and
    the CRC-32 of what is there. size: bytes of the file. ranges: the bytes of the shard that it is made of.
    """

    first: int
    entries: NDArray[np.void]
    size: int
    ranges: tuple[tuple[int, int], ...]
    is_decoded: bool = False

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Where the image and the label of each record are in the file; -1 for a label that is not there."""
        entries: Any = self.entries
        return list(zip(entries["image_offset"].tolist(), entries["label_offset"].tolist(), strict=True))

    def record(self, row: int, data: U8) -> Record:
        """A record of the pack, its bytes views of the block's."""
        found = record_at(self.entries, row - self.first, lambda at, size: data[at : at + size])
        return Decoded(*found) if self.is_decoded else found


class Blocks:
    """The blocks of a pack. of: (records,) int64, the block of each record. index: of the pack."""

    def __init__(self, index: NDArray[np.void], of: I64) -> None:
        self.of = of
        self._index = index
        self._firsts = np.append(np.flatnonzero(np.diff(of, prepend=-1)), len(of))

    def __len__(self) -> int:
        return len(self._firsts) - 1

    def rows(self, block: int) -> range:
        """The records of a block."""
        first, stop = self._firsts[block : block + 2].tolist()
        return range(first, stop)

    def shard(self, block: int) -> int:
        """The shard that a block is in."""
        return int(self._index["shard"][self._firsts[block]])

    def sizes(self, pixel: int | None = None) -> I64:
        """(blocks,) int64: the bytes of each block, as stored; or decoded, with `pixel` bytes per pixel of a label."""
        index: Any = self._index
        each = index["instances_bytes"].copy()
        if pixel is None:
            each += index["image_bytes"] + index["label_bytes"] + index["jpeg_index_bytes"]
        else:
            area = index["height"].astype(np.int64) * index["width"]
            each += 3 * area + pixel * area * (index["label_offset"] >= 0) + 4
        return np.add.reduceat(each, self._firsts[:-1]) if len(self) else each

    def stored(self, block: int) -> BlockLayout:
        """A block as its bytes are in the shard."""
        rows = self.rows(block)
        return stored_layout(self._index, rows)

    def decoded(self, block: int, pixel: int) -> BlockLayout:
        """A block of pixels. pixel: bytes per pixel of a label."""
        rows = self.rows(block)
        entries: Any = self._index[rows.start : rows.stop].copy()
        area = entries["height"].astype(np.int64) * entries["width"]
        at = 0
        for name, size in (("image", 3 * area), ("label", pixel * area), ("instances", entries["instances_bytes"])):
            there = entries[f"{name}_offset"] >= 0
            size = np.where(there, size, 0)
            ends = at + np.cumsum(size)
            entries[f"{name}_offset"] = np.where(there, ends - size, -1)
            entries[f"{name}_bytes"] = size
            at = int(ends[-1])
        for name, value in NO_JPEG_INDEX.items():
            entries[name] = value
        return BlockLayout(rows.start, entries, at + 4 * len(rows), (), True)


def stored_layout(index: Any, rows: range) -> BlockLayout:
    """Where records that follow each other in a shard are, and the ranges of it that hold them."""
    entries = index[rows.start : rows.stop].copy()
    spans = []
    for name in PARTS:
        there = entries[entries[f"{name}_offset"] >= 0]
        if len(there):
            offsets, sizes = there[f"{name}_offset"], there[f"{name}_bytes"]
            spans.append((int(offsets.min()), int((offsets + sizes).max())))
    ranges: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if ranges and start - ranges[-1][1] <= _BETWEEN[0] + _BETWEEN[1] * len(rows):
            ranges[-1] = ranges[-1][0], max(stop, ranges[-1][1])
        else:
            ranges.append((start, stop))
    size = 0
    starts = np.array([start for start, _ in ranges])
    shifts = np.zeros(len(ranges), np.int64)
    for k, (start, stop) in enumerate(ranges):
        shifts[k] = size - start
        size += stop - start
    for name in PARTS:
        offsets = entries[f"{name}_offset"]
        moved = offsets + shifts[np.searchsorted(starts, offsets, side="right") - 1]
        entries[f"{name}_offset"] = np.where(offsets >= 0, moved, -1)
    return BlockLayout(rows.start, entries, size, tuple(ranges))


def decode_block(
    stored: BlockLayout, data: U8, encoding: Encoding, dtype: Any, where: Callable[[int], object]
) -> list[Any] | None:
    """The parts of a decoded block's file, in order; None if one of its records cannot be decoded. where: of a row."""
    images: list[Any] = []
    labels: list[Any] = []
    instances: list[Any] = []
    crcs = np.empty(len(stored.entries), np.uint32)
    for k in range(len(stored.entries)):
        row = stored.first + k
        record = stored.record(row, data)
        try:
            sample = encoding.decode(record._replace(instances=None), "", dtype, where(row))
        except DataError:
            return None
        image = np.ascontiguousarray(sample.image)
        label = None if sample.label is None else np.ascontiguousarray(sample.label)
        images.append(image)
        labels += [] if label is None else [label]
        instances += [] if record.instances is None else [record.instances]
        crcs[k] = Record(record.size, image, label, record.instances).crc32
    return [*images, *labels, *instances, crcs]
