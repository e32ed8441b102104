"""Transmurality and segments: by hand on oblong pixels, by law, and against known geometry."""

import math

import numpy as np
import pytest
from tests.metrics.clinical.hearts import OBLONG, empty, polar, ring, turned, turned_spacing

from myosweep.errors import InputError
from myosweep.metrics.clinical import (
    CHORDS,
    UNKNOWN,
    Insertion,
    Spacing,
    Ventricle,
    aha_segments_of_chords,
    by_segment,
    insertions_of_label,
    sectors_of_chords,
    summary,
    transmurality_of_chords,
)
from myosweep.metrics.clinical.chords import chord_angles

SQUARE = Spacing(1.0, 1.0, 10.0)
RIGHT, UP, LEFT, DOWN = 0, 25, 50, 75
"""Chords in the directions of the image's axes."""


def test_transmurality_by_hand_on_oblong_pixels():
    """Along a row (1 mm) the wall is pixels 20 to 29, infarct 20 to 24: 5 of 10. Along a column
    (2 mm) it is pixels 10 to 14, infarct 10 to 12 (20, 22 and 24 mm): 3 of 5."""
    percent = transmurality_of_chords(ring(), OBLONG)[0]
    assert percent[[RIGHT, LEFT]].tolist() == [50, 50]
    assert percent[[UP, DOWN]].tolist() == [60, 60]
    assert percent.mean() == pytest.approx(50, abs=5)


def test_only_chords_through_the_infarct_have_some():
    percent = transmurality_of_chords(ring(scar=lambda angle: abs(angle) < 0.5), OBLONG)[0]
    found = summary(percent)
    assert found.chords == CHORDS
    assert found.infarcted == pytest.approx(CHORDS / (2 * np.pi), abs=3)
    assert found.mean == pytest.approx(found.mean_infarcted * found.infarcted / CHORDS)
    assert percent[[UP, LEFT, DOWN]].tolist() == [0, 0, 0]
    assert percent[RIGHT] == 50
    assert found.maximum == percent.max()


def test_turning_the_image_turns_the_chords():
    heart = ring(scar=lambda angle: (angle > 0.2) & (angle < 1.5))
    before = transmurality_of_chords(heart, OBLONG)[0]
    after = transmurality_of_chords(turned(heart), turned_spacing(OBLONG))[0]
    np.testing.assert_allclose(np.roll(before, 25), after, atol=4.1)  # two samples on a border
    assert summary(before).mean == pytest.approx(summary(after).mean, abs=0.3)


def test_scaling_changes_nothing():
    heart = ring(scar=lambda angle: angle > 0)
    one, doubled = (transmurality_of_chords(heart, Spacing(2 * k, k, 10.0)) for k in (1.0, 2.0))
    np.testing.assert_array_equal(one, doubled)


def test_empty_and_full():
    assert np.isnan(transmurality_of_chords(empty(), OBLONG)).all()
    assert (transmurality_of_chords(ring(scar_mm=99), OBLONG) == 100).all()
    assert (transmurality_of_chords(ring(scar_mm=0), OBLONG) == 0).all()
    nothing = summary(np.full(CHORDS, np.nan))
    assert (nothing.chords, nothing.transmural_class) == (0, None)
    assert math.isnan(nothing.mean)


def test_a_gap_in_the_wall_has_no_chords():
    heart = ring()
    _, angle = polar(OBLONG)
    gap = abs(angle) < 0.3
    open_wall = Ventricle(heart.cavity, heart.myocardium & ~gap, heart.infarct & ~gap)
    percent = transmurality_of_chords(open_wall, OBLONG)[0]
    assert np.isnan(percent[RIGHT])
    assert summary(percent).chords == pytest.approx(CHORDS * (1 - 0.6 / (2 * np.pi)), abs=3)


