"""Scoring predicted objects: panoptic quality, average precision, and iIoU, by what the predictions are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import check_count
from ..dataset.splits import Split
from ..errors import DataError, UsageError
from ..files.addresses import local_path
from ..formats.given import Data, SplitNames, as_split
from ..formats.targets.target import background_of
from ..hints import answering, hinted
from ..metrics.average_precision import AveragePrecision, ObjectMatches, objects_of
from ..metrics.instances import InstanceConfusion, InstanceScores, first_object_of
from ..metrics.panoptic import PanopticConfusion, PanopticScores
from ..results import Result
from ..threads import Pool, in_order, run_in
from ..types import Progress, Sample, Size
from .panoptic_files import count_segments, of_json, read_numbered, read_png, things_of
from .prediction_files import (
    Holding,
    all_or_none,
    check_labels,
    check_samples,
    find_files,
    holding,
    read_prediction,
)
from .result_files import ScoredShape, image_ids, json_of, results_of, stated_of

Counts = ObjectMatches | PanopticConfusion | InstanceConfusion


@answering
@dataclass(frozen=True, slots=True, eq=False)
class ObjectScoring(Result):
    """What `score_objects` found. `str()` is a table, `to_dict()` JSON values, `save(path)` a file of them.

    scores: AveragePrecision of COCO results, PanopticScores of panoptic predictions, InstanceScores of a folder of
    class ids. counts: what they are read from, which merges by addition.
    """

    split: Split
    scores: AveragePrecision | PanopticScores | InstanceScores
    counts: Counts

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the counts, which have their own."""
        return {"split": self.split.name, "images": len(self.split), "scores": self.scores.to_dict()}

    def __repr__(self) -> str:
        return f"ObjectScoring({self.split.name}, {len(self.split)} images: {self.scores!r})"

    def __str__(self) -> str:
        return str(self.scores)


@hinted
def score_objects(
    predictions: str | os.PathLike[str],
    data: Data,
    *,
    splits: SplitNames = None,
    stored_values: bool = False,
    masks: bool = False,
    threshold: float | None = None,
    divisor: int | None = None,
    things: Iterable[str | int] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    pool: Pool | None = None,
    **options: Any,
) -> ObjectScoring:
    """Score predictions by object, on all images of a split whose dataset has objects (instances).

    predictions, which decide what is computed:

    - a JSON of COCO results, a list of `{"image_id", "category_id", "segmentation", "score"}`: average precision, by
      the rule of pycocotools. Of a dataset of COCO's the objects are its annotations, also where they overlap.
    - a JSON of panoptic predictions, whose PNGs are in the folder of its name without `.json`; or, with `divisor`
      (usually 1000), a folder of PNG or NPY files whose pixels are `class * divisor + number`: panoptic quality, by the
      rule of panopticapi. Classes that are not things are one segment in an image. things: names or ids of classes;
      default: those that the dataset states, else all but background.
    - a folder of class ids as for `score`: iIoU and the IoU of objects.

    data, splits, stored_values, masks, threshold, threads, progress, pool, options: as for `score`. Ids of images and
    categories are those of the dataset's own JSON; of a dataset without one, images are named as samples are, and
    categories are class ids.

    Nothing is scored if anything is wrong. Raises as `score`; UsageError `no-instances` if a sample has no object
    numbers, FormatError `bad-json` and LabelError for bad files.
    """
    split = as_split(data, splits, verb="score", prefer=("val",), **options)
    check_samples(split)
    check_labels(split)
    path = local_path(predictions, "score")
    holds = holding(split.classes, stored_values, masks, threshold)
    if divisor is not None:
        check_count("divisor", divisor)
    total, count = _ways(path, split, holds, divisor, things)
    order = _order(split) if isinstance(total, ObjectMatches) else range(len(split))
    with run_in(pool):
        for found in all_or_none(in_order(count, order, threads), len(split), progress, path):
            total += found
    return ObjectScoring(split, total.scores(), total)


