"""Volumes and masses: by hand on oblong pixels, by law, and against SimpleITK on a real volume."""

import math

import numpy as np
import pytest
from tests.conftest import SHARED
from tests.metrics.clinical.hearts import OBLONG, empty, ring, turned, turned_spacing

from myosweep.errors import InputError
from myosweep.metrics.clinical import (
    UNKNOWN,
    Spacing,
    Ventricle,
    amounts,
    false_infarct,
    parts_of,
    structure_of,
)
from myosweep.regions import NO_REGION, RegionScheme, named_scheme

FIVE = named_scheme("five")


def drawn(*rows):
    """One slice of codes, written as text, as a ventricle of five regions."""
    codes = np.array([[int(code) for code in row] for row in rows], np.uint8)
    return parts_of(FIVE).ventricle(FIVE.encode(codes)[None])


def test_amounts_by_hand():
    """6 pixels of cavity, 9 of myocardium, 3 of it infarct, 1 of that no-reflow; 0.02 ml each."""
    heart = drawn("02220", "21130", "21130", "01140", "02000")
    found = amounts(heart, OBLONG)
    assert (found.cavity.pixels, found.cavity.ml) == (6, pytest.approx(0.12))
    assert (found.myocardium.pixels, found.myocardium.ml) == (9, pytest.approx(0.18))
    assert found.myocardium.g == pytest.approx(0.18 * 1.05)
    assert (found.infarct.pixels, found.infarct.g) == (3, pytest.approx(0.06 * 1.05))
    assert (found.no_reflow.pixels, found.no_reflow.ml) == (1, pytest.approx(0.02))
    assert found.infarct_percent == pytest.approx(100 * 3 / 9)
    assert found.no_reflow_percent == pytest.approx(100 / 9)
    assert found.no_reflow_percent_of_infarct == pytest.approx(100 / 3)
    assert found.slices == 1


def test_the_gap_between_slices_counts():
    heart = ring(slices=3)
    thin, apart = (amounts(heart, Spacing(2, 1, mm)).myocardium.ml for mm in (8.0, 10.0))
    assert apart / thin == pytest.approx(10 / 8)
    assert apart == pytest.approx(3 * amounts(ring(), OBLONG).myocardium.ml)


def test_a_round_wall_has_the_volume_of_a_round_wall():
    found = amounts(ring(slices=4), OBLONG).myocardium.ml
    assert found == pytest.approx(math.pi * (30**2 - 20**2) * 40 / 1000, rel=0.02)


def test_scaling_and_turning():
    heart = ring(slices=2)
    one, doubled = (amounts(heart, Spacing(2 * k, k, 10.0 * k)) for k in (1.0, 2.0))
    assert doubled.infarct.g == pytest.approx(8 * one.infarct.g)
    assert doubled.infarct_percent == one.infarct_percent
    assert amounts(turned(heart), turned_spacing(OBLONG)) == amounts(heart, OBLONG)


def test_empty_and_full():
    nothing = amounts(empty(), OBLONG)
    assert (nothing.myocardium.g, nothing.infarct_percent, nothing.slices) == (0, 0, 0)
    assert math.isnan(nothing.no_reflow_percent_of_infarct)
    all_infarct = np.ones((1, 4, 4), bool)
    full = amounts(Ventricle(~all_infarct, all_infarct, all_infarct, all_infarct), OBLONG)
    assert (full.infarct_percent, full.no_reflow_percent_of_infarct) == (100, 100)
    assert full.myocardium.ml == pytest.approx(16 * 0.02)


def test_unknown_spacing_gives_pixels_and_says_so():
    for spacing in (UNKNOWN, Spacing(2, 1, None), Spacing(None, None, 10)):
        found = amounts(ring(), spacing).myocardium
        assert found.pixels > 0
        assert math.isnan(found.ml)
        assert math.isnan(found.g)
        assert found.words == f"{found.pixels} pixels (spacing not known)"
        assert amounts(ring(), spacing).infarct_percent == amounts(ring(), OBLONG).infarct_percent


def test_false_infarct_is_what_is_marked_in_a_patient_without():
    with_scar, without = ring(), ring(scar_mm=0)
    assert false_infarct(without, with_scar, OBLONG) == amounts(with_scar, OBLONG).infarct
    assert false_infarct(without, without, OBLONG).pixels == 0
    assert false_infarct(with_scar, without, OBLONG) is None
    three = Ventricle(without.cavity, without.myocardium)
    assert false_infarct(without, three, OBLONG) is None
    assert false_infarct(three, with_scar, OBLONG) is None


