"""How sure a score is: bootstrap intervals over images, and paired differences between two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, check_count, check_open_share, check_seed
from ..errors import ScoreError, UsageError
from ..hints import hinted
from ..results import Result, in_percent
from ..types import F64, I64, Bool
from .confusion import Confusion, ImageTotals
from .intervals import Method, bounds
from .protocols import Protocol, ProtocolName, protocol_named
from .rates import Totals, among_classes, rates, rates_of_images, rates_over_images

FEWEST_IMAGES = 5
"""A class in the truth of fewer images has no interval: its resamples hardly differ, which looks like certainty."""

ENOUGH_IMAGES = 20
"""The interval of a mean over classes is marked if one of them is in the truth of fewer images."""

_DRAWS_AT_ONCE = 1 << 22  # 32 MB of weights


@dataclass(frozen=True, slots=True, eq=False)
class Interval(Result):
    """A value with its interval, as fractions: floats, or (C,) by class; NaN if undefined."""

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

    miou, pixel_accuracy: floats; iou: (C,) by class. few: how many of the classes that mIoU is the mean of are in the
    truth of fewer than 5, and of fewer than 20 images. With such classes mIoU of a sample is biased, so its interval
    holds the truth less often than it says, by any formula: it is marked, `miou_holds` is False. (0, 0) for protocols
    that average over images or pixels, which have no such bias. method: "percentile" or "bca". `str()` is a table,
    `to_dict()` JSON values, `save(path)` a file of them.
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
    method: Method = "percentile"
    few: tuple[int, int] = (0, 0)

    @property
    def miou_holds(self) -> bool:
        """Whether every class that mIoU is the mean of is in the truth of at least 20 images."""
        return self.few[1] == 0

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
        for k, (name, found) in enumerate([*rows, ("mean IoU", self.miou), ("pixel accuracy", self.pixel_accuracy)]):
            holds = self.miou_holds or k != len(rows)
            value, low, high = (100 * float(v) for v in (found.value, found.low, found.high))
            interval = "" if np.isnan(value) else f"in fewer than {FEWEST_IMAGES} images"
            if not np.isnan(low):
                mark = "  *" if self.difference and found.excludes_zero and holds else "" if holds else "  too narrow"
                interval = f"{low:{sign}.2f} to {high:{sign}.2f}{mark}"
            shown = "-" if np.isnan(value) else f"{value:{sign}.2f}"
            lines.append(f"{name:<{width}}  {shown:>10}  {interval}".rstrip())
        lines.append(f"{self.images:,} images, {self.resamples:,} resamples, seed {self.seed}")
        if not self.miou_holds:
            lines.append(
                f"too narrow: of the classes of the mean {self.few[0]} are in fewer than {FEWEST_IMAGES} images, "
                f"{self.few[1]} in fewer than {ENOUGH_IMAGES}; per-image scores have intervals that hold"
            )
        if self.difference:
            lines.append("* the interval excludes 0; among many classes some do by chance")
        return "\n".join(lines)


@hinted
def bootstrap(
    confusion: Confusion,
    protocol: ProtocolName = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
) -> Bootstrap:
    """Bootstrap intervals over images (Efron and Tibshirani 1993, chapters 13 and 14).

    Images are drawn with replacement, their counts summed, and the protocol's scores taken, `resamples` times. The
    confusion must have `per_image=True`. The result depends only on the images and the seed, not on the order of
    counting. A class's interval is over the resamples that have the class; a class in the truth of fewer than 5 images
    has none. method: "percentile", or "bca" (bias-corrected and accelerated), which costs a jackknife and helps where
    values are skewed. docs/scores.md has how often intervals hold the truth: those of pixel accuracy and of protocols
    that average over images do; that of mIoU does not where classes are in few images, and is marked.

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
    rule = _checked(protocol, confusion, resamples, level, method)
    scores, images = confusion.scores(protocol), confusion.images
    totals = images.totals[_order(images.names, images.totals)]
    drawn = _resampled([totals], rule, resamples, seed)[0]
    left_out = _jackknife(totals, rule) if method == "bca" else None
    drawn[2][:, _rare(totals)] = np.nan
    found = _intervals((scores.miou, scores.pixel_accuracy, scores.iou), drawn, left_out, level)
    few = _few(totals, scores.counted, rule)
    return Bootstrap(
        rule.name, confusion.class_names, False, len(totals), resamples, level, seed, *found, method, few
    )


