"""Run lengths in a CSV, as competitions on Kaggle have them: an image, perhaps a class, and `start length start length
...`.

Pixels are counted from 1, down the columns (`order="row"`: along the rows). A row is an object; an empty one says that
there is none. A later row is drawn over earlier ones. Classes have no names in such files, so they are called by their
ids, unless a file of names is beside them; class 0 is background, what no run covers. If that file is id2label.json and
has all of them, they are its numbers, and what no run covers is its background, or void.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ...classes import ClassTable, table_of
from ...dataset.dataset import Dataset
from ...dataset.lists import IMAGE_SUFFIXES
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, MissingError
from ...files.reading import read_bytes
from ...types import Finding, Label, Size
from ..class_files import classes_beside
from ..format import Format
from ..layout import SPLIT_NAMES, rank
from ..paths import first, leads_out, matches, visible
from ..rasterize import DrawnFrom, DrawnSource, LabelCanvas, Shape
from ..regions import head_of
from ..stated import no_regions, raise_first

_IMAGE = ("imageid", "imageid_classid", "image_label", "image_id", "image", "img", "id")
_RUNS = ("encodedpixels", "rle_mask", "rle", "encoded_pixels")
_CLASS = ("classid", "class_id", "class", "label")
_BOTH = ("imageid_classid", "image_label")
"""Columns that hold an image and, after the last underscore, a class."""


class _Columns(NamedTuple):
    """The places of the columns; `kind` is None for one class, and the image's if that column holds both."""

    image: int
    runs: int
    kind: int | None


class _Row(NamedTuple):
    line: int
    kind: str
    runs: str


def _columns(header: Sequence[str]) -> _Columns | None:
    names = [name.strip().lower() for name in header]
    image, runs, kind = (next((names.index(n) for n in known if n in names), None) for known in (_IMAGE, _RUNS, _CLASS))
    if image is None or runs is None or len(names) > 8:
        return None
    return _Columns(image, runs, image if names[image] in _BOTH else kind)


def _csvs(root: Path) -> dict[str, Path]:
    """The files by the split that their names stand for. A sample of a submission is not one."""
    found = {}
    for path in visible(root, "*.csv")[:64]:
        head = head_of(path, 4096).decode("utf-8-sig", "replace").splitlines()
        if head and _columns(head[0].split(",")) is not None and not re.search("(?i)sample|submission", path.stem):
            found[re.sub(r"(?i)^(train|val|test)(?!val|test).*", lambda m: m[1].lower(), path.stem)] = path
    return found


def _find(path: Path) -> Path | None:
    """`path` if it contains such a CSV."""
    return path if path.is_dir() and _csvs(path) else None


def _load(
    root: Path, *, order: Literal["column", "row"] = "column", images: str | None = None,
    classes: ClassTable | None = None,
) -> Dataset:  # fmt: skip
    """order: which way pixels are counted. images: the folder of the images. classes: the table, background first."""
    if order not in ("column", "row"):
        raise FormatError(f"order is 'column' or 'row', got {order!r}", code="bad-argument", where=root)
    csvs = _csvs(root)
    read = {name: read_rows(path) for name, path in csvs.items()}
    kinds = sorted({row.kind for rows in read.values() for of in rows.values() for row in of}, key=_natural)
    numbered = _numbered(root, kinds)
    table = classes or (numbered or _table(root, kinds))
    ids = {kind: k + 1 if numbered is None else int(kind or 0) for k, kind in enumerate(kinds)}
    rest = 0 if numbered is None else _uncovered(numbered)
    how = _How(order == "row", ids, rest)
    makers = {n: partial(_split, root, n, csvs[n], read[n], table, how, images) for n in csvs}
    makers |= {n: partial(_bare, root, n, folder, table) for n, folder in _without_csv(root, csvs).items()}
    return Dataset(root, "rle_csv", table, Splits({n: makers[n] for n in sorted(makers, key=rank)}))


def _without_csv(root: Path, csvs: Mapping[str, Path]) -> dict[str, str]:
    """The folders of images of the splits that have no CSV, such as test_images/."""
    found: dict[str, str] = {}
    for folder in (p.name for p in visible(root, "*/")):
        name = re.sub("_(images|v2)$", "", folder)
        is_split = folder.endswith("_images") or SPLIT_NAMES.fullmatch(name) is not None
        if is_split and name not in csvs and first(root, f"{folder}/{{path}}.{{ext}}") is not None:
            found.setdefault(name, folder)
    return found


