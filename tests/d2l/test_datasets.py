"""Crops, datasets and loaders of the chapter, on real files if they are here and on painted ones elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise import d2l
from pixelwise.d2l import mxnet
from pixelwise.errors import LabelError, PairError, UsageError

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


# -- crops --------------------------------------------------------------------------------------------------

SIDES = st.integers(1, 9)


@given(SIDES, SIDES, st.data())
def test_a_crop_cuts_image_and_label_alike(height: int, width: int, data: st.DataObject) -> None:
    """Of every order of the axes, at odd sizes and down to a pixel."""
    rows, columns = data.draw(st.integers(height, 12)), data.draw(st.integers(width, 12))
    label = np.arange(rows * columns).reshape(rows, columns)
    image = np.stack([label, label + 1000, label + 2000], axis=2)
    planes = image.transpose(2, 0, 1).view(d2l.Planes)
    for feature, channels_first in ((image, False), (planes, True)):
        a, b = d2l.voc_rand_crop(feature, label, height, width)
        assert type(a) is type(feature)
        assert b.shape == (height, width)
        if channels_first:
            a = a.permute(1, 2, 0)
        assert a.shape == (height, width, 3)
        assert (a == np.stack([b, b + 1000, b + 2000], axis=2)).all()
        y, x = divmod(int(b[0, 0]), columns)
        assert np.array_equal(b, label[y : y + height, x : x + width])
        assert np.shares_memory(b, label)


def test_every_window_comes_up() -> None:
    label = np.arange(6).reshape(2, 3)
    starts = {int(d2l.segmentation_rand_crop(label, label, 1, 2)[1][0, 0]) for _ in range(200)}
    assert starts == {0, 1, 3, 4}


def test_a_seed_repeats_a_crop() -> None:
    feature = np.arange(11 * 17).reshape(11, 17)
    for rng in (lambda: None, lambda: np.random.default_rng(0)):
        found = []
        for _ in range(2):
            np.random.seed(5)
            found.append(d2l.segmentation_rand_crop(feature, feature, 4, 9, rng()))  # type: ignore[no-untyped-call]
        assert np.array_equal(found[0], found[1])


def test_tensors_are_cropped() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
    planes = torch.arange(3 * 8 * 9).reshape(3, 8, 9)
    a, b = d2l.voc_rand_crop(planes, planes[0], 4, 5)
    assert (type(a), a.shape) == (torch.Tensor, (3, 4, 5))
    assert torch.equal(a[0], b)


def test_crops_that_cannot_be(tmp_path: Path) -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    for height, width, match in ((5, 5, "does not fit"), (4, 6, "does not fit"), (0, 2, "size"), ("3", 2, "size")):
        with pytest.raises(UsageError, match=match):
            d2l.segmentation_rand_crop(image, image, height, width)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="size-mismatch"):
        d2l.segmentation_rand_crop(image, image[:3], 2, 2)
    with pytest.raises(UsageError, match="images are"):
        d2l.segmentation_rand_crop(image[0, 0], image, 2, 2)


# -- datasets -----------------------------------------------------------------------------------------------


def test_segmentation_dataset_crops_at_random(voc_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc = pw.open(voc_root)["train"][:12]
    images = [s.image for s in voc]
    labels = [pw.VOC.decode(s.label) for s in voc if s.label is not None]
    dataset = d2l.SegmentationDataset(images, labels, 320, 480)
    fitting = [i for i in range(12) if images[i].shape[0] >= 320 and images[i].shape[1] >= 480]
    assert len(dataset) == len(fitting)
    assert capsys.readouterr().out == f"read {len(fitting)} examples\n"
    assert dataset.dropped == 12 - len(fitting)
    (image, label), (other, _) = dataset[0], dataset[0]
    assert (image.shape, image.dtype) == ((3, 320, 480), np.float32)
    assert (label.shape, label.dtype) == ((320, 480), np.int32)
    assert label.max() <= 20
    assert not np.array_equal(image, other)
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    # Somewhere in the source are exactly these pixels, with their labels.
    source, colors = images[fitting[0]], labels[fitting[0]]
    back = np.rint((image.transpose(1, 2, 0) * d2l.RGB_STD + d2l.RGB_MEAN) * 255).astype(np.uint8)
    height, width = source.shape[:2]
    places = [(y, x) for y in range(height - 319) for x in range(width - 479)]
    places = [(y, x) for y, x in places if np.array_equal(source[y : y + 320, x : x + 480], back)]
    ids = d2l.colors_to_indices(colors, d2l.build_colormap())
    assert any(np.array_equal(ids[y : y + 320, x : x + 480], label) for y, x in places)


def test_both_datasets_are_the_same(voc_root: Path) -> None:
    """From files and from arrays, in either order of the axes; only the label's dtype is each edition's own."""
    published = d2l.VOCSegDataset(False, (320, 480), voc_root)
    planes = d2l.SegmentationDataset(*d2l.read_voc_images(voc_root, False), 320, 480)
    images, _ = d2l.read_voc_images(voc_root, ["Segmentation/val.txt"])
    first = d2l.SegmentationDataset(images, d2l.read_voc_seg_labels(voc_root, "val"), 320, 480)
    assert len(published) == len(first) == len(planes) > 0
    assert published.dropped == first.dropped
    for i in (0, len(first) // 2, -1):
        found = []
        for dataset in (published, first, planes, pickle.loads(pickle.dumps(published))):
            np.random.seed(i + 1)
            found.append(dataset[i])
        assert all(np.array_equal(found[0][0], image) for image, _ in found)
        assert all(np.array_equal(found[0][1], label) for _, label in found)
        assert [label.dtype for _, label in found] == [np.int64, np.int32, np.int32, np.int64]


@pytest.mark.parametrize("workers", [0, 2])
def test_torchs_loader_takes_the_published_dataset(voc_root: Path, workers: int) -> None:
    data = pytest.importorskip("torch.utils.data", reason="torch is an extra: pip install 'pixelwise[torch]'")
    dataset = d2l.VOCSegDataset(False, (200, 240), voc_root)
    epochs = []
    for _ in range(2):
        loader = data.DataLoader(dataset, 4, shuffle=False, drop_last=True, num_workers=workers)
        epochs.append([x for x, _ in loader])
        x, y = next(iter(loader))
        assert (x.shape, y.shape) == ((4, 3, 200, 240), (4, 200, 240))
        assert (str(x.dtype), str(y.dtype)) == ("torch.float32", "torch.int64")
    # Each worker process starts from a copy of the generator: without torch's seeding, epochs would repeat.
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_datasets_of_what_is_no_data() -> None:
    image, label = np.zeros((5, 8, 3), np.uint8), np.zeros((5, 8, 3), np.uint8)
    for images, labels, kind in (
        ([image] * 2, [label], UsageError),
        ([image], [label[:4]], PairError),
        ([image.astype(float)], [label], UsageError),
        ([image], [label + 7], LabelError),
        ([image], [label[..., 0]], UsageError),
        ([np.ma.masked_all((5, 8, 3), np.uint8)], [label], UsageError),
    ):
        with pytest.raises(kind):
            d2l.SegmentationDataset(images, labels, 2, 3)
    with pytest.raises(UsageError, match="size"):
        d2l.SegmentationDataset([image], [label], 0, 3)
    for is_train in ("train", None):
        with pytest.raises(UsageError, match="is_train"):
            d2l.VOCSegDataset(is_train, (2, 3), "nowhere")  # type: ignore[arg-type]


# -- DataLoader ---------------------------------------------------------------------------------------------


class Numbers:
    """The numbers 0 .. n - 1 as (image, label)."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.full((2, 3), index), index


