"""Results count as done only if they were made from the very same source."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.dicom_files import write_series
from tests.data.nifti_files import save_stack
from tests.data.segment_files import stack, write_v7
from tests.predict.conftest import Trained
from tests.predict.models import codes_by_grey, grey_model
from tests.predict.test_geometry import greys
from tests.shell import Shell

from myosweep.errors import StudyError
from myosweep.files import read_json, write_json
from myosweep.predict.cases import find_cases
from myosweep.predict.folder import SOURCES
from myosweep.predict.outputs import Form
from myosweep.predict.record import RECORD
from myosweep.predict.run import Outcome, Plan, plan_prediction, predict

SIZE = (24, 20)


def plan_of(folder: Path, out: Path, *forms: Form, **options: object) -> Plan:
    return plan_prediction(find_cases(folder, out=out, **options), out, forms)


def done(folder: Path, out: Path, *forms: Form, **options: object) -> Outcome:
    return predict(grey_model(*SIZE), plan_of(folder, out, *forms, **options), out, heart="centre")


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(greys(seed, SIZE)).save(path)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WRITERS: dict[str, Callable[[Path, int], object]] = {
    "DICOM": lambda folder, seed: write_series(folder, greys(seed), patient=f"ID-{seed}"),
    "NIfTI": lambda folder, seed: save_stack(folder / "lge.nii.gz", greys(seed)),
    "picture": lambda folder, seed: picture(folder / "lge.png", seed),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_second_patient_does_not_get_the_first_ones_mask(tmp_path: Path, kind: str) -> None:
    for seed in (1, 2):
        (tmp_path / f"patient{seed}").mkdir()
        WRITERS[kind](tmp_path / f"patient{seed}", seed)
    out = tmp_path / "out"
    assert done(tmp_path / "patient1", out).cases == 1
    before = everything(out)
    for forms in ((), ("png",), ("contours",)):  # nor beside it, in another form
        with pytest.raises(StudyError, match=r"made from other images.*give another folder"):
            plan_of(tmp_path / "patient2", out, *forms)
    assert everything(out) == before
    assert len(plan_of(tmp_path / "patient1", out).done) == 1
    assert done(tmp_path / "patient2", tmp_path / "other").cases == 1


def test_the_command_names_them_and_changes_nothing(
    trained: Trained, tmp_path: Path, shell: Shell
) -> None:
    names = trained.write_pictures(tmp_path / "images", 4)
    command = ("predict", trained.runs[0].path, "images", "out", "--device", "cpu")
    shell(*command)
    for name in names[:2]:  # replaced under its old name
        picture(tmp_path / "images" / f"{name}.png", 1)
    (tmp_path / "out" / "masks" / f"{names[2]}.png").unlink()
    before = everything(tmp_path / "out")
    for words in (command, (*command, "--dry-run")):
        shell(*words, code=2)
        told = " ".join(shell.err.split())
        named = f"image '{names[0]}', image '{names[1]}'"
        assert f"'out' has results under the names of {named} that were made from" in told
        assert "give another folder for the results" in told
        assert names[2] not in told
        assert names[3] not in told
    assert everything(tmp_path / "out") == before


def test_the_same_bytes_from_another_place_are_the_same_source(tmp_path: Path) -> None:
    write_series(tmp_path / "in" / "series", greys())
    assert done(tmp_path / "in" / "series", tmp_path / "out").cases == 1
    shutil.move(tmp_path / "in" / "series", tmp_path / "moved")
    assert len(plan_of(tmp_path / "moved", tmp_path / "out").done) == 1
    assert done(tmp_path / "moved", tmp_path / "out", "png").cases == 1  # a form more


def test_another_stack_of_one_file_is_another_source(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v7(tmp_path / "in" / "heart.mat", [stack(4), stack(3)])
    assert done(tmp_path / "in", tmp_path / "out", stack_number=1).cases == 1
    assert len(plan_of(tmp_path / "in", tmp_path / "out", stack_number=1).done) == 1
    with pytest.raises(StudyError, match=r"names of file 'heart.mat' that were made from other"):
        plan_of(tmp_path / "in", tmp_path / "out", stack_number=2)


def test_a_damaged_file_that_was_mended_is_predicted(tmp_path: Path) -> None:
    """It has no results yet, so none are of another source."""
    picture(tmp_path / "in" / "a.png", 1)
    picture(tmp_path / "in" / "b.png", 2)
    whole = (tmp_path / "in" / "b.png").read_bytes()
    (tmp_path / "in" / "b.png").write_bytes(whole[:-60])
    outcome = done(tmp_path / "in", tmp_path / "out")
    assert (outcome.cases, len(outcome.problems)) == (1, 1)
    (tmp_path / "in" / "b.png").write_bytes(whole)
    assert done(tmp_path / "in", tmp_path / "out").cases == 1
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "b.png"))
    np.testing.assert_array_equal(mask, codes_by_grey(greys(2, SIZE)))
    assert len(plan_of(tmp_path / "in", tmp_path / "out").done) == 2


def test_a_series_with_a_damaged_slice_waits_until_it_is_mended(tmp_path: Path) -> None:
    """Predicted without it, it would be another series once it is whole."""
    for name in ("p1", "p2"):
        write_series(tmp_path / "in" / name, greys())
    last = sorted((tmp_path / "in" / "p1").iterdir())[-1]
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 3])
    outcome = done(tmp_path / "in", tmp_path / "out")
    assert outcome.cases == 1
    assert "series 'p1/' may lack slices: files of its folder cannot be read" in outcome.problems[1]
    last.write_bytes(whole)
    outcome = done(tmp_path / "in", tmp_path / "out")
    assert (outcome.cases, outcome.problems) == (1, [])


def flat_folder(folder: Path) -> tuple[bytes, int]:
    """Two series side by side, as many archives export; a file, and where its series' UID ends."""
    written = write_series(folder, greys(), names=[f"A{at}.dcm" for at in range(4)])
    write_series(folder, greys(1), names=[f"B{at}.dcm" for at in range(4)])
    content, uid = written.files[1].read_bytes(), written.datasets[1].SeriesInstanceUID
    return content, content.index(str(uid).encode()) + len(uid)


