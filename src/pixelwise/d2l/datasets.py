"""The chapter's random crops, datasets and loaders.

Crops of `segmentation_rand_crop`, the datasets and `DataLoader` draw from NumPy's global generator: `np.random.seed`
makes them repeatable, and torch seeds it in each of its worker processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, check_count, check_size, check_whole
from ..classes import VOC, ClassTable
from ..dataset.sources import ArraySource
from ..dataset.splits import Split
from ..downloads.getting import download as get
from ..errors import UsageError
from ..formats.opening import open as open_dataset
from ..hints import answering, hinted
from ..loading.loader import Loader
from ..threads import default_threads, in_order
from ..transforms.color import IMAGENET_MEAN, IMAGENET_STD, Normalize
from ..transforms.geometry import RandomCrop
from ..types import Window
from .hub import download_extract
from .planes import channels_last, is_channels_first, to_array

RGB_MEAN = np.array(IMAGENET_MEAN, np.float32)
"""Of ImageNet, in 0..1."""
RGB_STD = np.array(IMAGENET_STD, np.float32)
"""Of ImageNet, in 0..1."""

_HOME = ("VOCdevkit", "VOC2012")
# The chapter's color map has no void: its table is zero for colors without an entry, so void becomes background.
_VALUES = {**{i: i for i in range(21)}, 255: 0}
_CHAPTER = ClassTable(VOC.names, VOC.colors, ignore_index=None, values=_VALUES, extra_colors={VOC.ignore_color: 0})


def random_window(
    size: tuple[int, ...], height: int, width: int, rng: np.random.Generator | None = None
) -> tuple[int, int]:
    """(y, x) of a random window of height x width in an image of `size`. UsageError `image-too-small`."""
    rows, columns = size
    if rows < height or columns < width:
        raise UsageError(f"a {height}x{width} crop does not fit into {rows}x{columns}", code="image-too-small")
    draw = np.random.randint if rng is None else rng.integers
    return int(draw(rows - height + 1)), int(draw(columns - width + 1))


@hinted
def segmentation_rand_crop(
    feature: Any, label: Any, height: int, width: int, rng: np.random.Generator | None = None
) -> tuple[Any, Any]:
    """The same random window of height x width of an image and its label, as views of them.

    feature, label: (H, W, C), (C, H, W) or (H, W), arrays or tensors; each keeps its order. Raises UsageError
    `image-too-small` if they are smaller, `size-mismatch` if their sizes differ.
    """
    height, width = check_size("size", height, width)
    both = [thing if hasattr(thing, "shape") else to_array("image", thing) for thing in (feature, label)]
    sizes = [_size(thing) for thing in both]
    if sizes[0] != sizes[1]:
        (rows, columns), other = sizes
        raise UsageError(f"image is {rows}x{columns}, label {other[0]}x{other[1]}", code="size-mismatch")
    y, x = random_window(sizes[0], height, width, rng)
    window = slice(y, y + height), slice(x, x + width)
    first, second = (thing[(slice(None), *window) if is_channels_first(thing) else window] for thing in both)
    return first, second


voc_rand_crop = segmentation_rand_crop
"""The same, by the published edition's name."""


def _size(image: Any) -> tuple[int, int]:
    shape = tuple(image.shape)
    if len(shape) not in (2, 3):
        raise UsageError(f"images are (H, W, C), (C, H, W) or (H, W), got {shape}")
    rows, columns = shape[1:] if is_channels_first(image) else shape[:2]
    return int(rows), int(columns)


# -- datasets -----------------------------------------------------------------------------------------------


class _Crops:
    """`dataset[i]` is a new random crop of the i-th sample that is large enough, normalized, and its label."""

    label_dtype: type[np.integer[Any]]
    height: int
    width: int

    def __init__(self, split: Split, height: int, width: int) -> None:
        self.height, self.width = check_size("size", height, width)
        self._kept = np.flatnonzero((split.sizes() >= (self.height, self.width)).all(axis=1))
        self._split = split
        self.dropped: int = len(split) - len(self._kept)
        print(f"read {len(self)} examples")

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        at = np.array([self._kept[index]])
        y, x = random_window(tuple(self._split.sizes(at)[0].tolist()), self.height, self.width)
        sample = self._split.read(int(at[0]), Window(y, x, y + self.height, x + self.width))
        if sample.label is None:
            raise UsageError(f"the split {self._split.name!r} has no labels", code="no-labels")
        feature = (sample.image.astype(np.float32) / 255 - RGB_MEAN) / RGB_STD
        return np.ascontiguousarray(feature.transpose(2, 0, 1)), sample.label.astype(self.label_dtype)


