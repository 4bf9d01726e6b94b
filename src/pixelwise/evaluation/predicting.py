"""Predicting whole images: any model, whole or by sliding window, at the image's own size.

    pixelwise.predict(model, voc["val"], out="predictions", window=(512, 512), normalize=pixelwise.Normalize())

tiles: what is cut and how it counts. mosaic: tiles become class ids, strip by strip. folder: what was predicted
before. This module: batches of tiles from several images through the model.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset.splits import Split
from ..errors import UsageError
from ..loading.render import Renderer, Slot
from ..metrics.confusion import Confusion
from ..threads import default_threads, in_order, thread_count
from ..transforms.color import Normalize
from ..transforms.plans import Plans
from ..types import Label, Progress, Sample, Size
from .prediction_files import file_of, no_labels, write_prediction
from .resuming import continue_folder
from .tile_sums import Mosaic
from .tiles import Average, Blend, Flip, Settings, Tile, input_sizes, tiles

Model = Callable[[NDArray[np.float32]], Any]
"""(B, 3, H, W) float32 -> (B, C, h, w) logits: an array, or what NumPy can view as one."""
Channels = Sequence[float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What `predict` did. predicted: images predicted now. kept: images whose files were complete already.

    replaced: names of images whose files were there but damaged, and were predicted again. folder: where the
    files are, or None. scores: the confusion that was given, or None.
    """

    predicted: int
    kept: int
    replaced: tuple[str, ...]
    folder: Path | None
    scores: Confusion | None


