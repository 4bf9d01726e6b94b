"""Confusion and the protocols against other people's code, and against the oracles."""

from __future__ import annotations

import copy
import json
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import VOC_NAMES
from pixelwise.errors import LabelError, MissingError, ScoreError, UnknownNameError, UsageError
from pixelwise.metrics.bootstrap import bootstrap
from pixelwise.metrics.compare import compare_protocols
from pixelwise.metrics.confusion import Confusion
from pixelwise.metrics.protocols import CITYSCAPES_CATEGORIES, CITYSCAPES_CLASSES, PROTOCOLS
from tests.support.oracles import ORACLES, Pairs, RefusedError, mean_iou_of_evaluate, vocevalseg
from tests.support.places import REPOSITORY

C = 21
PUBLISHED_TRAIN = (
    182_014_429, 1_780_580, 758_311, 2_232_247, 1_514_260, 1_517_186, 4_375_622, 3_494_749, 6_752_515, 2_861_091,
    2_060_925, 3_381_632, 4_344_951, 2_283_739, 2_888_641, 11_995_853, 1_670_340, 2_254_463, 3_612_229, 3_984_238,
    2_349_235,
)  # fmt: skip
"""Pixels of each class in the 1,464 VOC2012 training labels (pytorch-semseg#46)."""


