"""A study whose trainings start from other weights: kept in its folder, named by content."""

from pathlib import Path
from typing import Any

import pytest
from tests.training.runs import TINY, tiny_plan, trained_weights

from myosweep.config import StudyConfig, read_study_config, study_config
from myosweep.data.split import write_split
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError, SplitError, StudyError
from myosweep.model.weights import read_tensors
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results
from myosweep.study.open import open_study
from myosweep.study.sweep import run_study

SPLIT = {"fractions": [0.5, 0.17, 0.33]}


def config(dataset: Dataset, **content: Any) -> StudyConfig:
    return study_config(
        {
            "name": "started",
            "dataset": str(dataset.folder),
            "split": SPLIT,
            "settings": {**TINY, "epochs": 1},
            "replicates": {"seeds": 1},
            **content,
        }
    )


@pytest.fixture
def pretrained(small_dataset: Dataset, tmp_path: Path) -> Path:
    plan = tiny_plan(small_dataset)
    trained_weights(plan, tmp_path / "before")
    return StudyFolder(tmp_path / "before").run(plan.id).path


@pytest.mark.usefixtures("no_report")
def test_a_sweep_with_and_without_a_start(
    small_dataset: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    home = StudyFolder(tmp_path / "study")
    wanted = config(small_dataset, sweep={"init_from": ["", str(pretrained)]})
    run_study(wanted, home.path, device="cpu")
    none, name = read_study_config(home.study).sweep["init_from"]
    assert none == ""
    assert name.startswith("weights-")
    assert str(tmp_path) not in home.study.read_text()
    kept, _ = read_tensors(home.initial(name))
    assert kept.keys() == read_tensors(pretrained / "weights.safetensors")[0].keys()
    assert set(read_results(home.path).networks["init_from"]) == {"", name}
    for path in pretrained.iterdir():
        path.unlink()
    run_study(home.path, device="cpu")  # continues without the place that the weights came from


def test_a_start_that_has_seen_test_patients_is_a_leak(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset)
    before = StudyFolder(tmp_path / "before")
    trained_weights(plan, before.path)
    write_split(plan.split, before.split())
    settings = {**TINY, "init_from": str(before.run(plan.id).path)}
    same = {"file": str(before.split())}
    study = open_study(
        config(small_dataset, settings=settings, split=same), tmp_path / "a", device="cpu"
    )
    assert study.serious == ()
    other = config(small_dataset, settings=settings, split={**SPLIT, "seed": 5})
    with pytest.raises(SplitError, match=r"has learned from \d of the patients"):
        open_study(other, tmp_path / "b", device="cpu")
    assert not (tmp_path / "b").exists()
    (sentence,) = open_study(other, tmp_path / "b", device="cpu", allow_leakage=True).serious
    assert sentence.startswith("init_from: the network to start from")


def test_the_study_file_can_be_run_again(
    small_dataset: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    wanted = config(small_dataset, settings={**TINY, "init_from": str(pretrained)})
    ids = [
        [plan.id for plan in open_study(wanted, tmp_path / "study", device="cpu").plans()]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]


def test_what_cannot_start_is_refused_before_anything_is_made(
    small_dataset: Dataset, pretrained: Path, tmp_path: Path
) -> None:
    other = {**TINY, "first_filters": 3, "init_from": str(pretrained)}
    with pytest.raises(ConfigError, match="first_filters, depth, norm and the number of regions"):
        open_study(config(small_dataset, settings=other), tmp_path / "study", device="cpu")
    with pytest.raises(StudyError, match="no weights in 'nowhere'"):
        open_study(
            config(small_dataset, settings={**TINY, "init_from": "nowhere"}), tmp_path / "study"
        )
    assert not (tmp_path / "study").exists()
