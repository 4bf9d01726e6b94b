"""Label Studio: its JSON export, and the images that the tasks name.

https://labelstud.io/guide/export : brushes (RGBA in the bit-packed run lengths of @thi.ng/rle-pack, of which alpha says
what is inside), polygons and ellipses (in percent of the image) are regions, drawn in the order of the file. An export
names no classes that do not occur: they are those of a file of names beside it, else all that occur, sorted; background
is what no region covers. Of several annotations of a task the first is read that is not canceled, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.lists import IMAGE_SUFFIXES
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, MissingError, PixelwiseError
from ...types import Finding
from ..format import Format
from ..forms import Brush, Ellipse, Form, Polygons, points_of, real, stated_size
from ..layout import SPLIT_NAMES
from ..paths import hidden_notes, matches
from ..regions import (
    Annotated,
    Region,
    RegionClasses,
    annotated_split,
    classes_in,
    classes_of,
    head_of,
    read_json,
    some_files,
)
from ..stated import place_of, plain, without_parts

_TOOL = "Label Studio"
_TASK = re.compile(
    rb'\s*\[\s*\{.*?"(original_width|was_cancel\w+|completed_by|annotation_id|result|file_upload|inner_id)"', re.DOTALL
)
"""A list of objects, of which one has a key that other tools' lists do not have."""
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""What an upload is called: eight hexadecimal digits before the file's own name."""
_CANCELED = "was_cancel" + "led"
_REGIONS = ("polygon", "brush", "ellipse")
_FOLDERS = ("images", "media", "upload", "data")


def _jsons(root: Path) -> list[Path]:
    return [p for p in some_files(root, "", "json") if _TASK.match(head_of(p, 1 << 16))]


def _find(path: Path) -> Path | None:
    """`path` if it contains such a JSON."""
    return path if path.is_dir() and _jsons(path) else None


