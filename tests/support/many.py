"""A split of any number of samples that cost no memory: a few pictures under many names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

import pixelwise as pw
from tests.support.tree import picture
from tests.support.voc import discs

SIZE = (120, 160)


class Numbered(Sequence[str]):
    """The names `sample_0000000` and so on."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index):
        return f"sample_{index:07}"

    def __iter__(self) -> Iterator[str]:
        return (f"sample_{i:07}" for i in range(self._count))


class Repeated:
    """A source that repeats 8 painted samples."""

    has_labels = True

    def __init__(self, count: int) -> None:
        self.names = Numbered(count)
        self._images = [picture(i, SIZE) for i in range(8)]
        self._labels = [np.ascontiguousarray(discs(i, (480, 640))[0][::4, ::4]) for i in range(8)]

    def __len__(self) -> int:
        return len(self.names)

    def sizes(self, indices=None):
        return np.tile(np.array(SIZE, np.int64), (len(self) if indices is None else len(indices), 1))

    def read(self, index, window=None, *, clock=None, notes=None):
        return pw.Sample(self.names[index], self._images[index % 8], self._labels[index % 8])


def many(count: int) -> pw.Split:
    """`count` samples of VOC's classes."""
    return pw.Split("many", pw.VOC, Repeated(count))
