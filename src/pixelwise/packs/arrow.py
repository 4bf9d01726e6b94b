"""Arrow IPC files read without Arrow: the few kinds of columns that packs have, every number checked before it is used.

Arrow's own reader trusts a file that passes its checks of structure, and a damaged one can end the process. Here all
that is read of a file's metadata is a FlatBuffers table (https://flatbuffers.dev/internals): a signed offset leads back
to the places of its fields, and an unsigned one forward to a text, a vector or another table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import I64, U8

MAGIC: Final = b"ARROW1"
INT, BINARY, TEXT, LIST = 2, 19, 20, 21  # of the union Type in Arrow's Schema.fbs: Int, LargeBinary, LargeUtf8 ...
RECORD_BATCH: Final = 3  # of the union MessageHeader in Message.fbs
_DTYPES: Final = {(8 * size, signed): np.dtype(f"<{'ui'[signed]}{size}") for size in (1, 2, 4, 8) for signed in (0, 1)}
_MOST_FIELDS: Final = 64


class Numbers(NamedTuple):
    """A column of numbers. values: (n,)."""

    values: NDArray[Any]


class Strings(NamedTuple):
    """A column of texts or bytes. Value i is data[ends[i]:ends[i + 1]], and absent if not present[i].

    start: the place of `data` in the file.
    """

    ends: I64
    data: U8
    present: NDArray[np.bool_]
    start: int


class Lists(NamedTuple):
    """A column of lists of numbers. List i is values[ends[i]:ends[i + 1]]."""

    ends: I64
    values: NDArray[Any]


ArrowColumn = Numbers | Strings | Lists


def read_batches(data: U8) -> Iterator[dict[str, ArrowColumn]]:
    """The columns of each record batch of an Arrow file, by name, as views of its bytes. ValueError if it is not
    one.
    """
    try:
        footer = _footer(data)
        fields = _fields(footer)
        for offset, metadata, _, body in footer.structs(3, "<qiiq"):  # recordBatches
            yield _batch(data, fields, offset, metadata, body)
    except (struct.error, UnicodeDecodeError, KeyError, OverflowError) as error:
        raise ValueError(f"its metadata is damaged ({type(error).__name__}: {error})") from None


class _Table:
    """A FlatBuffers table in `data`. ValueError or struct.error for what leads out of it."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._read("<i", at)
        self._size = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        if len(data) < 4:
            raise ValueError("its metadata is too short")
        return cls(data, int(struct.unpack_from("<I", data)[0]))

    def _read(self, form: str, at: int) -> int:
        if not 0 <= at <= len(self._data):  # Python would count a negative place from the end
            raise ValueError("its metadata leads out of the file")
        return int(struct.unpack_from(form, self._data, at)[0])

    def _place(self, field: int) -> int:
        """Where the field's value is; 0 if it has its default."""
        entry = 4 + 2 * field
        place = self._read("<H", self._fields + entry) if entry < self._size else 0
        return self._at + place if place else 0

    def number(self, field: int, form: str) -> int:
        """A number, by default 0."""
        place = self._place(field)
        return self._read(form, place) if place else 0

    def _target(self, field: int) -> int:
        place = self._place(field)
        if not place:
            raise ValueError(f"its metadata lacks field {field}")
        return place + self._read("<I", place)

    def table(self, field: int) -> _Table:
        """Another table."""
        return _Table(self._data, self._target(field))

    def text(self, field: int) -> str:
        """A text."""
        at = self._target(field)
        size = self._read("<I", at)
        if size > len(self._data) - at - 4:
            raise ValueError("its metadata leads out of the file")
        return self._data[at + 4 : at + 4 + size].decode()

    def has(self, field: int) -> bool:
        """Whether the field is there."""
        return self._place(field) != 0

    def tables(self, field: int) -> list[_Table]:
        """A vector of tables; [] if it is absent."""
        if not self.has(field):
            return []
        at = self._target(field)
        count = self._read("<I", at)
        if count > _MOST_FIELDS:
            raise ValueError(f"it has {count} columns, at most {_MOST_FIELDS} are read")
        places = range(at + 4, at + 4 + 4 * count, 4)
        return [_Table(self._data, place + self._read("<I", place)) for place in places]

    def structs(self, field: int, form: str) -> list[tuple[int, ...]]:
        """A vector of structs of this form; [] if it is absent."""
        if not self.has(field):
            return []
        at, size = self._target(field), struct.calcsize(form)
        count = self._read("<I", at)
        if count * size > len(self._data) - at - 4:
            raise ValueError("its metadata leads out of the file")
        return list(struct.iter_unpack(form, self._data[at + 4 : at + 4 + count * size]))


class _Field(NamedTuple):
    name: str
    kind: int
    dtype: np.dtype[Any] | None  # of numbers, and of the values of lists


def _footer(data: U8) -> _Table:
    size = len(data)
    if size < 24 or data[:6].tobytes() != MAGIC or data[-6:].tobytes() != MAGIC:
        raise ValueError("it does not begin and end as one")
    length = int.from_bytes(data[-10:-6].tobytes(), "little")
    if not 4 <= length <= size - 18:
        raise ValueError(f"its footer of {length} bytes does not fit in")
    return _Table.root(data[size - 10 - length : size - 10].tobytes())


