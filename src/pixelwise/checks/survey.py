"""The one pass: which samples there are, each read once on all cores, and what is remembered of each.

About 60 bytes per sample (hashes) and a bit for each split are remembered, so the pass holds a few decoded samples and
the names that the sources hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from ..classes import ClassTable
from ..dataset.dataset import Dataset
from ..dataset.identity import keys
from ..dataset.sources import FileSource, image_file_of
from ..dataset.splits import Split
from ..dataset.views import JoinedSource
from ..files.reading import nearest_hint
from ..formats.rasterize import DrawnSource
from ..labels import count_values
from ..threads import in_order, with_progress
from ..types import F32, I64, U64, Bool, Finding, Progress
from . import images, labels
from .findings import Collector, Subject
from .reading import Address, Reading, read
from .similar import Hashes, hashes

SAMPLE_CHECKS = (*labels.CHECKS, *images.CHECKS)


UNDRAWN: Final = frozenset({"no-region", "empty-region", "covered-region"})
"""Findings of regions that the label does not show."""
HINTS: Final = 200
"""Look for the nearest name of this many missing files; each time a folder is listed, which may be large."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the samples of the splits are read from, to be sent to where the work is done. Fields as in `Address`."""

    splits: tuple[Split, ...]
    format: str
    prefix: str

    def address(self, split: int, position: int) -> Address:
        """The sample at a position of a split's source; of joined sources, in its own."""
        chosen = self.splits[split]
        source, name = chosen.source, chosen.source.names[position]
        while isinstance(source, JoinedSource):
            source, position = source.beneath(position)
        if len(self.splits) > 1:
            name = f"{chosen.name}/{name}"
        return Address(source, position, chosen.classes, self.format, self.prefix, name)


class Survey:
    """What the checks of a whole dataset look at. n samples, S splits, C classes.

    classes: of the dataset. splits: those whose list could be read. items: for each split, the sample at each position,
    (len(split),) int64; image_keys: keys of their images, (len(split),) uint64; image_of: (n,) those of the samples.
    members: (n, S) bool.

    Filled by the pass: exact, coarse: (n,) uint64, and fine: (n, 4), the hashes of the images; has_image: (n,) bool,
    whether one was read and is not blank. label_hash: (n,) uint64, 0 without a label. seen_values: (65536,) bool, the
    values stored in any label. classes_in: (S, C) bool. ones: (n, 2) float32 for a table of two classes, the share of
    class 1 in the label and on its frame, NaN without a label; else (0, 2). kinds: for each way of storing a label, how
    many there are, and the sample that has it first. undrawn: (S,) int64, how many samples have regions that the label
    does not show.
    """

    splits: list[Split]
    image_keys: list[U64]
    items: list[I64]
    at: I64
    exact: U64
    coarse: U64
    label_hash: U64

    def __init__(self, dataset: Dataset, splits: list[Split], image_keys: list[U64], items: list[I64], at: I64) -> None:
        n, classes = len(at), len(dataset.classes)
        prefix = os.path.join(dataset.root.absolute(), "")
        self.classes: ClassTable = dataset.classes
        self.places: Places = Places(tuple(splits), dataset.format, prefix)
        self.splits, self.image_keys, self.items, self.at = splits, image_keys, items, at
        self.image_of: U64 = np.zeros(n, np.uint64)
        for own, image in zip(items, image_keys, strict=True):
            self.image_of[own] = image
        self.members: Bool = np.zeros((n, len(splits)), bool)
        for k, own in enumerate(items):
            self.members[own, k] = True
        self.exact, self.coarse, self.label_hash = (np.zeros(n, np.uint64) for _ in range(3))
        self.fine: U64 = np.zeros((n, 4), np.uint64)
        self.has_image: Bool = np.zeros(n, bool)
        self.seen_values: Bool = np.zeros(65_536, bool)
        self.classes_in: Bool = np.zeros((len(splits), classes), bool)
        self.ones: F32 = np.full((n if classes == 2 else 0, 2), np.nan, np.float32)
        self.kinds: dict[str, list[int]] = {}
        self.undrawn: I64 = np.zeros(len(splits), np.int64)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def images(self) -> int:
        """How many different images there are."""
        return len(np.unique(self.image_of))

    def place(self, item: int) -> Address:
        """Where sample `item` is read from."""
        split, position = self.at[item].tolist()
        return self.places.address(split, position)

    def image_where(self, item: int) -> str:
        """The image of sample `item`, relative to the dataset, or what the sample is called if it is not a file."""
        at = self.place(item)
        of = image_file_of(at.source, at.position)
        return at.name if of is None else at.where(of[0].path(of[0].images, of[1]))

    def label_where(self, item: int) -> str:
        """The label of sample `item`, relative to the dataset, or the same as `image_where`."""
        at = self.place(item)
        if isinstance(at.source, FileSource) and at.source.labels is not None:
            return at.where(at.source.path(at.source.labels, at.position))
        if isinstance(at.source, DrawnSource):
            return at.where(at.source.drawn_from(at.position)[-1])
        return self.image_where(item)

    def subject(self, item: int) -> Subject:
        """The files of sample `item`."""
        at = self.place(item)
        of = image_file_of(at.source, at.position)
        if of is None:
            return Subject()
        image = of[0].path(of[0].images, of[1])
        labels = at.source.labels if isinstance(at.source, FileSource) else None
        return Subject(image, None if labels is None else of[0].path(labels, of[1]))

    def pair(self, item: int, other: int) -> Subject:
        """The images of two samples."""
        return Subject(self.subject(item).image, None, self.subject(other).image)

    def splits_of(self, item: int) -> list[str]:
        """The names of the splits that hold sample `item`."""
        return [s.name for s, inside in zip(self.splits, self.members[item], strict=True) if inside]


