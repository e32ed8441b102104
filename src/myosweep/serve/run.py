"""The server as a process: its socket, its address, its end."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from myosweep.errors import ConfigError
from myosweep.serve.app import create_app
from myosweep.serve.guard import LOOPBACK, Access, Limits
from myosweep.serve.patience import HastyProtocol

_MOST_CONNECTIONS = 1000
_END_S = 3
_ANY = ("0.0.0.0", "::", "")


@dataclass(frozen=True)
class Server:
    """A server that is ready to run.

    Attributes:
        address: what to open in a browser; with the token, if it needs one.
    """

    address: str
    needs_token: bool
    _server: uvicorn.Server
    _socket: socket.socket

    def run(self) -> None:
        """Answer until Ctrl-C, or SIGTERM."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End ``run``, from another thread."""
        self._server.should_exit = True


@contextmanager
def open_server(
    folder: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    needs_token: bool = False,
    limits: Limits | None = None,
) -> Iterator[Server]:
    """A server over a study, or a folder of studies, that listens already.

    Any address but this computer's own needs a token.

    Args:
        port: 0: any that is free.

    Raises:
        StudyError: if the folder has no study.
        ConfigError: if the address cannot be used.
    """
    is_private = host in LOOPBACK
    access, token = Access(), ""
    if needs_token or not is_private:
        access, token = Access.with_token(LOOPBACK if is_private else None)
    app = create_app(folder, access, limits)
    listening = _listen(host, port)
    try:
        config = uvicorn.Config(
            app,
            http=HastyProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=_END_S,
        )
        shown = socket.gethostname() if host in _ANY else host
        shown = f"[{shown}]" if ":" in shown else shown
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        address += f"?token={token}" if token else ""
        yield Server(address, bool(token), uvicorn.Server(config), listening)
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as problem:
        raise ConfigError(_why(problem, host, port)) from None


def _why(problem: OSError, host: str, port: int) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is taken, perhaps by another `myosweep serve`; give another "
            "one with --port, or --port 0 for any that is free"
        )
    if problem.errno == errno.EACCES:
        return f"port {port} needs an administrator's rights; give one above 1023 with --port"
    return (
        f"this computer has no address {host!r} to listen on; leave out --host, or give one of its "
        "own"
    )
