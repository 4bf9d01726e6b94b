"""The manifest of a pack: what it holds and which files belong to it. It is written last and replaced whole."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..classes import ClassTable
from ..errors import MissingError, PackError, UsageError
from ..files.reading import read_bytes
from ..types import Finding
from .encodings.encoding import Encoding
from .encodings.table import ENCODINGS
from .index import FileEntry, Read, checksum, damaged

FORMAT: Final = "pixelwise-pack"
VERSIONS: Final = (1, 2)
"""Those that can be read. Version 2 has an index of each JPEG file; packs of other encodings are still version 1."""
MANIFEST: Final = "manifest.json"
TABLES: Final = ("index.arrow", "splits.arrow", "sources.arrow")


def is_data_folder(name: str) -> bool:
    """Whether a folder of this name beside the manifest holds, or held, the files of a pack."""
    return re.fullmatch("[0-9a-f]{16}", name) is not None


class ShardEntry(NamedTuple):
    """An Arrow file of records. records: how many. bytes: size of the file. crc32: of all its bytes."""

    file: str
    records: int
    bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class SplitEntry:
    """A split. samples: how many. labels: whether they have labels. notes: anything odd about its list."""

    name: str
    samples: int
    labels: bool
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The contents of `manifest.json`.

    fingerprint: 32 hex digits of source and options; the folder `data` is named by its first 16. encoding: how pixels
    are stored. source_format, source_root, history: the dataset it was made from. records: samples stored, each once.
    """

    fingerprint: str
    encoding: Encoding
    classes: ClassTable
    source_format: str
    source_root: str
    records: int
    splits: tuple[SplitEntry, ...]
    tables: tuple[FileEntry, ...]
    shards: tuple[ShardEntry, ...]
    notes: tuple[Finding, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def data(self) -> str:
        """The folder of the pack's files, beside the manifest."""
        return self.fingerprint[:16]

    def table(self, name: str) -> FileEntry:
        """The entry of index.arrow, splits.arrow or sources.arrow."""
        return next(t for t in self.tables if t.file == name)

    def to_bytes(self) -> bytes:
        """JSON, UTF-8, with a CRC-32 of the other fields in canonical form. The same manifest gives the same bytes."""
        fields: dict[str, Any] = {
            "format": FORMAT,
            "version": self.encoding.version,
            "fingerprint": self.fingerprint,
            "data": self.data,
            "encoding": self.encoding.name,
            "label_dtype": self.classes.dtype.__name__,
            "source": {"format": self.source_format, "root": self.source_root},
            "records": self.records,
            "splits": [asdict(s) for s in self.splits],
            "tables": [t._asdict() for t in self.tables],
            "shards": [s._asdict() for s in self.shards],
            "notes": [asdict(n) for n in self.notes],
            "history": list(self.history),
            "classes": self.classes.to_dict(),
        }
        fields = json.loads(json.dumps(fields))
        return json.dumps({**fields, "crc32": _crc(fields)}, indent=1, ensure_ascii=True).encode() + b"\n"


def _crc(fields: dict[str, Any]) -> int:
    return checksum(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode())


def read_manifest(root: Path, read: Read = read_bytes) -> Manifest:
    """The manifest of the pack at `root`. read: how a file is read.

    PackError `unfinished-pack`, `bad-manifest` or `pack-version`; a damaged manifest is never used.
    """
    path = root / MANIFEST
    try:
        data = read(path)
    except MissingError:
        what, fix = "the pack is not finished: it has no manifest", "run pixelwise pack again; finished shards are kept"
        raise PackError(what, code="unfinished-pack", where=root, fix=fix) from None
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            raise _bad(path, f"its format is {fields['format']!r}, expected {FORMAT!r}")
        if fields["version"] not in VERSIONS:
            what = f"version {fields['version']!r}, this pixelwise reads {VERSIONS[0]} and {VERSIONS[1]}"
            fix = "install the pixelwise that wrote it, or pack again"
            raise PackError(what, code="pack-version", where=path, fix=fix)
        expected = fields.pop("crc32")
        if expected != _crc(fields):
            raise _bad(path, f"its CRC-32 is {_crc(fields)}, expected {expected!r}")
        return _parse(fields)
    except (
        ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError, UsageError
    ) as error:  # fmt: skip
        if isinstance(error, PackError):
            raise
        raise _bad(path, f"it cannot be read ({type(error).__name__}: {error})") from None


def _parse(fields: dict[str, Any]) -> Manifest:
    manifest = Manifest(
        fingerprint=_text(fields["fingerprint"], r"[0-9a-f]{32}"),
        encoding=ENCODINGS[_text(fields["encoding"], "|".join(ENCODINGS))],
        classes=ClassTable.from_dict(fields["classes"]),
        source_format=_text(fields["source"]["format"]),
        source_root=_text(fields["source"]["root"]),
        records=_count(fields["records"]),
        splits=tuple(map(_split, fields["splits"])),
        tables=tuple(_entry(FileEntry, t) for t in fields["tables"]),
        shards=tuple(_entry(ShardEntry, s) for s in fields["shards"]),
        notes=_notes(fields["notes"]),
        history=tuple(_text(h) for h in fields["history"]),
    )
    if sum(s.records for s in manifest.shards) != manifest.records:
        raise ValueError(f"its shards do not hold {manifest.records} records together")
    if tuple(t.file for t in manifest.tables) != TABLES:
        raise ValueError(f"its tables are not {', '.join(TABLES)}")
    if fields["version"] > manifest.encoding.version:
        raise ValueError(f"packs of {manifest.encoding.name} have no version {fields['version']}")
    if fields["data"] != manifest.data or fields["label_dtype"] != manifest.classes.dtype.__name__:
        raise ValueError("it contradicts itself")
    return manifest


def _split(row: dict[str, Any]) -> SplitEntry:
    return SplitEntry(_text(row["name"]), _count(row["samples"]), row["labels"] is True, _notes(row["notes"]))


def _entry(kind: Any, row: dict[str, Any]) -> Any:
    """A FileEntry or ShardEntry: a name, then counts."""
    return kind(_text(row["file"], r"[a-z]+(-[0-9]{5})?\.arrow"), *(_count(row[k]) for k in kind._fields[1:]))


def _text(value: Any, pattern: str | None = None) -> str:
    if not isinstance(value, str) or (pattern is not None and not re.fullmatch(pattern, value)):
        raise ValueError(f"{value!r} is not text of the right form")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _notes(rows: Any) -> tuple[Finding, ...]:
    fields = ("code", "severity", "where", "what", "fix")
    return tuple(Finding(*(_text(row[k]) for k in fields)) for row in rows)  # type: ignore[arg-type]


def _bad(path: Path, what: str) -> PackError:
    return damaged(f"the manifest is damaged: {what}", path, "bad-manifest")
