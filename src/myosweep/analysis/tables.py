"""The paper's table in text: per value and region its metrics, mean and spread over networks."""

import math
from dataclasses import dataclass

import pandas as pd

from myosweep.analysis.cautions import in_folds
from myosweep.analysis.early_rule_words import early_notes
from myosweep.analysis.points import points
from myosweep.analysis.scores import ALL, NO_IMAGE, baseline_scores, region_scores, summary
from myosweep.results.read import Results

_REGION_COLUMNS = {"accuracy": "accuracy", "iou": "IoU", "dice": "Dice", "bf": "BF"}
_OVERALL_COLUMNS = {
    "global_accuracy": "accuracy",
    "mean_iou": "IoU",
    "mean_dice": "Dice",
    "mean_bf": "BF",
}


@dataclass(frozen=True)
class TextTable:
    """A table ready to print, and the notes below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def paper_table(results: Results, part: str = "test") -> TextTable:
    """Accuracy, IoU, Dice and BF of each value in each region and over all of them.

    A cell is the mean over the value's networks, with their standard deviation where there are
    several; a last row per region is the no-image predictor, with folds its mean over all splits.
    Empty if no network has the part.
    """
    means = summary(results, part)
    networks = {point.position: len(point.runs) for point in points(results)}
    floor = baseline_scores(results, part)
    floor = floor[floor["baseline"] == NO_IMAGE]
    rows = []
    for region in (*results.scheme.names, ALL):
        wanted = _OVERALL_COLUMNS if region == ALL else _REGION_COLUMNS
        here = means[means["region"] == region]
        for _, of_point in here.groupby("point"):
            scores = of_point.set_index("metric")
            cells = [_cell(scores, metric) for metric in wanted]
            rows.append((region, str(of_point["label"].iloc[0]), *cells))
        below = floor[floor["region"] == region].set_index("metric")["score"]
        if len(below):
            rows.append((region, "no image", *(f"{below[metric]:.3f}" for metric in wanted)))
    counts = sorted(set(networks.values()))
    over = f"mean ± SD over {' or '.join(map(str, counts))} networks per value"
    return TextTable(
        f"{results.study.name}: {part} part, {over if counts != [1] else 'one network per value'}",
        ("region", "value", *_REGION_COLUMNS.values()),
        tuple(rows),
        (
            *_skipped_note(results, part),
            f"In the rows of {ALL!r}, accuracy is the share of all pixels that are right; IoU, "
            "Dice and BF are means over regions.",
            "'no image' is a predictor that never looks at the image: what it reaches is no "
            "achievement.",
            *_folds_note(results, part),
            *early_notes(results),
        ),
    )


def _folds_note(results: Results, part: str) -> tuple[str, ...]:
    if not in_folds(results):
        return ()
    return (
        f"Networks of one value differ in their seed and in their {part} patients (folds); the SD "
        "holds both. In each fold all values have the same patients.",
    )


def _skipped_note(results: Results, part: str) -> tuple[str, ...]:
    """A warning where MATLAB's BF score leaves out slices on which a network missed a region."""
    scores = region_scores(results, part)
    skipped = scores["bf_strict_slices"] - scores["bf_slices"]
    worst = scores[skipped > 0].groupby("region", sort=False).size()
    if worst.empty:
        return ()
    share = 100 * skipped.clip(lower=0).sum() / max(scores["bf_strict_slices"].sum(), 1)
    return (
        f"BF follows MATLAB: where a network missed a region altogether ({', '.join(worst.index)}; "
        f"{share:.1f} % of regions and slices) it is left out, which flatters the network; the "
        "report has the strict BF beside it.",
    )


def _cell(scores: pd.DataFrame, metric: str) -> str:
    mean, spread = (float(scores[column][metric]) for column in ("mean", "sd"))
    if math.isnan(mean):
        return "undefined"
    return f"{mean:.3f}" + ("" if math.isnan(spread) else f"±{spread:.3f}")
