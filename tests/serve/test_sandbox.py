"""The sandbox: what a job may take, and that nothing of it outlives the server."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from tests.serve.running import finished

from myosweep.serve.sandbox import COMMAND, Bounds, Ending, Sandbox

_Answer = TypeVar("_Answer")
_READ = (
    "import os, sys, time\nfrom pathlib import Path\nfolder = Path(sys.stdin.readline().strip())\n"
)
HOG = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * 2**22)\n    time.sleep(0.001)\n"
HOGS_CHILD = f"import subprocess\nsubprocess.run([sys.executable, '-c', {HOG!r}])\n"
ENDLESS = "while True:\n    pass\n"
DIES = "os.abort()\n"
PID = "(folder / 'pid').write_text(str(os.getpid()))\n"


def child(*lines: str) -> tuple[str, ...]:
    """A command that reads its job, and then does this."""
    return (sys.executable, "-c", _READ + "".join(lines))


def inside(workspace: Path, bounds: Bounds, command: tuple[str, ...]) -> Callable[..., _Answer]:
    """Call something with a sandbox, in an event loop; afterwards it is closed."""

    async def whole(act: Callable[[Sandbox], Awaitable[_Answer]]) -> _Answer:
        sandbox = Sandbox(workspace, bounds, command)
        try:
            return await act(sandbox)
        finally:
            await sandbox.close()

    return lambda act: finished(whole(act))


def end_of(folder: Path, bounds: Bounds, *lines: str) -> Ending:
    return inside(folder, bounds, child(*lines))(lambda sandbox: sandbox.run(folder))


def is_gone(pid: int, within_s: float = 20.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


SMALL = Bounds(memory_bytes=150 * 2**20, seconds=60.0, spare_s=0.0)


@pytest.mark.parametrize("lines", [HOG, HOGS_CHILD], ids=["itself", "its child"])
def test_who_takes_too_much_memory_is_ended(tmp_path: Path, lines: str) -> None:
    began = time.monotonic()
    assert end_of(tmp_path, SMALL, PID, lines) == "memory"
    assert time.monotonic() - began < 30
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_who_takes_too_long_is_ended(tmp_path: Path) -> None:
    assert end_of(tmp_path, Bounds(seconds=0.5, spare_s=0.0), PID, ENDLESS) == "time"
    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("lines", [DIES, "raise ValueError('secret')\n", "sys.exit(3)\n"])
def test_who_dies_has_failed(tmp_path: Path, lines: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert end_of(tmp_path, SMALL, lines) == "failed"
    assert end_of(tmp_path, SMALL, "") == "done"
    assert capfd.readouterr() == ("", "")


def test_a_process_that_cannot_read_its_job_has_failed(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit(1)")
    run = inside(tmp_path, SMALL, command)
    assert run(lambda sandbox: sandbox.run(tmp_path)) == "failed"


def test_nothing_secret_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SECRET_KEY", "secret")
    told = "(folder / 'told').write_text(repr(dict(os.environ)) + repr(sys.path[:1]))\n"
    assert end_of(tmp_path, Bounds(threads=1, spare_s=0.0), told) == "done"
    text = (tmp_path / "told").read_text()
    assert "'OMP_NUM_THREADS': '1'" in text
    assert "secret" not in text.lower()


def test_jobs_wait_for_a_place(tmp_path: Path) -> None:
    bounds = Bounds(at_once=2, spare_s=0.0)
    begun: list[int] = []
    most = 0

    async def act(sandbox: Sandbox) -> None:
        running = 0

        async def one(number: int) -> None:
            nonlocal running, most

            def begin() -> None:
                nonlocal running, most
                running += 1
                most = max(most, running)
                begun.append(number)

            assert await sandbox.run(tmp_path, begin) == "done"
            running -= 1

        await asyncio.gather(*(one(number) for number in range(4)))

    inside(tmp_path, bounds, child("time.sleep(0.1)\n"))(act)
    assert begun == [0, 1, 2, 3]
    assert most == 2


def test_a_job_that_is_cancelled_is_killed(tmp_path: Path) -> None:
    async def act(sandbox: Sandbox) -> int:
        job = asyncio.ensure_future(sandbox.run(tmp_path))
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        return int((tmp_path / "pid").read_text())

    assert is_gone(inside(tmp_path, SMALL, child(PID, ENDLESS))(act))


def test_a_spare_process_waits_and_does_one_job(tmp_path: Path) -> None:
    """Each leaves a note when it starts, before it has a job."""
    note = "(Path(sys.argv[1]) / f'{os.getpid()}.note').touch()\n"
    rest = "(Path(sys.stdin.readline().strip()) / 'pid').write_text(str(os.getpid()))\n"
    code = f"import os, sys\nfrom pathlib import Path\n{note}{rest}"
    command = (sys.executable, "-c", code)

    async def act(sandbox: Sandbox) -> list[int]:
        sandbox.warm()
        sandbox.warm()
        while not (notes := list(tmp_path.glob("*.note"))):
            await asyncio.sleep(0.02)
        assert len(notes) == 1
        found = []
        for _ in range(2):
            assert await sandbox.run(tmp_path) == "done"
            found.append(int((tmp_path / "pid").read_text()))
        while len(list(tmp_path.glob("*.note"))) < 3:
            await asyncio.sleep(0.02)
        assert found[0] == int(notes[0].stem)
        return [int(note.stem) for note in tmp_path.glob("*.note")]

    pids = inside(tmp_path, Bounds(), command)(act)
    assert len(pids) == 3  # one for each job, and one that waited in vain
    assert all(map(is_gone, pids))


def test_a_spare_process_that_nobody_wants_ends(tmp_path: Path) -> None:
    note = "(Path(sys.argv[1]) / 'pid').write_text(str(os.getpid()))\n"
    command = (sys.executable, "-c", f"import os, sys\nfrom pathlib import Path\n{note}input()\n")

    async def act(sandbox: Sandbox) -> int:
        sandbox.warm()
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
        pid = int((tmp_path / "pid").read_text())
        await asyncio.to_thread(is_gone, pid)
        return pid

    assert is_gone(inside(tmp_path, Bounds(spare_s=1.0), command)(act), 0.5)


def test_when_the_server_is_killed_its_processes_end_and_its_files_go(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "someone").mkdir(parents=True)
    (workspace / "someone" / "upload.dcm").write_text("Name^Patient")
    server = f"""
        import asyncio
        from pathlib import Path
        from myosweep.serve.sandbox import Bounds, Sandbox
        async def main():
            sandbox = Sandbox(Path({str(workspace)!r}), Bounds())
            sandbox.warm()
            print((await sandbox._spare).pid, flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(server)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert psutil.Process(pid).cmdline()[1:4] == list(COMMAND[1:])
        time.sleep(0.3)
        process.kill()
    assert is_gone(pid)
    assert not workspace.exists()
