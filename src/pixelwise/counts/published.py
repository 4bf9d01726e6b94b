"""Published counts of known datasets, and how a dataset compares with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Self

from ..classes import ClassTable
from ..errors import UnknownNameError, UsageError
from ..formats.given import Data, as_dataset
from ..hints import meant
from ..results import SavedResult
from ..types import Progress
from .stats import Stats, stats

Verdict = Literal["equal", "subset", "different"]


@dataclass(frozen=True, slots=True)
class PublishedCounts:
    """splits: samples by split. counted: the split whose pixels were counted. pixels: of each class, the last void.

    source: where the numbers come from.
    """

    splits: Mapping[str, int]
    counted: str
    pixels: tuple[int, ...]
    source: str


VOC2012: Final = PublishedCounts(
    splits={"train": 1464, "val": 1449, "trainval": 2913},
    counted="train",
    pixels=(
        182_014_429, 1_780_580, 758_311, 2_232_247, 1_514_260, 1_517_186, 4_375_622, 3_494_749, 6_752_515, 2_861_091,
        2_060_925, 3_381_632, 4_344_951, 2_283_739, 2_888_641, 11_995_853, 1_670_340, 2_254_463, 3_612_229, 3_984_238,
        2_349_235, 14_335_564,
    ),
    source="https://github.com/meetps/pytorch-semseg/issues/46; split sizes: the VOC2012 development kit",
)
"""Pixel counts of the 1,464 training labels of Pascal VOC2012."""

PUBLISHED: Final = {"voc2012": VOC2012}
"""Name -> published counts."""


class Difference(NamedTuple):
    """One published number, and what was counted."""

    what: str
    published: int
    counted: int


@dataclass(frozen=True, slots=True, repr=False)
class PublishedComparison(SavedResult):
    """Counts compared with published ones.

    verdict: "equal"; "subset" if samples are missing and no number is higher than published; else "different".
    differences: the numbers that are not as published. Loading something else raises DataError `bad-comparison`.
    """

    _kind, _code = "a comparison", "bad-comparison"

    name: str
    source: str
    verdict: Verdict
    differences: tuple[Difference, ...] = field(default=())

    def __repr__(self) -> str:
        return f"PublishedComparison({self.name}: {self.verdict}, {len(self.differences)} differences)"

    @classmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        differences = tuple(Difference(**d) for d in data["differences"])
        return cls(data["name"], data["source"], data["verdict"], differences)


def published_counts(name: str, classes: ClassTable) -> PublishedCounts:
    """The published counts of `name`. UnknownNameError if there are none, UsageError `different-classes` if they are
    of another number of classes.
    """
    if name not in PUBLISHED:
        fix = f"{meant(name, PUBLISHED)}there are: {', '.join(PUBLISHED)}"
        raise UnknownNameError(f"no published counts named {name!r}", code="unknown-dataset", fix=fix)
    known = PUBLISHED[name]
    if len(known.pixels) != len(classes) + 1:
        message = f"{name} has {len(known.pixels) - 1} classes, the dataset {len(classes)}"
        raise UsageError(message, code="different-classes")
    return known


def compare_published(
    data: Data,
    name: str,
    *,
    counted: Stats | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> PublishedComparison:
    """Compare a dataset's split sizes and pixel counts with the published ones of `name` ("voc2012").

    data: a Dataset, a Split or the path of a dataset (`options` are those of `pixelwise.open`). counted: the statistics
    of the split whose pixels were published (`PUBLISHED[name].counted`), if you have them already; otherwise it is
    counted now. threads, progress: as in `stats`. UnknownNameError for a name without published counts.
    """
    dataset = as_dataset(data, verb="compare_published", **options)
    known = published_counts(name, dataset.classes if counted is None else counted.classes)
    rows = [Difference(f"samples of {s}", n, len(dataset[s]) if s in dataset.splits else 0)
            for s, n in known.splits.items()]  # fmt: skip
    if counted is None and known.counted in dataset.splits:
        counted = stats(dataset[known.counted], threads=threads, progress=progress)
    if counted is not None:
        names = [*counted.classes.names, "void"]
        rows += [Difference(f"pixels of {n} in {known.counted}", p, int(c))
                 for n, p, c in zip(names, known.pixels, counted.pixels, strict=True)]  # fmt: skip
    wrong = tuple(r for r in rows if r.counted != r.published)
    missing = any(r.counted < r.published for r in rows[: len(known.splits)])
    fewer = missing and all(r.counted <= r.published for r in rows)
    return PublishedComparison(name, known.source, "subset" if fewer else "different" if wrong else "equal", wrong)
