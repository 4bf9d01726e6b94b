"""Packs: made from files, opened, verified, continued, replaced, cached, and refused when damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.dataset.dataset import concat
from pixelwise.errors import DataError, PackError, SystemFault, UsageError
from pixelwise.files.writing import folder_in_use
from pixelwise.formats.given import as_dataset
from pixelwise.packs import writing
from pixelwise.packs.caching import cached
from pixelwise.packs.encodings.table import ENCODINGS
from pixelwise.packs.index import checksum
from pixelwise.packs.source import PackSource
from tests.support.packing import (
    ArraySource,
    assert_equal,
    dataset_of,
    random_sample,
    read_all,
    small,
    table,
    tree,
    voc_tree,
)

TWO = 2 * 21 * 34 * 4
"""Bytes of two samples of `small`: what makes shards of two."""


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return voc_tree(tmp_path / "VOC2012")


def data_of(pack: Path) -> Path:
    """The folder of a pack's shards."""
    return next(p for p in pack.iterdir() if p.is_dir())


# -- from files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_files_and_pack_are_equal(voc: Path, tmp_path: Path, encoding: str) -> None:
    files = pw.open(voc)
    packed = pw.pack(files, tmp_path / "a.pack", encoding=encoding)
    assert packed.format == "pack"
    assert list(packed.splits) == ["train", "val", "trainval", "test"]
    for name in files.splits:
        assert_equal(files[name], packed[name])
    assert any(s.instances is not None for s in packed["train"])
    assert not packed["test"].has_labels
    assert not pw.verify(tmp_path / "a.pack", source=True)


def test_a_part_of_a_voc_tree(voc_root: Path, tmp_path: Path) -> None:
    files = pw.open(voc_root)
    splits = {name: files[name][:12] for name in ("train", "trainval")}
    part = pw.Dataset(
        files.root, "voc", files.classes, type(files.splits)({k: (lambda v=v: v) for k, v in splits.items()})
    )
    packed = pw.pack(part, tmp_path / "a.pack")
    for name, split in splits.items():
        assert_equal(split, packed[name])


def test_a_sample_of_two_splits_is_stored_once(voc: Path, tmp_path: Path) -> None:
    packed = pw.pack(pw.open(voc), tmp_path / "a.pack")
    source = packed["trainval"].source
    assert isinstance(source, PackSource)
    assert source.volume.manifest.records == 12
    b = packed["train"].source.held(np.array([0]))  # type: ignore[attr-defined]
    assert source.held(np.array([0])).images == b.images


def test_only_the_splits_asked_for(voc: Path, tmp_path: Path) -> None:
    packed = pw.pack(pw.open(voc), tmp_path / "a.pack", splits=["val"])
    assert list(packed.splits) == ["val"]
    assert packed["val"].source.volume.manifest.records == 4  # type: ignore[attr-defined]


