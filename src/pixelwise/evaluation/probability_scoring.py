"""Scoring a folder of probabilities: thresholds, curves and calibration, and the mean of several runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import check_choice
from ..counts.per_sample import read_labels_only
from ..dataset.splits import Split
from ..errors import DataError
from ..files.addresses import local_path
from ..formats.given import Data, SplitNames, as_split
from ..hints import answering, hinted
from ..loading.ranks import Shard, ranks_of
from ..metrics.confusion import Confusion
from ..metrics.probabilities import AtThreshold, Calibration, Curve, ProbabilityCounts
from ..metrics.protocols import ProtocolName, protocol_named
from ..metrics.scores import Scores
from ..results import Result, in_percent
from ..threads import Pool, in_order, run_in
from ..types import Progress
from .prediction_files import all_or_none, check_labels, check_samples, find_files
from .probability_files import ROWS, Activation, Probabilities


@answering
@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityScoring(Result):
    """What `score_probabilities` found. `str()` is a table, `to_dict()` JSON values, `save(path)` a file of them.

    confusion: of the most probable class, or of what is above the threshold if files hold one plane; with the totals of
    each image. scores: of it, by `protocol`. counts: of all probabilities.
    """

    split: Split
    confusion: Confusion
    scores: Scores
    counts: ProbabilityCounts

    def curve(self, name: str | int) -> Curve:
        """Precision, recall, IoU and Dice of a class at every threshold."""
        return self.counts.curve(name)

    def best(self, measure: str = "dice") -> AtThreshold:
        """The scores at the best threshold of each class, chosen on these images."""
        return self.counts.best(measure)

    def calibration(self, bins: int = 15) -> Calibration:
        """How often the most probable class is right, by its probability."""
        return self.counts.calibration(bins)

    def plot(self, bins: int = 15) -> Any:
        """The reliability diagram as a Picture: accuracy by confidence."""
        from ..drawing.reliability import reliability_plot

        found = self.calibration(bins)
        subtitle = f"{self.split.name}, {len(self.split)} images, ECE {in_percent(found.ece)} %"
        return reliability_plot(found.edges, found.pixels, found.confidence, found.accuracy, subtitle=subtitle)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the counts, which have their own."""
        best = self.best()
        return {
            "split": self.split.name,
            "images": len(self.split),
            "scores": self.scores.to_dict(),
            "average_precision": [self.curve(c).to_dict()["average_precision"] for c in range(self.counts.num_classes)],
            "best_thresholds": best.thresholds.tolist(),
            "best_dice": [None if np.isnan(v) else v for v in best.dice.tolist()],
            "calibration": self.calibration().to_dict(),
        }

    def __repr__(self) -> str:
        miou, ece = in_percent(self.scores.miou), in_percent(self.calibration().ece)
        what = f"{self.split.name}, {len(self.split)} images, mIoU {miou} % by {self.scores.protocol}, ECE {ece} %"
        return f"ProbabilityScoring({what})"

    def __str__(self) -> str:
        best, names = self.best(), self.counts.class_names
        width = max(5, *(len(name) for name in names))
        lines = [f"{'':<{width}}  average precision %  best Dice %  at threshold"]
        for c, name in enumerate(names):
            area, dice = in_percent(self.curve(c).average_precision), in_percent(float(best.dice[c]))
            lines.append(f"{name:<{width}}  {area:>19}  {dice:>11}  {best.thresholds[c]:>12.4f}")
        return "\n".join([str(self.scores), "", *lines, "", f"ECE {in_percent(self.calibration().ece)} %"])


@hinted
def score_probabilities(
    folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data: Data,
    protocol: ProtocolName = "mmseg",
    *,
    splits: SplitNames = None,
    threshold: float = 0.5,
    activation: Activation = "none",
    threads: int | None = None,
    progress: Progress | None = None,
    shard: Shard = (0, 1),
    pool: Pool | None = None,
    **options: Any,
) -> ProbabilityScoring:
    """Score a folder of probabilities, or the mean of several, on all images of a split.

    folders: each with `NAME.npy` per sample, (C, H, W) floats from 0 to 1 at the image's own size, as
    `predict(probabilities=)` writes them; or of one plane, which is class 1 of two. Of several folders the mean is
    scored (an ensemble). threshold: of one plane, above which class 1 is predicted. Values are rounded to float16, for
    which thresholds, curves and calibration are exact; of classes that are equal then, the first is predicted.
    activation: what makes probabilities of files that hold logits: "softmax" over the classes, or "sigmoid" of each.
    data, splits, protocol, threads, progress, shard, pool, options: as for `score`. Files are read in strips of 256
    rows.

    Raises as `score`: nothing is scored if a file is missing, of another size, or holds other values than 0..1.
    """
    rule = protocol_named(protocol)
    check_choice("activation", activation, ("softmax", "sigmoid", "none"))
    split = as_split(data, splits, verb="score", prefer=("val",), **options)
    check_samples(split)
    check_labels(split)
    given = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
    roots = [local_path(folder, "score") for folder in given]
    files = list(zip(*(find_files(root, split.names) for root in roots), strict=True))
    rank, world, _ = ranks_of(shard)
    if world > 1:
        split, files = split[rank::world], files[rank::world]
    total, counts = _empty(split, threshold, True), ProbabilityCounts(split.classes)
    work = partial(_count, split, files, threshold, activation)
    with run_in(pool):
        results = in_order(work, range(len(split)), threads)
        for one, own in all_or_none(results, len(split), progress, roots[0], "files of probabilities"):
            total += one
            counts += own
    return ProbabilityScoring(split, total, total.scores(rule.name), counts)


def _empty(split: Split, threshold: float, per_image: bool) -> Confusion:
    limit = threshold if len(split.classes) == 2 else None
    return Confusion(split.classes, per_image=per_image, threshold=limit)


def _count(
    split: Split, files: Sequence[tuple[Path, ...]], threshold: float, activation: Activation, i: int
) -> tuple[Confusion, ProbabilityCounts] | DataError:
    classes = split.classes
    truth = read_labels_only(split, i)
    one, counts = _empty(split, threshold, True), ProbabilityCounts(classes)
    height, width = truth.shape
    ids = np.empty((height, width), np.uint16)
    try:
        image = Probabilities(list(files[i]), len(classes), (height, width), activation)
        for first in range(0, height, ROWS):
            strip, rows = image.strip(first, first + ROWS), slice(first, first + ROWS)
            counts.update(strip, truth[rows], str(files[i][0]))
            ids[rows] = strip.argmax(axis=0) if len(strip) > 1 else strip[0] > np.float64(threshold)
        one.update(ids, truth, split.names[i])
    except DataError as error:
        return error
    return one, counts
