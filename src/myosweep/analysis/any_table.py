"""Scores of anybody's study, from a table with one row per score: CSV, TSV or semicolons."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from myosweep.analysis.number_words import listed
from myosweep.analysis.points import format_value
from myosweep.analysis.table_file import Row, column_problems, lines_words, read_rows
from myosweep.errors import InputError
from myosweep.statistics.answer import Answer, ValueMean, answer
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison

ASSUMED_MARGIN = 0.02
"""Taken where nobody says what difference matters, for scores between 0 and 1 only."""
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "–"}
"""What stands in a table where there is no score, in small letters."""

_SHOWN = 3
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class AnyTable:
    """A table as it was read.

    Attributes:
        scores: the scores as verdicts need them, more being better: negated if more is worse.
        bigger_is_worse: whether they were negated (``judge_table`` turns its answer back).
        score, value: the columns, as the user named them; ``where`` what else was chosen.
        notes: what was made of the table, in plain sentences.
    """

    scores: ScoreTable
    bigger_is_worse: bool
    score: str
    value: str
    where: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def score_words(self) -> str:
        """What the scores are: ``dice``, or ``dice (region = myocardium)``."""
        chosen = ", ".join(f"{column} = {wanted}" for column, wanted in self.where)
        return f"{self.score} ({chosen})" if chosen else self.score


def read_any_table(
    path: Path,
    value: str,
    score: str,
    seed: str | None = None,
    patient: str | None = None,
    *,
    where: Sequence[tuple[str, str]] = (),
    bigger_is_worse: bool = False,
) -> AnyTable:
    """Read one score per row.

    Values are ordered by size if they are numbers, numbers before names, names as they come. A
    cell without a score is NaN. Networks are paired between values by the name of their seed; a
    value that shares no seed with any other has its networks numbered in order, and a note says so.

    Args:
        value, score, seed, patient: names of columns. Without ``seed`` (``patient``) all networks
            (patients) are one.
        where: columns and what must stand in them; other rows are left out.

    Raises:
        InputError: with everything that is wrong with the file, the columns or the rows.
    """
    columns, rows, problems = read_rows(path, [value, score, *filter(None, (seed, patient))])
    roles = {"value": value, "score": score, "seed": seed, "patient": patient}
    problems += column_problems(columns, roles, where)
    if problems:
        raise InputError(problems, f"{path.name} cannot be used")
    chosen, problems = _chosen(rows, where)
    notes: list[str] = []
    chosen = _with_points(chosen, (score, value), notes)
    numbers, found = _scores(chosen, score)
    problems += found + [
        problem
        for role, column in roles.items()
        if column is not None and role != "score"
        for problem in _empty(chosen, role, column)
    ]
    if problems:
        raise InputError(problems, f"{path.name} cannot be used")
    names = [_value_name(row.cells[value]) for row in chosen]
    values = sorted(dict.fromkeys(names), key=_value_order)
    seeds = [row.cells[seed] if seed else "all networks" for row in chosen]
    patients = [row.cells[patient] if patient else "all patients" for row in chosen]
    problems = _duplicates(list(zip(names, seeds, patients, strict=True)), chosen, numbers, roles)
    if len(values) < 2:
        problems.append(
            f"a comparison needs at least 2 values, column {value!r} has only {listed(values)}; "
            "name the column in which the setting stands"
        )
    if problems:
        raise InputError(problems, f"{path.name} cannot be used")
    if seed:
        seeds = _paired(names, seeds, notes)
    table = _table(values, names, seeds, patients, numbers)
    if bigger_is_worse:
        notes.append(f"Less {score} is better, as was said.")
        table = replace(table, scores=-table.scores)
    table = replace(table, networks_known=seed is not None, patients_known=patient is not None)
    return AnyTable(table, bigger_is_worse, score, value, tuple(where), tuple(notes))


def judge_table(
    read: AnyTable, *, margin: float | None = None, reference: str | None = None
) -> tuple[Answer, bool]:
    """The answer in the table's own units, and whether its margin was assumed.

    Values without any score do not take part.

    Raises:
        InputError: if the reference was not tested, or the margin is no positive number, or is
            missing where none can be assumed.
    """
    table = read.scores
    there = np.isfinite(table.scores).any((1, 2))
    values = tuple(name for name, found in zip(table.values, there, strict=True) if found)
    problems = []
    base = None if reference is None else _value_name(reference)
    if base is not None and base not in values:
        problems.append(
            f"the reference is {reference!r}, the values with scores are {', '.join(values)}; name "
            "one of them"
        )
    if margin is not None and not (0 < margin < math.inf):
        problems.append(f"a margin is a number above 0, got {margin:g}; write for instance 0.02")
    if len(values) < 2:
        problems.append(
            f"a comparison needs scores of at least 2 values, found those of {listed(values) or 0}"
        )
    if margin is None:
        problems += _no_margin(read)
    if problems:
        raise InputError(problems, "the table cannot be judged")
    shown = answer(
        replace(table, values=values, scores=np.ascontiguousarray(table.scores[there])),
        ASSUMED_MARGIN if margin is None else margin,
        family="pairs" if base is None else "reference",
        reference=base,
    )
    return mirrored(shown) if read.bigger_is_worse else shown, margin is None


def mirrored(shown: Answer) -> Answer:
    """An answer about negated scores in the units of the scores themselves.

    Means and differences change their sign; which value is better, and what may be concluded, stay.
    """

    def mean(one: ValueMean) -> ValueMean:
        networks = tuple(-x for x in one.networks)
        return ValueMean(one.value, -one.mean, -one.high, -one.low, networks)

    def comparison(one: Comparison) -> Comparison:
        return replace(one, difference=-one.difference, low=-one.high, high=-one.low)

    def turned(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        return None if bounds is None else (-bounds[1], -bounds[0])

    return replace(
        shown,
        values=tuple(map(mean, shown.values)),
        comparisons=tuple(map(comparison, shown.comparisons)),
        second_looks=tuple(
            replace(look, cautious=turned(look.cautious), bootstrap=turned(look.bootstrap))
            for look in shown.second_looks
        ),
    )


def _no_margin(read: AnyTable) -> list[str]:
    scores = read.scores.scores[read.scores.cells]
    if not read.bigger_is_worse and len(scores) and scores.min() >= 0 and scores.max() <= 1:
        return []
    why = "of which less is better"
    if not read.bigger_is_worse:
        why = (
            f"from {scores.min():g} to {scores.max():g}" if len(scores) else "that are all missing"
        )
    return [
        f"without --margin, {ASSUMED_MARGIN} is assumed for scores between 0 and 1 only, column "
        f"{read.score!r} has scores {why}; say with --margin what difference matters, such as 2 "
        "for Dice in percent"
    ]


def _chosen(rows: Sequence[Row], where: Sequence[tuple[str, str]]) -> tuple[list[Row], list[str]]:
    """The rows that have what is asked for, and what no row has."""
    problems = []
    for column, wanted in where:
        present = dict.fromkeys(row.cells[column] for row in rows)
        if _value_name(wanted) not in map(_value_name, present):
            shown = ", ".join(list(present)[:10]) + (", ..." if len(present) > 10 else "")
            problems.append(f"no row has {column} = {wanted!r}; there are {shown}")
    chosen = [
        row
        for row in rows
        if all(_value_name(row.cells[column]) == _value_name(wanted) for column, wanted in where)
    ]
    if not chosen and not problems:
        problems.append("no row has all that --where asks for; ask for less")
    return chosen, problems


def _with_points(rows: Sequence[Row], columns: tuple[str, str], notes: list[str]) -> list[Row]:
    """The rows with decimal points in two columns, if the first of them has decimal commas."""
    first = [row.cells[columns[0]] for row in rows]
    commas = [text for text in first if _DECIMAL_COMMA.fullmatch(text)]
    if not commas or any("." in text for text in first):
        return list(rows)
    notes.append(f"Numbers were read with a decimal comma ({commas[0]}).")
    changed = []
    for row in rows:
        cells = dict(row.cells)
        for column in columns:
            if _DECIMAL_COMMA.fullmatch(cells[column]):
                cells[column] = cells[column].replace(",", ".")
        changed.append(Row(row.line, cells))
    return changed


def _scores(rows: Sequence[Row], column: str) -> tuple[list[float], list[str]]:
    """The scores, NaN where there is none, and which of them are no numbers."""
    texts = [row.cells[column] for row in rows]
    numbers = [math.nan if text.lower() in MISSING else _number(text) for text in texts]
    wrong = [(row, n) for row, n in zip(rows, numbers, strict=True) if n is None]
    problems = []
    if wrong:
        shown = ", ".join(f"{row.cells[column]!r}" for row, _ in wrong[:_SHOWN])
        problems.append(
            f"a score is a number, column {column!r} has {shown} in "
            f"{lines_words([row.line for row, _ in wrong])} ({len(wrong)} of {len(rows)} rows); "
            "correct them, or leave the cell empty where there is no score"
        )
    return [math.nan if n is None else n for n in numbers], problems


def _number(text: str) -> float | None:
    """A finite number; None for anything else."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in text else None


