"""Unfinished work on disk: names that nobody else uses, whether the owner lives, and the one rename.

Work is done under `.<what>.<host>.<random>.<kind>` beside its destination and renamed once when it is
complete, so nobody ever sees half of it. Its owner holds an advisory lock on it; the kernel drops the lock
however the owner ends, so a free lock tells that the work was abandoned. Nothing correct depends on locks,
which succeed in silence on some network file systems: the names are unique, and what is picked up again is
verified by its hash.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import SystemFault

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, 1 << 40, os.SEEK_SET)  # a byte far behind the data: Windows locks keep others from reading
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)

FOREIGN_QUIET = 86_400.0
"""Seconds without a change after which the work of another host, whose locks may not reach us, is abandoned."""


def fault(error: OSError, where: object, doing: str) -> SystemFault:
    """The SystemFault that says what an OSError means: `disk-full`, `permission-denied` or `io-error`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code, fix = "disk-full", "free some space or choose another folder; what is complete so far is kept"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code, fix = "permission-denied", "choose a folder that you may write to"
    else:
        code, fix = "io-error", "check the disk, then try again"
    return SystemFault(f"{doing} failed: {error.strerror or error}", code=code, where=where, fix=fix)


def need_space(folder: Path, needed: int, what: str) -> None:
    """SystemFault `disk-full` where the file system of `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemFault(
            f"{what} needs {needed:,} bytes, but {free:,} are free",
            code="disk-full",
            where=folder,
            fix="free some space or choose another folder",
        )


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32] or "host"


def fresh(parent: Path, what: str, kind: str) -> Path:
    """A path in `parent` that no other process chooses."""
    return parent / f".{what}.{_host()}.{secrets.token_hex(6)}.{kind}"


def leftovers(parent: Path, what: str, kind: str) -> list[Path]:
    """All unfinished work of that kind in `parent`: abandoned, or somebody's at this moment."""
    try:
        names = os.listdir(parent)
    except OSError:
        return []
    return [parent / n for n in names if n.startswith(f".{what}.") and n.endswith(f".{kind}") and n.count(".") >= 4]


def take(path: Path, quiet: float = FOREIGN_QUIET) -> int | None:
    """The descriptor that holds the lock on `path`; None where it is gone or its owner lives.

    What another host made is taken only when it did not change for `quiet` seconds. Close with `release`.
    """
    try:
        foreign = path.name.rsplit(".", 3)[1] != _host()
        if sys.platform == "win32" and path.is_dir():  # Windows cannot lock a folder
            return -1 if time.time() - os.stat(path).st_mtime > quiet else None
        if foreign and time.time() - os.stat(path).st_mtime < quiet:
            return None
        fd = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return None
    try:
        _lock(fd)
    except OSError as error:
        if error.errno in _HELD or time.time() - os.fstat(fd).st_mtime < quiet:
            os.close(fd)
            return None  # held, or a file system without locks where only time can tell
    with contextlib.suppress(OSError):
        # Between open and lock another process may have removed it: then the lock is on a nameless file.
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    os.close(fd)
    return None


def hold(path: Path) -> int | None:
    """Lock the new file or folder `path` of our own; None where somebody removed it already."""
    return take(path, quiet=-1.0)


def release(fd: int) -> None:
    """Close a descriptor of `take` or `hold`."""
    if fd >= 0:
        os.close(fd)


def discard_abandoned(parent: Path, what: str, kind: str) -> None:
    """Remove unfinished folders that nobody owns any more.

    Each is renamed first: an owner that lives all the same then fails, and cannot put a half-deleted folder in place.
    """
    for path in leftovers(parent, what, kind):
        fd = take(path)
        if fd is not None:
            gone = fresh(parent, what, kind)
            with contextlib.suppress(OSError):
                os.rename(path, gone)
                shutil.rmtree(gone, ignore_errors=True)
            release(fd)


@contextlib.contextmanager
def staging_folder(destination: Path) -> Iterator[Path]:
    """A new folder on the file system of `destination`, to build it in.

    What is still there at the end is removed. Abandoned folders of earlier runs are removed first. `publish` moves
    the result to its place.
    """
    parent = destination.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        discard_abandoned(parent, destination.name, "unpacking")
        while True:
            own = fresh(parent, destination.name, "unpacking")
            own.mkdir(mode=0o700)
            fd = hold(own)
            if fd is not None:
                break
        inner = own / "tree"
        inner.mkdir(mode=0o755)
    except OSError as error:
        raise fault(error, parent, "making a folder") from error
    try:
        yield inner
    finally:
        shutil.rmtree(own, ignore_errors=True)
        release(fd)


def publish(staged: Path, destination: Path, *, replace: bool = False) -> bool:
    """Write `staged` through to the disk and rename it to `destination`, once.

    False where something is already there: another process was first. `replace=True` puts the old folder
    aside and removes it afterwards; a crash between the two renames leaves no folder, never a mixed one.
    """
    try:
        _write_through(staged)
        aside = None
        if replace and destination.exists():
            aside = fresh(destination.parent, destination.name, "unpacking")
            os.rename(destination, aside)
        try:
            os.rename(staged, destination)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        _write_through(destination.parent, deep=False)
    except OSError as error:
        raise fault(error, destination, "putting the folder in place") from error
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)
    return True


def _write_through(folder: Path, *, deep: bool = True) -> None:
    # One syncfs instead of an fsync a file: it flushes the thousands of small files in one go.
    if deep and _syncfs(folder):
        return
    for root, _, names in os.walk(folder) if deep else [(str(folder), [], [])]:
        for name in names:
            _fsync(os.path.join(root, name))
        if os.name != "nt":  # Windows cannot open a folder
            _fsync(root)


def _syncfs(folder: Path) -> bool:
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None
    if call is None:
        return False
    fd = os.open(folder, os.O_RDONLY)
    try:
        if call(fd) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(fd)
    return True


def _fsync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
