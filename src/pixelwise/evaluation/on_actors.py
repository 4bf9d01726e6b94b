"""Predicting with models that live in processes of a Ray cluster: each takes shares of the images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..dataset.splits import Split
from ..errors import UsageError
from ..loading.ranks import Ranks
from ..metrics.confusion import Confusion
from ..ray import RayModel, RayPool
from ..threads import Pool
from ..types import Progress

if TYPE_CHECKING:
    from .predicting import Prediction

_SHARES: Final = 8
"""Shares per process, so that none is long without work at the end, and one that dies has little to do again."""

_Totals = tuple[int, int, tuple[str, ...]]
"""Images predicted and kept, and the names of those that were damaged before."""


def predict_on_actors(
    model: RayModel, pool: Pool | None, split: Split, ranks: Ranks, one: Callable[..., Prediction],
    confusion: Confusion | None, progress: Progress | None,
) -> _Totals:  # fmt: skip
    """`one(model, confusion=, shard=, threads=)` for shares of the images of `ranks`; the confusions are added."""
    if not isinstance(pool, RayPool):
        raise UsageError("a RayModel predicts on a Ray cluster", fix="pass pool=RayPool(...)")
    own = len(range(ranks.rank, len(split), ranks.world))
    shares = min(own, _SHARES * pool.processes_of(model))
    empty = None if confusion is None else confusion._empty()
    work = partial(_predict, one, empty, pool.num_cpus)
    shards = [(ranks.rank + ranks.world * k, ranks.world * shares) for k in range(shares)]
    predicted, kept, replaced = 0, 0, set[str]()
    for part in pool.map_with(model, work, shards):
        predicted, kept, replaced = predicted + part.predicted, kept + part.kept, replaced | set(part.replaced)
        if confusion is not None and part.confusion is not None:
            confusion += part.confusion
        if progress is not None:
            progress(predicted + kept, own)
    return predicted, kept, tuple(name for name in split.names if name in replaced) if replaced else ()


def _predict(
    one: Callable[..., Prediction], empty: Confusion | None, threads: int, model: Any, shard: tuple[int, int]
) -> Prediction:
    """A share, in a process of the cluster; it may be done twice."""
    return one(model, confusion=None if empty is None else empty._empty(), shard=shard, threads=threads)
