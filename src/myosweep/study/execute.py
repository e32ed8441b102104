"""Doing the missing runs on this machine: one after the other, or several at a time."""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from myosweep.errors import ClaimLost, MyosweepError, PartnerLost, StudyError
from myosweep.files import write_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunStatus
from myosweep.study.interrupt import terminable
from myosweep.study.open import Study, open_study
from myosweep.study.resources import Resources
from myosweep.training.claim import Errand, take_claim
from myosweep.training.plan import RunPlan
from myosweep.training.run import OnEpoch, Stops, perform_run

_POLL_S = 1.0


def execute(study: Study, resources: Resources) -> None:
    """Do every run that is missing; wait for those that other processes do.

    A run that fails is marked so, and the others go on. Ctrl-C leaves every run at its last whole
    epoch.

    Raises:
        StudyError: if worker processes were ended from outside, with runs left to do.
    """
    if resources.jobs_at_once == 1:
        work(study, resources)
    else:
        _work_in_parallel(study, resources)


def work(study: Study, resources: Resources) -> None:
    """Do missing runs one after the other until none is left; claims keep workers apart."""
    plans = {plan.id: plan for plan in study.every_plan()}
    while untried := resources.together.on_main(lambda: [plan.id for plan in study.untried()]):
        worked = [attempt(plans[run_id], study.folder, resources) for run_id in untried]
        if not any(worked):
            time.sleep(_POLL_S)


def _work_in_parallel(study: Study, resources: Resources) -> None:
    """Several processes that each work through the study."""
    arguments = (study.folder.path, study.dataset.folder, resources)
    ended = in_parallel(resources.jobs_at_once, _worker, arguments)
    if study.untried():
        raise ended.error


@dataclass(frozen=True)
class Ended:
    """How worker processes ended: their exit codes, and what they found wrong, each once."""

    codes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def error(self) -> StudyError:
        """What to say if they ended before their work did."""
        if self.problems:
            return StudyError(self.problems)
        return StudyError(
            f"the worker processes ended (exit codes {', '.join(self.codes)}) with runs left to "
            "do; where they did not say why: perhaps for lack of memory, then start again with "
            "fewer --jobs"
        )


def in_parallel(count: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> Ended:
    """Let several processes do the same and wait for them.

    Raises:
        StudyError: in such a process itself, where it runs the script anew that started it.
    """
    context = multiprocessing.get_context("spawn")
    problems = context.SimpleQueue()
    given = (work, arguments, problems)
    workers = [context.Process(target=_as_worker, args=given) for _ in range(count)]
    started = []
    try:
        for worker in workers:
            _start(worker)
            started.append(worker)
        while alive := [worker for worker in workers if worker.is_alive()]:
            alive[0].join(_POLL_S)  # short waits, so that Ctrl-C is noticed on Windows too
    finally:
        for worker in started:
            worker.join(_POLL_S)
            worker.terminate()
    said = set()
    while not problems.empty():
        said.add(problems.get())
    return Ended(tuple(sorted({str(one.exitcode) for one in workers})), tuple(sorted(said)))


def _start(worker: BaseProcess) -> None:
    try:
        worker.start()
    except RuntimeError as error:  # Python's own, while a process imports its parent's script
        raise StudyError(
            "a script that does several runs at a time is imported by each of its processes; put "
            'its calls under: if __name__ == "__main__":'
        ) from error


def _worker(folder: Path, dataset: Path, resources: Resources) -> None:
    """A worker process: it finds everything in the study's folder."""
    work(open_study(folder, dataset=dataset, write=False), resources)


def _as_worker(
    work: Callable[..., None], arguments: tuple[Any, ...], problems: "SimpleQueue[str]"
) -> None:
    """Work; what is found wrong is for the parent to say, once."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with suppress(KeyboardInterrupt), terminable():
            work(*arguments)
    except MyosweepError as error:
        problems.put(str(error))
        sys.exit(1)


def _end_with_parent() -> None:
    """End this process when its parent was killed; its run stays at its last whole epoch."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def attempt(
    plan: RunPlan,
    study: StudyFolder,
    resources: Resources,
    errand: Errand | None = None,
    on_epoch: OnEpoch = lambda progress: None,
    stops: Stops = lambda progress: False,
) -> RunStatus | None:
    """Do one run, unless another has done it or is at it; a failure becomes its status.

    Returns:
        How it ended, or None if it was not for this process to do.
    """
    folder, together = study.run(plan.id), resources.together
    if together.on_main(lambda: plan.has_ended(folder.read_status())):
        return None
    try:
        computer = resources.computer(plan.settings.precision)
        return perform_run(plan, study, computer, errand=errand, on_epoch=on_epoch, stops=stops)
    except ClaimLost:
        return None
    except PartnerLost:
        raise
    except Exception as error:  # any failure of one run must not stop the others
        status = failure(error)
        return together.on_main(lambda: mark_ended(folder, status))


def failure(error: BaseException) -> RunStatus:
    """The status of a run that this error ended."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return RunStatus(status="failed", error=f"{type(error).__name__}: {reason}")


def mark_ended(
    folder: RunFolder, status: RunStatus, errand: Errand | None = None
) -> RunStatus | None:
    """Write down how a run ended, unless another process has taken it up meanwhile."""
    if (claim := take_claim(folder, errand)) is None:
        return None
    try:
        known = folder.read_status()
        if known is None or not known.whole:
            write_json(folder.status, status.model_dump(mode="json"))
            return status
        return None
    finally:
        claim.release()
