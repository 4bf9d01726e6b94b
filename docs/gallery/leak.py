"""
A leak, found
=============

If images of the validation split are in the training split, the score measures memory. Here is such a dataset, what the
leak is worth to a model that only memorizes, and how ``check`` finds it.
"""

# %%
# A dataset with a leak
# ---------------------
#
# Three images get into ``val`` that are in ``train``, as happens when datasets are put together: one by its name, one
# as a copy under another name, one made smaller and saved again.

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise as pw

root = Path(pw.sample("leaking", count=40))
names = pw.open(root)["train"].names


def copy(name: str, new: str, factor: float) -> None:
    for folder, suffix, how in (("JPEGImages", "jpg", "LANCZOS"), ("SegmentationClass", "png", "NEAREST")):
        old, made = root / folder / f"{name}.{suffix}", root / folder / f"{new}.{suffix}"
        if factor == 1:
            shutil.copy(old, made)
        else:
            picture = Image.open(old)
            size = (round(picture.width * factor), round(picture.height * factor))
            picture.resize(size, Image.Resampling[how]).save(made)


copy(names[0], "2026_900001", 1)
copy(names[4], "2026_900002", 0.75)
with open(root / "ImageSets/Segmentation/val.txt", "a") as file:
    file.write(f"{names[2]}\n2026_900001\n2026_900002\n")

# %%
# A model that memorizes
# ----------------------
#
# It learns nothing: for each image it looks for the most similar image of ``train``, and answers with that one's label.


def thumbnail(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((16, 16)), float)


def score_of_memory(train: pw.Split, val: pw.Split) -> float:
    known = [(thumbnail(s.image), s.label) for s in train]
    confusion = pw.Confusion(train.classes)
    for sample in val:
        seen = thumbnail(sample.image)
        label = min(known, key=lambda one: float(((one[0] - seen) ** 2).sum()))[1]
        guess = Image.fromarray(np.where(label == 255, 0, label).astype(np.uint8))
        confusion.update(np.asarray(guess.resize(sample.label.shape[::-1], Image.Resampling.NEAREST)), sample.label)
    return 100 * confusion.scores("voc").miou


voc = pw.open(root)
clean = voc["val"][:-3]
print(f"with the leak:    {score_of_memory(voc['train'], voc['val']):5.1f} % mean IoU")
print(f"without the leak: {score_of_memory(voc['train'], clean):5.1f} % mean IoU")

# %%
# Found in one pass
# -----------------
#
# ``check`` compares names, pixels, and how images look (by hashes that survive scaling and compression).

findings = pw.check(root)
print(findings)

# %%
# Each finding has a code, so that a program can act on it; the command line, ``pixelwise check PATH``, exits with 1.

for finding in findings:
    if finding.code in ("id-in-several-splits", "duplicate-image", "near-duplicate"):
        print(finding.code, "→", finding.where)

# %%
# The pictures agree: each pair is one image.

pairs = [(names[0], "2026_900001"), (names[4], "2026_900002")]
samples = [sample for pair in pairs for sample in (voc["train"][pair[0]], voc["val"][pair[1]])]
pw.show(samples, classes=voc.classes, columns=["image", "overlay"])