@pytest.fixture(scope="session")
def truths(voc_root: Path) -> list[np.ndarray]:
    """12 VOC validation labels of different sizes."""
    names = (voc_root / "ImageSets/Segmentation/val.txt").read_text().split()
    names = names[:: len(names) // 12][:12]
    return [np.array(Image.open(voc_root / f"SegmentationClass/{n}.png")) for n in names]


def distort(truth: np.ndarray, how: str, seed: int) -> np.ndarray:
    """A prediction with the kind of errors that models make."""
    rng = np.random.default_rng(seed)
    filled = np.where(truth == 255, 0, truth).astype(np.uint8)
    if how == "shifted":
        return np.roll(filled, (7, -11), (0, 1))
    if how == "flipped":  # every class read as its neighbor in half of the image
        out = filled.copy()
        out[: len(out) // 2] = (out[: len(out) // 2] + 1) % C
        return out
    if how == "noise":
        return np.where(rng.random(truth.shape) < 0.2, rng.integers(0, C, truth.shape), filled).astype(np.uint8)
    if how == "background":
        return np.zeros_like(filled)
    if how == "absent":  # six classes never predicted, and one predicted that no image has
        return np.where(filled > 14, 3, filled).astype(np.uint8)
    if how == "outside":
        return np.where(rng.random(truth.shape) < 0.05, 200, filled).astype(np.uint8)
    raise AssertionError(how)


DISTORTIONS = ("shifted", "flipped", "noise", "background", "absent")


@pytest.fixture(scope="session", params=DISTORTIONS)
def pairs(request: pytest.FixtureRequest, truths: list[np.ndarray]) -> Pairs:
    return [(distort(t, request.param, i), t) for i, t in enumerate(truths)]


def counted(pairs: Pairs, **options: Any) -> Confusion:
    confusion = Confusion(C, **options)
    for prediction, truth in pairs:
        confusion.update(prediction, truth)
    return confusion


def joined(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """All pixels of all pairs in one row, void left out: (prediction, truth)."""
    prediction = np.concatenate([p.reshape(-1) for p, _ in pairs]).astype(np.int64)
    truth = np.concatenate([t.reshape(-1) for _, t in pairs]).astype(np.int64)
    return prediction[truth != 255], truth[truth != 255]


# -- golden ---------------------------------------------------------------------------------------------------


def test_all_background_on_the_published_training_counts() -> None:
    confusion = Confusion(C, class_names=VOC_NAMES)
    for index, pixels in enumerate(PUBLISHED_TRAIN):  # rows of real size, counted in pieces that a test can hold
        piece = np.full(100_000, index, np.uint8)
        data = confusion.to_dict()
        data["counts"][index][0] = pixels - len(piece)
        confusion = Confusion.from_dict(data).update(np.zeros_like(piece), piece)
    scores = confusion.scores("voc")
    assert round(100 * scores.pixel_accuracy, 4) == 73.3553
    assert round(100 * scores.miou, 4) == 3.4931
    assert scores.pixels == sum(PUBLISHED_TRAIN)
    assert scores.iou[0] == PUBLISHED_TRAIN[0] / sum(PUBLISHED_TRAIN)
    assert not scores.iou[1:].any()


# -- other people's code --------------------------------------------------------------------------------------


def test_scikit_learn_confusion_matrix(pairs: Pairs) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    prediction, truth = joined(pairs)
    confusion = counted(pairs)
    expected = metrics.confusion_matrix(truth, prediction, labels=range(C))
    assert np.array_equal(confusion.matrix[:, :C], expected)
    scores = confusion.scores("mmseg")
    options = {"labels": range(C), "average": None, "zero_division": np.nan}
    with np.errstate(invalid="ignore"):
        assert np.allclose(scores.precision, metrics.precision_score(truth, prediction, **options), equal_nan=True)
        assert np.allclose(scores.recall, metrics.recall_score(truth, prediction, **options), equal_nan=True)
        assert np.allclose(scores.dice, metrics.f1_score(truth, prediction, **options), equal_nan=True)
        jaccard = metrics.jaccard_score(truth, prediction, labels=range(C), average=None, zero_division=0)
    assert np.allclose(scores.iou[scores.counted], jaccard[scores.counted], rtol=1e-15)
    assert not jaccard[~scores.counted].any(), "scikit-learn gives classes that are nowhere its zero_division"
    assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(truth, prediction), abs=1e-15)


def test_torchmetrics(pairs: Pairs) -> None:
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    options = {"num_classes": C, "ignore_index": 255}
    macro = classification.MulticlassJaccardIndex(average="macro", **options)
    micro = classification.MulticlassJaccardIndex(average="micro", **options)
    matrix = classification.MulticlassConfusionMatrix(**options)
    accuracy = classification.MulticlassAccuracy(average="macro", **options)
    for prediction, truth in pairs:
        for metric in (macro, micro, matrix, accuracy):
            metric.update(torch.from_numpy(prediction.astype(np.int64)), torch.from_numpy(truth.astype(np.int64)))
    confusion = counted(pairs)
    assert np.array_equal(confusion.matrix[:, :C], matrix.compute().numpy())
    # torchmetrics divides in float32: it agrees to about 7 digits, not exactly.
    scores = confusion.scores("torchmetrics-macro")
    assert scores.miou == pytest.approx(float(macro.compute()), abs=2e-6)
    assert scores.mean_accuracy == pytest.approx(float(accuracy.compute()), abs=2e-6)
    assert confusion.scores("torchmetrics-micro").miou == pytest.approx(float(micro.compute()), abs=2e-6)


def test_micro_is_a_function_of_pixel_accuracy(pairs: Pairs) -> None:
    scores = counted(pairs).scores("torchmetrics-micro")
    assert scores.miou == pytest.approx(scores.pixel_accuracy / (2 - scores.pixel_accuracy), abs=1e-15)


def test_cityscapesscripts(truths: list[np.ndarray]) -> None:
    """The official functions, on a matrix over the official ids, with ignored ids in truth and prediction."""
    script = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    rng = np.random.default_rng(5)
    to_train = np.full(46, 255, np.uint8)
    for label in script.labels:
        if label.id >= 0 and not label.ignoreInEval and label.trainId < 19:
            to_train[label.id] = label.trainId
    args = SimpleNamespace(evalLabels=[label.id for label in script.labels if 0 <= label.id <= 33])
    official = np.zeros((46, 46), np.ulonglong)
    confusion = Confusion(19, class_names=CITYSCAPES_CLASSES)
    for real in truths:
        ids = np.where(real == 255, 4, 7 + real).astype(np.uint8)  # real shapes under Cityscapes ids 7..27
        ids[:20] = np.arange(ids.shape[1]) % 34  # and every id, ignored ones too
        guess = np.where(rng.random(ids.shape) < 0.1, rng.integers(0, 34, ids.shape), np.roll(ids, 9, 1))
        guess = np.where(guess == 31, 28, guess).astype(np.uint8)  # train is never predicted
        np.add.at(official, (ids, guess), 1)
        confusion.update(to_train[guess], to_train[ids])
    scores = confusion.scores("cityscapes")
    classes = {label.trainId: label.id for label in script.labels if 0 <= label.trainId < 19}
    by_class = {i: script.getIouScoreForLabel(classes[i], official, args) for i in range(19)}
    assert np.array_equal(scores.iou, np.array([by_class[i] for i in range(19)]), equal_nan=True)
    assert scores.miou == pytest.approx(script.getScoreAverage(by_class, args), abs=1e-15)
    by_category = {c: script.getIouScoreForCategory(c, official, args) for c in CITYSCAPES_CATEGORIES}
    assert scores.categories == by_category
    assert scores.category_miou == pytest.approx(script.getScoreAverage(by_category, args), abs=1e-15)
    assert scores.outside > 0
    assert confusion.matrix[16].sum() > 0, "train is in the truth, so that its IoU of 0 is tested"


def test_the_category_table_is_the_official_one() -> None:
    labels = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    official: dict[str, list[int]] = {}
    for label in labels:
        if 0 <= label.trainId < 19:
            official.setdefault(label.category, []).append(label.trainId)
            assert CITYSCAPES_CLASSES[label.trainId] == label.name
    assert {k: tuple(v) for k, v in official.items()} == dict(CITYSCAPES_CATEGORIES)


# -- the oracles ----------------------------------------------------------------------------------------------


def test_every_protocol_has_an_oracle_and_a_row_in_the_docs() -> None:
    assert set(ORACLES) == set(PROTOCOLS)
    section = (REPOSITORY / "docs" / "scores.md").read_text("utf-8").split("\n## ")[1]
    rows = re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)
    assert rows == list(PROTOCOLS)


def random_pairs(seed: int) -> Pairs:
    """Images in which classes are absent, void is common, and some pixels are predicted outside the classes."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(rng.integers(1, 5)):
        size = tuple(rng.integers(1, 30, 2))
        shown = rng.choice(C, rng.integers(1, 6))
        truth = rng.choice(shown, size)
        prediction = np.where(rng.random(size) < rng.random(), truth, rng.choice([*shown, rng.integers(0, C)], size))
        if seed % 2:
            truth[rng.random(size) < rng.choice([0, 0.3, 1])] = 255
        if seed % 3:
            stray = rng.random(size) < 0.05
            prediction[stray if seed % 3 == 1 else stray & (truth == 255)] = 200
        out.append((prediction.astype(np.uint8), truth.astype(np.uint8)))
    out[0][1].flat[0] = 0  # something is scored
    return out


def agree(name: str, pairs: Pairs) -> bool:
    """Whether the protocol gives numbers for these pairs; they, or the refusal, are the oracle's."""
    confusion = counted(pairs, per_image=True)
    try:
        expected = ORACLES[name](pairs, C)
    except RefusedError:
        with pytest.raises(ScoreError) as error:
            confusion.scores(name)
        assert error.value.code == "prediction-out-of-range"
        return False
    scores, off = confusion.scores(name), 1e-14 if PROTOCOLS[name].over_images else 1e-15
    assert np.allclose(scores.iou, expected.pop("iou", scores.iou), rtol=off, atol=0, equal_nan=True)
    for field, value in expected.items():
        assert getattr(scores, field) == pytest.approx(value, abs=off, nan_ok=True), field
    return True


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_agree_with_their_oracles(name: str) -> None:
    outcomes = [agree(name, random_pairs(seed)) for seed in range(40)]
    assert sum(outcomes) >= 20
    assert all(outcomes) == (not PROTOCOLS[name].forbids_outside)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("how", [*DISTORTIONS, "outside"])
def test_protocols_agree_with_their_oracles_on_real_labels(truths: list[np.ndarray], name: str, how: str) -> None:
    agree(name, [(distort(t, how, i), t) for i, t in enumerate(truths)])


def test_vocevalseg_refuses_what_voc_refuses(truths: list[np.ndarray]) -> None:
    truth = truths[0]
    wrong = np.where(truth == 255, 255, truth)  # right wherever it counts, and 255 where the truth is void
    with pytest.raises(RefusedError, match="out of range value 255"):
        vocevalseg([(wrong, truth)], C)
    confusion = Confusion(C).update(wrong, truth)
    with pytest.raises(ScoreError) as error:
        confusion.scores("voc")
    assert error.value.code == "prediction-out-of-range"
    assert str(int((truth == 255).sum())) in str(error.value)
    assert confusion.scores("torchmetrics-macro").miou == 1.0
    assert confusion.scores("cityscapes").miou == 1.0


def test_evaluate_drops_truth_out_of_range_in_silence_and_we_refuse() -> None:
    truth = np.array([[0, 1, 30], [1, 1, 0]], np.uint8)
    prediction = np.array([[0, 1, 1], [1, 1, 0]], np.uint8)
    silent = mean_iou_of_evaluate([(prediction, truth)], 2)
    assert silent["iou"].tolist() == [1.0, 0.75], "the pixel of truth 30 is a false positive, and not a truth at all"
    with pytest.raises(LabelError, match=r"truth value 30 at x=2, y=0 is not a class \(0\.\.1\)"):
        Confusion(2).update(prediction, truth)


def test_mmseg_sums_in_float32_and_we_do_not() -> None:
    """IoUMetric adds float32 histograms: beyond 2^24 pixels of one class single pixels vanish."""
    class_pixels = np.float32(1 << 24)
    assert class_pixels + np.float32(1) == class_pixels
    data = Confusion(2).to_dict()
    data["counts"][0][0] = 1 << 24
    confusion = Confusion.from_dict(data).update(np.zeros(1, np.uint8), np.zeros(1, np.uint8))
    assert confusion.scores("mmseg").pixels == (1 << 24) + 1
    torch = pytest.importorskip("torch")
    histogram = torch.histc(torch.zeros(1), bins=2, min=0, max=1)
    assert float(torch.tensor([2.0**24, 0.0]).add(histogram)[0]) == 2**24


def test_mmseg_with_its_own_histogram(pairs: Pairs) -> None:
    torch = pytest.importorskip("torch")

    def histc(x: np.ndarray, bins: int, range: tuple[int, int]) -> tuple[np.ndarray]:
        tensor = torch.from_numpy(x.astype(np.float32))
        return (torch.histc(tensor, bins=bins, min=range[0], max=range[1]).numpy(),)

    expected = mean_iou_of_evaluate(pairs, C, histc)
    scores = counted(pairs).scores("mmseg")
    assert np.array_equal(scores.iou, expected["iou"], equal_nan=True)


def test_per_image_is_the_mean_of_images_scored_alone(pairs: Pairs) -> None:
    confusion = counted(pairs, per_image=True)
    alone = [Confusion(C).update(p, t).scores("mmseg") for p, t in pairs]
    scores = confusion.scores("per-image-union")
    assert scores.images == len(pairs)
    for field in ("miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou"):
        assert getattr(scores, field) == pytest.approx(np.mean([getattr(s, field) for s in alone]), abs=1e-14)
    stacked = np.stack([s.iou for s in alone])
    expected = [np.nanmean(c) if not np.isnan(c).all() else np.nan for c in stacked.T]
    assert np.allclose(scores.iou, expected, equal_nan=True)


# -- what protocols do with the awkward cases -----------------------------------------------------------------


def test_absent_classes_by_protocol() -> None:
    """Truth has 0 and 1; 2 is predicted only; 3 is nowhere."""
    truth = np.array([0, 0, 0, 0, 1, 1], np.uint8)
    prediction = np.array([0, 0, 0, 2, 1, 1], np.uint8)
    confusion = Confusion(4).update(prediction, truth)
    with_invented = (0.75 + 1 + 0) / 3
    assert confusion.scores("voc").miou == pytest.approx(with_invented)
    assert confusion.scores("cityscapes").miou == pytest.approx(with_invented)
    assert confusion.scores("mmseg").miou == pytest.approx(with_invented)
    assert confusion.scores("torchmetrics-macro").miou == pytest.approx(with_invented)
    assert confusion.scores("detectron2").miou == pytest.approx((0.75 + 1) / 2)
    assert confusion.scores("ade20k").miou == pytest.approx((0.75 + 1 + 0 + 0) / 4)
    assert confusion.scores("torchmetrics-micro").miou == pytest.approx(5 / 7)
    assert confusion.scores("voc").counted.tolist() == [True, True, True, False]
    assert confusion.scores("detectron2").counted.tolist() == [True, True, False, False]
    assert confusion.scores("ade20k").counted.all()


def test_predictions_outside_by_protocol() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1], np.uint8)
    prediction = np.array([0, 0, 0, 9, 1, 1], np.uint8)
    confusion = Confusion(2).update(prediction, truth)
    for name in ("cityscapes", "ade20k", "mmseg"):
        assert confusion.scores(name).miou == pytest.approx((0.75 + 1) / 2)
        assert confusion.scores(name).pixel_accuracy == pytest.approx(5 / 6)
    assert confusion.scores("detectron2").miou == 1.0
    assert confusion.scores("detectron2").pixels == 5
    for name in ("voc", "torchmetrics-macro", "torchmetrics-micro"):
        with pytest.raises(ScoreError, match=r"1 pixels are predicted outside the classes 0\.\.1"):
            confusion.scores(name)


