"""Identity: which samples of several splits are one sample, by what is read, never by their names.

The image of a sample is what `Origin.image` names; the sample is its image with its label. Numbers that stand for them
are the same in every process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from xxhash import xxh3_64_intdigest

from ..types import I64, U64, Origin
from .sources import Source, origin_of
from .splits import Split


def key_of(*parts: object) -> int:
    """A 64-bit hash (XXH3) of the parts as text, the same in every process. Two of 10 million keys are equal with
    a probability of 3e-6.
    """
    return xxh3_64_intdigest("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"))


class Identity:
    """The origins of samples, also of those whose source does not know them.

    Such a source stands for itself: it is called by its number, in the order in which sources were first asked about.
    """

    def __init__(self) -> None:
        self._unknown: list[Source] = []
        self._numbers: dict[int, int] = {}  # by address, which is safe while the list above holds them

    def origin(self, source: Source, index: int) -> Origin:
        """The origin of sample `index` of `source`."""
        found = origin_of(source, index)
        if found is not None:
            return found
        how = ""
        while (below := getattr(source, "beneath", _nothing)(index)) is not None:
            how = f"{getattr(source, 'how', '')} {how}"
            source, index = below
        return Origin(f"sample {index} of source {self._number(source)}", (), how)

    def _number(self, source: Source) -> int:
        if id(source) not in self._numbers:
            self._numbers[id(source)] = len(self._unknown)
            self._unknown.append(source)
        return self._numbers[id(source)]


def _nothing(index: int) -> None:
    return None


def keys(splits: Sequence[Split]) -> Iterator[tuple[U64, U64]]:
    """For each split, (n,) keys of the images of its samples, and (n,) keys of the samples themselves."""
    known = Identity()
    for split in splits:
        at: I64 = split.positions()
        images, samples = np.empty(len(at), np.uint64), np.empty(len(at), np.uint64)
        for row, index in enumerate(at.tolist()):
            origin = known.origin(split.source, index)
            images[row], samples[row] = key_of(origin.image), key_of(*origin)
        yield images, samples
