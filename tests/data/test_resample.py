"""Resampling: answers known by hand, laws of images and label maps, places that fit the image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from myosweep.data.resample import (
    check_spacing,
    is_plausible,
    resample_image,
    resample_labels,
    resample_point,
    resampled_size,
)
from myosweep.errors import DatasetError

SPACINGS = st.tuples(*[st.floats(0.3, 3.0)] * 2)
TARGETS = st.floats(0.3, 3.0)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)


def disc(side: int, radius: float, middle: tuple[float, float]) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return np.hypot(y - middle[0], x - middle[1]) <= radius


@pytest.mark.parametrize(
    ("size", "spacing", "to_mm", "expected"),
    [
        ((10, 10), (1.5, 1.5), 1.5, (10, 10)),
        ((10, 20), (2.0, 1.0), 1.0, (20, 20)),
        ((10, 20), (2.0, 1.0), 4.0, (5, 5)),
        ((3, 3), (1.0, 1.2), 2.5, (1, 1)),
        ((1, 1), (0.05, 0.05), 20.0, (1, 1)),
    ],
)
def test_sizes(
    size: tuple[int, int], spacing: tuple[float, float], to_mm: float, expected: tuple[int, int]
) -> None:
    assert resampled_size(size, spacing, to_mm) == expected


@pytest.mark.parametrize(
    ("values", "spacing", "to_mm", "expected"),
    [
        # halves of pixels: centres at -1/4, 1/4, 3/4, 5/4 of the old ones
        ([[0, 80]], (1.0, 2.0), 1.0, [[0, 20, 60, 80]]),
        ([[0], [80]], (2.0, 1.0), 1.0, [[0], [20], [60], [80]]),
        # thirds: centres at -1/3, 0, 1/3, 2/3, 1, 4/3
        ([[9, 39]], (1.0, 3.0), 1.0, [[9, 9, 19, 29, 39, 39]]),
        ([[0, 80], [80, 160]], (2.0, 2.0), 1.0,
         [[0, 20, 60, 80], [20, 40, 80, 100], [60, 80, 120, 140], [80, 100, 140, 160]]),
    ],
)  # fmt: skip
def test_an_enlarged_image_by_hand(
    values: list[list[int]],
    spacing: tuple[float, float],
    to_mm: float,
    expected: list[list[int]],
) -> None:
    for dtype in (np.uint8, np.uint16):
        found = resample_image(np.array(values, dtype), spacing, to_mm)
        assert found.dtype == dtype
        assert found.tolist() == expected


@pytest.mark.parametrize(
    ("values", "spacing", "to_mm", "expected"),
    [
        ([[0, 7]], (1.0, 2.0), 1.0, [[0, 0, 7, 7]]),
        ([[7, 2]], (1.0, 3.0), 1.0, [[7, 7, 7, 2, 2, 2]]),
        # in the middle of four: 0.25 of each but two of code 5
        ([[5, 9], [1, 5]], (1.0, 1.0), 2.0, [[5]]),
        ([[9, 1]], (1.0, 1.0), 2.0, [[1]]),  # a tie
        ([[4, 3], [2, 9]], (1.0, 1.0), 2.0, [[2]]),  # a tie of four
    ],
)
def test_labels_by_hand(
    values: list[list[int]],
    spacing: tuple[float, float],
    to_mm: float,
    expected: list[list[int]],
) -> None:
    assert resample_labels(np.array(values, np.uint8), spacing, to_mm).tolist() == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_same_spacing_changes_nothing(dtype: type) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (17, 23), dtype, endpoint=True)
    for spacing in (1.5, 1.40625, 0.1):
        both = (spacing, spacing)
        np.testing.assert_array_equal(resample_image(pixels, both, spacing), pixels)
        np.testing.assert_array_equal(resample_labels(pixels % 7, both, spacing), pixels % 7)
        assert resample_point((3.25, 4.0), both, spacing) == pytest.approx((3.25, 4.0))


@given(st.sampled_from([0, 1, 255, 65535]), SHAPES, SPACINGS, TARGETS)
@settings(max_examples=60, deadline=None)
def test_a_constant_image_stays_constant(
    value: int, shape: tuple[int, int], spacing: tuple[float, float], to_mm: float
) -> None:
    pixels = np.full(shape, value, np.uint16)
    for found in (resample_image(pixels, spacing, to_mm), resample_labels(pixels, spacing, to_mm)):
        assert found.dtype == np.uint16
        assert found.shape == resampled_size(shape, spacing, to_mm)
        assert (found == value).all()


@given(hnp.arrays(np.uint16, SHAPES), SPACINGS, TARGETS)
@settings(max_examples=60, deadline=None)
def test_no_value_lies_beyond_the_old_ones(
    pixels: np.ndarray, spacing: tuple[float, float], to_mm: float
) -> None:
    found = resample_image(pixels, spacing, to_mm)
    assert pixels.min() <= found.min() <= found.max() <= pixels.max()


@given(
    hnp.arrays(np.uint16, SHAPES, elements=st.sampled_from([0, 1, 2, 500, 65535])),
    SPACINGS,
    TARGETS,
)
@settings(max_examples=60, deadline=None)
def test_no_new_code_appears(
    labels: np.ndarray, spacing: tuple[float, float], to_mm: float
) -> None:
    found = resample_labels(labels, spacing, to_mm)
    assert found.dtype == labels.dtype
    assert set(np.unique(found)) <= set(np.unique(labels))


@given(
    hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 2, 9])), st.sampled_from([2, 3, 4])
)
@settings(max_examples=40, deadline=None)
def test_mirrored_and_turned_slices_give_mirrored_and_turned_answers(
    pixels: np.ndarray, times: int
) -> None:
    """Where the edges fit exactly; otherwise the last column is a part of a pixel."""
    turns = (np.flipud, np.fliplr, np.transpose)
    for function in (resample_image, resample_labels):
        found = function(pixels, (1.0, 1.0), 1.0 / times)
        for turn in turns:
            again = function(np.ascontiguousarray(turn(pixels)), (1.0, 1.0), 1.0 / times)
            difference = np.abs(again.astype(int) - turn(found).astype(int)).max()
            assert difference <= (1 if function is resample_image else 0)  # halves are rounded


@pytest.mark.parametrize("to_mm", [0.5, 0.7, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.5, 0.8), (0.7, 1.9)])
def test_a_disc_keeps_its_area_and_its_middle(spacing: tuple[float, float], to_mm: float) -> None:
    side, radius_mm = 90, 24.0
    y, x = np.mgrid[:side, :side]
    middle = (44.3, 43.8)
    round_mm = np.hypot((y - middle[0]) * spacing[0], (x - middle[1]) * spacing[1]) <= radius_mm
    labels = round_mm.astype(np.uint8) * 3
    found = resample_labels(labels, spacing, to_mm)
    area = np.pi * radius_mm**2
    assert np.count_nonzero(found) * to_mm**2 == pytest.approx(area, rel=0.03)
    centre = [index.mean() for index in np.nonzero(found)]
    expected = resample_point(middle, spacing, to_mm)
    np.testing.assert_allclose(centre, expected, atol=0.35)
    spans = [np.ptp(index) + 1 for index in np.nonzero(found)]
    assert abs(spans[0] - spans[1]) <= 2 * max(spacing) / to_mm  # round, in millimetres


def test_a_ring_stays_closed_between_its_regions() -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[disc(60, 20, (30, 30))] = 2
    labels[disc(60, 15, (30, 30))] = 1
    found = resample_labels(labels, (1.4, 1.4), 1.0)
    for code, radius in ((1, 15), (2, 20)):
        area = np.isin(found, [1] if code == 1 else [1, 2]).sum()
        assert area == pytest.approx(np.pi * (radius * 1.4) ** 2, rel=0.03)
    inner = found == 1
    around = np.zeros_like(inner)
    for axis in (0, 1):
        for step in (-1, 1):
            around |= np.roll(inner, step, axis)
    assert set(np.unique(found[around & ~inner])) == {2}


@pytest.mark.parametrize("to_mm", [0.4, 0.6, 1.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.8, 0.9), (0.8, 1.6)])
def test_points_move_as_the_image_does(spacing: tuple[float, float], to_mm: float) -> None:
    """The middle of a blurred point source lies where the point is said to be."""
    y, x = np.mgrid[:40, :40]
    at = (17.25, 21.5)
    source = 60_000 * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 18)
    found = resample_image(source.astype(np.uint16), spacing, to_mm).astype(float)
    centre = [(index * found).sum() / found.sum() for index in np.indices(found.shape)]
    np.testing.assert_allclose(centre, resample_point(at, spacing, to_mm), atol=0.02)


def test_points_by_hand() -> None:
    assert resample_point((0.0, 0.0), (2.0, 3.0), 1.0) == (0.5, 1.0)
    assert resample_point((-0.5, 9.5), (2.0, 3.0), 1.0) == (-0.5, 29.5)  # edges stay edges
    assert resample_point((0.5, 0.5), (1.0, 1.0), 2.0) == (0.0, 0.0)


def test_a_reduction_averages_what_would_become_aliases() -> None:
    stripes = np.zeros((40, 40), np.uint8)
    stripes[:, ::3] = 210  # between them, linear interpolation alone would find 0, 105 and 53
    found = resample_image(stripes, (1.0, 1.0), 4.0)
    assert found.shape == (10, 10)
    assert np.abs(found[:, 1:-1].astype(int) - 70).max() <= 3
    fine = resample_image(np.full((8, 40), 10, np.uint8) + stripes[:8], (4.0, 1.0), 4.0)
    assert fine.shape == (8, 10)
    assert np.abs(fine[:, 1:-1].astype(int) - 80).max() <= 3


def test_an_enlargement_does_not_blur() -> None:
    step = np.repeat(np.array([[0, 0, 0, 90, 90, 90]], np.uint8), 4, 0)
    found = resample_image(step, (1.0, 3.0), 1.0)
    assert found[0].tolist() == [0] * 8 + [30, 60] + [90] * 8


@pytest.mark.parametrize(
    ("spacing", "message"),
    [
        (None, "has no known pixel spacing, so it cannot be resampled; leave out --resample"),
        ((1.0, 0.049), r"says its pixels are 1 x 0.049 mm, but 0.05 to 20 mm are possible, so it "),
        ((21.0, 1.0), "pixels are 21 x 1 mm"),
        ((1.0, float("nan")), "pixels are 1 x nan mm"),
        ((float("inf"), 1.0), "pixels are inf x 1 mm"),
        ((0.0, 1.0), "pixels are 0 x 1 mm"),
        ((-1.0, 1.0), "pixels are -1 x 1 mm"),
    ],
)
def test_spacings_to_resample_by(spacing: tuple[float, float] | None, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        check_spacing(spacing)


def test_plausible_sides() -> None:
    assert check_spacing((0.05, 20.0)) == (0.05, 20.0)
    assert [is_plausible(mm) for mm in (0.049, 0.05, 20.0, 20.1)] == [False, True, True, False]
