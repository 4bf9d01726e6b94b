"""What is said where no dataset is found: the nearest miss, what is there, and what a file is."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.errors import FormatError
from pixelwise.formats.misses import KNOWN_PARTS
from pixelwise.formats.opening import known_formats


def said(path: Path) -> str:
    with pytest.raises(FormatError) as caught:
        pw.open(path)
    assert caught.value.code == "no-dataset"
    return str(caught.value)


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save(path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["701_StillsRaw_full/0001TP_1.png"], "looks like CamVid, but LabeledApproved_full/ is missing"),
        (["train/0001TP_1.png"], "looks like CamVid, but train_labels/ is missing"),
        (["leftImg8bit/train/a/a_leftImg8bit.png"], "looks like Cityscapes, but gtFine/ is missing"),
        (["training/semantic/1.png"], "looks like KITTI semantics, but training/image_2/ is missing"),
        (["data.yaml", "images/train/1.jpg"], "looks like YOLO, but labels/train/ is missing"),
        (["annotations/instances_val2017.json.txt", "train2017/1.jpg", "val2017/1.jpg"],
         "looks like COCO, but annotations/instances_*.json is missing"),
    ],
)  # fmt: skip
def test_the_nearest_miss_comes_first(tmp_path: Path, files: list[str], message: str) -> None:
    for path in files:
        if Path(path).suffix in (".txt", ".yaml"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text("x\n")
        else:
            picture(tmp_path / path)
    text = said(tmp_path)
    assert text.split(": ", 1)[1].startswith(message), text
    assert "; there is " in text or " found; there is " in text
    assert "pixelwise init" in text
    assert len(text.splitlines()) == 1


def test_nothing_near(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert "no dataset found; there is notes.txt; describe it: pixelwise init" in said(tmp_path)
    (tmp_path / "all.zip").write_bytes(b"")
    assert "unpack all.zip, and open the folder" in said(tmp_path)


def test_files_that_are_no_dataset_are_called_what_they_are(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    np.save(tmp_path / "b.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as box:
        box.writestr("x", "y")
    for name, mode in (("d.tar", "w"), ("e.tgz", "w:gz"), ("f.bin", "w:xz"), ("g.tbz", "w:bz2")):
        with tarfile.open(tmp_path / name, mode) as tar:  # type: ignore[call-overload]
            tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    (tmp_path / "h.txt").write_text("x")
    wanted = {
        "a.jpg": "is an image (jpeg), not a dataset", "b.npy": "is an array, not a dataset",
        "c.zip": "is an archive (zip)", "d.tar": "is an archive (tar)", "e.tgz": "is an archive (gzip)",
        "f.bin": "is an archive (xz)", "g.tbz": "is an archive (bzip2)", "h.txt": "is a file that describes no dataset",
    }  # fmt: skip
    for name, message in wanted.items():
        text = said(tmp_path / name)
        assert message in text
        assert len(text) < 250
        assert "folder" in text


def test_formats_are_listed_with_a_line_each() -> None:
    lines = CliRunner().invoke(app, ["formats"]).output.splitlines()
    assert [line.split()[0] for line in lines] == [*known_formats()]
    assert json.loads(CliRunner().invoke(app, ["formats", "--json"]).output)["voc"].startswith("VOC (JPEGImages/")


def test_parts_of_known_datasets_are_distinct() -> None:
    assert len({known.parts for known in KNOWN_PARTS}) == len(KNOWN_PARTS)
