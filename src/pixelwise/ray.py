"""RayPool: the work of pixelwise on the machines of a Ray cluster; RayModel: a model on each GPU of it, for `predict`.
Needs `pip install 'pixelwise[ray]'`.

    from pixelwise.ray import RayPool

    with RayPool("auto") as pool:
        print(pw.check("/shared/VOC2012", pool=pool))
        pw.predict(RayModel(make_model), "/shared/VOC2012", "/shared/predictions", pool=pool)

What every item needs, such as the split, travels once to each machine, and each process reads it once; then only item
numbers travel, in chunks. Every machine needs the same pixelwise, and the data at the same path. Results are equal to
those of one process, also if machines die meanwhile.
"""

from __future__ import annotations

import operator
import pickle
import re
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from .arguments import check_count, check_whole
from .errors import SystemFault, UsageError
from .hints import hinted
from .threads import in_order, set_default_threads

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M")

CHUNK_SECONDS: Final = 1.0
"""How long a chunk should take: hundreds of times as long as Ray needs to begin one."""
_MOST: Final = 1000
_PATIENCE: Final = 10.0
"""Seconds to wait for an address to answer."""
_AHEAD: Final = 3
"""Chunks per core that are begun or wait to be taken."""


@hinted
@dataclass(frozen=True, slots=True)
class RayModel:
    """A model for `predict` that lives in processes of a Ray cluster; `predict` also needs `pool=RayPool(...)`.

        >>> def make():
        ...     return as_model(torch.load("/shared/net.pt", weights_only=False).cuda())
        >>> pw.predict(RayModel(make), "/shared/VOC2012", "/shared/predictions", pool=pool)  # doctest: +SKIP

    make: called once in each process, without arguments, gives the model; it is what is sent. num_gpus: GPUs of a
    process, 0 for a model on the CPU. processes: how many; by default as many as the cluster has room for.
    """

    make: Callable[[], Any]
    num_gpus: float = 1
    processes: int | None = None


