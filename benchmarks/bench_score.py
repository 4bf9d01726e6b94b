"""Scoring a validation set of VOC's size, 1,449 pairs of PNG files: pixelwise, torchmetrics, NumPy, in one run.

    python benchmarks/bench_score.py [VOC2012 root] [--pairs 1449] [--rounds 3] [--json FILE]

The pairs are the labeled images of a VOC tree (default: the sample dataset), repeated until there are enough; the
predictions are the truths moved by a few pixels, as palette PNGs. Two questions, every method in turns:

    whole   read both files of every pair, count, and give the mean IoU. The others read with Pillow, in a plain loop.
    update  count pairs that are in memory already.

All must agree on the mean IoU. Seconds are medians; the ratios are of CPU time, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_confusion import CLASSES, bincount
from harness import compare, write_json
from PIL import Image

import pixelwise as pw
from pixelwise.dataset.sources import FileSource
from pixelwise.evaluation.prediction_files import write_prediction
from pixelwise.evaluation.scoring import score


def paths_of(split: pw.Split) -> list[Path]:
    """The label files of a split."""
    source = split.source
    assert isinstance(source, FileSource)
    assert source.labels is not None
    return [Path(source.path(source.labels, i)) for i in range(len(source))]


def make_pairs(split: pw.Split, pairs: int, work: Path) -> tuple[pw.Split, list[Path], list[Path]]:
    """A split of `pairs` samples, their labels and predictions: files of `split` under new names."""
    truths, seen = paths_of(split), Path(work, "seen")
    for sample in split:
        assert sample.label is not None
        moved = np.roll(np.where(sample.label == 255, 0, sample.label), (3, 5), (0, 1))
        write_prediction(seen / f"{sample.name}.png", moved.astype(np.uint8), split.classes)
    folder = work / "predictions"
    folder.mkdir()
    names = [f"{i:05}" for i in range(pairs)]
    for i, name in enumerate(names):
        os.link(seen / f"{split.names[i % len(split)]}.png", folder / f"{name}.png")
    labels = [str(truths[i % len(split)]) for i in range(pairs)]
    root = os.path.commonpath(labels)
    relative = [os.path.relpath(p, root) for p in labels]
    source = FileSource(Path(root), names, split.classes, relative, relative)
    return pw.Split("val", split.classes, source), [Path(p) for p in labels], [folder / f"{n}.png" for n in names]


def read(path: Path) -> np.ndarray:
    """A palette PNG by Pillow."""
    with Image.open(path) as image:
        return np.array(image)


def miou(matrix: np.ndarray) -> float:
    """Mean IoU of the classes that occur."""
    hits = np.diagonal(matrix)
    union = matrix.sum(0) + matrix.sum(1) - hits
    return float((hits[union > 0] / union[union > 0]).mean())


def numpy_loop(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The common recipe."""
    matrix = np.zeros((CLASSES, CLASSES), np.int64)
    for prediction, truth in pairs:
        bincount(prediction, truth, matrix)
    return miou(matrix)


def torchmetrics_loop(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """MulticlassJaccardIndex as its documentation shows it."""
    import torch
    from torchmetrics.classification import MulticlassJaccardIndex

    metric = MulticlassJaccardIndex(CLASSES, ignore_index=255)
    for prediction, truth in pairs:
        metric.update(torch.from_numpy(prediction), torch.from_numpy(truth))
    return float(metric.compute())


def pixelwise_loop(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Confusion.update, image by image."""
    confusion = pw.Confusion(CLASSES, 255)
    for prediction, truth in pairs:
        confusion.update(prediction, truth)
    return confusion.scores("voc").miou


class Lazy(list):  # type: ignore[type-arg]
    """Pairs of paths that are read when they are iterated."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        return ((read(p), read(t)) for p, t in super().__iter__())


def table(title: str, jobs: dict[str, Callable[[], float]], rounds: int, count: int) -> dict[str, object]:
    """Run all in turns, check that they agree, print."""
    values = {name: job() for name, job in jobs.items()}
    assert np.ptp(list(values.values())) < 1e-6, values  # torchmetrics computes in float32
    found = compare(jobs, rounds=rounds, warmup=0)
    ours = next(iter(found.values()))["cpu"].median
    print(f"\n{title}, mean IoU {100 * next(iter(values.values())):.2f} %")
    print(f"{'':<30}{'elapsed s':>10}{'CPU s':>10}{'ms a pair':>11}{'CPU ratio':>11}")
    for name, times in found.items():
        wall, cpu = times["wall"].median, times["cpu"].median
        print(f"{name:<30}{wall:>10.2f}{cpu:>10.2f}{1000 * cpu / count:>11.3f}{cpu / ours:>10.1f}x")
    return {name: dict(times) for name, times in found.items()}


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path)
    parser.add_argument("--pairs", type=int, default=1449)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        root = options.root or pw.sample(work / "sample", count=200)
        split, truths, predictions = make_pairs(pw.open(root)["val"], options.pairs, work)
        files = Lazy(zip(predictions, truths, strict=True))
        whole: dict[str, Callable[[], float]] = {
            "pixelwise.score, 1 thread": lambda: score(work / "predictions", split, threads=1).scores.miou,
            "pixelwise.score": lambda: score(work / "predictions", split).scores.miou,
            "NumPy bincount + Pillow": lambda: numpy_loop(files),
        }
        held = list(files)[: min(options.pairs, 300)]
        update: dict[str, Callable[[], float]] = {
            "pixelwise.Confusion": lambda: pixelwise_loop(held),
            "NumPy bincount": lambda: numpy_loop(held),
        }
        try:
            import torch
            import torchmetrics  # noqa: F401

            torch.set_num_threads(1)  # its threads only wait for each other on images of this size
            whole["torchmetrics + Pillow"] = lambda: torchmetrics_loop(files)
            update["torchmetrics"] = lambda: torchmetrics_loop(held)
        except ImportError:
            print("torchmetrics is not installed")
        results = {
            "whole": table(f"whole: {options.pairs} pairs of files", whole, options.rounds, options.pairs),
            "update": table(f"update: {len(held)} pairs in memory", update, options.rounds, len(held)),
        }
    if options.json is not None:
        write_json(options.json, "score", results, pairs=options.pairs, rounds=options.rounds)


if __name__ == "__main__":
    main()