def test_original_keeps_the_bytes_of_the_images(voc: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    pw.pack(pw.open(voc), tmp_path / "a.pack", encoding="original")
    with pa.OSFile(str(data_of(tmp_path / "a.pack") / "shard-00000.arrow")) as file:
        rows = pa.ipc.open_file(file).read_all().to_pylist()
    for row in rows:
        assert row["image"] == (voc / f"JPEGImages/{row['name']}.jpg").read_bytes()


def test_a_pack_of_a_pack(voc: Path, tmp_path: Path) -> None:
    files = pw.open(voc)
    one = pw.pack(files, tmp_path / "one.pack", encoding="original")
    two = pw.pack(one, tmp_path / "two.pack", encoding="raw")
    for name in files.splits:
        assert_equal(files[name], two[name])


def records(dataset: pw.Dataset) -> dict[str, Any]:
    """The bytes of each record of a pack by its name."""
    volume = next(iter(dataset.values())).source.volume  # type: ignore[attr-defined]
    found = {}
    for row, name in enumerate(volume.names):
        own = volume.record(row)
        parts = (own.image, own.label, own.instances, own.jpeg_index)
        found[name] = [None if part is None else part.tobytes() for part in parts]
    return found


def test_a_pack_of_an_original_pack_has_its_bytes(voc: Path, tmp_path: Path) -> None:
    one = pw.pack(voc, tmp_path / "one.pack", encoding="original")
    two = pw.pack(one, tmp_path / "two.pack", encoding="original")
    three = pw.pack(two["train"], tmp_path / "three.pack", encoding="original")
    assert records(two) == records(one)
    assert records(three) == {name: records(one)[name] for name in three["train"].names}
    for name in one.splits:
        assert_equal(one[name], two[name])
    damaged = data_of(tmp_path / "one.pack") / "shard-00000.arrow"
    data = bytearray(damaged.read_bytes())
    data[data.index(records(two)[one["train"].names[0]][0]) + 300] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(PackError, match="record-crc"):
        pw.pack(tmp_path / "one.pack", tmp_path / "four.pack", encoding="original")


def over_files(voc: Path, folder: Path) -> dict[str, pw.Dataset]:
    """Datasets whose images are those of VOC's files, by what is between."""
    files = pw.open(voc)
    pack = pw.pack(files, folder / "one.pack", encoding="original")
    found = {
        "merged": files.merge_classes({"pet": ["cat", "dog"]}), "pack": pack,
        "merged pack": pack.merge_classes({"pet": ["cat", "dog"]}), "joined": concat([files]),
        "subset": files.subset(names=files["train"].names), "labels drawn": pw.convert(files, folder / "c", to="coco"),
    }  # fmt: skip
    with suppress(ImportError):
        found["rows of a file"] = pw.convert(files, folder / "hf", to="huggingface")
        found["rows in memory"] = pw.from_huggingface(pw.to_huggingface(files, splits=["train", "val"]))
    return found


@pytest.mark.filterwarnings("ignore")
def test_a_pack_of_anything_over_files_keeps_their_bytes(voc: Path, tmp_path: Path) -> None:
    for what, dataset in over_files(voc, tmp_path).items():
        packed = pw.pack(dataset, tmp_path / f"{what}.pack", encoding="original")
        for name, parts in records(packed).items():
            assert parts[0] == (voc / f"JPEGImages/{name}.jpg").read_bytes(), what
        for name in packed.splits:
            assert_equal(dataset[name], packed[name])


class Inverted(pw.ArraySource):
    """Over the samples of a split, whose images it changes."""

    def __init__(self, split: pw.Split) -> None:
        super().__init__([255 - one.image for one in split], [one.label for one in split], split.names)
        self.split = split

    def beneath(self, index: int) -> tuple[Any, int]:
        return self.split.source, self.split.position(index)


def test_a_source_that_changes_the_images_keeps_no_file(voc: Path, tmp_path: Path) -> None:
    train = pw.open(voc)["train"]
    inverted = pw.Split("train", train.classes, Inverted(train))
    packed = pw.pack(inverted, tmp_path / "a.pack", encoding="original")["train"]
    assert_equal(packed, inverted)
    assert not np.array_equal(packed[0].image, train[0].image)


def test_a_pack_loads_the_same_batches_as_its_files(voc: Path, tmp_path: Path) -> None:
    files = pw.open(voc)
    packed = pw.pack(files, tmp_path / "a.pack")
    transforms = [pw.RandomCrop(16, 18), pw.RandomHorizontalFlip(p=0.5), pw.Normalize()]
    batches = [list(pw.Loader(d["trainval"], 3, transforms, shuffle=True, seed=3, threads=2)) for d in (files, packed)]
    assert len(batches[0]) == 4
    for a, b in zip(*batches, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.labels, b.labels)  # type: ignore[arg-type]
        assert a.names == b.names


def test_notes_of_lists_are_kept(voc: Path, tmp_path: Path) -> None:
    path = voc / "ImageSets/Segmentation/val.txt"
    path.write_text("".join(f"{line}.jpg\n" for line in path.read_text().split()))
    packed = pw.pack(pw.open(voc), tmp_path / "a.pack")
    assert [n.code for n in packed["val"].notes] == ["extension-in-list"]


def test_raw_pixels_are_views_that_cannot_be_written(tmp_path: Path) -> None:
    packed = pw.pack(small(), tmp_path / "a.pack")
    sample = packed["all"][3]
    assert not sample.image.flags.writeable
    assert not sample.image.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        sample.label[0, 0] = 1  # type: ignore[index]


def test_views_outlive_the_dataset(tmp_path: Path) -> None:
    dataset = small()
    image = pw.pack(dataset, tmp_path / "a.pack")["all"][3].image
    shutil.rmtree(tmp_path / "a.pack")
    np.testing.assert_array_equal(image, dataset["all"][3].image)


# -- what is refused ----------------------------------------------------------------------------------------------


def test_a_bad_sample_stops_packing_by_its_name(voc: Path, tmp_path: Path) -> None:
    victim = voc / "SegmentationClass/2007_000004.png"
    victim.write_bytes(victim.read_bytes()[:-30])
    with pytest.raises(DataError, match="2007_000004"):
        pw.pack(pw.open(voc), tmp_path / "a.pack")
    with pytest.raises(PackError) as caught:
        pw.open(tmp_path / "a.pack")
    assert caught.value.code == "unfinished-pack"


def test_values_that_are_not_class_ids_are_not_packed(tmp_path: Path) -> None:
    ids = table(3)
    sample = pw.Sample("s", np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 3, np.uint8))
    with pytest.raises(DataError) as caught:
        pw.pack(dataset_of(ArraySource([sample], True), ids, {"all": None}), tmp_path / "a.pack")
    assert caught.value.code == "class-out-of-range"


