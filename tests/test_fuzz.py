"""Every parser takes its corpus, and seeded damage to it: only PixelwiseErrors, little work, little memory, no growth.

`.ci/fuzz` runs the same targets for longer, by atheris if it is there.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from fuzz import CORPUS
from fuzz.cost import MOST_BYTES, MOST_LINES, cost
from fuzz.mutating import mutants
from fuzz.seeds import MAKERS
from fuzz.targets import MAX_PIXELS, TARGETS
from tests.support.places import REPOSITORY

MUTANTS = 150
UNSAFE = {"tables": "Arrow reads these; damage is tried in a process of its own, by .ci/fuzz"}
KERNELS = ("png", "tiff", "yolo", "coco", "labelme", "datumaro", "brush")
"""The targets whose bytes reach a kernel."""


@pytest.fixture(autouse=True)
def _limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", str(MAX_PIXELS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about what is damaged
        yield


def corpus(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


def test_every_target_has_a_corpus() -> None:
    assert set(TARGETS) == set(MAKERS) == {path.name for path in CORPUS.iterdir()}
    assert all(len(corpus(name)) >= 9 for name in TARGETS)
    assert sum(len(data) for name in TARGETS for data in corpus(name).values()) < 500_000


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_of_the_corpus_costs_much(name: str) -> None:
    for data in corpus(name).values():  # kernels are compiled, modules loaded
        TARGETS[name](data)
    for label, data in corpus(name).items():
        took = cost(lambda data=data: TARGETS[name](data))
        assert took.lines < MOST_LINES, f"{label}: {took.lines:,} lines"
        assert took.peak < MOST_BYTES, f"{label}: {took.peak:,} bytes"


@pytest.mark.parametrize("name", sorted(set(TARGETS) - set(UNSAFE)))
def test_damage_raises_our_errors_only(name: str) -> None:
    for data in islice(mutants([*corpus(name).values()], seed=12), MUTANTS):
        try:
            TARGETS[name](data)
        except BaseException as error:
            error.add_note(f"input: {data!r:.3000}")
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_memory_does_not_grow(name: str) -> None:
    """What a parser keeps of its inputs, after the first rounds: nothing."""
    inputs = [*corpus(name).values()]

    def held() -> int:
        for data in inputs:
            TARGETS[name](data)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    held()
    tracemalloc.start()
    try:
        held()
        before = held()
        assert held() - before < 100_000
    finally:
        tracemalloc.stop()


def test_the_corpus_and_damage_stay_inside_arrays(tmp_path: Path) -> None:
    """The same with kernels that check every index, compiled into a cache of their own."""
    code = f"""
import warnings; warnings.simplefilter("ignore")
from itertools import islice
import numpy as np
from fuzz import CORPUS
from fuzz.mutating import mutants
from fuzz.targets import TARGETS
from pixelwise import kernels
try:
    kernels.png.unfilter(np.zeros(3, np.uint8), 1, np.zeros(9, np.uint8), np.zeros((9, 9), np.uint8))
except IndexError:
    pass
else:
    raise SystemExit("kernels do not check indices")
for name in {KERNELS}:
    seeds = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
    for data in (*seeds, *islice(mutants(seeds, 7), {MUTANTS})):
        TARGETS[name](data)
        """
    paths = os.pathsep.join([str(REPOSITORY), *sys.path])
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout


# -- the tools themselves -------------------------------------------------------------------------------------


def test_mutants_are_the_same_for_the_same_seed_and_never_end() -> None:
    seeds = [b"", b"abc", bytes(100)]
    once, again, other = ([*islice(mutants(seeds, k), 300)] for k in (1, 1, 2))
    assert once == again != other
    assert len(set(once)) > 200


def test_cost_counts_lines_and_bytes() -> None:
    def loop(n: int) -> bytes:
        made = b""
        for _ in range(n):
            made = bytes(n)
        return made

    few, many = cost(lambda: loop(10)), cost(lambda: loop(10_000))
    assert 19_900 < many.lines - few.lines < 20_100  # two lines each time round
    assert many.peak - few.peak > 9_000


def test_the_runner_finds_what_a_target_raises(tmp_path: Path) -> None:
    """Without atheris: an input that fails is kept, and the exit code says so."""
    code = """
import sys
sys.modules["atheris"] = None
from fuzz import running, targets
def bad(data):
    if b"a\\n" not in data:
        raise ZeroDivisionError("no a")
targets.TARGETS["split_list"] = bad
sys.argv = ["running", "split_list", "--seconds", "1", "--found", sys.argv[1]]
running._target("split_list")
running.seeds_of = lambda name: {"good": b"a\\nb\\n"}
running.main()
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    kept = [*tmp_path.glob("split_list-*")]
    assert kept
    assert all(b"a\n" not in path.read_bytes() for path in kept)
    assert "ZeroDivisionError" in done.stdout
