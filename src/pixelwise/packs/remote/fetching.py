"""Fetching: what is on its way from a store, each thing once, a bounded number at a time.

Whoever needs something that is not on its way fetches it in its own thread, so that it never waits behind what is
fetched ahead, and nothing can wait for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

R = TypeVar("R")

AT_ONCE: Final = 16
"""Requests of a process under way: with blocks of a megabyte and 30 ms before each answer, enough for 400 MB/s."""


class Fetcher(Generic[R]):
    """fetch: gets the thing of a number. keep: how many things that nobody took yet are kept; 0 if `fetch` does that.
    Thread-safe.
    """

    def __init__(self, fetch: Callable[[int], R], keep: int = 0) -> None:
        self._fetch = fetch
        self._keep = keep
        self._running: dict[int, Future[R]] = {}
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def knows(self, key: int) -> bool:
        """Whether the thing is on its way, or kept."""
        return key in self._running

    def get(self, key: int) -> R:
        """The thing, fetched now unless it is on its way. Raises what `fetch` raises."""
        with self._lock:
            future = self._running.get(key)
            if future is not None and future.cancel():  # it waits for a thread, and this one is free
                future = None
            mine = future is None
            if future is None:
                future = self._running[key] = Future()
        if mine:
            self._run(key, future)
        try:
            return future.result()
        finally:
            self._forget(key, future)

    def ahead(self, keys: Iterable[int]) -> None:
        """Fetch these, in this order, without waiting; errors are left to whoever gets them."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pixelwise-fetch")
            for key in keys:
                if key not in self._running:
                    self._running[key] = self._threads.submit(self._ahead, key)
            if self._keep:
                for key in list(self._running)[: max(0, len(self._running) - self._keep)]:
                    if self._running[key].done():
                        del self._running[key]

    def _ahead(self, key: int) -> R:
        if not threading.main_thread().is_alive():  # the process ends
            raise RuntimeError("the process ends")
        try:
            return self._fetch(key)
        finally:
            if not self._keep:
                with self._lock:
                    # Whoever waits for it has the future; whoever comes later finds what it has left in the cache.
                    self._running.pop(key, None)

    def _run(self, key: int, future: Future[R]) -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(self._fetch(key))
        except BaseException as error:
            future.set_exception(error)

    def _forget(self, key: int, future: Future[R]) -> None:
        with self._lock:
            if self._running.get(key) is future:
                del self._running[key]
