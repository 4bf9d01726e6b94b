"""Scores from counts: the one implementation behind every protocol, and the result that users read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ScoreError
from .protocols import CITYSCAPES_CATEGORIES, CITYSCAPES_CLASSES, PROTOCOLS, Protocol

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Totals(NamedTuple):
    """Pixels by class, each (..., C): agreeing, true, predicted, and true but predicted outside."""

    agreed: NDArray[Any]
    truth: NDArray[Any]
    predicted: NDArray[Any]
    outside: NDArray[Any]

    @classmethod
    def of(cls, counts: I64) -> Totals:
        """From (>= C, C + 1) counts, truth by prediction, of which the first C rows are the classes."""
        matrix = counts[: counts.shape[1] - 1]
        inside = matrix[:, :-1]
        return cls(np.diagonal(inside).copy(), matrix.sum(axis=1), inside.sum(axis=0), matrix[:, -1].copy())


class Rates(NamedTuple):
    """Scores from 0 to 1, NaN where there is none. The first five are (..., C), the others (...)."""

    iou: F64
    accuracy: F64
    precision: F64
    dice: F64
    counted: NDArray[np.bool_]
    miou: F64
    mean_accuracy: F64
    mean_dice: F64
    pixel_accuracy: F64
    frequency_weighted_iou: F64


def rates(totals: Totals, protocol: Protocol) -> Rates:
    """The one implementation of every score, for a dataset, or over a leading axis of images or resamples."""
    agreed, predicted = totals.agreed, totals.predicted
    truth = totals.truth - totals.outside if protocol.outside == "drop" else totals.truth
    union = truth + predicted - agreed
    counted = {"union": union > 0, "truth": truth > 0, "all": np.ones(union.shape, bool)}[protocol.counted]
    accuracy = ratio(agreed, truth)
    if protocol.accuracy_counted == "union":
        accuracy = np.where((truth == 0) & (union > 0), 0.0, accuracy)
    iou = np.where(counted, ratio(agreed, union, 0.0), np.nan)
    dice = np.where(counted, ratio(2 * agreed, truth + predicted, 0.0), np.nan)
    hits, pixels = agreed.sum(axis=-1), truth.sum(axis=-1)
    pooled = protocol.average == "pixels"
    return Rates(
        iou=iou,
        accuracy=accuracy,
        precision=np.where(counted, ratio(agreed, predicted), np.nan),
        dice=dice,
        counted=counted,
        miou=ratio(hits, union.sum(axis=-1)) if pooled else mean(iou),
        mean_accuracy=ratio(hits, pixels) if pooled else mean(accuracy),
        mean_dice=ratio(2 * hits, pixels + predicted.sum(axis=-1)) if pooled else mean(dice),
        pixel_accuracy=ratio(hits, pixels),
        frequency_weighted_iou=ratio((truth * np.nan_to_num(iou)).sum(axis=-1), pixels),
    )


def ratio(over: NDArray[Any], under: NDArray[Any], empty: float = np.nan) -> F64:
    """`over / under` in float64, `empty` where `under` is 0."""
    out = np.full(np.broadcast(over, under).shape, empty, np.float64)
    np.divide(over, under, out=out, where=np.asarray(under) > 0)
    return out


def mean(values: F64, axis: int = -1) -> F64:
    """The mean of the values that are not NaN; NaN where there are none."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The scores of one confusion by one protocol, as fractions from 0 to 1; NaN where the protocol gives
    none.

    iou, accuracy, precision, recall, dice: (C,) float64, by class. Dice is the F1 score; recall is the
    accuracy of a class. counted: (C,) bool, the classes over which `miou` is averaged. pixels: scored
    pixels; void: pixels left out because the truth is void; outside: pixels whose prediction is no class.
    images: images averaged, for the protocol `per-image` only. categories: name -> IoU, for the 19
    Cityscapes classes by `cityscapes` only. `str(scores)` is a table, `to_dict()` the same as JSON values.
    """

    protocol: str
    names: tuple[str, ...]
    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    mean_dice: float
    frequency_weighted_iou: float
    iou: F64
    accuracy: F64
    precision: F64
    dice: F64
    counted: NDArray[np.bool_]
    pixels: int
    void: int
    outside: int
    images: int | None = None
    categories: Mapping[str, float] | None = None

    @property
    def recall(self) -> F64:
        """(C,) float64: the share of a class's pixels that are found; the same as `accuracy`."""
        return self.accuracy

    @property
    def category_miou(self) -> float | None:
        """The mean IoU of the categories, or None where the protocol has none."""
        return None if self.categories is None else float(mean(np.array(list(self.categories.values()))))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; a score that does not exist is None."""
        out = {field.name: _json(getattr(self, field.name)) for field in fields(self)}
        return out | {"recall": out["accuracy"], "category_miou": _json(self.category_miou)}

    def __str__(self) -> str:
        rows = [(n, self.iou[i], self.accuracy[i]) for i, n in enumerate(self.names)]
        last = f"mean of {int(self.counted.sum())} of {len(self.names)}"
        if self.protocol == "torchmetrics-micro":
            last = "all pixels"
        width = max(len(last), *(len(n) for n in self.names))
        lines = [f"{self.protocol:<{width}}   IoU %  accuracy %"]
        lines += [_row(width, *row) for row in rows]
        lines.append(_row(width, last, self.miou, self.mean_accuracy))
        if self.categories is not None and self.category_miou is not None:
            lines += ["", f"{'categories':<{width}}   IoU %"]
            lines += [_row(width, name, iou, None) for name, iou in self.categories.items()]
            lines.append(_row(width, f"mean of {len(self.categories)}", self.category_miou, None))
        lines += [
            "",
            f"pixel accuracy {_percent(self.pixel_accuracy)} %, frequency-weighted IoU "
            f"{_percent(self.frequency_weighted_iou)} %, mean Dice {_percent(self.mean_dice)} %",
            f"{self.pixels:,} pixels scored, {self.void:,} void, {self.outside:,} predicted outside "
            f"the classes" + ("" if self.images is None else f", {self.images:,} images"),
        ]
        return "\n".join(lines)


def score(counts: I64, images: I64 | None, protocol: Protocol, names: tuple[str, ...]) -> Scores:
    """Scores from (C + 1, C + 1) counts: the last row is void truth, the last column predictions outside.

    images: (N, 4, C) totals of each image, which only protocols that average over images need. ScoreError
    where nothing was counted, or where predictions lie outside the classes and the protocol forbids it.
    """
    if protocol.void == "class 0":
        counts = counts.copy()
        counts[0] += counts[-1]
        counts[-1] = 0
    totals, void = Totals.of(counts), int(counts[-1].sum())
    outside = int(totals.outside.sum())
    stray = outside + (int(counts[-1, -1]) if protocol.outside == "error anywhere" else 0)
    if not totals.truth.any():
        raise ScoreError(
            f"nothing to score: {void} void pixels and no other",
            code="nothing-scored",
            fix="update the confusion first",
        )
    if stray and protocol.outside in ("error", "error anywhere"):
        raise ScoreError(
            f"{stray} pixels are predicted outside the classes 0..{len(names) - 1}; {protocol.name} "
            f"forbids it",
            code="prediction-out-of-range",
            fix="predict a class for every pixel, void ones too, or choose a protocol that counts misses",
        )
    over = None
    result = rates(totals, protocol)
    if protocol.average == "images":
        assert images is not None
        result, over = _over_images(images, protocol), int((images[:, 1].sum(axis=-1) > 0).sum())
    categories = None
    if protocol.name == "cityscapes" and names in (CITYSCAPES_CLASSES, tuple(str(i) for i in range(19))):
        categories = _categories(counts)
    return Scores(
        protocol=protocol.name,
        names=names,
        miou=float(result.miou),
        pixel_accuracy=float(result.pixel_accuracy),
        mean_accuracy=float(result.mean_accuracy),
        mean_dice=float(result.mean_dice),
        frequency_weighted_iou=float(result.frequency_weighted_iou),
        iou=result.iou,
        accuracy=result.accuracy,
        precision=result.precision,
        dice=result.dice,
        counted=result.counted,
        pixels=int(totals.truth.sum()) - (outside if protocol.outside == "drop" else 0),
        void=void,
        outside=outside,
        images=over,
        categories=categories,
    )


def _over_images(images: I64, protocol: Protocol) -> Rates:
    each = rates(Totals(*np.moveaxis(images, 1, 0)), protocol)
    averaged = {name: mean(values, axis=0) for name, values in each._asdict().items() if name != "counted"}
    return Rates(counted=np.asarray(each.counted.any(axis=0)), **averaged)


def _categories(counts: I64) -> dict[str, float]:
    # Confusion of categories: sum the rows and columns of each; predictions outside stay in the truth's row.
    matrix = np.zeros((len(CITYSCAPES_CATEGORIES), len(CITYSCAPES_CATEGORIES) + 1), np.int64)
    groups = [*CITYSCAPES_CATEGORIES.values(), (19,)]
    for row, members in enumerate(groups[:-1]):
        for column, others in enumerate(groups):
            matrix[row, column] = counts[np.ix_(members, others)].sum()
    iou = rates(Totals.of(matrix), PROTOCOLS["cityscapes"]).iou
    return dict(zip(CITYSCAPES_CATEGORIES, iou.tolist(), strict=True))


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.2f}"


def _row(width: int, name: str, iou: float, accuracy: float | None) -> str:
    bar = "" if np.isnan(iou) else "█" * round(20 * iou)
    found = "" if accuracy is None else _percent(accuracy)
    return f"{name:<{width}}  {_percent(iou):>6}  {found:>10}  {bar}".rstrip()


def _json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_json(v) for v in value.tolist()]
    if isinstance(value, Mapping):
        return {k: _json(v) for k, v in value.items()}
    if isinstance(value, float) and np.isnan(value):
        return None
    return list(value) if isinstance(value, tuple) else value
