"""How sure is a score: bootstrap intervals over images, and paired differences between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ScoreError, UsageError
from .confusion import Confusion, Images
from .protocols import Protocol, protocol_named
from .rates import F64, I64, Totals, rates, ratio

FEWEST_IMAGES = 5
"""A class in fewer images has no interval: its resamples hardly differ, which would look like certainty."""

_CHUNK = 1 << 22  # draws at once: 32 MB of weights


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A value with its percentile interval, as fractions: floats, or (C,) by class; NaN where undefined."""

    value: Any
    low: Any
    high: Any

    @property
    def excludes_zero(self) -> Any:
        """bool, or (C,) bool: the whole interval lies on one side of 0."""
        return (np.asarray(self.low) > 0) | (np.asarray(self.high) < 0)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; NaN is None."""
        return {name: _json(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Intervals of a score, or of the difference of two models (`difference`: second less first).

    miou, pixel_accuracy: floats; iou: (C,) by class. `str()` is a table, `to_dict()` JSON values.
    """

    protocol: str
    names: tuple[str, ...]
    difference: bool
    images: int
    resamples: int
    level: float
    seed: int
    miou: Interval
    pixel_accuracy: Interval
    iou: Interval

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        plain = ("protocol", "difference", "images", "resamples", "level", "seed")
        return {name: getattr(self, name) for name in plain} | {
            "names": list(self.names),
            **{name: getattr(self, name).to_dict() for name in ("miou", "pixel_accuracy", "iou")},
        }

    def __str__(self) -> str:
        width = max(14, *(len(name) for name in self.names))
        sign = "+" if self.difference else ""
        unit = "points" if self.difference else "%"
        lines = [f"{self.protocol:<{width}}  {'IoU ' + unit:>10}  {100 * self.level:g} % interval"]
        rows = [
            (n, Interval(self.iou.value[i], self.iou.low[i], self.iou.high[i]))
            for i, n in enumerate(self.names)
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
            lines.append("* the interval excludes 0; over many classes some do by chance")
        return "\n".join(lines)


def bootstrap(
    confusion: Confusion,
    protocol: str = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Percentile bootstrap intervals over images (Efron and Tibshirani 1993, chapter 13).

    Images are drawn with replacement, their counts summed, and the protocol's scores taken, `resamples`
    times. The confusion must be made with `per_image=True`. The result depends on the images and the seed
    only, not on the order of counting. A class's interval is over the resamples that have the class; a class
    in fewer than 5 images has none. Raises as `Confusion.scores`, and ScoreError `too-few-images` under 2.
    """
    rule = _rule(protocol, resamples, level)
    scores, images = confusion.scores(protocol), confusion.images
    totals = images.totals[_order(images.names, images.totals)]
    drawn = _resampled([totals], rule, resamples, seed)[0]
    drawn[2][:, _rare(totals)] = np.nan
    value = (scores.miou, scores.pixel_accuracy, scores.iou)
    return _result(confusion, rule, False, len(totals), resamples, level, seed, value, drawn)


def paired_bootstrap(
    first: Confusion,
    second: Confusion,
    protocol: str = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Intervals of `second - first`, two models on the same images, each drawn together (paired).

    Both need `per_image=True`. Images are matched by name; without names by the order of counting, and then
    the truth of each pair must have the same pixels by class. Raises ScoreError `images-differ` where they
    do not match.
    """
    rule = _rule(protocol, resamples, level)
    one, two = first.scores(protocol), second.scores(protocol)
    a, b = _matched(first.images, second.images)
    drawn_a, drawn_b = _resampled([a, b], rule, resamples, seed)
    drawn = tuple(y - x for x, y in zip(drawn_a, drawn_b, strict=True))
    drawn[2][:, _rare(a) | _rare(b)] = np.nan
    value = (two.miou - one.miou, two.pixel_accuracy - one.pixel_accuracy, two.iou - one.iou)
    return _result(first, rule, True, len(a), resamples, level, seed, value, drawn)


def _rule(protocol: str, resamples: int, level: float) -> Protocol:
    rule = protocol_named(protocol)
    if rule.void != "left out":
        raise UsageError(f"{protocol} cannot be resampled: images keep no void")
    if resamples < 1 or not 0 < level < 1:
        raise UsageError(f"resamples must be at least 1 and level in 0..1, got {resamples} and {level}")
    return rule


def _order(names: tuple[str, ...], totals: I64) -> NDArray[np.intp]:
    # Threads count in any order; the draws of a seed must not depend on it.
    if names:
        return np.argsort(np.array(names), kind="stable")
    return np.lexsort(totals.reshape(len(totals), -1).T)


def _matched(first: Images, second: Images) -> tuple[I64, I64]:
    a, b = first.totals, second.totals
    if a.shape[1:] != b.shape[1:] or bool(first.names) != bool(second.names):
        raise UsageError("two confusions of the same classes are needed, both with names or without")
    if first.names:
        if odd := sorted(set(first.names) ^ set(second.names)):
            raise ScoreError(
                f"{len(odd)} images are in one of the two only, first {odd[0]!r}",
                code="images-differ",
                fix="score both models on the same images",
            )
        a, b = a[_order(first.names, a)], b[_order(second.names, b)]
        names: tuple[str, ...] = tuple(sorted(first.names))
    else:
        names = tuple(f"number {i}" for i in range(len(a)))
    what = f"{len(a)} images and {len(b)}" if len(a) != len(b) else None
    if what is None and (odd_truth := (a[:, 1] != b[:, 1]).any(axis=1)).any():
        what = f"image {names[int(np.argmax(odd_truth))]} has another truth in the second"
    if what is not None:
        raise ScoreError(what, code="images-differ", fix="count both models in the same order, or give names")
    if not first.names:
        order = _order((), np.concatenate([a, b], axis=1))
        a, b = a[order], b[order]
    return a, b


def _rare(totals: I64) -> NDArray[np.bool_]:
    # Classes in the truth or the prediction of too few images.
    agreed, truth, predicted, _ = np.moveaxis(totals, 1, 0)
    rare: NDArray[np.bool_] = (truth + predicted - agreed > 0).sum(axis=0) < FEWEST_IMAGES
    return rare


def _draws(images: int, resamples: int, seed: int) -> Iterator[F64]:
    # How often each image is drawn in each resample: (k, images), a few resamples at a time.
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // images)
    for start in range(0, resamples, step):
        k = min(step, resamples - start)
        drawn = rng.integers(0, images, (k, images)) + np.arange(k)[:, None] * images
        yield np.bincount(drawn.reshape(-1), minlength=k * images).reshape(k, images).astype(np.float64)


def _resampled(models: list[I64], rule: Protocol, resamples: int, seed: int) -> list[tuple[F64, ...]]:
    # For each model the three scores of every resample; all models see the same draws.
    images = len(models[0])
    if images < 2:
        raise ScoreError(f"{images} images have no interval", code="too-few-images", fix="score more images")
    parts: list[list[tuple[F64, ...]]] = [[] for _ in models]
    for weights in _draws(images, resamples, seed):
        for totals, out in zip(models, parts, strict=True):
            if rule.average == "images":
                each = rates(Totals(*np.moveaxis(totals, 1, 0)), rule)
                out.append(tuple(_weighted(weights, v) for v in (each.miou, each.pixel_accuracy, each.iou)))
            else:
                # Whole numbers below 2^53: the sums in float64 are exact.
                summed = (weights @ totals.reshape(images, -1).astype(np.float64)).reshape(
                    -1, 4, totals.shape[2]
                )
                found = rates(Totals(*np.moveaxis(summed, 1, 0)), rule)
                out.append((found.miou, found.pixel_accuracy, found.iou))
    return [tuple(np.concatenate(column) for column in zip(*part, strict=True)) for part in parts]


def _weighted(weights: F64, values: F64) -> F64:
    known = ~np.isnan(values)
    return ratio(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))


def _result(
    confusion: Confusion,
    rule: Protocol,
    difference: bool,
    images: int,
    resamples: int,
    level: float,
    seed: int,
    value: tuple[float, float, F64],
    drawn: tuple[F64, ...],
) -> Bootstrap:
    tail = 50 * (1 - level)
    found = [
        Interval(v, _percentile(d, tail), _percentile(d, 100 - tail))
        for v, d in zip(value, drawn, strict=True)
    ]
    return Bootstrap(
        rule.name,
        confusion.class_names,
        difference,
        images,
        resamples,
        level,
        seed,
        found[0],
        found[1],
        found[2],
    )


def _percentile(values: F64, percent: float) -> Any:
    if values.ndim == 2:
        return np.array([_percentile(column, percent) for column in values.T])
    known = values[~np.isnan(values)]
    return float(np.percentile(known, percent)) if len(known) else float("nan")


def _json(value: Any) -> Any:
    plain = np.asarray(value).tolist()
    if isinstance(plain, list):
        return [_json(v) for v in plain]
    return None if np.isnan(plain) else plain
