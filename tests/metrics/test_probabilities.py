"""Scores of probabilities: against scikit-learn and torchmetrics, and against masks at each threshold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import LabelError, ScoreError, UsageError


def soft(seed: int, classes: int, size: tuple[int, int] = (40, 50)) -> tuple[np.ndarray, np.ndarray]:
    """(C, H, W) float16 probabilities that often fit the truth, and the truth with void."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, size)
    logits = rng.normal(size=(classes, *size)) + 1.5 * (truth == np.arange(classes)[:, None, None])
    weights = np.exp(logits - logits.max(axis=0))
    return (weights / weights.sum(axis=0)).astype(np.float16), np.where(rng.random(size) < 0.1, 255, truth)


@pytest.mark.parametrize("seed", range(3))
def test_curves_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    counts, pairs = pw.ProbabilityCounts(4), [soft(10 * seed + k, 4) for k in range(3)]
    for p, t in pairs:
        counts.update(p, t)
    for c in range(4):
        truth = np.concatenate([(t == c)[t != 255] for _, t in pairs])
        values = np.concatenate([p[c][t != 255] for p, t in pairs]).astype(np.float64)
        precision, recall, thresholds = metrics.precision_recall_curve(truth, values)
        curve = counts.curve(c)
        assert np.array_equal(curve.precision, precision[:-1])
        assert np.array_equal(curve.recall, recall[:-1])
        assert (curve.thresholds < thresholds).all()
        area = metrics.average_precision_score(truth, values)
        assert curve.average_precision == pytest.approx(area, abs=1e-13)


def test_every_threshold_is_the_mask_above_it() -> None:
    counts = pw.ProbabilityCounts(2)
    p, t = soft(1, 2)
    counts.update(p[1:], t)
    known = t != 255
    for threshold in (-1, 0, 0.25, 0.5, 0.7351, 0.99, 1, 2):
        found = counts.at(threshold)
        mask, truth = (p[1].astype(np.float64) > threshold)[known], (t == 1)[known]
        assert found.iou[1] == pytest.approx((mask & truth).sum() / (mask | truth).sum())
        assert found.dice[1] == pytest.approx(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    curve = counts.curve(1)
    for k in (0, 5, len(curve.thresholds) // 2, -1):
        assert counts.at(float(curve.thresholds[k])).iou[1] == pytest.approx(curve.iou[k])
    best = counts.best()
    assert best.dice[1] == curve.dice.max()
    plain = pw.Confusion(2, threshold=float(best.thresholds[1])).update(p[1:], t)
    assert plain.scores().iou[1] == pytest.approx(best.iou[1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("bins", [10, 15])
def test_calibration_is_that_of_torchmetrics(classes: int, bins: int) -> None:
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    p, t = soft(classes, classes)
    found = pw.ProbabilityCounts(classes).update(p, t).calibration(bins)
    known = t != 255
    flat = torch.from_numpy(p.astype(np.float32)[:, known].T.copy())
    truth = torch.from_numpy(t[known])
    for norm, ours in (("l1", found.ece), ("max", found.mce)):
        metric = classification.MulticlassCalibrationError(classes, n_bins=bins, norm=norm)
        assert ours == pytest.approx(float(metric(flat, truth)), abs=2e-6)
    assert found.pixels.sum() == known.sum()
    assert "ECE" in str(found)


def test_one_plane_is_two_classes() -> None:
    rng = np.random.default_rng(0)
    p = (rng.integers(0, 257, (20, 30)) / 256).astype(np.float16)  # whose complements are exact
    t = rng.integers(0, 2, (20, 30))
    one = pw.ProbabilityCounts(2).update(p, t)
    two = pw.ProbabilityCounts(2).update(np.stack([1 - p, p]), t)
    assert one == two
    assert one.calibration().ece == two.calibration().ece


def test_masks_that_overlap() -> None:
    rng = np.random.default_rng(3)
    truth, p = rng.random((3, 20, 30)) < 0.4, rng.random((3, 20, 30)).astype(np.float16)
    counts = pw.ProbabilityCounts(3).update(p, truth)
    found = counts.at([0.5, 0.2, 0.7])
    masks = p > np.array([0.5, 0.2, 0.7])[:, None, None]
    ious = [(m & t).sum() / (m | t).sum() for m, t in zip(masks, truth, strict=True)]
    assert found.iou.tolist() == pytest.approx(ious)
    assert found.miou == pytest.approx(found.iou.mean())
    assert pw.ProbabilityCounts(3).update(masks, truth).at(0.5).iou.tolist() == pytest.approx(found.iou.tolist())
    with pytest.raises(ScoreError, match="no pixel has one predicted class"):
        counts.calibration()


def test_probability_counts_merge_and_are_saved(tmp_path: Path) -> None:
    pairs = [soft(k, 3) for k in range(3)]
    whole, parts = pw.ProbabilityCounts(3), [pw.ProbabilityCounts(3).update(*pair) for pair in pairs]
    for pair in pairs:
        whole.update(*pair)
    assert parts[2] + parts[0] + parts[1] == whole
    assert pw.ProbabilityCounts.load(whole.save(tmp_path / "counts.json")) == whole
    json.dumps(whole.curve(0).to_dict(), allow_nan=False)


ONE, TRUTH = np.full((2, 2, 3), 0.5), np.zeros((2, 3), int)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: c.update(ONE[..., :2], TRUTH), "truth is"),
        (lambda c: c.update(np.concatenate([ONE, ONE]), TRUTH), "must be"),
        (lambda c: c.update(ONE + 3, TRUTH), "expected 0..1"),
        (lambda c: c.update(ONE - 3, TRUTH), "expected 0..1"),
        (lambda c: c.update(ONE * np.nan, TRUTH), "expected 0..1"),
        (lambda c: c.update(ONE, TRUTH + 7), "truth value 7"),
        (lambda c: c.update(ONE, np.full((2, 2, 3), 2)), "masks must be bool"),
        (lambda c: c.at([0.5] * 3), "threshold must be"),
        (lambda c: c.curve("dog"), "the class must be"),
        (lambda c: c.__iadd__(pw.ProbabilityCounts(3)), "different classes"),
    ],
)
def test_wrong_probabilities(call: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError, LabelError), match=says):
        call(pw.ProbabilityCounts(2))


