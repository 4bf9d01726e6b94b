"""pixelwise, from the dataset's own files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jobs import FLIP, SCALE, Data, Job

import pixelwise as pw

PACKAGES = ("pixelwise", "numpy", "numba", "simplejpeg", "zlib-ng")


def transforms(job: Job) -> list[Any]:
    crop = pw.RandomCrop(job.height, job.width, pad_if_needed=job.augment)
    steps: list[Any] = [pw.RandomScale(SCALE), crop, pw.RandomHorizontalFlip(p=FLIP)] if job.augment else [crop]
    if job.jitter:
        steps.append(pw.ColorJitter(job.jitter, job.jitter, job.jitter))
    return [*steps, pw.Normalize(pw.IMAGENET_MEAN, pw.IMAGENET_STD)] if job.dtype == "float32" else steps


def batches(job: Job, split: Any, threads: int) -> Callable[[], Iterable[tuple[Any, Any]]]:
    """Epochs of the job from a split of any dataset."""
    loader = pw.Loader(
        split,
        batch_size=job.batch,
        shuffle=True,
        drop_last=True,
        seed=0,
        threads=threads,
        transforms=transforms(job),
        output="uint8-hwc" if job.dtype == "uint8" else "float32",
        small="drop",
    )

    def epoch() -> Iterator[tuple[Any, Any]]:
        for batch in loader:
            yield batch.images, batch.labels

    return epoch


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    if job.number == 5:
        from pixelwise import d2l

        train, _ = d2l.load_data_voc_segmentation(job.batch, job.height, job.width, voc_dir=str(data.root))
        return lambda: train
    return batches(job, pw.open(data.root)["train"], threads)
