"""A pack gives what its source gives: whole samples, windows, sizes, addresses."""

from __future__ import annotations

import ctypes
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.dataset.dataset import Dataset
from pixelwise.packs.encodings.table import ENCODINGS
from pixelwise.types import Window
from tests.support.packing import ArraySource, assert_equal, assert_same, dataset_of, random_sample, table

SIDES = st.sampled_from([1, 2, 3, 7, 16, 33, 64])


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """One to nine samples of odd sizes; with or without labels and instances; splits that overlap and repeat."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    classes = table(draw(st.sampled_from([1, 2, 21, 255, 300])))
    labels = draw(st.booleans())
    kinds: Any = [None, np.uint8, np.uint16, np.uint32]
    samples = [
        random_sample(rng, f"näme {i}/{i}", (draw(SIDES), draw(SIDES)), classes, labels, draw(st.sampled_from(kinds)))
        for i in range(draw(st.integers(1, 9)))
    ]
    positions = st.lists(st.integers(0, len(samples) - 1), max_size=9)
    return dataset_of(
        ArraySource(samples, labels), classes, {"train": draw(positions), "all": None, "val": draw(positions)}
    )


@settings(max_examples=40)
@given(
    datasets(), st.sampled_from(sorted(ENCODINGS)), st.sampled_from([1, 3000, 1 << 20]), st.integers(1, 3), st.data()
)
def test_a_pack_is_its_source(
    dataset: Dataset, encoding: str, shard_bytes: int, threads: int, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "a.pack"
        pw.pack(dataset, out, encoding=encoding, shard_bytes=shard_bytes, threads=threads)
        packed = pw.open(out)
        assert packed.classes == dataset.classes
        assert list(packed.splits) == list(dataset.splits)
        for name in dataset.splits:
            assert_equal(dataset[name], packed[name])
            assert dataset[name].fingerprint == packed[name].fingerprint
        split, truth = packed["all"], dataset["all"]
        assert_equal(truth, pickle.loads(pickle.dumps(split)))
        i = data.draw(st.integers(0, len(split) - 1))
        height, width = truth[i].size
        y0, y1 = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
        x0, x1 = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
        window = Window(y0, x0, y1, x1)
        assert_same(truth.read(i, window), split.read(i, window))
        assert not pw.verify(out)


@settings(max_examples=25)
@given(datasets(), st.data())
def test_addresses_lead_to_the_pixels(dataset: Dataset, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = pw.pack(dataset, Path(folder) / "a.pack", shard_bytes=5000)
        for name in packed.splits:
            split, source = packed[name], packed[name].source
            if not len(split):
                continue
            indices = np.array(data.draw(st.lists(st.integers(0, len(split) - 1), min_size=1, max_size=8)), np.int64)
            images, labels, itemsize, _ = source.held(indices)
            source.check()
            for k, i in enumerate(indices.tolist()):
                truth = dataset[name][i]
                assert ctypes.string_at(int(images[k]), truth.image.nbytes) == truth.image.tobytes()
                assert (labels is None) == (truth.label is None)
                if truth.label is not None:
                    assert itemsize == truth.label.itemsize
                    assert ctypes.string_at(int(labels[k]), truth.label.nbytes) == truth.label.tobytes()


@settings(max_examples=20)
@given(datasets())
def test_plain_pyarrow_reads_the_shards(dataset: Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = pw.pack(dataset, Path(folder) / "a.pack", shard_bytes=5000)
        rows: dict[str, Any] = {}
        for path in sorted(Path(folder).glob("a.pack/*/shard-*.arrow")):
            with pa.OSFile(str(path)) as file:
                shard = pa.ipc.open_file(file).read_all()
            assert shard.schema.metadata == {
                b"pixelwise.encoding": b"raw", b"pixelwise.label_dtype": dataset.classes.dtype.__name__.encode()
            }  # fmt: skip
            rows |= {row["name"]: row for row in shard.to_pylist()}
        assert len(rows) == len(packed["all"])
        for sample in dataset["all"]:
            row = rows[sample.name]
            assert (row["height"], row["width"]) == sample.size
            assert row["image"] == sample.image.tobytes()
            assert row["label"] == (None if sample.label is None else sample.label.tobytes())
            assert row["instances"] == (None if sample.instances is None else sample.instances.tobytes())
