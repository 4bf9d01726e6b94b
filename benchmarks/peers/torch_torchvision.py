"""torch's DataLoader with torchvision's v2 transforms: decode_jpeg to a tv_tensors.Image, a Mask beside it,
two worker processes. torchvision's own JPEG decoder is faster here than Pillow; more workers than cores gain
nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torchvision
from jobs import FLIP, IGNORE, MEAN, SCALE, STD, Data, Job
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

PACKAGES = ("torch", "torchvision", "numpy", "pillow")


class RandomScale(v2.Transform):
    """Scale both by one factor (v2.ScaleJitter and RandomResize draw a target size instead)."""

    def forward(self, image: Any, mask: Any) -> tuple[Any, Any]:
        height, width = mask.shape[-2:]
        scale = float(torch.empty(1).uniform_(*SCALE))
        size = [round(height * scale), round(width * scale)]
        small = v2.functional.resize(mask, size, interpolation=v2.InterpolationMode.NEAREST)
        return v2.functional.resize(image, size, antialias=True), small


class Voc(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, job: Job, data: Data) -> None:
        self.paths = list(zip(data.images(), data.labels(), strict=True))
        crop = (job.height, job.width)
        if job.augment:
            fill = {tv_tensors.Image: job.fill, tv_tensors.Mask: IGNORE}
            steps = [
                RandomScale(),
                v2.RandomCrop(crop, pad_if_needed=True, fill=fill),
                v2.RandomHorizontalFlip(FLIP),
            ]
        else:
            steps = [v2.RandomCrop(crop)]
        if job.jitter:
            steps.append(v2.ColorJitter(job.jitter, job.jitter, job.jitter))
        if job.dtype == "float32":
            steps += [
                v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        self.transform = v2.Compose(steps)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image_path, label_path = self.paths[index]
        encoded = torchvision.io.read_file(image_path)
        image = tv_tensors.Image(torchvision.io.decode_jpeg(encoded, mode=torchvision.io.ImageReadMode.RGB))
        mask = tv_tensors.Mask(torch.from_numpy(np.array(Image.open(label_path))))
        image, mask = self.transform(image, mask)
        return image.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    loader = DataLoader(
        Voc(job, data), job.batch, shuffle=True, drop_last=True, num_workers=threads, persistent_workers=True
    )
    return lambda: loader
