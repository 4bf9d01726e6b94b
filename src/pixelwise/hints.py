"""Mistakes are met with the answer: the nearest name, what other libraries call a thing, what an argument is called.

`unknown_name` and `ByName` are for names in data, `unknown_attribute` for those of the package, `hinted` for arguments.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from itertools import islice
from numbers import Integral, Real
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import numpy as np

from .errors import PixelwiseError, UnknownNameError, UsageError

T = TypeVar("T")
Name = TypeVar("Name", bound=str)
Called = TypeVar("Called", bound=Callable[..., Any])

ELSEWHERE: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("ToTensor", "PILToTensor", "ToImage", "ConvertImageDtype", "ToDtype", "ToTensorV2"),
        "a Loader gives float arrays (output=), a pixelwise.torch.TensorLoader tensors",
    ),
    **dict.fromkeys(("Compose", "Sequential"), "transforms are a list: [pw.RandomCrop(320, 480), pw.Normalize()]"),
    **dict.fromkeys(
        ("DataLoader", "load", "batches", "Dataloader"),
        "pw.Loader(split, batch_size, transforms) makes batches; "
        "pixelwise.torch.as_map_dataset(split) is for torch's DataLoader",
    ),
    **dict.fromkeys(
        ("TensorLoader", "TensorBatch", "MappingLoader", "DeviceLoader", "as_map_dataset", "as_model", "all_reduce",
         "from_torchvision"),
        "from pixelwise.torch import {name}",
    ),
    **dict.fromkeys(("ArrayLoader", "ArrayBatch", "GrainSource"), "from pixelwise.jax import {name}"),
    "KerasLoader": "from pixelwise.keras import {name}",
    **dict.fromkeys(
        ("VOCSegmentation", "Cityscapes", "CocoDetection", "load_dataset", "ImageFolder", "read", "from_folder"),
        "pw.open(path) opens a dataset of any known format",
    ),
    **dict.fromkeys(
        ("MeanIoU", "JaccardIndex", "mIoU", "IoU", "miou", "mean_iou", "ConfusionMatrix", "Evaluator",
         "Dice", "F1Score", "IoUMetric", "SegmentationMetric"),
        "pw.Confusion(dataset.classes) counts, .scores(protocol) gives the IoU",
    ),
    **dict.fromkeys(("Lambda", "OneOf", "RandomApply", "SomeOf"), "pw.Apply takes a function of (image, label)"),
    **dict.fromkeys(("Rotate", "SafeRotate"), "pw.RandomRotation(degrees)"),
    **dict.fromkeys(("HorizontalFlip", "RandomFlip", "Flip", "FlipLR"), "pw.RandomHorizontalFlip()"),
    **dict.fromkeys(("VerticalFlip", "FlipUD"), "pw.RandomVerticalFlip()"),
    **dict.fromkeys(("SmallestMaxSize", "Scale"), "pw.ResizeShortest(size)"),
    **dict.fromkeys(("torch", "jax", "keras", "d2l"), "import pixelwise.{name}"),
    "LongestMaxSize": "pw.ResizeLongest(size)",
    **dict.fromkeys(("PadIfNeeded", "RandomPad"), "pw.RandomCrop(height, width, pad_if_needed=True) or pw.Pad"),
    **dict.fromkeys(("CoarseDropout", "Cutout", "GridDropout"), "pw.RandomErasing()"),
    **dict.fromkeys(("ShiftScaleRotate", "Affine"), "pw.RandomAffine(...)"),
    **dict.fromkeys(("PhotoMetricDistortion", "PhotoMetricDistort"), "pw.RandomPhotometricDistort()"),
    **dict.fromkeys(("RandomBrightnessContrast", "HueSaturationValue"), "pw.ColorJitter(...)"),
    **dict.fromkeys(("plot", "visualize", "imshow", "draw", "plot_batch", "view"), "pw.show(data) draws a sheet"),
    **dict.fromkeys(("evaluate", "eval"), "pw.score(predictions, dataset) scores a folder of predictions"),
    **dict.fromkeys(("ClassWeights", "class_weights", "compute_class_weight"), "pw.stats(dataset).weights(formula)"),
    **dict.fromkeys(("colormap", "palette", "PALETTE", "VOC_COLORMAP"), "dataset.classes.colors, or pw.voc_colormap()"),
    **dict.fromkeys(("random_split", "train_test_split"), 'dataset.split({{"train": 0.8, "val": 0.2}})'),
    **dict.fromkeys(("Subset", "ConcatDataset"), "split[:100] is a part of a split, pw.concat joins datasets"),
    **dict.fromkeys(("WeightedRandomSampler", "RandomSampler"), "Loader(shuffle=True) or sampler=pw.RepeatFactor(...)"),
    **dict.fromkeys(("validate", "verify_dataset", "lint"), "pw.check(dataset) finds every problem"),
    **dict.fromkeys(("LoadImageFromFile", "LoadAnnotations", "PackSegInputs"), "pw.open and pw.Loader read and batch"),
    **dict.fromkeys(("ElasticTransform", "GridDistortion", "AutoAugment", "RandAugment", "TrivialAugmentWide"),
                    "it is not here; pw.Apply takes a function of (image, label)"),
    "RandomResize": "pw.RandomScale((0.5, 2))",
    **dict.fromkeys(("export", "to_coco", "save"), "pw.convert(dataset, folder) writes one"),
}
"""What other libraries call a thing, and what does it here."""

ARGUMENTS: Final[dict[str, str]] = {
    **dict.fromkeys(("num_workers", "workers", "n_jobs", "num_threads"), "threads= does that, without processes"),
    "pin_memory": 'pixelwise.torch.TensorLoader(loader, device="cuda") pins its memory',
    "collate_fn": "images of different sizes are padded to the largest; crop or resize them to one size",
    "prefetch_factor": "prefetch= is the number of batches in progress",
    "persistent_workers": "there are no worker processes; threads= is their number",
    "batch_sampler": "sampler= chooses samples, drop_last= and shard= make the batches",
    **dict.fromkeys(("generator", "worker_init_fn", "random_state"), "seed= decides all that is random"),
    **dict.fromkeys(("bs", "batch"), "batch_size="),
    **dict.fromkeys(("transform", "augmentations", "transforms_list"), "transforms= is a list"),
    "target_transform": "transforms= changes image and label together; dataset.remap changes classes",
    **dict.fromkeys(("image_set", "subset"), 'dataset["train"] is a split'),
    **dict.fromkeys(("split", "mode"), 'splits= names them, or pass dataset["train"]'),
    "root": "the first argument is the path",
    **dict.fromkeys(("n_classes", "nclasses", "classes"), "the class table, or their number, is the first argument"),
    "antialias": "interpolation=\"antialias\" of what resizes (Resize, RandomScale) is torchvision's antialias=True",
    "interpolation": "what resizes (Resize, RandomScale) says how all is interpolated; labels are taken nearest",
    **dict.fromkeys(("padding", "padding_mode", "fill_value"), "pad_if_needed=; the Loader has fill="),
    **dict.fromkeys(("always_apply", "prob"), "p= is the probability"),
    "device": "pixelwise.torch.TensorLoader(loader, device) moves batches to a device",
    "max_pixel_value": "mean and std are in 0..1 here: divide by 255",
    **dict.fromkeys(("void", "ignore_label", "void_index"), "ignore_index="),
}
"""What other libraries call an argument, and what does it here, unless the function has one of a similar name."""

ATTRIBUTES: Final[dict[str, dict[str, str]]] = {
    "Confusion": {
        **dict.fromkeys(("compute", "iou", "miou", "result"), 'scores("voc") gives the IoU by a protocol'),
        **dict.fromkeys(("reset", "clear"), "begin again with a new Confusion; a + b adds two"),
        **dict.fromkeys(("add", "add_batch", "process", "forward"), "update(prediction, truth) counts images"),
    },
    "Scores": dict.fromkeys(("mean_iou", "mIoU", "mean"), "miou is the mean, iou that of each class"),
    "Split": {
        **dict.fromkeys(("num_classes", "class_names", "nclasses"), "len(split.classes) and split.classes.names"),
        **dict.fromkeys(("images", "labels", "masks", "targets"), "image, label = split[0] reads a sample"),
        **dict.fromkeys(("map", "transform", "with_transform"), "Loader(split, batch_size, transforms) applies them"),
        **dict.fromkeys(("shuffle", "batch"), "Loader(split, batch_size, shuffle=True) makes batches"),
        "filter": "select(positions) is a part",
    },
    "Batch": {
        **dict.fromkeys(("to", "cuda", "pin_memory"), "pixelwise.torch.TensorLoader(loader, device) gives tensors"),
        **dict.fromkeys(("image", "pixel_values", "inputs"), "images has them"),
        **dict.fromkeys(("masks", "label", "targets"), "labels has them"),
    },
    "ClassTable": {"num_classes": "len(classes) is their number", "id": "index(name) is the id of a class"},
    "Loader": {
        "dataset": "split is what it reads",
        **dict.fromkeys(("set_epoch", "sampler"), "each iteration is the next epoch; load_state_dict continues one"),
    },
}
"""What other libraries call an attribute of such an object, by the names of our classes, and what does it here."""


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The name that was probably meant, or None. Case and signs do not matter, and a part stands for the whole."""
    known = [*islice(names, 20_000)]  # among millions, the search would take longer than looking for oneself
    folded = {_folded(n): n for n in reversed(known)}
    wanted = _folded(name)
    if wanted in folded:
        return folded[wanted]
    begun = [n for n in folded if len(wanted) >= 2 and n.startswith(wanted)]
    begins = sorted((n for n in folded if len(n) >= 3 and wanted.startswith(n)), key=len, reverse=True)
    inside = [n for n in folded if len(wanted) >= 3 and wanted in n]
    found = [*get_close_matches(wanted, folded, 1, 0.65), *begins, *begun, *inside]
    return folded[found[0]] if wanted and found else None


