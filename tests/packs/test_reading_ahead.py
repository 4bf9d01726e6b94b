"""What a Loader asks the system to read ahead from a pack: what its plans need, and nothing twice."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.files.mapping import MappedFile, _limits, memory_bytes
from pixelwise.packs.volume import Volume
from pixelwise.packs.writing import pack
from tests.support.packing import small

Ranges = list[tuple[int, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Ranges:
    """(first byte, size) of every range that is asked for."""
    ranges: Ranges = []
    real = MappedFile.will_need

    def will_need(mapped: MappedFile, start: int, size: int) -> None:
        assert start >= 0
        assert start + size <= len(mapped.data)
        ranges.append((start, size))
        real(mapped, start, size)

    monkeypatch.setattr(MappedFile, "will_need", will_need)
    return ranges


def volume_of(split: pw.Split) -> Volume:
    return split.source.volume  # type: ignore[attr-defined, no-any-return]


def covered(ranges: Ranges, start: int, end: int) -> bool:
    """Whether one of the ranges holds these bytes."""
    return any(first <= start and end <= first + size for first, size in ranges)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("encoding", ["raw", "original"])
def test_whole_records_once(encoding: Any, verify: bool, tmp_path: Path, asked: Ranges) -> None:
    source = small(12) if encoding != "original" else pw.open(pw.sample(tmp_path / "voc", count=12))
    pack(source, tmp_path / "a.pack", encoding=encoding)
    dataset = pw.open(tmp_path / "a.pack", verify=verify)
    split = dataset[next(iter(dataset.splits))]
    loader = pw.Loader(split, 4, [pw.CenterCrop(4, 4)], small="drop", shuffle=True, seed=3)
    before = list(loader)
    index = volume_of(split).index
    for row in split.source.rows().tolist():  # type: ignore[attr-defined]
        for part in ("image", "label"):
            start = int(index[f"{part}_offset"][row])
            assert covered(asked, start, start + int(index[f"{part}_bytes"][row]))
    asked.clear()
    list(loader)
    assert asked == []
    again = pw.Loader(pw.open(tmp_path / "a.pack")[split.name], 4, [pw.CenterCrop(4, 4)], small="drop", shuffle=True,
                      seed=3)  # fmt: skip
    assert all(np.array_equal(a.images, b.images) for a, b in zip(before, again, strict=True))


def test_a_pack_larger_than_memory_is_asked_for_the_rows_of_the_windows(
    tmp_path: Path, asked: Ranges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.packs.volume.memory_bytes", lambda: 1000.0)
    pack(small(12), tmp_path / "a.pack")
    split = pw.open(tmp_path / "a.pack")["all"]
    loader = pw.Loader(split, 4, [pw.RandomCrop(3, 4)], small="drop")
    list(loader)
    asked.clear()
    batch = next(iter(loader))
    index = volume_of(split).index
    for k, row in enumerate(split.source.rows(batch.indices).tolist()):  # type: ignore[attr-defined]
        first, whole = int(index["image_offset"][row]), int(index["image_bytes"][row])
        own = [(start, size) for start, size in asked if first <= start < first + whole]
        assert own
        assert sum(n for _, n in own) < whole, k


def test_bytes_at_the_end_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(9000))
    with path.open("rb") as file:
        mapped = MappedFile(file.fileno(), 9000, path, lambda: pw.PackError("cut"))
    mapped.will_need(8999, 1)
    mapped.will_need(0, 9000)
    mapped.will_need(5, 0)


# -- larger than the memory, in lanes ---------------------------------------------------------------------------------


class Blocks:
    """What a loader asks for of the blocks of a pack, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, int]] = []
        for name in ("blocks_ahead", "release"):
            patch.setattr(Volume, name, self._noting(name, getattr(Volume, name)))

    def _noting(self, name: str, real: Any) -> Any:
        def call(volume: Volume, blocks: Any) -> None:
            self.calls += [(name, block) for block in blocks.tolist()]
            real(volume, blocks)

        return call

    def of(self, name: str) -> list[int]:
        return [block for called, block in self.calls if called == name]


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Blocks:
    monkeypatch.setattr("pixelwise.packs.volume.memory_bytes", lambda: 1000.0)
    monkeypatch.setattr("pixelwise.packs.volume.BLOCK_BYTES", 6000)
    return Blocks(monkeypatch)


