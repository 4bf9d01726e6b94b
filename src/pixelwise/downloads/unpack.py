"""What is accepted from a tar archive, and a folder that appears whole or not at all.

Archives are verified by pinned hashes before they come here, so `tarfile` may read them. All the same, every member
is checked before a file is written, and links, modes, owners and times are never used: `filter="data"` is not needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gzip
import lzma
import os
import re
import shutil
import sys
import tarfile
import unicodedata
import uuid
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import FileError, PixelwiseError, printable
from ..files.reading import open_regular
from ..files.writing import sync_folder
from ..types import Progress

_CHUNK = 1 << 20
_MEMBERS = 65_536  # VOC2012 has about 40,000
_RATIO = 100  # unpacked bytes per byte of a compressed archive: gzip reaches 1030 on zeros
_HEADERS = (b"x", b"g", b"X", b"L", b"K")  # of pax, Solaris and GNU: they say more of the member that follows
_MOST_HEADER = 1 << 20  # a name, and what else a system knows of a file
_FIX = "get the archive from a source that you trust"
_WINDOWS = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


class _Member(tarfile.TarInfo):
    """A member whose headers are read only if they are as long as honest ones."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:  # tarfile's entry for subclasses
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise self._sparse()
        if self.type in _HEADERS and self.size > _MOST_HEADER:
            raise _refused(f"{_shown(self.name)} is a header of {self.size:,} bytes", "too-large")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]  # not in the stubs

    def _proc_gnusparse_10(self, *args: object) -> None:  # it reads a map of any length
        raise self._sparse()

    def _sparse(self) -> FileError:
        return _refused(f"{_shown(self.name)} is a sparse file that claims {self.size:,} bytes", "too-large")


