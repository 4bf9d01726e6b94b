"""What a verb is given (a path, a Dataset or a Split, and names of splits) as the dataset or the split it works on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..dataset.dataset import Dataset
from ..dataset.splits import Split, Splits
from ..dataset.views import joined
from ..errors import UsageError
from ..hints import argument_meant
from .opening import open as open_dataset

Data: TypeAlias = Dataset | Split | str | os.PathLike[str]
SplitNames: TypeAlias = str | Iterable[str] | None
GIVEN_SPLIT: Final = "split"
"""The format of the dataset that `as_dataset` makes of a Split."""


def as_dataset(data: Data, splits: SplitNames = None, *, verb: str, **options: Any) -> Dataset:
    """The dataset that `data` is or names, with only the splits of these names (default: all), read when asked for.

    A Split becomes a dataset of one split. verb: the caller's name, for messages. options: for `open`, if `data` is a
    path. UsageError for anything else, UnknownNameError for a split that does not exist.
    """
    if isinstance(data, (str, os.PathLike)):
        data = open_dataset(data, **options)
    elif options:
        got = f"options of open() are taken only with a path, got {type(data).__name__}"
        fix = argument_meant(next(iter(options)), ("splits", "threads", "progress"))
        raise UsageError(f"{verb}() has no argument {', '.join(options)}; {got}", code="unknown-argument", fix=fix)
    if isinstance(data, Split):
        split = data
        data = Dataset(split.root or Path(), GIVEN_SPLIT, split.classes, Splits({split.name: partial(_itself, split)}))
    if not isinstance(data, Dataset):
        raise UsageError(f"{verb}() takes a path, a Dataset or a Split, got {type(data).__name__}")
    names = _split_names(splits, verb)
    if names is None:
        return data
    for name in names:
        if name not in data.splits:
            data[name]  # raises, naming the splits that exist
    made = data.splits
    return replace(data, splits=Splits({name: partial(made.__getitem__, name) for name in names}))


def _itself(split: Split) -> Split:
    return split


def as_split(data: Data, splits: SplitNames = None, *, verb: str, prefer: Sequence[str] = (), **options: Any) -> Split:
    """The split that `data` is or names; several are joined, in the order of `splits`.

    prefer: if `splits` is None and the dataset has several, the first of these names that it has, else its first.
    Raises as `as_dataset`, and UsageError `empty-dataset` for a dataset without splits.
    """
    if isinstance(data, Split) and splits is None and not options:
        return data
    dataset = as_dataset(data, splits, verb=verb, **options)
    names = list(dataset.splits)
    if not names:
        raise UsageError("the dataset has no splits", code="empty-dataset", where=dataset.root)
    if splits is None:
        return dataset[next((name for name in prefer if name in names), names[0])]
    parts = [dataset[name] for name in names]
    if len(parts) == 1:
        return parts[0]
    return joined("+".join(names), dataset.classes, parts)


def _split_names(splits: SplitNames, verb: str) -> list[str] | None:
    """`splits` as a list without repeats, a single name as a list of one, or None. UsageError for anything else."""
    if splits is None:
        return None
    names = [splits] if isinstance(splits, str) else list(splits) if isinstance(splits, Iterable) else [splits]
    if not names or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{verb}(splits=) takes a name or a list of names, got {splits!r}")
    return list(dict.fromkeys(names))
