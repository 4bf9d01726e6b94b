"""Each check: a fault is planted in a good dataset and found, and the good dataset is found good."""

from __future__ import annotations

import errno
import io
import os
import threading
import tracemalloc
import unicodedata
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import pixelwise.checks.findings as findings_room
from pixelwise.checks.checking import check
from pixelwise.checks.findings import Collector, Findings
from pixelwise.checks.labels import mixed_pixels
from pixelwise.checks.splits import exclusive
from pixelwise.classes import VOC, ClassTable
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.sources import ArraySource, FileSource, PathRule
from pixelwise.dataset.splits import Split, Splits
from pixelwise.errors import DataError, MissingError, UnknownNameError, UsageError
from pixelwise.formats.opening import open as open_dataset
from pixelwise.types import Finding
from tests.support.jpeg import encode_jpeg
from tests.support.tree import Tree, mask, picture

BINARY = ClassTable(("background", "object"))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "VOC2012")


def only(found: Findings, code: str, severity: str) -> Finding:
    """The one finding there is, which must have this code and severity.

    That a label is stored in another way than the rest is noted, too, and is not what these tests are about.
    """
    others = [f for f in found if f.code != "mixed-label-kinds"]
    assert [(f.code, f.severity) for f in others] == [(code, severity)], str(found)
    return others[0]


def of_code(found: Findings, code: str) -> list[Finding]:
    return [f for f in found if f.code == code]


def test_a_good_dataset_is_found_good(tree: Tree) -> None:
    found = check(tree.root)
    assert not len(found), str(found)
    assert (found.samples, dict(found.splits)) == (9, {"train": 6, "val": 3})
    assert "no problems" in found.summary


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"<html>404</html>", "not-an-image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs-pointer"),
        (encode_jpeg(picture(0))[:-200], "truncated"),
        (encode_jpeg(picture(0))[:2] + b"\x00" * 500, "not-an-image"),
    ],
)
def test_unreadable_images(tree: Tree, content: bytes, code: str) -> None:
    tree.image("s00", content)
    finding = only(check(tree.root), code, "error")
    assert finding.where == "JPEGImages/s00.jpg"
    assert finding.fix


def test_damaged_label(tree: Tree) -> None:
    path = tree.root / "SegmentationClass/s01.png"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert only(check(tree.root), "crc", "error").where == "SegmentationClass/s01.png"


def test_extension_that_lies(tree: Tree) -> None:
    tree.image("s00", encode_png(picture(0)))
    assert "PNG" in only(check(tree.root), "extension-mismatch", "warning").what


def test_missing_image_names_its_list_line(tree: Tree) -> None:
    (tree.root / "JPEGImages/s02.jpg").unlink()
    (tree.root / "SegmentationClass/s02.png").unlink()
    found = check(tree.root)
    assert [f.where for f in found.errors] == ["JPEGImages/s02.jpg", "SegmentationClass/s02.png"]
    assert {f.code for f in found} == {"missing-file"}
    assert "ImageSets/Segmentation/train.txt:3" in found.errors[0].what


@pytest.mark.parametrize("how", ["case", "unicode form"])
def test_names_that_differ_in_case_or_unicode_form(tree: Tree, how: str) -> None:
    listed, there = ("s00", "S00") if how == "case" else [unicodedata.normalize(f, "é") for f in ("NFD", "NFC")]
    for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png")):
        (tree.root / folder / f"s00{suffix}").rename(tree.root / folder / f"{there}{suffix}")
    tree.list("train", [listed, *tree.names[1:6]])
    found = check(tree.root)
    missing = of_code(found, "missing-file")
    if not missing:
        pytest.skip("this file system takes the two names for one")
    assert all(how in f.fix and there in f.fix for f in missing)


