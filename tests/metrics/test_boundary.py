"""BF scores against hand-drawn masks, MATLAB's own scores, SciPy and MONAI."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist

from myosweep.errors import InputError
from myosweep.metrics import (
    SQUARED_DISTANCES_PX,
    bf_from_hits,
    bf_score,
    count_slices,
    default_tolerance_px,
    hits_within,
    mean_bf_dataset,
    mean_defined,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
NAN = float("nan")


def square(top, left, size=4, shape=(12, 14)):
    image = np.zeros(shape, int)
    image[top : top + size, left : left + size] = 5
    return image


def bf_of_counts(reference, prediction, tolerance_px, *, strict=False):
    counts = count_slices(reference, prediction, 3)
    return bf_from_hits(
        hits_within(counts.prediction_hits, tolerance_px),
        counts.prediction_boundary,
        hits_within(counts.reference_hits, tolerance_px),
        counts.reference_boundary,
        strict,
    )


def golden_pair():
    folder = SHARED / "reference" / "bfscore"
    if not folder.is_dir():
        pytest.skip(f"MATLAB's golden images are not part of the repository: no folder {folder}")
    image = pytest.importorskip("PIL.Image")
    expected = json.loads((folder / "expected.json").read_text())
    names = expected["reference"], expected["prediction"]
    return expected, *(np.array(image.open(folder / name)) for name in names)


def test_golden_scores_of_matlab():
    """MATLAB leaves label 0 unscored here, but does not remove its pixels from the prediction."""
    expected, reference, prediction = golden_pair()
    labels = {int(label): score for label, score in expected["class_bf_score"].items()}
    assert len(labels) == 9
    tolerance_px = expected["tolerance_px"]
    scores = np.array([bf_score(reference, prediction, label, tolerance_px) for label in labels])
    np.testing.assert_allclose(scores, list(labels.values()), atol=5e-5, rtol=0)
    assert round(mean_defined(scores).mean, 4) == expected["image_mean"] == 0.7672


def test_golden_scores_from_counts():
    expected, reference, prediction = golden_pair()
    counts = count_slices(reference[None], prediction[None], 16)
    per_region = bf_from_hits(
        hits_within(counts.prediction_hits, expected["tolerance_px"]),
        counts.prediction_boundary,
        hits_within(counts.reference_hits, expected["tolerance_px"]),
        counts.reference_boundary,
    )[0]
    for label, score in expected["class_bf_score"].items():
        assert per_region[int(label)] == pytest.approx(score, abs=5e-5)


# prediction, tolerance_px, score; the reference is a 4 x 4 square at (4, 4) with a ring of 12
HAND = {
    "perfect": (square(4, 4), 0, 1.0),
    "shifted by one column, exact": (square(4, 5), 0, 0.5),
    "shifted by one column, within one pixel": (square(4, 5), 1, 1.0),
    "shifted diagonally, within one pixel": (square(5, 5), 1, 11 / 12),
    "shifted diagonally, within its length": (square(5, 5), sqrt(2), 1.0),
    "at a knight's move and more, within its rounded length": (square(6, 7), sqrt(13), 1.0),
    "the single pixel in a corner": (square(4, 4, size=1), 0, 2 * (1 / 12) / (1 + 1 / 12)),
    "far away": (square(0, 10), 2, 0.0),
    "empty": (square(4, 4, size=0), 2, NAN),
}
assert HAND


@pytest.mark.parametrize("case", HAND)
def test_scores_by_hand(case):
    prediction, tolerance_px, expected = HAND[case]
    score = bf_score(square(4, 4), prediction, 5, tolerance_px)
    assert score == pytest.approx(expected, nan_ok=True)


def test_strict_rule_is_defined_by_the_reference():
    full, empty = square(4, 4), square(4, 4, size=0)
    assert bf_score(full, empty, 5, strict=True) == 0
    assert np.isnan(bf_score(empty, full, 5, strict=True))
    assert np.isnan(bf_score(empty, empty, 5, strict=True))
    assert bf_score(full, full, 5, strict=True) == 1
    assert bf_score(full, square(0, 10), 5, 1, strict=True) == 0


def test_matlab_rule_needs_both_boundaries():
    full, empty = square(4, 4), square(4, 4, size=0)
    for pair in ((full, empty), (empty, full), (empty, empty)):
        assert np.isnan(bf_score(*pair, 5))


def test_a_region_that_touches_the_edge_has_its_boundary_there():
    """Without edge pixels the reference's boundary would be one column, and the score 1."""
    reference, prediction = np.zeros((2, 6, 8), int)
    reference[:, :3] = prediction[:, 2:3] = 1
    assert bf_score(reference, prediction, 1, 0) == pytest.approx(2 * (6 / 14) / (1 + 6 / 14))


