"""Boundary IoU and trimaps, bootstrap intervals and paired differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.classes import VOC_NAMES
from pixelwise.errors import LabelError, ScoreError, UsageError
from pixelwise.metrics.bootstrap import bootstrap, paired_bootstrap
from pixelwise.metrics.boundary import BoundaryConfusion, band_width, boundary_band, trimap
from pixelwise.metrics.confusion import Confusion


@pytest.fixture(scope="session")
def labels(voc_root: Path) -> list[np.ndarray]:
    """20 VOC labels, quartered to keep the tests quick."""
    names = (voc_root / "ImageSets/Segmentation/val.txt").read_text().split()[:20]
    return [np.array(Image.open(voc_root / f"SegmentationClass/{n}.png"))[::2, ::2].copy() for n in names]


def shifted(truth: np.ndarray, by: int) -> np.ndarray:
    return np.roll(np.where(truth == 255, 0, truth), by, axis=1)


def mask_to_boundary(mask: np.ndarray, dilation_ratio: float = 0.02) -> np.ndarray:
    """The steps of `mask_to_boundary` in bowenc0221/boundary-iou-api, on one binary mask."""
    cv2 = pytest.importorskip("cv2")
    h, w = mask.shape
    dilation = max(1, round(dilation_ratio * float(np.sqrt(h**2 + w**2))))
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=dilation)[1 : h + 1, 1 : w + 1]
    return mask.astype(np.uint8) - eroded


def test_the_band_of_each_class_is_the_official_one(labels: list[np.ndarray]) -> None:
    for label in labels[:8]:
        band = boundary_band(label, band_width(*label.shape))
        for index in np.unique(label):
            mask = label == index
            assert np.array_equal(band & mask, mask_to_boundary(mask).astype(bool)), index


def test_boundary_iou_is_the_official_one_summed_over_images(labels: list[np.ndarray]) -> None:
    """Class by class with the official masks, void made void on both sides."""
    both, either = np.zeros(21), np.zeros(21)
    confusion = BoundaryConfusion(21)
    for truth in labels[:8]:
        prediction = shifted(truth, 4)
        confusion.update(prediction, truth)
        prediction = np.where(truth == 255, 255, prediction)
        for c in range(21):
            g, d = mask_to_boundary(truth == c), mask_to_boundary(prediction == c)
            both[c] += ((g * d) > 0).sum()
            either[c] += ((g + d) > 0).sum()
    expected = np.divide(both, either, out=np.full(21, np.nan), where=either > 0)
    assert np.array_equal(confusion.iou, expected, equal_nan=True)
    assert confusion.miou == pytest.approx(np.nanmean(expected), abs=1e-15)


@pytest.mark.parametrize("width", [1, 5, 70])
def test_boundary_iou_of_codes_of_two_bytes(labels: list[np.ndarray], width: int) -> None:
    """More than 252 classes are counted pixel by pixel, fewer eight pixels and whole words at once."""
    few, many = (BoundaryConfusion(c, -1, width=width) for c in (21, 300))
    for truth in labels[:6]:
        for confusion in (few, many):
            confusion.update(shifted(truth, 4), np.where(truth == 255, -1, truth.astype(int)))
    assert np.array_equal(few.iou, many.iou[:21], equal_nan=True)


def test_boundary_iou_falls_faster_than_iou(labels: list[np.ndarray]) -> None:
    perfect, moved, plain = BoundaryConfusion(21, width=3), BoundaryConfusion(21, width=3), Confusion(21)
    for truth in labels[:8]:
        perfect.update(shifted(truth, 0), truth)
        moved.update(shifted(truth, 3), truth)
        plain.update(shifted(truth, 3), truth)
    assert perfect.miou == 1
    assert moved.miou < plain.scores("mmseg").miou < 1


def test_boundary_of_predictions_outside_and_other_ignore_indices() -> None:
    truth = np.zeros((20, 20), np.int64)
    truth[:, 10:] = 1
    truth[0] = -1
    prediction = truth.copy()
    prediction[prediction == 1] = 77
    confusion = BoundaryConfusion(2, ignore_index=-1, width=2).update(prediction, truth)
    assert confusion.iou[1] == 0
    assert confusion.iou[0] == 1


def test_boundary_confusions_merge(labels: list[np.ndarray]) -> None:
    a, b, whole = (BoundaryConfusion(21) for _ in range(3))
    a.update(shifted(labels[0], 2), labels[0])
    b.update(shifted(labels[1], 2), labels[1])
    for truth in labels[:2]:
        whole.update(shifted(truth, 2), truth)
    assert np.array_equal((a + b).iou, whole.iou, equal_nan=True)
    with pytest.raises(UsageError, match="different bands"):
        a + BoundaryConfusion(21, width=4)


def test_boundary_of_a_batch_is_that_of_its_images(labels: list[np.ndarray]) -> None:
    truth = np.stack([label[:150, :180] for label in labels[:3]])
    prediction = np.stack([shifted(t, 3) for t in truth])
    one_by_one = BoundaryConfusion(21)
    for p, t in zip(prediction, truth, strict=True):
        one_by_one.update(p, t)
    assert BoundaryConfusion(21).update(prediction, truth, names=["a", "b", "c"]) == one_by_one


def test_boundary_confusions_are_saved_and_shown(labels: list[np.ndarray], tmp_path: Path) -> None:
    confusion = BoundaryConfusion(21, class_names=VOC_NAMES, width=3).update(shifted(labels[0], 2), labels[0])
    path = confusion.save(tmp_path / "b.json")
    assert BoundaryConfusion.load(path) == confusion
    assert f"boundary mIoU {100 * confusion.miou:.2f} %, bands of 3 pixels" in repr(confusion)
    assert f"{100 * confusion.iou[0]:.2f}" in str(confusion)
    values = confusion.to_dict()
    for wrong in ({}, [], values["plain"], {**values, "width": 0}, {**values, "bands": values["plain"]}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ScoreError, match=r"b\.json") as error:
            BoundaryConfusion.load(path)
        assert error.value.code == "bad-confusion"


def test_boundary_errors() -> None:
    label = np.zeros((5, 5), np.uint8)
    with pytest.raises(ScoreError, match="5 x 4"):
        BoundaryConfusion(2).update(label[:, :4], label)
    with pytest.raises(UsageError, match="one image"):
        BoundaryConfusion(2).update(np.zeros((2, 5, 5), np.float32), label)
    with pytest.raises(LabelError, match="truth value 2"):
        BoundaryConfusion(2).update(label, label + 2)
    with pytest.raises(UsageError, match="at least 1"):
        BoundaryConfusion(2, width=0)
    with pytest.raises(UsageError, match="at least 1"):
        trimap(label, 0)


@pytest.mark.parametrize("width", [1, 5])
def test_trimap_by_hand(labels: list[np.ndarray], width: int) -> None:
    truth = labels[3][:60, :70]
    height, columns = truth.shape
    around, void = np.full_like(truth, 255), np.full_like(truth, 255)
    for y in range(height):
        for x in range(columns):
            window = truth[max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
            if (window != truth[y, x]).any():
                around[y, x] = truth[y, x]
            if (window == 255).any():
                void[y, x] = truth[y, x]
    assert np.array_equal(trimap(truth, width), around)
    assert np.array_equal(trimap(truth, width, around="void"), void)


def test_trimap_accuracy_rises_with_the_width(labels: list[np.ndarray]) -> None:
    """The curve of DeepLab's plot: a prediction that is moved by 2 pixels is wrong near boundaries only."""
    curve = []
    for width in (1, 4, 12):
        confusion = Confusion(21)
        for truth in labels[:8]:
            confusion.update(shifted(truth, 5), trimap(truth, width))
        curve.append(confusion.scores("mmseg").pixel_accuracy)
    assert curve == sorted(curve)
    assert curve[0] < curve[-1] - 0.05


