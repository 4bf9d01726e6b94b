"""Where labels are colors, a gray value v is the color (v, v, v), and a palette index its palette's color.

Neither is ever taken for the number of a class: it is the class of that color, or refused. In every layout whose labels
can be colors.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import VOC
from pixelwise.codecs.png import encode_png
from pixelwise.formats.class_tables import table
from tests.support.making import save

SIZE = (12, 17)
OWN = [("void", (0, 0, 0)), ("road", (128, 64, 128)), ("pole", (9, 9, 9))]
Colors = list[tuple[int, int, int]]


def _pairs(root: Path, images: str, labels: str, colors: Colors) -> list[Path]:
    """Three pairs, whose labels hold the first two colors; the paths of the labels."""
    paths = []
    for k in range(3):
        save(root / images.format(k), np.random.default_rng(k).integers(0, 256, (*SIZE, 3), np.uint8))
        stored = np.full((*SIZE, 3), colors[0], np.uint8)
        stored[2 + k : 9, 3:11] = colors[1]
        save(root / labels.format(k), stored)
        paths.append(root / labels.format(k))
    return paths


def _known(images: str, labels: str, name: str) -> Callable[[Path], list[Path]]:
    return lambda root: _pairs(root, images, labels, [*map(tuple, table(name).colors[:2].tolist())])


def _two_folders(name: str, text: str) -> Callable[[Path], list[Path]]:
    def write(root: Path) -> list[Path]:
        paths = _pairs(root, "images/{}.jpg", "masks/{}.png", [c for _, c in OWN])
        (root / name).write_text(text)
        return paths

    return write


def _voc(root: Path) -> list[Path]:
    paths = _pairs(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", [*map(tuple, VOC.colors[:2].tolist())])
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("0\n1\n2\n")
    return paths


def _cvat(root: Path) -> list[Path]:
    paths = _voc(root)
    _pairs(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", [c for _, c in OWN])
    (root / "labelmap.txt").write_text("".join(f"{n}:{r},{g},{b}::\n" for n, (r, g, b) in OWN))
    return paths


def _imagefolder(root: Path) -> list[Path]:
    paths = _pairs(root, "train/{}.jpg", "train/{}_mask.png", [c for _, c in OWN])
    lines = [json.dumps({"file_name": f"{k}.jpg", "label_file_name": f"{k}_mask.png"}) + "\n" for k in range(3)]
    (root / "train/metadata.jsonl").write_text("".join(lines))
    (root / "class_dict.csv").write_text(CSV)
    return paths


CSV = "name,r,g,b\n" + "".join(f"{n},{r},{g},{b}\n" for n, (r, g, b) in OWN)
TOML = '[images]\npath = "images/{name}.jpg"\n[labels]\npath = "masks/{name}.png"\n' + "".join(
    f'[[class]]\nname = "{n}"\ncolor = [{r}, {g}, {b}]\n' for n, (r, g, b) in OWN)  # fmt: skip
COLORED: dict[str, Callable[[Path], list[Path]]] = {
    "voc": _voc,
    "cvat": _cvat,
    "camvid": _known("train/0016E5_{}.png", "train_labels/0016E5_{}_L.png", "camvid"),
    "cityscapes": _known("leftImg8bit/train/bonn/bonn_00000{}_000019_leftImg8bit.png",
                         "gtFine/train/bonn/bonn_00000{}_000019_gtFine_color.png", "cityscapes"),
    "bdd100k": _known("images/10k/train/{}.jpg", "labels/sem_seg/colormaps/train/{}.png", "cityscapes"),
    "isaid": _known("train/images/P000{}.png", "train/Semantic_masks/P000{}_instance_color_RGB.png", "isaid"),
    "potsdam": lambda root: _pairs(root, "2_Ortho_RGB/top_potsdam_2_1{}_RGB.tif",
                                   "5_Labels_all/top_potsdam_2_1{}_label.tif", [(255, 255, 255), (0, 0, 255)]),
    "toml": _two_folders("pixelwise.toml", TOML),
    "class_dict.csv": _two_folders("class_dict.csv", CSV),
    "label_colors.txt": _two_folders("label_colors.txt", "".join(f"{r} {g} {b}\t{n}\n" for n, (r, g, b) in OWN)),
    "labelmap.txt": _two_folders("labelmap.txt", "".join(f"{n}:{r},{g},{b}::\n" for n, (r, g, b) in OWN)),
    "hf_imagefolder": _imagefolder,
}  # fmt: skip


def _gray(value: int, dtype: Any = np.uint8) -> tuple[bytes, int | None]:
    """A gray label of this value, and the value that its color has three times at eight bits."""
    pixels = np.full(SIZE, value, dtype)
    return encode_png(pixels), value if dtype is np.uint8 else None


STORED: dict[str, tuple[bytes, int | None]] = {
    "black": _gray(0),
    "1": _gray(1),
    "9": _gray(9),
    "255": _gray(255),
    "1 of 16 bits": _gray(1, np.uint16),
    "index 1, which is black": (encode_png(np.ones(SIZE, np.uint8), np.zeros((2, 3), np.uint8)), 0),
    "index 0, which is (9, 9, 9)": (encode_png(np.zeros(SIZE, np.uint8), np.full((2, 3), 9, np.uint8)), 9),
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("name", COLORED)
def test_a_gray_value_is_a_color_or_refused(name: str, stored: str, tmp_path: Path) -> None:
    path = COLORED[name](tmp_path)[2]
    options = {"labels": "colormaps"} if name == "bdd100k" else {"labels": "color"} if name == "cityscapes" else {}
    before = pw.open(tmp_path, **options)
    ((split, classes),) = [(s, s.classes) for s in before.splits.values()]
    assert {int(v) for v in np.unique(split[2].label)} == {classes.color_ids[c] for c in _colors_of(path)}
    data, value = STORED[stored]
    if path.suffix == ".tif":
        Image.open(io.BytesIO(data)).save(path)
    else:
        path.write_bytes(data)
    dataset = pw.open(tmp_path, **options)
    (split,) = dataset.splits.values()
    expected = None if value is None else dataset.classes.color_ids.get((value,) * 3)
    codes = {f.code for f in pw.check(dataset) if path.name in f.where}
    if expected is None:
        with pytest.raises(pw.DataError):
            split[2]
        assert any(f.severity == "error" and path.name in f.where for f in pw.check(dataset))
    else:
        assert (split[2].label == expected).all()
        assert "mixed-label-kinds" in codes


def _colors_of(path: Path) -> set[tuple[int, ...]]:
    return {tuple(c) for c in np.asarray(Image.open(path)).reshape(-1, 3).tolist()}
