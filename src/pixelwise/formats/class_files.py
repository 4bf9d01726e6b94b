"""The one reader of class names beside the data: what labeling tools and authors write next to images and labels.

    labelmap.txt        CVAT: `name:r,g,b:parts:actions`          class_dict.csv    `name,r,g,b`, columns in any order
    label_colors.txt    CamVid: `r g b name`                      _classes.csv      Roboflow: `Pixel Value, Class`
    dataset_meta.json   Datumaro: ids, names and colors           meta.json         Supervisely: titles and colors
    id2label.json       Hugging Face: `{"0": "road"}`             data.yaml         YOLO: names in order or by number
    class_names.txt, classes.txt, labels.txt                      one name per line, or `0: name`

Every name is a class, whatever it is called: "void" and "unlabeled" too. Only LabelMe's `__ignore__` is void, and the
`ignored` that CVAT writes for the border color of VOC.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..classes import ClassTable, Color, usual_void
from ..dataset.lists import IMAGE_SUFFIXES
from ..errors import FormatError
from ..files.reading import read_bytes
from ..types import Finding
from .class_tables import rgb
from .yaml_names import YamlError, yaml_names

IGNORE, BACKGROUND = "__ignore__", "_background_"
"""LabelMe's names of void and of what no shape covers."""
_VOC_BORDER: Color = (224, 224, 192)


@dataclass(frozen=True, slots=True)
class Named:
    """The classes that a file names.

    table: if it is `by_color`, labels are colors; else a stored value is the number of the class (its place in the
    file, if that gives no numbers). path: the file. colored: whether it gives colors. notes: other files beside it that
    name other classes.
    """

    table: ClassTable
    path: Path
    colored: bool = False
    notes: tuple[Finding, ...] = ()

    @property
    def by_color(self) -> bool:
        """Whether the file says only which colors the classes have, not which numbers."""
        return self.table.by_color


def classes_beside(root: Path, *, also: Iterable[Path] = ()) -> Named | None:
    """The classes that a file in the folder `root`, or else in the first of the folders `also` with one, names.

    Of several files in a folder the first of `CLASS_FILES` counts; those that name other classes are in `notes`.
    None if there is no such file. FormatError `bad-class-table` for one that cannot be read exactly.
    """
    for folder in (root, *also):
        paths = _class_files(folder)
        used = next((named for path in paths if (named := _read_if(path)) is not None), None)
        if used is not None:
            later = paths[paths.index(used.path) + 1 :]
            return replace(used, notes=tuple(n for path in later if (n := _differs(path, used)) is not None))
    return None


def read_class_file(path: Path) -> Named:
    """The classes that this file names. FormatError `bad-class-table` if it cannot be read exactly."""
    named = _read_if(path)
    if named is None:
        raise _bad(path, "names no classes", f"the files of class names are {', '.join(CLASS_FILES)}")
    return named


def numbered_classes(id2label: Mapping[Any, Any], where: str) -> ClassTable:
    """The classes of `{0: "road"}`, as Hugging Face's models have it. FormatError `bad-class-table`."""
    return _named(_numbered(dict(id2label), where), where).table


def _class_files(folder: Path) -> list[Path]:
    """The class files in a folder by precedence, whatever the case of their names."""
    try:
        there = sorted(os.listdir(folder))
    except OSError:
        return []
    return [p for name in CLASS_FILES for n in there if n.lower() == name and (p := folder / n).is_file()]


def _differs(path: Path, used: Named) -> Finding | None:
    """A note if the file at `path` does not name the classes of the one that is used."""
    try:
        other = _read_if(path)
        if other is None or _plain(other.table) == _plain(used.table):
            return None
        what = f"names {len(other.table)} classes: {_listed(other.table)}; {used.path.name} names "
        what += f"{len(used.table)}: {_listed(used.table)}"
    except FormatError as error:
        what = f"{error.message} ({error.where})"
    fix = f"{used.path.name} is used; remove the file that is wrong, or give classes="
    return Finding("class-files-differ", "warning", str(path), what, fix)


