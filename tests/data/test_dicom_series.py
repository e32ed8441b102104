"""DICOM series: sorted by place, split by what must be equal, with what their headers tell."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Sequence as Items
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from tests.data.dicom_files import (
    AXIAL,
    OBLIQUE,
    SAGITTAL,
    item,
    noise,
    position,
    write_enhanced,
    write_series,
)

from myosweep.data.dicom import series
from myosweep.data.dicom.frames import vendor
from myosweep.data.dicom.geometry import Orientation, Plane, even_spacing, lay_on
from myosweep.data.dicom.series import Series, find_series
from myosweep.errors import DatasetError

SHUFFLED = ("10.dcm", "2.dcm", "1.2.840.7", "z", "IM0001.IMA")


def only(folder: Path) -> Series:
    problems: list[str] = []
    found = find_series(folder, problems)
    assert problems == []
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, OBLIQUE])
@pytest.mark.parametrize("enhanced", [False, True])
def test_slices_are_sorted_along_the_normal(
    tmp_path: Path, orientation: Any, enhanced: bool
) -> None:
    pixels = noise((5, 6, 7))
    if enhanced:
        order = [3, 0, 4, 1, 2]
        write_enhanced(tmp_path / "P1" / "a.dcm", pixels, order=order, orientation=orientation)
    else:
        write_series(tmp_path / "P1", pixels, names=SHUFFLED, orientation=orientation)
    series = only(tmp_path)
    stack, signal = series.read_pixels()
    np.testing.assert_array_equal(stack, pixels)
    assert stack.dtype == series.image_type == np.uint16
    assert signal.row() == {"signal_slope": 1.0, "signal_offset": 0.0}
    assert (series.count, series.rows, series.columns) == (5, 6, 7)
    assert series.spacing_yx_mm == (1.5, 1.5)
    assert series.slice_spacing_mm == pytest.approx(8.0)
    assert series.vendor == "Siemens"
    assert series.subject == "series 'P1/'"
    for at, place in enumerate(series.positions_mm):
        wanted = position(orientation, (-30.0, 20.0, 100.0), 8.0, at)
        np.testing.assert_allclose(place, wanted, atol=1e-5)
    assert series.orientation is not None
    np.testing.assert_allclose(series.orientation.normal, np.cross(*orientation), atol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_an_enhanced_file_may_say_things_per_frame_or_once(tmp_path: Path, shared: bool) -> None:
    write_enhanced(tmp_path / "a.dcm", noise((3, 6, 7)), shared=shared, spacing_yx=(1.25, 2.0))
    series = only(tmp_path)
    assert series.spacing_yx_mm == (1.25, 2.0)
    assert series.subject == "series 'a.dcm'"
    assert series.obstacle is None


def test_what_a_frame_says_itself_holds(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        shared = item(PixelMeasuresSequence=Items([item(PixelSpacing=[9, 9])]))
        dataset.SharedFunctionalGroupsSequence = Items([shared])

    write_enhanced(tmp_path / "a.dcm", noise((3, 6, 7)), shared=False, change=change)
    assert only(tmp_path).spacing_yx_mm == (1.5, 1.5)


def test_series_come_in_natural_order(tmp_path: Path) -> None:
    for name in ("S10", "S2"):
        write_series(tmp_path / name, noise((1, 6, 7)))
    assert [one.folder for one in find_series(tmp_path, [])] == ["S2", "S10"]


def test_a_series_that_fills_the_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series, "MOST_VOXELS", 83)
    write_series(tmp_path, noise((2, 6, 7)))
    with pytest.raises(DatasetError, match="has 2 images, more than are read at once; is it an"):
        only(tmp_path).read_pixels()


def test_a_value_table_is_not_supported(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.ModalityLUTSequence = Items([item(LUTExplanation="x")])

    write_series(tmp_path, noise((2, 6, 7)), change=change)
    with pytest.raises(DatasetError, match="needs a table to give its values"):
        only(tmp_path).read_pixels()


def test_spacing_is_rows_then_columns(tmp_path: Path) -> None:
    write_series(tmp_path, noise((2, 6, 7)), spacing_yx=(1.25, 2.0))
    assert only(tmp_path).spacing_yx_mm == (1.25, 2.0)


@pytest.mark.parametrize("value", [None, [0, 1.5], [-1.5, 1.5], "", ["1", "2", "3"]])
def test_a_spacing_that_is_none_is_unknown(tmp_path: Path, value: Any) -> None:
    def change(dataset: Dataset, at: int) -> None:
        del dataset.PixelSpacing
        if value is not None:
            dataset.PixelSpacing = value

    write_series(tmp_path, noise((2, 6, 7)), change=change)
    series = only(tmp_path)
    assert series.spacing_yx_mm is None
    assert series.obstacle is None


def test_a_missing_slice_makes_the_slice_distance_unknown(tmp_path: Path) -> None:
    written = write_series(tmp_path, noise((5, 6, 7)))
    written.files[2].unlink()
    series = only(tmp_path)
    assert series.slice_spacing_mm is None
    assert series.count == 4
    assert series.depths_mm == pytest.approx((100, 108, 124, 132))
    assert series.reach_mm == pytest.approx(4)


def test_a_single_slice_reaches_half_its_thickness(tmp_path: Path) -> None:
    write_series(tmp_path, noise((1, 6, 7)))
    series = only(tmp_path)
    assert series.slice_spacing_mm is None
    assert series.reach_mm == 3.0


@pytest.mark.parametrize(
    ("depths", "spacing"),
    [
        ([], None),
        ([3.0], None),
        ([0.0, 8.0, 16.0], 8.0),
        ([0.0, 8.0, 16.3], 8.15),
        ([0.0, 8.0, 16.5], None),
        ([0.0, 0.0], None),
    ],
)
def test_slices_are_even_within_a_twentieth(depths: list[float], spacing: float | None) -> None:
    assert even_spacing(depths) == spacing


def test_localisers_are_a_series_for_each_direction(tmp_path: Path) -> None:
    uid = generate_uid()
    write_series(tmp_path / "L", noise((2, 6, 7)), series=uid, orientation=AXIAL, patient="A")
    names = ["b1", "b2"]
    write_series(
        tmp_path / "L", noise((2, 6, 7)), series=uid, orientation=SAGITTAL, names=names, patient="A"
    )
    found = find_series(tmp_path, [])
    assert [one.subject for one in found] == ["series 'L/IM000.dcm'", "series 'L/b1'"]
    assert all(one.obstacle is None and one.count == 2 for one in found)


@pytest.mark.parametrize("what", ["size", "spacing", "patient", "frame"])
def test_what_differs_in_a_series_makes_several(tmp_path: Path, what: str) -> None:
    uid, frame = generate_uid(), generate_uid()
    shape = (1, 6, 8) if what == "size" else (1, 6, 7)
    write_series(tmp_path, noise((1, 6, 7)), series=uid, frame=frame)
    write_series(
        tmp_path,
        noise(shape),
        series=uid,
        frame=generate_uid() if what == "frame" else frame,
        names=["b.dcm"],
        origin=(0.0, 0.0, 108.0),
        spacing_yx=(1.5, 1.6) if what == "spacing" else (1.5, 1.5),
        patient="B" if what == "patient" else "ID-1",
    )
    assert len(find_series(tmp_path, [])) == 2


def test_tiny_differences_of_direction_make_one_series(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.ImageOrientationPatient = [1, 0, 0.0004 * at, 0, 1, 0]

    write_series(tmp_path, noise((2, 6, 7)), change=change)
    assert only(tmp_path).count == 2


def test_several_images_at_a_place_are_listed_but_not_read(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.ImagePositionPatient = [0, 0, 8 * (at // 3)]

    write_series(tmp_path, noise((6, 6, 7)), change=change)
    series = only(tmp_path)
    assert series.count == 6
    with pytest.raises(DatasetError, match=r"has up to 3 images at one place \(phases of the"):
        series.read_pixels()


def test_magnitude_and_phase_sensitive_images_of_a_series_are_two_stacks(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.ImagePositionPatient = [0, 0, 8 * (at // 2)]
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M" if at % 2 else "PSIR"]

    pixels = noise((6, 6, 7))
    write_series(tmp_path, pixels, change=change)
    found = find_series(tmp_path, [])
    assert [one.obstacle for one in found] == [None, None]
    np.testing.assert_array_equal(found[0].read_pixels()[0], pixels[::2])
    np.testing.assert_array_equal(found[1].read_pixels()[0], pixels[1::2])
    assert [one.subject for one in found] == ["series 'IM000.dcm'", "series 'IM001.dcm'"]


def test_the_same_image_twice_is_told(tmp_path: Path) -> None:
    written = write_series(tmp_path / "P1", noise((2, 6, 7)))
    (tmp_path / "P1" / "copy.dcm").write_bytes(written.files[1].read_bytes())
    match = "has the same image twice, in 'P1/IM001.dcm' and 'P1/copy.dcm'; remove one"
    with pytest.raises(DatasetError, match=match):
        only(tmp_path).read_pixels()


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
@pytest.mark.parametrize("value", [None, [1, 2], [0, 0, 0, 0, 0, 0], ["1", "2", "nan"]])
def test_an_image_without_a_place_is_listed_but_not_read(
    tmp_path: Path, keyword: str, value: Any
) -> None:
    def change(dataset: Dataset, at: int) -> None:
        del dataset[keyword]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of "nan" as it is set
            if value is not None:
                setattr(dataset, keyword, value)

    write_series(tmp_path, noise((2, 6, 7)), change=change)
    series = only(tmp_path)
    assert series.count == 2
    assert series.slice_spacing_mm is None
    with pytest.raises(DatasetError, match="does not say where its images lie"):
        series.read_pixels()


def test_colour_images_are_refused(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.SamplesPerPixel = 3
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
        dataset.PixelData = bytes(6 * 7 * 3)

    write_series(tmp_path, noise((1, 6, 7), dtype=np.uint8), change=change)
    with pytest.raises(DatasetError, match="is a colour image; export grey levels"):
        only(tmp_path).read_pixels()


def test_a_series_without_a_number_is_one_per_folder(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.SeriesInstanceUID = ""

    for name in "AB":
        write_series(tmp_path / name, noise((2, 6, 7)), change=change, frame="1.2")
    assert [one.subject for one in find_series(tmp_path, [])] == ["series 'A/'", "series 'B/'"]


@pytest.mark.parametrize(
    ("elements", "identity"),
    [
        ({"PatientID": "ID7"}, "ID7"),
        ({"PatientID": "ID7", "IssuerOfPatientID": "Hospital"}, "ID7\nHospital"),
        ({"PatientID": " ", "PatientName": "Doe^Jane^^"}, "Doe^Jane"),
        ({"PatientID": "", "PatientName": ""}, ""),
    ],
)
def test_identity_is_id_and_issuer_else_name(
    tmp_path: Path, elements: dict[str, str], identity: str
) -> None:
    def change(dataset: Dataset, at: int) -> None:
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)

    write_series(tmp_path, noise((1, 6, 7)), change=change)
    series = only(tmp_path)
    assert series.identity == identity
    for secret in ("ID7", "Hospital", "Doe", "LGE", "SOPInstance", "1.2.826"):
        assert secret not in repr(series)


@pytest.mark.parametrize(
    ("manufacturer", "known"),
    [
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GE", "GE"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA_MEC", "Canon"),
        ("Canon Medical Systems", "Canon"),
        ("UIH", "United Imaging"),
        ("Georg's workstation", None),
        ("St. Mary's Hospital", None),
        ("", None),
    ],
)
def test_only_known_makers_are_told(manufacturer: str, known: str | None) -> None:
    assert vendor(manufacturer) == known


UNITS = st.sampled_from([-1.0, 1.0])
NUMBERS = st.floats(-50, 50)


@given(
    angle=st.floats(0, 6.28),
    tilt=st.floats(-1.5, 1.5),
    origin=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    spacing=st.tuples(st.floats(0.5, 3), st.floats(0.5, 3)),
    places=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5),
)
def test_pixels_to_the_patient_and_back(
    angle: float, tilt: float, origin: Any, spacing: Any, places: Sequence[tuple[float, float]]
) -> None:
    row = np.array([np.cos(angle), np.sin(angle) * np.cos(tilt), np.sin(angle) * np.sin(tilt)])
    other = np.cross(row, [0.36, 0.48, 0.8])
    if np.linalg.norm(other) < 0.1:
        return
    orientation = Orientation.from_cosines([*row, *(other / np.linalg.norm(other))])
    assert orientation is not None
    plane = Plane(origin, orientation, spacing)
    back = plane.to_pixels(plane.to_mm(np.array(places)))
    np.testing.assert_allclose(back, places, atol=1e-6)


PICTURE = np.array([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("corners", "wanted"),
    [
        ([(0, 0), (0, 2), (1, 0)], [[1, 2, 3, 0], [4, 5, 6, 0], [0, 0, 0, 0]]),
        ([(0, 2), (0, 0), (1, 2)], [[3, 2, 1, 0], [6, 5, 4, 0], [0, 0, 0, 0]]),
        ([(2, 1), (2, 3), (1, 1)], [[0, 0, 0, 0], [0, 4, 5, 6], [0, 1, 2, 3]]),
        ([(0, 0), (2, 0), (0, 1)], [[1, 4, 0, 0], [2, 5, 0, 0], [3, 6, 0, 0]]),
        ([(2, 1), (0, 1), (2, 0)], [[6, 3, 0, 0], [5, 2, 0, 0], [4, 1, 0, 0]]),
        ([(-1, -2), (-1, 0), (0, -2)], [[6, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
        ([(2, 3), (2, 5), (3, 3)], [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]),
        ([(0, 0), (0, 3), (1, 0)], None),
        ([(0, 0), (0, 2.2), (1, 0)], None),
        ([(0.3, 0), (0.3, 2), (1.3, 0)], None),
        ([(0, 0), (1, 2), (1, 0)], None),
    ],
)
def test_a_grid_is_laid_on_another_where_pixels_meet(corners: Any, wanted: Any) -> None:
    placed = lay_on(PICTURE, np.array(corners, float), (3, 4))
    if wanted is None:
        assert placed is None
    else:
        np.testing.assert_array_equal(placed, wanted)
