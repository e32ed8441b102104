"""The runs of a search, read from their folders: finished, ended early or failed ones alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from myosweep.config import Record, Value
from myosweep.errors import StudyError
from myosweep.files import read_json, write_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_history
from myosweep.results.rows import RunStatus


@dataclass(frozen=True)
class TrialRun:
    """One training of a search or its race.

    Attributes:
        trial: number of the trial; 0 is the default.
        seed: of the network; the search uses the first, the race the others.
        cost: of a whole run, in runs of the default.
        values: of the searched fields, by path.
        epochs, epochs_done: wanted, and done at the end.
        status: how it ended; None if it has not.
        history: the region's validation IoU after each epoch; NaN where it is undefined.
    """

    run: str
    trial: int
    seed: int
    cost: float
    values: dict[str, Value]
    epochs: int
    epochs_done: int
    status: RunStatus | None
    history: tuple[float, ...]

    @property
    def whole(self) -> bool:
        return self.status is not None and self.status.whole

    @property
    def spent(self) -> float:
        """What it has cost, in runs of the default.

        Only what was ended early counts in part; what failed counts in full, or a search whose
        trainings fail would go on for ever.
        """
        if self.status is None or self.status.status != "stopped":
            return self.cost
        return self.cost * self.epochs_done / self.epochs


class TuningState(Record):
    """How far a search is; written by those who do it, after each run.

    Attributes:
        budget: as given.
        file_budget: what the study file said then.
        budget_runs: the budget in runs of the default; None before the first one is done.
        record: name of the search in its record of trials.
        contenders: numbers of the trials that race against the default, the best first.
        largest: networks of each contender at the last look; fixed when the race starts.
        measured: the trials from whose scores it followed when others may be ended; fixed then.
        optuna: version of Optuna that proposes the trials.
    """

    budget: str
    file_budget: str = ""
    budget_runs: float | None = None
    record: str = ""
    search_over: bool = False
    race_over: bool = False
    contenders: tuple[int, ...] = ()
    largest: int = 0
    measured: tuple[int, ...] = ()
    optuna: str = ""


def read_tuning_state(folder: StudyFolder) -> TuningState | None:
    """How far a search is; None before it began.

    Raises:
        StudyError: if the file is damaged.
    """
    try:
        return TuningState.model_validate(read_json(folder.tuning))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise StudyError(
            f"{folder.tuning.name} is damaged; remove it and start `myosweep tune` again"
        ) from None


def write_tuning_state(folder: StudyFolder, state: TuningState) -> None:
    """Write down how far a search is, if that is news."""
    if read_tuning_state(folder) != state:
        write_json(folder.tuning, state.model_dump(mode="json"))


def read_trial_runs(folder: StudyFolder, region: str) -> tuple[TrialRun, ...]:
    """All runs of a study's trials, by trial and seed.

    Args:
        region: whose IoU the histories give.

    Raises:
        StudyError: if a run's file is damaged.
    """
    found = (_trial_run(run, region) for run in folder.runs())
    return tuple(sorted((one for one in found if one), key=lambda one: (one.trial, one.seed)))


def _trial_run(run: RunFolder, region: str) -> TrialRun | None:
    what = run.read_settings()
    if what.trial is None or what.settings is None:
        return None
    status = run.read_status()
    return TrialRun(
        run.id,
        what.trial,
        what.seed,
        what.cost or 0.0,
        what.point,
        what.settings.epochs,
        status.epochs_done if status else 0,
        status,
        tuple(_history(run, region)),
    )


def _history(run: RunFolder, region: str) -> Iterator[float]:
    table = read_history(run)
    if f"iou_{region}" in table:
        yield from table[f"iou_{region}"].astype(float)