def test_void_as_background_is_lower_only_by_void(truths: list[np.ndarray]) -> None:
    """Perfect but for void, which the network takes for its neighbor: the mistake invents errors."""
    truth = truths[0]
    thing = int(np.bincount(truth[(truth > 0) & (truth < 255)]).argmax())
    confusion = Confusion(C).update(np.where(truth == 255, thing, truth), truth)
    assert confusion.scores("voc").miou == 1.0
    scores = confusion.scores("void-as-background")
    assert scores.miou < 1
    assert scores.pixels == truth.size
    assert scores.void == 0


def test_every_protocol_says_what_it_does() -> None:
    for name, rule in PROTOCOLS.items():
        text = str(rule)
        for heading in (
            "void:",
            "predicted outside the classes:",
            "absent classes:",
            "average:",
            "defined in:",
        ):
            assert heading in text, f"{name} does not say {heading}"


def test_compare_protocols(truths: list[np.ndarray]) -> None:
    confusion = Confusion(C, class_names=VOC_NAMES, per_image=True)
    for i, truth in enumerate(truths):
        confusion.update(distort(truth, "flipped", i), truth)
    comparison = compare_protocols(confusion)
    text = str(comparison)
    for name in PROTOCOLS:
        assert name in text
    assert f"{100 * confusion.scores('voc').miou:.2f}" in text
    assert not comparison.refused
    assert "count as truth of class 0: void-as-background" in text
    json.dumps(comparison.to_dict(), allow_nan=False)


