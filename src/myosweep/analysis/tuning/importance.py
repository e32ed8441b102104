"""Which of the searched settings matter, from a search's trials."""

from collections.abc import Mapping

from myosweep.analysis.importance.shares import Importance, Trial, Trials, importance
from myosweep.analysis.importance.space import Domain
from myosweep.analysis.patient_scores import strict_metric
from myosweep.analysis.tuning.found import Trial as SearchTrial
from myosweep.config import Choice, Range, RunSettings, StudyConfig, flatten


def tuned_importance(trials: tuple[SearchTrial, ...], study: StudyConfig) -> Importance:
    """Shares over the searched space; see ``importance``."""
    metric = strict_metric(study.question.metric)
    rows = [row for one in trials if (row := _row(one, metric)) is not None]
    domains = {path: _domain(path, one) for path, one in study.space.items()}
    return importance(Trials(domains, rows), study.tune.seed if study.tune else 0)


def _row(one: SearchTrial, metric: str) -> Trial | None:
    """A trial with its final score, or the one that it was ended with; None without either.

    What a trial was ended with is an IoU, from which Dice follows, but no other metric: then it is
    left out, and counted so.
    """
    status = one.run.status
    if status is None:
        return None
    if status.status == "diverged":
        return Trial(one.run.values, 0.0, "diverged")
    if one.score is not None:
        return Trial(one.run.values, one.score)
    if status.status != "stopped" or not one.run.history:
        return None
    if metric not in ("iou", "dice"):
        return Trial(one.run.values, None, "pruned")
    iou = one.run.history[-1]
    return Trial(one.run.values, 2 * iou / (1 + iou) if metric == "dice" else iou, "pruned")


def _domain(path: str, one: Range | Choice) -> Domain:
    when = dict(one.when)
    if isinstance(one, Choice):
        return Domain("category", categories=one.values, when=when)
    whole = isinstance(_NEUTRAL[path], int)
    return Domain("int" if whole else "float", one.low, one.high, one.log, when=when)


_NEUTRAL: Mapping[str, object] = flatten(RunSettings().model_dump())
