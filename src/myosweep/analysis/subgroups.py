"""Whether values differ by another amount at the base or the apex, in a hospital, on a scanner.

Exploratory: each kind of subgroup is a family of its own, adjusted by Bonferroni. A verdict of one
group and none of another is no difference between groups; that is what the interactions are for.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float64
from scipy import special

from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.analysis.question import Asked
from myosweep.analysis.scores import ALL
from myosweep.results.read import Results
from myosweep.statistics.contrasts import (
    Estimates,
    differences,
    estimate_differences,
    pair_contrasts,
    pairs,
)
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.score_table import Estimand, ScoreTable

Factor = Literal["level", "site", "vendor"]
FACTORS: tuple[Factor, ...] = ("level", "site", "vendor")
FEWEST_PATIENTS = 3
FEWEST_SITES = 5
_LEVELS = ("base", "middle", "apex")


@dataclass(frozen=True)
class SubgroupDifference:
    """``value`` minus ``other`` in one subgroup.

    ``low`` and ``high`` are NaN, and ``note`` says why, where the subgroup is too small.
    """

    group: str
    value: str
    other: str
    patients: int
    difference: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class SubgroupInteraction:
    """The difference ``value`` minus ``other`` in ``group``, minus the same in ``other_group``.

    ``patients`` are those with both groups (levels) or of both groups together (site, vendor).
    """

    group: str
    other_group: str
    value: str
    other: str
    patients: int
    difference: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class OverSites:
    """``value`` minus ``other``, averaged over sites, with an interval that covers new sites.

    Below five sites the interval is NaN, and ``note`` says why.
    """

    value: str
    other: str
    sites: int
    difference: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class Subgroup:
    """All that one kind of subgroup shows.

    Attributes:
        factor: ``level`` (groups of slices, within patients), ``site`` or ``vendor`` (groups of
            patients).
        groups: their names.
        differences, interactions, over_sites: see there; the last for sites only.
        each_level: two-sided error of each interval, so that all of them together hold with 95 %.
        estimand: the least that an interval here covers.
        left_out: slices (level) or patients (site, vendor) whose group is not known, or not one.
    """

    factor: Factor
    groups: tuple[str, ...]
    differences: tuple[SubgroupDifference, ...]
    interactions: tuple[SubgroupInteraction, ...]
    over_sites: tuple[OverSites, ...]
    each_level: float
    estimand: Estimand
    left_out: int


@dataclass(frozen=True, eq=False)
class _Group:
    """The differences of one group, pair by pair, over all patients; NaN outside the group."""

    name: str
    d: Float64[np.ndarray, "pair network patient"]

    @property
    def patients(self) -> int:
        return int(np.isfinite(self.d).any((0, 1)).sum())


@dataclass(frozen=True, eq=False)
class _Found:
    """An estimated contrast; ``note`` says why it has no interval, if it has none."""

    patients: int
    mean: float
    se: float
    df: float
    estimand: Estimand
    note: str = ""

    def interval(self, level: float) -> tuple[float, float]:
        half = float(special.stdtrit(self.df, 1 - level / 2)) * self.se
        return self.mean - half, self.mean + half


def subgroup_differences(results: Results, asked: Asked, table: ScoreTable) -> tuple[Subgroup, ...]:
    """The question's comparisons by level, site and vendor, where these are known.

    Every value against the reference value; all pairs where there is no reference.

    Args:
        asked: the question.
        table: its scores on the test part, for sites and vendors; levels are scored anew, from
            their own slices alone.

    Returns:
        One record per kind of subgroup with at least two groups in the test part; none for what is
        not known, and no records with fewer than two values.
    """
    chosen = _pairs(table, asked.reference)
    made = []
    for factor in FACTORS if chosen else ():
        groups, left_out = _groups(results, asked, table, chosen, factor)
        if len(groups) > 1:
            made.append(_judged(factor, groups, chosen, left_out))
    return tuple(made)


def _pairs(table: ScoreTable, reference: str | None) -> list[tuple[str, str]]:
    if reference is None:
        return [(table.values[v], table.values[w]) for v, w in pairs(len(table.values))]
    return [(value, reference) for value in table.values if value != reference]


def _groups(
    results: Results,
    asked: Asked,
    table: ScoreTable,
    chosen: Sequence[tuple[str, str]],
    factor: Factor,
) -> tuple[list[_Group], int]:
    """The groups that have scores, and how many slices or patients belong to none."""
    rows = results.counts[results.counts["part"] == "test"]
    if asked.region != ALL:
        rows = rows[(rows["region"] == asked.region) & rows["reference_present"]]
    if rows[factor].isna().all():
        return [], 0
    if factor == "level":
        known = rows.drop_duplicates("slice")[factor]
        names = sorted(map(str, known.dropna().unique()), key=_level_order)
        left_out = int(known.isna().sum())
        tables = [_table_of_level(results, asked, name) for name in names]
    else:
        of_patient = _group_of_patient(rows, factor)
        group_of = [of_patient.get(patient) for patient in table.patients]
        names = sorted({group for group in group_of if group is not None})
        left_out = group_of.count(None)
        tables = [_only_patients(table, [group == name for group in group_of]) for name in names]
    patients = sorted({patient for one in tables for patient in one.patients})
    found = [
        _Group(name, _differences(one, chosen, patients))
        for name, one in zip(names, tables, strict=True)
    ]
    return [group for group in found if group.patients], left_out


def _table_of_level(results: Results, asked: Asked, level: str) -> ScoreTable:
    """Patients' scores from their slices of one level alone."""
    counts = results.counts
    there = (counts["level"] == level).fillna(False).to_numpy(bool)
    only = replace(results, counts=counts[there])
    return score_table(only, patient_counts(only), asked.region, asked.metric)


