"""Volume: the files of one pack, checked when opened, mapped when first used."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..codecs.header import MAX_SIDE
from ..codecs.jpeg_windows import JpegWindows
from ..codecs.pair_windows import decode_pair
from ..errors import DataError, MissingError, PackError, PixelwiseError
from ..files.addresses import StorePath
from ..files.mapping import MappedFile, memory_bytes
from ..files.reading import open_error, open_regular, read_bytes
from ..types import I64, U8, U64, Finding, HeldPixels, Sample, Window
from .class_ids import check_class_ids
from .index import INDEX, NO_JPEG_INDEX, PARTS, Read, Record, damaged, read_table, record_at
from .manifest import Manifest, read_manifest

BLOCK_BYTES: Final = 1 << 20
"""The most bytes of a block, if no record is larger. A store sends them in less time than it takes to answer, so that
a batch of samples from as many blocks is soon there.
"""


class Volume:
    """One opened pack: manifest, index, and the maps of its shards. Thread-safe.

    root: the pack's folder. names, index: of the records; see INDEX. rows: the records of each split. Memory: the
    index; mapped shards belong to the system's file cache. Arrays into a map keep it alive, even if the pack's files
    are replaced meanwhile.
    """

    def __init__(
        self, root: Path, manifest: Manifest, names: Sequence[str], index: NDArray[np.void], rows: list[I64],
        verify: bool = True,
    ) -> None:  # fmt: skip
        self.root: Path = root
        self.manifest: Manifest = manifest
        self.names: Sequence[str] = names
        self.index: NDArray[np.void] = index
        self.rows: list[I64] = rows
        self.label_dtype: np.dtype[Any] = np.dtype(manifest.classes.dtype)
        self.starts: I64 = np.cumsum([0, *(s.records for s in manifest.shards)])
        self._shards = index["shard"]
        self._maps: list[MappedFile | None] = [None] * len(manifest.shards)
        self.verify = verify
        self._unchecked = np.full(len(index), verify)  # one byte each, so that threads may write beside each other
        self._asked = np.zeros(len(index), bool)  # whether a record was read ahead
        self._bases = np.zeros(len(self._maps), np.uint64)
        self._lock = threading.Lock()
        self._windows = JpegWindows()

    def __reduce__(self) -> tuple[Any, ...]:
        return reopened, (self.root, self.manifest.fingerprint, self.verify)

    def path(self, shard: int) -> Path:
        """The file of a shard."""
        return self.root / self.manifest.data / self.manifest.shards[shard].file

    @property
    def is_mapped(self) -> bool:
        """Whether samples have an address: pixels in mapped shards."""
        return self.manifest.encoding.is_raw

    def record(self, row: int, *, as_stored: bool = False) -> Record:
        """A record, its bytes read-only views of the mapped shard. Raises as `bytes_of`.

        as_stored: not as a cache has decoded it; here nothing is.
        """
        data = self.bytes_of(int(self._shards[row]))
        return record_at(self.index, row, lambda at, size: data[at : at + size])

    def check_crc(self, row: int, record: Record, expected: int | None = None) -> None:
        """PackError `record-crc` unless these are the bytes that the record was written with.

        expected: their CRC-32, by default as in the index.
        """
        if (crc := record.crc32) != (expected := int(self.index["crc"][row]) if expected is None else expected):
            raise damaged(f"is damaged: its CRC-32 is {crc}, expected {expected}", RecordName(self, row), "record-crc")

    def has_pixels(self, record: Record) -> bool:
        """Whether the bytes of a record are pixels, so that `check_once` looks at the class ids of its label."""
        return self.manifest.encoding.is_raw

    def check_once(self, row: int, record: Record | None = None, crc: int | None = None) -> None:
        """The first time, PackError `record-crc`, or LabelError if a raw label holds no class ids.

        crc: as `expected` of `check_crc`. Several threads may check the same record at once, which costs time and
        nothing else.
        """
        if not self._unchecked[row]:
            return
        record = self.record(row) if record is None else record
        self.check_crc(row, record, crc)
        if self.has_pixels(record) and record.label is not None:
            label = record.label.view(self.label_dtype)
            check_class_ids(label.reshape(record.size), self.manifest.classes, RecordName(self, row))
        self._unchecked[row] = False

    def will_need(self, rows: I64, windows: Sequence[Sequence[int]]) -> None:
        """Have the system read ahead what is to be read of these records: whole ones the first time, for their CRC.

        Later nothing, as the system's cache has them, unless the pack is larger than the memory: then the rows of the
        windows (y0, x0, y1, x1), or whole records if pixels are encoded.
        """
        new = ~self._asked[rows]
        if not new.any() and not self.exceeds_memory:
            return
        index: Any = self.index
        for row, first, (y0, _, y1, _) in zip(rows.tolist(), new.tolist(), windows, strict=True):
            if not first and not self.exceeds_memory:
                continue
            entry = index[row]
            mapped = self._maps[entry["shard"]] or self._map(entry["shard"])
            part = (0.0, 1.0)
            if not first and self.manifest.encoding.is_raw and y1 > y0:
                part = (y0 / int(entry["height"]), y1 / int(entry["height"]))
            for name in ("image", "label", "jpeg_index"):
                start, size = int(entry[f"{name}_offset"]), int(entry[f"{name}_bytes"])
                if start >= 0:
                    mapped.will_need(start + int(size * part[0]), int(size * (part[1] - part[0])) + 1)
        self._asked[rows] = True

    @cached_property
    def blocks(self) -> I64:
        """(n,) int64: the number of the block of each record, over all shards: of a run of records that are read
        together, about a megabyte of a record batch.

        The images of a record batch are stored end to end, and something else is between those of two.
        """
        index: Any = self.index
        follows = index["image_offset"][1:] == index["image_offset"][:-1] + index["image_bytes"][:-1]
        begins = np.concatenate([[True], ~follows | (index["shard"][1:] != index["shard"][:-1])])[: len(index)]
        batch = np.cumsum(begins) - 1
        sizes = sum(index[f"{name}_bytes"] for name in PARTS)
        before = np.cumsum(sizes) - sizes
        first = np.flatnonzero(begins)
        total = np.add.reduceat(sizes, first) if len(index) else sizes
        # Equal parts of a record batch, as few as can be.
        part = (before - before[first][batch]) // -(-total // -(-total // BLOCK_BYTES))[batch]
        begins[1:] |= part[1:] != part[:-1]
        return np.cumsum(begins).astype(np.int64) - 1

    def blocks_ahead(self, blocks: I64) -> None:
        """Have the system read whole blocks ahead."""
        for mapped, start, size in self._spans(blocks):
            mapped.will_need(start, size)

    def release(self, blocks: I64) -> None:
        """Have the system forget blocks, which nothing needs for some time."""
        for mapped, start, size in self._spans(blocks):
            mapped.release(start, size)

    def _spans(self, blocks: I64) -> Iterator[tuple[MappedFile, int, int]]:
        """The ranges of bytes of blocks: first byte and size of each."""
        index: Any = self.index
        first, stop = (np.searchsorted(self.blocks, blocks, side) for side in ("left", "right"))
        for a, b in zip(first.tolist(), stop.tolist(), strict=True):
            mapped = self._maps[index["shard"][a]] or self._map(index["shard"][a])
            for name in PARTS:
                starts, sizes = index[f"{name}_offset"][a:b], index[f"{name}_bytes"][a:b]
                if (there := starts >= 0).any():
                    start = int(starts[there].min())
                    yield mapped, start, int((starts + sizes).max()) - start

    @cached_property
    def exceeds_memory(self) -> bool:
        """Whether the system cannot be expected to keep the pack in memory."""
        return sum(shard.bytes for shard in self.manifest.shards) > memory_bytes() / 2

    def decode(
        self, row: int, record: Record, window: Window | None = None, notes: list[Finding] | None = None
    ) -> Sample:
        """The sample of a record, or a window of it. DataError if its bytes do not decode."""
        where, encoding, part = RecordName(self, row), self.manifest.encoding, None
        if window is not None and notes is None and encoding.has_jpegs:
            if record.jpeg_index is not None and record.label is not None and self.label_dtype == np.uint8:
                both = decode_pair(record.image, record.label, record.jpeg_index, where, record.size, window)
                if both is not None:
                    return Sample(self.names[row], *both)
            digest, index = int(self.index["crc"][row]), record.jpeg_index
            found = self._windows.read(row, record.image, where, window, digest, index)
            part = None if found is None or found[1] != record.size else found[0]
        return encoding.decode(record, self.names[row], self.label_dtype, where, window, notes, part)

    def bytes_of(self, shard: int) -> U8:
        """All bytes of a shard, mapped, read-only. PackError if the file is gone or its size has changed."""
        mapped = self._maps[shard]
        if mapped is None:
            mapped = self._map(shard)
        elif not mapped.is_whole():
            raise self._cut(shard)
        return mapped.data

    def held(self, rows: I64, labels: bool) -> HeldPixels:
        """Where records of pixels are in memory, each checked once; 0 for one that is not as it was written.

        labels: whether to look for them.
        """
        index = self.index
        bases = self._addresses(self._shards[rows])
        images = bases + index["image_offset"][rows].astype(np.uint64)
        found = bases + index["label_offset"][rows].astype(np.uint64) if labels else None
        for k in np.flatnonzero(self._unchecked[rows]).tolist():
            try:
                self.check_once(int(rows[k]))
            except DataError:
                images[k] = 0
        return HeldPixels(images, found, self.label_dtype.itemsize, self)

    def _addresses(self, shards: NDArray[np.int32]) -> U64:
        """The addresses at which these shards are mapped."""
        found: U64 = self._bases[shards]
        if not found.all():
            for shard in np.unique(shards[found == 0]).tolist():
                self._map(shard)
            found = self._bases[shards]
        return found

    def check(self) -> None:
        """PackError `pack-size` if a mapped shard was cut: touching its end would end the process."""
        for shard, mapped in enumerate(self._maps):
            if mapped is not None and not mapped.is_whole():
                raise self._cut(shard)

    def _map(self, shard: int) -> MappedFile:
        with self._lock:
            mapped = self._maps[shard]
            if mapped is not None:
                return mapped
            path, size = self.path(shard), self.manifest.shards[shard].bytes
            try:
                with open_regular(path) as fd:
                    if os.fstat(fd).st_size != size:
                        raise self._cut(shard)
                    mapped = MappedFile(fd, size, path, partial(self._cut, shard))
            except MissingError:
                what = "the pack was replaced or removed while it was in use"
                raise PackError(what, code="missing-shard", where=path, fix="open it again") from None
            except OSError as error:
                raise open_error(path, error) from None
            self._maps[shard] = mapped
            self._bases[shard] = mapped.address
            return mapped

    def _cut(self, shard: int) -> PackError:
        path, expected = self.path(shard), self.manifest.shards[shard].bytes
        try:
            what = f"has {os.stat(path).st_size} bytes, expected {expected}: it was changed in use"
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
        return damaged(what, path, "pack-size")


class RecordName(NamedTuple):
    """A record as messages name it: its shard's file, its number in it, its name. Made to text only if asked for."""

    volume: Volume
    row: int

    def __str__(self) -> str:
        shard = int(self.volume.index["shard"][self.row])
        number = self.row - int(self.volume.starts[shard])
        return f"{self.volume.path(shard)}: record {number} ({self.volume.names[self.row]})"


