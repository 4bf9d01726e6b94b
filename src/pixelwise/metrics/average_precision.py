"""Average precision of predicted objects, by the rule of pycocotools."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, as_ids, check_count, check_whole, is_whole
from ..classes import ClassTable
from ..errors import ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64, I64, Bool
from .confusion import Confusion
from .rates import mean
from .sums import Sum

THRESHOLDS: Final = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""The IoU from which on objects match (pycocotools, cocoeval.py: Params.setDetParams)."""

AREAS: Final[Mapping[str, tuple[float, float]]] = {
    "all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10),
}  # fmt: skip
"""Pixels of an object, in ranges (the same place)."""

_RECALLS = np.linspace(0.0, 1.0, 101)


@answering
@dataclass(frozen=True, slots=True, eq=False)
class AveragePrecision(Result):
    """The scores of COCO as fractions from 0 to 1; NaN if there is none.

    ap: the mean over IoU 0.50 to 0.95 in steps of 0.05 and over classes; ap50, ap75: at one IoU. ap_small, ap_medium,
    ap_large: of objects below 32 x 32, up to 96 x 96, and above. ar: the mean recall. by_class: (C,) float64, the AP.
    """

    class_names: tuple[str, ...]
    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar: float
    by_class: F64

    def __repr__(self) -> str:
        return f"AveragePrecision(AP {in_percent(self.ap)} %, AP50 {in_percent(self.ap50)} %)"

    def __str__(self) -> str:
        width = max(9, *(len(name) for name in self.class_names))
        rows = zip(self.class_names, self.by_class, strict=True)
        lines = [f"{name:<{width}}  {in_percent(v):>6}" for name, v in rows]
        kinds = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar")
        lines += ["", *(f"{kind:<{width}}  {in_percent(getattr(self, kind)):>6}" for kind in kinds)]
        return "\n".join([f"{'':<{width}}    AP %", *lines])


