"""Scores of a model on its test patients, region by region, and in groups of them.

The networks of a model are what they are: scores are averaged over them first, patient by patient,
and intervals hold for new patients of these very networks (``statistics`` calls it ``patients``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float64

from myosweep.analysis.card.failures import failures, heart_rows
from myosweep.analysis.card.records import Factor, GroupScore, Mean, RegionScores, Scores
from myosweep.analysis.patient_scores import (
    REGION_METRICS,
    PatientCounts,
    baseline_means,
    patient_counts,
    strict_metric,
)
from myosweep.analysis.slices import tolerance_px
from myosweep.metrics.clinical.structures import structure_of
from myosweep.results.read import Results
from myosweep.statistics.contrasts import estimate_differences
from myosweep.statistics.intervals import mean_interval

FEWEST_PATIENTS = 3
"""A group of fewer patients is left out: its mean says nothing, and is nearly one patient's own."""
_SPREAD = (5, 50, 95)
PerPatient = Float64[np.ndarray, "run patient"]


def model_scores(results: Results, scored: Sequence[str], values: int) -> Scores | None:
    """Everything about scores; None if no test slice was scored.

    Args:
        results: of these runs, and of baselines.
        scored: ids of the runs whose scores count.
        values: how many values of the study were scored on these patients.
    """
    counts = results.counts
    rows = counts[(counts["part"] == "test") & counts["run"].isin(scored)]
    if rows.empty:
        return None
    there = set(rows["run"])
    scored = [run for run in scored if run in there]
    question = results.study.question
    region = question.region if question.region in results.scheme.names else rows["region"].iloc[0]
    metric = strict_metric(question.metric)
    groups, small = _groups(results, rows, scored, str(region), metric)
    found = patient_counts(results)
    kinds = results.runs.set_index("run")["kind"]
    return Scores(
        kind="ensemble" if (kinds[list(scored)] == "ensemble").any() else "networks",
        networks=len(scored),
        region=str(region),
        metric=metric,
        margin=question.margin,
        tolerance_px=float(tolerance_px(results)),
        values=values,
        regions=tuple(_region(results, found, rows, scored, name) for name in results.scheme.names),
        groups=groups,
        small_groups=small,
        failures=failures(results, rows, str(region)),
    )


def over_patients(scores: PerPatient) -> Mean:
    """Mean over patients of each patient's mean over networks, with its interval.

    Args:
        scores: NaN where a network has no score for a patient.
    """
    cells = np.isfinite(scores)
    tested = cells.any(0)
    patients = int(tested.sum())
    if not patients:
        return Mean(mean=None, low=None, high=None, patients=0)
    sums = np.where(cells, scores, 0.0).sum(0)[tested]
    each = sums / cells.sum(0)[tested]
    if patients == 1:
        return Mean(mean=float(each[0]), low=None, high=None, patients=1)
    low, high = mean_interval(estimate_differences(each[None, None]))
    return Mean(mean=float(each.mean()), low=max(low, 0.0), high=min(high, 1.0), patients=patients)


def _rows_of(counts: PatientCounts, scored: Sequence[str]) -> list[int]:
    return [row for row, run in enumerate(counts.runs) if run in set(scored)]


def _region(
    results: Results,
    found: PatientCounts,
    rows: pd.DataFrame,
    scored: Sequence[str],
    name: str,
) -> RegionScores:
    own = _rows_of(found, scored)
    here = rows[rows["region"] == name]
    there, lacking = here[here["reference_present"]], here[~here["reference_present"]]
    area = (there["tp"] + there["fn"]).to_numpy(float)
    labelled = float((rows["tp"] + rows["fn"]).sum())
    baselines: dict[str, dict[str, float]] = {}
    for metric in REGION_METRICS:
        for label, mean in baseline_means(results, found, name, metric):
            baselines.setdefault(label, {})[metric] = mean
    return RegionScores(
        region=name,
        scores={m: over_patients(found.scores(name, m)[own]) for m in REGION_METRICS},
        baselines=baselines,
        present=int(there["slice"].nunique()),
        absent=int(lacking["slice"].nunique()),
        missed=_share(there["tp"] + there["fp"] == 0),
        false_alarms=_share(lacking["fp"] > 0),
        pixel_share=float(area.sum()) / labelled if labelled else None,
        area_px=_spread(area),
    )


def _share(hits: pd.Series) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _spread(area: np.ndarray) -> tuple[float, float, float] | None:
    if not len(area):
        return None
    low, middle, high = np.percentile(area, _SPREAD)
    return float(low), float(middle), float(high)


def _groups(
    results: Results, rows: pd.DataFrame, scored: Sequence[str], region: str, metric: str
) -> tuple[tuple[GroupScore, ...], int]:
    """The groups that are large enough, and how many are not."""
    made, small = [], 0
    for factor, group, keep in _members(rows):
        only = replace(results, counts=rows[keep.to_numpy(bool)])
        counts = patient_counts(only)
        score = over_patients(counts.scores(region, metric)[_rows_of(counts, scored)])
        if score.patients < FEWEST_PATIENTS:
            small += score.patients > 0
        else:
            made.append(GroupScore(factor=factor, group=group, score=score))
    return tuple(made), small


def _members(rows: pd.DataFrame) -> Iterator[tuple[Factor, str, pd.Series]]:
    """Factor, name and rows of each group. Sites are numbered: a name could be a hospital's."""
    for level in ("base", "middle", "apex"):
        yield "level", level, (rows["level"] == level).fillna(False)
    sites = sorted(map(str, rows["site"].dropna().unique()))
    for number, site in enumerate(sites, start=1):
        if len(sites) > 1:
            yield "site", f"site {number} of {len(sites)}", (rows["site"] == site).fillna(False)
    vendors = sorted(map(str, rows["vendor"].dropna().unique()))
    for vendor in vendors:
        if len(vendors) > 1:
            yield "vendor", vendor, (rows["vendor"] == vendor).fillna(False)
    yield from _by_infarct(rows)


def _by_infarct(rows: pd.DataFrame) -> Iterator[tuple[Factor, str, pd.Series]]:
    """Patients without infarct, and halves of the others by its share of the myocardium.

    Nothing where the regions do not tell infarct apart, or all patients have none.
    """
    kind = rows["region"].map(structure_of, na_action="ignore").astype(object)
    wall = rows[kind.isin(["myocardium", "infarct", "no-reflow"])]
    scar = rows[kind.isin(["infarct", "no-reflow"])]
    if not (kind == "infarct").any():
        return
    pixels = [
        heart_rows(part).groupby("patient", observed=True)["area"].sum() for part in (wall, scar)
    ]
    share = (pixels[1] / pixels[0]).dropna()
    some = share[share > 0]
    if some.empty:
        return
    half = float(some.median())
    limit = f"{100 * half:.0f} % of the myocardium"
    named = {
        "none": share[share == 0].index,
        f"up to {limit}": some[some <= half].index,
        f"above {limit}": some[some > half].index,
    }
    for name, patients in named.items():
        yield "infarct size", name, rows["patient"].isin(list(patients))
