"""merge: the parts of a check, of statistics or of scores as one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Context, Option

from ..parts import Part, loaded, merged
from .check import FailOn, Limit, Together, Weights, check_fail_on, check_weights, report_counts, report_findings
from .evaluate import WORST_SHEET, Intervals, Worst, WorstSheet, report_scores
from .options import JsonOption, only_if, only_with

REPORTS = {
    "check": ("fail_on", "limit", "html"),
    "stats": ("weights", "together", "plot"),
    "score": ("intervals", "html", "csv", "plot", "worst", "output"),
}
"""What is taken of the options of each command."""


def merge(
    context: Context,
    parts: Annotated[list[Path], Argument(metavar="PART...", help="The files that --part --save wrote, all of them.")],
    data: Annotated[Path | None, Option("--data", metavar="PATH", help="Where the dataset is now.")] = None,
    save: Annotated[Path | None, Option(help="Write the result here (JSON).")] = None,
    html: Annotated[Path | None, Option(help="Of check and score: write a page (.html).")] = None,
    plot: Annotated[Path | None, Option(help="Of stats and score: draw the classes, or the confusion (.png).")] = None,
    fail_on: FailOn = "error",
    limit: Limit = 5,
    weights: Weights = None,
    together: Together = False,
    intervals: Intervals = False,
    csv: Annotated[Path | None, Option(help="Of score: write the table of classes, in percent (.csv).")] = None,
    worst: Worst = None,
    output: WorstSheet = WORST_SHEET,
    as_json: JsonOption = False,
) -> None:
    """Put the parts of check, stats or score together. Result, options and exit code are those of the whole."""
    named = loaded(parts)
    first = named[0][1]
    only_with(context, f"merging parts of {first.verb}", "data", "save", *REPORTS[first.verb])
    if worst is None:
        only_if(context, "--worst", "output")
    check_fail_on(fail_on)
    check_weights(weights)
    found: Any = merged(named, data)
    if first.verb == "check":
        return report_findings(found, fail_on, limit, save, html, as_json)
    if first.verb == "stats":
        return report_counts(found, _name_of(first), None, weights, together, plot, save, as_json)
    files = {"html": html, "csv": csv, "plot": plot}
    name = first.about["predictions"]
    return report_scores(found, name, {}, intervals, files, worst, output, save, as_json)


def _name_of(part: Part) -> str:
    """What stats calls the dataset and the splits that were given."""
    path, splits = (None, None) if part.opened is None else (part.opened["path"], part.opened["splits"])
    names = [splits] if isinstance(splits, str) else splits or []
    return " ".join([Path(path).name if path else "dataset", *names])


COMMANDS = (merge,)
