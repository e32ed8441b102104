"""Runs that another study has done already: same id, same weights; copied instead of trained."""

from pathlib import Path

from myosweep.config import Early
from myosweep.files import whole_file, write_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_history
from myosweep.results.rows import EarlyRecord, RunStatus
from myosweep.study.open import Study
from myosweep.training.claim import take_claim
from myosweep.training.plan import RunPlan, describe_run


def reuse_runs(study: Study, other: Path | str) -> int:
    """Copy every run that this study misses and another has whole; gives how many.

    The other study stays as it is. What a run is called in this study is written anew. A run that
    this study's early rule would have stopped is left to be trained: the rule is the study's.

    Raises:
        StudyError: if the other folder is no study.
    """
    home, copied = StudyFolder(Path(other)).require(), 0
    for plan in study.missing():
        source, folder = home.run(plan.id), study.folder.run(plan.id)
        status = source.read_status()
        if status is None or not status.whole:
            continue
        found = _early(plan, source, status)
        if _is_stopped(plan, found, status) or (claim := take_claim(folder)) is None:
            continue
        try:
            describe_run(plan, folder)
            *files, last = folder.results
            for path in files:
                _copy(source.path / path.name, path)
            if plan.early_rule is None and status.early_rule is None:
                _copy(source.status, last)
            else:
                record = plan.early_rule and found and EarlyRecord.of(plan.early_rule, found)
                own = status.model_copy(update={"early_rule": record})
                write_json(last, own.model_dump(mode="json"))
            folder.checkpoint.unlink(missing_ok=True)
            copied += 1
        finally:
            claim.release()
    return copied


def _early(plan: RunPlan, source: RunFolder, status: RunStatus) -> Early | None:
    """What this study's early rule finds in another study's run."""
    if plan.early_rule is None:
        return None
    accuracies = read_history(source)["validation_accuracy"].tolist()
    ended = status.status == "diverged"
    return plan.early_rule.judge(accuracies, plan.settings.epochs, ended=ended)


def _is_stopped(plan: RunPlan, found: Early | None, status: RunStatus) -> bool:
    """Whether this study would have stopped the run."""
    rule = plan.early_rule
    if rule is None or found is None or found.passed or not rule.may_stop(plan.adjustment):
        return False
    return rule.action == "adjust" or status.status != "diverged"


def _copy(source: Path, path: Path) -> None:
    with whole_file(path) as draft:
        draft.write_bytes(source.read_bytes())
