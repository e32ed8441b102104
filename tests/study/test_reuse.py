"""Runs that another study has done are copied, not trained again."""

from pathlib import Path
from typing import Any

import pytest

from myosweep.config import StudyConfig, study_config
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results
from myosweep.study.open import open_study
from myosweep.study.reuse import reuse_runs
from myosweep.study.sweep import run_study


def config(dataset: Dataset, sweep: dict[str, Any], seeds: int) -> StudyConfig:
    return study_config(
        {
            "name": "reusing",
            "dataset": str(dataset.folder),
            "split": {"fractions": [0.5, 0.17, 0.33]},
            "settings": {"first_filters": 2, "depth": 2, "epochs": 1, "precision": "float32"},
            "sweep": sweep,
            "replicates": {"seeds": seeds},
        }
    )


@pytest.mark.usefixtures("no_report")
def test_only_what_is_missing_is_trained(small_dataset: Dataset, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run_study(config(small_dataset, {"l2.strength": [5e-3, 5e-4]}, 1), old, device="cpu")
    wanted = config(small_dataset, {"l2.strength": [5e-4], "learning_rate": [1e-4, 1e-3]}, 2)
    study = open_study(wanted, new, device="cpu")
    assert reuse_runs(study, old) == 1
    assert reuse_runs(study, old) == 0
    assert len(study.missing()) == 3
    (plan,) = (plan for plan in study.plans() if plan not in study.missing())
    here, there = (StudyFolder(folder).run(plan.id) for folder in (new, old))
    assert here.read_settings().point == {"l2.strength": 5e-4, "learning_rate": 1e-4}
    assert there.read_settings().point == {"l2.strength": 5e-4}
    assert all(one.read_bytes() == (there.path / one.name).read_bytes() for one in here.results)
    run_study(new, device="cpu")
    assert len(read_results(new).networks) == 4


def test_a_folder_that_is_no_study_is_refused(small_dataset: Dataset, tmp_path: Path) -> None:
    study = open_study(config(small_dataset, {}, 1), tmp_path / "new", device="cpu")
    with pytest.raises(StudyError, match="is not a study folder"):
        reuse_runs(study, tmp_path / "nothing")
