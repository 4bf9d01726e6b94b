"""FFCV. It has no mask field and no crop shared by two fields, so the labels are an NDArrayField padded to
the largest image, and image and label decoder draw the same window by hashing the batch's order.

jpg: the dataset's own JPEG bytes. raw: pixels. fused: pixels, with crop and normalization in one decoder
written by hand, which is the most that FFCV's users can do. All compile for 10 to 25 s before the first
batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np
from ffcv.fields import NDArrayField, RGBImageField
from ffcv.fields.ndarray import NDArrayDecoder
from ffcv.fields.rgb_image import ResizedCropRGBImageDecoder
from ffcv.libffcv import imdecode, resize_crop
from ffcv.loader import Loader, OrderOption
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.compiler import Compiler
from ffcv.pipeline.operation import Operation
from ffcv.reader import Reader
from ffcv.transforms import ToTensor
from ffcv.writer import DatasetWriter
from jobs import FLIP, IGNORE, MEAN, SCALE, STD, Data, Job
from PIL import Image

PACKAGES = ("ffcv", "torch", "numba", "numpy", "opencv-python-headless")
JPEG = 0  # FFCV's code for "stored as JPEG"
cv2.setNumThreads(1)

S0, S1, S2 = (np.float32(1 / (255 * s)) for s in STD)
B0, B1, B2 = (np.float32(-m / s) for m, s in zip(MEAN, STD, strict=True))


# -- writing -------------------------------------------------------------------------------------------------


def beton(data: Data, variant: str) -> Path:
    return data.derived / ("jpg.beton" if variant == "jpg" else "raw.beton")


def keep_jpeg(destination: Any, item: tuple[bytes, int, int], malloc: Callable[[int], tuple[int, Any]]) -> None:
    """In place of RGBImageField.encode: the file's bytes as they are, not compressed a second time."""
    encoded, destination["height"], destination["width"] = item
    destination["mode"] = JPEG
    destination["data_ptr"], storage = malloc(len(encoded))
    storage[:] = np.frombuffer(encoded, np.uint8)


class Samples:
    def __init__(self, data: Data, variant: str) -> None:
        self.paths, self.area = list(zip(data.images(), data.labels(), strict=True)), data.largest
        self.as_jpeg = variant == "jpg"

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image_path, label_path = self.paths[index]
        label = np.array(Image.open(label_path))
        padded = np.full(self.area, IGNORE, np.uint8)
        padded[: label.shape[0], : label.shape[1]] = label
        if self.as_jpeg:
            return (Path(image_path).read_bytes(), *label.shape), padded
        return np.asarray(Image.open(image_path).convert("RGB")), padded


def prepare(job: Job, data: Data, variant: str) -> None:
    path = beton(data, variant)
    if path.exists():
        return
    image = RGBImageField(write_mode="raw")
    if variant == "jpg":
        image.encode = keep_jpeg
    data.derived.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    fields = {"image": image, "label": NDArrayField(np.dtype("u1"), data.largest)}
    DatasetWriter(str(part), fields, num_workers=1).from_indexed_dataset(Samples(data, variant))
    os.replace(part, path)


# -- the window that image and label share -------------------------------------------------------------------


@numba.njit(inline="always")
def mixed(a: Any, b: Any) -> Any:
    """64 well mixed bits of two numbers (the finalizer of splitmix64)."""
    x = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) ^ (np.uint64(b) + np.uint64(0x7F4A7C15)) * np.uint64(
        0xBF58476D1CE4E5B9
    )
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(inline="always")
def uniform(indices: Any, k: Any, draw: Any) -> Any:
    """The draw-th number in [0, 1) of sample k of a batch with these indices; both decoders get the same
    one."""
    batch = mixed(indices[0] * 131071 + indices[1], indices[len(indices) - 1])
    return np.float64(mixed(mixed(batch, indices[k]), draw) >> np.uint64(11)) / 9007199254740992.0


@numba.njit(inline="always")
def corner(indices: Any, k: Any, height: Any, width: Any, out_h: Any, out_w: Any) -> Any:
    """Top left of a random crop."""
    return int(uniform(indices, k, 1) * (height - out_h + 1)), int(uniform(indices, k, 2) * (width - out_w + 1))


