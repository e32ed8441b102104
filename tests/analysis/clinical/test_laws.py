"""Laws that every clinical measure obeys, over all columns of a patient's row at once.

A ventricle on oblong pixels (rows 2 mm, columns 1 mm) with infarct on its lower right and no-reflow
inside; a network draws the wall too thick on both sides, and the infarct too large. Answers by hand
are in tests/metrics/clinical.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.metrics.clinical.hearts import (
    OBLONG,
    insertion_at,
    polar,
    ring,
    turned,
    turned_spacing,
)

from myosweep.analysis.clinical.extras import extras_of, of_one_kind
from myosweep.analysis.clinical.measure import REFERENCE as MEASURED
from myosweep.analysis.clinical.measure import Rules, Subject, row_of
from myosweep.analysis.clinical.stacks import Stack
from myosweep.analysis.points import Point
from myosweep.metrics.clinical import (
    UNKNOWN,
    Spacing,
    Ventricle,
    aha_segments_of_chords,
    sectors_of_chords,
)
from myosweep.regions import named_scheme

LEVELS = ("base", "base", "middle", "apex")
RULES = Rules(named_scheme("five"), {}, n_sd=3.0)
FACTS = {"patient", "slices", "spacing_known", "aha_aligned"}
AT_BORDERS = "transmurality"
"""A turned chord may take another pixel at a border."""


def power(name):
    """By which power of a length a column grows."""
    if name.endswith(("_ml", "_g", "_mm3")):
        return 3
    return 1 if name.endswith("_mm") or "hausdorff" in name else 0


def heart(**size):
    found = ring(scar=lambda angle: (angle > -1.5) & (angle < 0.4), slices=len(LEVELS), **size)
    radius, angle = polar(OBLONG)
    core = found.infarct & ((radius < 23) & (angle > -0.8) & (angle < -0.2))
    found = replace(found, no_reflow=core)
    for mask in (found.infarct, found.no_reflow):
        mask[3] = False
    return found


def lit(reference):
    noise = np.random.default_rng(0).normal(0, 10, reference.cavity.shape)
    bright = reference.cavity | (reference.infarct & ~reference.no_reflow)
    return np.where(bright, 400, 100) + noise


REFERENCE, PREDICTION = heart(), heart(cavity_mm=18, wall_mm=32, scar_mm=28)
NONE = np.zeros_like(REFERENCE.infarct)
HEALTHY = replace(REFERENCE, infarct=NONE, no_reflow=NONE)
BOTH = pytest.mark.parametrize("reference", [REFERENCE, HEALTHY], ids=["infarct", "healthy"])
IMAGES = lit(REFERENCE)


def row(
    reference, prediction, images=IMAGES, spacing=OBLONG, *, drawn=OBLONG, turn=0, aligned=True
):
    """All columns: with an infarct label, and as if there were none, by thresholds.

    ``drawn`` is the spacing of the grid that the hearts were drawn on, where the insertions lie.
    """
    point = insertion_at(120 + turn, 240 + turn, drawn)
    points = (point,) * len(LEVELS)
    stack = Stack(
        "P", LEVELS, np.arange(len(LEVELS)), spacing, LEVELS, points, 0.0, False, False, False
    )
    segments = None
    if spacing.in_plane_known:
        segments = aha_segments_of_chords(reference.cavity, LEVELS, points, spacing)
        if not aligned:
            segments = np.repeat(sectors_of_chords(float(turn))[None], len(LEVELS), 0)
    labelled = np.ones(reference.cavity.shape, bool)
    subject = Subject(stack, reference, labelled, images, segments, aligned)
    return row_of(subject, prediction, RULES)


def alone_of(reference):
    """The row of a reference."""
    return row(reference, reference, aligned=False)


def numbers(found):
    return {name: value for name, value in found.items() if name not in FACTS}


def test_the_row_holds_every_kind_of_measure():
    """So that no law below holds because nothing was measured."""
    found = numbers(row(REFERENCE, PREDICTION))
    there = {name for name, value in found.items() if np.isfinite(value)}
    without = {name for name in found if name.startswith("false_infarct")}
    without |= {f"transmurality_infarcted_{segment}" for segment in (*range(1, 4), *range(7, 10))}
    assert set(found) - there <= without | {f"transmurality_infarcted_{k}" for k in range(13, 17)}
    for part in ("_ml", "_g", "_percent", "_mm", "emidec", "apex", "max_16", "fwhm", "above_50"):
        assert [name for name in there if part in name], part
    healthy = row(HEALTHY, PREDICTION)
    assert (healthy["false_infarct_px"], healthy["false_infarct_g"]) == (
        PREDICTION.infarct.sum(),
        pytest.approx(PREDICTION.infarct.sum() * 0.02 * 1.05),
    )


@BOTH
@pytest.mark.parametrize("aligned", [True, False])
def test_twice_the_distances(reference, aligned):
    once = numbers(row(reference, PREDICTION, aligned=aligned))
    doubled = row(reference, PREDICTION, spacing=Spacing(4.0, 2.0, 20.0), aligned=aligned)
    for name, value in once.items():
        expected = value * 2 ** power(name)
        assert doubled[name] == pytest.approx(expected, rel=1e-6, abs=0.02, nan_ok=True), name


@BOTH
@pytest.mark.parametrize("aligned", [True, False])
def test_an_image_turned_by_90_degrees(reference, aligned):
    """All but the official distance, which confuses rows and columns, is what it was."""
    before = numbers(row(reference, PREDICTION, aligned=aligned))
    images = np.rot90(IMAGES, axes=(1, 2)).copy()
    around = row(
        *map(turned, (reference, PREDICTION)),
        images,
        turned_spacing(OBLONG),
        drawn=turned_spacing(OBLONG),
        turn=90,
        aligned=aligned,
    )
    for name, value in before.items():
        if name == "emidec_hausdorff_official":
            assert around[name] != pytest.approx(value)
            continue
        close = 4.1 if name.startswith("transmurality_max") else 1.0
        about = close if name.startswith(AT_BORDERS) else 1e-6
        assert around[name] == pytest.approx(value, abs=about, nan_ok=True), name


def test_a_network_that_marks_nothing():
    nothing = Ventricle(*(np.zeros_like(REFERENCE.cavity) for _ in range(4)))
    found = numbers(row(REFERENCE, nothing))
    amounts = [name for name in found if name.endswith(("_px", "_ml", "_g", "_percent"))]
    amounts = [name for name in amounts if not name.startswith("false")]
    assert amounts
    assert {found[name] for name in amounts} == {0}
    assert found["segments_above_50"] == 0
    assert np.isnan([found[f"transmurality_{k}"] for k in range(1, 17)]).all()
    assert np.isnan([found["epi_mean_mm"], found["emidec_hausdorff_mm"]]).all()
    assert (found["endo_missed"], found["epi_missed"], found["epi_slices"]) == (4, 4, 0)
    assert found["emidec_dice_myocardium"] == found["emidec_dice_infarct"] == 0


def test_a_wall_without_remote_is_not_measured_by_standard_deviations():
    """As in a clipped image; where there is no wall at all, the infarct is 0."""
    by_sd = ("infarct_sd_percent", "infarct_sd_g")
    clipped = row(REFERENCE, REFERENCE, np.full(IMAGES.shape, 7))
    assert np.isnan([clipped[name] for name in by_sd]).all()
    nothing = Ventricle(*(np.zeros_like(REFERENCE.cavity) for _ in range(4)))
    assert [row(REFERENCE, nothing)[name] for name in by_sd] == [0, 0]


def test_a_wall_that_is_all_infarct_without_reflow():
    wall = REFERENCE.myocardium
    full = Ventricle(REFERENCE.cavity, wall, wall, wall)
    found = row(full, full)
    shares = ("infarct_percent", "no_reflow_percent", "no_reflow_percent_of_infarct")
    shares += tuple(f"infarct_percent_{level}" for level in ("base", "middle", "apex"))
    shares += tuple(f"transmurality_{kind}{k}" for kind in ("", "max_") for k in range(1, 17))
    assert {found[name] for name in shares} == {100}
    assert found["segments_above_50"] == 16
    assert found["infarct_g"] == found["no_reflow_g"] == found["myocardium_g"] > 0
    assert found["emidec_infarct_ratio_difference"] == found["emidec_hausdorff_mm"] == 0


def test_the_reference_itself_has_no_error():
    found = row(REFERENCE, REFERENCE)
    errors = [name for name in found if name.startswith(("endo_", "epi_")) and name[-3:] == "_mm"]
    errors += [name for name in found if "difference" in name or "hausdorff" in name]
    assert {found[name] for name in errors} == {0}
    assert {found[name] for name in found if name.startswith("emidec_dice")} == {1}


@pytest.mark.parametrize("spacing", [UNKNOWN, Spacing(None, None, 10.0)])
def test_without_pixel_distances_only_pixels_and_shares_are_told(spacing):
    found = numbers(row(REFERENCE, PREDICTION, spacing=spacing, aligned=False))
    known = {name for name, value in found.items() if np.isfinite(value)}
    assert known
    assert {name for name in known if not name.endswith(("_px", "_percent"))} <= {
        "no_reflow_percent_of_infarct",
        *(f"infarct_percent_{level}" for level in ("base", "middle", "apex")),
    }


def test_levels_by_hand():
    """Infarct fills the wall at the apex only; the base has half of it, the middle none."""
    wall = REFERENCE.myocardium
    infarct = np.zeros_like(wall)
    infarct[3] = wall[3]
    infarct[0] = wall[0]
    found = row(REFERENCE, replace(REFERENCE, infarct=infarct))
    told = [found[f"infarct_percent_{level}"] for level in ("base", "middle", "apex")]
    assert told == [50, 0, 100]
    bare = replace(REFERENCE, myocardium=wall.copy())
    bare.myocardium[2] = False
    assert np.isnan(row(bare, replace(REFERENCE, infarct=infarct))["infarct_percent_middle"])


def scarred(*depths):
    """Infarct on all slices, in sectors of 60 degrees from the image's right on, so many mm deep.

    The wall goes from 20 to 30 mm. Rows are twice as far apart as columns: by pixels instead of
    millimetres an edge at 60 degrees would lie at 41.
    """
    radius, angle = polar(OBLONG)
    sector = np.floor(angle % (2 * np.pi) / (np.pi / 3)).astype(int) % 6
    infarct = REFERENCE.myocardium & (radius < 20 + np.array(depths)[sector])
    return replace(REFERENCE, infarct=infarct, no_reflow=NONE)


@pytest.mark.parametrize(("aligned", "above"), [(False, 2), (True, 4)])
def test_segments_above_50_by_hand(aligned, above):
    """60 % in two sectors, 40 % in one. AHA: segments 2, 5, 8 and 11 of base and middle; the apical
    ones of 90 degrees hold 30 or 45 degrees of it."""
    found = row(REFERENCE, scarred(0, 4, 6, 0, 0, 6), aligned=aligned)
    assert found["segments_above_50"] == above


def extras(*rows):
    """What is told of the networks a and b, whose rows these are beside the reference's."""
    point = Point(0, 1, (), "v", ("a", "b"), (0, 1))
    table = pd.DataFrame([{"run": run, **found, "patient": who} for run, who, found in rows])
    return extras_of(point, table, of_one_kind(table))


