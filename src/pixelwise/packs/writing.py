"""pack: write a dataset as a pack, in parallel, within bounded memory, so that it can be stopped at any time.

Everything is written under `OUT/<fingerprint>/`, each file under another name until it is complete and on disk. The
last rename, of `OUT/manifest.json`, makes it a pack. The bytes of a shard depend on the source alone, so packers of the
same source may work in the same folder at the same time, and a packer that continues keeps finished shards.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from ..dataset.dataset import Dataset
from ..errors import PackError, SystemFault, UsageError
from ..files.addresses import StorePath, located
from ..files.mapping import guarded
from ..files.reading import bytes_text
from ..files.writing import atomic_write, folder_in_use, is_temporary, remove_temporaries, remove_unused
from ..formats.given import Data, SplitNames, as_dataset
from ..hints import hinted
from ..parts import PartOf, check_part
from ..threads import Pool, in_order, leaves_threads, run_in, thread_count
from ..types import Progress
from . import opening
from .index import INDEX, NO_JPEG_INDEX, checksum, record_at, write_table
from .inventory import Inventory, take_inventory
from .manifest import MANIFEST, Manifest, ShardEntry, is_data_folder, read_manifest
from .shards import ShardFile, make_batch, map_shard, scan_shard

Finished: TypeAlias = tuple[ShardEntry, list[str], NDArray[np.void]]
"""A shard on disk: its entry in the manifest, the names of its records and their index."""

SHARD_BYTES = 256 << 20
"""About the size of an Arrow file: large enough that packs have few shards, small enough to be written again."""


@overload
def pack(
    data: Data, out: str | os.PathLike[str], *, splits: SplitNames = None, encoding: str = "raw",
    threads: int | None = None, shard_bytes: int = SHARD_BYTES, overwrite: bool = False,
    progress: Progress | None = None, pool: Pool | None = None, part: None = None, **options: Any,
) -> Dataset: ...  # fmt: skip
@overload
def pack(
    data: Data, out: str | os.PathLike[str], *, splits: SplitNames = None, encoding: str = "raw",
    threads: int | None = None, shard_bytes: int = SHARD_BYTES, overwrite: bool = False,
    progress: Progress | None = None, pool: Pool | None = None, part: PartOf, **options: Any,
) -> Dataset | None: ...  # fmt: skip
@hinted
def pack(
    data: Data, out: str | os.PathLike[str], *, splits: SplitNames = None, encoding: str = "raw",
    threads: int | None = None, shard_bytes: int = SHARD_BYTES, overwrite: bool = False,
    progress: Progress | None = None, pool: Pool | None = None, part: PartOf | None = None, **options: Any,
) -> Dataset | None:  # fmt: skip
    """Write a dataset as a pack at `out` and open the pack.

        >>> packed = pw.pack("VOCdevkit/VOC2012", "voc.pack")
        >>> packed.format, packed["train"]
        ('pack', Split('train': 4 samples, 21 classes, PackSource))

    data: a path, a Dataset or a Split. out: a folder, or an address such as "s3://bucket/voc.pack" (needs
    pixelwise[remote]). splits: one name or several; by default all. encoding: "raw" stores pixels, so
    that reading is free and windows are views; "original" keeps the image files and stores labels as PNG, in a seventh
    of the space. threads: by default one per core. shard_bytes: size of an Arrow file; raised if the pack would have
    more than 128. overwrite: replace another pack, and check the shards of this one, to rewrite damaged ones. progress:
    called with (records done, records in all). pool: where shards are written, each by one call with this many threads;
    see `Pool`. options: of `open` if data is a path, such as format= and labels=.

    part: (k, n) writes only the shards k, k + n, k + 2 n ..., so that n processes, on any machines that see both
    folders, share the work. Whichever finds all shards there checks them all and finishes the pack; the others return
    None. A part that was killed, or that is run twice, is run again.

    If stopped at any time and called again, it continues: finished shards are checked and kept. At any time `out` is
    the old pack, the complete new one, or refused as `unfinished-pack`. If the pack of the same source and options is
    already there, nothing is written. Memory: per thread two record batches of 8 MB, or of one larger sample.

    Raises what opening and reading the data raises; PackError `stale-pack` if a source file changes meanwhile;
    UsageError `pack-exists`, `not-empty`, `bad-argument`; SystemFault `disk-full`, `cannot-write`.
    """
    root, share = located(out), check_part(part)
    if isinstance(root, StorePath):
        with run_in(pool):
            dataset = as_dataset(data, splits, verb="pack", **options)
            return _into_store(dataset, root, encoding, shard_bytes, threads, overwrite, progress, share or (1, 1))
    _check_target(root)
    with run_in(pool):
        inventory = take_inventory(as_dataset(data, splits, verb="pack", **options), encoding, shard_bytes)
        if not overwrite and (before := _manifest_at(root)) is not None:
            if before.fingerprint == inventory.fingerprint:
                remove_leftovers(root)
                return opening.load(root)
            fix = "choose another name, or overwrite it"
            raise UsageError("another pack is already there", code="pack-exists", where=root, fix=fix)
        return write_pack(inventory, root, threads, progress, share or (1, 1))


def _into_store(
    dataset: Dataset, root: StorePath, encoding: str, shard_bytes: int, threads: int | None, overwrite: bool,
    progress: Progress | None, part: PartOf,
) -> Dataset | None:  # fmt: skip
    from .remote.uploading import BATCH, check_writable, upload

    check_writable(root)
    inventory = take_inventory(dataset, encoding, shard_bytes, BATCH)
    return upload(inventory, root, threads, overwrite, progress, part)


def write_pack(
    inventory: Inventory, root: Path, threads: int | None, progress: Progress | None, part: PartOf = (1, 1)
) -> Dataset | None:
    """Write what `inventory` lists as the pack at `root`, replacing any other pack there, and open it.

    part: (k, n) writes every n-th shard; None while shards of other parts are missing.
    """
    before = _manifest_at(root)
    thread_count(threads)
    folder = root / inventory.fingerprint[:16]
    with ExitStack() as held:
        try:
            held.enter_context(folder_in_use(folder))
        except OSError as error:
            what, fix = f"cannot be created: {error.strerror}", "check space and permissions"
            raise SystemFault(what, code="cannot-write", where=folder, fix=fix) from None
        remove_leftovers(root)
        shards = _write_shards(inventory, folder, threads, progress, part)
        if shards is None:
            return None
        remove_temporaries(folder)  # of processes of a pool that died
        manifest = write_tables(inventory, folder, shards)
        with atomic_write(root / MANIFEST, alone=False) as file:
            file.write(manifest.to_bytes())
    if before is not None and before.data != folder.name:
        shutil.rmtree(root / before.data, ignore_errors=True)
    return opening.load(root)


def _check_target(root: Path) -> None:
    """UsageError `not-empty` if `root` holds anything but a pack."""
    try:
        entries = [e.name for e in root.iterdir()]
    except FileNotFoundError:
        return
    except NotADirectoryError:
        what = "is a file, but a pack is a folder"
        raise UsageError(what, code="not-empty", where=root, fix="choose another name") from None
    foreign = [e for e in entries if e != MANIFEST and not is_data_folder(e) and not is_temporary(e)]
    if foreign:
        what = f"holds other files, such as {min(foreign)!r}"
        raise UsageError(what, code="not-empty", where=root, fix="choose a new folder")


def _manifest_at(root: Path) -> Manifest | None:
    try:
        return read_manifest(root)
    except PackError as error:
        if error.code in ("unfinished-pack", "bad-manifest"):
            return None
        raise


def remove_leftovers(root: Path) -> None:
    """Remove what killed packers left at `root`: temporary files, and the folders of packs that are not there.

    Folders that a packer is writing stay.
    """
    remove_temporaries(root, below=True)

    def is_the_pack(name: str) -> bool:  # asked once the folder is locked: its packer may just have finished
        manifest = _manifest_at(root)
        return manifest is not None and manifest.data == name

    for folder in [e for e in root.iterdir() if is_data_folder(e.name)]:
        remove_unused(folder, unless=partial(is_the_pack, folder.name))


def write_tables(inventory: Inventory, folder: Path, finished: list[Finished]) -> Manifest:
    """Write the tables, and give the manifest that describes them and the shards."""
    shards, names, indices = zip(*finished, strict=True)
    index, files, splits = np.concatenate(indices), inventory.files, inventory.splits
    numbers = [n for n in INDEX.names or () if inventory.encoding.has_jpegs or n not in NO_JPEG_INDEX]
    tables: dict[str, dict[str, Any]] = {
        "index.arrow": {"name": itertools.chain.from_iterable(names), **{name: index[name] for name in numbers}},
        "splits.arrow": {"name": [s.name for s in splits], "records": inventory.rows},
        "sources.arrow": {
            "path": [f.path for f in files],
            "bytes": [f.bytes for f in files],
            "mtime_ns": [f.mtime_ns for f in files],
        },
    }
    entries = tuple(write_table(folder / name, table) for name, table in tables.items())
    dataset = inventory.dataset
    return Manifest(
        fingerprint=inventory.fingerprint, encoding=inventory.encoding, classes=dataset.classes,
        source_format=dataset.format, source_root=str(Path(dataset.root).absolute()), records=len(inventory),
        splits=splits, tables=entries, shards=shards, notes=dataset.notes, history=dataset.history,
    )  # fmt: skip


def _write_shards(
    inventory: Inventory, folder: Path, threads: int | None, progress: Progress | None, part: PartOf
) -> list[Finished] | None:
    """Write the shards of a part that are not there yet. All shards, each with its part of the index, or None if those
    of other parts are not all there.
    """
    paths = [folder / f"shard-{k:05d}.arrow" for k in range(len(inventory.shards))]
    own = range(part[0] - 1, len(paths), part[1])
    done = _kept_of(inventory, paths, own, threads)
    missing = [k for k in own if k not in done]
    _check_space(inventory, folder, missing)
    write = _write_elsewhere if leaves_threads() else _write_missing
    done |= write(inventory, missing, paths, threads, of_records(inventory, own, missing, progress))
    if len(done) < len(paths) and not all(path.exists() for path in paths):
        return None
    done |= _kept_of(inventory, paths, [k for k in range(len(paths)) if k not in done], threads)
    return [done[k] for k in range(len(paths))] if len(done) == len(paths) else None


def _kept_of(inventory: Inventory, paths: list[Path], which: Iterable[int], threads: int | None) -> dict[int, Finished]:
    """Those shards of `which` that are there, complete and undamaged."""
    found = {k: finished_shard(inventory, k, paths[k], threads) for k in which if paths[k].exists()}
    return {k: shard for k, shard in found.items() if shard is not None}


def records_in(inventory: Inventory, shards: Iterable[int]) -> int:
    return sum(len(rows) for k in shards for rows in inventory.shards[k])


def of_records(
    inventory: Inventory, own: Sequence[int], missing: Sequence[int], progress: Progress | None
) -> Callable[[int], None]:
    """What is called with the number of records that were just written."""
    total = records_in(inventory, own)
    done = total - records_in(inventory, missing)

    def count(written: int) -> None:
        nonlocal done
        done += written
        if progress is not None:
            progress(done, total)

    return count


def _write_elsewhere(
    inventory: Inventory, missing: list[int], paths: list[Path], threads: int | None, count: Callable[[int], None]
) -> dict[int, Finished]:
    """Write shards in another pool, one per call: what comes back is small, and any of them may be done twice."""
    done: dict[int, Finished] = {}
    for k, shard in zip(missing, in_order(partial(write_one, inventory, paths, threads), missing), strict=True):
        done[k] = shard
        count(records_in(inventory, [k]))
    return done


def write_one(inventory: Inventory, paths: list[Path], threads: int | None, number: int) -> Finished:
    return _write_missing(inventory, [number], paths, threads)[number]


def _write_missing(
    inventory: Inventory, missing: list[int], paths: list[Path], threads: int | None,
    count: Callable[[int], None] = lambda written: None,
) -> dict[int, Finished]:  # fmt: skip
    jobs = [(k, rows) for k in missing for rows in inventory.shards[k]]
    batches: Any = in_order(partial(make_batch, inventory), [rows for _, rows in jobs], threads, ahead=2)
    finishing: dict[int, Future[Finished]] = {}
    shard: ShardFile | None = None
    sync: Future[None] | None = None
    # One more thread, which waits for the disk while the others continue.
    with ThreadPoolExecutor(1, "pixelwise-sync") as syncer, closing(batches):
        try:
            for (k, rows), batch in zip(jobs, batches, strict=True):
                if shard is None:
                    shard = ShardFile(paths[k], inventory)
                shard.write(batch)
                if rows is inventory.shards[k][-1]:
                    finishing[k] = syncer.submit(_finish, shard, paths[k], k)
                    shard = None
                    for job in list(finishing.values())[:-1]:  # at most two shards wait for the disk
                        job.result()
                elif sync is None or sync.done():
                    sync = syncer.submit(shard.sync)
                count(len(rows))
        except BaseException as error:
            if shard is not None:
                syncer.submit(shard.abandon, error).result()
            raise
    return {k: job.result() for k, job in finishing.items()}


def _finish(shard: ShardFile, path: Path, number: int) -> Finished:
    return shard.finish(), *scan_shard(path, number)


def _check_space(inventory: Inventory, folder: Path, missing: list[int]) -> None:
    if not inventory.encoding.is_raw:
        return  # the size of encoded samples is not known beforehand
    need = sum(int(inventory.payload[rows].sum()) for k in missing for rows in inventory.shards[k])
    free = shutil.disk_usage(folder).free
    if need > free:
        what = f"needs {bytes_text(need)}, but only {bytes_text(free)} are free"
        raise SystemFault(what, code="disk-full", where=folder, fix='free space, or pack with encoding="original"')


def finished_shard(inventory: Inventory, number: int, path: Path, threads: int | None) -> Finished | None:
    """The shard that an earlier packer left, if it is complete and undamaged, else None."""
    try:
        with guarded():
            return _kept(inventory, number, path, threads)
    except PackError:
        return None


def _kept(inventory: Inventory, number: int, path: Path, threads: int | None) -> Finished | None:
    first, last = inventory.shards[number][0].start, inventory.shards[number][-1].stop
    names, index = scan_shard(path, number)
    sizes = np.stack([index["height"], index["width"]], axis=1)
    if names != [inventory.name(r) for r in range(first, last)] or (sizes != inventory.sizes[first:last]).any():
        return None
    if list(in_order(partial(_crc, path), index, threads)) != index["crc"].tolist():
        return None
    data = map_shard(path).data
    return ShardEntry(path.name, len(index), len(data), checksum(data)), names, index


def _crc(path: Path, entry: NDArray[np.void]) -> int:
    data = map_shard(path).data
    return record_at(np.array([entry]), 0, lambda at, size: data[at : at + size]).crc32
