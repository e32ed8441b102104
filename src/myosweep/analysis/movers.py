"""Which test slices, and which patients, depend most on the value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

from myosweep.analysis.points import points
from myosweep.analysis.scores import ALL
from myosweep.analysis.slices import slice_scores
from myosweep.metrics import accuracy, dice, iou
from myosweep.results.read import Results
from myosweep.statistics.score_table import ScoreTable


@dataclass(frozen=True)
class Mover:
    """A slice whose score depends on the value.

    Attributes:
        slice, patient: whose slice it is.
        lowest_value, lowest: the value with the lowest score (mean over its networks), and that.
        highest_value, highest: the same for the highest.
        range: highest minus lowest.
        between_networks: standard deviation between networks of one value on this slice, over all
            values; NaN with one network per value. A range that is not well above it says little.
        level: base, middle or apex; None where not known.
    """

    slice: str
    patient: str
    lowest_value: str
    lowest: float
    highest_value: str
    highest: float
    range: float
    between_networks: float
    level: str | None


@dataclass(frozen=True, eq=False)
class SliceMoves:
    """Scores of the test slices whose reference has the region, by value and network.

    Attributes:
        slices, seeds: what stands along the axes ``slice`` and ``network`` of the arrays; values
            are those of ``points``.
        scores: of every network; NaN where it has none.
        means: for each value over the networks (seeds) that every value has on the slice; NaN
            where there is none.
        ranges: highest minus lowest of these means.
        between_networks: as in ``Mover``.
    """

    slices: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Float64[np.ndarray, "value network slice"]
    means: Float64[np.ndarray, "value slice"]
    ranges: Float64[np.ndarray, " slice"]
    between_networks: Float64[np.ndarray, " slice"]


@dataclass(frozen=True)
class PatientRow:
    """A patient's score for each value (mean over networks; NaN where there is none).

    ``best_minus_worst`` is NaN where fewer than two values have a score.
    """

    patient: str
    means: tuple[float, ...]
    best_minus_worst: float


def slices_that_move(
    results: Results, region: str, metric: str, most: int = 10
) -> tuple[Mover, ...]:
    """The test slices with the largest range over values, largest first.

    Only slices whose reference has the region, and on each only networks (seeds) that tested it for
    every value. The slices are picked because they move most: on other slices values differ less.

    Args:
        region: a region, or ``ALL``: the mean over the regions of the slice.
        metric: ``accuracy``, ``iou``, ``dice``, or a BF score, of which the strict one is taken: a
            region that the network missed scores 0. Over all regions: ``global_accuracy``, or one
            of these with ``mean_`` before it.
        most: how many slices at most.

    Returns:
        No slices with fewer than two values, or if no slice was tested for all of them.
    """
    found = points(results)
    if len(found) < 2:
        return ()
    moves = slice_moves(results, region, metric)
    slices, means, ranges = moves.slices, moves.means, np.nan_to_num(moves.ranges, nan=-1.0)
    order = [s for s in np.argsort(-ranges, kind="stable")[:most] if ranges[s] >= 0]
    facts = slice_facts(results)
    labels = [point.label for point in found]
    made = []
    for s in order:
        low, high = int(means[:, s].argmin()), int(means[:, s].argmax())
        patient, level = facts[slices[s]]
        made.append(
            Mover(
                slices[s],
                patient,
                labels[low],
                float(means[low, s]),
                labels[high],
                float(means[high, s]),
                float(ranges[s]),
                float(moves.between_networks[s]),
                level,
            )
        )
    return tuple(made)


def slice_moves(results: Results, region: str, metric: str) -> SliceMoves:
    """How the score of each test slice depends on the value; arguments as ``slices_that_move``."""
    seeds, scores, slices = _scores_by_slice(results, region, metric)
    common = np.isfinite(scores).all(0)
    counts = common.sum(0)
    compared = np.where(common, scores, 0.0)
    means = compared.sum(1) / np.maximum(counts, 1)
    squares = np.where(common, (compared - means[:, None]) ** 2, 0.0).sum((0, 1))
    freedom = len(scores) * (counts - 1)
    spread = np.full(len(slices), np.nan)
    np.divide(squares, freedom, out=spread, where=freedom > 0)
    means = np.where(counts > 0, means, np.nan)
    ranges = np.ptp(means, axis=0)
    return SliceMoves(tuple(slices), seeds, scores, means, ranges, np.sqrt(spread))


def patients_table(table: ScoreTable) -> tuple[PatientRow, ...]:
    """Each patient's mean score per value, over the networks that have a score there."""
    cells = table.cells
    sums = np.where(cells, table.scores, 0.0).sum(1)
    counts = cells.sum(1)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    rows = []
    for p, patient in enumerate(table.patients):
        there = means[:, p][np.isfinite(means[:, p])]
        difference = float(np.ptp(there)) if len(there) > 1 else float("nan")
        rows.append(PatientRow(patient, tuple(map(float, means[:, p])), difference))
    return tuple(rows)


def _scores_by_slice(
    results: Results, region: str, metric: str
) -> tuple[tuple[int, ...], Float64[np.ndarray, "value network slice"], Sequence[str]]:
    """Seeds, their scores on the test slices whose reference has the region, and those slices."""
    rows = slice_scores(results, "test")
    rows = rows[rows["tp"] + rows["fn"] > 0]
    if region != ALL:
        rows = rows[rows["region"] == region]
    names = rows[["run", "slice"]].astype(str)
    groups = [names["run"], names["slice"]]
    if metric == "global_accuracy":
        sums = rows[["tp", "fn"]].groupby(groups).sum()
        scores = sums["tp"] / (sums["tp"] + sums["fn"])
    else:
        of_region = pd.Series(_score(rows, metric.removeprefix("mean_")), index=rows.index)
        scores = of_region.groupby(groups).mean()
    by_run = scores.unstack("slice").sort_index(axis=1)
    found = points(results)
    seeds = sorted({seed for point in found for seed in point.seeds})
    made = np.full((len(found), len(seeds), by_run.shape[1]), np.nan)
    for v, point in enumerate(found):
        for run, seed in zip(point.runs, point.seeds, strict=True):
            if run in by_run.index:
                made[v, seeds.index(seed)] = by_run.loc[run].to_numpy(float)
    return tuple(seeds), made, list(map(str, by_run.columns))


def _score(rows: pd.DataFrame, metric: str) -> np.ndarray:
    tp, fp, fn = (rows[name].to_numpy() for name in ("tp", "fp", "fn"))
    match metric:
        case "accuracy":
            found = accuracy(tp, fn)
        case "iou":
            found = iou(tp, fp, fn)
        case "dice":
            found = dice(tp, fp, fn)
        case _:
            found = rows["bf_strict"].to_numpy()
    return np.asarray(found, float)


def slice_facts(results: Results) -> Mapping[str, tuple[str, str | None]]:
    """Patient and level (None where not known) of every slice, by its key."""
    rows = results.counts[["slice", "patient", "level"]].drop_duplicates("slice")
    return {
        str(name): (str(patient), None if pd.isna(level) else str(level))
        for name, patient, level in rows.itertuples(index=False)
    }
