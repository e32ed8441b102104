"""Slices, patients and columns that are unlike the rest: grey values, spacing, size, number."""

from collections.abc import Iterator

import numpy as np

from myosweep.audit.records import Finding, Inspected
from myosweep.audit.robust import beyond, robust_z
from myosweep.audit.words import count, some, verb

LIMIT = 6.0
LEAST_CHANGE = 0.15
"""Of the patient's grey scale: smaller differences in brightness are no fault."""
MOST_ODD = 0.1
"""Of all slices: if more are unlike the rest, the dataset is a mixture; ``signal_zero`` tells."""
FLAT_SHARE = 0.05
"""Of the median contrast; images with less show next to nothing."""
LIKELY_SPACING_MM = (0.4, 3.5)
SPACING_RATIO = 1.5
FEWEST_SLICES = 3


def constant_images(keys: tuple[str, ...]) -> Finding:
    """The finding that images show nothing."""
    return Finding(
        "constant images",
        "serious",
        f"{count(len(keys), 'image')} {verb(len(keys), 'is', 'are')} of one grey value throughout "
        f"({some(keys)}).",
        "Look at the source files: they are damaged, or the conversion failed. Leave these slices "
        "out.",
        keys,
        {"slices": len(keys)},
    )


def find_odd_greys(inspected: Inspected) -> Iterator[Finding]:
    """Constant images, images with next to no contrast, and unusually bright or dark ones."""
    table = inspected.table
    constant = table["constant"].to_numpy(bool)
    if constant.any():
        yield constant_images(inspected.keys(constant))
    contrast = (table["p99"] - table["p01"]).where(~constant)
    flat = (contrast < FLAT_SHARE * contrast.median()).to_numpy()
    if flat.any():
        keys = inspected.keys(flat)
        yield Finding(
            "images without contrast",
            "look",
            f"{count(len(keys), 'image')} {verb(len(keys), 'has', 'have')} less than a twentieth "
            f"of the usual contrast ({some(keys)}).",
            "Look at them; leave out what shows nothing, and check the grey scale of the rest.",
            keys,
            {"usual_contrast": round(float(contrast.median()), 1)},
        )
    yield from _odd_brightness(inspected, ~constant & ~flat)


def _odd_brightness(inspected: Inspected, usable: np.ndarray) -> Iterator[Finding]:
    table = inspected.table
    median = table["p50"].where(usable)
    scale = (table["p99"] - table["p01"]).where(usable).groupby(table["patient"])
    change = (median - median.groupby(table["patient"]).transform("median")) / scale.transform(
        "median"
    )
    within = beyond(robust_z(change.to_numpy(float)), LIMIT)
    within &= (change.abs() > LEAST_CHANGE).to_numpy()
    overall = beyond(robust_z(median.to_numpy(float)), LIMIT) | beyond(
        robust_z(table["p99"].where(usable).to_numpy(float)), LIMIT
    )
    for odd, of_what in (
        (within, "the other slices of the same patient"),
        (overall & ~within, "the rest of the dataset"),
    ):
        if 0 < odd.mean() <= MOST_ODD:
            keys = inspected.keys(odd)
            yield Finding(
                "unusual brightness",
                "look",
                f"{count(len(keys), 'image')} {verb(len(keys), 'is', 'are')} far brighter or "
                f"darker than {of_what} ({some(keys)}).",
                "Look at them. Another sequence, inversion time or scaling may have come in; "
                "normalise each image (z-score), or leave out what is no LGE slice.",
                keys,
                {"slices": len(keys), "compared_with": of_what},
            )


