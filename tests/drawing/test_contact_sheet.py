"""The contact sheet: what it takes, what it draws where, and that it is the same each time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.classes import VOC, ClassTable
from pixelwise.dataset.splits import Splits
from pixelwise.drawing.contact_sheet import _planned, show
from pixelwise.drawing.page import Picture
from pixelwise.drawing.pixels import fit, instance_overlay, overlay, scaled_image, scaled_label
from pixelwise.drawing.typesetting import STANDARD_WIDTH, Style
from pixelwise.errors import PairError, UsageError
from pixelwise.loading.batch import Batch
from pixelwise.transforms.color import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.types import Sample
from tests.support.tree import Tree


def sample(name="a", height=375, width=500, label=True, instances=False, seed=0) -> Sample:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    classes = np.zeros((height, width), np.uint8)
    classes[height // 4 : height // 2, width // 4 :] = 15
    classes[height // 2 :, : width // 2] = 7
    classes[:, width // 2 : width // 2 + max(1, width // 50)] = 255
    return Sample(name, image, classes if label else None, (classes // 2) if instances else None)


class Split(list):
    """A stand-in with what show asks of a split."""

    classes = VOC
    name = "toy"


def split(n=3, **options) -> Split:
    return Split(sample(f"s{i}", seed=i, **options) for i in range(n))


def find(picture: Picture, patch: np.ndarray) -> list[tuple[int, int]]:
    """Where the patch occurs in the picture, exactly: (y, x) of its corner."""
    pixels = np.asarray(picture)
    h, w = patch.shape[:2]
    spots = np.argwhere((pixels[: -h + 1, : -w + 1] == patch[0, 0]).all(axis=2))
    spots = [s for s in spots if (pixels[s[0], s[1] : s[1] + w] == patch[0]).all()]
    return [(int(y), int(x)) for y, x in spots if (pixels[y : y + h, x : x + w] == patch).all()]


def test_image_label_and_overlay_stand_beside_each_other_pixel_for_pixel():
    data = split(2)
    picture = show(data)
    assert picture.image.width == STANDARD_WIDTH
    for k, one in enumerate(data):
        (a,) = find(picture, one.image)
        b = find(picture, VOC.decode(one.label))[k]  # both samples have the same label
        (c,) = find(picture, overlay(one.image, one.label, VOC))
        assert a[0] == b[0] == c[0]
        assert b[1] - a[1] == c[1] - b[1] == 500 + 2 + 20


def test_a_large_label_is_drawn_nearest_in_exactly_the_class_colors():
    one = sample(height=1500, width=2000)
    picture = show(one, classes=VOC, columns=["label"])
    cell = (Style().inner - 20) // 2 - 2
    size = fit(one.size, (cell, cell))
    assert size[1] == cell
    assert len(find(picture, VOC.decode(scaled_label(one.label, size)))) == 1


def test_rows_follow_the_order_and_n_bounds_them():
    data = split(4)
    tops = [find(show(data, 3), s.image) for s in data]
    assert [len(t) for t in tops] == [1, 1, 1, 0]
    assert tops[0][0][0] < tops[1][0][0] < tops[2][0][0]


def test_a_seed_chooses_without_repeating_and_again_the_same():
    data = split(12, height=60, width=80)
    pictures = [np.asarray(show(data, 4, seed=7)) for _ in range(2)]
    np.testing.assert_array_equal(*pictures)
    assert not np.array_equal(pictures[0], np.asarray(show(data, 4, seed=8)))
    everything = np.asarray(show(data, 12, seed=3))
    corners = {tuple(s.image[0, :6].reshape(-1)) for s in data}
    found = [tuple(r[61 : 61 + 36 : 6].reshape(-1)) for r in everything[:, :, :]]
    assert corners == corners.intersection(found)  # every one of the twelve has its row


def test_the_sheet_is_deterministic_and_does_not_touch_the_samples():
    data = split(2)
    before = [s.image.copy() for s in data]
    assert show(data)._repr_png_() == show(data)._repr_png_()
    for s, image in zip(data, before, strict=True):
        np.testing.assert_array_equal(s.image, image)


def test_without_labels_only_images_are_drawn_and_no_table_is_needed():
    data = [sample("t", label=False)]
    picture = show(data)
    assert len(find(picture, data[0].image)) == 1
    colors = np.asarray(show([Sample("white", np.full((20, 20, 3), 255, np.uint8), None)]))
    assert np.abs(colors.astype(int) - colors.astype(int)[..., :1]).max() < 40  # grays only: no swatches


def test_instances_are_a_column_on_request():
    data = split(1, instances=True, height=90, width=120)
    picture = show(data, columns=["image", "label", "overlay", "instances"])
    cell = (Style().inner - 3 * 20) // 4 - 2
    size = fit((90, 120), (cell, cell))
    (one,) = data
    image = scaled_image(one.image, size)
    drawn = instance_overlay(image, scaled_label(one.instances, size), scaled_label(one.label, size) == 255)
    assert len(find(picture, drawn)) == 1
    assert len(find(show(data), drawn)) == 0
    with pytest.raises(UsageError, match="instances"):
        show(split(1), columns=["instances"])


def test_a_dataset_shows_its_first_split_or_those_named(tmp_path):
    def made(name: str, seed: int) -> pw.Split:
        one = sample(seed=seed)
        return pw.Split(name, VOC, pw.ArraySource([one.image], [one.label]))

    splits = Splits({"train": lambda: made("train", 0), "val": lambda: made("val", 1)})
    data = pw.Dataset(Path("somewhere/toyset"), "arrays", VOC, splits)
    first, second = sample(seed=0).image, sample(seed=1).image
    for options, found in (({}, (1, 0)), ({"splits": "val"}, (0, 1)), ({"splits": ["val", "train"]}, (1, 1))):
        picture = show(data, **options)
        assert (len(find(picture, first)), len(find(picture, second))) == found
    with pytest.raises(UsageError, match="takes splits only with a path or a Dataset, got a list"):
        show([sample()], splits="val")
    with pytest.raises(UsageError, match="takes a path, a Dataset or a Split, got list"):
        pw.show_plans([sample()], [])


def test_a_path_is_opened(tmp_path):
    tree = Tree(tmp_path / "VOC2012")
    data = pw.open(tree.root)
    assert np.array_equal(np.asarray(show(tree.root, splits="val")), np.asarray(show(data, splits="val")))
    crop = [pw.CenterCrop(20, 30)]
    assert np.array_equal(
        np.asarray(pw.show_plans(str(tree.root), crop, 2, seed=3)), np.asarray(pw.show_plans(data, crop, 2, seed=3))
    )


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_a_batch_is_shown_with_normalization_undone_and_padding_cut(kind):
    one = sample(height=60, width=80)
    normalize = SimpleNamespace(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    images = np.zeros((1, 3, 70, 90), kind)
    pixels = one.image.astype(np.float64)
    if kind == "float32":
        pixels = (pixels / 255 - np.array(normalize.mean)) / np.array(normalize.std)
    images[0, :, :60, :80] = np.moveaxis(pixels, -1, 0)
    labels = np.full((1, 70, 90), 255, np.uint8)
    labels[0, :60, :80] = one.label
    batch = Batch(images, labels, ("b",), np.zeros(1, np.int64), np.array([[60, 80]]))
    picture = show(batch, classes=VOC, normalize=normalize)
    assert len(find(picture, one.image.repeat(6, 0).repeat(6, 1))) == 1
    assert len(find(picture, VOC.decode(one.label).repeat(6, 0).repeat(6, 1))) == 1


@pytest.mark.parametrize("normalized", [True, False])
def test_a_float_batch_without_a_word_is_plain_or_by_imagenet(normalized):
    one = sample(height=60, width=80)
    pixels = one.image / 255
    if normalized:
        pixels = (pixels - IMAGENET_MEAN) / IMAGENET_STD
    images = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[None], np.float32)
    batch = Batch(images, None, ("b",), np.zeros(1, np.int64), np.array([[60, 80]]))
    assert len(find(show(batch), one.image.repeat(9, 0).repeat(9, 1))) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2), (2500, 3000), (500, 375)])
def test_every_size_has_its_place_on_the_page(size):
    picture = show(sample(height=size[0], width=size[1]), classes=VOC)
    assert picture.image.width == STANDARD_WIDTH
    assert picture.image.height < 1100


@pytest.mark.parametrize("width", [400, 800, 3000])
def test_the_page_is_as_wide_as_asked(width):
    assert show(split(1), width=width).image.width == width


def test_hostile_names_change_nothing_but_their_line():
    plain = show([sample("plain")], classes=VOC)
    for name in ("a\x1b[2Jb\n\n\nc", "x" * 10_000, "\u202egnp.exe", "\udcff\udc80", ""):
        assert show([sample(name)], classes=VOC).size == plain.size


def test_150_classes_in_one_image_keep_the_sheet_in_bounds():
    table = ClassTable([f"a rather long class name {i}" for i in range(150)])
    label = (np.arange(300 * 400).reshape(300, 400) % 150).astype(np.uint8)
    one = Sample("many", np.zeros((300, 400, 3), np.uint8), label)
    assert show(one, classes=table).size[0] < 900


def test_wrong_calls_say_what_to_do():
    with pytest.raises(UsageError, match="classes=") as no_table:
        show([sample()])
    assert no_table.value.code == "no-class-table"
    with pytest.raises(UsageError, match="overlay"):
        show(split(1), columns=["images"])
    with pytest.raises(UsageError, match="n must be a whole number, at least 1"):
        show(split(1), 0)
    with pytest.raises(UsageError, match="seed"):
        show(split(1), seed=-1)
    with pytest.raises(UsageError, match="no sample"):
        show(Split())
    for nothing in (iter([]), [np.zeros((4, 4, 3), np.uint8)], 7):
        with pytest.raises(UsageError, match="a list of Samples"):
            show(nothing)
    with pytest.raises(UsageError, match="fewer samples"):
        show([sample(height=500)] * 1000, 1000, columns=["image"], classes=VOC)
    with pytest.raises(UsageError, match=r"\(H, W, 3\)"):
        show(Sample("gray", np.zeros((4, 4), np.uint8), None))
    with pytest.raises(PairError, match=r"odd: .*4x4.*4x5"):
        show([Sample("odd", np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))], classes=VOC)


def test_a_split_of_photographs_is_drawn_one_to_one(voc_root):
    train = pw.open(voc_root)["train"]
    picture = show(train, 2)
    for one in train[:2]:
        assert len(find(picture, one.image)) == 1
        assert len(find(picture, VOC.decode(one.label))) == 1


def test_a_batch_shows_the_pixels_of_the_files(voc_root):
    train = pw.open(voc_root)["train"]
    loader = pw.Loader(train, 2, [pw.CenterCrop(240, 320), pw.Normalize()], threads=1, small="drop")
    batch = next(iter(loader))
    picture = show(batch, classes=train.classes, normalize=loader.normalize)
    for k, one in enumerate(train[i] for i in batch.indices):
        (y, x) = find(picture, VOC.decode(batch.labels[k]))[0]
        corner = [(y, x - 522)]
        height, width = one.size
        crop = one.image[(height - 240) // 2 :, (width - 320) // 2 :][:240, :320]
        assert find(picture, crop) == corner


def test_plans_are_shown_as_the_loader_draws_them(tmp_path: Path) -> None:
    split = pw.open(pw.sample(tmp_path / "s", count=4, seed=5))["train"]
    transforms = [pw.RandomScale((0.5, 2.0)), pw.RandomCrop(64, 96, pad_if_needed=True), pw.RandomHorizontalFlip()]
    planned = _planned(split, transforms, 1, draws=3, seed=9)
    loader = pw.Loader(split, 1, transforms, seed=9, output="uint8-hwc")
    for draw in planned.renderings:
        batch = list(loader)[1]
        assert np.array_equal(draw.image, batch.images[0])
        assert batch.labels is not None
        assert np.array_equal(draw.label, batch.labels[0])
    picture = pw.show_plans(split, transforms, 2, draws=3)
    assert picture.image.width > 800
    with pytest.raises(UsageError, match="draws must be a whole number, at least 1"):
        pw.show_plans(split, transforms, draws=0)


def test_a_batch_of_interleaved_pixels_is_shown_as_any_other() -> None:
    rng = np.random.default_rng(0)
    source = pw.ArraySource([rng.integers(0, 256, (40, 60, 3), np.uint8)], [rng.integers(0, 3, (40, 60), np.uint8)])
    split = pw.Split("s", pw.VOC, source)
    sheets = [
        np.asarray(pw.show(next(iter(pw.Loader(split, 1, output=kind))), classes=pw.VOC).image)  # type: ignore[arg-type]
        for kind in ("uint8", "uint8-hwc", "float32-hwc")
    ]
    assert np.array_equal(sheets[0], sheets[1])
    assert np.array_equal(sheets[0], sheets[2])
