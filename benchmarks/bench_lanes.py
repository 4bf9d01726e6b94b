"""Lanes on their own, without pixels: what a position costs, what ranks read twice, how well classes are mixed.

    python benchmarks/bench_lanes.py [--samples 200000] [--block 85] [--out FILE.json]

Targets: 0.3 µs per position; all ranks together read at most 1.03 of the blocks, for every number of ranks that divides
the lanes (each rank adds about one block, however many blocks there are); chi2 per degree of freedom of the classes in
a batch at most 1.05, where the data are sorted by class. A whole shuffle has 1; less is mixed more evenly.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

from pixelwise.loading.lanes import Lanes
from pixelwise.randomness import shuffled

CLASSES = 20
BATCHES = (8, 32, 48, 61, 64, 96, 128, 256, 384, 512, 1024)
TRAFFIC_BATCHES = (64, 256, 512)


def lanes_of(samples: int, block: int, batch: int) -> Lanes:
    return Lanes(np.arange(samples), np.append(np.arange(0, samples, block), samples).astype(np.int64), batch, 0)


def chi2(samples: Any, batch: int) -> float:
    """Of the classes in the batches, per degree of freedom; corrected for drawing without putting back."""
    n = len(samples)
    found = (samples * CLASSES // n)[: n // batch * batch].reshape(-1, batch)
    counts = np.stack([(found == c).sum(axis=1) for c in range(CLASSES)], axis=1)
    expected = batch / CLASSES
    each = ((counts - expected) ** 2 / expected).sum(axis=1)
    return float(each.mean() / (CLASSES - 1) * (n - 1) / (n - batch))


def traffic(lanes: Lanes, block: int, world: int) -> float:
    """Blocks that all ranks read in an epoch / blocks."""
    n, batch = len(lanes.sequence), lanes.batch
    of = lanes.samples(np.arange(n // batch * batch), 0) // block
    ranks = of.reshape(-1, world, batch // world)
    return sum(len(np.unique(ranks[:, rank])) for rank in range(world)) / (len(lanes.borders) - 1)


def microseconds(lanes: Lanes, rounds: int) -> float:
    """CPU time of a position, in an epoch whose blocks are not known yet."""
    positions, found = np.arange(len(lanes.sequence)), []
    for epoch in range(rounds + 1):  # the first loads the kernel
        began = time.process_time()
        lanes.samples(positions, epoch)
        found.append(1e6 * (time.process_time() - began) / len(positions))
    return statistics.median(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--block", type=int, default=85, help="samples per block")
    parser.add_argument("--epochs", type=int, default=5, help="of which the median is taken")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    n, rows = given.samples, []
    print(f"{n} samples in blocks of {given.block}, {CLASSES} classes one after the other")
    print(f"{'batch':>6} {'lanes':>6} {'µs':>6} {'chi2':>6} {'shuffled':>9}")
    for batch in BATCHES:
        lanes = lanes_of(n, given.block, batch)
        mixed = statistics.median(chi2(lanes.samples(np.arange(n), k), batch) for k in range(given.epochs))
        whole = statistics.median(chi2(shuffled(np.arange(n), n, 0, k), batch) for k in range(given.epochs))
        row = {"batch": batch, "lanes": lanes.lanes, "us": microseconds(lanes, given.epochs), "chi2": mixed}
        print(f"{batch:6} {lanes.lanes:6} {row['us']:6.3f} {mixed:6.3f} {whole:9.3f}")
        rows.append({**row, "chi2 of a whole shuffle": whole})
    print("\nblocks read by all ranks / blocks")
    worlds = [1, 2, 4, 8, 16, 32, 64]
    print(f"{'batch':>6} ", *(f"{f'{world} ranks':>9}" for world in worlds))
    for batch in TRAFFIC_BATCHES:
        lanes = lanes_of(n, given.block, batch)
        found = {world: traffic(lanes, given.block, world) for world in worlds if lanes.lanes % world == 0}
        print(f"{batch:6} ", *(f"{found[world]:9.3f}" for world in found))
        rows.append({"batch": batch, "traffic": found})
    if given.out is not None:
        harness.write_json(given.out, "lanes", {"rows": rows}, samples=n, block=given.block)


if __name__ == "__main__":
    main()
