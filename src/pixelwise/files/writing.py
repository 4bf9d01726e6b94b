"""Files and folders written under another name, and renamed when complete.

A file that is being written has a temporary name, and is locked by its writer on systems that can. So whoever finds an
unlocked one knows that its writer is dead: `remove_temporaries` removes those, and never a living one.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import PixelwiseError, SystemFault
from .reading import READ_FLAGS, TOO_MANY, too_many

_TEMPORARY = re.compile(r"\.(.*)\.[0-9a-f]{32}\.part", re.DOTALL)
_SHOWN = 100  # letters of the name in the temporary name: file systems allow 255 bytes
_ABANDONED = 3600.0  # seconds after which a temporary file is dead where files cannot be locked


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], *, alone: bool = True, durable: bool = True
) -> Iterator[BinaryIO]:
    """A file opened for writing that appears under `path` only when the block ends well; fsync before the rename.

    alone: first remove what killed writers of the same path left. Whoever writes many files into one folder does that
    once for all of them, by `remove_temporaries`. durable: False for what has a CRC and can be had again, which then
    need not wait for the disk.
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
            if durable:
                os.fsync(file.fileno())
            if os.name == "nt":  # which does not rename open files
                file.close()
            os.replace(part, target)
        if durable:
            sync_folder(target.parent)
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        if error.errno in TOO_MANY:
            raise too_many(error, target) from error
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
