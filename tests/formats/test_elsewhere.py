"""Every format, and every public function that works on many samples: in another pool, after a pickle, from another
current directory.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.formats.guessing.proposal import propose
from pixelwise.threads import in_order, run_in
from tests.support.pools import Pickling
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


def files(root: Path) -> Any:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def verbs(dataset: pw.Dataset, out: Path, pool: pw.Pool | None = None) -> dict[str, Callable[[], Any]]:
    """Each public function of many samples as what is comparable of its result. out: a new folder."""
    split = list(dataset.splits)[-1]
    tiles = pw.Tiling(window=(16, 16))

    def predicted(**options: Any) -> Any:
        confusion = pw.Confusion(len(dataset.classes))
        pw.predict(model, dataset, out / "predictions", splits=split, batch_size=2, confusion=confusion, pool=pool,
                   **options)  # fmt: skip
        return files(out / "predictions"), confusion.to_dict()

    def scored() -> Any:
        predicted(tiling=tiles)
        result = pw.score(out / "predictions", dataset, splits=split, boundary=True, pool=pool)
        assert result.boundary is not None
        assert np.isfinite(result.boundary.miou)
        return result.to_dict(), predicted(tiling=tiles)

    return {
        "check": lambda: findings(pw.check(dataset, pool=pool)),
        "stats": lambda: pw.stats(dataset, pool=pool).to_dict(),
        "count_classes": lambda: pw.count_classes(dataset, splits=list(dataset.splits), pool=pool).tolist(),
        "class_index": lambda: pw.class_index(dataset, pool=pool).positions.tolist(),
        "convert": lambda: samples(pw.convert(dataset, out / "converted", pool=pool)),
        "pack and verify": lambda: (
            samples(pw.pack(dataset, out / "pack", pool=pool)), list(pw.verify(out / "pack", pool=pool))
        ),
        "predict": predicted,
        "predict, score, resume": scored,
    }  # fmt: skip


TWO = pw.ClassTable(("ground", "road"))
IDS = ("toml", "voc", "bdd100k", "yolo", "coco", "hf_parquet", "hf_imagefolder", "pack", "arrays", "joined", "remapped")
"""Formats, and datasets made from others, with class ids of two classes or more in their labels."""


@pytest.mark.parametrize("name", IDS)
def test_results_are_the_same_in_a_pool_that_pickles(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path / "data")
    pool = Pickling()
    for verb in verbs(dataset, tmp_path):
        if "predict" in verb and len(dataset.classes) != 2:
            continue
        here = verbs(dataset, tmp_path / f"here {verb}")[verb]()
        assert verbs(dataset, tmp_path / f"there {verb}", pool)[verb]() == here, verb
    assert len(pool.works) >= 6, "work went through the pool"


def test_results_are_the_same_in_real_processes(tmp_path: Path) -> None:
    dataset = opened("yolo", tmp_path / "data")
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for verb in verbs(dataset, tmp_path):
            here = verbs(dataset, tmp_path / f"here {verb}")[verb]()
            assert verbs(dataset, tmp_path / f"there {verb}", pool)[verb]() == here, verb


VERBS = (pw.check, pw.stats, pw.count_classes, pw.class_index, pw.convert, pw.pack, pw.verify, pw.predict, pw.score)


@pytest.mark.parametrize("verb", VERBS, ids=lambda v: v.__name__)
def test_what_is_not_a_pool_is_refused_before_anything_is_written(verb: Any, tmp_path: Path) -> None:
    dataset = opened("yolo", tmp_path / "data")
    pw.pack(dataset, tmp_path / "pack")
    pw.predict(model, dataset, tmp_path / "predictions")
    arguments = {
        "predict": (model, dataset, tmp_path / "new"), "score": (tmp_path / "predictions", dataset),
        "verify": (tmp_path / "pack",), "pack": (dataset, tmp_path / "new"), "convert": (dataset, tmp_path / "new"),
    }.get(verb.__name__, (dataset,))  # fmt: skip
    with pytest.raises(pw.UsageError, match=r"a pool has a method map\(work, items\), got int; pass an executor"):
        verb(*arguments, pool=4)
    assert not (tmp_path / "new").exists()


def test_sizes_sample_init_and_submit_in_a_pool_that_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.dataset.image_sizes._CHUNK", 2)
    here, pool = pw.sample(tmp_path / "a", count=8, seed=3), Pickling()
    with run_in(pool):
        there = pw.sample(tmp_path / "b", count=8, seed=3)
    assert files(there) == files(here)
    sizes = pw.open(here)["train"].sizes().tolist()
    with run_in(pool):
        assert pw.open(here)["train"].sizes().tolist() == sizes
    root = write("toml", tmp_path / "toml")
    proposed = propose(root)
    with run_in(pool):
        assert propose(root) == proposed
    voc = pw.open(here)
    folder = tmp_path / "predictions"
    folder.mkdir()
    for sample in voc["val"]:
        np.save(folder / f"{sample.name}.npy", np.zeros(sample.size, np.uint8))
    made = pw.submit(folder, voc, tmp_path / "a.tar", splits="val")
    with run_in(pool):
        pw.submit(folder, voc, tmp_path / "b.tar", splits="val")
    assert made.path.read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert {"_write_sample", "_look", "_share", "_encode"} <= pool.works


@pytest.mark.parametrize("name", ["voc", "yolo", "hf_imagefolder", "coco"])
def test_errors_and_findings_are_the_same_in_a_pool_that_pickles(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    of, at = dataset[next(iter(dataset.splits))].source.image_file(1)
    Path(of.path(of.images, at)).unlink()
    if name == "yolo":  # which lists what is there
        Path(of.path(of.images, at)).write_bytes(b"")
    seen = []
    for pool in (None, Pickling()):
        done: list[int] = []
        with run_in(pool), pytest.raises(pw.PixelwiseError) as caught:
            pw.stats(dataset, threads=2, progress=lambda n, total, done=done: done.append(n))  # type: ignore[misc]
        error = caught.value
        seen.append((type(error), str(error), error.where, error.fix, getattr(error, "__notes__", []), done))
        with run_in(pool):
            seen[-1] += (findings(pw.check(dataset)), pw.stats(dataset, on_error="skip"))
    assert seen[0] == seen[1]


def test_in_order_gives_what_a_pool_gives_and_ends_with_the_block() -> None:
    pool = Pickling()
    with run_in(pool), run_in(None):
        assert list(in_order(abs, [-1, 2, -3])) == [1, 2, 3]
    assert pool.works == {"abs"}
    assert list(in_order(lambda x: x + 1, [1, 2])) == [2, 3]


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
