"""Augmentation: hand-computed flips and shifts, SciPy as oracle, and the drawn distribution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from myosweep.config import Augmentation
from myosweep.data.augment import Change, apply_changes, draw_change
from myosweep.regions import NO_REGION

N = NO_REGION
IMAGE = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
REFERENCE = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
PAPER = Augmentation()


def change_one(
    change: Change,
    image: np.ndarray = IMAGE,
    reference: np.ndarray = REFERENCE,
    fill: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    images, references = apply_changes(
        image[None], reference[None], np.array([fill], np.float32), [change]
    )
    assert images.dtype == np.float32
    return images[0], references[0]


def images_of(change: Change, fill: float = 0.0) -> list[list[float]]:
    return change_one(change, fill=fill)[0].tolist()


def labels_of(change: Change) -> list[list[int]]:
    return change_one(change)[1].tolist()


def test_no_change_gives_equal_copies() -> None:
    image, reference = change_one(Change(False, 0.0, 0.0))
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(reference, REFERENCE)
    image[:], reference[:] = 9, 9
    assert IMAGE.max() == 6
    assert REFERENCE.max() == 2


def test_a_flip_swaps_left_and_right() -> None:
    change = Change(True, 0.0, 0.0)
    assert images_of(change) == [[3, 2, 1], [6, 5, 4]]
    assert labels_of(change) == [[2, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize(
    ("x_px", "y_px", "image", "labels"),
    [
        (1.0, 0.0, [[7, 1, 2], [7, 4, 5]], [[N, 0, 1], [N, 2, 1]]),
        (-1.0, 0.0, [[2, 3, 7], [5, 6, 7]], [[1, 2, N], [1, 0, N]]),
        (0.0, 1.0, [[7, 7, 7], [1, 2, 3]], [[N, N, N], [0, 1, 2]]),
        (0.0, -1.0, [[4, 5, 6], [7, 7, 7]], [[2, 1, 0], [N, N, N]]),
        (2.0, -1.0, [[7, 7, 4], [7, 7, 7]], [[N, N, 2], [N, N, N]]),
    ],
)
def test_whole_shifts_go_right_and_down(
    x_px: float, y_px: float, image: list[list[float]], labels: list[list[int]]
) -> None:
    change = Change(False, x_px, y_px)
    assert images_of(change, fill=7) == image
    assert labels_of(change) == labels


def test_half_pixels_give_means_and_fill_at_the_edge() -> None:
    assert images_of(Change(False, 0.5, 0.0)) == [[0.5, 1.5, 2.5], [2, 4.5, 5.5]]
    assert images_of(Change(False, -0.5, 0.0)) == [[1.5, 2.5, 1.5], [4.5, 5.5, 3]]
    assert images_of(Change(False, 0.0, 0.5)) == [[0.5, 1, 1.5], [2.5, 3.5, 4.5]]
    assert images_of(Change(False, 0.5, 0.5), fill=8) == [
        [(8 * 3 + 1) / 4, (8 * 2 + 1 + 2) / 4, (8 * 2 + 2 + 3) / 4],
        [(8 * 2 + 1 + 4) / 4, 3, 4],
    ]


def test_unequal_parts_are_weighted_by_nearness() -> None:
    assert images_of(Change(False, 0.25, 0.0)) == [[0.75, 1.75, 2.75], [3, 4.75, 5.75]]
    assert images_of(Change(False, -1.25, 0.0)) == [[2.25, 2.25, 0], [5.25, 4.5, 0]]


@pytest.mark.parametrize(("x_px", "shift"), [(0.4, 0), (0.6, 1), (-0.4, 0), (-0.6, -1)])
def test_labels_take_the_nearest_pixel(x_px: float, shift: int) -> None:
    assert labels_of(Change(False, x_px, 0.0)) == labels_of(Change(False, float(shift), 0.0))


def test_the_flip_comes_before_the_shift() -> None:
    change = Change(True, 1.0, 0.0)
    assert images_of(change) == [[0, 3, 2], [0, 6, 5]]
    assert labels_of(change) == [[N, 2, 1], [N, 0, 1]]


@pytest.mark.parametrize("x_px", [3.0, -3.0, 3.5, 1e6, -1e6])
@pytest.mark.parametrize("along", ["x", "y"])
def test_a_shift_by_more_than_the_image_leaves_fill_and_no_labels(x_px: float, along: str) -> None:
    change = Change(False, x_px, 0.0) if along == "x" else Change(False, 0.0, x_px)
    image, reference = change_one(change, fill=-3)
    assert (image == -3).all()
    assert (reference == NO_REGION).all()


def test_each_image_has_its_own_change_and_fill() -> None:
    images = np.stack([IMAGE, IMAGE * 10])
    references = np.stack([REFERENCE, REFERENCE])
    changes = [Change(False, 1.0, 0.0), Change(True, -1.0, 0.0)]
    fill = np.array([-1, -2], np.float32)
    new, labels = apply_changes(images, references, fill, changes)
    assert new.tolist() == [[[-1, 1, 2], [-1, 4, 5]], [[20, 10, -2], [50, 40, -2]]]
    assert labels.tolist() == [[[N, 0, 1], [N, 2, 1]], [[1, 0, N], [1, 2, N]]]
    np.testing.assert_array_equal(images, np.stack([IMAGE, IMAGE * 10]))


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    reach=st.sampled_from([0.0, 0.9, 4.0, 12.0]),
    fill=st.sampled_from([0.0, -87.5, 3.0]),
)
@settings(max_examples=60, deadline=None)
def test_drawn_changes_equal_scipys_shift(
    seed: int, shape: tuple[int, int], reach: float, fill: float
) -> None:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=shape).astype(np.float32)
    reference = rng.integers(0, 3, shape, np.uint8)
    change = draw_change(Augmentation(shift_px=reach), seed, 1, 2)
    flipped = (image[:, ::-1], reference[:, ::-1]) if change.flip else (image, reference)
    shift = (change.y_px, change.x_px)
    new_image, new_reference = change_one(change, image, reference, fill)

    linear = {"order": 1, "cval": fill, "prefilter": False}
    expected = ndimage.shift(flipped[0].astype(float), shift, mode="grid-constant", **linear)
    np.testing.assert_allclose(new_image, expected, atol=1e-4)
    # mode "constant" gives bare fill where the source lies outside by less than a pixel
    sharp = ndimage.shift(flipped[0].astype(float), shift, mode="constant", **linear)
    inside = np.all([(at >= 0) & (at <= size - 1) for at, size in zip(
        np.indices(shape) - np.reshape(shift, (2, 1, 1)), shape, strict=True)], 0)  # fmt: skip
    np.testing.assert_allclose(new_image[inside], sharp[inside], atol=1e-4)

    nearest = ndimage.shift(
        flipped[1], shift, order=0, mode="grid-constant", cval=NO_REGION, prefilter=False
    )
    np.testing.assert_array_equal(new_reference, nearest)


@given(st.integers(-4, 4), st.integers(-4, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_whole_shifts_move_image_and_labels_together(x: int, y: int, flip: bool) -> None:
    """What labels are shifted in is never a region, whatever the codes: above all not 0."""
    regions = np.zeros((5, 6), np.uint8)
    image, reference = change_one(
        Change(flip, float(x), float(y)), np.ones((5, 6), np.float32), regions, -1.0
    )
    np.testing.assert_array_equal(reference, np.where(image == 1, 0, NO_REGION))
    assert int((reference == 0).sum()) == max(5 - abs(y), 0) * max(6 - abs(x), 0)


def test_draws_are_uniform_flips_are_fair_and_x_y_independent() -> None:
    changes = [draw_change(PAPER, 0, epoch, image) for epoch in range(20) for image in range(100)]
    x, y = (np.array([getattr(change, axis) for change in changes]) for axis in ("x_px", "y_px"))
    for shifts in (x, y):
        assert -10 <= shifts.min() < -9.9
        assert 9.9 < shifts.max() <= 10
        assert abs(shifts.mean()) < 0.4
        assert abs(shifts.std() - 10 / np.sqrt(3)) < 0.15
        counts = np.histogram(shifts, 10, (-10, 10))[0]
        assert counts.min() > 150
        assert counts.max() < 250
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.06
    flips = np.array([change.flip for change in changes])
    assert abs(flips.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(flips, x)[0, 1]) < 0.06


@pytest.mark.parametrize(("flip", "expected"), [(0.0, 0), (0.2, 40), (1.0, 200)])
def test_the_share_of_flips_is_a_setting(flip: float, expected: int) -> None:
    augmentation = Augmentation(flip=flip, shift_px=0)
    changes = [draw_change(augmentation, 1, 0, image) for image in range(200)]
    assert abs(sum(change.flip for change in changes) - expected) <= (12 if 0 < flip < 1 else 0)
    assert {(change.x_px, change.y_px) for change in changes} <= {(0.0, 0.0)}


def test_a_draw_has_an_address_and_no_history() -> None:
    addresses = [(seed, epoch, image) for seed in (0, 1) for epoch in (0, 5) for image in (0, 9)]
    forward = [draw_change(PAPER, *address) for address in addresses]
    np.random.seed(0)
    backward = [draw_change(PAPER, *address) for address in addresses[::-1]]
    assert forward == backward[::-1]
    assert len(set(forward)) == len(addresses)


def test_the_reach_scales_the_same_draw() -> None:
    near, far = (draw_change(Augmentation(shift_px=reach), 0, 1, 2) for reach in (1.0, 8.0))
    assert (far.flip, far.x_px, far.y_px) == (near.flip, 8 * near.x_px, 8 * near.y_px)


def test_golden_change() -> None:
    assert draw_change(PAPER, 1, 2, 3) == Change(False, -9.632166404993505, 9.481267871424187)


SQUARE = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
SQUARE_LABELS = SQUARE.astype(np.uint8)


def test_a_quarter_turn_is_numpys() -> None:
    image, labels = change_one(Change(False, 0.0, 0.0, turn_deg=90.0), SQUARE, SQUARE_LABELS)
    np.testing.assert_allclose(image, np.rot90(SQUARE, 1), atol=1e-5)
    assert np.array_equal(labels, np.rot90(SQUARE_LABELS, 1))


def test_twice_as_large_keeps_the_centre_and_half_as_large_shows_what_fills() -> None:
    image, labels = change_one(Change(False, 0.0, 0.0, size=2.0), SQUARE, SQUARE_LABELS)
    assert image[1].tolist() == [4.5, 5, 5.5]
    small, labels = change_one(Change(False, 0.0, 0.0, size=0.5), SQUARE, SQUARE_LABELS, fill=-1.0)
    assert small.tolist() == [[-1, -1, -1], [-1, 5, -1], [-1, -1, -1]]
    assert labels.tolist() == [[N, N, N], [N, 5, N], [N, N, N]]


def test_a_turned_image_is_moved_after_its_turn() -> None:
    change = Change(False, 1.0, 0.0, turn_deg=180.0)
    image, labels = change_one(change, SQUARE, SQUARE_LABELS, fill=0.0)
    np.testing.assert_allclose(image, [[0, 9, 8], [0, 6, 5], [0, 3, 2]], atol=1e-5)
    assert labels.tolist() == [[N, 9, 8], [N, 6, 5], [N, 3, 2]]


def test_a_warp_without_turn_is_a_shift() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(9, 7)).astype(np.float32)
    labels = rng.integers(0, 3, (9, 7)).astype(np.uint8)
    shift, warp = Change(False, 2.0, -1.0), Change(False, 2.0, -1.0, size=1 + 1e-9)
    for one, other in zip(
        change_one(warp, image, labels), change_one(shift, image, labels), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_gamma_keeps_the_ends_and_contrast_the_mean() -> None:
    image = np.array([[0, 1, 4]], np.float32)
    labels = np.zeros((1, 3), np.uint8)
    curved, _ = change_one(Change(False, 0.0, 0.0, gamma=2.0), image, labels)
    np.testing.assert_allclose(curved, [[0, 0.25, 4]], atol=1e-6)
    wide, _ = change_one(Change(False, 0.0, 0.0, contrast=2.0), image, labels)
    assert wide.mean() == pytest.approx(image.mean())
    assert wide.std() == pytest.approx(2 * image.std())
    bright, _ = change_one(Change(False, 0.0, 0.0, brightness=0.5), image, labels)
    np.testing.assert_allclose(bright - image, 0.5 * image.std(), rtol=1e-5)
    flat = np.ones((1, 3), np.float32)
    assert change_one(Change(False, 0.0, 0.0, gamma=2.0), flat, labels)[0].tolist() == flat.tolist()


def test_turn_size_and_grey_are_drawn_within_their_reach_and_leave_the_others_alone() -> None:
    wide = Augmentation(rotation_deg=30, scale=0.25, intensity=0.3)
    draws = [draw_change(wide, 0, 1, image) for image in range(400)]
    for image, one in enumerate(draws):
        plain = draw_change(PAPER, 0, 1, image)
        assert (one.flip, one.x_px, one.y_px) == (plain.flip, plain.x_px, plain.y_px)
        assert plain.moves_only
        assert plain.keeps_grey
    for found, low, high in (
        ([one.turn_deg for one in draws], -30, 30),
        ([one.size for one in draws], 0.8, 1.25),
        ([one.gamma for one in draws], 1 / 1.3, 1.3),
        ([one.contrast for one in draws], 1 / 1.3, 1.3),
        ([one.brightness for one in draws], -0.3, 0.3),
    ):
        assert low <= min(found) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < max(found) <= high