def test_forbidden_file(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tree.root / "JPEGImages/s00.jpg"
    real = os.open

    def forbid(name: object, *args: object, **more: object) -> int:  # permissions do not bind root
        if name == str(path):
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return real(name, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", forbid)
    assert only(check(tree.root), "unreadable", "error").where == "JPEGImages/s00.jpg"


def test_a_folder_in_place_of_a_file(tree: Tree) -> None:
    path = tree.root / "JPEGImages/s00.jpg"
    path.unlink()
    path.mkdir()
    assert only(check(tree.root), "not-a-file", "error").where == "JPEGImages/s00.jpg"


def test_many_missing_files_cost_no_search_each(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda *a: calls.append(a) or real(*a))
    tree.list("train", [f"gone{i}" for i in range(1000)])
    found = check(tree.root)
    assert len(of_code(found, "missing-file")) == 2000
    assert len(calls) < 300


def test_unlisted_pair(tree: Tree) -> None:
    tree.image("extra", picture(50))
    tree.label("extra", mask(1, 15))
    assert only(check(tree.root), "unlisted-file", "warning").where == "SegmentationClass/extra.png"


def test_label_without_image(tree: Tree) -> None:
    tree.label("extra", mask(1, 15))
    assert "JPEGImages/extra.jpg" in only(check(tree.root), "label-without-image", "warning").what


def test_image_without_label(tree: Tree) -> None:
    tree.image("extra", picture(50))
    assert only(check(tree.root), "image-without-label", "note").where == "JPEGImages/extra.jpg"


def test_images_of_another_task_are_no_finding(tree: Tree) -> None:
    for i in range(12):
        tree.image(f"extra{i}", encode_jpeg(picture(0)))
    assert not len(check(tree.root))


def test_stray_file(tree: Tree) -> None:
    (tree.root / "JPEGImages/Thumbs.db").write_bytes(b"x")
    (tree.root / "JPEGImages/.DS_Store").write_bytes(b"x")
    assert only(check(tree.root), "unexpected-file", "note").where == "JPEGImages/Thumbs.db"


def test_files_are_looked_for_only_when_all_splits_are_checked(tree: Tree) -> None:
    assert not len(check(tree.root, splits=["train"]))
    assert not len(check(open_dataset(tree.root)["train"]))


# -- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"s00\ns01\ns00\n", "duplicate-id"),
        (b"../s00\n", "path-escapes-root"),
        (b"s\x1b[2J00\n", "list-control-char"),
        ("café\n".encode("latin-1"), "list-encoding"),
        (b"s00 1\ns01 -1\n", "list-two-columns"),
    ],
)
def test_broken_list(tree: Tree, content: bytes, code: str) -> None:
    tree.list("train", content)
    found = check(tree.root)
    assert only(found, code, "error").where.startswith("ImageSets/Segmentation/train.txt")
    assert dict(found.splits) == {"val": 3}


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_list_is_a_split_of_no_samples(tree: Tree, content: bytes) -> None:
    tree.list("train", content)
    found = check(tree.root)
    assert [f.where for f in found.notes if f.code == "empty-list"] == ["ImageSets/Segmentation/train.txt"]
    assert dict(found.splits) == {"train": 0, "val": 3}


def test_extensions_in_list(tree: Tree) -> None:
    tree.list("train", [n + ".jpg" for n in tree.names[:6]])
    only(check(tree.root), "extension-in-list", "warning")


def test_train_in_val(tree: Tree) -> None:
    tree.list("val", tree.names[4:])
    found = check(tree.root)
    assert [f.where for f in found.errors] == ["JPEGImages/s04.jpg", "JPEGImages/s05.jpg"]
    assert "train (line 5) and in val (line 1)" in found.errors[0].what
    assert {f.code for f in found} == {"id-in-several-splits"}


def test_all_of_val_in_train_is_found_too(tree: Tree) -> None:
    tree.list("train", tree.names)
    assert len(of_code(check(tree.root), "id-in-several-splits")) == 3


def test_unions_and_parts_are_no_finding(tree: Tree) -> None:
    tree.list("trainval", tree.names)
    tree.list("train_small", tree.names[:2])
    tree.list("easy", tree.names[3:7][:1])
    found = check(tree.root)
    assert not len(found), str(found)
    assert found.samples == 9  # each read once


