"""Intervals for a family at once: textbook numbers, scipy as oracle, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from myosweep.statistics.contrasts import (
    Components,
    Estimates,
    Matrix,
    against,
    estimate,
    pair_contrasts,
    pairs,
)
from myosweep.statistics.intervals import (
    adjusted_p,
    bounds,
    half_widths,
    mean_interval,
    nadeau_bengio,
    rare_event_bound,
    share_interval,
    sign_flip_p,
    simultaneous_level,
    two_way_bootstrap,
)
from myosweep.statistics.score_table import ScoreTable

MANY = 1e6
"""So many degrees of freedom that Student's t is the normal distribution."""


def equal_correlation(count: int, r: float = 0.5) -> Matrix:
    return np.where(np.eye(count) == 1, 1.0, r)


def estimates(mean: np.ndarray, se: np.ndarray, df: np.ndarray, correlation: Matrix) -> Estimates:
    unknown = Components(np.nan, np.nan, np.nan, 5, 9, 9.0)
    parts = (unknown,) * len(mean)
    return Estimates(mean, se, df, correlation, parts, "networks and patients", 5, 9)


def limit(level: float, df: float, sides: int = 2) -> float:
    return float(special.stdtrit(df, 1 - level / sides))


@pytest.mark.parametrize(
    ("count", "sides", "published"),
    # Dunnett (1964; 1955 for one side), infinite degrees of freedom, 5 %
    [(2, 2, 2.21), (3, 2, 2.35), (6, 2, 2.57), (2, 1, 1.92), (3, 1, 2.06), (6, 1, 2.29)],
)
def test_dunnetts_limits(count: int, sides: int, published: float) -> None:
    level = simultaneous_level(equal_correlation(count), np.full(count, MANY), sides=sides)
    assert limit(level, MANY, sides) == pytest.approx(published, abs=0.03)  # by draws


@pytest.mark.parametrize(("values", "published"), [(3, 3.314), (4, 3.633), (5, 3.858)])
def test_tukeys_limits(values: int, published: float) -> None:
    """All pairs of independent means: the studentised range over the root of two."""
    contrasts = pair_contrasts(pairs(values), values)
    correlation = contrasts @ contrasts.T / 2
    level = simultaneous_level(correlation, np.full(len(contrasts), MANY))
    exact = stats.studentized_range.isf(0.05, values, np.inf)
    assert exact == pytest.approx(published, abs=1e-3)
    assert limit(level, MANY) == pytest.approx(exact / np.sqrt(2), abs=0.02)


@pytest.mark.parametrize("df", [4.0, 10.0, 30.0])
def test_independent_comparisons_give_sidaks_level(df: float) -> None:
    level = simultaneous_level(np.eye(3), np.full(3, df))
    assert level == pytest.approx(1 - 0.95 ** (1 / 3), rel=0.02)


@pytest.mark.parametrize(("count", "allowed"), [(2, 0.02), (3, 0.02), (6, 0.04)])
@pytest.mark.parametrize("sides", [1, 2])
def test_the_level_is_near_that_of_plain_drawing(count: int, allowed: float, sides: int) -> None:
    """400000 plain draws of what simultaneous_level says that it integrates."""
    rng = np.random.default_rng(5)
    df = np.linspace(4, 30, count)
    correlation = equal_correlation(count, 0.4)
    z = rng.standard_normal((400_000, count)) @ np.linalg.cholesky(correlation).T
    h = rng.standard_normal((400_000, count)) @ np.linalg.cholesky(correlation**2).T
    t = z / np.sqrt(special.chdtri(df, special.ndtr(-h)) / df)
    level = simultaneous_level(correlation, df, sides=sides)
    beyond = (np.abs(t) if sides == 2 else t) > special.stdtrit(df, 1 - level / sides)
    assert beyond.any(1).mean() == pytest.approx(0.05, rel=allowed)


