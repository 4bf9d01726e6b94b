"""The functions of the chapter "Semantic Segmentation and the Dataset" of Dive into Deep Learning, under its names.

Everything takes and returns NumPy arrays. The datasets and loaders are built on `pixelwise.open` and
`pixelwise.Loader`. If the chapter's function loses information, so does the one here, and its docstring says so and
names what to prefer for training.
"""

from __future__ import annotations

import itertools
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import check_size
from .classes import VOC, ClassTable
from .dataset.dataset import Dataset
from .dataset.sources import ArraySource
from .errors import FileError, UsageError
from .files import read_bytes
from .formats.opening import open as open_dataset
from .loading.loader import Loader
from .loading.render import render_one
from .randomness import Draws
from .threads import default_threads
from .transforms.color import IMAGENET_MEAN, IMAGENET_STD, Normalize
from .transforms.geometry import RandomCrop
from .transforms.plans import make_plans
from .types import U8

VOC_SEG_COLORS: list[list[int]] = VOC.colors.tolist()
"""The 21 label colors of VOC, RGB."""
VOC_CLASSES: list[str] = [{"pottedplant": "potted plant", "tvmonitor": "tv/monitor"}.get(n, n) for n in VOC.names]
"""The 21 class names, as the chapter spells them."""
RGB_MEAN = np.array(IMAGENET_MEAN, np.float32)
RGB_STD = np.array(IMAGENET_STD, np.float32)

# The chapter's color map has no void: its table is zero for colors without an entry, so void becomes background.
_VALUES = {**{i: i for i in range(21)}, 255: 0}
_CHAPTER = ClassTable(VOC.names, VOC.colors, ignore_index=None, values=_VALUES, extra_colors={VOC.ignore_color: 0})


def read_voc_images(
    voc_dir: str | os.PathLike[str], image_sets: str | Sequence[str] = "train"
) -> tuple[list[U8], list[NDArray[np.int64]], list[list[str]]]:
    """All images of one or more sets, with their objects.

    Returns (images, boxes, classes): images[i] is (H, W, 3) uint8; boxes[i] is (k, 4) int64, xmin, ymin, xmax, ymax in
    pixels as in the annotation (the first pixel is 1); classes[i] has the names of the k objects. Without an annotation
    file an image has no objects. Everything is held in memory; `pixelwise.open(voc_dir)["train"]` reads one at a time.
    """
    voc = _open(voc_dir)
    images, boxes, classes = [], [], []
    for name in _set_names(image_sets):
        for sample in voc[name]:
            images.append(sample.image)
            found = _objects(voc.root / "Annotations" / f"{sample.name}.xml")
            boxes.append(np.array([box for _, box in found], np.int64).reshape(-1, 4))
            classes.append([kind for kind, _ in found])
    return images, boxes, classes


def _objects(path: Path) -> list[tuple[str, list[int]]]:
    if not path.exists():
        return []
    edges = [f"bndbox/{edge}" for edge in ("xmin", "ymin", "xmax", "ymax")]
    try:
        return [
            (str(thing.findtext("name")).strip(), [round(float(thing.findtext(edge) or "")) for edge in edges])
            for thing in ET.fromstring(read_bytes(path)).iter("object")
        ]
    except (ET.ParseError, ValueError) as error:
        raise FileError(f"not a VOC annotation: {error}", code="corrupt", where=path) from None


def read_voc_seg_labels(voc_dir: str | os.PathLike[str], image_set: str | Sequence[str] = "train") -> list[U8]:
    """All labels of a set as colors: (H, W, 3) uint8 each, void in (224, 224, 192).

    The chapter reads colors and maps them back to classes. `pixelwise.open(voc_dir)["train"][i].label` gives
    the class ids that the files store.
    """
    voc = _open(voc_dir)
    labels = []
    for name in _set_names(image_set):
        for sample in voc[name]:
            if sample.label is None:
                raise UsageError(f"the split {name!r} has no labels", code="no-labels")
            labels.append(voc.classes.decode(sample.label))
    return labels


def build_colormap(colors: Sequence[Sequence[int]] = VOC_SEG_COLORS) -> NDArray[np.uint8]:
    """The chapter's table from color to class: (2^24,) uint8, entry `(r * 256 + g) * 256 + b` is the class.

    A color that is not in `colors`, such as void, counts as class 0 (5.46 % of the pixels of VOC's training set).
    `pixelwise.ClassTable.encode` is exact, refuses unknown colors and needs no such table.
    """
    rows = np.asarray(colors)
    if rows.ndim != 2 or rows.shape[1] != 3 or len(rows) > 256 or rows.dtype.kind not in "iu" or not _are_bytes(rows):
        raise UsageError(f"colors are up to 256 rows of three whole numbers in 0..255, got {rows.shape} {rows.dtype}")
    table = np.zeros(256**3, np.uint8)
    for i, (r, g, b) in enumerate(rows.tolist()):
        table[(r * 256 + g) * 256 + b] = i
    return table


def colors_to_indices(colors: U8, colormap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) colors to (H, W) class ids by `build_colormap`'s table; void and unknown colors become 0."""
    given = np.asarray(colors)
    if given.shape[-1:] != (3,) or given.dtype.kind not in "iu" or not _are_bytes(given):
        raise UsageError(f"colors are (H, W, 3) whole numbers in 0..255, got {given.shape} {given.dtype}")
    wide = given.astype(np.int32)
    return np.asarray(colormap[(wide[..., 0] * 256 + wide[..., 1]) * 256 + wide[..., 2]])


def _are_bytes(values: NDArray[Any]) -> bool:
    return values.dtype == np.uint8 or not values.size or (values.min() >= 0 and values.max() <= 255)


