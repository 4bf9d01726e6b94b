"""Addressed random numbers, and a shuffle that needs no list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import kernels
from .types import F64, I64


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of some samples in one epoch.

    seed: 0..2^64-1. epoch: 0..2^32-1. samples: (B,) int64, the address of each sample.
    """

    seed: int
    epoch: int
    samples: I64

    def uniform(self, transform: int, draw: int) -> F64:
        """(B,) float64 in [0, 1), always the same for the same address, whatever was drawn before.

        transform: position in the list of transforms. draw: which of its draws, 0..65535.
        """
        out = np.empty(len(self.samples))
        kernels.random.uniforms(
            np.uint64(self.seed), np.uint32(self.epoch), self.samples, np.uint32(transform), np.uint32(draw), out
        )
        return out

    def grid(self, transforms: I64, draws: int) -> F64:
        """(T, draws) float64: the first draws of several transforms, for a single sample."""
        out = np.empty((len(transforms), draws))
        kernels.random.uniform_grid(np.uint64(self.seed), np.uint32(self.epoch), self.samples[0], transforms, out)
        return out


def shuffled(positions: I64, n: int, seed: int, epoch: int) -> I64:
    """The sample at each position of the shuffled epoch: (k,) int64 in 0..n-1. Each position costs O(log n)."""
    out = np.empty(len(positions), np.int64)
    # 6 log2(n) rounds bring the shuffle near uniform (Hoang et al., theorem 4); a small n needs a minimum.
    rounds = max(24, 6 * max(1, n - 1).bit_length())
    if n > 1:
        positions = np.ascontiguousarray(positions, np.int64)
        kernels.random.permute(positions, n, np.uint64(seed), np.uint32(epoch), rounds, out)
    else:
        out[:] = 0
    return out
