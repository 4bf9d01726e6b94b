"""The cache of blocks: shared, limited, damaged, full, or not to be written."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.packs.remote.blocks import Blocks
from pixelwise.packs.remote.cache import FolderCache, MemoryCache
from tests.support.packing import assert_equal, read_all
from tests.support.remote import address, many_blocks, packs_of, read_for_ever, read_of, store_with
from tests.support.stores import ObjectStore

BLOCK = 8000
RAW = {"cache_encoding": "raw"}


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return packs_of(tmp_path_factory.mktemp("packs"), 40, 40_000)


@pytest.fixture
def store(packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch, BLOCK)
    with store_with(monkeypatch, **packs) as made:
        yield made


def kept(place: Path) -> list[Path]:
    return sorted(p for p in place.rglob("*") if p.suffix in (".stored", ".raw"))


@pytest.mark.parametrize(("name", "options"), [("raw", {}), ("original", {}), ("original", RAW)])
def test_a_flipped_byte_is_fetched_again(
    store: ObjectStore, packs: dict[str, Path], name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    truth = pw.open(packs[name])["all"]
    assert_equal(truth, pw.open(address(name), cache=tmp_path, **options)["all"])
    files = kept(tmp_path)
    assert len(files) > 4
    assert {f.suffix for f in files} == {".raw" if options else ".stored"}
    for k, file in enumerate(files):
        data = bytearray(file.read_bytes())
        for at in (0, len(data) // 2, len(data) - 1)[k % 3 : k % 3 + 1]:
            data[at] ^= 1 << (k % 8)
        file.write_bytes(data[: len(data) // 2] if k % 5 == 4 else data)  # or half of it is gone
    before = len(store.asked("shard"))
    assert_equal(truth, pw.open(address(name), cache=tmp_path, **options)["all"])
    fetched = len(store.asked("shard")) - before
    assert 0 < fetched <= 2 * len(files)
    before = len(store.asked("shard"))
    assert_equal(truth, pw.open(address(name), cache=tmp_path, **options)["all"])
    assert len(store.asked("shard")) <= before + len(files) // 2, "gaps between records have no CRC, all else is mended"


@pytest.mark.parametrize("options", [{}, RAW])
def test_a_cache_of_two_blocks(
    store: ObjectStore, packs: dict[str, Path], options: dict[str, Any], tmp_path: Path
) -> None:
    truth = pw.open(packs["original"])["all"]
    largest = max(f.stat().st_size for f in _filled(tmp_path / "all", options))
    for place in (tmp_path / "two", False):
        there = pw.open(address("original"), cache=place, cache_bytes=2 * largest, **options)["all"]
        assert_equal(truth, there)
        loader = pw.Loader(there, 4, shuffle=True, order="shuffled", seed=2)
        local = pw.Loader(truth, 4, shuffle=True, seed=2)
        for a, b in zip(loader, local, strict=True):
            assert a.names == b.names
            assert a.images.tobytes() == b.images.tobytes()
        assert "each sample fetched by itself" in repr(loader)
    assert sum(f.stat().st_size for f in kept(tmp_path / "two")) <= 2 * largest


def _filled(place: Path, options: dict[str, Any]) -> list[Path]:
    list(pw.open(address("original"), cache=place, **options)["all"])
    return kept(place)


def test_what_was_used_longest_ago_goes_first_and_nothing_else(tmp_path: Path) -> None:
    foreign = [tmp_path / "mine.stored", tmp_path / "blocks-0123456789abcdef" / "notes.txt", tmp_path / "sub" / "a.raw"]
    linked = tmp_path / "elsewhere" / "00000001.stored"
    for file in (*foreign, linked):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 5000)
    (tmp_path / "blocks-0123456789abcdef" / "00000009.stored").symlink_to(linked)
    (tmp_path / "blocks-ffffffffffffffff").symlink_to(linked.parent)
    cache = FolderCache(tmp_path, "0123456789abcdef" * 2, 1000)
    for k in range(6):
        cache.put(f"{k:08d}.stored", [bytes([k]) * 300])
        time.sleep(0.01)
        assert cache.has("00000000.stored"), "used again and again"
        cache._used.clear()
    names = [f.name for f in kept(cache.folder) if not f.is_symlink()]
    assert names == ["00000000.stored", "00000005.stored"] or names == ["00000000.stored", "00000004.stored",
                                                                       "00000005.stored"]  # fmt: skip
    assert all(f.read_bytes() == b"x" * 5000 for f in (*foreign, linked))


def test_another_pack_counts_too(tmp_path: Path) -> None:
    one, other = (FolderCache(tmp_path, f * 32, 1000) for f in "ab")
    one.put("00000000.stored", [b"x" * 900])
    time.sleep(0.01)
    other.put("00000000.stored", [b"y" * 900])
    assert [f.parent.name for f in kept(tmp_path)] == [f"blocks-{'b' * 16}"]


def test_memory_is_limited() -> None:
    cache = MemoryCache(1000)
    for k in range(9):
        cache.put(str(k), [b"x" * 300])
        cache.open("0", 300)
    assert [str(k) for k in range(9) if cache.has(str(k))] == ["0", "7", "8"]


# -- what cannot be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, RAW])
def test_a_full_disk(
    store: ObjectStore, packs: dict[str, Path], options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = pw.open(packs["original"])["all"]
    real, left = os.replace, iter(range(3))

    def replace(*args: Any) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    monkeypatch.setattr(os, "replace", replace)
    there = pw.open(address("original"), cache=tmp_path, **options)["all"]
    with pytest.warns(pw.PixelwiseWarning, match=r"blocks are not kept in .*No space left.*cache-not-written") as said:
        assert_equal(truth, there)
    assert_equal(truth, there)
    assert len(said) == 1
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_only_be_read(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    truth = pw.open(packs["raw"])["all"]
    list(pw.open(address("raw"), cache=tmp_path)["train"])
    before = len(store.asked("shard"))
    for folder in (tmp_path, *tmp_path.iterdir()):
        folder.chmod(0o500)
    with pytest.warns(pw.PixelwiseWarning, match=r"cache-not-written"):
        there = pw.open(address("raw"), cache=tmp_path)
    assert_equal(truth, there["all"])
    assert len(store.asked("shard")) > before


def test_a_place_that_cannot_be_a_folder(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.warns(pw.PixelwiseWarning, match=r"blocks are not kept in .*file.*cache-not-written"):
        there = pw.open(address("raw"), cache=tmp_path / "file")["all"]
    assert_equal(pw.open(packs["raw"])["all"], there)


# -- several processes ------------------------------------------------------------------------------------------------


def processes() -> Any:
    """Processes that begin quickly, as they are forked from one that has imported what they need, and used no store."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numba", "pixelwise.kernels.values", "tests.support.remote"])
    return context


