"""Masks beside a series: NIfTI volumes on its grid, pictures of its files."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from tests.data.dicom_files import (
    AXIAL,
    OBLIQUE,
    SAGITTAL,
    Written,
    noise,
    write_enhanced,
    write_series,
)

from myosweep.data.dicom.drawn import Drawn
from myosweep.data.dicom.pairs import Found, find_pairs
from myosweep.errors import DatasetError

SIZE = (5, 6, 7)
CODES = noise(SIZE, seed=3, most=4).astype(np.uint8)
ORIENTATIONS = [AXIAL, SAGITTAL, OBLIQUE]
AXES = [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)]
FLIPS = [(), (0,), (1,), (2,), (0, 1, 2)]


def grid_of(written: Written) -> np.ndarray:
    """NIfTI's affine from (slice, row, column), by the formula of the standard."""
    first = written.to_mm(0, 0, 0)
    ends = [written.to_mm(1, 0, 0), written.to_mm(0, 1, 0), written.to_mm(0, 0, 1)]
    affine = np.eye(4)
    affine[:3] = np.stack([*(end - first for end in ends), first], axis=1)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def save(
    path: Path,
    labels: np.ndarray,
    affine: np.ndarray | None,
    axes: tuple[int, ...] = (2, 1, 0),
    flips: tuple[int, ...] = (),
) -> None:
    """Labels (slice, row, column) with any order and direction of axes, where they belong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turned = np.flip(np.transpose(labels, axes), flips)
    if affine is None:
        image = nibabel.Nifti1Image(turned, np.eye(4))
        image.set_sform(None, 0)
        image.set_qform(None, 0)
    else:
        moved = affine[:, [*axes, 3]].copy()
        for axis in flips:
            moved[:, 3] += moved[:, axis] * (turned.shape[axis] - 1)
            moved[:, axis] *= -1
        image = nibabel.Nifti1Image(turned, moved)
    nibabel.save(image, path)


def find(folder: Path) -> tuple[Found, list[str]]:
    problems: list[str] = []
    return find_pairs(folder / "images", folder / "masks", problems), problems


def drawn(folder: Path) -> Drawn:
    found, problems = find(folder)
    assert problems == []
    (source,) = [source for pair in found.pairs for source in pair.masks]
    return source.read({})


def series(folder: Path, **options: Any) -> Written:
    return write_series(folder / "images" / "P1", noise(SIZE), **options)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("flips", FLIPS)
def test_a_volume_is_turned_to_the_series(
    tmp_path: Path, orientation: Any, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    written = series(tmp_path, orientation=orientation, spacing_yx=(1.25, 1.5))
    save(tmp_path / "masks" / "P1.nii.gz", CODES, grid_of(written), axes, flips)
    found = drawn(tmp_path)
    np.testing.assert_array_equal(found.labels, CODES)
    assert found.has_mask == [True] * 5


@pytest.mark.parametrize("name", ["P1.nii", "P1.nii.gz", "P1/a.nii", "P1/whatever.nii.gz"])
def test_a_volume_has_the_name_of_the_folder_or_lies_in_it(tmp_path: Path, name: str) -> None:
    written = series(tmp_path)
    save(tmp_path / "masks" / name, CODES, grid_of(written))
    np.testing.assert_array_equal(drawn(tmp_path).labels, CODES)


def test_a_series_of_one_slice_takes_a_volume_of_one(tmp_path: Path) -> None:
    written = write_series(tmp_path / "images" / "P1", noise((1, 6, 7)), orientation=OBLIQUE)
    save(tmp_path / "masks" / "P1.nii", CODES[:1], grid_of(written), (1, 0, 2), (0,))
    np.testing.assert_array_equal(drawn(tmp_path).labels, CODES[:1])


def test_whole_numbers_as_floats_are_codes(tmp_path: Path) -> None:
    written = series(tmp_path)
    save(tmp_path / "masks" / "P1.nii", CODES.astype(np.float32), grid_of(written))
    labels = np.array(drawn(tmp_path).labels)
    np.testing.assert_array_equal(labels, CODES)
    assert labels.dtype.kind == "i"


@pytest.mark.parametrize("wrong", [0.5, np.nan, np.inf])
def test_fractions_are_no_codes(tmp_path: Path, wrong: float) -> None:
    written = series(tmp_path)
    values = CODES.astype(np.float32)
    values[1, 2, 3] = wrong
    save(tmp_path / "masks" / "P1.nii", values, grid_of(written))
    with pytest.raises(DatasetError, match="holds fractions, no codes; is it an image"):
        drawn(tmp_path)


def test_without_orientation_the_shape_must_fit(tmp_path: Path) -> None:
    series(tmp_path, orientation=OBLIQUE)
    save(tmp_path / "masks" / "P1.nii", CODES, None)
    np.testing.assert_array_equal(drawn(tmp_path).labels, CODES)
    save(tmp_path / "masks" / "P1.nii", CODES, None, (0, 1, 2))
    match = "has 5 x 6 x 7 voxels, the images 7 x 6 x 5, and it does not know how the patient lies"
    with pytest.raises(DatasetError, match=match):
        drawn(tmp_path)


def test_another_size_is_told_in_numbers(tmp_path: Path) -> None:
    written = series(tmp_path)
    save(tmp_path / "masks" / "P1.nii", CODES[:, :, 1:], grid_of(written), (0, 1, 2))
    with pytest.raises(DatasetError, match="has 6 x 6 x 5 voxels, the images 7 x 6 x 5; draw it"):
        drawn(tmp_path)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(("shift", "fits"), [(0.25, True), (0.5, False)])
def test_another_place_is_told_in_millimetres(
    tmp_path: Path, axis: int, shift: float, fits: bool
) -> None:
    affine = grid_of(series(tmp_path))
    affine[axis, 3] += shift
    save(tmp_path / "masks" / "P1.nii", CODES, affine)
    if fits:
        np.testing.assert_array_equal(drawn(tmp_path).labels, CODES)
    else:
        with pytest.raises(DatasetError, match=r"lies up to 0.50 mm away from the images"):
            drawn(tmp_path)


def test_a_turned_volume_is_told(tmp_path: Path) -> None:
    affine = grid_of(series(tmp_path))
    turn = np.eye(4)
    turn[:2, :2] = [[0.995, -0.1], [0.1, 0.995]]
    save(tmp_path / "masks" / "P1.nii", CODES, turn @ affine)
    with pytest.raises(DatasetError, match="mm away from the images"):
        drawn(tmp_path)


def test_a_volume_turned_by_half_a_right_angle_is_told(tmp_path: Path) -> None:
    written = write_series(tmp_path / "images" / "P1", noise((6, 6, 6)))
    turn = np.eye(4)
    turn[:2, :2] = np.array([[1, -1], [1, 1]]) * np.sqrt(0.5)
    save(tmp_path / "masks" / "P1.nii", np.zeros((6, 6, 6), np.uint8), turn @ grid_of(written))
    with pytest.raises(DatasetError, match="draw it on the images, or resample it"):
        drawn(tmp_path)


def test_a_screenshot_in_the_folder_is_not_meant(tmp_path: Path) -> None:
    def nowhere(dataset: Dataset, at: int) -> None:
        del dataset.ImagePositionPatient

    affine = grid_of(series(tmp_path))
    affine[0, 3] += 99
    write_series(tmp_path / "images" / "P1", noise((1, 6, 7)), names=["z"], change=nowhere)
    save(tmp_path / "masks" / "P1.nii", CODES, affine)
    with pytest.raises(DatasetError, match=r"lies up to 99.00 mm away from the images"):
        drawn(tmp_path)


def test_a_volume_needs_even_slices_and_a_spacing(tmp_path: Path) -> None:
    written = series(tmp_path)
    save(tmp_path / "masks" / "P1.nii", CODES[:4], grid_of(written))
    written.files[2].unlink()
    with pytest.raises(DatasetError, match="is a volume, but the images are not evenly spaced"):
        drawn(tmp_path)


def test_of_two_series_in_a_folder_the_one_on_the_grid_is_meant(tmp_path: Path) -> None:
    written = series(tmp_path)
    names = [f"b{n}" for n in range(5)]
    write_series(
        tmp_path / "images" / "P1", noise(SIZE, seed=1), names=names, origin=(0.0, 0.0, 0.0)
    )
    save(tmp_path / "masks" / "P1.nii", CODES, grid_of(written))
    found, problems = find(tmp_path)
    assert problems == []
    assert [(pair.series.first_file, len(pair.masks)) for pair in found.pairs] == [
        ("P1/IM000.dcm", 1),
        ("P1/b0", 0),
    ]


@pytest.mark.parametrize(("shift", "how"), [(0.0, "several"), (99.0, "none")])
def test_a_volume_must_say_which_series_it_means(tmp_path: Path, shift: float, how: str) -> None:
    written = series(tmp_path)
    write_series(tmp_path / "images" / "P1", noise(SIZE, seed=1), names=list("abcde"))
    affine = grid_of(written)
    affine[0, 3] += shift
    save(tmp_path / "masks" / "P1.nii", CODES, affine)
    _, problems = find(tmp_path)
    assert problems == [
        f"mask 'P1.nii' lies on the grid of {how} of series 'P1/IM000.dcm', series 'P1/a'; give "
        "each a folder of its own"
    ]


def test_two_volumes_of_a_folder_are_a_problem(tmp_path: Path) -> None:
    written = series(tmp_path)
    for name in ("P1.nii", "P1/b.nii.gz"):
        save(tmp_path / "masks" / name, CODES, grid_of(written))
    _, problems = find(tmp_path)
    assert problems == ["folder 'P1' has 2 volumes of masks, 'P1.nii' and 'P1/b.nii.gz'; keep one"]


def test_damaged_volumes_are_one_sentence(tmp_path: Path) -> None:
    series(tmp_path)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "P1.nii").write_bytes(b"\x5c\x01\0\0" + b"x" * 400)
    with pytest.raises(DatasetError, match=r"is no NIfTI file|cannot be read as a NIfTI"):
        drawn(tmp_path)


def picture(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels).save(path)


def test_pictures_belong_to_files_of_their_name(tmp_path: Path) -> None:
    names = ["z.dcm", "1.2.840.7", "b.IMA", "c", "a.dicom"]
    series(tmp_path, names=names)
    stems = ["z", "1.2.840.7", "b", None, "a.dicom"]
    for stem, labels in zip(stems, CODES, strict=True):
        if stem:
            picture(tmp_path / "masks" / "P1" / f"{stem}.png", labels)
    found = drawn(tmp_path)
    wanted = CODES.copy()
    wanted[3] = 0
    np.testing.assert_array_equal(found.labels, wanted)
    assert found.has_mask == [True, True, True, False, True]


def test_pictures_of_frames_are_numbered_from_1(tmp_path: Path) -> None:
    order = [4, 2, 0, 1, 3]
    write_enhanced(tmp_path / "images" / "P1" / "a.dcm", noise(SIZE), order=order)
    for number, at in enumerate(order, start=1):
        picture(tmp_path / "masks" / "P1" / f"a_{number:03d}.tif", CODES[at])
    np.testing.assert_array_equal(drawn(tmp_path).labels, CODES)


def test_damaged_pictures_are_told_by_name(tmp_path: Path) -> None:
    series(tmp_path)
    for name in ("IM000.png", "IM003.png"):
        picture(tmp_path / "masks" / "P1" / name, CODES[0])
        (tmp_path / "masks" / "P1" / name).write_bytes(b"no")
    with pytest.raises(DatasetError) as caught:
        drawn(tmp_path)
    assert caught.value.problems == (
        "'P1/IM000.png' cannot be read as an image; is it damaged?",
        "'P1/IM003.png' cannot be read as an image; is it damaged?",
    )


def test_two_pictures_of_an_image_are_a_problem(tmp_path: Path) -> None:
    series(tmp_path)
    for name in ("IM000.png", "IM000.dcm.bmp"):
        picture(tmp_path / "masks" / "P1" / name, CODES[0])
    _, problems = find(tmp_path)
    assert problems == ["masks 'P1/IM000.png' and 'P1/IM000.dcm.bmp' are of one image; keep one"]


def test_masks_of_nothing_are_problems_in_a_folder_of_masks(tmp_path: Path) -> None:
    written = series(tmp_path)
    picture(tmp_path / "masks" / "P1" / "other.png", CODES[0])
    save(tmp_path / "masks" / "P2.nii", CODES, grid_of(written))
    _, problems = find(tmp_path)
    assert problems == [
        f"mask {name!r} lies beside no DICOM series or file of that name; rename or remove it"
        for name in ("P1/other.png", "P2.nii")
    ]


def test_pictures_of_nothing_are_passed_over_among_images(tmp_path: Path) -> None:
    series(tmp_path)
    picture(tmp_path / "images" / "P1" / "screenshot.png", CODES[0])
    picture(tmp_path / "images" / "P1" / "IM001.png", CODES[1])
    problems: list[str] = []
    found = find_pairs(tmp_path / "images", tmp_path / "images", problems)
    assert problems == []
    (source,) = found.pairs[0].masks
    assert source.read({}).has_mask == [False, True, False, False, False]