def test_compare_protocols_says_who_refuses_and_why() -> None:
    confusion = Confusion(3).update(np.array([0, 1, 7], np.uint8), np.array([0, 0, 0], np.uint8))
    comparison = compare_protocols(confusion)
    assert set(comparison.refused) == {
        name for name, rule in PROTOCOLS.items() if rule.forbids_outside or rule.over_images
    }
    text = str(comparison)
    assert "per_image=True" in text
    assert "predicted, but absent from the truth: 1\n" in text
    assert "neither in the truth nor predicted: 2\n" in text
    assert "left out altogether: detectron2, mapillary\n" in text
    assert "1 pixels are predicted outside" in text


# -- the table ------------------------------------------------------------------------------------------------


def test_scores_as_table_and_as_dict() -> None:
    truth = np.array([[0, 0, 1, 255]], np.uint8)
    scores = Confusion(3, class_names=("sky", "sea", "none")).update(np.array([[0, 1, 1, 2]], np.uint8), truth).scores()
    lines = str(scores).splitlines()
    assert lines[1].split() == ["sky", "50.00", "50.00", "█" * 10]
    assert lines[2].split() == ["sea", "50.00", "100.00", "█" * 10]
    assert lines[3].split() == ["none", "-", "-"]
    assert lines[4].startswith("mean of 2 of 3 classes")
    assert "3 pixels scored, 1 void, 0 predicted outside" in lines[-1]
    data = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert data["iou"] == [0.5, 0.5, None]
    assert data["miou"] == 0.5
    assert data["recall"] == data["accuracy"] == [0.5, 1.0, None]
    assert data["class_names"] == ["sky", "sea", "none"]


