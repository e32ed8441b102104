"""What a table of scores lacks, and what therefore cannot be said."""

import numpy as np

from myosweep.analysis.number_words import listed, number
from myosweep.statistics.answer import Answer
from myosweep.statistics.score_table import ScoreTable


def degenerate_sentences(table: ScoreTable, answer: Answer) -> tuple[str, ...]:
    """All that a table lacks, and what therefore cannot be said. Empty for a whole table.

    Args:
        table: the whole table; values without any score may be missing in ``answer``.
    """
    cells = table.cells
    if not cells.any():
        return ("No score is defined: there is nothing to compare.",)
    return (
        *_without_scores(table),
        *_networks(table, answer),
        *_patients(table, answer),
        *_missing(table),
        *_apart(table),
        *_constant(table, answer),
    )


def _without_scores(table: ScoreTable) -> list[str]:
    there = np.isfinite(table.scores).any((1, 2))
    names = [name for name, found in zip(table.values, there, strict=True) if not found]
    if not names:
        return []
    verb = "has" if len(names) == 1 else "have"
    return [f"{listed(names)} {verb} no score and could not take part."]


def _networks(table: ScoreTable, answer: Answer) -> list[str]:
    if not table.networks_known:
        return [
            "Networks are not told apart, since no seed is given: what another training run would "
            "show cannot be concluded."
        ]
    counts = {
        name: int(count)
        for name, count in zip(table.values, table.cells.any(2).sum(1), strict=True)
        if count
    }
    fewest, most = min(counts.values()), max(counts.values())
    if most == 1:
        return [
            "Each value has one network: how much of a difference another training run would make "
            "is not known, so nothing can be concluded about new networks."
        ]
    if fewest == most:
        return []
    few = [name for name, count in counts.items() if count == fewest]
    text = f"The values have {fewest} to {most} networks; {listed(few)} the fewest."
    if answer.networks <= 1:
        text += (
            " The family of comparisons can say no more than its weakest member, and so nothing "
            "about new networks; without such values it could."
        )
    return [text]


def _patients(table: ScoreTable, answer: Answer) -> list[str]:
    if not table.patients_known:
        return [
            "Patients are not told apart, since no patient is given: what other patients would "
            "show cannot be concluded."
        ]
    if answer.patients == 1:
        return [
            "There is one patient with all values: nothing can be concluded about other patients."
        ]
    return []


def in_parts(table: ScoreTable) -> bool:
    """Whether each network was scored on its own part of the patients, as in cross-validation."""
    cells = table.cells[table.cells.any((1, 2))]
    if table.design == "folds":
        return True
    several = len(table.networks) > 1 and len(table.patients) > 1
    if not several or not len(cells) or (cells != cells[0]).any():
        return False
    shares = cells[0].sum(1) / len(table.patients)
    return bool(shares.max() <= 0.6)


def _missing(table: ScoreTable) -> list[str]:
    cells = table.cells[table.cells.any((1, 2))]
    parts = in_parts(table)
    wanted = np.broadcast_to(cells.any(0), cells.shape) if parts else np.ones_like(cells)
    said = []
    if parts and table.design != "folds":
        each = cells[0].sum(1)
        said.append(
            f"Each network was scored on a part of the patients ({_from_to(each)} of "
            f"{len(table.patients)}), as in cross-validation. If networks learned from overlapping "
            "patients, the intervals may be somewhat too narrow."
        )
    absent, all_cells = int((wanted & ~cells).sum()), int(wanted.sum())
    if absent:
        said.append(
            f"{absent} of {all_cells} scores (one per value, network and patient) are missing; two "
            "values are compared where both have a score."
        )
    return said


def _from_to(counts: np.ndarray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def _apart(table: ScoreTable) -> list[str]:
    """Pairs of values that no network and patient have in common."""
    cells = table.cells
    there = np.flatnonzero(cells.any((1, 2)))
    found = [
        f"{table.values[a]} and {table.values[b]}"
        for k, a in enumerate(there)
        for b in there[k + 1 :]
        if not (cells[a] & cells[b]).any()
    ]
    if not found:
        return []
    return [
        f"No network was scored on the same patient with {listed(found[:3], 'or with')}"
        f"{' and others' if len(found) > 3 else ''}: they cannot be compared. Networks and "
        "patients need the same names with every value."
    ]


def _constant(table: ScoreTable, answer: Answer) -> list[str]:
    scores = table.scores[table.cells]
    if len(scores) > 1 and np.ptp(scores) == 0:
        return [f"Every score is {number(abs(float(scores[0])))}: nothing tells the values apart."]
    same = [
        f"{value} and {other} have exactly the same scores: either the value changes nothing, or "
        "the same results were entered twice."
        for value, other in answer.identical
    ]
    shifted = [
        f"{one.value} and {one.other} differ by the same amount in every single score, so that "
        "their interval has no width; such scores deserve a second look."
        for one in answer.comparisons
        if one.low == one.high and one.difference != 0
    ]
    return same + shifted
