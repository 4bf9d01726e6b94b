"""Panoptic quality: against the statements of panopticapi, and against torchmetrics."""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import LabelError, ScoreError, UsageError

SIZE = (40, 60)
OFFSET = 256**3
Scene = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def scene(seed: int, classes: int = 5, things: tuple[int, ...] = (2, 3, 4)) -> Scene:
    """(prediction, its objects, truth, its objects, crowd): boxes; the prediction moves, loses and adds some."""
    rng = np.random.default_rng(seed)
    maps = [np.zeros(SIZE, np.int64) for _ in range(4)]
    prediction, objects, truth, truth_objects = maps
    crowd = np.zeros(SIZE, bool)
    truth[:, 30:] = prediction[:, 32:] = 1
    for n in range(1, 12):
        y, x, height, width = rng.integers(0, 36), rng.integers(0, 54), rng.integers(3, 14), rng.integers(3, 14)
        c = int(rng.choice(things))
        if rng.random() < 0.9:
            box = np.s_[y : y + height, x : x + width]
            truth[box], truth_objects[box] = c, n
            crowd[box] = n == 5
        if rng.random() < 0.9:
            y, x = y + rng.integers(0, 3), x + rng.integers(0, 3)
            box = np.s_[y : y + height, x : x + width]
            prediction[box], objects[box] = c if rng.random() < 0.9 else int(rng.integers(0, classes)), n + 20
    truth[rng.random(SIZE) < 0.02] = 255
    truth[:6, :9] = 255
    prediction[rng.random(SIZE) < 0.02] = 200
    return prediction, objects, truth, truth_objects, crowd


