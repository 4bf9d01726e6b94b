"""Predicting whole images: any model, whole or by sliding window, at the image's own size.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> images = [np.zeros((4, 6, 3), np.uint8), np.full((5, 5, 3), 255, np.uint8)]
    >>> split = pw.Split("val", pw.ClassTable(("dark", "bright")), pw.ArraySource(images))
    >>> def model(batch):
    ...     return np.stack([0.5 - batch[:, 0], batch[:, 0] - 0.5], axis=1)
    >>> pw.predict(model, split, "predictions", tiling=pw.Tiling(window=(4, 4)))
    Prediction(predictions: 2 images predicted, 0 kept)

`tiles`: what is cut and how it counts. `tile_sums`: tiles become class ids, strip by strip. `resuming`: what was
predicted before. This module: batches of tiles from several images through the model.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, check_count
from ..dataset.splits import Split
from ..errors import UsageError, shown
from ..files.addresses import local_path
from ..formats.given import Data, SplitNames, as_split
from ..hints import answering, hinted
from ..loading.ranks import Ranks, Shard, ranks_of
from ..loading.render import Renderer, Slot
from ..metrics.confusion import Confusion
from ..ray import RayModel
from ..results import Result, json_values
from ..threads import Pool, default_threads, in_order, run_in, thread_count
from ..transforms.color import Normalize, as_normalize
from ..transforms.plans import Plans
from ..types import U8, Interpolation, Label, Progress, Sample, Size
from .on_actors import predict_on_actors
from .prediction_files import check_labels, check_samples, file_of, write_prediction
from .probability_files import Activation, ProbabilityWriter, Soft, probability_path, soft_of
from .resuming import continue_folder, finish_folder
from .tile_sums import TileSums
from .tiles import Tile, Tiling

Model = Callable[[NDArray[np.float32]], Any]
"""(B, 3, H, W) float32 -> (B, C, h, w) logits: an array, or what NumPy can view as one."""
Channels = Sequence[float]


@answering
@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """What `predict` did. predicted: number of images predicted now. kept: of images whose files were already complete.

    replaced: names of images whose files were damaged, and were predicted again. path: the folder of the files, or
    None. confusion: the one that was given, or None. shard: (rank, world), whose share of the images this is.
    """

    predicted: int
    kept: int
    replaced: tuple[str, ...]
    path: Path | None
    confusion: Confusion | None
    shard: tuple[int, int] = (0, 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without the confusion, which has its own."""
        return {name: json_values(getattr(self, name)) for name in ("predicted", "kept", "replaced", "path", "shard")}

    def __repr__(self) -> str:
        return f"Prediction({self})"

    def __str__(self) -> str:
        again = f", {len(self.replaced)} of them damaged before" if self.replaced else ""
        where = "" if self.path is None else f"{shown(self.path)}: "
        rank = "" if self.shard[1] == 1 else f", the share of rank {self.shard[0]} of {self.shard[1]}"
        return f"{where}{self.predicted} images predicted{again}, {self.kept} kept{rank}"


