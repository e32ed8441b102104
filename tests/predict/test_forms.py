"""Contours, overlays, pictures of stacks, Segment files: what they hold, and what they do not."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from tests.data.dicom_files import OBLIQUE, write_series
from tests.data.nifti_files import affine_of, rotation, save, save_stack, turned
from tests.data.segment_files import COLUMNS, ROWS, cine, scar, stack, write_v7
from tests.predict.models import codes_by_grey, grey_model
from tests.predict.test_geometry import greys, run

from myosweep.data.polygon import polygon_mask
from myosweep.errors import DatasetError
from myosweep.predict.cases import find_cases
from myosweep.predict.outlines import outlines, overlay
from myosweep.predict.outputs import Form
from myosweep.predict.run import plan_prediction, predict


def filled(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Pixels in an odd number of polygons."""
    inside = np.zeros((height, width), bool)
    for points in polygons:
        inside ^= polygon_mask(points[:, 0], points[:, 1], height, width)
    return inside


def test_the_outline_of_a_pixel_is_a_diamond() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    (points,) = outlines(mask)
    assert {tuple(one) for one in points.tolist()} == {(0.5, 2), (1, 1.5), (1.5, 2), (1, 2.5)}
    assert points[0].tolist() == points[-1].tolist()
    assert outlines(np.zeros((3, 4), bool)) == []


def test_outlines_give_the_mask_back() -> None:
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9, 1.0):
        mask = rng.random((12, 9)) < share
        np.testing.assert_array_equal(filled(outlines(mask), 12, 9), mask)


def test_contours_of_a_series_in_pixels_and_millimetres(tmp_path: Path) -> None:
    images = greys()
    written = write_series(tmp_path / "in", images, orientation=OBLIQUE, spacing_yx=(1.5, 1.5))
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "contours").problems
    text = (tmp_path / "out" / "contours" / "IM000.json").read_text()
    assert "axes" not in text
    found = json.loads(text)
    assert (found["height_px"], found["width_px"], len(found["slices"])) == (24, 20, 4)
    assert found["spacing_yx_mm"] == [1.5, 1.5]
    assert found["coordinates_mm"].startswith("LPS")
    assert not any(str(one) in text for one in (written.datasets[0].PatientID, "Name^", "19500101"))
    # places by the standard's formula; the first slice's position is the series' origin
    start = np.array([-30.0, 20.0, 100.0]) + np.cross(*OBLIQUE) * 8 * 2
    one = found["slices"][2]["regions"]["myocardium"][0]
    for (y, x), mm in zip(one["points_yx_px"], one["points_mm"], strict=True):
        place = start + np.array(OBLIQUE[0]) * x * 1.5 + np.array(OBLIQUE[1]) * y * 1.5
        np.testing.assert_allclose(mm, place, atol=2e-3)
    for at, slice_ in enumerate(found["slices"]):
        polygons = [np.array(p["points_yx_px"]) for p in slice_["regions"]["blood pool"]]
        np.testing.assert_array_equal(filled(polygons, 24, 20), codes_by_grey(images[at]) == 1)


@pytest.mark.parametrize("tilt", [(0, 0, 0), (20, -35, 10)], ids=["straight", "oblique"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flipped", [(False, False, False), (True, False, True)])
def test_contours_and_pictures_of_a_volume_tell_its_voxels(
    tmp_path: Path,
    tilt: tuple[float, float, float],
    order: tuple[int, int, int],
    flipped: tuple[bool, bool, bool],
) -> None:
    """One grey voxel: the middle of its outline is that voxel in nibabel's array, and its place."""
    values = np.zeros((20, 24, 4), np.uint8)
    values[13, 5, 1] = 150
    volume, affine = turned(values, rotation(tilt) @ affine_of("axial"), order, flipped)
    save(tmp_path / "in" / "v.nii.gz", volume, affine)
    size = find_cases(tmp_path / "in").cases[0].size
    assert not run(tmp_path / "in", tmp_path / "out", size, "contours", "png").problems
    found = json.loads((tmp_path / "out" / "contours" / "v.json").read_text())
    outline = {
        slice_["slice"]: one
        for slice_ in found["slices"]
        for one in slice_["regions"]["blood pool"]
    }
    ((at, one),) = outline.items()
    place = [at, *np.mean(one["points_yx_px"][:-1], 0)]
    lengths = (len(found["slices"]), found["height_px"], found["width_px"])
    voxel = [0.0, 0.0, 0.0]
    for axis, turn, number, length in zip(
        found["axes"], found["flipped"], place, lengths, strict=True
    ):
        voxel[axis] = length - 1 - number if turn else number
    image = nib.load(tmp_path / "in" / "v.nii.gz")
    (expected,) = np.argwhere(np.asarray(image.dataobj) == 150)
    assert voxel == expected.tolist()
    assert found["coordinates_mm"].startswith("RAS")
    centre = np.mean(one["points_mm"][:-1], 0)
    np.testing.assert_allclose(centre, (image.affine @ [*expected, 1])[:3], atol=2e-3)
    files = sorted((tmp_path / "out" / "masks" / "v").iterdir())
    stack = np.stack([np.asarray(Image.open(path)) for path in files])
    backwards = [axis for axis, turn in enumerate(found["flipped"]) if turn]
    array = np.transpose(np.flip(stack, backwards), np.argsort(found["axes"]))
    np.testing.assert_array_equal(array, codes_by_grey(np.asarray(image.dataobj)))


def test_contours_of_what_has_no_place_have_no_millimetres(tmp_path: Path) -> None:
    save_stack(tmp_path / "in" / "v.nii", greys(), view=None)
    Image.fromarray(greys()[0]).save(tmp_path / "in" / "p.png")
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "contours").problems
    volume, picture = (
        json.loads((tmp_path / "out" / "contours" / f"{name}.json").read_text()) for name in "vp"
    )
    assert volume["axes"] == [2, 1, 0]
    assert "axes" not in picture
    for found in (volume, picture):
        assert "coordinates_mm" not in found
        assert '"points_mm"' not in json.dumps(found)


def test_an_overlay_shows_the_image_and_the_rims() -> None:
    image = np.tile(np.arange(100, dtype=np.uint8), (100, 1))
    regions = np.zeros((100, 100), np.uint8)
    regions[40:50, 40:60] = 2
    picture = overlay(image, regions, 3)
    assert picture.shape == (400, 400, 3)  # 4 x 100 is the first multiple of 384 or more
    grey = (picture == picture[..., :1]).all(2)
    assert grey[0].all()
    assert (np.diff(picture[0, :, 0].astype(int)) >= 0).all()
    coloured = np.argwhere(~grey)
    assert coloured.min(0).tolist() == [160, 160]
    assert coloured.max(0).tolist() == [199, 239]
    assert grey[161:199, 161:239].all()


def test_a_stack_as_pictures(tmp_path: Path) -> None:
    images = greys()
    write_series(tmp_path / "in", images)
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "png", "overlay").problems
    for at in range(4):
        mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "IM000" / f"{at:03d}.png"))
        np.testing.assert_array_equal(mask, codes_by_grey(images[at]))
    assert len(list((tmp_path / "out" / "overlays" / "IM000").iterdir())) == 4