@numba.njit(inline="always")
def scaled_window(indices: Any, k: Any, height: Any, width: Any, out_h: Any, out_w: Any) -> Any:
    """A random scale before a padded crop: top, left, rows and columns of the source that show, the rows and columns
    that they become, and the flip."""
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * uniform(indices, k, 3)
    scaled_h, scaled_w = int(height * scale + 0.5), int(width * scale + 0.5)
    step_y, step_x = height / scaled_h, width / scaled_w
    rows, columns = min(scaled_h, out_h), min(scaled_w, out_w)
    rows_in, columns_in = min(int(rows * step_y + 0.5), height), min(int(columns * step_x + 0.5), width)
    y = min(int(int(uniform(indices, k, 1) * (max(scaled_h - out_h, 0) + 1)) * step_y), height - rows_in)
    x = min(int(int(uniform(indices, k, 2) * (max(scaled_w - out_w, 0) + 1)) * step_x), width - columns_in)
    return y, x, rows_in, columns_in, rows, columns, uniform(indices, k, 4) < FLIP


# -- decoders ------------------------------------------------------------------------------------------------


class CropImage(ResizedCropRGBImageDecoder):  # type: ignore[misc]
    """Decode, then cut the window; with `augment` resize it by FFCV's own function (OpenCV's INTER_AREA), pad and
    flip."""

    get_crop_generator = None  # abstract in FFCV, used by its own generate_code only

    def __init__(self, job: Job) -> None:
        super().__init__((job.height, job.width))
        self.job = job

    def declare_state_and_memory(self, previous: Any) -> Any:
        state, (out, scratch) = super().declare_state_and_memory(previous)
        resized = AllocationQuery((self.job.height * self.job.width * 3,), np.dtype("u1"))
        return state, (out, scratch, resized)

    def generate_code(self) -> Callable[..., Any]:
        read, each = self.memory_read, Compiler.get_iterator()
        decode_jpeg = Compiler.compile(imdecode)
        resize = Compiler.compile(resize_crop)
        augment, out_h, out_w = self.job.augment, self.job.height, self.job.width

        def decode(indices: Any, buffers: Any, metadata: Any, state: Any) -> Any:
            out, scratch, resized = buffers
            for k in each(len(indices)):
                field = metadata[indices[k]]
                stored = read(field["data_ptr"], state)
                height, width = np.uint32(field["height"]), np.uint32(field["width"])
                if field["mode"] == JPEG:
                    pixels = scratch[k]
                    decode_jpeg(stored, pixels, height, width, height, width, 0, 0, 1, 1, False, False)
                    source = pixels.reshape(-1)[: 3 * height * width].reshape(height, width, 3)
                else:
                    source = stored.reshape(height, width, 3)
                if not augment:
                    plain_image(indices, k, source, out[k])
                    continue
                y, x, rows_in, columns_in, rows, columns, flip = scaled_window(
                    indices, k, np.int64(height), np.int64(width), out_h, out_w
                )
                if rows == out_h and columns == out_w and not flip:
                    resize(source, y, y + rows_in, x, x + columns_in, out[k])
                    continue
                window = resized[k][: 3 * rows * columns].reshape(rows, columns, 3)
                resize(source, y, y + rows_in, x, x + columns_in, window)
                placed(window, flip, out[k])
            return out[: len(indices)]

        decode.is_parallel = True  # type: ignore[attr-defined]
        return decode


class CropNormalized(CropImage):
    """The same from raw pixels straight to normalized float32 planes."""

    def declare_state_and_memory(self, previous: Any) -> Any:
        state, (_, scratch, _) = super().declare_state_and_memory(previous)
        shape = (3, self.job.height, self.job.width)
        return replace(state, shape=shape, dtype=np.dtype("float32")), (
            AllocationQuery(shape, np.dtype("float32")),
            scratch,
        )

    def generate_code(self) -> Callable[..., Any]:
        read, each = self.memory_read, Compiler.get_iterator()
        out_h, out_w = self.job.height, self.job.width

        def decode(indices: Any, buffers: Any, metadata: Any, state: Any) -> Any:
            out, _ = buffers
            for k in each(len(indices)):
                field = metadata[indices[k]]
                height, width = np.uint32(field["height"]), np.uint32(field["width"])
                source = read(field["data_ptr"], state).reshape(height, width, 3)
                y, x = corner(indices, k, np.int64(height), np.int64(width), out_h, out_w)
                planes(source[y : y + out_h, x : x + out_w], out[k])
            return out[: len(indices)]

        decode.is_parallel = True  # type: ignore[attr-defined]
        return decode


