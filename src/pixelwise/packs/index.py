"""The index of a pack and its other small Arrow files: where the bytes of every record are, read and written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from ..errors import MissingError, PackError
from ..files.reading import read_bytes
from ..files.writing import atomic_write
from ..types import I64, Size
from .arrow import INT, LIST, TEXT, ArrowColumn, Lists, Numbers, Strings, read_batches
from .arrow_writing import ArrowKind, ArrowWriter

PARTS: Final = ("image", "label", "instances", "jpeg_index")
"""The parts of a record, in the order in which its CRC covers them. The last one is of packs that keep JPEG files."""

RECORD_PLACES: Final = [(f"{part}_{what}", np.int64) for part in PARTS for what in ("offset", "bytes")]
INDEX: Final = np.dtype([("height", "i4"), ("width", "i4"), ("shard", "i4"), *RECORD_PLACES, ("crc", "u4")], align=True)
"""One row of the index per record, in the order of the shards; docs/pack.md describes its columns. 88 bytes."""
NO_JPEG_INDEX: Final = {"jpeg_index_offset": -1, "jpeg_index_bytes": 0}
"""Columns of the index that only packs with JPEG files have, and what stands for them in others."""

_KINDS: Final[dict[str, dict[str, Any]]] = {
    "index.arrow": {"name": Strings, **{name: INDEX[name] for name in INDEX.names or ()}},
    "splits.arrow": {"name": Strings, "records": Lists},
    "sources.arrow": {"path": Strings, "bytes": np.dtype(np.int64), "mtime_ns": np.dtype(np.int64)},
}
"""The columns that each table must have: their kinds, or the dtypes of numbers."""


class FileEntry(NamedTuple):
    """A file of a pack as the manifest lists it. bytes: its size. crc32: of all its bytes."""

    file: str
    bytes: int
    crc32: int


class Record(NamedTuple):
    """A sample in the form in which a pack stores it. size: (height, width) of its pixels.

    image, label, instances: bytes or a C-contiguous array, None if absent. jpeg_index: of an image that is a JPEG file,
    what `codecs.jpeg_windows.stored_index` says.
    """

    size: Size
    image: Any
    label: Any
    instances: Any
    jpeg_index: Any = None

    @property
    def crc32(self) -> int:
        """CRC-32 of the bytes of all parts, in the order of PARTS."""
        crc = 0
        for part in self[1:]:
            if part is not None:
                crc = checksum(part, crc)
        return crc


def record_at(index: NDArray[np.void], row: int, read: Callable[[int, int], Any]) -> Record:
    """The record of a row of the index. read(offset, size): bytes of its shard's file."""
    entry: Any = index.item(row)
    height, width, _, *places, _ = entry
    parts = [read(at, size) if at >= 0 else None for at, size in zip(places[::2], places[1::2], strict=True)]
    return Record((height, width), *parts)


def checksum(data: Any, start: int = 0) -> int:
    """CRC-32 (the polynomial of zlib, PNG and gzip) of bytes or a contiguous array, continuing `start`."""
    return int(zlib_ng.crc32(data, start))


def damaged(what: str, where: object, code: str = "pack-damaged") -> PackError:
    """The error for a part of a pack that is not as it was written."""
    return PackError(what, code=code, where=where, fix="pack again with overwrite; only damaged shards are rewritten")


class Names(Sequence[str]):
    """Strings of an Arrow array: 8 bytes each and their UTF-8, converted to `str` when read. Thread-safe."""

    __slots__ = ("_all", "_data", "_offsets")

    def __init__(self, offsets: I64, data: bytes) -> None:
        self._all = range(len(offsets) - 1)
        self._offsets = memoryview(offsets)  # type: ignore[arg-type]
        self._data = data

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: Any) -> Any:
        at = self._all[index]
        if isinstance(at, range):
            return [self[i] for i in at]
        return self._data[self._offsets[at] : self._offsets[at + 1]].decode()


Read: TypeAlias = Callable[[Path], bytes]
"""Reads a whole file, of a disk or of a store. MissingError if there is none."""


def read_table(folder: Path, entry: FileEntry, read: Read = read_bytes) -> dict[str, Any]:
    """The columns of an Arrow file of one record batch, in memory: NumPy arrays, Names, lists of arrays.

    PackError `missing-file`, `pack-size` or `pack-damaged` if the file is not as the manifest describes it.
    """
    path = folder / entry.file
    try:
        data = read(path)
    except MissingError:
        raise damaged("the pack lacks this file", path, "missing-file") from None
    if len(data) != entry.bytes:
        raise damaged(f"has {len(data)} bytes, expected {entry.bytes}", path, "pack-size")
    if (crc := checksum(data)) != entry.crc32:
        raise damaged(f"is damaged: its CRC-32 is {crc}, expected {entry.crc32}", path)
    try:
        (batch,) = read_batches(np.frombuffer(data, np.uint8))
    except ValueError as error:
        raise damaged(f"is not an Arrow file as packs have it: {error}", path) from None
    for name, kind in _KINDS[entry.file].items():
        column = batch.get(name)
        if column is None and name in NO_JPEG_INDEX:
            continue
        if column is None or kind not in (type(column), column[0].dtype):
            raise damaged(f"the column {name!r} is missing or of another type", path)
    return {name: _in_memory(column) for name, column in batch.items()}


def _in_memory(column: ArrowColumn) -> Any:
    if isinstance(column, Numbers):
        return column.values
    if isinstance(column, Lists):
        return [column.values[a:b] for a, b in itertools.pairwise(column.ends.tolist())]
    return Names(column.ends.copy(), column.data.tobytes())  # copied, so that the other columns are freed


def write_table(path: Path, columns: Mapping[str, Iterable[Any]]) -> FileEntry:
    """Write columns of texts, integers or arrays of them as an Arrow file of one record batch, whole or not at all."""
    made = {name: _to_arrow(_KINDS[path.name][name], values) for name, values in columns.items()}
    parts: list[Any] = []
    writer = ArrowWriter(parts.append, {name: kind for name, (kind, _) in made.items()})
    writer.batch([values for _, values in made.values()])
    writer.close()
    data = b"".join(parts)
    with atomic_write(path, alone=False) as file:
        file.write(data)
    return FileEntry(path.name, len(data), checksum(data))


def _to_arrow(kind: Any, values: Iterable[Any]) -> tuple[ArrowKind, Sequence[Any]]:
    if kind is Strings:
        return ArrowKind(TEXT), [v.encode() for v in values]
    if kind is Lists:
        return ArrowKind(LIST, np.dtype(np.int64)), [np.ascontiguousarray(v, np.int64) for v in values]
    return ArrowKind(INT, kind), np.asarray(values, kind)  # type: ignore[return-value]
