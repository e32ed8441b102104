"""The early rule as a study file writes it: when it asks, what it finds, what is refused."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from myosweep.config import (
    EarlyRule,
    RunSettings,
    StudyConfig,
    read_study_config,
    study_config,
    write_study_config,
)
from myosweep.errors import ConfigError

MINIMAL: dict[str, Any] = {
    "name": "mine",
    "dataset": "data/mine",
    "sweep": {"l2.strength": [1e-3, 1e-4]},
}


def with_rule(**rule: Any) -> StudyConfig:
    return study_config({**MINIMAL, "early_rule": rule})


def test_without_the_section_there_is_no_rule() -> None:
    assert study_config(MINIMAL).early_rule is None


def test_an_empty_section_is_the_papers_rule_and_only_reports() -> None:
    rule = with_rule().early_rule
    assert rule is not None
    assert (rule.fraction, rule.threshold, rule.action, rule.adjust) == (0.1, 0.9, "report", ())


@pytest.mark.parametrize(
    ("fraction", "epochs", "epoch"),
    [(0.1, 30, 3), (0.1, 31, 4), (0.1, 5, 1), (0.1, 1, 1), (0.07, 100, 7), (1, 8, 8), (0.5, 3, 2)],
)
def test_the_rules_epoch_is_the_fraction_rounded_up(
    fraction: float, epochs: int, epoch: int
) -> None:
    assert EarlyRule(fraction=fraction).epoch(epochs) == epoch


def test_the_rule_asks_at_its_epoch_and_for_more_than_the_threshold() -> None:
    rule = EarlyRule(fraction=0.3, threshold=0.9)  # epoch 3 of 10
    assert rule.judge([0.95, 0.95], 10) is None, "it has not asked yet"
    assert rule.judge([0.5, 0.6, 0.9], 10) == (3, 0.9, False), "0.9 has not passed 0.9"
    assert rule.judge([0.5, 0.6, 0.9001], 10) == (3, 0.9001, True)
    assert rule.judge([0.5, 0.91, 0.6], 10) == (3, 0.91, True), "it had passed before"
    assert rule.judge([0.5, 0.6, 0.7, 0.99], 10) == (3, 0.7, False), "what comes later is too late"
    assert rule.judge([0.5, math.nan, 0.6], 10) == (3, 0.6, False)
    assert rule.judge([], 10, ended=True) is None


def test_a_training_that_diverged_before_is_asked_where_it_ended() -> None:
    rule = EarlyRule(fraction=0.3)
    assert rule.judge([0.5, 0.6], 10, ended=True) == (2, 0.6, False)
    found = rule.judge([math.nan], 10, ended=True)
    assert found is not None
    assert (found.epoch, found.passed) == (1, False)
    assert math.isnan(found.accuracy)


def test_the_last_entry_of_the_list_is_never_stopped() -> None:
    rule = EarlyRule(action="adjust", adjust=({"batch_size": 2}, {"batch_size": 8}))
    assert [rule.may_stop(number) for number in (0, 1, 2)] == [True, True, False]
    assert EarlyRule(action="stop").may_stop(0)
    assert not EarlyRule(action="report").may_stop(0)


def test_each_change_starts_from_the_runs_own_settings() -> None:
    study = with_rule(
        action="adjust", adjust=[{"learning_rate": 3e-4}, {"augmentation": {"flip": 0.0}}]
    )
    own = RunSettings()
    first, second = study.adjusted(own)
    assert first == own.model_copy(update={"learning_rate": 3e-4})
    assert (second.learning_rate, second.augmentation.flip) == (own.learning_rate, 0.0)


def test_a_study_with_a_rule_reads_back_as_written(tmp_path: Path) -> None:
    change = {"batch_size": 8, "augmentation.flip": 0.25}
    study = with_rule(action="adjust", fraction=0.2, adjust=[{"learning_rate": 3e-4}, change])
    write_study_config(study, tmp_path / "study.toml")
    assert read_study_config(tmp_path / "study.toml") == study


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"fraction": 0}, "early_rule.fraction: .*greater than 0, got 0"),
    ({"fraction": 1.1}, "early_rule.fraction: .*less than or equal to 1, got 1.1"),
    ({"threshold": 1}, "early_rule.threshold: .*less than 1, got 1"),
    ({"action": "halt"}, "early_rule.action: .*'report', 'stop' or 'adjust', got 'halt'"),
    ({"treshold": 0.9}, "unknown key 'treshold'; did you mean 'threshold'"),
    ({"action": "adjust"}, "needs a list of other settings, such as adjust = "),
    ({"adjust": [{"batch_size": 8}]}, "but action is 'report'; set action = 'adjust' or remove"),
    ({"action": "stop", "fraction": 0.99}, "of 30 epochs is epoch 30, the last one, .*take a"),
]


@pytest.mark.parametrize(("rule", "message"), WRONG)
def test_a_wrong_rule_says_what_and_how(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_rule(**rule)


def test_everything_wrong_with_the_list_is_said_at_once() -> None:
    adjust: list[dict[str, Any]] = [
        {"learning_rte": 3e-4},
        {"l2.strength": 1e-2},
        {"batch_size": 0},
        {"batch_size": 4},
        {"labels.strength": 2.0},
        {},
        {"learning_rate": 1e-3},
        {"learning_rate": "0.001"},
        {"precision": "auto", "depth": 3},
    ]
    with pytest.raises(ConfigError) as caught:
        with_rule(action="adjust", adjust=adjust)
    wanted = [
        "entry 1: unknown key 'learning_rte'; did you mean 'learning_rate'",
        "entry 2: 'l2.strength' is swept, .*change a setting that is not swept",
        "entry 3: batch_size: .*greater than or equal to 1, got 0",
        "entry 4: batch_size 4 is what the run has already; give another value",
        "entry 5: labels.strength 2.0 changes nothing, because labels.noise is 'none'",
        "entry 6: it is empty; name at least one setting",
        "entry 8: it is the same as entry 7; remove one",
        "entry 9: precision 'auto' is resolved once per study; write float32 or bfloat16",
    ]
    problems = caught.value.problems
    assert len(problems) == len(wanted)
    for problem, pattern in zip(problems, wanted, strict=True):
        assert problem.startswith("early_rule.adjust, ")
        assert re.search(pattern, problem), problem


def test_masks_of_another_program_have_no_rule() -> None:
    with pytest.raises(ConfigError, match="this study holds masks; remove the section"):
        study_config({**MINIMAL, "source": "masks", "early_rule": {}})
