"""Problems: the findings of `check`, and the entries that they are about."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np

from ..checks.findings import Findings, Group, Subject
from ..checks.html import faulty_pixels
from ..codecs.decoding import UNCOMMON_KINDS, decode_stored
from ..dataset.sources import FileSource, image_file_of
from ..errors import UnknownNameError
from ..files.reading import read_bytes
from ..types import I64, U8, Finding
from .entries import Entries, Item
from .pictures import label_path, small_size, stored_label

_LISTED: Final = 500
"""Write out at most this many findings of each problem."""


class Problems:
    """The findings of a dataset by entry. Thread-safe: what is made when first asked for is the same for all.

    A finding is about the entries whose image or label it names by path, or else whose name it gives as its place.
    """

    def __init__(self, findings: Findings, entries: Entries) -> None:
        self.findings = findings
        self._entries = entries

    def to_list(self) -> list[dict[str, Any]]:
        """The groups as JSON values: code, severity, how many, and the first of them with the numbers of entries."""
        return [
            {
                "code": group.code, "severity": group.severity, "count": group.count,
                "entries": len(self.numbers(group.code)), "text": "\n".join(str(f) for f in group.findings[:_LISTED]),
                "findings": [
                    finding.to_dict() | {"entry": next(iter(self._about(finding, subject)), None)}
                    for finding, subject in _pairs(group)[:_LISTED]
                ],
            }
            for group in self.findings.groups
        ]  # fmt: skip

    def numbers(self, code: str) -> I64:
        """(k,) int64: the entries with a finding of that code, ascending. UnknownNameError if there is no such code."""
        if code not in self._by_code:
            fix = f"the codes are: {', '.join(self._by_code) or 'none'}"
            raise UnknownNameError(f"no finding has the code {code!r}", code="unknown-finding", fix=fix)
        return self._by_code[code]

    def of(self, number: int) -> list[dict[str, str]]:
        """The findings about an entry as JSON values."""
        return [finding.to_dict() for finding in self._by_entry.get(number, ())]

    def faulty(self, item: Item, number: int, code: str, *, small: bool = False) -> U8:
        """(H, W) uint8: 1 where the label's file is as the findings of this code say, 0 elsewhere.

        Only 0 if they are about the sample as a whole. small: as large as a thumbnail, a pixel of which is marked if
        any of those it stands for is. Raises as reading the file does.
        """
        path = label_path(item)
        if path is None:
            return np.zeros((1, 1), np.uint8)
        stored = stored_label(item, path)
        objects = None
        if code == "instance-mismatch" and self.findings.root is not None:
            where = next(f.where for f in self._by_entry.get(number, ()) if f.code == code)
            objects = decode_stored(read_bytes(self.findings.root / where), where, None, UNCOMMON_KINDS).pixels
        mask = faulty_pixels(code, stored, item.split.classes, objects)
        height, width = stored.pixels.shape[:2]
        size = small_size((height, width)) if small else (height, width)
        out = np.zeros(size, np.uint8)
        if mask is not None:
            ys, xs = np.nonzero(mask)
            out[ys * size[0] // height, xs * size[1] // width] = 1
        return out

    # -- which entries ----------------------------------------------------------------------------------------

    @cached_property
    def _by_code(self) -> dict[str, I64]:
        made: dict[str, set[int]] = {}
        for group in self.findings.groups:
            about = made.setdefault(group.code, set())
            for pair in _pairs(group):
                about.update(self._about(*pair))
        return {code: np.array(sorted(about), np.int64) for code, about in made.items()}

    @cached_property
    def _by_entry(self) -> dict[int, list[Finding]]:
        made: dict[int, list[Finding]] = {}
        for group in self.findings.groups:
            for pair in _pairs(group):
                for number in self._about(*pair):
                    made.setdefault(number, []).append(pair[0])
        return made

    def _about(self, finding: Finding, subject: Subject) -> list[int]:
        known = (subject.image, subject.label, finding.where)
        return next((found for key in known if key and (found := self._places.get(key))), [])

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """The entries of every path and name that a finding has."""
        wanted = {key for g in self.findings.groups for f, s in _pairs(g) for key in (s.image, s.label, f.where) if key}
        made: dict[str, list[int]] = {}
        for k, split in enumerate(self._entries.splits):
            for index, name in enumerate(split.names):
                keys = {name}
                position = split.position(index)
                if (found := image_file_of(split.source, position)) is not None:
                    keys.add(found[0].path(found[0].images, found[1]))
                if isinstance(split.source, FileSource) and split.source.labels is not None:
                    keys.add(split.source.path(split.source.labels, position))
                for key in keys & wanted:
                    made.setdefault(key, []).append(self._entries.starts[k] + index)
        return made


def _pairs(group: Group) -> list[tuple[Finding, Subject]]:
    return list(zip(group.findings, group.subjects, strict=True))