def test_what_is_drawn_on_a_file_of_segment_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v7(tmp_path / "in" / "case.mat", [stack(slices=3, Scar=scar(slices=2))])
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    outcome = predict(grey_model(ROWS, COLUMNS), plan, tmp_path / "out")
    assert (outcome.problems, outcome.cases) == ([], 1)


@pytest.mark.parametrize("drawn", [(0,), ()])
def test_a_file_of_segment_drawn_on_or_not(tmp_path: Path, drawn: tuple[int, ...]) -> None:
    (tmp_path / "in").mkdir()
    made = stack(slices=3, drawn=drawn)
    write_v7(tmp_path / "in" / "case.mat", [cine(), made])
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    ((case, forms),) = plan.todo
    assert (case.kind, case.count, case.size, forms) == ("Segment", 3, (ROWS, COLUMNS), ("png",))
    assert case.spacing_yx_mm == (1.5, 1.5)
    order = np.argsort(made["IM"][:, :, 0, 2].ravel())
    assert (np.diff(case.read()[2].ravel()[order].astype(int)) >= 0).all()
    assert not predict(grey_model(ROWS, COLUMNS), plan, tmp_path / "out").problems
    assert len(list((tmp_path / "out" / "masks" / "case").iterdir())) == 3


def test_a_form_that_cannot_be_had_keeps_no_other_back(tmp_path: Path) -> None:
    """A series with a gap is no volume, but its segmentation and pictures are sound."""
    write_series(tmp_path / "in", greys())
    sorted((tmp_path / "in").iterdir())[1].unlink()
    forms: tuple[Form, ...] = ("nifti", "dicom-seg", "png", "contours")
    outcome = run(tmp_path / "in", tmp_path / "out", (24, 20), *forms)
    assert outcome.cases == 1
    assert len(outcome.problems) == 1
    assert len(list((tmp_path / "out" / "masks" / "IM000").iterdir())) == 3
    assert len(list((tmp_path / "in").glob("*.seg.dcm"))) == 1
    assert len(list((tmp_path / "out" / "contours").iterdir())) == 1


def test_a_form_that_fails_late_keeps_no_other_back(tmp_path: Path) -> None:
    """A series without a study's UID cannot become a DICOM SEG, as only its library finds out."""
    write_series(tmp_path / "in", greys())
    for file in (tmp_path / "in").iterdir():
        dataset = pydicom.dcmread(file)
        del dataset.StudyInstanceUID
        dataset.save_as(file)
    forms: tuple[Form, ...] = ("dicom-seg", "nifti", "contours")
    outcome = run(tmp_path / "in", tmp_path / "out", (24, 20), *forms)
    assert len(outcome.problems) == 1
    assert "lacks what a DICOM SEG needs" in outcome.problems[0]
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 1
    assert len(list((tmp_path / "out" / "contours").iterdir())) == 1
    again = run(tmp_path / "in", tmp_path / "out", (24, 20), *forms)
    assert again.problems == outcome.problems


def test_two_sources_of_one_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("A.png", "a.tif"):
        Image.fromarray(greys()[0]).save(tmp_path / "in" / name)
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    assert len(plan.todo) == 1
    assert "would get results of one name; rename one" in plan.problems[0]


def test_an_empty_volume_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "v.nii").write_bytes(b"")
    found = find_cases(tmp_path / "in")
    assert found.problems == [
        "image 'v.nii' is no NIfTI file; convert it, for instance with dcm2niix"
    ]
    for results in (tmp_path / "in", tmp_path):
        with pytest.raises(DatasetError, match="'in' lies in the folder of the results"):
            find_cases(tmp_path / "in", out=results)
