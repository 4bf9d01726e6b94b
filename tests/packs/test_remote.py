"""A pack in a store is the pack on the disk: samples, windows, loaders, and every verb that reads."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.errors import MissingExtraError, PackError
from pixelwise.files.addresses import is_address, located
from pixelwise.packs.encodings.table import ENCODINGS
from pixelwise.types import Window
from tests.packs.test_equality import datasets
from tests.support.packing import assert_equal, assert_same, read_all, voc_tree
from tests.support.pools import Pickling
from tests.support.program import run, run_here
from tests.support.remote import BUCKET, address, many_blocks, store_with
from tests.support.stores import ObjectStore, google_variables

KEPT: list[dict[str, Any]] = [{}, {"cache": "folder"}, {"cache": "folder", "cache_encoding": "raw"}]


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A VOC tree as packs of every encoding, with JPEG images, instances, and a split without labels."""
    place = tmp_path_factory.mktemp("packs")
    tree = voc_tree(place / "VOC2012", 24)
    for name in ENCODINGS:
        pw.pack(tree, place / name, encoding=name, shard_bytes=30_000)
    return {name: place / name for name in ENCODINGS}


@pytest.fixture
def store(packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch)
    with store_with(monkeypatch, **packs) as made:
        yield made


def remote(name: str, options: dict[str, Any], place: Path) -> pw.Dataset:
    options = {key: place / value if key == "cache" else value for key, value in options.items()}
    return pw.open(address(name), **options)


