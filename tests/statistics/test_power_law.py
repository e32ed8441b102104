"""Power laws: exact where there is no noise, an independent solver as oracle, honest intervals."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from myosweep.randomness import stream
from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.power_law import fit_power_laws, redrawn_means

SIZES = np.array([6.0, 12.0, 24.0, 48.0])
LAWS = [(0.8, 0.5, 0.15), (0.5, 0.3, 0.0), (2.0, 1.0, 0.2), (0.4, 0.2, 0.05)]


def errors_of(a: float, b: float, c: float, sizes: np.ndarray = SIZES) -> np.ndarray:
    return np.asarray(a * sizes**-b + c)


@pytest.mark.parametrize("law", LAWS)
def test_a_law_without_noise_is_found_and_followed(law: tuple[float, float, float]) -> None:
    found = fit_power_laws(SIZES, errors_of(*law)[None])
    assert found.b[0] == pytest.approx(law[1], rel=0.03)
    assert found.c[0] == pytest.approx(law[2], abs=0.01)
    ahead = np.array([96.0, 192.0])
    np.testing.assert_allclose(found.errors(ahead)[0], errors_of(*law, ahead), atol=1e-3)


def test_the_fit_is_as_good_as_an_independent_solvers() -> None:
    rng = np.random.default_rng(0)
    for _ in range(8):
        errors = errors_of(0.8, 0.5, 0.1) + rng.normal(0, 0.02, 4)
        found = fit_power_laws(SIZES, errors[None])
        root = np.sqrt(SIZES / SIZES.sum())

        def off(p: np.ndarray, errors: np.ndarray = errors, root: np.ndarray = root) -> np.ndarray:
            return np.asarray(root * (errors_of(*p) - errors))

        starts = [(0.5, b, 0.05) for b in (0.2, 0.6, 1.5)]
        limits = [0, 0.05, 0], [np.inf, 3, np.inf]
        best = min(2 * least_squares(off, start, bounds=limits).cost for start in starts)
        ours = float((off(np.array([found.a[0], found.b[0], found.c[0]])) ** 2).sum())
        assert ours <= best * 1.01 + 1e-8


def test_errors_never_fall_below_0_nor_rise_with_more_patients() -> None:
    to_zero = fit_power_laws(SIZES, errors_of(0.9, 0.9, -0.02)[None])
    assert to_zero.c[0] == 0
    assert to_zero.errors(np.array([1e6]))[0, 0] >= 0
    rising = fit_power_laws(SIZES, np.array([[0.1, 0.2, 0.3, 0.4]]))
    assert rising.a[0] == 0
    # a level alone: the mean, weighted by patients
    assert rising.c[0] == pytest.approx((SIZES @ [0.1, 0.2, 0.3, 0.4]) / SIZES.sum())


def test_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"needs 3 sizes, got \[6.0, 12.0\]"):
        fit_power_laws(np.array([6.0, 12.0, 12.0]), np.array([[0.3, 0.2, 0.2]]))


def test_redrawn_means_spread_as_means_do() -> None:
    """One network: the spread of a mean over patients is s / sqrt(P), widened to Student's t."""
    scores = np.random.default_rng(1).normal(0.7, 0.1, (3, 1, 10))
    drawn = redrawn_means(scores, stream(0, "bootstrap", 1), 20_000)
    expected = scores.std(2, ddof=1)[:, 0] / 10**0.5 * 2.262 / 1.960
    np.testing.assert_allclose(drawn.std(0), expected, rtol=0.03)
    np.testing.assert_allclose(drawn.mean(0), scores.mean((1, 2)), atol=1e-3)
    # the same patients for all sizes: what they share is in all sizes' draws
    shared = scores + 10 * scores[:1]
    together = redrawn_means(shared, stream(0, "bootstrap", 1), 2000)
    assert np.corrcoef(together.T).min() > 0.95


def test_both_networks_and_patients_are_redrawn() -> None:
    rng = np.random.default_rng(2)
    table = rng.normal(0, 0.05, (3, 6, 1)) + rng.normal(0, 0.05, (3, 1, 8))
    drawn = redrawn_means(table, stream(0, "bootstrap", 1), 20_000)
    found = estimate_differences(table)
    wider = drawn.std(0) / found.se
    assert (wider > 1).all()  # Student's t
    assert (wider < 1.5).all()


def test_one_network_and_one_patient_give_no_draws() -> None:
    assert redrawn_means(np.full((3, 1, 1), 0.5), stream(0, "bootstrap", 1), 10).shape == (0, 3)


@pytest.mark.parametrize("networks", [3, 5])
def test_intervals_of_what_lies_ahead_cover_it(networks: int) -> None:
    rng, hits, studies = np.random.default_rng(3), 0, 150
    ahead = np.array([96.0])
    for number in range(studies):
        scores = (
            1
            - errors_of(0.8, 0.5, 0.15)[:, None, None]
            + rng.normal(0, 0.02, (4, networks, 1))
            + rng.normal(0, 0.08, (1, 1, 16))
            + rng.normal(0, 0.04, (4, networks, 16))
        )
        drawn = redrawn_means(scores, stream(number, "bootstrap", 1), 300)
        low, high = np.quantile(
            fit_power_laws(SIZES, 1 - drawn).errors(ahead)[:, 0], (0.025, 0.975)
        )
        hits += low <= errors_of(0.8, 0.5, 0.15, ahead)[0] <= high
    assert hits / studies >= 0.92