def test_splits_whose_names_say_nothing_and_overlap(tree: Tree) -> None:
    (tree.root / "ImageSets/Segmentation/train.txt").unlink()
    (tree.root / "ImageSets/Segmentation/val.txt").unlink()
    tree.list("a", tree.names[:6])
    tree.list("b", tree.names[5:])
    assert only(check(tree.root), "id-in-several-splits", "warning").where == "JPEGImages/s05.jpg"


def test_the_augmented_list_that_overlaps_val(tree: Tree) -> None:
    tree.list("trainaug", tree.names[:7])
    finding = only(check(tree.root), "id-in-several-splits", "error")
    assert "10,582" in finding.fix


def test_roles_by_name() -> None:
    assert exclusive("train", "val")
    assert exclusive("train_aug", "validation")
    assert exclusive("trainval", "test")
    assert not exclusive("train", "trainval")
    assert not exclusive("val", "trainval")
    assert not exclusive("fold1", "val")


# -- pairs ----------------------------------------------------------------------------------------------------------


def test_sizes_differ(tree: Tree) -> None:
    tree.label("s00", mask(1, 15, size=(48, 63)))
    assert "48 high and 63 wide" in only(check(tree.root), "size-mismatch", "error").what


def test_turned_by_exif(tree: Tree) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    data = io.BytesIO()
    Image.fromarray(picture(0)).save(data, "JPEG", exif=exif.tobytes())
    tree.image("s00", data.getvalue())
    tree.label("s00", np.ascontiguousarray(mask(1, 15).T))
    found = check(tree.root)
    assert {(f.code, f.severity) for f in found} == {("exif-orientation", "warning"), ("size-mismatch", "error")}
    assert "EXIF" in found.errors[0].fix


# -- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "code", "severity"),
    [
        (encode_png(np.full((48, 64, 3), (1, 2, 3), np.uint8)), "unknown-color", "error"),
        (encode_png(np.full((48, 64), 40, np.uint8)), "class-out-of-range", "error"),
        (encode_jpeg(picture(0)), "lossy-label", "error"),
        (encode_png(mask(1, 2), VOC.palette[::-1].copy()), "palette-conflict", "error"),
        (encode_png(np.where(mask(1) == 1, 255, 0).astype(np.uint8)), "binary-mask", "warning"),
        (np.full((48, 64), 255, np.uint8), "no-valid-pixels", "warning"),
        (np.full((48, 64), 15, np.uint8), "single-class", "warning"),
    ],
)
def test_labels_that_decoding_refuses_or_notes(tree: Tree, label: bytes, code: str, severity: str) -> None:
    tree.label("s00", label)
    assert only(check(tree.root), code, severity).where == "SegmentationClass/s00.png"


def smooth(how: str, seed: int = 3) -> np.ndarray:
    """A label of classes 0, 7, 15 that was scaled, turned or compressed with mixed values; int32 in 0..15."""
    y, x = np.mgrid[:96, :128]
    label = np.zeros((96, 128), np.uint8)
    label[(y - 40) ** 2 + (x - 40) ** 2 < 900] = 15
    label[60:90, 70:120] = 7
    if how == "halved":
        return cv2.resize(label, (64, 48), interpolation=cv2.INTER_LINEAR)
    if how == "doubled":
        return cv2.resize(cv2.resize(label, (32, 24), interpolation=cv2.INTER_NEAREST), (64, 48))
    if how == "turned":
        turn = cv2.getRotationMatrix2D((64, 48), 7, 1)
        return cv2.warpAffine(label, turn, (128, 96), flags=cv2.INTER_LINEAR)[24:72, 20:84]
    return label[24:72, 20:84]


@pytest.mark.parametrize("how", ["halved", "doubled", "turned"])
def test_interpolated_label(tree: Tree, how: str) -> None:
    tree.label("s00", np.ascontiguousarray(smooth(how)))
    found = check(tree.root)
    assert only(Findings(None, tuple(g for g in found.groups if g.severity == "error"), {}, 0, 0.0, VOC),
                "interpolated-label", "error").where == "SegmentationClass/s00.png"  # fmt: skip


def test_clean_edges_between_classes_are_no_finding(tree: Tree) -> None:
    tree.label("s00", np.ascontiguousarray(smooth("not")))
    assert not of_code(check(tree.root), "interpolated-label")


