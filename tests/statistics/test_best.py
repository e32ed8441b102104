"""The two sets: by hand where only one comparison is there, and by what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from myosweep.statistics.best import best_sets
from myosweep.statistics.score_table import ScoreTable

MARGIN = 0.02


def table(scores: np.ndarray) -> ScoreTable:
    names = [tuple(map(str, range(length))) for length in scores.shape]
    return ScoreTable(*names, scores)


def simulated(
    seed: int, means: tuple[float, ...], sd: float = 0.02, networks: int = 5, patients: int = 12
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = len(means)
    effects = rng.standard_normal((count, networks, 1)) + rng.standard_normal((count, 1, patients))
    effects = effects + rng.standard_normal((count, networks, patients))
    return 0.8 + np.asarray(means)[:, None, None] + sd * effects


def test_two_values_by_hand() -> None:
    # d of 3 networks and 2 patients: mean 5, SE^2 6, df 16/7 (tests/analysis/test_contrasts.py)
    d = np.array([[1.0, 3.0], [4.0, 6.0], [4.0, 12.0]])
    reach = special.stdtrit(16 / 7, 0.95) * np.sqrt(6)
    assert reach > 5
    found = best_sets(table(np.stack([np.zeros((3, 2)), d])), margin=5 + reach / 2)
    # the first lies between 5 + reach below and reach - 5 above, the second the other way round
    assert found.low == pytest.approx([-(5 + reach), -(reach - 5)])
    assert found.high == pytest.approx([reach - 5, 5 + reach])
    assert found.highest == 1
    assert found.may_be_best == (0, 1)
    assert found.good_enough == (1,)


def test_a_clear_best() -> None:
    found = best_sets(table(simulated(0, (0.0, 0.3, 0.1), sd=0.005)), MARGIN)
    assert (found.highest, found.may_be_best, found.good_enough) == (1, (1,), (1,))
    assert found.low[1] == 0
    assert found.high[0] == 0


def test_noise_widens_one_set_and_narrows_the_other() -> None:
    means = (0.0, -0.005, -0.008)
    sharp = best_sets(table(simulated(0, means, sd=0.0005)), MARGIN)
    vague = best_sets(table(simulated(0, means, sd=0.1)), MARGIN)
    assert sharp.may_be_best == (0,)
    assert sharp.good_enough == (0, 1, 2)
    assert vague.may_be_best == (0, 1, 2)
    assert vague.good_enough == ()


def test_equal_scores() -> None:
    found = best_sets(table(np.full((3, 4, 5), 0.7)), MARGIN)
    assert found.low == pytest.approx([0, 0, 0])
    assert found.good_enough == (0, 1, 2)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 0, 0)])
def test_nothing_can_be_said_without_an_interval(shape: tuple[int, int, int]) -> None:
    found = best_sets(table(np.random.default_rng(0).random(shape)), MARGIN)
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert found.may_be_best == (0, 1, 2)
    assert found.good_enough == ()


def test_a_table_without_scores() -> None:
    found = best_sets(table(np.full((2, 3, 4), np.nan)), MARGIN)
    assert found.highest is None
    assert found.may_be_best == (0, 1)


def test_one_value_has_no_rival() -> None:
    found = best_sets(table(np.full((1, 3, 4), 0.5)), MARGIN)
    assert (found.highest, found.may_be_best, found.good_enough) == (0, (0,), ())


@given(st.integers(0, 10_000), st.sampled_from([0.002, 0.02, 0.1]), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_laws_of_the_sets(seed: int, sd: float, values: int) -> None:
    means = tuple(np.random.default_rng(seed).normal(0, 0.02, values))
    scores = simulated(seed, means, sd)
    found = best_sets(table(scores), MARGIN)
    assert np.all(found.low <= 0)
    assert np.all(found.high >= 0)
    assert found.highest == scores.mean((1, 2)).argmax()
    assert found.highest in found.may_be_best
    # an alone best is shown to be: then, and only then, nothing else may be best
    assert (len(found.may_be_best) == 1) == bool((found.low == 0).any())
    stricter = best_sets(table(scores), MARGIN / 2)
    assert set(stricter.good_enough) <= set(found.good_enough)
    careful = best_sets(table(scores), MARGIN, level=0.01)
    assert set(found.may_be_best) <= set(careful.may_be_best)
    assert set(careful.good_enough) <= set(found.good_enough)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_values_does_not_matter(seed: int) -> None:
    scores = simulated(seed, (0.0, -0.02, -0.01))
    order = np.random.default_rng(seed).permutation(3)
    found, shuffled = best_sets(table(scores), MARGIN), best_sets(table(scores[order]), MARGIN)
    assert shuffled.low == pytest.approx(found.low[order], abs=2e-3)
    assert shuffled.high == pytest.approx(found.high[order], abs=2e-3)


def test_values_that_tie_exactly_may_both_be_the_best() -> None:
    """And one that is far below them may not."""
    rng = np.random.default_rng(0)
    one = 0.7 + rng.normal(0, 0.03, (4, 12))
    scores = np.stack([one, one, one - 0.3 + rng.normal(0, 0.01, one.shape)])
    names = tuple(map(str, range(4))), tuple(map(str, range(12)))
    found = best_sets(ScoreTable(("a", "b", "c"), *names, scores), 0.02)
    assert found.may_be_best == (0, 1)
    assert found.good_enough == (0, 1)
