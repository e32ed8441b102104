"""Segmentation-only exports: the DICOM series that they fit, and the crop that they tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.dicom_files import write_series
from tests.data.segment_files import (
    CONTAINERS,
    ENDO,
    EPI,
    ROWS,
    SECRETS,
    Write,
    contours,
    scar,
    stack,
    write_v7,
)

from myosweep.data.rules import Rules
from myosweep.data.segment import import_segment
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError
from myosweep.regions import named_scheme

TOP, LEFT = 5, 9
SIZE = 32, 40
PIXELS = np.random.default_rng(0).integers(1, 4000, (4, *SIZE), np.uint16)

write_each = pytest.mark.parametrize("write", CONTAINERS.values(), ids=CONTAINERS)


def export(**fields: Any) -> dict[str, Any]:
    """What a .seg file holds: no images, and where its part lay in them (counted from 1)."""
    crop = {"XMin": TOP + 1, "YMin": LEFT + 1, "OrgXSize": SIZE[0], "OrgYSize": SIZE[1]}
    absent = dict.fromkeys(("IM", "ImageType", "ImageViewPlane", "Scanner", "SliceGap"))
    return stack(**(absent | crop | fields))


def series(root: Path, name: str = "dicom", **options: Any) -> None:
    options = {"pixels": PIXELS, "patient": SECRETS["ID"], **options}
    write_series(root / "dicom" / name, options.pop("pixels"), **options)


def load(root: Path, **options: Any) -> Dataset:
    known: dict[str, Any] = {"images": root / "dicom", "key_file": root / "key"} | options
    rules = Rules(named_scheme("five"))
    return import_segment([root / "in"], root / "dataset", rules=rules, **known)[0]


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(DatasetError) as caught:
        load(root, **options)
    assert not (root / "dataset").exists()
    assert "SECRET" not in str(caught.value)
    assert str(root) not in str(caught.value)
    (problem,) = caught.value.problems
    return problem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


@write_each
def test_contours_and_scar_lie_where_the_crop_was(root: Path, write: Write) -> None:
    result = np.zeros((ROWS, 24, 4), bool)
    result[6, 7] = True
    write(root / "in" / "a.seg", [export(Scar=scar(Result=result))], "SEG")
    series(root)
    dataset = load(root)
    expected = np.zeros(SIZE, int)
    expected[5 + TOP : 15 + TOP, 6 + LEFT : 18 + LEFT] = 2
    expected[8 + TOP : 12 + TOP, 9 + LEFT : 15 + LEFT] = 1
    expected[6 + TOP, 7 + LEFT] = 3
    for labels in dataset.labels:
        np.testing.assert_array_equal(labels, expected)
    first = dataset.slices.iloc[0]
    assert (first["vendor"], first["spacing_mm"], first["slice_spacing_mm"]) == ("Siemens", 1.5, 8)
    assert "image_file_hash" not in dataset.slices or first["image_file_hash"] is None


def test_slices_run_against_the_normal_of_dicom(root: Path) -> None:
    """Segment's first slice, at the base, is the furthest one along the normal."""
    fields = export(drawn=(0,))
    write_v7(root / "in" / "a.seg", [fields], "SEG")
    series(root)
    np.testing.assert_array_equal(load(root).images, PIXELS[3:])


def test_without_a_crop_the_images_are_whole(root: Path) -> None:
    none = dict.fromkeys(("XMin", "YMin", "OrgXSize", "OrgYSize"))
    write_v7(root / "in" / "a.seg", [export(**none)], "SEG")
    series(root, pixels=PIXELS[:, :20, :24])
    dataset = load(root)
    assert (dataset.labels[0] == 1)[8:12, 9:15].all()
    assert (dataset.labels[0] == 1).sum() == 24


def test_sizes_may_be_missing(root: Path) -> None:
    sizes = dict.fromkeys(("XSize", "YSize", "TSize", "ZSize"))
    write_v7(root / "in" / "a.seg", [export(**sizes)], "SEG")
    series(root)
    assert len(load(root)) == 3


def test_images_are_required(root: Path) -> None:
    write_v7(root / "in" / "a.seg", [export()], "SEG")
    assert refusal(root, images=None) == (
        "file 'a.seg' holds no images; give --images with the folder of its DICOM series"
    )