def predict(
    model: Model,
    split: Split,
    *,
    out: str | os.PathLike[str] | None = None,
    scores: Confusion | None = None,
    window: Size | None = None,
    overlap: float = 1 / 3,
    blend: Blend = "linear",
    flips: Sequence[Flip] = (),
    scales: Sequence[float] = (1.0,),
    average: Average = "logits",
    divisor: int = 1,
    normalize: Normalize | tuple[Channels, Channels] | None = None,
    batch_size: int = 8,
    tag: str = "",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Prediction:
    """Predict every image of a split at its own size; write label PNGs, score them, or both in one pass.

    model: any callable from (B, 3, H, W) float32 to (B, C, h, w) logits, called in this thread;
    `pixelwise.torch.as_model` makes one of a torch module. h and w may differ from H and W: logits are
    interpolated bilinearly by pixel centers (torch's `align_corners=False`). out: the folder for `NAME.png`,
    class ids in the class table's colors. scores: a Confusion to update; the split must have labels.

    window: (height, width) of what the model sees; None gives it whole images. overlap: the least share of a
    window that its neighbor covers too. blend: how overlapping windows weigh: "uniform", "linear" (falls to
    the edges) or "gaussian" (deviation an eighth of the window). flips: also predict mirrored "horizontal",
    "vertical" (both: four views). scales: predict at these sizes; 0.5 shows the model the image at half its
    size. average: what is averaged over windows, flips and scales, "logits" or "probabilities" (softmax).
    divisor: pad whole images at the right and bottom to multiples of this. Padding has the Loader's fill
    color. normalize: `Normalize`, `Loader.normalize` or None for pixel / 255: what the training did.
    batch_size: tiles a batch, of several images where they have one size.

    A folder that this call finds is continued: files that are complete are kept (and scored), damaged ones
    predicted again. It remembers these settings and `tag`, which should name the model; UsageError
    `other-prediction` where they differ, `not-empty` for predictions of another origin. Files appear whole.

    Memory: the image, its ids, (window height / smallest scale) x image width x C float64 sums, and
    `threads` + 1 batches. At scale 1, a model that predicts each pixel on its own gives exactly the same ids
    by any window, overlap, blend and flips as by whole images. threads: of reading and writing; default one a core,
    at most 8. progress: called with (images done, all). Raises ScoreError `nan-logits`, UsageError `bad-model` where
    the logits have another shape, and what reading a sample raises.
    """
    settings = Settings(
        None if window is None else (int(window[0]), int(window[1])),
        float(overlap), blend, tuple(flips), tuple(float(s) for s in scales), average, divisor,
    )  # fmt: skip
    _check(model, split, out, scores, batch_size)
    mean_std = (normalize.mean, normalize.std) if isinstance(normalize, Normalize) else normalize
    threads = min(default_threads(), 8) if threads is None else thread_count(threads)
    todo, kept = list(range(len(split))), 0
    replaced: list[str] = []
    folder = None if out is None else Path(out)
    if folder is not None:
        made_by = {"tag": tag, "settings": repr(settings), "normalize": repr(mean_std)}
        todo, replaced = continue_folder(folder, split, made_by, scores, threads, progress)
        kept = len(split) - len(todo)
    run = _Run(model, split, settings, mean_std, batch_size, threads)
    with _Writer(threads) as writer:
        for done, (image, label) in enumerate(run.labels(todo), kept + 1):
            if scores is not None:
                scores.update(label, image.truth, image.name)
            if folder is not None:
                writer.put(file_of(folder, image.name), label, split)
            if progress is not None:
                progress(done, len(split))
    return Prediction(len(todo), kept, tuple(replaced), folder, scores)


def _check(model: Any, split: Split, out: Any, scores: Confusion | None, batch_size: int) -> None:
    if not isinstance(split, Split):
        raise UsageError(
            f"a Split is predicted, got {type(split).__name__}",
            fix='give dataset["val"]',
        )
    if not callable(model):
        raise UsageError(f"a model is called with images, got {type(model).__name__}", code="bad-model")
    if out is None and scores is None:
        raise UsageError("give out=, scores=, or both")
    if scores is not None and not split.has_labels:
        no_labels(split)
    if scores is not None and scores.num_classes != len(split.classes):
        raise UsageError(f"the confusion has {scores.num_classes} classes, the split {len(split.classes)}")
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")


class _Image:
    """One image under way: read by the first tile that needs it, its pixels let go after the last."""

    def __init__(self, split: Split, index: int, size: Size, settings: Settings) -> None:
        self.name = split.names[index]
        self.size = size
        self.truth: Label | None = None
        self.tiles = tiles(size, settings)
        self._average = settings.average
        self._split = split
        self._index = index
        self._lock = Lock()
        self._unread = len(self.tiles)
        self._sample: Sample | None = None
        self._mosaic: Mosaic | None = None

    def read(self) -> Sample:
        """The sample, once for each tile."""
        with self._lock:
            sample = self._sample or self._split.read(self._index)
            self._unread -= 1
            self._sample, self.truth = (sample if self._unread else None), sample.label
        return sample

    def add(self, tile: Tile, logits: NDArray[np.float32]) -> Label | None:
        """Take the logits of a tile; the label where they are the last."""
        if self._mosaic is None:
            table = self._split.classes
            self._mosaic = Mosaic(self.name, self.size, len(table), self.tiles, self._average, table.dtype)
        return self._mosaic.label if self._mosaic.add(tile, logits) else None


_Batch = list[tuple[_Image, Tile]]


@dataclass(frozen=True, slots=True)
class _Run:
    model: Model
    split: Split
    settings: Settings
    normalize: Any
    batch_size: int
    threads: int

    def labels(self, todo: Sequence[int]) -> Iterator[tuple[_Image, Label]]:
        """Each image with its predicted label, as they become complete."""
        rendered: Any = in_order(self._render, self._batches(todo), self.threads, ahead=1)
        with closing(rendered):
            for batch, inputs in rendered:
                for (image, tile), logits in zip(batch, self._logits(inputs), strict=True):
                    label = image.add(tile, logits)
                    if label is not None:
                        yield image, label

    def _batches(self, todo: Sequence[int]) -> Iterator[_Batch]:
        sizes = self.split.sizes(np.array(todo, np.int64))
        shapes = [(int(h), int(w)) for h, w in sizes.tolist()]
        seen = [input_sizes(shape, self.settings) for shape in shapes]
        pending: dict[Size, _Batch] = {}
        last = None
        for k in sorted(range(len(todo)), key=lambda k: seen[k]):  # stable: windows keep the split's order
            if seen[k] != last:
                yield from pending.values()
                pending, last = {}, seen[k]
            image = _Image(self.split, todo[k], shapes[k], self.settings)
            for tile in image.tiles:
                batch = pending.setdefault(tile.size, [])
                batch.append((image, tile))
                if len(batch) == self.batch_size:
                    yield pending.pop(tile.size)
        yield from pending.values()

    def _render(self, batch: _Batch) -> tuple[_Batch, NDArray[np.float32]]:
        height, width = batch[0][1].size
        plans = Plans(np.array([image.size for image, _ in batch], np.int64))
        plans.matrix[:] = [_matrix(tile) for _, tile in batch]
        plans.size[:] = height, width
        if self.normalize is not None:
            mean, std = self.normalize
            plans.normalize = tuple(mean), tuple(std)
        inputs = np.empty((len(batch), 3, height, width), np.float32)
        renderer = Renderer(plans, Slot(inputs, None), "float32", 0)
        for k, (image, _) in enumerate(batch):
            y0, x0, y1, x1 = renderer.window(k)
            sample = image.read()
            if sample.size != image.size:
                raise UsageError(f"{image.name!r} changed while it was predicted", code="sample-changed")
            renderer.write(k, Sample(image.name, sample.image[y0:y1, x0:x1], None))
        return batch, inputs

    def _logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        found = self.model(inputs)
        try:
            logits = np.asarray(found)
        except (TypeError, RuntimeError) as error:
            raise UsageError(
                f"the model gave a {type(found).__name__} that is no array: {error}",
                code="bad-model", fix="wrap a torch module by pixelwise.torch.as_model",
            ) from None  # fmt: skip
        n, classes = len(inputs), len(self.split.classes)
        if (
            logits.ndim != 4
            or logits.shape[:2] != (n, classes)
            or logits.dtype.kind != "f"
            or not logits.size
        ):
            raise UsageError(
                f"the model gave {logits.dtype} {logits.shape} for {inputs.shape}, expected float logits "
                f"({n}, {classes}, height, width)",
                code="bad-model",
                fix="one plane for each class of the split, in the order of its class table",
            )
        return np.asarray(logits, np.float32)


def _matrix(tile: Tile) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    # Input point to image point; a mirrored axis starts at the input's far end.
    (down, across), (upside_down, left_right) = tile.step, tile.mirrored
    x = (-across, 0.0, tile.x0 + across * tile.size[1]) if left_right else (across, 0.0, float(tile.x0))
    y = (0.0, -down, tile.y0 + down * tile.size[0]) if upside_down else (0.0, down, float(tile.y0))
    return x, y


class _Writer:
    """Writes files on threads; a few wait at most. An error comes out at the next `put`, or at the end."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="pixelwise-write")
        self._waiting: deque[Future[None]] = deque()
        self._limit = 2 * threads

    def put(self, path: Path, label: Label, split: Split) -> None:
        self._waiting.append(self._pool.submit(partial(write_prediction, path, label, split.classes)))
        while len(self._waiting) > self._limit:
            self._waiting.popleft().result()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=True)  # what is predicted is kept, even where the next image failed
        if kind is None:
            for future in self._waiting:
                future.result()
