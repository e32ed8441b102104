"""Shares of functions whose shares are known, and what is said where nothing can be known."""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from myosweep.analysis.importance.shares import (
    FEWEST_TRIALS,
    Domain,
    Effect,
    Importance,
    Interaction,
    Trial,
    Trials,
    importance,
)
from myosweep.errors import StudyError

UNIT = Domain("float", 0.0, 1.0)
RATE = Domain("float", 1e-4, 1e-2, log=True)
KINDS = Domain("category", categories=("penalty", "decoupled", "none"))
EPOCHS = Domain("int", 1, 4)


def drawn(domain: Domain, random: np.random.Generator) -> Any:
    if domain.levels is not None:
        chances = [domain.probability(level) for level in domain.levels]
        return domain.levels[int(random.choice(len(chances), p=chances))]
    place = float(random.random())
    if domain.log:
        return float(domain.low * (domain.high / domain.low) ** place)
    return float(domain.low + (domain.high - domain.low) * place)


def at_random(
    domains: Mapping[str, Domain],
    score: Callable[..., float],
    count: int,
    noise: float = 0.0,
    seed: int = 0,
) -> Trials:
    """Trials drawn from the space; ``score`` takes the values in the order of the domains."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        point: dict[str, Any] = {}
        for path, domain in domains.items():
            if all(point.get(other) == value for other, value in domain.when.items()):
                point[path] = drawn(domain, random)
        found = score(*(point.get(path) for path in domains))
        rows.append(Trial(point, found + noise * float(random.standard_normal())))
    return Trials(domains, tuple(rows))


def effect(found: Importance, path: str) -> Effect:
    return next(one for one in found.effects if one.path == path)


def pair(found: Importance, *paths: str) -> Interaction:
    return next(one for one in found.interactions if set(one.paths) == set(paths))


def ishigami(a: float, b: float, c: float) -> float:
    x, y, z = (math.pi * (2 * one - 1) for one in (a, b, c))
    return math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x)


@cache
def of_ishigami() -> Importance:
    return importance(at_random({"a": UNIT, "b": UNIT, "c": UNIT}, ishigami, 80))


def test_ishigami_has_its_analytic_shares() -> None:
    """Ishigami and Homma 1990: V = 7²/8 + πb⁴/5 + ... with a = 7, b = 0.1."""
    of_a = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2
    of_b, of_ac = 49 / 8, 0.01 * math.pi**8 * (1 / 18 - 1 / 50)
    every = of_a + of_b + of_ac
    found = of_ishigami()
    assert found.explained.share > 0.9
    for path, alone, total in (
        ("a", of_a, of_a + of_ac),
        ("b", of_b, of_b),
        ("c", 0.0, of_ac),
    ):
        one = effect(found, path)
        assert one.alone.share == pytest.approx(alone / every, abs=0.05)
        assert one.total.share == pytest.approx(total / every, abs=0.05)
        assert one.total.low - 0.01 <= total / every <= one.total.high + 0.01
    shared = pair(found, "a", "c").share
    assert shared.share == pytest.approx(of_ac / every, abs=0.05)
    assert shared.low <= of_ac / every <= shared.high
    assert found.interactions[0] == pair(found, "a", "c")
    assert [one.path for one in found.effects] == ["a", "b", "c"]  # by total share


@cache
def of_a_sum() -> Importance:
    domains = {"kind": KINDS, "rate": RATE, "epochs": EPOCHS, "dummy": UNIT}
    gain = {"penalty": 0.0, "decoupled": 0.1, "none": -0.1}
    return importance(
        at_random(
            domains,
            lambda kind, rate, epochs, dummy: gain[kind] + 0.1 * math.log10(rate) + 0.05 * epochs,
            60,
            noise=0.02,
        )
    )


def test_a_sum_over_categories_logarithms_and_whole_numbers() -> None:
    """Variances by hand: categories 0.02 / 3, log range 0.1² 2² / 12, epochs 0.05² 15 / 12."""
    parts = {"kind": 0.02 / 3, "rate": 0.04 / 12, "epochs": 0.0025 * 1.25}
    found = of_a_sum()
    for path, variance in parts.items():
        share = variance / sum(parts.values())
        one = effect(found, path)
        assert one.alone.share == pytest.approx(share, abs=0.06)
        assert one.total.low <= share <= one.total.high
    assert found.together is not None
    assert found.together.share < 0.05  # a sum has no interactions
    assert all(one.share.low < 0.01 for one in found.interactions)


def test_a_dummy_has_a_share_near_zero() -> None:
    found = effect(of_a_sum(), "dummy")
    assert found.alone.low < 0.005
    assert found.total.high < 0.05


def test_a_sum_and_what_the_model_explains_of_it() -> None:
    parts = 0.02 / 3 + 0.04 / 12 + 0.0025 * 1.25
    explained = of_a_sum().explained
    assert explained.low < parts / (parts + 0.02**2) < explained.high + 0.02


def test_a_field_that_counts_under_a_condition() -> None:
    domains = {"kind": KINDS, "strength": replace(UNIT, when={"kind": "penalty"})}
    found = importance(
        at_random(
            domains,
            lambda kind, strength: 2.0 * strength - 1.0 if kind == "penalty" else 0.0,
            60,
            noise=0.05,
        )
    )
    assert effect(found, "strength").alone.share > 0.9
    assert found.interactions == ()  # strength counts under one kind only
    assert "Optuna's fANOVA" not in effect(found, "strength").others


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_is_not_ranked(seed: int) -> None:
    found = importance(at_random({"a": UNIT, "b": UNIT}, lambda a, b: 0.0, 40, 1.0, seed))
    assert found.effects == ()
    assert "a ranking needs 20 %, and an interval above 0" in found.why_not


def test_too_few_trials_and_nothing_to_tell_apart() -> None:
    two = importance(at_random({"a": UNIT}, lambda a: a, 2))
    assert two.effects == ()
    assert two.why_not.startswith(f"too few trials: 2 of at least {FEWEST_TRIALS}")
    assert math.isnan(two.explained.share)
    alike = importance(at_random({"a": UNIT}, lambda a: 0.5, 30))
    assert alike.why_not == "all trials have the same score"
    fixed = importance(at_random({"a": Domain("int", 3, 3)}, lambda a: 0.5, 30))
    assert fixed.why_not == "no field was searched over more than one value"
    assert fixed.fixed == ("a",)
    none = importance(Trials({"a": UNIT}, ()))
    assert none.why_not.startswith("too few trials: 0 of")


def test_diverged_trials_have_score_0_and_pruned_ones_their_last() -> None:
    trials = at_random({"a": UNIT, "b": UNIT}, lambda a, b: 0.7 + 0.2 * b, 45, 0.01)
    rows = []
    for one in trials.rows:
        if float(one.values["a"]) > 0.8:
            rows.append(replace(one, score=None, status="diverged"))
        elif float(one.values["a"]) > 0.7:
            rows.append(replace(one, score=0.3, status="pruned"))
        else:
            rows.append(one)
    rows.append(Trial({"a": 0.75, "b": 0.5}, None, "pruned"))
    rows.append(Trial({"a": 3.0, "b": 0.5}, 0.7))  # the default, outside of the range
    diverged = sum(one.status == "diverged" for one in rows)
    pruned = sum(one.status == "pruned" for one in rows) - 1
    found = importance(Trials(trials.domains, rows))
    assert (found.trials, found.diverged, found.pruned) == (45, diverged, pruned)
    assert diverged > 0 < pruned
    assert found.left_out == 2
    assert effect(found, "a").total.share > 0.8
    without = importance(Trials(trials.domains, rows), with_pruned=False)
    assert (without.pruned, without.left_out) == (0, 2 + pruned)
    kept = [one for one in rows if one.status == "complete"]
    only = importance(Trials(trials.domains, kept))
    assert effect(only, "b").total.share > 0.9  # what made training fail is gone from sight


def test_near_the_best_other_fields_may_matter() -> None:
    """A cliff makes most of the variance; on its top only b counts."""
    trials = at_random(
        {"a": UNIT, "b": UNIT}, lambda a, b: 0.8 - 0.1 * (b - 0.5) ** 2 - 0.6 * max(a - 0.6, 0), 60
    )
    everywhere, near = importance(trials), importance(trials, near_best=True)
    assert effect(everywhere, "a").total.low > 0.8
    assert effect(everywhere, "b").total.high < 0.1
    assert near.near_best
    assert effect(near, "b").total.low > 0.3


def test_a_wider_range_makes_everything_else_unimportant() -> None:
    def score(rate: float, b: float) -> float:
        return 0.8 - 0.05 * (math.log10(rate) + 3) ** 2 - 0.1 * b

    narrow = {"rate": Domain("float", 5e-4, 2e-3, log=True), "b": UNIT}
    wide = {"rate": Domain("float", 1e-6, 1.0, log=True), "b": UNIT}
    first, second = (importance(at_random(one, score, 50, 0.005)) for one in (narrow, wide))
    assert effect(first, "b").total.low > 0.9
    assert effect(second, "b").total.high < 0.1


def test_the_same_trials_give_the_same_answer() -> None:
    trials = at_random({"a": UNIT}, lambda a: a, 25, 0.1)
    np.random.seed(1)
    before = np.random.get_state()[1][5]  # type: ignore[index]
    assert importance(trials, 3) == importance(trials, 3)
    assert np.random.get_state()[1][5] == before  # type: ignore[index]


def test_optuna_stands_beside_and_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    others = effect(of_a_sum(), "kind").others
    assert set(others) == {"Optuna's fANOVA", "Optuna's PED-ANOVA"}
    for method in others:
        told = sum(one.others[method] for one in of_a_sum().effects)
        assert told == pytest.approx(1)
    assert others["Optuna's fANOVA"] > effect(of_a_sum(), "dummy").others["Optuna's fANOVA"]
    monkeypatch.setitem(sys.modules, "optuna", None)
    found = importance(at_random({"a": UNIT}, lambda a: a, 25, 0.1))
    assert effect(found, "a").others == {}


def test_errors_say_rule_value_and_way_out() -> None:
    with pytest.raises(StudyError, match=r"score is a finite number, got nan.*mark it as diverged"):
        importance(Trials({"a": UNIT}, [Trial({"a": 0.5}, math.nan)]))
    with pytest.raises(StudyError, match="each trial has a value of b, got one with a only; add"):
        importance(Trials({"a": UNIT, "b": UNIT}, [Trial({"a": 0.5}, 0.7)]))
