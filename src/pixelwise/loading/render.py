"""Plans and pixels to batch arrays, by kernels; tests hold them equal to `reference.render_plain`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..transforms.plans import Others, Plans, Relabel, Rendered
from ..types import I64, RADIUS, RGB, U8, Label, Sample, Window
from .buffers import last_level_cache
from .filtering import paint
from .outputs import FROM_PLANES, Output, image_array, is_packed

FILL = (124, 116, 104)
"""Color of padding, RGB: ImageNet's mean (0.485, 0.456, 0.406) in 0..255, so that it is about zero once normalized."""


@dataclass(slots=True)
class Slot:
    """The arrays of one batch, written in place. images: (B, 3, H, W) or (B, H, W, 3); labels: (B, H, W) or None."""

    images: NDArray[Any]
    labels: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Shading:
    """The color of each sample as the kernels take it, in units of the output; see `kernels.shade.shade`.

    trivial: no color but scale and bias. unchanged: levels go out as they come in.
    """

    tones: NDArray[np.float32]
    color: NDArray[np.float32]
    plain: NDArray[np.bool_]
    limits: NDArray[np.float32]
    fill: NDArray[Any]
    trivial: bool
    unchanged: bool


def shading_of(plans: Plans, fill: tuple[int, int, int], whole_levels: bool) -> Shading:
    """The shading of the plans, not to be changed. whole_levels: uint8 output, without normalization; else float."""
    if plans.tone is None and plans.color is None:
        return _without_color(len(plans), plans.normalize, fill, whole_levels)
    return _shading_of(plans, fill, whole_levels)


@lru_cache(maxsize=16)
def _without_color(
    n: int, normalize: tuple[RGB, RGB] | None, fill: tuple[int, int, int], whole_levels: bool
) -> Shading:
    """The shading of n plans that only normalize: it is the same in every batch."""
    plans = Plans(np.ones((n, 2), np.int64))
    plans.normalize = normalize
    return _shading_of(plans, fill, whole_levels)


def _shading_of(plans: Plans, fill: tuple[int, int, int], whole_levels: bool) -> Shading:
    n = len(plans)
    color = plans.color if whole_levels else plans.folded_color()
    clamped = plans.color is not None or plans.tone is not None
    if color is None:
        color = np.tile(np.eye(3, 4), (n, 1, 1))
    limits = plans.limits() if not whole_levels else np.array([[0.0] * 3, [1.0] * 3])
    values = np.tile(np.array(fill) / 255.0, (n, 1)) if plans.tone is None else plans.tone[:, (0, 1, 2), fill]
    padding = np.einsum("nkc,nc->nk", color[:, :, :3], values) + color[:, :, 3]
    if limits is None:
        limits = np.array([[-3e38] * 3, [3e38] * 3])
    else:
        padding = np.clip(padding, limits[0], limits[1])
    plain = ~np.any(color[:, :, :3] * (1 - np.eye(3)), axis=(1, 2))
    color = color.copy()
    if whole_levels:
        color, limits, padding = color * 255.0, limits * 255.0 + 0.5, padding * 255.0 + 0.5
        color[:, :, 3] += 0.5
    tones = np.zeros((n, 0, 257), np.float32)
    if plans.tone is not None:
        tones = np.concatenate([plans.tone, plans.tone[:, :, -1:]], axis=2).astype(np.float32)
    else:
        color[:, :, :3] /= 255.0
    return Shading(
        tones, color.astype(np.float32), plain, np.tile(limits.astype(np.float32), (n, 1, 1)),
        padding.astype(np.uint8 if whole_levels else np.float32), not clamped, whole_levels and not clamped,
    )  # fmt: skip


