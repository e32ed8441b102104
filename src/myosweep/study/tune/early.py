"""Whether a trial is hopeless beside the others: Optuna's pruners, asked without any record."""

from collections.abc import Sequence
from typing import Literal

from myosweep.analysis.tuning.early_scores import Rule, Scores
from myosweep.study.tune.propose import quiet_optuna


def is_hopeless(
    pruner: Literal["asha", "hyperband", "none"],
    rule: Rule | None,
    others: Sequence[Scores],
    own: Scores,
) -> bool:
    """Whether Optuna's pruner ends a trial with these early scores.

    The trials so far are played to a study in memory, this one last; so the answer depends on
    nothing but the scores.

    Args:
        others, own: scores at the rule's rungs that the trials have reached.
    """
    if rule is None or pruner == "none" or not own:
        return False
    with quiet_optuna() as optuna:
        kinds = {
            "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(
                min_resource=rule.percent, reduction_factor=rule.factor
            ),
            "hyperband": lambda: optuna.pruners.HyperbandPruner(
                min_resource=rule.percent, max_resource=100, reduction_factor=rule.factor
            ),
        }
        study = optuna.create_study(
            study_name="myosweep",
            direction="maximize",
            pruner=kinds[pruner](),
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        hopeless = False
        for scores in (*others, own):
            trial, hopeless = study.ask(), False
            for percent, score in sorted(scores.items()):
                trial.report(score, percent)
                hopeless = trial.should_prune()
        return hopeless
