"""
Train a small network
=====================

A few convolutions learn to find things in painted images, in seconds on a CPU. What matters here is what surrounds the
network: batches as tensors, void in the loss, prediction of whole images, and a score.
"""

# %%
# This page needs PyTorch, ``pip install 'pixelwise[torch]'``; without it only the data is made.

from importlib.util import find_spec
from itertools import pairwise

import pixelwise as pw

voc = pw.open(pw.sample("learned", count=48))
HAS_TORCH = find_spec("torch") is not None
print("PyTorch:", "installed" if HAS_TORCH else "not installed, so nothing is trained on this page")

# %%
# Two classes are enough for a small network: a thing, or none. Void stays void.

names = [*voc.classes.names]
voc = voc.merge_classes({"nothing": ["background"], "thing": names[1:]})
voc

# %%
# Batches
# -------
#
# A ``TensorLoader`` gives the batches of a ``Loader`` as tensors, without a copy. Labels are int64, as the loss wants.

transforms = [
    pw.RandomScale((0.15, 0.3)), pw.RandomCrop(80, 80, pad_if_needed=True), pw.RandomHorizontalFlip(), pw.Normalize(),
]  # fmt: skip
loader = pw.Loader(voc["train"], 8, transforms, shuffle=True, drop_last=True, seed=0)
if HAS_TORCH:
    from pixelwise.torch import TensorLoader

    images, labels = next(iter(TensorLoader(loader)))
    print(images.shape, images.dtype, labels.shape, labels.dtype)

# %%
# The network and the loop
# ------------------------
#
# ``ignore_index=255`` leaves void out of the loss: the borders of objects, and what padding added.

if HAS_TORCH:
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)  # layers as small as these gain nothing from more
    widths = [3, 12, 24, 24]
    layers = []
    for dilation, (a, b) in zip((1, 2, 4), pairwise(widths), strict=True):
        layers += [nn.Conv2d(a, b, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(b), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Conv2d(widths[-1], 2, 1))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for epoch in range(6):
        for images, labels in TensorLoader(loader):
            loss = nn.functional.cross_entropy(network(images), labels, ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

# %%
# Predict whole images, and score
# -------------------------------
#
# Each image of the validation split is predicted at its own size: scaled down as in training, cut into windows, scaled
# back. ``predict`` writes one PNG per image; ``score`` reads them, and fails if one is missing.

if HAS_TORCH:
    from pixelwise.torch import as_model

    tiling = pw.Tiling(window=(112, 112), scales=(0.2,))
    pw.predict(as_model(network), voc["val"], "learned/predictions", tiling=tiling, normalize=pw.Normalize())
    result = pw.score("learned/predictions", voc["val"])
    print(result.scores)

# %%
# The worst images come first: where to look when a number disappoints.

result.worst_sheet(3) if HAS_TORCH else None

# %%
# A whole training, with weights, a schedule and 21 classes, is
# ``examples/train_torch.py``: ten minutes on two cores, 66 % mean IoU.
