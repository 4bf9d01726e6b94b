"""What every command prints with: tables, progress bars, sizes."""

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
    """A callback (done, total) that draws a bar on a terminal once a second has passed, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    task = bar.add_task(what, total=None, rate="")
    started = monotonic()
    shown = False

    def update(done: int, total: int | None) -> None:
        nonlocal shown
        passed = monotonic() - started
        if passed > 1 and not shown:
            bar.start()
            shown = True
        bar.update(task, completed=done, total=total, rate=f"{done / max(passed, 1e-9):,.0f}/s")

    try:
        yield update
    finally:
        if shown:
            bar.stop()


@contextmanager
def progress_steps(what: str) -> Iterator[Progress]:
    """As `progress`, for bytes and several steps: a step begins where `done` falls."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task, last = bar.add_task(what, total=None), 0

        def update(done: int, total: int | None) -> None:
            nonlocal last
            if done < last:
                bar.reset(task)
            last = done
            bar.update(task, completed=done, total=total)

        yield update


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table; a column whose name starts with `>` is aligned right."""
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left")
    return made


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(data, indent=2))


def parse_size(text: str) -> tuple[int, int]:
    """'320x480' as (height, width)."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text.strip().lower())
    if match is None:
        raise UsageError(f"a size must be HEIGHTxWIDTH, such as 320x480, got {text!r}")
    return int(match[1]), int(match[2])
