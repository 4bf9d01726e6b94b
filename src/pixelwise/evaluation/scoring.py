"""Scoring a folder of predictions against a split: every image once, at its own size, or not at all.

result = pixelwise.score("predictions", voc["val"], "voc")
print(result)                                # the table: IoU and accuracy by class
result.scores.miou
result.worst_sheet(20).save("worst.png")
print(result.compare(pixelwise.score("baseline", voc["val"], "voc")))
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, overload

import numpy as np

from ..counts.per_sample import read_labels_only
from ..dataset.splits import Split
from ..errors import DataError, UsageError, only_ours
from ..files.addresses import local_path
from ..files.writing import atomic_write
from ..formats.given import Data, SplitNames, as_split
from ..hints import answering, hinted
from ..loading.ranks import Shard, ranks_of
from ..metrics.bootstrap import Bootstrap, bootstrap, paired_bootstrap
from ..metrics.boundary import BoundaryConfusion
from ..metrics.confusion import Confusion
from ..metrics.intervals import Method
from ..metrics.protocols import ProtocolName, protocol_named
from ..metrics.rates import ratio
from ..metrics.scores import Scores
from ..parts import Part, PartOf, check_about, check_part, data_of, made_part, opened_by, run_of
from ..results import Result, in_percent, json_values
from ..threads import Pool, in_order, run_in
from ..types import F64, Displayed, Progress, Rows
from .prediction_files import (
    FileValues,
    Holding,
    PredictionFile,
    all_or_none,
    check_ids,
    check_labels,
    check_not_mask,
    check_samples,
    holding,
    read_prediction,
)
from .result_files import predictions_of

if TYPE_CHECKING:
    from ..drawing.page import Picture


class Worst(NamedTuple):
    """One of the worst images: its name, its own mean IoU (0..1), its position in the split."""

    name: str
    miou: float
    position: int


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Scoring(Result, Displayed):
    """What `score` found. `str()` is the table, `to_dict()` JSON values, `save(path)` a file of them.

    confusion: of all images, with the totals of each. scores: by `protocol`. boundary: boundary IoU, if it was asked
    for. files: the path of each sample's prediction, in the order of the split, or what a file of results says of it;
    values: what they hold: ids, the dataset's
    stored values, masks of 0 and 255, or numbers, of which those above the threshold are class 1.
    """

    split: Split
    files: tuple[PredictionFile, ...]
    values: FileValues
    confusion: Confusion
    scores: Scores
    boundary: BoundaryConfusion | None = None
    threshold: float | None = None

    def to_frame(self) -> Rows:
        """The rows of `scores`."""
        return self.scores.to_frame()

    @property
    def protocol(self) -> ProtocolName:
        """The protocol's name."""
        return self.scores.protocol

    def worst(self, n: int = 20) -> list[Worst]:
        """The `n` images with the lowest mean IoU over the classes in their truth or prediction.

        Worst first; equal ones in the order of the split. Images whose truth is all void are left out.
        """
        names, mean = self.confusion.images.names, self.image_miou()
        order = [int(i) for i in np.argsort(mean, kind="stable") if not np.isnan(mean[i])]
        return [Worst(names[i], float(mean[i]), i) for i in order[:n]]

    def image_miou(self) -> F64:
        """(n,) float64: the mean IoU (0..1) of each image, as in `worst`; NaN for one whose truth is all void."""
        agreed, truth, predicted, _ = np.moveaxis(self.confusion.images.totals, 1, 0)
        union = truth + predicted - agreed
        mean = ratio(agreed, union, 0.0).sum(axis=1) / np.maximum((union > 0).sum(axis=1), 1)
        return np.where(truth.any(axis=1), mean, np.nan)

    def best(self, n: int = 20) -> list[Worst]:
        """The `n` images with the highest mean IoU, best first; otherwise as `worst`."""
        return self.worst(len(self.split))[::-1][:n]

    def worst_sheet(self, n: int = 20, *, best: bool = False) -> Picture:
        """The worst images, one per row: image, truth, prediction, and its errors; or the best ones."""
        from ..drawing.sheets import Scored, worst_sheet

        classes = self.split.classes
        table = replace(classes, ignore_index=classes.padding_index)  # what is not a class is drawn as void

        def rows() -> Any:
            for name, miou, i in self.best(n) if best else self.worst(n):
                sample = self.split[i]
                assert sample.label is not None
                ids = read_prediction(self.files[i], classes, sample.size, Holding(self.values, self.threshold))
                ids = np.where((ids >= 0) & (ids < len(table)), ids, table.padding_index).astype(table.dtype)
                yield Scored(name, sample.image, ids, sample.label, miou)

        title = "Best predictions" if best else "Worst predictions"
        return worst_sheet(rows(), table, title=title, subtitle=self._subtitle, score_name="mean IoU")

    def plot(self) -> Picture:
        """The confusion matrix as a heat map."""
        from ..drawing.charts import confusion_plot

        return confusion_plot(self.confusion.matrix, self.split.classes, subtitle=self._subtitle)

    def save_html(self, path: str | os.PathLike[str]) -> Path:
        """One page: classes, confusion, images from worst to best, and every protocol. Returns the path."""
        from .score_report import score_page

        return _saved(path, score_page(self))

    def save_csv(self, path: str | os.PathLike[str]) -> Path:
        """A row per class and one of means, in percent. Returns the path."""
        from .score_report import score_csv

        return _saved(path, score_csv(self))

    @property
    def _subtitle(self) -> str:
        miou = in_percent(self.scores.miou)
        return f"{self.split.name}, {len(self.split)} images, mIoU {miou} % by {self.protocol}"

    def intervals(
        self, *, resamples: int = 1000, level: float = 0.95, seed: int = 0, method: Method = "percentile"
    ) -> Bootstrap:
        """Bootstrap intervals over images; see `pixelwise.bootstrap`."""
        options: Any = {"resamples": resamples, "level": level, "seed": seed, "method": method}
        return bootstrap(self.confusion, self.protocol, **options)

    def compare(
        self,
        baseline: Scoring,
        *,
        resamples: int = 1000,
        level: float = 0.95,
        seed: int = 0,
        method: Method = "percentile",
    ) -> Bootstrap:
        """Paired differences, this less `baseline`, with intervals; see `pixelwise.paired_bootstrap`."""
        options: Any = {"resamples": resamples, "level": level, "seed": seed, "method": method}
        return paired_bootstrap(baseline.confusion, self.confusion, self.protocol, **options)

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
        out = str(self.scores)
        if (iou := self.scores.foreground_iou) is not None and (dice := self.scores.foreground_dice) is not None:
            out += f"\nforeground IoU {in_percent(iou)} %, Dice {in_percent(dice)} %"
        if self.boundary is not None:
            miou, band = in_percent(self.boundary.miou), self.boundary.dilation_ratio
            out += f"\nboundary mIoU {miou} % (bands of {band:g} of the diagonal)"
        return out


