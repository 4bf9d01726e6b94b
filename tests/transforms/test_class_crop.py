"""Class positions, and crops that always show what they were drawn for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import pixelwise as pw
from pixelwise.counts.class_index import class_index
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split
from pixelwise.errors import FileError, UsageError
from pixelwise.transforms.class_crop import ClassIndex, RandomClassCrop


def make_split(seed: int, n: int = 6) -> Split:
    rng = np.random.default_rng(seed)
    labels = [rng.choice(np.array([0, 0, 0, 0, 5, 20, 255], np.uint8), rng.integers(1, 15, 2)) for _ in range(n)]
    return Split("toy", pw.VOC, ArraySource([np.zeros((*x.shape, 3), np.uint8) for x in labels], labels))


@given(st.integers(0, 10_000))
def test_counts_and_positions_are_true(seed: int) -> None:
    split = make_split(seed)
    index, counted = class_index(split, positions=5), pw.count_classes(split)
    for i, sample in enumerate(split):
        assert sample.label is not None
        entries = range(index.start[i], index.start[i + 1])
        assert index.classes[entries].tolist() == np.flatnonzero(counted[i, :-1]).tolist()
        assert index.counts[entries].tolist() == [int((sample.label == c).sum()) for c in index.classes[entries]]
        for e in entries:
            ys, xs = index.positions[e].T
            assert (sample.label[ys, xs] == index.classes[e]).all()


def test_positions_are_uniform() -> None:
    label = np.zeros((4, 5), np.uint8)
    label[[0, 1, 3], [4, 2, 0]] = 7
    split = Split("one", pw.VOC, ArraySource([np.zeros((4, 5, 3), np.uint8)], [label]))
    index = class_index(split, positions=3000)
    cells = index.positions[index.classes.tolist().index(7)]
    _, counts = np.unique(cells, axis=0, return_counts=True)
    assert len(counts) == 3
    assert stats.chisquare(counts).pvalue > 1e-3


def test_saves_loads_and_is_read_again(tmp_path: Path) -> None:
    split, path = make_split(0), tmp_path / "index"
    made = class_index(split, path=path)
    again = class_index(split, path=path)
    assert np.array_equal(made.positions, again.positions)
    assert again.names == pw.VOC.names
    other = class_index(make_split(1, n=7), path=path)
    assert len(other) == 7
    made = class_index(split, path=path)
    assert len(made) == 6
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FileError, match="damaged"):
        ClassIndex.load(path)


@given(st.integers(0, 10_000), st.booleans())
def test_every_crop_shows_its_class(seed: int, flip: bool) -> None:
    split = make_split(seed)
    index = class_index(split)
    crop = RandomClassCrop(3, 4, index=index, classes=("person", 20, 5))
    loader = pw.Loader(split, 3, [pw.RandomHorizontalFlip(p=float(flip)), crop], seed=seed)
    for batch in loader:
        for n, i in enumerate(batch.indices.tolist()):
            h, w = split[i].size
            if h >= 3 and w >= 4 and np.isin(split[i].label, [5, 20]).any():
                assert np.isin(batch.labels[n], [5, 20]).any()


def test_with_probability_p() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[30, 30] = 9
    split = Split("one", pw.VOC, ArraySource([np.zeros((60, 60, 3), np.uint8)], [label]))
    crop = RandomClassCrop(5, index=class_index(split), classes=(9,), p=0.25)
    loader = pw.Loader(split, 1, [crop])
    shown = sum(int((b.labels == 9).any()) for _ in range(800) for b in loader)
    chance = 25 / 56**2
    assert stats.binomtest(shown, 800, 0.25 + 0.75 * chance).pvalue > 1e-3


def test_what_cannot_work_is_refused() -> None:
    split = make_split(0)
    index = class_index(split)
    with pytest.raises(UsageError, match="no class 'unicorn'"):
        RandomClassCrop(3, 3, index=index, classes=("unicorn",))
    with pytest.raises(UsageError, match="needs to know which samples"):
        next(iter(pw.Loader(make_split(0, n=9), 9, [RandomClassCrop(3, 3, index=index)])))
    with pytest.raises(UsageError, match="made from another split"):
        next(iter(pw.Loader(split[2:4], 2, [RandomClassCrop(3, 3, index=index)])))
    for wrong in ({"index": None}, {"size": 2.5}, {"p": "often"}, {"classes": ()}):
        with pytest.raises(UsageError):
            RandomClassCrop(**{"size": 3, "index": index, **wrong})  # type: ignore[arg-type]
    for number in (0, "many"):
        with pytest.raises(UsageError, match="positions"):
            class_index(split, positions=number)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="empty"):
        class_index(split[:0])
    with pytest.raises(UsageError, match="no labels"):
        class_index(Split("bare", pw.VOC, ArraySource([np.zeros((2, 2, 3), np.uint8)])))


def test_the_loader_can_still_be_asked_how_it_normalizes() -> None:
    split = make_split(0)
    crop = RandomClassCrop((3, 3), index=class_index(split), classes="person")
    loader = pw.Loader(split, 2, [crop, pw.RandomCrop(2, 2), pw.Normalize()])
    assert loader.normalize == (pw.IMAGENET_MEAN, pw.IMAGENET_STD)
    assert next(iter(loader)).images.shape[2:] == (2, 2)


def test_the_class_is_seen_everywhere_in_the_window() -> None:
    label = np.zeros((60, 60), np.uint8)
    label[30, 30] = 9
    split = Split("one", pw.VOC, ArraySource([np.zeros((60, 60, 3), np.uint8)], [label]))
    loader = pw.Loader(split, 1, [RandomClassCrop((4, 5), index=class_index(split), classes=(9,))])
    seen = np.zeros((4, 5), np.int64)
    for _ in range(1000):
        seen += next(iter(loader)).labels[0] == 9
    assert stats.chisquare(seen.reshape(-1)).pvalue > 1e-3
