"""Masks that are empty, tiny, in pieces, with holes, open, cut off, or without a blood pool."""

from collections.abc import Iterator

import numpy as np

from myosweep.audit.measure import SPECK_PX
from myosweep.audit.records import Finding, Inspected
from myosweep.audit.words import count, percent, some, verb

TINY_SHARE = 0.08
"""Of the median area of the patient's ventricles. The smallest apical one of 566 EMIDEC slices had
15 %."""
TINY_PX = 20
OPEN_SHARE = 0.05
"""Of the blood pool's outline. In the 566 EMIDEC slices one pool touched the background at all,
with 1.4 % of its outline; the phantom's outflow tract opens 8 to 40 %."""


def find_empty(inspected: Inspected) -> Iterator[Finding]:
    """Slices without any ventricle: all of them (serious), between others, or at the ends."""
    table = inspected.table
    empty = table["area_px"].to_numpy() == 0
    if empty.all():
        yield all_empty(len(table))
        return
    inside = empty & _is_between(inspected, ~empty)
    if inside.any():
        keys = inspected.keys(inside)
        yield Finding(
            "empty masks",
            "look",
            f"{count(len(keys), 'slice')} {verb(len(keys), 'has', 'have')} an empty mask between "
            f"slices of the same patient that have one ({some(keys)}): somebody forgot to draw.",
            "Draw the missing contours, or leave these slices out.",
            keys,
            {"slices": len(keys)},
        )
    if (outside := empty & ~inside).any():
        keys = inspected.keys(outside)
        yield Finding(
            "empty masks",
            "note",
            f"{count(len(keys), 'slice')} {verb(len(keys), 'has', 'have')} an empty mask, at an "
            f"end of the stack or in the whole patient ({some(keys)}).",
            "Right if the slice lies beyond the heart. If it shows the ventricle and nobody drew, "
            "leave it out: networks would learn that there is nothing.",
            keys,
            {"slices": len(keys)},
        )


def all_empty(slices: int) -> Finding:
    """The finding that no slice has a mask."""
    return Finding(
        "empty masks",
        "serious",
        f"All {slices:,} masks are empty: there is nothing but background in any of them.",
        "Check the label codes of the regions, and import again.",
        (),
        {"slices": slices},
    )


def find_tiny(inspected: Inspected) -> Iterator[Finding]:
    """Ventricles far smaller than the patient's others."""
    area = inspected.table["area_px"].where(inspected.table["area_px"] > 0)
    usual = area.groupby(inspected.table["patient"]).transform("median")
    tiny = ((area < TINY_SHARE * usual) | (area < TINY_PX)).to_numpy()
    yield from _one(
        inspected,
        tiny,
        "tiny masks",
        "{slices} {have} a mask of less than " + percent(TINY_SHARE) + " of the patient’s median "
        f"area, or of less than {TINY_PX} pixels ({{some}}).",
        "See whether a click or a stray contour was left behind; remove it, or leave the slice "
        "out.",
    )


def find_pieces(inspected: Inspected) -> Iterator[Finding]:
    """Blood pool or myocardium in several pieces, and stray specks."""
    yield from _one(
        inspected,
        inspected.table["pieces"].to_numpy() > 0,
        "several pieces",
        f"{{slices}} {{have}} a blood pool or a myocardium in several pieces of {SPECK_PX} pixels "
        "or more ({some}).",
        "Look at each: a wall may be open at the base, and papillary muscles may cut the pool. "
        "Otherwise a contour belongs to something else; correct it.",
    )
    yield from _one(
        inspected,
        (inspected.table["specks"].to_numpy() > 0) & (inspected.table["pieces"].to_numpy() == 0),
        "specks",
        f"{{slices}} {{have}} specks of less than {SPECK_PX} pixels beside the rest of a region "
        "({some}).",
        "Brushes and resampling leave such specks; remove them if boundary scores matter.",
        severity="note",
    )


