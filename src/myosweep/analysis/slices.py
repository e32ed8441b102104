"""From COUNTS to scores per run: the arithmetic below ``scores``.

Overlap scores are taken from counts pooled over all slices of a part; BF scores are means over
slices. Both are MATLAB's (``evaluateSemanticSegmentation``).
"""

import numpy as np
import pandas as pd

from myosweep.analysis.remember import remembered
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
from myosweep.results.read import Results, mask_shape

_PIXELS = ["tp", "fp", "fn"]
_BF = ["bf", "bf_strict"]


def slices_of_runs(results: Results, part: str) -> dict[str, set[str]]:
    """The slices that each run has in a part; with folds they differ from run to run."""
    rows = results.counts.loc[results.counts["part"] == part, ["run", "slice"]]
    groups = rows.drop_duplicates().astype(str).groupby("run")["slice"]
    return {str(run): set(slices) for run, slices in groups}


@remembered
def tolerance_px(results: Results) -> float | int:
    """Tolerance of the study's BF scores: as the study says, or 0.75 % of the image diagonal.

    Raises:
        StudyError: if the study says nothing and no run has masks that show the image's size.
    """
    chosen = results.study.scoring.tolerance_px
    if chosen is not None:
        return chosen
    for run in results.runs["run"]:
        if (shape := mask_shape(results.folder.run(run))) is not None:
            return default_tolerance_px(*shape)
    raise StudyError(
        "the tolerance of the BF score is 0.75 % of the image diagonal, but no run has masks that "
        "show the image's size; set scoring.tolerance_px in study.toml"
    )


def slice_scores(results: Results, part: str) -> pd.DataFrame:
    """Pixel counts and BF scores of every run, slice and region of a part, regions in order."""
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
    # pandas 3 cannot regroup an empty column with more than 127 categories
    run = table["run"].cat.remove_unused_categories()
    named = {"run": run, "slice": table["slice"], "region": region}
    return pd.DataFrame({**named, **pixels, "bf": bf, "bf_strict": strict})


def scores_by_region(slices: pd.DataFrame) -> pd.DataFrame:
    """One row per run and region: accuracy, IoU, Dice, both BF scores, slices behind each."""
    groups = slices.groupby(["run", "region"], observed=True)
    pixels = groups[_PIXELS].sum()
    tp, fp, fn = (pixels[name].to_numpy() for name in _PIXELS)
    overlap = pd.DataFrame(
        {"accuracy": accuracy(tp, fn), "iou": iou(tp, fp, fn), "dice": dice(tp, fp, fn)},
        index=pixels.index,
    )
    defined = groups[_BF].count().add_suffix("_slices")
    means, all_slices = groups[_BF].mean(), groups.size().rename("slices")
    table = pd.concat([overlap, means, all_slices, defined], axis=1)
    return table.reset_index().astype({"run": str, "region": str})


def scores_over_regions(slices: pd.DataFrame) -> pd.DataFrame:
    """One row per run: global and mean scores; a mean BF score is first taken within each slice."""
    sums = slices.groupby(["run", "region"], observed=True)[_PIXELS].sum()
    runs, regions = sums.index.unique("run"), slices["region"].cat.categories
    sums = sums.reindex(pd.MultiIndex.from_product([runs, regions]), fill_value=0)
    tp, fp, fn = (sums[name].to_numpy().reshape(-1, len(regions)) for name in _PIXELS)
    per_slice = slices.groupby(["run", "slice"], observed=True)[_BF].mean()
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
    return pd.DataFrame({"run": runs.astype(str), **columns})
