"""Arrow files by our writer: what others read from them, and files that pyarrow wrote."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.packs.arrow import BINARY, INT, LIST, TEXT, Numbers, Strings, read_batches
from pixelwise.packs.arrow_writing import ArrowKind, ArrowWriter
from tests.support.packing import assert_equal, voc_tree

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
KINDS = st.one_of(
    st.sampled_from([ArrowKind(TEXT), ArrowKind(BINARY), ArrowKind(BINARY, nullable=True)]),
    st.sampled_from(INTEGERS).flatmap(lambda dtype: st.sampled_from([ArrowKind(INT, dtype), ArrowKind(LIST, dtype)])),
)


def values_of(kind: ArrowKind, rows: int) -> st.SearchStrategy[list[Any]]:
    """Rows of a column as Python's objects."""
    if kind.number == TEXT:
        one: st.SearchStrategy[Any] = st.text(st.characters(codec="utf-8"), max_size=9)
    elif kind.number == BINARY:
        one = st.binary(max_size=40)
    else:
        bounds = np.iinfo(kind.dtype)
        one = st.integers(int(bounds.min), int(bounds.max))
        one = st.lists(one, max_size=5) if kind.number == LIST else one
    return st.lists(one | st.none() if kind.nullable else one, min_size=rows, max_size=rows)


def column_of(kind: ArrowKind, values: list[Any]) -> Any:
    """Rows as the writer takes them."""
    if kind.number == INT:
        return np.array(values, kind.dtype)
    if kind.number == LIST:
        return [np.array(v, kind.dtype) for v in values]
    return [v.encode() if isinstance(v, str) else v for v in values]


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, ArrowKind], dict[str, str], list[list[list[Any]]]]:
    columns = draw(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), KINDS, min_size=1, max_size=6))
    metadata = draw(st.dictionaries(st.text("ab.é", max_size=5), st.text("xyzü", max_size=9), max_size=3))
    sizes = draw(st.lists(st.integers(0, 20), max_size=4))
    return columns, metadata, [[draw(values_of(kind, n)) for kind in columns.values()] for n in sizes]


def written(columns: dict[str, ArrowKind], metadata: dict[str, str], batches: list[list[list[Any]]]) -> bytes:
    out = io.BytesIO()
    writer = ArrowWriter(out.write, columns, metadata)
    for batch in batches:
        writer.batch([column_of(kind, values) for kind, values in zip(columns.values(), batch, strict=True)])
    writer.close()
    assert writer.size == len(out.getvalue())
    return out.getvalue()


def by_pyarrow(data: bytes) -> bytes:
    """The same file as pyarrow writes it."""
    file, out = pa.ipc.open_file(data), pa.BufferOutputStream()
    with pa.ipc.new_file(out, file.schema) as writer:
        for k in range(file.num_record_batches):
            writer.write_batch(file.get_batch(k))
    return out.getvalue().to_pybytes()


@given(files())
def test_pyarrow_and_our_reader_find_what_was_written(
    file: tuple[dict[str, ArrowKind], dict[str, str], list[list[list[Any]]]],
) -> None:
    columns, metadata, batches = file
    data = written(*file)
    assert written(*file) == data
    theirs = pa.ipc.open_file(data)
    assert theirs.num_record_batches == len(batches)
    assert {k.decode(): v.decode() for k, v in (theirs.schema.metadata or {}).items()} == metadata
    assert [(f.name, f.nullable) for f in theirs.schema] == [(name, k.nullable) for name, k in columns.items()]
    for k, batch in enumerate(batches):
        found = theirs.get_batch(k)
        found.validate(full=True)
        assert [c.to_pylist() for c in found.columns] == batch
    for source in (data, by_pyarrow(data)):  # packs of before were written by pyarrow
        for batch, found in zip(batches, read_batches(np.frombuffer(source, np.uint8)), strict=True):
            for kind, values, column in zip(columns.values(), batch, found.values(), strict=True):
                assert rows_of(kind, column, source) == values


def rows_of(kind: ArrowKind, column: Any, data: bytes) -> list[Any]:
    if isinstance(column, Numbers):
        assert column.values.dtype == kind.dtype
        return column.values.tolist()
    parts = [column[1][a:b] for a, b in zip(column.ends, column.ends[1:], strict=False)]
    if not isinstance(column, Strings):
        return [p.tolist() for p in parts]
    assert data[column.start : column.start + len(column.data)] == column.data.tobytes()
    read = [p.tobytes() if there else None for p, there in zip(parts, column.present, strict=True)]
    return [r.decode() if kind.number == TEXT and r is not None else r for r in read]


@pytest.mark.parametrize("encoding", ["raw", "original"])
def test_shards_that_pyarrow_wrote_are_kept_and_read(tmp_path: Path, encoding: str) -> None:
    """As a pack that an earlier version did not finish."""
    source = voc_tree(tmp_path / "voc")
    pack = tmp_path / "a.pack"
    pw.pack(source, pack, encoding=encoding, shard_bytes=5000)
    shards = sorted(pack.glob("*/shard-*.arrow"))
    assert len(shards) > 1
    theirs = {path: by_pyarrow(path.read_bytes()) for path in shards}
    for path, data in theirs.items():
        assert data != path.read_bytes()
        path.write_bytes(data)
    (pack / "manifest.json").unlink()
    after = pw.pack(source, pack, encoding=encoding, shard_bytes=5000)
    assert {path: path.read_bytes() for path in shards} == theirs
    assert not pw.verify(pack)
    for name, split in pw.open(source).items():
        assert_equal(split, after[name])


def test_polars_reads_the_shards(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    pack = tmp_path / "a.pack"
    packed = pw.pack(voc_tree(tmp_path / "voc"), pack)
    (path,) = pack.glob("*/shard-*.arrow")
    frame = polars.read_ipc(path)
    rows = {row["name"]: row for row in frame.to_dicts()}
    for sample in packed["train"]:
        assert rows[sample.name]["image"] == sample.image.tobytes()
