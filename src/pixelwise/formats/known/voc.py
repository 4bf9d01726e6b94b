"""Pascal VOC 2007 to 2012: JPEGImages, SegmentationClass, ImageSets/Segmentation.

http://host.robots.ox.ac.uk/pascal/VOC/ ; labels are 8-bit palette PNGs whose index is the class, 255 is void.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...classes import VOC, ClassTable, Color, usual_void
from ...codecs.decoding import decode_stored, read_header
from ...dataset.dataset import Dataset
from ...dataset.lists import IMAGE_SUFFIXES, LineOf, SplitList, parse_list
from ...dataset.numbers import ChannelSum
from ...dataset.sources import Decoding, FileSource, PathRule
from ...dataset.splits import Split, Splits
from ...errors import DataError, FormatError, MissingError
from ...files.reading import read_bytes
from ...hints import meant
from ...labels import count_values
from ...types import Finding
from ..class_files import classes_beside
from ..format import Format
from ..layout import rank
from ..naming import are_colors, by_color, colored
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


def _load(root: Path, *, labels: str = "SegmentationClass", classes: ClassTable | None = None) -> Dataset:
    """The dataset at `root`. labels: the folder of label PNGs, such as SegmentationClassAug. classes: the table; by
    default that of a file of names beside the data, else VOC's if the labels are VOC's, else neutral names.
    """
    if not (root / labels).is_dir():
        near = meant(labels, (p.name for p in visible(root, "*/")))
        raise MissingError("no folder of labels of that name", code="missing-file", where=root / labels,
                           fix=f"{near}choose another with labels=...")  # fmt: skip
    lists = {p.stem: p for p in visible(root / _LISTS, "*.txt")}
    if not lists:
        raise FormatError("no lists of samples (*.txt)", code="no-dataset", where=root / _LISTS)
    notes = list(hidden_notes(root / _LISTS, "*.txt"))
    some = _some(root, labels, _LOOKED_AT)
    in_colors = are_colors(some)
    if classes is None:
        named = classes_beside(root)
        classes = VOC if named is None else colored(named) if in_colors and named.colored else named.table
        if named is not None:
            notes += named.notes
        elif (reason := _unlike_voc(root, some)) is not None:
            classes = _neutral(root, labels)
            what = f"the labels are not those of Pascal VOC: {reason}; the classes are called {_called(classes)}"
            fix = "name them: class_names.txt or labelmap.txt beside the folders, a pixelwise.toml, or classes="
            notes.append(Finding("neutral-names", "warning", str(root / labels), what, fix))
    if in_colors and classes.values is None:
        classes = by_color(classes)
    made = {name: partial(_split, root, name, lists[name], labels, classes) for name in sorted(lists, key=rank)}
    return Dataset(root, "voc", classes, Splits(made), tuple(notes))


def _called(classes: ClassTable) -> str:
    return ", ".join(classes.names[:3]) + ", ..." * (len(classes) > 3)


# -- whose labels they are ------------------------------------------------------------------------------------

_LOOKED_AT = 16
"""Labels that are opened to see whether they are VOC's; `check` reads all of them."""
_COUNTED = 1000
"""Labels whose values are counted, if they are not VOC's."""
_OWN_NAMES = re.compile(r"(20\d\d)_\d{6}")
"""Names of VOC's images. SBD's labels of them are gray, without a palette."""