def test_mixed_pixels_agree_with_the_kernel() -> None:
    from pixelwise.kernels.image_measures import edges_between

    random = np.random.default_rng(0)
    for void in (255, 3):
        pixels = random.integers(0, 5, (31, 47)).astype(np.uint8)
        out = np.zeros(2, np.int64)
        edges_between(pixels, np.uint8(void), 1, out)
        known = pixels != void
        steps = sum(int(((a != b) & m & n).sum()) for a, b, m, n in (
            (pixels[:, :-2], pixels[:, 1:-1], known[:, :-2], known[:, 1:-1]),
            (pixels[:-2], pixels[1:-1], known[:-2], known[1:-1])))  # fmt: skip
        across, down = (mixed_pixels(p, void).sum() for p in (pixels, pixels))
        assert out[0] == steps
        assert across == down
        mixed = 0
        for y, x in np.ndindex(pixels.shape):
            for dy, dx in ((0, 1), (1, 0)):
                if dy <= y < 31 - dy and dx <= x < 47 - dx:
                    p, m, q = (int(pixels[y + k * dy, x + k * dx]) for k in (-1, 0, 1))
                    mixed += void not in (p, m, q) and (p < m < q or p > m > q)
        assert out[1] == mixed


def test_inverted_values(tree: Tree) -> None:
    tree.label("s00", encode_png(255 - np.where(mask(1, 15) == 255, 0, mask(1, 15)).astype(np.uint8)))
    found = check(tree.root)
    assert {f.code for f in found} == {"inverted-label", "class-out-of-range", "mixed-label-kinds"}


def test_off_by_one(tree: Tree) -> None:
    for name in tree.names:
        tree.label(name, encode_png(np.where(mask(1, 20) == 255, 255, mask(1, 20) + 1).astype(np.uint8)))
    found = check(tree.root, classes=VOC)  # gray labels of these values would else get classes of their own
    assert of_code(found, "off-by-one")[0].severity == "error"
    assert len(of_code(found, "class-out-of-range")) == 9
    assert of_code(check(tree.root), "neutral-names")


def binary(tree: Tree) -> Findings:
    return check(tree.root, classes=BINARY)


def test_inverted_mask(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "VOC2012", table=BINARY)
    assert not len(binary(tree))
    tree.label("s00", np.where(mask(1) == 255, 255, 1 - mask(1)).astype(np.uint8))
    assert only(binary(tree), "inverted-mask", "warning").where == "SegmentationClass/s00.png"


def voc_objects() -> np.ndarray:
    label = mask(1, 15)
    return np.where(label == 255, 255, np.where(label == 15, 2, label)).astype(np.uint8)


def test_instance_map_that_agrees(tree: Tree) -> None:
    tree.label("s00", voc_objects(), "SegmentationObject")
    assert not len(check(tree.root))


@pytest.mark.parametrize("fault", ["spread", "background", "void"])
def test_instance_map_that_contradicts(tree: Tree, fault: str) -> None:
    objects = voc_objects()
    if fault == "spread":
        objects[objects == 2] = 1  # object 1 on two classes
    elif fault == "background":
        objects[0, 0] = 3
    else:
        objects[objects == 255] = 0
    tree.label("s00", objects, "SegmentationObject")
    finding = only(check(tree.root), "instance-mismatch", "warning")
    assert finding.where == "SegmentationObject/s00.png"
    assert ("x=0, y=0" in finding.what) == (fault == "background")


# -- images ---------------------------------------------------------------------------------------------------------


def test_blank_image(tree: Tree) -> None:
    tree.image("s00", np.full((48, 64, 3), (10, 20, 30), np.uint8))
    only(check(tree.root), "blank-image", "warning")


def test_nearly_uniform_image(tree: Tree) -> None:
    noise = np.random.default_rng(0).integers(99, 102, (48, 64, 3)).astype(np.uint8)
    tree.image("s00", encode_png(noise))
    assert {f.code for f in check(tree.root)} == {"nearly-uniform-image", "extension-mismatch"}


