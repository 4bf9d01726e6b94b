"""Arrow IPC files written without Arrow: the few kinds of columns that packs have.

https://arrow.apache.org/docs/format/Columnar.html describes them. Their metadata are FlatBuffers tables; the numbers of
fields below are those of Arrow's Schema.fbs, Message.fbs and File.fbs. Values are written from where they are: they are
not copied end to end first, and the bytes of a file depend on no version of another library's writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from flatbuffers import Builder

from .arrow import INT, LIST, MAGIC, RECORD_BATCH

_SCHEMA: Final = 1  # of the union MessageHeader in Message.fbs
_VERSION: Final = 4  # V5 of MetadataVersion in Schema.fbs
_CONTINUES: Final = b"\xff\xff\xff\xff"


class ArrowKind(NamedTuple):
    """The type of a column. number: of the union Type in Schema.fbs. dtype: of numbers, or of the values of lists."""

    number: int
    dtype: Any = None
    nullable: bool = False


class ArrowWriter:
    """Writes a file by calls of `write`, from its beginning on.

    columns: the type of each, by name. metadata: of the schema. A column of a record batch is an array of integers, a
    sequence of UTF-8 or bytes, in which None is absent, or a sequence of arrays. size: the bytes written so far.
    """

    def __init__(
        self, write: Callable[[Any], object], columns: Mapping[str, ArrowKind], metadata: Mapping[str, str] = {}
    ) -> None:
        self._write, self._columns, self._metadata = write, columns, metadata
        self.size = 0
        self._blocks: list[tuple[int, int, int]] = []
        self._put(MAGIC, b"\0\0")
        builder = Builder()
        self._message(builder, _SCHEMA, self._schema(builder), 0)

    def batch(self, columns: Sequence[Any]) -> None:
        """Append a record batch."""
        body = _Body()
        for kind, values in zip(self._columns.values(), columns, strict=True):
            body.add(kind, values)
        builder = Builder()
        buffers = _structs(builder, body.buffers)
        nodes = _structs(builder, body.nodes)
        builder.StartObject(4)
        builder.PrependInt64Slot(0, len(columns[0]), 0)
        builder.PrependUOffsetTRelativeSlot(1, nodes, 0)
        builder.PrependUOffsetTRelativeSlot(2, buffers, 0)
        at = self.size
        metadata = self._message(builder, RECORD_BATCH, builder.EndObject(), body.size)
        self._put(*body.parts)
        self._blocks.append((at, metadata, body.size))

    def close(self) -> None:
        """Write the footer."""
        builder = Builder()
        schema = self._schema(builder)
        builder.StartVector(24, len(self._blocks), 8)
        for at, metadata, size in reversed(self._blocks):
            builder.Prep(8, 24)
            builder.PrependInt64(size)
            builder.Pad(4)
            builder.PrependInt32(metadata)
            builder.PrependInt64(at)
        blocks = builder.EndVector()
        builder.StartVector(24, 0, 8)
        dictionaries = builder.EndVector()
        builder.StartObject(5)
        builder.PrependInt16Slot(0, _VERSION, 0)
        builder.PrependUOffsetTRelativeSlot(1, schema, 0)
        builder.PrependUOffsetTRelativeSlot(2, dictionaries, 0)
        builder.PrependUOffsetTRelativeSlot(3, blocks, 0)
        builder.Finish(builder.EndObject())
        footer = bytes(builder.Output())
        self._put(_CONTINUES, bytes(4), footer, len(footer).to_bytes(4, "little"), MAGIC)

    def _put(self, *parts: Any) -> None:
        for part in parts:
            self._write(part)
            self.size += len(part)

    def _message(self, builder: Any, kind: int, header: int, body: int) -> int:
        """Write a message without its body; its bytes, all told."""
        builder.StartObject(5)
        builder.PrependInt16Slot(0, _VERSION, 0)
        builder.PrependUint8Slot(1, kind, 0)
        builder.PrependUOffsetTRelativeSlot(2, header, 0)
        builder.PrependInt64Slot(3, body, 0)
        builder.Finish(builder.EndObject())
        metadata = bytes(builder.Output())
        metadata += _padding(len(metadata))
        self._put(_CONTINUES, len(metadata).to_bytes(4, "little"), metadata)
        return len(metadata) + 8

    def _schema(self, builder: Any) -> int:
        fields = _tables(builder, [_field(builder, name, kind) for name, kind in self._columns.items()])
        metadata = _tables(builder, [_pair(builder, *pair) for pair in self._metadata.items()])
        builder.StartObject(4)
        builder.PrependUOffsetTRelativeSlot(1, fields, 0)
        builder.PrependUOffsetTRelativeSlot(2, metadata, 0)
        return int(builder.EndObject())


class _Body:
    """The buffers of a record batch, as parts end to end."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int]] = []
        self.buffers: list[tuple[int, int]] = []
        self.parts: list[Any] = []
        self.size = 0

    def add(self, kind: ArrowKind, values: Any) -> None:
        if kind.number == INT:
            self._node(len(values))
            self._buffer([np.ascontiguousarray(values)])
            return
        flat = [None if v is None else np.frombuffer(v, np.uint8) for v in values]
        present = [f for f in flat if f is not None]
        self._node(len(flat), None if len(present) == len(flat) else [f is not None for f in flat])
        each = 1 if kind.dtype is None else kind.dtype.itemsize
        ends = np.zeros(len(flat) + 1, np.int64)
        np.cumsum([0 if f is None else len(f) // each for f in flat], out=ends[1:])
        self._buffer([ends])
        if kind.number == LIST:
            self._node(int(ends[-1]))
        self._buffer(present)

    def _node(self, length: int, present: list[bool] | None = None) -> None:
        self.nodes.append((length, 0 if present is None else present.count(False)))
        self._buffer([] if present is None else [np.packbits(present, bitorder="little")])

    def _buffer(self, arrays: Sequence[Any]) -> None:
        flat = [a.view(np.uint8) for a in arrays]
        size = sum(map(len, flat))
        self.buffers.append((self.size, size))
        self.parts += [*flat, _padding(size)]
        self.size += size + len(self.parts[-1])


def _padding(size: int) -> bytes:
    return bytes(-size % 8)


def _structs(builder: Any, pairs: Sequence[tuple[int, int]]) -> int:
    """A vector of structs of two int64."""
    builder.StartVector(16, len(pairs), 8)
    for one, other in reversed(pairs):
        builder.Prep(8, 16)
        builder.PrependInt64(other)
        builder.PrependInt64(one)
    return int(builder.EndVector())


def _tables(builder: Any, places: Sequence[int]) -> int:
    """A vector of tables."""
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())


def _pair(builder: Any, key: str, value: str) -> int:
    places = builder.CreateString(key), builder.CreateString(value)
    builder.StartObject(2)
    for slot, place in enumerate(places):
        builder.PrependUOffsetTRelativeSlot(slot, place, 0)
    return int(builder.EndObject())


def _field(builder: Any, name: str, kind: ArrowKind) -> int:
    inner = [_field(builder, "item", ArrowKind(INT, kind.dtype, True))] if kind.number == LIST else []
    children, text = _tables(builder, inner), builder.CreateString(name)
    builder.StartObject(2)
    if kind.number == INT:
        builder.PrependInt32Slot(0, 8 * kind.dtype.itemsize, 0)
        builder.PrependBoolSlot(1, kind.dtype.kind == "i", False)
    of = builder.EndObject()
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependBoolSlot(1, kind.nullable, False)
    builder.PrependUint8Slot(2, kind.number, 0)
    builder.PrependUOffsetTRelativeSlot(3, of, 0)
    builder.PrependUOffsetTRelativeSlot(5, children, 0)
    return int(builder.EndObject())