def test_a_label_that_is_promised_and_not_there(tmp_path: Path) -> None:
    sample = pw.Sample("s", np.zeros((4, 5, 3), np.uint8), None)
    with pytest.raises(DataError, match="promised one"):
        pw.pack(dataset_of(ArraySource([sample], True), table(3), {"all": None}), tmp_path / "a.pack")


def test_labels_are_stored_in_the_tables_dtype(tmp_path: Path) -> None:
    sample = pw.Sample("s", np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 2, np.uint16))
    packed = pw.pack(dataset_of(ArraySource([sample], True), table(3), {"all": None}), tmp_path / "a.pack")
    assert packed["all"][0].label.dtype == np.uint8  # type: ignore[union-attr]


def test_wrong_use(tmp_path: Path) -> None:
    dataset = small()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out, options, code in (
        ("full", {}, "not-empty"), ("file", {}, "not-empty"), ("x", {"encoding": "zip"}, "bad-argument"),
        ("x", {"shard_bytes": 0}, "bad-argument"), ("x", {"splits": ["tarin"]}, "unknown-split"),
        ("x", {"splits": []}, "bad-argument"),
    ):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            pw.pack(dataset, tmp_path / out, **options)  # type: ignore[arg-type]
        assert caught.value.code == code
    assert (tmp_path / "full/notes.txt").read_text() == "mine"
    original = pw.pack(dataset, tmp_path / "o.pack", encoding="original")
    with pytest.raises(UsageError):
        original["all"].source.held(np.array([0]))  # type: ignore[attr-defined]


def test_too_little_room_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = small()
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 100))
    dataset["all"].source.reads.clear()  # type: ignore[attr-defined]
    with pytest.raises(SystemFault) as caught:
        pw.pack(dataset, tmp_path / "a.pack")
    assert caught.value.code == "disk-full"


# -- again, instead, afterwards -----------------------------------------------------------------------------------


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    pw.pack(small(), out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    seen: list[int] = []
    assert_equal(small()["all"], pw.pack(small(), out, progress=lambda done, total: seen.append(done))["all"])
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before
    assert seen == []


def test_another_pack_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    pw.pack(small(seed=1), out)
    with pytest.raises(UsageError) as caught:
        pw.pack(small(seed=2), out)
    assert caught.value.code == "pack-exists"
    assert_equal(small(seed=1)["all"], pw.open(out)["all"])
    old = pw.open(out)["all"]
    old[0]
    pw.pack(small(seed=2), out, overwrite=True)
    assert_equal(small(seed=2)["all"], pw.open(out)["all"])
    assert len(list(out.iterdir())) == 2, "the old pack's files are gone"
    assert_equal(small(seed=1)["all"], old)  # a reader of the old one keeps its mapped shard


def test_packing_twice_gives_the_same_bytes(voc: Path, tmp_path: Path) -> None:
    for name, threads in (("a.pack", 1), ("b.pack", 4)):
        pw.pack(pw.open(voc), tmp_path / name, shard_bytes=20_000, threads=threads)
    assert tree(tmp_path / "a.pack") == tree(tmp_path / "b.pack")


def test_finished_shards_are_kept_and_checked(tmp_path: Path) -> None:
    out, dataset = tmp_path / "a.pack", small(12)
    pw.pack(dataset, out, shard_bytes=TWO)
    whole = tree(out)
    shards = sorted(data_of(out).glob("shard-*.arrow"))
    assert len(shards) == 6
    (out / "manifest.json").unlink()
    shards[1].unlink()
    damaged = bytearray(shards[3].read_bytes())
    damaged[len(damaged) // 2] ^= 4
    shards[3].write_bytes(damaged)
    shards[4].write_bytes(shards[4].read_bytes()[:-100])
    source: Any = dataset["all"].source
    times = {p: p.stat().st_mtime_ns for p in shards if p.exists()}
    taken = writing.take_inventory(dataset, "raw", TWO)  # reads all samples, as arrays have no files to look at
    source.reads.clear()
    writing.write_pack(taken, out, 2, None)
    assert sorted(source.reads) == [2, 3, 6, 7, 8, 9]
    assert tree(out) == whole
    assert [p.stat().st_mtime_ns == times.get(p) for p in shards] == [True, False, True, False, False, True]


def test_overwrite_mends_a_damaged_shard(tmp_path: Path) -> None:
    out, dataset = tmp_path / "a.pack", small(12)
    pw.pack(dataset, out, shard_bytes=TWO)
    whole = tree(out)
    shard = data_of(out) / "shard-00002.arrow"
    data = bytearray(shard.read_bytes())
    data[1500] ^= 1
    shard.write_bytes(data)
    assert len(pw.verify(out)) == 1
    pw.pack(dataset, out, shard_bytes=TWO, overwrite=True)
    assert tree(out) == whole


@pytest.mark.skipif(os.name != "posix", reason="locks of folders")
def test_what_killed_packers_left_goes_and_what_a_packer_writes_stays(tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    dead, living = out / ("0" * 16), out / ("1" * 16)
    with folder_in_use(living):
        for folder in (dead, living):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "shard-00000.arrow").write_bytes(b"x")
        pw.pack(small(), out)
        assert (dead.exists(), living.exists(), data_of(out).exists()) == (False, True, True)
    pw.pack(small(), out)
    assert (living.exists(), data_of(out).exists()) == (False, True)


def test_two_packers_of_the_same_at_once(voc: Path, tmp_path: Path) -> None:
    out, files = tmp_path / "a.pack", pw.open(voc)
    barrier = threading.Barrier(3)

    def one(_: int) -> Any:
        barrier.wait()
        return pw.pack(pw.open(voc), out, shard_bytes=15_000, threads=1)

    with ThreadPoolExecutor(3) as pool:
        for packed in pool.map(one, range(3)):
            assert_equal(files["trainval"], packed["trainval"])
    assert not pw.verify(out)
    assert list(out.rglob("*.part")) == []
    pw.pack(files, tmp_path / "alone.pack", shard_bytes=15_000)
    assert tree(out) == tree(tmp_path / "alone.pack")


def test_two_packers_of_different_things_at_once(tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    barrier = threading.Barrier(2)

    def one(seed: int) -> None:
        barrier.wait()
        pw.pack(small(30, seed), out, shard_bytes=TWO, threads=1, overwrite=True)

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(one, seed) for seed in (1, 2)]
    for job in jobs:  # one may lose its folder to the other, and says so
        assert job.exception() is None or isinstance(job.exception(), pw.PixelwiseError)
    assert not pw.verify(out)
    split = pw.open(out)["all"]
    assert any(np.array_equal(split[0].image, small(30, seed)["all"][0].image) for seed in (1, 2))


def test_progress_and_its_interruption(tmp_path: Path) -> None:
    out, seen, threads = tmp_path / "a.pack", [], threading.active_count()

    def stop(done: int, total: int | None) -> None:
        seen.append((done, total))
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pw.pack(small(12), out, shard_bytes=TWO, threads=1, progress=stop)
    assert seen == [(2, 12), (4, 12), (6, 12)]
    assert list(out.rglob("*.part")) == []
    assert threading.active_count() == threads
    seen.clear()
    pw.pack(small(12), out, shard_bytes=TWO, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] > 6, "finished shards count at once"
    assert seen[-1] == (12, 12)


# -- sources that change ------------------------------------------------------------------------------------------


def touch(path: Path) -> None:
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000_000))


