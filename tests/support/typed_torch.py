"""The loop of training with torch, as the type checkers read it."""

from __future__ import annotations

import torch
import torch.nn.functional as F

import pixelwise as pw
from pixelwise.torch import TensorLoader


def train(net: torch.nn.Module, loader: pw.Loader) -> float:
    total = 0.0
    for images, labels in TensorLoader(loader, "cpu"):
        loss = F.cross_entropy(net(images), labels, ignore_index=255)
        total += float(loss)
    return total
