"""VGG Image Annotator, version 2 (and the JSON of version 1): a JSON or CSV of regions beside the images.

https://www.robots.ox.ac.uk/~vgg/software/via : polygons, rectangles, circles and ellipses are regions, drawn in the
order of the file; a circle or ellipse has the pixels whose centers are inside. The class of a region is one of its
attributes; `attribute=` says which if there are several. The classes are the options of that attribute in a saved
project, else all values that occur, sorted; background is what no region covers.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, UsageError
from ...files.reading import read_bytes
from ..class_files import classes_beside
from ..format import Format
from ..forms import Ellipse, Form, Polygons, real
from ..layout import SPLIT_NAMES, plain_split, rank
from ..paths import hidden_notes, split_names
from ..rasterize import polygon
from ..regions import (
    Annotated,
    Region,
    RegionClasses,
    annotated_split,
    classes_of,
    head_of,
    path_text,
    read_json,
    some_files,
)

_KNOWN = re.compile(rb'"(_via_img_metadata|shape_attributes|file_attributes)"|region_shape_attributes')
_USUAL = ("class", "label", "name", "type", "category", "object")
"""Attributes that hold the class, the first that is there."""
_OBJECT = "object"
"""The class of regions that have no attributes."""
_REGIONS = ("polygon", "rect", "circle", "ellipse")


def _file(root: Path, folder: str) -> Path | None:
    """The file of annotations in a folder: a saved project first, then JSON, then CSV."""
    found = [p for ending in ("json", "csv") for p in some_files(root, folder, ending, 4)]
    known = [p for p in found if _KNOWN.search(head_of(p))]
    return min(known, key=lambda p: (b"_via_img_metadata" not in head_of(p), found.index(p)), default=None)


def _files(root: Path) -> dict[str, Path]:
    """The files by the folder that they and their images are in: "" for the root itself, else that of a split."""
    at = _file(root, "")
    if at is not None:
        return {"": at}
    folders = [name for name in split_names(root, "{split}/via") if SPLIT_NAMES.fullmatch(name)]
    return {name: file for name in folders if (file := _file(root, name)) is not None}


def _find(path: Path) -> Path | None:
    """`path` if it contains such a file, or folders of splits with one each."""
    return path if path.is_dir() and _files(path) else None


def _load(
    root: Path, *, attribute: str | None = None, images: str | None = None, classes: ClassTable | None = None
) -> Dataset:
    """attribute: the one that holds the class. images: the folder of the images. classes: another table."""
    files = _files(root)
    read = {folder: _records(path) for folder, path in files.items()}
    everything = [region for of, _ in read.values() for _, regions in of for region in regions]
    chosen = _attribute(everything, attribute, root)
    options = {name for _, listed in read.values() for name in listed.get(chosen, ())}
    entries = {f: [_entry(name, regions, chosen, files[f]) for name, regions in of] for f, (of, _) in read.items()}
    known = _classes(root, options, entries, classes)
    makers = {}
    for folder, of in entries.items():
        name = plain_split(folder, files) if folder else "all"
        makers[name] = partial(_split, root, name, folder, of, known, files[folder], images)
    below = {f"{folder}/" if folder else "" for folder in files}
    notes = hidden_notes(root, *(f"{f}*.{ending}" for f in sorted(below) for ending in ("json", "csv")))
    return Dataset(root, "via", known.table, Splits({n: makers[n] for n in sorted(makers, key=rank)}), notes)


def _split(
    root: Path,
    name: str,
    folder: str,
    entries: Sequence[Annotated],
    known: RegionClasses,
    path: Path,
    images: str | None,
) -> Split:
    return annotated_split(root, name, entries, known, (folder or ".", "images"), path, images)


def _classes(
    root: Path, options: set[str], entries: Mapping[str, Sequence[Annotated]], chosen: ClassTable | None
) -> RegionClasses:
    if chosen is not None:
        return RegionClasses(chosen, classes_of(chosen.names).background)
    if (named := classes_beside(root)) is not None:
        return classes_of(named.table.names)
    return classes_of(sorted(options | {r.label for of in entries.values() for e in of for r in e.regions}))


# -- the files ----------------------------------------------------------------------------------------------------

_Records = tuple[list[tuple[str, list[Any]]], dict[str, list[str]]]
"""The regions of each image by its file name, and the options of each attribute."""


def _records(path: Path) -> _Records:
    return _from_csv(path) if path.suffix == ".csv" else _from_json(path)


def _from_json(path: Path) -> _Records:
    data = read_json(path, "VIA")
    options: dict[str, list[str]] = {}
    if isinstance(data, dict) and "_via_img_metadata" in data:
        attributes = data.get("_via_attributes")
        region = attributes.get("region") if isinstance(attributes, dict) else None
        for name, stated in region.items() if isinstance(region, dict) else ():
            listed = stated.get("options") if isinstance(stated, dict) else None
            options[name] = [str(k) for k in listed] if isinstance(listed, dict) else []
        data = data["_via_img_metadata"]
    if not isinstance(data, dict):
        raise FormatError("no images", code="bad-json", where=path, fix="export the annotations as JSON")
    found = []
    for record in data.values():
        if not isinstance(record, dict):
            record = {}  # `once` says that it names no image
        regions = record.get("regions") or []
        listed = list(regions.values()) if isinstance(regions, dict) else regions  # version 1 numbers them
        found.append((path_text(record.get("filename")), listed if isinstance(listed, list) else [listed]))
    return found, options


def _from_csv(path: Path) -> _Records:
    text = read_bytes(path).decode("utf-8-sig", "replace")
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text.lstrip("#")))
    found: dict[str, list[Any]] = {}
    try:
        header = [cell.strip() for cell in next(reader, [])]
        at = [header.index(n) for n in ("filename", "region_shape_attributes", "region_attributes")]
        for row in reader:
            if not row or row[0].startswith("#"):
                continue
            name, shape, attributes = (row[k] if k < len(row) else "" for k in at)
            regions = found.setdefault(name, [])
            stated, of = _cell(shape), _cell(attributes)
            if stated != {} or of != {}:
                regions.append({"shape_attributes": stated, "region_attributes": of})
    except (csv.Error, ValueError) as error:
        where, fix = f"{path}:{reader.line_num}", "export the annotations as CSV"
        raise FormatError(f"not a CSV of VIA: {error}", code="bad-csv", where=where, fix=fix) from None
    return list(found.items()), {}


def _cell(text: str) -> Any:
    """The object in a cell; None for what is not JSON, which is a fault of its region."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None