def _order(split: Split) -> Sequence[int]:
    # As pycocotools: by the ids of the images, which decides between equal scores.
    if stated_of(split) is None:
        return range(len(split))
    ids = image_ids(split, stated_of(split))
    return sorted(range(len(split)), key=lambda i: ids[i])


def _ways(
    path: Path, split: Split, holds: Holding, divisor: int | None, things: Any
) -> tuple[Any, Callable[[int], Any]]:
    """Empty counts, and what gives those of one sample, or its error."""
    empty: Callable[[], Any]
    segments = partial(PanopticConfusion, split.classes, things=things_of(split, things))
    if path.is_dir():
        files = find_files(path, split.names)
        if divisor is not None:
            read = partial(read_numbered, split, files, _of_segments(holds), divisor)
            return segments(), partial(_by_segments, split, read, segments)
        _unused(things=things)
        empty = partial(InstanceConfusion, split.classes)
        return empty(), partial(_by_ids, split, files, holds, empty)
    _unused(divisor=divisor)
    data = json_of(path)
    if isinstance(data, dict):
        pngs = of_json(data, path, split, _of_segments(holds))
        return segments(), partial(_by_segments, split, partial(read_png, split, pngs), segments)
    _unused(things=things)
    if holds.values != "ids":
        raise UsageError(f"COCO results hold objects, not {holds.values}", fix="leave that out")
    found = results_of(data, path, split, scores=True)
    empty = partial(ObjectMatches, split.classes)
    return empty(), partial(_by_masks, split, found, empty)


def _of_segments(holds: Holding) -> Holding:
    if holds.values not in ("ids", "stored values"):
        raise UsageError(f"segments have classes, not {holds.values}", fix="leave masks and threshold out")
    return holds


def _unused(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            of = {"things": "panoptic predictions", "divisor": "folders of panoptic predictions"}[name]
            raise UsageError(f"{name} is for {of}, and these are others", fix="leave it out")


def _numbered(split: Split, i: int) -> Sample:
    sample = split.read(i)
    if sample.instances is None:
        what = f"sample {sample.name!r} has no object numbers"
        raise UsageError(what, code="no-instances", fix="choose a dataset with instances, or score() for classes")
    return sample


def _by_ids(split: Split, files: list[Path], holds: Holding, empty: Any, i: int) -> Any:
    sample = _numbered(split, i)
    try:
        ids = read_prediction(files[i], split.classes, sample.size, holds)
        return empty().update(ids, sample.label, sample.instances, sample.name)
    except DataError as error:
        return error


def _by_masks(split: Split, found: list[list[ScoredShape]], empty: Any, i: int) -> Any:
    stated, table = stated_of(split), split.classes
    try:
        if stated is not None and stated.shapes:
            size = tuple(split.sizes(np.array([i]))[0].tolist())
            shapes = stated.shapes[split.position(i)]
            ordered = sorted(shapes, key=lambda s: s.number)  # as the file has them
            objects = [(s.category, s.mask(size, table)) for s in ordered if not s.crowd]
            crowds = [(s.category, s.mask(size, table)) for s in ordered if s.crowd and s.category < len(table)]
        else:
            sample = _numbered(split, i)
            size, rest = sample.size, background_of(table)
            first = first_object_of(table.names)
            classes = [c for c in range(len(table)) if c != rest]
            objects, crowds = objects_of(sample.label, sample.instances, classes, first), []
        scored = [(o.shape.category, o.score, o.shape.mask(size, table)) for o in found[i]]
        return empty().update(scored, objects, crowds)
    except DataError as error:
        return error


def _by_segments(split: Split, read: Callable[[int, Size], tuple[Any, Any]], empty: Any, i: int) -> Any:
    sample = _numbered(split, i)
    try:
        return count_segments(split, sample, i, *read(i, sample.size), empty())
    except DataError as error:
        return error
