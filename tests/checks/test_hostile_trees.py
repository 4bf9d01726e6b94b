"""Every faulty file, put into a good tree, is found; the good tree and real data are not accused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pixelwise.checks.checking import check
from pixelwise.checks.findings import Findings
from pixelwise.classes import VOC
from pixelwise.codecs.decoding import decode_image
from pixelwise.codecs.png import encode_png
from pixelwise.errors import DataError
from tests.support import hostile as collection

TRUE_OF_PICTURES = {"duplicate-image", "near-duplicate", "extreme-size", "gray-as-color", "blank-image",
                    "nearly-uniform-image"}  # fmt: skip
"""What is also true of many files of the collection: they are variants of one tiny picture."""

GOOD_LINES = [f"JPEGImages/2007_{i:06d}.jpg SegmentationClass/2007_{i:06d}.png" for i in range(1, 5)]


@pytest.fixture
def good(hostile: Path, tmp_path: Path) -> Path:
    """A copy of the good tree."""
    return collection.copy_good_tree(hostile, tmp_path)


def rows(hostile: Path, folder: str) -> list[dict[str, str]]:
    return [r for r in collection.rows(hostile, folder) if not r["path"].endswith(".npy")]


def test_the_good_tree_is_good(good: Path) -> None:
    found = check(good)
    assert found.samples == 6
    assert not len(found), str(found)


def faults_of(found: Findings, where: str) -> list[str]:
    return [f.code for f in found if f.where == where and f.code not in TRUE_OF_PICTURES]


def compare(expect: str, got: list[str]) -> str | None:
    """What is wrong with the codes found in one file, or None."""
    if expect == "any-no-crash":
        return None
    outcome, _, code = expect.partition(":")
    if outcome == "error":  # a file that is refused may have notes, too
        return None if code in got else f"expected {code}, got {got}"
    return None if got == ([code] if code else []) else f"expected {code or 'nothing'}, got {got}"


def test_images(good: Path, hostile: Path) -> None:
    cases = rows(hostile, "images")
    lines, names = GOOD_LINES.copy(), {}
    for i, row in enumerate(cases):
        source = hostile / row["path"]
        image, label = f"JPEGImages/{i:03d}{source.suffix}", f"SegmentationClass/{i:03d}.png"
        shutil.copy(source, good / image)
        try:
            height, width = decode_image(source.read_bytes(), source).shape[:2]
        except DataError:
            height, width = 37, 50
        ids = np.zeros((height, width), np.uint8)
        ids.reshape(-1)[-1] = 15
        (good / label).write_bytes(encode_png(ids if ids.size > 1 else ids + 1, VOC.palette))
        lines.append(f"{image} {label}")
        names[image] = row
    (good / "ImageSets/Segmentation/train.txt").write_text("\n".join(lines))
    found = check(good)
    wrong = [f"{row['path']}: {problem}" for image, row in names.items()
             if (problem := compare(row["expect"], faults_of(found, image)))]  # fmt: skip
    assert not wrong, "\n".join(wrong)
    assert not [f for f in found if "2007_" in f.where]  # the good pairs beside them
    assert len(cases) >= 90


def test_labels(good: Path, hostile: Path) -> None:
    cases = rows(hostile, "labels")
    lines, names = GOOD_LINES.copy(), {}
    for i, row in enumerate(cases):
        source = hostile / row["path"]
        suffix = ".png" if source.suffix == ".gif" else source.suffix  # lists know no .gif
        image, label = f"JPEGImages/case{i:03d}.jpg", f"SegmentationClass/case{i:03d}{suffix}"
        shutil.copy(good / "JPEGImages/2007_000001.jpg", good / image)
        shutil.copy(source, good / label)
        lines.append(f"{image} {label}")
        names[label] = row
    (good / "ImageSets/Segmentation/train.txt").write_text("\n".join(lines))
    found = check(good)
    wrong = []
    for label, row in names.items():
        if problem := compare(row["expect"], faults_of(found, label)):
            wrong.append(f"{row['path']}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert len(cases) >= 70
    assert not [f for f in found if "2007_" in f.where]  # the good pairs beside them


def extra_files(good: Path) -> None:
    """What some lists name besides the six pairs."""
    for name in ("café_猫_\U0001f408", "my image 01", "<img src=x onerror=alert(1)>", "-rf", "2007_00000a",
                 *(f"sub/2007_{i:06d}" for i in range(1, 7))):  # fmt: skip
        for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png")):
            target = good / folder / f"{name}{suffix}"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(good / folder / f"2007_000001{suffix}", target)
    shutil.copytree(good / "SegmentationClass", good / "SegmentationClassAug")


def test_lists(good: Path, hostile: Path) -> None:
    extra_files(good)
    lists = good / "ImageSets/Segmentation"
    (lists / "val.txt").unlink()
    wrong = []
    cases = rows(hostile, "lists")
    for row in cases:
        shutil.copy(hostile / row["path"], lists / "train.txt")
        found = check(good, splits=["train"])
        wanted = set() if row["expect"] == "ok" else {row["expect"].partition(":")[2]}
        got = {f.code for f in found} - TRUE_OF_PICTURES - {"unlisted-file"}  # each list names some files only
        if got != wanted:
            wrong.append(f"{row['path']}: expected {wanted or 'nothing'}, got {got}")
        for finding in found:
            assert str(finding).isprintable()
    assert not wrong, "\n".join(wrong)
    assert len(cases) >= 30


def test_real_files_are_accused_of_nothing_untrue(real_voc_root: Path) -> None:
    """Looked at one by one: in two labels all that is not the animal is void, ten photographs are black and white, and
    the lists, cut to what is here, leave whole classes to one split.
    """
    found = check(real_voc_root)
    assert found.samples == 400
    assert not found.errors
    assert {(g.severity, g.code): g.count for g in found.groups} == {
        ("warning", "class-absent"): 2,
        ("warning", "single-class"): 2,
        ("note", "gray-as-color"): 10,
    }