@hinted
def predict(
    model: Model | RayModel, data: Data, out: str | os.PathLike[str] | None = None, *, splits: SplitNames = None,
    tiling: Tiling | None = None, confusion: Confusion | None = None,
    probabilities: str | os.PathLike[str] | None = None, threshold: float | None = None,
    activation: Activation | None = None, normalize: Normalize | tuple[Channels, Channels] | None = None,
    batch_size: int = 8, tag: str = "", threads: int | None = None, progress: Progress | None = None,
    shard: Shard = "auto", pool: Pool | None = None, **options: Any,
) -> Prediction:  # fmt: skip
    """Predict every image of a split at its own size; write label PNGs, score them, or both in one pass.

    model: any callable from (B, 3, H, W) float32 to (B, C, h, w) logits, called in this thread;
    `pixelwise.torch.as_model` makes one of a torch module, `pixelwise.ray.RayModel` one on each GPU of a cluster, each
    of which takes shares of the images. h and w may differ from H and W: logits are interpolated bilinearly by pixel
    centers (torch's `align_corners=False`). data, splits: a Split, or a Dataset or path (`options` are those of
    `pixelwise.open`) with the name of one or more splits (default: "val", else the first). out: the folder for
    `NAME.png`, class ids in the class table's colors. confusion: a Confusion to update; the split must have labels.

    probabilities: the folder for `NAME.npy`, (C, H, W) float16, written in strips in the same pass. threshold: of a
    model of one channel, for two classes: class 1 is where the blended value is above it (0 for logits, 0.5 for
    probabilities), and files hold class 1 alone. activation: what makes probabilities of values: "softmax", "sigmoid"
    (the default with a threshold; also for masks that overlap), or "none".

    tiling: windows, flips and scales; by default whole images once. Padding has the Loader's fill color. normalize: as
    in training: `Normalize`, `Loader.normalize`, (mean, std), or None for pixel / 255. batch_size: tiles per batch, of
    several images if they have the same size. threads: for reading and writing; default: one per core, at most 8.
    progress: called with (images done, all images). shard: (rank, world): only every world-th image, from number rank
    on; "auto" as for a Loader, so that processes that work together share the images. They may share the folder `out`,
    which is complete when all are done; `pixelwise.torch.all_reduce` adds their confusions. pool: where images are read
    and tiles made instead of on threads; see `Pool`.

    If the folder was begun by an earlier call, this one continues it: complete files are kept (and scored), damaged
    ones predicted again. The folder remembers `tiling`, `normalize` and `tag`, which should name the model. Each file
    is written completely or not at all; `open` refuses the folder until all are there (`unfinished-predictions`).

    Memory: the image, its ids, (window height / smallest scale) x image width x C float64 sums; `threads` images that
    were read ahead, and `threads` + 1 batches. At scale 1, a model that predicts each pixel independently gives exactly
    the same ids by any window, overlap, blend and flips as by whole images. Raises ScoreError `nan-logits`, UsageError
    `bad-model` if the logits have the wrong shape, `other-prediction` if the folder was made with other settings,
    `not-empty` if it holds other predictions, `no-labels`, `empty-split`, and what reading a sample raises.
    """
    split = as_split(data, splits, verb="predict", prefer=("val",), **options)
    _check(model.make if isinstance(model, RayModel) else model, split, (out, confusion, probabilities), batch_size)
    tiling, scaling = tiling or Tiling(), as_normalize(normalize)
    soft = soft_of(split, tiling, threshold, probabilities, activation)
    mean_std = None if scaling is None else (scaling.mean, scaling.std)
    threads = min(default_threads(), 8) if threads is None else thread_count(threads)
    ranks = ranks_of(shard)
    folder = None if out is None else local_path(out, "predict")
    if isinstance(model, RayModel):
        one: Any = partial(
            predict, data=split, out=folder, tiling=tiling, probabilities=probabilities, threshold=threshold,
            activation=activation, normalize=normalize, batch_size=batch_size, tag=tag,
        )  # fmt: skip
        totals = predict_on_actors(model, pool, split, ranks, one, confusion, progress)
        return Prediction(*totals, folder, confusion, (ranks.rank, ranks.world))
    run = _Run(model, split, tiling, mean_std, batch_size, threads, soft)
    with run_in(pool):
        return run.share(ranks, folder, confusion, tag, progress)


def _check(model: Any, split: Split, results: tuple[Any, Confusion | None, Any], batch_size: int) -> None:
    confusion = results[1]
    check_count("batch_size", batch_size)
    if not callable(model):
        raise UsageError(f"the model must be callable, got {type(model).__name__}", code="bad-model")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        what = f"a torch module takes tensors, not arrays: {type(model).__name__}"
        raise UsageError(what, code="bad-model", fix="pass pixelwise.torch.as_model(module)")
    check_samples(split)
    if all(result is None for result in results):
        raise UsageError("predict() needs out=, confusion= or probabilities=")
    if confusion is not None:
        check_labels(split)
        if confusion.num_classes != len(split.classes):
            raise UsageError(f"the confusion has {confusion.num_classes} classes, the split {len(split.classes)}")


