"""What annotation files state about images: their paths, and whether anything is drawn on them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from os.path import normpath
from pathlib import Path

from ..errors import LabelError, PixelwiseError
from ..types import Finding

_LOOKED_AT = 64
"""Images whose files are looked for to find the folder of all: any of them may be missing."""


def plain(stated: str) -> str:
    """A path as it is written on this system: either slash, no drive, no repeated parts."""
    path = normpath(re.sub(r"^[A-Za-z]:", "", stated.replace("\\", "/"))).replace("\\", "/")
    return path if path != "." else ""


def place_of(root: Path, folders: Sequence[str], stated: Sequence[str]) -> tuple[str, int] | None:
    """Which of `folders` below `root` holds the most of the stated paths, and how many of their leading parts are to be
    left out because they are those of another machine. None if no file is found.
    """
    step = max(1, len(stated) // _LOOKED_AT)
    some = [plain(path).lstrip("/").split("/") for path in stated[::step][:_LOOKED_AT]]
    best: tuple[int, int, int] | None = None
    for skip in range(max(map(len, some), default=0)):
        for k, folder in enumerate(folders):
            found = sum(os.path.isfile(root / folder / "/".join(parts[skip:])) for parts in some if len(parts) > skip)
            if found and (best is None or found > best[0]):
                best = found, k, skip
    return None if best is None else (folders[best[1]], best[2])


def without_parts(path: str, skip: int) -> str:
    """The stated path without its first parts."""
    return "/".join(plain(path).lstrip("/").split("/")[skip:]) or plain(path).lstrip("/")


def shortened(stated: Sequence[str], skip: int, where: object) -> tuple[Finding, ...]:
    """The note that leading parts of the paths are left out."""
    if not skip or not stated:
        return ()
    parts = plain(stated[0]).lstrip("/").split("/")[:skip]
    what = f"the paths of the images begin with {'/'.join(parts)}/, which is not here; it is left out"
    return (Finding("path-shortened", "note", str(where), what),)


def no_regions(images: int, what: str, where: object) -> LabelError:
    """The error of annotations of which none draws anything: every label would be background."""
    fix = "export them again with regions: polygons or masks, not boxes or tags"
    said = f"no region drawn in {images} of {images} images: {what}"
    return LabelError(said, code="no-regions", where=where, fix=fix)


def without_region(some: Sequence[object], where: object) -> tuple[Finding, ...]:
    """The finding of an image with annotations that have no region, such as boxes."""
    if not some:
        return ()
    what = f"{len(some)} annotations have no region: {', '.join(map(str, some[:8]))}{', ...' * (len(some) > 8)}"
    return (Finding("no-region", "warning", str(where), what, "they are not drawn; draw them, or leave them out"),)


def raise_first(errors: Sequence[PixelwiseError], notes: list[Finding] | None) -> None:
    """Raise the first of the errors of one sample, if there are any; `notes` gets the others."""
    if errors and notes is not None:
        notes += map(Finding.from_error, errors[1:])
    if errors:
        raise errors[0]
