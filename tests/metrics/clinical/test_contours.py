"""Contour errors in mm: by hand on oblong pixels, and by law."""

import math

import numpy as np
import pytest
from tests.metrics.clinical.hearts import OBLONG, empty, ring, turned, turned_spacing

from myosweep.errors import InputError
from myosweep.metrics.clinical import UNKNOWN, Spacing, contour_error, contour_errors


def pixels(*places, shape=(1, 9, 9)):
    mask = np.zeros(shape, bool)
    for y, x in places:
        mask[0, y, x] = True
    return mask


def test_one_pixel_beside_another_by_hand():
    """Rows 2 mm, columns 1 mm; pixels at x = 3 and x = 5, so their edges lie at 2.5, 3.5 and 4.5,
    5.5 mm, 2 mm long; upper and lower edges are 1 mm long, 2 mm apart from each other's.
    From the right pixel: left edge 1 mm, right edge 2 mm; its upper and lower middles (5, +-1) have
    (3.5, 0) at hypot(1.5, 1) = 1.803 and the other's (3, +-1) at 2: 1.803. All are outside: +.
    From the left one the same, where the prediction is not: -.
    """
    found = contour_error(pixels((4, 3)), pixels((4, 5)), OBLONG)
    far = math.hypot(1.5, 1)
    size = (2 * 1 + 2 * 2 + 2 * far) / 6
    assert found.size_mm == pytest.approx(size)
    assert found.mean_mm == pytest.approx(0)
    assert found.p95_mm == pytest.approx(2)
    assert (found.slices, found.missed, found.added) == (1, 0, 0)


def test_a_wider_pixel_row_by_hand():
    """Reference: a column of 3 pixels; prediction: the same with one more on the right.
    Shared edges: 0. The prediction's right edge, three of 2 mm, lies 1 mm outside; its new upper
    and lower edges (1 mm long) have the nearest point, the neighbouring middle, 1 mm away.
    The reference's right edge, inside the prediction, three of 2 mm: 1 mm to the new right edge.
    """
    rows = [(y, 3) for y in (3, 4, 5)]
    wider = [*rows, *((y, 4) for y, _ in rows)]
    found = contour_error(pixels(*rows), pixels(*wider), OBLONG)
    prediction_mm, reference_mm = 3 * 2 * 2 + 2 * 2 * 1, 3 * 2 * 2 + 2 * 1
    total = 3 * 2 * 1 + 2 * 1 * 1 + 3 * 2 * 1
    assert found.mean_mm == pytest.approx(total / (prediction_mm + reference_mm))
    assert found.size_mm == found.mean_mm
    assert found.p95_mm == pytest.approx(1)


def test_endo_and_epicardium_are_apart():
    reference = ring()
    thicker = ring(cavity_mm=18, wall_mm=33)
    endo, epi = contour_errors(reference, thicker, OBLONG)
    assert endo.mean_mm == pytest.approx(-2, abs=0.2)
    assert epi.mean_mm == pytest.approx(3, abs=0.2)
    assert epi.p95_mm >= epi.size_mm >= abs(epi.mean_mm) - 1e-9


def test_swapping_the_masks_changes_the_sign():
    one, other = ring(), ring(wall_mm=34)
    there, back = (contour_errors(*pair, OBLONG)[1] for pair in ((one, other), (other, one)))
    assert there.mean_mm == pytest.approx(-back.mean_mm)
    assert (there.size_mm, there.p95_mm) == pytest.approx((back.size_mm, back.p95_mm))


def test_scaling_and_turning():
    one, other = ring(), ring(cavity_mm=17, wall_mm=34)
    for found, doubled, around in zip(
        contour_errors(one, other, OBLONG),
        contour_errors(one, other, Spacing(4, 2, 10)),
        contour_errors(turned(one), turned(other), turned_spacing(OBLONG)),
        strict=True,
    ):
        assert doubled.mean_mm == pytest.approx(2 * found.mean_mm)
        assert doubled.p95_mm == pytest.approx(2 * found.p95_mm)
        assert around.mean_mm == pytest.approx(found.mean_mm)
        assert around.p95_mm == pytest.approx(found.p95_mm)


def test_the_same_full_and_empty():
    heart = ring()
    same = contour_errors(heart, heart, OBLONG)
    assert [(one.mean_mm, one.size_mm, one.p95_mm) for one in same] == [(0, 0, 0)] * 2
    whole = np.ones((1, 6, 5), bool)
    assert contour_error(whole, whole, OBLONG).p95_mm == 0
    nothing = empty(heart.cavity.shape)
    missed = contour_errors(heart, nothing, OBLONG)[0]
    assert math.isnan(missed.mean_mm)
    assert (missed.slices, missed.missed, missed.added) == (0, 1, 0)
    assert contour_errors(nothing, heart, OBLONG)[1].added == 1


def test_holes_are_no_contour():
    mask = pixels(*((y, x) for y in range(2, 7) for x in range(2, 7)))
    holed = mask.copy()
    holed[0, 4, 4] = False
    assert contour_error(mask, holed, OBLONG).p95_mm == 0


def test_without_spacing_there_is_no_error_in_mm():
    with pytest.raises(InputError, match="contour error in mm needs the pixel spacing"):
        contour_errors(ring(), ring(), UNKNOWN)
