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


def rates(totals: Totals, protocol: Protocol, among: Bool | None = None) -> Rates:
    """Every score of a dataset, or of each image or resample along a leading axis.

    among: (C,) bool, the classes that may enter means; the scores by class are there for all.
    """
    agreed, predicted = totals.agreed, totals.predicted
    truth = totals.truth - totals.outside if protocol.outside == "drop" else totals.truth
    union = truth + predicted - agreed
    enter = np.ones(agreed.shape[-1], bool) if among is None else among
    scored = protocol.averaged(truth, union)
    empty = 0.0
    if protocol.counted == "empty is right":
        empty, scored = 1.0, scored & (totals.truth.sum(axis=-1, keepdims=True) > 0)  # all void: no score
    accuracy = ratio(agreed, truth)
    if protocol.accuracy_counted == "union":
        accuracy = np.where((truth == 0) & (union > 0), 0.0, accuracy)
    iou = np.where(scored, ratio(agreed, union, empty), np.nan)
    dice = np.where(scored, ratio(2 * agreed, truth + predicted, empty), np.nan)
    hits, pixels = (agreed * enter).sum(axis=-1), (truth * enter).sum(axis=-1)
    unions, both = (union * enter).sum(axis=-1), ((truth + predicted) * enter).sum(axis=-1)
    return Rates(
        iou=iou,
        accuracy=accuracy,
        precision=np.where(scored, ratio(agreed, predicted), np.nan),
        dice=dice,
        counted=scored & enter,
        miou=ratio(hits, unions) if protocol.pooled else mean_of(iou, enter),
        mean_accuracy=ratio(hits, pixels) if protocol.pooled else mean_of(accuracy, enter),
        mean_dice=ratio(2 * hits, both) if protocol.pooled else mean_of(dice, enter),
        pixel_accuracy=ratio(hits, pixels),
        frequency_weighted_iou=ratio((truth * enter * np.nan_to_num(iou)).sum(axis=-1), pixels),
    )


def among_classes(classes: int, protocol: Protocol) -> Bool | None:
    """(C,) bool, the classes that a protocol lets into means, or None for all."""
    if protocol.background_role(classes) != "not averaged":
        return None
    return np.arange(classes) > 0


def rates_of_images(images: I64, protocol: Protocol, among: Bool | None = None) -> Rates:
    """The scores of each image, from their (N, 4, C) totals."""
    return rates(Totals(*np.moveaxis(images, 1, 0)), protocol, among)


def rates_over_images(each: Rates, protocol: Protocol, weights: F64, among: Bool | None = None) -> Rates:
    """The mean over images of the scores of each. weights: (k, N), how often each image counts in each of k means."""
    enter = np.ones(each.iou.shape[-1], bool) if among is None else among
    found = {name: _weighted(weights, values) for name, values in each._asdict().items() if name != "counted"}
    if protocol.average == "images by class":
        for mean_name, name in (("miou", "iou"), ("mean_accuracy", "accuracy"), ("mean_dice", "dice")):
            found[mean_name] = mean_of(found[name], enter)
    return Rates(counted=(weights @ each.counted.astype(np.float64)) > 0, **found)


def _weighted(weights: F64, values: F64) -> F64:
    known = ~np.isnan(values)
    return ratio(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))


def mean_of(values: F64, enter: Bool) -> F64:
    """The mean over the classes that enter, of the values that are not NaN."""
    return mean(np.where(enter, values, np.nan))


def ratio(over: NDArray[Any], under: NDArray[Any], empty: float = np.nan) -> F64:
    """`over / under` in float64, `empty` where `under` is 0."""
    out = np.full(np.broadcast(over, under).shape, empty, np.float64)
    np.divide(over, under, out=out, where=np.asarray(under) > 0)
    return out


def mean(values: F64, axis: int = -1) -> F64:
    """The mean of the values that are not NaN; NaN if all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis))
