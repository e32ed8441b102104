"""How far a study is, read from its run folders alone, whoever does the runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from myosweep.config import StudyConfig, Value, read_study_config, run_label
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.training.claim import is_claimed, last_progress

State = Literal["complete", "diverged", "stopped", "failed", "running", "waiting"]


@dataclass(frozen=True)
class RunState:
    """One run: what it is, how it stands, how many of its epochs are done."""

    id: str
    label: str
    state: State
    epochs_done: float
    epochs: int
    seconds: float
    error: str = ""
    place: tuple[tuple[Value, ...], int] = ((), 0)


@dataclass(frozen=True)
class StudyState:
    """All trained runs of a study."""

    runs: tuple[RunState, ...]

    def count(self, *states: State) -> int:
        return sum(run.state in states for run in self.runs)

    @property
    def done(self) -> int:
        """Runs that are whole."""
        return self.count("complete", "diverged")

    @property
    def epochs_done(self) -> float:
        return float(
            sum(run.epochs if run.state in _ENDED else run.epochs_done for run in self.runs)
        )

    @property
    def epochs(self) -> int:
        return sum(run.epochs for run in self.runs)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; None before the first steps."""
        if self.epochs_done == 0 or not (spent := sum(run.seconds for run in self.runs)):
            return None
        left = self.epochs - self.epochs_done
        return spent / self.epochs_done * left / max(self.count("running"), 1)


_WHOLE = ("complete", "diverged")
_ENDED = (*_WHOLE, "stopped")


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
        states += _never_started(config, {state.place for state in states})
    return StudyState(tuple(sorted(states, key=lambda state: state.place)))


def _run_state(folder: RunFolder) -> RunState | None:
    """How a run stands; None for a baseline."""
    description, status = folder.read_settings(), folder.read_status()
    if description.kind == "baseline":
        return None
    progress: Mapping[str, Any] = {}
    if status is not None and status.whole:
        state: State = status.status
    else:
        progress = last_progress(folder)
        state = status.status if status is not None else "waiting"
        if is_claimed(folder):
            state = "running"
    values = tuple(description.point.values())
    if description.trial is not None:  # trials stand in their order
        values = (description.trial,)
    return RunState(
        folder.id,
        description.label,
        state,
        float(status.epochs_done if status else progress.get("epochs_done", 0)),
        description.settings.epochs if description.settings else 0,
        float(status.seconds if status else progress.get("seconds", 0)),
        status.error if status else "",
        (values, description.seed),
    )


def _never_started(
    config: StudyConfig, known: set[tuple[tuple[Value, ...], int]]
) -> Iterator[RunState]:
    """Runs that the study wants and that have no folder, or lost it."""
    for point, settings in config.points():
        for member in config.replicates.members:
            place = (tuple(point.values()), member.seed)
            if place not in known:
                label = run_label(point, member.words)
                yield RunState("", label, "waiting", 0.0, settings.epochs, 0.0, "", place)
