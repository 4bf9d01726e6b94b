"""Get Pascal VOC, from the network or from an archive at hand: resumed, verified, unpacked safely.

    download("voc2012", "data")   ->   data/VOCdevkit/VOC2012

The hash of the whole archive decides what is accepted, so plain HTTP and unofficial mirrors do no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import DownloadError, FileError, MissingError, SystemFault, UnknownNameError
from ..files import nearest_hint
from ..types import Finding
from .archives import ARCHIVES, Archive
from .mirrors import Order, Patience, fetch
from .partial import CHUNK, Part, discard_parts, own_part
from .staging import discard_abandoned, fault, need_space, publish, staging_folder
from .unpacking import scan, unpack_into, verify

MARK = ".pixelwise-download.json"
"""The file in a downloaded dataset that says which archive it came from, and how much of it is there."""

_BLOCK = 4096  # what a file system hands out
# Image, two labels and annotation on the disk: VOC2012's images have 92 kB on average, its labels 3.4 kB.
_PER_IMAGE = 120_000


def download(
    name: str | Archive,
    directory: str | Path,
    *,
    archive: str | Path | None = None,
    everything: bool = False,
    keep_archive: bool = False,
    mirrors: Sequence[str] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    say: Callable[[str], None] | None = None,
    patience: Patience | None = None,
) -> Path:
    """Get a dataset into `directory`; the path of its folder, which `pixelwise.open` opens.

    name: a key of ARCHIVES, or an Archive. archive: a file that you got yourself; it is verified, and not
    removed. everything: all files, not only those of segmentation: the lists of ImageSets/Segmentation,
    SegmentationClass, SegmentationObject, and of JPEGImages and Annotations those that the lists name.
    keep_archive: leave the archive in `directory`; such a file, there under its own name, is used instead
    of the network. mirrors: URLs to use instead of the table's; one that ends in / gets the file's name.
    progress: called with (bytes so far, bytes in all or None), for each step anew: download or verification,
    then unpacking. say: receives each step as a sentence, before it begins.

    The folder appears whole or not at all. A second call does nothing. A call that was interrupted in any
    way is continued by the next one. Two processes may do it at once: one waits for the other. Bounded
    memory.

    Raises UnknownNameError; DownloadError when no mirror delivers (see `fetch`); SystemFault for the disk,
    before anything is fetched where the space is known not to suffice, and `destination-exists` for a
    folder that is no dataset; FileError for a file given as `archive` that is not the right one
    (`hash-mismatch`, `wrong-size`, and the codes of `unpack`).
    """
    item, folder = _find(name), Path(directory)
    say, patience = say or (lambda _: None), patience or Patience()
    if _is_there(item, folder, everything, say):
        return folder / item.home
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fault(error, folder, "making the folder") from error
    at_hand = Path(archive) if archive is not None else folder / item.filename
    if archive is not None or at_hand.is_file():
        try:
            _verify_file(at_hand, item, progress, say)
        except FileError as error:
            if archive is not None:
                raise
            say(f"{error.message}: {at_hand} is left alone")
        else:
            return _install(at_hand, item, folder, everything, progress, say)
    part = own_part(
        folder,
        item.filename,
        item.hashes,
        quiet=10 * patience.stall,
        finished=lambda: _is_there(item, folder, everything, lambda _: None),
        say=say,
    )
    if part is None:
        say(f"another process has put {item.name} in place: {folder / item.home}")
        return folder / item.home
    try:
        _fill(part, item, folder, everything, mirrors, progress, say, patience)
        try:
            place = _install(part.path, item, folder, everything, progress, say)
        except FileError:
            part.remove()  # it would be as wrong the next time
            raise
        if keep_archive and not at_hand.exists():
            os.replace(part.path, at_hand)
        part.remove()
        discard_parts(folder, item.filename)
    finally:
        part.close()
    return place


def _find(name: str | Archive) -> Archive:
    if isinstance(name, Archive):
        return name
    if name.lower() in ARCHIVES:
        return ARCHIVES[name.lower()]
    raise UnknownNameError(
        f"no dataset named {name!r} can be downloaded",
        code="unknown-dataset",
        fix=f"the names are: {', '.join(ARCHIVES)}",
    )


def _is_there(item: Archive, folder: Path, everything: bool, say: Callable[[str], None]) -> bool:
    """Is the dataset complete in its place. What a killed run left behind goes now."""
    place = folder / item.home
    discard_abandoned(place.parent, place.name, "unpacking")
    if not place.is_dir() or not any(place.iterdir()):
        return False
    try:
        has_all = bool(json.loads((place / MARK).read_text())["everything"])
    except (OSError, ValueError, KeyError, TypeError):
        if (place / "ImageSets" / "Segmentation").is_dir() and (place / "JPEGImages").is_dir():
            say(f"{place} is there already, not made by this command: left as it is, not verified")
            return True
        raise SystemFault(
            "there is a folder already that is no VOC dataset",
            code="destination-exists",
            where=place,
            fix="move it away or choose another directory",
        ) from None
    if everything and not has_all:
        return False
    if has_all or item.size is not None:
        # A run was killed between the rename and the removal of the archive. A smaller part may belong to an
        # interrupted download of everything.
        discard_parts(folder, item.filename, None if has_all else item.size)
    say(f"{item.name} is there already: {place}")
    return True


def _fill(
    part: Part,
    item: Archive,
    folder: Path,
    everything: bool,
    mirrors: Sequence[str] | None,
    progress: Callable[[int, int | None], None] | None,
    say: Callable[[str], None],
    patience: Patience,
) -> None:
    urls = item.urls if mirrors is None else [m + item.filename if m.endswith("/") else m for m in mirrors]
    facts = [f"{item.size:,} bytes"] if item.size else []
    facts += [f"{k.upper()} {' or '.join(v)}" for k, v in item.hashes.items()][:1]

    def need(coming: int, size: int | None = item.size) -> None:
        unpacked = (size or coming) if everything or not item.images else item.images * _PER_IMAGE
        need_space(folder, coming + unpacked, f"downloading and unpacking {item.name}")

    if item.size is not None:
        need(max(0, item.size - part.size))
    order = Order(
        urls=urls,
        size=item.size,
        hashes=item.hashes,
        need=need,
        by_hand=f"get {item.filename} by other means ({', '.join(facts)}), then: "
        f"pixelwise download {item.name} {folder} --archive FILE",
    )
    try:
        fetch(order, part, patience=patience, progress=progress, say=say)
    except DownloadError as error:
        if not part.size:
            part.remove()
        error.where = error.where or item.name
        raise


def _verify_file(
    path: Path, item: Archive, progress: Callable[[int, int | None], None] | None, say: Callable[[str], None]
) -> None:
    """FileError where `path` is not the archive. The whole file is read before anything is unpacked."""
    if path.is_dir():
        raise FileError("is a folder", code="not-a-file", where=path, fix=f"give the archive, {item.filename}")
    if not path.is_file():
        raise MissingError("there is no such file", code="missing-file", where=path, fix=nearest_hint(path))
    size = path.stat().st_size
    if item.size is not None and size != item.size:
        raise FileError(
            f"the file has {size:,} bytes, {item.filename} has {item.size:,}",
            code="wrong-size",
            where=path,
            fix="get the whole archive",
        )
    if not item.hashes:
        return
    say(f"verifying {path}")
    hashers = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in item.hashes}
    done = 0
    try:
        with open(path, "rb") as file:
            while data := file.read(CHUNK):
                for hasher in hashers.values():
                    hasher.update(data)
                done += len(data)
                if progress is not None:
                    progress(done, size)
    except OSError as error:
        raise fault(error, path, "reading the archive") from error
    verify(path, {algorithm: hasher.hexdigest() for algorithm, hasher in hashers.items()}, item.hashes)


# -- into place -----------------------------------------------------------------------------------------


def _install(
    path: Path,
    item: Archive,
    folder: Path,
    everything: bool,
    progress: Callable[[int, int | None], None] | None,
    say: Callable[[str], None],
) -> Path:
    """Unpack the verified archive beside its place and rename it. What is unpacked is hashed once more."""
    say(f"unpacking {item.filename}" + ("" if everything else ", what segmentation needs"))
    place = folder / item.home
    wanted = _wanted(path, item, everything, say)
    need_space(folder, sum(size // _BLOCK * _BLOCK + 2 * _BLOCK for size in wanted.values()), "unpacking")
    start, notes = len(item.root) + 1, list[Finding]()
    strongest = [name for name in ("sha256", "sha1", "md5", *item.hashes) if name in item.hashes][:1]
    with staging_folder(place) as staged:
        count = unpack_into(
            path,
            staged,
            select=lambda member: member[start:] if member in wanted else None,
            notes=notes,
            hashes={algorithm: item.hashes[algorithm] for algorithm in strongest},
            progress=progress,
        )
        for note in notes:
            say(str(note))
        mark = {
            "name": item.name,
            "archive": item.filename,
            "hashes": {algorithm: list(digests) for algorithm, digests in item.hashes.items()},
            "everything": everything,
            "files": count,
        }
        try:
            (staged / MARK).write_text(json.dumps(mark, indent=1) + "\n")
        except OSError as error:
            raise fault(error, staged, "writing the mark") from error
        first = publish(staged, place, replace=everything)
    say(f"{item.name} is in place: {place} ({count:,} files)" if first else "another process was first")
    return place


def _wanted(path: Path, item: Archive, everything: bool, say: Callable[[str], None]) -> dict[str, int]:
    """The files of the archive to unpack, with their sizes.

    The lists decide which images are needed, and may come after the images in the archive. Unpacking
    everything and deleting the rest would write 1.7 GB of VOC2012 for nothing, so the headers are read first:
    of a plain tar nothing else is, and a hostile archive is refused before a byte is written.
    """
    root = item.root + "/"
    lists = root + "ImageSets/Segmentation/"
    sizes, texts = scan(path, lambda member: member.startswith(lists) and member.endswith(".txt"))
    below = {member: size for member, size in sizes.items() if member.startswith(root)}
    lines = (line.split() for text in texts.values() for line in text.decode("utf-8", "replace").splitlines())
    ids = {words[0] for words in lines if words}
    if not ids:
        raise FileError(f"the archive has no lists in {lists}", code="missing-lists", where=path)
    absent = sum(f"{root}JPEGImages/{i}.jpg" not in below for i in ids)
    if absent:
        say(f"the archive lacks {absent:,} of the {len(ids):,} listed images")
    if everything:
        return below
    whole = (lists, f"{root}SegmentationClass/", f"{root}SegmentationObject/")
    listed = {f"{root}JPEGImages/{i}.jpg" for i in ids} | {f"{root}Annotations/{i}.xml" for i in ids}
    return {member: size for member, size in below.items() if member.startswith(whole) or member in listed}