class NormaliseImage(Operation):  # type: ignore[misc]
    """uint8 (H, W, 3) to normalized float32 (3, H, W) in one pass; FFCV's own NormalizeImage gives
    channels-last."""

    def declare_state_and_memory(self, previous: Any) -> Any:
        height, width, _ = previous.shape
        shape = (3, height, width)
        state = replace(previous, jit_mode=True, shape=shape, dtype=np.dtype("float32"))
        return state, AllocationQuery(shape, np.dtype("float32"))

    def generate_code(self) -> Callable[..., Any]:
        each = Compiler.get_iterator()

        def run(images: Any, out: Any) -> Any:
            for k in each(images.shape[0]):
                planes(images[k], out[k])
            return out[: images.shape[0]]

        run.is_parallel = True  # type: ignore[attr-defined]
        return run


class CropLabel(NDArrayDecoder):  # type: ignore[misc]
    """The window of the padded label that CropImage cuts from the image."""

    def __init__(self, job: Job, sizes: Any) -> None:
        super().__init__()
        self.job, self.sizes = job, sizes

    def declare_state_and_memory(self, previous: Any) -> Any:
        shape = (self.job.height, self.job.width)
        state = replace(previous, jit_mode=True, shape=shape, dtype=np.dtype("u1"))
        return state, AllocationQuery(shape, np.dtype("u1"))

    def generate_code(self) -> Callable[..., Any]:
        read, each, sizes = self.memory_read, Compiler.get_iterator(), self.sizes
        area_h, area_w = self.field.shape
        place = augmented_label if self.job.augment else plain_label

        def decode(indices: Any, out: Any, metadata: Any, state: Any) -> Any:
            for k in each(indices.shape[0]):
                sample = indices[k]
                source = read(metadata[sample], state).reshape(area_h, area_w)
                place(indices, k, source, sizes[sample, 0], sizes[sample, 1], out[k])
            return out[: indices.shape[0]]

        decode.is_parallel = True  # type: ignore[attr-defined]
        return decode


@numba.njit
def planes(window: Any, out: Any) -> None:
    for y in range(window.shape[0]):
        for x in range(window.shape[1]):
            out[0, y, x] = np.float32(window[y, x, 0]) * S0 + B0
            out[1, y, x] = np.float32(window[y, x, 1]) * S1 + B1
            out[2, y, x] = np.float32(window[y, x, 2]) * S2 + B2


@numba.njit
def plain_image(indices: Any, k: Any, source: Any, out: Any) -> None:
    y, x = corner(indices, k, source.shape[0], source.shape[1], out.shape[0], out.shape[1])
    out[:] = source[y : y + out.shape[0], x : x + out.shape[1]]


@numba.njit
def placed(window: Any, flip: Any, out: Any) -> None:
    """The window at the top left, mirrored if `flip`, on padding."""
    rows, columns = window.shape[0], window.shape[1]
    if rows < out.shape[0] or columns < out.shape[1]:
        out[:, :, 0], out[:, :, 1], out[:, :, 2] = 124, 116, 104
    for i in range(rows):
        for j in range(columns):
            at = out.shape[1] - 1 - j if flip else j
            out[i, at, 0], out[i, at, 1], out[i, at, 2] = window[i, j, 0], window[i, j, 1], window[i, j, 2]


@numba.njit
def plain_label(indices: Any, k: Any, source: Any, height: Any, width: Any, out: Any) -> None:
    y, x = corner(indices, k, height, width, out.shape[0], out.shape[1])
    out[:] = source[y : y + out.shape[0], x : x + out.shape[1]]


@numba.njit
def augmented_label(indices: Any, k: Any, source: Any, height: Any, width: Any, out: Any) -> None:
    y, x, rows_in, columns_in, rows, columns, flip = scaled_window(
        indices, k, height, width, out.shape[0], out.shape[1]
    )
    out[:] = IGNORE
    step_y, step_x = rows_in / rows, columns_in / columns
    for i in range(rows):
        line = source[y + int((i + 0.5) * step_y)]
        for j in range(columns):
            out[i, out.shape[1] - 1 - j if flip else j] = line[x + int((j + 0.5) * step_x)]


# -- loading -------------------------------------------------------------------------------------------------


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    path = str(beton(data, variant))
    stored = Reader(path).metadata["f0"]
    sizes = np.stack([stored["height"], stored["width"]], axis=1).astype(np.int64)
    if variant == "fused":
        steps = [CropNormalized(job), ToTensor()]
    elif job.dtype == "float32":
        steps = [CropImage(job), NormaliseImage(), ToTensor()]
    else:
        steps = [CropImage(job), ToTensor()]
    loader = Loader(
        path,
        batch_size=job.batch,
        num_workers=threads,
        order=OrderOption.RANDOM,
        os_cache=True,
        drop_last=True,
        batches_ahead=2,
        pipelines={"image": steps, "label": [CropLabel(job, sizes), ToTensor()]},
    )
    return lambda: loader
