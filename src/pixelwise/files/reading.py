"""Files, opened and read with an error that says what is wrong: missing, forbidden, a folder, too many open."""

from __future__ import annotations

import errno
import json
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import FileError, FormatError, MissingError, PixelwiseError, SystemFault

# O_NONBLOCK: opening a FIFO among the images must not hang. O_BINARY: Windows would translate bytes.
READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_bytes(path: str | os.PathLike[str], where: object = None) -> bytes:
    """The whole file. MissingError, FileError or SystemFault, naming `where` (default: the path), otherwise."""
    return read_head(path, None, where)


def read_head(path: str | os.PathLike[str], most: int | None, where: object = None) -> bytes:
    """The first bytes of a file, at most `most` unless that is None. Raises as `read_bytes`."""
    with open_regular(path, where) as fd:
        try:
            size = os.fstat(fd).st_size if most is None else most
            data = os.read(fd, size)
            while len(data) < size and (more := os.read(fd, size - len(data))):
                data += more
        except OSError as error:
            what, fix = f"cannot be read: {error.strerror}", "check the disk"
            raise SystemFault(what, code="unreadable", where=where or path, fix=fix) from None
    return data


def parse_json(data: bytes | str, where: object, what: str = "a JSON", fix: str = "copy or download it again") -> Any:
    """What a JSON holds. FormatError `bad-json` for anything else, with what it should be and what to do.

    Apart from reading the file: our errors are ValueErrors too, and a missing file is not a bad JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not {what}: {error}", code="bad-json", where=where, fix=fix) from None


@contextmanager
def open_regular(path: str | os.PathLike[str], where: object = None) -> Iterator[int]:
    """The descriptor of a regular file, closed in the end. Raises as `read_bytes`, or what the body raises."""
    try:
        fd = os.open(path, READ_FLAGS)
    except (OSError, ValueError) as error:
        raise open_error(path, error, where) from None
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise FileError(f"is {kind}", code="not-a-file", where=where or path)
        yield fd
    finally:
        os.close(fd)


def open_error(
    path: str | os.PathLike[str], error: PixelwiseError | OSError | ValueError, where: object = None
) -> PixelwiseError:
    """The pixelwise error for a failed `open` of `path`: missing (with the nearest name), forbidden, or broken."""
    if isinstance(error, PixelwiseError):
        return error
    where = where or path
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL):
        what = "no such file" if number != errno.ENAMETOOLONG else "no such file: the name is too long"
        if number == errno.ENOENT and os.path.islink(path):
            what = f"is a link to {os.readlink(path)!r}, which is missing"
            return MissingError(what, code="missing-file", where=where, fix="restore what it leads to")
        return MissingError(what, code="missing-file", where=where, fix=nearest_hint(path))
    if number in TOO_MANY:
        return too_many(error, where)
    if number in (errno.EACCES, errno.EPERM):
        return SystemFault("may not be read", code="unreadable", where=where, fix="change its permissions")
    if number == errno.EISDIR:
        return FileError("is a folder", code="not-a-file", where=where)
    return SystemFault(f"cannot be opened: {error}", code="unreadable", where=where)


def check_exists(path: Path) -> None:
    """MissingError if there is nothing at `path`, SystemFault `unreadable` if it may not be looked at."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
            raise open_error(path, error) from None
        raise MissingError("no such file or folder", code="missing-file", where=path, fix="check the path") from None


TOO_MANY = (errno.EMFILE, errno.ENFILE)


def too_many(error: OSError | ValueError, where: object) -> SystemFault:
    """SystemFault `too-many-files`, with the way to allow more."""
    fix = "raise the limit of this shell (ulimit -n 4096), or use fewer threads"
    what = "too many open files" + (" in the whole system" if getattr(error, "errno", 0) == errno.ENFILE else "")
    return SystemFault(what, code="too-many-files", where=where, fix=fix)


def disk_error(error: OSError, where: object, doing: str) -> SystemFault:
    """The pixelwise error for a failed write: `disk-full`, `permission-denied`, `too-many-files` or `io-error`."""
    if error.errno in TOO_MANY:
        return too_many(error, where)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code, fix = "disk-full", "free some space or choose another folder; what is complete so far is kept"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code, fix = "permission-denied", "choose a folder that you may write to"
    else:
        code, fix = "io-error", "check the disk, then try again"
    return SystemFault(f"{doing} failed: {error.strerror or error}", code=code, where=where, fix=fix)


def similar_name(path: str | os.PathLike[str]) -> str | None:
    """A file in the folder of the missing `path` whose name differs only in case, form or extension, as a sentence."""
    target = Path(path)
    try:
        entries = os.listdir(target.parent)
    except (OSError, ValueError):
        return None

    def form(name: str) -> str:
        return unicodedata.normalize("NFC", name)

    def folded(name: str) -> str:
        return form(name).casefold()

    def stem(name: str) -> str:
        return name.rpartition(".")[0] or name

    for key, how in ((form, "unicode form"), (folded, "case"), (stem, "extension")):
        for entry in entries:
            if entry != target.name and key(entry) == key(target.name):
                return f"found {entry!r}, which differs in {how}"
    return None


def nearest_hint(path: str | os.PathLike[str]) -> str | None:
    """What to do about a missing file, or about the list that names it."""
    target = Path(path)
    try:
        if not target.parent.is_dir():
            return f"the folder {target.parent.name} is missing too"
    except (OSError, ValueError):  # a name that no file can have
        return None
    if near := similar_name(path):
        return near
    if target.name.startswith("#"):
        return "lists have no comments: remove the line"
    if "\\" in str(path):
        return "separate folders by / instead of \\"
    return "restore the file, or take it off the list"


def bytes_text(size: float) -> str:
    """A number of bytes for people: "812 bytes", "6.3 MB", "12.40 GB"."""
    for unit, one, digits in (("GB", 1e9, 2), ("MB", 1e6, 1)):
        if size >= one:
            return f"{size / one:,.{digits}f} {unit}"
    return f"{size:,.0f} bytes"
