"""Optuna's own importances of the same trials, for comparison."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from myosweep.analysis.importance.space import Domain
from myosweep.config import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.importance import BaseImportanceEvaluator
    from optuna.study import Study

FANOVA, PED_ANOVA = "Optuna's fANOVA", "Optuna's PED-ANOVA"


def optuna_importances(
    points: Sequence[Mapping[str, Value]],
    scores: Float64[np.ndarray, " trial"],
    domains: Mapping[str, Domain],
    seed: int,
) -> dict[str, dict[str, float]]:
    """Importance by method and path, as Optuna gives it: adding up to 1, without intervals.

    fANOVA (a random forest over the space) leaves out fields that do not count in every trial.
    PED-ANOVA asks which fields tell the best tenth of the trials from all of them.

    Returns:
        Nothing without Optuna; no fANOVA without scikit-learn.
    """
    try:
        import optuna
    except ImportError:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental parts, few trials in a regime
        study = _study(points, scores, domains, seed)
        evaluators: dict[str, BaseImportanceEvaluator] = {}
        with suppress(ImportError):  # its forest is scikit-learn's
            evaluators[FANOVA] = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        evaluators[PED_ANOVA] = optuna.importance.PedAnovaImportanceEvaluator()
        found = {
            name: optuna.importance.get_param_importances(study, evaluator=evaluator)
            for name, evaluator in evaluators.items()
        }
    return {
        name: {path: float(share) for path, share in told.items()} for name, told in found.items()
    }


def _study(
    points: Sequence[Mapping[str, Value]],
    scores: Float64[np.ndarray, " trial"],
    domains: Mapping[str, Domain],
    seed: int,
) -> "Study":
    """The trials in a study in memory, which nobody else sees."""
    import optuna
    from optuna.samplers import RandomSampler

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=seed))
    finally:
        optuna.logging.set_verbosity(before)
    distributions = {path: _distribution(domain) for path, domain in domains.items()}
    for point, score in zip(points, scores, strict=True):
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(point),
                distributions={path: distributions[path] for path in point},
                value=float(score),
            )
        )
    return study


def _distribution(domain: Domain) -> "BaseDistribution":
    from optuna import distributions

    if domain.kind == "category":
        return distributions.CategoricalDistribution(domain.categories)
    if domain.kind == "int":
        return distributions.IntDistribution(
            int(domain.low), int(domain.high), log=domain.log, step=domain.step
        )
    return distributions.FloatDistribution(domain.low, domain.high, log=domain.log)