# -- intervals ------------------------------------------------------------------------------------------------


def model(labels: list[np.ndarray], by: int, order: Any = None, names: bool = True) -> Confusion:
    confusion = Confusion(21, per_image=True)
    for i in range(len(labels)) if order is None else order:
        confusion.update(shifted(labels[i], by), labels[i], names=f"image{i:02}" if names else None)
    return confusion


def resample_plainly(labels: list[np.ndarray], by: int, resamples: int, seed: int, protocol: str) -> list[float]:
    """mIoU of each resample, one at a time: draw images, add their confusions, score."""
    alone = [Confusion(21).update(shifted(t, by), t) for t in labels]
    out = []
    for picks in np.random.default_rng(seed).integers(0, len(labels), (resamples, len(labels))):
        drawn = Confusion(21)
        for i in picks:
            drawn += alone[i]
        out.append(drawn.scores(protocol).miou)
    return out


@pytest.mark.parametrize("protocol", ["voc", "ade20k", "detectron2", "torchmetrics-micro"])
def test_bootstrap_against_a_loop(labels: list[np.ndarray], protocol: str) -> None:
    confusion = model(labels, 3)
    expected = resample_plainly(labels, 3, 60, 7, protocol)
    found = bootstrap(confusion, protocol, resamples=60, seed=7, level=0.9)
    assert found.miou.low == pytest.approx(np.percentile(expected, 5), abs=1e-14)
    assert found.miou.high == pytest.approx(np.percentile(expected, 95), abs=1e-14)
    assert found.miou.value == confusion.scores(protocol).miou


def test_bootstrap_per_image_is_the_bootstrap_of_a_mean(labels: list[np.ndarray]) -> None:
    confusion = model(labels, 3)
    alone = [Confusion(21).update(shifted(t, 3), t).scores("mmseg").miou for t in labels]
    drawn = np.random.default_rng(0).integers(0, len(labels), (500, len(labels)))
    expected = np.array(alone)[drawn].mean(axis=1)
    found = bootstrap(confusion, "per-image", resamples=500)
    assert found.miou.low == pytest.approx(np.percentile(expected, 2.5), abs=1e-13)
    assert found.miou.high == pytest.approx(np.percentile(expected, 97.5), abs=1e-13)


