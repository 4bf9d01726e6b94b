"""Scores: what users read of a confusion, by one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import is_whole
from ..errors import ScoreError, UsageError
from ..hints import answering
from ..results import Result, in_percent, json_values
from ..types import F64, I64, Bool, Displayed, Rows
from .protocols import PROTOCOLS, Protocol, ProtocolName
from .rates import Rates, Totals, among_classes, mean, rates, rates_of_images, rates_over_images


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Scores(Result, Displayed):
    """The scores of one confusion by one protocol, as fractions from 0 to 1; NaN if the protocol gives none.

    iou, accuracy, precision, recall, dice: (C,) float64, by class. Dice is the F1 score; recall is the accuracy of a
    class. counted: (C,) bool, the classes over which `miou` is averaged. pixels: scored pixels; void: pixels left out
    because the truth is void; outside: pixels whose prediction is not a class. images: number of images averaged, for
    protocols that average over images only. categories: name -> IoU, for a benchmark whose protocol has categories
    only. final_score: what ADE20K ranks by, the mean of pixel accuracy and mIoU; None elsewhere. `str()` is a table,
    `to_dict()` the same as JSON values, `save(path)` a file of them.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.array([[0, 0, 1, 255]], np.uint8)
    >>> confusion = pw.Confusion(2, class_names=("sky", "sea")).update([[0, 1, 1, 1]], truth)
    >>> scores = confusion.scores("voc")
    >>> scores
    Scores(voc: mIoU 50.00 %, pixel accuracy 66.67 %, mean of 2 of 2 classes)
    >>> print(scores)
    voc                      IoU %  accuracy %
    sky                      50.00       50.00  ██████████
    sea                      50.00      100.00  ██████████
    mean of 2 of 2 classes   50.00       75.00  ██████████
    <BLANKLINE>
    pixel accuracy 66.67 %, frequency-weighted IoU 50.00 %, mean Dice 66.67 %
    3 pixels scored, 1 void, 0 predicted outside the classes
    """

    protocol: ProtocolName
    class_names: tuple[str, ...]
    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    mean_dice: float
    frequency_weighted_iou: float
    iou: F64
    accuracy: F64
    precision: F64
    dice: F64
    counted: Bool
    pixels: int
    void: int
    outside: int
    images: int | None = None
    categories: Mapping[str, float] | None = None
    final_score: float | None = None

    @property
    def recall(self) -> F64:
        """(C,) float64: the share of a class's pixels that are found; the same as `accuracy`."""
        return self.accuracy

    @property
    def foreground_iou(self) -> float | None:
        """Of two classes, the IoU of class 1 alone; None for any other number of classes."""
        return float(self.iou[1]) if len(self.iou) == 2 else None

    @property
    def foreground_dice(self) -> float | None:
        """Of two classes, the Dice score of class 1 alone, which is its F1; None for any other number of classes."""
        return float(self.dice[1]) if len(self.dice) == 2 else None

    @property
    def category_miou(self) -> float | None:
        """The mean IoU of the categories, or None if there are none."""
        return None if self.categories is None else float(mean(np.array(list(self.categories.values()))))

    @property
    def average(self) -> str:
        """What `miou` is the average of, in words: "mean of 20 of 21 classes"."""
        classes = f"mean of {int(self.counted.sum())} of {len(self.class_names)} classes"
        return {
            "classes": classes,
            "pixels": "all pixels",
            "images": f"mean of {self.images} images",
            "images by class": f"{classes}, {self.images} images",
            "pixels by image": f"mean of {self.images} images",
        }[PROTOCOLS[self.protocol].average]

    def rows(self) -> list[dict[str, Any]]:
        """One dict per class and one of the means, in percent, None if there is none; for pandas.DataFrame."""
        names = (*self.class_names, self.average)
        columns = {
            "IoU": (*self.iou, self.miou),
            "accuracy": (*self.accuracy, self.mean_accuracy),
            "precision": (*self.precision, mean(np.where(self.counted, self.precision, np.nan))),
            "Dice": (*self.dice, self.mean_dice),
        }
        return [
            {"class": name} | {k: None if np.isnan(v[i]) else 100 * float(v[i]) for k, v in columns.items()}
            for i, name in enumerate(names)
        ]

    def flat(self, prefix: str = "") -> dict[str, float]:
        """Names and numbers in percent, without those that do not exist: what loggers of experiments take.

        `writer.add_scalar(k, v, step)` for each (TensorBoard), `wandb.log(...)`, `mlflow.log_metrics(...)`.
        """
        found = {"mIoU": self.miou, "pixel accuracy": self.pixel_accuracy, "mean Dice": self.mean_dice}
        found |= {f"IoU/{name}": float(v) for name, v in zip(self.class_names, self.iou, strict=True)}
        return {prefix + name: 100 * value for name, value in found.items() if not np.isnan(value)}

    def to_dict(self) -> dict[str, Any]:
        """JSON values; a score that does not exist is None."""
        out = Result.to_dict(self)
        out |= {"recall": out["accuracy"], "category_miou": json_values(self.category_miou)}
        return out | {k: json_values(getattr(self, k)) for k in ("foreground_iou", "foreground_dice")}

    def to_frame(self) -> Rows:
        """The classes: class, IoU, accuracy, precision, Dice, and whether the class counts; None without a score."""
        names = ("iou", "accuracy", "precision", "dice", "counted")
        columns = zip(self.class_names, *(json_values(getattr(self, name)) for name in names), strict=True)
        return [dict(zip(("class", *names), row, strict=True)) for row in columns]

    def __repr__(self) -> str:
        miou, accuracy = in_percent(self.miou), in_percent(self.pixel_accuracy)
        return f"Scores({self.protocol}: mIoU {miou} %, pixel accuracy {accuracy} %, {self.average})"

    def __str__(self) -> str:
        width = max(len(self.average), *(len(n) for n in self.class_names))
        lines = [f"{self.protocol:<{width}}   IoU %  accuracy %"]
        rows = zip(self.class_names, self.iou, self.accuracy, strict=True)
        lines += [_table_row(width, *row) for row in [*rows, (self.average, self.miou, self.mean_accuracy)]]
        if self.categories is not None and self.category_miou is not None:
            lines += ["", f"{'categories':<{width}}   IoU %"]
            lines += [_table_row(width, name, iou, None) for name, iou in self.categories.items()]
            lines.append(_table_row(width, f"mean of {len(self.categories)}", self.category_miou, None))
        lines += [
            "",
            f"pixel accuracy {in_percent(self.pixel_accuracy)} %, frequency-weighted IoU "
            f"{in_percent(self.frequency_weighted_iou)} %, mean Dice {in_percent(self.mean_dice)} %",
            *([] if self.final_score is None else [f"final score {in_percent(self.final_score)} %"]),
            f"{self.pixels:,} pixels scored, {self.void:,} void, {self.outside:,} predicted outside "
            f"the classes" + ("" if self.images is None else f", {self.images:,} images"),
        ]
        return "\n".join(lines)


