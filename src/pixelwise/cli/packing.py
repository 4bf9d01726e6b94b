"""pack, verify: make a pack of a dataset, and check every record of one."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from ..packs import pack as pack_dataset
from ..packs import verify as verify_pack
from .console import out, progress
from .data import open_path

OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="The pack: a folder of its own.", show_default=False)]


def pack(
    path: Annotated[Path, typer.Argument(help="The dataset: its folder, or a folder above it.", show_default=False)],
    target: OutArgument,
    split: Annotated[list[str] | None, typer.Option(help="A split to pack; repeat for more. Default: all.")] = None,
    encoding: Annotated[str, typer.Option(help="raw: pixels, fastest. original: encoded files, smallest.")] = "raw",
    threads: Annotated[int | None, typer.Option(help="Threads; default one a core.", show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another pack, mend this one.")] = False,
    labels: Annotated[str | None, typer.Option(help="Folder of the labels.", show_default=False)] = None,
) -> None:
    """Pack a dataset for fast reading. Stopped and run again, it continues."""
    dataset = open_path(path, labels)
    started = perf_counter()
    kind: Any = encoding
    with progress("packing", "samples") as update:
        packed = pack_dataset(
            dataset, target, splits=split, encoding=kind, threads=threads, overwrite=overwrite, progress=update
        )
    seconds = perf_counter() - started
    size = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
    counts = ", ".join(f"{name} {len(packed[name])}" for name in packed.splits)
    out.print(f"{target}: {size / 1e6:,.0f} MB, splits {counts} ({seconds:.1f} s)", markup=False)


def verify(
    target: OutArgument,
    check_source: Annotated[bool, typer.Option("--check-source", help="Also: have its source files changed?")] = False,
    source: Annotated[Path | None, typer.Option(help="Where the source lies now.", show_default=False)] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; default one a core.", show_default=False)] = None,
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


COMMANDS = (pack, verify)
