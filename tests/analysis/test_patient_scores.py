"""Scores per network and patient: the strict rules, by hand on a few slices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.toy import DIVERGED, toy_study

from myosweep.analysis.patient_scores import PatientCounts, patient_counts, score_table
from myosweep.analysis.scores import ALL, region_scores
from myosweep.metrics import SQUARED_DISTANCES_PX
from myosweep.results.read import Results, read_results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return read_results(toy_study(tmp_path, {(5e-3,): (2, 3), (5e-5,): (0, 1)}).folder)


def by_hand(results: Results) -> Results:
    """Two slices of one patient and one of another, for the first network's myocardium."""
    run = results.networks["run"].iloc[0]
    counts = results.counts[(results.counts["run"] == run) & (results.counts["part"] == "test")]
    rows = counts[counts["region"] == "myocardium"].iloc[:3].copy()
    rows["patient"] = rows["patient"].cat.remove_unused_categories()
    rows["patient"] = ["A", "A", "B"]
    rows["patient"] = rows["patient"].astype("category")
    rows["slice"] = np.array(["A1", "A2", "B1"])
    rows["slice"] = rows["slice"].astype("category")
    rows["reference_present"] = [True, False, True]
    rows["tp"], rows["fp"], rows["fn"], rows["tn"] = [6, 0, 0], [2, 9, 0], [2, 0, 5], [90, 91, 95]
    for side in ("reference", "prediction"):
        rows[f"{side}_boundary"] = [8, 0, 5] if side == "reference" else [8, 9, 0]
        for squared in SQUARED_DISTANCES_PX:
            rows[f"{side}_hits_{squared}"] = [6, 0, 0]
    return replace(results, counts=rows)


def cells(counts: PatientCounts, metric: str) -> list[float]:
    scores = counts.scores("myocardium", metric)
    run = int(np.flatnonzero(np.isfinite(scores).any(1))[0])
    return scores[run].tolist()


def test_slices_without_the_region_count_nowhere_but_as_false_alarms(results: Results) -> None:
    counts = patient_counts(by_hand(results))
    assert counts.patients == ("A", "B")
    assert cells(counts, "dice") == pytest.approx([12 / 16, 0.0])  # A2's nine pixels do not count
    assert cells(counts, "iou") == pytest.approx([6 / 10, 0.0])
    assert cells(counts, "accuracy") == pytest.approx([6 / 8, 0.0])
    assert cells(counts, "bf_strict") == pytest.approx([0.75, 0.0])  # a missed region scores 0
    k = counts.regions.index("myocardium")
    assert counts.absent[:, :, k].sum() == 1
    assert counts.alarms[:, :, k].sum() == 1
    assert counts.predicted[:, :, k].sum() == 8 + 9


def test_a_region_that_no_reference_has_is_undefined(results: Results) -> None:
    table = by_hand(results)
    table.counts["reference_present"] = [False, False, True]
    counts = patient_counts(table)
    first, second = cells(counts, "dice")
    assert np.isnan(first)
    assert second == 0.0


def test_pooled_scores_average_to_the_score_of_pooled_pixels(results: Results) -> None:
    counts = patient_counts(results)
    pooled = region_scores(results)
    for region in results.scheme.names:
        for metric in ("accuracy", "iou", "dice"):
            table = score_table(results, counts, region, metric, pooled=True)
            wanted = pooled[pooled["region"] == region][metric].to_numpy().reshape(2, 2)
            np.testing.assert_allclose(table.network_means(), wanted)


def test_pooled_and_patient_means_agree_over_all_regions(results: Results) -> None:
    counts = patient_counts(results)
    for metric in ("global_accuracy", "mean_iou", "mean_dice", "mean_bf_strict"):
        plain = score_table(results, counts, ALL, metric)
        pooled = score_table(results, counts, ALL, metric, pooled=True)
        assert plain.scores.shape == (2, 2, table_patients(results))
        # every toy patient has as many pixels and slices as the others
        np.testing.assert_allclose(plain.network_means(), pooled.network_means(), atol=0.02)


def table_patients(results: Results) -> int:
    test = results.counts[results.counts["part"] == "test"]
    return int(test["patient"].nunique())


def test_networks_stand_beside_each_other_by_seed(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(5e-3,): (2, 3), (5e-5,): (0, 1)})
    toy.add_network({"l2.strength": 5e-5}, 7, 1)
    results = read_results(toy.folder)
    table = score_table(results, patient_counts(results), "myocardium", "dice")
    assert table.networks == ("seed 0", "seed 1", "seed 7")
    assert np.isnan(table.scores[0, 2]).all()
    assert np.isfinite(table.scores[1, 2]).all()
    assert table.network_count == 2
    assert (table.scores[1, 0] == 1.0).all()  # moved by 0 pixels


def test_a_diverged_network_scores_zero(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, {(5e-3,): (DIVERGED,), (5e-5,): (0,)}).folder)
    table = score_table(results, patient_counts(results), "myocardium", "dice")
    assert (table.scores[0] == 0.0).all()
    assert np.isfinite(table.scores).all()


def test_a_part_without_slices_gives_no_patients(results: Results) -> None:
    counts = patient_counts(replace(results, counts=results.counts.iloc[:0]))
    table = score_table(results, counts, "myocardium", "dice")
    assert table.patients == ()
    assert table.patient_count == 0
