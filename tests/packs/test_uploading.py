"""pack into a store: nothing half shows, an upload that was stopped goes on, two packers agree or one is told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.errors import MissingError, PackError, PixelwiseError, SystemFault
from tests.support.packing import assert_equal, small, tree, voc_tree
from tests.support.pools import Pickling
from tests.support.program import run
from tests.support.remote import BUCKET, address, store_with
from tests.support.stores import ObjectStore, cut, flipped, google_variables, refused, silent

SHARD_BYTES = 8000


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with store_with(monkeypatch) as made:
        yield made


def packed(name: str = "a", **options: Any) -> pw.Dataset:
    options = {"shard_bytes": SHARD_BYTES, **options}
    made = pw.pack(small(12), address(name), **options)
    assert made is not None
    return made


@pytest.mark.parametrize("encoding", ["raw", "original"])
def test_what_is_written_is_what_is_read(store: ObjectStore, encoding: str, tmp_path: Path) -> None:
    source = pw.open(voc_tree(tmp_path / "VOC2012"))
    made = pw.pack(source, address("voc"), encoding=encoding, shard_bytes=30_000)
    assert made is not None
    for name in source.splits:
        assert_equal(source[name], made[name])
        assert_equal(source[name], pw.open(address("voc"))[name])
    assert len(pw.verify(address("voc"), source=True)) == 0
    assert not store.uploads
    for key, data in store.objects.items():  # the same files make a pack on a disk
        file = tmp_path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    assert len(pw.verify(tmp_path / BUCKET / "voc.pack")) == 0


def test_the_manifest_is_last_and_on_a_condition(store: ObjectStore) -> None:
    packed()
    assert store.written[-1] == f"{BUCKET}/a.pack/manifest.json"
    (headers,) = [h for method, key, h in store.seen if method == "PUT" and "manifest" in key]
    assert headers["If-None-Match"] == "*"


def test_the_same_again_writes_nothing(store: ObjectStore) -> None:
    packed()
    before = len(store.written)
    assert_equal(small(12)["all"], packed()["all"])
    assert len(store.written) == before


def test_another_pack_is_not_overwritten_unless_asked(store: ObjectStore) -> None:
    packed()
    old = dict(store.objects)
    with pytest.raises(pw.UsageError, match=r"s3://bucket/a.pack: another pack is already there.*pack-exists"):
        pw.pack(small(5), address("a"))
    assert store.objects == old
    made = pw.pack(small(5), address("a"), overwrite=True)
    assert made is not None
    assert_equal(small(5)["all"], made["all"])
    assert {k.split("/")[2] for k in store.objects} == {"manifest.json", made["all"].source.volume.manifest.data}


def test_in_googles_store(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which compares generations, not ETags, when it puts on a condition."""
    for name, value in google_variables(store.origin, tmp_path / "key.json").items():
        monkeypatch.setenv(name, value)
    root = f"gs://{BUCKET}/a.pack"
    for count in (6, 5):
        made = pw.pack(small(count), root, shard_bytes=SHARD_BYTES, overwrite=count == 5)
        assert made is not None
        assert_equal(small(count)["all"], pw.open(root)["all"])
    asked = [h["X-Goog-If-Generation-Match"] for m, key, h in store.seen if m == "PUT" and "manifest" in key]
    assert asked[0] == "0", "none is there"
    assert int(asked[1]) > 0, "the first is there unchanged"
    with pytest.raises(pw.UsageError, match="another pack is already there"):
        pw.pack(small(4), root)
    assert_equal(small(5)["all"], pw.open(root)["all"])


def test_damaged_shards_are_written_again(store: ObjectStore) -> None:
    packed()
    good = dict(store.objects)
    key = next(k for k in store.objects if "shard-00001" in k)
    store.objects[key] = store.objects[key][:-200] + bytes(200)
    assert pw.verify(address("a"))
    packed(overwrite=True)
    assert store.objects == good


def test_where_something_else_is(store: ObjectStore) -> None:
    store.objects[f"{BUCKET}/a.pack/notes.txt"] = b"mine"
    with pytest.raises(pw.UsageError, match=r"holds other objects, such as 'notes.txt'"):
        packed()


