"""Scores of networks and baselines: pure functions of the results tables.

Overlap scores are taken from counts pooled over all slices of a part; BF scores are means over
slices. Both are MATLAB's (``evaluateSemanticSegmentation``), undefined values included: they are
skipped, and beside each mean stands how many values it has. ``bf_strict`` is the stricter rule of
``metrics.boundary``: a region that the network misses altogether scores 0 and is not skipped.
"""

from typing import Any

import numpy as np
import pandas as pd

from myosweep.analysis.points import points
from myosweep.errors import StudyError
from myosweep.metrics import (
    SQUARED_DISTANCES_PX,
    accuracy,
    bf_from_hits,
    default_tolerance_px,
    dice,
    global_accuracy,
    hits_within,
    iou,
    mean_accuracy,
    mean_along,
    mean_iou,
    weighted_iou,
)
from myosweep.results.read import Results, read_masks

REGION_METRICS = ("accuracy", "iou", "dice", "bf", "bf_strict")
OVERALL_METRICS = (
    "global_accuracy",
    "mean_accuracy",
    "mean_iou",
    "weighted_iou",
    "mean_dice",
    "mean_bf",
    "mean_bf_strict",
)
ALL = "all"
"""Stands for a region's name where a score is taken over all regions."""

MAJORITY = "majority class"
NO_IMAGE = "no-image predictor"

_PIXELS = ["tp", "fp", "fn"]


def tolerance_px(results: Results) -> float:
    """Tolerance of the study's BF scores: as the study says, or 0.75 % of the image diagonal.

    Raises:
        StudyError: if the study says nothing and no run has masks that show the image's size.
    """
    chosen = results.study.scoring.tolerance_px
    if chosen is not None:
        return chosen
    for run in results.runs["run"]:
        folder = results.folder.run(run)
        if folder.masks.exists() and (masks := read_masks(folder)):
            return default_tolerance_px(*next(iter(masks.values())).shape)
    raise StudyError(
        "the tolerance of the BF score is 0.75 % of the image diagonal, but no run has masks that "
        "show the image's size; set scoring.tolerance_px in study.toml"
    )


def region_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of each network for each region.

    Returns:
        One row per network (``run``, ``point``, ``seed``) and ``region``, in the order of points,
        seeds and regions: the ``REGION_METRICS``; ``slices``, all slices of the part; and
        ``bf_slices`` and ``bf_strict_slices``, those where the BF score is defined. No networks,
        or none with this part, give no rows.
    """
    return _of_networks(results, _region_scores(results, part))


def overall_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of each network over all regions: one row per network, the ``OVERALL_METRICS``."""
    return _of_networks(results, _overall_scores(results, part))


def network_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """All scores of all networks, one per row: run, point, seed, region (or ``ALL``), metric."""
    return _of_networks(results, _long_scores(results, part))


def baseline_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of the baselines, one per row: baseline, region (or ``ALL``), metric, score."""
    names = results.runs.loc[results.runs["kind"] == "baseline", ["run", "label"]]
    scores = _long_scores(results, part).merge(names.rename(columns={"label": "baseline"}))
    return scores[["baseline", "region", "metric", "score"]]


def summary(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores per point of the sweep, over its networks.

    Returns:
        One row per ``point``, ``region`` (or ``ALL``) and ``metric``: ``label``, ``mean``, ``sd``
        (between networks; NaN for one), ``lowest``, ``highest``; ``networks``, and ``defined``,
        those of them whose score is defined, over which the rest is taken.
    """
    scores = network_scores(results, part)
    groups = scores.groupby(["point", "region", "metric"], sort=False)["score"]
    table = groups.agg(
        mean="mean", sd="std", lowest="min", highest="max", networks="size", defined="count"
    )
    labels = {point.position: point.label for point in points(results)}
    table = table.reset_index()
    table.insert(1, "label", table["point"].map(labels))
    return table


