"""A pipe or a folder where a file should be: an error or a finding in every format, and never a wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY
from tests.support.two_splits import WRITERS

# A hang must end: the program says where it waits, and ends. `open` and `check` may only raise their own errors.
PROGRAM = """
import contextlib, faulthandler, os, shutil, sys
from pathlib import Path
import pixelwise as pw
from tests.support.two_splits import WRITERS, write

KINDS = {"pipe": os.mkfifo, "folder": os.mkdir}

def looked_at(root):
    faulthandler.dump_traceback_later(20, exit=True)
    with contextlib.suppress(pw.PixelwiseError):
        pw.check(pw.open(root), threads=1)

def tried(good, bad, path, kind):
    print(good.name, kind, path, flush=True)
    shutil.copytree(good, bad)
    (bad / path).unlink(missing_ok=True)
    (bad / path).parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](bad / path)
    looked_at(bad)
    shutil.rmtree(bad)

work, stray = Path(sys.argv[1]), sys.argv[2:]
for name in WRITERS:
    good = work / name
    write(name, good)
    files = [p.relative_to(good) for p in sorted(good.rglob("*")) if p.is_file()]
    first = {(p.parent, p.suffix): p for p in reversed(files)}  # one of each folder and ending
    for path in first.values():
        tried(good, work / "bad", path, "pipe")
    tried(good, work / "bad", files[0], "folder")
    for path in stray if name == "voc" else ():
        for kind in KINDS:
            tried(good, work / "bad", path, kind)
"""
STRAY = [
    "a.json", "annotations.xml", "annotations/a.json", "meta.json", "data.yaml", "dataset.yaml", "train.csv",
    "classes.txt", "class_names.txt", "labelmap.txt", "pixelwise.toml", "manifest.json", "images/a.json",
    "Annotations/a.xml", "metadata.jsonl", ".pixelwise-convert.json", ".pixelwise-prediction.json", "._pixelwise",
    "data/train-00000-of-00001.parquet",
]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path), *STRAY]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}\n{done.stderr[-3000:]}"
    assert len({line.rsplit(" ", 2)[0] for line in done.stdout.splitlines()}) == len(WRITERS)
