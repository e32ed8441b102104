"""Doing the missing runs on this machine: one after the other, or several at a time."""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from myosweep.config import Value, flatten
from myosweep.errors import ClaimLost
from myosweep.files import write_json
from myosweep.results.rows import RunStatus
from myosweep.study.open import Study, open_study
from myosweep.training.device import Computer, processor_count, resolve_device, resolve_precision
from myosweep.training.estimate import estimate_seconds
from myosweep.training.run import RunPlan, perform_run

_POLL_S = 1.0


@dataclass(frozen=True)
class Resources:
    """What a study may use of this machine."""

    device: str = "auto"
    jobs: int | None = None
    threads: int | None = None

    @property
    def jobs_at_once(self) -> int:
        """Runs at a time: as asked; by default one, which keeps memory low and results early."""
        return self.jobs or 1

    def computer(self, precision: str) -> Computer:
        """The share of the machine that one run gets."""
        threads = self.threads or max(1, processor_count() // self.jobs_at_once)
        device = resolve_device(self.device)
        return Computer(device, resolve_precision(precision, device), threads)


@dataclass(frozen=True)
class Estimate:
    """The missing runs with the seconds that each will take, and the seconds for all of them."""

    runs: tuple[tuple[RunPlan, float], ...]
    seconds: float


def estimate_study(
    study: Study, resources: Resources, progress: Callable[[int, int], None] = lambda *_: None
) -> Estimate:
    """How long the missing runs will take here; runs of one cost are timed once.

    Args:
        progress: called with runs looked at and runs in all.
    """
    seconds: dict[tuple[Value, ...], float] = {}
    runs = []
    missing = study.missing()
    for number, plan in enumerate(missing, start=1):
        settings = flatten(plan.settings.model_dump())
        cost = tuple(value for path, value in settings.items() if path not in _FREE)
        if cost not in seconds:
            computer = resources.computer(plan.settings.precision)
            seconds[cost] = estimate_seconds(plan, computer)
        runs.append((plan, seconds[cost]))
        progress(number, len(missing))
    jobs = min(resources.jobs_at_once, max(len(runs), 1))
    return Estimate(tuple(runs), sum(time for _, time in runs) / jobs)


_FREE = ("l2.strength", "learning_rate", "shuffle")
"""Settings that change no run's time."""


def execute(study: Study, resources: Resources) -> None:
    """Do every run that is missing; wait for those that other processes do.

    A run that fails is marked so, and the others go on. Ctrl-C leaves every run at its last whole
    epoch.
    """
    failed: set[str] = set()
    while missing := [plan for plan in study.missing() if plan.id not in failed]:
        if resources.jobs_at_once == 1:
            worked = [_attempt(plan, study, resources) for plan in missing]
        else:
            worked = _in_parallel(missing, study, resources)
        failed |= {
            plan.id for plan, status in zip(missing, worked, strict=True)
            if status is not None and status.status == "failed"
        }  # fmt: skip
        if not any(worked):
            time.sleep(_POLL_S)


def _in_parallel(
    missing: list[RunPlan], study: Study, resources: Resources
) -> list[RunStatus | None]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(resources.jobs_at_once, mp_context=context)
    try:
        futures = [
            pool.submit(_work, study.folder.path, study.dataset.folder, plan.id, resources)
            for plan in missing
        ]
        _wait(futures)
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _wait(futures: list[Future[RunStatus | None]]) -> None:
    """Wait so that Ctrl-C is noticed at once, on Windows too."""
    waiting = set(futures)
    while waiting:
        _, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)


def _work(folder: Path, dataset: Path, run_id: str, resources: Resources) -> RunStatus | None:
    """One run in a worker process, which finds everything in the study's folder."""
    study = open_study(folder, dataset=dataset, write=False)
    plan = next(plan for plan in study.plans() if plan.id == run_id)
    return _attempt(plan, study, resources)


def _attempt(plan: RunPlan, study: Study, resources: Resources) -> RunStatus | None:
    """Do one run; whatever goes wrong in it is written down as its status."""
    computer = resources.computer(plan.settings.precision)
    try:
        return perform_run(plan, study.folder, computer)
    except ClaimLost:
        return None
    except Exception as error:  # any failure of one run must not stop the others
        reason = error.strerror if isinstance(error, OSError) else str(error)
        status = RunStatus(status="failed", error=f"{type(error).__name__}: {reason}")
        write_json(study.folder.run(plan.id).status, status.model_dump(mode="json"))
        return status
