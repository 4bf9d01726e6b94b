"""Checking a dataset against decoding it: `pixelwise.check` against reading and decoding the same pairs on as many
threads. Target: at least the rate of decoding, 2,913 VOC pairs in about 5 s on two cores. Then the search for near
duplicates among many hashes.

    python benchmarks/bench_check.py [--root VOC2012] [--rounds 7] [--hashes 1000000] [--out FILE.json]

The candidates run in turns in one process, so that their ratio holds on a busy machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import harness
import numpy as np
from race import find_root

from pixelwise.checks.checking import check
from pixelwise.checks.similar import close_pairs
from pixelwise.formats.opening import open as open_dataset
from pixelwise.threads import in_order


def decode(root: Path, threads: int | None) -> int:
    """Read and decode every pair of the trainval list, or of all lists."""
    dataset = open_dataset(root)
    names = [n for n in dataset.splits if n != "trainval"]
    return sum(sum(1 for _ in in_order(dataset[n].read, range(len(dataset[n])), threads)) for n in names)


def search(count: int) -> tuple[float, int]:
    """Seconds to find the near pairs of `count` random hashes with a hundredth of them planted, and how many."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 1 << 63, count).astype(np.uint64) << np.uint64(1)
    fine = random.integers(0, 1 << 63, (count, 4)).astype(np.uint64)
    copies = count // 100
    coarse[-copies:] = coarse[:copies] ^ np.uint64(0b1001)
    fine[-copies:] = fine[:copies]
    began = time.perf_counter()
    pairs = close_pairs(coarse, fine, np.ones(count, bool))
    seconds = time.perf_counter() - began
    if len(pairs) < copies:
        raise SystemExit(f"{len(pairs)} of {copies} planted pairs found")
    return seconds, len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = find_root(args.root, Path(folder))
        pairs = decode(root, args.threads)
        times = harness.compare(
            {"decoding": lambda: decode(root, args.threads), "check": lambda: check(root, threads=args.threads)},
            rounds=args.rounds,
        )
    for name, both in times.items():
        milliseconds = both["wall"].scaled(1000 / pairs)
        cpu = both["cpu"].scaled(1000 / pairs)
        whole = 2.913 * milliseconds.median
        print(f"{name:9s} {pairs} pairs: {milliseconds} ms a pair, CPU {cpu}; 2,913: {whole:.1f} s")
    ratio = times["check"]["cpu"].median / times["decoding"]["cpu"].median
    print(f"check costs {ratio:.2f} of the CPU of decoding")
    seconds, found = search(args.hashes)
    print(f"near duplicates among {args.hashes:,} hashes: {seconds:.1f} s, {found:,} pairs")
    if args.out:
        harness.write_json(
            args.out, "check", {"seconds": times, "pairs": pairs, "cpu_ratio": ratio, "search": seconds}
        )


if __name__ == "__main__":
    main()
