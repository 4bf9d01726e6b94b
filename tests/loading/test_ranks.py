"""Processes that work together share the samples, without being told: torch.distributed, else the environment."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.loading.ranks import ranks_of

IMAGES = [np.random.default_rng(i).integers(0, 256, (6, 7, 3)).astype(np.uint8) for i in range(11)]
TABLE = pw.ClassTable(("dark", "bright"))


def split_of(n: int = 11) -> pw.Split:
    return pw.Split("val", TABLE, pw.ArraySource(IMAGES[:n], [i[..., 0] // 200 for i in IMAGES[:n]]))


def model(batch: np.ndarray) -> np.ndarray:
    return np.stack([0.5 - batch[:, 0], batch[:, 0] - 0.5], axis=1)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def environment(monkeypatch: pytest.MonkeyPatch, rank: str | None, world: str | None) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", world)):
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)


def group(monkeypatch: pytest.MonkeyPatch, rank: int, world: int) -> None:
    """A torch with an initialized process group."""
    here: dict[str, Any] = {"is_available": lambda: True, "is_initialized": lambda: True}
    distributed = types.SimpleNamespace(**here, get_rank=lambda: rank, get_world_size=lambda: world)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(distributed=distributed, Tensor=float))  # type: ignore[arg-type]


def test_alone_a_loader_has_all_samples() -> None:
    loader = pw.Loader(split_of(), 2)
    assert loader.ranks[:2] == (0, 1)
    assert "rank" not in repr(loader)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_environment_gives_each_rank_its_share(monkeypatch: pytest.MonkeyPatch, world: int) -> None:
    seen = []
    for rank in range(world):
        environment(monkeypatch, str(rank), str(world))
        loader = pw.Loader(split_of(), 2, shuffle=True)
        explicit = pw.Loader(split_of(), 2, shuffle=True, shard=(rank, world))
        assert loader.state_dict() == explicit.state_dict()
        assert loader.fingerprint == explicit.fingerprint
        assert (f"rank {rank} of {world} by RANK and WORLD_SIZE" in repr(loader)) == (world > 1)
        own = [(b.indices.tolist(), b.real.tolist()) for b in loader]
        assert own == [(b.indices.tolist(), b.real.tolist()) for b in explicit]
        seen += [i for indices, real in own for i, r in zip(indices, real, strict=True) if r]
    assert sorted(seen) == list(range(11))
    assert pw.Loader(split_of(), 2, shard=(0, 1)).ranks[:2] == (0, 1)


def test_a_process_group_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, "0", "8")
    group(monkeypatch, 1, 2)
    assert str(ranks_of("auto")) == "rank 1 of 2 by torch.distributed"
    assert "rank 1 of 2 by torch.distributed" in repr(pw.Loader(split_of(), 2))
    assert str(ranks_of((3, 4))) == "rank 3 of 4 by shard"


@pytest.mark.parametrize(
    ("rank", "world"),
    [("2", "2"), ("-1", "2"), ("0", "0"), ("x", "2"), ("0", "two"), ("1.0", "2"), ("0", None), (None, "4"), ("0", "")],
)
def test_a_bad_environment_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, rank: str, world: str) -> None:
    environment(monkeypatch, rank, world)
    for call in (
        lambda: pw.Loader(split_of(), 2), lambda: pw.predict(model, split_of(), confusion=pw.Confusion(TABLE)),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"RANK=.*WORLD_SIZE=.*shard=\(rank, world\)") as caught:
            call()
        assert caught.value.code == "bad-ranks"
    assert pw.Loader(split_of(), 2, shard=(0, 1))


@pytest.mark.parametrize(("rank", "world"), [(None, "1"), ("", ""), ("0", "1"), (" 0 ", "1")])
def test_one_process_is_no_matter(monkeypatch: pytest.MonkeyPatch, rank: str, world: str) -> None:
    environment(monkeypatch, rank, world)
    assert ranks_of("auto")[:2] == (0, 1)


@pytest.mark.parametrize("wrong", [(2, 2), (-1, 2), (0,), "all", None, 1, (0.0, 2), (True, 2), ("0", "2")])
def test_a_wrong_shard_is_refused(wrong: Any) -> None:
    for call in (
        lambda: pw.Loader(split_of(), 2, shard=wrong),
        lambda: pw.predict(model, split_of(), confusion=pw.Confusion(TABLE), shard=wrong),
    ):
        with pytest.raises(UsageError, match="shard must be"):
            call()


def test_a_group_that_comes_later_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    loader, explicit = pw.Loader(split_of(), 2), pw.Loader(split_of(), 2, shard=(0, 1))
    group(monkeypatch, 1, 2)
    with pytest.warns(pw.PixelwiseWarning, match="made for rank 0 of 1, .* rank 1 of 2 by torch.distributed") as said:
        list(loader)
    assert said[0].message.code == "other-ranks"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(explicit)
        group(monkeypatch, 0, 1)
        list(loader)


# -- predicting and scoring -----------------------------------------------------------------------------------


def test_ranks_predict_their_share_into_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    split, whole, parts = split_of(), pw.Confusion(TABLE, per_image=True), []
    pw.predict(model, split, tmp_path / "whole", confusion=whole, batch_size=2)
    for rank in range(3):
        environment(monkeypatch, str(rank), "3")
        part = pw.Confusion(TABLE, per_image=True)
        done = pw.predict(model, split, tmp_path / "shared", confusion=part, batch_size=2)
        assert done.predicted == len(range(rank, 11, 3))
        assert repr(done).endswith(f"the share of rank {rank} of 3)")
        assert done.to_dict()["shard"] == [rank, 3]
        parts.append(part)
    assert np.array_equal(sum(p.counts for p in parts), whole.counts)
    names = [name for part in parts for name in part.images.names]
    assert sorted(names) == sorted(split.names)
    files = sorted(p.name for p in (tmp_path / "whole").glob("*.png"))
    assert files == sorted(p.name for p in (tmp_path / "shared").glob("*.png"))
    assert all((tmp_path / "whole" / f).read_bytes() == (tmp_path / "shared" / f).read_bytes() for f in files)
    # Whatever the number of processes, a later run keeps what is complete and predicts what is not.
    (tmp_path / "shared" / "4.png").unlink()
    (tmp_path / "shared" / "5.png").write_bytes(b"")
    found = []
    for rank in range(2):
        environment(monkeypatch, str(rank), "2")
        again = pw.predict(model, split, tmp_path / "shared", confusion=(c := pw.Confusion(TABLE)))
        found.append((again.predicted, again.kept, again.replaced))
        parts.append(c)
    assert found == [(1, 5, ()), (1, 4, ("5",))]
    assert np.array_equal(parts[-1].counts + parts[-2].counts, whole.counts)
    assert pw.predict(model, split, tmp_path / "shared", shard=(0, 1)).kept == 11


def test_more_ranks_than_images(tmp_path: Path) -> None:
    done = [pw.predict(model, split_of(2), tmp_path / "p", shard=(r, 4)).predicted for r in range(4)]
    assert done == [1, 1, 0, 0]


def test_every_process_scores_all_images_unless_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    split = split_of()
    pw.predict(model, split, tmp_path / "p")
    whole = pw.score(tmp_path / "p", split).confusion
    environment(monkeypatch, "1", "2")
    assert pw.score(tmp_path / "p", split).confusion == whole
    shares = [pw.score(tmp_path / "p", split, shard=(r, 3)) for r in range(3)]
    total = shares[0].confusion + shares[1].confusion + shares[2].confusion
    assert np.array_equal(total.counts, whole.counts)
    assert sorted(total.images.names) == sorted(whole.images.names)
    assert shares[1].worst(2)[0].name in split.names[1::3]
    assert len(pw.score(tmp_path / "p", split, shard="auto").split) == 5
    (tmp_path / "p" / "0.png").unlink()  # of another rank: nothing is scored if anything is missing
    with pytest.raises(pw.DataError):
        pw.score(tmp_path / "p", split, shard=(1, 3))


# -- two real processes ---------------------------------------------------------------------------------------

WORKER = """
import sys, warnings
import numpy as np, torch, torch.distributed as dist
import pixelwise as pw
from pixelwise.torch import TensorLoader, all_reduce