class Renderer:
    """Writes the samples of one batch into its slot. Thread-safe: each sample has its own place.

    plans: of the batch. slot: arrays of at least the plans' sizes; what a smaller plan leaves over becomes fill and
    `ignore_index`. If the label chooses between windows, plans.matrix has its choice afterwards.
    """

    def __init__(
        self, plans: Plans, slot: Slot, output: Output, ignore_index: int, fill: tuple[int, int, int] = FILL
    ) -> None:
        self.plans = plans
        self.slot = slot
        self._packed = is_packed(output)
        self._from_planes = FROM_PLANES.get(output)
        self.ignore_index = ignore_index
        self._fill = fill
        self._ignore = None if slot.labels is None else slot.labels.dtype.type(ignore_index)
        self._shading = shading_of(plans, fill, output.startswith("uint8"))
        self._matrix = np.ascontiguousarray(plans.matrix.reshape(-1, 6))
        self._needed = _windows(plans)
        self._jobs = self._table()
        self._kinds = set(self._jobs["kind"].tolist())
        self._windows: list[list[int]] = (_read_windows(plans) if plans.stages else self._needed).tolist()

    def _table(self) -> NDArray[Any]:
        plans, images = self.plans, self.slot.images
        jobs = np.zeros(len(plans), kernels.jobs.JOB)
        jobs["height"], jobs["width"] = plans.source.T
        jobs["out_h"], jobs["out_w"] = plans.size.T
        jobs["slot"] = np.arange(len(plans))
        jobs["rows"], jobs["columns"] = images.shape[1:3] if self._packed else images.shape[2:4]
        jobs["low_y"], jobs["low_x"], jobs["high_y"], jobs["high_x"] = self._needed.T
        kernels.place.place(plans.matrix, plans.size, jobs)
        return jobs

    @property
    def windows(self) -> list[list[int]]:
        """Of each sample, the pixels that it needs: (y0, x0, y1, x1)."""
        return self._windows

    def window(self, k: int) -> Window:
        """The pixels that sample k needs."""
        return Window(*self._windows[k])

    def write(self, k: int, sample: Sample) -> None:
        """Render sample k of the batch from the pixels of `window(k)`."""
        y0, x0, _, _ = self._windows[k]
        image, label = sample.image, sample.label
        for stage in range(len(self.plans.stages)):
            image, label = self._staged(stage, k, image, label)
            y0 = x0 = 0
        job = self._jobs[k]
        if image.strides[1:] != (3, 1):
            image = image.copy()
        job["image_stride"] = image.strides[0]
        # The kernels count from pixel (0, 0) of the source, and touch nothing before the window.
        job["image"] = image.__array_interface__["data"][0] - y0 * image.strides[0] - 3 * x0
        if label is not None:
            if label.strides[1] != label.itemsize:
                label = label.copy()
            job["label_stride"] = label.strides[0]
            job["label"] = label.__array_interface__["data"][0] - y0 * label.strides[0] - label.itemsize * x0
        self._run(k, k + 1, None if label is None else label.dtype)

    def _staged(self, stage: int, k: int, image: U8, label: Label | None) -> tuple[U8, Label | None]:
        """The pixels of sample k after a stage: rendered to bytes, then handed to what the stage ends with."""
        plans, step = self.plans.stages[stage]
        room = _room(plans.size[k], label, "uint8-hwc", self.ignore_index)
        one = Renderer(plans.only(k), room, "uint8-hwc", self.ignore_index, self._fill)
        if stage:  # the pixels of a later stage are all there
            one._windows = [[0, 0, *image.shape[:2]]]
        one.write(0, Sample("", image, label))
        return step(k, room.images[0], None if room.labels is None else room.labels[0], self)

    def render(
        self, plans: Plans, k: int, split: Others, position: int, relabel: Relabel | None = None
    ) -> tuple[U8, Label | None]:
        """Read sample `position` of the split and render it by plan k: see `Stage.render`."""
        return render_one(split, position, plans.only(k), self.ignore_index, fill=self._fill, relabel=relabel)

    def write_mapped(
        self, first: int, last: int, images: I64, labels: I64 | None = None, label_dtype: Any = np.uint8
    ) -> None:
        """Render samples first..last of the batch from memory, with few kernel calls, the GIL released.

        images, labels: (last - first,) addresses of the first byte of whole source images, (H, W, 3) uint8 rows
        without gaps, and labels, (H, W) of `label_dtype` (uint8 or uint16); the memory must stay until the call
        returns.
        """
        dtype = None if labels is None else np.dtype(label_dtype)
        if self.plans.stages:
            for k in range(first, last):
                label = None if labels is None or dtype is None else (int(labels[k - first]), dtype)
                self._write_stages(k, int(images[k - first]), label)
            return
        jobs = self._jobs[first:last]
        jobs["image"], jobs["image_stride"] = images, 3 * jobs["width"]
        if labels is not None and dtype is not None:
            jobs["label"], jobs["label_stride"] = labels, dtype.itemsize * jobs["width"]
        self._run(first, last, dtype)

    def _write_stages(self, k: int, image: int, label: tuple[int, np.dtype[Any]] | None) -> None:
        import ctypes

        h, w = self.plans.stages[0][0].source[k].tolist()
        y0, x0, y1, x1 = self._windows[k]

        def seen(address: int, shape: tuple[int, ...], dtype: Any) -> Any:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            memory = (ctypes.c_uint8 * size).from_address(address)
            return np.frombuffer(memory, dtype).reshape(shape)[y0:y1, x0:x1]

        values = None if label is None else seen(label[0], (h, w), label[1])
        self.write(k, Sample("", seen(image, (h, w, 3), np.uint8), values))

    def fill(self, k: int) -> None:
        """Make sample k of the batch nothing but padding: fill color and `ignore_index`."""
        job = self._jobs[k]
        job["out_h"] = job["out_w"] = 0
        job["kind"] = kernels.jobs.COPY
        self._kinds.add(kernels.jobs.COPY)
        self._run_images(k, k + 1)
        if self.slot.labels is not None:
            self.slot.labels[k] = self._ignore

    def _run(self, first: int, last: int, label_dtype: Any) -> None:
        if self.slot.labels is None:
            label_dtype = None
        if label_dtype is not None:
            self._run_labels(first, last, label_dtype)
        if self.plans.options is not None and label_dtype is not None:
            for k in range(first, last):
                self._choose(k, label_dtype)
        self._run_images(first, last)
        if self.plans.after:
            for k in range(first, last):
                rendered = self._rendered(k)
                for step in self.plans.after:
                    step(k, rendered)

    def _choose(self, k: int, label_dtype: Any) -> None:
        """Let the label of sample k, which shows the first option, decide between the options."""
        plans, labels = self.plans, self.slot.labels
        assert plans.options is not None
        assert plans.accept is not None
        assert labels is not None
        h, w = plans.size[k].tolist()
        for option in plans.options[k, 1:]:
            if plans.accept[k](labels[k, :h, :w], self.ignore_index):
                return
            plans.matrix[k] = option
            self._matrix[k] = option.reshape(6)
            kernels.place.place(plans.matrix[k : k + 1], plans.size[k : k + 1], self._jobs[k : k + 1])
            self._kinds.add(int(self._jobs["kind"][k]))
            self._run_labels(k, k + 1, label_dtype)

    def _rendered(self, k: int) -> Rendered:
        images, labels, plans = self.slot.images, self.slot.labels, self.plans
        h, w = plans.size[k].tolist()
        planes = images[k].transpose(2, 0, 1) if self._packed else images[k]
        if images.dtype == np.uint8:
            unit = np.full(3, 255.0)
        else:
            unit = np.ones(3) if plans.normalize is None else 1.0 / np.array(plans.normalize[1])
        label = None if labels is None else labels[k, :h, :w]
        return Rendered(planes[:, :h, :w], label, unit, self._shading.fill[k].astype(np.float64), self.ignore_index)

    def _run_labels(self, first: int, last: int, label_dtype: Any) -> None:
        w, labels, zero = kernels.jobs, self.slot.labels, _ZEROS[label_dtype]
        if w.COPY in self._kinds:
            kernels.copy.render_label(self._jobs, first, last, zero, self._ignore, labels)
        if w.SCALE in self._kinds:
            kernels.scale.scale_label(self._jobs, self._matrix, first, last, zero, self._ignore, labels)
        if w.WARP in self._kinds:
            kernels.warp.warp_label(self._jobs, self._matrix, first, last, zero, self._ignore, labels)

    def _run_images(self, first: int, last: int) -> None:
        images = self.slot.images
        if self._from_planes is None:
            self._paint(self._jobs[first:last], slice(first, last), images, self._packed)
            return
        height, width = images.shape[1:3] if self._packed else images.shape[2:4]
        scratch = np.empty((1, 3, height, width), np.float32)
        for k in range(first, last):
            jobs = self._jobs[k : k + 1].copy()
            jobs["slot"] = 0
            self._paint(jobs, slice(k, k + 1), scratch, packed=False)
            self._from_planes(scratch[0], images[k])

    def _paint(self, jobs: NDArray[Any], these: slice, images: NDArray[Any], packed: bool) -> None:
        p, kinds, n = self._shading, self._kinds, len(jobs)
        matrix, fill = self._matrix[these], p.fill[these]
        planes = images.transpose(0, 3, 1, 2) if packed else images
        # A batch that does not fit into the caches is written past them.
        streaming = images.nbytes > last_level_cache() // 2
        colors = (p.tones[these], p.color[these], p.plain[these], p.limits[these], fill)
        if kernels.jobs.COPY in kinds:
            if p.unchanged and packed:
                kernels.copy.render_packed(jobs, 0, n, fill, streaming, images)
            elif p.unchanged:
                kernels.copy.render_planar(jobs, 0, n, fill, streaming, images)
            elif p.trivial:
                kernels.copy.render_float(jobs, 0, n, p.color[these], fill, streaming, planes)
            else:
                kernels.copy.render_colored(jobs, 0, n, *colors, planes)
        if self.plans.interpolation != "area":
            paint(jobs, matrix, self.plans.interpolation, colors, planes)
            return
        if kernels.jobs.SCALE in kinds:
            kernels.scale.scale_image(jobs, matrix, 0, n, *colors, planes)
        if kernels.jobs.WARP in kinds:
            kernels.warp.warp_image(jobs, matrix, 0, n, *colors, planes)


