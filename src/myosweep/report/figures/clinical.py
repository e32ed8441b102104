"""Agreement plots per value (Bland and Altman), and bull's-eyes of the AHA's segments."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.projections.polar import PolarAxes

from myosweep.analysis.clinical.agreement import ValueAgreement
from myosweep.analysis.clinical.findings import MeasureFinding, SegmentMeans
from myosweep.report.figures.style import (
    GRID,
    INK,
    MOST_AS_VECTORS,
    Drawing,
    finish,
    new_figure,
    styled,
)

_COLUMNS, _PANEL_IN, _EYE_IN = 3, 2.3, 2.5
_RINGS = ((0.66, 1.0, 1, 6), (0.33, 0.66, 7, 6), (0.0, 0.33, 13, 4))
"""Inner and outer radius, first segment, and number of segments of each ring."""
_DARK = 60.0
"""Above this transmurality a number is white; segments keep their grey on a dark page."""


def draw_agreement(one: MeasureFinding, colours: Mapping[str, str], name: str) -> Drawing:
    """Difference against mean for each value, in panels with common axes."""
    values = one.agreement.values
    rows = -(-len(values) // _COLUMNS)
    with styled():
        figure = new_figure(0.3 + rows * _PANEL_IN)
        grid = figure.subplots(
            rows, min(_COLUMNS, len(values)), squeeze=False, sharex=True, sharey=True
        )
        for axes in grid.flat[len(values) :]:
            axes.remove()
        for place, (axes, value) in enumerate(zip(grid.flat, values, strict=False)):
            _panel(one, place, value, colours.get(value.value, INK), axes)
        for axes in grid[:, 0]:
            axes.set_ylabel(f"Network − reference, {one.measure.short_unit}")
        for axes in grid.flat[: len(values)]:
            if len(values) - list(grid.flat).index(axes) <= grid.shape[1]:
                axes.set_xlabel(f"Mean of both, {one.measure.short_unit}")
                axes.tick_params(labelbottom=True)
        return finish(figure, name, _alt(one))


def _panel(one: MeasureFinding, place: int, value: ValueAgreement, colour: str, axes: Axes) -> None:
    measured = one.table.scores[place]
    reference = np.broadcast_to(one.reference, measured.shape)
    there = np.isfinite(measured)
    middle = (measured[there] + reference[there]) / 2
    off = measured[there] - reference[there]
    if one.measure.margin is not None:
        axes.axhspan(-one.measure.margin, one.measure.margin, color=GRID, alpha=0.6, lw=0)
    dots = axes.scatter(middle, off, 9, color=colour, alpha=0.7, linewidths=0)
    dots.set_rasterized(len(off) > MOST_AS_VECTORS)
    axes.axhline(value.bias.difference, color=INK, lw=1)
    for limit in (value.lower, value.upper):
        if math.isfinite(limit):
            axes.axhline(limit, color=INK, lw=0.8, ls=(0, (4, 3)))
    axes.set_title(value.value)


def draw_bullseyes(segments: Sequence[SegmentMeans]) -> Drawing:
    """One bull's-eye for the reference and one for each value."""
    rows = -(-len(segments) // _COLUMNS)
    with styled():
        figure = new_figure(0.2 + rows * _EYE_IN)
        grid = figure.subplots(
            rows,
            min(_COLUMNS, len(segments)),
            squeeze=False,
            subplot_kw={"projection": "polar"},
        )
        for axes in grid.flat[len(segments) :]:
            axes.remove()
        for axes, one in zip(grid.flat, segments, strict=False):
            _eye(one, axes)
        return finish(figure, "figure-M3-bulls-eyes", _alt_eyes(segments))


def _eye(one: SegmentMeans, axes: PolarAxes) -> None:
    """Segments from the anterior wall on, counterclockwise, as short-axis images are shown."""
    axes.set_title(one.label)
    axes.set_axis_off()
    axes.set_ylim(0, 1)
    shades = colormaps["Greys"]
    for low, high, first, count in _RINGS:
        width = 2 * np.pi / count
        for k in range(count):
            percent = one.percent[first - 1 + k]
            known = math.isfinite(percent)
            centre = np.pi / 2 + k * width
            colour = shades(0.05 + 0.85 * percent / 100) if known else "none"
            axes.bar(centre, high - low, width, low, color=colour, edgecolor=INK, linewidth=0.6)
            ink = INK if not known else "#fefefe" if percent > _DARK else "#000000"
            text = f"{percent:.0f}" if known else "–"
            axes.text(
                centre, (low + high) / 2 + 0.03, text, color=ink, ha="center", va="center", size=6.5
            )


def _alt(one: MeasureFinding) -> str:
    told = "; ".join(
        f"{v.value}: bias {v.bias.difference:.2f}, limits {v.lower:.2f} to {v.upper:.2f}"
        for v in one.agreement.values
    )
    return f"Bland-Altman plots of {one.measure.words} in {one.measure.unit}. {told}."


def _alt_eyes(segments: Sequence[SegmentMeans]) -> str:
    told = "; ".join(
        f"{one.label}: " + ", ".join(f"{x:.0f}" for x in one.percent) for one in segments
    )
    return f"Bull's-eyes of mean transmurality in per cent, segments 1 to 16. {told}."
