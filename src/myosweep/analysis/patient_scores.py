"""From COUNTS to one score per network and patient, by the strict rules that verdicts need.

Defined means defined by the reference: slices whose reference lacks a region are left out of that
region's scores for all runs alike, and a region that a network misses altogether scores 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from myosweep.analysis.points import points
from myosweep.analysis.scores import ALL
from myosweep.analysis.slices import tolerance_px
from myosweep.metrics import SQUARED_DISTANCES_PX, bf_from_hits, hits_within
from myosweep.results.read import Results
from myosweep.statistics.score_table import ScoreTable

REGION_METRICS = ("accuracy", "iou", "dice", "bf_strict")
OVERALL_METRICS = ("global_accuracy", "mean_iou", "mean_dice", "mean_bf_strict")
PerPatient = Float64[np.ndarray, "run patient"]
PerRegion = Float64[np.ndarray, "run patient region"]


def strict_metric(metric: str) -> str:
    """The metric that verdicts use: MATLAB's BF score leaves out what a network missed."""
    return "bf_strict" if metric == "bf" else metric


@dataclass(frozen=True, eq=False)
class PatientCounts:
    """Counts of one part, added up per run, patient and region.

    Attributes:
        runs, patients, regions: names along the axes.
        tp, fp, fn: pixels on slices whose reference has the region.
        bf_sum, bf_slices: sum of strict BF scores over these slices, and how many they are.
        right, labelled: over all slices and regions, right and labelled pixels.
        mean_bf_sum, slices: sum over slices of the mean strict BF over the regions there, and
            slices.
        absent, alarms: slices whose reference lacks the region, and those of them with any pixel
            predicted as it.
        predicted: pixels predicted as the region, on all slices.
    """

    runs: tuple[str, ...]
    patients: tuple[str, ...]
    regions: tuple[str, ...]
    tp: PerRegion
    fp: PerRegion
    fn: PerRegion
    bf_sum: PerRegion
    bf_slices: PerRegion
    absent: PerRegion
    alarms: PerRegion
    predicted: PerRegion
    right: PerPatient
    labelled: PerPatient
    mean_bf_sum: PerPatient
    slices: PerPatient

    def scores(self, region: str, metric: str) -> PerPatient:
        """One score per run and patient; NaN where the reference leaves it undefined."""
        if region == ALL:
            return self._overall(metric)
        return self._regional(metric)[:, :, self.regions.index(region)]

    def pooled(
        self, region: str, metric: str, tested: Bool[np.ndarray, "run patient"]
    ) -> PerPatient:
        """The linearised score: its mean over a run's patients is the score of pooled pixels.

        A ratio of sums R = sum(a) / sum(b) becomes R + (a - R b) / mean(b) per patient, so that
        its spread over patients is the spread of the pooled score. Means over regions are means of
        such scores; BF scores are means over slices, weighted by each patient's slices.
        """
        if region == ALL:
            if metric == "global_accuracy":
                return _linearised(self.right, self.labelled, tested)
            if metric == "mean_bf_strict":
                return _linearised(self.mean_bf_sum, self.slices, tested)
            of_region = metric.removeprefix("mean_")
            each = [self.pooled(name, of_region, tested) for name in self.regions]
            result: np.ndarray = np.mean(each, axis=0)
            return result
        k = self.regions.index(region)
        above, below = self._ratio(metric)
        return _linearised(above[:, :, k], below[:, :, k], tested)

    def _ratio(self, metric: str) -> tuple[PerRegion, PerRegion]:
        match metric:
            case "accuracy":
                return self.tp, self.tp + self.fn
            case "iou":
                return self.tp, self.tp + self.fp + self.fn
            case "dice":
                return 2 * self.tp, 2 * self.tp + self.fp + self.fn
        return self.bf_sum, self.bf_slices

    def _regional(self, metric: str) -> PerRegion:
        above, below = self._ratio(metric)
        present = self.bf_slices > 0
        return np.divide(above, below, out=np.full_like(above, np.nan), where=present & (below > 0))

    def _overall(self, metric: str) -> PerPatient:
        undefined = np.full_like(self.right, np.nan)
        if metric == "global_accuracy":
            return np.divide(self.right, self.labelled, out=undefined, where=self.labelled > 0)
        if metric == "mean_bf_strict":
            return np.divide(self.mean_bf_sum, self.slices, out=undefined, where=self.slices > 0)
        each = self._regional(metric.removeprefix("mean_"))
        defined = np.isfinite(each)
        sums = np.where(defined, each, 0.0).sum(2)
        return np.divide(sums, defined.sum(2), out=undefined, where=defined.any(2))


def patient_counts(results: Results, part: str = "test") -> PatientCounts:
    """Add COUNTS of a part up, run by run and patient by patient, baselines included."""
    rows = results.counts[results.counts["part"] == part]
    run, patient, region = (rows[name].cat.remove_unused_categories() for name in _AXES)
    region = region.cat.set_categories(list(results.scheme.names))
    axes = tuple(tuple(map(str, column.cat.categories)) for column in (run, patient, region))
    codes = [column.cat.codes.to_numpy(np.int64) for column in (run, patient, region)]
    shape = tuple(map(len, axes))
    place = np.ravel_multi_index(codes, shape) if len(rows) else np.zeros(0, np.int64)

    def added(values: np.ndarray) -> np.ndarray:
        sums = np.bincount(place, values.astype(float), int(np.prod(shape)))
        return sums.astype(float).reshape(shape)

    present = rows["reference_present"].to_numpy(bool)
    tp, fp, fn = (rows[name].to_numpy(float) for name in ("tp", "fp", "fn"))
    bf = np.nan_to_num(_strict_bf(results, rows))
    shares = _share_of_slice(codes[0], rows["slice"].cat.codes.to_numpy(np.int64), present)
    runs, patients, regions = axes
    return PatientCounts(
        runs=runs,
        patients=patients,
        regions=regions,
        tp=added(tp),
        fp=added(fp * present),
        fn=added(fn),
        bf_sum=added(bf * present),
        bf_slices=added(present),
        absent=added(~present),
        alarms=added(~present & (fp > 0)),
        predicted=added(tp + fp),
        right=added(tp).sum(2),
        labelled=added(tp + fn).sum(2),
        mean_bf_sum=added(bf * shares).sum(2),
        slices=added(shares).sum(2),
    )


