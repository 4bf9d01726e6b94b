"""Windows of JPEG files by pixelwise's own kernels (`kernels.jpeg`); what they do not take is left to libjpeg-turbo."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from .. import kernels
from ..types import U8, Size, Window
from .jpeg import JpegFile

MOST_INDEXED: Final = 256 << 20
"""Bytes of indices that a source keeps: those of half a million images of VOC."""
_PATIENCE: Final = 64
"""Files that libjpeg-turbo decodes before the kernels are loaded, or on a new machine compiled, in the background."""
_MARGIN: Final = 256
_SIGNATURE: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, eq=False)
class JpegIndex:
    """Where a decoder may begin in the scan of a JPEG: before every 16th MCU of each row.

    positions: (rows, entries) uint32, bits of the file. levels: (rows, entries, 3) int16, the DC predictors there. Ten
    bytes per entry: about 0.5 % of the file.
    """

    positions: NDArray[np.uint32]
    levels: NDArray[np.int16]

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.positions.nbytes + self.levels.nbytes

    def to_bytes(self) -> bytes:
        """As packs store it: rows and entries, positions, levels; little-endian uint32 and int16."""
        shape = np.array(self.positions.shape, "<u4")
        return shape.tobytes() + self.positions.astype("<u4").tobytes() + self.levels.astype("<i2").tobytes()

    @classmethod
    def from_bytes(cls, data: U8) -> JpegIndex | None:
        """What `to_bytes` has made; None for anything else."""
        if len(data) < 8:
            return None
        rows, entries = np.frombuffer(data[:8].tobytes(), "<u4").tolist()
        n = rows * entries
        if len(data) != 8 + 10 * n:
            return None
        # Copied: the kernels take arrays that are aligned and may be written.
        positions = np.frombuffer(data[8 : 8 + 4 * n].tobytes(), "<u4").astype(np.uint32)
        levels = np.frombuffer(data[8 + 4 * n :].tobytes(), "<i2").astype(np.int16)
        return cls(positions.reshape(rows, entries), levels.reshape(rows, entries, 3))


class JpegWindows:
    """Windows of files that are read again and again, such as those of a split in every epoch. Thread-safe.

    A file is read to its end at its first sight, so that damage anywhere in it is found, and an index of it is kept.
    From then on only the window is read, as long as the bytes of the file are the same. limit: bytes of indices that
    are kept; files beyond it are read to their end each time.
    """

    def __init__(self, limit: int = MOST_INDEXED) -> None:
        self._limit = limit
        self._known: dict[int, tuple[int, JpegIndex]] = {}
        self._used = 0

    def __reduce__(self) -> tuple[type[JpegWindows], tuple[int]]:
        return JpegWindows, (self._limit,)

    def read(
        self, number: int, data: bytes | U8, where: object, window: Window, digest: int | None = None,
        index: U8 | None = None,
    ) -> tuple[U8, Size] | None:  # fmt: skip
        """The window of file `number`, (h, w, 3) uint8 RGB, and the (height, width) of the whole image.

        digest: a number that changes with the bytes, if one is known; by default their hash. index: what `stored_index`
        said when the file was read to its end; then this is not done again. None if another decoder is to read the
        file: it is not a JPEG that the kernels take, or it is damaged. FileError `too-large`, `too-large-side` and
        those of a damaged header.
        """
        if bytes(data[:3]) != _SIGNATURE or (reader := READERS.borrow()) is None:
            return None
        try:
            if index is not None:
                made = JpegIndex.from_bytes(index)
                pixels = None if made is None else reader.read(data, window, made)
                if pixels is None:
                    return None
                JpegFile(b"", where).check_size(*reader.size)
                return pixels, reader.size
            seen: Any = data
            digest = xxh3_64_intdigest(seen) if digest is None else digest
            found = self._known.get(number)
            if found is not None and found[0] == digest:
                pixels = reader.read(data, window, found[1])
            else:
                pixels = self._first_sight(reader, number, digest, JpegFile(bytes(data), where), window)
            return None if pixels is None else (pixels, reader.size)
        finally:
            READERS.give_back(reader)

    def index(self, number: int) -> JpegIndex | None:
        """The index of file `number`, if one is kept."""
        found = self._known.get(number)
        return None if found is None else found[1]

    def _first_sight(self, reader: JpegReader, number: int, digest: int, file: JpegFile, window: Window) -> U8 | None:
        size = file.header.height, file.header.width
        file.check_size(*size)
        if self._used >= self._limit:
            return reader.read(file.data, window, to_end=True)
        made = reader.read_and_index(file.data, window, size)
        if made is None:
            return None
        self._known[number] = digest, made[1]
        self._used += made[1].nbytes  # two threads may lose an addition: it only decides when to stop
        return made[0]


class JpegReader:
    """Decodes windows; the memory of one thread."""

    def __init__(self) -> None:
        jpeg, header, scan = kernels.jpeg, kernels.jpeg_header, kernels.jpeg_scan
        n = jpeg.ENTRIES
        self._codes = _aligned(4 * kernels.jpeg_symbols.CODES)
        self._blocks, self._row = _aligned(scan.ROOM), _aligned(64)
        order = int(scan.ORDER)
        self._blocks[order : order + 256] = 64
        self._blocks[order : order + 64] = header.ZIGZAG
        self._memory = (
            np.zeros(header.FACTS, np.int64), np.zeros((3, 4), np.int64), _aligned(512).view(np.int16).reshape(4, 64),
            np.zeros((4, 16), np.uint8), np.zeros((4, 256), np.uint8), np.zeros((4, 17), np.uint8),
            np.zeros((4, 256), np.uint8), np.zeros((4, n), np.uint32), np.zeros((4, n), np.uint64),
            np.zeros((4, n), np.uint16), np.zeros(jpeg.MOST_RESTARTS, np.int64), np.zeros(16, np.int64),
        )  # fmt: skip
        self._addresses = (self._codes.ctypes.data, self._blocks.ctypes.data, self._row.ctypes.data)
        self._clean, self._planes = np.zeros(0, np.uint8), np.zeros(0, np.uint8)
        self._no_index = JpegIndex(np.zeros((0, 0), np.uint32), np.zeros((0, 0, 3), np.int16))

    def warm_up(self) -> None:
        """Call the kernels once."""
        tiny = simplejpeg.encode_jpeg(np.zeros((8, 8, 3), np.uint8))
        self.read_and_index(tiny, Window(0, 0, 8, 8), (8, 8))

    @property
    def size(self) -> Size:
        """(height, width) of the image that was read last."""
        facts: Any = self._memory[0]
        return int(facts[kernels.jpeg_header.HEIGHT]), int(facts[kernels.jpeg_header.WIDTH])

    def read(
        self, data: bytes | U8, window: Window, index: JpegIndex | None = None, *, to_end: bool = False
    ) -> U8 | None:
        """The window of the file as (h, w, 3) uint8 RGB, or None if the file is to be decoded by another decoder.

        index: of this very file; then only the window is read. to_end: read the scan to its end, so that no damage
        passes unseen.
        """
        jpeg = kernels.jpeg
        mode = jpeg.INDEXED if index is not None else jpeg.TO_END if to_end else jpeg.WINDOW
        return self._read(data, window, mode, self._no_index if index is None else index)

    def read_and_index(self, data: bytes | U8, window: Window, size: Size) -> tuple[U8, JpegIndex] | None:
        """As `read` to the end, and the file's index. size: (height, width) of the image."""
        height, width = size
        shape = -(-height // 8), -(-width // (8 * kernels.jpeg.EVERY))
        room = JpegIndex(np.zeros(shape, np.uint32), np.zeros((*shape, 3), np.int16))
        pixels = self._read(data, window, kernels.jpeg.RECORD, room)
        if pixels is None:
            return None
        facts: Any = self._memory[0]
        rows, wide = (int(facts[k]) for k in (kernels.jpeg_header.ROWS, kernels.jpeg_header.WIDE))
        used = np.s_[:rows, : -(-wide // kernels.jpeg.EVERY)]
        return pixels, JpegIndex(room.positions[used].copy(), room.levels[used].copy())

    def _read(self, data: bytes | U8, window: Window, mode: int, index: JpegIndex) -> U8 | None:
        y0, x0, y1, x1 = window
        h, w = y1 - y0, x1 - x0
        source = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        self._make_room(len(source), h, w)
        out = np.empty((h, w, 3), np.uint8)
        fault = kernels.jpeg.read_window(
            source, len(source), y0, x0, h, w, mode, index.positions, index.levels, kernels.jpeg.EVERY, *self._memory,
            *self._addresses, self._clean.ctypes.data, self._planes.ctypes.data, len(self._planes), out.ctypes.data,
            out.strides[0],
        )  # fmt: skip
        return None if fault else out

    def _make_room(self, n: int, h: int, w: int) -> None:
        """Memory for a file of n bytes and a window of h x w; it only grows."""
        clean, planes = self._needed(n, h, w)
        self._clean, self._planes = grown(self._clean, clean), grown(self._planes, planes)

    def _needed(self, n: int, h: int, w: int) -> tuple[int, int]:
        """Bytes for the clean scan, in two parts if rows are decoded side by side; and for the planes."""
        # Whole MCUs of 16x16 at most, one more around, and a margin per row; luma and two chromas of the same size.
        return n + 2 * kernels.jpeg_scan.PAD + _MARGIN, 3 * (h + 48) * (w + 48 + 64) + _MARGIN


def grown(memory: U8, size: int) -> U8:
    """The same memory if it has `size` bytes, else new zeros for a quarter more."""
    return memory if len(memory) >= size else _aligned(size * 5 // 4)


def _aligned(size: int) -> U8:
    """Zeros at a multiple of 64."""
    memory = np.zeros(size + 64, np.uint8)
    skip = -memory.ctypes.data % 64
    return memory[skip : skip + size]


R = TypeVar("R", bound=JpegReader)


class Readers(Generic[R]):
    """The readers of this process, each used by one thread at a time. Their memory outlives the threads of an epoch.

    kind: what they are.
    """

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind
        self._free: list[R] = []
        self._preparing = threading.Lock()
        self._asked = 0
        self._ready = self._begun = False

    def borrow(self, wait: bool = False) -> R | None:
        """A reader, or None as long as the kernels are not there. wait: until they are."""
        if not self._ready and wait:
            self.prepare()
        elif not self._ready:
            self._asked += 1
            if self._asked > _PATIENCE and not self._begun:
                self._begun = True
                # Not a daemon: a thread that the end of the program stops within LLVM would abort it.
                threading.Thread(target=self.prepare, name=f"pixelwise-{self._kind.__name__}").start()
            return None
        try:
            return self._free.pop()
        except IndexError:
            return self._kind()

    def give_back(self, reader: R) -> None:
        """Let others use it."""
        self._free.append(reader)

    def prepare(self) -> None:
        """Load the kernels, or compile them: ten seconds once per machine."""
        with self._preparing:
            if self._ready:
                return
            reader = self._kind()
            reader.warm_up()
            self._free.append(reader)
            self._ready = True


READERS: Readers[JpegReader] = Readers(JpegReader)


def stored_index(data: bytes | U8, size: Size) -> bytes | None:
    """The index of a JPEG file as a pack keeps it. None if the kernels do not take the file, or if it is not a JPEG.

    The file is read to its end. Waits for the kernels, so that the answer depends on the file alone. size: (height,
    width) of the image.
    """
    if bytes(data[:3]) != _SIGNATURE:
        return None
    reader = READERS.borrow(wait=True)
    assert reader is not None
    try:
        made = reader.read_and_index(data, Window(0, 0, 1, 1), size)
    finally:
        READERS.give_back(reader)
    return None if made is None else made[1].to_bytes()
