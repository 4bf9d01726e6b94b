"""Source, the base class of all sources, and the sources of files and of arrays."""

from __future__ import annotations

import hashlib
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

from ..arguments import as_array, as_bytes, as_ids, stray_id
from ..classes import ClassTable
from ..codecs.decoding import decode_image, decode_numbers, decode_stored
from ..codecs.npy import NpyFile
from ..codecs.pair_windows import PairWindows
from ..codecs.stored import Stored
from ..errors import FileError, LabelError, UsageError, only_ours
from ..files.reading import read_bytes
from ..hints import hinted
from ..labels import check_pair, to_ids
from ..types import I64, NO_CLOCK, U8, Clock, Finding, Label, Origin, Sample, Size, Window
from .image_sizes import HeaderSizes, Paths
from .lossy import JPEG_START, Rounding
from .numbers import ChannelSum, Codes, from_numbers, object_numbers


class Source(ABC):
    """Samples by number: the one place where pixels come from. Thread-safe, as every subclass must be.

    names: of the samples, in order. has_labels: whether samples have a label.

    A subclass gives `sizes` and `_whole`; if it can read a window alone, it overrides `_load` instead of `_whole`. A
    Split also takes any other object with `names`, `has_labels`, `__len__`, `sizes` and `read`.
    """

    def __init__(self, names: Sequence[str], has_labels: bool) -> None:
        self.names = names
        self.has_labels = has_labels

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} samples{'' if self.has_labels else ', no labels'})"

    def origin(self, index: int) -> Origin | None:
        """What sample `index` is made from, or None if that is not known: then it is a sample of this object alone."""
        return None

    def beneath(self, index: int) -> tuple[Source, int] | None:
        """For a source over others: the one that sample `index` comes from, and its number there."""
        return None

    def image_file(self, index: int) -> tuple[FileSource, int] | None:
        """The source that reads the image of sample `index` from a file, and its number there, or None."""
        below = self.beneath(index)
        return None if below is None else image_file_of(*below)

    @abstractmethod
    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64: (height, width) of the samples at `indices` (default: all), without decoding pixels."""

    def read(
        self, index: int, window: Window | None = None, *, clock: Clock = NO_CLOCK, notes: list[Finding] | None = None
    ) -> Sample:
        """The pixels of sample `index`, or of a window of it; instances only with the whole sample.

        Exact, or a PixelwiseError, whatever goes wrong; PairError `size-mismatch` if image and label differ in size.
        clock: the time is added to its "reading" and "decoding". notes: gets findings about what is odd but not wrong.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        clock.start()
        with only_ours(lambda: self._where(index)):
            return self._load(index, window, clock, notes)

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        """Read a sample or a window of it; the clock has been started."""
        sample = self._whole(index, clock, notes, instances=window is None)
        if sample.label is not None:
            check_pair(sample.size, sample.label.shape, self._where(index))
        clock.lap("decoding")
        return sample if window is None else sample.cut(window)

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        """Read a whole sample. instances: whether they are needed. The time since the last lap is for decoding."""
        raise NotImplementedError

    def _where(self, index: int) -> str:
        """What messages call the label of sample `index`."""
        return self.names[index]


def origin_of(source: Source, index: int) -> Origin | None:
    """The origin of sample `index`; None also for a source of another class that has no such method."""
    find = getattr(source, "origin", None)
    return None if find is None else find(index)


def image_file_of(source: Source, index: int) -> tuple[FileSource, int] | None:
    """`Source.image_file`; None also for a source of another class that has no such method."""
    find = getattr(source, "image_file", None)
    return None if find is None else find(index)


