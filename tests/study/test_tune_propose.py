"""What to try next: the default first, the same after the same trials, within what is asked for."""

from typing import Any

import pytest

from myosweep.config import (
    Choice,
    Range,
    RunSettings,
    Space,
    Tune,
    Value,
    full_point,
    parse_budget,
    study_config,
)
from myosweep.config.tune import search_space
from myosweep.config.tune_problems import tune_problems
from myosweep.errors import ConfigError
from myosweep.study.merge import merged
from myosweep.study.tune.early import is_hopeless
from myosweep.study.tune.propose import distribution, propose

SPACE: dict[str, Range | Choice] = {
    "l2.kind": Choice(values=("penalty", "decoupled")),
    "batch_size": Range(low=1, high=16, log=True),
    "dropout": Range(low=0, high=0.6),
    "l2.strength": Range(low=1e-6, high=1e-2, log=True, when={"l2.kind": "penalty"}),
    "l2.time_scale_epochs": Range(low=3, high=300, log=True, when={"l2.kind": "decoupled"}),
}
DEFAULT: dict[str, Value] = {
    "l2.kind": "penalty",
    "batch_size": 8,
    "dropout": 0.5,
    "l2.strength": 1e-4,
    "l2.time_scale_epochs": 30.0,
}


def asked(count: int, tune: Tune, space: Space = SPACE) -> list[dict[str, Value]]:
    """So many proposals, each scored by its dropout: less is better."""
    import optuna

    past: list[optuna.trial.FrozenTrial] = []
    proposals = []
    for _ in range(count):
        values = propose(past, space, tune, DEFAULT)
        assert values is not None
        proposals.append(values)
        past.append(
            optuna.trial.create_trial(
                params=dict(values),
                distributions={path: distribution(path, space[path]) for path in values},
                value=-float(values["dropout"]),
            )
        )
    return proposals


def test_the_default_comes_first_without_what_does_not_count() -> None:
    first = propose([], SPACE, Tune(), DEFAULT)
    assert first == {path: DEFAULT[path] for path in DEFAULT if path != "l2.time_scale_epochs"}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_trials_lead_to_the_same_proposals(sampler: Any) -> None:
    tune = Tune(sampler=sampler, startup=3)
    one, again = asked(6, tune), asked(6, tune)
    assert one == again
    other = asked(6, tune.model_copy(update={"seed": 1}))
    assert other[0] == one[0]
    assert other[1:] != one[1:]


def test_proposals_stay_in_their_domains_and_depend_on_each_other() -> None:
    kinds = set()
    for values in asked(14, Tune(startup=4))[1:]:
        kinds.add(values["l2.kind"])
        wanted = "l2.strength" if values["l2.kind"] == "penalty" else "l2.time_scale_epochs"
        assert set(values) == {"l2.kind", "batch_size", "dropout", wanted}
        for path, value in values.items():
            domain = SPACE[path]
            if isinstance(domain, Choice):
                assert value in domain.values
            else:
                assert domain.low <= float(value) <= domain.high
        assert type(values["batch_size"]) is int
    assert kinds == {"penalty", "decoupled"}


def test_the_search_goes_where_scores_are_high() -> None:
    proposals = [float(values["dropout"]) for values in asked(25, Tune(startup=5))]
    assert sum(proposals[15:]) / 10 < sum(proposals[1:6]) / 5


def test_what_costs_too_much_is_drawn_anew_and_given_up() -> None:
    asked_for: list[dict[str, Value]] = []

    def affordable(values: dict[str, Value]) -> bool:
        asked_for.append(values)
        return len(asked_for) == 4

    one = asked(1, Tune())
    import optuna

    past = [
        optuna.trial.create_trial(
            params=dict(one[0]),
            distributions={path: distribution(path, SPACE[path]) for path in one[0]},
            value=0.5,
        )
    ]
    assert propose(past, SPACE, Tune(), DEFAULT, affordable) == asked_for[3]
    assert len({str(values) for values in asked_for}) == 4
    assert propose(past, SPACE, Tune(), DEFAULT, lambda values: False) is None


def test_fields_that_do_not_count_are_as_in_the_default() -> None:
    space = {
        "l2.kind": Choice(values=("penalty", "decoupled", "l1")),
        "l2.strength": Range(low=1e-6, high=1e-2, when={"l2.kind": "penalty"}),
        "l2.time_scale_epochs": Range(low=3, high=300, when={"l2.kind": "decoupled"}),
    }
    default = {"l2.kind": "l1", "l2.strength": 1e-6, "l2.time_scale_epochs": 0.0}
    assert full_point({"l2.kind": "l1"}, space, default) == default
    slow = {"l2.kind": "decoupled", "l2.strength": 1e-4, "l2.time_scale_epochs": 30.0}
    drawn = {"l2.kind": "penalty", "l2.strength": 1e-3}
    assert full_point(drawn, space, slow) == {**drawn, "l2.time_scale_epochs": 0.0}


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"dropout": {"low": 0, "high": 0.6, "when": {"l2.kind": "penalty"}}}, "is not searched"),
        (
            {"depth": {"values": [3, 4], "when": {"dropout": 0.5}},
             "dropout": {"low": 0, "high": 0.6}},
            "is searched in a range",
        ),
        (
            {"l2.kind": ["penalty", "l1"],
             "dropout": {"values": [0, 0.5], "when": {"l2.kind": "l2"}}},
            "not among its values",
        ),
        (
            {"depth": {"values": [3, 4], "when": {"batch_size": 4}},
             "batch_size": {"values": [4, 8], "when": {"depth": 4}}},
            "which depends on depth in turn",
        ),
        ({"depth": {"values": [3, 4], "when": {"l2.kid": "penalty"}}}, "unknown key 'l2.kid'"),
        ({"init_from": ["", "elsewhere"]}, "cannot be searched"),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_met_is_refused(space: dict[str, Any], words: str) -> None:
    found = list(tune_problems(Tune.model_validate({"space": space}), RunSettings()))
    assert any(words in one for one in found), found


