"""The cells of both editions, with only the import lines and `voc_dir` changed; what they define is imported.

In the order of the pages, one after the other in one namespace. `%matplotlib inline` is a line of imports, too.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is an extra: pip install 'pixelwise[plot]'")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

CHAPTER = """
0000000001 0000000111 0000001111 0000011111 0000011111 0000111111 0000011111 0000011111 0000001111 0000000011
""".split()
IMPORTS = """
from pixelwise import d2l
from pixelwise.d2l import *
from pixelwise.d2l.mxnet import gluon, image, np, npx
import os

npx.set_np()
"""

FIRST = [
    "voc_dir = d2l.download_extract('voc2012', 'VOCdevkit/VOC2012')",
    "image_set = 'Segmentation/train.txt'\n"
    "images, _ = d2l.read_voc_images(voc_dir, [image_set])\n"
    "labels = read_voc_seg_labels(voc_dir, image_set)",
    "n = 5\nimgs = images[0:n] + labels[0:n]\nd2l.set_figsize()\nd2l.show_images(imgs, 2, n);",
    "y = colors_to_indices(labels[0], build_colormap())\ny[105:115, 130:140], d2l.VOC_CLASSES[1]",
    "imgs = []\nfor _ in range(n):\n    imgs += segmentation_rand_crop(images[0], labels[0], 200, 300)\n"
    "d2l.show_images(imgs[::2] + imgs[1::2], 2, n);",
    "train_ds = SegmentationDataset(images, labels, 320, 480)\n"
    "train_iter = gluon.data.DataLoader(train_ds, 10)\nfor x, y in train_iter:\n    break\nx.shape, y.shape",
    "batch_size, height, width = 10, 320, 480\n"
    "train_iter, test_iter = d2l.load_data_voc_segmentation(batch_size, height, width)",
]
HUB = (
    "d2l.DATA_HUB['voc2012'] = (d2l.DATA_URL + 'VOCtrainval_11-May-2012.tar',\n"
    "                           '4e443f8a2eca6b1dac8a6c57641b67dd40621a49')\n"
)
ARRAY = "y = voc_label_indices(train_labels[0], voc_colormap2label())\ny[105:115, 130:140], VOC_CLASSES[1]"
DATASETS = (
    "crop_size = (320, 480)\nvoc_train = VOCSegDataset(True, crop_size, voc_dir)\n"
    "voc_test = VOCSegDataset(False, crop_size, voc_dir)"
)
CROPS = "imgs = []\nfor _ in range(n):\n    imgs += voc_rand_crop(train_features[0], train_labels[0], 200, 300)\n"
BATCHES = "for X, Y in train_iter:\n    print(X.shape)\n    print(Y.shape)\n    break"
PERMUTED = "imgs = [img.permute(1,2,0) for img in imgs]\n"
BEGIN = [HUB + FIRST[0], "train_features, train_labels = read_voc_images(voc_dir, True)"]
SHOWN = "n = 5\nimgs = train_features[:n] + train_labels[:n]\n"
END = "train_iter, test_iter = d2l.load_data_voc(10, crop_size)"
PUBLISHED = {
    "mxnet": [
        *BEGIN, SHOWN + "d2l.show_images(imgs, 2, n);", ARRAY, CROPS + "d2l.show_images(imgs[::2] + imgs[1::2], 2, n);",
        DATASETS,
        "batch_size = 64\n"
        "train_iter = gluon.data.DataLoader(voc_train, batch_size, shuffle=True,\n"
        "                                   last_batch='discard',\n"
        "                                   num_workers=d2l.get_dataloader_workers())\n" + BATCHES, END,
    ],
    "pytorch": [
        *BEGIN, SHOWN + PERMUTED + "d2l.show_images(imgs, 2, n);", ARRAY,
        CROPS + "\n" + PERMUTED + "d2l.show_images(imgs[::2] + imgs[1::2], 2, n);", DATASETS,
        "batch_size = 64\n"
        "train_iter = torch.utils.data.DataLoader(voc_train, batch_size, shuffle=True,\n"
        "                                    drop_last=True,\n"
        "                                    num_workers=d2l.get_dataloader_workers())\n" + BATCHES, END,
    ],
}  # fmt: skip


@pytest.fixture
def work(real_voc_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder beside which the book's `../data` has VOC2012."""
    (tmp_path / "data/VOCdevkit").mkdir(parents=True)
    (tmp_path / "data/VOCdevkit/VOC2012").symlink_to(real_voc_root.resolve())
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with matplotlib.rc_context():
        yield
    plt.close("all")


