"""Shards: samples read, checked and encoded as record batches; the Arrow file of these; where its records are."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..codecs.decoding import decode_image
from ..dataset.sources import FileSource, Source
from ..errors import DataError, LabelError, PackError, PairError, SystemFault
from ..files.mapping import MappedFile, guarded
from ..files.reading import open_regular, read_bytes
from ..files.writing import atomic_write
from ..formats.converting import plain_file
from ..types import Sample
from .arrow import BINARY, INT, TEXT, read_batches
from .arrow_writing import ArrowKind, ArrowWriter
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
    file = _image_file(source, index, sample) if inventory.encoding.has_jpegs else None
    record = inventory.encoding.encode(sample, file)
    inventory.check_unchanged(row)
    return record


def _image_file(source: Source, index: int, sample: Sample) -> bytes | None:
    """The file of the sample's image, if it is one from which any reader gets the same pixels: then a pack keeps it."""
    data = _encoded(source, index)
    if data is None or type(source) is FileSource:
        return data
    # A source over others may have changed the pixels.
    with suppress(DataError):
        if np.array_equal(decode_image(data, sample.name), sample.image):
            return data
    return None


def _encoded(source: Source, index: int) -> bytes | None:
    """The file that the image of a sample was decoded from: on the disk, in a row of a table or in a pack."""
    if (file := plain_file(source, index)) is not None:
        return read_bytes(file)
    if (find := getattr(source, "encoded_image", None)) is not None:
        return find(index)  # type: ignore[no-any-return]
    beneath = getattr(source, "beneath", None)
    below = None if beneath is None else beneath(index)
    return None if below is None else _encoded(*below)


def _object_numbers(sample: Sample) -> NDArray[Any]:
    found: NDArray[Any] = np.ascontiguousarray(sample.instances)
    if found.shape != sample.size or found.dtype not in (np.uint8, np.uint16, np.uint32):
        what = f"instances must be (H, W) uint8, uint16 or uint32, got {found.shape} {found.dtype}"
        raise LabelError(what, code="unsupported-label-mode", where=sample.name)
    return found


def shard_columns(inventory: Inventory) -> dict[str, ArrowKind]:
    """The columns of a shard."""
    kinds = {"name": ArrowKind(TEXT), **{side: ArrowKind(INT, INDEX[side]) for side in ("height", "width")}}
    kinds |= {part: ArrowKind(BINARY, nullable=part != "image") for part in inventory.encoding.parts}
    return kinds | {"crc": ArrowKind(INT, INDEX["crc"])}


def make_batch(inventory: Inventory, rows: range) -> list[Any]:
    """Read these records: the columns of a record batch. Thread-safe."""
    try:
        names = [inventory.name(r).encode() for r in rows]
    except UnicodeEncodeError as error:
        what = f"the name {error.object!r} is not Unicode text"
        raise PackError(what, code="list-encoding", where=inventory.dataset.root, fix="rename it") from None
    records = [fetch(inventory, r) for r in rows]
    height, width = np.array([r.size for r in records], INDEX["height"]).T
    parts = [[getattr(r, part) for r in records] for part in inventory.encoding.parts]
    return [names, height, width, *parts, np.array([r.crc32 for r in records], INDEX["crc"])]


class ShardFile:
    """One shard being written. It appears under `path` once `finish` has brought it to the disk."""

    def __init__(self, path: Path, inventory: Inventory) -> None:
        self._path = path
        self._records, self._crc32 = 0, 0
        self._failed: OSError | None = None
        self._open = ExitStack()
        try:
            self._file: BinaryIO = self._open.enter_context(atomic_write(path, alone=False))
            # The metadata is for readers that do not look at the manifest.
            dtype = inventory.dataset.classes.dtype.__name__
            metadata = {"pixelwise.encoding": inventory.encoding.name, "pixelwise.label_dtype": dtype}
            self._writer = ArrowWriter(self._put, shard_columns(inventory), metadata)
        except BaseException as error:
            self.abandon(error)
            raise

    def _put(self, data: Any) -> None:
        self._file.write(data)
        self._crc32 = checksum(data, self._crc32)

    def write(self, batch: list[Any]) -> None:
        """Append the record batch of these columns."""
        self._writer.batch(batch)
        self._records += len(batch[0])

    def sync(self) -> None:
        """Bring to the disk what is written so far, so that `finish` has less to wait for."""
        try:
            os.fsync(self._file.fileno())
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
        return ShardEntry(self._path.name, self._records, self._writer.size, self._crc32)

    def abandon(self, error: BaseException) -> None:
        """Remove what is written so far."""
        self._open.__exit__(type(error), error, None)


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
