"""The order of an epoch, for each rank, and samplers that choose samples by class: pure functions of positions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, check_share
from ..errors import UsageError
from ..hints import hinted
from ..randomness import Draws, shuffled
from ..types import F64, I64
from .lanes import Lanes


@runtime_checkable
class Sampler(Protocol):
    """Chooses the sample at each position of an epoch in which not every sample comes once."""

    def __len__(self) -> int: ...
    def samples(self, positions: I64, seed: int, epoch: int) -> I64: ...
    def restrict(self, kept: I64) -> Sampler: ...
    @property
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Order:
    """The batches of an epoch of `n` samples, for one of `world` ranks.

    A global batch is `batch_size * world` consecutive positions; rank r takes the r-th part of each. Every rank has
    the same number of batches: positions missing from the last one are filled by samples from the epoch's start, marked
    as not real. sampler: chooses the samples; without one every sample comes once. lanes: the order, if it is not a
    shuffle of all samples.
    """

    n: int
    batch_size: int
    shuffle: bool
    drop_last: bool
    seed: int
    rank: int = 0
    world: int = 1
    sampler: Sampler | None = None
    lanes: Lanes | None = None

    def __len__(self) -> int:
        whole, rest = divmod(self.n, self.batch_size * self.world)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def global_batches(self) -> tuple[int, ...]:
        """The sizes of global batches that occur: that of all but the last, and that of the last if it is smaller."""
        whole, rest = divmod(self.n, self.batch_size * self.world)
        last = self.world * -(-rest // self.world)
        sizes = [self.batch_size * self.world] * (whole > 0) + [last] * (rest > 0 and not self.drop_last)
        return tuple(dict.fromkeys(sizes))

    def batch(self, epoch: int, k: int) -> tuple[I64, I64, NDArray[np.bool_]]:
        """This rank's batch k: samples (b,) int64, the addresses of their random numbers, and (b,) bool: False if a
        sample only fills the batch. A sampler may choose a sample twice, so its addresses are positions."""
        start = k * self.batch_size * self.world
        left = min(self.n - start, self.batch_size * self.world)
        share = -(-left // self.world)
        positions = start + share * self.rank + np.arange(share, dtype=np.int64)
        real = positions < self.n
        positions %= self.n
        if self.lanes is not None:
            samples = self.lanes.samples(positions, epoch)
        else:
            samples = shuffled(positions, self.n, self.seed, epoch) if self.shuffle else positions
        if self.sampler is None:
            return samples, samples, real
        return self.sampler.samples(samples, self.seed, epoch), samples, real

    def drawn(self, addresses: I64, epoch: int) -> I64 | None:
        """The classes for which the sampler chose the samples at these addresses of `batch`, or None."""
        classes = getattr(self.sampler, "classes", None)
        return None if classes is None else classes(addresses, self.seed, epoch)


_SAMPLER = 0xFFFF  # the transform number of a sampler's own draws


@hinted
@dataclass(frozen=True, eq=False, repr=False)
class RepeatFactor:
    """Repeat images with rare classes (Gupta, Dollar, Girshick: LVIS, CVPR 2019, section 4.1).

    counts: (N, C) pixels of each class in each sample, `count_classes(split)[:, :-1]` (without void). A class that
    occurs in a share f of the images has the factor max(1, sqrt(threshold / f)); an image has the largest factor of
    its classes, and comes that often: factor 2.4 means 2 or 3 times per epoch, chosen by a draw.
    """

    counts: I64
    threshold: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", _check_counts(self.counts))
        check_share("threshold", self.threshold, 1e-12)

    @cached_property
    def factors(self) -> F64:
        """(N,) float64: how often each sample comes in an epoch, on average."""
        present = self.counts > 0
        share = np.maximum(present.mean(axis=0), 1e-12)
        by_class = np.maximum(1.0, np.sqrt(self.threshold / share))
        return np.asarray(np.maximum(1.0, np.where(present, by_class, 0.0).max(axis=1)))

    def __repr__(self) -> str:
        of = f"{self.counts.shape[0]} samples, {self.counts.shape[1]} classes"
        return f"RepeatFactor({of}, threshold={self.threshold})"

    def __len__(self) -> int:
        return int(np.rint(self.factors.sum()))

    def samples(self, positions: I64, seed: int, epoch: int) -> I64:
        """Systematic sampling: position k is the point k + u on the line of all factors, u drawn once per epoch."""
        ends = self._ends
        u = Draws(seed, epoch, np.zeros(1, np.int64)).uniform(_SAMPLER, 0)[0]
        points = (positions + u) * (ends[-1] / len(self))
        found = np.searchsorted(ends, points, side="right")
        return np.asarray(np.minimum(found, len(ends) - 1), np.int64)

    @cached_property
    def _ends(self) -> F64:
        return np.cumsum(self.factors)

    def restrict(self, kept: I64) -> RepeatFactor:
        """The same over the samples `kept` only."""
        return RepeatFactor(self.counts[kept], self.threshold)

    @property
    def fingerprint(self) -> str:
        """What a loader's state remembers of it."""
        return f"RepeatFactor({self.threshold}, {_digest(self.counts)})"