def _bare(root: Path, name: str, folder: str, table: ClassTable) -> Split:
    found = list(matches(root, f"{folder}/{{path}}.{{ext}}"))
    return Split(name, table, FileSource(root, [m.name for m in found], table, [m.path for m in found]))


class _How(NamedTuple):
    """by_rows: whether pixels are counted along the rows. ids: of the classes, by what the file calls them. rest: the
    id of what no run covers.
    """

    by_rows: bool
    ids: Mapping[str, int]
    rest: int


def _numbered(root: Path, kinds: Sequence[str]) -> ClassTable | None:
    """The classes of id2label.json, if all classes of the CSVs are numbers in it, or that of void."""
    named = classes_beside(root)
    if named is None or named.path.name != "id2label.json" or named.table.values is not None:
        return None
    known = {*range(len(named.table)), named.table.ignore_index}
    fits = all(kind.isascii() and kind.isdigit() and int(kind) in known for kind in kinds if kind)
    return named.table if fits and kinds != [""] else None


def _uncovered(table: ClassTable) -> int:
    """The class background, else void."""
    found = (i for i, name in enumerate(table.names) if name.strip("_").casefold() == "background")
    return next(found, table.padding_index)


def _natural(kind: str) -> tuple[int, str]:
    return (int(kind) if kind.isascii() and kind.isdigit() and len(kind) < 10 else 1 << 40, kind)


def _table(root: Path, kinds: Sequence[str]) -> ClassTable:
    named = classes_beside(root)
    if named is not None:
        names = named.table.names
        if len(names) == len(kinds) + 1:
            return table_of(names)
        if len(names) == len(kinds) and "background" not in names:
            return table_of(("background", *names))
        what = f"{len(names)} names for {len(kinds)} classes"
        raise FormatError(what, code="bad-class-table", where=named.path, fix="name each class, or background too")
    return table_of(("background", *(kinds if kinds != [""] else ["foreground"])))


def read_rows(path: Path) -> dict[str, list[_Row]]:
    """The rows of each image, in the order of the file. FormatError `bad-csv`."""
    csv.field_size_limit(1 << 30)
    lines = csv.reader(read_bytes(path).decode("utf-8-sig", "replace").splitlines())
    columns = _columns(next(lines, []))
    if columns is None:  # `_csvs` has seen the header of a dataset's
        what, fix = "its first line names no columns of images and run lengths", "expected ImageId,EncodedPixels"
        raise FormatError(what, code="bad-csv", where=path, fix=fix)
    found: dict[str, list[_Row]] = {}
    try:
        for row in lines:
            if not any(row):
                continue
            if len(row) <= max(v for v in columns if v is not None):
                what, fix = f"{len(row)} fields, expected the columns of the first line", "export it again"
                raise FormatError(what, code="bad-csv", where=f"{path}:{lines.line_num}", fix=fix)
            image, kind = row[columns.image].strip(), ""
            if columns.kind == columns.image:
                image, _, kind = image.rpartition("_")
            elif columns.kind is not None:
                kind = row[columns.kind].strip()
            found.setdefault(image, []).append(_Row(lines.line_num, kind, row[columns.runs].strip()))
    except csv.Error as error:
        raise FormatError(f"not a CSV: {error}", code="bad-csv", where=f"{path}:{lines.line_num}") from None
    return found


