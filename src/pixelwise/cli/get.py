"""download: get a dataset, verified, never half in place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..downloads import download as download_dataset
from .console import out, progress_steps


def download(
    name: Annotated[str, typer.Argument(help="voc2012, or voc2007 to voc2011.", show_default=False)],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where VOCdevkit/VOC... shall lie.")],
    archive: Annotated[
        Path | None, typer.Option(help="Unpack this file, which you got yourself.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Unpack all, not only what segmentation needs.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archive.")] = False,
    mirror: Annotated[list[str] | None, typer.Option(help="A URL instead of the known ones; repeat for more.")] = None,
) -> None:
    """Download a dataset: resumed after any interruption, verified before it is unpacked."""
    try:
        with progress_steps(name) as update:
            root = download_dataset(
                name, directory, archive=archive, everything=everything, keep_archive=keep, mirrors=mirror,
                progress=update, say=lambda text: out.print(text, markup=False),
            )  # fmt: skip
    except KeyboardInterrupt:
        print("pixelwise: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    out.print(f"Open it with pixelwise info {root}", markup=False)


COMMANDS = (download,)
