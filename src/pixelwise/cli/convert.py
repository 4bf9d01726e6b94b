"""convert, init: a dataset as a clean one of another layout; a first description of files of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError, printable
from ..files import atomic_write
from .console import out, progress
from .data import open_path

PathArgument = Annotated[Path, typer.Argument(help="The dataset: its folder.", show_default=False)]


def convert(
    path: PathArgument,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="index, voc or cityscapes.")] = "index",
    format: Annotated[str | None, typer.Option(help="The source's format.", show_default=False)] = None,
    labels: Annotated[str | None, typer.Option(help="Which of its labels.", show_default=False)] = None,
    classes: Annotated[
        str | None, typer.Option(help="Classes to keep, by commas; all others are void.", show_default=False)
    ] = None,
    images: Annotated[str, typer.Option(help="copy, symlink or hardlink.")] = "copy",
    threads: Annotated[int | None, typer.Option(help="Threads; default one a core.", show_default=False)] = None,
) -> None:
    """Write a dataset as index or palette PNGs with lists and a pixelwise.toml. Run again to go on."""
    from .. import conversion

    dataset = open_path(path, labels, format)
    kept = None if classes is None else [c.strip() for c in classes.split(",") if c.strip()]
    wanted: Any = {"to": to, "images": images}
    with progress("converting") as update:
        made = conversion.convert(dataset, output, classes=kept, threads=threads, progress=update, **wanted)
    counts = ", ".join(f"{len(made[name])} {name}" for name in made.splits)
    out.print(f"{dataset.format} -> {to}: {counts}; {len(made.classes)} classes; {output}", markup=False)


def init(
    path: PathArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write; default beside the data.", show_default=False)
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="Where the images are: 'photos/{name}.jpg'.", show_default=False)
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Where the labels are: 'masks/{name}.png'.", show_default=False)
    ] = None,
) -> None:
    """Look at the files of a dataset of your own and write a first pixelwise.toml to be completed."""
    from ..formats.described import FILE
    from ..formats.proposal import propose, text_of

    if (images is None) != (labels is None):
        raise UsageError("give both --images and --labels, or neither", code="bad-argument")
    target = path / FILE if output is None else output
    if target.exists():
        raise UsageError("is there already", code="exists", where=target, fix="edit it, or move it away")
    with progress("counting", "labels") as update:
        text = propose(path, images, labels, progress=update)
    if target.parent.absolute() != path.absolute():
        text = f"root = {text_of(str(path.absolute()))}\n\n{text}"
    with atomic_write(target) as file:
        file.write(text.encode())
    found = text.count("[[class]]")
    out.print(f"{printable(target)}: {found} classes to be named; then: pixelwise info {printable(target)}",
              markup=False)  # fmt: skip


COMMANDS = (convert, init)
