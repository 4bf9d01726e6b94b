"""Writing a pack into a store: shards first, one object each, and the manifest last, which makes them a pack.

A shard is written on this machine's disk, then uploaded in parts, and appears when all of it is there. Its bytes depend
on the source alone; so an upload that was stopped continues, several machines may upload parts of one pack, and a shard
that is there is fetched and checked instead of being written again. The manifest is put on the condition that
none is there, or that the one that is to be replaced is there unchanged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from ...dataset.dataset import Dataset
from ...errors import MissingError, PackError, UsageError
from ...files.addresses import StorePath
from ...parts import PartOf
from ...threads import in_order, thread_count
from ...types import Progress
from ..inventory import Inventory
from ..manifest import MANIFEST, Manifest, is_data_folder, read_manifest
from ..writing import Finished, finished_shard, of_records, records_in, write_one, write_tables
from .copying import copied
from .opening import load
from .store import Store, Tag

BATCH: Final = 3 << 18
"""Payload of a record batch in a store: with one more sample, it still is one block, and is fetched by one request."""
_AT_ONCE: Final = 2
"""Shards under way: one is uploaded while the next is written."""


def check_writable(root: StorePath) -> None:
    """UsageError `remote-path` for a store that takes no conditional put."""
    if str(root).lower().startswith("http"):
        what = "packs are written to s3://, gs:// and az://, not over http"
        fix = "write a pack on a disk, and copy it with your own tools"
        raise UsageError(what, code="remote-path", where=root, fix=fix)


def upload(
    inventory: Inventory, root: StorePath, threads: int | None, overwrite: bool, progress: Progress | None, part: PartOf
) -> Dataset | None:
    """Write what `inventory` lists as the pack at `root`, and open it; None while shards of other parts are missing.

    Arguments and errors as of `pack`, and what a Store raises.
    """
    thread_count(threads)
    store = Store(root)
    foreign = [name for name in store.names() if name != MANIFEST and not is_data_folder(name)]
    if foreign:
        what = f"holds other objects, such as {min(foreign)!r}"
        raise UsageError(what, code="not-empty", where=root, fix="choose a new address")
    before, tag = _manifest_in(store)
    if before is not None and not overwrite:
        if before.fingerprint == inventory.fingerprint:
            return load(root)
        fix = "choose another address, or overwrite it"
        raise UsageError("another pack is already there", code="pack-exists", where=root, fix=fix)
    shards = _upload_shards(inventory, store, threads, progress, part)
    if shards is None:
        return None
    with tempfile.TemporaryDirectory(prefix="pixelwise-") as scratch:
        manifest = write_tables(inventory, Path(scratch), shards)
        for table in manifest.tables:
            store.upload(root / manifest.data / table.file, Path(scratch) / table.file)
    if not store.put(root / MANIFEST, manifest.to_bytes(), tag):
        now, _ = _manifest_in(store)
        if now is None or now.fingerprint != manifest.fingerprint:
            what, fix = "another pack was written there meanwhile", "choose another address, or overwrite it"
            raise UsageError(what, code="pack-exists", where=root, fix=fix)
    if before is not None and before.data != manifest.data:
        store.delete(store.below(before.data))
    return load(root)


def _manifest_in(store: Store) -> tuple[Manifest | None, Tag | None]:
    """The manifest, None if there is none that can be read, and the tag of what is there."""
    found = store.head(store.root / MANIFEST)
    if found is None:
        return None, None
    try:
        return read_manifest(store.root, store.read), found[1]
    except PackError as error:
        if error.code == "pack-version":
            raise
        return None, found[1]


def _upload_shards(
    inventory: Inventory, store: Store, threads: int | None, progress: Progress | None, part: PartOf
) -> list[Finished] | None:
    """Every shard, or None if those of other parts are not all there."""
    number, parts = part
    own = range(number - 1, len(inventory.shards), parts)
    count = of_records(inventory, own, own, progress)
    done: dict[int, Finished] = {}

    def run(which: Iterable[int]) -> None:
        wanted = list(which)
        work = partial(_upload_one, inventory, store, threads)
        for k, shard in zip(wanted, in_order(work, wanted, _AT_ONCE, ahead=1), strict=True):
            done[k] = shard
            if k in own:
                count(records_in(inventory, [k]))

    run(own)
    others = [k for k in range(len(inventory.shards)) if k not in done]
    if any(store.head(_target(inventory, store, k)) is None for k in others):
        return None
    run(others)
    return [done[k] for k in range(len(inventory.shards))]


def _target(inventory: Inventory, store: Store, shard: int) -> Path:
    return store.root / inventory.fingerprint[:16] / f"shard-{shard:05d}.arrow"


def _upload_one(inventory: Inventory, store: Store, threads: int | None, shard: int) -> Finished:
    """See that a shard is in the store, whole. It may be done twice, on any machine."""
    target = _target(inventory, store, shard)
    with tempfile.TemporaryDirectory(prefix="pixelwise-") as scratch:
        paths = [Path(scratch) / f"shard-{k:05d}.arrow" for k in range(shard + 1)]
        try:
            copied(store, target, paths[shard])
        except MissingError:
            pass
        else:
            if (there := finished_shard(inventory, shard, paths[shard], threads)) is not None:
                return there
        made = write_one(inventory, paths, threads, shard)
        store.upload(target, paths[shard])
    return made