def test_a_stale_pack_names_the_file(voc: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.pack"
    pw.pack(pw.open(voc), out)
    pw.open(out, source=True)
    touch(voc / "SegmentationClass/2007_000003.png")
    (voc / "JPEGImages/2007_000007.jpg").unlink()
    assert pw.open(out).format == "pack", "a pack can be read without its source"
    with pytest.raises(PackError, match=r"2007_000003\.png") as caught:
        pw.open(out, source=True)
    assert caught.value.code == "stale-pack"
    found = pw.verify(out, source=True)
    assert [(f.code, Path(f.where).name) for f in found] == [
        ("stale-pack", "2007_000003.png"), ("stale-pack", "2007_000007.jpg")
    ]  # fmt: skip
    assert not pw.verify(out)


def test_a_source_that_moved(voc: Path, tmp_path: Path) -> None:
    pw.pack(pw.open(voc), tmp_path / "a.pack")
    moved = voc.rename(tmp_path / "elsewhere")
    assert pw.open(tmp_path / "a.pack", source=moved).format == "pack"
    with pytest.raises(PackError, match="is gone"):
        pw.open(tmp_path / "a.pack", source=True)


def test_a_file_that_changes_while_it_is_packed(voc: Path, tmp_path: Path) -> None:
    inventory = writing.take_inventory(pw.open(voc), "raw", 1 << 20)
    touch(voc / "JPEGImages/2007_000005.jpg")
    with pytest.raises(PackError, match=r"2007_000005\.jpg") as caught:
        writing.write_pack(inventory, tmp_path / "a.pack", 2, None)
    assert caught.value.code == "stale-pack"


def test_open_with_a_cache(voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "cache"))
    files = pw.open(voc)
    first = pw.open(voc, cache=True)
    assert first.format == "pack"
    assert first.root.is_relative_to(tmp_path / "cache")
    before = tree(first.root)
    again = pw.open(voc, cache=True)
    assert again.root == first.root
    assert_equal(files["trainval"], again["trainval"])
    touch(voc / "JPEGImages/2007_000001.jpg")
    changed = pw.open(voc, cache=True)
    assert changed.root == first.root
    assert set(tree(changed.root)) != set(before), "packed again"
    assert len(list(changed.root.iterdir())) == 2
    chosen = pw.open(voc, cache=tmp_path / "mine")
    assert chosen.root.parent == tmp_path / "mine"
    assert pw.open(chosen.root, cache=True).root == chosen.root, "a pack is not packed again"


