"""Known failures: on which kinds of test slices the networks do badly. Nobody is named."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd

from myosweep.analysis.card.records import FailureGroup, Failures, WorstSlice
from myosweep.results.read import Results
from myosweep.statistics.intervals import share_interval

THRESHOLD = 0.5
"""A Dice below it is a failure: network and reference then share less than a half."""
_WORST = 5
_SIZES = ("smallest third", "middle third", "largest third")


def failures(results: Results, rows: pd.DataFrame, region: str) -> Failures | None:
    """Failures on one region; None if no reference has it.

    Args:
        rows: COUNTS of the scored runs on the test part, all regions.
    """
    own = rows[(rows["region"] == region) & rows["reference_present"]]
    if own.empty:
        return None
    table = _slices(own, rows, results.scheme.names[0])
    failing = table["dice"] < THRESHOLD
    patients = table["patient"].nunique()
    unlucky = table.loc[failing, "patient"].nunique()
    low, high = share_interval(unlucky, patients)
    nothing = (own["tp"] + own["fp"]).groupby(own["run"].astype(str)).sum() == 0
    return Failures(
        region=region,
        threshold=THRESHOLD,
        slices=table["slice"].nunique(),
        share=float(failing.mean()),
        patients=patients,
        patients_failing=unlucky,
        low=low,
        high=high,
        collapsed=int(nothing.sum()),
        groups=tuple(_groups(table.assign(failing=failing))),
        worst=_worst(table),
    )


def heart_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Reference area by patient, slice and region, each once: the same in every run."""
    once = rows.drop_duplicates(["slice", "region"])
    return once.assign(area=once["tp"] + once["fn"])


def _slices(own: pd.DataFrame, rows: pd.DataFrame, background: str) -> pd.DataFrame:
    """One row per network and slice: Dice, level, area, and the third that its heart belongs to."""
    tp, fp, fn = (own[name].to_numpy(float) for name in ("tp", "fp", "fn"))
    table = pd.DataFrame(
        {
            "slice": own["slice"].astype(str).to_numpy(),
            "patient": own["patient"].astype(str).to_numpy(),
            "level": own["level"].to_numpy(object),
            "spacing_mm": own["spacing_mm"].to_numpy(float),
            "area": tp + fn,
            "dice": 2 * tp / (2 * tp + fp + fn),
            "missed": fn / (tp + fn),
            "extra": fp / (tp + fn),
        }
    )
    hearts = heart_rows(rows[rows["region"] != background])
    size = hearts.groupby(hearts["slice"].astype(str))["area"].sum()
    size = size[size.index.isin(table["slice"])]
    third = (3 * (size.rank(method="first") - 1) // len(size)).clip(upper=2).astype(int)
    return table.assign(third=table["slice"].map(third))


def _groups(table: pd.DataFrame) -> Iterator[FailureGroup]:
    for level in ("base", "middle", "apex"):
        yield from _group("level", level, table[table["level"] == level])
    if table["slice"].nunique() >= len(_SIZES):
        for number, name in enumerate(_SIZES):
            yield from _group("heart size", name, table[table["third"] == number])


def _group(
    factor: Literal["level", "heart size"], name: str, rows: pd.DataFrame
) -> Iterator[FailureGroup]:
    if len(rows):
        share = float(rows["failing"].mean())
        slices = rows["slice"].nunique()
        yield FailureGroup(factor=factor, group=name, slices=slices, share=share)


def _worst(table: pd.DataFrame) -> tuple[WorstSlice, ...]:
    """The slices with the lowest mean Dice over networks, of those below the threshold."""
    of_slice = table.groupby("slice", sort=True)
    means = of_slice[["dice", "missed", "extra", "area", "spacing_mm"]].mean()
    first = of_slice[["level", "third"]].first()
    order = means["dice"].sort_values(kind="stable").index[:_WORST]
    made = []
    for name in order:
        one = means.loc[name]
        if one["dice"] >= THRESHOLD:
            break
        level, spacing = first.loc[name, "level"], float(one["spacing_mm"])
        made.append(
            WorstSlice(
                level=None if pd.isna(level) else str(level),
                heart_size=_SIZES[int(first.loc[name, "third"])],
                area_px=round(one["area"]),
                area_cm2=float(one["area"]) * spacing**2 / 100 if np.isfinite(spacing) else None,
                dice=float(one["dice"]),
                missed=float(one["missed"]),
                extra=float(one["extra"]),
            )
        )
    return tuple(made)
