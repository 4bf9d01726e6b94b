"""Statistics of a dataset: pixels, images, sizes, channels, class weights. Exact integers that merge by addition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from math import sqrt
from operator import add
from time import perf_counter
from typing import Any, Final, Literal, NamedTuple, Self, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import check_choice
from ..classes import ClassTable, hex_color
from ..dataset.identity import keys
from ..dataset.splits import Split
from ..errors import DataError, UsageError, only_ours
from ..formats.given import Data, SplitNames, as_dataset
from ..hints import answering, hinted, unknown_name
from ..parts import Part, PartOf, check_part, made_part, opened_by, run_of
from ..results import SavedResult
from ..threads import Pool, in_order, run_in, with_progress
from ..types import F64, I64, Displayed, Progress, Rows, Sample, Size
from .per_sample import count_label

Triple = tuple[int, int, int]

Formula: TypeAlias = Literal["inverse-frequency", "median-frequency", "enet", "effective-number"]
WEIGHTS: Final[tuple[Formula, ...]] = get_args(Formula)
"""The formulas of `Stats.weights`."""
_ARRAYS: Final = ("pixels", "images", "beside", "together")


@answering
@dataclass(frozen=True, eq=False)
class Stats(SavedResult, Displayed):
    """Counts of some samples. `a + b` equals counting both, so the parts of a dataset can be counted separately.

    samples, labeled: number of images, and of those with a label. pixels: (C + 1,) int64, pixels of each class, the
    last of void. images: (C + 1,) int64, in how many images each occurs. beside: (C,) int64, pixels with any class in
    the images that hold class c. together: (C, C) int64, in how many images two classes occur together; the diagonal
    is `images`. sizes: number of images by (height, width). sums, squares: of the levels 0..255 of the channels R, G,
    B, exact. skipped: (split and name, reason) of what was left out because it cannot be read. Arrays are read-only.
    Loading something else raises DataError `bad-statistics`.

        >>> import numpy as np, pixelwise as pw
        >>> image, label = np.zeros((2, 3, 3), np.uint8), np.array([[0, 0, 0], [0, 1, 255]], np.uint8)
        >>> counted = pw.Stats.of(pw.Sample("a", image, label), pw.ClassTable(("road", "car")))
        >>> counted + counted
        Stats(2 samples, 12 labeled pixels, 2 classes)
        >>> counted.pixels.tolist(), counted.share.tolist()
        ([4, 1, 1], [0.8, 0.2])
        >>> counted.weights("median-frequency").tolist()
        [0.625, 2.5]
    """

    _kind, _code = "statistics", "bad-statistics"

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
    skipped: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            values = np.array(getattr(self, name), np.int64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "sizes", dict(sorted(self.sizes.items())))

    @classmethod
    def empty(cls, classes: ClassTable) -> Stats:
        """The counts of no samples: `empty + s == s`."""
        n = len(classes)
        zeros = np.zeros(n + 1, np.int64)
        return cls(classes, 0, 0, zeros, zeros, zeros[:n], np.zeros((n, n), np.int64))

    @classmethod
    def of(cls, sample: Sample, classes: ClassTable) -> Stats:
        """The counts of one sample."""
        tally = _Tally(classes)
        tally.add(_measure(sample, classes))
        return tally.stats()

    def __add__(self, other: Stats) -> Stats:
        """The counts of both. UsageError `different-classes` if the class tables differ."""
        if not isinstance(other, Stats):
            return NotImplemented
        if self.classes != other.classes:
            raise UsageError("cannot add statistics of different class tables", code="different-classes")
        return Stats(
            self.classes, self.samples + other.samples, self.labeled + other.labeled, self.pixels + other.pixels,
            self.images + other.images, self.beside + other.beside, self.together + other.together,
            Counter(self.sizes) + Counter(other.sizes), _triple(map(add, self.sums, other.sums)),
            _triple(map(add, self.squares, other.squares)), (*self.skipped, *other.skipped),
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stats) and self.to_dict() == other.to_dict()

    # -- derived from the counts -----------------------------------------------------------------------------------

    @property
    def share(self) -> F64:
        """(C,) float64 share of each class in the pixels that have a class."""
        return np.asarray(self.pixels[:-1] / max(1, int(self.pixels[:-1].sum())))

    @property
    def share_with_void(self) -> F64:
        """(C + 1,) float64 share of each class, and of void, in all pixels."""
        return np.asarray(self.pixels / max(1, int(self.pixels.sum())))

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of the channels R, G, B on the scale 0..1, over all pixels of all images; 0 if there are none."""
        n = max(1, self.area)
        r, g, b = (float(Fraction(s, 255 * n)) for s in self.sums)
        return r, g, b

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of the channels R, G, B on the scale 0..1 (of the population: divided by n).

        Computed from integer sums by `(n sum(x^2) - sum(x)^2) / n^2` in exact arithmetic: no cancellation for any n.
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
        """Number of images by shape: "landscape", "square", "portrait"."""
        out = {"landscape": 0, "square": 0, "portrait": 0}
        for (h, w), n in self.sizes.items():
            out["landscape" if w > h else "portrait" if h > w else "square"] += n
        return out

    def weights(self, formula: Formula, *, c: float = 1.02, beta: float = 0.999) -> F64:
        """(C,) float64 class weights for a loss; 0 for a class that does not occur.

        With n_c the pixels of class c, p_c = n_c / sum(n), over the pixels that have a class:

        - "inverse-frequency": 1 / (C p_c), C counting the classes that occur (King and Zeng, "Logistic regression in
          rare events data", 2001; scikit-learn's "balanced").
        - "median-frequency": median(f) / f_c, f_c = n_c / (pixels of the images that hold c) (Eigen and Fergus,
          "Predicting depth, surface normals and semantic labels", ICCV 2015; SegNet, 2017).
        - "enet": 1 / ln(c + p_c), c = 1.02 (Paszke et al., "ENet", 2016).
        - "effective-number": (1 - beta) / (1 - beta^m_c), m_c the images that hold c, scaled so that the weights of
          the classes that occur sum to their number (Cui et al., "Class-balanced loss", CVPR 2019). Images are
          counted because with millions of pixels all weights would be equal.

        UnknownNameError for another name; UsageError for c or beta out of range.
        """
        present = self.pixels[:-1] > 0
        if formula not in WEIGHTS:
            raise unknown_name("weight formula", formula, WEIGHTS)
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
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "sizes": [[h, w, n] for (h, w), n in self.sizes.items()],
            "sums": list(self.sums),
            "squares": list(self.squares),
            "skipped": [list(s) for s in self.skipped],
        }

    def to_frame(self) -> Rows:
        """The classes: class, color, pixels, images, share of the pixels that have a class; void is the last."""
        rows = self.classes.to_frame()[: len(self.classes)]
        void = {"name": "void", "color": hex_color(self.classes.ignore_color)}  # also where it has no id
        shares = [*self.share.tolist(), None]
        counted = zip([*rows, void], self.pixels.tolist(), self.images.tolist(), shares, strict=True)
        return [{"class": r["name"], "color": r["color"], "pixels": p, "images": i, "share": s}
                for r, p, i, s in counted]  # fmt: skip

    @classmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        made = cls(
            ClassTable.from_dict(data["classes"]), int(data["samples"]), int(data["labeled"]),
            sizes={(int(h), int(w)): int(n) for h, w, n in data["sizes"]}, sums=_triple(data["sums"]),
            squares=_triple(data["squares"]), skipped=tuple((str(n), str(r)) for n, r in data.get("skipped", ())),
            **{name: data[name] for name in _ARRAYS},
        )  # fmt: skip
        made._check_shapes()
        return made

    def _check_shapes(self) -> None:
        n = len(self.classes)
        for name, shape in zip(_ARRAYS, ((n + 1,), (n + 1,), (n,), (n, n)), strict=True):
            values: I64 = getattr(self, name)
            if values.shape != shape or (values < 0).any():
                raise ValueError(f"{name} must be {shape} counts for {n} classes")
        if min(self.samples, self.labeled, *self.sums, *self.squares, *chain(*self.sizes), *self.sizes.values()) < 0:
            raise ValueError("a count is below 0")
        if (sized := sum(self.sizes.values())) != self.samples:
            raise ValueError(f"{self.samples} samples, and the sizes of {sized}")
        area = self.area
        if not all(s * s <= area * q <= area * 255 * s for s, q in zip(self.sums, self.squares, strict=True)):
            raise ValueError(f"sums of channels that {area} pixels cannot have")

    def __repr__(self) -> str:
        pixels = int(self.pixels.sum())
        left_out = f"; {len(self.skipped)} left out" if self.skipped else ""
        return f"Stats({self.samples:,} samples, {pixels:,} labeled pixels, {len(self.classes)} classes{left_out})"


