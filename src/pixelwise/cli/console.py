"""What every command prints with: text, JSON, tables, progress bars."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

from ..errors import UsageError
from ..types import Progress

out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


@contextmanager
def progress(what: str, unit: str = "images") -> Iterator[Progress]:
    """A callback (done, total) that draws a bar on a terminal once a second has passed, and nothing elsewhere.

    unit: "bytes" draws sizes. A new step begins when `done` falls.
    """
    if not sys.stderr.isatty():
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


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table; a column whose name starts with `>` is aligned right."""
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left")
    return made


def say(text: str = "", style: str | None = None) -> None:
    """Print text as it is: brackets are not markup."""
    out.print(text, markup=False, style=style)


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
