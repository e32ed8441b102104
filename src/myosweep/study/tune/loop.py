"""Tuning: what is to be done next, found anew from the files each time, and doing it.

Any number of workers, started and killed at any time, do this together. They take turns to decide
(one at a time), and train at the same time; claims on runs keep them apart.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING

from myosweep.analysis.tuning.early_scores import early_scores, measured_trials, told_so_far
from myosweep.analysis.tuning.found import (
    DEFAULT,
    Trial,
    name_of,
    plan_race,
    race_so_far,
    search_so_far,
)
from myosweep.config import (
    Replicate,
    Value,
)
from myosweep.errors import ConfigError, StudyError
from myosweep.results.rows import RunStatus
from myosweep.results.trials import (
    TrialRun,
    TuningState,
    read_trial_runs,
    read_tuning_state,
    write_tuning_state,
)
from myosweep.study.execute import attempt
from myosweep.study.resources import Resources
from myosweep.study.tune.early import is_hopeless
from myosweep.study.tune.propose import propose
from myosweep.study.tune.tuning import Money, Tuning, count_money, plan_trial
from myosweep.study.turns import turn
from myosweep.training.checkpoint import Progress
from myosweep.training.claim import is_claimed
from myosweep.training.plan import RunPlan, describe_run

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_POLL_S = 0.5
_FAILURES = 4
"""After so many failed trials in a row one more ends the search."""
_FIRST = Replicate(0)


@dataclass(frozen=True)
class Next:
    """What is to be done next: a run; or to wait for others; or nothing, ever.

    ``search_over`` and ``race_over`` say how far the study is.
    """

    plan: RunPlan | None
    waiting: bool
    search_over: bool
    race_over: bool


def work(
    tuning: Tuning,
    resources: Resources,
    on_end: Callable[[RunPlan, RunStatus], None] = lambda plan, status: None,
) -> Next:
    """Do what is to be done until nothing is left; gives how it ended.

    Args:
        on_end: called after each run that this process ended.
    """
    while True:
        step = decide(tuning)
        if step.plan is not None:
            status = _perform(tuning, step.plan, resources)
            if status is not None:
                on_end(step.plan, status)
        elif step.waiting:
            time.sleep(_POLL_S)
        else:
            return step


def decide(tuning: Tuning) -> Next:
    """Settle what has ended, and find what is to be done next; one process at a time."""
    with turn(tuning.study.folder):
        step = _decide(tuning)
        whole = count_money(tuning).whole
        known = _state(tuning)
        news = {
            "budget": tuning.budget,
            "file_budget": tuning.tune.budget,
            "budget_runs": whole if isfinite(whole) else None,
            "search_over": step.search_over,
            "race_over": step.race_over,
            "measured": known.measured or _measured(tuning),
            "optuna": version("optuna"),
        }
        write_tuning_state(tuning.study.folder, known.model_copy(update=news))
        return step


def _measured(tuning: Tuning) -> tuple[int, ...]:
    """The trials from whose scores it follows now when others may be ended; none if it does not."""
    trials, tune = search_so_far(tuning.study.folder), tuning.tune
    numbers = measured_trials(trials, tune)
    return numbers if told_so_far(trials, tune, numbers)[1] else ()


def _state(tuning: Tuning) -> TuningState:
    return read_tuning_state(tuning.study.folder) or TuningState(budget=tuning.budget)


def _decide(tuning: Tuning) -> Next:
    records = settle(tuning)
    running = [one for one in records if one.state.name == "RUNNING"]
    free = _free(tuning, [_plan_of(tuning, one) for one in running])
    if (plan := free or _ask(tuning, records)) is not None:
        return Next(plan, False, False, False)
    return Next(None, True, False, False) if running else _race(tuning)


def settle(tuning: Tuning) -> "list[FrozenTrial]":
    """Write down what came of trials whose runs have ended; gives all trials.

    Raises:
        StudyError: if the default, or many trials in a row, cannot be trained.
    """
    records = tuning.trials.all()
    open_ones = {one.number for one in records if one.state.name == "RUNNING"}
    if not open_ones:
        return records
    for trial in search_so_far(tuning.study.folder):
        if trial.number in open_ones and (status := trial.run.status) is not None:
            if trial.score is not None:
                tuning.trials.finish(trial.number, trial.score)
            elif status.status == "stopped":
                percent = 100 * trial.run.epochs_done // trial.run.epochs
                tuning.trials.prune(trial.number, percent, trial.run.history[-1])
            else:
                _refuse_to_go_on(tuning, trial.number, records, status.error)
                tuning.trials.fail(trial.number)
    return tuning.trials.all()


def _refuse_to_go_on(tuning: Tuning, number: int, records: "list[FrozenTrial]", error: str) -> None:
    """Raise a ``StudyError`` if a failed trial shows that nothing can be trained here."""
    before = [one.state.name for one in records if one.number < number]
    if number > DEFAULT and before[-_FAILURES:] != ["FAIL"] * _FAILURES:
        return
    what = "the default" if number == DEFAULT else f"{_FAILURES + 1} trials in a row"
    raise StudyError(
        f"{what} could not be trained; the last error was: {error}; start tune again once that is "
        "mended: failed trainings are tried again"
    )


def _plan_of(tuning: Tuning, record: "FrozenTrial") -> RunPlan:
    return tuning.trial(record.params, record.number)


def _free(tuning: Tuning, plans: Sequence[RunPlan]) -> RunPlan | None:
    """The first of some runs that has not ended and nobody is at."""
    for plan in plans:
        folder = tuning.folder(plan)
        if folder.read_status() is None and not is_claimed(folder):
            return plan
    return None


def _ask(tuning: Tuning, records: "list[FrozenTrial]") -> RunPlan | None:
    """Add one more trial, if the budget of the search allows it."""
    if tuning.tune.trials is not None and len(records) >= tuning.tune.trials:
        return None
    money, space = count_money(tuning), tuning.study.config.space
    most = min(tuning.tune.largest_cost, money.search - money.searched)
    known = {one.user_attrs.get("run") for one in records}

    def may_be_tried(values: dict[str, Value]) -> bool:
        try:
            plan = tuning.trial(values, len(records))
        except ConfigError:  # values that exclude each other
            return False
        is_new = plan.id not in known
        return is_new and not plan.problems() and plan.cost is not None and plan.cost <= most

    values = propose(records, space, tuning.tune, tuning.default, may_be_tried)
    if values is None:
        return None
    plan = tuning.trial(values, len(records))
    tuning.trials.add(values, space, run=plan.id, cost=plan.cost)
    describe_run(plan, tuning.folder(plan))
    return plan


def _planned(tuning: Tuning, trials: Sequence[Trial], money: Money) -> TuningState:
    """The search with its race planned: once when it is over, anew for a larger budget."""
    state = _state(tuning)
    is_larger = state.budget_runs is not None and money.whole > state.budget_runs
    if state.search_over and not is_larger:
        return state
    tune, left = tuning.tune, money.whole - money.spent
    contenders, largest = plan_race(trials, tune.candidates, tune.networks, left, money.raced)
    state = state.model_copy(update={"contenders": contenders, "largest": largest})
    write_tuning_state(tuning.study.folder, state)
    return state


def _race(tuning: Tuning) -> Next:
    """The next run of the race; who races, and how far, is fixed before its first run."""
    trials, money = search_so_far(tuning.study.folder), count_money(tuning)
    state = _planned(tuning, trials, money)
    race, _ = race_so_far(tuning.study.folder, state.contenders, state.largest)
    if race.over:
        return Next(None, False, True, True)
    by_name = {one.name: one for one in trials}
    seed = race.networks + 1
    plans = [
        plan_trial(tuning.study, by_name[name].run.values, by_name[name].number, seed)
        for name in (name_of(DEFAULT), *race.active)
    ]
    missing = [plan for plan in plans if tuning.folder(plan).read_status() is None]
    begun = len(missing) < len(plans) or any(
        tuning.folder(plan).settings.exists() for plan in plans
    )
    if not begun and money.spent + sum(plan.cost or 0 for plan in plans) > money.whole:
        return Next(None, False, True, True)
    for plan in plans:
        describe_run(plan, tuning.folder(plan))
    failed = [plan for plan in plans if (s := tuning.folder(plan).read_status()) and not s.whole]
    if failed:
        raise StudyError(
            [
                f"run {plan.id} ({plan.label}) failed: {tuning.folder(plan).read_status().error}"  # type: ignore[union-attr]
                for plan in failed
            ],
            "runs of the race failed; start tune again to repeat them",
        )
    free = _free(tuning, plans)
    return Next(free, free is None, True, False)


def _perform(tuning: Tuning, plan: RunPlan, resources: Resources) -> RunStatus | None:
    """Train a run, unless another process is at it; end it early where it is hopeless."""
    if plan.seed > 0:
        return attempt(plan, tuning.study.folder, resources)
    return attempt(plan, tuning.study.folder, resources, stops=_Watch(tuning, plan))


def _search_runs(tuning: Tuning) -> list[TrialRun]:
    runs = read_trial_runs(tuning.study.folder, tuning.region)
    return [one for one in runs if one.seed == 0]


class _Watch:
    """Says after each epoch whether a trial is hopeless beside those before it."""

    def __init__(self, tuning: Tuning, plan: RunPlan) -> None:
        self._pruner, self._epochs = tuning.tune.pruner, plan.settings.epochs
        self._column = f"iou_{tuning.region}"
        others = [one for one in _search_runs(tuning) if one.trial != plan.trial]
        trials, measured = search_so_far(tuning.study.folder), _state(tuning).measured
        self._rule = told_so_far(trials, tuning.tune, measured)[1] if measured else None
        rungs = self._rule.rungs if self._rule else ()
        self._others = [early_scores(one.history, one.epochs, rungs) for one in others]

    def __call__(self, progress: Progress) -> bool:
        if self._rule is None:
            return False
        history = [float(row[self._column]) for row in progress.history]
        own = early_scores(history, self._epochs, self._rule.rungs)
        return is_hopeless(self._pruner, self._rule, self._others, own)
