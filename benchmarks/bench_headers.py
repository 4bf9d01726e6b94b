"""Header scans: how many image sizes a second a dataset learns from its files, with a warm page cache. Target 20,000.

    python benchmarks/bench_headers.py [--root VOC2012] [--copies 10] [--out FILE.json]

The training images are copied, so that there are enough of them; each round opens the dataset anew. Sizes remembered
between runs are kept from the first rows by a new folder for each round, and measured by the last.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import harness
import numpy as np
from race import find_root

import pixelwise as pw

TARGET = 20_000


def copies(root: Path, folder: Path, count: int) -> Path:
    """A VOC tree with every training image `count` times; labels are there, and are not read."""
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / name).mkdir(parents=True)
    names = (root / "ImageSets/Segmentation/train.txt").read_text().split()
    made = []
    for k in range(count):
        for name in names:
            shutil.copyfile(root / f"JPEGImages/{name}.jpg", folder / f"JPEGImages/{name}_{k}.jpg")
            shutil.copyfile(root / f"SegmentationClass/{name}.png", folder / f"SegmentationClass/{name}_{k}.png")
            made.append(f"{name}_{k}")
    (folder / "ImageSets/Segmentation/train.txt").write_text("".join(f"{name}\n" for name in made))
    return folder


def scan(root: Path) -> tuple[float, int]:
    """Seconds from opening the dataset to knowing all sizes, and how many."""
    began = time.perf_counter()
    sizes = pw.open(root)["train"].sizes()
    return time.perf_counter() - began, len(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rates, again = [], []
    with tempfile.TemporaryDirectory() as folder:
        root = copies(find_root(args.root, Path(folder)), Path(folder) / "0/VOC2012", args.copies)
        scan(root)  # compiled code, imports, page cache
        for turn in range(1, args.rounds + 1):
            moved = Path(folder) / f"{turn}/VOC2012"
            moved.parent.mkdir()
            root.rename(moved)
            root = moved
            seconds, count = scan(root)
            rates.append(count / seconds)
            seconds, _ = scan(root)
            again.append(count / seconds)
        check(root)
    results = {"first": harness.summary(rates), "again": harness.summary(again)}
    print(f"{count:,} images; first scan {results['first']} headers/s, the same dataset again {results['again']}")
    median = results["first"].median
    print(f"asked {TARGET:,}: {'met' if median >= TARGET else 'missed'}")
    if args.out:
        harness.write_json(args.out, "headers", results, images=count)


def check(root: Path, every: int = 97) -> None:
    """The sizes are those that Pillow reads."""
    from PIL import Image

    split = pw.open(root)["train"]
    for i in range(0, len(split), every):
        width, height = Image.open(root / f"JPEGImages/{split.names[i]}.jpg").size
        if not np.array_equal(split.sizes()[i], (height, width)):
            raise SystemExit(f"{split.names[i]}: size {split.sizes()[i]} instead of {(height, width)}")


if __name__ == "__main__":
    main()
