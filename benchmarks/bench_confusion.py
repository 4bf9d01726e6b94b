"""Counting pairs of VOC size (500 x 375 uint8, 21 classes): pixelwise, np.bincount, torchmetrics, one process; and what
boundary IoU, surface distances and iIoU cost beside the plain count.

    python benchmarks/bench_confusion.py [VOC2012 root]

Truth is real labels where a root is given, else drawn ellipses with void borders. Predictions are the truth moved by
a few pixels (what a good model looks like), with 10 % salt noise, and pure noise (the worst case of the run detector).
Prints microseconds a pair, elapsed and of CPU: medians of rounds in which all methods take turns. The ratios are of CPU
time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import ndimage

import pixelwise as pw
from pixelwise.metrics.confusion import Confusion

CLASSES, SIZE, PAIRS, ROUNDS = 21, (375, 500), 48, 9


def real_truths(root: Path) -> list[np.ndarray]:
    """Labels of exactly 375 x 500 from a VOC tree."""
    from PIL import Image

    out = []
    for path in sorted((root / "SegmentationClass").glob("*.png")):
        label = np.array(Image.open(path))
        if label.shape == SIZE:
            out.append(label)
        if len(out) == PAIRS:
            break
    return out


def drawn_truths() -> list[np.ndarray]:
    """Ellipses of a class, each with a void border of five pixels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    out = []
    for _ in range(PAIRS):
        label = np.zeros(SIZE, np.uint8)
        for _ in range(rng.integers(1, 4)):
            cy, cx = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1])
            ry, rx = rng.uniform(30, 150, 2)
            radius = np.hypot((y - cy) / ry, (x - cx) / rx)
            label[radius < 1 + 5 / min(ry, rx)] = 255
            label[radius < 1] = rng.integers(1, CLASSES)
        out.append(label)
    return out


def objects_of(label: np.ndarray) -> np.ndarray:
    """Numbers of the connected regions of each class but the background, uint8; 0 elsewhere."""
    out = np.zeros(SIZE, np.uint8)
    for c in np.unique(label[(label > 0) & (label < CLASSES)]):
        regions, _ = ndimage.label(label == c)
        out = np.where(regions > 0, regions + out.max(), out).astype(np.uint8)
    return out


def predictions(truths: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """The kinds of prediction, by name."""
    rng = np.random.default_rng(1)
    filled = [np.where(t == 255, 0, t).astype(np.uint8) for t in truths]
    noise = [rng.integers(0, CLASSES, SIZE).astype(np.uint8) for _ in truths]
    return {
        "moved": [np.roll(f, (3, 5), (0, 1)) for f in filled],
        "salt": [np.where(rng.random(SIZE) < 0.1, n, f) for f, n in zip(filled, noise, strict=True)],
        "noise": noise,
    }


def bincount(prediction: np.ndarray, truth: np.ndarray, out: np.ndarray) -> None:
    """The common NumPy recipe (FCN's fast_hist)."""
    known = truth < CLASSES
    joint = CLASSES * truth[known].astype(np.int64) + prediction[known]
    out += np.bincount(joint, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def methods(truths: list[np.ndarray], guesses: list[np.ndarray]) -> dict[str, Callable[[], None]]:
    """Each counts all pairs once."""
    pairs = list(zip(guesses, truths, strict=True))
    wide = [g.astype(np.int64) for g in guesses]
    ours, images, matrix = (
        Confusion(CLASSES),
        Confusion(CLASSES, per_image=True),
        np.zeros((CLASSES, CLASSES), np.int64),
    )
    triples = list(zip(guesses, truths, map(objects_of, truths), strict=True))
    scored = pw.InstanceConfusion(CLASSES)
    pool = ThreadPoolExecutor(2)

    def each(update: Callable[..., object]) -> Callable[[], None]:
        return lambda: [update(*pair) for pair in pairs] and None

    out: dict[str, Callable[[], None]] = {
        "pixelwise": each(ours.update),
        "pixelwise, per_image": each(images.update),
        "pixelwise, int64 ids": lambda: (
            [ours.update(g, t) for g, t in zip(wide, truths, strict=True)] and None
        ),
        "pixelwise, 2 threads": lambda: list(pool.map(lambda pair: ours.update(*pair), pairs)) and None,
        "boundary IoU": lambda: each(pw.BoundaryConfusion(CLASSES).update)(),
        "surface distances": lambda: each(pw.SurfaceConfusion(CLASSES).update)(),
        "iIoU": lambda: [scored.update(*pair) for pair in triples] and None,
        "np.bincount": each(lambda p, t: bincount(p, t, matrix)),
        "memory: copy both": each(lambda p, t: (p.copy(), t.copy())),
    }
    try:
        import torch
        from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex
    except ImportError:
        print("torchmetrics is not installed", file=sys.stderr)
        return out
    torch.set_num_threads(1)
    for name, metric in (
        ("torchmetrics, checked", MulticlassJaccardIndex(CLASSES, ignore_index=255)),
        (
            "torchmetrics, unchecked",
            MulticlassConfusionMatrix(CLASSES, ignore_index=255, validate_args=False),
        ),
    ):
        tensors = [(torch.from_numpy(p), torch.from_numpy(t)) for p, t in pairs]
        out[name] = lambda metric=metric, tensors=tensors: [metric.update(*pair) for pair in tensors] and None
    return out


def main() -> None:
    """Print the table."""
    truths = real_truths(Path(sys.argv[1])) if len(sys.argv) > 1 else drawn_truths()
    print(f"{len(truths)} pairs of {SIZE[0]} x {SIZE[1]}, median of {ROUNDS} rounds, microseconds a pair")
    for kind, guesses in predictions(truths).items():
        todo = methods(truths, guesses)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in todo}
        for turn in range(ROUNDS + 1):
            for name, run in todo.items():
                wall, cpu = time.perf_counter(), time.process_time()
                run()
                if turn:  # the first round compiles and warms
                    times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        middle = {name: np.median(found, axis=0) / len(truths) * 1e6 for name, found in times.items()}
        print(f"\n{kind:<26}  elapsed       CPU")
        for name, (wall, cpu) in middle.items():
            print(f"  {name:<24} {wall:8.1f}  {cpu:8.1f}  {cpu / middle['pixelwise'][1]:6.1f}x")


if __name__ == "__main__":
    main()
