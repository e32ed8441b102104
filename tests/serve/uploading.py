"""A server that predicts on uploads, for tests: with little memory of what it has done."""

import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from myosweep.serve.app import create_app
from myosweep.serve.guard import Limits
from myosweep.serve.prediction_api import predictions_router
from myosweep.serve.sandbox import COMMAND, Bounds
from myosweep.serve.studies import Studies

_BEGIN = (
    "import json, os, sys, time\nfrom pathlib import Path\n"
    "folder = Path(sys.stdin.readline().strip())\n"
)


def child(*lines: str) -> tuple[str, ...]:
    """A program in the place of the one that predicts."""
    return (sys.executable, "-c", _BEGIN + "".join(lines))


def predicting_app(
    folder: Path,
    command: Sequence[str] = COMMAND,
    limits: Limits | None = None,
    kept_s: float = 60.0,
    **bounds: Any,
) -> FastAPI:
    """The app with predictions, and no spare process, which would cost each test some seconds."""
    found = Bounds(**{"spare_s": 0.0, "threads": 1, **bounds})

    def predictions(studies: Studies, limits: Limits) -> APIRouter:
        return predictions_router(studies, limits, found, kept_s=kept_s, command=command)

    return create_app(folder, limits=limits, predictions=predictions)


@contextmanager
def answering(app: FastAPI) -> Iterator[str]:
    """The address of an app, as long as the context lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
