"""Packing that is killed, or whose disk fails: the old pack or a whole new one, never a readable half."""

from __future__ import annotations

import builtins
import errno
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import DataError, SystemFault
from pixelwise.files import writing
from tests.support.packing import assert_equal, small, tree
from tests.support.places import REPOSITORY

SHARD_BYTES = 20_000


class Disk:
    """Counts the operations that change the disk, and lets one of them fail; all after it too, if it `stays` broken."""

    def __init__(self, fail_at: int | None, stays: bool) -> None:
        self.fail_at = fail_at
        self.stays = stays
        self.log: list[str] = []

    def step(self, what: str) -> None:
        self.log.append(what)
        n = len(self.log) - 1
        if self.fail_at is not None and (n == self.fail_at or (self.stays and n > self.fail_at)):
            raise OSError(errno.ENOSPC, "No space left on device")


class File:
    """A file whose writes go through the disk; one that fails has written half."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file = file
        self._disk = disk

    def write(self, data: Any) -> int:
        try:
            self._disk.step("write")
        except OSError:
            self._file.write(memoryview(data)[: len(data) // 2])
            raise
        return int(self._file.write(data))

    def __enter__(self) -> File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def faulty(disk: Disk) -> Iterator[None]:
    real = {name: getattr(os, name) for name in ("fsync", "replace", "mkdir")}

    def wrap(name: str) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            disk.step(name)
            return real[name](*args, **options)

        return call

    def open_file(path: Any, mode: str = "r", *args: Any) -> Any:
        if "x" not in mode:
            return builtins.open(path, mode, *args)
        disk.step("create")
        return File(builtins.open(path, mode, *args), disk)

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(os, name, wrap(name))
        patch.setattr(writing, "open", open_file, raising=False)
        yield


def pack(out: Path, seed: int, disk: Disk) -> None:
    with faulty(disk):
        pw.pack(small(12, seed), out, shard_bytes=SHARD_BYTES, overwrite=True, threads=1)


def steps(tmp_path: Path) -> list[str]:
    """What a packing does to the disk."""
    disk = Disk(None, False)
    pack(tmp_path / "count.pack", 2, disk)
    return disk.log


def test_the_steps_are_seen(tmp_path: Path) -> None:
    log = steps(tmp_path)
    assert log.count("replace") == 2 + 3 + 1, "shards, tables, manifest"
    assert log.count("create") == 6
    assert log.count("fsync") >= 12
    assert log.count("write") > 30
    assert log[-2:] == ["replace", "fsync"]


@pytest.mark.parametrize(("old", "stays"), [(False, False), (True, True)])
def test_a_fault_at_every_step(tmp_path: Path, old: bool, stays: bool) -> None:
    steps(tmp_path)
    for n in itertools.count():
        out = tmp_path / f"{n}.pack"
        if old:
            pw.pack(small(12, 1), out, shard_bytes=SHARD_BYTES)
        disk = Disk(n, stays)
        try:
            pack(out, 2, disk)
        except SystemFault as error:
            assert error.code == "cannot-write", disk.log
        else:
            assert n >= len(disk.log) > 40
            break
        assert list(out.rglob("*.part")) == [], "what was begun is removed"
        committed = disk.log[n] == "fsync" and "replace" in disk.log[:n] and disk.log[n - 1] == "replace"
        try:
            split = pw.open(out)["all"]
        except DataError as error:
            assert not old, error
            assert error.code in ("unfinished-pack", "missing-file", "no-dataset")
        else:
            seed = 1 if old and not np.array_equal(split[0].image, small(12, 2)["all"][0].image) else 2
            assert old or committed, "only the sync after the last rename fails with the pack in place"
            assert_equal(small(12, seed)["all"], split)
            assert not pw.verify(out)
        pack(out, 2, Disk(None, False))
        assert tree(out).items() >= tree(tmp_path / "count.pack").items()


def test_memory_while_packing_large_images(tmp_path: Path) -> None:
    """48 images of 12 MB, 768 MB of records: two batches per thread and what is being written, not the dataset."""
    code = f"""
import resource, sys
sys.path.insert(0, {str(REPOSITORY / "tests")!r})
import numpy as np, pixelwise as pw
from tests.support.packing import ArraySource, dataset_of, table

class Large(ArraySource):
    def sizes(self, indices=None):
        return np.full((48 if indices is None else len(indices), 2), (1000, 4000))
    def read(self, index, window=None, *, clock=None, notes=None):
        return pw.Sample(str(index), np.full((1000, 4000, 3), index, np.uint8), np.zeros((1000, 4000), np.uint8))

tiny = pw.Sample("", np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
class Names(Large):
    names = [str(i) for i in range(48)]
small = dataset_of(ArraySource([tiny], True), table(3), {{"all": None}})
pw.pack(small, {str(tmp_path / "warm.pack")!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pw.pack(dataset_of(Names([tiny] * 48, True), table(3), {{"all": None}}), {str(tmp_path / "a.pack")!r}, threads=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1024 < 200
