"""Grids: which pixels the network sees, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.predict.models import by_grey, codes_by_grey, facts_for, in_window

from myosweep.predict.grid import Grid, Place, wanted_mm


@pytest.mark.parametrize(
    ("own", "known", "wanted"),
    [
        ((1.5, 1.5), (1.2, 1.6), None),  # within what training saw
        ((1.0, 1.0), (1.2, 1.6), 1.2),
        ((2.0, 2.0), (1.2, 1.6), 1.6),
        ((1.195, 1.195), (1.2, 1.6), None),  # by less than 1 %
        ((1.5, 1.5), None, None),  # nobody knows
        (None, (1.2, 1.6), None),
        ((2.0, 0.5), (0.5, 3.0), 1.0),  # oblong: a square of the same area
        ((4.0, 1.0), None, 2.0),
        ((1500.0, 1500.0), (1.2, 1.6), None),  # no pixel is as large: nothing is known
    ],
)
def test_which_pixels_the_network_sees(
    own: tuple[float, float] | None,
    known: tuple[float, float] | None,
    wanted: float | None,
) -> None:
    assert wanted_mm(facts_for(32, 32, spacing_mm=known), own) == wanted


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    place=st.tuples(st.integers(-20, 40), st.integers(-20, 40)),
    network=st.sampled_from([(16, 16), (8, 24), (32, 4)]),
)
def test_what_is_cut_is_put_back(
    size: tuple[int, int], place: tuple[int, int], network: tuple[int, int]
) -> None:
    """Whatever the place: within the window the answer to each pixel, outside background."""
    images = np.random.default_rng(0).integers(0, 256, (2, *size)).astype(np.uint8)
    grid = Grid(size, None, None, network)
    inputs, padding = grid.cut(images, Place(*place))
    assert inputs.shape == padding.shape == (2, *network)
    assert not inputs[padding].any()
    answers = by_grey(inputs[:, None].astype(np.float32))
    regions = grid.put_back(answers, Place(*place))
    np.testing.assert_array_equal(regions, in_window(images, *place, *network))


def test_resampled_there_and_back_a_disc_stays_in_place() -> None:
    """Pixels of 0.9 x 1.2 mm, seen at 1.5 mm; the disc's edge moves by less than a pixel."""
    y, x = np.mgrid[:100, :80]
    radius_mm = np.hypot((y - 52.3) * 0.9, (x - 37.1) * 1.2)
    image = np.where(radius_mm < 20, 220, 20).astype(np.uint8)
    grid = Grid.for_model(facts_for(48, 48, spacing_mm=(1.5, 1.5)), (100, 80), (0.9, 1.2))
    assert (grid.to_mm, grid.seen) == (1.5, (60, 64))
    seen = grid.resample(image[None])
    place = grid.centre()
    assert place == Place(6, 8)
    inputs, _ = grid.cut(seen, place)
    regions = grid.put_back(by_grey(inputs[:, None].astype(np.float32)), place)[0]
    wrong = (regions > 0) != (codes_by_grey(image) > 0)
    assert regions.shape == (100, 80)
    assert not wrong[np.abs(radius_mm - 20) > 1.5].any()
    area = (regions > 0).sum() * 0.9 * 1.2
    assert area == pytest.approx(np.pi * 20**2, rel=0.03)