def _plain(table: ClassTable) -> list[str]:
    """Names without background: YOLO does not list it, and that does not contradict a file that does."""
    return [n for n in map(str.casefold, table.names) if n.strip("_") != "background"]


def _listed(table: ClassTable) -> str:
    return ", ".join(table.names[:5]) + ", ..." * (len(table) > 5)


def _read_if(path: Path) -> Named | None:
    """What the file says; None if a file of that name is something else, such as a meta.json without classes."""
    by_suffix = {".yaml": _yaml, ".yml": _yaml, ".csv": _table, ".json": _id2label}
    read = CLASS_FILES.get(path.name.lower()) or by_suffix.get(path.suffix.lower(), _name_list)
    rows = read(_text(path), path)
    return None if rows is None else _named(rows, path)


def _text(path: Path) -> str:
    data = read_bytes(path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _bad(path, "the text is UTF-16", "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _bad(f"{path}:{line}", f"byte {data[error.start]:#04x} is not UTF-8", "save it as UTF-8") from None


def _bad(where: object, what: str, fix: str | None = None) -> FormatError:
    return FormatError(what, code="bad-class-table", where=where, fix=fix)


# -- rows to a table ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A class as a file gives it. where: file and line. value: None if its place in the file is its number."""

    name: str
    where: str
    color: Color | None = None
    value: int | None = None
    void: bool = False


@dataclass(frozen=True, slots=True)
class _Rows:
    """by_color: whether colors, if the file has them, are all that it says about labels."""

    rows: Sequence[_Row]
    by_color: bool = False


def _named(found: _Rows, path: Path | str) -> Named:
    rows = [r for r in found.rows if not r.void]
    if not rows:
        raise _bad(path, "names no classes")
    by_color = found.by_color and any(r.color is not None for r in rows)
    _once(found.rows, "name", [r.name for r in found.rows])
    _once(found.rows, "value", [r.value for r in found.rows])
    if by_color:
        _once(found.rows, "color", [r.color for r in found.rows])
    colored = [r for r in rows if r.color is not None]
    if colored and len(colored) < len(rows):
        without = next(r for r in rows if r.color is None)
        raise _bad(without.where, f"{without.name!r} has no color, others have", "give all classes a color, or none")
    numbers = [k if r.value is None else r.value for k, r in enumerate(rows)]
    void = 65_535 if 255 in numbers else usual_void(len(rows))
    ignored = {r.value: void for r in found.rows if r.void and r.value is not None}
    values: Mapping[int, int] | None = {void: void} | ignored | {v: k for k, v in enumerate(numbers)}
    if by_color:
        values = {}
    elif numbers == [*range(len(rows))] and not ignored:
        values = None
    border = next((r.color for r in found.rows if r.void and r.color is not None), _VOC_BORDER)
    table = ClassTable(tuple(r.name for r in rows), rgb(r.color for r in colored if r.color), void, border, values)
    return Named(table, Path(path), bool(colored))


def _once(rows: Sequence[_Row], what: str, keys: Sequence[object]) -> None:
    """FormatError if two rows have the same key, None aside."""
    seen: dict[object, _Row] = {}
    for row, key in zip(rows, keys, strict=True):
        if key is not None and (other := seen.setdefault(key, row)) is not row:
            same = f"the {what} {key} of {row.name!r} is that of {other.name!r}" if what != "name" else f"{key!r} again"
            raise _bad(row.where, same, f"it is at {other.where} already")


def _row(name: object, where: str, color: Color | None = None, value: int | None = None) -> _Row:
    plain = str(name).strip()
    if not plain:
        raise _bad(where, "a class without a name")
    border = color == _VOC_BORDER and plain.lower() == "ignored"
    return _Row(plain, where, color, value, plain == IGNORE or border)


def _color(parts: Sequence[object], where: str) -> Color:
    numbers = [_number(p, where) for p in parts]
    if len(numbers) != 3 or max(numbers) > 255:
        raise _bad(where, f"a color is three numbers 0..255, got {', '.join(map(str, parts))!r}")
    r, g, b = numbers
    return (r, g, b)


def _number(text: object, where: str) -> int:
    """A whole number 0..65535."""
    if (found := _if_number(text)) is None:
        raise _bad(where, f"{str(text).strip()!r} is not a whole number 0..65535")
    return found


def _if_number(text: object) -> int | None:
    plain = str(text).strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 6 and int(plain) <= 65_535 else None


def _lines(text: str, path: Path) -> list[tuple[str, str]]:
    """(line, place) of every line that is neither blank nor a comment."""
    lines = enumerate(text.splitlines(), 1)
    return [(s, f"{path}:{n}") for n, line in lines if (s := line.strip()) and not s.startswith("#")]


# -- text ---------------------------------------------------------------------------------------------------


def _labelmap(text: str, path: Path) -> _Rows:
    rows = []
    for line, where in _lines(text, path):
        fields = line.split(":")
        if len(fields) < 2:
            raise _bad(where, f"expected name:r,g,b:parts:actions, got {line[:60]!r}")
        at = next((k for k, f in enumerate(fields) if k and f.count(",") == 2), 1)  # a name may contain colons
        color = _color(fields[at].split(","), where) if fields[at].strip() else None
        rows.append(_row(":".join(fields[:at]), where, color))
    return _Rows(rows, by_color=True)


def _label_colors(text: str, path: Path) -> _Rows:
    rows = []
    for line, where in _lines(text, path):
        parts = line.split(None, 3)
        if len(parts) < 4:
            raise _bad(where, f"expected `r g b name`, got {line[:60]!r}")
        rows.append(_row(parts[3], where, _color(parts[:3], where)))
    return _Rows(rows, by_color=True)


def _name_list(text: str, path: Path) -> _Rows | None:
    lines = _lines(text, path)
    if any(line.lower().endswith(IMAGE_SUFFIXES) for line, _ in lines):
        return None  # a list of files
    split = [line.partition(":") for line, _ in lines]
    if split and all(_if_number(number) is not None and name.strip() for number, _, name in split):
        rows = zip(split, lines, strict=True)
        return _Rows([_row(name, where, value=_if_number(number)) for (number, _, name), (_, where) in rows])
    return _Rows([_row(line, where) for line, where in lines])


_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("name", "class", "class_name", "class name", "classname", "label", "label_name"), "name"),
    **dict.fromkeys(("pixel value", "pixel_value", "value", "id", "index"), "value"),
    "r": "r", "red": "r", "g": "g", "green": "g", "b": "b", "blue": "b",
}  # fmt: skip


def _table(text: str, path: Path) -> _Rows:
    """A CSV with a header; columns of other names are left out."""
    try:
        reader = csv.reader(io.StringIO(text), skipinitialspace=True, strict=True)
        lines = [(row, f"{path}:{reader.line_num}") for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise _bad(path, f"not a CSV: {error}") from None
    header = [_COLUMNS.get(cell.strip().lower(), "") for cell in lines[0][0]] if lines else []
    colored = {"r", "g", "b"} <= set(header)
    known = [kind for kind in header if kind]
    if "name" not in known or not (colored or "value" in known) or len(set(known)) < len(known):
        got = ",".join(lines[0][0])[:60] if lines else ""
        raise _bad(f"{path}:1", f"expected a header such as name,r,g,b or Pixel Value,Class, got {got!r}")
    rows = []
    for cells, where in lines[1:]:
        if len(cells) != len(header):
            raise _bad(where, f"{len(cells)} columns, the header has {len(header)}")
        of = dict(zip(header, cells, strict=True))
        color = _color([of["r"], of["g"], of["b"]], where) if colored else None
        rows.append(_row(of["name"], where, color, _number(of["value"], where) if "value" in of else None))
    return _Rows(rows, by_color="value" not in header)


# -- JSON ---------------------------------------------------------------------------------------------------


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, path))
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"not JSON: {error}") from None


