"""Topics beside the question: in the report, in the terminal, in JSON; nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.report.test_conclusion_section import check
from tests.toy import toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.report.conclusion.section import (
    ConclusionSection,
    conclusion_section,
    draw_conclusion,
)
from myosweep.report.conclusion.text import conclusion_blocks, conclusion_json
from myosweep.results.read import Results, read_results

NOISE = ("l2.strength", "labels.noise", "labels.strength")
SIZES = {(0.125,): (6, 7, 6), (0.25,): (4, 3, 4), (0.5,): (2, 2, 3), (1.0,): (1, 1, 1)}
ROWS = {
    ("none", 0.0): {0.0: (2, 2, 2), 1e-4: (0, 0, 0), 1e-2: (5, 5, 5)},
    ("jitter", 4.0): {0.0: (8, 8, 8), 1e-4: (6, 6, 6), 1e-2: (2, 2, 2)},
}
LABELS = {(l2, *level): shifts for level, row in ROWS.items() for l2, shifts in row.items()}
SWEEP = {
    "l2.strength": [0.0, 1e-4, 1e-2],
    "labels.noise, labels.strength": [list(level) for level in ROWS],
}
BOTH = {
    (l2, share): tuple(shift + add for shift in shifts)
    for l2, add in ((0.0, 1), (1e-4, 0))
    for (share,), shifts in SIZES.items()
}


def results_of(folder: Path, shifts: dict[Any, Any], **config: Any) -> Results:
    return read_results(toy_study(folder, shifts, patients=20, **config).folder)


def section_of(results: Results) -> ConclusionSection:
    return conclusion_section(conclude(results), results)


def text_of(found: Conclusion, results: Results) -> str:
    blocks = conclusion_blocks(found, results)
    return "\n".join(" ".join((b.title, *b.sentences, *sum(b.rows, ()))) for b in blocks)


def test_data_size_in_report_text_and_json(tmp_path: Path) -> None:
    results = results_of(tmp_path, SIZES, fields=("data.fraction",))
    found = conclude(results)
    section = conclusion_section(found, results)
    assert [one.name for one in section.topics] == ["size"]
    assert [row.head for row in section.topics[0].table.table.sections[0].rows][-1] == (
        "48, if the curve goes on"
    )
    page = check(results, found)
    assert "Would more patients help?" in page
    assert "figure-learning-curve" in page
    assert "Would more patients help? Twice as many patients would bring" in text_of(found, results)
    content = conclusion_json(found, results)
    curve = json.loads(json.dumps(content, allow_nan=False))["learning_curves"]["curves"][0]
    assert [one["patients"] for one in curve["points"]] == [2, 3, 6, 12]
    assert curve["ahead"][0]["factor"] == 2


def test_label_errors_in_report_text_and_json(tmp_path: Path) -> None:
    results = results_of(tmp_path, LABELS, fields=NOISE, sweep=SWEEP)
    found = conclude(results)
    assert found.moving_best is not None
    assert [one.level for one in found.moving_best.moves] == ["jitter 4"]
    assert found.interaction is not None
    assert found.interaction.columns == ("no errors", "jitter 4")
    section = conclusion_section(found, results)
    assert [one.name for one in section.topics] == ["moving"]
    assert section.interaction == ""  # the topic says it
    assert section.interactions is None
    page = check(results, found)
    assert "Does the best L2 strength move with label errors?" in page
    assert "figure-moving-best" in page
    assert "it is 0.0001 at no errors, and 0.01 at jitter 4" in text_of(found, results)
    content = json.loads(json.dumps(conclusion_json(found, results), allow_nan=False))
    assert content["moving_best"]["levels"][1]["moved"] is True
    asked = {one["question"]: one["answer"] for one in content["topics"]}
    assert asked["Does the best L2 strength move with label errors?"].startswith("The best L2")
    assert "Overfitting or underfitting?" in asked


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study of L2 and of data size."""
    fields = ("l2.strength", "data.fraction")
    return results_of(tmp_path_factory.mktemp("both"), BOTH, fields=fields)


def test_size_and_l2_have_curves_moves_and_fit(both: Results) -> None:
    section = section_of(both)
    assert [one.name for one in section.topics] == ["size", "moving"]
    drawn = {one.topic: one for one in draw_conclusion(section)}
    assert set(drawn) == {"", "size", "moving", "fit"}
    assert "L2 strength 0.0001: 2 patients" in drawn["size"].drawing.alt
    assert "nan" not in "".join(one.drawing.alt for one in drawn.values())
    letters = [one.letter for one in draw_conclusion(section)]
    assert letters == sorted(set(letters))


@pytest.mark.long
def test_tables_are_lettered_as_they_stand_in_the_page(both: Results) -> None:
    page = check(both, conclude(both))
    letters = [part[0] for part in page.split("<b>Table ")[1:] if part[0].isalpha()]
    assert letters == sorted(letters)


@pytest.mark.parametrize(
    ("shifts", "config"),
    [
        ({(1e-3,): (1, 2), (0.0,): (0, 1)}, {}),
        ({(0.5,): (1, 2), (1.0,): (0, 1)}, {"fields": ("data.fraction",)}),
        ({(0.5,): (1,), (1.0,): (0,), (0.25,): (2,)}, {"fields": ("data.fraction",)}),
    ],
    ids=["no size", "two sizes", "one network"],
)
def test_small_and_other_studies(tmp_path: Path, shifts: Any, config: Any) -> None:
    results = results_of(tmp_path, shifts, **config)
    found = conclude(results)
    section = conclusion_section(found, results)
    assert [one.name for one in section.topics] == (["size"] if config else [])
    check(results, found)
    json.dumps(conclusion_json(found, results), allow_nan=False)


def test_a_study_of_one_value_has_no_topic(tmp_path: Path) -> None:
    section = section_of(results_of(tmp_path, {(1e-4,): (0, 1)}))
    assert section.topics == ()
    assert section.fit is None