def test_two_blank_images_are_not_called_duplicates(tree: Tree) -> None:
    for name in tree.names[:2]:
        tree.image(name, np.full((48, 64, 3), 7, np.uint8))
    assert {f.code for f in check(tree.root)} == {"blank-image", "gray-as-color"}


def test_gray_as_color(tree: Tree) -> None:
    gray = np.repeat(picture(0).mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    tree.image("s00", gray)
    only(check(tree.root), "gray-as-color", "note")
    tree.image("s00", encode_jpeg(np.ascontiguousarray(gray[..., 0])))
    assert not len(check(tree.root))  # stored as gray


@pytest.mark.parametrize("size", [(12, 64), (48, 400)])
def test_extreme_size(tree: Tree, size: tuple[int, int]) -> None:
    tree.image("s00", picture(0, size))
    label = np.zeros(size, np.uint8)
    label[4:8, 4:20], label[4:8, 30:40] = 15, 1
    tree.label("s00", label)
    assert f"{size[0]} x {size[1]}" in only(check(tree.root), "extreme-size", "warning").what


# -- splits ---------------------------------------------------------------------------------------------------------


def test_class_absent_from_a_split(tree: Tree) -> None:
    for name in tree.names[:6]:
        tree.label(name, mask(1, 15, 8))
    finding = only(check(tree.root), "class-absent", "warning")
    assert (finding.where, "bottle" in finding.what, "cat" in finding.what) == ("val", False, True)


def test_exact_duplicate(tree: Tree) -> None:
    tree.image("s01", (tree.root / "JPEGImages/s00.jpg").read_bytes() + b"\0")  # other bytes, the same pixels
    finding = only(check(tree.root), "duplicate-image", "warning")
    assert (finding.where, "JPEGImages/s00.jpg" in finding.what) == ("JPEGImages/s01.jpg", True)
    assert "another label" not in finding.what


def test_exact_duplicate_across_splits_with_another_label(tree: Tree) -> None:
    tree.image("s08", (tree.root / "JPEGImages/s00.jpg").read_bytes())
    label = mask(1, 15)
    label[0, 0] = 15
    tree.label("s08", label)
    finding = only(check(tree.root), "duplicate-image", "error")
    assert "in train and this in val, with another label" in finding.what


@pytest.mark.parametrize("change", ["quality", "scale", "brightness"])
def test_near_duplicate(tmp_path: Path, change: str) -> None:
    tree = Tree(tmp_path / "VOC2012")
    photo = cv2.GaussianBlur(picture(77, (96, 128)), (0, 0), 1)
    copies: dict[str, Callable[[], np.ndarray]] = {
        "quality": lambda: photo,
        "scale": lambda: cv2.resize(photo, (64, 48), interpolation=cv2.INTER_AREA),
        "brightness": lambda: np.minimum(photo * 1.05, 255).astype(np.uint8),
    }
    for name, pixels, quality in (("s00", photo, 95), ("s08", copies[change](), 60)):
        tree.image(name, encode_jpeg(np.ascontiguousarray(pixels), quality))
        tree.label(name, cv2.resize(mask(1, 15), pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST))
    finding = only(check(tree.root), "near-duplicate", "warning")
    assert (finding.where, "JPEGImages/s00.jpg" in finding.what) == ("JPEGImages/s08.jpg", True)


def test_near_duplicate_within_a_split_is_a_note(tree: Tree) -> None:
    tree.image("s01", encode_jpeg(picture(0), 85))
    only(check(tree.root), "near-duplicate", "note")


# -- how it is told -------------------------------------------------------------------------------------------------


def test_all_problems_worst_first(tree: Tree) -> None:
    tree.image("s00", b"")
    tree.image("s01", b"")
    tree.label("s02", np.full((48, 64), 40, np.uint8))
    tree.label("s03", np.full((48, 64), 255, np.uint8))
    (tree.root / "JPEGImages/x.txt").write_bytes(b"")
    found = check(tree.root)
    assert [(g.severity, g.code, g.count) for g in found.groups] == [
        ("error", "empty-file", 2), ("error", "class-out-of-range", 1), ("warning", "no-valid-pixels", 1),
        ("note", "unexpected-file", 1),
    ]  # fmt: skip
    assert (len(found), len(found.errors), len(found.warnings), len(found.notes)) == (5, 3, 1, 1)
    assert found.to_dict()["counts"] == {"error": 3, "warning": 1, "note": 1}
    assert "class-out-of-range" in str(found)
    assert found.groups[0].subjects[0].image == str(tree.root / "JPEGImages/s00.jpg")


def test_the_same_findings_on_any_number_of_threads(tree: Tree) -> None:
    for name in tree.names[::2]:
        tree.image(name, b"")
    first = check(tree.root, threads=1)
    again = check(tree.root, threads=4)
    assert first.groups == again.groups


def test_progress_and_interruption(tree: Tree) -> None:
    calls: list[tuple[int, int | None]] = []
    check(tree.root, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i, 9) for i in range(1, 10)]

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        check(tree.root, progress=stop)
    assert threading.active_count() == before


