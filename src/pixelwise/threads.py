"""Work on many samples with threads: results in order, a bounded number begun, and threads always shut down.

Work may run elsewhere instead, in the Pool that `run_in` sets. So what `in_order` is given can be pickled, and so can
the items and the results: a function of a module, a partial of one, or a frozen dataclass that can be called. It
returns its share and changes nothing but files: no closure over sums, no cache that others read.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Final, Protocol, TypeVar

from .arguments import check_count
from .errors import SystemFault, UsageError
from .files.mapping import guarded
from .types import Progress

T = TypeVar("T")
R = TypeVar("R")


class Pool(Protocol):
    """Where work can run, in place of this process's threads: other processes, or other machines.

    `map(work, items)` gives `work(item)` of each item, in their order; an error of the work is raised at its place.
    Work, items, results and errors can be pickled; work changes nothing but files, so any item may be done twice.
    Items come from an iterator that may wait for earlier results, so a pool takes them as it needs them. Every
    executor of concurrent.futures is a pool, and so is `pixelwise.ray.RayPool`.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with ThreadPoolExecutor(2) as pool:
        ...     pw.stats("VOCdevkit/VOC2012", pool=pool).samples
        8
    """

    def map(self, work: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]: ...


_POOL: Final[ContextVar[Pool | None]] = ContextVar("pool", default=None)


@contextmanager
def run_in(pool: Pool | None) -> Iterator[None]:
    """Inside the block, what `in_order` is given runs in `pool`; None changes nothing.

    UsageError `bad-argument` for what is not a pool.
    """
    if pool is None:
        yield
        return
    if not callable(getattr(pool, "map", None)):
        what = f"a pool has a method map(work, items), got {type(pool).__name__}"
        raise UsageError(what, fix="pass an executor of concurrent.futures, a RayPool, or None for threads")
    token = _POOL.set(pool)
    try:
        yield
    finally:
        _POOL.reset(token)


def leaves_threads() -> bool:
    """Whether work runs in another pool, which one large item may cost less than many small ones."""
    return _POOL.get() is not None


_SHARE: Final = dict[str, int]()
"""Of this process, "threads", if it has a share of the machine's cores only."""


def set_default_threads(count: int) -> None:
    """From now on, what is not told a number of threads takes `count` in this process, in place of one per core."""
    _SHARE["threads"] = count


def default_threads() -> int:
    """As many threads as this process may use cores, or its share of them by `set_default_threads`."""
    if _SHARE:
        return _SHARE["threads"]
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
    files: see `files.mapping.guarded`. Inside `run_in`, an executor is given as many items per worker, and any other
    pool decides about all this but the order.
    """
    threads = thread_count(threads)
    pool = _POOL.get()
    return _on_threads(work, items, threads, ahead) if pool is None else _elsewhere(pool, work, items, threads, ahead)


def _elsewhere(pool: Pool, work: Callable[[T], R], items: Iterable[T], threads: int, ahead: int) -> Iterator[R]:
    try:
        if isinstance(pool, Executor):  # whose map takes all items at once, and keeps all results
            # Executors do not say how many workers they have, but those of the standard library have this.
            yield from _in_executor(pool, work, items, ahead * max(threads, getattr(pool, "_max_workers", 1)))
        else:
            yield from pool.map(work, items)
    except BrokenExecutor as error:
        fix = 'put what makes the pool below if __name__ == "__main__":, or give it fewer processes if memory ran out'
        raise SystemFault("a process of the pool ended", code="broken-pool", fix=fix) from error


def _on_threads(work: Callable[[T], R], items: Iterable[T], threads: int, ahead: int) -> Iterator[R]:
    def guard(item: T) -> R:
        with guarded():
            return work(item)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="pixelwise-map")
    try:
        yield from _in_executor(pool, guard, items, threads * ahead)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_executor(pool: Executor, work: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """The results in order; at most `most` items are begun or wait to be taken."""
    left, running = iter(items), deque[Future[R]]()
    try:
        running.extend(pool.submit(work, item) for item in islice(left, most))
        while running:
            result = running.popleft().result()
            running.extend(pool.submit(work, item) for item in islice(left, 1))
            yield result
    finally:
        for future in running:
            future.cancel()


def with_progress(results: Iterable[R], total: int, progress: Progress | None) -> Iterator[R]:
    """The results; after each has been dealt with, `progress` is called with (results done, total)."""
    for done, result in enumerate(results, 1):
        yield result
        if progress is not None:
            progress(done, total)
