"""The searched space: orthogonal functions on it, and fields that count only sometimes."""

import math
from collections import Counter

import numpy as np
import pytest

from myosweep.analysis.importance.space import Design, Domain, apart, conditions, counting
from myosweep.errors import StudyError

DOMAINS = {
    "float": Domain("float", 0.0, 0.6),
    "log": Domain("float", 1e-6, 1e-2, log=True),
    "int": Domain("int", 2, 4),
    "int log": Domain("int", 1, 32, log=True),
    "int step": Domain("int", 10, 50, step=20),
    "category": Domain("category", categories=("dice", "cross-entropy", "both")),
    "numbers": Domain("category", categories=(2, 4, 8, 16)),
}
assert DOMAINS


@pytest.mark.parametrize("name", DOMAINS)
def test_functions_are_orthogonal_over_the_domain(name: str) -> None:
    domain = DOMAINS[name]
    if domain.levels is None:
        places = (np.arange(4000) + 0.5) / 4000
        low, high = domain.low, domain.high
        values = low * (high / low) ** places if domain.log else low + (high - low) * places
        found, weights = domain.functions(list(map(float, values))), np.full(4000, 1 / 4000)
    else:
        found = domain.functions(domain.levels)
        weights = np.array([domain.probability(level) for level in domain.levels])
    assert found.shape[1] == domain.waves > 0
    assert weights.sum() == pytest.approx(1)
    assert weights @ found == pytest.approx(np.zeros(domain.waves), abs=1e-9)
    assert (found.T * weights) @ found == pytest.approx(np.eye(domain.waves), abs=1e-9)


def test_levels_and_waves_by_hand() -> None:
    assert DOMAINS["int step"].levels == (10, 30, 50)
    assert DOMAINS["int"].waves == 2
    assert Domain("float", 3.0, 3.0).waves == 0
    assert Domain("category", categories=("only",)).waves == 0
    # two levels: the only function is +1 and -1
    assert np.abs(Domain("int", 0, 1).functions([0, 1, None])[:, 0]) == pytest.approx([1, 1, 0])


def test_logarithmic_whole_numbers_are_weighed_as_optuna_draws_them() -> None:
    optuna = pytest.importorskip("optuna")
    sampler = optuna.samplers.RandomSampler(seed=0)
    distribution = optuna.distributions.IntDistribution(1, 4, log=True)
    drawn = Counter(sampler.sample_independent(None, None, "x", distribution) for _ in range(4000))
    domain = Domain("int", 1, 4, log=True)
    for level in (1, 2, 3, 4):
        expected = domain.probability(level)
        assert drawn[level] / 4000 == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 4000))
    assert domain.probability(1) == pytest.approx(math.log(3) / math.log(9))


CONDITIONED = {
    "kind": Domain("category", categories=("penalty", "decoupled", "none")),
    "strength": Domain("float", 1e-6, 1e-2, log=True, when={"kind": "penalty"}),
    "share": Domain("float", 0, 1, when={"strength on": True}),
    "strength on": Domain("category", categories=(True, False), when={"kind": "penalty"}),
    "time": Domain("float", 3, 300, log=True, when={"kind": "decoupled"}),
    "rate": Domain("float", 0, 1),
}


def test_conditions_hold_down_the_line() -> None:
    assert conditions("share", CONDITIONED) == {"kind": "penalty", "strength on": True}
    assert counting(["rate"], CONDITIONED) == 1
    assert counting(["strength"], CONDITIONED) == pytest.approx(1 / 3)
    assert counting(["share"], CONDITIONED) == pytest.approx(1 / 6)
    assert counting(["share", "strength"], CONDITIONED) == pytest.approx(1 / 6)


def test_pairs_that_cannot_be_told_apart_are_no_pairs() -> None:
    assert apart("strength", "rate", CONDITIONED)
    assert apart("share", "strength", CONDITIONED)
    assert not apart("strength", "kind", CONDITIONED)  # strength counts under one kind only
    assert not apart("share", "kind", CONDITIONED)
    assert not apart("strength", "time", CONDITIONED)  # never together


def test_a_field_that_does_not_count_has_no_effect_there() -> None:
    points = [{"kind": "penalty", "strength": 1e-4, "rate": 0.5}, {"kind": "none", "rate": 0.1}]
    domains = {path: CONDITIONED[path] for path in ("kind", "strength", "rate")}
    design = Design.of(points, domains)
    assert design.waves[1][0].any()
    assert not design.waves[1][1].any()
    assert design.pairs == ((0, 2), (1, 2))
    assert design.counting == pytest.approx((1, 1 / 3, 1, 1, 1 / 3))


def test_errors_say_rule_value_and_way_out() -> None:
    with pytest.raises(StudyError, match=r"from low to high, got 2 to 1; swap them"):
        Domain("float", 2, 1)
    with pytest.raises(StudyError, match="logarithmic range starts above 0, got 0; raise"):
        Domain("float", 0, 1, log=True)
    with pytest.raises(StudyError, match="categories are listed, got none; list"):
        Domain("category")
    with pytest.raises(StudyError, match=r"steps are whole numbers from 1 on.*got 0"):
        Domain("int", 1, 9, step=0)
    with pytest.raises(StudyError, match=r"got 0\.7 outside of 0 to 0\.6; leave"):
        DOMAINS["float"].functions([0.1, 0.7])
    with pytest.raises(StudyError, match="'focal' outside of dice, cross-entropy, both"):
        DOMAINS["category"].functions(["focal"])
    with pytest.raises(StudyError, match="b is not searched; add b"):
        conditions("a", {"a": Domain("float", when={"b": 1})})


def test_the_ends_of_a_range_belong_to_it() -> None:
    assert DOMAINS["log"].holds(1e-6)
    assert DOMAINS["log"].holds(1e-2)
    assert not DOMAINS["log"].holds(0.0)
    assert not DOMAINS["log"].holds("learned")
