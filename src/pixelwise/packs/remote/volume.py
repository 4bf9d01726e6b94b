"""RemoteVolume: a pack in a store. Records are read from blocks, which come from a cache, or else from the store."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, MissingError, PackError, UsageError
from ...files.addresses import StorePath
from ...types import I64, U8, Finding, HeldPixels, Sample, Window
from ..encodings.raw import RAW
from ..index import Record
from ..manifest import Manifest, read_manifest
from ..volume import RecordName, Volume, records_of
from .blocks import BlockLayout, Blocks, Decoded, decode_block, stored_layout
from .cache import BlockCache, FolderCache, MemoryCache, joined_parts, limit_text
from .fetching import Fetcher
from .store import Store, changed, check_not_forked

_TRIES: Final = 3
"""How often bytes are fetched whose CRC is wrong."""
_PAUSE: Final = 0.2
"""Seconds before the second time; twice that before the third."""
_ALONE: Final = 256
"""Records that are fetched one by one and wait to be read."""


class Keeping(NamedTuple):
    """How blocks are kept. place: a folder, or None for memory. limit: bytes, or None. decoded: as pixels."""

    place: Path | None
    limit: int | None
    decoded: bool


class Block(NamedTuple):
    """A block at hand. is_fresh: this process fetched it, so that fetching it again changes nothing.

    address: of its data, which stay readable if the file is deleted from the cache.
    """

    layout: BlockLayout
    data: U8
    is_fresh: bool
    address: int


def _block_of(layout: BlockLayout, data: U8, is_fresh: bool) -> Block:
    return Block(layout, data, is_fresh, int(data.__array_interface__["data"][0]))


class RemoteVolume(Volume):
    """One opened pack in a store: see Volume. Thread-safe.

    The CRC of every record is checked when it arrives, and when it is first read from the cache: a block whose bytes
    are not right there is deleted and fetched again.
    """

    def __init__(
        self, root: StorePath, manifest: Manifest, names: Sequence[str], index: NDArray[np.void], rows: list[I64],
        verify: bool, store: Store, keeping: Keeping,
    ) -> None:  # fmt: skip
        super().__init__(root, manifest, names, index, rows, verify)
        self._store, self._keeping = store, keeping
        self._parts = Blocks(index, self.blocks)
        self._decodes = keeping.decoded and not manifest.encoding.is_raw
        self._sizes = self._parts.sizes(self.label_dtype.itemsize if self._decodes else None)
        self._cache = self._make_cache()
        self._blocks: Fetcher[Block] = Fetcher(self._fetch_block)
        self._alone: Fetcher[Record] = Fetcher(self._fetch_record, _ALONE)
        self._tags: list[str | None] = [None] * len(manifest.shards)
        self._opened: OrderedDict[int, Block] = OrderedDict()
        self._most_opened = _most_opened()
        self._opening = threading.Lock()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        return reopened_remote, (self.root, self.manifest.fingerprint, self.verify, self._keeping)

    def read(self, path: Path) -> bytes:
        """A whole file of the pack."""
        return self._store.read(path)

    # -- what a source asks ---------------------------------------------------------------------------------------

    @property
    def is_mapped(self) -> bool:
        """Whether samples in the cache are pixels."""
        return self._decodes or self.manifest.encoding.is_raw

    @property
    def fits(self) -> bool:
        """Whether the cache may hold the whole pack."""
        return self._keeping.limit is None or int(self._sizes.sum()) <= self._keeping.limit

    def check_room(self, alive: int) -> None:
        """UsageError `cache-too-small` if the cache cannot hold this many blocks, which are in use at once."""
        limit, total = self._keeping.limit, int(self._sizes.sum())
        need = int(min(total, alive * total / max(1, len(self._sizes))))
        if limit is not None and limit < need:
            what = f"{limit_text(limit)} is less than the {alive} blocks that are in use at once, {need} bytes"
            fix = f"pass cache_bytes={need} or more to open(), with cache=FOLDER, or load smaller batches"
            raise UsageError(what, code="cache-too-small", where=self.root, fix=fix)

    def has_pixels(self, record: Record) -> bool:
        """Whether it is raw, or was decoded."""
        return isinstance(record, Decoded) or super().has_pixels(record)

    def record(self, row: int, *, as_stored: bool = False) -> Record:
        """A record, its bytes checked, from the cache or from the store."""
        if os.getpid() != self._process:
            check_not_forked(self.root)
        if (as_stored and self._decodes) or self._alone.knows(row):
            return self._alone.get(row)
        return self._checked(row)[1]

    def _checked(self, row: int) -> tuple[Block, Record]:
        """A record that is not fetched by itself, its bytes checked, and the block that it is in."""
        block = int(self._parts.of[row])
        while True:
            found = self._block(block)
            record = found.layout.record(row, found.data)
            if not self._unchecked[row]:
                return found, record
            try:
                self.check_once(row, record, int(found.layout.entries["crc"][row - found.layout.first]))
                return found, record
            except PackError as error:
                if error.code != "record-crc":
                    raise
                self._drop(block)  # in any case: the store may be mended
                if found.is_fresh:
                    raise

    def held(self, rows: I64, labels: bool) -> HeldPixels:
        """As Volume.held; 0 also for a record that is fetched by itself, or could not be decoded. Waits for blocks."""
        if os.getpid() != self._process:
            check_not_forked(self.root)
        is_raw, owners = self.manifest.encoding.is_raw, list[U8]()
        found = [(0, 0)] * len(rows)
        numbers, unchecked = self._parts.of[rows].tolist(), self._unchecked[rows].tolist()
        for k, row in enumerate(rows.tolist()):
            if self._alone.knows(row):
                continue
            try:
                block = self._checked(row)[0] if unchecked[k] else self._block(numbers[k])
            except DataError:
                continue
            if is_raw or block.layout.is_decoded:
                image, label = block.layout.places[row - block.layout.first]
                found[k] = block.address + image, block.address + max(0, label)
                owners.append(block.data)
        places = np.array(found, np.uint64).reshape(-1, 2).T.copy()
        return HeldPixels(places[0], places[1] if labels else None, self.label_dtype.itemsize, owners)

    def decode(
        self, row: int, record: Record, window: Window | None = None, notes: list[Finding] | None = None
    ) -> Sample:
        """As Volume.decode, whether the cache has decoded it or not."""
        if not isinstance(record, Decoded):
            return super().decode(row, record, window, notes)
        where = RecordName(self, row)
        sample = RAW.decode(record._replace(instances=None), self.names[row], self.label_dtype, where, window)
        if record.instances is None or window is not None:
            return sample
        numbers = self.manifest.encoding.decode_instances(record.instances, record.size, where)
        return Sample(sample.name, sample.image, sample.label, numbers)

    def will_need(self, rows: I64, windows: Sequence[Sequence[int]]) -> None:
        """Fetch the blocks of these records, without waiting."""
        self.fetch_ahead(rows)

    def fetch_ahead(self, rows: I64, alone: bool = False) -> None:
        """Fetch what these records need, without waiting. alone: the records, not the blocks that they are in."""
        if os.getpid() != self._process:
            check_not_forked(self.root)
        blocks = self._parts.of[rows]
        missing = [b for b in dict.fromkeys(blocks.tolist()) if not self._is_here(b)]
        if not alone:
            self._blocks.ahead(missing)
        elif missing:
            self._alone.ahead(rows[np.isin(blocks, missing)].tolist())

    def check(self) -> None:
        """Nothing to do: blocks do not change."""

    # -- blocks ---------------------------------------------------------------------------------------------------

    def _make_cache(self) -> BlockCache:
        place, limit, _ = self._keeping
        largest = int(self._sizes.max(initial=0))
        if limit is not None and limit < 2 * largest:
            what = f"{limit_text(limit)} cannot hold two blocks of {largest} bytes"
            fix = f"pass cache_bytes={2 * largest} or more"
            raise UsageError(what, code="cache-too-small", where=self.root, fix=fix)
        if place is None:
            assert limit is not None
            return MemoryCache(limit)
        return FolderCache(place, self.manifest.fingerprint, limit)

    def _block(self, block: int) -> Block:
        with self._opening:
            found = self._opened.get(block)
            if found is not None:
                self._opened.move_to_end(block)
                return found
        found = self._cached(block)
        if found is None:
            fetched = self._blocks.get(block)
            # Mapped if it was kept: then its memory is the system's.
            found = (self._cached(block) if fetched.is_fresh else None) or fetched
            found = found._replace(is_fresh=fetched.is_fresh)
        with self._opening:
            self._opened[block] = found
            while len(self._opened) > self._most_opened:
                self._opened.popitem(last=False)
        return found

    def _names_of(self, block: int) -> tuple[tuple[str, bool], ...]:
        stored = (f"{block:08d}.stored", False)
        return ((f"{block:08d}.raw", True), stored) if self._decodes else (stored,)

    def _is_here(self, block: int) -> bool:
        return any(self._cache.has(name) for name, _ in self._names_of(block))

    def _cached(self, block: int) -> Block | None:
        for name, decoded in self._names_of(block):
            layout = self._parts.decoded(block, self.label_dtype.itemsize) if decoded else self._parts.stored(block)
            data = self._cache.open(name, layout.size)
            if data is not None:
                if decoded:
                    entries: Any = layout.entries
                    entries["crc"] = np.frombuffer(data[layout.size - 4 * len(entries) :].tobytes(), np.uint32)
                return _block_of(layout, data, False)
        return None

    def _drop(self, block: int) -> None:
        with self._opening:
            self._opened.pop(block, None)
        for name, _ in self._names_of(block):
            self._cache.drop(name)

    # -- fetching -------------------------------------------------------------------------------------------------

    def _fetch_block(self, block: int) -> Block:
        if (found := self._cached(block)) is not None:
            return found
        layout = self._parts.stored(block)
        data, is_right = self._arrived(self._parts.shard(block), layout)
        rows = self._parts.rows(block)
        if not is_right:  # whoever reads the wrong record gets the error, and the others their pixels
            return _block_of(layout, data, True)
        if not self.manifest.encoding.is_raw and not self._decodes:
            self._unchecked[rows.start : rows.stop] = False
        if self._decodes:
            decoded = self._parts.decoded(block, self.label_dtype.itemsize)
            parts = decode_block(layout, data, self.manifest.encoding, self.label_dtype, lambda r: RecordName(self, r))
            if parts is not None:
                kept = self._cache.put(self._names_of(block)[0][0], parts)
                entries: Any = decoded.entries
                entries["crc"] = parts[-1]
                return _block_of(decoded, kept, True)
        return _block_of(layout, self._cache.put(self._names_of(block)[-1][0], [data]), True)

    def _fetch_record(self, row: int) -> Record:
        layout = stored_layout(self.index, range(row, row + 1))
        data, _ = self._arrived(int(self._shards[row]), layout)
        record = layout.record(row, data)
        self.check_crc(row, record)
        return record

    def _arrived(self, shard: int, layout: BlockLayout) -> tuple[U8, bool]:
        """The bytes of a layout from the store, and whether the CRCs of all its records are right."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE * attempt)
            data = joined_parts([self._get(shard, start, stop) for start, stop in layout.ranges])
            rows = range(layout.first, layout.first + len(layout.entries))
            if all(layout.record(row, data).crc32 == self.index["crc"][row] for row in rows):
                return data, True
        return data, False

    def _get(self, shard: int, start: int, stop: int) -> Any:
        path = self.path(shard)
        try:
            chunk = self._store.get(path, start, stop, self._tags[shard])
        except MissingError:
            what = "the pack was replaced or removed while it was in use"
            raise PackError(what, code="missing-shard", where=path, fix="open it again") from None
        if chunk.size != self.manifest.shards[shard].bytes:
            raise changed(path)
        self._tags[shard] = chunk.tag
        return chunk.data


