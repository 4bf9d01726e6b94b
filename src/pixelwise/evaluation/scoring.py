"""Scoring a folder of predictions against a split: every image once, at its own size, or not at all.

result = pixelwise.score("predictions", voc["val"], "voc")
print(result)                                # the table: IoU and accuracy by class
result.scores.miou
result.worst_sheet(20).save("worst.png")
print(result.compare(pixelwise.score("baseline", voc["val"], "voc")))
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..counts.per_sample import read_labels_only
from ..dataset.splits import Split
from ..errors import DataError
from ..formats.given import Data, SplitNames, as_split
from ..hints import hinted
from ..loading.ranks import Shard, ranks_of
from ..metrics.bootstrap import Bootstrap, bootstrap, paired_bootstrap
from ..metrics.boundary import BoundaryConfusion
from ..metrics.confusion import Confusion
from ..metrics.protocols import ProtocolName, protocol_named
from ..metrics.rates import ratio
from ..metrics.scores import Scores
from ..results import Result, in_percent, json_values
from ..threads import in_order
from ..types import Progress
from .prediction_files import check_ids, check_labels, check_samples, find_files, read_prediction, refuse

if TYPE_CHECKING:
    from ..drawing.page import Picture


class Worst(NamedTuple):
    """One of the worst images: its name, its own mean IoU (0..1), its position in the split."""

    name: str
    miou: float
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Scoring(Result):
    """What `score` found. `str()` is the table, `to_dict()` JSON values, `save(path)` a file of them.

    confusion: of all images, with the totals of each. scores: by `protocol`. boundary: boundary IoU, if it was asked
    for. files: the prediction of each sample, in the order of the split; stored_values: whether they hold such.
    """

    split: Split
    files: tuple[Path, ...]
    stored_values: bool
    confusion: Confusion
    scores: Scores
    boundary: BoundaryConfusion | None = None

    @property
    def protocol(self) -> ProtocolName:
        """The protocol's name."""
        return self.scores.protocol

    def worst(self, n: int = 20) -> list[Worst]:
        """The `n` images with the lowest mean IoU over the classes in their truth or prediction.

        Worst first; equal ones in the order of the split. Images whose truth is all void are left out.
        """
        names, totals = self.confusion.images
        agreed, truth, predicted, _ = np.moveaxis(totals, 1, 0)
        union = truth + predicted - agreed
        mean = ratio(agreed, union, 0.0).sum(axis=1) / np.maximum((union > 0).sum(axis=1), 1)
        order = [int(i) for i in np.argsort(mean, kind="stable") if truth[i].any()]
        return [Worst(names[i], float(mean[i]), i) for i in order[:n]]

    def worst_sheet(self, n: int = 20) -> Picture:
        """The worst images, one per row: image, truth, prediction, and its errors."""
        from ..drawing.sheets import Scored, worst_sheet

        classes = self.split.classes
        table = replace(classes, ignore_index=classes.padding_index)  # what is not a class is drawn as void

        def rows() -> Any:
            for name, miou, i in self.worst(n):
                sample = self.split[i]
                assert sample.label is not None
                ids = read_prediction(self.files[i], classes, sample.size, self.stored_values)
                ids = np.where((ids >= 0) & (ids < len(table)), ids, table.padding_index).astype(table.dtype)
                yield Scored(name, sample.image, ids, sample.label, miou)

        return worst_sheet(rows(), table, subtitle=self._subtitle, score_name="mean IoU")

    def plot(self) -> Picture:
        """The confusion matrix as a heat map."""
        from ..drawing.charts import confusion_plot

        return confusion_plot(self.confusion.matrix, self.split.classes, subtitle=self._subtitle)

    @property
    def _subtitle(self) -> str:
        miou = in_percent(self.scores.miou)
        return f"{self.split.name}, {len(self.split)} images, mIoU {miou} % by {self.protocol}"

    def intervals(self, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Bootstrap:
        """Bootstrap intervals over images; see `pixelwise.bootstrap`."""
        return bootstrap(self.confusion, self.protocol, resamples=resamples, level=level, seed=seed)

    def compare(self, baseline: Scoring, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Bootstrap:
        """Paired differences, this less `baseline`, with intervals; see `pixelwise.paired_bootstrap`."""
        return paired_bootstrap(
            baseline.confusion, self.confusion, self.protocol, resamples=resamples, level=level, seed=seed
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        out = {"split": self.split.name, "images": len(self.split), "scores": self.scores.to_dict()}
        if self.boundary is not None:
            found = self.boundary
            out["boundary"] = json_values({"miou": found.miou, "iou": found.iou, "ratio": found.dilation_ratio})
        return out

    def __repr__(self) -> str:
        return f"Scoring({self._subtitle})"

    def __str__(self) -> str:
        if self.boundary is None:
            return str(self.scores)
        miou, band = in_percent(self.boundary.miou), self.boundary.dilation_ratio
        return f"{self.scores}\nboundary mIoU {miou} % (bands of {band:g} of the diagonal)"


@hinted
def score(
    predictions: str | os.PathLike[str],
    data: Data,
    protocol: ProtocolName = "voc",
    *,
    splits: SplitNames = None,
    stored_values: bool = False,
    boundary: bool | float = False,
    threads: int | None = None,
    progress: Progress | None = None,
    shard: Shard = (0, 1),
    **options: Any,
) -> Scoring:
    """Score a folder of predictions on all images of a split, each once and at its own size.

    predictions: a folder with `NAME.png` (class indices with or without palette, or the class table's colors) or
    `NAME.npy` (integers) per sample. data, splits: a Split, or a Dataset or path (`options` are those of
    `pixelwise.open`) with the name of one or more splits (default: "val", else the first). protocol: one of
    `pixelwise.PROTOCOLS`. stored_values: the files hold the numbers that the dataset's own labels store (the label ids
    of Cityscapes) instead of class ids 0..C-1. boundary: also boundary IoU, with bands of 0.02 of the diagonal or of
    the share given; this takes several times as long. threads: default: one per core. progress: called with (done,
    total). shard: (rank, world), or "auto" as for a Loader: read and count only every world-th image, from number rank
    on; `pixelwise.torch.all_reduce(scoring.confusion)` adds the shares. By default every process scores all images.

    Nothing is scored if anything is wrong. Raises ScoreError `missing-prediction` and `extra-prediction`; then, over
    all files, `wrong-size`, `prediction-out-of-range` (as the protocol demands), and what reading a file raises;
    several problems become one ScoreError whose notes name them. UsageError `no-labels` for a split without labels,
    `empty-split` for one without samples.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.array([[0, 0, 1, 255]], np.uint8)
    >>> source = pw.ArraySource([np.zeros((1, 4, 3), np.uint8)], [truth], names=["beach"])
    >>> split = pw.Split("val", pw.ClassTable(("sky", "sea")), source)
    >>> Path("guesses").mkdir()
    >>> np.save("guesses/beach.npy", np.array([[0, 1, 1, 1]]))
    >>> pw.score("guesses", split)
    Scoring(val, 1 images, mIoU 50.00 % by voc)
    """
    rule = protocol_named(protocol)
    split = as_split(data, splits, verb="score", prefer=("val",), **options)
    check_samples(split)
    check_labels(split)
    root = Path(predictions).absolute()
    files, (rank, world, _) = tuple(find_files(root, split.names)), ranks_of(shard)
    split, files = (split, files) if world == 1 else (split[rank::world], files[rank::world])
    share = 0.02 if boundary is True else float(boundary)
    total, bands = _empty(split, share)
    count = partial(_count, split, files, protocol, stored_values, share)
    problems: list[DataError] = []
    for done, found in enumerate(in_order(count, range(len(split)), threads), 1):
        if isinstance(found, DataError):
            problems.append(found)
        elif not problems:
            _add(total, bands, found)
        if progress is not None:
            progress(done, len(split))
    refuse(problems, f"{len(split)} predictions", root)
    return Scoring(split, files, stored_values, total, total.scores(rule.name), bands)


_Counts = tuple[Confusion, BoundaryConfusion | None]


def _empty(split: Split, share: float) -> _Counts:
    classes, ignore, names = len(split.classes), split.classes.ignore_index, split.classes.names
    bands = BoundaryConfusion(classes, ignore, class_names=names, dilation_ratio=share) if share else None
    return Confusion(classes, ignore, class_names=names, per_image=True), bands


def _add(total: Confusion, bands: BoundaryConfusion | None, found: _Counts) -> None:
    total += found[0]
    if bands is not None and found[1] is not None:
        bands += found[1]


def _count(
    split: Split, files: tuple[Path, ...], protocol: ProtocolName, stored_values: bool, share: float, i: int
) -> _Counts | DataError:
    # One image alone: images are added in the order of the split, so that a result is repeatable.
    table, name, rule = split.classes, split.names[i], protocol_named(protocol)
    truth = read_labels_only(split, i)
    one, bands = _empty(split, share)
    try:
        ids = read_prediction(files[i], table, (truth.shape[0], truth.shape[1]), stored_values)
        one.update(ids, truth, name)
        if rule.forbids_outside and one.counts[:, -1].any():
            check_ids(ids, table, files[i], True if rule.forbids_outside_in_void else truth < len(table))
    except DataError as error:
        return error
    if bands is not None:
        bands.update(ids, truth, name)
    return one, bands
