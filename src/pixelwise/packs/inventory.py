"""Inventory: which records a pack gets, in which shards, and from which files. Made before any pixel is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ..dataset.dataset import Dataset
from ..dataset.sources import Source, origin_of
from ..dataset.splits import Split
from ..errors import PackError, UsageError
from ..types import I64
from .changes import changed, look
from .manifest import VERSION, Encoding, SplitEntry

MAX_SHARDS = 128
"""A mapped shard holds one file descriptor, and systems allow as few as 256 (macOS): larger packs get larger shards."""

BATCH_BYTES = 8 << 20
"""Payload of a record batch: a dozen VOC samples. Larger ones are not faster, and two a thread are held in memory."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A source file as it was when packing began, as `look` says. path: relative to the dataset's root, or absolute."""

    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Inventory:
    """What a pack will hold. A sample that several splits name is one record.

    sources: what is read. source, index: per record, which source and which sample of it. sizes: (n, 2) height and
    width. splits, rows: the splits, and the records of each. files: source files, those of record r at `files_of[r]` to
    `files_of[r + 1]`. batches, shards: record numbers at which record batches and shards begin, and the end. payload:
    about how many bytes each record has.
    """

    dataset: Dataset
    encoding: Encoding
    sources: Sequence[Source]
    source: NDArray[np.int32]
    index: I64
    sizes: I64
    splits: tuple[SplitEntry, ...]
    rows: tuple[I64, ...]
    files: Sequence[Stat]
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
        """PackError `stale-pack` where a file of this record changed since the inventory was made."""
        for stat in self.files[self.files_of[record] : self.files_of[record + 1]]:
            if (change := changed(self.dataset.root, stat.path, stat.bytes, stat.mtime_ns)) is not None:
                raise PackError(
                    f"{change} while it was packed",
                    code="stale-pack",
                    where=self.dataset.root / stat.path,
                    fix="pack again",
                )


def take_inventory(
    dataset: Dataset, splits: str | Sequence[str] | None, encoding: Encoding, shard_bytes: int
) -> Inventory:
    """List what packing `dataset` means. Reads lists, headers and the state of files; of other sources, all pixels."""
    _check_options(encoding, shard_bytes)
    if not isinstance(dataset, Dataset):
        raise UsageError(f"a Dataset is packed, got {type(dataset).__name__}", fix="give pixelwise.open(...)")
    splits = [splits] if isinstance(splits, str) else splits
    chosen = [dataset[name] for name in (dataset.splits if splits is None else splits)]
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
    payload = _payload(sources, source, sizes, files, files_of, encoding, np.dtype(dataset.classes.dtype).itemsize)
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
        dataset, encoding, sources, source, index, sizes, entries, tuple(rows), files, files_of,
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
    # Two splits of a dataset often have a source each; the same files, read the same way, are the same sample.
    return source.names[index], origin_of(source, index) or (id(source), index)


def _files(
    dataset: Dataset, sources: Sequence[Source], source: NDArray[np.int32], index: I64
) -> tuple[list[Stat], I64]:
    files: list[Stat] = []
    ends = [0]
    prefix = str(dataset.root) + os.sep
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        origin = origin_of(sources[k], i)
        for path in () if origin is None else origin.files:
            files.append(Stat(path.removeprefix(prefix), *look(path)))
        ends.append(len(files))
    return files, np.array(ends, np.int64)


def _payload(
    sources: Sequence[Source], source: NDArray[np.int32], sizes: I64, files: list[Stat], files_of: I64,
    encoding: Encoding, label_bytes: int,
) -> I64:  # fmt: skip
    """Bytes of each record, of raw images and labels without instances, and a guess for encoded ones."""
    pixels = sizes[:, 0] * sizes[:, 1]
    labels = np.array([s.has_labels for s in sources], np.int64)[source] if len(sources) else np.zeros(0, np.int64)
    raw: I64 = pixels * (3 + label_bytes * labels)
    if encoding == "raw":
        return raw
    stored = np.concatenate([[0], np.cumsum([max(f.bytes, 0) for f in files], dtype=np.int64)])
    guess: I64 = np.where(np.diff(files_of) > 0, stored[files_of[1:]] - stored[files_of[:-1]], raw // 2)
    return guess


def _cut(payload: I64, limit: int) -> I64:
    """Where parts of about `limit` bytes begin, and the end."""
    number = (np.cumsum(payload) - payload) // limit
    return np.concatenate([[0], np.flatnonzero(np.diff(number)) + 1, [len(payload)]])


def _identity(sources: Sequence[Source], source: NDArray[np.int32], index: I64, files: list[Stat]) -> Iterator[bytes]:
    """What tells these samples from others: names, how they are read and the state of files; else the pixels."""
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
    for stat in files:
        yield f"{stat.path}\n{stat.bytes} {stat.mtime_ns}\n".encode("utf-8", "surrogatepass")


def _check_options(encoding: str, shard_bytes: int) -> None:
    if encoding not in ("raw", "original"):
        raise UsageError(f"encoding must be 'raw' or 'original', got {encoding!r}")
    if not isinstance(shard_bytes, int) or shard_bytes < 1:
        raise UsageError(f"shard_bytes must be a whole number above 0, got {shard_bytes!r}")
