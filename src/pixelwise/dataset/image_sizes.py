"""HeaderSizes: the sizes of images by their headers, each read once and remembered between runs."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import read_header
from ..errors import FileError, PixelwiseError, SystemFault
from ..files.reading import read_bytes
from ..files.writing import atomic_write, cache_dir
from ..threads import default_threads, in_order
from ..types import I64

Known: TypeAlias = tuple[int, int, int, int]
"""An ENTRY."""


class Paths(Protocol):
    """Paths by number."""

    def __getitem__(self, index: int, /) -> str: ...
    def __len__(self) -> int: ...


ENTRY = np.dtype([("height", "<i4"), ("width", "<i4"), ("bytes", "<i8"), ("mtime_ns", "<i8")])
"""What is known of one file; height 0 if nothing is."""

FEWEST = 256
"""Shorter lists are scanned each time: that takes less time than writing a file safely."""

_CHUNK = 64
_RECALLING = threading.Lock()  # of all, because an object with a lock of its own does not pickle


class HeaderSizes:
    """(height, width) of listed images. Thread-safe: two threads that read the same header find the same.

    paths: of each image, relative to `root`, which ends in a separator. read: called as `read(i, fail, path)` for a
    header that cannot be read, so that the error can name the list that the image is in. Memory: 25 bytes per image.

    The sizes are kept under `files.cache_dir()`, by root and list, with the size and modification time of every file;
    a file for which these differ is read again. A damaged cache file is ignored.
    """

    def __init__(self, root: str, paths: Paths, read: Callable[[int, Callable[[str], Any], str], Any]) -> None:
        self._root = root
        self._paths = paths
        self._read = read
        self._known = np.zeros(0, ENTRY)
        self._sure = np.zeros(0, bool)
        self._unsaved = 0

    def __call__(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 of the images at `indices` (default: all). Raises as `read_header`."""
        with _RECALLING:
            if len(self._known) != len(self._paths):
                self._known = self._recall()
                self._sure = np.zeros(len(self._paths), bool)
        wanted = np.arange(len(self._paths)) if indices is None else np.asarray(indices, np.int64)
        missing = np.unique(wanted[~self._sure[wanted]])
        if len(missing):
            self._find(missing)
        found = self._known[wanted]
        return np.stack([found["height"], found["width"]], axis=1).astype(np.int64)

    def _find(self, missing: I64) -> None:
        chunks = [missing[k : k + _CHUNK] for k in range(0, len(missing), _CHUNK)]
        jobs = (self._job(chunk) for chunk in chunks)
        # More threads than cores: on a network drive most of the time is waiting.
        found = map(_look, jobs) if len(chunks) == 1 else in_order(_look, jobs, default_threads() + 4)
        for chunk, rows in zip(chunks, found, strict=True):
            self._take(chunk, rows)
        if self._unsaved and len(self._paths) >= FEWEST and (self._sure.all() or self._unsaved > len(self._paths) // 8):
            self._remember()
            self._unsaved = 0

    def _job(self, chunk: I64) -> list[tuple[str, Known]]:
        rows = self._known[chunk].tolist()
        return [(self._root + self._paths[i], row) for i, row in zip(chunk.tolist(), rows, strict=True)]

    def _take(self, chunk: I64, rows: list[Known | PixelwiseError]) -> None:
        for i, row in zip(chunk.tolist(), rows, strict=True):
            if isinstance(row, PixelwiseError):
                self._read(i, partial(_fail, row), self._root + self._paths[i])
            elif row != self._known[i].item():
                self._known[i] = row
                self._unsaved += 1
            self._sure[i] = True

    def _file(self) -> Path:
        digest = hashlib.sha256(os.path.abspath(self._root).encode("utf-8", "surrogatepass"))
        for k in range(0, len(self._paths), 4096):
            part = "\n".join(self._paths[i] for i in range(k, min(k + 4096, len(self._paths))))
            digest.update(part.encode("utf-8", "surrogatepass") + b"\n")
        return cache_dir() / "sizes" / f"{digest.hexdigest()[:32]}.bin"

    def _recall(self) -> NDArray[Any]:
        count = len(self._paths)
        if count >= FEWEST:
            with suppress(FileError, SystemFault):
                data = read_bytes(self._file())
                body = data[32:]
                if len(body) == count * ENTRY.itemsize and data[:32] == hashlib.sha256(body).digest():
                    return np.frombuffer(body, ENTRY).copy()
        return np.zeros(count, ENTRY)

    def _remember(self) -> None:
        path, body = self._file(), self._known.tobytes()
        with suppress(OSError):  # no space or no permission: then the headers are read again next time
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(hashlib.sha256(body).digest() + body)


def _look(job: list[tuple[str, Known]]) -> list[Known | PixelwiseError]:
    """Find or confirm the rows of these paths; an error in the place of one that cannot be read."""
    found: list[Known | PixelwiseError] = []
    for path, row in job:
        try:
            # Taken before the header is read: a file that changes in between is read again next time.
            state = os.stat(path)
            now = state.st_size, state.st_mtime_ns
        except (OSError, ValueError):
            now = 0, 0  # reading it raises the right error
        if row[0] and row[2:] == now:
            found.append(row)
            continue
        try:
            header = read_header(path)
        except PixelwiseError as error:
            found.append(error)
            continue
        found.append((header.height, header.width, *now))
    return found


def _fail(error: PixelwiseError, path: str) -> NoReturn:
    raise error
