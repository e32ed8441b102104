"""The early rule during a training: where it stops, that it depends on the history alone."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.runs import COMPUTER, same_bits, tiny_plan, trained_weights

from myosweep.config import EarlyRule, settings_from_paths
from myosweep.data.store import Dataset
from myosweep.model.weights import read_tensors
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_history
from myosweep.training.checkpoint import Progress
from myosweep.training.early_rule import early_record, stops_early
from myosweep.training.run import perform_run

STOP = EarlyRule(fraction=0.4, threshold=0.9, action="stop")  # epoch 4 of 10
ADJUST = EarlyRule(
    fraction=0.4, threshold=0.9, action="adjust", adjust=({"learning_rate": 3e-4},)
)  # fmt: skip
SETTINGS = settings_from_paths({"epochs": 10})


def progress(*accuracies: float, diverged: bool = False) -> Progress:
    rows: list[dict[str, Any]] = [
        {"validation_accuracy": one, "loss": 1.0, "l2_term": 0.0, "data_gradient_norm": 1.0}
        for one in accuracies
    ]
    if diverged:
        rows[-1]["loss"] = math.nan
    return Progress(rows, 1.0, [])


CASES: list[tuple[EarlyRule | None, int, Progress, bool]] = [
    (None, 0, progress(0.1, 0.1, 0.1, 0.1), False),
    (STOP, 0, progress(0.1, 0.1, 0.1), False),
    (STOP, 0, progress(0.1, 0.1, 0.1, 0.9), True),
    (STOP, 0, progress(0.1, 0.1, 0.1, 0.91), False),
    (STOP, 0, progress(0.1, 0.1, 0.1, 0.1, 0.99), True),
    (STOP, 0, progress(0.1, diverged=True), False),
    (ADJUST, 0, progress(0.1, diverged=True), True),
    (ADJUST, 0, progress(0.95, 0.1, diverged=True), False),
    (ADJUST, 0, progress(0.1, 0.1, 0.1, 0.1), True),
    (ADJUST, 1, progress(0.1, 0.1, 0.1, 0.1), False),
    (STOP.model_copy(update={"action": "report"}), 0, progress(0.1, 0.1, 0.1, 0.1), False),
]


@pytest.mark.parametrize(("rule", "adjustment", "behind", "stops"), CASES)
def test_when_a_training_stops(
    rule: EarlyRule | None, adjustment: int, behind: Progress, stops: bool
) -> None:
    assert stops_early(rule, adjustment, SETTINGS, behind) == stops


def test_what_is_recorded() -> None:
    record = early_record(STOP, SETTINGS, progress(0.1, 0.3, 0.2, 0.1, 0.95), continued=True)
    assert record is not None
    assert (record.epoch, record.accuracy, record.passed, record.continued) == (4, 0.3, False, True)
    nothing = early_record(STOP, SETTINGS, progress(math.nan, diverged=True), continued=False)
    assert nothing is not None
    assert nothing.accuracy is None
    assert early_record(None, SETTINGS, progress(0.1), continued=False) is None
    assert early_record(STOP, SETTINGS, progress(0.1), continued=False) is None


def test_a_run_stops_keeps_its_checkpoint_and_ends_with_the_same_bits(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plain = tiny_plan(small_dataset, epochs=5)
    strict = EarlyRule(fraction=0.4, threshold=0.999, action="stop")  # epoch 2 of 5
    plan = replace(plain, early_rule=strict)
    assert plan.id == plain.id, "the rule is no part of the id"
    study = StudyFolder(tmp_path / "stopped")
    status = perform_run(plan, study, COMPUTER)
    run = study.run(plan.id)
    assert status is not None
    assert (status.status, status.epochs_done, status.whole) == ("stopped", 2, False)
    assert status.early_rule is not None
    assert status.early_rule.epoch == 2
    assert run.checkpoint.exists()
    assert not run.weights.exists()
    assert len(read_history(run)) == 2
    assert perform_run(plan, study, COMPUTER) is None, "it stays stopped as long as the rule says"
    run.status.unlink()  # killed between the last checkpoint and the status
    again = perform_run(plan, study, COMPUTER)
    assert again is not None
    assert (again.status, again.epochs_done) == ("stopped", 2)
    goes_on = replace(plain, early_rule=strict.model_copy(update={"action": "report"}))
    ended = perform_run(goes_on, study, COMPUTER)
    assert ended is not None
    assert (ended.status, ended.epochs_done) == ("complete", 5)
    assert ended.early_rule is not None
    assert ended.early_rule.continued
    assert not run.checkpoint.exists()
    undisturbed = trained_weights(plain, tmp_path / "whole")
    assert same_bits(read_tensors(run.weights)[0], undisturbed)


def test_a_run_that_passes_is_not_touched(small_dataset: Dataset, tmp_path: Path) -> None:
    plain = tiny_plan(small_dataset)
    rule = EarlyRule(fraction=0.4, threshold=1e-6, action="stop")
    status = perform_run(replace(plain, early_rule=rule), StudyFolder(tmp_path / "a"), COMPUTER)
    assert status is not None
    assert status.status == "complete"
    assert status.early_rule is not None
    assert status.early_rule.passed
    with torch.no_grad():
        weights = read_tensors(StudyFolder(tmp_path / "a").run(plain.id).weights)[0]
    assert same_bits(weights, trained_weights(plain, tmp_path / "b"))