def test_an_island_outside_the_wall_is_no_epicardium():
    heart = ring()
    wall = heart.myocardium.copy()
    wall[0, wall.shape[1] // 2, -2] = True
    marked = Ventricle(heart.cavity, wall, heart.infarct)
    assert transmurality_of_chords(marked, OBLONG)[0, RIGHT] == 50


@pytest.mark.parametrize("spacing", [UNKNOWN, Spacing(None, None, 10.0)])
def test_without_spacing_there_is_no_transmurality(spacing):
    with pytest.raises(InputError, match="transmurality needs the pixel spacing"):
        transmurality_of_chords(ring(), spacing)
    with pytest.raises(InputError, match="bull's-eye of AHA segments needs the pixel spacing"):
        aha_segments_of_chords(ring().cavity, ["base"], [Insertion((0.0, 0.0))], spacing)


def test_without_an_infarct_label_there_is_no_transmurality():
    heart = ring()
    with pytest.raises(InputError, match=r"needs an infarct label.*--regions five"):
        transmurality_of_chords(Ventricle(heart.cavity, heart.myocardium), OBLONG)


def place(degrees, spacing=OBLONG, radius_mm=30):
    """Where a direction from the middle meets the epicardium (y, x), pixels."""
    radius, _ = polar(spacing)
    middle = np.array(radius.shape) // 2
    dy, dx = spacing.yx
    angle = np.deg2rad(degrees)
    return (
        float(middle[0] - radius_mm * np.sin(angle) / dy),
        float(middle[1] + radius_mm * np.cos(angle) / dx),
    )


def segments(levels, insertions, spacing=OBLONG):
    return aha_segments_of_chords(
        ring(spacing, slices=len(levels)).cavity, levels, insertions, spacing
    )


def at(found, degrees):
    """The segment of the chord nearest to a direction."""
    return int(found[round(degrees / 3.6) % CHORDS])


def test_aha_segments_of_an_image_as_usually_shown():
    """Anterior insertion up and to the left (120 degrees), inferior down and to the left."""
    insertion = Insertion(place(120), place(240))
    base, middle, apex = segments(["base", "middle", "apex"], [insertion] * 3)
    names = {90: 1, 150: 2, 210: 3, 270: 4, 330: 5, 30: 6}
    assert {degrees: at(base, degrees) for degrees in names} == names
    assert {degrees: at(middle, degrees) - 6 for degrees in names} == names
    assert [at(apex, degrees) for degrees in (90, 180, 270, 0)] == [13, 14, 15, 16]
    assert np.bincount(base)[1:].max() - np.bincount(base)[1:].min() <= 1


def test_a_mirrored_image_has_its_septum_on_the_other_side():
    mirrored = segments(["base"], [Insertion(place(60), place(300))])[0]
    assert [at(mirrored, degrees) for degrees in (90, 30, 330, 270)] == [1, 2, 3, 4]


def test_segments_turn_with_the_image():
    before = segments(["base"], [Insertion(place(120), place(240))])[0]
    after = segments(["base"], [Insertion(place(210), place(330))])[0]
    np.testing.assert_array_equal(np.roll(before, 25), after)


def test_a_slice_without_insertion_takes_that_of_its_neighbour():
    insertion = Insertion(place(120), place(240))
    known, unknown = segments(["base", "base"], [insertion, None])
    np.testing.assert_array_equal(known, unknown)


def test_no_segments_without_insertion_or_order():
    insertion = Insertion(place(120))
    assert segments(["base"], [None]) is None
    assert segments([None], [insertion]) is None
    some = segments([None, "base"], [insertion, insertion])
    assert not some[0].any()
    assert some[1].all()


def test_transmurality_of_segments_sees_the_right_one():
    """Infarct over 60 degrees of the base, where the inferior segment lies: 240 to 300 degrees."""
    heart = ring(SQUARE, scar=lambda angle: (angle > -2 * np.pi / 3) & (angle < -np.pi / 3))
    insertion = Insertion(place(120, SQUARE), place(240, SQUARE))
    found = by_segment(
        transmurality_of_chords(heart, SQUARE),
        aha_segments_of_chords(heart.cavity, ["base"], [insertion], SQUARE),
    )
    assert found[3].transmural_class in ("26–50 %", "51–75 %")
    assert found[3].mean == pytest.approx(50, abs=5)
    assert all(one.mean < 4 for k, one in enumerate(found[:6]) if k != 3)
    assert [one.chords for one in found[6:]] == [0] * 10


def test_sectors_are_equal_and_start_where_they_are_told():
    angles = np.rad2deg(chord_angles())
    for start in (0.0, 30.0):
        found = sectors_of_chords(start)
        assert set(found) == {1, 2, 3, 4, 5, 6}
        for angle, sector in zip(angles, found, strict=True):
            assert sector == int(((angle - start) % 360) / 60 + 1e-9) % 6 + 1


def test_insertions_of_a_label():
    """A crescent from 120 to 240 degrees, beside the wall: its ends are the insertions."""
    radius, angle = polar(SQUARE)
    degrees = np.rad2deg(angle) % 360
    crescent = (radius >= 30) & (radius < 36) & (degrees > 120) & (degrees < 240)
    left = radius < 30
    found = insertions_of_label(crescent[None], left[None])[0]
    middle = radius.shape[0] // 2
    for point, expected in ((found.anterior_yx, 120), (found.inferior_yx, 240)):
        seen = np.rad2deg(np.arctan2(middle - point[0], point[1] - middle)) % 360
        assert seen == pytest.approx(expected, abs=3)


def test_no_insertions_of_a_label_that_is_away_or_all_around():
    radius, _ = polar(SQUARE)
    left = (radius < 20)[None]
    away, around = ((radius > low) & (radius < high) for low, high in ((30, 35), (20, 25)))
    nothing = np.zeros_like(left)
    for right in (away[None], around[None], nothing):
        assert insertions_of_label(right, left) == (None,)
    assert insertions_of_label(left, nothing) == (None,)
