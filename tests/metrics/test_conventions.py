"""Averages over images, classes that are left out, backgrounds: against the programs that people compare with."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.errors import UsageError
from pixelwise.metrics.bootstrap import bootstrap
from pixelwise.metrics.confusion import Confusion
from tests.support.oracles import Pairs, mean_iou_of_evaluate

C = 7


def imported(name: str) -> Any:
    """A package that is an oracle, or a skip; what it warns of at import is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name.partition(".")[0])
        return importlib.import_module(name)


def smp_functional() -> Any:
    """One file of segmentation_models_pytorch, alone: the package needs torchvision."""
    package = importlib.util.find_spec("segmentation_models_pytorch")
    if package is None or package.origin is None:
        pytest.skip("segmentation_models_pytorch is not installed")
    file = Path(package.origin).parent / "metrics" / "functional.py"
    spec = importlib.util.spec_from_file_location("smp_functional", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def images(seed: int, classes: int = C, void: bool = False) -> Pairs:
    """Images of one size in which classes are absent from the truth, from the prediction, and from both."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(rng.integers(2, 7)):
        shown = rng.choice(classes, rng.integers(1, classes), replace=False)
        truth = np.repeat(rng.choice(shown, (24, 10)), 2, axis=1)
        prediction = np.where(rng.random(truth.shape) < 0.8, truth, rng.integers(0, classes, truth.shape))
        prediction = np.where(prediction == rng.integers(0, classes), 0, prediction)
        if void:
            truth = np.where(rng.random(truth.shape) < 0.1, 255, truth)
        out.append((prediction.astype(np.uint8), truth.astype(np.uint8)))
    return out


def counted(pairs: Pairs, classes: int = C) -> Confusion:
    confusion = Confusion(classes, per_image=True)
    for prediction, truth in pairs:
        confusion.update(prediction, truth)
    return confusion


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("background", [True, False])
def test_monai(seed: int, background: bool) -> None:
    torch, metrics = imported("torch"), imported("monai.metrics")
    pairs = images(seed)
    masks = [np.stack([pair[k] == np.arange(C)[:, None, None] for pair in pairs]) for k in (0, 1)]
    planes = [torch.from_numpy(m).float() for m in masks]
    confusion, left_out = counted(pairs), not background
    for protocol, ignore_empty in (("per-image", True), ("per-image-empties", False)):
        scores = confusion.scores(protocol, exclude_background=left_out)
        for kind, ours in ((metrics.DiceMetric, scores.mean_dice), (metrics.MeanIoU, scores.miou)):
            metric = kind(include_background=background, reduction="mean", ignore_empty=ignore_empty)
            metric(y_pred=planes[0], y=planes[1])
            assert ours == pytest.approx(float(metric.aggregate()), abs=2e-7)
    by_class = metrics.DiceMetric(include_background=True, reduction="mean_batch")
    by_class(y_pred=planes[0], y=planes[1])
    ours = np.nan_to_num(confusion.scores("per-image-classes").dice)  # MONAI gives 0 for a class in no image
    assert np.allclose(ours, by_class.aggregate().numpy(), atol=2e-7)


@pytest.mark.parametrize("seed", range(8))
def test_segmentation_models_pytorch(seed: int) -> None:
    torch, metrics = imported("torch"), smp_functional()
    pairs = images(seed, void=True)
    output, target = (torch.from_numpy(np.stack([p[k] for p in pairs]).astype(np.int64)) for k in (0, 1))
    target[target == 255] = -1
    stats = metrics.get_stats(output, target, mode="multiclass", num_classes=C, ignore_index=-1)
    confusion = counted(pairs)
    for protocol, reduction in (("per-image-micro", "micro-imagewise"), ("per-image-empties", "macro-imagewise")):
        scores = confusion.scores(protocol)
        assert scores.miou == pytest.approx(float(metrics.iou_score(*stats, reduction=reduction)), abs=2e-7)
        assert scores.mean_dice == pytest.approx(float(metrics.f1_score(*stats, reduction=reduction)), abs=2e-7)
    micro = confusion.scores("torchmetrics-micro")
    assert micro.miou == pytest.approx(float(metrics.iou_score(*stats, reduction="micro")), abs=2e-7)


@pytest.mark.filterwarnings("ignore:DiceScore metric currently defaults")
@pytest.mark.parametrize("seed", range(8))
def test_torchmetrics_without_the_background(seed: int) -> None:
    torch, segmentation = imported("torch"), imported("torchmetrics.segmentation")
    pairs = images(seed)
    preds, target = (torch.from_numpy(np.stack([p[k] for p in pairs]).astype(np.int64)) for k in (0, 1))
    metric = segmentation.DiceScore(
        num_classes=C, include_background=False, average="micro", input_format="index", aggregation_level="global"
    )
    scores = counted(pairs).scores("torchmetrics-micro", exclude_background=True)
    assert scores.mean_dice == pytest.approx(float(metric(preds, target)), abs=2e-7)


def test_some_classes_by_hand() -> None:
    prediction, truth = np.array([[0, 1, 2, 2, 3, 0]]), np.array([[0, 1, 1, 2, 0, 3]])
    confusion = Confusion(4, class_names=("floor", "a", "b", "c"), per_image=True).update(prediction, truth)
    whole = confusion.scores()
    assert np.allclose(whole.iou, [1 / 3, 1 / 2, 1 / 2, 0])
    some = confusion.scores(classes=["a", 2])
    assert some.miou == 0.5
    assert some.counted.tolist() == [False, True, True, False]
    assert np.array_equal(some.iou, whole.iou), "the score of a class does not change"
    assert some.pixel_accuracy == pytest.approx(2 / 3)
    assert confusion.scores(exclude_background=True).miou == pytest.approx(1 / 3)
    assert confusion.scores(classes="a").miou == confusion.scores(classes=1).miou == 0.5
    assert "mean of 2 of 4 classes" in repr(some)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"classes": ["dog"]}, "names or ids 0..1, got 'dog'"),
        ({"classes": [2]}, "got 2"),
        ({"classes": [-1]}, "got -1"),
        ({"classes": [True]}, "got True"),
        ({"classes": []}, "no class is left"),
        ({"classes": [0], "exclude_background": True}, "no class is left"),
    ],
)
def test_wrong_classes(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Confusion(2).update([0, 1], [0, 1]).scores(**options)


def test_context_59_of_60_classes_is_mmseg_with_reduce_zero_label() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 60, (2, 90, 90)).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.1] = 255
    prediction = np.where(rng.random(truth.shape) < 0.5, np.minimum(truth, 59), rng.integers(1, 60, truth.shape))
    prediction = np.maximum(prediction, 1)  # a model of 59 classes
    reduced = np.where(truth == 0, 255, np.where(truth == 255, 255, truth - 1))
    expected = mean_iou_of_evaluate(list(zip(prediction - 1, reduced, strict=True)), 59)
    with_background = Confusion(60).update(prediction, truth).scores("context-59")
    assert np.array_equal(with_background.iou[1:], expected["iou"])
    assert with_background.miou == pytest.approx(expected["miou"], abs=1e-15)
    assert with_background.pixel_accuracy == pytest.approx(expected["pixel_accuracy"], abs=1e-15)
    assert with_background.void == int((reduced == 255).sum())
    without = Confusion(59).update(prediction - 1, reduced).scores("context-59")
    assert without.miou == pytest.approx(with_background.miou, abs=1e-15)
    with pytest.raises(UsageError, match="cannot resample by context-59"):
        bootstrap(Confusion(60, per_image=True).update(prediction, truth), "context-59")


def test_stray_pixels_cost_a_class_only_where_the_union_counts() -> None:
    """Why `per-image` and `per-image-union` differ so much: 1 % noise, many classes."""
    rng = np.random.default_rng(0)
    confusion = Confusion(21, per_image=True)
    for _ in range(10):
        truth = np.repeat(rng.choice(21, 2, replace=False), 5000)
        confusion.update(np.where(rng.random(10_000) < 0.01, rng.integers(0, 21, 10_000), truth), truth)
    assert confusion.scores("per-image").miou > 0.98
    assert confusion.scores("per-image-union").miou < 0.11


def test_the_final_score_of_ade20k() -> None:
    scores = Confusion(2).update([0, 0, 1, 1], [0, 1, 1, 1]).scores("ade20k")
    assert scores.final_score == pytest.approx((3 / 4 + (1 / 2 + 2 / 3) / 2) / 2)
    assert "final score 66.67 %" in str(scores)
    assert Confusion(2).update([0], [0]).scores("voc").final_score is None


def test_mmsegmentation_with_one_class_counts_every_id() -> None:
    torch = imported("torch")
    truth, prediction = np.zeros(4, np.uint8), np.array([0, 0, 1, 1], np.uint8)

    def areas(ids: np.ndarray) -> float:
        return float(torch.histc(torch.from_numpy(ids).float(), bins=1, min=0, max=0)[0])

    hits = areas(prediction[prediction == truth])
    assert hits / (areas(prediction) + areas(truth) - hits) == pytest.approx(1 / 3)
    assert Confusion(1, 255).update(prediction, truth).scores("mmseg").miou == 0.5
