"""verify: every record of a pack against its CRC, its size and the class table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..codecs.jpeg_windows import stored_index
from ..errors import DataError, FormatError, MissingError, PackError, PixelwiseError, SystemFault, shown
from ..files.addresses import StorePath, located
from ..files.reading import check_exists, open_error, open_regular
from ..hints import answering, hinted
from ..results import Result
from ..threads import Pool, in_order, run_in, thread_count
from ..types import U8, Finding, Progress
from . import opening
from .class_ids import check_class_ids
from .index import checksum, damaged, record_at
from .manifest import read_manifest
from .volume import RecordName, Volume, load_volume, reader_of, shard_problems


@answering
@dataclass(frozen=True, slots=True)
class Verification(Result):
    """What `verify` found wrong with a pack: iterates Findings, and is empty, so false, if the pack is intact.

    root: the pack's folder. records: how many it should hold, 0 if its manifest cannot be read.
    """

    root: Path
    records: int
    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        n = len(self)
        problems = f"{n:,} problem{'s' * (n > 1)}" if n else "intact"
        return f"Verification({shown(self.root)}: {self.records:,} records, {problems})"

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {"root": str(self.root), "records": self.records, "findings": [f.to_dict() for f in self.findings]}


@hinted
def verify(
    path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    pool: Pool | None = None,
) -> Verification:
    """Read every byte of the pack at `path` and list what is wrong with it, by shard and record.

        >>> packed = pw.pack("VOCdevkit/VOC2012", "voc.pack")
        >>> list(pw.verify("voc.pack"))
        []

    Checks the manifest, the tables, size and CRC-32 of each shard, and CRC-32 of each record; that records decode to
    their size; that labels hold class ids. source: also check whether the files that the pack was made from have
    changed (True: in the folder they were in then; or the folder they are in now). threads: by default one per core.
    progress: called with (records done, records in all). pool: where records are read instead of on threads; see
    `Pool`.

    Raises MissingError if there is nothing at `path`, FormatError if it is not a pack, SystemFault if it cannot be
    read.
    """
    root, records, threads = located(path), 0, thread_count(threads)
    read = reader_of(root)
    if not isinstance(root, StorePath):
        check_exists(root)
        if opening.find(root) is None:
            fix = "give a folder that pixelwise pack wrote"
            raise FormatError("is not a pack", code="no-dataset", where=root, fix=fix)
    try:
        manifest = read_manifest(root, read)
        records = manifest.records
        volume = load_volume(root, manifest, read=read)
    except (PackError, SystemFault) as error:
        return Verification(root, records, (Finding.from_error(error),))
    with run_in(pool):
        found = list(_findings(volume, threads, progress))
    found += map(Finding.from_error, opening.stale_files(root, manifest, source, read))
    return Verification(root, records, tuple(found))


def _findings(volume: Volume, threads: int, progress: Progress | None) -> Iterator[Finding]:
    root, shards = volume.root, volume.manifest.shards
    if isinstance(root, StorePath):  # each shard by one call, which fetches it to where it runs
        each: Iterable[list[Finding]] = in_order(partial(_check_copy, volume, threads), range(len(shards)), 1, ahead=1)
    else:
        found = [Finding.from_error(p) for p in shard_problems(root, volume.manifest)]
        yield from found
        broken = {f.where for f in found}
        intact = [str(volume.path(k)) not in broken for k in range(len(shards))]
        each = (_check_shard(volume, k, threads, volume.path(k)) if intact[k] else [] for k in range(len(shards)))
    for k, of_shard in enumerate(each):
        yield from of_shard
        if progress is not None:
            progress(int(volume.starts[k + 1]), volume.manifest.records)


def _check_copy(volume: Volume, threads: int, shard: int) -> list[Finding]:
    from .remote.copying import copied
    from .remote.store import Store

    path, expected = volume.path(shard), volume.manifest.shards[shard].bytes
    with tempfile.TemporaryDirectory(prefix="pixelwise-") as scratch:
        file = Path(scratch) / path.name
        try:
            copied(Store(volume.root), path, file)  # type: ignore[arg-type]
        except MissingError:
            return [Finding.from_error(damaged("the pack lacks this shard", path, "missing-shard"))]
        except (PackError, SystemFault) as error:
            return [Finding.from_error(error)]
        if (size := file.stat().st_size) != expected:
            return [Finding.from_error(damaged(f"has {size} bytes, expected {expected}", path, "pack-size"))]
        return _check_shard(volume, shard, threads, file)


def _check_shard(volume: Volume, shard: int, threads: int | None, file: Path) -> list[Finding]:
    """What is wrong with a shard. file: where its bytes are now."""
    path, entry = volume.path(shard), volume.manifest.shards[shard]
    first, last = volume.starts[shard : shard + 2].tolist()
    results = in_order(partial(_check_record, volume, file), range(first, last), threads)
    crc = 0
    try:
        found = [finding for finding in results if finding is not None]
        with open_regular(file) as fd:
            for chunk in iter(lambda: os.read(fd, 16 << 20), b""):
                crc = checksum(chunk, crc)
    except (OSError, PixelwiseError) as error:
        return [Finding.from_error(open_error(path, error))]
    if crc != entry.crc32 and not found:
        what = f"is damaged outside its records: its CRC-32 is {crc}, expected {entry.crc32}"
        found.append(Finding.from_error(damaged(what, path)))
    return found


def _check_record(volume: Volume, path: Path, row: int) -> Finding | None:
    where = RecordName(volume, row)
    try:
        # Read, not mapped: a mapped file that is cut ends the process.
        with open_regular(path) as fd:
            record = record_at(volume.index, row, partial(_read, fd, where=where))
        volume.check_crc(row, record)
        sample = volume.decode(row, record)
        if record.jpeg_index is not None and record.jpeg_index.tobytes() != stored_index(record.image, record.size):
            raise damaged("has an index that is not the one of its JPEG file", where)
        if sample.label is not None:
            check_class_ids(sample.label, volume.manifest.classes, where)
    except (DataError, SystemFault) as error:
        return Finding.from_error(error)
    return None


def _read(fd: int, offset: int, size: int, where: object) -> U8:
    out = np.zeros(size, np.uint8)
    done = 0
    try:
        with open(fd, "rb", buffering=0, closefd=False) as file:
            file.seek(offset)
            while done < size and (got := file.readinto(out.data[done:])):
                done += got
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise SystemFault(what, code="unreadable", where=where, fix="check the disk") from None
    return out  # if the file was cut meanwhile, the CRC differs
