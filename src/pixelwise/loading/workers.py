"""The threads of a loader: they read and render batches part by part, and always shut down.

Only one thread may hang: the one whose sample is read from a disk that does not answer, or whose function does not
return. `Workers.abandon` leaves it behind.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from queue import SimpleQueue
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from ..dataset.splits import Split
from ..errors import DataError
from ..files.mapping import guarded
from ..types import I64, Clock, MappedSource
from .holes import Holes
from .render import Renderer


class Job:
    """One batch in progress: worker threads run its parts, the consumer waits for `done`."""

    def __init__(
        self,
        split: Split | Holes,
        mapped: MappedSource | None,
        indices: I64,
        renderer: Renderer,
        real: NDArray[np.bool_],
        skip: bool,
    ) -> None:
        self.split = split
        self.indices = indices
        self.renderer = renderer
        self.real = real
        self.skip = skip
        self.done: threading.Event = threading.Event()
        self.canceled = False
        self.errors: dict[int, BaseException] = {}
        self.failed: BaseException | None = None  # of all samples, not of one that could be skipped
        self.began: dict[int, tuple[float, int]] = {}  # samples in progress: first of a part -> since when, last
        self._left = len(indices)
        self._lock = threading.Lock()
        self._mapped = mapped
        if mapped is not None:
            mapped.check()

    def parts(self, threads: int) -> list[tuple[int, int]]:
        """(first, last) of each part: one sample if it must be decoded, several if the pixels are in memory."""
        size = 1 if self._mapped is None else max(4, min(16, -(-len(self.indices) // (2 * threads))))
        return [(k, min(k + size, len(self.indices))) for k in range(0, len(self.indices), size)]

    def run(self, first: int, last: int, clock: Clock) -> None:
        """Read and render samples first..last. Errors are kept for the consumer."""
        self.began[first] = monotonic(), last
        try:
            with guarded():
                if self._mapped is not None and not self.canceled:
                    self._render_mapped(self._mapped, first, last, clock)
                elif not self.canceled:
                    self._render(first, clock)
        except BaseException as error:
            self.failed = error
        del self.began[first]
        with self._lock:
            self._left -= last - first
            if self._left == 0:
                self.done.set()

    def _render(self, k: int, clock: Clock) -> None:
        try:
            sample = self.split.read(int(self.indices[k]), self.renderer.window(k), clock=clock)
            clock.start()
            self.renderer.write(k, sample)
            clock.lap("rendering")
        except Exception as error:
            self._keep(k, error)

    def _render_mapped(self, source: MappedSource, first: int, last: int, clock: Clock) -> None:
        clock.start()
        held = source.held(self.split.positions(self.indices[first:last]))
        images, labels = held.images.view(np.int64), None if held.labels is None else held.labels.view(np.int64)
        clock.lap("reading")
        start = 0  # of a run of samples that are there
        for end in [*np.flatnonzero(images == 0).tolist(), last - first]:
            if start < end:
                found = None if labels is None else labels[start:end]
                self.renderer.write_mapped(first + start, first + end, images[start:end], found, f"u{held.itemsize}")
                clock.lap("rendering")
            if first + end < last:
                self._render(first + end, clock)
            start = end + 1

    def _keep(self, k: int, error: Exception) -> None:
        """Leave out a sample that may be skipped; raise the error of any other."""
        if not self.skip or not isinstance(error, DataError):
            error.add_note(f"while reading sample {self.split.names[int(self.indices[k])]!r}")
            self.errors[k] = error
            raise error
        self.errors[k] = error
        self.renderer.fill(k)
        self.real[k] = False

    def slowest(self) -> tuple[list[int], float]:
        """The samples that have been in progress for the longest time, and for how many seconds."""
        began = [(since, first, last) for first, (since, last) in dict(self.began).items()]
        if not began:
            return [], 0.0
        since, first, last = min(began)
        return self.indices[first:last].tolist(), monotonic() - since


def _work(tasks: SimpleQueue[tuple[Job, int, int] | None], clock: Clock) -> None:
    while True:
        clock.start()
        task = tasks.get()
        clock.lap("idle")
        if task is None:
            return
        task[0].run(task[1], task[2], clock)
        del task  # the last reference to a batch's memory must not stay in a waiting thread


class Workers:
    """Threads that work through a queue of samples. They know only the queue, so a dropped iterator can end them."""

    def __init__(self, threads: int) -> None:
        self.process: int = os.getpid()
        self.tasks: SimpleQueue[tuple[Job, int, int] | None] = SimpleQueue()
        self.clocks: list[Clock] = [Clock() for _ in range(threads)]
        self.pending: deque[Job] = deque()
        self.threads: list[threading.Thread] = [
            threading.Thread(target=_work, args=(self.tasks, clock), name=f"pixelwise-{i}", daemon=True)
            for i, clock in enumerate(self.clocks)
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, job: Job) -> None:
        self.pending.append(job)
        for first, last in job.parts(len(self.threads)):
            self.tasks.put((job, first, last))

    def close(self) -> None:
        """End the threads: samples that have not begun are dropped, the others are finished."""
        for thread in self.abandon():
            if thread is not threading.current_thread():
                thread.join()

    def abandon(self) -> list[threading.Thread]:
        """As `close`, without waiting for samples in progress. Returns the threads."""
        threads, self.threads = self.threads, []
        if self.process != os.getpid():  # a child that was forked has none of them
            return []
        for job in self.pending:
            job.canceled = True
        for _ in threads:
            self.tasks.put(None)
        self.pending.clear()
        return threads
