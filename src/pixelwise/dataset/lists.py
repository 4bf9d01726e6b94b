"""Split lists: one sample per line, strict about everything that silently changes a split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import ListError, printable
from ..types import Finding

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".npy")
_LINE_END = re.compile(r"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # the category Cc of Unicode
_NUMBERED = re.compile(r"\S+(?:[ \t]+-?\d+){2,}")
"""A name and several numbers, such as the class, species and breed of Oxford-IIIT Pet."""
_CLASS_LIST = re.compile(r"\S+[ \t]+(-1|0|1)$")


@dataclass(frozen=True, slots=True)
class SplitList:
    """names: of the samples, in file order. images, labels: paths relative to the root, if the list has them.

    lines: the 1-based line of each sample, for messages.
    """

    names: Sequence[str]
    lines: Sequence[int]
    images: Sequence[str] | None = None
    labels: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class LineOf:
    """The place that lists sample i, for messages: the file and its line, or the file if lines do not tell."""

    path: Path
    lines: Sequence[int] | None = None

    def __call__(self, index: int) -> str:
        return str(self.path) if self.lines is None else f"{self.path}:{self.lines[index]}"


def parse_list(data: bytes, where: object, notes: list[Finding] | None = None) -> SplitList:
    """Parse the bytes of a split list: UTF-8, any line end; blank lines, and blanks around names, are dropped.

    One column of names, which two or more numbers may follow (left out, and noted: `columns-in-list`), or two columns
    of image and label paths (both with an image's extension; a leading `/` counts from the dataset's root, as in
    DeepLab's lists). An empty list has no samples, and a note `empty-list`. Raises ListError: list-encoding,
    list-control-char, list-two-columns, duplicate-id, path-escapes-root.
    """
    text = _decode(data, where)
    rows = [(n, line) for n, whole in enumerate(_LINE_END.split(text), 1) if (line := whole.strip(" \t"))]
    for number, line in rows:
        if found := _CONTROL.search(line):
            what = f"control character {printable(found[0])} in column {found.start() + 1}"
            raise ListError(what, code="list-control-char", where=f"{where}:{number}")
    if not rows and notes is not None:
        fix = "write one name per line, or remove the list"
        notes.append(Finding("empty-list", "note", str(where), "the list has no samples", fix))
    pairs = [(n, line.split()) for n, line in rows]
    if rows and all(len(pair) == 2 and all(map(_is_path, pair)) for _, pair in pairs):
        images, labels = ([_inside(pair[k].lstrip("/"), where, n) for n, pair in pairs] for k in (0, 1))
        names = [PurePosixPath(p).stem for p in images]
        if len(set(names)) < len(names):  # the same file name in several folders: the path is the name
            names = [_stem(p) for p in images]
        return SplitList(names, _lines_of(names, rows, where), images, labels)
    if rows and all(_CLASS_LIST.match(line) for _, line in rows):
        raise ListError(
            "a name and -1, 0 or 1 on every line: this is a classification list (CLASS_train.txt), not a split",
            code="list-two-columns", where=where, fix="use ImageSets/Segmentation, or keep only the first column",
        )  # fmt: skip
    if rows and all(_NUMBERED.fullmatch(line) for _, line in rows):
        rows = [(number, line.split()[0]) for number, line in rows]
        if notes is not None:
            what, fix = "numbers follow the names; they are left out", "keep only the first column"
            notes.append(Finding("columns-in-list", "note", str(where), what, fix))
    listed = [_inside(line, where, number) for number, line in rows]
    stripped = sum(map(_is_path, listed))
    if stripped and notes is not None:
        what, fix = f"{stripped} names have a file extension, which is dropped", "write names without extension"
        notes.append(Finding("extension-in-list", "warning", str(where), what, fix))
    names = [_stem(name) if _is_path(name) else name for name in listed]
    return SplitList(names, _lines_of(names, rows, where))


def _decode(data: bytes, where: object) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ListError("UTF-16, expected UTF-8", code="list-encoding", where=where, fix="save the list as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.split(data[: error.start].decode("utf-8", "replace")))
        what = f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8"
        raise ListError(what, code="list-encoding", where=f"{where}:{line}", fix="save the list as UTF-8") from None


def _is_path(token: str) -> bool:
    return token.lower().endswith(IMAGE_SUFFIXES)


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _inside(name: str, where: object, line: int) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or ".." in name.split("\\"):
        what, fix = f"{name!r} leads out of the dataset's folder", "list names relative to the dataset"
        raise ListError(what, code="path-escapes-root", where=f"{where}:{line}", fix=fix)
    return name


def _lines_of(names: list[str], rows: list[tuple[int, str]], where: object) -> list[int]:
    """The line of each name. ListError if a name comes twice."""
    lines = [number for number, _ in rows]
    first: dict[str, int] = {}
    twice = [(name, b) for name, b in zip(names, lines, strict=True) if first.setdefault(name, b) != b]
    if twice:
        name, b = twice[0]
        what = f"{len(twice)} names appear twice; the first is {name!r}, on lines {first[name]} and {b}"
        raise ListError(what, code="duplicate-id", where=f"{where}:{b}", fix="keep each name once")
    return lines
