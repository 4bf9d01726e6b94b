"""One sample, read once, for all checks of a sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..classes import ClassTable
from ..codecs.stored import Stored
from ..dataset.sources import ArraySource, FileSource, Source, image_file_of
from ..errors import PixelwiseError, only_ours
from ..files.reading import read_bytes
from ..formats.rasterize import DrawnSource
from ..labels import count_values, to_ids
from ..types import I64, U8, Finding, Label
from .findings import NO_FILES, Subject


class Address(NamedTuple):
    """A sample by its position in a source, the class table of its label, the format of its dataset, and what its
    places begin with: the dataset's folder, with a separator, or "".

    name: what it is called if it has no file.
    """

    source: Source
    position: int
    classes: ClassTable
    format: str
    prefix: str
    name: str

    def where(self, path: object) -> str:
        """A path, relative to the dataset."""
        return str(path).removeprefix(self.prefix)


@dataclass(slots=True)
class Reading:
    """The result of reading one sample. A part that could not be read is None, and the reason is in `found`.

    image: (H, W, 3) uint8. image_data: the bytes of its file. stored: the pixels of the label's file. label: (H, W)
    class ids. instances: (H, W) object numbers. The `where`s are paths relative to the dataset. values: (k,) int64,
    the values stored in the label's file, ascending; none for colors. missing: numbers in `found` of files that do not
    exist, with their paths.
    """

    name: str
    classes: ClassTable
    format: str
    subject: Subject = NO_FILES
    image_where: str = ""
    label_where: str = ""
    image: U8 | None = None
    image_data: bytes | None = None
    stored: Stored | None = None
    label: Label | None = None
    instances: Label | None = None
    instances_where: str = ""
    values: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    found: list[Finding] = field(default_factory=list)
    missing: list[tuple[int, str]] = field(default_factory=list)


def read(at: Address) -> Reading:
    """The sample at an address, as far as it can be read. Problems of the data are not raised."""
    source, index = at.source, at.position
    got = Reading(at.name, at.classes, at.format)
    got.image_where = got.label_where = got.instances_where = got.name
    if isinstance(source, FileSource):
        _image(source, index, at, got)
        _label(source, index, at, got)
        _instances(source, index, at, got)
    elif isinstance(source, DrawnSource):
        _image(source.files, index, at, got)
        _drawn(source, index, at, got)
    else:
        if (of := image_file_of(source, index)) is not None:
            path = of[0].path(of[0].images, of[1])
            got.image_where = got.label_where = got.instances_where = at.where(path)
            got.subject = Subject(path)
        sample = _attempt(got, lambda: source.read(index, notes=got.found), got.image_where)
        if sample is not None:
            got.image, got.label, got.instances = sample.image, sample.label, sample.instances
        if isinstance(source, ArraySource):
            _attempt(got, lambda: source.hold(index, got.classes), got.label_where)
    return got


def _image(source: FileSource, index: int, at: Address, got: Reading) -> None:
    path = source.path(source.images, index)
    where = got.image_where = at.where(path)
    got.subject = Subject(path)
    data = got.image_data = _bytes(source, path, where, index, at, got)
    if data is not None:
        got.image = _attempt(got, lambda: source.decoding.image(data, where, got.found), where)


def _label(source: FileSource, index: int, at: Address, got: Reading) -> None:
    if source.labels is None:
        return
    path = source.path(source.labels, index)
    where = got.label_where = at.where(path)
    got.subject = Subject(got.subject.image, path)
    data = _bytes(source, path, where, index, at, got)
    if data is None:
        return
    stored = got.stored = _attempt(got, lambda: source.decoding.stored(data, where, got.found), where)
    if stored is not None:
        if stored.pixels.ndim == 2:
            got.values, _ = count_values(stored.pixels)
        palette = source.decoding.check_palette
        got.label = _attempt(got, lambda: to_ids(stored, got.classes, where, got.found, palette), where)


def _instances(source: FileSource, index: int, at: Address, got: Reading) -> None:
    if source.instances is None or not os.path.exists(path := source.path(source.instances, index)):
        return
    where = got.instances_where = at.where(path)
    got.instances = _attempt(got, lambda: source.decoding.instances(read_bytes(path, where), where, got.found), where)


def _drawn(source: DrawnSource, index: int, at: Address, got: Reading) -> None:
    got.label_where = got.instances_where = at.where(source.drawn_from(index)[-1])
    if faults := source.faults.get(index):
        got.found += [Finding.from_error(error, got.label_where) for error in faults]
        return
    size = None if got.image is None else (got.image.shape[0], got.image.shape[1])
    if size is None:  # what is wrong with the label does not wait until the image is mended, if its size is known
        with suppress(PixelwiseError):
            height, width = source.files.sizes(np.array([index]))[0].tolist()
            size = height, width
    if size is not None:
        drawn = _attempt(got, lambda: source.draw(index, size, got.found), got.label_where)
        got.label, got.instances = (None, None) if drawn is None else drawn


def _bytes(source: FileSource, path: str, where: str, index: int, at: Address, got: Reading) -> bytes | None:
    if os.path.exists(path):
        data: bytes | None = _attempt(got, lambda: read_bytes(path, where), where)
        return data
    listed = "" if source.listed is None else f", listed in {at.where(source.listed(index))}"
    fix = "restore the file, or remove it from the list"
    got.missing.append((len(got.found), path))
    got.found.append(Finding("missing-file", "error", where, f"no such file{listed}", fix))
    return None


def _attempt(got: Reading, work: Callable[[], Any], where: str) -> Any:
    try:
        with only_ours(where):
            return work()
    except PixelwiseError as error:
        got.found.append(Finding.from_error(error, where))
    return None
