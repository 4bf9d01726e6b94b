"""Run one peer on one job in this process and print what was measured, as one line of JSON. race.py calls it,
once a run, in the interpreter of the peer; by hand it serves to look at one peer alone:

    python benchmarks/runner.py chapter:2 --job 1 --data WORK/real/data.json --epochs 4 --threads 2
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
from jobs import JOBS, Data

MARK = "RESULT "


def as_array(value: Any) -> Any:
    """A NumPy view of a batch's tensor, without a copy."""
    return value.numpy() if hasattr(value, "numpy") else value


def measure(epoch: Callable[[], Iterable[tuple[Any, Any]]], epochs: int) -> dict[str, Any]:
    """Images a second and CPU milliseconds an image of each epoch, every batch touched."""
    rates, cpu, images = [], [], 0
    for _ in range(epochs):
        used, begin, images = harness.cpu_seconds(), time.perf_counter(), 0
        for batch_images, batch_labels in epoch():
            images += len(batch_images)
            float(batch_images[0, 0, 0, 0]) + int(batch_labels.reshape(-1)[-1])
        seconds = time.perf_counter() - begin
        rates.append(images / seconds)
        cpu.append(1000 * (harness.cpu_seconds() - used) / images)
    return {"rates": rates, "cpu_ms": cpu, "images": images}


def dump(folder: Path, number: int, images: Any, labels: Any) -> None:
    """The batch for verify.py, as it was delivered."""
    import numpy as np

    np.save(folder / f"images{number}.npy", as_array(images))
    np.save(folder / f"labels{number}.npy", as_array(labels))


def main() -> None:
    parser = argparse.ArgumentParser(description="run one peer of the race on one job")
    parser.add_argument("peer", help="a module of peers/, with :variant where it has some")
    parser.add_argument("--job", type=int, choices=JOBS)
    parser.add_argument("--data", help="data.json that race.py prepared")
    parser.add_argument("--epochs", type=int, default=4, help="measured epochs, after one that warms up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dump", type=Path, help="write the first batch into this folder")
    parser.add_argument("--no-jitter", action="store_true", help="leave the jitter of colors out, to check the rest")
    parser.add_argument("--cold", action="store_true", help="first drop the data's files from the page cache")
    parser.add_argument("--prepare", action="store_true", help="only make what this peer makes of the files beforehand")
    parser.add_argument("--probe", action="store_true", help="only say whether this interpreter can run the peer")
    args = parser.parse_args()
    name, _, variant = args.peer.partition(":")
    began = time.perf_counter()
    peer = importlib.import_module(f"peers.{name}")
    result: dict[str, Any] = {
        "import_s": time.perf_counter() - began,
        "versions": harness.versions(*peer.PACKAGES),
    }
    if not args.probe:
        job, data = JOBS[args.job], Data.load(args.data)
        if args.no_jitter:
            job = replace(job, jitter=0.0)
        if args.prepare:
            began = time.perf_counter()
            if hasattr(peer, "prepare"):
                peer.prepare(job, data, variant)
            result["prepare_s"] = time.perf_counter() - began
        else:
            if args.cold:
                for folder in (data.root, data.derived):
                    harness.evict(path for path in folder.rglob("*") if path.is_file())
            result |= race(peer, job, data, variant, args)
    print(MARK + json.dumps(result), flush=True)
    os._exit(0)  # loaders differ in how long they take to end; race.py ends their processes


def race(peer: Any, job: Any, data: Data, variant: str, args: argparse.Namespace) -> dict[str, Any]:
    """Time to the first batch, then the first epoch to its end, then the measured epochs.

    With --dump, the first batches of the first two epochs are written: a loader may shuffle image and label
    alike in the first epoch and apart in the next."""
    began = time.perf_counter()
    epoch = peer.load(job, data, args.threads, variant)
    result = {}
    for number, batches in enumerate(epoch() for _ in range(1 + bool(args.dump))):
        for k, (images, labels) in enumerate(batches):
            if number == k == 0:
                result["first_batch_s"] = time.perf_counter() - began
            if k == 0 and args.dump:
                dump(args.dump, number, images, labels)
        if number == 0:
            result["first_epoch_s"] = time.perf_counter() - began
    return result | measure(epoch, args.epochs)


if __name__ == "__main__":
    main()
