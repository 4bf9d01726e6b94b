"""An object store on 127.0.0.1: enough of S3, Google's XML API and plain HTTP to read and write packs, with faults on
order.

    with ObjectStore() as store:
        store.objects["bucket/a/b"] = b"..."       # or store.put_folder("bucket/voc.pack", folder)
        store.fault(refused(503), times=3, match="shard")
        pw.open(store.http("bucket/voc.pack"))     # or "s3://bucket/voc.pack", inside store.environment(monkeypatch)

As a program: `python -m tests.support.stores FOLDER LATENCY_MS MB_PER_S` serves the files below a folder and prints
its address.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.support.serving import Server, Serving

Fault = Callable[["Request", bytes, dict[str, str]], bool]
"""What happens to a request in place of its answer: called with the body and the headers that it would have got. True
if it has answered, False to answer after all."""


@dataclass
class _Planned:
    fault: Fault
    times: int
    match: str
    method: str


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle_expect_100(self) -> bool:
        return True

    def _begin(self) -> tuple[str, dict[str, list[str]], bytes]:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key, query = unquote(url.path).strip("/"), parse_qs(url.query, keep_blank_values=True)
        world = self.server.world
        with world.lock:
            world.seen.append((self.command, key, {name.title(): text for name, text in self.headers.items()}))
            world.under_way += 1
            world.most_under_way = max(world.most_under_way, world.under_way)
        if world.latency:
            time.sleep(world.latency)
        return key, query, body

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.write(body)

    def write(self, body: bytes) -> None:
        world, view = self.server.world, memoryview(body)
        for at in range(0, len(view), 1 << 18):
            world.throttle(len(view[at : at + (1 << 18)]))
            self.wfile.write(view[at : at + (1 << 18)])

    def _do(self, handle: Callable[[str, dict[str, list[str]], bytes], None]) -> None:
        try:
            handle(*self._begin())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with self.server.world.lock:
                self.server.world.under_way -= 1

    def do_GET(self) -> None:
        self._do(self._get)

    do_HEAD = do_GET  # noqa: N815

    def _get(self, key: str, query: dict[str, list[str]], _: bytes) -> None:
        world = self.server.world
        if "list-type" in query:
            self._list(key, query)
            return
        data = world.objects.get(key)
        if data is None:
            self._fail_or(key, 404, b"<Error><Code>NoSuchKey</Code></Error>", {})
            return
        tag = world.tag(key)
        headers = {**world.tags(key), "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT", "Accept-Ranges": "bytes"}
        if self.headers.get("If-Match", tag) not in (tag, "*"):
            self._fail_or(key, 412, b"<Error><Code>PreconditionFailed</Code></Error>", headers)
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if found is None:
            self._fail_or(key, 200, data, headers)
            return
        first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
        if first >= len(data):
            self._fail_or(key, 416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self._fail_or(key, 206, data[first : last + 1], headers)

    def _fails(self, key: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bool:
        """Whether a fault that was ordered for this request has answered it."""
        fault = self.server.world.next_fault(self.command, key)
        return fault is not None and fault(self, body, {} if headers is None else headers)

    def _fail_or(self, key: str, status: int, body: bytes, headers: dict[str, str]) -> None:
        if not self._fails(key, body, headers):
            self.answer(status, body, headers)

    def _list(self, key: str, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        names = sorted(k.partition("/")[2] for k in self.server.world.objects if k.startswith(f"{key}/"))
        names = [n for n in names if n.startswith(prefix)]
        folders: dict[str, None] = {}
        if "delimiter" in query:
            below = {n: n[len(prefix) :] for n in names}
            folders = dict.fromkeys(prefix + rest.partition("/")[0] + "/" for rest in below.values() if "/" in rest)
            names = [n for n, rest in below.items() if "/" not in rest]
        items = "".join(
            f"<Contents><Key>{escape(n)}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified><ETag>x</ETag>"
            f"<Size>{len(self.server.world.objects[f'{key}/{n}'])}</Size></Contents>"
            for n in names
        )
        items += "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders)
        body = f"<ListBucketResult><Name>{key}</Name><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        self._fail_or(key, 200, body.encode(), {"Content-Type": "application/xml"})

    def do_PUT(self) -> None:
        self._do(self._put)

    def _put(self, key: str, query: dict[str, list[str]], body: bytes) -> None:
        world = self.server.world
        if self._fails(key):
            return
        if "partNumber" in query:
            with world.lock:
                world.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = body
            self.answer(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
            return
        with world.lock:
            there = key in world.objects
            refused = there if self.headers.get("If-None-Match") == "*" else False
            if (wanted := self.headers.get("If-Match")) is not None:
                refused = not there or wanted != world.tag(key)
            if (wanted := self.headers.get("X-Goog-If-Generation-Match")) is not None:
                refused = wanted != (world.generation(key) if there else "0")
            if not refused:
                world.objects[key] = body
                world.written.append(key)
        self.answer(412 if refused else 200, headers={} if refused else world.tags(key))

    def do_POST(self) -> None:
        self._do(self._post)

    def _post(self, key: str, query: dict[str, list[str]], body: bytes) -> None:
        world = self.server.world
        if self._fails(key):
            return
        if "uploads" in query:
            with world.lock:
                number = f"u{len(world.uploads)}"
                world.uploads[number] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            self.answer(200, text.encode())
        elif "uploadId" in query:
            with world.lock:
                parts = world.uploads.pop(query["uploadId"][0])
                world.objects[key] = b"".join(parts[k] for k in sorted(parts))
                world.written.append(key)
            text = f"<CompleteMultipartUploadResult><ETag>{world.tag(key)}</ETag></CompleteMultipartUploadResult>"
            self.answer(200, text.encode())
        elif "delete" in query:
            with world.lock:
                names = re.findall(r"<Key>(.*?)</Key>", body.decode())
                for name in names:
                    world.objects.pop(f"{key}/{name}", None)
            gone = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
            self.answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())
        else:
            self.answer(400)

    def do_DELETE(self) -> None:
        self._do(self._delete)

    def _delete(self, key: str, query: dict[str, list[str]], _: bytes) -> None:
        with self.server.world.lock:
            if "uploadId" in query:
                self.server.world.uploads.pop(query["uploadId"][0], None)
            else:
                self.server.world.objects.pop(key, None)
        self.answer(204)


class ObjectStore(Serving):
    """The store. objects: by "bucket/key". seen: method, key and headers of each request. written: the keys put, in
    order. uploads: multipart uploads that are not complete. latency: seconds before each answer; rate: bytes per
    second of all answers together.
    """

    def __init__(self, objects: dict[str, bytes] | None = None, latency: float = 0.0, rate: float = 0.0) -> None:
        self.objects: Any = {} if objects is None else objects
        self.latency, self.rate = latency, rate
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.written: list[str] = []
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.under_way = self.most_under_way = 0
        self.salt = ""
        self.lock = threading.RLock()
        self._planned: list[_Planned] = []
        self._free = 0.0
        super().__init__(Request)

    def http(self, key: str) -> str:
        return f"{self.origin}/{key}"

    @contextmanager
    def environment(self, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Where s3:// is this store."""
        for name, value in variables(self.origin).items():
            patch.setenv(name, value)
        yield

    def put_folder(self, key: str, folder: Path) -> None:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.objects[f"{key}/{file.relative_to(folder)}"] = file.read_bytes()

    def tag(self, key: str) -> str:
        data = self.objects[key]
        return f'"{len(data):x}-{hashlib.md5(data[:64]).hexdigest()[:8]}{self.salt}"'

    def generation(self, key: str) -> str:
        """What Google's store has for conditions instead of the ETag: a number. Of the first bytes only, as it is asked
        for with each range of a shard."""
        data = self.objects[key]
        return str(1 + int(hashlib.md5(data[:4096]).hexdigest()[:8], 16) + len(data))

    def tags(self, key: str) -> dict[str, str]:
        """The headers that say which object it is."""
        return {"ETag": self.tag(key), "X-Goog-Generation": self.generation(key)}

    def fault(self, fault: Fault, times: int = 1, match: str = "", method: str = "GET") -> None:
        """The next requests of the method for keys that contain `match` fare so; times < 0: all of them."""
        self._planned.append(_Planned(fault, times, match, method))

    def mend(self) -> None:
        self._planned.clear()

    def next_fault(self, method: str, key: str) -> Fault | None:
        with self.lock:
            for plan in self._planned:
                if plan.times and plan.match in key and plan.method == method:
                    plan.times -= 1
                    return plan.fault
        return None

    def throttle(self, size: int) -> None:
        if self.rate:
            with self.lock:
                now = time.perf_counter()
                self._free = max(self._free, now) + size / self.rate
                wait = self._free - now
            if wait > 0.002:
                time.sleep(wait)

    def asked(self, match: str = "", method: str = "GET") -> list[str]:
        """The Range header, or the key, of each such request so far."""
        return [h.get("Range", key) for m, key, h in self.seen if m == method and match in key]


