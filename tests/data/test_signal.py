"""Signal values as pixels: what stays as it is, what is laid over 16 bits, and the way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from myosweep.data.signal import Signal, store_signal
from myosweep.errors import DatasetError


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 1, 65535], np.uint16),
        np.array([0, 1, 65535], ">u2"),
        np.array([0, 1, 32767], np.int16),
        np.array([0, 1, 127], np.int8),
        np.array([3, 65535], np.int64),
        np.array([3, 65535], np.uint64),
        np.array([[3.0, 65535.0], [-0.0, 7.0]], np.float32),
        np.array([3.0, 65535.0]),
        np.array([0, 2048], np.float16),
        np.array([7, 7, 7], np.int32),
        np.array([True, False]),
        np.zeros((2, 3, 4)),
    ],
)
def test_whole_numbers_of_16_bits_stay(values: np.ndarray) -> None:
    pixels, signal = store_signal(values)
    assert pixels.dtype == np.dtype(np.uint16)
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, values)
    assert signal == Signal(1.0, 0.0)


def test_8_bits_stay_8_bits() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels, signal = store_signal(values)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, values)
    assert signal.row() == {"signal_slope": 1.0, "signal_offset": 0.0}


@pytest.mark.parametrize(
    ("values", "expected", "slope", "offset"),
    [
        ([-1000, 0, 64535], [0, 1000, 65535], 1.0, -1000.0),
        ([0.0, 0.25, 0.5], [0, 32768, 65535], 0.5 / 65535, 0.0),  # 32767.5 goes to the even one
        ([-1, 1], [0, 65535], 2 / 65535, -1.0),
        ([0, 65536], [0, 65535], 65536 / 65535, 0.0),
        ([10.0, 10.0 + 65535 / 4, 10.25], [0, 65535, 1], 0.25, 10.0),
        ([-3, -3], [0, 0], 1.0, -3.0),
        ([2.5, 2.5], [0, 0], 1.0, 2.5),
        ([70_000, 70_000], [0, 0], 1.0, 70_000.0),
        ([2.0**62, 0.0, 2.0**61], [65535, 0, 32768], 2.0**62 / 65535, 0.0),
    ],
)
def test_other_values_are_laid_over_16_bits(
    values: list[float], expected: list[int], slope: float, offset: float
) -> None:
    pixels, signal = store_signal(np.array(values))
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == expected
    assert (signal.slope, signal.offset) == pytest.approx((slope, offset), rel=1e-15)


def test_64_bit_integers_do_not_overflow() -> None:
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    pixels, signal = store_signal(np.array([low, 0, high]))
    assert pixels.tolist() == [0, 32768, 65535]
    assert signal.offset == float(low)
    pixels, _ = store_signal(np.array([0, 2**64 - 1], np.uint64))
    assert pixels.tolist() == [0, 65535]


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint16, np.bool_])
@pytest.mark.parametrize("shape", [(0,), (0, 4, 4), (3, 0)])
def test_no_values_give_no_pixels(shape: tuple[int, ...], dtype: type) -> None:
    pixels, signal = store_signal(np.zeros(shape, dtype))
    assert (pixels.shape, pixels.dtype, signal) == (shape, np.uint16, Signal())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(bad: float, dtype: type) -> None:
    for others in ([1, 2], [-1, 0.5], []):
        with pytest.raises(DatasetError, match=r"no numbers \(NaN or infinite\); replace them"):
            store_signal(np.array([*others, bad], dtype))


def test_values_are_subtracted_in_64_bits() -> None:
    pixels, signal = store_signal(np.array([-60_000, 0, 60_000], np.float16))
    assert pixels.tolist() == [0, 32768, 65535]
    assert signal.offset == -60_000
    fine = np.array([-1e-3, 1.0, 1e6 + 0.5], np.float32)
    assert store_signal(fine)[0].tolist() == store_signal(fine.astype(np.float64))[0].tolist()


def test_a_range_too_small_to_divide_is_none() -> None:
    pixels, signal = store_signal(np.array([0.0, 1e-318]))
    assert pixels.tolist() == [0, 0]
    assert signal == Signal(1.0, 0.0)


def test_values_too_far_apart_to_subtract_are_refused() -> None:
    with pytest.raises(DatasetError, match="no numbers"):
        store_signal(np.array([-1.7e308, 1.7e308]))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers_are_refused(dtype: type) -> None:
    for values in ([1 + 2j], [1.0], []):
        with pytest.raises(DatasetError, match="complex numbers; save magnitude or phase-sens"):
            store_signal(np.array(values, dtype))


def test_what_went_in_is_not_changed() -> None:
    values = np.array([[-1.5, 2.0], [0.25, 1e6]])
    before = values.copy()
    store_signal(values)
    np.testing.assert_array_equal(values, before)


FINITE = st.one_of(st.floats(-1e300, 1e300), st.floats(-1, 1), st.integers(-5, 70_000).map(float))


@given(hnp.arrays(np.float64, st.integers(1, 12), elements=FINITE))
@settings(max_examples=300, deadline=None)
def test_pixels_tell_values_to_half_a_step_and_keep_their_order(values: np.ndarray) -> None:
    pixels, signal = store_signal(values)
    told = pixels * signal.slope + signal.offset
    rounding = 4 * np.spacing(np.abs(values).max())  # of the numbers themselves
    assert (np.abs(told - values) <= signal.slope / 2 + rounding).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(pixels[order].astype(int)) >= 0).all()
    assert signal.slope > 0


@given(hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(-(2**62), 2**62)))
@settings(max_examples=100, deadline=None)
def test_integers_of_any_size_obey_the_same_law(values: np.ndarray) -> None:
    pixels, signal = store_signal(values)
    told = pixels * signal.slope + signal.offset
    rounding = 4 * np.spacing(np.abs(values.astype(float)).max())
    assert (np.abs(told - values) <= signal.slope / 2 + rounding).all()


def test_a_second_scaling_is_added() -> None:
    first = Signal(0.5, 10.0)
    assert first.then(4.0, -3.0) == Signal(2.0, 37.0)
    assert Signal().then(4.0, -3.0) == Signal(4.0, -3.0)
    pixel = 8.0
    once = pixel * first.slope + first.offset
    second = first.then(4.0, -3.0)
    assert pixel * second.slope + second.offset == once * 4.0 - 3.0
    assert second.row() == {"signal_slope": 2.0, "signal_offset": 37.0}
