"""Safe unpacking of tar archives: regular files and folders only, everything else is refused.

`tarfile`'s `data` filter let crafted archives write outside (CVE-2025-4517 and kin), so nothing of it is
used. Every member is checked, also those that are not selected. Files are created with O_EXCL in a fresh
private folder in which no link can exist: nothing is followed, nothing is overwritten, and nothing appears
at the destination before all of it is right.
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from ..errors import FileError, SystemFault
from ..types import Finding
from .staging import fault, publish, staging_folder
from .tar import CHUNK, FIX, Entry, Limits, TarReader

Progress = Callable[[int, "int | None"], None]
Select = Callable[[str], "str | None"]

_WINDOWS = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
# Controls of writing direction make a name show as another one.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unpack(
    archive: str | Path,
    destination: str | Path,
    *,
    select: Select | None = None,
    limits: Limits | None = None,
    notes: list[Finding] | None = None,
    hashes: Mapping[str, Collection[str]] | None = None,
    progress: Progress | None = None,
) -> int:
    """Unpack a tar archive (plain, gzip, bzip2, xz) as the new folder `destination`; the number of files.

    The folder appears whole or not at all: it is built beside its place, written through to the disk and
    renamed. Files get mode 0644 and folders 0755, less the umask; owners and times are dropped.
    select: path in the archive -> path below `destination`, or None to leave the member out.
    notes: receives warnings: `trailing-data`, `unportable-name`, `case-collision`.
    hashes: algorithm -> the accepted hex digests of the archive file, checked before anything appears.
    progress: called with the bytes of the archive file that were read, and their number in all.

    Raises FileError: empty-file, not-an-archive, empty-archive, truncated-archive, corrupt-archive, crc,
    hash-mismatch, path-escapes-root, link-member, special-member, bad-name, name-too-long, duplicate-member,
    conflict, case-collision (where the disk cannot store both), too-many-members, too-large. SystemFault:
    destination-exists, disk-full, permission-denied, io-error. Thread-safe.
    """
    destination = Path(destination)
    with staging_folder(destination) as staged:
        count = unpack_into(
            Path(archive), staged, select=select, limits=limits, notes=notes, hashes=hashes, progress=progress
        )
        if not publish(staged, destination):
            raise SystemFault(
                "there is something already", code="destination-exists", where=destination,
                fix="remove it or choose another folder",
            )  # fmt: skip
    return count


def unpack_into(
    archive: Path,
    folder: Path,
    *,
    select: Select | None = None,
    limits: Limits | None = None,
    notes: list[Finding] | None = None,
    hashes: Mapping[str, Collection[str]] | None = None,
    progress: Progress | None = None,
) -> int:
    """As `unpack`, but into the existing, empty, private `folder`; the number of files.

    On an error the folder is left half full: it is the caller's to remove.
    """
    count = 0
    with TarReader(archive, limits or Limits(), hashes or ()) as reader:
        for entry, member in _checked(reader, notes):
            target = member if select is None else select(member)
            if target is not None and entry.kind == b"5":
                _make_folder(folder, folder / target)
            elif target is not None:
                _make_folder(folder, (folder / target).parent)
                _write(reader, folder / target, member)
                count += 1
            if progress is not None:
                progress(reader.position(), reader.file_bytes)
        verify(archive, reader.hexdigests(), hashes or {})
    return count


def scan(
    archive: Path, keep: Callable[[str], bool], *, limits: Limits | None = None
) -> tuple[dict[str, int], dict[str, bytes]]:
    """The size of every file of an archive by path, and the contents of the files that `keep(path)` asks for.

    Of a plain tar only the headers are read, so this costs little beside unpacking. Raises FileError as
    `unpack` does; a file that is kept may have 1 MiB (`too-large`).
    """
    sizes: dict[str, int] = {}
    kept: dict[str, bytes] = {}
    with TarReader(archive, limits or Limits()) as reader:
        for entry, member in _checked(reader, None):
            if entry.kind == b"5":
                continue
            sizes[member] = entry.size
            if keep(member):
                if entry.size > CHUNK:
                    raise reader.error(f"{member!r} has {entry.size:,} bytes, too many for a list", "too-large")
                kept[member] = b"".join(reader.chunks())
    return sizes, kept


def verify(path: Path, digests: Mapping[str, str], hashes: Mapping[str, Collection[str]]) -> None:
    """FileError `hash-mismatch` where a digest is not among the accepted ones of its algorithm."""
    for name, accepted in hashes.items():
        if digests[name] not in accepted:
            raise FileError(
                f"the {name.upper()} is {digests[name]}, expected {' or '.join(accepted)}",
                code="hash-mismatch",
                where=path,
                fix=FIX,
            )


def _make_folder(root: Path, path: Path) -> None:
    # Never the root itself: where somebody took it for abandoned and moved it away, writing has to fail.
    if path == root or path.is_dir():
        return
    _make_folder(root, path.parent)
    try:
        path.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise fault(error, path, "making a folder") from error


def _write(reader: TarReader, path: Path, member: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        out = io.FileIO(os.open(path, flags, 0o644), "w")
    except FileExistsError:
        raise reader.error(
            f"{member!r} meets another file of that name: this disk ignores case or Unicode form",
            "case-collision",
            "unpack it on a file system that tells the names apart",
        ) from None
    except OSError as error:
        raise fault(error, path, "unpacking") from error
    with out:
        for chunk in reader.chunks():
            view = memoryview(chunk)
            try:
                while view:
                    view = view[out.write(view) or 0 :]
            except OSError as error:
                raise fault(error, path, "unpacking") from error


# -- what is accepted -------------------------------------------------------------------------------------


def _checked(reader: TarReader, notes: list[Finding] | None) -> Iterator[tuple[Entry, str]]:
    """Every entry with its checked relative path; the root itself ("./") is left out."""
    names = _Names(reader, notes)
    for entry in reader:
        shown = repr(entry.name if len(entry.name) <= 80 else entry.name[:77] + "...")
        if entry.kind in (b"1", b"2"):
            raise reader.error(f"{shown} is a link; only files and folders are unpacked", "link-member")
        if entry.sparse is not None:
            raise reader.error(f"{shown} is a sparse file that claims {entry.sparse:,} bytes", "too-large")
        if entry.kind not in (b"0", b"5"):
            raise reader.error(f"{shown} is neither file nor folder (type {entry.kind!r})", "special-member")
        path = names.check(entry.name, shown, entry.kind == b"5")
        if path:
            names.register(path, shown, entry.kind == b"5")
            yield entry, path
    if reader.trailing:
        names.note("trailing-data", "there is data behind the end of the archive; it was ignored")


class _Names:
    """The paths of one archive: each checked alone, and against all before it."""

    def __init__(self, reader: TarReader, notes: list[Finding] | None) -> None:
        self.reader, self.notes = reader, notes
        self.folders: dict[str, bool] = {}  # path -> is it a folder
        self.spellings: dict[str, str] = {}  # path without case and Unicode form -> path

    def note(self, code: str, what: str) -> None:
        if self.notes is not None:
            self.notes.append(Finding(code, "warning", str(self.reader.path), what))

    def check(self, name: str, shown: str, folder: bool) -> str:
        error, limits = self.reader.error, self.reader.limits
        if not name:
            raise error("a member has no name", "bad-name")
        plain = name.isascii() and name.isprintable()
        if not plain and any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI for c in name):
            raise error(f"the name {shown} has control characters", "bad-name")
        # On Windows a backslash parts a path, so it does here.
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or re.match("[A-Za-z]:", name):
            raise error(f"{shown} leads outside the folder", "path-escapes-root")
        if "\\" in name:
            raise error(f"the name {shown} has a backslash", "bad-name")
        parts = [part for part in parts if part not in ("", ".")]
        if not parts and not folder:
            raise error(f"{shown} is no file name", "bad-name")
        path = "/".join(parts)
        long, deep = len(path.encode()), len(parts)
        if long > limits.path_bytes or deep > limits.depth or any(len(p.encode()) > 255 for p in parts):
            raise error(
                f"the name {shown} has {long:,} bytes in {deep:,} parts; at most {limits.path_bytes:,} bytes "
                f"in {limits.depth} parts of 255 are allowed",
                "name-too-long",
            )
        return path

    def register(self, path: str, shown: str, folder: bool) -> None:
        error, known = self.reader.error, self.folders.get(path)
        if known is not None and known != folder:
            raise error(f"{shown} is both a file and a folder", "conflict")
        if known is False:
            raise error(f"{shown} is in the archive twice", "duplicate-member")
        if known is None:
            self._add(path, folder)
        cut = path.rfind("/")
        while cut > 0 and not self.folders.get(path[:cut], False):
            if path[:cut] in self.folders:
                raise error(f"{path[:cut]!r} is a file, and {shown} lies inside it", "conflict")
            self._add(path[:cut], True)
            cut = path.rfind("/", 0, cut)

    def _add(self, path: str, folder: bool) -> None:
        self.folders[path] = folder
        name = path.rsplit("/", 1)[-1]
        if name[-1] in ". " or set(name) & set('<>:"|?*') or _WINDOWS.fullmatch(name):
            if os.name == "nt":
                raise self.reader.error(f"Windows cannot store a file named {name!r}", "unportable-name")
            self.note("unportable-name", f"Windows cannot store a file named {name!r}")
        plain = path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())
        other = self.spellings.setdefault(plain, path)
        if other != path:
            self.note("case-collision", f"{other!r} and {path!r} are one name where case or Unicode form do not count")