def open_volume(root: Path, verify: bool = True) -> Volume:
    """Open the pack at `root` and check its structure: every file there, of the right size, every record inside it.

    PackError `unfinished-pack`, `bad-manifest`, `pack-version`, `missing-shard`, `missing-file`, `pack-size`,
    `pack-damaged`. The pixels are not read: `pixelwise.verify` does that. verify: check each record when it is first
    read.
    """
    root = Path(root).absolute()
    manifest = read_manifest(root)
    for problem in shard_problems(root, manifest):
        raise problem
    return load_volume(root, manifest, verify)


def reopened(root: Path, fingerprint: str, verify: bool = True) -> Volume:
    """The pack again, in another process, whatever its shards are like. PackError `stale-pack` if it is another one."""
    read = reader_of(root)
    manifest = read_manifest(root, read)
    if manifest.fingerprint != fingerprint:
        raise PackError("the pack was replaced while it was in use", code="stale-pack", where=root, fix="open it again")
    return load_volume(root, manifest, verify, read)


def shard_problems(root: Path, manifest: Manifest) -> Iterator[PixelwiseError]:
    """An error for each shard that is missing (`missing-shard`), not of its size (`pack-size`), or `unreadable`."""
    for shard in manifest.shards:
        path = root / manifest.data / shard.file
        try:
            size = os.stat(path).st_size
        except FileNotFoundError:
            yield damaged("the pack lacks this shard", path, "missing-shard")
            continue
        except OSError as error:
            yield open_error(path, error)
            continue
        if size != shard.bytes:
            yield damaged(f"has {size} bytes, expected {shard.bytes}", path, "pack-size")


