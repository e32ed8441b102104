"""Which hyperparameters matter: the share of each with its interval, Optuna's figures beside."""

from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from myosweep.analysis.importance.shares import LITTLE, Importance, Share
from myosweep.analysis.number_words import percent
from myosweep.analysis.points import field_words
from myosweep.report.figures.style import (
    FACE,
    GRID,
    INK,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    verdict_labels,
)
from myosweep.report.importance_text import share_words, verdict_words

MOST_ROWS = 30
"""More fields than these make no readable figure; then those with the largest shares are shown."""

_ROW_IN = 0.34
_ALONE = "#2f88b0"
_MARKS = ("D", "^", "v", "s")


@dataclass(frozen=True)
class ImportanceRow:
    """One field, or all interactions.

    Attributes:
        label: the field in words.
        alone: share of its own effect.
        total: with its interactions.
        others: by the figure's ``methods``; None where a method cannot tell.
        verdict: in words.
    """

    label: str
    alone: Share
    total: Share
    others: tuple[float | None, ...]
    verdict: str


@dataclass(frozen=True)
class ImportanceFigure:
    """What the figure shows.

    Attributes:
        rows: from the top down, the largest share first.
        methods: Optuna's, by name.
        explained: share of the differences that settings explain at all.
        near_best: whether differences among bad trials were ignored.
        left_out: further fields, with smaller shares, that are not shown.
    """

    rows: tuple[ImportanceRow, ...]
    methods: tuple[str, ...]
    explained: float
    near_best: bool
    left_out: int


def importance_figure(found: Importance) -> ImportanceFigure | None:
    """The shares; None if nothing is ranked."""
    if not found.effects:
        return None
    methods = tuple(sorted({method for one in found.effects for method in one.others}))
    rows = [
        ImportanceRow(
            field_words(one.path),
            one.alone,
            one.total,
            tuple(one.others.get(method) for method in methods),
            verdict_words(one),
        )
        for one in found.effects
    ]
    left_out = max(len(rows) - MOST_ROWS, 0)
    return ImportanceFigure(
        tuple(rows[:MOST_ROWS]), methods, found.explained.share, found.near_best, left_out
    )


def draw_importance(record: ImportanceFigure) -> Drawing:
    """Draw the shares: a row per field, its verdict in words at the right."""
    with styled():
        figure = new_figure(1.25 + _ROW_IN * len(record.rows))
        if (engine := figure.get_layout_engine()) is not None:
            # letters are not as wide in every resolution and font
            engine.set(rect=(0, 0, 0.97, 1))  # type: ignore[call-arg]
        axes = figure.subplots()
        draw_importance_rows(record, axes)
        _legend(record, figure)
        name = "importance-near-best" if record.near_best else "importance"
        return finish(figure, name, _alt(record))


def draw_importance_rows(record: ImportanceFigure, axes: Axes) -> None:
    """Draw shares as bars, with the interval of the total and Optuna's figures as marks."""
    count = len(record.rows)
    axes.set(ylim=(count - 0.4, -0.6), xlim=(0, _limit(record)))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.axvspan(0, LITTLE, facecolor=GRID, edgecolor="none", alpha=0.65, zorder=0)
    for place, row in enumerate(record.rows):
        axes.barh(place, row.total.share, 0.5, color=_ALONE, alpha=0.35, lw=0, zorder=1)
        axes.barh(place, row.alone.share, 0.5, color=_ALONE, lw=0, zorder=1)
        axes.hlines(place, row.total.low, row.total.high, color=INK, linewidth=1.3, zorder=2)
        for end in (row.total.low, row.total.high):
            axes.plot(end, place, "|", color=INK, ms=5, mew=1.2, clip_on=False, zorder=2)
        for mark, share in zip(_MARKS, row.others, strict=False):
            if share is not None:
                axes.plot(share, place + 0.36, mark, ms=3.6, mfc=FACE, mec=MUTED, mew=0.9, zorder=3)
    axes.set_yticks(range(count), [row.label for row in record.rows])
    axes.tick_params(axis="y", labelcolor=INK, pad=8)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    what = (
        "differences among good settings" if record.near_best else "what settings do to the score"
    )
    explained = percent(round(record.explained, 2))
    axes.set_xlabel(f"share of {what}; settings explain {explained} of all differences")
    verdict_labels(axes, [row.verdict for row in record.rows])


def _limit(record: ImportanceFigure) -> float:
    """As far as the largest interval or mark reaches."""
    ends = [row.total.high for row in record.rows]
    ends += [share for row in record.rows for share in row.others if share is not None]
    return min(1.05 * max(*ends, 2 * LITTLE), 1.02)


def _legend(record: ImportanceFigure, figure: Figure) -> None:
    handles: list[Artist] = [
        Patch(facecolor=_ALONE),
        Patch(facecolor=_ALONE, alpha=0.35),
        Line2D([], [], color=INK, lw=1.3),
        Patch(facecolor=GRID, alpha=0.65),
    ]
    labels = [
        "alone",
        "with interactions",
        "95 % interval",
        f"below {percent(LITTLE)}: hardly matters",
    ]
    for mark, method in zip(_MARKS, record.methods, strict=False):
        handles.append(Line2D([], [], marker=mark, ls="", mfc=FACE, mec=MUTED, ms=4.5))
        labels.append(method)
    figure.legend(
        handles,
        labels,
        loc="outside lower left",
        ncols=3,
        fontsize=7.5,
        handlelength=1.3,
        columnspacing=1.4,
        borderaxespad=0,
    )


def _alt(record: ImportanceFigure) -> str:
    rows = "; ".join(f"{row.label}: {share_words(row.total)}, {row.verdict}" for row in record.rows)
    return f"Share of each hyperparameter with its interactions, and its 95 % interval. {rows}."
