"""How often intervals hold the truth: simulated, with a seed. docs/scores.md has the numbers of `table`.

A population of images is fixed; samples of it are drawn with replacement, and the interval of each is held against the
score of the population. Run this file to print the table: `python tests/metrics/test_coverage.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from pixelwise.metrics.bootstrap import bootstrap, paired_bootstrap
from pixelwise.metrics.confusion import Confusion

PIXELS = 10_000


def population(kind: str, seed: int, images: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Two models on the same images: (N, C, C) pixels each, truth by prediction.

    "balanced": each of 19 classes in 60 % of the images. "rare": 21 classes, a background in all images, others from
    30 % down to two images, some objects given another class. "noise": the same, and 1 % of the pixels are predicted as
    any class, so that every class is predicted in nearly every image.
    """
    rng = np.random.default_rng(seed)
    classes = 19 if kind == "balanced" else 21
    shares = np.full(classes, 0.6) if kind == "balanced" else np.r_[1.0, np.geomspace(0.3, 2.5 / images, classes - 1)]
    models = np.zeros((2, images, classes, classes), np.int64)
    for i in range(images):
        shown = np.flatnonzero(rng.random(classes) < shares)
        if not len(shown):
            shown = np.array([0])
        truth = rng.multinomial(PIXELS, rng.dirichlet(np.ones(len(shown))))
        skill = rng.beta(6, 2, len(shown))
        swapped = rng.random(len(shown)) < 0.15
        other = np.where(swapped, rng.integers(0, classes, len(shown)), rng.choice(shown, len(shown)))
        for m, better in enumerate((0.0, 0.1)):
            found = rng.binomial(truth, skill + better * (1 - skill))
            for k, c in enumerate(shown):
                models[m, i, c, c] += found[k]
                models[m, i, c, other[k]] += truth[k] - found[k]
                if kind == "noise":
                    moved = rng.binomial(models[m, i, c, c], 0.01)
                    models[m, i, c, c] -= moved
                    models[m, i, c] += rng.multinomial(moved, np.full(classes, 1 / classes))
    return models[0], models[1]


def totals_of(matrices: np.ndarray) -> np.ndarray:
    """(N, 4, C) totals of images."""
    agreed = np.diagonal(matrices, axis1=1, axis2=2)
    return np.stack([agreed, matrices.sum(axis=2), matrices.sum(axis=1), np.zeros_like(agreed)], axis=1)


def confusion_of(matrices: np.ndarray, names: list[str]) -> Confusion:
    """A Confusion that has counted these images."""
    classes = matrices.shape[1]
    out = Confusion(classes, per_image=True)
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    counts[:classes, :classes] = matrices.sum(axis=0)
    out._add(counts, list(totals_of(matrices)), names, int(counts.sum()))
    return out


def true_scores(matrices: np.ndarray, rule: str) -> tuple[float, float]:
    found = confusion_of(matrices, [str(i) for i in range(len(matrices))]).scores(rule)
    return found.miou, found.pixel_accuracy


def coverage(kind: str, n: int, trials: int, rule: str, method: Any, resamples: int = 300) -> dict[str, float]:
    """Share of trials whose 95 % interval holds the population's value; "marked": of mIoU intervals that are marked."""
    first, second = population(kind, 7)
    one, two = true_scores(first, rule), true_scores(second, rule)
    names, rng = [f"{i:05}" for i in range(n)], np.random.default_rng(1)
    hits: dict[str, list[bool]] = {"mIoU": [], "pixel accuracy": [], "difference": [], "marked": []}
    for trial in range(trials):
        drawn = rng.integers(0, len(first), n)
        a, b = (confusion_of(m[drawn], names) for m in (first, second))
        options: Any = {"resamples": resamples, "seed": trial, "method": method}
        alone, both = bootstrap(a, rule, **options), paired_bootstrap(a, b, rule, **options)
        hits["mIoU"].append(alone.miou.low <= one[0] <= alone.miou.high)
        hits["pixel accuracy"].append(alone.pixel_accuracy.low <= one[1] <= alone.pixel_accuracy.high)
        hits["difference"].append(both.miou.low <= two[0] - one[0] <= both.miou.high)
        hits["marked"].append(not alone.miou_holds)
    return {name: float(np.mean(found)) for name, found in hits.items()}


