"""Reading ahead: what later batches need is fetched from a store before they are planned; a pack that is larger than
the memory is read block by block, and each block is released once it was passed.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol, runtime_checkable

import numpy as np

from ..dataset.splits import Split
from ..types import I64
from .lanes import Lanes
from .samplers import Order, Sampler

SAMPLES: Final = 512
"""How many samples ahead. A store of 200 MB/s that takes 30 ms to answer has 6 MB under way: 60 samples of VOC's files.
Lanes need a new block only now and then, so most of these samples are in blocks that are there already.
"""
BATCHES: Final = 3
"""At least as many batches."""
ALONE: Final = 128
"""How many samples ahead if each is fetched by itself: those wait in memory."""
_ALIVE: Final = 2
"""Besides those of its window, a lane has the blocks in which the windows before and after it end."""


@runtime_checkable
class RemoteSamples(Protocol):
    """A source that reads from a store, through a cache.

    `fetch_ahead(indices, alone)` has samples fetched and does not wait; alone: each by itself, not with its block.
    `fits`: whether the cache may hold all of them. `check_room(blocks)` raises if it cannot hold so many blocks.
    """

    is_remote: bool

    @property
    def fits(self) -> bool: ...
    def check_room(self, alive: int) -> None: ...
    def fetch_ahead(self, indices: I64, alone: bool = False) -> None: ...


class Ahead:
    """Announces batches to the source of `split`. kept: which of its samples the order numbers; None: all.

    is_alone: samples are fetched one by one, as the order chooses them from anywhere and the cache cannot hold them.
    """

    def __init__(self, source: RemoteSamples, split: Split, kept: I64 | None, order: Order) -> None:
        self._source, self._split, self._kept, self._order = source, split, kept, order
        chooses = order.sampler is not None or (order.shuffle and order.lanes is None)
        self.is_alone: bool = chooses and not source.fits
        if order.lanes is not None:
            source.check_room(alive_blocks(order.lanes, order.world))
        samples = ALONE if self.is_alone else SAMPLES
        self._batches = max(BATCHES, -(-samples // order.batch_size))
        self._reaches = 1 if source.fits else 2  # epochs: what the cache keeps needs no fetching in the next
        self._next = 0

    def announce(self, epoch: int, batch: int) -> None:
        """Batch `batch` is about to be planned: have it fetched, and those after it.

        Where the cache does not hold the pack, the next epoch's follow the last: its first batch need not wait.
        """
        n = len(self._order)
        at, end = epoch * n + batch, (epoch + self._reaches) * n
        first = self._next if at <= self._next <= at + self._batches else at
        self._next = min(end, at + self._batches)
        for k in range(first, self._next):
            samples = self._order.batch(*divmod(k, n))[0]
            indices = samples if self._kept is None else self._kept[samples]
            self._source.fetch_ahead(self._split.positions(indices), self.is_alone)


@runtime_checkable
class BlockSamples(Protocol):
    """A source that reads blocks from a disk. `exceeds_memory`: whether it is worth to say which are needed.

    `blocks(indices)`: the block of each sample. `blocks_ahead(blocks)` has them read and does not wait,
    `release(blocks)` has them forgotten.
    """

    @property
    def exceeds_memory(self) -> bool: ...
    def blocks(self, indices: I64 | None = None) -> I64: ...
    def blocks_ahead(self, blocks: I64) -> None: ...
    def release(self, blocks: I64) -> None: ...


class Passing:
    """Has each block of a pack read whole when lanes come to it, and released when they have passed it.

    Left to itself, the system keeps what was read last, which lanes do not need again, and drops what they do need.
    kept: as for Ahead. prefetch: batches before the announced one that may not be rendered yet. A block of which
    another rank has a part is left to the system.
    """

    def __init__(self, source: BlockSamples, split: Split, kept: I64 | None, order: Order, prefetch: int) -> None:
        self._source, self._order, self._prefetch = source, order, prefetch
        self._of = source.blocks(split.positions(np.arange(len(split)) if kept is None else kept))
        self._samples = np.bincount(self._of)
        self._begin(0)

    def _begin(self, epoch: int) -> None:
        self._epoch, self._next, self._left = epoch, 0, self._samples.copy()
        self._asked = np.zeros(len(self._samples), bool)
        self._used: deque[I64] = deque()

    def announce(self, epoch: int, batch: int) -> None:
        """Batch `batch` is about to be planned, and those more than `prefetch` before it are done."""
        if (epoch, batch) != (self._epoch, self._next):
            self._source.release(np.flatnonzero(self._asked))
            self._begin(epoch)
        self._next = batch + 1
        samples, _, real = self._order.batch(epoch, batch)
        blocks = self._of[samples[real]]
        fresh = np.unique(blocks[~self._asked[blocks]])
        self._source.blocks_ahead(fresh)
        self._asked[fresh] = True
        self._used.append(blocks)
        if len(self._used) > self._prefetch + 1:
            done = self._used.popleft()
            np.subtract.at(self._left, done, 1)
            passed = np.unique(done[self._left[done] == 0])
            self._source.release(passed)
            self._asked[passed] = False


def alive_blocks(lanes: Lanes, world: int) -> int:
    """How many blocks a rank has in use at once, at most."""
    return -(-lanes.lanes // world) * (lanes.blocks_per_window + _ALIVE)


def is_remote(split: Split) -> bool:
    """Whether its samples are in a store."""
    return isinstance(split.source, RemoteSamples)


def is_in_lanes(order: str, split: Split, shuffle: bool, sampler: Sampler | None) -> bool:
    """Whether an order of this name reads the split block by block: "auto" does if it is in a store.

    It does not look at the memory of the machine: the same seed gives the same batches everywhere.
    """
    return order == "lanes" or (order == "auto" and shuffle and sampler is None and is_remote(split))


def ahead_of(split: Split, kept: I64 | None, order: Order, prefetch: int) -> Ahead | Passing | None:
    """What batches are announced to, for a split that is in a store, or read in lanes and larger than the memory."""
    source = split.source
    if isinstance(source, RemoteSamples):
        return Ahead(source, split, kept, order) if len(split) else None
    if order.lanes is not None and isinstance(source, BlockSamples) and source.exceeds_memory:
        return Passing(source, split, kept, order, prefetch)
    return None