def test_ignored_pixels_leave_the_prediction_before_boundaries_are_drawn():
    reference = square(4, 4)
    reference[:, 8:] = 9
    prediction = square(4, 4)
    prediction[4:8, 8:11] = 5
    assert bf_score(reference, prediction, 5, 0) < 1
    assert bf_score(reference, prediction, 5, 0, ignored_label=9) == 1


def test_truth_values_and_labels_taken_from_an_image():
    masks = square(4, 4) == 5, square(4, 5) == 5
    assert bf_score(*masks, True, 0) == 0.5
    labels = np.unique(square(4, 4))
    assert bf_score(square(4, 4), square(4, 5), labels[1], 0) == 0.5


def test_default_tolerance_is_a_share_of_the_diagonal():
    assert default_tolerance_px(128, 128) == pytest.approx(1.3576, abs=5e-5)
    assert default_tolerance_px(300, 400) == 3.75
    reference, prediction = square(40, 40, shape=(300, 400)), square(40, 43, shape=(300, 400))
    assert bf_score(reference, prediction, 5) == bf_score(reference, prediction, 5, 3.75) == 1


def test_hits_within_counts_the_distance_itself():
    hits = np.arange(14)[None]
    for position, squared_px in enumerate(SQUARED_DISTANCES_PX):
        assert hits_within(hits, sqrt(squared_px)).tolist() == [position]
        assert hits_within(hits, min(sqrt(squared_px) + 1e-9, 5)).tolist() == [position]
        if squared_px:
            assert hits_within(hits, sqrt(squared_px) - 1e-9).tolist() == [position - 1]
    assert hits_within(hits, default_tolerance_px(128, 128)).tolist() == [1]
    assert hits_within(hits, 1.5).tolist() == [2]


BAD_TOLERANCES = {5.01: "5.01 px; choose", -0.1: "-0.1 px; choose", NAN: "nan px; choose"}
assert BAD_TOLERANCES


@pytest.mark.parametrize("tolerance_px", BAD_TOLERANCES)
def test_error_for_a_tolerance_that_counts_cannot_answer(tolerance_px):
    with pytest.raises(InputError, match=f"from 0 to 5 px.* {BAD_TOLERANCES[tolerance_px]}"):
        hits_within(np.zeros((1, 14)), tolerance_px)


def test_mean_over_a_data_set_skips_undefined_scores_at_every_step():
    bf = np.array([[1.0, 0.0, NAN], [0.5, NAN, NAN], [NAN, NAN, NAN]])
    per_region, overall = mean_bf_dataset(bf)
    np.testing.assert_array_equal(per_region, [0.75, 0, NAN])
    assert overall == 0.5, "the mean of 0.5 and 0.5, not of three defined scores"


def test_mean_over_no_slices_is_undefined():
    per_region, overall = mean_bf_dataset(np.zeros((0, 3)))
    assert np.isnan(per_region).all()
    assert np.isnan(overall)


