"""Random numbers by address: Philox4x32-10, and a permutation that is evaluated one position at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part

# Philox4x32-10: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, table of constants.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


@part
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """One block: counter of four and key of two uint32 to four uint32."""
    for _ in range(10):
        p0 = np.uint64(c0) * _M0
        p1 = np.uint64(c2) * _M1
        c0 = np.uint32(p1 >> _32) ^ np.uint32(c1) ^ np.uint32(k0)
        c2 = np.uint32(p0 >> _32) ^ np.uint32(c3) ^ np.uint32(k1)
        c1, c3 = np.uint32(p1 & _LOW), np.uint32(p0 & _LOW)
        k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
    return c0, c1, c2, c3


@jit
def uniforms(seed: Any, epoch: Any, samples: Any, transform: Any, draw: Any, out: Any) -> None:
    """out[i], float64 in [0, 1) with 53 bits, for the address (seed, epoch, samples[i], transform, draw)."""
    for i in range(samples.shape[0]):
        out[i] = _uniform(seed, epoch, samples[i], transform, draw)


@part
def _uniform(seed: Any, epoch: Any, sample: Any, transform: Any, draw: Any) -> Any:
    s = np.uint64(sample)
    words = np.uint32(transform) << np.uint32(16) | np.uint32(draw)
    low, high = np.uint32(s & _LOW), np.uint32(s >> _32)
    a, b, _, _ = philox(low, high, np.uint32(epoch), words, np.uint32(seed & _LOW), np.uint32(seed >> _32))
    bits = np.float64(a >> np.uint32(5)) * 67108864.0 + np.float64(b >> np.uint32(6))
    return bits * (1.0 / 9007199254740992.0)


@jit
def uniform_grid(seed: Any, epoch: Any, sample: Any, transforms: Any, out: Any) -> None:
    """out[t, j] for the address (seed, epoch, sample, transforms[t], j)."""
    for t in range(transforms.shape[0]):
        for j in range(out.shape[1]):
            out[t, j] = _uniform(seed, epoch, sample, transforms[t], j)


@jit
def permute(positions: Any, n: Any, seed: Any, epoch: Any, rounds: Any, out: Any) -> None:
    """out[i] = P(positions[i]) for a permutation P of 0..n-1 chosen by (seed, epoch).

    The swap-or-not shuffle (Hoang, Morris, Rogaway, CRYPTO 2012): each round pairs x with `key - x mod n` and swaps
    the pair by one bit, so it is a permutation for every n and needs no memory.
    """
    k0, k1 = np.uint32(seed & _LOW), np.uint32(seed >> _32)
    size = np.uint64(n)
    for i in range(positions.shape[0]):
        out[i] = positions[i]
    for r in range(rounds):
        a, b, c, d = philox(np.uint32(r), np.uint32(0x5EED), np.uint32(epoch), np.uint32(0xFFFFFFFF), k0, k1)
        key = (np.uint64(a) << _32 | np.uint64(b)) % size
        mask = np.uint64(c) << _32 | np.uint64(d)
        for i in range(positions.shape[0]):
            x = np.uint64(out[i])
            partner = (key + size - x) % size
            z = max(x, partner) ^ mask
            # The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014) as the round function.
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            if (z >> np.uint64(63)) & np.uint64(1):
                out[i] = partner


@jit
def normal(key0: Any, key1: Any, table: Any, out: Any) -> None:
    """out (C, H, W) float32: table[16 random bits]. table: the 65,536 quantiles of the wanted distribution."""
    for c in range(out.shape[0]):
        for y in range(out.shape[1]):
            line = out[c, y]
            for x in range(0, line.shape[0], 8):
                a, b, d, e = philox(np.uint32(x), np.uint32(y), np.uint32(c), np.uint32(0x0153), key0, key1)
                words = (np.uint32(a), np.uint32(b), np.uint32(d), np.uint32(e))
                for k in range(min(8, line.shape[0] - x)):
                    bits = words[k >> 1] >> np.uint32(16 * (k & 1))
                    line[x + k] = table[np.uint32(bits & np.uint32(0xFFFF))]