def _attribute(regions: Sequence[Any], chosen: str | None, root: Path) -> str:
    """The attribute that holds the class; "" if regions have none."""
    stated = [r.get("region_attributes") for r in regions if isinstance(r, dict)]
    found = [of for of in stated if isinstance(of, dict)]
    there: list[str] = list(dict.fromkeys(name for of in found for name in of))
    if chosen is not None:
        if chosen not in there:
            fix = f"attribute= is one of {', '.join(there) or 'none: regions have no attributes'}"
            raise UsageError(f"no region has the attribute {chosen!r}", code="bad-argument", where=root, fix=fix)
        return chosen
    if len(there) < 2:
        return there[0] if there else ""
    usual = next((name for known in _USUAL for name in there if name.lower() == known), None)
    if usual is None:
        what = f"regions have several attributes: {', '.join(there)}"
        raise FormatError(what, code="unknown-class", where=root, fix=f"say which is the class: attribute={there[0]!r}")
    return usual


def _entry(name: str, regions: Sequence[Any], attribute: str, path: Path) -> Annotated:
    entry = Annotated(name, f"{path} ({name})")
    for n, region in enumerate(regions):
        entry.add(partial(_region, region, attribute), f"regions[{n}]")
    return entry


def _region(region: Any, attribute: str, where: str) -> Region | None:
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(shape, dict):
        raise LabelError("a region without shape_attributes", code="bad-json", where=where, fix="export it again")
    kind = shape.get("name")
    if kind not in _REGIONS:
        return None
    return Region(_label(region.get("region_attributes"), attribute, where), _form(str(kind), shape, where), where)


def _label(attributes: Any, attribute: str, where: str) -> str:
    if not attribute:
        return _OBJECT
    value = attributes.get(attribute) if isinstance(attributes, dict) else None
    if isinstance(value, dict):  # check boxes
        checked = [str(k) for k, v in value.items() if v]
        value = checked[0] if len(checked) == 1 else checked
    if not isinstance(value, (str, int)) or not str(value).strip():
        what = f"its {attribute} is {str(value)[:40]!r}, expected one class"
        raise LabelError(what, code="unknown-class", where=where, fix="give each region one class")
    return str(value).strip()


def _form(kind: str, shape: Mapping[str, Any], where: str) -> Form:
    if kind == "polygon":
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
            fix = "a polygon has as many all_points_x as all_points_y"
            raise LabelError("not a polygon of VIA", code="bad-polygon", where=where, fix=fix)
        return Polygons((polygon([v for pair in zip(xs, ys, strict=True) for v in pair], where),))
    if kind == "rect":
        x, y, w, h = (real(shape.get(key), where) for key in ("x", "y", "width", "height"))
        return Polygons((polygon([x, y, x + w, y, x + w, y + h, x, y + h], where),))
    x, y = real(shape.get("cx"), where), real(shape.get("cy"), where)
    if kind == "circle":
        r = real(shape.get("r"), where)
        return Ellipse(x, y, r, r)
    rx, ry = real(shape.get("rx"), where), real(shape.get("ry"), where)
    # VIA 2.0.9 on: theta, in radians, clockwise as y points down.
    return Ellipse(x, y, rx, ry, real(shape.get("theta", 0), where) * 180 / 3.141592653589793)


FORMAT = Format("via", "VIA (a JSON or CSV of its regions beside the images, or in train/ and val/)", _find, _load)
