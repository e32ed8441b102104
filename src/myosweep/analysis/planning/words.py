"""What a plan says, in plain English."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from myosweep.analysis.number_words import counted, listed, percent
from myosweep.analysis.planning.plan import MOST_PATIENTS, Goal, Plan, Smallest, Variability
from myosweep.analysis.tables import TextTable
from myosweep.statistics.decide import MOST_NETWORKS
from myosweep.statistics.intervals import LEVEL


def goal_sentence(goal: Goal) -> str:
    """What the chances are chances of."""
    level = percent(1 - LEVEL)
    together = f" for {goal.comparisons} comparisons together" if goal.comparisons > 1 else ""
    if goal.margin is None:
        return (
            f"Wanted: to show a true difference of {goal.difference:.3g} between two values, new "
            f"networks and new patients, with {level} confidence{together}."
        )
    true = "are equal" if goal.difference == 0 else f"differ by {goal.difference:.3g}"
    return (
        f"Wanted: to show that two values that truly {true} differ by less than the margin of "
        f"{goal.margin:.3g}, for new networks and new patients, with {level} confidence{together}."
    )


def plan_sentences(plan: Plan, values: int, seconds: float | None = None) -> tuple[str, ...]:
    """What the chances mean: the size that was asked for, what is impossible, who is meant.

    Args:
        values: how many values are trained.
        seconds: mean time of a run, where known.
    """
    one_size, one_row = len(plan.patients) == 1, len(plan.networks) == 1
    said = []
    if one_size and one_row:
        said.append(
            f"With {plan.patients[0]} patients and {plan.networks[0]} networks per value the "
            f"chance is {percent(round(plan.chances[0][0], 2))}."
        )
    if one_size and isfinite(plan.smallest[0].networks):
        said.append(_enough_words(plan.smallest[0], plan, values, seconds))
    if one_row and plan.patients_needed is not None:
        said.append(_patients_words(plan.patients_needed, plan.patients_needed_networks))
    short = [str(one.patients) for one in plan.smallest if not isfinite(one.networks)]
    if short:
        said.append(
            f"With {listed(short, 'or')} patients no number of networks (up to {MOST_NETWORKS} per "
            "value) is enough: the patients differ too much from each other. "
            + _needed_words(plan, say_networks=not one_row)
        )
    who = "of the test part" if plan.goal.design == "seeds" else "of the whole study"
    said.append(f"Patients are those {who}; all values are scored on the same ones.")
    return tuple(said)


def chances_table(plan: Plan) -> TextTable:
    """The chance of showing what is wanted, by networks per value and patients."""
    rows = tuple(
        (str(networks), *(percent(round(chance, 2)) for chance in chances))
        for networks, chances in zip(plan.networks, plan.chances, strict=True)
    )
    columns = ("networks per value", *(f"{count} patients" for count in plan.patients))
    return TextTable("Chance of showing it", columns, rows, ())


def smallest_table(plan: Plan, values: int, seconds: float | None = None) -> TextTable:
    """For each number of patients: fewest networks per value, chance, runs, time if known."""
    rows: list[tuple[str, ...]] = []
    for one in plan.smallest:
        networks, runs, time = f"more than {MOST_NETWORKS}", "–", "–"
        if isfinite(one.networks):
            total = int(one.networks) * values
            networks, runs = f"{one.networks:.0f}", str(total)
            time = "" if seconds is None else time_words(total * seconds)
        chance = percent(round(one.chance, 2))
        rows.append((str(one.patients), networks, chance, runs, time))
    columns: tuple[str, ...] = ("patients", "networks per value", "chance", "runs", "computing")
    if seconds is None:
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    title = f"Fewest networks for a chance of {percent(plan.goal.power)}, {values} values"
    return TextTable(title, columns, tuple(rows), ())


def plan_record(
    plan: Plan, values: int, seconds: float | None, notes: Sequence[str]
) -> dict[str, Any]:
    """Everything, for other programs."""
    said = [goal_sentence(plan.goal), *plan_sentences(plan, values, seconds), *notes]
    return {**asdict(plan), "values": values, "seconds_per_run": seconds, "sentences": said}


def _enough_words(one: Smallest, plan: Plan, values: int, seconds: float | None) -> str:
    networks = int(one.networks)
    repeats = f" ({counted(networks // plan.goal.step, 'repeat')} of {plan.goal.folds} folds)"
    cost = "" if seconds is None else f", {time_words(networks * values * seconds)} of computing"
    return (
        f"With {one.patients} patients, {networks} networks per value"
        f"{repeats if plan.goal.design == 'folds' else ''} are enough: a chance of "
        f"{percent(round(one.chance, 2))}, {networks * values} runs for {values} values{cost}."
    )


def _needed_words(plan: Plan, *, say_networks: bool) -> str:
    least, needed = plan.patients_at_least, plan.patients_needed
    if least is None or not isfinite(least):
        return (
            f"Not even {MOST_PATIENTS} patients would do; look for a larger difference or margin."
        )
    text = f"At least {least:.0f} patients are needed"
    if not say_networks or needed is None:
        return f"{text}."
    count = f"{needed:.0f}" if isfinite(needed) else f"more than {MOST_PATIENTS}"
    return f"{text}; with {plan.patients_needed_networks} networks per value, {count}."


def _patients_words(needed: float, networks: int) -> str:
    if not isfinite(needed):
        return (
            f"With {networks} networks per value no number of patients (up to {MOST_PATIENTS}) is "
            "enough: for so few, the networks differ too much from each other."
        )
    return f"With {networks} networks per value, {needed:.0f} patients are enough."


def variability_facts(variability: Variability) -> tuple[tuple[str, str], ...]:
    """The standard deviations of a paired difference that a plan rests on, and their source."""
    names = ("between networks", "between patients", "what is left")
    sizes = (variability.network, variability.patient, variability.residual)
    ranges = variability.ranges or (None,) * len(names)
    facts = []
    for name, size, between in zip(names, sizes, ranges, strict=True):
        spread = "" if between is None else f" ({between[0]:.3g} to {between[1]:.3g})"
        facts.append((name, f"SD {size:.3g}{spread}"))
    return (*facts, ("source", variability.source))


def time_words(seconds: float) -> str:
    """A computing time.

    >>> time_words(100.0), time_words(3 * 3600.0), time_words(200 * 3600.0)
    ('2 min', '3 h', '8 days')
    """
    if seconds < 90 * 60:
        return f"{max(seconds / 60, 1):.0f} min"
    hours = seconds / 3600
    return f"{hours:.0f} h" if hours < 100 else f"{hours / 24:.0f} days"
