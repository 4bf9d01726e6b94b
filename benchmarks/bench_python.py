"""How much Python work does a packed sample cost? Threads cannot share it, since it holds the interpreter's lock.

    python benchmarks/bench_python.py --data WORK/real/data.json [--out FILE.json]

Job 1 from the pack with windows of 8x8 instead of 320x480: planning, order, slots and queues stay the same, the pixels
cost next to nothing. All CPU time that is left is counted as time under the lock, which is more than it truly is. 1
second over that is the number of images/s at which more threads stop helping.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import harness
from jobs import JOBS, Data
from peers import pixelwise_pack

SMALL = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data.json that race.py prepared")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    data = Data.load(args.data)
    pixelwise_pack.prepare(JOBS[1], data, "raw")
    job = replace(JOBS[1], height=SMALL, width=SMALL)
    epoch = pixelwise_pack.load(job, data, 1, "raw")
    microseconds = []
    for turn in range(args.rounds + 1):
        used, images = time.process_time(), 0
        for batch, _ in epoch():
            images += len(batch)
        if turn:
            microseconds.append(1e6 * (time.process_time() - used) / images)
    result = harness.summary(microseconds)
    print(f"{result} microseconds of CPU an image besides its pixels")
    print(f"at most {1e6 / result.median:,.0f} images/s before threads stop helping")
    if args.out:
        harness.write_json(args.out, "python", {"microseconds": result, "images_per_second": 1e6 / result.median})


if __name__ == "__main__":
    main()
