"""Scores by object: against cityscapesscripts, and against loops over objects."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.errors import ScoreError, UsageError
from pixelwise.metrics.instances import CITYSCAPES_OBJECT_SIZES
from pixelwise.metrics.protocols import CITYSCAPES_CLASSES

SIZE = (48, 80)
Scene = tuple[np.ndarray, np.ndarray, np.ndarray]


def scene(seed: int, classes: int, first: int = 1, objects: int = 9) -> Scene:
    """(prediction, truth, instances): boxes on a background; some touch, some hide others."""
    rng = np.random.default_rng(seed)
    truth, instances = np.zeros(SIZE, np.int64), np.zeros(SIZE, np.int64)
    for k in range(objects):
        y, x = rng.integers(0, 40), rng.integers(0, 70)
        box = np.s_[y : y + rng.integers(3, 20), x : x + rng.integers(3, 20)]
        truth[box], instances[box] = rng.integers(1, classes), first + k
    truth[rng.random(SIZE) < 0.03] = 255
    prediction = np.roll(truth, rng.integers(0, 4), 1)
    prediction = np.where(rng.random(SIZE) < 0.75, prediction, rng.integers(0, classes, SIZE))
    return np.where(prediction == 255, 200, prediction), truth, instances


def by_loops(scenes: list[Scene], classes: int) -> tuple[list[float], list[float], list[int]]:
    """iIoU with the objects' own mean size, IoU^K, number of objects: one object at a time, with sets of pixels."""
    sizes: list[list[int]] = [[] for _ in range(classes)]
    hits: list[list[int]] = [[] for _ in range(classes)]
    ious: list[list[float]] = [[] for _ in range(classes)]
    false = [0] * classes
    of_images: list[list[float]] = [[] for _ in range(classes)]
    for prediction, truth, instances in scenes:
        for c in range(classes):
            wrong = int(((prediction == c) & (truth != c) & (truth != 255)).sum())
            false[c] += wrong
            found = [(instances == n) & (truth == c) for n in np.unique(instances[(instances > 0) & (truth == c)])]
            whole = sum(int(m.sum()) for m in found)
            for mask in found:
                size, hit = int(mask.sum()), int((mask & (prediction == c)).sum())
                sizes[c].append(size)
                hits[c].append(hit)
                ious[c].append(hit / (size + wrong * size / whole))
            if (truth == c).any():
                both = ((prediction == c) & (truth == c)).sum()
                of_images[c].append(both / ((truth == c).sum() + wrong))
    iiou, object_iou = [], []
    for c in range(classes):
        if not sizes[c]:
            iiou.append(np.nan)
            object_iou.append(np.mean(of_images[c]) if of_images[c] else np.nan)
            continue
        size = np.mean(sizes[c])
        tp = sum(size / s * h for s, h in zip(sizes[c], hits[c], strict=True))
        fn = sum(size / s * (s - h) for s, h in zip(sizes[c], hits[c], strict=True))
        iiou.append(tp / (tp + fn + false[c]))
        object_iou.append(np.mean(ious[c]))
    return iiou, object_iou, [len(s) for s in sizes]


@pytest.mark.parametrize("seed", range(5))
def test_objects_by_loops(seed: int) -> None:
    scenes = [scene(10 * seed + k, 5) for k in range(4)]
    confusion = pw.InstanceConfusion(6)
    for each in scenes:
        confusion.update(*each)
    found = confusion.scores()
    iiou, object_iou, objects = by_loops(scenes, 6)
    assert found.objects.tolist() == objects
    assert np.allclose(found.iiou, iiou, rtol=1e-13, equal_nan=True)
    assert np.allclose(found.object_iou, object_iou, rtol=1e-13, equal_nan=True)
    assert found.object_miou == pytest.approx(np.nanmean(object_iou), rel=1e-13)
    plain = pw.Confusion(6, per_image=True)
    for prediction, truth, _ in scenes:
        plain.update(prediction, truth)
    assert confusion.plain == plain


@pytest.mark.parametrize("size", [(70, 90), (3, 257), (40, 64)])
def test_large_objects_are_counted_as_pixel_by_pixel(size: tuple[int, int]) -> None:
    """Codes of two bytes, which more than 252 classes need, are never counted 64 or eight at once."""
    truth, numbers = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    truth[1:, 5:], numbers[1:, 5:], numbers[2:, 80:] = 1, 7, 9
    truth[-1, -9:] = 2
    prediction = np.roll(truth, 2, axis=1)
    fast, plain = (pw.InstanceConfusion(c, -1).update(prediction, truth.astype(int), numbers) for c in (3, 300))
    assert np.array_equal(fast.objects, plain.objects)
    assert fast.objects[:, 1].sum() == (numbers > 0).sum()


