"""A toy search, made by hand through the results tables: no training, no Optuna, no torch.

Its fake networks predict the reference moved by some pixels, as in ``tests.toy``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from myosweep.config import settings_from_paths, study_config, write_study_config
from myosweep.data.split import write_split
from myosweep.files import write_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunStatus
from myosweep.results.trials import TuningState, write_tuning_state
from tests.toy import SCHEME, Toy, toy_dataset, toy_splits

SPACE: dict[str, Any] = {
    "l2.strength": {"low": 1e-6, "high": 1e-2, "log": True},
    "dropout": {"low": 0.0, "high": 0.6},
}
DEFAULT = {"l2.strength": 1e-4, "dropout": 0.5}
NETWORKS = 4
"""Networks of each contender in the race."""


@dataclass(frozen=True)
class ToySearch:
    """A toy search on disk, to which trials and networks can be added."""

    toy: Toy

    @property
    def home(self) -> StudyFolder:
        return self.toy.home

    @property
    def folder(self) -> Path:
        return self.toy.folder

    def add(
        self,
        trial: int,
        shift: int,
        seed: int = 0,
        values: Mapping[str, Any] | None = None,
        **status: Any,
    ) -> RunFolder:
        """A whole network of a trial: of the search (seed 0), or of the race."""
        return self.toy.add_network(
            values or values_of(trial), seed, shift, 30, trial=trial, cost=1.0, **status
        )

    def stop(self, trial: int, epochs_done: int = 1, iou: float = 0.1) -> RunFolder:
        """A trial that was ended early: no scores, a history of some epochs."""
        run = self.home.run(f"run-stopped-{trial}")
        point = values_of(trial)
        self.toy.describe(
            run, trial=trial, cost=1.0, seed=0, point=point, settings=settings_from_paths(point)
        )
        rows = [
            {"epoch": epoch, "loss": 1.0, **{f"iou_{name}": iou for name in SCHEME.names}}
            for epoch in range(1, epochs_done + 1)
        ]
        pd.DataFrame(rows).to_csv(run.history, index=False)
        ended = RunStatus(status="stopped", epochs_done=epochs_done, seconds=20.0, error="hopeless")
        write_json(run.status, ended.model_dump(mode="json"))
        return run

    def fail(self, trial: int) -> None:
        """A trial that ended with an error."""
        run = self.stop(trial)
        ended = RunStatus(status="failed", error="ValueError: no")
        write_json(run.status, ended.model_dump(mode="json"))

    def race(self, shifts: Mapping[int, Sequence[int]]) -> None:
        """New networks of the default and of contenders, seed by seed."""
        for trial, of_trial in shifts.items():
            for seed, shift in enumerate(of_trial, start=1):
                self.add(trial, shift, seed)

    def is_at(
        self, *, contenders: Sequence[int] = (), over: bool = True, budget: str = "20runs"
    ) -> None:
        """How far the search is: over with its race, or still searching."""
        state = TuningState(
            budget=budget,
            budget_runs=float(budget.removesuffix("runs")),
            search_over=over,
            race_over=over,
            contenders=tuple(contenders),
            largest=NETWORKS if contenders else 0,
            optuna="5.0.0",
        )
        write_tuning_state(self.home, state)


def values_of(trial: int) -> dict[str, Any]:
    """The settings of a trial; the first one is the default."""
    if trial == 0:
        return dict(DEFAULT)
    return {"l2.strength": 1e-6 * 2**trial, "dropout": round(0.05 * (trial % 10), 2)}


def toy_search(
    folder: Path, *, patients: int = 20, baselines: bool = True, **config: Any
) -> ToySearch:
    """A search without any trial yet, and its dataset beside it.

    Args:
        config: further fields of the study, such as ``question``.
    """
    data = toy_dataset(folder / "data", patients=patients)
    content: dict[str, Any] = {
        "name": "toy",
        "dataset": "../data",
        "split": {"fractions": [0.2, 0.4, 0.4]},
        "tune": {"budget": "20runs", "startup": 5, "networks": NETWORKS, "space": SPACE},
        **config,
    }
    study = study_config(content)
    toy = Toy(StudyFolder(folder / "study"), data, study, toy_splits(data, study))
    write_study_config(study, toy.home.study)
    for name, split in toy.splits.items():
        write_split(split, toy.home.split(name))
    if baselines:
        toy.add_baselines()
    return ToySearch(toy)


def finished_search(folder: Path, **config: Any) -> ToySearch:
    """A search that trial 3 has won; two trials were ended early, one failed."""
    search = toy_search(folder, **config)
    for trial, shift in enumerate((2, 3, 2, 0, 1)):
        search.add(trial, shift)
    search.stop(5, epochs_done=3)
    search.stop(6, epochs_done=3, iou=0.02)
    search.fail(7)
    search.add(8, 3)
    search.race({0: (2, 2, 3, 2), 3: (0, 1, 0, 0), 4: (1, 2, 1, 1)})
    search.is_at(contenders=(3, 4))
    return search
