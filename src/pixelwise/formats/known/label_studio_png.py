"""Label Studio's export "Brush labels to PNG": task-7-annotation-12-by-1-tag-Car-0.png, a mask per brush stroke.

https://github.com/HumanSignal/label-studio-converter (brush.py) : the number of the task, of the annotation, who made
it, the tag of the labeling configuration, the label, and a number; alpha above 0 is inside. Masks name tasks, not
images: a task is that of the image with its number. Of several annotations of a task the first is read, with a note.
Masks are drawn in the order of the labels, then of their numbers, later ones on top; what none covers is background.
This needs code to take the names apart.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.sources import Decoding, FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError
from ...types import Finding
from ..class_files import classes_beside
from ..format import Format
from ..layers import LayerDrawing, LayerFile, Layers, natural
from ..paths import matches, visible
from ..rasterize import DrawnSource
from ..regions import RegionClasses, classes_of

_MASK = re.compile(r"task-(\d+)-annotation-(\d+)-by-([^-]*)-(.+)-(\d+)")
_FOLDERS = ("", "masks/", "labels/", "annotations/", "export/", "brush/", "png/")
_IMAGES = ("images/", "media/", "upload/", "data/", "img/", "")


class _Brush(NamedTuple):
    """A mask. text: the tag and the label."""

    task: int
    annotation: int
    text: str
    number: int
    path: str


def _brushes(root: Path) -> list[_Brush]:
    for folder in _FOLDERS:
        found = ((path.name, _MASK.fullmatch(path.stem)) for path in visible(root, folder + "task-*.png"))
        masks = [_Brush(int(f[1]), int(f[2]), f[4], int(f[5]), folder + name) for name, f in found if f]
        if masks:
            return masks
    return []


def _find(path: Path) -> Path | None:
    """`path` if it has such masks whose tasks are numbers of images; else their order is all that they have in common,
    which a person has to confirm.
    """
    if not path.is_dir():
        return None
    masks = _brushes(path)
    return path if masks and _images(path, {m.task for m in masks}) else None


def _images(root: Path, tasks: set[int]) -> dict[int, str]:
    """The image of each task: the one whose name has its number and no other; {} if that is not so for all tasks."""
    for folder in _IMAGES:
        found: dict[int, list[str]] = defaultdict(list)
        for m in matches(root, folder + "{name}.{ext}"):
            if not _MASK.fullmatch(m.name) and (numbers := re.findall(r"\d+", m.name)):
                found[int(numbers[-1])].append(m.path)
        if tasks and tasks <= found.keys() and all(len(found[t]) == 1 for t in tasks):
            return {number: paths[0] for number, paths in sorted(found.items()) if len(paths) == 1}
    return {}


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the table; without it, a file of names beside the data, else the labels that occur, sorted."""
    masks = _brushes(root)
    images = _images(root, {m.task for m in masks})
    if not images:
        fix = "describe the pairs: pixelwise init FOLDER, or export as JSON, which names the images"
        what = "the tasks of the masks are not the numbers of images"
        raise FormatError(what, code="no-dataset", where=root, fix=fix)
    beside = classes_beside(root)
    known = classes if classes is not None else None if beside is None else beside.table
    labels = _labels(masks, () if known is None else known.names)
    regions = classes_of(known.names if known is not None else sorted(set(labels.values())))
    if classes is not None:
        regions = RegionClasses(classes, regions.background)
    notes = () if beside is None else beside.notes
    return Dataset(root, "label_studio_png", regions.table, Splits({"all": partial(
        _split, root, masks, images, regions, labels)}), notes)  # fmt: skip


def _labels(masks: Sequence[_Brush], names: Sequence[str]) -> dict[str, str]:
    """The label of each text: a known name that it ends with, else what follows the first hyphen."""
    found = {}
    for text in {m.text for m in masks}:
        known = [n for n in names if text.endswith(f"-{n}")]
        found[text] = max(known, key=len) if known else text.partition("-")[2] or text
    return found


def _split(
    root: Path, masks: Sequence[_Brush], images: Mapping[int, str], known: RegionClasses, labels: Mapping[str, str]
) -> Split:
    of: dict[int, dict[int, list[_Brush]]] = defaultdict(lambda: defaultdict(list))
    for mask in masks:
        of[mask.task][mask.annotation].append(mask)
    notes = []
    several = [task for task, annotations in of.items() if len(annotations) > 1]
    if several:
        what = f"{len(several)} tasks have several annotations, such as task {several[0]}; the first of each is read"
        notes.append(Finding("several-annotations", "warning", str(root), what, "export one annotation per task"))
    if without := [path for number, path in images.items() if number not in of]:
        what = f"{len(without)} images have no mask and are left out, such as {without[0]}"
        notes.append(Finding("unannotated-images", "note", str(root), what))
    tasks = sorted(of)
    paths = [images[task] for task in tasks]
    ids = {text: known.table.index(label) for text, label in labels.items()}
    files = []
    for task in tasks:
        own = of[task][min(of[task])]
        own.sort(key=lambda m: (ids[m.text], natural(m.text), m.number))
        files.append([LayerFile(m.path, ids[m.text], True) for m in own])
    names = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    source = FileSource(root, names, known.table, paths)
    layers = Layers((("", 0),), known.background)
    drawing = LayerDrawing(root, paths, files, names, layers, known.table, Decoding(), alpha=True)
    drawn = DrawnSource(source, drawing, drawing.paths, "the first annotation, later labels on top")
    return Split("all", known.table, drawn, notes=tuple(notes))


FORMAT = Format(
    "label_studio_png",
    "Label Studio's brushes as PNG (task-N-annotation-N-by-N-TAG-LABEL-N.png, and images of those numbers)",
    _find, _load,
)  # fmt: skip