@pytest.mark.parametrize("where", ["shard-00000", "shard-00002", "index", "sources", "manifest"])
def test_an_upload_that_fails_goes_on_later(store: ObjectStore, where: str, tmp_path: Path) -> None:
    packed("other")
    expected = {k.replace("other", "a"): v for k, v in store.objects.items()}
    store.objects.clear()
    store.written.clear()
    store.fault(refused(403), -1, where, "PUT")
    store.fault(refused(403), -1, where, "POST")
    with pytest.raises(SystemFault, match=r"store-refused"):
        packed()
    assert not any(key.endswith("manifest.json") for key in store.objects)
    with pytest.raises(MissingError, match=r"there is no pack: no manifest.json"):
        pw.open(address("a"))
    there = set(store.objects)
    store.mend()
    store.written.clear()
    packed()
    assert store.objects == expected
    assert not {k for k in store.written if "shard" in k} & there, "what was there is kept"


@pytest.mark.parametrize("fault", [(refused(503), 2), (refused(500), 1), (silent(2), 1)])
def test_what_passes(store: ObjectStore, fault: Any) -> None:
    for method in ("PUT", "GET", "HEAD"):
        store.fault(*fault, "", method)
    assert_equal(small(12)["all"], packed()["all"])


def test_parts(store: ObjectStore) -> None:
    packed("whole")
    data = small(12)
    found = [pw.pack(data, address("a"), shard_bytes=SHARD_BYTES, part=(k, 3)) for k in (3, 1)]
    assert found == [None, None]
    made = pw.pack(data, address("a"), shard_bytes=SHARD_BYTES, part=(2, 3))
    assert made is not None
    assert_equal(data["all"], made["all"])
    assert {k: v for k, v in store.objects.items() if "a.pack" in k} == {
        k.replace("whole", "a"): v for k, v in store.objects.items() if "whole" in k
    }


def test_in_another_pool(store: ObjectStore) -> None:
    packed("whole")
    pool = Pickling()
    packed("a", pool=pool)
    assert "_upload_one" in pool.works
    expected = {k.replace("whole", "a"): v for k, v in store.objects.items() if "whole" in k}
    assert expected.items() <= store.objects.items()


def test_several_at_once(store: ObjectStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        for made in pool.map(lambda _: packed(), range(4)):
            assert_equal(small(12)["all"], made["all"])

    def try_to(count: int) -> str:
        try:
            return str(len(pw.pack(small(count), address("b"))["all"]))
        except PixelwiseError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(try_to, range(3, 7)))
    assert said.count("pack-exists") == 3
    (count,) = [int(s) for s in said if s.isdigit()]
    assert_equal(small(count)["all"], pw.open(address("b"))["all"])


def test_a_manifest_that_changed_meanwhile(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    packed()
    before = store.objects[f"{BUCKET}/a.pack/manifest.json"]

    def change(request: Any, body: bytes, headers: dict[str, str]) -> bool:
        store.salt = "changed"
        return False

    store.fault(change, 1, "sources", "PUT")
    with pytest.raises(pw.UsageError, match=r"another pack was written there meanwhile.*pack-exists"):
        pw.pack(small(5), address("a"), overwrite=True)
    assert store.objects[f"{BUCKET}/a.pack/manifest.json"] == before


def test_stores_that_are_not_written(store: ObjectStore) -> None:
    with pytest.raises(pw.UsageError, match=r"packs are written to s3://, gs:// and az://, not over http"):
        pw.pack(small(3), store.http("bucket/a.pack"))
    assert not store.objects


def test_the_command(store: ObjectStore, tmp_path: Path) -> None:
    source = voc_tree(tmp_path / "VOC2012")
    done = run("pack", source, address("voc"), "--encoding", "original")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s3://bucket/voc.pack: 0.0 MB, splits train 6")
    done = run("pack", source, address("voc"))
    assert (done.returncode, "pack-exists" in done.stderr) == (2, True)
    assert not (tmp_path / "s3:").exists()
    assert list(tree(source))


def test_a_pack_of_a_pack(store: ObjectStore, tmp_path: Path) -> None:
    local = pw.pack(small(12), tmp_path / "a.pack")
    made = pw.pack(local, address("a"))
    assert made is not None
    assert_equal(local["all"], made["all"])
    with pytest.raises(PackError):
        store.fault(cut(), -1, "shard")
        store.fault(flipped(), -1, "index")
        pw.open(address("a"))
