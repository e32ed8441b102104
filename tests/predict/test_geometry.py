"""Round trips: what goes in as DICOM or NIfTI comes out upon it, to the pixel."""

import gzip
import json
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Sequence as Items
from tests.data.dicom_files import (
    AXIAL,
    OBLIQUE,
    SAGITTAL,
    Written,
    item,
    position,
    write_enhanced,
    write_series,
)
from tests.data.nifti_files import affine_of, file_axes, patch, rotation, save, save_stack, turned
from tests.predict.conftest import Trained, give_weights
from tests.predict.models import by_grey, codes_by_grey, facts_for, grey_model, in_window
from tests.shell import Shell

from myosweep.data.dicom import list_dicom
from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.predict.cases import find_cases
from myosweep.predict.folder import RECORD
from myosweep.predict.model import Model
from myosweep.predict.open import open_model
from myosweep.predict.outputs import Form
from myosweep.predict.record import Heart, claim_folder, salt_of, way_of
from myosweep.predict.run import Outcome, plan_prediction, predict
from myosweep.predict.turn import AS_IT_IS, Turn

VIEWS = {"axial": AXIAL, "sagittal": SAGITTAL, "oblique": OBLIQUE}
SIZES = {"whole": (24, 20), "cropped": (16, 16), "padded": (28, 24)}
"""Of the network's input; the images have 24 x 20 pixels."""
SHAPE = (4, 24, 20)


