"""How long the missing runs of a study will take on this machine."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from myosweep.errors import StudyError
from myosweep.study.jobs import Layout, speed_of
from myosweep.study.open import Study
from myosweep.study.resources import Resources
from myosweep.training.plan import RunPlan


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
        resources: with the number of runs at a time, as ``choose_jobs`` fixes it.
        progress: called with runs looked at and runs in all.

    Raises:
        StudyError: if so many runs at a time end for lack of memory.
    """
    runs, start_s = [], 0.0
    missing = study.missing()
    jobs = min(resources.jobs_at_once, max(len(missing), 1))
    for number, plan in enumerate(missing, start=1):
        computer = resources.computer(plan.settings.precision)
        speed = speed_of(plan, Layout(jobs, computer.threads), computer)
        if speed is None:
            raise StudyError(
                f"{jobs} runs at a time were tried, and a process ended, perhaps for lack of "
                "memory; give fewer --jobs"
            )
        start_s = max(start_s, speed.start_s)
        runs.append((plan, speed.run_seconds(plan)))
        progress(number, len(missing))
    return Estimate(tuple(runs), start_s + _last_end([seconds for _, seconds in runs], jobs))


def seconds_of_default(study: Study, resources: Resources) -> float | None:
    """How long one run of a search's default takes here; None if it ends for lack of memory."""
    plan, jobs = study.plans()[0], resources.jobs_at_once
    computer = resources.computer(plan.settings.precision)
    speed = speed_of(plan, Layout(jobs, computer.threads), computer)
    return speed.run_seconds(plan) if speed else None


def _last_end(seconds: list[float], jobs: int) -> float:
    """When the last run ends, if each starts, in order, as soon as one of the places is free.

    >>> _last_end([10.0, 10.0, 10.0], 2)
    20.0
    """
    ends = [0.0] * jobs
    for one in seconds:
        heapq.heapreplace(ends, ends[0] + one)
    return max(ends)