# -- files --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PathRule:
    """The path of each sample's file, relative to the dataset's folder: `pattern` with the name in place of `{}`."""

    names: Sequence[str]
    pattern: str

    def __getitem__(self, index: int) -> str:
        return self.pattern.replace("{}", self.names[index])

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a dataset's files are decoded, if there is more to say than "labels are PNG".

    allow: further kinds of label files: "tiff", "npy", "bmp", "gif", "webp". check_palette: False if palettes have
    nothing to do with the table's colors. minus_one: the stored value that -1 in an NPY label stands for. value_range,
    bands: for images with more than 8 bits or other bands than RGB, see `codecs.decode_image`.

    channels, objects: how the label's value and the object's number are made from the channels of a file in colors.
    codes: the stored values that stand for numbers other than 0..65535 (negative, not whole), see `codes_for`; None:
    there are none, and labels of real numbers are refused. scale: a pixel of a label stands for scale x scale pixels.
    rounding: what becomes of labels that were saved as JPEG; None: they are refused.
    """

    allow: frozenset[str] = frozenset()
    check_palette: bool = True
    minus_one: int | None = None
    value_range: tuple[float, float] | None = None
    bands: tuple[int, int, int] | None = None
    channels: ChannelSum | None = None
    objects: ChannelSum | None = None
    codes: Codes | None = None
    scale: int = 1
    rounding: Rounding | None = None

    @property
    def plain_images(self) -> bool:
        """Whether any reader gets the same pixels from the image files."""
        return self.value_range is None and self.bands is None

    @property
    def plain_labels(self) -> bool:
        """Whether a pixel of the label's file alone gives its value."""
        special = (self.channels, self.codes, self.rounding, self.minus_one)
        return self.scale == 1 and all(one is None for one in special)

    def image(self, data: bytes, where: object, notes: list[Finding] | None = None) -> U8:
        """An image file's bytes as (H, W, 3) uint8."""
        return decode_image(data, where, notes, self.value_range, self.bands)

    def stored(self, data: bytes, where: object, notes: list[Finding] | None = None) -> Stored:
        """A label file's bytes as stored samples."""
        if self.minus_one is not None and data.startswith(b"\x93NUMPY"):
            data = _without_minus_one(data, self.minus_one, where)
        if self.rounding is not None and data.startswith(JPEG_START):
            stored = self.rounding.of(data, where, notes)
        elif self.channels is not None:
            stored = decode_stored(data, where, notes, self.allow)
            stored = from_numbers(stored.kind, self.channels.of(stored, where), self.codes or (), where)
        else:
            try:
                stored = decode_stored(data, where, notes, self.allow)
            except (LabelError, FileError) as error:
                if self.codes is None or error.code not in ("class-out-of-range", "unsupported-format"):
                    raise
                numbers = decode_numbers(data, where, self.allow)
                stored = from_numbers(numbers.kind, numbers.pixels, self.codes, where)
        return stored if self.scale == 1 else replace(stored, pixels=self._enlarged(stored.pixels))

    def instances(self, data: bytes, where: object, notes: list[Finding] | None = None) -> Label:
        """A file's bytes as (H, W) object numbers. LabelError `unsupported-label-mode` for colors without `objects`."""
        stored = decode_stored(data, where, notes, self.allow)
        pixels: Any = stored.pixels
        if self.objects is not None:
            pixels = object_numbers(self.objects.of(stored, where))
        if pixels.ndim != 2:
            what, fix = "object numbers are one value per pixel, not colors", "say how: instance_channel = 'R + 256*G'"
            raise LabelError(what, code="unsupported-label-mode", where=where, fix=fix)
        numbers: Label = self._enlarged(pixels)
        return numbers

    def _enlarged(self, pixels: Any) -> Any:
        return pixels if self.scale == 1 else pixels.repeat(self.scale, axis=0).repeat(self.scale, axis=1)

    def label(self, data: bytes, table: ClassTable, where: object, notes: list[Finding] | None = None) -> Label:
        """A label file's bytes as (H, W) class ids."""
        return to_ids(self.stored(data, where, notes), table, where, notes, self.check_palette)


def _without_minus_one(data: bytes, value: int, where: object) -> bytes:
    with only_ours(where):
        array = NpyFile(data, where).numbers().pixels
    out = io.BytesIO()
    np.save(out, np.where(array == -1, value, array))
    return out.getvalue()


