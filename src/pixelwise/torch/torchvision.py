"""Transforms of torchvision v2 as a step in a list of transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..hints import hinted
from ..transforms.plugin import Apply, Pair
from ..types import U8, Label


@hinted
def from_torchvision(transform: Any, *, p: float = 1.0) -> Apply:
    """A torchvision.transforms.v2 transform, seeded from addressed randomness.

    It gets a tv_tensors.Image and a tv_tensors.Mask, so that it treats the label as one. torch's generator is global:
    it is seeded for the call and set back, one thread at a time.
    """

    def call(image: U8, label: Label | None, seed: int) -> Pair:
        from torchvision import tv_tensors  # type: ignore[import-not-found,unused-ignore]

        picture = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if label is None:
                done, mask = transform(picture), None
            else:
                done, mask = transform(picture, tv_tensors.Mask(torch.from_numpy(label.astype(np.int64))))
        pixels = np.ascontiguousarray(done.numpy().transpose(1, 2, 0))
        return pixels, None if mask is None else mask.numpy()

    return Apply(call, seeded=True, lock=True, name=repr(transform), p=p)