# -- counting -------------------------------------------------------------------------------------------------

INTEGERS = (np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint64, ">i4")


@pytest.mark.parametrize("truth_dtype", INTEGERS)
@pytest.mark.parametrize("prediction_dtype", [np.uint8, np.uint16, np.int64])
def test_every_integer_type(truth_dtype: Any, prediction_dtype: Any, truths: list[np.ndarray]) -> None:
    prediction, truth = distort(truths[1], "noise", 3), truths[1]
    expected = Confusion(C).update(prediction, truth)
    got = Confusion(C).update(prediction.astype(prediction_dtype), truth.astype(truth_dtype))
    assert got == expected


def test_bool_masks() -> None:
    confusion = Confusion(2, ignore_index=None).update(np.array([True, False, True]), np.array([True, True, False]))
    assert confusion.matrix.tolist() == [[0, 1, 0], [1, 1, 0]]


@pytest.mark.parametrize("classes", [1, 2, 21, 150, 254, 255, 256, 300])
def test_many_classes_and_16_bit_labels(classes: int) -> None:
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, (37, 41)).astype(np.uint16)
    prediction = rng.integers(0, classes + 3, (37, 41)).astype(np.uint16)
    truth[:4] = 65_535
    confusion = Confusion(classes, 65_535).update(prediction, truth)
    expected = np.zeros((classes + 1, classes + 1), np.int64)
    np.add.at(expected, (np.minimum(truth, classes), np.minimum(prediction, classes)), 1)
    assert np.array_equal(confusion.counts, expected)


