"""A server on 127.0.0.1 that runs in a thread of its own, inside a `with`."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Server(ThreadingHTTPServer):
    """What a handler of requests has as `server`. world: whose requests they are."""

    daemon_threads = True
    request_queue_size = 128
    world: Any

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Serving:
    """Requests go to `handler`, whose `server.world` is this."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = Server(("127.0.0.1", 0), handler)
        self._server.world = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"
