"""A cache of pixels is read as a raw pack on the disk is: many samples by one call of a kernel, with the same care."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import PackError
from pixelwise.loading.render import Renderer
from tests.support.remote import BUCKET, address, many_blocks, packs_of, store_with
from tests.support.stores import ObjectStore

PIXELS = [("raw", {}), ("original", {"cache_encoding": "raw"})]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return packs_of(tmp_path_factory.mktemp("packs"), 24, 40_000)


@pytest.fixture
def store(packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch, 8000)
    with store_with(monkeypatch, **packs) as made:
        yield made


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Places in their batches of the samples that were rendered by themselves."""
    seen: list[int] = []
    real = Renderer.write

    def write(renderer: Renderer, k: int, sample: pw.Sample) -> None:
        seen.append(k)
        real(renderer, k, sample)

    monkeypatch.setattr(Renderer, "write", write)
    return seen


def loader_of(split: pw.Split, **options: Any) -> pw.Loader:
    steps = [pw.RandomCrop(12, 16), pw.RandomHorizontalFlip()]
    return pw.Loader(split, 8, steps, shuffle=True, order="lanes", seed=3, **options)


def assert_batches_equal(a: Iterable[pw.Batch], b: Iterable[pw.Batch]) -> None:
    for x, y in zip(a, b, strict=True):
        assert x.names == y.names
        assert x.images.tobytes() == y.images.tobytes()
        assert x.labels is not None
        assert y.labels is not None
        assert x.labels.tobytes() == y.labels.tobytes()


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize(("name", "options"), PIXELS)
def test_no_sample_is_rendered_by_itself(
    store: ObjectStore, packs: dict[str, Path], name: str, options: Any, folder: bool, tmp_path: Path, single: list[int]
) -> None:
    there = loader_of(pw.open(address(name), cache=folder and tmp_path, **options)["all"])
    local = loader_of(pw.open(packs[name])["all"])
    truth = list(local) + list(local)
    single.clear()
    assert_batches_equal([*there, *there], truth)
    assert not single


@pytest.mark.parametrize(("name", "options"), PIXELS)
def test_pixels_stay_while_the_cache_loses_its_files(
    store: ObjectStore, packs: dict[str, Path], name: str, options: Any, tmp_path: Path
) -> None:
    split, truth = pw.open(address(name), cache=tmp_path, **options)["all"], pw.open(packs["raw"])["all"]
    list(split)
    source: Any = pw.open(address(name), cache=tmp_path, **options)["all"].source
    held = source.held(np.arange(24))
    for file in tmp_path.rglob("*.*"):
        file.unlink()
    source.volume._opened.clear()
    assert held.images.all()
    for k, sample in enumerate(truth):
        assert sample.label is not None
        assert ctypes.string_at(int(held.images[k]), sample.image.nbytes) == sample.image.tobytes()
        assert ctypes.string_at(int(held.labels[k]), sample.label.nbytes) == sample.label.tobytes()
    assert held.itemsize == 1


@pytest.mark.parametrize(("name", "options"), PIXELS)
def test_a_flipped_byte_in_the_cache_is_fetched_again(
    store: ObjectStore, packs: dict[str, Path], name: str, options: Any, tmp_path: Path
) -> None:
    list(pw.open(address(name), cache=tmp_path, **options)["all"])
    files = [p for p in tmp_path.rglob("*.*") if p.suffix in (".raw", ".stored")]
    for file in files:
        data = bytearray(file.read_bytes())
        data[len(data) // 3] ^= 4
        file.write_bytes(data)
    before = len(store.asked("shard"))
    there = loader_of(pw.open(address(name), cache=tmp_path, **options)["all"])
    assert_batches_equal(there, loader_of(pw.open(packs[name])["all"]))
    assert len(store.asked("shard")) >= before + len(files)


@pytest.mark.parametrize(("name", "options"), PIXELS)
def test_a_record_that_is_wrong_in_the_store_is_the_only_one(
    store: ObjectStore, packs: dict[str, Path], name: str, options: Any, tmp_path: Path
) -> None:
    source: Any = pw.open(packs[name])["all"].source
    entry = source.volume.index[5]
    shard = source.volume.path(int(entry["shard"])).relative_to(packs[name])
    wrong = bytearray(store.objects[f"{BUCKET}/{name}.pack/{shard}"])
    wrong[int(entry["image_offset"]) + 60] ^= 1
    store.objects[f"{BUCKET}/{name}.pack/{shard}"] = bytes(wrong)
    split = pw.open(address(name), cache=tmp_path, **options)["all"]
    with pytest.raises(PackError, match=r"record \d+ \(s005\): is damaged: its CRC-32 is") as caught:
        list(loader_of(split))
    assert caught.value.code == "record-crc"
    assert caught.value.__notes__ == ["while reading sample 's005'"]
    loader = loader_of(split, on_error="skip")
    with pytest.warns(pw.PixelwiseWarning, match="'s005'"):
        batches = list(loader)
    assert [name for name, _ in loader.skipped] == ["s005"]
    assert sum(int(b.real.sum()) for b in batches) == 23
    local = loader_of(pw.open(packs[name])["all"])
    for x, y in zip(batches, local, strict=True):
        assert x.images[x.real].tobytes() == y.images[x.real].tobytes()
