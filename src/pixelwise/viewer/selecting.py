"""Which entries the grid shows, and in which order: a Query, read from an address, and the numbers it selects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import UnknownNameError, UsageError
from ..types import I64, Bool
from .confused import Mistake
from .entries import Entries
from .looks import Alike, Objects
from .measures import Measures
from .ordering import Orders, Ranking, order_by
from .runs import Run

ORDERS: Final = ("number", "name", "size", "classes", "share", "score", "iou", "change", "pixels", "objects", "alike")
"""What entries can be ordered by; with "-" in front, the largest first."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to show. split: the name of one, or None. text: in the name. classes: ids that must all occur; share: of the
    pixels, at least that of each. low, high: of the shorter side, in pixels. broken: only what cannot be read. order:
    one of ORDERS, by `run` for scores, by `classes[0]` for "share" and, of `run`, "iou"; descending: the largest first.
    code: only what has a finding of that code. pair: only what has pixels of one class that `run` predicted as the
    other; "pixels" orders by their number. alike: only what has a near duplicate; "alike" orders by groups of them.
    score: at most this mean IoU of `run`, in percent.
    """

    split: str | None = None
    text: str = ""
    classes: tuple[int, ...] = ()
    share: float = 0.0
    low: int = 0
    high: int = 0
    broken: bool = False
    order: str = "number"
    descending: bool = False
    run: int = 0
    code: str = ""
    pair: Mistake | None = None
    alike: bool = False
    score: float = 100.0

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Query:
        """The query of an address. UsageError `bad-query` for a value that is none."""
        order = values.get("sort", "number") or "number"
        query = cls(
            values.get("split") or None, values.get("text", "")[:80],
            tuple(int(_number("class", v)) for v in values.get("class", "").split(",")[:64] if v),
            _number("share", values.get("share", "")), int(_number("low", values.get("low", ""))),
            int(_number("high", values.get("high", ""))), values.get("broken", "") == "1", order.removeprefix("-"),
            order.startswith("-"), int(_number("run", values.get("run", ""))), values.get("code", ""),
            _pair(values.get("pair", "")), values.get("alike", "") == "1",
            _number("score", values.get("score", "") or "100"),
        )  # fmt: skip
        if query.order not in ORDERS:
            what, fix = f"cannot sort by {query.order!r}", f"sort by one of {', '.join(ORDERS)}"
            raise UsageError(what, code="bad-query", fix=fix)
        return query


def _number(name: str, text: str) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        value = -1
    if not 0 <= value < 2**53:  # NaN as well
        raise UsageError(f"{name} must be a number from 0 on, got {text!r}", code="bad-query")
    return value


def _pair(text: str) -> Mistake | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if found is None:
        raise UsageError(f"pair must be two class ids, as in 8-12, got {text!r}", code="bad-query")
    return Mistake(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Selection:
    """The numbers of entries that a query selects: (k,) in their order, or a range without a gap."""

    numbers: I64 | Ranking | range

    def __len__(self) -> int:
        return len(self.numbers)


def select(
    query: Query, entries: Entries, measures: Measures, runs: tuple[Run, ...] = (),
    coded: Callable[[str], I64] | None = None, alike: Alike | None = None, objects: Objects | None = None,
    orders: Orders | None = None,
) -> Selection:  # fmt: skip
    """The entries of a query, by what is known so far. coded: the entries that have a finding of that code. alike,
    objects: what orders and filters of these names need. orders: those of earlier queries.

    UnknownNameError `unknown-split` for a split that is not shown, UsageError `bad-query` for a run that is not there.
    """
    try:
        within = entries.range_of(query.split)
    except KeyError:
        fix = f"the splits are: {', '.join(s.name for s in entries.splits)}"
        raise UnknownNameError(f"no split named {query.split!r} is shown", code="unknown-split", fix=fix) from None
    keep = _kept(query, entries, measures, within)
    if query.code and coded is not None:
        marked = np.zeros(len(entries), bool)
        marked[coded(query.code)] = True
        marked = marked[within.start : within.stop]
        keep = marked if keep is None else keep & marked
    if query.pair is not None:
        found = _confused(query, runs, len(entries))[within.start : within.stop] > 0
        keep = found if keep is None else keep & found
    more = []
    if query.alike and alike is not None:
        more.append(~np.isnan(alike.keys()))
    if query.score < 100:
        more.append(_run(query.run, runs).scores() * 100 <= query.score)  # False for NaN
    for each in more:
        part = each[within.start : within.stop]
        keep = part if keep is None else keep & part
    looked = {name: one for name, one in (("alike", alike), ("objects", objects)) if one is not None}
    if query.order == "number" or (query.order in ("alike", "objects") and query.order not in looked):
        return Selection(_listed(query, within, keep))

    def make() -> Ranking:
        keys = looked[query.order].keys() if query.order in looked else _keys(query, entries, measures, runs)
        return order_by(keys, query.descending)

    known = looked[query.order].counted if query.order in looked else _known(query, measures, runs)
    named = (query.order, query.descending, query.run, query.classes[:1], query.pair)
    order = make() if orders is None else orders.find(named, known, make)
    if keep is None and len(within) == len(entries):
        return Selection(order)
    chosen = np.zeros(len(entries), bool)
    chosen[within.start : within.stop] = True if keep is None else keep
    return Selection(order[chosen[order]])


def _listed(query: Query, within: range, keep: Bool | None) -> I64 | range:
    """The numbers as they are listed, or the last first."""
    if keep is None or keep.all():  # a range is sent at once, a million numbers take a browser 40 ms
        return np.arange(within.stop - 1, within.start - 1, -1) if query.descending else within
    numbers = within.start + np.flatnonzero(keep)
    return numbers[::-1] if query.descending else numbers


def _kept(query: Query, entries: Entries, measures: Measures, within: range) -> Bool | None:
    """(n,) bool of the entries in the range, or None for all."""
    keep: list[Bool] = []
    if query.text:
        keep.append(entries.named(query.text, within))
    sizes = measures.sizes[within.start : within.stop]
    for id in query.classes:
        if query.share:
            pixels = _pixels(measures, id, len(entries))[within.start : within.stop]
            keep.append((pixels > 0) & (pixels >= query.share * _area(sizes)))
        else:
            there = np.zeros(len(entries), bool)
            there[measures.counts().of(id)[0]] = True
            keep.append(there[within.start : within.stop])
    if query.low or query.high:
        side = np.minimum(sizes[:, 0], sizes[:, 1])  # a fifteenth of the time of a minimum along an axis
        keep.append((side > 0) & (side >= query.low) & ((side <= query.high) | (query.high == 0)))
    if query.broken:
        keep.append(measures.broken[within.start : within.stop])
    return np.logical_and.reduce(keep) if keep else None


def _confused(query: Query, runs: tuple[Run, ...], n: int) -> I64:
    """(n,) int64: the pixels of the query's pair in each entry."""
    if query.pair is None:
        raise UsageError("no pair of classes is chosen", code="bad-query", fix="give pair=TRUTH-PREDICTED")
    confused = _run(query.run, runs).confused
    confused.start()
    return confused.pixels(query.pair, n)


