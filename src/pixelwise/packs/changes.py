"""Whether the files that a pack was made from are still as they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import PackError
from ..files import open_error
from .index import read_table
from .manifest import Manifest


def look(path: str) -> tuple[int, int]:
    """(size, time of change in ns) of a file; (-1, 0) where there is none."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return -1, 0
    except (OSError, ValueError) as error:
        raise open_error(path, error) from None
    return found.st_size, found.st_mtime_ns


def changed(root: Path, path: str, size: int, mtime_ns: int) -> str | None:
    """How a source file differs from what it was: "changed", "is gone", "is new", or None where it does not."""
    now = look(os.path.join(root, path))
    if now == (size, mtime_ns):
        return None
    return "is gone" if now[0] < 0 else "is new" if size < 0 else "changed"


def stale_files(root: Path, manifest: Manifest, source: Path | None = None) -> Iterator[PackError]:
    """A PackError `stale-pack` for each source file whose size or time of change differs. One `stat` a file.

    root: of the pack. source: where the source lies now; default where it lay when it was packed.
    """
    entry = manifest.table("sources.arrow")
    columns = read_table(root / manifest.data / entry.file, entry.bytes, entry.crc32)
    at = Path(manifest.source_root) if source is None else Path(source).absolute()
    rows = zip(columns["path"], columns["bytes"].tolist(), columns["mtime_ns"].tolist(), strict=True)
    for path, size, mtime_ns in rows:
        if (how := changed(at, path, size, mtime_ns)) is not None:
            yield PackError(
                f"{how} since the pack {root} was made", code="stale-pack", where=at / path, fix="pack again"
            )
