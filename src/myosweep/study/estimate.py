"""How long the missing runs of a study will take on this machine."""

from collections.abc import Callable
from dataclasses import dataclass

from myosweep.config import Value, flatten
from myosweep.study.open import Study
from myosweep.study.resources import Resources
from myosweep.training.estimate import estimate_seconds
from myosweep.training.run import RunPlan


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
