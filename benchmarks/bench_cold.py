"""A pack that the page cache does not hold: images per second and bytes read, with and without reading ahead.

    python benchmarks/bench_cold.py PACK.pack [--rounds 3] [--batch-size 16]

Each round drops the pack from the page cache (`posix_fadvise`, which needs no privileges) and loads one epoch of
job 1 in a new process, first with `madvise(WILLNEED)` for what the plans need, then without. Bytes are those that the
process had the disk read (/proc/self/io, Linux), in relation to those of the records.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter


def drop(pack: Path) -> None:
    """Have the system forget the pack's files."""
    for path in pack.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def bytes_read() -> int:
    """What this process had the disk read so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])


def load(pack: Path, ahead: bool, batch_size: int) -> None:
    """One epoch; prints images per second, and bytes read over bytes of the records."""
    import pixelwise as pw
    from pixelwise.files.mapping import MappedFile

    if not ahead:
        MappedFile.will_need = lambda *_: None  # type: ignore[method-assign]
    dataset = pw.open(pack)
    split = dataset[next(iter(dataset.splits))]
    steps = [pw.RandomCrop(320, 480), pw.RandomHorizontalFlip(), pw.Normalize()]
    warm = pw.Loader(pw.Split("warm", split.classes, _noise()), 2, steps)
    list(warm)  # kernels are loaded
    before, started = bytes_read(), perf_counter()
    loader = pw.Loader(split, batch_size, steps, shuffle=True, seed=1, small="drop")
    images = sum(len(batch.names) for batch in loader)
    seconds = perf_counter() - started
    needed = sum(s.bytes for s in split.source.volume.manifest.shards) * images / len(split)  # type: ignore[attr-defined]
    print(json.dumps([images / seconds, (bytes_read() - before) / needed]))


def _noise() -> object:
    import numpy as np

    import pixelwise as pw

    image = np.zeros((330, 490, 3), np.uint8)
    return pw.ArraySource([image] * 4, [image[..., 0]] * 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--run", choices=("ahead", "not"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        load(given.pack, given.run == "ahead", given.batch_size)
        return
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    found: dict[str, list[list[float]]] = {"ahead": [], "not": []}
    for _ in range(given.rounds):
        for how, results in found.items():
            drop(given.pack)
            command = [sys.executable, __file__, str(given.pack), "--run", how, "--batch-size", str(given.batch_size)]
            results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    for how, results in found.items():
        speeds = [speed for speed, _ in results]
        print(f"{how:6} {statistics.median(speeds):7.0f} images/s ({min(speeds):.0f} to {max(speeds):.0f}), "
              f"{statistics.median(read for _, read in results):.2f} of the bytes")  # fmt: skip


if __name__ == "__main__":
    main()