class _Image:
    """One image in progress: the sums of its tiles' logits, and the file of its probabilities."""

    def __init__(self, sample: Sample, split: Split, tiling: Tiling, soft: Soft) -> None:
        self.name, self.size, self.truth = sample.name, sample.size, sample.label
        self.tiles = tiling.tiles(self.size)
        self._tiling, self._soft = tiling, soft
        self._classes = split.classes
        self._sums: TileSums | None = None
        self._writer: ProbabilityWriter | None = None

    def add(self, tile: Tile, logits: NDArray[np.float32]) -> Label | None:
        """Take the logits of a tile; returns the label after the last tile."""
        if self._sums is None:
            self._sums = self._begun()
        if self._soft.threshold is not None:
            # As the first of two classes the threshold wins where the value is not above it, whatever is blended.
            logits = np.concatenate([np.full_like(logits, self._soft.threshold), logits])
        if not self._sums.add(tile, logits):
            return None
        self.close(True)
        return self._sums.label

    def _begun(self) -> TileSums:
        table, soft, strips = self._classes, self._soft, None
        sums = TileSums(self.name, self.size, len(table), self.tiles, self._tiling.average, table.dtype)
        if soft.folder is not None:
            path, one = probability_path(soft.folder, self.name), soft.threshold is not None
            kind: Activation = "none" if sums.softmax else soft.activation
            self._writer = ProbabilityWriter(path, len(table), self.size, kind, one)
            strips = self._writer.write
        sums.give(strips, self._tiling.views)
        return sums

    def close(self, whole: bool) -> None:
        """End the file of probabilities; without `whole` it does not appear."""
        if self._writer is not None:
            self._writer.close(whole)
            self._writer = None


class _Batch(NamedTuple):
    """Tiles of one size, for the model, and of each its image and the pixels that it needs of it."""

    tiles: list[Tile]
    images: list[_Image]
    pixels: list[U8]


@dataclass(frozen=True, slots=True)
class _Run:
    model: Model
    split: Split
    tiling: Tiling
    normalize: Any
    batch_size: int
    threads: int
    soft: Soft

    def share(
        self, ranks: Ranks, folder: Path | None, confusion: Confusion | None, tag: str, progress: Progress | None
    ) -> Prediction:
        """Predict the images of one process, but those that the folder has."""
        share = range(ranks.rank, len(self.split), ranks.world)
        todo, replaced = list(share), list[str]()
        made_by = {"tag": tag, "tiling": repr(self.tiling), "normalize": repr(self.normalize), **self.soft.settings()}
        if folder is not None:
            common: Any = (confusion, self.threads, progress, self.soft.done)
            todo, replaced = continue_folder(folder, self.split, share, made_by, *common)
        kept = len(share) - len(todo)
        with closing(self.finish(todo, folder, confusion)) as finished:
            for done, _ in enumerate(finished, kept + 1):
                if progress is not None:
                    progress(done, len(share))
        if folder is not None:
            finish_folder(folder, self.split, made_by)
        return Prediction(len(todo), kept, tuple(replaced), folder, confusion, (ranks.rank, ranks.world))

    def finish(
        self, todo: Sequence[int], folder: Path | None, confusion: Confusion | None
    ) -> Generator[None, None, None]:
        """Predict each image, write its file and count it; one step per image."""
        with _Writer(self.threads) as writer:
            for image, label in self.labels(todo):
                if confusion is not None:
                    confusion.update(label, image.truth, image.name)
                if folder is not None:
                    writer.put(file_of(folder, image.name), label, self.split)
                yield

    def labels(self, todo: Sequence[int]) -> Iterator[tuple[_Image, Label]]:
        """Each image with its predicted label, as it becomes complete."""
        begun: deque[_Batch] = deque()
        touched: dict[int, _Image] = {}
        order = self._order(todo)
        read: Any = in_order(partial(_read, self.split), [i for i, _ in order], self.threads, ahead=1)
        work = partial(_render, self.normalize, self.tiling.interpolation)
        rendered: Any = in_order(work, self._jobs(order, read, begun), self.threads, ahead=1)
        with closing(read), closing(rendered), ExitStack() as unfinished:
            unfinished.callback(_give_up, touched)
            for inputs in rendered:
                batch = begun.popleft()
                for image, tile, logits in zip(batch.images, batch.tiles, self._logits(inputs), strict=True):
                    touched[id(image)] = image
                    label = image.add(tile, logits)
                    if label is not None:
                        del touched[id(image)]
                        yield image, label

    def _order(self, todo: Sequence[int]) -> list[tuple[int, Size]]:
        """The samples with their sizes; those that the model sees at the same sizes follow each other."""
        sizes = [(int(h), int(w)) for h, w in self.split.sizes(np.array(todo, np.int64)).tolist()]
        seen = [self.tiling.input_sizes(size) for size in sizes]
        # stable: windows keep the split's order
        return [(todo[k], sizes[k]) for k in sorted(range(len(todo)), key=lambda k: seen[k])]

    def _jobs(
        self, order: Sequence[tuple[int, Size]], read: Iterator[Sample], begun: deque[_Batch]
    ) -> Iterator[_Job | Exception]:
        """What `_render` takes, of each batch that is put into `begun`. An error comes after the batches before it."""
        try:
            for batch in self._batches(order, read):
                begun.append(batch)
                yield [image.size for image in batch.images], batch.tiles, batch.pixels
        except Exception as error:
            yield error

    def _batches(self, order: Sequence[tuple[int, Size]], read: Iterator[Sample]) -> Iterator[_Batch]:
        pending: dict[Size, _Batch] = {}
        last = None
        for (_, size), sample in zip(order, _until_error(read), strict=False):
            if isinstance(sample, Exception):
                yield from pending.values()
                raise sample
            if sample.size != size:
                raise UsageError(f"{sample.name!r} changed while it was being predicted", code="sample-changed")
            if (seen := self.tiling.input_sizes(size)) != last:
                yield from pending.values()
                pending, last = {}, seen
            image = _Image(sample, self.split, self.tiling, self.soft)
            for tile in image.tiles:
                batch = pending.setdefault(tile.size, _Batch([], [], []))
                batch.tiles.append(tile)
                batch.images.append(image)
                batch.pixels.append(_plans([size], [tile], self.tiling.interpolation)[0].window.cut(sample.image))
                if len(batch.tiles) == self.batch_size:
                    yield pending.pop(tile.size)
        yield from pending.values()

    def _logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            logits = as_array("what the model returns", self.model(inputs))
        except UsageError as error:
            if error.code not in ("bad-array", "masked-array"):
                raise
            fix = "wrap a torch module with pixelwise.torch.as_model"
            raise UsageError(error.message, code="bad-model", fix=fix) from None
        n, classes = len(inputs), len(self.split.classes) if self.soft.threshold is None else 1
        if logits.ndim != 4 or logits.shape[:2] != (n, classes) or logits.dtype.kind != "f" or not logits.size:
            raise UsageError(
                f"the model returned {logits.dtype} {logits.shape} for {inputs.shape}, expected float logits "
                f"({n}, {classes}, height, width)",
                code="bad-model",
                fix="return one plane per class of the split, in the order of its class table; one plane for two "
                "classes needs threshold=",
            )  # fmt: skip
        return np.asarray(logits, np.float32)


