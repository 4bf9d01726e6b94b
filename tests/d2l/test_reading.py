"""Images, labels and boxes of VOC's files, as each edition reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

import pixelwise as pw
from pixelwise import d2l
from pixelwise.errors import DataError, FileError, ListError, MissingError, PixelwiseError, UsageError

# What the chapter prints for the first training image, rows 105 to 114, columns 130 to 139.
CHAPTER = ["0000000001", "0000000111", "0000001111", "0000011111", "0000011111",
           "0000111111", "0000011111", "0000011111", "0000001111", "0000000011"]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painted dataset with class lists, and annotations as VOC writes them."""
    root = pw.sample(tmp_path_factory.mktemp("painted"), count=24, seed=3)
    (root / "ImageSets/Main").mkdir()
    for name in pw.VOC.names[1:]:
        for split in ("train", "val"):
            rows = [(stem, 1 if name in things(root, stem) else -1) for stem in listed(root, split)]
            text = "".join(f"{stem} {value:2d}\n" for stem, value in rows)
            (root / f"ImageSets/Main/{name}_{split}.txt").write_text(text)
    return root


def listed(root: Path, split: str) -> list[str]:
    return (root / f"ImageSets/Segmentation/{split}.txt").read_text().split()


def things(root: Path, stem: str) -> list[str]:
    text = (root / f"Annotations/{stem}.xml").read_text()
    return [part.partition("</name>")[0] for part in text.split("<name>")[1:]]


def decoded(root: Path, stem: str) -> np.ndarray:
    return simplejpeg.decode_jpeg((root / f"JPEGImages/{stem}.jpg").read_bytes())


def colored(root: Path, stem: str) -> np.ndarray:
    with Image.open(root / f"SegmentationClass/{stem}.png") as picture:
        return np.array(picture.convert("RGB"))


# -- image sets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_sets", [["Segmentation/val.txt"], "Segmentation/val.txt", ["val"], "val"])
def test_image_sets_are_files_or_splits(root: Path, image_sets: Any) -> None:
    images, names = d2l.read_voc_images(root, image_sets)
    assert names == listed(root, "val")
    assert all(type(image) is np.ndarray for image in images)
    assert all(np.array_equal(image, decoded(root, stem)) for image, stem in zip(images, names, strict=True))
    labels = d2l.read_voc_seg_labels(root, image_sets)
    assert all(np.array_equal(label, colored(root, stem)) for label, stem in zip(labels, names, strict=True))


def test_several_image_sets_follow_each_other(root: Path) -> None:
    sets = ["Segmentation/val.txt", "train"]
    assert d2l.read_voc_images(root, sets)[1] == listed(root, "val") + listed(root, "train")
    assert len(d2l.read_voc_seg_labels(root, sets)) == 24
    assert d2l.read_voc_images(root, []) == ([], [])


@pytest.mark.parametrize("kind", ["person", "cat", "tvmonitor"])
def test_of_a_class_list_the_ones_count(root: Path, kind: str) -> None:
    images, names = d2l.read_voc_images(root, [f"Main/{kind}_train.txt"])
    assert names == [stem for stem in listed(root, "train") if kind in things(root, stem)]
    assert len(images) == len(names)


def test_difficult_ones_do_not_count(root: Path, tmp_path: Path) -> None:
    a, b, c, *_ = listed(root, "train")
    (root / "ImageSets/Main/odd.txt").write_bytes(f"{a}  0\r\n\r\n{b}  1\r\n{c}\t1 \r\n{a} -1".encode())
    assert d2l.read_voc_images(root, ["Main/odd.txt"])[1] == [b, c]


def test_the_published_edition_takes_a_truth_value(root: Path) -> None:
    for found in (d2l.read_voc_images(root), d2l.read_voc_images(root, True), d2l.read_voc_images(root, is_train=True)):
        features, labels = found
        stems = listed(root, "train")
        assert len(features) == len(labels) == len(stems)
        assert all(isinstance(planes, d2l.Planes) and planes.dtype == np.uint8 for planes in features + labels)
        assert np.array_equal(features[2].permute(1, 2, 0), decoded(root, stems[2]))
        assert np.array_equal(labels[2].permute((1, 2, 0)).numpy(), colored(root, stems[2]))
        assert features[2].shape == (3, *labels[2].shape[1:])
    assert len(d2l.read_voc_images(root, np.bool_(False))[0]) == len(listed(root, "val"))


