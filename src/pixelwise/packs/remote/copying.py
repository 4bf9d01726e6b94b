"""Whole objects of a store as files on this machine, for work that needs every byte."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...errors import SystemFault
from ...files.reading import disk_error
from .store import CHUNK, Store


def copied(store: Store, source: Path, target: Path) -> None:
    """Fetch an object into the new file `target`, four parts at a time.

    SystemFault `disk-full` and its like, and what a Store raises.
    """
    first = store.get(source, 0, CHUNK)
    try:
        with open(target, "wb") as file, ThreadPoolExecutor(4, "pixelwise-copy") as threads:
            file.write(first.data)
            lock = threading.Lock()

            def fetch(start: int) -> None:
                part = store.get(source, start, min(start + CHUNK, first.size), first.tag)
                with lock:
                    file.seek(start)
                    file.write(part.data)

            list(threads.map(fetch, range(CHUNK, first.size, CHUNK)))
    except OSError as error:
        if isinstance(error, SystemFault):
            raise
        raise disk_error(error, target, "fetching a shard") from None
