"""What stands before every page: who may ask, how much and how slowly, and what a page may do."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from starlette.exceptions import HTTPException

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "myosweep-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)
_LAST = (b"connection", b"close")
_READS = ("GET", "HEAD", "OPTIONS")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """How much the server takes.

    Attributes:
        upload_bytes: an upload for prediction, all its files together.
        body_bytes: any other request's body.
        idle_s: a request may pause so long; a whole body may take ``body_s``.
    """

    upload_bytes: int = 256 * 2**20
    body_bytes: int = 64 * 2**10
    idle_s: float = 20.0
    body_s: float = 600.0


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names that a request may call the server by; None: any, for those with the token.
        token_hash: SHA-256 of the token that every request needs; None: none is needed.
    """

    hosts: frozenset[str] | None = LOOPBACK
    token_hash: bytes | None = None

    @classmethod
    def with_token(cls, hosts: frozenset[str] | None = None) -> tuple["Access", str]:
        """Access for those with a new token, and that token, which is kept nowhere."""
        token = secrets.token_urlsafe(24)
        return cls(hosts, _hashed(token)), token

    def knows(self, token: str) -> bool:
        """Whether this is the token; takes as long whatever it is."""
        return self.token_hash is None or hmac.compare_digest(_hashed(token), self.token_hash)


class Guard:
    """Refuses what must not come in, and tells browsers what a page may do."""

    def __init__(self, app: App, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            body = _Body(receive, self._most_bytes(scope), self._limits)
            await self._guarded(scope, body, _Safe(send, body))

    async def _guarded(self, scope: Scope, body: "_Body", send: "_Safe") -> None:
        headers = _headers(scope["headers"])
        if refused := self._refusal(scope, headers):
            await send.refuse(*refused)
        elif (token := _token_in_address(scope)) and self._access.token_hash:
            await self._keep_token(scope, token, send)
        elif not self._may(headers):
            await send.refuse(401, "This server needs the token that it showed when it started.")
        elif not (length := headers.get("content-length", "0")).isdecimal():
            await send.refuse(400, "The length of the request is no number.")
        elif int(length) > body.most:
            await send.refuse(413, _too_large(body.most))
        else:
            body.expect(int(length) > 0 or "transfer-encoding" in headers)
            try:
                await self._app(scope, body, send)
            except _Refused as problem:
                await send.refuse(problem.status, problem.sentence)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        hosts = self._access.hosts
        host = _without_port(headers.get("host", ""))
        if hosts is not None and host not in hosts:
            return 400, "This server does not answer by that name."
        if scope["method"] not in _READS and not _is_own(headers):
            return 403, "Another page must not ask this of the server."
        return None

    def _may(self, headers: dict[str, str]) -> bool:
        if self._access.token_hash is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        return self._access.knows(given if kind.lower() == "bearer" else _cookie(headers))

    async def _keep_token(self, scope: Scope, token: str, send: "_Safe") -> None:
        """Take the token out of the address, where others might read it."""
        if not self._access.knows(token):
            await send.refuse(401, "That is not this server's token.")
            return
        rest = {k: v for k, v in parse_qs(scope["query_string"].decode("latin-1")).items()
                if k != "token"}  # fmt: skip
        path = "/" + scope["path"].lstrip("/\\")  # never another server
        place = quote(path) + (f"?{urlencode(rest, doseq=True)}" if rest else "")
        cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", place.encode()), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _most_bytes(self, scope: Scope) -> int:
        is_upload = scope["method"] == "POST" and scope["path"].endswith("/predictions")
        return self._limits.upload_bytes if is_upload else self._limits.body_bytes


class _Refused(HTTPException):
    """Ends a request whose body is too large or too slow; the app passes it on as it is."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence


class _Body:
    """A request's body, as far as it is taken."""

    def __init__(self, receive: Receive, most: int, limits: Limits) -> None:
        self._receive, self.most, self._limits = receive, most, limits
        self._until = time.monotonic() + limits.body_s
        self._left, self._ended, self._refused = most, False, False
        self._comes = False

    def expect(self, comes: bool) -> None:
        """Say whether the request's head announces a body."""
        self._comes = comes

    async def __call__(self) -> Message:
        if self._ended:  # what comes now is that the reader has gone, and that may take any time
            return await self._receive()
        wait_s = min(self._limits.idle_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(wait_s, 0.0))
        except TimeoutError:
            raise self._refusal(408, "The request took too long.") from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._left < 0:
                raise self._refusal(413, _too_large(self.most))
        else:
            self._ended = True
        return message

    async def is_finished(self) -> bool:
        """Whether nothing more comes, after what the app has left of it, if that may still come."""
        try:
            while self._comes and not self._ended and not self._refused:
                await self()
        except _Refused:
            pass
        return not self._refused

    def _refusal(self, status: int, sentence: str) -> _Refused:
        self._refused = True
        return _Refused(status, sentence)


class _Safe:
    """Sends answers with the headers that every page has, unless it has its own.

    An answer waits until the whole request is there, for browsers do not read it before. If what
    comes is refused, the connection ends with the answer; uvicorn would go on reading for ever.
    """

    def __init__(self, send: Send, body: _Body) -> None:
        self._send, self._body, self._started = send, body, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if not await self._body.is_finished():
                message["headers"] = [*message.get("headers", []), _LAST]
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            more = [header for header in _HEADERS if header[0] not in names]
            message = {**message, "headers": [*given, *more]}
        await self._send(message)

    async def refuse(self, status: int, sentence: str) -> None:
        """Say no in one sentence, and end the connection; nothing if an answer has begun."""
        if self._started:
            return
        body = json.dumps({"detail": sentence}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            _LAST,
        ]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def _is_own(headers: dict[str, str]) -> bool:
    """Whether a page of this server asks, or no page at all but a program."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _without_port(host: str) -> str:
    """The name in a Host header.

    >>> _without_port("localhost:8000"), _without_port("[::1]:8000"), _without_port("::1")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


def _token_in_address(scope: Scope) -> str:
    """The token in a page's address; others must not have it there, for addresses are logged."""
    if scope["method"] != "GET" or b"token=" not in scope["query_string"]:
        return ""
    return parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _too_large(most: int) -> str:
    size = f"{most / 2**20:.0f} MB" if most >= 2**20 else f"{most / 2**10:.0f} kB"
    return f"That is too large: at most {size} are taken here."