def _some(root: Path, folder: str, most: int) -> list[Path]:
    """Labels spread over the folder."""
    paths = visible(root / folder, "*.[pP][nN][gG]")
    return paths[:: max(1, -(-len(paths) // most))]


def _unlike_voc(root: Path, some: Sequence[Path]) -> str | None:
    """Why these labels are not Pascal VOC's, or None if they are: palettes, colors, values and names of objects.

    Most labels decide. A few odd ones among labels of VOC are damaged or strayed in, and are errors when they are read.
    """
    seen = [_oddity(root, path) for path in some]
    odd = [reason for reason in seen if reason is not None]
    return odd[0] if len(odd) > len(seen) / 2 else _other_objects(root)


def _oddity(root: Path, path: Path) -> str | None:
    """Why this label is not Pascal VOC's, or None if it may be."""
    try:
        stored = decode_stored(read_bytes(path), path)
    except DataError:
        return None  # what is wrong with it is said when it is read
    where = path.relative_to(root)
    if stored.pixels.ndim == 3:
        colors = {tuple(c) for c in np.unique(stored.pixels[..., :3].reshape(-1, 3), axis=0).tolist()}
        stray = sorted(colors - set(VOC.color_ids))
        return f"{where} has the color {stray[0]}" if stray else None
    if stored.palette is None and not _OWN_NAMES.fullmatch(path.stem):
        return f"{where} has no palette"
    values = count_values(stored.pixels)[0]
    if strange := values[VOC.value_ids[values] < 0].tolist():
        return f"{where} has the value {strange[0]}"
    used = values[values < (0 if stored.palette is None else len(stored.palette))]
    if stored.palette is not None and (stored.palette[used] != VOC.palette[used]).any():
        return f"{where} has another palette"
    return None


def _other_objects(root: Path) -> str | None:
    known = set(VOC.names) | set(VOC.aliases) | {name.replace(" ", "") for name in VOC.aliases}
    for path in visible(root / "Annotations", "*.xml")[:_LOOKED_AT]:
        for name in re.findall(rb"<object>\s*<name>([^<]{1,80})</name>", read_bytes(path)):
            text = name.decode("utf-8", "replace").strip()
            if text not in known and text not in ("head", "hand", "foot"):  # parts of persons
                return f"{path.relative_to(root)} names the object {text!r}"
    return None


def _neutral(root: Path, folder: str) -> ClassTable:
    """A table of the values or colors in the labels: each class is called by its number. 255 among others is void."""
    values: set[int] = set()
    colors: set[Color] = set()
    for path in _some(root, folder, _COUNTED):
        try:
            pixels = decode_stored(read_bytes(path), path).pixels
        except DataError:
            continue
        if pixels.ndim == 2:
            values.update(count_values(pixels)[0].tolist())
        else:
            flat = pixels[..., :3].astype(np.int64)
            found = np.unique(flat[..., 0] << 16 | flat[..., 1] << 8 | flat[..., 2]).tolist()
            colors.update((c >> 16, c >> 8 & 255, c & 255) for c in found)
    if colors and not values:
        listed = sorted(colors)
        return ClassTable(tuple(str(k) for k in range(len(listed))), np.array(listed, np.uint8), values={})
    void = {255} if 255 in values and len(values) > 2 else set()
    shown = sorted(values - void) or [0]
    ids = {value: k for k, value in enumerate(shown)}
    index = usual_void(len(shown))
    return ClassTable(tuple(map(str, shown)), ignore_index=index, values=ids | dict.fromkeys(void, index))


# -- splits ---------------------------------------------------------------------------------------------------


def _split(root: Path, name: str, path: Path, labels: str, classes: ClassTable) -> Split:
    notes: list[Finding] = []
    listed = parse_list(read_bytes(path), path, notes)
    objects = PathRule(listed.names, "SegmentationObject/{}.png") if (root / "SegmentationObject").is_dir() else None
    source = FileSource(
        root, listed.names, classes, listed.images or _images(root, listed.names),
        listed.labels or _labels(root, name, listed, labels), objects, LineOf(path, listed.lines),
        _OBJECT_COLORS if _are_colored(root) else Decoding(),
    )  # fmt: skip
    return Split(name, classes, source, notes=tuple(notes))


def _images(root: Path, names: Sequence[str]) -> PathRule | list[str]:
    """JPEGImages/NAME.jpg, or with another ending if the first of the names has one."""
    rule = PathRule(names, "JPEGImages/{}.jpg")
    if not names or os.path.isfile(root / rule[0]):
        return rule
    there = {p.stem: p.name for p in visible(root / "JPEGImages", "*") if p.suffix.lower() in IMAGE_SUFFIXES}
    return [f"JPEGImages/{there.get(n, n + '.jpg')}" for n in names] if there else rule


_OBJECT_COLORS = Decoding(objects=ChannelSum.parse("65536*R + 256*G + B"))
"""CVAT writes objects in colors: each color of an image is an object."""


def _are_colored(root: Path) -> bool:
    first = next(iter(visible(root / "SegmentationObject", "*.png")[:1]), None)
    try:
        return first is not None and read_header(first).channels >= 3
    except DataError:
        return False


def _labels(root: Path, name: str, listed: SplitList, folder: str) -> PathRule | None:
    # The test images of VOC come without labels. Any other split has them all.
    rule = PathRule(listed.names, folder + "/{}.png")
    if name == "test" and not any(os.path.exists(root / rule[i]) for i in range(min(len(rule), 8))):
        return None
    return rule


_LOOKS_LIKE = "VOC (JPEGImages/ and ImageSets/Segmentation/*.txt, in the folder or in VOCdevkit/VOC*/ below it)"
FORMAT = Format("voc", _LOOKS_LIKE, _find, _load)
