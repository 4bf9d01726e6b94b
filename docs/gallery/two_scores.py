"""
Why two mean IoUs differ
========================

Two papers report the mean IoU of one model on one dataset, and the numbers differ. Usually nobody made a mistake: "mean
IoU" is a family of formulas. This page computes many of them from the same predictions.
"""

# %%
# Predictions
# -----------
#
# As a model, something that is wrong in known ways: objects come out shifted by six pixels, small ones are missed, and
# one class is sometimes predicted where there is none.

from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise as pw

voc = pw.open(pw.sample("scored", count=24))
val = voc["val"]
Path("scored/predictions").mkdir()
for k, sample in enumerate(val):
    guess = np.roll(np.where(sample.label == 255, 0, sample.label), 6, axis=1)
    for c in np.unique(guess):
        if (guess == c).mean() < 0.02:
            guess[guess == c] = 0
    if k % 4 == 0:
        guess[:40, :40] = voc.classes.index("cow")
    Image.fromarray(guess.astype(np.uint8)).save(f"scored/predictions/{sample.name}.png")

# %%
# One folder, all protocols
# -------------------------
#
# The confusion matrix is exact integers. A protocol says what is read from it.

result = pw.score("scored/predictions", val)
print(pw.compare_protocols(result.confusion))

# %%
# What makes the difference
# -------------------------
#
# **Which classes are averaged.** A class that occurs neither in the truth nor in the predictions has no IoU: 0
# divided by 0. Some protocols leave it out, some count it as 0 or as 1; some leave out a class that is only predicted.
# On a small validation set this alone moves the mean by many points.
#
# **What is averaged.** The official codes add up the pixels of all images first, and divide once. Averaging over images
# gives small images the same weight as large ones, and a class weight only where it occurs. These are the rows
# ``per-image...`` of the table.
#
# **Void.** Pixels that are void in the truth are not scored. Who reads the labels so that void becomes background, as a
# common loader does, scores the borders of all objects, too:

wrong = pw.Confusion(len(voc.classes), None)
for sample in val:
    guess = np.asarray(Image.open(f"scored/predictions/{sample.name}.png"))
    wrong.update(guess, np.where(sample.label == 255, 0, sample.label))
whole = result.scores.miou
print(f"void left out: {100 * whole:.2f} %   void read as background: {100 * wrong.scores('voc').miou:.2f} %")

# %%
# **Resized labels.** Scores at half the size are another number again: labels were thinned, and predictions with them.

half = pw.Confusion(voc.classes)
for sample in val:
    guess = np.asarray(Image.open(f"scored/predictions/{sample.name}.png"))
    half.update(guess[::2, ::2], sample.label[::2, ::2])
print(f"at half size: {100 * half.scores('voc').miou:.2f} %")

# %%
# The matrix itself
# -----------------
#
# So report the protocol with the number, and keep the matrix: every score above can be computed from it later.

result.plot()
