"""What a job cannot do without: fill the output, read the bytes, decode them, copy a window. CPU and wall
milliseconds an image, on as many threads as the race uses.

    python benchmarks/floor.py --job 1 --data WORK/real/data.json --threads 2
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import harness
import numpy as np
import simplejpeg
from jobs import JOBS, Data, Job
from zlib_ng import zlib_ng

PASSES = 5
WINDOWS = 512  # source windows that the copies walk through; 160 MB at 320x480, more than any cache


def spread(threads: int, work: Callable[[int], object], count: int) -> tuple[float, float]:
    """(wall, CPU) seconds of `work(i)` for i in 0..count-1, divided over threads; each thread takes whole
    runs."""
    parts = [range(t, count, threads) for t in range(threads)]
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(lambda part=part: [work(i) for i in part]) for part in parts]:
            done.result()
    return time.perf_counter() - wall, time.process_time() - cpu


def fill_output(job: Job) -> Callable[[int], object]:
    """memset of one image's place in batch memory that is used again (four batches in turn)."""
    image = job.height * job.width * 3 * np.dtype(job.dtype).itemsize
    label = job.height * job.width
    batches = [np.zeros(job.batch * (image + label), np.uint8) for _ in range(4)]
    places = itertools.cycle([b.ctypes.data + k * (image + label) for b in batches for k in range(job.batch)])
    return lambda _: ctypes.memset(next(places), 1, image + label)


def copy_window(job: Job) -> Callable[[int], object]:
    """The window of a raw image and label, row by row, into memory that is used again: what uint8 output
    costs."""
    height, width = (1024, 2048) if job.height > 400 else (375, 500)
    count = max(2, WINDOWS * 375 * 500 // (height * width))
    images = np.ones((count, height, width, 3), np.uint8)
    labels = np.ones((count, height, width), np.uint8)
    out = np.zeros((4 * job.batch, job.height, job.width, 3), np.uint8)
    out_labels = np.zeros((4 * job.batch, job.height, job.width), np.uint8)
    draw = random.Random(0)
    starts = [(draw.randrange(height - job.height), draw.randrange(width - job.width)) for _ in range(count)]

    def work(i: int) -> None:
        y, x = starts[i % count]
        window = (i % count, slice(y, y + job.height), slice(x, x + job.width))
        np.copyto(out[i % len(out)], images[window])
        np.copyto(out_labels[i % len(out)], labels[window])

    return work


def read_file(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def inflate(stored: bytes) -> bytes:
    """Only zlib-ng's work on a PNG: its IDAT chunks joined and inflated, no check, no filter undone."""
    at, parts = 8, []
    while at < len(stored):
        length = int.from_bytes(stored[at : at + 4], "big")
        if stored[at + 4 : at + 8] == b"IDAT":
            parts.append(stored[at + 8 : at + 8 + length])
        at += 12 + length
    width, height = (int.from_bytes(stored[k : k + 4], "big") for k in (16, 20))
    return zlib_ng.decompress(b"".join(parts), bufsize=height * (width + 1) + 64)


def floors_of(job: Job, data: Data) -> tuple[dict[str, tuple[Callable[[int], object], int]], dict[str, int]]:
    """{name: (work on image i, number of images)} and the bytes an image."""
    from pixelwise.classes import VOC
    from pixelwise.dataset.sources import Decoding

    images, labels = data.images(), data.labels()
    jpegs: Sequence[bytes] = [read_file(p) for p in images]
    pngs: Sequence[bytes] = [read_file(p) for p in labels]
    count, area = len(images), job.height * job.width
    works: dict[str, tuple[Callable[[int], object], int]] = {
        "fill the output": (fill_output(job), 40 * job.batch),
        "copy the window": (copy_window(job), 40 * job.batch),
        "read the files (page cache)": (lambda i: (read_file(images[i]), read_file(labels[i])), count),
        "inflate the PNG (zlib-ng)": (lambda i: inflate(pngs[i]), count),
        "decode the PNG (pixelwise)": (lambda i: Decoding().label(pngs[i], VOC, labels[i]), count),
        "decode the JPEG (simplejpeg)": (lambda i: simplejpeg.decode_jpeg(jpegs[i], "RGB"), count),
    }
    moved = {
        "read_files": sum(map(len, jpegs)) // count + sum(map(len, pngs)) // count,
        "read_window": 4 * area,
        "written": area * (3 * np.dtype(job.dtype).itemsize + 1),
    }
    return works, moved


def measure(job: Job, data: Data, threads: int, passes: int = PASSES) -> dict[str, Any]:
    """{"threads", "bytes", "floors": {name: {"cpu_ms", "wall_ms"}}}: medians of passes in turns."""
    works, moved = floors_of(job, data)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for turn in range(passes + 1):
        for name, (work, count) in works.items():
            wall, cpu = spread(threads, work, count)
            if turn:
                found[name].append((1000 * wall / count, 1000 * cpu / count))
    floors = {
        name: {
            "wall_ms": harness.summary(w for w, _ in runs).median,
            "cpu_ms": harness.summary(c for _, c in runs).median,
        }
        for name, runs in found.items()
    }
    return {"threads": threads, "bytes": moved, "floors": floors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", type=int, choices=JOBS, default=1)
    parser.add_argument("--data", required=True, help="data.json that race.py prepared")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passes", type=int, default=PASSES)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(JOBS[args.job], Data.load(args.data), args.threads, args.passes)
    if args.json:
        json.dump(result, sys.stdout)
        return
    for name, value in result["floors"].items():
        print(f"{name:32s} {value['cpu_ms']:7.3f} CPU ms/image   {1000 / value['wall_ms']:9,.0f} images/s")


if __name__ == "__main__":
    main()
