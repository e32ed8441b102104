"""Every command that meets a search, on a toy one, as a user types it."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import myosweep
from myosweep.analysis.conclude import conclude
from myosweep.config import study_config, write_study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import read_looks
from myosweep.results.read import read_results
from myosweep.study.extend import plan_extension
from myosweep.study.open import open_study
from myosweep.study.state import study_state
from myosweep.study.sweep import run_study
from myosweep.study.tune.progress import search_progress
from tests.shell import Shell
from tests.toy import toy_study
from tests.toy_tune import ToySearch, finished_search, toy_search


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> ToySearch:
    return finished_search(tmp_path_factory.mktemp("search"))


@pytest.fixture
def search(finished: ToySearch, tmp_path: Path) -> ToySearch:
    """A copy that a test may change."""
    shutil.copytree(finished.folder.parent, tmp_path, dirs_exist_ok=True)
    return ToySearch(replace(finished.toy, home=StudyFolder(tmp_path / "study")))


def test_conclude_says_what_tune_said(shell: Shell, search: ToySearch) -> None:
    out = shell("conclude", search.folder)
    assert "Take the settings of trial 3." in out
    assert "trial 3 is better than default" in out
    assert "To use them, write into a study file" in out
    assert len(read_looks(search.home)) == 1
    content = json.loads(shell("conclude", search.folder, "--json"))
    assert (content["outcome"], content["recommended"]) == ("take", 3)
    assert content["test"]["networks"] == 4
    for option, value in (("--margin", 0.1), ("--metric", "iou"), ("--region", "all")):
        shell("conclude", search.folder, option, value, code=2)
        assert f"leave out {option}" in shell.err


def test_report_writes_the_page_of_the_search(shell: Shell, search: ToySearch) -> None:
    assert "report.html" in shell("report", search.folder)
    assert "<h2>Answer" in search.home.report.read_text("utf-8")
    shell("report", search.folder, "--slice", "P01_000", code=2)
    assert "leave out --slice" in shell.err


def test_status_tells_trials_from_the_race(shell: Shell, search: ToySearch) -> None:
    out = shell("status", search.folder)
    assert "Search: 9 trials, 2 ended early; race: 12 networks; 0 running, 1 failed." in out
    assert "19.2 of 20.0 default runs spent; over; time left: none" in out
    labels = [run["label"] for run in json.loads(shell("status", search.folder, "--json"))["each"]]
    places = [run.place for run in study_state(search.folder).runs]
    assert len(labels) == 9 + 12
    assert places == sorted(places)


def test_time_left_is_what_the_budget_leaves(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    search.add(0, 1, seconds=100.0)
    search.add(1, 1, seconds=140.0)
    search.is_at(over=False)
    far = search_progress(search.home, study_state(search.folder))
    assert (far.spent, far.whole, far.race_over) == (2.0, 20.0, False)
    assert far.seconds_left == pytest.approx(18 * 120)
    assert "time left" not in str(far)


def test_summary_shows_no_test_score(shell: Shell, search: ToySearch) -> None:
    out = shell("summary", search.folder)
    assert "Test scores are not shown: whoever sees those of all trials can choose by them" in (
        " ".join(out.split())
    )
    assert out.count("trial ") >= 7
    assert read_looks(search.home) == ()
    rows = json.loads(shell("summary", search.folder, "--json"))
    assert [row["trial"] for row in rows] == list(range(9))
    shell("summary", search.folder, "--part", "training", code=2)
    assert "leave out --part" in shell.err


def test_table_holds_back_what_nobody_has_looked_at(shell: Shell, search: ToySearch) -> None:
    file = search.folder.parent / "counts.csv"

    def tested() -> set[tuple[str, str]]:
        with file.open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        assert {row["part"] for row in rows if row["kind"] == "trained"} >= {"validation"}
        return {
            (row["trial"], row["seed"])
            for row in rows
            if row["kind"] == "trained" and row["part"] == "test"
        }

    shell("table", search.folder, "--csv", file, "--columns")
    assert "so that nobody chooses by them" in " ".join(shell.out.split())
    assert "number of the trial" in shell.out
    assert tested() == set()
    shell("conclude", search.folder)
    shell("table", search.folder, "--csv", file)
    assert {trial for trial, _ in tested()} == {"0", "3"}
    assert {seed for _, seed in tested()} == {"1", "2", "3", "4"}


def test_info_describes_the_search(shell: Shell, search: ToySearch) -> None:
    out = shell("info", search.folder)
    assert "tune.budget" in out
    assert "20runs" in out
    assert json.loads(shell("info", search.folder, "--json"))["study"]["tune"]["startup"] == 5


def test_what_sweeps_do_is_refused_before_anything_is_written(
    shell: Shell, search: ToySearch, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in search.folder.rglob("*")}
    for words in (
        ("run", search.folder),
        ("run", search.home.study, "--out", tmp_path / "new"),
        ("run", search.folder, "--worker"),
        ("extend", search.folder, "--edge"),
        ("extend", search.folder, "--networks", 9),
        ("ensemble", search.folder, "--size", 2),
    ):
        shell(*words, code=2)
        assert "use `myosweep tune" in shell.err
        assert shell.err.count("Error") == 1
    shell("plan", "--pilot", search.folder, code=2)
    assert "is a search" in shell.err
    assert {path: path.stat().st_mtime_ns for path in search.folder.rglob("*")} == before
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "results").exists()


def test_python_refuses_the_same(search: ToySearch) -> None:
    with pytest.raises(StudyError, match="use `myosweep tune"):
        run_study(search.folder)
    with pytest.raises(StudyError, match="use `myosweep tune"):
        plan_extension(search.folder, edge=True)
    with pytest.raises(StudyError, match="test patients are looked at once"):
        conclude(read_results(search.folder))
    assert myosweep.write_report(search.folder) == search.home.report


def test_a_sweep_is_not_tuned(shell: Shell, tmp_path: Path) -> None:
    toy = toy_study(tmp_path)
    shell("tune", toy.folder, code=2)
    assert "has [sweep], so its values are fixed: use `myosweep run`" in shell.err
    plain = study_config({"name": "plain", "dataset": str(toy.data.folder)})
    write_study_config(plain, tmp_path / "plain.toml")
    shell("tune", tmp_path / "plain.toml", code=2)
    assert "has no [tune]" in shell.err
    assert not (tmp_path / "results").exists()


def test_a_wrong_budget_is_one_error(shell: Shell, search: ToySearch) -> None:
    shell("tune", search.folder, "--budget", "soon", code=2)
    assert "--budget: a budget is a number of default runs or a time, got 'soon'" in shell.err


def test_a_small_search_from_start_to_end(shell: Shell, tmp_path: Path) -> None:
    data = make_phantom(tmp_path / "data", patients=10, seed=1, size=32)
    space = {
        "l2.strength": {"low": 1e-6, "high": 1e-2, "log": True},
        "l2.kind": ["penalty", "decoupled"],
    }
    space["l2.strength"]["when"] = {"l2.kind": "penalty"}  # type: ignore[index, call-overload]
    study = study_config(
        {
            "name": "small",
            "dataset": str(data.folder),
            "split": {"fractions": [0.4, 0.3, 0.3]},
            "settings": {"first_filters": 2, "depth": 2, "epochs": 2, "precision": "float32"},
            "tune": {"budget": "4runs", "startup": 2, "race_share": 0.25, "space": space},
        }
    )
    write_study_config(study, tmp_path / "small.toml")
    out = " ".join(shell("tune", tmp_path / "small.toml", "--dry-run", "--device", "cpu").split())
    assert "L2 kind is penalty" in out
    assert "A default run takes about" in out
    assert "the budget is about 4 default runs" in out
    assert "a race of one contender takes 6 default runs" in " ".join(shell.err.split())
    assert not (tmp_path / "results").exists()
    shell("tune", tmp_path / "small.toml", "--device", "cpu")
    folder = StudyFolder(tmp_path / "results" / "small")
    assert f"Report: {Path('results/small/report.html')}" in shell.out
    assert "<h2>Answer" in folder.report.read_text("utf-8")
    first = json.loads(shell("conclude", folder.path, "--json"))
    assert [one["status"] for one in first["trials"]] == ["complete"] * 3
    assert first["trials"][0]["values"]["l2.strength"] == 1e-4
    assert first["budget"]["optuna"]
    again = json.loads(shell("tune", folder.path, "--device", "cpu", "--json"))
    assert again == first
    assert open_study(folder.path, device="cpu", write=False).config.tune == study.tune
