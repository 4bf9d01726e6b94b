"""The command line: one function per command. Errors are one line; exit 0 fine, 1 data, 2 usage, 3 the environment.

    data     demo, info, load, show, download    convert   formats, convert, init, pack, verify
    check    check, stats                        evaluate  score, predict, submit
    view     view                                merging   merge
    warming  warmup                              options   what commands share
    listing  protocols, recipes                  console   tables, progress bars, sizes
"""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated

import typer

from ..errors import PixelwiseError, ScoreError, printable
from . import check, convert, data, evaluate, listing, merging, view, warming
from .console import be_quiet, complain, prepare, say
from .options import speaking

app: typer.Typer = typer.Typer(
    name="pixelwise",
    help="Semantic segmentation data: labels exact or refused, batches at the speed of memory, comparable scores.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for module in (data, view, check, convert, evaluate, listing, merging, warming):
    for command in module.COMMANDS:
        app.command(short_help=re.split(r"[:.,](?: |$)", str(command.__doc__))[0])(speaking(command))


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        say(f"pixelwise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors only: no progress bars, no warnings.")
    ] = False,
) -> None:
    be_quiet(quiet)


def main() -> None:
    """Run the command line and exit with its code."""
    prepare()
    try:
        app()
    except PixelwiseError as error:
        _fail(str(error), error.exit_code, error)
    except KeyboardInterrupt:
        _fail("interrupted", 130, None)
    except OSError as error:
        where = f"{printable(error.filename)}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}", 3, error)
    except MemoryError as error:
        _fail("out of memory", 3, error)


def _fail(message: str, code: int, error: BaseException | None) -> None:
    if error is not None and os.environ.get("PIXELWISE_DEBUG"):
        raise error
    notes = [printable(n) for n in getattr(error, "__notes__", [])]
    if isinstance(error, ScoreError):  # one problem per line before the line of the error
        text = "".join(f"  {n}\n" for n in notes) + f"pixelwise: {message}"
    else:
        text = f"pixelwise: {message}" + "".join(f" ({n})" for n in notes)
    complain(text)
    sys.exit(code)
