"""One bad file among many: it is a finding, it is skipped, the rest is counted. In every format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from tests.support.two_splits import WRITERS, opened, write

FILES = [name for name in WRITERS if name != "hf_parquet"]
"""Formats whose images are files."""
TOOLS = ["cvat", "datumaro", "label_studio", "supervisely", "via"]
"""Formats whose labels are drawn from annotations."""
LISTED = ["voc", "coco", "coco beside", "coco_panoptic", "hf_imagefolder", "cvat", "datumaro", "label_studio", "via"]
"""Formats in which something names the images, so that one can be missing."""

Bad = Callable[[Path], Any]
BAD: dict[str, Bad] = {
    "missing": Path.unlink,
    "empty": lambda p: p.write_bytes(b""),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:10]),
    "a page": lambda p: p.write_text("<html>"),
    "a pointer": lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
}
CASES = [(name, bad) for name in FILES for bad in BAD if bad != "missing" or name in LISTED]


def image_of(split: pw.Split, index: int) -> Path:
    of, at = split.source.image_file(index)  # type: ignore[misc]
    return Path(of.path(of.images, at))


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def only_batch(loader: pw.Loader, lost: list[str]) -> pw.Batch:
    """The one batch of an epoch, which must say what it left out."""
    with pytest.warns(pw.PixelwiseWarning, match=re.escape(", ".join(map(repr, lost)))):
        (batch,) = loader
    return batch


@pytest.mark.parametrize(("name", "bad"), CASES)
def test_one_bad_image(name: str, bad: str, tmp_path: Path) -> None:
    before = opened(name, tmp_path)
    first = next(iter(before.splits))
    BAD[bad](image_of(before[first], 1))
    dataset = pw.open(tmp_path)
    split = dataset[first]
    lost = [split.names[1]]
    # check: exactly this one, with its file
    found = pw.check(dataset)
    assert len(found.errors) == 1, str(found)
    assert image_of(before[first], 1).name in found.errors[0].where
    # stats: the rest, or an error
    counted = pw.stats(dataset, on_error="skip")
    assert (counted.samples, len(counted.skipped)) == (5, 1)
    assert str(tmp_path) not in str(dataset.splits)
    with pytest.raises(pw.PixelwiseError):
        pw.stats(dataset)
    # info and stats: what can be read, and exit 1
    code, text = run("info", tmp_path, "--format", dataset.format, "--json")
    described = json.loads(text)["splits"]
    assert code == 1
    assert [s["samples"] for s in described.values()] == [3, 3]
    assert [sum(s["images"] for s in d["sizes"]) for d in described.values()] == [2, 3]
    assert described[first]["unreadable"] == 1
    code, text = run("info", tmp_path, "--format", dataset.format)
    assert code == 1
    assert len(re.findall("(?m)^error: ", text)) == 1
    assert run("stats", tmp_path, "--format", dataset.format)[0] == 1
    # Loader
    transforms: Any
    for transforms in ([], [pw.RandomCrop(16, 20)], [pw.CenterCrop(16, 20), pw.Normalize()]):
        loader = pw.Loader(split, 3, transforms, on_error="skip", shuffle=True)
        batch = only_batch(loader, lost)
        assert batch.images.shape[2:] == ((16, 20) if transforms else (24, 36))
        assert [n for n, real in zip(batch.names, batch.real, strict=True) if not real] == lost
        assert [n for n, _ in loader.skipped] == lost
        assert (batch.labels[~batch.real] == split.classes.padding_index).all()
        assert not loader.dropped
        with pytest.raises(pw.PixelwiseError):
            list(pw.Loader(split, 3, transforms))


LABELED = [n for n in FILES if n not in ("coco", "coco beside", "yolo", "yolo by split", *TOOLS)]


@pytest.mark.parametrize("bad", ["missing", "cut"])
@pytest.mark.parametrize("name", LABELED)
def test_one_bad_label(name: str, bad: str, tmp_path: Path) -> None:
    before = opened(name, tmp_path)
    first = next(iter(before.splits))
    label = next(Path(f) for f in before[first].source.origin(1).files[1:] if f.endswith(".png"))  # type: ignore[union-attr]
    BAD[bad](label)
    split = pw.open(tmp_path)[first]
    found = pw.check(tmp_path)
    assert [Path(f.where).name for f in found.errors] == [label.name], str(found)
    assert pw.stats(tmp_path, on_error="skip").samples == 5
    loader = pw.Loader(split, 3, on_error="skip")
    batch = only_batch(loader, [split.names[1]])
    assert batch.real.tolist() == [True, False, True]
    assert [n for n, _ in loader.skipped] == [split.names[1]]


def test_a_loader_of_which_nothing_can_be_read_says_why(tmp_path: Path) -> None:
    split = opened("bdd100k", tmp_path)["train"]
    for k in range(3):
        image_of(split, k).write_bytes(b"")
    with pytest.raises(pw.PixelwiseError, match="empty"):
        list(pw.Loader(pw.open(tmp_path)["train"], 1, on_error="skip"))


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_batches_of_holes_alone_have_the_shape_of_the_others(tmp_path: Path, whole: int) -> None:
    split = opened("bdd100k", tmp_path)["train"]
    for k in {0, 1, 2} - {whole}:
        image_of(split, k).write_bytes(b"")
    loader = pw.Loader(pw.open(tmp_path)["train"], 1, [pw.RandomCrop(24, 36)], on_error="skip")
    with pytest.warns(pw.PixelwiseWarning, match="^2 of 3 samples"):
        assert [batch.images.shape for batch in loader] == [(1, 3, 24, 36)] * 3
    with pytest.warns(pw.PixelwiseWarning, match="^2 of 3 samples"):
        assert [bool(batch.real[0]) for batch in loader] == [k == whole for k in range(3)]


def test_partners_of_a_mix_may_be_holes(tmp_path: Path) -> None:
    split = opened("bdd100k", tmp_path)["train"]
    image_of(split, 1).write_bytes(b"")
    loader = pw.Loader(pw.open(tmp_path)["train"], 3, [pw.CutMix(p=1.0), pw.Normalize()], on_error="skip")
    for _ in range(5):
        batch = only_batch(loader, [split.names[1]])
        assert not batch.real[1]
        assert np.isfinite(batch.images).all()


def test_a_file_that_is_mended_after_it_was_planned_is_left_out(tmp_path: Path) -> None:
    """It may have another size than the plan says, and pixels are read by the plan."""
    split = opened("bdd100k", tmp_path)["train"]
    path, data = image_of(split, 1), image_of(split, 1).read_bytes()
    path.write_bytes(b"")
    loader = pw.Loader(pw.open(tmp_path)["train"], 3, on_error="skip")
    job = loader._job(0, 0)
    path.write_bytes(data)
    job.run(1, 2, pw.types.Clock())
    assert not job.real[1]
    (batch,) = loader
    assert batch.real.all(), "the next plan has its size"


# -- lists ------------------------------------------------------------------------------------------------------------

LISTS: dict[str, tuple[str, bytes]] = {
    "voc": ("ImageSets/Segmentation/val.txt", b"a\na\n"),
    "hf_imagefolder": ("val/metadata.jsonl", b"{"),
}
"""Format -> the list of a split, and what breaks it. (The JSONs of COCO hold the classes of the whole.)"""


@pytest.mark.parametrize("name", LISTS)
def test_a_broken_list_stops_only_its_split(name: str, tmp_path: Path) -> None:
    write(name, tmp_path)
    path, content = LISTS[name]
    (tmp_path / path).write_bytes(content)
    dataset = pw.open(tmp_path)
    assert len(list(dataset["train"])) == 3
    found = pw.check(dataset)
    assert [Path(f.where.rpartition(":")[0] or f.where).name for f in found.errors] == [Path(path).name] or (
        found.errors[0].where.startswith(path)
    )
    assert dict(found.splits) == {"train": 3}
    code, text = run("info", tmp_path)
    assert code == 1
    assert "error: " in text
    assert pw.stats(dataset, on_error="skip").samples == 3
    assert run("stats", tmp_path, "--split", "train")[0] == 0
    with pytest.raises(pw.PixelwiseError):
        pw.stats(dataset)


def _no_images(root: Path, name: str) -> None:
    """Empty the split val."""
    if name == "voc":
        (root / "ImageSets/Segmentation/val.txt").write_text("")
        return
    if name == "hf_parquet":
        from pyarrow import parquet

        path = root / "val-00000-of-00001.parquet"
        parquet.write_table(parquet.read_table(path).slice(0, 0), path)
        return
    dataset = pw.open(root)
    val = dataset[list(dataset.splits)[1]]
    for k in range(len(val)):
        for path in val.source.origin(k).files:  # type: ignore[union-attr]
            Path(path).unlink()


EMPTIED = [n for n in WRITERS if (not n.startswith("coco") or n == "coco_stuff") and n not in TOOLS]
EMPTIED.remove("hf_imagefolder")  # an empty list there is no list of that format


@pytest.mark.parametrize("name", EMPTIED)
def test_an_empty_split_is_a_split_with_a_note(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("made")
    write(name, tmp_path)
    train, val = pw.open(tmp_path).splits
    _no_images(tmp_path, name)
    dataset = pw.open(tmp_path)
    assert [len(dataset[s]) for s in (train, val)] == [3, 0]
    assert [n.code for n in dataset[val].notes] == ["empty-list" if name == "voc" else "empty-split"]
    found = pw.check(dataset)
    assert dict(found.splits) == {train: 3, val: 0}
    assert not found.errors
    assert [f.code for f in found.notes if f.code.startswith("empty-")]
    code, text = run("info", tmp_path)
    assert code == 0
    assert "[empty-" in text
    assert pw.stats(dataset).samples == 3
    assert pw.count_classes(dataset, splits=[train, val]).shape[0] == 3, "labels are those of the others"
    assert pw.count_classes(dataset, splits=val).shape[0] == 0
    for again in (pw.pack(dataset, elsewhere / "pack"), pw.convert(dataset, elsewhere / "converted")):
        assert [len(again[s]) for s in (train, val)] == [3, 0]
    with pytest.raises(pw.PixelwiseError, match="is empty"):
        pw.class_index(dataset, splits=val)
    with pytest.raises(pw.UsageError, match="no samples"):
        pw.score(tmp_path, dataset, splits=val)
    with pytest.raises(pw.UsageError, match="no samples"):
        pw.predict(np.asarray, dataset, tmp_path / "out", splits=val)


HIDDEN: dict[str, tuple[str, ...]] = {
    "voc": ("ImageSets/Segmentation/._train.txt", "ImageSets/Segmentation/.train.txt"),
    "coco": ("annotations/._instances_train.json",),
    "coco beside": ("train/.__annotations.coco.json",),
    "coco_panoptic": ("annotations/._panoptic_train.json",),
    "yolo": ("._data.yaml",),
    "datumaro": ("annotations/._train.json",),
    "label_studio": ("._train.json",),
    "via": ("train/._via_region_data.json",),
    "hf_parquet": ("._train-00000-of-00001.parquet",),
    "hf_imagefolder": ("train/._metadata.jsonl",),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_files_are_not_lists_and_a_note_names_them(name: str, tmp_path: Path) -> None:
    expected = list(pw.open(write(name, tmp_path / "plain")).splits)
    root = write(name, tmp_path / "mac")
    for path in HIDDEN[name]:
        (root / path).write_bytes(b"\0\5\x16\7")
    dataset = pw.open(root)
    assert list(dataset.splits) == expected
    noted = sorted(n.where for n in dataset.notes if n.code == "hidden-file")
    assert noted == sorted(f"{root}/{path}" for path in HIDDEN[name])
    found = pw.check(dataset)
    assert not found.errors
    assert [f.where for f in found if f.code == "hidden-file"]


@pytest.mark.parametrize("name", WRITERS)
def test_a_copy_of_macos_is_the_same_dataset(name: str, tmp_path: Path) -> None:
    """`._NAME` beside every file, as archives made there have them."""
    plain = pw.open(write(name, tmp_path / "plain"))
    root = write(name, tmp_path / "mac")
    for path in [p for p in root.rglob("*") if p.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    dataset = pw.open(root)
    assert dataset.classes == plain.classes
    assert {k: list(s.names) for k, s in dataset.splits.items()} == {k: list(s.names) for k, s in plain.splits.items()}
    assert not pw.check(dataset).errors


def test_no_reader_globs_for_itself() -> None:
    """`paths.visible` leaves hidden files out."""
    rooms = Path(pw.__file__).parent / "formats"
    own = [p.name for p in rooms.rglob("*.py") if p.name != "paths.py" and re.search(r"\.r?glob\(", p.read_text())]
    assert not own


def test_lists_of_a_description(tmp_path: Path) -> None:
    root = write("toml", tmp_path)
    (root / "lists").mkdir()
    (root / "lists/train.txt").write_text("0\n1\n")
    (root / "lists/val.txt").write_text("\n")
    (root / "lists/test.txt").write_bytes(b"0\n0\n")
    (root / "lists/._train.txt").write_bytes(b"\0\5\x16\7")
    text = (root / "pixelwise.toml").read_text().replace("{split}/", "train/")
    (root / "pixelwise.toml").write_text('[splits]\nlists = "lists/{split}.txt"\n' + text)
    dataset = pw.open(root)
    assert list(dataset.splits) == ["train", "val", "test"]
    assert [len(dataset[s]) for s in ("train", "val")] == [2, 0]
    assert {f.code for f in pw.check(dataset)} >= {"hidden-file", "empty-list", "duplicate-id"}
    both = pw.count_classes(dataset, splits=["train", "val"])
    assert len(both) == 2
