"""What every benchmark here shares: repeated timing, statistics, a description of the machine, and the
accounting of a process tree (CPU seconds, proportional memory).

Standard library only, so that it also runs in the interpreters of other loaders. CPU and memory of a process
tree are read from Linux's /proc; elsewhere memory is None and CPU is that of this process and its finished
children.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
_LOAD = round(os.getloadavg()[0], 2)  # now, when the benchmark begins: later it is its own


# -- statistics ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """Repeated measurements in one line: median, the spread (smallest, largest), the quartiles, how many."""

    median: float
    low: float
    high: float
    quartiles: tuple[float, float]
    n: int

    def scaled(self, factor: float) -> Summary:
        """The same measurements in another unit; `factor` is positive."""
        first, third = self.quartiles
        return Summary(
            self.median * factor,
            self.low * factor,
            self.high * factor,
            (first * factor, third * factor),
            self.n,
        )

    def __str__(self) -> str:
        return f"{self.median:.4g} ({self.low:.4g} to {self.high:.4g}, n={self.n})"


def summary(values: Iterable[float]) -> Summary:
    """The Summary of at least one number. Quartiles are interpolated, as NumPy's default does."""
    data = sorted(float(v) for v in values)
    if not data:
        raise ValueError("no measurements to summarize")
    quarters = statistics.quantiles(data, n=4, method="inclusive") if len(data) > 1 else data * 3
    return Summary(statistics.median(data), data[0], data[-1], (quarters[0], quarters[2]), len(data))


def compare(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int = 7, calls: int = 1, warmup: int = 1
) -> dict[str, dict[str, Summary]]:
    """Seconds a call of each candidate, measured in turns so that a slow moment of the machine hits all
    alike.

    Each round runs every candidate `calls` times in a row; the first `warmup` rounds are not counted. Gives
    {name: {"wall": Summary, "cpu": Summary}}, CPU being this process with all its threads.
    """
    wall: dict[str, list[float]] = {name: [] for name in candidates}
    cpu: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(warmup + rounds):
        for name, call in candidates.items():
            w, c = time.perf_counter(), time.process_time()
            for _ in range(calls):
                call()
            w, c = time.perf_counter() - w, time.process_time() - c
            if turn >= warmup:
                wall[name].append(w / calls)
                cpu[name].append(c / calls)
    return {name: {"wall": summary(wall[name]), "cpu": summary(cpu[name])} for name in candidates}


# -- processes -----------------------------------------------------------------------------------------------


def process_tree(pid: int) -> dict[int, float]:
    """The process and all its living descendants, each with its CPU seconds (finished children that it waited
    for included). Empty where the process is gone or /proc is not Linux's."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    try:
        entries = [e for e in os.listdir(PROC) if e.isdigit()]
    except OSError:
        return {}
    for entry in entries:
        try:
            stat = (PROC / entry / "stat").read_text()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        seconds[int(entry)] = sum(int(t) for t in fields[11:15]) / TICKS  # utime, stime, cutime, cstime
        children.setdefault(int(fields[1]), []).append(int(entry))
    if pid not in seconds:
        return {}
    tree, todo = {pid: seconds[pid]}, [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            tree[child] = seconds[child]
            todo.append(child)
    return tree


def cpu_seconds() -> float:
    """CPU seconds of this process, its threads, and all its descendants, running or finished.

    This process is read to the microsecond, running descendants to the kernel's tick (10 ms)."""
    me = os.getpid()
    own = sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    return own + sum(t for pid, t in process_tree(me).items() if pid != me)


@dataclass(frozen=True, slots=True)
class Memory:
    """Proportional memory (PSS) in bytes: a page shared by n processes counts 1/n in each, so a tree adds up.

    total: everything. files: the part that is pages of mapped files, which the kernel can drop at any time.
    """

    total: int = 0
    files: int = 0


