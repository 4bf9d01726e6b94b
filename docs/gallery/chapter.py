"""
Semantic segmentation and its data
==================================

This page follows the chapter *Semantic Segmentation and the Dataset* of `Dive into Deep Learning
<https://d2l.ai/chapter_computer-vision/semantic-segmentation-and-dataset.html>`__. Its functions are in
``pixelwise.d2l`` under the chapter's names, and do what they do there. At the end is the same in six lines of
pixelwise.
"""

# %%
# The data
# --------
#
# The chapter uses Pascal VOC2012, which is 2 GB. Here a small dataset is painted in the same layout; with the real one,
# ``voc_dir`` is the path of ``VOCdevkit/VOC2012``.


import numpy as np

import pixelwise as pw
from pixelwise import d2l

voc_dir = pw.sample("chapter", count=48)
train_features, train_labels = d2l.read_voc_images(voc_dir, True)
len(train_features), train_features[0].shape, train_labels[0].shape

# %%
# Five images and their labels. A label is a picture, too: each class has a color. Black is background; the light line
# around each object marks pixels that count as no class, called void.

n = 5
imgs = [image.permute(1, 2, 0) for image in [*train_features[:n], *train_labels[:n]]]
d2l.show_images(imgs, 2, n)

# %%
# From colors to classes
# ----------------------
#
# A table with an entry for each possible color gives the class of every pixel.

y = d2l.voc_label_indices(train_labels[0], d2l.voc_colormap2label())
top, left = np.argwhere(y)[0]
print(np.asarray(y)[top : top + 6, left - 5 : left + 7], d2l.VOC_CLASSES[int(y.max())])

# %%
# The chapter's table has no entry for void, so void became background, class 0. ``pixelwise.open`` keeps it as 255,
# which every loss and every score leaves out:

label = pw.open(voc_dir)["train"][0].label
print("chapter:", np.unique(y), " pixelwise:", np.unique(label), f" void: {(label == 255).mean():.1%} of the pixels")

# %%
# Crops instead of scaling
# ------------------------
#
# Scaling a label would invent classes between classes. So image and label are cropped, both in the same place.

imgs = []
for _ in range(n):
    imgs += d2l.voc_rand_crop(train_features[0], train_labels[0], 200, 300)
imgs = [image.permute(1, 2, 0) for image in imgs]
d2l.show_images(imgs[::2] + imgs[1::2], 2, n)

# %%
# Batches
# -------

train_iter, test_iter = d2l.load_data_voc(8, (240, 320), voc_dir)
for X, Y in train_iter:
    print(X.shape, Y.shape)
    break

# %%
# The same with pixelwise
# -----------------------
#
# Six lines: labels keep their void, images that are too small are padded instead of left out, and the batches are the
# same for each seed, whatever the number of threads.

voc = pw.open(voc_dir)
transforms = [pw.RandomCrop(240, 320, pad_if_needed=True), pw.RandomHorizontalFlip(), pw.Normalize()]
loader = pw.Loader(voc["train"], 8, transforms, shuffle=True, seed=0)
for images, labels in loader:
    print(images.shape, images.dtype, labels.shape, labels.dtype)
    break

# %%
# Looking at a split is one call; in a notebook it shows itself.

pw.show(voc["train"], 3)
