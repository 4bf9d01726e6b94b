"""Is every file known to a list, and every label to an image? Each check: a `Survey` to (finding, files) pairs.

What is wrong with a single file (missing, empty, truncated, no image ...) comes from reading it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import EXTENSIONS
from ..dataset.sources import FileSource, PathRule
from ..types import Finding
from .findings import Subject
from .survey import Survey

Found = Iterator[tuple[Finding, Subject]]


def unlisted(survey: Survey) -> Found:
    """`unlisted-file`: an image with its label that no split names. `label-without-image` and `image-without-label`:
    files beside the listed ones that lack the other half. `unexpected-file`: something else among them.

    Where images without label are as many as the listed samples they belong to another task (VOC has 14,212 of them)
    and are not reported. Hidden files are left out.
    """
    sources = [s.source for s in survey.splits if isinstance(s.source, FileSource)]
    listed = np.unique(np.concatenate([np.zeros(0, np.int64), *map(_hashes, sources)]))
    rules = {
        (os.path.join(str(s.root), ""), s.images.pattern, s.labels.pattern)
        for s in sources
        # Without a rule from names to paths nothing tells which image a label belongs to.
        if isinstance(s.images, PathRule) and isinstance(s.labels, PathRule)
    }
    for root, images, labels in sorted(rules):
        if "{}" in os.path.basename(images) and "{}" in os.path.basename(labels):
            yield from _beside(root, images, labels, listed)


def _hashes(source: FileSource) -> NDArray[np.int64]:
    kinds = [k for k in (source.images, source.labels) if k is not None]
    return np.fromiter((hash(source.path(k, i)) for k in kinds for i in range(len(source))), np.int64)


def _beside(root: str, images: str, labels: str, listed: NDArray[np.int64]) -> Found:
    """The files in the folders of `images` and `labels` (patterns) that are not listed."""
    for name, path in _others(root, labels, listed):
        image = root + images.replace("{}", name)
        where = path.removeprefix(root)
        if os.path.exists(image):
            yield (
                Finding("unlisted-file", "warning", where, "a label with its image, but no split names them",
                        "add the name to a list, or remove the files"),
                Subject(image, path),
            )  # fmt: skip
        else:
            yield (
                Finding("label-without-image", "warning", where, f"{images.replace('{}', name)} is not there",
                        "restore the image, or remove the label"),
                Subject(None, path),
            )  # fmt: skip
    alone = [path for name, path in _others(root, images, listed)
             if not os.path.exists(root + labels.replace("{}", name))]  # fmt: skip
    if len(alone) < len(listed) // 2:
        for path in alone:
            what = "no split names it, and it has no label"
            yield Finding("image-without-label", "note", path.removeprefix(root), what), Subject(path)
    for folder in sorted({os.path.dirname(images), os.path.dirname(labels)} - {""}):  # anything may lie at the top
        yield from _strangers(root, folder)


class _In:
    """Membership in a sorted array."""

    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values = values

    def __contains__(self, value: object) -> bool:
        at = int(np.searchsorted(self._values, value))  # type: ignore[call-overload]
        return at < len(self._values) and int(self._values[at]) == value


def _entries(folder: str, wanted: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [e for e in entries if not e.name.startswith(".") and wanted(e.name)]
    except OSError:
        return  # a folder that is not there has no strangers; what is missing from it is told by its list
    yield from sorted(found, key=lambda e: e.name)


def _others(root: str, pattern: str, listed: NDArray[np.int64]) -> list[tuple[str, str]]:
    """(sample name, path) of the files that fit the pattern and are not listed."""
    folder, _, file = pattern.rpartition("/")
    head, _, tail = file.partition("{}")
    known = _In(listed)
    out = []
    for entry in _entries(root + folder, lambda n: n.startswith(head) and n.endswith(tail)):
        path = root + os.path.join(folder, entry.name)
        if hash(path) not in known and entry.is_file():
            out.append((entry.name[len(head) : len(entry.name) - len(tail)], path))
    return out


def _strangers(root: str, folder: str) -> Found:
    for entry in _entries(root + folder, lambda n: os.path.splitext(n)[1].lower() not in EXTENSIONS):
        if entry.is_file():
            what = "no image or label"
            yield Finding("unexpected-file", "note", f"{folder}/{entry.name}", what, "remove it"), Subject()


CHECKS = (unlisted,)