def _fields(footer: _Table) -> list[_Field]:
    schema = footer.table(1)
    if schema.number(0, "<h") != 0:
        raise ValueError("it is big-endian")
    found = []
    for field in schema.tables(1):
        name, kind = field.text(0), field.number(2, "<B")
        if field.has(4) or kind not in (INT, BINARY, TEXT, LIST):
            raise ValueError(f"the column {name!r} is of another type")
        of = field
        if kind == LIST:
            (of,) = field.tables(5) or [field]
            if of.number(2, "<B") != INT:
                raise ValueError(f"the column {name!r} is of another type")
        dtype = None
        if kind in (INT, LIST):
            number = of.table(3)
            dtype = _DTYPES[number.number(0, "<i"), int(number.number(1, "<B") != 0)]
        found.append(_Field(name, kind, dtype))
    if len({f.name for f in found}) < len(found):
        raise ValueError("two of its columns have one name")
    return found


def _batch(data: U8, fields: list[_Field], offset: int, metadata: int, body: int) -> dict[str, ArrowColumn]:
    size = len(data)
    if not (8 <= offset <= size and 8 <= metadata <= size - offset and 0 <= body <= size - offset - metadata):
        raise ValueError("a record batch leads out of the file")
    head = data[offset : offset + metadata].tobytes()
    if head[:4] != b"\xff\xff\xff\xff":
        raise ValueError("a record batch does not begin as one")
    message = _Table.root(head[8:])
    if message.number(1, "<B") != RECORD_BATCH:
        raise ValueError("what should be a record batch is something else")
    batch = message.table(2)
    if batch.has(3):
        raise ValueError("it is compressed")
    first = offset + metadata
    reader = _Body(data[first : first + body], first, batch.structs(1, "<qq"), batch.structs(2, "<qq"))
    columns = {field.name: reader.column(field, batch.number(0, "<q")) for field in fields}
    reader.check_end()
    return columns


class _Body:
    """The buffers of a record batch, taken one after the other."""

    def __init__(self, data: U8, start: int, nodes: list[tuple[int, ...]], buffers: list[tuple[int, ...]]) -> None:
        self._data, self._start = data, start
        self._nodes, self._buffers = iter(nodes), iter(buffers)

    def check_end(self) -> None:
        if next(self._nodes, None) is not None or next(self._buffers, None) is not None:
            raise ValueError("a record batch has more columns than the schema")

    def column(self, field: _Field, length: int) -> ArrowColumn:
        """The next column, of `length` rows."""
        present = self._node(length)
        if field.kind == INT:
            if not present.all():
                raise ValueError(f"the column {field.name!r} lacks values")
            return Numbers(self._numbers(field.dtype, length))
        ends = self._ends(field, length)
        if field.kind == LIST:
            if not present.all():
                raise ValueError(f"the column {field.name!r} lacks values")
            inner = self._next_node()[0]
            if not int(ends[-1]) <= inner or not self._node_of(inner, 0).all():
                raise ValueError(f"the lists of {field.name!r} lead out of their values")
            return Lists(ends, self._numbers(field.dtype, inner))
        at, values = self._buffer()
        if int(ends[-1]) > len(values):
            raise ValueError(f"the values of {field.name!r} lead out of their bytes")
        if field.kind == TEXT:
            _check_text(values[: int(ends[-1])], ends)
        return Strings(ends, values, present, at)

    def _next_node(self) -> tuple[int, ...]:
        node = next(self._nodes, None)
        if node is None:
            raise ValueError("a record batch has fewer columns than the schema")
        return node

    def _node(self, length: int) -> NDArray[np.bool_]:
        """The presence of the values of the next node, which must have `length` of them."""
        found, absent = self._next_node()
        if found != length:
            raise ValueError(f"a column has {found} rows, its record batch {length}")
        return self._node_of(length, absent)

    def _node_of(self, length: int, absent: int) -> NDArray[np.bool_]:
        _, bits = self._buffer()
        if not 0 <= length <= 8 * len(self._data) or not 0 <= absent <= length:
            raise ValueError(f"a column of {length} rows does not fit in")
        if not absent:
            return np.ones(length, np.bool_)
        if 8 * len(bits) < length:
            raise ValueError("the marks of absent values do not fit in")
        present = np.unpackbits(bits[: -(-length // 8)], count=length, bitorder="little").astype(np.bool_)
        if int((~present).sum()) != absent:
            raise ValueError("the number of absent values is wrong")
        return present

    def _buffer(self) -> tuple[int, U8]:
        """The next buffer, and its place in the file."""
        buffer = next(self._buffers, None)
        if buffer is None:
            raise ValueError("a record batch has fewer buffers than its columns need")
        offset, size = buffer
        if not (0 <= offset <= len(self._data) and 0 <= size <= len(self._data) - offset):
            raise ValueError("a buffer leads out of its record batch")
        return self._start + offset, self._data[offset : offset + size]

    def _numbers(self, dtype: Any, count: int) -> NDArray[Any]:
        values = self._buffer()[1]
        if count * dtype.itemsize > len(values):
            raise ValueError("the values of a column do not fit in")
        found: NDArray[Any] = np.frombuffer(values, dtype, count) if count else np.zeros(0, dtype)
        return found

    def _ends(self, field: _Field, length: int) -> I64:
        ends = self._numbers(np.dtype("<i8"), length + 1) if length else np.zeros(1, np.int64)
        if not length:
            self._buffer()
        if (ends < 0).any() or (ends[1:] < ends[:-1]).any():
            raise ValueError(f"the offsets of {field.name!r} go back")
        return ends


def _check_text(data: U8, ends: I64) -> None:
    data.tobytes().decode()
    inside = ends[(ends > 0) & (ends < len(data))]
    if ((data[inside] & 0xC0) == 0x80).any():
        raise ValueError("a text begins inside a letter")
