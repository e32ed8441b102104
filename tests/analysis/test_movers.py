"""Slices and patients that depend most on the value."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.toy import toy_study

from myosweep.analysis.movers import patients_table, slices_that_move
from myosweep.analysis.points import points
from myosweep.analysis.slices import slice_scores
from myosweep.results.read import Results, read_results
from myosweep.statistics.score_table import ScoreTable

SHIFTS = {(5e-3,): (3, 2, 3), (5e-4,): (1, 1, 2), (5e-5,): (0, 1, 0)}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return read_results(toy_study(tmp_path, SHIFTS).folder)


def test_ranges_are_those_of_the_values_means(results: Results) -> None:
    found = slices_that_move(results, "myocardium", "dice")
    rows = slice_scores(results, "test")
    rows = rows[rows["region"] == "myocardium"].astype({"run": str, "slice": str})
    rows["dice"] = 2 * rows["tp"] / (2 * rows["tp"] + rows["fp"] + rows["fn"])
    table = rows.pivot(index="run", columns="slice", values="dice")
    assert {one.slice for one in found} == set(table.columns)
    assert [one.range for one in found] == sorted((one.range for one in found), reverse=True)
    for one in found:
        by_value = [table.loc[list(point.runs), one.slice] for point in points(results)]
        means = [scores.mean() for scores in by_value]
        assert (one.lowest_value, one.highest_value) == ("0.005", "0.00005")
        assert (one.lowest, one.highest) == (pytest.approx(means[0]), pytest.approx(means[2]))
        assert one.range == pytest.approx(means[2] - means[0])
        spread = np.sqrt(np.mean([scores.var(ddof=1) for scores in by_value]))
        assert one.between_networks == pytest.approx(spread)
        assert one.patient == one.slice.split("_")[0]
        assert one.level is None


@pytest.mark.parametrize(
    ("region", "metric"),
    [
        ("blood pool", "iou"),
        ("background", "accuracy"),
        ("myocardium", "bf_strict"),
        ("myocardium", "bf"),
        ("all", "global_accuracy"),
        ("all", "mean_dice"),
        ("all", "mean_bf_strict"),
    ],
)
def test_every_metric(results: Results, region: str, metric: str) -> None:
    found = slices_that_move(results, region, metric)
    assert found
    assert all(0 <= one.lowest <= one.highest <= 1 for one in found)


def test_global_accuracy_of_a_slice(results: Results) -> None:
    one = slices_that_move(results, "all", "global_accuracy", most=1)[0]
    rows = slice_scores(results, "test").astype({"run": str, "slice": str})
    rows = rows[rows["slice"] == one.slice]
    right = rows.groupby("run")["tp"].sum() / 32**2
    assert one.highest == pytest.approx(right[list(points(results)[2].runs)].mean())


def test_most_and_levels(results: Results) -> None:
    level = np.where(results.counts["slice"].astype(str).str.endswith("0"), "apex", "base")
    results = dataclasses.replace(results, counts=results.counts.assign(level=level))
    found = slices_that_move(results, "myocardium", "dice", most=2)
    assert len(found) == 2
    for one in found:
        assert one.level == ("apex" if one.slice.endswith("0") else "base")


def test_nothing_moves_with_one_value_and_nothing_is_known_of_one_network(tmp_path: Path) -> None:
    alone = read_results(toy_study(tmp_path / "a", {(1e-3,): (1, 2)}).folder)
    assert slices_that_move(alone, "myocardium", "dice") == ()
    single = read_results(toy_study(tmp_path / "b", {(1e-3,): (1,), (1e-4,): (0,)}).folder)
    found = slices_that_move(single, "myocardium", "dice")
    assert found
    assert np.isnan([one.between_networks for one in found]).all()


def test_with_folds_every_slice_is_compared_by_its_own_networks(tmp_path: Path) -> None:
    shifts = {(1e-3,): (2, 1, 2, 2), (1e-4,): (0, 1, 0, 1)}
    replicates = {"design": "folds", "repeats": 2, "folds": 2}
    toy = toy_study(tmp_path, shifts, replicates=replicates, patients=12)
    found = slices_that_move(read_results(toy.folder), "myocardium", "dice", most=100)
    assert len(found) == 24


def test_the_patients_table() -> None:
    scores = np.array(
        [[[0.8, 0.5], [0.6, np.nan]], [[0.9, np.nan], [0.9, np.nan]], [[0.75, np.nan]] * 2]
    )
    table = ScoreTable(("a", "b", "c"), ("0", "1"), ("P1", "P2"), scores)
    first, second = patients_table(table)
    assert first.patient == "P1"
    assert first.means == pytest.approx((0.7, 0.9, 0.75))
    assert first.best_minus_worst == pytest.approx(0.2)
    assert second.means[0] == pytest.approx(0.5)
    assert np.isnan(second.means[1:]).all()
    assert np.isnan(second.best_minus_worst)
