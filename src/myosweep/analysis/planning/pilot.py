"""A finished study as the pilot of the next one: how much differences vary, and what runs cost."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from myosweep.analysis.margin import outline_of, shift_effect
from myosweep.analysis.number_words import counted
from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.analysis.planning.plan import USUAL_DIFFERENCE, Goal, Variability
from myosweep.analysis.question import Asked, ask
from myosweep.errors import InputError
from myosweep.results.read import Results, read_results
from myosweep.statistics.contrasts import Components, against, estimate, pair_contrasts, pairs
from myosweep.statistics.score_table import Design, ScoreTable

_FEW_NETWORKS = 5
_UNEQUAL = 2
"""From this many times the median spread on, a comparison is named as unusual."""


@dataclass(frozen=True)
class Pilot:
    """What a finished study tells about the next one.

    Attributes:
        margin: the study's own, or that of its data; None if neither is known.
        seconds: mean time of a run; None if its networks were not trained here.
        notes: what the pilot cannot tell, in plain sentences.
    """

    variability: Variability
    networks: int
    patients: int
    values: int
    comparisons: int
    design: Design
    folds: int
    margin: float | None
    seconds: float | None
    notes: tuple[str, ...]


def read_pilot(folder: Path | str) -> Pilot:
    """Take the variability of differences, and the time of a run, from a study.

    The components of the comparisons that the study's question asks for are averaged.

    Raises:
        InputError: if there is no such study, or it has too few values, networks or patients.
    """
    results = read_results(folder)
    asked = ask(results)
    table = score_table(results, patient_counts(results), asked.region, asked.metric)
    found = _components(table, asked)
    if not found:
        raise InputError(
            f"a pilot needs at least 2 values, with 2 networks each and 2 test patients; study "
            f"{results.study.name!r} has {counted(len(table.values), 'value')} with "
            f"{counted(table.network_count, 'network')} in common and "
            f"{counted(table.patient_count, 'patient')}; add seeds, or plan without --pilot"
        )
    count = max(one.networks for one in found)
    return Pilot(
        _averaged(found, results.study.name),
        count,
        table.patient_count,
        len(table.values),
        len(found),
        results.study.replicates.design,
        results.study.replicates.folds,
        _margin(results, asked),
        _seconds(results),
        _notes(found, count),
    )


def goal_of(
    pilot: Pilot | None,
    *,
    difference: float | None = None,
    margin: float | None = None,
    equivalence: bool = False,
    power: float = 0.8,
    comparisons: int | None = None,
    design: Design | None = None,
    folds: int | None = None,
) -> Goal:
    """What a study is to show; what nobody says comes from the pilot, or is usual.

    To show a difference, that is the difference that matters (the margin); to show equivalence,
    the true difference is 0.

    Raises:
        InputError: if difference and margin are both given where only one can count.
    """
    if difference is not None and margin is not None and not equivalence:
        raise InputError(
            f"a difference of {difference:g} and a margin of {margin:g} are two goals; give the "
            "difference alone to show it, or --equivalence to show that it is below the margin"
        )
    matters = USUAL_DIFFERENCE if pilot is None or pilot.margin is None else pilot.margin
    matters = matters if margin is None else margin
    true = (0.0 if equivalence else matters) if difference is None else difference
    usual = Goal(true) if pilot is None else pilot
    return Goal(
        true,
        matters if equivalence else None,
        power,
        usual.comparisons if comparisons is None else comparisons,
        design or usual.design,
        usual.folds if folds is None else folds,
    )


def _components(table: ScoreTable, asked: Asked) -> list[Components]:
    """Variances of each comparison that has several networks and patients."""
    count = len(table.values)
    if asked.family == "reference" and asked.reference is not None:
        contrasts = against(table.values.index(asked.reference), count)
    else:
        contrasts = pair_contrasts(pairs(count), count)
    each = [estimate(table, row[None]) for row in contrasts]
    return [one.components[0] for one in each if one.estimand == "networks and patients"]


def _averaged(found: list[Components], name: str) -> Variability:
    parts = np.array([[one.network, one.patient, one.residual] for one in found])
    network, patient, residual = np.sqrt(parts.mean(0)).tolist()
    ranges = tuple(
        (sqrt(low), sqrt(high)) for low, high in zip(parts.min(0), parts.max(0), strict=True)
    )
    source = f"study {name!r}, the mean of {counted(len(found), 'comparison')}"
    return Variability(network, patient, residual, source, ranges)


def _margin(results: Results, asked: Asked) -> float | None:
    if asked.margin is not None:
        return asked.margin
    rows = results.counts[results.counts["part"] == "test"]
    effect = shift_effect(outline_of(rows, asked.region), asked.metric)
    return effect if effect > 0 else None


def _seconds(results: Results) -> float | None:
    trained = results.networks[results.networks["kind"] == "trained"]
    spent = trained["seconds"][trained["seconds"] > 0]
    return float(spent.mean()) if len(spent) else None


def _notes(found: list[Components], networks: int) -> tuple[str, ...]:
    notes = []
    if any(one.networks * one.cells_per_network == one.patients for one in found):
        notes.append(
            "The pilot tested each patient once per value, so that patients and what is left "
            "cannot be told apart: more networks may help more than is said here."
        )
    spreads = [sqrt(one.network + one.patient + one.residual) for one in found]
    if max(spreads) > _UNEQUAL * float(np.median(spreads)):
        notes.append(
            f"One comparison of the pilot varies {max(spreads) / float(np.median(spreads)):.1f} "
            "times as much as the usual one and raises the mean: for most values fewer networks "
            "are enough."
        )
    if networks < _FEW_NETWORKS:
        notes.append(
            f"A pilot of {networks} networks per value knows the spread between networks badly; "
            "plan for more than the smallest design."
        )
    return tuple(notes)
