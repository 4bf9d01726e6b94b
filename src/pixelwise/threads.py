"""Work on many samples with threads: results in order, a bounded number begun, and threads always shut down."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from .arguments import check_count
from .files import guarded
from .types import Progress

T = TypeVar("T")
R = TypeVar("R")


def default_threads() -> int:
    """As many threads as this process may use cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """`threads`, or one per core if it is None. UsageError unless it is a whole number above 0."""
    if threads is None:
        return default_threads()
    check_count("threads", threads)
    return int(threads)


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int | None = None, ahead: int = 4) -> Iterator[R]:
    """`map(work, items)` on threads, in order, with at most `ahead` items per thread begun or waiting to be taken.

    Memory is bounded by `threads * ahead` results. An error is raised at its place; closing the iterator, an error
    or Ctrl-C drops what has not begun and waits for what has. threads: by default one per core. Work may touch mapped
    files: see `files.guarded`.
    """
    threads = thread_count(threads)

    def guard(item: T) -> R:
        with guarded():
            return work(item)

    left = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pixelwise-map")
    try:
        running: deque[Future[R]] = deque(pool.submit(guard, item) for item in islice(left, threads * ahead))
        while running:
            result = running.popleft().result()
            running.extend(pool.submit(guard, item) for item in islice(left, 1))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def with_progress(results: Iterable[R], total: int, progress: Progress | None) -> Iterator[R]:
    """The results; after each has been dealt with, `progress` is called with (results done, total)."""
    for done, result in enumerate(results, 1):
        yield result
        if progress is not None:
            progress(done, total)
