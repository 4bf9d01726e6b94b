"""Sequences side by side, each with its own folders of images and labels, are one dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import FormatError
from pixelwise.formats.guessing.inventory import groups_of, walk
from pixelwise.formats.guessing.proposal import propose
from tests.support.making import picture, save

NAMES = ("background", "crop", "weed")
SIZE = (24, 30)


def ids(seed: int) -> Any:
    """(H, W) of 0, 1, 2 in blocks that differ by seed, so that a wrong pairing is seen."""
    label = np.zeros(SIZE, np.uint8)
    label[2:9, 1 + seed : 12 + seed] = 1
    label[12:20, seed : 5 + 2 * seed] = 2
    return label


def write(root: Path, trees: list[tuple[str, str]]) -> dict[str, Any]:
    """Pairs of images and labels; the label of each image by the bytes of its pixels."""
    found = {}
    for seed, (image, label) in enumerate(trees):
        pixels = picture(seed, SIZE)
        save(root / image, pixels)
        save(root / label, ids(seed))
        found[pixels.tobytes()] = ids(seed)
    return found


def pairs(images: str, labels: str, folders: tuple[str, ...], names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(images.format(f, n), labels.format(f, n)) for f in folders for n in names]


FRAMES = ("000000", "000100", "000200")
# images, labels, folders, names, the names that samples get.
TREES = {
    "frames of the same numbers": ("{}/Images/{}.png", "{}/Labels/{}.png", ("seq1", "seq2", "seq10"), FRAMES, "{}/{}"),
    "places": ("{}/rgb/{}.png", "{}/mask/{}.png", ("farm1", "farm2"), ("0", "1"), "{}/{}"),
    "words": ("{}/rgb/{}.png", "{}/gt/{}.png", ("bonn", "stuttgart"), ("a", "b"), "{}/{}"),
    "names of their own": ("{0}/rgb/{0}_{1}.png", "{0}/mask/{0}_{1}.png", ("bonn", "stuttgart"), ("1", "2"), "{}_{}"),
    "below other folders": ("data/2019/{}/img/{}.png", "data/2019/{}/seg/{}.png", ("A", "B"), ("0", "1"), "{}/{}"),
    "a longer name": ("{}/image/{}.png", "{}/mask/{}_mask.png", ("r1", "r2"), ("0", "1"), "{}/{}"),
    "in one folder": ("{}/{}.png", "{}/{}_mask.png", ("seq1", "seq2"), ("0", "1", "2"), "{}/{}"),
}  # fmt: skip


@pytest.mark.parametrize("tree", TREES)
def test_they_open_as_one_dataset(tree: str, tmp_path: Path) -> None:
    images, labels, folders, names, called = TREES[tree]
    written = write(tmp_path, pairs(images, labels, folders, names))
    dataset = pw.open(tmp_path)
    assert list(dataset.splits) == ["all"]
    assert sorted(dataset["all"].names) == sorted(called.format(f, n) for f in folders for n in names)
    for sample in dataset["all"]:
        assert np.array_equal(sample.label, written[sample.image.tobytes()])
    chosen = next(str(note) for note in dataset.notes if note.code == "guessed-layout")
    assert "*" in chosen
    assert f"({len(written)} pairs" in chosen


def test_folders_of_splits_are_splits_and_sequences_in_them_names(tmp_path: Path) -> None:
    trees = [
        *pairs("train/{}/img/{}.png", "train/{}/gt/{}_gt.png", ("seq1", "seq2"), ("0", "1")),
        *pairs("val/{}/img/{}.png", "val/{}/gt/{}_gt.png", ("seq3", "seq4"), ("0", "1")),
    ]
    written = write(tmp_path, trees)
    save(tmp_path / "test/seq5/img/0.png", picture(99, SIZE))
    dataset = pw.open(tmp_path)
    assert {s: list(dataset[s].names) for s in dataset.splits} == {
        "train": ["seq1/0", "seq1/1", "seq2/0", "seq2/1"], "val": ["seq3/0", "seq3/1", "seq4/0", "seq4/1"],
        "test": ["0"],
    }  # fmt: skip
    assert not dataset["test"].has_labels
    for sample in (*dataset["train"], *dataset["val"]):
        assert np.array_equal(sample.label, written[sample.image.tobytes()])


def test_folders_that_are_called_like_splits_are_splits(tmp_path: Path) -> None:
    write(tmp_path, pairs("{}/rgb/{}.png", "{}/mask/{}.png", ("train", "val"), ("0", "1")))
    assert list(pw.open(tmp_path).splits) == ["train", "val"]


def test_endings_of_all_spellings_and_numbers(tmp_path: Path) -> None:
    written = {}
    files = [("a1", 7, "png"), ("a1", 8, "PNG"), ("b2", 7, "tif"), ("b2", 8, "png")]
    for seed, (folder, n, ending) in enumerate(files):
        pixels = picture(seed, SIZE)
        save(tmp_path / f"{folder}/rgb/img_{n}.png", pixels)
        save(tmp_path / f"{folder}/mask/{n:04d}.{ending}", ids(seed))
        written[pixels.tobytes()] = ids(seed)
    made = propose(tmp_path)
    (tmp_path / "pixelwise.toml").write_text(made.text)
    assert made.reading.pairs == 4
    read = [s for split in pw.open(tmp_path).splits for s in pw.open(tmp_path)[split]]
    assert len(read) == 4
    for sample in read:
        assert np.array_equal(sample.label, written[sample.image.tobytes()])


def test_layers_of_one_sequence_are_not_those_of_another(tmp_path: Path) -> None:
    written = {}
    for seed, (folder, n) in enumerate((f, n) for f in ("seq1", "seq2") for n in (0, 1, 2)):
        pixels = picture(seed, SIZE)
        save(tmp_path / f"{folder}/rgb/{n}.png", pixels)
        for k, name in enumerate(("crop", "weed"), 1):
            save(tmp_path / f"{folder}/masks/{n}_{name}.png", ((ids(seed) == k) * 255).astype(np.uint8))
        written[pixels.tobytes()] = ids(seed)
    dataset = pw.open(tmp_path)
    assert dataset.classes.names == NAMES
    assert len(dataset["all"]) == 6
    for sample in dataset["all"]:
        assert np.array_equal(sample.label, written[sample.image.tobytes()])


def test_a_sequence_without_labels_is_counted_and_its_images_are_findings(tmp_path: Path) -> None:
    write(tmp_path, pairs("{}/Images/{}.png", "{}/Labels/{}.png", ("seq1", "seq2", "seq3"), FRAMES))
    (tmp_path / "seq2/Labels/000100.png").unlink()
    assert any("1 images have no label" in str(note) for note in pw.open(tmp_path).notes)
    found = pw.check(tmp_path)
    assert any(f.code == "missing-file" and "seq2" in f.where for f in found), found


def test_two_levels_of_sequences_are_asked_about(tmp_path: Path) -> None:
    for city in ("bonn", "ulm"):
        write(tmp_path / city, pairs("{}/rgb/{}.png", "{}/mask/{}.png", ("one", "two"), ("0", "1")))
    with pytest.raises(FormatError, match="several readings fit"):
        pw.open(tmp_path)


def test_init_writes_what_opens_and_proposes_to_keep_sequences_together(tmp_path: Path) -> None:
    written = write(tmp_path, pairs("{}/Images/{}.png", "{}/Labels/{}.png", ("s1", "s2"), ("0", "1", "2", "3")))
    made = propose(tmp_path)
    assert '# group = "^.*/"' in made.text
    (tmp_path / "pixelwise.toml").write_text(made.text.replace("# group", "group"))
    dataset = pw.open(tmp_path)
    found = [{name.partition("/")[0] for name in dataset[split].names} for split in dataset.splits]
    assert sorted(name for names in found for name in names) == ["s1", "s2"]
    for split in dataset.splits:
        for sample in dataset[split]:
            assert np.array_equal(sample.label, written[sample.image.tobytes()])


def test_given_patterns_count_every_sequence(tmp_path: Path) -> None:
    write(tmp_path, pairs("{}/Images/{}.png", "{}/Labels/{}.png", ("seq1", "seq2"), FRAMES))
    assert propose(tmp_path, "*/Images/{name}.png", "*/Labels/{name}.png").reading.pairs == 6


def test_hundreds_of_sequences_are_two_groups_to_choose_from(tmp_path: Path) -> None:
    write(tmp_path, pairs("{}/Images/{}.png", "{}/Labels/{}.png", tuple(f"s{k}" for k in range(9)), ("0", "1")))
    assert sum(not group.part for group in groups_of(list(walk(tmp_path)))) == 2
