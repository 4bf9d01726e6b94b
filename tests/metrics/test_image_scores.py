"""The scores of each image, and of the worst: against the statements of the authors' code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import ScoreError, UsageError
from pixelwise.metrics.confusion import Confusion

Pairs = list[tuple[np.ndarray, np.ndarray]]


def images(seed: int, classes: int, n: int = 23) -> Pairs:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        truth = np.repeat(rng.choice(classes, 3), 40)
        truth[:2] = rng.integers(0, classes)
        prediction = np.where(rng.random(120) < rng.random(), truth, rng.integers(0, classes, 120))
        out.append((prediction, np.where(rng.random(120) < 0.1, 255, truth)))
    out.append((np.zeros(120, int), np.full(120, 255)))  # all void
    return out


class AccuracyMetric:
    """valueI, valueC, reduceI and reduceC of JDTLosses, metrics/accuracy_metric.py, in NumPy."""

    def __init__(self, pairs: Pairs, num_classes: int, binary: bool) -> None:
        rows, active = [], []
        for pred, label in pairs:
            keep = label != 255
            if not keep.any():
                continue
            p, t = pred[keep][:, None] == np.arange(num_classes), label[keep][:, None] == np.arange(num_classes)
            rows.append([(p & t).sum(0), (p & ~t).sum(0), (~p & t).sum(0)])
            active.append((p | t).any(0) if binary else t.any(0))
        tp, fp, fn = np.moveaxis(np.array(rows), 1, 0)
        self.active_classes, self.binary = np.array(active), binary
        with np.errstate(invalid="ignore"):
            self.iou = tp / (tp + fp + fn)

    def reduce_i(self, q: float | None = None) -> float:
        values = np.where(self.active_classes, self.iou, 0)
        active_sum = self.active_classes.sum(axis=1)
        if self.binary:
            value = values[:, 1]
            value[active_sum < 2] = 1
        else:
            value = values.sum(axis=1) / active_sum
        n = len(value) if q is None else max(1, int(q / 100 * len(value)))
        return float(np.sort(value)[:n].mean())

    def reduce_c(self, q: float | None = None) -> float:
        values = np.where(self.active_classes, self.iou, 1e6)
        active_sum = self.active_classes.sum(axis=0)
        if q is not None:
            active_sum = np.maximum(1, (q / 100 * active_sum).astype(int))
        mask = np.arange(len(values))[:, None] < active_sum
        return float(((mask * np.sort(values, axis=0)).sum(axis=0) / active_sum).mean())


def counted(pairs: Pairs, classes: int) -> Confusion:
    confusion = Confusion(classes, per_image=True)
    for k, (prediction, truth) in enumerate(pairs):
        confusion.update(prediction, truth, f"image{k}")
    return confusion


@pytest.mark.parametrize("seed", range(6))
def test_fine_grained_and_worst(seed: int) -> None:
    pairs = images(seed, 4)
    official, ours = AccuracyMetric(pairs, 4, binary=False), pw.image_scores(counted(pairs, 4))
    assert ours.miou_images == pytest.approx(official.reduce_i(), abs=1e-14)
    assert ours.miou_classes == pytest.approx(official.reduce_c(), abs=1e-14)
    for q in (1, 5, 10, 33.3, 100):
        assert ours.worst_images(q) == pytest.approx(official.reduce_i(q), abs=1e-14)
        assert ours.worst_classes(q) == pytest.approx(official.reduce_c(q), abs=1e-14)
    shares = range(10, 110, 10)
    assert ours.worst_images() == pytest.approx(np.mean([official.reduce_i(q) for q in shares]), abs=1e-14)
    assert ours.worst_classes() == pytest.approx(np.mean([official.reduce_c(q) for q in shares]), abs=1e-14)
    scores = counted(pairs, 4)
    assert ours.miou_images == pytest.approx(scores.scores("per-image").miou, abs=1e-14)
    assert ours.miou_classes == pytest.approx(scores.scores("per-image-classes").miou, abs=1e-14)


@pytest.mark.parametrize("seed", range(6))
def test_the_binary_case(seed: int) -> None:
    """Background and one class: an image without it is right if nothing is predicted."""
    pairs = images(seed, 2)
    for k in (1, 3, 5):
        pairs[k][1][pairs[k][1] == 1] = 0  # no foreground in the truth
    pairs[3][0][:] = 0  # nor in the prediction
    official = AccuracyMetric(pairs, 2, binary=True)
    ours = pw.image_scores(counted(pairs, 2), absent="right", exclude_background=True)
    assert ours.miou_images == pytest.approx(official.reduce_i(), abs=1e-14)
    assert ours.worst_images(10) == pytest.approx(official.reduce_i(10), abs=1e-14)
    assert counted(pairs, 2).scores("per-image-foreground").miou == pytest.approx(official.reduce_i(), abs=1e-14)


def test_names_tables_and_rows() -> None:
    confusion = Confusion(3, class_names=("a", "b", "c"), per_image=True)
    confusion.update([0, 0, 1, 1], [0, 0, 0, 1], "first").update([0, 0], [255, 255], "void").update([2], [2], "last")
    found = pw.image_scores(confusion)
    assert found.names == ("first", "last")
    assert found.iou.tolist()[0][:2] == pytest.approx([2 / 3, 1 / 2])
    assert np.isnan(found.iou[0, 2])
    assert found.rows()[1] == {"name": "last", "mIoU": 100.0, "a": None, "b": None, "c": 100.0}
    assert "worst 5 %" in str(found)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["miou_images"] == pytest.approx((7 / 12 + 1) / 2)


@pytest.mark.parametrize("percent", [0, -1, 101, float("nan"), "5"])
def test_wrong_shares(percent: Any) -> None:
    found = pw.image_scores(Confusion(2, per_image=True).update([0], [0]))
    with pytest.raises(UsageError, match="percent must be above 0"):
        found.worst_images(percent)


def test_wrong_calls() -> None:
    with pytest.raises(UsageError, match="does not keep images"):
        pw.image_scores(Confusion(2).update([0], [0]))
    with pytest.raises(ScoreError, match="not void"):
        pw.image_scores(Confusion(2, per_image=True))
    with pytest.raises(UsageError, match="absent must be"):
        pw.image_scores(Confusion(2, per_image=True).update([0], [0]), absent="no")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no class is left"):
        pw.image_scores(Confusion(1, per_image=True).update([0], [0]), exclude_background=True)
