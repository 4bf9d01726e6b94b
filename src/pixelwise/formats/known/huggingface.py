"""Hugging Face datasets on disk: Parquet with an image and a label-map column, and imagefolder with a metadata file.

https://huggingface.co/docs/datasets/image_dataset . Neither contains what the label values mean: that comes from an
`id2label.json` beside the data, or from `classes=`. Labels keep their stored values.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from ...classes import ClassTable
from ...codecs.decoding import parse_header
from ...dataset.dataset import Dataset
from ...dataset.lists import LineOf
from ...dataset.sources import Decoding, FileSource, Source
from ...dataset.splits import Split, Splits
from ...errors import FileError, FormatError, MissingExtraError
from ...files.reading import open_regular, read_bytes
from ...types import I64, Clock, Finding, Origin, Sample
from ..class_files import classes_beside
from ..format import Format
from ..paths import check_inside, hidden_notes, visible

LABEL_COLUMNS = ("annotation", "label", "mask", "segmentation", "semantic_segmentation", "label_map", "masks", "labels")
_PARQUETS = ("*.parquet", "*/*.parquet")
_METADATA = ("metadata.csv", "metadata.jsonl")
_PART = re.compile(r"([A-Za-z]\w*?)-\d+-of-\d+")
SPLIT_OF = {"validation": "val", "valid": "val"}
_DECODING = Decoding(check_palette=False)
EMBEDDED = Decoding(frozenset({"tiff"}), check_palette=False)
_GROUPS = 8  # row groups kept in memory: `datasets` writes 100 images per group, about 10 to 30 MB


OURS: Final = b"pixelwise"
"""The key of the class table in the metadata of the Parquet files that `convert` writes."""


def _classes(root: Path) -> ClassTable:
    named = classes_beside(root, also=(root / "data",))
    if named is None:
        fix = 'pass classes=, or put an id2label.json there: {"0": "background", ...}'
        raise FormatError("nothing says what the label values mean", code="no-class-table", where=root, fix=fix)
    return named.table


# -- Parquet ------------------------------------------------------------------------------------------------


def _parquets(root: Path) -> dict[str, list[Path]]:
    """Split -> its files in order."""
    out: dict[str, list[Path]] = {}
    for path in sorted(p for pattern in _PARQUETS for p in visible(root, pattern)):
        named = _PART.match(path.stem)
        split = named[1] if named else path.stem if path.parent == root else path.parent.name
        out.setdefault(SPLIT_OF.get(split, split), []).append(path)
    return out


def _columns(file: Any) -> tuple[str, str | None] | None:
    """The names of the image and the label column, or None if the opened file has no image column."""
    schema = file.schema_arrow
    images = [f.name for f in schema if str(f.type).startswith("struct<bytes: binary")]
    if "image" not in images and len(images) != 2:
        return None
    image = "image" if "image" in images else images[0]
    return image, next((c for c in (*LABEL_COLUMNS, *images) if c in images and c != image), None)


def arrow_parquet() -> Any:
    """The module pyarrow.parquet. MissingExtraError without it."""
    try:
        from pyarrow import parquet
    except ImportError:
        what = "Parquet files need pyarrow, which is not installed"
        raise MissingExtraError(what, fix="pip install 'pixelwise[parquet]'") from None
    return parquet


def _has_images(path: Path) -> bool:
    """Whether the names of the columns are in the file's footer: a look without Arrow."""
    with open_regular(path) as fd:
        size = os.fstat(fd).st_size
        os.lseek(fd, max(0, size - (1 << 20)), os.SEEK_SET)
        footer = os.read(fd, 1 << 20)
    return all(name in footer for name in (b"PAR1", b"image", b"bytes")) and any(
        name.encode() in footer for name in LABEL_COLUMNS
    )


def _opened(path: Path) -> Any:
    """The file as Arrow opens it. FileError `corrupt` or `not-a-file`."""
    parquet = arrow_parquet()
    with open_regular(path), _damage(path):  # Arrow would wait for a pipe
        return parquet.ParquetFile(path)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """FileError `corrupt` for what Arrow cannot read."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        what = f"not a readable Parquet file: {(str(error) or type(error).__name__).splitlines()[0][:120]}"
        raise FileError(what, code="corrupt", where=path, fix="copy or download it again") from None


def _find_parquet(path: Path) -> Path | None:
    """`path` if it contains Parquet files of images with label maps."""
    damaged = None
    splits = _parquets(path).values() if path.is_dir() else ()
    for found in [paths[k] for k in range(2) for paths in splits if len(paths) > k][:16]:
        try:
            columns = _columns(_opened(found))
        except FileError as error:
            damaged = damaged or (error if _PART.match(found.stem) else None)
            continue
        except MissingExtraError:
            if _has_images(found):
                raise
            continue
        if columns is not None and columns[1] is not None:
            return path
    if damaged is not None:  # no other file has such a name
        raise damaged
    return None


def _load_parquet(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the meaning of the label values, if neither an id2label.json nor the files' own metadata say it."""
    table = classes or _table_within(root) or _classes(root)
    makers = {name: partial(_parquet_split, name, paths, table) for name, paths in _parquets(root).items()}
    return Dataset(root, "hf_parquet", table, Splits(makers), hidden_notes(root, *_PARQUETS))


