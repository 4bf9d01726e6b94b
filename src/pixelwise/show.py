"""Looking at samples: a contact sheet of image, label, overlay and instances, with the classes that are
present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from .classes import ClassTable
from .drawing.blocks import STANDARD_WIDTH, Style, stack
from .drawing.legend import legend, percent, shares
from .drawing.page import Picture, page
from .drawing.pixels import colorize, fit, instance_overlay, overlay, same_size, scaled_image, scaled_label
from .drawing.sheets import ROW_GAP, headings, row, tile_width
from .errors import UsageError
from .types import U8, Batch, Sample, Size

Column = Literal["image", "label", "overlay", "instances"]
COLUMNS: tuple[Column, ...] = ("image", "label", "overlay", "instances")


def show(
    data: Any,
    n: int = 5,
    *,
    seed: int | None = None,
    classes: ClassTable | None = None,
    columns: Sequence[Column] | None = None,
    normalize: Any = None,
    title: str | None = None,
    width: int = STANDARD_WIDTH,
) -> Picture:
    """A contact sheet: one row a sample with its image, its label in class colours, and the label over the
    image. data: a split, a dataset (its first split), anything with `len` and `[i]` that gives samples, a
    Sample, or a Batch. n: rows at most. seed: None takes the first n in order; a number takes n by chance,
    the same for the same number. classes: the class table; needed where the data carries none
    (`data.classes`). columns: some of "image", "label", "overlay", "instances"; by default those that the
    samples have. normalize: the `Normalize` (anything with `.mean` and `.std`) to undo on a float batch; by
    default ImageNet's. width: pixels of the page. The picture is displayed by notebooks and has
    `save(path)`. Labels are drawn nearest, in exactly the colours of the table; images larger than their
    place are averaged down. Raises UsageError for an empty choice or a missing class table, PairError where
    image and label differ in size, and what reading a sample raises.
    """
    style = Style(width)
    samples, total, name = _chosen(data, n, seed, normalize)
    table = classes if classes is not None else getattr(data, "classes", None)
    if table is None and any(s.label is not None for s in samples):
        raise UsageError(
            f"a {type(data).__name__} carries no class table",
            code="no-class-table",
            fix="pass classes=dataset.classes",
        )
    chosen = _columns(samples, columns)
    rows = stack((_row(sample, table, chosen, style) for sample in samples), style.px(ROW_GAP))
    body = [headings(chosen, style), rows] if len(chosen) > 1 else [rows]
    if title is None:
        title = name or ("1 sample" if total == 1 else f"{total:,} samples")
    parts = [f"{len(samples):,} of {total:,} samples" + ("" if seed is None else f", chosen by seed {seed}")]
    if table is not None:
        parts.append(f"{len(table)} classes")
    return page(title, "  ·  ".join(parts), body, _footer(table, chosen), style, gap=28)


def _chosen(data: Any, n: int, seed: int | None, normalize: Any) -> tuple[list[Sample], int, str]:
    """The samples to draw, how many there are, and the name of the data."""
    if n < 1:
        raise UsageError(f"n must be at least 1, got {n}", code="bad-argument")
    if isinstance(data, Sample):
        return [data], 1, ""
    name = str(getattr(data, "name", "") or "")
    if hasattr(data, "splits"):
        first = next(iter(data.splits), None)
        if first is None:
            raise UsageError("the dataset has no splits", code="nothing-to-show")
        data = data[first]
        name = " · ".join(part for part in (name, str(first)) if part)
    total = len(data)
    if total == 0:
        raise UsageError("there is no sample to show", code="nothing-to-show")
    indices: Sequence[int] = range(min(n, total))
    if seed is not None:
        indices = np.random.default_rng(seed).choice(total, min(n, total), replace=False).tolist()
    if isinstance(data, Batch):
        return [_from_batch(data, int(i), normalize) for i in indices], total, name
    return [data[int(i)] for i in indices], total, name


# Mean and standard deviation of ImageNet's training images in 0..1, as torchvision and the chapter use them.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _from_batch(batch: Batch, k: int, normalize: Any) -> Sample:
    height, width = (int(v) for v in batch.sizes[k]) if len(batch.sizes) else batch.images.shape[2:]
    image = np.moveaxis(batch.images[k, :, :height, :width], 0, -1)
    if image.dtype != np.uint8:
        mean, std = _IMAGENET if normalize is None else (normalize.mean, normalize.std)
        pixels = (image * np.asarray(std, np.float32) + np.asarray(mean, np.float32)) * 255
        image = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    label = None if batch.labels is None else batch.labels[k, :height, :width]
    return Sample(batch.names[k], np.ascontiguousarray(image), label)


def _columns(samples: Sequence[Sample], columns: Sequence[Column] | None) -> tuple[Column, ...]:
    if columns is not None:
        unknown = [c for c in columns if c not in COLUMNS]
        if unknown or not columns:
            raise UsageError(
                f"no column named {', '.join(map(repr, unknown)) or '(none given)'}",
                code="unknown-column",
                fix=f"choose from {', '.join(COLUMNS)}",
            )
        return tuple(columns)
    labelled = any(s.label is not None for s in samples)
    instances = any(s.instances is not None for s in samples)
    return COLUMNS[: 1 + 2 * labelled] + COLUMNS[3:] * instances


def _row(sample: Sample, table: ClassTable | None, columns: Sequence[Column], style: Style) -> Image.Image:
    image = _checked(sample)
    cell = tile_width(max(2, len(columns)), style)  # a column alone would be enormous
    size = fit(sample.size, (cell, cell))
    tiles = [_tile(sample, image, c, size, table) for c in columns]
    below = None
    if sample.label is not None and table is not None:
        present = [(i, percent(share)) for i, share in shares(sample.label)]
        below = legend(present, table, style, style.inner)
    return row(sample.name, sample.size, tiles, cell, style, below)


def _checked(sample: Sample) -> U8:
    image = np.asarray(sample.image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"an image must be (H, W, 3) uint8, got {image.shape} {image.dtype}",
            code="bad-argument",
            where=sample.name,
        )
    for other in (sample.label, sample.instances):
        if other is not None:
            same_size(image, other, sample.name)
    return image


def _tile(sample: Sample, image: U8, column: Column, size: Size, table: ClassTable | None) -> U8 | None:
    small = scaled_image(image, size)
    if column == "image":
        return small
    if column == "instances":
        void = None if table is None else table.ignore_index
        instances = sample.instances
        return None if instances is None else instance_overlay(small, scaled_label(instances, size), void)
    if sample.label is None or table is None:
        return None
    label = scaled_label(sample.label, size)
    return colorize(label, table) if column == "label" else overlay(small, label, table)


def _footer(table: ClassTable | None, columns: Sequence[Column]) -> str:
    parts = ["pixelwise", "sizes are height x width"]
    if table is not None and table.ignore_index is not None and "overlay" in columns:
        parts.append(f"hatched: void ({table.ignore_index}), pixels without a class")
    return "  ·  ".join(parts)
