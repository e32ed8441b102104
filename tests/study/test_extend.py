"""Extending a study: what is added, why, and what is left of its errors."""

from pathlib import Path
from typing import Any

import pytest
from tests.toy import Toy, toy_study

from myosweep.analysis.conclude import conclude
from myosweep.config import StudyConfig, read_study_config
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import Look, log_look
from myosweep.results.read import read_results
from myosweep.study.extend import plan_extension
from myosweep.study.open import open_study
from myosweep.study.sweep import run_study

AT_EDGE = {(5e-3,): (6, 7, 6), (5e-4,): (1, 2, 1), (5e-5,): (0, 0, 1)}
INSIDE = {(5e-3,): (6, 7, 6), (5e-4,): (0, 0, 1), (5e-5,): (1, 2, 1)}


def study(folder: Path, shifts: dict[Any, Any] = AT_EDGE, **config: Any) -> Toy:
    return toy_study(folder, shifts, patients=20, **config)


def test_the_next_step_beyond_the_edge(tmp_path: Path) -> None:
    found = plan_extension(study(tmp_path).folder, edge=True)
    assert found.values == {"l2.strength": (5e-6,)}
    assert found.config.sweep["l2.strength"] == (5e-3, 5e-4, 5e-5, 5e-6)
    assert (found.networks_before, found.networks) == (3, 3)
    assert "edge of the tested range; added: l2.strength 5e-06" in found.reasons[0]


def test_a_best_value_inside_adds_nothing(tmp_path: Path) -> None:
    found = plan_extension(study(tmp_path, INSIDE).folder, edge=True)
    assert found.nothing
    assert "does not lie at an edge" in found.reasons[0]


def test_networks_are_added_behind_the_seeds_that_there_are(tmp_path: Path) -> None:
    toy = study(tmp_path, replicates={"seeds": [0, 5, 1], "max_replicates": 6})
    found = plan_extension(toy.folder, networks=5)
    assert [member.seed for member in found.config.replicates.members] == [0, 5, 1, 2, 3]
    assert found.left == pytest.approx(0.05 * (5 / 6) ** 3)


def test_what_earlier_looks_spent_is_gone(tmp_path: Path) -> None:
    toy = study(tmp_path, replicates={"seeds": 3, "max_replicates": 6})
    log_look(toy.home, Look(3, ("0.005", "0.0005", "0.00005"), 0.00625))
    assert plan_extension(toy.folder, networks=6).left == pytest.approx(0.05 - 0.00625)
    assert plan_extension(toy.folder, networks=7).left == 0.0  # beyond what was foreseen
    assert plan_extension(toy.folder, edge=True).left == 0.0  # values chosen after a look


def test_folds_grow_by_whole_repeats(tmp_path: Path) -> None:
    replicates = {"design": "folds", "repeats": 1, "folds": 4, "max_replicates": 12}
    toy = study(tmp_path, {(5e-3,): (6, 7, 6, 6), (5e-5,): (0, 1, 0, 1)}, replicates=replicates)
    found = plan_extension(toy.folder, networks=6)
    assert (found.config.replicates.repeats, found.networks) == (2, 8)
    assert "whole repeats: 8 per value" in found.reasons[-1]


def test_decide_adds_networks_until_a_decision_has_an_even_chance(tmp_path: Path) -> None:
    shifts = {(1e-4,): (0, 1, 0, 1), (5e-5,): (3, 0, 2, 1)}
    toy = study(tmp_path, shifts)
    before = read_study_config(toy.home.study)
    found = plan_extension(toy.folder, decide=True)
    cost = conclude(read_results(toy.folder)).shown.costs[0]
    assert 4 < cost.expected_even < 1000, "the toy is to be undecided, but decidable"
    assert found.networks == cost.expected_even
    assert f"{found.networks} networks per value give an even chance" in found.reasons[0]
    assert read_study_config(toy.home.study) == before, "planning wrote something"


def test_a_decided_study_asks_for_nothing(tmp_path: Path) -> None:
    shifts = {(1e-4,): (0, 0, 1), (5e-3,): (8, 9, 8)}
    found = plan_extension(study(tmp_path, shifts).folder, decide=True)
    assert found.nothing
    assert "Every comparison is decided" in found.reasons[0]


def test_fewer_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="each value has 3 networks already, --networks is 3"):
        plan_extension(study(tmp_path).folder, networks=3)


def test_masks_of_another_program_are_added_otherwise(tmp_path: Path) -> None:
    toy = study(tmp_path, source="masks")
    with pytest.raises(StudyError, match="add further ones with `myosweep score`"):
        plan_extension(toy.folder, edge=True)


@pytest.mark.usefixtures("no_report")
def test_an_extended_study_runs_what_is_new(small_study: StudyConfig, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run_study(small_study, folder)
    before = {run.id: run.status.read_bytes() for run in StudyFolder(folder).runs()}
    found = plan_extension(folder, networks=3)
    config = found.config.model_copy(update={"dataset": small_study.dataset})
    fresh = open_study(config, folder)
    assert [plan.seed for plan in fresh.missing()] == [2, 2]
    run_study(config, folder)
    after = {run.id: run.status.read_bytes() for run in StudyFolder(folder).runs()}
    assert before.items() < after.items()
    assert len(read_results(folder).networks) == 6
    assert read_study_config(StudyFolder(folder).study).replicates.max_replicates == 2
