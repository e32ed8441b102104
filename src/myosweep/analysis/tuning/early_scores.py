"""Ending hopeless trials early, as far as early scores tell the final ones.

Early means at a share of a trial's own epochs, in per cent. Whether early scores tell anything is
measured first, on the trials that were trained to their end before anything was ended.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from myosweep.analysis.tuning.found import Trial
from myosweep.config import Tune

PERCENTS = (10, 20, 30, 50)
_ENOUGH, _STRONG = 0.5, 0.75
_FEWEST = 5
Scores = Mapping[int, float]
"""Scores of a trial at per cents of its epochs."""


@dataclass(frozen=True)
class Told:
    """How well scores at one moment tell the final ones.

    Attributes:
        percent: of the epochs.
        correlation: Spearman's, over trials; NaN where all scores are equal.
        low: its lower bound (one-sided, 90 %, Fisher's z with the variance of Bonett and Wright);
            a perfect order counts as one with two neighbours swapped, since few trials may be in
            order by chance.
        trials: how many.
    """

    percent: int
    correlation: float
    low: float
    trials: int


@dataclass(frozen=True)
class Rule:
    """From when on trials may be ended, and how many may stay: one of ``factor`` at each rung."""

    percent: int
    factor: int

    @property
    def rungs(self) -> tuple[int, ...]:
        """The moments at which a trial may be ended, in per cent of its epochs.

        >>> Rule(20, 2).rungs
        (20, 40, 80)
        """
        count = math.floor(math.log(99 / self.percent, self.factor)) + 1
        return tuple(self.percent * self.factor**k for k in range(count))


def score_at(history: Sequence[float], epochs: int, percent: int) -> float | None:
    """The score of the first epoch after which so much of a trial is done; None before it."""
    needed = math.ceil(epochs * percent / 100)
    return history[needed - 1] if len(history) >= needed else None


def early_scores(
    history: Sequence[float], epochs: int, percents: Sequence[int]
) -> dict[int, float]:
    """The scores at those per cents that a trial has reached; undefined ones as 0."""
    found = {percent: score_at(history, epochs, percent) for percent in percents}
    return {
        percent: score if math.isfinite(score) else 0.0
        for percent, score in found.items()
        if score is not None
    }


def measure(trials: Sequence[tuple[Scores, float]]) -> tuple[Told, ...]:
    """How well the scores at ``PERCENTS`` tell the final ones; none from fewer than five trials.

    Args:
        trials: early scores and final score of each trial that was trained to its end.
    """
    if len(trials) < _FEWEST:
        return ()
    final = np.array([score for _, score in trials])
    told = []
    for percent in PERCENTS:
        early = np.array([scores[percent] for scores, _ in trials])
        if len(set(early)) < 2 or len(set(final)) < 2:
            told.append(Told(percent, math.nan, math.nan, len(trials)))
            continue
        rho = float(stats.spearmanr(early, final).statistic)
        told.append(Told(percent, rho, _lower_bound(rho, len(trials)), len(trials)))
    return tuple(told)


def _lower_bound(rho: float, trials: int) -> float:
    most = 1 - 12 / (trials * (trials**2 - 1))
    rho = min(max(rho, -most), most)
    se = math.sqrt((1 + rho**2 / 2) / (trials - 3))
    return math.tanh(math.atanh(rho) - float(stats.norm.ppf(0.9)) * se)


def pruning_rule(told: Sequence[Told]) -> Rule | None:
    """The earliest moment from which on all scores tell enough; None if nothing may be ended."""
    rule = None
    for one in reversed(told):
        if not one.low >= _ENOUGH:
            break
        rule = Rule(one.percent, 3 if one.low >= _STRONG else 2)
    return rule


def measured_trials(trials: Sequence[Trial], tune: Tune) -> tuple[int, ...]:
    """The first whole trials, by number, from whose scores a rule follows; all if none does.

    Later ones are a selection, and are not asked.
    """
    whole = sorted(_whole(trials).items())
    for count in range(tune.startup, len(whole) + 1):
        numbers, scores = zip(*whole[:count], strict=True)
        if pruning_rule(measure(scores)) is not None or count == len(whole):
            return numbers
    return ()


def told_so_far(
    trials: Sequence[Trial], tune: Tune, measured: Sequence[int] = ()
) -> tuple[tuple[Told, ...], Rule | None]:
    """How well early scores tell the final ones, and the rule that follows.

    Args:
        measured: the trials that the search's own rule followed from; if there is none yet,
            ``measured_trials``.
    """
    whole = _whole(trials)
    numbers = measured or measured_trials(trials, tune)
    told = measure([whole[number] for number in numbers if number in whole])
    return told, pruning_rule(told)


def _whole(trials: Sequence[Trial]) -> dict[int, tuple[Scores, float]]:
    """Early and final scores of the trials that were trained to their end, by number."""
    found = {
        one.number: (early_scores(one.run.history, one.run.epochs, PERCENTS), one.score)
        for one in trials
        if one.score is not None
    }
    return {number: one for number, one in found.items() if len(one[0]) == len(PERCENTS)}