def gather(dataset: Dataset, chosen: list[Split]) -> Survey:
    """List the different samples of the splits, each with the image and label that `Origin` says it is made from."""
    found = list(keys(chosen))
    at = [np.stack([np.full(len(s), k), s.positions()], axis=1) for k, s in enumerate(chosen)]
    no_keys, nowhere = np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)
    every = np.concatenate([no_keys, *(samples for _, samples in found)])
    _, first, inverse = np.unique(every, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)  # in the order of the splits and their lists
    rank[np.argsort(first)] = np.arange(len(first))
    items = np.split(rank[inverse], np.cumsum([len(s) for s in chosen])[:-1]) if chosen else []
    first_at = np.concatenate([nowhere, *at])[np.sort(first)]
    return Survey(dataset, chosen, [images for images, _ in found], items, first_at)


class Examined(NamedTuple):
    """What is kept of a sample after all its checks: see `Survey`. values: stored in the label; classes: ids in it.
    missing: as in `Reading`.
    """

    found: list[Finding]
    missing: list[tuple[int, str]]
    subject: Subject
    hashes: Hashes | None
    blank: bool
    label_hash: int
    values: I64
    classes: I64
    ones: tuple[float, float] | None
    kind: str


def _examine(places: Places, at: tuple[int, int]) -> Examined:
    return examined(read(places.address(*at)))


def examined(got: Reading) -> Examined:
    """Run every check of a sample."""
    found = got.found
    for check in SAMPLE_CHECKS:
        found.extend(check(got))
    blank = any(f.code in ("blank-image", "nearly-uniform-image") for f in found)
    image_hashes = None if got.image is None else hashes(got.image)
    if (label := got.label) is None:
        return Examined(
            found, got.missing, got.subject, image_hashes, blank, 0, got.values, np.zeros(0, np.int64), None, _kind(got)
        )
    unchanged = got.stored is not None and np.may_share_memory(label, got.stored.pixels)
    ids = got.values if unchanged else count_values(label)[0]
    ones = None
    if len(got.classes) == 2:
        one = label == 1
        frame = np.concatenate([one[0], one[-1], one[1:-1, 0], one[1:-1, -1]])
        ones = (float(one.mean()), float(frame.mean()))
    label_hash = xxh3_64_intdigest(np.ascontiguousarray(label).data)
    return Examined(found, got.missing, got.subject, image_hashes, blank, label_hash, got.values, ids, ones, _kind(got))


def _kind(got: Reading) -> str:
    """How the label is stored, in words; "" if it could not be read."""
    if (stored := got.stored) is None:
        return ""
    return ("" if stored.bits <= 8 else f"{stored.bits}-bit ") + stored.mode


def examine(survey: Survey, run: range, threads: int | None, progress: Progress | None) -> Iterator[Examined]:
    """Read and check the samples of `run`, in order."""
    results = in_order(partial(_examine, survey.places), map(tuple, survey.at[run.start : run.stop].tolist()), threads)
    return with_progress(results, len(run), progress)


def remember(survey: Survey, samples: Iterable[Examined], collect: Collector) -> None:
    """Keep what was found of all samples, in order; findings go to `collect`."""
    hints = HINTS
    for item, sample in enumerate(samples):
        for k, path in sample.missing[:hints]:
            hints -= 1
            sample.found[k] = replace(sample.found[k], fix=nearest_hint(path) or sample.found[k].fix)
        for finding in sample.found:
            collect.add(finding, sample.subject)
        _remember(survey, item, sample)


def _remember(survey: Survey, item: int, sample: Examined) -> None:
    if sample.hashes is not None:
        survey.exact[item], survey.coarse[item], survey.fine[item] = sample.hashes
        survey.has_image[item] = not sample.blank
    survey.label_hash[item] = sample.label_hash
    survey.seen_values[sample.values] = True
    known = sample.classes[sample.classes < len(survey.classes)]
    survey.classes_in[np.ix_(survey.members[item], known)] = True
    if any(finding.code in UNDRAWN for finding in sample.found):
        survey.undrawn[survey.members[item]] += 1
    if sample.kind:
        survey.kinds.setdefault(sample.kind, [0, item])[0] += 1
    if sample.ones is not None and len(survey.ones):
        survey.ones[item] = sample.ones
