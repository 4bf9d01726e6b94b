"""How datasets are derived from datasets: other classes, some samples, other splits. Everything is lazy.

Each function takes a class table and splits, and gives what becomes of them; `Dataset` documents what they do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from ..arguments import PERCENT, conversion
from ..classes import ClassTable, usual_void
from ..errors import UnknownNameError, UsageError
from ..hints import meant
from ..types import I64
from .splits import Split, Splits
from .views import RelabeledSource

Classes: TypeAlias = ClassTable | Sequence[str]


class Derived(NamedTuple):
    """What a derived dataset does not share with the one it was made from. done: the sentence for its history."""

    classes: ClassTable
    splits: Splits
    done: str


# -- classes ------------------------------------------------------------------------------------------------


def remap(
    old: ClassTable, splits: Splits, mapping: Mapping[str, str | None], classes: Classes | None = None
) -> Derived:
    """See Dataset.remap."""
    targets: list[str | None] = list(old.names)
    for name, target in mapping.items():
        targets[old.index(name)] = target
    table = classes if isinstance(classes, ClassTable) else _table(old, targets, classes)
    ids = np.full(65_536, -1, np.int32)
    if old.ignore_index is not None and table.ignore_index is not None:
        ids[old.ignore_index] = table.ignore_index
    for i, target in enumerate(targets):
        if target is not None:
            ids[i] = _target(table, old.names[i], target)
        elif table.ignore_index is None:
            raise UsageError(f"{old.names[i]} becomes void, and the new table has no void", code="bad-class-table")
        else:
            ids[i] = table.ignore_index
    if old.ignore_index is not None and table.ignore_index is None:
        raise UsageError("the dataset has void pixels, and the new table has no void", code="bad-class-table")

    kept = np.array_equal(ids[: len(old)], np.arange(len(old))) and old.ignore_index in (None, table.ignore_index)

    def make(name: str) -> Split:
        split = splits[name]
        return replace(split, classes=table, source=RelabeledSource(split.source, table, ids, same_ids=kept))

    said = ", ".join(f"{a} -> {b or 'void'}" for a, b in list(mapping.items())[:6]) + ", ..." * (len(mapping) > 6)
    made = Splits({name: partial(make, name) for name in splits})
    return Derived(table, made, f"classes remapped: {said or 'by name'} ({len(table)} classes)")


def _table(old: ClassTable, targets: Sequence[str | None], given: Sequence[str] | None) -> ClassTable:
    """A table of the names `given`, default the targets, each with the color of the first class that becomes it."""
    names = tuple(given) if given is not None else tuple(dict.fromkeys(t for t in targets if t is not None))
    own = ClassTable(names).colors
    colors = [old.colors[targets.index(n)] if n in targets else own[k] for k, n in enumerate(names)]
    void = old.ignore_index
    if void is None or void < len(names):
        void = usual_void(len(names))
    return ClassTable(names, np.array(colors, np.uint8), void, old.ignore_color)


def _target(table: ClassTable, name: str, target: str) -> int:
    try:
        return table.index(target)
    except UnknownNameError:
        fix = f"map it to one of {', '.join(table.names[:8])}{', ...' * (len(table) > 8)}, or to None for void"
        what = f"the class {name!r} has no place in the new table"
        raise UsageError(what, code="unmapped-class", fix=fix) from None


def merging(old: ClassTable, merged: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    """The mapping for `remap` that merges classes: see Dataset.merge_classes."""
    mapping: dict[str, str | None] = {}
    for new, names in merged.items():
        for name in [names] if isinstance(names, str) else names:
            if name in mapping:
                raise UsageError(f"the class {name!r} is merged twice")
            mapping[name] = new
    return mapping | {new: new for new in merged if new in old.names and new not in mapping}


def keep_classes(old: ClassTable, splits: Splits, classes: Iterable[str]) -> Derived:
    """Only these classes; the others become void. See Dataset.subset."""
    listed = [classes] if isinstance(classes, str) else classes
    kept = list(dict.fromkeys(old.names[old.index(c)] for c in listed))
    table, changed, _ = remap(old, splits, {n: n if n in kept else None for n in old.names}, kept)
    return Derived(table, changed, f"classes kept: {', '.join(kept)}")


# -- samples ------------------------------------------------------------------------------------------------


def keep_samples(classes: ClassTable, splits: Splits, names: Iterable[str]) -> Derived:
    """Only the samples of these names. See Dataset.subset."""
    wanted = {names} if isinstance(names, str) else set(names)
    missing, rows = set(wanted), {}
    for name in splits:
        own = splits[name].names
        rows[name] = np.array([i for i, n in enumerate(own) if n in wanted], np.int64)
        missing -= {own[i] for i in rows[name].tolist()}
    if missing:
        what = f"{len(missing)} of {len(wanted)} names are in no split, such as {min(missing)!r}"
        near = meant(min(missing), chain.from_iterable(splits[name].names for name in splits))
        fix = f"{near}names are those of split.names"
        raise UnknownNameError(what, code="unknown-sample", fix=fix)
    makers = {n: partial(splits[n].select, r) for n, r in rows.items() if len(r)}
    return Derived(classes, Splits(makers), f"samples kept: {len(wanted)} by name")


def divide(
    classes: ClassTable,
    splits: Splits,
    ratios: Mapping[str, float],
    seed: int,
    of: str | None,
    group: Callable[[str], str] | None,
) -> Derived:
    """See Dataset.split."""
    if of is None:
        if len(splits) != 1:
            several = f"the dataset has several splits: {', '.join(splits)}"
            raise UsageError(several, fix='name the one to divide: of="train"')
        of = next(iter(splits))
    if not ratios or min(ratios.values()) < 0 or abs(sum(ratios.values()) - 1) > 1e-9:
        fix = conversion("ratios", list(ratios.values()), 0.0, 1.0, PERCENT) if ratios else None
        raise UsageError(f"ratios must not be negative and must add up to 1, got {dict(ratios)}", fix=fix)
    taken = [n for n in ratios if n in splits and n != of]
    if taken:
        raise UsageError(f"the dataset has a split {taken[0]!r} already")
    divided = splits[of]
    rows = _rows(divided.names, ratios, seed, group)

    def make(name: str) -> Split:
        return replace(divided.select(rows[name]), name=name)

    makers: dict[str, Callable[[], Split]] = {}
    for name in splits:
        makers |= {n: partial(make, n) for n in ratios} if name == of else {name: partial(splits.__getitem__, name)}
    said = ", ".join(f"{n} {r:g}" for n, r in ratios.items())
    return Derived(classes, Splits(makers), f"{of} divided by seed {seed}: {said}")


def _rows(
    names: Sequence[str], ratios: Mapping[str, float], seed: int, group: Callable[[str], str] | None
) -> dict[str, I64]:
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(name if group is None else group(name), []).append(i)
    order = sorted(groups, key=lambda g: hashlib.sha256(f"{seed}\0{g}".encode("utf-8", "surrogatepass")).digest())
    sizes = np.array([len(groups[g]) for g in order])
    borders = accumulate(Fraction(ratio).limit_denominator(1_000_000) for ratio in ratios.values())
    # A group belongs to the split in which its middle is.
    middles = np.cumsum(sizes) - sizes / 2
    ends = np.searchsorted(middles, [round(border * len(names)) for border in borders], side="right").tolist()
    ends[-1] = len(order)
    rows = ([i for g in order[a:b] for i in groups[g]] for a, b in pairwise([0, *ends]))
    return {name: np.array(sorted(own), np.int64) for name, own in zip(ratios, rows, strict=True)}