def test_strided_and_read_only_arrays(truths: list[np.ndarray]) -> None:
    prediction, truth = distort(truths[2], "shifted", 0), truths[2]
    expected = Confusion(C).update(prediction[::2, ::3].copy(), truth[::2, ::3].copy())
    truth.setflags(write=False)
    assert Confusion(C).update(prediction[::2, ::3], truth[::2, ::3]) == expected


def test_batches_of_odd_sizes(truths: list[np.ndarray]) -> None:
    """Images of a batch start at odd addresses; the fast kernel reads eight bytes at once."""
    truth = np.stack([t[:101, :111] for t in truths[:5]])
    prediction = np.stack([distort(t, "shifted", 0) for t in truth])
    one_by_one = Confusion(C, per_image=True)
    for p, t in zip(prediction, truth, strict=True):
        one_by_one.update(p, t)
    assert Confusion(C, per_image=True).update(prediction, truth) == one_by_one


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_are_the_argmax(dtype: Any, truths: list[np.ndarray]) -> None:
    truth = truths[0][:90, :133]
    logits = np.random.default_rng(1).normal(size=(C, *truth.shape)).astype(dtype)
    logits = np.round(logits, 1)  # ties: the first maximum wins
    expected = Confusion(C).update(logits.argmax(axis=0), truth)
    assert Confusion(C).update(logits, truth) == expected
    batch = np.stack([logits, logits[:, ::-1]])
    both = Confusion(C).update(batch.argmax(axis=1), np.stack([truth, truth]))
    assert Confusion(C).update(batch, np.stack([truth, truth])) == both


def test_infinite_logits() -> None:
    logits = np.array([[[-np.inf, -np.inf, np.inf]], [[-np.inf, -1, np.inf]]], np.float32)
    confusion = Confusion(2).update(logits, np.zeros((1, 3), np.uint8))
    assert confusion.matrix.tolist() == [[2, 1, 0], [0, 0, 0]]


def test_nan_logits_are_an_error_with_the_place() -> None:
    logits = np.zeros((2, 3, 50, 40), np.float32)
    logits[1, 2, 30, 17] = np.nan
    confusion = Confusion(3)
    with pytest.raises(ScoreError, match="NaN at x=17, y=30 of image 1") as error:
        confusion.update(logits, np.zeros((2, 50, 40), np.uint8))
    assert error.value.code == "nan-logits"
    assert not confusion.counts.any()


@pytest.mark.parametrize(
    ("prediction", "truth", "says"),
    [
        (
            np.zeros((4, 5), np.uint8),
            np.zeros((5, 4), np.uint8),
            "prediction is 4 x 5 (height x width), truth is 5 x 4",
        ),
        (np.zeros((21, 4, 5), np.float32), np.zeros((5, 4), np.uint8), "prediction is 4 x 5"),
        (np.zeros((1, 4, 5), np.uint8), np.zeros((4, 5), np.uint8), "prediction is 1 x 4 x 5"),
    ],
)
def test_sizes_differ(prediction: np.ndarray, truth: np.ndarray, says: str) -> None:
    with pytest.raises(ScoreError) as error:
        Confusion(21).update(prediction, truth, names="a.png")
    assert error.value.code == "wrong-size"
    assert error.value.where == "a.png"
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("prediction", "truth"),
    [
        (np.zeros((4, 5), np.float32), np.zeros((4, 5), np.uint8)),
        (np.zeros((20, 4, 5), np.float32), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.float32)),
        (np.zeros((4, 5), np.complex64), np.zeros((4, 5), np.uint8)),
    ],
)
def test_wrong_calls(prediction: np.ndarray, truth: np.ndarray) -> None:
    with pytest.raises(UsageError):
        Confusion(21).update(prediction, truth)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int16])