def test_adjusted_p_is_that_of_scipys_dunnett() -> None:
    """One factor, many samples: estimates and correlation as Dunnett's test has them."""
    rng = np.random.default_rng(2)
    groups = [rng.normal(mean, 1.0, 200) for mean in (0.0, 0.12, 0.2, 0.25)]
    oracle = stats.dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(0))
    pooled = np.mean([group.var(ddof=1) for group in groups])
    mean = np.array([group.mean() - groups[0].mean() for group in groups[1:]])
    se = np.full(3, np.sqrt(2 * pooled / 200))
    found = estimates(mean, se, np.full(3, 796.0), equal_correlation(3))
    assert adjusted_p(found) == pytest.approx(oracle.pvalue, abs=0.005)
    each = simultaneous_level(found.correlation, found.df)
    low, high = bounds(found, each)
    theirs = oracle.confidence_interval(0.95)
    assert low == pytest.approx(theirs.low, abs=0.004)
    assert high == pytest.approx(theirs.high, abs=0.004)


def test_a_table_in_which_only_networks_differ_is_close_to_dunnett() -> None:
    rng = np.random.default_rng(7)
    networks = rng.normal(0, 1, (3, 120, 1)) + np.array([0, 0.2, 0.35])[:, None, None]
    scores = networks + 1e-3 * rng.standard_normal((3, 120, 6))
    names = [tuple(map(str, range(length))) for length in scores.shape]
    found = estimate(ScoreTable(*names, scores), against(0, 3))
    means = scores.mean(2)
    oracle = stats.dunnett(*means[1:], control=means[0], rng=np.random.default_rng(0))
    # ours does not pool the variances of all groups, and pairs them
    assert adjusted_p(found) == pytest.approx(oracle.pvalue, abs=0.03)


def test_all_pairs_of_networks_are_close_to_tukey() -> None:
    rng = np.random.default_rng(3)
    groups = [rng.normal(mean, 1.0, 300) for mean in (0.0, 0.1, 0.2)]
    oracle = stats.tukey_hsd(*groups)
    contrasts = pair_contrasts(pairs(3), 3)
    mean = contrasts @ np.array([group.mean() for group in groups])
    pooled = np.mean([group.var(ddof=1) for group in groups])
    se = np.full(3, np.sqrt(2 * pooled / 300))
    found = estimates(mean, se, np.full(3, 897.0), contrasts @ contrasts.T / 2)
    theirs = [oracle.pvalue[one, other] for one, other in pairs(3)]
    assert adjusted_p(found) == pytest.approx(theirs, abs=0.01)


CORRELATIONS = st.tuples(st.integers(0, 10_000), st.integers(2, 7))


def drawn(of: tuple[int, int]) -> tuple[Matrix, np.ndarray]:
    rng = np.random.default_rng(of[0])
    root = rng.standard_normal((of[1], of[1] + 2))
    covariance = root @ root.T
    size = np.sqrt(np.diag(covariance))
    return covariance / np.outer(size, size), rng.uniform(1, 40, of[1])


@given(CORRELATIONS, st.sampled_from([1, 2]), st.sampled_from([0.05, 0.02, 0.001]))
@settings(max_examples=60, deadline=None)
def test_the_level_lies_between_bonferronis_and_the_familys(
    of: tuple[int, int], sides: int, level: float
) -> None:
    correlation, df = drawn(of)
    each = simultaneous_level(correlation, df, level, sides=sides)
    assert level / len(df) <= each <= level


@given(CORRELATIONS)
@settings(max_examples=40, deadline=None)
def test_p_below_5_percent_means_that_the_interval_leaves_zero_out(of: tuple[int, int]) -> None:
    correlation, df = drawn(of)
    mean = np.random.default_rng(of[0]).normal(0, 2.5, len(df))
    found = estimates(mean, np.ones(len(df)), df, correlation)
    p = adjusted_p(found)
    low, high = bounds(found, simultaneous_level(correlation, df))
    clear = np.abs(p - 0.05) > 2e-4
    assert np.array_equal((p < 0.05)[clear], ((low > 0) | (high < 0))[clear])
    plain = 2 * special.stdtr(df, -np.abs(mean))
    assert np.all(p >= plain - 1e-12)
    assert np.all(p <= np.minimum(1, len(df) * plain) + 1e-12)


