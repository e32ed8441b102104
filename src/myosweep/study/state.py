"""How far a study is, read from its run folders alone, whoever does the runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from myosweep.config import (
    EarlyRule,
    StudyConfig,
    Value,
    attempt_label,
    by_size,
    read_study_config,
    run_label,
)
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.training.claim import is_claimed, last_progress

State = Literal["complete", "diverged", "stopped", "failed", "running", "waiting"]


@dataclass(frozen=True)
class RunState:
    """One run: what it is, how it stands, how many of its epochs are done.

    Attributes:
        place: the swept values and the seed.
        adjustment: which entry of the early rule's list changed its settings; 0: none.
    """

    id: str
    label: str
    state: State
    epochs_done: float
    epochs: int
    seconds: float
    error: str = ""
    place: tuple[tuple[Value, ...], int] = ((), 0)
    adjustment: int = 0


@dataclass(frozen=True)
class StudyState:
    """All trained runs of a study, also those that the early rule stopped."""

    runs: tuple[RunState, ...]

    def count(self, *states: State) -> int:
        return sum(run.state in states for run in self.runs)

    @property
    def done(self) -> int:
        """Runs that are whole."""
        return self.count("complete", "diverged")

    @property
    def settled(self) -> int:
        """Runs with which nothing more happens: whole, or stopped by the early rule."""
        return self.done + self.count("stopped")

    @property
    def epochs_done(self) -> float:
        return float(
            sum(run.epochs if run.state in _WHOLE else run.epochs_done for run in self.runs)
        )

    @property
    def epochs(self) -> float:
        """Epochs in all; of a run that was stopped those that it has."""
        return float(
            sum(run.epochs_done if run.state == "stopped" else run.epochs for run in self.runs)
        )

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None before the first steps."""
        if self.epochs_done == 0 or not (spent := sum(run.seconds for run in self.runs)):
            return None
        left = self.epochs - self.epochs_done
        return spent / self.epochs_done * left / max(self.count("running"), 1)


_WHOLE = ("complete", "diverged")


def study_state(folder: Path | str, before: StudyState | None = None) -> StudyState:
    """How every trained run of a study stands.

    Args:
        before: an earlier look: runs that were whole then never change, and are not read again.

    Raises:
        StudyError: if there is no study, or a run's file is damaged.
    """
    study = StudyFolder(Path(folder)).require()
    config = read_study_config(study.study)
    whole = {run.id: run for run in before.runs if run.state in _WHOLE} if before else {}
    found = (whole.get(run.id) or _run_state(run) for run in study.runs(whole))
    states = [state for state in found if state is not None]
    if config.source == "training" and config.tune is None:
        states = [_as_the_rule_has_it(state, config.early_rule) for state in states]
        states += _never_started(config, states)
    return StudyState(tuple(sorted(states, key=_order)))


def _order(state: RunState) -> tuple[Any, ...]:
    """By the swept values, which may be words among numbers; then by seed."""
    values, seed = state.place
    return by_size(values), seed, state.adjustment


def _run_state(folder: RunFolder) -> RunState | None:
    """How a run stands; None for what is not trained: baselines and ensembles."""
    description, status = folder.read_settings(), folder.read_status()
    if description.kind in ("baseline", "ensemble"):
        return None
    progress: Mapping[str, Any] = {}
    if status is not None and status.whole:
        state: State = status.status
    else:
        progress = last_progress(folder)
        state = status.status if status is not None else "waiting"
        if is_claimed(folder):
            state = "running"
    done = progress.get("epochs_done", 0) if state == "running" or not status else 0
    values = tuple(description.point.values())
    if description.trial is not None:  # trials stand in their order
        values = (description.trial,)
    return RunState(
        folder.id,
        description.label,
        state,
        float(max(done, status.epochs_done if status else 0)),
        description.settings.epochs if description.settings else 0,
        float(status.seconds if status else progress.get("seconds", 0)),
        status.error if status else "",
        (values, description.seed),
        description.adjustment,
    )


def _as_the_rule_has_it(run: RunState, rule: EarlyRule | None) -> RunState:
    """A stopped run waits to go on where the early rule no longer stops it."""
    if run.state != "stopped" or (rule is not None and rule.may_stop(run.adjustment)):
        return run
    return replace(run, state="waiting")


def _never_started(config: StudyConfig, known: list[RunState]) -> Iterator[RunState]:
    """Runs that the study wants and that have no folder, or lost it."""
    states = {(run.place, run.adjustment): run for run in known}
    changes = config.early_rule.adjust if config.early_rule else ()
    for point, settings in config.points():
        attempts = (settings, *config.adjusted(settings))
        for member in config.replicates.members:
            place, number = (tuple(point.values()), member.seed), 0
            while number < len(changes) and _is_stopped(states.get((place, number))):
                number += 1
            if (place, number) not in states:
                label = attempt_label(run_label(point, member.words), changes[:number])
                epochs = attempts[number].epochs
                yield RunState("", label, "waiting", 0.0, epochs, 0.0, "", place, number)


def _is_stopped(run: RunState | None) -> bool:
    return run is not None and run.state == "stopped"
