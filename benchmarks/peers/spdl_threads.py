"""Meta's SPDL: a pipeline of threads. Whole batches are the unit of work (one task loads 32 samples into
batch memory that is used again), which was faster than a stage that loads samples followed by one that
collates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np
import simplejpeg
from jobs import Data, Job
from PIL import Image
from spdl.pipeline import PipelineBuilder

from .color import Ring, normalize
from .geometry import cut

PACKAGES = ("spdl", "simplejpeg", "opencv-python-headless", "numpy", "pillow")
cv2.setNumThreads(0)


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    paths = list(zip(data.images(), data.labels(), strict=True))
    planar = job.dtype == "float32"
    shape = (job.batch, 3, job.height, job.width) if planar else (job.batch, job.height, job.width, 3)
    rng, ring = np.random.default_rng(0), Ring(8, shape, job.dtype)

    class Source:
        def __iter__(self) -> Iterator[tuple[str, str, Any]]:
            for index in rng.permutation(len(paths)):
                yield (*paths[index], rng.random(4))

    def make_batch(samples: list[tuple[str, str, Any]]) -> tuple[Any, Any]:
        images = ring.take()
        labels = np.empty((len(samples), job.height, job.width), np.uint8)
        for k, (image_path, label_path, uniform) in enumerate(samples):
            with open(image_path, "rb") as file:
                image = simplejpeg.decode_jpeg(file.read(), "RGB")
            window, labels[k] = cut(job, image, np.asarray(Image.open(label_path)), uniform)
            if planar:
                normalize(window, images[k])
            else:
                images[k] = window
        return images, labels

    def epoch() -> Iterator[tuple[Any, Any]]:
        pipeline = (
            PipelineBuilder()
            .add_source(Source())
            .aggregate(job.batch, drop_last=True)
            .pipe(make_batch, concurrency=threads, output_order="completion")
            .add_sink(2)
            .build(num_threads=threads + 1)
        )
        with pipeline.auto_stop():
            yield from pipeline

    return epoch
