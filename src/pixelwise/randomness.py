"""Addressed random numbers, and the shuffle that needs no list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import kernels
from .errors import UsageError
from .types import F64, I64


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of some samples in one epoch.

    seed: 0..2^64-1. samples: (B,) int64 addresses, one a sample. `uniform(transform, draw)` is (B,) float64 in [0, 1):
    always the same for the same address, whatever was drawn before.
    """

    seed: int
    epoch: int
    samples: I64

    def uniform(self, transform: int, draw: int) -> F64:
        """(B,) float64 in [0, 1). transform: position in the list of transforms; draw: its 0-based draw, < 65536."""
        out = np.empty(len(self.samples))
        kernels.random.uniforms(
            np.uint64(self.seed),
            np.uint32(self.epoch),
            self.samples,
            np.uint32(transform),
            np.uint32(draw),
            out,
        )
        return out


def check_seed(seed: int) -> int:
    """The seed, if it is one: an integer in 0..2^64-1."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 1 << 64:
        raise UsageError(f"seed must be an integer in 0..2^64-1, got {seed!r}")
    return int(seed)


def shuffled(positions: I64, n: int, seed: int, epoch: int) -> I64:
    """The sample at each position of the shuffled epoch: (k,) int64 in 0..n-1. Cost grows with log2(n) a position."""
    out = np.empty(len(positions), np.int64)
    # 6 log2(n) rounds bring the shuffle near uniform (Hoang et al., theorem 4); small n need a floor.
    rounds = max(24, 6 * max(1, n - 1).bit_length())
    if n > 1:
        positions = np.ascontiguousarray(positions, np.int64)
        kernels.random.permute(positions, n, np.uint64(seed), np.uint32(epoch), rounds, out)
    else:
        out[:] = 0
    return out
