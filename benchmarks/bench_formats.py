"""What coding costs on top of decoding: colors to class ids, polygons to labels, opening and converting.

    python benchmarks/bench_formats.py [--out FILE.json]

Target: labels in the 32 colors of CamVid, 960x720, as class ids within 1.5 times the PNG decode alone. The labels
are CamVid's own where the shared data is here, else drawn with as many regions. Colors and pycocotools' polygons are
read by pixelwise and by NumPy or pycocotools in turns in one process, so that ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np

from pixelwise.classes import ClassTable
from pixelwise.codecs.decoding import decode_stored
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.sources import Decoding
from pixelwise.formats.class_tables import table
from pixelwise.formats.rasterize import Canvas, Shape

CAMVID = Path(__file__).resolve().parents[2] / "shared/data/formats/camvid_rgb"
SIZE = (720, 960)


def color_labels(classes: ClassTable, count: int = 12) -> list[bytes]:
    """RGB PNGs: CamVid's own, or made of 200 boxes of all colors."""
    found = [p.read_bytes() for p in sorted(CAMVID.glob("*_labels/*.png"))] if CAMVID.is_dir() else []
    rng = np.random.default_rng(0)
    colors = np.array(list(classes.color_ids), np.uint8)
    for _ in range(0 if found else count):
        pixels = np.zeros((*SIZE, 3), np.uint8)
        for y, x, h, w in rng.integers(0, (600, 800, 160, 200), (200, 4)):
            pixels[y : y + h, x : x + w] = colors[rng.integers(len(colors))]
        found.append(encode_png(pixels))
    return found


def by_masks(classes: ClassTable) -> Callable[[bytes], Any]:
    """The usual loop over classes: compare the whole image with each color."""
    pairs = list(classes.color_ids.items())

    def read(data: bytes) -> Any:
        pixels = decode_stored(data, "label.png").pixels
        out = np.zeros(pixels.shape[:2], np.uint8)
        for color, index in pairs:
            out[(pixels == color).all(axis=2)] = index
        return out

    return read


def polygons(count: int = 20, points: int = 40) -> list[Any]:
    """Star-shaped polygons of 40 points, 20 to 300 pixels across."""
    rng = np.random.default_rng(1)
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    out = []
    for _ in range(count):
        radius = rng.uniform(10, 150) * rng.uniform(0.5, 1, points)
        center = rng.uniform(0, 1, 2) * (640, 480)
        out.append(np.stack([center[0] + radius * np.cos(turn), center[1] + radius * np.sin(turn)], axis=1))
    return out


def draw_ours(shapes: list[Any], classes: ClassTable) -> Callable[[], Any]:
    def draw() -> Any:
        canvas = Canvas((480, 640), classes, 0)
        for k, points in enumerate(shapes):
            canvas.add(Shape(1, k + 1, (points,)), "benchmark")
        return canvas.label

    return draw


def draw_coco(shapes: list[Any]) -> Callable[[], Any] | None:
    try:
        from pycocotools import mask
    except ImportError:
        return None
    flat = [p.reshape(-1).tolist() for p in shapes]

    def draw() -> Any:
        label = np.zeros((480, 640), np.uint8)
        for points in flat:
            label[mask.decode(mask.merge(mask.frPyObjects([points], 480, 640))) > 0] = 1
        return label

    return draw


def race(title: str, candidates: dict[str, Callable[[], Any]], rounds: int, unit: float) -> dict[str, harness.Summary]:
    """Milliseconds of each candidate over `unit` items, printed with the ratio to the first."""
    times = harness.compare(candidates, rounds=rounds)
    result = {name: t["wall"].scaled(1000 / unit) for name, t in times.items()}
    first = next(iter(result.values())).median
    print(title)
    for name, milliseconds in result.items():
        print(f"  {name:40s} {milliseconds} ms, x{milliseconds.median / first:.2f}")
    return result


def over(read: Callable[[bytes], Any], files: list[bytes]) -> Callable[[], None]:
    def run() -> None:
        for data in files:
            read(data)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    classes = table("camvid")
    files = color_labels(classes)
    reference = by_masks(classes)(files[0])
    assert np.array_equal(Decoding().label(files[0], classes, "label.png"), reference)
    results = {
        "colors": race(f"labels in {len(classes.color_ids)} colors, 960x720, a label", {
            "PNG decode alone": over(lambda d: decode_stored(d, "label.png"), files),
            "class ids": over(lambda d: Decoding().label(d, classes, "label.png"), files),
        }, args.rounds, len(files)),
        "masks": race("the same by NumPy, one label", {
            "class ids": over(lambda d: Decoding().label(d, classes, "label.png"), files[:1]),
            "a comparison for each class": over(by_masks(classes), files[:1]),
        }, 3, 1),
    }  # fmt: skip
    shapes, two = polygons(), ClassTable(("background", "thing"))
    candidates: dict[str, Callable[[], Any]] = {"pixelwise": draw_ours(shapes, two)}
    if (coco := draw_coco(shapes)) is not None:
        assert np.array_equal(coco(), candidates["pixelwise"]())
        candidates["pycocotools"] = coco
    results["polygons"] = race("20 polygons of 40 points, 640x480, a label", candidates, args.rounds, 1)
    ratio = results["colors"]["class ids"].median / results["colors"]["PNG decode alone"].median
    print(f"colors: x{ratio:.2f} of the PNG decode, target x1.50: {'met' if ratio <= 1.5 else 'MISSED'}")
    if args.out:
        harness.write_json(args.out, "formats", {"milliseconds": results, "colors_to_png": ratio})


if __name__ == "__main__":
    main()
