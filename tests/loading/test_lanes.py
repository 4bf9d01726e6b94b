"""Lanes: every sample once, the same global batches for every world, little read twice, mixed as a whole shuffle."""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.loading.lanes import Lanes
from pixelwise.loading.samplers import Order
from tests.support.packing import random_sample, table
from tests.support.two_splits import opened

Array = Any


def borders_of(sizes: list[int]) -> Array:
    return np.cumsum([0, *sizes]).astype(np.int64)


def lanes(borders: Array, batch: int, seed: int = 0) -> Lanes:
    return Lanes(np.arange(borders[-1]), borders, batch, seed)


def even(n: int, block: int) -> Array:
    return np.append(np.arange(0, n, block), n).astype(np.int64)


def blocks_of(borders: Array, samples: Array) -> Array:
    return np.searchsorted(borders, samples, side="right") - 1


PINNED = [18, 21, 23, 11, 13, 16, 1, 9, 17, 22, 25, 10, 12, 0, 2, 4, 19, 20, 24, 26, 14, 15, 8, 3, 7, 6, 5]
RAGGED = st.lists(st.integers(1, 40), min_size=1, max_size=60)


# -- every sample once ------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(RAGGED, st.integers(1, 300), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1))
def test_every_sample_comes_once(sizes: list[int], batch: int, seed: int, epoch: int) -> None:
    order = lanes(borders_of(sizes), batch, seed)
    n = sum(sizes)
    assert sorted(order.samples(np.arange(n), epoch).tolist()) == list(range(n))


@settings(max_examples=50)
@given(RAGGED, st.integers(1, 100), st.data())
def test_a_position_alone_is_as_in_a_row(sizes: list[int], batch: int, data: Any) -> None:
    order = lanes(borders_of(sizes), batch, 5)
    n = sum(sizes)
    whole = order.samples(np.arange(n), 2)
    some = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=20)), np.int64)
    assert order.samples(some, 2).tolist() == whole[some].tolist()
    assert lanes(borders_of(sizes), batch, 5).samples(some, 2).tolist() == whole[some].tolist(), "in another process"


@given(RAGGED, st.integers(1, 100))
def test_samples_that_are_not_in_the_order_of_their_blocks(sizes: list[int], batch: int) -> None:
    borders = borders_of(sizes)
    mixed = np.random.default_rng(0).permutation(borders[-1])
    plain = lanes(borders, batch).samples(np.arange(borders[-1]), 1)
    assert Lanes(mixed, borders, batch, 0).samples(np.arange(borders[-1]), 1).tolist() == mixed[plain].tolist()


