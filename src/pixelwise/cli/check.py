"""check and stats: the problems of a dataset, and its counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from numpy.typing import NDArray
from typer import Context, Exit, Option

from ..arguments import check_choice
from ..checks.checking import check as check_dataset
from ..checks.findings import Findings
from ..checks.html import save_report
from ..counts.published import PublishedComparison, compare_published, published_counts
from ..counts.stats import WEIGHTS, Formula, Stats
from ..counts.stats import stats as count
from ..drawing.charts import stats_plot
from ..errors import printable
from ..hints import unknown_name
from .console import Cell, Rows, print_json, progress, say
from .options import (
    DatasetPath,
    FormatOption,
    JsonOption,
    LabelsOption,
    PartOption,
    RayOption,
    SplitOption,
    ThreadsOption,
    finish_part,
    opened,
    opening,
    part_to_save,
)

STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


FailOn = Annotated[str, Option("--fail-on", help="Exit 1 at this severity: error or warning.")]
Limit = Annotated[int, Option("--limit", min=0, help="Findings shown of each kind; 0 shows all.")]
Weights = Annotated[str | None, Option(help=f"Add a column of class weights: {', '.join(WEIGHTS)}.")]
Together = Annotated[bool, Option("--together", help="Print which classes occur together.")]


def check(
    context: Context,
    path: DatasetPath,
    fail_on: FailOn = "error",
    limit: Limit = 5,
    part: PartOption = None,
    save: Annotated[Path | None, Option(help="Write all findings here (JSON).")] = None,
    html: Annotated[Path | None, Option("--html", help="Write a page with pictures to this file.")] = None,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Find all problems of a dataset in one pass: files, lists, pairs, labels, splits, images."""
    check_fail_on(fail_on)
    settings: Any = {"splits": split, "threads": threads, **opening(labels, format)}
    own = part_to_save(context, part, save)
    with progress("checking") as update:
        if own is not None:
            return finish_part(check_dataset(path, part=own, progress=update, **settings), save, as_json)
        found = check_dataset(path, progress=update, **settings)
    return report_findings(found, fail_on, limit, save, html, as_json)


def check_fail_on(severity: str) -> None:
    """UsageError unless it is a severity that a command can fail on."""
    check_choice("--fail-on", severity, ("error", "warning"))


def report_findings(
    found: Findings, fail_on: str, limit: int, save: Path | None, html: Path | None, as_json: bool
) -> None:
    """Save and print findings; exit 1 if any is as bad as `fail_on`."""
    if save is not None:
        found.save(save)
    if html is not None:
        save_report(found, html)
    if as_json:
        print_json(found.to_dict())
    else:
        _print_findings(found, limit)
        for what, where in (("findings", save), ("report", html)):
            if where is not None:
                say(f"{what}: {where}")
    if found.count("error") or (fail_on == "warning" and found.count("warning")):
        raise Exit(1)


def _print_findings(found: Findings, limit: int) -> None:
    say(found.summary, style="bold")
    for group in found.groups:
        say()
        say(f"{group.severity}: {group.code} ({group.count:,})", style=STYLES[group.severity])
        first = group.findings[: limit or None]
        fixes = {f.fix for f in first}
        for finding in first:
            fix = f"; {finding.fix}" if finding.fix and len(fixes) > 1 else ""
            say(f"  {finding.where}: {finding.what}{fix}")
        if group.count > len(first):
            say(f"  and {group.count - len(first):,} more", style="dim")
        if len(fixes) == 1 and (fix := next(iter(fixes))):
            say(f"  → {fix}", style="italic")
    rate = found.samples / max(found.seconds, 1e-9)
    say(f"\nchecked in {found.seconds:.1f} s ({rate:,.0f} samples/s)", style="dim")


