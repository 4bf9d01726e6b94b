"""Panoptic predictions, of any dataset with objects: a JSON with a folder of PNGs as COCO has them, or a folder of
files whose pixels are `class * divisor + number`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import decode_stored
from ..dataset.splits import Split
from ..errors import DataError, FormatError, ScoreError, UsageError
from ..files.reading import read_bytes
from ..formats.known.coco import read_panoptic, segments_of
from ..formats.targets.target import background_of
from ..metrics.instances import CITYSCAPES_OBJECT_SIZES, first_object_of
from ..metrics.panoptic import PanopticConfusion
from ..metrics.protocols import CITYSCAPES_CLASSES
from ..types import Sample, Size
from .prediction_files import Holding, check_own_size, refuse
from .result_files import classes_by_id, images_by_id, stated_of

Segments = tuple[Any, Any]
"""The ids of a PNG's segments, ascending, and their classes."""


def things_of(split: Split, given: Iterable[str | int] | None) -> Sequence[str | int] | None:
    """The classes that have objects: those given, those that the dataset states, or all but background."""
    stated, names = stated_of(split), split.classes.names
    if given is not None:
        return [given] if isinstance(given, str) else list(given)
    if stated is not None and stated.things is not None:
        return stated.things
    if names == CITYSCAPES_CLASSES:
        return list(CITYSCAPES_OBJECT_SIZES)
    return [c for c in range(len(names)) if c != background_of(split.classes)]


def crowd_of(split: Split, sample: Sample, index: int, things: Sequence[int]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels of the truth that are groups of objects. Where the dataset does not state them, those of a
    class with objects that have no number, as the groups of Cityscapes.
    """
    stated = stated_of(split)
    numbers: Any = sample.instances
    if stated is not None and stated.crowds:
        return np.isin(numbers, stated.crowds[split.position(index)])
    first = first_object_of(split.classes.names)
    return np.asarray(np.isin(sample.label, things) & (numbers < first))  # type: ignore[arg-type]


def count_segments(split: Split, sample: Sample, index: int, ids: Any, numbers: Any, empty: PanopticConfusion) -> Any:
    """`empty`, with the segments of a sample counted."""
    crowd = crowd_of(split, sample, index, empty.things)
    return empty.update(ids, numbers, sample.label, sample.instances, sample.name, crowd=crowd)


# -- class * divisor + number ----------------------------------------------------------------------------------


def read_numbered(
    split: Split, files: Sequence[Path], holds: Holding, divisor: int, i: int, size: Size
) -> tuple[Any, Any]:
    """Class ids and numbers, (H, W) each, of sample i's file, a PNG or NPY whose pixels are `class * divisor + number`.
    Classes are class ids, or the numbers that the dataset's labels store; void is of no segment.

    FileError if the file cannot be read, ScoreError `wrong-size`, `unsupported-label-mode`, `prediction-out-of-range`.
    """
    path = files[i]
    pixels = decode_stored(read_bytes(path), path, allow=frozenset({"npy"})).pixels
    if pixels.ndim != 2:
        what = f"is of shape {pixels.shape}, expected one number a pixel"
        raise ScoreError(what, code="unsupported-label-mode", where=path, fix="save class * divisor + number, (H, W)")
    check_own_size(pixels.shape, size, path)
    classes, table = pixels.astype(np.int64) // divisor, split.classes
    known = np.full(65_536, -1, np.int32) if holds.values == "ids" else table.value_ids
    if holds.values == "ids":
        known[: len(table)] = np.arange(len(table))
        known[table.padding_index] = table.padding_index
    ids = np.where((classes >= 0) & (classes < 65_536), known[np.clip(classes, 0, 65_535)], -1)
    if (ids < 0).any():
        y, x = np.argwhere(ids < 0)[0].tolist()
        what = f"{int(pixels[y, x])} at x={x}, y={y} is of class {int(classes[y, x])}, of which there is none"
        fix = "check the divisor; if classes are stored values, say stored_values=True (--stored-values)"
        raise ScoreError(what, code="prediction-out-of-range", where=path, fix=fix)
    return ids, pixels.astype(np.int64) % divisor


# -- a JSON and its PNGs ----------------------------------------------------------------------------------------


def of_json(data: Mapping[str, Any], path: Path, split: Split, holds: Holding) -> list[tuple[Path, Segments]]:
    """The PNG of each sample, with its segments. Categories are those of the dataset's own JSON, else class ids, or the
    numbers that its labels store. FormatError `bad-json`, ScoreError `missing-prediction`, `extra-prediction`.
    """
    entries, stated = data.get("annotations"), stated_of(split)
    if not isinstance(entries, list):
        what = "not panoptic predictions: they need a list of annotations"
        raise FormatError(what, code="bad-json", where=path, fix="COCO results are a list")
    at, classes, void = images_by_id(split, stated), _categories(split, holds), _of_none(split)
    of: dict[int, Any] = {}
    problems: list[DataError] = []
    for n, entry in enumerate(entries):
        image = entry.get("image_id") if isinstance(entry, dict) else None
        where = f"{path} (annotations[{n}])"
        if not isinstance(image, (int, str)) or not isinstance(entry.get("file_name"), str):
            what = "it needs image_id, file_name and segments_info"
            problems.append(ScoreError(what, code="bad-json", where=where, fix="write it again"))
        elif image not in at:
            what = f"image_id {image!r:.80} is of no image of the split"
            problems.append(ScoreError(what, code="extra-prediction", where=where, fix="remove it"))
        elif at[image] in of:
            what = f"image_id {image!r:.80} again"
            problems.append(ScoreError(what, code="two-predictions", where=where, fix="keep one"))
        else:
            of[at[image]] = entry
    out = []
    for i, name in enumerate(split.names):
        if i not in of:
            fix = "predict all samples"
            problems.append(
                ScoreError(f"no prediction for {name!r}", code="missing-prediction", where=path, fix=fix)
            )
            continue
        try:
            png = _png(path, of[i]["file_name"])
            out.append((png, segments_of(of[i], classes, void, path)))
        except DataError as error:
            problems.append(error)
    refuse(problems, f"{len(split)} predictions", path)
    return out


def read_png(split: Split, pngs: Sequence[tuple[Path, Segments]], i: int, size: Size) -> tuple[Any, Any]:
    """Class ids and segment ids of sample i, (H, W) each. pngs: as `of_json` gives them."""
    return read_panoptic(split.classes, *pngs[i], size)


def _categories(split: Split, holds: Holding) -> Mapping[Any, int]:
    if holds.values == "ids":
        return classes_by_id(split, stated_of(split))
    values = split.classes.values
    if values is None:
        raise UsageError("the dataset's labels store class ids: leave stored_values out")
    return {value: c for value, c in values.items() if c < len(split.classes)}


def _of_none(split: Split) -> int:
    # What pixels of no segment are: background where that is a class, else no class, as in panoptic datasets.
    rest, stated = background_of(split.classes), stated_of(split)
    is_void = rest is None or (stated is not None and stated.things is not None)
    return split.classes.padding_index if is_void else int(rest or 0)


def _png(path: Path, name: str) -> Path:
    relative = Path(name)
    if relative.is_absolute() or ".." in relative.parts or "\0" in name:
        raise ScoreError(
            f"the file name {name!r} leads out of its folder", code="bad-name", where=path, fix="rename it"
        )
    return path.with_suffix("") / relative