# -- thresholds in a confusion ----------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.5, -1.25])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_confusion_with_a_threshold(threshold: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    values, truth = rng.normal(size=(3, 1, 20, 30)).astype(dtype), rng.integers(0, 2, (3, 20, 30))
    values[0, 0, 0, :5] = threshold  # what is equal is not above
    expected = pw.Confusion(2, threshold=threshold).update((values[:, 0] > threshold).astype(int), truth)
    for given in (values, values[:, 0]):
        assert pw.Confusion(2, threshold=threshold).update(given, truth) == expected
    single = pw.Confusion(2, threshold=threshold)
    for v, t in zip(values, truth, strict=True):
        single.update(v, t)
    assert single == expected
    assert pw.Confusion.from_dict(expected.to_dict()) == expected
    foreground = expected.scores()
    assert foreground.foreground_iou == foreground.iou[1]
    assert foreground.foreground_dice == foreground.dice[1]
    assert foreground.to_dict()["foreground_dice"] == foreground.dice[1]
    assert pw.Confusion(3).update([0], [0]).scores().foreground_iou is None


def test_wrong_thresholds() -> None:
    with pytest.raises(UsageError, match="threshold is for two classes"):
        pw.Confusion(3, threshold=0.5)
    with pytest.raises(UsageError, match="threshold must be a number"):
        pw.Confusion(2, threshold=float("nan"))
    with pytest.raises(UsageError, match="threshold=") as error:
        pw.Confusion(2).update(np.zeros((1, 2, 3), np.float32), TRUTH)
    assert error.value.code == "one-channel"
    with pytest.raises(ScoreError, match="NaN at x=1, y=0"):
        pw.Confusion(2, threshold=0.5).update(np.array([[[0, np.nan, 0], [0, 0, 0]]]), TRUTH)
    with pytest.raises(UsageError, match="confusions that differ: threshold"):
        pw.Confusion(2, threshold=0.5).__iadd__(pw.Confusion(2))
    with pytest.raises(UsageError, match="one channel"):
        pw.Confusion(2, threshold=0.5).update(np.zeros((2, 2, 3), np.float32), TRUTH)
