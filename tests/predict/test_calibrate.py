"""`myosweep calibrate` on a study: what is asked, kept, refused and printed."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.analysis.clinical.cohort import clinical_study, cohort
from tests.predict.conftest import Trained, give_weights
from tests.toy import toy_study

from myosweep.data.split import read_split
from myosweep.errors import StudyError
from myosweep.metrics import dice, tp_fp_fn
from myosweep.metrics.agreement import mean_pairwise_dice
from myosweep.metrics.overlap import confusion_matrix
from myosweep.predict import calibrate
from myosweep.predict.calibrate import Options, reliability_tables
from myosweep.predict.open import open_model
from myosweep.report.reliability import stored_reliability
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results
from myosweep.results.reliability import WHOLE, read_tables, write_tables

VALUE = ["5e-5"]


def study(folder: Path, **config: object) -> Trained:
    """Two values with two drawn networks each, on 15 patients: 9, 3 and 3 of them."""
    toy = toy_study(
        folder, {(5e-3,): (1, 2), (5e-5,): (0, 1)}, baselines=False, patients=15, **config
    )
    found = Trained(toy.folder, toy.data)
    for seed, run in enumerate(found.runs):
        give_weights(run, seed)
    return found


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return study(tmp_path_factory.mktemp("drawn"))


def test_tables_hold_what_the_networks_say(drawn: Trained):
    tables, folder = reliability_tables(drawn.folder, VALUE, Options(threads=1))
    assert (tables.about.samples, tables.about.copies) == (2, 1)
    assert tables.about.label == "L2 strength 0.00005"
    split = read_split(StudyFolder(drawn.folder).split())
    rows = split.rows("test", drawn.dataset)
    model = open_model(drawn.folder, VALUE, threads=1)
    pixels, padding = np.asarray(drawn.dataset.images[rows]), drawn.dataset.padding(rows)
    answers = model.probabilities(pixels, padding).argmax(1).astype(np.uint8)
    votes = model.ask(pixels, padding, 1).votes
    reference = drawn.dataset.reference(model.facts.scheme, rows)
    for number, region in enumerate(model.facts.scheme.names):
        rows_of = tables.slices["region"] == region
        table = tables.slices[rows_of & (tables.slices["part"] == "test")]
        assert table["slice"].tolist() == list(split.test)
        expected = [
            float(dice(*(n[number] for n in tp_fp_fn(confusion_matrix(r, a, 3)))))
            for r, a in zip(reference, answers, strict=True)
        ]
        assert table["dice"].tolist() == pytest.approx(expected)
        there = (answers == number).any((1, 2))
        agreed = np.where(there, mean_pairwise_dice(votes == number), 0)
        assert table["score"].tolist() == pytest.approx(agreed)
        assert table["answer_px"].tolist() == (answers == number).sum((1, 2)).tolist()
    again = read_tables(folder)
    assert again is not None
    assert again.slices.equals(tables.slices)


def test_pixels_are_counted_once_for_each_region(drawn: Trained):
    tables, _ = reliability_tables(drawn.folder, VALUE, Options(threads=1))
    sums = tables.pixels.groupby(["part", "region", "calibrated"])[["n", "p_sum", "hits"]].sum()
    for part in ("validation", "test"):
        for calibrated in (False, True):
            regions = sums.loc[part].xs(calibrated, level="calibrated")
            assert regions["n"].nunique() == 1
            own = regions.drop(WHOLE)
            assert own["p_sum"].sum() == pytest.approx(regions["n"].iloc[0], rel=1e-5)
            assert own["hits"].sum() == regions["n"].iloc[0]
    before, after = (sums.loc[("validation", WHOLE, calibrated)] for calibrated in (False, True))
    assert before["hits"] == after["hits"]  # a temperature never changes the answer
    assert before["p_sum"] != after["p_sum"]


def test_networks_are_asked_once(drawn: Trained, monkeypatch: pytest.MonkeyPatch):
    first, _ = reliability_tables(drawn.folder, VALUE, Options(threads=1))
    monkeypatch.setattr(calibrate, "torch_model", None)
    second, _ = reliability_tables(drawn.folder, VALUE)
    assert second.about == first.about
    with pytest.raises(TypeError):
        reliability_tables(drawn.folder, VALUE, Options(again=True))


def test_the_whole_wall_is_asked_about_where_infarct_is_told_apart(
    shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = cohort(tmp_path / "data", patients=8)
    toy = clinical_study(tmp_path, {(5e-5,): (0, 1)}, data=data)
    for seed, run in enumerate(Trained(toy.folder, toy.data).runs):
        give_weights(run, seed, regions=5)
    out = shell("calibrate", toy.folder, "--value", "5e-5", "--threads", 1)
    assert "(Dice of the myocardium below 0.6)" in out
    tables, folder = reliability_tables(toy.folder, VALUE)
    by_region = tables.slices.set_index(["region", "part", "slice"]).sort_index()
    parts = ("normal myocardium", "infarct", "no-reflow")
    for column in ("reference_px", "answer_px"):
        of_parts = sum(by_region.loc[name, column] for name in parts)
        assert by_region.loc["myocardium", column].tolist() == of_parts.tolist()
    assert by_region.loc["myocardium", "reference_px"].min() > 0
    named = shell("calibrate", toy.folder, "--value", "5e-5", "--region", "infarct", "--json")
    assert json.loads(named)["limits"]["region"] == "infarct"
    known = tables.slices[tables.slices["region"] != "myocardium"]
    write_tables(folder, replace(tables, slices=known))  # as an older version wrote them
    monkeypatch.setattr(calibrate, "torch_model", None)
    with pytest.raises(TypeError):
        reliability_tables(toy.folder, VALUE)


def test_one_network_is_asked_about_mirrored_copies(drawn: Trained):
    run = drawn.of_value(5e-3)[0]
    tables, _ = reliability_tables(run.path, (), Options(threads=1))
    assert (tables.about.samples, tables.about.copies) == (2, 2)
    assert tables.about.label == "L2 strength 0.005, seed 0"


def test_command_section_and_prediction(shell, tmp_path: Path, drawn: Trained):
    out = shell("calibrate", drawn.folder, "--value", "5e-5", "--csv", "s.csv", "--threads", 1)
    assert out.startswith("Conclusion\nOf ")
    assert "the 2 networks agree on the myocardium" in out
    assert "Few failures: 3 validation patients had" in out
    with Path("s.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12 * 3
    found = json.loads(
        shell("calibrate", drawn.folder, "--value", "5e-5", "--failure", "0.9", "--json")
    )
    assert found["limits"]["failure"] == 0.9
    assert found["test"]["slices"] == 6
    assert found["pixels"][0]["region"] is None
    section = stored_reliability(read_results(drawn.folder))
    assert section is not None
    assert "figure-R1-reliability" in {drawing.name for drawing, _ in section.drawings}
    drawn.write_pictures(tmp_path / "new")
    out = shell("predict", drawn.folder, "new", "out", "--value", "5e-5", "--threads", 1)
    assert "Look at" in out
    assert "of 5 slices; slices.csv lists them, worst first:" in out
    assert "on test patients" in out
    shell("export", drawn.folder, "exported", "--as", "safetensors", "--value", "5e-5")
    shell("predict", "exported", "new", "again", "--threads", 1)
    assert Path("again/slices.csv").read_text() == Path("out/slices.csv").read_text()


def test_prediction_without_a_calibration_says_which_command_makes_one(
    shell, tmp_path: Path, trained: Trained
):
    trained.write_pictures(tmp_path / "new", 2)
    out = shell("predict", trained.folder, "new", "out", "--value", "5e-3", "--threads", 1)
    assert "slices.csv has the agreement on the myocardium" in out
    assert "`myosweep calibrate` finds out" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--value", "7"], "means 0 of them; give one of"),
        (["--value", "5e-5", "--copies", "3"], "--copies is one of 1, 2, 4, 8, got 3"),
        (
            ["--value", "5e-5", "--region", "heart"],
            "regions blood pool, myocardium, got 'heart'",
        ),
        (["--value", "5e-5", "--failure", "2"], "--failure lies between 0 and 1, got 2"),
        (["--value", "5e-5", "--again", "--dataset", "none"], "'none' is not a dataset"),
    ],
)
def test_errors_say_the_way_out(shell, drawn: Trained, words, message):
    shell("calibrate", drawn.folder, *words, code=2)
    assert message in shell.err


def test_one_network_and_one_copy_are_refused(shell, drawn: Trained):
    shell("calibrate", drawn.of_value(5e-3)[0].path, "--copies", 1, code=2)
    assert "agrees with itself; give --copies 2" in shell.err


def test_unfinished_runs_and_other_folders_are_refused(shell, tmp_path: Path, trained: Trained):
    run = trained.of_value(5e-3)[0]
    run.status.unlink()
    shell("calibrate", run.path, code=2)
    assert "has not finished (still to do)" in shell.err
    shell("calibrate", tmp_path, code=2)
    assert "is no study, nor a run of one" in shell.err
    (tmp_path / "model.onnx").touch()
    shell("calibrate", "model.onnx", code=2)
    assert "is an exported model, which does not bring its validation patients" in shell.err


def test_networks_of_different_splits_are_refused_but_each_alone_is_not(tmp_path: Path):
    folds = {"design": "folds", "folds": 2, "repeats": 1}
    found = study(tmp_path, replicates=folds)
    with pytest.raises(StudyError, match=r"2 different splits \(folds\)"):
        reliability_tables(found.folder, VALUE)
    tables, _ = reliability_tables(found.of_value(5e-5)[1].path, (), Options(threads=1))
    assert set(tables.slices["part"]) == {"validation", "test"}


def test_patients_in_several_parts_are_refused(tmp_path: Path):
    found = study(tmp_path, split={"by": "slice"}, allow_leakage=True)
    with pytest.raises(StudyError, match="patients stand in several parts of the split"):
        reliability_tables(found.folder, VALUE)
