"""LabelMe: one JSON of shapes beside each image; and what its labelme2voc script exports.

https://github.com/wkentaro/labelme . Classes are listed once for the whole dataset: in labels.txt (beside the images or
above them; folders beside it are splits), else the sorted names of all shapes. `__ignore__` is void, and what no shape
covers is background. Shapes are drawn in the order of the file, later ones on top, by Pillow, as LabelMe draws them. An
image that is not there is read from its JSON, if that holds it (`imageData`).
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from os.path import normpath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classes import ClassTable, table_of
from ...codecs.decoding import decode_image, decode_stored, parse_header
from ...dataset.dataset import Dataset
from ...dataset.sources import Decoding, FileSource, Source
from ...dataset.splits import Split, Splits
from ...errors import DataError, FileError, FormatError, LabelError, PixelwiseError, reason
from ...files.reading import parse_json, read_bytes
from ...labels import check_pair
from ...types import I64, Clock, Finding, Label, Origin, Sample, Size, Window
from ..class_files import BACKGROUND, IGNORE, classes_beside, read_class_file
from ..format import Format
from ..layout import SPLIT_NAMES, Coding, Layout, laid_out
from ..paths import first, hidden_notes, matches, visible
from ..rasterize import DrawnFrom, DrawnSource, note_covered, note_outside
from ..regions import head_of
from ..stated import no_regions, plain, raise_first

_NAMES = "labels.txt"


def _find(path: Path) -> Path | None:
    """`path` if it contains the JSONs of LabelMe."""
    if not path.is_dir():
        return None
    for found in next(filter(None, map(_jsons, _folders(path).values())), [])[:3]:
        if b'"shapes"' in (head := head_of(found, 1 << 16)) or (b'"flags"' in head and b'"version"' in head):
            return path
    return None


def _folders(root: Path) -> dict[str, Path]:
    """Split -> its folder: `all`, the dataset's own, or the folders in it if a list of classes is beside them."""
    if _jsons(root):
        return {"all": root}
    if not (root / _NAMES).is_file():
        return {}
    found = {p.name: p for p in visible(root, "*/") if _jsons(p) or _is_unlabeled(p)}
    return found if any(map(_jsons, found.values())) else {}


def _is_unlabeled(folder: Path) -> bool:
    """Whether a folder without JSONs is a split without labels: it is called like one, and has images."""
    return SPLIT_NAMES.fullmatch(folder.name) is not None and first(folder, "{name}.{ext}") is not None


