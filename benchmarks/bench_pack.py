"""Packing against merely decoding the same files on the same cores. Target: at most 1.3 times as long.

    python benchmarks/bench_pack.py [--root VOC2012] [--copies 4] [--out FILE.json]

Both read the same files with a warm page cache on all cores; decoding throws the pixels away, packing also writes,
checks and syncs them, so that what is reported includes the disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness
from bench_headers import copies
from race import find_root

import pixelwise as pw

TARGET = 1.3


def decode_all(root: Path, threads: int) -> float:
    """Seconds to decode every image and label of the train split."""
    split = pw.open(root)["train"]
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(lambda t: [split.read(i).size for i in range(t, len(split), threads)], range(threads)):
            assert part
    return time.perf_counter() - began


def pack_all(root: Path, out: Path, encoding: str) -> float:
    """Seconds to pack the train split."""
    dataset = pw.open(root)
    began = time.perf_counter()
    pw.pack(dataset, out, encoding=encoding, splits=["train"])
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    times: dict[str, list[float]] = {"decode": [], "pack raw": [], "pack original": []}
    with tempfile.TemporaryDirectory() as folder:
        root = copies(find_root(args.root, Path(folder)), Path(folder) / "VOC2012", args.copies)
        decode_all(root, threads)  # compiled code, page cache
        for _ in range(args.rounds):
            times["decode"].append(decode_all(root, threads))
            for encoding in ("raw", "original"):
                out = Path(folder) / f"{encoding}.pack"
                times[f"pack {encoding}"].append(pack_all(root, out, encoding))
                shutil.rmtree(out)
        count = len(pw.open(root)["train"])
    results = {name: harness.summary(values) for name, values in times.items()}
    for name, value in results.items():
        ratio = value.median / results["decode"].median
        print(f"{name:14s} {value} s for {count} images, {count / value.median:,.0f} images/s, {ratio:.2f} of decoding")
    reached = results["pack raw"].median / results["decode"].median
    print(f"asked {TARGET} at most: {'met' if reached <= TARGET else 'missed'}")
    if args.out:
        harness.write_json(args.out, "pack", results, images=count, threads=threads)


if __name__ == "__main__":
    main()
