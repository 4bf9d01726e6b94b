"""Inventory: which records a pack gets, in which shards, and from which files. Made before any pixel is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, check_count
from ..dataset.dataset import Dataset
from ..dataset.sources import Source, origin_of
from ..dataset.splits import Split
from ..errors import PackError, UsageError
from ..files import open_error
from ..types import I64
from .encodings.encoding import Encoding
from .encodings.table import ENCODINGS
from .manifest import VERSION, SplitEntry

MAX_SHARDS = 128
"""A mapped shard holds one file descriptor, and systems allow as few as 256 (macOS): larger packs get larger shards."""

BATCH_BYTES = 8 << 20
"""Payload of a record batch: a dozen VOC samples. Larger ones are not faster, and memory holds two per thread."""


class FileState(NamedTuple):
    """Size and time of change (in ns) of a source file; -1 and 0 if there is none. path: absolute or from a folder."""

    path: str
    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str, folder: str | Path = "") -> FileState:
        """The state of a file now. path: absolute, or relative to `folder`."""
        full = os.path.join(folder, path)
        try:
            found = os.stat(full)
        except (FileNotFoundError, NotADirectoryError):
            return cls(path, -1, 0)
        except (OSError, ValueError) as error:
            raise open_error(full, error) from None
        return cls(path, found.st_size, found.st_mtime_ns)

    def change(self, folder: Path) -> str | None:
        """How the file in `folder` differs from this state: "changed", "is gone", "is new", or None."""
        now = FileState.of(self.path, folder)
        if now == self:
            return None
        return "is gone" if now.bytes < 0 else "is new" if self.bytes < 0 else "changed"


@dataclass(frozen=True)
class Inventory:
    """What a pack will hold. A sample that several splits name is one record.

    sources: what is read. source, index: per record, which source and which sample of it. sizes: (n, 2) height and
    width. splits, rows: the splits, and the records of each. files: source files, those of record r at `files_of[r]` to
    `files_of[r + 1]`. batches, shards: record numbers at which record batches and shards begin, and the end. payload:
    how many bytes each record has, without instances if raw, a guess if encoded.
    """

    dataset: Dataset
    encoding: Encoding
    sources: Sequence[Source]
    source: NDArray[np.int32]
    index: I64
    sizes: I64
    splits: tuple[SplitEntry, ...]
    rows: tuple[I64, ...]
    files: Sequence[FileState]
    files_of: I64
    batches: I64
    shards: I64
    payload: I64
    fingerprint: str

    def __len__(self) -> int:
        return len(self.index)

    def name(self, record: int) -> str:
        """The sample's name."""
        name: str = self.sources[self.source[record]].names[int(self.index[record])]
        return name

    def check_unchanged(self, record: int) -> None:
        """PackError `stale-pack` if a file of this record changed since the inventory was made."""
        root = self.dataset.root
        for file in self.files[self.files_of[record] : self.files_of[record + 1]]:
            if (change := file.change(root)) is not None:
                raise PackError(
                    f"{change} while it was packed", code="stale-pack", where=root / file.path, fix="pack again"
                )


