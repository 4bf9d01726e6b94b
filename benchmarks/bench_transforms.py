"""How long rendering takes, each kind of plan alone, against a memory fill of its output, in one process.

    python benchmarks/bench_transforms.py [--rounds 15]

32 images of 375 x 500 in memory become 320 x 480, as in job 3 of the race. Times are CPU milliseconds a sample of
one thread: the median over rounds, in which all cases take turns, so that a busy machine slows all alike. "floor" is
filling the output; bytes are those that must be read once and written once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import thread_time

import numpy as np

from pixelwise.loading.outputs import Output, image_array
from pixelwise.loading.render import Renderer, Slot
from pixelwise.randomness import Draws
from pixelwise.transforms.color import ColorJitter, Normalize, RandomGamma
from pixelwise.transforms.geometry import RandomCrop, RandomScale
from pixelwise.transforms.plans import Transform, make_plans
from pixelwise.transforms.turns import RandomAffine, RandomHorizontalFlip, RandomRotation

BATCH, SOURCE, TARGET = 32, (375, 500), (320, 480)
CROP = RandomCrop(TARGET, pad_if_needed=True)
SCALE, FLIP = RandomScale((0.5, 2.0)), RandomHorizontalFlip()
JITTER = ColorJitter(0.4, 0.4, 0.4, 0.1)
CASES: dict[str, tuple[list[Transform], Output]] = {
    "crop, flip": ([CROP, FLIP, Normalize()], "float32"),
    "crop, flip, jitter": ([CROP, FLIP, JITTER, Normalize()], "float32"),
    "scale, crop, flip (job 3)": ([SCALE, CROP, FLIP, Normalize()], "float32"),
    "job 3 with jitter": ([SCALE, CROP, FLIP, JITTER, Normalize()], "float32"),
    "job 3 with gamma": ([SCALE, CROP, FLIP, RandomGamma((0.7, 1.5)), Normalize()], "float32"),
    "job 3, float16": ([SCALE, CROP, FLIP, Normalize()], "float16"),
    "job 3, uint8": ([SCALE, CROP, FLIP], "uint8"),
    "job 3, uint8-hwc": ([SCALE, CROP, FLIP], "uint8-hwc"),
    "enlarge 2": ([RandomScale((2, 2)), CROP, Normalize()], "float32"),
    "shrink 2": ([RandomScale((0.5, 0.5)), CROP, Normalize()], "float32"),
    "rotate": ([RandomRotation(30), CROP, Normalize()], "float32"),
    "affine, scale 0.5 to 2": ([RandomAffine(30, scale=(0.5, 2.0)), CROP, Normalize()], "float32"),
}


def case(transforms: list[Transform], output: Output) -> tuple[Callable[[], None], Callable[[], None], int]:
    """What renders a batch, what fills its memory, and the bytes a sample that must move."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, *SOURCE, 3), np.uint8)
    labels = rng.integers(0, 21, (BATCH, *SOURCE), np.uint8)
    plans = make_plans(transforms, np.tile(np.array(SOURCE), (BATCH, 1)), Draws(0, 0, np.arange(BATCH)).uniform)
    images_out = image_array(output, BATCH, *TARGET, np.zeros)
    slot = Slot(images_out, np.zeros((BATCH, *TARGET), np.uint8))
    renderer = Renderer(plans, slot, output, 255)
    at = np.arange(BATCH)
    where = images.ctypes.data + at * images[0].nbytes, labels.ctypes.data + at * labels[0].nbytes
    windows = [renderer.window(k) for k in range(BATCH)]
    read = sum(4 * (y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in windows) // BATCH

    def render() -> None:
        renderer.write_mapped(0, BATCH, *where)
        assert images is not None  # the memory behind the addresses
        assert labels is not None

    def fill() -> None:
        slot.images.fill(1)
        slot.labels.fill(1)

    return render, fill, read + slot.images[0].nbytes + slot.labels[0].nbytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="also write the numbers here")
    options = parser.parse_args()
    cases = {name: case(*what) for name, what in CASES.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(options.rounds + 1):
        for name, (render, fill, _) in cases.items():
            spent = []
            for work in (render, fill):
                start = thread_time()
                work()
                spent.append((thread_time() - start) / BATCH * 1e3)
            times[name].append((spent[0], spent[1]))
    planning = []
    for _ in range(50):
        start = thread_time()
        sizes, at = np.tile(np.array(SOURCE), (BATCH, 1)), np.arange(BATCH)
        make_plans(CASES["job 3 with jitter"][0], sizes, Draws(0, 0, at).uniform)
        planning.append((thread_time() - start) / BATCH * 1e6)
    rows = []
    print(f"{'':28} {'ms':>7} {'floor':>7} {'ratio':>6} {'MB':>6} {'images/s and core':>18}")
    for name, spent in times.items():
        ms, floor = (median(v) for v in zip(*spent[1:], strict=True))  # the first round compiles
        rows.append({"case": name, "ms": ms, "floor_ms": floor, "bytes": cases[name][2]})
        print(f"{name:28} {ms:7.3f} {floor:7.3f} {ms / floor:6.1f} {cases[name][2] / 1e6:6.2f} {1e3 / ms:18.0f}")
    print(f"planning job 3 with jitter: {median(planning):.1f} us a sample")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rows": rows, "planning_us": median(planning)}, file, indent=1)


if __name__ == "__main__":
    main()