def _only_patients(table: ScoreTable, keep: Sequence[bool]) -> ScoreTable:
    names = tuple(name for name, kept in zip(table.patients, keep, strict=True) if kept)
    return replace(table, patients=names, scores=table.scores[:, :, np.array(keep)])


def _group_of_patient(rows: pd.DataFrame, factor: Factor) -> dict[str, str]:
    """The one site or vendor of each patient; those with none or several are left out."""
    known = rows[["patient", factor]].dropna().drop_duplicates().astype(str)
    one = known.drop_duplicates("patient", keep=False)
    return dict(zip(one["patient"], one[factor], strict=True))


def _differences(
    table: ScoreTable, chosen: Sequence[tuple[str, str]], patients: Sequence[str]
) -> Float64[np.ndarray, "pair network patient"]:
    """Each pair's difference on all named patients; NaN for those that the table lacks."""
    positions = [(table.values.index(one), table.values.index(other)) for one, other in chosen]
    d = differences(table, pair_contrasts(positions, len(table.values)))
    whole = np.full((*d.shape[:2], len(patients)), np.nan)
    whole[:, :, [patients.index(patient) for patient in table.patients]] = d
    return whole


def _judged(
    factor: Factor, groups: list[_Group], chosen: Sequence[tuple[str, str]], left_out: int
) -> Subgroup:
    numbers = range(len(chosen))
    both = list(itertools.combinations(groups, 2))
    names_of_both = [(one.name, other.name) for one, other in both]
    alone = [[_one(group.d[k]) for k in numbers] for group in groups]
    crossed = [
        [
            _one(one.d[k] - other.d[k], "with both")
            if factor == "level"
            else _apart(_one(one.d[k]), _one(other.d[k]))
            for k in numbers
        ]
        for one, other in both
    ]
    over = [_over_sites(groups, k) for k in numbers] if factor == "site" else []
    every = [found for row in (*alone, *crossed, over) for found in row]
    tested = [found for found in every if np.isfinite(found.se)]
    each = LEVEL / max(len(tested), 1)
    return Subgroup(
        factor,
        tuple(group.name for group in groups),
        tuple(
            SubgroupDifference(group.name, *pair, f.patients, f.mean, *f.interval(each), f.note)
            for group, row in zip(groups, alone, strict=True)
            for pair, f in zip(chosen, row, strict=True)
        ),
        tuple(
            SubgroupInteraction(*names, *pair, f.patients, f.mean, *f.interval(each), f.note)
            for names, row in zip(names_of_both, crossed, strict=True)
            for pair, f in zip(chosen, row, strict=True)
        ),
        tuple(
            OverSites(*pair, f.patients, f.mean, *f.interval(each), f.note)
            for pair, f in zip(chosen, over, strict=False)
        ),
        each,
        _least([found.estimand for found in tested]),
        left_out,
    )