def _folded(name: object) -> str:
    return re.sub(r"[\W_]", "", str(name).casefold())


def unknown_name(kind: str, name: object, names: Iterable[str], *, where: object = None) -> UnknownNameError:
    """The error for a name that does not exist. kind: such as "split"; its last word is in the code, too. names: those
    that do exist.
    """
    known = [*names]
    listed = ", ".join(known[:50]) + (f" and {len(known) - 50:,} more" if len(known) > 50 else "")
    said = f"the {kind}{'es' if kind.endswith('s') else 's'} are: {listed or 'none'}"
    code = f"unknown-{kind.split()[-1]}"
    return UnknownNameError(f"no {kind} named {name!r}", code=code, fix=meant(name, known) + said, where=where)


def meant(name: object, names: Iterable[str]) -> str:
    """"did you mean 'train'? ", to go before a list of the names, or nothing if no name is near."""
    near = nearest(name, names)
    return "" if near is None or near == name else f"did you mean {near!r}? "


class ByName(dict[Name, T]):
    """Things of one kind by their names. UnknownNameError for any other name."""

    def __init__(self, kind: str, things: Mapping[Name, T]) -> None:
        super().__init__(things)
        self.kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise unknown_name(self.kind, name, self)


def unknown_attribute(name: str, names: Iterable[str]) -> AttributeError:
    """The error for a name that the package does not have."""
    answer = ELSEWHERE.get(name)
    if answer is None and not name.startswith("__"):
        near = nearest(name, names)
        answer = "docs/api.md lists the names" if near is None else f"did you mean {near!r}?"
    hint = "" if answer is None else f"; {answer.format(name=name)}"
    return AttributeError(f"module 'pixelwise' has no attribute {name!r}{hint}")


