"""Plans and pixels to batch arrays: the plain path, which is the reference, and the fast ones.

`render_plain` says what a plan means, in float64 and NumPy. `Renderer` writes the same into the slots of a batch by
kernels; tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .transforms import F64, I64, Plans
from .types import Label, Plan, Sample, Window

Output: TypeAlias = Literal["float32", "float16", "uint8", "uint8-hwc"]

FILL = (124, 116, 104)
"""Colour of padding, RGB: ImageNet's mean (0.485, 0.456, 0.406) in 0..255, so that it is about zero once normalised."""


def render_plain(
    sample: Sample, plan: Plan, ignore_index: int, fill: tuple[int, int, int] = FILL
) -> tuple[F64, Label | None]:
    """What `plan` makes of a whole sample: image (3, h, w) float64 with colour applied, and label (h, w).

    An output pixel whose centre falls outside the source gets the fill colour and `ignore_index`. The label is taken
    from the source pixel that holds the centre, the image bilinearly between the four pixel centres around it
    (edge pixels repeat). Slow; it exists to define the fast paths.
    """
    height, width = plan.source
    h, w = plan.size
    (a, b, c), (d, e, f) = plan.matrix
    y, x = np.mgrid[0:h, 0:w] + 0.5
    sx, sy = a * x + b * y + c, d * x + e * y + f
    inside = (sx >= 0) & (sx < width) & (sy >= 0) & (sy < height)
    image = np.where(inside[..., None], _bilinear(sample.image, sx, sy), np.array(fill, np.float64)) / 255.0
    out = image.transpose(2, 0, 1)
    if plan.color is not None:
        matrix = np.array(plan.color)
        out = np.einsum("kc,chw->khw", matrix[:, :3], out) + matrix[:, 3, None, None]
    if sample.label is None:
        return out, None
    label = np.full((h, w), ignore_index, sample.label.dtype)
    label[inside] = sample.label[np.floor(sy[inside]).astype(int), np.floor(sx[inside]).astype(int)]
    return out, label


def _bilinear(image: NDArray[np.uint8], sx: F64, sy: F64) -> F64:
    height, width = image.shape[:2]
    px, py = sx - 0.5, sy - 0.5
    x0, y0 = np.floor(px), np.floor(py)
    fx, fy = (px - x0)[..., None], (py - y0)[..., None]
    xs = [np.clip(x0 + k, 0, width - 1).astype(int) for k in (0, 1)]
    ys = [np.clip(y0 + k, 0, height - 1).astype(int) for k in (0, 1)]
    source = image.astype(np.float64)
    top = source[ys[0], xs[0]] * (1 - fx) + source[ys[0], xs[1]] * fx
    bottom = source[ys[1], xs[0]] * (1 - fx) + source[ys[1], xs[1]] * fx
    return np.asarray(top * (1 - fy) + bottom * fy)


@dataclass(slots=True)
class Slot:
    """The arrays of one batch, written in place. images: (B, 3, H, W) or (B, H, W, 3); labels: (B, H, W) or None."""

    images: NDArray[Any]
    labels: NDArray[Any] | None


class Renderer:
    """Writes the samples of one batch into its slot. Thread-safe: each sample has its own place.

    plans: of the batch. slot: arrays of at least the plans' sizes; what a smaller plan leaves over becomes fill and
    `ignore_index`.
    """

    def __init__(self, plans: Plans, slot: Slot, output: Output, ignore_index: int, fill: tuple[int, int, int] = FILL) -> None:
        self.plans = plans
        self.slot = slot
        self._packed = output == "uint8-hwc"
        self._ignore = None if slot.labels is None else slot.labels.dtype.type(ignore_index)
        color = None if output.startswith("uint8") else plans.folded_color()
        self._prepare_color(color, fill)
        self._jobs = self._table()

    def _prepare_color(self, color: F64 | None, fill: tuple[int, int, int]) -> None:
        n = len(self.plans)
        if self.slot.images.dtype == np.uint8:
            self._fill: NDArray[Any] = np.tile(np.array(fill, np.uint8), (n, 1))
            self._scale = self._bias = None
            return
        if color is None:
            scale, bias = np.full((n, 3), 1 / 255), np.zeros((n, 3))
        else:
            scale, bias = color[:, (0, 1, 2), (0, 1, 2)] / 255.0, color[:, :, 3]
        self._fill = (np.array(fill) * scale + bias).astype(np.float32)
        self._scale, self._bias = scale.astype(np.float32), bias.astype(np.float32)

    def _table(self) -> I64:
        from .kernels import window as w

        plans = self.plans
        jobs = np.zeros((len(plans), w.COLUMNS), np.int64)
        flip = plans.matrix[:, (0, 1), (0, 1)] < 0
        # A mirrored axis starts at its far end: the first source column is where the last output column lies.
        corner = plans.matrix[:, :, 2] - np.where(flip, plans.size[:, ::-1], 0)
        jobs[:, w.X0], jobs[:, w.Y0] = corner[:, 0], corner[:, 1]
        jobs[:, w.OUT_H : w.OUT_W + 1] = plans.size
        jobs[:, w.FLIP_X], jobs[:, w.FLIP_Y] = flip[:, 0], flip[:, 1]
        jobs[:, w.HEIGHT : w.WIDTH + 1] = plans.source
        self._windows = self._read_windows(jobs)
        return jobs

    def _read_windows(self, jobs: I64) -> list[list[int]]:
        from .kernels import window as w

        corner = jobs[:, (w.Y0, w.X0)]
        low = np.clip(corner, 0, self.plans.source)
        high = np.clip(corner + self.plans.size, 0, self.plans.source)
        windows: list[list[int]] = np.concatenate([low, np.maximum(low, high)], axis=1).tolist()
        return windows

    def window(self, k: int) -> Window:
        """The pixels that sample k needs."""
        return Window(*self._windows[k])

    def write(self, k: int, sample: Sample) -> None:
        """Render sample k of the batch from the pixels of `window(k)`."""
        from .kernels import window as w

        y0, x0, y1, x1 = self._windows[k]
        image, label = sample.image, sample.label
        job = self._jobs[k]
        job[w.IMAGE], job[w.IMAGE_STRIDE] = image.__array_interface__["data"][0], image.strides[0]
        job[w.HEIGHT], job[w.WIDTH] = y1 - y0, x1 - x0
        job[w.Y0] -= y0
        job[w.X0] -= x0
        if label is not None:
            job[w.LABEL], job[w.LABEL_STRIDE] = label.__array_interface__["data"][0], label.strides[0]
        self._run(k, k + 1, None if label is None else label.dtype)

    def fill(self, k: int) -> None:
        """Make sample k of the batch nothing but padding: fill colour and `ignore_index`."""
        from .kernels import window as w

        self._jobs[k, w.OUT_H : w.OUT_W + 1] = 0
        self._run(k, k + 1, None if self.slot.labels is None else np.dtype(np.uint8))

    def _run(self, first: int, last: int, label_dtype: Any) -> None:
        from .kernels import window as w

        images, labels = self.slot.images, self.slot.labels
        if self._scale is not None:
            w.render_float(self._jobs, first, last, self._scale, self._bias, self._fill, images)
        elif self._packed:
            w.render_packed(self._jobs, first, last, self._fill, images)
        else:
            w.render_planar(self._jobs, first, last, self._fill, images)
        if labels is not None and label_dtype is not None:
            w.render_label(self._jobs, first, last, _ZEROS[label_dtype], self._ignore, labels)


_ZEROS = {np.dtype(t): np.zeros(1, t) for t in (np.uint8, np.uint16)}
