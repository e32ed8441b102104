"""Percentiles by counting are NumPy's, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myosweep.audit.greys import is_constant, percentiles

SHARES = (0.0, 0.5, 1.0, 25.0, 33.3, 50.0, 75.0, 99.0, 99.5, 100.0)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(1, 3000),
    st.integers(1, 255),
)
def test_percentiles_are_those_of_numpy(
    seed: int, dtype: type[np.generic], pixels: int, levels: int
) -> None:
    image = np.random.default_rng(seed).integers(0, levels, pixels).astype(dtype)
    if dtype is np.uint16:
        image = (image * 257).astype(dtype)
    assert percentiles(image, SHARES).tolist() == np.percentile(image, SHARES).tolist()


@pytest.mark.parametrize("odd", [0, 1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_image_is_constant_up_to_two_in_a_thousand_pixels(
    odd: int, dtype: type[np.generic]
) -> None:
    image = np.full(2000, 7, dtype)
    image[:odd] = 200
    assert is_constant(image) == (odd <= 2)
    assert is_constant(image.reshape(40, 50)) == is_constant(image)


def test_no_pixels_are_a_constant_image() -> None:
    assert is_constant(np.zeros(0, np.uint8))
