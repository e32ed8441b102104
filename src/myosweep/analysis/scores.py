"""Scores of networks and baselines: pure functions of the results tables.

Undefined scores are NaN, by MATLAB's rule: means skip them, and beside each mean stands how many
values it has. ``bf_strict`` follows the stricter rule of ``metrics.boundary``: a region that the
network misses altogether scores 0 and is not skipped.
"""

from typing import Any

import numpy as np
import pandas as pd

from myosweep.analysis.points import points
from myosweep.analysis.remember import remembered
from myosweep.analysis.slices import (
    scores_by_region,
    scores_over_regions,
    slice_scores,
)
from myosweep.results.read import Results

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


def region_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of each network for each region.

    Returns:
        One row per network (``run``, ``point``, ``seed``) and ``region``, in the order of points,
        seeds and regions: the ``REGION_METRICS``; ``slices``, all slices of the part; and
        ``bf_slices`` and ``bf_strict_slices``, those where the BF score is defined. No networks,
        or none with this part, give no rows.
    """
    return _of_networks(results, scores_by_region(slice_scores(results, part)))


def overall_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of each network over all regions: one row per network, the ``OVERALL_METRICS``."""
    return _of_networks(results, scores_over_regions(slice_scores(results, part)))


def network_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """All scores of all networks, one per row: run, point, seed, region (or ``ALL``), metric."""
    return _of_networks(results, _long_scores(results, part))


def baseline_scores(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores of the baselines, one per row: baseline, region (or ``ALL``), metric, score.

    With folds there is a baseline for every split, as there is a network; its score is the mean
    over the splits on which it is defined, as a value's is over its networks.
    """
    names = results.runs.loc[results.runs["kind"] == "baseline", ["run", "label"]]
    scores = _long_scores(results, part).merge(names.rename(columns={"label": "baseline"}))
    groups = scores.groupby(["baseline", "region", "metric"], sort=False)
    return groups["score"].mean().reset_index()


def summary(results: Results, part: str = "test") -> pd.DataFrame:
    """Scores per point of the sweep, over its networks.

    Returns:
        One row per ``point``, ``region`` (or ``ALL``) and ``metric``: ``label``, ``mean``, ``sd``
        (between networks; NaN for one), ``lowest``, ``highest``; ``networks``, and ``defined``,
        those of them whose score is defined, over which the rest is taken.
    """
    groups = network_scores(results, part).groupby(["point", "region", "metric"], sort=False)
    table: pd.DataFrame = groups["score"].agg(  # type: ignore[assignment]
        mean="mean", sd="std", lowest="min", highest="max", networks="size", defined="count"
    )
    table = table.reset_index()
    labels = {point.position: point.label for point in points(results)}
    table.insert(1, "label", table["point"].map(labels))
    return table


def summary_records(results: Results, part: str = "test") -> list[dict[str, Any]]:
    """``summary`` as JSON can hold it: swept fields under their paths, None where undefined."""
    values = {point.position: dict(point.values) for point in points(results)}
    rows = summary(results, part).to_dict("records")
    return [
        {**values[row["point"]], **{str(name): _or_none(row[name]) for name in row}} for row in rows
    ]


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


@remembered
def _long_scores(results: Results, part: str) -> pd.DataFrame:
    """Every score of every run, region by region, each in the metrics' order."""
    slices = slice_scores(results, part)
    regional, overall = scores_by_region(slices), scores_over_regions(slices)
    overall.insert(1, "region", ALL)
    tables = [
        table.melt(
            ["run", "region"], list(metrics), "metric", "score", ignore_index=False
        ).sort_index(kind="stable")
        for table, metrics in ((regional, REGION_METRICS), (overall, OVERALL_METRICS))
    ]
    return pd.concat(tables, ignore_index=True)