def test_images_need_no_labels_and_no_segmentation_lists(tmp_path: Path) -> None:
    """A tree for detection alone."""
    for folder in ("JPEGImages", "ImageSets/Main", "Annotations"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (5, 3), (9, 8, 7)).save(tmp_path / "JPEGImages/a.jpg")
    (tmp_path / "ImageSets/Main/dog_val.txt").write_text("a 1\n")
    images, names = d2l.read_voc_images(tmp_path, ["Main/dog_val.txt"])
    assert (images[0].shape, names) == ((3, 5, 3), ["a"])


@pytest.mark.parametrize(
    ("image_sets", "kind", "match"),
    [
        (["Segmentation/nope.txt"], MissingError, "nope.txt"),
        (["nope"], UsageError, "no split named 'nope'"),
        (1, UsageError, "image sets are names"),
        ([True], UsageError, "image sets are names"),
        (None, UsageError, "image_sets must be True or False or a path or a list of names, got None"),
        (["Main/twice.txt"], ListError, "duplicate-id"),
        (["Main/outside.txt"], ListError, "outside.txt:2: .*path-escapes-root"),
        (["Main/gone.txt"], MissingError, "gone.jpg"),
        (["Main/bytes.txt"], ListError, "list-encoding"),
    ],
)
def test_bad_image_sets_say_what_is_wrong(root: Path, image_sets: Any, kind: type[Exception], match: str) -> None:
    stem = listed(root, "train")[0]
    texts = {"twice": f"{stem} 1\n{stem} 1\n", "outside": f"{stem} -1\n../{stem} 1\n", "gone": "gone 1\n"}
    for name, text in texts.items():
        (root / f"ImageSets/Main/{name}.txt").write_text(text)
    (root / "ImageSets/Main/bytes.txt").write_bytes(b"\xff\xff 1\n")
    with pytest.raises(kind, match=match):
        d2l.read_voc_images(root, image_sets)


def test_labels_that_are_not_there(root: Path) -> None:
    (root / "ImageSets/Segmentation/test.txt").write_text("a\n")
    Image.new("RGB", (5, 3)).save(root / "JPEGImages/a.jpg")
    for name, kind in (("test", UsageError), ("Segmentation/test.txt", MissingError)):
        with pytest.raises(kind):
            d2l.read_voc_seg_labels(root, name)
    (root / "ImageSets/Segmentation/test.txt").unlink()


# -- boxes --------------------------------------------------------------------------------------------------


def test_boxes_are_those_of_the_objects(root: Path) -> None:
    images, names = d2l.read_voc_images(root, ["Segmentation/train.txt"])
    found = d2l.read_voc_detection_labels(root, names, d2l.VOC_CLASSES)
    assert sum(map(len, found)) > len(names)
    voc = pw.open(root)["train"]
    for i, rows in enumerate(found):
        assert (rows.dtype, rows.shape[1:]) == (np.float64, (5,))
        assert [d2l.VOC_CLASSES[int(row[0])] for row in rows] == things(root, names[i])
        label = voc[i].label
        assert label is not None
        for kind, x0, y0, x1, y1 in rows.astype(int).tolist():
            assert 0 <= x0 <= x1 < images[i].shape[1]
            assert 0 <= y0 <= y1 < images[i].shape[0]
            assert (label[y0 : y1 + 1, x0 : x1 + 1] == kind).any()


