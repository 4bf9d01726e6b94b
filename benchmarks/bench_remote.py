"""A pack in a store that answers after 30 ms and sends 200 MB/s: the first batch, epochs from it and from the cache.

    python benchmarks/bench_remote.py [--root VOC2012] [--copies 8] [--latency 30] [--rate 200] [--out FILE.json]

The store is that of the tests, in a process of its own on this machine, so its work is part of the load. Every epoch is
read by a Loader (random crop 320x480, batches of 32, normalized float32), and every CRC is checked. "fetched only" are
the records without decoding, kept in a cache. Targets: the first batch within 0.5 s, epoch 1 at 85 % of the link,
0.3 ms of CPU per sample for fetching, epoch 2 within 10 % of the local pack.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
import numpy as np
from bench_headers import copies
from race import find_root

import pixelwise as pw

REPOSITORY = Path(__file__).resolve().parents[1]
BATCH = 32
ADDRESS = "s3://bench/voc.pack"


def loader_of(dataset: pw.Dataset) -> pw.Loader:
    steps = [pw.RandomCrop(320, 480, pad_if_needed=True), pw.Normalize()]
    return pw.Loader(dataset["train"], BATCH, steps, shuffle=True, order="lanes", seed=0)


def epoch_of(loader: pw.Loader) -> tuple[float, float, float]:
    """Samples per second of an epoch, CPU milliseconds per sample, and seconds until the first batch."""
    began, worked, first, count = time.perf_counter(), time.process_time(), 0.0, 0
    for batch in loader:
        first = first or time.perf_counter() - began
        count += len(batch.names)
    return count / (time.perf_counter() - began), 1000 * (time.process_time() - worked) / count, first


def measured(local: Path, place: Path, size: int) -> dict[str, dict[str, Any]]:
    """One round: the local pack, then the store with an empty cache, from the cache, and with the cache of pixels."""
    rows: dict[str, dict[str, Any]] = {}

    def note(name: str, loader: pw.Loader, opened: float = 0.0) -> float:
        rate, cpu, first = epoch_of(loader)
        rows[name] = {"samples/s": rate, "CPU ms": cpu, "first batch s": opened + first}
        return rate

    for name, folder in (("local original", local / "original"), ("local raw", local / "raw")):
        loader = loader_of(pw.open(folder))
        note(f"{name}, epoch 1", loader)
        note(f"{name}, epoch 2", loader)
    began, worked = time.perf_counter(), time.process_time()
    split = pw.open(ADDRESS, cache=place / "fetched")["train"]
    volume = split.source.volume
    volume.fetch_ahead(np.arange(len(split)))
    for row in range(len(split)):
        volume.record(row)
    rate, cpu = len(split) / (time.perf_counter() - began), 1000 * (time.process_time() - worked) / len(split)
    rows["store, fetched only"] = {"samples/s": rate, "CPU ms": cpu, "MB/s": rate * size / len(split) / 1e6}
    for name, options in (("store", {}), ("store, decoded on arrival", {"cache_encoding": "raw"})):
        began = time.perf_counter()
        loader = loader_of(pw.open(ADDRESS, cache=place / name, **options))
        rate = note(f"{name}, epoch 1", loader, time.perf_counter() - began)
        rows[f"{name}, epoch 1"]["MB/s"] = rate * size / len(loader.split) / 1e6
        epoch_of(loader)  # checks what the cache holds
        note(f"{name}, epoch 3", loader)
    return rows


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark that reads from the store."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--latency", type=float, default=30.0, help="milliseconds")
    parser.add_argument("--rate", type=float, default=200.0, help="MB/s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    return parser


@contextmanager
def store_of(objects: Path, latency: float, rate: float) -> Iterator[str]:
    """The address of a store with the files below a folder, in a process of its own; s3:// is there, too."""
    command = [sys.executable, "-m", "tests.support.stores", str(objects), str(latency), str(rate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as store:
        assert store.stdout is not None
        origin = store.stdout.readline().strip()
        os.environ |= {
            "AWS_ENDPOINT_URL": origin, "S3_ENDPOINT_URL": origin, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        yield origin
        store.kill()


def main() -> None:
    given = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "objects").mkdir()
        dataset = pw.open(copies(find_root(given.root, place), place / "copies", given.copies))
        with store_of(place / "objects", given.latency, given.rate):
            for encoding in ("original", "raw"):
                pw.pack(dataset, place / encoding, encoding=encoding, splits="train")
            made = pw.pack(dataset, ADDRESS, encoding="original", splits="train")
            size = sum(s.bytes for s in made["train"].source.volume.manifest.shards)
            list(loader_of(pw.open(ADDRESS)))  # loads the kernels
            rounds = [measured(place, place / f"round {k}", size) for k in range(given.rounds)]
    rows = {
        name: {what: statistics.median(r[name][what] for r in rounds) for what in rounds[0][name]} for name in rounds[0]
    }
    print(f"{len(made['train'])} samples, {size / 1e6:.1f} MB; medians of {given.rounds} rounds")
    for name, row in rows.items():
        print(f"{name:40}", ", ".join(f"{what} {value:,.2f}" for what, value in row.items()))
    if given.out is not None:
        harness.write_json(given.out, "remote", rows, rounds=rounds)


if __name__ == "__main__":
    main()
