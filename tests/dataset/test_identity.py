"""Which samples are one: by what is read, in every format, never by a name."""

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
from pixelwise.dataset.identity import Identity, keys
from pixelwise.types import Sample
from tests.support.two_splits import FORMATS, NAMES, SIZE, WRITERS, dataset_of, opened, picture, write

LEAKS = {"id-in-several-splits", "duplicate-image"}


def codes(found: Any) -> set[str]:
    return {f.code for f in found}


@pytest.mark.parametrize("name", FORMATS)
def test_equal_names_in_two_splits_are_different_samples(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    train, val = dataset.splits
    assert [n.rpartition("/")[2] for n in dataset[train].names] == [n.rpartition("/")[2] for n in dataset[val].names]
    found = pw.check(dataset)
    assert (found.samples, sum(found.splits.values())) == (6, 6)
    assert not codes(found) & LEAKS, str(found)
    assert not found.errors, str(found)
    parts = [pw.stats(dataset[split]) for split in dataset.splits]
    assert pw.stats(dataset) == parts[0] + parts[1]
    assert pw.stats(dataset).samples == 6
    assert len(pw.count_classes(dataset, splits=[train, val])) == 6
    assert dataset[train].fingerprint != dataset[val].fingerprint
    both = pw.formats.given.as_split(dataset, [train, val], verb="test")
    assert len(set(both.names)) == 6, "predictions are files by these names"


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_sample_in_two_splits_is_one_and_a_leak(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    train = dataset[next(iter(dataset.splits))]
    overlapping = {"train": train, "val": pw.Split("val", train.classes, train.source, np.array([0]))}
    again = dataset_of(dataset.root, overlapping)
    found = pw.check(again)
    assert found.samples == 3
    assert [f.code for f in found.errors] == ["id-in-several-splits"]
    assert pw.stats(again) == pw.stats(train)


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_pixels_in_two_files_are_a_leak_whatever_their_names(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path)
    train, val = (dataset[s] for s in dataset.splits)
    if name == "hf_parquet":
        other = tmp_path / "val-00000-of-00001.parquet"
        other.write_bytes((tmp_path / "train-00000-of-00001.parquet").read_bytes())
    else:
        images = [s.source.image_file(0) for s in (train, val)]
        a, b = (Path(of.path(of.images, at)) for of, at in images)
        b.write_bytes(a.read_bytes())
    found = pw.check(tmp_path)
    leaks = [f for f in found.errors if f.code == "duplicate-image"]
    assert len(leaks) == (3 if name == "hf_parquet" else 1), str(found)
    assert all("in train" in f.what and "in val" in f.what for f in leaks)


@pytest.mark.parametrize("name", FORMATS)
def test_both_faults_are_found_where_names_are_equal(name: str, tmp_path: Path) -> None:
    """The first sample of each split is broken in the same way; each is a finding that says which."""
    if name not in WRITERS or name == "hf_parquet":
        pytest.skip("its files are those of another format")
    dataset = opened(name, tmp_path)
    for split in dataset.splits.values():
        of, at = split.source.image_file(0)
        Path(of.path(of.images, at)).write_bytes(b"broken")
    found = pw.check(dataset)
    assert len({f.where for f in found.errors}) == 2, str(found)
    assert found.samples == 6
    counted = pw.stats(dataset, on_error="skip")
    assert counted.samples == 4
    assert len(counted.skipped) == 2
    parts = [pw.stats(split, on_error="skip") for split in dataset.splits.values()]
    assert counted == parts[0] + parts[1]
    with pytest.raises(pw.PixelwiseError):
        pw.stats(dataset)


@pytest.mark.parametrize("name", ["yolo", "hf_parquet", "coco", "voc", "arrays", "remapped"])
def test_keys_are_the_same_in_every_process(name: str, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n"
        "import pickle, pixelwise as pw; from pixelwise.dataset.identity import keys\n"
        "splits = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "print([k.tolist() for pair in keys(splits) for k in pair], [s.fingerprint for s in splits])"
    )
    splits = list(opened(name, tmp_path).splits.values())
    (tmp_path / "splits.pickle").write_bytes(pickle.dumps(splits))
    here = f"{[k.tolist() for pair in keys(splits) for k in pair]} {[s.fingerprint for s in splits]}"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "splits.pickle", str(Path(__file__).parents[1])],
            capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=100,
        )  # fmt: skip
        assert done.stdout.strip() == here, done.stderr


class Plain:
    """The least that a Split reads from: it does not say what it reads."""

    has_labels = True

    def __init__(self, split: str) -> None:
        self.names = list(NAMES)
        self.split = split

    def __len__(self) -> int:
        return len(self.names)

    def sizes(self, indices: Any = None) -> Any:
        return np.tile(np.array(SIZE), (len(self) if indices is None else len(indices), 1))

    def read(self, index: int, window: Any = None, **_: Any) -> Sample:
        sample = Sample(self.names[index], picture(self.split, index), np.full(SIZE, index, np.uint8))
        return sample if window is None else sample.cut(window)


def test_a_source_that_does_not_say_what_it_reads_stands_for_itself(tmp_path: Path) -> None:
    classes = pw.ClassTable(("a", "b", "c"))
    one, other = Plain("train"), Plain("val")
    makers = {"train": one, "val": other, "more": one}
    splits = {k: pw.Split(k, classes, v) for k, v in makers.items()}  # type: ignore[arg-type]
    dataset = dataset_of(tmp_path, splits)
    assert pw.stats(dataset).samples == pw.check(dataset).samples == 6
    merged = dataset.merge_classes({"b": ["a", "b"]})
    assert pw.stats(merged).samples == pw.check(merged).samples == 6, "a view is of what it views"
    found = Identity()
    assert found.origin(one, 0) == found.origin(one, 0) != found.origin(other, 0)  # type: ignore[arg-type]


def test_equal_arrays_in_one_split_are_two_samples() -> None:
    image, label = np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8)
    split = pw.Split("train", pw.ClassTable(("a", "b")), pw.ArraySource([image] * 2, [label] * 2))
    assert pw.stats(split).samples == 2


def test_two_datasets_of_equal_names_do_not_share_a_state(tmp_path: Path) -> None:
    """A state, and an index of classes, belong to pixels, not to names: numbers are names in many datasets."""
    one = pw.open(write("yolo", tmp_path / "a"))
    two = pw.open(write("yolo", tmp_path / "b"))
    assert one["train"].fingerprint == two["train"].fingerprint, "the same samples somewhere else"
    state = pw.Loader(one["train"], 1).state_dict()
    pw.Loader(two["train"], 1).load_state_dict(state)
    with pytest.raises(pw.UsageError, match="another loader"):
        pw.Loader(two["val"], 1).load_state_dict(state)


def test_a_path_written_in_two_ways_is_one_file(tmp_path: Path) -> None:
    root = write("voc", tmp_path)
    lists = root / "ImageSets/Segmentation"
    (lists / "val.txt").write_text("./JPEGImages//train/0.jpg SegmentationClass/train/0.png\n")
    assert [f.code for f in pw.check(root).errors] == ["id-in-several-splits"]
