"""Variance shares: by hand, against statsmodels' mean squares, and on simulated tables."""

import itertools
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from myosweep.analysis.shares import NetworkSpread, Share, network_spread, variance_shares
from myosweep.statistics.score_table import ScoreTable

TRUE = {
    "value": 0.01,
    "network": 0.01,
    "patient": 0.08,
    "value x network": 0.012,
    "value x patient": 0.02,
    "network x patient": 0.015,
    "residual": 0.02,
}


def table_of(scores: np.ndarray, design: str = "seeds") -> ScoreTable:
    values, networks, patients = (tuple(map(str, range(size))) for size in scores.shape)
    return ScoreTable(values, networks, patients, scores, design)  # type: ignore[arg-type]


def simulated(
    rng: np.random.Generator, values: int, networks: int, patients: int, repeats: int = 0
) -> ScoreTable:
    """A table with the true shares; with ``repeats``, in as many divisions into folds."""

    def effects(name: str, *shape: int) -> np.ndarray:
        return rng.normal(0, TRUE[name], shape)

    scores = (
        0.8
        + effects("value", values, 1, 1)
        + effects("network", 1, networks, 1)
        + effects("patient", 1, 1, patients)
        + effects("value x network", values, networks, 1)
        + effects("value x patient", values, 1, patients)
        + effects("network x patient", 1, networks, patients)
        + effects("residual", values, networks, patients)
    )
    if not repeats:
        return table_of(scores)
    tested = np.zeros((networks, patients), bool)
    folds = networks // repeats
    for repeat in range(repeats):
        order = rng.permutation(patients)
        for fold in range(folds):
            tested[repeat * folds + fold, order[fold::folds]] = True
    return table_of(np.where(tested, scores, np.nan), "folds")


def by_name(table: ScoreTable) -> dict[str, Share]:
    return {share.name: share for share in variance_shares(table)}


def test_a_table_without_interactions_by_hand() -> None:
    signs = np.array([-1.0, 1.0])
    scores = (
        0.7
        + 0.03 * signs[:, None, None]
        + 0.02 * signs[None, :, None]
        + 0.05 * signs[None, None, :]
    )
    shares = by_name(table_of(scores))
    # two numbers +a and -a have variance 2 a squared
    assert shares["value"].sd == pytest.approx(0.03 * np.sqrt(2))
    assert shares["network"].sd == pytest.approx(0.02 * np.sqrt(2))
    assert shares["patient"].sd == pytest.approx(0.05 * np.sqrt(2))
    for name in ("value x network", "value x patient", "network x patient", "residual"):
        assert shares[name].sd == pytest.approx(0, abs=1e-6)


def test_complete_tables_agree_with_statsmodels() -> None:
    values, networks, patients = 3, 4, 6
    table = simulated(np.random.default_rng(3), values, networks, patients)
    cells = itertools.product(range(values), range(networks), range(patients))
    rows = pd.DataFrame(
        [(v, n, p, table.scores[v, n, p]) for v, n, p in cells], columns=["v", "n", "p", "y"]
    )
    fitted = ols("y ~ C(v) * C(n) + C(v) * C(p) + C(n) * C(p)", rows).fit()
    ms = anova_lm(fitted).eval("sum_sq / df")
    v, n, p = ms["C(v)"], ms["C(n)"], ms["C(p)"]
    vn, vp, np_, rest = ms["C(v):C(n)"], ms["C(v):C(p)"], ms["C(n):C(p)"], ms["Residual"]
    expected = {
        "value": (v - vn - vp + rest) / (networks * patients),
        "network": (n - vn - np_ + rest) / (values * patients),
        "patient": (p - vp - np_ + rest) / (values * networks),
        "value x network": (vn - rest) / patients,
        "value x patient": (vp - rest) / networks,
        "network x patient": (np_ - rest) / values,
        "residual": rest,
    }
    shares = by_name(table)
    assert list(shares) == list(expected)
    for name, variance in expected.items():
        assert shares[name].sd == pytest.approx(np.sqrt(max(variance, 0)), abs=1e-9)


def test_folds_agree_with_a_least_squares_fit() -> None:
    values = 2
    table = simulated(np.random.default_rng(4), values, 4, 12, repeats=2)
    n, p = np.nonzero(table.common)
    rows = pd.DataFrame({"n": n, "p": p, "y": table.scores[:, n, p].mean(0)})
    within = ols("y ~ C(n) + C(p)", rows).fit()
    halved = rows.assign(y=(table.scores[1, n, p] - table.scores[0, n, p]) / np.sqrt(2))
    across = ols("y ~ C(n) + C(p)", halved).fit()
    shares = by_name(table)
    assert shares["residual"].sd == pytest.approx(np.sqrt(across.mse_resid))
    both = max(within.mse_resid - across.mse_resid / values, 0)
    assert shares["network x patient"].sd == pytest.approx(np.sqrt(both))