def test_a_folder_of_images_must_be_there(root: Path) -> None:
    write_v7(root / "in" / "a.seg", [export()], "SEG")
    with pytest.raises(DatasetError, match="image folder 'dicom' does not exist"):
        load(root)


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({"pixels": PIXELS[:3]}, ""),
        ({"pixels": PIXELS[:, :, 1:]}, ""),
        ({"pixels": PIXELS.transpose(0, 2, 1)}, ""),
        ({"spacing_yx": (1.5, 1.4)}, ""),
        ({"patient": "another"}, ", 1 of other patients"),
    ],
)
def test_a_series_that_does_not_fit_is_none(
    root: Path, options: dict[str, Any], others: str
) -> None:
    write_v7(root / "in" / "a.seg", [export()], "SEG")
    series(root, **options)
    assert refusal(root) == (
        "file 'a.seg' holds no images, and none of 1 series in --images has 32 x 40 pixels of "
        f"1.5 x 1.5 mm and 4 slices{others}; give the folder of its own series"
    )


def test_several_fitting_series_are_refused(root: Path) -> None:
    write_v7(root / "in" / "a.seg", [export()], "SEG")
    for name in ("one", "two"):
        series(root, name)
    assert refusal(root) == (
        "file 'a.seg' holds no images, and 2 series in --images have 32 x 40 pixels of 1.5 x 1.5 "
        "mm and 4 slices (series 'one/', series 'two/'); give a folder with its own series alone, "
        "or --patient to tell them apart by folder"
    )


def test_another_patients_series_is_passed_over(root: Path) -> None:
    write_v7(root / "in" / "a.seg", [export(drawn=(0,))], "SEG")
    series(root, "one", patient="another", pixels=PIXELS + 1)
    series(root, "two")
    np.testing.assert_array_equal(load(root).images, PIXELS[3:])


def test_a_pattern_tells_series_apart_by_folder(root: Path) -> None:
    for number in (1, 2):
        own = export(drawn=(0,), PatientInfo=None)
        write_v7(root / "in" / f"P{number}.seg", [own], "SEG")
        series(root, f"P{number}", pixels=PIXELS + number)
    dataset = load(root, patient=r"P\d")
    np.testing.assert_array_equal(dataset.images, np.stack([PIXELS[3] + 1, PIXELS[3] + 2]))
    assert dataset.slices["patient"].tolist() == ["P1", "P2"]


def test_two_patients_cannot_share_a_series(root: Path) -> None:
    for number in (1, 2):
        write_v7(root / "in" / f"P{number}.seg", [export(PatientInfo=None)], "SEG")
    series(root)
    assert refusal(root, patient=r"P\d") == (
        "file 'P2.seg' fits the same series 'dicom/' as 'P1.seg', which is another patient's; "
        "import them one by one"
    )


def test_a_nameless_export_takes_its_patient_from_the_series(root: Path) -> None:
    write_v7(root / "in" / "a.seg", [export(PatientInfo=None)], "SEG")
    series(root)
    nameless = load(root).slices["patient"].iloc[0]
    write_v7(root / "in" / "a.seg", [export()], "SEG")
    (root / "dataset").rename(root / "first")
    assert load(root).slices["patient"].iloc[0] == nameless


@pytest.mark.parametrize(
    "fields", [{"XMin": 0}, {"XMin": 14}, {"OrgYSize": 30}, {"XMin": 5.5}, {"OrgXSize": 1e9}]
)
def test_a_part_beyond_its_images_is_refused(root: Path, fields: dict[str, Any]) -> None:
    write_v7(root / "in" / "a.seg", [export(**fields)], "SEG")
    series(root)
    assert "is it damaged?" in refusal(root, stack=1)


def test_contours_over_time_are_taken_at_the_right_frame(root: Path) -> None:
    fields = export(slices=4, frames=2, drawn=())
    fields |= contours("Endo", {0: ENDO}, 4, 2, frame=1) | contours("Epi", {0: EPI}, 4, 2, frame=1)
    write_v7(root / "in" / "a.seg", [fields], "SEG")
    series(root)
    assert (load(root).labels[0] == 1).sum() == 24
