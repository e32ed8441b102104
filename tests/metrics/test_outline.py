"""Lengths of outlines: discs and rings of known size, holes, image edges, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from myosweep.metrics import outline_lengths_px
from myosweep.regions import NO_REGION

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE]


def disc(radius, *, y=31.5, x=31.5):
    return np.hypot(Y - y, X - x) < radius


def lengths(*masks, regions=2):
    """Of a background with these regions on it, from 1 on, the last one on top."""
    region_map = np.zeros((SIDE, SIDE), np.uint8)
    for number, mask in enumerate(masks, start=1):
        region_map[mask] = number
    return outline_lengths_px(region_map[None], regions)[0]


@pytest.mark.parametrize(("radius", "each"), [(5, 0.04), (10, 0.02), (20, 0.01)])
def test_a_disc_is_outlined_by_its_circumference(radius, each):
    centres = np.random.default_rng(0).uniform(31, 32, (40, 2))
    found = np.array([lengths(disc(radius, y=y, x=x))[1] for y, x in centres])
    errors = found / (2 * np.pi * radius) - 1
    assert abs(errors).max() < each
    assert abs(errors.mean()) < 0.01


def test_a_square_is_outlined_as_the_formula_says():
    """12 x 12 pixels: 24 crossings along rows, 24 along columns, 46 along each diagonal."""
    square = (abs(Y - 31.5) < 6) & (abs(X - 31.5) < 6)
    assert lengths(square)[1] == pytest.approx(np.pi / 8 * (48 + 92 / 2**0.5))


def test_of_a_ring_only_the_outer_outline_counts():
    ring = disc(20) & ~disc(12)
    filled = lengths(disc(20))[1]
    assert lengths(ring)[1] == filled
    myocardium, blood_pool = lengths(disc(20), disc(12), regions=3)[1:]
    assert myocardium == filled
    assert blood_pool == lengths(disc(12))[1]


def test_background_at_the_edge_is_as_long_as_what_it_surrounds():
    background, myocardium, _ = lengths(disc(20), disc(12), regions=3)
    assert background == myocardium


def test_background_within_a_ring_changes_nothing():
    ring = disc(20) & ~disc(12)
    background, myocardium = lengths(ring)
    assert background == myocardium == lengths(disc(20))[1]


def test_the_image_edge_is_no_outline():
    assert lengths(X < 20)[1] == pytest.approx(np.pi / 8 * (SIDE + 2 * (SIDE - 1) / 2**0.5))


def test_several_pieces_add_up():
    left, right = disc(8, x=15), disc(8, x=48)
    one = lengths(left)[1]
    assert lengths(left | right)[1] == pytest.approx(2 * one)


def test_absent_regions_and_whole_images_have_no_outline():
    assert lengths(disc(10), regions=4)[2:].tolist() == [0, 0]
    assert lengths().tolist() == [0, 0]
    unlabelled = np.full((1, SIDE, SIDE), NO_REGION, np.uint8)
    assert outline_lengths_px(unlabelled, 2).tolist() == [[0, 0]]


def test_no_slices_give_no_rows():
    assert outline_lengths_px(np.zeros((0, 8, 8), np.uint8), 3).shape == (0, 3)


def test_slices_do_not_touch_each_other():
    maps = np.stack([disc(10), disc(20) & ~disc(12), disc(5), X < 20]).astype(np.uint8)
    together = outline_lengths_px(maps, 2)
    alone = np.concatenate([outline_lengths_px(one[None], 2) for one in maps])
    np.testing.assert_array_equal(together, alone)


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([0, 1, 2, NO_REGION]),
    )
)
@settings(max_examples=50, deadline=None)
def test_flips_and_transposition_change_no_length(maps):
    expected = outline_lengths_px(maps, 3)
    assert (expected >= 0).all()
    for turned in (maps[:, ::-1], maps[:, :, ::-1], maps.transpose(0, 2, 1)):
        np.testing.assert_allclose(
            outline_lengths_px(np.ascontiguousarray(turned), 3), expected, rtol=1e-12
        )
