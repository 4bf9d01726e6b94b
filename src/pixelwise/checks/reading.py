"""One sample, read once, for all checks of a sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..classes import ClassTable
from ..codecs.stored import Stored
from ..dataset.sources import FileSource, Source
from ..errors import MissingError, PixelwiseError, only_ours
from ..files import read_bytes
from ..labels import count_values, to_ids
from ..types import I64, U8, Finding, Label
from .findings import NO_FILES, Subject

HINTS = 200
"""Look for the nearest name of this many missing files; each time a folder is listed, which may be large."""


class Address(NamedTuple):
    """A sample by its position in a source, the class table of its label, and the format of its dataset."""

    source: Source
    position: int
    classes: ClassTable
    format: str


@dataclass(slots=True)
class Reading:
    """The result of reading one sample. A part that could not be read is None, and the reason is in `found`.

    image: (H, W, 3) uint8. image_data: the bytes of its file. stored: the pixels of the label's file. label: (H, W)
    class ids. instances: (H, W) object numbers. The `where`s are paths relative to the dataset. values: (k,) int64,
    the values stored in the label's file, ascending; none for colors.
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


class Reader:
    """Reads samples as far as they can be read. Thread-safe; problems of the data are not raised."""

    def __init__(self) -> None:
        self._missing = 0

    def read(self, place: Address) -> Reading:
        """The sample at `place`."""
        source, index = place.source, place.position
        got = Reading(source.names[index], place.classes, place.format)
        got.image_where = got.label_where = got.instances_where = got.name
        if isinstance(source, FileSource):
            self._image(source, index, got)
            self._label(source, index, got)
            self._instances(source, index, got)
            return got
        sample = _attempt(got, lambda: source.read(index, notes=got.found))
        if sample is not None:
            got.image, got.label, got.instances = sample.image, sample.label, sample.instances
        return got

    def _image(self, source: FileSource, index: int, got: Reading) -> None:
        got.image_where, path = source.images[index], source.path(source.images, index)
        got.subject = Subject(path)
        data = got.image_data = _attempt(got, lambda: self._bytes(source, path, got.image_where, index))
        if data is not None:
            got.image = _attempt(got, lambda: source.decoding.image(data, got.image_where, got.found))

    def _label(self, source: FileSource, index: int, got: Reading) -> None:
        if source.labels is None:
            return
        got.label_where, path = source.labels[index], source.path(source.labels, index)
        got.subject = Subject(got.subject.image, path)
        data = _attempt(got, lambda: self._bytes(source, path, got.label_where, index))
        if data is None:
            return
        stored = got.stored = _attempt(got, lambda: source.decoding.stored(data, got.label_where, got.found))
        if stored is not None:
            if stored.pixels.ndim == 2:
                got.values, _ = count_values(stored.pixels)
            palette = source.decoding.check_palette
            got.label = _attempt(got, lambda: to_ids(stored, got.classes, got.label_where, got.found, palette))

    def _instances(self, source: FileSource, index: int, got: Reading) -> None:
        if source.instances is None or not os.path.exists(path := source.path(source.instances, index)):
            return
        where = got.instances_where = source.instances[index]
        got.instances = _attempt(got, lambda: source.decoding.instances(read_bytes(path, where), where, got.found))

    def _bytes(self, source: FileSource, path: str, where: str, index: int) -> bytes:
        listed = "" if source.listed is None else source.listed(index).removeprefix(str(source.root) + os.sep)
        try:
            if self._missing < HINTS or os.path.lexists(path):
                return read_bytes(path, where)
            fix = "restore the file, or remove it from the list"
            error = MissingError("no such file", code="missing-file", where=where, fix=fix)
        except MissingError as found:
            error = MissingError(found.message, code=found.code, where=where, fix=found.fix)
        self._missing += 1
        if listed:
            error.message += f", listed in {listed}"
        raise error


def _attempt(got: Reading, work: Callable[[], Any]) -> Any:
    try:
        with only_ours(got.name):
            return work()
    except PixelwiseError as error:
        got.found.append(Finding.from_error(error, got.name))
    return None