@given(
    st.integers(1, 23), st.integers(1, 9), st.sampled_from(["keep", "rollover", "discard"]), st.booleans(),
    st.sampled_from([0, 3]),
)  # fmt: skip
def test_batches_by_their_law(n: int, size: int, last: Any, shuffle: bool, workers: int) -> None:
    """keep: every sample once. discard: whole batches of different samples. rollover: none is lost over iterations."""
    if last == "discard" and n < size:
        with pytest.raises(UsageError, match="no-batches"):
            d2l.DataLoader(Numbers(n), size, last_batch=last)
        return
    loader = d2l.DataLoader(Numbers(n), size, shuffle=shuffle, last_batch=last, num_workers=workers)
    seen: list[int] = []
    for _ in range(3):
        announced, left = len(loader), len(seen) % n if last == "rollover" else 0
        found = list(loader)
        assert len(found) == announced
        numbers = [int(v) for _, y in found for v in y]
        assert all(x.shape == (len(y), 2, 3) and (x == y[:, None, None]).all() for x, y in found)
        whole = found[:-1] if last == "keep" else found
        assert all(len(y) == size for _, y in whole)
        if last != "rollover":
            assert len(set(numbers)) == len(numbers) == (n if last == "keep" else n // size * size)
            if not shuffle:
                assert numbers == list(range(len(numbers)))
        seen += numbers
        assert left <= n
    if last == "rollover":
        assert len(seen) == 3 * n // size * size
        if not shuffle:
            assert seen == [i % n for i in range(len(seen))]


def test_shuffled_batches_differ_and_repeat_with_a_seed() -> None:
    loader = d2l.DataLoader(Numbers(50), 50, shuffle=True)
    orders = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        orders.append([next(iter(loader))[1].tolist() for _ in range(2)])
    assert orders[0] == orders[1]
    assert len({tuple(order) for pair in orders for order in pair}) == 4


def test_samples_that_are_not_pairs() -> None:
    assert [batch.tolist() for batch in d2l.DataLoader([3, 1, 2], 2)] == [[3, 1], [2]]
    with pytest.raises(UsageError, match="differ in shape"):
        list(d2l.DataLoader([np.zeros(2), np.zeros(3)], 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: d2l.DataLoader([], 2),
        lambda: d2l.DataLoader([1], 0),
        lambda: d2l.DataLoader([1], 1, last_batch="drop"),  # type: ignore[arg-type]
        lambda: d2l.DataLoader([1], 1, num_workers=-1),
    ],
)
def test_loaders_that_cannot_be(call: Callable[[], Any]) -> None:
    with pytest.raises(UsageError):
        call()


# -- the whole of it ----------------------------------------------------------------------------------------


def plain_crop(root: Path, name: str, y: int, x: int, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """The chapter's crop by Pillow and NumPy only (the same JPEG decoder, so that pixels can be compared)."""
    image = simplejpeg.decode_jpeg((root / f"JPEGImages/{name}.jpg").read_bytes())
    with Image.open(root / f"SegmentationClass/{name}.png") as picture:
        label = np.array(picture)
    window = np.s_[y : y + h, x : x + w]
    return ((image[window] / 255 - MEAN) / STD).transpose(2, 0, 1), np.where(label[window] == 255, 0, label[window])


@pytest.mark.parametrize("published", [False, True])
def test_the_iterators(voc_root: Path, capsys: pytest.CaptureFixture[str], published: bool) -> None:
    if published:
        train, test = d2l.load_data_voc(10, (320, 480), voc_root)
    else:
        train, test = d2l.load_data_voc_segmentation(10, 320, 480, voc_root)
    printed = capsys.readouterr().out
    for pairs, name in ((train, "train"), (test, "val")):
        split = pw.open(voc_root)[name]
        names, fitting = split.names, int((split.sizes() >= (320, 480)).all(axis=1).sum())
        assert f"read {fitting} examples\n" in printed
        assert len(pairs) == fitting // 10 > 0
        for k, (images, labels) in enumerate(pairs):
            assert (images.shape, images.dtype) == ((10, 3, 320, 480), np.float32)
            assert (labels.shape, labels.dtype) == ((10, 320, 480), np.int64 if published else np.int32)
            if k > 2:
                break
            indices, _, plans = pairs.loader._plan(0, k)
            for n in (0, 9):
                y0, x0, *_ = plans[n].window
                image, label = plain_crop(voc_root, names[indices[n]], y0, x0, 320, 480)
                assert np.abs(images[n] - image).max() < 1e-5
                assert np.array_equal(labels[n], label)


def test_the_crop_of_the_iterators_is_checked(voc_root: Path) -> None:
    for size in (0, (1, 2, 3), "320x480"):
        with pytest.raises(UsageError, match="crop_size"):
            d2l.load_data_voc(2, size, voc_root)  # type: ignore[arg-type]


# -- what the chapter takes from MXNet ----------------------------------------------------------------------


def test_mxnets_names(voc_root: Path) -> None:
    name = pw.open(voc_root)["train"].names[0]
    mxnet.npx.set_np()
    assert mxnet.np is np
    assert mxnet.gluon.data.DataLoader is d2l.DataLoader
    assert issubclass(type("Mine", (mxnet.gluon.data.Dataset,), {}), mxnet.gluon.data.Dataset)
    image = mxnet.image.imread(voc_root / f"JPEGImages/{name}.jpg")
    label = mxnet.image.imread(f"{voc_root}/SegmentationClass/{name}.png")
    assert np.array_equal(image, d2l.read_voc_images(voc_root, "train")[0][0])
    assert np.array_equal(label, d2l.read_voc_seg_labels(voc_root, "train")[0])
    crop, rect = mxnet.image.random_crop(image, (30, 20))
    assert crop.shape == (20, 30, 3)
    assert np.array_equal(mxnet.image.fixed_crop(image, *rect), crop)
    for call in (lambda: mxnet.image.random_crop(image, (9999, 2)), lambda: mxnet.image.fixed_crop(image, 0, -1, 2, 2),
                 lambda: mxnet.image.fixed_crop(image, 0, 0, 9999, 2)):  # fmt: skip
        with pytest.raises(UsageError):
            call()
