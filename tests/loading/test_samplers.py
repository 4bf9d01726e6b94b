"""Addressed randomness: known answers, a real permutation, and ranks that share an epoch exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.kernels.random import philox
from pixelwise.loading.samplers import Order, RareClassSampling, RepeatFactor
from pixelwise.randomness import Draws, shuffled


@pytest.mark.parametrize(
    ("counter_and_key", "answer"),
    [  # the known answers of Random123's kat_vectors for philox4x32 with 10 rounds
        ((0, 0, 0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_answers(counter_and_key: tuple[int, ...], answer: tuple[int, ...]) -> None:
    assert tuple(int(v) for v in philox(*map(np.uint32, counter_and_key))) == answer


def test_draws_are_golden() -> None:
    draws = Draws(seed=7, epoch=3, samples=np.array([0, 1, 10**7]))
    assert draws.uniform(2, 1).tolist() == pytest.approx([0.020586622, 0.9233806276, 0.5975522928], abs=1e-9)


def test_draws_are_uniform_and_independent_of_their_neighbors() -> None:
    n = 20_000
    a = Draws(1, 0, np.arange(n)).uniform(0, 0)
    assert stats.kstest(a, "uniform").pvalue > 1e-3
    for other in (
        Draws(1, 1, np.arange(n)).uniform(0, 0), Draws(2, 0, np.arange(n)).uniform(0, 0),
        Draws(1, 0, np.arange(n)).uniform(1, 0), Draws(1, 0, np.arange(n)).uniform(0, 1), np.roll(a, 1),
    ):  # fmt: skip
        assert abs(np.corrcoef(a, other)[0, 1]) < 4 / np.sqrt(n)


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1), st.integers(0, 1000))
@settings(max_examples=50)
def test_the_shuffle_is_a_permutation(n: int, seed: int, epoch: int) -> None:
    assert np.array_equal(np.sort(shuffled(np.arange(n), n, seed, epoch)), np.arange(n))


def test_every_permutation_of_four_is_equally_likely() -> None:
    counts = Counter(tuple(shuffled(np.arange(4), 4, seed, 0).tolist()) for seed in range(12_000))
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_every_sample_comes_first_equally_often() -> None:
    first = [int(shuffled(np.array([0]), 50, 0, epoch)[0]) for epoch in range(10_000)]
    assert stats.chisquare(np.bincount(first, minlength=50)).pvalue > 1e-3


@given(st.integers(1, 200), st.integers(1, 6), st.sampled_from([1, 2, 4, 8]), st.booleans(), st.booleans())
@settings(max_examples=80)
def test_ranks_share_an_epoch_exactly(n: int, batch: int, world: int, shuffle: bool, drop_last: bool) -> None:
    ranks = [Order(n, batch, shuffle, drop_last, 5, rank, world) for rank in range(world)]
    assert len({len(r) for r in ranks}) == 1
    alone = Order(n, batch * world, shuffle, drop_last, 5)
    assert len(alone) == len(ranks[0])
    for k in range(len(alone)):
        parts = [r.batch(2, k) for r in ranks]
        together = np.concatenate([samples[real] for samples, _, real in parts])
        assert np.array_equal(together, alone.batch(2, k)[0])
        assert len({len(samples) for samples, *_ in parts}) == 1


COUNTS = np.array([[900, 0, 0], [900, 50, 0], [900, 0, 0], [900, 0, 10], [400, 500, 0]])


def test_rare_classes_are_drawn_by_the_published_formula() -> None:
    sampler = RareClassSampling(COUNTS, temperature=0.5, min_pixels=20)
    share = COUNTS.sum(axis=0) / COUNTS.sum()
    weight = np.exp((1 - share) / 0.5)
    assert np.allclose(sampler.class_probabilities, weight / weight.sum())
    drawn = np.bincount(sampler.samples(np.arange(10_000), seed=3, epoch=0), minlength=5)
    p0, p1, p2 = sampler.class_probabilities  # class 2 has no image with 20 pixels: any image that has it counts
    expected = 10_000 * np.array([p0 / 5, p0 / 5 + p1 / 2, p0 / 5, p0 / 5 + p2, p0 / 5 + p1 / 2])
    assert stats.chisquare(drawn, expected).pvalue > 1e-3


def test_repeat_factors_are_the_published_ones_and_hold_in_every_epoch() -> None:
    sampler = RepeatFactor(COUNTS, threshold=0.8)
    assert np.allclose(sampler.factors, [1, np.sqrt(0.8 / 0.4), 1, np.sqrt(0.8 / 0.2), np.sqrt(0.8 / 0.4)])
    total = np.zeros(5)
    for epoch in range(300):
        times = np.bincount(sampler.samples(np.arange(len(sampler)), seed=1, epoch=epoch), minlength=5)
        scaled = sampler.factors * len(sampler) / sampler.factors.sum()
        assert (times >= np.floor(scaled)).all()
        assert (times <= np.ceil(scaled)).all()
        total += times
    assert np.allclose(total / 300, scaled, atol=0.1)


def test_samplers_restrict_to_what_is_kept() -> None:
    kept = np.array([0, 3])
    assert len(RepeatFactor(COUNTS).restrict(kept)) >= 2
    assert RareClassSampling(COUNTS).restrict(kept).samples(np.arange(50), 0, 0).max() <= 1
    with pytest.raises(UsageError):
        RareClassSampling(np.zeros((3, 2), np.int64))


@pytest.mark.parametrize("counts", [COUNTS[0], -COUNTS, COUNTS / 2, "counts"])
def test_counts_are_whole_numbers_by_sample_and_class(counts: object) -> None:
    for kind in (RepeatFactor, RareClassSampling):
        with pytest.raises(UsageError, match="counts must be"):
            kind(counts)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="temperature"):
        RareClassSampling(COUNTS, temperature=0)
    with pytest.raises(UsageError, match="threshold"):
        RepeatFactor(COUNTS, threshold=-1)


# -- the crop shows the class that was drawn ----------------------------------------------------------------


def rare_split(n: int = 6) -> pw.Split:
    """Images of class 0 with a patch of a rare class, 1 or 2, of 12 x 12 pixels."""
    rng = np.random.default_rng(0)
    labels = []
    for k in range(n):
        label = np.zeros((60, 80), np.uint8)
        y, x = rng.integers(0, (48, 68))
        label[y : y + 12, x : x + 12] = 1 + k % 2
        labels.append(label)
    images = [rng.integers(0, 256, (60, 80, 3), np.uint8) for _ in labels]
    return pw.Split("train", pw.ClassTable(("road", "rider", "train")), pw.ArraySource(images, labels))


def rare_loader(split: pw.Split, steps: list[object], **options: object) -> pw.Loader:
    counts = pw.count_classes(split)[:, :-1]
    sampler = pw.RareClassSampling(counts, temperature=0.5, min_pixels=100)
    return pw.Loader(split, 4, steps, sampler=sampler, shuffle=True, **options)  # type: ignore[arg-type]


def test_the_crop_is_drawn_again_until_the_drawn_class_shows() -> None:
    split, crop = rare_split(48), pw.RandomCrop(24, 24, min_class_pixels=72)
    loader, plain = rare_loader(split, [crop], seed=1), rare_loader(split, [pw.RandomCrop(24, 24)], seed=1)
    shown, before, rare = 0, 0, 0
    for _ in range(4):
        epoch = loader.epoch + (loader.batch > 0)
        for k, (batch, other) in enumerate(zip(loader, plain, strict=True)):
            indices, addresses, _ = loader._order.batch(epoch, k)
            drawn = loader._order.drawn(addresses, epoch)
            assert batch.indices.tolist() == other.indices.tolist() == indices.tolist()
            for label, first, wanted, index in zip(batch.labels, other.labels, drawn, indices, strict=True):
                assert (split[int(index)].label == wanted).sum() >= 100  # the image was drawn for its class
                enough = (first == wanted).sum() > 72
                if enough:  # the first window stays if it will do
                    np.testing.assert_array_equal(label, first)
                if wanted:
                    rare, shown, before = rare + 1, shown + ((label == wanted).sum() > 72), before + enough
    # A window shows half of the patch with p, one of eleven with 1 - (1 - p) ** 11.
    p = before / rare
    assert rare > 50
    assert p < 0.5
    assert abs(shown / rare - (1 - (1 - p) ** 11)) < 0.15
    assert shown > 2 * before


def test_a_drawn_crop_is_a_function_of_its_address(tmp_path: Path) -> None:
    split = rare_split(24)
    packed = pw.open(pw.pack(split, tmp_path / "rare.pack").root)
    steps = [pw.RandomScale((0.7, 1.3)), pw.RandomCrop(24, 24, min_class_pixels=72), pw.RandomHorizontalFlip()]
    runs = [
        [(b.images.copy(), b.labels.copy()) for _ in range(2) for b in rare_loader(of, steps, seed=5, threads=threads)]
        for of, threads in ((split, 1), (split, 3), (packed["train"], 2))
    ]
    for run in runs[1:]:
        for (images, labels), (first, truth) in zip(run, runs[0], strict=True):
            np.testing.assert_array_equal(images, first)
            np.testing.assert_array_equal(labels, truth)
    loader = rare_loader(split, steps, seed=5)
    state = None
    for k, _ in enumerate(loader):
        if k == 2:
            state = loader.state_dict()
            break
    again = rare_loader(split, steps, seed=5)
    again.load_state_dict(state)
    rest = next(iter(again))
    np.testing.assert_array_equal(rest.images, runs[0][3][0])


def test_a_crop_for_a_drawn_class_needs_a_sampler_that_draws_one() -> None:
    split, steps = rare_split(), [pw.RandomCrop(24, 24, min_class_pixels=72)]
    for sampler in (None, RepeatFactor(pw.count_classes(split)[:, :-1])):
        with pytest.raises(UsageError, match="RareClassSampling") as caught:
            pw.Loader(split, 2, steps, sampler=sampler)
        assert caught.value.code == "bad-transforms"
    assert rare_loader(split, [*steps, pw.Normalize()]).normalize is not None
