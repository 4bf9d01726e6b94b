"""Datumaro's own format: annotations/SUBSET.json and images/SUBSET/.

https://open-edge-platform.github.io/datumaro : polygons, ellipses and masks (run lengths of COCO) are regions, drawn by
rising z_order, equal ones in the order of the file. Annotations of the same group, other than 0, are one object. The
classes are the labels in their order, with the colors of the mask categories if all have one; background is what no
region covers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...classes import ClassTable, Color
from ...dataset.dataset import Dataset
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError
from ..format import Format
from ..forms import Ellipse, Form, Polygons, real, runs_of, stated_size, whole
from ..layout import plain_split, rank
from ..paths import hidden_notes
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

_FILES = "annotations/*.json"
_TOOL = "Datumaro"
_REGIONS = ("polygon", "mask", "ellipse")


def _jsons(root: Path) -> list[Path]:
    """In those of COCO, categories are a list."""
    # The categories come first, then the items, which may be far behind.
    return [p for p in some_files(root, "annotations", "json", 16) if re.search(rb'"categories"\s*:\s*\{', head_of(p))]


def _find(path: Path) -> Path | None:
    """`path` if it contains such a dataset."""
    return path if (path / "annotations").is_dir() and _jsons(path) else None


def _load(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. classes: another table of as many classes, background first."""
    jsons = {p.stem: p for p in _jsons(root)}
    smallest = min(jsons.values(), key=lambda p: p.stat().st_size)
    labels = _labels(read_json(smallest, _TOOL), smallest)
    known = classes_of(*labels)
    if classes is not None:
        known = RegionClasses(classes, known.background)
    makers = {}
    for name, path in jsons.items():
        split = plain_split(name, jsons)
        makers[split] = partial(_split, root, split, path, labels[0], known, images)
    notes = hidden_notes(root, _FILES)
    return Dataset(root, "datumaro", known.table, Splits({n: makers[n] for n in sorted(makers, key=rank)}), notes)


def _labels(data: Any, path: Path) -> tuple[list[str], list[Color]]:
    """The names of the labels, and their colors if all have one."""
    try:
        names = [str(entry["name"]) for entry in data["categories"]["label"]["labels"]]
        listed = (data["categories"].get("mask") or {}).get("colormap") or []
        colors = {int(c["label_id"]): (int(c["r"]), int(c["g"]), int(c["b"])) for c in listed}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(
            f"no label categories: {error!r}", code="bad-json", where=path, fix="export it again"
        ) from None
    if len(set(names)) < len(names):
        raise FormatError("a label occurs twice", code="bad-json", where=path, fix="give every label its own name")
    return names, [colors[k] for k in range(len(names))] if {*range(len(names))} <= {*colors} else []


def _split(root: Path, name: str, path: Path, labels: Sequence[str], known: RegionClasses, images: str | None) -> Split:
    data = read_json(path, _TOOL)
    if _labels(data, path)[0] != labels:
        raise FormatError("its labels are not those of the other JSONs", code="bad-json", where=path)
    items = data.get("items")
    if not isinstance(items, list):
        raise FormatError("items is not a list", code="bad-json", where=path, fix="export it again")
    ids = dict(enumerate(known.table.names[len(known.table) - len(labels) :]))
    entries = [_entry(item, n, ids, path) for n, item in enumerate(items)]
    return annotated_split(root, name, entries, known, (f"images/{path.stem}", "images", "."), path, images)


def _entry(item: Any, n: int, ids: Mapping[int, str], path: Path) -> Annotated:
    if not isinstance(item, dict):
        return Annotated("", f"{path} (items[{n}])")
    media: dict[str, Any] = next((m for m in (item.get("image"), item.get("media")) if isinstance(m, dict)), {})
    stated = path_text(media.get("path") or f"{item.get('id')}.jpg")
    entry = Annotated(stated, f"{path} ({stated or f'items[{n}]'})")
    if isinstance(size := media.get("size"), list) and len(size) == 2:
        try:
            entry.size = stated_size(size[0], size[1], entry.where)
        except LabelError as error:
            entry.faults.append(error)
    listed = item.get("annotations")
    objects: dict[Any, int] = {}
    for k, annotation in enumerate(listed if isinstance(listed, list) else [listed]):
        number = len(objects) + 1
        if isinstance(annotation, dict) and annotation.get("type") in _REGIONS:
            group = whole(annotation.get("group"))
            number = objects.setdefault(("group", group) if group else ("single", k), number)
        entry.add(partial(_region, annotation, ids, number), f"annotations[{k}]")
    return entry


def _region(annotation: Any, ids: Mapping[int, str], number: int, where: str) -> Region | None:
    if not isinstance(annotation, dict):
        raise LabelError("not an annotation", code="bad-json", where=where, fix="export it again")
    kind = annotation.get("type")
    if kind not in _REGIONS:
        return None
    label = ids.get(index) if (index := whole(annotation.get("label_id"))) is not None else None
    if label is None:
        what = f"label_id {str(annotation.get('label_id'))[:20]} is none of 0..{len(ids) - 1}"
        raise LabelError(what, code="unknown-class", where=where, fix="add the label, or correct the annotation")
    return Region(label, _form(annotation, where), where, real(annotation.get("z_order") or 0, where), number)


def _form(annotation: Mapping[str, Any], where: str) -> Form:
    if annotation["type"] == "mask":
        return runs_of(annotation.get("rle"), where)
    points = annotation.get("points")
    if annotation["type"] == "polygon":
        return Polygons((polygon(points, where),))
    if not isinstance(points, list) or len(points) != 4:
        fix = "its points are the corners of the box around it: x1, y1, x2, y2"
        raise LabelError("not an ellipse", code="bad-polygon", where=where, fix=fix)
    x0, y0, x1, y1 = (real(v, where) for v in points)
    return Ellipse((x0 + x1) / 2, (y0 + y1) / 2, abs(x1 - x0) / 2, abs(y1 - y0) / 2)


FORMAT = Format("datumaro", "Datumaro (annotations/SUBSET.json with items, and images/SUBSET/)", _find, _load)
