"""Path templates: where the files of a split are, and their names.

    {split}   the split's name on disk, such as train or training
    {name}    the sample's name within one folder        {path}   the same, with folders: frankfurt/frankfurt_000
    *         any text within a folder's name; the label's template takes what the image's found
    {ext}     any image extension

Files and folders whose names begin with a dot are ignored: macOS leaves `._name.png` beside `name.png`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..dataset.lists import IMAGE_SUFFIXES
from ..errors import FormatError
from ..files import open_error

_PIECES = {
    "{split}": r"(?P<split>[^/]+)",
    "{name}": r"(?P<name>[^/]+)",
    "{path}": r"(?P<name>.+)",
    "*": r"(?P<star>[^/]+)",
    "{ext}": "(?P<ext>{})".format("|".join(s[1:] for s in IMAGE_SUFFIXES)),
}
_SPLIT_AT = re.compile(r"(\{split\}|\{name\}|\{path\}|\*|\{ext\})")


class Match(NamedTuple):
    """A file that a template describes: its path relative to the root, and what stands for the placeholders."""

    path: str
    name: str = ""
    split: str = ""
    star: str = ""


@lru_cache(maxsize=1024)
def _regex(template: str) -> re.Pattern[str]:
    pieces = (_PIECES.get(p, re.escape(p)) for p in _SPLIT_AT.split(template))
    return re.compile("".join(pieces), re.IGNORECASE if "{ext}" in template else 0)


def matches(root: Path, template: str) -> Iterator[Match]:
    """The files below `root` that `template` describes, in the order of their paths within each folder."""
    for path in _walk(os.fspath(root), "", template.split("/"), 0):
        if found := _regex(template).fullmatch(path):
            groups = found.groupdict()
            yield Match(path, groups.get("name") or "", groups.get("split") or "", groups.get("star") or "")


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
    pattern = _regex(part)
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


def _entries(folder: str) -> list[tuple[str, bool]]:
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
    pattern = _regex(parts[k])
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
            pattern = _regex(parts[-1])
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
    return None if _SPLIT_AT.search(pattern) or pattern.count("{}") != 1 else pattern
