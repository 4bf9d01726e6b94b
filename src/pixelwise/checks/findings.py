"""Findings: what is wrong with a dataset, grouped by problem, the worst first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias

from ..classes import ClassTable
from ..hints import answering
from ..results import SavedResult
from ..types import Displayed, Finding, Rows, Severity

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""error: what is read would be wrong, or is missing. warning: probably not intended. note: worth knowing."""

KEPT: Final = 10_000
"""Keep at most this many findings of each kind and count the rest, so that a check needs little memory."""


class Subject(NamedTuple):
    """The files that a finding is about, as full paths, for drawing them. other: an image that is like the first."""

    image: str | None = None
    label: str | None = None
    other: str | None = None


NO_FILES: Final = Subject()
Found: TypeAlias = Iterator[tuple[Finding, Subject]]
"""What a check of the whole dataset gives."""


@answering
@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one code and severity.

    count: how many there are. findings: the first 10,000 of them, in the order of the dataset. subjects: the files of
    each.
    """

    code: str
    severity: Severity
    count: int
    findings: tuple[Finding, ...]
    subjects: tuple[Subject, ...] = field(default=(), repr=False)


@answering
@dataclass(frozen=True, slots=True, repr=False)
class Findings(SavedResult, Displayed):
    """All problems of a dataset. Iterates `Finding`s: errors, then warnings, then notes, the most frequent first.

    root: the dataset's folder, or None. groups: by code and severity. splits: number of samples by split. samples: how
    many different images they have. seconds: how long it took. classes: the class table of the labels. Loading
    something else raises DataError `bad-findings`.

        >>> import numpy as np, pixelwise as pw
        >>> source = pw.ArraySource([np.zeros((20, 30, 3), np.uint8)], [np.full((20, 30), 255, np.uint8)], names=["a"])
        >>> found = pw.check(pw.Split("train", pw.VOC, source))
        >>> found
        Findings(1 sample (train 1): 1 warning)
        >>> [(f.code, f.where) for f in found]
        [('blank-image', 'a')]
    """

    _kind, _code = "findings", "bad-findings"

    root: Path | None
    groups: tuple[Group, ...]
    splits: Mapping[str, int]
    samples: int
    seconds: float
    classes: ClassTable = field(repr=False)

    def __iter__(self) -> Iterator[Finding]:
        return (f for group in self.groups for f in group.findings)

    def __len__(self) -> int:
        """How many findings there are, including those that were only counted."""
        return sum(group.count for group in self.groups)

    def count(self, severity: Severity) -> int:
        """How many findings of that severity there are."""
        return sum(group.count for group in self.groups if group.severity == severity)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity "error"."""
        return tuple(f for f in self if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings of severity "warning"."""
        return tuple(f for f in self if f.severity == "warning")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The findings of severity "note"."""
        return tuple(f for f in self if f.severity == "note")

    @property
    def summary(self) -> str:
        """One line: what was checked, and how many problems of each severity were found."""
        found = ", ".join(f"{n:,} {plural(s, n)}" for s in SEVERITIES if (n := self.count(s))) or "no problems"
        splits = ", ".join(f"{name} {n:,}" for name, n in self.splits.items())
        return f"{self.samples:,} {plural('sample', self.samples)} ({splits}): {found}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values; `from_dict` gives equal findings."""
        return {
            "root": None if self.root is None else str(self.root),
            "samples": self.samples,
            "splits": dict(self.splits),
            "seconds": self.seconds,
            "classes": self.classes.to_dict(),
            "counts": {s: self.count(s) for s in SEVERITIES},
            "groups": [
                {
                    "code": g.code,
                    "severity": g.severity,
                    "count": g.count,
                    "findings": [
                        {"where": f.where, "what": f.what, "fix": f.fix, "files": list(s)}
                        for f, s in zip(g.findings, g.subjects, strict=True)
                    ],
                }
                for g in self.groups
            ],
        }

    def to_frame(self) -> Rows:
        """The findings: severity, code, where, what, fix; at most the first 10,000 of each kind."""
        return [{"severity": f.severity, "code": f.code, "where": f.where, "what": f.what, "fix": f.fix} for f in self]

    @classmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        groups = []
        for g in data["groups"]:
            code, severity, each = g["code"], g["severity"], g["findings"]
            made = tuple(Finding(code, severity, f["where"], f["what"], f["fix"]) for f in each)
            groups.append(Group(code, severity, g["count"], made, tuple(Subject(*f["files"]) for f in each)))
        root = None if data["root"] is None else Path(data["root"])
        classes = ClassTable.from_dict(data["classes"])
        return cls(root, tuple(groups), dict(data["splits"]), data["samples"], data["seconds"], classes)

    def __repr__(self) -> str:
        return f"Findings({self.summary})"

    def __str__(self) -> str:
        lines = [self.summary]
        for group in self.groups:
            lines.append(f"{group.severity}: {group.code} ({group.count:,})")
            lines += [f"  {f}" for f in group.findings[:5]]
            if group.count > 5:
                lines.append(f"  and {group.count - 5:,} more")
        return "\n".join(lines)


def plural(word: str, count: int) -> str:
    """The word as it follows the count."""
    return word if count == 1 else word + "s"


def below(root: Path | None) -> str:
    """What the path of a file in the folder begins with: the folder and a slash, or nothing."""
    return "" if root is None else os.path.join(root.absolute(), "")


class Collector:
    """Gathers findings into groups. Not thread-safe: one thread collects what the others find."""

    def __init__(self, root: Path | None) -> None:
        self._prefix = below(root)
        self._counts: Counter[tuple[Severity, str]] = Counter()
        self._kept: dict[tuple[Severity, str], list[tuple[Finding, Subject]]] = {}

    def add(self, finding: Finding, subject: Subject = NO_FILES) -> None:
        """Add one finding; its place becomes relative to the dataset's folder."""
        key = (finding.severity, finding.code)
        self._counts[key] += 1
        kept = self._kept.setdefault(key, [])
        if len(kept) < KEPT:
            kept.append((replace(finding, where=finding.where.removeprefix(self._prefix)), subject))

    def groups(self) -> tuple[Group, ...]:
        """The groups: the worst first, then the most frequent, then by name."""
        order = sorted(self._counts.items(), key=lambda item: (SEVERITIES.index(item[0][0]), -item[1], item[0][1]))
        groups = []
        for (severity, code), count in order:
            findings, subjects = zip(*self._kept[severity, code], strict=True)
            groups.append(Group(code, severity, count, findings, subjects))
        return tuple(groups)
