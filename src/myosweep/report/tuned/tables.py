"""The tables of a search's page."""

from collections.abc import Sequence

from myosweep.analysis.number_words import capital, decimals_of, number
from myosweep.analysis.points import field_words, format_value
from myosweep.analysis.tuning.early_scores import told_so_far
from myosweep.analysis.tuning.found import DEFAULT, Tuned, name_of
from myosweep.config import StudyConfig
from myosweep.report.conclusion.tables import interval, plain_table
from myosweep.report.conclusion.text import Block
from myosweep.report.figures.style import contender_colours
from myosweep.report.tables import NONE, Heading, Row, Section, Table, setting_meaning
from myosweep.report.tuned.text import (
    changes_block,
    early_block,
    how_it_ended,
    race_block,
    trials_block,
    values_of,
)
from myosweep.report.tuned.words import domain_words, short_value, tune_of, winner_of
from myosweep.results.trials import TrialRun


def changes_table(found: Tuned) -> Table | None:
    """What the winner has otherwise than the default; None without a winner."""
    return _table(changes_block(found), words=True)


def test_table(found: Tuned) -> Table | None:
    """The winner and the default on the test patients; None if they were not looked at."""
    if found.test is None:
        return None
    places = decimals_of(found.test)
    rows = [
        Row(
            one.value,
            (
                number(one.mean, places),
                interval(one.low, one.high, places),
                f"{number(min(one.networks), places)} to {number(max(one.networks), places)}",
            ),
            marked=one.value == winner_of(found),
        )
        for one in found.test.values
    ]
    return plain_table(("Settings", "Mean", "95 % interval", "Networks from to"), rows)


def race_table(found: Tuned, study: StudyConfig) -> Table | None:
    """Every look of the race; None before the first."""
    return _table(race_block(found, study), words=True)


def early_table(found: Tuned, study: StudyConfig) -> Table | None:
    """How well early scores tell the final ones, moment by moment; None before it is measured."""
    _, rule = told_so_far(found.trials, tune_of(study), found.measured)
    return _table(early_block(found, study), marked=f"{rule.percent} %" if rule else "")


def trials_table(found: Tuned) -> Table:
    """Every trial, best first; those that raced with their colours."""
    block = trials_block(found.trials, most=None)
    colours = contender_colours(found.race.contenders if found.race else ())
    rows = [
        Row(head, tuple(cells), colours.get(head, ""), head == name_of(DEFAULT))
        for head, *cells in block.rows
    ]
    return Table((_headings(block.columns),), (Section("", tuple(rows)),), words=True)


def space_table(found: Tuned, study: StudyConfig) -> Table:
    """Every searched setting: where, the default, the winner's value, and what it is."""
    winner = winner_of(found)
    default = next(study.points())[0]
    won = values_of(found, int(winner.removeprefix("trial "))) if winner else None
    rows = []
    for path, domain in study.space.items():
        cells = [domain_words(domain), format_value(default[path])]
        cells += [short_value(won.get(path))] if won is not None else []
        when = [f"{field_words(other)} is {format_value(v)}" for other, v in domain.when.items()]
        meaning = setting_meaning(path) + (f"; counts if {' and '.join(when)}" if when else "")
        rows.append(Row(capital(field_words(path)), (*cells, meaning)))
    names = ["Setting", "Searched", "Default", *([capital(winner)] if winner else []), "Meaning"]
    return Table((_headings(names),), (Section("", tuple(rows)),), words=True)


def trainings_table(runs: Sequence[TrialRun]) -> Table:
    """Every training of search and race: how it ended, and what it cost."""
    rows = [
        Row(
            one.run,
            (
                name_of(one.trial),
                str(one.seed),
                how_it_ended(one),
                f"{one.spent:.2f}",
                f"{one.status.seconds / 60:.1f}" if one.status else NONE,
            ),
        )
        for one in runs
    ]
    return plain_table(("Run", "Trial", "Seed", "Epochs", "Cost", "Minutes"), rows)


def _table(block: Block, marked: str = "", *, words: bool = False) -> Table | None:
    if not block.rows:
        return None
    rows = [Row(head, tuple(cells), marked=head == marked) for head, *cells in block.rows]
    return Table((_headings(block.columns),), (Section("", tuple(rows)),), words)


def _headings(names: Sequence[str]) -> tuple[Heading, ...]:
    return tuple(Heading(capital(name)) for name in names)
