"""score, predict, submit: from a model to numbers that can be compared, and to the official servers."""

from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, cast

from typer import Argument, Context, Option

from ..errors import UsageError
from ..evaluation.object_scoring import score_objects
from ..evaluation.predicting import predict as predict_split
from ..evaluation.probability_scoring import score_probabilities
from ..evaluation.scoring import Scoring
from ..evaluation.scoring import score as score_folder
from ..evaluation.submitting import submit as submit_folder
from ..evaluation.tiles import Tiling
from ..metrics.protocols import PROTOCOLS, ProtocolName
from ..metrics.ranking import compare_runs
from ..transforms.color import Normalize
from .console import answer, parse_size, progress
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
    not_with,
    only_if,
    only_with,
    opened,
    opening,
    part_to_save,
)

Predictions = Annotated[Path, Argument(help="The folder of predictions (NAME.png, NAME.npy), or a file of results.")]
StoredValues = Annotated[
    bool, Option("--stored-values", help="Files hold the dataset's stored values, not class ids 0..C-1.")
]


Masks = Annotated[bool, Option("--masks", help="Files of two classes hold 0 and 255.")]
ScoreThreshold = Annotated[
    float | None, Option(help="Files hold one channel: class 1 is above this; 0 of logits, 0.5 of probabilities.")
]
Divisor = Annotated[
    int | None, Option(help="Of --objects: pixels of files are class * this + number; it is usually 1000.")
]
Things = Annotated[list[str] | None, Option(help="Of --objects: a class that has objects; repeat for more.")]
SoftFiles = Annotated[
    bool, Option("--probabilities", help="The folder holds probabilities, as predict --probabilities writes them.")
]
Intervals = Annotated[bool, Option("--intervals", help="Show bootstrap intervals.")]
Worst = Annotated[int | None, Option(min=1, help="Draw this many of the worst images.")]
WorstSheet = Annotated[Path, Option("-o", "--output", help="Where to draw the worst images.")]
WORST_SHEET = Path("worst.png")


