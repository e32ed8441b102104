"""Figure 3: how training went, one thin line per network; and where L2 went that was learned."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from myosweep.analysis.points import (
    UNSWEPT,
    Point,
    format_value,
    point_words,
    points,
    swept_in_words,
)
from myosweep.config import StudyConfig, Value, read_study_config
from myosweep.report.figures.style import (
    MOST_AS_VECTORS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    trial_colour,
    value_colour,
    value_legend,
)
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import Results, read_history
from myosweep.results.trials import read_tuning_state

_HEIGHT_IN, _LEARNED_IN = 5.2, 2.2
_MOST_TRIALS = 12
_MANY = 40
"""Curves of one value that are too many for wide lines."""
_WIDE = 300.0
"""A logarithmic axis beyond this ratio has powers of ten only."""
_Key = tuple[Value | None, ...]


@dataclass(frozen=True)
class Curve:
    """One network's course: its point, and epochs with values."""

    point: Point
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
    """What Figure 3 shows.

    Attributes:
        learned: the strengths of L2 that were learned; None if none was.
        left_out: trials of a search that are not shown.
        colours: of the points, where these are not the values' own.
    """

    field: str
    points: tuple[Point, ...]
    panels: tuple[CurvePanel, ...]
    learned: CurvePanel | None = None
    left_out: int = 0
    colours: Mapping[Point, str] | None = None

    @property
    def every_panel(self) -> tuple[CurvePanel, ...]:
        return self.panels if self.learned is None else (*self.panels, self.learned)

    def colour(self, point: Point) -> str:
        return value_colour(point) if self.colours is None else self.colours[point]


def curves_figure(results: Results) -> CurvesFigure | None:
    """Learning curves of all networks; None if none was trained here."""
    found = points(results)
    networks = results.networks.set_index("run")
    kinds = networks["l2.kind"].to_dict() if "l2.kind" in networks else {}
    histories = [
        (point, _history(results.folder.run(run), kinds.get(run)))
        for point in found
        for run in point.runs
    ]
    region = results.study.question.region
    return _figure(swept_in_words(results.study, results.fields), found, histories, region)


def live_curves(folder: StudyFolder) -> CurvesFigure | None:
    """Learning curves of all trainings that have ended an epoch, whether they go on or not.

    Of a search the default, the trials that race, and the last ones. None if no epoch has ended.

    Raises:
        StudyError: if there is no study, or a file is damaged.
    """
    study = read_study_config(folder.require().study)
    known: list[_Key] = [tuple(point.values()) for point, _ in study.points()]
    curves: dict[_Key, list[pd.DataFrame]] = {}
    for run in folder.runs():
        if not run.history.exists():
            continue
        described = run.read_settings()
        key = tuple(described.point.values()) if study.tune is None else (described.trial,)
        kind = None if described.settings is None else described.settings.l2.kind
        curves.setdefault(key, []).append(_history(run, kind))
    tuning = read_tuning_state(folder) if study.tune is not None else None
    contenders = tuning.contenders if tuning else ()
    if study.tune is not None:
        known = _shown_trials(curves, contenders)
    every = [*known, *(key for key in curves if key not in known and study.tune is None)]
    found = {
        key: Point(place, len(every), (), _label(key, study), (), ())
        for place, key in enumerate(every)
        if key in curves
    }
    histories = [(found[key], one) for key in found for one in curves[key]]
    shown = "trial" if study.tune else swept_in_words(study)
    record = _figure(shown, tuple(found.values()), histories, study.question.region)
    if record is None or study.tune is None:
        return record
    colours = {point: trial_colour(_number(key), contenders) for key, point in found.items()}
    return replace(record, left_out=len(curves) - len(found), colours=colours)


def _history(run: RunFolder, kind: str | None) -> pd.DataFrame:
    """A network's course; without an L2 gradient where weights decay beside their gradients."""
    history = read_history(run)
    unread = ["l2_gradient_norm"] if kind == "decoupled" else []
    return history.drop(columns=unread, errors="ignore")


def _shown_trials(curves: Iterable[_Key], contenders: Sequence[int]) -> list[_Key]:
    """The default, those that race, and as many of the last ones as there is room for."""
    every = sorted(curves, key=_number)
    first = [key for key in every if _number(key) in (0, *contenders)]
    others = [key for key in every if key not in first]
    room = max(_MOST_TRIALS - len(first), 0)
    return sorted([*first, *others[max(len(others) - room, 0) :]], key=_number)


def _number(key: _Key) -> int:
    """The number of a trial, which is all that a search's keys have."""
    return int(key[0] or 0)


def _label(key: _Key, study: StudyConfig) -> str:
    if study.tune is not None:
        return "default" if key[0] == 0 else str(key[0])
    said = point_words(study, dict(zip(study.fields, key, strict=True)))
    return ", ".join(value for _, value in said) or UNSWEPT


