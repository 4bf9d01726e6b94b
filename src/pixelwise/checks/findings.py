"""Findings: what is wrong with a dataset, grouped by problem, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..classes import ClassTable
from ..types import Finding, Severity

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""error: what is read would be wrong, or is not there. warning: probably not what was meant. note: worth knowing."""

KEPT: Final = 10_000
"""Findings of one problem that are kept; more are counted. What a check holds so stays small on any dataset."""


class Subject(NamedTuple):
    """The files that a finding is about, as full paths, for showing them. other: an image that is like the first."""

    image: str | None = None
    label: str | None = None
    other: str | None = None


NO_FILES: Final = Subject()


@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one code and severity. count: how many there are; findings: the first `KEPT` of them, in the
    order of the dataset, and `subjects` the files of each.
    """

    code: str
    severity: Severity
    count: int
    findings: tuple[Finding, ...]
    subjects: tuple[Subject, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Findings:
    """All problems of a dataset. Iterates `Finding`s: errors, then warnings, then notes, the most frequent first.

    root: the dataset's folder. groups: by code and severity. splits: number of samples by split. samples: how many
    different samples were read. seconds: how long it took. classes: the class table that the labels were read by.
    """

    root: Path | None
    groups: tuple[Group, ...]
    splits: Mapping[str, int]
    samples: int
    seconds: float
    classes: ClassTable = field(repr=False)

    def __iter__(self) -> Iterator[Finding]:
        return (f for group in self.groups for f in group.findings)

    def __len__(self) -> int:
        """How many findings there are, those that were only counted too."""
        return sum(group.count for group in self.groups)

    def count(self, severity: Severity) -> int:
        """How many findings of that severity there are."""
        return sum(group.count for group in self.groups if group.severity == severity)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of that severity."""
        return tuple(f for f in self if f.severity == severity)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What is wrong."""
        return self.of("error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is probably not what was meant."""
        return self.of("warning")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is worth knowing."""
        return self.of("note")

    @property
    def by_code(self) -> dict[str, tuple[Finding, ...]]:
        """The findings of each code, the worst first."""
        out: dict[str, tuple[Finding, ...]] = {}
        for group in self.groups:
            out[group.code] = out.get(group.code, ()) + group.findings
        return out

    @property
    def summary(self) -> str:
        """One line: what was checked, and how many problems of each severity were found."""
        counts = [(self.count(s), s) for s in SEVERITIES]
        found = ", ".join(f"{n:,} {s}{'s' * (n != 1)}" for n, s in counts if n) or "no problems"
        splits = ", ".join(f"{name} {n:,}" for name, n in self.splits.items())
        return f"{self.samples:,} samples ({splits}): {found}"

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "root": None if self.root is None else str(self.root),
            "samples": self.samples,
            "splits": dict(self.splits),
            "seconds": round(self.seconds, 3),
            "counts": {s: self.count(s) for s in SEVERITIES},
            "groups": [
                {
                    "code": g.code,
                    "severity": g.severity,
                    "count": g.count,
                    "findings": [{"where": f.where, "what": f.what, "fix": f.fix} for f in g.findings],
                }
                for g in self.groups
            ],
        }

    def __str__(self) -> str:
        lines = [self.summary]
        for group in self.groups:
            lines.append(f"{group.severity}: {group.code} ({group.count:,})")
            lines += [f"  {f}" for f in group.findings[:5]]
            if group.count > 5:
                lines.append(f"  and {group.count - 5:,} more")
        return "\n".join(lines)


class Collector:
    """Gathers findings into groups. Not thread-safe: one thread collects what others found."""

    def __init__(self, root: Path | None) -> None:
        self._prefix = "" if root is None else f"{root}/"
        self._counts: dict[tuple[Severity, str], int] = {}
        self._kept: dict[tuple[Severity, str], list[tuple[Finding, Subject]]] = {}

    def add(self, finding: Finding, subject: Subject = NO_FILES) -> None:
        """Take in one finding; its place is told relative to the dataset's folder."""
        key = (finding.severity, finding.code)
        self._counts[key] = self._counts.get(key, 0) + 1
        kept = self._kept.setdefault(key, [])
        if len(kept) < KEPT:
            where = finding.where.removeprefix(self._prefix)
            kept.append((Finding(finding.code, finding.severity, where, finding.what, finding.fix), subject))

    def groups(self) -> tuple[Group, ...]:
        """What was gathered, the worst first, within a severity the most frequent, then by name."""
        order = sorted(self._counts, key=lambda k: (SEVERITIES.index(k[0]), -self._counts[k], k[1]))
        return tuple(
            Group(code, severity, self._counts[severity, code], tuple(f for f, _ in kept), tuple(s for _, s in kept))
            for severity, code in order
            if (kept := self._kept[severity, code])
        )