def _value_name(text: str) -> str:
    """A value as it is shown: numbers in one way only, names as they are."""
    found = _number(text.strip())
    return text.strip() if found is None else format_value(found)


def _value_order(name: str) -> tuple[bool, float]:
    found = _number(name)
    return found is None, found or 0.0


def _natural(name: str) -> list[tuple[bool, float, str]]:
    """Orders ``P2`` before ``P10``."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), float(part) if part.isdecimal() else 0.0, part) for part in parts]


def _empty(rows: Sequence[Row], role: str, column: str) -> list[str]:
    lines = [row.line for row in rows if not row.cells[column]]
    if not lines:
        return []
    return [
        f"every row names its {role}, column {column!r} is empty in {lines_words(lines)}; fill it"
    ]


def _duplicates(
    keys: Sequence[tuple[str, str, str]],
    rows: Sequence[Row],
    numbers: Sequence[float],
    roles: Mapping[str, str | None],
) -> list[str]:
    """Rows that stand for the same score, and what may tell them apart."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for position, key in enumerate(keys):
        places.setdefault(key, []).append(position)
    several = [(key, found) for key, found in places.items() if len(found) > 1]
    if not several:
        return []
    known = (True, roles["seed"] is not None, roles["patient"] is not None)
    examples = []
    for key, found in several[:_SHOWN]:
        names = zip(("value", "seed", "patient"), key, known, strict=True)
        name = ", ".join(f"{role} {text}" for role, text, is_known in names if is_known)
        scores = {str(numbers[position]) for position in found}
        same = "identical scores" if len(scores) == 1 else "different scores"
        examples.append(f"{name} ({lines_words([rows[p].line for p in found])}, {same})")
    more = f" and {len(several) - _SHOWN} more" if len(several) > _SHOWN else ""
    return [
        f"each {_joint(known)} has one row, but there are several for {'; '.join(examples)}{more}; "
        f"{_way_out(rows, several, roles)}"
    ]


