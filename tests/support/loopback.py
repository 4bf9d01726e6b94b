"""An HTTP server on 127.0.0.1 that misbehaves on order. Each request consumes one behavior; the last one stays."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.support.serving import Server, Serving

Behavior = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        world = self.server.world
        with world.lock:
            world.seen.append((self.path, dict(self.headers.items())))
            plan = world.plans.get(self.path, world.plans.get("*", [good()]))
            behavior = plan.pop(0) if len(plan) > 1 else plan[0]
        try:
            behavior(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def body(self) -> bytes:
        return self.server.world.body

    def start(self) -> int:
        """First byte of the range that is asked for."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def head(self, status: int, headers: dict[str, object]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.flush()

    def reset(self) -> None:
        """Break the connection off with a RST."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


class Loopback(Serving):
    """The server: `url(path)`, the `body` that it serves, `plans` by path, and the requests that it has `seen`."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.plans: dict[str, list[Behavior]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()
        super().__init__(Request)

    def url(self, path: str = "/voc.tar") -> str:
        return self.origin + path

    def plan(self, *behaviors: Behavior, path: str = "*") -> None:
        self.plans[path] = list(behaviors)

    def ranges(self) -> list[str | None]:
        """The Range header of every request so far."""
        return [headers.get("Range") for _, headers in self.seen]


# -- behaviors -----------------------------------------------------------------------------------------------------


def good(ranges: bool = True, **extra: object) -> Behavior:
    """A correct server, with ranges or without."""
    return lambda r: _answer(r, ranges, len(r.body), extra)


def cut(fraction: float, ranges: bool = True, rst: bool = False) -> Behavior:
    """Breaks off when `fraction` of the whole file went over, counted from its beginning."""

    def behave(r: Request) -> None:
        _answer(r, ranges, max(int(len(r.body) * fraction), r.start() + 1), {})
        r.reset() if rst else None
        r.close_connection = True

    return behave


def _answer(r: Request, ranges: bool, until: int, extra: dict[str, object]) -> None:
    body, start = r.body, r.start() if ranges else 0
    headers = {"Content-Type": "application/x-tar"} | {k.replace("_", "-"): v for k, v in extra.items()}
    if start >= len(body):
        r.head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": 0})
        return
    headers.setdefault("Content-Length", len(body) - start)
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    r.head(206 if start else 200, headers)
    for at in range(start, until, 1 << 16):
        r.wfile.write(body[at : min(until, at + (1 << 16))])


def status(code: int, text: bytes = b"sorry", **headers: object) -> Behavior:
    """An answer without the file."""

    def behave(r: Request) -> None:
        r.head(code, {"Content-Length": len(text)} | {k.replace("_", "-"): v for k, v in headers.items()})
        r.wfile.write(text)

    return behave


def html(content_type: str = "text/html; charset=utf-8") -> Behavior:
    """A page of a captive portal, with status 200."""
    return status(200, b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", Content_Type=content_type)


def length(value: int) -> Behavior:
    """Announces `value` bytes, sends the body, and closes."""

    def behave(r: Request) -> None:
        r.head(200, {"Content-Length": value})
        r.wfile.write(r.body)
        r.close_connection = True

    return behave


def chunked(data: bytes | None = None) -> Behavior:
    """Sends without a length."""

    def behave(r: Request) -> None:
        body = r.body if data is None else data
        r.head(200, {"Transfer-Encoding": "chunked"})
        for at in range(0, len(body), 1 << 16):
            piece = body[at : at + (1 << 16)]
            r.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        r.wfile.write(b"0\r\n\r\n")

    return behave


def stall(fraction: float, seconds: float = 3.0) -> Behavior:
    """Sends a part, then nothing."""

    def behave(r: Request) -> None:
        r.head(200, {"Content-Length": len(r.body)})
        r.wfile.write(r.body[: int(len(r.body) * fraction)])
        r.wfile.flush()
        time.sleep(seconds)
        r.close_connection = True

    return behave


def drip(pause: float = 0.02) -> Behavior:
    """One byte at a time."""

    def behave(r: Request) -> None:
        r.head(200, {"Content-Length": len(r.body)})
        for byte in r.body[:500]:
            r.wfile.write(bytes([byte]))
            r.wfile.flush()
            time.sleep(pause)
        r.close_connection = True

    return behave


def redirect(to: str) -> Behavior:
    """Sends the client elsewhere."""
    return lambda r: r.head(302, {"Location": to, "Content-Length": 0})


def shifted(shift: int) -> Behavior:
    """Answers 206, `shift` bytes beside the range that was asked for."""

    def behave(r: Request) -> None:
        start = r.start() + shift
        headers = {"Content-Range": f"bytes {start}-{len(r.body) - 1}/{len(r.body)}"}
        r.head(206, headers | {"Content-Length": len(r.body) - start})
        r.wfile.write(r.body[start:])

    return behave
