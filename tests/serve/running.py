"""A server for tests: on loopback, in a thread of this process."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from myosweep.serve.run import Server, open_server

_Answer = TypeVar("_Answer")


def finished(work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What a coroutine gives, in a thread of its own: Playwright leaves an event loop in ours."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Running:
    """A server that answers, and a client for it."""

    server: Server
    client: httpx.Client

    @property
    def address(self) -> str:
        """Where it is, without a token."""
        parts = urlsplit(self.server.address)
        return f"{parts.scheme}://{parts.netloc}"

    def ask(self, place: str, **options: Any) -> Any:
        """The JSON at an address, which must be there."""
        answer = self.client.get(place, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Running]:
    """A server over a folder, as long as the context lasts."""
    with open_server(folder, **options) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            parts = urlsplit(server.address)
            with httpx.Client(base_url=f"{parts.scheme}://{parts.netloc}", timeout=60) as client:
                _wait(client)
                yield Running(server, client)
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive()


def _wait(client: httpx.Client) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            client.get("/static/serve/icon.svg")
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")
