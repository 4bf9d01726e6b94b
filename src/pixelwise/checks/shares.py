"""What is kept of samples as JSON values, and back: the share of a part. Its paths are relative to the dataset, which
may be elsewhere where parts are merged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..parts import Part
from ..results import json_values
from ..types import Finding
from .findings import Subject, below
from .similar import Hashes
from .survey import Examined


def share_of(samples: Iterable[Examined], root: Path | None) -> list[Any]:
    """JSON values of what was kept of each sample. root: the dataset's folder, or None."""
    return [_values(sample, below(root)) for sample in samples]


def items_of(parts: Sequence[Part], root: Path | None) -> Iterator[Examined]:
    """What was kept of the samples of all parts, in order. ValueError and the like for other values."""
    for part in parts:
        if len(part.share) != part.last - part.first:
            raise ValueError(f"part {part.number} has {len(part.share)} samples, expected {part.last - part.first}")
        yield from (_sample(values, below(root)) for values in part.share)


def _values(sample: Examined, folder: str) -> list[Any]:
    found = [astuple(replace(finding, where=finding.where.removeprefix(folder))) for finding in sample.found]
    subject = [path and path.removeprefix(folder) for path in sample.subject]
    missing = [(k, path.removeprefix(folder)) for k, path in sample.missing]
    hashes = sample.hashes and [sample.hashes.exact, sample.hashes.coarse, sample.hashes.fine.tolist()]
    values: list[Any] = json_values([
        found, missing, subject if found else None, hashes, sample.blank, sample.label_hash,
        sample.values, sample.classes, sample.ones, sample.kind,
    ])  # fmt: skip
    return values


def _sample(values: Sequence[Any], folder: str) -> Examined:
    found, missing, subject, hashes, blank, label_hash, stored, classes, ones, kind = values
    return Examined(
        [Finding(*fields) for fields in found],
        [(int(k), os.path.join(folder, path)) for k, path in missing],
        Subject(*(path and os.path.join(folder, path) for path in subject or ())),
        Hashes(hashes[0], hashes[1], np.array(hashes[2], np.uint64)) if hashes else None,
        bool(blank), int(label_hash), np.array(stored, np.int64), np.array(classes, np.int64),
        None if ones is None else (float(ones[0]), float(ones[1])), str(kind),
    )  # fmt: skip