def _unique(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _bad(path, f"{twice!r} appears twice")
    return out


def _id2label(text: str, path: Path) -> _Rows:
    """`{"0": "road"}`, or `{"0": {"name": "road"}}`, or that under "id2label" as in a model's config.json."""
    return _numbered(_json(text, path), str(path))


def _numbered(data: Any, where: str) -> _Rows:
    data = data.get("id2label", data) if isinstance(data, dict) else data
    if not isinstance(data, dict):
        raise _bad(where, 'expected an object such as {"0": "road"}')
    pairs = sorted((_number(k, where), _title(v, where)) for k, v in data.items())
    often = Counter(name for _, name in pairs)  # ADE20K's has names that occur twice
    return _Rows([_row(n if often[n] == 1 else f"{n} {v}", where, value=v) for v, n in pairs])


def _title(entry: object, where: str) -> str:
    """The name of a class: a string, or an object with one."""
    if isinstance(entry, dict):
        entry = next((entry[k] for k in ("name", "label", "title", "class") if k in entry), None)
    if not isinstance(entry, str):
        raise _bad(where, f"a class without a name: {str(entry)[:60]}")
    return entry


def _meta(text: str, path: Path) -> _Rows | None:
    """Supervisely's: classes with a title and a color. Its masks are numbered from 1; 0, black, is background."""
    data = _json(text, path)
    if not isinstance(data, dict) or not isinstance(classes := data.get("classes"), list):
        return None  # another program's
    rows = []
    for n, entry in enumerate(classes):
        where = f"{path} (classes[{n}])"
        name, color = _title(entry, where), entry.get("color") if isinstance(entry, dict) else None
        rows.append(_row(name, where, None if color is None else _hex(color, where)))
    if rows and all(r.name.strip("_").lower() not in ("background", "bg") for r in rows):
        rows.insert(0, _Row("background", str(path), (0, 0, 0) if rows[0].color is not None else None))
    return _Rows(rows)


def _hex(color: object, where: str) -> Color:
    text = str(color).removeprefix("#")
    if len(text) != 6 or any(c not in "0123456789abcdefABCDEF" for c in text):
        raise _bad(where, f"a color is #rrggbb, got {str(color)[:20]!r}")
    return (int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16))


