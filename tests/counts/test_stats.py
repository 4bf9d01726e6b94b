"""Counts equal a plain count, parts merge to the whole, weights follow their formulas."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise.checks.checking import check
from pixelwise.classes import VOC, ClassTable
from pixelwise.counts.per_sample import count_classes, count_label
from pixelwise.counts.published import PUBLISHED, PublishedComparison, compare_published
from pixelwise.counts.stats import WEIGHTS, Stats, stats
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split, Splits
from pixelwise.errors import DataError, UnknownNameError, UsageError
from pixelwise.formats.opening import open as open_dataset
from pixelwise.kernels.image_measures import channel_sums
from pixelwise.types import Sample
from tests.support.tree import Tree, mask, picture

TINY = ClassTable(("a", "b", "c"))


def plain(samples: list[Sample], table: ClassTable) -> Stats:
    """The same numbers by NumPy and Python integers."""
    n, void = len(table), table.ignore_index
    total = Stats.empty(table)
    for s in samples:
        values = s.image.reshape(-1, 3).astype(object)
        pixels = np.zeros(n + 1, np.int64)
        if s.label is not None:
            ids, counts = np.unique(s.label, return_counts=True)
            for i, k in zip(ids.tolist(), counts.tolist(), strict=True):
                pixels[n if i == void else i] = k
        here = pixels > 0
        total += Stats(
            table, 1, int(s.label is not None), pixels, here, np.where(here[:n], pixels[:n].sum(), 0),
            np.outer(here[:n], here[:n]), {s.size: 1}, tuple(values.sum(axis=0)), tuple((values**2).sum(axis=0)),
        )  # fmt: skip
    return total


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    seed, h, w = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 9)), draw(st.integers(1, 17))
    random = np.random.default_rng(seed)
    label = random.choice([0, 1, 2, 255], (h, w), p=[0.7, 0.1, 0.1, 0.1]).astype(np.uint8)
    return Sample("x", random.integers(0, 256, (h, w, 3)).astype(np.uint8), label if seed % 5 else None)


def together(parts: list[Sample]) -> Stats:
    return sum((Stats.of(s, TINY) for s in parts), Stats.empty(TINY))


@given(st.lists(samples(), max_size=4))
@settings(max_examples=40)
def test_counts_equal_a_plain_count(parts: list[Sample]) -> None:
    assert together(parts) == plain(parts, TINY)


@given(st.lists(samples(), max_size=5), st.lists(samples(), max_size=5), st.lists(samples(), max_size=5))
@settings(max_examples=30)
def test_merging(a: list[Sample], b: list[Sample], c: list[Sample]) -> None:
    x, y, z = together(a), together(b), together(c)
    assert (x + y) + z == x + (y + z) == together(a + b + c)
    assert x + y == y + x
    assert x + Stats.empty(TINY) == x
    assert Stats.from_dict(json.loads(json.dumps(x.to_dict()))) == x


@given(st.lists(samples(), min_size=1, max_size=4))
@settings(max_examples=30)
def test_mean_and_deviation_are_those_of_all_pixels(parts: list[Sample]) -> None:
    found = together(parts)
    every = np.concatenate([s.image.reshape(-1, 3) for s in parts]) / 255
    assert np.allclose(found.mean, every.mean(axis=0), rtol=1e-12, atol=1e-15)
    assert np.allclose(found.std, every.std(axis=0), rtol=1e-9, atol=1e-12)


def test_deviation_of_a_constant_is_zero() -> None:
    image = np.full((300, 400, 3), 201, np.uint8)
    found = Stats.of(Sample("x", image, None), TINY)
    assert found.std == (0.0, 0.0, 0.0)
    assert found.mean == (201 / 255,) * 3


def test_sums_beyond_32_bits() -> None:
    pixels = np.full((200_000, 3), 255, np.uint8)
    sums = np.zeros((2, 3), np.uint64)
    channel_sums(pixels, sums)
    assert sums.tolist() == [[255 * 200_000] * 3, [255 * 255 * 200_000] * 3]


def test_labels_and_images(voc_root: Path) -> None:
    split = open_dataset(voc_root)["val"]
    found = stats(split)
    pixels, images = np.zeros(256, np.int64), np.zeros(256, np.int64)
    total = squares = np.zeros(3, np.int64)
    sizes: dict[tuple[int, int], int] = {}
    for name in split.names:
        label = np.array(Image.open(voc_root / f"SegmentationClass/{name}.png"))
        counts = np.bincount(label.reshape(-1), minlength=256)
        pixels += counts
        images += counts > 0
        sizes[label.shape] = sizes.get(label.shape, 0) + 1
    for sample in split:
        levels = sample.image.reshape(-1, 3).astype(np.int64)
        total, squares = total + levels.sum(axis=0), squares + (levels**2).sum(axis=0)
    assert found.pixels.tolist() == [*pixels[:21], pixels[255]]
    assert found.images.tolist() == [*images[:21], images[255]]
    assert found.sizes == dict(sorted(sizes.items()))
    assert (list(found.sums), list(found.squares)) == (total.tolist(), squares.tolist())
    by_sample = count_classes(split)
    assert by_sample.shape == (len(split), 22)
    assert (by_sample.sum(axis=0) == found.pixels).all()
    assert (by_sample.sum(axis=1) == split.sizes().prod(axis=1)).all()


# -- kernels ----------------------------------------------------------------------------------------------------------


def test_labels_of_16_bits() -> None:
    label = np.array([[0, 300, 65535], [300, 2, 2]], np.uint16)
    counts = count_label(label, 400, 65535)
    assert (counts[0], counts[300], counts[2], counts[400], counts.sum()) == (1, 2, 2, 1, 6)
    assert count_label(np.zeros((2, 2), np.uint8), 400, None)[0] == 4


# -- splits -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "VOC2012")


def test_a_dataset_is_the_union_of_its_splits(tree: Tree) -> None:
    tree.list("trainval", tree.names)
    dataset = open_dataset(tree.root)
    whole = stats(dataset)
    assert whole.samples == 9
    assert whole == stats(dataset["trainval"]) == stats(dataset["train"]) + stats(dataset["val"])
    assert whole.images[[0, 1, 15]].tolist() == [9, 9, 9]
    assert whole.together[1, 15] == 9


def test_threads_change_nothing(tree: Tree) -> None:
    split = open_dataset(tree.root)["train"]
    assert stats(split, threads=1) == stats(split, threads=3)


def test_counting_reads_no_image(tree: Tree) -> None:
    split = open_dataset(tree.root)["train"]
    for name in tree.names:
        tree.image(name, b"")
    calls: list[tuple[int, int | None]] = []
    counts = count_classes(split, progress=lambda done, total: calls.append((done, total)))
    assert counts.dtype == np.int64
    assert (counts == count_label(mask(1, 15), 21, 255)).all()
    assert calls[-1] == (6, 6)
    assert (count_classes(split[2:4]) == counts[2:4]).all()
    with pytest.raises(DataError):
        stats(split)


def test_counting_other_sources() -> None:
    split = Split("s", VOC, ArraySource([picture(0)] * 2, [mask(1), mask(2)]))
    assert (count_classes(split)[1] == count_label(mask(2), 21, 255)).all()
    with pytest.raises(UsageError, match="no labels"):
        count_classes(Split("s", VOC, ArraySource([picture(0)])))


def test_saving(tree: Tree, tmp_path: Path) -> None:
    found = stats(open_dataset(tree.root)["val"])
    assert Stats.load(found.save(tmp_path / "stats.json")) == found
    for text in (b"{", b"{}", b"[]", b'{"classes": 3}', b"\xff\xfe\xff"):
        (tmp_path / "bad.json").write_bytes(text)
        with pytest.raises(DataError) as caught:
            Stats.load(tmp_path / "bad.json")
        assert caught.value.code == "bad-statistics"
    counts = found.to_dict()
    for name, value in (("pixels", [1, 2]), ("beside", [-1] * 21), ("together", [[0] * 21]), ("sizes", [[4, 5, -1]])):
        with pytest.raises(DataError, match="not statistics"):
            Stats.from_dict(counts | {name: value})


def test_a_path_a_dataset_or_a_split_can_be_counted(tree: Tree) -> None:
    dataset = open_dataset(tree.root)
    assert stats(tree.root) == stats(dataset) == stats(str(tree.root), format="voc")
    assert stats(dataset, splits="val") == stats(tree.root, splits=["val"]) == stats(dataset["val"])
    assert (count_classes(tree.root, splits="val") == count_classes(dataset["val"])).all()
    both = count_classes(dataset, splits=["val", "train"])
    assert (both == np.concatenate([count_classes(dataset["val"]), count_classes(dataset["train"])])).all()
    for verb in (stats, count_classes):
        with pytest.raises(UsageError, match="takes a path, a Dataset or a Split, got int"):
            verb(3)  # type: ignore[arg-type]
        with pytest.raises(UnknownNameError, match="test"):
            verb(dataset, splits="test")


def test_stats_are_frozen(tree: Tree) -> None:
    found = stats(open_dataset(tree.root)["val"])
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0] = 1
    with pytest.raises(UsageError, match="cannot add"):
        found + Stats.empty(TINY)


# -- what follows -----------------------------------------------------------------------------------------------------


def counted() -> Stats:
    """Class a: 60 pixels in 2 images, b: 20 in 1, c: none; 10 void. Images of 40 and 50 pixels."""
    first, second = np.zeros((5, 8), np.uint8), np.zeros((5, 10), np.uint8)
    second.reshape(-1)[:20], second.reshape(-1)[20:30] = 1, 255
    image = np.zeros((5, 8, 3), np.uint8), np.zeros((5, 10, 3), np.uint8)
    return Stats.of(Sample("1", image[0], first), TINY) + Stats.of(Sample("2", image[1], second), TINY)


def test_shares() -> None:
    found = counted()
    assert found.share.tolist() == [0.75, 0.25, 0]
    assert np.allclose(found.share_with_void, [60 / 90, 20 / 90, 0, 10 / 90])
    assert found.together.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.aspects() == {"landscape": 2, "square": 0, "portrait": 0}


def test_weights_by_hand() -> None:
    found = counted()
    assert np.allclose(found.weights("inverse-frequency"), [1 / (2 * 0.75), 1 / (2 * 0.25), 0])
    # a: 60 of the 80 pixels with a class in its images; b: 20 of 40. The median of 0.75 and 0.5 is 0.625.
    assert np.allclose(found.weights("median-frequency"), [0.625 / 0.75, 0.625 / 0.5, 0])
    assert np.allclose(found.weights("enet"), [1 / np.log(1.77), 1 / np.log(1.27), 0])
    raw = np.array([0.1 / (1 - 0.9**2), 0.1 / (1 - 0.9)])
    assert np.allclose(found.weights("effective-number", beta=0.9)[:2], raw * 2 / raw.sum())
    assert np.allclose(found.weights("effective-number", beta=0), [1, 1, 0])


def test_weights_of_nothing_and_wrong_calls() -> None:
    for formula in WEIGHTS:
        assert (Stats.empty(TINY).weights(formula) == 0).all()
    with pytest.raises(UnknownNameError, match="median-frequency"):
        counted().weights("median")
    for options in ({"c": 1.0}, {"beta": 1.0}):
        with pytest.raises(UsageError):
            counted().weights("enet", **options)


def test_published_subset_and_difference(tree: Tree) -> None:
    dataset = open_dataset(tree.root)
    result = compare_published(dataset, "voc2012")
    assert result.verdict == "subset"
    assert result.differences[0] == ("samples of train", 1464, 6)
    assert repr(result).startswith("PublishedComparison(voc2012: subset, ")
    assert PublishedComparison.load(result.save(tree.root / "comparison.json")) == result
    with pytest.raises(DataError, match="not a comparison"):
        PublishedComparison.from_dict({"name": "voc2012"})
    many = Stats.empty(VOC) + stats(dataset["train"])
    pixels = many.pixels.copy()
    pixels[3] = 10**9
    more = Stats(VOC, 6, 6, pixels, many.images, many.beside, many.together, many.sizes)
    assert compare_published(dataset, "voc2012", counted=more).verdict == "different"
    with pytest.raises(UsageError, match="21 classes"):
        compare_published(dataset, "voc2012", counted=Stats.empty(TINY))
    with pytest.raises(UnknownNameError, match="voc2012"):
        compare_published(dataset, "voc2013")


def test_published_counts_that_agree() -> None:
    known = PUBLISHED["voc2012"]
    # The pixels of 1,464 pictures of at most 500 x 500, and the classes that are known to be largest.
    assert 1464 * 300 * 300 < sum(known.pixels) < 1464 * 500 * 500
    assert len(known.pixels) == 22
    assert np.argsort(known.pixels)[::-1][:3].tolist() == [0, 21, 15]
    empty = ArraySource([np.zeros((1, 1, 3), np.uint8)])
    splits = {name: Split(name, VOC, empty, np.zeros(n, np.int64)) for name, n in known.splits.items()}
    dataset = Dataset(Path("voc"), "voc", VOC, Splits({n: (lambda s=s: s) for n, s in splits.items()}))
    zeros = np.zeros(22, np.int64)
    exact = Stats(VOC, 1464, 1464, np.array(known.pixels), zeros, zeros[:21], np.zeros((21, 21), np.int64))
    assert compare_published(dataset, "voc2012", counted=exact).verdict == "equal"


def test_arrays_of_two_splits_are_not_one_for_their_numbers() -> None:
    splits = {n: Split(n, VOC, ArraySource([picture(seed)], [mask(1, 15)])) for n, seed in (("train", 1), ("val", 2))}
    dataset = Dataset(Path("memory"), "array", VOC, Splits({n: (lambda s=s: s) for n, s in splits.items()}))
    assert stats(dataset).samples == check(dataset).samples == 2
    assert not len(check(dataset))