def lanes_over(root: Path, **options: Any) -> pw.Loader:
    return pw.Loader(pw.open(root)["all"], 4, [pw.RandomCrop(6, 8)], shuffle=True, order="lanes", seed=1, **options)


@pytest.mark.parametrize("encoding", ["raw", "original"])
def test_lanes_read_each_block_once_and_leave_it(
    encoding: Any, blocks: Blocks, asked: Ranges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(small(90), tmp_path / "a.pack", encoding=encoding, shard_bytes=60_000)
    loader = lanes_over(tmp_path / "a.pack", threads=1)
    of = loader.split.source.blocks()  # type: ignore[attr-defined]
    batches = []
    for batch in loader:
        batches.append(batch)
        later = loader._order.n - 4 * len(batches)
        alive = set(blocks.of("blocks_ahead")) - set(blocks.of("release"))
        assert set(of[batch.indices].tolist()) <= alive, "none is left before its last sample was handed out"
        assert len(alive) <= 4 * (16 + 2) + 4 * 4 or not later
    assert sorted(blocks.of("blocks_ahead")) == list(range(of[-1] + 1))
    assert len(set(blocks.of("release"))) == len(blocks.of("release")) > of[-1] // 2
    index = volume_of(loader.split).index
    for row in range(90):
        for part in ("image", "label"):
            start = int(index[f"{part}_offset"][row])
            assert covered(asked, start, start + int(index[f"{part}_bytes"][row]))
    monkeypatch.setattr("pixelwise.packs.volume.memory_bytes", lambda: 1e15)
    before = len(blocks.calls)
    plain = list(lanes_over(tmp_path / "a.pack"))
    assert len(blocks.calls) == before, "a pack that fits stays"
    assert [b.images.tobytes() for b in batches] == [b.images.tobytes() for b in plain]


def test_an_epoch_that_is_left_early_and_two_ranks(blocks: Blocks, tmp_path: Path) -> None:
    pack(small(90), tmp_path / "a.pack", shard_bytes=60_000)
    loader = lanes_over(tmp_path / "a.pack")
    for _ in zip(range(9), loader, strict=False):
        pass
    blocks.calls.clear()
    list(loader)
    left = [block for name, block in blocks.calls[: [name for name, _ in blocks.calls].index("blocks_ahead")]]
    assert left, "what the epoch before had in use is left at once"
    assert len(blocks.of("blocks_ahead")) == len(set(blocks.of("blocks_ahead")))
    blocks.calls.clear()
    seen = [n for r in range(2) for b in lanes_over(tmp_path / "a.pack", shard=(r, 2)) for n in b.names]
    assert set(seen) == set(loader.split.names)
    assert blocks.of("release")


def test_what_is_released_is_not_in_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "a", 16 << 20
    with path.open("wb") as file:
        file.write(b"\x07" * size)
        file.flush()
        os.fsync(file.fileno())
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip()
    with path.open("rb") as file:
        mapped = MappedFile(file.fileno(), size, path, lambda: pw.DataError("cut"))
    assert int(mapped.data.sum()) == 7 * size
    assert resident(mapped) == 1
    mapped.release(size // 8, 3 * size // 4)
    if kind in ("tmpfs", "overlayfs", "ramfs"):
        pytest.skip(f"{kind} keeps what it has in memory")
    assert 0.25 <= resident(mapped) < 0.8  # the system keeps pages of up to 2 MB of which a part is asked for
    assert int(mapped.data.sum()) == 7 * size, "it is read again"


def resident(mapped: MappedFile) -> float:
    """The share of a map that is in the system's cache."""
    found = (ctypes.c_ubyte * -(-len(mapped.data) // mmap.PAGESIZE))()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mincore(ctypes.c_void_p(mapped.address), ctypes.c_size_t(len(mapped.data)), found) == 0
    return sum(b & 1 for b in found) / len(found)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "4096\n"}, [4096.0]),
        ("0::/\n", {"memory.max": "max\n"}, []),
        ("0::/host/only\n", {"memory.max": "8192"}, [8192.0]),
        ("9:cpu:/x\n8:memory:/x\n0::/\n", {"memory/x/memory.limit_in_bytes": "512"}, [512.0]),
        (None, {}, []),
    ],
)
def test_the_limits_of_a_container(groups: str | None, files: dict[str, str], expected: Any, tmp_path: Path) -> None:
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        if text is not None:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
    assert list(dict.fromkeys(_limits(tmp_path))) == expected
    assert 0 < memory_bytes() < 1e18
