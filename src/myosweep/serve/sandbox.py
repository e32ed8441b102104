"""Work on a stranger's file: in a process of its own, with limits of memory, time and number.

A spare process that has loaded everything waits for the next job, so that an answer comes quickly.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

Ending = Literal["done", "failed", "memory", "time"]
COMMAND = (sys.executable, "-P", "-m", "myosweep.serve.worker")
"""-P: the folder where it starts is no place for modules."""
_LOOK_S = 0.05
_LOOKS_PER_CHILDREN = 10
_KILL_S = 5.0
_KEPT_VARIABLES = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME",
    "USERPROFILE", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE",
)  # fmt: skip
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Bounds:
    """How much a job may take, and how many there may be.

    Attributes:
        memory_bytes: resident, of a process with its children.
        seconds: from being handed its job to its end.
        at_once: jobs that are worked on at a time; each has ``threads`` processor threads.
        waiting: further ones that may wait.
        spare_s: a spare process ends when nobody has wanted it for so long; 0: there is none.
    """

    memory_bytes: int = 4 * 2**30
    seconds: float = 120.0
    at_once: int = 2
    waiting: int = 8
    threads: int = field(default_factory=lambda: max(1, min(4, (os.cpu_count() or 2) // 2)))
    spare_s: float = 600.0


class Sandbox:
    """Runs jobs, each in a process of its own; all of it in one event loop.

    Args:
        workspace: folder that the jobs' folders are in.
        command: is given the workspace, and the job's folder as a line on its standard input. It
            ends with exit code 0, or has failed.
    """

    def __init__(self, workspace: Path, bounds: Bounds, command: Sequence[str] = COMMAND) -> None:
        self._workspace, self._bounds, self._command = workspace, bounds, tuple(command)
        self._places = asyncio.Semaphore(bounds.at_once)
        self._spare: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._end_of_spare: asyncio.TimerHandle | None = None
        self._closed = False

    async def run(self, folder: Path, begun: Callable[[], None] = lambda: None) -> Ending:
        """Wait for a place and do a job; cancelled, it kills the job's process.

        Args:
            begun: called when the job gets its place.
        """
        async with self._places:
            begun()
            process = await self._taken()
            try:
                return await self._worked(process, folder)
            finally:
                await asyncio.shield(_kill(process))
                self.warm()

    def warm(self) -> None:
        """See to it that a spare process waits, from now on for ``spare_s`` seconds."""
        if self._closed or not self._bounds.spare_s:
            return
        if self._spare is None:
            self._spare = asyncio.ensure_future(self._start())
        if self._end_of_spare is not None:
            self._end_of_spare.cancel()
        loop = asyncio.get_running_loop()
        self._end_of_spare = loop.call_later(self._bounds.spare_s, self._end_spare)

    async def close(self) -> None:
        """End the spare process, and start none any more; jobs are cancelled by who runs them."""
        self._closed = True
        if self._end_of_spare is not None:
            self._end_of_spare.cancel()
        if (spare := self._give_spare()) is not None:
            await _kill(await spare)

    def _give_spare(self) -> asyncio.Task[asyncio.subprocess.Process] | None:
        spare, self._spare = self._spare, None
        return spare

    def _end_spare(self) -> None:
        if (spare := self._give_spare()) is not None:
            self._ending = asyncio.ensure_future(_killed_once_started(spare))

    async def _taken(self) -> asyncio.subprocess.Process:
        """The spare process, if it lives, or a new one."""
        if (spare := self._give_spare()) is not None:
            process = await spare
            if process.returncode is None:
                return process
        return await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            str(self._workspace),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,  # a library could print what a header says
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(self._bounds.threads),
        )

    async def _worked(self, process: asyncio.subprocess.Process, folder: Path) -> Ending:
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has died already
            process.stdin.write(os.fsencode(folder) + b"\n")
            await process.stdin.drain()
        loop = asyncio.get_running_loop()
        until, sizes = loop.time() + self._bounds.seconds, _sizes(process.pid)
        while True:
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), _LOOK_S)
                return "done" if code == 0 else "failed"
            if loop.time() > until:
                return "time"
            if next(sizes) > self._bounds.memory_bytes:
                return "memory"


def _sizes(pid: int) -> Iterator[int]:
    """Resident bytes of a process and its children, at each moment that is asked for."""
    family: list[psutil.Process] = []
    while True:
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(pid)
            family = [own, *own.children(recursive=True)]
        for _ in range(_LOOKS_PER_CHILDREN):
            yield sum(map(_size, family))


def _size(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process and its children, if it lives, and wait until it has ended."""
    if process.returncode is not None:
        return
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    for child in family:
        with contextlib.suppress(psutil.Error):
            child.kill()
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _KILL_S)


async def _killed_once_started(spare: "asyncio.Task[asyncio.subprocess.Process]") -> None:
    await _kill(await spare)


def _environment(threads: int) -> dict[str, str]:
    """Nothing but what a program needs to run; no keys, tokens or addresses of services.

    Threads that wait sleep: beside a training that takes all processors, threads that wait by
    counting in circles took two minutes for what takes twenty seconds.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    limits = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return {**kept, **limits, "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": ""}
