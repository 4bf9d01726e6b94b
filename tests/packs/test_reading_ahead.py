"""What a Loader asks the system to read ahead from a pack: what its plans need, and nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.files.mapping import MappedFile
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
