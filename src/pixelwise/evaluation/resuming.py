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
from ..errors import DataError, SystemFault, UsageError
from ..files.writing import atomic_write, remove_temporaries
from ..formats.unfinished import PREDICTION, read_mark
from ..metrics.confusion import Confusion
from ..threads import in_order
from ..types import Progress
from .prediction_files import SUFFIXES, file_of, read_ids


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
    its other files. Creates the folder if it is missing, and marks it as unfinished. UsageError `other-prediction`,
    `not-empty`.
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
        ids = read_ids(path, split.classes, (height, width))
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
    # Another process may claim the folder at the same time; it writes its mark before its first prediction.
    strange = not (folder / PREDICTION).exists() and any(p.suffix in SUFFIXES for p in folder.iterdir())
    before = read_mark(folder / PREDICTION)
    if before is None:
        if strange:
            raise UsageError(
                "holds predictions that were not written by predict()",
                code="not-empty", where=folder, fix="choose a new folder",
            )  # fmt: skip
        before = made_by
    before = {k: v for k, v in before.items() if k != "complete"}
    if before != made_by:
        differs = ", ".join(k for k in made_by if before.get(k) != made_by[k])
        raise UsageError(
            f"holds predictions made with a different {differs}", code="other-prediction", where=folder,
            fix="choose a new folder, or remove this one",
        )  # fmt: skip
    remove_temporaries(folder, below=True)
    _mark(folder, made_by, complete=False)


def finish_folder(folder: Path, split: Split, made_by: dict[str, str]) -> None:
    """Mark the folder as complete if it is: other processes may not have finished their share."""
    if all(file_of(folder, name).exists() for name in split.names):
        remove_temporaries(folder, below=True)  # of processes of a pool that died
        _mark(folder, {"classes": list(split.classes.names), **made_by}, complete=True)


def _mark(folder: Path, made_by: dict[str, Any], complete: bool) -> None:
    with atomic_write(folder / PREDICTION) as file:
        file.write(json.dumps({**made_by, "complete": complete}, indent=1).encode())
