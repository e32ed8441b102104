"""Hearts that are too oval in the short axis: images stretched along one direction."""

from collections.abc import Iterator

import pandas as pd

from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import count, percent
from myosweep.metrics.shape import OVAL

VERY_OVAL = 1.5
"""A single patient beyond this is told, too."""
SERIOUS, LOOK = 0.25, 0.05
"""Share of patients beyond."""


def find_distortion(inspected: Inspected) -> Iterator[Finding]:
    """Patients whose ventricle is oval in the middle of the stack."""
    ratios = axis_ratios(inspected.table)
    oval = ratios[ratios > OVAL].sort_values(ascending=False)
    share = len(oval) / max(len(ratios), 1)
    if not (len(oval) >= 2 and share >= LOOK) and not (ratios > VERY_OVAL).any():
        return
    known = inspected.dataset.slices["spacing_mm"].notna()
    unknown = (
        "" if known.all() else " The pixel size is not known, so this cannot be put right here."
    )
    table = inspected.table
    middle = table[_middle(table) & table["patient"].isin(oval.index)]
    worst_first = middle.assign(ratio=middle["patient"].map(oval)).sort_values(
        "ratio", ascending=False, kind="stable"
    )
    yield Finding(
        "distortion",
        "serious" if share >= SERIOUS else "look",
        f"In {len(oval):,} of {count(len(ratios), 'patient')} ({percent(share)}) the ventricle is "
        f"oval in the middle of the stack: its long axis is more than {OVAL} times its short axis, "
        f"at most {oval.max():.1f} times. A left ventricle is nearly round in the short axis; "
        f"the images were stretched along one direction.{unknown}",
        "Import the original images with their pixel sizes (`--resample` makes pixels square). "
        "Until then conclude nothing in mm, cm², ml, wall thickness or transmurality, and do "
        "not compare scores with those of undistorted images.",
        tuple(worst_first.drop_duplicates("patient")["slice"]),
        {
            "patients": len(ratios),
            "oval": len(oval),
            "median": round(float(ratios.median()), 3),
            "largest": round(float(ratios.max()), 3),
            "spacing_known": bool(known.all()),
        },
    )


def axis_ratios(table: pd.DataFrame) -> pd.Series:
    """Axis ratio of each patient: the median over the slices in the middle of its stacks."""
    return table[_middle(table)].groupby("patient")["axis_ratio"].median()


def _middle(table: pd.DataFrame) -> pd.Series:
    """The middle third of each stack's slices with a mask, at least one of them."""
    shown = table[table["area_px"] > 0]
    groups = shown.groupby(["patient", "stack"], sort=False)["slice"]
    number, of = groups.cumcount(), groups.transform("size").astype(int)
    third = of // 3
    chosen = (number >= third) & (number < of - third)
    return chosen.reindex(table.index, fill_value=False).astype(bool)
