"""What it would cost to decide: against the t test, against simulated studies, and by law."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from myosweep.statistics.contrasts import Components, against, estimate
from myosweep.statistics.decide import (
    MOST_NETWORKS,
    chance_to_decide,
    cost_to_decide,
    networks_needed,
)
from myosweep.statistics.intervals import bounds
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import DECIDED, judge

MARGIN = 0.02


def components(
    network: float = 2e-4, patient: float = 4e-4, residual: float = 1e-3, patients: int = 48
) -> Components:
    return Components(network, patient, residual, 5, patients, float(patients))


@pytest.mark.parametrize("networks", [3, 5, 10, 30])
@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0])
def test_where_only_networks_differ_it_is_the_power_of_the_t_test(
    networks: int, effect: float
) -> None:
    found = chance_to_decide(effect**-2, 0.0, 0.0, 1.0, 1e-9, networks, 50, 50)
    df, shift = networks - 1, effect * np.sqrt(networks)
    power = stats.ncf.sf(special.stdtrit(df, 0.975) ** 2, 1, df, shift**2)
    assert found == pytest.approx(power, abs=0.03)


@pytest.mark.parametrize(
    ("networks", "patients", "difference", "margin"),
    [(3, 48, 0.03, 0.02), (5, 48, 0.03, 0.02), (5, 48, 0.0, 0.03), (10, 48, 0.02, 0.02)],
)
def test_as_many_simulated_studies_decide(
    networks: int, patients: int, difference: float, margin: float
) -> None:
    rng = np.random.default_rng(3)
    sd = 0.02, 0.03, 0.05
    names = [tuple(map(str, range(length))) for length in (2, networks, patients)]
    decided = []
    for _ in range(400):
        scores = sd[0] * rng.standard_normal((2, networks, 1))
        scores = scores + sd[1] * rng.standard_normal((2, 1, patients))
        scores = scores + sd[2] * rng.standard_normal((2, networks, patients))
        scores[1] += difference
        found = estimate(ScoreTable(*names, scores), against(0, 2))
        low, high = (float(side[0]) for side in bounds(found, 0.05))
        decided.append(judge(low, high, margin) in DECIDED)
    true = [2 * one**2 for one in sd]
    expected = chance_to_decide(*true, difference, margin, networks, patients, patients)
    assert np.mean(decided) == pytest.approx(float(expected), abs=0.07)


def test_the_signs_do_not_matter() -> None:
    parts = 2e-4, 4e-4, 1e-3
    rest = MARGIN, 5, 48, 48
    assert chance_to_decide(*parts, 0.03, *rest) == pytest.approx(
        chance_to_decide(*parts, -0.03, *rest)
    )


def test_without_scatter_everything_is_decided() -> None:
    assert chance_to_decide(0.0, 0.0, 0.0, 0.01, MARGIN, 3, 5, 5) == pytest.approx(1)
    assert networks_needed(components(0.0, 0.0, 0.0), 0.01, MARGIN, 0.8) == 2


def test_a_clear_difference_costs_little_and_a_small_one_much() -> None:
    few, many = (networks_needed(components(), d, MARGIN, 0.8) for d in (0.05, 0.02))
    assert 2 <= few < many <= MOST_NETWORKS


def test_patients_too_different_cannot_decide() -> None:
    # 10 patients with an SD of 0.1: the mean difference is known to 0.03 at best
    part = components(patient=0.01, patients=10)
    assert networks_needed(part, 0.01, MARGIN, 0.5) == inf
    cost = cost_to_decide("a", "b", 0.01, 0.04, part, MARGIN)
    assert not cost.decidable
    assert cost.expected_even == cost.expected_likely == inf
    assert cost.likely[1] == inf
    assert cost.chance < 0.5


@given(
    st.floats(1e-6, 1e-2),
    st.floats(0, 1e-2),
    st.floats(1e-6, 1e-2),
    st.floats(-0.1, 0.1),
    st.integers(2, 12),
    st.integers(3, 80),
)
@settings(max_examples=40, deadline=None)
def test_laws_of_the_cost(
    network: float, patient: float, residual: float, difference: float, n: int, p: int
) -> None:
    part = Components(network, patient, residual, n, p, float(p))
    se = float(np.sqrt(part.variance(float(n))))
    cost = cost_to_decide("a", "b", difference, se, part, MARGIN)
    assert 2 <= cost.even[0] <= cost.even[1]
    assert cost.even[0] <= cost.likely[0] <= cost.likely[1]
    assert cost.even[1] <= cost.likely[1]
    assert cost.expected_even <= cost.expected_likely
    assert cost.decidable == (cost.expected_even < inf)
    assert 0 <= cost.chance <= 1
    mirrored = cost_to_decide("b", "a", -difference, se, part, MARGIN)
    assert mirrored.chance == pytest.approx(cost.chance)
    assert mirrored.expected_even == cost.expected_even


@given(st.floats(0.021, 0.1), st.floats(1e-6, 1e-3), st.floats(1e-6, 1e-3))
@settings(max_examples=40, deadline=None)
def test_more_networks_show_a_difference_more_often(
    difference: float, network: float, residual: float
) -> None:
    networks = np.array([2.0, 3, 5, 10, 40, 200])
    found = chance_to_decide(network, 1e-5, residual, difference, 1e-9, networks, 48, 48)
    assert np.all(np.diff(np.asarray(found)) > -0.01)


def test_a_stricter_level_costs_more() -> None:
    plain = networks_needed(components(), 0.02, MARGIN, 0.8)
    assert networks_needed(components(), 0.02, MARGIN, 0.8, 0.005) > plain


def test_a_table_of_limits_is_exact_to_four_digits() -> None:
    """Many numbers at once are read from a table: the same answer as one at a time."""
    networks = np.geomspace(2, 900, 500)
    parts = 2e-4, 4e-4, 1e-3, 0.03, MARGIN
    at_once = np.asarray(chance_to_decide(*parts, networks, 48, 48))
    singly = [float(chance_to_decide(*parts, float(n), 48, 48)) for n in networks]
    assert at_once == pytest.approx(singly, abs=2e-3)
