"""What the tests of transforms share: samples, plans of them, and the batch that the Renderer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelwise.loading.outputs import Output, image_array, is_packed
from pixelwise.loading.reference import render_plain
from pixelwise.loading.render import Renderer, Slot
from pixelwise.randomness import Draws
from pixelwise.transforms.plans import Plans, Transform, make_plans
from pixelwise.types import Sample

IGNORE = 255
ODD_SIZES = ((37, 50), (1, 1), (1, 9), (8, 1), (2, 3), (61, 23))


def noise(sizes: Sequence[tuple[int, int]], seed: int = 0, dtype: Any = np.uint8) -> list[Sample]:
    """Samples of random pixels; labels in 0..199, or 0..1999 where the dtype holds them."""
    rng = np.random.default_rng(seed)
    top = 200 if np.dtype(dtype).itemsize == 1 else 2000
    return [
        Sample(f"{k}", rng.integers(0, 256, (h, w, 3), np.uint8), rng.integers(0, top, (h, w)).astype(dtype))
        for k, (h, w) in enumerate(sizes)
    ]


def plan(transforms: Sequence[Transform], samples: Sequence[Sample], seed: int = 0) -> Plans:
    """The plans of a batch of these samples."""
    sizes, at = np.array([s.size for s in samples]), np.arange(len(samples))
    return make_plans(transforms, sizes, Draws(seed, 0, at).uniform)


def slot(plans: Plans, output: Output = "float32", label_dtype: Any = np.uint8) -> Slot:
    """Arrays for the plans, full of what no kernel writes."""
    h, w = plans.size.max(axis=0).tolist()
    images = image_array(output, len(plans), h, w)
    images[...] = 77
    return Slot(images, np.full((len(plans), h, w), 77, label_dtype))


def draw(plans: Plans, samples: Sequence[Sample], output: Output = "float32", mapped: bool = False) -> Slot:
    """The batch, from windows only, or from addresses of whole images."""
    dtype = samples[0].label.dtype
    out = slot(plans, output, dtype)
    renderer = Renderer(plans, out, output, IGNORE)
    if mapped:
        images, labels = (np.array([a.ctypes.data for a in arrays]) for arrays in
                          ([s.image for s in samples], [s.label for s in samples]))  # fmt: skip
        renderer.write_mapped(0, len(plans), images, labels, dtype)
        return out
    for k, s in enumerate(samples):
        y0, x0, y1, x1 = renderer.window(k)
        renderer.write(k, Sample(s.name, s.image[y0:y1, x0:x1].copy(), s.label[y0:y1, x0:x1].copy()))
    return out


def planes(out: Slot, k: int, plans: Plans, output: Output | None = None) -> np.ndarray:
    """Image k of the batch as (3, h, w) float64, without the rest of its slot. output: by default as shapes say."""
    h, w = plans.size[k]
    packed = out.images.shape[1:3] == out.labels.shape[1:] != (3, 3) if output is None else is_packed(output)
    image = out.images[k].transpose(2, 0, 1) if packed else out.images[k]
    return image[:, :h, :w].astype(np.float64)


def one(transforms: Sequence[Transform], sample: Sample, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One sample rendered: image (3, h, w) in gray levels as float64, and label."""
    plans = plan(transforms, [sample], seed)
    out = draw(plans, [sample])
    return planes(out, 0, plans) * 255.0, out.labels[0]


def plain(plans: Plans, k: int, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The reference for sample k."""
    return render_plain(sample, plans[k], IGNORE)
