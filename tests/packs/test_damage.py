"""Packs that are wrong inside, cut or unreadable while they are used: an error, never a wrong label, no crash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.errors import DataError, PackError
from pixelwise.packs.arrow import read_batches
from pixelwise.packs.encodings.table import ENCODINGS
from pixelwise.packs.index import checksum
from pixelwise.packs.manifest import Manifest, read_manifest
from pixelwise.packs.writing import pack
from tests.support.packing import ArraySource, dataset_of, random_sample, small, table, tree
from tests.support.places import REPOSITORY

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="signals")
NOBODY = 65534


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pack") / "a.pack"
    pack(small(8), out, shard_bytes=6000)
    return out


@pytest.fixture
def open_to_all(packed: Path) -> Iterator[Path]:
    """A copy in a folder that every user may enter, as those of pytest may not be."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(shutil.copytree(packed, Path(folder) / "copy.pack"))


@pytest.fixture
def copy(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "copy.pack"))


def flip(path: Path, row: int, part: str, value: int = 77, mend: bool = False) -> None:
    """Change the first byte of a part of a record; mend: make the record's CRC right again."""
    volume: Any = pw.open(path)["all"].source.volume  # type: ignore[attr-defined]
    shard = volume.path(int(volume.index["shard"][row]))
    with open(shard, "r+b") as file:
        file.seek(int(volume.index[f"{part}_offset"][row]))
        file.write(bytes([value]))
    if mend:
        volume = pw.open(path)["all"].source.volume  # type: ignore[attr-defined]
        before, now = int(volume.index["crc"][row]), volume.record(row).crc32
        index = path / volume.manifest.data / "index.arrow"
        data = index.read_bytes()
        assert data.count(before.to_bytes(4, "little")) == 1
        resign(path, "index.arrow", data.replace(before.to_bytes(4, "little"), now.to_bytes(4, "little")))


def resign(path: Path, name: str, data: bytes) -> None:
    """Replace a table of a pack and make its CRC in the manifest right."""
    manifest = read_manifest(path)
    (path / manifest.data / name).write_bytes(data)
    tables = tuple(
        t._replace(bytes=len(data), crc32=checksum(data)) if t.file == name else t for t in manifest.tables
    )  # fmt: skip
    (path / "manifest.json").write_bytes(Manifest(**{**vars(manifest), "tables": tables}).to_bytes())


def windowed(split: pw.Split) -> Iterator[Any]:
    yield from pw.Loader(split, 3, [pw.RandomCrop(5, 5)], threads=2)


def whole(split: pw.Split) -> Iterator[Any]:
    yield from pw.Loader(split, 3, threads=2)


def mixed(split: pw.Split) -> Iterator[Any]:
    yield from pw.Loader(split, 3, [pw.CutMix(p=1.0)], threads=2)


def one_by_one(split: pw.Split) -> Iterator[Any]:
    yield from split


def cuts(split: pw.Split) -> Iterator[Any]:
    for i in range(len(split)):
        yield split.read(i, pw.Window(18, 30, 20, 33))


# -- records are checked when they are first touched ----------------------------------------------------------------


@pytest.mark.parametrize("part", ["image", "label"])
@pytest.mark.parametrize("use", [windowed, whole, mixed, one_by_one, cuts])
@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_flipped_byte_reaches_nobody(
    tmp_path: Path, encoding: str, use: Callable[[pw.Split], Iterator[Any]], part: str
) -> None:
    """It is in the first row; the windows that are cut do not hold it."""
    pack(small(8), tmp_path / "a.pack", encoding=encoding)
    flip(tmp_path / "a.pack", 5, part)
    with pytest.raises(PackError) as caught:
        list(use(pw.open(tmp_path / "a.pack")["all"]))
    assert caught.value.code == "record-crc"
    assert "s005" in str(caught.value)


@pytest.mark.parametrize("transforms", [[], [pw.RandomCrop(9, 9)]])
def test_skipping_names_it_and_leaves_the_others_as_they_are(packed: Path, copy: Path, transforms: Any) -> None:
    for row in (0, 4, 5, 7):
        flip(copy, row, "label")

    def batches(path: Path) -> tuple[pw.Loader, list[Any]]:
        loader = pw.Loader(pw.open(path)["all"], 8, transforms, threads=2, on_error="skip")
        return loader, list(loader)

    with pytest.warns(pw.PixelwiseWarning, match="'s000', 's004', 's005', 's007'"):
        loader, (found,) = batches(copy)
    assert [name for name, _ in loader.skipped] == ["s000", "s004", "s005", "s007"]
    assert all("record-crc" in why for _, why in loader.skipped)
    assert np.flatnonzero(~found.real).tolist() == [0, 4, 5, 7]
    assert (found.labels[~found.real] == 255).all()
    (good,) = batches(packed)[1]
    assert np.array_equal(found.images[found.real], good.images[found.real])
    assert np.array_equal(found.labels[found.real], good.labels[found.real])


