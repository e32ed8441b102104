"""Networks that collapsed, what they do to the comparisons, and failures too rare to be seen."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from myosweep.analysis.patient_scores import PatientCounts
from myosweep.analysis.points import points
from myosweep.results.read import Results
from myosweep.statistics.answer import Family, answer
from myosweep.statistics.contrasts import differences, pair_contrasts
from myosweep.statistics.intervals import LEVEL, rare_event_bound, share_interval
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison


@dataclass(frozen=True)
class Collapse:
    """How many networks of a value collapsed.

    Attributes:
        value: the value.
        networks: its finished networks.
        collapsed: those that diverged, or predicted no pixel of the region on the test part.
        seeds: the seeds of these.
        low, high: exact 95 % interval of the probability that a network collapses.
    """

    value: str
    networks: int
    collapsed: int
    seeds: tuple[int, ...]
    low: float
    high: float

    @property
    def share(self) -> float:
        """Collapsed networks per network; NaN without networks."""
        return self.collapsed / self.networks if self.networks else float("nan")


@dataclass(frozen=True)
class FalseAlarms:
    """Slices without the region in the reference on which networks of a value predicted it.

    ``absent`` counts slices of all networks of the value together, ``alarms`` those of them with
    any pixel predicted as the region, and ``share`` is their ratio: NaN without such slices.
    """

    value: str
    absent: int
    alarms: int
    share: float


@dataclass(frozen=True)
class MissedPatients:
    """Patients in whom a network of a value predicted nothing of a region that is there.

    Attributes:
        patients: tested by networks of the value that did not collapse.
        missed: those in whom at least one of these networks missed the region altogether.
        bound: the largest probability of such a patient that the study does not rule out
            (exact, one-sided, 95 %).
    """

    value: str
    patients: int
    missed: int
    bound: float


def collapsed_runs(
    results: Results, counts: PatientCounts, region: str | None = None
) -> frozenset[str]:
    """Networks that diverged, or predicted no pixel of the region on the part of ``counts``.

    A network whose part has no slices with the region counts by its status alone. Here and below,
    the region is that of the study's question if none is given.
    """
    diverged = set(results.networks.loc[results.networks["status"] == "diverged", "run"])
    k = _index(results, counts, region)
    asked = counts.bf_slices[:, :, k].sum(1) > 0
    nothing = asked & (counts.predicted[:, :, k].sum(1) == 0)
    silent = {run for run, here in zip(counts.runs, nothing, strict=True) if here}
    return frozenset((diverged | silent) & set(results.networks["run"]))


def collapses(
    results: Results, counts: PatientCounts, region: str | None = None
) -> tuple[Collapse, ...]:
    """For every value, how many networks collapsed, with an exact interval."""
    fallen = collapsed_runs(results, counts, region)
    made = []
    for point in points(results):
        seeds = tuple(s for run, s in zip(point.runs, point.seeds, strict=True) if run in fallen)
        low, high = share_interval(len(seeds), len(point.runs))
        made.append(Collapse(point.label, len(point.runs), len(seeds), seeds, low, high))
    return tuple(made)


def collapsed_mask(
    results: Results, counts: PatientCounts, region: str | None = None
) -> Bool[np.ndarray, "value network"]:
    """Which cells of ``patient_scores.score_table`` belong to a collapsed network."""
    fallen = collapsed_runs(results, counts, region)
    found = points(results)
    seeds = sorted({seed for point in found for seed in point.seeds})
    mask = np.zeros((len(found), len(seeds)), np.bool)
    for v, point in enumerate(found):
        for run, seed in zip(point.runs, point.seeds, strict=True):
            mask[v, seeds.index(seed)] = run in fallen
    return mask


def without_collapsed(
    table: ScoreTable, collapsed: Bool[np.ndarray, "value network"]
) -> ScoreTable:
    """The table without the scores of collapsed networks: a pair with such a network drops out."""
    return replace(table, scores=np.where(collapsed[:, :, None], np.nan, table.scores))


def sensitivity(
    table: ScoreTable,
    collapsed: Bool[np.ndarray, "value network"],
    margin: float,
    *,
    family: Family = "pairs",
    reference: str | None = None,
    level: float = LEVEL,
) -> tuple[Comparison, ...]:
    """The comparisons again, without pairs in which either network collapsed.

    Values without any pair left are not compared: those all of whose networks collapsed and, where
    all are compared with a reference value, those that share no whole pair with it.

    Returns:
        No comparisons if no network collapsed, or if fewer than two values are left.
    """
    if not collapsed.any():
        return ()
    left = without_collapsed(table, collapsed)
    base = table.values.index(reference) if family == "reference" and reference else None
    kept = _comparable(left, base)
    if len(kept) < 2:
        return ()
    smaller = replace(
        left,
        values=tuple(left.values[v] for v in kept),
        scores=np.ascontiguousarray(left.scores[kept]),
    )
    found = answer(smaller, margin, family=family, reference=reference, level=level, thorough=False)
    return found.comparisons


def false_alarms(
    results: Results, counts: PatientCounts, region: str | None = None
) -> tuple[FalseAlarms, ...]:
    """For every value, the share of slices without the region where it was predicted anyway."""
    k = _index(results, counts, region)
    row = {run: number for number, run in enumerate(counts.runs)}
    made = []
    for point in points(results):
        rows = [row[run] for run in point.runs if run in row]
        absent, alarms = (int(one[rows, :, k].sum()) for one in (counts.absent, counts.alarms))
        share = alarms / absent if absent else float("nan")
        made.append(FalseAlarms(point.label, absent, alarms, share))
    return tuple(made)


def missed_patients(
    results: Results, counts: PatientCounts, region: str | None = None
) -> tuple[MissedPatients, ...]:
    """For every value, patients whose region was missed altogether, and what cannot be ruled out.

    Collapsed networks are left out: they miss the region in everybody, and are counted elsewhere.
    """
    fallen = collapsed_runs(results, counts, region)
    k = _index(results, counts, region)
    row = {run: number for number, run in enumerate(counts.runs)}
    made = []
    for point in points(results):
        rows = [row[run] for run in point.runs if run in row and run not in fallen]
        there = counts.bf_slices[rows, :, k] > 0
        nothing = there & (counts.tp[rows, :, k] + counts.fp[rows, :, k] == 0)
        patients, missed = int(there.any(0).sum()), int(nothing.any(0).sum())
        made.append(MissedPatients(point.label, patients, missed, _bound(missed, patients)))
    return tuple(made)


def _index(results: Results, counts: PatientCounts, region: str | None) -> int:
    return counts.regions.index(region or results.study.question.region)


def _bound(missed: int, patients: int) -> float:
    """One-sided exact upper bound of the probability."""
    if missed == 0:
        return rare_event_bound(patients)
    return share_interval(missed, patients, 2 * LEVEL)[1]


def _comparable(table: ScoreTable, base: int | None) -> list[int]:
    """Positions of values that have a cell in common with each other one that is kept."""
    kept: list[int] = []
    order = list(range(len(table.values)))
    if base is not None:
        order = [base, *(v for v in order if v != base)]
    for v in order:
        others = [base] if base is not None and v != base else list(kept)
        pairs = [(v, w) for w in others]
        if not table.cells[v].any():
            if v == base:
                return []
            continue
        d = differences(table, pair_contrasts(pairs, len(table.values)))
        if np.isfinite(d).any((1, 2)).all():
            kept.append(v)
    return sorted(kept)
