"""Distances between the contours of prediction and truth: Hausdorff, surface Dice, boundary F."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import kernels
from ..arguments import as_array, as_ids, is_whole
from ..classes import ClassTable
from ..errors import ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64
from .confusion import Confusion
from .contours import Comparison, contours
from .counting import codes_of
from .rates import mean, ratio
from .sums import Sum

_COLUMNS = 8  # of a class and image: contour pixels, near ones, three distances, F, in the truth, in only one
BOUNDARY_F_SHARE = 0.0075
"""Of the diagonal, the distance at which contours agree (Csurka et al. 2013, section 3)."""


@answering
@dataclass(frozen=True, slots=True, eq=False)
class SurfaceScores(Result):
    """Scores of contours. Distances are in the unit of the spacing, the others fractions from 0 to 1.

    All by class are (C,) float64 means over images, NaN if there is none. hausdorff: the percentile of the distances,
    of the side where it is larger (MONAI). hausdorff_pooled: the percentile of the distances of both sides together
    (medpy, hd95). mean_distance: of all distances of both sides (MONAI, SurfaceDistanceMetric(symmetric=True)). These
    are over images in which both have the class; missed: (C,) int64, in how many only one has it. surface_dice: the
    share of contour pixels within the tolerance of the other contour; 0 where only one has the class. boundary_f: the
    F measure of Csurka et al., likewise. The means over classes are `mean_...`; mean_boundary_f is over images first.
    """

    class_names: tuple[str, ...]
    hausdorff: F64
    hausdorff_pooled: F64
    mean_distance: F64
    surface_dice: F64
    boundary_f: F64
    missed: Any
    mean_hausdorff: float
    mean_surface_dice: float
    mean_boundary_f: float
    percentile: float
    tolerance: float

    def __repr__(self) -> str:
        far = f"HD{self.percentile:g} {self.mean_hausdorff:.3f}"
        dice, f = in_percent(self.mean_surface_dice), in_percent(self.mean_boundary_f)
        return f"SurfaceScores({far}, surface Dice {dice} %, boundary F {f} %)"

    def __str__(self) -> str:
        width = max(5, *(len(name) for name in self.class_names))
        lines = [f"{'':<{width}}  {f'HD{self.percentile:g}':>8}  missed  surface Dice %  boundary F %"]
        columns = (self.hausdorff, self.missed, self.surface_dice, self.boundary_f)
        rows: list[Any] = list(zip(self.class_names, *columns, strict=True))
        for name, far, missed, dice, f in [
            *rows, ("mean", self.mean_hausdorff, self.missed.sum(), self.mean_surface_dice, self.mean_boundary_f)
        ]:  # fmt: skip
            shown = "-" if np.isnan(far) else f"{far:.3f}"
            lines.append(f"{name:<{width}}  {shown:>8}  {missed:>6}  {in_percent(dice):>14}  {in_percent(f):>12}")
        return "\n".join([*lines, "", f"surface Dice within {self.tolerance:g}"])


@hinted
class SurfaceConfusion(Sum):
    """Distances between the contours of each class, image by image.

    The contour of a class is its pixels that touch another class, or the image's edge; boundary F leaves the image's
    edge out. Void pixels of the truth are in neither mask, so both have the same edges of void.

    num_classes, ignore_index, class_names: as for Confusion. spacing: of rows and columns, such as millimeters per
    pixel; `update` may give each image its own. tolerance: of surface Dice, in that unit; distances up to it agree.
    percentile: of the Hausdorff distance, 100 for the largest. boundary: the distance of boundary F, a share of the
    diagonal below 1, or pixels from 1 (Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic
    segmentation? BMVC 2013). exclude_background: class 0 does not enter the means. Thread-safe; merges by addition.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.zeros((20, 20), int)
    >>> truth[5:15, 5:15] = 1
    >>> found = pw.SurfaceConfusion(2, spacing=(0.5, 0.5)).update(np.roll(truth, 2, axis=1), truth).scores()
    >>> float(found.hausdorff[1])
    1.0
    """

    _format = "pixelwise-surface-confusion"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
        spacing: Sequence[float] = (1.0, 1.0),
        tolerance: float = 1.0,
        percentile: float = 95,
        boundary: float = BOUNDARY_F_SHARE,
        exclude_background: bool = False,
    ) -> None:
        self.plain: Confusion = Confusion(num_classes, ignore_index, class_names=class_names, per_image=True)
        self.spacing: tuple[float, float] = _pair(spacing)
        self.tolerance: float = _above("tolerance", tolerance, least=0.0)
        self.percentile: float = _above("percentile", percentile)
        if self.percentile > 100:
            raise UsageError(f"percentile must be at most 100, got {percentile!r}")
        self.boundary: float = _above("boundary", boundary)
        self.exclude_background: bool = bool(exclude_background)
        self._rows: list[F64] = []
        self._lock = threading.Lock()

    def update(
        self,
        prediction: Any,
        truth: Any,
        names: str | Sequence[str] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> SurfaceConfusion:
        """Count one image, (H, W) class ids each; returns self.

        names: the image's name. spacing: of this image; default: that of the confusion. Raises as `Confusion.update`,
        and UsageError for logits.
        """
        prediction = as_array("prediction", prediction)
        truth = as_ids("truth", truth, void=self.plain.ignore_index)
        if truth.ndim != 2 or prediction.dtype.kind not in "iub":
            what = f"contours are those of class ids of one image (H, W), got {prediction.dtype} {prediction.shape}"
            raise UsageError(what)
        steps = self.spacing if spacing is None else _pair(spacing)
        one = self.plain._empty()
        one.update(prediction, truth, names)
        totals = one.images.totals[0]
        present = [int(c) for c in np.flatnonzero(totals[1] + totals[2]) if c or not self.exclude_background]
        row = np.full((self.plain.num_classes, _COLUMNS), np.nan)
        if present:
            sides = codes_of(prediction, truth, self.plain.num_classes, self.plain.ignore_index)
            both = Comparison(*map(contours, sides))
            limit = self.boundary if self.boundary >= 1 else self.boundary * float(np.hypot(*truth.shape))
            for c in present:
                row[c, :5] = self._surfaces(both, c, steps)
                row[c, 5] = _boundary_f(both, limit)
            there = totals[1:3, present] > 0
            row[present, 6], row[present, 7] = there[0], there[0] != there[1]
            row[row[:, 7] == 1, 5] = 0  # of one side only
        with self._lock:
            self.plain += one  # refuses an image that was counted before
            self._rows.append(row)
        return self

    def _surfaces(self, both: Comparison, value: int, steps: tuple[float, float]) -> list[Any]:
        squares, first = both.distances(value, steps)
        distances = np.sqrt(squares)
        pixels, near = len(squares), np.count_nonzero(distances <= self.tolerance)
        if not 0 < first < pixels:
            return [pixels, near, np.nan, np.nan, np.nan]
        counts, far = np.zeros((3, kernels.distance.COUNTED), np.int64), np.empty(3)
        scratch, share = np.empty_like(squares), self.percentile / 100
        kernels.distance.percentiles(squares, first, share, scratch, counts, far)
        return [pixels, near, far[:2].max(), far[2], distances.mean()]

    def scores(self) -> SurfaceScores:
        """The means over images; see `SurfaceScores`. ScoreError `nothing-scored` if nothing was counted."""
        if not self._rows:
            raise ScoreError("nothing to score: no image", code="nothing-scored", fix="update the confusion first")
        rows = np.stack(self._rows)
        pixels, near, far, pooled, average, f, in_truth, missed = np.moveaxis(rows, 2, 0)
        by_class = {name: mean(v, axis=0) for name, v in (("h", far), ("p", pooled), ("m", average), ("f", f))}
        dice = mean(np.where(pixels > 0, ratio(near, pixels), np.nan), axis=0)
        of_truth = np.where(in_truth > 0, f, np.nan)
        return SurfaceScores(
            self.plain.class_names, by_class["h"], by_class["p"], by_class["m"], dice, by_class["f"],
            np.nansum(missed, axis=0).astype(np.int64), float(mean(by_class["h"])), float(mean(dice)),
            float(mean(mean(of_truth))), self.percentile, self.tolerance,
        )  # fmt: skip

    def __iadd__(self, other: SurfaceConfusion) -> SurfaceConfusion:
        if not isinstance(other, SurfaceConfusion):
            return NotImplemented
        if self._options() != other._options():
            raise UsageError("cannot add surface confusions of different options", code="confusions-differ")
        with self._lock:
            self.plain += other.plain
            self._rows.extend(list(other._rows))
        return self

    def _options(self) -> dict[str, Any]:
        names = ("spacing", "tolerance", "percentile", "boundary", "exclude_background")
        return {name: getattr(self, name) for name in names}

    def _empty(self) -> SurfaceConfusion:
        plain = self.plain
        return SurfaceConfusion(plain.num_classes, plain.ignore_index, class_names=plain.class_names, **self._options())

    def _values(self) -> dict[str, Any]:
        rows = [[[None if np.isnan(v) else v for v in c] for c in row.tolist()] for row in self._rows]
        return {**self._options(), "spacing": list(self.spacing), "plain": self.plain.to_dict(), "rows": rows}

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> SurfaceConfusion:
        plain = Confusion.from_dict(data["plain"])
        options = {k: data[k] for k in ("spacing", "tolerance", "percentile", "boundary", "exclude_background")}
        out = cls(plain.num_classes, plain.ignore_index, class_names=plain.class_names, **options)
        rows = [np.array(row, np.float64) for row in data["rows"]]
        if len(rows) != len(plain.images.totals) or any(r.shape != (plain.num_classes, _COLUMNS) for r in rows):
            raise ValueError(f"expected a row of {plain.num_classes} classes for each image")
        out.plain += plain
        out._rows.extend(rows)
        return out

    def __repr__(self) -> str:
        return f"SurfaceConfusion(num_classes={self.plain.num_classes}: {len(self._rows)} images)"


def _boundary_f(both: Comparison, limit: float) -> float:
    """The F measure of the contours whose distances were found last, without the image's edge."""
    ours, theirs, hits, found = both.near(None, limit)
    p, r = hits / ours if ours else 1.0, found / theirs if theirs else 1.0
    return 2 * p * r / (p + r) if p + r else 0.0


def _pair(spacing: Any) -> tuple[float, float]:
    if not isinstance(spacing, Sequence) or isinstance(spacing, str) or len(spacing) != 2:
        raise UsageError(f"spacing must be two numbers, of rows and of columns, got {spacing!r}")
    return _above("spacing", spacing[0]), _above("spacing", spacing[1])


def _above(name: str, value: Any, least: float | None = None) -> float:
    fits = (is_whole(value) or isinstance(value, float)) and np.isfinite(value)
    if not fits or (value <= 0 if least is None else value < least):
        raise UsageError(f"{name} must be a number {'above 0' if least is None else f'from {least:g}'}, got {value!r}")
    return float(value)