def test_a_cache_with_a_damaged_pack_is_mended(voc: Path, tmp_path: Path) -> None:
    root = cached(pw.open(voc), tmp_path / "cache").root
    (data_of(root) / "shard-00000.arrow").write_bytes(b"")
    assert_equal(pw.open(voc)["val"], cached(pw.open(voc), tmp_path / "cache")["val"])
    (root / "manifest.json").write_bytes(b"{")
    assert_equal(pw.open(voc)["val"], cached(pw.open(voc), tmp_path / "cache")["val"])


# -- damage -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of 12 samples in 6 shards, to be copied."""
    out = tmp_path_factory.mktemp("pack") / "a.pack"
    rng, ids = np.random.default_rng(0), table(5)
    samples = [random_sample(rng, f"s{i:03d}", (21, 34), ids, True, np.uint8 if i % 2 else None) for i in range(12)]
    pw.pack(dataset_of(ArraySource(samples, True), ids, {"all": None, "odd": [1, 3, 5]}), out, shard_bytes=TWO)
    return out


@pytest.fixture
def copy(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "copy.pack"))


def test_every_bit_that_flips_in_a_shard_is_found(copy: Path) -> None:
    shard = data_of(copy) / "shard-00001.arrow"
    whole = shard.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 40).tolist():
        data = bytearray(whole)
        data[at] ^= 1 << int(rng.integers(8))
        shard.write_bytes(data)
        found = pw.verify(copy)
        assert [f.code for f in found] in (["record-crc"], ["pack-damaged"]), at
        assert "shard-00001.arrow" in found.findings[0].where
    shard.write_bytes(whole)
    assert not pw.verify(copy)


def test_damage_is_named_by_shard_and_record(copy: Path) -> None:
    split = pw.open(copy)["all"]
    volume = split.source.volume  # type: ignore[attr-defined]
    row = 5
    path, at = volume.path(int(volume.index["shard"][row])), int(volume.index["label_offset"][row])
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    (finding,) = pw.verify(copy)
    assert finding.code == "record-crc"
    assert finding.where.endswith("shard-00002.arrow: record 1 (s005)")
    with pytest.raises(PackError, match=r"record 1 \(s005\)"):
        pw.open(copy)["all"][5]
    pw.open(copy)["all"][4]


@pytest.mark.parametrize("size", [0, 100, -1, -8, 1])
def test_a_shard_of_another_size_is_refused_when_opened(copy: Path, size: int) -> None:
    shard = data_of(copy) / "shard-00003.arrow"
    data = shard.read_bytes()
    shard.write_bytes(data + b"\0" if size == 1 else data[:size])
    with pytest.raises(PackError, match="shard-00003") as caught:
        pw.open(copy)
    assert caught.value.code == "pack-size"
    assert [f.code for f in pw.verify(copy)] == ["pack-size"]


@pytest.mark.parametrize("name", ["shard-00005.arrow", "index.arrow", "splits.arrow"])
def test_a_missing_file_is_refused_when_opened(copy: Path, name: str) -> None:
    (data_of(copy) / name).unlink()
    with pytest.raises(PackError, match=name) as caught:
        pw.open(copy)
    assert caught.value.code == ("missing-shard" if name.startswith("shard") else "missing-file")


@pytest.mark.parametrize("name", ["index.arrow", "splits.arrow"])
def test_a_damaged_table_is_refused_when_opened(copy: Path, name: str) -> None:
    path = data_of(copy) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(PackError, match=name) as caught:
        pw.open(copy)
    assert caught.value.code == "pack-damaged"


def test_all_missing_shards_are_listed(copy: Path) -> None:
    for k in (1, 4):
        (data_of(copy) / f"shard-0000{k}.arrow").unlink()
    assert [(f.code, Path(f.where).name) for f in pw.verify(copy)] == [
        ("missing-shard", "shard-00001.arrow"), ("missing-shard", "shard-00004.arrow")
    ]  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in nested lists and dictionaries."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [place for k, v in items for place in leaves(v, (*path, k))]
    return [path]


