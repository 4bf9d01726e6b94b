"""Path templates: where the files of a split are, and their names.

    {split}   the split's name on disk, such as train or training
    {name}    the sample's name within one folder        {path}   the same, with folders: frankfurt/frankfurt_000
    {number}  the sample's name as a number: 7, 07 and 00007 are the same
    {class}   of a label in layers: whose layer it is    {object}  and which object
    *         any text within a folder's name; the label's template takes what the image's found
    {ext}     any image extension, in any case

A field that comes again must be the same text: {name}/images/{name}.png.
Files and folders whose names begin with a dot are ignored: macOS leaves `._name.png` beside `name.png`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..dataset.lists import IMAGE_SUFFIXES
from ..errors import FormatError, PixelwiseError
from ..files.reading import open_error
from ..types import Finding

_PIECES = {
    "{split}": r"(?P<split>[^/]+)",
    "{name}": r"(?P<name>[^/]+)",
    "{path}": r"(?P<name>.+)",
    "{number}": r"(?<!\d)0*(?P<name>\d+)(?!\d)",
    "{class}": r"(?P<layer>[^/]+)",
    "{object}": r"(?P<object>[^/]+)",
    "*": r"(?P<star>[^/]+)",
    "{ext}": "(?P<ext>(?i:{}))".format("|".join(s[1:] for s in IMAGE_SUFFIXES)),
}
_AGAIN = {
    "{split}": "(?P=split)", "{name}": "(?P=name)", "{path}": "(?P=name)", "{number}": r"(?<!\d)0*(?P=name)(?!\d)",
    "{class}": "(?P=layer)", "{object}": "(?P=object)", "*": "[^/]+", "{ext}": "(?P=ext)",
}  # fmt: skip
_SPLIT_AT = re.compile("({})".format("|".join(map(re.escape, _PIECES))))
SAMPLE_FIELDS = ("{name}", "{path}", "{number}")
"""The fields that name a sample; a template has one of them."""


class Match(NamedTuple):
    """A file that a template describes: its path relative to the root, and what stands for the placeholders."""

    path: str
    name: str = ""
    split: str = ""
    star: str = ""
    layer: str = ""
    object: str = ""


@lru_cache(maxsize=1024)
def template_regex(template: str, layers: tuple[str, ...] = (), short: bool = False) -> re.Pattern[str]:
    """The template as a pattern. layers: what {class} may be; anything if there are none. short: the sample's name is
    the shortest that fits, not the longest.
    """
    pieces: list[str] = []
    seen: set[str] = set()
    for p in _SPLIT_AT.split(template):
        piece = _AGAIN[p] if p in seen else _PIECES.get(p, re.escape(p))
        if layers and p == "{class}" and p not in seen:
            piece = "(?P<layer>{})".format("|".join(map(re.escape, sorted(layers, key=len, reverse=True))))
        if short and p in SAMPLE_FIELDS and p not in seen:
            piece = piece.replace("+)", "+?)")
        pieces.append(piece)
        seen |= {p} & _PIECES.keys()
    return re.compile("".join(pieces))


def matches(
    root: Path, template: str, layers: tuple[str, ...] = (), names: Container[str] | None = None
) -> Iterator[Match]:
    """The files below `root` that `template` describes, in the order of their paths within each folder.

    layers: what {class} may be; by default anything. names: of the samples: where a file's name can be divided in
    several ways, such as 7_left_eye into 7 and left_eye or 7_left and eye, the way that gives one of them is taken.
    """
    patterns = [template_regex(template, layers, short) for short in ((False,) if names is None else (True, False))]
    for path in _walk(os.fspath(root), "", template.split("/"), 0):
        found = [m for pattern in patterns if (m := pattern.fullmatch(path))]
        if found:
            m = next((m for m in found if names is not None and m["name"] in names), found[0])
            groups = m.groupdict()
            yield Match(path, *(groups.get(field) or "" for field in Match._fields[1:]))


def _walk(root: str, folder: str, parts: list[str], k: int) -> Iterator[str]:
    part, last = parts[k], k == len(parts) - 1
    if not _SPLIT_AT.search(part):
        path = folder + part
        if last and os.path.isfile(os.path.join(root, path)):
            yield path
        elif not last and os.path.isdir(os.path.join(root, path)):
            yield from _walk(root, path + "/", parts, k + 1)
        return
    deep = "{path}" in part
    pattern = template_regex(part)
    for name, is_folder in _entries(os.path.join(root, folder)):
        if deep and is_folder:
            if not _leads_up(root, folder + name):
                yield from _walk(root, f"{folder}{name}/", parts, k)
        elif is_folder != last and (deep or pattern.fullmatch(name)):
            yield from (folder + name,) if last else _walk(root, f"{folder}{name}/", parts, k + 1)


def _leads_up(root: str, folder: str) -> bool:
    """Whether a folder is a link to a folder above it: following it would never end."""
    path = os.path.join(root, folder)
    if not os.path.islink(path):
        return False
    target = os.path.realpath(path)
    return os.path.commonpath([target, os.path.realpath(os.path.dirname(path))]) == target


def visible(folder: Path, pattern: str) -> list[Path]:
    """The files and folders that match a glob pattern, in order, none hidden; only folders if it ends with /."""
    if "**" in pattern:
        return sorted(p for p in folder.glob(pattern) if not _is_hidden(p.relative_to(folder)))
    # Not by Path.glob: a folder of 50,000 files is listed once for all formats, and its names are sorted as texts.
    found = [os.fspath(folder)]
    parts = pattern.split("/")
    for k, part in enumerate(parts, 1):
        if not re.search(r"[*?\[]", part):
            found = [path for above in found if os.path.lexists(path := os.path.join(above, part))]
            continue
        fits = re.compile(translate(part)).match
        last = k == len(parts)  # what is not a folder leads nowhere else
        found = [f"{above}/{name}" for above in found for name, is_folder in _readable(above)
                 if (last or is_folder) and fits(name)]  # fmt: skip
    return [Path(path) for path in found]


def _readable(folder: str) -> list[tuple[str, bool]]:
    try:
        return _entries(folder)
    except PixelwiseError:
        return []


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


OWN_MARKS = ".pixelwise-"
"""How the hidden files begin that we write ourselves."""


def hidden_notes(folder: Path, *patterns: str) -> tuple[Finding, ...]:
    """A note `hidden-file` for each hidden file that would match one of the glob patterns if it were not hidden."""
    found = []
    for pattern in patterns:
        above, _, name = pattern.rpartition("/")
        for path in sorted(folder.glob(f"{above}/.*" if above else ".*")):
            plain = path.name.removeprefix("._").lstrip(".")
            if path.name.startswith(OWN_MARKS):
                continue
            if fnmatchcase(plain, name) and path.is_file() and not _is_hidden(path.parent.relative_to(folder)):
                what = "a hidden file is not read, though it is named like one that describes the dataset"
                fix = "macOS leaves such files in archives: delete it, or rename it if it is meant"
                found.append(Finding("hidden-file", "note", str(path), what, fix))
    return tuple(found)


def glob_of(template: str) -> str:
    """A path template as a glob pattern."""
    return re.sub(r"\{\w+\}", "*", template)


_LISTED: ContextVar[dict[str, list[tuple[str, bool]]] | None] = ContextVar("listed", default=None)


@contextmanager
def folders_read_once() -> Iterator[None]:
    """Inside, each folder is listed once: thirty formats look at the same folders to recognize one of them."""
    token = _LISTED.set({})
    try:
        yield
    finally:
        _LISTED.reset(token)


def _entries(folder: str) -> list[tuple[str, bool]]:
    listed = _LISTED.get()
    if listed is None:
        return _list(folder)
    if folder not in listed:
        listed[folder] = _list(folder)
    return listed[folder]


def _list(folder: str) -> list[tuple[str, bool]]:
    try:
        with os.scandir(folder or ".") as found:
            return sorted((e.name, e.is_dir()) for e in found if not e.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise open_error(folder, error) from None


def first(root: Path, template: str, names: re.Pattern[str] | None = None) -> Match | None:
    """The first file that `template` describes and whose base name `names` matches whole."""
    for n, found in enumerate(matches(root, template)):
        if names is None or names.fullmatch(found.name.rpartition("/")[2]):
            return found
        if n == 64:  # a folder of other names: do not read all of them
            return None
    return None


def spread(root: Path, template: str, most: int = 8) -> list[Match]:
    """`most` of the first 512 files that `template` describes, as far apart as they can be."""
    found = list(islice(matches(root, template), 512))
    return [found[k * len(found) // most] for k in range(most)] if len(found) > most else found


def split_names(root: Path, template: str) -> list[str]:
    """What {split} stands for in the names of files or folders; [] if the template has no {split}."""
    parts = template.split("/")
    k = next((i for i, p in enumerate(parts) if "{split}" in p), None)
    if k is None:
        return []
    if k == len(parts) - 1:
        return sorted({m.split for m in matches(root, template)})
    pattern = template_regex(parts[k])
    found = set()
    for above in _folders(root, parts[:k]):
        found |= {m["split"] for name, folder in _entries(above) if folder and (m := pattern.fullmatch(name))}
    return sorted(found)


def _folders(root: Path, parts: list[str]) -> Iterator[str]:
    """The folders that the leading parts of a template describe."""
    if not parts:
        yield os.fspath(root)
        return
    for above in _folders(root, parts[:-1]):
        if not _SPLIT_AT.search(parts[-1]):
            yield os.path.join(above, parts[-1])
        else:
            pattern = template_regex(parts[-1])
            yield from (os.path.join(above, n) for n, folder in _entries(above) if folder and pattern.fullmatch(n))


def fill(template: str, *, split: str = "", star: str = "") -> str:
    """The template with the split's name and the wildcard's text in place."""
    return template.replace("{split}", split).replace("*", star)


def leads_out(path: str) -> bool:
    """Whether a relative path leads out of its folder."""
    return path.startswith("/") or ".." in path.split("/")


def check_inside(paths: Iterable[str], where: object) -> None:
    """FormatError `path-escapes-root` for a path that leads out of its folder."""
    if (outside := next(filter(leads_out, paths), None)) is not None:
        raise FormatError(f"{outside!r} leads out of the dataset's folder", code="path-escapes-root", where=where)


def rule(template: str) -> str | None:
    """The template as the pattern of a PathRule, or None if it needs more than the name."""
    pattern = template.replace("{name}", "{}").replace("{path}", "{}")
    return None if _SPLIT_AT.search(pattern) or "{}" not in pattern else pattern
