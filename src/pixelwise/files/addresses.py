"""Addresses of stores, such as s3://bucket/voc.pack, where the path of a folder could be. Only packs are in stores."""

from __future__ import annotations

import os
import re
from pathlib import Path, PosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from ..errors import UsageError

SCHEMES: Final = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https")
"""What obstore opens, see obstore.store.from_url. A `file://` is a path."""

# Path("s3://bucket") has one slash. Drives of Windows have one letter.
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]+):/{1,3}(?=[^/]|$)", re.IGNORECASE)


class StorePath(PosixPath):
    """An address in a store, with the names and the `/` of a path. `str` gives it back: "s3://bucket/voc.pack"."""

    def __str__(self) -> str:
        return _ADDRESS.sub(lambda found: f"{found[1]}://", super().__str__(), count=1)

    def absolute(self) -> StorePath:
        """Itself: it means the same everywhere."""
        return self


def is_address(path: object) -> bool:
    """Whether it is the address of something in a store, and not a path."""
    return isinstance(path, StorePath) or (
        isinstance(path, (str, os.PathLike)) and _ADDRESS.match(str(path)) is not None and not os.path.exists(path)
    )


def as_written(path: str | os.PathLike[str]) -> Path:
    """The path; a Path that was made of an address, and lost a slash by that, as the StorePath that has it."""
    return StorePath(path) if is_address(path) else Path(path)


def located(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a folder, or the StorePath of an address.

    UsageError `remote-path` for an address of what pixelwise does not read.
    """
    if not is_address(path):
        return Path(path).absolute()  # a program may go elsewhere before it reads
    text = str(as_written(path))
    scheme, rest = text.split(":", 1)
    if scheme.lower() == "file":
        return Path(unquote("/" + rest.lstrip("/"))).absolute()
    if scheme.lower() == "hf":
        raise UsageError("hf:// is not read", code="remote-path", where=text, fix=f"open {_of_hub(rest)}")
    if scheme.lower() not in SCHEMES:
        fix = f"packs are read from {', '.join(f'{s}://' for s in ('s3', 'gs', 'az', 'https'))} and from folders"
        raise UsageError(f"{scheme}:// is not read", code="remote-path", where=text, fix=fix)
    if urlsplit(text).query:
        what = "an address of a pack has no query: its files are below it"
        raise UsageError(what, code="remote-path", where=text.split("?")[0], fix="leave out what follows the ?")
    return StorePath(text)


def local_path(path: str | os.PathLike[str], verb: str) -> Path:
    """The absolute path of what a verb reads or writes on this machine. UsageError `remote-path` for an address."""
    found = located(path)
    if isinstance(found, StorePath):
        what, fix = f"{verb}() needs a path on this machine", "only packs are read from stores, and written to them"
        raise UsageError(what, code="remote-path", where=found, fix=fix)
    return found


def _of_hub(rest: str) -> str:
    # https://huggingface.co/docs/hub/datasets-downloading: the files of a dataset are below resolve/REVISION.
    kind, owner, name, *inside = [*rest.strip("/").split("/"), "", "", ""]
    return "/".join(["https://huggingface.co", kind, owner, name, "resolve/main", *filter(None, inside)])
