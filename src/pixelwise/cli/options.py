"""The options that commands share, the dataset that they open, and errors that name options."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_type_hints

from typer import Argument, Context, Option
from typer.models import OptionInfo

from ..dataset.dataset import Dataset
from ..errors import PixelwiseError, PixelwiseWarning, UsageError
from ..formats.opening import known_formats
from ..formats.opening import open as open_dataset
from ..parts import Part, PartOf
from ..threads import run_in
from .console import answer, is_quiet, own_output, pipes

DatasetPath = Annotated[Path, Argument(metavar="DATASET", help="The dataset or pack: its folder, or one above it.")]
SplitOption = Annotated[list[str] | None, Option("--split", metavar="NAME", help="Only this split; repeat for more.")]
LabelsOption = Annotated[
    str | None, Option("--labels", metavar="KIND", help="Folder or kind of the labels: SegmentationClassAug.")
]
FormatOption = Annotated[
    str | None,
    Option(
        "--format", metavar="NAME", help="If it is not recognized, or two fit.",
        autocompletion=lambda: [*known_formats()],
    ),
]  # fmt: skip
ThreadsOption = Annotated[int | None, Option("--threads", metavar="N", help="By default one per core.")]
PartOption = Annotated[str | None, Option("--part", metavar="K/N", help="Only the K-th of N parts; see merge.")]
RayOption = Annotated[str | None, Option("--ray", metavar="ADDRESS", help="Work on this Ray cluster, or auto.")]
JsonOption = Annotated[bool, Option("--json", help="Print JSON.")]


def opened(path: Path, labels: str | None, format: str | None) -> Dataset:
    """The dataset at `path`, with the kind of labels and the format that the options name."""
    return open_dataset(path, **opening(labels, format))


def opening(labels: str | None, format: str | None) -> dict[str, Any]:
    """The options of `open` that were given."""
    return {name: value for name, value in {"labels": labels, "format": format}.items() if value is not None}


def part_to_save(context: Context, text: str | None, save: Path | None, *allowed: str) -> PartOf | None:
    """'3/16' as (3, 16). UsageError for other text, without a file to save the part to, and with options that are about
    a report; `allowed` are those that are not.
    """
    part = parse_part(text)
    if part is None:
        return None
    only_with(context, "--part", "part", "save", *allowed, fix="a part is not reported; see pixelwise merge --help")
    if save is None:
        fix = f"add --save part-{part[0]}.json, and merge all of them in the end"
        raise UsageError("--part needs a file to save the part to", fix=fix)
    return part


def parse_part(text: str | None) -> PartOf | None:
    """'3/16' as (3, 16). UsageError for other text."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--part must be K/N with 1 <= K <= N, such as 3/16, got {text!r}")
    return int(match[1]), int(match[2])


def finish_part(part: Part, save: Path | None, as_json: bool) -> None:
    """Save a part, and say so. Problems of the data are for the whole to report."""
    assert save is not None
    part.save(save)
    data = {"verb": part.verb, "part": part.number, "of": part.of, "samples": [part.first, part.last]}
    answer(as_json, {**data, "path": str(save)}, f"{part}: {save}; when all are there: pixelwise merge")


def only_with(context: Context, what: str, *allowed: str, fix: str = "leave that out") -> None:
    """UsageError if options are given that `what` would pass over: all but the shared ones and `allowed` (keywords)."""
    not_with(context, what, *(keyword for keyword in _given(context) if keyword not in (*allowed, *_SHARED)), fix=fix)


def not_with(context: Context, what: str, *keywords: str, fix: str = "leave that out") -> None:
    """UsageError if one of the options is given, which `what` would pass over."""
    given = _given(context)
    if over := [given[keyword] for keyword in keywords if keyword in given]:
        raise UsageError(f"{what} does not go with {', '.join(over)}", fix=fix)


def only_if(context: Context, needed: str, *keywords: str) -> None:
    """UsageError if one of the options is given, which mean nothing without `needed`."""
    given = _given(context)
    if over := [given[keyword] for keyword in keywords if keyword in given]:
        raise UsageError(f"{' and '.join(over)}: only with {needed}", fix=f"add {needed}, or leave that out")


_SHARED: Final = ("split", "threads", "ray", "labels", "format", "as_json")


def _given(context: Context) -> dict[str, str]:
    """The options on the command line as they are written, by keyword."""
    options = {str(p.name): max(p.opts, key=len) for p in context.command.params if p.param_type_name == "option"}
    sources = {keyword: context.get_parameter_source(keyword) for keyword in options}
    return {k: options[k] for k, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def speaking(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, with errors and warnings that name its options (`--format voc`) instead of Python's keywords
    (`format='voc'`). A warning is one line. It exits quietly if its output is a pipe that was closed. Its work is done
    where its option --ray says.
    """
    hints = get_type_hints(command, include_extras=True).items()
    options = {k: _option(k, info) for k, hint in hints for info in get_args(hint) if isinstance(info, OptionInfo)}

    def say(message: Warning | str, kind: type[Warning], file: str, line: int, *_: Any) -> None:
        ours = issubclass(kind, PixelwiseWarning)
        if ours and is_quiet():
            return
        text = _by_options(str(message), options) if ours else warnings.formatwarning(message, kind, file, line)
        print(f"pixelwise: warning: {text.rstrip()}", file=sys.stderr)

    @wraps(command)
    def call(*args: Any, **kwargs: Any) -> None:
        try:
            with pipes(), warnings.catch_warnings(), _on_cluster(kwargs.get("ray")):
                warnings.simplefilter("always", PixelwiseWarning)
                warnings.showwarning = say  # type: ignore[assignment]
                command(*args, **kwargs)
        except PixelwiseError as error:
            error.message = _by_options(error.message, options)
            error.fix = error.fix and _by_options(error.fix, options)
            raise

    return call


@contextmanager
def _on_cluster(address: str | None) -> Iterator[None]:
    if address is None:
        yield
        return
    from ..ray import RayPool

    with own_output(), RayPool(address) as pool, run_in(pool):
        yield


def _option(keyword: str, info: OptionInfo) -> str:
    """The option that stands for Python's keyword."""
    return next((d for d in info.param_decls or () if d.startswith("--")), f"--{keyword.replace('_', '-')}")


def _by_options(text: str, options: dict[str, str]) -> str:
    for keyword, option in options.items():
        text = re.sub(rf"\b{keyword}=(?:\"([^\"]*)\"|'([^']*)')", rf"{option} \1\2", text)
        text = re.sub(rf"\b{keyword}=(?=\S)", f"{option} ", text)
        text = re.sub(rf"\b{keyword}=", option, text)
        text = re.sub(rf"^{keyword}(?= must be )", option, text)
    return text
