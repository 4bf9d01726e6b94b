"""Does memory stay where it is? Peak proportional memory of a loading process over its epochs, and with the number of
entries in the dataset.

    python benchmarks/bench_memory.py --data WORK/real/data.json [--epochs 20] [--out FILE.json]

epochs: job 1 for 20 epochs; the peak of the last quarter against that of the second (the first still fills buffers).
entries: a source made up on the spot with 1,000 and with 100,000 samples, some batches of each; bytes a sample are the
difference in memory over the difference in entries, at the peak and at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness
import numpy as np
from jobs import JOBS, Data

MIB = 1 << 20
ENTRIES = (1_000, 100_000)
MOST_BYTES = 200


class MadeUp:
    """A Source whose samples are computed: entry i is a flat color of 375x500. Holds what a source of files holds:
    the names and the sizes."""

    has_labels = True

    def __init__(self, count: int) -> None:
        self.names = [f"2007_{index:08d}" for index in range(count)]
        self._sizes = np.tile(np.array([375, 500], np.int32), (count, 1))

    def __len__(self) -> int:
        return len(self.names)

    def sizes(self, indices: Any = None) -> Any:
        return self._sizes[slice(None) if indices is None else indices].astype(np.int64)

    def read(self, index: int, window: Any = None, **_: Any) -> Any:
        from pixelwise.types import Sample, Window

        y0, x0, y1, x1 = window or Window(0, 0, 375, 500)
        shape = (y1 - y0, x1 - x0)
        return Sample(self.names[index], np.full((*shape, 3), index % 256, np.uint8), np.zeros(shape, np.uint8))


def load_made_up(count: int, batches: int = 40) -> None:
    """The measured process of `entries`: shuffled batches of a source with `count` samples."""
    import pixelwise as pw
    from pixelwise.dataset.splits import Split

    split = Split("train", pw.VOC, MadeUp(count))
    steps = [pw.RandomCrop(320, 480), pw.Normalize(pw.IMAGENET_MEAN, pw.IMAGENET_STD)]
    loader = pw.Loader(split, batch_size=32, shuffle=True, drop_last=True, seed=0, threads=2, transforms=steps)
    done = 0
    while done < batches:
        for batch in loader:
            done += len(batch.images) > 0
            if done >= batches:
                break


def load_epochs(data: Path, peer: str, epochs: int) -> None:
    """The measured process of `epochs`; a line on standard output after each."""
    import importlib

    module, _, variant = peer.partition(":")
    epoch = importlib.import_module(f"peers.{module}").load(JOBS[1], Data.load(data), 2, variant)
    for _ in range(epochs):
        for images, _ in epoch():
            float(images[0, 0, 0, 0])
        print("epoch", flush=True)


def watched(*options: str) -> tuple[harness.MemoryWatch, list[int]]:
    """Run this file with `options` under a MemoryWatch; at which sample each line of its output came."""
    command = [sys.executable, str(Path(__file__).resolve()), *options]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=harness.child_environment())
    marks = []
    with harness.MemoryWatch(child.pid, interval=0.02) as memory:
        assert child.stdout is not None
        for _ in child.stdout:
            marks.append(len(memory.samples))
        if child.wait():
            raise SystemExit(f"{' '.join(options)} failed with exit code {child.returncode}")
    return memory, marks


def over_epochs(data: Path, peer: str, epochs: int) -> dict[str, Any]:
    """Anonymous memory by epoch, and its growth from the second quarter to the last."""
    memory, marks = watched("--run", peer, "--data", str(data), "--epochs", str(epochs))
    anonymous = [m.total - m.files for _, m in memory.samples]
    starts = [0, *marks[:-1]]
    peaks = [max(anonymous[a:b] or anonymous[b - 1 : b] or [0]) for a, b in zip(starts, marks, strict=True)]
    quarter = max(1, epochs // 4)
    before, after = max(peaks[quarter : 2 * quarter]), max(peaks[-quarter:])
    return {"peaks_mb": [round(p / MIB, 1) for p in peaks], "growth_mb": round((after - before) / MIB, 1)}


def over_entries(runs: int = 3) -> dict[str, Any]:
    """Memory with few and with many samples, at the peak and at the end of a run."""
    found: dict[str, dict[int, list[float]]] = {"peak": {n: [] for n in ENTRIES}, "end": {n: [] for n in ENTRIES}}
    for _ in range(runs):
        for n in ENTRIES:
            memory, _ = watched("--entries", str(n))
            found["peak"][n].append(float(memory.peak or 0))
            found["end"][n].append(float(np.median([m.total for _, m in memory.samples[-5:]])))
    few, many = ENTRIES
    results = {}
    for when, by_entries in found.items():
        medians = {n: harness.summary(values).median for n, values in by_entries.items()}
        results[when] = {
            "mb": {n: round(m / MIB, 1) for n, m in medians.items()},
            "bytes_a_sample": (medians[many] - medians[few]) / (many - few),
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="data.json that race.py prepared")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--entries", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.entries:
        load_made_up(args.entries)
        os._exit(0)
    if args.run:
        load_epochs(args.data, args.run, args.epochs)
        os._exit(0)
    results: dict[str, Any] = {}
    results["entries"] = over_entries()
    for when, found in results["entries"].items():
        verdict = "met" if found["bytes_a_sample"] <= MOST_BYTES else "missed"
        print(f"{when}: {found['mb']}; {found['bytes_a_sample']:.0f} bytes a sample, asked {MOST_BYTES}: {verdict}")
    if args.data:
        for peer in ("pixelwise_files", "pixelwise_pack:raw"):
            results[peer] = over_epochs(args.data, peer, args.epochs)
            growth = results[peer]["growth_mb"]
            print(f"{peer}: {growth} MB more in the last quarter of {args.epochs} epochs than in the second")
    if args.out:
        harness.write_json(args.out, "memory", results)


if __name__ == "__main__":
    main()
