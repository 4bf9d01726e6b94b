"""LabelMe: one JSON of shapes beside each image; and what its labelme2voc script exports.

https://github.com/wkentaro/labelme . Classes are listed once for the whole dataset: in labels.txt (beside the images
or above them), else the sorted names of all shapes. `__ignore__` is void, and what no shape covers is background.
Shapes are drawn in the order of the file, later ones on top, by Pillow, as LabelMe draws them.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classes import ClassTable
from ...codecs.decoding import decode_stored
from ...dataset.dataset import Dataset
from ...dataset.sources import Decoding, FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError
from ...files import read_bytes
from ...labels import check_pair
from ...types import Finding, Label, Size
from ..class_files import BACKGROUND, IGNORE, classes_beside, read_class_file
from ..format import Format
from ..layout import Coding, Layout, laid_out
from ..rasterize import DrawnSource


def _find(path: Path) -> Path | None:
    """`path` if it contains the JSONs of LabelMe."""
    if not path.is_dir():
        return None
    for found in _jsons(path)[:3]:
        with found.open("rb") as file:
            if b'"shapes"' in (head := file.read(1 << 16)) or (b'"flags"' in head and b'"version"' in head):
                return path
    return None


def _jsons(root: Path) -> list[Path]:
    return sorted(p for p in root.glob("*.json") if not p.name.startswith("."))


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the table; by default that of labels.txt, or of the shapes of all files."""
    table = classes or _classes(root)
    return Dataset(root, "labelme", table, Splits({"all": partial(_split, root, table)}))


def _classes(root: Path) -> ClassTable:
    named = classes_beside(root, also=(root.parent,))
    if named is not None:
        return _with_background(named.table)
    names = {str(s["label"]) for path in _jsons(root) for s in _read(path)["shapes"]}
    return ClassTable((BACKGROUND, *sorted(names - {BACKGROUND, IGNORE})))


def _with_background(named: ClassTable) -> ClassTable:
    """The classes of a file, and before them what no shape covers, unless it is one of them."""
    return ClassTable(named.names if _background(named) is not None else (BACKGROUND, *named.names))


def _background(table: ClassTable) -> int | None:
    return next((table.index(name) for name in (BACKGROUND, "background") if name in table.names), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_bytes(path))
        if not isinstance(data["shapes"], list) or not all("label" in s and "points" in s for s in data["shapes"]):
            raise ValueError("shapes need a label and points")
        return dict(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"not a JSON of LabelMe: {error!r}", code="bad-json", where=path) from None


def _split(root: Path, table: ClassTable) -> Split:
    jsons = _jsons(root)
    images = [str(_read(p).get("imagePath") or p.stem + ".jpg").replace("\\", "/").rpartition("/")[2] for p in jsons]
    files = FileSource(root, [p.stem for p in jsons], table, images, listed=lambda i: str(jsons[i]))
    return Split("all", table, DrawnSource(files, partial(_draw, jsons, table), lambda i: [jsons[i]]))


def _draw(
    jsons: Sequence[Path], table: ClassTable, index: int, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    from PIL import Image, ImageDraw

    path = jsons[index]
    data = _read(path)
    check_pair(size, (data.get("imageHeight") or size[0], data.get("imageWidth") or size[1]), path)
    label: Any = np.full(size, _background(table) or 0, table.dtype)
    instances = np.zeros(size, np.uint16)
    groups: dict[Any, int] = {}
    for n, shape in enumerate(data["shapes"]):
        if shape.get("shape_type") == "mask":
            inside = _mask(shape, size, f"{path} (shapes[{n}])")
        else:
            mask = Image.new("1", (size[1], size[0]))
            _shape(ImageDraw.Draw(mask), shape, f"{path} (shapes[{n}])")
            inside = np.asarray(mask)
        name, group = str(shape["label"]), shape.get("group_id")
        number = len(groups) + 1 if group is None else groups.get((name, group), len(groups) + 1)
        groups[(name, group) if group is not None else n] = number
        label[inside] = table.ignore_index if name == IGNORE else table.index(name)
        instances[inside] = 0 if name == IGNORE else number
    return label, instances


def _shape(draw: Any, shape: dict[str, Any], where: str) -> None:
    """Draw one shape; what the types mean is LabelMe's labelme/utils/shape.py."""
    kind = shape.get("shape_type") or "polygon"
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (TypeError, ValueError):
        raise LabelError("points are not pairs of numbers", code="bad-polygon", where=where) from None
    expected = {"polygon": 3, "rectangle": 2, "circle": 2, "line": 2, "linestrip": 2, "point": 1}.get(kind)
    if expected is None or len(points) < expected:
        fix = "polygons, rectangles, circles, lines, line strips, points and masks can be drawn"
        raise LabelError(f"a {kind} of {len(points)} points", code="bad-polygon", where=where, fix=fix)
    if kind == "polygon":
        draw.polygon(points, outline=1, fill=1)
    elif kind == "rectangle":
        (xa, ya), (xb, yb) = points[:2]
        draw.rectangle([min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)], outline=1, fill=1)
    elif kind in ("line", "linestrip"):
        draw.line(points, fill=1, width=10)
    else:
        (x, y) = points[0]
        r = 5.0 if kind == "point" else float(np.hypot(points[1][0] - x, points[1][1] - y))
        draw.ellipse([x - r, y - r, x + r, y + r], outline=1, fill=1)


def _mask(shape: dict[str, Any], size: Size, where: str) -> NDArray[np.bool_]:
    """A mask shape: a PNG in base64 whose corner pixels are the two points (LabelMe 5, utils/shape.py)."""
    try:
        (x0, y0), (x1, y1) = ((int(x), int(y)) for x, y in shape["points"])
        data = b64decode(shape["mask"], validate=True)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise LabelError(f"not a mask of LabelMe: {error!r}", code="bad-mask", where=where,
                         fix="a mask has two points and a PNG in base64") from None  # fmt: skip
    patch = decode_stored(data, where).pixels != 0
    if patch.shape != (y1 - y0 + 1, x1 - x0 + 1):
        raise LabelError(f"the mask is {patch.shape}, its points span {(y1 - y0 + 1, x1 - x0 + 1)} (height, width)",
                         code="bad-mask", where=where)  # fmt: skip
    inside = np.zeros(size, bool)
    top, left = max(y0, 0), max(x0, 0)
    part = inside[top : max(y1 + 1, 0), left : max(x1 + 1, 0)]  # what reaches beyond the image is cut
    part[:] = patch[top - y0 :, left - x0 :][: part.shape[0], : part.shape[1]]
    return inside


def _exported(root: Path) -> ClassTable:
    return read_class_file(root / "class_names.txt").table


EXPORT = laid_out(
    "labelme_voc",
    "LabelMe's export (class_names.txt, JPEGImages/ and SegmentationClass/ or SegmentationClassNpy/)",
    Layout(
        "JPEGImages/{name}.jpg",
        {
            "png": Coding("SegmentationClass/{name}.png", _exported, "SegmentationObject/{name}.png", beside=False),
            "npy": Coding("SegmentationClassNpy/{name}.npy", _exported, "SegmentationObject/{name}.png",
                          decoding=Decoding(frozenset({"npy"}), minus_one=255), beside=False),
        },
        needs=("class_names.txt",),
    ),
)  # fmt: skip
"""What labelme2voc.py writes: palette PNGs with 255 for `__ignore__`; in the NPY it is -1."""


LABELME = Format("labelme", "LabelMe (a JSON with shapes beside each image)", _find, _load, anywhere=True)
