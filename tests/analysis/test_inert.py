"""Inert values: found where nothing changes, and only there."""

from pathlib import Path

import numpy as np
import pytest
from tests.toy import Toy, toy_study

from myosweep.analysis.inert import between_seeds, inert_values
from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.results.read import read_results


def topics(folder: Path) -> dict[str, str]:
    results = read_results(folder)
    table = score_table(results, patient_counts(results), "myocardium", "dice")
    return {one.topic: one.text for one in inert_values(results, table)}


def test_spread_between_seeds_by_hand() -> None:
    scores = np.array([[0.6, 0.8], [0.7, 0.9], [0.8, 1.0]])  # seeds lie 0.1 apart
    # deviations -0.1, 0, 0.1: mean square 0.02 / 3, unbiased variance 0.01, twice that, root
    assert between_seeds(scores) == pytest.approx(np.sqrt(2 * 0.01))
    assert np.isnan(between_seeds(scores[:1]))


def test_patients_that_one_network_saw_do_not_count() -> None:
    scores = np.array([[0.5, np.nan, 0.1], [0.7, 0.9, np.nan]])
    assert between_seeds(scores) == pytest.approx(np.sqrt(2 * 0.02))


def test_a_value_that_changes_nothing_is_named(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(5e-5,): (0, 2), (5e-4,): (0, 2), (5e-3,): (8, 8)})
    text = topics(toy.folder)["No more than another seed does"]
    assert "0.00005 to 0.0005 (0.000 against" in text
    assert "0.005" not in text.replace("0.0005", "")


def test_a_weak_pull_is_named(tmp_path: Path) -> None:
    toy: Toy = toy_study(tmp_path, {(5e-5,): (0, 1), (5e-3,): (8, 8)})
    for seed in (0, 1):
        toy.add_network({"l2.strength": 5e-5}, seed, seed, largest_l2_ratio=0.004)
    found = topics(toy.folder)
    assert "0.00005 (at most 0.4\u00a0%)" in found["L2 hardly acts"]
    assert "0.005 " not in found["L2 hardly acts"]
    assert "No more than another seed does" not in found


def test_two_fields_are_left_alone(tmp_path: Path) -> None:
    shifts = {(5e-3, 4): (2, 2), (5e-3, 3): (2, 2)}
    toy = toy_study(tmp_path, shifts, fields=("l2.strength", "depth"))
    assert topics(toy.folder) == {}
