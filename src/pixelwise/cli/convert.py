"""convert, init, pack, verify: a dataset in another form; a first description of files of your own."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from ..errors import UsageError, printable
from ..files import atomic_write
from ..packs.encodings.table import ENCODINGS
from ..packs.verifying import verify as verify_pack
from ..packs.writing import pack as pack_dataset
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
    threads: Annotated[int | None, typer.Option(help="Threads; default: one per core.", show_default=False)] = None,
) -> None:
    """Write a dataset as index or palette PNGs with lists and a pixelwise.toml. Run again to resume."""
    from ..formats import converting

    dataset = open_path(path, labels, format)
    kept = None if classes is None else [c.strip() for c in classes.split(",") if c.strip()]
    wanted: Any = {"to": to, "images": images}
    with progress("converting") as update:
        made = converting.convert(dataset, output, classes=kept, threads=threads, progress=update, **wanted)
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
    from ..formats.first_toml import propose
    from ..formats.toml import FILE, text_of

    if (images is None) != (labels is None):
        raise UsageError("give both --images and --labels, or neither")
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


ENCODING_HELP = " ".join(f"{e.name}: {e.about}." for e in ENCODINGS.values())
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="The pack: a folder of its own.", show_default=False)]


def pack(
    path: Annotated[Path, typer.Argument(help="The dataset: its folder, or a folder above it.", show_default=False)],
    target: OutArgument,
    split: Annotated[list[str] | None, typer.Option(help="A split to pack; repeat for more. Default: all.")] = None,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "raw",
    threads: Annotated[int | None, typer.Option(help="Threads; default: one per core.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another pack, mend this one.")] = False,
    labels: Annotated[str | None, typer.Option(help="Folder of the labels.", show_default=False)] = None,
) -> None:
    """Pack a dataset for fast reading. Stopped and run again, it continues."""
    dataset = open_path(path, labels)
    started = perf_counter()
    with progress("packing", "samples") as update:
        packed = pack_dataset(
            dataset, target, splits=split, encoding=encoding, threads=threads, overwrite=overwrite, progress=update
        )
    seconds = perf_counter() - started
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    counts = ", ".join(f"{name} {len(packed[name])}" for name in packed.splits)
    out.print(f"{target}: {size / 1e6:,.0f} MB, splits {counts} ({seconds:.1f} s)", markup=False)


def verify(
    target: OutArgument,
    check_source: Annotated[bool, typer.Option("--check-source", help="Also: have its source files changed?")] = False,
    source: Annotated[Path | None, typer.Option(help="Where the source is now.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one per core.", show_default=False)] = None,
) -> None:
    """Read every byte of a pack and name what is damaged, by shard and record. Exit 1 where anything is."""
    with progress("verifying", "samples") as update:
        found = verify_pack(target, source=source or check_source, threads=threads, progress=update)
    for finding in found:
        out.print(str(finding), markup=False)
    if found:
        out.print(f"{target}: {len(found)} problem{'s' * (len(found) > 1)}", markup=False)
        raise typer.Exit(1)
    out.print(f"{target}: every record is as it was packed", markup=False)


COMMANDS = (convert, init, pack, verify)
