"""Open Images: a PNG per object, and a CSV that says whose it is.

https://storage.googleapis.com/openimages/web/download_v7.html : SPLIT-annotations-object-segmentation.csv names for
each mask its image, its class (a MID such as /m/01g317) and its box; class-descriptions*.csv names the classes. Masks
are drawn by falling area of their boxes, so the smaller is on top; without boxes, in the order of the file. Most masks
have another size than their image (github.com/openimages/dataset/issues/92): a pixel takes the mask's at its center.
This needs code because file names say neither the class nor where the files are.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.sources import Decoding, FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, MissingError
from ...files.reading import read_bytes
from ...types import Finding
from ..format import Format
from ..layers import LayerDrawing, LayerFile, Layers
from ..layout import plain_split, rank
from ..paths import leads_out, matches, visible
from ..rasterize import DrawnSource
from ..regions import RegionClasses, classes_of

_TABLE = "-annotations-object-segmentation.csv"
_CSVS = (
    f"*{_TABLE}", f"annotations/*{_TABLE}", *(f"{s}/{s}{_TABLE}" for s in ("train", "validation", "test")),
    "*/labels/segmentations.csv",
)  # fmt: skip
_NAMES = (
    "*class-descriptions*.csv", "annotations/*class-descriptions*.csv", "metadata/*class-descriptions*.csv",
    "*/metadata/classes.csv", "*/metadata/*class-descriptions*.csv",
)  # fmt: skip
_NEEDED = ("MaskPath", "ImageID", "LabelName")
_BOX = ("BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax")
_IMAGES = (
    "{split}/{name}.jpg", "images/{split}/{name}.jpg", "{split}/data/{name}.jpg", "{split}/images/{name}.jpg",
    "{split}_*/{name}.jpg", "{split}/{split}_*/{name}.jpg", "images/{name}.jpg", "{name}.jpg",
)  # fmt: skip
_MASKS = (
    "masks/{split}/{file}", "masks/{file}", "{split}-masks/{file}", "{split}-masks-{c}/{file}",
    "masks/{split}-masks-{c}/{file}", "masks/{split}/{split}-masks-{c}/{file}",
    "{split}-masks/{split}-masks-{c}/{file}", "{split}/labels/masks/{C}/{file}", "{split}/masks/{file}",
    "{split}/{file}",
)  # fmt: skip
"""Where masks are. {c}, {C}: the first digit of the image's ID; the archives are divided by it."""
_LOOKED_AT = 64


class _Mask(NamedTuple):
    """A row. area: of its box, as a part of the image; None if the file does not say."""

    line: int
    file: str
    label: str
    area: float | None


def _csvs(root: Path) -> dict[str, Path]:
    """The CSV of each split, by the split's name on disk."""
    found: dict[str, Path] = {}
    for path in (p for pattern in _CSVS for p in visible(root, pattern)):
        split = path.name.partition("-annotations-")[0] if "-" in path.name else path.parent.parent.name
        found.setdefault(split, path)
    return found


def _find(path: Path) -> Path | None:
    """`path` if it contains such a CSV."""
    return path if path.is_dir() and _csvs(path) else None


