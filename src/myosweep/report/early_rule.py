"""The report's section on the early rule: its sentences, its table, its figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from myosweep.analysis.cautions import question_words
from myosweep.analysis.early_rule import EarlyFindings, early_findings
from myosweep.analysis.early_rule_words import (
    APPLICATION_COLUMNS,
    application_rows,
    early_sentences,
)
from myosweep.analysis.number_words import percent
from myosweep.analysis.points import Point, points, swept_in_words
from myosweep.report.figures.style import (
    INK,
    MOST_AS_VECTORS,
    MUTED,
    Drawing,
    finish,
    new_figure,
    styled,
    value_colour,
    value_legend,
)
from myosweep.report.tables import Heading, Row, Section, Table
from myosweep.results.read import Results

_HEIGHT_IN = 3.4


@dataclass(frozen=True)
class EarlyFigure:
    """What Figure 4 shows: each completed training's early accuracy and its score at the end."""

    field: str
    score: str
    groups: tuple[tuple[Point, tuple[tuple[float, float], ...]], ...]
    threshold: float
    median: float


@dataclass(frozen=True)
class EarlySection:
    """What the report says of the early rule; ``table`` is None where it applied to no run."""

    sentences: tuple[str, ...]
    table: Table | None
    figure: EarlyFigure | None


def early_section(results: Results) -> EarlySection | None:
    """The section; None where nothing is to be said of the rule."""
    found = early_findings(results)
    if found is None:
        return None
    score = question_words(results)
    return EarlySection(
        early_sentences(found, score), applications_table(found), _figure(results, found, score)
    )


def applications_table(found: EarlyFindings) -> Table | None:
    """Every run to which the rule applied; None if there is none."""
    if not found.applied:
        return None
    rows = [Row(head, tuple(cells)) for head, *cells in application_rows(found.applied)]
    names = [f"{name[:1].upper()}{name[1:]}" for name in APPLICATION_COLUMNS]
    return Table((tuple(map(Heading, names)),), (Section("", tuple(rows)),), words=True)


def _figure(results: Results, found: EarlyFindings, score: str) -> EarlyFigure | None:
    """None below two completed trainings with an accuracy."""
    places = {
        one.run: (one.accuracy, one.score) for one in found.completed if np.isfinite(one.accuracy)
    }
    if len(places) < 2:
        return None
    groups = tuple(
        (point, tuple(places[run] for run in point.runs if run in places))
        for point in points(results)
    )
    field = swept_in_words(results.study, results.fields)
    return EarlyFigure(field, score, groups, found.threshold, found.median)


def draw_early(record: EarlyFigure) -> Drawing:
    """Draw Figure 4: early accuracy against the final score, with threshold and median."""
    with styled():
        figure = new_figure(_HEIGHT_IN)
        axes = figure.subplots()
        handles = [_draw_points(point, pairs, axes) for point, pairs in record.groups]
        _draw_limits(record, axes)
        axes.set_xlabel("Highest validation accuracy up to the rule’s epoch")
        axes.set_ylabel(f"Validation {record.score} at the end")
        labels = [point.label for point, _ in record.groups]
        value_legend(figure, record.field, labels, handles)
        return finish(figure, "figure-4-early-rule", _alt(record))


def _draw_limits(record: EarlyFigure, axes: Axes) -> None:
    axes.axvline(record.threshold, color=INK, lw=0.8, ls="--")
    axes.axhline(record.median, color=MUTED, lw=0.8, ls=":")
    axes.margins(0.08)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, record.threshold - 0.02), max(high, record.threshold + 0.02))
    for text, x, y, across, up in (
        ("threshold", record.threshold, 0.02, "left", "bottom"),
        ("stopped wrongly", 0.02, 0.98, "left", "top"),
    ):
        place = axes.get_xaxis_transform() if text == "threshold" else axes.transAxes
        axes.text(x, y, f" {text}", transform=place, ha=across, va=up, color=MUTED, fontsize=7)
    axes.text(
        1, record.median, "median ", transform=axes.get_yaxis_transform(), ha="right",
        va="bottom", color=MUTED, fontsize=7,
    )  # fmt: skip


def _draw_points(point: Point, pairs: Sequence[tuple[float, float]], axes: Axes) -> Artist:
    """One value's dots; many of them as an image."""
    dots = axes.scatter(
        [accuracy for accuracy, _ in pairs],
        [score for _, score in pairs],
        s=22,
        color=value_colour(point),
        alpha=0.9,
        linewidths=0,
    )
    dots.set_rasterized(len(pairs) > MOST_AS_VECTORS)
    return dots


def _alt(record: EarlyFigure) -> str:
    pairs = [pair for _, of_point in record.groups for pair in of_point]
    wrong = sum(
        accuracy <= record.threshold and score >= record.median for accuracy, score in pairs
    )
    return (
        f"Scatter plot of {len(pairs)} completed trainings, coloured by {record.field}: validation "
        f"accuracy by the early rule’s epoch against the validation {record.score} at the end. A "
        f"dashed line marks the threshold, {percent(record.threshold)}, a dotted one the median "
        f"score, {record.median:.3f}. {wrong} lie left of the first and not below the second."
    )