class _Measured(NamedTuple):
    """The counts of one sample: its size, its channel sums (2, 3) uint64, and its pixels (C + 1,) int64 or None."""

    size: Size
    sums: NDArray[np.uint64]
    pixels: I64 | None


def _measure(sample: Sample, classes: ClassTable) -> _Measured:
    sums = np.zeros((2, 3), np.uint64)
    kernels.image_measures.channel_sums(np.ascontiguousarray(sample.image).reshape(-1, 3), sums)
    label = sample.label
    pixels = None if label is None else count_label(label, len(classes), classes.ignore_index)
    return _Measured(sample.size, sums, pixels)


class _Tally:
    """Statistics that grow in place."""

    def __init__(self, classes: ClassTable) -> None:
        n = len(classes)
        self.classes, self.samples, self.labeled = classes, 0, 0
        self.pixels, self.images = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
        self.beside, self.together = np.zeros(n, np.int64), np.zeros((n, n), np.int64)
        self.sizes: Counter[Size] = Counter()
        self.sums = np.zeros((2, 3), object)  # Python's integers, which do not overflow

    def add(self, sample: _Measured) -> None:
        self.samples += 1
        self.sizes[sample.size] += 1
        self.sums += sample.sums.astype(object)
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


def _triple(values: Any) -> Triple:
    r, g, b = values
    return int(r), int(g), int(b)