def _table_within(root: Path) -> ClassTable | None:
    """The class table in the files' metadata, if `convert` wrote them, and id2label.json has the same names."""
    path = next(iter(_parquets(root).values()))[0]
    try:
        table = ClassTable.from_dict(json.loads((_opened(path).schema_arrow.metadata or {})[OURS]))
    except (FileError, KeyError, TypeError, ValueError, AttributeError):
        return None
    named = classes_beside(root, also=(root / "data",))
    return table if named is None or named.table.names == table.names else None


def _parquet_split(name: str, paths: list[Path], table: ClassTable) -> Split:
    return Split(name, table, _ParquetSource(paths, table))


class EncodedRows(Source):
    """Samples whose images are encoded files in the rows of a table."""

    def __init__(self, names: Sequence[str], *, has_labels: bool) -> None:
        super().__init__(names, has_labels=has_labels)
        self._sizes: I64 = np.zeros((len(self), 2), np.int64)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width); the bytes of each image are read once for it."""
        wanted = np.arange(len(self)) if indices is None else np.asarray(indices, np.int64)
        for i in np.unique(wanted[self._sizes[wanted, 0] == 0]).tolist():
            header = parse_header(self._image_bytes(i), self._where(i))
            self._sizes[i] = header.height, header.width
        return self._sizes[wanted]

    def encoded_image(self, index: int) -> bytes:
        """The image file in the row."""
        return self._image_bytes(index)

    def _image_bytes(self, index: int) -> bytes:
        raise NotImplementedError

    def _where(self, index: int) -> str:
        raise NotImplementedError


class _ParquetSource(EncodedRows):
    """Images and labels as encoded files in the rows of Parquet files. Thread-safe.

    A row group is read whole and the last few are kept; samples in random order read many of them: pack such a
    dataset before training.
    """

    def __init__(self, paths: Sequence[Path], table: ClassTable) -> None:
        self._files = [_opened(p) for p in paths]
        columns = _columns(self._files[0])
        if columns is None:
            raise FormatError("no column of images", code="no-dataset", where=paths[0])
        self.table = table
        self._columns = [c for c in columns if c is not None]
        for path, file in zip(paths, self._files, strict=True):
            if lacking := set(self._columns) - set(file.schema_arrow.names):
                what = f"has no column {min(lacking)!r}, which {paths[0].name} has"
                raise FormatError(what, code="no-dataset", where=path, fix="write all files of a split alike")
        self._paths = paths
        rows = [f.metadata.row_group(g).num_rows for f in self._files for g in range(f.num_row_groups)]
        self._groups = [(k, g) for k, f in enumerate(self._files) for g in range(f.num_row_groups)]
        self._ends = np.cumsum(rows)
        self._starts = np.cumsum([0, *(f.metadata.num_rows for f in self._files)])[:-1]  # of each file
        self._how = f"classes {hashlib.sha256(repr(table.to_dict()).encode()).hexdigest()[:16]}"
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()
        super().__init__(self._read_names(), has_labels=len(self._columns) > 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return _ParquetSource, (self._paths, self.table)

    def _read_names(self) -> list[str]:
        column = f"{self._columns[0]}.path"
        if not all(_has_path(file, self._columns[0]) for file in self._files):
            return [f"{i:06d}" for i in range(sum(f.metadata.num_rows for f in self._files))]
        found = []
        for path, file in zip(self._paths, self._files, strict=True):
            with _damage(path):
                found += [str(v) for v in _inner(file.read(columns=[column]), self._columns[0], "path")]
        ours = all(OURS in (f.schema_arrow.metadata or {}) for f in self._files)
        names = [n.rpartition(".")[0] if ours else PurePosixPath(n).stem for n in found]
        return names if len(set(names)) == len(names) else [f"{i:06d}" for i in range(len(names))]

    def _place(self, index: int) -> tuple[int, int, Path]:
        """The row group of sample `index`, its row there, and the file."""
        group = int(np.searchsorted(self._ends, index, side="right"))
        return group, index - (int(self._ends[group - 1]) if group else 0), self._paths[self._groups[group][0]]

    def origin(self, index: int) -> Origin:
        """The Parquet file, and the row in it."""
        path = os.path.abspath(self._place(index)[2])
        row = index - int(self._starts[np.searchsorted(self._starts, index, side="right") - 1])
        return Origin(f"{path} row {row}", (path,), f"row {row}, {self._how}")

    def _image_bytes(self, index: int) -> bytes:
        return self._bytes(index)[0]

    def _where(self, index: int) -> str:
        return f"{self._place(index)[2]} (row {index} of the split)"

    def _bytes(self, index: int) -> list[bytes]:
        """The encoded files of a row, in the order of the columns."""
        group, at, _ = self._place(index)
        with self._lock:
            if group not in self._kept:
                file, own = self._groups[group]
                with _damage(self._paths[file]):
                    self._kept[group] = self._files[file].read_row_group(own, columns=self._columns)
                while len(self._kept) > _GROUPS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(group)
            rows = self._kept[group]
        values = [rows.column(c)[at].as_py() for c in self._columns]
        if any(v is None or v.get("bytes") is None for v in values):
            fix = "its file is referred to, not embedded: write the dataset with embedded images"
            raise FormatError("an image without bytes", code="missing-file", where=self._where(index), fix=fix)
        return [v["bytes"] for v in values]

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        data, where = self._bytes(index), self._where(index)
        clock.lap("reading")
        image = EMBEDDED.image(data[0], where, notes)
        label = EMBEDDED.label(data[1], self.table, where, notes) if self.has_labels else None
        return Sample(self.names[index], image, label)


def _has_path(file: Any, column: str) -> bool:
    return any(part.name == "path" for part in file.schema_arrow.field(column).type)


def _inner(table: Any, column: str, field: str) -> Iterator[Any]:
    for chunk in table.column(column).chunks:
        yield from chunk.field(field).to_pylist()


# -- imagefolder --------------------------------------------------------------------------------------------


def _metadata(root: Path) -> dict[str, Path]:
    """Split -> its metadata file."""
    folders = ("*", "data/*")
    found = {p.parent.name: p for f in folders for name in _METADATA for p in visible(root, f"{f}/{name}")}
    own = [root / name for name in _METADATA if (root / name).exists()]
    if not found and own:
        found = {"train": own[0]}
    return {SPLIT_OF.get(s, s): p for s, p in found.items()}


def _rows(path: Path) -> list[dict[str, Any]]:
    text = read_bytes(path).decode("utf-8-sig", "replace")
    try:
        if path.suffix == ".csv":
            return list(csv.DictReader(io.StringIO(text)))
        return [dict(json.loads(line)) for line in text.splitlines() if line.strip()]
    except (ValueError, TypeError):
        raise FormatError("expected one JSON object per line", code="bad-json", where=path) from None


def _keys(row: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """The columns that name the image's and the label's file; None if there is no image, or for no label."""
    files = [k for k in row if k == "file_name" or k.endswith("_file_name")]
    image = next((k for k in ("file_name", "image_file_name") if k in files), None)
    label = next((k for k in files if k != image), None) or next((k for k in LABEL_COLUMNS if k in row), None)
    return None if image is None else (image, label)


def _find_folder(path: Path) -> Path | None:
    """`path` if a metadata file there names images and label files."""
    for found in _metadata(path).values() if path.is_dir() else ():
        rows = _rows(found)
        keys = _keys(rows[0]) if rows else None
        if keys is not None and keys[1] is not None and os.path.isfile(found.parent / str(rows[0][keys[1]])):
            return path
    return None


def _load_folder(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: the meaning of the label values, if there is no id2label.json."""
    table = classes or _classes(root)
    makers = {name: partial(_folder_split, root, name, path, table) for name, path in _metadata(root).items()}
    hidden = hidden_notes(root, *(f + name for f in ("", "*/", "data/*/") for name in _METADATA))
    return Dataset(root, "hf_imagefolder", table, Splits(makers), hidden)


