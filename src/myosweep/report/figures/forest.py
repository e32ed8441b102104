"""Figure B: the judged differences with their intervals, the margin, and verdicts in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.points import points, swept_in_words
from myosweep.report.figures.style import (
    FACE,
    GRID,
    INK,
    METRIC_WORDS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    tell,
    value_colour,
    verdict_labels,
)
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer
from myosweep.statistics.verdicts import Verdict

MOST_ROWS = 30
"""More differences than these make no readable figure; then the largest are shown."""

VERDICT_WORDS: dict[Verdict, str] = {
    "better": "better, by more than the margin",
    "better, size uncertain": "better, size uncertain",
    "not worse": "not worse",
    "practically equivalent": "practically equivalent",
    "undecided": "undecided",
    "not better": "not better",
    "worse, size uncertain": "worse, size uncertain",
    "worse": "worse, by more than the margin",
    "not known": "not known",
}

_ROW_IN = 0.29
_WIDEST_MARGINS, _WIDEST_DIFFERENCE = 6.0, 1.8  # intervals beyond both get an arrow head


@dataclass(frozen=True)
class ForestRow:
    """One difference: ``label`` says of what, ``verdict`` stands at the right.

    Attributes:
        low, high: the simultaneous interval; NaN where there is none.
        colour: that of the value.
        decided: whether the verdict settles the question; marks of others are open.
        shift: the difference as a shift of the outline, in words; empty if not known.
    """

    label: str
    difference: float
    low: float
    high: float
    verdict: str
    colour: str
    decided: bool
    shift: str


@dataclass(frozen=True)
class ForestFigure:
    """What Figure B shows.

    Attributes:
        score: the score in words; ``against`` what values are compared with, in words.
        rows: from the top down, in the values' order.
        left_out: smaller differences that are not shown, for want of space.
        level: what the intervals hold with, together, in percent.
        limit: what the axis shows on either side of 0.
        unit, per_unit: unit of the second axis, and the difference that one unit is; None if the
            shift is not known.
    """

    field: str
    score: str
    against: str
    rows: tuple[ForestRow, ...]
    left_out: int
    margin: float
    level: float
    limit: float
    unit: str
    per_unit: float | None


def forest_figure(conclusion: Conclusion, results: Results) -> ForestFigure | None:
    """The differences of the question's family; None if there is nothing to compare."""
    shown = conclusion.shown
    colours = {point.label: value_colour(point) for point in points(results)}
    rows = [
        ForestRow(
            one.value if shown.family != "pairs" else f"{one.value} − {one.other}",
            one.difference,
            one.low,
            one.high,
            VERDICT_WORDS[one.verdict] + (", but not 0" if one.negligible_but_real else ""),
            colours.get(one.value, INK),
            one.decided,
            shift_words(one.shift_px, one.shift_mm),
        )
        for one in shown.comparisons
        if math.isfinite(one.difference)
    ]
    if not rows:
        return None
    kept = sorted(rows, key=lambda row: -abs(row.difference))[:MOST_ROWS]
    unit, per_unit = _unit(shown)
    return ForestFigure(
        swept_in_words(results.study, results.fields),
        METRIC_WORDS[conclusion.asked.metric],
        _against(shown),
        tuple(row for row in rows if row in kept),
        len(rows) - len(kept),
        shown.margin,
        100 * (1 - shown.level),
        limit_of(rows, shown.margin),
        unit,
        per_unit,
    )


def shift_words(px: float | None, mm: float | None) -> str:
    """A contour shift with its sign, in mm where that is known, else in pixels.

    >>> shift_words(-0.5, -0.75), shift_words(0.333, None), shift_words(None, None)
    ('−0.75 mm', '+0.33 px', '')
    """
    length, unit = (mm, "mm") if mm is not None else (px, "px")
    if length is None or not math.isfinite(length):
        return ""
    text = f"{abs(length):.2f}"
    sign = "" if not float(text) else "−" if length < 0 else "+"
    return f"{sign}{text} {unit}"


def draw_forest(
    record: ForestFigure, name: str = "figure-b-differences", groups: Sequence[int] = ()
) -> Drawing:
    """Draw Figure B: a row per difference, its verdict in words at the right.

    Args:
        name: of the figure's files.
        groups: rows before which a thin line stands.
    """
    with styled():
        figure = new_figure(1.35 + _ROW_IN * len(record.rows))
        if (engine := figure.get_layout_engine()) is not None:
            # letters are not as wide in every resolution and font
            engine.set(rect=(0, 0, 0.97, 1))  # type: ignore[call-arg]
        axes = figure.subplots()
        draw_forest_rows(record, axes)
        for place in groups:
            axes.axhline(place - 0.5, color=MUTED, lw=0.5, ls=(0, (1, 2)))
        _legend(record, figure)
        return finish(figure, name, _alt(record))


