"""DeviceLoader: all pixels of a split in the memory of a device, and batches rendered there.

The plans are those of the Loader, made on the CPU; a batch of them is a few small arrays that are copied over.
Rendering is gathers from one flat tensor of bytes, with coordinates in float64: with float32, or by `grid_sample`,
labels go wrong at the borders of classes. It has not been run on a GPU yet; the same code on the CPU is tested against
`render_plain`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
import torch

from ..dataset.splits import Split
from ..errors import DataError, UsageError
from ..hints import hinted
from ..loading.loader import Loader
from ..threads import in_order
from ..transforms.filters import weight
from ..transforms.plans import Plans
from ..types import I64, RADIUS, Interpolation, Sample
from .loader import TensorBatch


@hinted
class DeviceLoader:
    """A Loader whose batches are rendered on `device`, from pixels that are all there.

        loader = pixelwise.Loader(pack["train"], 32, transforms, shuffle=True, drop_last=True)
        for images, labels in DeviceLoader(loader, "cuda"): ...

    The batches are those of the Loader: images within 1e-5, labels equal. Every sample of the split is read once, when
    the DeviceLoader is made; from then on nothing is read or copied but plans. dtype: of the images. label_dtype: of
    the labels, torch.int64 as the losses want it. limit: bytes that the pixels may take; by default what is free on
    the device. Iterating, `len`, `state_dict` and `load_state_dict` are as in Loader.

    UsageError `too-large`, with both sizes, if the pixels do not fit; `bad-transforms` for a transform that is neither
    geometry nor color: Mosaic, CutMix, CopyPaste, Apply, RandomErasing, blur, noise, `max_class_ratio`. A TensorLoader
    takes those.
    """

    def __init__(
        self,
        loader: Loader,
        device: Any = "cuda",
        *,
        dtype: torch.dtype = torch.float32,
        label_dtype: torch.dtype = torch.int64,
        limit: int | None = None,
    ) -> None:
        if not isinstance(loader, Loader):
            raise UsageError(f"a DeviceLoader takes a Loader, got {type(loader).__name__}")
        self.loader: Loader = loader
        self.device: torch.device = torch.device(device)
        self.dtype: torch.dtype = dtype
        self.label_dtype: torch.dtype = label_dtype
        self._pixels = _Pixels(loader, self.device, limit)

    def __len__(self) -> int:
        return len(self.loader)

    def __repr__(self) -> str:
        return f"DeviceLoader({self.loader!r}, {self._pixels.bytes.numel() / 1e9:.2f} GB on {self.device})"

    def state_dict(self) -> dict[str, Any]:
        """As Loader.state_dict."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As Loader.load_state_dict."""
        self.loader.load_state_dict(state)

    def __iter__(self) -> Iterator[TensorBatch]:
        names = self.loader.split.names
        for indices, real, plans in self.loader.plans():
            _check(plans)
            images, labels = self._pixels.render(indices, plans, self.dtype)
            there = self._pixels.there[indices]
            rest = (torch.from_numpy(array) for array in (indices, plans.size, real & there))
            yield TensorBatch(
                images, None if labels is None else labels.to(self.label_dtype),
                tuple(names[i] for i in indices.tolist()), *rest,
            )  # fmt: skip


def _check(plans: Plans) -> None:
    if plans.stages or plans.after or plans.options is not None:
        what = "a DeviceLoader renders geometry and color only"
        fix = "leave out transforms that change or choose by pixels, or use a TensorLoader"
        raise UsageError(what, code="bad-transforms", fix=fix)


