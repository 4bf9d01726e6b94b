"""from_huggingface, to_huggingface: datasets of Hugging Face's library `datasets` that are open in this process.

Pixels go as encoded files, never through their decoder: it turns images by EXIF but not their labels, and we do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from ..arguments import as_ids
from ..classes import ClassTable, table_of
from ..codecs.png import encode_png
from ..codecs.stored import from_integers
from ..dataset.dataset import Dataset
from ..dataset.splits import Split, Splits
from ..errors import FormatError, MissingExtraError, UsageError
from ..files.reading import read_bytes
from ..hints import hinted, unknown_name
from ..labels import to_ids
from ..threads import Pool, in_order, run_in
from ..types import Clock, Finding, Sample
from .class_files import numbered_classes
from .converting import is_turned, plain_file
from .given import Data, SplitNames, as_dataset
from .known.huggingface import EMBEDDED, LABEL_COLUMNS, SPLIT_OF, EncodedRows
from .targets.target import plain_table, usual_ids

_CLASSES: Final = "classes"
"""The column of `to_huggingface` with the classes of each sample: its type has the names of all."""
_KEPT: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
"""Images that `datasets` reads as they are."""


@hinted
def from_huggingface(
    data: Any, *, image: str | None = None, label: str | None = None,
    classes: ClassTable | Mapping[Any, str] | Iterable[str] | None = None,
) -> Dataset:  # fmt: skip
    """A `datasets.Dataset`, or a DatasetDict with several splits, as a Dataset. Nothing is decoded before use.

    image, label: names of the columns; by default "image" and the first of annotation, label, mask and the like that
    holds images, or the two columns of images that there are. Labels are images of stored values (gray or palette
    indices), or rows of integers (`Array2D`, lists). Without such a column, the samples of a split have no labels.

    classes: a ClassTable, names, or the `id2label` of a model, {0: "road"}. By default those of the column of labels or
    of the one column of lists of `ClassLabel`. Pixels are those of the encoded files; samples are named by the files'
    paths if those tell them apart, else by number.

    UsageError `bad-argument` for anything else, such as a streaming dataset; UnknownNameError `unknown-column`;
    FormatError `no-dataset` without a column of images, `no-class-table` if nothing says what the values mean.
    """
    parts = _parts(data)
    first = max(parts.values(), key=lambda part: len(part.column_names))  # a split for testing may have no labels
    columns = _columns_of(first, image, label)
    own = {name: _own_columns(name, part, columns) for name, part in parts.items()}
    table = _table(first, columns[1], classes)
    ours = {name: new if (new := SPLIT_OF.get(name, name)) not in parts else name for name in parts}
    makers = {ours[name]: partial(_split, ours[name], part, own[name], table) for name, part in parts.items()}
    files = first.cache_files
    root = Path(files[0]["filename"]).parent if files else Path()
    return Dataset(root.absolute(), "hf_datasets", table, Splits(makers))


def _parts(data: Any) -> dict[str, Any]:
    """The splits by name."""
    library = sys.modules.get("datasets")
    if library is not None and isinstance(data, library.DatasetDict) and len(data):
        return {str(name): part for name, part in data.items()}
    if library is not None and isinstance(data, library.Dataset):
        return {str(data.split or "train"): data}
    kind = type(data).__name__
    fix = "load it without streaming=True: samples are read in any order" if "Iterable" in kind else None
    what = f"from_huggingface() takes a datasets.Dataset or DatasetDict with splits, got {kind}"
    raise UsageError(what, fix=fix or "a path on disk is for pixelwise.open")


def _columns_of(part: Any, image: str | None, label: str | None) -> tuple[str, str | None]:
    """The columns of images and of labels."""
    images = [name for name, feature in part.features.items() if type(feature).__name__ == "Image"]
    for name in (image, label):
        if name is not None and name not in part.column_names:
            raise unknown_name("column", name, part.column_names)
    if image is None:
        rest = [name for name in images if name != label]
        chosen = [name for name in rest if name not in LABEL_COLUMNS] or rest
        if "image" not in rest and len(chosen) != 1:
            listed = ", ".join(part.column_names)
            what = f"which column has the images is not clear; the columns are: {listed}"
            raise FormatError(what, code="no-dataset", fix="name it: image=")
        image = "image" if "image" in rest else chosen[0]
    elif image not in images:
        what = f"the column {image!r} holds {part.features[image]}, expected images"
        raise UsageError(what, fix="name another: image=")
    if label is None:
        grids = [n for n in LABEL_COLUMNS if n in part.features and (n in images or _is_grid(part.features[n]))]
        others = [n for n in (*grids, *images) if n != image]
        label = others[0] if grids or len(images) == 2 else None
    elif label not in images and not _is_grid(part.features[label]):
        what = f"the column {label!r} holds {part.features[label]}, expected images or rows of integers"
        raise UsageError(what, fix="name another: label=")
    return image, label


def _own_columns(name: str, part: Any, columns: tuple[str, str | None]) -> tuple[str, str | None]:
    """Those of the columns that a split has: of images, and of labels unless it has no labels at all."""
    image = columns[0]
    lacking = next((c for c in columns if c is not None and c not in part.column_names), None)
    if lacking is None:
        return columns
    if lacking == image or _columns_of(part, image, None)[1] is not None:
        raise FormatError(f"the split {name!r} has no column {lacking!r}", code="no-dataset")
    return image, None


def _is_grid(feature: Any) -> bool:
    """Whether it is rows of values."""
    return type(feature).__name__ == "Array2D" or _depth(feature) == 2


def _depth(feature: Any) -> int:
    inner = getattr(feature, "feature", None)
    return 0 if inner is None or isinstance(inner, dict) else 1 + _depth(inner)


def _innermost(feature: Any) -> Any:
    inner = getattr(feature, "feature", None)
    return feature if inner is None or isinstance(inner, dict) else _innermost(inner)


def _table(part: Any, label: str | None, classes: Any) -> ClassTable:
    if isinstance(classes, ClassTable):
        return classes
    if isinstance(classes, Mapping):
        return numbered_classes(classes, "classes")
    if classes is not None:
        return table_of(classes)
    named = {n: _innermost(f) for n, f in part.features.items() if _depth(f) and hasattr(_innermost(f), "names")}
    feature = named.get(label) or named.get(_CLASSES) or (next(iter(named.values())) if len(named) == 1 else None)
    if feature is None:
        fix = 'pass classes=, such as the id2label of a model: {0: "road"}'
        raise FormatError("nothing says what the label values mean", code="no-class-table", fix=fix)
    return table_of(feature.names)


def _split(name: str, part: Any, columns: tuple[str, str | None], table: ClassTable) -> Split:
    return Split(name, table, _RowSource(part, columns, table))


class _RowSource(EncodedRows):
    """The rows of a `datasets.Dataset`. Thread-safe: it only reads Arrow's memory."""

    def __init__(self, part: Any, columns: tuple[str, str | None], table: ClassTable) -> None:
        from datasets import Image

        self._image, self._label = columns
        self.table = table
        rows = part.with_format(None).select_columns([c for c in columns if c is not None])
        for column in columns:
            if column is not None and isinstance(rows.features[column], Image):
                rows = rows.cast_column(column, Image(decode=False))
        self._rows, self._images = rows, rows.select_columns([self._image])
        super().__init__(self._read_names(), has_labels=self._label is not None)

    def _read_names(self) -> list[str]:
        column = f"{self._image}.path"
        found = self._images.flatten().select_columns([column])[column]
        paths = [PurePosixPath(str(path or "")) for path in found]
        names = [p.stem if p.is_absolute() else str(p.with_suffix("") if p.name else p) for p in paths]
        good = len(set(names)) == len(names) and "." not in names
        return names if good else [f"{i:06d}" for i in range(len(names))]

    def _where(self, index: int) -> str:
        return f"row {index}"

    def _file(self, index: int, value: Any, column: str) -> bytes:
        if value is not None and value.get("bytes") is not None:
            data: bytes = value["bytes"]
            return data
        if value is None or not value.get("path"):
            raise FormatError(f"no image in the column {column!r}", code="missing-file", where=self._where(index))
        return read_bytes(value["path"])

    def _image_bytes(self, index: int) -> bytes:
        return self._file(index, self._images[index][self._image], self._image)

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        row, where = self._rows[index], self._where(index)
        data = self._file(index, row[self._image], self._image)
        value = None if self._label is None else row[self._label]
        is_file = self._label is not None and (value is None or isinstance(value, dict))
        found = self._file(index, value, str(self._label)) if is_file else None
        clock.lap("reading")
        image = EMBEDDED.image(data, where, notes)
        if self._label is None:
            return Sample(self.names[index], image, None)
        if found is not None:
            return Sample(self.names[index], image, EMBEDDED.label(found, self.table, where, notes))
        stored = from_integers("array", as_ids(f"the label of {where}", value), where)
        return Sample(self.names[index], image, to_ids(stored, self.table, where, notes, check_palette=False))


