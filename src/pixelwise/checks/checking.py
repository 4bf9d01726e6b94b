"""`check`: all problems of a dataset, in one pass over its files on all cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, overload

from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import DataError, PixelwiseError, only_ours
from ..formats.given import Data, SplitNames, as_dataset
from ..hints import hinted
from ..parts import Part, PartOf, check_about, check_part, data_of, made_part, opened_by, run_of
from ..threads import Pool, run_in
from ..types import Finding, Progress
from .files import CHECKS as FILE_CHECKS
from .findings import Collector, Findings
from .shares import items_of, share_of
from .splits import CHECKS as SPLIT_CHECKS
from .survey import Survey, examine, gather, remember


@overload
def check(
    data: Data, *, splits: SplitNames = None, threads: int | None = None, progress: Progress | None = None,
    pool: Pool | None = None, part: None = None, **options: Any,
) -> Findings: ...  # fmt: skip
@overload
def check(
    data: Data, *, splits: SplitNames = None, threads: int | None = None, progress: Progress | None = None,
    pool: Pool | None = None, part: PartOf, **options: Any,
) -> Part: ...  # fmt: skip
@hinted
def check(
    data: Data, *, splits: SplitNames = None, threads: int | None = None, progress: Progress | None = None,
    pool: Pool | None = None, part: PartOf | None = None, **options: Any,
) -> Findings | Part:  # fmt: skip
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
    threads: by default one per core. progress: called with (samples done, samples in all). pool: where samples are read
    instead of on threads; see `Pool`. part: (k, n) looks at the k-th of n shares of the samples, and gives a `Part`;
    `pixelwise.merge` makes the findings of all of them.

    Every file is read and decoded once. Problems of the data are never raised; only a path that holds no dataset, or a
    split that does not exist, is an error. Memory: a few decoded samples per thread, about 100 bytes per sample, and
    at most 10,000 findings of each kind.
    """
    started, share = perf_counter(), check_part(part)
    with run_in(pool):
        whole = _whole(data, splits, options)
        n = len(whole.survey)
        run = range(n) if share is None else run_of(share, n)
        samples = examine(whole.survey, run, threads, progress)
        if share is not None:
            opened, found = opened_by(data, splits, options), share_of(samples, whole.root)
            return made_part("check", share, run, n, whole.about, opened, found, perf_counter() - started)
        remember(whole.survey, samples, whole.collect)
    return whole.findings(perf_counter() - started)


def of_parts(parts: Sequence[Part], data: Any) -> Findings:
    """The findings of a check that was made in parts; see `pixelwise.merge`."""
    started = perf_counter()
    data, splits, options = data_of(parts, data)
    whole = _whole(data, splits, options)
    check_about(parts[0], len(whole.survey), whole.about)
    with only_ours("merge", DataError, "bad-part", "the share of a part is damaged"):
        remember(whole.survey, items_of(parts, whole.root), whole.collect)
    return whole.findings(sum(part.seconds for part in parts) + perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is checked. complete: whether it is all of a dataset."""

    dataset: Dataset
    root: Path | None
    collect: Collector
    chosen: list[Split]
    survey: Survey
    complete: bool

    @property
    def about(self) -> dict[str, Any]:
        data = {split.name: split.fingerprint for split in self.chosen}
        return {"data": data, "splits": list(self.dataset.splits), "complete": self.complete}

    def findings(self, seconds: float) -> Findings:
        """The result, once all samples are remembered."""
        for find in (*(FILE_CHECKS if self.complete else ()), *SPLIT_CHECKS):
            for finding, subject in find(self.survey):
                self.collect.add(finding, subject)
        sizes = {split.name: len(split) for split in self.chosen}
        return Findings(self.root, self.collect.groups(), sizes, self.survey.images, seconds, self.dataset.classes)


def _whole(data: Data, splits: SplitNames, options: dict[str, Any]) -> _Whole:
    whole = as_dataset(data, verb="check", **options)
    dataset = as_dataset(whole, splits, verb="check")
    root = None if dataset.root == Path() else dataset.root
    collect = Collector(root)
    for note in dataset.notes:
        collect.add(note)
    chosen = _open_splits(dataset, collect)
    complete = not isinstance(data, Split) and len(chosen) == len(whole.splits)
    return _Whole(dataset, root, collect, chosen, gather(dataset, chosen), complete)


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
