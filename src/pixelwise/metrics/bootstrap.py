"""How sure a score is: bootstrap intervals over images, and paired differences between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_count, check_open_share, check_seed
from ..errors import ScoreError, UsageError
from ..hints import hinted
from ..results import Result, in_percent
from ..types import F64, I64, Bool
from .confusion import Confusion, ImageTotals
from .protocols import Protocol, ProtocolName, protocol_named
from .rates import Totals, rates, ratio

FEWEST_IMAGES = 5
"""A class in fewer images has no interval: its resamples hardly differ, which would look like certainty."""

_DRAWS_AT_ONCE = 1 << 22  # 32 MB of weights


@dataclass(frozen=True, slots=True, eq=False)
class Interval(Result):
    """A value with its percentile interval, as fractions: floats, or (C,) by class; NaN if undefined."""

    value: Any
    low: Any
    high: Any

    @property
    def excludes_zero(self) -> Any:
        """bool, or (C,) bool: the whole interval is on one side of 0."""
        return (np.asarray(self.low) > 0) | (np.asarray(self.high) < 0)

    def __repr__(self) -> str:
        if np.ndim(self.value):
            return f"Interval(of {len(self.value)} classes)"
        return f"Interval({in_percent(self.value)} %, {in_percent(self.low)} to {in_percent(self.high)})"


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap(Result):
    """Intervals of a score, or of the difference of two models (`difference`: second less first).

    miou, pixel_accuracy: floats; iou: (C,) by class. `str()` is a table, `to_dict()` JSON values, `save(path)` a file
    of them.
    """

    protocol: str
    class_names: tuple[str, ...]
    difference: bool
    images: int
    resamples: int
    level: float
    seed: int
    miou: Interval
    pixel_accuracy: Interval
    iou: Interval

    def __repr__(self) -> str:
        what = "difference in mIoU" if self.difference else "mIoU"
        value, low, high = (in_percent(v) for v in (self.miou.value, self.miou.low, self.miou.high))
        return f"Bootstrap({self.protocol}: {what} {value} %, {low} to {high}, {self.images} images)"

    def __str__(self) -> str:
        width = max(14, *(len(name) for name in self.class_names))
        sign = "+" if self.difference else ""
        unit = "points" if self.difference else "%"
        lines = [f"{self.protocol:<{width}}  {'IoU ' + unit:>10}  {100 * self.level:g} % interval"]
        rows = [
            (n, Interval(self.iou.value[i], self.iou.low[i], self.iou.high[i])) for i, n in enumerate(self.class_names)
        ]
        for name, found in [*rows, ("mean IoU", self.miou), ("pixel accuracy", self.pixel_accuracy)]:
            value, low, high = (100 * float(v) for v in (found.value, found.low, found.high))
            interval = "" if np.isnan(value) else f"in fewer than {FEWEST_IMAGES} images"
            if not np.isnan(low):
                mark = "  *" if self.difference and found.excludes_zero else ""
                interval = f"{low:{sign}.2f} to {high:{sign}.2f}{mark}"
            shown = "-" if np.isnan(value) else f"{value:{sign}.2f}"
            lines.append(f"{name:<{width}}  {shown:>10}  {interval}".rstrip())
        lines.append(f"{self.images:,} images, {self.resamples:,} resamples, seed {self.seed}")
        if self.difference:
            lines.append("* the interval excludes 0; among many classes some do by chance")
        return "\n".join(lines)


@hinted
def bootstrap(
    confusion: Confusion, protocol: ProtocolName = "voc", *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Bootstrap:
    """Percentile bootstrap intervals over images (Efron and Tibshirani 1993, chapter 13).

    Images are drawn with replacement, their counts summed, and the protocol's scores taken, `resamples` times. The
    confusion must have `per_image=True`. The result depends only on the images and the seed, not on the order of
    counting. A class's interval is over the resamples that have the class; a class in fewer than 5 images has none.
    Raises as `Confusion.scores`, and ScoreError `too-few-images` for fewer than 2.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> confusion = pw.Confusion(2, class_names=("sky", "sea"), per_image=True)
    >>> for wrong in range(8):
    ...     truth = np.repeat([0, 1], 10)
    ...     _ = confusion.update(np.where(np.arange(20) < wrong, 1, truth), truth)
    >>> found = pw.bootstrap(confusion, resamples=200)
    >>> found
    Bootstrap(voc: mIoU 69.54 %, 58.31 to 79.59, 8 images)
    >>> found.miou.low < found.miou.value < found.miou.high
    True
    """
    rule = _checked(protocol, resamples, level)
    scores, images = confusion.scores(protocol), confusion.images
    totals = images.totals[_order(images.names, images.totals)]
    drawn = _resampled([totals], rule, resamples, seed)[0]
    drawn[2][:, _rare(totals)] = np.nan
    return Bootstrap(
        rule.name, confusion.class_names, False, len(totals), resamples, level, seed,
        *_intervals((scores.miou, scores.pixel_accuracy, scores.iou), drawn, level),
    )  # fmt: skip


@hinted
def paired_bootstrap(
    first: Confusion,
    second: Confusion,
    protocol: ProtocolName = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Intervals of `second - first`: two models on the same images, which are drawn for both at once (paired).

    Both need `per_image=True`. Images are matched by name; without names by the order of counting, and then the truth
    of each pair must have the same pixels by class. Raises as `bootstrap`, and ScoreError `images-differ` if they do
    not match.
    """
    rule = _checked(protocol, resamples, level)
    one, two = first.scores(protocol), second.scores(protocol)
    a, b = _matched(first.images, second.images)
    drawn_a, drawn_b = _resampled([a, b], rule, resamples, seed)
    drawn = tuple(y - x for x, y in zip(drawn_a, drawn_b, strict=True))
    drawn[2][:, _rare(a) | _rare(b)] = np.nan
    values = (two.miou - one.miou, two.pixel_accuracy - one.pixel_accuracy, two.iou - one.iou)
    return Bootstrap(
        rule.name, first.class_names, True, len(a), resamples, level, seed, *_intervals(values, drawn, level)
    )