def score(
    context: Context,
    predictions: Predictions,
    path: DatasetPath,
    protocol: Annotated[str, Option(help=f"One of: {', '.join(PROTOCOLS)}.")] = "voc",
    baseline: Annotated[
        list[Path] | None, Option(help="Other predictions: show paired differences to them; repeat to rank all.")
    ] = None,
    intervals: Intervals = False,
    boundary: Annotated[bool, Option("--boundary", help="Compute boundary IoU (slower).")] = False,
    plot: Annotated[Path | None, Option(help="Draw the confusion matrix (.png).")] = None,
    html: Annotated[Path | None, Option(help="Write one page of everything (.html).")] = None,
    csv: Annotated[Path | None, Option(help="Write the table of classes, in percent (.csv).")] = None,
    worst: Worst = None,
    output: WorstSheet = WORST_SHEET,
    part: PartOption = None,
    save: Annotated[Path | None, Option(help="Write the scores here (JSON).")] = None,
    stored_values: StoredValues = False, masks: Masks = False, threshold: ScoreThreshold = None,
    probabilities: SoftFiles = False, divisor: Divisor = None, thing: Things = None,
    activation: Annotated[str, Option(help="Of --probabilities that are logits: softmax or sigmoid.")] = "none",
    objects: Annotated[bool, Option("--objects", help="By object: AP, PQ or iIoU, by what is predicted.")] = False,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Score predictions by a named protocol: all images, each once, at full size, or none at all.

    The split is val by default. Exit 1 if a prediction is missing, of another size, out of range or unreadable, or has
    the name of no sample.
    """
    settings: Any = {"splits": split, "stored_values": stored_values, "masks": masks, "boundary": boundary,
                     "threads": threads, "threshold": threshold}  # fmt: skip
    of_files = ("stored_values", "masks", "threshold")
    if (own := part_to_save(context, part, save, "protocol", "boundary", *of_files)) is not None:
        of_part = {**settings, **opening(labels, format), "part": own}
        return finish_part(_scored(path, protocol, of_part, predictions), save, as_json)
    if objects:
        only_with(context, "--objects", "objects", "save", "divisor", "thing", *of_files)
    elif probabilities:
        only_with(context, "--probabilities", "probabilities", "protocol", "threshold", "activation", "plot")
    else:
        only_if(context, "--objects", "divisor", "thing")
        only_if(context, "--probabilities", "activation")
        if worst is None:
            only_if(context, "--worst", "output")
    dataset = opened(path, labels, format)
    if objects:
        of_objects: Any = {k: settings[k] for k in ("splits", "stored_values", "masks", "threshold", "threads")}
        of_objects |= {"divisor": divisor, "things": thing or None}
        return _score_objects(predictions, dataset, of_objects, save, as_json)
    if probabilities:
        of_probabilities: Any = {"splits": split, "threads": threads, "activation": activation}
        of_probabilities |= {} if threshold is None else {"threshold": threshold}
        return _score_probabilities(predictions, dataset, protocol, of_probabilities, plot, as_json)
    result = (scored := partial(_scored, dataset, protocol, settings))(predictions)
    baselines = {str(folder): scored(folder) for folder in baseline or []}
    files = {"html": html, "csv": csv, "plot": plot}
    return report_scores(result, str(predictions), baselines, intervals, files, worst, output, save, as_json)


def report_scores(
    result: Scoring, name: str, baselines: dict[str, Scoring], intervals: bool, files: dict[str, Path | None],
    worst: int | None, output: Path, save: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Save, draw and print the scores of the predictions `name`. files: of the page, the table, the picture."""
    if save is not None:
        result.save(save)
    found, text = {"predictions": name, **result.to_dict()}, [str(result)]
    if intervals:
        drawn = result.intervals()
        found["intervals"] = drawn.to_dict()
        text.append(str(drawn))
    if baselines:
        _compared(result, name, baselines, found, text)
    _write(result, files, found, text)
    if worst is not None:
        found |= _drawn(result, worst, output, text)
    return answer(as_json, found, "\n\n".join(text))


def _scored(dataset: Any, protocol: str, settings: Any, folder: Path) -> Any:
    """A Scoring, or a Part if `settings` has one."""
    with progress("scoring") as update:
        return score_folder(folder, dataset, cast("ProtocolName", protocol), progress=update, **settings)


def _drawn(result: Scoring, worst: int, output: Path, text: list[str]) -> dict[str, Any]:
    result.worst_sheet(worst).save(output)
    text.append(f"{min(worst, len(result.split))} worst images: {output}")
    return {"worst": [w._asdict() for w in result.worst(worst)], "sheet": str(output)}


def _write(result: Scoring, files: dict[str, Path | None], found: dict[str, Any], text: list[str]) -> None:
    ways = {"html": ("page", result.save_html), "csv": ("table", result.save_csv)}
    for kind, file in files.items():
        if file is not None:
            what, save = ways.get(kind, ("confusion matrix", lambda path: result.plot().save(path)))
            found[kind] = str(save(file))
            text.append(f"{what}: {file}")


def _compared(result: Scoring, name: str, others: dict[str, Scoring], found: dict[str, Any], text: list[str]) -> None:
    if len(others) == 1:
        ((baseline, other),) = others.items()
        difference = result.compare(other)
        found["baseline"] = {"predictions": baseline, **other.to_dict(), "difference": difference.to_dict()}
        text.append(f"{name} less {baseline}:\n{difference}")
        return
    runs = {name: result.confusion, **{folder: other.confusion for folder, other in others.items()}}
    ranked = compare_runs(runs, result.protocol)
    found["runs"] = ranked.rows()
    text.append(str(ranked))


def _score_objects(path: Path, dataset: Any, options: Any, save: Path | None, as_json: bool) -> None:
    with progress("scoring") as update:
        found = score_objects(path, dataset, progress=update, **options)
    if save is not None:
        found.save(save)
    answer(as_json, {"predictions": str(path), **found.to_dict()}, str(found))


def _score_probabilities(
    folder: Path, dataset: Any, protocol: str, options: Any, plot: Path | None, as_json: bool
) -> None:
    with progress("scoring") as update:
        found = score_probabilities(folder, dataset, cast("ProtocolName", protocol), progress=update, **options)
    if plot is not None:
        found.plot().save(plot)
    answer(as_json, {"predictions": str(folder), **found.to_dict()}, str(found))


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
    context: Context,
    model: Annotated[str, Argument(help="MODULE:NAME, a torch module or (B, 3, H, W) -> logits.")],
    path: DatasetPath,
    output: Annotated[Path, Option("-o", "--output", help="The folder to write.")] = Path("predictions"),
    window: Annotated[str | None, Option(help="Sliding window, HEIGHTxWIDTH; by default whole images.")] = None,
    overlap: Annotated[float, Option(help="Share of a window that its neighbor covers too.")] = 1 / 3,
    blend: Annotated[str, Option(help="uniform, linear or gaussian.")] = "linear",
    stride: Annotated[str | None, Option(help="From window to window, HEIGHTxWIDTH, instead of --overlap.")] = None,
    placement: Annotated[str, Option(help="Windows are spread even, or by stride as in MONAI and mmseg.")] = "even",
    sigma: Annotated[float, Option(help="Deviation of the gaussian, in windows.")] = 1 / 8,
    floor: Annotated[float, Option(help="Smallest weight of a window's pixel; MONAI's is 0.001.")] = 0.0,
    interpolation: Annotated[str, Option(help="Of images at other scales: area, antialias or bicubic.")] = "area",
    flip: Annotated[bool, Option("--flip", help="Also predict mirrored, and average.")] = False,
    scale: Annotated[list[float] | None, Option(help="Predict at this size; repeat for more.")] = None,
    divisor: Annotated[int, Option(help="Pad whole images to multiples of this.")] = 1,
    normalize: Annotated[bool, Option(help="Normalize by ImageNet's mean and deviation.")] = True,
    batch_size: Annotated[int, Option(help="Tiles per batch.")] = 8,
    threshold: Annotated[
        float | None, Option(help="The model has one channel: class 1 is above this (0 for logits).")
    ] = None,
    probabilities: Annotated[Path | None, Option(help="Also write probabilities here, NAME.npy.")] = None,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Predict all images of a split (val by default) into label PNGs. If interrupted, run it again."""
    if window is None:
        only_if(context, "--window", "overlap", "blend", "stride", "placement", "sigma", "floor")
    elif stride is not None:
        not_with(context, "--stride", "overlap")
    if blend != "gaussian":
        only_if(context, "--blend gaussian", "sigma")
    if not scale:
        only_if(context, "--scale", "interpolation")
    dataset = opened(path, labels, format)
    started = perf_counter()
    named: dict[str, Any] = {"blend": blend, "placement": placement, "interpolation": interpolation}
    tiling = Tiling(
        None if window is None else parse_size(window), overlap,
        flips=("horizontal",) if flip else (), scales=scale or (1.0,), divisor=divisor,
        stride=None if stride is None else parse_size(stride), sigma=sigma, floor=floor, **named,
    )  # fmt: skip
    with progress("predicting") as update:
        done = predict_split(
            _model(model), dataset, output, splits=split, tiling=tiling, normalize=Normalize() if normalize else None,
            batch_size=batch_size, tag=model, threads=threads, progress=update, threshold=threshold,
            probabilities=probabilities,
        )  # fmt: skip
    answer(as_json, done.to_dict(), f"{done} ({perf_counter() - started:.1f} s)")


def submit(
    predictions: Predictions,
    path: DatasetPath,
    output: Annotated[Path, Option("-o", "--output", help="The file: .tar, .tar.gz, .zip, .csv or .json.")],
    benchmark: Annotated[
        str | None,
        Option(help="voc2012, cityscapes or ade20k, by default found by the classes; rle-csv or coco-results."),
    ] = None,
    competition: Annotated[str, Option(help="Of VOC2012: comp5 (its own data only) or comp6.")] = "comp6",
    stored_values: StoredValues = False,
    masks: Masks = False,
    threshold: ScoreThreshold = None,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Make the archive for an official server (test by default): complete, right sizes and ids, read back."""
    dataset = opened(path, labels, format)
    kind: Any = competition
    with progress("packing predictions") as update:
        made = submit_folder(
            predictions, dataset, output, splits=split, benchmark=benchmark, competition=kind,
            stored_values=stored_values, masks=masks, threshold=threshold, threads=threads, progress=update,
        )  # fmt: skip
    answer(as_json, made.to_dict(), f"{made}\nfirst member: {made.members[0]}")


COMMANDS = (score, predict, submit)
