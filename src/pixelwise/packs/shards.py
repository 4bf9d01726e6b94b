"""Shards: record batches, the Arrow file they are written to, and the places of the records in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import PackError, SystemFault
from ..files import atomic_write
from .index import PARTS, Index, checksum, damaged
from .inventory import Inventory
from .manifest import ShardEntry
from .records import fetch


def shard_schema(inventory: Inventory) -> Any:
    """The columns of a shard; the metadata is for readers that do not look at the manifest."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("name", pa.large_string(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("image", pa.large_binary(), nullable=False),
            pa.field("label", pa.large_binary()),
            pa.field("instances", pa.large_binary()),
            pa.field("crc", pa.uint32(), nullable=False),
        ],
        metadata={
            "pixelwise.encoding": inventory.encoding.name,
            "pixelwise.label_dtype": inventory.dataset.classes.dtype.__name__,
        },
    )


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """A record batch without its long values.

    Arrow needs the values of a column end to end. Copying them together would take a fifth of the time of decoding, so
    the columns refer to memory that is never touched, and the sink writes `values` in its place: address of that
    memory -> the values, in order.
    """

    arrow: Any
    values: dict[int, list[NDArray[np.uint8]]]


def make_batch(inventory: Inventory, rows: range) -> RecordBatch:
    """Read these records. Thread-safe."""
    import pyarrow as pa

    records = [fetch(inventory, r) for r in rows]
    try:
        names = pa.array([inventory.name(r) for r in rows], pa.large_string())
    except UnicodeEncodeError as error:
        raise PackError(
            f"the name {error.object!r} is not Unicode text", code="list-encoding", where=inventory.dataset.root,
            fix="rename it",
        ) from None  # fmt: skip
    sizes = inventory.sizes[rows.start : rows.stop].astype(np.int32)
    columns = [names, pa.array(sizes[:, 0]), pa.array(sizes[:, 1])]
    values: dict[int, list[NDArray[np.uint8]]] = {}
    for parts in zip(*records, strict=True):
        columns.append(_stand_in(parts, values))
    columns.append(pa.array([r.crc32 for r in records], pa.uint32()))
    return RecordBatch(pa.RecordBatch.from_arrays(columns, schema=shard_schema(inventory)), values)


def _stand_in(parts: Sequence[Any], values: dict[int, list[NDArray[np.uint8]]]) -> Any:
    """An Arrow column as long as the parts end to end, its memory untouched; the parts are added to `values`."""
    import pyarrow as pa

    flat = [None if p is None else np.frombuffer(p, np.uint8) for p in parts]
    offsets = np.zeros(len(flat) + 1, np.int64)
    np.cumsum([0 if f is None else len(f) for f in flat], out=offsets[1:])
    untouched = np.empty(int(offsets[-1]), np.uint8)
    values[untouched.ctypes.data] = [f for f in flat if f is not None]
    present = np.array([f is not None for f in flat])
    valid = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(untouched)]
    return pa.Array.from_buffers(pa.large_binary(), len(parts), buffers)


class ShardFile:
    """One shard being written. It appears under `path` once `finish` has brought it to the disk."""

    def __init__(self, path: Path, inventory: Inventory) -> None:
        import pyarrow as pa

        self._path = path
        self._records = 0
        self._failed: OSError | None = None
        self._open = ExitStack()
        try:
            self._sink = _Sink(self._open.enter_context(atomic_write(path)))
            self._writer = pa.ipc.new_file(pa.PythonFile(self._sink, "w"), shard_schema(inventory))
        except BaseException as error:
            self.abandon(error)
            raise

    def write(self, batch: RecordBatch) -> None:
        """Append a record batch."""
        self._sink.values = batch.values
        self._writer.write_batch(batch.arrow)
        self._records += len(batch.arrow)

    def sync(self) -> None:
        """Bring to the disk what is written so far, so that `finish` has less to wait for."""
        try:
            os.fsync(self._sink.fileno())
        except OSError as error:  # the system reports it once: the last sync may succeed
            self._failed = error

    def finish(self) -> ShardEntry:
        """Write the footer, sync, rename."""
        try:
            self._writer.close()
            if self._failed is not None:
                raise SystemFault(
                    f"cannot be written: {self._failed.strerror}", code="cannot-write", where=self._path,
                    fix="check space and permissions",
                )  # fmt: skip
        except BaseException as error:
            self.abandon(error)
            raise
        self._open.close()
        return ShardEntry(self._path.name, self._records, self._sink.bytes, self._sink.crc32)

    def abandon(self, error: BaseException) -> None:
        """Remove what is written so far."""
        self._open.__exit__(type(error), error, None)


class _Sink:
    """A file object for pyarrow to write to, which keeps its size and CRC-32; for `values` see RecordBatch."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes = 0
        self.crc32 = 0
        self.values: dict[int, list[NDArray[np.uint8]]] = {}

    def write(self, data: Any) -> int:
        values = self.values.get(data.address) if hasattr(data, "address") and len(data) else None
        part: Any
        for part in [data] if values is None else values:
            self._file.write(part)
            self.crc32 = checksum(part, self.crc32)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        pass  # whoever opened the file closes it, once it is synced


def scan_shard(path: Path, number: int) -> Index:
    """The index of a finished shard, from the file itself. PackError `pack-damaged` if it is not one."""
    import pyarrow as pa

    parts: dict[str, list[Any]] = {f.name: [] for f in fields(Index)}
    try:
        with pa.memory_map(str(path)) as file:
            base = file.read_buffer(file.size()).address
            file.seek(0)
            with pa.ipc.open_file(file) as reader:
                for k in range(reader.num_record_batches):
                    batch = reader.get_batch(k)
                    batch.validate(full=True)
                    _scan_batch(batch, base, number, parts)
        names = [name for chunk in parts.pop("name") for name in chunk]
        return Index(names, **{k: np.concatenate(v) for k, v in parts.items()})
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(f"is not a shard: {error}", path) from None


def _scan_batch(batch: Any, base: int, number: int, parts: dict[str, list[Any]]) -> None:
    n = len(batch)
    parts["name"].append(batch.column("name").to_pylist())
    parts["shard"].append(np.full(n, number, np.int32))
    for name in ("height", "width", "crc"):
        parts[name].append(batch.column(name).to_numpy().copy())
    for name in PARTS:
        column = batch.column(name)
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int64, n + 1)
        absent = column.is_null().to_numpy(zero_copy_only=False)
        start = 0 if data is None else data.address - base
        parts[f"{name}_offset"].append(np.where(absent, -1, ends[:-1] + start))
        parts[f"{name}_bytes"].append(np.diff(ends))