class Contents:
    """The files of an open archive, after a check of every member.

    files: path in the archive -> its member, in the archive's order. notes: warnings as (code, sentence); the
    codes are `trailing-data`, `unportable-name` and `case-collision`.
    """

    def __init__(self, tar: tarfile.TarFile, limit: int) -> None:
        self._tar, self._limit = tar, limit
        self.files: dict[str, tarfile.TarInfo] = {}
        self.notes: list[tuple[str, str]] = []
        self._folders: dict[str, bool] = {}  # path -> is it a folder
        self._spellings: dict[str, str] = {}  # path without case and Unicode form -> path
        for count, member in enumerate(tar):
            if count == _MEMBERS:
                raise _refused(f"more than {_MEMBERS:,} members", "too-many-members")
            self._add(member)
        if not tar.getmembers():
            raise _refused("the archive has no members", "empty-archive")
        self._check_end()

    def open(self, name: str) -> IO[bytes]:
        """The file `name`, opened for reading."""
        source = self._tar.extractfile(self.files[name])
        assert source is not None  # it is a regular file
        return source

    def extract(self, targets: Mapping[str, str], folder: Path, progress: Progress) -> None:
        """Write each file of `targets` (path in the archive -> path below the empty `folder`).

        FileError `case-collision` if the disk cannot store both of two names.
        """
        # Never `folder` itself: if another process took it for abandoned and moved it away, writing has to fail.
        for parent in sorted({p for t in targets.values() for p in PurePosixPath(t).parents if p.name}):
            (folder / parent).mkdir(exist_ok=True)
        done, total = 0, sum(self.files[name].size for name in targets)
        for name, target in targets.items():
            try:
                with self.open(name) as source, open(folder / target, "xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
            except FileExistsError:
                what = f"this disk ignores case or Unicode form, and has another file of the name {name!r}"
                raise _refused(what, "case-collision") from None
            done += self.files[name].size
            progress(done, total)

    def _add(self, member: tarfile.TarInfo) -> None:
        shown = _shown(member.name)
        if member.size < 0:
            raise _refused(f"{shown} has a negative size", "corrupt-archive")
        if member.issym() or member.islnk():
            raise _refused(f"{shown} is a link; only files and folders are unpacked", "link-member")
        if member.issparse():
            raise _refused(f"{shown} is a sparse file that claims {member.size:,} bytes", "too-large")
        if not member.isreg() and not member.isdir():
            raise _refused(f"{shown} is neither file nor folder (type {member.type!r})", "special-member")
        self._check_size(self._tar.offset)
        parts = checked_path(member.name, folder=member.isdir()).split("/")
        if parts == [""]:
            return  # the root itself, "./"
        for end in range(1, len(parts) + 1):
            path, folder = "/".join(parts[:end]), end < len(parts) or member.isdir()
            if path not in self._folders:
                self._folders[path] = folder
                self._note_name(path, parts[end - 1])
            elif self._folders[path] != folder:
                raise _refused(f"{path!r} is both a file and a folder", "conflict")
            elif not folder:
                raise _refused(f"{shown} is in the archive twice", "duplicate-member")
        if member.isreg():
            self.files[path] = member

    def _note_name(self, path: str, name: str) -> None:
        if name[-1] in ". " or set(name) & set('<>:"|?*') or _WINDOWS.fullmatch(name):
            what = f"Windows cannot store a file named {name!r}"
            if os.name == "nt":
                raise _refused(what, "unportable-name")
            self.notes.append(("unportable-name", what))
        other = self._spellings.setdefault(unicodedata.normalize("NFC", path.casefold()), path)
        if other != path:
            self.notes.append(("case-collision", f"{other!r} and {path!r} differ only in case or Unicode form"))

    def _check_size(self, total: int) -> None:
        if total > self._limit:
            raise _refused(f"it unpacks to {total:,} bytes or more; {self._limit:,} are allowed", "too-large")

    def _check_end(self) -> None:
        # tarfile takes a damaged header or a missing end mark (two blocks of zeros) for the end.
        stream, at = self._tar.fileobj, self._tar.offset
        assert stream is not None
        stream.seek(at)
        mark = stream.read(1024)
        if len(mark) < (512 if any(mark) else 1024):
            raise EOFError
        if any(mark):
            raise _refused(f"the header at byte {at:,} is not valid", "corrupt-archive")
        trailing = False
        while data := stream.read(_CHUNK):  # to the end: compressed data has its CRC there
            trailing |= any(data)
            self._check_size(stream.tell())
        if trailing:
            self.notes.append(("trailing-data", "there is data after the end of the archive; it is ignored"))


def _refused(message: str, code: str) -> FileError:
    return FileError(message, code=code, fix=_FIX)


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Contents]:
    """The contents of a tar archive (plain, gzip, bzip2 or xz) that has been verified.

    Raises FileError, also from the block that reads them: empty-file, not-an-archive, empty-archive,
    truncated-archive, corrupt-archive, crc, path-escapes-root, link-member, special-member, bad-name,
    name-too-long, duplicate-member, conflict, too-many-members, too-large; on Windows unportable-name.
    """
    start, opened = b"", False
    try:
        with open_regular(path) as fd, open(fd, "rb", closefd=False) as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(512)
            file.seek(0)
            with tarfile.open(fileobj=file, encoding="utf-8", tarinfo=_Member) as tar:
                opened = True
                yield Contents(tar, (16 << 30) if tar.fileobj is file else _RATIO * size + _CHUNK)
    except PixelwiseError as error:
        error.where = error.where or printable(path)
        raise
    except (EOFError, tarfile.TarError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk
        said = (str(error) or "it ends early").splitlines()[0].rstrip(":")
        what, code = f"the archive is damaged: {said}", "corrupt-archive"
        if not start:
            what, code = "the file is empty", "empty-file"
        elif isinstance(error, EOFError) or "unexpected end" in str(error):
            code = "truncated-archive"
        elif isinstance(error, gzip.BadGzipFile):
            code = "crc"
        elif not opened and start[257:262] != b"ustar":
            what, code = f"this is not a tar archive: it starts with {start[:8]!r}", "not-an-archive"
        raise FileError(what, code=code, where=path, fix=_FIX) from None


def checked_path(name: str, *, folder: bool) -> str:
    """The path of a member, relative and without "." parts; FileError if some system could not create it as named."""
    shown = _shown(name)
    if not name.isprintable():  # with control characters it can show as another name
        raise _refused(f"the name {shown} has characters that cannot be printed, or is not UTF-8", "bad-name")
    parts = name.replace("\\", "/").split("/")  # on Windows a backslash separates folders
    if name and (not parts[0] or ".." in parts or re.match("[A-Za-z]:", name)):
        raise _refused(f"{shown} leads outside the folder", "path-escapes-root")
    parts = [part for part in parts if part not in ("", ".")]
    if "\\" in name or not name or not (parts or folder):
        raise _refused(f"{shown} is not a file name, or has a backslash", "bad-name")
    path = "/".join(parts)
    if len(path.encode()) > 1024 or len(parts) > 32 or any(len(part.encode()) > 255 for part in parts):
        what = f"the name {shown} is too long: at most 32 parts of 255 bytes are allowed, 1,024 bytes in all"
        raise _refused(what, "name-too-long")
    return path


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")


# -- a folder that appears whole --------------------------------------------------------------------------------


def _unfinished_name(place: Path) -> Path:
    return place.with_name(f".{place.name}.{uuid.uuid4().hex}.unpacking")


def discard(place: Path) -> None:
    """Remove the folders beside `place` in which killed runs were building it.

    Each is renamed first: if its owner lives, on a file system with locks that do nothing, the owner fails instead
    of putting a half-deleted folder in place.
    """
    for folder in list(place.parent.glob(f".{place.name}.*.unpacking")):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder.rename(_unfinished_name(place)))


@contextlib.contextmanager
def new_folder(place: Path, *, replace: bool) -> Iterator[Path]:
    """A folder to fill that becomes `place` by one rename when the block ends well, and is removed otherwise.

    It is built beside `place`, on the same file system, and synced before the rename. replace: an older folder
    is moved away and then removed; a crash in between leaves no folder, never a mixed one.
    """
    own, aside = _unfinished_name(place), _unfinished_name(place)
    tree = own / "tree"
    tree.mkdir(parents=True)
    try:
        yield tree
        _sync(tree)
        with contextlib.suppress(OSError):
            place.rmdir()  # an empty one: Windows does not rename onto it
        if replace and place.exists():
            place.rename(aside)
        try:
            tree.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise  # otherwise another process was first, on a file system with locks that do nothing
        sync_folder(place.parent)
    finally:
        shutil.rmtree(own, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    # One syncfs instead of an fsync per file: it flushes thousands of small files of this file system at once.
    if sys.platform == "linux" and (syncfs := getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)):
        fd = os.open(folder, os.O_RDONLY)
        failed = syncfs(fd)
        os.close(fd)
        if failed:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "r+b") as file:
                os.fsync(file.fileno())
