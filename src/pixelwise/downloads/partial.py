"""A file that is still arriving: its bytes so far, where they came from, and which process may add to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..errors import SystemFault
from .staging import fault, fresh, hold, leftovers, release, take

CHUNK = 1 << 20


class Part:
    """The bytes that arrived so far and their hash; a small JSON file beside it tells where they came from.

    Owned by one process at a time through the lock on the file. `responses` counts the responses that the
    bytes came from: more than one may not fit together. Not thread-safe.
    """

    def __init__(self, path: Path, fd: int, algorithms: Collection[str]) -> None:
        self.path = path
        self._lock = fd
        self._algorithms = tuple(algorithms)
        self._note = path.with_name(path.name + ".json")
        self._new_note = path.with_name(path.name + ".json.new")
        self.source: dict[str, str] = {}
        self.responses = 0
        try:
            self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            release(fd)
            raise fault(error, path, "opening the partial file") from error
        self._begin()
        with contextlib.suppress(OSError, ValueError):
            self.source = {str(k): str(v) for k, v in json.loads(self._note.read_text()).items()}
        while data := self._file.read(CHUNK):
            self._count(data)
            self.responses = 1
        if self.responses:
            self.responses = 2  # bytes of an earlier run: power may have failed before they reached the disk

    def _begin(self) -> None:
        self.size = 0
        self._hashers = [hashlib.new(name, usedforsecurity=False) for name in self._algorithms]

    def _count(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        for hasher in self._hashers:
            hasher.update(data)

    def restart(self) -> None:
        """Forget all bytes."""
        try:
            self._file.seek(0)
            self._file.truncate(0)
        except OSError as error:
            raise fault(error, self.path, "writing the partial file") from error
        self.source, self.responses = {}, 0
        self._begin()

    def began(self, source: Mapping[str, str]) -> None:
        """A response begins: remember where from, so that a later process can go on."""
        self.responses += 1
        self.source = dict(source)
        try:
            self._new_note.write_text(json.dumps(self.source))
            os.replace(self._new_note, self._note)
        except OSError as error:
            raise fault(error, self._note, "writing the note of the partial file") from error

    def write(self, data: bytes) -> None:
        """Append `data`. SystemFault `disk-full` keeps what fitted."""
        view = memoryview(data)
        try:
            while view:
                written = self._file.write(view) or 0
                self._count(view[:written])
                view = view[written:]
        except OSError as error:
            raise fault(error, self.path, "writing the download") from error

    def digests(self) -> dict[str, str]:
        """Algorithm -> hex digest of the bytes so far."""
        return {name: h.hexdigest() for name, h in zip(self._algorithms, self._hashers, strict=True)}

    def remove(self) -> None:
        """Delete the file and its notes, before the lock is let go: nobody can pick up what is about to vanish."""
        if os.name == "nt":
            self.close()  # Windows does not delete an open file
        for path in (self._note, self._new_note, self.path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Keep the file for a later run."""
        self._file.close()
        release(self._lock)
        self._lock = -1


def own_part(
    folder: Path,
    name: str,
    algorithms: Collection[str],
    *,
    quiet: float,
    finished: Callable[[], bool],
    say: Callable[[str], None],
) -> Part | None:
    """The part of `name` in `folder` that an earlier run left, or a new one. None once `finished()`.

    While another process downloads the same file this one waits, and goes on where that one ends; when the
    other's file did not change for `quiet` seconds this one downloads a copy of its own.
    """
    told = False
    while True:
        if finished():
            return None
        paths = leftovers(folder, name, "part")
        for path in sorted(paths, key=_size, reverse=True):
            fd = take(path, quiet)
            if fd is None:
                continue
            if finished():  # by the process that held it until now
                release(fd)
                return None
            if size := _size(path):
                say(f"{size:,} bytes of an earlier run are there")
            return Part(path, fd, algorithms)
        busy = [p for p in paths if time.time() - _changed(p) < quiet]
        if not busy:
            part = _new_part(folder, name, algorithms)
            others = [p for p in leftovers(folder, name, "part") if p != part.path]
            if not any(time.time() - _changed(p) < quiet for p in others):
                return part
            part.remove()  # two began at the same moment: both step back, one comes first
        elif not told:
            say(f"another process is downloading {name}; waiting for it")
            told = True
        time.sleep(random.uniform(0.05, 0.3))


def discard_parts(folder: Path, name: str, size: int | None = None) -> None:
    """Remove the parts of `name` that nobody owns any more: all, or those of `size` bytes."""
    for path in leftovers(folder, name, "part"):
        if (size is None or _size(path) == size) and (fd := take(path)) is not None:
            with contextlib.suppress(SystemFault):
                Part(path, fd, ()).remove()


def _new_part(folder: Path, name: str, algorithms: Collection[str]) -> Part:
    while True:
        path = fresh(folder, name, "part")
        try:
            path.touch()
        except OSError as error:
            raise fault(error, folder, "making the partial file") from error
        fd = hold(path)
        if fd is not None:
            return Part(path, fd, algorithms)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return -1


def _changed(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
