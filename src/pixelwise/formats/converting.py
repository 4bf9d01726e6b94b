"""convert: a dataset of any format as a clean one: index or palette PNGs, lists, and a pixelwise.toml."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..arguments import check_choice
from ..classes import ClassTable
from ..codecs.decoding import read_header
from ..codecs.png import encode_png
from ..dataset.dataset import Dataset
from ..dataset.identity import Identity
from ..dataset.lists import parse_list
from ..dataset.sources import Source, image_file_of
from ..dataset.splits import Split
from ..errors import ListError, SystemFault, UsageError
from ..files.reading import read_bytes
from ..files.writing import atomic_write, is_temporary, remove_temporaries
from ..hints import hinted
from ..threads import in_order
from ..types import Origin, Progress, Sample
from . import toml
from .given import Data, SplitNames, as_dataset
from .opening import open as open_dataset
from .paths import leads_out
from .toml import class_section, comment, text_of
from .unfinished import CONVERSION, read_mark

Target = Literal["voc", "index", "cityscapes"]
ImageFiles = Literal["copy", "symlink", "hardlink"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Templates of a target, with {split} only if it has a folder per split, and whether labels have a palette."""

    images: str
    labels: str
    instances: str
    lists: str
    palette: bool = False


_PLANS: dict[str, _Plan] = {
    "voc": _Plan(
        "JPEGImages/{path}.{ext}", "SegmentationClass/{path}.png", "SegmentationObject/{path}.png",
        "ImageSets/Segmentation/{split}.txt", True,
    ),
    "index": _Plan("images/{path}.{ext}", "labels/{path}.png", "instances/{path}.png", "lists/{split}.txt"),
    "cityscapes": _Plan(
        "leftImg8bit/{split}/{path}_leftImg8bit.{ext}", "gtFine/{split}/{path}_gtFine_labelTrainIds.png",
        "gtFine/{split}/{path}_gtFine_instanceIds.png", "lists/{split}.txt",
    ),
}  # fmt: skip


