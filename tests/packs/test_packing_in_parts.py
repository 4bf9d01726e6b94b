"""Packs that several processes write: the same bytes as one writes, whoever dies or works twice."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from tests.support.pools import Pickling
from tests.support.program import run
from tests.support.two_splits import opened

SHARD_BYTES = 6_000


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def dataset(tmp_path: Path) -> pw.Dataset:
    return opened("toml", tmp_path / "data")


@pytest.fixture
def whole(dataset: pw.Dataset, tmp_path: Path) -> dict[str, bytes]:
    pw.pack(dataset, tmp_path / "whole", shard_bytes=SHARD_BYTES)
    return files(tmp_path / "whole")


def part(dataset: pw.Dataset, out: Path, k: int, n: int, **options: Any) -> pw.Dataset | None:
    return pw.pack(dataset, out, shard_bytes=SHARD_BYTES, part=(k, n), **options)


def test_there_are_several_shards(whole: dict[str, bytes]) -> None:
    assert sum("shard-" in name for name in whole) >= 3


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))), ids=str)
def test_the_last_part_finishes_the_pack(
    order: tuple[int, ...], dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for k in order:
        assert not (out / "manifest.json").exists()
        done: list[tuple[int, int]] = []
        made = part(dataset, out, k, 3, progress=lambda *n, done=done: done.append(n))  # type: ignore[misc]
        assert done == sorted(done)
        assert not done or done[-1][0] == done[-1][1]
        if k != order[-1]:
            assert made is None
            with pytest.raises(pw.DataError) as caught:
                pw.open(out)
            assert caught.value.code == "unfinished-pack"
    assert made is not None
    assert files(out) == whole
    assert part(dataset, out, 2, 3) is not None, "there is nothing left to do"
    assert files(out) == whole


def test_more_parts_than_shards_and_parts_that_are_run_twice(
    dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path
) -> None:
    n = sum("shard-" in name for name in whole)
    made = [part(dataset, tmp_path / "out", k, n + 5) for k in (*range(1, n), 1, 2, n + 2, n, n + 3)]
    assert [m is not None for m in made[-2:]] == [True, True]
    assert not any(made[:-2])
    assert files(tmp_path / "out") == whole


def test_a_part_that_was_killed_is_run_again(dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert part(dataset, out, 2, 2) is None
    code = (
        "import sys, os, pixelwise as pw\n"
        "from pixelwise.packs.shards import ShardFile\n"
        "ShardFile.finish = lambda self: os._exit(9)\n"
        f"pw.pack(sys.argv[1], sys.argv[2], shard_bytes={SHARD_BYTES}, part=(1, 2))\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(dataset.root), str(out)], check=False)
    assert died.returncode == 9
    assert any(".part" in name for name in files(out)), "it left a file"
    assert part(dataset, out, 1, 2) is not None
    assert files(out) == whole


def test_a_damaged_shard_is_not_taken_and_its_part_writes_it_again(
    dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    part(dataset, out, 1, 2)
    shard = next(out.glob("*/shard-00000.arrow"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    assert part(dataset, out, 2, 2) is None
    assert not (out / "manifest.json").exists()
    assert part(dataset, out, 1, 2) is not None
    assert files(out) == whole


def test_parts_at_once(dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path) -> None:
    call = f"pw.pack(*sys.argv[1:3], shard_bytes={SHARD_BYTES}, part=(int(sys.argv[3]), 3))"
    code = f"import sys, pixelwise as pw; {call}"
    given = [sys.executable, "-c", code, str(dataset.root), str(tmp_path / "out")]
    running = [subprocess.Popen([*given, str(k)]) for k in (1, 2, 3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert files(tmp_path / "out") == whole


def test_another_pool_writes_whole_shards(dataset: pw.Dataset, whole: dict[str, bytes], tmp_path: Path) -> None:
    pool = Pickling()
    pw.pack(dataset, tmp_path / "out", shard_bytes=SHARD_BYTES, pool=pool)
    assert "write_one" in pool.works
    assert files(tmp_path / "out") == whole


def test_the_command(tmp_path: Path) -> None:
    dataset = opened("toml", tmp_path / "data")
    first = run("pack", dataset.root, tmp_path / "out", "--part", "2/2", "--json")
    assert (first.returncode, json.loads(first.stdout)["complete"]) == (0, False)
    assert "finishes the pack" in run("pack", dataset.root, tmp_path / "out", "--part", "2/2").stdout
    last = run("pack", dataset.root, tmp_path / "out", "--part", "1/2")
    assert last.returncode == 0, last.stderr
    assert run("verify", tmp_path / "out").returncode == 0
    wrong = run("pack", dataset.root, tmp_path / "out", "--part", "0/2")
    assert (wrong.returncode, "such as 3/16, got '0/2'" in wrong.stderr) == (2, True)
