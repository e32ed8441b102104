"""Worse images made on purpose: each kind is as strong as it says."""

import numpy as np
import pytest

from myosweep.config import Images
from myosweep.data.image_noise import spoil_images

RNG = np.random.default_rng(0)
SIDE = 64
SMOOTH = (2000 + 500 * np.sin(np.arange(SIDE) / 5)[:, None] * np.ones(SIDE)).astype(np.uint16)
KINDS = {"noise": 0.5, "blur": 2.0, "ghosting": 0.3, "resolution": 2.0}


def spoilt(images: np.ndarray, noise: str, strength: float, seed: int = 0) -> np.ndarray:
    padding = np.zeros(images.shape, bool)
    settings = Images.model_validate({"noise": noise, "strength": strength})
    return spoil_images(images, padding, np.arange(len(images)), settings, seed)


def test_noise_has_its_share_of_the_images_own_spread() -> None:
    found = spoilt(SMOOTH[None], "noise", 0.5)[0].astype(float)
    assert (found - SMOOTH).std() == pytest.approx(0.5 * SMOOTH.std(), rel=0.05)
    assert abs((found - SMOOTH).mean()) < 0.05 * SMOOTH.std()


def test_blur_spreads_a_point_by_its_sigma() -> None:
    point = np.zeros((SIDE, SIDE), np.uint16)
    point[32, 32] = 60000
    found = spoilt(point[None], "blur", 2.0)[0].astype(float)
    y = np.arange(SIDE)[:, None] - 32
    assert np.sqrt((found * y**2).sum() / found.sum()) == pytest.approx(2.0, abs=0.1)


def test_a_ghost_lies_half_the_field_of_view_away() -> None:
    image = np.full((SIDE, SIDE), 1000, np.uint16)
    image[10:14, 20:24] = 3000
    found = spoilt(image[None], "ghosting", 0.25)[0]
    assert found[12, 22] == 3000 + 250
    assert found[12 + SIDE // 2, 22] == 1000 + 750
    assert found[40, 50] == 1000 + 250


def test_lower_resolution_removes_fine_stripes_and_keeps_wide_ones() -> None:
    y = np.arange(SIDE)
    wide = 2000 + 500 * np.sin(2 * np.pi * 4 * y / SIDE)
    fine = 500 * np.sin(2 * np.pi * 20 * y / SIDE)
    for axis in (0, 1):
        image = (wide + fine)[:, None] * np.ones(SIDE)
        image, kept = (one if axis == 0 else one.T for one in (image, wide[:, None] * np.ones(64)))
        found = spoilt(np.rint(image).astype(np.uint16)[None], "resolution", 2.0)[0]
        np.testing.assert_allclose(found, kept, atol=2)


@pytest.mark.parametrize("noise", KINDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_laws_of_every_kind(noise: str, dtype: type) -> None:
    images = RNG.integers(0, 256, (3, SIDE, SIDE)).astype(dtype)
    before = images.copy()
    padding = np.zeros(images.shape, bool)
    padding[:, :5] = True
    settings = Images.model_validate({"noise": noise, "strength": KINDS[noise]})
    found = spoil_images(images, padding, np.arange(3), settings, 0)
    assert np.array_equal(images, before)
    assert found.dtype == dtype
    assert np.array_equal(found[padding], images[padding])
    assert not np.array_equal(found, images)
    assert np.array_equal(found, spoil_images(images, padding, np.arange(3), settings, 0))
    assert np.array_equal(spoilt(images, noise, 0.0), images)
    assert len(spoilt(images[:0], noise, KINDS[noise])) == 0


def test_a_slice_has_its_own_noise_wherever_it_stands() -> None:
    images = np.stack([SMOOTH, SMOOTH])
    found = spoilt(images, "noise", 0.5)
    assert not np.array_equal(found[0], found[1])
    padding = np.zeros((1, SIDE, SIDE), bool)
    settings = Images(noise="noise", strength=0.5)
    (alone,) = spoil_images(images[1:], padding, np.array([1]), settings, 0)
    assert np.array_equal(alone, found[1])
