"""Work that was begun in a folder and not finished: the marks by which it is known, and how to finish it.

A command that writes many files leaves a mark from its first moment to its last, so that nobody takes what is there so
far for a dataset. A pack needs none: it has no manifest before it is complete. Nor does a download, whose folder
appears whole; but it leaves an archive, a lock or a hidden folder beside it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..downloads.archives import ARCHIVES
from ..errors import FormatError, MissingError, PixelwiseError
from ..files.reading import read_bytes

CONVERSION = ".pixelwise-convert.json"
"""In a folder that `convert` is writing: {"conversion": which one, "from": the path that was given, "to": target}.

It stays, with "complete": true, where nothing else can say which conversion it was."""

FRAGMENTS = ".pixelwise-convert"
"""The folder in which `convert` keeps what it knows of each sample until one file can hold all of it."""

PREDICTION = ".pixelwise-prediction.json"
"""In a folder of `predict`: what the files are made with, and {"complete": whether all are there}."""

_DOWNLOAD = re.compile(r"\.(.+\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz))\.(?:part|lock)|\..+\.[0-9a-f]{32}\.unpacking")
"""An archive that is coming, the lock of whoever gets it, and the folder in which it is unpacked."""


def check_finished(place: Path) -> None:
    """FormatError if `convert` or `predict` was stopped in the folder `place`, or of this file, or has not finished.

    `unfinished-conversion` or `unfinished-predictions`, with the way to finish it.
    """
    folder = place if place.is_dir() else place.parent
    if (mark := read_mark(folder / CONVERSION)) is not None and mark.get("complete") is not True:
        source, to = mark.get("from"), mark.get("to")
        command = ""
        if isinstance(source, str) and isinstance(to, str):
            command = ": " + shlex.join(["pixelwise", "convert", source, str(folder), "--to", to])
        fix = f"convert again with the same options, what is written is kept{command}"
        raise FormatError("a conversion was not finished", code="unfinished-conversion", where=folder, fix=fix)
    if (mark := read_mark(folder / PREDICTION)) is not None and mark.get("complete") is False:
        fix = "run predict again with the same options, what is written is kept"
        raise FormatError("predictions were not finished", code="unfinished-predictions", where=folder, fix=fix)


def check_download(place: Path) -> None:
    """FormatError `unfinished-download` if a stopped `download` was to bring `place`, a folder without a dataset."""
    for archive in ARCHIVES.values():
        home = Path(archive.home).parts
        if place.parts[-len(home) :] == home:
            folder = place.parents[len(home) - 1]
            if {f".{archive.filename}.part", f".{archive.filename}.lock"} & set(_names_in(folder)):
                raise _unfinished_download(place, archive.filename, folder)
    for known in filter(None, map(_DOWNLOAD.fullmatch, _names_in(place))):
        raise _unfinished_download(place, known[1], place)


def _unfinished_download(place: Path, filename: str | None, folder: Path) -> FormatError:
    name = next((archive.name for archive in ARCHIVES.values() if archive.filename == filename), None)
    command = "" if name is None else f": {shlex.join(['pixelwise', 'download', name, str(folder)])}"
    fix = f"download it again into the same folder, which continues where it stopped{command}"
    return FormatError("a download was not finished", code="unfinished-download", where=place, fix=fix)


def _names_in(folder: Path) -> Iterable[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def read_mark(path: Path) -> dict[str, Any] | None:
    """What a mark says; None without one, {} for one that is damaged."""
    try:
        found = json.loads(read_bytes(path))
    except MissingError:
        return None
    except (PixelwiseError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
