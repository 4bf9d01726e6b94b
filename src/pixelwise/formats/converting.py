"""convert: a dataset of any format as a clean one, in the files of one of the targets."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
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
from ..errors import ListError, SystemFault, UsageError, warn
from ..files.addresses import local_path, located
from ..files.reading import read_bytes
from ..files.writing import atomic_write, is_temporary, remove_temporaries
from ..hints import hinted
from ..threads import Pool, in_order, leaves_threads, run_in
from ..types import Progress, Sample
from . import toml
from .given import Data, SplitNames, as_dataset
from .paths import leads_out
from .targets.masks import SIGNED, list_of
from .targets.table import TARGETS
from .targets.target import Ending, SampleJob, Target, background_of, cannot_hold, write_file
from .unfinished import CONVERSION, FRAGMENTS, read_mark

To = Literal[
    "index", "voc", "cityscapes", "coco", "coco-panoptic", "yolo", "labelme", "rle-csv", "huggingface",
    "huggingface-imagefolder",
]  # fmt: skip
ImageFiles = Literal["copy", "symlink", "hardlink"]
Void = Literal["keep", "background"]


@hinted
def convert(
    data: Data, out: str | os.PathLike[str], to: To = "index", *, classes: Iterable[str] | None = None,
    splits: SplitNames = None, images: ImageFiles = "copy", void: Void = "keep", skip_missing: bool = False,
    threads: int | None = None, progress: Progress | None = None, pool: Pool | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Write a dataset as a new one at `out`, and open that.

        >>> pets = pw.convert("VOCdevkit/VOC2012", "pets", classes=["cat", "dog"])
        >>> pets.format, pets.classes.names
        ('toml', ('cat', 'dog'))

    data: a path (`options` are those of `open`), a Dataset or a Split. splits: a name or names; by default all.

    to: "index" (images/, labels/ as gray PNGs of class ids), "voc" (JPEGImages/, SegmentationClass/ as palette PNGs,
    ImageSets/), or "cityscapes" (leftImg8bit/, gtFine/ with the class ids as train ids): more than 255 classes make
    16-bit PNGs. Or "coco" (instances), "coco-panoptic", "yolo", "labelme", "rle-csv", "huggingface" (Parquet) or
    "huggingface-imagefolder": docs/formats.md says what each holds. classes: those to keep; all others become void.
    void: "background" stores it as the class background, for a format that has no void. images: "copy", or links to the
    source's files; images that only the dataset's own rule makes 8-bit RGB, or that are not files, become PNGs.
    skip_missing: leave out samples whose image or label file is not there, with a warning that counts them. threads: by
    default one per core. progress: called with (samples done, samples in all). pool: where samples are read and written
    instead of on threads; see `Pool`.

    Lossless: the new dataset has the same splits, names and labels; of the first three also the same order, and
    instances if they fit in 16 bits. Different samples of the same name get the split's name in front: `train/0001`.
    Interrupted and called again, it resumes: until all files are there, `open` refuses the folder
    (`unfinished-conversion`). If this very conversion is there already, and newer than the source, nothing is written.

    Raises UsageError `not-empty` if `out` holds anything else, `inside-source` if it would write into the source,
    `bad-name` for a sample name that a list cannot hold, `cannot-hold` for what the format has no way to store;
    SystemFault if it cannot write; and what reading a sample raises.
    """
    target = TARGETS[check_choice("to", to, tuple(TARGETS))]
    check_choice("images", images, get_args(ImageFiles))
    check_choice("void", void, get_args(Void))
    source = as_dataset(data, splits, verb="convert", **options)
    if classes is not None:
        source = source.subset(classes=classes)
    root = local_path(out, "convert")
    if void == "background" and background_of(source.classes) is None:
        raise UsageError("void cannot become background: no class is called that", where=root, fix="leave out void=")
    jobs = _jobs(source, target, skip_missing)
    _check_target(root, source, jobs)
    _check_names(root, jobs, target, images)
    target.check(root, source.classes, jobs)
    identity = _identity(jobs, source.classes, to if void == "keep" else f"{to}, void {void}")
    if _is_there(root, identity, jobs, target):
        return target.reopened(root, source.classes)
    mark = {"conversion": identity, "from": _given(data), "to": to}
    with run_in(pool):
        _begin(root, mark)
        exts, instances = _write_all(root, source.classes, jobs, target, (images, void), threads, progress)
    target.finish(Ending(root, source, jobs, exts, identity, instances))
    shutil.rmtree(root / FRAGMENTS, ignore_errors=True)
    if target.signed:
        (root / CONVERSION).unlink(missing_ok=True)
    else:
        write_file(root / CONVERSION, json.dumps({**mark, "complete": True}).encode())
    return target.reopened(root, source.classes)


