"""Whether early scores tell final ones, and the rule that follows."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from myosweep.analysis.tuning.early_scores import (
    PERCENTS,
    Rule,
    Told,
    early_scores,
    measure,
    measured_trials,
    pruning_rule,
    score_at,
    told_so_far,
)
from myosweep.analysis.tuning.found import Trial
from myosweep.config import Tune
from myosweep.results.rows import RunStatus
from myosweep.results.trials import TrialRun

WHOLE = RunStatus(status="complete", epochs_done=10, seconds=1.0)


def trial(number: int, history: tuple[float, ...], score: float | None) -> Trial:
    run = TrialRun("r", number, 0, 1.0, {}, 10, len(history), WHOLE, history)
    return Trial(run, score)


def rising(number: int, final: float) -> Trial:
    """A trial whose score rises to its final one in even steps."""
    return trial(number, tuple(final * (epoch + 1) / 10 for epoch in range(10)), final)


def test_the_score_of_the_first_epoch_that_is_late_enough() -> None:
    history = [0.1, 0.2, 0.3]
    assert score_at(history, 10, 10) == 0.1
    assert score_at(history, 10, 11) == 0.2  # 1.1 epochs are done after the second
    assert score_at(history, 3, 100) == 0.3
    assert score_at(history, 10, 50) is None
    assert early_scores([0.1, math.nan], 4, (25, 50, 75)) == {25: 0.1, 50: 0.0}


def test_the_measure_is_spearmans_with_its_lower_bound() -> None:
    final = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    early = [0.1, 0.3, 0.2, 0.4, 0.6, 0.5]
    pairs = [(dict.fromkeys(PERCENTS, one), score) for one, score in zip(early, final, strict=True)]
    told = measure(pairs)
    assert [one.percent for one in told] == list(PERCENTS)
    rho = stats.spearmanr(early, final).statistic
    assert told[0].correlation == pytest.approx(rho)
    assert rho == pytest.approx(1 - 6 * 4 / (6 * 35))  # four ranks are off by one
    se = math.sqrt((1 + rho**2 / 2) / 3)
    assert told[0].low == pytest.approx(math.tanh(math.atanh(rho) - 1.2815515655 * se))
    assert measure(pairs[:4]) == ()


def test_few_trials_in_perfect_order_are_no_proof() -> None:
    def perfect(count: int) -> Told:
        return measure([(dict.fromkeys(PERCENTS, 0.1 * n), 0.1 * n) for n in range(count)])[0]

    assert perfect(5).correlation == pytest.approx(1)
    assert pruning_rule([perfect(5)]) is None
    assert pruning_rule([perfect(6)]) == Rule(10, 2)
    swapped = measure(
        [
            (dict.fromkeys(PERCENTS, float(n)), s)
            for n, s in enumerate((0.0, 1.0, 2.0, 3.0, 5.0, 4.0))
        ]
    )
    assert perfect(6).low == swapped[0].low


def test_equal_scores_tell_nothing() -> None:
    pairs = [(dict.fromkeys(PERCENTS, 0.5), 0.1 * number) for number in range(6)]
    assert all(math.isnan(one.correlation) for one in measure(pairs))
    assert pruning_rule(measure(pairs)) is None


@pytest.mark.parametrize(
    ("lows", "rule"),
    [
        ((0.1, 0.2, 0.3, 0.4), None),
        ((0.1, 0.55, 0.9, 0.9), Rule(20, 2)),
        ((0.8, 0.1, 0.6, 0.9), Rule(30, 2)),  # later scores told less: the first was luck
        ((0.8, 0.8, 0.8, 0.1), None),
        ((math.nan, 0.4, 0.5, 0.75), Rule(30, 2)),
        ((0.8, 0.5, 0.5, 0.5), Rule(10, 3)),
    ],
)
def test_the_earliest_moment_that_tells_enough(lows: tuple[float, ...], rule: Rule | None) -> None:
    told = [Told(percent, 0.9, low, 6) for percent, low in zip(PERCENTS, lows, strict=True)]
    assert pruning_rule(told) == rule


def test_rungs_stay_below_the_end() -> None:
    assert Rule(10, 3).rungs == (10, 30, 90)
    assert Rule(50, 2).rungs == (50,)


def test_the_first_rule_stays_whatever_comes_after() -> None:
    tune = Tune(startup=5)
    first = [rising(number, 0.1 * (number + 1)) for number in range(6)]
    told, rule = told_so_far(first, tune)
    assert rule is not None
    assert told[0].trials == 6
    against = [trial(6 + k, tuple([0.9 - 0.1 * k] * 10), 0.1 * k) for k in range(6)]
    assert told_so_far([*against, *first], tune) == (told, rule)
    assert told_so_far([*against, *first], tune, range(6)) == (told, rule)
    assert measured_trials([*against, *first], tune) == (0, 1, 2, 3, 4, 5)
    assert told_so_far(first[:4], tune) == ((), None)
    assert told_so_far(first[:5], tune)[1] is None


def test_a_trial_that_ends_late_changes_no_rule_that_was_followed() -> None:
    """Its number is lower than those of others, which ended before it."""
    tune = Tune(startup=5)
    early = [rising(number, 0.1 * (number + 1)) for number in (0, 1, 2, 4, 5, 6)]
    told, rule = told_so_far(early, tune)
    assert rule is not None
    late = trial(3, tuple([0.9 - 0.09 * k for k in range(10)]), 0.01)
    assert told_so_far([*early, late], tune) != (told, rule)
    assert told_so_far([*early, late], tune, measured_trials(early, tune)) == (told, rule)


def test_trials_that_were_ended_early_are_not_measured_on() -> None:
    tune = Tune(startup=5)
    whole = [rising(number, 0.1 * (number + 1)) for number in range(4)]
    ended = replace(rising(4, 0.9), score=None)
    assert told_so_far([*whole, ended], tune) == ((), None)
