"""The server: who is refused, what is answered, and that nothing outside of the list can be asked for."""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx
import numpy as np
import pytest

import pixelwise as pw
from pixelwise.codecs.decoding import decode_image, decode_stored
from pixelwise.codecs.png import encode_png
from pixelwise.drawing.pixels import scaled_label
from pixelwise.viewer.routes import page_files
from tests.support.tree import picture
from tests.support.voc import paint_voc

pytest.importorskip("starlette", reason="needs pixelwise[view]")
pytest.importorskip("uvicorn", reason="needs pixelwise[view]")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = paint_voc(tmp_path_factory.mktemp("served") / "VOC2012", 8)
    image = made / "JPEGImages/2008_000003.jpg"
    image.write_bytes(image.read_bytes()[:2000])
    (made / "SegmentationClass/2008_000004.png").write_bytes(encode_png(np.full((281, 500), 77, np.uint8)))
    return made


@pytest.fixture(scope="module")
def viewer(root: Path) -> Iterator[pw.Viewer]:
    with pw.view(root, splits=["train", "val"], port=0) as served:
        yield served


def base(viewer: pw.Viewer) -> str:
    return f"http://127.0.0.1:{viewer.port}"


@pytest.fixture(scope="module")
def known(viewer: pw.Viewer) -> Iterator[httpx.Client]:
    """A client that has opened the printed address."""
    with httpx.Client(base_url=base(viewer), timeout=30) as client:
        assert client.get(viewer.url).status_code == 200
        yield client


def numbers(answer: httpx.Response) -> list[int]:
    if "x-range" in answer.headers:
        start, stop = map(int, answer.headers["x-range"].split("-"))
        return list(range(start, stop))
    return np.frombuffer(answer.content, "<u4").tolist()


def counted(known: httpx.Client) -> dict:
    for _ in range(200):
        found = known.get("/api/legend").json()
        if found["counted"] == found["total"]:
            return found
        sleep(0.05)
    raise AssertionError("not counted within 10 s")


# -- who is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"])
def test_another_host_is_refused(viewer: pw.Viewer, known: httpx.Client, host: str) -> None:
    answer = known.get("/api/dataset", headers={"host": host.format(port=viewer.port)})
    assert (answer.status_code, answer.text.count("\n")) == (403, 1)
    assert "Host" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"])
def test_another_origin_is_refused(viewer: pw.Viewer, known: httpx.Client, origin: str) -> None:
    assert known.get("/api/dataset", headers={"origin": origin.format(port=viewer.port)}).status_code == 403
    own = known.get("/api/dataset", headers={"origin": base(viewer)})
    assert own.status_code == 200
    assert not [name for name in own.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/api/dataset", "/static/app.js", "/small/0/image", "/nothing"])
def test_nothing_is_answered_without_the_token(viewer: pw.Viewer, path: str) -> None:
    assert httpx.get(base(viewer) + path).status_code == 403
    wrong = {"cookie": f"pixelwise-{viewer.port}=wrong"}
    assert httpx.get(base(viewer) + path, headers=wrong).status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", "%FF%FE", "é"])
def test_a_wrong_token_is_refused(viewer: pw.Viewer, token: str) -> None:
    answer = httpx.get(f"{base(viewer)}/?token={token}")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_token_opens_only_the_page_and_is_not_the_cookie(viewer: pw.Viewer) -> None:
    token = viewer.url.partition("token=")[2]
    assert len(token) >= 43  # 32 random bytes
    assert httpx.get(f"{base(viewer)}/api/dataset?token={token}").status_code == 403
    cookie = {"cookie": f"pixelwise-{viewer.port}={token}"}
    assert httpx.get(base(viewer) + "/api/dataset", headers=cookie).status_code == 403
    given = httpx.get(viewer.url).headers["set-cookie"]
    assert token not in given
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in given.split(";")}
    assert given.startswith(f"pixelwise-{viewer.port}=")


def test_cookies_of_other_servers_do_no_harm(viewer: pw.Viewer, known: httpx.Client) -> None:
    own = "; ".join(f"{name}={value}" for name, value in known.cookies.items())
    for odd in ('a{b}:"c=d', "=", "x", "_xsrf=2|1:0|é", f"pixelwise-{viewer.port}=old"):
        header = {"cookie": f"{odd}; {own}".encode()}
        assert httpx.get(base(viewer) + "/api/dataset", headers=header).status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_get_is_allowed(viewer: pw.Viewer, known: httpx.Client, method: str) -> None:
    for path in ("/", "/api/dataset", f"/?token={viewer.url.partition('token=')[2]}"):
        answer = known.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_every_answer_has_the_policies(known: httpx.Client, viewer: pw.Viewer) -> None:
    for answer in (known.get("/"), known.get("/small/0/image"), known.get("/nothing"), httpx.get(base(viewer))):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "no-referrer"  # the token is in the first address
        assert "server" not in answer.headers


