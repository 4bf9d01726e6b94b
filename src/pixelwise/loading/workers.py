"""The threads of a loader: they read and render batches part by part, and always shut down."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset.splits import Split
from ..errors import DataError
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
        self.done = threading.Event()
        self.canceled = False
        self.errors: dict[int, BaseException] = {}
        self._left = len(indices)
        self._lock = threading.Lock()
        self._mapped = None if mapped is None else self._addresses(mapped)

    def _addresses(self, source: MappedSource) -> tuple[Any, Any, Any]:
        source.check()
        images, labels, itemsize = source.addresses(self.split.positions(self.indices))
        return images.astype(np.int64), None if labels is None else labels.astype(np.int64), f"u{itemsize}"

    def parts(self, threads: int) -> list[tuple[int, int]]:
        """(first, last) of each part: one sample if it must be decoded, several if the pixels are in memory."""
        size = 1 if self._mapped is None else max(4, min(16, -(-len(self.indices) // (2 * threads))))
        return [(k, min(k + size, len(self.indices))) for k in range(0, len(self.indices), size)]

    def run(self, first: int, last: int, clock: Clock) -> None:
        """Read and render samples first..last. Errors are kept for the consumer."""
        try:
            if self._mapped is not None and not self.canceled:
                clock.start()
                images, labels, dtype = self._mapped
                found = None if labels is None else labels[first:last]
                self.renderer.write_mapped(first, last, images[first:last], found, dtype)
                clock.lap("rendering")
            elif not self.canceled:
                self._render(first, clock)
        except BaseException as error:
            self.errors[first] = error
        with self._lock:
            self._left -= last - first
            if self._left == 0:
                self.done.set()

    def _render(self, k: int, clock: Clock) -> None:
        index = int(self.indices[k])
        try:
            sample = self.split.read(index, self.renderer.window(k), clock=clock)
            clock.start()
            self.renderer.write(k, sample)
            clock.lap("rendering")
        except Exception as error:
            if not self.skip or not isinstance(error, DataError):
                error.add_note(f"while reading sample {self.split.names[index]!r}")
                raise
            self.errors[k] = error
            self.renderer.fill(k)
            self.real[k] = False


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
        self.tasks: SimpleQueue[tuple[Job, int, int] | None] = SimpleQueue()
        self.clocks = [Clock() for _ in range(threads)]
        self.pending: deque[Job] = deque()
        self.threads = [
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
        for job in self.pending:
            job.canceled = True
        for _ in self.threads:
            self.tasks.put(None)
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()
        self.pending.clear()
        self.threads.clear()
