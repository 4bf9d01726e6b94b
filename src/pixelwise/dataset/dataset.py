"""Dataset: a class table and named splits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..classes import ClassTable
from ..errors import UsageError
from ..types import Finding
from .splits import Split, Splits


@dataclass(frozen=True)
class Dataset:
    """A class table and named splits. `dataset["train"]` is a Split.

    root: the folder (or pack) it was opened from. format: what it was recognized as. notes: what is odd about it.
    history: what was done to it since it was opened, one sentence a step.
    """

    root: Path
    format: str
    classes: ClassTable
    splits: Splits
    notes: tuple[Finding, ...] = ()
    history: tuple[str, ...] = ()

    def __getitem__(self, split: str) -> Split:
        if not isinstance(split, str):
            raise UsageError(
                f"a dataset is indexed by the name of a split, got {split!r}",
                fix=f'dataset["{next(iter(self.splits), "train")}"][{split!r}]',
            )  # fmt: skip
        return self.splits[split]

    def __repr__(self) -> str:
        return f"Dataset({self.format} at {self.root}: {len(self.classes)} classes; splits {', '.join(self.splits)})"

    def remap(self, mapping: Mapping[str, str | None], classes: ClassTable | Sequence[str] | None = None) -> Dataset:
        """This dataset under other classes: each class named in `mapping` becomes the class of that name, None void.

        classes: the new table, or its names; a class that `mapping` does not name must then be in it under its own
        name. Without it, classes that are not named stay, and ids follow the order in which the new names come up.

        Lazy: labels change as they are read; instances do not. UnknownNameError `unknown-class` for a class that the
        dataset has not, UsageError `unmapped-class` for one that the new table has not.
        """
        from .derived import remap

        return remap(self, mapping, classes)

    def merge_classes(self, merged: Mapping[str, Iterable[str]]) -> Dataset:
        """This dataset with several classes as one: new name -> names of those that become it. The others stay."""
        from .derived import merge_classes

        return merge_classes(self, merged)

    def subset(self, names: Iterable[str] | None = None, classes: Iterable[str] | None = None) -> Dataset:
        """Some of this dataset. names: of the samples to keep, in every split; classes: to keep, all others are void.

        Samples stay in order; class ids are given anew, in the order of `classes`. UnknownNameError `unknown-sample`
        for a name that no split has: all lists are read at once for that.
        """
        from .derived import subset

        return subset(self, names, classes)

    def split(
        self,
        ratios: Mapping[str, float],
        seed: int = 0,
        *,
        of: str | None = None,
        group: Callable[[str], str] | None = None,
    ) -> Dataset:
        """This dataset with the split `of` divided by `ratios`, such as {"train": 0.8, "val": 0.2}: they add up to 1.

        of: which split, needed where there are several; the others stay. group: a function of a sample's name; samples
        with the same result stay together (frames of a film, slices of a patient), so that sizes are met only about.

        A sample's place is decided by SHA-256 of the seed and its name (or group): the same in every process and
        version; adding samples moves few others.
        """
        from .derived import split

        return split(self, ratios, seed, of=of, group=group)
