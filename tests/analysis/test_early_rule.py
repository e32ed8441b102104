"""The early rule from tables alone: hand-computed shares, outcomes, and what a study shows."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.toy import DIVERGED, Toy, toy_study

from myosweep.analysis.conclude import conclude
from myosweep.analysis.early_rule import (
    early_applications,
    early_findings,
    early_rule,
    early_table,
)
from myosweep.analysis.early_rule_words import accuracy_words, early_cautions, early_sentences
from myosweep.analysis.tables import paper_table
from myosweep.config import EarlyRule, read_study_config, write_study_config
from myosweep.files import read_json, write_json
from myosweep.results.layout import RunFolder
from myosweep.results.read import read_results

COLUMNS = [
    "run", "words", "adjustment", "epoch", "epochs", "accuracy", "passed", "status", "continued"
]  # fmt: skip
SHIFTS = {(1e-2,): (3, 3), (1e-3,): (0, 1), (1e-4,): (1, 1)}


def table(*rows: tuple[str, float, bool, str]) -> pd.DataFrame:
    """Runs with their early accuracy, whether that passed, and how they ended."""
    full = [[run, run, 0, 3, 30, accuracy, ok, end, False] for run, accuracy, ok, end in rows]
    return pd.DataFrame(full, columns=COLUMNS)


def test_the_share_stopped_wrongly_by_hand() -> None:
    """Scores 0.1, 0.5, 0.7, 0.9: median 0.6. a and b had not passed; only b ends above it."""
    runs = table(
        ("a", 0.80, False, "complete"),
        ("b", 0.85, False, "complete"),
        ("c", 0.95, True, "complete"),
        ("d", 0.95, True, "diverged"),
        ("e", 0.50, False, "unfinished"),
        ("f", 0.95, True, "complete"),
    )
    scores = pd.Series({"a": 0.5, "b": 0.7, "c": 0.9, "d": 0.1, "f": math.nan})
    found = early_rule(runs, scores, EarlyRule(), in_force=True, lengths=[30])
    assert [one.run for one in found.completed] == ["a", "b", "c", "d"]
    assert found.median == pytest.approx(0.6)
    assert (found.would_stop, found.wrongly, found.asked) == (2, 1, 6)
    # Clopper-Pearson for 1 of 4: 1 - (1 - low)^4 = 0.025 gives the lower end
    assert found.low == pytest.approx(1 - 0.975**0.25)
    assert 1 - found.high**4 - 4 * (1 - found.high) ** 3 * found.high < 1
    assert found.high == pytest.approx(0.8059, abs=1e-4)
    assert found.epochs == ((3, 30),)
    assert [one.run for one in found.applied] == ["a", "b", "e"]


def test_as_good_as_the_median_is_wrongly_stopped() -> None:
    runs = table(*((name, 0.5, False, "complete") for name in "abc"))
    scores = pd.Series({"a": 0.1, "b": 0.2, "c": 0.3})
    found = early_rule(runs, scores, EarlyRule(), in_force=False)
    assert (found.would_stop, found.wrongly) == (3, 2)


def test_a_rule_that_stops_nothing_says_so() -> None:
    runs = table(*((name, 0.95, True, "complete") for name in "abcd"))
    scores = pd.Series({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4})
    found = early_rule(runs, scores, EarlyRule(), in_force=True, lengths=[30])
    text = " ".join(early_sentences(found, "Dice")).replace("\u00a0", " ")
    assert "4 trainings got so far. Every one passed." in text
    wanted = "Of 4 completed trainings the rule would have stopped none, and so 0 % of them wrongly"
    assert f"{wanted} (95 % interval 0 % to 60.2 %, exact" in text  # 1 - 0.025^(1/4) = 0.602


def test_without_completed_runs_nothing_is_claimed() -> None:
    found = early_rule(table(), pd.Series(dtype=float), EarlyRule(), in_force=True, lengths=[30])
    assert (found.completed, found.wrongly, found.low, found.high) == ((), 0, 0.0, 1.0)
    assert math.isnan(found.median)
    said = early_sentences(found, "Dice")
    assert "No training got so far." in said
    assert "No finished training can say whether the rule stops wrongly." in said


def test_a_useless_rule_errs_as_often_as_chance_and_a_perfect_one_never() -> None:
    """Simulation of known truth: early accuracy without any bearing on the end, and with all."""
    rng, rule = np.random.default_rng(0), EarlyRule()
    shares = []
    for _ in range(200):
        scores = rng.uniform(size=40)
        accuracies = rng.uniform(0.8, 1.0, 40)  # half of them pass, whatever the score
        names = [str(number) for number in range(40)]
        rows = [
            (name, float(one), bool(one > 0.9), "complete")
            for name, one in zip(names, accuracies, strict=True)
        ]
        found = early_rule(table(*rows), pd.Series(scores, names), rule, in_force=True)
        shares.append(found.wrongly / 40)
        perfect = [
            (name, 0.8 + one / 5, bool(one > np.median(scores)), "complete")
            for name, one in zip(names, scores, strict=True)
        ]
        best = early_rule(table(*perfect), pd.Series(scores, names), rule, in_force=True)
        assert best.wrongly == 0
    assert np.mean(shares) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("action", "number", "status", "continued", "outcome"),
    [
        ("report", 0, "complete", False, "recorded"),
        ("report", 0, "unfinished", False, "recorded"),
        ("report", 0, "stopped", False, "waiting"),
        ("report", 0, "complete", True, "continued"),
        ("report", 0, "diverged", False, "diverged"),
        ("stop", 0, "stopped", False, "stopped"),
        ("stop", 0, "diverged", False, "diverged"),
        ("adjust", 0, "stopped", False, "replaced"),
        ("adjust", 1, "stopped", False, "replaced"),
        ("adjust", 2, "complete", False, "last"),
    ],
)
def test_what_became_of_a_run(
    action: Any, number: int, status: str, continued: bool, outcome: str
) -> None:
    adjust = ({"learning_rate": 3e-4}, {"batch_size": 8, "dropout": 0.0})
    rule = EarlyRule(action=action, adjust=adjust if action == "adjust" else ())
    rows = table(("a", 0.5, False, status)).assign(adjustment=number, continued=continued)
    (one,) = early_rule(rows, pd.Series(dtype=float), rule, in_force=True).applied
    assert one.outcome == outcome
    nexts = {0: "learning rate 0.0003", 1: "batch size 8, dropout 0"}
    assert one.next_change == (nexts[number] if outcome == "replaced" else "")
    assert one.change == ("" if number == 0 else list(nexts.values())[number - 1])


def test_an_accuracy_is_never_rounded_up_to_the_threshold() -> None:
    assert accuracy_words(0.899999) == "89.99\u00a0%"
    assert accuracy_words(0.9) == "90.00\u00a0%"
    assert accuracy_words(0.29) == "29.00\u00a0%"


def ruled(folder: Path, shifts: Any = SHIFTS, epochs: int = 10, **rule: Any) -> Toy:
    """A toy study with an early rule.

    Its accuracy after epoch e of E is 0.8 + 0.19 (1 - exp(-3 e / E)) (1 - 0.05 shift - 0.01 seed).
    """
    config = {"early_rule": rule} if rule else {}
    return toy_study(folder, shifts, epochs=epochs, **config)


def early_accuracy(shift: int, seed: int, epoch: int, epochs: int) -> float:
    return 0.8 + 0.19 * (1 - math.exp(-3 * epoch / epochs)) * (1 - 0.05 * shift - 0.01 * seed)


def stop(toy: Toy, run: str, adjustment: int = 0) -> RunFolder:
    """Leave a toy run as the early rule does: status and history, no scores."""
    folder = toy.home.run(run)
    write_json(folder.status, read_json(folder.status) | {"status": "stopped"})
    folder.counts.unlink()
    folder.masks.unlink()
    return folder


def test_the_table_reads_histories(tmp_path: Path) -> None:
    toy = ruled(tmp_path, threshold=0.93, fraction=0.35)
    rule = toy.config.early_rule
    assert rule is not None
    # toy runs say 30 epochs in their settings: epoch 11, and have 10 rows
    assert early_table(toy.home, toy.config, rule).empty
    short = EarlyRule(threshold=0.93, fraction=0.1)
    found = early_table(toy.home, toy.config, short)
    assert found["epoch"].tolist() == [3] * 6
    wanted = [
        early_accuracy(shift, seed, 3, 10)
        for of in SHIFTS.values()
        for seed, shift in enumerate(of)
    ]
    assert found["accuracy"].tolist() == pytest.approx(wanted)
    assert found["words"].tolist()[:2] == ["L2 strength 0.01, seed 0", "L2 strength 0.01, seed 1"]
    assert found["passed"].tolist() == [one > 0.93 for one in wanted]


def test_a_study_without_a_rule_gets_an_exploratory_remark(tmp_path: Path) -> None:
    toy = ruled(tmp_path)
    results = read_results(toy.folder)
    found = early_findings(results)
    assert found is not None
    assert not found.in_force
    assert (found.fraction, found.threshold, found.applied) == (0.1, 0.9, ())
    assert len(found.completed) == 6
    text = " ".join(early_sentences(found, "Dice"))
    assert "no early rule. Exploratory" in text
    assert not list(early_cautions(results))
    assert not any("early rule" in note for note in paper_table(results).notes)
    assert conclude(results).early_rule == found


def test_short_trainings_and_masks_get_no_remark(tmp_path: Path) -> None:
    toy = ruled(tmp_path)
    settings = {"settings": {"epochs": 9}}
    write_study_config(toy.config.model_copy(update=settings), toy.home.study)
    assert early_findings(read_results(toy.folder)) is None
    masks = toy.config.model_copy(update={"source": "masks"})
    write_study_config(masks, toy.home.study)
    assert early_findings(read_results(toy.folder)) is None


def test_a_threshold_below_a_baseline_is_warned_of(tmp_path: Path) -> None:
    toy = ruled(tmp_path, threshold=0.5)
    results = read_results(toy.folder)
    found = early_findings(results)
    assert found is not None
    accuracy = dict(found.baselines)
    assert set(accuracy) == {"majority class", "no-image predictor"}
    counts = results.counts[results.counts["run"].astype(str).str.startswith("baseline-majority")]
    part = counts[counts["part"] == "validation"]
    assert accuracy["majority class"] == pytest.approx(
        part["tp"].sum() / (part["tp"] + part["fn"]).sum()
    )
    assert [name for name, _ in found.no_higher_than] == ["majority class", "no-image predictor"]
    (caution,) = early_cautions(results)
    assert caution.topic == "Early rule without meaning"
    assert "cannot tell learning from not learning" in caution.text
    strict = toy.config.model_copy(update={"early_rule": EarlyRule(threshold=0.999)})
    write_study_config(strict, toy.home.study)
    assert not list(early_cautions(read_results(toy.folder)))


def test_a_threshold_that_equals_a_baseline_is_too_low() -> None:
    found = early_rule(
        table(),
        pd.Series(dtype=float),
        EarlyRule(threshold=0.9),
        in_force=True,
        baselines=[("majority class", 0.9), ("no-image predictor", 0.8999)],
    )
    assert found.no_higher_than == (("majority class", 0.9),)


def test_stopped_networks_are_named_and_not_called_preliminary(tmp_path: Path) -> None:
    toy = ruled(tmp_path, threshold=0.999, action="stop")
    stop(toy, "run-0p01-1")
    results = read_results(toy.folder)
    assert len(results.networks) == 5
    found = conclude(results)
    topics = [one.topic for one in found.warnings]
    assert "Stopped by the early rule" in topics
    assert "Preliminary" not in topics
    text = next(one.text for one in found.warnings if one.topic == "Stopped by the early rule")
    assert "1 training had not passed 99.9" in text
    assert "L2 strength 0.01, seed 1" in text
    assert "this happened 1 time" in found.methods
    words = " ".join(early_sentences(found.early_rule, "Dice")) if found.early_rule else ""
    assert "nobody knows how they would have ended" in words
    (one,) = [one for one in early_applications(toy.folder) if one.outcome == "stopped"]
    assert (one.run, one.epoch) == ("run-0p01-1", 3)


def test_an_adjusted_network_stands_in_its_place(tmp_path: Path) -> None:
    rule = {"action": "adjust", "threshold": 0.999, "adjust": [{"learning_rate": 3e-4}]}
    toy = ruled(tmp_path, **rule)
    old = toy.home.run("run-0p01-1")
    other = old.path.rename(old.path.with_name("run-adjusted"))
    old = toy.add_network({"l2.strength": 1e-2}, 1, 3, epochs=10)
    stop(toy, old.id)
    settings = read_json(other / "settings.json")
    settings["settings"]["learning_rate"] = 3e-4
    write_json(other / "settings.json", settings | {"adjustment": 1})
    results = read_results(toy.folder)
    assert results.networks.set_index("run").loc["run-adjusted", "adjustment"] == 1
    found = conclude(results)
    assert found.early_rule is not None
    outcomes = {one.run: one.outcome for one in found.early_rule.applied}
    assert (outcomes[old.id], outcomes["run-adjusted"]) == ("replaced", "last")
    assert len(results.networks) == 6
    (text,) = (one.text for one in found.warnings if one.topic.startswith("Settings changed"))
    assert text.startswith("1 network was trained with other settings")
    assert "Not even then passed: L2 strength 0.01, seed 1" in text


def test_a_diverged_network_counts_as_it_ends(tmp_path: Path) -> None:
    toy = ruled(tmp_path, {**SHIFTS, (1e-2,): (3, DIVERGED)}, threshold=0.9)
    found = early_findings(read_results(toy.folder))
    assert found is not None
    ends = {one.run: one.score for one in found.completed}
    assert ends["run-0p01-1"] == 0
    assert read_study_config(toy.home.study).early_rule == toy.config.early_rule
