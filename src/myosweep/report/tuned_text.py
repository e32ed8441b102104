"""What a search found, in words and tables: for the terminal, the page, and as JSON."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from myosweep.analysis.cautions import metric_words
from myosweep.analysis.comparison_words import comparison_sentence
from myosweep.analysis.early_scores import told_so_far
from myosweep.analysis.number_words import number
from myosweep.analysis.points import field_words, format_value
from myosweep.analysis.race import FIRST_LOOK, Race
from myosweep.analysis.tuned import DEFAULT, Trial, Tuned, name_of
from myosweep.config import StudyConfig, Value
from myosweep.report.conclusion_text import Block, plain
from myosweep.results.trials import TuningState

_MOST = 12
"""Trials in the table; the best ones."""
_ENDINGS = {
    "decided": "The verdict engine has decided.",
    "nobody left": "No candidate is left: none can be better than the default by the margin.",
    "largest number": "Every contender has its largest number of networks.",
    "not over": "The budget is spent before the race is decided.",
}


def tuned_blocks(found: Tuned, study: StudyConfig, state: TuningState) -> tuple[Block, ...]:
    """Everything that ``myosweep tune`` prints, the answer first."""
    blocks = (
        Block("Which settings should I take?", sentences=tuple(_answer(found, study))),
        _changes(found),
        _race(found, study),
        Block("What it cost", sentences=tuple(_cost(found, state))),
        _early(found, study),
        _trials(found),
    )
    return tuple(block for block in blocks if block.rows or block.sentences)


def tuned_json(found: Tuned, study: StudyConfig, state: TuningState) -> dict[str, Any]:
    """The same as JSON can hold it."""
    told, rule = told_so_far(found.trials, _tune(study))
    content: dict[str, Any] = plain(
        {
            "study": study.name,
            "outcome": found.outcome,
            "recommended": found.recommended,
            "settings": _values(found, found.recommended),
            "budget": state.model_dump(mode="json"),
            "spent": found.spent,
            "early_scores": [asdict(one) for one in told],
            "pruning": None if rule is None else asdict(rule),
            "race": None if found.race is None else asdict(found.race),
            "test": None if found.test is None else asdict(found.test),
            "trials": [
                {
                    "trial": one.number,
                    "run": one.run.run,
                    "score": one.score,
                    "status": one.run.status.status if one.run.status else None,
                    "epochs_done": one.run.epochs_done,
                    "cost": one.run.spent,
                    "values": one.run.values,
                }
                for one in found.trials
            ],
        }
    )
    return content


def _answer(found: Tuned, study: StudyConfig) -> Iterator[str]:
    match found.outcome:
        case "not over":
            best = max(
                (one for one in found.trials if one.score is not None),
                key=lambda one: one.score or 0.0,
                default=None,
            )
            yield "Not known yet: the search or its race is not over. All below is preliminary."
            if best is not None:
                yield (
                    f"Highest validation score so far: {number(best.score or 0.0)} of {best.name}. "
                    "One network each says little about which settings are best."
                )
        case "keep":
            yield "Keep the default: nothing that was tried is shown to be better."
            yield "The test patients were not looked at, because there is nothing to confirm."
        case "not confirmed":
            yield (
                f"Keep the default. {_capital(found)} came first in the race on validation "
                "patients, but is not shown to be better on test patients."
            )
            yield from _test(found, study)
        case "take":
            yield f"Take the settings of {found.race.winner if found.race else ''}."
            yield from _test(found, study)


def _test(found: Tuned, study: StudyConfig) -> Iterator[str]:
    if found.test is None:
        return
    yield "On the test patients, looked at once, now:"
    yield comparison_sentence(found.test.comparisons[0], found.test, metric_words(study.question))
    yield (
        f"This holds for new networks and new patients: {found.test.networks} networks of each, "
        f"{found.test.patients} patients. These networks took no part in the search."
    )


def _capital(found: Tuned) -> str:
    winner = found.race.winner if found.race and found.race.winner else ""
    return winner[:1].upper() + winner[1:]


def _changes(found: Tuned) -> Block:
    """What the winner has otherwise than the default."""
    number_ = found.race.winner.removeprefix("trial ") if found.race and found.race.winner else ""
    if not number_:
        return Block("")
    default, winner = _values(found, DEFAULT) or {}, _values(found, int(number_)) or {}
    rows = tuple(
        (field_words(path), format_value(default[path]), format_value(value))
        for path, value in winner.items()
        if default.get(path) != value
    )
    return Block("What differs", ("setting", "default", f"trial {number_}"), rows)


def _values(found: Tuned, trial: int | None) -> dict[str, Value] | None:
    return next((one.run.values for one in found.trials if one.number == trial), None)


def _race(found: Tuned, study: StudyConfig) -> Block:
    race = found.race
    if race is None:
        return Block("")
    title = "The race on validation patients"
    if not race.contenders:
        sentence = "No trial scored higher than the default's network: there was nothing to race."
        return Block(title, sentences=(sentence,))
    rows = tuple(
        (
            str(one.networks),
            comparison.value,
            number(comparison.difference, sign=True),
            f"{number(comparison.low, sign=True)} to {number(comparison.high, sign=True)}",
            comparison.verdict,
        )
        for one in race.rounds
        for comparison in one.shown.comparisons
    )
    columns = ("networks each", "contender", "minus the default", "interval", "verdict")
    return Block(title, columns, rows, tuple(_race_words(race, found, study)))


def _race_words(race: Race, found: Tuned, study: StudyConfig) -> Iterator[str]:
    if race.rounds:
        yield (
            f"Differences in {metric_words(study.question)} of new networks with the same seeds. "
            "The intervals of all looks together are wrong in at most 5 % of such races; a "
            f"candidate leaves when it cannot be better by the margin of {number(found.margin)}."
        )
    else:
        yield f"The first look is taken at {FIRST_LOOK} networks each; there are {race.networks}."
    if found.outcome != "not over":
        yield _ENDINGS[race.ending]


def _cost(found: Tuned, state: TuningState) -> Iterator[str]:
    budget = f" of {state.budget_runs:.1f}" if state.budget_runs is not None else ""
    ended = sum(one.run.status is not None and one.score is None for one in found.trials)
    early = f", {ended} of them ended early or failed" if ended else ""
    yield (
        f"{len(found.trials)} trials{early}; {found.spent:.1f}{budget} default runs spent on "
        "search and race, counted in multiplications (a network with twice the filters counts "
        "fourfold)."
    )


def _early(found: Tuned, study: StudyConfig) -> Block:
    tune = _tune(study)
    told, rule = told_so_far(found.trials, tune)
    rows = tuple(
        (
            f"{one.percent} %",
            number(one.correlation, 2) if math.isfinite(one.correlation) else "undefined",
            number(one.low, 2) if math.isfinite(one.low) else "undefined",
            str(one.trials),
        )
        for one in told
    )
    columns = ("epochs done", "rank correlation with the final score", "at least", "trials")
    if tune.pruner == "none":
        words = "No trial is ended early: tune.pruner is 'none'."
    elif not told:
        words = "Not measured yet; until then no trial is ended early."
    elif rule is None:
        words = (
            "So early scores tell too little of the final ones (at least 0.5 is asked for), and "
            "no trial is ended early."
        )
    else:
        rungs = ", ".join(f"{rung} %" for rung in rule.rungs)
        words = (
            f"So trials may be ended at {rungs} of their epochs, where about one of {rule.factor} "
            f"goes on ({tune.pruner})."
        )
    return Block("Do early scores tell the final ones?", columns if rows else (), rows, (words,))


def _trials(found: Tuned) -> Block:
    default = _values(found, DEFAULT) or {}
    ranked = sorted(found.trials, key=lambda one: (-(one.score or -1.0), one.number))
    rows = tuple(
        (
            one.name,
            number(one.score) if one.score is not None else "–",
            f"{one.run.spent:.2f}",
            _ended(one),
            _differences(one, default),
        )
        for one in ranked[:_MOST]
    )
    left = len(found.trials) - len(rows)
    more = f" The {left} lowest are left out here; --json has all." if left > 0 else ""
    note = (
        "Validation score of one network each: the best of many is too good to be true (that is "
        f"why it races against {name_of(DEFAULT)} with new networks).{more}"
    )
    columns = ("trial", "score", "cost", "ended", "what differs from the default")
    return Block("Trials, best first", columns, rows, (note,) if rows else ())


def _ended(one: Trial) -> str:
    if one.run.status is None:
        return "not yet"
    done = f"{one.run.epochs_done} of {one.run.epochs} epochs"
    return done if one.run.status.status == "complete" else f"{one.run.status.status}, {done}"


def _differences(one: Trial, default: dict[str, Value]) -> str:
    return ", ".join(
        f"{field_words(path)} {_short(value)}"
        for path, value in one.run.values.items()
        if default.get(path) != value
    )


def _short(value: Value) -> str:
    return f"{value:.2g}" if isinstance(value, float) else format_value(value)


def _tune(study: StudyConfig) -> Any:
    assert study.tune is not None
    return study.tune
