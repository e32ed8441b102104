"""The record of trials, in an Optuna storage: which were asked for, and what came of them.

By default a journal file in the study's folder; a database by its URL for many machines. What a
trial trained lies in its run's folder; the record holds values, state and score, so that Optuna's
own tools can read it. A trial is written whole, with all its values, when it is asked for.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myosweep.config import Space, Value
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.study.tune.propose import distribution, quiet_optuna

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

_GRACE_S = 5
"""A lock of the journal that is older belongs to a killed process: it is held for milliseconds."""


class Trials:
    """The trials of one study.

    Args:
        url: of a database; default: a journal file in the study's folder.

    Raises:
        StudyError: if the storage cannot be reached or read.
    """

    def __init__(self, folder: StudyFolder, name: str, url: str | None = None) -> None:
        self._journal = None if url else _Journal(folder.journal)
        self._place = folder, url
        with self._told() as optuna:
            self._storage: BaseStorage = self._journal.open() if self._journal else _database(url)
            self._study: Study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                sampler=optuna.samplers.RandomSampler(seed=0),
            )

    def all(self) -> "list[FrozenTrial]":
        """All trials, by number."""
        with self._told():
            return self._study.get_trials(deepcopy=False)

    def add(self, values: Mapping[str, Value], space: Space, **facts: Any) -> None:
        """Add a trial that is to be trained; ``facts`` are kept with it.

        Whoever adds trials takes turns with others.
        """
        with self._told(writing=True) as optuna:
            trial = optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=dict(values),
                distributions={path: distribution(path, space[path]) for path in values},
                user_attrs=facts,
            )
            self._study.add_trial(trial)

    def finish(self, number: int, score: float) -> None:
        """A trial was trained to its end; the score is what counts."""
        with self._told(writing=True):
            self._study.tell(number, score, skip_if_finished=True)

    def prune(self, number: int, percent: int, score: float) -> None:
        """A trial was ended early; its last early score helps to propose others."""
        with self._told(writing=True) as optuna:
            trial = self._study.get_trials(deepcopy=False)[number]
            if not trial.state.is_finished():
                self._storage.set_trial_intermediate_value(trial._trial_id, percent, score)
            state = optuna.trial.TrialState.PRUNED
            self._study.tell(number, state=state, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """A trial could not be trained."""
        with self._told(writing=True) as optuna:
            state = optuna.trial.TrialState.FAIL
            self._study.tell(number, state=state, skip_if_finished=True)

    @contextmanager
    def _told(self, writing: bool = False) -> Iterator[Any]:
        with _told(*self._place) as optuna:
            if writing and self._journal:
                self._journal.mend()
            yield optuna


@contextmanager
def _told(folder: StudyFolder, url: str | None) -> Iterator[Any]:
    """Say in words what goes wrong; addresses and passwords of a database stay out of it."""
    try:
        with quiet_optuna() as optuna:
            yield optuna
    except StudyError:
        raise
    except Exception as error:  # Optuna, SQLAlchemy and each driver have their own
        what, way_out = (
            folder.journal.name,
            "restore the file from a copy, or start the study anew in another folder",
        )
        if url:
            what, way_out = (
                "the database of --storage",
                "check that the database runs, that the URL is like postgresql+psycopg://USER@HOST"
                "/NAME, and that its driver is installed (pip install 'myosweep[postgresql]')",
            )
        raise StudyError(
            f"the record of trials ({what}) cannot be used ({type(error).__name__}); {way_out}"
        ) from None


def record_of(folder: StudyFolder, runs: Collection[str], url: str | None = None) -> str:
    """The name of the record of trials that knows these runs; empty if there is none.

    Raises:
        StudyError: if the storage cannot be reached or read.
    """
    with _told(folder, url) as optuna:
        storage = _database(url) if url else _Journal(folder.journal).open()
        for name in optuna.get_all_study_names(storage):
            trials = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
            if any(one.user_attrs.get("run") in runs for one in trials):
                return str(name)
    return ""


def _database(url: str | None) -> "BaseStorage":
    """A database that SQLAlchemy reaches; a connection lasts as long as what it is needed for."""
    from optuna.storages import RDBStorage
    from sqlalchemy.pool import NullPool

    return RDBStorage(str(url), engine_kwargs={"poolclass": NullPool})


class _Journal:
    """A file to which every change is appended as a line."""

    def __init__(self, path: Path) -> None:
        from optuna.storages.journal import JournalFileOpenLock

        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = JournalFileOpenLock(str(path), grace_period=_GRACE_S)

    def open(self) -> "BaseStorage":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self.mend()
        return JournalStorage(JournalFileBackend(str(self._path), lock_obj=self._lock))

    def mend(self) -> None:
        """Take away a line that a killed process left half-written."""
        if not self._path.exists():
            return
        self._lock.acquire()
        try:
            with self._path.open("r+b") as file:
                content = file.read()
                end = content.rfind(b"\n") + 1
                if end < len(content):
                    file.truncate(end)
        finally:
            self._lock.release()