def test_the_residuals_interval_is_the_chi_squared_one() -> None:
    table = simulated(np.random.default_rng(5), 3, 5, 8)
    residual = by_name(table)["residual"]
    df = 2 * 4 * 7
    low, high = residual.sd * np.sqrt(df / stats.chi2.ppf([0.975, 0.025], df))
    assert (residual.low, residual.high) == (
        pytest.approx(low, rel=0.01),
        pytest.approx(high, rel=0.01),
    )


@pytest.mark.parametrize(("networks", "repeats"), [(5, 0), (10, 2)])
def test_intervals_cover_the_truth(networks: int, repeats: int) -> None:
    rng, tables = np.random.default_rng(6), 100
    hits = dict.fromkeys(TRUE, 0)
    for _ in range(tables):
        for name, share in by_name(simulated(rng, 4, networks, 40, repeats)).items():
            hits[name] += share.low <= TRUE[name] <= share.high
    two_errors = 2 * np.sqrt(0.95 * 0.05 / tables)
    assert min(hits.values()) / tables > 0.95 - two_errors - 0.015, hits


def test_shares_that_cannot_be_told_apart_are_left_out() -> None:
    rng = np.random.default_rng(7)
    one_network = simulated(rng, 3, 1, 10)
    assert list(by_name(one_network)) == ["value", "patient", "residual"]
    one_patient = simulated(rng, 3, 5, 1)
    assert list(by_name(one_patient)) == ["value", "network", "residual"]
    one_value = simulated(rng, 1, 5, 10)
    assert list(by_name(one_value)) == ["network", "patient", "residual"]
    once = simulated(rng, 3, 5, 20, repeats=1)
    assert list(by_name(once)) == ["value", "network", "patient", "value x network", "residual"]
    assert variance_shares(simulated(rng, 3, 1, 1)) == ()
    assert variance_shares(table_of(np.full((2, 2, 2), np.nan))) == ()


def test_one_network_by_hand() -> None:
    scores = np.array([[[0.5, 0.9]], [[0.6, 1.0]]])
    shares = by_name(table_of(scores))
    assert shares["patient"].sd == pytest.approx(0.4 / np.sqrt(2))
    assert shares["value"].sd == pytest.approx(0.1 / np.sqrt(2))
    assert shares["residual"].sd == pytest.approx(0, abs=1e-9)


def test_shares_are_plain_numbers() -> None:
    for share in variance_shares(simulated(np.random.default_rng(8), 3, 4, 5)):
        assert {type(value) for value in asdict(share).values()} == {str, float}
        assert 0 <= share.low <= share.high


def test_spread_between_networks_of_a_complete_table() -> None:
    table = simulated(np.random.default_rng(9), 4, 6, 10)
    spread = network_spread(table)
    each = table.scores.mean(2).std(axis=1, ddof=1)
    assert spread.sd == pytest.approx(np.sqrt((each**2).mean()))
    assert 5 <= spread.df <= 4 * 5
    low, high = spread.interval()
    assert low < spread.sd < high


def test_other_test_patients_are_no_spread_between_networks() -> None:
    table = simulated(np.random.default_rng(10), 3, 10, 60, repeats=2)
    spread = network_spread(table)
    naive = float(np.nanstd(table.network_means(), axis=1, ddof=1).mean())
    true = np.sqrt(0.01**2 + 0.012**2 + (0.015**2 + 0.02**2) / 12)
    assert spread.sd == pytest.approx(true, rel=0.5)
    assert spread.sd < naive
    assert spread.df == 9


def test_spread_is_not_known_without_shared_patients() -> None:
    rng = np.random.default_rng(11)
    for table in (simulated(rng, 3, 1, 10), simulated(rng, 3, 5, 20, repeats=1)):
        assert np.isnan(network_spread(table).sd)
    few = np.full((2, 3, 2), np.nan)
    few[:, [0, 1, 2], [0, 0, 1]] = rng.normal(0.8, 0.1, (2, 3))
    assert network_spread(table_of(few, "folds")).sd > 0
    assert NetworkSpread(0.0, 3.0).interval() == (0.0, 0.0)
