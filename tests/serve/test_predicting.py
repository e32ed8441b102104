"""Prediction on an upload: the masks of `myosweep predict`, and nothing that tells whose."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from tests.data.dicom_files import write_series
from tests.data.nifti_files import affine_of, save
from tests.data.segment_files import stack, write_v7
from tests.predict.conftest import Trained, make_trained
from tests.shell import Shell

from myosweep.files import read_json, write_json
from myosweep.predict.open import open_model
from myosweep.results.reliability import CALIBRATION, Calibration
from myosweep.serve.job import OUTCOME, RESULTS, UPLOAD, AskedModel, Job, Made, Outcome
from myosweep.serve.predicting import work

WHO = "Kowalski"


def outcome_of(drawn: Trained, folder: Path, *values: str, **options: Any) -> Outcome:
    place = str(drawn.folder)
    models = tuple(AskedModel(place=place, values=(one,)) for one in values or ("0.005",))
    work(Job(models=models, **options), folder)
    return Outcome.model_validate(read_json(folder / OUTCOME))


def made_of(drawn: Trained, folder: Path, *values: str, **options: Any) -> Made:
    outcome = outcome_of(drawn, folder, *values, **options)
    assert outcome.problem == ""
    assert outcome.made is not None
    return outcome.made


def upload(folder: Path) -> Path:
    (folder / UPLOAD).mkdir()
    return folder / UPLOAD


def codes_of(folder: Path, made: Made, number: int) -> np.ndarray:
    """Region maps of a slice, model by model."""
    case = made.cases[made.slices[number].case]
    sprite = np.asarray(
        Image.open(folder / RESULTS / f"slice-{number}-masks.png").convert("L"), int
    )
    assert (sprite % made.step == 0).all()
    return (sprite // made.step).reshape(len(made.models), case.height, case.width)


def everything(folder: Path) -> bytes:
    """The bytes of all files of a folder, also of those inside of ZIP and gzip files."""
    found = b""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found += path.name.encode() + path.read_bytes()
            if path.suffix == ".gz":
                found += gzip.decompress(path.read_bytes())
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as file:
                    found += b"".join(n.encode() + file.read(n) for n in file.namelist())
    return found


def test_a_picture_gets_the_masks_that_predict_gives(
    drawn: Trained, tmp_path: Path, shell: Shell
) -> None:
    folder = upload(tmp_path)
    pixels = np.asarray(drawn.dataset.images[3])
    Image.fromarray(pixels).save(folder / "upload-0001.png")
    made = made_of(drawn, tmp_path, "0.005", "5e-05")
    for number, value in enumerate(("0.005", "5e-05")):
        out = f"out-{number}"
        fixed = ("--value", value, "--threads", 1, "--device", "cpu")
        shell("predict", drawn.folder, folder, out, *fixed)
        wanted = np.asarray(Image.open(f"{out}/masks/upload-0001.png"))
        np.testing.assert_array_equal(codes_of(tmp_path, made, 0)[number], wanted)
    grey = np.asarray(Image.open(tmp_path / RESULTS / "slice-0-image.png"))
    low, high = np.percentile(pixels[pixels > pixels.min()], (0.5, 99.5))
    wanted = np.floor(255 * np.clip((pixels - low) / (high - low), 0, 1) + 0.5)
    np.testing.assert_array_equal(grey, wanted)
    assert made.downloads == ("masks.zip", "contours.zip", "slices.csv")
    assert [region.name for region in made.regions] == ["background", "blood pool", "myocardium"]
    assert [one.networks for one in made.models] == [2, 2]
    assert [case.upload for case in made.cases] == [1]
    scores = made.slices[0].scores
    assert all(score is not None and 0 <= (score.agreement or 0) <= 1 for score in scores)
    assert {score.look for score in scores if score} == {None}


def test_a_single_picture_and_model_is_saved_as_it_is(drawn: Trained, tmp_path: Path) -> None:
    pixels = np.asarray(drawn.dataset.images[0])
    Image.fromarray(pixels).save(upload(tmp_path) / "upload-0001.png")
    made = made_of(drawn, tmp_path)
    assert made.downloads == ("mask.png", "contours.json", "slices.csv")
    mask = np.asarray(Image.open(tmp_path / RESULTS / "mask.png"))
    codes = np.array([region.code for region in made.regions])
    np.testing.assert_array_equal(mask, codes[codes_of(tmp_path, made, 0)[0]])
    contours = json.loads((tmp_path / RESULTS / "contours.json").read_text())
    assert (contours["height_px"], contours["width_px"]) == pixels.shape
    lines = (tmp_path / RESULTS / "slices.csv").read_text().splitlines()
    assert lines[0] == "model,case,slice,region,agreement,pixels,look,words"
    assert lines[1].startswith("1,upload-0001,0,myocardium,")
    assert sorted(path.name for path in tmp_path.iterdir()) == [OUTCOME, RESULTS, UPLOAD]


def test_a_volume_keeps_its_geometry_and_loses_its_texts(drawn: Trained, tmp_path: Path) -> None:
    images = np.stack(drawn.dataset.images[:3])
    volume = np.ascontiguousarray(np.transpose(images, (2, 1, 0)))
    path = upload(tmp_path) / "upload-0001.nii.gz"
    plain = tmp_path / "plain.nii.gz"
    save(plain, volume, affine_of("axial", (1.25, 1.5, 8.0)))
    image = nib.load(plain)
    header: Any = image.header
    for name in ("descrip", "db_name", "intent_name", "aux_file"):
        header[name] = WHO
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{WHO}^Jan".encode()))
    nib.save(image, path)
    assert WHO.encode() in gzip.decompress(path.read_bytes())
    plain.unlink()
    made = made_of(drawn, tmp_path, heart="centre")
    assert made.cases[0].is_volume
    assert made.cases[0].spacing_yx_mm == (1.5, 1.25)
    assert made.downloads == ("masks.zip", "mask.nii.gz", "contours.json", "slices.csv")
    source = nib.load(path)
    for name in ("case-0-image", "case-0-mask-0"):
        found = nib.load(tmp_path / RESULTS / f"{name}.nii.gz")
        np.testing.assert_array_equal(found.affine, source.affine)
        assert found.header["sform_code"] == source.header["sform_code"]
        assert found.header["qform_code"] == source.header["qform_code"]
        assert not found.header.extensions
        if name == "case-0-image":
            np.testing.assert_array_equal(np.asarray(found.dataobj), volume)
        else:
            codes = np.stack([codes_of(tmp_path, made, at)[0] for at in range(3)])
            shown = np.transpose(np.asarray(found.dataobj), (2, 1, 0))
            np.testing.assert_array_equal(shown, codes)
    assert WHO.encode() not in everything(tmp_path / RESULTS)
    assert WHO not in (tmp_path / OUTCOME).read_text()


def test_a_series_tells_nothing_of_its_patient(drawn: Trained, tmp_path: Path) -> None:
    folder = upload(tmp_path)
    images = np.stack(drawn.dataset.images[:3])
    names = [f"upload-000{number}.dcm" for number in (2, 3, 1)]
    written = write_series(folder, images, names=names, patient=WHO)
    made = made_of(drawn, tmp_path, heart="centre")
    assert [(case.kind, case.upload, case.slices) for case in made.cases] == [("DICOM", 1, 3)]
    assert "volumes.zip" not in made.downloads
    assert "mask.nii.gz" in made.downloads
    assert any("unknown spacing" in warning for warning in made.warnings)
    text = everything(tmp_path / RESULTS) + (tmp_path / OUTCOME).read_bytes()
    one = written.datasets[0]
    for secret in (WHO, "19500101", one.SOPInstanceUID, one.StudyInstanceUID, "SIEMENS"):
        assert str(secret).encode() not in text
    grey = np.asarray(Image.open(tmp_path / RESULTS / "slice-1-image.png"))
    assert np.corrcoef(grey.ravel(), images[1].ravel())[0, 1] > 0.99


def test_turned_images_get_masks_that_lie_as_they_do(drawn: Trained, tmp_path: Path) -> None:
    pixels = np.asarray(drawn.dataset.images[0])
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, picture in ((first, pixels), (second, np.rot90(pixels))):
        folder.mkdir()
        Image.fromarray(np.ascontiguousarray(picture)).save(upload(folder) / "upload-0001.png")
    straight = codes_of(first, made_of(drawn, first), 0)[0]
    turned = codes_of(second, made_of(drawn, second, turn=270), 0)[0]
    np.testing.assert_array_equal(turned, np.rot90(straight))


def test_a_calibrated_model_says_which_slices_to_look_at(tmp_path: Path) -> None:
    study = make_trained(tmp_path / "study")
    model = open_model(study.folder, ["0.005"], device="cpu", threads=1)
    calibration = Calibration(
        made_by="0", model=model.facts.digest, copies=2, temperature=1.0, region="myocardium",
        failure=0.5, catch=0.9, threshold=1.0, promise=False, sentences=("Worth little.",),
    )  # fmt: skip
    place = study.folder / CALIBRATION
    write_json(place, calibration.model_dump(mode="json"))
    folder = tmp_path / "job"
    folder.mkdir()
    Image.fromarray(np.asarray(study.dataset.images[0])).save(upload(folder) / "upload-0001.png")
    made = made_of(study, folder)
    assert made.models[0].sentences == ("Worth little.",)
    (score,) = made.slices[0].scores
    assert score is not None
    assert score.look is True  # no agreement is above a threshold of 1
    assert score.words


def test_of_several_files_the_good_ones_are_predicted(drawn: Trained, tmp_path: Path) -> None:
    folder = upload(tmp_path)
    Image.fromarray(np.asarray(drawn.dataset.images[0])).save(folder / "upload-0001.png")
    (folder / "upload-0002.png").write_bytes((folder / "upload-0001.png").read_bytes()[:60])
    sixteen = np.asarray(drawn.dataset.images[1]).astype(np.uint16) * 9
    Image.fromarray(sixteen).save(folder / "upload-0003.png")
    made = made_of(drawn, tmp_path)
    assert [case.upload for case in made.cases] == [1, 3]
    assert made.problems == ("image 'upload-0002' cannot be read as an image; is it damaged?",)
    assert any("grey levels of another kind" in warning for warning in made.warnings)


def truncated_dicom(folder: Path) -> None:
    write_series(folder, np.zeros((1, 32, 32), np.uint16), names=["upload-0001.dcm"], patient=WHO)
    path = folder / "upload-0001.dcm"
    path.write_bytes(path.read_bytes()[:-900])


def huge_nifti(folder: Path) -> None:
    plain = folder / "plain.nii"
    save(plain, np.zeros((4, 4, 4), np.uint8))
    content = bytearray(plain.read_bytes())
    plain.unlink()
    content[40:56] = np.array([3, 30000, 30000, 30000, 1, 1, 1, 1], "<i2").tobytes()
    (folder / "upload-0001.nii.gz").write_bytes(gzip.compress(bytes(content) + b"\0" * 2**22))


def text_as_picture(folder: Path) -> None:
    (folder / "upload-0001.png").write_text(f"{WHO}, born 1950")


def hostile_mat(folder: Path) -> None:
    content = io.BytesIO()
    content.write(b"MATLAB 5.0 MAT-file, made by hand".ljust(124) + b"\x00\x01IM")
    content.write(np.array([15, 2**31 - 1], "<u4").tobytes() + b"\x78\x9c" + b"\xff" * 64)
    (folder / "upload-0001.mat").write_bytes(content.getvalue())


def enormous_picture(folder: Path) -> None:
    Image.new("1", (5000, 5000)).save(folder / "upload-0001.png")


BROKEN = [truncated_dicom, huge_nifti, text_as_picture, hostile_mat, enormous_picture]


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_broken_file_is_one_clear_sentence(
    drawn: Trained, tmp_path: Path, make: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    make(upload(tmp_path))
    outcome = outcome_of(drawn, tmp_path)
    assert outcome.made is None
    assert outcome.problem[0].isupper()
    assert outcome.problem.endswith((".", "?"))
    assert "\n" not in outcome.problem
    assert "upload-0001" in outcome.problem
    for secret in (str(tmp_path), WHO, "Traceback"):
        assert secret not in outcome.problem
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / RESULTS).exists()


def test_a_file_of_segment_is_predicted(drawn: Trained, tmp_path: Path) -> None:
    write_v7(upload(tmp_path) / "upload-0001.mat", [stack()])
    made = made_of(drawn, tmp_path, heart="centre")
    assert [case.kind for case in made.cases] == ["Segment"]
    assert not made.cases[0].is_volume
    assert "masks.zip" in made.downloads


def test_a_study_without_networks_is_a_sentence(tmp_path: Path) -> None:
    study = make_trained(tmp_path / "study")
    for run in study.runs:
        run.status.unlink()
    folder = tmp_path / "job"
    folder.mkdir()
    Image.fromarray(np.asarray(study.dataset.images[0])).save(upload(folder) / "upload-0001.png")
    assert "no finished network" in outcome_of(study, folder).problem
