"""Every error that pixelwise raises on purpose.

    PixelwiseError                      one line: where, what (expected against got), what to do
    ├── DataError(ValueError)           exit 1: the data is wrong
    │   ├── FileError                   a file cannot be decoded exactly: empty, truncated, crc, too-large ...
    │   │   └── MissingError(FileNotFoundError)   a file that a list or a layout names is missing
    │   ├── LabelError                  a label decodes, but its values or colors are not classes
    │   ├── PairError                   image and label do not belong together (sizes differ)
    │   ├── ListError                   a split list is malformed
    │   ├── FormatError                 no known dataset format fits a folder, or several do
    │   ├── PackError                   a pack is damaged, incomplete or stale
    │   └── ScoreError                  predictions that cannot be scored: missing, wrong size, out of range
    ├── UsageError(ValueError)          exit 2: the call is wrong
    │   ├── UnknownNameError(KeyError)  a split, class, format or protocol of that name does not exist
    │   └── MissingExtraError(ImportError)   a package of an extra is not installed
    └── SystemFault(OSError)            exit 3: disk, permission, network
        └── DownloadError               no mirror could deliver the file

    PixelwiseWarning(UserWarning)       the call continues, but not with all that was given

`code` is the stable, machine-readable name of the problem ("truncated", "unknown-color"); a `Finding` of
`pixelwise check` carries the same codes.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

LOG: Final = logging.getLogger("pixelwise")
"""What pixelwise does, for `logging`: INFO for steps, WARNING for what is skipped. Silent until a handler is added."""
LOG.addHandler(logging.NullHandler())


def printable(text: object) -> str:
    """`text` with every control character escaped, so that a hostile file name cannot drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def shown(text: object) -> str:
    """`text` (a path, or a message with paths) as people read it: paths in the current directory without it.

    Paths are kept absolute, so that they mean the same wherever a program goes; only what is printed is short.
    """
    plain = str(text)
    try:
        here = os.getcwd()
    except OSError:  # the current directory was removed
        return plain
    if here == os.sep:
        return plain
    if plain == here:
        return "."
    return re.sub(rf"(?<![^\s'\"(\[,;:=]){re.escape(here + os.sep)}(?=[^\s])", "", plain)


class PixelwiseError(Exception):
    """Base of all. `str(error)` is one line: `where: message; fix`.

    code: the problem's stable name. where: file, with line or pixel; the file's full path, which `str(error)` shortens.
    fix: what the user can do. Errors pickle, with their notes and the text of their cause.
    """

    exit_code: ClassVar[int] = 1
    message: str = ""  # here too, so that one whose __init__ raised can be shown
    code: str = ""
    where: str | None = None
    fix: str | None = None

    def __init__(self, message: str, *, code: str, where: object = None, fix: str | None = None) -> None:
        self.message = printable(message)
        self.code = code
        self.where = None if where is None else printable(where)
        self.fix = None if fix is None else printable(fix)
        super().__init__(self.message)

    def __str__(self) -> str:
        where, fix = f"{self.where}: " if self.where else "", f"; {self.fix}" if self.fix else ""
        return shown(f"{where}{self.message}{fix} [{self.code}]")

    def __reduce__(self) -> tuple[Any, ...]:
        notes = tuple(getattr(self, "__notes__", ()))
        cause = self.__cause__
        text = str(cause) if isinstance(cause, CauseElsewhere) else cause and f"{type(cause).__name__}: {cause}"
        return _rebuild, (type(self), self.message, self.code, self.where, self.fix, notes, text)


class CauseElsewhere(Exception):  # noqa: N818
    """The text of the cause of an error that was raised in another process."""


def _rebuild(
    kind: type[PixelwiseError], message: str, code: str, where: str | None, fix: str | None, notes: tuple[str, ...],
    cause: str | None,
) -> PixelwiseError:  # fmt: skip
    error = kind(message, code=code, where=where, fix=fix)
    for note in notes:
        error.add_note(note)
    if cause is not None:
        error.__cause__ = CauseElsewhere(cause)
    return error


class DataError(PixelwiseError, ValueError):
    """The data is wrong."""


class FileError(DataError):
    """A file cannot be decoded exactly."""


class MissingError(FileError, FileNotFoundError):
    """A file that a list or a layout names is missing."""


