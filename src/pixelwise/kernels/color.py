"""Colors to class ids: a collision-free hash of the table's colors, one probe per pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiling import jit

EMPTY = np.uint32(0xFFFFFFFF)  # no 24-bit color has this key


def perfect_hash(
    keys: NDArray[np.uint32], ids: NDArray[np.uint16]
) -> tuple[NDArray[np.uint32], NDArray[np.uint16], int, int]:
    """Slots in which each of the distinct 24-bit `keys` has its own place.

    Returns (slot keys, slot ids, multiplier, shift): key k is in slot `(k * multiplier mod 2^32) >> shift`.
    The table doubles until a multiplier without collisions is found, which takes O(n^2) slots at worst.
    """
    rng = np.random.default_rng(0)
    bits = max(4, int(2 * len(keys) - 1).bit_length())
    while True:
        for _ in range(2000):
            multiplier = int(rng.integers(0, 1 << 32)) | 1
            slot = (keys.astype(np.uint64) * np.uint64(multiplier) & np.uint64(0xFFFFFFFF)) >> np.uint64(32 - bits)
            if len(np.unique(slot)) == len(keys):
                slot_keys = np.full(1 << bits, EMPTY, np.uint32)
                slot_ids = np.zeros(1 << bits, np.uint16)
                slot_keys[slot], slot_ids[slot] = keys, ids
                return slot_keys, slot_ids, multiplier, 32 - bits
        bits += 1


@jit
def encode_colors(pixels: Any, keys: Any, ids: Any, multiplier: Any, shift: Any, out: Any) -> int:
    """(N, 3) uint8 colors to (N,) ids; the index of the first unknown color, or -1."""
    last = np.uint32(EMPTY)
    current = ids[0]
    for i in range(pixels.shape[0]):
        r, g, b = np.uint32(pixels[i, 0]), np.uint32(pixels[i, 1]), np.uint32(pixels[i, 2])
        key = r | g << np.uint32(8) | b << np.uint32(16)
        if key != last:  # labels are flat: most pixels repeat their neighbor
            slot = np.uint32(key * multiplier) >> shift
            if keys[slot] != key:
                return i
            current = ids[slot]
            last = key
        out[i] = current
    return -1


@jit
def encode_eights(words: Any, pixels: Any, keys: Any, ids: Any, multiplier: Any, shift: Any, out: Any) -> int:
    """As `encode_colors` for uint8 ids: eight pixels at once if all have the last one's color.

    words: (N, 3) uint64, the same memory as pixels (8 N, 3); out: (N, 8) uint8. The first unknown pixel, or -1.
    """
    eights = out.view(np.uint64)
    w0 = w1 = w2 = np.uint64(0)
    repeated, known = np.uint64(0), False
    for n in range(words.shape[0]):
        if known and words[n, 0] == w0 and words[n, 1] == w1 and words[n, 2] == w2:
            eights[n, 0] = repeated
            continue
        bad = encode_colors(pixels[8 * n : 8 * n + 8], keys, ids, multiplier, shift, out[n])
        if bad >= 0:
            return 8 * n + bad
        # What eight pixels of the last color look like: the three bytes over and over, in words of eight.
        last = pixels[8 * n + 7]
        key = np.uint64(last[0]) | np.uint64(last[1]) << np.uint64(8) | np.uint64(last[2]) << np.uint64(16)
        w0 = key | key << np.uint64(24) | key << np.uint64(48)
        w1 = key >> np.uint64(16) | key << np.uint64(8) | key << np.uint64(32) | key << np.uint64(56)
        w2 = key >> np.uint64(8) | key << np.uint64(16) | key << np.uint64(40)
        repeated = np.uint64(out[n, 7]) * np.uint64(0x0101010101010101)
        known = True
    return -1