def test_epochs_and_seeds_differ() -> None:
    borders = even(5000, 40)
    found = [lanes(borders, 64, seed).samples(np.arange(5000), epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for a, b in itertools.combinations(found, 2):
        assert (a == b).mean() < 0.01


def test_the_order_stays_what_it_is() -> None:
    """A state of a run of yesterday must mean the same samples today."""
    order = lanes(borders_of([3, 5, 2, 7, 4, 6]), 8, 42)
    assert order.samples(np.arange(27), 3).tolist() == PINNED
    assert (order.lanes, order.blocks_per_window) == (8, 8)
    large = lanes(even(10_000, 17), 96, 9).samples(np.arange(10_000), 5)
    assert zlib.crc32(large.astype("<i8").tobytes()) == 2172070324


@settings(max_examples=60)
@given(RAGGED, st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]), st.booleans())
def test_global_batches_are_the_same_for_every_world(sizes: list[int], world: int, drop_last: bool) -> None:
    order, n, batch = lanes(borders_of(sizes), 24, 1), sum(sizes), 24
    alone = Order(n, batch, True, drop_last, 1, lanes=order)
    ranks = [Order(n, batch // world, True, drop_last, 1, r, world, lanes=order) for r in range(world)]
    assert {len(r) for r in ranks} == {len(alone)}
    for k in range(len(alone)):
        samples = np.concatenate([b[0][b[2]] for b in (r.batch(0, k) for r in ranks)])
        assert samples.tolist() == alone.batch(0, k)[0].tolist()


# -- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [1, 2, 4, 8, 16, 64])
def test_hardly_any_block_is_read_twice(world: int) -> None:
    n, batch, borders = 100_000, 256, even(100_000, 43)
    of = blocks_of(borders, lanes(borders, batch).samples(np.arange(n // batch * batch), 0))
    fetched = sum(len(np.unique(of.reshape(-1, world, batch // world)[:, rank])) for rank in range(world))
    assert fetched <= 1.03 * (len(borders) - 1)


@pytest.mark.parametrize(("world", "most"), [(1, 4 * 256), (8, 4 * 32), (64, 16)])
def test_few_blocks_are_alive_and_each_once(world: int, most: int) -> None:
    n, batch, borders = 100_000, 256, even(100_000, 43)
    of = blocks_of(borders, lanes(borders, batch).samples(np.arange(n // batch * batch), 0))
    own = of.reshape(-1, world, batch // world)[:, 0]
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for k, row in enumerate(own.tolist()):
        for block in row:
            begins.setdefault(block, k)
            ends[block] = k
    alive = np.zeros(len(own) + 1, np.int64)
    for block in begins:
        alive[begins[block]] += 1
        alive[ends[block] + 1] -= 1
    assert np.cumsum(alive).max() <= most
    fetched = np.bincount(list(begins.values()), minlength=len(own))
    part = fetched[len(own) // 10 : -len(own) // 10]
    assert np.convolve(part, np.ones(20), "valid").max() <= 2 + 2 * 20 * part.mean(), "blocks are fetched evenly"


# -- how samples are mixed --------------------------------------------------------------------------------------------


def chi2(samples: Array, classes: int, batch: int) -> float:
    """Of the classes in a batch, of data sorted by class, per degree of freedom: 1 for batches of a whole shuffle."""
    n = len(samples)
    found = (samples * classes // n)[: n // batch * batch].reshape(-1, batch)
    counts = np.stack([(found == c).sum(axis=1) for c in range(classes)], axis=1)
    expected = batch / classes
    return float(((counts - expected) ** 2 / expected).sum(axis=1).mean() / (classes - 1) * (n - 1) / (n - batch))


@pytest.mark.parametrize(("batch", "block"), [(64, 85), (256, 85), (32, 20), (48, 43), (61, 85)])
def test_classes_are_mixed_on_data_sorted_by_class(batch: int, block: int) -> None:
    order = lanes(even(100_000, block), batch)
    assert chi2(order.samples(np.arange(100_000), 0), 20, batch) <= 1.05


def test_few_lanes_have_larger_windows() -> None:
    for batch, expected in ((64, (64, 2)), (512, (256, 2)), (8, (8, 8)), (61, (61, 2)), (257, (1, 64)), (1, (1, 64))):
        order = lanes(even(1000, 10), batch)
        assert (order.lanes, order.blocks_per_window) == expected


# -- the Loader -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> pw.Split:
    rng, classes = np.random.default_rng(0), table(4)
    samples = [random_sample(rng, f"{k:03}", (8, 8 + k % 3), classes) for k in range(97)]
    source = pw.ArraySource([s.image for s in samples], [s.label for s in samples], names=[s.name for s in samples])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelwise.packs.inventory.BATCH_BYTES", 1500)
        made = pw.pack(pw.Split("train", classes, source), tmp_path_factory.mktemp("p") / "a.pack", shard_bytes=9000)
    return made["train"]


def test_blocks_are_the_record_batches(packed: pw.Split) -> None:
    from pixelwise.packs.arrow import read_batches
    from pixelwise.packs.shards import map_shard
    from pixelwise.packs.source import PackSource

    source = packed.source
    assert isinstance(source, PackSource)
    paths = [source.volume.path(k) for k in range(len(source.volume.manifest.shards))]
    sizes = [len(batch["crc"].values) for path in paths for batch in read_batches(map_shard(path).data)]
    assert len(paths) > 1
    assert len(sizes) > 10
    assert np.bincount(source.blocks()).tolist() == sizes


def names(loader: pw.Loader) -> list[tuple[str, ...]]:
    return [batch.names for batch in loader]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_resuming_at_every_step_in_another_world(packed: pw.Split, world: int) -> None:
    options: dict[str, Any] = {"shuffle": True, "order": "lanes", "seed": 3, "drop_last": True, "threads": 1}
    expected = names(pw.Loader(packed, 12, **options))
    assert sorted({name for batch in expected for name in batch})[:96] == sorted(n for b in expected for n in b)
    for step in range(len(expected)):
        first = pw.Loader(packed, 4, shard=(0, 3), **options)
        for _ in zip(range(step), first, strict=False):
            pass
        state = first.state_dict()
        ranks = [pw.Loader(packed, 12 // world, shard=(r, world), **options) for r in range(world)]
        for rank in ranks:
            rank.load_state_dict(state)
        left = [sum(parts, ()) for parts in zip(*map(names, ranks), strict=True)]
        assert left == expected[step:]
    assert set(state) == {"epoch", "batch", "fingerprint"}


def test_a_state_belongs_to_its_order(packed: pw.Split, tmp_path: Path) -> None:
    shuffled = pw.Loader(packed, 8, shuffle=True)
    laned = pw.Loader(packed, 8, shuffle=True, order="lanes")
    with pytest.raises(pw.UsageError, match=r"shuffle True there, shuffle lanes 8 of 8 blocks, [0-9a-f]{12} here"):
        laned.load_state_dict(shuffled.state_dict())
    again = pw.pack(pw.Split("train", packed.classes, packed.source), tmp_path / "other.pack")["train"]
    with pytest.raises(pw.UsageError, match="is from another loader: shuffle lanes"):
        pw.Loader(again, 8, shuffle=True, order="lanes").load_state_dict(laned.state_dict())


def test_small_samples_are_left_out(packed: pw.Split) -> None:
    loader = pw.Loader(packed, 4, [pw.RandomCrop(8, 9)], shuffle=True, order="lanes", small="drop")
    found = [name for batch in names(loader) for name in batch]
    assert sorted(found) == [name for k, name in enumerate(packed.names) if k % 3]


def test_part_of_a_split(packed: pw.Split) -> None:
    some = packed.select(np.array([90, 3, 50, 4, 91]))
    assert sorted(sum(names(pw.Loader(some, 2, shuffle=True, order="lanes")), ())) == sorted(some.names)


def test_what_is_refused(packed: pw.Split, tmp_path: Path) -> None:
    files = opened("toml", tmp_path)["train"]
    with pytest.raises(pw.UsageError, match="FileSource has no blocks; pack the dataset"):
        pw.Loader(files, 2, shuffle=True, order="lanes")
    with pytest.raises(pw.UsageError, match="needs shuffle=True and no sampler"):
        pw.Loader(packed, 2, order="lanes")
    with pytest.raises(pw.UsageError, match="needs shuffle=True and no sampler"):
        sampler = pw.RepeatFactor(pw.count_classes(packed)[:, :-1])
        pw.Loader(packed, 2, shuffle=True, order="lanes", sampler=sampler)
    with pytest.raises(pw.UsageError, match="order must be one of 'auto', 'shuffled', 'lanes'"):
        pw.Loader(packed, 2, order="random")  # type: ignore[arg-type]