class Files(dict[str, bytes]):
    """The files below a folder as objects, for measurements."""

    def __init__(self, folder: Path) -> None:
        super().__init__({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()})


def variables(origin: str) -> dict[str, str]:
    """The environment in which s3:// is the store at `origin`."""
    return {
        "AWS_ENDPOINT_URL": origin, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip


def google_variables(origin: str, key: Path) -> dict[str, str]:
    """The environment in which gs:// is the store at `origin`. key: a file to write, in place of an account's key."""
    nobody = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    account = {"gcs_base_url": origin, "disable_oauth": True, **nobody}
    key.write_text(json.dumps(account))
    return {"GOOGLE_SERVICE_ACCOUNT": str(key), "GOOGLE_ALLOW_HTTP": "true", "NO_PROXY": "127.0.0.1"}


# -- faults -----------------------------------------------------------------------------------------------------------


def refused(status: int, text: bytes = b"<Error><Code>SlowDown</Code></Error>") -> Fault:
    """Answers with an error."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        request.answer(status, text)
        return True

    return fault


def cut(share: float = 0.5) -> Fault:
    """Closes the connection when this share of the body went over."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        request.send_response(206 if "Content-Range" in headers else 200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body[: int(share * len(body))])
        request.wfile.flush()
        request.close_connection = True
        return True

    return fault


def flipped(at: float = 0.5) -> Fault:
    """One byte of the body is another one, and nothing says so."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        wrong = bytearray(body)
        wrong[int(at * (len(body) - 1))] ^= 0x40
        request.answer(206 if "Content-Range" in headers else 200, bytes(wrong), headers)
        return True

    return fault


def garbled(request: Request, body: bytes, headers: dict[str, str]) -> bool:
    """Every byte of the body is another one."""
    request.answer(206 if "Content-Range" in headers else 200, bytes(b ^ 1 for b in body), headers)
    return True


def dripping(pause: float, pieces: int = 1000) -> Fault:
    """A few bytes at a time, slowly."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        request.send_response(206 if "Content-Range" in headers else 200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        step = max(1, len(body) // pieces)
        for start in range(0, len(body), step):
            request.wfile.write(body[start : start + step])
            request.wfile.flush()
            time.sleep(pause)
        return True

    return fault


def silent(seconds: float) -> Fault:
    """Says nothing for a time, and closes."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        time.sleep(seconds)
        request.close_connection = True
        return True

    return fault


def moved(to: str) -> Fault:
    """Sends the client to the same place elsewhere."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        request.answer(307, headers={"Location": to + request.path})
        return True

    return fault


def without_ranges(request: Request, body: bytes, headers: dict[str, str]) -> bool:
    """The whole object, whatever was asked for, as simple servers do."""
    key = unquote(urlsplit(request.path).path).strip("/")
    request.answer(200, request.server.world.objects[key], {"ETag": headers.get("ETag", '"x"')})
    return True


def counted(called: list[float]) -> Fault:
    """Notes the time, and answers."""

    def fault(request: Request, body: bytes, headers: dict[str, str]) -> bool:
        called.append(time.monotonic())
        return False

    return fault


def main(folder: str, latency: str, rate: str) -> None:
    with ObjectStore(Files(Path(folder)), float(latency) / 1000, float(rate) * 1e6) as store:
        print(store.origin, flush=True)
        sys.stdin.read()  # until whoever started it ends
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:4])
