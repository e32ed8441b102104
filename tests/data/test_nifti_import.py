"""Import of NIfTI volumes: slices, spacing and levels as they are, and one error for all faults."""

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tests.data.nifti_files import (
    affine_of,
    file_axes,
    patch,
    ring,
    rotation,
    save,
    save_stack,
    turned,
)
from tests.data.test_nifti_layouts import nnunet

from myosweep.data.nifti import NiftiFindings, import_nifti, whole_codes
from myosweep.data.nifti.layouts import default_scheme
from myosweep.data.rules import Rules
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3"])
RULES = Rules(SCHEME)


def images(slices: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (slices, 12, 12), np.uint16)


def case(folder: Path, name: str, seed: int = 0, **options: Any) -> None:
    """An image and its mask in the folders ``i`` and ``m``."""
    save_stack(folder / "i" / f"{name}.nii.gz", images(seed=seed), **options)
    save_stack(folder / "m" / f"{name}.nii.gz", ring(), **options)


def plain(folder: Path, rules: Rules = RULES, **options: Any) -> tuple[Dataset, NiftiFindings]:
    """Import the folders ``i`` and ``m``; the dataset of an earlier import goes."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    options = {"patient": r"P\d+", **options}
    return import_nifti(folder / "i", folder / "m", folder / "out", rules=rules, **options)


def refused(folder: Path, **options: Any) -> tuple[str, ...]:
    """The problems of an import that writes nothing and tells no place."""
    with pytest.raises(DatasetError) as caught:
        plain(folder, **options)
    assert not (folder / "out").exists()
    assert str(folder) not in str(caught.value)
    return caught.value.problems


def test_volumes_become_slices_with_what_is_known_of_them(tmp_path: Path) -> None:
    case(tmp_path, "P1_a", 1)
    case(tmp_path, "P2_a", 2)
    calls: list[tuple[int, int]] = []
    dataset, findings = plain(tmp_path, apex="last", progress=lambda *done: calls.append(done))
    assert findings == NiftiFindings(2, 0, ())
    np.testing.assert_array_equal(dataset.images, np.concatenate([images(seed=1), images(seed=2)]))
    np.testing.assert_array_equal(dataset.labels, np.concatenate([ring(), ring()]))
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint16, np.uint8)
    table = dataset.slices
    assert list(table["slice"]) == [f"P{n}_00{k}" for n in (1, 2) for k in range(3)]
    assert list(table["level"][:3]) == ["base", "middle", "apex"]
    assert set(table["spacing_mm"]) == {1.5}
    assert set(table["slice_spacing_mm"]) == {8.0}
    assert table[["site", "vendor"]].isna().all(axis=None)
    assert (table["signal_slope"][0], table["signal_offset"][0]) == (1.0, 0.0)
    assert table["image_file_hash"].nunique() == 2
    source = {"kind": "NIfTI", "layout": "plain", "patient_pattern": r"P\d+"}
    assert source.items() <= dataset.manifest.source.items()
    assert calls == [(3, 6), (6, 6)]
    dataset.check_pixels()


def test_a_turned_volume_and_its_mask_give_the_same_dataset(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    straight, _ = plain(tmp_path)
    expected = straight.manifest.pixel_hash
    for axes, flipped in [((2, 0, 1), (True, False, False)), ((1, 2, 0), (False, True, False))]:
        for kind, stack in (("i", images()), ("m", ring())):
            affine = rotation((20, -15, 30)) @ affine_of()
            volume, affine = turned(file_axes(stack), affine, axes, flipped)
            save(tmp_path / kind / "P1.nii.gz", volume, affine)
        assert plain(tmp_path)[0].manifest.pixel_hash == expected


@pytest.mark.parametrize("mask_affine", [None, np.eye(4), np.diag([-1.0, -1, 1, 1])])
def test_a_mask_that_does_not_know_where_it_lies_lies_on_its_image(
    tmp_path: Path, mask_affine: np.ndarray | None
) -> None:
    volume, affine = turned(file_axes(images()), affine_of(), (2, 0, 1), (True, True, False))
    mask, _ = turned(file_axes(ring()), affine_of(), (2, 0, 1), (True, True, False))
    save(tmp_path / "i/P1.nii", volume, affine)
    save(tmp_path / "m/P1.nii", mask, mask_affine)
    np.testing.assert_array_equal(plain(tmp_path)[0].labels, ring())


def test_a_mask_elsewhere_is_refused_with_numbers(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    moved = affine_of()
    moved[0, 3] += 1.5
    save(tmp_path / "m/P1.nii.gz", file_axes(ring()), moved)
    assert refused(tmp_path) == (
        "image 'P1' lies up to 1.5 mm from its mask 'P1', by their affines; save the mask on the "
        "grid of its image",
    )
    moved[0, 3] -= 1.4  # rounding of headers: less than a tenth of a voxel
    save(tmp_path / "m/P1.nii.gz", file_axes(ring()), moved)
    assert len(plain(tmp_path)[0]) == 3
    save_stack(tmp_path / "m/P1.nii.gz", ring(4))
    assert refused(tmp_path) == (
        "image 'P1' has 12 x 12 x 3 voxels, its mask 'P1' 12 x 12 x 4; save the mask on the grid "
        "of its image",
    )


def test_slices_without_a_region_stay_but_a_whole_mask_without_one_is_refused(
    tmp_path: Path,
) -> None:
    case(tmp_path, "P1")
    mask = ring()
    mask[1:] = 0
    mask[2] = 9
    rules = Rules(RegionScheme(SCHEME.regions, (9,)))
    save_stack(tmp_path / "m/P1.nii.gz", mask)
    dataset, findings = plain(tmp_path, rules)
    assert (len(dataset), findings.empty_slices) == (3, 2)
    assert dataset.slices["level"].isna().all()
    mask[0] = 0
    save_stack(tmp_path / "m/P1.nii.gz", mask)
    assert refused(tmp_path, rules=rules) == (
        "image 'P1' has a mask 'P1' that shows no region but 'background' in any slice; leave both "
        "out, or check the regions' codes",
    )


def test_all_problems_stand_in_one_error(tmp_path: Path) -> None:
    for number in range(1, 8):
        case(tmp_path, f"P{number}", number)
    (tmp_path / "i/P1.nii.gz").write_bytes(b"no volume")
    save(tmp_path / "i/P2.nii.gz", np.zeros((12, 12, 3, 5), np.uint8))
    save_stack(tmp_path / "m/P3.nii.gz", ring() + np.uint8(5))
    save_stack(tmp_path / "m/P4.nii.gz", ring() * np.float32(0.7))
    save_stack(tmp_path / "i/P5.nii.gz", np.full((3, 12, 12), np.nan, np.float32))
    content = (tmp_path / "m/P6.nii.gz").read_bytes()
    (tmp_path / "m/P6.nii.gz").write_bytes(content[:-20])
    (tmp_path / "m/P7.nii.gz").unlink()
    case(tmp_path, "Q8", 8)
    assert sorted(refused(tmp_path)) == sorted(
        [
            "image 'P1' is no NIfTI file; convert it, for instance with dcm2niix",
            "image 'P2' has 5 frames; take one out first and give that",
            *(
                f"mask 'P3', slice {number}, holds 5, 6, 7, which no region has; add the code to a "
                "--region or give it to --ignore"
                for number in range(3)
            ),
            "image 'P4' has a mask 'P4' that holds 1.4, which is no label code; masks hold whole "
            "numbers, so save it without interpolation",
            "image 'P5' holds values that are no numbers (NaN or infinite); replace them first",
            "image 'P6' has a mask 'P6' that cannot be read as a NIfTI volume; is it damaged?",
            "image 'P7' has no mask; add it or remove the image",
            r"image 'Q8' does not match the patient pattern 'P\\d+'; rename it or change --patient",
        ]
    )


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_hostile_codes_are_told_as_they_are(tmp_path: Path, dtype: type) -> None:
    case(tmp_path, "P1")
    mask = ring().astype(dtype)
    mask[0, 0, :2] = (-1, 65536 + 2)  # as 8 or 16 bits they would be 255 and 2
    save_stack(tmp_path / "m/P1.nii.gz", mask)
    assert refused(tmp_path)[0].startswith("mask 'P1', slice 0, holds -1, 65538, which no region")


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64, np.uint16])
def test_codes_of_any_type_are_read(tmp_path: Path, dtype: type) -> None:
    case(tmp_path, "P1")
    save_stack(tmp_path / "m/P1.nii.gz", ring().astype(dtype))
    labels = plain(tmp_path)[0].labels
    np.testing.assert_array_equal(labels, ring())
    assert labels.dtype == (np.uint16 if dtype is np.uint16 else np.uint8)


def test_codes_above_255_need_16_bits(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    codes = np.array([0, 500, 200, 2221], np.int32)
    save_stack(tmp_path / "m/P1.nii.gz", codes[ring()])
    rules = Rules(RegionScheme.parse(["background=0", "blood pool=500", "myocardium=200,2221"]))
    dataset, _ = plain(tmp_path, rules)
    np.testing.assert_array_equal(dataset.labels, codes[ring()])
    assert dataset.labels.dtype == np.uint16
    save_stack(tmp_path / "m/P1.nii.gz", ring())
    patch(tmp_path / "m/P1.nii.gz", scl_slope=300, scl_inter=0)
    rules = Rules(RegionScheme.parse(["background=0", "blood pool=300", "myocardium=600"]))
    np.testing.assert_array_equal(plain(tmp_path, rules)[0].labels, ring() * np.uint16(300))


@pytest.mark.parametrize(
    ("values", "wrong"),
    [([0, 1.5], "1.5"), ([0, np.nan], "nan"), ([np.inf], "inf"), ([1e12], "1e")],
)
def test_whole_codes_refuses_what_is_no_code(values: list[float], wrong: str) -> None:
    with pytest.raises(DatasetError, match=f"holds {wrong}.*, which is no label code"):
        whole_codes(np.array([[values]]))
    np.testing.assert_array_equal(whole_codes(np.array([[[0, 2.00001]]])), [[[0, 2]]])


def test_signal_is_stored_for_a_whole_volume(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    save_stack(tmp_path / "i/P1.nii.gz", images().astype(np.float32) / 8 - 100)
    dataset, _ = plain(tmp_path)
    row = dataset.slices.iloc[0]
    values = np.asarray(dataset.images) * row["signal_slope"] + row["signal_offset"]
    np.testing.assert_allclose(values, images() / 8 - 100, atol=0.01)
    save_stack(tmp_path / "i/P1.nii.gz", images().astype(np.uint8))
    dataset, _ = plain(tmp_path)
    assert dataset.images.dtype == np.uint8
    patch(tmp_path / "i/P1.nii.gz", scl_slope=2, scl_inter=0)
    dataset, _ = plain(tmp_path)
    np.testing.assert_array_equal(dataset.images, images().astype(np.uint8) * np.uint16(2))


def test_pixels_that_are_not_square_need_resampling(tmp_path: Path) -> None:
    case(tmp_path, "P1", spacing=(1.5, 3.0, 8.0))
    assert "has pixels of 3 x 1.5 mm, which would distort the heart" in refused(tmp_path)[0]
    dataset, _ = plain(tmp_path, Rules(SCHEME, resample_mm=1.5))
    assert dataset.images.shape == (3, 24, 12)


def test_what_headers_do_not_tell_is_said(tmp_path: Path) -> None:
    case(tmp_path, "P1", 1, view=None)
    case(tmp_path, "P2", 2)
    case(tmp_path, "P3", 3)
    patch(tmp_path / "i/P1.nii.gz", pixdim=[1, 0, 0, 0, 0, 0, 0, 0])
    patch(tmp_path / "i/P3.nii.gz", qform_code=0, pixdim=[1, 2, 2, 9, 0, 0, 0, 0])
    dataset, findings = plain(tmp_path)
    assert findings.warnings == (
        "1 of 3 volumes (such as 'P1') have no pixel spacing; nothing in mm can be told of them",
        "1 of 3 volumes (such as 'P1') have no orientation; their first axis became columns and "
        "their second became rows",
        "1 of 3 volumes (such as 'P3') have one spacing in pixdim and another in the affine; "
        "pixdim was taken",
    )
    assert dataset.slices["spacing_mm"].isna().tolist() == [True] * 3 + [False] * 6
    assert dataset.slices["slice_spacing_mm"].isna().tolist() == [True] * 3 + [False] * 6


def test_volumes_of_a_patient_are_numbered_on(tmp_path: Path) -> None:
    for number, frame in enumerate(("01", "12")):
        name = f"patient001/patient001_frame{frame}"
        save_stack(tmp_path / f"{name}.nii.gz", images(seed=number))
        acdc = np.array([0, 3, 2], np.uint8)[ring()]
        save_stack(tmp_path / f"{name}_gt.nii.gz", acdc)
    scheme = default_scheme("acdc", tmp_path)
    assert scheme is not None
    dataset, findings = import_nifti(
        tmp_path, None, tmp_path / "out", rules=Rules(scheme), layout="acdc"
    )
    assert list(dataset.slices["slice"]) == [f"patient001_00{number}" for number in range(6)]
    assert list(dataset.slices["level"]) == ["base", "middle", "apex"] * 2
    assert list(dataset.slices["stack"]) == [1, 1, 1, 2, 2, 2]
    assert list(dataset.slices["place"]) == [1, 2, 3] * 2
    assert findings.warnings[0].startswith("ACDC has cine images, no late enhancement")
    np.testing.assert_array_equal(dataset.reference(scheme)[:3], ring())


def test_myops_is_read_with_its_codes(tmp_path: Path) -> None:
    codes = np.array([0, 500, 2221], np.int16)
    save_stack(tmp_path / "myops_training_101_DE.nii.gz", images())
    save_stack(tmp_path / "myops_training_101_gd.nii.gz", codes[ring()])
    scheme = default_scheme("myops", tmp_path)
    assert scheme is not None
    rules = Rules(scheme)
    dataset, _ = import_nifti(tmp_path, None, tmp_path / "out", rules=rules, layout="myops")
    np.testing.assert_array_equal(dataset.reference(scheme), ring())
    assert dataset.slices["level"].isna().all(), "nobody knows at which end the apex is"


def test_nnunet_is_read_with_its_own_regions(tmp_path: Path) -> None:
    folder = nnunet(tmp_path / "Dataset001_Heart")
    save_stack(folder / "imagesTr/P1_0000.nii.gz", images())
    save_stack(folder / "labelsTr/P1.nii.gz", ring())
    scheme = default_scheme("nnunet", folder)
    assert scheme is not None
    rules = Rules(scheme)
    dataset, _ = import_nifti(folder, None, tmp_path / "out", rules=rules, layout="nnunet")
    assert list(dataset.slices["patient"].unique()) == ["P1"]
    np.testing.assert_array_equal(dataset.labels, ring())


def test_one_volume_of_a_patient_is_expected(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "test")):
        save_stack(tmp_path / part / "C1/Images/C1.nii", images(seed=number))
        save_stack(tmp_path / part / "C1/Contours/C1.nii", ring())
    options: dict[str, Any] = {"rules": RULES, "layout": "emidec"}
    with pytest.raises(DatasetError, match="patient 'C1' has 2 volumes, one was expected"):
        import_nifti(tmp_path, None, tmp_path / "out", **options)
    dataset, _ = import_nifti(tmp_path, None, tmp_path / "out", patient="t[a-z]+", **options)
    assert list(dataset.slices["patient"].unique()) == ["test", "train"]


def test_a_plain_layout_needs_to_be_told_what_a_patient_is(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    assert "say with --patient what" in refused(tmp_path, patient=None)[0]


def test_a_dataset_in_the_way_is_told_first(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").touch()
    with pytest.raises(DatasetError, match="'taken' exists already"):
        import_nifti(tmp_path / "i", tmp_path / "m", tmp_path / "taken", rules=RULES, patient="P")


def test_nothing_of_the_header_but_geometry_is_kept(tmp_path: Path) -> None:
    case(tmp_path, "P1")
    for kind in ("i", "m"):
        secret = {"descrip": b"Mary Smith", "db_name": b"Smith", "aux_file": b"St Mary"}
        patch(tmp_path / kind / "P1.nii.gz", intent_name=b"Smith", **secret)
    plain(tmp_path)
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert b"Smith" not in content
        assert b"Mary" not in content


@pytest.fixture
def official(emidec_files: Path) -> Path:
    folder = emidec_files.with_name("emidec-nifti")
    if not folder.is_dir():
        pytest.skip("the EMIDEC volume is not beside this checkout (../shared/data/emidec-nifti)")
    return folder


def test_the_official_volume(official: Path, tmp_path: Path) -> None:
    scheme = default_scheme("emidec", official)
    assert scheme is not None
    dataset, findings = import_nifti(
        official, None, tmp_path / "out", rules=Rules(scheme), layout="emidec"
    )
    assert (findings.volumes, findings.empty_slices) == (1, 0)
    assert dataset.images.shape == (9, 246, 148)
    assert dataset.images.max() == 4095
    assert list(dataset.slices["patient"].unique()) == ["sampleNegative"]
    assert set(dataset.slices["spacing_mm"].round(3)) == {1.458}
    assert set(dataset.slices["slice_spacing_mm"]) == {10.0}
    levels = ["apex"] * 3 + ["middle"] * 3 + ["base"] * 3
    assert list(dataset.slices["level"]) == levels
    labels = np.asarray(dataset.labels)
    assert np.unique(labels).tolist() == [0, 1, 2]
    cavity = (labels == 1).sum((1, 2))
    assert cavity.tolist() == [60, 193, 448, 591, 642, 626, 584, 439, 480]
    rows, columns = np.nonzero(labels[4])
    widths = np.sqrt(np.linalg.eigvalsh(np.cov(rows, columns)))
    assert widths[1] / widths[0] == pytest.approx(1.04, abs=0.03)
    volume = nib.load(official / "sampleNegative/Images/sampleNegative.nii.gz")
    expected = np.asarray(volume.dataobj)[30, 200, 7]
    assert dataset.images[7, 200, 30] == expected
