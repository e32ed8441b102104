"""Figure 3: how training went, one thin line per network."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from myosweep.analysis.points import Point, fields_in_words, points, swept_fields
from myosweep.report.style import (
    Drawing,
    finish,
    new_figure,
    styled,
    value_colours,
    value_legend,
)
from myosweep.results.read import Results, read_history

_HEIGHT_IN = 5.2


@dataclass(frozen=True)
class Curve:
    """One network's course: its point's position, and epochs with values."""

    point: int
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class CurvePanel:
    """One quantity over the epochs."""

    title: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False


@dataclass(frozen=True)
class CurvesFigure:
    """What Figure 3 shows."""

    field: str
    labels: tuple[str, ...]
    panels: tuple[CurvePanel, ...]


def curves_figure(results: Results) -> CurvesFigure | None:
    """Learning curves of all networks; None if none was trained here."""
    found = points(results)
    region = results.study.question.region
    panels = (
        CurvePanel("Training loss", _curves(results, found, "loss")),
        CurvePanel("Validation accuracy", _curves(results, found, "validation_accuracy")),
        CurvePanel(f"Validation IoU, {region}", _curves(results, found, f"iou_{region}")),
        CurvePanel(
            "L2 gradient / data gradient",
            _curves(results, found, "l2_gradient_norm", "data_gradient_norm"),
            logarithmic=True,
        ),
    )
    if not panels[0].curves:
        return None
    labels = tuple(point.label for point in found)
    return CurvesFigure(fields_in_words(swept_fields(results)), labels, panels)


def draw_curves(record: CurvesFigure) -> Drawing:
    """Draw Figure 3: four panels over the epochs."""
    colours = value_colours(len(record.labels))
    with styled():
        figure = new_figure(_HEIGHT_IN)
        grid = figure.subplots(2, 2, sharex=True)
        for axes, panel in zip(grid.flat, record.panels, strict=True):
            draw_curve_panel(panel, colours, axes)
        for axes in grid[-1]:
            axes.set_xlabel("Epoch")
        handles: list[object] = [Line2D([], [], color=colour, lw=1.6) for colour in colours]
        value_legend(figure, record.field, record.labels, handles)
        return finish(figure, "figure-3-learning-curves", _alt(record))


def draw_curve_panel(panel: CurvePanel, colours: tuple[str, ...], axes: Axes) -> None:
    """Draw one quantity; what is not above 0 has no place on a logarithmic axis."""
    axes.set_title(panel.title)
    for curve in panel.curves:
        values = np.array(curve.values)
        if panel.logarithmic:
            values = np.where(values > 0, values, np.nan)
        marker = "o" if len(values) == 1 else None
        axes.plot(
            curve.epochs, values, color=colours[curve.point], lw=0.9, alpha=0.9, marker=marker
        )
    if panel.logarithmic and any(value > 0 for curve in panel.curves for value in curve.values):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.01)


def _curves(
    results: Results, found: tuple[Point, ...], column: str, divisor: str | None = None
) -> tuple[Curve, ...]:
    curves = []
    for point in found:
        for run in point.runs:
            history = read_history(results.folder.run(run))
            if column not in history or history.empty:
                continue
            values = history[column].to_numpy(float)
            if divisor is not None:
                below = history[divisor].to_numpy(float)
                values = np.divide(values, below, out=np.full_like(values, np.nan), where=below > 0)
            epochs = tuple(history["epoch"].astype(int).tolist())
            curves.append(Curve(point.position, epochs, tuple(values.tolist())))
    return tuple(curves)


def _alt(record: CurvesFigure) -> str:
    return (
        "Learning curves over the epochs, one line per network, coloured by "
        f"{record.field} ({'; '.join(record.labels)}): "
        + "; ".join(panel.title.lower() for panel in record.panels)
        + "."
    )