@answering
class SegmentationDataset(_Crops):
    """The first edition's dataset: random crops of images and color-coded labels in memory.

    images: (H, W, 3) or (3, H, W) uint8 each; labels: uint8 colors, likewise. Images smaller than height x width are
    left out, as in the chapter: the number of the others is printed, and `dropped` counts them. `dataset[i]` is (image
    (3, height, width) float32 normalized by RGB_MEAN and RGB_STD, label (height, width) int32): another crop at each
    call, void as class 0. `pixelwise.Loader(..., small="pad")` keeps small images and void.

    Raises UsageError for arrays of another kind, PairError for sizes that differ, LabelError `unknown-color`.
    """

    label_dtype: type[np.integer[Any]] = np.int32

    def __init__(self, images: Sequence[Any], labels: Sequence[Any], height: int, width: int) -> None:
        if len(images) != len(labels):
            raise UsageError(f"expected as many labels as images, got {len(images)} images and {len(labels)} labels")
        pixels = [channels_last(f"image {i}", image) for i, image in enumerate(images)]
        ids = [_CHAPTER.encode(channels_last(f"label {i}", label), f"label {i}") for i, label in enumerate(labels)]
        super().__init__(Split("images", _CHAPTER, ArraySource(pixels, ids)), height, width)


@answering
class VOCSegDataset(_Crops):
    """The published edition's dataset: random crops of VOC's train or val list.

    crop_size: (height, width). As `SegmentationDataset`, but labels are int64, and files are read when a sample is
    asked for instead of all at once. It works with torch's DataLoader, with any number of workers.
    """

    label_dtype: type[np.integer[Any]] = np.int64

    def __init__(self, is_train: bool, crop_size: tuple[int, int], voc_dir: str | os.PathLike[str]) -> None:
        check_choice("is_train", is_train, (True, False))
        voc = open_dataset(voc_dir, format="voc", classes=_CHAPTER)
        super().__init__(voc["train" if is_train else "val"], *check_size("crop_size", crop_size))


# -- batches ------------------------------------------------------------------------------------------------


@answering
class DataLoader:
    """Batches of a dataset, with the arguments that the chapter gives to `gluon.data.DataLoader`.

    dataset: anything with `len` and `dataset[i]`. shuffle: another order in each iteration. last_batch: if the last one
    is not full, "keep" it, "discard" it, or "rollover": its samples come first in the next iteration. num_workers: of
    threads that read ahead; 0 reads when asked. A batch is a list with one array for each member of a sample, or one
    array if samples are not tuples. `pixelwise.Loader` is faster, resumable and repeatable.

    Raises UsageError `no-batches` if the dataset is empty or has no whole batch to keep.

    >>> list(DataLoader([1, 2, 3], 2))
    [array([1, 2]), array([3])]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        shuffle: bool = False,
        last_batch: Literal["keep", "discard", "rollover"] | None = "keep",
        num_workers: int = 0,
    ) -> None:
        self.dataset = dataset
        self.batch_size: int = check_count("batch_size", batch_size)
        self.shuffle = shuffle
        self.last_batch = check_choice("last_batch", last_batch, ("keep", "discard", "rollover", None)) or "keep"
        self.num_workers: int = check_whole("num_workers", num_workers)
        self._left: list[int] = []
        if not len(dataset) or (self.last_batch == "discard" and len(dataset) < batch_size):
            what = f"no batch of {batch_size}: the dataset has {len(dataset)} samples"
            raise UsageError(what, code="no-batches", fix="take a smaller batch, or a crop that more images can hold")

    def __len__(self) -> int:
        n = len(self.dataset) + len(self._left)
        return -(-n // self.batch_size) if self.last_batch == "keep" else n // self.batch_size

    def __iter__(self) -> Iterator[Any]:
        n, size = len(self.dataset), self.batch_size
        order = [*self._left, *(np.random.permutation(n) if self.shuffle else np.arange(n)).tolist()]
        whole = len(order) // size * size
        self._left = order[whole:] if self.last_batch == "rollover" else []
        end = len(order) if self.last_batch == "keep" else whole
        batches = [order[at : at + size] for at in range(0, end, size)]
        return in_order(self._read, batches, self.num_workers) if self.num_workers else map(self._read, batches)

    def _read(self, indices: list[int]) -> Any:
        samples = [self.dataset[i] for i in indices]
        if isinstance(samples[0], (tuple, list)):
            return [_stacked(column) for column in zip(*samples, strict=True)]
        return _stacked(samples)


def _stacked(members: Sequence[Any]) -> NDArray[Any]:
    arrays = [to_array("a member of a sample", member) for member in members]
    if len({array.shape for array in arrays}) > 1:
        shapes = sorted({array.shape for array in arrays})
        what = f"samples of one batch differ in shape: {shapes[0]} and {shapes[1]}"
        raise UsageError(what, code="size-mismatch", fix="crop or resize them to one size")
    return np.stack(arrays)


class _Pairs:
    """A Loader whose batches are (images, labels), as the chapter's loops expect."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return ((batch.images, batch.labels) for batch in self.loader if batch.labels is not None)


