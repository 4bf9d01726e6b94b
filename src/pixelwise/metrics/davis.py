"""The scores of DAVIS: region similarity J and contour accuracy F of the objects of a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_ids, check_whole
from ..errors import ScoreError, UsageError
from ..hints import hinted
from ..results import Result, in_percent
from ..types import F64, Bool
from .contours import Comparison, border_map, pixels_of
from .rates import mean

_SHARE = 0.008  # of the diagonal (davis2017-evaluation, metrics.py: bound_th)
_BINS = 4


class Statistics(NamedTuple):
    """Of one measure over the frames of an object, or the mean over objects: mean, share above 0.5, loss over time."""

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, slots=True, eq=False)
class DavisScores(Result):
    """J and F as fractions from 0 to 1. objects: "SEQUENCE_NUMBER" of each. j, f: of each object. j_and_f: the mean of
    both means, by which the challenge ranks. j_mean, ...: means over objects, of all sequences alike.
    """

    objects: tuple[str, ...]
    j: tuple[Statistics, ...]
    f: tuple[Statistics, ...]
    j_mean: Statistics
    f_mean: Statistics

    @property
    def j_and_f(self) -> float:
        """The mean of the means of J and F over objects."""
        return (self.j_mean.mean + self.f_mean.mean) / 2

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with `j_and_f`."""
        return Result.to_dict(self) | {"j_and_f": self.j_and_f}

    def __repr__(self) -> str:
        j, f = in_percent(self.j_mean.mean), in_percent(self.f_mean.mean)
        return f"DavisScores(J&F {in_percent(self.j_and_f)} %, J {j} %, F {f} %, {len(self.objects)} objects)"

    def __str__(self) -> str:
        width = max(6, *(len(name) for name in self.objects))
        lines = [f"{'object':<{width}}  J mean %  recall   decay  F mean %  recall   decay"]
        rows = zip([*self.objects, "mean"], [*self.j, self.j_mean], [*self.f, self.f_mean], strict=True)
        for name, j, f in rows:
            cells = [f"{in_percent(s.mean):>8}  {in_percent(s.recall):>6}  {in_percent(s.decay):>6}" for s in (j, f)]
            lines.append(f"{name:<{width}}  " + "  ".join(cells))
        return "\n".join([*lines, "", f"J&F {in_percent(self.j_and_f)} %"])


@hinted
def davis_scores(
    sequences: Mapping[str, tuple[Sequence[Any], Sequence[Any]]], *, void: int = 255, keep_ends: bool = False
) -> DavisScores:
    """J and F of DAVIS 2017, semi-supervised (Perazzi et al., CVPR 2016; Pont-Tuset et al. 2017).

    sequences: name -> (predictions, truths), the frames of a video in order, each (H, W) integers: 0 for background and
    the number of an object elsewhere. As in davis2017-evaluation, `void` pixels of the truth are background; the first
    and the last frame are left out unless `keep_ends`; the objects are 1 to the largest number of the first frame. J is
    the IoU of an object in a frame, 1 if neither has it. F is the F measure of the contours, of which pixels agree
    within 0.008 of the diagonal, rounded up.

    Raises ScoreError `wrong-size` if frames differ in number or size, `nothing-scored` without frames or objects,
    UsageError `bad-array`.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> frame = np.zeros((40, 60), int)
    >>> frame[10:30, 10:40] = 1
    >>> pw.davis_scores({"car": ([np.roll(frame, 3, axis=1)] * 5, [frame] * 5)})
    DavisScores(J&F 70.91 %, J 81.82 %, F 60.00 %, 1 objects)
    """
    void = check_whole("void", void, -(1 << 63), (1 << 63) - 1)
    if not isinstance(sequences, Mapping) or not all(_is_pair(frames) for frames in sequences.values()):
        raise UsageError("sequences must be a dict of name -> (predictions, truths), lists of frames")
    names: list[str] = []
    found: list[tuple[Statistics, Statistics]] = []
    for name, (predictions, truths) in sequences.items():
        for number, region, contour in _of_sequence(name, predictions, truths, void, keep_ends):
            names.append(f"{name}_{number}")
            found.append((_statistics(region), _statistics(contour)))
    if not found:
        raise ScoreError("nothing to score: no object", code="nothing-scored", fix="give frames that show objects")
    regions, contours = tuple(j for j, _ in found), tuple(f for _, f in found)
    return DavisScores(tuple(names), regions, contours, _over_objects(regions), _over_objects(contours))