def _most_opened() -> int:
    """How many blocks are kept mapped: a map holds a file descriptor, of which other code needs some."""
    if sys.platform == "win32":
        return 512  # its maps hold handles, which are not limited
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 512 if soft == resource.RLIM_INFINITY else max(16, min(512, soft // 4))


def open_remote(root: StorePath, verify: bool, keeping: Keeping) -> RemoteVolume:
    """The pack at an address: manifest and tables are fetched and checked, shards when they are needed."""
    store = Store(root)
    try:
        manifest = read_manifest(root, store.read)
    except PackError as error:
        if error.code != "unfinished-pack":
            raise
        what, fix = "there is no pack: no manifest.json", "check the address; a pack shows when it is complete"
        raise MissingError(what, code="missing-file", where=root, fix=fix) from None
    return RemoteVolume(root, manifest, *records_of(root, manifest, store.read), verify, store, keeping)


def reopened_remote(root: StorePath, fingerprint: str, verify: bool, keeping: Keeping) -> RemoteVolume:
    """The pack again, in another process. PackError `stale-pack` if it is another one."""
    volume = open_remote(root, verify, keeping)
    if volume.manifest.fingerprint != fingerprint:
        raise PackError("the pack was replaced while it was in use", code="stale-pack", where=root, fix="open it again")
    return volume