@overload
def score(
    predictions: str | os.PathLike[str], data: Data, protocol: ProtocolName = "voc", *, splits: SplitNames = None,
    stored_values: bool = False, masks: bool = False, threshold: float | None = None,
    boundary: bool | float = False, threads: int | None = None, progress: Progress | None = None,
    shard: Shard = (0, 1), pool: Pool | None = None, part: None = None,
    **options: Any,
) -> Scoring: ...  # fmt: skip
@overload
def score(
    predictions: str | os.PathLike[str], data: Data, protocol: ProtocolName = "voc", *, splits: SplitNames = None,
    stored_values: bool = False, masks: bool = False, threshold: float | None = None,
    boundary: bool | float = False, threads: int | None = None, progress: Progress | None = None,
    shard: Shard = (0, 1), pool: Pool | None = None, part: PartOf,
    **options: Any,
) -> Part: ...  # fmt: skip
@hinted
def score(
    predictions: str | os.PathLike[str], data: Data, protocol: ProtocolName = "voc", *, splits: SplitNames = None,
    stored_values: bool = False, masks: bool = False, threshold: float | None = None,
    boundary: bool | float = False, threads: int | None = None, progress: Progress | None = None,
    shard: Shard = (0, 1), pool: Pool | None = None, part: PartOf | None = None,
    **options: Any,
) -> Scoring | Part:  # fmt: skip
    """Score a folder of predictions on all images of a split, each once and at its own size.

    predictions: a folder with `NAME.png` (class indices with or without palette, or the class table's colors), or
    `NAME.npy` or `NAME.npz` (integers) per sample; of Cityscapes also `CITY_SEQUENCE_FRAME*.png` in any folders. Or one
    file: COCO results (.json), of which the best are drawn last, or run lengths (.csv), as `submit` writes them. data,
    splits: a Split, or a Dataset or path (`options` are those of `pixelwise.open`) with the name of one or more splits
    (default: "val", else the first). protocol: one of `pixelwise.PROTOCOLS`. stored_values: the files hold the numbers
    that the dataset's own labels store (the label ids of Cityscapes) instead of class ids 0..C-1. masks: of two
    classes, they hold 0 and 255. threshold: of two classes, they hold one channel of floats, (H, W) or (1, H, W) in
    `NAME.npy`, and class 1 is where it is above this: 0 for logits, 0.5 for probabilities. boundary: also boundary IoU,
    with bands of 0.02 of the diagonal or of the share given. threads: default: one per core. progress: called with
    (done, total). shard: (rank, world), or "auto" as for a Loader: only every world-th image from number rank on, to be
    added by `pixelwise.torch.all_reduce`; default: all.
    pool: where files are read and counted instead of on threads; see `Pool`. part: (k, n) counts the k-th of n shares
    of the images, and gives a `Part`; `pixelwise.merge` scores all of them.

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
    started, own = perf_counter(), check_part(part)
    bands_of = 0.02 if boundary is True else float(boundary)
    rule = protocol_named(protocol).name
    split, files, root = _files_of(predictions, data, splits, options)
    holds = holding(split.classes, stored_values, masks, threshold)
    settings = _Settings(rule, holds.values, bands_of, holds.threshold)
    ranks = ranks_of(shard)
    if own is not None and ranks.world > 1:
        raise UsageError("part= and shard= both share the images: give one of them", fix="leave out shard=")
    if ranks.world > 1:
        split, files = split[ranks.rank :: ranks.world], files[ranks.rank :: ranks.world]
    run = range(len(split)) if own is None else run_of(own, len(split))
    with run_in(pool):
        total, bands = _counted(split, files, root, settings, run, threads, progress)
    if own is None:
        return Scoring(split, files, holds.values, total, total.scores(rule), bands, holds.threshold)
    share = {"confusion": total.to_dict(), "boundary": None if bands is None else bands.to_dict()}
    about = {"data": split.fingerprint, "predictions": str(root), **settings._asdict()}
    opened = opened_by(data, splits, options)
    return made_part("score", own, run, len(split), about, opened, share, perf_counter() - started)


def of_parts(parts: Sequence[Part], data: Any) -> Scoring:
    """The scores of predictions that were counted in parts; see `pixelwise.merge`."""
    about, gate = parts[0].about, partial(only_ours, "merge", DataError, "bad-part", "a part is damaged")
    with gate():
        settings = _Settings(about["protocol"], about["values"], about["boundary"], about.get("threshold"))
        predictions = Path(about["predictions"])
    data, splits, options = data_of(parts, data)
    split, files, _ = _files_of(predictions, data, splits, options)
    check_about(parts[0], len(split), {**about, "data": split.fingerprint})
    with gate():
        total, bands = _empty(split, settings.boundary)
        for part in parts:
            found = part.share["boundary"]
            _add(total, bands, (
                Confusion.from_dict(part.share["confusion"]),
                None if found is None else BoundaryConfusion.from_dict(found),
            ))  # fmt: skip
        scores = total.scores(settings.protocol)
    return Scoring(split, files, settings.values, total, scores, bands, settings.threshold)


class _Settings(NamedTuple):
    """How predictions are scored. values: what files hold. boundary: share of the diagonal that bands have, or 0.
    threshold: above which one channel is class 1, or None.
    """

    protocol: ProtocolName
    values: FileValues
    boundary: float
    threshold: float | None


def _files_of(
    predictions: str | os.PathLike[str], data: Data, splits: SplitNames, options: dict[str, Any]
) -> tuple[Split, tuple[PredictionFile, ...], Path]:
    """The split, the prediction of each of its samples, and the folder that they are in."""
    split = as_split(data, splits, verb="score", prefer=("val",), **options)
    check_samples(split)
    check_labels(split)
    root = local_path(predictions, "score")
    return split, tuple(predictions_of(root, split)), root


def _counted(
    split: Split, files: tuple[PredictionFile, ...], root: Path, settings: _Settings, run: range, threads: int | None,
    progress: Progress | None,
) -> _Counts:  # fmt: skip
    """The counts of the images of `run`. ScoreError and the like if any of them cannot be scored."""
    total, bands = _empty(split, settings.boundary)
    results = in_order(partial(_count, split, files, *settings), run, threads)
    for found in all_or_none(results, len(run), progress, root):
        _add(total, bands, found)
    return total, bands


def _saved(path: str | os.PathLike[str], text: str) -> Path:
    with atomic_write(path) as file:
        file.write(text.encode())
    return Path(path)


_Counts: TypeAlias = tuple[Confusion, BoundaryConfusion | None]


def _empty(split: Split, share: float) -> _Counts:
    classes, ignore, names = len(split.classes), split.classes.ignore_index, split.classes.names
    bands = BoundaryConfusion(classes, ignore, class_names=names, dilation_ratio=share) if share else None
    return Confusion(classes, ignore, class_names=names, per_image=True), bands


def _add(total: Confusion, bands: BoundaryConfusion | None, found: _Counts) -> None:
    total += found[0]
    if bands is not None and found[1] is not None:
        bands += found[1]


def _count(
    split: Split, files: tuple[PredictionFile, ...], protocol: ProtocolName, values: FileValues, share: float,
    threshold: float | None, i: int,
) -> _Counts | DataError:  # fmt: skip
    # One image alone: images are added in the order of the split, so that a result is repeatable.
    table, name, rule = split.classes, split.names[i], protocol_named(protocol)
    truth = read_labels_only(split, i)
    one, bands = _empty(split, share)
    try:
        ids = read_prediction(files[i], table, (truth.shape[0], truth.shape[1]), Holding(values, threshold))
        check_not_mask(ids, truth, table, files[i])
        one.update(ids, truth, name)
        if rule.forbids_outside and one.counts[:, -1].any():
            check_ids(ids, table, files[i], True if rule.forbids_outside_in_void else truth < len(table))
    except DataError as error:
        return error
    if bands is not None:
        bands.update(ids, truth, name)
    return one, bands
