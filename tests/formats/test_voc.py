"""Opening VOC: where it may lie, what its splits are, and what is said when it is not there."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.dataset.sources import ArraySource
from pixelwise.errors import FormatError, LabelError, MissingError, PairError, UnknownNameError, UsageError
from pixelwise.types import Clock, Finding, Window


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A VOC tree of four small pairs."""
    root = tmp_path / "VOCdevkit" / "VOC2012"
    rng = np.random.default_rng(0)
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for i in range(4):
        h, w = 20 + i, 30 - i
        Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8)).save(root / f"JPEGImages/im{i}.jpg")
        for folder in ("SegmentationClass", "SegmentationObject"):
            label = Image.fromarray(np.full((h, w), i, np.uint8)).convert("P")
            label.putpalette(pw.VOC.palette.tobytes())
            label.save(root / folder / f"im{i}.png")
    lists = {"train": "im0\nim1\n", "val": "im2\nim3\n", "trainaug": "im0\nim1\nim2\n", "test": "im3\n"}
    for name, text in lists.items():
        (root / f"ImageSets/Segmentation/{name}.txt").write_text(text)
    return root


@pytest.mark.parametrize("up", [0, 1, 2])
def test_opens_at_every_level(tree: Path, up: int) -> None:
    path = [tree, tree.parent, tree.parent.parent][up]
    voc = pw.open(path)
    assert voc.root == tree
    assert voc.format == "voc"
    assert list(voc.splits) == ["train", "val", "test", "trainaug"]
    assert len(voc["trainaug"]) == 3


def test_several_years_are_named(tree: Path) -> None:
    shutil.copytree(tree, tree.parent / "VOC2007")
    with pytest.raises(FormatError, match="several years: VOC2007, VOC2012") as caught:
        pw.open(tree.parent)
    assert "VOC2012" in (caught.value.fix or "")
    assert len(pw.open(tree.parent / "VOC2007")["train"]) == 2


def test_samples(tree: Path) -> None:
    train = pw.open(tree)["train"]
    assert list(train.names) == ["im0", "im1"]
    sample = train[-1]
    assert sample.name == "im1"
    assert sample.image.shape == (21, 29, 3)
    assert sample.label is not None
    assert (sample.label == 1).all()
    assert sample.instances is not None
    assert [s.name for s in train] == ["im0", "im1"]
    part = train[1:]
    assert (len(part), part.names[0], part[0].name) == (1, "im1", "im1")
    with pytest.raises(IndexError):
        train[2]
    window = train.read(0, Window(3, 5, 10, 11))
    whole = train[0]
    assert np.array_equal(window.image, whole.image[3:10, 5:11])
    assert whole.label is not None
    assert np.array_equal(window.label, whole.label[3:10, 5:11])


def test_sizes_come_from_headers(tree: Path) -> None:
    voc = pw.open(tree)
    assert voc["trainaug"].sizes().tolist() == [[20, 30], [21, 29], [22, 28]]
    assert voc["trainaug"][::-1].sizes(np.array([0])).tolist() == [[22, 28]]


def test_test_split_has_no_labels(tree: Path) -> None:
    (tree / "SegmentationClass/im3.png").unlink()
    sample = pw.open(tree)["test"][0]
    assert sample.label is None


def test_another_folder_of_labels(tree: Path) -> None:
    shutil.copytree(tree / "SegmentationClass", tree / "SegmentationClassAug")
    shutil.rmtree(tree / "SegmentationClass")
    assert pw.open(tree, labels="SegmentationClassAug")["train"][1].label is not None
    with pytest.raises(MissingError, match="no folder of labels"):
        pw.open(tree)


def test_names_that_do_not_exist(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such file or folder"):
        pw.open(tmp_path / "nothing")
    with pytest.raises(UnknownNameError, match="the splits are: train, val, test, trainaug"):
        pw.open(tree)["tarin"]
    with pytest.raises(UnknownNameError, match="the formats are"):
        pw.open(tree, format="vox")
    with pytest.raises(UsageError, match=r"indexed by the name of a split"):
        pw.open(tree)[0]  # type: ignore[index]
    with pytest.raises(FormatError, match=r"is a part of a voc dataset.*open .*VOC2012"):
        pw.open(tree / "JPEGImages")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match=r"no dataset found; there is an empty folder; describe it: pixelwise init"):
        pw.open(tmp_path / "empty")
    with pytest.raises(FormatError, match=r"no dataset found; looked for VOC .JPEGImages.*an empty folder"):
        pw.open(tmp_path / "empty", format="voc")
    with pytest.raises(UsageError, match=r"no such option"):
        pw.open(tree, lables="x")


def test_a_broken_list_stops_only_its_own_split(tree: Path) -> None:
    (tree / "ImageSets/Segmentation/odd.txt").write_bytes(b"\xff\xfe\x00")
    voc = pw.open(tree)
    assert len(voc["train"]) == 2
    with pytest.raises(pw.DataError, match="UTF-16"):
        voc["odd"]


def test_sizes_that_differ_are_refused_with_both(tree: Path) -> None:
    Image.fromarray(np.zeros((30, 20), np.uint8)).save(tree / "SegmentationClass/im0.png")
    with pytest.raises(PairError, match=r"20.*30") as caught:
        pw.open(tree)["train"][0]
    assert caught.value.code == "size-mismatch"
    assert "EXIF" in str(caught.value)


def test_an_unknown_color_names_its_file(tree: Path) -> None:
    colors = np.zeros((20, 30, 3), np.uint8)
    colors[4, 5] = (9, 9, 9)
    Image.fromarray(colors).save(tree / "SegmentationClass/im0.png")
    with pytest.raises(LabelError, match=r"im0\.png: color \(9, 9, 9\).*1 pixels, first at x=5, y=4"):
        pw.open(tree)["train"][0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs are POSIX")
def test_a_fifo_among_the_images_does_not_hang(tree: Path) -> None:
    (tree / "JPEGImages/im0.jpg").unlink()
    os.mkfifo(tree / "JPEGImages/im0.jpg")
    with pytest.raises(pw.DataError, match="not a regular file"):
        pw.open(tree)["train"][0]


def test_exif_orientation_turns_nothing_and_is_noted(tree: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tree / "JPEGImages/im0.jpg", exif=exif.tobytes())
    notes: list[Finding] = []
    sample = pw.open(tree)["train"].read(0, notes=notes)
    assert sample.image.shape == (20, 30, 3)
    assert [n.code for n in notes if n.code.startswith("exif")] == ["exif-orientation"]


def test_a_clock_books_reading_and_decoding(tree: Path) -> None:
    clock = Clock()
    pw.open(tree)["train"].read(0, clock=clock)
    assert set(clock.seconds) == {"reading", "decoding"}


def test_splits_travel_to_other_processes(tree: Path) -> None:
    train = pw.open(tree)["train"]
    again = pickle.loads(pickle.dumps(train[1:]))
    assert np.array_equal(again[0].image, train[1].image)


def test_fingerprints_tell_splits_apart(tree: Path) -> None:
    voc = pw.open(tree)
    assert voc["train"].fingerprint == pw.open(tree.parent)["train"].fingerprint
    assert len({voc[name].fingerprint for name in voc.splits}) == 4


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (np.zeros((4, 5, 3)), None), ([[1, 2]], None), (np.zeros((0, 5, 3), np.uint8), None),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.float32)),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 1), np.uint8)),
    ],
)  # fmt: skip
def test_arrays_of_another_kind_are_refused(image: object, label: object) -> None:
    with pytest.raises(UsageError, match="0 must be"):
        ArraySource([image], None if label is None else [label])  # type: ignore[list-item]
