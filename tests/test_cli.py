"""Every command, on a toy study, as a user types it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from myosweep.config import StudyConfig, write_study_config
from myosweep.data.store import Dataset
from tests.shell import Shell
from tests.toy import PAPER, toy_study

COMMANDS = [
    "demo", "import", "import png", "import segment", "import dicom", "import nifti", "phantom",
    "audit", "export", "split", "info", "settings", "run", "status",
    "tune", "ensemble", "score", "summary", "clinical", "report", "table", "plan", "verdict",
    "conclude", "extend", "calibrate", "predict", "card", "serve",
]  # fmt: skip


@pytest.fixture
def study_file(small_study: StudyConfig, tmp_path: Path) -> Path:
    write_study_config(small_study, tmp_path / "small.toml")
    return tmp_path / "small.toml"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(shell: Shell, command: str) -> None:
    assert "Usage:" in shell(*command.split(), "--help")


def test_every_command_is_in_the_list(shell: Shell) -> None:
    from typer.main import get_command

    from myosweep.cli.app import app

    group: Any = get_command(app)
    names = set(group.commands) | {f"import {name}" for name in group.commands["import"].commands}
    assert names == set(COMMANDS)


def test_version(shell: Shell) -> None:
    assert shell("--version").startswith("myosweep 0.")


def test_a_study_from_start_to_end(shell: Shell, study_file: Path, tmp_path: Path) -> None:
    out = shell("run", study_file, "--dry-run")
    assert "4 runs to do, 0 done" in out
    assert not (tmp_path / "results").exists()
    out = shell("run", study_file, "--jobs", 2)
    folder = tmp_path / "results" / "small"
    assert "myocardium" in out
    assert str(Path("results/small/report.html")) in out
    (folder / "report.html").unlink()
    assert "4 runs, 0 to do" in (shell("run", folder), shell.err)[1]
    assert (folder / "report.html").is_file()
    assert "4 of 4 runs done" in shell("status", folder)
    status = json.loads(shell("status", folder, "--json"))
    assert (status["runs"], status["done"], status["failed"]) == (4, 4, 0)
    rows = json.loads(shell("summary", folder, "--json"))
    assert {row["l2.strength"] for row in rows} == {5e-3, 5e-5}
    assert {row["region"] for row in rows} >= {"background", "blood pool", "myocardium"}
    shell("table", folder, "--csv", tmp_path / "counts.csv", "--columns")
    with (tmp_path / "counts.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert {row["l2.strength"] for row in table if row["kind"] == "trained"} == {"0.005", "5e-05"}
    assert {"tp", "fp", "fn", "tn", "reference_hits_25", "patient"} <= set(table[0])
    study = json.loads(shell("info", folder, "--json"))
    assert study["study"]["name"] == "small"
    assert [split["name"] for split in study["splits"]] == ["split"]
    assert "Study small" in shell("info", folder)


def test_a_study_with_folds_is_described_and_read(shell: Shell, tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    folder = toy_study(tmp_path, {(1e-3,): (1, 2, 1, 2)}, replicates=folds).folder
    splits = json.loads(shell("info", folder, "--json"))["splits"]
    assert [split["name"] for split in splits] == [
        "repeat-1-fold-1", "repeat-1-fold-2", "repeat-2-fold-1", "repeat-2-fold-2",
    ]  # fmt: skip
    out = shell("info", folder)
    assert "4 splits" in out
    assert "repeat-2-fold-1" in out
    assert shell("summary", folder).count("no image") == 4 + 1  # regions, all, and the note
    shell("report", folder)
    assert "4 of 4 runs done" in shell("status", folder)
    assert "seed 3" in shell.out or "0p001-3" in shell.out


def test_data_commands(shell: Shell, tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for patient in range(5):
            pixels = np.random.default_rng(patient).integers(0, 2, (20, 20), np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"P{patient}_1.png")
    regions = ("--region", "background=0", "--region", "myocardium=1")
    out = shell(
        "import", "png", "images", "masks", "data", "--patient", r"(P\d)_", *regions, "--crop", 16
    )
    assert "5 of 5 patients" in out
    facts = json.loads(shell("info", "data", "--json"))
    assert facts["regions"] == {"background": [0], "myocardium": [1]}
    assert (facts["slices"], facts["height_px"]) == (5, 16)
    assert "training" in shell("split", "data", "--out", "split.json")
    assert json.loads(shell("info", "split.json", "--json"))["slices"]["training"] == 3
    assert "training" in shell("info", "split.json")
    shell("score", "masks", "data", "--value", "5e-4", "--out", "matlab")
    assert "myocardium" in shell.out
    assert "±" not in shell("summary", "matlab")


def test_phantom_and_split_by_slice_warn(shell: Shell) -> None:
    assert "infarct" not in shell("phantom", "data", "--patients", 3)
    shell("split", "data", "--by", "slice", "--out", "s.json")
    assert "have slices in several parts" in shell.err


def test_settings_are_listed(shell: Shell) -> None:
    assert "l2.strength" in shell("settings")
    rows = json.loads(shell("settings", "--json"))
    assert {"path", "paper", "default", "strong", "meaning"} == set(rows[0])


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("run", "no.toml"), "there is no study file 'no.toml'"),
    (("status", "nowhere"), "'nowhere' is not a study folder"),
    (("summary", "nowhere"), "'nowhere' is not a study folder"),
    (("report", "nowhere"), "'nowhere' is not a study folder"),
    (("table", "nowhere", "--csv", "x.csv"), "'nowhere' is not a study folder"),
    (("info", "nowhere"), "'nowhere' is not a dataset"),
    (("split", "nowhere"), "'nowhere' is not a dataset"),
    (("phantom", "."), "exists already"),
    (("score", "m", "nowhere", "--value", "1", "--out", "o"), "'nowhere' is not a dataset"),
    (
        ("import", "png", "a", "b", "c", "--patient", "P", "--region", "x"),
        "a region is NAME=CODES, got 'x'",
    ),
    (
        ("import", "png", "a", "b", "c", "--patient", "(", "--region", "x=0", "--region", "y=1"),
        "is not a regular expression",
    ),
    (("run", "small.toml", "--device", "cuda"), "device 'cuda' is not there"),
    (("run", "small.toml", "--out", "file"), "'file' is no study folder"),
    (("run", "small.toml", "--worker", "--jobs", "2"), "--worker does one run at a time"),
    (("run", "small.toml", "--on", "slurm"), "--on is ray or ray:ADDRESS"),
    (("run", "small.toml", "--on", "ray", "--jobs", "2"), "--jobs is for one machine"),
    (("run", "small.toml", "--store", "s3://bucket"), "--store is for --on ray"),
    (("info", "small.toml"), "is a study file"),
    (("phantom", "file/data", "--patients", "1"), "cannot read or write"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_gives_one_clear_error(
    shell: Shell, study_file: Path, words: tuple[str, ...], message: str
) -> None:
    (study_file.parent / "file").write_text("")
    shell(*words, code=2)
    assert message in shell.err
    assert shell.err.count("Error") == 1


def test_without_ray_nothing_is_begun(
    shell: Shell, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myosweep.study.on_ray.find_spec", lambda name: None)
    shell("run", study_file, "--on", "ray", code=2)
    assert "pip install 'myosweep[ray]'" in shell.err
    assert not (study_file.parent / "results").exists()


def test_with_a_wrong_store_nothing_is_begun(shell: Shell, study_file: Path) -> None:
    pytest.importorskip("ray", reason="Ray (myosweep[ray]) is not installed")
    shell("run", study_file, "--on", "ray", "--store", "nowhere://bucket", code=2)
    assert "--store 'nowhere://bucket' cannot be used" in shell.err
    assert not (study_file.parent / "results").exists()


def test_wrong_options_exit_with_2(shell: Shell) -> None:
    shell("phantom", "data", "--patients", "0", code=2)
    shell("summary", ".", "--part", "tests", code=2)
    shell("nonsense", code=2)


def test_ctrl_c_says_how_to_continue(
    shell: Shell, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myosweep.study.execute as execute_module

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute_module, "perform_run", interrupt)
    shell("run", study_file, code=130)
    assert f"myosweep run {Path('results/small')}" in shell.err


@pytest.mark.long
def test_the_demo(shell: Shell, small_dataset: Dataset) -> None:
    out = shell("demo", "--out", "demo")
    assert "myocardium" in out
    assert Path("demo/report.html").is_file()


def test_the_settings_page_shows_what_the_command_prints() -> None:
    page = (Path(__file__).parents[1] / "docs" / "settings.md").read_text("utf-8")
    shown = page.split("$ myosweep settings\n")[1].split("```")[0]
    command = [sys.executable, "-m", "myosweep", "settings"]
    env = {**os.environ, "COLUMNS": "112"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert "\n".join(printed).strip() == shown.strip()


@pytest.mark.long
def test_names_are_words_and_nothing_else(shell: Shell, tmp_path: Path) -> None:
    """No markup of the terminal, of pages or of formulas in figures."""
    title, levels = "[bold]L2 <b>$a_$", ("[red]</script>", r"$\frac{$", "c")
    names = {"l2.strength": {"title": title, "levels": levels}}
    folder = toy_study(tmp_path, PAPER, names=names, patients=5).folder
    shown = shell("conclude", str(folder)).replace("\n", " ")
    assert all(word in shown for word in (title, *levels))
    assert shown.count("[bold]") > 8  # in the heads of tables, too
    shell("report", str(folder))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("</script>") == page.count("<script")
    assert "<b>$a_$" not in page


def test_of_a_file_that_cannot_be_replaced_the_file_is_named_not_its_draft(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def app() -> None:
        raise PermissionError(
            13, "Permission denied", "out/.measures-1f.csv", 0, "out/measures.csv"
        )

    monkeypatch.setattr("myosweep.cli.app.app", app)
    shell(code=2)
    assert "cannot read or write 'measures.csv': permission denied" in shell.err
