"""Predictions of a whole split in one file: COCO results (JSON), and run lengths in a CSV as competitions have them.

COCO results are a list of `{"image_id", "category_id", "segmentation", "score"}`, segmentations being polygons or run
lengths (https://cocodataset.org/#format-results). Ids are those of the dataset's own COCO JSON; of a dataset without
one, an image is named by its sample's name (or by its number, if the name is a number), and a category is a class id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..dataset.sources import image_file_of
from ..dataset.splits import Split
from ..errors import DataError, FormatError, LabelError, MissingError, ScoreError, UsageError, shown
from ..files.reading import parse_json, read_bytes
from ..formats.known.coco_annotations import shape_of
from ..formats.known.rle_csv import read_rows, runs_in
from ..formats.rasterize import DrawnSource, LabelCanvas, Shape, Stated
from ..formats.targets.target import background_of
from ..types import Label, Size
from .prediction_files import PredictionFile, find_files, refuse


class ScoredShape(NamedTuple):
    """A predicted object, and its score if the file has one."""

    shape: Shape
    score: float | None


@dataclass(frozen=True, slots=True)
class DrawnPrediction:
    """What a file says of one image; it stands for the path of a prediction. The best object is on top.

    file: its path. objects: in the order of the file. rows: (line, class id, text) of run lengths in a CSV.
    """

    file: Path
    objects: Sequence[ScoredShape] = ()
    rows: Sequence[tuple[int, int, str]] = ()

    def __str__(self) -> str:
        return str(self.file)

    def ids(self, table: ClassTable, size: Size) -> NDArray[Any]:
        """(H, W) class ids; what no object covers is background, or not a class. LabelError and PairError."""
        rest = background_of(table)
        drawn = LabelCanvas(size, table, table.padding_index if rest is None else rest)
        shapes = [o.shape for o in sorted(self.objects, key=lambda o: -math.inf if o.score is None else o.score)]
        for line, c, text in self.rows:
            where = f"{self.file}:{line}"
            shapes.append(Shape(c, 1, runs=runs_in(text, size[0] * size[1], where), where=where))
        for shape in shapes:
            drawn.add(shape)
        label: Label = drawn.label
        if rest is not None:
            return label
        covered = drawn.instances != 0
        return np.where(covered, label.astype(np.int32), len(table))  # a void id may be that of padding


def predictions_of(root: Path, split: Split) -> Sequence[PredictionFile]:
    """The prediction of each sample, in a folder or in a file of results. Raises as `find_files`, and as
    `drawn_predictions`.
    """
    if not root.is_dir() and root.suffix:
        check_file(root)
        return drawn_predictions(root, split)
    return find_files(root, split.names)


def json_of(path: Path) -> Any:
    """A JSON file. MissingError, FormatError `bad-json`."""
    check_file(path)
    return parse_json(read_bytes(path), path, fix="write it again")


def drawn_predictions(path: Path, split: Split) -> list[DrawnPrediction]:
    """The prediction of each sample in a file of results. Raises as `results_of`, and FormatError `bad-csv`.

    A sample of which the file says nothing has no object; MissingError if there is no such file.
    """
    if path.suffix.lower() == ".csv":
        return _of_csv(path, split)
    return [DrawnPrediction(path, objects) for objects in results_of(json_of(path), path, split)]


def results_of(data: Any, path: Path, split: Split, scores: bool = False) -> list[list[ScoredShape]]:
    """The objects of each sample. scores: whether each must have one.

    Raises ScoreError `extra-prediction` for images that are none of the split, LabelError for a bad entry, FormatError
    `bad-json` if the file is none of results; several problems become one ScoreError.
    """
    if not isinstance(data, list):
        what = "not COCO results: they are a list of objects with image_id, category_id, segmentation and score"
        raise FormatError(what, code="bad-json", where=path, fix="give the results, not the annotations of the truth")
    stated = stated_of(split)
    at, classes = images_by_id(split, stated), classes_by_id(split, stated)
    found: list[list[ScoredShape]] = [[] for _ in range(len(split))]
    problems: list[DataError] = []
    for n, entry in enumerate(data):
        try:
            index, one = _entry(entry, f"{path} ([{n}])", at, classes, scores)
            found[index].append(one)
        except DataError as error:
            problems.append(error)
    refuse(problems, f"{len(data)} results", path)
    return found


def stated_of(split: Split) -> Stated | None:
    """What the dataset's own COCO file calls images and classes, or None if there is none."""
    source = split.source
    return source.stated if isinstance(source, DrawnSource) else None


