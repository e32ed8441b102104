"""`myosweep serve`: its address, its token, its end, and what it refuses."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.shell import Shell
from tests.toy import Toy

SERVE = [sys.executable, "-m", "myosweep", "serve"]


def started(*words: object) -> tuple[subprocess.Popen[str], str]:
    """The command, and the first line that it prints."""
    command = [*SERVE, *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline()


@pytest.mark.skipif(os.name == "nt", reason="sends Ctrl-C as POSIX does")
def test_it_says_where_it_is_and_ends_at_ctrl_c(shown: Toy) -> None:
    process, line = started(shown.folder, "--port", 0)
    with process:
        address = re.fullmatch(r"Studies in study: (http://127\.0\.0\.1:\d+/)\n", line)
        assert address is not None, line
        assert httpx.get(f"{address[1]}api/studies", timeout=30).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        rest = process.stdout.read() if process.stdout else ""
    assert "Traceback" not in rest


@pytest.mark.skipif(os.name == "nt", reason="ends it as POSIX does")
def test_any_other_address_needs_the_token_that_is_shown_once(shown: Toy) -> None:
    process, line = started(shown.folder, "--host", "0.0.0.0", "--port", 0)
    with process:
        address = re.search(r"http://[^:]+:(\d+)/\?token=(\S+)", line)
        assert address is not None, line
        place = f"http://127.0.0.1:{address[1]}/api/studies"
        assert httpx.get(place, timeout=30).status_code == 401
        key = {"authorization": f"Bearer {address[2]}"}
        assert httpx.get(place, headers=key, timeout=30).status_code == 200
        process.terminate()
        assert process.wait(30) in (0, 130, 143, -signal.SIGTERM)
        rest = process.stdout.read() if process.stdout else ""
    assert "shown this once" in " ".join(rest.split())
    assert address[2] not in rest


def test_a_folder_without_a_study_is_refused(shell: Shell, tmp_path: Path) -> None:
    shell("serve", tmp_path, code=2)
    assert "has no study" in shell.err


def test_a_port_that_is_taken_is_named(shell: Shell, shown: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shell("serve", shown.folder, "--port", port, code=2)
    said = " ".join(shell.err.split())
    assert f"port {port} of 127.0.0.1 is taken" in said
    assert "--port 0" in said


def test_an_address_that_is_none_of_ours_is_refused(shell: Shell, shown: Toy) -> None:
    shell("serve", shown.folder, "--host", "192.0.2.1", "--port", 0, code=2)
    assert "no address '192.0.2.1'" in " ".join(shell.err.split())
