"""Predictions on uploaded files: taken in, worked on in a sandbox, shown, and deleted."""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fastapi import HTTPException
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from myosweep.serve.job import JOB, MOST_OUTCOME_BYTES, OUTCOME, RESULTS, UPLOAD, Job, Made, Outcome
from myosweep.serve.model_options import ModelOption
from myosweep.serve.sandbox import COMMAND, Bounds, Ending, Sandbox
from myosweep.serve.uploads import keep_uploads

State = Literal["waiting", "running", "done", "failed"]
KEPT_S = 15 * 60.0
_MOST_KEPT = 50
_GONE = "There is no such prediction, or not any more; results are deleted after 15 minutes."
_BUSY = "Other predictions are being made; try again in a while."
_AGAIN_S = "30"


@dataclass(eq=False)
class Prediction:
    """One prediction, from its upload to its deletion.

    Attributes:
        folder: its own, with whatever there is of it; private.
        sentence: what happened, where there is more to say than the state.
        ends_at: of the event loop's clock, when it will be deleted; None while it is worked on.
    """

    id: str
    folder: Path
    models: tuple[ModelOption, ...]
    state: State = "waiting"
    sentence: str = ""
    made: Made | None = None
    ends_at: float | None = None
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def results(self) -> Path:
        return self.folder / RESULTS


class Predictions:
    """All predictions of a server, in a workspace that lasts as long as it; one event loop's."""

    def __init__(
        self,
        upload_bytes: int,
        bounds: Bounds,
        kept_s: float = KEPT_S,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._upload_bytes, self._bounds, self._kept_s = upload_bytes, bounds, kept_s
        self._command = command
        self._known: dict[str, Prediction] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._arriving = 0
        self._workspace: Path | None = None
        self._sandbox: Sandbox | None = None

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """While the server runs; at the end nothing is left of any upload or result."""
        self._workspace = Path(tempfile.mkdtemp(prefix="myosweep-predictions-"))
        self._sandbox = Sandbox(self._workspace, self._bounds, self._command)
        try:
            yield
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._sandbox.close()
            for one in self._known.values():
                _stop_timer(one)
            self._known.clear()
            shutil.rmtree(self._workspace, ignore_errors=True)

    def warm(self) -> None:
        """Somebody is about to ask for a prediction."""
        if self._sandbox is not None:
            self._sandbox.warm()

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[None]:
        """Held while an upload arrives.

        Raises:
            HTTPException: 503, if there are as many as can be worked on and wait.
        """
        places = self._bounds.at_once + self._bounds.waiting
        if len(self._tasks) + self._arriving >= places:
            raise HTTPException(503, _BUSY, {"Retry-After": _AGAIN_S})
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    async def start(
        self, files: Sequence[UploadFile], job: Job, models: Sequence[ModelOption]
    ) -> Prediction:
        """Keep an upload, and work on it when there is a place.

        Raises:
            HTTPException: 413 or 415, if it is not taken.
        """
        if self._workspace is None or self._sandbox is None:
            raise HTTPException(503, _BUSY, {"Retry-After": _AGAIN_S})
        name = secrets.token_urlsafe(24)
        one = Prediction(name, self._workspace / name, tuple(models))
        one.folder.mkdir(mode=0o700)
        try:
            upload = one.folder / UPLOAD
            await run_in_threadpool(keep_uploads, files, upload, self._upload_bytes)
            (one.folder / JOB).write_text(job.model_dump_json(), encoding="utf-8")
        except BaseException:
            shutil.rmtree(one.folder, ignore_errors=True)
            raise
        self._known[name] = one
        self._tasks[name] = asyncio.create_task(self._work(one, self._sandbox))
        self._make_room()
        return one

    def get(self, name: str) -> Prediction:
        """A prediction that there is.

        Raises:
            HTTPException: 404, if there is none.
        """
        found = self._known.get(name)
        if found is None:
            raise HTTPException(404, _GONE)
        return found

    def finished(self, name: str) -> tuple[Prediction, Made]:
        """A prediction with its results.

        Raises:
            HTTPException: 404, if there is none; 409, if it has no results.
        """
        found = self.get(name)
        if found.made is None:
            raise HTTPException(409, found.sentence or "There is no result yet.")
        return found, found.made

    async def delete(self, name: str) -> None:
        """Stop a prediction if it is worked on, and delete all that there is of it.

        Raises:
            HTTPException: 404, if there is none.
        """
        one = self.get(name)
        del self._known[name]
        _stop_timer(one)
        if (task := self._tasks.get(name)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await run_in_threadpool(shutil.rmtree, one.folder, ignore_errors=True)

    def before(self, one: Prediction) -> int:
        """How many others will get a place earlier."""
        waiting = [name for name, found in self._known.items() if found.state == "waiting"]
        return waiting.index(one.id) if one.id in waiting else 0

    def seconds_left(self, one: Prediction) -> float | None:
        """Until it is deleted; None while it is worked on."""
        if one.ends_at is None:
            return None
        return max(0.0, one.ends_at - asyncio.get_running_loop().time())

    async def _work(self, one: Prediction, sandbox: Sandbox) -> None:
        def begun() -> None:
            one.state = "running"

        try:
            ending = await sandbox.run(one.folder, begun)
        except OSError:
            ending = "failed"
        finally:
            await asyncio.shield(
                run_in_threadpool(shutil.rmtree, one.folder / UPLOAD, ignore_errors=True)
            )
            self._tasks.pop(one.id, None)
        one.made, one.sentence = await run_in_threadpool(_outcome, one, ending, self._bounds)
        one.state = "failed" if one.made is None else "done"
        loop = asyncio.get_running_loop()
        one.ends_at = loop.time() + self._kept_s
        one._timer = loop.call_later(self._kept_s, self._expire, one)

    def _expire(self, one: Prediction) -> None:
        if self._known.pop(one.id, None) is not None:
            _stop_timer(one)
            asyncio.get_running_loop().run_in_executor(None, _removed, one.folder)

    def _make_room(self) -> None:
        """The oldest finished ones go if there are too many."""
        for one in list(self._known.values()):
            if len(self._known) > _MOST_KEPT and one.ends_at is not None:
                self._expire(one)


def _stop_timer(one: Prediction) -> None:
    if one._timer is not None:
        one._timer.cancel()


def _removed(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _outcome(one: Prediction, ending: Ending, bounds: Bounds) -> tuple[Made | None, str]:
    """What a job has made, or why it has made nothing, in one sentence."""
    gigabytes = f"{bounds.memory_bytes / 2**30:.3g}"
    sentences = {
        "memory": f"This needs more memory than the {gigabytes} GB that a prediction may take "
        "here; give fewer slices, or take `myosweep predict`.",
        "time": f"This takes more time than the {bounds.seconds:g} s that a prediction may take "
        "here; ask a single network, say that the heart is in the middle, or take `myosweep "
        "predict`.",
        "failed": "The program ended in the midst of this file; is it damaged?",
    }
    if ending != "done":
        return None, sentences[ending]
    with contextlib.suppress(OSError, ValidationError):
        path = one.folder / OUTCOME
        if path.stat().st_size <= MOST_OUTCOME_BYTES:
            found = Outcome.model_validate_json(path.read_bytes())
            if found.made is None or len(found.made.models) == len(one.models):
                return found.made, found.problem
    return None, sentences["failed"]