_AXES = ("run", "patient", "region")


def _share_of_slice(runs: np.ndarray, slices: np.ndarray, present: np.ndarray) -> np.ndarray:
    """1 over the number of regions that the row's slice has; 0 for a region that it lacks."""
    place = runs * (slices.max(initial=0) + 1) + slices
    regions = np.bincount(place, present)
    shares: np.ndarray = present / np.maximum(regions[place], 1)
    return shares


def score_table(
    results: Results, counts: PatientCounts, region: str, metric: str, *, pooled: bool = False
) -> ScoreTable:
    """The scores of all points' networks on all patients, for one region and metric.

    Args:
        region: a region's name, or ``ALL``.
        pooled: linearised scores of pooled pixels, as the paper's; default: means over patients.
    """
    every = counts.scores(region, metric)
    if pooled:
        every = counts.pooled(region, metric, np.isfinite(every))
    return arranged(results, every, counts.runs, counts.patients)


def arranged(
    results: Results, every: PerPatient, runs: Sequence[str], names: Sequence[str]
) -> ScoreTable:
    """Scores per run and patient as verdicts need them: value by value, network by network.

    Args:
        every: NaN where a run has no score for a patient; patients without any are left out.
        runs, names: the runs and patients along its axes.
    """
    found = points(results)
    seeds = sorted({seed for point in found for seed in point.seeds})
    row = {run: number for number, run in enumerate(runs)}
    scores = np.full((len(found), len(seeds), len(names)), np.nan)
    for v, point in enumerate(found):
        for run, seed in zip(point.runs, point.seeds, strict=True):
            if run in row:
                scores[v, seeds.index(seed)] = every[row[run]]
    defined = np.isfinite(scores).any((0, 1))
    patients = tuple(name for name, kept in zip(names, defined, strict=True) if kept)
    return ScoreTable(
        tuple(point.label for point in found),
        _network_names(results, seeds),
        patients,
        np.ascontiguousarray(scores[:, :, defined]),
        results.study.replicates.design,
        _test_to_training(results),
    )


def baseline_means(
    results: Results, counts: PatientCounts, region: str, metric: str
) -> tuple[tuple[str, float], ...]:
    """What each baseline reaches, averaged over patients (and splits) as networks' scores are.

    Baselines without any score are left out.
    """
    scores = counts.scores(region, metric)
    row = {run: number for number, run in enumerate(counts.runs)}
    found: dict[str, list[int]] = {}
    for run, kind, label in results.runs[["run", "kind", "label"]].itertuples(index=False):
        if kind == "baseline" and run in row:
            found.setdefault(str(label), []).append(row[run])
    means = {label: scores[rows] for label, rows in found.items()}
    return tuple(
        (label, float(those[np.isfinite(those)].mean()))
        for label, those in means.items()
        if np.isfinite(those).any()
    )


def blind_score(
    baselines: Sequence[tuple[str, float]], region: str, metric: str, background: str
) -> float | None:
    """The best score that needs no image; None where a good network may well score lower.

    That is so for accuracy, which rewards predicting too much, and for the background.

    Args:
        baselines: as ``baseline_means`` gives them.
        background: name of the region that is no structure.
    """
    if "accuracy" in metric or region == background:
        return None
    return max((score for _, score in baselines), default=None)


def _network_names(results: Results, seeds: Sequence[int]) -> tuple[str, ...]:
    known = {member.seed: member.words for member in results.study.replicates.members}
    return tuple(known.get(seed, f"seed {seed}") for seed in seeds)


def _test_to_training(results: Results) -> float | None:
    """With folds: patients that test a network per patient that trains it."""
    replicates = results.study.replicates
    if replicates.design != "folds":
        return None
    training = (replicates.folds - 1) * (1 - replicates.validation)
    return 1 / training


def _linearised(above: PerPatient, below: PerPatient, tested: np.ndarray) -> PerPatient:
    above, below = np.where(tested, above, 0.0), np.where(tested, below, 0.0)
    total = below.sum(1)
    undefined = np.full(len(above), np.nan)
    ratio = np.divide(above.sum(1), total, out=undefined.copy(), where=total > 0)[:, None]
    mean = np.divide(total, tested.sum(1), out=undefined, where=total > 0)[:, None]
    return np.where(tested, ratio + (above - ratio * below) / mean, np.nan)


def _strict_bf(results: Results, rows: pd.DataFrame) -> np.ndarray:
    within = hits_within(np.array(SQUARED_DISTANCES_PX), tolerance_px(results))
    names = (
        f"prediction_hits_{within}",
        "prediction_boundary",
        f"reference_hits_{within}",
        "reference_boundary",
    )
    predicted_hits, predicted, true_hits, true = (rows[name].to_numpy() for name in names)
    scores: np.ndarray = bf_from_hits(predicted_hits, predicted, true_hits, true, True)
    return scores
