"""The early rule during a training: whether the run stops after an epoch, and what is recorded."""

from myosweep.config import EarlyRule, RunSettings
from myosweep.results.rows import EarlyRecord
from myosweep.training.checkpoint import Progress


def stops_early(
    rule: EarlyRule | None, adjustment: int, settings: RunSettings, progress: Progress
) -> bool:
    """Whether a training with this behind it goes no further.

    It depends on the history alone, so that a run that was killed and continued stops where an
    undisturbed one does. A training that diverged by then has not passed: with ``adjust`` another
    one takes its place, with ``stop`` it has ended by itself and is scored as it predicts.

    Args:
        adjustment: which entry of the rule's list changed the run's settings; 0: none.
    """
    if rule is None or not rule.may_stop(adjustment):
        return False
    if progress.diverged and rule.action == "stop":
        return False
    found = rule.judge(_accuracies(progress), settings.epochs, ended=progress.diverged)
    return found is not None and not found.passed


def early_record(
    rule: EarlyRule | None, settings: RunSettings, progress: Progress, *, continued: bool
) -> EarlyRecord | None:
    """What the rule found in a run that has ended, for its status; None without a rule.

    Args:
        continued: whether the rule had stopped the run before.
    """
    found = rule and rule.judge(_accuracies(progress), settings.epochs, ended=progress.diverged)
    return EarlyRecord.of(rule, found, continued=continued) if rule and found else None


def _accuracies(progress: Progress) -> list[float]:
    return [float(row["validation_accuracy"]) for row in progress.history]
