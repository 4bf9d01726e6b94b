"""warmup: compile the kernels once, so that no later run on this machine waits for it."""

from __future__ import annotations

import pkgutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import kernels
from ..codecs.pair_windows import prepare_kernels
from ..dataset.dataset import Dataset
from ..formats.opening import open as open_dataset
from ..formats.rasterize import LabelCanvas, Shape
from ..loading.loader import Loader
from ..loading.outputs import Output
from .console import answer, progress
from .options import JsonOption


def warmup(as_json: JsonOption = False) -> None:
    """Compile the kernels of this machine, once: in a container's build, or before many processes start."""
    started = perf_counter()
    with tempfile.TemporaryDirectory() as folder, progress("compiling", "steps") as update:
        works = (_signatures, _files, _packs, _labels, _scores)
        for done, work in enumerate(works, 1):
            work(Path(folder))
            update(done, len(works))
    seconds = perf_counter() - started
    said = f"Kernels are compiled ({seconds:.1f} s); where they were already, this takes a few seconds."
    answer(as_json, {"seconds": round(seconds, 1)}, said)


def _signatures(_: Path) -> None:
    """The kernels that state their types, which compile as their modules are imported."""
    for module in pkgutil.iter_modules(kernels.__path__):
        getattr(kernels, module.name)


def _files(folder: Path) -> None:
    from .. import sample

    prepare_kernels()
    _load(open_dataset(sample(folder / "voc", count=6, seed=0)))


def _packs(folder: Path) -> None:
    from .. import pack

    for encoding in ("raw", "original"):
        _load(open_dataset(pack(folder / "voc", folder / f"{encoding}.pack", encoding=encoding).root))


def _load(dataset: Dataset) -> None:
    """One batch by each recipe, and by each output."""
    from .. import RECIPES, CenterCrop, Normalize, RandomAffine, RandomBrightness, RandomCrop
    from .. import RandomHorizontalFlip as Flip
    from ..transforms.after import GaussianBlur, GaussianNoise

    crop: list[Any] = [RandomCrop(64, 96), Flip(), Normalize()]
    lists = [crop, [CenterCrop(64, 64)], [RandomAffine(5), *crop]]
    lists.append([RandomBrightness(0.2), *crop, GaussianBlur(), GaussianNoise()])
    for transforms in (*lists, *(list(make()) for make in RECIPES.values())):
        next(iter(Loader(dataset["train"], 2, transforms, small="pad", shuffle=True)))
    outputs: tuple[Output, ...] = ("float16", "uint8", "float32-hwc", "uint8-hwc")
    for output in outputs:
        next(iter(Loader(dataset["train"], 2, crop, output=output)))


def _labels(folder: Path) -> None:
    from .. import check, class_index, show, stats

    dataset = open_dataset(folder / "voc")
    check(dataset)
    stats(dataset)
    class_index(dataset["train"])
    show(dataset["train"], n=1)
    square = np.array([(1, 1), (5, 1), (5, 5), (1, 5)], np.float64)
    canvas = LabelCanvas((8, 8), dataset.classes, 0)
    for shape in (Shape(1, 1, (square,)), Shape(2, 2, runs=np.array([10, 5, 49]), size=(8, 8))):
        canvas.add(shape, [])


def _scores(folder: Path) -> None:
    from .. import Confusion, predict, score

    dataset = open_dataset(folder / "voc")

    def model(images: Any) -> Any:
        logits = np.zeros((len(images), len(dataset.classes), *images.shape[2:]), np.float32)
        logits[:, 0] = images[:, 0]
        return logits

    Confusion(21, 255).update(model(np.zeros((2, 3, 8, 8), np.float32)), np.zeros((2, 8, 8), np.uint8))
    predict(model, dataset, folder / "predictions", splits="val")
    score(folder / "predictions", dataset, splits="val", boundary=True)


COMMANDS = (warmup,)