def _one(d: Float64[np.ndarray, "network patient"], which: str = "") -> _Found:
    """One difference; without an interval below three patients."""
    patients = int(np.isfinite(d).any(0).sum())
    if not patients:
        return _Found(0, np.nan, np.nan, np.nan, "none", f"no patients {which}".strip())
    found = estimate_differences(d[None])
    if patients < FEWEST_PATIENTS:
        note = f"fewer than {FEWEST_PATIENTS} patients {which}".strip() + ": no interval"
        return _Found(patients, float(found.mean[0]), np.nan, np.nan, "none", note)
    return _estimated(patients, found)


def _apart(one: _Found, other: _Found) -> _Found:
    """The difference of two groups of patients, as of two independent estimates (Welch).

    Their networks are the same; what these have in common drops out of the difference, so that the
    interval is rather too wide than too narrow.
    """
    patients, mean = one.patients + other.patients, one.mean - other.mean
    small = [found for found in (one, other) if not np.isfinite(found.se)]
    if small:
        note = f"fewer than {FEWEST_PATIENTS} patients in one of the groups: no interval"
        return _Found(patients, mean, np.nan, np.nan, "none", note)
    a, b = one.se**2, other.se**2
    spread = a**2 / one.df + b**2 / other.df
    df = (a + b) ** 2 / spread if spread > 0 else min(one.df, other.df)
    return _Found(patients, mean, float(np.sqrt(a + b)), df, _least([one.estimand, other.estimand]))


def _over_sites(groups: Sequence[_Group], k: int) -> _Found:
    """The mean over sites, each site counting once; sites take the place of patients."""
    by_site = np.stack([_mean_over_patients(group.d[k]) for group in groups], axis=1)
    sites = int(np.isfinite(by_site).any(0).sum())
    if not sites:
        return _Found(0, np.nan, np.nan, np.nan, "none", "no sites")
    found = estimate_differences(by_site[None])
    if sites < FEWEST_SITES:
        note = f"fewer than {FEWEST_SITES} sites: no interval over sites"
        return _Found(sites, float(found.mean[0]), np.nan, np.nan, "none", note)
    return _estimated(sites, found)


def _estimated(units: int, found: Estimates) -> _Found:
    mean, se, df = float(found.mean[0]), float(found.se[0]), float(found.df[0])
    return _Found(units, mean, se, df, found.estimand)


def _mean_over_patients(
    d: Float64[np.ndarray, "network patient"],
) -> Float64[np.ndarray, " network"]:
    cells = np.isfinite(d)
    counts = cells.sum(1)
    sums = np.where(cells, d, 0.0).sum(1)
    return np.divide(sums, counts, out=np.full(len(d), np.nan), where=counts > 0)


def _least(estimands: Sequence[Estimand]) -> Estimand:
    """The narrowest of what several intervals cover."""
    order: tuple[Estimand, ...] = ("none", "networks", "patients", "networks and patients")
    return min(estimands, key=order.index, default="none")


def _level_order(level: str) -> tuple[int, str]:
    return (_LEVELS.index(level) if level in _LEVELS else len(_LEVELS), level)