def _joint(known: tuple[bool, bool, bool]) -> str:
    names = [
        name for name, is_known in zip(("value", "seed", "patient"), known, strict=True) if is_known
    ]
    return names[0] if len(names) == 1 else f"combination of {listed(names)}"


def _way_out(
    rows: Sequence[Row],
    several: Sequence[tuple[tuple[str, str, str], list[int]]],
    roles: Mapping[str, str | None],
) -> str:
    first = [rows[position].cells for position in several[0][1]]
    others = [column for column in first[0] if column and column not in roles.values()]
    differ = [column for column in others if len({cells[column] for cells in first}) > 1]
    options = [f"--{role}" for role in ("seed", "patient") if roles[role] is None]
    ways = [f"name the column that tells them apart with {' or '.join(options)}"] if options else []
    if differ:
        ways.append(f"choose rows with --where COLUMN=VALUE (they differ in {listed(differ)})")
    return ", or ".join([*ways, "keep one row of each"])


def _paired(names: Sequence[str], seeds: Sequence[str], notes: list[str]) -> list[str]:
    """Seeds under which networks are paired; values that share none get theirs by number."""
    by_value: dict[str, list[str]] = {}
    for name, seed in zip(names, seeds, strict=True):
        by_value.setdefault(name, []).append(seed)
    unique = {name: sorted(set(found), key=_natural) for name, found in by_value.items()}
    alone = [
        name
        for name, own in unique.items()
        if not any(set(own) & set(found) for other, found in unique.items() if other != name)
    ]
    if not alone:
        return list(seeds)
    shared = {seed for name, own in unique.items() if name not in alone for seed in own}
    places = sorted(shared, key=_natural)
    largest = max(len(unique[name]) for name in alone)
    places += [f"network {number + 1}" for number in range(len(places), largest)]
    renamed = {
        (name, seed): places[number] for name in alone for number, seed in enumerate(unique[name])
    }
    notes.append(
        f"No seed of {listed(alone)} also serves another value, so their networks were paired in "
        "order. If networks of different values belong together, give them the same seed."
    )
    return [renamed.get((name, seed), seed) for name, seed in zip(names, seeds, strict=True)]


def _table(
    values: Sequence[str],
    names: Sequence[str],
    seeds: Sequence[str],
    patients: Sequence[str],
    numbers: Sequence[float],
) -> ScoreTable:
    networks, people = (sorted(set(axis), key=_natural) for axis in (seeds, patients))
    places = [
        {name: place for place, name in enumerate(axis)} for axis in (values, networks, people)
    ]
    scores = np.full((len(values), len(networks), len(people)), np.nan)
    for key, number in zip(zip(names, seeds, patients, strict=True), numbers, strict=True):
        scores[tuple(axis[name] for axis, name in zip(places, key, strict=True))] = number
    return ScoreTable(tuple(values), tuple(networks), tuple(people), scores)