@hinted
class RayPool:
    """A `Pool` whose work is done by a Ray cluster. Not thread-safe.

    address: of the cluster, "auto" for the one that this machine belongs to, None for RAY_ADDRESS, or else this machine
    alone. chunk: items per task; by default as many as take a second. retries: how often a task is begun again after
    its machine or process died. num_cpus: cores that a task takes, and threads that it runs. runtime_env: as of
    `ray.init`, such as environment variables of the workers.

    An error of the data is a result like any other, and is raised at its place. A task whose machine or process dies is
    begun again elsewhere; after that SystemFault `cluster-task` names its items. SystemFault `no-cluster` if there is
    none at `address`, UsageError `needs-ray` without the package. Memory: a few chunks of results for each core.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        chunk: int | None = None,
        retries: int = 3,
        num_cpus: int = 1,
        runtime_env: dict[str, Any] | None = None,
    ) -> None:
        self._chunk = None if chunk is None else check_count("chunk", chunk)
        self._retries = check_whole("retries", retries)
        self._threads = check_count("num_cpus", num_cpus)
        self._ray = _package()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            try:
                _knock(address)
                self._ray.init(address, runtime_env=runtime_env, log_to_driver=False, logging_level="ERROR")
            except (OSError, ValueError, RuntimeError) as error:
                what = f"there is no Ray cluster at {address}: {(str(error).splitlines() or ['it does not answer'])[0]}"
                fix = "start one by ray start --head, or give its address"
                raise SystemFault(what, code="no-cluster", fix=fix) from None

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster, unless it had been joined before."""
        if self._ours:
            with redirect_stdout(sys.stderr):  # it prints what it has kept of its notes
                self._ray.shutdown()

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`work(item)` of each item, in order. See `pixelwise.Pool`.

        Where it ends early, by an error or because nobody takes more, tasks that were sent are still done.
        """
        # They are not canceled: ray.cancel of a task that just ends aborts this process (Ray 2.60, seen twice).
        run = self._ray.remote(num_cpus=self._threads, max_retries=0)(_run).remote
        pickled = np.frombuffer(self._ray.cloudpickle.dumps(work), np.uint8)
        sent, left = self._ray.put((uuid4().hex, pickled)), enumerate(items)
        waiting: deque[_Task] = deque()
        chunk, most = self._chunk or 1, _MOST
        if (n := operator.length_hint(items)) and self._chunk is None:
            most = max(1, min(_MOST, n // (2 * _AHEAD * self._cores())))  # so that all are busy until the end
        while True:
            while len(waiting) < _AHEAD * self._cores() and (own := list(islice(left, chunk))):
                given = [item for _, item in own]
                begin = partial(run, sent, given, self._threads)
                waiting.append(_Task(own[0][0], len(own), begin, begin()))
            if not waiting:
                return
            results, error, seconds = self._result(waiting[0])
            waiting.popleft()
            if self._chunk is None and results:
                chunk = max(1, min(most, round(CHUNK_SECONDS * len(results) / max(seconds, 1e-6))))
            yield from results
            if error is not None:
                raise error

    def processes_of(self, model: RayModel) -> int:
        """How many processes `map_with` begins. UsageError `no-gpu` if the cluster has fewer GPUs than one takes."""
        gpus, room = self._ray.cluster_resources().get("GPU", 0), self._cores()
        if gpus < model.num_gpus:
            what = f"a process of the model takes {model.num_gpus:g} GPU, the cluster has {gpus:g}"
            raise UsageError(what, code="no-gpu", fix="pass RayModel(num_gpus=0) for a model on the CPU")
        if model.num_gpus:
            room = min(room, int(gpus / model.num_gpus))
        return room if model.processes is None else check_count("processes", model.processes)

    def map_with(self, model: RayModel, work: Callable[[M, T], R], items: Iterable[T]) -> Iterator[R]:
        """`work(made, item)` of each item, in order, in processes that call `model.make` once each.

        A process takes the next item when it is free. What a process that dies had is done by the others, and another
        process is begun; `retries` and errors as in `map`, and an error of `make` is raised.
        """
        crew = _Crew(self._ray, self._threads, self._retries, model, work)
        done, following = dict[int, tuple[Any, Exception | None]](), 0
        try:
            for _ in range(self.processes_of(model)):
                crew.begin(0)
            for number, *outcome in crew.results(enumerate(items)):
                done[number] = outcome[0], outcome[1]
                while following in done:
                    result, error = done.pop(following)
                    if error is not None:
                        raise error
                    yield result
                    following += 1
        finally:
            crew.end()

    @property
    def num_cpus(self) -> int:
        """Cores that a task takes, and threads that it runs."""
        return self._threads

    def _cores(self) -> int:
        """How many tasks can run at once; machines come and go."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // self._threads)

    def _result(self, task: _Task) -> _Outcome:
        """What a task gave; it is begun again if it was lost."""
        running = task.running
        for tried in range(self._retries + 1):
            try:
                return _Outcome(*self._ray.get(running))
            except self._ray.exceptions.RayTaskError as error:
                lost = error
                break  # it did not begin: it would not the next time
            except self._ray.exceptions.RayError as error:
                lost = error
                if tried < self._retries:
                    running = task.begin()
        raise _lost(lost, f"items {task.first} to {task.first + task.size - 1}") from lost


class _Task(NamedTuple):
    """A chunk of items that was sent. first: the number of the first of them. begin: sends it again. running: Ray's
    reference.
    """

    first: int
    size: int
    begin: Callable[[], Any]
    running: Any


class _Place(NamedTuple):
    """A process of a crew that is busy. item: (number, item, how often it was begun before); None while it begins
    itself. lost: how many before it died.
    """

    process: Any
    item: tuple[int, Any, int] | None
    lost: int


