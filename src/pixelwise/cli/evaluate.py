"""score, predict, submit: from a model to numbers that can be compared, and to the official servers."""

from __future__ import annotations

import importlib
import json
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
from .console import out, parse_size, progress
from .data import open_path

PredictionsArgument = Annotated[
    Path, typer.Argument(help="The folder of predictions: NAME.png or NAME.npy.", show_default=False)
]
DatasetArgument = Annotated[
    Path, typer.Argument(help="The dataset or pack: its folder, or a folder above it.", show_default=False)
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels", help="Folder or coding of the labels, such as SegmentationClassAug.", show_default=False
    ),
]
StoredValuesOption = Annotated[
    bool, typer.Option("--stored-values", help="Files hold the dataset's stored values, not class ids 0..C-1.")
]
ThreadsOption = Annotated[int | None, typer.Option(help="Threads; by default one per core.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BaselineOption = Annotated[
    Path | None,
    typer.Option(help="Another folder of predictions: also show paired differences to it.", show_default=False),
]
PlotOption = Annotated[Path | None, typer.Option(help="Draw the confusion matrix here (.png).", show_default=False)]
WorstOption = Annotated[int | None, typer.Option(help="Draw so many of the worst images.", show_default=False)]
WORST = Path("worst.png")


def _split(path: Path, split: str, labels: str | None) -> Any:
    return open_path(path, labels)[split]


def _listed(error: ScoreError) -> ScoreError:
    # One problem per line; the error itself stays one line.
    for note in getattr(error, "__notes__", []):
        print(f"  {note}", file=sys.stderr)
    error.__notes__ = []
    return error


def score(
    predictions: PredictionsArgument,
    dataset: DatasetArgument,
    split: Annotated[str, typer.Option(help="The split.")] = "val",
    protocol: Annotated[str, typer.Option(help=f"One of: {', '.join(PROTOCOLS)}.")] = "voc",
    baseline: BaselineOption = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Also show bootstrap intervals.")] = False,
    boundary: Annotated[bool, typer.Option("--boundary", help="Also find boundary IoU (slower).")] = False,
    plot: PlotOption = None,
    worst: WorstOption = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture of the worst images.")] = WORST,
    stored_values: StoredValuesOption = False,
    labels: LabelsOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score predictions by a named protocol: all images, each once, at full size, or none at all.

    Exit 1 if a prediction is missing, of another size, out of range or unreadable, or has the name of no sample.
    """
    if worst is not None and worst < 1:
        raise UsageError(f"--worst must be at least 1, got {worst}")
    chosen = _split(dataset, split, labels)

    def scored(folder: Path) -> Scoring:
        with progress("scoring") as update:
            return score_folder(
                folder, chosen, protocol, stored_values=stored_values, boundary=boundary, threads=threads,
                progress=update,
            )  # fmt: skip

    try:
        result = scored(predictions)
        other = None if baseline is None else scored(baseline)
    except ScoreError as error:
        raise _listed(error) from None
    found: dict[str, Any] = {"predictions": str(predictions), **result.to_dict()}
    text = [str(result)]
    if intervals:
        drawn = result.intervals()
        found["intervals"] = drawn.to_dict()
        text += ["", str(drawn)]
    if other is not None:
        difference = result.compare(other)
        found["baseline"] = {"predictions": str(baseline), **other.to_dict(), "difference": difference.to_dict()}
        text += ["", f"{predictions} less {baseline}:", str(difference)]
    if plot is not None:
        found["plot"] = str(result.plot().save(plot))
        text += ["", f"confusion matrix: {plot}"]
    if worst is not None:
        found["worst"] = [w._asdict() for w in result.worst(worst)]
        found["sheet"] = str(result.worst_sheet(worst).save(output))
        text += ["", f"{min(worst, len(chosen))} worst images: {output}"]
    if as_json:
        print(json.dumps(found))
    else:
        out.print("\n".join(text), markup=False)


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
    dataset: DatasetArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")] = Path(
        "predictions"
    ),
    split: Annotated[str, typer.Option(help="The split.")] = "val",
    window: Annotated[
        str | None,
        typer.Option(help="Sliding window, HEIGHTxWIDTH; default whole images.", show_default=False),
    ] = None,
    overlap: Annotated[float, typer.Option(help="Share of a window that its neighbor covers too.")] = 1 / 3,
    blend: Annotated[str, typer.Option(help="uniform, linear or gaussian.")] = "linear",
    flip: Annotated[bool, typer.Option("--flip", help="Also predict mirrored, and average.")] = False,
    scale: Annotated[list[float] | None, typer.Option(help="Predict at this size; repeat for more.")] = None,
    divisor: Annotated[int, typer.Option(help="Pad whole images to multiples of this.")] = 1,
    normalize: Annotated[bool, typer.Option(help="Normalize by ImageNet's mean and deviation.")] = True,
    batch: Annotated[int, typer.Option(help="Tiles per batch.")] = 8,
    threads: ThreadsOption = None,
) -> None:
    """Predict all images of a split into label PNGs. Stopped and run again, it continues."""
    from ..transforms.color import Normalize

    chosen = _split(dataset, split, None)
    kind: Any = blend
    started = perf_counter()
    tiling = Tiling(
        None if window is None else parse_size(window), overlap, kind,
        flips=("horizontal",) if flip else (), scales=scale or (1.0,), divisor=divisor,
    )  # fmt: skip
    with progress("predicting") as update:
        done = predict_split(
            _model(model), chosen, output, tiling=tiling, normalize=Normalize() if normalize else None,
            batch_size=batch, tag=model, threads=threads, progress=update,
        )  # fmt: skip
    out.print(f"{done} ({perf_counter() - started:.1f} s)", markup=False)


def submit(
    predictions: PredictionsArgument,
    dataset: DatasetArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The archive: .tar, .tar.gz or .zip.", show_default=False)
    ],
    split: Annotated[str, typer.Option(help="The split.")] = "test",
    benchmark: Annotated[
        str | None,
        typer.Option(help="voc2012, cityscapes or ade20k; default by the classes.", show_default=False),
    ] = None,
    competition: Annotated[
        str, typer.Option(help="Of VOC2012: comp5 (its own data only) or comp6.")
    ] = "comp6",
    stored_values: StoredValuesOption = False,
    threads: ThreadsOption = None,
) -> None:
    """Make the archive for an official server: complete, right sizes and ids, read back and compared."""
    chosen = _split(dataset, split, None)
    kind: Any = competition
    try:
        with progress("packing predictions") as update:
            made = submit_folder(
                predictions, chosen, output, benchmark=benchmark, competition=kind, stored_values=stored_values,
                threads=threads, progress=update,
            )  # fmt: skip
    except ScoreError as error:
        raise _listed(error) from None
    out.print(str(made), markup=False)
    out.print(f"first member: {made.members[0]}", markup=False)


COMMANDS = (score, predict, submit)
