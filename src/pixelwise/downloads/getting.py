"""Get a dataset, from the network or from an archive at hand: resumed, verified, unpacked, whole or not at all.

    download("voc2012", "data")   ->   data/VOCdevkit/VOC2012

The hash of the whole archive decides what is accepted, so plain HTTP and unofficial mirrors do no harm.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import FileError, MissingError, PixelwiseError, SystemFault, UnknownNameError
from ..files import disk_error, nearest_hint
from ..types import Progress
from .archives import ARCHIVES, Archive
from .http import Part, Patience, Transfer, mismatch
from .unpack import Contents, discard, new_folder, open_archive, unfinished

# A lock of the kernel, because it ends with its owner, however that ends: no killed process blocks others, and
# no heartbeat or process number has to be believed. Windows has no flock; msvcrt locks a byte instead.
if sys.platform == "win32":
    import msvcrt

    def _flock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _flock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


MARK = ".pixelwise-download.json"
"""The file in a downloaded dataset that names the archive it came from, and whether all of it was unpacked."""

_BLOCK = 4096  # what a file system allocates
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
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    patience: Patience | None = None,
) -> Path:
    """Get a dataset into `directory`; the path of its folder, which `pixelwise.open` opens.

    name: a key of ARCHIVES, or an Archive. archive: a file that you got yourself; it is verified, and not
    removed. everything: all files, not only those of segmentation: the lists of ImageSets/Segmentation,
    SegmentationClass, SegmentationObject, and of JPEGImages and Annotations those that the lists name.
    keep_archive: leave the archive in `directory`; such a file, there under its own name, is used instead
    of the network. mirrors: URLs to use instead of the table's; one that ends in / gets the file's name.
    progress: called with (bytes so far, bytes in all or None), from zero for each step: download,
    verification, unpacking. say: receives each step as a sentence, before it begins.

    The folder appears whole or not at all. A second call does nothing. The next call resumes one that was
    interrupted in any way. Of several processes one works, and the others wait for it. Memory is bounded.

    Raises UnknownNameError; DownloadError if no mirror delivers (see `Transfer`); SystemFault for the disk,
    before anything is fetched if the space is known not to suffice, and `destination-exists` for a folder that
    is not a dataset; FileError for a file given as `archive` that is not the right one (`hash-mismatch`,
    `wrong-size`, and the codes of `open_archive`).
    """
    item = ARCHIVES.get(name.lower()) if isinstance(name, str) else name
    if item is None:
        what, fix = f"no dataset named {name!r} can be downloaded", f"the names are: {', '.join(ARCHIVES)}"
        raise UnknownNameError(what, code="unknown-dataset", fix=fix)
    job = _Job(item, Path(directory), everything, progress or (lambda *_: None), say or (lambda _: None))
    there = job.is_there()
    if there and not job.has_leftovers():
        return job.place
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        busy = f"another process is downloading {item.name}; waiting for it"
        with _locked(job.hidden("lock"), busy=None if there else partial(job.say, busy)) as locked:
            if locked:
                discard(job.place)
                if there or job.is_there():  # by now, thanks to another process
                    job.remove_used_part()
                else:
                    job.run(archive, keep_archive, mirrors, patience or Patience())
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        if not there:
            raise disk_error(error, error.filename or job.folder, f"getting {item.name}") from error
    return job.place


@dataclass(frozen=True)
class _Job:
    """One call of `download`."""

    item: Archive
    folder: Path
    everything: bool
    progress: Progress
    say: Callable[[str], None]

    @property
    def place(self) -> Path:
        return self.folder / self.item.home

    def hidden(self, kind: str) -> Path:
        return self.folder / f".{self.item.filename}.{kind}"

    def is_there(self) -> bool:
        """Is the dataset complete in its place? SystemFault `destination-exists` if something else is there."""
        place = self.place
        if not place.is_dir() or not any(place.iterdir()):
            return False
        has_all = self._has_all()
        if has_all is False and self.everything:
            return False
        if has_all is not None:
            self.say(f"{self.item.name} is there already: {place}")
            return True
        if (place / "ImageSets" / "Segmentation").is_dir() and (place / "JPEGImages").is_dir():
            self.say(f"{place} is there already, not made by this command: left as it is, not verified")
            return True
        what, fix = "there is already a folder that is not a VOC dataset", "move it away or choose another directory"
        raise SystemFault(what, code="destination-exists", where=place, fix=fix)

    def _has_all(self) -> bool | None:
        """What the mark says; None without one."""
        try:
            return bool(json.loads((self.place / MARK).read_text())["everything"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def has_leftovers(self) -> bool:
        """Did a killed process leave something, or is one at work?"""
        return self.hidden("lock").exists() or self.hidden("part").exists() or bool(unfinished(self.place))

    def remove_used_part(self) -> None:
        """Remove the part that the dataset was made from; a newer one belongs to a download of everything."""
        part, mark = self.hidden("part"), self.place / MARK
        if part.exists() and mark.exists() and (self._has_all() or part.stat().st_mtime <= mark.stat().st_mtime):
            Part(part).remove()

    def run(self, archive: str | Path | None, keep: bool, mirrors: Sequence[str] | None, patience: Patience) -> None:
        """Find or fetch the archive, verify it, and unpack it."""
        at_hand = self.folder / self.item.filename if archive is None else Path(archive)
        if archive is not None or at_hand.is_file():
            try:
                self._verify(at_hand)
            except FileError as error:
                if archive is not None:
                    raise
                self.say(f"{error.message}: {at_hand} is left alone")
            else:
                self._install(at_hand)
                return
        part = Part(self.hidden("part"))
        self._fetch(part, mirrors, patience)
        try:
            self._install(part.path.replace(at_hand) if keep and not at_hand.exists() else part.path)
        except FileError:
            part.remove()  # it would be as wrong the next time
            raise
        part.remove()

    def _verify(self, path: Path) -> None:
        """FileError if `path` is not the archive."""
        filename, expected = self.item.filename, self.item.size
        if path.is_dir():
            raise FileError("is a folder", code="not-a-file", where=path, fix=f"give the archive, {filename}")
        if not path.is_file():
            raise MissingError("there is no such file", code="missing-file", where=path, fix=nearest_hint(path))
        size = path.stat().st_size
        if expected not in (None, size):
            what = f"the file has {size:,} bytes, {filename} has {expected:,}"
            raise FileError(what, code="wrong-size", where=path, fix="get the whole archive")
        self.say(f"verifying {path}")
        if wrong := mismatch(path, self.item.hashes, self.progress):
            raise FileError(wrong, code="hash-mismatch", where=path, fix="get the archive again")

    def _fetch(self, part: Part, mirrors: Sequence[str] | None, patience: Patience) -> None:
        item = self.item

        def need(coming: int) -> None:
            unpacked = (item.size or coming) if self.everything or not item.images else item.images * _PER_IMAGE
            self._need_space(coming + unpacked, f"downloading and unpacking {item.name}")

        if item.size is not None:
            need(max(0, item.size - part.size))
        urls = item.urls if mirrors is None else [m + item.filename if m.endswith("/") else m for m in mirrors]
        algorithm, digests = next(iter(item.hashes.items()))
        facts = (f"{item.size:,} bytes, " if item.size else "") + f"{algorithm.upper()} {' or '.join(digests)}"
        command = f"pixelwise download {item.name} {self.folder} --archive FILE"
        by_hand = f"get {item.filename} by other means ({facts}), then: {command}"
        transfer = Transfer(part, urls, item.size, item.hashes, patience, self.progress, self.say, need)
        transfer.run(item.name, by_hand)

    def _install(self, path: Path) -> None:
        """Unpack the verified archive beside its place and rename it."""
        item = self.item
        self.say(f"unpacking {item.filename}" + ("" if self.everything else ", what segmentation needs"))
        with open_archive(path) as contents:
            for code, what in contents.notes:
                self.say(f"{path}: {what} [{code}]")
            wanted = self._wanted(contents)
            sizes = [contents.files[name].size for name in wanted]
            self._need_space(sum(size // _BLOCK * _BLOCK + 2 * _BLOCK for size in sizes), "unpacking")
            with new_folder(self.place, replace=self.everything) as tree:
                contents.extract(wanted, tree, self.progress)
                facts = {"name": item.name, "archive": item.filename, "files": len(wanted)}
                hashes = {algorithm: list(digests) for algorithm, digests in item.hashes.items()}
                mark = json.dumps({**facts, "hashes": hashes, "everything": self.everything}, indent=1)
                (tree / MARK).write_text(mark + "\n")
        self.say(f"{item.name} is in place: {self.place} ({len(wanted):,} files)")

    def _wanted(self, contents: Contents) -> dict[str, str]:
        """The files to unpack: path in the archive -> path in the dataset. The lists say which images are needed."""
        root, names = self.item.root + "/", contents.files.keys()
        lists = f"{root}ImageSets/Segmentation/"
        texts = [contents.open(name).read() for name in names if name.startswith(lists) and name.endswith(".txt")]
        lines = (line.split() for text in texts for line in text.decode("utf-8", "replace").splitlines())
        ids = {words[0] for words in lines if words}
        if not ids:
            raise FileError(f"the archive has no lists in {lists}", code="missing-lists")
        if absent := sum(f"{root}JPEGImages/{i}.jpg" not in names for i in ids):
            self.say(f"the archive lacks {absent:,} of the {len(ids):,} listed images")
        whole = (lists, f"{root}SegmentationClass/", f"{root}SegmentationObject/")
        listed = {f"{root}JPEGImages/{i}.jpg" for i in ids} | {f"{root}Annotations/{i}.xml" for i in ids}
        below = (name for name in names if name.startswith(root))
        wanted = (name for name in below if self.everything or name.startswith(whole) or name in listed)
        return {name: name.removeprefix(root) for name in wanted}

    def _need_space(self, needed: int, what: str) -> None:
        """SystemFault `disk-full` if the disk has fewer than `needed` bytes free."""
        if (free := shutil.disk_usage(self.folder).free) < needed:
            what = f"{what} needs {needed:,} bytes, but {free:,} are free"
            fix = "free some space or choose another folder"
            raise SystemFault(what, code="disk-full", where=self.folder, fix=fix)


# -- one process at a time ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(path: Path, *, busy: Callable[[], None] | None) -> Iterator[bool]:
    """Hold the lock file `path`. If another process has it, call `busy` and wait; without `busy`, yield False."""
    fd = _lock(path)
    if fd is None:
        if busy is None:
            yield False
            return
        busy()
    while fd is None:
        time.sleep(0.2)
        fd = _lock(path)
    try:
        yield True
    finally:
        # Remove the file before unlocking it: afterwards it may be the lock of the next process. Windows removes
        # only files that nobody has opened.
        if os.name == "nt":
            os.close(fd)
        with contextlib.suppress(OSError):
            path.unlink()
        if os.name != "nt":
            os.close(fd)


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock; None if another process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _flock(fd)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            os.close(fd)
            return None
        # Otherwise the file system has no locks: fresh names and the hash keep two processes from doing harm.
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    os.close(fd)  # another process removed the file just before it was locked
    return None
