"""EMIDEC's official metrics: by hand, the fault included, with the right distance beside it."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from tests.metrics.clinical.hearts import empty, turned

from myosweep.errors import InputError
from myosweep.metrics.clinical import OFFICIAL_DISTANCE, Ventricle, emidec_metrics, hausdorff

XYZ = (1.5, 2.0, 10.0)
"""Columns 1.5 mm, rows 2 mm, slices 10 mm apart; a voxel has 30 mm³."""


def voxels(*places, shape=(3, 8, 8)):
    mask = np.zeros(shape, bool)
    for place in places:
        mask[place] = True
    return mask


def heart(normal=(), infarct=(), no_reflow=()):
    scar = voxels(*infarct, *no_reflow)
    wall = voxels(*normal) | scar
    return Ventricle(np.zeros_like(wall), wall, scar, voxels(*no_reflow))


REFERENCE = heart([(1, 1, 1), (1, 1, 2), (1, 1, 3)], [(1, 2, 1)], [(1, 2, 2)])
PREDICTION = heart([(1, 1, 1), (1, 1, 2), (1, 1, 6)], [(1, 2, 1), (1, 2, 2), (2, 2, 2)])


def test_every_number_by_hand():
    """Myocardium 5 and 6 voxels, 4 shared; infarct 2 and 3, 2 shared; no-reflow 1 and 0."""
    found = emidec_metrics(REFERENCE, PREDICTION, XYZ)
    assert found.dice_myocardium == pytest.approx(2 * 4 / 11)
    assert found.volume_difference_myocardium_mm3 == 30
    assert found.dice_infarct == pytest.approx(2 * 2 / 5)
    assert found.volume_difference_infarct_mm3 == 30
    assert found.infarct_ratio_difference == pytest.approx(30 / (5 * 30))
    assert (found.dice_no_reflow, found.volume_difference_no_reflow_mm3) == (0, 30)
    assert found.no_reflow_ratio_difference == pytest.approx(30 / (5 * 30))


def test_the_official_distance_takes_the_spacings_in_the_wrong_order():
    """The prediction's voxel (1, 1, 6) is 3 columns from the reference's (1, 1, 3), 4.5 mm; its
    voxel (2, 2, 2) is one slice from (1, 2, 2), 10 mm. Officially a column is 10 and a slice 1.5.
    """
    found = emidec_metrics(REFERENCE, PREDICTION, XYZ)
    assert found.hausdorff_mm == pytest.approx(10)
    assert found.hausdorff_official == pytest.approx(30)
    assert "not millimetres" in OFFICIAL_DISTANCE


def test_both_distances_agree_where_all_spacings_do():
    found = emidec_metrics(REFERENCE, PREDICTION, (2.0, 2.0, 2.0))
    assert found.hausdorff_official == found.hausdorff_mm


def test_the_distance_agrees_with_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(0)
    for _ in range(5):
        masks = [rng.random((4, 9, 7)) < 0.1 for _ in range(2)]
        images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
        for image in images:
            image.SetSpacing(XYZ)
        oracle = sitk.HausdorffDistanceImageFilter()
        oracle.Execute(*images)
        found = hausdorff(*masks, XYZ[::-1])
        assert found == pytest.approx(oracle.GetHausdorffDistance(), rel=1e-5)


def test_empty_ones():
    nothing = empty((3, 8, 8))
    both = emidec_metrics(nothing, nothing, XYZ)
    assert (both.dice_myocardium, both.dice_infarct, both.dice_no_reflow) == (1, 1, 1)
    assert math.isnan(both.infarct_ratio_difference)
    missed = emidec_metrics(REFERENCE, nothing, XYZ)
    assert missed.dice_infarct == 0
    assert math.isnan(missed.hausdorff_official)
    assert math.isnan(missed.hausdorff_mm)
    assert missed.infarct_ratio_difference == pytest.approx(2 / 5)


def test_the_ratio_is_over_the_reference_myocardium():
    """The prediction's own myocardium, larger by one voxel, plays no part."""
    small = heart([(0, 0, 0)], [(0, 1, 1)])
    large = heart([(0, 0, 0), (0, 0, 1), (0, 0, 2)])
    assert emidec_metrics(small, large, XYZ).infarct_ratio_difference == pytest.approx(1 / 2)
    assert emidec_metrics(large, small, XYZ).infarct_ratio_difference == pytest.approx(1 / 3)


def test_a_perfect_one_scores_so():
    found = emidec_metrics(REFERENCE, REFERENCE, XYZ)
    assert (found.dice_myocardium, found.dice_infarct, found.dice_no_reflow) == (1, 1, 1)
    assert (found.hausdorff_official, found.hausdorff_mm) == (0, 0)
    assert found.volume_difference_infarct_mm3 == 0


def test_scaling_and_turning():
    once = emidec_metrics(REFERENCE, PREDICTION, XYZ)
    doubled = emidec_metrics(REFERENCE, PREDICTION, tuple(2 * mm for mm in XYZ))
    assert doubled.hausdorff_mm == 2 * once.hausdorff_mm
    assert doubled.volume_difference_infarct_mm3 == 8 * once.volume_difference_infarct_mm3
    around = emidec_metrics(turned(REFERENCE), turned(PREDICTION), (XYZ[1], XYZ[0], XYZ[2]))
    same = {name: getattr(around, name) == value for name, value in asdict(once).items()}
    assert not same.pop("hausdorff_official")
    assert all(same.values())


def test_masks_without_infarct_are_refused():
    three = Ventricle(REFERENCE.cavity, REFERENCE.myocardium)
    with pytest.raises(InputError, match="infarct and no-reflow as regions of their own"):
        emidec_metrics(REFERENCE, three, XYZ)