def test_equal_comparisons_need_no_adjustment() -> None:
    level = simultaneous_level(np.ones((2, 2)), np.array([MANY, MANY]))
    assert level == pytest.approx(0.05, rel=0.01)


def test_a_single_comparison_keeps_its_level() -> None:
    assert simultaneous_level(np.eye(1), np.array([3.0]), 0.03) == 0.03
    assert simultaneous_level(np.zeros((0, 0)), np.zeros(0)) == 0.05


def test_unknown_standard_errors_give_no_interval_and_no_p() -> None:
    nothing = np.full(2, np.nan)
    found = estimates(np.array([0.1, 0.2]), nothing, nothing, np.eye(2))
    each = simultaneous_level(found.correlation, found.df)
    assert each == 0.025
    assert np.isnan(half_widths(found, each)).all()
    assert np.isnan(adjusted_p(found)).all()


def test_differences_without_scatter() -> None:
    found = estimates(np.array([0.0, 0.3]), np.zeros(2), np.full(2, 4.0), np.eye(2))
    assert adjusted_p(found) == pytest.approx([1, 0])
    assert mean_interval(found, 1) == (0.3, 0.3)


def test_the_plain_interval_is_students() -> None:
    found = estimates(np.array([1.0]), np.array([2.0]), np.array([4.0]), np.eye(1))
    # t(4, 97.5 %) = 2.776
    assert mean_interval(found) == pytest.approx((1 - 2 * 2.776, 1 + 2 * 2.776), abs=1e-3)


def test_nadeau_bengio_by_hand() -> None:
    # mean 4, variance (9 + 1 + 1 + 9) / 3 = 20/3; 1/4 + 1/4 of it; t(3, 97.5 %) = 3.182
    half = 3.18245 * np.sqrt(20 / 3 * (1 / 4 + 1 / 4))
    found = nadeau_bengio(np.array([1.0, 3.0, 5.0, 7.0]), 0.25)
    assert found == pytest.approx((4 - half, 4 + half), abs=1e-4)
    assert np.isnan(nadeau_bengio(np.array([1.0]), 0.25)).all()


@pytest.mark.parametrize("count", [2, 3, 7, 12])
def test_sign_flips_are_those_of_scipy(count: int) -> None:
    d = np.random.default_rng(count).normal(0.5, 1, count)
    oracle = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip_p(d) == pytest.approx(oracle.pvalue)
    assert sign_flip_p(np.arange(1.0, count + 1)) == pytest.approx(2 / 2**count)


def test_sign_flips_at_the_edges() -> None:
    assert np.isnan(sign_flip_p(np.zeros(0)))
    assert sign_flip_p(np.zeros(3)) == 1
    many = np.random.default_rng(0).normal(0.3, 1, 30)
    assert sign_flip_p(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)


def test_the_bootstrap_is_near_the_interval_of_a_large_table() -> None:
    rng = np.random.default_rng(1)
    d = rng.normal(1, 1, (20, 1)) + rng.normal(0, 1, (1, 30)) + rng.normal(0, 1, (20, 30))
    low, high = two_way_bootstrap(d)
    se = np.sqrt(1 / 20 + 1 / 30 + 1 / 600)
    assert (low + high) / 2 == pytest.approx(d.mean(), abs=0.05)
    assert (high - low) / (2 * 1.96 * se) == pytest.approx(1, abs=0.25)
    d[rng.random(d.shape) < 0.1] = np.nan
    assert two_way_bootstrap(d) == pytest.approx((low, high), abs=0.1)


def test_shares() -> None:
    assert share_interval(0, 0) == (0, 1)
    assert share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert rare_event_bound(0) == 1
    assert rare_event_bound(20) == pytest.approx(1 - 0.05 ** (1 / 20))
