"""tf.data. decode_and_crop_jpeg decodes only the window; TensorFlow cannot read palette indices, so labels
are gray PNGs. A fixed number of parallel calls beat AUTOTUNE on two cores, and so did normalizing whole
batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from jobs import FLIP, IGNORE, MEAN, SCALE, STD, Data, Job

PACKAGES = ("tensorflow-cpu", "tensorflow", "numpy")

FACTOR = tf.constant(1 / (255 * np.array(STD, np.float32)))
SHIFT = tf.constant(np.array(MEAN, np.float32) / np.array(STD, np.float32))


def plain_crop(job: Job, jpeg: Any, png: Any) -> tuple[Any, Any]:
    shape = tf.io.extract_jpeg_shape(jpeg)
    y = tf.random.uniform([], 0, shape[0] - job.height + 1, tf.int32)
    x = tf.random.uniform([], 0, shape[1] - job.width + 1, tf.int32)
    window = tf.stack([y, x, job.height, job.width])
    image = tf.image.decode_and_crop_jpeg(jpeg, window, channels=3, dct_method="INTEGER_ACCURATE")
    label = tf.io.decode_png(png, channels=1)[y : y + job.height, x : x + job.width, 0]
    return tf.ensure_shape(image, (job.height, job.width, 3)), tf.ensure_shape(label, (job.height, job.width))


def augmented(job: Job, jpeg: Any, png: Any) -> tuple[Any, Any]:
    shape = tf.io.extract_jpeg_shape(jpeg)
    source = shape[:2]
    size = tf.cast(source, tf.float32)
    scaled = tf.round(size * tf.random.uniform([], *SCALE))
    crop = tf.constant([job.height, job.width], tf.float32)
    corner = tf.floor(tf.random.uniform([2]) * (tf.maximum(scaled - crop, 0.0) + 1))
    factor, shown = scaled / size, tf.minimum(scaled, crop)
    extent = tf.minimum(tf.cast(tf.round(shown / factor), tf.int32), source)
    start = tf.minimum(tf.cast(corner / factor, tf.int32), source - extent)
    window = tf.concat([start, extent], 0)
    image = tf.image.decode_and_crop_jpeg(jpeg, window, channels=3, dct_method="INTEGER_ACCURATE")
    label = tf.slice(tf.io.decode_png(png, channels=1), tf.concat([start, [0]], 0), tf.concat([extent, [1]], 0))
    out = tf.cast(shown, tf.int32)
    image = tf.image.resize(image, out, "bilinear") * FACTOR - SHIFT
    label = tf.image.resize(label, out, "nearest")
    margin = tf.stack([[0, job.height - out[0]], [0, job.width - out[1]], [0, 0]])
    image, label = tf.pad(image, margin), tf.pad(label, margin, constant_values=IGNORE)
    flip = tf.random.uniform([]) < FLIP
    image, label = tf.cond(flip, lambda: (image[:, ::-1], label[:, ::-1]), lambda: (image, label))
    image = tf.ensure_shape(image, (job.height, job.width, 3))
    return tf.transpose(image, (2, 0, 1)), tf.ensure_shape(label, (job.height, job.width, 1))[..., 0]


def normalize(images: Any, labels: Any) -> tuple[Any, Any]:
    planes = tf.cast(tf.transpose(images, (0, 3, 1, 2)), tf.float32)
    return planes * FACTOR[:, None, None] - SHIFT[:, None, None], labels


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    make = augmented if job.augment else plain_crop
    files = tf.data.Dataset.from_tensor_slices((data.images(), data.labels("gray")))
    batches = (
        files.shuffle(len(data.names), reshuffle_each_iteration=True)
        .map(
            lambda image, label: make(job, tf.io.read_file(image), tf.io.read_file(label)),
            num_parallel_calls=threads,
            deterministic=False,
        )
        .batch(job.batch, drop_remainder=True, num_parallel_calls=threads)
    )
    if job.dtype == "float32" and not job.augment:
        batches = batches.map(normalize, num_parallel_calls=threads)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = threads + 1
    options.threading.max_intra_op_parallelism = 1
    return batches.prefetch(2).with_options(options).as_numpy_iterator