def memory_of(pids: Iterable[int]) -> Memory:
    """The proportional memory of some processes, from /proc/PID/smaps_rollup; those that are gone count
    nothing."""
    total = files = 0
    for pid in pids:
        try:
            text = (PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines()[1:]}
        total += sizes.get("Pss", 0)
        files += sizes.get("Pss_File", 0)
    return Memory(total, files)


class MemoryWatch:
    """Samples the memory of a process tree from a thread of this process, which is best not the one measured.

        with MemoryWatch(child.pid) as watch:
            child.wait()
        watch.peak, watch.peak_anonymous     # bytes, or None where /proc cannot say

    `exclude` names processes of the tree that do not count. Peaks shorter than `interval` seconds can be
    missed.
    """

    def __init__(self, pid: int, interval: float = 0.05, exclude: Sequence[int] = ()) -> None:
        self.peak: int | None = None
        self.peak_anonymous: int | None = None
        self.samples: list[tuple[float, Memory]] = []
        self._pid, self._interval, self._exclude = pid, interval, frozenset(exclude)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.sample()
            self._stop.wait(self._interval)

    def sample(self) -> None:
        """One look, now."""
        memory = memory_of(pid for pid in process_tree(self._pid) if pid not in self._exclude)
        if memory.total:
            self.samples.append((time.perf_counter(), memory))
            self.peak = max(self.peak or 0, memory.total)
            self.peak_anonymous = max(self.peak_anonymous or 0, memory.total - memory.files)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


def evict(paths: Iterable[Path | str]) -> None:
    """Ask the kernel to forget the cached pages of these files, so that the next read goes to the disk.

    Needs no privilege; pages that a process has mapped, or that are not written back, stay."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def child_environment(**more: str) -> dict[str, str]:
    """The environment for a measured process: this one's, with Python's bytecode cached (outside the source tree), so
    that imports cost what they cost an installed program the second time it runs."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    cache = os.path.join(tempfile.gettempdir(), f"benchmarks-bytecode-{os.getuid()}")
    return {**inherited, "PYTHONPYCACHEPREFIX": cache, **more}


# -- machine and results -------------------------------------------------------------------------------------


def versions(*packages: str) -> dict[str, str]:
    """Version of every named distribution that is installed in this interpreter."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """What the numbers were measured on: processor, cores that this process may use, memory, kernel, Python, the load
    when this process began."""
    model = platform.processor() or platform.machine()
    memory = None
    try:
        for line in (PROC / "cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
        memory = int((PROC / "meminfo").read_text().split()[1]) // 1024
    except (OSError, ValueError, IndexError):
        pass
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": _LOAD,
        "date": time.strftime("%Y-%m-%d"),
    }


def busy_cores(seconds: float = 0.5) -> float | None:
    """How many cores others use now, over some seconds in which this process sleeps; None where /proc does not say."""

    def ticks() -> tuple[int, int]:
        numbers = [int(n) for n in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]  # all, and of them idle and waiting for the disk

    try:
        total, idle = ticks()
        time.sleep(seconds)
        total_after, idle_after = ticks()
    except (OSError, ValueError, IndexError):
        return None
    passed = max(1, total_after - total)
    return round((os.cpu_count() or 1) * (1 - (idle_after - idle) / passed), 2)


def write_json(path: Path | str | None, name: str, results: Mapping[str, Any], **more: Any) -> None:
    """Write results with the machine and the versions of this interpreter's packages; `None` prints them."""

    def plain(value: Any) -> Any:
        if isinstance(value, Summary):
            return asdict(value)
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")

    packages = versions("pixelwise", "numpy", "numba", "simplejpeg", "zlib-ng", "pillow")
    document = {"benchmark": name, "machine": machine(), "versions": packages, **more, "results": results}
    text = json.dumps(document, default=plain, indent=1)
    if path is None:
        print(text)
    else:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text + "\n")
        print(f"wrote {path}", file=sys.stderr)