def take_inventory(dataset: Dataset, encoding: str, shard_bytes: int) -> Inventory:
    """List what packing all splits of `dataset` means.

    Reads lists, headers and the state of files; all pixels of samples that do not come from files. UsageError for an
    unknown encoding, a shard_bytes that is not a whole number above 0, a dataset without samples.
    """
    check_choice("encoding", encoding, tuple(ENCODINGS))
    check_count("shard_bytes", shard_bytes)
    chosen = list(dataset.splits.values())
    sources: list[Source] = []
    for split in chosen:
        if not any(split.source is s for s in sources):
            sources.append(split.source)
    source, index, rows = _records(chosen, sources)
    if not len(index):
        raise UsageError("the dataset has no samples to pack", where=dataset.root)
    sizes = np.zeros((len(index), 2), np.int64)
    for k, s in enumerate(sources):
        mine = source == k
        sizes[mine] = s.sizes(index[mine])
    files, files_of = _files(dataset, sources, source, index)
    labeled = np.array([s.has_labels for s in sources])[source]
    payload: I64 = sizes[:, 0] * sizes[:, 1] * (3 + np.dtype(dataset.classes.dtype).itemsize * labeled)
    if not ENCODINGS[encoding].is_raw:
        payload = _guess(payload, files, files_of)
    shards = _cut(payload, max(shard_bytes, -(-int(payload.sum()) // MAX_SHARDS)))
    batches = np.union1d(_cut(payload, BATCH_BYTES), shards)
    entries = tuple(SplitEntry(s.name, len(s), s.has_labels, s.notes) for s in chosen)
    options = [VERSION, encoding, shard_bytes, dataset.format, dataset.classes.to_dict(), [asdict(e) for e in entries]]
    digest = hashlib.sha256(json.dumps(options).encode())
    for own in rows:
        digest.update(own.tobytes())
    for part in _identity(sources, source, index, files):
        digest.update(part)
    return Inventory(
        dataset, ENCODINGS[encoding], sources, source, index, sizes, entries, tuple(rows), files, files_of,
        batches, shards, payload, digest.hexdigest()[:32],
    )  # fmt: skip


def _records(chosen: Sequence[Split], sources: Sequence[Source]) -> tuple[NDArray[np.int32], I64, list[I64]]:
    """Number the distinct samples in the order in which the splits name them."""
    known: dict[object, int] = {}
    source: list[int] = []
    index: list[int] = []
    rows = []
    for split in chosen:
        number = next(k for k, s in enumerate(sources) if s is split.source)
        own = np.empty(len(split), np.int64)
        for place, i in enumerate(split.positions().tolist()):
            at = known.setdefault(_sample_key(split.source, i), len(index))
            if at == len(index):
                source.append(number)
                index.append(i)
            own[place] = at
        rows.append(own)
    return np.array(source, np.int32), np.array(index, np.int64), rows


def _sample_key(source: Source, index: int) -> object:
    # Splits of a dataset often have a source each; the same files, read in the same way, are the same sample.
    return source.names[index], origin_of(source, index) or (id(source), index)


def _files(
    dataset: Dataset, sources: Sequence[Source], source: NDArray[np.int32], index: I64
) -> tuple[list[FileState], I64]:
    files: list[FileState] = []
    ends = [0]
    prefix = str(dataset.root) + os.sep
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        origin = origin_of(sources[k], i)
        for path in () if origin is None else origin.files:
            files.append(FileState.of(path)._replace(path=path.removeprefix(prefix)))
        ends.append(len(files))
    return files, np.array(ends, np.int64)


def _guess(raw: I64, files: list[FileState], files_of: I64) -> I64:
    """Bytes of each record if encoded: as many as its files have, else half of its raw pixels."""
    stored = np.concatenate([[0], np.cumsum([max(f.bytes, 0) for f in files], dtype=np.int64)])
    guess: I64 = np.where(np.diff(files_of) > 0, stored[files_of[1:]] - stored[files_of[:-1]], raw // 2)
    return guess


def _cut(payload: I64, limit: int) -> I64:
    """Where parts of about `limit` bytes begin, and the end."""
    number = (np.cumsum(payload) - payload) // limit
    return np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1, [len(payload)]])


def _identity(
    sources: Sequence[Source], source: NDArray[np.int32], index: I64, files: list[FileState]
) -> Iterator[bytes]:
    """What identifies these samples: names, how they are read, the state of their files or the pixels."""
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        one = sources[k]
        origin = origin_of(one, i)
        yield f"{one.names[i]}\n{'' if origin is None else origin.how}\n".encode("utf-8", "surrogatepass")
        if origin is None:
            sample = one.read(i)
            for pixels in (sample.image, sample.label, sample.instances):
                if pixels is not None:
                    yield f"{pixels.shape} {pixels.dtype}\n".encode()
                    yield np.ascontiguousarray(pixels).tobytes()
    for file in files:
        yield f"{file.path}\n{file.bytes} {file.mtime_ns}\n".encode("utf-8", "surrogatepass")
