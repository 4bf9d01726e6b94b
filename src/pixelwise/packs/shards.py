"""Writing one shard, and reading back where its records lie."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..codecs import encode_png, parse_header
from ..dataset import FileSource
from ..errors import LabelError, PackError, PairError
from ..files import atomic_write, read_bytes
from ..store import Index, ShardEntry, checksum
from ..types import Sample
from .inventory import Inventory

BATCH_BYTES = 16 << 20
"""Payload of a record batch: 25 VOC samples. Larger ones were not faster and hold more memory."""

IN_FLIGHT_BYTES = 32 << 20
"""Decoded samples that may wait for their turn, per shard being written, beside one sample a thread."""


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one record, and their CRC-32 in the order image, label, instances."""

    image: Any
    label: Any
    instances: Any
    crc: int

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        return self.image, self.label, self.instances


def fetch(inventory: Inventory, record: int) -> Record:
    """Read one record's sample and bring it into the form that is stored. Thread-safe."""
    source, index = inventory.sources[inventory.source[record]], int(inventory.index[record])
    sample = source.read(index)
    expected = tuple(inventory.sizes[record].tolist())
    if sample.size != expected:
        raise PairError(
            f"has {sample.size[0]} x {sample.size[1]} pixels, its source promised {expected[0]} x {expected[1]}",
            code="size-mismatch", where=sample.name,
        )  # fmt: skip
    label: Any = None if sample.label is None else _ids(inventory, sample)
    image: Any = np.ascontiguousarray(sample.image)
    instances: Any = None if sample.instances is None else _object_numbers(sample)
    if inventory.encoding == "original":
        image = _original(source, index, image)
        label = None if label is None else encode_png(label)
        instances = None if instances is None else encode_png(instances)
    inventory.check_unchanged(record)
    crc = 0
    for part in (image, label, instances):
        crc = crc if part is None else checksum(part, crc)
    return Record(image, label, instances, crc)


def _ids(inventory: Inventory, sample: Sample) -> NDArray[Any]:
    from ..kernels.values import outside

    classes = inventory.dataset.classes
    label: NDArray[Any] = np.ascontiguousarray(sample.label)
    if label.dtype in (np.uint8, np.uint16):
        top = min(len(classes) - 1, int(np.iinfo(label.dtype).max))
        ignore = classes.ignore_index
        if ignore is None or ignore > np.iinfo(label.dtype).max:
            ignore = top
        if not outside(label.reshape(-1), label.dtype.type(top), label.dtype.type(ignore)):
            return label.astype(classes.dtype, copy=False)
    raise LabelError(
        f"the label ({label.dtype}) holds values that are no class", code="class-out-of-range", where=sample.name,
        fix=f"labels hold 0..{len(classes) - 1} and ignore_index {classes.ignore_index}, as uint8 or uint16",
    )  # fmt: skip


def _object_numbers(sample: Sample) -> NDArray[Any]:
    found: NDArray[Any] = np.ascontiguousarray(sample.instances)
    if found.shape != sample.size or found.dtype not in (np.uint8, np.uint16, np.uint32):
        raise LabelError(
            f"instances must be (H, W) uint8, uint16 or uint32, got {found.shape} {found.dtype}",
            code="unsupported-label-mode", where=sample.name,
        )  # fmt: skip
    return found


def _original(source: Any, index: int, image: NDArray[Any]) -> bytes:
    # A file's bytes are kept where any reader gets the same pixels from them; else the pixels, as PNG.
    if type(source) is FileSource:
        path = source.path(source.images, index)
        data = read_bytes(path)
        header = parse_header(data, path)
        if header.kind in ("jpeg", "png") and header.bits <= 8 and (header.height, header.width) == image.shape[:2]:
            return data
    return encode_png(image)


