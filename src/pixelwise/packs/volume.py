"""Volume: the files of one pack, checked when opened, mapped when first used."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..codecs.header import MAX_SIDE
from ..errors import PackError
from ..files import open_error
from ..types import I64, U8, Finding, Sample, Size, Window
from .index import PARTS, Index, Record, damaged, read_table
from .manifest import Manifest, read_manifest


@dataclass(eq=False)
class Volume:
    """One opened pack: manifest, index, and the maps of its shards. Thread-safe.

    root: the pack's folder. rows: of each split, the records it consists of. Memory: the index; mapped shards belong
    to the system's file cache. Arrays into a map keep it alive, even if the pack's files are replaced meanwhile.
    """

    root: Path
    manifest: Manifest
    index: Index
    rows: list[I64]
    _maps: list[tuple[mmap.mmap, U8] | None] = field(init=False, repr=False)
    _bases: NDArray[np.uint64] = field(init=False, repr=False)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._maps = [None] * len(self.manifest.shards)
        self._bases = np.zeros(len(self._maps), np.uint64)
        self.label_dtype = np.dtype(self.manifest.classes.dtype)
        self.starts = np.cumsum([0, *(s.records for s in self.manifest.shards)])

    def path(self, shard: int) -> Path:
        """The file of a shard."""
        return self.root / self.manifest.data / self.manifest.shards[shard].file

    def where(self, row: int) -> RecordName:
        """How messages name a record."""
        return RecordName(self, row)

    def size(self, row: int) -> Size:
        """(height, width) of a record."""
        return int(self.index.height[row]), int(self.index.width[row])

    def record(self, row: int) -> Record:
        """The bytes of a record, read-only views of its mapped shard. Raises as `bytes_of`."""
        data = self.bytes_of(int(self.index.shard[row]))
        return self.index.record(row, lambda at, size: data[at : at + size])

    def check_crc(self, row: int, record: Record) -> None:
        """PackError `record-crc` unless these are the bytes that the record was written with."""
        if (crc := record.crc32) != (expected := int(self.index.crc[row])):
            raise damaged(f"is damaged: its CRC-32 is {crc}, expected {expected}", self.where(row), "record-crc")

    def decode(
        self, row: int, record: Record, window: Window | None = None, notes: list[Finding] | None = None
    ) -> Sample:
        """The sample of a record's bytes, or a window of it. DataError if they do not decode."""
        return self.manifest.encoding.decode(
            record, self.index.name[row], self.size(row), self.label_dtype, self.where(row), window, notes
        )

    def bytes_of(self, shard: int) -> U8:
        """All bytes of a shard, mapped, read-only. PackError if the file is gone or its size has changed."""
        entry = self._maps[shard]
        if entry is None:
            entry = self._map(shard)
        elif entry[0].size() != len(entry[1]):
            raise self._resized(shard, entry[0].size())
        return entry[1]

    def bases(self, shards: NDArray[np.int32]) -> NDArray[np.uint64]:
        """The addresses at which these shards are mapped."""
        found: NDArray[np.uint64] = self._bases[shards]
        if not found.all():
            for shard in np.unique(shards[found == 0]).tolist():
                self._map(shard)
            found = self._bases[shards]
        return found

    def check(self) -> None:
        """PackError `pack-size` if a mapped shard was cut: touching its end would end the process."""
        for shard, entry in enumerate(self._maps):
            if entry is not None and entry[0].size() != len(entry[1]):
                raise self._resized(shard, entry[0].size())

    def _map(self, shard: int) -> tuple[mmap.mmap, U8]:
        with self._lock:
            entry = self._maps[shard]
            if entry is not None:
                return entry
            path, size = self.path(shard), self.manifest.shards[shard].bytes
            try:
                with open(path, "rb") as file:
                    found = os.fstat(file.fileno()).st_size
                    if found != size:
                        raise self._resized(shard, found)
                    mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
            except FileNotFoundError:
                raise PackError(
                    "the pack was replaced or removed while it was in use",
                    code="missing-shard",
                    where=path,
                    fix="open it again",
                ) from None
            except OSError as error:
                raise open_error(path, error) from None
            entry = mapped, np.frombuffer(mapped, np.uint8)
            self._maps[shard] = entry
            self._bases[shard] = entry[1].__array_interface__["data"][0]
            return entry

    def _resized(self, shard: int, size: int) -> PackError:
        expected = self.manifest.shards[shard].bytes
        return damaged(f"has {size} bytes, expected {expected}: it was changed in use", self.path(shard), "pack-size")


