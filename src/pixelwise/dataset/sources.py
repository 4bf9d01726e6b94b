"""The sources that read files and arrays, and how files are decoded."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..codecs.decoding import decode_image, decode_stored
from ..codecs.stored import Stored
from ..errors import FileError, LabelError, UsageError
from ..files import read_bytes
from ..labels import check_pair, to_ids
from ..types import U8, Clock, Finding, Label, Origin, Sample, Window
from .image_sizes import HeaderSizes

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PathRule:
    """Where the file of sample i lies, relative to the dataset's folder: `pattern` with the name in place of `{}`."""

    names: Sequence[str]
    pattern: str

    def __getitem__(self, index: int) -> str:
        return self.pattern.replace("{}", self.names[index])

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a dataset's files are decoded, where there is more to say than "labels are PNG".

    allow: further kinds of label files: "tiff", "npy", "bmp", "gif", "webp". check_palette: False where palettes have
    nothing to do with the table's colors. minus_one: the stored value that -1 in an NPY label stands for.
    value_range, bands: of images with more than 8 bits or other bands than RGB, see `codecs.decode_image`.
    """

    allow: frozenset[str] = frozenset()
    check_palette: bool = True
    minus_one: int | None = None
    value_range: tuple[float, float] | None = None
    bands: tuple[int, int, int] | None = None

    @property
    def plain_images(self) -> bool:
        """Whether any reader gets the same pixels from the image files."""
        return self.value_range is None and self.bands is None

    def image(self, data: bytes, where: object, notes: list[Finding] | None = None) -> U8:
        """An image file's bytes as (H, W, 3) uint8."""
        return decode_image(data, where, notes, self.value_range, self.bands)

    def stored(self, data: bytes, where: object, notes: list[Finding] | None = None) -> Stored:
        """A label file's bytes as stored samples."""
        if self.minus_one is not None and data.startswith(b"\x93NUMPY"):
            data = _without_minus_one(data, self.minus_one, where)
        return decode_stored(data, where, notes, self.allow)

    def label(self, data: bytes, table: ClassTable, where: object, notes: list[Finding] | None = None) -> Label:
        """A label file's bytes as (H, W) class ids."""
        return to_ids(self.stored(data, where, notes), table, where, notes, self.check_palette)


def _without_minus_one(data: bytes, value: int, where: object) -> bytes:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FileError(f"damaged NPY file: {error}", code="corrupt", where=where) from None
    out = io.BytesIO()
    np.save(out, np.where(array == -1, value, array))
    return out.getvalue()


