"""Agreement per value: by hand, by law, and by simulation."""

import numpy as np
import pytest

from myosweep.analysis.clinical.agreement import (
    agreement,
    concordance,
    concordance_interval,
    limit_error,
    patient_errors,
    single_sd,
)
from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.score_table import ScoreTable


def table(scores):
    scores = np.asarray(scores, float)
    values, networks, patients = scores.shape
    return ScoreTable(
        tuple(f"v{k}" for k in range(values)),
        tuple(f"n{k}" for k in range(networks)),
        tuple(f"p{k}" for k in range(patients)),
        scores,
    )


def test_bland_and_altman_by_hand():
    """One network; differences 1, 2, 3: bias 2, SD 1, limits 2 +- 1.96."""
    reference = np.array([10.0, 20.0, 30.0])
    found = agreement(table([[[11, 22, 33]]]), reference, 5.0).values[0]
    assert found.bias.difference == pytest.approx(2)
    assert found.sd == pytest.approx(1)
    assert (found.lower, found.upper) == (pytest.approx(0.04), pytest.approx(3.96))
    t = 4.302653  # 2 degrees of freedom
    assert found.bias.low == pytest.approx(2 - t / np.sqrt(3), rel=1e-5)
    of_limit = 1 / 3 + 1.96**2 / (2 * 2)  # Bland and Altman 1999: 1 / n + 1.96^2 / (2 (n - 1))
    assert found.limit_error == pytest.approx(t * np.sqrt(of_limit), rel=1e-5)
    assert (found.networks, found.patients) == (1, 3)
    assert found.concordance == pytest.approx(concordance(np.array([11.0, 22, 33]), reference))


def test_bias_is_judged_against_the_margin():
    rng = np.random.default_rng(0)
    reference = rng.uniform(5, 30, 20)
    noise = rng.normal(0, 0.1, (3, 4, 20))
    scores = reference + noise + np.array([0.0, 3.0, -3.0])[:, None, None]
    found = agreement(table(scores), reference, 1.0, family="reference", base="v0")
    verdicts = [one.bias.verdict for one in found.values]
    assert verdicts == ["practically equivalent", "better", "worse"]
    assert [c.difference for c in found.sizes.comparisons] == pytest.approx([3, -3], abs=0.1)
    assert [c.verdict for c in found.errors.comparisons] == ["worse", "worse"]
    assert [c.difference for c in found.errors.comparisons] == pytest.approx([3, 3], abs=0.15)
    assert found.reference_mean == pytest.approx(reference.mean())


def test_nothing_is_judged_without_a_margin():
    found = agreement(table(np.ones((2, 2, 4))), np.ones(4), None)
    assert (found.sizes, found.errors) == (None, None)
    assert {one.bias.verdict for one in found.values} == {"not known"}


def test_best_compares_sizes_by_pairs():
    found = agreement(
        table(np.random.default_rng(0).random((3, 2, 5))), np.ones(5), 1.0, family="best"
    )
    assert len(found.sizes.comparisons) == 3
    assert found.errors.family == "best"


def test_the_sd_is_that_of_a_single_network_and_patient():
    """Networks, patients and the rest each add their variance: 1 + 4 + 0.25."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        d = rng.normal(0, 1, (6, 1)) + rng.normal(0, 2, (1, 30)) + rng.normal(0, 0.5, (6, 30))
        components = estimate_differences(d[None]).components[0]
        found.append(single_sd(d, components)[0] ** 2)
    assert np.mean(found) == pytest.approx(5.25, rel=0.05)


def test_the_sd_of_one_network_is_the_ordinary_one():
    d = np.random.default_rng(2).normal(0, 1, (1, 12))
    components = estimate_differences(d[None]).components[0]
    assert single_sd(d, components) == (pytest.approx(d[0].std(ddof=1)), 11)
    assert np.isnan(single_sd(d[:, :1], components)).all()


def test_the_freedom_of_the_sd_lies_where_the_variance_does():
    """All between networks: networks - 1; all between patients: patients - 1."""
    for d, df in (
        (np.repeat([[1.0], [2.0], [4.0]], 20, 1), 2),
        (np.repeat([np.arange(20.0)], 3, 0), 19),
    ):
        components = estimate_differences(d[None]).components[0]
        assert single_sd(d, components)[1] == pytest.approx(df)


@pytest.mark.parametrize("networks", [3, 5])
def test_intervals_of_limits_hold_the_true_limits(networks):
    """Variances 1, 4 and 1 of networks, patients and the rest: the limits are +-1.96 root 6."""
    rng = np.random.default_rng(4)
    held, repetitions = 0, 400
    for _ in range(repetitions):
        d = (
            rng.normal(0, 1, (networks, 1))
            + rng.normal(0, 2, 30)
            + rng.normal(0, 1, (networks, 30))
        )
        found = estimate_differences(d[None])
        sd, df = single_sd(d, found.components[0])
        half = limit_error(sd, df, float(found.se[0]), float(found.df[0]))
        held += abs(d.mean() + 1.96 * sd - 1.96 * np.sqrt(6)) <= half
    assert 0.92 <= held / repetitions <= 0.995


def test_concordance_falls_with_shift_scale_and_noise():
    x = np.linspace(0, 10, 11)
    assert concordance(x, x) == 1
    assert concordance(x, -x + 10) == pytest.approx(-1)
    assert concordance(x + 2, x) == pytest.approx(20 / (20 + 4))  # 2 var : 2 var + shift^2
    assert concordance(2 * x, x) < 1
    assert concordance(x, x + 1) == concordance(x + 1, x)
    assert np.isnan(concordance(np.ones(4), np.ones(4)))
    assert concordance(np.ones(4), np.array([1.0, 2, 1, 2])) == 0


def test_the_interval_of_concordance_covers_the_truth():
    """True concordance of 0.8: 2 * 4 / (4 + 6), with networks that share their patients' errors."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        reference = rng.normal(0, 2, 30)
        noise = rng.normal(0, 1, 30)[None] + rng.normal(0, 1, (3, 30))
        _, low, high = concordance_interval(reference + noise, reference)
        held += low <= 0.8 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_concordance_needs_three_patients():
    assert np.isnan(concordance_interval(np.ones((2, 2)), np.ones(2))).all()
    flat = concordance_interval(np.array([[1.0, 2, 4]]), np.ones(3))
    assert np.isnan(flat).all(), "a reference that is the same in all has no concordance"
    single = concordance_interval(np.array([[1.0, 0, 5, 0]]), np.array([0.0, 0, 5, 0]))
    assert single[0] > 0.9
    assert np.isnan(single[1:]).all(), "one patient with infarct carries it all"
    perfect = concordance_interval(np.array([[1.0, 2, 4], [1, 2, 4]]), np.array([1.0, 2, 4]))
    assert perfect == (1, 1, 1)


def test_missing_cells_are_left_out():
    reference = np.array([10.0, 20.0, 30.0, 40.0])
    scores = np.array([[[11.0, 21, np.nan, np.nan], [np.nan, np.nan, 31, 41]]])
    found = agreement(table(scores), reference, 5.0).values[0]
    assert found.bias.difference == pytest.approx(1)
    assert found.sd == pytest.approx(0)
    assert (found.networks, found.patients) == (2, 4)


def test_the_worst_patients_come_first():
    scores = [[[10, 25, 30]], [[10, 20, 33]]]
    worst = patient_errors(table(scores), np.array([10.0, 20.0, 30.0]), most=2)
    assert worst == (("p1", 20.0, (25.0, 20.0)), ("p2", 30.0, (30.0, 33.0)))