def summary_records(results: Results, part: str = "test") -> list[dict[str, Any]]:
    """``summary`` as JSON can hold it: swept fields under their paths, None where undefined."""
    values = {point.position: dict(point.values) for point in points(results)}
    rows = summary(results, part).to_dict("records")
    return [
        {**values[row["point"]], **{str(name): _or_none(row[name]) for name in row}}
        for row in rows
    ]  # fmt: skip


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _of_networks(results: Results, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of networks, with their points and seeds, in the order of these."""
    places = pd.DataFrame(
        [
            (run, point.position, seed)
            for point in points(results)
            for run, seed in zip(point.runs, point.seeds, strict=True)
        ],
        columns=["run", "point", "seed"],
    )
    return places.merge(scores, on="run", how="inner")


def _long_scores(results: Results, part: str) -> pd.DataFrame:
    """Every score of every run, region by region, each in the metrics' order."""
    regional, overall = _region_scores(results, part), _overall_scores(results, part)
    overall.insert(1, "region", ALL)
    tables = [
        table.melt(
            ["run", "region"], list(metrics), "metric", "score", ignore_index=False
        ).sort_index(kind="stable")
        for table, metrics in ((regional, REGION_METRICS), (overall, OVERALL_METRICS))
    ]
    return pd.concat(tables, ignore_index=True)


def _region_scores(results: Results, part: str) -> pd.DataFrame:
    slices = _slices(results, part)
    groups = slices.groupby(["run", "region"], observed=True)
    table = groups[_PIXELS].sum()
    tp, fp, fn = (table[name].to_numpy() for name in _PIXELS)
    scores = {"accuracy": accuracy(tp, fn), "iou": iou(tp, fp, fn), "dice": dice(tp, fp, fn)}
    means = groups[["bf", "bf_strict"]].mean()
    defined = groups[["bf", "bf_strict"]].count().add_suffix("_slices")
    table = pd.concat([table.assign(**scores), means, defined], axis=1)
    table["slices"] = groups.size()
    kept = [*REGION_METRICS, "slices", "bf_slices", "bf_strict_slices"]
    table = table[kept].reset_index()
    return table.astype({"run": str, "region": str})


def _overall_scores(results: Results, part: str) -> pd.DataFrame:
    slices = _slices(results, part)
    sums = slices.groupby(["run", "region"], observed=True)[_PIXELS].sum().unstack("region")
    tp, fp, fn = (sums[name].to_numpy() for name in _PIXELS)
    per_slice = slices.groupby(["run", "slice"], observed=True)[["bf", "bf_strict"]].mean()
    bf = per_slice.groupby("run", observed=True).mean()
    columns = {
        "global_accuracy": global_accuracy(tp, fn),
        "mean_accuracy": mean_accuracy(tp, fn),
        "mean_iou": mean_iou(tp, fp, fn),
        "weighted_iou": weighted_iou(tp, fp, fn),
        "mean_dice": mean_along(dice(tp, fp, fn), axis=-1),
        "mean_bf": bf["bf"].to_numpy(),
        "mean_bf_strict": bf["bf_strict"].to_numpy(),
    }
    return pd.DataFrame({"run": sums.index.astype(str), **columns})


def _slices(results: Results, part: str) -> pd.DataFrame:
    """Pixel counts and BF scores of every run, slice and region of a part."""
    within = hits_within(np.array(SQUARED_DISTANCES_PX), tolerance_px(results))
    lengths = ["prediction_boundary", "reference_boundary"]
    hits = [f"prediction_hits_{within}", f"reference_hits_{within}"]
    columns = ["run", "slice", "region", *_PIXELS, *lengths, *hits]
    table = results.counts.loc[results.counts["part"] == part, columns]
    predicted, true, predicted_hits, true_hits = (
        table[name].to_numpy() for name in (*lengths, *hits)
    )
    bf, strict = (
        bf_from_hits(predicted_hits, predicted, true_hits, true, rule) for rule in (False, True)
    )
    region = table["region"].cat.set_categories(list(results.scheme.names), ordered=True)
    pixels = {name: table[name].to_numpy(np.int64) for name in _PIXELS}
    return table[["run", "slice"]].assign(region=region, **pixels, bf=bf, bf_strict=strict)