def test_each_record_is_checked_once_by_a_process(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelwise.packs.volume import Volume

    seen: list[int] = []
    real = Volume.check_crc
    monkeypatch.setattr(Volume, "check_crc", lambda self, row, *more: (seen.append(row), real(self, row, *more))[1])
    split = pw.open(copy)["all"]
    loader = pw.Loader(split, 3, [pw.RandomCrop(5, 5)], shuffle=True, threads=1)
    for _ in range(3):
        list(loader)
    list(split)
    assert sorted(seen) == list(range(8))
    list(pw.open(copy, verify=False)["all"])
    list(pw.Loader(pw.open(copy, verify=False)["all"], 3))
    assert len(seen) == 8, "verify=False checks none"


@pytest.mark.parametrize("use", [windowed, whole, one_by_one])
def test_ids_that_no_class_has_are_refused(copy: Path, use: Callable[[pw.Split], Iterator[Any]]) -> None:
    flip(copy, 2, "label", 77, mend=True)
    with pytest.raises(DataError) as caught:
        list(use(pw.open(copy)["all"]))
    assert caught.value.code == "class-out-of-range"
    assert "the first is 77" in str(caught.value)


# -- tables whose checksum is right ---------------------------------------------------------------------------------

TABLES = ("index.arrow", "splits.arrow", "sources.arrow")


@given(st.data())
def test_no_table_can_do_harm(packed: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(TABLES))
    body = bytearray((packed / read_manifest(packed).data / name).read_bytes())
    at = st.one_of(st.integers(0, len(body) - 1), st.integers(max(0, len(body) - 700), len(body) - 1))
    value = st.one_of(st.sampled_from([0, 1, 127, 128, 255]), st.integers(0, 255))
    for place in data.draw(st.lists(at, min_size=1, max_size=5)):
        body[place] = data.draw(value)
    if data.draw(st.booleans()):
        del body[data.draw(at) :]
    try:
        for batch in read_batches(np.frombuffer(bytes(body), np.uint8)):
            assert all(len(column[0]) <= len(body) for column in batch.values())
    except ValueError:
        pass


def test_a_pack_of_mutated_tables_is_refused_or_read(copy: Path) -> None:
    """In a process of its own: 300 mutants each of the tables, with right checksums."""
    code = f"""
import random, sys
sys.path[:0] = ["tests", "tests/packs"]
from pathlib import Path
import pixelwise as pw
from test_damage import TABLES, resign
from pixelwise.packs.manifest import read_manifest
path = Path({str(copy)!r})
rng, outcomes = random.Random(0), {{}}
for name in TABLES:
    good = (path / read_manifest(path).data / name).read_bytes()
    for _ in range(300):
        body = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        resign(path, name, bytes(body))
        try:
            dataset = pw.open(path, source=True)
            [dataset[split].sizes() for split in dataset.splits]
            outcome = "read"
        except pw.PixelwiseError as error:
            outcome = error.code
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    resign(path, name, good)
print(sorted(outcomes))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pack-damaged" in done.stdout


def test_every_bit_of_a_shard_that_a_packer_finds_is_looked_at(tmp_path: Path) -> None:
    """A shard left by an earlier packer and damaged since, metadata too, is written again."""
    out = tmp_path / "a.pack"
    pack(small(4), out, shard_bytes=6000)
    good = tree(out)
    shard = out / read_manifest(out).data / "shard-00000.arrow"
    body = shard.read_bytes()
    rng = np.random.default_rng(0)
    for at in (*rng.integers(0, len(body), 20).tolist(), *range(len(body) - 400, len(body), 9)):
        shard.write_bytes(body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :])
        (out / "manifest.json").unlink()
        pack(small(4), out, shard_bytes=6000)
        found = tree(out)
        manifest = [path for path in found if "manifest" in str(path)]
        if all(found[path] == good[path] for path in manifest):
            assert found == good
        assert not pw.verify(out)


# -- cut while it is used -------------------------------------------------------------------------------------------

CUT = """
import os, random, sys, threading, time
sys.path.insert(0, "tests")
import numpy as np, pixelwise as pw
from tests.support.packing import small

out, rng = sys.argv[1], random.Random(int(sys.argv[2]))
pw.pack(small(40, 1, size=(300, 400)), out, shard_bytes=1 << 20)
split = pw.open(out)["all"]
volume = split.source.volume
kind = int(sys.argv[2]) % 4

def cut():
    time.sleep(rng.uniform(0.0, 0.3))
    for shard in range(len(volume.manifest.shards)):
        os.truncate(volume.path(shard), rng.choice([0, 100, 5000, 200_000]))

threading.Thread(target=cut).start()
try:
    if kind == 3:
        while True:
            pw.stats(split, threads=2)
    transforms = [[pw.RandomCrop(100, 100)], [], [pw.CutMix(p=1.0)]][kind]
    loader = pw.Loader(split, 4, transforms, shuffle=True, threads=2, on_error=rng.choice(["raise", "skip"]))
    truth = [s.label.copy() for s in small(40, 1, size=(300, 400))["all"]] if kind == 1 else None
    while True:
        for batch in loader:
            for k, i in enumerate(batch.indices.tolist()):
                assert truth is None or not batch.real[k] or (batch.labels[k] == truth[i]).all(), "a wrong label"
        assert not loader.skipped or kind == 2, loader.skipped
        if len(loader.skipped) > 200:
            print("pack-size")
            break
except pw.PixelwiseError as error:
    print(error.code)
"""


@LINUX
@pytest.mark.parametrize("seed", range(40 if os.environ.get("PIXELWISE_LONG") else 4))
def test_a_shard_cut_at_any_instant_ends_in_an_error(tmp_path: Path, seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(tmp_path / "a.pack"), str(seed)],
        capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "pack-size"), done.stderr


@LINUX
def test_a_held_view_of_a_cut_shard_names_the_file(copy: Path) -> None:
    """It is the caller's own read, which nothing can catch: the process ends, and says why."""
    code = f"""
import os, pixelwise as pw
sample = pw.open({str(copy)!r})["all"][7]
volume = pw.open({str(copy)!r})["all"].source.volume
os.truncate(volume.path(int(volume.index["shard"][7])), 0)
print(sample.image.sum())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -7
    assert done.stderr.startswith("pixelwise: ")
    assert "was cut, or cannot be read" in done.stderr
    assert ".arrow" in done.stderr


# -- not to be read -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to give up permissions")
def test_what_may_not_be_read_is_an_error_with_a_code_and_verify_lists_all(open_to_all: Path) -> None:
    copy = open_to_all
    data = copy / read_manifest(copy).data
    code = f"""
import os, sys
import pixelwise as pw
from pixelwise.packs.writing import pack
from tests.support.packing import small
pw.verify(pw.pack(small(2), {str(copy)!r} + "-warm").root)  # imports and compiles what nobody may not
os.setgid({NOBODY}); os.setuid({NOBODY})
print(*[f.code for f in pw.verify({str(copy)!r})], end=";")
try:
    pw.open({str(copy)!r})
except pw.PixelwiseError as error:
    print(error.code)
"""

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", "import sys; sys.path.insert(0, 'tests')" + code],
            capture_output=True, text=True, check=False, cwd=REPOSITORY,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    (data / "shard-00000.arrow").chmod(0)
    (data / "shard-00002.arrow").chmod(0)
    flip(copy, 3, "image")
    assert run() == "unreadable record-crc unreadable;", "a shard is opened when it is first read"
    (copy / "manifest.json").chmod(0)
    assert run() == "unreadable;unreadable"
    copy.parent.chmod(0o700)
    assert "may not be read" in run_refused(copy)


def run_refused(path: Path) -> str:
    """What `verify` and `open` say of a path that nobody may look at."""
    code = f"""
import os
import pixelwise as pw, pixelwise.packs.verifying, pixelwise.formats.opening
os.setgid({NOBODY}); os.setuid({NOBODY})
for look in (pw.verify, pw.open):
    try:
        look({str(path)!r})
    except pw.PixelwiseError as error:
        assert error.code == "unreadable", error
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 2
    return done.stdout


def test_dtype_of_labels_decides_how_they_are_checked(tmp_path: Path) -> None:
    """16-bit labels, odd sizes and one pixel: right packs are accused of nothing."""
    ids = table(300)
    rng = np.random.default_rng(0)
    samples = [random_sample(rng, str(k), size, ids) for k, size in enumerate([(1, 1), (3, 5), (17, 2)])]
    pack(dataset_of(ArraySource(samples, True), ids, {"all": None}), tmp_path / "a.pack")
    assert len(list(pw.open(tmp_path / "a.pack")["all"])) == 3
