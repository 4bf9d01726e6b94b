"""score, predict, submit: from a model to numbers that can be compared, and to the official servers."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import UsageError
from ..evaluation.predicting import predict as predict_split
from ..evaluation.scoring import Scoring
from ..evaluation.scoring import score as score_folder
from ..evaluation.submitting import submit as submit_folder
from ..evaluation.tiles import Tiling
from ..metrics.protocols import PROTOCOLS
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
    opened,
    opening,
    part_to_save,
)

Predictions = Annotated[Path, Argument(help="The folder of predictions: NAME.png or NAME.npy.")]
StoredValues = Annotated[
    bool, Option("--stored-values", help="Files hold the dataset's stored values, not class ids 0..C-1.")
]


def score(
    predictions: Predictions,
    path: DatasetPath,
    protocol: Annotated[str, Option(help=f"One of: {', '.join(PROTOCOLS)}.")] = "voc",
    baseline: Annotated[Path | None, Option(help="Other predictions: show paired differences to them.")] = None,
    intervals: Annotated[bool, Option("--intervals", help="Show bootstrap intervals.")] = False,
    boundary: Annotated[bool, Option("--boundary", help="Compute boundary IoU (slower).")] = False,
    plot: Annotated[Path | None, Option(help="Draw the confusion matrix (.png).")] = None,
    worst: Annotated[int | None, Option(min=1, help="Draw this many of the worst images.")] = None,
    output: Annotated[Path, Option("-o", "--output", help="Where to draw the worst images.")] = Path("worst.png"),
    part: PartOption = None,
    save: Annotated[Path | None, Option(help="Write the scores here (JSON).")] = None,
    stored_values: StoredValues = False,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Score predictions by a named protocol: all images, each once, at full size, or none at all.

    The split is val by default. Exit 1 if a prediction is missing, of another size, out of range or unreadable, or has
    the name of no sample.
    """
    settings: Any = {"splits": split, "stored_values": stored_values, "boundary": boundary, "threads": threads}
    if (own := part_to_save(part, save)) is not None:
        given = opening(labels, format)
        with progress("scoring") as update:
            counted = score_folder(predictions, path, protocol, part=own, progress=update, **settings, **given)
        return finish_part(counted, save, as_json)
    dataset = opened(path, labels, format)

    def scored(folder: Path) -> Scoring:
        with progress("scoring") as update:
            made: Scoring = score_folder(folder, dataset, protocol, progress=update, **settings)
            return made

    result = scored(predictions)
    if save is not None:
        result.save(save)
    found: dict[str, Any] = {"predictions": str(predictions), **result.to_dict()}
    text = [str(result)]
    other = None if baseline is None else scored(baseline)
    if intervals:
        drawn = result.intervals()
        found["intervals"] = drawn.to_dict()
        text.append(str(drawn))
    if other is not None:
        difference = result.compare(other)
        found["baseline"] = {"predictions": str(baseline), **other.to_dict(), "difference": difference.to_dict()}
        text.append(f"{predictions} less {baseline}:\n{difference}")
    if plot is not None:
        result.plot().save(plot)
        found["plot"] = str(plot)
        text.append(f"confusion matrix: {plot}")
    if worst is not None:
        result.worst_sheet(worst).save(output)
        found |= {"worst": [w._asdict() for w in result.worst(worst)], "sheet": str(output)}
        text.append(f"{min(worst, len(result.split))} worst images: {output}")
    return answer(as_json, found, "\n\n".join(text))


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
    model: Annotated[str, Argument(help="MODULE:NAME, a torch module or (B, 3, H, W) -> logits.")],
    path: DatasetPath,
    output: Annotated[Path, Option("-o", "--output", help="The folder to write.")] = Path("predictions"),
    window: Annotated[str | None, Option(help="Sliding window, HEIGHTxWIDTH; by default whole images.")] = None,
    overlap: Annotated[float, Option(help="Share of a window that its neighbor covers too.")] = 1 / 3,
    blend: Annotated[str, Option(help="uniform, linear or gaussian.")] = "linear",
    flip: Annotated[bool, Option("--flip", help="Also predict mirrored, and average.")] = False,
    scale: Annotated[list[float] | None, Option(help="Predict at this size; repeat for more.")] = None,
    divisor: Annotated[int, Option(help="Pad whole images to multiples of this.")] = 1,
    normalize: Annotated[bool, Option(help="Normalize by ImageNet's mean and deviation.")] = True,
    batch_size: Annotated[int, Option(help="Tiles per batch.")] = 8,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
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
    answer(as_json, done.to_dict(), f"{done} ({perf_counter() - started:.1f} s)")


def submit(
    predictions: Predictions,
    path: DatasetPath,
    output: Annotated[Path, Option("-o", "--output", help="The archive: .tar, .tar.gz or .zip.")],
    benchmark: Annotated[
        str | None, Option(help="voc2012, cityscapes or ade20k; by default found by the classes.")
    ] = None,
    competition: Annotated[str, Option(help="Of VOC2012: comp5 (its own data only) or comp6.")] = "comp6",
    stored_values: StoredValues = False,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Make the archive for an official server (test by default): complete, right sizes and ids, read back."""
    dataset = opened(path, labels, format)
    kind: Any = competition
    with progress("packing predictions") as update:
        made = submit_folder(
            predictions, dataset, output, splits=split, benchmark=benchmark, competition=kind,
            stored_values=stored_values, threads=threads, progress=update,
        )  # fmt: skip
    answer(as_json, made.to_dict(), f"{made}\nfirst member: {made.members[0]}")


COMMANDS = (score, predict, submit)
