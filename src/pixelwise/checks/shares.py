"""What is kept of samples as JSON values, and back: the share of a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from ..parts import Part
from ..results import json_values
from ..types import Finding
from .findings import Subject
from .similar import Hashes
from .survey import Examined


def share_of(samples: Iterable[Examined]) -> list[Any]:
    """JSON values of what was kept of each sample."""
    return [_values(sample) for sample in samples]


def items_of(parts: Sequence[Part]) -> Iterator[Examined]:
    """What was kept of the samples of all parts, in order. ValueError and the like for other values."""
    for part in parts:
        if len(part.share) != part.last - part.first:
            raise ValueError(f"part {part.number} has {len(part.share)} samples, expected {part.last - part.first}")
        yield from map(_sample, part.share)


def _values(sample: Examined) -> list[Any]:
    hashes = sample.hashes and [sample.hashes.exact, sample.hashes.coarse, sample.hashes.fine.tolist()]
    found = [list(astuple(finding)) for finding in sample.found]
    values: list[Any] = json_values([
        found, sample.missing, list(sample.subject) if found else None, hashes, sample.blank, sample.label_hash,
        sample.values, sample.classes, sample.ones, sample.kind,
    ])  # fmt: skip
    return values


def _sample(values: Sequence[Any]) -> Examined:
    found, missing, subject, hashes, blank, label_hash, stored, classes, ones, kind = values
    return Examined(
        [Finding(*fields) for fields in found],
        [(int(k), str(path)) for k, path in missing],
        Subject(*subject) if subject else Subject(),
        Hashes(hashes[0], hashes[1], np.array(hashes[2], np.uint64)) if hashes else None,
        bool(blank), int(label_hash), np.array(stored, np.int64), np.array(classes, np.int64),
        None if ones is None else (float(ones[0]), float(ones[1])), str(kind),
    )  # fmt: skip