def test_eight_processes_at_once(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    options = {"cache": tmp_path, "cache_bytes": 60_000, **RAW}
    with ProcessPoolExecutor(8, processes()) as pool:
        found = list(pool.map(partial(read_of, origin=store.origin, block=BLOCK, options=options), ["original"] * 8))
    assert set(found) == {read_all(pw.open(packs["original"])["all"])}
    assert not list(tmp_path.rglob("*.part"))


def test_killed_again_and_again(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    options, context = {"cache": tmp_path, "cache_bytes": 120_000, **RAW}, processes()
    running = []
    for _ in range(8):
        here, there = context.Pipe()
        arguments = "original", store.origin, BLOCK, options, there
        running.append((context.Process(target=read_for_ever, args=arguments), here))
        running[-1][0].start()
    for k, (process, here) in enumerate(running):
        for _ in range(1 + 5 * k):
            assert here.poll(60), "it works until it is killed"
            here.recv()
        process.kill()
        process.join()
    there = pw.open(address("original"), **options)["all"]
    assert not list(tmp_path.rglob("*.part"))
    assert_equal(pw.open(packs["original"])["all"], there)


# -- how much is fetched ----------------------------------------------------------------------------------------------


def test_an_epoch_in_lanes_fetches_each_byte_once(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    there = pw.open(address("raw"), cache=tmp_path)["all"]
    before = len(store.seen)
    list(loader := pw.Loader(there, 8, shuffle=True, seed=4))
    ranges = [h["Range"] for _, key, h in store.seen[before:] if "shard" in key]
    fetched = sum(int(b) - int(a) + 1 for a, b in (r.removeprefix("bytes=").split("-") for r in ranges))
    volume = there.source.volume
    assert fetched <= 1.03 * sum(s.bytes for s in volume.manifest.shards)
    assert len(ranges) <= 3 * len(Blocks(volume.index, volume.blocks))
    before = len(store.seen)
    list(loader)
    assert len(store.seen) == before, "the second epoch needs no store"


def test_lanes_need_room(store: ObjectStore, tmp_path: Path) -> None:
    there = pw.open(address("raw"), cache=tmp_path, cache_bytes=20_000)["all"]
    with pytest.raises(pw.UsageError, match=r"cache_bytes=20000 .* is less than the 80 blocks that are in use at once"):
        pw.Loader(there, 8, shuffle=True)
    assert len(list(pw.Loader(there, 8))) == 5, "in order, two blocks are enough"