def _load(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. classes: another table."""
    jsons = _jsons(root)
    read = {_name(p, jsons): (p, *_read(p)) for p in jsons}
    entries = [entry for _, of, _ in read.values() for entry in of]
    known = (
        classes_in(root, entries) if classes is None else RegionClasses(classes, classes_of(classes.names).background)
    )
    makers = {name: partial(_split, root, name, *of, known, images) for name, of in read.items()}
    return Dataset(root, "label_studio", known.table, Splits(makers), hidden_notes(root, "*.json"))


def _name(path: Path, jsons: Sequence[Path]) -> str:
    """The split of a JSON: exports are called by project and date."""
    return path.stem if len(jsons) > 1 or SPLIT_NAMES.fullmatch(path.stem) else "all"


def _split(
    root: Path, name: str, path: Path, entries: Sequence[Annotated], notes: Sequence[Finding], known: RegionClasses,
    images: str | None,
) -> Split:  # fmt: skip
    placed = _placed(root, entries, [images] if images is not None else [".", *_FOLDERS])
    if entries and not any((root / e.image).is_file() for e in placed):
        what = f"the images are not here: looked for {entries[0].image}"
        raise MissingError(what, code="missing-file", where=path, fix="choose their folder with images=...")
    split = annotated_split(root, name, placed, known, (), path, ".")
    return replace(split, notes=(*notes, *split.notes))


def _placed(root: Path, entries: Sequence[Annotated], folders: Sequence[str]) -> list[Annotated]:
    """The entries with the paths of their images relative to the root.

    Either all stated paths end in paths that are here, or the names alone count, without what an upload put before
    them: then, a fault `ambiguous-image` if several files have the name.
    """
    place = place_of(root, folders, [e.image for e in entries])
    if place is not None:
        folder, skip = place
        paths = [plain(f"{folder}/{without_parts(e.image, skip)}") for e in entries]
        return [replace(e, image=p, name=PurePosixPath(p).stem) for e, p in zip(entries, paths, strict=True)]
    by_name: dict[str, list[str]] = {}
    for folder in folders:
        for m in matches(root, "{name}.{ext}" if folder == "." else folder + "/{path}.{ext}"):
            by_name.setdefault(PurePosixPath(m.path).name, []).append(m.path)
    return [_by_name(entry, by_name) for entry in entries]


def _by_name(entry: Annotated, by_name: Mapping[str, Sequence[str]]) -> Annotated:
    name = PurePosixPath(entry.image).name
    uploaded = _UPLOADED.fullmatch(name)
    found = by_name.get(name) or by_name.get(uploaded[1] if uploaded else name) or [name]
    faults = list(entry.faults)
    if len(found) > 1:
        what, fix = f"its image may be {found[0]} or {found[1]}", "choose their folder with images=..."
        faults.insert(0, FormatError(what, code="ambiguous-image", where=entry.where, fix=fix))
    return replace(entry, image=found[0], name=PurePosixPath(found[0]).stem, faults=faults)


# -- the JSON -----------------------------------------------------------------------------------------------------


def _read(path: Path) -> tuple[list[Annotated], list[Finding]]:
    tasks = read_json(path, _TOOL)
    if not isinstance(tasks, list):
        raise FormatError("not a list of tasks", code="bad-json", where=path, fix="export it as JSON")
    entries, notes = [], []
    unlabeled = several = 0
    for n, task in enumerate(tasks):
        image = _image(task)
        if image is None:
            what, fix = f"tasks[{n}] names no image; it is left out", "export it again"
            notes.append(Finding("unknown-image", "error", str(path), what, fix))
            continue
        annotations = list(_annotations(task))
        several += len(annotations) > 1
        if not annotations:
            unlabeled += 1
            continue
        entries.append(_entry(image, annotations[0], path))
    if several:
        what = f"{several} tasks have several annotations; the first of each is read"
        notes.append(Finding("several-annotations", "warning", str(path), what, "export one annotation per task"))
    if unlabeled:
        what = f"{unlabeled} tasks have no annotation and are left out"
        notes.append(Finding("unannotated-images", "note", str(path), what))
    return entries, notes


def _image(task: Any) -> str | None:
    """The image of a task, in whatever the address is."""
    if not isinstance(task, dict):
        return None
    data = task.get("data", task)
    listed: list[Any] = [data.get("image"), *data.values()] if isinstance(data, dict) else []
    for value in (v for v in listed if isinstance(v, str)):
        try:
            parts = urlsplit(value)
            path = next(iter(parse_qs(parts.query).get("d", [])), None) or unquote(parts.path)
        except ValueError:
            continue
        if path.lower().endswith(IMAGE_SUFFIXES) and "\0" not in path and PurePosixPath(path).name.strip(". "):
            return path.replace("\\", "/").lstrip("/")
    return None


def _annotations(task: Mapping[str, Any]) -> Iterator[Any]:
    """The lists of results of a task that count. Of JSON_MIN all keys of results are one list."""
    listed = task.get("annotations", task.get("completions"))
    if listed is None:
        lists = [v for v in task.values() if isinstance(v, list)]
        yield [{"value": result, **_of(result)} for v in lists for result in v]
    for annotation in listed if isinstance(listed, list) else []:
        if isinstance(annotation, dict) and not annotation.get(_CANCELED):
            yield annotation.get("result")


def _of(result: Any) -> dict[str, Any]:
    keys = ("original_width", "original_height") if isinstance(result, dict) else ()
    return {key: result[key] for key in keys if key in result}


def _entry(image: str, results: Any, path: Path) -> Annotated:
    entry = Annotated(image, f"{path} ({image})", relative=True)
    listed = results if isinstance(results, list) else [results]
    for n, result in enumerate(listed):
        if isinstance(result, dict) and result.get("type") in ("labels", "choices", "textarea", "relation", "rating"):
            continue  # labels are found beside the shape that has their id
        labels = _labels(result) or [n for r in listed if _key(r) == _key(result) is not None for n in _labels(r)]
        entry.add(partial(_region, result, labels), f"result[{n}]")
        if entry.size is None and isinstance(result, dict) and "original_height" in result:
            with suppress(PixelwiseError):  # some exports state 0
                entry.size = stated_size(result["original_height"], result.get("original_width"), entry.where)
    return entry


def _key(result: Any) -> Any:
    return result.get("id") if isinstance(result, dict) else None


def _value(result: Any) -> Mapping[str, Any]:
    value = result.get("value") if isinstance(result, dict) else None
    return value if isinstance(value, dict) else {}


def _labels(result: Any) -> list[str]:
    listed: Any = next((v for k, v in _value(result).items() if k.endswith("labels")), [])
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _kind(result: Any) -> str:
    value = _value(result)
    if "rle" in value:
        return "brush"
    return "polygon" if "points" in value else "ellipse" if "radiusX" in value else "other"


def _region(result: Any, labels: Sequence[str], where: str) -> Region | None:
    if not isinstance(result, dict):
        raise LabelError("not a result", code="bad-json", where=where, fix="export it again")
    if _kind(result) not in _REGIONS:
        return None
    if len(set(labels)) != 1:
        what, fix = f"{len(set(labels))} labels: {', '.join(labels)[:60]}", "give each region one label"
        raise LabelError(what, code="unknown-class", where=where, fix=fix)
    if result.get("image_rotation"):
        what = f"drawn on the image turned by {str(result['image_rotation'])[:8]} degrees"
        raise LabelError(what, code="rotated-image", where=where, fix="turn the image itself, and export it again")
    return Region(labels[0], _form(result, where), where)


def _form(result: Mapping[str, Any], where: str) -> Form:
    value = result["value"]
    if "points" in value:
        return Polygons((points_of(value["points"], where, percent=True),), percent=True)
    if "rle" not in value:
        x, y, rx, ry, turned = (real(value.get(k, 0), where) for k in ("x", "y", "radiusX", "radiusY", "rotation"))
        return Ellipse(x, y, rx, ry, turned, percent=True)
    try:
        if not isinstance(value["rle"], list):
            raise TypeError("not a list")
        data = bytes(value["rle"])
    except (TypeError, ValueError):
        what, fix = "a brush that is not a list of bytes", "export it again"
        raise LabelError(what, code="bad-rle", where=where, fix=fix) from None
    return Brush(data, stated_size(result.get("original_height"), result.get("original_width"), where))


FORMAT = Format("label_studio", "Label Studio (its JSON of tasks, and the images)", _find, _load)
