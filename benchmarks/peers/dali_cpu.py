"""NVIDIA DALI without a GPU. The JPEG decoder decodes only the window's blocks, crop_mirror_normalize does
the rest in one pass.

DALI cannot read palette indices. gray: labels rewritten as gray PNG. npy: as .npy files, of which only the
window is read (faster: its CPU decoder of PNG is slow). One thread more than cores was fastest with PNG, as
many with .npy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from jobs import FLIP, IGNORE, MEAN, SCALE, STD, Data, Job
from nvidia.dali import fn, pipeline_def, types
from nvidia.dali import math as dm

PACKAGES = ("nvidia-dali-cuda120", "numpy")


@pipeline_def
def pipeline(job: Job, images: list[str], labels: list[str], variant: str) -> tuple[Any, Any]:
    # Both readers shuffle after every epoch from the same fixed seed, so pairs stay together.
    reading = {"random_shuffle": False, "shuffle_after_epoch": True, "pad_last_batch": False}
    encoded, _ = fn.readers.file(files=images, name="images", prefetch_queue_depth=2, **reading)
    shape = fn.cast(fn.peek_image_shape(encoded), dtype=types.FLOAT)
    height, width = (fn.slice(shape, axis, 1, axes=[0]) for axis in (0, 1))
    uniform = fn.random.uniform(range=[0.0, 1.0], shape=[2])
    uy, ux = (fn.slice(uniform, axis, 1, axes=[0]) for axis in (0, 1))

    def read_label(start: Any, size: Any) -> Any:
        if variant == "npy":
            return fn.readers.numpy(files=labels, roi_start=start, roi_shape=size, **reading)
        stored, _ = fn.readers.file(files=labels, prefetch_queue_depth=2, **reading)
        return fn.slice(fn.decoders.image(stored, output_type=types.GRAY), start=start, shape=size, axes=[0, 1])

    def read_image(start: Any, size: Any) -> Any:
        return fn.decoders.image_slice(encoded, start=start, shape=size, axes=[0, 1], output_type=types.RGB)

    normal = {
        "dtype": types.FLOAT,
        "output_layout": "CHW",
        "mean": [255 * m for m in MEAN],
        "std": [255 * s for s in STD],
    }
    if not job.augment:
        size = [job.height, job.width]
        y = dm.floor(uy * (height - job.height + 0.9999))
        x = dm.floor(ux * (width - job.width + 0.9999))
        start = fn.cast(fn.cat(y, x), dtype=types.INT32)
        image = read_image(start, size)
        if job.dtype == "float32":
            image = fn.crop_mirror_normalize(image, **normal)
        return image, read_label(start, size)

    # Scale, crop and pad: decode the part of the source that the window shows, resize it, pad at right and
    # bottom.
    scale = fn.random.uniform(range=list(SCALE), shape=[1])
    flip = fn.random.coin_flip(probability=FLIP)
    scaled_h, scaled_w = dm.floor(height * scale + 0.5), dm.floor(width * scale + 0.5)
    out_h, out_w = dm.min(scaled_h, float(job.height)), dm.min(scaled_w, float(job.width))
    fy, fx = scaled_h / height, scaled_w / width
    rows, columns = dm.min(dm.floor(out_h / fy + 0.5), height), dm.min(dm.floor(out_w / fx + 0.5), width)
    top = dm.floor(uy * dm.max(scaled_h - job.height + 0.9999, 0.0))
    left = dm.floor(ux * dm.max(scaled_w - job.width + 0.9999, 0.0))
    y, x = dm.min(dm.floor(top / fy), height - rows), dm.min(dm.floor(left / fx), width - columns)
    start, size = (fn.cast(fn.cat(a, b), dtype=types.INT32) for a, b in ((y, x), (rows, columns)))
    out, corner = (
        fn.cat(out_h, out_w),
        {"crop": (job.height, job.width), "crop_pos_x": 0.0, "crop_pos_y": 0.0},
    )
    image = fn.resize(read_image(start, size), size=out, interp_type=types.INTERP_LINEAR, antialias=False)
    if job.jitter:
        factors = [1 - job.jitter, 1 + job.jitter]
        kinds = ("brightness", "contrast", "saturation")
        image = fn.color_twist(image, **{kind: fn.random.uniform(range=factors) for kind in kinds})
    image = fn.crop_mirror_normalize(
        image, mirror=flip, out_of_bounds_policy="pad", fill_values=[0.0, 0.0, 0.0], **corner, **normal
    )
    stored = read_label(start, size)
    if variant == "npy":  # an array says nothing of its axes
        stored = fn.expand_dims(fn.reinterpret(stored, layout="HW"), axes=[2], new_axis_names="C")
    label = fn.resize(stored, size=out, interp_type=types.INTERP_NN)
    label = fn.crop(label, out_of_bounds_policy="pad", fill_values=[float(IGNORE)], **corner)
    return image, fn.flip(label, horizontal=flip)


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    order = np.random.default_rng(0).permutation(len(data.names))
    images, labels = (
        [paths[i] for i in order] for paths in (data.images(), data.labels("npy" if variant == "npy" else "gray"))
    )
    options = {"batch_size": job.batch, "device_id": None, "prefetch_queue_depth": 2, "seed": 1}
    pipe = pipeline(job, images, labels, variant, num_threads=threads + (variant == "gray"), **options)
    pipe.build()

    def epoch() -> Iterator[tuple[Any, Any]]:
        for _ in range(len(data.names) // job.batch):
            image, label = pipe.run()
            yield np.asarray(image.as_tensor()), np.asarray(label.as_tensor())

    return epoch