def _figure(
    field: str,
    found: tuple[Point, ...],
    histories: list[tuple[Point, pd.DataFrame]],
    region: str,
) -> CurvesFigure | None:
    ratio = _curves(histories, "l2_gradient_norm", "data_gradient_norm")
    last = CurvePanel("L2 gradient / data gradient", ratio, logarithmic=True)
    if not ratio:
        last = CurvePanel("Weight norm", _curves(histories, "weight_norm"))
    panels = (
        CurvePanel("Training loss", _curves(histories, "loss"), logarithmic=True),
        CurvePanel("Validation accuracy", _curves(histories, "validation_accuracy")),
        CurvePanel(f"Validation IoU, {region}", _curves(histories, f"iou_{region}")),
        last,
    )
    return CurvesFigure(field, found, panels, _learned(histories)) if panels[0].curves else None


def _learned(histories: list[tuple[Point, pd.DataFrame]]) -> CurvePanel | None:
    """The strengths of networks that learned them; those with one per layer are drawn first."""
    columns = [
        (point, history, [name for name in history.columns if name.startswith("l2_strength_")])
        for point, history in histories
    ]
    curves = tuple(
        curve
        for point, history, names in sorted(columns, key=lambda one: -len(one[2]))
        for name in names
        for curve in _curves([(point, history)], name)
    )
    return CurvePanel("L2 strength, as learned", curves, logarithmic=True) if curves else None


def draw_curves(record: CurvesFigure) -> Drawing:
    """Draw Figure 3: four panels over the epochs, and one below them if L2 was learned."""
    with styled():
        learned = record.learned is not None
        figure = new_figure(_HEIGHT_IN + (_LEARNED_IN if learned else 0))
        grid = figure.subplot_mosaic("AB;CD;EE" if learned else "AB;CD", sharex=True)
        for place, panel in zip(grid, record.every_panel, strict=True):
            draw_curve_panel(panel, grid[place], record.colour)
        for place in "E" if learned else "CD":
            grid[place].set_xlabel("Epoch")
        shown = _legend(record)
        handles = [Line2D([], [], color=colour, lw=1.6) for _, colour in shown]
        value_legend(figure, record.field, [label for label, _ in shown], handles)
        return finish(figure, "figure-3-learning-curves", _alt(record))


def _legend(record: CurvesFigure) -> list[tuple[str, str]]:
    """Labels and colours; the grey trials of a search have one together."""
    own = [(point.label, record.colour(point)) for point in record.points]
    if len(grey := [pair for pair in own if pair[1] == MUTED]) > 1:
        own = [*(pair for pair in own if pair not in grey), ("others", MUTED)]
    return own


def draw_curve_panel(panel: CurvePanel, axes: Axes, colour: Callable[[Point], str]) -> None:
    """Draw one quantity; what is not above 0 has no place on a logarithmic axis."""
    axes.set_title(panel.title)
    for point, group in groupby(panel.curves, lambda curve: curve.point):
        curves = list(group)
        epochs, values = _one_line(curves)
        if panel.logarithmic:
            values = np.where(values > 0, values, np.nan)
        shade = colour(point)
        marker = "o" if np.nanmax(epochs) == np.nanmin(epochs) else None
        width = 1.1 if len(curves) <= _MANY else 0.5
        (line,) = axes.plot(epochs, values, color=shade, lw=width, alpha=0.9, marker=marker, ms=3)
        line.set_zorder(1.9 if shade == MUTED else 2)
        line.set_rasterized(len(curves) > MOST_AS_VECTORS)
    above = [value for curve in panel.curves for value in curve.values if value > 0]
    if panel.logarithmic and above:
        axes.set_yscale("log")
        wide = max(above) / min(above) > _WIDE
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5), numticks=12))
        axes.yaxis.set_major_formatter(lambda value, _: format_value(float(f"{value:.3g}")))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.01)


def _one_line(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Epochs and values of several curves as one line with a gap after each."""
    epochs = [epoch for curve in curves for epoch in (*curve.epochs, np.nan)]
    values = [value for curve in curves for value in (*curve.values, np.nan)]
    return np.array(epochs), np.array(values)


def _curves(
    histories: list[tuple[Point, pd.DataFrame]], column: str, divisor: str | None = None
) -> tuple[Curve, ...]:
    """A column of each network's history, divided by another one where that is above 0."""
    curves = []
    for point, history in histories:
        if column not in history or history.empty:
            continue
        values = history[column].to_numpy(float)
        if divisor is not None:
            below = history[divisor].to_numpy(float)
            values = np.divide(values, below, out=np.full_like(values, np.nan), where=below > 0)
        epochs = tuple(history["epoch"].to_numpy(int).tolist())
        curves.append(Curve(point, epochs, tuple(values.tolist())))
    return tuple(curves)


def _alt(record: CurvesFigure) -> str:
    return (
        "Learning curves over the epochs, one line per network, coloured by "
        f"{record.field} ({'; '.join(point.label for point in record.points)}): "
        + "; ".join(panel.title for panel in record.every_panel)
        + "."
    )
