"""Lanes: an order that reads a pack block by block, in batches that are mixed as well as those of a whole shuffle.

Blocks are permuted. The sequence of their samples is cut into equal lanes. Each global batch takes as many samples from
every lane, so it holds samples of as many blocks as there are lanes, and each block is read once, within a few batches.
Inside a lane, the samples of a window of a few blocks are permuted. Windows of different lanes end at different times,
so that blocks are fetched evenly. A rank's share of a global batch is a run of lanes: if the number of ranks divides
the lanes, hardly any block is read by two ranks.

All of it is a function of the seed, the epoch and the position, so that a state remains two integers, for any number of
ranks. Lanes depend on the global batch only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from .. import kernels
from ..dataset.splits import Split
from ..errors import UsageError
from ..randomness import shuffled
from ..types import I64

MOST_LANES: Final = 256
"""A batch that takes one sample from each lane has its classes as evenly as a random one, even on data sorted by class;
with four from each (64 lanes, a batch of 256) they vary as in a random batch of half its size. A lane has 2 to 4 blocks
in memory, so all ranks together have at most 1,024 of them.
"""
_LIVE: Final = 64
"""With fewer lanes, windows have more blocks, so that at least this many are mixed."""
_WINDOW: Final = 2
"""At least this many blocks per window."""


@dataclass(frozen=True, eq=False)
class Lanes:
    """The order of epochs of n samples in blocks. Thread-safe.

    sequence: (n,) int64, all samples, those of a block one after the other; borders: (blocks + 1,) int64, where blocks
    begin in it, and n. batch: samples per global batch. seed: 0..2^64-1.
    """

    sequence: I64
    borders: I64
    batch: int
    seed: int
    _epoch: list[tuple[int, I64, I64]] = field(default_factory=list, repr=False)

    @cached_property
    def lanes(self) -> int:
        """The largest divisor of the global batch up to 256."""
        return max(k for k in range(1, min(self.batch, MOST_LANES) + 1) if self.batch % k == 0)

    @cached_property
    def blocks_per_window(self) -> int:
        """How many blocks a window has on average."""
        return max(_WINDOW, -(-_LIVE // self.lanes))

    @cached_property
    def window(self) -> int:
        """Samples per window."""
        return max(1, round(self.blocks_per_window * len(self.sequence) / (len(self.borders) - 1)))

    def samples(self, positions: I64, epoch: int) -> I64:
        """The sample at each position (0 .. n-1) of an epoch: (k,) int64. A position costs O(log n)."""
        ends, firsts = self._blocks(epoch)
        # The rounds of `randomness.shuffled`, for the largest window.
        rounds = max(24, 6 * max(1, max(self.window, self.batch) - 1).bit_length())
        shape = np.array([len(self.sequence), self.batch, self.lanes, self.window, rounds], np.int64)
        positions = np.ascontiguousarray(positions, np.int64)
        scratch, out = np.empty((3, len(positions)), np.uint64), np.empty(len(positions), np.int64)
        kernels.lanes.places(
            positions, shape, ends, np.uint64(self.seed), np.uint64(epoch), firsts, scratch, out
        )
        return self.sequence[out]

    def _blocks(self, epoch: int) -> tuple[I64, I64]:
        """Where the blocks of an epoch end in its sequence, after a 0, and where they begin in that of all samples."""
        for known, ends, firsts in list(self._epoch):
            if known == epoch:
                return ends, firsts
        n = len(self.borders) - 1
        order = shuffled(np.arange(n), n, self.seed, epoch)
        ends = np.concatenate([[0], np.cumsum(np.diff(self.borders)[order])]).astype(np.int64)
        firsts = np.ascontiguousarray(self.borders[order])
        self._epoch[:] = [*self._epoch[-1:], (epoch, ends, firsts)]  # the next one is fetched while this one ends
        return ends, firsts

    @cached_property
    def fingerprint(self) -> str:
        """What a loader's state remembers of it."""
        digest = hashlib.sha256(self.sequence.tobytes() + self.borders.tobytes()).hexdigest()[:12]
        return f"lanes {self.lanes} of {self.blocks_per_window} blocks, {digest}"


def lanes_of(split: Split, kept: I64 | None, batch: int, seed: int) -> Lanes:
    """Lanes of the samples of a split, or of `kept` of them, by the blocks of the pack that they are in.

    UsageError `no-blocks` if they are not in a pack.
    """
    blocks: Any = getattr(split.source, "blocks", None)
    if blocks is None:
        what = f'order="lanes" reads block by block, and {type(split.source).__name__} has no blocks'
        raise UsageError(what, code="no-blocks", fix='pack the dataset, or take order="shuffled"')
    chosen = np.arange(len(split)) if kept is None else kept
    of: I64 = blocks(split.positions(chosen))
    sequence = np.argsort(of, kind="stable").astype(np.int64)
    borders = np.flatnonzero(np.diff(of[sequence], prepend=-1))
    return Lanes(sequence, np.append(borders, len(of)).astype(np.int64), batch, seed)
