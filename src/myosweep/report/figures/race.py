"""The race as a figure: what each look showed of each contender, beside the default."""

from itertools import groupby

from myosweep.analysis.tuning.race import Race
from myosweep.report.figures.forest import (
    VERDICT_WORDS,
    ForestFigure,
    ForestRow,
    draw_forest,
    limit_of,
)
from myosweep.report.figures.style import METRIC_WORDS, Drawing, contender_colours

_LEVEL_PERCENT = 95
_MOST_LOOKS = 8
"""Of more looks the last ones are shown."""


def race_figure(race: Race, metric: str, margin: float) -> ForestFigure | None:
    """Every look's differences to the default; None before the first look.

    Args:
        metric: the metric that verdicts use.
        margin: the smallest difference that matters.
    """
    colours = contender_colours(race.contenders)
    looks = race.rounds[-_MOST_LOOKS:]
    rows = tuple(
        ForestRow(
            f"{look.networks} networks: {one.value}",
            one.difference,
            one.low,
            one.high,
            VERDICT_WORDS[one.verdict],
            colours[one.value],
            one.decided,
            "",
        )
        for look in looks
        for one in look.shown.comparisons
    )
    if not rows:
        return None
    left_out = sum(len(look.shown.comparisons) for look in race.rounds) - len(rows)
    return ForestFigure(
        field="trial",
        score=METRIC_WORDS[metric],
        against="each trial minus the default",
        rows=rows,
        left_out=left_out,
        margin=margin,
        level=float(_LEVEL_PERCENT),
        limit=limit_of(rows, margin),
        unit="",
        per_unit=None,
    )


def draw_race(record: ForestFigure) -> Drawing:
    """Draw the race: a row per look and contender, a line between looks."""
    looks = [len(list(rows)) for _, rows in groupby(record.rows, lambda row: row.label[:2])]
    starts = [sum(looks[:number]) for number in range(1, len(looks))]
    return draw_forest(record, "figure-race", starts)
