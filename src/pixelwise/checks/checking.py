"""`check`: all problems of a dataset, in one pass over its files on all cores."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

from ..dataset.dataset import Dataset
from ..dataset.sources import FileSource
from ..dataset.splits import Split, Splits
from ..errors import PixelwiseError, UsageError
from ..formats.opening import open as open_dataset
from ..types import Finding, Progress
from .files import CHECKS as FILE_CHECKS
from .findings import KEPT, SEVERITIES, Collector, Findings, Group, Subject
from .splits import CHECKS as SPLIT_CHECKS
from .survey import gather, run, split_sizes

__all__ = ["KEPT", "SEVERITIES", "Findings", "Group", "Subject", "check"]


def check(
    data: Dataset | Split | str | os.PathLike[str],
    *,
    splits: Iterable[str] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Findings:
    """Find all problems of a dataset: files, lists, pairs, labels, splits and images.

    data: a dataset, one split, or the path of a dataset (`options` go to `pixelwise.open`). splits: the names of
    those to check, default all; files that no list names are looked for only when all are. threads: default one a
    core. progress: called with (samples done, samples in all).

    Every file is read and decoded once, and nothing that is wrong with the data is raised; only a path that holds no
    dataset, or a split that does not exist, is. Memory: a few decoded samples a thread, about 100 bytes a sample, and
    at most 10,000 findings of each kind.
    """
    started = perf_counter()
    dataset = _dataset(data, options)
    splits = [splits] if isinstance(splits, str) else splits
    wanted = list(dataset.splits) if splits is None else list(splits)
    root = None if dataset.root == Path() else dataset.root
    collect = Collector(root)
    for note in dataset.notes:
        collect.add(note)
    chosen = _open_splits(dataset, wanted, collect)
    survey = gather(root, dataset, chosen)
    run(survey, collect, threads, progress)
    complete = not isinstance(data, Split) and len(chosen) == len(dataset.splits)
    for whole in (*(FILE_CHECKS if complete else ()), *SPLIT_CHECKS):
        for finding, subject in whole(survey):
            collect.add(finding, subject)
    return Findings(
        root, collect.groups(), split_sizes(survey), len(survey), perf_counter() - started, dataset.classes
    )


def _dataset(data: Any, options: dict[str, Any]) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Split):
        root = data.source.root if isinstance(data.source, FileSource) else Path()
        return Dataset(root, "split", data.classes, Splits({data.name: lambda: data}))
    if isinstance(data, (str, os.PathLike)):
        return open_dataset(data, **options)
    raise UsageError(f"check takes a dataset, a split or a path, got {type(data).__name__}")


def _open_splits(dataset: Dataset, names: Iterable[str], collect: Collector) -> list[Split]:
    """The splits whose lists can be read; what is odd or wrong about the lists is collected."""
    out = []
    for name in names:
        if name not in dataset.splits:
            dataset[name]  # raises, naming the splits that exist
        try:
            split = dataset[name]
        except PixelwiseError as error:
            collect.add(Finding.from_error(error, name))
            continue
        out.append(split)
        for note in split.notes:
            collect.add(note)
    return out