_Job = tuple[list[Size], list[Tile], list[U8]]
"""Of each tile of a batch: the size of its image, itself, and the pixels of its window."""


def _give_up(images: dict[int, _Image]) -> None:
    for image in images.values():
        image.close(False)


def _read(split: Split, index: int) -> Sample:
    return replace(split.read(index), instances=None)


def _until_error(read: Iterator[Sample]) -> Iterator[Sample | Exception]:
    """The samples; an error in the place of the first that cannot be read."""
    try:
        yield from read
    except Exception as error:
        yield error


def _plans(sizes: Sequence[Size], tiles: Sequence[Tile], interpolation: Interpolation) -> Plans:
    plans = Plans(np.array(sizes, np.int64))
    plans.named = interpolation
    plans.matrix[:] = [_matrix(tile) for tile in tiles]
    plans.size[:] = tiles[0].size
    return plans


def _render(normalize: Any, interpolation: Interpolation, job: _Job | Exception) -> NDArray[np.float32]:
    """(B, 3, h, w): what the model sees of the tiles of a batch."""
    if isinstance(job, Exception):
        raise job
    sizes, tiles, pixels = job
    plans = _plans(sizes, tiles, interpolation)
    if normalize is not None:
        mean, std = normalize
        plans.normalize = tuple(mean), tuple(std)
    inputs = np.empty((len(tiles), 3, *tiles[0].size), np.float32)
    renderer = Renderer(plans, Slot(inputs, None), "float32", 0)
    for k, window in enumerate(pixels):
        renderer.write(k, Sample("", window, None))
    return inputs


def _matrix(tile: Tile) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    # Input point to image point; a mirrored axis starts at the input's far end.
    (down, across), (upside_down, left_right) = tile.step, tile.mirrored
    x = (-across, 0.0, tile.x0 + across * tile.size[1]) if left_right else (across, 0.0, float(tile.x0))
    y = (0.0, -down, tile.y0 + down * tile.size[0]) if upside_down else (0.0, down, float(tile.y0))
    return x, y


class _Writer:
    """Writes files on threads; at most a few wait. An error is raised by a later `put`, or at the end."""

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
        self._pool.shutdown(wait=True)  # what was predicted is kept, even if the next image failed
        if kind is None:
            for future in self._waiting:
                future.result()
