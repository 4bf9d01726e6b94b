"""The chapter, by its own names, on real files where they are here and on painted ones elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

import pixelwise as pw
from pixelwise import d2l
from pixelwise.errors import UsageError

# The array that the chapter prints for the first training image, rows 105 to 114, columns 130 to 139.
CHAPTER = ["0000000001", "0000000111", "0000001111", "0000011111", "0000011111",
           "0000111111", "0000011111", "0000011111", "0000001111", "0000000011"]  # fmt: skip


def test_the_chapters_printed_array(real_voc_root: Path) -> None:
    label = d2l.read_voc_seg_labels(real_voc_root, "train")[0]
    indices = d2l.colors_to_indices(label, d2l.build_colormap(d2l.VOC_SEG_COLORS))
    assert ["".join(map(str, row)) for row in indices[105:115, 130:140]] == CHAPTER
    sample = pw.open(real_voc_root)["train"][0]
    assert sample.name == "2007_000032"
    assert sample.label is not None
    kept = sample.label[105:115, 130:140]
    assert (kept == 255).any()
    assert ["".join(map(str, row)) for row in np.where(kept == 255, 0, kept)] == CHAPTER


def test_read_voc_images(voc_root: Path) -> None:
    images, boxes, classes = d2l.read_voc_images(voc_root, ["val"])
    names = (voc_root / "ImageSets/Segmentation/val.txt").read_text().split()
    assert len(images) == len(boxes) == len(classes) == len(names)
    for i in (0, len(names) // 2, -1):
        with open(voc_root / f"JPEGImages/{names[i]}.jpg", "rb") as file:
            assert np.array_equal(images[i], simplejpeg.decode_jpeg(file.read()))


def test_objects_come_from_the_annotations(tmp_path: Path) -> None:
    root = pw.sample(tmp_path / "s", count=8, seed=3)
    images, boxes, classes = d2l.read_voc_images(root, "train")
    voc = pw.open(root)
    assert sum(map(len, classes)) > 0
    for i in range(len(images)):
        assert boxes[i].shape == (len(classes[i]), 4)
        label = voc["train"][i].label
        assert label is not None
        for name, (x0, y0, x1, y1) in zip(classes[i], boxes[i].tolist(), strict=True):
            assert 1 <= x0 <= x1 <= images[i].shape[1]
            assert 1 <= y0 <= y1 <= images[i].shape[0]
            assert (label[y0 - 1 : y1, x0 - 1 : x1] == voc.classes.index(name)).any()


def plain_crop(root: Path, name: str, y: int, x: int, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """The chapter's crop by Pillow and NumPy only (the same JPEG decoder, so that pixels can be compared)."""
    with open(root / f"JPEGImages/{name}.jpg", "rb") as file:
        image = simplejpeg.decode_jpeg(file.read())
    with Image.open(root / f"SegmentationClass/{name}.png") as picture:
        label = np.array(picture)
    window = np.s_[y : y + h, x : x + w]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((image[window] / 255 - mean) / std).transpose(2, 0, 1), np.where(label[window] == 255, 0, label[window])


def test_load_data_voc_segmentation(voc_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = d2l.load_data_voc_segmentation(10, 320, 480, voc_root)
    printed = capsys.readouterr().out
    for pairs, name in ((train, "train"), (test, "val")):
        split = pw.open(voc_root)[name]
        names, fitting = split.names, int((split.sizes() >= (320, 480)).all(axis=1).sum())
        assert f"read {fitting} examples\n" in printed
        assert len(pairs) == fitting // 10 > 0
        for k, (images, labels) in enumerate(pairs):
            assert images.shape == (10, 3, 320, 480)
            assert images.dtype == np.float32
            assert labels.shape == (10, 320, 480)
            if k > 2:
                break
            indices, _, plans = pairs.loader._plan(0, k)
            for n in (0, 9):
                y0, x0, *_ = plans[n].window
                image, label = plain_crop(voc_root, names[indices[n]], y0, x0, 320, 480)
                assert np.abs(images[n] - image).max() < 1e-5
                assert np.array_equal(labels[n], label)


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
    assert image.shape == (3, 320, 480)
    assert label.shape == (320, 480)
    assert label.max() <= 20
    assert not np.array_equal(image, other)
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    # Somewhere in the source lie exactly these pixels, with their labels.
    source = images[fitting[0]]
    back = np.rint((image.transpose(1, 2, 0) * d2l.RGB_STD + d2l.RGB_MEAN) * 255).astype(np.uint8)
    height, width = source.shape[:2]
    places = [
        (y, x)
        for y in range(height - 319)
        for x in range(width - 479)
        if np.array_equal(source[y, x : x + 480], back[0])
    ]
    assert any(np.array_equal(source[y : y + 320, x : x + 480], back) for y, x in places)


def test_segmentation_rand_crop_cuts_both_alike() -> None:
    feature = np.arange(11 * 17).reshape(11, 17)
    a, b = d2l.segmentation_rand_crop(feature, feature, 4, 9, np.random.default_rng(0))
    assert a.shape == (4, 9)
    assert np.array_equal(a, b)
    with pytest.raises(UsageError, match="does not fit"):
        d2l.segmentation_rand_crop(feature, feature, 12, 9)


def test_show_images_gives_axes() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = d2l.show_images([np.zeros((4, 4, 3), np.uint8)] * 5, 2, 3, titles=list("abcde"))
    assert axes.shape == (6,)
    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "d", "e", ""]
    matplotlib.pyplot.close("all")


def test_names_and_constants() -> None:
    assert d2l.VOC_CLASSES[16] == "potted plant"
    assert d2l.VOC_CLASSES[20] == "tv/monitor"
    assert d2l.VOC_SEG_COLORS[1] == [128, 0, 0]
    assert d2l.get_dataloader_workers() >= 1


@pytest.mark.parametrize("colors", [[(1, 2)], [(1, 2, 300)], [(-1, 0, 0)], [(0.5, 0, 0)], [(0, 0, 0)] * 257])
def test_a_colormap_is_of_rgb_bytes(colors: Any) -> None:
    with pytest.raises(pw.UsageError, match="colors are"):
        d2l.build_colormap(colors)


def test_colors_and_sizes_of_another_kind_are_refused() -> None:
    table = np.zeros(256**3, np.uint8)
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.full((4, 4, 3), -1), np.full((4, 4, 3), 256)):
        with pytest.raises(pw.UsageError, match="colors are"):
            d2l.colors_to_indices(wrong, table)
    image = np.zeros((4, 4, 3), np.uint8)
    for height in (0, -3, "3"):
        with pytest.raises(pw.UsageError):
            d2l.segmentation_rand_crop(image, image, height, 2)  # type: ignore[arg-type]