def segmentation_rand_crop(
    feature: NDArray[Any], label: NDArray[Any], height: int, width: int, rng: np.random.Generator | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same random window of height x width of an image and its label; views. UsageError if they are smaller."""
    height, width = check_size("size", height, width)
    rows, columns = feature.shape[:2]
    if label.shape[:2] != (rows, columns):
        raise UsageError(f"image is {rows}x{columns}, label {label.shape[0]}x{label.shape[1]}", code="size-mismatch")
    if rows < height or columns < width:
        raise UsageError(f"a {height}x{width} crop does not fit into {rows}x{columns}", code="image-too-small")
    rng = np.random.default_rng() if rng is None else rng
    y, x = int(rng.integers(rows - height + 1)), int(rng.integers(columns - width + 1))
    return feature[y : y + height, x : x + width], label[y : y + height, x : x + width]


class SegmentationDataset:
    """Random crops of images and color-coded labels in memory.

    images: (H, W, 3) uint8 each; labels: (H, W, 3) uint8 colors each. Images smaller than height x width are left
    out, as in the chapter; `dropped` counts them. `dataset[i]` is (image (3, height, width) float32 normalized by
    RGB_MEAN and RGB_STD, label (height, width) uint8): another crop at each call, void as class 0.
    `pixelwise.Loader(..., small="pad")` keeps small images and void.
    """

    def __init__(self, images: Sequence[U8], labels: Sequence[U8], height: int, width: int, seed: int = 0) -> None:
        if len(images) != len(labels):
            raise UsageError(f"expected as many labels as images, got {len(images)} images and {len(labels)} labels")
        kept = [i for i, image in enumerate(images) if image.shape[0] >= height and image.shape[1] >= width]
        self.dropped = len(images) - len(kept)
        self._source = ArraySource([images[i] for i in kept], [_CHAPTER.encode(labels[i]) for i in kept])
        self._transforms = (RandomCrop(height, width), Normalize())
        self._seed = seed
        self._calls = itertools.count()
        print(f"read {len(kept)} examples")

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        at = np.array([index % len(self)])
        plans = make_plans(self._transforms, self._source.sizes(at), Draws(self._seed, next(self._calls), at).uniform)
        image, label = render_one(
            self._source, int(at[0]), plans, _CHAPTER.padding_index, "float32", label_dtype=np.uint8
        )
        assert label is not None
        return image, label


class _Pairs:
    """A Loader whose batches are (images, labels), as the chapter's loops expect."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return ((batch.images, batch.labels) for batch in self.loader if batch.labels is not None)


def load_data_voc_segmentation(
    batch_size: int,
    height: int = 320,
    width: int = 480,
    voc_dir: str | os.PathLike[str] = "VOCdevkit/VOC2012",
    *,
    download: bool = False,
    seed: int = 0,
) -> tuple[_Pairs, _Pairs]:
    """(train, test) iterators over VOC's train and val lists.

    Batches are (images (B, 3, height, width) float32 normalized, labels (B, height, width) int64). As in the chapter,
    both take random crops, skip images smaller than the crop (the number of images read is printed), drop the last
    short batch, and turn void into background. So the test iterator scores neither all images nor whole ones: evaluate
    with whole images (`pixelwise.Loader(voc["val"], 1)`) and keep void (`pixelwise.open` does).
    download: get VOC2012 first (2 GB) if it is not at `voc_dir`, which must then end in VOCdevkit/VOC2012.
    """
    if download:
        from .downloads.getting import download as get

        home = Path(voc_dir)
        if home.parts[-2:] != ("VOCdevkit", "VOC2012"):
            raise UsageError(f"with download=True, voc_dir must end in VOCdevkit/VOC2012, got {home}")
        get("voc2012", home.parents[1])
    voc = _open(voc_dir, classes=_CHAPTER)

    def pairs(name: str, shuffle: bool) -> _Pairs:
        loader = Loader(
            voc[name], batch_size, [RandomCrop(height, width), Normalize()],
            shuffle=shuffle, drop_last=True, small="drop", shard=(0, 1), seed=seed, label_dtype="int64",
            threads=get_dataloader_workers(),
        )  # fmt: skip
        print(f"read {len(voc[name]) - len(loader.dropped)} examples")
        return _Pairs(loader)

    return pairs("train", True), pairs("val", False)


def show_images(
    imgs: Sequence[NDArray[Any]], num_rows: int, num_cols: int, titles: Sequence[str] | None = None, scale: float = 1.5
) -> Any:
    """Images in a grid: the (num_rows * num_cols,) matplotlib axes. Needs the extra `pixelwise[plot]`.

    imgs: (H, W, 3) uint8 or float in 0..1, or (H, W). `pixelwise.show` draws images with labels, classes and overlays.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        what = "show_images draws with matplotlib, which is not installed"
        raise UsageError(what, code="missing-extra", fix="pip install 'pixelwise[plot]'") from None
    _, axes = plt.subplots(num_rows, num_cols, figsize=(num_cols * scale, num_rows * scale), squeeze=False)
    axes = axes.flatten()
    for i, ax in enumerate(axes):
        ax.axis("off")
        if i < len(imgs):
            ax.imshow(imgs[i])
            if titles is not None and i < len(titles):
                ax.set_title(titles[i])
    return axes


def get_dataloader_workers() -> int:
    """The number of threads that read data: one per core."""
    return default_threads()


def _open(voc_dir: str | os.PathLike[str], **options: Any) -> Dataset:
    return open_dataset(voc_dir, format="voc", **options)


def _set_names(image_sets: str | Sequence[str]) -> Sequence[str]:
    return [image_sets] if isinstance(image_sets, str) else image_sets