def _files(root: Path, split: str, ids: Sequence[str], path: Path, chosen: str | None) -> tuple[list[str], list[str]]:
    """The path of each image relative to the root, and the images beside them that have no row."""
    usual = [f"{split}_images", split, f"{split}_v2", f"images/{split}", "images", "."]
    folders = [chosen] if chosen is not None else [f for f in usual if (root / f).is_dir()]
    best: tuple[int, str, dict[str, str]] = (0, "", {})
    for folder in folders:
        names = [p.name for p in visible(root / folder, "*") if p.suffix.lower() in IMAGE_SUFFIXES]
        known = {n.rpartition(".")[0]: n for n in names} | {n: n for n in names}
        known |= {i: i for i in ids if "/" in i and not leads_out(i) and (root / folder / i).is_file()}
        count = sum(i in known for i in ids)
        if count > best[0]:
            best = count, folder, known
    count, folder, known = best
    if not count:
        looked = ", ".join(folders) or "any usual folder"
        what = f"the images are not in {looked}: looked for {ids[0] if ids else 'any'}"
        raise MissingError(what, code="missing-file", where=path, fix="choose their folder with images=...")
    prefix = "" if folder == "." else f"{folder}/"
    listed = {known.get(i, i) for i in ids}
    return [prefix + known.get(i, i) for i in ids], sorted(set(known.values()) - listed)


def _split(
    root: Path, name: str, path: Path, rows: Mapping[str, Sequence[_Row]], table: ClassTable, how: _How,
    images: str | None,
) -> Split:  # fmt: skip
    listed = list(rows)
    paths, others = _files(root, name, listed, path, images)
    if rows and not any(row.runs for of in rows.values() for row in of):
        raise no_regions(len(rows), "no row has run lengths", path)
    notes = []
    if others:
        what = f"{len(others)} images have no row and are left out, such as {others[0]}"
        notes.append(Finding("unannotated-images", "note", str(path), what))
    names = [re.sub(r"(?i)\.(jpe?g|png|tiff?|bmp|webp)$", "", i) for i in listed]
    files = FileSource(root, names if len(set(names)) == len(names) else listed, table, paths)
    draw = partial(_draw, [rows[i] for i in listed], table, how, path)
    order = "row" if how.by_rows else "column"
    return Split(name, table, DrawnSource(files, draw, DrawnFrom(common=[path]), order), notes=tuple(notes))


def _draw(
    rows: Sequence[Sequence[_Row]], table: ClassTable, how: _How, path: Path, index: int, size: Size,
    notes: list[Finding] | None,
) -> tuple[Label, Label]:  # fmt: skip
    canvas = LabelCanvas(size[::-1] if how.by_rows else size, table, how.rest)
    errors, shapes = [], []
    for number, row in enumerate((row for row in rows[index] if row.runs), 1):
        where = f"{path}:{row.line}"
        try:
            runs = runs_in(row.runs, size[0] * size[1], where)
            shapes.append(Shape(how.ids[row.kind], number, runs=runs, where=where))
            canvas.add(shapes[-1], notes)
        except LabelError as error:
            errors.append(error)
    raise_first(errors, notes)
    if notes is not None:
        canvas.covered(shapes, notes)
    made: Iterator[Label] = (np.ascontiguousarray(a.T) if how.by_rows else a for a in (canvas.label, canvas.instances))
    return next(made), next(made)


def runs_in(text: str, pixels: int, where: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """`start length ...`, from 1, as lengths of runs that are outside and inside by turns. LabelError `bad-rle`."""
    words = text.split()
    what = None
    if len(words) % 2 or not all(w.isascii() and w.isdigit() and len(w) < 13 for w in words):
        what = f"{len(words)} words, expected pairs of whole numbers: start length"
    else:
        starts, lengths = np.array(words, np.int64).reshape(-1, 2).T
        ends = starts - 1 + lengths
        if starts.min() < 1 or lengths.min() < 1:
            what = "a start or a length below 1"
        elif (starts[1:] - 1 < ends[:-1]).any():
            k = int(np.argmax(starts[1:] - 1 < ends[:-1]))
            what = f"the run from {starts[k + 1]} on begins before the one from {starts[k]} ends"
        elif ends[-1] > pixels:
            what = f"a run ends at pixel {ends[-1]}, the image has {pixels}"
    if what is not None:
        fix = "the row belongs to an image of another size, or counts otherwise"
        raise LabelError(what, code="bad-rle", where=where, fix=fix)
    out = np.zeros(len(words) + 1, np.int64)
    out[1::2] = lengths
    out[0] = starts[0] - 1
    out[2:-1:2] = starts[1:] - 1 - ends[:-1]
    out[-1] = pixels - ends[-1]
    return out


FORMAT = Format(
    "rle_csv", "run lengths in a CSV (a column of images, EncodedPixels or rle_mask, perhaps ClassId)", _find, _load
)
