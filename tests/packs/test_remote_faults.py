"""A store that misbehaves: the right pixels, or one named error, never a hang."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.errors import MissingError, PackError, PixelwiseError, SystemFault
from tests.support.packing import assert_equal
from tests.support.remote import BUCKET, address, many_blocks, packs_of, store_with
from tests.support.stores import (
    Fault,
    ObjectStore,
    cut,
    dripping,
    flipped,
    garbled,
    moved,
    refused,
    silent,
    without_ranges,
)  # fmt: skip


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return packs_of(tmp_path_factory.mktemp("packs"), 12, 8000)


@pytest.fixture
def store(packs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    many_blocks(monkeypatch)
    with store_with(monkeypatch, **packs) as made:
        yield made


PASSING: dict[str, tuple[Fault, int]] = {
    "503 twice": (refused(503), 2), "429": (refused(429), 1), "500": (refused(500), 3), "a body cut": (cut(), 1),
    "nearly all of it": (cut(0.99), 2), "nothing of it": (cut(0), 1), "a wrong byte": (flipped(), 1),
    "wrong bytes twice": (flipped(0.2), 2), "a slow drip": (dripping(0.01), 1), "silence": (silent(2), 1),
}  # fmt: skip


@pytest.mark.parametrize("where", ["manifest", "index", "shard"])
@pytest.mark.parametrize("what", PASSING)
def test_what_passes(store: ObjectStore, packs: dict[str, Path], what: str, where: str) -> None:
    if "wrong" in what and where != "shard":
        pytest.skip("what is small is not fetched again: its error says so")
    fault, times = PASSING[what]
    store.fault(fault, times, where)
    assert_equal(pw.open(packs["original"])["all"], pw.open(address("original"))["all"])
    store.mend()


def test_a_tenth_of_all_answers(store: ObjectStore, packs: dict[str, Path]) -> None:
    count = iter(range(10**9))

    def sometimes(request: Any, body: bytes, headers: dict[str, str]) -> bool:
        k = next(count) % 10
        return (refused(503) if k == 3 else cut() if k == 7 else (lambda *_: False))(request, body, headers)

    store.fault(sometimes, -1)
    for name, folder in packs.items():
        loader = pw.Loader(pw.open(address(name))["all"], 4, shuffle=True)
        found = {name: image for batch in loader for name, image in zip(batch.names, batch.images, strict=True)}
        for sample in pw.open(folder)["all"]:
            assert (found[sample.name] * 255).round().astype("u1").transpose(1, 2, 0).tolist() == sample.image.tolist()


def test_redirects_are_followed(store: ObjectStore, packs: dict[str, Path]) -> None:
    with ObjectStore(store.objects) as other:
        store.fault(moved(other.origin), -1)
        assert_equal(pw.open(packs["raw"])["all"], pw.open(store.http(f"{BUCKET}/raw.pack"))["all"])
        assert other.asked("shard")


LASTING: dict[str, tuple[Fault, str]] = {
    "503": (refused(503), "store-failed"), "403": (refused(403), "store-refused"),
    "401": (refused(401), "store-refused"),
    "404": (refused(404), "missing-shard"), "cut": (cut(), "store-failed"), "silent": (silent(2), "store-failed"),
    "drip": (dripping(0.02), "store-failed"), "wrong": (garbled, "record-crc"),
    "no ranges": (without_ranges, "store-refused"), "412": (refused(412), "store-changed"),
}  # fmt: skip


@pytest.mark.parametrize("through", ["s3", "http"])
@pytest.mark.parametrize("what", LASTING)
def test_what_lasts_is_one_named_error(
    store: ObjectStore, what: str, through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, code = LASTING[what]
    if through == "http" and what in ("silent", "drip"):
        pytest.skip("the timeout of http has no variable to shorten it by")
    if what in ("silent", "drip"):
        monkeypatch.setenv("AWS_TIMEOUT", "0.2s")
    there = pw.open(address("original") if through == "s3" else store.http(f"{BUCKET}/original.pack"))["all"]
    store.fault(fault, -1, "shard")
    started = time.monotonic()
    for read in (lambda: there[3], lambda: list(pw.Loader(there, 4, shuffle=True))):
        with pytest.raises(PixelwiseError) as caught:
            read()
        assert caught.value.code == code, caught.value
        assert "\n" not in str(caught.value)
        assert "shard-0000" in str(caught.value)
    assert time.monotonic() - started < 60, "it ends"
    store.mend()
    assert there[3].name == "s003", "and works again"


@pytest.mark.parametrize("what", ["503", "403", "404", "cut", "no ranges"])
@pytest.mark.parametrize("where", ["manifest", "index", "splits"])
def test_errors_of_opening(store: ObjectStore, what: str, where: str) -> None:
    fault, code = LASTING[what]
    store.fault(fault, -1, where)
    with pytest.raises(PixelwiseError) as caught:
        pw.open(address("raw"))
    expected = "missing-file" if what == "404" else code
    assert caught.value.code == expected, caught.value
    assert where in str(caught.value) or what == "404"


@pytest.mark.parametrize("where", ["manifest", "index", "splits"])
def test_tables_with_a_wrong_byte(store: ObjectStore, where: str) -> None:
    store.fault(flipped(), 1, where)
    with pytest.raises(PackError, match=f"{where}.*(bad-manifest|pack-damaged)"):
        pw.open(address("raw"))


def test_nothing_there(store: ObjectStore) -> None:
    with pytest.raises(MissingError, match=r"s3://bucket/none.pack: there is no pack: no manifest.json; check the"):
        pw.open(address("none"))


def test_nobody_answers(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SystemFault, match=r"s3://bucket/raw.pack/manifest.json: the store failed: .*store-failed"):
        pw.open(address("raw"))


def test_a_shard_that_was_replaced(store: ObjectStore) -> None:
    there = pw.open(address("raw"))["all"]
    assert there[0].name == "s000"
    store.salt = "other"  # the ETag of everything changes
    with pytest.raises(PackError, match=r"shard-00000.arrow: was replaced while it was in use; open the pack again"):
        list(there)
    assert pw.open(address("raw"))["all"][5].name == "s005"


def test_a_shard_of_another_size(store: ObjectStore) -> None:
    for key in [k for k in store.objects if "raw.pack" in k and "shard" in k]:
        store.objects[key] += b"more"
    with pytest.raises(PackError, match=r"store-changed"):
        pw.open(address("raw"))["all"][0]
    assert {f.code for f in pw.verify(address("raw"))} == {"pack-size"}


def test_damage_in_the_store(store: ObjectStore, packs: dict[str, Path]) -> None:
    """One sample is damaged: it is named, others are read, and skipping leaves out no other."""
    local = pw.open(packs["original"])["all"]
    entry = local.source.volume.index[4]
    key = next(k for k in store.objects if k.endswith(f"original.pack/{local.source.volume.manifest.data}/"
               f"shard-{entry['shard']:05}.arrow"))  # fmt: skip
    wrong = bytearray(store.objects[key])
    wrong[int(entry["image_offset"]) + 40] ^= 1
    store.objects[key] = bytes(wrong)
    for options in ({}, {"cache_encoding": "raw"}):
        there = pw.open(address("original"), **options)["all"]
        with pytest.raises(PackError, match=r"shard-.*record \d+ \(s004\): is damaged.*record-crc"):
            there[4]
        for k in (3, 5):
            assert there[k].image.tolist() == local[k].image.tolist()
        with pytest.warns(pw.PixelwiseWarning, match=r"1 of 12 samples of 'all' could not be read .* skipped: 's004'"):
            list(loader := pw.Loader(there, 4, shuffle=True, on_error="skip"))
        assert [name for name, _ in loader.skipped] == ["s004"]
    assert [f.code for f in pw.verify(address("original"))] == ["record-crc"]


def test_a_shard_that_is_gone(store: ObjectStore) -> None:
    for key in [k for k in store.objects if "raw.pack" in k and "shard-00001" in k]:
        del store.objects[key]
    there = pw.open(address("raw"))["all"]
    with pytest.raises(PackError, match=r"missing-shard"):
        list(there)
    assert [f.code for f in pw.verify(address("raw"))] == ["missing-shard"]