def test_more_findings_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_room, "KEPT", 3)
    collect = Collector(Path("/data"))
    for i in range(5):
        collect.add(Finding("empty-file", "error", f"/data/{i}.jpg", "empty"))
    (group,) = collect.groups()
    assert (group.count, [f.where for f in group.findings]) == (5, ["0.jpg", "1.jpg", "2.jpg"])
    found = Findings(None, (group,), {}, 5, 0.0, VOC)
    assert (len(found), len(list(found)), found.count("error")) == (5, 3, 5)
    assert "and 0 more" not in str(found)


def test_saving(tree: Tree, tmp_path: Path) -> None:
    tree.image(tree.names[0], b"")
    tree.label(tree.names[1], mask(1, 99))
    found = check(tree.root)
    assert repr(found) == "Findings(9 samples (train 6, val 3): 2 errors)"
    assert Findings.load(found.save(tmp_path / "findings.json")) == found
    (tmp_path / "bad.json").write_text('{"groups": 3}')
    with pytest.raises(DataError, match="not findings") as caught:
        Findings.load(tmp_path / "bad.json")
    assert caught.value.code == "bad-findings"


def test_wrong_calls(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="train, val"):
        check(tree.root, splits=["trian"])
    with pytest.raises(MissingError):
        check(tmp_path / "nothing")
    with pytest.raises(UsageError):
        check(7)  # type: ignore[arg-type]


def test_samples_in_memory() -> None:
    images = [picture(i) for i in range(3)]
    labels = [mask(1, 15), mask(1, 15), np.full((48, 64), 255, np.uint8)]
    images[1] = images[0].copy()
    split = Split("train", VOC, ArraySource(images, labels, ["a", "b", "c"]))
    found = check(Dataset(Path("memory"), "array", VOC, Splits({"train": lambda: split})))
    assert [f.where for f in of_code(found, "duplicate-image")] == ["b"]


def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "VOC2012", count=3)
    data = encode_jpeg(picture(0, (400, 500)), 50)
    names = [f"big{i}" for i in range(60)]
    for name in names:
        tree.image(name, data)
        tree.label(name, mask(1, 15, size=(400, 500)))
    tree.list("train", names)
    check(tree.root, threads=2)  # compiled code is no part of it
    tracemalloc.start()
    try:
        assert check(tree.root, threads=2).samples == 61
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    decoded = 400 * 500 * 4
    assert peak < 20 * decoded


def test_files_at_the_top_of_the_dataset(tmp_path: Path) -> None:
    names = ["a", "b"]
    for i, name in enumerate(names):
        (tmp_path / f"{name}.jpg").write_bytes(encode_jpeg(picture(i)))
        (tmp_path / f"{name}_mask.png").write_bytes(encode_png(mask(1, 15)))
    (tmp_path / "README.txt").write_text("x")
    source = FileSource(tmp_path, names, VOC, PathRule(names, "{}.jpg"), PathRule(names, "{}_mask.png"))
    data = Dataset(tmp_path, "folder", VOC, Splits({"all": lambda: Split("all", VOC, source)}))
    assert not len(check(data))
    (tmp_path / "c_mask.png").write_bytes(encode_png(mask(1, 15)))
    assert only(check(data), "label-without-image", "warning").where == "c_mask.png"
