"""Shards: samples read, checked and encoded as record batches; the Arrow file of these; where its records are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dataset.sources import FileSource
from ..errors import LabelError, PackError, PairError, SystemFault
from ..files.mapping import MappedFile, guarded
from ..files.reading import open_regular
from ..files.writing import atomic_write
from ..types import U8, Sample
from .arrow import read_batches
from .class_ids import check_class_ids
from .index import INDEX, NO_JPEG_INDEX, PARTS, Record, checksum, damaged
from .inventory import Inventory
from .manifest import ShardEntry


def fetch(inventory: Inventory, row: int) -> Record:
    """Read the sample of one record and encode it. Thread-safe."""
    source, index = inventory.sources[inventory.source[row]], int(inventory.index[row])
    sample = source.read(index)
    expected = tuple(inventory.sizes[row].tolist())
    if sample.size != expected:
        sizes = f"{sample.size[0]} x {sample.size[1]} pixels, its source promised {expected[0]} x {expected[1]}"
        raise PairError(f"has {sizes}", code="size-mismatch", where=sample.name)
    if sample.label is None and source.has_labels:
        raise PairError("has no label, its source promised one", code="missing-label", where=sample.name)
    classes = inventory.dataset.classes
    label: Any = None if sample.label is None else np.ascontiguousarray(sample.label)
    if label is not None and not (type(source) is FileSource and source.classes is classes):
        check_class_ids(label, classes, sample.name)  # files were just checked against the same table
        label = label.astype(classes.dtype, copy=False)
    instances = None if sample.instances is None else _object_numbers(sample)
    sample = replace(sample, image=np.ascontiguousarray(sample.image), label=label, instances=instances)
    # Any reader gets the same pixels from a plain image file, so an encoding may keep it.
    file = None
    if type(source) is FileSource and source.decoding.plain_images:
        file = source.path(source.images, index)
    record = inventory.encoding.encode(sample, file)
    inventory.check_unchanged(row)
    return record


def _object_numbers(sample: Sample) -> NDArray[Any]:
    found: NDArray[Any] = np.ascontiguousarray(sample.instances)
    if found.shape != sample.size or found.dtype not in (np.uint8, np.uint16, np.uint32):
        what = f"instances must be (H, W) uint8, uint16 or uint32, got {found.shape} {found.dtype}"
        raise LabelError(what, code="unsupported-label-mode", where=sample.name)
    return found


def shard_schema(inventory: Inventory) -> Any:
    """The columns of a shard; the metadata is for readers that do not look at the manifest."""
    import pyarrow as pa

    kinds = {"name": pa.large_string(), "height": pa.int32(), "width": pa.int32()}
    kinds |= dict.fromkeys(inventory.encoding.parts, pa.large_binary()) | {"crc": pa.uint32()}
    label_dtype = inventory.dataset.classes.dtype.__name__
    return pa.schema(
        [pa.field(name, kind, nullable=name in PARTS[1:]) for name, kind in kinds.items()],
        metadata={"pixelwise.encoding": inventory.encoding.name, "pixelwise.label_dtype": label_dtype},
    )


class RecordBatch(NamedTuple):
    """A record batch without its long values.

    Arrow needs the values of a column end to end. Copying them together would take a fifth of the time of decoding, so
    the columns refer to memory that is never touched, and the sink writes `values` in its place: address of that
    memory -> the values, in order.
    """

    arrow: Any
    values: dict[int, list[U8]]
    made_of: tuple[Any, list[str], list[Record]]

    def __reduce__(self) -> tuple[Any, ...]:
        return assembled, self.made_of  # addresses mean nothing in another process


def make_batch(inventory: Inventory, rows: range) -> RecordBatch:
    """Read these records. Thread-safe."""
    names = [inventory.name(r) for r in rows]
    try:
        return assembled(shard_schema(inventory), names, [fetch(inventory, r) for r in rows])
    except UnicodeEncodeError as error:
        what = f"the name {error.object!r} is not Unicode text"
        raise PackError(what, code="list-encoding", where=inventory.dataset.root, fix="rename it") from None


def assembled(schema: Any, names: list[str], records: list[Record]) -> RecordBatch:
    """These records, under these names, as a record batch."""
    import pyarrow as pa

    values: dict[int, list[U8]] = {}
    sizes, *parts = zip(*records, strict=True)
    columns = [pa.array(names, pa.large_string()), *(pa.array(side, pa.int32()) for side in zip(*sizes, strict=True))]
    columns += [_stand_in(column, values) for part, column in zip(PARTS, parts, strict=True) if part in schema.names]
    columns.append(pa.array([r.crc32 for r in records], pa.uint32()))
    return RecordBatch(pa.RecordBatch.from_arrays(columns, schema=schema), values, (schema, names, records))


def _stand_in(parts: Sequence[Any], values: dict[int, list[U8]]) -> Any:
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
            self._sink = _Sink(self._open.enter_context(atomic_write(path, alone=False)))
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
                what, fix = f"cannot be written: {self._failed.strerror}", "check space and permissions"
                raise SystemFault(what, code="cannot-write", where=self._path, fix=fix)
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
        self.values: dict[int, list[U8]] = {}

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


def scan_shard(path: Path, number: int) -> tuple[list[str], NDArray[np.void]]:
    """Names and index of a finished shard, from the file itself. PackError `pack-damaged` if it is not one."""
    names: list[str] = []
    parts = [np.empty(0, INDEX)]
    try:
        with guarded():
            for batch in read_batches(map_shard(path).data):
                names += _texts(batch["name"])
                parts.append(_index_of(batch, number))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise damaged(f"is not a shard: {error}", path) from None
    return names, np.concatenate(parts)


def map_shard(path: Path) -> MappedFile:
    """A shard that this process may just have written."""
    with open_regular(path) as fd:
        size = os.fstat(fd).st_size
        return MappedFile(fd, size, path, lambda: damaged("changed while it was read", path, "pack-size"))


def _texts(column: Any) -> list[str]:
    data = column.data.tobytes()
    return [data[a:b].decode() for a, b in itertools.pairwise(column.ends.tolist())]


def _index_of(batch: dict[str, Any], shard: int) -> NDArray[np.void]:
    """The index of a record batch."""
    out = np.empty(len(batch["crc"].values), INDEX)
    out["shard"] = shard
    for name in ("height", "width", "crc"):
        out[name] = batch[name].values
    for name, value in NO_JPEG_INDEX.items():
        out[name] = value
    for name in PARTS:
        if name not in batch:
            continue
        column = batch[name]
        out[f"{name}_offset"] = np.where(column.present, column.ends[:-1] + column.start, -1)
        out[f"{name}_bytes"] = np.diff(column.ends)
    return out