def test_false_infarct_by_hand():
    """3 pixels of 0.02 ml in a patient without infarct, one of them no-reflow."""
    false = false_infarct(drawn("0222", "0212"), drawn("0232", "0413"), OBLONG)
    assert (false.pixels, false.ml) == (3, pytest.approx(0.06))
    assert false.g == pytest.approx(0.063)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_a_spacing_is_a_length(wrong):
    with pytest.raises(InputError, match="a finite number of millimetres above 0"):
        Spacing(wrong, 1.0, 10.0)


def test_half_a_spacing_is_none():
    with pytest.raises(InputError, match="known together or not at all"):
        Spacing(1.0, None, 10.0)


def test_regions_are_known_by_their_names():
    parts = parts_of(FIVE)
    assert (parts.cavity, parts.myocardium, parts.infarct, parts.no_reflow) == (
        (1,),
        (2,),
        (3,),
        (4,),
    )
    three = parts_of(named_scheme("three"))
    assert not three.tells_infarct
    assert three.ventricle(np.full((1, 2, 2), 2, np.uint8)).infarct is None
    assert structure_of("Myocardial_infarction") == "infarct"


def test_pixels_without_a_region_belong_to_nothing():
    heart = parts_of(FIVE).ventricle(np.full((1, 3, 3), NO_REGION, np.uint8))
    assert amounts(heart, OBLONG).myocardium.pixels == amounts(heart, OBLONG).cavity.pixels == 0


def test_names_of_their_own_are_said():
    scheme = RegionScheme.parse(["back=0", "hole=1", "muscle=2"])
    with pytest.raises(InputError, match=r"cavity and the myocardium.*--structure \"cavity=muscle"):
        parts_of(scheme)
    assert parts_of(scheme, {"hole": "cavity", "muscle": "myocardium"}).myocardium == (2,)


@pytest.fixture
def real_volume():
    """SimpleITK, and the official EMIDEC volume as it reads it: a patient without infarct."""
    sitk = pytest.importorskip("SimpleITK")
    folder = SHARED / "data" / "emidec-nifti" / "sampleNegative"
    if not folder.is_dir():
        pytest.skip("the EMIDEC volume is not beside this checkout (../shared/data/emidec-nifti)")
    return sitk, sitk.ReadImage(str(next((folder / "Contours").glob("*.nii*"))), sitk.sitkUInt8)


def with_infarct(sitk, volume):
    """The same grid with infarct in the left half of the wall, without reflow on some slices."""
    codes = sitk.GetArrayFromImage(volume)
    half = codes == 2
    half[:, :, int(np.nonzero(half)[2].mean()) :] = False
    codes[half] = 3
    codes[2:5][half[2:5]] = 4
    changed = sitk.GetImageFromArray(codes)
    changed.CopyInformation(volume)
    return changed


@pytest.mark.parametrize("infarct_added", [False, True])
def test_the_real_volume_agrees_with_simpleitk(real_volume, infarct_added):
    sitk, volume = real_volume
    if infarct_added:
        volume = with_infarct(sitk, volume)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(volume)
    sizes = {code: statistics.GetPhysicalSize(code) / 1000 for code in statistics.GetLabels()}
    x, y, z = volume.GetSpacing()
    heart = parts_of(FIVE).ventricle(FIVE.encode(sitk.GetArrayFromImage(volume)))
    found = amounts(heart, Spacing(y, x, z))
    no_reflow, infarct, wall = (
        sum(sizes.get(code, 0) for code in codes) for codes in ((4,), (3, 4), (2, 3, 4))
    )
    assert wall > 50
    assert found.cavity.ml == pytest.approx(sizes[1], rel=1e-6)
    assert found.myocardium.ml == pytest.approx(wall, rel=1e-6)
    assert found.myocardium.g == pytest.approx(1.05 * wall, rel=1e-6)
    assert found.infarct.ml == pytest.approx(infarct, rel=1e-6)
    assert found.no_reflow.ml == pytest.approx(no_reflow, rel=1e-6)
    assert found.infarct_percent == pytest.approx(100 * infarct / wall, rel=1e-6)
    assert (infarct > no_reflow > 10) == infarct_added
