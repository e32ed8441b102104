"""The grid of two swept fields: every cell with its number and its marks."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from tests.toy import toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.report.embed import inline_svg
from myosweep.report.figures.heat import HeatFigure, draw_heat, heat_figure
from myosweep.results.read import read_results

pytestmark = pytest.mark.painted

FIELDS = ("l2.strength", "learning_rate")
SHIFTS = {
    (1e-3, 1e-3): (3, 4), (1e-3, 1e-4): (1, 2), (0.0, 1e-4): (0, 1), (1e-4, 1e-4): (2, 2),
    (1e-4, 1e-3): (1, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Conclusion:
    folder = tmp_path_factory.mktemp("toy")
    toy = toy_study(folder, SHIFTS, fields=FIELDS, patients=15)
    return conclude(read_results(toy.folder))


@pytest.fixture(scope="module")
def record(found: Conclusion) -> HeatFigure:
    made = heat_figure(found)
    assert made is not None
    return made


def test_cells_are_the_grid_of_means(found: Conclusion, record: HeatFigure) -> None:
    assert record.fields == ("L2 strength", "learning rate")
    assert (record.rows, record.columns) == (("0", "0.0001", "0.001"), ("0.0001", "0.001"))
    means = {(record.rows[c.row], record.columns[c.column]): c.mean for c in record.cells}
    assert len(means) == 6
    assert means["0.001", "0.0001"] == found.shown.mean("0.001, 0.0001").mean
    assert math.isnan(means["0", "0.001"])
    assert (record.low, record.high) == (
        min(one.mean for one in found.shown.values),
        max(one.mean for one in found.shown.values),
    )


def test_cells_carry_the_sets_and_one_is_the_base(found: Conclusion, record: HeatFigure) -> None:
    for cell in record.cells:
        label = f"{record.rows[cell.row]}, {record.columns[cell.column]}"
        assert cell.good_enough == (label in found.shown.good_enough)
        assert cell.may_be_best == (label in found.shown.may_be_best)
    assert sum(cell.base for cell in record.cells) == 1


def test_it_can_be_drawn_and_read_on_a_dark_page(record: HeatFigure) -> None:
    drawing = draw_heat(record)
    assert drawing.name == "figure-c-grid"
    assert drawing.png.startswith(b"\x89PNG")
    assert "not tested" in drawing.alt
    assert "nan" not in drawing.alt
    svg = inline_svg(drawing)
    number = f"{record.cells[0].mean:.3f}"
    (written,) = [line for line in svg.split("<text") if f">{number}</text>" in line][:1]
    assert "var(--" not in written  # a cell keeps its colour, so its number must


def test_equal_means_are_no_contrast(found: Conclusion) -> None:
    assert found.interaction is not None
    rows, columns = len(found.interaction.rows), len(found.interaction.columns)
    flat = replace(found.interaction, means=((0.8,) * columns,) * rows)
    record = heat_figure(replace(found, interaction=flat))
    assert record is not None
    assert record.low < 0.8 < record.high
    draw_heat(record)


def test_one_field_has_no_grid(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1,), (0.0,): (0,)}, patients=5)
    assert heat_figure(conclude(read_results(toy.folder))) is None
