"""What every command prints with: text, JSON, tables, progress bars.

Everything printed passes `escaped`, which escapes control characters, so that a hostile file name cannot drive a
terminal; and streams that cannot take a character get an ASCII sign for it (`prepare`).
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from time import monotonic
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import UsageError, printable
from ..types import Progress

WIDE = 100_000
"""Columns of an output that is not a terminal: nothing is cut for it."""



def _end_quietly() -> NoReturn:
    # What is still buffered cannot be written either.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)


class _Output(Console):
    def on_broken_pipe(self) -> None:  # rich's own exits with 1, which means problems in the data
        _end_quietly()


out: _Output = _Output(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else WIDE)
_ASCII = {"█": "#", "→": "->", "·": "-", "×": "x", "…": "...", "–": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """A sign for each character that the stream's encoding lacks: an error handler of `codecs`."""
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_ASCII.get(c) or ("" if c in "▏▎▍▌▋▊▉" else _code(c)) for c in missing), error.end


def _code(c: str) -> str:
    return c.encode("ascii", "backslashreplace").decode()


def prepare() -> None:
    """Let both streams take every character."""
    codecs.register_error("pixelwise.ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="pixelwise.ascii")


def escaped(text: object) -> str:
    """The text, of several lines perhaps, with control characters escaped."""
    return "\n".join(printable(line) for line in str(text).split("\n"))


@contextmanager
def pipes() -> Iterator[None]:
    """Exit quietly if whoever reads the output has seen enough (`| head`), as other programs do: by SIGPIPE's code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _end_quietly()


_quiet = False


def be_quiet(quiet: bool) -> None:
    """Whether progress bars and warnings are left out from now on."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether progress bars and warnings are left out."""
    return _quiet


@contextmanager
def progress(what: str, unit: str = "images") -> Iterator[Progress]:
    """A callback (done, total) that draws a bar on a terminal once a second has passed, and nothing elsewhere.

    unit: "bytes" draws sizes. A new step begins when `done` falls.
    """
    if _quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich import progress as rich

    if unit == "bytes":
        columns: list[rich.ProgressColumn] = [rich.DownloadColumn(), rich.TransferSpeedColumn()]
    else:
        columns = [rich.MofNCompleteColumn(), rich.TextColumn(unit), rich.TextColumn("{task.fields[rate]}")]
    columns = [rich.TextColumn("{task.description}"), rich.BarColumn(), *columns, rich.TimeRemainingColumn()]
    bar = rich.Progress(*columns, console=Console(stderr=True), transient=True)
    task, last, started = bar.add_task(what, total=None, rate=""), 0, monotonic()

    def update(done: int, total: int | None) -> None:
        nonlocal last
        passed = monotonic() - started
        if passed > 1:
            bar.start()
        if done < last:
            bar.reset(task)
        last = done
        bar.update(task, completed=done, total=total, rate=f"{done / max(passed, 1e-9):,.0f}/s")

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


class _OwnOutput:
    """Standard output of the thread that makes it; for other threads, standard error."""

    def __init__(self) -> None:
        self._out, self._thread = sys.stdout, get_ident()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out if get_ident() == self._thread else sys.stderr, name)


@contextmanager
def own_output() -> Iterator[None]:
    """Only this thread prints to standard output in the block: a library's notes must not get between results."""
    before, sys.stdout = sys.stdout, _OwnOutput()
    try:
        yield
    finally:
        sys.stdout = before


Cell = str | tuple[str, str]
"""The text of a cell, or the text and its style."""


class Rows:
    """A table that is printed as wide as it is. Where that is too wide, columns are left out, and named below it.

    columns: their names; one that starts with `>` is aligned right, and its numbers are never cut. spare: names of
    those that may be left out, the first one first.
    """

    def __init__(self, *columns: str, title: str = "", spare: Sequence[str] = (), header: bool = True) -> None:
        self.columns: tuple[str, ...] = columns
        self.title: str = title
        self.spare: Sequence[str] = spare
        self.header: bool = header
        self.rows: list[tuple[tuple[Cell, ...], str]] = []

    def add(self, *cells: Cell, style: str = "") -> None:
        """Add a row."""
        self.rows.append((cells, style))

    def print(self) -> None:
        """Print it."""
        left = list(range(len(self.columns)))
        for name in self.spare:
            if self._width(left) <= out.width:
                break
            left = [k for k in left if self.columns[k].lstrip(">") != name]
        out.print(self._table(left))
        if gone := [name for name in self.spare if name not in (self.columns[k].lstrip(">") for k in left)]:
            say(f"(left out at this width: {', '.join(gone)})", style="dim")

    def _width(self, left: Sequence[int]) -> int:
        return Console(width=WIDE).measure(self._table(left)).maximum

    def _table(self, left: Sequence[int]) -> Table:
        made = Table(title=self.title or None, title_justify="left", box=None, padding=(0, 2, 0, 0),
                     header_style="bold", show_header=self.header)  # fmt: skip
        for k in left:
            number = self.columns[k].startswith(">")
            made.add_column(self.columns[k].lstrip(">"), justify="right" if number else "left", no_wrap=number,
                            overflow="fold")  # fmt: skip
        for cells, style in self.rows:
            made.add_row(*(_text(cells[k]) for k in left), style=style)
        return made


def _text(cell: Cell) -> Text:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return Text(escaped(text), style)


def say(text: str = "", style: str | None = None) -> None:
    """Print text as it is: brackets are not markup."""
    out.print(escaped(text), markup=False, style=style)


def complain(text: str) -> None:
    """Print text to the other stream, for errors."""
    print(escaped(text), file=sys.stderr)


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(data, indent=2))


def answer(as_json: bool, data: dict[str, Any], text: str) -> None:
    """Print the result of a command: `data` as JSON if asked for, else `text`."""
    if as_json:
        print_json(data)
    else:
        say(text)


def parse_size(text: str) -> tuple[int, int]:
    """'320x480' as (height, width)."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text.strip().lower())
    if match is None:
        raise UsageError(f"a size must be HEIGHTxWIDTH, such as 320x480, got {text!r}")
    return int(match[1]), int(match[2])
