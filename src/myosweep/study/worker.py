"""One worker of many that share a study's folder, as in a SLURM array."""

import hashlib
import os
import time
from collections.abc import Callable

from myosweep.results.layout import RunFolder
from myosweep.results.rows import RunStatus
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import attempt
from myosweep.study.open import Study
from myosweep.study.resources import Resources
from myosweep.training.claim import SILENCE_S, Errand, is_claimed, last_progress
from myosweep.training.plan import RunPlan, describe_run

_POLL_S = 1.0
_PATIENCE_S = 10.0


def work_with_others(
    study: Study,
    resources: Resources,
    on_end: Callable[[RunPlan, RunStatus], None] = lambda plan, status: None,
    on_wait: Callable[[str], None] = lambda words: None,
) -> int:
    """Do missing runs until none is left that live workers are not at.

    A worker with nothing to do stays until it has seen a sign of life of every run that is not
    done; the run of a dead worker it takes over, after ten minutes of silence at most. Failed runs
    are tried again if nobody else is at work on the study.

    Args:
        on_end: called after each run that this worker ended.
        on_wait: told why the worker waits.

    Returns:
        Runs that other workers are still at.
    """
    if not any(is_claimed(study.folder.run(plan.id)) for plan in study.plans()):
        study.forget_failures()
    describe_runs(study)
    write_baselines(study, wait=False)
    errand, owners = slurm_errand(), _Owners(on_wait)
    while untried := study.untried():
        worked = False
        for plan in untried:
            if status := attempt(plan, study.folder, resources, errand):
                on_end(plan, status)
                worked, owners = True, _Owners(on_wait)
        if not worked:
            if owners.are_alive([study.folder.run(plan.id) for plan in untried]):
                return len(untried)
            time.sleep(_POLL_S)
    return 0


def describe_runs(study: Study) -> None:
    """Give every run of a study its folder and settings."""
    for plan in study.plans():
        if not (folder := study.folder.run(plan.id)).settings.exists():
            describe_run(plan, folder)


def slurm_errand() -> Errand | None:
    """The errand of a task of a SLURM job; a job that was queued again is a further attempt.

    So its tasks take up their runs at once, even on other machines. None outside of SLURM.
    """
    job, task = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_PROCID", "0")
    if not job:
        return None
    cluster = os.environ.get("SLURM_CLUSTER_NAME", "")
    name = hashlib.sha256(f"{cluster} {job} {task}".encode()).hexdigest()[:12]
    return Errand(name, int(os.environ.get("SLURM_RESTART_COUNT", "0")) + 1)


class _Owners:
    """Who works on what this worker cannot have, seen since it had nothing to do."""

    def __init__(self, on_wait: Callable[[str], None]) -> None:
        self._first: dict[str, tuple[str, object]] = {}
        self._since = time.monotonic()
        self._on_wait = on_wait
        self._said = False

    def are_alive(self, runs: list[RunFolder]) -> bool:
        """Whether each owner has given a sign of life since this was first asked."""
        signs = {run.id: _sign_of_life(run) for run in runs}
        silent = [
            name for name, sign in signs.items() if self._first.setdefault(name, sign) == sign
        ]
        if silent and not self._said and time.monotonic() - self._since > _PATIENCE_S:
            self._said = True
            self._on_wait(
                "Waiting for a sign of life from the workers of runs that are not done "
                f"({len(silent)}); a run that is silent for {SILENCE_S / 60:.0f} minutes is taken "
                "over."
            )
        return not silent


def _sign_of_life(run: RunFolder) -> tuple[str, object]:
    """What changes when the owner of a run does something."""
    names = [claim.name for claim in run.claims[-1:]]
    return "".join(names), last_progress(run).get("renewed_at")