class FileSource(Source):
    """Samples in files. Memory: the names, 8 bytes a label that was read, and at most 256 MB of indices of JPEG files.

    images, labels, instances: the path of sample i relative to `root`, as a PathRule or a list of paths.
    `listed(i)` is the place that lists sample i, for messages. decoding: how the files are coded.
    Sizes come from the images' headers when first asked for.
    """

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        classes: ClassTable,
        images: Paths,
        labels: Paths | None = None,
        instances: Paths | None = None,
        listed: Callable[[int], str] | None = None,
        decoding: Decoding = Decoding(),
    ) -> None:
        super().__init__(names, labels is not None)
        self.root: Path = Path(root).absolute()
        self.classes, self.decoding = classes, decoding
        self.images, self.labels, self.instances, self.listed = images, labels, instances, listed
        self._prefix = str(self.root) + os.sep
        self._windows = PairWindows(len(names))
        self._sizes = HeaderSizes(self._prefix, images, self._listed)

    def path(self, paths: Paths, index: int) -> str:
        """The full path of sample `index` in one of `images`, `labels`, `instances`."""
        return self._prefix + paths[index]

    def origin(self, index: int) -> Origin:
        """The files of sample `index`, and how they are decoded."""
        paths = (p for p in (self.images, self.labels, self.instances) if p is not None)
        files = tuple(self.path(p, index) for p in paths)
        return Origin(os.path.normpath(files[0]), files, self._how)

    def image_file(self, index: int) -> tuple[FileSource, int]:
        """This source, and `index`."""
        return self, index

    @cached_property
    def _how(self) -> str:
        return f"{self.decoding} {hashlib.sha256(repr(self.classes.to_dict()).encode()).hexdigest()[:16]}"

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width) from the headers of the images, remembered between runs: see HeaderSizes."""
        return self._sizes(indices)

    def _listed(self, index: int, read: Callable[[str], Any], path: str) -> Any:
        # A missing file is best explained by the list that names it.
        try:
            return read(path)
        except FileNotFoundError as error:
            if self.listed is not None:
                error.add_note(f"listed in {self.listed(index)}")
            raise

    def _where(self, index: int) -> str:
        return self.path(self.images if self.labels is None else self.labels, index)

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        again = window if notes is None and self.decoding.plain_images else None
        if again is not None and (both := self._windows.read(index, lambda: self._paths(index), again, clock)):
            return Sample(self.names[index], *both)
        path, data, label_path, label_data = self._files(index)
        clock.lap("reading")
        part = None if again is None else self._windows.image(index, data, path, again)
        image, size = part or ((whole := self.decoding.image(data, path, notes)), (whole.shape[0], whole.shape[1]))
        label = None
        if label_data is not None:
            label = self._label(index, label_data, label_path, window, size, notes, data if part else None)
        instances = self._instances(index, image) if window is None else None
        clock.lap("decoding")
        image = image if window is None or part is not None else window.cut(image)
        return Sample(self.names[index], image, label, instances)

    def _label(
        self, index: int, data: bytes, path: str | None, window: Window | None, size: Size, notes: list[Finding] | None,
        image: bytes | None,
    ) -> Label:  # fmt: skip
        """The label, or its window, held against the size of the image. image: its bytes, if its window was decoded."""
        decoding, part = self.decoding, window if notes is None and self.decoding.plain_labels else None
        if part is not None:
            stored = self._windows.label(index, data, path, part, size, decoding.allow)
            if stored is not None:
                return to_ids(stored, self.classes, path, None, decoding.check_palette)
        label = decoding.label(data, self.classes, path, notes)
        check_pair(size, label.shape, self._where(index))
        if part is not None:
            self._windows.add(index, image, data, label)
        return label if window is None else window.cut(label)

    def _paths(self, index: int) -> tuple[str, str | None]:
        return self.path(self.images, index), None if self.labels is None else self.path(self.labels, index)

    def _files(self, index: int) -> tuple[str, bytes, str | None, bytes | None]:
        """The path and the bytes of the image, and of the label."""
        path, label_path = self._paths(index)
        data = self._listed(index, read_bytes, path)
        return path, data, label_path, None if label_path is None else self._listed(index, read_bytes, label_path)

    def _instances(self, index: int, image: U8) -> Any:
        if self.instances is None:
            return None
        path = self.path(self.instances, index)
        if not os.path.exists(path):  # VOC: only some label folders come with instance maps
            return None
        pixels = self.decoding.instances(read_bytes(path), path)
        check_pair(image.shape[:2], pixels.shape, path)
        return pixels


# -- arrays -------------------------------------------------------------------------------------------------


@hinted
class ArraySource(Source):
    """Samples that are in memory already. images: (H, W, 3) uint8 each. labels: (H, W) class ids each, or None.

    names: default "0", "1", ... Arrays of every library and integer type are taken, see docs/api.md; those of uint8,
    and labels of uint16, are not copied, and what is read are views of them. Masked pixels are refused: only the class
    table of a Split knows the id of void. A Split holds each label against its table when it is first read: LabelError
    `class-out-of-range`. UsageError `bad-array` for other shapes and for floats, PairError `size-mismatch` if an image
    and its label differ in size.

    >>> import pixelwise as pw
    >>> source = ArraySource([np.zeros((4, 6, 3), np.uint8)], [np.ones((4, 6), np.uint8)], names=["a"])
    >>> pw.Split("train", pw.ClassTable(("road", "car")), source)[0]
    Sample('a', image (4, 6, 3) uint8, label (4, 6) uint8)
    """

    def __init__(self, images: Sequence[Any], labels: Sequence[Any] | None = None, names: Sequence[str] | None = None):
        found = [_image(f"image {i}", image) for i, image in enumerate(_each("images", images))]
        super().__init__([str(i) for i in range(len(found))] if names is None else names, labels is not None)
        self.images: list[U8] = found
        self.labels: list[Label] | None = None
        self._held: dict[tuple[int, int | None], bytearray] = {}
        if labels is not None:
            self.labels = [_label(f"label {i}", label) for i, label in enumerate(_each("labels", labels))]
        if len(self) != len(found) or (self.labels is not None and len(self.labels) != len(found)):
            raise UsageError("images, labels and names differ in number")
        for image, label, name in zip(found, self.labels or (), self.names, strict=False):
            check_pair(image.shape[:2], label.shape, name)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        wanted = range(len(self)) if indices is None else indices.tolist()
        return np.array([self.images[i].shape[:2] for i in wanted], np.int64).reshape(-1, 2)

    def hold(self, index: int, classes: ClassTable) -> None:
        """Hold the label of sample `index` against the table, once. LabelError `class-out-of-range`. Thread-safe."""
        void = classes.ignore_index
        held = self._held.setdefault((len(classes), void), bytearray(len(self)))
        if self.labels is None or held[index]:
            return
        label = self.labels[index]
        if label.max() >= len(classes) and (stray := stray_id(label, len(classes), void)):
            fix = "a label in memory holds class ids: correct it, or give the class table more classes"
            raise LabelError(f"label {stray}", code="class-out-of-range", where=self.names[index], fix=fix)
        held[index] = 1

    def origin(self, index: int) -> Origin:
        """Digests (XXH3) of the arrays as they are now, with the number and name that tell equal ones apart."""
        image = f"array {index} {self.names[index]} {_digest(self.images[index])}"
        return Origin(image, (), "unlabeled" if self.labels is None else f"label {_digest(self.labels[index])}")

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        return Sample(self.names[index], self.images[index], None if self.labels is None else self.labels[index])


def _digest(array: NDArray[Any]) -> str:
    return f"{array.shape} {array.dtype} {xxh3_128_hexdigest(np.ascontiguousarray(array).data)}"


def _each(what: str, arrays: Any) -> Sequence[Any]:
    # A sequence of arrays of their own sizes, which may make them when asked, or one array of all.
    if isinstance(arrays, Sequence) and not isinstance(arrays, (str, bytes, memoryview)):
        return arrays
    found = as_array(what, arrays)
    if not found.ndim:
        raise UsageError(f"{what} must be a list of arrays, got {type(arrays).__name__}", code="bad-array")
    return list(found)


def _image(what: str, image: Any) -> U8:
    found = as_bytes(what, image, "(H, W, 3)")
    if found.ndim != 3 or found.shape[2] != 3 or not found.size:
        raise UsageError(f"{what} must be (H, W, 3) uint8, got {found.shape} {found.dtype}", code="bad-array")
    return found


def _label(what: str, label: Any) -> Label:
    found: Any = as_ids(what, label)
    if found.ndim != 2 or not found.size:
        raise UsageError(f"{what} must be (H, W) integers, got {found.shape} {found.dtype}", code="bad-array")
    if found.dtype in (np.uint8, np.uint16):
        return found  # type: ignore[no-any-return, unused-ignore]
    low, high = int(found.min()), int(found.max())
    if low < 0 or high > 65_535:
        raise LabelError(f"{what} has values {low}..{high}, not class ids in 0..65535", code="class-out-of-range")
    made: Label = found.astype(np.uint8) if high <= 255 else found.astype(np.uint16)
    return made