# -- arguments ------------------------------------------------------------------------------------------------


def hinted(called: Called) -> Called:
    """A function or class that holds its arguments against its annotations and says what to write instead.

    UsageError `unknown-argument` for a name that it does not have, `wrong-arguments` for one that is missing, and
    `bad-argument` for one of a wrong kind, if the annotation is in `CHECKED`. A type checker sees the function itself.
    """
    if isinstance(called, type):
        called.__init__ = _hinted(called.__init__, called.__name__)  # type: ignore[misc]
        return called
    return _hinted(called, called.__name__)


def answering(kind: type[T]) -> type[T]:
    """A class whose objects say what to write instead of an attribute that they lack. Type checkers do not see it."""

    def lacks(self: object, name: str) -> NoReturn:
        if name.startswith("_"):  # of copies and pickles that are not finished, and of those who only ask
            raise AttributeError(name)
        known = [n for n in dir(self) if not n.startswith("_")]
        if name in known:
            object.__getattribute__(self, name)  # a property that fails: its own error again
        near = nearest(name, known)
        said = ATTRIBUTES.get(kind.__name__, {}).get(name) or (f"did you mean {near!r}?" if near else "")
        raise AttributeError(f"{kind.__name__} has no attribute {name!r}; {said or 'it has ' + ', '.join(known)}")

    kind.__getattr__ = lacks  # type: ignore[attr-defined]
    return kind


