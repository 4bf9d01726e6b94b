"""The one pass: which samples there are, each read once on all cores, and what is remembered of each.

Remembered are about 60 bytes a sample (hashes) and a bit for each split, so the pass holds a few batches of decoded
samples and otherwise the names that the sources hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..counts.per_sample import image_key
from ..dataset.dataset import Dataset
from ..dataset.sources import FileSource, Source
from ..dataset.splits import Split
from ..labels import present
from ..threads import in_order
from ..types import I64, Finding, Progress
from . import images, labels
from .findings import Collector, Subject
from .reading import Place, Reader, Reading
from .similar import Hashes, hashes, xxh64_of

SAMPLE_CHECKS = (*labels.CHECKS, *images.CHECKS)


class Survey:
    """What checks of the whole dataset look at. n samples, S splits, C classes.

    root, classes, format: of the dataset. splits: those whose list could be read. items: for each split the sample at
    each position, (len(split),) int64; image_keys: the hashes of their images' paths. members: (n, S) bool.

    Filled by the pass: exact, coarse: (n,) uint64, and fine: (n, 4), the hashes of the images, where has_image (n,)
    bool says that one was read and is not blank. label_hash: (n,) uint64, 0 without label. seen_values: (65536,)
    bool, values stored in any label. classes_in: (S, C) bool. ones: (n, 2) float32 for a table of two classes, the
    share of class 1 in the label and on its frame, NaN without label; else (0, 2).
    """

    def __init__(
        self,
        root: Path | None,
        dataset: Dataset,
        splits: tuple[Split, ...],
        image_keys: tuple[I64, ...],
        items: tuple[I64, ...],
        places: I64,
    ) -> None:
        n, classes = len(places), len(dataset.classes)
        self.root, self.classes, self.format = root, dataset.classes, dataset.format
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

    def place(self, item: int) -> Place:
        """Where sample `item` is read from."""
        split = self.splits[int(self._places[item, 0])]
        return Place(split.source, int(self._places[item, 1]), split.classes, self.format)

    def image_where(self, item: int) -> str:
        """The image of sample `item`, relative to the dataset, or its name where it is no file."""
        place = self.place(item)
        source = place.source
        return source.images[place.position] if isinstance(source, FileSource) else source.names[place.position]

    def label_where(self, item: int) -> str:
        """The label of sample `item`, relative to the dataset, or its name where it is no file."""
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


def gather(root: Path | None, dataset: Dataset, splits: Iterable[Split]) -> Survey:
    """List the different samples of the splits: those with the same image and label files are one."""
    chosen = tuple(splits)
    positions = [s.positions() for s in chosen]
    image_keys = [_keys(s.source, at, with_label=False) for s, at in zip(chosen, positions, strict=True)]
    pair_keys = [_keys(s.source, at, with_label=True) for s, at in zip(chosen, positions, strict=True)]
    places = [np.stack([np.full(len(at), k), at], axis=1) for k, at in enumerate(positions)]
    none = np.zeros((0, 2), np.int64)
    _, first, inverse = np.unique(
        np.concatenate([none[:, 0], *pair_keys]), return_index=True, return_inverse=True
    )
    rank = np.empty(len(first), np.int64)  # in the order of the splits and their lists
    rank[np.argsort(first)] = np.arange(len(first))
    items = np.split(rank[inverse], np.cumsum([len(k) for k in pair_keys])[:-1]) if chosen else []
    return Survey(
        root, dataset, chosen, tuple(image_keys), tuple(items), np.concatenate([none, *places])[np.sort(first)]
    )


def _keys(source: Source, positions: I64, with_label: bool) -> I64:
    """A hash of each sample's image (and label), see `image_key`."""
    keys = (image_key(source, int(i)) for i in positions)
    if with_label and isinstance(source, FileSource) and (labels := source.labels) is not None:
        keys = (hash((key, labels[int(i)])) for key, i in zip(keys, positions, strict=True))
    elif with_label:
        keys = (hash((key, source.has_labels)) for key in keys)
    return np.fromiter(keys, np.int64, len(positions))


class Seen(NamedTuple):
    """What is kept of a sample after all its checks."""

    found: list[Finding]
    subject: Subject
    hashes: Hashes | None
    blank: bool
    label_hash: int
    values: Any
    classes: Any
    ones: tuple[float, float] | None


def look(got: Reading) -> Seen:
    """Run every check of a sample."""
    found = got.found
    for check in SAMPLE_CHECKS:
        found.extend(check(got))
    blank = any(f.code in ("blank-image", "nearly-uniform-image") for f in found)
    label, stored = got.label, None if got.stored is None else got.stored.pixels
    same = label is not None and stored is not None and np.may_share_memory(label, stored)
    ids: Any = got.values if same else () if label is None else present(label)
    ones = None
    if label is not None and len(got.classes) == 2:
        one = label == 1
        frame = np.concatenate([one[0], one[-1], one[1:-1, 0], one[1:-1, -1]])
        ones = (float(one.mean()), float(frame.mean()))
    return Seen(
        found, got.subject, None if got.image is None else hashes(got.image), blank,
        0 if label is None else xxh64_of(label), got.values, ids, ones,
    )  # fmt: skip


def run(
    survey: Survey, collect: Collector, threads: int | None, progress: Progress | None
) -> None:
    """Read and check every sample; findings go to `collect`, in the order of the samples."""
    reader = Reader()
    results = in_order(lambda i: look(reader.read(survey.place(i))), range(len(survey)), threads)
    for item, seen in enumerate(results):
        for finding in seen.found:
            collect.add(finding, seen.subject)
        _remember(survey, item, seen)
        if progress is not None:
            progress(item + 1, len(survey))


def _remember(survey: Survey, item: int, seen: Seen) -> None:
    if seen.hashes is not None:
        survey.exact[item], survey.coarse[item], survey.fine[item] = seen.hashes
        survey.has_image[item] = not seen.blank
    survey.label_hash[item] = seen.label_hash
    if len(seen.values):
        survey.seen_values[seen.values] = True
    if len(seen.classes):
        known = seen.classes[seen.classes < len(survey.classes)]
        survey.classes_in[np.ix_(survey.members[item], known)] = True
    if seen.ones is not None and len(survey.ones):
        survey.ones[item] = seen.ones


def split_sizes(survey: Survey) -> Mapping[str, int]:
    """Samples by split."""
    return {s.name: len(s) for s in survey.splits}
