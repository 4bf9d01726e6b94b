"""Statistics of a dataset: pixels, images, sizes, channels, class weights. Exact integers that merge by addition."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from math import sqrt
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import DataError, UnknownNameError, UsageError
from ..files import atomic_write, read_bytes
from ..threads import in_order
from ..types import Progress, Sample, Size
from .per_sample import count_label, image_key
from .published import PUBLISHED, Published

I64 = NDArray[np.int64]
Triple = tuple[int, int, int]

WEIGHTS: Final = ("inverse-frequency", "median-frequency", "enet", "effective-number")
"""The formulas of `Stats.weights`."""


@dataclass(frozen=True, eq=False)
class Stats:
    """What was counted in some samples. `a + b` is what counting both would give, so parts can be counted apart.

    samples, labeled: images, and those with a label. pixels: (C + 1,) int64, of each class, the last of void.
    images: (C + 1,) int64, in how many images each occurs. beside: (C,) int64, pixels with a class in the images that
    hold class c. together: (C, C) int64, in how many images two classes occur together; the diagonal is `images`.
    sizes: images by (height, width). sums, squares: of the channels R, G, B (levels 0..255), exact. Arrays are
    read-only.
    """

    classes: ClassTable
    samples: int
    labeled: int
    pixels: I64
    images: I64
    beside: I64
    together: I64
    sizes: Mapping[Size, int] = field(default_factory=dict)
    sums: Triple = (0, 0, 0)
    squares: Triple = (0, 0, 0)

    def __post_init__(self) -> None:
        for name in ("pixels", "images", "beside", "together"):
            values = np.array(getattr(self, name), np.int64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "sizes", dict(sorted(self.sizes.items())))

    @classmethod
    def empty(cls, classes: ClassTable) -> Stats:
        """Nothing counted: `empty + s == s`."""
        n = len(classes)
        zeros = np.zeros(n + 1, np.int64)
        return cls(classes, 0, 0, zeros, zeros, zeros[:n], np.zeros((n, n), np.int64))

    @classmethod
    def of(cls, sample: Sample, classes: ClassTable) -> Stats:
        """What is in one sample."""
        tally = _Tally(classes)
        tally.add(_measure(sample, classes))
        return tally.stats()

    def __add__(self, other: Stats) -> Stats:
        """Both together. UsageError `different-classes` where the class tables differ."""
        if not isinstance(other, Stats):
            return NotImplemented
        if self.classes != other.classes:
            raise UsageError("statistics of different class tables cannot be added", code="different-classes")
        return Stats(
            self.classes, self.samples + other.samples, self.labeled + other.labeled, self.pixels + other.pixels,
            self.images + other.images, self.beside + other.beside, self.together + other.together,
            Counter(self.sizes) + Counter(other.sizes), _add(self.sums, other.sums), _add(self.squares, other.squares),
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stats) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    # -- what follows from the counts -----------------------------------------------------------------------------

    @property
    def share(self) -> NDArray[np.float64]:
        """(C,) share of each class in the pixels that have a class."""
        return np.asarray(self.pixels[:-1] / max(1, int(self.pixels[:-1].sum())))

    @property
    def share_with_void(self) -> NDArray[np.float64]:
        """(C + 1,) share of each class, and of void, in all pixels."""
        return np.asarray(self.pixels / max(1, int(self.pixels.sum())))

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of the channels R, G, B on the scale 0..1, over all pixels of all images; 0 where there are none."""
        n = max(1, self.area)
        r, g, b = (float(Fraction(s, 255 * n)) for s in self.sums)
        return r, g, b

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of the channels on the scale 0..1 (of the population: divided by n).

        From integer sums by `(n sum(x^2) - sum(x)^2) / n^2` in exact arithmetic: no cancellation, whatever n.
        """
        n = max(1, self.area)
        r, g, b = (
            sqrt(Fraction(n * q - s * s, (255 * n) ** 2)) for s, q in zip(self.sums, self.squares, strict=True)
        )
        return r, g, b

    @property
    def area(self) -> int:
        """Pixels of all images."""
        return sum(h * w * n for (h, w), n in self.sizes.items())

    def aspects(self) -> dict[str, int]:
        """Images by shape: "landscape", "square", "portrait"."""
        out = {"landscape": 0, "square": 0, "portrait": 0}
        for (h, w), n in self.sizes.items():
            out["landscape" if w > h else "portrait" if h > w else "square"] += n
        return out

    def weights(self, formula: str, *, c: float = 1.02, beta: float = 0.999) -> NDArray[np.float64]:
        """(C,) float64 class weights for a loss; 0 for a class that does not occur.

        With n_c the pixels of class c, p_c = n_c / sum(n), over the pixels that have a class:

        - "inverse-frequency": 1 / (C p_c), C counting the classes that occur (King and Zeng, "Logistic regression in
          rare events data", 2001; scikit-learn's "balanced").
        - "median-frequency": median(f) / f_c, f_c = n_c / (pixels of the images that hold c) (Eigen and Fergus,
          "Predicting depth, surface normals and semantic labels", ICCV 2015; SegNet, 2017).
        - "enet": 1 / ln(c + p_c), c = 1.02 (Paszke et al., "ENet", 2016).
        - "effective-number": (1 - beta) / (1 - beta^m_c), m_c the images that hold c, scaled so that the weights of
          the classes that occur sum to their number (Cui et al., "Class-balanced loss", CVPR 2019). Images and not
          pixels, for pixels are so many that all weights would be equal.

        UnknownNameError for another name; UsageError for c or beta out of range.
        """
        present = self.pixels[:-1] > 0
        if formula not in WEIGHTS:
            raise UnknownNameError(f"no weight formula named {formula!r}", code="unknown-formula",
                                   fix=f"the formulas are: {', '.join(WEIGHTS)}")  # fmt: skip
        if c <= 1 or not 0 <= beta < 1:
            raise UsageError(f"c must be above 1 and beta in 0..1, got {c} and {beta}")
        out = np.zeros(len(self.classes))
        p = self.share[present]
        if formula == "inverse-frequency":
            out[present] = 1 / (present.sum() * p)
        elif formula == "enet":
            out[present] = 1 / np.log(c + p)
        elif formula == "median-frequency" and present.any():
            frequency = self.pixels[:-1][present] / self.beside[present]
            out[present] = np.median(frequency) / frequency
        elif formula == "effective-number" and present.any():
            weight = (1 - beta) / (1 - beta ** self.images[:-1][present].astype(np.float64))
            out[present] = weight * (present.sum() / weight.sum())
        return out

    # -- as data --------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON values, exact; `from_dict` gives equal statistics."""
        return {
            "classes": self.classes.to_dict(),
            "samples": self.samples,
            "labeled": self.labeled,
            "pixels": self.pixels.tolist(),
            "images": self.images.tolist(),
            "beside": self.beside.tolist(),
            "together": self.together.tolist(),
            "sizes": [[h, w, n] for (h, w), n in self.sizes.items()],
            "sums": list(self.sums),
            "squares": list(self.squares),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Stats:
        """Statistics from the values of `to_dict`; DataError `bad-statistics` for anything else."""
        try:
            made = cls(
                ClassTable.from_dict(data["classes"]), int(data["samples"]), int(data["labeled"]),
                np.array(data["pixels"], np.int64), np.array(data["images"], np.int64),
                np.array(data["beside"], np.int64), np.array(data["together"], np.int64),
                {(int(h), int(w)): int(n) for h, w, n in data["sizes"]}, _triple(data["sums"]),
                _triple(data["squares"]),
            )  # fmt: skip
            made._check_shapes()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"these are no statistics: {error!r}", code="bad-statistics") from None
        return made

    def _check_shapes(self) -> None:
        n = len(self.classes)
        for name, shape in (("pixels", (n + 1,)), ("images", (n + 1,)), ("beside", (n,)), ("together", (n, n))):
            values: I64 = getattr(self, name)
            if values.shape != shape or (values < 0).any():
                raise ValueError(f"{name} must be {shape} counts for {n} classes")
        if min(self.samples, self.labeled, *self.sums, *self.squares, *chain(*self.sizes), *self.sizes.values()) < 0:
            raise ValueError("counts below 0")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the counts as JSON, whole or not at all. Returns the path."""
        with atomic_write(path) as file:
            file.write(json.dumps(self.to_dict()).encode())
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Stats:
        """Statistics from a file that `save` wrote. DataError `bad-statistics` for another file."""
        data = read_bytes(path)
        try:
            values = json.loads(data)
        except ValueError as error:
            raise DataError(f"no JSON: {error}", code="bad-statistics", where=path) from None
        return cls.from_dict(values)

    def __repr__(self) -> str:
        pixels = int(self.pixels.sum())
        return f"Stats({self.samples:,} samples, {pixels:,} labeled pixels, {len(self.classes)} classes)"


class _Measured(NamedTuple):
    """One sample's share: its size, its channel sums (2, 3) uint64, and its pixels (C + 1,) int64 or None."""

    size: Size
    sums: NDArray[np.uint64]
    pixels: I64 | None


def _measure(sample: Sample, classes: ClassTable) -> _Measured:
    sums = np.zeros((2, 3), np.uint64)
    kernels.image_measures.channel_sums(np.ascontiguousarray(sample.image).reshape(-1, 3), sums)
    label = sample.label
    return _Measured(
        sample.size, sums, None if label is None else count_label(label, len(classes), classes.ignore_index)
    )


class _Tally:
    """Statistics that grow in place."""

    def __init__(self, classes: ClassTable) -> None:
        n = len(classes)
        self.classes, self.samples, self.labeled = classes, 0, 0
        self.pixels, self.images = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
        self.beside, self.together = np.zeros(n, np.int64), np.zeros((n, n), np.int64)
        self.sizes: Counter[Size] = Counter()
        self.sums = [[0, 0, 0], [0, 0, 0]]

    def add(self, sample: _Measured) -> None:
        self.samples += 1
        self.sizes[sample.size] += 1
        self.sums = [[a + int(b) for a, b in zip(*rows, strict=True)]
                     for rows in zip(self.sums, sample.sums, strict=True)]  # fmt: skip
        if sample.pixels is not None:
            self.labeled += 1
            self.pixels += sample.pixels
            self.images += sample.pixels > 0
            here = np.flatnonzero(sample.pixels[:-1])
            self.beside[here] += sample.pixels[:-1].sum()
            self.together[np.ix_(here, here)] += 1

    def stats(self) -> Stats:
        return Stats(self.classes, self.samples, self.labeled, self.pixels, self.images, self.beside, self.together,
                     self.sizes, _triple(self.sums[0]), _triple(self.sums[1]))  # fmt: skip


def _add(a: Triple, b: Triple) -> Triple:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _triple(values: Any) -> Triple:
    r, g, b = values
    return int(r), int(g), int(b)


def stats(
    data: Dataset | Split,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Stats:
    """Count a split, or the union of a dataset's splits, each sample once. Every image and label is read once.

    threads: default one a core. progress: called with (done, total). Raises the error of the first sample that cannot
    be read (`pixelwise.check` lists them all). Memory: a few decoded samples a thread.
    """
    if not isinstance(data, (Dataset, Split)):
        raise UsageError(f"a dataset or a split is counted, got {type(data).__name__}",
                         fix="open it: pixelwise.open(path)")  # fmt: skip
    splits = [data] if isinstance(data, Split) else [data[name] for name in data.splits]
    seen: set[int] = set()
    work: list[tuple[Split, int]] = []
    for split in splits:
        for i in range(len(split)):
            key = image_key(split.source, split.position(i))
            if key not in seen:
                seen.add(key)
                work.append((split, i))
    tally = _Tally(data.classes)
    parts = in_order(lambda item: _measure(item[0].read(item[1]), data.classes), work, threads)
    for done, part in enumerate(parts, 1):
        tally.add(part)
        if progress is not None:
            progress(done, len(work))
    return tally.stats()


class Difference(NamedTuple):
    """One published number, and what was counted."""

    what: str
    published: int
    counted: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts against published ones. verdict: "equal"; "subset" where nothing is more and samples are missing, so that
    less is expected; or "different". differences: the numbers that are not as published.
    """

    name: str
    source: str
    verdict: str
    differences: tuple[Difference, ...]


def published_counts(name: str, classes: ClassTable) -> Published:
    """The published counts of `name`; UnknownNameError where there are none, UsageError where they are not of as many
    classes.
    """
    if name not in PUBLISHED:
        raise UnknownNameError(f"no published counts named {name!r}", code="unknown-dataset",
                               fix=f"there are: {', '.join(PUBLISHED)}")  # fmt: skip
    known = PUBLISHED[name]
    if len(known.pixels) != len(classes) + 1:
        raise UsageError(f"{name} has {len(known.pixels) - 1} classes, the dataset {len(classes)}",
                         code="different-classes")  # fmt: skip
    return known


def compare_published(dataset: Dataset, name: str, counted: Stats | None = None, **options: Any) -> Comparison:
    """Compare a dataset's split sizes and pixel counts with the published ones of `name` ("voc2012").

    counted: the statistics of the split that was published (`PUBLISHED[name].counted`), where there are any already;
    else it is counted now, with `options` as of `stats`. UnknownNameError for a name without published counts.
    """
    known = published_counts(name, dataset.classes if counted is None else counted.classes)
    rows = [Difference(f"samples of {s}", n, len(dataset[s]) if s in dataset.splits else 0)
            for s, n in known.splits.items()]  # fmt: skip
    if counted is None and known.counted in dataset.splits:
        counted = stats(dataset[known.counted], **options)
    if counted is not None:
        names = [*counted.classes.names, "void"]
        rows += [Difference(f"pixels of {n} in {known.counted}", p, int(c))
                 for n, p, c in zip(names, known.pixels, counted.pixels, strict=True)]  # fmt: skip
    wrong = tuple(r for r in rows if r.counted != r.published)
    missing = any(r.counted < r.published for r in rows[: len(known.splits)])
    fewer = missing and all(r.counted <= r.published for r in rows)
    return Comparison(name, known.source, "subset" if fewer else "different" if wrong else "equal", wrong)
