"""Reuse the memory of batches once no array refers to it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import U8

CACHE_LINE = 64
"""Bytes of a cache line: batches begin at a multiple of it, so that streaming stores are aligned."""


class Buffers:
    """Arrays whose memory is reused: a buffer is free again when the last array that refers to it is gone.

    Fresh memory costs a page fault per 4 kB: 1.7 ms per image of a 59 MB batch, against 0.12 ms for reused memory.
    Thread-safe. keep: how many free buffers to hold. allocate: returns a new buffer of the given number of bytes.
    """

    def __init__(self, keep: int, allocate: Callable[[int], U8] | None = None) -> None:
        self._allocate = allocate or aligned
        self._free: deque[NDArray[np.uint8]] = deque(maxlen=keep)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_free": deque(maxlen=self._free.maxlen)}  # memory is not worth a copy

    def array(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """An array of unknown contents. Views of it, and tensors that share its memory, keep its buffer in use."""
        kind = np.dtype(dtype)
        size = prod(shape) * kind.itemsize
        for _ in range(len(self._free)):
            try:
                buffer = self._free.popleft()
            except IndexError:
                break
            if size <= buffer.nbytes <= 2 * size + 4096:
                break
            self._free.append(buffer)
        else:
            buffer = self._allocate(max(size, 1))
        owned: NDArray[np.uint8] = np.asarray(_Lease(self._free, buffer))
        array: NDArray[Any] = owned[:size].view(kind).reshape(shape)
        return array


class _Lease:
    """The owner at the base of a batch's arrays: when it is collected, the buffer is free."""

    __slots__ = ("__array_interface__", "_buffer", "_free")

    def __init__(self, free: deque[NDArray[np.uint8]], buffer: NDArray[np.uint8]) -> None:
        self._free = free
        self._buffer = buffer
        self.__array_interface__ = buffer.__array_interface__

    def __del__(self) -> None:
        self._free.append(self._buffer)


def aligned(size: int) -> U8:
    """`size` bytes of unknown contents at the beginning of a cache line."""
    memory = np.empty(size + CACHE_LINE, np.uint8)
    return memory[-memory.ctypes.data % CACHE_LINE :][:size]


@cache
def last_level_cache() -> int:
    """The bytes of the largest cache of a core, as Linux says; elsewhere the 32 MB that is usual."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        found = re.fullmatch(r"(\d+)([KM])", path.read_text().strip())
        if found:
            sizes.append(int(found[1]) << (10 if found[2] == "K" else 20))
    return max(sizes, default=32 << 20)