def panopticapi(scenes: list[Scene], classes: int, things: tuple[int, ...]) -> dict[int, list[float]]:
    """pq_compute_single_core, with its names: sum of IoU, true and false positives, false negatives by category."""
    stat: dict[int, list[float]] = defaultdict(lambda: [0.0, 0, 0, 0])
    for prediction, objects, truth, truth_objects, crowd in scenes:
        pan_gt, pan_pred, gt_segms, pred_segms = np.zeros(SIZE, int), np.zeros(SIZE, int), {}, {}
        for c in range(classes):
            numbers = np.where(truth == c, truth_objects if c in things else 0, -1)
            for n in np.unique(numbers[(numbers >= 0) & ~crowd]):
                new = len(gt_segms) + 1
                mask = (numbers == n) & ~crowd
                pan_gt[mask] = new
                gt_segms[new] = {"category_id": c, "area": int(mask.sum()), "iscrowd": 0}
            if (mask := (truth == c) & crowd).any():
                new = len(gt_segms) + 1
                pan_gt[mask] = new
                gt_segms[new] = {"category_id": c, "area": int(mask.sum()), "iscrowd": 1}
            numbers = np.where(prediction == c, objects if c in things else 0, -1)
            for n in np.unique(numbers[numbers >= 0]):
                new = len(pred_segms) + 1
                pan_pred[numbers == n] = new
                pred_segms[new] = {"category_id": c, "area": int((numbers == n).sum())}
        labels, labels_cnt = np.unique(pan_gt * OFFSET + pan_pred, return_counts=True)
        gt_pred_map = {(k // OFFSET, k % OFFSET): n for k, n in zip(labels.tolist(), labels_cnt.tolist(), strict=True)}
        gt_matched, pred_matched = set(), set()
        for (gt_label, pred_label), intersection in gt_pred_map.items():
            if gt_label not in gt_segms or pred_label not in pred_segms or gt_segms[gt_label]["iscrowd"] == 1:
                continue
            if gt_segms[gt_label]["category_id"] != pred_segms[pred_label]["category_id"]:
                continue
            union = pred_segms[pred_label]["area"] + gt_segms[gt_label]["area"] - intersection
            iou = intersection / (union - gt_pred_map.get((0, pred_label), 0))
            if iou > 0.5:
                stat[gt_segms[gt_label]["category_id"]][1] += 1
                stat[gt_segms[gt_label]["category_id"]][0] += iou
                gt_matched.add(gt_label)
                pred_matched.add(pred_label)
        crowd_labels_dict = {}
        for gt_label, gt_info in gt_segms.items():
            if gt_label in gt_matched:
                continue
            if gt_info["iscrowd"] == 1:
                crowd_labels_dict[gt_info["category_id"]] = gt_label
                continue
            stat[gt_info["category_id"]][3] += 1
        for pred_label, pred_info in pred_segms.items():
            if pred_label in pred_matched:
                continue
            intersection = gt_pred_map.get((0, pred_label), 0)
            if pred_info["category_id"] in crowd_labels_dict:
                intersection += gt_pred_map.get((crowd_labels_dict[pred_info["category_id"]], pred_label), 0)
            if intersection / pred_info["area"] > 0.5:
                continue
            stat[pred_info["category_id"]][2] += 1
    return stat


@pytest.mark.parametrize("seed", range(8))
def test_panopticapi(seed: int) -> None:
    scenes, things = [scene(100 * seed + k) for k in range(4)], (2, 3, 4)
    confusion = pw.PanopticConfusion(6, things=things)
    for prediction, objects, truth, truth_objects, crowd in scenes:
        confusion.update(prediction, objects, truth, truth_objects, crowd=crowd)
    found, official = confusion.scores(), panopticapi(scenes, 6, things)
    for c in range(6):
        iou, tp, fp, fn = official[c]
        assert (found.hits[c], found.false[c], found.missed[c]) == (tp, fp, fn)
        if tp + fp + fn == 0:
            assert np.isnan(found.pq[c])
            continue
        assert found.pq[c] == pytest.approx(iou / (tp + 0.5 * fp + 0.5 * fn), abs=1e-14)
        assert found.sq[c] == pytest.approx(iou / tp if tp else 0, abs=1e-14)
        assert found.rq[c] == pytest.approx(tp / (tp + 0.5 * fp + 0.5 * fn), abs=1e-14)
    assert found.mean_pq == pytest.approx(np.nanmean(found.pq))
    assert found.things_pq == pytest.approx(np.nanmean(found.pq[list(things)]))


@pytest.mark.parametrize("seed", range(4))
def test_torchmetrics(seed: int) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detection = pytest.importorskip("torchmetrics.detection")
    prediction, objects, truth, truth_objects, _ = scene(seed)
    prediction = np.where(prediction == 200, 0, prediction)
    confusion = pw.PanopticConfusion(5, things=(2, 3, 4)).update(prediction, objects, truth, truth_objects)
    metric = detection.PanopticQuality(things={2, 3, 4}, stuffs={0, 1}, return_sq_and_rq=True, return_per_class=True)
    pairs = [(prediction, objects), (np.where(truth == 255, 77, truth), truth_objects)]
    known = [np.stack([c, np.where(np.isin(c, (2, 3, 4)), n, 0)], axis=-1)[None] for c, n in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric.update(torch.from_numpy(known[0]), torch.from_numpy(known[1]))
        table = metric.compute().numpy()
    order = [2, 3, 4, 0, 1]
    found = confusion.scores()
    assert np.allclose(np.nan_to_num(np.stack([found.pq, found.sq, found.rq], axis=1)[order]), table, atol=1e-7)


def test_segments_merge_and_are_saved(tmp_path: Path) -> None:
    whole, parts = pw.PanopticConfusion(6), [pw.PanopticConfusion(6) for _ in range(3)]
    for k, part in enumerate(parts):
        *maps, crowd = scene(k)
        whole.update(*maps, f"image{k}", crowd=crowd)
        part.update(*maps, f"image{k}", crowd=crowd)
    assert parts[0] + parts[1] + parts[2] == whole
    assert (parts[2] + parts[0] + parts[1]).scores().to_dict() == whole.scores().to_dict()
    assert pw.PanopticConfusion.load(whole.save(tmp_path / "segments.json")) == whole
    json.dumps(whole.scores().to_dict(), allow_nan=False)
    assert "things" in str(whole.scores())


ONE = np.zeros((2, 3), int)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pw.PanopticConfusion(2).update(ONE, ONE, ONE, ONE[:1]), "of one size"),
        (lambda: pw.PanopticConfusion(2).update(ONE, ONE - 1, ONE, ONE), "object numbers"),
        (lambda: pw.PanopticConfusion(2).update(ONE, ONE, ONE + 7, ONE), "truth value 7"),
        (lambda: pw.PanopticConfusion(2).scores(), "no segment"),
        (lambda: pw.PanopticConfusion(2, things=["dog"]), "things must be"),
        (lambda: pw.PanopticConfusion(2).__iadd__(pw.PanopticConfusion(2, things=[0])), "different things"),
    ],
)
def test_wrong_segments(call: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError, LabelError), match=says):
        call()