def _is_pair(frames: Any) -> bool:
    return isinstance(frames, (tuple, list)) and len(frames) == 2 and all(isinstance(f, Sequence) for f in frames)


def region_and_contour(prediction: Bool, truth: Bool) -> tuple[float, float]:
    """J and F of one object in one frame, from its (H, W) masks."""
    union = int((prediction | truth).sum())
    j = int((prediction & truth).sum()) / union if union else 1.0
    both = Comparison(pixels_of(border_map(prediction)), pixels_of(border_map(truth)))
    ours, theirs, hits, found = both.near(1, float(np.ceil(_SHARE * np.linalg.norm(prediction.shape))))
    precision, recall = hits / ours if ours else 1.0, found / theirs if theirs else 1.0
    total = precision + recall
    return j, 2 * precision * recall / total if total else 0.0


def _of_sequence(
    name: str, predictions: Sequence[Any], truths: Sequence[Any], void: int, keep_ends: bool
) -> list[tuple[int, F64, F64]]:
    if len(predictions) != len(truths):
        what = f"{len(predictions)} predictions for {len(truths)} frames"
        raise ScoreError(what, code="wrong-size", where=name, fix="predict every frame, the first and last too")
    kept = slice(None) if keep_ends else slice(1, -1)
    frames = [_frame(name, p, t, void) for p, t in zip(predictions[kept], truths[kept], strict=True)]
    first = as_ids("truth", truths[0]) if len(truths) else np.zeros((0, 0), np.int64)
    objects = int(np.where(first == void, 0, first).max(initial=0))
    if not frames:
        fix = "give three frames, or keep_ends=True"
        raise ScoreError("no frames are left", code="nothing-scored", where=name, fix=fix)
    predicted = max(int(p.max(initial=0)) for p, _ in frames)
    if predicted > objects:
        what = f"object {predicted} is predicted, the sequence has {objects}"
        raise ScoreError(what, code="prediction-out-of-range", where=name, fix="use the numbers of the first frame")
    out = []
    for number in range(1, objects + 1):
        pairs = [region_and_contour(p == number, t == number) for p, t in frames]
        j, f = zip(*pairs, strict=True)
        out.append((number, np.array(j), np.array(f)))
    return out


def _frame(name: str, prediction: Any, truth: Any, void: int) -> tuple[NDArray[Any], NDArray[Any]]:
    p, t = as_ids("prediction", prediction), as_ids("truth", truth)
    if p.ndim != 2 or t.ndim != 2:
        raise UsageError(f"frames must be (H, W) integers, got {p.shape} and {t.shape}", code="bad-array", where=name)
    if p.shape != t.shape:
        what = f"prediction is {p.shape}, truth is {t.shape} (height, width)"
        raise ScoreError(what, code="wrong-size", where=name, fix="score at the frame's own size")
    return p, np.where(t == void, 0, t)


def _statistics(values: F64) -> Statistics:
    # db_statistics of davis2017-evaluation, utils.py: the decay is the first quarter's mean less the last one's. (There
    # the ends are uint8, which wraps beyond 256 frames.)
    ends = (np.round(np.linspace(1, len(values), _BINS + 1) + 1e-10) - 1).astype(np.int64)
    first, last = (values[ends[k] : ends[k + 1] + 1] for k in (0, _BINS - 1))
    return Statistics(float(values.mean()), float((values > 0.5).mean()), float(mean(first) - mean(last)))


def _over_objects(found: Sequence[Statistics]) -> Statistics:
    return Statistics(*(float(np.mean(column)) for column in zip(*found, strict=True)))
