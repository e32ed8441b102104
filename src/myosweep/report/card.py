"""The model card in the report, and its parts for the terminal."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from myosweep.analysis.card.checklist import COLUMNS, Checklist, checklist_rows
from myosweep.analysis.card.claim import claim
from myosweep.analysis.card.parts import CardTable, Part
from myosweep.analysis.card.reloaded import reloaded
from myosweep.analysis.card.words import card_parts, card_title
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.points import Point, points
from myosweep.predict.card import make_card, meant_in
from myosweep.report.conclusion.tables import Lettered, plain_table
from myosweep.report.conclusion.text import Block
from myosweep.report.tables import Row, Table
from myosweep.results.read import Results

_FOLDED = "files"
"""The part whose tables open on a click."""
_IN_WORDS = ("groups", "failures", "settings", "files")
"""Parts whose tables hold texts more than numbers."""


@dataclass(frozen=True)
class CardPart:
    """A part of the card with its tables as the report lays them out.

    All settings stand in the report's appendix already.
    """

    part: Part
    tables: tuple[Lettered, ...]


@dataclass(frozen=True)
class FilledChecklist:
    """A checklist, and its items as a table."""

    checklist: Checklist
    table: Lettered


@dataclass(frozen=True)
class CardSection:
    """The card as the report shows it.

    Attributes:
        title: which networks it is about; ``why`` says why these.
    """

    title: str
    why: str
    parts: tuple[CardPart, ...]
    checklists: tuple[FilledChecklist, ...]


def card_section(results: Results, concluded: Conclusion) -> CardSection | None:
    """The card of the value that a reader would take; None for masks of another program."""
    chosen, why = _chosen(results, concluded)
    return None if chosen is None else section_of_runs(results, chosen.runs, why)


def trial_card_section(results: Results, trial: int | None) -> CardSection | None:
    """The card of a search's trial; None before the end."""
    networks = results.networks
    runs = networks.loc[networks["trial"] == trial, "run"].tolist() if trial is not None else []
    return section_of_runs(results, runs, "the settings to take") if runs else None


def section_of_runs(results: Results, runs: Sequence[str], why: str) -> CardSection | None:
    """The card of some runs; None if no network is behind them."""
    found = meant_in(results, runs)
    if found is None:
        return None
    card = make_card(found, results)
    letters = (f"K{number}" for number in itertools.count(1))
    parts = tuple(_part(part, letters) for part in card_parts(card))
    lists = tuple(_filled(one, next(letters)) for one in (claim(card), reloaded(card)))
    return CardSection(card_title(card), why, parts, lists)


def part_blocks(part: Part) -> tuple[Block, ...]:
    """A part for the terminal: sentences, points and facts, then tables."""
    told = [*part.sentences]
    told += [f"{topic}. {text}" if topic else f"- {text}" for topic, text in part.points]
    told += [f"{term}: {text}" for term, text in part.facts]
    tables = (Block(one.caption, one.columns, one.rows) for one in part.tables)
    return (Block(part.title, sentences=tuple(told)), *tables)


def _chosen(results: Results, concluded: Conclusion) -> tuple[Point | None, str]:
    """The value recommended, else the default, else the one with the highest mean."""
    by_label = {point.label: point for point in points(results)}
    advice = concluded.recommendation
    if advice.value in by_label:
        return by_label[advice.value], "the value recommended above"
    if advice.default in by_label:
        return by_label[advice.default], "the default, since no other value is recommended"
    if concluded.shown.highest in by_label:
        return by_label[concluded.shown.highest], "the value with the highest mean test score"
    return next(iter(by_label.values()), None), "the study’s networks"


def _part(part: Part, letters: Iterator[str]) -> CardPart:
    folded = part.name == _FOLDED
    shown = part.tables[:-1] if part.name == "settings" else part.tables
    tables = tuple(
        Lettered(next(letters), one.caption, _table(one, part), folded, one.caption.rstrip("."))
        for one in shown
    )
    return CardPart(part, tables)


def _table(one: CardTable, part: Part) -> Table:
    rows = [Row(row[0], row[1:]) for row in one.rows]
    return plain_table(one.columns, rows, words=part.name in _IN_WORDS)


def _filled(checklist: Checklist, letter: str) -> FilledChecklist:
    rows = [Row(row[0], row[1:]) for row in checklist_rows(checklist.items)]
    table = plain_table(COLUMNS, rows, words=True)
    title = f"{checklist.title}, {len(checklist.items)} items"
    return FilledChecklist(checklist, Lettered(letter, checklist.source, table, True, title))