@hinted
def to_huggingface(
    data: Data, splits: SplitNames = None, *, threads: int | None = None, pool: Pool | None = None, **options: Any
) -> Any:
    """A dataset as a `datasets.DatasetDict`, or a Split as a `datasets.Dataset`: equal pixels, in memory.

    data: a path (`options` are those of `open`), a Dataset or a Split. splits: a name or names; by default all.
    threads: by default one per core. pool: where samples are read instead of on threads; see `Pool`.

    The columns are image and label, encoded files that `datasets` decodes when asked, void as 255 (65535 from 256
    classes on), and classes, the ids of those that the label shows; its type has the names of all, by which
    `from_huggingface` finds them. Images that are files stay as they are, unless `datasets` would read other pixels:
    those, and images that are not files, become PNGs.

    For data beyond the memory: `convert(data, folder, "huggingface")`, then `datasets.load_dataset(folder)`.
    MissingExtraError without the package datasets, UsageError `bad-name` for a name of a split that it does not take.
    """
    try:
        import datasets
    except ImportError:
        what = "to_huggingface() needs the package datasets, which is not installed"
        raise MissingExtraError(what, fix="pip install 'pixelwise[hf]'") from None
    source = as_dataset(data, splits, verb="to_huggingface", **options)
    made = {}
    for name, split in source.items():
        try:
            own = datasets.NamedSplit(name)
        except ValueError:
            what = f"the split {name!r}: Hugging Face's are letters, digits and underscores"
            raise UsageError(what, code="bad-name", fix="rename the split") from None
        ids = datasets.List(datasets.ClassLabel(names=list(split.classes.names)))
        features = {"image": datasets.Image()}
        features |= {"label": datasets.Image(), _CLASSES: ids} if split.has_labels else {}
        with run_in(pool):
            rows = list(in_order(partial(_row, split), range(len(split)), threads))
        columns = {c: [row[c] for row in rows] for c in features}
        made[name] = datasets.Dataset.from_dict(columns, datasets.Features(features), split=own)
    return next(iter(made.values())) if isinstance(data, Split) else datasets.DatasetDict(made)


def _row(split: Split, index: int) -> dict[str, Any]:
    """A sample as a row of encoded files."""
    sample = split.read(index)
    file = plain_file(split.source, split.position(index))
    if file is not None and (file.suffix.lower() not in _KEPT or is_turned(file)):
        file = None
    data = encode_png(sample.image) if file is None else read_bytes(file)
    suffix = ".png" if file is None else file.suffix
    row: dict[str, Any] = {"image": {"bytes": data, "path": sample.name + suffix}}
    if sample.label is None:
        return row
    label = usual_ids(sample.label, split.classes)
    ids = [i for i in np.unique(label).tolist() if i < len(plain_table(split.classes))]
    return row | {"label": {"bytes": encode_png(label), "path": f"{sample.name}.png"}, _CLASSES: ids}