# -- the same pixels --------------------------------------------------------------------------------------------------


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(datasets(), st.sampled_from(sorted(ENCODINGS)), st.sampled_from(KEPT), st.sampled_from([300, 5000, 1 << 20]))
def test_a_pack_in_a_store_is_the_one_on_the_disk(
    dataset: pw.Dataset, encoding: str, kept: dict[str, Any], block: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        place = Path(folder)
        many_blocks(patch, block)
        local = pw.pack(dataset, place / "a", encoding=encoding, shard_bytes=4000)
        with store_with(patch, a=place / "a"):
            for _ in range(2):  # from the store, and from the cache
                there = remote("a", kept, place)
                assert (there.classes, list(there.splits), there.format) == (local.classes, list(local.splits), "pack")
                for name in local.splits:
                    assert_equal(local[name], there[name])
                    assert local[name].fingerprint == there[name].fingerprint


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_windows_and_notes(
    store: ObjectStore, packs: dict[str, Path], encoding: str, kept: Any, tmp_path: Path
) -> None:
    local, there = pw.open(packs[encoding])["trainval"], remote(encoding, kept, tmp_path)["trainval"]
    for i, sample in enumerate(local):
        height, width = sample.size
        window = Window(height // 3, width // 4, height // 2 + 1, width // 2 + 1)
        assert_same(local.read(i, window), there.read(i, window))
        notes: tuple[list[Any], list[Any]] = ([], [])
        assert_same(local.read(i, notes=notes[0]), there.read(i, notes=notes[1]))
        assert [n.code for n in notes[0]] == [n.code for n in notes[1]]


def test_over_http_as_over_s3(store: ObjectStore, packs: dict[str, Path]) -> None:
    there = pw.open(store.http(f"{BUCKET}/original.pack"))
    for name, split in pw.open(packs["original"]).items():
        assert_equal(split, there[name])


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_verb_that_reads(store: ObjectStore, packs: dict[str, Path], encoding: str, tmp_path: Path) -> None:
    local, there = pw.open(packs[encoding]), pw.open(address(encoding))
    assert pw.stats(local).to_dict() == pw.stats(there).to_dict()
    assert [f.code for f in pw.check(local)] == [f.code for f in pw.check(there)]
    assert pw.count_classes(local["train"]).tolist() == pw.count_classes(there["train"]).tolist()
    places = [pw.class_index(data["train"]).positions.tolist() for data in (local, there)]
    assert places[0] == places[1]
    pw.show(there["train"], n=2).save(tmp_path / "a.png")
    pw.convert(there, tmp_path / "png", to="index")
    assert_equal(local["val"], pw.open(tmp_path / "png")["val"])
    assert_equal(local["val"], pw.pack(there, tmp_path / "again.pack")["val"])
    found = pw.verify(address(encoding))
    assert (len(found), found.records) == (0, 24)
    assert pw.stats(there, pool=Pickling()).to_dict() == pw.stats(local).to_dict()
    assert len(pw.verify(address(encoding), pool=Pickling())) == 0


COMMANDS: dict[str, list[str]] = {
    "info": ["PLACE", "--json"], "check": ["PLACE", "--json"], "stats": ["PLACE", "--json"],
    "verify": ["PLACE", "--json"],
    "show": ["PLACE", "-n", "2", "-o", "sheet.png"],
    "view": ["PLACE", "--split", "train", "--export", "page.html"],
    "load": ["PLACE", "--split", "train", "--size", "8x8", "--small", "pad", "--batch-size", "4"],
    "convert": ["PLACE", "out", "--to", "index"],
    "pack": ["PLACE", "again.pack"],
    "predict": ["net:model", "PLACE", "--split", "val", "-o", "out"],
    "score": ["PREDICTIONS", "PLACE", "--json"],
    "submit": ["PREDICTIONS", "PLACE", "--split", "val", "-o", "out.tar"],
}  # fmt: skip
"""Every command that reads a dataset, and what it takes. Those with --json say the same of each place."""
NET = """import numpy as np

def model(images):
    return np.stack([images[:, c % 3] * (c % 5) - c for c in range(21)], axis=1)
"""


def test_every_command_that_reads_a_dataset_is_tried() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    takes = {c for c in commands for p in commands[c].params if p.metavar in ("DATASET", "OUT") and p.name != "output"}
    assert takes == COMMANDS.keys()


@pytest.fixture
def predictions(packs: dict[str, Path], tmp_path: Path) -> Path:
    folder = tmp_path / "predictions"
    folder.mkdir()
    for sample in pw.open(packs["original"])["val"]:
        assert sample.label is not None
        np.save(folder / f"{sample.name}.npy", np.where(sample.label < 21, sample.label, 0)[::-1])
    return folder


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_commands_over_every_scheme(
    store: ObjectStore, packs: dict[str, Path], predictions: Path, command: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if command == "view":
        pytest.importorskip("starlette", reason="pixelwise[view] is not installed")
    for name, value in google_variables(store.origin, tmp_path / "key.json").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    key, said, made = f"{BUCKET}/original.pack", set(), set()
    for k, place in enumerate((packs["original"], f"s3://{key}", f"gs://{key}", store.http(key))):
        folder = tmp_path / f"at {k}"
        folder.mkdir()
        (folder / "net.py").write_text(NET)
        words = [str({"PLACE": place, "PREDICTIONS": predictions}.get(word, word)) for word in COMMANDS[command]]
        done = run(command, *words, folder=folder)
        assert done.returncode == 0, f"{place}: {done.stderr}"
        said.add(re.sub(r'"seconds": [0-9.]+', "", done.stdout.replace(str(place), "ROOT")))
        files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        same = command in ("predict", "submit")
        made.add(tuple((name, files[name] if same else b"") for name in files))
    assert len(made) == 1, "the same files"
    if "--json" in COMMANDS[command]:
        assert len(said) == 1, said


@pytest.mark.parametrize("command", ["check", "stats", "score"])
def test_parts_over_every_scheme(
    store: ObjectStore, packs: dict[str, Path], predictions: Path, command: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in google_variables(store.origin, tmp_path / "key.json").items():
        monkeypatch.setenv(name, value)
    key, said = f"{BUCKET}/original.pack", set()
    for place in (packs["original"], f"s3://{key}", f"gs://{key}", store.http(key)):
        words = [predictions, place] if command == "score" else [place]
        files = [tmp_path / f"part-{k}.json" for k in (1, 2)]
        for k, file in enumerate(files, 1):
            done = run_here(monkeypatch, capsys, command, *words, "--part", f"{k}/2", "--save", file)
            assert done.returncode == 0, done.stderr
        for call in ((command, *words), ("merge", *files), ("merge", *files, "--data", place)):
            done = run_here(monkeypatch, capsys, *call, "--json")
            assert done.returncode == 0, done.stderr
            said.add(re.sub(r'"seconds": [0-9.]+', "", done.stdout.replace(str(place), "ROOT")))
    assert len(said) == 1, said


def test_addresses_are_said_as_they_are_written(
    store: ObjectStore, packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: object) -> str:
        done = run_here(monkeypatch, capsys, *words)
        return done.stdout + done.stderr

    assert say("verify", address("raw")) == f"{address('raw')}: every record is as it was packed\n"
    assert "s3://bucket/new.pack: part 2/2 is" in say("pack", packs["raw"], "s3://bucket/new.pack", "--part", "2/2")
    assert "hf://datasets/me/voc.pack: hf:// is not read; open https://" in say("info", "hf://datasets/me/voc.pack")
    assert "ftp://host/voc.pack: ftp:// is not read" in say("verify", "ftp://host/voc.pack")
    assert "s3://bucket/out: convert() needs a path on this machine" in say("convert", packs["raw"], "s3://bucket/out")
    assert "s3://bucket/out: score() needs a path on this machine" in say("score", "s3://bucket/out", packs["raw"])
    assert "s3://bucket/no.pack" in say("info", "s3://bucket/no.pack")


def test_nothing_at_an_address(store: ObjectStore) -> None:
    done = run("verify", f"s3://{BUCKET}/nothing.pack")
    assert done.returncode == 1
    assert "unfinished-pack" in done.stdout


def test_blocks_are_fetched_once_and_by_one_request_where_they_can_be(
    packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with store_with(monkeypatch, **packs) as store:
        there = pw.open(address("raw"), cache=tmp_path)
        list(there["trainval"])
        list(there["trainval"])
        shards = there["trainval"].source.volume.manifest.shards
        assert len(store.asked("shard")) == len(shards), "small shards have one block each"
        before = len(store.seen)
        again = pw.open(address("raw"), cache=tmp_path)["trainval"]
        list(again)
        assert len(store.seen) == before + 3, "the manifest and two tables"


# -- processes --------------------------------------------------------------------------------------------------------


def test_pickled(store: ObjectStore, packs: dict[str, Path], tmp_path: Path) -> None:
    there = pw.open(address("original"), cache=tmp_path / "c", cache_encoding="raw")
    assert_equal(pw.open(packs["original"])["train"], pickle.loads(pickle.dumps(there["train"])))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(read_all, (there["train"],)) == read_all(pw.open(packs["original"])["train"])
    store.put_folder(f"{BUCKET}/original.pack", packs["raw"])
    with pytest.raises(PackError, match=r"was replaced while it was in use.*stale-pack"):
        pickle.loads(pickle.dumps(there["train"]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_told_what_to_do(store: ObjectStore) -> None:
    split = pw.open(address("raw"))["train"]
    assert split[0].name
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            split[1]
            os.write(writer, b"read")
        except pw.UsageError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 4000).decode()
    os.waitpid(child, 0)
    assert "forked" in said
    assert 'multiprocessing_context="spawn"' in said
    assert said.endswith("[forked-store]")


# -- addresses --------------------------------------------------------------------------------------------------------


def test_what_is_an_address() -> None:
    for text in ("s3://b/x", "gs://b/x", "az://b/x", "https://h/x", "http://h:8/x"):
        assert is_address(text)
        assert str(located(text)) == str(located(Path(text))) == text
        assert str(located(text) / "a" / "b.arrow") == f"{text}/a/b.arrow"
        assert pickle.loads(pickle.dumps(located(text))) == located(text)
    for text in ("voc.pack", "/s3/x", "s3", "c:/x", "a:b/c"):
        assert not is_address(text)


def test_files_are_opened_as_files(packs: dict[str, Path]) -> None:
    assert_equal(pw.open(packs["raw"])["val"], pw.open(packs["raw"].as_uri())["val"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hf://datasets/me/voc/voc.pack", "open https://huggingface.co/datasets/me/voc/resolve/main/voc.pack"),
        ("ftp://host/voc.pack", "packs are read from s3://, gs://, az://, https://"),
        ("https://host/voc.pack?X-Amz-Signature=secret", "https://host/voc.pack: an address of a pack has no query"),
    ],
)
def test_addresses_that_are_not_read(path: str, said: str) -> None:
    with pytest.raises(pw.UsageError) as caught:
        pw.open(path)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.code == "remote-path"


def test_what_needs_a_path(packs: dict[str, Path]) -> None:
    local = pw.open(packs["raw"])
    there = "s3://bucket/out"
    for call in (
        lambda: pw.convert(local, there, to="index"), lambda: pw.sample(there), lambda: pw.score(there, local),
        lambda: pw.predict(lambda x: x, local["val"], out=there), lambda: pw.download("voc2012", there),
        lambda: pw.open(packs["raw"].parent / "VOC2012", cache=there), lambda: pw.open(there, format="voc"),
        lambda: pw.score_objects(there, local), lambda: pw.score_probabilities(there, local),
        lambda: pw.submit(there, local, packs["raw"].parent / "out"), lambda: pw.submit(packs["raw"], local, there),
    ):  # fmt: skip
        with pytest.raises(pw.UsageError) as caught:
            call()
        assert caught.value.code == "remote-path", caught.value


def test_options_of_open(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(pw.UsageError, match=r"has no such option: 'cache_byte'.*cache_bytes"):
        pw.open(address("raw"), cache_byte=3)
    with pytest.raises(pw.UsageError, match=r"cache_encoding must be one of None, 'raw'"):
        pw.open(address("raw"), cache_encoding="jpeg")
    with pytest.raises(pw.UsageError, match=r"cache_bytes=9000 .* cannot hold two blocks of \d+ bytes; pass"):
        pw.open(address("raw"), cache=tmp_path, cache_bytes=9000)


def test_without_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pixelwise\[remote\]'"):
        pw.open("s3://bucket/voc.pack")
