"""Files, whole: read with a clear error, written under another name and renamed when complete."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import FileError, MissingError, PixelwiseError, SystemFault

# O_NONBLOCK: opening a FIFO among the images must not hang. O_BINARY: Windows would translate bytes.
READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_bytes(path: str | os.PathLike[str], where: object = None) -> bytes:
    """The whole file. MissingError, FileError or SystemFault, naming `where` (default: the path), otherwise."""
    try:
        fd = os.open(path, READ_FLAGS)
    except (OSError, ValueError) as error:
        raise open_error(path, error, where) from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            kind = "a folder" if stat.S_ISDIR(info.st_mode) else "not a regular file"
            raise FileError(f"is {kind}", code="not-a-file", where=where or path)
        data = os.read(fd, info.st_size)
        while len(data) < info.st_size and (more := os.read(fd, info.st_size - len(data))):
            data += more
        return data
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        raise SystemFault(
            f"cannot be read: {error.strerror}", code="unreadable", where=where or path, fix="check the disk"
        ) from None
    finally:
        os.close(fd)


def open_error(path: str | os.PathLike[str], error: OSError | ValueError, where: object = None) -> PixelwiseError:
    """The pixelwise error for a failed `open` of `path`: missing (with the nearest name), forbidden, or broken."""
    where = where or path
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL):
        what = "no such file" if number != errno.ENAMETOOLONG else "no such file: the name is too long"
        return MissingError(what, code="missing-file", where=where, fix=nearest_hint(path))
    if number in (errno.EACCES, errno.EPERM):
        return SystemFault("may not be read", code="unreadable", where=where, fix="change its permissions")
    if number == errno.EISDIR:
        return FileError("is a folder", code="not-a-file", where=where)
    return SystemFault(f"cannot be opened: {error}", code="unreadable", where=where)


def disk_error(error: OSError, where: object, doing: str) -> SystemFault:
    """The pixelwise error for a failed write: `disk-full`, `permission-denied` or `io-error`."""
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
            if key(entry) == key(target.name):
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


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file opened for writing that appears under `path` only when the block ends well; fsync before the rename."""
    target = Path(path)
    if "\0" in str(target):
        raise SystemFault("cannot be written: a zero byte in the name", code="cannot-write", where=target)
    part = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
        sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        raise SystemFault(
            f"cannot be written: {error.strerror or error}",
            code="cannot-write",
            where=target,
            fix="check that the folder exists, its permissions and the free space",
        ) from error
    finally:
        with suppress(OSError):  # gone once renamed
            part.unlink()


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable. Windows cannot open folders and needs no such call."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def cache_dir() -> Path:
    """Where pixelwise remembers what it can always find out again: $PIXELWISE_CACHE, or the system's cache folder."""
    if chosen := os.environ.get("PIXELWISE_CACHE"):
        return Path(chosen).absolute()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pixelwise"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pixelwise"