TRAVERSALS = [
    "/static/../routes.py", "/static/..%2froutes.py", "/static/%2e%2e/routes.py", "/static//etc/passwd",
    "/static/....//routes.py", "/small/..%2f..%2fetc%2fpasswd/image", "/small/0/..%2fimage", "/small/-1/image",
    "/whole/0/../../api", "/whole/99999999999999999999/image", "/whole/0/prediction-0", "/whole/0/errors-x",
    "/../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_address_is_a_path(viewer: pw.Viewer, known: httpx.Client, path: str) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in known.cookies.items())
    with socket.create_connection(("127.0.0.1", viewer.port), timeout=10) as raw:  # a client would tidy the path up
        lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{viewer.port}", f"Cookie: {cookie}", "Connection: close")
        raw.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404"), answer[:200]
    assert b"root:" not in answer


def test_it_listens_on_this_machine_only(viewer: pw.Viewer) -> None:
    assert viewer._socket.getsockname()[0] == "127.0.0.1"


# -- many and bad clients -------------------------------------------------------------------------------------


def test_200_requests_at_once(viewer: pw.Viewer, known: httpx.Client) -> None:
    cookies = dict(known.cookies)

    def ask(i: int) -> int:
        with httpx.Client(base_url=base(viewer), cookies=cookies, timeout=60) as client:
            return client.get(f"/small/{i % 8}/{'image' if i % 2 else 'label'}").status_code

    with ThreadPoolExecutor(200) as pool:
        assert set(pool.map(ask, range(200))) == {200}


def test_clients_that_break_off_or_say_nothing_do_no_harm(viewer: pw.Viewer, known: httpx.Client) -> None:
    idle = [socket.create_connection(("127.0.0.1", viewer.port)) for _ in range(30)]
    for i in range(30):
        with socket.create_connection(("127.0.0.1", viewer.port)) as raw:
            raw.sendall(b"GET /small/0/image HTTP/1.1\r\nHost: 127.0.0.1" + (b"\r\n\r\n" if i % 2 else b""))
    with socket.create_connection(("127.0.0.1", viewer.port), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert b" 400 " in raw.recv(4096)
    assert known.get("/small/0/image").status_code == 200
    for connection in idle:
        connection.close()


def test_it_ends_soon_and_frees_the_port(root: Path) -> None:
    viewer = pw.view(root, port=0)
    with socket.create_connection(("127.0.0.1", viewer.port)):
        started = monotonic()
        viewer.close()
    assert monotonic() - started < 2
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", viewer.port))
    assert not viewer._thread.is_alive()


def test_it_ends_without_a_word_while_it_is_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, over = Event(), Event()

    def slow(*_: Any) -> list[Any]:
        asked.set()
        over.wait(20)
        return []

    monkeypatch.setattr("pixelwise.viewer.answers.Shown.rows", slow)
    with pw.view(root, port=0) as viewer, httpx.Client(base_url=base(viewer)) as client, ThreadPoolExecutor(1) as pool:
        client.get(viewer.url)
        given_up = pool.submit(client.get, "/api/rows?numbers=0")
        assert asked.wait(10)
        started = monotonic()
        viewer.close()
        took = monotonic() - started
        over.set()
        assert given_up.exception(10) is not None or given_up.result().status_code == 503
    assert took < 2
    assert not caplog.records


def test_a_slow_client_holds_up_nobody(viewer: pw.Viewer, known: httpx.Client) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in known.cookies.items())
    slow = [socket.create_connection(("127.0.0.1", viewer.port), timeout=10) for _ in range(40)]
    for k, raw in enumerate(slow):  # half ask byte by byte, half never read a large answer
        host = f"Host: 127.0.0.1:{viewer.port}"
        lines = (f"GET /whole/{8 + k % 8}/image HTTP/1.1", host, f"Cookie: {cookie}", "", "")
        raw.sendall("\r\n".join(lines).encode() if k % 2 else b"GET /small/0/im")
    for _ in range(20):
        assert known.get("/small/0/image").status_code == 200
    for raw in slow:
        raw.close()


def test_a_header_without_end_is_refused(viewer: pw.Viewer, known: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", viewer.port), timeout=10) as raw:
        answer = b""
        with suppress(OSError):  # the server may close before all is sent
            more = b"".join(b"X-%d: %s\r\n" % (k, b"a" * 8000) for k in range(60))
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + more)
            raw.sendall(b"\r\n")
            answer = raw.recv(4096)
    assert b" 200 " not in answer
    assert known.get("/").status_code == 200


def test_a_link_out_of_the_dataset_is_read_only_as_its_sample(root: Path, tmp_path: Path) -> None:
    """A dataset may hold links, and often does; but only pictures leave the server, and no link gives it an address."""
    made = paint_voc(tmp_path / "VOC2012", 3)
    secret = tmp_path / "secret.txt"
    secret.write_text("root:secret")
    for name, target in (("2008_000000", secret), ("2008_000001", root / "JPEGImages/2008_000005.jpg")):
        link = made / f"JPEGImages/{name}.jpg"
        link.unlink()
        link.symlink_to(target)
    (made / "JPEGImages/more").symlink_to(tmp_path, target_is_directory=True)
    with pw.view(made, splits="train", port=0) as viewer, httpx.Client(base_url=base(viewer)) as client:
        client.get(viewer.url)
        for size in ("small", "whole"):
            answer = client.get(f"/{size}/0/image")
            assert set(answer.json()) == {"error", "code"}
            assert b"root:secret" not in answer.content
            assert client.get(f"/{size}/1/image").headers["content-type"].startswith("image/")
        assert b"root:secret" not in client.get("/api/facts/0").content
        for path in ("/JPEGImages/more/secret.txt", "/static/more/secret.txt", "/more/secret.txt"):
            assert client.get(path).status_code == 404


def test_a_port_that_is_taken_gives_the_next(root: Path, viewer: pw.Viewer) -> None:
    with pw.view(root, port=viewer.port) as second:
        assert viewer.port < second.port < viewer.port + 100


# -- what is answered -----------------------------------------------------------------------------------------


def test_the_dataset(known: httpx.Client) -> None:
    found = known.get("/api/dataset").json()
    assert [(s["name"], s["samples"], s["start"]) for s in found["splits"]] == [("train", 8, 0), ("val", 8, 8)]
    assert [c["name"] for c in found["classes"]] == list(pw.VOC.names)
    assert [c["color"] for c in found["classes"]] == pw.VOC.colors.tolist()
    assert found["void"] == {"id": 255, "name": "void", "color": [224, 224, 192]}


def test_the_legend_has_the_numbers_of_count_classes(known: httpx.Client, root: Path) -> None:
    counted(known)
    found = known.get("/api/legend", params={"split": "val"}).json()
    counts = pw.count_classes(root, splits="val")
    images, shares = np.count_nonzero(counts, axis=0), counts.sum(axis=0) / counts.sum()
    occur = np.flatnonzero(images)
    assert [c["id"] for c in found["classes"]] == [255 if i == 21 else i for i in occur.tolist()]
    assert [c["images"] for c in found["classes"]] == images[occur].tolist()
    assert [c["share"] for c in found["classes"]] == pytest.approx(shares[occur].tolist())


def test_the_charts_have_the_numbers_of_stats(known: httpx.Client, root: Path) -> None:
    counted(known)
    found = known.get("/api/charts", params={"split": "val"}).json()
    stats = pw.stats(root, splits="val")
    assert [id for id, _ in found["share"]] == np.argsort(-stats.share, kind="stable")[: found["classes"]].tolist()
    assert [share for _, share in found["share"]] == pytest.approx(sorted(stats.share[stats.share > 0], reverse=True))
    assert found["together"] == stats.together[np.ix_(found["ids"], found["ids"])].tolist()
    assert found["ids"] == np.flatnonzero(stats.images[:-1]).tolist()
    sides = [min(size) for size, n in stats.sizes.items() for _ in range(n)]
    assert found["sides"] == [[v, v, sides.count(v)] for v in sorted(set(sides))]
    classes = np.count_nonzero(pw.count_classes(root, splits="val")[:, :-1], axis=1).tolist()
    assert found["per_sample"] == [[n, classes.count(n)] for n in sorted(set(classes))]


def test_pictures_are_what_the_dataset_reads(known: httpx.Client, root: Path) -> None:
    sample = pw.open(root)["val"][0]
    image = known.get("/whole/8/image")
    assert (image.headers["content-type"], image.headers["cache-control"]) == ("image/png", "private, max-age=3600")
    assert np.array_equal(decode_image(image.content, "whole"), sample.image)
    assert np.array_equal(decode_stored(known.get("/whole/8/label").content, "ids").pixels, sample.label)
    assert np.array_equal(decode_stored(known.get("/whole/8/instances").content, "ids").pixels, sample.instances)
    assert np.array_equal(decode_stored(known.get("/whole/8/stored").content, "ids").pixels, sample.label)
    small = known.get("/small/8/image")
    assert small.headers["content-type"] == "image/jpeg"
    height, width, _ = decode_image(small.content, "small").shape  # as the decoder gives it, not much more than 224
    assert 224 <= height <= 280
    assert abs(width / height - 375 / 500) < 0.01
    label = decode_stored(known.get("/small/8/label").content, "small").pixels
    assert label.shape == (224, 168)
    assert set(np.unique(label)) <= set(np.unique(sample.label))


def test_errors_name_files_within_the_dataset(
    known: httpx.Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for here in (root.parent.parent, root.parent, root, Path("/")):  # messages leave the current directory out
        monkeypatch.chdir(here)
        assert known.get("/small/3/image").json()["error"].startswith("JPEGImages/2008_000003.jpg: ")


def test_an_image_that_cannot_be_read_is_answered_by_its_error(known: httpx.Client) -> None:
    for path in ("/small/3/image", "/whole/3/image"):
        answer = known.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()["code"] == "truncated"
        assert "2008_000003.jpg" in answer.json()["error"]
        assert answer.headers["cache-control"] == "no-store"


def test_a_label_that_cannot_be_read_is_answered_by_its_error(known: httpx.Client) -> None:
    assert known.get("/small/4/label").json()["code"] == "class-out-of-range"
    assert known.get("/small/4/image").headers["content-type"] == "image/jpeg"
    counted(known)
    assert 4 in numbers(known.get("/api/select?broken=1"))
    assert "value 77 is not a class" in known.get("/api/rows?numbers=4").json()[0]["error"]


def test_facts(known: httpx.Client) -> None:
    found = known.get("/api/facts/8").json()
    assert found["image"] == {
        "path": "JPEGImages/2008_000008.jpg", "kind": "jpeg", "bytes": found["image"]["bytes"], "height": 500,
        "width": 375, "channels": 3, "bits": 8, "orientation": None,
    }  # fmt: skip
    assert found["label"] == {
        "path": "SegmentationClass/2008_000008.png", "kind": "png", "mode": "palette", "bits": 8, "palette": 256,
    }  # fmt: skip
    assert found["size"] == [500, 375]


def test_values_that_are_none_are_refused_in_one_line(known: httpx.Client) -> None:
    for query in (
        "class=x",
        "low=-1",
        "share=nan",
        "high=inf",
        "sort=color",
        "sort=score",
        "sort=change",
        "split=nowhere",
    ):
        answer = known.get("/api/select?" + query)
        assert answer.status_code == 400, query
        assert "\n" not in answer.json()["error"]
    assert known.get("/api/rows?numbers=16").status_code == 400
    assert known.get("/api/rows?numbers=" + "0," * 501).status_code == 400
    assert known.get("/api/facts/16").status_code == 404
    assert known.get("/api/legend?split=nowhere").status_code == 404


def test_only_the_files_of_the_page_are_served(known: httpx.Client) -> None:
    assert {"index.html", "app.js", "view.css"} <= set(page_files())
    for name, (data, kind) in page_files().items():
        answer = known.get(f"/static/{name}")
        assert answer.content == data
        assert answer.headers["content-type"].startswith(kind)


# -- other sources --------------------------------------------------------------------------------------------


def test_arrays_and_wide_ids(tmp_path: Path) -> None:
    label = np.arange(600, dtype=np.uint16).reshape(20, 30)
    table = pw.ClassTable(tuple(f"class {i}" for i in range(600)), ignore_index=65_535)
    split = pw.Split("all", table, pw.ArraySource([picture(0, (20, 30))], [label], names=["one\nline"]))
    with pw.view(split, port=0) as viewer, httpx.Client(base_url=base(viewer)) as client:
        client.get(viewer.url)
        for size in ("small", "whole"):  # smaller than a thumbnail: not enlarged
            pixels = decode_stored(client.get(f"/{size}/0/label").content, "ids").pixels.astype(np.uint16)
            assert np.array_equal(pixels[..., 0] + 256 * pixels[..., 1], label)
        assert client.get("/whole/0/stored").json()["code"] == "no-label-file"
        assert client.get("/whole/0/instances").json()["code"] == "no-instances"
        assert client.get("/api/rows?numbers=0").json()[0]["name"] == "one\\nline"
        assert client.get("/api/facts/0").json()["image"] == {}


def test_names_that_are_not_utf8() -> None:
    source = pw.ArraySource([picture(0, (8, 8))], [np.zeros((8, 8), np.uint8)], names=["caf\udce9"])
    with (
        pw.view(pw.Split("tr\udcefn", pw.VOC, source), port=0) as viewer,
        httpx.Client(base_url=base(viewer)) as client,
    ):
        client.get(viewer.url)
        assert client.get("/api/dataset").json()["splits"][0]["samples"] == 1
        assert client.get("/api/rows?numbers=0").json()[0]["name"] == "caf\\udce9"
        assert numbers(client.get("/api/select?text=caf")) == [0]
        assert client.get("/small/0/image").headers["content-type"] == "image/jpeg"


def test_a_pack_and_a_dataset_under_other_classes(root: Path, tmp_path: Path) -> None:
    merged = pw.open(root).subset(names=["2008_000008", "2008_000009"]).merge_classes({"animal": ["cat", "bird"]})
    pw.pack(merged, tmp_path / "voc.pack", splits="val")
    truth = merged["val"][0].label
    for data in (merged, tmp_path / "voc.pack"):
        with pw.view(data, splits="val", port=0) as viewer, httpx.Client(base_url=base(viewer)) as client:
            client.get(viewer.url)
            assert np.array_equal(decode_stored(client.get("/whole/0/label").content, "ids").pixels, truth)
            assert client.get("/small/0/image").headers["content-type"] == "image/jpeg"


def test_a_broken_list_hides_no_other_split(tmp_path: Path) -> None:
    made = paint_voc(tmp_path / "VOC2012", 2)
    (made / "ImageSets/Segmentation/val.txt").write_bytes(b"\xff\xfe\n")
    with pw.view(made, port=0) as viewer, httpx.Client(base_url=base(viewer)) as client:
        client.get(viewer.url)
        found = client.get("/api/dataset").json()
        assert [s["name"] for s in found["splits"]] == ["train", "trainval"]
        assert [f["name"] for f in found["failed"]] == ["val"]


def test_without_the_extra_it_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(pw.UsageError, match=r"uvicorn is not installed; pip install 'pixelwise\[view\]'") as caught:
        pw.view(root)
    assert caught.value.code == "missing-extra"


def test_nothing_to_show_is_an_error() -> None:
    empty = pw.Split("none", pw.VOC, pw.ArraySource([], [], names=[]))
    with pytest.raises(pw.UsageError, match="nothing to show") as caught:
        pw.view(empty)
    assert caught.value.code == "empty-dataset"


# -- predictions ----------------------------------------------------------------------------------------------


def ratio_of(totals: list[int]) -> float | None:
    agreed, truth, predicted, _ = totals
    return agreed / (truth + predicted - agreed) if truth + predicted else None


def test_runs_have_the_numbers_of_score(root: Path, tmp_path: Path) -> None:
    split = pw.open(root)["val"]
    for k in range(2):
        (tmp_path / f"run{k}").mkdir()
        for i in range(8):
            ids = np.roll(split[i].label, 5 + 30 * k, axis=0)
            ids[ids == 255] = 0
            (tmp_path / f"run{k}" / f"{split.names[i]}.png").write_bytes(encode_png(ids))
    folders = [tmp_path / "run0", tmp_path / "run1"]
    with (
        pw.view(root, predictions=folders, port=0) as viewer,
        httpx.Client(base_url=base(viewer), timeout=30) as client,
    ):
        client.get(viewer.url)
        start = next(s["start"] for s in client.get("/api/dataset").json()["splits"] if s["name"] == "val")
        for _ in range(200):
            runs = client.get("/api/runs").json()
            if all(run["scores"] or run["error"] for run in runs):
                break
            sleep(0.05)
        first, second = (pw.score(folder, split) for folder in folders)
        assert [run["scores"]["miou"] for run in runs] == [first.scores.miou, second.scores.miou]
        order = [start + i for i in np.argsort(first.image_miou(), kind="stable")]
        assert numbers(client.get("/api/select?split=val&sort=score")) == order
        for id in (0, 8, 20):
            ious = [ratio_of(first.confusion.images.totals[i, :, id].tolist()) for i in range(8)]
            there = [start + i for i in range(8) if id in np.unique(split[i].label)]
            for sign, down in (("", 1), ("-", -1)):
                found = numbers(client.get(f"/api/select?split=val&class={id}&sort={sign}iou"))
                assert found == sorted(there, key=lambda i: down * (ious[i - start] or 0))
        low = float(np.sort(100 * first.image_miou())[3])
        few = [start + i for i in np.flatnonzero(100 * first.image_miou() <= low)]
        assert numbers(client.get(f"/api/select?split=val&score={low!r}")) == few
        assert client.get("/api/select?score=5&run=2").status_code == 400
        change = second.image_miou() - first.image_miou()
        worse = [start + i for i in np.argsort(change, kind="stable")]
        assert numbers(client.get("/api/select?split=val&sort=change")) == worse
        errors = decode_stored(client.get(f"/whole/{start}/errors-0").content, "errors").pixels
        truth, found = split[0].label, decode_stored((folders[0] / f"{split.names[0]}.png").read_bytes(), "p").pixels
        assert np.array_equal(errors, np.where(truth == 255, 2, truth != found))
        (folders[0] / f"{split.names[1]}.png").unlink()
        assert client.get(f"/whole/{start + 1}/prediction-0").json()["code"] == "missing-prediction"


@pytest.mark.parametrize("dense", [1024, 0])
def test_the_samples_of_each_cell_of_the_confusion(
    root: Path, tmp_path: Path, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.viewer.confused._DENSE", dense)
    split = pw.open(root)["val"]
    (tmp_path / "run").mkdir()
    both, done = [], [0, 2, 3, 5, 6]  # the predictions of the others are missing
    for i in done:
        ids = np.roll(split[i].label, 21, axis=1).astype(np.int64)
        ids[:3] = 99 if i == 3 else 5
        np.save(tmp_path / f"run/{split.names[i]}.npy", ids)
        both.append((split[i].label, ids))
    with (
        pw.view(root, splits="val", predictions=tmp_path / "run", port=0) as viewer,
        httpx.Client(base_url=base(viewer), timeout=30) as client,
    ):
        client.get(viewer.url)
        assert client.get("/api/confusion/1").status_code == 404
        client.get("/api/confusion/0")
        viewer._shown.runs[0].confused.complete()
        answer = client.get("/api/confusion/0").json()
        assert (answer["counted"], answer["total"], answer["unread"]) == (8, 8, 3)
        expected = pw.Confusion(pw.VOC)
        for truth, ids in both:
            expected.update(ids, truth)
        ids = answer["ids"]
        assert answer["rows"] == expected.matrix[np.ix_(ids, [*ids, 21])].tolist()
        assert [pixels for _, _, pixels, _ in answer["pairs"]] == sorted((p[2] for p in answer["pairs"]), reverse=True)
        for truth, predicted, pixels, samples in answer["pairs"]:
            assert truth != predicted
            each = [np.count_nonzero((t == truth) & (np.minimum(f, 21) == predicted)) for t, f in both]
            assert (pixels, samples) == (sum(each), np.count_nonzero(each))
            order = [done[k] for k in np.argsort(-np.array(each), kind="stable") if each[k]]
            assert numbers(client.get(f"/api/select?pair={truth}-{predicted}&sort=-pixels")) == order
        mask = decode_stored(client.get("/whole/3/confused-0-0-21").content, "mask").pixels
        assert np.array_equal(mask, (both[2][0] == 0) & (both[2][1] > 20))
        assert client.get("/whole/1/confused-0-0-1").json()["code"] == "missing-prediction"
        for query in ("pair=8", "pair=a-b", "pair=0-1&run=1", "sort=pixels"):
            assert client.get("/api/select?" + query).status_code == 400, query
        assert client.get("/whole/0/confused-1-0-1").status_code == 404


def test_a_run_that_cannot_be_scored_says_why(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pw.view(root, predictions=tmp_path / "empty", port=0) as viewer:
        viewer._scoring.join(10)
        run = viewer._shown.runs[0]
        assert run.scoring is None
        assert "problems with the predictions" in run.error
    with pytest.raises(pw.UsageError, match="no such predictions"):
        pw.view(root, predictions=tmp_path / "nowhere")


def test_of_very_many_classes_all_but_the_scores_is_shown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pw.ClassTable(tuple(f"class {i}" for i in range(31_500)), ignore_index=65_535)
    labels = [rng.integers(0, 31_500, (6, 8)).astype(np.uint16) for _ in range(3)]
    split = pw.Split("val", table, pw.ArraySource([picture(i, (6, 8)) for i in range(3)], labels))
    for name, label in zip(split.names, labels, strict=True):
        np.save(tmp_path / f"{name}.npy", np.where(np.arange(8) < 2, 5, label))
    with (
        pw.view(split, predictions=tmp_path, port=0) as viewer,
        httpx.Client(base_url=base(viewer), timeout=30) as client,
    ):
        client.get(viewer.url)
        viewer._scoring.join(20)
        run = client.get("/api/runs").json()[0]
        assert run["scores"] is None
        assert "31,500 classes are too many for a confusion matrix" in run["error"]
        assert len(counted(client)["classes"]) == len(np.unique(labels))
        for what in ("label", "prediction-0", "errors-0"):
            assert client.get(f"/whole/1/{what}").headers["content-type"] == "image/png"
        viewer._shown.runs[0].confused.complete()
        found = client.get("/api/confusion/0").json()
        truth, predicted, pixels, samples = found["pairs"][0]
        assert (predicted, pixels, samples) == (5, 1, 1)
        assert numbers(client.get(f"/api/select?pair={truth}-5&sort=-pixels")) == [
            i for i in range(3) if (labels[i][:, :2] == truth).any()
        ]
        assert numbers(client.get("/api/select?sort=score")) == [0, 1, 2]


def test_a_notebook_shows_it_in_a_frame(root: Path) -> None:
    with pw.view(root, port=0) as viewer:
        html = viewer._repr_html_()
        assert viewer.url in html
        assert (
            "frame-ancestors http://127.0.0.1:* http://localhost:*"
            in httpx.get(viewer.url).headers["content-security-policy"]
        )


# -- findings and files ---------------------------------------------------------------------------------------


def test_findings_by_entry_with_their_pixels(root: Path, tmp_path: Path) -> None:
    found = pw.check(root)
    found.save(tmp_path / "found.json")
    with (
        pw.view(root, findings=tmp_path / "found.json", port=0) as viewer,
        httpx.Client(base_url=base(viewer)) as client,
    ):
        client.get(viewer.url)
        groups = {group["code"]: group for group in client.get("/api/findings").json()}
        assert {code: group["count"] for code, group in groups.items()} == {g.code: g.count for g in found.groups}
        assert groups["truncated"]["findings"][0]["entry"] == 3
        assert groups["truncated"]["text"] == str(next(f for f in found if f.code == "truncated"))
        split = client.get("/api/dataset").json()["splits"][2]
        assert numbers(client.get("/api/select?code=class-out-of-range")) == [4, split["start"] + 4]
        assert client.get("/api/select?code=nothing").status_code == 400
        assert [f["code"] for f in client.get("/api/facts/3").json()["findings"]] == ["truncated"]
        marked = decode_stored(client.get("/whole/4/faulty-class-out-of-range").content, "mask").pixels
        assert marked.shape == (281, 500)
        assert marked.all()
        assert client.get("/whole/3/faulty-truncated").headers["content-type"] == "image/png"


def test_an_exported_page_holds_what_was_chosen_and_no_path(root: Path, tmp_path: Path) -> None:
    counts = pw.count_classes(root, splits="val")
    with pw.view(root, port=0) as viewer:
        assert viewer.export(tmp_path / "page.html", "split=val&class=8&sort=-share", n=2) == 2
        with pytest.raises(pw.UsageError, match="cannot sort by 'color'"):
            viewer.export(tmp_path / "other.html", "sort=color")
    text = (tmp_path / "page.html").read_text("utf-8")
    policy = text.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert {part.split()[0]: part.split()[1:] for part in policy.split("; ")} == {
        "default-src": ["'none'"], "script-src": ["'unsafe-inline'", "data:"], "style-src": ["'unsafe-inline'"],
        "img-src": ["data:", "blob:"], "base-uri": ["'none'"], "form-action": ["'none'"],
    }  # fmt: skip
    assert text.index("Content-Security-Policy") < min(text.index("<script"), text.index("<style"))
    content = json.loads(text.partition('id="content">')[2].partition("</script>")[0])
    order = np.argsort(-counts[:, 8] / counts.sum(axis=1), kind="stable")[:2]
    assert [s["name"] for s in content["samples"]] == [pw.open(root)["val"].names[i] for i in order]
    for i, sample in zip(order, content["samples"], strict=True):
        label = decode_stored(base64.b64decode(sample["pictures"]["label"]["data"]), "label").pixels
        assert np.array_equal(label, pw.open(root)["val"][int(i)].label)
    assert str(root.parent) not in text
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_name_cannot_leave_its_script(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script>"
    source = pw.ArraySource([picture(0, (8, 8))], [np.zeros((8, 8), np.uint8)], names=[name])
    with pw.view(pw.Split("all", pw.VOC, source), port=0) as viewer:
        viewer.export(tmp_path / "page.html")
    assert "<script>alert" not in (tmp_path / "page.html").read_text("utf-8")


def test_the_command(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pixelwise", "view", str(root), "--split", "val"]
    done = subprocess.run([*command, "--export", tmp_path / "page.html", "-n", "3"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"3 samples: {tmp_path / 'page.html'}\n")
    # A suite that runs in the background of a shell ignores SIGINT, and its children would, too.
    heeds: Any = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)} if os.name == "posix" else {}
    with subprocess.Popen([*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True, **heeds) as running:
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "")
        url = next(json.loads("{" + line.rstrip(",\n") + "}")["url"] for line in lines if "token=" in line)
        assert httpx.get(url).status_code == 200
        started = monotonic()
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(10) == 0
        finally:
            running.kill()
        assert monotonic() - started < 5  # 2 s on an idle machine


def test_plans_are_those_of_a_loader(known: httpx.Client, root: Path) -> None:
    split = pw.open(root)["val"]
    for epoch in (0, 15):
        loader = pw.Loader(split, 8, pw.RECIPES["deeplab-voc"](), seed=7, output="uint8-hwc")
        loader.load_state_dict(loader.state_dict() | {"epoch": epoch, "batch": 0})
        batch = next(iter(loader))
        label = decode_stored(known.get(f"/plan/10/{epoch}/label?recipe=deeplab-voc&seed=7").content, "label").pixels
        assert np.array_equal(label, scaled_label(batch.labels[2], (224, 224)))
        assert known.get(f"/plan/10/{epoch}/image?recipe=deeplab-voc&seed=7").headers["content-type"] == "image/jpeg"
    draws = known.get("/api/plans/10?recipe=center-crop").json()["draws"]
    assert len(draws) == 16
    assert draws[0]["size"] == [512, 512]
    assert "to 512x512, padded" in draws[0]["text"]
    assert "truncated" in known.get("/api/plans/3?recipe=deeplab-voc").json()["error"]
    assert known.get("/plan/3/0/image?recipe=deeplab-voc").json()["code"] == "truncated"
    assert known.get("/api/plans/0?recipe=none").status_code == 400
    assert known.get("/api/plans/0?recipe=ade20k&seed=-1").status_code == 400
    assert known.get(f"/plan/0/{2**31}/image?recipe=ade20k").status_code == 404


def test_parameters_of_a_recipe_can_be_changed(known: httpx.Client, root: Path) -> None:
    split = pw.open(root)["val"]
    changes = "0.scale=0.5,0.75;1.size=200,300;2.p=1"
    recipe = [pw.RandomScale((0.5, 0.75)), pw.RandomCrop(200, 300, pad_if_needed=True), pw.RandomHorizontalFlip(p=1)]
    loader = pw.Loader(split, 8, recipe, seed=7, output="uint8-hwc")
    loader.load_state_dict(loader.state_dict() | {"epoch": 20, "batch": 0})
    label = next(iter(loader)).labels[2]
    address = f"recipe=deeplab-voc&seed=7&epoch=20&set={changes}"
    shown = decode_stored(known.get(f"/plan/10/20/label?{address}").content, "label").pixels
    assert np.array_equal(shown, scaled_label(label, (149, 224)))
    draws = known.get(f"/api/plans/10?{address}").json()["draws"]
    assert {tuple(draw["size"]) for draw in draws} == {(200, 300)}
    found = known.get(f"/api/recipe?{address}").json()["transforms"]
    assert [one["name"] for one in found] == ["RandomScale", "RandomCrop", "RandomHorizontalFlip"]
    assert found[0]["fields"][0] == {"name": "scale", "kind": "number", "values": [0.5, 0.75], "optional": False}
    assert found[1]["fields"][0] == {"name": "size", "kind": "int", "values": [200, 300], "optional": False}
    assert found[1]["fields"][1]["kind"] == "bool"
    none = known.get("/api/recipe?recipe=ade20k&set=0.longest=").json()["transforms"][0]["fields"][1]
    assert none == {"name": "longest", "kind": "int", "values": [], "optional": True}
    for bad in (
        "0.scale=1", "0.scale=2,1", "1.size=-1,5", "1.size=1.5,5", "2.p=2", "9.p=1", "0.none=1", "x", "0.scale=a,b",
        "2.p=nan", "1.size=,5", "1.size=9000,9000", "0.scale=-1,2", "1.pad_if_needed=", "0.scale=1,1e400",
    ):  # fmt: skip
        for path in ("/api/plans/10", "/api/recipe") if bad != "1.size=9000,9000" else ("/api/plans/10",):
            answer = known.get(f"{path}?recipe=deeplab-voc&set={bad}")
            assert answer.status_code == 200, bad
            assert "\n" not in answer.json()["error"]


def test_every_recipe_has_its_parameters(known: httpx.Client) -> None:
    for name in pw.RECIPES:
        for one in known.get(f"/api/recipe?recipe={name}").json()["transforms"]:
            for field in one["fields"]:
                text = ",".join(v if isinstance(v, str) else str(float(v)) for v in field["values"])
                same = known.get(f"/api/recipe?recipe={name}&set={one['at']}.{field['name']}={text}").json()
                assert same == known.get(f"/api/recipe?recipe={name}").json(), (name, field)


def test_a_word_of_a_recipe_is_changed_and_checked(known: httpx.Client) -> None:
    (at,) = (one["at"] for one in known.get("/api/recipe?recipe=deeplab-voc").json()["transforms"]
             if any(field["kind"] == "choice" for field in one["fields"]))  # fmt: skip
    for word, answer in (("bicubic", "bicubic"), ("nearest", None), ("3", None)):
        found = known.get(f"/api/recipe?recipe=deeplab-voc&set={at}.interpolation={word}").json()
        if answer is None:
            assert "interpolation" in found["error"]
        else:
            assert [answer] in [field["values"] for field in found["transforms"][at]["fields"]]


def test_each_answer_is_sent_at_once(viewer: pw.Viewer) -> None:
    # asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it each answer takes 40 ms.
    assert viewer._socket.proto == socket.IPPROTO_TCP


# -- what a page is called ------------------------------------------------------------------------------------------


def given(root: Path) -> dict[str, tuple[Any, str]]:
    """What `view` takes, made from VOC2012, and the title of its page."""
    folder = root.parent
    voc = pw.open(root)
    pack = pw.open(pw.pack(voc, folder / "voc.pack").root)
    coco = pw.open(pw.convert(voc, folder / "as coco", to="coco").root)
    merged, other = voc.merge_classes({"pet": ["cat", "dog"]}), pw.open(paint_voc(folder / "other", 3))
    arrays = pw.Split("mine", pw.ClassTable(("a", "b")), pw.ArraySource([picture(0, (9, 8))], [np.zeros((9, 8), int)]))
    return {
        "path": (root, "VOC2012"), "dataset": (voc, "VOC2012"), "split": (voc["train"], "VOC2012 · train"),
        "samples": (voc["train"].select([1, 0]), "VOC2012 · train"), "slice": (voc["val"][:2], "VOC2012 · val"),
        "merged": (merged, "VOC2012"), "split of it": (merged["val"], "VOC2012 · val"),
        "subset": (voc.subset(voc["val"].names[:2])["val"], "VOC2012 · val"),
        "joined": (pw.concat([voc, other])["val"], "VOC2012 · val"), "pack": (folder / "voc.pack", "voc.pack"),
        "split of a pack": (pack["val"], "voc.pack · val"), "split of drawn labels": (coco["val"], "as coco · val"),
        "pickled": (pickle.loads(pickle.dumps(coco))["val"], "as coco · val"), "arrays": (arrays, "mine"),
    }  # fmt: skip


def test_a_page_is_called_by_the_dataset_and_the_split_that_was_given(tmp_path: Path) -> None:
    for what, (data, title) in given(paint_voc(tmp_path / "VOC2012", 6)).items():
        with pw.view(data, port=0) as viewer, httpx.Client(base_url=base(viewer), timeout=30) as client:
            client.get(viewer.url)
            assert client.get("/api/dataset").json()["title"] == viewer.title == title, what
            number = f"{viewer.count:,} sample{'' if viewer.count == 1 else 's'}"
            assert repr(viewer).startswith(f"Viewer({number} of {title!r} at http"), what
            viewer.export(tmp_path / "page.html", n=1)
            assert f"<title>{title}" in (tmp_path / "page.html").read_text("utf-8"), what