@hinted
class ObjectMatches(Sum):
    """Predicted objects with scores, matched to the objects of the truth image by image.

    Lin et al.: Microsoft COCO, ECCV 2014, as pycocotools, cocoeval.py computes it for masks: within a class,
    predictions take, in the order of their scores, the free object that they overlap most, if their IoU reaches the
    threshold. What lies in a crowd is not counted; void pixels may be given as one. Areas are pixels of masks
    (pycocotools takes those that the annotations state).

    num_classes, class_names: as for Confusion. most: predictions of a class that count in an image, best first.
    Thread-safe; merges by addition. Predictions of equal scores count in the order of the images.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> first, second = np.zeros((2, 8, 8), bool)
    >>> first[1:4, 1:4] = second[5:7, 5:7] = True
    >>> matches = pw.ObjectMatches(2, class_names=("cat", "dog"))
    >>> matches.update([(1, 0.9, first), (1, 0.8, second)], [(1, first)])
    ObjectMatches(num_classes=2: 2 predictions, 1 objects)
    >>> matches.scores()
    AveragePrecision(AP 100.00 %, AP50 100.00 %)
    """

    _format = "pixelwise-object-matches"

    def __init__(
        self, num_classes: int | ClassTable, *, class_names: Sequence[str] | None = None, most: int = 100
    ) -> None:
        known = Confusion(num_classes, class_names=class_names)
        self.num_classes: int = known.num_classes
        self.class_names: tuple[str, ...] = known.class_names
        self.most: int = check_count("most", most)
        # Of each class and image: scores (D,), matched and ignored (A, T, D), objects that count (A,).
        self._images: list[tuple[int, F64, Bool, Bool, I64]] = []
        self._lock = threading.Lock()

    def update(
        self,
        predictions: Iterable[tuple[int, float, Any]],
        objects: Iterable[tuple[int, Any]],
        crowds: Iterable[tuple[int, Any]] = (),
    ) -> ObjectMatches:
        """Count one image; returns self.

        predictions: (class id, score, mask) each, the mask (H, W) bool. objects, crowds: (class id, mask) each, of the
        truth; `objects_of(label, instances)` makes them of a sample. UsageError `bad-array`, ScoreError `wrong-size`.
        """
        found = [(self._class(c), _score(s), _mask(m)) for c, s, m in predictions]
        truth = [(self._class(c), _mask(m), False) for c, m in objects]
        truth += [(self._class(c), _mask(m), True) for c, m in crowds]
        sizes = {m.shape for *_, m in found} | {m.shape for _, m, _ in truth}
        if len(sizes) > 1:
            raise ScoreError(f"masks of one image have the sizes {sorted(sizes)}", code="wrong-size", fix="resize them")
        rows = []
        for c in sorted({c for c, *_ in found} | {c for c, *_ in truth}):
            mine = [(m, crowd) for k, m, crowd in truth if k == c]
            rows.append((c, *_matched([(s, m) for k, s, m in found if k == c], mine, self.most)))
        with self._lock:
            self._images.extend(rows)
        return self

    def scores(self) -> AveragePrecision:
        """The scores; see `AveragePrecision`. ScoreError `nothing-scored` if there is no object in the truth."""
        with self._lock:
            images = list(self._images)
        if not any(row[-1][0] for row in images):
            raise ScoreError("nothing to score: no object", code="nothing-scored", fix="give the objects of the truth")
        precision = np.full((len(AREAS), len(THRESHOLDS), self.num_classes), np.nan)
        recall = precision.copy()
        for c in range(self.num_classes):
            rows = [row[1:] for row in images if row[0] == c]
            if rows:
                precision[:, :, c], recall[:, :, c] = _accumulated(rows)
        every, small, medium, large = (float(mean(p.reshape(-1))) for p in precision)
        ap50, ap75 = (float(mean(precision[0, k])) for k in (0, 5))
        ar, by_class = float(mean(recall[0].reshape(-1))), mean(precision[0], axis=0)
        return AveragePrecision(self.class_names, every, ap50, ap75, small, medium, large, ar, by_class)

    def _class(self, c: Any) -> int:
        if not is_whole(c) or not 0 <= c < self.num_classes:
            raise UsageError(f"the class of an object must be 0..{self.num_classes - 1}, got {c!r}")
        return int(c)

    def __iadd__(self, other: ObjectMatches) -> ObjectMatches:
        if not isinstance(other, ObjectMatches):
            return NotImplemented
        if (self.num_classes, self.most) != (other.num_classes, other.most):
            raise UsageError("cannot add object matches of different options", code="confusions-differ")
        with other._lock:
            images = list(other._images)
        with self._lock:
            self._images.extend(images)
        return self

    def _empty(self) -> ObjectMatches:
        return ObjectMatches(self.num_classes, class_names=self.class_names, most=self.most)

    def _values(self) -> dict[str, Any]:
        with self._lock:
            images = [[c, *(a.tolist() for a in arrays)] for c, *arrays in self._images]
        options = {"num_classes": self.num_classes, "class_names": list(self.class_names), "most": self.most}
        return options | {"images": images}

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> ObjectMatches:
        out = cls(data["num_classes"], class_names=data["class_names"], most=data["most"])
        for c, scores, matched, ignored, objects in data["images"]:
            shape = (len(AREAS), len(THRESHOLDS), len(scores))
            hits, skipped = (np.array(a, bool).reshape(shape) for a in (matched, ignored))
            number = np.array(objects, np.int64).reshape(len(AREAS))
            out._images.append((out._class(c), np.array(scores, np.float64), hits, skipped, number))
        return out

    def __repr__(self) -> str:
        predictions = sum(len(row[1]) for row in self._images)
        objects = sum(int(row[-1][0]) for row in self._images)
        return f"ObjectMatches(num_classes={self.num_classes}: {predictions} predictions, {objects} objects)"


@hinted
def objects_of(label: Any, instances: Any, classes: Iterable[int], first: int = 1) -> list[tuple[int, Bool]]:
    """The objects of a sample, for `ObjectMatches.update`: (class id, mask) of each number and class.

    label, instances: (H, W) integers. classes: ids of those with objects. first: the smallest number of an object.
    """
    ids, numbers = as_ids("label", label), as_ids("instances", instances)
    first = check_whole("first", first)
    if not isinstance(classes, Iterable) or isinstance(classes, (str, bytes)):
        raise UsageError(f"classes must be ids of classes, got {classes!r:.80}")
    out = []
    for c in (check_whole("classes", one) for one in classes):
        here = (ids == c) & (numbers >= first)
        out += [(int(c), np.asarray(here & (numbers == n))) for n in np.unique(numbers[here])]
    return out