class RecordName(NamedTuple):
    """A record as messages name it: its shard's file, its number in it, its name. Made to text only if asked for."""

    volume: Volume
    row: int

    def __str__(self) -> str:
        shard = int(self.volume.index.shard[self.row])
        number = self.row - int(self.volume.starts[shard])
        return f"{self.volume.path(shard)}: record {number} ({self.volume.index.name[self.row]})"


def open_volume(root: Path) -> Volume:
    """Open the pack at `root` and check its structure: every file there, of the right size, every record inside it.

    PackError `unfinished-pack`, `bad-manifest`, `pack-version`, `missing-shard`, `missing-file`, `pack-size`,
    `pack-damaged`. The pixels are not read: `pixelwise.verify` does that.
    """
    root = Path(root).absolute()
    manifest = read_manifest(root)
    for problem in shard_problems(root, manifest):
        raise problem
    return load_volume(root, manifest)


def shard_problems(root: Path, manifest: Manifest) -> Iterator[PackError]:
    """A PackError for each shard that is missing (`missing-shard`) or does not have its size (`pack-size`)."""
    for shard in manifest.shards:
        path = root / manifest.data / shard.file
        try:
            size = os.stat(path).st_size
        except FileNotFoundError:
            yield damaged("the pack lacks this shard", path, "missing-shard")
            continue
        except OSError as error:
            raise open_error(path, error) from None
        if size != shard.bytes:
            yield damaged(f"has {size} bytes, expected {shard.bytes}", path, "pack-size")


def load_volume(root: Path, manifest: Manifest) -> Volume:
    """The pack's index, checked against its manifest, as a Volume. Does not look at the shards."""
    columns = _table(root, manifest, "index.arrow")
    splits = _table(root, manifest, "splits.arrow")
    try:
        index, rows, names = Index.of(columns), splits["records"], list(splits["name"])
    except KeyError as error:
        raise _damaged(root, manifest, f"lacks the column {error}") from None
    _check_index(root, manifest, index)
    if names != [s.name for s in manifest.splits]:
        raise _damaged(root, manifest, f"lists the splits {', '.join(names)}", "splits.arrow")
    for entry, chosen in zip(manifest.splits, rows, strict=True):
        if len(chosen) != entry.samples or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(index)):
            raise _damaged(root, manifest, f"names records that do not exist, in split {entry.name}", "splits.arrow")
        if entry.labels and (index.label_offset[chosen] < 0).any():
            raise _damaged(root, manifest, f"names records without labels, in split {entry.name}", "splits.arrow")
    return Volume(root, manifest, index, rows)


def _table(root: Path, manifest: Manifest, name: str) -> dict[str, Any]:
    entry = manifest.table(name)
    return read_table(root / manifest.data / name, entry.bytes, entry.crc32)


def _check_index(root: Path, manifest: Manifest, index: Index) -> None:
    counts = [s.records for s in manifest.shards]
    if len(index) != manifest.records or not np.array_equal(index.shard, np.repeat(np.arange(len(counts)), counts)):
        raise _damaged(root, manifest, "does not list the records of the shards")
    sides = np.stack([index.height, index.width])
    pixels = index.height.astype(np.int64) * index.width
    sizes = np.array([s.bytes for s in manifest.shards], np.int64)[index.shard]
    wrong = ((sides < 1) | (sides > MAX_SIDE)).any(axis=0)
    for name in PARTS:
        offset, length = index.part(name)
        absent = (offset == -1) & (length == 0) & (name != "image")
        wrong |= ~absent & ((offset < 8) | (length < 1) | (length > sizes) | (offset > sizes - length))
        if manifest.encoding.is_raw:
            per_pixel = {"image": (3,), "label": (np.dtype(manifest.classes.dtype).itemsize,), "instances": (1, 2, 4)}
            wrong |= ~absent & ~np.logical_or.reduce([length == n * pixels for n in per_pixel[name]])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _damaged(root, manifest, f"gives record {row} ({index.name[row]}) an impossible size or place")


def _damaged(root: Path, manifest: Manifest, what: str, name: str = "index.arrow") -> PackError:
    return damaged(what, root / manifest.data / name)
