"""What people really have, and what must come of it: see tests/support/cases.py for the datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.dataset.dataset import Dataset
from tests.support.cases import CASES, IDS, SIZE
from tests.support.program import run


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The dataset that the test is named after: `test_r01...`."""
    name = request.node.name.split("_")[1]
    CASES[name](tmp_path)
    return tmp_path


def codes(found: Any, severity: str | None = None) -> set[str]:
    return {f.code for f in found if severity in (None, f.severity)}


def described(root: Path) -> Dataset:
    """The dataset as `pixelwise init` proposes it, opened by what it wrote."""
    done = run("init", root)
    assert done.returncode == 0, done.stderr
    return pw.open(root)


def samples(dataset: Dataset) -> list[Any]:
    return [sample for name in dataset.splits for sample in dataset[name]]


# -- names and colors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r01", "r02", "r57"])
def test_exports_of_cvat_have_their_own_classes(name: str, tmp_path: Path) -> None:
    CASES[name](tmp_path)
    dataset = pw.open(tmp_path)
    assert dataset.classes.names == ("background", "bolt", "nut")
    assert all(np.array_equal(sample.label, IDS) for sample in samples(dataset))
    assert len(samples(dataset)) == 3
    assert not codes(pw.check(dataset), "error")
    assert pw.stats(dataset).pixels.tolist() == [*(3 * np.bincount(IDS.ravel())).tolist(), 0]


def test_r57_object_colors_are_instances(case: Path) -> None:
    for sample in samples(pw.open(case)):
        assert np.array_equal(np.unique(sample.instances[IDS == 1]), np.unique(sample.instances[IDS == 1])[:1])
        assert len(np.unique(sample.instances)) == 3
        assert (sample.instances[IDS == 0] == 0).all()


def test_r55_names_of_class_dict(case: Path) -> None:
    dataset = pw.open(case)
    assert dataset.classes.names == ("void", "road", "pole")
    assert np.array_equal(samples(dataset)[0].label, IDS)


def test_r58_gray_in_color_coded_data_is_a_color(case: Path) -> None:
    dataset = pw.open(case)
    first, second = samples(dataset)
    assert dataset.classes.name(int(second.label[0, 0])) == "background"
    assert (second.label == second.label[0, 0]).all()
    assert dataset.classes.name(int(first.label[10, 10])) == "road"
    assert "mixed-label-kinds" in codes(pw.check(dataset))


# -- layers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r04", "r05"])
def test_a_mask_for_each_class_becomes_one_label(name: str, tmp_path: Path) -> None:
    CASES[name](tmp_path)
    dataset = described(tmp_path)
    own = [dataset.classes.names.index(n) for n in ("background", "bolt", "nut")]
    assert len(samples(dataset)) == 3
    for sample in samples(dataset):
        assert np.array_equal(sample.label, np.asarray(own)[IDS])
    said = (tmp_path / "pixelwise.toml").read_text()
    assert "overlap" in said
    assert "6" in said


# -- annotation files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r08", "r08b"])
def test_the_image_that_the_path_names(name: str, tmp_path: Path) -> None:
    CASES[name](tmp_path)
    dataset = pw.open(tmp_path / "ann")
    (sample,) = samples(dataset)
    CASES["r08"](tmp_path / "other")
    (plain,) = samples(pw.open(tmp_path / "other" / "ann"))
    assert np.array_equal(sample.image, plain.image)
    assert not (sample.image[..., 0] == 255).all()
    assert dataset.classes.name(int(sample.label[6, 30])) == "bolt"
    assert not codes(pw.check(dataset), "error")


def test_r10_run_lengths_by_columns(case: Path) -> None:
    (sample,) = samples(pw.open(case))
    expected = np.zeros(SIZE[::-1], bool)
    expected.flat[300:320] = expected.flat[360:380] = True
    expected = expected.T
    assert np.array_equal(sample.label == sample.label[:, 5].max(), expected)
    assert len(np.unique(sample.label)) == 2