class _Crew:
    """Processes that have made a model, and what they do."""

    def __init__(self, ray: Any, threads: int, retries: int, model: RayModel, work: Callable[[Any, Any], Any]) -> None:
        self._ray, self._retries = ray, retries
        made = ray.remote(num_cpus=threads, num_gpus=model.num_gpus, max_restarts=0)(_Maker)
        self._make = partial(made.remote, ray.put(model.make), ray.put(work), threads)
        self._busy: dict[Any, _Place] = {}
        self._idle: list[tuple[Any, int]] = []

    def begin(self, lost: int) -> None:
        """Begin a process; it is used once it is there, which it may never be if machines are gone."""
        process = self._make()
        self._busy[process.made.remote()] = _Place(process, None, lost)

    def results(self, items: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any, Exception | None]]:
        """(number, result, error) of each (number, item), as they come."""
        again: deque[tuple[int, Any, int]] = deque()
        fresh = ((number, item, 0) for number, item in items)
        while True:
            while self._idle and (item := again.popleft() if again else next(fresh, None)) is not None:
                process, lost = self._idle.pop()
                self._busy[process.run.remote(item[1])] = _Place(process, item, lost)
            if not again and len(self._idle) and all(place.item is None for place in self._busy.values()):
                return
            (ready,), _ = self._ray.wait(list(self._busy), num_returns=1)
            place = self._busy.pop(ready)
            try:
                result, error = self._ray.get(ready)
            except self._ray.exceptions.RayError as failed:
                self._kill(place.process)
                number, tried = (None, place.lost) if place.item is None else (place.item[0], place.item[2])
                if tried >= self._retries or isinstance(failed, self._ray.exceptions.RayTaskError):
                    raise _lost(failed, "a model" if number is None else f"item {number}") from failed
                if place.item is not None:
                    again.append((*place.item[:2], tried + 1))
                self.begin(place.lost + 1)
                continue
            self._idle.append((place.process, place.lost))
            if place.item is not None:
                yield place.item[0], result, error
            elif error is not None:
                raise error

    def end(self) -> None:
        """End all processes."""
        for process in (*(p.process for p in self._busy.values()), *(process for process, _ in self._idle)):
            self._kill(process)

    def _kill(self, process: Any) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(process)


class _Maker:
    """A process of the cluster that has made a model."""

    def __init__(self, make: Callable[[], Any], work: Callable[[Any, Any], Any], threads: int) -> None:
        set_default_threads(threads)
        self._work = work
        self._made, self._error = _tried(make)

    def made(self) -> tuple[None, Exception | None]:
        """Answers when it is there."""
        return None, self._error

    def run(self, item: Any) -> tuple[Any, Exception | None]:
        """The result of an item, or its error."""
        return _tried(partial(self._work, self._made, item))


def _tried(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return call(), None
    except Exception as error:
        return None, _that_pickles(error)


class _Outcome(NamedTuple):
    """results: of the items before the first error. seconds: that they took."""

    results: list[Any]
    error: Exception | None
    seconds: float


_READ: Final = dict[str, Callable[[Any], Any]]()
"""In a process of the cluster: the work of the last task, by its key."""


def _run(
    sent: tuple[str, NDArray[np.uint8]], items: list[Any], threads: int
) -> tuple[list[Any], Exception | None, float]:
    """A task, in a process of the cluster. sent: the key of the work, and the work pickled, mapped from Ray's store."""
    began, results, (key, pickled) = perf_counter(), list[Any](), sent
    set_default_threads(threads)  # of what the work begins itself: a shard is packed on threads
    if key not in _READ:
        _READ.clear()
        _READ[key] = pickle.loads(pickled.data)
    work = _READ[key]
    try:
        for result in in_order(work, items, threads):
            results.append(result)
    except Exception as error:
        return results, _that_pickles(error), perf_counter() - began
    return results, None, perf_counter() - began


def _that_pickles(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _lost(error: BaseException, what: str) -> SystemFault:
    """The error for work that the cluster could not do. Ray calls what could not begin a RayTaskError."""
    fix = "look at the logs of Ray: memory, disk, network"
    if isinstance(error, _package().exceptions.RayTaskError):
        fix = "install the same pixelwise on every machine, or set runtime_env"
    said = f"{type(error).__name__}: {_last_line(error)}"
    return SystemFault(f"{what} failed on the cluster: {said}", code="cluster-task", fix=fix)


def _knock(address: str | None) -> None:
    """OSError if nothing answers at HOST:PORT. Ray itself would wait for minutes, and end the process."""
    found = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address or "")
    if found:
        socket.create_connection((found[1], int(found[2])), _PATIENCE).close()


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[-1].strip()


def _package() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed", code="needs-ray", fix="pip install 'pixelwise[ray]'") from None
    return ray
