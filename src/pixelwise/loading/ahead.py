"""Reading ahead from a store: what later batches need is fetched before they are planned."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

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
        self._next = (0, 0)

    def announce(self, epoch: int, batch: int) -> None:
        """Batch `batch` is about to be planned: have it fetched, and those after it."""
        first = max(batch, self._next[1]) if self._next[0] == epoch else batch
        last = min(len(self._order), batch + self._batches)
        for k in range(first, last):
            samples = self._order.batch(epoch, k)[0]
            indices = samples if self._kept is None else self._kept[samples]
            self._source.fetch_ahead(self._split.positions(indices), self.is_alone)
        self._next = epoch, max(first, last)


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


def ahead_of(split: Split, kept: I64 | None, order: Order) -> Ahead | None:
    """What announces batches, for a split that is in a store."""
    source = split.source
    return Ahead(source, split, kept, order) if isinstance(source, RemoteSamples) and len(split) else None