def find_holes(inspected: Inspected) -> Iterator[Finding]:
    """Background enclosed by the ventricle."""
    holes = inspected.table["hole_px"].to_numpy()
    large = holes >= SPECK_PX
    yield from _one(
        inspected,
        large,
        "holes",
        f"{{slices}} {{have}} a hole of background inside the ventricle, {SPECK_PX} pixels or more "
        "({some}).",
        "Fill the holes: they were perhaps meant to be blood pool, or a contour was not drawn.",
    )
    yield from _one(
        inspected,
        (holes > 0) & ~large,
        "holes",
        f"{{slices}} {{have}} a hole of less than {SPECK_PX} pixels inside the ventricle "
        "({some}).",
        "Fill them if boundary scores matter.",
        severity="note",
    )


def find_open_rings(inspected: Inspected) -> Iterator[Finding]:
    """Blood pools that the myocardium does not enclose."""
    table = inspected.table
    is_open = np.nan_to_num(table["open_share"].to_numpy(float)) >= OPEN_SHARE
    if not is_open.any():
        return
    keys = inspected.keys(is_open)
    at_ends = table["position"].isin([0, 1]) | (table["position"] >= table["of"] - 2)
    inner = int((is_open & ~at_ends.to_numpy()).sum())
    yield Finding(
        "open rings",
        "look",
        f"In {count(len(keys), 'slice')} the myocardium does not enclose the blood pool: at least "
        f"{percent(OPEN_SHARE)} of the pool’s outline lies against the background ({some(keys)}). "
        f"{inner:,} of them {verb(inner, 'is', 'are')} not among the two outer slices of a stack.",
        "At the base the ring may be open at the outflow tract; say in the paper whether it is "
        "drawn open. Elsewhere the contour has a gap; close it.",
        keys,
        {
            "slices": len(keys),
            "not at an end of the stack": inner,
            "largest share": round(float(table.loc[is_open, "open_share"].max()), 3),
        },
    )


def find_at_border(inspected: Inspected) -> Iterator[Finding]:
    """Ventricles that the edge of the image cuts off, or nearly so."""
    yield from _one(
        inspected,
        inspected.table["border"].to_numpy(bool),
        "at the border",
        "In {slices} the mask touches the edge of the image ({some}): the heart may be cut off.",
        "Import again with a larger --crop, or leave these slices out.",
    )


def find_without_pool(inspected: Inspected) -> Iterator[Finding]:
    """Myocardium without a blood pool between slices that have one."""
    table = inspected.table
    has_pool = table["pool_px"].to_numpy() > 0
    missing = (table["myocardium_px"].to_numpy() > 0) & ~has_pool
    yield from _one(
        inspected,
        missing & _is_between(inspected, has_pool),
        "no blood pool",
        "{slices} {have} a myocardium without blood pool between slices that have both ({some}).",
        "Draw the endocardial contour.",
    )


def _is_between(inspected: Inspected, wanted: np.ndarray) -> np.ndarray:
    """Which slices have a wanted one of the same patient somewhere before and after them."""
    patients = inspected.table["patient"]
    seen = inspected.table.assign(wanted=wanted.astype(int)).groupby(patients, sort=False)["wanted"]
    before = seen.cumsum().to_numpy() - wanted
    after = seen.transform("sum").to_numpy() - seen.cumsum().to_numpy()
    return (before > 0) & (after > 0)


def _one(
    inspected: Inspected,
    found: np.ndarray,
    check: str,
    sentence: str,
    advice: str,
    severity: str = "look",
) -> Iterator[Finding]:
    """A finding about the found slices, if there are any."""
    if found.any():
        keys = inspected.keys(found)
        text = sentence.format(
            slices=count(len(keys), "slice"),
            have=verb(len(keys), "has", "have"),
            some=some(keys),
        )
        assert severity in ("look", "note")
        yield Finding(
            check, "note" if severity == "note" else "look", text, advice, keys,
            {"slices": len(keys)},
        )  # fmt: skip
