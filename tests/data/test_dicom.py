"""Import of DICOM series: what comes out for every kind of mask, and what is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.data.dicom_files import (
    OBLIQUE,
    Contour,
    noise,
    write_rtstruct,
    write_seg,
    write_series,
)

from myosweep.data.dicom import DicomFindings, import_dicom, list_dicom
from myosweep.data.patient_key import patient_code
from myosweep.data.rules import Rules
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

RULES = Rules(RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2"]))
SIZE = (6, 10, 12)
KEY = "ab" * 32


def planted() -> np.ndarray:
    """A ring around a cavity in slices 1 to 4."""
    labels = np.zeros(SIZE, np.uint8)
    labels[1:5, 2:9, 2:10] = 2
    labels[1:5, 4:7, 4:8] = 1
    return labels


LABELS = planted()


def segments() -> Mapping[str, np.ndarray]:
    return {"pool": LABELS == 1, "myocardium": LABELS == 2}


def run(folder: Path, **options: Any) -> tuple[Dataset, DicomFindings]:
    (folder / "key").write_text(KEY)
    options = {"masks": folder / "masks", "rules": RULES, "key_file": folder / "key"} | options
    return import_dicom(folder / "images", folder / "out", **options)


def three_patients(folder: Path) -> list[np.ndarray]:
    """One with a SEG, one with an RT-STRUCT, one with pictures, one without masks."""
    images = [noise(SIZE, seed=seed) for seed in range(4)]
    written = [
        write_series(folder / "images" / f"P{n}", pixels, patient=f"ID-{n}", orientation=OBLIQUE)
        for n, pixels in enumerate(images)
    ]
    write_seg(folder / "masks" / "a.dcm", written[0].datasets, segments())
    contours = []
    for at in range(1, 5):
        outer = [(1.5, 1.5), (1.5, 9.5), (8.5, 9.5), (8.5, 1.5)]
        inner = [(3.5, 3.5), (3.5, 7.5), (6.5, 7.5), (6.5, 3.5)]
        contours += [Contour(at, inner, "pool"), Contour(at, outer, "myocardium")]
    write_rtstruct(folder / "masks" / "b.dcm", written[1], contours)
    (folder / "masks" / "P2").mkdir()
    for at in range(1, 5):
        Image.fromarray(LABELS[at]).save(folder / "masks" / "P2" / f"IM{at:03d}.png")
    return images


def test_structures_that_no_mask_has_are_told_once(tmp_path: Path) -> None:
    three_patients(tmp_path)
    with pytest.raises(DatasetError) as told:
        run(tmp_path, structures={"scar": 1, "fat": 2})
    known = "they have 'myocardium', 'pool'"
    assert list(told.value.problems) == [
        f"no mask has a structure 'scar'; {known}",
        f"no mask has a structure 'fat'; {known}",
    ]
    assert not (tmp_path / "out").exists()


def test_damaged_pixels_are_told_beside_unknown_structures(tmp_path: Path) -> None:
    three_patients(tmp_path)
    one = sorted((tmp_path / "images" / "P0").iterdir())[2]
    one.write_bytes(one.read_bytes()[:-40])
    with pytest.raises(DatasetError) as told:
        run(tmp_path, structures={"scar": 1})
    damaged, unknown = told.value.problems
    assert damaged.startswith("file 'P0/IM002.dcm' says it has 10 x 12 pixels, but ends before")
    assert unknown.startswith("no mask has a structure 'scar'")


def test_masks_of_every_kind_end_in_one_dataset(tmp_path: Path) -> None:
    images = three_patients(tmp_path)
    calls: list[tuple[int, int]] = []
    dataset, findings = run(
        tmp_path,
        structures={"Pool": 1, "Myocardium": 2},
        apex="first",
        progress=lambda done, total: calls.append((done, total)),
    )
    assert findings == DicomFindings(
        series=4, without_masks=1, left_out=6, patients=3, other_files=0
    )
    assert calls[-1] == (18, 18)
    codes = [patient_code(f"ID-{n}", bytes.fromhex(KEY)) for n in range(3)]
    table = dataset.slices
    assert set(table["patient"]) == set(codes)
    for code, pixels in zip(codes, images, strict=False):
        rows = np.flatnonzero(table["patient"] == code)
        np.testing.assert_array_equal(dataset.images[rows], pixels[1:5])
        np.testing.assert_array_equal(dataset.labels[rows], LABELS[1:5])
        assert table["level"][rows].tolist() == ["apex", "middle", "middle", "base"]
        assert table["slice"][rows].tolist() == [f"{code}_{n:03d}" for n in range(4)]
    assert set(table["vendor"]) == {"Siemens"}
    assert table["spacing_mm"].tolist() == pytest.approx([1.5] * 12)
    assert table["slice_spacing_mm"].tolist() == pytest.approx([8.0] * 12)
    assert table["site"].isna().all()
    assert dataset.images.dtype == np.uint16
    assert dataset.labels.dtype == np.uint8
    assert dataset.manifest.source == {
        "kind": "DICOM",
        "masks": "DICOM SEG, PNG, RT-STRUCT",
        "structures": {"Pool": 1, "Myocardium": 2},
        "patient_pattern": None,
        "apex": "first",
        "uncontoured": "leave-out",
        "crop": None,
        "crop_around": None,
    }
    dataset.check_pixels()


def one_patient(folder: Path, **options: Any) -> np.ndarray:
    pixels = noise(SIZE)
    written = write_series(folder / "images" / "P1", pixels, **options)
    write_seg(folder / "masks" / "a.dcm", written.datasets, segments())
    return pixels


def test_slices_without_a_mask_may_be_background(tmp_path: Path) -> None:
    pixels = one_patient(tmp_path)
    dataset, findings = run(tmp_path, uncontoured="background")
    np.testing.assert_array_equal(dataset.images, pixels)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert findings.left_out == 0
    assert dataset.manifest.source["uncontoured"] == "background"


@pytest.mark.parametrize("apex", [None, "last"])
def test_levels_need_the_end_of_the_apex(tmp_path: Path, apex: Any) -> None:
    one_patient(tmp_path)
    levels = run(tmp_path, apex=apex)[0].slices["level"]
    if apex is None:
        assert levels.isna().all()
    else:
        assert levels.tolist() == ["base", "middle", "middle", "apex"]


def test_the_signal_is_told(tmp_path: Path) -> None:
    def change(dataset: Any, at: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 2.5, -100

    one_patient(tmp_path, change=change)
    table = run(tmp_path)[0].slices
    assert set(table["signal_slope"]) == {2.5}
    assert set(table["signal_offset"]) == {-100.0}


def test_bytes_make_a_dataset_of_bytes(tmp_path: Path) -> None:
    written = write_series(tmp_path / "images", noise(SIZE, dtype=np.uint8, most=256))
    write_seg(tmp_path / "masks" / "a.dcm", written.datasets, segments())
    assert run(tmp_path)[0].images.dtype == np.uint8


def test_large_codes_make_wide_labels(tmp_path: Path) -> None:
    one_patient(tmp_path)
    rules = Rules(RegionScheme.parse(["background=0", "blood pool=500", "myocardium=200"]))
    dataset, _ = run(tmp_path, rules=rules, structures={"pool": 500, "myocardium": 200})
    np.testing.assert_array_equal(dataset.labels, np.array([0, 500, 200])[LABELS[1:5]])


def test_unknown_codes_are_told(tmp_path: Path) -> None:
    one_patient(tmp_path)
    with pytest.raises(DatasetError, match=r"mask of image 'P1/IM001.dcm' holds 9, which no"):
        run(tmp_path, structures={"pool": 9, "myocardium": 2})
    assert not (tmp_path / "out").exists()


def test_crop_and_resampling_follow_the_header(tmp_path: Path) -> None:
    one_patient(tmp_path, spacing_yx=(2.0, 1.0))
    rules = Rules(RULES.scheme, crop=8, crop_around="masks", resample_mm=1.0)
    dataset, _ = run(tmp_path, rules=rules)
    assert dataset.images.shape == (4, 8, 8)
    assert set(dataset.slices["source_height"]) == {20}
    assert set(dataset.slices["spacing_mm"]) == {1.0}
    assert set(dataset.slices["source_spacing_y_mm"]) == {2.0}
    assert set(dataset.slices["source_spacing_x_mm"]) == {1.0}


def test_sizes_are_compared_after_resampling(tmp_path: Path) -> None:
    for n, (size, mm) in enumerate([((10, 12), 2.0), ((20, 24), 1.0)]):
        images = tmp_path / "images" / f"P{n}"
        write_series(images, noise((1, *size)), spacing_yx=(mm, mm), patient=f"{n}")
        (tmp_path / "masks" / f"P{n}").mkdir(parents=True)
        labels = Image.fromarray(np.ones(size, np.uint8))
        labels.save(tmp_path / "masks" / f"P{n}" / "IM000.png")
    dataset, _ = run(tmp_path, rules=Rules(RULES.scheme, resample_mm=1.0))
    assert dataset.images.shape == (2, 20, 24)
    assert set(dataset.slices["source_spacing_y_mm"]) == {1.0, 2.0}


def test_ignored_codes_are_no_heart(tmp_path: Path) -> None:
    one_patient(tmp_path)
    (tmp_path / "masks" / "a.dcm").unlink()
    (tmp_path / "masks" / "P1").mkdir()
    for at, code in enumerate([9, 1, 1, 1, 9, 9]):
        picture = Image.fromarray(np.full(SIZE[1:], code, np.uint8))
        picture.save(tmp_path / "masks" / "P1" / f"IM{at:03d}.png")
    rules = Rules(RegionScheme.parse(["background=0", "blood pool=1"], ignored=[9]))
    levels = run(tmp_path, rules=rules, apex="first")[0].slices["level"]
    assert levels.dropna().tolist() == ["apex", "middle", "base"]
    assert levels.isna().tolist() == [True, False, False, False, True, True]


def test_patients_may_come_from_names(tmp_path: Path) -> None:
    one_patient(tmp_path, names=[f"{n}.dcm" for n in range(6)])
    dataset, _ = run(tmp_path, patient=r"^(P\d)/", key_file=tmp_path / "none" / "of" / "it")
    assert set(dataset.slices["patient"]) == {"P1"}
    assert not (tmp_path / "none").exists()
    assert dataset.manifest.source["patient_pattern"] == r"^(P\d)/"


def test_a_pattern_that_does_not_match_is_told(tmp_path: Path) -> None:
    one_patient(tmp_path)
    with pytest.raises(DatasetError, match=r"file 'P1/IM000' does not match the patient pattern"):
        run(tmp_path, patient=r"^(Q\d)/")


def test_a_series_of_nobody_is_told(tmp_path: Path) -> None:
    def change(dataset: Any, at: int) -> None:
        dataset.PatientID, dataset.PatientName = "", ""

    one_patient(tmp_path, change=change)
    with pytest.raises(DatasetError, match="series 'P1/' names no patient; find the patient in"):
        run(tmp_path)


def test_two_series_of_a_patient_are_numbered_on(tmp_path: Path) -> None:
    for n in (10, 2):
        written = write_series(tmp_path / "images" / f"S{n}", noise(SIZE, seed=n))
        write_seg(tmp_path / "masks" / f"{n}.dcm", written.datasets, segments())
    dataset, findings = run(tmp_path)
    assert findings.patients == 1
    np.testing.assert_array_equal(dataset.images[:4], noise(SIZE, seed=2)[1:5])
    assert dataset.slices["slice"].str[-3:].tolist() == [f"{n:03d}" for n in range(8)]
    assert dataset.slices["stack"].tolist() == [1] * 4 + [2] * 4
    assert dataset.slices["place"].tolist() == [2, 3, 4, 5] * 2


def test_masks_of_several_kinds_are_a_problem(tmp_path: Path) -> None:
    one_patient(tmp_path)
    (tmp_path / "masks" / "P1").mkdir()
    Image.fromarray(LABELS[1]).save(tmp_path / "masks" / "P1" / "IM001.png")
    match = "series 'P1/' has 2 masks, DICOM SEG 'a.dcm' and PNG 'P1/IM001.png'; keep one"
    with pytest.raises(DatasetError, match=match):
        run(tmp_path)


def test_a_masked_series_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    def change(dataset: Any, at: int) -> None:
        dataset.ImagePositionPatient = [0, 0, 8 * (at // 2)]

    write_series(tmp_path / "images" / "P1", noise(SIZE), change=change)
    (tmp_path / "masks" / "P1").mkdir(parents=True)
    Image.fromarray(LABELS[1]).save(tmp_path / "masks" / "P1" / "IM001.png")
    with pytest.raises(DatasetError, match="series 'P1/' has up to 2 images at one place"):
        run(tmp_path)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    three_patients(tmp_path)
    (tmp_path / "images" / "P3" / "IM002.dcm").write_bytes(b"DICM")
    Image.fromarray(LABELS[1][:5]).save(tmp_path / "masks" / "P2" / "IM002.png")
    damaged = tmp_path / "images" / "P0" / "IM002.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(DatasetError) as caught:
        run(tmp_path, structures={"pool": 1, "myocard": 2})
    told = str(caught.value)
    for sentence in (
        "file 'P0/IM002.dcm' says it has 10 x 12 pixels, but ends before; is it damaged?",
        "file 'P3/IM002.dcm' does not say what it is; is it damaged, or no DICOM file?",
        "no mask has a structure 'myocard'; they have 'myocardium', 'pool'",
        "image 'P2/IM002.dcm' has 10 x 12 pixels, its mask 5 x 12; they must have the same size",
        "series 'P0/' has masks 'a.dcm': lies on other slices or pixels than those images",
    ):
        assert sentence in told
    assert len(caught.value.problems) == 5
    assert not (tmp_path / "out").exists()


def test_without_any_mask_there_is_nothing_to_import(tmp_path: Path) -> None:
    write_series(tmp_path / "images" / "P1", noise(SIZE))
    (tmp_path / "masks").mkdir()
    with pytest.raises(DatasetError, match="none of the 1 series has a mask in 'masks'"):
        run(tmp_path)


@pytest.mark.parametrize("missing", ["images", "masks"])
def test_a_missing_folder_is_told(tmp_path: Path, missing: str) -> None:
    (tmp_path / ({"images", "masks"} - {missing}).pop()).mkdir()
    kind = missing.removesuffix("s")
    with pytest.raises(DatasetError, match=f"{kind} folder '{missing}' does not exist; check the"):
        run(tmp_path)


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "images" / "README.txt").write_text("hello")
    with pytest.raises(DatasetError, match="image folder 'images' holds no DICOM images"):
        run(tmp_path)


def test_a_dataset_is_not_overwritten(tmp_path: Path) -> None:
    one_patient(tmp_path)
    first, _ = run(tmp_path)
    with pytest.raises(DatasetError, match="'out' exists already and is not overwritten"):
        run(tmp_path)
    assert len(open_dataset(first.folder)) == 4


def test_series_are_listed_with_their_masks(tmp_path: Path) -> None:
    three_patients(tmp_path)
    problems: list[str] = []
    listed = list_dicom(tmp_path / "images", tmp_path / "masks", problems)
    assert problems == []
    assert [(one.number, one.folder, one.masks) for one in listed] == [
        (1, "P0", ("DICOM SEG",)),
        (2, "P1", ("RT-STRUCT",)),
        (3, "P2", ("PNG",)),
        (4, "P3", ()),
    ]
    first = listed[0]
    assert (first.slices, first.rows, first.columns) == (6, 10, 12)
    assert first.spacing_yx_mm == (1.5, 1.5)
    assert first.slice_spacing_mm == pytest.approx(8.0)
    assert first.description == "LGE short axis"
    assert first.structures == ((1, "pool"), (2, "myocardium"))
    assert first.obstacle is None


def test_series_are_listed_without_a_folder_of_masks(tmp_path: Path) -> None:
    write_series(tmp_path / "P1", noise(SIZE), patient="A")
    (listed,) = list_dicom(tmp_path, None, [])
    assert listed.masks == ()
    assert listed.first_file == "P1/IM000.dcm"


def test_reports_are_counted_and_passed_over(tmp_path: Path) -> None:
    one_patient(tmp_path)
    path = tmp_path / "images" / "report.dcm"
    written = write_series(tmp_path / "other", noise((1, 6, 7)))
    report = written.datasets[0]
    for keyword in ("Rows", "Columns", "PixelData"):
        del report[keyword]
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    report.save_as(path)
    report.save_as(tmp_path / "masks" / "report.dcm")
    assert run(tmp_path)[1].other_files == 1
