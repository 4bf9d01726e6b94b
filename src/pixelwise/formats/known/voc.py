"""Pascal VOC 2007 to 2012: JPEGImages, SegmentationClass, ImageSets/Segmentation.

http://host.robots.ox.ac.uk/pascal/VOC/ ; labels are 8-bit palette PNGs whose index is the class, 255 is void.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...classes import VOC, ClassTable
from ...dataset.dataset import Dataset
from ...dataset.lists import LineOf, SplitList, parse_list
from ...dataset.sources import FileSource, PathRule
from ...dataset.splits import Split, Splits
from ...errors import FormatError, MissingError
from ...files import read_bytes
from ...types import Finding
from ..format import Format
from ..layout import rank
from ..paths import hidden_notes, visible

_LISTS = "ImageSets/Segmentation"


def _is_root(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / _LISTS).is_dir()


def _find(path: Path) -> Path | None:
    """The VOC folder at or below `path`; FormatError `several-years` if VOCdevkit holds more than one."""
    if _is_root(path):
        return path
    for devkit in (path, path / "VOCdevkit"):
        years = [p for p in visible(devkit, "VOC*") if _is_root(p)] if devkit.is_dir() else []
        if len(years) > 1:
            what, fix = f"holds several years: {', '.join(p.name for p in years)}", f"open one, such as {years[-1]}"
            raise FormatError(what, code="several-years", where=devkit, fix=fix)
        if years:
            return years[0]
    return None


def _load(root: Path, *, labels: str = "SegmentationClass", classes: ClassTable = VOC) -> Dataset:
    """The dataset at `root`. labels: the folder of label PNGs, such as SegmentationClassAug. classes: the table."""
    if not (root / labels).is_dir():
        raise MissingError("no folder of labels of that name", code="missing-file", where=root / labels,
                           fix="choose another with labels=...")  # fmt: skip
    lists = {p.stem: p for p in visible(root / _LISTS, "*.txt")}
    makers = {name: partial(_split, root, name, lists[name], labels, classes) for name in sorted(lists, key=rank)}
    if not makers:
        raise FormatError("no lists of samples (*.txt)", code="no-dataset", where=root / _LISTS)
    return Dataset(root, "voc", classes, Splits(makers), hidden_notes(root / _LISTS, "*.txt"))


def _split(root: Path, name: str, path: Path, labels: str, classes: ClassTable) -> Split:
    notes: list[Finding] = []
    listed = parse_list(read_bytes(path), path, notes)
    instances = PathRule(listed.names, "SegmentationObject/{}.png") if (root / "SegmentationObject").is_dir() else None
    source = FileSource(
        root, listed.names, classes, listed.images or PathRule(listed.names, "JPEGImages/{}.jpg"),
        listed.labels or _labels(root, name, listed, labels), instances, LineOf(path, listed.lines),
    )  # fmt: skip
    return Split(name, classes, source, notes=tuple(notes))


def _labels(root: Path, name: str, listed: SplitList, folder: str) -> PathRule | None:
    # The test images of VOC come without labels. Any other split has them all.
    rule = PathRule(listed.names, folder + "/{}.png")
    if name == "test" and not any((root / rule[i]).exists() for i in range(min(len(rule), 8))):
        return None
    return rule


_LOOKS_LIKE = "VOC (JPEGImages/ and ImageSets/Segmentation/*.txt, in the folder or in VOCdevkit/VOC*/ below it)"
FORMAT = Format("voc", _LOOKS_LIKE, _find, _load)
