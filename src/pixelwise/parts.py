"""Parts: the share of a long job that one process does, saved, and put together again by `merge`.

    pixelwise check DATASET --part 3/16 --save part-3.json        # on any machine that sees the data; 16 of them
    pixelwise merge part-*.json

Part k of n is the k-th of n runs of samples that follow each other. Putting them together in order is therefore what
one process does, and gives equal results. Nothing is shared but the data and the files of the parts.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias

from .arguments import is_whole
from .errors import DataError, UsageError
from .files.addresses import located
from .hints import answering, hinted
from .results import SavedResult

PartOf: TypeAlias = tuple[int, int]
"""(k, n): the k-th of n parts, 1 to n."""

FORMAT_OF_PARTS: Final = "pixelwise-part"
_VERSION: Final = 1
_VERBS: Final = {"check": "checks.checking", "stats": "counts.stats", "score": "evaluation.scoring"}
_NAMED: Final = 20
"""At most this many missing parts are named one by one."""


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Part(SavedResult):
    """One of several parts of a check, of statistics or of scores. `save` it; `pixelwise.merge` puts them together.

    verb: "check", "stats" or "score". number, of: which part it is, 1 to `of`. first, last: the samples that it has
    counted, first <= i < last. about: the data and the options of the whole, equal in all its parts. opened: the path
    and the options that the dataset was opened by, or None if it was not opened by a path. share: what was found, JSON
    values. seconds: how long it took. Loading something else raises DataError `bad-part`.
    """

    _kind, _code = "a part", "bad-part"

    verb: str
    number: int
    of: int
    first: int
    last: int
    about: Mapping[str, Any]
    opened: Mapping[str, Any] | None = field(repr=False)
    share: Any = field(repr=False)
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"Part({self})"

    def __str__(self) -> str:
        return f"part {self.number} of {self.of} of {self.verb}: {self.last - self.first:,} samples"

    def to_dict(self) -> dict[str, Any]:
        """The part as JSON values; `from_dict` gives an equal one."""
        return {"format": FORMAT_OF_PARTS, "version": _VERSION, **SavedResult.to_dict(self)}

    @classmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        if (data["format"], data["version"]) != (FORMAT_OF_PARTS, _VERSION):
            raise ValueError(f"{data['format']} version {data['version']}, expected {FORMAT_OF_PARTS} {_VERSION}")
        number, of, first, last = (data[name] for name in ("number", "of", "first", "last"))
        if data["verb"] not in _VERBS or not all(map(is_whole, (number, of, first, last))):
            raise ValueError(f"verb {data['verb']!r}, part {number} of {of}, samples {first} to {last}")
        if not 1 <= number <= of or not 0 <= first <= last:
            raise ValueError(f"part {number} of {of}, samples {first} to {last}")
        about, opened = dict(data["about"]), data["opened"]
        if opened is not None:
            path, splits, options = (opened[name] for name in ("path", "splits", "options"))
            texts = [path, *([] if splits is None else splits)]  # the letters of one name are texts, too
            if not isinstance(options, dict) or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"opened by {opened!r}")
        return cls(data["verb"], number, of, first, last, about, opened, data["share"], float(data["seconds"]))


def check_part(part: Any) -> PartOf | None:
    """(k, n) with 1 <= k <= n, or None. UsageError `bad-argument` for anything else."""
    if part is None:
        return None
    if not isinstance(part, Sequence) or len(part) != 2 or not all(map(is_whole, part)):
        raise UsageError(f"part must be two whole numbers (k, n), the k-th of n parts, got {part!r}")
    k, n = int(part[0]), int(part[1])
    if not 1 <= k <= n:
        fix = "the parts of 16 are 1/16 to 16/16"
        raise UsageError(f"part must be k of n with 1 <= k <= n, got {k} of {n}", fix=fix)
    return k, n


def run_of(part: PartOf, total: int) -> range:
    """Which of `total` items part (k, n) has: runs that follow each other, of equal lengths but for one."""
    k, n = part
    return range(total * (k - 1) // n, total * k // n)


def made_part(
    verb: str, part: PartOf, run: range, total: int, about: Mapping[str, Any], opened: Mapping[str, Any] | None,
    share: Any, seconds: float,
) -> Part:  # fmt: skip
    """A Part whose values are those that a file would give back. run: its samples, of `total`."""
    found = json.loads(json.dumps({"samples": total, **about}))
    return Part(verb, *part, run.start, run.stop, found, opened, share, seconds)


def opened_by(data: Any, splits: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `merge` opens the dataset by: JSON values, or None if `data` is not a path, or options are not JSON."""
    if not isinstance(data, (str, os.PathLike)):
        return None
    names = splits if splits is None or isinstance(splits, str) else list(splits)
    found = {"path": str(located(data)), "splits": names, "options": dict(options)}
    try:
        return dict(json.loads(json.dumps(found)))
    except (TypeError, ValueError):
        return None