def scores_of(
    counts: I64, images: I64 | None, protocol: Protocol, class_names: tuple[str, ...], among: Bool | None = None
) -> Scores:
    """Scores from (C + 1, C + 1) counts: the last row is void truth, the last column predictions outside.

    images: (N, 4, C) totals of each image, which only protocols that average over images need. among: (C,) bool, the
    classes that may enter means. ScoreError `nothing-scored`, and `prediction-out-of-range` if predictions are outside
    the classes and the protocol forbids it.
    """
    counts = _with_void(counts, protocol)
    totals, void = Totals.of(counts), int(counts[-1].sum())
    outside = int(totals.outside.sum())
    if not totals.truth.any():
        raise ScoreError(
            f"nothing to score: {void} void pixels and no others",
            code="nothing-scored", fix="update the confusion first",
        )  # fmt: skip
    stray = outside + (int(counts[-1, -1]) if protocol.forbids_outside_in_void else 0)
    if stray and protocol.forbids_outside:
        raise ScoreError(
            f"{stray} pixels are predicted outside the classes 0..{len(class_names) - 1}; {protocol.name} forbids it",
            code="prediction-out-of-range",
            fix="predict a class for every pixel, void ones too, or choose a protocol that counts misses",
        )
    over = None
    if protocol.over_images:
        assert images is not None
        each, once = rates_of_images(images, protocol, among), np.ones((1, len(images)))
        result = Rates(*(values[0] for values in rates_over_images(each, protocol, once, among)))
        over = int((images[:, 1].sum(axis=-1) > 0).sum())
    else:
        result = rates(totals, protocol, among)
    official = class_names in (protocol.classes, tuple(str(i) for i in range(len(protocol.classes))))
    numbers: dict[str, Any] = {name: v if v.ndim else float(v) for name, v in result._asdict().items()}
    return Scores(
        protocol=protocol.name,
        class_names=class_names,
        pixels=int(totals.truth.sum()) - (outside if protocol.outside == "drop" else 0),
        void=void,
        outside=outside,
        images=over,
        categories=_category_ious(counts, protocol) if protocol.categories and official else None,
        final_score=float(result.miou + result.pixel_accuracy) / 2 if protocol.final else None,
        **numbers,
    )


