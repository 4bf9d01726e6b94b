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
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LOG, FileError, MissingError, PixelwiseError, SystemFault, UnknownNameError
from ..files.addresses import local_path
from ..files.reading import disk_error, nearest_hint, read_bytes
from ..hints import hinted, meant
from ..types import Progress
from .archives import ARCHIVES, Archive
from .unpack import Contents, discard, new_folder, open_archive

if TYPE_CHECKING:
    from .http import Patience

# A kernel lock ends with its process, so a killed one never blocks others. Windows lacks flock; msvcrt locks a byte.
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

_BLOCK = 4096  # bytes that a file needs on the disk besides its size
# Image, two labels and annotation on the disk: VOC2012's images have 92 kB on average, its labels 3.4 kB.
_PER_IMAGE = 120_000


def _log(step: str) -> None:
    LOG.info(step)


@hinted
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

    name: a key of ARCHIVES, or an Archive. archive: a file that you got yourself; it is verified, and not removed.
    everything: all files, not only those of segmentation: the lists of ImageSets/Segmentation, SegmentationClass,
    SegmentationObject, and of JPEGImages and Annotations those that the lists name. keep_archive: leave the archive
    in `directory`; if it is there under its own name, it is used instead of the network. mirrors: URLs to use
    instead of the table's; one that ends in / gets the file's name. progress: called with (bytes so far, bytes in
    all or None), from zero for each step: download, verification, unpacking. say: receives each step as a sentence.

    The folder appears whole or not at all. A second call does nothing. The next call resumes one that was
    interrupted in any way. Of several processes one works, and the others wait for it. Memory is bounded.

    Raises UnknownNameError; DownloadError if no mirror delivers (see `Transfer`); SystemFault for the disk (if
    possible before anything is fetched), and `destination-exists` for a folder that is not a dataset; FileError
    for a wrong `archive` (`hash-mismatch`, `wrong-size`, and the codes of `open_archive`).
    """
    item = ARCHIVES.get(name.lower()) if isinstance(name, str) else name
    if item is None:
        what = f"no dataset named {name!r} can be downloaded"
        fix = f"{meant(name, ARCHIVES)}the names are: {', '.join(ARCHIVES)}"
        raise UnknownNameError(what, code="unknown-dataset", fix=fix)
    job = _Job(item, local_path(directory, "download"), everything, progress or (lambda *_: None), say or _log)
    there = job.is_there()
    if there and not (job.lock.exists() or job.part.exists()):  # left by a killed process, or one is at work
        return job.place
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        busy = f"another process is downloading {item.name}; waiting for it"
        with _locked(job.lock, busy=None if there else lambda: job.say(busy)) as locked:
            if locked:
                discard(job.place)
                if there or job.is_there():  # by now, thanks to another process
                    job.remove_used_part()
                else:
                    job.run(archive, keep_archive, mirrors, patience)
    except OSError as error:
        if isinstance(error, PixelwiseError):
            raise
        if not there:
            raise disk_error(error, error.filename or job.folder, f"getting {item.name}") from error
    return job.place


class _Job:
    """One call of `download`."""

    def __init__(
        self, item: Archive, folder: Path, everything: bool, progress: Progress, say: Callable[[str], None]
    ) -> None:
        self.item, self.folder, self.everything, self.progress, self.say = item, folder, everything, progress, say
        self.place = folder / item.home
        self.lock = folder / f".{item.filename}.lock"
        self.part = folder / f".{item.filename}.part"

    def is_there(self) -> bool:
        """Is the dataset complete in its place? SystemFault `destination-exists` if something else is there."""
        place, has_all = self.place, self._has_all()
        if not place.is_dir() or not any(place.iterdir()) or (self.everything and has_all is False):
            return False
        if has_all is not None:
            self.say(f"{self.item.name} is there already: {place}")
        elif (place / "ImageSets" / "Segmentation").is_dir() and (place / "JPEGImages").is_dir():
            self.say(f"{place} is there already, not made by this command: left as it is, not verified")
        else:
            what, fix = "the folder exists and is not a VOC dataset", "move it away or choose another directory"
            raise SystemFault(what, code="destination-exists", where=place, fix=fix)
        return True

    def _has_all(self) -> bool | None:
        """What the mark says; None without one."""
        try:
            return bool(json.loads(read_bytes(self.place / MARK))["everything"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove_used_part(self) -> None:
        """Remove the part that the dataset was made from; a newer one belongs to a download of everything."""
        part, mark = self.part, self.place / MARK
        if part.exists() and mark.exists() and (self._has_all() or part.stat().st_mtime <= mark.stat().st_mtime):
            part.unlink(missing_ok=True)

    def run(
        self, archive: str | Path | None, keep: bool, mirrors: Sequence[str] | None, patience: Patience | None
    ) -> None:
        """Find or fetch the archive, verify it, and unpack it."""
        own = self.folder / self.item.filename
        if archive is not None or own.is_file():
            at_hand = own if archive is None else Path(archive)
            problem = self._problem(at_hand)
            if problem is None:
                self._install(at_hand)
                return
            if archive is not None:
                raise problem
            self.say(f"{problem.message}: {own} is left alone")
        self._fetch(mirrors, patience)
        try:
            self._install(self.part.replace(own) if keep and not own.exists() else self.part)
        except FileError:
            self.part.unlink(missing_ok=True)  # it would be as wrong the next time
            raise
        self.part.unlink(missing_ok=True)

    def _problem(self, path: Path) -> FileError | None:
        """The error of a file that is not the archive."""
        filename, expected = self.item.filename, self.item.size
        if path.is_dir():
            return FileError("is a folder", code="not-a-file", where=path, fix=f"give the archive, {filename}")
        if not path.is_file():
            return MissingError("there is no such file", code="missing-file", where=path, fix=nearest_hint(path))
        size = path.stat().st_size
        if expected not in (None, size):
            what = f"the file has {size:,} bytes, {filename} has {expected:,}"
            return FileError(what, code="wrong-size", where=path, fix="get the whole archive")
        self.say(f"verifying {path}")
        wrong = self.item.mismatch(path, self.progress)
        return FileError(wrong, code="hash-mismatch", where=path, fix="get the archive again") if wrong else None

    def _fetch(self, mirrors: Sequence[str] | None, patience: Patience | None) -> None:
        from .http import Patience, Transfer

        item = self.item

        def need(coming: int) -> None:
            unpacked = (item.size or coming) if self.everything or not item.images else item.images * _PER_IMAGE
            self._need_space(coming + unpacked, f"downloading and unpacking {item.name}")

        transfer = Transfer(item, self.part, patience or Patience(), self.progress, self.say, need)
        urls = item.urls if mirrors is None else [m + item.filename if m.endswith("/") else m for m in mirrors]
        algorithm, digests = next(iter(item.hashes.items()))
        facts = (f"{item.size:,} bytes, " if item.size else "") + f"{algorithm.upper()} {' or '.join(digests)}"
        command = f"pixelwise download {item.name} {self.folder} --archive FILE"
        transfer.run(urls, f"get {item.filename} by other means ({facts}), then: {command}")

    def _install(self, path: Path) -> None:
        """Unpack the verified archive beside its place and rename it."""
        item = self.item
        self.say(f"unpacking {item.filename}" + ("" if self.everything else ", what segmentation needs"))
        with open_archive(path) as contents:
            for code, what in contents.notes:
                self.say(f"{path}: {what} [{code}]")
            wanted = self._wanted(contents)
            self._need_space(sum(contents.files[name].size + _BLOCK for name in wanted), "unpacking")
            with new_folder(self.place, replace=self.everything) as tree:
                contents.extract(wanted, tree, self.progress)
                mark = {"name": item.name, "archive": item.filename, "files": len(wanted)}
                mark |= {"hashes": {k: list(v) for k, v in item.hashes.items()}, "everything": self.everything}
                (tree / MARK).write_text(json.dumps(mark, indent=1) + "\n")
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
        folders = (root,) if self.everything else (lists, f"{root}SegmentationClass/", f"{root}SegmentationObject/")
        listed = {f"{root}JPEGImages/{i}.jpg" for i in ids} | {f"{root}Annotations/{i}.xml" for i in ids}
        return {name: name.removeprefix(root) for name in names if name.startswith(folders) or name in listed}

    def _need_space(self, needed: int, what: str) -> None:
        """SystemFault `disk-full` if the disk has fewer than `needed` bytes free."""
        if (free := shutil.disk_usage(self.folder).free) < needed:
            what, fix = f"{what} needs {needed:,} bytes, but {free:,} are free", "free some or choose another folder"
            raise SystemFault(what, code="disk-full", where=self.folder, fix=fix)


@contextlib.contextmanager
def _locked(path: Path, *, busy: Callable[[], None] | None) -> Iterator[bool]:
    """Hold the lock file `path`. If another process has it, call `busy` and wait; without `busy`, yield False."""
    fd = _lock(path)
    if fd is None and busy:
        busy()
    while fd is None and busy:
        time.sleep(0.2)
        fd = _lock(path)
    try:
        yield fd is not None
    finally:
        if fd is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # before unlocking it: afterwards it may be the lock of the next process
            os.close(fd)
            if os.name == "nt":  # Windows removes only files that no process has open
                with contextlib.suppress(OSError):
                    path.unlink()


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock; None if another process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    taken = False
    with contextlib.suppress(OSError):  # without locks of the file system, fresh names and the hash prevent harm
        try:
            _flock(fd)
        except OSError as error:
            taken = error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)
        # The file may have been removed by its last owner just before it was locked.
        if not taken and os.path.samestat(os.fstat(fd), os.stat(path)):
            return fd
    os.close(fd)
    return None