def load_volume(root: Path, manifest: Manifest, verify: bool = True, read: Read = read_bytes) -> Volume:
    """The pack's index, checked against its manifest, as a Volume. Does not look at the shards."""
    return Volume(root, manifest, *records_of(root, manifest, read), verify)


def bytes_of_pack(root: Path) -> int:
    """The size of all files of the finished pack at `root`, without its manifest."""
    manifest = read_manifest(root, reader_of(root))
    return sum(s.bytes for s in manifest.shards) + sum(t.bytes for t in manifest.tables)


def reader_of(root: Path) -> Read:
    """How the files of a pack are read: from the disk or from a store."""
    if not isinstance(root, StorePath):
        return read_bytes
    from .remote.store import Store

    return Store(root).read


def records_of(
    root: Path, manifest: Manifest, read: Read = read_bytes
) -> tuple[Sequence[str], NDArray[np.void], list[I64]]:
    """Names and index of the records, and the records of each split, checked against the manifest.

    read: how a file is read.
    """
    folder = root / manifest.data
    columns, splits = (read_table(folder, manifest.table(name), read) for name in ("index.arrow", "splits.arrow"))
    index = np.empty(len(columns["name"]), INDEX)
    for name in INDEX.names or ():
        index[name] = columns.get(name, NO_JPEG_INDEX.get(name))
    rows, listed = splits["records"], list(splits["name"])
    _check_index(folder / "index.arrow", manifest, index, columns["name"])
    where = folder / "splits.arrow"
    if listed != [s.name for s in manifest.splits]:
        raise damaged(f"lists the splits {', '.join(listed)}", where)
    for entry, chosen in zip(manifest.splits, rows, strict=True):
        if len(chosen) != entry.samples or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(index)):
            raise damaged(f"names records that do not exist, in split {entry.name}", where)
        if entry.labels and (index["label_offset"][chosen] < 0).any():
            raise damaged(f"names records without labels, in split {entry.name}", where)
    return columns["name"], index, rows


