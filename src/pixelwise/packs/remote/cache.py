"""Caches of blocks that have arrived: a folder that processes share, or the memory of this one.

A block in a folder is one file, written under another name and renamed, never changed afterwards. There are no locks
and no list of what is there: a file that exists is complete, and has CRCs inside. Two processes may fetch the same
block, which costs traffic and nothing else. Whoever finds the folder too large deletes the files that were used longest
ago; who has one of them open keeps it.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from ...errors import SystemFault, warn
from ...files.mapping import MappedFile
from ...files.reading import bytes_text
from ...files.writing import atomic_write, remove_temporaries
from ...types import U8
from ..index import damaged

_FOLDER: Final = re.compile(r"blocks-[0-9a-f]{16}")
_FILE: Final = re.compile(r"[0-9]{8,}\.(stored|raw)")
_TOUCHED: Final = 1.0
"""Seconds in which a file is marked as used once."""
_LEFT: Final = 0.9
"""The share of the limit that is left after deleting."""
_COUNTED: Final = 64
"""The folder is looked at again after each 64th of its limit that this process wrote, as others write there, too."""

_SPARE: Final = 256 << 20
"""Bytes kept in memory where the folder takes none."""


class BlockCache(Protocol):
    """Where blocks are kept, by names such as "00000017.stored"."""

    def has(self, name: str) -> bool: ...
    def open(self, name: str, size: int) -> U8 | None: ...
    def put(self, name: str, parts: Sequence[Any]) -> U8: ...
    def drop(self, name: str) -> None: ...


class MemoryCache:
    """Blocks in the memory of this process, at most `limit` bytes of them. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._blocks: OrderedDict[str, U8] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def has(self, name: str) -> bool:
        """Whether a block is there; it counts as used."""
        return self.open(name, 0) is not None

    def open(self, name: str, size: int) -> U8 | None:
        """The bytes of a block, or None."""
        with self._lock:
            if name in self._blocks:
                self._blocks.move_to_end(name)
            return self._blocks.get(name)

    def put(self, name: str, parts: Sequence[Any]) -> U8:
        """Keep a block."""
        data = joined_parts(parts)
        with self._lock:
            self._drop(name)
            self._blocks[name] = data
            self._size += len(data)
            while self._size > self._limit and len(self._blocks) > 1:
                self._drop(next(iter(self._blocks)))
        return data

    def drop(self, name: str) -> None:
        """Forget a block."""
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        found = self._blocks.pop(name, None)
        self._size -= 0 if found is None else len(found)


class _Kept(NamedTuple):
    used: int
    size: int
    path: str


class FolderCache:
    """Blocks as files in `place/blocks-FINGERPRINT/`. Thread-safe, and several processes may use one place.

    limit: bytes of all packs' blocks in `place`, or None. Only files that this class names so are ever deleted. Where
    nothing can be written, a few are kept in memory, and a PixelwiseWarning `cache-not-written` says so once.
    """

    def __init__(self, place: Path, fingerprint: str, limit: int | None) -> None:
        self.folder: Path = place / f"blocks-{fingerprint[:16]}"
        self._place, self._limit = place, limit
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()
        self._said = False
        self._spare = MemoryCache(_SPARE)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_temporaries(self.folder)
        except OSError as error:
            self._not_written(error.strerror or str(error))
        self._size = self._written = 0
        if limit is not None:
            self._shrink()

    def has(self, name: str) -> bool:
        """Whether a block is there; it counts as used."""
        return self._touch(name) or self._spare.has(name)

    def open(self, name: str, size: int) -> U8 | None:
        """The bytes of a block, mapped, or None if it is not there with this size."""
        path = self.folder / name
        try:
            with open(path, "rb") as file:
                if not size or os.fstat(file.fileno()).st_size != size:
                    return None
                found = MappedFile(file.fileno(), size, path, lambda: damaged("was cut while it was in use", path))
        except OSError:
            return self._spare.open(name, size)
        self._touch(name)
        return found.data

    def put(self, name: str, parts: Sequence[Any]) -> U8:
        """Keep a block, if there is room on the disk. Its bytes."""
        data = joined_parts(parts)
        if self._said:
            return self._spare.put(name, [data])
        for attempt in range(2):
            try:
                with atomic_write(self.folder / name, alone=False, durable=False) as file:
                    file.write(data.data)
                break
            except SystemFault as error:
                if attempt or not self._make_room(len(data)):
                    self._not_written(error.message)
                    return self._spare.put(name, [data])
        with self._lock:
            self._size += len(data)
            self._written += len(data)
            limit = self._limit
            full = limit is not None and (self._size > limit or self._written > limit // _COUNTED)
        if full:
            self._shrink()
        return data

    def drop(self, name: str) -> None:
        """Delete a block."""
        self._spare.drop(name)
        self._used.pop(name, None)
        with suppress(OSError):
            os.unlink(self.folder / name)

    def _touch(self, name: str) -> bool:
        """Mark a file as used now. False if it is not there, which another process may have made so a moment ago."""
        now = monotonic()
        if now - self._used.get(name, -_TOUCHED) < _TOUCHED:
            return True
        try:
            os.utime(self.folder / name)
        except FileNotFoundError:
            self._used.pop(name, None)
            return False
        except OSError:  # a folder that may only be read
            return os.path.exists(self.folder / name)
        self._used[name] = now
        return True

    def _make_room(self, size: int) -> bool:
        """Delete a tenth of what is there, for a full disk. False if there was nothing to delete."""
        kept = list(self._files())
        return self._delete(kept, int(_LEFT * sum(k.size for k in kept)) - size) > 0

    def _shrink(self) -> None:
        """Delete what was used longest ago, if the place is over its limit."""
        assert self._limit is not None
        kept = list(self._files())
        total = sum(k.size for k in kept)
        if total > self._limit:
            total -= self._delete(kept, int(_LEFT * self._limit))
        with self._lock:
            self._size, self._written = total, 0

    def _delete(self, kept: list[_Kept], room: int) -> int:
        total = before = sum(k.size for k in kept)
        for file in sorted(kept)[:-1]:  # the last one was just written
            if total <= room:
                break
            self._used.pop(os.path.basename(file.path), None)
            with suppress(OSError):  # deleted by another process meanwhile
                os.unlink(file.path)
            total -= file.size
        return before - total

    def _files(self) -> Iterator[_Kept]:
        for folder in _entries(self._place):
            if not _FOLDER.fullmatch(folder.name) or not folder.is_dir(follow_symlinks=False):
                continue
            for file in _entries(folder.path):
                if _FILE.fullmatch(file.name) and file.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        found = file.stat(follow_symlinks=False)
                        yield _Kept(found.st_mtime_ns, found.st_size, file.path)

    def _not_written(self, why: str) -> None:
        with self._lock:
            said, self._said = self._said, True
        if not said:
            what = f"blocks are not kept in {self._place}: {why}"
            warn(what, code="cache-not-written", fix="free space or choose another folder; they are fetched each time")


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def joined_parts(parts: Sequence[Any]) -> U8:
    """(n,) uint8: the bytes of all parts, one after the other."""
    flat = [np.frombuffer(part, np.uint8) for part in parts if len(part)]
    return np.frombuffer(flat[0], np.uint8) if len(flat) == 1 else np.concatenate(flat)


def limit_text(limit: int) -> str:
    """A limit for messages."""
    return f"cache_bytes={limit} ({bytes_text(limit)})"