def _checked(protocol: ProtocolName, resamples: int, level: float) -> Protocol:
    rule = protocol_named(protocol)
    if rule.void != "left out":
        raise UsageError(f"cannot resample by {protocol}: the totals of images do not hold void pixels")
    check_count("resamples", resamples)
    check_open_share("level", level)
    return rule


def _order(names: tuple[str, ...], totals: I64) -> NDArray[np.intp]:
    # Threads count in any order; the draws of a seed must not depend on it.
    if names:
        return np.argsort(np.array(names), kind="stable")
    return np.lexsort(totals.reshape(len(totals), -1).T)


def _matched(first: ImageTotals, second: ImageTotals) -> tuple[I64, I64]:
    a, b = first.totals, second.totals
    if a.shape[1:] != b.shape[1:] or bool(first.names) != bool(second.names):
        raise UsageError("the two confusions must have the same classes, and both images with names or without")
    if first.names:
        if odd := sorted(set(first.names) ^ set(second.names)):
            raise ScoreError(
                f"{len(odd)} images are in only one of the two, first {odd[0]!r}",
                code="images-differ", fix="score both models on the same images",
            )  # fmt: skip
        a, b = a[_order(first.names, a)], b[_order(second.names, b)]
        names: tuple[str, ...] = tuple(sorted(first.names))
    else:
        names = tuple(f"number {i}" for i in range(len(a)))
    what = f"{len(a)} images and {len(b)}" if len(a) != len(b) else None
    if what is None and (odd_truth := (a[:, 1] != b[:, 1]).any(axis=1)).any():
        what = f"image {names[int(np.argmax(odd_truth))]} has a different truth in the second"
    if what is not None:
        raise ScoreError(what, code="images-differ", fix="count both models in the same order, or name the images")
    if not first.names:
        order = _order((), np.concatenate([a, b], axis=1))
        a, b = a[order], b[order]
    return a, b


def _rare(totals: I64) -> Bool:
    # Classes in the truth or the prediction of too few images.
    agreed, truth, predicted, _ = np.moveaxis(totals, 1, 0)
    rare: Bool = (truth + predicted - agreed > 0).sum(axis=0) < FEWEST_IMAGES
    return rare


def _draws(images: int, resamples: int, seed: int) -> Iterator[F64]:
    # How often each image is drawn in each resample: (k, images), a few resamples at a time.
    rng = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // images)
    for start in range(0, resamples, step):
        k = min(step, resamples - start)
        drawn = rng.integers(0, images, (k, images)) + np.arange(k)[:, None] * images
        yield np.bincount(drawn.reshape(-1), minlength=k * images).reshape(k, images).astype(np.float64)


def _resampled(models: list[I64], rule: Protocol, resamples: int, seed: int) -> list[tuple[F64, ...]]:
    # For each model the three scores of every resample; all models see the same draws.
    images = len(models[0])
    if images < 2:
        raise ScoreError(
            f"an interval needs at least 2 images, got {images}", code="too-few-images", fix="score more images"
        )
    parts: list[list[tuple[F64, ...]]] = [[] for _ in models]
    for weights in _draws(images, resamples, check_seed(seed)):
        for totals, out in zip(models, parts, strict=True):
            if rule.average == "images":
                each = rates(Totals(*np.moveaxis(totals, 1, 0)), rule)
                out.append(tuple(_weighted(weights, v) for v in (each.miou, each.pixel_accuracy, each.iou)))
            else:
                # Whole numbers below 2^53: the sums in float64 are exact.
                summed = (weights @ totals.reshape(images, -1).astype(np.float64)).reshape(-1, 4, totals.shape[2])
                found = rates(Totals(*np.moveaxis(summed, 1, 0)), rule)
                out.append((found.miou, found.pixel_accuracy, found.iou))
    return [tuple(np.concatenate(column) for column in zip(*part, strict=True)) for part in parts]


def _weighted(weights: F64, values: F64) -> F64:
    known = ~np.isnan(values)
    return ratio(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))


def _intervals(values: tuple[float, float, F64], drawn: tuple[F64, ...], level: float) -> list[Interval]:
    tail = 50 * (1 - level)
    return [
        Interval(value, _percentile(d, tail), _percentile(d, 100 - tail))
        for value, d in zip(values, drawn, strict=True)
    ]


def _percentile(values: F64, percent: float) -> Any:
    if values.ndim == 2:
        return np.array([_percentile(column, percent) for column in values.T])
    known = values[~np.isnan(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")
