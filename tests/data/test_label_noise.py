"""Errors put into masks on purpose: each is as strong as it says, and nothing else changes."""

import numpy as np
import pytest

from myosweep.config import Labels
from myosweep.data.label_noise import spoil_labels
from myosweep.regions import NO_REGION

SIDE, CENTRE, INNER_PX, OUTER_PX = 64, 31.5, 10.0, 16.0
Y, X = np.mgrid[:SIDE, :SIDE]
RADIUS = np.hypot(Y - CENTRE, X - CENTRE)
RING = np.select([RADIUS < INNER_PX, RADIUS < OUTER_PX], [1, 2], 0).astype(np.uint8)
NONE = np.zeros((SIDE, SIDE), np.uint8)
KINDS = {
    "jitter": 2.0,
    "dilation": 2.0,
    "erosion": 2.0,
    "dropped": 0.5,
    "swapped": 1.0,
    "polygons": 12.0,
}


def spoilt(maps: np.ndarray, noise: str, strength: float, seed: int = 0) -> np.ndarray:
    patients = np.array([f"P{number // 2}" for number in range(len(maps))])
    labels = Labels.model_validate({"noise": noise, "strength": strength})
    return spoil_labels(maps, patients, np.arange(len(maps)), labels, seed)


def heart_radius_px(regions: np.ndarray) -> float:
    return float(np.sqrt((regions > 0).sum() / np.pi))


@pytest.mark.parametrize(("noise", "sign"), [("dilation", 1), ("erosion", -1)])
@pytest.mark.parametrize("strength_px", [1.0, 3.0])
def test_the_outer_contour_moves_so_far_and_the_inner_one_stays(
    noise: str, sign: int, strength_px: float
) -> None:
    (found,) = spoilt(RING[None], noise, strength_px)
    assert heart_radius_px(found) == pytest.approx(OUTER_PX + sign * strength_px, abs=0.3)
    assert np.array_equal(found == 1, RING == 1)


def test_erosion_beyond_the_wall_leaves_what_lies_deeper() -> None:
    (found,) = spoilt(RING[None], "erosion", 8.0)
    assert not (found == 2).any()
    assert heart_radius_px(found) == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize("strength_px", [1.0, 2.0])
def test_jitter_moves_pixels_by_its_strength(strength_px: float) -> None:
    """A ramp of regions shows along its columns how far each pixel came from: its shift."""
    ramp = np.repeat(np.arange(250, dtype=np.uint8)[:, None], 250, axis=1)
    found = spoilt(np.stack([ramp] * 4), "jitter", strength_px).astype(float)
    shift = (found - ramp)[:, 30:-30]
    assert np.sqrt((shift**2).mean()) == pytest.approx(strength_px, rel=0.2)
    neighbours = np.abs(np.diff(shift, axis=2))
    assert neighbours.max() <= 2  # smooth, not every pixel for itself


def test_polygons_have_so_few_corners() -> None:
    """A circle of radius 16 has 100 px around; every 25 px a corner makes a square in it."""
    (found,) = spoilt(RING[None], "polygons", 25.0)
    assert (found > 0).sum() == pytest.approx(2 * OUTER_PX**2, rel=0.06)
    assert (found == 1).any()
    (fine,) = spoilt(RING[None], "polygons", 1.0)
    assert (fine != RING).sum() < 25


def test_dropped_slices_have_nothing_drawn() -> None:
    found = spoilt(np.stack([RING] * 8), "dropped", 0.25)
    empty = ~(found > 0).any((1, 2))
    assert empty.sum() == 2
    assert np.array_equal(found[~empty], np.stack([RING] * 6))


def test_swapped_patients_have_each_others_masks_level_by_level() -> None:
    base, apex = np.full((4, 4), 1, np.uint8), np.full((4, 4), 2, np.uint8)
    maps = np.stack([base, apex, base + 2, apex + 2])
    assert np.array_equal(spoilt(maps, "swapped", 1.0), maps[[2, 3, 0, 1]])


def test_a_swap_between_patients_with_more_and_fewer_slices() -> None:
    maps = np.stack([np.full((4, 4), number, np.uint8) for number in range(4)])
    patients = np.array(["A", "A", "A", "B"])
    labels = Labels(noise="swapped", strength=1.0)
    found = spoil_labels(maps, patients, np.arange(4), labels, 0)
    assert found[:, 0, 0].tolist() == [3, 3, 3, 1]


@pytest.mark.parametrize("noise", KINDS)
def test_laws_of_every_kind(noise: str) -> None:
    maps = np.stack([RING, NONE, RING, RING])
    maps[:, :3] = NO_REGION
    before = maps.copy()
    found = spoilt(maps, noise, KINDS[noise])
    assert np.array_equal(maps, before)
    assert found.dtype == np.uint8
    assert not np.array_equal(found, maps)
    assert np.array_equal(found == NO_REGION, maps == NO_REGION)
    assert set(np.unique(found)) <= {0, 1, 2, NO_REGION}
    assert np.array_equal(spoilt(maps, noise, KINDS[noise]), found)
    assert np.array_equal(spoilt(maps, noise, 0.0), maps)
    assert len(spoilt(maps[:0], noise, KINDS[noise])) == 0


@pytest.mark.parametrize("noise", ["jitter", "dilation", "erosion", "polygons", "dropped"])
def test_surroundings_need_not_be_the_first_region(noise: str) -> None:
    names = np.array([2, 1, 0], np.uint8)  # the myocardium is region 0, surroundings region 2
    plain, renamed = (spoilt(maps, noise, KINDS[noise]) for maps in (RING[None], names[RING][None]))
    assert np.array_equal(names[plain], renamed)


@pytest.mark.parametrize("noise", ["jitter", "dropped", "swapped"])
def test_other_seeds_give_other_errors(noise: str) -> None:
    maps = np.stack([np.roll(RING, shift) for shift in range(12)])
    strength = min(KINDS[noise], 0.5) if noise != "jitter" else 2.0
    found = [spoilt(maps, noise, strength, seed) for seed in (0, 1)]
    assert not np.array_equal(*found)
