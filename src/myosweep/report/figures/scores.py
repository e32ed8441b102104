"""Figure 1: scores of every region and of all, one bar per value, one point per network."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from myosweep.analysis.compare import Spread, spread_of
from myosweep.analysis.points import Point, points, swept_in_words
from myosweep.analysis.scores import ALL, NO_IMAGE, baseline_scores, network_scores
from myosweep.report.figures.style import (
    FACE,
    INK,
    METRIC_WORDS,
    MOST_AS_VECTORS,
    Drawing,
    finish,
    new_figure,
    styled,
    tell,
    value_colour,
    value_legend,
)
from myosweep.results.read import Results

_METRICS = ("accuracy", "iou", "bf")
_OVERALL = ("global_accuracy", "mean_accuracy", "mean_iou", "mean_bf")
_GROUP_SHARE = 0.8  # of the distance between groups is bars, the rest is space
_WIDEST_BAR = 0.26
_NARROW_BARS = 8  # more bars in a group need the whole width
_PANEL_HEIGHT_IN = 2.35


@dataclass(frozen=True)
class ScoreGroup:
    """One metric in one panel: a bar per point, and the no-image predictor's score."""

    metric: str
    bars: tuple[Spread, ...]
    no_image: float | None


@dataclass(frozen=True)
class ScorePanel:
    """One region, or all."""

    title: str
    groups: tuple[ScoreGroup, ...]


@dataclass(frozen=True)
class ScoresFigure:
    """What Figure 1 shows."""

    field: str
    points: tuple[Point, ...]
    panels: tuple[ScorePanel, ...]


def scores_figure(results: Results) -> ScoresFigure:
    """Test scores of every region, and of all, by metric and value."""
    columns = ["region", "metric"]
    found = points(results)
    scores = network_scores(results)
    baselines = baseline_scores(results)
    no_image = baselines[baselines["baseline"] == NO_IMAGE].set_index(columns)["score"]
    cells = {
        (str(region), str(metric)): table.set_index("run")["score"]
        for (region, metric), table in scores.groupby(columns)
    }
    panels = [
        (f"Region {number}: {name}", name, _METRICS)
        for number, name in enumerate(results.scheme.names, start=1)
    ]
    made = tuple(
        ScorePanel(
            title,
            tuple(
                ScoreGroup(
                    metric,
                    _bars(found, cells[region, metric]),
                    float(no_image[region, metric]) if (region, metric) in no_image else None,
                )
                for metric in metrics
            ),
        )
        for title, region, metrics in [*panels, ("All regions", ALL, _OVERALL)]
    )
    return ScoresFigure(swept_in_words(results.study, results.fields), found, made)


def draw_scores(record: ScoresFigure) -> Drawing:
    """Draw Figure 1: panels in two columns, or below each other where bars are many."""
    columns = 2 if len(record.points) <= _NARROW_BARS else 1
    rows = -(-len(record.panels) // columns)
    colours = tuple(map(value_colour, record.points))
    with styled():
        figure = new_figure(0.45 + rows * _PANEL_HEIGHT_IN)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(record.panels) :]:
            axes.remove()
        for axes, panel in zip(grid.flat, record.panels, strict=False):
            draw_score_panel(panel, colours, axes)
            if len(record.points) <= _NARROW_BARS:
                _tell_bars(panel, record.points, axes)
        for axes in grid[:, 0]:
            axes.set_ylabel("Test score")
        _legend(record, colours, figure)
        return finish(figure, "figure-1-scores", _alt(record))


def draw_score_panel(panel: ScorePanel, colours: tuple[str, ...], axes: Axes) -> None:
    """Draw one panel: bars from 0, standard deviation, networks as points, baseline dashed."""
    axes.set_title(panel.title)
    for place, group in enumerate(panel.groups):
        count = len(group.bars)
        width = min(_GROUP_SHARE / count, _WIDEST_BAR)
        centres = place + (np.arange(count) - (count - 1) / 2) * width
        for centre, bar, colour in zip(centres, group.bars, colours, strict=True):
            _draw_bar(bar, float(centre), width, colour, axes)
        if group.no_image is not None and np.isfinite(group.no_image):
            reach = count * width / 2 + 0.06
            ends = place - reach, place + reach
            axes.hlines(group.no_image, *ends, colors=INK, linestyles=(0, (3, 2)), linewidth=1)
    names = [METRIC_WORDS[group.metric].replace("BF score", "BF") for group in panel.groups]
    axes.set_xticks(range(len(names)), names, size=7)
    axes.set(ylim=(0, 1.05), xlim=(-0.55, len(names) - 0.45))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.spines["left"].set_visible(False)


def _tell_bars(panel: ScorePanel, found: tuple[Point, ...], axes: Axes) -> None:
    """Let each bar say its value, score and spread; bars are in the order of their drawing."""
    bars = [(group.metric, point, bar) for group in panel.groups
            for point, bar in zip(found, group.bars, strict=True)]  # fmt: skip
    for patch, (metric, point, bar) in zip(axes.patches, bars, strict=True):
        if np.isfinite(bar.mean):
            spread = "" if bar.sd is None else f" ± {bar.sd:.3f}"
            count = int(np.isfinite(bar.scores).sum())
            networks = f"{count} network{'s' if count != 1 else ''}"
            score = f"{METRIC_WORDS[metric]} {bar.mean:.3f}{spread}"
            tell(patch, f"{point.words}\n{panel.title}\n{score}\n{networks}")


def _bars(found: tuple[Point, ...], scores: pd.Series) -> tuple[Spread, ...]:
    return tuple(
        spread_of(tuple(float(scores.get(run, np.nan)) for run in point.runs)) for point in found
    )


def _draw_bar(bar: Spread, centre: float, width: float, colour: str, axes: Axes) -> None:
    axes.bar(centre, np.nan_to_num(bar.mean), width * 0.9, color=colour)
    if bar.sd is not None:
        axes.errorbar(centre, bar.mean, bar.sd, color=INK, elinewidth=0.9, capsize=0)
    offsets = np.linspace(-0.25, 0.25, len(bar.scores)) if len(bar.scores) > 1 else np.zeros(1)
    size = 7 if width > 0.1 else 3
    marks = axes.scatter(
        centre + offsets * width,
        bar.scores,
        size,
        color=FACE,
        edgecolors=INK,
        linewidths=0.6,
        zorder=3,
    )
    marks.set_rasterized(len(bar.scores) > MOST_AS_VECTORS)


def _legend(record: ScoresFigure, colours: tuple[str, ...], figure: Figure) -> None:
    handles: list[Artist] = [Patch(color=colour) for colour in colours]
    labels = [point.label for point in record.points]
    handles.append(Line2D([], [], marker="o", ls="", mfc=FACE, mec=INK, mew=0.6, ms=3))
    labels.append("one network")
    if any(group.no_image is not None for panel in record.panels for group in panel.groups):
        handles.append(Line2D([], [], color=INK, linestyle=(0, (3, 2)), linewidth=1))
        labels.append(NO_IMAGE)
    value_legend(figure, record.field, tuple(labels), handles)


def _alt(record: ScoresFigure) -> str:
    regions = ", ".join(panel.title for panel in record.panels)
    labels = "; ".join(point.label for point in record.points)
    return (
        f"Bar charts of test scores from 0 to 1, one bar for each {record.field} "
        f"({labels}), with one point per network. Panels: {regions}. All means are in Table 1."
    )
