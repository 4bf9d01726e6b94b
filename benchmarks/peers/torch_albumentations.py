"""torch's DataLoader, OpenCV's decoder and Albumentations, two worker processes.

plain: as its documentation shows it, normalization in the worker. tuned: workers send uint8, which is a
quarter of the bytes, and the main process normalizes into batch memory that is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import albumentations as A  # its documentation's name for it
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from jobs import FLIP, IGNORE, MEAN, SCALE, STD, Data, Job
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from .color import Ring, normalize

PACKAGES = ("torch", "albumentations", "opencv-python-headless", "numpy", "pillow")
cv2.setNumThreads(0)


class Voc(Dataset[tuple[Any, Any]]):
    def __init__(self, job: Job, data: Data, *, normalized: bool, chw: bool) -> None:
        self.paths = list(zip(data.images(), data.labels(), strict=True))
        steps: list[Any] = [A.RandomCrop(job.height, job.width)]
        if job.augment:
            limits = (SCALE[0] - 1, SCALE[1] - 1)
            steps = [
                A.RandomScale(limits, p=1, interpolation=cv2.INTER_LINEAR, mask_interpolation=cv2.INTER_NEAREST),
                A.PadIfNeeded(job.height, job.width, border_mode=cv2.BORDER_CONSTANT, fill=job.fill, fill_mask=IGNORE),
                *steps,
                A.HorizontalFlip(p=FLIP),
            ]
        if job.jitter:
            factors = (1 - job.jitter, 1 + job.jitter)
            steps.append(A.ColorJitter(factors, factors, factors, (0, 0), p=1))
        steps += [A.Normalize(MEAN, STD)] * normalized + [ToTensorV2()] * chw
        self.chw, self.transform = chw, A.Compose(steps)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image_path, label_path = self.paths[index]
        image = cv2.imread(image_path, cv2.IMREAD_COLOR_RGB)
        label = np.array(Image.open(label_path))  # OpenCV cannot read palette indices
        done = self.transform(image=image, mask=label)
        if self.chw:
            return done["image"], done["mask"]
        return torch.from_numpy(np.ascontiguousarray(done["image"])), torch.from_numpy(
            np.ascontiguousarray(done["mask"])
        )


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    late = variant == "tuned"
    dataset = Voc(job, data, normalized=job.dtype == "float32" and not late, chw=job.dtype == "float32" and not late)
    loader = DataLoader(dataset, job.batch, shuffle=True, drop_last=True, num_workers=threads, persistent_workers=True)
    if not late:
        return lambda: loader
    ring = Ring(3, (job.batch, 3, job.height, job.width), np.float32)

    def epoch() -> Iterator[tuple[Any, Any]]:
        for images, labels in loader:
            out = ring.take()
            for k, window in enumerate(images.numpy()):
                normalize(window, out[k])
            yield torch.from_numpy(out), labels

    return epoch
