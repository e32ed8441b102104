"""What is known of stacks: distances, gaps, signal zero, insertion points, and faults of tables."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.analysis.clinical.cohort import FIVE, THREE, cohort, heart
from tests.conftest import SHARED
from tests.data.dicom_files import noise, write_seg, write_series
from tests.data.segment_files import stack as segment_stack
from tests.data.segment_files import write_v7

from myosweep.analysis.clinical.insertions import read_insertions
from myosweep.analysis.clinical.stacks import read_stacks, richest_scheme
from myosweep.data.dicom import import_dicom
from myosweep.data.nifti import import_nifti
from myosweep.data.rules import Rules
from myosweep.data.segment import import_segment
from myosweep.data.signal import store_signal
from myosweep.data.store import new_dataset, open_dataset
from myosweep.errors import InputError
from myosweep.metrics.clinical import Insertion, Ventricle, amounts, half_maximum, parts_of
from myosweep.regions import RegionScheme


def one_patient(folder, rows, scheme=FIVE, labels=None):
    """A dataset of one patient with these descriptions of its slices."""
    labels = heart(1) if labels is None else labels
    with new_dataset(folder, labels.dtype, labels.dtype, scheme, {"kind": "toy"}) as draft:
        for number, row in enumerate(rows):
            image = labels + number
            draft.append(image.astype(labels.dtype), labels, **{"patient": "P", **row})
    return open_dataset(folder)


def stack(folder, rows, **more):
    data = one_patient(folder, rows, **more)
    return read_stacks(data, list(data.slices["slice"]))[0]


def numbered(*numbers, **row):
    return [{"slice": f"P_{number}", **row} for number in numbers]


def test_distances_and_order(tmp_path):
    found = read_stacks(cohort(tmp_path / "d", patients=2), ["P01_000", "P01_002"])
    assert [one.patient for one in found] == ["P01"]
    one = found[0]
    assert (one.spacing.y_mm, one.spacing.slices_mm) == (2.0, 10.0)
    assert one.levels == ("base", "apex")
    assert (one.gaps, one.partial, one.several_spacings) == (True, True, False)
    assert one.signal_zero is None


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        (("000", "001", "002"), False),
        (("slice3", "slice4"), False),
        (("1", "3"), True),
        (("a", "c"), False),
    ],
)
def test_gaps_are_missing_numbers(tmp_path, numbers, gaps):
    assert stack(tmp_path / "d", numbered(*numbers)).gaps is gaps


def test_places_tell_gaps_and_order_where_they_are_known(tmp_path):
    def placed(*places):
        return [{**row, "place": k} for row, k in zip(numbered("0", "1", "2"), places, strict=True)]

    assert stack(tmp_path / "a", placed(1, 2, 5)).gaps
    assert not stack(tmp_path / "b", placed(4, 5, 6)).gaps
    assert stack(tmp_path / "c", placed(3, 1, 2)).keys == ("P_1", "P_2", "P_0")


@pytest.mark.parametrize(
    ("drawn", "gaps"), [((0, 1, 2, 3, 4), False), ((1, 2, 3), False), ((0, 1, 4), True)]
)
def test_slices_left_out_of_a_segment_file_are_gaps(tmp_path, drawn, gaps):
    write_v7(tmp_path / "P1.mat", [segment_stack(slices=5, drawn=drawn)])
    data, _ = import_segment([tmp_path / "P1.mat"], tmp_path / "d", rules=Rules(FIVE), patient="P1")
    assert read_stacks(data, list(data.slices["slice"]))[0].gaps is gaps


@pytest.mark.parametrize(("drawn", "gaps"), [([0, 1, 2, 3], False), ([0, 3], True)])
def test_slices_left_out_of_a_dicom_series_are_gaps(tmp_path, drawn, gaps):
    written = write_series(tmp_path / "images", noise((4, 24, 24)), patient="ID-1")
    ring = heart(0)[8:32, 8:32]
    masks = {name: np.stack([ring == k] * len(drawn)) for k, name in ((1, "pool"), (2, "wall"))}
    write_seg(tmp_path / "masks" / "m.dcm", [written.datasets[k] for k in drawn], masks)
    data, _ = import_dicom(
        tmp_path / "images",
        tmp_path / "d",
        masks=tmp_path / "masks",
        rules=Rules(THREE),
        structures={"pool": 1, "wall": 2},
        patient="(IM)",
    )
    found = read_stacks(data, list(data.slices["slice"]))[0]
    assert (found.gaps, found.spacing.slices_mm) == (gaps, pytest.approx(8))


def mass_g(data, **options):
    (one,) = read_stacks(data, list(data.slices["slice"]), **options)
    wall = parts_of(FIVE).ventricle(data.reference(FIVE, one.rows))
    return amounts(wall, one.spacing).myocardium.g


def two_files(folder):
    """Two files of one patient, of three and of four slices."""
    for slices in (3, 4):
        fields = segment_stack(slices=slices, drawn=range(slices))
        write_v7(folder / f"P1-{slices}.mat", [fields])
    data, _ = import_segment([folder], folder / "d", rules=Rules(FIVE), patient=r"(P\d)")
    return data


def test_stacks_of_a_patient_are_never_added_up(tmp_path):
    data = two_files(tmp_path)
    refused = r"1 patient \(P1\) has several stacks .* not added up: say with --stack which one"
    with pytest.raises(InputError, match=refused):
        mass_g(data)
    first, second = (mass_g(data, stack=number) for number in (1, 2))
    assert first / 3 == pytest.approx(second / 4)
    with pytest.raises(InputError, match=r"'P1' has the stacks 1 and 2, and no stack 3"):
        mass_g(data, stack=3)
    (one,) = read_stacks(data, list(data.slices["slice"]), stack=2)
    assert (one.keys, one.gaps, one.partial) == (tuple(data.slices["slice"][3:]), False, False)
    assert one.several_stacks


def test_stacks_of_older_datasets_are_told_by_their_files(tmp_path):
    folder = two_files(tmp_path).folder
    table = pd.read_parquet(folder / "slices.parquet").drop(columns=["stack", "place"])
    table.to_parquet(folder / "slices.parquet")
    data = open_dataset(folder)
    with pytest.raises(InputError, match="several stacks of slices"):
        mass_g(data)
    assert mass_g(data, stack=1) / 3 == pytest.approx(mass_g(data, stack=2) / 4)


def test_a_choice_of_stack_leaves_other_patients_alone(tmp_path):
    data = cohort(tmp_path / "d", patients=2, stack=2)
    found = read_stacks(data, list(data.slices["slice"]), stack=1)
    assert [(one.patient, len(one.keys)) for one in found] == [("P00", 3), ("P01", 3)]
    assert not any(one.several_stacks for one in found)


def test_slices_with_several_spacings_have_none(tmp_path):
    rows = [*numbered("0", spacing_mm=1.0), *numbered("1", spacing_mm=2.0)]
    found = stack(tmp_path / "d", rows)
    assert (found.spacing.y_mm, found.several_spacings) == (None, True)


def test_a_slice_without_spacing_leaves_it_unknown(tmp_path):
    found = stack(tmp_path / "d", [*numbered("0", spacing_mm=1.0), *numbered("1")])
    assert (found.spacing.in_plane_known, found.several_spacings) == (False, False)


def signal_zero(folder, rows, said):
    data = one_patient(folder, rows)
    return read_stacks(data, list(data.slices["slice"]), signal_zero=said)[0].signal_zero


def test_signal_zero_is_said_as_the_source_has_it(tmp_path):
    """Stored is (value - offset) / slope; where neither is known, the value itself."""
    signed = numbered("0", "1", signal_slope=0.5, signal_offset=-100.0)
    assert signal_zero(tmp_path / "a", signed, 0) == 200
    assert signal_zero(tmp_path / "b", signed, -20.0) == 160
    raised = numbered("0", "1", signal_slope=2.0, signal_offset=50.0)
    assert signal_zero(tmp_path / "c", raised, 0.0) == -25
    assert signal_zero(tmp_path / "d", numbered("0", "1"), 7.0) == 7


def test_signal_zero_is_not_known_of_slices_that_are_scaled_differently(tmp_path):
    for name, other in (("slope", (2.0, -100.0)), ("offset", (0.5, -90.0))):
        rows = [
            {**row, "signal_slope": slope, "signal_offset": offset}
            for row, (slope, offset) in zip(numbered("0", "1"), ((0.5, -100.0), other), strict=True)
        ]
        assert signal_zero(tmp_path / name, rows, 0.0) is None


@pytest.mark.parametrize("offset", [-100.0, 0.0])
def test_negative_values_do_not_tell_signal_zero(tmp_path, offset):
    """A z-scored volume has negative values too, and its mean as zero."""
    rows = numbered("0", "1", signal_slope=0.5, signal_offset=offset)
    assert stack(tmp_path / "d", rows).signal_zero is None


@pytest.mark.parametrize("lowered", [0.0, 20.0])
def test_half_of_the_maximum_does_not_depend_on_how_values_are_stored(tmp_path, lowered):
    """Normal myocardium 12.5, the brightest 24.5: above half of it if counted from 0, and not from
    the least value, 8.5, which is stored as 0."""
    codes = heart(1)
    pixels, signal = store_signal(codes.astype(float) ** 2 + 8.5 - lowered)
    zero = signal_zero(tmp_path / "d", numbered("0", **signal.row()), -lowered)
    heart_there = Ventricle((codes == 1)[None], (codes >= 2)[None])
    found = half_maximum(pixels[None], heart_there, zero)
    np.testing.assert_array_equal(found, heart_there.myocardium)
    assert not half_maximum(pixels[None], heart_there, 0.0)[0, codes == 2].any()


def test_insertions_come_from_columns_labels_or_a_table(tmp_path):
    columns = {f"rv_{at}_{axis}_px": 1.0 for at in ("anterior", "inferior") for axis in "yx"}
    assert stack(tmp_path / "a", numbered("0", **columns)).insertions == (
        Insertion((1.0, 1.0), (1.0, 1.0)),
    )
    labels = heart(0)
    labels[12:28, 3:8][labels[12:28, 3:8] == 0] = 5
    scheme = RegionScheme.parse(
        ["background=0", "blood pool=1", "myocardium=2,3,4", "right ventricle=5"]
    )
    point = stack(tmp_path / "b", numbered("0"), scheme=scheme, labels=labels).insertions[0]
    assert point.anterior_yx[0] < 20 < point.inferior_yx[0]
    data = one_patient(tmp_path / "c", numbered("0", "1"))
    given = {"P": Insertion((5.0, 6.0)), "P_1": Insertion((7.0, 8.0))}
    found = read_stacks(data, ["P_0", "P_1"], given)[0]
    assert found.insertions == (given["P"], given["P_1"])


def test_a_table_of_insertions(tmp_path):
    file = tmp_path / "rv.csv"
    file.write_text("slice,anterior_y,anterior_x\nP_0, 5.5, 6\n")
    assert read_insertions(file) == {"P_0": Insertion((5.5, 6.0))}
    file.write_text("patient,anterior_y,anterior_x\nP,five,6\n")
    with pytest.raises(InputError, match=r"line 2 of 'rv.csv' has no numbers"):
        read_insertions(file)
    for wrong in ("P,nan,6,,", "P,5,6,inf,6", "P,5,6,7,"):
        file.write_text(f"patient,anterior_y,anterior_x,inferior_y,inferior_x\n{wrong}\n")
        with pytest.raises(InputError, match=r"line 2 of 'rv.csv' has no numbers"):
            read_insertions(file)
    file.write_text("patient,anterior_y,anterior_x\nP,5,6\nQ,1,2\nP,7,8\n")
    with pytest.raises(InputError, match=r"line 4 of 'rv.csv' gives patient 'P' again; keep one"):
        read_insertions(file)
    file.write_text("who,y\nP,5\n")
    with pytest.raises(
        InputError, match="needs the columns patient or slice, anterior_y, anterior_x"
    ):
        read_insertions(file)


def test_the_scheme_that_tells_infarct_is_taken():
    assert richest_scheme(THREE, FIVE) is FIVE
    assert richest_scheme(THREE, THREE) is THREE


def test_an_imported_real_volume_has_simpleitks_volumes(tmp_path):
    """From the file through our own import: spacing, and slice thickness with the gap."""
    sitk = pytest.importorskip("SimpleITK")
    folder = SHARED / "data" / "emidec-nifti"
    if not folder.is_dir():
        pytest.skip("the EMIDEC volume is not beside this checkout (../shared/data/emidec-nifti)")
    layout: Any = {"rules": Rules(FIVE), "layout": "emidec"}
    data, _ = import_nifti(folder, None, tmp_path / "d", **layout)
    one = read_stacks(data, list(data.slices["slice"]))[0]
    found = amounts(parts_of(FIVE).ventricle(data.reference(FIVE, one.rows)), one.spacing)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    file = next((folder / "sampleNegative" / "Contours").glob("*.nii*"))
    statistics.Execute(sitk.ReadImage(str(file), sitk.sitkUInt8))
    for amount, code in ((found.cavity, 1), (found.myocardium, 2)):
        assert amount.ml == pytest.approx(statistics.GetPhysicalSize(code) / 1000, rel=1e-5)
    assert (one.gaps, one.partial, one.several_spacings) == (False, False, False)


def test_insertions_of_nobody_are_refused(tmp_path):
    data = cohort(tmp_path / "d", patients=2)
    point = Insertion((5.0, 6.0))
    with pytest.raises(InputError, match=r"names none .* for instance 'P01'.* like 'P00' and"):
        read_stacks(data, ["P00_000"], {"P01": point})
    with pytest.raises(InputError) as caught:
        read_stacks(data, ["P00_000"], {"P00": point, "P1": point, "other": point})
    assert caught.value.problems == (
        "insertion points are given of 'P1', but the dataset has no such patient or slice; did "
        "you mean 'P01'?",
        "insertion points are given of 'other', but the dataset has no such patient or slice; "
        "they are called like 'P00'",
    )


def test_insertions_outside_of_the_image_are_refused(tmp_path):
    data = one_patient(tmp_path / "d", numbered("0", "1"))
    edge = Insertion((-0.5, 39.5), (0.0, 39.0))
    assert read_stacks(data, ["P_0"], {"P": edge})[0].insertions == (edge,)
    far = {"P": Insertion((140.0, 10.0), (10.0, 39.6)), "P_1": Insertion((1.0, -1.0))}
    with pytest.raises(InputError) as caught:
        read_stacks(data, ["P_0"], far)
    places = [problem.split(", outside of the dataset")[0] for problem in caught.value.problems]
    assert places == [
        "an insertion point of 'P' lies at 140, 10",
        "an insertion point of 'P' lies at 10, 39.6",
        "an insertion point of 'P_1' lies at 1, -1",
    ]
    assert "images of 40 x 40 pixels" in str(caught.value)
