"""The small Arrow files of a pack: the index of records, the splits, the list of source files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from ..errors import MissingError, PackError
from ..files import read_bytes
from ..types import I64

PARTS: Final = ("image", "label", "instances")
"""The parts of a record, in the order in which its CRC covers them."""


def checksum(data: Any, start: int = 0) -> int:
    """CRC-32 (the polynomial of zlib, PNG and gzip) of bytes or a contiguous array, continuing `start`."""
    return int(zlib_ng.crc32(data, start))


def damaged(what: str, where: object, code: str = "pack-damaged") -> PackError:
    """The error for a part of a pack that is not as it was written."""
    return PackError(what, code=code, where=where, fix="pack again with overwrite; only damaged shards are rewritten")


class Record(NamedTuple):
    """A sample's bytes in the form in which a pack stores them: each bytes or a C-contiguous array, None if absent."""

    image: Any
    label: Any
    instances: Any

    @property
    def crc32(self) -> int:
        """CRC-32 of the image's, label's and instances' bytes, in this order."""
        crc = 0
        for part in self:
            if part is not None:
                crc = checksum(part, crc)
        return crc


class Names(Sequence[str]):
    """Strings of an Arrow array: 8 bytes each and their UTF-8, made to `str` when asked for. Thread-safe."""

    __slots__ = ("_data", "_offsets")

    def __init__(self, offsets: I64, data: bytes | memoryview) -> None:
        self._offsets = memoryview(offsets)  # type: ignore[arg-type]
        self._data = memoryview(data)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"name {index} of {len(self)}")
        at = index % len(self)
        return str(self._data[self._offsets[at] : self._offsets[at + 1]], "utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, slots=True)
class Index:
    """One entry per record, in the order of the shards. offset: byte in the shard's file; -1 for a part not stored.

    name: strings. height, width, shard: int32. image_*, label_*, instances_*: int64. crc: uint32, see `Record.crc32`.
    About 80 bytes per record and its name.
    """

    name: Sequence[str]
    height: NDArray[np.int32]
    width: NDArray[np.int32]
    shard: NDArray[np.int32]
    image_offset: I64
    image_bytes: I64
    label_offset: I64
    label_bytes: I64
    instances_offset: I64
    instances_bytes: I64
    crc: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.height)

    @classmethod
    def of(cls, columns: dict[str, Any]) -> Self:
        """From the columns of index.arrow; KeyError if one is missing."""
        return cls(**{f.name: columns[f.name] for f in fields(cls)})

    def part(self, name: str) -> tuple[I64, I64]:
        """Offsets and sizes of the images, labels or instances of all records."""
        return getattr(self, f"{name}_offset"), getattr(self, f"{name}_bytes")

    def record(self, row: int, read: Callable[[int, int], Any]) -> Record:
        """The bytes of record `row`. read(offset, size): bytes of its shard's file."""
        image, label = int(self.image_offset[row]), int(self.label_offset[row])
        instances = int(self.instances_offset[row])
        return Record(
            read(image, int(self.image_bytes[row])),
            None if label < 0 else read(label, int(self.label_bytes[row])),
            None if instances < 0 else read(instances, int(self.instances_bytes[row])),
        )


def read_table(path: Path, size: int, crc32: int) -> dict[str, Any]:
    """The columns of an Arrow file of one record batch, in memory: NumPy arrays, Names, lists of arrays.

    PackError `missing-file`, `pack-size` or `pack-damaged` if the file is not as the manifest describes it.
    """
    import pyarrow as pa

    try:
        data = read_bytes(path)
    except MissingError:
        raise damaged("the pack lacks this file", path, "missing-file") from None
    if len(data) != size:
        raise damaged(f"has {len(data)} bytes, expected {size}", path, "pack-size")
    if checksum(data) != crc32:
        raise damaged(f"is damaged: its CRC-32 is {checksum(data)}, expected {crc32}", path)
    try:
        with pa.ipc.open_file(pa.py_buffer(data)) as reader:
            batch = reader.get_batch(0)
        return {name: _column(batch.column(i)) for i, name in enumerate(batch.schema.names)}
    except (pa.ArrowException, ValueError, IndexError) as error:
        raise damaged(f"is not an Arrow file: {error}", path) from None


def _column(array: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_large_string(array.type):
        _, offsets, data = array.buffers()
        ends = np.frombuffer(offsets, np.int64, len(array) + 1) if len(array) else np.zeros(1, np.int64)
        return Names(ends, b"" if data is None else data)
    if pa.types.is_large_list(array.type):
        return [_column(array.slice(i, 1).flatten()) for i in range(len(array))]
    return array.to_numpy(zero_copy_only=True)


def write_table(columns: dict[str, Any]) -> bytes:
    """The columns as the bytes of an Arrow file of one record batch."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    batch = pa.record_batch(columns)
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