def _load(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. classes: another table, by the display names."""
    csvs = _csvs(root)
    read = {split: _read(path) for split, path in csvs.items()}
    labels = sorted({mask.label for of in read.values() for masks in of.values() for mask in masks})
    names, notes = _class_names(root, labels)
    known = classes_of(list(names.values()))
    if classes is not None:
        known = RegionClasses(classes, classes_of(classes.names).background)
    ids = {label: known.table.index(name) for label, name in names.items()}
    makers = {
        (name := plain_split(split, csvs)): partial(_split, root, name, split, path, read[split], known, ids, images)
        for split, path in sorted(csvs.items(), key=lambda item: rank(plain_split(item[0], csvs)))
    }
    return Dataset(root, "open_images", known.table, Splits(makers), notes)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        lines = csv.reader(read_bytes(path).decode("utf-8-sig", "replace").splitlines())
        for row in lines:
            if any(row):
                yield lines.line_num, row
    except csv.Error as error:
        raise FormatError(f"not a CSV: {error}", code="bad-csv", where=path) from None


def _read(path: Path) -> dict[str, list[_Mask]]:
    """The masks of each image, in the order of drawing. FormatError `bad-csv`."""
    rows = _rows(path)
    _, header = next(rows, (1, []))
    columns = {name: k for k, name in enumerate(header)}
    if lost := [name for name in _NEEDED if name not in columns]:
        what, fix = f"no column {lost[0]}, the columns are {', '.join(header)[:100]}", "download it again"
        raise FormatError(what, code="bad-csv", where=f"{path}:1", fix=fix)
    boxes = all(name in columns for name in _BOX)
    found: dict[str, list[_Mask]] = defaultdict(list)
    for line, row in rows:
        if len(row) < len(header):
            what, fix = f"{len(row)} fields, expected {len(header)} as in the first line", "download it again"
            raise FormatError(what, code="bad-csv", where=f"{path}:{line}", fix=fix)
        file, image, label = (row[columns[name]].strip() for name in _NEEDED)
        if leads_out(file) or not file:
            what = f"{file!r:.80} is not the name of a mask"
            raise FormatError(what, code="path-escapes-root", where=f"{path}:{line}")
        area = _area(*(row[columns[name]] for name in _BOX)) if boxes else None
        found[image].append(_Mask(line, file, label, area))
    for masks in found.values():
        if all(mask.area is not None for mask in masks):
            masks.sort(key=lambda mask: -(mask.area or 0))
    return dict(found)


def _area(*box: str) -> float | None:
    try:
        x0, x1, y0, y1 = map(float, box)
    except ValueError:
        return None
    return (x1 - x0) * (y1 - y0)


def _class_names(root: Path, labels: Sequence[str]) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """The display name of each class that occurs, sorted; and the note that some have none."""
    shown: dict[str, str] = {}
    for path in (p for pattern in _NAMES for p in visible(root, pattern)):
        for _, row in _rows(path):
            if len(row) >= 2:
                shown.setdefault(row[0].strip(), row[1].strip())
    names = {label: shown.get(label) or label for label in labels}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    names = {label: f"{name} ({label})" if name in twice else name for label, name in names.items()}
    ordered = dict(sorted(names.items(), key=lambda item: item[1].casefold()))
    without = [label for label in labels if label not in shown]
    if not without:
        return ordered, ()
    what = f"{len(without)} of {len(labels)} classes have no name, such as {without[0]}"
    fix = "put class-descriptions-boxable.csv (oidv7-class-descriptions.csv) beside the data"
    return ordered, (Finding("neutral-names", "warning", str(root), what, fix),)


def _split(
    root: Path, name: str, on_disk: str, path: Path, rows: Mapping[str, Sequence[_Mask]], known: RegionClasses,
    ids: Mapping[str, int], chosen: str | None,
) -> Split:  # fmt: skip
    found = _images(root, on_disk, path, rows, chosen)
    names = sorted(image for image in rows if image in found)
    if not names:
        what = f"none of its {len(rows)} images is here: looked for {next(iter(rows), 'any')}.jpg in {on_disk}/, "
        what += f"images/{on_disk}/ and so on"
        raise MissingError(what, code="missing-file", where=path, fix="choose their folder with images=...")
    notes = []
    for code, count, what in (
        ("unannotated-images", len(found) - len(names), "images have no row and are left out"),
        ("unused-layers", len(rows) - len(names), f"of {len(rows)} images with rows are not here; they are left out"),
    ):
        if count:
            notes.append(Finding(code, "note", str(path), f"{count} {what}"))
    place = _place_of_masks(root, on_disk, [(image, mask) for image in names for mask in rows[image]])
    files = [[LayerFile(place(image, m.file), ids[m.label], True) for m in rows[image]] for image in names]
    paths = [found[image] for image in names]
    source = FileSource(root, names, known.table, paths)
    layers = Layers((("", 0),), known.background)
    drawing = LayerDrawing(root, paths, files, names, layers, known.table, Decoding(), scaled=True)
    drawn = DrawnSource(source, drawing, drawing.paths, "smaller boxes on top")
    return Split(name, known.table, drawn, notes=tuple(notes))


def _images(
    root: Path, split: str, path: Path, rows: Mapping[str, Any], chosen: str | None
) -> dict[str, str]:  # fmt: skip
    """The path of each image that is in the first usual folder with some of them."""
    templates = _IMAGES if chosen is None else (f"{chosen.rstrip('/')}/{{name}}.jpg",)
    for template in templates:
        found = {m.name: m.path for m in matches(root, template.replace("{split}", split))}
        if any(name in rows for name in found):
            return found
    return {}


def _place_of_masks(root: Path, split: str, some: Sequence[tuple[str, _Mask]]) -> Any:
    """Which of the usual places holds the most of some masks: a function of image and file."""
    step = max(1, len(some) // _LOOKED_AT)

    def place(template: str, image: str, file: str) -> str:
        first = image[:1]
        filled = template.replace("{split}", split).replace("{c}", first.lower()).replace("{C}", first.upper())
        return filled.replace("{file}", file)

    def hits(template: str) -> int:
        return sum((root / place(template, image, mask.file)).is_file() for image, mask in some[::step])

    return partial(place, max(_MASKS, key=hits))


FORMAT = Format(
    "open_images", "Open Images (SPLIT-annotations-object-segmentation.csv, masks/ and images)", _find, _load
)  # fmt: skip
