"""verify: every record of a pack against its CRC, its size and the class table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..codecs.decoding import decode_image, decode_stored
from ..errors import DataError, FormatError, MissingError, PackError, SystemFault
from ..threads import thread_count
from ..types import U8, Finding, Progress
from . import opening
from .changes import stale_files
from .index import checksum
from .manifest import read_manifest
from .volume import Volume, load_volume, shard_problems

_REPAIR = "pack again with overwrite: only damaged shards are written anew"


def verify(
    path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Read every byte of the pack at `path` and list what is wrong with it, by shard and record.

    Checked: manifest, tables, size and CRC-32 of each shard; CRC-32 of each record; that encoded
    records decode to their size; that labels hold class ids. source: also whether the files that the pack was made
    from have changed (True: where they lay then; or the folder where they lie now). progress: called with (records
    done, records in all).
    """
    root = Path(path).absolute()
    if not root.exists():
        raise MissingError("no such file or folder", code="missing-file", where=root, fix="check the path")
    if opening.find(root) is None:
        raise FormatError("is no pack", code="no-dataset", where=root, fix="give a folder that pixelwise pack wrote")
    try:
        manifest = read_manifest(root)
        volume = load_volume(root, manifest)
    except PackError as error:
        return [_finding(error)]
    problems = list(shard_problems(root, manifest))
    found = [_finding(p) for p in problems]
    broken = {p.where for p in problems}
    with ThreadPoolExecutor(thread_count(threads), "pixelwise-verify") as pool:
        for k, shard in enumerate(manifest.shards):
            if str(volume.path(k)) not in broken:
                found += _check_shard(volume, k, pool)
            if progress is not None:
                progress(int(volume.starts[k]) + shard.records, manifest.records)
    if source is not False:
        stale = stale_files(root, manifest, None if source is True else Path(source))
        found += [_finding(e) for e in stale]
    return found


def _finding(error: DataError) -> Finding:
    return Finding(error.code, "error", error.where or "", error.message, error.fix or "")


def _check_shard(volume: Volume, shard: int, pool: ThreadPoolExecutor) -> list[Finding]:
    path, entry = volume.path(shard), volume.manifest.shards[shard]
    first, last = volume.starts[shard : shard + 2].tolist()
    # Read, not mapped: what is cut under a map ends the process.
    with open(path, "rb", buffering=0) as file:
        results = pool.map(partial(_check_record, volume, file.fileno()), range(first, last))
        found = [f for one in results for f in one]
        crc = 0
        for chunk in iter(lambda: file.read(16 << 20), b""):
            crc = checksum(chunk, crc)
    if crc != entry.crc32 and not found:
        error = PackError(
            f"is damaged outside its records: its CRC-32 is {crc}, expected {entry.crc32}",
            code="pack-damaged", where=path, fix=_REPAIR,
        )  # fmt: skip
        return [_finding(error)]
    return found


def _check_record(volume: Volume, fd: int, row: int) -> list[Finding]:
    table, where = volume.index, volume.where(row)
    parts: list[Any] = []
    crc = 0
    for kind in ("image", "label", "instances"):
        offset, size = int(getattr(table, f"{kind}_offset")[row]), int(getattr(table, f"{kind}_bytes")[row])
        part = None if offset < 0 else _read(fd, offset, size, where)
        crc = crc if part is None else checksum(part, crc)
        parts.append(part)
    if crc != int(table.crc[row]):
        what = f"is damaged: its CRC-32 is {crc}, expected {int(table.crc[row])}"
        return [_finding(PackError(what, code="record-crc", where=where, fix=_REPAIR))]
    try:
        return list(_check_pixels(volume, row, parts[0], parts[1], where))
    except DataError as error:
        return [_finding(error)]


def _read(fd: int, offset: int, size: int, where: str) -> U8:
    out = np.empty(size, np.uint8)
    done = 0
    while done < size:
        try:
            got = os.preadv(fd, [out.data[done:]], offset + done)
        except OSError as error:
            raise SystemFault(
                f"cannot be read: {error.strerror}", code="unreadable", where=where, fix="check the disk"
            ) from None
        if got == 0:
            out[done:] = 0  # cut meanwhile: the CRC will tell
            break
        done += got
    return out


def _check_pixels(volume: Volume, row: int, image: U8, label: U8 | None, where: str) -> Iterator[Finding]:
    manifest, size = volume.manifest, (int(volume.index.height[row]), int(volume.index.width[row]))
    ids: Any = None if label is None else label.view(manifest.classes.dtype) if manifest.encoding == "raw" else None
    if manifest.encoding == "original":
        shapes = [decode_image(image.tobytes(), where).shape[:2]]
        if label is not None:
            ids = decode_stored(label.tobytes(), where).pixels
            shapes.append(ids.shape)
        for shape in shapes:
            if shape != size:
                yield Finding(
                    "size-mismatch", "error", where, f"decodes to {shape}, the index says {size}", "pack again"
                )
    if ids is not None and int(ids.max()) >= len(manifest.classes):
        ignore = manifest.classes.ignore_index
        wrong = (ids >= len(manifest.classes)) & (ids != (-1 if ignore is None else ignore))
        if wrong.any():
            yield Finding(
                "class-out-of-range", "error", where,
                f"{wrong.sum()} label pixels are no class, the first is {ids[wrong][0]}",
                "pack again from a correct source",
            )  # fmt: skip
