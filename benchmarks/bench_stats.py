"""Statistics against decoding, and counting the classes of labels alone, against NumPy's bincount on Pillow's pixels.

    python benchmarks/bench_stats.py [--root VOC2012] [--rounds 7] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import harness
import numpy as np
from bench_check import decode
from PIL import Image
from race import find_root

from pixelwise.counts.per_sample import count_classes
from pixelwise.counts.stats import stats
from pixelwise.formats.opening import open as open_dataset


def plain(root: Path, names: list[str]) -> int:
    """Pixels of class 15 in these labels, by Pillow and NumPy on one thread."""
    total = np.zeros(256, np.int64)
    for name in names:
        with Image.open(root / f"SegmentationClass/{name}.png") as image:
            total += np.bincount(np.asarray(image).reshape(-1), minlength=256)
    return int(total[15])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = find_root(args.root, Path(folder))
        dataset = open_dataset(root)
        train = dataset["train"]
        pairs = decode(root, None)
        if plain(root, list(train.names)) != int(count_classes(train)[:, 15].sum()):
            raise SystemExit("the counts differ")
        times = harness.compare({
            "decoding": lambda: decode(root, None), "stats": lambda: stats(dataset),
            "count_classes": lambda: count_classes(train), "Pillow and NumPy": lambda: plain(root, list(train.names)),
        }, rounds=args.rounds)  # fmt: skip
    for name, both in times.items():
        count = pairs if name in ("decoding", "stats") else len(train)
        print(f"{name:17s} {count} samples: {both['wall'].scaled(1000 / count)} ms each, "
              f"CPU {both['cpu'].scaled(1000 / count)}")  # fmt: skip
    if args.out:
        harness.write_json(args.out, "stats", {"seconds": times, "pairs": pairs})


if __name__ == "__main__":
    main()