@overload
def stats(
    data: Data, *, splits: SplitNames = None, on_error: Literal["raise", "skip"] = "raise", threads: int | None = None,
    progress: Progress | None = None, pool: Pool | None = None, part: None = None, **options: Any,
) -> Stats: ...  # fmt: skip
@overload
def stats(
    data: Data, *, splits: SplitNames = None, on_error: Literal["raise", "skip"] = "raise", threads: int | None = None,
    progress: Progress | None = None, pool: Pool | None = None, part: PartOf, **options: Any,
) -> Part: ...  # fmt: skip
@hinted
def stats(
    data: Data, *, splits: SplitNames = None, on_error: Literal["raise", "skip"] = "raise", threads: int | None = None,
    progress: Progress | None = None, pool: Pool | None = None, part: PartOf | None = None, **options: Any,
) -> Stats | Part:  # fmt: skip
    """Count a dataset: pixels and images of each class, sizes, channels. An image of several splits is counted once.

        >>> import numpy as np, pixelwise as pw
        >>> image, label = np.zeros((2, 3, 3), np.uint8), np.array([[0, 0, 0], [0, 1, 255]], np.uint8)
        >>> pw.stats(pw.Split("train", pw.ClassTable(("road", "car")), pw.ArraySource([image] * 2, [label] * 2)))
        Stats(2 samples, 12 labeled pixels, 2 classes)

    data: a Dataset, a Split or the path of a dataset (`options` are those of `pixelwise.open`). splits: the name or
    names of the splits to count, by default all. on_error: "raise" stops at the first list or sample that cannot be
    read exactly (`pixelwise.check` lists them all); "skip" leaves them out and names them in `Stats.skipped`. threads:
    by default one per core. progress: called with (samples done, samples in all). pool: where samples are read instead
    of on threads; see `Pool`. part: (k, n) counts the k-th of n shares of the images, and gives a `Part`;
    `pixelwise.merge` makes the statistics of all of them.

    Every image and label is read once. Memory: a few decoded samples per thread.
    """
    started, share = perf_counter(), check_part(part)
    check_choice("on_error", on_error, ("raise", "skip"))
    dataset = as_dataset(data, splits, verb="stats", **options)
    chosen, left_out = [], []
    for name in dataset.splits:
        try:
            chosen.append(dataset[name])
        except DataError as error:
            if on_error == "raise":
                raise
            left_out.append((name, str(error)))
    work, skipped = _different(chosen), list[tuple[str, str]]()
    run = range(len(work)) if share is None else run_of(share, len(work))
    tally, own = _Tally(dataset.classes), work[run.start : run.stop]
    measure = partial(_measure_at, tuple(chosen), dataset.classes, on_error == "skip")
    with run_in(pool):
        measured = with_progress(in_order(measure, own, threads), len(own), progress)
        for (k, i), found in zip(own, measured, strict=True):
            if isinstance(found, DataError):
                skipped.append((f"{chosen[k].name}/{chosen[k].names[i]}", str(found)))
            else:
                tally.add(found)
    counted = replace(tally.stats(), skipped=tuple(skipped))
    if share is None:
        return replace(counted, skipped=(*left_out, *skipped))
    about = {"data": {s.name: s.fingerprint for s in chosen}, "on_error": on_error, "left_out": left_out}
    opened = opened_by(data, splits, options)
    return made_part("stats", share, run, len(work), about, opened, counted.to_dict(), perf_counter() - started)


def of_parts(parts: Sequence[Part], data: Any) -> Stats:
    """The statistics that were counted in parts; see `pixelwise.merge`. The data is not looked at."""
    with only_ours("merge", DataError, "bad-part", "a part is damaged"):
        first, *rest = (Stats.from_dict(part.share) for part in parts)
        left_out = tuple((str(name), str(why)) for name, why in parts[0].about["left_out"])
        total = sum(rest, first)
        return replace(total, skipped=(*left_out, *total.skipped))


def _different(splits: list[Split]) -> list[tuple[int, int]]:
    """(split, sample) of each image, of several with the same one the first that has a label."""
    out: dict[int, tuple[int, int]] = {}
    for k, (images, _) in enumerate(keys(splits)):
        for i, key in enumerate(images.tolist()):
            if key not in out or (splits[k].has_labels and not splits[out[key][0]].has_labels):
                out[key] = k, i
    return list(out.values())


def _measure_at(
    splits: tuple[Split, ...], classes: ClassTable, skip: bool, at: tuple[int, int]
) -> _Measured | DataError:
    try:
        return _measure(splits[at[0]].read(at[1]), classes)
    except DataError as error:
        if not skip:
            raise
        return error