def test_the_share_of_segments_in_the_same_class_by_hand():
    """Of 6 sectors a marks one 80 instead of 60 % deep, and b misses one of 40 % as well."""
    true = alone_of(scarred(6, 0, 4, 0, 0, 0))
    deeper, missed = scarred(8, 0, 4, 0, 0, 0), scarred(8, 0, 0, 0, 0, 0)
    found = extras(
        (MEASURED, "P", true),
        ("a", "P", row(REFERENCE, deeper, aligned=False)),
        ("b", "P", row(REFERENCE, missed, aligned=False)),
    )
    assert found.same_class == pytest.approx((5 / 6 + 4 / 6) / 2)


def test_missed_slices_by_hand():
    """Of P network a misses 1 slice and b 3, of Q only b misses 2: (1 + 3) / 2 + (0 + 2) / 2."""
    true = alone_of(REFERENCE)

    def blind(slices):
        seen = (np.arange(len(LEVELS)) >= slices)[:, None, None]
        masks = (PREDICTION.cavity, PREDICTION.myocardium, PREDICTION.infarct, PREDICTION.no_reflow)
        return row(REFERENCE, Ventricle(*(mask & seen for mask in masks)), aligned=False)

    found = extras(
        *((MEASURED, who, true) for who in "PQ"),
        ("a", "P", blind(1)),
        ("b", "P", blind(3)),
        ("a", "Q", blind(0)),
        ("b", "Q", blind(2)),
    )
    assert found.missed_slices == 3
