"""Resuming: which files in a folder of an interrupted run are complete and can be kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..counts.per_sample import read_labels_only
from ..dataset.splits import Split
from ..errors import DataError, MissingError, SystemFault, UsageError
from ..files import atomic_write, read_bytes
from ..metrics.confusion import Confusion
from ..threads import in_order
from ..types import Progress
from .prediction_files import SUFFIXES, check_ids, file_of, read_prediction

_RECORD = ".pixelwise-prediction.json"  # what the files were made with; hidden, so it is not read as a prediction


def continue_folder(
    folder: Path,
    split: Split,
    share: Sequence[int],
    made_by: dict[str, str],
    confusion: Confusion | None,
    threads: int,
    progress: Progress | None,
    done: Callable[[str], bool],
) -> tuple[list[int], list[str]]:
    """The samples still to predict, and the names of those whose files are damaged. Counts those that are kept.

    share: the samples of this process; others may work in the same folder at the same time. done: whether a sample has
    its other files. Creates the folder if it is
    missing. UsageError `other-prediction`, `not-empty`.
    """
    _claim(folder, {"classes": list(split.classes.names), **made_by})
    damaged: list[str] = []
    look = partial(_look, folder, split, confusion is not None)
    existing = [i for i in share if file_of(folder, split.names[i]).exists() and done(split.names[i])]
    kept: set[int] = set()
    for i, found in zip(existing, in_order(look, existing, threads), strict=True):
        if found is None:
            damaged.append(split.names[i])
            continue
        kept.add(i)
        if confusion is not None:
            confusion.update(*found, split.names[i])
        if progress is not None:
            progress(len(kept), len(share))
    todo = [i for i in share if i not in kept]
    return todo, damaged


def _look(folder: Path, split: Split, scored: bool, i: int) -> tuple[NDArray[Any], Any] | None:
    path = file_of(folder, split.names[i])
    truth = read_labels_only(split, i) if scored else None
    height, width = split.sizes(np.array([i]))[0].tolist()
    try:
        ids = read_prediction(path, split.classes, (height, width))
        check_ids(ids, split.classes, path)
    except DataError:
        return None
    return ids, truth


def _claim(folder: Path, made_by: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemFault(
            f"cannot be created: {error.strerror}", code="cannot-write", where=folder, fix="choose another folder"
        ) from error
    # Another process may claim the folder at the same time; it writes its record before its first prediction.
    strange = not (folder / _RECORD).exists() and any(p.suffix in SUFFIXES for p in folder.iterdir())
    try:
        before = json.loads(read_bytes(folder / _RECORD))
    except MissingError:
        if strange:
            raise UsageError(
                "holds predictions that were not written by predict()",
                code="not-empty", where=folder, fix="choose a new folder",
            ) from None  # fmt: skip
        before = made_by
    except ValueError:
        before = {}
    if not isinstance(before, dict):
        before = {}
    if before != made_by:
        differs = ", ".join(k for k in made_by if before.get(k) != made_by[k])
        raise UsageError(
            f"holds predictions made with a different {differs}", code="other-prediction", where=folder,
            fix="choose a new folder, or remove this one",
        )  # fmt: skip
    with atomic_write(folder / _RECORD) as file:
        file.write(json.dumps(made_by, indent=1).encode())