def test_cityscapesscripts_with_instances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    from cityscapesscripts.helpers.labels import labels

    if not hasattr(np, "in1d"):
        monkeypatch.setattr(np, "in1d", np.isin, raising=False)
    monkeypatch.setattr(script, "CSUPPORT", False)
    to_id = {label.trainId: label for label in labels if 0 <= label.trainId < 19}
    things = [t for t, label in to_id.items() if label.hasInstances]
    confusion, files = pw.InstanceConfusion(19, class_names=CITYSCAPES_CLASSES), []
    for k in range(5):
        rng = np.random.default_rng(k)
        truth = np.repeat(np.repeat(rng.integers(0, 19, (6, 10)), 8, 0), 8, 1)
        instances = np.array([label.id for label in to_id.values()])[truth]
        for n in range(12):
            y, x = rng.integers(0, 40), rng.integers(0, 70)
            box = np.s_[y : y + rng.integers(3, 20), x : x + rng.integers(3, 20)]
            t = int(rng.choice(things))
            truth[box], instances[box] = t, to_id[t].id * 1000 + n
        prediction = np.where(rng.random(SIZE) < 0.7, truth, rng.integers(0, 19, SIZE))
        void = rng.random(SIZE) < 0.05
        ids = np.array([label.id for label in to_id.values()])
        label_ids = np.where(void, 4, ids[truth])
        instances = np.where(void, 4, instances)
        truth = np.where(void, 255, truth)
        pair = [tmp_path / f"{k}_pred.png", tmp_path / f"{k}_gtFine_labelIds.png"]
        Image.fromarray(ids[prediction].astype(np.uint8)).save(pair[0])
        Image.fromarray(label_ids.astype(np.uint8)).save(pair[1])
        Image.fromarray(instances.astype(np.uint16)).save(tmp_path / f"{k}_gtFine_instanceIds.png")
        files.append(pair)
        confusion.update(prediction, truth, instances, f"image{k}")
    script.args.quiet, script.args.JSONOutput = True, False
    official = script.evaluateImgLists([str(p) for p, _ in files], [str(t) for _, t in files], script.args)
    found = confusion.scores()
    for c, name in enumerate(CITYSCAPES_CLASSES):
        assert found.iiou[c] == pytest.approx(official["classInstScores"][name], rel=1e-13, nan_ok=True)
        assert confusion.plain.scores("cityscapes").iou[c] == official["classScores"][name]
    assert found.miiou == pytest.approx(official["averageScoreInstClasses"], rel=1e-13)
    assert found.categories is not None
    assert list(found.categories) == ["human", "vehicle"]
    for name, value in found.categories.items():
        assert value == pytest.approx(official["categoryInstScores"][name], rel=1e-13)
    assert found.category_miiou == pytest.approx(official["averageScoreInstCategories"], rel=1e-13)
    assert "human" in str(found)
    for name, size in CITYSCAPES_OBJECT_SIZES.items():
        assert size == script.args.avgClassSize[name]


def test_objects_merge_in_any_order_and_are_saved(tmp_path: Path) -> None:
    scenes = [scene(k, 4) for k in range(4)]
    whole, parts = pw.InstanceConfusion(5), [pw.InstanceConfusion(5) for _ in scenes]
    for k, (each, part) in enumerate(zip(scenes, parts, strict=True)):
        whole.update(*each, f"image{k}")
        part.update(*each, f"image{k}")
    summed = parts[0] + parts[1] + parts[2] + parts[3]
    assert summed == whole
    assert summed.scores().to_dict() == whole.scores().to_dict()
    assert pw.InstanceConfusion.load(whole.save(tmp_path / "objects.json")) == whole
    assert pickle.loads(pickle.dumps(whole.to_dict())) == whole.to_dict()
    json.dumps(whole.scores().to_dict(), allow_nan=False)
    backwards = parts[3] + parts[2] + parts[1] + parts[0]
    assert backwards.scores().to_dict() == whole.scores().to_dict()


@pytest.mark.parametrize("classes", [6, 300])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64])
def test_flat_regions_and_many_objects(classes: int, kind: Any) -> None:
    """What is counted eight pixels at once is what loops count; with more objects than there was room for at first."""
    rng = np.random.default_rng(classes)
    many = 600 if kind != np.uint8 else 200
    numbers = np.repeat(rng.integers(0, many, (40, 15)), 11, axis=1).astype(kind)
    truth = np.where(numbers % 7 == 3, 255, numbers % 5).astype(np.int64)
    prediction = np.where(np.repeat(rng.random((40, 33)) < 0.8, 5, axis=1), truth, rng.integers(0, 6, truth.shape))
    prediction[prediction == 255] = 200
    void = 255 if classes < 255 else 1000
    confusion = pw.InstanceConfusion(classes, void)
    confusion.update(prediction, np.where(truth == 255, void, truth), numbers)
    iiou, object_iou, objects = by_loops([(prediction, truth, numbers)], 6)
    found = confusion.scores()
    assert found.objects[:6].tolist() == objects
    assert np.allclose(found.iiou[:6], iiou, rtol=1e-13, equal_nan=True)
    assert np.allclose(found.object_iou[:6], object_iou, rtol=1e-13, equal_nan=True)


def test_large_numbers_are_numbers_too() -> None:
    prediction, truth, instances = scene(3, 4)
    small, large = pw.InstanceConfusion(5), pw.InstanceConfusion(5)
    small.update(prediction, truth, instances)
    large.update(prediction, truth, np.where(instances > 0, instances.astype(np.uint64) + (1 << 31), 0))
    assert small == large


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: c.update([[0]], [[0]], [[0, 1]]), "instances are"),
        (lambda c: c.update([0], [0], [1]), "one image"),
        (lambda c: c.update([[0]], [[0]], [[0.5]]), "instances must be"),
        (lambda c: c.update([[0]], [[0]], [[0]]).scores(), "no object was counted"),
        (lambda c: c.__iadd__(pw.InstanceConfusion(2, first_object=3)), "different options"),
        (lambda c: pw.InstanceConfusion(2, sizes={"dog": 3}), "sizes must be"),
        (lambda c: pw.InstanceConfusion.from_dict(c.to_dict() | {"objects": [[9] * 6]}), "not a saved confusion"),
    ],
)
def test_wrong_objects(call: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError), match=says):
        call(pw.InstanceConfusion(2))
