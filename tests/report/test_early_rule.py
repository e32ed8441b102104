"""The report's section on the early rule: its sentences, table and figure; and the command line."""

from pathlib import Path

import pytest
from tests.report.pages import Checked, cells_of, section_of
from tests.toy import Toy, toy_study
from typer.testing import CliRunner

from myosweep.analysis.conclude import conclude
from myosweep.analysis.early_rule import early_findings
from myosweep.cli.app import app
from myosweep.config import EarlyRule, write_study_config
from myosweep.files import read_json, write_json
from myosweep.report.conclusion.text import conclusion_blocks, conclusion_json
from myosweep.report.early_rule import early_section
from myosweep.report.page import build_page, render
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results

SHIFTS = {(1e-2,): (3, 3), (1e-3,): (0, 1), (1e-4,): (1, 2)}


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Epoch 3 of 30; accuracies of 0.895 and 0.896, all others above 0.9."""
    return toy_study(tmp_path, SHIFTS, epochs=10, early_rule={"threshold": 0.9})


def text_of(toy: Toy) -> str:
    return render(build_page(read_results(toy.folder)))


def test_the_section_has_sentences_a_table_and_a_figure(toy: Toy) -> None:
    found = early_findings(read_results(toy.folder))
    assert found is not None
    assert 0 < found.would_stop < 6
    text = text_of(toy)
    assert Checked(text).wrong == []
    section = section_of(text, "early-rule")
    assert "<h2>The early rule</h2>" in section
    assert '<a href="#early-rule">' in text
    assert f"Of 6 completed trainings, {found.would_stop} would have been stopped" in section
    assert len(cells_of(section, "L2 strength 0.01, seed 0")) == 1
    (row,) = cells_of(section, "L2 strength 0.01, seed 0")
    assert row[1] == "3 of 30"
    assert row[-1] == "recorded only"
    assert "Figure 4." in section
    for number in (4, 5, 6):
        assert text.count(f"<b>Table {number}.</b>") == 1


def test_without_applications_tables_keep_their_numbers(toy: Toy) -> None:
    write_study_config(toy.config.model_copy(update={"early_rule": None}), toy.home.study)
    text = text_of(toy)
    section = section_of(text, "early-rule")
    assert "This study has no early rule. Exploratory" in section
    assert "<table" not in section
    assert "<b>Table 4.</b> Every setting" in text
    assert "Table 6." not in text


def test_a_short_study_without_a_rule_says_nothing(toy: Toy) -> None:
    short = {"early_rule": None, "settings": {"epochs": 9}}
    write_study_config(toy.config.model_copy(update=short), toy.home.study)
    assert "early rule" not in text_of(toy).lower()
    assert early_section(read_results(toy.folder)) is None


def test_the_figure_shows_each_completed_training_once(toy: Toy) -> None:
    results = read_results(toy.folder)
    found, section = early_findings(results), early_section(results)
    assert found is not None
    assert section is not None
    assert section.figure is not None
    dots = [pair for _, of_point in section.figure.groups for pair in of_point]
    assert sorted(dots) == sorted((one.accuracy, one.score) for one in found.completed)
    assert section.figure.median == found.median
    alt = build_page(results).drawings[-1].alt
    assert alt.endswith(f"{found.wrongly} lie left of the first and not below the second.")


def test_the_conclusion_says_the_same(toy: Toy) -> None:
    results = read_results(toy.folder)
    found = conclude(results)
    (block,) = (one for one in conclusion_blocks(found, results) if one.title == "The early rule")
    section = early_section(results)
    assert section is not None
    assert block.sentences == section.sentences
    assert found.early_rule is not None
    assert len(block.rows) == len(found.early_rule.applied)
    assert conclusion_json(found, results)["early_rule"]["wrongly"] == found.early_rule.wrongly


def test_the_command_line_shows_every_application(toy: Toy) -> None:
    run = StudyFolder(toy.folder).run("run-0p01-1")
    write_json(run.status, read_json(run.status) | {"status": "stopped"})
    stop = EarlyRule(threshold=0.9, action="stop")
    write_study_config(toy.config.model_copy(update={"early_rule": stop}), toy.home.study)
    shell = CliRunner()
    status = shell.invoke(app, ["status", str(toy.folder)])
    assert status.exit_code == 0
    assert "5 of 6 runs done, 1 stopped by the early rule, 0 running" in status.output
    assert "Where the early rule applied" in status.output
    assert "89.47" in status.output
    summary = shell.invoke(app, ["summary", str(toy.folder)])
    assert "it stops there" in summary.output
    assert "Where the early rule applied" in summary.output
    concluded = shell.invoke(app, ["conclude", str(toy.folder)])
    assert "Stopped by the early rule." in concluded.output