@hinted
def load_data_voc_segmentation(
    batch_size: int,
    height: int = 320,
    width: int = 480,
    voc_dir: str | os.PathLike[str] | None = None,
    *,
    download: bool = False,
    seed: int = 0,
) -> tuple[_Pairs, _Pairs]:
    """The first edition's (train, test) iterators over VOC's train and val lists.

    Batches are (images (B, 3, height, width) float32 normalized, labels (B, height, width) int32). As in the chapter,
    both take random crops, skip images smaller than the crop (the number of images read is printed), drop the last
    short batch, and turn void into background. So the test iterator scores neither all images nor whole ones: evaluate
    with whole images (`pixelwise.Loader(voc["val"], 1)`) and keep void (`pixelwise.open` does).

    voc_dir: default: `download_extract("voc2012", "VOCdevkit/VOC2012")`, as in the chapter. download: get VOC2012 first
    (2 GB) if it is not at `voc_dir`, which must then end in VOCdevkit/VOC2012. seed: of order and crops.
    """
    return _load(batch_size, check_size("size", height, width), voc_dir, download, seed, "int32")


@hinted
def load_data_voc(
    batch_size: int,
    crop_size: tuple[int, int],
    voc_dir: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
) -> tuple[_Pairs, _Pairs]:
    """The published edition's (train, test) iterators: `load_data_voc_segmentation` with int64 labels.

    crop_size: (height, width). voc_dir, seed: as there.
    """
    return _load(batch_size, check_size("crop_size", crop_size), voc_dir, False, seed, "int64")


def _load(
    batch_size: int, size: tuple[int, int], voc_dir: Any, download: bool, seed: int, label_dtype: str
) -> tuple[_Pairs, _Pairs]:
    if voc_dir is None:
        voc_dir = download_extract("voc2012", "/".join(_HOME))
    elif download:
        home = Path(voc_dir)
        if home.parts[-2:] != _HOME:
            raise UsageError(f"with download=True, voc_dir must end in VOCdevkit/VOC2012, got {home}")
        get("voc2012", home.parents[1])
    voc = open_dataset(voc_dir, format="voc", classes=_CHAPTER)

    def pairs(name: str, shuffle: bool) -> _Pairs:
        loader = Loader(
            voc[name], batch_size, [RandomCrop(*size), Normalize()], small="drop", shuffle=shuffle, drop_last=True,
            shard=(0, 1), seed=seed, label_dtype=label_dtype, threads=get_dataloader_workers(),
        )  # fmt: skip
        print(f"read {len(voc[name]) - len(loader.dropped)} examples")
        return _Pairs(loader)

    return pairs("train", True), pairs("val", False)


@hinted
def get_dataloader_workers() -> int:
    """The number of threads that read data: one per core."""
    return default_threads()
