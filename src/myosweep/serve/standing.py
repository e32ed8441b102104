"""How a study stands at a moment, as the server says it."""

from typing import Literal

from myosweep.analysis.cautions import metric_words
from myosweep.analysis.points import run_words, swept_in_words
from myosweep.config import StudyConfig
from myosweep.results.layout import StudyFolder
from myosweep.results.trials import read_tuning_state
from myosweep.serve.live import Live
from myosweep.serve.records import Counts, RunNow, StudyNow
from myosweep.study.state import RunState, StudyState


def study_now(name: str, live: Live, state: StudyState) -> StudyNow:
    """A study at a glance.

    Raises:
        InputError: if a file of the study is damaged.
    """
    study = live.study
    kind: Literal["sweep", "search", "masks"] = "search" if study.tune else "sweep"
    if study.source == "masks":
        kind = "masks"
    share, seconds_left = _how_far(live, state)
    return StudyNow(
        name=name,
        title=study.name,
        question=f"{swept_in_words(study)}: {metric_words(study.question)}",
        kind=kind,
        regions=list(live.regions()),
        counts=Counts(
            done=state.done,
            running=state.count("running"),
            failed=state.count("failed"),
            stopped=state.count("stopped"),
            waiting=state.count("waiting"),
            all=len(state.runs),
        ),
        share=share,
        seconds_left=seconds_left,
        stamp=live.stamp(),
        epochs_done=state.epochs_done,
        is_over=is_over(live, state),
        has_report=StudyFolder(live.folder).report.is_file(),
        has_weights=bool(live.weights()),
    )


def _how_far(live: Live, state: StudyState) -> tuple[float, float | None]:
    """The share that is done, and the time left: of a search at most, by its budget."""
    if live.study.tune is None:
        share = state.epochs_done / state.epochs if state.epochs else 0.0
        return share, state.seconds_left
    search = live.search_progress()
    if search.race_over:
        return 1.0, 0.0
    share = min(search.spent / search.whole, 1.0) if search.whole else 0.0
    return share, search.seconds_left


def is_over(live: Live, state: StudyState) -> bool:
    """Whether no run is wanted any more."""
    if live.study.tune is None:
        return state.settled == len(state.runs)
    tuning = read_tuning_state(StudyFolder(live.folder))
    return tuning is not None and tuning.race_over


def run_now(run: RunState, study: StudyConfig, weights: frozenset[str]) -> RunNow:
    """A run at a glance.

    Args:
        weights: ids of the runs whose weights are here.
    """
    return RunNow(
        label=run_words(run.label, dict(zip(study.fields, run.place[0], strict=False))),
        state=run.state,
        epochs_done=run.epochs_done,
        epochs=run.epochs,
        seconds=run.seconds,
        error=run.error.splitlines()[0] if run.error else "",
        run=run.id if run.state in ("complete", "diverged") and run.id in weights else None,
    )
