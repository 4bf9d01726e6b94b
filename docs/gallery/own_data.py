"""
Your own data in ten minutes
============================

You have a folder of photographs and a folder of masks. This page goes from there to batches: open, name the classes,
check, look, load.
"""

# %%
# Two folders
# -----------
#
# This makes such data: JPEG images, and PNG masks whose pixels are 0, 1 or 2.

from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise as pw

painted = pw.open(pw.sample("painted", count=32))["trainval"]
person = painted.classes.index("person")
for folder in ("mine/images", "mine/masks"):
    Path(folder).mkdir(parents=True)
for k, sample in enumerate(painted):
    mask = np.where(sample.label == person, 2, (sample.label > 0) & (sample.label < 255)).astype(np.uint8)
    Image.fromarray(sample.image).save(f"mine/images/photo{k:02d}.jpg", quality=92)
    Image.fromarray(mask).save(f"mine/masks/photo{k:02d}.png")

# %%
# Open
# ----
#
# Two folders open without a file that describes them, if their names pair in exactly one way.

dataset = pw.open("mine")
dataset

# %%
# What was assumed is said, once:

for note in dataset.notes:
    print(note)

# %%
# Name the classes
# ----------------
#
# Numbers are poor names. Names in a file beside the data, one per line, are found:

Path("mine/class_names.txt").write_text("nothing\nthing\nperson\n")
dataset = pw.open("mine")
dataset.classes

# %%
# If your masks store other values (0 and 255, colors, numbers with gaps), ``pixelwise init mine`` writes a
# ``pixelwise.toml`` with every stored value counted, in which you fill in what they mean. A value that no class has is
# an error that names the file and the pixel; it is never read as something else.
#
# Check
# -----
#
# One pass finds every problem: files, pairs, labels, duplicates. Here one mask is damaged on purpose.

whole = Path("mine/masks/photo07.png").read_bytes()
Path("mine/masks/photo07.png").write_bytes(whole[: len(whole) // 2])
print(pw.check("mine"))

# %%
# Half a PNG is an error, not a mask whose lower half is class 0. With the file restored:

Path("mine/masks/photo07.png").write_bytes(whole)
print(pw.check("mine").summary)

# %%
# Split and count
# ---------------
#
# Three quarters for training. The parts are drawn by the seed and do not depend on the order of the files.

parts = dataset.split({"train": 0.75, "val": 0.25}, seed=0)
print(pw.stats(parts, splits="train"))

# %%
# Look
# ----
#
# The windows of a few random crops, drawn over the images that they are cut from. Labels are laid over in exactly the
# colors of the class table:

transforms = [pw.RandomScale((0.5, 2.0)), pw.RandomCrop(256, 256, pad_if_needed=True), pw.RandomHorizontalFlip()]
pw.show_plans(parts["train"], transforms, 2)

# %%
# Load
# ----

loader = pw.Loader(parts["train"], 8, [*transforms, pw.Normalize()], shuffle=True, drop_last=True, seed=0)
for images, labels in loader:
    print(images.shape, labels.shape, np.unique(labels))

# %%
# From here: :doc:`train`, all :doc:`/transforms`, and all :doc:`/formats`.
