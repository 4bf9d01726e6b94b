"""CVAT for images 1.1: annotations.xml and images/.

https://docs.cvat.ai/docs/manual/advanced/xml_format . Polygons, ellipses and masks are regions, drawn by rising
z_order, equal ones in the order of the file. A mask is lengths of runs along the rows of its box, outside first. The
classes are the labels of the project or task, with their colors; background is what no region covers. The other exports
of CVAT are formats of their own: Segmentation mask 1.1 is `voc`, COCO 1.0 is `coco`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable, Color
from ...dataset.dataset import Dataset
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError
from ...files.reading import read_bytes
from ..format import Format
from ..forms import BoxRuns, Ellipse, Form, Polygons, real, stated_size, whole
from ..layout import plain_split, rank
from ..rasterize import polygon
from ..regions import Annotated, Region, RegionClasses, annotated_split, classes_of, head_of

_FILE = "annotations.xml"
_REGIONS = ("polygon", "mask", "ellipse")
_OTHERS = ("box", "polyline", "points", "cuboid", "skeleton", "tag")


def _find(path: Path) -> Path | None:
    """`path` if it contains the XML of CVAT."""
    at = path / _FILE
    return path if path.is_dir() and at.is_file() and b"<annotations" in head_of(at, 1 << 10) else None


def _load(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. classes: another table."""
    path = root / _FILE
    known, entries = _read(path)
    if classes is not None:
        known = RegionClasses(classes, classes_of(classes.names).background)
    makers = {
        (split := plain_split(name, entries)): partial(_split, root, split, name, of, known, path, images)
        for name, of in entries.items()
    }
    return Dataset(root, "cvat", known.table, Splits({n: makers[n] for n in sorted(makers, key=rank)}))


def _split(
    root: Path, name: str, subset: str, entries: list[Annotated], known: RegionClasses, path: Path, images: str | None
) -> Split:
    folders = (f"images/{subset}", "images", "images/default", ".")
    return annotated_split(root, name, entries, known, folders, path, images)


def _read(path: Path) -> tuple[RegionClasses, dict[str, list[Annotated]]]:
    """The classes, and the images of each subset."""
    from xml.etree.ElementTree import ParseError, iterparse

    data = read_bytes(path)
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", data):
        what = "an XML with a document type, as CVAT never writes it"
        raise FormatError(what, code="bad-xml", where=path, fix="export it again")
    colors: dict[str, str] = {}
    entries: dict[str, list[Annotated]] = {}
    tracks = 0
    try:
        for _, element in iterparse(io.BytesIO(data)):
            if element.tag == "label":
                colors.setdefault((element.findtext("name") or "").strip(), (element.findtext("color") or "").strip())
            elif element.tag == "image":
                entries.setdefault(element.get("subset") or "all", []).append(_entry(element, path))
                element.clear()
            elif element.tag == "track":
                tracks += 1
                element.clear()
    except (ParseError, ValueError, LookupError) as error:
        raise FormatError(f"not an XML: {error}", code="bad-xml", where=path, fix="export it again") from None
    if not entries:
        what = f"{tracks} tracks and no images: an export of CVAT for video" if tracks else "it has no images"
        raise FormatError(what, code="no-dataset", where=path, fix="export it as CVAT for images 1.1")
    colors.pop("", None)
    if not colors:  # an old version, or another tool's
        colors = dict.fromkeys(sorted({r.label for of in entries.values() for e in of for r in e.regions}), "")
    rgb = tuple(_color(text) for text in colors.values())
    return classes_of(list(colors), rgb if None not in rgb else ()), entries  # type: ignore[arg-type]


def _color(text: str) -> Color | None:
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:], 16)


def _entry(image: Any, path: Path) -> Annotated:
    name = image.get("name") or ""
    entry = Annotated(name, f"{path} ({name or 'image ' + str(image.get('id'))})")
    try:
        entry.size = stated_size(image.get("height"), image.get("width"), entry.where)
    except LabelError as error:
        entry.faults.append(error)
    counts: dict[str, int] = {}
    for child in _drawable(image):
        counts[child.tag] = counts.get(child.tag, 0) + 1
        entry.add(partial(_region, child.tag, dict(child.attrib)), f"{child.tag} {counts[child.tag]}")
    return entry


def _drawable(image: Any) -> Iterator[Any]:
    return (child for child in image if child.tag in _REGIONS + _OTHERS)


def _region(kind: str, of: Mapping[str, str], where: str) -> Region | None:
    if kind in _OTHERS:
        return None
    return Region(of.get("label", ""), _form(kind, of, where), where, real(of.get("z_order", "0"), where))


def _form(kind: str, of: Mapping[str, str], where: str) -> Form:
    if kind == "polygon":
        pairs = [pair.split(",") for pair in of.get("points", "").split(";")]
        if any(len(pair) != 2 for pair in pairs):
            fix = "points are x,y;x,y;..."
            raise LabelError("a point that is not a pair of numbers", code="bad-polygon", where=where, fix=fix)
        return Polygons((polygon([v for pair in pairs for v in pair], where),))
    if kind == "ellipse":
        cx, cy, rx, ry, turned = (real(of.get(key, "0"), where) for key in ("cx", "cy", "rx", "ry", "rotation"))
        return Ellipse(cx, cy, rx, ry, turned)
    top, left, height, width = (whole(of.get(key)) for key in ("top", "left", "height", "width"))
    runs = [-1 if (run := whole(word)) is None else run for word in of.get("rle", "").split(",")]
    if top is None or left is None or height is None or width is None or min(height, width, *runs) < 0:
        fix = "a mask has rle, left, top, width and height, all whole numbers"
        raise LabelError("not a mask of CVAT", code="bad-mask", where=where, fix=fix)
    return BoxRuns(top, left, height, width, np.array(runs, np.int64))


FORMAT = Format("cvat", "CVAT for images 1.1 (annotations.xml and images/)", _find, _load)