def _dataset_meta(text: str, path: Path) -> _Rows | None:
    """Datumaro's: `label_map` of numbers to names, and `segmentation_colors`, a list of a color for each number."""
    data = _json(text, path)
    if not isinstance(data, dict) or not isinstance(numbered := data.get("label_map"), dict):
        return None
    colors = data.get("segmentation_colors") or []
    rows = []
    for value, name in sorted((_number(k, str(path)), _title(v, str(path))) for k, v in numbered.items()):
        where = f"{path} (label_map[{value}])"
        color = colors[value] if isinstance(colors, list) and value < len(colors) else None
        if color is not None and not isinstance(color, list):
            raise _bad(where, f"a color is a list of three numbers, got {str(color)[:20]}")
        rows.append(_row(name, where, None if color is None else _color(color, where), value))
    return _Rows(rows)


def _yaml(text: str, path: Path) -> _Rows | None:
    """The names of a data.yaml. None if it has none."""
    try:
        entries = yaml_names(text)
    except YamlError as error:
        raise _bad(f"{path}:{error.line}", str(error), "write names: [first, second]") from None
    rows = []
    for number, name, line in entries or ():
        where = f"{path}:{line}"
        rows.append(_row(name, where, value=None if number is None else _number(number, where)))
    rows.sort(key=lambda r: -1 if r.value is None else r.value)
    return _Rows(rows) if rows else None


CLASS_FILES: Mapping[str, Callable[[str, Path], _Rows | None]] = {
    "labelmap.txt": _labelmap,
    "class_dict.csv": _table,
    "class_dict_seg.csv": _table,
    "label_colors.txt": _label_colors,
    "_classes.csv": _table,
    "dataset_meta.json": _dataset_meta,
    "meta.json": _meta,
    "id2label.json": _id2label,
    "data.yaml": _yaml,
    "dataset.yaml": _yaml,
    "class_names.txt": _name_list,
    "classes.txt": _name_list,
    "labels.txt": _name_list,
}
"""The names of class files and how they are read: what says most about labels first."""
