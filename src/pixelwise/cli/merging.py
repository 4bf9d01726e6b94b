"""merge: the parts of a check, of statistics or of scores as one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..checks.findings import Findings
from ..counts.stats import Stats
from ..parts import merge as merge_parts
from .check import report_counts, report_findings
from .console import answer
from .options import JsonOption


def merge(
    parts: Annotated[list[Path], Argument(metavar="PART...", help="The files that --part --save wrote, all of them.")],
    data: Annotated[Path | None, Option("--data", metavar="PATH", help="Where the dataset is now.")] = None,
    limit: Annotated[int, Option("--limit", min=0, help="Findings shown of each kind; 0 shows all.")] = 5,
    save: Annotated[Path | None, Option(help="Write the result here (JSON).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put the parts of check, stats or score together. The result and the exit code are those of the whole."""
    found: Any = merge_parts(parts, data)
    if isinstance(found, Findings):
        return report_findings(found, "error", limit, save, None, as_json)
    if isinstance(found, Stats):
        return report_counts(found, save, as_json)
    if save is not None:
        found.save(save)
    return answer(as_json, found.to_dict(), str(found))


COMMANDS = (merge,)
