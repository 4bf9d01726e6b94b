"""Any tree of your own: `pixelwise.toml` beside the data says where the files are and what the labels mean.

docs/formats.md shows every key; `root` at the top is the folder of the paths, by default that of the file.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..arguments import check_choice, check_whole
from ..classes import ClassTable, usual_void, voc_colormap
from ..dataset.dataset import Dataset
from ..dataset.lossy import Lossy, Rounding
from ..dataset.numbers import ChannelSum, code_of, codes_for
from ..dataset.sources import Decoding
from ..errors import FormatError, PixelwiseError, UsageError
from ..files.reading import read_bytes
from .format import Format
from .layers import Layers, Overlap
from .layout import SPLIT_NAMES, Coding, Layout, load
from .paths import SAMPLE_FIELDS, leads_out, split_names

FILE = "pixelwise.toml"
_KEYS = {
    "": {"root", "images", "labels", "splits", "classes", "class"},
    "images": {"path", "value_range", "bands"},
    "labels": {"path", "instances", "kinds", "palette", "minus_one", "channel", "instance_channel", "scale", "rest",
               "overlap", "pair", "lossy"},
    "splits": {"lists", "unlabeled", "of", "ratios", "seed", "group"},
    "classes": {"ignore_index", "ignore_values", "ignore_colors", "ignore_layers"},
    "class": {"name", "values", "color", "colors", "layers"},
}


def _find(path: Path) -> Path | None:
    """`path` if it is such a file or a folder with one."""
    if path.is_file():
        return path if path.suffix == ".toml" else None
    return path if (path / FILE).is_file() else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """The dataset that the file at `root`, or in that folder, describes. classes: another class table."""
    path = root / FILE if root.is_dir() else root
    return described(read_bytes(path), path, "toml", classes)


def described(text: bytes, path: Path, format: str, classes: ClassTable | None = None) -> Dataset:
    """The dataset that the text of such a file describes. path: where the file is, or would be."""
    data = _read(text, path)
    try:
        base = path.parent / data.get("root", ".")
        table = classes or _table(data, path)
        layout = _layout(data, path, base, table)
        dataset = load(base, format, layout, classes=table)
        return _divided(dataset, data.get("splits", {}), path)
    except UsageError as error:
        raise _bad(path, str(error.message), error.fix) from None
    except (TypeError, ValueError, KeyError, AttributeError, re.error) as error:
        if isinstance(error, PixelwiseError):
            raise
        raise _bad(path, f"a value of the wrong kind: {error}") from None


def _bad(path: Path, what: str, fix: str | None = None) -> FormatError:
    return FormatError(what, code="bad-description", where=path, fix=fix)


def _read(text: bytes, path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
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


def _layout(data: Mapping[str, Any], path: Path, base: Path, table: ClassTable) -> Layout:
    images, stored, splits = data["images"], data.get("labels", {}), data.get("splits", {})
    for template in (images["path"], stored.get("path", ""), stored.get("instances", ""), splits.get("lists", "")):
        if leads_out(template):
            raise _bad(path, f"{template!r} leads out of the dataset's folder", "set root instead")
    if not any(field in images["path"] for field in SAMPLE_FIELDS):
        raise _bad(path, f"no {{name}} in {images['path']!r}")
    for key, choices in (("palette", ("check", "ignore")), ("pair", ("name", "order"))):
        if stored.get(key, choices[0]) not in choices:
            raise _bad(path, f"{key} is {choices[0]!r} or {choices[1]!r}, got {stored[key]!r}")
    layers = _layers(data, path, table)
    coding = Coding(stored.get("path"), _unused, stored.get("instances"), decoding=_decoding(data, path), layers=layers,
                    by_order=stored.get("pair") == "order")  # fmt: skip
    lists = splits.get("lists")
    labeled = set(split_names(base, stored.get("path", "")))

    def is_split(name: str) -> bool:  # `{split}/` finds the folders of the labels as well, `{split}_labels/`
        return lists is not None or name in labeled or SPLIT_NAMES.fullmatch(name) is not None

    return Layout(images["path"], {"labels": coding}, lists, splits=is_split,
                  unlabeled=tuple(splits.get("unlabeled", ())))  # fmt: skip


def _listed(section: Mapping[str, Any], key: str, count: int, path: Path) -> list[Any] | None:
    """The value of a key that is a list of `count` numbers, or None if it is not there."""
    value = section.get(key)
    if value is not None and (not isinstance(value, list) or len(value) != count):
        raise _bad(path, f"{key} is a list of {count} numbers, got {value!r}")
    return value


def _decoding(data: Mapping[str, Any], path: Path) -> Decoding:
    images, stored = data["images"], data.get("labels", {})
    span, bands = _listed(images, "value_range", 2, path), _listed(images, "bands", 3, path)
    channel, objects = (
        None if key not in stored else ChannelSum.parse(stored[key]) for key in ("channel", "instance_channel")
    )
    values, kinds = _listed_values(data), frozenset(stored.get("kinds", ()))
    codes = codes_for(values)
    return Decoding(
        kinds, stored.get("palette") != "ignore", stored.get("minus_one"),
        None if span is None else (float(span[0]), float(span[1])),
        None if bands is None else (int(bands[0]), int(bands[1]), int(bands[2])),
        channel, objects, codes if codes or (values and kinds & {"tiff", "npy"}) else None,
        check_whole("scale", stored.get("scale", 1), 1, 64), _rounding(data, path),
    )  # fmt: skip


def _rounding(data: Mapping[str, Any], path: Path) -> Rounding | None:
    """What becomes of labels that were saved as JPEG."""
    if "lossy" not in data.get("labels", {}):
        return None
    how = check_choice("lossy", data["labels"]["lossy"], get_args(Lossy))
    listed = sorted(set(_listed_values(data)))
    if any(not 0 <= v <= 255 or v != int(v) for v in listed):
        raise _bad(path, f"lossy = {how!r} is for values in 0..255, got {listed}")
    if how == "threshold" and listed not in ([0, 255], []):
        raise _bad(path, f"lossy = 'threshold' makes 0 and 255, but the values are {listed}", "lossy = 'nearest'")
    if listed or how == "threshold":
        values = tuple(int(v) for v in listed or (0, 255))
        return Rounding(tuple((v, v, v) for v in values), values)
    colors = [c for e in data["class"] for c in ([e["color"]] if "color" in e else []) + e.get("colors", [])]
    colors += data.get("classes", {}).get("ignore_colors", [])
    if not colors:
        raise _bad(path, "lossy = 'nearest' needs the values or colors of the classes", "list values = [...] of each")
    return Rounding(tuple(_rgb(c, path) for c in colors))


def _listed_values(data: Mapping[str, Any]) -> list[float]:
    listed = [*(e.get("values", ()) for e in data["class"]), data.get("classes", {}).get("ignore_values", ())]
    return [float(v) for values in listed for v in values]


def _layers(data: Mapping[str, Any], path: Path, table: ClassTable) -> Layers | None:
    """How layers become a label; None if a sample's label is one file."""
    stored = data.get("labels", {})
    template = stored.get("path", "")
    if not re.search(r"\{class\}|\{object\}", template):
        for key in ("rest", "overlap"):
            if key in stored:
                fix = "put {class} or {object} into the path of the labels"
                raise _bad(path, f"{key} is for labels in layers", fix)
        return None
    if "instances" in stored:
        raise _bad(path, "the instances of labels in layers come from {object}", "leave out instances")
    rest = table.padding_index if "rest" not in stored else table.index(stored["rest"])
    pairs = [(str(text), i) for i, e in enumerate(data["class"]) if i != rest or "layers" in e
             for text in e.get("layers", [e["name"]])]  # fmt: skip
    pairs += [(str(text), table.padding_index) for text in data.get("classes", {}).get("ignore_layers", ())]
    if len(dict(pairs)) < len(pairs):
        twice = next(t for k, (t, _) in enumerate(pairs) if t in dict(pairs[:k]))
        raise _bad(path, f"the layer {twice!r} has two meanings")
    if "{class}" not in template:
        if len(pairs) != 1:
            raise _bad(path, f"{template!r} has no {{class}}, but {len(pairs)} classes have layers",
                       "name the class of what no layer covers: rest = 'background'")  # fmt: skip
        pairs = [("", pairs[0][1])]
    overlap: Overlap = check_choice("overlap", stored.get("overlap", "last"), get_args(Overlap))
    return Layers(tuple(pairs), rest, overlap)


