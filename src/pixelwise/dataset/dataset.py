"""Dataset: a class table and named splits. `concat`: several datasets as one."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..classes import ClassTable, usual_void
from ..errors import UsageError, shown
from ..hints import answering, hinted
from ..types import Displayed, Finding, Rows
from . import derived
from .splits import Split, Splits
from .views import joined


@answering
@dataclass(frozen=True, eq=False)
class Dataset(Displayed):
    """A class table and named splits. `dataset["train"]` is a Split; otherwise it is as a dict of its splits.

    root: the absolute path of the folder (or pack) it was opened from. format: what it was recognized as. notes: what
    is odd about it. history: what was done to it since it was opened, one sentence per step.

    >>> import numpy as np, pixelwise as pw
    >>> source = pw.ArraySource([np.zeros((1, 4, 3), np.uint8)], [np.array([[0, 1, 2, 255]], np.uint8)])
    >>> split = pw.Split("train", pw.ClassTable(("road", "car", "bus")), source)
    >>> dataset = Dataset(Path("here"), "arrays", split.classes, Splits({"train": lambda: split}))
    >>> dataset
    Dataset(arrays at here: 3 classes; splits train)
    >>> merged = dataset.merge_classes({"vehicle": ["car", "bus"]})
    >>> merged.classes.names, merged["train"][0].label.tolist()
    (('road', 'vehicle'), [[0, 1, 1, 255]])
    """

    root: Path
    format: str
    classes: ClassTable
    splits: Splits
    notes: tuple[Finding, ...] = ()
    history: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.splits, Splits):
            self.splits.root = self.root

    def __getitem__(self, split: str) -> Split:
        if not isinstance(split, str):
            raise UsageError(
                f"a dataset is indexed by the name of a split, got {split!r}",
                fix=f'dataset["{next(iter(self.splits), "train")}"][{split!r}]',
            )  # fmt: skip
        return self.splits[split]

    def _meant_by(self, name: str) -> str | None:
        """What to write instead of an attribute: a split has that name."""
        return f'dataset["{name}"]' if name in vars(self).get("splits", ()) else None

    def __len__(self) -> int:
        """The number of splits."""
        return len(self.splits)

    def __bool__(self) -> bool:
        return True  # a dataset without splits is still one: `if dataset` asks whether it is None

    def __iter__(self) -> Iterator[str]:
        return iter(self.splits)

    def __contains__(self, split: object) -> bool:
        return split in self.splits

    def keys(self) -> KeysView[str]:
        """The names of the splits."""
        return self.splits.keys()

    def values(self) -> ValuesView[Split]:
        """The splits; the list of each is read when it comes."""
        return self.splits.values()

    def items(self) -> ItemsView[str, Split]:
        """The splits with their names."""
        return self.splits.items()

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.splits)

    def to_frame(self) -> Rows:
        """The splits: split, samples, labels. Raises what reading a list raises."""
        return [{"split": name, "samples": len(s), "labels": s.has_labels} for name, s in self.items()]

    def __repr__(self) -> str:
        what = f"{len(self.classes)} classes; splits {', '.join(self.splits)}"
        return f"Dataset({self.format} at {shown(self.root)}: {what})"

    def remap(self, mapping: Mapping[str, str | None], classes: ClassTable | Sequence[str] | None = None) -> Dataset:
        """This dataset under other classes: each class named in `mapping` becomes the class of that name, None void.

        classes: the new table, or its names; a class that `mapping` does not name must then be in it under its own
        name. Without it, classes that are not named stay, and ids follow the order in which the new names come up.

        Lazy: labels change as they are read; instances do not. UnknownNameError `unknown-class` for a class that the
        dataset does not have, UsageError `unmapped-class` for one that the new table does not have.
        """
        return self._derive(derived.remap(self.classes, self.splits, mapping, classes))

    def merge_classes(self, merged: Mapping[str, Iterable[str]]) -> Dataset:
        """This dataset with several classes as one: new name -> names of those that become it. The others stay."""
        return self.remap(derived.merging(self.classes, merged))

    def subset(self, names: Iterable[str] | None = None, classes: Iterable[str] | None = None) -> Dataset:
        """Part of this dataset. names: of the samples to keep, in every split; classes: to keep, all others are void.

        Samples stay in order; class ids are renumbered, in the order of `classes`. UnknownNameError `unknown-sample`
        for a name that no split has: all lists are read at once for that.
        """
        made = self
        if classes is not None:
            made = made._derive(derived.keep_classes(made.classes, made.splits, classes))
        if names is not None:
            made = made._derive(derived.keep_samples(made.classes, made.splits, names))
        return made

    def split(
        self,
        ratios: Mapping[str, float],
        seed: int = 0,
        *,
        of: str | None = None,
        group: Callable[[str], str] | None = None,
    ) -> Dataset:
        """This dataset with the split `of` divided by `ratios`, such as {"train": 0.8, "val": 0.2}: they add up to 1.

        of: which split, needed if there are several; the others stay. group: a function of a sample's name; samples
        with the same result stay together (frames of a film, slices of a patient), so the ratios are only met roughly.

        A sample's split is decided by SHA-256 of the seed and its name (or group): the same in every process and
        version; adding samples moves few others.
        """
        return self._derive(derived.divide(self.classes, self.splits, ratios, seed, of, group))

    def _derive(self, made: derived.Derived) -> Dataset:
        return replace(self, classes=made.classes, splits=made.splits, history=(*self.history, made.done))


@hinted
def concat(datasets: Sequence[Dataset], classes: ClassTable | Sequence[str] | None = None) -> Dataset:
    """Several datasets as one: splits of the same name are joined, in the order of `datasets`.

    classes: the common table, or its names. Every dataset is brought to it by the names of its classes (`remap` it
    first if they differ); not needed if all tables have the same names in the same order. If a sample name occurs
    twice, all are preceded by their dataset's number and folder: `0-VOC2012/2007_000032`.

    >>> import numpy as np, pixelwise as pw
    >>> split = pw.Split("train", pw.VOC, pw.ArraySource([np.zeros((4, 6, 3), np.uint8)], names=["a"]))
    >>> dataset = Dataset(Path("here"), "arrays", pw.VOC, Splits({"train": lambda: split}))
    >>> list(concat([dataset, dataset])["train"].names)
    ['0-here/a', '1-here/a']
    """
    if not datasets:
        raise UsageError("nothing to concatenate")
    if classes is None:
        first = datasets[0].classes
        other = next((d for d in datasets if d.classes.names != first.names), None)
        if other is not None:
            theirs = f"{other.root.name} has {len(other.classes)} others"
            what = f"{datasets[0].root.name} has {len(first)} classes, {theirs}"
            raise UsageError(what, code="bad-class-table", fix="give the common table: classes=[...]")
        classes = first
    table = classes if isinstance(classes, ClassTable) else _common(datasets, classes)
    brought = [d if d.classes == table else d.remap({}, table) for d in datasets]
    names = list(dict.fromkeys(n for d in brought for n in d.splits))
    makers = {name: partial(_joined, brought, name, table) for name in names}
    said = f"{len(datasets)} datasets joined: {', '.join(shown(d.root) for d in datasets)}"
    notes = tuple(note for d in datasets for note in d.notes)
    history = tuple(f"{d.root.name}: {h}" for d in datasets for h in d.history)
    return Dataset(datasets[0].root, "joined", table, Splits(makers), notes, (*history, said))


def _common(datasets: Sequence[Dataset], names: Sequence[str]) -> ClassTable:
    """A table of `names`, each with the color it has in the first dataset that has the class."""
    own = ClassTable(tuple(names)).colors.copy()
    for k, name in enumerate(names):
        known = next((d.classes for d in datasets if name in d.classes.names), None)
        if known is not None:
            own[k] = known.colors[known.index(name)]
    return ClassTable(tuple(names), own, usual_void(len(names)))


def _joined(datasets: Sequence[Dataset], name: str, table: ClassTable) -> Split:
    parts = [(k, d, d[name]) for k, d in enumerate(datasets) if name in d.splits]
    names = [n for _, _, s in parts for n in s.names]
    if len(set(names)) < len(names):
        names = [f"{k}-{d.root.name}/{n}" for k, d, s in parts for n in s.names]
    return joined(name, table, [s for _, _, s in parts], names)
