"""The conclusion part of the report: what it says of ordinary studies, and of degenerate ones."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.pages import section_of, well_formed
from tests.toy import DIVERGED, Toy, as_of_another_program, toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.report.conclusion.section import (
    ConclusionSection,
    conclusion_section,
    draw_conclusion,
)
from myosweep.report.conclusion.tables import interval, within_scores
from myosweep.report.conclusion.told import shift_of
from myosweep.report.page import build_page, render
from myosweep.report.tables import Table
from myosweep.results.ledger import Look
from myosweep.results.read import Results, read_results

CLEAR = {(5e-3,): (6, 7, 6), (1e-4,): (0, 1, 0), (5e-5,): (1, 0, 1)}
FIELDS = ("l2.strength", "learning_rate")


def toy_of(folder: Path, shifts: dict[Any, Any], **config: Any) -> Toy:
    return toy_study(folder, shifts, **{"patients": 15, **config})


def sectioned(folder: Path, shifts: dict[Any, Any], **config: Any) -> ConclusionSection:
    results = read_results(toy_of(folder, shifts, **config).folder)
    return conclusion_section(conclude(results), results)


def words_of(section: ConclusionSection) -> str:
    """Everything that is said in sentences."""
    said = [section.standing.term, section.standing.text, *section.sets, *section.failures]
    for part in section.questions:
        said += [part.question, part.lead, *part.sentences]
    return "\n".join([*said, section.interaction, section.second_looks_words])


def rows_of(table: Table) -> dict[str, tuple[str, ...]]:
    return {row.head: row.cells for section in table.sections for row in section.rows}


def check(results: Results, found: Conclusion) -> str:
    """The page can be written, is well formed, and says no NaN."""
    text = render(build_page(results, concluded=found))
    well_formed(text)
    words = re.sub(r"<[^>]+>", " ", section_of(text, "conclusion"))
    assert not re.search(r"\b(nan|inf|None)\b", words)
    return text


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return read_results(toy_of(tmp_path_factory.mktemp("toy"), CLEAR).folder)


@pytest.fixture(scope="module")
def found(results: Results) -> Conclusion:
    return conclude(results)


@pytest.fixture(scope="module")
def section(found: Conclusion, results: Results) -> ConclusionSection:
    return conclusion_section(found, results)


def test_four_questions_are_answered_first(section: ConclusionSection) -> None:
    assert [part.question for part in section.questions] == [
        "Which value should I take?",
        "How much does it matter?",
        "Where do the segmentations differ?",
        "What is not known, and what would it cost to decide?",
    ]
    assert all(part.lead.endswith(".") and part.sentences for part in section.questions)


def test_sentences_are_short_and_plain(section: ConclusionSection) -> None:
    for part in section.questions:
        assert len(part.lead) < 110
    assert "—" not in words_of(section)


def test_the_largest_difference_is_given_as_a_shift_too(
    found: Conclusion, section: ConclusionSection
) -> None:
    means = [one.mean for one in found.shown.values]
    largest = max(means) - min(means)
    px, mm = shift_of(found.shown, largest)
    assert px is not None
    assert px == pytest.approx(0.25 * largest / found.shown.margin)
    assert mm is None
    lead = section.questions[1].lead
    assert f"{largest:.3f}" in lead
    assert f"off by {px:.2f} pixels" in lead
    assert any("another seed" in sentence for sentence in section.questions[1].sentences)


def test_regions_are_ordered_by_their_range(section: ConclusionSection) -> None:
    where = section.questions[2]
    ranges = {}
    for panel in section.dose.panels[:3]:
        means = [one.scores.mean for one in panel.points]
        ranges[panel.title.partition(": ")[2]] = max(means) - min(means)
    most, least = max(ranges, key=ranges.__getitem__), min(ranges, key=ranges.__getitem__)
    assert where.lead == f"Most in the {most}, least in the {least}."
    assert f"{most} {ranges[most]:.3f}" in where.sentences[0]
    assert "not told apart" in where.sentences[-1]


def test_base_middle_and_apex_where_they_are_known(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, CLEAR)
    for run in toy.home.runs():
        counts = pd.read_parquet(run.counts)
        first = counts["slice"].astype(str).str.endswith("0")
        counts["level"] = pd.Categorical(first.map({True: "base", False: "apex"}))
        counts.to_parquet(run.counts)
    results = read_results(toy.folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    where = " ".join(made.questions[2].sentences)
    assert re.search(r"0\.005 minus 0\.0001: base [−+]0\.\d+ and apex [−+]0\.\d+", where)
    assert made.subgroups[0].folded
    assert "By level" in check(results, found)


def test_a_loss_beyond_the_scale_is_no_limit(found: Conclusion, results: Results) -> None:
    assert found.selection is not None
    room = 1 - found.selection.test.mean
    for most, words in ((0.99 * room, "costs at most"), (1.01 * room, "set no limit to what")):
        chosen = replace(found.selection, regret_at_most=most)
        made = conclusion_section(replace(found, selection=chosen), results)
        assert words in made.questions[0].sentences[-1]


def test_tables_hold_the_answers_numbers(found: Conclusion, section: ConclusionSection) -> None:
    values = rows_of(section.values.table)
    assert list(values) == ["0.005", "0.0001", "0.00005"]
    for label, cells in values.items():
        assert cells[0] == f"{found.shown.mean(label).mean:.3f}"
        assert cells[-2].endswith("yes") == (label in found.shown.may_be_best)
        assert cells[-1].endswith("yes") == (label in found.shown.good_enough)
    assert section.comparisons is not None
    compared = rows_of(section.comparisons.table)
    one = found.shown.comparisons[0]
    cells = compared["0.005 − 0.0001"]
    assert cells[0] == f"−{abs(one.difference):.3f}"
    assert cells[3] == f"−{abs(one.shift_px or 0):.2f} px"
    assert cells[4] == "worse, by more than the margin"


def test_every_other_verdict_is_counted_once(found: Conclusion, section: ConclusionSection) -> None:
    assert section.others is not None
    assert section.others.caption.startswith("Exploratory")
    rows = [row for part in section.others.table.sections for row in part.rows]
    assert len(rows) == len(found.others)
    for row in rows:
        named = " ".join(row.cells).replace("all", "0.00005 0.005")
        assert sorted(re.findall(r"[\d.]+", named)) == ["0.00005", "0.005"]


def test_tables_are_lettered_in_their_order(section: ConclusionSection) -> None:
    tables = [
        section.values, section.comparisons, section.interactions, section.collapsed,
        section.others, section.claims, section.patients, section.movers,
        section.fit and section.fit.table, section.second_looks, section.shares, *section.subgroups,
    ]  # fmt: skip
    letters = [table.letter for table in tables if table is not None]
    assert letters == list("ABCDEFGHIJ")[: len(letters)]


def test_claims_and_failures_are_tables(found: Conclusion, section: ConclusionSection) -> None:
    assert section.claims is not None
    assert list(rows_of(section.claims.table)) == [claim.letter for claim in found.claims]
    assert section.collapsed is not None
    assert rows_of(section.collapsed.table)["0.005"][0].startswith("0 of 3 (0")
    assert section.failures[0] == "No network collapsed."


def test_figures_are_lettered(section: ConclusionSection) -> None:
    drawn = draw_conclusion(section)
    assert [(one.letter, one.drawing.name) for one in drawn] == [
        ("A", "figure-a-dose-response"), ("B", "figure-b-differences"), ("C", "figure-overfitting"),
    ]  # fmt: skip


def test_another_question_is_exploratory(results: Results) -> None:
    found = conclude(results, region="blood pool", metric="iou")
    section = conclusion_section(found, results)
    assert section.standing.term == "Exploratory"
    assert "IoU of the blood pool" in section.standing.text
    assert section.dose.panels[1].metric == "iou"


def test_a_spent_ledger_makes_the_primary_question_exploratory(results: Results) -> None:
    looks = (Look(3, ("0.005",), 0.05),)
    section = conclusion_section(conclude(results, looks=looks), results)
    assert section.standing.term == "Exploratory"
    assert "is spent" in section.standing.text


def test_the_look_is_named(results: Results, found: Conclusion) -> None:
    first = conclusion_section(found, results).standing.text
    assert "the first look" in first
    assert "3 of at most 3 networks per value" in first
    assert found.look is not None
    later = replace(found, looks=(Look(2, ("0.005",), 0.01), found.look))
    assert "look 2" in conclusion_section(later, results).standing.text


def test_the_default_is_kept_or_left(results: Results, found: Conclusion) -> None:
    def lead(value: str | None) -> str:
        advice = replace(found.recommendation, value=value, default="0.0001")
        made = conclusion_section(replace(found, recommendation=advice), results)
        return made.questions[0].lead

    assert lead("0.0001") == "Keep the default, L2 strength 0.0001."
    assert lead("0.00005") == "Take L2 strength 0.00005."
    assert lead(None).startswith("Not known")


def test_one_network_per_value(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, {(1e-3,): (2,), (1e-4,): (0,)})
    results = read_results(toy.folder)
    found = conclude(results)
    said = words_of(conclusion_section(found, results))
    assert "that needs several networks per value" in said
    assert "these very networks only" in said
    check(results, found)


def test_one_patient(tmp_path: Path) -> None:
    results = read_results(toy_of(tmp_path, CLEAR, patients=5).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert "these very patients only" in words_of(made)
    check(results, found)


def test_one_network_and_one_patient(tmp_path: Path) -> None:
    results = read_results(toy_of(tmp_path, {(1e-3,): (2,), (1e-4,): (0,)}, patients=5).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert made.questions[3].lead == "The comparison is not decided."
    check(results, found)


def test_one_value_has_nothing_to_compare(tmp_path: Path) -> None:
    results = read_results(toy_of(tmp_path, {(1e-3,): (1, 2)}).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert made.questions[0].lead == "Not known: only one value was tested."
    assert (made.forest, made.comparisons, made.others) == (None, None, None)
    assert [one.letter for one in draw_conclusion(made)] == ["A"]
    check(results, found)


def test_masks_of_another_program_have_no_validation_part(tmp_path: Path) -> None:
    toy = toy_of(tmp_path, CLEAR)
    as_of_another_program(toy.home)
    results = read_results(toy.folder)
    found = conclude(results)
    assert found.selection is None
    said = words_of(conclusion_section(found, results))
    assert "no validation scores of all values" in said
    assert "learned from the same patients" not in said
    check(results, found)


def test_two_fields_have_a_grid_and_an_interaction(tmp_path: Path) -> None:
    shifts = {(1e-3, 1e-3): (3, 4), (1e-3, 1e-4): (1, 2), (0.0, 1e-4): (0, 1), (0.0, 1e-3): (2, 2)}
    results = read_results(toy_of(tmp_path, shifts, fields=FIELDS).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert "L2 strength depends on learning rate" in made.interaction
    assert made.interactions is not None
    assert [one.letter for one in draw_conclusion(made)] == ["A", "B", "C", "D"]
    text = check(results, found)
    assert "Do the two settings depend on each other?" in text


def test_collapsed_networks_are_named_and_left_out_for_comparison(tmp_path: Path) -> None:
    shifts = {(1e-3,): (DIVERGED, 2, 1), (1e-4,): (0, 1, 0)}
    made = sectioned(tmp_path, shifts)
    assert "1 of 3 networks collapsed with 0.001." in made.failures[0]
    assert made.failures[1].startswith("Without them")


@pytest.mark.long
def test_many_values_fold_their_comparisons_away(tmp_path: Path) -> None:
    shifts = {(number / 100,): (number % 4, (number + 1) % 3) for number in range(9)}
    results = read_results(toy_of(tmp_path, shifts, patients=10).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert made.comparisons is not None
    assert made.comparisons.folded
    assert made.others is not None
    assert re.search(r"\d+ of 36 pairs|'all'", str(made.others.table))
    assert made.patients is not None
    assert [h.text for h in made.patients.table.head[0]][1:3] == ["Lowest mean", "Highest mean"]
    check(results, found)


def test_folds_are_looked_at_cautiously(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    shifts = {(5e-3,): (3, 2, 4, 2), (1e-4,): (1, 2, 1, 1), (5e-5,): (0, 1, 0, 1)}
    results = read_results(toy_of(tmp_path, shifts, replicates=folds).folder)
    found = conclude(results)
    made = conclusion_section(found, results)
    assert made.second_looks is not None
    assert "Nadeau-Bengio interval" in [h.text for h in made.second_looks.table.head[0]]
    assert "another training run" in words_of(made)
    check(results, found)


def test_intervals_are_cut_where_scores_end() -> None:
    assert within_scores(0.6, 1.2) == (0.6, 1.0)
    assert interval(*within_scores(-0.1, 0.5)) == "0.000 to 0.500"
    assert interval(float("nan"), 1.0, note="too few") == "too few"


def test_intervals_wider_than_all_scores_are_not_spelled_out(
    results: Results, found: Conclusion
) -> None:
    wide = tuple(
        replace(one, low=-134.0, high=135.0, verdict="undecided") for one in found.shown.comparisons
    )
    made = conclusion_section(replace(found, shown=replace(found.shown, comparisons=wide)), results)
    assert "134" not in words_of(made)
    assert "wider than the whole scale" in words_of(made)
    assert made.comparisons is not None
    assert rows_of(made.comparisons.table)["0.005 − 0.0001"][1] == "wider than the scale"
    assert made.questions[3].lead == "No comparison is decided."


def test_equal_means_are_said_to_be_equal(tmp_path: Path) -> None:
    made = sectioned(tmp_path, {(1e-3,): (1, 1), (1e-4,): (1, 1)})
    assert made.questions[1].lead == "Not at all: the means are the same with every value."
    assert made.questions[2].lead == "Nowhere: the means of every region are the same."
