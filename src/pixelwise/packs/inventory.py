"""Inventory: which records a pack gets, in which shards, and from which files. Made before any pixel is read."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, check_count
from ..dataset.dataset import Dataset
from ..dataset.identity import Identity
from ..dataset.sources import Source, origin_of
from ..dataset.splits import Split
from ..errors import PackError, UsageError
from ..files.reading import open_error
from ..types import I64
from .encodings.encoding import Encoding
from .encodings.table import ENCODINGS
from .manifest import SplitEntry

MAX_SHARDS = 128
"""A mapped shard holds one file descriptor, and systems allow as few as 256 (macOS): larger packs get larger shards."""

BATCH_BYTES = 8 << 20
"""Payload of a record batch: a dozen VOC samples. Larger ones are not faster, and memory holds two per thread."""


class FileState(NamedTuple):
    """Size and time of change (ns) of a source file; -1 and 0 if it is missing. path: absolute or relative."""

    path: str
    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str, folder: str | Path = "") -> FileState:
        """The state of a file now. folder: what a relative path starts from."""
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

    sources: what is read. source, index: of each record, the number of its source and of its sample there. sizes:
    (n, 2) height and width. splits, rows: the splits, and the records of each. files: source files, those of record r
    at `files_of[r]` to `files_of[r + 1]`. shards: of each shard, the records of its record batches. payload: bytes of
    each record, without instances if raw, a guess if encoded.
    """

    dataset: Dataset
    encoding: Encoding
    sources: Sequence[Source]
    source: NDArray[np.int32]
    index: I64
    sizes: I64
    splits: tuple[SplitEntry, ...]
    rows: Sequence[I64]
    files: Sequence[FileState]
    files_of: I64
    shards: Sequence[Sequence[range]]
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
                what = f"{change} while it was packed"
                raise PackError(what, code="stale-pack", where=root / file.path, fix="pack again")


def take_inventory(
    dataset: Dataset, encoding: str, shard_bytes: int, batch_bytes: int | None = None
) -> Inventory:
    """List what packing all splits of `dataset` means.

    batch_bytes: payload of a record batch, by default 8 MB.

    Reads lists, headers and the state of files; all pixels of samples that do not come from files. UsageError for an
    unknown encoding, a shard_bytes that is not a whole number above 0, a dataset without samples.
    """
    check_choice("encoding", encoding, tuple(ENCODINGS))
    check_count("shard_bytes", shard_bytes)
    chosen = list(dataset.splits.values())
    sources = list({id(split.source): split.source for split in chosen}.values())
    source, index, rows = _records(chosen, sources)
    if not len(index):
        raise UsageError("the dataset has no samples to pack", where=dataset.root)
    sizes = np.zeros((len(index), 2), np.int64)
    for k, s in enumerate(sources):
        mine = source == k
        sizes[mine] = s.sizes(index[mine])
    entries = tuple(SplitEntry(s.name, len(s), s.has_labels, s.notes) for s in chosen)
    version, table = ENCODINGS[encoding].version, dataset.classes.to_dict()
    options = [version, encoding, shard_bytes, dataset.format, table, [asdict(e) for e in entries]]
    options += [] if batch_bytes is None else [batch_bytes]  # of stores: what is in folders keeps its fingerprint
    digest = hashlib.sha256(json.dumps(options).encode())
    for own in rows:
        digest.update(own.tobytes())
    files, files_of = _files(dataset, sources, source, index, digest.update)
    labeled = np.array([s.has_labels for s in sources])[source]
    payload: I64 = sizes[:, 0] * sizes[:, 1] * (3 + np.dtype(dataset.classes.dtype).itemsize * labeled)
    if not ENCODINGS[encoding].is_raw:
        payload = _guess(payload, files, files_of)
    return Inventory(
        dataset, ENCODINGS[encoding], sources, source, index, sizes, entries, rows, files, files_of,
        _shards(payload, shard_bytes, batch_bytes or BATCH_BYTES), payload, digest.hexdigest()[:32],
    )  # fmt: skip


def _records(chosen: Sequence[Split], sources: Sequence[Source]) -> tuple[NDArray[np.int32], I64, list[I64]]:
    """Number the distinct samples in the order in which the splits name them."""
    numbers = {id(s): k for k, s in enumerate(sources)}
    known, identity = dict[object, int](), Identity()
    source, index, rows = array("i"), array("q"), []
    for split in chosen:
        own = np.empty(len(split), np.int64)
        for place, i in enumerate(split.positions().tolist()):
            # Splits of a dataset often have a source each; what is read from the same is the same sample.
            key = split.source.names[i], identity.origin(split.source, i)
            own[place] = at = known.setdefault(key, len(index))
            if at == len(index):
                source.append(numbers[id(split.source)])
                index.append(i)
        rows.append(own)
    return np.array(source, np.int32), np.array(index, np.int64), rows


def _files(
    dataset: Dataset, sources: Sequence[Source], source: NDArray[np.int32], index: I64, digest: Callable[[bytes], None]
) -> tuple[list[FileState], I64]:
    """The files of all records, and where those of each record begin.

    digest: called with what identifies the samples: names, how they are read, the state of their files or the pixels.
    """
    files: list[FileState] = []
    ends = [0]
    prefix = str(dataset.root) + os.sep
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        origin = origin_of(sources[k], i)
        digest(f"{sources[k].names[i]}\n{'' if origin is None else origin.how}\n".encode("utf-8", "surrogatepass"))
        if origin is None:
            sample = sources[k].read(i)
            for pixels in (sample.image, sample.label, sample.instances):
                if pixels is not None:
                    digest(f"{pixels.shape} {pixels.dtype}\n".encode())
                    digest(np.ascontiguousarray(pixels).tobytes())
        elif not origin.files:
            digest(f"{origin.image}\n".encode("utf-8", "surrogatepass"))
        else:
            files += [FileState.of(path)._replace(path=path.removeprefix(prefix)) for path in origin.files]
        ends.append(len(files))
    for file in files:
        digest(f"{file.path}\n{file.bytes} {file.mtime_ns}\n".encode("utf-8", "surrogatepass"))
    return files, np.array(ends, np.int64)


def _guess(raw: I64, files: list[FileState], files_of: I64) -> I64:
    """Bytes of each record if encoded: as many as its files have, else half of its raw pixels."""
    stored = np.concatenate([[0], np.cumsum([max(f.bytes, 0) for f in files], dtype=np.int64)])
    guess: I64 = np.where(np.diff(files_of) > 0, stored[files_of[1:]] - stored[files_of[:-1]], raw // 2)
    return guess


def _shards(payload: I64, shard_bytes: int, batch_bytes: int) -> list[list[range]]:
    """The records of each record batch of each shard."""
    before = np.cumsum(payload) - payload
    shard = before // max(shard_bytes, -(-int(payload.sum()) // MAX_SHARDS))
    batch = before // batch_bytes
    first = [0, *(np.flatnonzero(np.diff(shard) | np.diff(batch)) + 1).tolist(), len(payload)]
    ranges = [range(a, b) for a, b in itertools.pairwise(first)]
    return [list(group) for _, group in itertools.groupby(ranges, lambda rows: shard[rows.start])]
