"""Split lists: one sample per line, strict about everything that silently changes a split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..errors import ListError, printable
from ..types import Finding

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".npy")
_LINE_END = re.compile(r"\r\n|\n|\r")
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


def parse_list(
    data: bytes, where: object, notes: list[Finding] | None = None, *, may_be_empty: bool = False
) -> SplitList:
    """Parse the bytes of a split list: UTF-8, any line end; blank lines, and blanks around names, are dropped.

    One column of names, or two of image and label paths (both with an image's extension; a leading `/` counts
    from the dataset's root, as in DeepLab's lists). Raises ListError: list-encoding, list-control-char,
    empty-list, list-two-columns, duplicate-id, path-escapes-root.
    """
    text = _decode(data, where)
    rows = [(number, line.strip(" \t")) for number, line in enumerate(_LINE_END.split(text), 1)]
    rows = [(number, line) for number, line in rows if line]
    for number, line in rows:
        for column, c in enumerate(line, 1):
            if unicodedata.category(c) == "Cc":
                raise ListError(
                    f"control character {printable(c)} in column {column}",
                    code="list-control-char",
                    where=f"{where}:{number}",
                )
    if not rows and not may_be_empty:
        raise ListError("the list has no samples", code="empty-list", where=where, fix="write one name per line")
    pairs = [line.split() for _, line in rows]
    if rows and all(len(p) == 2 and _is_path(p[0]) and _is_path(p[1]) for p in pairs):
        images = [_inside(p[0].lstrip("/"), where, n) for (n, _), p in zip(rows, pairs, strict=True)]
        labels = [_inside(p[1].lstrip("/"), where, n) for (n, _), p in zip(rows, pairs, strict=True)]
        names = [PurePosixPath(p).stem for p in images]
        if len(set(names)) < len(names):  # the same file name in several folders: the path is the name
            names = [p.rpartition(".")[0] for p in images]
        lines = [n for n, _ in rows]
        _refuse_duplicates(names, lines, where)
        return SplitList(names, lines, images, labels)
    if rows and all(_CLASS_LIST.match(line) for _, line in rows):
        raise ListError(
            "a name and -1, 0 or 1 on every line: this is a classification list (CLASS_train.txt), not a split",
            code="list-two-columns", where=where, fix="use ImageSets/Segmentation, or keep only the first column",
        )  # fmt: skip
    return _one_column(rows, where, notes)


def _one_column(rows: list[tuple[int, str]], where: object, notes: list[Finding] | None) -> SplitList:
    names: list[str] = []
    stripped = 0
    for number, line in rows:
        name = _inside(line, where, number)
        if name.lower().endswith(IMAGE_SUFFIXES):
            name = name.rpartition(".")[0]
            stripped += 1
        names.append(name)
    lines = [number for number, _ in rows]
    if stripped and notes is not None:
        notes.append(
            Finding("extension-in-list", "warning", str(where),
                    f"{stripped} names have a file extension, which is dropped", "write names without extension")
        )  # fmt: skip
    _refuse_duplicates(names, lines, where)
    return SplitList(names, lines)


def _decode(data: bytes, where: object) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ListError("UTF-16, expected UTF-8", code="list-encoding", where=where, fix="save the list as UTF-8")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.split(data[: error.start].decode("utf-8", "replace")))
        raise ListError(
            f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8",
            code="list-encoding", where=f"{where}:{line}", fix="save the list as UTF-8",
        ) from None  # fmt: skip


def _is_path(token: str) -> bool:
    return token.lower().endswith(IMAGE_SUFFIXES)


def _inside(name: str, where: object, line: int) -> str:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name) or ".." in name.split("\\"):
        raise ListError(
            f"{name!r} leads out of the dataset's folder", code="path-escapes-root", where=f"{where}:{line}",
            fix="list names relative to the dataset",
        )  # fmt: skip
    return name


def _refuse_duplicates(names: list[str], lines: list[int], where: object) -> None:
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    twice = []
    for name, line in zip(names, lines, strict=True):
        if name in first:
            twice.append((name, first[name], line))
        else:
            first[name] = line
    name, a, b = twice[0]
    raise ListError(
        f"{len(twice)} names appear twice; the first is {name!r}, on lines {a} and {b}",
        code="duplicate-id", where=f"{where}:{b}", fix="keep each name once",
    )  # fmt: skip