def _unused(root: Path) -> ClassTable:
    raise AssertionError("the table is in the description")


def _table(data: Mapping[str, Any], path: Path) -> ClassTable:
    entries, void = data["class"], data.get("classes", {})
    index = void.get("ignore_index", usual_void(len(entries)))
    values: dict[int, int] = {}
    codes = codes_for(_listed_values(data))
    pairs = [(v, i) for i, e in enumerate(entries) for v in e.get("values", ())]
    for value, i in [*pairs, *((v, index) for v in void.get("ignore_values", ()))]:
        if values.setdefault(code_of(float(value), codes), i) != i:
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
    ratios, of, pattern = splits["ratios"], splits.get("of"), str(splits.get("group", ""))
    if not isinstance(ratios, dict):
        fix = "write ratios = {train = 0.8, val = 0.2}"
        raise _bad(path, f"ratios are a table of shares by split, got {ratios!r:.40}", fix)
    texts = dict[str, str]()
    _matches(pattern, [], path)

    def group(name: str) -> str:
        if not texts:
            names = dataset[of or next(iter(dataset.splits))].names
            texts.update(zip(names, _matches(pattern, names, path), strict=True))
        return texts[name]

    chosen = group if "group" in splits else None
    return dataset.split(ratios, int(splits.get("seed", 0)), of=of, group=chosen)


def _matches(pattern: str, names: Sequence[str], path: Path) -> list[str]:
    """The text of each name that the pattern matches first, or the name.

    RE2 reads a name once, whatever the pattern; Python's `re` may take longer than the universe lasts.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        fix = "write it in the syntax of RE2: https://github.com/google/re2/wiki/Syntax"
        raise _bad(path, f"group = {pattern!r}: {error.args[0].decode('utf-8', 'replace')}", fix) from None
    texts = [name.encode("utf-8", "replace").decode() for name in names]
    return [text if (found := compiled.search(text)) is None else str(found[0]) for text in texts]


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