def _hinted(function: Called, name: str) -> Called:
    places, checks = [*inspect.signature(function).parameters], _checks_of(function)

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for argument, value in (*zip(places, args, strict=False), *options.items()):
            check = checks.get(argument)
            if check is not None and not any(kind.fits(value) for kind in check):
                expected = " or ".join(dict.fromkeys(kind.words for kind in check))
                raise UsageError(f"{argument} must be {expected}, got {briefly(value)}")
        try:
            return function(*args, **options)
        except TypeError as error:
            if isinstance(error, PixelwiseError) or error.__traceback__ is None or error.__traceback__.tb_next:
                raise  # from inside the function, not from calling it
            problem = _wrong_call(function, name, args, options)
            if problem is None:
                raise
            raise problem from None

    return call  # type: ignore[return-value]


class Kind(NamedTuple):
    """A kind of argument: whether a value is of it, and its name in messages."""

    fits: Callable[[Any], bool]
    words: str


def _ours(name: str, words: str) -> Kind:
    # By the name of the class, since classes are far above.
    def fits(value: Any) -> bool:
        return any(k.__name__ == name and k.__module__.startswith("pixelwise") for k in type(value).__mro__)

    return Kind(fits, words)


def _several(words: str) -> Kind:
    def fits(value: Any) -> bool:
        numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biufc"
        return isinstance(value, Iterable) and not isinstance(value, (str, os.PathLike)) and not numbers

    return Kind(fits, words)


CHECKED: Final[dict[str, Kind]] = {
    "None": Kind(lambda value: value is None, "None"),
    "bool": Kind(lambda value: isinstance(value, (bool, np.bool_)) or (type(value) is int and value in (0, 1)),
                 "True or False"),
    "int": Kind(lambda value: isinstance(value, Integral), "a whole number"),
    "float": Kind(lambda value: isinstance(value, Real), "a number"),
    "str": Kind(lambda value: isinstance(value, str), "a string"),
    "os.PathLike[str]": Kind(lambda value: isinstance(value, os.PathLike), "a path"),
    "Progress": Kind(callable, "a function of (done, total)"),
    "Sequence[str]": _several("a list of names"),
    "Iterable[str]": _several("a list of names"),
    "tuple[str, ...]": _several("a list of names"),
    "Sequence[Dataset]": Kind(lambda value: isinstance(value, (list, tuple)), "a list of datasets"),
    "Sequence[Flip]": _several("a list"),
    "Sequence[Column]": _several("a list of columns"),
    "Confusion": _ours("Confusion", "a Confusion"),
    "ClassTable": _ours("ClassTable", "a ClassTable"),
    "Tiling": _ours("Tiling", "a Tiling"),
    "Archive": _ours("Archive", "an Archive"),
}
"""The annotations that are checked. Numbers are checked where they are used, where their range is known."""


def _checks_of(function: Callable[..., Any]) -> dict[str, tuple[Kind, ...]]:
    """The kinds of each argument whose annotation says it completely."""
    out = {}
    for name, annotation in function.__annotations__.items():
        parts = str(annotation).split(" | ")
        if set(parts) <= CHECKED.keys() and not set(parts) <= {"int", "float", "None"} and name != "return":
            path = {"str", "os.PathLike[str]"} <= set(parts)
            out[name] = tuple(CHECKED[p]._replace(words="a path") if path and p == "str" else CHECKED[p] for p in parts)
    return out


def briefly(value: object) -> str:
    """A value in a message: its `repr` if that is short and of one line, else its type."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} {tuple(shape)}"
    said = repr(value)
    return said if len(said) <= 80 and "\n" not in said else f"{said[:60].splitlines()[0]}... ({type(value).__name__})"


def _wrong_call(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], options: dict[str, Any]
) -> UsageError | None:
    """What is wrong with the arguments; None if they fit."""
    signature = inspect.signature(function)
    known = {n: p for n, p in signature.parameters.items() if n != "self"}
    if stray := [n for n in options if n not in known]:
        listed = ", ".join(n for n in known if not n.startswith("_"))
        fix = argument_meant(stray[0], known) or f"the arguments are: {listed or 'none'}"
        return UsageError(f"{name}() has no argument {stray[0]!r}", code="unknown-argument", fix=fix)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        plain = (p.replace(annotation=inspect.Parameter.empty) for p in known.values())
        fix = f"call it as {name}{inspect.Signature([*plain])}"
        return UsageError(f"{name}(): {error}", code="wrong-arguments", fix=fix)
    return None


def argument_meant(name: str, known: Iterable[str]) -> str | None:
    """What to write instead of an argument that does not exist, or None. known: the arguments that do."""
    near = nearest(name, known)
    if name in ARGUMENTS and (near is None or _folded(near) != _folded(name)):
        return ARGUMENTS[name]
    return None if near is None else f"did you mean {near}=?"