GOOD = square(4, 4)
BAD_IMAGES = {
    "not two axes": ((GOOD[None], GOOD[None], 5), r"axes \[y, x\], the reference has .*\(1, 12"),
    "other shape": ((GOOD, GOOD[1:], 5), r"one shape, got \(12, 14\) and \(11, 14\)"),
    "probabilities": ((GOOD, GOOD / 5, 5), r"whole numbers, the prediction holds float64"),
    "negative tolerance": ((GOOD, GOOD, 5, -1), r"0 or more, got -1; leave it out"),
    "endless tolerance": ((GOOD, GOOD, 5, float("inf")), r"finite number of pixels.* got inf"),
    "ignored label": ((GOOD, GOOD, 5, 1, 5), r"ignored label cannot be scored, 5 is both"),
}
assert BAD_IMAGES


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_errors_give_rule_value_and_way_out(case):
    arguments, message = BAD_IMAGES[case]
    with pytest.raises(InputError, match=message):
        bf_score(*arguments)


def test_all_broken_rules_are_told_at_once():
    with pytest.raises(InputError) as caught:
        bf_score(GOOD, GOOD[1:] / 5, 5, -1)
    assert len(caught.value.problems) == 3


full_map_pairs = hnp.array_shapes(min_dims=3, max_dims=3, max_side=9).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=st.integers(0, 2))] * 2)
)


@given(full_map_pairs, st.sampled_from([0, 1, 1.5, 3, 5]))
@settings(max_examples=60, deadline=None)
def test_laws_of_the_bf_score(maps, tolerance_px):
    reference, prediction = maps
    bf = bf_of_counts(reference, prediction, tolerance_px)
    np.testing.assert_array_equal(bf, bf_of_counts(prediction, reference, tolerance_px))
    defined = ~np.isnan(bf)
    assert ((bf[defined] >= 0) & (bf[defined] <= 1)).all()
    strict = bf_of_counts(reference, prediction, tolerance_px, strict=True)
    np.testing.assert_array_equal(strict[defined], bf[defined])
    present = np.stack([(reference == region).any(axis=(1, 2)) for region in range(3)], axis=1)
    np.testing.assert_array_equal(~np.isnan(strict), present)
    itself = bf_of_counts(reference, reference, tolerance_px)
    np.testing.assert_array_equal(itself, np.where(present, 1, NAN))


def boundary_points(mask):
    """Coordinates of boundary pixels, found one by one."""
    padded = np.pad(mask, 1)
    return np.array(
        [
            (y, x)
            for y, x in zip(*np.nonzero(mask), strict=True)
            if not (padded[y, x + 1] and padded[y + 2, x + 1])
            or not (padded[y + 1, x] and padded[y + 1, x + 2])
        ]
    )


@given(full_map_pairs, st.sampled_from([0, 1, sqrt(2), 2.5, sqrt(13), 7]))
@settings(max_examples=60, deadline=None)
def test_bf_score_agrees_with_all_pairs_of_points(maps, tolerance_px):
    reference, prediction = maps[0][0], maps[1][0]
    points = boundary_points(reference == 1), boundary_points(prediction == 1)
    score = bf_score(reference, prediction, 1, tolerance_px)
    if not (len(points[0]) and len(points[1])):
        assert np.isnan(score)
        return
    within = cdist(*points) <= tolerance_px
    recall, precision = within.any(axis=1).mean(), within.any(axis=0).mean()
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert score == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:monai.metrics.utils:FutureWarning")  # MONAI about itself
def test_hits_agree_with_monai():
    """MONAI's surface Dice is the share of both boundaries' pixels within the tolerance."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 3, (2, 4, 6, 9), np.uint8)
    reference, prediction = coarse.repeat(5, axis=2).repeat(8, axis=3)
    one_hot = [
        torch.from_numpy(np.stack([maps == region for region in range(3)], axis=1))
        for maps in (prediction, reference)
    ]
    counts = count_slices(reference, prediction, 3)
    lengths = counts.reference_boundary + counts.prediction_boundary
    for tolerance_px in (0, 1, 1.5, 3, 5):
        hits = hits_within(counts.reference_hits + counts.prediction_hits, tolerance_px)
        theirs = metrics.compute_surface_dice(*one_hot, [tolerance_px] * 3, True)
        np.testing.assert_allclose(hits / lengths, theirs.numpy(), rtol=1e-6)
