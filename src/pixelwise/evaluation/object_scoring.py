"""Scoring predicted objects: panoptic quality, average precision, and iIoU, by what the predictions are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.splits import Split
from ..errors import DataError, FormatError, ScoreError, UsageError
from ..files.addresses import local_path
from ..formats.given import Data, SplitNames, as_split
from ..formats.known.coco import read_panoptic, segments_of
from ..formats.targets.target import background_of
from ..hints import answering, hinted
from ..metrics.average_precision import AveragePrecision, ObjectMatches, objects_of
from ..metrics.instances import InstanceConfusion, InstanceScores
from ..metrics.panoptic import PanopticConfusion, PanopticScores
from ..results import Result
from ..threads import in_order
from ..types import Progress, Sample
from .prediction_files import (
    Holding,
    check_labels,
    check_samples,
    find_files,
    holding,
    read_prediction,
    refuse,
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
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> ObjectScoring:
    """Score predictions by object, on all images of a split whose dataset has objects (instances).

    predictions, which decide what is computed:

    - a JSON of COCO results, a list of `{"image_id", "category_id", "segmentation", "score"}`: average precision, by
      the rule of pycocotools. Of a dataset of COCO's the objects are its annotations, also where they overlap.
    - a JSON of panoptic predictions, whose PNGs are in the folder of its name without `.json`: panoptic quality, by the
      rule of panopticapi. Classes that the dataset does not call things are one segment in an image.
    - a folder of class ids as for `score`: iIoU and the IoU of objects.

    data, splits, stored_values, masks, threshold, threads, progress, options: as for `score`. Ids of images and
    categories are those of the dataset's own JSON; of a dataset without one, images are named as samples are, and
    categories are class ids.

    Nothing is scored if anything is wrong. Raises as `score`; UsageError `no-instances` if a sample has no object
    numbers, FormatError `bad-json` and LabelError for bad files.
    """
    split = as_split(data, splits, verb="score", prefer=("val",), **options)
    check_samples(split)
    check_labels(split)
    path = local_path(predictions, "score")
    total, count = _ways(path, split, holding(split.classes, stored_values, masks, threshold))
    problems: list[DataError] = []
    order = _order(split) if isinstance(total, ObjectMatches) else range(len(split))
    for done, found in enumerate(in_order(count, order, threads), 1):
        if isinstance(found, DataError):
            problems.append(found)
        elif not problems:
            total += found
        if progress is not None:
            progress(done, len(split))
    refuse(problems, f"{len(split)} predictions", path)
    return ObjectScoring(split, total.scores(), total)


def _order(split: Split) -> Sequence[int]:
    # As pycocotools: by the ids of the images, which decides between equal scores.
    if stated_of(split) is None:
        return range(len(split))
    ids = image_ids(split, stated_of(split))
    return sorted(range(len(split)), key=lambda i: ids[i])


def _ways(path: Path, split: Split, holds: Holding) -> tuple[Any, Callable[[int], Any]]:
    """Empty counts, and what gives those of one sample, or its error."""
    empty: Callable[[], Any]
    if path.is_dir():
        empty = partial(InstanceConfusion, split.classes)
        return empty(), partial(_by_ids, split, find_files(path, split.names), holds, empty)
    if holds.values != "ids":
        raise UsageError(f"a file of results holds objects, not {holds.values}", fix="leave that out")
    data = json_of(path)
    if isinstance(data, dict):
        stated = stated_of(split)
        things = None if stated is None else stated.things
        empty = partial(PanopticConfusion, split.classes, things=things)
        return empty(), partial(_by_segments, split, _panoptic(data, path, split), empty)
    found = results_of(data, path, split, scores=True)
    empty = partial(ObjectMatches, split.classes)
    return empty(), partial(_by_masks, split, found, empty)


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
            first = InstanceConfusion(table).first_object
            classes = [c for c in range(len(table)) if c != rest]
            objects, crowds = objects_of(sample.label, sample.instances, classes, first), []
        scored = [(o.shape.category, o.score, o.shape.mask(size, table)) for o in found[i]]
        return empty().update(scored, objects, crowds)
    except DataError as error:
        return error


# -- panoptic ---------------------------------------------------------------------------------------------------


def _panoptic(data: Mapping[str, Any], path: Path, split: Split) -> list[tuple[Path, Any]]:
    """The PNG of each sample, with its segments. FormatError `bad-json`, ScoreError `missing-prediction` and extra."""
    stated = stated_of(split)
    entries = data.get("annotations")
    if stated is None or stated.things is None:
        what = "panoptic predictions are scored against a COCO panoptic dataset"
        raise UsageError(what, code="no-instances", fix="give COCO results, or PanopticConfusion arrays")
    if not isinstance(entries, list):
        what = "not panoptic predictions: they need a list of annotations"
        raise FormatError(what, code="bad-json", where=path, fix="COCO results are a list")
    ids = image_ids(split, stated)
    of: dict[Any, Any] = {}
    problems: list[DataError] = []
    for n, entry in enumerate(entries):
        image = entry.get("image_id") if isinstance(entry, dict) else None
        where = f"{path} (annotations[{n}])"
        if not isinstance(image, int) or not isinstance(entry.get("file_name"), str):
            what = "it needs image_id, file_name and segments_info"
            problems.append(ScoreError(what, code="bad-json", where=where, fix="write it again"))
        elif image not in set(ids):
            what = f"image_id {image} is of no image of the split"
            problems.append(ScoreError(what, code="extra-prediction", where=where, fix="remove it"))
        elif image in of:
            problems.append(ScoreError(f"image_id {image} again", code="two-predictions", where=where, fix="keep one"))
        else:
            of[image] = entry
    out = []
    for i, image in enumerate(ids):
        if image not in of:
            what = f"no prediction for {split.names[i]!r}"
            problems.append(ScoreError(what, code="missing-prediction", where=path, fix="predict all samples"))
            continue
        try:
            out.append(
                (_png(path, of[image]["file_name"]), segments_of(of[image], stated.classes, split.classes, path))
            )
        except DataError as error:
            problems.append(error)
    refuse(problems, f"{len(split)} predictions", path)
    return out


def _png(path: Path, name: str) -> Path:
    relative = Path(name)
    if relative.is_absolute() or ".." in relative.parts or "\0" in name:
        raise ScoreError(
            f"the file name {name!r} leads out of its folder", code="bad-name", where=path, fix="rename it"
        )
    return path.with_suffix("") / relative


def _by_segments(split: Split, files: list[tuple[Path, Any]], empty: Any, i: int) -> Any:
    sample, stated = _numbered(split, i), stated_of(split)
    assert stated is not None
    path, segments = files[i]
    try:
        prediction, numbers = read_panoptic(split.classes, path, segments, sample.size)
        crowd = np.isin(sample.instances, stated.crowds[split.position(i)])  # type: ignore[arg-type]
        return empty().update(prediction, numbers, sample.label, sample.instances, sample.name, crowd=crowd)
    except DataError as error:
        return error
