"""Opening and reading files, with the errors of pixelwise. A named pipe or a folder never blocks or surprises."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from ..errors import FileError, MissingError, SystemFault

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
# O_NONBLOCK: opening a named pipe that lies in a dataset must not wait for a writer.


def open_file(path: str | os.PathLike[str]) -> int:
    """A file descriptor for reading. MissingError `missing-file`, FileError `not-a-file`, SystemFault `cannot-read`."""
    try:
        return os.open(path, _FLAGS)
    except OSError as error:
        raise os_fault(error, path) from None
    except ValueError:  # a NUL in the name
        raise MissingError("no file can have this name", code="missing-file", where=path) from None


def os_fault(error: OSError, path: object) -> FileError | SystemFault:
    """The error of pixelwise for one of the operating system's at reading `path`."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return MissingError("the file does not exist", code="missing-file", where=path)
    if error.errno in (errno.EISDIR, errno.ENXIO):
        return FileError("not a regular file", code="not-a-file", where=path)
    reason = error.strerror or str(error)
    return SystemFault(f"cannot read the file: {reason}", code="cannot-read", where=path)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular file, in one read. Errors as `open_file`. Thread-safe."""
    fd = open_file(path)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileError("not a regular file", code="not-a-file", where=path)
        data = os.read(fd, status.st_size + 1)
        while len(data) < status.st_size:  # one read returns at most 2 GiB on Linux
            more = os.read(fd, status.st_size - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise os_fault(error, path) from None
    finally:
        os.close(fd)
    return data
