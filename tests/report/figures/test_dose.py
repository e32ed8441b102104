"""The dose-response figure: places on the axis, both sets, the band, and the no-image line."""

import math
from pathlib import Path
from typing import Any

import pytest
from tests.toy import DIVERGED, toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.analysis.points import Point, points
from myosweep.report.figures.dose import DoseFigure, dose_figure, draw_dose
from myosweep.report.figures.style import value_colour
from myosweep.report.figures.value_axis import value_axis
from myosweep.results.read import Results, read_results

pytestmark = pytest.mark.painted

SHIFTS = {(5e-3,): (6, 7, 6), (1e-4,): (0, 1, 0), (5e-5,): (1, 0, 1), (0.0,): (2, 2, 3)}


def made(folder: Path, shifts: dict[Any, Any], **config: Any) -> tuple[DoseFigure, Conclusion]:
    results = read_results(toy_study(folder, shifts, **{"patients": 15, **config}).folder)
    found = conclude(results)
    return dose_figure(found, results), found


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[DoseFigure, Conclusion]:
    return made(tmp_path_factory.mktemp("toy"), SHIFTS)


def swept(*values: Any, fields: int = 1) -> list[Point]:
    """Points of a sweep without networks."""
    made = []
    for k, value in enumerate(values):
        named = tuple((f"field{number}", value) for number in range(fields))
        made.append(Point(k, len(values), named, str(value), (), ()))
    return made


def test_zero_stands_left_of_an_axis_break() -> None:
    axis = value_axis(swept(0, 1e-4, 1e-2))
    assert axis.scale == "logarithmic"
    assert axis.places == pytest.approx((-6, -4, -2))
    assert axis.break_at == pytest.approx(-5)
    assert axis.words("L2 strength") == "L2 strength (logarithmic; 0 stands apart)"
    assert all(map(math.isfinite, axis.places))


def test_a_logarithmic_axis_without_zero_has_no_break() -> None:
    axis = value_axis(swept(5e-3, 5e-4, 5e-5))
    assert (axis.scale, axis.break_at) == ("logarithmic", None)
    assert axis.places[0] > axis.places[1] > axis.places[2]


@pytest.mark.parametrize(
    ("values", "fields", "scale", "places"),
    [
        ((0, 0.1, 0.2), 1, "linear", (0, 0.1, 0.2)),
        ((-10, 0, 1000), 1, "linear", (-10, 0, 1000)),
        (("adam", "sgd"), 1, "categories", (0, 1)),
        ((True, False), 1, "categories", (0, 1)),
        ((1e-4, 1e-2), 2, "categories", (0, 1)),
        ((0.5,), 1, "categories", (0,)),
        ((None, 0.5), 1, "categories", (0, 1)),
    ],
)
def test_other_sweeps(values: Any, fields: int, scale: str, places: tuple[float, ...]) -> None:
    axis = value_axis(swept(*values, fields=fields))
    assert (axis.scale, axis.places, axis.break_at) == (scale, places, None)
    low, high = axis.limits
    assert low < min(places) <= max(places) < high


def test_a_panel_per_region_and_one_for_all(paper: tuple[DoseFigure, Conclusion]) -> None:
    record, found = paper
    assert [panel.title for panel in record.panels] == [
        "Region 1: background", "Region 2: blood pool", "Region 3: myocardium", "All regions",
    ]  # fmt: skip
    assert [panel.metric for panel in record.panels] == ["dice", "dice", "dice", "mean_dice"]
    asked = record.panels[2]
    assert [one.point.label for one in asked.points] == ["0", "0.00005", "0.0001", "0.005"]
    for one in asked.points:
        label = one.point.label
        assert one.scores == found.shown.mean(label)
        assert one.may_be_best == (label in found.shown.may_be_best)
        assert one.good_enough == (label in found.shown.good_enough)
    assert not asked.points[-1].may_be_best


def test_the_band_lies_around_the_reference(paper: tuple[DoseFigure, Conclusion]) -> None:
    record, found = paper
    mean, margin = found.shown.mean("0.0001").mean, found.shown.margin
    assert record.panels[2].band == pytest.approx((mean - margin, mean + margin))
    assert record.middle == "the mean with 0.0001"


def test_everything_lies_within_the_axis(paper: tuple[DoseFigure, Conclusion]) -> None:
    for panel in paper[0].panels:
        low, high = panel.y_range
        assert panel.band is not None
        seen = [*panel.band, *(score for one in panel.points for score in one.scores.networks)]
        assert low <= min(seen)
        assert max(seen) <= high


def test_without_a_reference_the_band_lies_around_the_highest_mean(tmp_path: Path) -> None:
    record, found = made(tmp_path, {(5e-3,): (2, 3), (5e-5,): (0, 1)})
    assert found.shown.reference is None
    assert record.middle == "the highest mean"
    highest = found.shown.mean("0.00005").mean
    band = record.panels[2].band
    assert band is not None
    assert sum(band) / 2 == pytest.approx(highest)


def test_the_no_image_predictor_is_a_mean_over_patients(
    paper: tuple[DoseFigure, Conclusion], tmp_path: Path
) -> None:
    no_image = paper[0].panels[2].no_image
    assert no_image is not None
    assert 0 < no_image < 1
    record, _ = made(tmp_path, SHIFTS, baselines=False)
    assert {panel.no_image for panel in record.panels} == {None}


def check(record: DoseFigure) -> str:
    drawing = draw_dose(record)
    assert drawing.name == "figure-a-dose-response"
    assert drawing.png.startswith(b"\x89PNG")
    assert drawing.alt.endswith(".")
    assert "nan" not in drawing.alt
    return drawing.svg


def test_it_can_be_drawn_in_the_values_colours(paper: tuple[DoseFigure, Conclusion]) -> None:
    svg = check(paper[0])
    assert all(value_colour(point) in svg for point in paper[0].points)
    assert "shown good enough" in svg
    assert "may be the best" in svg


def drawn(folder: Path, shifts: dict[Any, Any], **config: Any) -> DoseFigure:
    record, _ = made(folder, shifts, **config)
    check(record)
    return record


def test_one_network_each_has_intervals_over_patients_only(tmp_path: Path) -> None:
    drawn(tmp_path, {(1e-3,): (1,), (1e-4,): (0,)})


def test_one_patient(tmp_path: Path) -> None:
    drawn(tmp_path, {(1e-3,): (1, 2), (1e-4,): (0, 1)}, patients=5)


def test_one_network_and_one_patient_have_no_interval(tmp_path: Path) -> None:
    record = drawn(tmp_path, {(1e-3,): (1,), (1e-4,): (0,)}, patients=5)
    assert math.isnan(record.panels[2].points[0].scores.low)


def test_one_value(tmp_path: Path) -> None:
    record = drawn(tmp_path, {(1e-3,): (1, 2)})
    assert record.axis.scale == "categories"


def test_a_diverged_network(tmp_path: Path) -> None:
    drawn(tmp_path, {(1e-3,): (DIVERGED, 2), (1e-4,): (0, 1)})


def test_two_fields_and_many_values_are_categories(tmp_path: Path) -> None:
    shifts = {(a, b): (1, 2) for a in (0.0, 1e-4, 1e-3) for b in (1e-4, 1e-3, 1e-2)}
    record = drawn(tmp_path, shifts, fields=("l2.strength", "learning_rate"), patients=10)
    assert record.axis.scale == "categories"
    assert record.axis.crowded


def test_points_follow_the_results(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, SHIFTS, patients=10)
    results: Results = read_results(toy.folder)
    assert dose_figure(conclude(results), results).points == points(results)
