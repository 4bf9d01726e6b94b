"""The chapter's reading of VOC's files into memory: images, labels as colors, boxes."""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..classes import VOC
from ..dataset.dataset import Dataset
from ..dataset.lists import parse_list
from ..dataset.sources import FileSource, PathRule
from ..dataset.splits import Split
from ..errors import FileError, UsageError
from ..files.reading import read_bytes
from ..formats.opening import open as open_dataset
from ..hints import hinted
from ..threads import in_order
from ..types import U8, Sample
from .planes import Planes, to_planes

_R = TypeVar("_R")

_CLASS_LINE = re.compile(rb"^[ \t]*(\S+)[ \t]+(-1|0|1)[ \t\r]*$", re.MULTILINE)


@overload
def read_voc_images(
    voc_dir: str | os.PathLike[str], image_sets: str | os.PathLike[str] | Sequence[str]
) -> tuple[list[U8], list[str]]: ...
@overload
def read_voc_images(
    voc_dir: str | os.PathLike[str], image_sets: bool = ..., *, is_train: bool | None = ...
) -> tuple[list[Planes], list[Planes]]: ...
@hinted
def read_voc_images(
    voc_dir: str | os.PathLike[str],
    image_sets: bool | str | os.PathLike[str] | Sequence[str] = True,
    *,
    is_train: bool | None = None,
) -> tuple[list[Any], list[Any]]:
    """All images of image sets, held in memory. What comes back is that of the edition whose argument is given.

    - First edition: `image_sets` is a list of files below ImageSets/, such as ["Segmentation/train.txt"], or names of
      splits, such as ["train"]; one may be given without a list. Returns (images, names): images[i] is (H, W, 3) uint8.
      Of a class's list, such as "Main/cat_train.txt", the lines "NAME 1" count, and "NAME -1" and "NAME 0" do not.
    - Published edition: True for train, False for val; also as `is_train=`. Returns (features, labels), both
      (3, H, W) uint8 `Planes`: labels in colors, void in (224, 224, 192).

    `pixelwise.open(voc_dir)["train"]` reads one sample at a time. Raises what reading it raises, MissingError for a
    list or an image that is missing, and ListError for a broken list.
    """
    chosen = image_sets if is_train is None else is_train
    if isinstance(chosen, (bool, np.bool_)):
        split = _open(voc_dir)["train" if chosen else "val"]
        pairs = _read(split, lambda sample: (to_planes(sample.image), to_planes(_colors(split, sample))))
        return [image for image, _ in pairs], [label for _, label in pairs]
    images, names = list[U8](), list[str]()
    for image_set in _several(chosen):
        split = _split(voc_dir, image_set, labels=False)
        images += _read(split, lambda sample: sample.image)
        names += split.names
    return images, names


@hinted
def read_voc_seg_labels(
    voc_dir: str | os.PathLike[str], image_set: str | os.PathLike[str] | Sequence[str] = "Segmentation/train.txt"
) -> list[U8]:
    """All labels of an image set as colors: (H, W, 3) uint8 each, void in (224, 224, 192).

    image_set: as for `read_voc_images`. The chapter reads colors and maps them back to classes.
    `pixelwise.open(voc_dir)["train"][i].label` gives the class ids that the files store.
    """
    labels = list[U8]()
    for name in _several(image_set):
        split = _split(voc_dir, name, labels=True)
        labels += _read(split, partial(_colors, split))
    return labels


@hinted
def read_voc_detection_labels(
    voc_dir: str | os.PathLike[str], image_fns: Sequence[str], classes: Sequence[str]
) -> list[NDArray[np.float64]]:
    """The boxes of images: one (n, 5) float64 per image, each row [class, xmin, ymin, xmax, ymax].

    image_fns: names, as `read_voc_images` gives them. classes: names; the class of a row is the place of its name
    there, and objects of other classes are left out. Coordinates are those of Annotations/NAME.xml minus 1: pixels
    from 0, the last one included. An image without such an object has (0, 5).

    Raises MissingError for an annotation that is missing, FileError `corrupt` for one that is not VOC's XML or has a
    box that is none, and UsageError for names that are not a list or come twice.
    """
    for name, value in (("image_fns", image_fns), ("classes", classes)):
        if isinstance(value, (str, bytes, os.PathLike)):
            raise UsageError(f"{name} is a list of names, got {value!r}", fix=f"write [{value!r}]")
    index = {_spelled(name): i for i, name in enumerate(classes)}
    if len(index) < len(classes):
        raise UsageError(f"classes must be different, got {list(classes)}")
    root = _home(voc_dir)
    labels = []
    for name in image_fns:
        objects = _objects(root / "Annotations" / f"{name}.xml")
        rows = [[index[kind], *(edge - 1 for edge in box)] for kind, box in objects if kind in index]
        labels.append(np.array(rows, np.float64).reshape(-1, 5))
    return labels


