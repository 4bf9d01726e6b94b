"""Windows of image and label files that are read again and again, such as those of a split in every epoch.

A JPEG with its index, and an 8-bit label of one channel as PNG, which most datasets have, are read in one step without
the interpreter's lock. Everything else, whatever has changed since, and whatever goes wrong is left to the plain way,
which also makes all errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Set
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from .. import kernels
from ..files.reading import READ_FLAGS
from ..types import NO_CLOCK, U8, Clock, Label, Size, Window
from .decoding import stored_window
from .jpeg import JpegFile
from .jpeg_windows import READERS, JpegIndex, JpegReader, JpegWindows, Readers, grown
from .png import SIGNATURE, encode_png
from .stored import Stored

_POSSIBLE: Final = sys.platform == "linux"  # the kernel calls the C library by what Linux has there
_MOST_LUTS: Final = 64


class KnownPair(NamedTuple):
    """What is known of a pair that was read whole.

    jpeg: its index. sizes: (4,) the bytes of both files, and the (height, width) of the image. digests: (2,) of both.
    ids: (256,) the class id of each value of the label.
    """

    jpeg: JpegIndex
    sizes: tuple[int, int, int, int]
    digests: NDArray[np.uint64]
    ids: U8


class PairWindows:
    """What is known of the n pairs of a split, by the number of the sample, so that their windows can be read alone.

    A file is read whole at its first sight, so that damage and wrong values anywhere in it are found. From then on only
    its window is read, as long as its bytes are the same. Thread-safe. Memory: 9 bytes per pair; 0.3 kB and the index
    of the JPEG, see `JpegWindows`, per pair that is read in one step.
    """

    def __init__(self, n: int) -> None:
        self._jpegs = JpegWindows()
        self._labels = np.zeros(n, np.uint64)
        self._tried = bytearray(n)  # whether it is known if the pair can be read in one step
        self._known: dict[int, KnownPair] = {}
        self._luts: dict[bytes, U8] = {}

    def __reduce__(self) -> tuple[type[PairWindows], tuple[int]]:
        return PairWindows, (len(self._tried),)

    def read(self, number: int, paths: Callable[[], tuple[str, Any]], window: Window, clock: Clock) -> Any:
        """The windows of both: ((h, w, 3) uint8, (h, w) uint8). None if the plain way is to be taken."""
        known = self._known.get(number)
        if known is None or not window.fits(known.sizes[2:]) or (reader := _READERS.borrow()) is None:
            return None
        try:
            found = reader.read_pair(known, *paths(), window, clock)
        finally:
            _READERS.give_back(reader)
        if found is None:  # other files than before: look at them again
            self._known.pop(number, None)
            self._tried[number] = False
        return found

    def image(self, number: int, data: bytes, where: object, window: Window) -> tuple[U8, Size] | None:
        """As `JpegWindows.read`."""
        return self._jpegs.read(number, data, where, window)

    def label(
        self, number: int, data: bytes, where: object, window: Window, size: Size, allow: Set[str]
    ) -> Stored | None:
        """The window of a label, as `decoding.stored_window` reads it; None if the whole file is to be read.

        size: (height, width) that it must have.
        """
        if not window.fits(size) or not self._tried[number] or self._labels[number] != xxh3_64_intdigest(data):
            return None
        return stored_window(data, where, window, allow, size)

    def add(self, number: int, image: bytes | None, label: bytes, ids: Label) -> None:
        """Sample `number` was read whole: the bytes of its files, and the label's (H, W) class ids.

        image: None if `image` did not read it just now.
        """
        self._labels[number] = xxh3_64_intdigest(label)
        index = self._jpegs.index(number)
        if not _POSSIBLE or image is None or index is None or ids.dtype != np.uint8 or not label.startswith(SIGNATURE):
            self._tried[number] = True
        elif (reader := _READERS.borrow()) is not None:
            try:
                self._learn(reader, number, index, image, label, ids)
            finally:
                _READERS.give_back(reader)

    def _learn(
        self, reader: PairReader, number: int, index: JpegIndex, image: bytes, label: bytes, ids: Label
    ) -> None:
        lut = reader.learn(label, ids)
        key = b"" if lut is None else lut.tobytes()
        if lut is not None and (key in self._luts or len(self._luts) < _MOST_LUTS):
            lut = self._luts.setdefault(key, lut)  # nearly all labels of a split have the same
            digests = np.array([reader.digest(image), reader.digest(label)], np.uint64)
            height, width = ids.shape
            self._known[number] = KnownPair(index, (len(image), len(label), height, width), digests, lut)
        self._tried[number] = True


class PairReader(JpegReader):
    """Reads pairs; the memory of one thread."""

    def __init__(self) -> None:
        super().__init__()
        self._tables = kernels.inflate.memory()
        self._image = self._label = self._stream = self._rows = self._zeros = np.zeros(0, np.uint8)
        self._spent = np.zeros(5, np.int64)
        self._identity = np.arange(256, dtype=np.uint8)

    def digest(self, data: bytes) -> int:
        """As the kernel hashes a file."""
        padded = np.zeros(len(data) + kernels.pair.FILE_PAD, np.uint8)
        padded[: len(data)] = np.frombuffer(data, np.uint8)
        return int(kernels.pair.digest(padded.ctypes.data, len(data)))

    def warm_up(self) -> None:
        """Call the kernels once."""
        super().warm_up()
        if _POSSIBLE:
            label = np.zeros((8, 8), np.uint8)
            ids = self.learn(encode_png(label), label)
            assert ids is not None
            index = JpegIndex(np.zeros((1, 1), np.uint32), np.zeros((1, 1, 3), np.int16))
            digests = np.array([self.digest(b""), 0], np.uint64)
            none = KnownPair(index, (1, 1, 8, 8), digests, ids)
            self.read_pair(none, os.curdir, os.curdir, Window(0, 0, 8, 8), NO_CLOCK)
            nothing = np.frombuffer(b"?", np.uint8)
            self.decode_pair(nothing, nothing, index, (8, 8), Window(0, 0, 8, 8))

    def learn(self, data: bytes, ids: Label) -> U8 | None:
        """(256,) uint8 class ids by the values of the label; None unless the kernel reads all of its pixels so."""
        height, width = size = ids.shape
        self._make_room_for_label(len(data), height, width)
        self._label[: len(data)] = np.frombuffer(data, np.uint8)
        self._label[len(data) : len(data) + kernels.pair.FILE_PAD] = 0
        values = np.empty(size, np.uint8)
        fault = kernels.pair.label_window(
            self._label.ctypes.data, len(data), np.array(size, np.int64), 0, 0, height, width, self._identity,
            self._stream.ctypes.data, self._rows, self._zeros, self._tables.ctypes.data, values,
        )  # fmt: skip
        if fault:
            return None
        lut = self._identity.copy()  # so that labels with other classes have the same
        lut[values] = ids
        return lut if np.array_equal(lut[values], ids) else None

    def read_pair(self, known: KnownPair, image_path: str, label_path: str, window: Window, clock: Clock) -> Any:
        """The windows of both files, or None if they are to be read by the plain way."""
        names = os.fsencode(image_path), os.fsencode(label_path)
        if b"\0" in names[0] or b"\0" in names[1]:
            return None
        image_bytes, label_bytes, height, width = known.sizes
        self._image = grown(self._image, image_bytes + kernels.pair.FILE_PAD + 1)
        self._image.flags.writeable = False  # as the bytes are that come from Python: one type, one kernel
        self._make_room_for_label(label_bytes, window.y1, width)
        sizes = np.array([len(names[0]) + 1, image_bytes, label_bytes, height, width], np.int64)
        paths = np.frombuffer(names[0] + b"\0" + names[1] + b"\0", np.uint8)
        first = (paths, READ_FLAGS, known.digests, self._spent)
        found = self._call(kernels.pair.read_pair, first, sizes, self._image, known.jpeg, known.ids, window)
        if found is not None:
            clock.lap("decoding")
            clock.move("decoding", "reading", self._spent.item(0) / 1e9)
        return found

    def decode_pair(self, image: U8, label: U8, jpeg: JpegIndex, size: Size, window: Window) -> Any:
        """The windows of the files' bytes, whose label holds class ids; None as `read_pair`."""
        self._make_room_for_label(len(label), window.y1, size[1])
        self._label[: len(label)] = label
        self._label[len(label) : len(label) + kernels.pair.FILE_PAD] = 0
        sizes = np.array([0, len(image), len(label), *size], np.int64)
        return self._call(kernels.pair.decode_pair, (), sizes, image, jpeg, self._identity, window)

    def _call(
        self, kernel: Any, first: tuple[Any, ...], sizes: NDArray[np.int64], data: U8, jpeg: JpegIndex, ids: U8,
        window: Window,
    ) -> tuple[U8, U8] | None:  # fmt: skip
        y0, x0, y1, x1 = window
        h, w = y1 - y0, x1 - x0
        self._make_room(sizes.item(1), h, w)
        image, label = np.empty((h, w, 3), np.uint8), np.empty((h, w), np.uint8)
        fault = kernel(
            *first, sizes, data, self._label.ctypes.data, y0, x0, h, w, jpeg.positions, jpeg.levels,
            kernels.jpeg.EVERY, *self._memory, *self._addresses, self._clean.ctypes.data, self._planes.ctypes.data,
            len(self._planes), image.ctypes.data, image.strides[0], ids, self._stream.ctypes.data, self._rows,
            self._zeros, self._tables.ctypes.data, label,
        )  # fmt: skip
        return None if fault else (image, label)

    def _make_room_for_label(self, n: int, rows: int, width: int) -> None:
        """Memory for a label file of n bytes, of which so many rows are read; it only grows."""
        self._label = grown(self._label, n + kernels.pair.FILE_PAD + 1)
        self._stream = grown(self._stream, n + kernels.pair.FILE_PAD)
        self._rows = grown(self._rows, rows * (width + 1) + kernels.inflate.SLACK)
        self._zeros = grown(self._zeros, width)


_READERS: Readers[PairReader] = Readers(PairReader)


def decode_pair(
    image: U8, label: U8, index: U8, where: object, size: Size, window: Window
) -> tuple[U8, U8] | None:
    """The windows of a JPEG with its index, see `jpeg_windows.stored_index`, and of a PNG of class ids.

    None if both are to be read by the plain way. size: (height, width) that both must have. FileError `too-large`,
    `too-large-side`.
    """
    if not _POSSIBLE or not window.fits(size) or (reader := _READERS.borrow()) is None:
        return None
    try:
        jpeg = JpegIndex.from_bytes(index)
        found = None if jpeg is None else reader.decode_pair(image, label, jpeg, size, window)
    finally:
        _READERS.give_back(reader)
    if found is not None:
        JpegFile(b"", where).check_size(*size)
    return found


def prepare_kernels() -> None:
    """Load the kernels now, compiling them if this machine has not yet, instead of in the background later."""
    READERS.prepare()
    _READERS.prepare()
