"""Infarct by thresholds: by hand, by law, and refused where it means nothing."""

import numpy as np
import pytest
from tests.metrics.clinical.hearts import OBLONG, empty, polar, ring, turned, turned_spacing

from myosweep.errors import InputError
from myosweep.metrics.clinical import (
    UNKNOWN,
    Spacing,
    Ventricle,
    above_remote,
    amounts,
    half_maximum,
)
from myosweep.metrics.clinical.thresholds import remote_thresholds


def lit(heart, *, dark=100, bright=400, seed=0):
    """An image with noise of 10: dark myocardium, bright infarct and blood."""
    noise = np.random.default_rng(seed).normal(0, 10, heart.cavity.shape)
    return np.where(heart.infarct | heart.cavity, bright, dark) + noise


def scarred(**more):
    return ring(scar=lambda angle: abs(angle) < 1, **more)


def test_the_threshold_by_hand():
    """The sector from 60 to 120 degrees is dark, with values 10 and 12 in turn; all else 50."""
    heart = ring(scar_mm=0)
    _, angle = polar(OBLONG)
    image = np.full(heart.myocardium.shape, 50.0)
    dark = heart.myocardium[0] & (angle >= np.pi / 3) & (angle < 2 * np.pi / 3)
    values = np.resize([10.0, 12.0], int(dark.sum()))
    image[0, dark] = values
    limit = values.mean() + 5 * values.std(ddof=1)
    assert remote_thresholds(image, heart, 5, OBLONG)[0] == pytest.approx(limit)
    found = above_remote(image, heart, 5, OBLONG)
    np.testing.assert_array_equal(found[0], heart.myocardium[0] & ~dark)


def test_the_infarct_is_found_and_no_blood():
    heart = scarred(slices=2)
    image = lit(heart)
    found = above_remote(image, heart, 5, OBLONG)
    assert (found != heart.infarct).mean() < 0.001
    np.testing.assert_array_equal(half_maximum(image, heart, 0.0), heart.infarct)


def test_grey_values_may_be_scaled_and_shifted():
    heart = scarred()
    image = lit(heart)
    found = above_remote(image, heart, 3, OBLONG)
    np.testing.assert_array_equal(above_remote(3 * image + 70, heart, 3, OBLONG), found)
    np.testing.assert_array_equal(half_maximum(3 * image + 70, heart, 70.0), heart.infarct)


def test_half_of_the_maximum_by_hand():
    """Signal zero 100, brightest myocardium 300: above 200. Blood of 500 plays no part."""
    image = np.array([[[500, 300, 200, 201, 100]]])
    wall = np.array([[[False, True, True, True, True]]])
    found = half_maximum(image, Ventricle(~wall, wall), 100)
    assert found.tolist() == [[[False, True, False, True, False]]]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_changes_nothing(turns):
    """Not even where the wall gets darker and darker all around, so that the sixth matters."""
    heart = scarred()
    _, angle = polar(OBLONG)
    image = lit(heart) + 10 * angle
    found = above_remote(image, heart, 5, OBLONG)
    spacing = OBLONG
    for _ in range(turns):
        image, heart, spacing = (
            np.rot90(image, axes=(1, 2)).copy(),
            turned(heart),
            turned_spacing(spacing),
        )
    around = above_remote(image, heart, 5, spacing)
    np.testing.assert_array_equal(np.rot90(found, turns, axes=(1, 2)), around)


def test_larger_pixels_change_nothing():
    heart = scarred()
    image = lit(heart)
    found = above_remote(image, heart, 5, OBLONG)
    doubled = above_remote(image, heart, 5, Spacing(4.0, 2.0, 20.0))
    np.testing.assert_array_equal(found, doubled)


def test_a_wrong_myocardium_changes_the_infarct_size():
    """Blood inside a network's myocardium makes remote bright and uneven, and hides the infarct."""
    heart = scarred()
    image = lit(heart)
    careless = Ventricle(ring(cavity_mm=17).cavity, ring(cavity_mm=17).myocardium)
    true, drawn = (
        amounts(
            Ventricle(one.cavity, one.myocardium, above_remote(image, one, 5, OBLONG)), OBLONG
        ).infarct_percent
        for one in (heart, careless)
    )
    assert true == pytest.approx(100 * heart.infarct.sum() / heart.myocardium.sum(), abs=0.1)
    assert true > 10
    assert drawn < 1


def test_a_slice_without_a_cavity_takes_the_others_threshold():
    heart = scarred(slices=2)
    cavity = heart.cavity.copy()
    cavity[1] = False
    found = above_remote(lit(heart), Ventricle(cavity, heart.myocardium), 5, OBLONG)
    assert (found[1] != heart.infarct[1]).mean() < 0.001


def test_empty_and_full():
    nothing = empty()
    image = np.ones(nothing.cavity.shape)
    assert not above_remote(image, nothing, 5, UNKNOWN).any()
    assert not half_maximum(image, nothing, 0.0).any()
    heart = ring(scar_mm=0)
    alike = np.full(heart.cavity.shape, 7, np.uint8)
    assert above_remote(alike, heart, 5, UNKNOWN) is None
    np.testing.assert_array_equal(half_maximum(alike, heart, 0.0), heart.myocardium)


def test_a_sixth_of_one_grey_value_is_not_remote():
    """A third of the wall is clipped to 0; what is above 0 there would all be infarct."""
    heart = scarred()
    _, angle = polar(OBLONG)
    image = lit(heart)
    image[0, angle > np.pi / 3] = 0
    found = above_remote(image, heart, 5, OBLONG)
    np.testing.assert_array_equal(found, heart.infarct & (image > 0))


@pytest.mark.parametrize("what", ["no cavity", "too small"])
def test_a_wall_without_remote_is_not_measured(what):
    heart = scarred()
    wall = heart.myocardium & (np.cumsum(heart.myocardium).reshape(heart.myocardium.shape) < 10)
    cavity = np.zeros_like(heart.cavity) if what == "no cavity" else heart.cavity
    myocardium = heart.myocardium if what == "no cavity" else wall
    assert above_remote(lit(heart), Ventricle(cavity, myocardium), 5, OBLONG) is None


def test_half_of_the_maximum_is_refused_without_signal_zero():
    heart = ring()
    for zero in (None, float("nan")):
        with pytest.raises(InputError, match="needs the grey value that means no signal"):
            half_maximum(np.ones(heart.cavity.shape), heart, zero)


@pytest.mark.parametrize("n_sd", [0.0, -2.0, float("inf")])
def test_standard_deviations_are_counted_from_0(n_sd):
    with pytest.raises(InputError, match="number of standard deviations is above 0"):
        above_remote(np.ones((1, 8, 8)), empty(), n_sd, UNKNOWN)
