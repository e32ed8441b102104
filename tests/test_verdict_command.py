"""``myosweep verdict`` and ``myosweep plan`` as a user types them."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myosweep.cli import main
from tests.toy import toy_study


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    """Runs a command line; gives what it printed (on standard error if it fails), unwrapped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["myosweep", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert (stop.value.code or 0) == code, out + err
        return " ".join((err if code else out).replace("\u00a0", " ").split())

    return run


@pytest.fixture
def scores(tmp_path: Path) -> str:
    """Three values, four networks, six patients, two regions."""
    rng = np.random.default_rng(0)
    means = {"0": 0.80, "1e-4": 0.81, "0.005": 0.65}
    lines = ["l2,seed,patient,region,dice,hd_mm"]
    for value, mean in means.items():
        for seed in range(4):
            for patient in range(6):
                for region in ("myocardium", "blood pool"):
                    dice = mean + 0.02 * rng.standard_normal()
                    lines.append(
                        f"{value},{seed},P{patient},{region},{dice:.4f},{9 - 5 * dice:.3f}"
                    )
    (tmp_path / "scores.csv").write_text("\n".join(lines))
    return "scores.csv"


COLUMNS = ("--value", "l2", "--score", "dice")
ALL = (*COLUMNS, "--seed", "seed", "--patient", "patient", "--where", "region=myocardium")


def test_a_whole_table(shell: Any, scores: str) -> None:
    out = shell("verdict", scores, *ALL, "--reference", "1e-4")
    for words in (
        "Worse than 0.0001: 0.005",
        "No margin was given: 0.02 is assumed",
        "Mean dice (region = myocardium) of each value",
        "95 % together",
        "hold for new networks and new patients",
        "May be the best:",
        "Shown to be good enough:",
        "To quote",
        "l2 0.005 is worse than 0.0001: dice (region = myocardium) lower by 0.1",
    ):
        assert words in out
    assert "What is missing" not in out


def test_json_has_everything_and_no_nan(shell: Any, scores: str) -> None:
    found = json.loads(shell("verdict", scores, *ALL, "--margin", 0.05, "--json"))
    assert [one["value"] for one in found["values"]] == ["0", "0.0001", "0.005"]
    assert len(found["comparisons"]) == 3
    assert (found["margin"], found["margin_assumed"]) == (0.05, False)
    assert found["estimand"] == "networks and patients"
    assert found["where"] == {"region": "myocardium"}
    assert set(found["sentences"]) >= {"comparisons", "what it holds for", "to quote"}
    bare = json.loads(shell("verdict", _bare(), *COLUMNS, "--json"))
    assert bare["comparisons"][0]["low"] is None
    assert bare["estimand"] == "none"


def _bare() -> Path:
    path = Path("bare.csv")
    path.write_text("l2,dice\n0,0.8\n1,0.7\n")
    return path


def test_without_seeds_and_patients_it_says_what_cannot_be_concluded(shell: Any) -> None:
    out = shell("verdict", _bare(), *COLUMNS)
    assert "Nothing can be concluded from these scores" in out
    assert "Networks are not told apart" in out
    assert "Patients are not told apart" in out
    assert "not known" in out
    assert "No interval can be given" in out


def test_patients_alone(shell: Any, scores: str, tmp_path: Path) -> None:
    lines = (tmp_path / scores).read_text().splitlines()
    kept = [line for line in lines if ",seed," in line or ",0,P" in line]
    (tmp_path / "one.csv").write_text("\n".join(kept))
    options = (*COLUMNS, "--patient", "patient", "--where", "region=myocardium")
    out = shell("verdict", "one.csv", *options)
    assert "for these very networks only" in out
    assert "what another training run would show cannot be concluded" in out


def test_a_distance_of_which_less_is_better(shell: Any, scores: str) -> None:
    options = ("--value", "l2", "--score", "hd_mm", *ALL[4:], "--bigger-is-worse", "--margin", 0.1)
    out = shell("verdict", scores, *options, "--reference", 0)
    assert "l2 0.005 is worse than 0: hd_mm (region = myocardium) higher by 0." in out
    assert "Less hd_mm is better" in out


MISTAKES: list[tuple[tuple[object, ...], str]] = [
    (("verdict", "no.csv", *COLUMNS), "there is no table 'no.csv'"),
    (("verdict", "scores.csv", "--value", "l2", "--score", "Dise"), "did you mean 'dice'?"),
    (("verdict", "scores.csv", *COLUMNS), "there are several for value 0"),
    (("verdict", "scores.csv", *ALL, "--reference", "7"), "the reference is '7'"),
    (("verdict", "scores.csv", *ALL, "--margin", "-1"), "a margin is a number above 0"),
    (("verdict", "scores.csv", *ALL, "--where", "region"), "rows are chosen by COLUMN=VALUE"),
    (
        ("verdict", "scores.csv", "--value", "l2", "--score", "hd_mm", *ALL[4:]),
        "say with --margin what difference matters",
    ),
    (("plan", "--power", "2"), "a power lies between 0 and 1"),
    (("plan", "--difference", "0.01", "--margin", "0.02"), "are two goals"),
    (("plan", "--pilot", "nowhere"), "'nowhere' is not a study folder"),
    (("plan", "--design", "folds", "--networks", "7"), "a multiple of the 5 folds"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES)
def test_a_mistake_gives_one_clear_error(
    shell: Any, scores: str, words: tuple[object, ...], message: str
) -> None:
    err = shell(*words, code=2)
    assert message in err
    assert err.count("Error") == 1


def test_plan_without_anything(shell: Any) -> None:
    out = shell("plan")
    assert "to show a true difference of 0.02" in out
    assert "Chance of showing it" in out
    assert "Fewest networks for a chance of 80 %, 3 values" in out
    assert "EMIDEC study, Dice of the myocardium" in out
    found = json.loads(shell("plan", "--difference", "0.0001", "--json"))
    assert found["smallest"][0]["networks"] is None
    assert found["values"] == 3


def test_plan_from_a_pilot(shell: Any, tmp_path: Path) -> None:
    shifts = {(5e-3,): (2, 3, 3), (5e-4,): (1, 1, 2)}
    folder = toy_study(tmp_path, shifts).folder
    out = shell("plan", "--pilot", folder)
    assert "study 'toy', the mean of 1 comparison" in out
    assert "computing" in out
    assert "knows the spread between networks badly" in out
    found = json.loads(shell("plan", "--pilot", folder, "--equivalence", "--json"))
    assert found["seconds_per_run"] == pytest.approx(61.0)
    assert found["goal"]["margin"] > 0


# the pages of the documentation --------------------------------------------------------------

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"
TABLES = ("scores.csv", "published.csv")
EXAMPLES = [
    (page, command, output)
    for page in ("verdict.md", "plan.md")
    for command, output in re.findall(
        r"```console\n\$ myosweep ([^\n]*)\n(.*?)```", (HOW_TO / page).read_text("utf-8"), re.S
    )
    if "--pilot" not in command
]
assert len(EXAMPLES) == 6


@pytest.mark.parametrize(("page", "command", "output"), EXAMPLES)
def test_the_pages_show_what_is_printed(shell: Any, page: str, command: str, output: str) -> None:
    blocks = re.findall(r"```text\n(.*?)```", (HOW_TO / page).read_text("utf-8"), re.S)
    for name, text in zip(TABLES, blocks, strict=False):
        Path(name).write_text(text)
    assert shell(*shlex.split(command)) == " ".join(output.split())
