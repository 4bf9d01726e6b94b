"""Average precision: against pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import ScoreError, UsageError

SIZE = (150, 170)
Image = tuple[list[tuple[int, float, np.ndarray]], list[tuple[int, np.ndarray]], list[tuple[int, np.ndarray]]]


def box(rng: np.random.Generator, near: np.ndarray | None = None) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    if near is not None:
        return np.roll(near, rng.integers(-4, 5, 2), (0, 1))
    y, x = rng.integers(0, 120), rng.integers(0, 140)
    mask[y : y + rng.integers(4, 130), x : x + rng.integers(4, 130)] = True
    return mask


def image(seed: int, classes: int) -> Image:
    """Objects of all sizes, some crowds; predictions near them, doubled, of other classes, and elsewhere."""
    rng = np.random.default_rng(seed)
    objects = [(int(rng.integers(0, classes)), box(rng)) for _ in range(rng.integers(1, 8))]
    crowds = [(int(rng.integers(0, classes)), box(rng)) for _ in range(rng.integers(0, 3))]
    predictions = []
    for c, mask in [*objects, *crowds]:
        for _ in range(rng.integers(0, 4)):
            kind = c if rng.random() < 0.9 else int(rng.integers(0, classes))
            predictions.append((kind, float(np.round(rng.random(), 2)), box(rng, mask)))
    predictions += [(int(rng.integers(0, classes)), float(rng.random()), box(rng)) for _ in range(3)]
    return predictions, objects, crowds


def cocoeval(images: list[Image], classes: int) -> Any:
    from pycocotools import mask as masks
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def coded(mask: np.ndarray) -> dict[str, Any]:
        return masks.encode(np.asfortranarray(mask.astype(np.uint8)))  # type: ignore[no-any-return]

    annotations, results = [], []
    for k, (predictions, objects, crowds) in enumerate(images):
        for crowd, part in ((0, objects), (1, crowds)):
            for c, mask in part:
                entry = {"image_id": k, "category_id": c, "iscrowd": crowd, "segmentation": coded(mask)}
                annotations.append(entry | {"id": len(annotations) + 1, "area": int(mask.sum()), "ignore": 0})
        results += [
            {"image_id": k, "category_id": c, "score": s, "segmentation": coded(m)} for c, s, m in predictions
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": k, "height": SIZE[0], "width": SIZE[1]} for k in range(len(images))],
            "annotations": annotations,
            "categories": [{"id": c} for c in range(classes)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_pycocotools(seed: int) -> None:
    images = [image(100 * seed + k, 3) for k in range(6)]
    matches = pw.ObjectMatches(4)
    for each in images:
        matches.update(*each)
    found, official = matches.scores(), cocoeval(images, 4)
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    for k, name in enumerate(names):
        expected = official.stats[k]
        assert getattr(found, name) == pytest.approx(expected if expected >= 0 else np.nan, abs=1e-12, nan_ok=True)
    assert found.ar == pytest.approx(official.stats[8], abs=1e-12)
    precision = official.eval["precision"][:, :, :, 0, 2]
    by_class = [p[p > -1].mean() if (p > -1).any() else np.nan for p in np.moveaxis(precision, 2, 0)]
    assert np.allclose(found.by_class, by_class, atol=1e-12, equal_nan=True)


def test_objects_of_a_sample() -> None:
    label, instances = np.array([[1, 1, 2], [1, 255, 2]]), np.array([[1, 2, 3], [0, 4, 3]])
    found = pw.objects_of(label, instances, [1, 2])
    assert [(c, m.astype(int).tolist()) for c, m in found] == [
        (1, [[1, 0, 0], [0, 0, 0]]), (1, [[0, 1, 0], [0, 0, 0]]), (2, [[0, 0, 1], [0, 0, 1]]),
    ]  # fmt: skip


def test_matches_merge_and_are_saved(tmp_path: Path) -> None:
    images = [image(k, 3) for k in range(3)]
    whole, parts = pw.ObjectMatches(3), [pw.ObjectMatches(3).update(*each) for each in images]
    for each in images:
        whole.update(*each)
    assert parts[0] + parts[1] + parts[2] == whole
    assert pw.ObjectMatches.load(whole.save(tmp_path / "matches.json")) == whole
    json.dumps(whole.scores().to_dict(), allow_nan=False)
    assert "ap50" in str(whole.scores())


MASK = np.ones((2, 3), bool)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: m.update([(2, 0.5, MASK)], []), "class of an object"),
        (lambda m: m.update([(0, "high", MASK)], []), "score of an object"),
        (lambda m: m.update([(0, 0.5, MASK[0])], []), "a mask must be"),
        (lambda m: m.update([(0, 0.5, MASK)], [(0, MASK[:1])]), "have the sizes"),
        (lambda m: m.scores(), "no object"),
        (lambda m: m.__iadd__(pw.ObjectMatches(2, most=5)), "different options"),
    ],
)
def test_wrong_matches(call: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError), match=says):
        call(pw.ObjectMatches(2))
