"""Google's Grain: a MapDataset, shuffled and repeated, read by threads (its worker processes are slower here:
batches cross a process border), simplejpeg as decoder, batches normalized into memory that is used again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import grain
import numpy as np
import simplejpeg
from jobs import Data, Job
from PIL import Image

from .color import Ring, normalize
from .geometry import cut

PACKAGES = ("grain", "simplejpeg", "opencv-python-headless", "numpy", "pillow")
cv2.setNumThreads(0)


class Paths:
    """Grain's random access source: (image path, label path)."""

    def __init__(self, data: Data) -> None:
        self._paths = list(zip(data.images(), data.labels(), strict=True))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[str, str]:
        return self._paths[index]


class Load(grain.transforms.RandomMap):
    def __init__(self, job: Job) -> None:
        self.job = job

    def random_map(self, element: tuple[str, str], rng: np.random.Generator) -> tuple[Any, Any]:
        with open(element[0], "rb") as file:
            image = simplejpeg.decode_jpeg(file.read(), "RGB")
        return cut(self.job, image, np.asarray(Image.open(element[1])), rng.random(4))


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    planar = job.dtype == "float32"
    shape = (job.batch, 3, job.height, job.width) if planar else (job.batch, job.height, job.width, 3)
    ring = Ring(5, shape, job.dtype)

    def collate(elements: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        images = ring.take()
        labels = np.empty((len(elements), job.height, job.width), np.uint8)
        for k, (window, label) in enumerate(elements):
            if planar:
                normalize(window, images[k])
            else:
                images[k] = window
            labels[k] = label
        return images, labels

    samples = grain.MapDataset.source(Paths(data)).seed(0).shuffle().repeat().random_map(Load(job))
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * job.batch)
    stream = iter(samples.to_iter_dataset(options).batch(job.batch, drop_remainder=True, batch_fn=collate))

    def epoch() -> Iterator[tuple[Any, Any]]:
        for _ in range(len(data.names) // job.batch):
            yield next(stream)

    return epoch
