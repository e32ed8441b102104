"""Overlap scores against hand-computed values, MATLAB's published ones, and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from myosweep.errors import InputError
from myosweep.metrics import (
    accuracy,
    confusion_matrix,
    count_slices,
    dice,
    global_accuracy,
    iou,
    mean_accuracy,
    mean_defined,
    mean_iou,
    tp_fp_fn,
    weighted_iou,
)
from myosweep.regions import NO_REGION

MATLAB_CONFUSION = np.array([[4730, 0], [9601, 88069]])

# tp, fp, fn, then accuracy, IoU, Dice, strict IoU, strict Dice
NAN = float("nan")
CASES = {
    "perfect": (9, 0, 0, 1, 1, 1, 1, 1),
    "half": (2, 1, 1, 2 / 3, 1 / 2, 2 / 3, 1 / 2, 2 / 3),
    "present, not predicted": (0, 0, 5, 0, 0, 0, 0, 0),
    "present, predicted elsewhere": (0, 3, 5, 0, 0, 0, 0, 0),
    "absent, predicted": (0, 3, 0, NAN, 0, 0, NAN, NAN),
    "absent, not predicted": (0, 0, 0, NAN, NAN, NAN, NAN, NAN),
}
assert CASES


@pytest.mark.parametrize("case", CASES)
def test_scores_of_one_region(case):
    tp, fp, fn, *expected = CASES[case]
    found = [
        accuracy(tp, fn),
        iou(tp, fp, fn),
        dice(tp, fp, fn),
        iou(tp, fp, fn, strict=True),
        dice(tp, fp, fn, strict=True),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_scores_of_a_whole_table_at_once():
    tp, fp, fn, *expected = np.array(list(CASES.values())).T.reshape(8, 3, 2)
    assert iou(tp, fp, fn).shape == (3, 2)
    np.testing.assert_allclose(iou(tp, fp, fn, strict=True), expected[3])
    np.testing.assert_allclose(dice(tp, fp, fn, strict=True), expected[4])


def test_shapes_broadcast():
    table = iou(np.array([[1], [2]]), np.array([0, 1, 2]), 1, strict=True)
    np.testing.assert_allclose(table, [[1 / 2, 1 / 3, 1 / 4], [2 / 3, 1 / 2, 2 / 5]])


def test_matlab_check_values():
    tp, fp, fn = tp_fp_fn(MATLAB_CONFUSION)
    assert float(global_accuracy(tp, fn)) == pytest.approx(0.90624, abs=5e-6)
    assert float(mean_accuracy(tp, fn)) == pytest.approx(0.95085, abs=5e-6)
    assert float(mean_iou(tp, fp, fn)) == pytest.approx(0.61588, abs=5e-6)
    assert float(weighted_iou(tp, fp, fn)) == pytest.approx(0.87529, abs=5e-6)
    np.testing.assert_allclose(iou(tp, fp, fn), [0.33005, 0.90170], atol=5e-6)


def test_a_region_in_neither_map_changes_no_pooled_score():
    tp, fp, fn = tp_fp_fn(MATLAB_CONFUSION)
    padded = [np.append(count, 0) for count in (tp, fp, fn)]
    assert mean_accuracy(padded[0], padded[2]) == mean_accuracy(tp, fn)
    assert mean_iou(*padded) == mean_iou(tp, fp, fn)
    assert weighted_iou(*padded) == weighted_iou(tp, fp, fn)


def test_a_region_that_was_only_predicted_lowers_the_mean_iou_alone():
    tp, fp, fn = np.array([8, 0]), np.array([0, 2]), np.array([2, 0])
    assert mean_accuracy(tp, fn) == 0.8
    assert mean_iou(tp, fp, fn) == 0.4
    assert weighted_iou(tp, fp, fn) == 0.8


def test_no_labelled_pixels_leave_pooled_scores_undefined():
    none = np.zeros(3, int)
    scores = global_accuracy(none, none), mean_accuracy(none, none), mean_iou(none, none, none)
    assert np.isnan([*scores, weighted_iou(none, none, none)]).all()


def test_pooled_scores_take_leading_axes():
    tp, fp, fn = (np.stack([count, count[::-1]]) for count in tp_fp_fn(MATLAB_CONFUSION))
    for scores in (
        global_accuracy(tp, fn),
        mean_accuracy(tp, fn),
        mean_iou(tp, fp, fn),
        weighted_iou(tp, fp, fn),
    ):
        assert scores.shape == (2,)
        assert scores[0] == pytest.approx(scores[1])


def test_confusion_matrix_by_hand():
    reference = np.array([[0, 0, 1], [1, NO_REGION, 1]], np.uint8)
    prediction = np.array([[0, 1, 1], [NO_REGION, 1, 0]], np.uint8)
    confusion = confusion_matrix(reference, prediction, 2)
    assert confusion.tolist() == [[1, 1, 0], [1, 1, 1]]
    tp, fp, fn = tp_fp_fn(confusion)
    assert (tp.tolist(), fp.tolist(), fn.tolist()) == ([1, 1], [1, 1], [1, 2])


def test_confusion_matrix_of_nothing():
    nothing = np.zeros((0, 4), np.uint8)
    assert confusion_matrix(nothing, nothing, 2).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_error_for_a_confusion_matrix_that_is_not_one():
    with pytest.raises(InputError, match=r"a column per row.* \(2, 4\); make it"):
        tp_fp_fn(np.zeros((2, 4), int))


def test_error_for_label_codes_instead_of_regions():
    codes = np.array([[0, 128, 255]], np.uint8)
    with pytest.raises(InputError, match=r"the reference holds 128; .*RegionScheme\.encode"):
        confusion_matrix(codes, np.zeros_like(codes), 3)


def test_mean_defined_says_how_many():
    assert mean_defined(np.array([[0.25, np.nan], [0.75, np.nan]])) == (0.5, 2, 4)
    assert mean_defined(np.array([1, 2])) == (1.5, 2, 2)


def test_mean_of_nothing_is_undefined():
    for values, n_all in ((np.array([]), 0), (np.array([np.nan]), 1)):
        mean, n_defined, n = mean_defined(values)
        assert np.isnan(mean)
        assert (n_defined, n) == (0, n_all)


full_map_pairs = hnp.array_shapes(min_dims=3, max_dims=3, max_side=6).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.uint8, shape, elements=st.integers(0, 2))] * 2)
)


@given(full_map_pairs)
@settings(max_examples=40, deadline=None)
def test_confusion_matrix_and_slice_counts_tell_the_same(maps):
    counts = count_slices(*maps, 3)
    tp, fp, fn = tp_fp_fn(confusion_matrix(*maps, 3))
    assert (counts.tp.sum(axis=0) == tp).all()
    assert (counts.fp.sum(axis=0) == fp).all()
    assert (counts.fn.sum(axis=0) == fn).all()


@given(full_map_pairs)
@settings(max_examples=40, deadline=None)
def test_dice_is_a_function_of_iou(maps):
    counts = tp_fp_fn(confusion_matrix(*maps, 3))
    jaccard = iou(*counts)
    np.testing.assert_allclose(dice(*counts), 2 * jaccard / (1 + jaccard))


@given(full_map_pairs)
@settings(max_examples=40, deadline=None)
def test_scores_agree_with_scikit_learn(maps):
    metrics = pytest.importorskip("sklearn.metrics")
    flat = [m.ravel() for m in maps]
    confusion = confusion_matrix(*maps, 3)
    oracle = metrics.confusion_matrix(*flat, labels=range(3))
    assert confusion[:, :3].tolist() == oracle.tolist()
    tp, fp, fn = tp_fp_fn(confusion)
    options = {"labels": range(3), "average": None, "zero_division": 0}
    for ours, theirs in (
        (accuracy(tp, fn), metrics.recall_score(*flat, **options)),
        (iou(tp, fp, fn), metrics.jaccard_score(*flat, **options)),
        (dice(tp, fp, fn), metrics.f1_score(*flat, **options)),
    ):
        np.testing.assert_allclose(np.nan_to_num(ours), theirs)
    weighted = metrics.jaccard_score(*flat, labels=range(3), average="weighted", zero_division=0)
    assert float(weighted_iou(tp, fp, fn)) == pytest.approx(weighted)
    assert float(global_accuracy(tp, fn)) == pytest.approx(metrics.accuracy_score(*flat))
