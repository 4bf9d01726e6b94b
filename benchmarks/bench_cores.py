"""How far would more cores carry one process? Simulated on any machine, from files and from packs.

    python benchmarks/bench_cores.py --data WORK/real/data.json [--threads 1,4,16] [--out FILE.json]

Whatever runs without the interpreter's lock and takes long (JPEG and PNG decoding, class ids, rendering) is measured in
one epoch on one thread, and from then on replaced by a sleep of that length, so that it needs no core. Python and short
calls, such as reading a file that the page cache has, stay real. What is left is what threads cannot share. Memory
bandwidth is not simulated, and the sleeps cost something themselves, so real cores may do better or worse.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import harness
from jobs import JOBS, Data
from peers import pixelwise_files, pixelwise_pack

PR_SET_TIMERSLACK = 29  # linux/prctl.h: how late a sleep may end, by default 50 microseconds


class Timed:
    """A function that is measured, or else replaced by a sleep. share: of a call's arguments, how many samples."""

    simulated = False
    all: ClassVar[list[Timed]] = []

    def __init__(
        self, name: str, real: Callable[..., Any], instead: Callable[..., Any], share: Callable[..., int]
    ) -> None:
        self.name, self.real, self.instead, self.share = name, real, instead, share
        self.seconds, self.samples = 0.0, 0
        Timed.all.append(self)

    def __call__(self, *args: Any) -> Any:
        share = self.share(*args)
        if Timed.simulated:
            result = self.instead(*args)
            time.sleep(self.seconds / max(1, self.samples) * share)
            return result
        started = time.perf_counter()
        result = self.real(*args)
        self.seconds += time.perf_counter() - started
        self.samples += share
        return result


def replace(owner: Any, name: str, instead: Callable[..., Any], share: Callable[..., int] = lambda *args: 1) -> None:
    timed = Timed(name.strip("_"), getattr(owner, name), instead, share)
    # A function among a class's attributes is bound to its object.
    setattr(owner, name, (lambda *args: timed(*args)) if isinstance(owner, type) else timed)


class Inflater:
    """Stands for zlib's: gives zeros."""

    eof, unconsumed_tail = True, b""
    zeros = bytes(1 << 24)
    seconds, calls = 0.0, 0

    def __init__(self) -> None:
        self.real = None if Timed.simulated else Inflater.make()

    make: Callable[[], Any]

    def decompress(self, data: Any, size: int) -> Any:
        if self.real is None:
            time.sleep(Inflater.seconds / max(1, Inflater.calls))
            return memoryview(Inflater.zeros)[:size]
        started = time.perf_counter()
        result = self.real.decompress(data, size)
        Inflater.seconds += time.perf_counter() - started
        Inflater.calls += 1
        self.eof, self.unconsumed_tail = self.real.eof, self.real.unconsumed_tail
        return result


def instrument() -> None:
    """Replace what takes long and holds no lock."""
    from pixelwise import kernels
    from pixelwise.codecs import png
    from pixelwise.loading.render import Renderer

    parse = kernels.jpeg_header.parse

    def read_window(*args: Any) -> int:
        facts, components, quantizers, counts, values = args[10:15]
        return int(parse(args[0], args[1], facts, components, quantizers, counts, values))

    replace(kernels.jpeg, "read_window", read_window)
    def unfilter(raw: Any, bpp: int, above: Any, out: Any) -> int:
        out.fill(0)  # a class there is: what is left in the memory may be none
        return -1

    replace(kernels.png, "unfilter", unfilter)
    replace(kernels.png, "unpack", lambda *args: None)
    replace(kernels.values, "map_values", lambda *args: True)
    replace(kernels.values, "outside", lambda *args: False)
    replace(Renderer, "_run", lambda *args: None, lambda renderer, first, last, dtype: last - first)
    real = png.zlib_ng

    class Module:
        error, crc32, decompressobj = real.error, staticmethod(real.crc32), Inflater

    Inflater.make = staticmethod(real.decompressobj)
    png.zlib_ng = Module  # type: ignore[assignment]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data.json that race.py prepared")
    parser.add_argument("--job", type=int, default=1)
    parser.add_argument("--threads", default="1,2,4,8,16,32")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)  # threads that begin later have it, too
    data, job = Data.load(args.data), JOBS[args.job]
    forms: dict[str, Callable[[int], Any]] = {"files": lambda threads: pixelwise_files.load(job, data, threads, "")}
    for encoding in ("original", "raw"):
        pixelwise_pack.prepare(job, data, encoding)
        forms[f"pack, {encoding}"] = lambda threads, e=encoding: pixelwise_pack.load(job, data, threads, e)
    from pixelwise.codecs.jpeg_windows import prepare_kernels

    prepare_kernels()
    instrument()
    results: dict[str, dict[int, Any]] = {}
    for name, load in forms.items():
        Timed.simulated = False
        one = load(1)
        consume(one)  # the index of each JPEG file is made
        for timed in Timed.all:
            timed.seconds, timed.samples = 0.0, 0
        Inflater.seconds, Inflater.calls = 0.0, 0
        images = consume(one)
        parts = {"inflate": Inflater.seconds, **{t.name: t.seconds for t in Timed.all}}
        told = ", ".join(f"{part} {1e3 * s / images:.3f}" for part, s in parts.items() if s)
        print(f"{name}: {1e3 * sum(parts.values()) / images:.3f} ms an image without the lock: {told}")
        Timed.simulated = True
        results[name] = {}
        for threads in map(int, args.threads.split(",")):
            epoch = load(threads)
            rates = []
            for turn in range(args.epochs + 1):
                started = time.perf_counter()
                images = consume(epoch)
                if turn:
                    rates.append(images / (time.perf_counter() - started))
            results[name][threads] = harness.summary(rates)
            print(f"{name}: {threads} simulated cores: {results[name][threads]} images/s", flush=True)
    if args.out:
        harness.write_json(args.out, "cores", {"images_per_second": results})


def consume(epoch: Callable[[], Any]) -> int:
    """Run an epoch; how many images it had."""
    return sum(len(images) for images, _ in epoch())


if __name__ == "__main__":
    main()
