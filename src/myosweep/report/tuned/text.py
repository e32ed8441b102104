"""What a search found, in words and tables: for the terminal, the page, and as JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import tomlkit

from myosweep.analysis.number_words import number
from myosweep.analysis.points import field_words
from myosweep.analysis.tuning.early_scores import told_so_far
from myosweep.analysis.tuning.found import DEFAULT, Trial, Tuned, name_of
from myosweep.analysis.tuning.importance import tuned_importance
from myosweep.config import StudyConfig, Value
from myosweep.report.conclusion.text import Block, plain
from myosweep.report.conclusion.told import Part
from myosweep.report.importance_text import importance_blocks, importance_json
from myosweep.report.tuned.words import (
    answer_part,
    cost_part,
    early_part,
    race_part,
    short_value,
    tune_of,
    winner_of,
)
from myosweep.results.trials import TrialRun, TuningState

MOST = 12
"""Trials in the terminal's table; the best ones."""


def tuned_blocks(found: Tuned, study: StudyConfig, state: TuningState) -> tuple[Block, ...]:
    """Everything that ``myosweep tune`` prints, the answer first."""
    blocks = (
        _with(answer_part(found, study)),
        changes_block(found),
        _paste_block(found, study),
        race_block(found, study),
        _with(cost_part(found, state)),
        early_block(found, study),
        trials_block(found.trials),
        *matters_blocks(found, study),
    )
    return tuple(block for block in blocks if block.rows or block.sentences)


def matters_blocks(found: Tuned, study: StudyConfig) -> tuple[Block, ...]:
    """Which of the searched settings matter; nothing before the search is over."""
    if found.race is None:
        return ()
    return importance_blocks(tuned_importance(found.trials, study))


def _paste_block(found: Tuned, study: StudyConfig) -> Block:
    text = to_paste(found, study)
    return Block("To use them, write into a study file", sentences=(text,) if text else ())


def _with(
    part: Part, columns: tuple[str, ...] = (), rows: tuple[tuple[str, ...], ...] = ()
) -> Block:
    return Block(part.question, columns if rows else (), rows, (part.lead, *part.sentences))


def tuned_json(found: Tuned, study: StudyConfig, state: TuningState) -> dict[str, Any]:
    """The same as JSON can hold it."""
    told, rule = told_so_far(found.trials, tune_of(study), found.measured)
    content: dict[str, Any] = plain(
        {
            "study": study.name,
            "outcome": found.outcome,
            "exploratory": found.exploratory,
            "recommended": found.recommended,
            "settings": values_of(found, found.recommended),
            "budget": state.model_dump(mode="json"),
            "spent": found.spent,
            "early_scores": [asdict(one) for one in told],
            "pruning": None if rule is None else asdict(rule),
            "race": None if found.race is None else asdict(found.race),
            "test": None if found.test is None else asdict(found.test),
            "earlier_look": None if found.earlier is None else asdict(found.earlier),
            "trials": trial_records(found.trials),
            "importance": importance_json(tuned_importance(found.trials, study)),
        }
    )
    return content


def trial_records(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Each trial of a search, with its validation score."""
    records: list[dict[str, Any]] = [
        {
            "trial": one.number,
            "run": one.run.run,
            "score": one.score,
            "status": one.run.status.status if one.run.status else None,
            "epochs_done": one.run.epochs_done,
            "cost": one.run.spent,
            "values": one.run.values,
        }
        for one in trials
    ]
    return plain(records)


def changes_block(found: Tuned) -> Block:
    """What the winner of the race has otherwise than the default; empty without a winner."""
    winner = winner_of(found)
    if not winner:
        return Block("")
    default = values_of(found, DEFAULT) or {}
    values = values_of(found, int(winner.removeprefix("trial "))) or {}
    rows = tuple(
        (field_words(path), short_value(default.get(path)), short_value(value))
        for path, value in values.items()
        if default.get(path) != value
    )
    return Block("What differs", ("setting", "default", winner), rows)


def values_of(found: Tuned, trial: int | None) -> dict[str, Value] | None:
    """The searched settings of a trial; None if there is no such trial."""
    return next((one.run.values for one in found.trials if one.number == trial), None)


def race_block(found: Tuned, study: StudyConfig) -> Block:
    """The looks of the race; empty before it."""
    part = race_part(found, study)
    if part is None or found.race is None:
        return Block("")
    rows = tuple(
        (
            str(one.networks),
            comparison.value,
            number(comparison.difference, sign=True),
            f"{number(comparison.low, sign=True)} to {number(comparison.high, sign=True)}",
            comparison.verdict,
        )
        for one in found.race.rounds
        for comparison in one.shown.comparisons
    )
    columns = ("networks each", "contender", "minus the default", "interval", "verdict")
    return _with(part, columns, rows)


def early_block(found: Tuned, study: StudyConfig) -> Block:
    """How well early scores tell the final ones."""
    told, _ = told_so_far(found.trials, tune_of(study), found.measured)
    rows = tuple(
        (f"{one.percent} %", _correlation(one.correlation), _correlation(one.low), str(one.trials))
        for one in told
    )
    columns = ("epochs done", "rank correlation with the final score", "at least", "trials")
    return _with(early_part(found, study), columns, rows)


def _correlation(rho: float) -> str:
    return number(rho, 2) if math.isfinite(rho) else "undefined"


def to_paste(found: Tuned, study: StudyConfig) -> str:
    """The recommended settings as lines of a study file; empty if the default is kept."""
    if found.recommended in (None, DEFAULT):
        return ""
    default, values = next(study.points())[0], values_of(found, found.recommended) or {}
    changed = {
        path: value
        for path, value in values.items()
        if value is not None and default.get(path) != value
    }
    content = {"preset": study.preset, "settings": {**study.settings, **changed}}
    return tomlkit.dumps(content).strip()


def trials_block(trials: Sequence[Trial], most: int | None = MOST) -> Block:
    """The trials, best first.

    Args:
        most: so many at most; None for all.
    """
    default = next((one.run.values for one in trials if one.number == DEFAULT), {})
    ranked = sorted(trials, key=_rank)
    rows = tuple(
        (
            one.name,
            number(one.score) if one.score is not None else "–",
            f"{one.run.spent:.2f}",
            how_it_ended(one.run),
            differences(one.run.values, default),
        )
        for one in ranked[:most]
    )
    left = len(trials) - len(rows)
    more = f" The {left} lowest are left out here; --json has all." if left > 0 else ""
    note = (
        "Validation score of one network each: the best of many is too good to be true (that is "
        f"why it races against {name_of(DEFAULT)} with new networks).{more}"
    )
    columns = ("trial", "score", "cost", "epochs", "what differs from the default")
    return Block("Trials, best first", columns, rows, (note,) if rows else ())


def _rank(one: Trial) -> tuple[bool, float, int]:
    return one.score is None, -(one.score or 0.0), one.number


def how_it_ended(run: TrialRun) -> str:
    """How a training ended, and after how many epochs."""
    if run.status is None:
        return "not yet"
    done = f"{run.epochs_done} of {run.epochs}"
    return done if run.status.status == "complete" else f"{done}, {run.status.status}"


def differences(values: Mapping[str, Value], default: Mapping[str, Value]) -> str:
    """What a trial has otherwise than the default, in words."""
    return ", ".join(
        f"{field_words(path)} {short_value(value)}"
        for path, value in values.items()
        if default.get(path) != value
    )