@hinted
def convert(
    data: Data, out: str | os.PathLike[str], to: Target = "index", *, classes: Iterable[str] | None = None,
    splits: SplitNames = None, images: ImageFiles = "copy", threads: int | None = None,
    progress: Progress | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Write a dataset as a new one at `out`, and open that.

        >>> pets = pw.convert("VOCdevkit/VOC2012", "pets", classes=["cat", "dog"])
        >>> pets.format, pets.classes.names
        ('toml', ('cat', 'dog'))

    data: a path (`options` are those of `open`), a Dataset or a Split. splits: a name or names; by default all.

    to: "index" (images/, labels/ as gray PNGs of class ids), "voc" (JPEGImages/, SegmentationClass/ as palette PNGs,
    ImageSets/), or "cityscapes" (leftImg8bit/, gtFine/ with the class ids as train ids). More than 255 classes make
    16-bit PNGs. classes: those to keep; all others become void. images: "copy", or links to the source's files; images
    that only the dataset's own rule makes 8-bit RGB, or that are not files, become PNGs. threads: by default one per
    core. progress: called with (samples done, samples in all).

    Lossless: the new dataset has the same splits, names, order and labels, and instances if they fit in 16 bits.
    Different samples of the same name get the split's name in front: `train/0001`. Interrupted and called again, it
    resumes: files appear only when they are complete, and until all are there, `open` refuses the folder
    (`unfinished-conversion`). If this very conversion is there already, and newer than the source's files, nothing is
    written.

    Raises UsageError `not-empty` if `out` holds anything else, `inside-source` if it would write into the source,
    `bad-name` for a sample name that a list cannot hold; SystemFault if it cannot write; and what reading a sample
    raises.
    """
    plan = _PLANS[check_choice("to", to, tuple(_PLANS))]
    check_choice("images", images, get_args(ImageFiles))
    source = as_dataset(data, splits, verb="convert", **options)
    if classes is not None:
        source = source.subset(classes=classes)
    root = Path(out).absolute()
    jobs = _jobs(source, plan)
    _check_target(root, source, jobs)
    _check_names(root, jobs)
    identity = _identity(jobs, source.classes, to)
    if _is_there(root, identity, jobs, plan):
        return open_dataset(root)
    _begin(root, {"conversion": identity, "from": _given(data), "to": to})
    done = _write_all(root, source.classes, jobs, plan, images, threads, progress)
    for split in source.splits:
        names = _list_of(job.name for job in jobs if job.split == split)
        _write(root / plan.lists.replace("{split}", split), names)
    _write(root / toml.FILE, _description(source, plan, done, identity).encode())
    (root / CONVERSION).unlink(missing_ok=True)
    return open_dataset(root)


# -- what to write ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    """A sample to write: position `index` of `of`, under `name` in `split`. file: of the image, if it has one that any
    reader decodes to the same pixels.
    """

    of: Split
    index: int
    split: str
    name: str
    file: Path | None
    first: bool  # False if the same files are written for another split
    origin: Origin


def _jobs(dataset: Dataset, plan: _Plan) -> list[_Job]:
    splits = {name: dataset[name] for name in dataset.splits}
    rows = [(name, split, i) for name, split in splits.items() for i in range(len(split))]
    if not rows:
        raise UsageError("the dataset has no samples", where=dataset.root)
    identity = Identity()
    found = [identity.origin(split.source, split.position(i)) for _, split, i in rows]
    names = [split.names[i] for _, split, i in rows]
    known: dict[str, object] = {}
    clash = any(known.setdefault(name, origin) != origin for name, origin in zip(names, found, strict=True))
    jobs, written = [], set()
    for (split, of, i), name, origin in zip(rows, names, found, strict=True):
        unique = f"{split}/{name}" if clash and "{split}" not in plan.images else name
        place = (split if "{split}" in plan.images else "", unique)
        file = _plain_file(of.source, of.position(i))
        jobs.append(_Job(of, i, split, unique, file, place not in written, origin))
        written.add(place)
    return jobs


def _plain_file(source: Source, index: int) -> Path | None:
    """The file of a sample's image, if any reader decodes it to the sample's pixels."""
    of = image_file_of(source, index)
    return Path(of[0].path(of[0].images, of[1])) if of is not None and of[0].decoding.plain_images else None


def _identity(jobs: Sequence[_Job], classes: ClassTable, to: str) -> str:
    """What is converted to what; of a sample whose origin is not known, the pixels."""
    digest = hashlib.sha256(f"{to}\0{classes.to_dict()}".encode())
    for job in jobs:
        known = job.of.origin(job.index) is not None
        text = f"{job.split}\0{job.name}\0{job.origin if known else ''}\n"
        digest.update(text.encode("utf-8", "surrogatepass"))
        if not known and job.first:
            sample = job.of[job.index]
            for pixels in (sample.image, sample.label, sample.instances):
                if pixels is not None:
                    digest.update(f"{pixels.shape} {pixels.dtype}\n".encode() + pixels.tobytes())
    return digest.hexdigest()


def _check_target(root: Path, source: Dataset, jobs: Sequence[_Job]) -> None:
    real = root.resolve()
    for place in {source.root.absolute(), *(j.file.parent.absolute() for j in jobs[:1] if j.file is not None)}:
        if real == place.resolve() or place.resolve() in real.parents or real in place.resolve().parents:
            what, fix = f"would write into the source {place}", "choose a folder beside it"
            raise UsageError(what, code="inside-source", where=root, fix=fix)
    hostile = next((j.name for j in jobs if leads_out(j.name)), None)
    if hostile is not None:
        raise UsageError(f"the sample name {hostile!r} leads out of the folder", code="path-escapes-root", where=root)


def _check_names(root: Path, jobs: Sequence[_Job]) -> None:
    """UsageError `bad-name` for names that would not come back from the lists."""
    for split in dict.fromkeys(job.split for job in jobs):
        own = [job.name for job in jobs if job.split == split]
        try:
            back = parse_list(_list_of(own), f"the list {split}").names
            wrong = next((repr(a) for a, b in zip_longest(own, back) if a != b), None)
        except ListError as error:
            wrong = f"{error.where}: {error.message}"
        if wrong is not None:
            what = f"a sample of the split {split} has a name that no list can hold: {wrong}"
            raise UsageError(what, code="bad-name", where=root, fix="rename its files")


def _list_of(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogatepass")


def _is_there(root: Path, identity: str, jobs: Sequence[_Job], plan: _Plan) -> bool:
    """Whether this very conversion is complete, and no file of the source is newer."""
    if (root / CONVERSION).exists() or not (root / toml.FILE).is_file():
        return False
    if _SIGNED + identity not in read_bytes(root / toml.FILE).decode("utf-8", "replace").splitlines():
        return False
    return all(_is_done(_places(root, plan, job, _suffix(job)), job) for job in jobs if job.first)


def _given(data: Data) -> str | None:
    return str(Path(data).absolute()) if isinstance(data, (str, os.PathLike)) else None


def _begin(root: Path, mark: dict[str, Any]) -> None:
    """Refuse a folder that is neither empty nor one in which this very conversion was begun; mark it as begun."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        entries = [e for e in os.listdir(root) if not is_temporary(e)]
    except OSError as error:
        raise SystemFault(f"cannot be created: {error.strerror}", code="cannot-write", where=root) from None
    begun = read_mark(root / CONVERSION)
    if begun is None and not entries:
        _write(root / CONVERSION, json.dumps(mark).encode())
        begun = read_mark(root / CONVERSION)  # perhaps of another that begins at the same time
    if (begun or {}).get("conversion") != mark["conversion"]:
        what = "another conversion was begun in this folder" if begun else "the folder is not empty"
        raise UsageError(what, code="not-empty", where=root, fix="choose a new folder, or empty this one")
    remove_temporaries(root, below=True)


# -- writing ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Written:
    suffixes: set[str]
    unlabeled: list[str]
    labels: bool = False
    instances: bool = False


def _write_all(
    root: Path, table: ClassTable, jobs: Sequence[_Job], plan: _Plan, images: ImageFiles, threads: int | None,
    progress: Progress | None,
) -> _Written:  # fmt: skip
    done = _Written(set(), list(dict.fromkeys(job.split for job in jobs if not job.of.has_labels)))
    first = [job for job in jobs if job.first]
    work = partial(_write_nth, tuple(first), root, table, plan, images)
    for n, (suffix, labels, instances) in enumerate(in_order(work, range(len(first)), threads), 1):
        done.suffixes.add(suffix)
        done.labels |= labels
        done.instances |= instances
        if progress is not None:
            progress(n, len(first))
    return done


def _write_nth(
    jobs: Sequence[_Job], root: Path, table: ClassTable, plan: _Plan, images: ImageFiles, n: int
) -> tuple[str, bool, bool]:
    # All jobs and a number, instead of one job, because each holds its split.
    return _write_one(root, table, jobs[n], plan, images)


def _write_one(root: Path, table: ClassTable, job: _Job, plan: _Plan, images: ImageFiles) -> tuple[str, bool, bool]:
    """Write a sample's files, the label last, or the image if there is none: if that is there, the others are, too."""
    suffix = _suffix(job)
    image_path, label_path, instance_path = places = _places(root, plan, job, suffix)
    if _is_done(places, job):
        return suffix, job.of.has_labels, instance_path.exists()
    sample = job.of[job.index]
    numbers = sample.instances if _storable(sample.instances) else None
    if numbers is not None:
        _write(instance_path, encode_png(numbers if numbers.itemsize <= 2 else numbers.astype(np.uint16)))
    for path in (image_path, label_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _place_image(image_path, sample, job, images)
    if sample.label is not None:
        palette = table.palette if plan.palette and sample.label.dtype == np.uint8 else None
        _write(label_path, encode_png(sample.label, palette))
    return suffix, sample.label is not None, numbers is not None


def _places(root: Path, plan: _Plan, job: _Job, suffix: str) -> tuple[Path, Path, Path]:
    """The files of a job: image, label, instances."""

    def at(template: str) -> Path:
        filled = template.replace("{split}", job.split).replace("{ext}", suffix)
        return root / filled.replace("{path}", job.name)

    return at(plan.images), at(plan.labels), at(plan.instances)


def _suffix(job: _Job) -> str:
    if job.file is None:
        return "png"
    suffix = job.file.suffix.lstrip(".")
    if suffix.lower() in ("tif", "tiff"):
        return suffix if read_header(job.file).bits == 8 else "png"
    return suffix if suffix.lower() in ("jpg", "jpeg", "png", "bmp", "webp") else "png"


def _is_done(places: tuple[Path, Path, Path], job: _Job) -> bool:
    """Whether a sample's files are there, the last of them newer than all that it is made from."""
    image, label, _ = places
    try:
        made = (label if job.of.has_labels else image).stat().st_mtime_ns
        return image.exists() and all(made >= os.stat(f).st_mtime_ns for f in job.origin.files if os.path.exists(f))
    except FileNotFoundError:
        return False


def _storable(numbers: Any) -> bool:
    return numbers is not None and (numbers.dtype.itemsize <= 2 or int(numbers.max()) <= 65_535)


def _place_image(path: Path, sample: Sample, job: _Job, images: ImageFiles) -> None:
    if job.file is None or path.suffix != job.file.suffix:
        _write(path, encode_png(sample.image))
    elif images == "copy":
        with atomic_write(path, alone=False) as new, open(job.file, "rb") as old:
            shutil.copyfileobj(old, new, 1 << 20)
    else:
        path.unlink(missing_ok=True)
        link = os.symlink if images == "symlink" else os.link
        try:
            link(job.file.absolute(), path)
        except OSError as error:
            what = f"cannot link to {job.file}: {error.strerror}"
            raise SystemFault(what, code="cannot-write", where=path, fix="copy the images") from None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, alone=False) as file:
        file.write(data)


_SIGNED = "# conversion "


def _description(source: Dataset, plan: _Plan, done: _Written, identity: str) -> str:
    suffix = next(iter(done.suffixes)) if len(done.suffixes) == 1 else "{ext}"
    lines = [
        comment(f"Converted from {source.root} ({source.format}) by pixelwise."),
        *map(comment, source.history),
        _SIGNED + identity,
        "",
        "[images]",
        f"path = {text_of(plan.images.replace('{ext}', suffix))}",
    ]
    if done.labels:
        lines += ["", "[labels]", f"path = {text_of(plan.labels)}"]
        lines += [f"instances = {text_of(plan.instances)}"] if done.instances else []
    lines += ["", "[splits]", f"lists = {text_of(plan.lists)}"]
    lines += [f"unlabeled = {text_of(done.unlabeled)}"] if done.labels and done.unlabeled else []
    lines += ["", *class_section(source.classes)]
    return "\n".join(lines) + "\n"
