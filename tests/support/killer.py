"""Do something over and over in a child that is killed; say what each kill left, and finish it. Prints JSON.

    python -m tests.support.killer WORK FOLDER STEPS INSTANTS SEED

Kills come at steps (before the file is opened, written, synced or renamed, before a folder is made or anything is
removed, or with half of a write on the disk): at STEPS of them, evenly spread, or at each if 0. Then INSTANTS more at
random instants. After each kill, every file that is visible must be one that an undisturbed run writes, byte for byte,
and a folder that is not complete must be refused by `open` with the way to finish it. The work is then continued,
killed again, and finished: the folder must be that of the undisturbed run, hidden files included.
"""

from __future__ import annotations

import builtins
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pixelwise as pw
from pixelwise.downloads import http, unpack
from pixelwise.downloads.archives import Archive
from pixelwise.downloads.getting import download
from pixelwise.errors import DataError
from pixelwise.files import writing
from pixelwise.files.writing import is_temporary
from tests.support.loopback import Loopback
from tests.support.packing import small, tree, voc_tree
from tests.support.tars import make_tar

WORKS = ("pack", "replace", "convert", "coco", "huggingface", "predict", "download", "unpack", "sample")
COUNT, SHARD_BYTES = 8, 10_000


@dataclass(frozen=True)
class Work:
    """run: writes into a folder, or continues there. before: what is there first, and may stay until the end."""

    run: Callable[[Path], object]
    before: Callable[[Path], object] | None = None
    opens: bool = True  # whether what it makes is a dataset


# -- what is killed -------------------------------------------------------------------------------------------


def model(images: Any) -> Any:
    return np.stack([images[:, k % 3] * (k + 1) % 1.0 for k in range(5)], axis=1)


def packing(seed: int) -> Callable[[Path], object]:
    dataset = small(COUNT, seed)
    return lambda out: pw.pack(dataset, out, shard_bytes=SHARD_BYTES, overwrite=True, threads=2)


def getting(folder: Path, at_hand: bool, until: ExitStack) -> Callable[[Path], object]:
    source = voc_tree(folder / "archived", COUNT)
    tar = folder / "voc.tar"
    tar.write_bytes(make_tar({str(p.relative_to(source)): p.read_bytes() for p in source.rglob("*.*")}, "VOC"))
    data = tar.read_bytes()
    server = until.enter_context(Loopback(data))
    item = Archive("toy", (server.url(),), "VOC", "VOC", {"md5": (hashlib.md5(data).hexdigest(),)}, len(data))
    return lambda out: download(item, out, archive=tar if at_hand else None)


def make(what: str, folder: Path, until: ExitStack) -> Work:
    if what in ("unpack", "download"):
        return Work(getting(folder, what == "unpack", until))
    if what == "predict":
        split = small(COUNT)["all"]
        return Work(lambda out: pw.predict(model, split, out, threads=2, batch_size=4), opens=False)
    if what in ("convert", "coco", "huggingface"):
        source, to = voc_tree(folder / "VOC2012", COUNT), "voc" if what == "convert" else what
        return Work(lambda out: pw.convert(source, out, to, threads=2))
    if what == "sample":
        return Work(lambda out: pw.sample(out, 2))
    return Work(packing(2), packing(1) if what == "replace" else None)


# -- how ------------------------------------------------------------------------------------------------------


