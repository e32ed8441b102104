"""A PostgreSQL server for tests: Debian's, on loopback, in a folder that goes away."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder of PostgreSQL's newest server programs; None if there is no server here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server and give the URL of an empty database; skips the test without a server."""
    pytest.importorskip("psycopg", reason="psycopg (myosweep[postgresql]) is not installed")
    if (bin_folder := programs()) is None:
        pytest.skip("PostgreSQL's server is not installed (Debian's package postgresql)")
    with tempfile.TemporaryDirectory(prefix="myosweep-postgres-") as place:
        home, port = Path(place), _free_port()
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if as_user:
            shutil.chown(home, "postgres")
        data = home / "data"

        def run(program: str, *options: str) -> None:
            command = [*as_user, str(bin_folder / program), *options]
            subprocess.run(command, check=True, capture_output=True, cwd=home)

        run("initdb", "-D", str(data), "-A", "trust", "-U", "myosweep", "--no-sync")
        listening = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {home}"
        log = str(home / "log")
        run("pg_ctl", "-D", str(data), "-l", log, "-w", "-o", listening, "start")
        try:
            yield f"postgresql+psycopg://myosweep@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
