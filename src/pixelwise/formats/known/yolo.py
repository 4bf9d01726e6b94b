"""YOLO segmentation: data.yaml, images/SPLIT/ and labels/SPLIT/*.txt with one polygon per line.

https://docs.ultralytics.com/datasets/segment : `class x1 y1 x2 y2 ...`, coordinates as fractions of width and height;
an image without a text file has no objects; a split without a folder of labels has none. Class 0 is background, what no
polygon covers, and class k + 1 is their k. Polygons are drawn by the rule of COCO, the smaller on top of the larger,
equal ones in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from ...classes import ClassTable, table_of, usual_void
from ...dataset.dataset import Dataset
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError
from ...files.reading import read_bytes
from ...types import Finding, Label, Size
from ..class_files import read_class_file
from ..format import Format
from ..paths import hidden_notes, matches, visible
from ..rasterize import DrawnFrom, DrawnSource, LabelCanvas, Shape, area, polygon
from ..stated import no_regions, raise_first

_FOLDERS = (("images/{}", "labels/{}"), ("{}/images", "{}/labels"))


def _yaml(path: Path) -> Path | None:
    found = [p for p in (path / "data.yaml", path / "dataset.yaml", *visible(path, "*.yaml")) if p.is_file()]
    return next((p for p in found if re.search(rb"(?m)^names\s*:", read_bytes(p))), None)


def _find(path: Path) -> Path | None:
    """`path` if it contains such a dataset."""
    return path if path.is_dir() and _yaml(path) is not None and _folders(path) else None


def _folders(root: Path) -> dict[str, tuple[str, str]]:
    """Split -> its folders of images and labels. Of others than train, val and test only if both are there."""
    out: dict[str, tuple[str, str]] = {}
    others = sorted({p.name for p in visible(root, "images/*/")} - {"train", "val", "valid", "test"})
    for split in ("train", "val", "valid", "test", *others):
        for images, labels in _FOLDERS:
            if (root / images.format(split)).is_dir() and (root / labels.format(split)).is_dir():
                out.setdefault("val" if split == "valid" else split, (images.format(split), labels.format(split)))
    return out


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: another table, background first."""
    yaml = _yaml(root) or root / "data.yaml"
    own, ids = _table(yaml)
    table = classes or own
    folders = _folders(root)
    makers = {name: partial(_split, root, name, *pair, table, ids) for name, pair in folders.items()}
    makers |= {name: partial(_unlabeled, root, name, images, table) for name, images in _bare(root, folders).items()}
    notes = (*hidden_notes(root, "*.yaml"), *_declared(root, folders))
    return Dataset(root, "yolo", table, Splits(makers), notes)