class Steps:
    """Counts what changes the disk in this process, and kills it before the one of number `last`."""

    WATCHED = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "ctypes.dlopen")

    def __init__(self, last: int) -> None:
        self.last, self._numbers, self.count = last, itertools.count(1), 0
        sys.addaudithook(self._audit)
        sync = os.fsync

        def fsync(fd: int) -> None:
            self.step()
            sync(fd)

        os.fsync = fsync
        for module in (writing, http, unpack):
            vars(module)["open"] = self.open

    def is_last(self) -> bool:
        self.count = next(self._numbers)
        return self.count == self.last

    def step(self) -> None:
        if self.is_last():
            os.kill(os.getpid(), signal.SIGKILL)

    def open(self, path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        file = builtins.open(path, mode, *rest, **options)  # noqa: SIM115
        return File(file, self) if set(mode) & set("xwa") else file

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if opens or event in self.WATCHED:
            self.step()


class File:
    """A file that is being written: the last write brings half of its bytes to the disk."""

    def __init__(self, file: Any, steps: Steps) -> None:
        self._file, self._steps = file, steps

    def write(self, data: Any) -> int:
        if self._steps.is_last():
            self._file.write(memoryview(data)[: len(data) // 2])
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return int(self._file.write(data))

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def child(run: Callable[[Path], object], out: Path, *, last: int | None = None, after: float | None = None) -> int:
    """Run in a child that is killed before step `last`, or after so many seconds. Its steps; -1 if it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            steps = None if last is None else Steps(last)
            run(out)
            os.write(writing, str(0 if steps is None else steps.count).encode())
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "backslashreplace"))
            os._exit(1)
        os._exit(0)
    os.close(writing)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    said = os.read(reading, 100)
    os.close(reading)
    if os.WIFSIGNALED(status):
        return -1
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("it failed instead of being killed")
    return int(said)


# -- what must hold -------------------------------------------------------------------------------------------


def contents(out: Path) -> dict[str, bytes]:
    """All files of a folder; none if it is not there."""
    return tree(out) if out.exists() else {}


def visible(found: dict[str, bytes]) -> dict[str, bytes]:
    """Those that a user sees: neither hidden nor in a hidden folder."""
    return {path: data for path, data in found.items() if not any(part.startswith(".") for part in Path(path).parts)}


def state(work: Work, out: Path, whole: dict[str, bytes], old: dict[str, bytes]) -> str:
    """ "nothing", "unfinished", "old" or "whole". Anything else ends the program."""
    begun = [path for path in contents(out) if not any(map(is_temporary, Path(path).parts))]
    found = visible(contents(out))
    for path, data in found.items():
        if data not in (whole.get(path), old.get(path)):
            raise SystemExit(f"{path} is half written, or foreign")
    complete = visible(whole).items() <= found.items()
    try:
        dataset = pw.open(out)
    except DataError as error:
        if old:
            raise SystemExit(f"the old one is gone: {error}") from None
        if error.code.startswith("unfinished-"):
            return "unfinished"
        if error.code == "no-dataset" and complete and not work.opens:
            return "whole"
        if error.code not in ("no-dataset", "missing-file") or begun:
            raise SystemExit(f"it does not say how to finish it: {error}") from None
        return "nothing"
    if complete:
        return "whole"
    if old and old.items() <= found.items():
        return "old"
    raise SystemExit(f"half of it opens, as {dataset.format}")


def kill(work: Work, out: Path, undisturbed: tuple[dict[str, bytes], dict[str, bytes]], kills: list[dict[str, Any]],
         left: Counter[str]) -> None:  # fmt: skip
    """Kill the same work several times, then let it finish."""
    whole, old = undisturbed
    shutil.rmtree(out, ignore_errors=True)
    if work.before is not None:
        work.before(out)
    for how in kills:
        struck = child(work.run, out, **how) < 0
        now = state(work, out, whole, old)
        left[("killed, " if struck else "done, ") + now] += 1
        if not struck and now != "whole":
            raise SystemExit(f"it ended well, and left {now}")
    child(work.run, out)
    if (end := contents(out)) != whole:
        lost, new = set(whole) - set(end), set(end) - set(whole)
        wrong = [p for p in whole if p in end and end[p] != whole[p]]
        raise SystemExit(f"not as an undisturbed run: lost {lost}, new {new}, different {wrong}, after {kills}")
    if litter := [str(p) for p in out.parent.rglob("*") if is_temporary(p.name)]:
        raise SystemExit(f"left over: {litter[:5]}")


def main(what: str, folder: Path, wanted: int, instants: int, seed: int) -> None:
    os.environ["PIXELWISE_CACHE"] = str(folder / "cache")
    rng, left = random.Random(seed), Counter[str]()
    with ExitStack() as until:
        work, out, old = make(what, folder, until), folder / "out", dict[str, bytes]()
        if work.before is not None:
            work.before(out)
            old = contents(out)
        work.run(folder / "warm")  # imports what the children need
        steps = child(work.run, out, last=0)
        whole, seconds = contents(out), []
        for _ in range(3):
            shutil.rmtree(out)
            began = time.perf_counter()
            child(work.run, out)
            seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
        evenly = {1 + (steps - 1) * k // max(1, wanted - 1) for k in range(wanted)}
        for last in sorted(evenly or range(1, steps + 1)):
            kill(work, out, (whole, old), [{"last": last}, {"last": rng.randint(1, steps)}], left)
        at_steps = killed(left)
        for _ in range(20 * instants):
            if killed(left) >= at_steps + instants:
                break
            kills = [{"after": rng.uniform(0, 1.2 * min(seconds))} for _ in range(rng.randint(1, 3))]
            kill(work, out, (whole, old), kills, left)
    took = round(time.perf_counter() - began, 1)
    kills = {"at steps": at_steps, "steps": steps, "at instants": killed(left) - at_steps}
    print(json.dumps({**kills, "left": left, "seconds": took}))


def killed(left: Counter[str]) -> int:
    return sum(n for how, n in left.items() if how.startswith("killed"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6]))
