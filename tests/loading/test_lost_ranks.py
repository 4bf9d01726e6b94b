"""A training on four ranks, processes that read a pack in a store in lanes, loses two and goes on with the others."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.files.writing import atomic_write
from tests.support.packing import pack_of_uneven
from tests.support.remote import address, at_store, many_blocks, store_with
from tests.support.stores import ObjectStore

BLOCK, GLOBAL = 3000, 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack_of_uneven(tmp_path_factory.mktemp("p") / "a", 101)


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch, BLOCK)
    with store_with(monkeypatch, a=folder) as made:
        yield made


def loader_of(split: pw.Split, rank: int, world: int) -> pw.Loader:
    steps = [pw.RandomCrop(12, 12), pw.RandomHorizontalFlip()]
    return pw.Loader(split, GLOBAL // world, steps, shuffle=True, order="lanes", seed=3, shard=(rank, world), threads=1)


def part_of(batch: pw.Batch) -> tuple[tuple[str, ...], bytes, bytes]:
    """What a rank has of a global batch."""
    real = batch.real
    assert batch.labels is not None
    names = tuple(name for name, there in zip(batch.names, real, strict=True) if there)
    return names, batch.images[real].tobytes(), batch.labels[real].tobytes()


def train(origin: str, rank: int, world: int, cache: Path, state: Path, epochs: int, step: Any) -> None:
    """A rank: it tells each batch, waits for all ranks, as an all-reduce does, and the first saves the state."""
    with pytest.MonkeyPatch.context() as patch:
        at_store(patch, origin, BLOCK)
        loader = loader_of(pw.open(address("a"), cache=cache)["train"], rank, world)
        if state.exists():
            loader.load_state_dict(json.loads(state.read_text()))
        while loader.state_dict()["epoch"] < epochs:
            for batch in loader:
                step.send(part_of(batch))
                step.recv()
                if rank == 0:
                    with atomic_write(state) as file:
                        file.write(json.dumps(loader.state_dict()).encode())
                step.send("saved")
                step.recv()
        step.send(None)


class Ranks:
    """Processes that train together."""

    def __init__(self, world: int, run: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["numba", "pyarrow", "pixelwise.kernels.values", "tests.support.remote"])
        self.pipes, self.processes = [], []
        for rank in range(world):
            here, there = context.Pipe()
            self.pipes.append(here)
            self.processes.append(context.Process(target=run, args=(arguments[0], rank, world, *arguments[1:], there)))
            self.processes[-1].start()

    def heard(self) -> list[Any]:
        """What each of them says next."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            assert pipe.poll(60), f"it works until it is killed: {process}"
        return [pipe.recv() for pipe in self.pipes]

    def go_on(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def joined(parts: list[Any]) -> tuple[tuple[str, ...], bytes, bytes]:
    return sum((p[0] for p in parts), ()), b"".join(p[1] for p in parts), b"".join(p[2] for p in parts)


@pytest.mark.parametrize("when", ["before the state is saved", "after it"])
def test_four_ranks_lose_two_and_go_on(store: ObjectStore, folder: Path, when: str, tmp_path: Path) -> None:
    alone, epochs = loader_of(pw.open(folder)["train"], 0, 1), 2
    truth = [part_of(batch) for _ in range(epochs) for batch in alone]
    state, seen, lost = tmp_path / "state.json", [], 3
    arguments = train, store.origin, tmp_path / "cache", state, epochs
    four = Ranks(4, *arguments)
    try:
        for step in range(lost + 1):
            seen.append(joined(four.heard()))
            if step == lost and when == "before the state is saved":
                break
            four.go_on()
            assert four.heard() == ["saved"] * 4
            if step < lost:
                four.go_on()
        for process in four.processes[1:3]:
            os.kill(process.pid, 9)  # type: ignore[arg-type]
    finally:
        four.end()  # a launcher ends the others, and begins again with those that are left
    assert seen == truth[: lost + 1], "each global batch is that of one process, in its order"
    first = json.loads(state.read_text())["batch"]
    assert first == lost + (when == "after it")
    two, seen = Ranks(2, *arguments), []
    try:
        while (parts := two.heard()) != [None] * 2:
            seen.append(joined(parts))
            two.go_on()
            assert two.heard() == ["saved"] * 2
            two.go_on()
    finally:
        two.end()
    assert seen == truth[first:]
