"""Answers: what the page asks for as JSON values: the dataset, rows of the grid, counts, facts of one entry."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ..classes import ClassTable
from ..codecs.decoding import read_header
from ..dataset.dataset import Dataset
from ..dataset.sources import image_file_of
from ..errors import PixelwiseError, printable, shown
from ..files.reading import bytes_text
from ..formats.given import GIVEN_SPLIT
from ..transforms.recipes import RECIPES
from ..types import Size
from .entries import Entries, Item
from .large import Large
from .looks import Alike, Objects
from .measures import Measures
from .ordering import Orders
from .pictures import label_path, stored_label
from .problems import Problems
from .runs import Run
from .selecting import Query, Selection, select
from .tiles import LARGE


@dataclass(eq=False)
class Shown:
    """All that one server shows. failed: the splits that cannot be read, and why."""

    dataset: Dataset
    entries: Entries
    measures: Measures
    runs: tuple[Run, ...] = ()
    problems: Problems | None = None
    failed: dict[str, str] = field(default_factory=dict)
    large: Large = field(default_factory=Large)
    closing: bool = False
    """Whether the server ends: what it was still asked for is given up."""
    _orders: Orders = field(default_factory=Orders)
    version: str = field(default_factory=lambda: secrets.token_hex(4))
    """Part of the addresses of pictures: what a browser keeps of one server is not shown by the next."""

    @cached_property
    def alike(self) -> Alike:
        """The near duplicates; nothing is looked at before they are asked for."""
        return Alike(self.entries)

    @cached_property
    def objects(self) -> Objects:
        """The numbers of objects; nothing is looked at before they are asked for."""
        return Objects(self.entries)

    def chosen(self, query: Query) -> Selection:
        """The entries of a query, by what is known so far. Raises as `select`."""
        coded = None if self.problems is None else self.problems.numbers
        return select(query, self.entries, self.measures, self.runs, coded, self.alike, self.objects, self._orders)

    def prepare_orders(self) -> None:
        """Make the orders by scores, so that who first asks for one does not wait for it."""
        orders = [("score", k) for k in range(len(self.runs))] + [("change", 0)] * (len(self.runs) > 1)
        for order, run in orders:
            for descending in (False, True):
                self.chosen(Query(order=order, descending=descending, run=run))

    @cached_property
    def title(self) -> str:
        """What the page is called: as the dataset's folder; of a Split that was given, its name too."""
        split = next(iter(self.dataset.splits)) if self.dataset.format == GIVEN_SPLIT else ""
        return printable(" · ".join(filter(None, [self.dataset.root.name, split])) or self.dataset.format)

    def said(self, error: object) -> str:
        """An error as the page writes it: paths within the dataset's folder without that folder."""
        root, text = self.dataset.root, shown(error)
        return text if root == Path() else text.replace(f"{shown(root)}{os.sep}", "").replace(f"{root}{os.sep}", "")

    def overview(self) -> dict[str, Any]:
        """The dataset: its splits, its classes with their colors, the runs."""
        splits = [
            {"name": s.name, "samples": len(s), "labels": s.has_labels, "start": self.entries.starts[k]}
            for k, s in enumerate(self.entries.splits)
        ]
        return {
            "title": self.title, "format": self.dataset.format, "root": shown(self.dataset.root),
            "history": list(self.dataset.history), "entries": len(self.entries), "splits": splits,
            "failed": [{"name": name, "error": self.said(error)} for name, error in self.failed.items()],
            "classes": class_list(self.entries.classes), "void": void_label(self.entries.classes),
            "runs": [{"name": run.name, "split": self.entries.splits[run.part].name} for run in self.runs],
            "findings": self.problems is not None and len(self.problems.findings) > 0,
            "objects": any(getattr(s.source, "instances", None) is not None for s in self.entries.splits),
            "recipes": list(RECIPES), "charts": any(split.has_labels for split in self.entries.splits),
            "notes": [str(note) for note in self.dataset.notes], "version": self.version,
        }  # fmt: skip

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """What the grid writes under the pictures of these entries."""
        scores, errors = [run.scores() for run in self.runs], self.measures.errors
        sizes = [self.size(i) for i in numbers]
        return [
            {
                "number": i, "name": printable(self.entries.name(i)), "split": self.entries.entry(i).split.name,
                "size": size, "tiled": size is not None and size[0] * size[1] > LARGE,
                "error": self.said(errors[i]) if i in errors else None,
                "scores": [None if np.isnan(s[i]) else float(s[i]) for s in scores],
            }
            for i, size in zip(numbers, sizes, strict=True)
        ]  # fmt: skip

    def size(self, number: int) -> Size | None:
        """(height, width) of the image of an entry, None if it cannot be found."""
        height, width = self.measures.sizes[number].tolist()
        if not height:
            split, index = self.entries.entry(number)
            try:
                height, width = split.sizes(np.array([index]))[0].tolist()
            except PixelwiseError:
                return None
        return height, width

    def is_large(self, number: int) -> bool:
        """Whether the image of an entry is shown in tiles."""
        size = self.size(number)
        return size is not None and size[0] * size[1] > LARGE

    def legend(self, split: str | None) -> dict[str, Any]:
        """For each class that occurs: how many entries of the split hold it, and its share of the pixels, so far."""
        within = self.entries.range_of(split)
        parts = [k for k, found in enumerate(self.entries.splits) if split in (None, found.name)]
        images, area = self.measures.images[parts].sum(axis=0), self.measures.area[parts].sum(axis=0)
        void = self.entries.classes.ignore_index
        wanted = [*range(len(self.entries.classes)), *([] if void is None else [void])]
        total = float(area.sum())
        counted = min(max(self.measures.counted - within.start, 0), len(within))
        return {
            "looked": [[one.counted, len(self.entries)] for one in (self.alike, self.objects) if one.begun],
            "counted": counted, "total": len(within), "sized": self.measures.sized,
            "broken": int(np.count_nonzero(self.measures.broken[within.start : within.stop])),
            "classes": [
                {"id": id, "images": int(images[id]), "share": float(area[id]) / total if total else 0.0}
                for id in wanted if images[id]
            ],
        }  # fmt: skip

    def facts(self, number: int) -> dict[str, Any]:
        """What the files of one entry state: paths, sizes, modes. A file that cannot be read says why."""
        split, index = self.entries.entry(number)
        out: dict[str, Any] = self.rows([number])[0] | {"labels": split.has_labels, "image": {}, "label": {}}
        out["findings"] = [] if self.problems is None else self.problems.of(number)
        if (found := image_file_of(split.source, split.position(index))) is not None:
            path = found[0].path(found[0].images, found[1])
            out["image"] = self._stated(path, partial(_image_facts, path))
        entry = self.entries.entry(number)
        if (label := label_path(entry)) is not None:
            find = partial(_header_facts, label) if out["tiled"] else partial(_label_facts, entry, label)
            out["label"] = self._stated(label, find)
        if out["tiled"]:
            out["counts"] = self.measures.of(number)
        return out

    def _stated(self, path: str, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return {"path": printable(self.said(path))} | find()
        except PixelwiseError as error:
            return {"path": printable(self.said(path)), "error": self.said(error)}


def _image_facts(path: str) -> dict[str, Any]:
    header = read_header(path)
    return _header_facts(path) | {
        "height": header.height, "width": header.width, "channels": header.channels, "orientation": header.orientation,
    }  # fmt: skip


def _header_facts(path: str) -> dict[str, Any]:
    header = read_header(path)
    return {"kind": header.kind, "bytes": bytes_text(os.path.getsize(path)), "bits": header.bits}


def _label_facts(entry: Item, path: str) -> dict[str, Any]:
    stored = stored_label(entry, path)
    palette = None if stored.palette is None else len(stored.palette)
    return {"kind": stored.kind, "mode": stored.mode, "bits": stored.bits, "palette": palette}


def class_list(table: ClassTable) -> list[dict[str, Any]]:
    """Id, name and color of each class."""
    return [
        {"id": i, "name": printable(name), "color": color}
        for i, (name, color) in enumerate(zip(table.names, table.colors.tolist(), strict=True))
    ]


def void_label(table: ClassTable) -> dict[str, Any] | None:
    """Id and color of void, or None if the table has none."""
    if table.ignore_index is None:
        return None
    return {"id": table.ignore_index, "name": "void", "color": list(table.ignore_color)}