def changed(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if isinstance(value, int) else [] if isinstance(value, dict | list) else f"{value}x"


def test_every_field_of_the_manifest_is_guarded(copy: Path) -> None:
    path = copy / "manifest.json"
    whole = json.loads(path.read_text())
    for place in leaves(whole):
        for how in ("change", "remove"):
            fields = json.loads(path.read_text())
            at = fields
            for key in place[:-1]:
                at = at[key]
            if how == "change":
                at[place[-1]] = changed(at[place[-1]])
            else:
                del at[place[-1]]
            if fields == whole:
                continue
            path.write_text(json.dumps(fields))
            with pytest.raises(PackError) as caught:
                pw.open(copy)
            assert caught.value.code in ("bad-manifest", "pack-version"), place
            path.write_text(json.dumps(whole))
    pw.open(copy)


def resigned(path: Path, change: Any) -> None:
    """Change the manifest as a faulty program would: with a right checksum."""
    fields = json.loads(path.read_text())
    fields.pop("crc32")
    change(fields)
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    path.write_text(json.dumps({**fields, "crc32": checksum(text.encode())}))


def test_a_manifest_that_contradicts_the_files_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    whole = path.read_text()

    def shards(fields: Any) -> list[Any]:
        return fields["shards"]  # type: ignore[no-any-return]

    changes: list[Any] = [
        lambda f: f.update(records=11),
        lambda f: f.update(version=2),
        lambda f: f.update(label_dtype="uint16"),
        lambda f: f.update(encoding="png"),
        lambda f: f.update(data="../../elsewhere"),
        lambda f: f.update(fingerprint="../../../../etc/passwd"),
        lambda f: shards(f)[0].update(file="../manifest.json"),
        lambda f: shards(f).pop(),
        lambda f: shards(f)[0].update(records=1),
        lambda f: (shards(f)[0].update(records=1), shards(f)[1].update(records=3)),
        lambda f: f["splits"][0].update(samples=11),
        lambda f: f["splits"].pop(),
        lambda f: f["splits"][0].update(name="other"),
        lambda f: f["tables"].pop(),
        lambda f: f["tables"][0].update(crc32=1),
        lambda f: f["classes"].update(names=[]),
        lambda f: f["classes"].update(names=[f"c{i}" for i in range(300)], colors=[[0, 0, 0]] * 300),
    ]
    for k, change in enumerate(changes):
        resigned(path, change)
        with pytest.raises(PackError):
            pw.open(copy)
            raise AssertionError(f"change {k} was accepted")
        path.write_text(whole)
    pw.open(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": "pixelwise-pack"}', "\xff"])
def test_a_broken_manifest_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(PackError) as caught:
        pw.open(copy)
    assert caught.value.code == "bad-manifest"


def test_a_newer_version_is_refused_by_number(copy: Path) -> None:
    resigned(copy / "manifest.json", lambda f: f.update(version=3))
    with pytest.raises(PackError, match="version 3, this pixelwise reads 1 and 2") as caught:
        pw.open(copy)
    assert caught.value.code == "pack-version"


def rewritten(pack: Path, name: str, row: int, value: int) -> None:
    """Change a number of the index as a faulty program would: with right checksums everywhere."""
    import pyarrow as pa

    path = data_of(pack) / "index.arrow"
    with pa.OSFile(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
    column = batch.column(name)
    values = column.to_pylist()
    values[row] = value
    batch = batch.set_column(
        batch.schema.get_field_index(name), batch.schema.field(name), pa.array(values, column.type)
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    path.write_bytes(sink.getvalue())

    def change(fields: Any) -> None:
        for entry in (fields["tables"][0], *fields["shards"]):
            data = (data_of(pack) / entry["file"]).read_bytes()
            entry.update(bytes=len(data), crc32=checksum(data))

    resigned(pack / "manifest.json", change)


def test_labels_that_are_not_class_ids_are_found(copy: Path) -> None:
    """A pack by another program: everything adds up, but a label holds 200."""
    volume = pw.open(copy)["all"].source.volume  # type: ignore[attr-defined]
    path, at = volume.path(0), int(volume.index["label_offset"][0])
    data = bytearray(path.read_bytes())
    data[at] = 200
    path.write_bytes(data)
    (finding,) = pw.verify(copy)
    rewritten(copy, "crc", 0, int(finding.what.split("CRC-32 is ")[1].split(",")[0]))
    (finding,) = pw.verify(copy)
    assert finding.code == "class-out-of-range"
    assert "the first is 200" in finding.what


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_record_of_another_size_than_the_index_says_is_refused(tmp_path: Path, encoding: str) -> None:
    out = tmp_path / "a.pack"
    pw.pack(small(3), out, encoding=encoding)
    rewritten(out, "height", 1, 20)
    found = [f.code for f in pw.verify(out)]
    if found == ["size-mismatch"]:
        with pytest.raises(PackError, match=r"21 x 34 pixels, the index says 20 x 34"):
            pw.open(out)["all"][1]
    else:
        assert found == ["pack-damaged"], "a raw pack cannot even be opened"


def test_what_is_not_a_pack(tmp_path: Path, voc: Path) -> None:
    with pytest.raises(DataError) as caught:
        pw.verify(voc)
    assert caught.value.code == "no-dataset"
    with pytest.raises(DataError):
        pw.verify(tmp_path / "nothing")
    (voc / "manifest.json").write_text('{"name": "a web app"}')
    assert pw.open(voc).format == "voc"


# -- in use -------------------------------------------------------------------------------------------------------


def test_a_shard_cut_in_use_is_an_error_not_a_crash(copy: Path) -> None:
    code = f"""
import os, numpy as np, pixelwise as pw
split = pw.open({str(copy)!r})["all"]
split.source.held(np.arange(12))
volume = split.source.volume
os.truncate(volume.path(2), 100)
for use in (split.source.check, lambda: split[5], lambda: list(pw.Loader(split, 2, [pw.CenterCrop(4, 4)]))):
    try:
        use()
    except pw.PixelwiseError as error:
        print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["pack-size"] * 3), done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_it(packed: Path, method: str) -> None:
    split = pw.open(packed)["all"]
    truth = read_all(split)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(read_all, [split] * 4).get(60) == [truth] * 4


def test_many_threads_read_it(packed: Path) -> None:
    truth = read_all(pw.open(packed)["all"])
    split = pw.open(packed)["all"]  # nothing mapped yet
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read_all, [split] * 32)) == [truth] * 32
    assert sum(m is not None for m in split.source.volume._maps) == 6  # type: ignore[attr-defined]


def test_a_pickled_split_refuses_another_pack(copy: Path) -> None:
    data = pickle.dumps(pw.open(copy)["all"])
    pw.pack(small(3), copy, overwrite=True)
    with pytest.raises(PackError) as caught:
        pickle.loads(data)
    assert caught.value.code == "stale-pack"


def test_indices_outside(packed: Path) -> None:
    split = pw.open(packed)["odd"]
    for index in (3, -4):
        with pytest.raises(IndexError):
            split.source.read(index)
        with pytest.raises(IndexError):
            split[index]
    with pytest.raises(IndexError):
        split.source.held(np.array([3]))  # type: ignore[attr-defined]
    assert split[-1].name == "s005"


def test_memory_per_sample_is_small(tmp_path: Path) -> None:
    """Opening keeps the index and nothing else: under 200 bytes per sample, so that ten million fit."""
    ids, count = table(3), 4000
    pixel = pw.Sample("", np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    samples = [pw.Sample(f"2007_{i:06d}", pixel.image, pixel.label) for i in range(count)]
    pw.pack(dataset_of(ArraySource(samples, True), ids, {"all": None}), tmp_path / "a.pack")
    size = sum((data_of(tmp_path / "a.pack") / name).stat().st_size for name in ("index.arrow", "splits.arrow"))
    assert size / count < 110
    code = f"""
import tracemalloc, pixelwise as pw
pw.open({str(tmp_path / "a.pack")!r})["all"].sizes()
tracemalloc.start()
split = pw.open({str(tmp_path / "a.pack")!r})["all"]
print(tracemalloc.get_traced_memory()[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) / count < 150


# -- what samples are made of -------------------------------------------------------------------------------------


def test_datasets_made_from_datasets_are_known_by_their_files(
    voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pw.open(voc)
    animals = files.remap({"bird": "aeroplane"})
    vehicles = files.remap({"aeroplane": "bird"})
    joined = concat([files, pw.open(voc_tree(tmp_path / "more", seed=1))])
    inventories = []
    with monkeypatch.context() as patch:
        patch.setattr("pixelwise.dataset.sources.FileSource.read", lambda *a, **k: pytest.fail("a pixel was read"))
        for dataset in (files, animals, vehicles, joined):
            part = as_dataset(dataset, "train", verb="pack")
            inventories.append(writing.take_inventory(part, "raw", 1 << 20))
    assert len({i.fingerprint for i in inventories}) == 4
    assert all(len(i.files) >= 10 for i in inventories)
    packed = pw.pack(animals, tmp_path / "a.pack")
    assert_equal(animals["train"], packed["train"])
    assert packed.history == animals.history != ()
    touch(voc / "SegmentationClass/2007_000000.png")
    with pytest.raises(PackError, match="2007_000000"):
        pw.open(tmp_path / "a.pack", source=True)


def test_drawn_labels_are_stale_when_their_annotation_changes(tmp_path: Path) -> None:
    from pixelwise.codecs.png import encode_png

    root = tmp_path / "labelme"
    root.mkdir()
    for name in ("a", "b"):
        (root / f"{name}.png").write_bytes(encode_png(np.zeros((20, 30, 3), np.uint8)))
        shape = {"label": "cat", "points": [[2, 2], [20, 2], [20, 15]], "shape_type": "polygon"}
        text = {"imagePath": f"{name}.png", "shapes": [shape], "imageHeight": 20, "imageWidth": 30}
        (root / f"{name}.json").write_text(json.dumps(text))
    first = pw.open(root, format="labelme", cache=tmp_path / "cache")
    assert first.format == "pack"
    assert_equal(pw.open(root, format="labelme")["all"], first["all"])
    text["shapes"] = []
    (root / "b.json").write_text(json.dumps(text))
    assert "b.json" in pw.verify(first.root, source=True).findings[0].where
    second = pw.open(root, format="labelme", cache=tmp_path / "cache")
    assert (second["all"][1].label == 0).all()  # type: ignore[union-attr]


def test_a_file_that_appears_is_a_change(voc: Path, tmp_path: Path) -> None:
    pw.pack(pw.open(voc), tmp_path / "a.pack")
    name = "2007_000001.png"
    shutil.copy(voc / "SegmentationClass" / name, voc / "SegmentationObject" / name)
    (finding,) = pw.verify(tmp_path / "a.pack", source=True)
    assert finding.where.endswith(f"SegmentationObject/{name}")
    assert "is new" in finding.what


def test_a_path_a_dataset_or_a_split_can_be_packed(voc: Path, tmp_path: Path) -> None:
    dataset = pw.open(voc)
    assert list(pw.pack(dataset, tmp_path / "a.pack", splits="val").splits) == ["val"]
    split = pw.pack(dataset["trainval"][2:5], tmp_path / "b.pack")
    assert list(split.splits) == ["trainval"]
    assert_equal(dataset["trainval"][2:5], split["trainval"])
    assert not pw.verify(tmp_path / "b.pack", source=True)
    whole = pw.pack(voc, tmp_path / "c.pack", format="voc", labels="SegmentationClass")
    assert_equal(dataset["trainval"], whole["trainval"])
    for data, options, message in (
        (5, {}, r"pack\(\) takes a path, a Dataset or a Split, got int"),
        (dataset, {"format": "voc"}, "only with a path"),
    ):
        with pytest.raises(UsageError, match=message):
            pw.pack(data, tmp_path / "d.pack", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "d.pack").exists()


# -- encodings and verification -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_encoding_stores_every_kind_of_sample(tmp_path: Path, encoding: str) -> None:
    """One pixel to odd sizes; labels of 8 and 16 bits; instances of 8, 16 and 24 bits."""
    rng = np.random.default_rng(0)
    for classes in (21, 300):
        kinds: list[Any] = [None, np.uint8, np.uint16, np.uint32]
        samples = [
            random_sample(rng, f"s{i}", size, table(classes), True, kinds[i % 4])
            for i, size in enumerate([(1, 1), (7, 1), (1, 9), (33, 64), (64, 33), (5, 3), (2, 2), (21, 34)])
        ]
        samples[3].instances[0, 0] = (1 << 24) - 1  # type: ignore[index]
        dataset = dataset_of(ArraySource(samples, True), table(classes), {"all": None})
        out = tmp_path / f"{classes}.pack"
        assert_equal(dataset["all"], pw.pack(dataset, out, encoding=encoding)["all"])
        assert json.loads((out / "manifest.json").read_text())["encoding"] == encoding
        assert not pw.verify(out)


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_encoding_names_what_is_damaged(voc: Path, tmp_path: Path, encoding: str) -> None:
    out = tmp_path / "a.pack"
    split = pw.pack(pw.open(voc), out, encoding=encoding)["trainval"]
    index = split.source.volume.index  # type: ignore[attr-defined]
    shard = data_of(out) / "shard-00000.arrow"
    whole = shard.read_bytes()
    for row, part in ((0, "image"), (4, "label"), (6, "instances")):
        at, size = (int(index[f"{part}_{what}"][row]) for what in ("offset", "bytes"))
        data = bytearray(whole)
        data[at + size // 2] ^= 1
        shard.write_bytes(data)
        (finding,) = pw.verify(out)
        assert (finding.code, f"record {row} ({split.names[row]})" in finding.where) == ("record-crc", True)
        with pytest.raises(PackError, match=split.names[row]):
            pw.open(out)["trainval"][row]


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_split_without_labels_shares_records_with_one_that_has_them(tmp_path: Path, encoding: str) -> None:
    packed = pw.pack(small(3), tmp_path / "a.pack", encoding=encoding)
    resigned(tmp_path / "a.pack/manifest.json", lambda f: f["splits"][0].update(labels=False))
    assert pw.open(tmp_path / "a.pack")["train"][0].label is None
    assert packed["all"][0].label is not None


def test_a_verification_is_a_result_to_print_and_save(copy: Path, tmp_path: Path) -> None:
    found = pw.verify(copy)
    assert repr(found) == f"Verification({copy}: 12 records, intact)"
    assert (list(found), len(found), bool(found)) == ([], 0, False)
    for k in (1, 4):
        (data_of(copy) / f"shard-0000{k}.arrow").unlink()
    found = pw.verify(copy)
    assert repr(found) == f"Verification({copy}: 12 records, 2 problems)"
    saved = json.loads(found.save(tmp_path / "found.json").read_text())
    assert saved == found.to_dict()
    assert [f["code"] for f in saved["findings"]] == ["missing-shard"] * 2
    (copy / "manifest.json").write_bytes(b"{")
    assert [f.code for f in pw.verify(copy)] == ["bad-manifest"]
