"""The options that commands share, how a dataset is opened by them, and errors that speak of options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from ..dataset.dataset import Dataset
from ..errors import PixelwiseError
from ..formats.opening import open as open_dataset

_BESIDE: dict[str, Any] = {"show_default": False}

DatasetPath = Annotated[
    Path, typer.Argument(metavar="DATASET", help="The dataset or pack: its folder, or one above it.", **_BESIDE)
]
Splits = Annotated[
    list[str] | None, typer.Option("--split", metavar="NAME", help="Only this split; repeat for more.", **_BESIDE)
]
Labels = Annotated[
    str | None,
    typer.Option("--labels", metavar="KIND", help="Folder or kind of the labels: SegmentationClassAug.", **_BESIDE),
]
Format = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="If it is not recognized, or two fit.", **_BESIDE)
]
Threads = Annotated[int | None, typer.Option("--threads", metavar="N", help="By default one per core.", **_BESIDE)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def opened(path: Path, labels: str | None, format: str | None) -> Dataset:
    """The dataset at `path`, with the kind of labels and the format that the options name."""
    options: dict[str, Any] = {} if labels is None else {"labels": labels}
    return open_dataset(path, format=format, **options)


def speaking(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, with errors that name its options (`--format voc`) instead of Python's keywords (`format='voc'`)."""
    options = _option_names(command)

    @wraps(command)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except PixelwiseError as error:
            error.message = _by_options(error.message, options)
            error.fix = error.fix and _by_options(error.fix, options)
            raise

    return call


def _option_names(command: Callable[..., None]) -> dict[str, str]:
    """Python's keyword -> the option of the command that stands for it."""
    names = {}
    hints = get_type_hints(command, include_extras=True)
    for name in inspect.signature(command).parameters:
        for info in get_args(hints[name]):
            if isinstance(info, OptionInfo):
                option = next((d for d in info.param_decls or () if d.startswith("--")), f"--{name.replace('_', '-')}")
                names[name] = option
    return names


def _by_options(text: str, options: dict[str, str]) -> str:
    for keyword, option in options.items():
        text = re.sub(rf"\b{keyword}=(?:\"([^\"]*)\"|'([^']*)')", rf"{option} \1\2", text)
        text = re.sub(rf"\b{keyword}=(?=\S)", f"{option} ", text)
        text = re.sub(rf"\b{keyword}=", option, text)
        text = re.sub(rf"^{keyword}(?= must be )", option, text)
    return text
