"""Which value to take: from the values shown to be good enough, or none."""

from dataclasses import dataclass

import numpy as np

from myosweep.statistics.answer import Answer, ValueMean
from myosweep.statistics.score_table import ScoreTable

_THIN = "Not known: there is too little evidence."


@dataclass(frozen=True)
class Recommendation:
    """The value to take, and why; ``value`` is None if the evidence is too thin to name one."""

    value: str | None
    default: str | None
    reason: str


@dataclass(frozen=True)
class Selection:
    """What choosing by validation scores alone would have given.

    Attributes:
        value: the value with the highest mean validation score.
        validation: that mean.
        test: its score on the test part, which took no part in the choice.
        regret: how far it lies below the best test mean; 0 if it has that mean itself.
        regret_at_most: its distance from the best value is at most this (one-sided, for all
            values at once).
    """

    value: str
    validation: float
    test: ValueMean
    regret: float
    regret_at_most: float


def recommend(
    shown: Answer,
    default: str | None,
    validation_means: dict[str, float],
    what: str,
    blind: float | None = None,
) -> Recommendation:
    """The preset's default if it is shown good enough, else the best of those that are.

    Among several, the one with the highest validation score: the test part shows that a value is
    good enough, but does not choose.

    Args:
        validation_means: mean validation score by value; empty if there is none, then test means.
        what: the swept field in words.
        blind: what a predictor that never sees the image scores; None where that tells nothing.
            If no value's mean is higher, none is recommended.
    """
    if nothing_learned(shown, blind):
        return Recommendation(
            None,
            default,
            f"Not known: the networks have not learned the task. No {what} has a higher mean than "
            f"a predictor that never sees the image ({blind:.3f}). Train longer or with another "
            "learning rate, and look at the images and masks (`myosweep audit`).",
        )
    enough = shown.good_enough
    these = ""
    if shown.estimand == "patients":
        these = " This holds for these very networks: another training run could turn it round."
    if default in enough:
        return Recommendation(
            default,
            default,
            f"The default {what}, {default}, is shown to be good enough: no other tested value can "
            f"be better by the margin or more. There is no reason to leave it.{these}",
        )
    keep = f"The default, {default}, is kept" if default else "Nothing speaks for one value"
    if not enough:
        return Recommendation(
            None,
            default,
            f"{_THIN} No tested {what} is shown to be good enough. {keep}.",
        )
    means = validation_means or {one.value: one.mean for one in shown.values}
    best = max(enough, key=lambda value: means.get(value, -np.inf))
    alone = len(enough) == 1 and default is not None
    if alone and not _beats(shown, best, default):
        return Recommendation(
            None,
            default,
            f"{_THIN} {best} alone is shown to be good enough, but not to be better than the "
            f"default. {keep}.",
        )
    how = "the only value" if len(enough) == 1 else "the highest validation score of the values"
    tested = (
        f"the default, {default}, is not among them" if default else "the default was not tested"
    )
    return Recommendation(
        best,
        default,
        f"{best}: {how} shown to be good enough ({', '.join(enough)}); {tested}.{these}",
    )


def nothing_learned(shown: Answer, blind: float | None) -> bool:
    """Whether no value's mean is above what is reached without looking at the image."""
    return blind is not None and all(one.mean <= blind for one in shown.values)


def _beats(shown: Answer, best: str, default: str | None) -> bool:
    """Whether the best is shown to be better than the default; judged where it was compared."""
    if default is None:
        return True
    direct, converse = shown.comparison(best, default), shown.comparison(default, best)
    if direct is not None:
        return direct.low > 0
    if converse is not None:
        return converse.high < 0
    return default not in shown.may_be_best


def select(validation: ScoreTable, shown: Answer, default: str | None) -> Selection | None:
    """Choose by validation scores, then look at the answer that the test part gives.

    Ties go to the default. None without validation scores of all values.
    """
    means = means_by_value(validation)
    known = {value: mean for value, mean in means.items() if np.isfinite(mean)}
    if len(known) < len(shown.values) or len(known) < 2:
        return None
    value = max(known, key=lambda name: (known[name], name == default))
    highest = max(one.mean for one in shown.values)
    chosen = shown.mean(value)
    return Selection(
        value,
        known[value],
        chosen,
        max(highest - chosen.mean, 0.0),
        shown.shortfalls[[one.value for one in shown.values].index(value)],
    )


def means_by_value(table: ScoreTable) -> dict[str, float]:
    """Mean of each value over the cells that all values have; NaN if there are none."""
    common = table.common
    if not common.any():
        return dict.fromkeys(table.values, float("nan"))
    means = np.where(common, table.scores, 0.0).sum((1, 2)) / common.sum()
    return dict(zip(table.values, map(float, means), strict=True))
