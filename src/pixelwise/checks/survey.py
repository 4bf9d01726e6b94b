"""The one pass: which samples there are, each read once on all cores, and what is remembered of each.

About 60 bytes per sample (hashes) and a bit for each split are remembered, so the pass holds a few decoded samples and
the names that the sources hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from xxhash import xxh3_64_intdigest

from ..counts.per_sample import image_key, key_of
from ..dataset.dataset import Dataset
from ..dataset.sources import FileSource, Source
from ..dataset.splits import Split
from ..labels import count_values
from ..threads import in_order, with_progress
from ..types import I64, U64, Finding, Progress
from . import images, labels
from .findings import Collector, Subject
from .reading import Address, Reader, Reading
from .similar import Hashes, hashes

SAMPLE_CHECKS = (*labels.CHECKS, *images.CHECKS)


class Survey:
    """What the checks of a whole dataset look at. n samples, S splits, C classes.

    classes, format: of the dataset. splits: those whose list could be read. items: for each split, the sample at
    each position, (len(split),) int64; image_keys: keys of their images, (len(split),) uint64. members: (n, S) bool.

    Filled by the pass: exact, coarse: (n,) uint64, and fine: (n, 4), the hashes of the images; has_image: (n,) bool,
    whether one was read and is not blank. label_hash: (n,) uint64, 0 without a label. seen_values: (65536,) bool,
    the values stored in any label. classes_in: (S, C) bool. ones: (n, 2) float32 for a table of two classes, the share
    of class 1 in the label and on its frame, NaN without a label; else (0, 2).
    """

    def __init__(
        self, dataset: Dataset, splits: list[Split], image_keys: list[U64], items: list[I64], places: I64
    ) -> None:
        n, classes = len(places), len(dataset.classes)
        self.classes, self.format = dataset.classes, dataset.format
        self.splits, self.image_keys, self.items, self._places = splits, image_keys, items, places
        self.members = np.zeros((n, len(splits)), bool)
        for k, own in enumerate(items):
            self.members[own, k] = True
        self.exact, self.coarse, self.label_hash = (np.zeros(n, np.uint64) for _ in range(3))
        self.fine = np.zeros((n, 4), np.uint64)
        self.has_image = np.zeros(n, bool)
        self.seen_values = np.zeros(65_536, bool)
        self.classes_in = np.zeros((len(splits), classes), bool)
        self.ones = np.full((n if classes == 2 else 0, 2), np.nan, np.float32)

    def __len__(self) -> int:
        return len(self._places)

    def place(self, item: int) -> Address:
        """Where sample `item` is read from."""
        split = self.splits[int(self._places[item, 0])]
        return Address(split.source, int(self._places[item, 1]), split.classes, self.format)

    def image_where(self, item: int) -> str:
        """The image of sample `item`, relative to the dataset, or the sample's name if it is not a file."""
        source, index = self.place(item)[:2]
        return source.images[index] if isinstance(source, FileSource) else source.names[index]

    def label_where(self, item: int) -> str:
        """The label of sample `item`, relative to the dataset, or the sample's name if it is not a file."""
        source, index = self.place(item)[:2]
        if isinstance(source, FileSource) and source.labels is not None:
            return source.labels[index]
        return source.names[index]

    def subject(self, item: int) -> Subject:
        """The files of sample `item`."""
        source, index = self.place(item)[:2]
        if not isinstance(source, FileSource):
            return Subject()
        label = None if source.labels is None else source.path(source.labels, index)
        return Subject(source.path(source.images, index), label)

    def pair(self, item: int, other: int) -> Subject:
        """The images of two samples."""
        return Subject(self.subject(item).image, None, self.subject(other).image)

    def splits_of(self, item: int) -> list[str]:
        """The names of the splits that hold sample `item`."""
        return [s.name for s, inside in zip(self.splits, self.members[item], strict=True) if inside]


def gather(dataset: Dataset, chosen: list[Split]) -> Survey:
    """List the different samples of the splits: samples with the same image and label files are one."""
    positions = [s.positions() for s in chosen]
    image_keys, pair_keys = [], []
    for split, at in zip(chosen, positions, strict=True):
        image_keys.append(np.fromiter((image_key(split.source, i) for i in at.tolist()), np.uint64, len(at)))
        pair_keys.append(_pair_keys(split.source, at, image_keys[-1]))
    places = [np.stack([np.full(len(at), k), at], axis=1) for k, at in enumerate(positions)]
    no_keys, no_places = np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)
    _, first, inverse = np.unique(np.concatenate([no_keys, *pair_keys]), return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)  # in the order of the splits and their lists
    rank[np.argsort(first)] = np.arange(len(first))
    items = np.split(rank[inverse], np.cumsum([len(k) for k in pair_keys])[:-1]) if chosen else []
    first_places = np.concatenate([no_places, *places])[np.sort(first)]
    return Survey(dataset, chosen, image_keys, items, first_places)


def _pair_keys(source: Source, positions: I64, image_keys: U64) -> U64:
    """A key of the image and the label of each sample."""
    labels = source.labels if isinstance(source, FileSource) else None
    keys = (key_of(key, source.has_labels if labels is None else labels[i])
            for key, i in zip(image_keys.tolist(), positions.tolist(), strict=True))  # fmt: skip
    return np.fromiter(keys, np.uint64, len(positions))


class Examined(NamedTuple):
    """What is kept of a sample after all its checks: see `Survey`. values: stored in the label; classes: ids in it."""

    found: list[Finding]
    subject: Subject
    hashes: Hashes | None
    blank: bool
    label_hash: int
    values: I64
    classes: I64
    ones: tuple[float, float] | None


def examine(got: Reading) -> Examined:
    """Run every check of a sample."""
    found = got.found
    for check in SAMPLE_CHECKS:
        found.extend(check(got))
    blank = any(f.code in ("blank-image", "nearly-uniform-image") for f in found)
    image_hashes = None if got.image is None else hashes(got.image)
    if (label := got.label) is None:
        return Examined(found, got.subject, image_hashes, blank, 0, got.values, np.zeros(0, np.int64), None)
    unchanged = got.stored is not None and np.may_share_memory(label, got.stored.pixels)
    ids = got.values if unchanged else count_values(label)[0]
    ones = None
    if len(got.classes) == 2:
        one = label == 1
        frame = np.concatenate([one[0], one[-1], one[1:-1, 0], one[1:-1, -1]])
        ones = (float(one.mean()), float(frame.mean()))
    label_hash = xxh3_64_intdigest(np.ascontiguousarray(label).data)
    return Examined(found, got.subject, image_hashes, blank, label_hash, got.values, ids, ones)


def run(survey: Survey, collect: Collector, threads: int | None, progress: Progress | None) -> None:
    """Read and check every sample; findings go to `collect`, in the order of the samples."""
    reader = Reader()
    results = in_order(lambda i: examine(reader.read(survey.place(i))), range(len(survey)), threads)
    for item, sample in enumerate(with_progress(results, len(survey), progress)):
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
    if sample.ones is not None and len(survey.ones):
        survey.ones[item] = sample.ones