def find_odd_spacing(inspected: Inspected) -> Iterator[Finding]:
    """Pixel sizes that are missing, unlikely, or differ."""
    slices = inspected.dataset.slices
    spacing = slices["spacing_mm"].astype(float)
    missing = int(spacing.isna().sum())
    if missing:
        which = "any slice" if missing == len(slices) else f"{missing:,} of {len(slices):,} slices"
        yield Finding(
            "pixel size unknown",
            "note",
            f"The pixel size is not known for {which}.",
            "Give it in a table (`--table`, column spacing_mm) if it can be had. Without it "
            "nothing can be told in mm or ml.",
            () if missing == len(slices) else inspected.keys(spacing.isna().to_numpy()),
            {"missing": missing},
        )
    low, high = LIKELY_SPACING_MM
    unlikely = ((spacing < low) | (spacing > high)).to_numpy()
    if unlikely.any():
        keys = inspected.keys(unlikely)
        yield Finding(
            "unlikely pixel size",
            "look",
            f"{count(len(keys), 'slice')} {verb(len(keys), 'has', 'have')} a pixel size outside "
            f"{low} to {high} mm ({some(keys)}): {spacing[unlikely].min():.3g} to "
            f"{spacing[unlikely].max():.3g} mm.",
            "Check the unit and the source: LGE slices have pixels of about 1 to 2 mm.",
            keys,
            {"smallest_mm": float(spacing.min()), "largest_mm": float(spacing.max())},
        )
    usual = spacing.median()
    if spacing.max() > SPACING_RATIO * spacing.min() and not unlikely.any():
        odd = ((spacing > SPACING_RATIO * usual) | (spacing * SPACING_RATIO < usual)).to_numpy()
        yield Finding(
            "mixed pixel sizes",
            "look",
            f"Pixels are {spacing.min():.2f} to {spacing.max():.2f} mm wide (median {usual:.2f}): "
            "the same heart has very different sizes in the images.",
            "Import with `--resample` to give all slices one pixel size.",
            inspected.keys(odd),
            {
                "smallest_mm": round(float(spacing.min()), 4),
                "median_mm": round(float(usual), 4),
                "largest_mm": round(float(spacing.max()), 4),
            },
        )


def find_odd_sources(inspected: Inspected) -> Iterator[Finding]:
    """Source images of several sizes, and grey values of several scales."""
    slices = inspected.dataset.slices
    if {"source_height", "source_width"} <= set(slices.columns):
        sizes = slices[["source_height", "source_width"]].astype("Int64").dropna()
        kinds = (
            sizes["source_height"].astype(str) + " x " + sizes["source_width"].astype(str)
        ).value_counts()
        if len(kinds) > 1:
            most = ", ".join(f"{size}: {number:,}" for size, number in kinds.head(5).items())
            yield Finding(
                "several source sizes",
                "note",
                f"The source images have {len(kinds)} different sizes in pixels ({most}"
                f"{', ...' if len(kinds) > 5 else ''}).",
                "Usual with several scanners. See whether the hearts then have different sizes in "
                "pixels.",
                (),
                {"sizes": {str(size): int(number) for size, number in kinds.items()}},
            )
    if "signal_slope" in slices.columns:
        slopes = slices["signal_slope"].astype(float).dropna()
        if len(slopes) and slopes.max() > slopes.min() * (1 + 1e-6):
            plain = int((slopes == 1).sum())
            yield Finding(
                "several grey scales",
                "note",
                f"Grey values were scaled differently on import ({slopes.nunique():,} scales, "
                f"{plain:,} slices unscaled), as their sources hold fractions or negative values.",
                "The same grey value means different signals in different patients: normalise each "
                "image (z-score).",
                (),
                {"scales": int(slopes.nunique()), "unscaled_slices": plain},
            )


def find_odd_numbers(inspected: Inspected) -> Iterator[Finding]:
    """Patients with very few or very many slices."""
    per_patient = inspected.table.groupby("patient")["slice"].size()
    scores = robust_z(per_patient.to_numpy(float), least_spread=1.0)
    few = per_patient.index[(per_patient < FEWEST_SLICES).to_numpy()]
    many = per_patient.index[np.nan_to_num(scores) > LIMIT]
    for names, words, advice in (
        (few, f"fewer than {FEWEST_SLICES} slices", "Were slices lost, or left out by rule?"),
        (
            many,
            "far more slices than usual",
            "Were two examinations put together under one patient code, or are slices of another "
            "series among them?",
        ),
    ):
        if len(names):
            patients = [str(name) for name in names]
            yield Finding(
                "slices per patient",
                "look" if words.startswith("far") else "note",
                f"{count(len(patients), 'patient')} {verb(len(patients), 'has', 'have')} {words} "
                f"({some(patients)}); the median is {per_patient.median():g}.",
                advice,
                inspected.keys(inspected.table["patient"].isin(patients).to_numpy()),
                {"patients": {name: int(per_patient[name]) for name in patients}},
            )
