"""The forest plot: rows are the judged differences, the second axis is the same as a shift."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.toy import toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.report.figures.forest import (
    MOST_ROWS,
    VERDICT_WORDS,
    ForestFigure,
    draw_forest,
    forest_figure,
)
from myosweep.results.read import Results, read_results
from myosweep.statistics.verdicts import Verdict, judge

pytestmark = pytest.mark.painted

SHIFTS = {(5e-3,): (6, 7, 6), (1e-4,): (0, 1, 0), (5e-5,): (1, 0, 1), (0.0,): (2, 2, 3)}


def concluded(folder: Path, shifts: dict[Any, Any], **config: Any) -> tuple[Conclusion, Results]:
    results = read_results(toy_study(folder, shifts, **{"patients": 15, **config}).folder)
    return conclude(results), results


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conclusion, Results]:
    return concluded(tmp_path_factory.mktemp("toy"), SHIFTS)


def figure_of(found: Conclusion, results: Results) -> ForestFigure:
    record = forest_figure(found, results)
    assert record is not None
    return record


def check(record: ForestFigure) -> str:
    drawing = draw_forest(record)
    assert drawing.name == "figure-b-differences"
    assert drawing.png.startswith(b"\x89PNG")
    assert drawing.alt.endswith(".")
    return drawing.svg


def test_rows_are_the_judged_differences(study: tuple[Conclusion, Results]) -> None:
    found, results = study
    record = figure_of(found, results)
    assert [row.label for row in record.rows] == ["0.005", "0.00005", "0"]
    for row, one in zip(record.rows, found.shown.comparisons, strict=True):
        assert (row.difference, row.low, row.high) == (one.difference, one.low, one.high)
        assert row.verdict.startswith(VERDICT_WORDS[one.verdict])
        assert row.decided == one.decided
    assert record.rows[0].verdict == "worse, by more than the margin"
    assert (record.score, record.against) == ("Dice", "each value minus 0.0001")
    assert record.level == pytest.approx(95)


def test_the_verdict_words_know_every_verdict() -> None:
    verdicts: set[Verdict] = {
        judge(low / 10, high / 10, 0.2) for low in range(-9, 9) for high in range(low, 9)
    }
    assert verdicts | {"not known"} == set(VERDICT_WORDS)


def test_the_second_axis_says_the_same_as_a_shift(study: tuple[Conclusion, Results]) -> None:
    found, results = study
    record = figure_of(found, results)
    one = found.shown.comparisons[0]
    assert record.unit == "pixels"
    assert record.per_unit is not None
    assert one.difference / record.per_unit == pytest.approx(one.shift_px)
    assert record.margin / record.per_unit == pytest.approx(0.25)
    svg = check(record)
    assert "the same as a shift of the contour, pixels" in svg
    assert "worse, by more than the margin" in svg


def test_millimetres_where_the_spacing_is_known(study: tuple[Conclusion, Results]) -> None:
    found, results = study
    comparisons = tuple(
        replace(one, shift_mm=1.5 * (one.shift_px or 0)) for one in found.shown.comparisons
    )
    in_mm = replace(found, shown=replace(found.shown, comparisons=comparisons))
    record = figure_of(in_mm, results)
    assert record.unit == "mm"
    assert record.rows[0].shift.endswith(" mm")
    check(record)


def test_the_margin_is_seen_and_wide_intervals_get_arrows(
    study: tuple[Conclusion, Results],
) -> None:
    found, results = study
    wide = tuple(replace(one, low=-50.0, high=50.0) for one in found.shown.comparisons)
    record = figure_of(replace(found, shown=replace(found.shown, comparisons=wide)), results)
    largest = max(abs(row.difference) for row in record.rows)
    assert largest < record.limit < 50
    assert record.limit > record.margin
    check(record)


def test_without_intervals_there_are_points_only(tmp_path: Path) -> None:
    found, results = concluded(tmp_path, {(1e-3,): (1,), (1e-4,): (0,)}, patients=5)
    record = figure_of(found, results)
    assert [row.verdict for row in record.rows] == ["not known"]
    assert math.isnan(record.rows[0].low)
    assert "nan" not in draw_forest(record).alt


def test_equal_scores_have_no_second_axis(tmp_path: Path) -> None:
    found, results = concluded(tmp_path, {(1e-3,): (1, 1), (1e-4,): (1, 1)})
    record = figure_of(found, results)
    assert record.per_unit is None
    check(record)


def test_one_value_has_nothing_to_compare(tmp_path: Path) -> None:
    found, results = concluded(tmp_path, {(1e-3,): (1, 2)})
    assert forest_figure(found, results) is None


def test_all_pairs_and_the_best(tmp_path: Path) -> None:
    shifts = {(5e-3,): (2, 3), (5e-4,): (1, 1), (5e-5,): (0, 1)}
    found, results = concluded(tmp_path / "pairs", shifts)
    record = figure_of(found, results)
    first = found.shown.comparisons[0]
    assert record.rows[0].label == f"{first.value} − {first.other}"
    found, results = concluded(tmp_path / "best", shifts, question={"family": "best"})
    record = figure_of(found, results)
    assert [row.label for row in record.rows] == ["0.005", "0.0005", "0.00005"]
    assert record.against == "each value minus the best of the others"
    check(record)


@pytest.mark.long
def test_too_many_pairs_leave_out_the_smallest(tmp_path: Path) -> None:
    shifts = {(number / 100,): (number % 5, (number + 1) % 5) for number in range(10)}
    found, results = concluded(tmp_path, shifts, patients=5)
    record = figure_of(found, results)
    assert (len(record.rows), record.left_out) == (MOST_ROWS, 45 - MOST_ROWS)
    kept = min(abs(row.difference) for row in record.rows)
    every = sorted((abs(one.difference) for one in found.shown.comparisons), reverse=True)
    assert kept == every[MOST_ROWS - 1]
    check(record)