# -- what to write ------------------------------------------------------------------------------------------


def _jobs(dataset: Dataset, target: Target, skip_missing: bool) -> list[SampleJob]:
    splits = {name: dataset[name] for name in dataset.splits}
    rows = [(name, split, i) for name, split in splits.items() for i in range(len(split))]
    if skip_missing:
        there = [row for row in rows if _has_files(row[1].source, row[1].position(row[2]))]
        if len(there) < len(rows):
            kept = {(name, i) for name, _, i in there}
            lost = next(row for row in rows if (row[0], row[2]) not in kept)
            what = f"{len(rows) - len(there)} samples without their files are left out, "
            what += f"such as {lost[0]}/{lost[1].names[lost[2]]}"
            warn(what, code="missing-left-out")
        rows = there
    if not rows:
        raise UsageError("the dataset has no samples", where=dataset.root)
    identity = Identity()
    found = [identity.origin(split.source, split.position(i)) for _, split, i in rows]
    names = [split.names[i] for _, split, i in rows]
    known: dict[str, object] = {}
    clash = any(known.setdefault(name, origin) != origin for name, origin in zip(names, found, strict=True))
    jobs, written = [], set()
    for (split, of, i), name, origin in zip(rows, names, found, strict=True):
        unique = f"{split}/{name}" if clash and "{split}" not in target.images else name
        place = (split if "{split}" in target.images else "", unique)
        file = plain_file(of.source, of.position(i))
        if target.turns and file is not None and is_turned(file):
            file = None
        jobs.append(SampleJob(of, i, split, unique, file, place not in written, origin))
        written.add(place)
    return jobs


def plain_file(source: Source, index: int) -> Path | None:
    """The file of a sample's image, if any reader decodes it to the sample's pixels."""
    of = image_file_of(source, index)
    return Path(of[0].path(of[0].images, of[1])) if of is not None and of[0].decoding.plain_images else None


def is_turned(file: Path) -> bool:
    """Whether EXIF asks readers to turn the image: those that do turn images but not labels."""
    return os.path.isfile(file) and read_header(file).orientation not in (None, 1)


def _has_files(source: Source, index: int) -> bool:
    """Whether a sample's image and its label are there, as far as they are files of their own."""
    found = image_file_of(source, index)
    if found is None:
        return True
    files, at = found
    paths = [files.path(p, at) for p in (files.images, files.labels) if p is not None]
    return all(map(os.path.isfile, paths))


def _identity(jobs: Sequence[SampleJob], classes: ClassTable, to: str) -> str:
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


def _check_target(root: Path, source: Dataset, jobs: Sequence[SampleJob]) -> None:
    real = root.resolve()
    for place in {source.root.absolute(), *(j.file.parent.absolute() for j in jobs[:1] if j.file is not None)}:
        if real == place.resolve() or place.resolve() in real.parents or real in place.resolve().parents:
            what, fix = f"would write into the source {place}", "choose a folder beside it"
            raise UsageError(what, code="inside-source", where=root, fix=fix)
    hostile = next((j.name for j in jobs if leads_out(j.name)), None)
    if hostile is not None:
        raise UsageError(f"the sample name {hostile!r} leads out of the folder", code="path-escapes-root", where=root)


def _check_names(root: Path, jobs: Sequence[SampleJob], target: Target, images: ImageFiles) -> None:
    """UsageError `bad-name` for names that would not come back from the lists, `cannot-hold` for links to images in a
    target that has them within its own files.
    """
    if target.embeds and images != "copy":
        what = "this target has the images within its own files, so they cannot be links"
        raise cannot_hold(what, root, "leave out images=, or choose another target")
    for split in dict.fromkeys(job.split for job in jobs):
        own = [job.name for job in jobs if job.split == split]
        try:
            back = parse_list(list_of(own), f"the list {split}").names
            wrong = next((repr(a) for a, b in zip_longest(own, back) if a != b), None)
        except ListError as error:
            wrong = f"{error.where}: {error.message}"
        if wrong is not None:
            what = f"a sample of the split {split} has a name that no list can hold: {wrong}"
            raise UsageError(what, code="bad-name", where=root, fix="rename its files")


