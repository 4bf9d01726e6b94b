"""score, predict, submit: from a model to numbers that can be compared, and to the official servers."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from ..errors import ScoreError, UsageError
from ..evaluation.predicting import predict as predict_split
from ..evaluation.scoring import Scoring
from ..evaluation.scoring import score as score_folder
from ..evaluation.submitting import submit as submit_folder
from ..evaluation.tiles import Tiling
from ..metrics.protocols import PROTOCOLS
from ..transforms.color import Normalize
from .console import out, parse_size, print_json, progress
from .options import DatasetPath, Format, Json, Labels, Splits, Threads, opened

Predictions = Annotated[
    Path, typer.Argument(help="The folder of predictions: NAME.png or NAME.npy.", show_default=False)
]
StoredValues = Annotated[
    bool, typer.Option("--stored-values", help="Files hold the dataset's stored values, not class ids 0..C-1.")
]


def _listed(error: ScoreError) -> ScoreError:
    # One problem per line; the error itself stays one line.
    for note in getattr(error, "__notes__", []):
        print(f"  {note}", file=sys.stderr)
    error.__notes__ = []
    return error


def score(
    predictions: Predictions,
    path: DatasetPath,
    protocol: Annotated[str, typer.Option(help=f"One of: {', '.join(PROTOCOLS)}.")] = "voc",
    baseline: Annotated[
        Path | None, typer.Option(help="Other predictions: show paired differences to them.", show_default=False)
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Show bootstrap intervals.")] = False,
    boundary: Annotated[bool, typer.Option("--boundary", help="Compute boundary IoU (slower).")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the confusion matrix (.png).", show_default=False)] = None,
    worst: Annotated[
        int | None, typer.Option(min=1, help="Draw this many of the worst images.", show_default=False)
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to draw the worst images.")] = Path("worst.png"),
    stored_values: StoredValues = False,
    split: Splits = None,
    threads: Threads = None,
    labels: Labels = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Score predictions by a named protocol: all images, each once, at full size, or none at all.

    The split is val by default. Exit 1 if a prediction is missing, of another size, out of range or unreadable, or has
    the name of no sample.
    """
    dataset = opened(path, labels, format)
    settings: Any = {"splits": split, "stored_values": stored_values, "boundary": boundary, "threads": threads}

    def scored(folder: Path) -> Scoring:
        with progress("scoring") as update:
            return score_folder(folder, dataset, protocol, progress=update, **settings)

    try:
        result = scored(predictions)
        other = None if baseline is None else scored(baseline)
    except ScoreError as error:
        raise _listed(error) from None
    if plot is not None:
        result.plot().save(plot)
    if worst is not None:
        result.worst_sheet(worst).save(output)
    drawn = result.intervals() if intervals else None
    difference = None if other is None else result.compare(other)
    if as_json:
        found: dict[str, Any] = {"predictions": str(predictions), **result.to_dict()}
        found |= {} if drawn is None else {"intervals": drawn.to_dict()}
        if other is not None and difference is not None:
            found["baseline"] = {"predictions": str(baseline), **other.to_dict(), "difference": difference.to_dict()}
        found |= {} if plot is None else {"plot": str(plot)}
        if worst is not None:
            found |= {"worst": [w._asdict() for w in result.worst(worst)], "sheet": str(output)}
        print_json(found)
        return
    text = [str(result)]
    text += [] if drawn is None else [str(drawn)]
    text += [] if difference is None else [f"{predictions} less {baseline}:\n{difference}"]
    text += [] if plot is None else [f"confusion matrix: {plot}"]
    text += [] if worst is None else [f"{min(worst, len(result.split))} worst images: {output}"]
    out.print("\n\n".join(text), markup=False)


def _model(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UsageError(f"the model must be MODULE:NAME, got {name!r}")
    sys.path.insert(0, os.getcwd())
    try:
        made = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"cannot import {name}: {error}", code="bad-model", fix="run in a folder from which it can be imported"
        ) from None
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(made, torch.nn.Module):
        from ..torch import as_model

        return as_model(made, "cuda" if torch.cuda.is_available() else "cpu")
    if not callable(made):
        raise UsageError(f"{name} cannot be called", code="bad-model")
    return made


def predict(
    model: Annotated[
        str, typer.Argument(help="MODULE:NAME, a torch module or (B, 3, H, W) -> logits.", show_default=False)
    ],
    path: DatasetPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")] = Path("predictions"),
    window: Annotated[
        str | None, typer.Option(help="Sliding window, HEIGHTxWIDTH; by default whole images.", show_default=False)
    ] = None,
    overlap: Annotated[float, typer.Option(help="Share of a window that its neighbor covers too.")] = 1 / 3,
    blend: Annotated[str, typer.Option(help="uniform, linear or gaussian.")] = "linear",
    flip: Annotated[bool, typer.Option("--flip", help="Also predict mirrored, and average.")] = False,
    scale: Annotated[list[float] | None, typer.Option(help="Predict at this size; repeat for more.")] = None,
    divisor: Annotated[int, typer.Option(help="Pad whole images to multiples of this.")] = 1,
    normalize: Annotated[bool, typer.Option(help="Normalize by ImageNet's mean and deviation.")] = True,
    batch_size: Annotated[int, typer.Option(help="Tiles per batch.")] = 8,
    split: Splits = None,
    threads: Threads = None,
    labels: Labels = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Predict all images of a split (val by default) into label PNGs. If interrupted, run it again."""
    dataset = opened(path, labels, format)
    started = perf_counter()
    kind: Any = blend
    tiling = Tiling(
        None if window is None else parse_size(window), overlap, kind,
        flips=("horizontal",) if flip else (), scales=scale or (1.0,), divisor=divisor,
    )  # fmt: skip
    with progress("predicting") as update:
        done = predict_split(
            _model(model), dataset, output, splits=split, tiling=tiling, normalize=Normalize() if normalize else None,
            batch_size=batch_size, tag=model, threads=threads, progress=update,
        )  # fmt: skip
    if as_json:
        print_json(done.to_dict())
    else:
        out.print(f"{done} ({perf_counter() - started:.1f} s)", markup=False)


def submit(
    predictions: Predictions,
    path: DatasetPath,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The archive: .tar, .tar.gz or .zip.", show_default=False)
    ],
    benchmark: Annotated[
        str | None,
        typer.Option(help="voc2012, cityscapes or ade20k; by default found by the classes.", show_default=False),
    ] = None,
    competition: Annotated[str, typer.Option(help="Of VOC2012: comp5 (its own data only) or comp6.")] = "comp6",
    stored_values: StoredValues = False,
    split: Splits = None,
    threads: Threads = None,
    labels: Labels = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Make the archive for an official server (test by default): complete, right sizes and ids, read back."""
    dataset = opened(path, labels, format)
    kind: Any = competition
    try:
        with progress("packing predictions") as update:
            made = submit_folder(
                predictions, dataset, output, splits=split, benchmark=benchmark, competition=kind,
                stored_values=stored_values, threads=threads, progress=update,
            )  # fmt: skip
    except ScoreError as error:
        raise _listed(error) from None
    if as_json:
        print_json(made.to_dict())
    else:
        out.print(f"{made}\nfirst member: {made.members[0]}", markup=False)


COMMANDS = (score, predict, submit)
