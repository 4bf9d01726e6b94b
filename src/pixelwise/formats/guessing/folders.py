"""Two plain folders, images and labels: what `open` makes of a tree in no known format, if exactly one reading fits.

The reading is the pixelwise.toml that `init` would propose, without divided splits. `init` counts the values of all
labels; so that opening stays quick, this reads at most `MOST_LABELS` of them, evenly spread, and a note says so. A
value that none of them holds is an error where it is read, as any value without a class is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...errors import FormatError, printable
from ...types import Finding
from ..format import Format
from ..toml import FILE, described
from .inventory import walk
from .pairing import TreeSurvey, survey
from .proposal import describe, nothing

MOST_LABELS: Final = 500
"""Labels that `open` counts the values of."""
_MOST_FILES: Final = 300_000


def _find(path: Path) -> Path | None:
    """`path` if there is an image file in it."""
    return path if path.is_dir() and next(walk(path, _MOST_FILES), None) is not None else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the table; by default names beside the data, or neutral ones for the values of all labels."""
    found = survey(root, _MOST_FILES)
    if not found.readings:
        raise nothing(found)
    if len(found.rivals) > 1:
        raise _several(found)
    reading = found.readings[0]
    fix = f"write a {FILE} with: pixelwise init {root}"
    proposal = describe(found, reading, divide=False, most=MOST_LABELS)
    if proposal.doubts:
        what = f"{reading}, but to be confirmed: {'; '.join(proposal.doubts)}"
        raise FormatError(what, code="no-dataset", where=root, fix=fix)
    dataset = described(proposal.text.encode(), root / FILE, "folders", classes)
    notes = [Finding("guessed-layout", "note", str(root), printable(line), fix) for line in proposal.report]
    return replace(dataset, notes=(*notes, *dataset.notes))


def _several(found: TreeSurvey) -> FormatError:
    shown = "; ".join(f"{k}. {r}" for k, r in enumerate(found.rivals[:4], 1))
    more = f"; and {len(found.rivals) - 4} more" if len(found.rivals) > 4 else ""
    best = found.rivals[0]
    fix = f"choose: pixelwise init {found.root} --images {best.images.template!r} --labels {best.labels.template!r}"
    return FormatError(f"several readings fit: {shown}{more}", code="ambiguous-layout", where=found.root, fix=fix)


FORMAT = Format("folders", "two folders, such as images/ and masks/, with matching names", _find, _load)
