"""Volumes and masses of predicted hearts: by hand, of every source, and when continued."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from tests.data.dicom_files import write_series
from tests.data.nifti_files import patch, save_stack
from tests.predict.conftest import Trained
from tests.predict.models import FIVE, REGIONS, grey_model, in_steps
from tests.predict.test_geometry import run
from tests.shell import Shell

from myosweep.errors import InputError, StudyError
from myosweep.metrics.clinical import parts_of
from myosweep.predict.cases import find_cases
from myosweep.predict.model import Model
from myosweep.predict.outputs import record_files
from myosweep.predict.run import Outcome, plan_prediction, predict


def heart() -> np.ndarray:
    """Two slices with 6 pixels of cavity, 10 normal, 3 infarct and 1 no-reflow; a third without."""
    images = np.zeros((3, 16, 16), np.uint8)
    for at in (0, 1):
        for row, (count, grey) in enumerate(((3, 50), (5, 100)), start=4):
            images[at, row, 4 : 4 + count] = grey
    images[0, 8, 4:7] = 150
    images[1, 8, 4] = 200
    return images


def of_five() -> Model:
    return grey_model(16, 16, in_steps, regions=FIVE)


def measured(out: Path) -> dict[str, dict[str, str]]:
    with (out / "measures.csv").open(newline="", encoding="utf-8") as file:
        return {row["heart"]: row for row in csv.DictReader(file)}


def ask(model: Model, folder: Path, out: Path, patient: str | None = None) -> Outcome:
    found = find_cases(folder, out=out, patient=patient)
    return predict(model, plan_prediction(found, out, ["measures"]), out, patient=patient)


def test_a_volume_by_hand(tmp_path: Path) -> None:
    save_stack(tmp_path / "in" / "P1.nii.gz", heart(), spacing=(2.0, 2.0, 10.0))
    outcome = ask(of_five(), tmp_path / "in", tmp_path / "out")
    assert not outcome.problems
    row = measured(tmp_path / "out")["P1"]
    assert (row["slices"], row["slices_with_myocardium"], row["words"]) == ("3", "2", "")
    # a pixel is 2 x 2 x 10 mm, 0.04 ml
    expected = {
        "cavity_px": 6, "cavity_ml": 0.24,
        "myocardium_px": 14, "myocardium_ml": 0.56, "myocardium_g": 0.588,
        "infarct_px": 4, "infarct_ml": 0.16, "infarct_g": 0.168, "infarct_percent": 400 / 14,
        "no_reflow_px": 1, "no_reflow_ml": 0.04, "no_reflow_percent": 100 / 14,
        "no_reflow_percent_of_infarct": 25,
    }  # fmt: skip
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected, abs=0.006)
    (one,) = outcome.hearts
    assert one.amounts.myocardium.g == pytest.approx(0.588)
    assert (tmp_path / "out" / "masks" / "P1.nii.gz").exists()


def test_oblong_voxels_are_measured_as_the_mask_lies_on_them(tmp_path: Path) -> None:
    wall = np.full((3, 16, 32), 120, np.uint8)
    save_stack(tmp_path / "in" / "P1.nii.gz", wall, spacing=(0.7, 1.4, 9.0))
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    codes = np.asarray(nib.load(tmp_path / "out" / "masks" / "P1.nii.gz").dataobj)
    row = measured(tmp_path / "out")["P1"]
    assert int(row["myocardium_px"]) == (codes >= 2).sum() > 20
    expected = (codes >= 2).sum() * 0.7 * 1.4 * 9 / 1000
    assert float(row["myocardium_ml"]) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("spacing", [(1400, 1400, 10), (0.0014, 0.0014, 10), (1.4, 1.4, 8000)])
def test_impossible_distances_count_as_unknown(
    tmp_path: Path, spacing: tuple[float, float, float]
) -> None:
    save_stack(tmp_path / "in" / "P1.nii.gz", heart(), spacing=spacing)
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    row = measured(tmp_path / "out")["P1"]
    assert (row["myocardium_px"], row["myocardium_ml"]) == ("14", "")
    assert "not known: no ml and no g" in row["words"]


def test_a_header_with_two_spacings_is_told(tmp_path: Path) -> None:
    file = save_stack(tmp_path / "in" / "P1.nii.gz", heart(), spacing=(2.0, 2.0, 10.0))
    patch(file, **{"pixdim": [1, 3, 3, 10, 0, 0, 0, 0]})
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    row = measured(tmp_path / "out")["P1"]
    assert row["words"] == "one spacing in pixdim and another in the affine; pixdim was taken"
    assert float(row["cavity_ml"]) == pytest.approx(6 * 0.09)


@pytest.mark.parametrize("gap", [8.0, 12.5])
def test_a_series_is_measured_with_its_distance_of_slices(tmp_path: Path, gap: float) -> None:
    write_series(tmp_path / "in", heart(), spacing_yx=(1.5, 1.5), gap=gap, patient="ID-77")
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    (row,) = measured(tmp_path / "out").values()
    assert float(row["myocardium_ml"]) == pytest.approx(14 * 1.5 * 1.5 * gap / 1000, abs=0.006)
    assert "ID-77" not in "".join(p.read_text() for _, p in _records(tmp_path / "out"))


def test_a_series_with_uneven_distances_has_pixels_only(tmp_path: Path) -> None:
    def move(dataset: object, at: int) -> None:
        dataset.ImagePositionPatient = [-30, 20, 100 + (0, 8, 29)[at]]  # type: ignore[attr-defined]

    write_series(tmp_path / "in", heart(), change=move)
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    (row,) = measured(tmp_path / "out").values()
    assert (row["myocardium_px"], row["myocardium_ml"], row["infarct_g"]) == ("14", "", "")
    assert float(row["infarct_percent"]) == pytest.approx(28.57)
    assert row["words"] == "distance of slices not known: no ml and no g"


def write_pictures(folder: Path, patient: str) -> None:
    folder.mkdir(exist_ok=True)
    for at, image in enumerate(heart()):
        Image.fromarray(image).save(folder / f"{patient}_s{at}.png")


def test_pictures_of_a_patient_are_one_heart_also_in_two_turns(tmp_path: Path) -> None:
    folder, out, pattern = tmp_path / "in", tmp_path / "out", r"(?P<patient>P\d)_"
    write_pictures(folder, "P2")
    ask(of_five(), folder, out, pattern)
    alone = measured(out)["P2"]
    assert (alone["slices"], alone["myocardium_px"], alone["myocardium_ml"]) == ("3", "14", "")
    assert alone["words"] == "pixel spacing not known: no ml and no g"
    write_pictures(folder, "P1")
    outcome = ask(of_five(), folder, out, pattern)
    assert outcome.slices == 3  # the others were there
    assert list(measured(out)) == ["P1", "P2"]
    assert measured(out)["P2"] == alone


def test_a_heart_that_lacks_a_damaged_picture_says_so_until_it_is_mended(tmp_path: Path) -> None:
    folder, out, pattern = tmp_path / "in", tmp_path / "out", r"(?P<patient>P\d)_"
    for patient in ("P1", "P2"):
        write_pictures(folder, patient)
    damaged = folder / "P1_s1.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-30])
    for _ in range(2):
        assert len(ask(of_five(), folder, out, pattern).problems) == 1
        assert "1 picture of it could not be predicted" in measured(out)["P1"]["words"]
        assert measured(out)["P2"]["words"].startswith("pixel spacing")
    damaged.write_bytes(whole)
    assert not ask(of_five(), folder, out, pattern).problems
    assert measured(out)["P1"]["words"] == measured(out)["P2"]["words"]


def test_networks_that_do_not_tell_infarct_and_hearts_without_a_wall(tmp_path: Path) -> None:
    save_stack(tmp_path / "in" / "P1.nii", np.zeros((2, 16, 16), np.uint8))
    ask(grey_model(16, 16), tmp_path / "in", tmp_path / "out")
    row = measured(tmp_path / "out")["P1"]
    assert (row["infarct_px"], row["infarct_percent"], row["no_reflow_g"]) == ("", "", "")
    assert (row["myocardium_ml"], row["words"]) == ("0.00", "no myocardium found")


def test_what_regions_mean_may_be_said_anew(tmp_path: Path) -> None:
    save_stack(tmp_path / "in" / "P1.nii", heart())
    regions = {"back": (0,), "hole": (1,), "wall": (2,), "bright": (3,), "dark": (4,)}
    model = grey_model(16, 16, in_steps, regions=regions)
    out = tmp_path / "out"
    with pytest.raises(InputError, match="clinical measures need the cavity and the myocardium"):
        ask(model, tmp_path / "in", out)
    assert not out.exists()
    scheme = model.facts.scheme
    named = {"hole": "cavity", "wall": "myocardium", "bright": "infarct", "dark": "myocardium"}
    plan = plan_prediction(find_cases(tmp_path / "in"), out, ["measures"])
    predict(model, plan, out, parts=parts_of(scheme, named))
    assert measured(out)["P1"]["infarct_px"] == "3"
    named["dark"] = "no-reflow"
    plan = plan_prediction(find_cases(tmp_path / "in"), out, ["measures"])
    assert not plan.todo
    predict(model, plan, out, parts=parts_of(scheme, named))
    assert measured(out)["P1"]["infarct_px"] == "4"


@pytest.mark.parametrize(
    "change",
    [
        {"spacing_mm": [8, -1, 1]},
        {"spacing_mm": [8]},
        {"pixels": [[1, 2]]},
        {"regions": 3},
        {"pixels": "many"},
    ],
)
def test_damaged_counts_are_one_clear_error(tmp_path: Path, change: dict[str, object]) -> None:
    save_stack(tmp_path / "in" / "P1.nii", heart())
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    file = tmp_path / "out" / "measures" / "P1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(StudyError, match=r"P1\.json' are damaged; remove that file"):
        ask(of_five(), tmp_path / "in", tmp_path / "out")
    file.unlink()
    ask(of_five(), tmp_path / "in", tmp_path / "out")
    assert measured(tmp_path / "out")["P1"]["infarct_px"] == "4"


def test_without_measures_nothing_is_measured(tmp_path: Path) -> None:
    save_stack(tmp_path / "in" / "P1.nii", heart())
    outcome = run(tmp_path / "in", tmp_path / "out", (16, 16), regions=REGIONS)
    assert not outcome.hearts
    assert not (tmp_path / "out" / "measures.csv").exists()


def test_the_command_measures(
    trained: Trained, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained.write_pictures(tmp_path / "new", 3)
    words = ("predict", trained.folder, "new", "out", "--value", "5e-5", "--threads", 1)
    shell(*words, "--as", "measures", "--structure", "cavity=nowhere", code=2)
    assert "there is no region 'nowhere'" in shell.err
    shell(*words, "--as", "measures", "--structure", "cave=blood pool", code=2)
    shell(*words, "--structure", "cavity=blood pool", code=2)
    assert "give --as measures" in shell.err
    assert not Path("out").exists()
    said = shell(*words, "--as", "measures")
    assert "measures.csv has volumes and masses of 3 hearts" in said
    assert "Of 3 the spacing is not known" in said + shell.err
    rows = measured(Path("out"))
    codes = {name: np.asarray(Image.open(f"out/masks/{name}.png")) for name in rows}
    myocardium = next(k.codes[0] for k in trained.dataset.scheme.regions if k.name == "myocardium")
    for name, row in rows.items():
        assert int(row["myocardium_px"]) == (codes[name] == myocardium).sum()


def _records(out: Path) -> list[tuple[str, Path]]:
    return list(record_files(out, "measures"))
