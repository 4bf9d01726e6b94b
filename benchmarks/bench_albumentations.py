"""The same augmentations by pixelwise and by Albumentations, on images in memory, in one process on one thread.

    python benchmarks/bench_albumentations.py [--root VOC2012] [--rounds 9] [--json FILE]

Needs `albumentations`. Both sides get decoded images and labels and make float32 (3, 320, 480) and uint8 labels, for
DeepLab 513 x 513. Albumentations runs with OpenCV on one thread and bilinear image, nearest label, as users write it;
the draws differ, so equality is checked where both do the same thing: a rotation by 30 degrees about the center.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import compare, write_json

import pixelwise as pw
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split
from pixelwise.loading.render import Renderer, Slot
from pixelwise.randomness import Draws
from pixelwise.transforms.plans import Transform, make_plans

BATCH = 32


def ours(split: Split, transforms: list[Transform], size: tuple[int, int]) -> Callable[[], Slot]:
    """A call that plans and renders the whole batch."""
    at = np.arange(len(split))
    slot = Slot(np.empty((len(split), 3, *size), np.float32), np.empty((len(split), *size), np.uint8))

    def call() -> Slot:
        plans = make_plans(transforms, split.sizes(at), Draws(0, 0, at).uniform, at, split)
        renderer = Renderer(plans, slot, "float32", 255)
        for k in range(len(split)):
            renderer.write(k, split.read(k, renderer.window(k)))
        return slot

    return call


def theirs(split: Split, steps: list[object], size: tuple[int, int]) -> Callable[[], Slot]:
    """A call that runs Albumentations on every sample and lays the results into a batch."""
    import albumentations

    transform = albumentations.Compose([*steps, albumentations.Normalize()])
    slot = Slot(np.empty((len(split), 3, *size), np.float32), np.empty((len(split), *size), np.uint8))

    def call() -> Slot:
        for k in range(len(split)):
            sample = split.read(k)
            done = transform(image=sample.image, mask=sample.label)
            slot.images[k] = done["image"].transpose(2, 0, 1)
            slot.labels[k] = done["mask"]
        return slot

    return call


def cases() -> dict[str, tuple[list[Transform], list[object], tuple[int, int]]]:
    """Name: our transforms, theirs, output size."""
    import albumentations as other

    crop, small = pw.RandomCrop(320, 480, pad_if_needed=True), (320, 480)
    pad = {"pad_if_needed": True, "fill": (124, 116, 104), "fill_mask": 255}
    edge = {"border_mode": 0, "fill": (124, 116, 104), "fill_mask": 255}
    jitter = other.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2), (-0.1, 0.1), p=1)
    scale = other.RandomScale((-0.5, 1.0), p=1)
    return {
        "rotate": (
            [pw.RandomRotation(30), crop, pw.Normalize()],
            [other.Rotate((-30, 30), p=1, **edge), other.RandomCrop(*small, **pad)],
            small,
        ),
        "affine": (
            [pw.RandomAffine(30, scale=(0.8, 1.25)), crop, pw.Normalize()],
            [other.Affine((0.8, 1.25), rotate=(-30, 30), p=1, **edge), other.RandomCrop(*small, **pad)],
            small,
        ),
        "DeepLab with jitter": (
            [
                pw.RandomScale((0.5, 2.0)),
                pw.RandomCrop(513, pad_if_needed=True),
                pw.RandomHorizontalFlip(),
                pw.ColorJitter(0.2, 0.2, 0.2, 0.1),
                pw.Normalize(),
            ],
            [scale, other.RandomCrop(513, 513, **pad), other.HorizontalFlip(p=0.5), jitter],
            (513, 513),
        ),
    }


def check_rotation(split: Split) -> None:
    """Both sides turn by the same angle: the labels must agree but for pixels on edges."""
    import albumentations as other

    k = int(np.argmin([abs(h - 375) + abs(w - 500) for h, w in split.sizes().tolist()]))
    one = split.select(np.array([k]))
    size = one[0].size
    a = ours(one, [pw.RandomRotation((-30, -30)), pw.Normalize()], size)().labels[0]
    best = 0.0
    for angle in (30, -30):  # the two libraries count the angle in opposite directions
        turn = other.Rotate((angle, angle), p=1, border_mode=0, fill_mask=255)
        best = max(best, float((theirs(one, [turn], size)().labels[0] == a).mean()))
    if best < 0.98:
        raise SystemExit(f"rotated labels agree on {best:.1%} of the pixels only: not the same work")
    print(f"rotated labels agree on {best:.2%} of the pixels")


def main() -> None:
    """Print CPU milliseconds a sample of both sides and their ratio."""
    import albumentations
    import cv2

    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("../shared/data/VOCdevkit/VOC2012"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(0)
    whole = pw.open(options.root)["train"]
    samples = [whole[i] for i in range(min(BATCH, len(whole)))]
    split = Split("memory", whole.classes, ArraySource([s.image for s in samples], [s.label for s in samples]))
    check_rotation(split)
    rows = {}
    print(f"{'':22} {'pixelwise':>10} {'albumentations':>15} {'ratio':>6}   CPU ms a sample, median")
    for name, (mine, steps, size) in cases().items():
        found = compare({"a": ours(split, mine, size), "b": theirs(split, steps, size)}, rounds=options.rounds)
        a, b = (found[k]["cpu"].median / len(split) * 1e3 for k in "ab")
        rows[name] = {"pixelwise_ms": a, "albumentations_ms": b, "ratio": b / a}
        print(f"{name:22} {a:10.3f} {b:15.3f} {b / a:6.1f}")
    if options.json:
        write_json(options.json, "bench_albumentations", rows, albumentations=albumentations.__version__)


if __name__ == "__main__":
    main()
