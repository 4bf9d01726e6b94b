"""Packs in stores that others have written: S3 by moto, Azure by Azurite. Uploads in parts, and puts on a condition.

moto: `pip install 'moto[server]'`. Azurite: `npm install -g azurite`. Where one is missing its tests skip.
"""

from __future__ import annotations

import hashlib
import hmac
import shutil
import socket
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import pixelwise as pw
from pixelwise.files.addresses import StorePath
from pixelwise.packs.remote.store import Store
from tests.support.packing import assert_equal, small, voc_tree
from tests.support.stores import variables

pytest.importorskip("obstore", reason="pixelwise[remote] is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

AZURE = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's account and key, the same everywhere: https://learn.microsoft.com/azure/storage/common/storage-use-azurite."""


@pytest.fixture(scope="module")
def s3() -> Iterator[tuple[str, dict[str, str]]]:
    """An address in moto's server, and the environment in which it is there."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    origin = "http://{}:{}".format(*server.get_host_and_port())
    httpx.put(f"{origin}/packs").raise_for_status()
    yield "s3://packs", variables(origin)
    server.stop()


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = tmp_path_factory.mktemp("azurite")
    command = [program, "--location", str(place), "--blobPort", str(port), "--silent", "--skipApiVersionCheck"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            origin = f"http://127.0.0.1:{port}/{AZURE[0]}"
            _make_container(f"{origin}/packs", until=time.monotonic() + 30)
            yield "az://packs", {
                "AZURE_STORAGE_ACCOUNT_NAME": AZURE[0], "AZURE_STORAGE_ACCOUNT_KEY": AZURE[1],
                "AZURE_STORAGE_ENDPOINT": origin, "AZURE_ALLOW_HTTP": "true", "NO_PROXY": "127.0.0.1",
            }  # fmt: skip
        finally:
            server.terminate()


def _make_container(url: str, until: float) -> None:
    """Signed as https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key says."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    named = "".join(f"{k}:{v}\n" for k, v in sorted(headers.items()))
    text = f"PUT\n\n\n\n\n\n\n\n\n\n\n\n{named}/{AZURE[0]}{httpx.URL(url).path}\nrestype:container"
    mark = b64encode(hmac.new(b64decode(AZURE[1]), text.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = f"SharedKey {AZURE[0]}:{mark}"
    while True:
        try:
            httpx.put(f"{url}?restype=container", headers=headers).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.fixture(params=["s3", "azure"])
def root(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePath:
    address, environment = request.getfixturevalue(request.param)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return StorePath(f"{address}/{tmp_path.name}/a.pack")


@pytest.mark.parametrize("encoding", ["raw", "original"])
def test_what_is_written_is_what_is_read(root: StorePath, encoding: Any, tmp_path: Path) -> None:
    source = pw.open(voc_tree(tmp_path / "VOC2012"))
    pw.pack(source, root, encoding=encoding, shard_bytes=30_000)
    there = pw.open(root, cache=tmp_path / "cache")
    for name in source.splits:
        assert_equal(source[name], there[name])
    assert len(pw.verify(root, source=True)) == 0
    batches = [b.names for b in pw.Loader(there["trainval"], 4, shuffle=True, seed=1)]
    assert sorted(sum(batches, ())) == sorted(source["trainval"].names)


def test_large_shards_go_up_in_parts(root: StorePath, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (1000, 1000, 3), np.uint8) for _ in range(7)]
    labels = [rng.integers(0, 4, (1000, 1000), np.uint8) for _ in range(7)]
    source = pw.Split("all", pw.ClassTable(("a", "b", "c", "d")), pw.ArraySource(images, labels))
    made = pw.pack(source, root)
    assert made is not None
    (shard,) = made["all"].source.volume.manifest.shards  # type: ignore[attr-defined]
    assert shard.bytes > 3 * 8 << 20, "several parts"
    assert_equal(source, pw.open(root)["all"])


def test_puts_on_a_condition(root: StorePath) -> None:
    store, path = Store(root), root / "manifest.json"
    assert store.put(path, b"first")
    assert not store.put(path, b"second"), "one is there"
    _, tag = store.head(path) or (0, None)
    assert store.put(path, b"third", tag)
    assert not store.put(path, b"fourth", tag), "it was replaced meanwhile"
    assert store.read(path) == b"third"
    store.delete([path])
    assert store.head(path) is None


def test_another_pack_is_not_overwritten_unless_asked(root: StorePath) -> None:
    pw.pack(small(6), root)
    with pytest.raises(pw.UsageError, match="another pack is already there"):
        pw.pack(small(5), root)
    assert_equal(small(6)["all"], pw.open(root)["all"])
    made = pw.pack(small(5), root, overwrite=True)
    assert made is not None
    assert_equal(small(5)["all"], made["all"])
    assert len(Store(root).names()) == 2, "the old one is gone"
