"""Recommendations and selection: from small tables whose answer is plain."""

import numpy as np
import pytest

from myosweep.analysis.recommend import means_by_value, recommend, select
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.score_table import ScoreTable

VALUES = ("0.005", "0.0001", "0.00005")


def table(*means: float, noise: float = 0.002, networks: int = 5, patients: int = 20) -> ScoreTable:
    rng = np.random.default_rng(0)
    shape = (len(means), networks, patients)
    base = rng.normal(0, 0.1, (1, 1, patients))
    scores = np.array(means)[:, None, None] + base + rng.normal(0, noise, shape)
    names = tuple(f"seed {n}" for n in range(networks))
    return ScoreTable(VALUES[: len(means)], names, tuple(map(str, range(patients))), scores)


def judged(scores: ScoreTable, reference: str | None = "0.0001") -> Answer:
    family = "reference" if reference else "pairs"
    return answer(scores, 0.02, family=family, reference=reference, thorough=False)


def test_the_default_is_taken_when_it_is_good_enough() -> None:
    shown = judged(table(0.5, 0.70, 0.705))
    assert shown.good_enough == ("0.0001", "0.00005")
    found = recommend(shown, "0.0001", {}, "L2 strength")
    assert found.value == "0.0001"
    assert "no reason to leave it" in found.reason


def test_a_value_that_beats_the_default_is_taken() -> None:
    found = recommend(judged(table(0.5, 0.60, 0.70)), "0.0001", {}, "L2 strength")
    assert found.value == "0.00005"
    assert "the default, 0.0001, is not among them" in found.reason


def test_among_the_good_ones_validation_chooses() -> None:
    shown = judged(table(0.70, 0.60, 0.701))
    assert shown.good_enough == ("0.005", "0.00005")
    validation = {"0.005": 0.8, "0.0001": 0.9, "0.00005": 0.7}
    assert recommend(shown, "0.0001", validation, "L2 strength").value == "0.005"


def test_too_little_evidence_names_no_value() -> None:
    shown = judged(table(0.68, 0.69, 0.70, noise=0.3, networks=3, patients=4))
    assert shown.good_enough == ()
    found = recommend(shown, "0.0001", {}, "L2 strength")
    assert found.value is None
    assert found.reason.startswith("Not known: there is too little evidence.")
    assert "The default, 0.0001, is kept" in found.reason
    assert "Nothing speaks for one value" in recommend(shown, None, {}, "L2 strength").reason


def test_without_a_tested_default_the_best_of_the_good_ones_is_taken() -> None:
    found = recommend(judged(table(0.5, 0.6, 0.7), None), None, {}, "L2 strength")
    assert found.value == "0.00005"
    assert "the default was not tested" in found.reason


def test_selection_reads_validation_only() -> None:
    test, validation = table(0.5, 0.70, 0.66), table(0.5, 0.60, 0.66)
    found = select(validation, judged(test), "0.0001")
    assert found is not None
    assert found.value == "0.00005"
    assert found.regret == pytest.approx(0.04, abs=0.002)
    assert found.regret < found.regret_at_most < found.regret + 0.005


def test_selecting_the_best_costs_nothing() -> None:
    test = table(0.5, 0.70, 0.66)
    found = select(test, judged(test), None)
    assert found is not None
    assert (found.value, found.regret, found.regret_at_most) == ("0.0001", 0.0, 0.0)


def test_no_validation_scores_no_selection() -> None:
    test = table(0.5, 0.7)
    empty = ScoreTable(test.values, test.networks, ("p",), np.full((2, 5, 1), np.nan))
    assert select(empty, judged(test), None) is None
    assert all(np.isnan(mean) for mean in means_by_value(empty).values())


def test_one_network_each_speaks_for_these_networks_alone() -> None:
    said = "for these very networks: another training run could turn it round"
    one = recommend(judged(table(0.5, 0.6, 0.7, networks=1)), "0.0001", {}, "L2 strength")
    assert one.value == "0.00005"
    assert said in one.reason
    assert said not in recommend(judged(table(0.5, 0.6, 0.7)), "0.0001", {}, "").reason


def test_nothing_is_taken_where_no_value_beats_a_predictor_that_sees_no_image() -> None:
    shown = judged(table(0.5, 0.70, 0.705))
    highest = max(one.mean for one in shown.values)
    assert recommend(shown, "0.0001", {}, "L2 strength", highest - 0.001).value == "0.0001"
    found = recommend(shown, "0.0001", {}, "L2 strength", highest)
    assert found.value is None
    assert found.reason.startswith("Not known: the networks have not learned the task. No L2")
