"""The sample dataset: a VOC tree, the same bytes every time, all or nothing on the disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pixelwise import sample
from pixelwise.classes import VOC
from pixelwise.errors import SystemFault, UsageError
from pixelwise.samples.drawings import parse
from pixelwise.samples.tree import MANIFEST, composition_of, in_val, name_of, size_of, stored_as_rgb
from pixelwise.types import U8

COUNT = 64
SIZES = {(375, 500), (333, 500), (334, 500), (332, 500), (335, 500), (500, 375), (500, 333)}
SMALL = {(281, 500), (300, 400), (318, 480), (240, 320)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample of 64 images; its VOC2012 folder."""
    return sample(tmp_path_factory.mktemp("sample") / "new", COUNT)


def label_of(voc: Path, index: int) -> U8:
    """The stored class ids of image `index`."""
    with Image.open(voc / "SegmentationClass" / f"{name_of(index)}.png") as stored:
        pixels = np.asarray(stored)
        if stored.mode == "RGB":
            return np.asarray(VOC.encode(pixels), np.uint8)
        assert stored.mode == "P"
        assert stored.getpalette() == VOC.palette.ravel().tolist()
        return pixels


def instances_of(voc: Path, index: int) -> U8:
    """The stored object numbers of image `index`."""
    with Image.open(voc / "SegmentationObject" / f"{name_of(index)}.png") as stored:
        assert stored.mode == "P"
        return np.asarray(stored)


