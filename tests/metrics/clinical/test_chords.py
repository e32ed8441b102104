"""Transmurality and segments: by hand on oblong pixels, by law, and against known geometry."""

import math

import numpy as np
import pytest
from tests.metrics.clinical.hearts import (
    OBLONG,
    empty,
    insertion_at,
    place,
    polar,
    ring,
    turned,
    turned_spacing,
)

from myosweep.errors import InputError
from myosweep.metrics.clinical import (
    CHORDS,
    UNKNOWN,
    Insertion,
    Spacing,
    Ventricle,
    aha_segments_of_chords,
    by_segment,
    class_numbers,
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


def segments(levels, insertions, spacing=OBLONG, *, cavity=None):
    cavity = ring(spacing, slices=len(levels)).cavity if cavity is None else cavity
    return aha_segments_of_chords(cavity, levels, insertions, spacing)


def at(found, degrees):
    """The segment of the chord nearest to a direction."""
    return int(found[round(degrees / 3.6) % CHORDS])


def test_aha_segments_of_an_image_as_usually_shown():
    """Anterior insertion up and to the left (120 degrees), inferior down and to the left."""
    insertion = insertion_at(120, 240)
    base, middle, apex = segments(["base", "middle", "apex"], [insertion] * 3)
    names = {90: 1, 150: 2, 210: 3, 270: 4, 330: 5, 30: 6}
    assert {degrees: at(base, degrees) for degrees in names} == names
    assert {degrees: at(middle, degrees) - 6 for degrees in names} == names
    assert [at(apex, degrees) for degrees in (90, 180, 270, 0)] == [13, 14, 15, 16]
    assert np.bincount(base)[1:].max() - np.bincount(base)[1:].min() <= 1


def test_a_mirrored_image_has_its_septum_on_the_other_side():
    mirrored = segments(["base"], [insertion_at(60, 300)])[0]
    assert [at(mirrored, degrees) for degrees in (90, 30, 330, 270)] == [1, 2, 3, 4]


def test_segments_turn_with_the_image():
    before = segments(["base"], [insertion_at(120, 240)])[0]
    after = segments(["base"], [insertion_at(210, 330)])[0]
    np.testing.assert_array_equal(np.roll(before, 25), after)


def test_a_slice_without_insertion_takes_that_of_its_neighbour():
    insertion = insertion_at(120, 240)
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
    insertion = insertion_at(120, 240, SQUARE)
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


def test_sectors_begin_at_a_number():
    with pytest.raises(InputError, match="sectors begin at an angle in degrees, got nan"):
        sectors_of_chords(math.nan)


def crescent(middle_deg, spacing=SQUARE):
    """A right ventricle beside the wall, 60 degrees to either side of a direction; and the left."""
    radius, angle = polar(spacing)
    beyond = np.abs((np.rad2deg(angle) - middle_deg + 180) % 360 - 180)
    left = radius < 30
    right = (radius >= 30) & (radius < 36) & (beyond < 60)
    return right[None], left[None]


@pytest.mark.parametrize("middle_deg", [130, 180, 220])
@pytest.mark.parametrize("spacing", [SQUARE, OBLONG])
def test_insertions_of_a_label(middle_deg, spacing):
    """The ends of a crescent on the image's left, the upper one anterior."""
    found = insertions_of_label(*crescent(middle_deg, spacing))[0]
    (height, width), (dy, dx) = polar(spacing)[0].shape, spacing.yx
    for point, expected in ((found.anterior_yx, -60), (found.inferior_yx, 60)):
        y, x = (height // 2 - point[0]) * dy, (point[1] - width // 2) * dx
        seen = np.rad2deg(np.arctan2(y, x)) - middle_deg
        assert (seen + 180) % 360 - 180 == pytest.approx(expected, abs=4)
    assert found.anterior_yx[0] < found.inferior_yx[0]


@pytest.mark.parametrize("middle_deg", [0, 45, 90, 110, 250, 270])
def test_no_insertions_where_the_image_is_turned_or_mirrored(middle_deg):
    assert insertions_of_label(*crescent(middle_deg)) == (None,)


def test_no_insertions_of_a_label_that_is_away_or_all_around():
    radius, _ = polar(SQUARE)
    left = (radius < 20)[None]
    away, around = ((radius > low) & (radius < high) for low, high in ((30, 35), (20, 25)))
    nothing = np.zeros_like(left)
    for right in (away[None], around[None], nothing):
        assert insertions_of_label(right, left) == (None,)
    assert insertions_of_label(left, nothing) == (None,)


def test_segments_of_an_empty_and_of_a_larger_heart():
    insertion = insertion_at(120, 240)
    assert segments(["base"], [insertion], cavity=empty().cavity) is None
    larger = segments(["base"], [insertion], Spacing(4.0, 2.0, 10.0), cavity=ring().cavity)
    np.testing.assert_array_equal(larger, segments(["base"], [insertion]))


def test_all_chords_of_a_ring_have_a_segment():
    every = segments(["base", "middle", "apex"], [insertion_at(120, 240)] * 3)
    assert set(np.unique(every)) == set(range(1, 17))


def test_mean_over_all_and_over_infarcted_chords_by_hand():
    found = summary(np.array([0, 0, 40, 80, np.nan]))
    assert (found.chords, found.mean) == (4, 30)
    assert (found.infarcted, found.mean_infarcted, found.maximum) == (2, 60, 80)
    assert found.transmural_class == "26–50 %"


def test_class_numbers_tell_nothing_from_much():
    percent = np.array([0, 1, 25, 26, 75, 75.1, np.nan])
    assert class_numbers(percent).tolist() == [0, 1, 1, 2, 3, 4, -1]