def _is_there(root: Path, identity: str, jobs: Sequence[SampleJob], target: Target) -> bool:
    """Whether this very conversion is complete, and no file of the source is newer."""
    mark = read_mark(root / CONVERSION)
    if target.signed:
        if mark is not None or not (root / toml.FILE).is_file():
            return False
        if SIGNED + identity not in read_bytes(root / toml.FILE).decode("utf-8", "replace").splitlines():
            return False
    elif mark is None or mark.get("complete") is not True or mark.get("conversion") != identity:
        return False
    result = target.result or target.labels
    images = result if target.embeds else target.images
    places = ((job, job.place(root, images, _suffix(job)), job.place(root, result)) for job in jobs if job.first)
    return all(_is_done(image, label, job) for job, image, label in places)


def _given(data: Data) -> str | None:
    return str(located(data)) if isinstance(data, (str, os.PathLike)) else None


def _begin(root: Path, mark: dict[str, Any]) -> None:
    """Refuse a folder that is neither empty nor one in which this very conversion was begun; mark it as begun."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        entries = [e for e in os.listdir(root) if not is_temporary(e)]
    except OSError as error:
        raise SystemFault(f"cannot be created: {error.strerror}", code="cannot-write", where=root) from None
    begun = read_mark(root / CONVERSION)
    if begun is not None and begun.get("complete") is True:  # of other samples, or older than the source's files
        begun = None
    if begun is None and not entries:
        write_file(root / CONVERSION, json.dumps(mark).encode())
        begun = read_mark(root / CONVERSION)  # perhaps of another that begins at the same time
    if (begun or {}).get("conversion") != mark["conversion"]:
        what = "another conversion was begun in this folder" if begun else "the folder is not empty"
        raise UsageError(what, code="not-empty", where=root, fix="choose a new folder, or empty this one")
    remove_temporaries(root, below=True)


# -- writing ------------------------------------------------------------------------------------------------


def _write_all(
    root: Path, table: ClassTable, jobs: Sequence[SampleJob], target: Target, how: tuple[ImageFiles, Void],
    threads: int | None, progress: Progress | None,
) -> tuple[list[str], bool]:  # fmt: skip
    """The endings of the images of all jobs, and whether any has instances."""
    first = [job for job in jobs if job.first]
    exts: dict[str, str] = {}
    instances = False
    work = partial(_write_nth, tuple(first), root, table, target, how)
    for n, (ext, numbered) in enumerate(in_order(work, range(len(first)), threads), 1):
        exts[first[n - 1].key(target.images)] = ext
        instances |= numbered
        if progress is not None:
            progress(n, len(first))
    if leaves_threads():
        remove_temporaries(root, below=True)  # of processes of the pool that died
    return [exts[job.key(target.images)] for job in jobs], instances


def _write_nth(
    jobs: Sequence[SampleJob], root: Path, table: ClassTable, target: Target, how: tuple[ImageFiles, Void], n: int
) -> tuple[str, bool]:
    # All jobs and a number, instead of one job, because each holds its split.
    return _write_one(root, table, jobs[n], target, how)


def _write_one(
    root: Path, table: ClassTable, job: SampleJob, target: Target, how: tuple[ImageFiles, Void]
) -> tuple[str, bool]:
    """Write a sample's files, the label last, or the image if there is none: if that is there, the others are, too."""
    images, void = how
    ext = _suffix(job)
    image_path = job.place(root, target.images, ext)
    if not _is_done(image_path, job.place(root, target.labels), job):
        sample = job.of[job.index]
        image_path.parent.mkdir(parents=True, exist_ok=True)
        _place_image(image_path, sample, job, images)
        if sample.label is not None:
            background = background_of(table)
            if void == "background" and background is not None:
                label = np.where(sample.label == table.ignore_index, sample.label.dtype.type(background), sample.label)
                sample = replace(sample, label=label)
            target.write_label(root, job, sample, table, ext)
    return ext, target.has_instances(root, job)


def _suffix(job: SampleJob) -> str:
    if job.file is None:
        return "png"
    suffix = job.file.suffix.lstrip(".")
    if suffix.lower() in ("tif", "tiff"):
        return suffix if read_header(job.file).bits == 8 else "png"
    return suffix if suffix.lower() in ("jpg", "jpeg", "png", "bmp", "webp") else "png"


def _is_done(image: Path, label: Path, job: SampleJob) -> bool:
    """Whether a sample's files are there, the last of them newer than all that it is made from."""
    try:
        made = (label if job.of.has_labels else image).stat().st_mtime_ns
        return image.exists() and all(made >= os.stat(f).st_mtime_ns for f in job.origin.files if os.path.exists(f))
    except FileNotFoundError:
        return False


def _place_image(path: Path, sample: Sample, job: SampleJob, images: ImageFiles) -> None:
    if job.file is None or path.suffix != job.file.suffix:
        write_file(path, encode_png(sample.image))
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
