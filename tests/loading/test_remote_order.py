"""Loaders over packs in stores: the order they choose, resuming in other worlds, samplers that choose freely."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.packs.remote.source import RemoteSource
from tests.support.packing import pack_of_uneven
from tests.support.remote import address, many_blocks, names, store_with
from tests.support.stores import ObjectStore

BLOCK = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_of_uneven(tmp_path_factory.mktemp("p") / "a", 97)


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch, BLOCK)
    with store_with(monkeypatch, a=folder) as made:
        yield made


def loaded(split: pw.Split, rank: int = 0, world: int = 1, **options: Any) -> pw.Loader:
    transforms = [pw.RandomCrop(12, 12), pw.RandomHorizontalFlip()]
    return pw.Loader(split, 24 // world, transforms, shuffle=True, seed=3, shard=(rank, world), threads=2, **options)


def test_lanes_are_chosen_in_a_store_only(store: ObjectStore, folder: Path) -> None:
    there, local = pw.open(address("a"))["train"], pw.open(folder)["train"]
    assert "shuffle lanes 24 of 3 blocks" in loaded(there).fingerprint
    assert "shuffle True" in loaded(local).fingerprint
    assert "shuffle True" in loaded(there, order="shuffled").fingerprint
    assert loaded(there).fingerprint == loaded(local, order="lanes").fingerprint, "one order, wherever the pack is"
    for a, b in zip(loaded(there), loaded(local, order="lanes"), strict=True):
        assert a.names == b.names
        assert a.images.tobytes() == b.images.tobytes()
    with pytest.raises(pw.UsageError, match=r"shuffle lanes 24 of 3 blocks, [0-9a-f]+ there, shuffle True here"):
        loaded(local).load_state_dict(loaded(there).state_dict())


@pytest.mark.parametrize("kept", ["cold", "warm", "memory"])
@pytest.mark.parametrize("world", [1, 2, 3, 4, 8])
def test_resuming_at_every_step(store: ObjectStore, folder: Path, world: int, kept: str, tmp_path: Path) -> None:
    truth = list(loaded(pw.open(folder)["train"], order="lanes"))
    options = {} if kept == "memory" else {"cache": tmp_path / "warm"}
    if kept == "warm":
        list(pw.open(address("a"), **options)["train"])
    for step in range(len(truth)):
        if kept == "cold":
            options = {"cache": tmp_path / str(step)}
        there = pw.open(address("a"), **options)["train"]
        first = loaded(there, 1, 3)
        for _ in zip(range(step), first, strict=False):
            pass
        ranks = [loaded(there, r, world) for r in range(world)]
        for rank in ranks:
            rank.load_state_dict(first.state_dict())
        for expected, parts in zip(truth[step:], zip(*ranks, strict=True), strict=True):
            real = [p.real for p in parts]
            assert sum((p.names for p in parts), ())[: len(expected.names)] == expected.names
            assert sum(int(r.sum()) for r in real) == len(expected.names)
            images = np.concatenate([p.images[r] for p, r in zip(parts, real, strict=True)])
            assert images.tobytes() == expected.images.tobytes()


def test_nothing_is_fetched_that_is_not_needed(store: ObjectStore, tmp_path: Path) -> None:
    there = pw.open(address("a"), cache=tmp_path)["train"]
    before = len(store.asked("shard"))
    iterator = iter(loaded(there.select(np.arange(8)), order="shuffled"))
    next(iterator)
    of = there.source.blocks(np.arange(8))
    assert len(store.asked("shard")) - before <= 2 * len(np.unique(of))


@pytest.mark.parametrize("small", [False, True])
def test_samplers_that_choose_freely(store: ObjectStore, folder: Path, small: bool, tmp_path: Path) -> None:
    local = pw.open(folder)["train"]
    sampler = pw.RepeatFactor(pw.count_classes(local)[:, :-1])
    there = pw.open(address("a"), cache=tmp_path, cache_bytes=8000 if small else None)["train"]
    loader = loaded(there, sampler=sampler)
    assert ("; each sample fetched by itself" in repr(loader)) == small
    for a, b in zip(loader, loaded(local, sampler=sampler), strict=True):
        assert a.names == b.names
        assert a.images.tobytes() == b.images.tobytes()


def test_an_iterator_that_is_dropped_leaves_nothing_waiting(store: ObjectStore, tmp_path: Path) -> None:
    store.latency = 0.02
    there = pw.open(address("a"), cache=tmp_path)["train"]
    for _ in range(3):
        for _batch in loaded(there):
            break
    assert sorted(n for b in names(loaded(there)) for n in b) == list(there.names)


def test_requests_are_under_way_together_and_bounded(store: ObjectStore, tmp_path: Path) -> None:
    store.latency = 0.02
    list(loaded(pw.open(address("a"), cache=tmp_path)["train"]))
    assert 4 <= store.most_under_way <= 16 + 2


@pytest.mark.parametrize("small", [True, False])
def test_the_next_epoch_is_fetched_while_this_one_ends(
    store: ObjectStore, small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = RemoteSource.fetch_ahead

    def fetch_ahead(source: RemoteSource, indices: Any, alone: bool = False) -> None:
        asked.extend(indices.tolist())
        real(source, indices, alone)

    monkeypatch.setattr(RemoteSource, "fetch_ahead", fetch_ahead)
    monkeypatch.setattr("pixelwise.loading.ahead.SAMPLES", 24)
    there = pw.open(address("a"), cache=tmp_path, cache_bytes=8000 if small else None)["train"]
    loader = pw.Loader(there, 8)
    list(loader)
    assert asked == [*range(97), *(range(16) if small else [])], "what the cache keeps is not asked for again"
    next(iter(loader))
    assert asked[97:] == [*range(len(asked) - 97)], "each is asked for once, in order"
    loader.load_state_dict(loader.state_dict() | {"epoch": 7, "batch": 3})
    asked.clear()
    next(iter(loader))
    assert asked[:24] == [*range(24, 48)], "elsewhere it begins anew"
