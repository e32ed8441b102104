"""Where things lie in a study folder. Nothing outside ``results`` knows a file name in it.

DIR/study.toml            the study
DIR/split.json            its split; with folds, splits/repeat-1-fold-1.json, ... instead
DIR/looks.jsonl           the ledger of looks at the primary question
DIR/trials.log            with [tune]: Optuna's journal of the trials
DIR/tuning.json           with [tune]: budget, and whether search and race are over
DIR/report.html, figures/ the report
DIR/clinical/             clinical measures of patients.parquet, and about.json: how they were made
DIR/reliability/          what `myosweep calibrate` measured, one folder per model
DIR/cards/NAME/           model cards: of a run, or of a value's networks
DIR/.turns/               claims on the study itself: who writes the study and its splits
DIR/initial/              weights that trainings start from (init_from), named by their content
DIR/runs/<run-id>/        one run: settings.json, history.csv, checkpoint.safetensors,
                          weights.safetensors, counts.parquet, masks.npz, status.json,
                          claim-0001.json, ...
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from myosweep.errors import StudyError
from myosweep.files import read_json
from myosweep.results.rows import RunSettingsFile, RunStatus


@dataclass(frozen=True)
class ClaimedFolder:
    """A folder that one process at a time works on: it holds claim-0001.json, ..."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def claims(self) -> list[Path]:
        """The claims on this folder, oldest first; the last one counts."""
        return sorted(self.path.glob("claim-*.json"), key=lambda path: (len(path.name), path.name))

    def claim(self, number: int) -> Path:
        return self.path / f"claim-{number:04d}.json"


class RunFolder(ClaimedFolder):
    """The files of one run."""

    @property
    def settings(self) -> Path:
        return self.path / "settings.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def counts(self) -> Path:
        return self.path / "counts.parquet"

    @property
    def masks(self) -> Path:
        return self.path / "masks.npz"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def results(self) -> list[Path]:
        """What a whole run leaves, ``status.json`` last: with it the others must be there."""
        return [self.history, self.weights, self.counts, self.masks, self.status]

    @property
    def stopped_results(self) -> list[Path]:
        """What a run leaves that the early rule stopped, ``status.json`` last."""
        return [self.history, self.status]

    def remove_drafts(self) -> None:
        """Remove what killed owners left half-written; for the owner alone."""
        for path in (self.checkpoint, *self.results):
            for draft in self.path.glob(f".{path.stem}-????????{path.suffix}"):
                draft.unlink(missing_ok=True)

    def read_status(self) -> RunStatus | None:
        """How the run ended, or None if it has not.

        Raises:
            StudyError: if the file is damaged.
        """
        try:
            return RunStatus.model_validate(read_json(self.status))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError, RecursionError):
            raise _damaged(self.status) from None

    def read_settings(self) -> RunSettingsFile:
        """What the run is.

        Raises:
            StudyError: if the file is missing or damaged.
        """
        try:
            return RunSettingsFile.model_validate(read_json(self.settings))
        except (OSError, ValueError, ValidationError, RecursionError):
            raise _damaged(self.settings) from None


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study."""

    path: Path

    @property
    def study(self) -> Path:
        return self.path / "study.toml"

    def split(self, name: str = "split") -> Path:
        """The file of a split: of the only one, or of a fold's."""
        return self.path / "split.json" if name == "split" else self.path / f"splits/{name}.json"

    def splits(self) -> list[Path]:
        """The files of all splits: one, or one per fold, in the order of repeats and folds."""
        one = self.split()
        if one.is_file():
            return [one]
        found = (self.path / "splits").glob("repeat-*-fold-*.json")
        return sorted(found, key=lambda file: tuple(map(int, re.findall(r"\d+", file.stem))))

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def looks(self) -> Path:
        return self.path / "looks.jsonl"

    @property
    def tuning(self) -> Path:
        """How far a search is: its budget, and whether search and race are over."""
        return self.path / "tuning.json"

    @property
    def journal(self) -> Path:
        return self.path / "trials.log"

    def initial(self, name: str) -> Path:
        """Weights that trainings start from, under the name that ``init_from`` has."""
        return self.path / "initial" / f"{name}.safetensors"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def clinical(self) -> Path:
        """Clinical measures, one row per run and patient; ``about.json`` stands beside it."""
        return self.path / "clinical" / "patients.parquet"

    def card(self, name: str) -> Path:
        """The folder of the model card of a run, or of a value's networks."""
        return self.path / "cards" / name

    @property
    def reliability(self) -> Path:
        """What `myosweep calibrate` measured, one folder per model."""
        return self.path / "reliability"

    @property
    def turns(self) -> ClaimedFolder:
        """Claimed by whoever writes the study or its splits."""
        return ClaimedFolder(self.path / ".turns")

    def run(self, run_id: str) -> RunFolder:
        return RunFolder(self.path / "runs" / run_id)

    def runs(self, known: Container[str] = ()) -> Iterator[RunFolder]:
        """All runs that have settings, by id; in those ``known`` to have some nothing is read."""
        for path in sorted((self.path / "runs").glob("*")):
            run = RunFolder(path)
            if run.id in known or run.settings.is_file():
                yield run

    def require(self) -> "StudyFolder":
        """Itself.

        Raises:
            StudyError: if there is no study here.
        """
        if not self.study.is_file():
            raise StudyError(
                f"{self.path.name!r} is not a study folder (no study.toml in it); make one with "
                "`myosweep run STUDY.toml --out DIR`"
            )
        return self


def _damaged(path: Path) -> StudyError:
    return StudyError(
        f"runs/{path.parent.name}/{path.name} is missing or damaged; remove that run's folder and "
        "run the study again"
    )
