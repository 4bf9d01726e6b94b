"""Every format after a pickle, and from another current directory."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from tests.support.two_splits import FORMATS, WRITERS, opened, write

PICKLED = pickle.HIGHEST_PROTOCOL


def model(images: Any) -> Any:
    """Logits of two classes: what is darker than gray, and the rest."""
    return np.stack([0.5 - images[:, 0], images[:, 0] - 0.5], axis=1)


def samples(dataset: pw.Dataset) -> Any:
    return {k: [(s.name, s.image.tobytes(), s.label.tobytes()) for s in split] for k, split in dataset.splits.items()}


def findings(found: Any) -> Any:
    data = found.to_dict()
    return {k: v for k, v in data.items() if k not in ("seconds", "root")}


@pytest.mark.parametrize("name", FORMATS)
def test_a_dataset_pickles_with_its_splits(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    again = pickle.loads(pickle.dumps(dataset, PICKLED))
    assert repr(again) == repr(dataset)
    assert samples(again) == samples(dataset)
    split = next(iter(dataset.splits))
    assert samples(pickle.loads(pickle.dumps({split: dataset[split][1:]}))[split].source and again) == samples(dataset)
    for part in (dataset[split], dataset[split][1:], dataset[split].source):
        copied = pickle.loads(pickle.dumps(part, PICKLED))
        assert copied.sizes().tolist() == part.sizes().tolist()
        assert np.array_equal(copied.read(0).label, part.read(0).label)


@pytest.mark.parametrize("name", ["voc", "yolo", "pack"])
def test_a_loader_pickles_and_gives_the_same_batches(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    loader = pw.Loader(dataset["train"], 2, [pw.RandomCrop(16, 16), pw.Normalize()], shuffle=True, on_error="skip")
    batches = iter(loader)
    next(batches)
    again = pickle.loads(pickle.dumps(loader))
    assert again.state_dict() == loader.state_dict()
    del batches
    for each in (loader, again):
        each.load_state_dict({**loader.state_dict(), "epoch": 3, "batch": 0})
    for a, b in zip(loader, again, strict=True):
        assert a.names == b.names
        assert np.array_equal(a.images, b.images)


def test_a_dataset_with_a_broken_list_pickles_and_the_error_with_it(tmp_path: Path) -> None:
    root = write("voc", tmp_path)
    (root / "ImageSets/Segmentation/odd.txt").write_bytes(b"a\na\n")
    again = pickle.loads(pickle.dumps(pw.open(root)))
    assert len(again["train"]) == 3
    with pytest.raises(pw.PixelwiseError, match="appear twice"):
        again["odd"]


# -- another current directory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WRITERS, "pack"])
def test_a_dataset_opened_by_a_relative_path_is_read_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = (tmp_path / "base").resolve()
    base.mkdir()
    opened(name, base / "data")
    where = "data/pack" if name == "pack" else "data"
    expected = samples(pw.open(base / where))
    checked, counted = findings(pw.check(base / where)), pw.stats(base / where)
    monkeypatch.chdir(base)
    dataset = pw.open(where)
    assert dataset.root.is_absolute()
    assert f" at {where}: " in repr(dataset), "shown as it was given"
    pickled = pickle.dumps(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert samples(dataset) == expected
    assert findings(pw.check(dataset)) == checked
    assert pw.stats(dataset) == counted
    train = dataset[next(iter(dataset.splits))]
    assert sum(len(batch) for batch in pw.Loader(train, 2, [pw.CenterCrop(16, 16)])) == 3
    assert samples(pickle.loads(pickled)) == expected


def test_a_description_with_a_relative_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write("toml", tmp_path / "data")
    text = (root / "pixelwise.toml").read_text()
    (tmp_path / "about").mkdir()
    (tmp_path / "about/mine.toml").write_text('root = "../data"\n' + text)
    monkeypatch.chdir(tmp_path / "about")
    dataset = pw.open("mine.toml")
    monkeypatch.chdir("/")
    assert samples(dataset) == samples(pw.open(root))


def test_predictions_scores_and_caches_by_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path = tmp_path.resolve()
    write("toml", tmp_path / "data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXELWISE_CACHE", "cache")
    done = pw.predict(model, "data", "predictions")
    scoring = pw.score("predictions", "data")
    packed = pw.open("data", cache=True)
    sample = pw.sample("painted", count=2)
    assert str(done).startswith("predictions: ")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert done.path == tmp_path / "predictions"
    assert scoring.files[0].read_bytes()
    assert scoring.worst_sheet(1).image.size
    assert len(samples(packed)) == 2
    assert packed.root.is_relative_to(tmp_path / "cache")
    assert len(pw.open(sample)["train"]) == 2
    assert str(done).startswith(f"{tmp_path}/predictions: ")


def test_messages_are_short_and_places_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path = tmp_path.resolve()
    write("voc", tmp_path / "my data")
    (tmp_path / "my data/JPEGImages/train/1.jpg").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pw.PixelwiseError) as caught:
        list(pw.open("my data")["train"])
    assert caught.value.where == f"{tmp_path}/my data/JPEGImages/train/1.jpg"
    assert str(caught.value).startswith("my data/JPEGImages/train/1.jpg: no such file")
    done = subprocess.run([sys.executable, "-m", "pixelwise", "load", "my data", "--size", "16x16", "--split", "train"],
                          capture_output=True, text=True, timeout=200)  # fmt: skip
    assert str(tmp_path) not in done.stdout + done.stderr.replace(f"listed in {tmp_path}", "")
    os.chdir("/")
    assert str(caught.value).startswith(str(tmp_path))