def test_boxes_of_some_classes(root: Path) -> None:
    names = listed(root, "train")
    every = d2l.read_voc_detection_labels(root, names, d2l.VOC_CLASSES)
    some = d2l.read_voc_detection_labels(root, names, ["Person", "tv/monitor", "potted plant"])
    ids = [d2l.VOC_CLASSES.index(name) for name in ("person", "tvmonitor", "pottedplant")]
    for rows, of_all in zip(some, every, strict=True):
        expected = of_all[np.isin(of_all[:, 0], ids)]
        assert np.array_equal(rows[:, 1:], expected[:, 1:])
        assert [ids[int(kind)] for kind in rows[:, 0]] == expected[:, 0].tolist()
    assert d2l.read_voc_detection_labels(root, names[:1], [])[0].shape == (0, 5)


BOX = "<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"


def annotation(box: str, name: str = "<name>cat</name>") -> str:
    return f"<annotation><object>{name}<bndbox>{box}</bndbox></object></annotation>"


def test_a_box_as_files_have_it(tmp_path: Path) -> None:
    """Fractions, spaces, capitals, and parts of a body, which have boxes of their own."""
    part = "<part><name>head</name><bndbox>" + BOX.format(1, 1, 2, 2) + "</bndbox></part>"
    text = annotation(BOX.format(" 45.5 ", 30, 197.25, 401) + "", "\n<name> Cat\n</name>" + part)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(text)
    assert d2l.read_voc_detection_labels(tmp_path, ["a"], ["dog", "cat"])[0].tolist() == [[1, 44.5, 29, 196.25, 400]]


BAD = {
    "infinite": annotation(BOX.format(1, 1, "inf", 9)),
    "huge": annotation(BOX.format(1, 1, "1e999", 9)),
    "nan": annotation(BOX.format(1, "nan", 5, 9)),
    "word": annotation(BOX.format(1, "one", 5, 9)),
    "backwards": annotation(BOX.format(9, 1, 5, 9)),
    "missing edge": annotation("<xmin>1</xmin>"),
    "no box": "<annotation><object><name>cat</name></object></annotation>",
    "no name": annotation(BOX.format(1, 1, 5, 9), ""),
    "empty": "",
    "cut": annotation(BOX.format(1, 1, 5, 9))[:-9],
    "not XML": "cat 1 1 5 9",
    "unknown encoding": '<?xml version="1.0" encoding="nope-8"?>' + annotation(BOX.format(1, 1, 5, 9)),
    "multi-byte encoding": '<?xml version="1.0" encoding="shift_jis"?>' + annotation(BOX.format(1, 1, 5, 9)),
    "entity": annotation("&e;"),
    "zero byte": "\0",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_a_bad_annotation_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text(text)
    with pytest.raises(FileError, match=r"a\.xml: not a VOC annotation") as caught:
        d2l.read_voc_detection_labels(tmp_path, ["a"], ["cat"])
    assert "\n" not in str(caught.value)
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize(
    "call",
    [
        lambda root: d2l.read_voc_detection_labels(root, "a", ["cat"]),
        lambda root: d2l.read_voc_detection_labels(root, ["a"], "cat"),
        lambda root: d2l.read_voc_detection_labels(root, ["a"], ["cat", "Cat"]),
        lambda root: d2l.read_voc_detection_labels(root, ["no-such"], ["cat"]),
        lambda root: d2l.read_voc_detection_labels(root / "no-such", ["a"], ["cat"]),
        lambda root: d2l.read_voc_images(root / "no-such", ["Segmentation/train.txt"]),
        lambda root: d2l.read_voc_images(root / "no-such"),
    ],
)
def test_bad_calls_are_refused(root: Path, call: Callable[[Path], Any]) -> None:
    with pytest.raises(PixelwiseError) as caught:
        call(root)
    assert isinstance(caught.value, (UsageError, DataError))


# -- real files ---------------------------------------------------------------------------------------------


def test_the_label_of_the_first_image(real_voc_root: Path) -> None:
    sample = pw.open(real_voc_root)["train"][0]
    assert sample.name == "2007_000032"
    assert sample.label is not None
    kept = sample.label[105:115, 130:140]
    assert (kept == 255).any()
    assert ["".join(map(str, row)) for row in np.where(kept == 255, 0, kept)] == CHAPTER
