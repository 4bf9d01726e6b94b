"""Checks of the folders: files that no list names, and images or labels without the other half.

Problems of a single file (missing, empty, truncated, not an image ...) are found when it is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np

from ..codecs.decoding import EXTENSIONS
from ..dataset.identity import key_of
from ..dataset.sources import FileSource, PathRule
from ..types import U64, Finding
from .findings import Found, Subject
from .survey import Survey


def unlisted(survey: Survey) -> Found:
    """`unlisted-file`: an image with its label that no split names. `label-without-image` and `image-without-label`:
    files beside the listed ones that lack the other half. `unexpected-file`: something else among them.

    Images without a label are not reported if there are as many as listed samples: they belong to another task (VOC
    has 14,212 of them). Hidden files are left out.
    """
    sources = [s.source for s in survey.splits if isinstance(s.source, FileSource)]
    listed = np.unique(np.concatenate([np.zeros(0, np.uint64), *map(_keys, sources)]))
    rules = {
        (os.path.join(str(s.root), ""), s.images.pattern, s.labels.pattern)
        for s in sources
        # Without a rule from names to paths, the image of a label cannot be known.
        if isinstance(s.images, PathRule) and isinstance(s.labels, PathRule)
    }
    for root, images, labels in sorted(rules):
        if "{}" in os.path.basename(images) and "{}" in os.path.basename(labels):
            yield from _beside(root, images, labels, listed)


def _keys(source: FileSource) -> U64:
    """A key of each file that the source names."""
    kinds = [k for k in (source.images, source.labels) if k is not None]
    return np.fromiter((key_of(source.path(k, i)) for k in kinds for i in range(len(source))), np.uint64)


def _beside(root: str, images: str, labels: str, listed: U64) -> Found:
    """The files in the folders of `images` and `labels` (patterns) that are not listed."""
    for name, path in _others(root, labels, listed):
        image, where = images.replace("{}", name), path.removeprefix(root)
        if os.path.exists(root + image):
            what, fix = "a label with its image, but no split names them", "add the name to a list, or remove the files"
            yield Finding("unlisted-file", "warning", where, what, fix), Subject(root + image, path)
        else:
            what, fix = f"{image} does not exist", "restore the image, or remove the label"
            yield Finding("label-without-image", "warning", where, what, fix), Subject(None, path)
    others = _others(root, images, listed)
    alone = [path for name, path in others if not os.path.exists(root + labels.replace("{}", name))]
    if len(alone) < len(listed) // 2:
        for path in alone:
            what = "no split names it, and it has no label"
            yield Finding("image-without-label", "note", path.removeprefix(root), what), Subject(path)
    for folder in sorted({os.path.dirname(images), os.path.dirname(labels)} - {""}):  # the top may hold anything
        for entry in _entries(root + folder, lambda n: os.path.splitext(n)[1].lower() not in EXTENSIONS):
            if entry.is_file():
                what = "not an image or a label"
                yield Finding("unexpected-file", "note", f"{folder}/{entry.name}", what, "remove it"), Subject()


def _entries(folder: str, wanted: Callable[[str], bool]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [e for e in entries if not e.name.startswith(".") and wanted(e.name)]
    except OSError:
        return  # no such folder: missing files are reported when the list is checked
    yield from sorted(found, key=lambda e: e.name)


def _others(root: str, pattern: str, listed: U64) -> list[tuple[str, str]]:
    """(sample name, path) of the files that match the pattern and are not listed. listed: ascending keys."""
    folder, _, file = pattern.rpartition("/")
    head, _, tail = file.partition("{}")
    out = []
    for entry in _entries(root + folder, lambda n: n.startswith(head) and n.endswith(tail)):
        path = root + os.path.join(folder, entry.name)
        key = np.uint64(key_of(path))
        at = np.searchsorted(listed, key)
        if (at == len(listed) or listed[at] != key) and entry.is_file():
            out.append((entry.name[len(head) : len(entry.name) - len(tail)], path))
    return out


CHECKS = (unlisted,)
