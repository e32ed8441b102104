"""Figure C: two swept fields: the mean score at every point of the grid."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.number_words import capital
from myosweep.report.figures.style import (
    INK,
    METRIC_WORDS,
    WIDTH_IN,
    Drawing,
    finish,
    new_figure,
    styled,
    tell,
)

# cells keep their colours on a dark page, and so must what is written in them
_DARK, _LIGHT, _UNTESTED = "#101923", "#fdfdfe", "#eceff2"
_CELLS = LinearSegmentedColormap.from_list(
    "myosweep-cells", ["#e8eef7", "#a9c3df", "#5f94c0", "#2b6496", "#173a5e"]
)
_ROW_IN, _MOST_CELL_IN = 0.52, 1.25
_LEAST_RANGE = 0.005  # means closer than this all look alike


@dataclass(frozen=True)
class HeatCell:
    """One point of the grid; ``mean`` is NaN where it was not tested."""

    row: int
    column: int
    mean: float
    good_enough: bool
    may_be_best: bool
    base: bool


@dataclass(frozen=True)
class HeatFigure:
    """What Figure C shows.

    Attributes:
        score: the score in words.
        fields: both fields in words: rows are of the first, columns of the second.
        rows, columns: their values in words.
        low, high: means at the light and at the dark end of the colours.
    """

    score: str
    fields: tuple[str, str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[HeatCell, ...]
    low: float
    high: float


def heat_figure(conclusion: Conclusion) -> HeatFigure | None:
    """The grid of means of the question; None unless two fields were swept."""
    found = conclusion.interaction
    if found is None:
        return None
    cells = tuple(
        HeatCell(
            i,
            j,
            found.means[i][j],
            found.good_enough[i][j],
            found.may_be_best[i][j],
            (row, column) == found.base,
        )
        for i, row in enumerate(found.rows)
        for j, column in enumerate(found.columns)
    )
    means = [cell.mean for cell in cells if math.isfinite(cell.mean)]
    low, high = (min(means), max(means)) if means else (0.0, 1.0)
    if high - low < _LEAST_RANGE:
        middle = (low + high) / 2
        low, high = middle - _LEAST_RANGE / 2, middle + _LEAST_RANGE / 2
    score = METRIC_WORDS[conclusion.asked.metric]
    return HeatFigure(score, found.fields, found.rows, found.columns, cells, low, high)


def draw_heat(record: HeatFigure) -> Drawing:
    """Draw Figure C: each cell with its number; marks say which sets it belongs to."""
    with styled():
        figure = new_figure(1.25 + _ROW_IN * len(record.rows))
        most = (
            0.2 + 0.16 * max(map(len, record.rows), default=0) + _MOST_CELL_IN * len(record.columns)
        )
        if most < WIDTH_IN and (engine := figure.get_layout_engine()) is not None:
            engine.set(rect=(0, 0, most / WIDTH_IN, 1))  # type: ignore[call-arg]
        axes = figure.subplots()
        draw_heat_cells(record, axes)
        _legend(figure)
        return finish(figure, "figure-c-grid", _alt(record))


def draw_heat_cells(record: HeatFigure, axes: Axes) -> None:
    """Draw the grid: darker is higher."""
    axes.grid(visible=False)
    axes.set(xlim=(-0.5, len(record.columns) - 0.5), ylim=(len(record.rows) - 0.5, -0.5))
    scale = Normalize(record.low, record.high)
    size = 8.5 if len(record.columns) <= 8 else 6.5
    for cell in record.cells:
        square = _draw_cell(cell, scale, size, axes)
        rows, columns = record.rows[cell.row], record.columns[cell.column]
        where = f"{record.fields[0]} {rows}, {record.fields[1]} {columns}"
        tell(square, f"{where}\nmean {record.score} {_cell_words(cell)}")
    axes.set_xticks(range(len(record.columns)), record.columns)
    axes.set_yticks(range(len(record.rows)), record.rows)
    axes.tick_params(labelcolor=INK)
    axes.set_xlabel(capital(record.fields[1]))
    axes.set_ylabel(capital(record.fields[0]))
    axes.set_title(f"{record.score}: mean at each combination (darker is higher)", fontsize=8.5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_cell(cell: HeatCell, scale: Normalize, size: float, axes: Axes) -> Rectangle:
    corner = cell.column - 0.5, cell.row - 0.5
    tested = math.isfinite(cell.mean)
    colour = _CELLS(float(scale(cell.mean))) if tested else to_rgb(_UNTESTED)
    square = Rectangle(corner, 1, 1, facecolor=colour, edgecolor=_LIGHT, lw=1.5)
    axes.add_patch(square)
    luminance = float(np.dot(colour[:3], (0.3, 0.59, 0.11)))
    ink = _DARK if luminance > 0.55 else _LIGHT
    place = cell.column, cell.row
    if not tested:
        axes.text(*place, "not tested", ha="center", va="center", fontsize=size - 1.5, color=_DARK)
        return square
    marks = "✓" * cell.good_enough + "▲" * cell.may_be_best
    axes.text(*place, f"{cell.mean:.3f}", ha="center", va="center", fontsize=size, color=ink)
    axes.text(
        cell.column + 0.44,
        cell.row - 0.2,
        marks,
        ha="right",
        va="center",
        fontsize=size - 1,
        color=ink,
    )
    if cell.base:
        axes.add_patch(
            Rectangle(
                (corner[0] + 0.045, corner[1] + 0.07),
                0.91,
                0.86,
                fill=False,
                edgecolor=ink,
                linestyle=(0, (4, 2)),
                lw=1.1,
            )
        )
    return square


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], marker="$✓$", ls="", color=INK, ms=6),
        Line2D([], [], marker="^", ls="", color=INK, ms=5),
        Patch(fill=False, edgecolor=INK, linestyle=(0, (3, 1.5)), lw=1),
    ]
    labels = ["shown good enough", "may be the best", "base: effects are taken from here"]
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=3,
        fontsize=7.5,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0,
    )


def _alt(record: HeatFigure) -> str:
    sentences = [
        f"Mean {record.score} for each {record.fields[0]} (rows) and {record.fields[1]} (columns)."
    ]
    for i, row in enumerate(record.rows):
        cells = [cell for cell in record.cells if cell.row == i]
        texts = [f"{record.columns[cell.column]}: {_cell_words(cell)}" for cell in cells]
        sentences.append(f"{record.fields[0]} {row}: {'; '.join(texts)}.")
    return " ".join(sentences)


def _cell_words(cell: HeatCell) -> str:
    if not math.isfinite(cell.mean):
        return "not tested"
    words = [f"{cell.mean:.3f}"]
    words += ["shown good enough"] * cell.good_enough + ["may be the best"] * cell.may_be_best
    words += ["base"] * cell.base
    return ", ".join(words)