@pytest.mark.parametrize(("name", "ids"), [("r21", {1, 2}), ("r23", {0}), ("r25", {0})])
def test_every_bad_annotation_is_listed(name: str, ids: set[int], tmp_path: Path) -> None:
    CASES[name](tmp_path)
    found = [f for f in pw.check(tmp_path / "ann.json") if f.severity == "error"]
    for number in ids:
        assert any(f"annotation {number}" in str(f) and "a.jpg" in str(f) for f in found), found
    assert all(f.code == "bad-polygon" and f.fix for f in found if "annotation" in str(f))
    dataset = pw.open(tmp_path / "ann.json")
    split = dataset[next(iter(dataset.splits))]
    with pytest.raises(pw.PixelwiseError):
        split[0]


def test_r26_annotations_without_regions(case: Path) -> None:
    found = pw.check(case / "ann.json")
    (error,) = [f for f in found if f.severity == "error"]
    assert error.code == "no-regions"
    assert "1 of 1" in error.what


def test_r27_stated_size(case: Path) -> None:
    found = pw.check(case / "ann.json")
    (error,) = [f for f in found if f.code == "size-mismatch"]
    assert all(side in error.what for side in ("800", "600", "80", "60"))


def test_r30_splits_with_equal_names(case: Path) -> None:
    found = pw.check(case)
    assert found.samples == 6
    assert "id-in-several-splits" not in codes(found)
    assert any("val/images/1.jpg" in f.where for f in found.errors)
    assert any("val/labels/2.txt" in f.where and f.code == "class-out-of-range" for f in found.errors)
    dataset = pw.open(case)
    train = pw.stats(dataset, splits="train")
    good = dataset["val"].select(np.array([0]))
    assert train.samples == 3
    assert pw.stats(good).samples == 1


# -- folders and endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "values"), [("r11", [0, 1, 2]), ("r15", [0, 100, 200])])
def test_any_ending(name: str, values: list[int], tmp_path: Path) -> None:
    CASES[name](tmp_path)
    dataset = described(tmp_path)
    assert len(samples(dataset)) == 4
    assert all(np.array_equal(sample.label, IDS) for sample in samples(dataset))
    said = (tmp_path / "pixelwise.toml").read_text()
    assert all(f"values = [{v}]" in said for v in values)


def test_r36_semantic_is_taken_and_instance_named(case: Path) -> None:
    dataset = described(case)
    assert all(np.array_equal(s.label, IDS) for s in samples(dataset))
    said = (case / "pixelwise.toml").read_text()
    assert "semantic/" in said
    assert "instance/" in said


def test_r37_hidden_lists_are_ignored_and_empty_ones_are_splits(case: Path) -> None:
    dataset = pw.open(case)
    assert {name: len(dataset[name]) for name in dataset.splits} == {"train": 1, "val": 0}
    found = pw.check(dataset)
    assert not codes(found, "error")
    assert "empty-list" in codes(found)
    assert any("._train.txt" in str(f) for f in found)
    assert run("info", case).returncode == 0


def test_r59_test_images_without_labels(case: Path) -> None:
    dataset = described(case)
    assert set(dataset.splits) == {"train", "test"}
    assert not dataset["test"].has_labels
    assert len(dataset["test"]) == 1
    assert np.array_equal(dataset["train"][0].label, IDS)


# -- channels, bands and numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r17", "r19"])
def test_the_class_in_one_channel(name: str, tmp_path: Path) -> None:
    CASES[name](tmp_path)
    dataset = described(tmp_path)
    assert len(dataset.classes) == 3
    assert 'channel = "R"' in (tmp_path / "pixelwise.toml").read_text()
    for sample in samples(dataset):
        assert np.array_equal(sample.label, IDS)


def test_r40_four_bands(case: Path) -> None:
    done = run("init", case)
    assert done.returncode == 0, done.stderr
    said = (case / "pixelwise.toml").read_text()
    assert "bands" in said
    assert "4" in said
    dataset = pw.open(case)
    assert samples(dataset)[0].image.shape == (*SIZE, 3)
    assert any("4 bands" in f.what for f in pw.check(dataset))


def test_r41_no_data(case: Path) -> None:
    dataset = described(case)
    assert "-9999" in (case / "pixelwise.toml").read_text()
    for sample in samples(dataset):
        assert ((sample.label == dataset.classes.ignore_index) == (IDS == 0)).all()