def _check_index(where: Path, manifest: Manifest, index: NDArray[np.void], names: Sequence[str]) -> None:
    counts = [s.records for s in manifest.shards]
    if len(index) != manifest.records or not np.array_equal(index["shard"], np.repeat(np.arange(len(counts)), counts)):
        raise damaged("does not list the records of the shards", where)
    sides = np.stack([index["height"], index["width"]])
    pixels = index["height"].astype(np.int64) * index["width"]
    sizes = np.array([s.bytes for s in manifest.shards], np.int64)[index["shard"]]
    wrong = ((sides < 1) | (sides > MAX_SIDE)).any(axis=0)
    for name in PARTS:
        offset, length = index[f"{name}_offset"], index[f"{name}_bytes"]
        absent = (offset == -1) & (length == 0) & (name != "image")
        wrong |= ~absent & ((offset < 8) | (length < 1) | (length > sizes) | (offset > sizes - length))
        if manifest.encoding.is_raw and name in PARTS[:3]:
            per_pixel = {"image": (3,), "label": (np.dtype(manifest.classes.dtype).itemsize,), "instances": (1, 2, 4)}
            wrong |= ~absent & ~np.logical_or.reduce([length == n * pixels for n in per_pixel[name]])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise damaged(f"gives record {row} ({names[row]}) an impossible size or place", where)
