"""J and F of DAVIS: against the statements of davis2017-evaluation."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

import pixelwise as pw
from pixelwise.errors import ScoreError, UsageError


def f_measure(foreground_mask: np.ndarray, gt_mask: np.ndarray) -> float:
    """f_measure and _seg2bmap of metrics.py, with their names; `disk` is skimage's."""
    bound_pix = np.ceil(0.008 * np.linalg.norm(foreground_mask.shape))
    reach = np.arange(-int(bound_pix), int(bound_pix) + 1)
    disk = (reach[:, None] ** 2 + reach**2 <= bound_pix**2).astype(np.uint8)

    def seg2bmap(seg: np.ndarray) -> np.ndarray:
        e, s, se = np.zeros_like(seg), np.zeros_like(seg), np.zeros_like(seg)
        e[:, :-1] = seg[:, 1:]
        s[:-1, :] = seg[1:, :]
        se[:-1, :-1] = seg[1:, 1:]
        b = seg ^ e | seg ^ s | seg ^ se
        b[-1, :] = seg[-1, :] ^ e[-1, :]
        b[:, -1] = seg[:, -1] ^ s[:, -1]
        b[-1, -1] = 0
        return b

    fg_boundary, gt_boundary = seg2bmap(foreground_mask), seg2bmap(gt_mask)
    fg_dil, gt_dil = (cv2.dilate(b.astype(np.uint8), disk) for b in (fg_boundary, gt_boundary))
    n_fg, n_gt = fg_boundary.sum(), gt_boundary.sum()
    if n_fg == 0 and n_gt > 0:
        precision, recall = 1.0, 0.0
    elif n_fg > 0 and n_gt == 0:
        precision, recall = 0.0, 1.0
    elif n_fg == 0 and n_gt == 0:
        precision, recall = 1.0, 1.0
    else:
        precision, recall = (fg_boundary * gt_dil).sum() / n_fg, (gt_boundary * fg_dil).sum() / n_gt
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def db_eval_iou(annotation: np.ndarray, segmentation: np.ndarray) -> float:
    union = (segmentation | annotation).sum()
    return float((segmentation & annotation).sum() / union) if union else 1.0


def db_statistics(per_frame_values: np.ndarray) -> tuple[float, float, float]:
    ids = np.round(np.linspace(1, len(per_frame_values), 5) + 1e-10) - 1
    ids = ids.astype(np.uint8)
    bins = [per_frame_values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return per_frame_values.mean(), (per_frame_values > 0.5).mean(), np.mean(bins[0]) - np.mean(bins[3])


def video(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(predictions, truths) of three objects that move; void in the truth, an object that is lost."""
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(30, 200, 2))
    first = ndimage.gaussian_filter(rng.random((4, *size)), (0, 6, 6)).argmax(axis=0)
    truths = [np.roll(first, k, 1) for k in range(rng.integers(3, 12))]
    predictions = [np.roll(t, rng.integers(-3, 4, 2), (0, 1)) for t in truths]
    if seed % 2:
        predictions = [np.where(p == 2, 0, p) for p in predictions]
    for t in truths:
        t[rng.random(t.shape) < 0.01] = 255
    return predictions, truths


@pytest.mark.parametrize("seed", range(6))
def test_j_and_f(seed: int) -> None:
    predictions, truths = video(seed)
    found = pw.davis_scores({"car": (predictions, truths)})
    assert found.objects == ("car_1", "car_2", "car_3")
    frames = list(zip(predictions, truths, strict=True))[1:-1]
    for k in range(3):
        j = np.array([db_eval_iou(t == k + 1, p == k + 1) for p, t in frames])
        f = np.array([f_measure(p == k + 1, t == k + 1) for p, t in frames])
        assert tuple(found.j[k]) == pytest.approx(db_statistics(j), abs=1e-15)
        assert tuple(found.f[k]) == pytest.approx(db_statistics(f), abs=1e-15)
    assert found.j_and_f == pytest.approx((np.mean([s.mean for s in found.j]) + np.mean([s.mean for s in found.f])) / 2)
    assert "J&F" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


FRAME = np.ones((4, 5), int)


@pytest.mark.parametrize(
    ("sequences", "says"),
    [
        ({}, "no object"),
        ({"a": ([FRAME], [FRAME, FRAME])}, "1 predictions for 2 frames"),
        ({"a": ([FRAME] * 2, [FRAME] * 2)}, "no frames are left"),
        ({"a": ([FRAME[1:]] * 3, [FRAME] * 3)}, "prediction is"),
        ({"a": ([FRAME * 2] * 3, [FRAME] * 3)}, "object 2 is predicted"),
        ({"a": ([FRAME[0]] * 3, [FRAME[0]] * 3)}, "frames must be"),
    ],
)
def test_wrong_videos(sequences: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError), match=says):
        pw.davis_scores(sequences)