PENALTY = ["penalty", "decoupled"]
SPACES: list[tuple[dict[str, Any], Any, str]] = [
    ({}, {"batch_size": [2, 2.5, 4]}, "batch_size"),
    ({}, {"test_time_averaging": {"low": 1, "high": 8}}, "test_time_averaging"),
    ({}, {"depth": {"low": 2.5, "high": 4}}, "depth"),
    ({"l2.kind": "decoupled", "l2.time_scale_epochs": 30}, {"l2.kind": PENALTY}, "time_scale"),
    ({"labels.noise": "dropped"}, {"labels.strength": {"low": 0, "high": 2}}, "strength"),
    ({"l2.strength": "learned"}, "l2", "'learned' in the default, so it has no range"),
    ({}, {"loss": {"low": 0, "high": 1}}, "'cross-entropy' in the default, so it has no range"),
    ({"l2.strength": 0}, "l2", "0 has no logarithm.*in space 'l2'"),
    ({}, {"batch_size": [4]}, "nothing is searched"),
    ({}, {}, "nothing is searched"),
    ({}, {"batch_size": 4}, "batch_size is 4; give a list of values"),
    ({}, {"l2": {"strenght": {"low": 1e-6, "high": 1e-2}}}, "unknown key 'l2.strenght'"),
]


@pytest.mark.parametrize(("settings", "space", "words"), SPACES)
def test_a_space_that_cannot_be_searched_is_refused_at_once(
    settings: dict[str, Any], space: Any, words: str
) -> None:
    content = {"name": "s", "dataset": "d", "settings": settings, "tune": {"space": space}}
    with pytest.raises(ConfigError, match=words):
        study_config(content)


@pytest.mark.parametrize(
    ("settings", "space"),
    [
        (
            {"l2.kind": "decoupled", "l2.time_scale_epochs": 30},
            {"l2.time_scale_epochs": {"low": 3, "high": 300, "log": True}},
        ),
        ({}, {"l2": {"strength": {"low": 1e-6, "high": 1e-2, "log": True}}}),
        ({}, {"l2.strength": ["learned", 1e-4], "batch_size": [2, 4]}),
        ({"l2.strength": 0}, {"l2.strength": [0, 1e-4]}),
    ],
)
def test_a_space_around_the_studys_own_default_is_searched(
    settings: dict[str, Any], space: dict[str, Any]
) -> None:
    content = {"name": "s", "dataset": "d", "settings": settings, "tune": {"space": space}}
    assert study_config(content).space


def test_conditions_of_conditions_come_after_what_they_name() -> None:
    space = {
        "l2.time_scale_epochs": {"low": 3, "high": 300, "when": {"l2.kind": "decoupled"}},
        "l2.kind": {"values": ["penalty", "decoupled"], "when": {"depth": 4}},
        "depth": [3, 4],
    }
    tune = Tune.model_validate({"space": space})
    assert list(search_space(tune, RunSettings())) == ["depth", "l2.kind", "l2.time_scale_epochs"]
    assert list(tune_problems(tune, RunSettings())) == []


def test_the_pruner_ends_what_is_far_below_the_others() -> None:
    from myosweep.analysis.tuning.early_scores import Rule

    rule = Rule(10, 3)
    others = [{10: 0.7, 30: 0.75, 90: 0.8}] * 6
    assert is_hopeless("asha", rule, others, {10: 0.1})
    assert not is_hopeless("asha", rule, others, {10: 0.9})
    assert not is_hopeless("none", rule, others, {10: 0.1})
    assert not is_hopeless("asha", None, others, {10: 0.1})
    assert not is_hopeless("asha", rule, others, {})


@pytest.mark.parametrize(
    ("text", "runs", "seconds"),
    [
        ("20runs", 20, None),
        ("1 run", 1, None),
        ("2.5h", None, 9000),
        (" 90min ", None, 5400),
    ],
)
def test_budgets(text: str, runs: float | None, seconds: float | None) -> None:
    budget = parse_budget(text)
    assert (budget.runs, budget.seconds) == (runs, seconds)


@pytest.mark.parametrize("text", ["", "20", "0runs", "-3h", "2 days", "1e3runs", "runs"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="write for instance 20runs, 90min or 2h"):
        parse_budget(text)
    with pytest.raises(ConfigError, match="a budget is a number of default runs or a time"):
        study_config({"name": "s", "dataset": "d", "tune": {"budget": text}})


def test_a_budget_may_be_raised_in_the_study_file_and_nothing_else() -> None:
    old = study_config({"name": "s", "dataset": "d", "tune": {"budget": "20runs"}})
    new = study_config({"name": "s", "dataset": "d", "tune": {"budget": "40runs"}})
    both = merged(old, new)
    assert both.tune is not None
    assert both.tune.budget == "40runs"
    other = study_config({"name": "s", "dataset": "d", "tune": {"candidates": 3}})
    with pytest.raises(Exception, match=r"tune\.candidates is 2 in the study's folder"):
        merged(old, other)