class LabelError(DataError):
    """A label decodes, but its values or colors are not classes."""


class PairError(DataError):
    """Image and label do not belong together."""


class ListError(DataError):
    """A split list is malformed."""


class FormatError(DataError):
    """No known dataset format fits a folder, or several do."""


class PackError(DataError):
    """A pack is damaged, incomplete or stale."""


class ScoreError(DataError):
    """Predictions that cannot be scored."""


class UsageError(PixelwiseError, ValueError):
    """The call is wrong."""

    exit_code = 2

    def __init__(
        self, message: str, *, code: str = "bad-argument", where: object = None, fix: str | None = None
    ) -> None:
        super().__init__(message, code=code, where=where, fix=fix)


class UnknownNameError(UsageError, KeyError):
    """A split, class, format or protocol of that name does not exist."""


class UnsupportedError(UsageError, TypeError):
    """What an object cannot do: be indexed, called or added, or give its length or its next item."""

    def __init__(
        self, message: str, *, code: str = "unsupported", where: object = None, fix: str | None = None
    ) -> None:
        super().__init__(message, code=code, where=where, fix=fix)


class MissingExtraError(UsageError, ImportError):
    """A package is not installed that an extra of pixelwise brings."""

    def __init__(
        self, message: str, *, code: str = "missing-extra", where: object = None, fix: str | None = None
    ) -> None:
        super().__init__(message, code=code, where=where, fix=fix)


class SystemFault(PixelwiseError, OSError):  # noqa: N818
    """Disk, permission or network."""

    exit_code = 3


class DownloadError(SystemFault):
    """No mirror could deliver the file."""


# -- warnings -------------------------------------------------------------------------------------------------


class PixelwiseWarning(UserWarning):
    """What a caller must know although the call continues: data that is left out. `str(warning)` is one line.

    code: its stable name. fix: what the user can do.
    """

    message: str = ""
    code: str = ""
    fix: str | None = None

    def __init__(self, message: str, code: str = "", fix: str | None = None) -> None:
        super().__init__(message)
        self.message = printable(message)
        self.code = code
        self.fix = None if fix is None else printable(fix)

    def __str__(self) -> str:
        return f"{self.message}{f'; {self.fix}' if self.fix else ''} [{self.code}]"


def reason(error: Exception) -> str:
    """What an exception of Python says, for a message: a missing key is "no 'key'"."""
    return f"no {error.args[0]!r}" if isinstance(error, KeyError) and error.args else str(error) or type(error).__name__


def warn(message: str, *, code: str, fix: str | None = None) -> None:
    """Warn the caller of pixelwise: the warning names the line that called it, not one of pixelwise."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith("pixelwise."):
        frame, level = frame.f_back, level + 1
    warnings.warn(PixelwiseWarning(message, code, fix), stacklevel=level)


@contextmanager
def only_ours(
    where: object, kind: type[DataError] = FileError, code: str = "corrupt", what: str = "damaged"
) -> Iterator[None]:
    """Whatever the block raises comes out as a PixelwiseError: the one gate for readers of other people's bytes.

    Ours pass unchanged. MemoryError becomes FileError `too-large`, an OSError of the system SystemFault `unreadable`,
    and any other exception `kind` with `code`, beginning with `what`; it stays as `__cause__`. Ctrl-C is not an
    Exception. where: of the error, or a function that gives it.
    """
    try:
        yield
    except PixelwiseError:
        raise
    except Exception as error:
        place = where() if callable(where) else where
        raise _ours(error, place, kind, code, what) from error


def _ours(error: Exception, where: object, kind: type[DataError], code: str, what: str) -> PixelwiseError:
    if isinstance(error, MemoryError):
        return FileError("reading it takes more memory than there is", code="too-large", where=where)
    if isinstance(error, OSError) and error.errno is not None:
        fix = "raise the limit: ulimit -n" if error.errno in (errno.EMFILE, errno.ENFILE) else "check the disk"
        return SystemFault(f"cannot be read: {os.strerror(error.errno)}", code="unreadable", where=where, fix=fix)
    said = f"{type(error).__name__}: {error}"
    return kind(f"{what}: {said if len(said) < 300 else said[:297] + '...'}", code=code, where=where)
