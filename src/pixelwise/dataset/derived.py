"""Datasets made from datasets: other classes, some samples, other splits, several as one. Everything is lazy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..errors import UnknownNameError, UsageError
from .dataset import Dataset
from .splits import Split, Splits
from .views import JoinedSource, RelabeledSource

Classes = ClassTable | Sequence[str]


# -- classes ------------------------------------------------------------------------------------------------


def remap(dataset: Dataset, mapping: Mapping[str, str | None], classes: Classes | None = None) -> Dataset:
    """See Dataset.remap."""
    old = dataset.classes
    targets: dict[int, str | None] = dict(enumerate(old.names))
    for name, target in mapping.items():
        targets[old.index(name)] = target
    void = 255 if old.ignore_index is None else old.ignore_index
    table = _table(old, targets, classes, void)
    ids = np.full(65_536, 0 if table.ignore_index is None else table.ignore_index, np.int32)
    for i, target in targets.items():
        if target is not None:
            ids[i] = _target(table, old.names[i], target)
        elif table.ignore_index is None:
            raise UsageError(f"{old.names[i]} becomes void, and the new table has no void", code="bad-class-table")
    if old.ignore_index is not None and table.ignore_index is None:
        raise UsageError("the dataset has void pixels, and the new table has no void", code="bad-class-table")
    said = ", ".join(f"{a} -> {b or 'void'}" for a, b in list(mapping.items())[:6]) + ", ..." * (len(mapping) > 6)
    return _relabeled(dataset, table, ids, f"classes remapped: {said or 'by name'} ({len(table)} classes)")


def _table(
    old: ClassTable, targets: Mapping[int, str | None], classes: Classes | None, void: int
) -> ClassTable:  # fmt: skip
    if isinstance(classes, ClassTable):
        return classes
    names = list(classes) if classes is not None else list(dict.fromkeys(t for t in targets.values() if t is not None))
    first = {target: i for i, target in sorted(targets.items(), reverse=True)}
    own = ClassTable(tuple(names)).colors
    colors = [old.colors[first[n]] if n in first else own[k] for k, n in enumerate(names)]
    if len(names) > void:
        void = 65_535
    return ClassTable(tuple(names), np.array(colors, np.uint8), void, old.ignore_color)


def _target(table: ClassTable, name: str, target: str) -> int:
    try:
        return table.index(target)
    except UnknownNameError:
        raise UsageError(
            f"the class {name!r} has no place in the new table", code="unmapped-class",
            fix=f"map it to one of {', '.join(table.names[:8])}{', ...' * (len(table) > 8)}, or to None for void",
        ) from None  # fmt: skip


def _relabeled(dataset: Dataset, table: ClassTable, ids: NDArray[np.int32], said: str) -> Dataset:
    def make(name: str) -> Split:
        split = dataset[name]
        return Split(name, table, RelabeledSource(split.source, table, ids), split.indices, split.notes)

    return _derived(dataset, table, {name: partial(make, name) for name in dataset.splits}, said)


def _derived(dataset: Dataset, table: ClassTable, makers: Mapping[str, Callable[[], Split]], said: str) -> Dataset:
    return replace(dataset, classes=table, splits=Splits(makers), history=(*dataset.history, said))


def merge_classes(dataset: Dataset, merged: Mapping[str, Iterable[str]]) -> Dataset:
    """See Dataset.merge_classes."""
    mapping: dict[str, str | None] = {}
    for new, names in merged.items():
        for name in [names] if isinstance(names, str) else names:
            if name in mapping:
                raise UsageError(f"the class {name!r} is merged twice")
            mapping[name] = new
    for new in merged:
        if new in dataset.classes.names and new not in mapping:
            mapping[new] = new
    return remap(dataset, mapping)


# -- samples ------------------------------------------------------------------------------------------------


def subset(dataset: Dataset, names: Iterable[str] | None = None, classes: Iterable[str] | None = None) -> Dataset:
    """See Dataset.subset."""
    if classes is not None:
        listed = [classes] if isinstance(classes, str) else classes
        kept = list(dict.fromkeys(dataset.classes.names[dataset.classes.index(c)] for c in listed))
        dataset = remap(dataset, {n: n if n in kept else None for n in dataset.classes.names}, kept)
        dataset = replace(dataset, history=(*dataset.history[:-1], f"classes kept: {', '.join(kept)}"))
    if names is None:
        return dataset
    wanted = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    chosen, missing = set(wanted), set(wanted)
    rows = {}
    for name in dataset.splits:
        own = dataset[name].names
        rows[name] = np.array([i for i, n in enumerate(own) if n in chosen], np.int64)
        missing -= {own[i] for i in rows[name].tolist()}
    if missing:
        raise UnknownNameError(
            f"{len(missing)} of {len(wanted)} names are in no split, such as {sorted(missing)[0]!r}",
            code="unknown-sample", fix="names are those of split.names",
        )  # fmt: skip
    makers = {n: partial(_selected, dataset, n, r) for n, r in rows.items() if len(r)}
    return _derived(dataset, dataset.classes, makers, f"samples kept: {len(wanted)} by name")


def _selected(dataset: Dataset, name: str, rows: NDArray[np.int64]) -> Split:
    return dataset[name].select(rows)


def split(
    dataset: Dataset,
    ratios: Mapping[str, float],
    seed: int = 0,
    *,
    of: str | None = None,
    group: Callable[[str], str] | None = None,
) -> Dataset:
    """See Dataset.split."""
    if of is None:
        if len(dataset.splits) != 1:
            raise UsageError(
                f"the dataset has several splits: {', '.join(dataset.splits)}",
                fix='say which to divide: of="train"',
            )  # fmt: skip
        of = next(iter(dataset.splits))
    if not ratios or min(ratios.values()) < 0 or abs(sum(ratios.values()) - 1) > 1e-9:
        raise UsageError(f"ratios must be positive and add up to 1, got {dict(ratios)}")
    taken = [n for n in ratios if n in dataset.splits and n != of]
    if taken:
        raise UsageError(f"the dataset has a split {taken[0]!r} already")
    source = dataset[of]
    rows = _divide(source.names, ratios, seed, group)

    def make(name: str) -> Split:
        return replace(source.select(rows[name]), name=name)

    makers: dict[str, Callable[[], Split]] = {}
    for name in dataset.splits:
        if name == of:
            makers.update({n: partial(make, n) for n in ratios})
        else:
            makers[name] = partial(dataset.splits.__getitem__, name)
    said = ", ".join(f"{n} {r:g}" for n, r in ratios.items())
    return _derived(dataset, dataset.classes, makers, f"{of} divided by seed {seed}: {said}")


def _divide(
    names: Sequence[str], ratios: Mapping[str, float], seed: int, group: Callable[[str], str] | None
) -> dict[str, NDArray[np.int64]]:
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(name if group is None else group(name), []).append(i)
    order = sorted(groups, key=lambda g: hashlib.sha256(f"{seed}\0{g}".encode("utf-8", "surrogatepass")).digest())
    rows: dict[str, list[int]] = {name: [] for name in ratios}
    done, border, left = 0, Fraction(0), list(order)
    for name, ratio in ratios.items():
        border += Fraction(ratio).limit_denominator(1_000_000)
        end = round(border * len(names))
        while left and done + len(groups[left[0]]) / 2 <= end:
            own = groups[left.pop(0)]
            rows[name] += own
            done += len(own)
    if left:
        rows[list(ratios)[-1]] += [i for g in left for i in groups[g]]
    return {name: np.array(sorted(own), np.int64) for name, own in rows.items()}


def concat(datasets: Sequence[Dataset], classes: Classes | None = None) -> Dataset:
    """Several datasets as one: splits of the same name are joined, in the order of `datasets`.

    classes: the common table, or its names. Every dataset is brought to it by the names of its classes (`remap` it
    before where they differ); it may be left out where all tables have the same names in the same order. Sample names
    that occur twice are all preceded by their dataset's number and folder: `0-VOC2012/2007_000032`.
    """
    if not datasets:
        raise UsageError("nothing to concatenate")
    if classes is None:
        first = datasets[0].classes
        other = next((d for d in datasets if d.classes.names != first.names), None)
        if other is not None:
            raise UsageError(
                f"{datasets[0].root.name} has {len(first)} classes, {other.root.name} has {len(other.classes)} others",
                code="bad-class-table", fix="give the common table: classes=[...]",
            )  # fmt: skip
        classes = first
    table = classes if isinstance(classes, ClassTable) else _common(datasets, classes)
    brought = [d if d.classes == table else remap(d, {}, table) for d in datasets]
    names = list(dict.fromkeys(n for d in brought for n in d.splits))
    makers = {name: partial(_joined, brought, name, table) for name in names}
    said = f"{len(datasets)} datasets joined: {', '.join(str(d.root) for d in datasets)}"
    notes = tuple(note for d in datasets for note in d.notes)
    history = tuple(f"{d.root.name}: {h}" for d in datasets for h in d.history)
    return Dataset(datasets[0].root, "joined", table, Splits(makers), notes, (*history, said))


def _common(datasets: Sequence[Dataset], names: Sequence[str]) -> ClassTable:
    """A table of `names` with the colors that the first dataset that knows each class gives it."""
    own = ClassTable(tuple(names)).colors.copy()
    for k, name in enumerate(names):
        known = next((d.classes for d in datasets if name in d.classes.names), None)
        if known is not None:
            own[k] = known.colors[known.index(name)]
    return ClassTable(tuple(names), own, 255 if len(own) <= 255 else 65_535)


def _joined(datasets: Sequence[Dataset], name: str, table: ClassTable) -> Split:
    parts = [(k, d, d[name]) for k, d in enumerate(datasets) if name in d.splits]
    names = [n for _, _, s in parts for n in s.names]
    if len(set(names)) < len(names):
        names = [f"{k}-{d.root.name}/{n}" for k, d, s in parts for n in s.names]
    has_labels = all(s.source.has_labels for _, _, s in parts)
    notes = tuple(note for _, _, s in parts for note in s.notes)
    return Split(name, table, JoinedSource([s for _, _, s in parts], names, has_labels), None, notes)
