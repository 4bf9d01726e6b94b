"""RemoteSource: the samples of one split of a pack in a store, and what a Loader asks of it besides."""

from __future__ import annotations

from typing import Any

from ...types import I64
from ..source import PackSource
from .volume import RemoteVolume


class RemoteSource(PackSource):
    """The samples of a split of a pack in a store: see PackSource. is_raw: whether the cache has pixels.

    Reading also raises what a Store raises: SystemFault `store-failed`, `store-refused`, PackError `store-changed`.
    """

    is_remote = True
    volume: RemoteVolume

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteSource, (self.volume, self._split)

    @property
    def fits(self) -> bool:
        """Whether the cache may hold the whole pack, so that no block is fetched twice."""
        return self.volume.fits

    def check_room(self, alive: int) -> None:
        """UsageError `cache-too-small` if the cache cannot hold this many blocks, which are in use at once."""
        self.volume.check_room(alive)

    def fetch_ahead(self, indices: I64, alone: bool = False) -> None:
        """Fetch what the samples at `indices` need, without waiting. alone: each by itself, without its block."""
        self.volume.fetch_ahead(self.rows(indices), alone)