def _bare(root: Path, folders: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Split -> its folder of images, if there is no folder of its labels and data.yaml declares it."""
    text = read_bytes(_yaml(root) or root / "data.yaml").decode("utf-8-sig", "replace")
    stated = re.findall(r"(?m)^(\w+)[ \t]*:[ \t]*(images/\w+)[ \t]*$", text)
    return {
        name: images for name, images in stated
        if images == f"images/{name}" and name not in folders and (root / images).is_dir()
    }  # fmt: skip


def _unlabeled(root: Path, name: str, images: str, table: ClassTable) -> Split:
    found = list(matches(root, images + "/{path}.{ext}"))
    return Split(name, table, FileSource(root, [m.name for m in found], table, [m.path for m in found]))


def _declared(root: Path, folders: Mapping[str, tuple[str, str]]) -> Iterator[Finding]:
    """`missing-folder`: what data.yaml declares and is not among the splits that were found."""
    path = _yaml(root)
    if path is None:
        return
    text = read_bytes(path).decode("utf-8-sig", "replace")
    for key, value in re.findall(r"(?m)^(train|val|valid|test)[ \t]*:[ \t]*([^\s#][^\n#]{0,300})", text):
        stated = value.strip().strip("'\"")
        if ("val" if key == "valid" else key) not in folders and stated not in ("null", "~", "[]"):
            what = f"{path.name} declares {key}: {stated}, and there is no such folder with its labels"
            fix = "restore the folder (images/SPLIT with labels/SPLIT), or take the line out"
            yield Finding("missing-folder", "warning", str(path), what, fix)


class _Ids(NamedTuple):
    """The class ids of the first listed class and of what no polygon covers."""

    first: int
    rest: int


def _table(path: Path) -> tuple[ClassTable, _Ids]:
    """The classes. What no polygon covers is background, which is class 0 and has no name in the file, unless
    `convert` has written there what it is.
    """
    named = read_class_file(path).table
    if named.values is not None:
        what = f"the numbers of the {len(named)} names are not 0..{len(named) - 1}"
        raise FormatError(what, code="bad-class-table", where=path, fix="write names: [first, second]")
    rest = re.search(r"(?m)^uncovered: (.*)$", read_bytes(path).decode("utf-8-sig", "replace"))
    if rest is None:
        return table_of(("background", *named.names)), _Ids(1, 0)
    table = table_of(named.names)
    stated = rest[1].strip()
    if stated == "void":
        return table, _Ids(0, usual_void(len(named)))
    if stated.strip('"') not in table.names:
        what, fix = f"uncovered: {stated:.80} is none of the names", "write one of them, or void"
        raise FormatError(what, code="bad-class-table", where=path, fix=fix)
    return table, _Ids(0, table.index(stated.strip('"')))


def _split(root: Path, name: str, images: str, labels: str, table: ClassTable, ids: _Ids) -> Split:
    found = list(matches(root, images + "/{path}.{ext}"))
    names = [m.name for m in found]
    files = FileSource(root, names, table, [m.path for m in found])
    texts = [root / labels / PurePosixPath(n).with_name(PurePosixPath(n).name + ".txt") for n in names]
    if texts and not any(text.is_file() and text.stat().st_size for text in texts):
        raise no_regions(len(texts), "every text file is empty or missing", root / labels)
    return Split(name, table, DrawnSource(files, partial(_draw, texts, table, ids), DrawnFrom(texts)))


def _draw(
    texts: Sequence[Path], table: ClassTable, ids: _Ids, index: int, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    canvas = LabelCanvas(size, table, ids.rest)
    path = texts[index]
    if not path.exists():
        return canvas.label, canvas.instances
    shapes, errors = [], []
    for number, line in enumerate(read_bytes(path).decode("ascii", "replace").splitlines(), 1):
        try:
            if line.strip():
                shapes.append(_shape(line, number, size, table, path, ids.first))
        except LabelError as error:
            errors.append(error)
    raise_first(errors, notes)
    shapes.sort(key=area, reverse=True)
    for shape in shapes:
        canvas.add(shape, notes)
    if notes is not None:
        canvas.covered(shapes, notes)
    return canvas.label, canvas.instances


def _shape(line: str, number: int, size: Size, table: ClassTable, path: Path, first: int) -> Shape:
    where = f"{path}:{number}"
    category, *values = line.split()
    if len(values) == 4:
        raise LabelError("a box, not a polygon", code="bad-polygon", where=where,
                         fix="this is a detection dataset: its labels cannot be drawn as regions")  # fmt: skip
    if not re.fullmatch(r"\d{1,9}", category) or int(category) + first >= len(table):
        what = f"class {category:.20} is none of 0..{len(table) - first - 1}"
        fix = "correct it, or add the class to data.yaml"
        raise LabelError(what, code="class-out-of-range", where=where, fix=fix)
    points = polygon(values, where)
    if points.min() < -TOLERANCE or points.max() > 1 + TOLERANCE:
        worst = points.flat[int(np.argmax(np.abs(points - 0.5)))]
        what = f"the coordinate {worst:g}, expected fractions of width and height in 0..1"
        fix = "divide x by the width and y by the height, if these are pixels"
        raise LabelError(what, code="bad-polygon", where=where, fix=fix)
    points = points * np.array([size[1], size[0]], np.float64)
    return Shape(int(category) + first, number, (points,), where=where)


TOLERANCE = 0.01
"""How far a fraction may be outside 0..1: exports round, and draw a little over the edge."""
_LOOKS_LIKE = "YOLO segmentation (data.yaml, images/SPLIT/ and labels/SPLIT/*.txt, or SPLIT/images/ and SPLIT/labels/)"
FORMAT = Format("yolo", _LOOKS_LIKE, _find, _load, anywhere=True)