@hinted
def paired_bootstrap(
    first: Confusion,
    second: Confusion,
    protocol: ProtocolName = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
) -> Bootstrap:
    """Intervals of `second - first`: two models on the same images, which are drawn for both at once (paired).

    Both need `per_image=True`. Images are matched by name; without names by the order of counting, and then the truth
    of each pair must have the same pixels by class. Raises as `bootstrap`, and ScoreError `images-differ` if they do
    not match.
    """
    rule = _checked(protocol, first, resamples, level, method)
    one, two = first.scores(protocol), second.scores(protocol)
    a, b = _matched(first.images, second.images)
    drawn_a, drawn_b = _resampled([a, b], rule, resamples, seed)
    drawn = tuple(y - x for x, y in zip(drawn_a, drawn_b, strict=True))
    left_out = None
    if method == "bca":
        left_out = tuple(y - x for x, y in zip(_jackknife(a, rule), _jackknife(b, rule), strict=True))
    drawn[2][:, _rare(a)] = np.nan  # both have the same truth
    values = (two.miou - one.miou, two.pixel_accuracy - one.pixel_accuracy, two.iou - one.iou)
    found, few = _intervals(values, drawn, left_out, level), _few(a, one.counted | two.counted, rule)
    return Bootstrap(rule.name, first.class_names, True, len(a), resamples, level, seed, *found, method, few)


def _checked(protocol: ProtocolName, confusion: Confusion, resamples: int, level: float, method: Method) -> Protocol:
    rule = protocol_named(protocol)
    if rule.void != "left out" or rule.background_role(confusion.num_classes) == "void":
        raise UsageError(f"cannot resample by {protocol}: the totals of images do not hold void pixels")
    check_count("resamples", resamples)
    check_open_share("level", level)
    check_choice("method", method, ("percentile", "bca"))
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
    # Classes in the truth of too few images; a prediction may put them into every image.
    rare: Bool = (totals[:, 1] > 0).sum(axis=0) < FEWEST_IMAGES
    return rare


def _few(totals: I64, counted: Bool, rule: Protocol) -> tuple[int, int]:
    if rule.average not in ("classes", "images by class"):
        return 0, 0
    images = (totals[:, 1] > 0).sum(axis=0)[counted]
    return int((images < FEWEST_IMAGES).sum()), int((images < ENOUGH_IMAGES).sum())


def _jackknife(totals: I64, rule: Protocol) -> tuple[F64, ...]:
    # The three scores without each image.
    n, among = len(totals), among_classes(totals.shape[2], rule)
    if not rule.over_images:
        found = rates_of_images(totals.sum(axis=0) - totals, rule, among)
        return found.miou, found.pixel_accuracy, found.iou
    each = rates_of_images(totals, rule, among)
    step = max(1, _DRAWS_AT_ONCE // n)
    parts = []
    for start in range(0, n, step):
        weights = np.ones((min(step, n - start), n))
        weights[np.arange(len(weights)), start + np.arange(len(weights))] = 0
        found = rates_over_images(each, rule, weights, among)
        parts.append((found.miou, found.pixel_accuracy, found.iou))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


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
    images, classes = len(models[0]), models[0].shape[2]
    if images < 2:
        raise ScoreError(
            f"an interval needs at least 2 images, got {images}", code="too-few-images", fix="score more images"
        )
    among = among_classes(classes, rule)
    parts: list[list[tuple[F64, ...]]] = [[] for _ in models]
    each = [rates_of_images(totals, rule, among) for totals in models] if rule.over_images else []
    for weights in _draws(images, resamples, check_seed(seed)):
        for k, (totals, out) in enumerate(zip(models, parts, strict=True)):
            if rule.over_images:
                found = rates_over_images(each[k], rule, weights, among)
            else:
                # Whole numbers below 2^53: the sums in float64 are exact.
                summed = (weights @ totals.reshape(images, -1).astype(np.float64)).reshape(-1, 4, classes)
                found = rates(Totals(*np.moveaxis(summed, 1, 0)), rule, among)
            out.append((found.miou, found.pixel_accuracy, found.iou))
    return [tuple(np.concatenate(column) for column in zip(*part, strict=True)) for part in parts]


def _intervals(
    values: tuple[float, float, F64], drawn: tuple[F64, ...], left_out: tuple[F64, ...] | None, level: float
) -> tuple[Interval, Interval, Interval]:
    one, two, three = zip(values, drawn, left_out or (None, None, None), strict=True)
    return _interval(*one, level), _interval(*two, level), _interval(*three, level)


def _interval(value: Any, drawn: F64, left_out: F64 | None, level: float) -> Interval:
    return Interval(value, *bounds(value, drawn, left_out, level))
