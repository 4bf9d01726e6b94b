"""Whole files: read with a clear error, written under another name and renamed when complete.

A file that is being written has a temporary name, and is locked by its writer on systems that can. So whoever finds an
unlocked one knows that its writer is dead: `remove_temporaries` removes those, and never a living one.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator
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
        if number == errno.ENOENT and os.path.islink(path):
            what = f"is a link to {os.readlink(path)!r}, which is missing"
            return MissingError(what, code="missing-file", where=where, fix="restore what it leads to")
        return MissingError(what, code="missing-file", where=where, fix=nearest_hint(path))
    if number in _TOO_MANY:
        return _too_many(error, where)
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


_TOO_MANY = (errno.EMFILE, errno.ENFILE)


def _too_many(error: OSError | ValueError, where: object) -> SystemFault:
    fix = "raise the limit of this shell (ulimit -n 4096), or use fewer threads"
    what = "too many open files" + (" in the whole system" if getattr(error, "errno", 0) == errno.ENFILE else "")
    return SystemFault(what, code="too-many-files", where=where, fix=fix)


def disk_error(error: OSError, where: object, doing: str) -> SystemFault:
    """The pixelwise error for a failed write: `disk-full`, `permission-denied`, `too-many-files` or `io-error`."""
    if error.errno in _TOO_MANY:
        return _too_many(error, where)
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


# -- written whole --------------------------------------------------------------------------------------------

_TEMPORARY = re.compile(r"\.(.*)\.[0-9a-f]{32}\.part", re.DOTALL)
_SHOWN = 100  # letters of the name in the temporary name: file systems allow 255 bytes
_ABANDONED = 3600.0  # seconds after which a temporary file is dead where files cannot be locked


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, alone: bool = True) -> Iterator[BinaryIO]:
    """A file opened for writing that appears under `path` only when the block ends well; fsync before the rename.

    alone: first remove what killed writers of the same path left. Whoever writes many files into one folder does that
    once for all of them, by `remove_temporaries`.
    """
    target = Path(path)
    if "\0" in str(target):
        raise SystemFault("cannot be written: a zero byte in the name", code="cannot-write", where=target)
    if alone:
        remove_temporaries(target.parent, of=target.name)
    part = target.with_name(f".{target.name[:_SHOWN]}.{uuid.uuid4().hex}.part")
    try:
        with _locked_file(part) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name == "nt":  # which does not rename open files
                file.close()
            os.replace(part, target)
        sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        if error.errno in _TOO_MANY:
            raise _too_many(error, target) from error
        raise SystemFault(
            f"cannot be written: {error.strerror or error}",
            code="cannot-write",
            where=target,
            fix="check that the folder exists, its permissions and the free space",
        ) from error
    finally:
        with suppress(OSError):  # gone once renamed
            part.unlink()


def _locked_file(part: Path) -> BinaryIO:
    while True:
        file = open(part, "xb")  # noqa: SIM115
        if _lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # taken for dead between the two calls, and removed


def _lock(fd: int, shared: bool = False) -> bool | None:
    """Lock an open file or folder, which ends with the process. shared: together with others that say so, too.

    False if another process has it, None if that cannot be known.
    """
    if sys.platform == "win32":
        return None  # its open files cannot be removed anyway
    import fcntl

    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:  # or a file system without locks
        return False if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES) else None
    return True


def is_temporary(name: str) -> bool:
    """Whether `atomic_write` names files so while they are incomplete."""
    return _TEMPORARY.fullmatch(name) is not None


@contextmanager
def temporary_folder(place: Path) -> Iterator[Path]:
    """A folder beside `place` to fill and to rename to it, with a temporary name; removed at the end if it still is."""
    made = place.with_name(f".{place.name[:_SHOWN]}.{uuid.uuid4().hex}.part")
    with folder_in_use(made):
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def folder_in_use(folder: Path) -> Iterator[None]:
    """Make `folder`, if it is not there, and hold it, so that `remove_unused` lets it be. Several may hold it."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.name != "posix":
        yield
        return
    while (fd := _held(folder)) is None:  # taken for dead before it was held
        time.sleep(0.01)
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        os.close(fd)


def _held(folder: Path) -> int | None:
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            if _lock(fd, shared=True) is not False and os.path.samestat(os.fstat(fd), os.stat(folder)):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    except FileNotFoundError:
        pass
    return None


def remove_temporaries(folder: str | os.PathLike[str], *, of: str | None = None, below: bool = False) -> None:
    """Remove the temporary files and folders in `folder` whose writers were killed. Those of living writers stay.

    of: only those of the file of this name. below: in all folders below it too.
    """
    for place, folders, names in os.walk(folder) if below else ((folder, (), _names_in(folder)),):
        for name in (*names, *folders):
            known = _TEMPORARY.fullmatch(name)
            if known and (of is None or known[1] == of[:_SHOWN]):
                remove_unused(os.path.join(place, name))


def _names_in(folder: str | os.PathLike[str]) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def remove_unused(path: str | os.PathLike[str], unless: Callable[[], bool] = lambda: False) -> None:
    """Remove a temporary file, or a folder, unless a living process holds it, or `unless()`, which is asked last.

    Where nothing can be locked, what was not changed for an hour counts as dead.
    """
    folder = os.path.isdir(path) and not os.path.islink(path)
    with suppress(OSError):  # gone meanwhile, or in use on Windows
        fd = None if folder and os.name == "nt" else os.open(path, READ_FLAGS if folder else READ_FLAGS | os.O_RDWR)
        try:
            lock = None if fd is None else _lock(fd)
            if not (lock or (lock is None and time.time() - _last_change(path) > _ABANDONED)) or unless():
                return
            if folder:
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
        finally:
            if fd is not None:
                os.close(fd)


def _last_change(path: str | os.PathLike[str]) -> float:
    below = [os.path.join(place, name) for place, _, names in os.walk(path) for name in names]
    return max(os.stat(p).st_mtime for p in (path, *below))


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
