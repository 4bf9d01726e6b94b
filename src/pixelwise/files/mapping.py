"""Files mapped into memory: what is read ahead, and errors in place of signals where a file is cut meanwhile."""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import kernels
from ..errors import PixelwiseError
from ..types import U8


def memory_bytes() -> float:
    """The memory that this process may use: the machine's, or the limit of its container; infinite if unknown."""
    try:
        machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        machine = float("inf")
    return min([machine, *_limits()])


def _limits(root: Path = Path("/")) -> Iterator[float]:
    """The limits of Linux's control groups of this process, of both versions. root: where the system's files are."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, kinds, own = line.split(":", 2)
            if "memory" in kinds.split(",") or not kinds:
                folder, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
                for place in (own.strip("/"), ""):  # inside a container the one of the process is often the root
                    with suppress(OSError, ValueError):  # "max" means that there is none
                        yield float((root / "sys/fs/cgroup" / folder / place / name).read_text())


_threads: list[int] = []  # free places in the table of `kernels.bus_error`
_ranges: list[int] = []
_owners: dict[int, Callable[[], PixelwiseError]] = {}
_table: Any = None
_setting_up = threading.Lock()


class MappedFile:
    """An open file mapped for reading, of `size` bytes. data: (size,) uint8; arrays into it keep the map alive.

    If the file is cut while it is mapped, or the disk fails, touching `data` in a `guarded` block gives zeros, and the
    block raises `error()`. Elsewhere it ends the process (SIGBUS), on Linux with a line that names `path`. `size` is to
    be checked before.
    """

    def __init__(self, fd: int, size: int, path: Path, error: Callable[[], PixelwiseError]) -> None:
        self._map = mmap.mmap(fd, size, access=mmap.ACCESS_READ)
        self._path = path
        self._place: int | None = None
        self.data: U8 = np.frombuffer(self._map, np.uint8)
        self.address: int = int(self.data.__array_interface__["data"][0])
        if _set_up() and _ranges:
            bus, place = kernels.bus_error, _ranges.pop()
            said = f"pixelwise: {path} was cut, or cannot be read, while its pixels were in use\n"
            text = np.frombuffer(said.encode("utf-8", "backslashreplace"), np.uint8)
            first = text.__array_interface__["data"][0]
            _owners[place] = error
            _table[place + bus.TOUCHED : place + bus.RANGE_WORDS] = 0, first, len(text)
            _table[place : place + 2] = self.address, self.address + size
            self._place = place
            weakref.finalize(self._map, _forget, place, text).atexit = False

    def will_need(self, start: int, size: int) -> None:
        """Have the system read these bytes ahead, where it can: it returns at once."""
        if size > 0 and hasattr(mmap, "MADV_WILLNEED"):
            first = start // mmap.PAGESIZE * mmap.PAGESIZE
            with suppress(OSError):  # only speed depends on it
                self._map.madvise(mmap.MADV_WILLNEED, first, start + size - first)

    def release(self, start: int, size: int) -> None:
        """Have the system forget the whole pages among these bytes, where it can; they are read again if touched."""
        first, end = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, (start + size) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < end and hasattr(os, "posix_fadvise") and hasattr(mmap, "MADV_DONTNEED"):
            with suppress(OSError):  # only speed depends on it
                self._map.madvise(mmap.MADV_DONTNEED, first, end - first)  # pages that are mapped are kept
                fd = os.open(self._path, os.O_RDONLY)
                try:
                    os.posix_fadvise(fd, first, end - first, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(fd)

    def is_whole(self) -> bool:
        """Whether the file still has its size, and no byte was ever missing."""
        touched = self._place is not None and _table[self._place + kernels.bus_error.TOUCHED]
        return not touched and self._map.size() == len(self.data)


def _forget(place: int, text: U8) -> None:
    _table[place : place + kernels.bus_error.RANGE_WORDS] = 0
    _owners.pop(place, None)
    _ranges.append(place)


def _set_up() -> bool:
    global _table
    with _setting_up:
        bus = kernels.bus_error
        if not bus.possible():
            return False
        if _table is None:
            made = np.zeros(bus.WORDS, np.uint64)
            bus.install(made)
            _threads.extend(range(bus.THREADS, bus.THREADS + bus.MOST_THREADS))
            _ranges.extend(range(bus.RANGES, bus.WORDS, bus.RANGE_WORDS)[::-1])
            _table = made
        else:
            bus.install(_table)  # again, if another library has put its own handler there
        return True


@contextmanager
def guarded() -> Iterator[None]:
    """A block in which this thread may touch the data of mapped files: bytes that are gone are an error, not a crash.

    Raises the error of the file, instead of any other, if such bytes were touched by any thread meanwhile.
    """
    if _table is None:
        yield
        return
    place, before = (_threads.pop() if _threads else None), int(_table[0])
    if place is not None:
        _table[place] = threading.get_ident()
    try:
        yield
    finally:
        if place is not None:
            _table[place] = 0
            _threads.append(place)
        if int(_table[0]) != before:
            touched = kernels.bus_error.TOUCHED
            for at, error in list(_owners.items()):
                if _table[at + touched]:
                    raise error()