def run(cells: Sequence[str], imports: str = IMPORTS) -> tuple[dict[str, Any], list[Any], str]:
    """The names afterwards, the value of each cell's last line, and what was printed."""
    names: dict[str, Any] = {}
    exec(imports, names)
    values, said = [], io.StringIO()
    with contextlib.redirect_stdout(said):
        for cell in cells:
            body, value = ast.parse(cell).body, None
            if isinstance(body[-1], ast.Expr):
                last = ast.Expression(body.pop().value)
                exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
                value = eval(compile(last, "<cell>", "eval"), names)
            else:
                exec(cell, names)
            values.append(value)
    return names, values, said.getvalue()


def rows(array: Any) -> list[str]:
    return ["".join(str(int(v)) for v in row) for row in array]


def large(root: str, name: str) -> int:
    return int((pw.open(root)[name].sizes() >= (320, 480)).all(axis=1).sum())


def check_figures(titles: int) -> None:
    """Each figure has ten pictures, images above their labels."""
    figures = [plt.figure(number).axes for number in plt.get_fignums()]
    assert len(figures) == titles
    for axes in figures:
        drawn = [np.asarray(ax.get_images()[0].get_array()) for ax in axes]
        assert len(drawn) == 10
        assert all(image.shape == label.shape for image, label in zip(drawn[:5], drawn[5:], strict=True))
        assert all(image.shape[2] == 3 and image.dtype == np.uint8 for image in drawn)
        assert all(len(np.unique(label.reshape(-1, 3), axis=0)) <= 22 for label in drawn[5:])


def check_batches(names: dict[str, Any]) -> None:
    for pairs in (names["train_iter"], names["test_iter"]):
        x, y = next(iter(pairs))
        assert (x.shape, y.shape) == ((10, 3, 320, 480), (10, 320, 480))


def test_the_first_edition(work: None) -> None:
    names, values, said = run(FIRST)
    assert rows(values[3][0]) == CHAPTER
    assert values[3] == (values[3][0], "aeroplane")
    assert values[5] == ((10, 3, 320, 480), (10, 320, 480))
    assert said.startswith(f"read {large(names['voc_dir'], 'train')} examples\n")
    check_figures(2)
    check_batches(names)


@pytest.mark.parametrize("variant", PUBLISHED)
def test_the_published_edition(work: None, variant: str) -> None:
    imports = IMPORTS
    if variant == "pytorch":
        pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
        imports = "import torch\nfrom pixelwise import d2l\nfrom pixelwise.d2l import *\nimport os"
    names, values, said = run(PUBLISHED[variant], imports)
    assert rows(values[3][0]) == CHAPTER
    assert values[3][1] == "aeroplane"
    assert "(64, 3, 320, 480)" in said or "[64, 3, 320, 480]" in said
    counts = [large(names["voc_dir"], name) for name in ("train", "val")]
    assert said.startswith("".join(f"read {count} examples\n" for count in counts))
    check_figures(2)
    check_batches(names)


def test_the_sibling_about_boxes(tmp_path: Path) -> None:
    """Its cells that read and draw."""
    root = pw.sample(tmp_path / "painted", count=24)
    (root / "ImageSets/Main").mkdir()
    stems = (root / "ImageSets/Segmentation/train.txt").read_text().split()
    with_cat = [stem for stem in stems if "<name>cat</name>" in (root / f"Annotations/{stem}.xml").read_text()]
    text = "".join(f"{stem} {1 if stem in with_cat else -1:2d}\n" for stem in stems)
    (root / "ImageSets/Main/cat_train.txt").write_text(text)
    cells = [
        f"voc_dir = {os.fspath(root)!r}",
        "images, image_fns = read_voc_images(voc_dir, ['Main/cat_train.txt'])\n"
        "sum([np.array(img.shape) for img in images])/len(images)",
        "labels = read_voc_detection_labels(voc_dir, image_fns, ['cat'])\nlen(labels), labels[0]",
        "axes = d2l.show_images(images[:10], 2, 5, scale=2)\n"
        "for ax, label in zip(axes, labels[:10]):\n    d2l.show_boxes(ax, label[:,1:5], colors=['w'])",
    ]
    names, values, _ = run(cells)
    assert names["image_fns"] == with_cat
    assert values[1].shape == (3,)
    assert values[2][0] == len(with_cat) > 0
    assert all(len(found) > 0 and (found[:, 0] == 0).all() for found in names["labels"])
    assert sum(len(ax.patches) for ax in names["axes"]) == sum(map(len, names["labels"][:10]))
    plt.close("all")