def test_bootstrap_is_seeded_and_does_not_depend_on_the_order(labels: list[np.ndarray]) -> None:
    order = np.random.default_rng(1).permutation(len(labels))
    for names in (True, False):
        a = bootstrap(model(labels, 3, names=names), resamples=50).to_dict()
        assert a == bootstrap(model(labels, 3, order, names=names), resamples=50).to_dict()
        assert a != bootstrap(model(labels, 3, names=names), resamples=50, seed=1).to_dict()


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Pixel accuracy of images whose accuracy is 0.5 on average: 90 % intervals, 150 trials."""
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(150):
        confusion = Confusion(2, per_image=True)
        for share in rng.beta(2, 2, 40):
            truth = np.zeros(100, np.uint8)
            confusion.update((np.arange(100) >= round(100 * share)).astype(np.uint8), truth)
        found = bootstrap(confusion, resamples=200, level=0.9, seed=trial).pixel_accuracy
        hits += found.low <= 0.5 <= found.high
    assert 120 <= hits <= 146, hits  # binomial(150, 0.9): five standard deviations below, and not always


def test_paired_differences(labels: list[np.ndarray]) -> None:
    good, bad = model(labels, 1), model(labels, 4)
    found = paired_bootstrap(bad, good, "mmseg", resamples=200)
    assert found.difference
    assert found.miou.value == pytest.approx(good.scores("mmseg").miou - bad.scores("mmseg").miou)
    assert 0 < found.miou.low < found.miou.value < found.miou.high
    assert found.miou.excludes_zero
    near, alone = paired_bootstrap(bad, model(labels, 3), "mmseg"), bootstrap(bad, "mmseg")
    spread = near.miou.high - near.miou.low
    assert spread < 0.7 * (alone.miou.high - alone.miou.low), "pairing takes the images' own spread out"
    same = paired_bootstrap(good, good, "mmseg", resamples=50)
    assert same.miou.low == same.miou.high == 0
    assert not same.iou.excludes_zero.any()
    back = paired_bootstrap(good, bad, "mmseg", resamples=200)
    assert back.miou.value == -found.miou.value
    assert back.miou.low == pytest.approx(-found.miou.high, abs=1e-15)


def test_paired_images_are_matched_by_name(labels: list[np.ndarray]) -> None:
    order = np.random.default_rng(3).permutation(len(labels))
    a = paired_bootstrap(model(labels, 4), model(labels, 1), resamples=50).to_dict()
    assert a == paired_bootstrap(model(labels, 4, order), model(labels, 1), resamples=50).to_dict()


def test_paired_images_must_be_the_same(labels: list[np.ndarray]) -> None:
    with pytest.raises(ScoreError, match="1 images are in only one of the two, first 'image19'"):
        paired_bootstrap(model(labels, 1), model(labels[:19], 1))
    order = [1, 0, *range(2, len(labels))]
    with pytest.raises(ScoreError, match="image number 0 has a different truth"):
        paired_bootstrap(model(labels, 1, names=False), model(labels, 1, order, names=False))
    with pytest.raises(ScoreError, match="20 images and 19"):
        paired_bootstrap(model(labels, 1, names=False), model(labels[:19], 1, names=False))
    with pytest.raises(UsageError, match="with names or without"):
        paired_bootstrap(model(labels, 1), model(labels, 1, names=False))


def test_wrong_bootstraps(labels: list[np.ndarray]) -> None:
    with pytest.raises(ScoreError, match="at least 2 images, got 1"):
        bootstrap(model(labels[:1], 1))
    with pytest.raises(UsageError, match="per_image=True"):
        bootstrap(Confusion(21).update(labels[0] * 0, labels[0]))
    with pytest.raises(UsageError, match="level"):
        bootstrap(model(labels[:2], 1), level=95)
    with pytest.raises(UsageError, match="do not hold void"):
        bootstrap(model(labels[:2], 1), "void-as-background")


def test_a_class_in_few_images_has_no_interval() -> None:
    """One image has class 1: every resample with it gives the same IoU, which is not certainty."""
    bad, good = (Confusion(2, per_image=True) for _ in range(2))
    for i in range(12):
        truth = np.zeros((4, 4), np.uint8)
        truth[:2] = i == 0
        bad.update(np.roll(truth, 1, axis=0), truth)
        good.update(truth, truth)
    found = paired_bootstrap(bad, good, "mmseg", resamples=100)
    assert found.iou.value[1] > 0
    assert np.isnan(found.iou.low[1])
    assert np.isnan(found.iou.high[1])
    assert not found.iou.excludes_zero[1]
    assert "in fewer than 5 images" in str(found)
    assert not np.isnan(found.iou.low[0])
    assert np.isnan(bootstrap(bad, "mmseg", resamples=100).iou.low[1])


def test_tables(labels: list[np.ndarray]) -> None:
    found = bootstrap(model(labels, 3), resamples=50)
    assert f"{100 * found.miou.value:.2f}" in str(found)
    assert "20 images, 50 resamples, seed 0" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    text = str(paired_bootstrap(model(labels, 4), model(labels, 1), resamples=50))
    assert "points" in text
    assert "+" in text
    assert "*" in text
