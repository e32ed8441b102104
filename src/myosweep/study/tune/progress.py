"""How far a search is, read from its folder alone, whoever does it."""

from dataclasses import dataclass

from myosweep.config import read_study_config
from myosweep.results.layout import StudyFolder
from myosweep.results.trials import TrialRun, read_trial_runs, read_tuning_state
from myosweep.study.state import StudyState


@dataclass(frozen=True)
class SearchProgress:
    """A search and its race so far.

    Attributes:
        trials: asked for; of them were ended early, or failed.
        race_runs: networks of the race that are whole.
        spent: in runs of the default; runs that have not ended count in full.
        whole: the budget in runs of the default; None while it is not known.
        seconds_left: until the budget is spent, at the pace so far, with as many runs at a time as
            now; 0 at the end, None before the first run has ended.
    """

    trials: int
    ended_early: int
    failed: int
    race_runs: int
    spent: float
    whole: float | None
    search_over: bool
    race_over: bool
    seconds_left: float | None


def search_progress(folder: StudyFolder, state: StudyState) -> SearchProgress:
    """How far a search is.

    Args:
        state: how its runs stand.

    Raises:
        StudyError: if a file of the study is damaged.
    """
    runs = read_trial_runs(folder, read_study_config(folder.study).question.region)
    first = [one for one in runs if one.seed == 0]
    known = read_tuning_state(folder)
    spent, whole = sum((one.spent for one in runs), 0.0), known.budget_runs if known else None
    over = known is not None and known.race_over
    return SearchProgress(
        trials=len(first),
        ended_early=_count(first, "stopped"),
        failed=_count(runs, "failed"),
        race_runs=sum(one.seed > 0 and one.whole for one in runs),
        spent=spent,
        whole=whole,
        search_over=known is not None and known.search_over,
        race_over=over,
        seconds_left=0.0 if over else _seconds_left(runs, whole, state.count("running")),
    )


def _count(runs: list[TrialRun] | tuple[TrialRun, ...], status: str) -> int:
    return sum(one.status is not None and one.status.status == status for one in runs)


def _seconds_left(runs: tuple[TrialRun, ...], whole: float | None, running: int) -> float | None:
    ended = [(one.spent, one.status.seconds) for one in runs if one.status]
    spent, seconds = (sum(column) for column in zip(*ended, strict=True)) if ended else (0.0, 0.0)
    if whole is None or not spent or not seconds:
        return None
    return max(whole - spent, 0.0) * seconds / spent / max(running, 1)
