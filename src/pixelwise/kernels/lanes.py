"""The order of an epoch in which blocks of samples are read one after the other: see `loading.lanes`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit_of, part

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_30, _27, _31, _32, _40, _63 = (np.uint64(k) for k in (30, 27, 31, 32, 40, 63))


@part
def _mixed(z: Any) -> Any:
    # The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
    z = (z ^ (z >> _30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> _27)) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> _31)


@part
def _windows(positions: Any, shape: Any, base: Any, scratch: Any, out: Any) -> None:
    """Of each position, where its window begins, how many samples that has, its key; and the place in it."""
    n, batch, lanes, window = shape[0], shape[1], shape[2], shape[3]
    per = batch // lanes
    whole = n // batch * batch  # what is left over is a window of its own, behind all lanes
    length = whole // lanes
    for i in range(out.shape[0]):
        p = positions[i]
        if p < whole:
            k, j = p // batch, p % batch
            lane = j // per
            t = k * per + j % per
            # Any run of lanes changes its blocks one after the other: multiples of the golden ratio are spread evenly.
            shift = np.int64((np.uint64(lane) * _GOLDEN >> _32) * np.uint64(window) >> _32)
            number = (t + shift) // window
            low = max(number * window - shift, 0)
            high = min((number + 1) * window - shift, length)
            first = lane * length + low
            out[i] = t - low
        else:
            lane, number, first, low, high = lanes, 0, whole, 0, n - whole
            out[i] = p - whole
        scratch[0, i] = np.uint64(first)
        scratch[1, i] = np.uint64(high - low)
        scratch[2, i] = _mixed(base ^ (np.uint64(lane) << _40 | np.uint64(number)))


@part
def _shuffle(rounds: Any, scratch: Any, out: Any) -> None:
    """out[i]: its place after its window was permuted, by swap-or-not as in `random.permute`."""
    for r in range(rounds):
        step = _GOLDEN * np.uint64(r + 1)
        for i in range(out.shape[0]):
            x, size = np.uint64(out[i]), scratch[1, i]
            z = _mixed(scratch[2, i] + step)
            partner = ((z >> _32) * size >> _32) + size - x  # a window has fewer than 2^32 samples
            partner = partner - size if partner >= size else partner
            swap = _mixed(max(x, partner) ^ z) >> _63
            out[i] = np.int64(partner if swap else x)


@jit_of("void(int64[::1], int64[::1], int64[::1], uint64, uint64, int64[::1], uint64[:, ::1], int64[::1])")
def places(
    positions: Any, shape: Any, ends: Any, seed: Any, epoch: Any, firsts: Any, scratch: Any, out: Any
) -> None:
    """out[i]: the place in the sequence of all samples that position i of an epoch has.

    shape: samples n, global batch, lanes, samples per window, rounds. ends: (blocks + 1,) where each block ends in the
    epoch's sequence of blocks, after a 0. firsts: (blocks,) where each of them begins in the sequence of all samples.
    scratch: (3, len(positions)), whatever it holds.
    """
    _windows(positions, shape, _mixed(seed + _GOLDEN * (epoch + np.uint64(1))), scratch, out)
    _shuffle(shape[4], scratch, out)
    for i in range(out.shape[0]):
        place = out[i] + np.int64(scratch[0, i])
        low, high = 0, firsts.shape[0]  # the block: ends[low] <= place < ends[high]
        while high - low > 1:
            middle = (low + high) >> 1
            if ends[middle] <= place:
                low = middle
            else:
                high = middle
        out[i] = firsts[low] + place - ends[low]
