"""Guard: who may ask the server, and for what. It stands before everything else and refuses in one line.

Other programs and users of this machine can reach a port of 127.0.0.1, and a page of another site can make the browser
ask it. So a request must name this server as its Host (against DNS that is rebound to this machine) and as its Origin,
if it has one, and it must show the cookie that only the printed address gives: HttpOnly, so that no script reads it,
and SameSite=Strict, so that no other site sends it. Nothing is ever written: GET is the only method.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)
_LOCAL: Final = ("127.0.0.1", "localhost")


class Guard:
    """An ASGI application that passes on what it does not refuse.

    port: where the server listens. framed: whether pages of this machine, such as a notebook, may show the page in a
    frame. token: what the printed address holds.
    """

    def __init__(self, app: ASGIApp, port: int, framed: Callable[[], bool]) -> None:
        self.token: str = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)  # the cookie is not the token: one that leaks is not the other
        self._app = app
        self._cookie = f"pixelwise-{port}"  # browsers share cookies between the ports of a host
        self._hosts = {f"{name}:{port}" for name in _LOCAL}
        self._framed = framed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other connections are closed unanswered."""
        if scope["type"] != "http":
            return
        headers, entering = Headers(scope=scope), self._has_token(scope)
        refusal = self._refusal(scope, headers, entering)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), entering and refusal is None)
            await send(message)

        app = self._app if refusal is None else refusal
        await app(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers, entering: bool) -> PlainTextResponse | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return _refused("the Host of this request is not this server; open the address that pixelwise printed")
        if any(origin.lower().removeprefix("http://") not in self._hosts for origin in origins):
            return _refused("the Origin of this request is another site; open the address that pixelwise printed")
        if scope["method"] != "GET":
            what = f"{scope['method']} is not allowed: the viewer only reads; use GET"
            return PlainTextResponse(what, 405, {"allow": "GET"})
        if entering:
            return None
        if scope["path"] == "/" and b"token=" in scope["query_string"]:
            return _refused("the token is wrong; open the address that pixelwise printed last")
        if not self._has_cookie(headers):
            return _refused("this address needs the token; open the address that pixelwise printed")
        return None

    def _has_token(self, scope: Scope) -> bool:
        if scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin1")).get("token", [])
        return len(given) == 1 and compare_digest(given[0].encode(), self.token.encode())

    def _has_cookie(self, headers: Headers) -> bool:
        # By hand: http.cookies stops at the first odd cookie, and other servers of this machine may have set such.
        parts = (part.strip().partition("=") for header in headers.getlist("cookie") for part in header.split(";"))
        given = [value for name, _, value in parts if name == self._cookie]
        return any(compare_digest(value.encode(), self._session.encode()) for value in given)

    def _add_headers(self, headers: MutableHeaders, entering: bool) -> None:
        frames = " ".join(f"http://{name}:*" for name in _LOCAL) if self._framed() else "'none'"
        headers["content-security-policy"] = _POLICY + frames
        headers["x-content-type-options"] = "nosniff"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["referrer-policy"] = "no-referrer"
        headers.setdefault("cache-control", "no-store")
        if entering:
            headers["set-cookie"] = f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"


def _refused(why: str) -> PlainTextResponse:
    return PlainTextResponse(why + "\n", 403)