def image_ids(split: Split, stated: Stated | None) -> list[Any]:
    """What files of results call each sample."""
    if stated is not None:
        return [int(stated.images[split.position(i)]) for i in range(len(split))]
    names = list(split.names)
    stems = [name.rpartition("/")[2] for name in names]
    numbered = all(s.isascii() and s.isdigit() and len(s) < 19 for s in stems)
    numbers = [int(s) for s in stems] if numbered else []
    return numbers if len(set(numbers)) == len(names) else names


def images_by_id(split: Split, stated: Stated | None) -> dict[Any, int]:
    """The position of each sample by what files may call it: its id, its name, the last part of a name if no other has
    it.
    """
    stems = [name.rpartition("/")[2] for name in split.names]
    short = {stem: i for i, stem in enumerate(stems)} if len(set(stems)) == len(stems) else {}
    names = {name: i for i, name in enumerate(split.names)}
    return short | names | {image: i for i, image in enumerate(image_ids(split, stated))}


def classes_by_id(split: Split, stated: Stated | None) -> Mapping[Any, int]:
    """The class of each category's id."""
    return {c: c for c in range(len(split.classes))} if stated is None else stated.classes


def _entry(
    entry: Any, where: str, at: Mapping[Any, int], classes: Mapping[Any, int], scores: bool
) -> tuple[int, ScoredShape]:
    needed = ("image_id", "category_id", "segmentation", *(("score",) if scores else ()))
    lacking = [name for name in needed if not isinstance(entry, dict) or name not in entry]
    if lacking:
        what = f"it has no {' and no '.join(lacking)}"
        raise LabelError(what, code="bad-json", where=where, fix=f"each result needs {', '.join(needed)}")
    image, category, score = entry["image_id"], entry["category_id"], entry.get("score")
    index = at.get(image) if isinstance(image, (int, str)) else None
    if index is None:
        what = f"image_id {image!r:.80} is of no image of the split"
        raise ScoreError(what, code="extra-prediction", where=where, fix="choose its split, or remove it")
    c = classes.get(category) if isinstance(category, int) else None
    if c is None:
        what = f"category_id {category!r:.80} is none of the dataset's: {shown(sorted(classes)[:8])}"
        raise LabelError(what, code="unknown-class", where=where, fix="use the ids of the dataset's categories")
    if score is not None and (not isinstance(score, (int, float)) or not math.isfinite(score)):
        raise LabelError(f"the score {score!r:.40}", code="bad-json", where=where, fix="a score is a finite number")
    return index, ScoredShape(shape_of(entry["segmentation"], c, 1, where), None if score is None else float(score))


# -- run lengths ------------------------------------------------------------------------------------------------


def _of_csv(path: Path, split: Split) -> list[DrawnPrediction]:
    rows = read_rows(path)
    names = {name: i for i, name in enumerate(split.names)}
    for i in range(len(split)):
        of = image_file_of(split.source, split.position(i))
        if of is not None:
            names[of[0].path(of[0].images, of[1]).replace("\\", "/").rpartition("/")[2]] = i
    rest, table = background_of(split.classes), split.classes
    kinds = {name: k for k, name in enumerate(table.names)} | {str(k): k for k in range(len(table))}
    if rest is not None and len(table) == 2:
        kinds[""] = 1 - rest
    found: list[list[tuple[int, int, str]]] = [[] for _ in range(len(split))]
    seen: set[int] = set()
    problems: list[DataError] = []
    for image, listed in rows.items():
        where = f"{path}:{listed[0].line}"
        if image not in names:
            what = f"the image {image!r:.80} is none of the split"
            problems.append(ScoreError(what, code="extra-prediction", where=where, fix="choose its split"))
            continue
        seen.add(names[image])
        for row in listed:
            if row.runs and row.kind not in kinds:
                what = f"the class {row.kind!r:.40} is none of the dataset's"
                fix = "a class is its id or its name; without one the dataset has background and one class"
                problems.append(LabelError(what, code="unknown-class", where=f"{path}:{row.line}", fix=fix))
            elif row.runs:
                found[names[image]].append((row.line, kinds[row.kind], row.runs))
    for i, name in enumerate(split.names):
        if i not in seen:
            fix = "an image without any object has one empty row"
            problems.append(ScoreError(f"no row for {name!r}", code="missing-prediction", where=path, fix=fix))
    refuse(problems, f"{len(rows)} images", path)
    return [DrawnPrediction(path, rows=listed) for listed in found]


def check_file(path: Path) -> None:
    """MissingError `missing-file` if there is none, UsageError `bad-suffix` for one that is not of results."""
    if not path.is_file():
        raise MissingError("no such file of results", code="missing-file", where=path, fix="check the path")
    if path.suffix.lower() not in (".json", ".csv"):
        what = f"a file of results is .json or .csv, got {path.name!r}"
        raise UsageError(what, code="bad-suffix", where=path, fix="give the folder of predictions")
