"""Index crops: pixels are moved, never resampled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.data.crop import Window

PIXELS = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize(
    ("height", "width", "size", "top", "left"),
    [
        (256, 256, 128, 64, 64),
        (7, 9, 4, 1, 2),
        (7, 9, 3, 2, 3),
        (8, 9, 8, 0, 0),
        (5, 6, 8, -2, -1),
        (4, 4, 7, -2, -2),
        (1, 1, 1, 0, 0),
    ],
)
def test_the_window_around_the_centre(
    height: int, width: int, size: int, top: int, left: int
) -> None:
    window = Window.around_centre(height, width, size)
    assert window == Window(top, left, size)
    assert window.leaves(height, width) == (size > height or size > width)


@pytest.mark.parametrize(
    ("rows", "columns", "size", "top", "left"),
    [
        ((10, 11), (20, 21), 4, 9, 19),  # 2 x 2 pixels: one more on each side
        ((10, 10), (20, 20), 3, 9, 19),  # 1 pixel: in the middle of an odd window
        ((10, 12), (20, 24), 5, 9, 20),
        ((0, 0), (39, 39), 6, -3, 36),  # at the edge: the window leaves the image
        ((0, 29), (0, 39), 10, 10, 15),  # all of it: the centre
    ],
)
def test_the_window_around_a_mask(
    rows: tuple[int, int], columns: tuple[int, int], size: int, top: int, left: int
) -> None:
    mask = np.zeros((30, 40), bool)
    mask[rows[0], columns[0]] = mask[rows[1], columns[1]] = True  # corners of its bounding box
    window = Window.around_mask(mask, size)
    assert window == Window(top, left, size)
    assert all(type(number) is int for number in (window.top, window.left))


def test_the_window_around_an_empty_mask_is_the_images() -> None:
    assert Window.around_mask(np.zeros((30, 41), bool), 8) == Window.around_centre(30, 41, 8)


def test_a_cut_inside_keeps_pixels_and_type() -> None:
    window = Window(1, 2, 2)
    assert not window.leaves(3, 4)
    cut = window.cut(PIXELS.astype(np.uint16), 9)
    assert cut.dtype == np.uint16
    assert cut.tolist() == [[7, 8], [11, 12]]


def test_a_cut_that_leaves_is_padded_where_it_leaves() -> None:
    window = Window(-1, 2, 4)
    assert window.leaves(3, 4)
    assert window.cut(PIXELS, 99).tolist() == [
        [99, 99, 99, 99],
        [3, 4, 99, 99],
        [7, 8, 99, 99],
        [11, 12, 99, 99],
    ]


@pytest.mark.parametrize(
    ("window", "leaves"),
    [
        (Window(0, 0, 3), False),
        (Window(0, 1, 3), False),
        (Window(-1, 0, 3), True),
        (Window(0, -1, 3), True),
        (Window(1, 0, 3), True),
        (Window(0, 2, 3), True),
    ],
)
def test_each_side_can_be_left(window: Window, leaves: bool) -> None:
    assert window.leaves(3, 4) is leaves


def test_a_cut_is_a_copy() -> None:
    pixels = PIXELS.copy()
    Window(0, 0, 2).cut(pixels, 0)[:] = 0
    assert (pixels == PIXELS).all()


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    corner=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    size=st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_a_cut_equals_indexing_a_wide_padded_image(
    shape: tuple[int, int], corner: tuple[int, int], size: int
) -> None:
    pixels = np.arange(1, 1 + shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    top, left = corner
    wide = np.pad(pixels, 20, constant_values=200)
    expected = wide[20 + top : 20 + top + size, 20 + left : 20 + left + size]
    window = Window(top, left, size)
    np.testing.assert_array_equal(window.cut(pixels, 200), expected)
    assert window.leaves(*shape) == bool((expected == 200).any())