def _jsons(root: Path) -> list[Path]:
    return visible(root, "*.json")


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the table; by default that of labels.txt, or of the shapes of all files."""
    table = classes or _classes(root)
    splits = Splits({name: partial(_split, name, folder, table) for name, folder in _folders(root).items()})
    return Dataset(root, "labelme", table, splits, hidden_notes(root, "*.json"))


def _classes(root: Path) -> ClassTable:
    named = classes_beside(root, also=(root.parent,))
    if named is not None:
        return _with_background(named.table)
    names: set[str] = set()
    for path in _jsons(root):
        with suppress(DataError):  # what is wrong with it is said when its sample is read
            names |= {s["label"] for s in _read(path)["shapes"]}
    return table_of((BACKGROUND, *sorted(names - {BACKGROUND, IGNORE})))


def _with_background(named: ClassTable) -> ClassTable:
    """The classes of a file, and before them what no shape covers, unless it is one of them."""
    return table_of(named.names if _background(named) is not None else (BACKGROUND, *named.names))


def _background(table: ClassTable) -> int | None:
    return next((table.index(name) for name in (BACKGROUND, "background") if name in table.names), None)


def _read(path: Path) -> dict[str, Any]:
    data = parse_json(read_bytes(path), path, "a JSON of LabelMe", "save it again")
    try:
        shapes = data["shapes"]
        if not isinstance(shapes, list) or not all(isinstance(s, dict) for s in shapes):
            raise ValueError("shapes is not a list of objects")
        if not all(isinstance(s.get("label"), str) and isinstance(s.get("points"), list) for s in shapes):
            raise ValueError("shapes need a label, which is a text, and points")
        return dict(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"not a JSON of LabelMe: {reason(error)}", code="bad-json", where=path) from None


def _split(name: str, root: Path, table: ClassTable) -> Split:
    jsons = _jsons(root)
    if not jsons:
        bare = list(matches(root, "{name}.{ext}"))
        return Split(name, table, FileSource(root, [m.name for m in bare], table, [m.path for m in bare]))
    images: list[str] = []
    faults: dict[int, tuple[DataError, ...]] = {}
    notes: list[Finding] = []
    drawn = False
    embedded = set()
    for k, path in enumerate(jsons):
        data: dict[str, Any] = {}
        try:
            data = _read(path)
            drawn |= bool(data["shapes"])
            image, note = _image(root, path, data.get("imagePath"))
        except DataError as error:
            image, note = path.stem + ".jpg", ()
            if not data.get("imageData"):
                faults[k] = (error,)
        if data.get("imageData") and not (root / image).is_file():
            embedded.add(k)
        images.append(image)
        notes += note
    if jsons and not drawn and not faults:
        raise no_regions(len(jsons), "no JSON has a shape", root)
    files = FileSource(root, [p.stem for p in jsons], table, images, listed=partial(_listed, jsons))
    source = DrawnSource(files, partial(_draw, jsons, table), DrawnFrom(jsons), faults=faults)
    if embedded:
        return Split(name, table, _EmbeddedSource(source, jsons, frozenset(embedded)), notes=tuple(notes))
    return Split(name, table, source, notes=tuple(notes))


class _EmbeddedSource(Source):
    """The samples of a DrawnSource, of which some have their image in the JSON. Thread-safe."""

    def __init__(self, drawn: DrawnSource, jsons: Sequence[Path], embedded: frozenset[int]) -> None:
        super().__init__(drawn.names, has_labels=True)
        self.drawn = drawn
        self.jsons = jsons
        self.embedded = embedded

    def origin(self, index: int) -> Origin:
        """The JSON alone for an image that is in it."""
        if index not in self.embedded:
            return self.drawn.origin(index)
        path = str(self.jsons[index])
        return Origin(path, (path,), f"imageData {self.drawn.origin(index).how}")

    def image_file(self, index: int) -> tuple[FileSource, int] | None:
        """None for an image that is in its JSON."""
        return None if index in self.embedded else self.drawn.image_file(index)

    def encoded_image(self, index: int) -> bytes | None:
        """The image file in the JSON."""
        return _image_data(self.jsons[index]) if index in self.embedded else None

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width) from the headers of the images."""
        wanted = np.arange(len(self)) if indices is None else np.asarray(indices, np.int64)
        inside = np.array([i in self.embedded for i in wanted.tolist()], bool)
        out = np.zeros((len(wanted), 2), np.int64)
        out[~inside] = self.drawn.sizes(wanted[~inside])
        for k in np.flatnonzero(inside).tolist():
            path = self.jsons[wanted[k]]
            header = parse_header(_image_data(path), path)
            out[k] = header.height, header.width
        return out

    def _where(self, index: int) -> str:
        return str(self.jsons[index])

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        if index not in self.embedded:
            return self.drawn.read(index, window, clock=clock, notes=notes)
        return super()._load(index, window, clock, notes)

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        path = self.jsons[index]
        image = decode_image(_image_data(path), path, notes)
        clock.lap("decoding")
        label, numbers = self.drawn.draw(index, (image.shape[0], image.shape[1]), notes)
        return Sample(self.names[index], image, label, numbers)


def _image_data(path: Path) -> bytes:
    """The file in a JSON. FileError `not-an-image`."""
    data = _read(path).get("imageData")
    try:
        return b64decode(str(data), validate=True)
    except ValueError as error:
        what, fix = f"its imageData is not base64: {error}", f"put the image beside it as {path.stem}.jpg"
        raise FileError(what, code="not-an-image", where=path, fix=fix) from None