def test_truth_outside_the_classes_is_an_error_and_nothing_is_counted(dtype: Any) -> None:
    truth = np.zeros((2, 9, 13), dtype)
    truth[1, 4, 7:9] = 21
    confusion = Confusion(21, per_image=True)
    with pytest.raises(LabelError, match=r"truth value 21 at x=7, y=4 of image 1.*2 such pixels"):
        confusion.update(np.zeros_like(truth), truth)
    assert not confusion.counts.any()
    assert len(confusion.images.totals) == 0


def test_negative_truth_unless_it_is_void() -> None:
    truth = np.array([0, -1, 1])
    with pytest.raises(LabelError, match="truth value -1"):
        Confusion(2).update(truth, truth)
    confusion = Confusion(2, ignore_index=-1).update(np.array([0, 0, 1]), truth)
    assert confusion.void.tolist() == [1, 0, 0]
    assert confusion.scores().miou == 1


def test_without_void_255_is_an_error() -> None:
    with pytest.raises(LabelError, match="255"):
        Confusion(21, ignore_index=None).update(np.zeros(3, np.uint8), np.array([0, 1, 255], np.uint8))


@pytest.mark.parametrize(
    "options", [{"num_classes": 0}, {"num_classes": 5000}, {"num_classes": 3, "ignore_index": 1},
                {"num_classes": 2, "class_names": ["a"]}]
)  # fmt: skip
def test_wrong_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Confusion(**options)


def test_results_are_one_line_and_save_themselves(tmp_path: Path) -> None:
    confusion = Confusion(3, per_image=True)
    for value in range(3):
        confusion.update(np.array([0, value, 2], np.uint8), np.array([0, 0, 2], np.uint8))
    for i, result in enumerate((confusion, confusion.scores(), bootstrap(confusion), compare_protocols(confusion))):
        assert "\n" not in repr(result)
        assert type(result).__name__ in repr(result)
        path = result.save(tmp_path / f"{i}.json")
        assert json.loads(path.read_text()) == result.to_dict()


def test_unknown_protocol_lists_all() -> None:
    with pytest.raises(UnknownNameError, match="voc, cityscapes"):
        Confusion(2).scores("pascal")


def test_nothing_counted_has_no_score() -> None:
    confusion = Confusion(2).update(np.zeros(4, np.uint8), np.full(4, 255, np.uint8))
    with pytest.raises(ScoreError, match="4 void pixels"):
        confusion.scores()


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    truth = torch.tensor([[0, 1, 255]])
    logits = torch.tensor([[[0.1, 0.9, 0.0]], [[0.2, 0.3, 0.0]]])
    confusion = Confusion(2).update(logits, truth)
    assert confusion.matrix.tolist() == [[0, 1, 0], [1, 0, 0]]


# -- images, merging, saving ----------------------------------------------------------------------------------


def test_an_image_counts_once() -> None:
    label = np.zeros((2, 2), np.uint8)
    confusion = Confusion(2, per_image=True).update(label, label, names="a")
    with pytest.raises(ScoreError) as error:
        confusion.update(label, label, names="a")
    assert error.value.code == "counted-twice"
    other = Confusion(2, per_image=True).update(label, label, names="b").update(label, label, names="a")
    with pytest.raises(ScoreError, match="counted before, first 'a'"):
        confusion += other
    assert confusion.images.names == ("a",)
    assert confusion.counts.sum() == 4


def test_names_for_all_or_none() -> None:
    label = np.zeros((2, 2), np.uint8)
    confusion = Confusion(2, per_image=True).update(label, label)
    with pytest.raises(UsageError, match="others do not"):
        confusion.update(label, label, names="a")
    with pytest.raises(UsageError, match="expected 2 names"):
        confusion.update(np.stack([label, label]), np.stack([label, label]), names=["a"])