class FileSource:
    """Samples that lie in files. Thread-safe. Memory: the names; nothing else grows with the number of samples.

    images, labels, instances: the path of sample i relative to `root`, as a PathRule or a list of paths.
    `listed(i)` tells where sample i was listed, for messages. decoding: how the files are coded.
    Sizes come from the images' headers when first asked for.
    """

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        classes: ClassTable,
        images: PathRule | Sequence[str],
        labels: PathRule | Sequence[str] | None = None,
        instances: PathRule | Sequence[str] | None = None,
        listed: Callable[[int], str] | None = None,
        decoding: Decoding = Decoding(),
    ) -> None:
        self.decoding = decoding
        self.root = Path(root)
        self.names = names
        self.classes = classes
        self.images = images
        self.labels = labels
        self.instances = instances
        self.listed = listed
        self._prefix = str(self.root) + os.sep
        self._sizes = HeaderSizes(self._prefix, images, self._listed)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_labels(self) -> bool:
        """Whether samples carry a label."""
        return self.labels is not None

    def path(self, paths: PathRule | Sequence[str], index: int) -> str:
        """The full path of sample `index` under one of `images`, `labels`, `instances`."""
        return self._prefix + paths[index]

    def origin(self, index: int) -> Origin:
        """The files of sample `index`, and how they are decoded."""
        paths = (p for p in (self.images, self.labels, self.instances) if p is not None)
        return Origin(tuple(self.path(p, index) for p in paths), self._how)

    @cached_property
    def _how(self) -> str:
        return f"{self.decoding} {_digest(repr(self.classes.to_dict()).encode())}"

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width) from the headers of the images, remembered between runs: see HeaderSizes."""
        return self._sizes(indices)

    def _listed(self, index: int, read: Callable[[], Any]) -> Any:
        # A missing file is best explained by the list that names it.
        try:
            return read()
        except FileNotFoundError as error:
            if self.listed is not None:
                error.add_note(f"listed in {self.listed(index)}")
            raise

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """Decode sample `index` and give the pixels of `window` (default: all). The arrays belong to the caller."""
        if clock is not None:
            clock.start()
        path = self.path(self.images, index)
        label_path = None if self.labels is None else self.path(self.labels, index)
        data = self._listed(index, lambda: read_bytes(path))
        label_data = None if label_path is None else self._listed(index, lambda: read_bytes(label_path))
        if clock is not None:
            clock.lap("reading")
        image = self.decoding.image(data, path, notes)
        label = None
        if label_data is not None:
            label = self.decoding.label(label_data, self.classes, label_path, notes)
            check_pair((image.shape[0], image.shape[1]), (label.shape[0], label.shape[1]), label_path)
        if clock is not None:
            clock.lap("decoding")
        instances = self._read_instances(index, image.shape[:2]) if window is None else None
        if window is not None:
            rows, columns = slice(window.y0, window.y1), slice(window.x0, window.x1)
            image, label = image[rows, columns], None if label is None else label[rows, columns]
        return Sample(self.names[index], image, label, instances)

    def _read_instances(self, index: int, size: tuple[int, ...]) -> Any:
        if self.instances is None:
            return None
        path = self.path(self.instances, index)
        if not os.path.exists(path):  # VOC: only some label folders come with instance maps
            return None
        pixels = decode_stored(read_bytes(path), path, allow=self.decoding.allow).pixels
        if pixels.ndim != 2:
            what = "object numbers are one value a pixel, not colors"
            raise LabelError(what, code="unsupported-label-mode", where=path)
        check_pair((size[0], size[1]), (pixels.shape[0], pixels.shape[1]), path)
        return pixels


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _check_array(what: str, array: Any, expected: str, dtypes: Sequence[Any], channels: tuple[int, ...] = ()) -> None:
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{what} must be an array {expected}, got {type(array).__name__}")
    if array.ndim != 2 + len(channels) or array.shape[2:] != channels or array.dtype not in dtypes or not array.size:
        raise UsageError(f"{what} must be {expected}, got {array.shape} {array.dtype}")


class ArraySource:
    """Samples that are in memory already. images: (H, W, 3) uint8 each; labels: (H, W) class ids each, or None."""

    def __init__(
        self, images: Sequence[U8], labels: Sequence[Label] | None = None, names: Sequence[str] | None = None
    ) -> None:
        self.images = images
        self.labels = labels
        self.names: Sequence[str] = [str(i) for i in range(len(images))] if names is None else names
        if len(self.names) != len(images) or (labels is not None and len(labels) != len(images)):
            raise UsageError("images, labels and names differ in number")
        for i, image in enumerate(images):
            _check_array(f"image {i}", image, "(H, W, 3) uint8", (np.uint8,), channels=(3,))
            if labels is not None:
                _check_array(f"label {i}", labels[i], "(H, W) uint8 or uint16", (np.uint8, np.uint16))
                check_pair((image.shape[0], image.shape[1]), (labels[i].shape[0], labels[i].shape[1]), self.names[i])

    def __len__(self) -> int:
        return len(self.images)

    @property
    def has_labels(self) -> bool:
        """Whether samples carry a label."""
        return self.labels is not None

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        wanted = range(len(self)) if indices is None else indices.tolist()
        return np.array([self.images[i].shape[:2] for i in wanted], np.int64).reshape(-1, 2)

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """Views of the arrays."""
        cut = slice(None) if window is None else np.s_[window.y0 : window.y1, window.x0 : window.x1]
        label = None if self.labels is None else self.labels[index][cut]
        return Sample(self.names[index], self.images[index][cut], label)
