"""Every verb takes a path, a Dataset or a Split, and `splits` as a name or several; and says what else it was given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import UnknownNameError, UsageError

Verb = Callable[..., Any]


def model(images: np.ndarray) -> np.ndarray:
    """Logits of 21 classes: background everywhere."""
    logits = np.zeros((len(images), 21, *images.shape[2:]), np.float32)
    logits[:, 0] = 1
    return logits


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pw.sample(tmp_path_factory.mktemp("given") / "s", count=8, seed=1)


@pytest.fixture
def verbs(root: Path, tmp_path: Path) -> dict[str, Verb]:
    """Verb -> a function of data and options that gives what is comparable of its result."""

    def fresh() -> Path:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return tmp_path / "out"

    def samples(dataset: pw.Dataset) -> dict[str, list[str]]:
        return {name: list(split.names) for name, split in dataset.splits.items()}

    def score(data: Any, **options: Any) -> Any:
        folder = fresh()
        pw.predict(model, data, folder, **options)
        return pw.score(folder, data, **options).confusion.counts.tolist()

    return {
        "check": lambda data, **o: pw.check(data, **o).splits,
        "stats": lambda data, **o: pw.stats(data, **o).pixels.tolist(),
        "pack": lambda data, **o: samples(pw.pack(data, fresh(), **o)),
        "convert": lambda data, **o: samples(pw.convert(data, fresh(), **o)),
        "count_classes": lambda data, **o: pw.count_classes(data, **o).tolist(),
        "class_index": lambda data, **o: pw.class_index(data, **o).counts.tolist(),
        "show": lambda data, **o: pw.show(data, n=3, title="t", **o).image.tobytes(),
        "show_plans": lambda data, **o: pw.show_plans(data, [pw.CenterCrop(50)], n=2, title="t", **o).image.tobytes(),
        "predict": lambda data, **o: pw.predict(model, data, fresh(), **o).predicted,
        "score": score,
    }


VERBS = ("check", "stats", "pack", "convert", "count_classes", "class_index", "show", "show_plans", "predict", "score")


@pytest.mark.parametrize("verb", VERBS)
def test_a_path_a_dataset_and_a_split_are_the_same(verb: str, verbs: dict[str, Verb], root: Path) -> None:
    dataset = pw.open(root)
    expected = verbs[verb](dataset["val"])
    for data in (str(root), root, dataset):
        assert verbs[verb](data, splits="val") == expected
        assert verbs[verb](data, splits=["val"]) == expected
    assert verbs[verb](root, splits=["train", "val"]) == verbs[verb](dataset, splits=["train", "val"]) != expected


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_data_and_splits_are_named(verb: str, verbs: dict[str, Verb], root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no split named 'vla'; did you mean 'val'\? the splits are: train"):
        verbs[verb](root, splits="vla")
    with pytest.raises(UsageError, match=rf"(splits|{verb}).* takes a name or a list of names, got (3|\[\])"):
        verbs[verb](root, splits=3 if verb < "d" else [])
    for data in (3, None, [1, 2]):
        with pytest.raises(UsageError, match=r"Dataset or a Split|cannot show|sequence"):
            verbs[verb](data)


@pytest.mark.parametrize("verb", VERBS)
def test_options_of_open_go_with_a_path_only(verb: str, verbs: dict[str, Verb], root: Path) -> None:
    assert verbs[verb](root, labels="SegmentationClass") == verbs[verb](root)
    with pytest.raises(UsageError, match=r"\(\) has no argument labels; .* only with a path, got Split"):
        verbs[verb](pw.open(root)["val"], labels="SegmentationClass")