def _with_void(counts: I64, protocol: Protocol) -> I64:
    # A copy in which void is what the protocol makes of it.
    counts = counts.copy()
    if protocol.void == "class 0":
        counts[0] += counts[-1]
        counts[-1] = 0
    if protocol.background_role(len(counts) - 1) == "void":
        counts[-1] += counts[0]
        counts[0] = 0
        counts[:, -1] += counts[:, 0]
        counts[:, 0] = 0
    return counts


def classes_among(
    names: tuple[str, ...], protocol: Protocol, classes: Iterable[str | int] | None, exclude_background: bool
) -> Bool | None:
    """(C,) bool, the classes that may enter means, or None for all. UsageError for one that is not there, or none."""
    among = among_classes(len(names), protocol)
    if classes is None and not exclude_background:
        return among
    allowed = np.ones(len(names), bool) if among is None else among
    among = np.ones(len(names), bool)
    if classes is not None:
        among[:] = False
        for one in [classes] if isinstance(classes, (str, int)) else classes:
            found = names.index(one) if isinstance(one, str) and one in names else one
            if not is_whole(found) or not 0 <= found < len(names):
                raise UsageError(
                    f"classes must be names or ids 0..{len(names) - 1}, got {one!r}",
                    fix="the names are those of the confusion's class_names",
                )
            among[found] = True
    among &= allowed
    among[0] &= not exclude_background
    if not among.any():
        raise UsageError("no class is left to average", fix="name another class, or keep the background")
    return among


def _category_ious(counts: I64, protocol: Protocol) -> dict[str, float]:
    # Confusion of categories: sum the rows and columns of each; predictions outside stay in the truth's row.
    groups = [*protocol.categories.values(), (len(protocol.classes),)]
    matrix = np.zeros((len(groups) - 1, len(groups)), np.int64)
    for row, members in enumerate(groups[:-1]):
        for column, others in enumerate(groups):
            matrix[row, column] = counts[np.ix_(members, others)].sum()
    return dict(zip(protocol.categories, rates(Totals.of(matrix), protocol).iou.tolist(), strict=True))


def _table_row(width: int, name: str, iou: float, accuracy: float | None) -> str:
    bar = "" if np.isnan(iou) else "█" * round(20 * iou)
    found = "" if accuracy is None else in_percent(accuracy)
    return f"{name:<{width}}  {in_percent(iou):>6}  {found:>10}  {bar}".rstrip()
