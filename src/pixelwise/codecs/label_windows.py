"""Windows of label files that are read again and again, such as those of a split in every epoch."""

from __future__ import annotations

from collections.abc import Set

import numpy as np
from xxhash import xxh3_64_intdigest

from ..types import Size, Window
from .decoding import stored_window
from .stored import Stored


class LabelWindows:
    """Knows which of n label files were read whole, so that their windows can be read alone. Thread-safe.

    A file is read whole at its first sight, so that damage and wrong values anywhere in it are found. From then on only
    its window is read, as long as its bytes are the same. Memory: 8 bytes per file.
    """

    def __init__(self, n: int) -> None:
        self._digests = np.zeros(n, np.uint64)

    def __reduce__(self) -> tuple[type[LabelWindows], tuple[int]]:
        return LabelWindows, (len(self._digests),)

    def add(self, number: int, data: bytes) -> None:
        """File `number` was read whole, and is right."""
        self._digests[number] = _digest(data)

    def read(
        self, number: int, data: bytes, where: object, window: Window, size: Size, allow: Set[str]
    ) -> Stored | None:
        """The window, as `decoding.stored_window` reads it; None if the whole file is to be read, by whatever reader.

        size: (height, width) that the label must have.
        """
        empty = window.y0 >= window.y1 or window.x0 >= window.x1
        if empty or self._digests[number] != _digest(data):
            return None
        return stored_window(data, where, window, allow, size)


def _digest(data: bytes) -> int:
    return xxh3_64_intdigest(data) or 1