def greys(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def run(folder: Path, out: Path, size: tuple[int, int], *forms: Form, **facts: Any) -> Outcome:
    plan = plan_prediction(find_cases(folder, out=out), out, forms)
    return predict(grey_model(*size, **facts), plan, out, heart="centre")


def expected_of(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whole numbers of the middle: (24 - 16) / 2 = 4, (20 - 16) / 2 = 2; (24 - 28) / 2 = -2 ..."""
    top, left = {(24, 20): (0, 0), (16, 16): (4, 2), (28, 24): (-2, -2)}[size]
    return in_window(images, top, left, *size)


def _labels(seg: Any, written: Written) -> np.ndarray:
    """The segments' numbers on the frames of the source, by their UIDs."""
    uids = [str(one.SOPInstanceUID) for one in written.datasets]
    found: np.ndarray = seg.get_pixels_by_source_instance(
        uids, combine_segments=True, ignore_spatial_locations=False
    )
    return found


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_series_of_single_frames(tmp_path: Path, view: str, size: tuple[int, int]) -> None:
    images = greys()
    names = [f"IM{number}.dcm" for number in (3, 0, 2, 1)]  # not in the order of places
    written = write_series(tmp_path / "in", images, names=names, orientation=VIEWS[view])
    assert not run(tmp_path / "in", tmp_path / "out", size, "dicom-seg").problems
    seg = highdicom.seg.segread(tmp_path / "in" / "IM0.myosweep.seg.dcm")
    assert not (tmp_path / "out" / "masks").exists()
    np.testing.assert_array_equal(_labels(seg, written), expected_of(images, size))
    source = highdicom.get_volume_from_series(written.datasets)
    volume = seg.get_volume(combine_segments=True).match_geometry(source)
    np.testing.assert_allclose(volume.affine, source.affine, atol=1e-4)
    np.testing.assert_array_equal(volume.array, expected_of(source.array, size))


def _without_times(seg: Any) -> list[str]:
    """All that the file says, but when it was made."""
    return [str(one) for one in seg.iterall() if one.VR not in ("DA", "TM", "DT", "SQ")]


def test_who_made_a_dicom_seg_and_whose_it_is(tmp_path: Path) -> None:
    images = greys()
    write_series(tmp_path / "in", images, patient="ID-77")
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "dicom-seg").problems
    (file,) = (tmp_path / "in").glob("*.seg.dcm")
    seg = highdicom.seg.segread(file)
    assert seg.PatientID == "ID-77"
    assert [one.segment_label for one in seg.SegmentSequence] == ["blood pool", "myocardium"]
    assert {one.SegmentAlgorithmType for one in seg.SegmentSequence} == {"AUTOMATIC"}
    (algorithm,) = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "myosweep"
    assert grey_model(24, 20).facts.digest in algorithm.AlgorithmParameters
    file.unlink()
    run(tmp_path / "in", tmp_path / "out", (24, 20), "dicom-seg")
    again = highdicom.seg.segread(file)
    assert again.SOPInstanceUID == seg.SOPInstanceUID
    assert _without_times(again) == _without_times(seg)


def test_segmentations_made_in_different_ways_have_different_uids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another way may give other pixels; the same way gives the same UIDs again."""
    images = greys(0, (2, 20, 20))
    write_series(tmp_path / "in", images)
    torch, onnx = (Model(facts_for(16, 16), by_grey, by) for by in ("torch", "onnxruntime"))
    coarse, elsewhere = replace(torch, precision="bfloat16"), replace(torch, device="cuda")
    ways: list[tuple[Model, Heart, Turn]] = [
        (torch, "centre", AS_IT_IS),
        (torch, "search", AS_IT_IS),
        (torch, "centre", Turn(90)),
        (onnx, "centre", AS_IT_IS),
        (coarse, "centre", AS_IT_IS),
        (elsewhere, "centre", AS_IT_IS),
        (torch, "centre", AS_IT_IS),
        (torch, "centre", AS_IT_IS),  # of another version
    ]
    uids = []
    for number, (model, heart, turn) in enumerate(ways):
        if number == len(ways) - 1:
            monkeypatch.setattr("myosweep.__version__", "99.0")
        out = tmp_path / str(number)
        found = find_cases(tmp_path / "in", out=out, seg_folder=out / "seg")
        plan = plan_prediction(found, out, ["dicom-seg"])
        assert not predict(model, plan, out, heart=heart, turn=turn).problems
        (file,) = (out / "seg").glob("*.seg.dcm")
        header = pydicom.dcmread(file, stop_before_pixels=True)
        uids.append((header.SOPInstanceUID, header.SeriesInstanceUID))
    assert uids.pop(6) == uids[0]
    assert len({uid for pair in uids for uid in pair}) == 2 * 7


def test_results_beside_their_source_are_no_input(tmp_path: Path) -> None:
    write_series(tmp_path / "in", greys())
    forms: tuple[Form, ...] = ("dicom-seg", "png", "nifti", "overlay")
    assert not run(tmp_path / "in", tmp_path / "in" / "results", (24, 20), *forms).problems
    plan = plan_prediction(
        find_cases(tmp_path / "in", out=tmp_path / "in" / "results"),
        tmp_path / "in" / "results",
        forms,
    )
    assert (len(plan.todo), len(plan.done)) == (0, 1)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_series_in_one_file(tmp_path: Path, view: str, size: tuple[int, int]) -> None:
    images = greys()
    path = tmp_path / "in" / "all.dcm"
    written = write_enhanced(path, images, order=[2, 0, 3, 1], orientation=VIEWS[view])
    assert not run(tmp_path / "in", tmp_path / "out", size, "dicom-seg").problems
    seg = highdicom.seg.segread(tmp_path / "in" / "all.myosweep.seg.dcm")
    uid = str(written.datasets[0].SOPInstanceUID)
    found = seg.get_pixels_by_source_frame(
        uid, [1, 2, 3, 4], combine_segments=True, ignore_spatial_locations=False
    )
    np.testing.assert_array_equal(found, expected_of(images, size)[[2, 0, 3, 1]])


def two_kinds(dataset: Any) -> None:
    """The second half of the frames are phase-sensitive images at the places of the first half."""
    half = dataset.NumberOfFrames // 2
    for at, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        place = position(AXIAL, (-30, 20, 100), 8.0, at % half).round(6).tolist()
        group.PlanePositionSequence[0].ImagePositionPatient = place
        kind = ["ORIGINAL", "PRIMARY", "LGE", "M" if at < half else "PHASE"]
        group.MRImageFrameTypeSequence = Items([item(FrameType=kind)])


@pytest.mark.parametrize("slices", [3, 1])
@pytest.mark.parametrize("form", ["nifti", "dicom-seg"])
def test_two_stacks_in_one_file_are_two_cases(tmp_path: Path, form: Form, slices: int) -> None:
    images = greys(0, (2 * slices, 24, 20))
    path = tmp_path / "in" / "all.dcm"
    written = write_enhanced(path, images, change=two_kinds)
    outcome = run(tmp_path / "in", tmp_path / "out", (24, 20), form)
    assert (outcome.cases, outcome.problems) == (2, [])
    names = ["all-frame-1", f"all-frame-{slices + 1}"]
    assert [case.name for case in find_cases(tmp_path / "in").cases] == names
    found = []
    if form == "nifti":
        for name in names:
            volume = nib.load(tmp_path / "out" / "masks" / f"{name}.nii.gz")
            found.append(np.transpose(np.asarray(volume.dataobj), (2, 1, 0)))
    else:
        segs = [highdicom.seg.segread(path.with_name(f"{n}.myosweep.seg.dcm")) for n in names]
        assert segs[0].SOPInstanceUID != segs[1].SOPInstanceUID
        assert segs[0].SeriesInstanceUID != segs[1].SeriesInstanceUID
        uid = str(written.datasets[0].SOPInstanceUID)
        numbers = np.arange(1, 2 * slices + 1).reshape(2, slices)
        found = [
            seg.get_pixels_by_source_frame(
                uid, frames, combine_segments=True, ignore_spatial_locations=False
            )
            for seg, frames in zip(segs, numbers.tolist(), strict=True)
        ]
    np.testing.assert_array_equal(np.concatenate(found), codes_by_grey(images))


def test_an_empty_prediction_is_an_empty_segmentation(tmp_path: Path) -> None:
    images = np.zeros(SHAPE, np.uint8)
    images[:, 0, 0] = np.arange(4)  # a stack without any difference is no image
    written = write_series(tmp_path / "in", images)
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "dicom-seg").problems
    (file,) = (tmp_path / "in").glob("*.seg.dcm")
    assert not _labels(highdicom.seg.segread(file), written).any()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_dicom_series_as_nifti(tmp_path: Path, view: str, size: tuple[int, int]) -> None:
    """Each voxel's place by the affine is that of the pixel by DICOM's own formula."""
    images = greys()
    written = write_series(tmp_path / "in", images, orientation=VIEWS[view])
    assert not run(tmp_path / "in", tmp_path / "out", size).problems
    image: Any = nib.load(tmp_path / "out" / "masks" / "IM000.nii.gz")
    np.testing.assert_array_equal(np.transpose(image.dataobj, (2, 1, 0)), expected_of(images, size))
    for at, row, column in [(0, 0, 0), (3, 5, 7), (1, 23, 19)]:
        left, back, up = written.to_mm(at, row, column)
        place = image.affine @ [column, row, at, 1]
        np.testing.assert_allclose(place[:3], [-left, -back, up], atol=1e-3)


@pytest.mark.parametrize("view", VIEWS)
def test_oblong_pixels_keep_their_places(tmp_path: Path, view: str) -> None:
    """Rows 1.5 mm and columns 1.25 mm apart: whatever swaps the two moves the block."""
    images = np.zeros(SHAPE, np.uint8)
    images[:, 6:18, 3:11] = 150
    written = write_series(tmp_path / "in", images, orientation=VIEWS[view], spacing_yx=(1.5, 1.25))
    forms: tuple[Form, ...] = ("nifti", "dicom-seg", "contours")
    assert not run(tmp_path / "in", tmp_path / "out", (32, 28), *forms).problems
    image: Any = nib.load(tmp_path / "out" / "masks" / "IM000.nii.gz")
    labels = np.transpose(image.dataobj, (2, 1, 0))
    assert (labels == codes_by_grey(images)).mean() > 0.95  # the network saw square pixels
    seg = highdicom.seg.segread(tmp_path / "in" / "IM000.myosweep.seg.dcm")
    np.testing.assert_array_equal(_labels(seg, written), labels)
    contours = json.loads((tmp_path / "out" / "contours" / "IM000.json").read_text())
    for at, row, column in [(0, 0, 0), (3, 5, 7), (1, 23, 19)]:
        left, back, up = written.to_mm(at, row, column)
        place = image.affine @ [column, row, at, 1]
        np.testing.assert_allclose(place[:3], [-left, -back, up], atol=1e-3)
        (outline,) = contours["slices"][at]["regions"]["blood pool"]
        for (y, x), mm in zip(outline["points_yx_px"], outline["points_mm"], strict=True):
            np.testing.assert_allclose(mm, written.to_mm(at, y, x), atol=2e-3)


@pytest.mark.parametrize("view", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("tilt", [(0, 0, 0), (20, -35, 10)], ids=["straight", "oblique"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_nifti_volume_keeps_its_grid(
    tmp_path: Path, view: str, tilt: tuple[float, float, float], size: tuple[int, int]
) -> None:
    """In any order of axes: equal shape, equal affines, and labels on the voxels of their grey."""
    affine = rotation(tilt) @ affine_of(view)
    volume, moved = turned(file_axes(greys()), affine, (2, 0, 1), (True, False, True))
    source = save(tmp_path / "in" / "v.nii.gz", volume, moved)
    patch(source, descrip=b"SECRETNAME", db_name=b"SECRETNAME", aux_file=b"SECRETNAME")
    assert not run(tmp_path / "in", tmp_path / "out", size).problems
    before: Any = nib.load(source)
    after: Any = nib.load(tmp_path / "out" / "masks" / "v.nii.gz")
    assert after.shape == before.shape
    np.testing.assert_array_equal(after.affine, before.affine)
    for form in ("get_sform", "get_qform"):
        own, other = (getattr(one.header, form)(coded=True) for one in (after, before))
        np.testing.assert_array_equal(own[0], other[0])
        assert own[1] == other[1]
    assert after.header.get_xyzt_units() == before.header.get_xyzt_units()
    labels, values = np.asarray(after.dataobj), np.asarray(before.dataobj)
    assert labels.dtype == np.uint8
    inside = labels != 0
    np.testing.assert_array_equal(labels[inside], codes_by_grey(values)[inside])
    assert inside.sum() == np.count_nonzero(
        codes_by_grey(values) if size != (16, 16) else in_centre(values)
    )
    assert b"SECRET" not in after.to_bytes()


def in_centre(values: np.ndarray) -> np.ndarray:
    """The labels in the middle 16 of 24 and 16 of 20 pixels, whatever the order of axes."""
    labels = codes_by_grey(values)
    for axis, length in enumerate(values.shape):
        if length in (24, 20):
            first = (length - 16) // 2
            labels = np.take(labels, range(first, first + 16), axis)
    return labels


def test_only_a_qform_and_big_endian_survive(tmp_path: Path) -> None:
    image = nib.Nifti1Image(
        file_axes(greys()), affine_of("sagittal"), nib.Nifti1Header(endianness=">")
    )
    image.set_sform(None, 0)
    image.set_qform(affine_of("sagittal"), 1)
    (tmp_path / "in").mkdir()
    nib.save(image, tmp_path / "in" / "v.nii")
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20)).problems
    after: Any = nib.load(tmp_path / "out" / "masks" / "v.nii.gz")
    before: Any = nib.load(tmp_path / "in" / "v.nii")
    assert (int(after.header["sform_code"]), int(after.header["qform_code"])) == (0, 1)
    np.testing.assert_array_equal(after.affine, before.affine)
    values = np.asarray(before.dataobj)
    np.testing.assert_array_equal(np.asarray(after.dataobj), codes_by_grey(values))


def test_nothing_but_the_segmentation_tells_whose_it_is(
    trained: Trained, tmp_path: Path, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what is printed or logged, nor any other file; also where the library fails."""

    def spoil(dataset: Any, at: int) -> None:
        del dataset.StudyInstanceUID
        dataset.PatientBirthDate = "SECRETDATE"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_series(tmp_path / "in" / "good", greys(0, (2, 32, 32)), patient="SECRET-1")
        bad = greys(1, (2, 32, 32))
        write_series(tmp_path / "in" / "bad", bad, patient="SECRET-2", change=spoil)
    forms = ["--as", "dicom-seg", "--as", "contours", "--as", "overlay"]
    shell("predict", trained.runs[0].path, "in", "out", *forms, "--device", "cpu", code=2)
    assert "series 'bad/' lacks what a DICOM SEG needs of its source" in shell.err
    assert "DICOM SEG files name the patient" in shell.err
    assert "SECRET" not in shell.out + shell.err + caplog.text
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files
    assert not [path.name for path in files if b"SECRET" in path.read_bytes()]
    (seg,) = (tmp_path / "in").rglob("*.seg.dcm")
    assert re.fullmatch(
        r"good/IM000\.myosweep-\w{8}\.seg\.dcm", seg.relative_to(tmp_path / "in").as_posix()
    )
    assert b"SECRET-1" in seg.read_bytes()


def test_a_dicom_seg_lies_elsewhere_only_where_it_is_told_to(
    trained: Trained, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another model, or another way to ask it, gets a file of its own; the same one finds it."""
    write_series(tmp_path / "in" / "p", greys(0, (2, 32, 32)))
    command = ["predict", trained.runs[0].path, "in", "out", "--as", "dicom-seg", "--device", "cpu"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
        shell(*command, code=2)
    assert "its DICOM SEG, since the folder for it cannot be written to; give another" in shell.err
    (tmp_path / "file").write_text("")
    shell(*command, "--seg-folder", "file", code=2)
    assert "since the folder for it cannot be written to; give another one" in shell.err
    shell(*command, "--seg-folder", "vault")
    assert [path.parent for path in tmp_path.rglob("*.seg.dcm")] == [tmp_path / "vault" / "p"]
    shell(*command)
    assert "0 images or stacks" in shell(*command)
    shell(*command[:3], "other", *command[4:], "--turn", "90")
    assert len({path.name for path in (tmp_path / "in" / "p").glob("*.seg.dcm")}) == 2


def test_predictions_are_no_reference_to_train_on(tmp_path: Path) -> None:
    """Nor in a folder of masks; and a prediction that was corrected elsewhere is one."""
    write_series(tmp_path / "in", greys())
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "dicom-seg").problems
    assert [one.masks for one in list_dicom(tmp_path / "in", None, [])] == [()]
    (seg,) = (tmp_path / "in").glob("*.seg.dcm")
    (tmp_path / "drawn").mkdir()
    seg.rename(tmp_path / "drawn" / seg.name)
    problems: list[str] = []
    list_dicom(tmp_path / "in", tmp_path / "drawn", problems)
    assert "is a prediction of myosweep, no reference" in problems[0]
    corrected = pydicom.dcmread(tmp_path / "drawn" / seg.name)
    corrected.SegmentSequence[0].SegmentAlgorithmType = "SEMIAUTOMATIC"
    corrected.save_as(tmp_path / "drawn" / seg.name)
    problems = []
    list_dicom(tmp_path / "in", tmp_path / "drawn", problems)
    assert not problems


def gantry(dataset: Any, at: int) -> None:
    """Each slice 2 mm further along its columns, as with a tilted gantry."""
    x, y, z = map(float, dataset.ImagePositionPatient)
    along = np.array(dataset.ImageOrientationPatient[3:], float)
    dataset.ImagePositionPatient = [*(np.array([x, y, z]) + 2 * at * along).round(6)]


def wandering(dataset: Any, at: int) -> None:
    """One slice of an even stack lies beside the others."""
    x, y, z = map(float, dataset.ImagePositionPatient)
    along = np.array(dataset.ImageOrientationPatient[3:], float)
    dataset.ImagePositionPatient = [*(np.array([x, y, z]) + 5 * (at == 1) * along).round(6)]


def test_a_sheared_stack_is_a_sheared_volume(tmp_path: Path) -> None:
    written = write_series(tmp_path / "in", greys(), orientation=OBLIQUE, change=gantry)
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20), "nifti").problems
    affine = nib.load(tmp_path / "out" / "masks" / "IM000.nii.gz").affine
    for at, dataset in enumerate(written.datasets):
        place = affine @ [0, 0, at, 1]
        left, back, up = map(float, dataset.ImagePositionPatient)
        np.testing.assert_allclose(place[:3], [-left, -back, up], atol=1e-3)


def test_a_stack_that_no_affine_describes_is_pictures(tmp_path: Path) -> None:
    write_series(tmp_path / "in", greys(), change=wandering)
    assert (
        "which NIfTI cannot tell"
        in run(tmp_path / "in", tmp_path / "nifti", (24, 20), "nifti").problems[0]
    )
    assert not run(tmp_path / "in", tmp_path / "out", (24, 20)).problems
    assert len([*(tmp_path / "out" / "masks" / "IM000").iterdir()]) == 4


@pytest.mark.parametrize(
    "odd",
    [
        {"vox_offset": 348},
        {"sform_code": 77, "qform_code": 0},
        {"pixdim": [1, 2, -2, 8, 0, 0, 0, 0]},
        {"pixdim": [0, 0, 2, 8, 0, 0, 0, 0]},
    ],
)
def test_an_odd_header_keeps_its_geometry(
    tmp_path: Path, odd: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    source = save_stack(tmp_path / "in" / "a.nii", greys())
    save_stack(tmp_path / "in" / "b.nii", greys(1))
    patch(source, **odd)
    outcome = run(tmp_path / "in", tmp_path / "out", (24, 20))
    assert (tmp_path / "out" / "masks" / "b.nii.gz").exists()
    mask = tmp_path / "out" / "masks" / "a.nii.gz"
    assert mask.exists(), outcome.problems
    before, after = (
        nib.Nifti1Header(content[:348], check=False)
        for content in (source.read_bytes(), gzip.decompress(mask.read_bytes()))
    )
    for name in ("pixdim", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b"):
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)
    assert capfd.readouterr().err == ""


def test_no_text_of_a_header_comes_along(tmp_path: Path) -> None:
    image = nib.Nifti2Image(file_axes(greys()), affine_of("axial"))
    for name in ("descrip", "intent_name", "aux_file", "unused_str"):
        image.header[name] = b"DOE^JOHN"
    (tmp_path / "in").mkdir()
    nib.save(image, tmp_path / "in" / "a.nii")
    assert b"DOE" in (tmp_path / "in" / "a.nii").read_bytes()
    run(tmp_path / "in", tmp_path / "out", (24, 20))
    content = gzip.decompress((tmp_path / "out" / "masks" / "a.nii.gz").read_bytes())
    assert content[4:7] == b"n+2"
    assert b"DOE" not in content


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_text_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in (b"M\xfcller.png", b"b.png"):
        Image.fromarray(greys()[0]).save(tmp_path / "in" / os.fsdecode(name))
    outcome = run(tmp_path / "in", tmp_path / "out", (24, 20))
    assert (tmp_path / "out" / "masks" / "b.png").exists()
    assert [one.split(" has ")[1] for one in outcome.problems] == [
        "a name with letters of no known encoding; rename it"
    ]  # fmt: skip


def test_of_two_processes_that_begin_a_folder_one_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = grey_model(24, 20), grey_model(16, 16)

    def late(path: Path, content: Any, **how: Any) -> None:
        monkeypatch.undo()
        salts.append(claim_folder(tmp_path, model, way_of(model)))
        write_json(path, content, **how)

    salts: list[str] = []
    monkeypatch.setattr("myosweep.predict.record.write_json", late)
    salts.append(claim_folder(tmp_path, model, way_of(model)))
    assert salts[0] == salts[1] == salt_of(tmp_path) != ""
    (tmp_path / RECORD).unlink()
    monkeypatch.setattr("myosweep.predict.record.write_json", late)
    with pytest.raises(StudyError, match="predictions of another model"):
        claim_folder(tmp_path, other, way_of(other))


def test_a_folder_holds_predictions_of_one_precision_and_one_kind_of_device(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_weights(trained.runs[0], 1, precision="bfloat16")
    found = []
    for able in ("float32", "bfloat16"):
        monkeypatch.setattr("myosweep.predict.networks.resolve_precision", lambda *_, p=able: p)
        found.append(open_model(trained.runs[0].path, device="cpu"))
    fine, coarse = found
    assert (fine.precision, coarse.precision, coarse.device) == ("float32", "bfloat16", "cpu")
    claim_folder(tmp_path / "out", fine, way_of(fine))
    claim_folder(tmp_path / "out", fine, way_of(fine))
    for other in (coarse, replace(fine, device="cuda")):
        with pytest.raises(StudyError, match="in another precision or on another kind of device"):
            claim_folder(tmp_path / "out", other, way_of(other))


def test_a_folder_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    model = grey_model(24, 20)
    with pytest.raises(StudyError, match="would lie in a file"):
        claim_folder(tmp_path / "file" / "out", model, way_of(model))
