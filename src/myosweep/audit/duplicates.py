"""Slices whose images are the same, pixel by pixel."""

from collections.abc import Iterator

import pandas as pd

from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import count, some


def find_duplicates(inspected: Inspected) -> Iterator[Finding]:
    """The same image across patients (serious), and within a patient."""
    table = inspected.dataset.slices
    copies = table[table["image_hash"].duplicated(keep=False)].sort_values(
        "image_hash", kind="stable"
    )
    if copies.empty:
        return
    by_image = copies.groupby("image_hash", sort=False)
    across = by_image["patient"].transform("nunique") > 1
    if across.any():
        yield _across(copies[across])
    if not across.all():
        yield _within(copies[~across])


def _facts(copies: pd.DataFrame) -> dict[str, object]:
    groups = [group["slice"].astype(str).tolist() for _, group in copies.groupby("image_hash")]
    other_masks = copies.groupby("image_hash")["pixel_hash"].nunique() > 1
    return {"groups": groups, "groups_with_different_masks": int(other_masks.sum())}


def _across(copies: pd.DataFrame) -> Finding:
    facts = _facts(copies)
    keys = copies["slice"].astype(str).tolist()
    return Finding(
        "exact duplicates",
        "serious",
        f"{count(len(keys), 'slice')} of different patients show the same image, pixel by pixel "
        f"({some(keys)}). Either one person stands under two patient codes, or files were copied.",
        "Find out which it is, keep one of them, and import again; if it is one person, give all "
        "slices the same patient code before splitting.",
        tuple(keys),
        facts,
    )


def _within(copies: pd.DataFrame) -> Finding:
    facts = _facts(copies)
    keys = copies["slice"].astype(str).tolist()
    return Finding(
        "exact duplicates",
        "look",
        f"{count(len(keys), 'slice')} repeat an image of the same patient, pixel by pixel "
        f"({some(keys)}). They count more than once in every mean.",
        "Keep one of each and import again; where the masks differ, an expert decides which is "
        "right.",
        tuple(keys),
        facts,
    )