def digests(voc: Path) -> dict[str, str]:
    """Hash of every file below, by its relative path."""
    files = sorted(p for p in voc.rglob("*") if p.is_file())
    return {p.relative_to(voc).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_tree_is_vocs(made: Path) -> None:
    assert made.parts[-2:] == ("VOCdevkit", "VOC2012")
    names = {name_of(i) for i in range(COUNT)}
    for kind, ending in (
        ("JPEGImages", ".jpg"), ("SegmentationClass", ".png"), ("SegmentationObject", ".png"), ("Annotations", ".xml"),
    ):  # fmt: skip
        assert {p.name for p in (made / kind).iterdir()} == {n + ending for n in names}
    folder = made / "ImageSets" / "Segmentation"
    lists = {split: (folder / f"{split}.txt").read_text().split() for split in ("train", "val", "trainval")}
    assert (len(lists["train"]), len(lists["val"])) == (48, 16)
    assert sorted(lists["train"] + lists["val"]) == lists["trainval"] == sorted(names)


def test_images_open_and_have_their_sizes(made: Path) -> None:
    seen = []
    for index in range(COUNT):
        with Image.open(made / "JPEGImages" / f"{name_of(index)}.jpg") as image:
            assert image.mode == "RGB"
            assert np.asarray(image).std() > 10
            size = (image.height, image.width)
        assert size == size_of(index, 0) == label_of(made, index).shape == instances_of(made, index).shape
        seen.append(size)
    assert set(seen) <= SIZES | SMALL
    assert seen.count((375, 500)) > COUNT * 0.4
    for val in (False, True):
        split = {size for index, size in enumerate(seen) if in_val(index) is val}
        assert split & SMALL, "an image that is too small"
        assert {(500, 375), (500, 333)} & split, "an upright image"
    too_small = sum(h < 320 or w < 480 for h, w in seen)
    assert 0.1 < too_small / COUNT < 0.35


def test_file_sizes_are_like_vocs(made: Path) -> None:
    full = [name_of(i) for i in range(COUNT) if size_of(i, 0) == (375, 500)]
    palette = [name_of(i) for i in range(COUNT) if not stored_as_rgb(i)]
    jpegs = [(made / "JPEGImages" / f"{n}.jpg").stat().st_size for n in full]
    labels = [(made / "SegmentationClass" / f"{n}.png").stat().st_size for n in palette]
    assert 70_000 < np.median(jpegs) < 120_000
    assert 50_000 < min(jpegs) <= max(jpegs) < 140_000
    assert 1_500 < np.median(labels) < 6_000


def test_labels_hold_classes_and_void_only(made: Path) -> None:
    void = []
    for index in range(COUNT):
        label = label_of(made, index)
        assert set(np.unique(label).tolist()) <= {*range(21), 255}
        void.append(np.mean(label == 255))
    assert 0.03 < np.mean(void) < 0.08


@pytest.mark.parametrize("val", [False, True])
def test_every_class_is_in_both_splits(made: Path, val: bool) -> None:
    pixels = np.zeros(256, np.int64)
    for index in range(COUNT):
        if in_val(index) is val:
            pixels += np.bincount(label_of(made, index).ravel(), minlength=256)
    assert pixels[:21].min() >= 500, VOC.names[int(pixels[:21].argmin())]


def test_void_separates_regions_by_five_pixels(made: Path) -> None:
    instances = instances_of(made, 0)
    # Along a row that crosses an object, the void before its first pixel is at least 5 wide (wider where slanted).
    rows, columns = np.nonzero(instances == 1)
    middle = (rows.min() + rows.max()) // 2
    first = columns[rows == middle].min()
    assert first >= 5
    assert (instances[middle, first - 5 : first] == 255).all()
    # No two different regions touch.
    known = instances.astype(int)
    for a, b in ((known[:, 1:], known[:, :-1]), (known[1:], known[:-1])):
        assert not ((a != b) & (a != 255) & (b != 255)).any()


def test_rgb_coded_labels_mean_the_same(made: Path) -> None:
    coded = [i for i in range(COUNT) if stored_as_rgb(i)]
    assert {in_val(i) for i in coded} == {False, True}
    for index in range(COUNT):
        with Image.open(made / "SegmentationClass" / f"{name_of(index)}.png") as stored:
            assert stored.mode == ("RGB" if index in coded else "P")
    for index in coded[:3]:
        np.testing.assert_array_equal(label_of(made, index), composition_of(index, 0).label)


def test_boxes_agree_with_the_instances(made: Path) -> None:
    for index in range(COUNT):
        label, instances = label_of(made, index), instances_of(made, index)
        root = ElementTree.parse(made / "Annotations" / f"{name_of(index)}.xml").getroot()
        assert root.findtext("filename") == f"{name_of(index)}.jpg"
        assert (int(root.findtext("size/height", "")), int(root.findtext("size/width", ""))) == label.shape
        objects = root.findall("object")
        numbers = set(np.unique(instances).tolist()) - {0, 255}
        assert numbers == set(range(1, len(objects) + 1))
        np.testing.assert_array_equal(label == 255, instances == 255)
        for number, thing in enumerate(objects, 1):
            seen = instances == number
            assert np.unique(label[seen]).tolist() == [VOC.names.index(thing.findtext("name", ""))]
            x0, y0, x1, y1 = (int(thing.findtext(f"bndbox/{t}", "")) for t in ("xmin", "ymin", "xmax", "ymax"))
            assert 1 <= x0 < x1 <= label.shape[1]
            assert 1 <= y0 < y1 <= label.shape[0]
            inside = np.zeros_like(seen)
            inside[y0 - 1 : y1, x0 - 1 : x1] = True
            assert not (seen & ~inside).any()
            # The box ends where the object ends, at most the void border's width beyond its labeled pixels,
            # unless only void is left of a thin part.
            assert (instances[y0 - 1, x0 - 1 : x1] != 0).any()
            assert (instances[y0 - 1 : y1, x1 - 1] != 0).any()


def test_bytes_depend_on_the_seed_alone(made: Path, tmp_path: Path) -> None:
    few = digests(sample(tmp_path / "few", 6))
    again = digests(sample(tmp_path / "again", 6))
    assert few == again
    images = {k: v for k, v in few.items() if "ImageSets" not in k and k != MANIFEST}
    whole = digests(made)
    assert len(images) == 24
    assert {k: whole[k] for k in images} == images, "a larger count changed an earlier image"
    other = digests(sample(tmp_path / "other", 6, seed=1))
    assert all(other[k] != v for k, v in images.items() if k.startswith("JPEGImages"))


def test_every_cast_shows_all_that_it_must() -> None:
    from pixelwise.samples.scenes import CASTS, VARIANTS, compose

    def musts(cast: str) -> list[str]:
        return [name for name in cast.split()[1:] if not name.endswith("?")]

    assert {name for cast in CASTS for name in musts(cast)} == set(VOC.names[1:])
    assert len(CASTS) == len(VARIANTS) == 10
    for number, cast in enumerate((*CASTS, *VARIANTS)):
        composition = compose(cast, ((240, 320), (500, 333))[number % 2], (11, number))
        for name in musts(cast):
            assert (composition.label == VOC.names.index(name)).sum() >= 80


def test_every_drawing_that_is_named_is_there() -> None:
    from pixelwise.samples.scenes import DRAWINGS, PAINTS, PLACES

    rows = [row for variants in DRAWINGS.values() for drawing in variants for row in drawing]
    assert {name for row in rows if row.mark == "@" for name in row.names} <= set(DRAWINGS)
    assert {name for row in rows if row.mark != "@" for name in row.names} <= set(PAINTS)
    assert {paint for place in PLACES.values() for paint in place.grounds} <= set(PAINTS)
    assert set(VOC.names[1:]) <= set(DRAWINGS)
    with pytest.raises(AssertionError, match="not a surface or part"):
        parse("tree: 12 foliage")


def test_the_same_sample_is_left_as_it_is(tmp_path: Path) -> None:
    voc = sample(tmp_path / "a", 2)
    (tmp_path / "a" / "contact-sheet.png").write_bytes(b"mine")
    stamp = (voc / "JPEGImages" / "2026_000001.jpg").stat().st_mtime_ns
    calls: list[int] = []
    assert sample(tmp_path / "a", 2, progress=lambda done, _: calls.append(done)) == voc
    assert (voc / "JPEGImages" / "2026_000001.jpg").stat().st_mtime_ns == stamp
    assert calls == []


@pytest.mark.parametrize("spoil", ["count", "seed", "version", "file", "manifest"])
def test_anything_else_is_not_overwritten(tmp_path: Path, spoil: str) -> None:
    voc = sample(tmp_path / "a", 2)
    if spoil == "file":
        (voc / "JPEGImages" / "2026_000002.jpg").unlink()
    elif spoil == "manifest":
        (voc / MANIFEST).write_text("{")
    else:
        manifest = json.loads((voc / MANIFEST).read_text())
        (voc / MANIFEST).write_text(json.dumps(manifest | {spoil: 99}))
    before = digests(tmp_path)
    with pytest.raises(UsageError, match="not empty") as caught:
        sample(tmp_path / "a", 2)
    assert caught.value.code == "not-empty"
    assert caught.value.fix
    assert digests(tmp_path) == before


def test_wrong_arguments(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cases: list[tuple[str, Callable[[], Path]]] = [
        ("not-a-folder", lambda: sample(tmp_path / "file", 1)),
        ("bad-argument", lambda: sample(tmp_path / "new", 0)),
        ("bad-argument", lambda: sample(tmp_path / "new", 1, -1)),
    ]
    for code, call in cases:
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == code
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("there", [False, True])
def test_an_interruption_leaves_nothing(tmp_path: Path, there: bool) -> None:
    root = tmp_path / "deep" / "er"
    if there:
        root.mkdir(parents=True)

    def stop(done: int, count: int | None) -> None:
        assert count == 12
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(root, 12, progress=stop)
    assert os.listdir(tmp_path) == (["deep"] if there else [])
    assert not there or os.listdir(root) == []


def test_what_a_killed_call_left_is_in_nobodys_way(tmp_path: Path) -> None:
    left = tmp_path / f".VOCdevkit.{32 * '0'}.part"
    (left / "VOC2012").mkdir(parents=True)
    assert sample(tmp_path, 1).is_dir()
    assert not left.exists()


def test_progress_counts_up(tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    sample(tmp_path, 3, progress=lambda done, count: calls.append((done, count)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_disk_that_refuses_is_the_environments_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(SystemFault, match="No space left") as caught:
        sample(tmp_path / "new", 2)
    assert caught.value.code == "cannot-write"
    assert caught.value.exit_code == 3
    assert not (tmp_path / "new").exists()
