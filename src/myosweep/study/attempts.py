"""Which training stands at each place of a study: the planned one, or one that was adjusted.

With the early rule's action ``adjust`` a place (a point of the sweep and a network) has a list of
trainings: with the study's settings, then with each entry of the rule's list. A training that was
stopped makes way for the next. Which one stands is read from their files, by everybody alike.
"""

from collections.abc import Callable, Mapping

from myosweep.config import StudyConfig
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.regions import RegionScheme
from myosweep.results.rows import RunStatus
from myosweep.training.plan import RunPlan

Attempts = tuple[RunPlan, ...]
"""The trainings that may come to stand at one place, in their order; mostly one."""


def attempts_of(
    config: StudyConfig, dataset: Dataset, splits: Mapping[str, Split], scheme: RegionScheme
) -> list[Attempts]:
    """Every place of a study: one network of each point, then the next of each."""
    points = [
        (point, (settings, *config.adjusted(settings))) for point, settings in config.points()
    ]
    return [
        tuple(
            RunPlan(
                point,
                one,
                member,
                dataset,
                splits[member.split_name],
                scheme,
                config.early_rule,
                number,
            )
            for number, one in enumerate(settings)
        )
        for member in config.replicates.members
        for point, settings in points
    ]


def standing(attempts: Attempts, status_of: Callable[[RunPlan], RunStatus | None]) -> RunPlan:
    """The training that stands at a place: the first that was not stopped, or the last."""
    for plan in attempts[:-1]:
        status = status_of(plan)
        if status is None or status.status != "stopped":
            return plan
    return attempts[-1]
