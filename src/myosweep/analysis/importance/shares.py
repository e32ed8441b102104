"""Which hyperparameters matter: shares of the score's variance over the searched space.

A share says how much of the differences between settings drawn from the space goes back to one
field, or to two together. It depends on the ranges that were searched, and it does not say which
value to take.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from myosweep.analysis.importance.by_optuna import optuna_importances
from myosweep.analysis.importance.model import Strengths, draw_variances, learn, predict
from myosweep.analysis.importance.records import (
    Effect,
    Importance,
    Interaction,
    Share,
    Trial,
    Trials,
)
from myosweep.analysis.importance.space import Design, Domain, conditions
from myosweep.config import Value
from myosweep.errors import StudyError
from myosweep.randomness import stream

__all__ = [
    "Domain",
    "Effect",
    "Importance",
    "Interaction",
    "Share",
    "Trial",
    "Trials",
    "importance",
]

FEWEST_TRIALS = 20
"""With fewer, chance looks like an effect too often."""
LEAST_EXPLAINED = 0.2
"""A model that explains less of trials that it has not seen gives no ranking; nor does one that
may explain nothing, by the interval."""
NEAR_BEST = 0.75
"""Near the best: scores below this quantile of the trials count as that quantile."""
LITTLE = 0.05
"""A hyperparameter with a smaller share hardly matters."""
LEVEL = 0.95

_FOLDS, _REFITS, _DRAWS_EACH, _RESAMPLES = 10, 40, 25, 2000
_BY_FOLDS, _BY_TRIALS, _BY_ERRORS = 1, 2, 3


def importance(
    trials: Trials, seed: int = 0, *, near_best: bool = False, with_pruned: bool = True
) -> Importance:
    """Variance shares of fields and pairs over the whole searched space, however it was sampled.

    A model is learned from the trials and integrated over the space exactly (see
    ``importance_model``). Intervals: the trials are resampled (bootstrap), what the model assumes
    is learned anew each time, and functions are drawn from all that then fit the trials (after
    Laird and Louis 1987). Diverged trials have score 0. Pruned ones keep the score that they were
    pruned with, which is no final score: too low, if training goes on to improve.

    Args:
        near_best: what matters among good settings: scores below the top quarter's lowest are
            lifted to it (after Hutter et al. 2014: improvements over a cutoff).
        with_pruned: False leaves pruned trials out, which hides what made trials bad.

    Raises:
        StudyError: if a complete trial has a non-finite score, or lacks a field that counts.
    """
    used = [one for one in trials.rows if _takes_part(one, trials.domains, with_pruned)]
    scores = np.array([_score(one) for one in used], float)
    if near_best and len(scores):
        scores = np.maximum(scores, np.quantile(scores, NEAR_BEST))
    found = Importance(
        near_best=near_best,
        trials=len(used),
        pruned=sum(one.status == "pruned" for one in used),
        diverged=sum(one.status == "diverged" for one in used),
        left_out=len(trials.rows) - len(used),
        explained=Share(np.nan, np.nan, np.nan),
        fixed=tuple(path for path, domain in trials.domains.items() if not domain.waves),
        domains=trials.domains,
    )
    if why := _too_little(scores, trials.domains):
        return replace(found, why_not=why)
    points = [_counting_values(one, trials.domains) for one in used]
    design = Design.of(points, trials.domains)
    ready = (scores - scores.mean()) / scores.std()
    start = learn(design, ready)
    found = replace(found, explained=_explained(design, ready, start, seed))
    if found.explained.share < LEAST_EXPLAINED or found.explained.low <= 0:
        return replace(found, why_not=_unexplained(found.explained))
    shares = _shares(design, ready, start, seed)
    others = optuna_importances(points, scores, trials.domains, seed)
    return _ranked(found, design, shares, others)


def _takes_part(trial: Trial, domains: Mapping[str, Domain], with_pruned: bool) -> bool:
    if trial.status != "diverged" and trial.score is None:
        return False
    if trial.status == "pruned" and not with_pruned:
        return False
    return all(
        domains[path].holds(value) for path, value in _counting_values(trial, domains).items()
    )


def _score(trial: Trial) -> float:
    """A trial's score; a network with non-finite weights is scored 0."""
    if trial.status == "diverged" or trial.score is None:
        return 0.0
    if not np.isfinite(trial.score):
        raise StudyError(
            f"a trial's score is a finite number, got {trial.score} at {dict(trial.values)}; "
            "mark it as diverged, or leave its score out"
        )
    return trial.score