def _spelled(name: str) -> str:
    """A class name as VOC's files spell it."""
    plain = name.strip().lower()
    return VOC.aliases.get(plain, plain)


def _objects(path: Path) -> list[tuple[str, list[float]]]:
    """Name and box of each object of an annotation."""
    edges = [f"bndbox/{edge}" for edge in ("xmin", "ymin", "xmax", "ymax")]
    found = list[tuple[str, list[float]]]()
    data = read_bytes(path)
    try:
        for thing in ET.fromstring(data).iter("object"):
            name, box = thing.findtext("name"), [float(thing.findtext(edge) or "") for edge in edges]
            if not name or not all(map(math.isfinite, box)) or box[0] > box[2] or box[1] > box[3]:
                what = f"object {len(found) + 1} is {name!r} with xmin, ymin, xmax, ymax {box}"
                raise ValueError(what)
            found.append((_spelled(name), box))
    except (ET.ParseError, LookupError, ValueError) as error:  # LookupError: an encoding that does not exist
        fix = "write a name and a box of four numbers for each object"
        raise FileError(f"not a VOC annotation: {error}", code="corrupt", where=path, fix=fix) from None
    return found


# -- image sets ---------------------------------------------------------------------------------------------


def _several(image_sets: Any) -> Sequence[Any]:
    if isinstance(image_sets, (str, os.PathLike)):
        return [image_sets]
    if isinstance(image_sets, Sequence) and all(isinstance(name, (str, os.PathLike)) for name in image_sets):
        return image_sets
    what = f"image sets are names of files below ImageSets/, or True or False, got {image_sets!r}"
    raise UsageError(what, fix="write ['Segmentation/train.txt']")


def _split(voc_dir: str | os.PathLike[str], image_set: str | os.PathLike[str], *, labels: bool) -> Split:
    """The samples of an image set: of a file below ImageSets/, or of a split by its name."""
    name = os.fspath(image_set)
    if not name.endswith(".txt"):
        return _open(voc_dir)[name]
    root = _home(voc_dir)
    path = root / "ImageSets" / name
    # A line that does not count becomes blank, so that messages about the others have their line.
    lines = _CLASS_LINE.sub(lambda line: line[1] if line[2] == b"1" else b"", read_bytes(path))
    listed = parse_list(lines, path)
    table = _open(voc_dir).classes if labels else VOC
    rules = [PathRule(listed.names, rule) for rule in ("JPEGImages/{}.jpg", "SegmentationClass/{}.png")]
    images, masks = listed.images or rules[0], listed.labels or rules[1]
    return Split(name, table, FileSource(root, listed.names, table, images, masks if labels else None))


def _read(split: Split, what: Callable[[Sample], _R]) -> list[_R]:
    return list(in_order(lambda i: what(split.read(i)), range(len(split))))


def _colors(split: Split, sample: Sample) -> U8:
    if sample.label is None:
        raise UsageError(f"the split {split.name!r} has no labels", code="no-labels")
    return split.classes.decode(sample.label)


def _home(voc_dir: str | os.PathLike[str]) -> Path:
    """The folder that has ImageSets/: `voc_dir`, or the VOC folder below it."""
    root = Path(voc_dir)
    return root if (root / "ImageSets").is_dir() else _open(voc_dir).root


def _open(voc_dir: str | os.PathLike[str], **options: Any) -> Dataset:
    return open_dataset(voc_dir, format="voc", **options)
