"""What stands beside each other in the report: validation accuracies, gaps, the question."""

from pathlib import Path

import numpy as np
import pytest
from tests.toy import toy_study

from myosweep.analysis.compare import (
    question_scores,
    spread_of,
    training_gap,
    validation_accuracies,
)
from myosweep.analysis.scores import NO_IMAGE, baseline_scores, network_scores
from myosweep.results.read import read_results


def test_spread_of_networks() -> None:
    spread = spread_of((0.5, 0.7, 0.9))
    assert (spread.mean, spread.sd) == (pytest.approx(0.7), pytest.approx(0.2))
    assert spread_of((0.5,)).sd is None
    undefined = spread_of((float("nan"),))
    assert np.isnan(undefined.mean)
    assert undefined.defined == 0


def test_validation_accuracies_stand_beside_the_papers(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    found = validation_accuracies(results)
    assert [one.paper for one in found] == [0.9599, 0.9723, 0.9843]
    recorded = results.runs.set_index("run")["validation_accuracy"]
    for one in found:
        assert one.accuracy.scores == pytest.approx([recorded[run] for run in one.point.runs])


@pytest.mark.parametrize(("rate", "paper"), [(1e-4, 0.9723), (1e-3, None)])
def test_the_papers_value_stands_only_beside_its_own_settings(
    tmp_path: Path, rate: float, paper: float | None
) -> None:
    toy = toy_study(tmp_path, {(5e-4, rate): (1,)}, fields=("l2.strength", "learning_rate"))
    assert [one.paper for one in validation_accuracies(read_results(toy.folder))] == [paper]


def test_training_gap_is_taken_network_by_network(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    by_part = {
        part: network_scores(results, part).set_index(["run", "region", "metric"])["score"]
        for part in ("training", "validation", "test")
    }
    worst = training_gap(results)[0]
    for part, spread in zip(by_part, (worst.training, worst.validation, worst.test), strict=True):
        own = [by_part[part][run, "myocardium", "dice"] for run in worst.point.runs]
        assert spread.scores == pytest.approx(own)
    gaps = np.subtract(worst.training.scores, worst.validation.scores)
    assert worst.gap.scores == pytest.approx(gaps)


def test_folds_are_compared_network_by_network_and_with_one_floor(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 1, "folds": 3}
    shifts = {(1e-3,): (1, 2, 1), (1e-4,): (0, 0, 1)}
    results = read_results(toy_study(tmp_path, shifts, replicates=folds).folder)
    by_run = {
        part: network_scores(results, part).set_index(["run", "region", "metric"])["score"]
        for part in ("training", "test")
    }
    for one in training_gap(results):
        for part, spread in (("training", one.training), ("test", one.test)):
            own = [by_run[part][run, "myocardium", "dice"] for run in one.point.runs]
            assert spread.scores == pytest.approx(own)
    floor = baseline_scores(results).set_index(["baseline", "region", "metric"])["score"]
    assert question_scores(results).no_image == floor[NO_IMAGE, "myocardium", "dice"]


def test_question_scores_name_the_highest_and_the_lowest_mean(tmp_path: Path) -> None:
    question = question_scores(read_results(toy_study(tmp_path).folder))
    assert question.highest is not None
    assert question.lowest is not None
    assert (question.highest[0].label, question.lowest[0].label) == ("0.00005", "0.005")
    assert question.highest[1].scores[0] == 1
    assert question.no_image is not None
    assert 0 < question.no_image < 1


def test_question_scores_without_baselines_or_spread(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(5e-4,): (1,)}, baselines=False)
    question = question_scores(read_results(toy.folder))
    assert question.no_image is None
    assert question.largest_sd is None
    assert question.highest == question.lowest