def _counting_values(trial: Trial, domains: Mapping[str, Domain]) -> dict[str, Value]:
    """The values of the fields that count in a trial."""
    found: dict[str, Value] = {}
    for path in domains:
        needed = conditions(path, domains)
        if any(trial.values.get(other) != value for other, value in needed.items()):
            continue
        if path not in trial.values:
            raise StudyError(
                f"each trial has a value of {path}, got one with "
                f"{', '.join(trial.values) or 'none'} only; add it, or leave the trial out"
            )
        found[path] = trial.values[path]
    return found


def _too_little(scores: Float64[np.ndarray, " trial"], domains: Mapping[str, Domain]) -> str:
    if not any(domain.waves for domain in domains.values()):
        return "no field was searched over more than one value"
    if len(scores) < FEWEST_TRIALS:
        return (
            f"too few trials: {len(scores)} of at least {FEWEST_TRIALS}; with fewer, chance looks "
            "like an effect too often"
        )
    if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
        return "all trials have the same score"
    return ""


def _unexplained(explained: Share) -> str:
    low, high = (max(bound, 0.0) for bound in (explained.low, explained.high))
    return (
        f"settings explain {max(explained.share, 0.0):.0%} of the differences between trials "
        f"({low:.0%} to {high:.0%}); a ranking needs {LEAST_EXPLAINED:.0%}, and an interval above "
        "0: the rest is chance between networks, or a pattern that these trials are too few to show"
    ).replace("%", " %")


def _explained(
    design: Design, scores: Float64[np.ndarray, " trial"], start: Strengths, seed: int
) -> Share:
    """Cross-validated R²; its interval by resampling the trials' squared errors."""
    places = stream(seed, "bootstrap", _BY_FOLDS, 0).permutation(len(scores)) % _FOLDS
    errors, plain = np.zeros(len(scores)), np.zeros(len(scores))
    for fold in range(_FOLDS):
        inside, outside = np.flatnonzero(places != fold), np.flatnonzero(places == fold)
        seen, middle = design.take(inside), scores[inside].mean()
        centred = scores[inside] - middle
        expected = predict(seen, centred, learn(seen, centred, start), design.take(outside))
        errors[outside] = (scores[outside] - middle - expected) ** 2
        plain[outside] = (scores[outside] - middle) ** 2
    again = stream(seed, "bootstrap", _BY_ERRORS, 0).integers(
        len(scores), size=(_RESAMPLES, len(scores))
    )
    spread = 1 - errors[again].sum(1) / np.maximum(plain[again].sum(1), 1e-12)
    low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Share(float(1 - errors.sum() / plain.sum()), float(low), float(high))


def _shares(
    design: Design, scores: Float64[np.ndarray, " trial"], start: Strengths, seed: int
) -> Float64[np.ndarray, "draw effect"]:
    """Shares of fields and pairs in functions that fit the trials."""
    found = []
    for number in range(_REFITS):
        random = stream(seed, "bootstrap", _BY_TRIALS, number)
        resampled = np.unique(random.integers(len(scores), size=len(scores)))
        strengths = learn(design.take(resampled), scores[resampled], start)
        found.append(draw_variances(design, scores, strengths, _DRAWS_EACH, random))
    variances = np.concatenate(found)
    return variances / variances.sum(1, keepdims=True)


def _ranked(
    found: Importance,
    design: Design,
    shares: Float64[np.ndarray, "draw effect"],
    others: Mapping[str, Mapping[str, float]],
) -> Importance:
    count = len(design.paths)
    effects, interactions = [], []
    for place, path in enumerate(design.paths):
        own = [place, *(count + n for n, pair in enumerate(design.pairs) if place in pair)]
        told = {method: shared[path] for method, shared in others.items() if path in shared}
        total = _summary(shares[:, own].sum(1))
        effects.append(Effect(path, _summary(shares[:, place]), total, told))
    for number, (i, j) in enumerate(design.pairs):
        pair = (design.paths[i], design.paths[j])
        interactions.append(Interaction(pair, _summary(shares[:, count + number])))
    return replace(
        found,
        effects=tuple(sorted(effects, key=lambda one: -one.total.share)),
        interactions=tuple(sorted(interactions, key=lambda one: -one.share.share)),
        together=_summary(shares[:, count:].sum(1)),
    )


def _summary(draws: Float64[np.ndarray, " draw"]) -> Share:
    low, middle, high = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
    return Share(float(middle), float(low), float(high))
