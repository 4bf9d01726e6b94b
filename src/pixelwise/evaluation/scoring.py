"""Scoring a folder of predictions against a split: every image once, at its own size, or not at all.

result = pixelwise.score("predictions", voc["val"], "voc")
print(result)                                # the table: IoU and accuracy by class
result.scores.miou
result.worst_sheet(20).save("worst.png")
print(result.compare(pixelwise.score("baseline", voc["val"], "voc")))
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..counts.per_sample import read_labels_only
from ..dataset.splits import Split
from ..errors import DataError, UsageError
from ..metrics.bootstrap import Bootstrap, bootstrap, paired_bootstrap
from ..metrics.boundary import BoundaryConfusion
from ..metrics.confusion import Confusion
from ..metrics.protocols import PROTOCOLS, Protocol, protocol_named
from ..metrics.rates import Scores
from ..threads import in_order
from ..types import Progress
from .prediction_files import Stored, check_ids, find_files, no_labels, read_prediction, refuse

if TYPE_CHECKING:
    from ..drawing.page import Picture



class Worst(NamedTuple):
    """One of the worst images: its name, its own mean IoU (0..1), its position in the split."""

    name: str
    miou: float
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """What scoring a folder gave. `str()` is the table, `to_dict()` JSON values.

    confusion: of all images, with the counts of each. scores: by `protocol`. boundary: boundary IoU, where it
    was asked for. files: the prediction of each sample, in the order of the split.
    """

    split: Split
    files: tuple[Path, ...]
    stored: Stored
    confusion: Confusion
    scores: Scores
    boundary: BoundaryConfusion | None = None

    @property
    def protocol(self) -> str:
        """The protocol's name."""
        return self.scores.protocol

    def worst(self, n: int = 20) -> list[Worst]:
        """The `n` images with the lowest mean IoU over the classes that their truth or prediction shows.

        Worst first; equal ones in the order of the split. Images whose truth is all void are left out.
        """
        agreed, truth, predicted, _ = np.moveaxis(self.confusion.images.totals, 1, 0)
        union = truth + predicted - agreed
        shown = (union > 0).sum(axis=1)
        iou = np.divide(agreed, union, out=np.zeros(union.shape), where=union > 0)
        mean = iou.sum(axis=1) / np.maximum(shown, 1)
        names = self.confusion.images.names
        order = [int(i) for i in np.argsort(mean, kind="stable") if truth[i].any()]
        return [Worst(names[i], float(mean[i]), i) for i in order[:n]]

    def worst_sheet(self, n: int = 20) -> Picture:
        """The worst images, a row each: image, truth, prediction, and where it is wrong."""
        from ..drawing.sheets import Scored, worst_sheet

        def rows() -> Any:
            for name, miou, i in self.worst(n):
                sample = self.split[i]
                assert sample.label is not None
                ids = read_prediction(self.files[i], self.split.classes, sample.size, self.stored)
                # What is no class is drawn as void.
                void = 0 if self.split.classes.ignore_index is None else self.split.classes.ignore_index
                known = (ids >= 0) & (ids < len(self.split.classes))
                ids = np.where(known, ids, void).astype(sample.label.dtype)
                yield Scored(name, sample.image, sample.label, ids, miou)

        return worst_sheet(rows(), self.split.classes, subtitle=self._subtitle, score_name="mean IoU")

    def plot(self) -> Picture:
        """The confusion matrix as a heat map."""
        from ..drawing.charts import confusion_plot

        return confusion_plot(self.confusion.matrix, self.split.classes, subtitle=self._subtitle)

    @property
    def _subtitle(self) -> str:
        percent = 100 * self.scores.miou
        return f"{self.split.name}, {len(self.split)} images, mIoU {percent:.2f} % by {self.protocol}"

    def intervals(self, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Bootstrap:
        """Bootstrap intervals over images; see `pixelwise.bootstrap`."""
        return bootstrap(self.confusion, self.protocol, resamples=resamples, level=level, seed=seed)

    def compare(
        self, baseline: Scoring, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
    ) -> Bootstrap:
        """Paired differences, this less `baseline`, with intervals; see `pixelwise.paired_bootstrap`."""
        return paired_bootstrap(
            baseline.confusion, self.confusion, self.protocol, resamples=resamples, level=level, seed=seed
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        out: dict[str, Any] = {
            "split": self.split.name,
            "images": len(self.split),
            "scores": self.scores.to_dict(),
        }
        if self.boundary is not None:
            iou = [None if np.isnan(v) else v for v in self.boundary.iou.tolist()]
            out["boundary"] = {"miou": self.boundary.miou, "iou": iou, "ratio": self.boundary.dilation_ratio}
        return out

    def __str__(self) -> str:
        lines = [str(self.scores)]
        if self.boundary is not None:
            ratio = self.boundary.dilation_ratio
            lines.append(
                f"boundary mIoU {100 * self.boundary.miou:.2f} % (bands of {ratio:g} of the diagonal)"
            )
        return "\n".join(lines)


def score(
    predictions: str | os.PathLike[str],
    split: Split,
    protocol: str = "voc",
    *,
    stored: Stored = "ids",
    boundary: bool | float = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Scoring:
    """Score a folder of predictions on all images of a split, each once and at its own size.

    predictions: a folder with `NAME.png` (class indices with or without palette, or the class table's colors)
    or `NAME.npy` (integers) for each sample. protocol: one of `pixelwise.PROTOCOLS`. stored: "ids", the files
    hold class ids 0..C-1; "values", they hold the numbers that the dataset's own labels hold (the label ids
    of Cityscapes). boundary: also find boundary IoU, with bands of 0.02 of the diagonal or of the share given;
    this takes several times as long. threads: default one a core. progress: called with (done, total).

    Nothing is scored when anything is wrong. Raises ScoreError `missing-prediction` and `extra-prediction`;
    then, over all files, `wrong-size`, `prediction-out-of-range` (as the protocol says), and what reading a
    file raises; several problems become one ScoreError whose notes name them. UsageError for a split without
    labels.
    """
    rule = protocol_named(protocol)
    if not isinstance(split, Split):
        raise UsageError(
            f"predictions are scored on a Split, got {type(split).__name__}", fix='give dataset["val"]',
        )  # fmt: skip
    if not split.has_labels:
        no_labels(split)
    root = Path(predictions)
    files = find_files(root, split.names)
    table = split.classes
    total = Confusion(len(table), table.ignore_index, names=table.names, per_image=True)
    ratio = 0.02 if boundary is True else float(boundary)
    bands = BoundaryConfusion(len(table), table.ignore_index, dilation_ratio=ratio) if boundary else None
    problems: list[DataError] = []
    count = partial(_count, split, files, rule, stored, bands)
    for done, found in enumerate(in_order(count, range(len(split)), threads), 1):
        if isinstance(found, DataError):
            problems.append(found)
        elif not problems:
            total += found
        if progress is not None:
            progress(done, len(split))
    refuse(problems, f"{len(split)} predictions", root)
    return Scoring(split, tuple(files), stored, total, total.scores(protocol), bands)


def _count(
    split: Split, files: list[Path], rule: Protocol, stored: Stored, bands: BoundaryConfusion | None, i: int
) -> Confusion | DataError:
    # One image into a confusion of its own: they are added in the order of the split, so that a result is repeatable.
    table, name = split.classes, split.names[i]
    truth = read_labels_only(split, i)
    one = Confusion(len(table), table.ignore_index, names=table.names, per_image=True)
    try:
        ids = read_prediction(files[i], table, (truth.shape[0], truth.shape[1]), stored)
        one.update(ids, truth, name)
        if one.counts[:, -1].any() and rule.outside in ("error", "error anywhere"):
            check_ids(ids, table, files[i], True if rule.outside == "error anywhere" else truth < len(table))
    except DataError as error:
        return error
    if bands is not None:
        bands.update(ids, truth, name)
    return one


__all__ = ["PROTOCOLS", "Scoring", "Worst", "score"]
