"""Scores of probabilities: every threshold at once, and how far confidence can be trusted."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import as_array, as_ids, check_choice, check_count, is_number, stray_id
from ..classes import ClassTable
from ..errors import LabelError, ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64, I64, Bool
from .confusion import Confusion
from .rates import mean, ratio
from .sums import Sum

_VALUES = 0x3C01  # the float16 numbers from 0 to 1: their bits are 0 to 0x3C00, in the order of the numbers
_NUMBERS = np.arange(_VALUES, dtype=np.uint16).view(np.float16).astype(np.float64)
_BELOW = np.concatenate([[-_NUMBERS[1]], _NUMBERS[:-1]])  # of each number the one before it

_MIRROR = (1 - _NUMBERS).astype(np.float16).view(np.uint16)  # where the complement of each number is
_HALF = int(np.array(0.5, np.float16).view(np.uint16))


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Curve(Result):
    """One class at every threshold that matters, in rising order: what is above it is predicted.

    thresholds, precision, recall, iou, dice: (K,) float64 each. average_precision: the area under precision by recall,
    as steps (scikit-learn, average_precision_score).
    """

    name: str
    thresholds: F64
    precision: F64
    recall: F64
    iou: F64
    dice: F64
    average_precision: float

    def __repr__(self) -> str:
        best = in_percent(float(self.dice.max())) if len(self.dice) else "-"
        return f"Curve({self.name}: average precision {in_percent(self.average_precision)} %, best Dice {best} %)"


class AtThreshold(NamedTuple):
    """Scores by class, (C,) float64, where what is above `thresholds` is predicted; NaN if there is none."""

    thresholds: F64
    precision: F64
    recall: F64
    iou: F64
    dice: F64

    @property
    def miou(self) -> float:
        """The mean IoU over classes that have one."""
        return float(mean(self.iou))


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Calibration(Result):
    """How often the predicted class is right, by its probability (Guo et al.: On calibration, ICML 2017).

    ece: the expected calibration error, the mean over pixels of the gap between confidence and accuracy in their bin.
    mce: the largest gap. edges: (bins + 1,) float64. pixels: (bins,) int64. confidence, accuracy: (bins,) float64.
    A bin holds its lower edge, the last one both (torchmetrics, MulticlassCalibrationError).
    """

    ece: float
    mce: float
    edges: F64
    pixels: I64
    confidence: F64
    accuracy: F64

    def __repr__(self) -> str:
        return f"Calibration(ECE {in_percent(self.ece)} %, {len(self.pixels)} bins, {int(self.pixels.sum()):,} pixels)"

    def __str__(self) -> str:
        lines = [f"{'confidence %':>16}    pixels  accuracy %"]
        for k, n in enumerate(self.pixels):
            held = self.accuracy[k]
            bar = "" if np.isnan(held) else "█" * round(20 * held)
            span = f"{100 * self.edges[k]:.1f} to {100 * self.edges[k + 1]:.1f}"
            lines.append(f"{span:>16}  {n:>8,}  {in_percent(held):>10}  {bar}".rstrip())
        return "\n".join([*lines, "", f"ECE {in_percent(self.ece)} %, largest gap {in_percent(self.mce)} %"])


@hinted
class ProbabilityCounts(Sum):
    """Pixels of each class by their probability, rounded to float16: the scores at every threshold, in one pass.

    num_classes, ignore_index, class_names: as for Confusion. Memory: 246 kB a class. Probabilities come as softmax (one
    plane a class), as one plane for two classes (of class 1), or, against masks that overlap, as one plane a class each
    by itself (multilabel). Confusions of the same options add. Thread-safe.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> counts = pw.ProbabilityCounts(2, class_names=("ground", "road"))
    >>> counts.update(np.array([[[0.1, 0.4, 0.35, 0.8]]]), np.array([[0, 0, 1, 1]]))
    ProbabilityCounts(num_classes=2: 4 pixels)
    >>> counts.curve("road")
    Curve(road: average precision 83.33 %, best Dice 80.00 %)
    >>> float(counts.at(0.5).iou[1])
    0.5
    """

    _format = "pixelwise-probability-counts"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self._like = Confusion(num_classes, ignore_index, class_names=class_names)
        self.num_classes: int = self._like.num_classes
        self.ignore_index: int | None = self._like.ignore_index
        self.class_names: tuple[str, ...] = self._like.class_names
        self._counts = np.zeros((self.num_classes, 2, _VALUES), np.int64)  # not of the class, of the class
        self._confidence = np.zeros((2, _VALUES), np.int64)  # wrong, right
        self._pixels = 0
        self._lock = threading.Lock()

    def update(self, probabilities: Any, truth: Any, names: str | None = None) -> ProbabilityCounts:
        """Count one image; returns self.

        probabilities: (C, H, W) floats from 0 to 1, or (1, H, W) or (H, W) of class 1 if there are two classes; bool
        counts as 0 and 1. truth: (H, W) class ids; or (C, H, W) bool, masks that may overlap, where void is in none.
        names: of the image, for messages. Raises ScoreError `wrong-size`, `prediction-out-of-range` for values outside
        0..1 and NaN, LabelError `class-out-of-range`.
        """
        planes, truth = as_array("probabilities", probabilities), as_ids("truth", truth, void=self.ignore_index)
        if planes.ndim == 2:
            planes = planes[None]
        one = len(planes) == 1 and self.num_classes == 2
        if planes.ndim != 3 or planes.dtype.kind not in "fb" or (len(planes) != self.num_classes and not one):
            what = f"probabilities must be ({self.num_classes}, H, W) floats, got {planes.dtype} {planes.shape}"
            raise UsageError(what, code="bad-array", where=names)
        if truth.shape not in (planes.shape[1:], planes.shape):
            raise ScoreError(
                f"probabilities are {planes.shape}, truth is {truth.shape}", code="wrong-size", where=names,
                fix="score at the truth's own size",
            )  # fmt: skip
        half = np.asarray(planes, np.float16)
        bits = np.ascontiguousarray(half).view(np.uint16)
        if planes.size and int(bits.max()) >= _VALUES and not _is_zero_to_one(planes):
            raise ScoreError(
                f"probabilities are {float(np.min(planes)):g}..{float(np.max(planes)):g}, expected 0..1",
                code="prediction-out-of-range", where=names, fix="apply softmax or sigmoid to logits",
            )  # fmt: skip
        bits = np.where(bits >= _VALUES, np.uint16(0), bits)  # -0.0
        masks, known = self._truth(truth, one, names)
        counts = np.stack([_by_value(plane, mask, known) for plane, mask in zip(bits, masks, strict=True)])
        confidence = self._confident(bits, truth, known, one) if truth.ndim == 2 else 0
        with self._lock:
            self._counts[1 if one else 0 :] += counts
            if one:
                self._counts[0] += np.stack([_complements(part) for part in counts[0][::-1]])
            self._confidence += confidence
            self._pixels += int(known.sum())
        return self

    def _truth(self, truth: NDArray[Any], one: bool, where: object) -> tuple[list[Bool], Bool]:
        if truth.ndim == 3:
            if truth.size and (truth.min() < 0 or truth.max() > 1):
                raise LabelError("masks must be bool, or 0 and 1", code="class-out-of-range", where=where)
            return [np.asarray(plane > 0) for plane in truth], np.ones(truth.shape[1:], bool)
        known: Bool = np.ones(truth.shape, bool)
        if self.ignore_index is not None:
            known = np.asarray(truth != self.ignore_index)
        if ((truth < 0) | (truth >= self.num_classes))[known].any():
            raise LabelError(
                f"truth {stray_id(truth, self.num_classes, self.ignore_index)}", code="class-out-of-range", where=where,
                fix="map the values to class ids first (ClassTable), or set ignore_index to the value of void",
            )  # fmt: skip
        return [np.asarray(truth == c) for c in ([1] if one else range(self.num_classes))], known

    def _confident(self, bits: NDArray[np.uint16], truth: NDArray[Any], known: Bool, one: bool) -> I64:
        if one:
            found = np.asarray(bits[0] > _HALF, np.int64)
            best = np.where(found > 0, bits[0], _MIRROR[bits[0]])
        else:
            found, best = bits.argmax(axis=0), bits.max(axis=0)
        return _by_value(best, np.asarray(found == truth), known)

    # -- reading ---------------------------------------------------------------------------------------------

    def curve(self, name: str | int) -> Curve:
        """One class, by its name or id, at every threshold. UsageError for a class that is not there."""
        c = self._class(name)
        tp, fp, fn = self._sums(c)
        # Only where a value was counted: at others nothing changes.
        there = np.flatnonzero(self._counts[c].sum(axis=0))
        tp, fp, fn = tp[there], fp[there], fn[there]
        precision, recall = ratio(tp, tp + fp), ratio(tp, tp + fn)
        steps = np.diff(np.concatenate([[0.0], recall[::-1]]))
        area = float((steps * precision[::-1]).sum()) if len(there) else float("nan")
        iou, dice = ratio(tp, tp + fp + fn), ratio(2 * tp, 2 * tp + fp + fn)
        return Curve(self.class_names[c], _BELOW[there], precision, recall, iou, dice, area)

    def at(self, threshold: float | Sequence[float]) -> AtThreshold:
        """The scores by class at one threshold, or one for each class: what is above it is predicted."""
        given = np.array(threshold, np.float64)
        if given.shape not in ((), (self.num_classes,)) or not np.isfinite(given).all():
            raise UsageError(f"threshold must be a number or {self.num_classes} of them, got {threshold!r}")
        each = np.broadcast_to(given, (self.num_classes,))
        found = np.zeros((3, self.num_classes), np.int64)
        for c, first in enumerate(np.searchsorted(_NUMBERS, each, side="right")):
            tp, fp, fn = self._sums(c)
            # Above the largest number nothing is predicted.
            found[:, c] = (tp[first], fp[first], fn[first]) if first < _VALUES else (0, 0, tp[0])
        tp, fp, fn = found
        iou, dice = ratio(tp, tp + fp + fn), ratio(2 * tp, 2 * tp + fp + fn)
        return AtThreshold(each.copy(), ratio(tp, tp + fp), ratio(tp, tp + fn), iou, dice)

    def best(self, measure: str = "dice") -> AtThreshold:
        """The scores by class at the threshold that is best for each: by "dice" or "iou", which agree.

        It is chosen on the images that it is scored on: report it for others. A class that is nowhere has 0.5.
        """
        check_choice("measure", measure, ("dice", "iou"))
        thresholds = []
        for c in range(self.num_classes):
            curve = self.curve(c)
            values = np.nan_to_num(getattr(curve, measure))
            thresholds.append(float(curve.thresholds[int(values.argmax())]) if len(values) else 0.5)
        return self.at(thresholds)

    def calibration(self, bins: int = 15) -> Calibration:
        """Confidence against accuracy of the predicted class. ScoreError `nothing-scored` for masks that overlap."""
        bins = check_count("bins", bins)
        with self._lock:
            wrong, right = self._confidence.copy()
        pixels = wrong + right
        if not pixels.any():
            what = "no pixel has one predicted class"
            raise ScoreError(what, code="nothing-scored", fix="update with label maps; masks that overlap have none")
        edges = np.linspace(0, 1, bins + 1)
        of = np.minimum(np.searchsorted(edges, _NUMBERS, side="right") - 1, bins - 1)
        number = np.bincount(of, weights=pixels, minlength=bins)
        confidence = ratio(np.bincount(of, weights=pixels * _NUMBERS, minlength=bins), number)
        accuracy = ratio(np.bincount(of, weights=right, minlength=bins), number)
        gaps = np.nan_to_num(np.abs(confidence - accuracy))
        ece = float((gaps * number).sum() / number.sum())
        return Calibration(ece, float(gaps.max()), edges, number.astype(np.int64), confidence, accuracy)

    def _sums(self, c: int) -> tuple[I64, I64, I64]:
        # True and false positives and false negatives, if values from each number on are predicted.
        with self._lock:
            false, true = self._counts[c].copy()
        tp, fp = (np.cumsum(part[::-1])[::-1] for part in (true, false))
        return tp, fp, tp[0] - tp

    def _class(self, name: str | int) -> int:
        found = self.class_names.index(name) if isinstance(name, str) and name in self.class_names else name
        if not is_number(found) or found not in range(self.num_classes):
            raise UsageError(f"the class must be a name or 0..{self.num_classes - 1}, got {name!r}")
        return int(found)

    def __iadd__(self, other: ProbabilityCounts) -> ProbabilityCounts:
        if not isinstance(other, ProbabilityCounts):
            return NotImplemented
        if self._like != other._like:
            raise UsageError("cannot add probability counts of different classes", code="confusions-differ")
        with other._lock:
            counts, confidence, pixels = other._counts.copy(), other._confidence.copy(), other._pixels
        with self._lock:
            self._counts += counts
            self._confidence += confidence
            self._pixels += pixels
        return self

    def _empty(self) -> ProbabilityCounts:
        return ProbabilityCounts(self.num_classes, self.ignore_index, class_names=self.class_names)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).from_dict, (self.to_dict(),))  # of millions of counts nearly all are 0

    def _values(self) -> dict[str, Any]:
        with self._lock:
            both = np.concatenate([self._counts.reshape(-1, _VALUES), self._confidence])
            there = [np.flatnonzero(row) for row in both]
            rows = [[at.tolist(), row[at].tolist()] for at, row in zip(there, both, strict=True)]
            return {"classes": self._like.to_dict(), "pixels": self._pixels, "rows": rows}

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> ProbabilityCounts:
        like = Confusion.from_dict(data["classes"])
        out = cls(like.num_classes, like.ignore_index, class_names=like.class_names)
        both = np.zeros((2 * like.num_classes + 2, _VALUES), np.int64)
        for row, (at, values) in zip(both, data["rows"], strict=True):
            row[np.array(at, np.int64)] = values
        if (both < 0).any() or int(data["pixels"]) < 0:
            raise ValueError("counts must be whole numbers from 0")
        out._counts += both[:-2].reshape(out._counts.shape)
        out._confidence += both[-2:]
        out._pixels = int(data["pixels"])
        return out

    def __repr__(self) -> str:
        return f"ProbabilityCounts(num_classes={self.num_classes}: {self._pixels:,} pixels)"



def _by_value(bits: NDArray[np.uint16], true: Bool, known: Bool) -> I64:
    out = np.zeros((2, _VALUES), np.int64)
    values, member, among = (np.ascontiguousarray(a).reshape(-1) for a in (bits, true, known))
    kernels.count.count_by_value(values, member, among, out)
    return out


def _complements(counts: I64) -> I64:
    # Whole numbers below 2^53: the sums in float64 are exact.
    return np.bincount(_MIRROR, weights=counts, minlength=_VALUES).astype(np.int64)


def _is_zero_to_one(planes: NDArray[Any]) -> bool:
    return bool(np.min(planes) >= 0 and np.max(planes) <= 1)  # NaN is neither
