"""Contours to masks: MATLAB's golden squares, the image's edge, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from myosweep.data.polygon import polygon_mask
from myosweep.data.quiet import quiet
from myosweep.errors import DatasetError


def square(low: float, high: float, size: int = 12) -> np.ndarray:
    """A closed square, corners counted from 1 as MATLAB does."""
    corners = np.array([[low, high, high, low, low], [low, low, high, high, low]]) - 1.0
    return polygon_mask(corners[1], corners[0], size, size)


@pytest.mark.parametrize(("low", "high", "first", "last"), [(4, 10, 5, 10), (3.5, 10.5, 4, 10)])
def test_squares_are_filled_as_matlab_fills_them(
    low: float, high: float, first: int, last: int
) -> None:
    expected = np.zeros((12, 12), bool)
    expected[first - 1 : last, first - 1 : last] = True
    np.testing.assert_array_equal(square(low, high), expected)


def test_rows_are_rows() -> None:
    rows, columns = np.array([0.5, 0.5, 3.5, 3.5]), np.array([1.5, 8.5, 8.5, 1.5])
    mask = polygon_mask(rows, columns, 10, 12)
    assert mask.shape == (10, 12)
    assert np.flatnonzero(mask.any(1)).tolist() == [1, 2, 3]
    assert np.flatnonzero(mask.any(0)).tolist() == list(range(2, 9))


def test_parts_outside_of_the_image_are_cut_off() -> None:
    angle = np.linspace(0, 2 * np.pi, 80)
    rows, columns = 2 + 9.3 * np.sin(angle), 14 + 9.3 * np.cos(angle)
    whole = polygon_mask(rows + 20, columns + 20, 60, 60)
    np.testing.assert_array_equal(polygon_mask(rows, columns, 16, 18), whole[20:36, 20:38])
    assert not polygon_mask(rows - 50, columns, 16, 18).any()


@pytest.mark.parametrize("points", [0, 1, 2])
def test_fewer_than_three_corners_hold_nothing(points: int) -> None:
    corners = np.arange(points, dtype=float) * 4
    assert not polygon_mask(corners, corners, 8, 8).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_impossible_coordinates_are_refused(bad: float) -> None:
    rows = np.array([1.0, 5.0, bad])
    with pytest.raises(DatasetError, match="is it damaged"):
        polygon_mask(rows, rows[::-1].copy(), 8, 8)


radius = st.floats(3, 20)


@given(radius, radius, st.floats(0, 3.1))
def test_area_is_that_of_the_ellipse(a: float, b: float, turn: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 160)
    along, across = a * np.cos(angle), b * np.sin(angle)
    rows = 32 + along * np.sin(turn) + across * np.cos(turn)
    columns = 32 + along * np.cos(turn) - across * np.sin(turn)
    mask = polygon_mask(rows, columns, 64, 64)
    assert mask.sum() == pytest.approx(np.pi * a * b, abs=0.8 * (a + b) + 3)
    closed_twice = polygon_mask(np.r_[rows, rows[0]], np.r_[columns, columns[0]], 64, 64)
    np.testing.assert_array_equal(mask, closed_twice)


@given(st.integers(-30, 30), st.integers(-30, 30))
def test_a_shift_by_whole_pixels_shifts_the_mask(down: int, right: int) -> None:
    rng = np.random.default_rng(3)
    rows, columns = rng.uniform(0, 20, 7), rng.uniform(0, 20, 7)
    here = polygon_mask(rows + 40, columns + 40, 100, 100)
    there = polygon_mask(rows + 40 + down, columns + 40 + right, 100, 100)
    np.testing.assert_array_equal(np.roll(here, (down, right), (0, 1)), there)


def coco_mask(rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> np.ndarray:
    """The same rule, written by others; its places are counted from a pixel's edge."""
    corners = np.stack([columns, rows], axis=1) + 0.5
    with quiet():  # it does not know NumPy 2 well
        return coco.decode(coco.frPyObjects([corners.ravel().tolist()], height, width))[..., 0]


@given(st.integers(0, 10_000), st.integers(3, 90), st.booleans())
def test_any_polygon_is_filled_as_coco_fills_it(seed: int, corners: int, small: bool) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.uniform(-0.5, 12 if small else 60, (2, corners))
    expected = coco_mask(rows, columns, 64, 70)
    np.testing.assert_array_equal(polygon_mask(rows, columns, 64, 70), expected)
