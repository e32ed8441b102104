"""What hostile visitors send over real connections: each is refused, and the server lives on."""

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from tests.data.dicom_files import write_series
from tests.predict.conftest import Trained
from tests.serve.running import Running, running

from myosweep.serve.guard import Limits

UPLOAD_BYTES = 100_000
IDLE_S = 0.5
PLACE = "/api/studies/study/predictions"
FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


@pytest.fixture(scope="module")
def attacked(drawn: Trained) -> Iterator[Running]:
    """A server with small limits; after every test it must still answer."""
    limits = Limits(upload_bytes=UPLOAD_BYTES, idle_s=IDLE_S)
    with running(drawn.folder, limits=limits) as server:
        yield server


@pytest.fixture(autouse=True)
def still_answers(attacked: Running) -> Iterator[None]:
    yield
    assert [one["name"] for one in attacked.ask("/api/studies")["studies"]] == ["study"]


def line_to(server: Running, *head: str) -> socket.socket:
    """A connection that has sent a request's head."""
    parts = urlsplit(server.address)
    line = socket.create_connection((parts.hostname, parts.port), timeout=20)
    line.sendall("\r\n".join([*head, "Host: localhost", "", ""]).encode())
    return line


def answered(line: socket.socket) -> tuple[int, str]:
    """The status and the whole answer, read until the server closes."""
    found = b""
    with line:
        while piece := line.recv(65536):
            found += piece
    return int(found.split(b" ", 2)[1]), found.decode("latin-1")


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/static/../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/serve/..%2f..%2f..%2fpyproject.toml",
        "/studies/..%2f..%2fetc",
        "/api/studies/%2e%2e",
        "/api/studies/study%2f..%2f..",
        "/api/studies/study/../../study.toml",
        "/studies/study/report/../../study.toml",
    ],
)
def test_no_path_leaves_the_study(attacked: Running, path: str) -> None:
    status, text = answered(line_to(attacked, f"GET {path} HTTP/1.1", "Connection: close"))
    assert status == 404
    for secret in ("root:", "[project]", "l2.strength"):
        assert secret not in text


def test_an_upload_that_says_it_is_too_large_is_not_read(attacked: Running) -> None:
    head = f"POST {PLACE} HTTP/1.1", f"Content-Type: {FORM}", f"Content-Length: {10**12}"
    status, text = answered(line_to(attacked, *head))
    assert status == 413
    assert "at most 98 kB are taken here" in text


def test_an_upload_that_never_ends_is_cut_off(attacked: Running) -> None:
    head = f"POST {PLACE} HTTP/1.1", f"Content-Type: {FORM}", "Transfer-Encoding: chunked"
    line = line_to(attacked, *head)
    piece = PART.ljust(10_000, b"\0")
    sent = 0
    try:
        while sent < 100 * UPLOAD_BYTES:
            line.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            sent += len(piece)
    except OSError:  # the server has closed
        pass
    line.close()
    assert sent < 100 * UPLOAD_BYTES


def test_slow_uploads_are_sent_away_and_others_are_served(attacked: Running) -> None:
    head = f"POST {PLACE} HTTP/1.1", f"Content-Type: {FORM}", f"Content-Length: {UPLOAD_BYTES}"
    lines = [line_to(attacked, *head) for _ in range(50)]
    for line in lines:
        line.sendall(PART)
    assert attacked.ask("/api/studies")["studies"]
    for line in lines:
        status, text = answered(line)
        assert status in (408, 503)
        assert "took too long" in text or "Retry-After" in text.title()


def test_a_broken_dicom_file_is_one_sentence(attacked: Running, tmp_path: Path) -> None:
    """It has the mark of DICOM, so that it reaches the program that reads it."""
    written = write_series(tmp_path, np.zeros((1, 32, 32), np.uint16), patient="Kowalski")
    whole = written.files[0].read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:200] + b"\xff" * 2000):
        files = [("files", ("a.dcm", io.BytesIO(broken)))]
        data = {"model": "l2.strength=0.005"}
        sent = attacked.client.post(PLACE, files=files, data=data)
        assert sent.status_code == 202, sent.text
        now = ended(attacked, sent.json()["id"])
        assert now["state"] == "failed"
        assert now["sentence"]
        assert "Traceback" not in now["sentence"]
        assert "Kowalski" not in str(now)


def ended(server: Running, name: str) -> Any:
    """A prediction as soon as it is neither waiting nor running."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        now = server.ask(f"/api/predictions/{name}")
        if now["state"] not in ("waiting", "running"):
            return now
        time.sleep(0.1)
    raise AssertionError("the prediction does not end")