def test_images_need_per_image() -> None:
    with pytest.raises(UsageError) as error:
        _ = Confusion(2).images
    assert error.value.code == "needs-per-image"


def test_merging_unequal_confusions() -> None:
    for other in (Confusion(3), Confusion(2, ignore_index=None), Confusion(2, per_image=True)):
        with pytest.raises(UsageError) as error:
            Confusion(2) + other
        assert error.value.code == "confusions-differ"


@pytest.mark.parametrize("per_image", [False, True])
def test_save_load_pickle(tmp_path: Path, truths: list[np.ndarray], per_image: bool) -> None:
    confusion = Confusion(C, class_names=VOC_NAMES, per_image=per_image)
    for i, truth in enumerate(truths[:3]):
        confusion.update(distort(truth, "shifted", i), truth, names=f"image {i}")
    path = tmp_path / "confusion.json"
    assert confusion.save(path) == path
    loaded = Confusion.load(path)
    assert loaded == confusion
    assert loaded.scores().miou == confusion.scores().miou
    for other in (pickle.loads(pickle.dumps(confusion)), copy.copy(confusion), copy.deepcopy(confusion)):
        assert other == confusion
        other.update(truths[0], truths[0], names="another")  # it is one of its own, and knows which images it has
        with pytest.raises(ScoreError) if per_image else nullcontext():
            other.update(truths[0], truths[0], names="image 0")
        assert other != confusion
        assert confusion == loaded
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "pixelwise-confusion", "version": 2}',
        "half",
        '{"format":"pixelwise-confusion","version":1,"num_classes":1,"ignore_index":255,"class_names":null,"per_image":false,'
        '"counts":[[1,-2],[0,0]],"image_names":[],"image_totals":[]}',
        '{"format":"pixelwise-confusion","version":1,"num_classes":1,"ignore_index":255,"class_names":null,"per_image":false,'
        '"counts":[[1.5,2],[0,0]],"image_names":[],"image_totals":[]}',
        '{"format":"pixelwise-confusion","version":1,"num_classes":2,"ignore_index":255,"class_names":null,"per_image":false,'
        '"counts":[[1,2],[0,0]],"image_names":[],"image_totals":[]}',
    ],
)
def test_a_file_that_is_no_confusion(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ScoreError) as error:
        Confusion.load(path)
    assert error.value.code == "bad-confusion"
    assert "x.json" in str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        Confusion.load(tmp_path / "none.json")


def test_many_threads_at_once(truths: list[np.ndarray]) -> None:
    pairs = [(distort(t, "noise", i), t) for i, t in enumerate(truths)] * 4
    confusion = Confusion(C, per_image=True)
    start = threading.Barrier(4)

    def work(part: int) -> None:
        start.wait()
        for i in range(part, len(pairs), 4):
            confusion.update(*pairs[i], names=str(i))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert np.array_equal(confusion.counts, counted(pairs).counts)
    assert sorted(confusion.images.names, key=int) == [str(i) for i in range(len(pairs))]
    by_name = dict(zip(confusion.images.names, confusion.images.totals, strict=True))
    assert np.array_equal(by_name["7"], counted(pairs[7:8], per_image=True).images.totals[0])


def test_too_many_classes_are_refused_at_every_door(tmp_path: Path) -> None:
    table = pw.ClassTable(tuple(f"class {i}" for i in range(4097)), ignore_index=65_535)
    label = np.arange(12, dtype=np.uint16).reshape(3, 4)
    split = pw.Split("val", table, pw.ArraySource([np.zeros((3, 4, 3), np.uint8)], [label]))
    np.save(tmp_path / f"{split.names[0]}.npy", label)
    doors = (
        lambda: Confusion(4097), lambda: Confusion(np.int64(4097)), lambda: Confusion(table),
        lambda: pw.BoundaryConfusion(table), lambda: pw.score(tmp_path, split),
    )  # fmt: skip
    for door in doors:
        with pytest.raises(UsageError, match=r"4,097 classes are too many .* at most 4,096 .*merge_classes"):
            door()
    assert Confusion(4096, None).num_classes == 4096