def render_one(
    split: Others,
    index: int,
    plans: Plans,
    ignore_index: int,
    output: Output = "uint8-hwc",
    *,
    label_dtype: Any = None,
    fill: tuple[int, int, int] = FILL,
    relabel: Relabel | None = None,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Read sample `index` of the split and render it by the only plan of `plans`: image and label of the plan's size.

    label_dtype: of the label; default: one that holds it and `ignore_index`. relabel: makes the label from the whole
    sample.
    """
    window = Window(*_read_windows(plans)[0].tolist())
    if relabel is None:
        sample = split.read(index, window)
    else:
        whole = split.read(index)
        sample = Sample(whole.name, whole.image, relabel(whole)).cut(window)
    room = _room(plans.size[0], sample.label, output, ignore_index, label_dtype)
    Renderer(plans, room, output, ignore_index, fill).write(0, sample)
    return room.images[0], None if room.labels is None else room.labels[0]


def _room(size: I64, label: Label | None, output: Output, ignore_index: int, label_dtype: Any = None) -> Slot:
    """A slot for one sample. By default its label holds `ignore_index`, which may be wider than the label's ids."""
    height, width = size.tolist()
    images = image_array(output, 1, height, width)
    if label is None:
        return Slot(images, None)
    dtype = label_dtype or np.promote_types(label.dtype, np.min_scalar_type(ignore_index))
    return Slot(images, np.empty((1, height, width), dtype))


_ZEROS = {np.dtype(t): np.zeros(1, t) for t in (np.uint8, np.uint16)}


def _read_windows(plans: Plans) -> I64:
    """What is to be read: the windows of the first stage."""
    return _windows(plans.stages[0][0] if plans.stages else plans)


def _windows(plans: Plans) -> I64:
    """`Plan.window` for all plans: (B, 4) int64; if the label chooses between matrices, one around all of them."""
    matrices = plans.matrix[:, None] if plans.options is None else plans.options
    out = np.empty((len(plans), 4), np.int64)
    kernels.place.windows(matrices, plans.size, plans.source, RADIUS[plans.interpolation], out)
    return out
