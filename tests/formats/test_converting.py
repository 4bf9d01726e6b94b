"""convert: equal labels when read back, nothing half written, nothing overwritten, nothing in the source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.classes import ClassTable
from pixelwise.dataset.dataset import Dataset, concat
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split, Splits
from pixelwise.errors import DataError, FormatError, UsageError
from pixelwise.files.writing import atomic_write
from pixelwise.formats import converting
from pixelwise.formats.converting import convert
from pixelwise.formats.opening import open as open_dataset
from pixelwise.formats.unfinished import CONVERSION

TARGETS = ("index", "voc", "cityscapes")
TREES = (
    "camvid_rgb", "camvid_index", "camvid_16bit", "ade20k", "coco_panoptic", "chase_1bit", "davis_binary",
    "labelme/data_annotated", "labelme/data_dataset_voc",
    *(f"mmseg_pseudo/pseudo_{n}_dataset" for n in "bdd100k cityscapes lip loveda mapillary potsdam refuge".split()),
)  # fmt: skip


def same(a: Dataset, b: Dataset) -> None:
    assert a.classes.names == b.classes.names
    assert np.array_equal(a.classes.colors, b.classes.colors)
    assert a.classes.ignore_index == b.classes.ignore_index
    assert set(a.splits) == set(b.splits)
    for split in a.splits:
        assert list(a[split].names) == list(b[split].names)
        for x, y in zip(a[split], b[split], strict=True):
            assert np.array_equal(x.image, y.image), x.name
            assert (x.label is None) == (y.label is None)
            assert x.label is None or (np.array_equal(x.label, y.label) and x.label.dtype == y.label.dtype), x.name
            if x.instances is not None and int(x.instances.max()) <= 65_535:
                assert np.array_equal(x.instances, y.instances)


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("tree", TREES)
def test_trees_read_back_equal(trees: Path, tmp_path: Path, tree: str, to: Any) -> None:
    source = open_dataset(trees / tree)
    made = convert(source, tmp_path / "out", to, threads=2)
    assert made.format == "toml"
    same(source, made)
    same(source, open_dataset(tmp_path / "out"))


def arrays(
    splits: dict[str, list[str]], classes: int = 4, labeled: tuple[str, ...] = ("train", "val"), size: int = 5,
    seed: int = 1,
) -> Dataset:  # fmt: skip
    rng = np.random.default_rng(seed)
    table = ClassTable(tuple(f"c{i}" for i in range(classes)), ignore_index=255 if classes <= 255 else 65_535)
    out = {}
    for split, names in splits.items():
        images = [rng.integers(0, 256, (size, 9, 3), np.uint8) for _ in names]
        labels = [rng.integers(0, classes, (size, 9)).astype(table.dtype) for _ in names]
        for label in labels:
            label[0, 0] = table.ignore_index
        out[split] = Split(split, table, ArraySource(images, labels if split in labeled else None, names))
    return Dataset(Path("memory"), "arrays", table, Splits({n: (lambda s=s: s) for n, s in out.items()}))


@pytest.mark.parametrize("to", TARGETS)
def test_many_classes_order_folders_and_splits_without_labels(tmp_path: Path, to: Any) -> None:
    source = arrays({"train": ["b", "a/x", "a"], "val": ["y"], "hidden": ["z"]}, classes=700)
    made = convert(source, tmp_path / "out", to)
    same(source, made)
    assert made["train"][0].label.dtype == np.uint16


def test_voc_has_palettes_and_is_a_voc_dataset_to_others(tmp_path: Path, trees: Path) -> None:
    source = open_dataset(trees / "mmseg_pseudo/pseudo_lip_dataset")
    convert(source, tmp_path / "out", "voc")
    name = source["val"].names[0]
    with Image.open(tmp_path / f"out/SegmentationClass/{name}.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:60] == source.classes.colors.reshape(-1).tolist()
    again = open_dataset(tmp_path / "out", format="voc", classes=source.classes)
    assert np.array_equal(again["val"][0].label, source["val"][0].label)


def test_the_same_sample_in_two_splits_is_written_once_and_equal_names_stay_apart(tmp_path: Path) -> None:
    one = arrays({"train": ["a", "b"]})
    twice = Dataset(one.root, "arrays", one.classes, Splits({"train": lambda: one["train"],
                                                             "trainval": lambda: one["train"]}))  # fmt: skip
    made = convert(twice, tmp_path / "once")
    assert len(list((tmp_path / "once/labels").iterdir())) == 2
    same(twice, made)
    clash = arrays({"train": ["0"], "val": ["0"]})
    made = convert(clash, tmp_path / "apart")
    assert made["val"].names == ["val/0"]
    assert np.array_equal(made["val"][0].label, clash["val"][0].label)
    assert not np.array_equal(made["train"][0].label, clash["val"][0].label)


def tree_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_stopped_anywhere_it_goes_on_and_ends_the_same(
    trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    source = open_dataset(trees / "camvid_index")
    convert(source, tmp_path / "whole")
    left = [stop_after]
    whole = converting._place_image

    def failing(*args: Any) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        whole(*args)

    monkeypatch.setattr(converting, "_place_image", failing)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "stopped", threads=1)
    assert not (tmp_path / "stopped/pixelwise.toml").exists()
    written = []
    monkeypatch.setattr(converting, "_place_image", lambda *a: (written.append(a[0]), whole(*a)))
    made = convert(source, tmp_path / "stopped", threads=1)
    assert len(written) == 12 - stop_after
    same(source, made)
    assert tree_hash(tmp_path / "stopped") == tree_hash(tmp_path / "whole")


def test_nothing_is_overwritten_and_nothing_goes_into_the_source(trees: Path, tmp_path: Path) -> None:
    tree = tmp_path / "source"
    shutil.copytree(trees / "davis_binary", tree)
    before = tree_hash(tree)
    convert(tree, tmp_path / "out")
    for out, code in ((tmp_path / "out", "not-empty"), (tree / "new", "inside-source"), (tree, "inside-source")):
        with pytest.raises(UsageError) as caught:
            convert(tree, out, "voc")
        assert caught.value.code == code
    made, states = tree_hash(tmp_path / "out"), {p: p.stat() for p in (tmp_path / "out").rglob("*")}
    same(open_dataset(tree), convert(tree, tmp_path / "out"))
    assert tree_hash(tmp_path / "out") == made
    assert {p: p.stat().st_mtime_ns for p in states} == {p: s.st_mtime_ns for p, s in states.items()}
    os.utime(next((tree / "JPEGImages").iterdir()), (2e9, 2e9))
    with pytest.raises(UsageError, match="not empty"):
        convert(tree, tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        convert(tree, tmp_path / "full")
    assert sorted(os.listdir(tmp_path / "full")) == ["mine.txt"]
    assert tree_hash(tree) == before


@pytest.mark.parametrize("to", TARGETS)
def test_a_begun_folder_is_refused_wherever_it_stopped(trees: Path, tmp_path: Path, to: Any) -> None:
    """Only the mark and what is complete so far are there: for `voc`, all that a VOC dataset has."""
    source, out = trees / "davis_binary", tmp_path / "out"
    whole = tree_hash(convert(source, out, to).root)
    signed = (out / "pixelwise.toml").read_text().split("# conversion ")[1].split()[0]
    (out / CONVERSION).write_text(json.dumps({"conversion": signed, "from": str(source), "to": to}))
    command = f"pixelwise convert {source} {out} --to {to}"
    for place in (out, out / "pixelwise.toml", tmp_path):
        with pytest.raises(FormatError, match=command) as caught:
            open_dataset(place)
        assert caught.value.code == "unfinished-conversion"
    (out / "pixelwise.toml").unlink()
    for format in (None, "voc", "toml"):
        with pytest.raises(FormatError, match=command):
            open_dataset(out, format=format)
    shutil.rmtree(next(out / name for name in ("SegmentationClass", "labels", "gtFine") if (out / name).exists()))
    with pytest.raises(FormatError, match=command):
        open_dataset(out)
    same(open_dataset(source), convert(source, out, to))
    assert tree_hash(out) == whole


def test_other_labels_of_the_same_names_are_another_conversion(tmp_path: Path) -> None:
    names, out = {"train": ["a", "b"]}, tmp_path / "out"
    convert(arrays(names), out)
    with pytest.raises(UsageError, match="not empty"):
        convert(arrays(names, seed=2), out)
    same(arrays(names), convert(arrays(names), out))


def test_temporary_files_are_not_in_the_way_and_go(tmp_path: Path) -> None:
    """What a conversion that was killed in its first moment left, and a file of one that lives."""
    source = arrays({"train": ["a", "b"]})
    dead = tmp_path / f"out/.{CONVERSION}.{32 * '0'}.part"
    dead.parent.mkdir()
    dead.write_text("{")
    with atomic_write(tmp_path / "out/other.png") as living:
        convert(source, tmp_path / "out")
        assert not dead.exists()
        living.write(b"x")
    assert (tmp_path / "out/other.png").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "caf\udce9", " a", "a\x1bb", "\ud800", "a.jpg", "a\x85b", "a\0"])
@pytest.mark.parametrize("to", TARGETS)
def test_names_that_no_list_holds_are_refused_before_anything_is_written(tmp_path: Path, to: Any, name: str) -> None:
    source = arrays({"train": ["good", name]})
    with pytest.raises(UsageError) as caught:
        convert(source, tmp_path / "out", to)
    assert caught.value.code == "bad-name"
    assert str(caught.value).isprintable()
    assert not (tmp_path / "out").exists()


def test_a_begun_folder_takes_no_other_conversion(trees: Path, tmp_path: Path) -> None:
    source = open_dataset(trees / "davis_binary")
    convert(source, tmp_path / "out")
    (tmp_path / "out/pixelwise.toml").unlink()
    (tmp_path / "out" / CONVERSION).write_text('{"conversion": "other"}')
    with pytest.raises(UsageError, match="another conversion was begun"):
        convert(source, tmp_path / "out")


@pytest.mark.parametrize("images", ["symlink", "hardlink"])
def test_images_can_be_linked(trees: Path, tmp_path: Path, images: Any) -> None:
    tree = tmp_path / "source"
    shutil.copytree(trees / "davis_binary", tree)
    source = open_dataset(tree)
    same(source, convert(source, tmp_path / "out", images=images))
    made, original = tmp_path / "out/images/00000.jpg", tree / "JPEGImages/00000.jpg"
    assert made.is_symlink() == (images == "symlink")
    assert made.samefile(original)


def test_classes_can_be_chosen_and_derived_datasets_converted(trees: Path, tmp_path: Path) -> None:
    source = open_dataset(trees / "camvid_index")
    made = convert(source, tmp_path / "a", classes=["Car", "Road"])
    same(source.subset(classes=["Car", "Road"]), made)
    joined = concat([source.split({"fit": 0.5, "dev": 0.5}, of="train"), source.merge_classes({"Car": ["Car"]})])
    made = convert(joined, tmp_path / "b")
    same(joined, made)
    assert (tmp_path / "b/images").exists()


def test_a_damaged_sample_stops_it_with_its_name(trees: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        convert(trees / "mmseg_pseudo/pseudo_isaid_dataset", tmp_path / "out")
    assert not (tmp_path / "out/pixelwise.toml").exists()


def test_the_commands(trees: Path, tmp_path: Path) -> None:
    import typer

    from pixelwise.cli import convert as commands

    app = typer.Typer()
    for command in commands.COMMANDS:
        app.command()(command)
    run = CliRunner().invoke
    tree = tmp_path / "mine"
    shutil.copytree(trees / "mmseg_pseudo/pseudo_dataset", tree)
    done = run(app, ["init", str(tree)])
    assert (done.exit_code, "4 classes; name them" in done.output) == (0, True)
    with pytest.raises(UsageError, match="there is a file already"):
        run(app, ["init", str(tree)], catch_exceptions=False)
    with pytest.raises(FormatError, match="no file matches 'masks/"):
        wrong = ["--images", "imgs/{name}_img.jpg", "--labels", "masks/{name}.png"]
        run(app, ["init", str(tree), "-o", str(tmp_path / "mine.toml"), *wrong], catch_exceptions=False)
    assert not (tmp_path / "mine.toml").exists()
    done = run(app, ["convert", str(tree), str(tmp_path / "out"), "--to", "voc", "--classes", "value 1,value 3"])
    assert done.exit_code == 0, done.output
    assert "toml -> voc: 4 train, 1 val; 2 classes" in done.output
    assert open_dataset(tmp_path / "out").classes.names == ("value 1", "value 3")
    run(app, ["init", str(trees / "chase_1bit"), "-o", str(tmp_path / "chase.toml")])
    assert len(open_dataset(tmp_path / "chase.toml")["train"]) == 2
