"""A format that is one or several layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..classes import ClassTable
from ..dataset import Dataset
from ..errors import FormatError
from .layout import Layout, load


@dataclass(frozen=True, slots=True)
class Family:
    """A format by the layouts in which its files are found. looks_like: what `open` says that it looked for."""

    name: str
    looks_like: str
    layouts: Sequence[Layout]

    def find(self, path: Path) -> Path | None:
        """`path` where one of the layouts fits there."""
        return path if path.is_dir() and self._layout(path) is not None else None

    def _layout(self, root: Path) -> Layout | None:
        return next((layout for layout in self.layouts if layout.fits(root)), None)

    def load(self, root: Path, *, labels: str | None = None, classes: ClassTable | None = None) -> Dataset:
        """The dataset at `root`.

        labels: which of the ways in which this dataset's labels are stored; default the first that is there.
        classes: another class table than the format's.
        """
        layout = next((la for la in self.layouts if labels in la.codings and la.fits(root)), self._layout(root))
        if layout is None:
            raise FormatError(f"no {self.looks_like}", code="no-dataset", where=root)
        return load(root, self.name, layout, labels=labels, classes=classes)
