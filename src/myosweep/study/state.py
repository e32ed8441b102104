"""How far a study is, read from its run folders alone, whoever does the runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from myosweep.config import Value
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile
from myosweep.training.claim import live_progress

State = Literal["complete", "diverged", "failed", "running", "waiting"]


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
            sum(run.epochs if run.state in _WHOLE else run.epochs_done for run in self.runs)
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


def study_state(folder: Path | str) -> StudyState:
    """How every trained run of a study stands.

    Raises:
        StudyError: if there is no study, or a run's file is damaged.
    """
    return StudyState(tuple(_run_states(StudyFolder(Path(folder)).require().runs())))


def _run_states(folders: Iterable[RunFolder]) -> Iterable[RunState]:
    described = [(folder, folder.read_settings()) for folder in folders]
    trained = [(folder, one) for folder, one in described if one.settings is not None]
    for folder, description in sorted(trained, key=lambda pair: _place(pair[1])):
        status, progress = folder.read_status(), live_progress(folder)
        if status is not None and status.whole:
            state: State = status.status
        elif progress is not None:
            state = "running"
        else:
            state = "failed" if status is not None else "waiting"
        yield RunState(
            folder.id,
            description.label,
            state,
            float((progress or {}).get("epochs_done", status.epochs_done if status else 0)),
            description.settings.epochs if description.settings else 0,
            status.seconds if status else float((progress or {}).get("seconds", 0)),
            status.error if status else "",
        )


def _place(description: RunSettingsFile) -> tuple[tuple[Value, ...], int]:
    return tuple(description.point.values()), description.seed
