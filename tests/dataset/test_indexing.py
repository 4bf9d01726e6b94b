"""Splits and samples by number and by name, and what completes them in a notebook."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.dataset.splits import Splits


def split(names: list[str]) -> pw.Split:
    images = [np.full((2, 3, 3), i, np.uint8) for i in range(len(names))]
    return pw.Split("train", pw.ClassTable(("road", "car")), pw.ArraySource(images, names=names))


def dataset() -> pw.Dataset:
    return pw.Dataset(
        Path("here"), "arrays", pw.VOC, Splits({"train": lambda: split(["a", "b"]), "val": lambda: split([])})
    )


def test_a_sample_by_its_name() -> None:
    one = split(["a", "b", "c"])
    assert one["b"] == one[1]
    assert one[1:]["c"] == one[2]
    with pytest.raises(KeyError, match="no sample named 'd'"):
        one[:2]["d"]


def test_the_nearest_name_is_said() -> None:
    with pytest.raises(pw.UsageError, match="did you mean '2008_000123'"):
        split(["2008_000123", "2008_000456"])["2008_00123"]


def test_a_name_that_several_samples_have_is_refused() -> None:
    one = split(["a", "b", "a"])
    assert one["b"] == one[1]
    with pytest.raises(pw.UsageError, match="ambiguous-name"):
        one["a"]


def test_the_numbers_of_names_are_not_pickled() -> None:
    one = split(["a", "b"])
    assert one["b"].name == "b"
    again = pickle.loads(pickle.dumps(one))
    assert "_places" in vars(one)
    assert "_places" not in vars(again)
    assert again["b"] == one["b"]


@pytest.mark.parametrize("index", [None, 1.0, True, (0, 1), [0]])
def test_anything_else_is_no_index(index: object) -> None:
    with pytest.raises(pw.UsageError, match="a split is indexed by a number, a name or a slice"):
        split(["a", "b"])[index]  # type: ignore[call-overload]


def test_a_dataset_is_as_a_dict_of_its_splits() -> None:
    one = dataset()
    assert len(one) == 2
    assert list(one) == list(one.keys()) == ["train", "val"]
    assert "train" in one
    assert "test" not in one
    assert [len(s) for s in one.values()] == [2, 0]
    assert {name: s.name for name, s in one.items()} == {"train": "train", "val": "train"}
    assert dict(one)["train"] is one["train"]
    assert bool(pw.Dataset(Path("here"), "arrays", pw.VOC, Splits({})))


def test_notebooks_complete_the_names() -> None:
    one = dataset()
    assert one._ipython_key_completions_() == one.splits._ipython_key_completions_() == ["train", "val"]
    assert one["train"]._ipython_key_completions_() == ["a", "b"]


def test_rows_of_a_split_say_what_has_no_size(tmp_path: Path) -> None:
    root = pw.sample(tmp_path / "demo", count=4, seed=0)
    train = pw.open(root)["train"]
    (root / f"JPEGImages/{train.names[0]}.jpg").write_bytes(b"no image")
    rows = pw.open(root)["train"].to_frame()
    assert [row["name"] for row in rows] == list(train.names)
    assert rows[0]["height"] is rows[0]["width"] is None
    assert rows[1]["height"] == train[1].size[0]