@pytest.mark.parametrize("rest", [b"", b"\xff" * 3000], ids=["cut off", "overwritten"])
def test_a_damaged_slice_keeps_back_its_own_series_alone(tmp_path: Path, rest: bytes) -> None:
    content, end = flat_folder(tmp_path / "in")
    (tmp_path / "in" / "A1.dcm").write_bytes(content[: end + 40] + rest)
    found = find_cases(tmp_path / "in")
    assert [case.name for case in found.cases] == ["B0"]
    assert found.problems[0].startswith("file 'A1.dcm' ")
    assert found.problems[1].startswith("series 'A0.dcm' may lack slices: files of it cannot be")
    assert len(found.problems) == 2


@pytest.mark.parametrize(("lost", "whole"), [("A1.dcm", ["B0"]), ("A3.dcm", ["A0", "B0"])])
def test_a_damaged_file_of_no_known_series_keeps_back_those_with_a_gap(
    tmp_path: Path, lost: str, whole: list[str]
) -> None:
    flat_folder(tmp_path / "in")
    (tmp_path / "in" / lost).write_bytes(bytes(128) + b"DICM" + b"\xff" * 3000)
    found = find_cases(tmp_path / "in")
    assert [case.name for case in found.cases] == whole
    assert found.problems[0] == f"file {lost!r} cannot be read as a DICOM file; is it damaged?"
    kept = (
        "series 'A0.dcm' may lack slices: files of its folder cannot be read; mend or remove them"
    )
    assert found.problems[1:] == [kept][: 2 - len(whole)]