def _matched(
    predictions: list[tuple[float, Bool]], truth: list[tuple[Bool, bool]], most: int
) -> tuple[F64, Bool, Bool, I64]:
    # evaluateImg, for all ranges of areas.
    order = np.argsort([-s for s, _ in predictions], kind="stable")[:most]
    scores = np.array([predictions[i][0] for i in order], np.float64)
    masks = [predictions[i][1] for i in order]
    overlap = _overlaps(masks, truth)
    area, true_area = (np.array([int(m.sum()) for m in part], np.float64) for part in (masks, [m for m, _ in truth]))
    crowd = np.array([c for _, c in truth], bool)
    shape = (len(AREAS), len(THRESHOLDS), len(scores))
    matched, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    objects = np.zeros(len(AREAS), np.int64)
    for a, (least, largest) in enumerate(AREAS.values()):
        out = crowd | (true_area < least) | (true_area > largest)
        objects[a] = int((~out).sum())
        ordered = np.argsort(out, kind="stable")
        for k, threshold in enumerate(THRESHOLDS):
            hits, skipped = _taken(overlap[:, ordered], out[ordered], crowd[ordered], threshold)
            far = (area < least) | (area > largest)
            matched[a, k], ignored[a, k] = hits, skipped | (~hits & far)
    return scores, matched, ignored, objects


def _taken(overlap: F64, out: Bool, crowd: Bool, threshold: float) -> tuple[Bool, Bool]:
    # For each prediction: whether it takes an object, and whether that one does not count.
    hits, skipped = np.zeros(len(overlap), bool), np.zeros(len(overlap), bool)
    free = np.ones(len(out), bool)
    for d, row in enumerate(overlap):
        best, at = min(threshold, 1 - 1e-10), -1
        for g, value in enumerate(row):
            if not free[g] and not crowd[g]:
                continue
            if at >= 0 and not out[at] and out[g]:
                break  # objects that do not count come last
            if value >= best:
                best, at = value, g
        if at >= 0:
            hits[d], skipped[d], free[at] = True, out[at], False
    return hits, skipped


def _overlaps(masks: list[Bool], truth: list[tuple[Bool, bool]]) -> F64:
    # IoU; with a crowd, the share of the prediction that lies in it.
    if not masks or not truth:
        return np.zeros((len(masks), len(truth)))
    ours, theirs = (np.stack([m.reshape(-1) for m in part]) for part in (masks, [m for m, _ in truth]))
    both = ours.astype(np.float32) @ theirs.astype(np.float32).T  # whole numbers below 2^24: an image has 50 million
    if ours.shape[1] >= 1 << 24:
        both = np.array([[np.count_nonzero(p & t) for t in theirs] for p in ours], np.float64)
    area, true_area = (m.sum(axis=1).astype(np.float64) for m in (ours, theirs))
    crowd = np.array([c for _, c in truth], bool)
    under = np.where(crowd[None], area[:, None], area[:, None] + true_area[None] - both)
    out: F64 = np.divide(both, under, out=np.zeros(both.shape), where=under > 0)
    return out


def _accumulated(rows: list[tuple[F64, Bool, Bool, I64]]) -> tuple[F64, F64]:
    # accumulate: (A, T) average precision and recall of one class, NaN without an object.
    scores = np.concatenate([s for s, *_ in rows])
    order = np.argsort(-scores, kind="stable")
    matched, ignored = (np.concatenate([row[k] for row in rows], axis=2)[:, :, order] for k in (1, 2))
    objects = np.sum([n for *_, n in rows], axis=0)
    precision, recall = (np.full(matched.shape[:2], np.nan) for _ in range(2))
    for a, t in np.ndindex(*precision.shape):
        if not objects[a]:
            continue
        hits = np.cumsum(matched[a, t] & ~ignored[a, t]).astype(np.float64)
        false = np.cumsum(~matched[a, t] & ~ignored[a, t]).astype(np.float64)
        found = hits / objects[a]
        right = hits / (hits + false + np.spacing(1))
        right = np.maximum.accumulate(right[::-1])[::-1]
        at = np.searchsorted(found, _RECALLS, side="left")
        kept = at < len(right)
        precision[a, t] = right[at[kept]].sum() / len(_RECALLS)
        recall[a, t] = found[-1] if len(found) else 0.0
    return precision, recall


def _mask(mask: Any) -> Bool:
    found: NDArray[Any] = as_array("mask", mask)
    if found.dtype.kind not in "bui" or found.ndim != 2:
        raise UsageError(f"a mask must be (H, W) bool, got {found.dtype} {found.shape}", code="bad-array")
    return np.asarray(found > 0)


def _score(score: Any) -> float:
    if not (is_whole(score) or isinstance(score, (float, np.floating))) or np.isnan(float(score)):
        raise UsageError(f"the score of an object must be a number, got {score!r}")
    return float(score)
