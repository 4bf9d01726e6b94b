"""Any tree of your own: `pixelwise.toml` beside the data says where the files are and what the labels mean.

docs/formats.md shows every key; `root` at the top is the folder of the paths, by default that of the file.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..classes import ClassTable, usual_void, voc_colormap
from ..dataset.dataset import Dataset
from ..dataset.sources import Decoding
from ..errors import FormatError, UsageError
from ..files import read_bytes
from .format import Format
from .layout import SPLIT_NAMES, Coding, Layout, load
from .paths import leads_out, split_names

FILE = "pixelwise.toml"
_KEYS = {
    "": {"root", "images", "labels", "splits", "classes", "class"},
    "images": {"path", "value_range", "bands"},
    "labels": {"path", "instances", "kinds", "palette", "minus_one"},
    "splits": {"lists", "unlabeled", "of", "ratios", "seed", "group"},
    "classes": {"ignore_index", "ignore_values", "ignore_colors"},
    "class": {"name", "values", "color", "colors"},
}


def _find(path: Path) -> Path | None:
    """`path` if it is such a file or a folder with one."""
    if path.is_file():
        return path if path.suffix == ".toml" else None
    return path if (path / FILE).is_file() else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """The dataset that the file at `root`, or in that folder, describes. classes: another class table."""
    path = root / FILE if root.is_dir() else root
    data = _read(path)
    try:
        base = path.parent / data.get("root", ".")
        layout, table = _layout(data, path, base), classes or _table(data, path)
        dataset = load(base, "toml", layout, classes=table)
        return _divided(dataset, data.get("splits", {}), path)
    except UsageError as error:
        raise _bad(path, str(error.message), error.fix) from None
    except (TypeError, ValueError, KeyError, AttributeError, re.error) as error:
        if isinstance(error, FormatError | FileNotFoundError):
            raise
        raise _bad(path, f"a value of the wrong kind: {error}") from None


def _bad(path: Path, what: str, fix: str | None = None) -> FormatError:
    return FormatError(what, code="bad-description", where=path, fix=fix)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(read_bytes(path).decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(path, f"not valid TOML: {error}") from None
    for section, keys in _KEYS.items():
        part = data if section == "" else data.get(section, {})
        if section in data and not isinstance(part, list if section == "class" else dict):
            wanted = "[[class]]" if section == "class" else f"[{section}]"
            raise _bad(path, f"{section} is not a section", f"begin it with a line {wanted}")
        for entry in part if isinstance(part, list) else [part]:
            unknown = sorted(set(entry) - keys) if isinstance(entry, dict) else [str(entry)]
            if unknown:
                place = f"[{section}]" if section else "the file"
                raise _bad(path, f"unknown key in {place}: {unknown[0]!r}", f"the keys are {', '.join(sorted(keys))}")
    for section, key in (("images", "path"), ("class", None)):
        if not data.get(section) or (key and key not in data[section]):
            raise _bad(path, f"[{section}] {key or ''} is missing".replace("  ", " "))
    return data


def _layout(data: Mapping[str, Any], path: Path, base: Path) -> Layout:
    images, stored, splits = data["images"], data.get("labels", {}), data.get("splits", {})
    for template in (images["path"], stored.get("path", ""), stored.get("instances", ""), splits.get("lists", "")):
        if leads_out(template):
            raise _bad(path, f"{template!r} leads out of the dataset's folder", "set root instead")
    if not re.search(r"\{name\}|\{path\}", images["path"]):
        raise _bad(path, f"no {{name}} in {images['path']!r}")
    if stored.get("palette", "check") not in ("check", "ignore"):
        raise _bad(path, f"palette is 'check' or 'ignore', got {stored['palette']!r}")
    span, bands = images.get("value_range"), images.get("bands")
    decoding = Decoding(
        frozenset(stored.get("kinds", ())), stored.get("palette") != "ignore", stored.get("minus_one"),
        None if span is None else (float(span[0]), float(span[1])),
        None if bands is None else (int(bands[0]), int(bands[1]), int(bands[2])),
    )  # fmt: skip
    coding = Coding(stored.get("path"), _unused, stored.get("instances"), decoding=decoding)
    lists = splits.get("lists")
    labeled = set(split_names(base, stored.get("path", "")))

    def is_split(name: str) -> bool:  # `{split}/` finds the folders of the labels as well, `{split}_labels/`
        return lists is not None or name in labeled or SPLIT_NAMES.fullmatch(name) is not None

    return Layout(images["path"], {"labels": coding}, lists, splits=is_split,
                  unlabeled=tuple(splits.get("unlabeled", ())))  # fmt: skip


def _unused(root: Path) -> ClassTable:
    raise AssertionError("the table is in the description")


def _table(data: Mapping[str, Any], path: Path) -> ClassTable:
    entries, void = data["class"], data.get("classes", {})
    index = void.get("ignore_index", usual_void(len(entries)))
    values: dict[int, int] = {}
    pairs = [(v, i) for i, e in enumerate(entries) for v in e.get("values", ())]
    for value, i in [*pairs, *((v, index) for v in void.get("ignore_values", ()))]:
        if values.setdefault(int(value), i) != i:
            raise _bad(path, f"the stored value {value} has two meanings")
    if pairs and len({i for _, i in pairs}) < len(entries):
        without = next(e["name"] for e in entries if not e.get("values"))
        raise _bad(path, f"the class {without!r} has no values, others have", "give all classes values, or none")
    own = voc_colormap(256)
    colors = [e.get("color", own[i % 256].tolist()) for i, e in enumerate(entries)]
    extra = {_rgb(c, path): i for i, e in enumerate(entries) for c in e.get("colors", ())}
    ignored = [_rgb(c, path) for c in void.get("ignore_colors", ())]
    extra |= dict.fromkeys(ignored[1:], index)
    if not pairs and values:
        values |= {i: i for i in range(len(entries)) if i not in values}
    in_colors = not values and all("color" in e for e in entries)
    are_ids = values == {i: i for i in (*range(len(entries)), index)}
    return ClassTable(
        tuple(str(e["name"]) for e in entries), np.array([_rgb(c, path) for c in colors], np.uint8), index,
        ignored[0] if ignored else (224, 224, 192), None if are_ids or not (values or in_colors) else values, extra,
    )  # fmt: skip


def _rgb(color: Any, path: Path) -> tuple[int, int, int]:
    if len(color) != 3 or any(not isinstance(v, int) or not 0 <= v <= 255 for v in color):
        raise _bad(path, f"a color is three numbers 0..255, got {color}")
    return (color[0], color[1], color[2])


def _divided(dataset: Dataset, splits: Mapping[str, Any], path: Path) -> Dataset:
    if "ratios" not in splits:
        return dataset
    pattern = re.compile(splits["group"]) if "group" in splits else None

    def group(name: str) -> str:
        found = pattern.search(name) if pattern is not None else None
        return name if found is None else found[0]

    return dataset.split(splits["ratios"], int(splits.get("seed", 0)), of=splits.get("of"), group=group)


FORMAT = Format("toml", f"a description of your own ({FILE})", _find, _load, anywhere=True)


# -- writing ------------------------------------------------------------------------------------------------


def comment(text: str) -> str:
    """A line of TOML that is a comment."""
    return "# " + "".join(c if c.isprintable() else " " for c in text)


def text_of(value: Any) -> str:
    """A string, number, or list of them as TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def class_section(table: ClassTable) -> list[str]:
    """The [classes] and [[class]] lines of a table whose labels store the ids."""
    lines = ["[classes]"]
    if table.ignore_index is not None:
        lines += [f"ignore_index = {table.ignore_index}", f"ignore_values = [{table.ignore_index}]"]
        lines += [f"ignore_colors = [{text_of(list(table.ignore_color))}]"]
    for i, (name, color) in enumerate(zip(table.names, table.colors.tolist(), strict=True)):
        lines += ["", "[[class]]", f"name = {text_of(name)}", f"values = [{i}]", f"color = {text_of(color)}"]
    return lines