class _Pixels:
    """The images and labels of a split as one flat tensor of bytes, and where each sample lies in it.

    there: (n,) bool, False for a sample that could not be read and that the Loader skips.
    """

    def __init__(self, loader: Loader, device: torch.device, limit: int | None) -> None:
        split = loader.split
        self.fill, self.ignore_index = loader.fill, loader.ignore_index
        self.width = np.dtype(split.classes.dtype).itemsize if split.has_labels else 0
        sizes = split.sizes()
        area = sizes[:, 0] * sizes[:, 1]
        ends = np.cumsum(area * (3 + self.width))
        starts = ends - area * (3 + self.width)
        total = int(ends[-1]) if len(ends) else 0
        room = _free(device) if limit is None else limit
        if total > room:
            what = f"the pixels of {split.name!r} take {total / 1e9:.2f} GB, {device} has room for {room / 1e9:.2f} GB"
            raise UsageError(what, code="too-large", fix="use a TensorLoader, which keeps a few batches there")
        self.there = np.ones(len(split), bool)
        memory = np.empty(total, np.uint8)
        read = _Read(split, loader.on_error == "skip")
        for i, sample in enumerate(in_order(read, range(len(split)), loader.threads)):
            if isinstance(sample, DataError):
                self.there[i] = False
                loader.skipped.append((split.names[i], str(sample)))
                continue
            at, n = int(starts[i]), int(area[i])
            memory[at : at + 3 * n] = sample.image.reshape(-1)
            if sample.label is not None:
                stored = np.ascontiguousarray(sample.label, split.classes.dtype).reshape(-1)
                memory[at + 3 * n : at + (3 + self.width) * n] = stored.view(np.uint8)
        self.bytes = torch.from_numpy(memory).to(device)
        self.sizes, self.starts = (torch.from_numpy(v).to(device) for v in (sizes, starts))

    def render(
        self, indices: I64, plans: Plans, dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The batch: images (B, 3, H, W), labels (B, H, W) or None; what plans leave over is fill and ignore_index."""
        device = self.bytes.device
        rows = torch.from_numpy(indices).to(device)
        height, width = self.sizes[rows, 0].view(-1, 1, 1), self.sizes[rows, 1].view(-1, 1, 1)
        start = self.starts[rows].view(-1, 1, 1)
        sx, sy, shown = _points(plans, device)
        there = torch.from_numpy(self.there[indices]).to(device).view(-1, 1, 1)
        inside = shown & there & (sx >= 0) & (sx < width) & (sy >= 0) & (sy < height)
        labels = None
        if self.width:
            x, y = _clamped(sx.floor(), width), _clamped(sy.floor(), height)
            at = start + 3 * height * width + self.width * (y * width + x)
            found = self.bytes[at].to(torch.int32)
            if self.width == 2:
                found += self.bytes[at + 1].to(torch.int32) << 8
            labels = torch.where(inside, found, torch.tensor(self.ignore_index, dtype=torch.int32, device=device))
        levels = self._averaged(plans, sx, sy, start, height, width)
        fill = torch.tensor(self.fill, dtype=torch.float32, device=device).view(1, 3, 1, 1)
        levels = torch.where(inside[:, None], levels, fill)
        return _shaded(levels, plans).to(dtype), labels

    def _averaged(
        self, plans: Plans, sx: torch.Tensor, sy: torch.Tensor, start: torch.Tensor, height: torch.Tensor,
        width: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """(B, 3, H, W) float32: the weighted mean of each channel around each point, 0..255."""
        device = self.bytes.device
        boxes = np.maximum(np.hypot(plans.matrix[:, :, 0], plans.matrix[:, :, 1]), 1.0)  # (across, down)
        out = torch.zeros(1, device=device)
        how = plans.interpolation
        for y, down in _taps(sy, boxes[:, 1], height, how):
            for x, across in _taps(sx, boxes[:, 0], width, how):
                at = start + 3 * (y * width + x)
                share = (down * across).to(torch.float32)[:, None]
                pixel = torch.stack([self.bytes[at + c] for c in range(3)], 1).to(torch.float32)
                out = out + pixel * share
        return out.clamp(0, 255)


class _Read:
    """Reads a sample; if it is to be skipped, a DataError is the result."""

    def __init__(self, split: Split, skip: bool) -> None:
        self.split, self.skip = split, skip

    def __call__(self, index: int) -> Sample | DataError:
        try:
            return self.split.read(index)
        except DataError as error:
            if not self.skip:
                raise
            return error


def _free(device: torch.device) -> int:
    """Bytes that are free on the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1 << 62


def _points(plans: Plans, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The source points of the output pixels, x and y float64 that broadcast to (B, H, W), as `render_plain` computes
    them; and whether a pixel belongs to its plan.
    """
    h, w = plans.size.max(axis=0).tolist()
    matrix = torch.from_numpy(plans.matrix).to(device)
    a, b, c, d, e, f = (v.view(-1, 1, 1) for v in matrix.reshape(-1, 6).unbind(1))
    x = torch.arange(w, dtype=torch.float64, device=device).view(1, 1, -1) + 0.5
    y = torch.arange(h, dtype=torch.float64, device=device).view(1, -1, 1) + 0.5
    straight = not plans.matrix[:, (0, 1), (1, 0)].any()  # then rows and columns are few numbers, not a plane of them
    sx = a * x + c if straight else a * x + b * y + c
    sy = e * y + f if straight else d * x + e * y + f
    size = torch.from_numpy(plans.size).to(device)
    return sx, sy, (x < size[:, 1].view(-1, 1, 1)) & (y < size[:, 0].view(-1, 1, 1))


def _clamped(values: torch.Tensor, extent: torch.Tensor) -> torch.Tensor:
    """Whole numbers in 0..extent - 1."""
    return torch.minimum(values.long().clamp(min=0), extent - 1)


def _taps(
    s: torch.Tensor, sides: Any, extent: torch.Tensor, interpolation: Interpolation
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """For each pixel that an output pixel of `sides` at s can touch: its index, and its share."""
    side = torch.from_numpy(sides).to(s.device).view(-1, 1, 1)
    if interpolation != "area":
        yield from _filtered(s, side, float(sides.max()), extent, interpolation)
        return
    left, right = s - side / 2, s + side / 2
    for t in range(ceil(float(sides.max())) + 1):
        x = left.floor() + t
        share = (torch.minimum(x + 1, right) - torch.maximum(x, left)).clamp(min=0) / side
        yield _clamped(x, extent), share


def _filtered(
    s: torch.Tensor, side: torch.Tensor, longest: float, extent: torch.Tensor, interpolation: Interpolation
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """As `reference._weights`."""
    first = (s - RADIUS[interpolation] * side).floor()

    def share(t: int) -> torch.Tensor:
        x = first + t
        found: torch.Tensor = weight(interpolation, (x + 0.5 - s).abs() / side) * ((x >= 0) & (x < extent))
        return found

    number = ceil(2 * RADIUS[interpolation] * longest) + 2
    total = torch.zeros_like(s)
    for t in range(number):
        total = total + share(t)
    total = torch.where(total == 0, 1.0, total)
    for t in range(number):
        yield _clamped(first + t, extent), share(t) / total


def _shaded(levels: torch.Tensor, plans: Plans) -> torch.Tensor:
    """Tone curve, color matrix and clamp of each plan, float32; without any of them, levels / 255."""
    device = levels.device

    def on_device(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(device)

    out = levels / 255
    if plans.tone is not None:
        tone = on_device(plans.tone)
        low = levels.floor().clamp(0, 254).long()
        share = levels - low
        flat = low.flatten(2)
        first = torch.gather(tone, 2, flat).view_as(levels)
        second = torch.gather(tone, 2, flat + 1).view_as(levels)
        out = first * (1 - share) + second * share
    color, limits = plans.folded_color(), plans.limits()
    if color is not None:
        matrix = on_device(color)
        out = torch.einsum("bkc,bchw->bkhw", matrix[:, :, :3], out) + matrix[:, :, 3, None, None]
    if limits is not None:
        low, high = on_device(limits).unbind(0)
        out = torch.minimum(torch.maximum(out, low.view(1, 3, 1, 1)), high.view(1, 3, 1, 1))
    return out
