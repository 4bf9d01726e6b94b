"""Rates from counts: the one implementation of every score, behind every protocol."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import F64, I64, Bool
from .protocols import Protocol


class Totals(NamedTuple):
    """Pixels by class, each (..., C): agreeing, true, predicted, and true but predicted outside the classes."""

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
    """Scores from 0 to 1, NaN if there is none. The first five are (..., C), the others (...)."""

    iou: F64
    accuracy: F64
    precision: F64
    dice: F64
    counted: Bool
    miou: F64
    mean_accuracy: F64
    mean_dice: F64
    pixel_accuracy: F64
    frequency_weighted_iou: F64


def rates(totals: Totals, protocol: Protocol) -> Rates:
    """Every score of a dataset, or of each image or resample along a leading axis."""
    agreed, predicted = totals.agreed, totals.predicted
    truth = totals.truth - totals.outside if protocol.outside == "drop" else totals.truth
    union = truth + predicted - agreed
    counted = protocol.averaged(truth, union)
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


def rates_over_images(images: I64, protocol: Protocol) -> Rates:
    """The mean over images of the scores of each, from their (N, 4, C) totals."""
    each = rates(Totals(*np.moveaxis(images, 1, 0)), protocol)
    averaged = {name: mean(values, axis=0) for name, values in each._asdict().items() if name != "counted"}
    return Rates(counted=np.asarray(each.counted.any(axis=0)), **averaged)


def ratio(over: NDArray[Any], under: NDArray[Any], empty: float = np.nan) -> F64:
    """`over / under` in float64, `empty` where `under` is 0."""
    out = np.full(np.broadcast(over, under).shape, empty, np.float64)
    np.divide(over, under, out=out, where=np.asarray(under) > 0)
    return out


def mean(values: F64, axis: int = -1) -> F64:
    """The mean of the values that are not NaN; NaN if all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))
