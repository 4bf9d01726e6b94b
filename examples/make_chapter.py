"""Makes examples/chapter.ipynb: runs its cells and writes them with what they give.

    python examples/make_chapter.py [-o examples/chapter.ipynb] [--voc VOCdevkit/VOC2012]

The cells are here, as text. They run in this process, in a new folder, on the sample dataset or on --voc; only pictures
and text come into the notebook, so neither Jupyter nor a kernel is needed to make it. Needs `pixelwise[plot]`.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = r'''
# %% [markdown]
# # Semantic segmentation and its data
#
# This page follows the chapter *Semantic Segmentation and the Dataset* of [Dive into Deep Learning](https://d2l.ai/chapter_computer-vision/semantic-segmentation-and-dataset.html)
# with the chapter's own calls, unchanged. What the chapter defines comes from `pixelwise.d2l`; what it takes from MXNet
# comes from `pixelwise.d2l.mxnet`, which is NumPy. In the end, the same in six lines of pixelwise.
#
# It needs pixelwise and matplotlib: `pip install '.[plot]'`.
#
# It runs on a dataset that pixelwise paints, in the layout of Pascal VOC2012. If the environment variable `VOC_DIR`
# names a real `VOCdevkit/VOC2012`, it runs on that.
# %%
import os

import pixelwise as pw
from pixelwise import d2l
from pixelwise.d2l import (
    VOC_CLASSES, SegmentationDataset, VOCSegDataset, build_colormap, colors_to_indices, read_voc_detection_labels,
    read_voc_images, read_voc_seg_labels, segmentation_rand_crop, voc_colormap2label, voc_label_indices, voc_rand_crop,
)
from pixelwise.d2l.mxnet import gluon, np

np.random.seed(0)  # the crops below are the same each time
voc_dir = os.environ.get("VOC_DIR") or pw.sample("pixelwise-demo", count=96)
# %% [markdown]
# ## Three things called segmentation
#
# - **Image segmentation** divides an image into regions whose pixels are alike. It needs no labels, and its regions
#   have no names: an animal with dark ears may become several regions.
# - **Semantic segmentation** gives every pixel a class. Two dogs side by side are one area of "dog".
# - **Instance segmentation** also tells the dogs apart.
#
# The first is computed here from the colors alone: six groups by k-means, each in its mean color. The others are labels
# that come with the data: both chairs have one color as "chair", and two as objects.
# %%
from PIL import Image, ImageFilter

def regions(image, count=6):
    """Groups of pixels of like color, each in its mean color."""
    smooth = Image.fromarray(image).filter(ImageFilter.GaussianBlur(2))
    return np.asarray(smooth.quantize(count, kmeans=20).convert('RGB'))

sample = pw.open(voc_dir)['train'][1]
views = {'picture': sample.image, 'image': regions(sample.image), 'semantic': pw.VOC.decode(sample.label)}
if sample.instances is not None:
    views['instance'] = pw.voc_colormap()[sample.instances]
d2l.show_images(list(views.values()), 1, len(views), titles=list(views), scale=2);
# %% [markdown]
# ## Reading the dataset
#
# The lists of `ImageSets/` say which images belong to a set; images are in `JPEGImages/`, labels in
# `SegmentationClass/`, under the same names. A label is a picture, too: its colors
# are the classes of the pixels.
# %%
image_set = 'Segmentation/train.txt'
images, _ = d2l.read_voc_images(voc_dir, [image_set])
labels = read_voc_seg_labels(voc_dir, image_set)
len(images), images[0].shape, labels[0].shape
# %% [markdown]
# Black is background; a light line around each object marks pixels that count as no class (void).
# %%
n = 5
imgs = images[0:n] + labels[0:n]
d2l.set_figsize()
d2l.show_images(imgs, 2, n);
# %% [markdown]
# ## From colors to classes
#
# A table with an entry for each possible color gives the class of every pixel. Here are the ten rows and columns that
# the chapter prints. On the real VOC2012 they show the nose of an airplane; in the painted image there is only sky.
# %%
y = colors_to_indices(labels[0], build_colormap())
y[105:115, 130:140], d2l.VOC_CLASSES[1]
# %% [markdown]
# And ten rows and columns around the first pixel that is not background:
# %%
top, left = np.argwhere(y)[0]
y[top:top + 10, max(0, left - 5):left + 5]
# %% [markdown]
# The chapter's table has no entry for void, so void becomes background here. `pixelwise.open` keeps it as 255:
# %%
label = pw.open(voc_dir)['train'][0].label
np.unique(y), np.unique(label), f"void: {(label == 255).mean():.1%} of the pixels"
# %% [markdown]
# ## Random crops
#
# Scaling a label would invent classes between classes, so image and label are cropped instead, both in the same place.
# %%
imgs = []
for _ in range(n):
    imgs += segmentation_rand_crop(images[0], labels[0], 200, 300)
d2l.show_images(imgs[::2] + imgs[1::2], 2, n);
# %% [markdown]
# ## A dataset and its batches
#
# Images that are smaller than the crop are left out; how many are left is printed.
# %%
train_ds = SegmentationDataset(images, labels, 320, 480)
train_iter = gluon.data.DataLoader(train_ds, 10)
for x, y in train_iter:
    break
x.shape, y.shape
# %% [markdown]
# All together, for training and for testing. (Without `voc_dir` it downloads VOC2012, as in the chapter: 2 GB.)
# %%
batch_size, height, width = 10, 320, 480
train_iter, test_iter = d2l.load_data_voc_segmentation(batch_size, height, width, voc_dir)
for x, y in train_iter:
    break
x.shape, y.shape, len(train_iter), len(test_iter)
# %% [markdown]
# ## Boxes
#
# The sibling chapter on object detection reads the same files. Each row is a class and the corners of a box.
# %%
if os.path.isdir(os.path.join(voc_dir, 'Annotations')):
    images, image_fns = read_voc_images(voc_dir, ['Segmentation/val.txt'])
    labels = read_voc_detection_labels(voc_dir, image_fns, VOC_CLASSES)
    print(labels[0])
    axes = d2l.show_images(images[:10], 2, 5, scale=2)
    for ax, label in zip(axes, labels[:10]):
        d2l.show_boxes(ax, label[:,1:5], colors=['w'])
# %% [markdown]
# ## The edition that is online today
#
# It has other names, and images are (3, height, width), as torch has them. These are its calls:
# %%
train_features, train_labels = read_voc_images(voc_dir, True)
n = 5
imgs = train_features[:n] + train_labels[:n]
imgs = [img.permute(1,2,0) for img in imgs]
d2l.show_images(imgs, 2, n);
# %%
y = voc_label_indices(train_labels[0], voc_colormap2label())
y[105:115, 130:140], VOC_CLASSES[1]
# %%
imgs = []
for _ in range(n):
    imgs += voc_rand_crop(train_features[0], train_labels[0], 200, 300)

imgs = [img.permute(1, 2, 0) for img in imgs]
d2l.show_images(imgs[::2] + imgs[1::2], 2, n);
# %%
crop_size = (320, 480)
voc_train = VOCSegDataset(True, crop_size, voc_dir)
voc_test = VOCSegDataset(False, crop_size, voc_dir)
# %%
batch_size = 10
train_iter = gluon.data.DataLoader(voc_train, batch_size, shuffle=True,
                                   last_batch='discard',
                                   num_workers=d2l.get_dataloader_workers())
for X, Y in train_iter:
    print(X.shape)
    print(Y.shape)
    break
# %% [markdown]
# ## The same in six lines
#
# Void stays void (255), files are read as they are needed, the order repeats with the seed, and a broken file is an
# error that names it. `small="drop"` leaves out the images that are smaller than the crop, as the chapter does; without
# it a warning says how many they are, and `small="pad"` keeps them.
# %%
voc = pw.open(voc_dir)
loader = pw.Loader(voc["train"], batch_size=10, shuffle=True, drop_last=True, seed=0, small="drop",
                   transforms=[pw.RandomCrop(320, 480), pw.Normalize()])
for batch in loader:
    print(batch.images.shape, batch.labels.shape)
print(loader)
# %%
pw.show(voc["train"], 2, width=900)
'''


def cells(page: str) -> list[tuple[bool, str]]:
    """(whether it is code, source) of each cell."""
    found = []
    for part in page.split("\n# %%")[1:]:
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        found.append((head.strip() != "[markdown]", body.strip("\n")))
    return found


class Runner:
    """Runs code cells one after the other, as a notebook does."""

    def __init__(self) -> None:
        import matplotlib

        matplotlib.use("Agg")
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, source: str) -> list[dict[str, Any]]:
        """The outputs of a cell: what it prints, the value of its last line unless that ends in `;`, its figures."""
        import matplotlib.pyplot as plt

        body, value, printed = ast.parse(source).body, None, io.StringIO()
        with contextlib.redirect_stdout(printed):
            if body and isinstance(body[-1], ast.Expr) and not source.rstrip().endswith(";"):
                last = ast.Expression(body.pop().value)
                exec(compile(ast.Module(body, []), "<cell>", "exec"), self.names)
                value = eval(compile(last, "<cell>", "eval"), self.names)
            else:
                exec(compile(source, "<cell>", "exec"), self.names)
        outputs = []
        if text := printed.getvalue():
            outputs.append({"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)})
        if value is not None:
            outputs.append(display("execute_result", shown(value)))
        for number in plt.get_fignums():
            file = io.BytesIO()
            plt.figure(number).savefig(file, format="png", dpi=96, bbox_inches="tight")
            outputs.append(display("display_data", picture(file.getvalue())))
        plt.close("all")
        return outputs


def display(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """An output that is not a stream."""
    return {"output_type": kind, "data": data, "metadata": {}}


def shown(value: Any) -> dict[str, Any]:
    """A value as a notebook shows it: as its picture if it has one."""
    png = getattr(value, "_repr_png_", None)
    text = {"text/plain": repr(value).splitlines(keepends=True)}
    return text if png is None else {**picture(png()), **text}


def picture(png: bytes) -> dict[str, Any]:
    """A PNG in 256 colors, chosen so that none is far off: a quarter of the bytes."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return {"image/png": base64.b64encode(small.getvalue()).decode()}


def notebook(voc_dir: str | None = None) -> dict[str, Any]:
    """The notebook, executed in a new folder; as JSON of nbformat 4.5."""
    made, count, runner, before = [], 0, Runner(), Path.cwd()
    if voc_dir:
        os.environ["VOC_DIR"] = str(Path(voc_dir).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number, (is_code, source) in enumerate(cells(PAGE)):
                cell: dict[str, Any] = {"cell_type": "code" if is_code else "markdown", "id": f"cell-{number}"}
                cell |= {"metadata": {}, "source": source.splitlines(keepends=True)}
                if is_code:
                    count += 1
                    outputs = runner.run(source)
                    for output in outputs:
                        if output["output_type"] == "execute_result":
                            output["execution_count"] = count
                    cell |= {"execution_count": count, "outputs": outputs}
                made.append(cell)
        finally:
            os.chdir(before)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": made,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "chapter.ipynb")
    parser.add_argument("--voc", help="a real VOCdevkit/VOC2012 instead of the sample dataset")
    args = parser.parse_args()
    made = notebook(args.voc)
    args.output.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{args.output}: {len(made['cells'])} cells, {args.output.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