def stats(
    context: Context,
    path: DatasetPath,
    weights: Weights = None,
    together: Together = False,
    published: Annotated[str | None, Option(help="Compare with published counts: voc2012.")] = None,
    plot: Annotated[Path | None, Option(help="Draw the classes to this .png.")] = None,
    part: PartOption = None,
    save: Annotated[Path | None, Option(help="Write the counts, to be added to others.")] = None,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Count a dataset: pixels and images by class, sizes, channels, class weights. Exit 1 if a part cannot be read."""
    check_weights(weights)  # before hours of counting
    if (own := part_to_save(context, part, save)) is not None:
        settings: Any = {"splits": split, "threads": threads, **opening(labels, format)}
        with progress("counting") as update:
            counted_part = count(path, on_error="skip", part=own, progress=update, **settings)
        return finish_part(counted_part, save, as_json)
    dataset = opened(path, labels, format)
    if published is not None:
        published_counts(published, dataset.classes)
    comparison = None
    with progress("counting") as update:
        counted = count(dataset, splits=split, on_error="skip", threads=threads, progress=update)
    if published is not None:
        with progress("counting") as update:
            comparison = compare_published(dataset, published, threads=threads, progress=update)
    name = " ".join([dataset.root.name, *(split or [])])
    return report_counts(counted, name, comparison, weights, together, plot, save, as_json)


def check_weights(formula: str | None) -> None:
    """UnknownNameError for a formula that there is not."""
    if formula is not None and formula not in WEIGHTS:
        raise unknown_name("weight formula", formula, WEIGHTS)


def report_counts(
    counted: Stats, name: str, comparison: PublishedComparison | None, weights: str | None, together: bool,
    plot: Path | None, save: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Save, draw and print the counts of what is called `name`; exit 1 if something is left out of them."""
    if save is not None:
        counted.save(save)
    if plot is not None:
        subtitle = f"{counted.samples:,} images, {counted.labeled:,} with a label"
        stats_plot(counted.pixels[:-1], counted.classes, void=int(counted.pixels[-1]),
                   title=f"Pixels of each class, {name}", subtitle=subtitle).save(plot)  # fmt: skip
    if as_json:
        print_json(_as_json(counted, comparison))
    else:
        _print_stats(counted, weights)
        if together:
            _print_together(counted)
        if comparison is not None:
            _print_comparison(comparison)
        if plot is not None:
            say(f"\npicture: {plot}")
    if counted.skipped:
        _report_skipped(counted)
        raise Exit(1)


def _report_skipped(counted: Stats) -> None:
    """Say on stderr what is not in the counts."""
    for name, reason in counted.skipped[:5]:
        print(f"pixelwise: not counted: {printable(name)}: {reason}", file=sys.stderr)
    if len(counted.skipped) > 5:
        print(f"pixelwise: not counted: {len(counted.skipped) - 5:,} more; see pixelwise check", file=sys.stderr)


def _as_json(counted: Stats, comparison: PublishedComparison | None) -> dict[str, Any]:
    data = counted.to_dict() | {
        "share": counted.share.tolist(), "mean": counted.mean, "std": counted.std,
        "weights": {name: counted.weights(name).tolist() for name in WEIGHTS},
    }  # fmt: skip
    if comparison is not None:
        data["published"] = comparison.to_dict()
    return data


def _print_stats(counted: Stats, weights: str | None) -> None:
    columns = ["class", ">pixels", "log scale", ">share", ">with void", ">images", ">of images"]
    spare = ("log scale", "of images", "with void", "share")
    rows = Rows(*columns, *([f">{weights}"] if weights else []), spare=spare)
    weight = counted.weights(cast("Formula", weights)) if weights else None
    share, with_void = counted.share, counted.share_with_void
    bars = _log_scale(counted.pixels)
    names = [*counted.classes.names, "void"]
    for i, name in enumerate(names):
        void = i == len(names) - 1
        r, g, b = (255, 255, 255) if void else counted.classes.colors[i]
        color = f"rgb({r},{g},{b})" if max(r, g, b) >= 64 else "bright_black"  # black is not seen on a dark terminal
        bar = ("" if void else _bar(bars[i]), color)
        cells: list[Cell] = [
            name, f"{counted.pixels[i]:,}", bar, "" if void else _percent(share[i]), _percent(with_void[i]),
            f"{counted.images[i]:,}", _percent(counted.images[i] / max(1, counted.labeled)),
        ]  # fmt: skip
        if weight is not None:
            cells.append("" if void else f"{weight[i]:.4f}")
        rows.add(*cells, style="dim" if void or not counted.pixels[i] else "")
    rows.print()
    _print_images(counted)


def _log_scale(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Lengths in 0..1 for counts: their logarithms, shifted so that the smallest count has a length too."""
    logs = np.log10(np.maximum(counts, 1))
    low = np.floor(logs[counts > 0].min(initial=99)) - 0.5
    return np.where(counts > 0, (logs - low) / max(1e-9, logs.max() - low), 0.0)


def _bar(part: float) -> str:
    eighths = round(part * 16 * 8)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8]).strip()


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %" if value else "-"


def _print_images(counted: Stats) -> None:
    if not counted.samples:
        return
    rows = Rows("", "", header=False)
    rows.add("images", f"{counted.samples:,}, {counted.labeled:,} with a label")
    sizes = np.array(list(counted.sizes))
    most = sorted(counted.sizes.items(), key=lambda item: -item[1])[:3]
    text = ", ".join(f"{h}x{w} ({100 * n / counted.samples:.0f} %)" for (h, w), n in most)
    (low_h, low_w), (high_h, high_w) = sizes.min(axis=0), sizes.max(axis=0)
    rows.add("sizes", f"{text}; {low_h}..{high_h} x {low_w}..{high_w} (height x width), {len(sizes)} in all")
    shapes = ", ".join(f"{n:,} {shape}" for shape, n in counted.aspects().items() if n)
    aspect = sizes[:, 1] / sizes[:, 0]
    rows.add("aspect", f"{shapes}; width / height {aspect.min():.2f} to {aspect.max():.2f}")
    rows.add("mean RGB", "  ".join(f"{v:.6f}" for v in counted.mean))
    rows.add("std RGB", "  ".join(f"{v:.6f}" for v in counted.std))
    say()
    rows.print()


def _print_together(counted: Stats) -> None:
    # A class that is nearly everywhere (background) occurs with all others: leave it out.
    here = [i for i in range(len(counted.classes)) if 0 < counted.images[i] < 0.9 * counted.labeled]
    pairs = [(int(counted.together[i, j]), i, j) for k, i in enumerate(here) for j in here[k + 1 :]]
    say("\nClasses in one image", style="bold")
    spare = ("of the second", "of the first")
    rows = Rows("together", "", ">images", ">of the first", ">of the second", spare=spare)
    for n, i, j in sorted(pairs, key=lambda p: (-p[0], p[1:]))[:20]:
        if n:
            rows.add(counted.classes.names[i], counted.classes.names[j], f"{n:,}",
                     _percent(n / counted.images[i]), _percent(n / counted.images[j]))  # fmt: skip
    rows.print()


def _print_comparison(comparison: PublishedComparison) -> None:
    verdicts = {
        "equal": "All counts are as published.",
        "subset": "A subset of what was published: samples are missing, and no count is higher.",
        "different": "Some counts are not as published.",
    }
    say(f"\nPublished counts of {comparison.name} ({comparison.source})", style="bold")
    say(verdicts[comparison.verdict], style="red" if comparison.verdict == "different" else None)
    # For a subset, the number of samples says what is missing.
    shown = [d for d in comparison.differences if comparison.verdict != "subset" or "samples" in d.what]
    if shown:
        rows = Rows("", ">published", ">here", ">difference")
        for d in shown:
            rows.add(d.what, f"{d.published:,}", f"{d.counted:,}", f"{d.counted - d.published:+,}")
        rows.print()


COMMANDS = (check, stats)