def _folder_split(root: Path, name: str, path: Path, table: ClassTable) -> Split:
    rows = _rows(path)
    keys = _keys(rows[0]) if rows else None
    if keys is None:
        raise FormatError("no column of image files", code="no-dataset", where=path)
    folder = path.parent.relative_to(root).as_posix()
    prefix = "" if folder == "." else folder + "/"
    images = [str(r.get(keys[0])) for r in rows]
    labels = None if keys[1] is None else [str(r.get(keys[1])) for r in rows]
    check_inside([*images, *(labels or ())], path)
    names = [image.rpartition(".")[0] for image in images]
    if len(set(names)) < len(names):
        names = images
    source = FileSource(root, names, table, [prefix + i for i in images],
                        None if labels is None else [prefix + la for la in labels],
                        listed=LineOf(path, range(1 + (path.suffix == ".csv"), 10**9)), decoding=_DECODING)  # fmt: skip
    return Split(name, table, source)


PARQUET = Format(
    "hf_parquet",
    "Hugging Face Parquet (SPLIT-*.parquet with columns image and annotation, label, mask or the like)",
    _find_parquet, _load_parquet, anywhere=True,
)  # fmt: skip
IMAGEFOLDER = Format(
    "hf_imagefolder",
    "Hugging Face imagefolder (SPLIT/metadata.csv or .jsonl with file_name and a column of label files)",
    _find_folder, _load_folder, anywhere=True,
)  # fmt: skip