def test_unmarked_intervals_hold_about_as_often_as_they_say() -> None:
    """95 % intervals, 120 trials: a share of 0.95 has a standard error of 0.02."""
    found = coverage("balanced", 100, 120, "mmseg", "percentile", resamples=200)
    assert found["marked"] == 0
    assert 0.88 <= found["mIoU"] <= 1
    assert 0.88 <= found["pixel accuracy"] <= 1
    assert 0.88 <= found["difference"] <= 1


def test_per_image_intervals_hold_where_classes_are_rare() -> None:
    found = coverage("noise", 100, 120, "per-image", "percentile", resamples=200)
    assert found["marked"] == 0
    assert 0.88 <= found["mIoU"] <= 1
    assert 0.88 <= found["difference"] <= 1


def test_the_mean_over_rare_classes_is_marked() -> None:
    found = coverage("noise", 50, 40, "mmseg", "percentile", resamples=200)
    assert found["marked"] == 1
    assert found["mIoU"] < 0.85, "if it held, it would not have to be marked"


def test_bca_of_a_mean_is_that_of_scipy() -> None:
    first, _ = population("rare", 3, 60)
    confusion = confusion_of(first, [f"{i:05}" for i in range(60)])
    ours = bootstrap(confusion, "per-image", resamples=20_000, method="bca").pixel_accuracy
    values = (np.trace(first, axis1=1, axis2=2) / PIXELS,)
    theirs = stats.bootstrap(values, np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0))
    plain = bootstrap(confusion, "per-image", resamples=20_000).pixel_accuracy
    width = plain.high - plain.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.02 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.02 * width)
    assert ours.low != plain.low


def test_bca_is_nearly_the_plain_interval_of_symmetric_values() -> None:
    half = np.random.default_rng(0).integers(200, 500, 20)
    agreed = np.r_[500 - half, 500 + half]
    matrices = np.zeros((40, 2, 2), np.int64)
    matrices[:, 0, 0], matrices[:, 0, 1] = agreed, 1000 - agreed
    confusion = confusion_of(matrices, [f"{i:05}" for i in range(40)])
    plain = bootstrap(confusion, "per-image", resamples=4000).pixel_accuracy
    bca = bootstrap(confusion, "per-image", resamples=4000, method="bca").pixel_accuracy
    assert bca.low == pytest.approx(plain.low, abs=0.05 * (plain.high - plain.low))


def test_the_mark_is_in_the_table() -> None:
    first, second = population("noise", 3, 60)
    names = [f"{i:05}" for i in range(60)]
    found = bootstrap(confusion_of(first, names), "mmseg", resamples=50)
    fewer = (first.sum(axis=2) > 0).sum(axis=0)
    assert found.few == (int((fewer < 5).sum()), int((fewer < 20).sum()))
    assert f"{found.few[0]} are in fewer than 5 images, {found.few[1]} in fewer than 20" in str(found)
    both = paired_bootstrap(confusion_of(first, names), confusion_of(second, names), "mmseg", resamples=50)
    row = next(line for line in str(both).splitlines() if line.startswith("mean IoU"))
    assert row.endswith("too narrow"), "no star on an interval that is too narrow"
    assert bootstrap(confusion_of(first, names), "per-image", resamples=50).few == (0, 0)


def table(trials: int = 200) -> None:
    """Print the rows of docs/scores.md."""
    for kind in ("balanced", "rare", "noise"):
        for n in (50, 100, 400):
            for rule, method in (("mmseg", "percentile"), ("mmseg", "bca"), ("per-image", "percentile")):
                found = coverage(kind, n, trials, rule, method)
                cells = [kind, str(n), rule, method, *(f"{100 * v:.0f}" for v in found.values())]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    table()
