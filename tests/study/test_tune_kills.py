"""Tuning, killed again and again: the same trials on one worker, none lost or doubled on two.

Both with the journal file and with PostgreSQL.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.study.postgres import running_postgres
from tests.study.workers import ROOT, WORKER

from myosweep.config import StudyConfig, study_config, write_study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.data.store import Dataset
from myosweep.model.weights import read_tensors
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_history
from myosweep.results.trials import read_trial_runs
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.tune.run import run_tuning
from myosweep.study.tune.tuning import open_tuning

REGION = "myocardium"
LONGEST_S = 300
SEARCHER = f"""
import myosweep.study.tune.run as tune
tune.write_tuned_report = lambda *_: None
{WORKER}"""  # the page takes as long as the search, and is tested elsewhere
SPACE: dict[str, Any] = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "l2.strength": {"low": 1e-6, "high": 1e-1, "log": True},
    "epochs": [4, 8],
    "dropout": {"low": 0.0, "high": 0.6},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_phantom(tmp_path_factory.mktemp("tune") / "data", patients=10, seed=1, size=32)


@pytest.fixture(scope="module")
def config(dataset: Dataset, size: str) -> StudyConfig:
    tune = {"budget": "7runs", "startup": 3, "networks": 3, "candidates": 1}
    if size == "whole":
        tune = {"budget": "22runs", "startup": 5, "networks": 3}
    return study_config(
        {
            "name": "killed",
            "dataset": str(dataset.folder),
            "split": {"fractions": [0.4, 0.3, 0.3]},
            "settings": {
                "first_filters": 4,
                "depth": 2,
                "epochs": 8,
                "learning_rate": 1e-3,
                "precision": "float32",
            },
            "tune": tune | {"space": SPACE},
        }
    )


@pytest.fixture(scope="module")
def undisturbed(config: StudyConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same search without a kill."""
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("myosweep.study.tune.run.write_tuned_report", lambda *_: None)
        study = open_study(config, folder, device="cpu")
        run_tuning(open_tuning(study), Resources("cpu", threads=1))
    return folder


LONG = [
    pytest.param("whole", 20, name, marks=pytest.mark.long, id=f"20-{name}")
    for name in ("journal", "postgresql")
]


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "journal":
        yield None
    else:
        with running_postgres() as url:
            yield url


@pytest.mark.parametrize(
    ("size", "kills", "storage"),
    [("small", 1, "postgresql"), *LONG],
    indirect=["storage"],
    scope="module",
)
def test_one_worker_ends_with_the_same_trials(
    kills: int,
    config: StudyConfig,
    undisturbed: Path,
    storage: str | None,
    tmp_path: Path,
) -> None:
    folder = prepared(config, tmp_path / "study")
    killed = kill_often(folder, tmp_path / "log", storage, kills, workers=1)
    assert killed == kills
    end(start(folder, tmp_path / "log", storage))
    assert trials(folder, storage) == trials(undisturbed, None)
    assert runs(folder) == runs(undisturbed)


@pytest.mark.parametrize(
    ("size", "kills", "storage"),
    LONG,
    indirect=["storage"],
    scope="module",
)
def test_two_workers_lose_and_double_nothing(
    kills: int, config: StudyConfig, storage: str | None, tmp_path: Path
) -> None:
    folder = prepared(config, tmp_path / "study")
    kill_often(folder, tmp_path / "log", storage, kills, workers=2)
    both = [start(folder, tmp_path / "log", storage) for _ in range(2)]
    for one in both:
        end(one)
    recorded = trials(folder, storage)
    found = read_trial_runs(StudyFolder(folder), REGION)
    assert Counter((one.trial, one.seed) for one in found).most_common(1)[0][1] == 1
    assert [one.trial for one in found if one.seed == 0] == [*range(len(recorded))]
    assert {state for state, *_ in recorded} <= {"COMPLETE", "PRUNED"}
    states = {one.trial: one.status and one.status.status for one in found if one.seed == 0}
    assert [states[number] == "complete" for number in range(len(recorded))] == [
        state == "COMPLETE" for state, *_ in recorded
    ]
    assert all(one.whole for one in found if one.seed > 0)
    kept = Counter(
        line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("kept")
    )
    assert set(kept.values()) == {1}
    assert not list(folder.glob("runs/*/.*"))


def prepared(config: StudyConfig, folder: Path) -> Path:
    """The study's folder, made without a search."""
    open_study(config, folder, device="cpu")
    write_study_config(config, folder.parent / "study.toml")
    return folder


def start(folder: Path, log: Path, storage: str | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SEARCHER, str(log), "tune", str(folder), "--threads", "1"]
    command += ["--device", "cpu", *(["--storage", storage] if storage else [])]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def end(worker: "subprocess.Popen[str]") -> None:
    _, errors = worker.communicate(timeout=LONGEST_S)
    assert worker.returncode == 0, errors


def kill_often(folder: Path, log: Path, storage: str | None, kills: int, workers: int) -> int:
    """Start workers and kill them at random moments while they work; gives how often."""
    rng, done = random.Random(f"{storage is None} {workers}"), 0
    while done < kills:
        before = latest(folder)
        started = [start(folder, log, storage) for _ in range(workers)]
        give_up_at = time.monotonic() + LONGEST_S
        while latest(folder) == before and started[0].poll() is None:
            assert time.monotonic() < give_up_at
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.7))
        alive = [one for one in started if one.poll() is None]
        for one in started:
            one.kill()
            one.communicate()
        if not alive:
            return done
        done += 1
    return done


def latest(folder: Path) -> float:
    """When a run, or the record of trials, last changed."""
    changed = [folder / "trials.log", *folder.glob("runs/*/claim-*.json")]
    return max((path.stat().st_mtime for path in changed if path.exists()), default=0.0)


def trials(folder: Path, storage: str | None) -> list[tuple[Any, ...]]:
    """State, values and score of each recorded trial."""
    study = open_study(folder, device="cpu", write=False)
    return [
        (one.state.name, tuple(sorted(one.params.items())), one.value)
        for one in open_tuning(study, None, storage).trials.all()
    ]


def runs(folder: Path) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Of each run its end, its history, and the sum of its weights."""
    home, found = StudyFolder(folder), {}
    for one in read_trial_runs(home, REGION):
        run, status = home.run(one.run), one.status
        assert status is not None
        weights = read_tensors(run.weights)[0] if one.whole else {}
        sums = tuple((name, tensor.double().sum().item()) for name, tensor in weights.items())
        history = tuple(read_history(run).itertuples(index=False, name=None))
        found[one.trial, one.seed] = (one.run, status.status, one.epochs_done, history, sums)
    return found
