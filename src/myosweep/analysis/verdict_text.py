"""What ``myosweep verdict`` prints of an answer: tables, sentences by topic, one record."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from myosweep.analysis import sentences
from myosweep.analysis.any_table import AnyTable
from myosweep.analysis.number_words import decimals_of, margin_words, number, p_words, percent
from myosweep.analysis.tables import TextTable
from myosweep.statistics.answer import Answer


def introduction(read: AnyTable, shown: Answer, assumed: bool) -> tuple[str, ...]:
    """The heading, what was made of the table, and the margin."""
    margin = margin_words(shown)
    about_margin = f"Smallest difference that matters (margin): {margin}"
    if assumed:
        about_margin = (
            f"No margin was given: {margin} is assumed to be the smallest difference that matters. "
            "Choose your own with --margin."
        )
    return sentences.verdict_heading(shown), *read.notes, about_margin


def topics(read: AnyTable, shown: Answer, assumed: bool) -> dict[str, list[str]]:
    """All sentences, by topic."""
    words = (read.score_words, read.value)
    return {
        "comparisons": [
            sentences.comparison_sentence(one, shown, *words) for one in shown.comparisons
        ],
        "what it holds for": [sentences.scope_sentence(shown, None)],
        "what is missing": list(sentences.degenerate_sentences(read.scores, shown)),
        "which value": list(sentences.sets_sentences(shown)),
        "to decide": [sentences.cost_sentence(cost) for cost in shown.costs],
        "other methods": list(sentences.second_look_sentences(shown)),
        "to quote": [sentences.quotable(read.scores, shown, *words, margin_assumed=assumed)],
    }


def values_table(read: AnyTable, shown: Answer) -> TextTable:
    """Each value's mean with its own interval, and from how many networks and patients."""
    table, decimals = read.scores, decimals_of(shown)
    rows = []
    for one in shown.values:
        cells: np.ndarray = table.cells[table.values.index(one.value)]
        networks, patients = (str(int(cells.any(axis).sum())) for axis in (1, 0))
        rows.append(
            (
                one.value,
                number(one.mean, decimals),
                _between(one.low, one.high, decimals),
                networks if table.networks_known else "not known",
                patients if table.patients_known else "not known",
            )
        )
    columns = (read.value, "mean", "95\u00a0% interval", "networks", "patients")
    return TextTable(f"Mean {read.score_words} of each value", columns, tuple(rows), ())


def comparisons_table(read: AnyTable, shown: Answer) -> TextTable:
    """Each difference with its simultaneous interval, adjusted p and verdict."""
    decimals, level = decimals_of(shown), percent(1 - shown.level)
    rows = tuple(
        (
            one.value,
            one.other,
            number(one.difference, decimals, sign=True),
            _between(one.low, one.high, decimals, sign=True),
            p_words(one.p).removeprefix("p ").removeprefix("= ") or "–",
            one.verdict + (" (real, but negligible)" if one.negligible_but_real else ""),
        )
        for one in shown.comparisons
    )
    interval = f"{level} together" if len(rows) > 1 else f"{level} interval"
    columns = (read.value, "against", "difference", interval, "p", "verdict")
    return TextTable(f"Differences in {read.score_words}", columns, rows, ())


def _between(low: float, high: float, decimals: int, *, sign: bool = False) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"{number(low, decimals, sign=sign)} to {number(high, decimals, sign=sign)}"


def verdict_record(read: AnyTable, shown: Answer, assumed: bool) -> dict[str, Any]:
    """Everything, for other programs."""
    return {
        "heading": sentences.verdict_heading(shown),
        "score": read.score,
        "value": read.value,
        "where": dict(read.where),
        "bigger_is_worse": read.bigger_is_worse,
        "networks_known": read.scores.networks_known,
        "patients_known": read.scores.patients_known,
        "margin_assumed": assumed,
        "notes": list(read.notes),
        **asdict(shown),
        "sentences": topics(read, shown, assumed),
    }


def plain(content: Any) -> Any:
    """The same without numbers that JSON does not have: None for NaN and infinity."""
    if isinstance(content, dict):
        return {name: plain(one) for name, one in content.items()}
    if isinstance(content, list | tuple):
        return [plain(one) for one in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