def _image(root: Path, json_path: Path, stated: Any) -> tuple[str, tuple[Finding, ...]]:
    """The image that a JSON names, relative to the dataset's folder, which it may leave for the folder above.

    A file of the same name beside the JSON is taken only if the one that is named is not there, and noted.
    """
    if not isinstance(stated, str) or not plain(stated) or "\0" in stated:
        return json_path.stem + ".jpg", ()
    path = plain(stated)
    named = normpath(str(json_path.parent / path))
    above = str(root.parent) + os.sep
    inside = named.startswith(above) and not path.startswith("/") and not re.match("[A-Za-z]:", stated)
    if inside and os.path.isfile(named):
        return os.path.relpath(named, root).replace(os.sep, "/"), ()
    name = path.rpartition("/")[2]
    if "/" in path and os.path.isfile(json_path.parent / name):
        what = f"names the image {stated}, which is not there; {name} beside it is used"
        return name, (Finding("other-image", "warning", str(json_path), what, "see that it is this image"),)
    if not inside and "/" in path:
        what = f"names the image {stated}, which is outside the dataset's folder"
        raise FormatError(what, code="path-escapes-root", where=json_path, fix=f"put the image beside it as {name}")
    return os.path.relpath(named, root).replace(os.sep, "/"), ()


def _listed(jsons: Sequence[Path], index: int) -> str:
    return str(jsons[index])


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
    drawn: dict[str, int] = {}
    errors: list[PixelwiseError] = []
    for n, shape in enumerate(data["shapes"]):
        where = f"{path} (shapes[{n}])"
        try:
            if shape.get("shape_type") == "mask":
                inside = _mask(shape, size, where)
            else:
                mask = Image.new("1", (size[1], size[0]))
                _shape(ImageDraw.Draw(mask), shape, size, where)
                inside = np.asarray(mask)
        except DataError as error:
            errors.append(error)
            continue
        if notes is not None:
            _note(shape, inside, where, notes)
        name, group = str(shape["label"]), shape.get("group_id")
        number = len(groups) + 1 if group is None else groups.get((name, group), len(groups) + 1)
        groups[(name, group) if group is not None else n] = number
        label[inside] = table.ignore_index if name == IGNORE else table.index(name)
        instances[inside] = 0 if name == IGNORE else number
        drawn[where] = 0 if name == IGNORE else number
    if notes is not None:
        note_covered(instances, drawn, notes)
    raise_first(errors, notes)
    return label, instances


def _note(shape: dict[str, Any], inside: NDArray[np.bool_], where: str, notes: list[Finding]) -> None:
    if not inside.any():
        what, fix = "it has no pixel in the image", "its coordinates lie outside"
        notes.append(Finding("empty-region", "warning", where, what, fix))
    else:
        note_outside(np.array(shape["points"], np.float64), inside.shape, where, notes)


def _shape(draw: Any, shape: dict[str, Any], size: Size, where: str) -> None:
    """Draw one shape; what the types mean is LabelMe's labelme/utils/shape.py."""
    kind = str(shape.get("shape_type") or "polygon")
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
        if not all(abs(v) <= 10 * sum(size) for point in points for v in point):
            what = f"a coordinate far outside the image of {size[1]} x {size[0]}"
            raise LabelError(what, code="bad-polygon", where=where, fix="see that the coordinates are pixels")
    except (TypeError, ValueError):
        raise LabelError("points are not pairs of numbers", code="bad-polygon", where=where) from None
    expected = {"polygon": 3, "rectangle": 2, "circle": 2, "line": 2, "linestrip": 2, "point": 1}.get(kind)
    if expected is None or len(points) < expected:
        fix = "polygons, rectangles, circles, lines, line strips, points and masks can be drawn"
        what = f"a shape of type {kind!r} with {len(points)} points"
        raise LabelError(what, code="bad-polygon", where=where, fix=fix)
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
        fix = "it has two points, and a PNG in base64"
        raise LabelError("not a mask of LabelMe", code="bad-mask", where=where, fix=fix) from error
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