def draw_forest_rows(record: ForestFigure, axes: Axes) -> None:
    """Draw the differences over the margin's zone, with the second axis above."""
    count = len(record.rows)
    axes.set(ylim=(count - 0.4, -0.6), xlim=(-record.limit, record.limit))
    axes.grid(visible=False)
    axes.axvspan(
        -record.margin, record.margin, facecolor=GRID, edgecolor="none", alpha=0.65, zorder=0
    )
    axes.axvline(0, color=MUTED, lw=0.9, zorder=1)
    for place, row in enumerate(record.rows):
        _draw_row(row, place, record.limit, axes)
    axes.set_yticks(range(count), [row.label for row in record.rows])
    axes.tick_params(axis="y", labelcolor=INK, pad=8)
    axes.spines["left"].set_visible(False)
    verdict_labels(axes, [row.verdict for row in record.rows])
    axes.xaxis.set_major_formatter(lambda value, _: _signed(value))
    axes.set_xlabel(f"{record.score}: {record.against} (left of 0 is worse, right is better)")
    if record.per_unit is not None:
        _draw_second_axis(record, axes)


def _draw_second_axis(record: ForestFigure, axes: Axes) -> None:
    per_unit = record.per_unit or 1.0

    def shift(score: ArrayLike) -> ArrayLike:
        return np.asarray(score, float) / per_unit

    def score(shift: ArrayLike) -> ArrayLike:
        return np.asarray(shift, float) * per_unit

    above = axes.secondary_xaxis("top", functions=(shift, score))
    above.set_xlabel(f"the same as a shift of the contour, {record.unit}", fontsize=7.5)
    above.xaxis.set_major_formatter(lambda value, _: _signed(value))
    above.spines["top"].set(visible=True, color=MUTED, linewidth=0.6)
    above.tick_params(axis="x", length=2.5, labelsize=7.5, color=MUTED, labelcolor=MUTED)


def _draw_row(row: ForestRow, place: int, limit: float, axes: Axes) -> None:
    if math.isfinite(row.low) and math.isfinite(row.high):
        ends = max(row.low, -limit), min(row.high, limit)
        axes.hlines(place, *ends, color=INK, linewidth=1.4, zorder=2)
        for end, mark, beyond in (
            (ends[0], "<", row.low < -limit),
            (ends[1], ">", row.high > limit),
        ):
            axes.plot(
                end,
                place,
                mark if beyond else "|",
                color=INK,
                ms=5,
                mew=1.2,
                clip_on=False,
                zorder=2,
            )
    face = row.colour if row.decided else FACE
    (square,) = axes.plot(
        row.difference, place, "s", ms=6, mfc=face, mec=row.colour, mew=1.6, zorder=3
    )
    tell(square, _tip(row))


def _tip(row: ForestRow) -> str:
    """A difference in lines: of what, how large with its interval, as a shift, the verdict."""
    known = math.isfinite(row.low) and math.isfinite(row.high)
    interval = f" ({_signed3(row.low)} to {_signed3(row.high)})" if known else ""
    shift = f"a shift of the contour by {row.shift}" if row.shift else ""
    lines = [row.label, f"{_signed3(row.difference)}{interval}", shift, row.verdict]
    return "\n".join(line for line in lines if line)


def _signed3(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def limit_of(rows: Sequence[ForestRow], margin: float) -> float:
    """The axis: as far as the widest interval, but not so far that the margin cannot be seen."""
    ends = [abs(end) for row in rows for end in (row.low, row.high) if math.isfinite(end)]
    largest = max(abs(row.difference) for row in rows)
    most = max(_WIDEST_MARGINS * margin, _WIDEST_DIFFERENCE * largest)
    return 1.06 * max(min(max(ends, default=largest), most), largest, 1.3 * margin, 1e-6)


def _unit(shown: Answer) -> tuple[str, float | None]:
    for one in shown.comparisons:
        mm = one.shift_mm is not None
        shift = one.shift_mm if mm else one.shift_px
        if shift is not None and math.isfinite(shift) and shift != 0 and one.difference != 0:
            return "mm" if mm else "pixels", one.difference / shift
    return "", None


def _against(shown: Answer) -> str:
    match shown.family:
        case "reference":
            return f"each value minus {shown.reference}"
        case "best":
            return "each value minus the best of the others"
        case _:
            return "difference of two values"


def _signed(value: float) -> str:
    if abs(value) < 1e-9:
        return "0"
    return f"{'−' if value < 0 else '+'}{abs(value):g}" if abs(value) > 1e-4 else f"{value:g}"


def _legend(record: ForestFigure, figure: Figure) -> None:
    handles: list[Artist] = [
        Line2D([], [], marker="s", ls="", mfc=INK, mec=INK, ms=5.5),
        Line2D([], [], marker="s", ls="", mfc=FACE, mec=INK, mew=1.4, ms=5.5),
        Line2D([], [], color=INK, lw=1.4),
        Patch(facecolor=GRID, alpha=0.65),
    ]
    together = ", for all together" if len(record.rows) + record.left_out > 1 else ""
    labels = [
        "decided",
        "not decided",
        f"{record.level:.4g} % interval{together}",
        f"within the margin, ±{record.margin:.2g}",
    ]
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=4,
        fontsize=7.5,
        handlelength=1.3,
        columnspacing=1.4,
        borderaxespad=0,
    )


def _alt(record: ForestFigure) -> str:
    rows = "; ".join(
        f"{row.label}: {row.difference:+.3f}"
        + (f" ({row.low:+.3f} to {row.high:+.3f})" if math.isfinite(row.low) else "")
        + f", {row.verdict}"
        for row in record.rows
    )
    return (
        f"Differences in {record.score} with their intervals, {record.against}; margin "
        f"{record.margin:.3f}. {rows}."
    )
