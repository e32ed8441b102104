"""Who is let in, and how much of what they send is taken."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.serve.running import Running, finished, running

from myosweep.serve import patience
from myosweep.serve.guard import Access, Guard, Limits


def test_every_answer_says_what_a_page_may_do(server: Running) -> None:
    for place in ("/", "/studies/first", "/static/serve/study.js", "/nowhere", "/api/studies"):
        answer = server.client.get(place)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers.get_list("content-security-policy") == [policy]


def test_a_report_is_shown_apart_from_the_server(tmp_path: Path, studies: Path) -> None:
    (tmp_path / "study").mkdir()
    for name in ("study.toml", "split.json"):
        (tmp_path / "study" / name).write_bytes((studies / "first" / name).read_bytes())
    (tmp_path / "study" / "report.html").write_text("<script>fetch('/api/studies')</script>")
    with running(tmp_path) as server:
        answer = server.client.get("/studies/study/report")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1.evil.example", "[::2]"])
def test_other_names_are_refused(server: Running, host: str) -> None:
    answer = server.client.get("/api/studies", headers={"host": host})
    assert answer.status_code == 400
    assert "name" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "null"},
    ],
)
def test_other_pages_cannot_change_anything(server: Running, headers: dict[str, str]) -> None:
    answer = server.client.post("/api/studies/first/looks", headers=headers)
    assert answer.status_code == 403


@pytest.fixture(scope="module")
def locked(studies: Path) -> Iterator[Running]:
    with running(studies, needs_token=True) as found:
        yield found


def token_of(server: Running) -> str:
    return parse_qs(urlsplit(server.server.address).query)["token"][0]


def test_without_the_token_nothing_is_shown(locked: Running) -> None:
    for place in ("/", "/api/studies", "/static/serve/study.js", "/api/openapi.json"):
        assert locked.client.get(place).status_code == 401
    wrong = {"authorization": "Bearer wrong"}
    assert locked.client.get("/api/studies", headers=wrong).status_code == 401
    assert locked.client.get("/?token=wrong").status_code == 401
    assert "set-cookie" not in locked.client.get("/?token=wrong").headers


def test_the_token_opens_and_leaves_the_address(locked: Running) -> None:
    answer = locked.client.get("/studies/first", params={"token": token_of(locked), "a": "b"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/studies/first?a=b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    with httpx.Client(base_url=locked.address) as browser:
        browser.cookies.update(answer.cookies)
        assert browser.get("/api/studies").status_code == 200
    bearer = {"authorization": f"Bearer {token_of(locked)}"}
    assert locked.client.get("/api/studies", headers=bearer).status_code == 200
    locked.client.cookies.clear()


def test_the_token_leads_to_no_other_server(locked: Running) -> None:
    for path in ("//evil.example/x", "/\\evil.example"):
        answer = raw(locked, f"GET {path}?token={token_of(locked)} HTTP/1.1\r\nHost: localhost")
        (place,) = [one for one in answer.split("\r\n") if one.lower().startswith("location:")]
        assert place.split(": ")[1].lstrip("/").startswith(("evil.example", "%5Cevil"))
        assert not place.split(": ")[1].startswith("//")


def raw(server: Running, head: str, body: bytes = b"") -> str:
    """What the server answers to bytes that no client would send."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
        found = b""
        while piece := line.recv(65536):
            found += piece
    return found.decode("latin-1")


@pytest.mark.parametrize(
    ("head", "pieces", "status"),
    [
        ({"content-length": "65537"}, [], 413),
        ({"content-length": "-5"}, [b"x"], 400),
        ({"content-length": "many"}, [b"x"], 400),
        ({}, [b"x" * 40_000, b"x" * 40_000, b""], 413),
        ({}, [b"x" * 40_000, None], 408),
        ({}, [b"x" * 60_000, b""], 200),
    ],
    ids=["says too much", "less than nothing", "no number", "too much", "too slow", "enough"],
)
def test_bodies_are_taken_as_far_as_they_may(
    head: dict[str, str], pieces: list[bytes | None], status: int
) -> None:
    """Pieces of a body come one after the other; None: nothing comes any more."""
    waiting, sent = iter(pieces), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            more = (await receive())["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        piece = next(waiting)
        if piece is None:
            await asyncio.sleep(30)
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "localhost", **head}
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    asked = {"type": "http", "method": "POST", "path": "/x", "query_string": b""}
    guard = Guard(app, Access(), Limits(idle_s=0.2))
    finished(guard({**asked, "headers": headers}, receive, send))
    assert sent[0]["status"] == status


def test_a_client_that_says_nothing_is_sent_away(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 0.5)
    parts = urlsplit(server.address)
    lines = [socket.create_connection((parts.hostname, parts.port), timeout=20) for _ in range(50)]
    for line in lines:
        line.sendall(b"GET / HTTP/1.1\r\nHost: loc")
    started = time.monotonic()
    assert server.ask("/api/studies")["studies"]
    for line in lines:
        assert line.recv(1) == b""  # closed by the server
        line.close()
    assert time.monotonic() - started < 15