rank, root, meet = int(sys.argv[1]), sys.argv[2], sys.argv[3]
early = pw.Loader(pw.open(root)["trainval"], 2)
dist.init_process_group("gloo", init_method=f"file://{meet}/store", rank=rank, world_size=2)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    next(iter(early))
split = pw.open(root)["trainval"]
loader = pw.Loader(split, 2, shuffle=True)
seen = [n for b in loader for n, real in zip(b.names, b.real) if real]

def model(x):
    return np.stack([x[:, 0] * (c % 3 + 1) - c for c in range(21)], axis=1)

part = pw.Confusion(split.classes, per_image=True)
done = pw.predict(model, split, f"{meet}/shared", confusion=part, tiling=pw.Tiling(window=(64, 64)))
dist.barrier()
total = all_reduce(part)
scored = pw.score(f"{meet}/shared", split).confusion
same = np.array_equal(total.counts, scored.counts)
print(len(said), repr(loader).partition("; rank ")[2], done.predicted, "|".join(seen), same, sep=";")
dist.barrier()
dist.destroy_process_group()
"""


def test_two_processes_of_a_group_share_the_samples(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch.distributed is of torch")
    root = pw.sample(tmp_path / "s", count=7, seed=4)
    started = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", WORKER, str(rank), str(root), str(tmp_path)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]  # fmt: skip
    ended = [p.communicate(timeout=240) for p in started]
    assert [p.returncode for p in started] == [0, 0], "\n".join(err[-2000:] for _, err in ended)
    rows = [out.strip().split(";") for out, _ in ended]
    for rank, row in enumerate(rows):
        assert row[:2] == ["1", f"{rank} of 2 by torch.distributed)"]
        assert row[4] == "True"
    assert sum(int(row[2]) for row in rows) == 7
    seen = [name for row in rows for name in row[3].split("|")]
    assert len(seen) == len(set(seen)) == 7
