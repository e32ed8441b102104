"""Standard errors and degrees of freedom: by hand, against statsmodels, and by law."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm

from myosweep.statistics.contrasts import (
    Components,
    Estimates,
    against,
    degrees_of_freedom,
    differences,
    estimate,
    estimate_differences,
    pair_contrasts,
    pairs,
)
from myosweep.statistics.score_table import Design, ScoreTable

NAN = np.nan


def table(scores: np.ndarray, design: Design = "seeds") -> ScoreTable:
    names = [tuple(map(str, range(length))) for length in scores.shape]
    return ScoreTable(*names, np.asarray(scores, float), design)


def random_scores(seed: int, values: int = 3, networks: int = 4, patients: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = values, networks, patients
    return (
        rng.standard_normal(shape)
        + rng.standard_normal((values, networks, 1))
        + rng.standard_normal((values, 1, patients))
        + rng.standard_normal((1, 1, patients))
    )


def as_rows(d: np.ndarray) -> pd.DataFrame:
    network, patient = np.indices(d.shape)
    columns = {"d": d.ravel(), "network": network.ravel(), "patient": patient.ravel()}
    return pd.DataFrame(columns).astype({"network": str, "patient": str})


def test_a_complete_table_by_hand() -> None:
    # rows: 3 networks, columns: 2 patients; mean 30 / 6 = 5
    d = np.array([[1.0, 3.0], [4.0, 6.0], [4.0, 12.0]])
    # network means 2, 5, 8: MS_n = 2 patients x (9 + 0 + 9) / 2 = 18
    # patient means 3, 7: MS_p = 3 networks x (4 + 4) / 1 = 24
    # residuals 1 -1, 1 -1, -2 2: MS_r = 12 / (2 x 1) = 6
    # SE^2 = (18 + 24 - 6) / 6 = 6
    # networks: 18 / 6 = 3 of 6, counted N / (N - 2) = 3 times: 9 of 12, so
    # 1 / df = 0.75 / 2 + 0.25^2 / 1 = 0.4375
    found = estimate_differences(d[None])
    assert found.mean == pytest.approx([5])
    assert found.se**2 == pytest.approx([6])
    assert found.df == pytest.approx([1 / 0.4375])
    part = found.components[0]
    assert (part.network, part.patient, part.residual) == pytest.approx((6, 6, 6))
    assert (part.networks, part.patients, part.cells_per_network) == (3, 2, 2)
    assert found.estimand == "networks and patients"


def test_a_table_of_folds_by_hand() -> None:
    # 3 networks, each tested on 2 patients of its own; mean 5, C = 6 cells
    d = np.full((3, 6), NAN)
    d[0, :2], d[1, 2:4], d[2, 4:] = (1, 3), (4, 6), (4, 12)
    # e = d - 5: -4 -2, -1 1, -1 7, squares 16 + 4 + 1 + 1 + 1 + 49 = 72
    # V_np = 72 / 36 = 2; V_p = 6/5 x 2 = 2.4
    # sums per network -6, 0, 6: V_n = 3/2 x 72 / 36 = 3
    # SE^2 = max(2.4 + 3 - 2, 2.4, 3) = 3.4
    # each patient is tested once, so the networks' part is 2 x 3 - 3.4 = 2.6, counted 3 times:
    # 7.8 of 7.8 + 0.8; 1 / df = 7.8 / 8.6 / 2 + (0.8 / 8.6)^2 / 5
    found = estimate_differences(d[None])
    assert found.mean == pytest.approx([5])
    assert found.se**2 == pytest.approx([3.4])
    assert found.df == pytest.approx([1 / (7.8 / 8.6 / 2 + (0.8 / 8.6) ** 2 / 5)])
    assert (found.networks, found.patients) == (3, 6)
    assert found.components[0].cells_per_network == 2


def test_a_missing_cell_by_hand() -> None:
    d = np.array([[1.0, 3.0], [4.0, NAN], [4.0, 8.0]])
    # mean 20 / 5 = 4; e: -3 -1, 0, 0 4; squares 26: V_np = 26 / 25
    # per patient -3, 3: V_p = 2 x 18 / 25; per network -4, 0, 4: V_n = 1.5 x 32 / 25 = 48 / 25
    found = estimate_differences(d[None])
    assert found.mean == pytest.approx([4])
    assert found.se**2 == pytest.approx([(36 + 48 - 26) / 25])
    # networks: 48 of 58, counted 3 times: 144 of 154
    assert found.df == pytest.approx([1 / (144 / 154 / 2 + (10 / 154) ** 2 / 1)])


def test_mean_squares_are_those_of_statsmodels() -> None:
    d = random_scores(1, values=1, networks=5, patients=8)[0]
    squares = anova_lm(ols("d ~ C(network) + C(patient)", as_rows(d)).fit())["mean_sq"]
    n, p, r = squares["C(network)"], squares["C(patient)"], squares["Residual"]
    assert min(n, p) > r
    found = estimate_differences(d[None])
    assert found.se**2 == pytest.approx([(n + p - r) / d.size])
    part = found.components[0]
    assert part.network == pytest.approx((n - r) / 8)
    assert part.patient == pytest.approx((p - r) / 5)
    assert part.residual == pytest.approx(r)


def test_the_standard_error_is_that_of_a_mixed_model() -> None:
    """Crossed random effects by restricted likelihood: on balanced data both agree."""
    d = random_scores(4, values=1, networks=5, patients=8)[0]
    crossed = {"network": "0 + C(network)", "patient": "0 + C(patient)"}
    rows = as_rows(d).assign(all=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit warns on its way
        fit = mixedlm("d ~ 1", rows, groups="all", vc_formula=crossed, re_formula="0").fit()
    found = estimate_differences(d[None])
    assert min(found.components[0].network, found.components[0].patient) > 0
    assert found.mean == pytest.approx([fit.fe_params["Intercept"]])
    assert found.se == pytest.approx([fit.bse_fe["Intercept"]], rel=1e-3)


def test_without_a_network_component_the_patients_alone_count() -> None:
    rng = np.random.default_rng(0)
    d = rng.standard_normal((1, 5, 20))
    d -= d.mean(2, keepdims=True)  # all networks have the same mean
    found = estimate_differences(d)
    assert found.components[0].network == 0
    assert found.df == pytest.approx([19])


@pytest.mark.parametrize("networks", [2, 3, 5, 10, 40])
def test_degrees_of_freedom_lie_between_networks_and_patients(networks: int) -> None:
    share = np.linspace(0, 1, 11)
    df = degrees_of_freedom(share, 1 - share, networks, 50)
    assert df[-1] == pytest.approx(networks - 1)
    assert np.all(df > networks - 1 - 1e-9)
    assert np.all(df < networks - 1 + 49)
    satterthwaite = 1 / (share**2 / (networks - 1) + (1 - share) ** 2 / 49)
    assert np.all(df <= satterthwaite + 1e-9)
    if networks > 2:
        assert df[0] == pytest.approx(49)


def test_few_degrees_of_freedom_make_little_of_a_correlation() -> None:
    """Two values that are equal in every cell: their differences have a correlation of 1."""
    rng = np.random.default_rng(0)
    one = np.full((5, 30), 0.7)
    other = one + rng.normal(0, 0.05, (5, 1)) + rng.normal(0, 0.05, (1, 30))
    other += rng.normal(0, 0.02, (5, 30))
    names = tuple(map(str, range(5))), tuple(map(str, range(30)))
    table = ScoreTable(("a", "b", "c"), *names, np.stack([one, other, other]))
    found = estimate(table, against(0, 3))
    assert found.correlation[0, 1] == pytest.approx(1 - 1 / found.df[0])
    assert 0.5 < found.correlation[0, 1] < 0.99


def test_variance_with_more_networks() -> None:
    part = Components(4.0, 8.0, 12.0, 4, 8, 8.0)
    assert part.variance(4) == pytest.approx(4 / 4 + 8 / 8 + 12 / 32)
    assert part.variance(np.array([1.0, 8.0])) == pytest.approx([6.5, 0.5 + 1 + 12 / 64])


def test_contrasts() -> None:
    assert against(1, 3).tolist() == [[1, -1, 0], [0, -1, 1]]
    assert pairs(3) == ((1, 0), (2, 0), (2, 1))
    assert pair_contrasts([(2, 0)], 3).tolist() == [[-1, 0, 1]]
    assert pair_contrasts([], 3).shape == (0, 3)


def test_a_cell_counts_only_where_all_that_takes_part_is_there() -> None:
    scores = np.arange(12.0).reshape(3, 2, 2)
    scores[2, 0, 0] = NAN
    d = differences(table(scores), against(0, 3))
    assert d[0].tolist() == [[4, 4], [4, 4]]
    assert np.isnan(d[1, 0, 0])
    assert d[1, 0, 1] == 8


@pytest.mark.parametrize(
    ("shape", "estimand"),
    [((3, 1, 5), "patients"), ((3, 4, 1), "networks"), ((3, 1, 1), "none")],
)
def test_an_interval_covers_only_what_there_are_several_of(
    shape: tuple[int, int, int], estimand: str
) -> None:
    scores = np.random.default_rng(0).standard_normal(shape)
    found = estimate(table(scores), against(0, 3))
    d = scores[1:] - scores[:1]
    assert found.estimand == estimand
    assert found.mean == pytest.approx(d.mean((1, 2)))
    if estimand == "none":
        assert np.isnan(found.se).all()
        return
    flat = d.reshape(2, -1)
    count = flat.shape[1]
    assert found.se == pytest.approx(flat.std(1, ddof=1) / np.sqrt(count))  # the usual t test
    assert found.df == pytest.approx([count - 1] * 2)


@pytest.mark.parametrize(("networks", "patients"), [(1, 1), (1, 4), (3, 1), (2, 2), (3, 4)])
@pytest.mark.parametrize("cells", ["constant", "missing", "none", "a value without scores"])
def test_strange_tables_give_sane_numbers(networks: int, patients: int, cells: str) -> None:
    scores = np.full((3, networks, patients), 0.5)
    if cells == "missing":
        scores[0, 0, 0] = NAN
    if cells == "none":
        scores[:] = NAN
    if cells == "a value without scores":
        scores[2] = NAN
    found = estimate(table(scores), against(0, 3))
    known = np.isfinite(found.mean)
    assert np.all(found.mean[known] == 0)
    assert np.all((found.se == 0) | np.isnan(found.se))
    assert np.all((found.df >= 1 - 1e-9) | np.isnan(found.df))
    assert np.isfinite(found.correlation).all()
    if cells == "none":
        assert not known.any()
    if cells == "a value without scores":
        assert known.tolist() == [True, False]


def agree(one: Estimates, other: Estimates, scale: float = 1.0) -> None:
    assert other.mean == pytest.approx(scale * one.mean, abs=1e-9)
    assert other.se == pytest.approx(abs(scale) * one.se, rel=1e-6)
    assert other.df == pytest.approx(one.df, rel=1e-6)
    assert other.correlation == pytest.approx(one.correlation, abs=1e-6)


TABLES = st.tuples(
    st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 6), st.integers(2, 9), st.booleans()
)


def drawn(of: tuple[int, int, int, int, bool]) -> np.ndarray:
    seed, values, networks, patients, holes = of
    scores = random_scores(seed, values, networks, patients)
    if holes:
        lost = np.random.default_rng(seed).random((networks, patients)) < 0.2
        scores = np.where(lost & (lost.sum() < lost.size - 1), NAN, scores)
    return scores


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_order_does_not_matter(of: tuple[int, int, int, int, bool]) -> None:
    scores = drawn(of)
    values, networks, patients = scores.shape
    rng = np.random.default_rng(of[0])
    shuffled = scores[:, rng.permutation(networks)][:, :, rng.permutation(patients)]
    contrasts = against(0, values)
    agree(estimate(table(scores), contrasts), estimate(table(shuffled), contrasts))


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_how_difficult_a_patient_is_cancels(of: tuple[int, int, int, int, bool]) -> None:
    scores = drawn(of)
    difficulty = np.random.default_rng(9).normal(size=scores.shape[2]) * 3
    contrasts = against(0, len(scores))
    agree(estimate(table(scores), contrasts), estimate(table(scores + difficulty), contrasts))


@given(TABLES, st.sampled_from([0.01, 0.5, 3.0, -1.0]))
@settings(max_examples=40, deadline=None)
def test_scaling_scales(of: tuple[int, int, int, int, bool], scale: float) -> None:
    scores = drawn(of)
    contrasts = against(0, len(scores))
    one = estimate(table(scores), contrasts)
    agree(one, estimate(table(scores * scale), contrasts), scale)


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_correlations_are_proper(of: tuple[int, int, int, int, bool]) -> None:
    scores = drawn(of)
    contrasts = pair_contrasts(pairs(len(scores)), len(scores))
    found = estimate(table(scores), contrasts).correlation
    assert np.diag(found) == pytest.approx(1)
    assert np.abs(found).max() <= 1 + 1e-9
    assert np.linalg.eigvalsh(found)[0] > -1e-9
