"""`check`: all problems of a dataset, in one pass over its files on all cores."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import PixelwiseError
from ..formats.given import Data, SplitNames, as_dataset
from ..hints import hinted
from ..types import Finding, Progress
from .files import CHECKS as FILE_CHECKS
from .findings import Collector, Findings
from .splits import CHECKS as SPLIT_CHECKS
from .survey import gather, run


@hinted
def check(
    data: Data,
    *,
    splits: SplitNames = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Findings:
    """Find all problems of a dataset: files, lists, pairs, labels, splits and images.

        >>> import numpy as np, pixelwise as pw
        >>> image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
        >>> label = np.repeat(np.array([[0, 15]], np.uint8), 15, axis=1).repeat(20, axis=0)
        >>> source = pw.ArraySource([image, image], [label, label], names=["a", "b"])
        >>> print(pw.check(pw.Split("train", pw.VOC, source)))
        2 samples (train 2): 1 warning
        warning: duplicate-image (1)
          b: the same pixels as a; keep one of them [duplicate-image]

    data: a Dataset, a Split or the path of a dataset (`options` are those of `pixelwise.open`). splits: the name or
    names of the splits to check, by default all; files that no list names are looked for only if all are checked.
    threads: by default one per core. progress: called with (samples done, samples in all).

    Every file is read and decoded once. Problems of the data are never raised; only a path that holds no dataset, or a
    split that does not exist, is an error. Memory: a few decoded samples per thread, about 100 bytes per sample, and
    at most 10,000 findings of each kind.
    """
    started = perf_counter()
    whole = as_dataset(data, verb="check", **options)
    dataset = as_dataset(whole, splits, verb="check")
    root = None if dataset.root == Path() else dataset.root
    collect = Collector(root)
    for note in dataset.notes:
        collect.add(note)
    chosen = _open_splits(dataset, collect)
    survey = gather(dataset, chosen)
    run(survey, collect, threads, progress)
    complete = not isinstance(data, Split) and len(chosen) == len(whole.splits)
    for find in (*(FILE_CHECKS if complete else ()), *SPLIT_CHECKS):
        for finding, subject in find(survey):
            collect.add(finding, subject)
    sizes = {split.name: len(split) for split in chosen}
    return Findings(root, collect.groups(), sizes, survey.images, perf_counter() - started, dataset.classes)


def _open_splits(dataset: Dataset, collect: Collector) -> list[Split]:
    """The splits whose lists can be read; problems of the lists are collected."""
    out = []
    for name in dataset.splits:
        try:
            split = dataset[name]
        except PixelwiseError as error:
            collect.add(Finding.from_error(error, name))
            continue
        out.append(split)
        for note in split.notes:
            collect.add(note)
    return out