@hinted
def merge(parts: Iterable[Part | str | os.PathLike[str]], data: Any = None) -> Any:
    """Put all parts of a job together: the result of `check`, `stats` or `score` on all samples, equal in every value.

        >>> parts = [pw.stats("VOCdevkit/VOC2012", part=(k, 3)) for k in (1, 2, 3)]
        >>> pw.merge(parts) == pw.stats("VOCdevkit/VOC2012")
        True

    parts: Parts, or the files that they were saved to, in any order. data: the Dataset, Split or path that the parts
    are of, if it is not at the path where the parts found it; statistics do not need it. The splits are those of the
    parts, unless `data` is a Dataset or a Split, which then has just these splits.

    `check` looks at lists and folders again, but at no file. Its `seconds` are those of all parts. Raises DataError
    `bad-part`, `missing-part`, `repeated-part` and `other-part` (of another job, other data, or another number of
    parts), with the names of the files; UsageError `needs-data` if the dataset cannot be opened by what the parts say.
    """
    return merged(loaded(parts), data)


def loaded(parts: Iterable[Part | str | os.PathLike[str]]) -> list[tuple[str, Part]]:
    """The parts by what messages call them; see `merge`."""
    if isinstance(parts, (Part, str, os.PathLike)):
        parts = [parts]
    parts = [*parts] if isinstance(parts, Iterable) else [None]
    if not all(isinstance(p, (Part, str, os.PathLike)) for p in parts):
        raise UsageError("merge() takes parts, or the files that they were saved in", fix="pass a list of them")
    named = [(str(p), Part.load(p)) if not isinstance(p, Part) else (f"part {p.number}", p) for p in parts]
    if not named:
        raise UsageError("merge() takes the parts of a job, got none")
    return named


def merged(named: Sequence[tuple[str, Part]], data: Any) -> Any:
    """See `merge`."""
    held = _held_together(named)
    # The verbs are in rooms above this one; each says by this name how its parts become its result.
    return importlib.import_module(f".{_VERBS[held[0].verb]}", __package__).of_parts(held, data)


def data_of(parts: Sequence[Part], data: Any) -> tuple[Any, Any, dict[str, Any]]:
    """What a verb is to be called with again: data, splits, and the options of `open`. See `merge`."""
    opened = parts[0].opened
    if data is not None and not isinstance(data, (str, os.PathLike)):
        return data, None, {}
    if opened is None:
        fix = "pass data=, the Dataset or the Split that the parts are of"
        raise UsageError("the parts do not say how their dataset is opened", code="needs-data", fix=fix)
    return (opened["path"] if data is None else data), opened["splits"], dict(opened["options"])


def check_about(part: Part, total: int, now: Mapping[str, Any]) -> None:
    """DataError `other-part` if the data is not that of the part."""
    if (differs := _difference(part.about, json.loads(json.dumps({"samples": total, **now})))) is not None:
        fix = "merge where the data is as it was, or pass it as data="
        raise DataError(f"the parts are of other data: {differs}", code="other-part", fix=fix)


def _held_together(named: Sequence[tuple[str, Part]]) -> list[Part]:
    """The parts in order, if they are all parts of one job."""
    (where, like), by_number = named[0], dict[int, tuple[str, Part]]()
    for name, part in named:
        here, there = {"of": part.of, "verb": part.verb}, {"of": like.of, "verb": like.verb}
        differs = _difference(there, here) or _difference(like.about, part.about)
        if differs is not None:
            fix = "merge parts of one job"
            raise DataError(f"is not of the job of {where}: {differs}", code="other-part", where=name, fix=fix)
        if part.number in by_number:
            other = by_number[part.number][0]
            what = f"is part {part.number} of {part.of}, and so is {other}"
            raise DataError(what, code="repeated-part", where=name, fix="give each part once")
        by_number[part.number] = name, part
    missing = [k for k in range(1, like.of + 1) if k not in by_number]
    if missing:
        some = ", ".join(map(str, missing[:_NAMED])) + ", ..." * (len(missing) > _NAMED)
        what = f"{len(missing)} of {like.of} parts of {like.verb} are missing: {some}"
        raise DataError(what, code="missing-part", fix=f"run each with --part {missing[0]}/{like.of}, and merge again")
    held = [by_number[k][1] for k in range(1, like.of + 1)]
    for before, part in zip([None, *held], held, strict=False):
        if part.first != (0 if before is None else before.last):
            what = f"begins with sample {part.first}, expected {0 if before is None else before.last}"
            raise DataError(what, code="bad-part", where=by_number[part.number][0], fix="run that part again")
    if held[-1].last != like.about.get("samples"):
        what = f"ends with sample {held[-1].last}, expected {like.about.get('samples')}"
        raise DataError(what, code="bad-part", where=by_number[like.of][0], fix="run that part again")
    return held


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """The first value that differs, in words."""
    for name in dict.fromkeys((*ours, *theirs)):
        if ours.get(name) != theirs.get(name):
            return f"{name} is {theirs.get(name)!r}, expected {ours.get(name)!r}"
    return None
