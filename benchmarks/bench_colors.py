"""Colors to class ids: ClassTable.encode against the textbook chapter's table of 16,777,216 entries, on a 375x500
label (a real one where the shared data is here). Target: at least 5 times as fast.

    python benchmarks/bench_colors.py [--out FILE.json]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import harness
import numpy as np
from numpy.typing import NDArray

from pixelwise.classes import VOC

SHARED = Path(__file__).resolve().parents[2] / "shared/data/VOCdevkit/VOC2012/SegmentationClass"
TARGET = 5.0


def chapter_table() -> NDArray[np.int64]:
    """The chapter's colormap2label: class of every 24-bit color, 0 for unknown ones. 134 MB."""
    table = np.zeros(256**3, np.int64)
    for index, (r, g, b) in enumerate(VOC.colors.astype(np.int64)):
        table[(r * 256 + g) * 256 + b] = index
    return table


def chapter_lookup(label: NDArray[np.uint8], table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The chapter's voc_label_indices."""
    colors = label.astype(np.int32)
    return table[(colors[:, :, 0] * 256 + colors[:, :, 1]) * 256 + colors[:, :, 2]]


def labels(count: int = 20) -> list[NDArray[np.uint8]]:
    """RGB labels of 375x500: real ones, or blobs of classes with void borders."""
    from PIL import Image

    if SHARED.is_dir():
        found = [np.asarray(Image.open(p).convert("RGB")) for p in sorted(SHARED.glob("*.png"))]
        return [label for label in found if label.shape == (375, 500, 3)][:count]
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        label = np.zeros((375, 500), np.int64)
        for _ in range(4):
            y, x, size = rng.integers(0, 300), rng.integers(0, 400), rng.integers(40, 200)
            label[y : y + size, x : x + size] = 255
            label[y + 3 : y + size - 3, x + 3 : x + size - 3] = rng.integers(1, 21)
        made.append(VOC.palette[label])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    sheets, table = labels(), chapter_table()
    for label in sheets:  # same classes, the chapter's void being background
        ours = VOC.encode(label)
        if not np.array_equal(np.where(ours == VOC.ignore_index, 0, ours), chapter_lookup(label, table)):
            raise SystemExit("ClassTable.encode and the chapter's lookup differ")
    times = harness.compare(
        {
            "ClassTable.encode": lambda: [VOC.encode(label) for label in sheets],
            "chapter, table of 16,777,216": lambda: [chapter_lookup(label, table) for label in sheets],
        },
        rounds=9,
    )
    results: dict[str, Any] = {name: t["wall"].scaled(1000 / len(sheets)) for name, t in times.items()}
    for name, milliseconds in results.items():
        print(f"{name:32s} {milliseconds} ms a label of 375x500")
    ours, theirs = results.values()
    ratio = theirs.median / ours.median
    print(f"ratio {ratio:.1f}, asked {TARGET:.0f}: {'met' if ratio >= TARGET else 'missed'}")
    if args.out:
        harness.write_json(args.out, "colors", {"milliseconds": results, "ratio": ratio})


if __name__ == "__main__":
    main()