@hinted
@dataclass(frozen=True, eq=False, repr=False)
class RareClassSampling:
    """Draw a class, rare ones more often, then an image with enough of it (DAFormer, CVPR 2022, eq. 8, 9).

    counts: (N, C) pixels of each class in each sample, `count_classes(split)[:, :-1]` (without void). A class with the
    share f of all pixels is drawn with probability proportional to exp((1 - f) / temperature), then one of the images
    with at least `min_pixels` of it (3000 in the authors' code; if there is none, one of all images that show it).
    `RandomCrop(min_class_pixels=1500)` then looks for the drawn class, which is the second half of their sampling.
    """

    counts: I64
    temperature: float = 0.01
    min_pixels: int = 3000

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", _check_counts(self.counts))
        _check_positive("temperature", self.temperature)
        if not self.counts.any():
            raise UsageError("no sample shows any class")

    @cached_property
    def class_probabilities(self) -> F64:
        """(C,) float64: the probability of drawing each class; 0 for classes that no sample shows."""
        total = self.counts.sum(axis=0)
        exponent = (1.0 - total / total.sum()) / self.temperature
        weight = np.where(total > 0, np.exp(exponent - exponent.max()), 0.0)
        return np.asarray(weight / weight.sum())

    @cached_property
    def _images(self) -> list[I64]:
        enough = [np.flatnonzero(column >= self.min_pixels) for column in self.counts.T]
        return [e if len(e) else np.flatnonzero(c) for e, c in zip(enough, self.counts.T, strict=True)]

    @cached_property
    def left_out(self) -> int:
        """How many samples no draw can give: those with too few pixels of every class that others have enough of."""
        finest = 2.0**-53  # of the uniform numbers that choose a class
        drawn = [images for images, p in zip(self._images, self.class_probabilities, strict=True) if p >= finest]
        return len(self) - len(np.unique(np.concatenate(drawn)))

    def __repr__(self) -> str:
        of = f"{self.counts.shape[0]} samples, {self.counts.shape[1]} classes"
        return f"RareClassSampling({of}, temperature={self.temperature}, min_pixels={self.min_pixels})"

    def __len__(self) -> int:
        return len(self.counts)

    def classes(self, positions: I64, seed: int, epoch: int) -> I64:
        """The class that is drawn at each position; `RandomCrop(min_class_pixels=)` looks for it."""
        ends = np.cumsum(self.class_probabilities)
        u = Draws(seed, epoch, positions).uniform(_SAMPLER, 0)
        return np.asarray(np.searchsorted(ends, u * ends[-1], side="right"), np.int64)

    def samples(self, positions: I64, seed: int, epoch: int) -> I64:
        """Independent draws, addressed by position."""
        classes, draws = self.classes(positions, seed, epoch), Draws(seed, epoch, positions)
        second = draws.uniform(_SAMPLER, 1)
        return np.array([self._images[c][int(u * len(self._images[c]))] for c, u in zip(classes, second, strict=True)])

    def restrict(self, kept: I64) -> RareClassSampling:
        """The same over the samples `kept` only."""
        return RareClassSampling(self.counts[kept], self.temperature, self.min_pixels)

    @property
    def fingerprint(self) -> str:
        """What a loader's state remembers of it."""
        return f"RareClassSampling({self.temperature}, {self.min_pixels}, {_digest(self.counts)})"


def _digest(counts: I64) -> str:
    return hashlib.sha256(np.ascontiguousarray(counts, np.int64).tobytes()).hexdigest()[:12]


def _check_counts(counts: Any) -> I64:
    found = as_array("counts", counts)
    fits = found.dtype.kind in "iu" and (not found.size or 0 <= int(found.min()) <= int(found.max()) < 1 << 63)
    if found.ndim != 2 or not fits:
        raise UsageError(
            f"counts must be (samples, classes) whole numbers of pixels, 0 or more, got {found.shape} {found.dtype}",
            fix="pass count_classes(split)[:, :-1]",
        )  # fmt: skip
    return found.astype(np.int64)


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, (int, float, np.number)) or not 0 < value < np.inf:
        raise UsageError(f"{name} must be a number above 0, got {value!r}")
