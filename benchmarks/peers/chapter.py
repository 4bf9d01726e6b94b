"""The textbook chapter's own way (Dive into Deep Learning, "Semantic Segmentation and the Dataset"), ported
to PyTorch's DataLoader: every image is read, decoded and normalized to float32 before the first batch, labels
are kept as RGB and looked up in a table of 16,777,216 entries after the crop. The variant is the number of
workers.

As in the chapter the test set is read too (job 5), the void color becomes background, small images are
dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jobs import MEAN, STD, Data, Job
from PIL import Image
from torch.utils.data import DataLoader, Dataset

PACKAGES = ("torch", "numpy", "pillow")


def colormap_table() -> torch.Tensor:
    """Class of every 24-bit color; 0 for the unknown ones, as in the chapter."""
    table = torch.zeros(256**3, dtype=torch.long)
    for index in range(21):
        r, g, b = (sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3))
        table[(r * 256 + g) * 256 + b] = index
    return table


class VocInMemory(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images normalized as (3, H, W) float32, labels as (H, W, 3) uint8, all of them in memory."""

    def __init__(self, root: Path, names: Iterable[str], height: int, width: int, table: torch.Tensor) -> None:
        self.size, self.table = (height, width), table
        mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
        images = [np.asarray(Image.open(root / f"JPEGImages/{n}.jpg").convert("RGB")) for n in names]
        labels = [np.asarray(Image.open(root / f"SegmentationClass/{n}.png").convert("RGB")) for n in names]
        large = [k for k, image in enumerate(images) if image.shape[0] >= height and image.shape[1] >= width]
        self.features = [
            torch.from_numpy(
                np.ascontiguousarray(((images[k].astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1))
            )
            for k in large
        ]
        self.labels = [torch.from_numpy(labels[k].copy()) for k in large]

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = self.size
        feature, label = self.features[index], self.labels[index]
        y = int(torch.randint(0, feature.shape[1] - height + 1, (1,)))
        x = int(torch.randint(0, feature.shape[2] - width + 1, (1,)))
        colors = label[y : y + height, x : x + width].to(torch.long)
        keys = (colors[..., 0] * 256 + colors[..., 1]) * 256 + colors[..., 2]
        return feature[:, y : y + height, x : x + width], self.table[keys]


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    workers, table = int(variant), colormap_table()
    options: dict[str, Any] = {
        "batch_size": job.batch,
        "num_workers": workers,
        "persistent_workers": workers > 0,
    }
    train = VocInMemory(data.root, data.names, job.height, job.width, table)
    loader = DataLoader(train, shuffle=True, drop_last=True, **options)
    if job.number == 5:  # load_data_voc_segmentation returns both iterators
        names = (data.root / "ImageSets/Segmentation/val.txt").read_text().split()
        test = VocInMemory(data.root, names, job.height, job.width, table)
        held = DataLoader(test, drop_last=True, **options)
        return lambda keep=held: loader  # type: ignore[misc]
    return lambda: loader
