"""Which settings matter, from a search's trials: which scores count."""

import pytest

from myosweep.analysis.tuning.found import Trial
from myosweep.analysis.tuning.importance import tuned_importance
from myosweep.config import Value, study_config
from myosweep.results.rows import RunStatus
from myosweep.results.trials import TrialRun


def trial(number: int, score: float | None, iou: float) -> Trial:
    """A whole trial, or one that was ended early without a score."""
    status = RunStatus(status="stopped" if score is None else "complete", epochs_done=3)
    values: dict[str, Value] = {"dropout": 0.01 * number}
    run = TrialRun(f"run-{number}", number, 0, 1.0, values, 9, 3, status, (iou,))
    return Trial(run, score)


@pytest.mark.parametrize(
    ("metric", "pruned"), [("dice", 5), ("iou", 5), ("accuracy", 0), ("bf", 0)]
)
def test_what_was_ended_with_another_metric_is_left_out(metric: str, pruned: int) -> None:
    """Learning curves are of IoU: its numbers among accuracies would tell who was ended early."""
    study = study_config(
        {
            "name": "s",
            "dataset": "d",
            "question": {"metric": metric},
            "tune": {"space": {"dropout": {"low": 0, "high": 0.6}}},
        }
    )
    trials = tuple(trial(n, None if n >= 25 else 0.9, 0.4) for n in range(30))
    found = tuned_importance(trials, study)
    assert (found.trials, found.pruned, found.left_out) == (25 + pruned, pruned, 5 - pruned)
