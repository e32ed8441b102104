"""Collapsed networks, the comparisons without them, false alarms, and failures too rare to see."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.toy import DIVERGED, moved, toy_study

from myosweep.analysis.collapse import (
    collapsed_mask,
    collapsed_runs,
    collapses,
    false_alarms,
    missed_patients,
    sensitivity,
    without_collapsed,
)
from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.results.read import Results, read_results
from myosweep.statistics.score_table import ScoreTable

FALLEN = {(5e-3,): (DIVERGED, 3, DIVERGED), (5e-4,): (1, 1, 2), (5e-5,): (0, 1, 0)}


def fallen(folder: Path) -> Results:
    return read_results(toy_study(folder, FALLEN).folder)


def test_diverged_networks_are_counted_with_an_exact_interval(tmp_path: Path) -> None:
    results = fallen(tmp_path)
    found = collapses(results, patient_counts(results))
    assert [one.value for one in found] == ["0.005", "0.0005", "0.00005"]
    assert (found[0].collapsed, found[0].networks, found[0].seeds) == (2, 3, (0, 2))
    assert found[0].share == pytest.approx(2 / 3)
    # Clopper-Pearson of 2 in 3, from a table
    assert (found[0].low, found[0].high) == (
        pytest.approx(0.0943, abs=1e-4),
        pytest.approx(0.9916, abs=1e-4),
    )
    assert (found[1].collapsed, found[1].low) == (0, 0.0)
    assert found[1].high == pytest.approx(1 - 0.025 ** (1 / 3))


def test_a_network_that_never_predicts_the_region_collapsed(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, {(1e-3,): (31, 1), (1e-4,): (0, 0)}).folder)
    assert not moved(np.full((1, 32, 32), 2, np.uint8), 31)[:, :, :31].any()
    counts = patient_counts(results)
    # moved by 31 of 32 pixels, nothing but background is left in the picture
    assert collapsed_runs(results, counts) == {"run-0p001-0"}
    assert collapsed_runs(results, counts, "background") == frozenset()


def test_pairs_with_a_collapsed_network_drop_out(tmp_path: Path) -> None:
    results = fallen(tmp_path)
    counts = patient_counts(results)
    table = score_table(results, counts, "myocardium", "dice")
    mask = collapsed_mask(results, counts)
    assert mask.tolist() == [[True, False, True], [False] * 3, [False] * 3]
    left = without_collapsed(table, mask)
    assert left.network_count == 1
    assert np.isfinite(left.scores[1:]).all()
    found = {(one.value, one.other): one for one in sensitivity(table, mask, 0.02)}
    assert len(found) == 3
    expected = (table.scores[1, 1] - table.scores[0, 1]).mean()
    assert found["0.0005", "0.005"].difference == pytest.approx(expected)
    intact = (table.scores[2] - table.scores[1]).mean()
    assert found["0.00005", "0.0005"].difference == pytest.approx(intact)


def test_values_without_any_whole_network_are_not_compared() -> None:
    scores = np.random.default_rng(0).normal(0.8, 0.02, (3, 3, 8))
    names = ("a", "b", "c")
    table = ScoreTable(names, ("0", "1", "2"), tuple(map(str, range(8))), scores)
    mask = np.zeros((3, 3), bool)
    assert sensitivity(table, mask, 0.02) == ()
    mask[0] = True
    found = sensitivity(table, mask, 0.02)
    assert [(one.value, one.other) for one in found] == [("c", "b")]
    assert np.isfinite(found[0].low)
    assert sensitivity(table, mask, 0.02, family="reference", reference="a") == ()
    found = sensitivity(table, mask, 0.02, family="reference", reference="b")
    assert [(one.value, one.other) for one in found] == [("c", "b")]
    mask[1] = True
    assert sensitivity(table, mask, 0.02) == ()
    # whole networks of both, but none in common
    mask[:] = [[True, False, False], [False, True, True], [False] * 3]
    found = sensitivity(table, mask, 0.02, family="reference", reference="a")
    assert [(one.value, one.other) for one in found] == [("c", "a")]


def test_false_alarms_are_shares_of_slices_without_the_region(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    counts = patient_counts(results)
    none = false_alarms(results, counts)
    assert [(one.absent, one.alarms) for one in none] == [(0, 0)] * 3
    assert np.isnan(none[0].share)
    k = counts.regions.index("myocardium")
    absent, alarms = np.zeros_like(counts.absent), np.zeros_like(counts.alarms)
    absent[:, :, k] = 2
    alarms[counts.runs.index("run-0p005-0"), 0, k] = 1
    changed = dataclasses.replace(counts, absent=absent, alarms=alarms)
    patients = len(counts.patients)
    first, second, _ = false_alarms(results, changed, "myocardium")
    assert (first.absent, first.alarms) == (2 * 2 * patients, 1)
    assert first.share == pytest.approx(1 / (4 * patients))
    assert second.share == 0


def test_failures_too_rare_to_be_seen(tmp_path: Path) -> None:
    results = fallen(tmp_path)
    counts = patient_counts(results)
    patients = len(counts.patients)
    found = missed_patients(results, counts)
    assert [(one.patients, one.missed) for one in found] == [(patients, 0)] * 3
    assert found[0].bound == pytest.approx(1 - 0.05 ** (1 / patients))
    k = counts.regions.index("myocardium")
    tp, fp = counts.tp.copy(), counts.fp.copy()
    run = counts.runs.index("run-5e-05-0")
    tp[run, 0, k] = fp[run, 0, k] = 0
    changed = missed_patients(results, dataclasses.replace(counts, tp=tp, fp=fp))
    assert changed[2].missed == 1
    # one-sided Clopper-Pearson of 1 in P: so that at most 1 of P fails with probability 5 %
    assert stats.binom.cdf(1, patients, changed[2].bound) == pytest.approx(0.05)
    run = counts.runs.index("run-0p005-0")
    assert not tp[run, :, k].any()
    assert changed[0].missed == 0