def test_results_of_an_earlier_prediction_are_no_images(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    save_stack(tmp_path / "in" / "b.nii.gz", greys())
    for name in ("first", "second"):
        assert done(tmp_path / "in", tmp_path / "in" / name, "overlay").cases == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_links_to_results_are_no_images_either(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    assert done(tmp_path / "in", tmp_path / "in" / "out", "png", "overlay").cases == 1
    (tmp_path / "in" / "mask.png").symlink_to(tmp_path / "in" / "out" / "masks" / "a.png")
    (tmp_path / "in" / "again.png").symlink_to(tmp_path / "in" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for place in (tmp_path / "in", tmp_path / "link"):
        assert [case.name for case in find_cases(place).cases] == ["a", "again"]


def test_each_folder_is_looked_up_once_among_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        picture(tmp_path / "in" / f"{number}.png", 1)
    resolve, resolved = Path.resolve, []

    def counting(path: Path, strict: bool = False) -> Path:
        resolved.append(path)
        return resolve(path, strict)

    monkeypatch.setattr(Path, "resolve", counting)
    assert len(find_cases(tmp_path / "in", out=tmp_path / "out").cases) == 20
    assert len(resolved) == 3  # the input, the folder of results, and the pictures' one


def test_a_name_that_is_too_long_stops_no_other(tmp_path: Path) -> None:
    for name in ("a" * 240, "z"):
        picture(tmp_path / "in" / f"{name}.png", 1)
    outcome = done(tmp_path / "in", tmp_path / "out")
    assert outcome.cases == 1
    assert "has a name of 240 bytes, too long for files of results" in outcome.problems[0]


def test_pictures_that_the_pattern_does_not_match_are_left_out(tmp_path: Path) -> None:
    for name in ("P1_a", "other"):
        picture(tmp_path / "in" / f"{name}.png", 1)
    outcome = done(tmp_path / "in", tmp_path / "out", patient=r"(?P<patient>P\d)_")
    assert outcome.cases == 1
    assert "does not match the patient pattern" in outcome.problems[0]


def test_results_need_a_folder(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(StudyError, match="'out' is a file; give a folder for the results"):
        done(tmp_path / "in", tmp_path / "out")


def test_a_fingerprint_without_results_is_replaced(tmp_path: Path) -> None:
    """As after a kill between the two."""
    picture(tmp_path / "in" / "a.png", 1)
    done(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / "masks" / "a.png").unlink()
    picture(tmp_path / "in" / "a.png", 2)
    assert done(tmp_path / "in", tmp_path / "out").cases == 1
    assert len(plan_of(tmp_path / "in", tmp_path / "out").done) == 1


def test_a_file_that_is_replaced_in_between_does_not_mix(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    done(tmp_path / "in", tmp_path / "out")
    plan = plan_of(tmp_path / "in", tmp_path / "out", "png", "contours")
    assert len(plan.todo) == 1
    picture(tmp_path / "in" / "a.png", 2)
    outcome = predict(grey_model(*SIZE), plan, tmp_path / "out", heart="centre")
    assert outcome.problems == [
        "image 'a' has got results of another source in the meantime; give another folder for the "
        "results"
    ]
    assert not (tmp_path / "out" / "contours").exists()


def test_results_of_an_older_version_are_of_an_unknown_source(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    out = tmp_path / "out"
    done(tmp_path / "in", out)
    shutil.rmtree(out / SOURCES)
    record = read_json(out / RECORD)
    write_json(out / RECORD, {name: one for name, one in record.items() if name != "salt"})
    with pytest.raises(StudyError, match="by an older version, which did not note from which"):
        plan_of(tmp_path / "in", out)
    picture(tmp_path / "more" / "b.png", 2)
    assert done(tmp_path / "more", out).cases == 1  # other names may join them
    assert len(plan_of(tmp_path / "more", out).done) == 1


def test_a_dicom_seg_of_another_patient_in_a_shared_folder(tmp_path: Path) -> None:
    """Its place is not in the folder of results; it tells itself which images it is of."""
    for seed in (1, 2):
        write_series(tmp_path / f"p{seed}", greys(seed), patient=f"ID-{seed}")
    vault = tmp_path / "vault"
    assert done(tmp_path / "p1", tmp_path / "o1", "dicom-seg", seg_folder=vault).cases == 1
    before = everything(vault)
    with pytest.raises(StudyError, match=r"DICOM SEG files under the names of series 'IM000.dcm'"):
        plan_of(tmp_path / "p2", tmp_path / "o2", "dicom-seg", seg_folder=vault)
    assert everything(vault) == before
    plan = plan_of(tmp_path / "p1", tmp_path / "o3", "dicom-seg", seg_folder=vault)
    assert len(plan.done) == 1  # of the same images, whatever the folder of results


def test_a_fingerprint_tells_nothing_of_the_source(tmp_path: Path) -> None:
    """Nobody can look it up: another folder has another salt."""
    written = write_series(tmp_path / "in", greys(), patient="SECRET-1")
    found = []
    for name in ("one", "other"):
        done(tmp_path / "in", tmp_path / name)
        (file,) = (tmp_path / name / SOURCES).rglob("*.json")
        assert file.name == "IM000.dicom.json"
        window = {"stack", "size", "window", "score", "refitted"}
        assert json.loads(file.read_text()).keys() == {"format", "source"} | window
        found.append(json.loads(file.read_text())["source"])
    assert [len(one) for one in found] == [32, 32]
    assert found[0] != found[1]
    texts = b"".join(everything(tmp_path / "one" / SOURCES).values())
    for secret in ("SECRET-1", str(tmp_path), str(written.datasets[0].SeriesInstanceUID)):
        assert secret.encode() not in texts


def test_a_picture_and_a_volume_may_have_one_name(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", 1)
    save_stack(tmp_path / "in" / "a.nii.gz", greys())
    assert done(tmp_path / "in", tmp_path / "out").cases == 2
    assert len(plan_of(tmp_path / "in", tmp_path / "out").done) == 2
