"""What the bytes of a tar archive say: plain, gzip, bzip2 or xz, one entry after the other, strictly.

`tarfile` is not used: negative sizes made it loop (CVE-2025-8194), and it takes an archive that was cut
between two members for a whole one. The layout is that of POSIX.1-2001 (ustar and pax) with GNU tar's long
names and base-256 numbers. What is acceptable as a file name is not decided here but in `unpack`.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import FileError
from ..files import open_error
from .staging import fault

BLOCK = 512
_ZEROS = bytes(BLOCK)
CHUNK = 1 << 20
FIX = "get the archive again from a source that you trust"
_RAISE = "if you trust the archive, raise the limits"
_Error = Callable[[str, str], FileError]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most.

    members: files and folders (VOC2012 has about 40,000). bytes: all unpacked bytes. ratio: unpacked bytes
    for each byte of a compressed archive (gzip reaches 1030 on zeros; images are compressed already).
    path_bytes, depth: a member's path in UTF-8 bytes and in parts.
    """

    members: int = 65_536
    bytes: int = 16 << 30
    ratio: int = 100
    path_bytes: int = 1024
    depth: int = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as its headers describe it.

    name: as written. kind: the type flag, one byte; b"0" file, b"5" folder. size: payload bytes. sparse: the
    bytes that a sparse file claims to have, None for all others.
    """

    name: str
    kind: bytes
    size: int
    sparse: int | None


class _Hashed:
    """A binary file that hashes what is read from it."""

    def __init__(self, file: IO[bytes], algorithms: Collection[str]) -> None:
        self.file = file
        self.hashers = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}

    def read(self, n: int = -1) -> bytes:
        data = self.file.read(n)
        for hasher in self.hashers.values():
            hasher.update(data)
        return data

    def seekable(self) -> bool:
        return False


def _decompressed(raw: Any, magic: bytes) -> Any:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(raw)
    return raw


class TarReader:
    """The entries of the tar file `path`: `for entry in reader`, with `chunks()` for its bytes.

    `hashes` names hash algorithms to run over the file. Memory is bounded. A reader is used once, by one
    thread, as a context manager. After the last entry `trailing` tells of data behind the end mark, and
    `hexdigests()` gives the hashes. Raises FileError with the codes empty-file, not-an-archive,
    empty-archive, truncated-archive, corrupt-archive, crc, bad-name (not UTF-8), name-too-long,
    too-many-members, too-large; SystemFault for the disk.
    """

    def __init__(self, path: Path, limits: Limits, hashes: Collection[str] = ()) -> None:
        self.path, self.limits = path, limits
        self.trailing = False
        if path.exists() and not path.is_file():
            raise self.error("is not a regular file", "not-a-file")  # to open a FIFO would wait for ever
        try:
            self._file: IO[bytes] = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise open_error(path, error) from None
        try:
            self.file_bytes = os.fstat(self._file.fileno()).st_size
            magic = self._file.read(6)
            self._file.seek(0)
        except OSError as error:
            raise fault(error, path, "reading the archive") from error
        self._raw = _Hashed(self._file, hashes)
        self._stream = _decompressed(self._raw, magic)
        self._compressed = self._stream is not self._raw
        self._at = 0  # unpacked bytes so far
        self._left = 0  # payload bytes of the current entry that nobody read yet
        self._padding = 0

    def __enter__(self) -> TarReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._compressed:
            self._stream.close()
        self._file.close()

    def position(self) -> int:
        """Bytes of the file read so far."""
        return self._file.tell()

    def hexdigests(self) -> dict[str, str]:
        """Algorithm -> digest of the whole file, after the last entry."""
        return {name: hasher.hexdigest() for name, hasher in self._raw.hashers.items()}

    def error(self, message: str, code: str, fix: str = FIX) -> FileError:
        """A FileError about this archive."""
        return FileError(message, code=code, where=self.path, fix=fix)

    # -- bytes ------------------------------------------------------------------------------------------

    def _read(self, n: int) -> bytes:
        try:
            data: bytes = self._stream.read(n)
        except EOFError:
            raise self.error(
                f"the compressed data ends after {self._at:,} unpacked bytes", "truncated-archive"
            ) from None
        except (zlib.error, lzma.LZMAError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise fault(error, self.path, "reading the archive") from error
            crc = "CRC" in str(error) or "length of data" in str(error)
            raise self.error(
                f"the compressed data is damaged after {self._at:,} unpacked bytes: {error}",
                "crc" if crc else "corrupt-archive",
            ) from None
        self._at += len(data)
        return data

    def _exactly(self, n: int) -> bytes:
        parts = []
        while n:
            data = self._read(n)
            if not data:
                break
            parts.append(data)
            n -= len(data)
        return b"".join(parts)

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the current entry, in pieces of at most 1 MiB."""
        while self._left:
            data = self._read(min(self._left, CHUNK))
            if not data:
                raise self._cut(self._left)
            self._left -= len(data)
            yield data

    def _cut(self, missing: int) -> FileError:
        return self.error(f"the archive ends inside a file, {missing:,} bytes early", "truncated-archive")

    def _skip(self) -> None:
        if self._compressed or self._raw.hashers:
            for _ in self.chunks():
                pass
            missing = self._padding - len(self._exactly(self._padding))
            if missing:
                raise self._cut(missing)
        else:
            end = self._at + self._left + self._padding
            if end > self.file_bytes:
                raise self._cut(end - self.file_bytes)
            self._file.seek(end)
            self._at, self._left = end, 0
        self._padding = 0

    def _payload(self, size: int) -> bytes:
        if size > CHUNK:
            raise self.error(f"a header of {size:,} bytes; at most {CHUNK:,} are read", "name-too-long")
        self._left, self._padding = size, -size % BLOCK
        data = b"".join(self.chunks())
        self._skip()
        return data

    # -- headers ----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Entry]:
        members = headers = 0
        pax: dict[str, str] = {}
        long_name: bytes | None = None
        while (block := self._header(first=headers == 0)) is not None:
            headers += 1
            kind, size = block[156:157], _number(block[124:136])
            if size is None or size < 0:
                raise self.error(f"a header has the size {block[124:136]!r}", "corrupt-archive")
            if kind == b"x":
                pax = _pax_records(self._payload(size), self.error)
            elif kind == b"g":
                if {"path", "linkpath", "size"} & _pax_records(self._payload(size), self.error).keys():
                    raise self.error("a header gives all members one name or size", "corrupt-archive")
            elif kind in (b"L", b"K"):
                name = self._payload(size).rstrip(b"\0")
                long_name = name if kind == b"L" else long_name
            else:
                members += 1
                yield self._entry(block, kind, size, pax, long_name)
                self._skip()
                pax, long_name = {}, None
            # A member has up to four headers: its own, pax, long name, long link.
            if members > self.limits.members or headers > 4 * self.limits.members:
                raise self.error(f"more than {self.limits.members:,} members", "too-many-members", _RAISE)
        if not members:
            raise self.error("the archive has no members", "empty-archive")
        self._finish()

    def _header(self, first: bool) -> bytes | None:
        at = self._at
        block = self._exactly(BLOCK)
        if first:
            self._check_start(block)
        if len(block) < BLOCK:
            raise self.error(f"the archive ends at byte {self._at:,} without an end mark", "truncated-archive")
        if block == _ZEROS:
            second = self._exactly(BLOCK)
            if len(second) < BLOCK:
                raise self.error("half of the end mark is missing", "truncated-archive")
            if second != _ZEROS:
                raise self.error(f"a lone block of zeros at byte {at:,}", "corrupt-archive")
            return None
        if not _checksum_ok(block):
            raise self.error(f"the header at byte {at:,} has a wrong checksum", "corrupt-archive")
        return block

    def _check_start(self, block: bytes) -> None:
        if not self.file_bytes:
            raise self.error("the file is empty", "empty-file")
        if not any(block) or block[257:262] == b"ustar" or (len(block) == BLOCK and _checksum_ok(block)):
            return
        seen = f"starts with {block[:8]!r}"
        if block.lstrip()[:1] == b"<":
            seen = "an HTML page"
        elif block[:2] == b"PK":
            seen = "a zip file"
        raise self.error(f"this is no tar archive, but {seen}", "not-an-archive")

    def _entry(self, block: bytes, kind: bytes, size: int, pax: Mapping[str, str], long_name: bytes | None) -> Entry:
        if "size" in pax:
            if not re.fullmatch("[0-9]{1,18}", pax["size"], re.ASCII):
                raise self.error(f"a pax header has the size {pax['size']!r}", "corrupt-archive")
            size = int(pax["size"])
        sparse = None
        if kind == b"S":
            sparse = _number(block[483:495]) or 0
        elif any(key.startswith("GNU.sparse.") for key in pax):
            claimed = pax.get("GNU.sparse.realsize", pax.get("GNU.sparse.size", ""))
            sparse = int(claimed) if re.fullmatch("[0-9]{1,20}", claimed, re.ASCII) else 0
        name = self._name(block, pax, long_name)
        if kind in (b"\0", b"7"):
            kind = b"0"  # both mean a plain file
        if kind == b"0" and name.endswith("/"):
            kind = b"5"  # how tars before POSIX wrote folders
        if kind != b"0":
            size = 0
        self._check_total(self._at + size)
        self._left, self._padding = size, -size % BLOCK
        return Entry(name, kind, size, sparse)

    def _name(self, block: bytes, pax: Mapping[str, str], long_name: bytes | None) -> str:
        if "path" in pax:
            return pax["path"]
        raw = long_name
        if raw is None:
            raw, prefix = block[:100].split(b"\0")[0], block[345:500].split(b"\0")[0]
            if block[257:263] == b"ustar\0" and prefix:
                raw = prefix + b"/" + raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(f"the name {raw[:80]!r} is not UTF-8", "bad-name") from None

    def _check_total(self, total: int) -> None:
        allowed = self.limits.bytes
        if self._compressed:
            allowed = min(allowed, self.limits.ratio * self.file_bytes + CHUNK)
        if total > allowed:
            raise self.error(
                f"{self.file_bytes:,} bytes unpack to {total:,} or more; {allowed:,} are allowed", "too-large", _RAISE
            )

    def _finish(self) -> None:
        # To the end of the file: it checks the CRC of compressed data and completes the hash.
        try:
            while data := self._read(CHUNK):
                self.trailing |= any(data)
                self._check_total(self._at)
        except FileError as error:
            # What GzipFile says of bytes behind its last stream; everything before them was checked.
            if "Not a gzipped file" not in error.message:
                raise
            self.trailing = True
        while self._raw.read(CHUNK):
            pass


def _checksum_ok(block: bytes) -> bool:
    stored = _number(block[148:156])
    blank = block[:148] + b" " * 8 + block[156:]
    total = sum(blank)
    # Historic tars summed signed bytes.
    return stored == total or stored == total - 256 * sum(b > 127 for b in blank)


def _number(field: bytes) -> int | None:
    """A number of a header: octal digits, or base 256 as GNU tar writes it. None where it is neither."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    digits = field.split(b"\0")[0].strip()
    if not digits:
        return 0
    return None if digits.strip(b"01234567") else int(digits, 8)


def _pax_records(data: bytes, error: _Error) -> dict[str, str]:
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        match = re.compile(rb"([0-9]{1,8}) ([^=\n]+)=").match(data, at)
        end = at + int(match[1]) if match else 0
        if match is None or end <= match.end() or data[end - 1 : end] != b"\n":
            raise error("a pax header is malformed", "corrupt-archive")
        try:
            records[match[2].decode()] = data[match.end() : end - 1].decode()
        except UnicodeDecodeError:
            raise error("a pax header is not UTF-8", "bad-name") from None
        at = end
    return records