def _area(sizes: NDArray[np.int32]) -> I64:
    return sizes[:, 0].astype(np.int64) * sizes[:, 1]


def _pixels(measures: Measures, id: int, n: int) -> I64:
    """(n,) int64: how many pixels of a class each entry has."""
    found, counts = measures.counts().of(id)
    out = np.zeros(n, np.int64)
    out[found] = counts
    return out


def _keys(query: Query, entries: Entries, measures: Measures, runs: tuple[Run, ...]) -> NDArray[Any]:
    """(n,) what entries are ordered by, NaN where it is not known."""
    if query.order == "name":
        return entries.by_name
    first = query.classes[0] if query.classes else 0
    area = _area(measures.sizes)
    if query.order == "size":
        return np.where(area > 0, area, np.nan)
    if query.order == "classes":
        return measures.held
    if query.order == "share":
        return np.asarray(_pixels(measures, first, len(entries)) / np.maximum(area, 1))
    if query.order == "iou":
        return _run(query.run, runs).class_scores(first)
    if query.order == "pixels":
        return _confused(query, runs, len(entries))
    return _run(query.run, runs).scores() if query.order == "score" else _run(1, runs).scores() - runs[0].scores()


def _known(query: Query, measures: Measures, runs: tuple[Run, ...]) -> object:
    """What changes when more is known of what entries are ordered by. To be asked for before `_keys`."""
    if query.order == "name":
        return None
    if query.order == "pixels":
        return _run(query.run, runs).confused.counted
    if query.order in ("score", "iou", "change"):
        return [run.scoring is None for run in runs]
    return measures.sized, measures.counted


def _run(number: int, runs: tuple[Run, ...]) -> Run:
    if number >= len(runs):
        raise UsageError(f"there is no run {number}", code="bad-query", fix="give --predictions")
    return runs[number]
