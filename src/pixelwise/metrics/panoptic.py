"""Panoptic quality, by the rule of panopticapi: segments that overlap by more than half match."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_ids, is_whole
from ..classes import ClassTable
from ..errors import LabelError, ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64, I64, Bool
from .confusion import Confusion
from .rates import mean, ratio
from .sums import Sum


@answering
@dataclass(frozen=True, slots=True, eq=False)
class PanopticScores(Result):
    """Panoptic quality as fractions from 0 to 1; NaN if there is none.

    pq, sq, rq: (C,) float64, panoptic, segmentation and recognition quality by class; pq is sq * rq. hits, false,
    missed: (C,) int64 segments that match, of the prediction only, of the truth only. mean_pq, mean_sq, mean_rq: over
    classes that have a segment in either. things_pq, stuff_pq: over those classes only.
    """

    class_names: tuple[str, ...]
    pq: F64
    sq: F64
    rq: F64
    hits: I64
    false: I64
    missed: I64
    mean_pq: float
    mean_sq: float
    mean_rq: float
    things_pq: float
    stuff_pq: float

    def __repr__(self) -> str:
        pq, sq, rq = (in_percent(v) for v in (self.mean_pq, self.mean_sq, self.mean_rq))
        return f"PanopticScores(PQ {pq} %, SQ {sq} %, RQ {rq} %)"

    def __str__(self) -> str:
        width = max(5, *(len(name) for name in self.class_names))
        lines = [f"{'':<{width}}    PQ %    SQ %    RQ %  matched   false  missed"]
        columns = (self.class_names, self.pq, self.sq, self.rq, self.hits, self.false, self.missed)
        sums = (self.hits.sum(), self.false.sum(), self.missed.sum())
        rows: list[Any] = [*zip(*columns, strict=True), ("mean", self.mean_pq, self.mean_sq, self.mean_rq, *sums)]
        for name, pq, sq, rq, hits, false, missed in rows:
            cells = "  ".join(f"{in_percent(v):>6}" for v in (pq, sq, rq))
            lines.append(f"{name:<{width}}  {cells}  {hits:>7,}  {false:>6,}  {missed:>6,}")
        return "\n".join([*lines, "", f"things {in_percent(self.things_pq)} %, stuff {in_percent(self.stuff_pq)} %"])


@hinted
class PanopticConfusion(Sum):
    """Segments of prediction and truth, matched image by image.

    Kirillov, He, Girshick, Rother, Dollar: Panoptic segmentation, CVPR 2019, as panopticapi, evaluation.py computes it.
    A segment is the pixels of one class and one object number; of a class that is not of `things`, all its pixels in an
    image. Segments of one class match if their IoU is above 0.5, where void pixels of the truth are not in the union. A
    predicted segment that lies to more than half in void, or in the crowd of its class, is not counted.

    num_classes, ignore_index, class_names: as for Confusion. things: names or ids of the classes with objects; default:
    all. Thread-safe; merges by addition.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth, objects = np.array([[0, 0, 1, 1, 1, 1]]), np.array([[0, 0, 1, 1, 2, 2]])
    >>> confusion = pw.PanopticConfusion(2, class_names=("road", "car"), things=["car"])
    >>> confusion.update(truth, [[0, 0, 1, 1, 1, 1]], truth, objects)  # two cars taken for one
    PanopticConfusion(num_classes=2: 1 images)
    >>> confusion.scores()
    PanopticScores(PQ 50.00 %, SQ 50.00 %, RQ 50.00 %)
    """

    _format = "pixelwise-panoptic-confusion"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
        things: Iterable[str | int] | None = None,
    ) -> None:
        self.plain: Confusion = Confusion(num_classes, ignore_index, class_names=class_names, per_image=True)
        self.things: tuple[int, ...] = _classes(things, self.plain.class_names)
        self._counts = np.zeros((3, self.plain.num_classes), np.int64)  # matched, false, missed
        self._matches: list[tuple[int, int, int]] = []  # class, intersection, union
        self._lock = threading.Lock()

    def update(
        self,
        prediction: Any,
        prediction_objects: Any,
        truth: Any,
        truth_objects: Any,
        names: str | Sequence[str] | None = None,
        *,
        crowd: Any = None,
    ) -> PanopticConfusion:
        """Count one image; returns self. All arrays are (H, W).

        prediction, truth: class ids; a prediction outside 0..C-1 is of no segment. prediction_objects, truth_objects:
        integers from 0; what is equal and of one class is one segment. crowd: bool, pixels of the truth that are a
        group of objects of their class. Raises as `Confusion.update`, ScoreError `wrong-size`, UsageError `bad-array`.
        """
        p, t = as_ids("prediction", prediction), as_ids("truth", truth, void=self.plain.ignore_index)
        numbers = [as_ids("prediction_objects", prediction_objects), as_ids("truth_objects", truth_objects)]
        mask = np.zeros(t.shape, np.uint8) if crowd is None else as_ids("crowd", crowd)
        if t.ndim != 2 or any(a.shape != t.shape for a in (p, *numbers, mask)):
            shapes = ", ".join(str(a.shape) for a in (p, numbers[0], t, numbers[1], mask))
            raise ScoreError(f"arrays must be of one size (H, W), got {shapes}", code="wrong-size")
        if any(a.size and (a.min() < 0 or a.max() >= 1 << 40) for a in numbers):
            what = "object numbers must be 0 to 2^40 - 1"
            raise LabelError(what, code="class-out-of-range", fix="number them from 1")
        one = Confusion(self.plain.num_classes, self.plain.ignore_index, per_image=True)
        one.update(p, t, names)
        counts, matches = self._matched(p, t, numbers, np.asarray(mask > 0))
        with self._lock:
            self.plain.update(p, t, names)
            self._counts += counts
            self._matches.extend(matches)
        return self

    def _matched(
        self, p: NDArray[Any], t: NDArray[Any], numbers: list[NDArray[Any]], crowd: Bool
    ) -> tuple[I64, list[tuple[int, int, int]]]:
        classes = self.plain.num_classes
        is_thing = np.isin(np.arange(classes), self.things)
        segments = []
        for ids, objects in zip((p, t), numbers, strict=True):
            known = (ids >= 0) & (ids < classes)
            if self.plain.ignore_index is not None:
                known &= ids != self.plain.ignore_index
            c = np.where(known, ids, 0).astype(np.int64)
            segments.append((c + 1, np.where(is_thing[c], objects, 0).astype(np.int64), known))
        keys = []
        for k, (c, objects, known) in enumerate(segments):
            key = np.where(known, c + (classes + 1) * (objects + 1), 0)
            keys.append(np.where(crowd & known, -c, key) if k else key)
        (ours, at_ours), (theirs, at_theirs) = (np.unique(key, return_inverse=True) for key in keys)
        shape = len(ours), len(theirs)
        pairs = np.bincount(at_ours.reshape(-1) * shape[1] + at_theirs.reshape(-1), minlength=shape[0] * shape[1])
        return _match(pairs.reshape(shape), _class_of(ours, classes), _class_of(theirs, classes), theirs < 0, classes)

    def scores(self) -> PanopticScores:
        """The scores; see `PanopticScores`. ScoreError `nothing-scored` if there is no segment."""
        with self._lock:
            hits, false, missed = self._counts.copy()
            matches = list(self._matches)
        if not (hits + false + missed).any():
            raise ScoreError("nothing to score: no segment", code="nothing-scored", fix="update the confusion first")
        by_class: list[list[float]] = [[] for _ in hits]
        for c, both, union in matches:
            by_class[c].append(both / union)
        ious = np.array([math.fsum(found) for found in by_class])
        whole = hits + 0.5 * false + 0.5 * missed
        pq, rq = ratio(ious, whole), ratio(hits, whole)
        sq = np.where(whole > 0, ratio(ious, hits, 0.0), np.nan)
        thing = np.isin(np.arange(len(hits)), self.things)
        return PanopticScores(
            self.plain.class_names, pq, sq, rq, hits, false, missed,
            float(mean(pq)), float(mean(sq)), float(mean(rq)), float(mean(pq[thing])), float(mean(pq[~thing])),
        )  # fmt: skip

    def __iadd__(self, other: PanopticConfusion) -> PanopticConfusion:
        if not isinstance(other, PanopticConfusion):
            return NotImplemented
        if self.things != other.things:
            raise UsageError("cannot add panoptic confusions of different things", code="confusions-differ")
        with other._lock:
            counts, matches = other._counts.copy(), list(other._matches)
        with self._lock:
            self.plain += other.plain
            self._counts += counts
            self._matches.extend(matches)
        return self

    def _empty(self) -> PanopticConfusion:
        plain = self.plain
        names = plain.class_names
        return PanopticConfusion(plain.num_classes, plain.ignore_index, class_names=names, things=self.things)

    def _values(self) -> dict[str, Any]:
        with self._lock:
            found = {"counts": self._counts.tolist(), "matches": sorted(map(list, self._matches))}
            return {"things": list(self.things), **found, "plain": self.plain.to_dict()}

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> PanopticConfusion:
        plain = Confusion.from_dict(data["plain"])
        out = cls(plain.num_classes, plain.ignore_index, class_names=plain.class_names, things=data["things"])
        counts = np.array(data["counts"], np.int64)
        matches = [(int(c), int(both), int(union)) for c, both, union in data["matches"]]
        fits = all(0 <= c < plain.num_classes and 0 < both <= union for c, both, union in matches)
        found = np.bincount([c for c, *_ in matches], minlength=plain.num_classes)
        if counts.shape != out._counts.shape or (counts < 0).any() or not fits or not np.array_equal(found, counts[0]):
            raise ValueError("counts of segments do not fit")
        out.plain += plain
        out._counts += counts
        out._matches.extend(matches)
        return out

    def __repr__(self) -> str:
        return f"PanopticConfusion(num_classes={self.plain.num_classes}: {len(self.plain.images.totals)} images)"


def _class_of(keys: I64, classes: int) -> I64:
    # -1 for void; else the class of a segment, or of a crowd.
    return np.where(keys == 0, -1, np.where(keys < 0, -keys, keys % (classes + 1)) - 1)


def _match(
    pairs: I64, ours: I64, theirs: I64, crowds: Bool, classes: int
) -> tuple[I64, list[tuple[int, int, int]]]:
    # pairs: pixels of each segment of the prediction with each of the truth; ours, theirs: their classes, -1 for void.
    area, true_area = pairs.sum(axis=1), pairs.sum(axis=0)
    void = pairs[:, theirs == -1].sum(axis=1)
    counts = np.zeros((3, classes), np.int64)
    matches, matched, found = [], set[int](), set[int]()
    for i, j in np.argwhere(pairs).tolist():
        if ours[i] < 0 or ours[i] != theirs[j] or crowds[j]:
            continue
        both = int(pairs[i, j])
        union = int(area[i] + true_area[j] - both - void[i])
        if 2 * both > union:
            matches.append((int(ours[i]), both, union))
            matched.add(i)
            found.add(j)
            counts[0, ours[i]] += 1
    for j, c in enumerate(theirs.tolist()):
        if c >= 0 and not crowds[j] and j not in found:
            counts[2, c] += 1
    for i, c in enumerate(ours.tolist()):
        if c < 0 or i in matched:
            continue
        ignored = int(void[i] + pairs[i, crowds & (theirs == c)].sum())
        if 2 * ignored <= area[i]:
            counts[1, c] += 1
    return counts, matches


def _classes(things: Any, names: tuple[str, ...]) -> tuple[int, ...]:
    if things is None:
        return tuple(range(len(names)))
    if isinstance(things, str):
        things = [things]
    if not isinstance(things, Iterable):
        raise UsageError(f"things must be names or ids of classes, got {things!r}")
    out = []
    for one in things:
        found = names.index(one) if isinstance(one, str) and one in names else one
        if not is_whole(found) or not 0 <= found < len(names):
            raise UsageError(f"things must be names or ids of classes, got {one!r}")
        out.append(int(found))
    return tuple(sorted(set(out)))
