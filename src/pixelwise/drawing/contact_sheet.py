"""Looking at samples: a contact sheet of images, labels and overlays that names the classes present."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Literal

import numpy as np
from PIL import Image

from ..arguments import is_whole
from ..classes import ClassTable
from ..dataset.splits import Split
from ..errors import UsageError
from ..loading.render import Renderer, Slot
from ..randomness import Draws, check_seed
from ..transforms.plans import Transform, check_transforms, make_plans
from ..types import U8, Batch, Label, Sample
from .blocks import STANDARD_WIDTH, Style, stack
from .legend import legend, percent, shares
from .page import Picture, page
from .pixels import colorize, fit, instance_overlay, overlay, same_size, scaled_image, scaled_label
from .sheets import ROW_GAP, Draw, Planned, headings, plan_sheet, row, tile_width

Column = Literal["image", "label", "overlay", "instances"]
SEPARATOR = "  ·  "


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
    """A contact sheet: one row a sample with its image, its label in class colors, and both laid over.

    data: a split, a dataset (its first split), anything with `len` and `[i]` that gives samples, a Sample, or
    a Batch. n: rows at most. seed: None takes the first n in order; a number takes n by chance, the same ones
    for the same number. classes: the class table; needed where the data carries none (`data.classes`).
    columns: some of "image", "label", "overlay", "instances"; by default the first three, or only the image
    where the first sample has no label. normalize: what to undo on a float batch, `Loader.normalize` or a
    `Normalize`; by default nothing where all values are in 0..1, else ImageNet's mean and deviation. width:
    pixels of the page.

    Notebooks display the picture; `save(path)` writes it. Labels are drawn nearest, in exactly the colors of
    the table; images larger than their place are averaged down. One sample is held at a time. Raises
    UsageError for an empty choice, a missing class table or more rows than a picture holds, PairError where
    image and label differ in size, and what reading a sample raises.
    """
    style = Style(width)
    samples, total, name = _chosen(data, n, seed, normalize)
    first = next(samples)
    table = classes if classes is not None else getattr(data, "classes", None)
    if table is None and first.label is not None:
        raise UsageError(
            f"a {type(data).__name__} carries no class table",
            code="no-class-table",
            fix="pass classes=dataset.classes",
        )
    chosen = _columns(first, columns)
    rows = (_row(sample, table, chosen, style) for sample in chain([first], samples))
    sheet = stack(rows, style.px(ROW_GAP))
    body = [headings(chosen, style), sheet] if len(chosen) > 1 else [sheet]
    facts = [f"{min(n, total):,} of {total:,} samples"] if total > 1 else []
    facts += [] if seed is None else [f"chosen by seed {seed}"]
    facts += [] if table is None else [f"{len(table)} classes"]
    return page(title or name, SEPARATOR.join(facts), body, _footer(table, chosen), style, gap=28)


def show_plans(
    split: Split,
    transforms: Sequence[Transform],
    n: int = 3,
    *,
    draws: int = 4,
    seed: int = 0,
    title: str | None = None,
    width: int = STANDARD_WIDTH,
) -> Picture:
    """What transforms make of samples: each original with the window of every draw, beside what it renders to.

    The draws are those of epochs 0 to draws - 1 of a Loader with this seed; samples are the first n of the split.
    Normalization is left out, labels are laid over. UsageError for an empty split or list of draws.
    """
    check_transforms(transforms)
    if not (is_whole(n) and is_whole(draws)) or min(n, draws, len(split)) < 1:
        raise UsageError("needs a sample and a draw at least", code="nothing-to-show")
    rows = (_planned(split, transforms, i, draws, check_seed(seed)) for i in range(min(n, len(split))))
    facts = f"{min(n, len(split))} samples{SEPARATOR}{draws} draws of seed {seed}"
    table = replace(split.classes, ignore_index=split.classes.padding_index)  # padding is drawn as void
    return plan_sheet(rows, table, title=title or split.name, subtitle=facts, width=width)


def _planned(split: Split, transforms: Sequence[Transform], index: int, draws: int, seed: int) -> Planned:
    sample, at, made = split[index], np.array([index]), []
    for epoch in range(draws):
        plans = make_plans(transforms, split.sizes(at), Draws(seed, epoch, at).uniform, at, split)
        height, width = plans.size[0].tolist()
        labels = None if sample.label is None else np.empty((1, height, width), split.classes.dtype)
        slot = Slot(np.empty((1, height, width, 3), np.uint8), labels)
        renderer = Renderer(plans, slot, "uint8-hwc", split.classes.padding_index)
        renderer.write(0, split.read(index, renderer.window(0)))
        made.append(Draw(np.array(plans[0].corners), slot.images[0], None if slot.labels is None else slot.labels[0]))
    return Planned(sample.name, sample.image, sample.label, made)


def _chosen(data: Any, n: int, seed: int | None, normalize: Any) -> tuple[Iterator[Sample], int, str]:
    """The samples to draw, at least one; how many there are in all; and a title for them."""
    if not is_whole(n) or n < 1 or (seed is not None and (not is_whole(seed) or seed < 0)):
        raise UsageError(f"n is at least 1 and seed at least 0, got {n!r} and {seed!r}")
    if isinstance(data, Sample):
        return iter([_checked(data)]), 1, data.name
    title = str(getattr(data, "name", "Samples"))
    if hasattr(data, "splits"):
        split = next(iter(data.splits), None)
        if split is None:
            raise UsageError("the dataset has no splits", code="nothing-to-show")
        title = f"{data.root.name}{SEPARATOR}{split}"
        data = data[split]
    if isinstance(data, Batch):
        read, title = partial(_of_batch, data, _undoing(data, normalize)), "Batch"
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        read = data.__getitem__
    else:
        raise _not_samples(data)
    total = len(data)
    if total == 0:
        raise UsageError("there is no sample to show", code="nothing-to-show")
    indices: Iterable[int] = range(min(n, total))
    if seed is not None:
        indices = np.random.default_rng(seed).choice(total, min(n, total), replace=False).tolist()
    return (_checked(read(i)) for i in indices), total, title


def _checked(sample: Any) -> Sample:
    if not isinstance(sample, Sample):
        raise _not_samples(sample)
    image = sample.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"an image must be (H, W, 3) uint8, got {image.shape} {image.dtype}",
            where=sample.name,
        )
    for other in (sample.label, sample.instances):
        if other is not None:
            same_size(image, other, sample.name)
    return sample


def _not_samples(data: object) -> UsageError:
    return UsageError(
        f"a {type(data).__name__} is nothing that can be shown",
        fix="pass a split, a dataset, a Sample, a list of Samples or a Batch",
    )


# Mean and standard deviation of ImageNet's training images in 0..1, as torchvision and the chapter use them.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _undoing(batch: Batch, normalize: Any) -> tuple[Any, Any]:
    """Mean and standard deviation that take the pixels of a float batch back to 0..1."""
    if normalize is not None:
        return (normalize.mean, normalize.std) if hasattr(normalize, "mean") else normalize
    if batch.images.dtype == np.uint8 or (batch.images.min() >= 0 and batch.images.max() <= 1):
        return (0, 0, 0), (1, 1, 1)
    return _IMAGENET


def _of_batch(batch: Batch, normalize: tuple[Any, Any], k: int) -> Sample:
    """Sample k of a batch, without its padding."""
    mean, std = (np.asarray(v, np.float32) for v in normalize)
    height, width = (int(v) for v in batch.sizes[k])
    planar = batch.images.shape[1] == 3
    pixels = np.moveaxis(batch.images[k], 0, -1) if planar else batch.images[k]
    image = pixels[:height, :width]
    if image.dtype != np.uint8:
        image = np.clip(np.rint((image * std + mean) * 255), 0, 255).astype(np.uint8)
    label = None if batch.labels is None else batch.labels[k, :height, :width]
    return Sample(batch.names[k], np.ascontiguousarray(image), label)


def _columns(sample: Sample, columns: Sequence[Column] | None) -> tuple[Column, ...]:
    if columns is None:
        return ("image",) if sample.label is None else ("image", "label", "overlay")
    has = {
        "image": True,
        "label": sample.label is not None,
        "overlay": sample.label is not None,
        "instances": sample.instances is not None,
    }
    if not columns or not set(columns) <= set(has):
        raise UsageError(
            f"columns must be some of {', '.join(has)}, got {', '.join(map(repr, columns)) or 'none'}",
            code="unknown-column",
        )
    for column in columns:
        if not has[column]:
            raise UsageError(
                f"the sample has nothing for the column {column!r}", code="unknown-column", where=sample.name
            )
    return tuple(columns)


def _row(sample: Sample, table: ClassTable | None, columns: Sequence[Column], style: Style) -> Image.Image:
    cell = tile_width(max(2, len(columns)), style)  # a column alone would be enormous
    size = fit(sample.size, (cell, cell))
    image = scaled_image(sample.image, size)
    label, instances = (None if ids is None else scaled_label(ids, size) for ids in (sample.label, sample.instances))
    tiles = [_tile(c, image, label, instances, table) for c in columns]
    below = None
    if sample.label is not None and table is not None:
        present = [(i, percent(share)) for i, share in shares(sample.label)]
        below = legend(present, table, style, style.inner)
    return row(sample.name, sample.size, tiles, cell, style, below)


def _tile(
    column: Column, image: U8, label: Label | None, instances: Label | None, table: ClassTable | None
) -> U8 | None:
    if column == "image":
        return image
    if column == "instances" and instances is not None:
        void = np.zeros(instances.shape, bool)
        if label is not None and table is not None and table.ignore_index is not None:
            void = label == table.ignore_index
        return instance_overlay(image, instances, void)
    if column == "instances" or label is None or table is None:
        return None
    return colorize(label, table) if column == "label" else overlay(image, label, table)


def _footer(table: ClassTable | None, columns: Sequence[Column]) -> str:
    parts = ["pixelwise", "sizes are height x width"]
    if table is not None and table.ignore_index is not None and "overlay" in columns:
        parts.append(f"pale: void ({table.ignore_index}), pixels without a class")
    return SEPARATOR.join(parts)
