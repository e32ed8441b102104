"""Normalisation against NumPy by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.data.normalise import Normaliser

NONE = np.zeros((1, 2, 2), bool)
Z = Normaliser("z-score")


def measure(images: list[np.ndarray], ignored: list[np.ndarray] | None = None) -> Normaliser:
    ignored = ignored or [np.zeros(image.shape, bool) for image in images]
    return Normaliser.zero_centre(zip(images, ignored, strict=True), images[0].dtype)


def test_z_score_by_hand() -> None:
    image = np.array([[[1, 3], [5, 7]]], np.uint8)  # mean 4, variance 5
    inputs, fill = Z.apply(image, NONE)
    np.testing.assert_allclose(inputs, np.array([[[-3, -1], [1, 3]]]) / np.sqrt(5), rtol=1e-6)
    assert inputs.dtype == fill.dtype == np.float32
    assert fill.tolist() == [0]


def test_z_score_leaves_ignored_pixels_out_and_sets_them_to_the_mean() -> None:
    image = np.array([[[1, 3], [200, 5]]], np.uint8)
    ignored = np.array([[[False, False], [True, False]]])
    inputs, _ = Z.apply(image, ignored)
    spread = np.sqrt(8 / 3)
    np.testing.assert_allclose(inputs, np.array([[[-2, 0], [0, 2]]]) / spread, rtol=1e-6)


@given(st.integers(0, 1000), st.sampled_from([np.uint8, np.uint16]))
@settings(max_examples=30, deadline=None)
def test_z_score_equals_numpys(seed: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, np.iinfo(dtype).max, (3, 5, 6), dtype, endpoint=True)
    ignored = rng.random(images.shape) < 0.3
    inputs, _ = Z.apply(images, ignored)
    for image, out, got in zip(images, ignored, inputs, strict=True):
        expected = (image - image[~out].mean()) / image[~out].std()
        np.testing.assert_allclose(got, np.where(out, 0, expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("normaliser", [Z, Normaliser("zero-centre", mean=0.0)])
@pytest.mark.parametrize("ignored", [False, True])
def test_constant_and_wholly_ignored_images_give_finite_numbers(
    normaliser: Normaliser, ignored: bool
) -> None:
    for value in (0, 255):
        image = np.full((1, 2, 2), value, np.uint8)
        inputs, _ = normaliser.apply(image, np.full(image.shape, ignored))
        grey = value if normaliser.kind == "zero-centre" and not ignored else 0
        assert (inputs == grey).all()


def test_a_constant_16_bit_image_gives_exact_zeros() -> None:
    image = np.full((1, 7, 9), 65535, np.uint16)
    assert (Z.apply(image, np.zeros(image.shape, bool))[0] == 0).all()


def test_zero_centre_of_8_bits_subtracts_the_mean_and_scales_nothing() -> None:
    images = [np.array([[0, 10], [20, 30]], np.uint8), np.array([[255, 255], [10, 0]], np.uint8)]
    normaliser = measure(images)
    assert normaliser == Normaliser("zero-centre", 0.0, 255.0, 580 / 8)
    inputs, fill = normaliser.apply(np.stack(images), np.zeros((2, 2, 2), bool))
    np.testing.assert_array_equal(inputs, np.stack(images).astype(np.float32) - np.float32(72.5))
    assert fill.tolist() == [-72.5, -72.5]  # grey level 0 before the mean is subtracted


def test_the_mean_is_over_labelled_pixels_of_all_training_images() -> None:
    images = [np.array([[10, 200]], np.uint8), np.array([[20, 60]], np.uint8)]
    ignored = [np.array([[False, True]]), np.array([[False, False]])]
    assert measure(images, ignored).mean == 30
    inputs, _ = measure(images, ignored).apply(np.stack(images), np.stack(ignored))
    assert inputs.tolist() == [[[-20, -30]], [[-10, 30]]]  # the ignored one holds the fill value


def test_8_bit_images_are_not_stretched_to_their_range() -> None:
    normaliser = measure([np.array([[100, 101]], np.uint8)])
    assert (normaliser.low, normaliser.high, normaliser.mean) == (0, 255, 100.5)


def test_16_bits_are_mapped_from_percentiles_to_0_255_and_clipped() -> None:
    image = np.arange(2001, dtype=np.uint16)[None]  # 0.1 % of 2001 pixels are 2.001: value 2
    normaliser = measure([image])
    assert (normaliser.low, normaliser.high) == (2, 1998)
    grey = normaliser.grey(np.array([0, 2, 1000, 1998, 2000, 65535], np.uint16))
    np.testing.assert_allclose(grey, [0, 0, 127.5, 255, 255, 255], rtol=1e-6)
    assert normaliser.mean == pytest.approx(127.5, abs=1e-4)
    inputs, fill = normaliser.apply(image[None], np.zeros((1, 1, 2001), bool))
    assert inputs.min() == fill[0] == -np.float32(normaliser.mean)
    assert inputs.max() == np.float32(255) - np.float32(normaliser.mean)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_percentiles_are_numpys_over_labelled_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [rng.integers(300, 5000, (31, 37), np.uint16) for _ in range(3)]
    ignored = [rng.random(image.shape) < 0.2 for image in images]
    for image, out in zip(images, ignored, strict=True):
        image[out] = 0  # padding must not pull the range down
    normaliser = measure(images, ignored)
    kept = np.concatenate([image[~out] for image, out in zip(images, ignored, strict=True)])
    low, high = np.percentile(kept, (0.1, 99.9), method="inverted_cdf")
    assert (normaliser.low, normaliser.high) == (low, high)
    greys = np.clip((kept - float(low)) / (float(high) - float(low)) * 255, 0, 255)
    assert normaliser.mean == pytest.approx(greys.mean(), rel=1e-6)


def test_images_do_not_influence_each_other_however_many() -> None:
    """Work is done in chunks of slices; 600 are more than one."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (600, 3, 3), np.uint8)
    ignored = rng.random(images.shape) < 0.1
    for normaliser in (Z, measure(list(images))):
        whole, fill = normaliser.apply(images, ignored)
        for n in (0, 255, 256, 599):
            alone, its_fill = normaliser.apply(images[n : n + 1], ignored[n : n + 1])
            np.testing.assert_array_equal(whole[n], alone[0])
            assert fill[n] == its_fill[0]


def test_a_constant_or_empty_16_bit_training_part_gives_finite_numbers() -> None:
    for image, ignored in (
        (np.full((2, 2), 700, np.uint16), np.zeros((2, 2), bool)),
        (np.full((2, 2), 700, np.uint16), np.ones((2, 2), bool)),
    ):
        normaliser = measure([image], [ignored])
        assert normaliser.high > normaliser.low
        inputs, fill = normaliser.apply(image[None], ignored[None])
        assert np.isfinite(inputs).all()
        assert np.isfinite(fill).all()


def test_facts_rebuild_the_normaliser() -> None:
    normaliser = measure([np.array([[5, 9000]], np.uint16)])
    assert Normaliser(**normaliser.facts()) == normaliser
