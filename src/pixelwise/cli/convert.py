"""convert, init, pack, verify: a dataset in another form; a first description of files of your own."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from ..errors import UsageError, printable
from ..files import atomic_write
from ..formats.converting import convert as convert_dataset
from ..formats.first_toml import propose
from ..formats.toml import FILE, text_of
from ..packs.encodings.table import ENCODINGS
from ..packs.verifying import verify as verify_pack
from ..packs.writing import pack as pack_dataset
from .console import out, print_json, progress
from .options import DatasetPath, Format, Json, Labels, Splits, Threads, opened

ENCODING_HELP = " ".join(f"{e.name}: {e.about}." for e in ENCODINGS.values())
PackPath = Annotated[Path, typer.Argument(metavar="OUT", help="The pack: a folder of its own.", show_default=False)]


def convert(
    path: DatasetPath,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The new folder.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="index, voc or cityscapes.")] = "index",
    classes: Annotated[
        str | None, typer.Option(help="Classes to keep, by commas; all others become void.", show_default=False)
    ] = None,
    images: Annotated[str, typer.Option(help="copy, symlink or hardlink.")] = "copy",
    split: Splits = None,
    threads: Threads = None,
    labels: Labels = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Write a dataset as index or palette PNGs with lists and a pixelwise.toml. If interrupted, run it again."""
    dataset = opened(path, labels, format)
    kept = None if classes is None else [c.strip() for c in classes.split(",") if c.strip()]
    wanted: Any = {"to": to, "images": images}
    with progress("converting") as update:
        made = convert_dataset(
            dataset, output, classes=kept, splits=split, threads=threads, progress=update, **wanted
        )
    splits = {name: len(made[name]) for name in made.splits}
    if as_json:
        print_json({"path": str(output), "to": to, "splits": splits, "classes": list(made.classes.names)})
        return
    counts = ", ".join(f"{n} {name}" for name, n in splits.items())
    out.print(f"{dataset.format} -> {to}: {counts}; {len(made.classes)} classes; {output}", markup=False)


def init(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="Your files.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="By default beside the data.", show_default=False)
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="Where the images are: 'photos/{name}.jpg'.", show_default=False)
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Where the labels are: 'masks/{name}.png'.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at the files of a dataset of your own and write a first pixelwise.toml to be completed."""
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels go together: got only one of them")
    target = path / FILE if output is None else output
    if target.exists():
        raise UsageError("there is a file already", code="exists", where=target, fix="edit it, or move it away")
    with progress("counting", "labels") as update:
        text = propose(path, images, labels, progress=update)
    if target.parent.absolute() != path.absolute():
        text = f"root = {text_of(str(path.absolute()))}\n\n{text}"
    with atomic_write(target) as file:
        file.write(text.encode())
    found = text.count("[[class]]")
    if as_json:
        print_json({"path": str(target), "classes": found})
    else:
        where = printable(target)
        out.print(f"{where}: {found} classes; name them, then: pixelwise info {where}", markup=False)


def pack(
    path: DatasetPath,
    target: PackPath,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "raw",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another pack, mend this one.")] = False,
    split: Splits = None,
    threads: Threads = None,
    labels: Labels = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Pack a dataset for fast reading. If interrupted, run it again."""
    dataset = opened(path, labels, format)
    started = perf_counter()
    with progress("packing", "samples") as update:
        packed = pack_dataset(
            dataset, target, splits=split, encoding=encoding, threads=threads, overwrite=overwrite, progress=update
        )
    seconds = perf_counter() - started
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    splits = {name: len(packed[name]) for name in packed.splits}
    if as_json:
        print_json({"path": str(target), "encoding": encoding, "bytes": size, "splits": splits, "seconds": seconds})
    else:
        counts = ", ".join(f"{name} {n}" for name, n in splits.items())
        out.print(f"{target}: {size / 1e6:,.1f} MB, splits {counts} ({seconds:.1f} s)", markup=False)


def verify(
    target: PackPath,
    check_source: Annotated[bool, typer.Option("--check-source", help="Also: have its source files changed?")] = False,
    source: Annotated[Path | None, typer.Option(help="Where the source is now.", show_default=False)] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Read every byte of a pack and name what is damaged, by shard and record. Exit 1 if anything is."""
    with progress("verifying", "samples") as update:
        found = verify_pack(target, source=source or check_source, threads=threads, progress=update)
    if as_json:
        print_json(found.to_dict())
    else:
        for finding in found:
            out.print(str(finding), markup=False)
        problems = f"{len(found)} problem{'s' * (len(found) > 1)}"
        out.print(f"{target}: {problems if found else 'every record is as it was packed'}", markup=False)
    if found:
        raise typer.Exit(1)


COMMANDS = (convert, init, pack, verify)
