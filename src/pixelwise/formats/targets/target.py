"""What every target of `convert` has: where files go, and what is written for a sample and at the end."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classes import ClassTable, usual_void
from ...dataset.dataset import Dataset
from ...dataset.splits import Split
from ...errors import UsageError
from ...files.reading import read_bytes
from ...files.writing import atomic_write
from ...types import Label, Origin, Sample
from ..opening import open as open_dataset
from ..tracing import Traced, trace
from ..unfinished import FRAGMENTS

FRAGMENT = FRAGMENTS + "/{split}/{path}.json"
"""What is known of one sample, until all are there and become one file."""


@dataclass(frozen=True, slots=True)
class SampleJob:
    """A sample to write: position `index` of `of`, under `name` in `split`. file: of the image, if it has one that any
    reader decodes to the same pixels.
    """

    of: Split
    index: int
    split: str
    name: str
    file: Path | None
    first: bool  # False if the same files are written for another split
    origin: Origin

    def place(self, root: Path, template: str, ext: str = "") -> Path:
        """The path that a template describes for this sample."""
        return root / template.replace("{split}", self.split).replace("{ext}", ext).replace("{path}", self.name)

    def key(self, template: str) -> str:
        """The path that a template describes for this sample, without its ending: what it shares with a sample of
        another split that is the same.
        """
        return template.replace("{split}", self.split).replace("{path}", self.name)

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"{self.split}/{self.name}"


@dataclass(frozen=True)
class Ending:
    """All that was converted, to write what is about all of it. exts: of the image of each job. identity: which
    conversion it is. instances: whether any sample has them.
    """

    root: Path
    source: Dataset
    jobs: Sequence[SampleJob]
    exts: Sequence[str]
    identity: str
    instances: bool

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.source.classes

    @cached_property
    def splits(self) -> dict[str, list[tuple[SampleJob, str]]]:
        """The jobs of each split, and the endings of their images."""
        out: dict[str, list[tuple[SampleJob, str]]] = {name: [] for name in self.source.splits}
        for job, ext in zip(self.jobs, self.exts, strict=True):
            out[job.split].append((job, ext))
        return out

    @property
    def labeled(self) -> list[str]:
        """The splits with labels."""
        return [split for split, jobs in self.splits.items() if jobs and jobs[0][0].of.has_labels]

    def fragments(self, split: str) -> Iterator[tuple[SampleJob, str, Any]]:
        """The labeled samples of a split, the endings of their images, and their fragments."""
        for job, ext in self.splits[split]:
            yield job, ext, json.loads(read_bytes(job.place(self.root, FRAGMENT)))


class Target(ABC):
    """A format that `convert` writes.

    images: the template of images, with {split} only if it has a folder per split. labels: that of the file which is
    written last of a labeled sample. result: that of the file which holds the label in the end. signed: whether a
    pixelwise.toml describes the result and says which conversion it is; else the mark stays, and says so. embeds:
    whether images end up within other files. turns: whether its readers turn images by EXIF, but not labels: such
    images become PNGs.
    """

    images: str
    labels: str
    result: str = ""
    signed: bool = False
    embeds: bool = False
    turns: bool = False

    def check(self, root: Path, table: ClassTable, jobs: Sequence[SampleJob]) -> None:  # noqa: B027 (most hold everything)
        """UsageError for what the format cannot hold, as far as it is known before samples are read."""

    @abstractmethod
    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """Write the files of a sample's label, the last of them at `labels`."""

    @abstractmethod
    def finish(self, end: Ending) -> None:
        """Write what is about all samples."""

    def has_instances(self, root: Path, job: SampleJob) -> bool:
        """Whether a sample that was written has instances, if `finish` needs to know that."""
        return False

    def reopened(self, root: Path, table: ClassTable) -> Dataset:
        """What was written as a dataset."""
        return open_dataset(root)


# -- what several targets need ------------------------------------------------------------------------------


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole, into a folder that is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, alone=False) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with the least space."""
    write_file(path, dumped(value).encode())


def dumped(value: Any) -> str:
    """JSON with the least space, for one line."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def background_of(table: ClassTable) -> int | None:
    """The class that no object covers, by its name: background, in any case, perhaps in underscores."""
    return next((i for i, name in enumerate(table.names) if name.strip("_").casefold() == "background"), None)


def uncovered(table: ClassTable) -> int | None:
    """The id of what no object covers: background, else void, else None."""
    found = background_of(table)
    return table.ignore_index if found is None else found


def objects(label: Label, instances: Label | None, table: ClassTable) -> list[Traced]:
    """The objects of a label, without what no object covers."""
    rest = uncovered(table)
    return trace(label, instances, np.zeros(label.shape, bool) if rest is None else label == rest)


def void_of(label: Label, table: ClassTable) -> NDArray[np.bool_]:
    """(H, W) bool: which pixels are void."""
    return label == table.ignore_index if table.ignore_index is not None else np.zeros(label.shape, bool)


def plain_table(table: ClassTable) -> ClassTable:
    """The classes whose labels store the ids, with the usual number for void."""
    return ClassTable(table.names, table.colors, usual_void(len(table)), table.ignore_color)


def usual_ids(label: Label, table: ClassTable) -> Label:
    """The label with the usual number for void."""
    void = usual_void(len(table))
    if table.ignore_index in (None, void):
        return label
    out: Any = label.astype(plain_table(table).dtype)
    out[label == table.ignore_index] = void
    ids: Label = out
    return ids


def cannot_hold(what: str, where: object, fix: str) -> UsageError:
    """The error of what a format has no way to store."""
    return UsageError(what, code="cannot-hold", where=where, fix=fix)


def check_flat(root: Path, jobs: Sequence[SampleJob], name: str) -> None:
    """UsageError `cannot-hold` for a sample in a folder, in a format that has none."""
    deep = next((job for job in jobs if "/" in job.name), None)
    if deep is not None:
        what = f"the sample {deep.called} is in a folder, and {name} has all images of a split in one"
        raise cannot_hold(what, root, "choose another target, such as index or coco")