class _Sink:
    """A file that knows the size and CRC-32 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes = 0
        self.crc32 = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self._file.write(data)
        self.crc32 = checksum(data, self.crc32)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        self.closed = True


def write_shard(
    inventory: Inventory,
    shard: int,
    path: Path,
    pool: Executor,
    threads: int,
    stop: threading.Event,
    done: Callable[[], None],
) -> ShardEntry:
    """Write shard number `shard` to `path`, where it appears once it is on disk. `done()` after each record."""
    import pyarrow as pa

    first, last = inventory.shards[shard : shard + 2].tolist()
    schema = shard_schema(inventory)
    with atomic_write(path) as file:
        sink = _Sink(file)
        with pa.PythonFile(sink, "w") as stream, pa.ipc.new_file(stream, schema) as writer:
            batch: list[tuple[int, Record]] = []
            size = 0
            buffers = _Buffers()
            for record, got in _in_order(inventory, first, last, pool, threads, stop):
                batch.append((record, got))
                size += sum(_length(p) for p in got.parts)
                if size >= BATCH_BYTES:
                    writer.write_batch(_record_batch(inventory, schema, batch, buffers))
                    batch, size = [], 0
                done()
            if batch:
                writer.write_batch(_record_batch(inventory, schema, batch, buffers))
    return ShardEntry(path.name, last - first, sink.bytes, sink.crc32)


def _in_order(
    inventory: Inventory, first: int, last: int, pool: Executor, threads: int, stop: threading.Event
) -> Iterator[tuple[int, Record]]:
    """The records from `first` to `last`, fetched ahead by the pool, within the limit on memory."""
    waiting: deque[tuple[int, Future[Record]]] = deque()
    held, ahead = 0, first
    pixels = inventory.sizes.prod(axis=1) * 4
    try:
        for record in range(first, last):
            while ahead < last and (held < IN_FLIGHT_BYTES or len(waiting) < threads):
                waiting.append((ahead, pool.submit(fetch, inventory, ahead)))
                held += int(pixels[ahead])
                ahead += 1
            if stop.is_set():
                raise InterruptedError("packing was stopped")
            number, future = waiting.popleft()
            held -= int(pixels[number])
            yield record, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def shard_schema(inventory: Inventory) -> Any:
    """The columns of a shard, with what a reader without the manifest needs to know as metadata."""
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
            "pixelwise.encoding": inventory.encoding,
            "pixelwise.label_dtype": inventory.dataset.classes.dtype.__name__,
        },
    )


class _Buffers:
    """Memory in which the values of a column are laid end to end, used again for the next batch."""

    def __init__(self) -> None:
        self._held = [np.empty(0, np.uint8) for _ in range(3)]

    def join(self, column: int, parts: list[Any], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
        if len(self._held[column]) < offsets[-1]:
            self._held[column] = np.empty(int(offsets[-1]), np.uint8)
        buffer = self._held[column]
        for k, part in enumerate(parts):
            if part is not None:
                flat = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part.reshape(-1).view(np.uint8)
                buffer[offsets[k] : offsets[k + 1]] = flat
        return buffer[: offsets[-1]]


def _length(part: Any) -> int:
    return 0 if part is None else len(part) if isinstance(part, bytes) else int(part.nbytes)


def _record_batch(inventory: Inventory, schema: Any, batch: list[tuple[int, Record]], buffers: _Buffers) -> Any:
    import pyarrow as pa

    rows = [record for record, _ in batch]
    try:
        names = pa.array([inventory.name(r) for r in rows], pa.large_string())
    except UnicodeEncodeError as error:
        raise PackError(
            f"the name {error.object!r} is not Unicode text",
            code="list-encoding",
            where=inventory.dataset.root,
            fix="rename it",
        ) from None
    sizes = inventory.sizes[rows].astype(np.int32)
    columns = [names, pa.array(sizes[:, 0]), pa.array(sizes[:, 1])]
    for k in range(3):
        parts = [got.parts[k] for _, got in batch]
        offsets = np.concatenate([[0], np.cumsum([_length(p) for p in parts])]).astype(np.int64)
        present = np.array([p is not None for p in parts])
        valid = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
        data = pa.py_buffer(buffers.join(k, parts, offsets))
        columns.append(pa.Array.from_buffers(pa.large_binary(), len(batch), [valid, pa.py_buffer(offsets), data]))
    columns.append(pa.array([got.crc for _, got in batch], pa.uint32()))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def scan_shard(path: Path, number: int) -> dict[str, Any]:
    """The index columns of a finished shard, from the file itself. PackError `pack-damaged` for what is none."""
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
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise PackError(f"is no shard: {error}", code="pack-damaged", where=path, fix="pack again") from None
    names = [name for chunk in parts.pop("name") for name in chunk]
    return {"name": names, **{k: np.concatenate(v) for k, v in parts.items()}}


def _scan_batch(batch: Any, base: int, number: int, parts: dict[str, list[Any]]) -> None:
    n = len(batch)
    parts["name"].append(batch.column("name").to_pylist())
    parts["shard"].append(np.full(n, number, np.int32))
    for name in ("height", "width", "crc"):
        parts[name].append(batch.column(name).to_numpy().copy())
    for name in ("image", "label", "instances"):
        column = batch.column(name)
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int64, n + 1)
        absent = column.is_null().to_numpy(zero_copy_only=False)
        start = 0 if data is None else data.address - base
        parts[f"{name}_offset"].append(np.where(absent, -1, ends[:-1] + start))
        parts[f"{name}_bytes"].append(np.diff(ends))
