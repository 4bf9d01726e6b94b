"""Which share of the samples a process gets, if several work together."""

from __future__ import annotations

import os
import sys
from typing import Any, Literal, NamedTuple, TypeAlias

from ..arguments import is_whole
from ..errors import UsageError, warn

Shard: TypeAlias = tuple[int, int] | Literal["auto"]


class Ranks(NamedTuple):
    """rank: of this process, 0..world-1. world: how many there are. by: what says so."""

    rank: int
    world: int
    by: str

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.world} by {self.by}"


def ranks_of(shard: Any) -> Ranks:
    """(rank, world) as given, or those of this process if it is "auto". UsageError for anything else."""
    if isinstance(shard, str) and shard == "auto":
        return _own_ranks()
    if isinstance(shard, (tuple, list)) and len(shard) == 2 and all(map(is_whole, shard)) and 0 <= shard[0] < shard[1]:
        return Ranks(int(shard[0]), int(shard[1]), "shard")
    raise UsageError(f'shard must be (rank, world) with 0 <= rank < world, or "auto", got {shard!r}')


def warn_of_other_ranks(then: Ranks) -> None:
    """Warn if this process has another rank now than when it was asked: all processes would get the same samples."""
    if then.by == "shard" or (now := _own_ranks())[:2] == then[:2]:
        return
    warn(
        f"the Loader was made for rank {then.rank} of {then.world}, and this is {now} now: "
        "processes get the same samples, or miss some",
        code="other-ranks", fix="make the Loader after init_process_group(), or pass shard=(rank, world)",
    )  # fmt: skip


def _own_ranks() -> Ranks:
    # Whoever has a process group has imported torch or JAX; importing them here would cost seconds.
    group = getattr(sys.modules.get("torch"), "distributed", None)
    if group is not None and group.is_available() and group.is_initialized():
        return Ranks(group.get_rank(), group.get_world_size(), "torch.distributed")
    jax = sys.modules.get("jax")
    if jax is not None and jax.distributed.is_initialized():
        return Ranks(jax.process_index(), jax.process_count(), "jax.distributed")
    rank, world = (os.environ.get(name, "").strip() for name in ("RANK", "WORLD_SIZE"))
    if not rank and world in ("", "1"):
        return Ranks(0, 1, "default")
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise UsageError(
            f"the environment has RANK={rank!r} and WORLD_SIZE={world!r}, expected 0 <= RANK < WORLD_SIZE",
            code="bad-ranks", fix="set both, or pass shard=(rank, world)",
        )  # fmt: skip
    return Ranks(int(rank), int(world), "RANK and WORLD_SIZE")
