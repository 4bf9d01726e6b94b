"""Contact sheets: rows of images, labels and overlays that name the classes present, and plans."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from ..arguments import as_array, as_bytes, as_ids, check_count, check_seed
from ..classes import ClassTable
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import UsageError
from ..formats.given import Data, SplitNames, as_dataset, as_split
from ..hints import hinted
from ..loading.batch import Batch
from ..loading.left_out import fitting
from ..loading.render import render_one
from ..randomness import Draws
from ..transforms.color import IMAGENET_MEAN, IMAGENET_STD, as_normalize
from ..transforms.plans import Transform, check_transforms, make_plans
from ..types import U8, Label, Sample
from .blocks import stack
from .legend import legend, percent, shares
from .page import Picture, page
from .pixels import colorize, fit, instance_overlay, overlay, same_size, scaled_image, scaled_label, void_in
from .sheets import ROW_GAP, Planned, Rendering, headings, plan_sheet, row, tile_width
from .typesetting import STANDARD_WIDTH, Style

Column = Literal["image", "label", "overlay", "instances"]
SEPARATOR = "  ·  "


@hinted
def show(
    data: Data | Sample | Batch | Sequence[Sample],
    n: int = 5,
    *,
    splits: SplitNames = None,
    seed: int | None = None,
    classes: ClassTable | None = None,
    columns: Sequence[Column] | None = None,
    normalize: Any = None,
    title: str | None = None,
    width: int = STANDARD_WIDTH,
    **options: Any,
) -> Picture:
    """A contact sheet: one row per sample with its image, its label in class colors, and both laid over.

        >>> import numpy as np, pixelwise as pw
        >>> sample = pw.Sample("a", np.zeros((375, 500, 3), np.uint8), np.zeros((375, 500), np.uint8))
        >>> pw.show(sample, classes=pw.VOC).size
        (803, 1666)

    data: a Split, a Dataset or the path of one (`options` are those of `pixelwise.open`), a Sample, a sequence of them,
    or a Batch. n: rows at most. splits: the name or names of the splits to show; by default the first. seed: None takes
    the first n samples; a number takes n at random, reproducibly. classes: the class table; needed if the data has none
    (`data.classes`). columns: some of "image", "label", "overlay", "instances"; by default the first three, or only the
    image if the first sample has no label. normalize: what to undo on a float batch, `Loader.normalize` or a
    `Normalize`; by default nothing if all values are in 0..1, else ImageNet's mean and deviation. width: of the page
    in pixels.

    Notebooks display the picture; `save(path)` writes it. Labels are drawn nearest, in exactly the colors of the table;
    images larger than their cell are averaged down. One sample is held at a time. Raises UsageError for an empty
    choice, a missing class table or more rows than a picture holds, PairError if image and label differ in size, and
    what reading a sample raises.
    """
    style = Style(width)
    read, total, name, table = _shown(data, splits, normalize, options)
    table = table if classes is None else classes
    void = None if table is None else table.ignore_index
    samples = (_checked(read(i), void) for i in _positions(total, n, seed))
    first = next(samples)
    if table is None and first.label is not None:
        message = f"a {type(data).__name__} has no class table"
        raise UsageError(message, code="no-class-table", fix="pass classes=dataset.classes")
    chosen = _columns(first, columns)
    sheet = stack((_row(sample, table, chosen, style) for sample in chain([first], samples)), style.px(ROW_GAP))
    body = [headings(chosen, style), sheet] if len(chosen) > 1 else [sheet]
    facts = [f"{min(n, total):,} of {total:,} samples"] if total > 1 else []
    facts += [] if seed is None else [f"chosen by seed {seed}"]
    facts += [] if table is None else [f"{len(table)} classes"]
    return page(title or name, SEPARATOR.join(facts), body, _footer(table, chosen), style, gap=28)


@hinted
def show_plans(
    data: Data,
    transforms: Sequence[Transform],
    n: int = 5,
    *,
    draws: int = 4,
    splits: SplitNames = None,
    seed: int | None = None,
    title: str | None = None,
    width: int = STANDARD_WIDTH,
    **options: Any,
) -> Picture:
    """What transforms make of samples: each original with the window of every draw, beside its renderings.

    data, n, splits, seed, width, options: as in `show`. draws: how many renderings of each sample, those of epochs 0 to
    draws - 1 of a Loader with this seed (0 for None).

    Normalization is left out; labels are laid over. UsageError `nothing-to-show` for an empty split.
    """
    check_transforms(transforms)
    check_count("draws", draws)
    split, name = _split_of(data, splits, options, "show_plans")
    chosen = np.array(_positions(len(split), n, seed))
    kept = fitting(split.select(chosen), transforms, "warn")  # a Loader would not make anything of the others
    chosen = chosen if kept is None else chosen[kept]
    rows = (_planned(split, transforms, i, draws, seed or 0) for i in chosen.tolist())
    facts = f"{len(chosen):,} of {len(split):,} samples{SEPARATOR}{draws} draws of seed {seed or 0}"
    table = replace(split.classes, ignore_index=split.classes.padding_index)  # padding is drawn as void
    return plan_sheet(rows, table, title=title or name, subtitle=facts, width=width)


def _planned(split: Split, transforms: Sequence[Transform], index: int, draws: int, seed: int) -> Planned:
    sample, at, made = split[index], np.array([index]), []
    for epoch in range(draws):
        plans = make_plans(transforms, split.sizes(at), Draws(seed, epoch, at).uniform, at, split)
        image, label = render_one(split, index, plans, split.classes.padding_index)
        made.append(Rendering(np.array(plans[0].corners), image, label))
    return Planned(sample.name, sample.image, sample.label, made)


def _positions(total: int, n: int, seed: int | None) -> list[int]:
    """The first n positions of `total`, or n at random without repeats."""
    count = min(check_count("n", n), total)
    if total == 0:
        raise UsageError("no sample to show", code="nothing-to-show")
    if seed is None:
        return list(range(count))
    return list(map(int, np.random.default_rng(check_seed(seed)).choice(total, count, replace=False)))


def _split_of(data: Data, splits: SplitNames, options: dict[str, Any], verb: str) -> tuple[Split, str]:
    """The split to show, and a title for it."""
    dataset = as_dataset(data, verb=verb, **options)
    split = as_split(dataset, splits, verb=verb)
    return split, f"{dataset.root.name}{SEPARATOR}{split.name}" if dataset.root.name else split.name


class _Shown(NamedTuple):
    """What is shown: read(i) gives sample i of `total`, `title` names them, `classes` is their class table."""

    read: Callable[[int], Any]
    total: int
    title: str
    classes: ClassTable | None


def _shown(data: Any, splits: SplitNames, normalize: Any, options: dict[str, Any]) -> _Shown:
    if isinstance(data, (Dataset, Split, str, os.PathLike)):
        split, title = _split_of(data, splits, options, "show")
        return _Shown(split.__getitem__, len(split), title, split.classes)
    if splits is not None or options:
        given = ", ".join([*(["splits"] if splits is not None else []), *options])
        raise UsageError(f"show() takes {given} only with a path or a Dataset, got a {type(data).__name__}")
    if isinstance(data, Sample):
        return _Shown([data].__getitem__, 1, data.name, None)
    if isinstance(data, Batch):
        return _Shown(samples_of(data, normalize), len(data), "Batch", data.classes)
    if isinstance(data, Mapping) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise _not_samples(data)
    title = str(getattr(data, "name", "Samples"))
    return _Shown(data.__getitem__, len(data), title, getattr(data, "classes", None))


def _checked(sample: Any, void: int | None) -> Sample:
    if not isinstance(sample, Sample):
        raise _not_samples(sample)
    image = as_bytes("image", sample.image, "(H, W, 3)")
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        what = f"an image must be (H, W, 3) uint8, got {image.shape} {image.dtype}"
        raise UsageError(what, code="bad-array", where=sample.name)
    label = None if sample.label is None else as_ids("label", sample.label, void=void)
    instances = None if sample.instances is None else as_ids("instances", sample.instances, void=0)  # 0: no object
    for other in (label, instances):
        if other is not None:
            same_size(image, other, sample.name)
    return replace(sample, image=image, label=label, instances=instances)


def _not_samples(data: object) -> UsageError:
    fix = "pass a path, a Dataset, a Split, a Sample, a list of Samples or a Batch"
    return UsageError(f"cannot show a {type(data).__name__}", fix=fix)


def samples_of(batch: Batch, normalize: Any = None) -> Callable[[int], Sample]:
    """What gives sample k of a batch, without its padding. normalize: as in `show`."""
    labels = None if batch.labels is None else as_ids("labels", batch.labels)
    batch = replace(batch, images=as_array("images", batch.images), labels=labels)
    return partial(_of_batch, batch, _undoing(batch, normalize))


def _undoing(batch: Batch, normalize: Any) -> tuple[Any, Any]:
    """Mean and standard deviation that take the pixels of a float batch back to 0..1."""
    found = as_normalize(normalize)
    if found is not None:
        return found.mean, found.std
    if batch.images.dtype == np.uint8 or (batch.images.min() >= 0 and batch.images.max() <= 1):
        return (0, 0, 0), (1, 1, 1)
    return IMAGENET_MEAN, IMAGENET_STD


def _of_batch(batch: Batch, normalize: tuple[Any, Any], k: int) -> Sample:
    """Sample k of a batch, without its padding."""
    mean, std = (np.asarray(v, np.float32) for v in normalize)
    height, width = (int(v) for v in batch.sizes[k])
    packed = batch.images.shape[1:3] == tuple(batch.sizes.max(axis=0))
    pixels = batch.images[k] if packed else batch.images[k].transpose(1, 2, 0)
    image = pixels[:height, :width]
    if image.dtype != np.uint8:
        image = np.clip(np.rint((image * std + mean) * 255), 0, 255).astype(np.uint8)
    label = None if batch.labels is None else batch.labels[k, :height, :width]
    return Sample(batch.names[k], np.ascontiguousarray(image), label)


def _columns(sample: Sample, columns: Sequence[Column] | None) -> tuple[Column, ...]:
    if columns is None:
        return ("image",) if sample.label is None else ("image", "label", "overlay")
    drawn_from: dict[Column, Any] = {
        "image": sample.image, "label": sample.label, "overlay": sample.label, "instances": sample.instances,
    }  # fmt: skip
    if not columns or not set(columns) <= set(drawn_from):
        message = f"columns must be some of {', '.join(drawn_from)}, got {', '.join(map(repr, columns)) or 'none'}"
        raise UsageError(message, code="unknown-column")
    for column in columns:
        if drawn_from[column] is None:
            message = f"the sample has no pixels for the column {column!r}"
            raise UsageError(message, code="unknown-column", where=sample.name)
    return tuple(columns)


def _row(sample: Sample, table: ClassTable | None, columns: Sequence[Column], style: Style) -> Image.Image:
    cell = tile_width(len(columns), style)
    size = fit(sample.size, (cell, cell))
    image = scaled_image(sample.image, size)
    label, instances = (None if ids is None else scaled_label(ids, size) for ids in (sample.label, sample.instances))
    tiles = [_tile(c, image, label, instances, table) for c in columns]
    below = None
    if sample.label is not None and table is not None:
        present = [(i, percent(share)) for i, share in shares(sample.label)]
        below = legend(present, table, style, style.inner)
    return row(sample.name, sample.size, tiles, style, below)


def _tile(
    column: Column, image: U8, label: Label | None, instances: Label | None, table: ClassTable | None
) -> U8 | None:
    if column == "image":
        return image
    if column == "instances":
        if instances is None:
            return None
        void = void_in(instances, None) if label is None or table is None else void_in(label, table.ignore_index)
        return instance_overlay(image, instances, void)
    if label is None or table is None:
        return None
    return colorize(label, table) if column == "label" else overlay(image, label, table)


def _footer(table: ClassTable | None, columns: Sequence[Column]) -> str:
    parts = ["pixelwise", "sizes are height x width"]
    if table is not None and table.ignore_index is not None and "overlay" in columns:
        parts.append("pale in the overlay: void, pixels without a class")
    return SEPARATOR.join(parts)
